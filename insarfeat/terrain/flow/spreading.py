"""Water that parts (MFD, Dinf), over tiles: each cell is worked on once, as soon as all that flows into it is known.

The first pass over a tile does all cells that nothing from beyond its rim reaches; what is left is few cells, kept
with their shares. Then tiles tell each other the amounts at their rims as they become known, in rounds, and carry on
with what is left. So the dense work is done once, however ways wind across seams, and no sum is ever made twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import TileWork, Workshop
from insarfeat.errors import RunFailed
from insarfeat.metrics import Metrics
from insarfeat.terrain.flow._kernels import spreading as _kernels
from insarfeat.terrain.flow.exchange import Member, Round, settle
from insarfeat.terrain.flow.ground import WIDE_FRAME, framed, framed_ranks, inside, rain_on
from insarfeat.terrain.flow.lattice import Lattice, Rim

Array = NDArray[Any]

_STATE = "left"
_WIDE = 2
_SIDES = ("top", "bottom", "left", "right")
_METHODS = {"mfd": _kernels.SLOPES, "angles": _kernels.ANGLES, "dinf": _kernels.FACETS}


@dataclass(frozen=True)
class SpreadStep:
    """Inputs: filled DEM, ranks and, where there are, amounts. Output: the water that comes together in each cell."""

    method: Literal["mfd", "angles", "dinf"]
    rain: str
    voids: str
    metrics: Metrics

    cell_bytes: ClassVar = 170  # of which most in rounds, where up to 2 x 2 tiles go together
    rim_bytes: ClassVar = 16

    def run(self, workshop: Workshop) -> None:
        """Let it flow."""
        tiles = workshop.tiles
        if len(tiles) == 1:
            workshop.each_tile("water", _spread, self)
            return
        rims = workshop.each_tile("water", _begin, self, halo=WIDE_FRAME)
        lattice = Lattice(tiles, np.float64, np.nan)
        states = settle(workshop, _STATE, [lattice], rims, _visit, together=True)
        left = workshop.each_tile("joined", _join, given=dict(enumerate(states)), reads=False)
        for number, names in enumerate(states):
            workshop.forget(names[-1], [number])
            for name in names[1:]:
                workshop.forget(f"{name}-late", [number])
        workshop.forget("water", range(len(tiles)))
        if any(left):
            raise RunFailed(f"water runs in circles over {sum(left)} cells; please report this DEM")


@dataclass(frozen=True, slots=True)
class _Block:
    """A tile's ground and water, all with the same frame."""

    ground: Array
    ranks: Array
    method: int
    sizes: Array
    amounts: Array
    waiting: Array

    @classmethod
    def of(cls, work: TileWork, step: SpreadStep, frame: int) -> _Block:
        """Set up the water and count donors."""
        filled, ranks, *weights = work.read()
        core = work.tile.core
        ground = framed(filled, work, step.voids, frame)
        levels = framed_ranks(ranks, work, frame)
        sizes = np.abs(np.stack(step.metrics.rows(core.top - frame, core.bottom + frame), axis=1))
        method = _METHODS[step.method]
        waiting = np.empty(ground.shape, np.uint8)
        if method == _kernels.FACETS:
            _kernels.count_donors_by_facets(ground, levels, frame, sizes, waiting)
        else:
            _kernels.count_donors(ground, levels, frame, waiting)
        amounts = np.zeros(ground.shape)
        own = weights[0][work.tile.inside] if weights else None
        rain_on(work, step.rain, step.metrics, own, inside(amounts, frame))
        return cls(ground, levels, method, sizes, amounts, waiting)

    def spread(self) -> None:
        """Hand on all water that can be."""
        _kernels.spread(self.ground, self.ranks, self.method, self.sizes, self.amounts, self.waiting)

    def water(self, frame: int) -> Array:
        """The water in the tile, NaN in voids."""
        inside(self.amounts, frame)[np.isinf(inside(self.ground, frame))] = np.nan
        return np.ascontiguousarray(inside(self.amounts, frame))


