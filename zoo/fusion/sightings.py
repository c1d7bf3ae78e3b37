"""Pairs of acquisitions: their days and orbits, and how many of them share none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from insarfeat.errors import InvalidArgument
from zoo.detections import days_of


@dataclass(frozen=True, slots=True, order=True)
class SeenPair:
    """A pair of acquisitions, whatever the product made of it is called."""

    first: str
    last: str
    orbit: str

    @classmethod
    def named(cls, name: Any, orbit: Any) -> SeenPair:
        """The pair that a name tells of."""
        days = days_of(str(name))
        if not days.first:
            raise InvalidArgument(
                f"the pair {str(name)!r} does not tell its two days, without which it cannot be known what was seen "
                "again; name pairs as in '20230904_20230916'"
            )
        if str(orbit) not in ("A", "D", ""):
            raise InvalidArgument(
                f'the orbit of the pair {name} is {str(orbit)!r}; it must be "A", "D" or ""'
            )
        return cls(days.first, days.last, str(orbit))

    @property
    def acquisitions(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """The two of them."""
        return (self.first, self.orbit), (self.last, self.orbit)


def independent(pairs: Collection[SeenPair]) -> int:
    """How many pairs can be found no two of which share an acquisition.

    Greedily: a pair with an acquisition that no other has is taken first, else the one with fewest neighbours. That
    is never too many, and right wherever pairs form chains or trees.

    >>> days = ("2023-09-04", "2023-09-16", "2023-09-28", "2023-10-10")
    >>> independent([SeenPair(first, last, "A") for first, last in zip(days, days[1:])])
    2
    """
    left = sorted(set(pairs))
    taken = 0
    while left:
        degree: dict[tuple[str, str], int] = defaultdict(int)
        for pair in left:
            for acquisition in pair.acquisitions:
                degree[acquisition] += 1
        chosen = min(left, key=lambda pair: (sorted(degree[one] for one in pair.acquisitions), pair))
        taken += 1
        used = set(chosen.acquisitions)
        left = [pair for pair in left if used.isdisjoint(pair.acquisitions)]
    return taken
