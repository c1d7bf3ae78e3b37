"""Opening stacks: NetCDF, Zarr and GeoTIFF as one lazy Dataset of canonical layers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from insarfeat.dispatch.lazy import lazy_source
from insarfeat.dispatch.sources import Source
from insarfeat.errors import InvalidType, UnreadableInput, check_exists
from insarfeat.georeference import GRID_MAPPING
from insarfeat.io.conventions import ORDER
from insarfeat.io.native_headers import check_header
from insarfeat.io.netcdf import COMPLEX_OF, COMPLEX_PART
from insarfeat.io.sources import (
    BandSource,
    Decoding,
    FileIdentity,
    VariableSource,
    netcdf_lock,
    open_geotiff,
    open_raw,
)
from insarfeat.layers import LAYERS, NODATA_BYTE

_NETCDF = frozenset({".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".grd"})
_GEOTIFF = frozenset({".tif", ".tiff"})
_TARGET = 2048
_STORAGE = ("_FillValue", "missing_value", "scale_factor", "add_offset", "grid_mapping", "coordinates")


def open_stack(path: str | Path) -> xr.Dataset:
    """Open a stack lazily: only its header is read, pixels when they are needed.

    Takes what :func:`insarfeat.write` gives (NetCDF, Zarr, GeoTIFF) and any other file of these kinds with
    regular rasters. Continuous layers have NaN for nodata whatever the file uses; categorical ones stay integers.
    The CRS is in the coordinate ``spatial_ref``.

    Parameters
    ----------
    path
        A ``.nc``, ``.tif`` or ``.zarr``.

    Raises
    ------
    MissingInput
        There is nothing at the path.
    UnreadableInput
        The file is empty, damaged, cut short, or not what its name says.

    Examples
    --------
    >>> import insarfeat, tempfile, numpy as np, xarray as xr
    >>> layer = xr.DataArray(np.ones((2, 3), "f4"), dims=("y", "x"), name="coherence")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = insarfeat.write(layer, folder + "/stack.nc")
    ...     insarfeat.open_stack(path)["coherence"].values.sum()
    np.float32(6.0)
    """
    path = Path(path)
    check_exists(path)
    file = FileIdentity.of(path)
    suffix = path.suffix.lower()
    if path.is_dir():
        if not (path / "zarr.json").exists() and not (path / ".zgroup").exists():
            raise UnreadableInput(
                f"{path.name} is a folder, and no Zarr group (no zarr.json in it): name a file (.tif, .nc), or "
                "a .zarr"
            )
        return _open_variables(file, "zarr")
    if file.size == 0:
        raise UnreadableInput(f"{path.name} is empty (0 bytes)")
    if suffix in _NETCDF:
        return _open_variables(file, "netcdf4")
    if suffix in _GEOTIFF:
        return _open_bands(file)
    raise InvalidType(f"path must end in .nc, .zarr or .tif; got {path.name!r}")


def _open_variables(file: FileIdentity, engine: str) -> xr.Dataset:
    if engine != "zarr":
        check_header(file.path)
    try:
        # Rasters are read as they are stored: days stay numbers, as their units say. Times of coordinates are times.
        with netcdf_lock(), open_raw(file, engine, decode_times=False) as stored:
            frame = stored.drop_vars([name for name, v in stored.variables.items() if v.ndim >= 2]).load()
            frame = xr.decode_cf(frame, mask_and_scale=False)
            large = {str(name): v.copy(deep=False) for name, v in stored.variables.items() if v.ndim >= 2}
            as_coords = {str(name) for name in large if name in stored.coords}
    except Exception as error:  # the libraries below raise whatever they meet first
        kind = "Zarr group" if engine == "zarr" else "NetCDF file"
        raise UnreadableInput(f"{file.path.name} is not a readable {kind}: {error}") from error
    rasters = {}
    ours = "insarfeat_version" in frame.attrs  # then continuous layers have NaN, and integers are categories
    for name, variables in _grouped(large).items():
        parts = tuple(large[part] for part in variables)
        decoding = _decoding(name, parts[0].dtype, parts[0].attrs, categorical=ours)
        dtype = decoding.dtype if len(parts) == 1 else np.result_type(decoding.dtype, np.complex64)
        source = VariableSource(file, engine, variables, parts[0].shape, dtype, decoding)
        chunks = parts[0].encoding.get("chunksizes") or parts[0].encoding.get("chunks")
        attributes = {
            key: value
            for key, value in parts[0].attrs.items()
            if key not in (*_STORAGE, COMPLEX_OF, COMPLEX_PART)
        }
        rasters[name] = xr.Variable(parts[0].dims, lazy_source(source, chunks_of(source, chunks)), attributes)
    mapping = next((v.attrs.get("grid_mapping") for v in large.values() if "grid_mapping" in v.attrs), None)
    if mapping in frame.data_vars:
        frame = frame.set_coords(mapping)
    if (
        mapping not in (None, GRID_MAPPING)
        and mapping in frame.coords
        and GRID_MAPPING not in frame.variables
    ):
        frame = frame.rename({mapping: GRID_MAPPING})
    dataset = frame.assign({name: rasters[name] for name in _in_order(rasters, frame.attrs)})
    return dataset.set_coords([name for name in rasters if name in as_coords])


def _in_order(rasters: Mapping[str, Any], attributes: Mapping[str, Any]) -> list[str]:
    """Names of rasters in the order in which they were written, as far as the file tells."""
    try:
        told = [str(name) for name in json.loads(attributes.get(ORDER, "[]"))]
    except (TypeError, ValueError):
        told = []
    return [*(name for name in told if name in rasters), *(name for name in rasters if name not in told)]


def _grouped(variables: Mapping[str, xr.Variable]) -> dict[str, tuple[str, ...]]:
    """Rasters by name, and the variables that make each: two for a complex one."""
    groups: dict[str, tuple[str, ...]] = {}
    for name, variable in variables.items():
        whole = variable.attrs.get(COMPLEX_OF)
        if whole is None:
            groups[name] = (name,)
        elif variable.attrs.get(COMPLEX_PART) == "real":
            groups[whole] = (name, f"{whole}_imag")
    return groups


def _decoding(
    name: str, dtype: np.dtype[Any], attributes: Mapping[str, Any], *, categorical: bool = False
) -> Decoding:
    """What the file's attributes say about its numbers; integers with nodata are categories, or become floats."""
    scale = float(attributes.get("scale_factor", 1.0))
    offset = float(attributes.get("add_offset", 0.0))
    nodata = tuple(
        float(value)
        for key in ("_FillValue", "missing_value")
        if key in attributes
        for value in np.atleast_1d(attributes[key])
        if not np.isnan(value)
    )
    known = LAYERS.get(name)
    categorical = (
        categorical
        or "flag_values" in attributes
        or (known is not None and known.drawing == "classes")
        or (dtype == np.uint8 and attributes.get("_FillValue") == NODATA_BYTE)
    )
    packed = scale != 1.0 or offset != 0.0
    native = dtype.newbyteorder("=")
    if dtype.kind in "fc":
        return Decoding(native, nodata, scale, offset)
    continuous = known is not None and np.dtype(known.dtype).kind == "f"
    if packed or (dtype.kind in "iu" and (continuous or (nodata and not categorical))):
        return Decoding(np.dtype("f4"), nodata, scale, offset)
    return Decoding(native)


