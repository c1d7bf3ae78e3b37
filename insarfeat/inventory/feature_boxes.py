"""Mapped features as labels: boxes on a grid, with their classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.geometry.maps import map_named
from insarfeat.georeference import Grid
from insarfeat.inventory.edges import Edges
from insarfeat.inventory.polygons import Outlines, _as_geojson, _things_in
from insarfeat.windows import Shape, Window

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Box:
    """The box about one mapped feature.

    Attributes
    ----------
    label
        Class of the feature; None where it has none.
    row0, col0, row1, col1
        The part on the grid, in pixels from the outer corner of the first one: row 0.5 is the centre of row 0. They
        need not be whole.
    west, south, east, north
        The whole box, in the CRS of the grid.
    feature
        Number of the feature among the polygons given, from 0.
    attributes
        All attributes of the feature.
    """

    label: Any
    row0: float
    col0: float
    row1: float
    col1: float
    west: float
    south: float
    east: float
    north: float
    feature: int
    attributes: Mapping[str, Any] = field(hash=False)

    @property
    def pixels(self) -> tuple[float, float, float, float]:
        """(row0, col0, row1, col1)."""
        return self.row0, self.col0, self.row1, self.col1

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north)."""
        return self.west, self.south, self.east, self.north

    @property
    def window(self) -> Window:
        """The pixels that the box touches, to cut them out of a layer."""
        top, left = math.floor(self.row0), math.floor(self.col0)
        return Window(top, left, math.ceil(self.row1) - top, math.ceil(self.col1) - left)


@dataclass(frozen=True, slots=True)
class Boxes:
    """What :func:`boxes` found: a sequence of :class:`Box`.

    Attributes
    ----------
    found
        In the order of the features.
    left_out
        Number of features off the grid, or without a polygon.
    """

    found: tuple[Box, ...]
    left_out: int

    def __len__(self) -> int:
        return len(self.found)

    def __iter__(self) -> Iterator[Box]:
        return iter(self.found)

    def __getitem__(self, number: int) -> Box:
        return self.found[number]

    def __repr__(self) -> str:
        return f"Boxes({len(self.found)} on the grid, {self.left_out} left out)"

    @property
    def labels(self) -> tuple[Any, ...]:
        """Class of each box."""
        return tuple(box.label for box in self.found)

    @property
    def pixels(self) -> NDArray[np.float64]:
        """One row of (row0, col0, row1, col1) per box."""
        return np.array([box.pixels for box in self.found], np.float64).reshape(-1, 4)

    def table(self) -> pd.DataFrame:
        """One row per box: label, places, and all attributes."""
        import pandas as pd

        places = ("label", "row0", "col0", "row1", "col1", "west", "south", "east", "north")
        rows = [{**{place: getattr(box, place) for place in places}, **box.attributes} for box in self.found]
        index = pd.Index([box.feature for box in self.found], name="feature")
        return pd.DataFrame(rows, index=index, columns=None if rows else list(places))


def boxes(polygons: Any, grid: Any, *, label: str = "Class") -> Boxes:
    """Boxes about mapped features, parallel to the rows and columns of a grid, with their classes.

    All polygons of a feature share one box. It is cut at the edges of the grid; the bounds on the map are not.

    Parameters
    ----------
    polygons, grid
        As for :func:`insarfeat.inventory.rasterize`.
    label
        Attribute that holds the class.

    Returns
    -------
    Boxes
        Those that lie on the grid at least in part; the others are counted.

    Examples
    --------
    >>> import xarray as xr
    >>> layer = xr.DataArray(np.zeros((2, 4)), {"y": [15.0, 5.0], "x": [5.0, 15.0, 25.0, 35.0]}, ("y", "x"))
    >>> slide = {"type": "Polygon", "coordinates": [[(12, 8), (38, 8), (38, 20), (12, 20), (12, 8)]]}
    >>> feature = {"type": "Feature", "geometry": slide, "properties": {"Class": "RG", "Sign_Qual": 1}}
    >>> (box,) = boxes([feature], layer)
    >>> box.label, box.pixels, box.bounds
    ('RG', (0.0, 1.2, 1.2, 3.8), (12.0, 8.0, 38.0, 20.0))
    """
    things = list(_things_in(polygons))
    outlines = Outlines.of(things)
    attributes = [known for thing in things for known in _properties_in(_as_geojson(thing))]
    named = {name for known in attributes for name in known}
    if label != "Class" and label not in named:
        raise InvalidArgument(
            f"label is {label!r}, which no feature has as an attribute{suggestion(label, named)}; there are "
            f"{', '.join(sorted(map(str, named))) or 'none'}"
        )
    grid_named = map_named(grid).grid
    edges = Edges.of(outlines, grid_named)
    found = []
    order = np.argsort(edges.features, kind="stable")
    numbers, first = np.unique(edges.features[order], return_index=True)
    if len(numbers):
        low = np.minimum.reduceat(edges.boxes[order, :2], first)
        high = np.maximum.reduceat(edges.boxes[order, 2:], first)
        found = [
            _box(grid_named, edges.shape, (*one, *other), int(number), attributes[number], label)
            for number, one, other in zip(numbers, low.tolist(), high.tolist(), strict=True)
        ]
    kept = tuple(box for box in found if box is not None)
    return Boxes(kept, len(outlines.features) - len(kept))


def _box(
    grid: Grid,
    shape: Shape,
    reach: tuple[float, ...],
    number: int,
    attributes: Mapping[str, Any],
    label: str,
) -> Box | None:
    """The box of one feature, from (x0, y0, x1, y1) in pixels; None off the grid."""
    x0, y0, x1, y1 = reach
    rows = max(y0, 0.0), min(y1, float(shape.height))
    columns = max(x0, 0.0), min(x1, float(shape.width))
    if not (rows[0] < rows[1] and columns[0] < columns[1]):
        return None
    west, east = sorted(grid.x.first + (x - 0.5) * grid.x.step for x in (x0, x1))
    south, north = sorted(grid.y.first + (y - 0.5) * grid.y.step for y in (y0, y1))
    return Box(
        attributes.get(label), rows[0], columns[0], rows[1], columns[1],
        west, south, east, north, number, attributes,
    )  # fmt: skip


def _properties_in(geojson: Any) -> Iterator[dict[str, Any]]:
    """Attributes of the features, in the order in which ``Outlines`` has them."""
    kind = geojson.get("type")
    if kind == "FeatureCollection":
        for feature in geojson.get("features", ()):
            yield from _properties_in(feature)
    else:
        yield dict(geojson.get("properties") or {}) if kind == "Feature" else {}
