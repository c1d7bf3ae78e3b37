"""Where an expert's judgement lands: on the place that is there, or on a new one where there is none."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from insarfeat.inventory import areas_of
from zoo.detections import Detections
from zoo.review.coming_back import Change, Reviewed
from zoo.review.going_out import DRAWN, JUDGED, outline_mark
from zoo.review.maps import turned
from zoo.shapes import Outline

SAME = 0.3
"""Likeness from which two outlines are one place, as :func:`zoo.fuse` has it."""

_SEEN = (
    "confirmed", "times_seen", "independent", "chances", "share_seen", "mean_score", "orbits", "first_seen",
    "last_seen", "class_votes", "pairs_seen", "detections",
)  # fmt: skip
_MOST_TOLD = 3
_BY_NAME = 2.0  # more than any likeness of outlines

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Landed:
    """Places after a review: rows and outlines in step, and what is new against before."""

    rows: list[dict[str, Any]]
    outlines: list[Mapping[str, Any]]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Judgement:
    """A candidate of which an expert has said something; ``geometry`` lies on the map of the inventory."""

    told: Mapping[str, Any]
    geometry: Mapping[str, Any]
    changes: tuple[Change, ...]

    @property
    def is_drawn(self) -> bool:
        return str(self.told["uid"]).startswith(DRAWN)

    @property
    def is_decided(self) -> bool:
        return bool(self.told["status"] != "new")

    @property
    def is_outline_new(self) -> bool:
        """Whether the outline is the expert's own."""
        return any(change.what == "outline" for change in self.changes) or self.is_drawn


def landed(
    places: Detections, sightings: Detections, reviewed: Reviewed, past: Sequence[Change] = ()
) -> Landed:
    """Places with an expert's decisions.

    A candidate is the place of its uid; else the one whose outline is most like it, by ``SAME`` or more: that of the
    detection that went out, or the one the expert has made of it. Of several candidates of one place, which are of
    several pairs, the decided one most like it counts. What the expert drew lands on a place only where nothing else
    was said of it; and what lands nowhere becomes a place of its own.

    Changes are told against the places, so that the same review changes nothing when it comes again.

    Parameters
    ----------
    places, sightings
        Of the inventory.
    reviewed
        What came back.
    past
        Changes that the inventory has seen.
    """
    rows = places.table.to_dict("records")
    outlines: list[Mapping[str, Any]] = list(places.outlines)
    judgements = _judgements(reviewed, places.crs)
    changes: list[Change] = []
    chosen: dict[int, _Judgement] = {}
    alone: list[_Judgement] = []
    contested: list[str] = []
    for number, several in _by_place(judgements, places, sightings).items():
        if number is None:
            alone += several
            continue
        chosen[number] = several[0]
        if len({one.told["status"] for one in several if one.is_decided}) > 1:
            contested.append(str(rows[number]["uid"]))
    if contested:
        _log.warning(
            "%d place(s) have candidates that were judged differently; the one most like the place decides: %s%s",
            len(contested),
            ", ".join(contested[:_MOST_TOLD]),
            ", ..." if len(contested) > _MOST_TOLD else "",
        )
    for number, one in sorted(chosen.items()):
        row = rows[number]
        new = list(_news(one, row, outlines[number]))
        if not new:
            continue
        changes += new
        if one.is_outline_new:
            outlines[number], row["outline_by"] = one.geometry, one.changes[0].who
            row["area_m2"] = float(areas_of([one.geometry], crs=places.crs or reviewed.crs)[0])
        row |= _said(one)
        row |= {"reviewer": new[0].who, "reviewed": new[0].when, "updated": new[0].when}
        row["version"] = int(row["version"]) + 1
    for one in alone:
        rows.append(_own_place(one, places.crs or reviewed.crs))
        outlines.append(one.geometry)
        first = one.changes[0]
        changes.append(Change(first.uid, "added", "", str(one.told["Class"]), first.who, first.when))
        changes += [change for change in one.changes if change.what in JUDGED]
    known = {(change.uid, change.what, change.who) for change in past}
    changes += [
        change
        for change in reviewed.changes
        if change.what == "removed" and (change.uid, change.what, change.who) not in known
    ]
    return Landed(rows, outlines, tuple(changes))


def most_like(place: Outline, shapes: Sequence[Outline], taken: set[int]) -> int | None:
    """Which of the others, but those taken, is the same place; None where none is.

    >>> from zoo.shapes import rectangle
    >>> one, near, far = (Outline.of(rectangle(x, 0, x + 3, 1)) for x in (0, 1, 9))
    >>> most_like(one, [far, near], set()), most_like(one, [far, near], {1})
    (1, None)
    """
    alike = {number: place.likeness(shape) for number, shape in enumerate(shapes) if number not in taken}
    best = max(alike, key=lambda number: alike[number], default=None)
    return best if best is not None and alike[best] >= SAME else None


