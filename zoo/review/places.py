"""An inventory of places that grows: detections of new pairs join what was seen before, and no decision is lost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.errors import InvalidArgument, MissingInput, OutputExists, UnreadableInput, file_nearby
from insarfeat.georeference import grid_of
from insarfeat.inventory import read_polygons
from insarfeat.inventory.geopackage import Notes, Sheet, layers_in, read_notes, write_sheets
from zoo.detections import COLUMNS, NUMBERS, Detections
from zoo.fusion import fuse
from zoo.review.coming_back import Change, Reviewed, as_notes
from zoo.review.going_out import uid_of
from zoo.review.landing import SAME, landed, most_like
from zoo.review.maps import brought
from zoo.review.speeds import SPEEDS, speeds_of
from zoo.review.styles import STATUS_COLOURS, style
from zoo.shapes import Outline, rectangle

if TYPE_CHECKING:
    import xarray as xr

PLACES, SIGHTINGS, VISIBLE, LOOKED, HISTORY = "places", "sightings", "visible", "looked_at", "history"
"""Layers and tables of the file."""

_DECISION = ("status", "Sign_Qual", "Class_Unc", "remark", "reviewer", "reviewed")
_OWN = ("uid", *_DECISION, "outline_by", "version", "updated", *SPEEDS)
_TEXTS = (
    "status", "remark", "reviewer", "reviewed", "outline_by", "uid", "orbits", "first_seen", "last_seen",
    "class_votes", "pairs_seen",
)  # fmt: skip
_NOWHERE = rectangle(0.0, 0.0, 1e-6, 1e-6)
PROGRAM = "insarfeat"


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One pair that a model has looked at, whether it found anything or not.

    Attributes
    ----------
    pair, orbit
        As in the detections: yyyymmdd_yyyymmdd, and "A", "D" or "".
    visible
        Mask (y, x) of 1 where a slide would have been found, on the CRS of the detections, as
        ``recall_of_pair`` of a map of blind spots reaches a probability; None: everywhere.
    layers
        Of the stack, for the speeds: ``displacement`` or ``wrapped_phase``, and ``slope_to_los``; None for none.
    """

    pair: str
    orbit: str = ""
    visible: xr.DataArray | None = None
    layers: xr.Dataset | None = None

    @property
    def rasters(self) -> list[xr.DataArray]:
        """One that lies on the map, if there is any."""
        motion = [] if self.layers is None else [self.layers["slope_to_los"]]
        return motion if self.visible is None else [self.visible]


