"""Water that goes to one neighbour only (D8), over tiles in two passes.

The ways from cell to cell are trees. The first pass finds for each cell at a tile's rim where the way leaves the tile
again; from that a tree of rim cells is known for the whole raster, and what flows into each tile through its rim. The
second pass lets it flow on. However often a river crosses a seam, there are two passes. (Barnes 2017.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import TileWork, Workshop
from insarfeat.errors import RunFailed
from insarfeat.layers import fill_value
from insarfeat.metrics import Metrics
from insarfeat.terrain.flow._kernels import trees as _kernels
from insarfeat.terrain.flow._kernels.directions import VOID
from insarfeat.terrain.flow._kernels.ground import DOWN, RIGHT
from insarfeat.terrain.flow.directions import codes_under
from insarfeat.terrain.flow.ground import FRAME, rain_on
from insarfeat.terrain.flow.lattice import Lattice, rim_cells, rim_from
from insarfeat.windows import TileGrid

Array = NDArray[Any]

_DOWN, _RIGHT = (np.array((0, *steps)) for steps in (DOWN, RIGHT))


@dataclass(frozen=True, slots=True)
class _Leaving:
    """What a tile tells of its rim, cell by cell.

    ``ends`` is the number of the rim cell at which the way from it leaves the tile, -1 where it stays; ``codes`` are
    those of the cells at which ways leave, else 0; ``amounts`` is what comes together there in this tile; ``marks``
    names the cell in which a way that stays ends.
    """

    ends: Array
    codes: Array
    amounts: Array
    marks: Array


@dataclass(frozen=True)
class TreeStep:
    """What gathers along the ways of D8. Inputs: filled DEM, ranks and, where there are, amounts.

    "sum" gives the water that comes together in each cell, of 1 or of its area each (``rain``), times the amounts;
    "lowest" the lowest amount upstream; "end" the number of the cell at which the way ends, from 1 on.
    """

    what: Literal["sum", "lowest", "end"]
    rain: str
    voids: str
    metrics: Metrics

    cell_bytes: ClassVar = 32
    rim_bytes: ClassVar = 70

    def run(self, workshop: Workshop) -> None:
        """Gather."""
        tiles = workshop.tiles
        if len(tiles) == 1:
            workshop.each_tile("ways", _gather, (self, tiles.shape.width), halo=FRAME)
            return
        shared = (self, tiles.shape.width)
        found = workshop.each_tile("rims", _look, shared, halo=FRAME)
        given = (_marks if self.what == "end" else _inflows)(tiles, found, self.what == "lowest")
        workshop.each_tile("ways", _gather_rest, shared, given=given, reads=False)
        workshop.forget("codes", range(len(tiles)))


def _gather(work: TileWork, shared: tuple[TreeStep, int]) -> None:
    step, columns = shared
    filled, ranks, *given = work.read()
    codes = codes_under(filled, ranks, work, step.voids, step.metrics)
    if step.what == "end":
        work.write(0, _ends(work, codes, columns))
        return
    amounts = _amounts(work, step, _own(work, given))
    _kernels.gather(codes, amounts, step.what == "lowest")
    _write(work, step, codes, amounts)


def _write(work: TileWork, step: TreeStep, codes: Array, amounts: Array) -> None:
    amounts[codes == VOID] = np.nan
    work.write(0, amounts)


def _own(work: TileWork, given: Sequence[Array]) -> dict[str, Array]:
    """The tile's own amounts, if there are any."""
    return {"amounts": given[0][work.tile.inside]} if given else {}


def _amounts(work: TileWork, step: TreeStep, own: dict[str, Array]) -> Array:
    """What each cell brings in, as a new array."""
    given = own.get("amounts")
    if step.what == "sum":
        amounts = np.empty((work.tile.core.height, work.tile.core.width))
        rain_on(work, step.rain, step.metrics, given, amounts)
        return amounts
    assert given is not None
    return np.array(given, np.float64 if given.dtype.char == "d" else np.float32)


def _ends(work: TileWork, codes: Array, columns: int, marks: Array | None = None) -> Array:
    """The number of the cell at which each way ends; in a tile, with the marks of cells from which ways lead out."""
    core = work.tile.core
    found = np.zeros(codes.shape, np.int64)
    rows, across = np.nonzero(codes == 0)
    found[rows, across] = (rows + core.top) * columns + across + core.left + 1
    if marks is not None:
        cells = rim_cells(core.height, core.width)
        found.reshape(-1)[cells[marks > 0]] = marks[marks > 0]
    _kernels.hand_up(codes, found)
    found[codes == VOID] = fill_value(found.dtype)
    return found


def _closed(codes: Array, cells: Array) -> Array:
    """Take out the codes that lead out of the tile; gives them, for the cells of the rim."""
    height, width = codes.shape
    own = codes.reshape(-1)[cells]
    flowing = np.where(own <= 8, own, 0)
    rows, columns = cells // width + _DOWN[flowing], cells % width + _RIGHT[flowing]
    outside = (rows < 0) | (columns < 0) | (rows >= height) | (columns >= width)
    codes.reshape(-1)[cells[outside]] = 0
    return np.where(outside, own, np.uint8(0))


