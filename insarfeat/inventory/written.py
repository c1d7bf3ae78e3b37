"""Polygons to vector files: GeoPackage, GeoJSON and CSV, each of them whole or not there."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.errors import (
    InvalidArgument,
    InvalidType,
    OutputExists,
    UnreadableInput,
    WriteFailed,
    check_exists,
    missing_extra,
)
from insarfeat.inventory._attributes import (
    Column,
    as_json,
    as_text,
    columns_of,
    of_text,
    plain_metadata,
)
from insarfeat.inventory._encodings import binary, in_degrees, well_known_text
from insarfeat.inventory.feature_boxes import _properties_in
from insarfeat.inventory.polygons import (
    MappedArea,
    _as_geojson,
    _crs_of_polygons,
    _features_in,
    _read_crs,
    _same_crs,
    _things_in,
)
from insarfeat.inventory.vectors import _from_geojson, _from_ogr, _with_inside

if TYPE_CHECKING:
    from pyproj import CRS

_log = logging.getLogger(__name__)

_GEOJSON = (".geojson", ".json")
_SUFFIXES = (".gpkg", *_GEOJSON, ".csv")
_OWN = {".gpkg": ("fid", "geom"), ".csv": ("geometry", "crs")}


def write_polygons(
    features: Any,
    path: str | os.PathLike[str],
    *,
    crs: Any = None,
    layer: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write polygons with their attributes to a file: the counterpart of :func:`read_polygons`.

    The file appears under its name only when it is whole; a failed run leaves what stood there before.

    Parameters
    ----------
    features
        A FeatureCollection as :func:`read_polygons` gives it, or any other polygons as for :func:`areas_of`. Two more
        members of a FeatureCollection are heeded: ``metadata``, a dict about the whole layer, and ``columns``, a
        dict of names to "text", "real", "integer" or "boolean", for the order of the columns and for those that hold
        no value at all. Features without a polygon are left out, and the log says how many.
    path
        - ``.gpkg``: GeoPackage (needs the extra ``vector``); metadata becomes that of the layer. All features are
          Polygons, or all are MultiPolygons where one is.
        - ``.geojson`` or ``.json``: WGS 84 longitudes and latitudes to 7 decimals (a centimetre), outer rings
          anticlockwise and holes clockwise, as RFC 7946 asks; metadata in a member ``metadata``.
        - ``.csv``: attributes, the outline as well-known text in ``geometry``, its CRS in ``crs``; without metadata,
          so that spreadsheets and pandas read it as it is.
    crs
        Of the coordinates: anything that ``pyproj.CRS`` takes. None takes the polygons' own.
    layer
        Name of the layer in a GeoPackage; None: the file's name.
    overwrite
        Replace a file that exists, with all its layers.

    Returns
    -------
    Path
        Of the file. Dates are written as text, NaN as no value, lists and dicts in GeoPackage and CSV as JSON text.

    Raises
    ------
    OutputExists, WriteFailed
        Where the file exists; where it cannot be written.

    References
    ----------
    Butler, H. et al. (2016). The GeoJSON Format. RFC 7946. OGC 12-128r18 (2021): GeoPackage Encoding Standard.

    Examples
    --------
    >>> from insarfeat.inventory import read_polygons
    >>> slide = {"type": "Polygon", "coordinates": [[[9, 46], [9.1, 46], [9.1, 46.1], [9, 46]]]}
    >>> feature = {"type": "Feature", "geometry": slide, "properties": {"Class": "RG", "seen": np.int64(3)}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write_polygons([feature], folder + "/slides.geojson", crs="EPSG:4326")
    ...     read_polygons(written)["features"][0]["properties"]
    {'Class': 'RG', 'seen': 3}
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidType(f"path must be the path of the file to write; got {type(path).__name__}")
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in _SUFFIXES:
        raise InvalidArgument(f"path is {str(path)!r}; its ending must be one of {', '.join(_SUFFIXES)}")
    if layer is not None and suffix != ".gpkg":
        raise InvalidArgument(f"layer is {layer!r}, but {suffix} files have no layers; leave it out")
    found = _Layer.of(features, crs)
    found.check_names(suffix)
    if found.crs is None and suffix != ".csv":
        raise InvalidArgument(
            f"features carry no CRS, and {suffix} files must say it; pass crs=, as in crs='EPSG:32632', or write .csv"
        )
    _check_place(file, overwrite=overwrite)
    # A folder of its own: databases put further files beside theirs while they write.
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
        temporary = Path(folder, file.name)
        try:
            if suffix == ".gpkg":
                _write_geopackage(found, temporary, layer or file.stem)
            elif suffix == ".csv":
                _write_csv(found, temporary)
            else:
                temporary.write_text(_geojson_of(found), encoding="utf-8")
            with temporary.open("rb") as whole:
                os.fsync(whole.fileno())
            temporary.replace(file)
        except (OSError, RuntimeError) as error:  # those of GDAL are RuntimeErrors
            raise WriteFailed(
                f"{file} could not be written: {error}; what stood there before is untouched"
            ) from error
    return file


@dataclass(frozen=True, slots=True, eq=False)
class WrittenLayer:
    """What :func:`write_polygons` has written, read again; unlike an inventory it may be empty.

    Attributes
    ----------
    features
        GeoJSON features.
    columns
        Names of all attributes, in their order.
    crs
        Of the coordinates.
    metadata
        About the whole layer.
    """

    features: tuple[Mapping[str, Any], ...]
    columns: tuple[str, ...]
    crs: str
    metadata: Mapping[str, Any]


def read_written(path: str | os.PathLike[str], *, layer: str | None = None) -> WrittenLayer:
    """Read a .gpkg or .geojson of :func:`write_polygons` with its metadata; of several layers the one named."""
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in (".gpkg", *_GEOJSON):
        raise InvalidArgument(f"path is {str(path)!r}; its ending must be .gpkg or .geojson")
    check_exists(file)
    if suffix == ".gpkg":
        features, crs = _from_ogr(file, layer)
        from pyogrio import read_info

        # Without a name only one layer of polygons is there, or the features could not have been read.
        known = read_info(file, layer=layer or polygon_layers(file)[0])
        names = [str(name) for name in known["fields"]]
        told = {name: of_text(text) for name, text in (known["layer_metadata"] or {}).items()}
    else:
        features, crs = _from_geojson(file)
        told = json.loads(file.read_bytes()).get("metadata", {})
        names = list(dict.fromkeys(name for feature in features for name in feature["properties"]))
        if not isinstance(told, dict):
            raise UnreadableInput(f"{file} has a member metadata that is no dict; was it written by hand?")
    return WrittenLayer(tuple(features), tuple(names), crs, told)


def polygon_layers(file: Path) -> list[str]:
    """Names of the layers of a .gpkg that may hold polygons."""
    from pyogrio import list_layers

    return _with_inside(list_layers(file))


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Everything that goes into a file."""

    areas: tuple[MappedArea, ...]
    columns: tuple[Column, ...]
    crs: CRS | None
    metadata: Mapping[str, Any]

    @classmethod
    def of(cls, features: Any, crs: Any) -> _Layer:
        areas: list[MappedArea] = []
        rows: list[Mapping[str, Any]] = []
        known = None if crs is None else _read_crs(crs)
        declared: dict[str, str] = {}
        metadata: dict[str, Any] = {}
        for thing in _things_in(features):
            own = _crs_of_polygons(thing)
            if own is not None and known is not None and not _same_crs(own, known):
                raise InvalidArgument(
                    f"features are in {own.name!r}, and crs or others of them in {known.name!r}; bring them to one "
                    "CRS first, as in features.to_crs(...)"
                )
            known = own if known is None else known
            geojson = _as_geojson(thing)
            areas.extend(_features_in(geojson))
            rows.extend(_properties_in(geojson))
            said = geojson.get("columns")  # anything else under that name is none of ours
            declared.update(said if isinstance(said, Mapping) else {})
            metadata.update(plain_metadata(geojson.get("metadata") or {}))
        kept = [number for number, area in enumerate(areas) if area.polygons]
        if len(kept) < len(areas):
            _log.info("%d feature(s) without a polygon are left out", len(areas) - len(kept))
        columns = columns_of([rows[number] for number in kept], declared)
        return cls(tuple(areas[number] for number in kept), columns, known, metadata)

    def check_names(self, suffix: str) -> None:
        """Refuse attributes that a format could not tell apart."""
        taken = dict.fromkeys(_OWN.get(suffix, ()), "that the format keeps for itself")
        for column in self.columns if taken else ():
            # Databases do not tell large letters from small ones.
            name = column.name.lower() if suffix == ".gpkg" else column.name
            if name in taken:
                raise InvalidArgument(
                    f"features have an attribute {column.name!r}, a name {taken[name]} in {suffix} files; rename it"
                )
            taken[name] = "that another attribute has, too,"

    @property
    def crs_name(self) -> str:
        """An authority's code where there is one, else WKT."""
        if self.crs is None:
            return ""
        authority = self.crs.to_authority(min_confidence=100)
        return ":".join(authority) if authority is not None else self.crs.to_wkt()


