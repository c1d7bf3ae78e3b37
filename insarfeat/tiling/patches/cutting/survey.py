"""What patches would hold, summed up before they are read: one pass over masks, labels and other light layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.lazy import BlockReader, references_to, value_of, without_steps
from insarfeat.dispatch.program import Program
from insarfeat.tiling.causes import CAUSES
from insarfeat.tiling.engine import Job, Scheduler, run_job
from insarfeat.tiling.patches._kernels import cells as kernels
from insarfeat.tiling.patches.cutting.on_demand import OnDemand
from insarfeat.tiling.patches.cutting.reading import Blocks
from insarfeat.tiling.stages import OnProgress, Progress
from insarfeat.windows import Halo, Shape, Window

Array = NDArray[Any]

_COHERENT = 0.3
_NEIGHBOURS = Halo(bottom=1, right=1)


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that every pixel has, to be summed over patches: what it is made of, and how.

    ``of`` gets the layers' pixels of a window and, where it needs ``neighbours``, a row and a column more.
    """

    name: str
    layers: tuple[Any, ...]
    of: Callable[..., Array]
    arguments: tuple[Any, ...] = ()
    neighbours: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """First pixels of patches of one size in a raster, in the order of their blocks."""

    tops: NDArray[np.int32]
    lefts: NDArray[np.int32]
    size: Shape
    blocks: Blocks

    def __len__(self) -> int:
        return len(self.tops)

    @property
    def numbers(self) -> Array:
        """Block of each."""
        return self.blocks.numbers(self.tops, self.lefts)


def ordered(tops: Array, lefts: Array, size: Shape, blocks: Blocks) -> tuple[Places, Array]:
    """Places by block, then row, then column, and the index that each had."""
    order = np.lexsort((lefts, tops, blocks.numbers(tops, lefts)))
    return Places(tops[order].astype(np.int32), lefts[order].astype(np.int32), size, blocks), order


def sums_of(
    quantities: Sequence[Quantity],
    places: Places,
    place: tuple[int, ...],
    *,
    scheduler: Scheduler,
    progress: OnProgress,
    title: str,
) -> dict[str, NDArray[np.float64]]:
    """Sum of each quantity over each patch; every pixel of the layers is read once."""
    layers = list({id(layer): layer for quantity in quantities for layer in quantity.layers}.values())
    found = [without_steps(*value_of(getattr(layer, "data", layer))) for layer in layers]
    foreign = tuple({array.name: array for _, behind in found for array in behind}.values())
    program = Program([value for value, _ in found])
    index = {id(layer): number for number, layer in enumerate(layers)}
    shared = _Shared(
        program,
        place,
        places.size,
        tuple(
            (one.of, tuple(index[id(layer)] for layer in one.layers), one.arguments, one.neighbours)
            for one in quantities
        ),
    )
    tiles = _Tiles(places, program.shape)
    parts: dict[int, Array] = {}

    def finished(item: Any, result: Array) -> None:
        parts[item[0]] = result
        progress(Progress(title, len(parts), len(tiles)))

    progress(Progress(title, 0, len(tiles)))
    run_job(
        Job(
            title=f"survey-{id(tiles):x}",
            function=_sum_tile,
            shared=shared,
            items=tiles,
            references=lambda item: references_to(program, _outer(item[1], program.shape), [place]),
            foreign=foreign,
        ),
        scheduler,
        finished,
    )
    sums = np.zeros((len(quantities), len(places)))
    for number in sorted(parts):  # not as they came: sums of floats depend on the order
        sums[:, tiles.under(number)] += parts[number]
    return {one.name: row for one, row in zip(quantities, sums, strict=True)}


@dataclass(frozen=True, slots=True)
class _Shared:
    program: Program
    place: tuple[int, ...]
    size: Shape
    quantities: tuple[tuple[Callable[..., Array], tuple[int, ...], tuple[Any, ...], bool], ...]


