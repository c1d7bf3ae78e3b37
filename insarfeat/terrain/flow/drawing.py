"""Water drawn by flat ground, over tiles: the least surface that no neighbour would raise, in rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import TileWork, Workshop
from insarfeat.terrain.flow._kernels.suction import draw
from insarfeat.terrain.flow.exchange import Round, finish, settle
from insarfeat.terrain.flow.ground import inside
from insarfeat.terrain.flow.lattice import Lattice, Rim

Array = NDArray[Any]

_STATE = "drawn"
_NONE = -1.0  # the share of voids; that of steep ground may round to 0


@dataclass(frozen=True)
class DrawStep:
    """Inputs: upslope area, suction. Output: the area as flat ground has drawn it."""

    cell_bytes: ClassVar = 56
    rim_bytes: ClassVar = 16

    def run(self, workshop: Workshop) -> None:
        """Draw."""
        tiles = workshop.tiles
        rims = workshop.each_tile("suction", _begin)
        states = [[_STATE]]
        if len(tiles) > 1:
            states = settle(workshop, _STATE, [Lattice(tiles, np.float64, 0.0)], rims, _visit)
        finish(workshop, "drawn", _write, states)


def _begin(work: TileWork, _: Any) -> tuple[Rim, ...]:
    area, suction = work.read()
    void = np.isnan(area)
    water, shares = (np.zeros((area.shape[0] + 2, area.shape[1] + 2)) for _ in range(2))
    inside(water)[:] = np.where(void, 0, area)
    inside(shares)[:] = np.where(void, _NONE, suction)
    draw(water, shares)
    return _tell(work, _STATE, water, shares)


def _visit(work: TileWork, _: Any) -> list[tuple[Rim, ...]]:
    task: Round = work.given
    (member,) = task.members
    known = work.kept(member.state)
    member.around[0].onto(known["water"])
    draw(known["water"], known["shares"])
    return [_tell(work, task.name, known["water"], known["shares"])]


def _tell(work: TileWork, state: str, water: Array, shares: Array) -> tuple[Rim, ...]:
    work.keep(state, {"water": water, "shares": shares})
    return (Rim.of(inside(water)),)


def _write(work: TileWork, _: Any) -> None:
    known = work.kept(work.given)
    water = np.ascontiguousarray(inside(known["water"]))
    water[inside(known["shares"]) == _NONE] = np.nan
    work.write(0, water)
