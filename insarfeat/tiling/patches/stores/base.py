"""What all formats of patches share: what is stored, who stores it, and files that are whole or not there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput
from insarfeat.windows import Shape

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.int64]

SHARDS = "shards"
IMAGES = "images"
MASKS = "masks"

_LEAST_CELL = 32  # smaller ones would take longer to find than to unpack
_WHOLE = Shape(0, 0)
_NOT_IN_FILES = frozenset({"geometry"})  # the footprint's bytes; row, column, transform and CRS say the same


@dataclass(frozen=True, slots=True)
class Layout:
    """What each patch of a dataset holds.

    Attributes
    ----------
    bands, masks
        Names, in order.
    size
        Height and width of all patches.
    attributes
        Of bands and masks, by their names: units, long_name, flag_values and so on.
    stride
        Rows and columns from one patch to the next, where they lie evenly apart; None where they lie anywhere.
    """

    bands: tuple[str, ...]
    masks: tuple[str, ...]
    size: Shape
    attributes: Mapping[str, Mapping[str, Any]]
    stride: Shape | None = None

    @property
    def cell(self) -> Shape:
        """The largest rectangles that patches are made of without any being cut by another patch.

        >>> Layout(("a",), (), Shape(256, 256), {}, stride=Shape(192, 128)).cell
        Shape(height=64, width=128)
        """
        apart = self.size if self.stride is None else self.stride
        sides = (
            (math.gcd(own, step), own)
            for own, step in ((self.size.height, apart.height), (self.size.width, apart.width))
        )
        return Shape(*(cell if cell >= _LEAST_CELL else own for cell, own in sides))


@dataclass(frozen=True, slots=True, eq=False)
class CutPatch:
    """One patch, ready to be stored.

    Attributes
    ----------
    facts
        Its row of the table, as plain Python values.
    values
        float32 (band, y, x); NaN is nodata.
    masks
        uint8 (mask, y, x); 255 is nodata.
    boxes
        Its rows of the table of boxes.
    """

    facts: Mapping[str, Any]
    values: NDArray[np.float32]
    masks: NDArray[np.uint8]
    boxes: Sequence[Mapping[str, Any]] = ()

    @property
    def name(self) -> str:
        """Its name, which no other patch of the dataset has."""
        return str(self.facts["name"])


@dataclass(frozen=True, slots=True, eq=False)
class PatchArrays:
    """Pixels of some patches.

    Attributes
    ----------
    values
        float32 (patch, band, y, x).
    masks
        uint8 (patch, mask, y, x).
    """

    values: NDArray[np.float32]
    masks: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def empty(cls, count: int, layout: Layout) -> PatchArrays:
        """Room for so many patches, not filled yet."""
        height, width = layout.size.height, layout.size.width
        return cls(
            np.empty((count, len(layout.bands), height, width), np.float32),
            np.empty((count, len(layout.masks), height, width), np.uint8),
        )


class BlockShards:
    """For formats in which every block that has patches becomes a shard."""

    def places(self, counts: Sequence[tuple[int, int]], layout: Layout) -> tuple[Numbers, Numbers]:
        """Shard of each patch, and its index there.

        >>> BlockShards().places([(0, 2), (1, 0), (2, 1)], Layout((), (), Shape(1, 1), {}))
        (array([0, 0, 1]), array([0, 1, 0]))
        """
        filled = np.array([count for _, count in counts if count], np.int64)
        shards = np.repeat(np.arange(len(filled)), filled)
        return shards, np.arange(len(shards)) - np.repeat(np.cumsum(filled) - filled, filled)


class Store(Protocol):
    """A format of patches on disk. Has no state: the same one serves all datasets, threads and processes."""

    name: str

    def write(self, folder: Path, block: int, patches: Iterable[CutPatch], layout: Layout) -> None:
        """Write the patches of a block, one by one, in place of what an interrupted try left of it.

        Runs in a worker. A file is whole or not there.
        """

    def settle(self, folder: Path, counts: Sequence[tuple[int, int]], layout: Layout) -> None:
        """Give all files the names that they keep, once all blocks are written.

        ``counts`` has (block, number of patches), in order. The blocks that have patches become the shards 0, 1, 2
        and so on, without gaps. Runs in the main process, and again from its beginning if it was interrupted.
        """

    def places(self, counts: Sequence[tuple[int, int]], layout: Layout) -> tuple[Numbers, Numbers]:
        """Shard of each patch, and its index there, from the same counts."""

    def read(self, folder: Path, rows: pd.DataFrame, layout: Layout) -> PatchArrays:
        """Pixels of the patches of these rows of the table (shard, place, name), in this order."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name to write to; it becomes the path when all is written, and goes if something fails."""
    temporary = path.with_name(f"{path.name}.new")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever a library says of a missing or damaged file becomes one clear error."""
    from tarfile import TarError

    from rasterio.errors import RasterioError

    try:
        yield
    except (OSError, EOFError, RuntimeError, ValueError, LookupError, TarError, RasterioError) as error:
        if not path.exists():
            raise MissingInput(
                f"{path.name} of the dataset is not there; extract the patches again"
            ) from error
        raise UnreadableInput(
            f"{path.name} of the dataset cannot be read: it is damaged or cut short "
            f"({type(error).__name__}: {error}); extract the patches again"
        ) from error


def block_path(folder: Path, block: int, suffix: str) -> Path:
    """The file of a block, until all are there."""
    return folder / SHARDS / f"block-{block:06d}{suffix}"


def shard_path(folder: Path, shard: int, suffix: str) -> Path:
    """The file of a shard in a finished dataset."""
    return folder / SHARDS / f"{shard:06d}{suffix}"


def settle_shards(folder: Path, counts: Sequence[tuple[int, int]], suffix: str) -> None:
    """Rename the files of blocks to those of shards, and clear away what interrupted tries left."""
    filled = [block for block, count in counts if count]
    for shard, block in enumerate(filled):
        path, target = block_path(folder, block, suffix), shard_path(folder, shard, suffix)
        if path.exists():
            path.replace(target)
        elif not target.exists():
            raise MissingInput(f"{path.name} is not there, and block {block} has patches; extract them again")
    if (folder / SHARDS).is_dir():
        for left in (folder / SHARDS).glob("block-*"):
            left.unlink()


def by_shard(rows: pd.DataFrame) -> Iterator[tuple[int, Numbers]]:
    """Shards of rows of the table, each once, with the positions of the rows that lie in it, as they are stored."""
    shards = rows["shard"].to_numpy(np.int64)
    places = rows["place"].to_numpy(np.int64)
    order = np.lexsort((places, shards))
    cuts = np.flatnonzero(np.diff(shards[order])) + 1
    for positions in np.split(order, cuts):
        if positions.size:
            yield int(shards[positions[0]]), positions


def plain(value: Any) -> Any:
    """A value as JSON has it: NumPy's numbers and arrays as Python's, NaN and infinity as None.

    >>> plain({"row": np.int32(3), "transform": np.array([1.0, np.nan])})
    {'row': 3, 'transform': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return value.hex()
    return value


def stored_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that go into a patch's file, as plain values."""
    return {str(key): plain(value) for key, value in facts.items() if key not in _NOT_IN_FILES}


def check_patch(patch: CutPatch, layout: Layout) -> None:
    """Refuse a patch that is not what the dataset holds; some formats would stretch or cut it silently."""
    size = (layout.size.height, layout.size.width)
    for what, found, wanted in (
        ("values", patch.values, (len(layout.bands), *size)),
        ("masks", patch.masks, (len(layout.masks), *size)),
    ):
        if found.shape != wanted:
            raise InvalidArgument(f"{what} of {patch.name} must have the shape {wanted}; got {found.shape}")