def _spread(work: TileWork, step: SpreadStep) -> None:
    block = _Block.of(work, step, 1)
    block.spread()
    if left := np.count_nonzero(block.waiting != _kernels.DONE):
        raise RunFailed(f"water runs in circles over {left} cells; please report this DEM")
    work.write(0, block.water(1))


def _begin(work: TileWork, step: SpreadStep) -> tuple[Rim, ...]:
    block = _Block.of(work, step, _WIDE)
    block.spread()
    numbers = np.zeros(block.ground.size, np.int32)
    cells, count, first, targets, parts = _kernels.unfinished(
        block.ground, block.ranks, block.method, block.sizes, block.waiting, numbers
    )
    amounts, waiting = np.zeros(len(cells)), np.ones(len(cells), np.uint8)
    amounts[:count] = block.amounts.reshape(-1)[cells[:count]]
    waiting[:count] = block.waiting.reshape(-1)[cells[:count]]
    rows, columns = np.divmod(cells, block.ground.shape[1])
    block.amounts.reshape(-1)[cells[:count]] = np.nan  # not known yet, as far as others are told
    water = block.water(_WIDE)
    work.keep("water", {"water": water})
    rim = Rim.of(water)
    left = _Left(
        cells=((rows - 1) * (work.tile.core.width + 2) + columns - 1).astype(np.int32),
        outside=np.arange(len(cells)) >= count,
        first=first,
        targets=targets,
        parts=parts,
        amounts=amounts,
        waiting=waiting,
    )
    useless = left.outside & (np.diff(first) == 0)
    left.without(useless).keep(work, _STATE, rim)
    return (rim,)


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left of a tile, cell by cell: those that wait, and those beside the tile that they wait for.

    ``cells`` are places in the tile with a frame of one, counted along its rows. From ``first[k]`` on lie the
    receivers of cell k, by their numbers here, and their parts of its water.
    """

    cells: Array
    outside: Array
    first: Array
    targets: Array
    parts: Array
    amounts: Array
    waiting: Array

    def without(self, gone: Array) -> _Left:
        """Leave out some cells, to which nothing flows any more."""
        stay = ~gone
        counts = np.diff(self.first)
        entries = np.repeat(stay, counts)
        number = np.cumsum(stay, dtype=np.int32) - np.int32(1)
        return _Left(
            self.cells[stay],
            self.outside[stay],
            np.concatenate([[0], np.cumsum(counts[stay])]),
            number[self.targets[entries]],
            self.parts[entries],
            self.amounts[stay],
            self.waiting[stay],
        )

    def keep(self, work: TileWork, name: str, rim: Rim, number: int | None = None) -> None:
        """Put aside, with what is known at the tile's rim."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays["first"] = np.diff(self.first).astype(np.uint8)
        work.keep(name, arrays | dict(zip(_SIDES, rim.sides, strict=True)), number)


@dataclass(frozen=True, slots=True)
class _Joined:
    """What is left of several tiles, cells numbered through."""

    left: _Left
    cells: Array
    entries: Array

    @classmethod
    def kept(cls, work: TileWork, members: Sequence[Member]) -> tuple[_Joined, list[Rim]]:
        """Take them up again, one after the other; what is joined is let go at once."""
        kept = [work.kept(member.state, member.tile.number) for member in members]
        rims = [Rim(*(arrays.pop(side) for side in _SIDES)) for arrays in kept]
        cells = np.concatenate([[0], np.cumsum([len(arrays["cells"]) for arrays in kept])])
        entries = np.concatenate([[0], np.cumsum([len(arrays["targets"]) for arrays in kept])])
        for arrays, start in zip(kept, cells, strict=False):
            arrays["targets"] += np.int32(start)
        joined = {name: np.concatenate([arrays.pop(name) for arrays in kept]) for name in tuple(kept[0])}
        joined["first"] = np.concatenate([[0], np.cumsum(joined["first"], dtype=np.int64)])
        return cls(_Left(**joined), cells, entries), rims

    @property
    def spans(self) -> list[slice]:
        """Where the cells of each tile lie."""
        return [slice(*ends) for ends in pairwise(self.cells.tolist())]

    def part(self, number: int) -> _Left:
        """What is left of one of them."""
        start, stop = self.cells[number : number + 2]
        entry, last = self.entries[number : number + 2]
        whole = self.left
        return _Left(
            cells=whole.cells[start:stop],
            outside=whole.outside[start:stop],
            first=whole.first[start : stop + 1] - entry,
            targets=whole.targets[entry:last] - np.int32(start),
            parts=whole.parts[entry:last],
            amounts=whole.amounts[start:stop],
            waiting=whole.waiting[start:stop],
        )


