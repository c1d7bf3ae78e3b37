"""What an expert has judged: checked row by row, compared with what went out, and turned into labels."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from insarfeat.errors import InvalidArgument, UnreadableInput, suggestion
from insarfeat.inventory import read_polygons
from insarfeat.inventory.geopackage import Notes, Sheet, layers_in, read_notes, write_sheets
from insarfeat.synth.classes import ARTEFACT
from zoo.detections import days_of
from zoo.review.going_out import (
    CANDIDATES,
    CLASS_NAMES,
    CLASS_UNCERTAINTIES,
    COLUMNS,
    DRAWN,
    EXPORTED,
    JUDGED,
    KNOWN_CLASSES,
    SIGNAL_QUALITIES,
    STATUSES,
    outline_mark,
)
from zoo.review.styles import STATUS_COLOURS, style

LABELS, LEFT_OUT, CHANGES = "labels", "left_out", "changes"
"""Layers of a file of labels, and the table of who changed what."""

_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that an expert changed.

    Attributes
    ----------
    uid
        Of the candidate.
    what
        Attribute, "outline", "added" or "removed".
    before, after
        As text; "" for nothing.
    who, when
        Reviewer, and time of the import (UTC, ISO 8601).
    """

    uid: str
    what: str
    before: str
    after: str
    who: str
    when: str


