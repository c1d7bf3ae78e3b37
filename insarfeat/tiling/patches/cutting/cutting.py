"""A block of patches: read once, measured cell by cell, cut, and stored. It runs in the workers."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.lazy import BlockReader
from insarfeat.georeference import Grid
from insarfeat.tiling.memory import limit_heaps
from insarfeat.tiling.patches._kernels import cells as kernels
from insarfeat.tiling.patches.cutting.choosing import INVALID
from insarfeat.tiling.patches.cutting.facts import Frame, boxes_in, columns_of, rows_of, small_copy
from insarfeat.tiling.patches.cutting.measuring import Measured
from insarfeat.tiling.patches.cutting.reading import Reader, Region
from insarfeat.tiling.patches.sampling import SmallCopies
from insarfeat.tiling.patches.scenes.objects import Objects
from insarfeat.tiling.patches.statistics import SKETCH
from insarfeat.tiling.patches.stores.base import CutPatch, Layout, Store, whole
from insarfeat.windows import Shape, Window

Array = NDArray[Any]


@dataclass(frozen=True)
class ViewFacts:
    """What a worker knows of a view."""

    reader: Reader
    identity: Mapping[str, str]  # columns that are the same for all its patches
    grid: Grid | None
    objects: Objects
    slides: NDArray[np.int64]


@dataclass(frozen=True)
class Cutter:
    """What all blocks of an extraction share; goes to each worker once.

    Attributes
    ----------
    views
        In the order of their numbers.
    layout, store, folder
        What is stored, how, and where.
    classes
        Value of each class in the first mask; empty where there are no labels.
    min_valid
        Smallest share of valid pixels.
    valid_mask
        Index of the mask whose pixels are valid where it is 1, None where only the bands tell.
    copies
        Of small slides, None for none.
    """

    views: tuple[ViewFacts, ...]
    layout: Layout
    store: Store
    folder: Path
    classes: Mapping[str, int]
    min_valid: float
    valid_mask: int | None
    copies: SmallCopies | None


@dataclass(frozen=True)
class Item:
    """A block of one view, with the places and kinds of its patches."""

    number: int
    view: int
    tops: Array
    lefts: Array
    kinds: Array

    def window(self, size: Shape) -> Window:
        """What must be read; it may reach beyond the raster."""
        top, left = int(self.tops.min()), int(self.lefts.min())
        bottom, right = int(self.tops.max()) + size.height, int(self.lefts.max()) + size.width
        return Window(top, left, bottom - top, right - left)

    def inside(self, cutter: Cutter) -> Window:
        """The part of it that lies on the raster."""
        return self.window(cutter.layout.size).cut_to(cutter.views[self.view].reader.blocks.shape)


@dataclass(frozen=True)
class Cut:
    """What is known of a block that is cut: rows of the tables, and what its values are like.

    Attributes
    ----------
    table, boxes
        Rows; those of boxes tell the place of their patch among the block's.
    left_out
        Patches with too few valid pixels.
    sketch
        For each band the bins that hold values, and how many.
    label_counts
        Pixels of each label value, 0 to 255.
    """

    table: list[dict[str, Any]]
    boxes: list[dict[str, Any]]
    left_out: dict[str, int]
    sketch: list[tuple[Array, Array]]
    label_counts: NDArray[np.int64]


def rows_path(folder: Path, number: int) -> Path:
    """Where the rows of a block wait for the others: beside the dataset, which they are no part of."""
    return folder.parent / "rows" / f"{number}.pickle"


def cut_block(cutter: Cutter, item: Item, *chunks: Array) -> None:
    """Cut a block's patches and store them."""
    limit_heaps()  # a cluster's workers are other processes
    patches, cut = cut_out(cutter, item, chunks)
    cutter.store.write(cutter.folder, item.number, patches, cutter.layout)
    path = rows_path(cutter.folder, item.number)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as temporary:
        temporary.write_bytes(pickle.dumps(cut, protocol=5))


def cut_out(cutter: Cutter, item: Item, chunks: Sequence[Array]) -> tuple[list[CutPatch], Cut]:
    """A block's patches, as views of the pixels that they share, and what is known of them."""
    view, layout = cutter.views[item.view], cutter.layout
    reader, window = view.reader, item.window(layout.size)
    shown = BlockReader(reader.program, item.inside(cutter), [reader.place], chunks)
    region = reader.read(window, shown)
    measured = Measured.of(
        region, (item.tops, item.lefts), (layout.size, layout.cell), cutter.valid_mask, bool(cutter.classes)
    )
    kept = np.flatnonzero(measured.valid >= cutter.min_valid * layout.size.pixels)
    frame = Frame(item.tops[kept], item.lefts[kept], layout.size, layout.size)
    columns = columns_of(measured.only(kept), frame, item.kinds[kept], view, cutter)
    patches = [
        CutPatch(facts, *_pixels(region, frame, number), boxes_in(frame.window(number), view, cutter))
        for number, facts in enumerate(rows_of(columns))
    ]
    if cutter.copies is not None:
        patches += [copy for patch in patches if (copy := small_copy(patch, view, cutter)) is not None]
    times = np.bincount(measured.cells[kept].ravel(), minlength=len(measured.tops))
    cut = Cut(
        [dict(patch.facts) for patch in patches],
        [dict(box) | {"place": place} for place, patch in enumerate(patches) for box in patch.boxes],
        {INVALID: len(item.tops) - len(kept)},
        _sketch(region, measured, layout.cell, times),
        (measured.labels * times[:, np.newaxis]).sum(axis=0),
    )
    return patches, cut


def _sketch(region: Region, measured: Measured, cell: Shape, times: Array) -> list[tuple[Array, Array]]:
    """How often values occur in the patches, by their upper bits."""
    counts = np.zeros((len(region.values), SKETCH), np.int64)
    used = np.flatnonzero(times)
    kernels.sketch(
        region.values.view(np.uint32),
        *(measured.tops[used], measured.lefts[used], cell.height, cell.width, times[used], counts),
    )
    found = []
    for row in counts:
        bins = np.flatnonzero(row)
        found.append((bins.astype(np.uint16), row[bins]))
    return found


def _pixels(region: Region, frame: Frame, number: int) -> tuple[Array, Array]:
    """A patch of a region: views, so that the store sees what patches share."""
    rows, columns = frame.window(number).seen_from(region.window).slices
    return region.values[:, rows, columns], region.masks[:, rows, columns]
