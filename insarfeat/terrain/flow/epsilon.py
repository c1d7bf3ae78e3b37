"""Filling so that water always falls: the surface is the one solution of W(c) = max(z(c), next(min W(neighbours))).

Being the only solution, it does not matter where rounds between tiles begin. They begin with the levels of the plain
fill, which hold but for flats; what flats beyond the rim will be like is not known at first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import TileWork, Workshop
from insarfeat.terrain.flow._kernels.epsilon import fill_with_fall
from insarfeat.terrain.flow.exchange import Round, finish, settle
from insarfeat.terrain.flow.ground import FRAME, framed, framed_ranks, inside
from insarfeat.terrain.flow.lattice import Lattice, Rim

Array = NDArray[Any]

_STATE = "falling"


@dataclass(frozen=True)
class EpsilonStep:
    """Inputs: the DEM, the filled one, its ranks. Output: the DEM filled with a fall."""

    voids: str

    cell_bytes: ClassVar = 40
    rim_bytes: ClassVar = 8

    def run(self, workshop: Workshop) -> None:
        """Fill."""
        tiles = workshop.tiles
        if len(tiles) == 1:
            workshop.each_tile("fall", _whole, self)
            return
        rims = workshop.each_tile("fall", _begin, self, halo=FRAME)
        dtype = rims[0][0].top.dtype
        states = settle(workshop, _STATE, [Lattice(tiles, dtype, np.inf)], rims, _visit, self)
        finish(workshop, "falling", _write, states)


def _filled(ground: Array, around: Array) -> Array:
    filled = np.empty_like(ground)
    fill_with_fall(ground, around, filled)
    return filled


def _result(filled: Array, ground: Array) -> Array:
    """The tile without its frame: what no water leaves is as it was, and voids are NaN."""
    surface, own = inside(filled), inside(ground)
    return np.where(np.isinf(own), np.nan, np.where(np.isinf(surface), own, surface))


def _whole(work: TileWork, step: EpsilonStep) -> None:
    ground = framed(work.read()[0], work, step.voids)
    work.write(0, _result(_filled(ground, np.full_like(ground, np.inf)), ground))


def _begin(work: TileWork, step: EpsilonStep) -> tuple[Rim, ...]:
    dem, plain, ranks = work.read()
    ground = framed(dem, work, step.voids)
    around = framed(plain, work, step.voids)
    around[(framed_ranks(ranks, work) != 0) | np.isinf(around)] = np.inf
    return _tell(work, ground, around, _STATE)


def _visit(work: TileWork, step: EpsilonStep) -> list[tuple[Rim, ...]]:
    task: Round = work.given
    (member,) = task.members
    known = work.kept(member.state)
    around = np.full_like(known["ground"], np.inf)
    member.around[0].onto(around)
    return [_tell(work, known["ground"], around, task.name)]


def _tell(work: TileWork, ground: Array, around: Array, state: str) -> tuple[Rim, ...]:
    inside(around)[:] = np.inf
    filled = _filled(ground, around)
    work.keep(state, {"ground": ground, "filled": filled})
    return (Rim.of(inside(filled)),)


def _write(work: TileWork, _: Any) -> None:
    known = work.kept(work.given)
    work.write(0, _result(known["filled"], known["ground"]))