@dataclass(frozen=True, slots=True, eq=False)
class Reviewed:
    """A checked review.

    Attributes
    ----------
    features
        Every candidate as it came back, those that the expert added among them; GeoJSON.
    crs
        Of the coordinates.
    changes
        Against what went out.
    """

    features: tuple[dict[str, Any], ...]
    crs: str
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        counts = [sum(one["properties"]["status"] == status for one in self.features) for status in STATUSES]
        told = ", ".join(f"{count} {status}" for count, status in zip(counts, STATUSES, strict=True))
        return f"{len(self.features)} candidates: {told}; {len(self.changes)} changes"

    def labels(self) -> list[dict[str, Any]]:
        """What can be learned from: accepted candidates, and rejected ones as artefacts (AR), the hard negatives."""
        found = []
        for feature in self.features:
            told = feature["properties"]
            if told["status"] not in ("accepted", "rejected"):
                continue
            name = told["Class"] if told["status"] == "accepted" else ARTEFACT
            found.append({**feature, "properties": {**told, "Class": name}})
        return found

    def left_out(self) -> list[dict[str, Any]]:
        """Candidates of which nothing is known: neither slides nor background."""
        return [one for one in self.features if one["properties"]["status"] in ("new", "unsure")]

    def write_labels(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write labels for training to a GeoPackage, with everything that was changed.

        The layers are ``labels`` (``Class`` is AR for what was rejected) and ``left_out``; the table ``changes``
        keeps those of earlier imports into the same file, each once. Candidates that are in the file already are
        replaced, others stay.
        """
        file = Path(path)
        labels, aside, past = self.labels(), self.left_out(), []
        if file.exists():
            if not overwrite:
                from insarfeat.errors import OutputExists

                raise OutputExists(
                    f"{file} exists; pass overwrite=True (--overwrite) to renew the labels in it"
                )
            mine = {one["properties"]["uid"] for one in self.features}
            labels += [one for one in _layer(file, LABELS) if one["properties"]["uid"] not in mine]
            aside += [one for one in _layer(file, LEFT_OUT) if one["properties"]["uid"] not in mine]
            before = read_notes(file, CHANGES)
            past = [] if before is None else list(before.rows)
        if not labels:
            raise InvalidArgument("no candidate is accepted or rejected: there is nothing to learn from yet")
        shown = style("status", STATUS_COLOURS, filled=False)
        sheets = {LABELS: Sheet(_sheet(labels), shown)}
        if aside:
            sheets[LEFT_OUT] = Sheet(_sheet(aside), shown)
        return write_sheets(
            sheets,
            file,
            crs=self.crs,
            notes={CHANGES: as_notes(self._unlike(past), past)},
            overwrite=overwrite,
        )

    def _unlike(self, past: Sequence[Sequence[str | None]]) -> list[Change]:
        """Changes that are not the last word already: the same review may be imported again."""
        last = {(row[0], row[1]): tuple(cell or "" for cell in row[2:5]) for row in past}
        return [
            one for one in self.changes if last.get((one.uid, one.what)) != (one.before, one.after, one.who)
        ]


def import_review(path: str | os.PathLike[str], *, reviewer: str, when: datetime | None = None) -> Reviewed:
    """Read what an expert has judged, and check each row.

    Parameters
    ----------
    path
        A file of :func:`zoo.review.export_review`, edited.
    reviewer
        Who judged; kept with each change.
    when
        Time of the import; now.

    Raises
    ------
    InvalidArgument
        Where rows make no sense: all of them are told, each with what is wrong. Nothing is taken from such a file.
    """
    if not reviewer.strip():
        raise InvalidArgument("reviewer is empty; say who judged: initials will do")
    if CANDIDATES not in layers_in(path):
        raise UnreadableInput(
            f"{path} has no layer {CANDIDATES!r}; it must come from 'insarfeat review export'"
        )
    exported = read_notes(path, EXPORTED)
    if exported is None:
        raise UnreadableInput(
            f"{path} has no table {EXPORTED!r}, which tells what went out; was the layer saved into another file? "
            "Edit the exported file itself"
        )
    found = read_polygons(path, layer=CANDIDATES)
    rows = [_completed(feature, number) for number, feature in enumerate(found["features"], start=1)]
    faults = [fault for feature in rows for fault in _faults(feature["properties"])]
    faults += _doubles(rows)
    if faults:
        shown = faults[:_MOST_TOLD]
        rest = f"\n  and {len(faults) - len(shown)} more" if len(faults) > len(shown) else ""
        raise InvalidArgument(
            f"{path}: {len(faults)} fault(s); nothing was imported. Mend them in QGIS and import again:\n  "
            + "\n  ".join(shown)
            + rest
            + _meanings(faults)
        )
    time = (datetime.now(UTC) if when is None else when).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = {uid: (json.loads(told or "{}"), mark or "") for uid, told, mark in exported.rows if uid}
    changes = tuple(
        Change(uid, what, _text(old), _text(new), reviewer.strip(), time)
        for uid, what, old, new in _differences(before, rows)
    )
    crs = str(found["crs"]["properties"]["name"])
    return Reviewed(tuple(rows), crs, changes)


def as_notes(changes: Sequence[Change], past: Sequence[Sequence[str | None]] = ()) -> Notes:
    """Changes as a table, those of earlier times first."""
    rows = [*past, *((one.uid, one.what, one.before, one.after, one.who, one.when) for one in changes)]
    return Notes(("uid", "what", "before", "after", "who", "time"), rows)


def _completed(feature: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A feature with all columns; one that the expert has drawn gets a name, and counts as accepted."""
    given = feature["properties"]
    told = {name: _as_kind(given.get(name), kind) for name, kind in COLUMNS.items()}
    if not told["uid"]:
        told["uid"] = f"{DRAWN}{outline_mark(feature['geometry'])}"
        told["status"] = told["status"] or "accepted"
    told["status"] = told["status"] or "new"
    if told["Bt"] is None and told["IFG"]:
        told["Bt"] = days_of(str(told["IFG"])).between
    told["Id"] = told["Id"] if told["Id"] is not None else number
    return {"type": "Feature", "properties": told, "geometry": dict(feature["geometry"])}


def _as_kind(value: Any, kind: str) -> Any:
    """A whole number where a column is one: GDAL reads those with gaps as real numbers."""
    return int(value) if kind == "integer" and isinstance(value, float) and value.is_integer() else value


def _none_of(told: Mapping[str, Any], name: str, known: Iterable[str]) -> str:
    given = told[name]
    return f"{name} is {given!r}{suggestion(given, known)}; it must be one of {', '.join(known)}"


def _meanings(faults: Sequence[str]) -> str:
    """What the codes of classes mean, where one was wrong."""
    if not any("Class is " in fault for fault in faults):
        return ""
    return "\n  The classes: " + "; ".join(f"{code} {name}" for code, name in CLASS_NAMES.items())


def _faults(told: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with one row, in words."""
    row = f"Id {told['Id']} ({told['uid']})"
    if told["status"] not in STATUSES:
        yield f"{row}: {_none_of(told, 'status', STATUSES)}"
        return
    if told["Class"] not in KNOWN_CLASSES:
        yield f"{row}: {_none_of(told, 'Class', KNOWN_CLASSES)}"
    for name, known in (("Sign_Qual", SIGNAL_QUALITIES), ("Class_Unc", CLASS_UNCERTAINTIES)):
        meaning, value = ", ".join(known), told[name]
        if value is None and told["status"] == "accepted":
            yield f"{row}: {name} is empty; an accepted candidate needs it ({meaning})"
        elif value is not None and value not in (1, 2):
            yield f"{row}: {name} is {value!r}; it must be 1 or 2 ({meaning})"
    if told["Traj"] not in (None, "A", "D", "AD"):
        yield f"{row}: Traj is {told['Traj']!r}; it must be A, D or AD"
    days = days_of(str(told["IFG"])).between if told["IFG"] else None
    if days is not None and told["Bt"] != days:
        yield f"{row}: Bt is {told['Bt']}, and {told['IFG']} spans {days} days"
    if told["status"] == "accepted" and told["Class"] == ARTEFACT:
        yield f"{row}: an artefact (AR) is accepted; set status to rejected, or another Class"


def _doubles(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows that share a name: one was copied."""
    seen: dict[str, list[Any]] = {}
    for feature in rows:
        seen.setdefault(feature["properties"]["uid"], []).append(feature["properties"]["Id"])
    return [
        f"Ids {', '.join(map(str, ids))} share the uid {uid}: empty the uid of those that are copies"
        for uid, ids in seen.items()
        if len(ids) > 1
    ]


def _differences(
    before: Mapping[str, tuple[Mapping[str, Any], str]], rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str, Any, Any]]:
    """Candidate, what changed, and its values before and after."""
    for feature in rows:
        told, uid = feature["properties"], feature["properties"]["uid"]
        if uid not in before:
            yield uid, "added", None, told["Class"]
            continue
        old, mark = before[uid]
        for name in JUDGED:
            if (old.get(name) or None) != (told[name] or None):
                yield uid, name, old.get(name), told[name]
        if outline_mark(feature["geometry"]) != mark:
            yield uid, "outline", mark, outline_mark(feature["geometry"])
    left = {feature["properties"]["uid"] for feature in rows}
    for uid, (old, _) in before.items():
        if uid not in left:
            yield uid, "removed", old.get("Class"), None


def _layer(file: Path, name: str) -> list[dict[str, Any]]:
    if name not in layers_in(file):
        return []
    return [dict(feature) for feature in read_polygons(file, layer=name)["features"]]


def _sheet(features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), "columns": dict(COLUMNS)}


def _text(value: Any) -> str:
    return "" if value is None else str(value)
