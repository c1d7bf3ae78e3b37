"""Polygons of any origin: what GeoJSON and ``__geo_interface__`` say, as rings of coordinates, and their areas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, InvalidType

if TYPE_CHECKING:
    from pyproj import CRS, Geod

Ring = NDArray[np.float64]
"""Corners of a ring as rows of (x, y), the first one repeated at the end."""

_ACCEPTED = (
    "a geometry or GeoDataFrame (anything with __geo_interface__), a GeoJSON dict, or an iterable of those"
)


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """One polygon: its outer ring and its holes."""

    outer: Ring
    holes: tuple[Ring, ...]

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The outer ring, then the holes."""
        return (self.outer, *self.holes)

    @property
    def geojson(self) -> dict[str, Any]:
        """The polygon as a GeoJSON geometry."""
        return {"type": "Polygon", "coordinates": [ring.tolist() for ring in self.rings]}


@dataclass(frozen=True, slots=True, eq=False)
class MappedArea:
    """One mapped feature: a landslide, say, of one or more polygons."""

    polygons: tuple[Polygon, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """All mapped features of an inventory, with their CRS where their origin tells it."""

    features: tuple[MappedArea, ...]
    crs: CRS | None

    @classmethod
    def of(cls, polygons: Any) -> Outlines:
        """Read polygons of any origin.

        >>> square = {"type": "Polygon", "coordinates": [[(0, 0), (0, 2), (2, 2), (2, 0), (0, 0)]]}
        >>> len(Outlines.of([square, {"type": "Feature", "geometry": square}]).features)
        2
        """
        features: list[MappedArea] = []
        found: list[CRS] = []
        for thing in _things_in(polygons):
            crs = _crs_of_polygons(thing)
            if crs is not None and not any(_same_crs(crs, other) for other in found):
                found.append(crs)
            features.extend(_features_in(_as_geojson(thing)))
        if len(found) > 1:
            names = ", ".join(repr(crs.name) for crs in found)
            raise InvalidArgument(
                f"polygons come in different CRSs ({names}); bring them to one first, as in polygons.to_crs(...)"
            )
        if not any(feature.polygons for feature in features):
            raise InvalidArgument(
                f"polygons holds no polygon; it must be {_ACCEPTED}, with at least one polygon"
            )
        return cls(tuple(features), found[0] if found else None)

    @property
    def polygons(self) -> Iterator[Polygon]:
        """All polygons of all features."""
        return (polygon for feature in self.features for polygon in feature.polygons)

    def check_crs(self, crs: CRS | None) -> None:
        """Refuse polygons whose own CRS is known to be another than the layer's."""
        if self.crs is not None and crs is not None and not _same_crs(self.crs, crs):
            raise InvalidArgument(
                f"polygons are in {self.crs.name!r} and the layers in {crs.name!r}; bring the polygons to the "
                "layers' CRS first, as in polygons.to_crs(...)"
            )


def areas_of(polygons: Any, crs: Any = None) -> NDArray[np.float64]:
    """Areas of mapped features in square metres, one number per feature; holes are left out.

    In a geographic CRS areas are those on the ellipsoid, inside geodesics between the corners. In a projected CRS
    they are planar, as the projection has them, in metres whatever the unit of the CRS. A MultiPolygon is one
    feature: its parts are added up.

    Parameters
    ----------
    polygons
        A geometry or GeoDataFrame (anything with ``__geo_interface__``), a GeoJSON dict, or an iterable of those.
        Coordinates are (x, y), or (longitude, latitude), whatever order the CRS gives its axes.
    crs
        CRS of the coordinates: anything that ``pyproj.CRS`` takes, such as ``"EPSG:32632"``. None takes the
        polygons' own, which GeoDataFrames have and most GeoJSON has not.

    Returns
    -------
    numpy.ndarray
        Areas in m2, in the order of the features; 0 for features without a polygon (empty geometries).

    References
    ----------
    Karney, C. F. F. (2013). Algorithms for geodesics. Journal of Geodesy 87, 43-55.

    Examples
    --------
    >>> field = {"type": "Polygon", "coordinates": [[(0, 0), (0, 30), (20, 30), (20, 0), (0, 0)]]}
    >>> areas_of(field, "EPSG:32632")
    array([600.])
    >>> degree = {"type": "Polygon", "coordinates": [[(11, 46), (12, 46), (12, 47), (11, 47), (11, 46)]]}
    >>> (areas_of([degree, field], "EPSG:4326")[0] / 1e6).round(1)
    np.float64(8532.8)
    """
    outlines = Outlines.of(polygons)
    if crs is not None:
        given = _read_crs(crs)
        if outlines.crs is not None and not _same_crs(outlines.crs, given):
            raise InvalidArgument(
                f"crs is {given.name!r}, but polygons say that they are in {outlines.crs.name!r}; leave crs out, or "
                "bring the polygons to it first, as in polygons.to_crs(...)"
            )
    elif outlines.crs is not None:
        given = outlines.crs
    else:
        raise InvalidArgument(
            "polygons carry no CRS, so it cannot be told whether their coordinates are degrees or metres; pass crs=, "
            "as in crs='EPSG:4326'"
        )
    # Only projected coordinates lie in a plane; pyproj knows an ellipsoid for them, too.
    geod = given.get_geod() if given.is_geographic else None
    metres = 1.0 if geod is not None else float(given.axis_info[0].unit_conversion_factor)
    return np.array(
        [
            sum((_area_of(polygon, geod) for polygon in feature.polygons), 0.0) * metres**2
            for feature in outlines.features
        ]
    )


def _area_of(polygon: Polygon, geod: Geod | None) -> float:
    # The direction of rings differs between programs, so that signs mean nothing.
    outer, *holes = (_ring_area(ring, geod) for ring in polygon.rings)
    return outer - sum(holes)


def _ring_area(ring: Ring, geod: Geod | None) -> float:
    if geod is not None:
        return abs(float(geod.polygon_area_perimeter(ring[:, 0], ring[:, 1])[0]))
    # Coordinates of a million metres would cancel badly.
    x, y = (ring - ring[0]).T
    return abs(float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))) / 2.0


