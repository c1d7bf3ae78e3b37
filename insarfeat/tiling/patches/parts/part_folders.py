"""Folders of patches that any tool has written, one subfolder per part: bounds, CRS and digests from the files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, UnreadableInput
from insarfeat.tiling.patches.parts.digests import digest, tells_ground
from insarfeat.tiling.patches.parts.listings import BOUNDS, Listing

PART_NAMES = (
    "train", "training", "val", "valid", "validation", "dev", "test", "testing", "holdout", "eval",
)  # fmt: skip
_BESIDE = frozenset(
    {"label", "labels", "mask", "masks", "annotation", "annotations", "target", "targets", "gt"}
)
"""Folders of what belongs to patches and is none itself."""

_RASTERS = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
_NETCDF = (".nc", ".nc4")
_ENDINGS = (*_RASTERS, *_NETCDF, ".npy")

Values = NDArray[Any]


def list_folder(folder: Path) -> Listing:
    """Read the patches below a folder: their parts from subfolders, the rest from the files."""
    import pandas as pd

    files, beside = _files_below(folder)
    if not files:
        raise InvalidArgument(
            f"{folder} has no patches in subfolders of its parts, as train/ and test/; their files must end in "
            f"{', '.join(_ENDINGS)}"
        )
    parts = _parts_of([file.relative_to(folder) for file in files])
    rows, plain = [], set()
    for file, part in zip(files, parts, strict=True):
        row, classes = _facts(file)
        rows.append({"name": str(file.relative_to(folder)), "part": part, **row})
        plain |= classes
    columns = list(dict.fromkeys(name for row in rows for name in row))
    # Column by column: a missing digest must not turn the others into floating-point numbers.
    table = pd.DataFrame({name: [row.get(name, 0) for row in rows] for name in columns})
    notes = [f"{beside} files of labels and masks are no patches"] if beside else []
    nameless = int(((table["crs"] == "") & table["west"].notna()).sum())
    if nameless:
        notes.append(f"{nameless} patches have no CRS: their coordinates are taken as metres on one map")
    return Listing(table, classes=frozenset(plain), notes=tuple(notes))


def _files_below(folder: Path) -> tuple[list[Path], int]:
    """Patches below a folder, in order, and how many files belong to them without being patches."""
    patches, beside = [], 0
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() not in _ENDINGS or not file.is_file() or file.name.startswith("."):
            continue
        where = file.relative_to(folder).parts
        if len(where) < 2:
            continue
        if _BESIDE & {piece.lower() for piece in where[:-1]}:
            beside += 1
        else:
            patches.append(file)
    return patches, beside


def _parts_of(files: list[Path]) -> list[str]:
    """Part of each file: the folder on its way that is called like a part; else the first."""
    found = [next((piece for piece in file.parts[:-1] if piece.lower() in PART_NAMES), "") for file in files]
    return found if any(found) else [file.parts[0] for file in files]


def _facts(file: Path) -> tuple[dict[str, Any], set[str]]:
    """Bounds, CRS and digests of a patch, and which of its bands hold classes."""
    suffix = file.suffix.lower()
    try:
        if suffix in _NETCDF:
            bounds, crs, bands = _from_netcdf(file)
        elif suffix == ".npy":
            bounds, crs, bands = None, "", _from_numpy(file)
        else:
            bounds, crs, bands = _from_gdal(file)
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableInput(f"{file} cannot be read: {error}; is it damaged or cut short?") from error
    row: dict[str, Any] = dict(zip(BOUNDS, bounds or (np.nan,) * 4, strict=True)) | {"crs": crs}
    row |= {f"digest_{name}": digest(values) for name, values in bands}
    return row, {name for name, values in bands if not tells_ground(values)}


def _from_gdal(file: Path) -> tuple[tuple[float, ...] | None, str, list[tuple[str, Values]]]:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(file) as source:
                values = source.read(masked=False)
                names = [name or f"band {k + 1}" for k, name in enumerate(source.descriptions)]
                nodata = source.nodata
                placed = not source.transform.is_identity
                bounds = (source.bounds.left, source.bounds.bottom, source.bounds.right, source.bounds.top)
                crs = source.crs.to_wkt() if source.crs else ""
    except RasterioError as error:
        raise ValueError(str(error)) from error
    if nodata is not None and not np.isnan(nodata):
        values = np.where(values == nodata, np.float32(np.nan), values.astype(np.float32))
    ends = (
        min(bounds[0], bounds[2]),
        min(bounds[1], bounds[3]),
        max(bounds[0], bounds[2]),
        max(bounds[1], bounds[3]),
    )
    return (ends if placed else None), crs, list(_bands(names, values))


def _from_netcdf(file: Path) -> tuple[tuple[float, ...] | None, str, list[tuple[str, Values]]]:
    import xarray as xr

    from insarfeat.georeference import grid_of
    from insarfeat.io.sources import netcdf_lock

    with netcdf_lock(), xr.open_dataset(file, decode_coords="all") as source:
        rasters = {str(name): one.load() for name, one in source.data_vars.items() if one.ndim >= 2}
    if not rasters:
        raise ValueError("it holds no raster")
    first = next(iter(rasters.values()))
    bounds, crs = None, ""
    if all(dim in first.coords for dim in first.dims[-2:]):
        a, _, c, _, e, f = (grid := grid_of(first)).affine
        x, y = sorted((c, c + a * grid.x.size)), sorted((f, f + e * grid.y.size))
        bounds, crs = (x[0], y[0], x[1], y[1]), grid.crs_wkt or ""
    bands: list[tuple[str, Values]] = []
    for name, one in rasters.items():
        values = one.values.reshape(-1, *one.shape[-2:])
        bands += _bands(
            [name] if len(values) == 1 else [f"{name} {k + 1}" for k in range(len(values))], values
        )
    return bounds, crs, bands


def _from_numpy(file: Path) -> list[tuple[str, Values]]:
    values = np.load(file, allow_pickle=False)
    if values.ndim == 3 and values.shape[-1] < min(values.shape[:2]):
        values = np.moveaxis(values, -1, 0)  # bands last, as pictures have them
    if values.ndim < 2:
        raise ValueError(f"it holds an array of the shape {values.shape}, and no raster")
    layers = values.reshape(-1, *values.shape[-2:])
    return list(_bands([f"band {k + 1}" for k in range(len(layers))], layers))


def _bands(names: list[str], values: Values) -> Iterator[tuple[str, Values]]:
    """Bands by name; complex ones as two."""
    for name, layer in zip(names, values, strict=True):
        if layer.dtype.kind == "c":
            yield f"{name} real", layer.real
            yield f"{name} imaginary", layer.imag
        elif layer.dtype.kind in "fiub":
            yield name, layer