def _check_place(file: Path, *, overwrite: bool) -> None:
    if not file.parent.is_dir():
        raise WriteFailed(f"the folder {file.parent} does not exist; create it first")
    if not os.access(file.parent, os.W_OK):
        raise WriteFailed(f"the folder {file.parent} is not writable")
    if file.exists() and not overwrite:
        raise OutputExists(f"{file} exists; pass overwrite=True, or choose another output")


def _write_geopackage(layer: _Layer, file: Path, name: str) -> None:
    try:
        from pyogrio import raw
    except ImportError as error:
        raise missing_extra(".gpkg files", "vector") from error

    multi = any(len(area.polygons) > 1 for area in layer.areas)
    geometries = np.empty(len(layer.areas), object)
    geometries[:] = [binary(area, multi=multi) for area in layer.areas]
    raw.write(
        file,
        geometries,
        [_array(column) for column in layer.columns],
        np.array([column.name for column in layer.columns], object),
        field_mask=[np.array([value is None for value in column.values], bool) for column in layer.columns],
        layer=name,
        driver="GPKG",
        geometry_type="MultiPolygon" if multi else "Polygon",
        crs=layer.crs_name,
        dataset_options={"VERSION": "1.3"},  # that GIS programs of the last years read without a remark
        layer_metadata={key: as_text(value) for key, value in layer.metadata.items()} or None,
    )