def _judgements(reviewed: Reviewed, crs: str | None) -> list[_Judgement]:
    """Candidates of which something was said, on the map of the inventory."""
    by_uid: dict[str, list[Change]] = defaultdict(list)
    for change in reviewed.changes:
        by_uid[change.uid].append(change)
    mine = [feature for feature in reviewed.features if by_uid.get(feature["properties"]["uid"])]
    geometries = turned([feature["geometry"] for feature in mine], reviewed.crs, crs)
    return [
        _Judgement(feature["properties"], geometry, tuple(by_uid[feature["properties"]["uid"]]))
        for feature, geometry in zip(mine, geometries, strict=True)
    ]


def _by_place(
    judgements: Sequence[_Judgement], places: Detections, sightings: Detections
) -> dict[int | None, list[_Judgement]]:
    """Judgements by the place that they are about, the one that counts first; None: about none that is there."""
    names = _names(places)
    went_out = {
        uid: outline
        for uid, outline in zip(_names(sightings), sightings.outlines, strict=True)
        if uid not in names
    }
    shapes = [Outline.of(outline) for outline in places.outlines]
    likely: dict[int | None, list[tuple[float, _Judgement]]] = defaultdict(list)
    drawn: list[_Judgement] = []
    for one in judgements:
        uid = str(one.told["uid"])
        if uid in names:
            likely[names[uid]].append((_BY_NAME, one))
        elif one.is_drawn:
            drawn.append(one)
        else:
            number, likeness = _nearest(one, went_out.get(uid), shapes)
            likely[number].append((likeness, one))
    for one in drawn:
        number, likeness = _nearest(one, None, shapes)
        likely[None if number in likely else number].append((likeness, one))
    return {
        number: [one for _, one in sorted(several, key=lambda each: (not each[1].is_decided, -each[0]))]
        for number, several in likely.items()
    }


def _names(found: Detections) -> dict[str, int]:
    """Row of each uid; an empty inventory has none."""
    return {str(uid): number for number, uid in enumerate(found.table["uid"])} if len(found) else {}


def _nearest(
    one: _Judgement, went_out: Mapping[str, Any] | None, shapes: Sequence[Outline]
) -> tuple[int | None, float]:
    """The place of a candidate, by the outline it came back with or went out with, and how like it is."""
    likely: list[tuple[float, int]] = []
    for outline in (Outline.of(geometry) for geometry in (one.geometry, went_out) if geometry is not None):
        number = most_like(outline, shapes, set())
        if number is not None:
            likely.append((outline.likeness(shapes[number]), number))
    if not likely:
        return None, 0.0
    likeness, best = max(likely, key=lambda each: each[0])
    return best, likeness


def _said(one: _Judgement) -> dict[str, Any]:
    """What a judgement says of its place: all of a decision, else what was changed only.

    A candidate that is still new must not undo what was decided of its place.
    """
    given = [name for name in JUDGED if one.is_decided or any(change.what == name for change in one.changes)]
    return {"class" if name == "Class" else name: one.told[name] for name in given}


def _news(one: _Judgement, row: Mapping[str, Any], outline: Mapping[str, Any]) -> Iterator[Change]:
    """What a judgement changes of its place."""
    who, when, uid = one.changes[0].who, one.changes[0].when, str(row["uid"])
    for name, value in _said(one).items():
        before, after = _text(row.get(name)), _text(value)
        if before != after:
            yield Change(uid, "Class" if name == "class" else name, before, after, who, when)
    before, after = outline_mark(outline), outline_mark(one.geometry)
    if one.is_outline_new and before != after:
        yield Change(uid, "outline", before, after, who, when)


def _own_place(one: _Judgement, crs: str) -> dict[str, Any]:
    """A place that the inventory does not have: drawn, or found where it has not looked."""
    told, change = one.told, one.changes[0]
    return {
        "class": told["Class"],
        "score": float("nan"),
        "area_m2": float(areas_of([one.geometry], crs=crs)[0]),
        "pair": str(told["IFG"] or ""),
        "orbit": str(told["Traj"] or ""),
        "first": "",
        "last": "",
        **dict.fromkeys(_SEEN),
        "confirmed": False,
        "uid": told["uid"],
        **{name: told[name] for name in JUDGED if name != "Class"},
        "reviewer": change.who,
        "reviewed": change.when,
        "outline_by": change.who,
        "version": 1,
        "updated": change.when,
    }


def _text(value: Any) -> str:
    """A value as history has it; tables turn gaps into NaN, and whole numbers beside them into others."""
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
