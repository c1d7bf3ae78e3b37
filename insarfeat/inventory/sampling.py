"""Values inside polygons and a random sample of as many outside, gathered block by block.

Each pixel has a pseudo-random number of its own, made from the seed and its place. The sample is the pixels outside
with the smallest numbers. So it is the same however the raster is cut and in whatever order the blocks come, every
set of so many pixels is as likely as any other, and two samples merge into one: the smallest of both.
"""

from __future__ import annotations

import uuid
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.inventory.footprint import Footprint
from insarfeat.layers import LAYERS, fill_value
from insarfeat.lots import Lots, lots
from insarfeat.windows import Window

Array = NDArray[Any]

_STRIP_PIXELS = 1 << 22
_MERGED_AT_ONCE = 4
_NO_CEILING = 2**64


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Valid values of one layer: all inside; outside those of the smallest numbers, with these numbers.

    ``passed`` counts those outside whose numbers were above the survey's ceiling.
    """

    inside: Array
    outside: Array
    lots: Lots
    passed: int = 0

    @classmethod
    def together(cls, parts: Sequence[Samples], most: int) -> Samples:
        """All parts as one, with at most so many outside."""
        return cls(
            np.concatenate([part.inside for part in parts]),
            np.concatenate([part.outside for part in parts]),
            np.concatenate([part.lots for part in parts]),
            sum(part.passed for part in parts),
        ).limited(most)

    def limited(self, most: int) -> Samples:
        """The same with the smallest numbers only."""
        if len(self.lots) <= most:
            return self
        kept = np.argpartition(self.lots, most)[:most] if most else np.empty(0, np.intp)
        return Samples(self.inside, self.outside[kept], self.lots[kept], self.passed)

    def balanced(self) -> Samples:
        """No more outside than inside, values as sorted float64."""
        chosen = self.limited(len(self.inside))
        return Samples(
            np.sort(chosen.inside).astype(np.float64),
            np.sort(chosen.outside).astype(np.float64),
            chosen.lots,
        )

    @property
    def short(self) -> bool:
        """Whether numbers above the ceiling are wanted, too."""
        return self.passed > 0 and len(self.outside) < len(self.inside)


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What each block must know: footprint, seed, nodata of each layer besides NaN, and the ceiling of numbers."""

    footprint: Footprint
    seed: int
    nodata: tuple[Any, ...]
    ceiling: int = _NO_CEILING

    @property
    def lowered(self) -> Survey:
        """The same with a ceiling under which there are enough pixels if a quarter of those outside are valid."""
        shape = self.footprint.shape
        free = shape.height * shape.width - self.footprint.pixels
        share = 4 * self.footprint.pixels / max(free, 1)
        return replace(self, ceiling=int(share * 2**64)) if share < 1 else self

    def gather(self, window: Window, *blocks: Array) -> tuple[Samples, ...]:
        """Samples of every layer from one block."""
        covered = self.footprint.mask(window)
        drawn = lots(window, self.seed)
        most = self.footprint.pixels
        found = []
        for block, nodata in zip(blocks, self.nodata, strict=True):
            valid = np.isfinite(block)
            if nodata is not None:
                valid &= block != nodata
            outside = valid & ~covered
            free = int(np.count_nonzero(outside))
            if self.ceiling < _NO_CEILING:
                outside &= drawn < np.uint64(self.ceiling)
            passed = free - int(np.count_nonzero(outside))
            found.append(
                Samples(block[valid & covered], block[outside], drawn[outside], passed).limited(most)
            )
        return tuple(found)

    def merge(self, *states: tuple[Samples, ...]) -> tuple[Samples, ...]:
        """Samples of several blocks together."""
        most = self.footprint.pixels
        return tuple(Samples.together(parts, most) for parts in zip(*states, strict=True))


