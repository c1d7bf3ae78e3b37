"""What no two parts may share, and which patches are left out for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from insarfeat.tiling.patches.parts.places import Flags, Numbers, Places
from insarfeat.tiling.patches.parts.slides import Sightings

OUT = -1
"""Part of patches that are left out."""

NO_CONFLICT, BUFFER, SLIDE, OVERLAP = 0, 1, 2, 3
"""Why a patch is left out; of several reasons the greatest is told."""


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """Part of each patch, OUT where it is left out; and why, and because of which part."""

    part: Numbers
    why: NDArray[np.uint8]
    because_of: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What parts must not share: ground within the buffer in metres, and slides. The first keep theirs."""

    places: Places
    sightings: Sightings
    buffer: float
    priority: tuple[int, ...]

    def resolve(self, wanted: Numbers) -> Resolved:
        """Leave out what would be shared, so that nothing is: each part gives way to all those before it.

        The order of the patches plays no part.
        """
        part = wanted.copy()
        why = np.zeros(len(part), np.uint8)
        because_of = np.full(len(part), OUT, np.int64)
        before: list[tuple[int, Numbers, Flags]] = []
        seen = self.sightings
        for k in self.priority:
            mine = np.flatnonzero(wanted == k)
            spots, which = self._spots(mine)
            for host, hosts, held in before:
                near = self.places.near(spots, hosts, self.buffer)
                found = np.array([NO_CONFLICT, BUFFER, OVERLAP], np.uint8)[near][which]
                sharing = np.zeros(len(part), bool)
                sharing[seen.patch[held[seen.slide]]] = True
                found = np.where(sharing[mine], np.maximum(found, SLIDE), found)
                worse = found > why[mine]
                why[mine[worse]], because_of[mine[worse]] = found[worse], host
            part[mine[why[mine] > 0]] = OUT
            held = np.zeros(len(seen.names), bool)
            held[seen.slide[part[seen.patch] == k]] = True
            before.append((k, self._spots(np.flatnonzero(part == k))[0], held))
        return Resolved(part, why, because_of)

    def _spots(self, patches: Numbers) -> tuple[Numbers, Numbers]:
        """Places of patches, each once, and which of them each patch is on."""
        there = np.zeros(len(self.places), bool)
        there[self.places.of[patches]] = True
        return np.flatnonzero(there), (np.cumsum(there) - 1)[self.places.of[patches]]


def priority_of(fractions: tuple[float, ...]) -> tuple[int, ...]:
    """Parts from the smallest to the largest: the small ones lose most by losing anything.

    >>> priority_of((0.8, 0.1, 0.1))
    (2, 1, 0)
    """
    return tuple(sorted(range(len(fractions)), key=lambda k: (fractions[k], -k)))
