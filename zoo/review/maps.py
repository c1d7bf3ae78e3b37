"""Detections on another map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from insarfeat.georeference import parse_crs
from zoo.detections import Detections


def brought(found: Detections, crs: str | None) -> Detections:
    """Detections in a CRS: corner by corner, since edges are short."""
    if crs is None or found.crs is None:
        return found
    own, wanted = parse_crs(found.crs), parse_crs(crs)
    if own.equals(wanted, ignore_axis_order=True):
        return found
    from pyproj import Transformer

    turn = Transformer.from_crs(own, wanted, always_xy=True)
    outlines = [_turned(outline, turn) for outline in found.outlines]
    table = found.table.drop(columns=["west", "south", "east", "north"])
    columns = {str(name): table[name].tolist() for name in table.columns}
    return Detections.of_outlines(outlines, columns, crs=crs, about=found.about)


def _turned(outline: Mapping[str, Any], turn: Any) -> dict[str, Any]:
    several = outline["coordinates"] if outline["type"] == "MultiPolygon" else [outline["coordinates"]]
    parts = [
        [[list(turn.transform(corner[0], corner[1])) for corner in ring] for ring in rings]
        for rings in several
    ]
    return {"type": outline["type"], "coordinates": parts if outline["type"] == "MultiPolygon" else parts[0]}