def _look(work: TileWork, shared: tuple[TreeStep, int]) -> _Leaving:
    step, columns = shared
    core = work.tile.core
    filled, ranks, *given = work.read()
    codes = codes_under(filled, ranks, work, step.voids, step.metrics)
    own = _own(work, given)
    work.keep("codes", {"codes": codes, **own})
    cells = rim_cells(core.height, core.width)
    leaving = _closed(codes, cells)
    last = _kernels.follow(codes, cells, np.zeros(codes.shape, np.int32))
    at = np.searchsorted(cells[order := np.argsort(cells)], last)
    number = order[np.minimum(at, len(cells) - 1)]
    leads_out = (cells[number] == last) & (leaving[number] > 0)
    ends = np.where(leads_out, number, -1)
    if step.what == "end":
        rows, across = last // core.width + core.top, last % core.width + core.left
        void = codes.reshape(-1)[cells] == VOID
        marks = np.where(leads_out | void, 0, rows * columns + across + 1)
        return _Leaving(ends, leaving, np.zeros(0), marks)
    amounts = _amounts(work, step, own)
    _kernels.gather(codes, amounts, step.what == "lowest")
    return _Leaving(ends, leaving, amounts.reshape(-1)[cells], np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class _RimTree:
    """All cells at rims as a tree: which one the water of each comes to next, and the parts of the tiles."""

    leads_to: Array
    following: Array
    offsets: Array

    @classmethod
    def of(cls, tiles: TileGrid, found: Sequence[_Leaving]) -> _RimTree:
        """Number the cells and link them; ``leads_to`` is the cell beyond the seam, ``following`` that at the end."""
        counts = [len(rim_cells(tile.core.height, tile.core.width)) for tile in tiles]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        nodes = Lattice(tiles, np.int64, -1)
        for tile in tiles:
            numbers = np.arange(offsets[tile.number], offsets[tile.number + 1])
            nodes.put(tile, rim_from(numbers, tile.core.height, tile.core.width))
        leads_to = np.full(offsets[-1], -1, np.int64)
        following = np.full(offsets[-1], -1, np.int64)
        for tile in tiles:
            leaving, core = found[tile.number], tile.core
            part = slice(offsets[tile.number], offsets[tile.number + 1])
            out = np.flatnonzero(leaving.codes)
            cells, codes = rim_cells(core.height, core.width)[out], leaving.codes[out]
            rows = cells // core.width + core.top + _DOWN[codes]
            columns = cells % core.width + core.left + _RIGHT[codes]
            leads_to[part][out] = nodes.at(rows, columns)
            stays = leaving.ends < 0
            following[part] = np.where(stays, -1, leads_to[part][leaving.ends])
        return cls(leads_to, following, offsets)

    def parts(self, values: Array) -> dict[int, Array]:
        """Values of the cells, tile by tile."""
        return {
            number: values[start:stop]
            for number, (start, stop) in enumerate(zip(self.offsets[:-1], self.offsets[1:], strict=True))
        }


def _inflows(tiles: TileGrid, found: Sequence[_Leaving], lowest: bool) -> dict[int, Array]:
    """What comes into each tile through the cells of its rim."""
    tree = _RimTree.of(tiles, found)
    local = np.concatenate([leaving.amounts for leaving in found])
    inflow = np.full(len(local), np.inf if lowest else 0, local.dtype)
    out = tree.leads_to >= 0
    (np.minimum if lowest else np.add).at(inflow, tree.leads_to[out], local[out])
    _no_circles(_kernels.gather_along(tree.following, inflow, lowest))
    return tree.parts(inflow)


def _marks(tiles: TileGrid, found: Sequence[_Leaving], _: bool) -> dict[int, Array]:
    """For cells from which ways lead out of their tile, the mark of the cell at which they end."""
    tree = _RimTree.of(tiles, found)
    marks = np.concatenate([leaving.marks for leaving in found])
    _no_circles(_kernels.hand_up_along(tree.following, marks))
    return tree.parts(np.where(tree.leads_to >= 0, marks[tree.leads_to], 0))


def _no_circles(left: int) -> None:
    if left:
        raise RunFailed(f"water runs in circles over {left} cells at tiles' rims; please report this DEM")


def _gather_rest(work: TileWork, shared: tuple[TreeStep, int]) -> None:
    step, columns = shared
    core = work.tile.core
    kept = work.kept("codes")
    codes = kept.pop("codes")
    cells = rim_cells(core.height, core.width)
    _closed(codes, cells)
    if step.what == "end":
        work.write(0, _ends(work, codes, columns, work.given))
        return
    amounts = _amounts(work, step, kept)
    through = amounts.reshape(-1)
    if step.what == "lowest":
        through[cells] = np.minimum(through[cells], work.given)
    else:
        through[cells] += work.given
    _kernels.gather(codes, amounts, step.what == "lowest")
    _write(work, step, codes, amounts)
