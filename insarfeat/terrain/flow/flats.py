"""Ranks of cells in flats, by which water finds its way over them: away from higher and toward lower ground.

Within a tile distances spread from cell to cell; across seams tiles tell each other, in rounds. Only cells of flats
that cross seams take part in rounds, so that a round costs as much as there is of them.

Garbrecht & Martz (1997), as made exact by Barnes, Lehman & Mulla (2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import TileWork, Workshop
from insarfeat.terrain.flow._kernels import flats as _kernels
from insarfeat.terrain.flow.exchange import Round, finish, settle
from insarfeat.terrain.flow.ground import FRAME, framed
from insarfeat.terrain.flow.lattice import Lattice, Rim
from insarfeat.windows import Tile

Array = NDArray[Any]

_STATE = "flats"
_CLOSED = "closed-flats"


@dataclass(frozen=True)
class FlatsStep:
    """Input: a DEM without depressions. Output: ranks, int32; 0 for cells that drain, and in voids."""

    voids: str

    cell_bytes: ClassVar = 28
    rim_bytes: ClassVar = 16

    def run(self, workshop: Workshop) -> None:
        """Rank."""
        tiles = workshop.tiles
        rims = workshop.each_tile("flats", _find, self, halo=FRAME)
        states = [[_STATE]]
        if len(tiles) > 1:
            lattices = [Lattice(tiles, np.int32, _kernels.FAR) for _ in range(2)]
            states = settle(workshop, _STATE, lattices, rims, _visit)
        finish(workshop, "ranks", _write, states)
        workshop.forget(_CLOSED, range(len(tiles)))


def _find(work: TileWork, step: FlatsStep) -> tuple[Rim, ...]:
    (pixels,) = work.read()
    ground = framed(pixels, work, step.voids)
    cells = _kernels.find_flats(ground)
    numbers = np.zeros(ground.shape, np.int32)
    _kernels.number_cells(cells, numbers)
    toward, away = np.empty(len(cells), np.int32), np.empty(len(cells), np.int32)
    beside = np.empty(len(cells), np.uint8)
    linked, across = _kernels.first_distances(ground, cells, numbers, toward, away, beside)
    is_open = np.zeros(len(cells), np.bool_)
    _kernels.spread_over_flats(cells, numbers, beside, toward, away, linked, is_open)
    closed = ~is_open
    work.keep(_CLOSED, {"cells": cells[closed], "toward": toward[closed], "away": away[closed]})
    number = np.cumsum(is_open, dtype=np.int32) - np.int32(1)
    state = {"cells": cells[is_open], "toward": toward[is_open], "away": away[is_open]}
    state |= {"linked": number[linked], "across": across}
    work.keep(_STATE, state)
    return _rims(state, work.tile)


def _visit(work: TileWork, _: Any) -> list[tuple[Rim, ...]]:
    task: Round = work.given
    (member,) = task.members
    state = work.kept(member.state)
    shape = (work.tile.core.height + 2, work.tile.core.width + 2)
    # Pages that nothing is written to cost nothing, and flats across seams are few.
    numbers = np.zeros(shape, np.int32)
    _kernels.number_cells(state["cells"], numbers)
    for name, rim in zip(("toward", "away"), member.around, strict=True):
        around = np.zeros(shape, np.int32)
        rim.onto(around)
        changed = _kernels.join_distances(state[name], state["linked"], state["across"], around)
        _kernels.spread_distances(state["cells"], numbers, state[name], changed)
    work.keep(task.name, state)
    return [_rims(state, work.tile)]


def _rims(state: dict[str, Array], tile: Tile) -> tuple[Rim, ...]:
    """Distances at the rim, toward lower and away from higher ground; cells that drain are no distance away.

    Of cells in flats without links nobody asks.
    """
    core = tile.core
    rows, columns = np.divmod(state["cells"], core.width + 2)
    rims = []
    for name, elsewhere in (("toward", 0), ("away", _kernels.FAR)):
        rim = Rim.filled(core, np.int32(elsewhere))
        rim.write(rows - 1, columns - 1, state[name])
        rims.append(rim)
    return tuple(rims)


def _write(work: TileWork, _: Any) -> None:
    core = work.tile.core
    ranks = np.zeros((core.height, core.width), np.int32)
    for name in (_CLOSED, work.given):
        state = work.kept(name)
        _kernels.write_ranks(state["cells"], state["toward"], state["away"], core.width + 2, ranks)
    work.write(0, ranks)
