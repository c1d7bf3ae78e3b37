"""Patches as a Zarr array in shards, where what overlapping patches share is packed and stored once.

A patch is stored as cells: the largest squares that neither patches nor strides cut. A shard's index says where each
chunk's bytes are, and nothing in the specification forbids that two chunks have theirs in the same place: with 50 %
overlap a dataset takes a quarter of the space, and of the time to pack it. Any reader of Zarr 3 reads it.

Shards are written and read here without the zarr library: it packs every chunk anew, takes long to find a
patch (docs/patches.md), and its thread does not live on in forked data loaders.
"""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import UnreadableInput
from insarfeat.io.zarr_chunks import MISSING, checksum, shard_index
from insarfeat.io.zarr_group import consolidate
from insarfeat.layers import NODATA_BYTE
from insarfeat.tiling.patches.stores.base import CutPatch, Layout, PatchArrays, plain, whole

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]

_GROUP = "data.zarr"
_PIECES = "pieces"
_SHARD_BYTES = 1 << 27
_MOST_PATCHES = 256
_KEPT = ("row", "column", "valid_fraction")
_COUNTS = "label_"
_LISTED = ("scene", "pair", "crs")
_TOLD = frozenset({*_KEPT, *_LISTED, "transform"})


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two arrays: what its cells are, and how they are packed."""

    name: str
    layers: tuple[str, ...]
    dtype: np.dtype[Any]
    fill: Any

    def codec(self) -> Any:
        """What packs a cell, as the array's metadata says it."""
        from numcodecs import Blosc

        shuffle = Blosc.SHUFFLE if self.dtype.itemsize > 1 else Blosc.NOSHUFFLE
        return Blosc(cname="lz4", clevel=1, shuffle=shuffle)

    def cell(self, layout: Layout) -> tuple[int, int, int]:
        """Shape of a cell."""
        return len(self.layers), layout.cell.height, layout.cell.width


def _kinds(layout: Layout) -> list[_Kind]:
    found = [_Kind("bands", layout.bands, np.dtype("f4"), np.nan)]
    if layout.masks:
        found.append(_Kind("masks", layout.masks, np.dtype("u1"), NODATA_BYTE))
    return found


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a block has packed: where in its file each cell is, the cells of each patch, and the patches' facts."""

    cells: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]
    of_patch: dict[str, NDArray[np.int64]]
    facts: list[dict[str, Any]]


