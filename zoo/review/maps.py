"""Detections on another map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from insarfeat.georeference import parse_crs
from zoo.detections import Detections


def brought(found: Detections, crs: str | None) -> Detections:
    """Detections in a CRS: corner by corner, since edges are short."""
    if crs is None or found.crs is None:
        return found
    if parse_crs(found.crs).equals(parse_crs(crs), ignore_axis_order=True):
        return found
    outlines = turned(found.outlines, found.crs, crs)
    table = found.table.drop(columns=["west", "south", "east", "north"])
    columns = {str(name): table[name].tolist() for name in table.columns}
    return Detections.of_outlines(outlines, columns, crs=crs, about=found.about)


def turned(outlines: Sequence[Mapping[str, Any]], own: str, crs: str | None) -> list[Mapping[str, Any]]:
    """Outlines of one CRS in another, as they are where both are the same."""
    if crs is None or parse_crs(own).equals(parse_crs(crs), ignore_axis_order=True):
        return list(outlines)
    from pyproj import Transformer

    turn = Transformer.from_crs(parse_crs(own), parse_crs(crs), always_xy=True)
    return [_turned(outline, turn) for outline in outlines]


def _turned(outline: Mapping[str, Any], turn: Any) -> dict[str, Any]:
    several = outline["coordinates"] if outline["type"] == "MultiPolygon" else [outline["coordinates"]]
    parts = [
        [[list(turn.transform(corner[0], corner[1])) for corner in ring] for ring in rings]
        for rings in several
    ]
    return {"type": outline["type"], "coordinates": parts if outline["type"] == "MultiPolygon" else parts[0]}
