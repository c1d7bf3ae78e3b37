"""Patches as WebDataset shards: tar files that trainers stream."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.io.sources import FileIdentity
from insarfeat.tiling.patches.stores.base import (
    BlockShards,
    CutPatch,
    Layout,
    PatchArrays,
    block_path,
    by_shard,
    check_patch,
    plain,
    reading,
    settle_shards,
    shard_path,
    stored_facts,
    whole,
)

if TYPE_CHECKING:
    import pandas as pd

_SUFFIX = ".tar"
_VALUES, _MASKS, _FACTS = ".npy", ".masks.npy", ".json"


class WebDatasetShards(BlockShards):
    """``shards/000000.tar``: for each patch ``<key>.npy`` (values), ``<key>.masks.npy`` and ``<key>.json``.

    The JSON holds the patch's row of the table, its boxes, and the names of bands and masks. The same patches make
    the same bytes.
    """

    name = "webdataset"

    def write(self, folder: Path, block: int, patches: Iterable[CutPatch], layout: Layout) -> None:
        """Write a block's tar file; none where the block has no patches."""
        target = block_path(folder, block, _SUFFIX)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        count = 0
        with whole(target) as temporary, tarfile.open(temporary, "w") as tar:
            for patch in patches:
                check_patch(patch, layout)
                _add(tar, patch, layout)
                count += 1
        if not count:
            target.unlink()

    def settle(self, folder: Path, counts: Sequence[tuple[int, int]], layout: Layout) -> None:
        """Number the shards."""
        settle_shards(folder, counts, _SUFFIX)

    def read(self, folder: Path, rows: pd.DataFrame, layout: Layout) -> PatchArrays:
        """Take patches out of the tar files, wherever in them they are."""
        found = PatchArrays.empty(len(rows), layout)
        names = rows["name"].tolist()
        for shard, positions in by_shard(rows):
            path = shard_path(folder, shard, _SUFFIX)
            with reading(path):
                members = _members(FileIdentity.of(path))
                with path.open("rb") as file:
                    for position in positions:
                        key = key_of(names[position])
                        found.values[position] = _array(file, members[key + _VALUES])
                        if layout.masks:
                            found.masks[position] = _array(file, members[key + _MASKS])
        return found


def key_of(name: str) -> str:
    """A patch's key in a tar file. WebDataset splits names at their first dot, so a key has none.

    >>> key_of("scene_1__r0_c0"), key_of("v1.2__r0_c0")
    ('scene_1__r0_c0', 'v1%2E2__r0_c0')
    """
    return name.replace("%", "%25").replace(".", "%2E")


def _add(tar: tarfile.TarFile, patch: CutPatch, layout: Layout) -> None:
    told = {
        **stored_facts(patch.facts),
        "bands": list(layout.bands),
        "masks": list(layout.masks),
        "boxes": plain(list(patch.boxes)),
    }
    parts = {_VALUES: _packed(patch.values), _FACTS: json.dumps(told, separators=(",", ":")).encode()}
    if layout.masks:
        parts[_MASKS] = _packed(patch.masks)
    for suffix, content in parts.items():
        entry = tarfile.TarInfo(key_of(patch.name) + suffix)  # owner and time are 0: the same bytes each time
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))


def _packed(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _array(file: io.BufferedReader, member: tuple[int, int]) -> NDArray[Any]:
    begin, size = member
    file.seek(begin)
    array: NDArray[Any] = np.lib.format.read_array(io.BytesIO(file.read(size)), allow_pickle=False)
    return array


@lru_cache(maxsize=256)
def _members(file: FileIdentity) -> dict[str, tuple[int, int]]:
    """Where each member of a tar file begins and how long it is; tar has no list of them, so it is walked once."""
    with tarfile.open(file.path) as tar:
        return {entry.name: (entry.offset_data, entry.size) for entry in tar}
