"""Filling depressions in two passes over tiles, and one look at their seams.

The first pass finds in each tile the basins and the ways between them, and passes on only what basins at the rim
have to do with each other. From that the level of the water in those is found for the whole raster. With them the
second pass fills each tile. (The frame of Barnes 2016, with basins of pits in place of a flood from the rim.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import TileWork, Workshop
from insarfeat.terrain.flow._kernels import basins as _kernels
from insarfeat.terrain.flow._kernels.ground import wall_in
from insarfeat.terrain.flow.ground import FRAME, framed, inside
from insarfeat.terrain.flow.lattice import Lattice, Rim
from insarfeat.windows import TileGrid

Array = NDArray[Any]


class Ways(NamedTuple):
    """Ways between basins: from one, to the other, over which height."""

    ones: Array
    others: Array
    heights: Array


@dataclass(frozen=True, slots=True)
class _Survey:
    """What a tile tells of itself: its basins at the rim, by numbers of their own, and the ways between them."""

    ground: Rim
    basins: Rim
    ways: Ways
    count: int


@dataclass(frozen=True)
class FillStep:
    """Input: the DEM. Output: the filled one."""

    voids: str

    cell_bytes: ClassVar = 24
    rim_bytes: ClassVar = 90

    def run(self, workshop: Workshop) -> None:
        """Fill."""
        tiles = workshop.tiles
        if len(tiles) == 1:
            workshop.each_tile("fill", _fill, self)
            return
        surveys = workshop.each_tile("basins", _look, self, halo=FRAME)
        workshop.each_tile("fill", _fill_to, self, halo=FRAME, given=_levels(tiles, surveys))
        workshop.forget("basins", range(len(tiles)))


def _fill(work: TileWork, step: FillStep) -> None:
    (pixels,) = work.read()
    ground = framed(pixels, work, step.voids)
    labels = np.empty(ground.shape, np.int32)
    count = _kernels.label_basins(ground, labels)
    ways = Ways(*_kernels.find_spills(ground, labels))
    levels = _kernels.flood_levels(*ways, np.argsort(ways.heights), count)
    _raise(work, ground, labels, levels)


def _look(work: TileWork, step: FillStep) -> _Survey:
    (pixels,) = work.read()
    ground = framed(pixels, work, step.voids)
    wall_in(ground)
    labels = np.empty(ground.shape, np.int32)
    count = _kernels.label_basins(ground, labels)
    ways = Ways(*_kernels.find_spills(ground, labels))
    rim = Rim.of(inside(labels))
    kept = np.zeros(count + 1, np.bool_)
    kept[0] = True
    for side in rim.sides:
        kept[side[side > 0]] = True
    number = np.cumsum(kept, dtype=np.int32) - 1
    order = np.argsort(ways.heights)
    ones, others, heights = _kernels.skeleton(*ways, order, kept)
    work.keep("basins", {"labels": labels, **ways._asdict(), "kept": kept})
    return _Survey(
        Rim.of(inside(ground)),
        Rim(*(np.where(side < 0, np.int32(-1), number[side]) for side in rim.sides)),
        Ways(number[ones], number[others], heights),
        int(number[-1]),
    )


def _levels(tiles: TileGrid, surveys: Sequence[_Survey]) -> dict[int, Array]:
    """The level of the water in each tile's basins at the rim."""
    grounds, nodes, ways, offsets = None, Lattice(tiles, np.int64, -1), [], [0]
    for tile in tiles:
        survey, offset = surveys[tile.number], offsets[-1]
        grounds = grounds or Lattice(tiles, survey.ground.top.dtype, np.inf)
        grounds.put(tile, survey.ground)
        nodes.put(tile, Rim(*(_moved(side, offset) for side in survey.basins.sides)))
        ways.append(
            Ways(_moved(survey.ways.ones, offset), _moved(survey.ways.others, offset), survey.ways.heights)
        )
        offsets.append(offset + survey.count)
    assert grounds is not None
    for (one, other), (z_one, z_other) in zip(nodes.crossings(), grounds.crossings(), strict=True):
        ways.append(_lowest(one, other, np.maximum(z_one, z_other)))
    ones, others, heights = (np.concatenate(parts) for parts in zip(*ways, strict=True))
    levels = _kernels.flood_levels(ones, others, heights, np.argsort(heights), offsets[-1])
    return {number: levels[offsets[number] + 1 : offsets[number + 1] + 1] for number in range(len(tiles))}


def _moved(numbers: Array, offset: int) -> Array:
    """A tile's own numbers among those of all tiles; the outside and voids stay what they are."""
    return np.where(numbers > 0, numbers + np.int64(offset), numbers)


def _lowest(ones: Array, others: Array, heights: Array) -> Ways:
    """The lowest way between each two basins."""
    there = (ones >= 0) & (others >= 0) & (ones != others)
    one, other, heights = np.minimum(ones, others)[there], np.maximum(ones, others)[there], heights[there]
    order = np.lexsort((heights, other, one))
    one, other, heights = one[order], other[order], heights[order]
    first = np.ones(len(one), np.bool_)
    first[1:] = (np.diff(one) != 0) | (np.diff(other) != 0)
    return Ways(one[first], other[first], heights[first])


def _fill_to(work: TileWork, step: FillStep) -> None:
    (pixels,) = work.read()
    ground = framed(pixels, work, step.voids)
    wall_in(ground)
    known = work.kept("basins")
    kept = np.flatnonzero(known["kept"])[1:].astype(np.int32)
    wet = work.given > -np.inf
    ones = np.concatenate([known["ones"], np.zeros(np.count_nonzero(wet), np.int32)])
    others = np.concatenate([known["others"], kept[wet]])
    heights = np.concatenate([known["heights"], work.given[wet]])
    levels = _kernels.flood_levels(ones, others, heights, np.argsort(heights), len(known["kept"]) - 1)
    _raise(work, ground, known["labels"], levels)


def _raise(work: TileWork, ground: Array, labels: Array, levels: Array) -> None:
    core = work.tile.core
    filled = np.empty((core.height, core.width), ground.dtype)
    _kernels.raise_ground(ground, labels, levels, filled)
    work.write(0, filled)
