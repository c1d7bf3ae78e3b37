"""Polygons from vector files, as GeoJSON that says its CRS."""

from __future__ import annotations

import json
import logging
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import (
    InvalidArgument,
    InvalidType,
    UnreadableInput,
    check_exists,
    missing_extra,
    suggestion,
)

_log = logging.getLogger(__name__)

_GEOJSON = (".geojson", ".json")
_OTHERS = (".gpkg", ".shp", ".kml", ".kmz")
_WGS84 = "OGC:CRS84"

# Types of well-known binary, without heights: the numbers that OGC gave them.
_POLYGON, _MULTIPOLYGON, _COLLECTION = 3, 6, 7
_KINDS = {
    1: "Point", 2: "LineString", _POLYGON: "Polygon", 4: "MultiPoint", 5: "MultiLineString",
    _MULTIPOLYGON: "MultiPolygon", _COLLECTION: "GeometryCollection", 8: "CircularString", 9: "CompoundCurve",
    10: "CurvePolygon", 11: "MultiCurve", 12: "MultiSurface", 15: "PolyhedralSurface", 16: "TIN", 17: "Triangle",
}  # fmt: skip
_WITHOUT_INSIDE = ("point", "line", "curve", "circularstring")


def read_polygons(path: str | os.PathLike[str], *, layer: str | None = None) -> dict[str, Any]:
    """Read mapped features with their attributes and their CRS.

    GeoJSON needs nothing else; GeoPackage, Shapefile and KML need the extra ``vector``. Heights are dropped. Features
    without a polygon (points, lines, empty ones) are left out, and the log says how many.

    Parameters
    ----------
    path
        A file: .geojson or .json, .gpkg, .shp, .kml or .kmz.
    layer
        Name of the layer, where a file holds several with polygons.

    Returns
    -------
    dict
        A GeoJSON FeatureCollection of Polygons, MultiPolygons and collections of them, whose member ``crs`` names the
        CRS: what :func:`compare`, :func:`areas_of`, :func:`rasterize` and :func:`boxes` take. Coordinates are (x, y),
        or (longitude, latitude). GeoJSON that names no CRS is in WGS 84, as its standard has it. Dates are text,
        missing attributes None.

    Raises
    ------
    MissingInput, UnreadableInput
        Where there is no such file; where it is damaged, holds no polygon or does not tell its CRS.

    References
    ----------
    Butler, H. et al. (2016). The GeoJSON Format. RFC 7946. OGC 06-103r4 (2011): Simple feature access, part 1.

    Examples
    --------
    >>> import tempfile
    >>> slide = '{"type": "Polygon", "coordinates": [[[9, 46], [9.1, 46], [9.1, 46.1], [9, 46]]]}'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "slides.geojson")
    ...     _ = file.write_text('{"type": "Feature", "properties": {"Class": "RG"}, "geometry": ' + slide + "}")
    ...     found = read_polygons(file)
    >>> found["features"][0]["properties"], found["crs"]["properties"]["name"]
    ({'Class': 'RG'}, 'OGC:CRS84')
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidType(
            f"path must be the path of a vector file; got {type(path).__name__}: polygons that are read already "
            "need no reading"
        )
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in _GEOJSON + _OTHERS:
        raise InvalidArgument(
            f"path is {str(path)!r}; its ending must be one of {', '.join(_GEOJSON + _OTHERS)}: convert other "
            "formats, as in ogr2ogr slides.gpkg slides.gml"
        )
    check_exists(file)
    if suffix in _GEOJSON:
        if layer is not None:
            raise InvalidArgument(f"layer is {layer!r}, but GeoJSON files have no layers; leave it out")
        features, crs = _from_geojson(file)
    else:
        features, crs = _from_ogr(file, layer)
    kept = [feature for feature in features if feature["geometry"] is not None]
    if not kept:
        raise UnreadableInput(
            f"{file} holds no polygon among its {len(features)} feature(s); mapped areas are needed, not points "
            "or lines"
        )
    if len(kept) < len(features):
        _log.info("%s: %d feature(s) without a polygon are left out", file, len(features) - len(kept))
    return {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": crs}},
        "features": kept,
    }


def _from_geojson(file: Path) -> tuple[list[dict[str, Any]], str]:
    try:
        read = json.loads(file.read_bytes())
    except ValueError as error:
        raise UnreadableInput(
            f"{file} cannot be read as GeoJSON: {error}; is it damaged or cut short?"
        ) from error
    try:
        features = [_feature(geometry, attributes) for geometry, attributes in _geojson_features(read)]
        crs = _named_crs(read)
        strange = crs is None and not all(_in_degrees(feature["geometry"]) for feature in features)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableInput(f"{file} is JSON, but not as GeoJSON has it: {error!r}") from error
    if strange:
        raise UnreadableInput(
            f"{file} names no CRS, so it must be in longitudes and latitudes (RFC 7946), but it has "
            'coordinates beyond 360 and 90; write it in WGS 84, or name the CRS: "crs": {"type": "name", '
            '"properties": {"name": "EPSG:32632"}}'
        )
    return features, crs or _WGS84


def _geojson_features(read: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    kind = read["type"]
    if kind == "FeatureCollection":
        for feature in read["features"]:
            yield from _geojson_features(feature)
    elif kind == "Feature":
        yield read["geometry"], dict(read.get("properties") or {})
    elif kind in _KINDS.values():
        yield read, {}
    else:
        raise ValueError(f"the type {kind!r} is unknown")


def _named_crs(read: Mapping[str, Any]) -> str | None:
    """CRS that older GeoJSON names."""
    said = read.get("crs")
    name = said.get("properties", {}).get("name") if isinstance(said, Mapping) else None
    return None if name is None else str(name)


def _feature(geometry: Any, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": attributes, "geometry": _polygons_of(geometry)}


def _polygons_of(geometry: Any) -> dict[str, Any] | None:
    """What has an inside of a GeoJSON geometry; None if nothing has."""
    if geometry is None:
        return None
    kind = geometry["type"]
    if kind == "GeometryCollection":
        parts = [part for part in map(_polygons_of, geometry["geometries"]) if part is not None]
        return {"type": kind, "geometries": parts} if parts else None
    if kind not in ("Polygon", "MultiPolygon") or not geometry["coordinates"]:
        return None
    rings = geometry["coordinates"] if kind == "MultiPolygon" else [geometry["coordinates"]]
    return dict(geometry) if any(rings) else None


def _in_degrees(geometry: Mapping[str, Any] | None) -> bool:
    if geometry is None:
        return True
    if geometry["type"] == "GeometryCollection":
        return all(_in_degrees(part) for part in geometry["geometries"])
    many = geometry["type"] == "MultiPolygon"
    polygons = geometry["coordinates"] if many else [geometry["coordinates"]]
    return all(
        abs(corner[0]) <= 360 and abs(corner[1]) <= 90
        for rings in polygons
        for corner in (rings[0] if rings else ())
    )


def _from_ogr(file: Path, layer: str | None) -> tuple[list[dict[str, Any]], str]:
    try:
        from pyogrio import list_layers, raw
        from pyogrio.errors import DataSourceError, FeatureError, GeometryError
    except ImportError as error:
        raise missing_extra(f"{file.suffix} files", "vector") from error

    try:
        chosen = _layer_of(file, layer, list_layers(file))
        known, _, geometries, columns = raw.read(file, layer=chosen, force_2d=True)
    except (DataSourceError, FeatureError, GeometryError) as error:
        raise UnreadableInput(f"{file} cannot be read: {error}") from error
    if known["crs"] is None:
        fix = "add its .prj file" if file.suffix.lower() == ".shp" else "assign one, as ogr2ogr -a_srs does"
        raise UnreadableInput(f"{file} does not tell the CRS of its coordinates; {fix}")
    names = [str(name) for name in known["fields"]]
    values = [_plain(column) for column in columns]
    rows: Iterable[tuple[Any, ...]] = zip(*values, strict=True) if values else ((),) * len(geometries)
    try:
        features = [
            _feature(
                None if binary is None else _Binary(binary).geometry(), dict(zip(names, row, strict=True))
            )
            for binary, row in zip(geometries, rows, strict=True)
        ]
    except UnreadableInput as error:
        raise UnreadableInput(f"{file}: {error}") from error
    return features, str(known["crs"])


def _layer_of(file: Path, layer: str | None, listed: NDArray[Any]) -> str:
    """Name of the layer to read."""
    names = [str(name) for name, _ in listed]
    if layer is not None:
        if layer not in names:
            raise InvalidArgument(
                f"layer is {layer!r}{suggestion(layer, names)}, but {file} has {_told(names)}"
            )
        return layer
    able = _with_inside(listed)
    if not able:
        raise UnreadableInput(f"{file} has no layer of polygons, but {_told(names)}")
    if len(able) > 1:
        raise InvalidArgument(
            f"{file} has {len(able)} layers that may hold polygons ({', '.join(map(repr, able))}); say which one "
            "with layer="
        )
    return able[0]


def _with_inside(listed: NDArray[Any]) -> list[str]:
    """Names of the layers that may hold polygons."""
    return [
        str(name)
        for name, kind in listed
        if kind is not None and not any(word in str(kind).lower() for word in _WITHOUT_INSIDE)
    ]


def _told(names: list[str]) -> str:
    return f"the layer(s) {', '.join(map(repr, names))}" if names else "no layers"


def _plain(column: NDArray[Any]) -> list[Any]:
    """Values that JSON can hold."""
    if column.dtype.kind == "M":
        return [None if np.isnat(value) else str(value) for value in column]
    if column.dtype.kind == "f":
        return [None if value != value else value for value in column.tolist()]
    return [
        value.tolist() if isinstance(value, np.ndarray | np.generic) else value for value in column.tolist()
    ]


class _Binary:
    """A geometry in well-known binary, read from its beginning to its end."""

    def __init__(self, binary: bytes) -> None:
        self._binary = binary
        self._place = 0

    def geometry(self) -> dict[str, Any]:
        """The geometry that begins here, as GeoJSON; without coordinates where it has no inside."""
        order = "<" if self._binary[self._place] == 1 else ">"
        self._place += 1
        code = self._number(order)
        if code == _POLYGON:
            return {"type": "Polygon", "coordinates": self._rings(order)}
        if code not in (_MULTIPOLYGON, _COLLECTION):
            # Nothing says how long those are but their own contents, and nothing of them is wanted.
            return self._without_inside(order, code)
        parts = [self.geometry() for _ in range(self._number(order))]
        if code == _COLLECTION:
            return {"type": "GeometryCollection", "geometries": parts}
        return {"type": "MultiPolygon", "coordinates": [part["coordinates"] for part in parts]}

    def _number(self, order: str) -> int:
        (number,) = struct.unpack_from(f"{order}I", self._binary, self._place)
        self._place += 4
        return int(number)

    def _corners(self, order: str) -> list[list[float]]:
        count = self._number(order)
        corners = np.frombuffer(self._binary, f"{order}f8", 2 * count, self._place).reshape(-1, 2)
        self._place += 16 * count
        found: list[list[float]] = corners.tolist()
        return found

    def _rings(self, order: str) -> list[list[list[float]]]:
        return [self._corners(order) for _ in range(self._number(order))]

    def _without_inside(self, order: str, code: int) -> dict[str, Any]:
        kind = _KINDS.get(code, str(code))
        if code == 1:
            self._place += 16
        elif code == 2:
            self._corners(order)
        elif code in (4, 5):
            for _ in range(self._number(order)):
                self.geometry()
        else:
            raise UnreadableInput(
                f"there is a geometry of type {kind}; only straight-edged polygons are read: convert it first, as "
                "in ogr2ogr -nlt CONVERT_TO_LINEAR"
            )
        return {"type": kind, "coordinates": []}