def _visit(work: TileWork, _: Any) -> list[tuple[Rim, ...]]:
    """Carry on with tiles side by side: what their seams had held up flows on at once."""
    task: Round = work.given
    joined, rims = _Joined.kept(work, task.members)
    left = joined.left
    told = np.concatenate(
        [
            _told(member, left.cells[own], left.outside[own])
            for member, own in zip(task.members, joined.spans, strict=True)
        ]
    )
    begun = np.flatnonzero(~np.isnan(told))
    left.amounts[begun] = told[begun]
    same, copies = _copies(task.members, joined)
    _kernels.carry_on(
        left.first,
        left.targets,
        left.parts,
        np.searchsorted(same, np.arange(len(left.cells) + 1)),
        copies,
        left.amounts,
        left.waiting,
        begun,
    )
    for number, (member, rim) in enumerate(zip(task.members, rims, strict=True)):
        part, tile = joined.part(number), member.tile
        done = part.waiting == _kernels.DONE
        late = done & ~part.outside
        rows, columns = np.divmod(part.cells[late], tile.core.width + 2)
        rim.write(rows - 1, columns - 1, part.amounts[late])
        places = (rows - 1) * tile.core.width + columns - 1
        work.keep(f"{task.name}-late", {"places": places, "amounts": part.amounts[late]}, tile.number)
        part.without(done).keep(work, task.name, rim, tile.number)
    return [(rim,) for rim in rims]


def _told(member: Member, cells: Array, outside: Array) -> Array:
    """What the neighbours have told of the cells that are left, NaN where nothing."""
    core = member.tile.core
    around = np.zeros((core.height + 2, core.width + 2))  # pages that nothing is written to cost nothing
    member.around[0].onto(around)
    told = np.full(len(cells), np.nan)
    told[outside] = around.reshape(-1)[cells[outside]]
    return told


def _copies(members: Sequence[Member], joined: _Joined) -> tuple[Array, Array]:
    """Cells of one tile that wait and that others wait for: their numbers, sorted, and those in the other tiles."""
    left = joined.left
    ones: list[Array] = [np.zeros(0, np.int64)]
    others: list[Array] = [np.zeros(0, np.int64)]
    beside = [own.start + np.flatnonzero(left.outside[own]) for own in joined.spans]
    waiting = [
        own.start + np.flatnonzero(~left.outside[own]) for own in joined.spans
    ]  # in the order of places
    for member, asking in zip(members, beside, strict=True):
        rows, columns = np.divmod(left.cells[asking], member.tile.core.width + 2)
        rows, columns = rows + member.tile.core.top - 1, columns + member.tile.core.left - 1
        for other, asked in zip(members, waiting, strict=True):
            core = other.tile.core
            there = (
                (rows >= core.top) & (rows < core.bottom) & (columns >= core.left) & (columns < core.right)
            )
            if other is member or not there.any() or not len(asked):
                continue
            places = (rows[there] - core.top + 1) * (core.width + 2) + columns[there] - core.left + 1
            at = asked[np.minimum(np.searchsorted(left.cells[asked], places), len(asked) - 1)]
            match = left.cells[at] == places
            ones.append(at[match])
            others.append(asking[there][match])
    one, copies = np.concatenate(ones), np.concatenate(others)
    order = np.argsort(one, kind="stable")
    return one[order], copies[order]


def _join(work: TileWork, _: Any) -> int:
    """Put what came later to what was there first; says how many cells never got all their water."""
    water = work.kept("water")["water"]
    names = work.given
    for name in names[1:]:
        late = work.kept(f"{name}-late")
        water.reshape(-1)[late["places"]] = late["amounts"]
    work.write(0, water)
    return int(np.count_nonzero(~work.kept(names[-1])["outside"]))
