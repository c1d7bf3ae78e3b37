"""Rounds in which tiles tell each other what is new on their rims, until nothing is.

Each round is a pass over the tiles that see something new. It ends by itself: what tiles tell only ever becomes
shorter, larger or known, and there are finitely many cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from insarfeat.dispatch import Workshop
from insarfeat.terrain.flow.lattice import Lattice, Rim
from insarfeat.windows import Tile, TileGrid


@dataclass(frozen=True, slots=True)
class Member:
    """A tile in a round: what lies around it, and the name under which its state is kept."""

    tile: Tile
    around: tuple[Rim, ...]
    state: str


@dataclass(frozen=True, slots=True)
class Round:
    """What a task of a round is given: tiles side by side, and the name under which to keep their new states."""

    members: tuple[Member, ...]
    name: str


Visit = Callable[[Any, Any], Sequence[tuple[Rim, ...]]]

# Where groups of 2 x 2 tiles begin, round by round: any two neighbours are in one group in one of four rounds.
_OFFSETS = ((0, 0), (1, 1), (0, 1), (1, 0))


def settle(
    workshop: Workshop,
    title: str,
    lattices: Sequence[Lattice],
    first: Sequence[tuple[Rim, ...]],
    visit: Visit,
    shared: Any = None,
    *,
    together: bool = False,
) -> list[list[str]]:
    """Let tiles visit each other; gives for each the names under which it has kept its states, the last one last.

    ``first`` is what the tiles told in their first pass, in which they kept their state under ``title``.
    ``visit(work, shared)`` gets a :class:`Round` as ``work.given`` and returns the rims of its members: one tile, or,
    if they go ``together``, up to 2 x 2 tiles, other ones in each round.
    """
    tiles = workshop.tiles
    names = [[title] for _ in tiles]
    told: dict[int, tuple[Rim, ...]] = dict(enumerate(first))
    turn = 0
    while True:
        awake: set[int] = set()
        for number, rims in told.items():
            for lattice, rim in zip(lattices, rims, strict=True):
                awake |= lattice.put(tiles[number], rim)
        if not awake:
            return names
        name = f"{title}-{turn + 1}"
        given = {}
        for group in _groups(tiles, awake, turn if together else None):
            members = tuple(
                Member(
                    tiles[number],
                    tuple(lattice.around(tiles[number]) for lattice in lattices),
                    names[number][-1],
                )
                for number in group
            )
            given[group[0]] = Round(members, name)
        results = workshop.each_tile(name, visit, shared, given=given, reads=False)
        told = {}
        for leader, task in given.items():
            for member, rims in zip(task.members, results[leader], strict=True):
                told[member.tile.number] = rims
                # The old state was needed until the whole round was through.
                workshop.forget(member.state, [member.tile.number])
                names[member.tile.number].append(name)
        turn += 1


def finish(
    workshop: Workshop, title: str, write: Callable[[Any, Any], None], names: Sequence[Sequence[str]]
) -> None:
    """Let each tile write what its last state says, by ``write(work, None)`` with its name, and forget the states."""
    workshop.each_tile(title, write, given={number: own[-1] for number, own in enumerate(names)}, reads=False)
    for number, own in enumerate(names):
        workshop.forget(own[-1], [number])


def _groups(tiles: TileGrid, awake: set[int], turn: int | None) -> list[list[int]]:
    """The tiles that are awake, each alone, or with the others of its group in this round."""
    if turn is None:
        return [[number] for number in sorted(awake)]
    down, right = _OFFSETS[turn % len(_OFFSETS)]
    groups: dict[tuple[int, int], list[int]] = {}
    wanted = {_group(tiles, number, down, right) for number in awake}
    for row, column in sorted(wanted):
        groups[row, column] = [
            i * tiles.columns + j
            for i in range(max(2 * row - down, 0), min(2 * row - down + 2, tiles.rows))
            for j in range(max(2 * column - right, 0), min(2 * column - right + 2, tiles.columns))
        ]
    return list(groups.values())


def _group(tiles: TileGrid, number: int, down: int, right: int) -> tuple[int, int]:
    row, column = divmod(number, tiles.columns)
    return (row + down) // 2, (column + right) // 2