def _things_in(polygons: Any) -> Iterator[Any]:
    """The items of an iterable, or the one thing itself."""
    if isinstance(polygons, Mapping) or hasattr(polygons, "__geo_interface__"):
        yield polygons
    elif isinstance(polygons, str | bytes) or hasattr(polygons, "__fspath__"):
        raise InvalidType(
            f"polygons is {polygons!r}; it must be {_ACCEPTED}: read the file first, as in "
            "inventory.read_polygons(path)"
        )
    elif isinstance(polygons, Iterable):
        for thing in polygons:
            if not (isinstance(thing, Mapping) or hasattr(thing, "__geo_interface__")):
                raise InvalidType(f"polygons holds a {type(thing).__name__}; it must be {_ACCEPTED}")
            yield thing
    else:
        raise InvalidType(f"polygons is a {type(polygons).__name__}; it must be {_ACCEPTED}")


def _as_geojson(thing: Any) -> Any:
    return thing if isinstance(thing, Mapping) else thing.__geo_interface__


def _features_in(geojson: Any) -> Iterator[MappedArea]:
    kind = geojson.get("type")
    if kind == "FeatureCollection":
        for feature in geojson.get("features", ()):
            yield from _features_in(feature)
    elif kind == "Feature":
        geometry = geojson.get("geometry")
        yield MappedArea(tuple(_polygons_in(geometry)) if geometry is not None else ())
    else:
        yield MappedArea(tuple(_polygons_in(geojson)))


def _polygons_in(geometry: Any) -> Iterator[Polygon]:
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        for part in geometry.get("geometries", ()):
            yield from _polygons_in(part)
        return
    coordinates = geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon") or coordinates is None:
        raise InvalidArgument(
            f"polygons holds a geometry of type {kind!r}; only Polygon and MultiPolygon (and collections of them) "
            "have an inside: leave the others out"
        )
    for rings in [coordinates] if kind == "Polygon" else coordinates:
        if len(rings):
            outer, *holes = (_ring(corners) for corners in rings)
            yield Polygon(outer, tuple(holes))


def _ring(corners: Any) -> Ring:
    try:
        ring = np.array([corner[:2] for corner in corners], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(
            f"polygons has a ring whose corners are not pairs of numbers ({error}); GeoJSON nests coordinates as "
            "rings of (x, y)"
        ) from error
    if ring.ndim != 2 or ring.shape[1] != 2 or not np.isfinite(ring).all():
        raise InvalidArgument(
            "polygons has a ring whose corners are not finite pairs (x, y); repair or drop it"
        )
    if not np.array_equal(ring[0], ring[-1]):
        ring = np.concatenate([ring, ring[:1]])
    if len(ring) < 4:
        raise InvalidArgument(f"polygons has a ring of {len(ring) - 1} corner(s); a ring has at least 3")
    return ring


def _crs_of_polygons(thing: Any) -> CRS | None:
    """CRS of a GeoDataFrame, or the one that older GeoJSON names."""
    said = thing.get("crs") if isinstance(thing, Mapping) else getattr(thing, "crs", None)
    if isinstance(said, Mapping) and said.get("type") == "name":
        said = said.get("properties", {}).get("name")
    return None if said is None else _read_crs(said)


def _read_crs(crs: Any) -> CRS:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise InvalidArgument(
            f"crs {str(crs)[:80]!r} cannot be read: {error}; pass an EPSG code, as in 'EPSG:32632'"
        ) from error


def _same_crs(one: CRS, other: CRS) -> bool:
    # Coordinates are (x, y) on both sides, whatever the official order of the axes.
    return bool(one.equals(other, ignore_axis_order=True))