def _array(column: Column) -> np.ndarray[Any, Any]:
    """A column as GDAL takes it; what is missing is masked elsewhere and has any value here."""
    if column.kind == "text":
        found = np.empty(len(column.values), object)
        found[:] = column.flat
        return found
    dtype = {"real": np.float64, "integer": np.int64, "boolean": np.bool_}[column.kind]
    return np.array([0 if value is None else value for value in column.flat], dtype)


def _write_csv(layer: _Layer, file: Path) -> None:
    import pandas as pd

    dtypes = {"text": "object", "real": "Float64", "integer": "Int64", "boolean": "boolean"}
    columns = {column.name: pd.array(column.flat, dtype=dtypes[column.kind]) for column in layer.columns}
    columns["geometry"] = [well_known_text(area) for area in layer.areas]
    columns["crs"] = [layer.crs_name] * len(layer.areas)
    pd.DataFrame(columns).to_csv(file, index=False, lineterminator="\n", encoding="utf-8")


def _geojson_of(layer: _Layer) -> str:
    """GeoJSON as RFC 7946 has it, one feature on a line."""
    from pyproj import Transformer

    turn = Transformer.from_crs(layer.crs, "OGC:CRS84", always_xy=True)
    lines = []
    for number, area in enumerate(layer.areas):
        parts = [in_degrees(polygon, turn) for polygon in area.polygons]
        geometry = {
            "type": "Polygon" if len(parts) == 1 else "MultiPolygon",
            "coordinates": parts[0] if len(parts) == 1 else parts,
        }
        properties = {column.name: column.values[number] for column in layer.columns}
        lines.append(as_json({"type": "Feature", "properties": properties, "geometry": geometry}))
    head = {"type": "FeatureCollection"} | ({"metadata": dict(layer.metadata)} if layer.metadata else {})
    return as_json(head)[:-1] + ', "features": [\n' + ",\n".join(lines) + "\n]}\n"
