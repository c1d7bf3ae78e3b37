"""Water drawn by flat ground, over tiles: the least surface that no neighbour would raise, in rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import TileWork, Workshop
from insarfeat.terrain.flow._kernels.suction import draw
from insarfeat.terrain.flow.exchange import Round, settle
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
        last = {number: names[-1] for number, names in enumerate(states)}
        workshop.each_tile("drawn", _write, given=last, reads=False)
        for number, names in enumerate(states):
            workshop.forget(names[-1], [number])


def _begin(work: TileWork, _: Any) -> tuple[Rim, ...]:
    arrays = [np.zeros((work.tile.core.height + 2, work.tile.core.width + 2)) for _ in range(2)]
    for array, pixels in zip(arrays, work.read(), strict=True):
        inside(array)[:] = np.nan_to_num(pixels, nan=0.0)
    water, shares = arrays
    inside(shares)[np.isnan(work.read()[0])] = _NONE
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
