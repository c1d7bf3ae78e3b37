"""Outlines as GeoJSON geometries: boxes, bounds, areas, and how far two of them are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument

Values = NDArray[np.float64]

_LINES = 128


def rectangle(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    """A box as a GeoJSON Polygon, anticlockwise."""
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [corners]}


def bounds_of(outline: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """(west, south, east, north) of a GeoJSON Polygon or MultiPolygon."""
    kind = outline.get("type")
    if kind not in ("Polygon", "MultiPolygon"):
        raise InvalidArgument(f"an outline is of type {kind!r}; it must be a GeoJSON Polygon or MultiPolygon")
    polygons = [outline["coordinates"]] if kind == "Polygon" else outline["coordinates"]
    corners = np.array([corner[:2] for rings in polygons for corner in rings[0]], np.float64).reshape(-1, 2)
    if not len(corners) or not np.isfinite(corners).all():
        raise InvalidArgument("an outline has no corners, or some that are not finite; leave it out")
    west, south = corners.min(axis=0).tolist()
    east, north = corners.max(axis=0).tolist()
    return west, south, east, north


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A geometry ready to be compared with others.

    Attributes
    ----------
    bounds
        (west, south, east, north).
    edges
        Rows of (x0, y0, x1, y1), of all rings, without level ones.
    area
        In square units of the coordinates, holes left out.
    """

    bounds: tuple[float, float, float, float]
    edges: Values
    area: float

    @classmethod
    def of(cls, geometry: Mapping[str, Any]) -> Self:
        """Read a GeoJSON Polygon or MultiPolygon."""
        bounds = bounds_of(geometry)
        coordinates = geometry["coordinates"]
        edges, area = [], 0.0
        for rings in [coordinates] if geometry["type"] == "Polygon" else coordinates:
            for number, corners in enumerate(rings):
                ring = np.array([corner[:2] for corner in corners], np.float64)
                edges.append(np.concatenate([ring, np.roll(ring, -1, axis=0)], axis=1))
                x, y = (ring - ring[0]).T  # coordinates of a million metres would cancel badly
                half = abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) / 2
                area += half if number == 0 else -half
        together = np.concatenate(edges)
        return cls(bounds, together[together[:, 1] != together[:, 3]], area)

    @property
    def is_box(self) -> bool:
        """Whether it is a rectangle along the axes."""
        west, south, east, north = self.bounds
        return bool(np.isclose(self.area, (east - west) * (north - south), rtol=1e-12, atol=0.0))

    def shared_with(self, other: Outline) -> float:
        """Area that both cover: exact for two boxes, else by 128 lines across what their bounds share.

        On each line the lengths are exact; the area is off by a percent or so at most, far less than outlines are.
        """
        west, south = (max(self.bounds[n], other.bounds[n]) for n in (0, 1))
        east, north = (min(self.bounds[n], other.bounds[n]) for n in (2, 3))
        if west >= east or south >= north:
            return 0.0
        if self.is_box and other.is_box:
            return (east - west) * (north - south)
        step = (north - south) / _LINES
        lines = np.array([south + (number + 0.5) * step for number in range(_LINES)])
        last = max(self.bounds[2], other.bounds[2])
        mine, theirs = _crossings(self.edges, lines, last), _crossings(other.edges, lines, last)
        crossings = np.concatenate([mine, theirs], axis=1)
        order = np.argsort(crossings, axis=1, kind="stable")
        own = order < mine.shape[1]
        inside = (np.cumsum(own, axis=1) % 2 == 1) & (np.cumsum(~own, axis=1) % 2 == 1)
        widths = np.diff(np.take_along_axis(crossings, order, axis=1), axis=1)
        return float((widths * inside[:, :-1]).sum() * step)

    def likeness(self, other: Outline) -> float:
        """Intersection over union: 1 the same, 0 apart.

        >>> one, other = (Outline.of(rectangle(x, 0, x + 3, 1)) for x in (0, 1))
        >>> one.likeness(other)
        0.5
        """
        shared = self.shared_with(other)
        union = self.area + other.area - shared
        return min(shared / union, 1.0) if union > 0 else 0.0


def _crossings(edges: Values, lines: Values, last: float) -> Values:
    """Where edges cross level lines, one row per line; ``last``, beyond everything, where they do not."""
    x0, y0, x1, y1 = edges.T
    y = lines[:, np.newaxis]
    crossed = (np.minimum(y0, y1) <= y) & (y < np.maximum(y0, y1))
    return np.where(crossed, x0 + (y - y0) * ((x1 - x0) / (y1 - y0)), last)
