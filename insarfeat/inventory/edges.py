"""Polygons brought to a grid: their edges in pixels, whatever CRS they came in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument
from insarfeat.georeference import Grid, parse_crs
from insarfeat.inventory.polygons import Outlines, Polygon, _same_crs
from insarfeat.windows import Shape, Window

if TYPE_CHECKING:
    from pyproj import CRS

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]

_ASTRAY = 0.01
_MOST_SPLITS = 16
_THIRDS = (1 / 3, 2 / 3)
_MARGIN = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Edges of polygons in pixels of a grid, from the outer corner of its first pixel.

    Attributes
    ----------
    shape
        Of the grid.
    edges
        Rows of (x0, y0, x1, y1), polygon after polygon: columns and rows, whatever the direction of coordinates.
    starts
        First edge of each polygon, and the end of the last one.
    boxes
        Smallest and largest columns and rows of each polygon, as (x0, y0, x1, y1).
    features
        Number of the feature that each polygon belongs to.
    """

    shape: Shape
    edges: Numbers
    starts: Places
    boxes: Numbers
    features: Places

    @classmethod
    def of(cls, outlines: Outlines, grid: Grid) -> Edges:
        """Edges of all polygons that may lie on the grid.

        An edge is straight in the CRS of the polygons. Where the grid has another one, it is bent there, and is cut
        into pieces that are straight to a hundredth of a pixel.
        """
        polygons, features = _numbered(outlines)
        mapped = None if grid.crs_wkt is None else parse_crs(grid.crs_wkt)
        if outlines.crs is None or mapped is None or _same_crs(outlines.crs, mapped):
            edges, counts = _edges_of(polygons)
            pixels = _in_pixels(edges, grid)
        else:
            near = _near(polygons, outlines.crs, mapped, grid)
            polygons, features = [polygons[k] for k in near], features[near]
            edges, counts = _edges_of(polygons)
            pixels, counts = _bent(edges, counts, outlines.crs, mapped, grid)
        starts = np.concatenate([[0], np.cumsum(counts)])
        boxes = np.empty((len(counts), 4))
        if len(counts):
            first = starts[:-1]
            # Rings are closed, so that the first ends of edges are all corners.
            boxes[:, :2] = np.minimum.reduceat(pixels[:, :2], first)
            boxes[:, 2:] = np.maximum.reduceat(pixels[:, :2], first)
        return cls(Shape(grid.y.size, grid.x.size), pixels, starts, boxes, features)

    def near(self, window: Window) -> Places:
        """Polygons whose boxes reach into a window."""
        x0, y0, x1, y1 = self.boxes.T
        reaches = (x0 < window.right) & (x1 > window.left) & (y0 < window.bottom) & (y1 > window.top)
        return np.flatnonzero(reaches)

    def digest(self) -> str:
        """Hash of all places."""
        told = hashlib.blake2b(str(self.shape).encode(), digest_size=16)
        for array in (self.edges, self.starts):
            told.update(np.ascontiguousarray(array).data)
        return told.hexdigest()


def _numbered(outlines: Outlines) -> tuple[list[Polygon], Places]:
    """All polygons, and the number of the feature of each."""
    polygons = list(outlines.polygons)
    sizes = [len(feature.polygons) for feature in outlines.features]
    return polygons, np.repeat(np.arange(len(sizes)), sizes)


def _edges_of(polygons: Iterable[Polygon]) -> tuple[Numbers, Places]:
    """Edges in coordinates, and how many each polygon has."""
    found = [np.empty((0, 4))]
    counts = []
    for polygon in polygons:
        counts.append(sum(len(ring) - 1 for ring in polygon.rings))
        found += [np.concatenate([ring[:-1], ring[1:]], axis=1) for ring in polygon.rings]
    return np.concatenate(found), np.array(counts, np.int64)


def _in_pixels(edges: Numbers, grid: Grid) -> Numbers:
    """Places in coordinates as columns and rows; any number of (x, y) pairs side by side."""
    x = (edges[:, 0::2] - grid.x.first) / grid.x.step + 0.5
    y = (edges[:, 1::2] - grid.y.first) / grid.y.step + 0.5
    return np.ascontiguousarray(np.stack([x, y], axis=-1).reshape(edges.shape))


def _bent(edges: Numbers, counts: Places, own: CRS, mapped: CRS, grid: Grid) -> tuple[Numbers, Places]:
    """Edges in pixels of a grid of another CRS, as many pieces as it takes, and how many each polygon has now."""
    from pyproj import Transformer

    transformer = Transformer.from_crs(own, mapped, always_xy=True)

    def places(there: Numbers) -> Numbers:
        x, y = transformer.transform(there[:, 0::2], there[:, 1::2])
        return _in_pixels(np.stack([x, y], axis=-1).reshape(there.shape), grid)

    owners = np.repeat(np.arange(len(counts)), counts)
    pixels = places(edges)
    for _ in range(_MOST_SPLITS):
        if not np.isfinite(pixels).all():
            raise InvalidArgument(
                f"polygons reach to where the CRS of the grid, {mapped.name!r}, is not defined; cut them to the "
                "region of the grid first"
            )
        crooked = np.zeros(len(edges), bool)
        for share in _THIRDS:
            straight = pixels[:, :2] * (1 - share) + pixels[:, 2:] * share
            bent = places(edges[:, :2] * (1 - share) + edges[:, 2:] * share)
            # Beyond the reach of the projection pieces are told to be crooked until they are seen above.
            crooked |= ~(np.hypot(*(straight - bent).T) <= _ASTRAY)
        if not crooked.any():
            break
        order = np.repeat(np.arange(len(edges)), 1 + crooked)
        second = np.flatnonzero(crooked) + np.arange(1, 1 + np.count_nonzero(crooked))
        middles = 0.5 * (edges[crooked, :2] + edges[crooked, 2:])
        edges, owners = edges[order], owners[order]
        edges[second - 1, 2:] = middles
        edges[second, :2] = middles
        pixels = places(edges)
    return pixels, np.bincount(owners, minlength=len(counts))


def _near(polygons: list[Polygon], own: CRS, mapped: CRS, grid: Grid) -> Places:
    """Polygons that may lie on the grid: others may lie where its projection is not defined."""
    from pyproj import Transformer

    sides = [(axis.first + axis.step * np.array([-0.5, axis.size - 0.5])) for axis in (grid.x, grid.y)]
    bounds = Transformer.from_crs(mapped, own, always_xy=True).transform_bounds(
        sides[0].min(), sides[1].min(), sides[0].max(), sides[1].max()
    )
    west, south, east, north = bounds
    if not (np.isfinite(bounds).all() and west < east and south < north):  # over the antimeridian, say
        return np.arange(len(polygons))
    margin = _MARGIN * max(east - west, north - south)
    low = np.array([polygon.outer.min(axis=0) for polygon in polygons])
    high = np.array([polygon.outer.max(axis=0) for polygon in polygons])
    reaches = (low < (east + margin, north + margin)) & (high > (west - margin, south - margin))
    found: NDArray[Any] = np.flatnonzero(reaches.all(axis=1))
    return found
