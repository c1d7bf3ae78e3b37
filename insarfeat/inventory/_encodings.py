"""Polygons as well-known binary, as well-known text, and as rings in longitudes and latitudes."""

from __future__ import annotations

import json
import re
import struct
from typing import Any

import numpy as np

from insarfeat.errors import InvalidArgument
from insarfeat.inventory.polygons import MappedArea, Polygon, Ring

_DECIMALS = 7


def binary(area: MappedArea, *, multi: bool) -> bytes:
    """Well-known binary."""
    parts = [
        b"".join(
            [
                struct.pack("<bII", 1, 3, len(polygon.rings)),
                *(struct.pack("<I", len(ring)) + ring.astype("<f8").tobytes() for ring in polygon.rings),
            ]
        )
        for polygon in area.polygons
    ]
    return struct.pack("<bII", 1, 6, len(parts)) + b"".join(parts) if multi else parts[0]


def well_known_text(area: MappedArea) -> str:
    """Well-known text."""
    parts = [
        "("
        + ", ".join("(" + ", ".join(f"{x!r} {y!r}" for x, y in ring.tolist()) + ")" for ring in polygon.rings)
        + ")"
        for polygon in area.polygons
    ]
    return f"POLYGON {parts[0]}" if len(parts) == 1 else f"MULTIPOLYGON ({', '.join(parts)})"


def of_well_known_text(text: str) -> dict[str, Any]:
    """A polygon, or several, as GeoJSON.

    >>> of_well_known_text("POLYGON ((0 0, 1.5 0, 1.5 2, 0 0))")["coordinates"]
    [[[0.0, 0.0], [1.5, 0.0], [1.5, 2.0], [0.0, 0.0]]]
    """
    kinds = {"POLYGON": "Polygon", "MULTIPOLYGON": "MultiPolygon"}
    kind, _, numbers = text.strip().partition("(")
    if kind.strip().upper() not in kinds:
        raise InvalidArgument(f"the outline must be POLYGON or MULTIPOLYGON; got {text[:40]!r}")
    corner = re.compile(r"([^\s(),]+)\s+([^\s(),]+)")
    listed = corner.sub(lambda found: f"[{float(found[1])!r}, {float(found[2])!r}]", f"({numbers}")
    return {
        "type": kinds[kind.strip().upper()],
        "coordinates": json.loads(listed.replace("(", "[").replace(")", "]")),
    }


def in_degrees(polygon: Polygon, turn: Any) -> list[list[list[float]]]:
    """Rings in longitudes and latitudes, the outer one anticlockwise and holes clockwise."""
    rings = []
    for number, ring in enumerate(polygon.rings):
        turned: Ring = np.stack(turn.transform(ring[:, 0], ring[:, 1]), axis=1)
        if not np.isfinite(turned).all():
            raise InvalidArgument(
                "features have corners that are nowhere on the earth in their CRS; is it theirs?"
            )
        if np.ptp(turned[:, 0]) > 180:
            raise InvalidArgument(
                "a feature crosses the 180th meridian, where GeoJSON wants it cut in two; write .gpkg instead"
            )
        turned = turned.round(_DECIMALS)
        x, y = (turned - turned[0]).T
        anticlockwise = float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) > 0
        rings.append((turned if anticlockwise == (number == 0) else turned[::-1]).tolist())
    return rings