def nodata_of(layer: xr.DataArray) -> Any:
    """The value that says nodata in a layer of whole numbers; None in others, where NaN says it.

    >>> nodata_of(xr.DataArray(np.zeros((2, 2), "uint8"), dims=("y", "x"), name="landslide"))
    255
    """
    if layer.dtype.kind not in "iu":
        return None
    said = layer.encoding.get("_FillValue", layer.attrs.get("_FillValue"))
    return fill_value(layer.dtype) if said is None and layer.name in LAYERS else said


def gather(layers: Sequence[xr.DataArray], survey: Survey) -> tuple[Samples, ...]:
    """Samples of layers on one grid; lazy ones by the scheduler that the caller has chosen.

    All are read once, or twice where so much outside is nodata that the first ceiling was too low.
    """
    found = _gather(layers, survey.lowered)
    return _gather(layers, survey) if any(samples.short for samples in found) else found


def _gather(layers: Sequence[xr.DataArray], survey: Survey) -> tuple[Samples, ...]:
    if any(layer.chunks is not None for layer in layers):
        return _gather_lazily(layers, survey)
    shape = survey.footprint.shape
    rows = max(_STRIP_PIXELS // shape.width, 1)
    strips = (
        Window(top, 0, min(rows, shape.height - top), shape.width) for top in range(0, shape.height, rows)
    )
    # Values are taken strip by strip, because a layer of an open file is not in memory yet.
    states = (survey.gather(strip, *(layer[strip.slices].values for layer in layers)) for strip in strips)
    return reduce(survey.merge, states)


def _gather_lazily(layers: Sequence[xr.DataArray], survey: Survey) -> tuple[Samples, ...]:
    """One task per chunk, and a tree of merging tasks, so that only few samples wait in memory at any time."""
    import dask
    import dask.array as da
    from dask._task_spec import DataNode, Task, TaskRef
    from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

    from insarfeat.dispatch.lazy import available_cores, chunk_windows, get_on_threads

    arrays = _in_equal_chunks(layers)
    name = f"inventory-{uuid.uuid4().hex[:12]}"
    shared = f"{name}-survey"
    tasks: dict[Any, Any] = {shared: DataNode(shared, survey)}
    level: list[Any] = []
    for index, window in chunk_windows(arrays[0].chunks):
        key = (name, 0, len(level))
        blocks = (TaskRef((array.name, *index)) for array in arrays)
        tasks[key] = Task(key, _gather_block, TaskRef(shared), window, *blocks)
        level.append(key)
    height = 0
    while len(level) > 1:
        height += 1
        groups = [level[start : start + _MERGED_AT_ONCE] for start in range(0, len(level), _MERGED_AT_ONCE)]
        level = []
        for group in groups:
            key = (name, height, len(level))
            tasks[key] = Task(key, _merge_states, TaskRef(shared), *map(TaskRef, group))
            level.append(key)
    graph = HighLevelGraph.from_collections(name, MaterializedLayer(tasks), dependencies=arrays)
    tasks = dict(da.Array.__dask_optimize__(graph, level))
    chosen = dask.base.get_scheduler()  # type: ignore[no-untyped-call]
    (state,) = chosen(tasks, level) if chosen else get_on_threads(tasks, level, available_cores())
    found: tuple[Samples, ...] = state
    return found


def _in_equal_chunks(layers: Sequence[xr.DataArray]) -> tuple[Any, ...]:
    """Dask arrays of the layers, all cut along the same borders."""
    guide = next(layer for layer in layers if layer.chunks is not None)
    sizes: dict[Hashable, tuple[int, ...]] = dict(zip(guide.dims, guide.chunks or (), strict=True))
    # Coordinates that nearly agree (the grids were checked) must not be compared to the last bit.
    bare = [layer.drop_vars(list(layer.coords)) for layer in layers]
    lazy = [layer if layer.chunks is not None else layer.chunk(sizes) for layer in bare]
    return tuple(layer.data for layer in xr.unify_chunks(*lazy))


def _gather_block(survey: Survey, window: Window, *blocks: Array) -> tuple[Samples, ...]:
    return survey.gather(window, *blocks)


def _merge_states(survey: Survey, *states: tuple[Samples, ...]) -> tuple[Samples, ...]:
    return survey.merge(*states)