def _open_bands(file: FileIdentity) -> xr.Dataset:
    from rasterio.errors import RasterioError

    try:
        with open_geotiff(file.path) as stored:
            return _dataset_of_bands(file, stored)
    except RasterioError as error:
        raise UnreadableInput(f"{file.path.name} is not a readable GeoTIFF: {error}") from error


def _dataset_of_bands(file: FileIdentity, stored: Any) -> xr.Dataset:
    tags = stored.tags()
    dataset = xr.Dataset(coords=frame_coords(stored), attrs=_kept(tags, file.path))
    for band in range(1, stored.count + 1):
        name = stored.descriptions[band - 1] or (file.path.stem if stored.count == 1 else f"band_{band}")
        own = stored.tags(band)
        attributes = _kept(own, file.path)
        dtype = np.dtype(stored.dtypes[band - 1])
        nodata = stored.nodatavals[band - 1]
        described = {"scale_factor": stored.scales[band - 1], "add_offset": stored.offsets[band - 1]}
        if nodata is not None:
            described["_FillValue"] = nodata
        if "flag_values" in attributes:
            attributes["flag_values"] = np.asarray(
                attributes["flag_values"], own.get("insarfeat_dtype", dtype)
            )
        decoding = _decoding(name, dtype, described, categorical="insarfeat_dtype" in own)
        wanted = np.dtype(own.get("insarfeat_dtype", decoding.dtype))
        categorical = (
            int(own["insarfeat_nodata"]) if wanted.kind in "iu" and decoding.dtype.kind == "f" else None
        )
        shape = (stored.height, stored.width)
        if categorical is None:
            wanted = decoding.dtype
        source: Source = BandSource(file, band, shape, wanted, decoding, categorical)
        if unit := stored.units[band - 1]:
            attributes.setdefault("units", unit)
        chunks = chunks_of(source, stored.block_shapes[band - 1])
        dataset[name] = xr.Variable(("y", "x"), lazy_source(source, chunks), attributes)
    return dataset


def _kept(tags: Mapping[str, str], path: Path) -> dict[str, Any]:
    """Attributes that a writer of this package has put into tags."""
    try:
        found = json.loads(tags.get("insarfeat_attributes", "{}"))
    except ValueError as error:
        raise UnreadableInput(f"{path.name} is damaged: its tags are not as they were written") from error
    return found if isinstance(found, dict) else {}


def frame_coords(stored: Any) -> dict[str, Any]:
    """Coordinates of pixel centres and the CRS of an open raster; none where it has no place on a map."""
    transform = stored.transform
    coords: dict[str, Any] = {}
    if transform.is_identity:
        return coords
    if transform.b or transform.d:
        raise UnreadableInput(
            f"{Path(stored.name).name} lies on a rotated grid, which is not supported: warp it first"
        )
    coords["y"] = transform.f + transform.e * (np.arange(stored.height) + 0.5)
    coords["x"] = transform.c + transform.a * (np.arange(stored.width) + 0.5)
    if stored.crs is not None:
        wkt = stored.crs.to_wkt()
        coords[GRID_MAPPING] = xr.DataArray(np.int32(0), attrs={"crs_wkt": wkt, "spatial_ref": wkt})
    return coords


def chunks_of(source: Source, stored: tuple[int, ...] | None) -> tuple[tuple[int, ...], ...]:
    """Chunks of about 2048 pixels a side that do not cut the file's own."""
    lead = tuple((1,) * size for size in source.shape[:-2])
    sides = []
    for size, own in zip(source.shape[-2:], (stored or (1, 1))[-2:], strict=True):
        side = max(_TARGET // own, 1) * own if own < size else size
        side = min(side, max(_TARGET, own))
        sides.append(tuple(min(side, size - start) for start in range(0, size, side)) or (0,))
    return (*lead, *sides)
