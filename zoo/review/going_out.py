"""Candidates and blind spots as a GeoPackage that an expert edits in QGIS."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.errors import InvalidArgument, OutputExists
from insarfeat.georeference import grid_of
from insarfeat.inventory.geopackage import Notes, Sheet, write_sheets
from insarfeat.synth.classes import ARTEFACT, CLASSES
from zoo.detections import Detections, days_of
from zoo.review.styles import CAUSE_COLOURS, STATUS_COLOURS, style

if TYPE_CHECKING:
    import xarray as xr

CANDIDATES, BLIND, EXPORTED = "candidates", "blind_spots", "exported"
"""Layers of the file, and the table that says how the candidates went out."""

STATUSES = ("new", "accepted", "rejected", "unsure")
"""What an expert says of a candidate."""

CLASS_NAMES: Mapping[str, str] = {
    **{code: slide.name for code, slide in CLASSES.items()},
    ARTEFACT: "artefact, no landslide",
    "landslide": "kind not known",
}
"""What the classes of a candidate mean: those of MIRAGE, slides of events, artefacts, and any landslide."""

KNOWN_CLASSES = tuple(CLASS_NAMES)
"""Classes of a candidate."""

SIGNAL_QUALITIES = ("1 good", "2 poor")
"""Sign_Qual, as in MIRAGE: how clearly the landslide shows in the interferogram."""

CLASS_UNCERTAINTIES = ("1 low", "2 high")
"""Class_Unc, as in MIRAGE: how uncertain its class is."""

COLUMNS: Mapping[str, str] = {
    "Id": "integer",
    "Class": "text",
    "Sign_Qual": "integer",
    "Class_Unc": "integer",
    "IFG": "text",
    "Bt": "integer",
    "Traj": "text",
    "status": "text",
    "remark": "text",
    "score": "real",
    "area_m2": "real",
    "model": "text",
    "version": "text",
    "training_data": "text",
    "uid": "text",
}
"""Attributes of MIRAGE first, then what the expert adds, then where the candidate comes from."""

JUDGED = ("Class", "Sign_Qual", "Class_Unc", "status", "remark")
"""What an expert edits, beside the outline."""

DRAWN = "drawn-"
"""How uids of outlines begin that an expert drew."""


def export_review(
    found: Detections | Sequence[Detections],
    path: str | os.PathLike[str],
    *,
    blind_spots: xr.Dataset | None = None,
    least_score: float = 0.0,
    overwrite: bool = False,
) -> Path:
    """Write candidates, and where nothing could have been found, for an expert to judge in QGIS.

    The layer ``candidates`` has the attributes of MIRAGE (``Class``, ``Sign_Qual`` 1 good or 2 poor, ``Class_Unc`` 1
    low or 2 high, ``IFG``, ``Bt``, ``Traj``), ``status`` and ``remark`` for the expert, and score and model. Signal
    quality and uncertainty are left to the expert. QGIS shows outlines in the colour of their status, and lists to
    choose from.

    Parameters
    ----------
    found
        What a model found, or several; places of an inventory keep what was said of them.
    path
        A .gpkg (needs the extra ``vector``).
    blind_spots
        Map of :func:`zoo.blindspots.blind_spots`: its causes become the layer ``blind_spots``.
    least_score
        Candidates below it stay at home.
    overwrite
        Replace the file.
    """
    file = Path(path)
    if file.exists() and not overwrite:
        raise OutputExists(
            f"{file} exists, perhaps with judgements in it; import those first, then pass overwrite=True "
            "(--overwrite), or choose another output"
        )
    joined = found if isinstance(found, Detections) else Detections.joined(found)
    kept = joined.above(least_score) if least_score > 0.0 else joined
    features = candidates_of(kept)
    sheets = {CANDIDATES: Sheet(_collection(features, COLUMNS, kept.crs), _candidate_style())}
    if blind_spots is not None:
        sheets[BLIND] = Sheet(
            _collection(
                _blind_features(blind_spots),
                {"cause": "text", "km2": "real"},
                grid_of(blind_spots["blind_spot"]).crs_wkt,
            ),
            style("cause", CAUSE_COLOURS, filled=True),
        )
    rows = [
        (feature["properties"]["uid"], json.dumps(feature["properties"]), outline_mark(feature["geometry"]))
        for feature in features
    ]
    about = Notes(("uid", "attributes", "outline"), rows)
    return write_sheets(sheets, file, notes={EXPORTED: about}, overwrite=overwrite)


def candidates_of(found: Detections) -> list[dict[str, Any]]:
    """Detections as candidates: GeoJSON features with the columns of a review."""
    table = found.stamped()
    features = []
    for number, (row, outline) in enumerate(
        zip(table.to_dict("records"), found.outlines, strict=True), start=1
    ):
        name = str(row["class"])
        if name not in KNOWN_CLASSES:
            raise InvalidArgument(
                f"a detection has the class {name!r}; a review knows {', '.join(KNOWN_CLASSES)}"
            )
        properties = {
            "Id": number,
            "Class": name,
            "Sign_Qual": _whole(row.get("Sign_Qual")),
            "Class_Unc": _whole(row.get("Class_Unc")),
            "IFG": str(row["pair"]) or None,
            "Bt": days_of(str(row["pair"])).between,
            "Traj": str(row["orbit"]) or None,
            "status": row.get("status") or "new",
            "remark": row.get("remark") or None,
            "score": float(row["score"]),
            "area_m2": float(row["area_m2"]),
            "model": str(row.get("model", "")) or None,
            "version": str(row.get("version", "")) or None,
            "training_data": str(row.get("training_data", "")) or None,
            "uid": str(row.get("uid") or uid_of(row, outline)),
        }
        features.append({"type": "Feature", "properties": properties, "geometry": dict(outline)})
    return features


def uid_of(row: Mapping[str, Any], outline: Mapping[str, Any]) -> str:
    """Name of a detection that is the same whenever the same model finds it again in the same pair."""
    told = [str(row.get(name, "")) for name in ("pair", "orbit", "model", "version", "class")]
    return hashlib.sha256("|".join([*told, outline_mark(outline)]).encode()).hexdigest()[:16]


def outline_mark(outline: Mapping[str, Any]) -> str:
    """Digest of an outline: the same after a GeoPackage has been written and read."""
    corners = json.dumps(
        _rounded(outline["coordinates"] if outline["type"] == "MultiPolygon" else [outline["coordinates"]])
    )
    return hashlib.sha256(corners.encode()).hexdigest()[:16]


def _rounded(corners: Any) -> Any:
    if isinstance(corners, list | tuple):
        return [_rounded(each) for each in corners]
    return round(float(corners), 6)


def _whole(value: Any) -> int | None:
    return None if value is None or (isinstance(value, float) and np.isnan(value)) else int(value)


def _collection(
    features: Sequence[Mapping[str, Any]], columns: Mapping[str, str], crs: str | None
) -> dict[str, Any]:
    named = {} if crs is None else {"crs": {"type": "name", "properties": {"name": crs}}}
    return {"type": "FeatureCollection", "features": list(features), "columns": dict(columns), **named}


def _candidate_style() -> str:
    choices = {
        "Class": {f"{code} {name}": code for code, name in CLASS_NAMES.items()},
        "Sign_Qual": {meaning: meaning[0] for meaning in SIGNAL_QUALITIES},
        "Class_Unc": {meaning: meaning[0] for meaning in CLASS_UNCERTAINTIES},
        "status": {status: status for status in STATUSES},
    }
    return style("status", STATUS_COLOURS, filled=False, choices=choices)


def _blind_features(blind_spots: xr.Dataset) -> list[dict[str, Any]]:
    """Connected ground of one cause as polygons; single cells are noise."""
    from insarfeat.tiling.groups import groups_in
    from zoo.blindspots.maps import CAUSES

    causes = blind_spots["blind_spot"]
    return [
        {"type": "Feature", "properties": {"cause": name, "km2": group.area / 1e6}, "geometry": group.outline}
        for number, name in CAUSES.items()
        if number
        for group in groups_in((causes == number).astype(np.uint8))
        if group.pixels.sum() > 1
    ]
