"""Products to files: the writer by suffix, under a temporary name, read back and compared, then put in place."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import xarray as xr

from insarfeat.errors import InsarfeatError, InvalidArgument, OutputExists, WriteFailed
from insarfeat.georeference import crs_of, grid_of
from insarfeat.io.conventions import Product
from insarfeat.io.geotiff import check_fits, write_geotiff
from insarfeat.io.netcdf import write_netcdf

_SUFFIXES = {
    ".nc": "netcdf",
    ".nc4": "netcdf",
    ".zarr": "zarr",
    ".tif": "geotiff",
    ".tiff": "geotiff",
}
_WRITERS = {"netcdf": write_netcdf, "geotiff": write_geotiff}


def format_of(path: Path) -> str:
    """Format that a path's suffix asks for."""
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise InvalidArgument(f"the output must end in .nc, .zarr or .tif; got {path.name!r}")
    return found


def check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse an output that exists, unless it may be replaced."""
    if path.exists() and not overwrite:
        raise OutputExists(f"{path} exists; pass overwrite=True (--overwrite), or choose another output")


def check_output(path: Path) -> None:
    """Refuse an output that cannot be written, before any work."""
    format_of(path)
    check_folder(path)


def check_folder(path: Path) -> None:
    """Refuse an output whose folder is not there, or not writable."""
    if not path.parent.is_dir():
        raise WriteFailed(f"the folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise WriteFailed(f"the folder {path.parent} is not writable")


def check_product(product: Product, path: Path) -> None:
    """Refuse a product that its format cannot hold, before any work."""
    if format_of(path) == "geotiff":
        check_fits(product)


def deliver(product: Product, temporary: Path, on_window: Callable[[int, int], None]) -> None:
    """Write a NetCDF or GeoTIFF under a temporary name and make sure that it reads back as meant."""
    try:
        _WRITERS[format_of(temporary)](product, temporary, on_window)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
    except InsarfeatError:
        temporary.unlink(missing_ok=True)
        raise
    except (OSError, RuntimeError) as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        free = shutil.disk_usage(temporary.parent).free / 1e9
        raise WriteFailed(
            f"{temporary.name} could not be written ({error}); {free:.2f} GB are free there. "
            "What stood at the output before is untouched"
        ) from error
    compare(product, temporary)


def put_in_place(temporary: Path, out: Path, *, mark: Path) -> None:
    """Move a finished file or folder to its name; one that stood there goes only now.

    The mark is made first: a run that finds it, and the output in place, knows that nothing is left to do.
    """
    mark.touch()
    if out.is_dir():
        out.rename(mark.with_name("replaced"))  # goes with the run's folder
        temporary.rename(out)
    elif temporary.is_dir() and out.exists():
        out.unlink()
        temporary.rename(out)
    else:
        temporary.replace(out)


def compare(product: Product, path: Path) -> None:
    """Open what was written with other eyes: GDAL's for files, xarray's for Zarr; CRS and grid must be there."""
    if product.grid is None or (product.grid.crs_wkt is None and format_of(path) == "netcdf"):
        return  # GDAL takes the grid of a NetCDF file from its grid mapping, which only a CRS brings
    from pyproj import CRS

    name = next(iter(product.rasters))
    crs, affine = _zarr_eyes(path, name) if path.is_dir() else _gdal_eyes(path, name, product)
    a, b, c, d, e, f = product.grid.affine
    if not path.is_dir() and e > 0:  # GDAL turns rasters that run from south to north
        e, f = -e, f + e * product.height
    pixel = min(abs(a), abs(e))
    wanted = product.grid.crs_wkt
    if wanted is not None and (crs is None or CRS(crs) != CRS(wanted)):
        raise WriteFailed(f"{path.name} was written, but its CRS reads back as {crs!r}")
    if not np.allclose(affine, (a, b, c, d, e, f), rtol=0, atol=1e-3 * pixel):
        raise WriteFailed(
            f"{path.name} was written, but its grid reads back as {affine}, not {(a, b, c, d, e, f)}"
        )


def _gdal_eyes(path: Path, name: str, product: Product) -> tuple[str | None, tuple[float, ...]]:
    import rasterio

    target = str(path)
    if format_of(path) == "netcdf":
        variable = f"{name}_real" if product.rasters[name].dtype.kind == "c" else name
        target = f"NETCDF:{path}:{variable}"
    with _without_remarks(), rasterio.open(target) as file:
        return (file.crs.to_wkt() if file.crs else None), tuple(file.transform)[:6]


@contextmanager
def _without_remarks() -> Iterator[None]:
    """GDAL remarks on every dimension that it does not know, as that of the pairs; they mean nothing here."""
    log = logging.getLogger("rasterio._env")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def _zarr_eyes(path: Path, name: str) -> tuple[str | None, tuple[float, ...]]:
    with xr.open_zarr(path, consolidated=False, chunks=None) as stored:
        crs = crs_of(stored[name])
        return (None if crs is None else crs.to_wkt()), grid_of(stored[name]).affine