@dataclass(frozen=True, slots=True, eq=False)
class Inventory:
    """Places where something was seen, what was seen there, and what experts said of it.

    Attributes
    ----------
    places
        One row for each place, with the columns of :func:`zoo.fuse` (``times_seen`` of ``chances``, the pairs that
        could have seen it, ``first_seen``, ``last_seen``, ``class_votes``), and ``uid``, ``status`` and what else an
        expert says, ``outline_by``, ``speed_low`` and ``speed_high`` (cm a year down the slope: median and 90th
        percentile inside the outline, medians over the pairs), ``version`` and ``updated``.
    sightings
        Every detection, with its speeds.
    visible
        Outlines of what each pair could have seen, GeoJSON by its name.
    history
        Everything that changed: by whom, when, before and after.
    """

    places: Detections
    sightings: Detections
    visible: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    history: tuple[Change, ...] = ()

    @classmethod
    def empty(cls) -> Inventory:
        """Nothing yet."""
        nothing = Detections.of_outlines([], {"class": [], "score": [], "area_m2": []})
        return cls(nothing, nothing)

    def __len__(self) -> int:
        return len(self.places)

    def __str__(self) -> str:
        table = self.places.table
        if not len(table):
            return "no place yet"
        decided = int((table["status"] != "new").sum())
        pairs = len(self.sightings.about.get("pairs", []))
        return (
            f"{len(table)} places from {len(self.sightings)} detections in {pairs} pairs: "
            f"{int(table['confirmed'].sum())} seen more than once, {decided} decided by an expert"
        )

    def updated(
        self,
        found: Detections | Sequence[Detections],
        looks: Iterable[Look] = (),
        *,
        least: int = 2,
        when: datetime | None = None,
    ) -> Inventory:
        """The inventory after more pairs.

        A pair that was looked at before by the same model is replaced. What an expert has decided stays: status,
        class, remarks and outlines that were drawn; only the counts follow the new pairs.

        Parameters
        ----------
        found
            Detections of one pair or several.
        looks
            What could be seen in each pair, and its layers for the speeds.
        least
            So many pairs must have seen what counts as confirmed.
        when
            Time of the update; now.
        """
        time = _stamp(when)
        parts = [found] if isinstance(found, Detections) else list(found)
        several = list(looks)
        crs = self.places.crs or next(
            (grid_of(each).crs_wkt for look in several for each in look.rasters), parts[0].crs
        )
        new = _with_speeds(Detections.joined([brought(part, crs) for part in parts]), several)
        old = self.sightings
        if len(old):
            again = _of_same_run(old, new)
            old = old.only(~again) if again.any() else old
            sightings = Detections.joined([old, new])
        else:
            sightings = new
        pairs = {tuple(pair) for part in (self.sightings, new) for pair in part.about.get("pairs", [])}
        pairs |= {(look.pair, look.orbit) for look in several}
        about = {**sightings.about, "pairs": [list(pair) for pair in sorted(pairs)]}
        sightings = replace(sightings, about=about)
        visible = {**self.visible, **_outlined(several)}
        fused = fuse(sightings, least=least, footprints=dict(visible)) if len(sightings) else sightings
        places, changes = _merged(self.places, _with_own(fused, sightings, time), time)
        return Inventory(places, sightings, visible, (*self.history, *changes))

    def judged(self, reviewed: Reviewed) -> Inventory:
        """The inventory with an expert's decisions, as :func:`zoo.review.import_review` read them.

        Each lands on the place that it is about, by its uid or else by its outline, whether places were exported or
        the detections they are made of. What the expert drew where there is no place is added. The same review once
        more changes nothing.
        """
        kept = landed(self.places, self.sightings, reviewed, self.history)
        places = _detections(kept.rows, kept.outlines, self.places.crs or reviewed.crs)
        return replace(
            self, places=replace(places, about=self.places.about), history=(*self.history, *kept.changes)
        )

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write to one GeoPackage; what stood there stays until the new file is whole."""
        file = Path(path)
        if file.exists() and not overwrite:
            raise OutputExists(f"{file} exists; pass overwrite=True (--overwrite) to renew it")
        if not len(self.places):
            raise InvalidArgument("the inventory has no place yet; nothing was written")
        shown = style("status", STATUS_COLOURS, filled=False)
        sheets = {PLACES: Sheet(self.places.feature_collection(), shown)}
        if len(self.sightings):
            sheets[SIGHTINGS] = Sheet(self.sightings.feature_collection())
        if self.visible:
            features = [
                {"type": "Feature", "properties": {"pair": name}, "geometry": dict(outline)}
                for name, outline in sorted(self.visible.items())
            ]
            sheets[VISIBLE] = Sheet({"type": "FeatureCollection", "features": features})
        looked = Notes(("pair", "orbit"), [tuple(pair) for pair in self.sightings.about.get("pairs", [])])
        return write_sheets(
            sheets,
            file,
            crs=self.places.crs,
            notes={LOOKED: looked, HISTORY: as_notes(self.history)},
            overwrite=overwrite,
        )


def open_inventory(path: str | os.PathLike[str]) -> Inventory:
    """Read what :meth:`Inventory.write` has written."""
    file = Path(path)
    if not file.exists():
        raise MissingInput(
            f"{file} does not exist{file_nearby(file)}; check the name and the folder, or make an inventory with "
            f"'insarfeat inventory update {path} FOUND...'"
        )
    layers = layers_in(file)
    if PLACES not in layers:
        raise UnreadableInput(f"{file} has no layer {PLACES!r}, so it is no inventory of insarfeat")
    looked = read_notes(file, LOOKED)
    pairs = [] if looked is None else [[str(pair), str(orbit or "")] for pair, orbit in looked.rows]
    history = read_notes(file, HISTORY)
    empty = Inventory.empty()
    sightings = _read(file, SIGHTINGS) if SIGHTINGS in layers else empty.sightings
    visible = {}
    if VISIBLE in layers:
        for feature in read_polygons(file, layer=VISIBLE)["features"]:
            visible[str(feature["properties"]["pair"])] = feature["geometry"]
    return Inventory(
        _read(file, PLACES),
        replace(sightings, about={**sightings.about, "pairs": pairs}),
        visible,
        () if history is None else tuple(Change(*(str(cell or "") for cell in row)) for row in history.rows),
    )


def _read(file: Path, layer: str) -> Detections:
    found = read_polygons(file, layer=layer)
    rows = [feature["properties"] for feature in found["features"]]
    return _detections(
        rows, [feature["geometry"] for feature in found["features"]], str(found["crs"]["properties"]["name"])
    )


def _detections(rows: Sequence[Mapping[str, Any]], outlines: Sequence[Any], crs: str | None) -> Detections:
    """Detections of rows that may lack a column or two."""
    names = list(
        dict.fromkeys(name for row in rows for name in row if name not in ("west", "south", "east", "north"))
    )
    columns = {name: [_filled(name, row.get(name)) for row in rows] for name in names}
    return Detections.of_outlines(outlines, columns, crs=crs)


def _filled(name: str, value: Any) -> Any:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        if name in (*NUMBERS, *SPEEDS, "share_seen", "mean_score"):
            return float("nan")
        if name in ("times_seen", "independent", "chances", "detections"):
            return 0
        if name in COLUMNS or name in _TEXTS:
            return ""
        return None
    return value


def _stamp(when: datetime | None) -> str:
    return (datetime.now(UTC) if when is None else when).strftime("%Y-%m-%dT%H:%M:%SZ")


def _of_same_run(old: Detections, new: Detections) -> np.ndarray[Any, Any]:
    """Which old sightings are of pairs and models that came again."""
    told = new.stamped()
    model = str(new.about.get("model", ""))
    models = set(told["model"].astype(str)) if "model" in told else {model}
    pairs = {tuple(pair) for pair in new.about.get("pairs", [])}
    pairs |= set(zip(told["pair"], told["orbit"], strict=True))
    before = old.stamped()
    of_model = before["model"].astype(str).isin(models) if "model" in before else True
    same = [pair in pairs for pair in zip(before["pair"], before["orbit"], strict=True)]
    return np.asarray(np.array(same, bool) & of_model, bool)


def _with_speeds(found: Detections, looks: Sequence[Look]) -> Detections:
    """Sightings with a name each, and the speeds that the layers of their pair tell."""
    table = found.stamped()
    rows = table.to_dict("records")
    uids = [uid_of(row, outline) for row, outline in zip(rows, found.outlines, strict=True)]
    low, high, source = (np.full(len(found), np.nan), np.full(len(found), np.nan), [""] * len(found))
    by_pair = {(look.pair, look.orbit): look.layers for look in looks if look.layers is not None}
    for pair, layers in by_pair.items():
        mine = [n for n, row in enumerate(rows) if (row["pair"], row["orbit"]) == pair]
        for number, speed in zip(mine, speeds_of(layers, [found.outlines[n] for n in mine]), strict=True):
            low[number], high[number], source[number] = speed.low, speed.high, speed.source
    made = table.assign(uid=uids, speed_low=low, speed_high=high, speed_from=source)
    return Detections(made, found.outlines, found.crs, found.about)


def _outlined(looks: Sequence[Look]) -> dict[str, Mapping[str, Any]]:
    """What pairs could have seen, as outlines."""
    from insarfeat.tiling.groups import groups_in

    found: dict[str, Mapping[str, Any]] = {}
    for look in looks:
        if look.visible is None:
            continue
        outlines = [group.outline for group in groups_in((look.visible == 1).astype(np.uint8))]
        parts = [
            rings
            for outline in outlines
            for rings in (
                [outline["coordinates"]] if outline["type"] == "Polygon" else outline["coordinates"]
            )
        ]
        found[look.pair] = {"type": "MultiPolygon", "coordinates": parts} if parts else _NOWHERE
    return found


def _with_own(fused: Detections, sightings: Detections, time: str) -> Detections:
    """Fused places with the columns that only an inventory has."""
    members = [Outline.of(outline) for outline in sightings.outlines]
    low, high = (sightings.table[name].to_numpy(float) for name in SPEEDS[:2])
    sources = sightings.table[SPEEDS[2]].tolist()
    slow, fast, how = [], [], []
    for outline in fused.outlines:
        place = Outline.of(outline)
        mine = [n for n, other in enumerate(members) if place.likeness(other) >= SAME and np.isfinite(low[n])]
        # Medians over the pairs: air makes single ones too fast.
        slow.append(float(np.median(low[mine])) if mine else float("nan"))
        fast.append(float(np.median(high[mine])) if mine else float("nan"))
        how.append(", ".join(sorted({sources[n] for n in mine})))
    count = len(fused)
    own: dict[str, Any] = {
        "uid": [f"place-{uid_of({'class': 'place'}, outline)}" for outline in fused.outlines],
        "status": ["new"] * count,
        "Sign_Qual": [None] * count,
        "Class_Unc": [None] * count,
        "remark": [""] * count,
        "reviewer": [""] * count,
        "reviewed": [""] * count,
        "outline_by": [PROGRAM] * count,
        "version": [1] * count,
        "updated": [time] * count,
        "speed_low": slow,
        "speed_high": fast,
        "speed_from": how,
    }
    return Detections(fused.table.assign(**own), fused.outlines, fused.crs, fused.about)


def _merged(old: Detections, new: Detections, time: str) -> tuple[Detections, list[Change]]:
    """New places with the names and decisions of the old ones, and what changed."""
    if not len(old):
        changes = [
            Change(str(uid), "found", "", str(name), PROGRAM, time)
            for uid, name in zip(new.table["uid"], new.table["class"], strict=True)
        ]
        return new, changes
    rows, outlines = new.table.to_dict("records"), list(new.outlines)
    changes = []
    taken: set[int] = set()
    shapes = [Outline.of(outline) for outline in outlines]
    before = list(zip(old.table.to_dict("records"), old.outlines, strict=True))
    before.sort(key=lambda each: each[0]["status"] == "new")  # what was decided chooses first
    for row, outline in before:
        number = most_like(Outline.of(outline), shapes, taken)
        if number is None:
            if row["status"] != "new":  # nobody sees it any more, and an expert has said what it is
                rows.append(row)
                outlines.append(outline)
            else:
                changes.append(Change(str(row["uid"]), "gone", str(row["class"]), "", PROGRAM, time))
            continue
        taken.add(number)
        mine = rows[number]
        counts = (int(row["times_seen"]), int(row["chances"]))
        mine["uid"], mine["version"] = row["uid"], int(row["version"])
        if row["status"] != "new":
            mine |= {name: row[name] for name in ("class", *_DECISION)}
        if row["outline_by"] != PROGRAM:
            mine["outline_by"], mine["area_m2"], outlines[number] = row["outline_by"], row["area_m2"], outline
        now = (int(mine["times_seen"]), int(mine["chances"]))
        if now != counts:
            mine["version"] += 1
            told = [f"{seen} of {could}" for seen, could in (counts, now)]
            changes.append(Change(str(row["uid"]), "seen", told[0], told[1], PROGRAM, time))
        else:
            mine["updated"] = row["updated"]
    for number in set(range(len(shapes))) - taken:
        row = rows[number]
        changes.append(Change(str(row["uid"]), "found", "", str(row["class"]), PROGRAM, time))
    crs = new.crs if new.crs is not None else old.crs
    return replace(_detections(rows, outlines, crs), about=new.about), changes