class _Tiles(OnDemand):
    """Items of the pass, made when they are asked for: number, window, first pixels of the patches that reach in."""

    def __init__(self, places: Places, shape: Shape) -> None:
        self._places = places
        self._shape = shape
        self._blocks = places.blocks
        self._of = places.numbers
        rows = -(-shape.height // self._blocks.side)
        # Tiles without a patch are not read at all.
        self._wanted = [
            number for number in range(rows * self._blocks.columns) if len(self.under_tile(number))
        ]
        super().__init__(range(len(self._wanted)), self._item)

    def _item(self, number: int) -> Any:
        tile = self._wanted[number]
        under = self.under_tile(tile)
        return (
            number,
            self._blocks.core(tile).cut_to(self._shape),
            self._places.tops[under],
            self._places.lefts[under],
        )

    def under(self, item: int) -> Array:
        """Indices of the patches that reach into the tile of an item."""
        return self.under_tile(self._wanted[item])

    def under_tile(self, tile: int) -> Array:
        """Indices of the patches that reach into a tile."""
        core = self._blocks.core(tile)
        row, column = divmod(tile, self._blocks.columns)
        up = -(-self._places.size.height // self._blocks.side)
        before = -(-self._places.size.width // self._blocks.side)
        near = [
            np.arange(*np.searchsorted(self._of, (first, first + min(column, before) + 1)))
            for first in (
                one * self._blocks.columns + max(column - before, 0)
                for one in range(max(row - up, 0), row + 1)
            )
        ]
        found = np.concatenate(near)
        tops, lefts = self._places.tops[found], self._places.lefts[found]
        reach = (tops < core.bottom) & (tops + self._places.size.height > core.top)
        reach &= (lefts < core.right) & (lefts + self._places.size.width > core.left)
        return np.asarray(found[reach])


def _outer(core: Window, shape: Shape) -> Window:
    return core.expanded(_NEIGHBOURS, within=shape)


def _sum_tile(shared: _Shared, item: tuple[int, Window, Array, Array], *chunks: Array) -> Array:
    """Sums of the quantities over the parts of patches that lie in a tile."""
    _, core, tops, lefts = item
    outer = _outer(core, shared.program.shape)
    reader = BlockReader(shared.program, outer, [shared.place], chunks)
    pixels = {index: array for _, index, array in shared.program.compute(outer, [shared.place], reader)}
    begin = np.clip(tops - core.top, 0, core.height), np.clip(lefts - core.left, 0, core.width)
    end = (
        np.clip(tops + shared.size.height - core.top, 0, core.height),
        np.clip(lefts + shared.size.width - core.left, 0, core.width),
    )
    found = np.empty((len(shared.quantities), len(tops)))
    running = np.empty((core.height + 1, core.width + 1))
    for row, (function, layers, arguments, neighbours) in zip(found, shared.quantities, strict=True):
        arrays = [
            pixels[index] if neighbours else pixels[index][: core.height, : core.width] for index in layers
        ]
        values = function(*arrays, *arguments)[: core.height, : core.width]
        kernels.running_sums(np.ascontiguousarray(values, np.float32), running)
        kernels.window_sums(running, *begin, *end, row)
    return found


# -- quantities -----------------------------------------------------------------------------------------------


def set_pixels(mask: Array) -> Array:
    """Pixels of a mask that are 1."""
    return np.asarray(mask == 1)


def known_pixels(*bands: Array) -> Array:
    """Pixels that have a value in every band."""
    found: Array = np.ones(bands[0].shape, bool)
    for band in bands:
        found &= band == band
    return found


def labelled(labels: Array, values: tuple[int, ...]) -> Array:
    """Pixels whose label is one of these."""
    wanted = np.zeros(256, bool)
    wanted[list(values)] = True
    return np.asarray(wanted[labels])


def itself(layer: Array) -> Array:
    """The values, nothing where they are nodata."""
    return np.asarray(np.nan_to_num(layer))


def in_shadow_or_layover(classes: Array) -> Array:
    """Pixels of the layer shadow_layover that are in either."""
    return np.asarray((classes >= 1) & (classes <= 3))


def of_causes(causes: Array) -> Array:
    """Pixels of the layer invalid_causes that are in shadow or layover."""
    bits = CAUSES["shadow"] | CAUSES["layover"]
    return np.asarray(((causes & bits) > 0) & (causes != 255))


def fringes(phase: Array, *coherence: Array) -> Array:
    """Phase gradient in radians per pixel, where it can be trusted."""
    found = np.zeros(phase.shape, np.float32)
    height, width = phase.shape[0] - 1, phase.shape[1] - 1
    if height < 1 or width < 1:
        return found
    here = phase[:height, :width]
    down = np.angle(np.exp(1j * (phase[1:, :width] - here)))
    across = np.angle(np.exp(1j * (phase[:height, 1:] - here)))
    found[:height, :width] = np.nan_to_num(np.hypot(down, across))
    for one in coherence:
        found *= one >= _COHERENT
    return found


def alarmed(alarms: Array, labels: Array) -> Array:
    """Pixels of which a model says slide and the labels do not."""
    said = alarms == 1 if alarms.dtype.kind in "iub" else alarms >= 0.5
    return np.asarray(said & (labels == 0))


def means(sums: Mapping[str, Array], name: str, count: Any) -> Array:
    """Sums over patches as means, 0 where there is nothing to divide by."""
    counts = np.broadcast_to(np.asarray(count, np.float64), sums[name].shape)
    return np.divide(sums[name], counts, out=np.zeros(sums[name].shape), where=counts > 0)