class ZarrShards:
    """Patches in ``data.zarr``: arrays ``bands`` (patch, band, y, x) and ``masks`` (patch, mask, y, x)."""

    name = "zarr"

    def write(self, folder: Path, block: int, patches: Iterable[CutPatch], layout: Layout) -> None:
        """Pack the cells of a block's patches, each once: patches that share pixels are views of the same ones."""
        listed = list(patches)
        pieces = folder / _PIECES
        pieces.mkdir(parents=True, exist_ok=True)
        cells: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        of_patch: dict[str, NDArray[np.int64]] = {}
        with whole(pieces / f"{block}.cells") as temporary, temporary.open("wb") as file:
            for kind in _kinds(layout):
                packed = _packed(
                    [one.values if kind.name == "bands" else one.masks for one in listed], kind, layout
                )
                lengths = []
                begin = file.tell()
                of_patch[kind.name] = next(packed)
                for encoded in packed:
                    file.write(encoded)
                    lengths.append(len(encoded))
                ends = begin + np.cumsum([0, *lengths])
                cells[kind.name] = ends[:-1].astype(np.int64), np.array(lengths, np.int64)
        facts = [
            {name: value for name, value in one.facts.items() if name in _TOLD or name.startswith(_COUNTS)}
            for one in listed
        ]
        with whole(pieces / f"{block}.index") as index:
            index.write_bytes(pickle.dumps(_Piece(cells, of_patch, facts), protocol=5))

    def settle(self, folder: Path, counts: Sequence[tuple[int, int]], layout: Layout) -> None:
        """Put the cells of all blocks into shards, in order; blocks are let go when all of theirs are in."""
        pieces_of_all, settled = folder / _PIECES, folder / f"{_PIECES}.settled"
        if (folder / _GROUP / "zarr.json").exists() and not pieces_of_all.exists():  # by an earlier try
            shutil.rmtree(settled, ignore_errors=True)
            return
        total = sum(count for _, count in counts)
        per_shard = shard_patches(layout)
        for kind in _kinds(layout):
            _create(folder / _GROUP / kind.name, kind, total, per_shard, layout)
        starts = np.cumsum([0, *(count for _, count in counts)])
        facts: list[dict[str, Any]] = []
        for shard in range(-(-total // per_shard)):
            begin, end = shard * per_shard, min((shard + 1) * per_shard, total)
            pieces = []
            for number in range(
                int(np.searchsorted(starts, begin, "right")) - 1, int(np.searchsorted(starts, end))
            ):
                (block, count), start = counts[number], int(starts[number])
                if count:
                    share = max(begin - start, 0), min(end - start, count)
                    pieces.append((_Packed(pieces_of_all, block), *share))
            for kind in _kinds(layout):
                _write_shard(folder / _GROUP / kind.name, shard, kind, pieces, layout)
            for piece, first, stop in pieces:
                facts += piece.index.facts[first:stop]
        _finish(folder / _GROUP, facts, layout)
        if pieces_of_all.exists():
            pieces_of_all.rename(settled)
            shutil.rmtree(settled)

    def places(self, counts: Sequence[tuple[int, int]], layout: Layout) -> tuple[Array, Array]:
        """Shard of each patch, and its index there."""
        return np.divmod(np.arange(sum(count for _, count in counts), dtype=np.int64), shard_patches(layout))

    def read(self, folder: Path, rows: pd.DataFrame, layout: Layout) -> PatchArrays:
        """Pixels of some patches, in their order."""
        size = layout.size
        shards, places = rows["shard"].to_numpy(), rows["place"].to_numpy()
        found = []
        for kind in _kinds(layout):
            pixels = np.empty((len(rows), len(kind.layers), size.height, size.width), kind.dtype)
            for shard in np.unique(shards):
                wanted = np.flatnonzero(shards == shard)
                _read_shard(
                    folder / _GROUP / kind.name,
                    int(shard),
                    kind,
                    layout,
                    [(int(k), int(places[k])) for k in wanted],
                    pixels,
                )
            found.append(pixels)
        if len(found) == 1:
            found.append(np.empty((len(rows), 0, size.height, size.width), np.uint8))
        return PatchArrays(*found)


def shard_patches(layout: Layout) -> int:
    """Patches to a shard: a power of two, up to 256 and to about 128 MB before packing."""
    most = min(_SHARD_BYTES // (4 * len(layout.bands) * layout.size.pixels), _MOST_PATCHES)
    return 1 << max(most, 1).bit_length() - 1


def _packed(arrays: Sequence[Array], kind: _Kind, layout: Layout) -> Iterator[Any]:
    """First the cells of each patch, as numbers; then each cell packed, in their order."""
    height, width = layout.cell.height, layout.cell.width
    down, across = layout.size.height // height, layout.size.width // width
    known: dict[tuple[int, ...], int] = {}
    cells: list[Array] = []
    numbers = np.empty((len(arrays), down * across), np.int64)
    for patch, array in enumerate(arrays):
        for cell in range(down * across):
            top, left = cell // across * height, cell % across * width
            view = array[:, top : top + height, left : left + width]
            key = (view.__array_interface__["data"][0], *view.strides)
            if key not in known:
                known[key] = len(cells)
                cells.append(view)
            numbers[patch, cell] = known[key]
    yield numbers
    codec = kind.codec()
    for view in cells:
        yield codec.encode(np.ascontiguousarray(view, kind.dtype))


class _Packed:
    """A block's cells, read from its file as they are wanted."""

    def __init__(self, folder: Path, block: int) -> None:
        try:
            self.index: _Piece = pickle.loads((folder / f"{block}.index").read_bytes())
        except Exception as error:  # what a damaged pickle ends in is not known
            raise UnreadableInput(f"the patches of block {block} are missing or damaged: {error}") from error
        self._path = folder / f"{block}.cells"

    def cells(self, name: str, wanted: Sequence[int]) -> list[bytes]:
        """The packed bytes of some cells."""
        starts, lengths = self.index.cells[name]
        with self._path.open("rb") as file:
            return [os.pread(file.fileno(), int(lengths[cell]), int(starts[cell])) for cell in wanted]


def _write_shard(
    array: Path, shard: int, kind: _Kind, pieces: Sequence[tuple[_Packed, int, int]], layout: Layout
) -> None:
    down, across = layout.size.height // layout.cell.height, layout.size.width // layout.cell.width
    index = np.full((shard_patches(layout), down * across, 2), MISSING, "<u8")
    target = _shard_path(array, shard)
    target.parent.mkdir(parents=True, exist_ok=True)
    patch = place = 0
    with whole(target) as temporary, temporary.open("wb") as file:
        for piece, first, stop in pieces:
            numbers = piece.index.of_patch[kind.name][first:stop]
            wanted, which = np.unique(numbers, return_inverse=True)
            packed = piece.cells(kind.name, wanted.tolist())
            lengths = np.array([len(one) for one in packed], np.uint64)
            starts = place + np.cumsum(lengths) - lengths
            index[patch : patch + len(numbers), :, 0] = starts[which].reshape(numbers.shape)
            index[patch : patch + len(numbers), :, 1] = lengths[which].reshape(numbers.shape)
            file.writelines(packed)
            place += int(lengths.sum())
            patch += len(numbers)
        told = index.tobytes()
        file.write(told + checksum(told))


def _read_shard(
    array: Path,
    shard: int,
    kind: _Kind,
    layout: Layout,
    wanted: Sequence[tuple[int, int]],
    pixels: Array,
) -> None:
    """Fill pixels[k] with the patch at a place, for each (k, place)."""
    path = _shard_path(array, shard)
    height, width = layout.cell.height, layout.cell.width
    down, across = layout.size.height // height, layout.size.width // width
    codec = kind.codec()
    one = np.empty(kind.cell(layout), kind.dtype)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            chunks = shard_patches(layout) * down * across
            index = shard_index(path, chunks, status.st_mtime_ns, status.st_size)
            for patch, place in wanted:
                for cell in range(down * across):
                    start, length = index[place * down * across + cell]
                    top, left = cell // across * height, cell % across * width
                    codec.decode(os.pread(file.fileno(), int(length), int(start)), out=one)
                    pixels[patch, :, top : top + height, left : left + width] = one
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        raise UnreadableInput(
            f"{path.parents[4].name} is damaged or incomplete: shard {shard}: {error}"
        ) from error


def _shard_path(array: Path, shard: int) -> Path:
    return array / "c" / str(shard) / "0" / "0" / "0"


def _create(array: Path, kind: _Kind, total: int, per_shard: int, layout: Layout) -> None:
    """The array's metadata; its shards are written by their bytes."""
    import zarr
    from zarr.codecs import BloscCodec

    if (array / "zarr.json").exists():
        return
    size, cell = layout.size, layout.cell
    shuffle: Any = "shuffle" if kind.dtype.itemsize > 1 else "noshuffle"
    zarr.create_array(
        store=array,
        shape=(total, len(kind.layers), size.height, size.width),
        chunks=(1, len(kind.layers), cell.height, cell.width),
        shards=(per_shard, len(kind.layers), size.height, size.width),
        dtype=kind.dtype,
        compressors=BloscCodec(cname="lz4", clevel=1, shuffle=shuffle, typesize=kind.dtype.itemsize),
        fill_value=kind.fill,
        dimension_names=("patch", "band" if kind.name == "bands" else "mask", "y", "x"),
        attributes={"_FillValue": kind.fill} if kind.dtype.kind == "u" else {},
    )


def _finish(group: Path, facts: Sequence[dict[str, Any]], layout: Layout) -> None:
    """Add names, places and facts of the patches."""
    import xarray as xr

    frame: dict[str, Any] = {"band": ("band", np.array(layout.bands, object))}
    if layout.masks:
        frame["mask"] = ("mask", np.array(layout.masks, object))
    counts = [name for name in (facts[0] if facts else ()) if name.startswith(_COUNTS)]
    for name in (*_KEPT, *counts):
        frame[name] = ("patch", np.array([one[name] for one in facts]))
    frame["transform"] = (("patch", "affine"), np.array([one["transform"] for one in facts]).reshape(-1, 6))
    for name in _LISTED:
        texts: dict[str, int] = {}
        numbers = np.array([texts.setdefault(str(one[name]), len(texts)) for one in facts], np.int32)
        frame[name] = (
            "patch",
            numbers,
            {"texts": list(texts), "long_name": f"{name}: its index among texts"},
        )
    xr.Dataset(coords=frame, attrs={"layers": plain(layout.attributes)}).to_zarr(
        group, mode="a", zarr_format=3, consolidated=False
    )
    consolidate(group)
