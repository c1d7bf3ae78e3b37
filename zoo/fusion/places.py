"""Detections of many pairs as places: outlines that pairs agree on.

1. Which detections are alike enough, by intersection over union.
2. The outline that pairs agree with best is a place; what agrees with it is put aside; again, until nothing is left.
3. Each detection goes to the place whose outline is most like it, and the places are told in numbers.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from insarfeat.errors import InvalidArgument
from zoo.detections import Detections
from zoo.fusion.covering import covered
from zoo.fusion.sightings import SeenPair, independent
from zoo.shapes import Outline

_OF_PAIRS = ("pairs", "primary_date", "secondary_date", "orbit_direction", "heading")
_COLUMNS = (
    "class", "score", "area_m2", "orbit", "first", "last", "confirmed", "times_seen", "independent", "chances",
    "share_seen", "mean_score", "orbits", "first_seen", "last_seen", "class_votes", "pairs_seen", "detections",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """One detection."""

    pair: SeenPair
    name: str
    label: str
    score: float
    area: float
    outline: Outline
    geometry: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """An outline and all detections that are it, the one of the outline first."""

    sightings: tuple[_Sighting, ...]

    @property
    def pairs(self) -> list[SeenPair]:
        """Those that saw it, in the order of time."""
        return sorted({one.pair for one in self.sightings})

    @property
    def votes(self) -> dict[str, int]:
        """Detections by class, the most frequent class first, of equal ones that with the higher scores."""
        count: dict[str, int] = defaultdict(int)
        score: dict[str, float] = defaultdict(float)
        for one in self.sightings:
            count[one.label] += 1
            score[one.label] += one.score
        return {
            label: count[label]
            for label in sorted(count, key=lambda label: (-count[label], -score[label], label))
        }

    def row(self, chances: int, least: int) -> dict[str, Any]:
        """What the table says of it."""
        pairs = self.pairs
        best = [max(one.score for one in self.sightings if one.pair == pair) for pair in pairs]
        votes = self.votes
        first, last = min(pair.first for pair in pairs), max(pair.last for pair in pairs)
        orbits = "".join(sorted({pair.orbit for pair in pairs}))
        return {
            "class": next(iter(votes)),
            "score": max(best),
            "area_m2": self.sightings[0].area,
            "orbit": orbits,
            "first": first,
            "last": last,
            "confirmed": len(pairs) >= least,
            "times_seen": len(pairs),
            "independent": independent(pairs),
            "chances": chances,
            "share_seen": len(pairs) / chances,
            "mean_score": float(np.mean(best)),
            "orbits": orbits,
            "first_seen": first,
            "last_seen": last,
            "class_votes": ", ".join(f"{label} {count}" for label, count in votes.items()),
            "pairs_seen": " ".join(sorted({one.name for one in self.sightings})),
            "detections": len(self.sightings),
        }


def places_of(
    parts: Sequence[Detections], overlap: float, least: int, footprints: Mapping[str, Any]
) -> Detections:
    """Places of the detections of several pairs."""
    if not 0 < overlap <= 1:
        raise InvalidArgument(f"overlap must lie above 0 and not above 1; got {overlap!r}")
    joined = Detections.joined(parts)
    sightings = _sightings(joined)
    looked = _pairs_looked_at(joined, sightings, footprints)
    places = [_Place(members) for members in _grouped(sightings, overlap)]
    reach = covered([place.sightings[0].outline for place in places], footprints, joined.crs)
    rows = []
    for number, place in enumerate(places):
        seen = set(place.pairs)
        # What a pair saw it covers, whatever its footprint says.
        others = [names for pair, names in looked.items() if pair not in seen]
        chances = len(seen) + sum(any(reach.covers(name, number) for name in names) for names in others)
        rows.append(place.row(chances, least))
    order = sorted(range(len(rows)), key=lambda number: _rank(rows[number], places[number]))
    columns = {name: [rows[number][name] for number in order] for name in _COLUMNS}
    about = {name: value for name, value in joined.about.items() if name not in _OF_PAIRS}
    about |= {"fused_pairs": len(looked), "fused_overlap": float(overlap), "fused_least": least}
    return Detections.of_outlines(
        [places[n].sightings[0].geometry for n in order], columns, crs=joined.crs, about=about
    )


def _rank(row: Mapping[str, Any], place: _Place) -> tuple[Any, ...]:
    """Smallest first; the outline settles what is equal."""
    return not row["confirmed"], -row["share_seen"], -row["score"], place.sightings[0].outline.bounds


def _sightings(found: Detections) -> list[_Sighting]:
    """All detections, in an order that depends on nothing but themselves."""
    table = found.table
    sightings = [
        _Sighting(
            SeenPair.named(name, orbit), str(name), str(label), score, area, Outline.of(geometry), geometry
        )
        for name, orbit, label, score, area, geometry in zip(
            *(table[name].tolist() for name in ("pair", "orbit", "class", "score", "area_m2")),
            found.outlines,
            strict=True,
        )
    ]
    if not all(np.isfinite(one.score) for one in sightings):
        raise InvalidArgument("results holds detections without a score; drop them, or give them one")
    return sorted(sightings, key=lambda one: (one.outline.bounds, one.pair, one.name, -one.score, one.label))


def _pairs_looked_at(
    found: Detections, sightings: Sequence[_Sighting], footprints: Mapping[str, Any]
) -> dict[SeenPair, set[str]]:
    """All pairs, each with the names of its products."""
    looked: dict[SeenPair, set[str]] = defaultdict(set)
    for one in sightings:
        looked[one.pair].add(one.name)
    for name, orbit in found.about.get("pairs", []):
        looked[SeenPair.named(name, orbit)].add(str(name))
    named = {name for names in looked.values() for name in names}
    for name in footprints:
        if name not in named:
            looked[SeenPair.named(name, "")].add(str(name))
    return looked


def _grouped(sightings: Sequence[_Sighting], overlap: float) -> list[tuple[_Sighting, ...]]:
    """Detections by place."""
    alike = _likenesses(sightings, overlap)
    free = [True] * len(sightings)

    def support(number: int) -> tuple[float, float, int]:
        best: dict[SeenPair, float] = {}
        for other, likeness in alike[number].items():
            if free[other]:
                pair = sightings[other].pair
                best[pair] = max(best.get(pair, 0.0), likeness)
        best[sightings[number].pair] = 1.0
        # Smallest first, as heaps have it.
        return -sum(sorted(best.values())), -sightings[number].score, number

    # Support only falls as detections are put aside, so that the first whose support still holds is the best of all.
    waiting = [support(number) for number in range(len(sightings))]
    heapq.heapify(waiting)
    outlines: list[int] = []
    while waiting:
        said = heapq.heappop(waiting)
        number = said[-1]
        if not free[number]:
            continue
        now = support(number)
        if now != said:
            heapq.heappush(waiting, now)
            continue
        outlines.append(number)
        for member in (number, *alike[number]):
            free[member] = False
    members: dict[int, list[int]] = {number: [number] for number in outlines}
    for number in range(len(sightings)):
        if number not in members:
            own = alike[number]
            members[max((one for one in own if one in members), key=lambda one: (own[one], -one))].append(
                number
            )
    return [tuple(sightings[one] for one in group) for group in members.values()]


def _likenesses(sightings: Sequence[_Sighting], overlap: float) -> list[dict[int, float]]:
    """Of each detection, the others that are like it, with how much."""
    alike: list[dict[int, float]] = [{} for _ in sightings]
    for one, other in _meeting(sightings):
        likeness = sightings[one].outline.likeness(sightings[other].outline)
        if likeness >= overlap:
            alike[one][other] = alike[other][one] = likeness
    return alike


def _meeting(sightings: Sequence[_Sighting]) -> Iterator[tuple[int, int]]:
    """Pairs of detections whose bounds overlap; they are in the order of their western sides."""
    west, south, east, north = np.array([one.outline.bounds for one in sightings]).reshape(-1, 4).T
    ends = np.searchsorted(west, east, side="left")
    for number, end in enumerate(ends.tolist()):
        near = slice(number + 1, end)
        hit = (south[near] < north[number]) & (south[number] < north[near])
        for other in (np.flatnonzero(hit) + number + 1).tolist():
            yield number, other
