"""Files as sources: any window of a variable or band, read when it is needed, from any thread or process."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import UnreadableInput
from insarfeat.io.zarr_chunks import ChunkedArray
from insarfeat.windows import Window

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """A file as it was when it was opened; a changed file is another one."""

    path: Path
    modified: int
    size: int

    @classmethod
    def of(cls, path: Path) -> FileIdentity:
        """Take a file's time and size; for a Zarr folder those of its root metadata."""
        metadata = path / "zarr.json" if path.is_dir() else path
        status = metadata.stat() if metadata.exists() else path.stat()
        return cls(path.absolute(), status.st_mtime_ns, status.st_size)

    def __str__(self) -> str:
        return f"{self.path}@{self.modified}:{self.size}"


@dataclass(frozen=True, slots=True)
class Decoding:
    """How stored numbers become values: nodata, then scale and offset.

    Continuous layers get NaN for nodata; categorical ones keep theirs.
    """

    dtype: np.dtype[Any]
    nodata: tuple[float, ...] = ()
    scale: float = 1.0
    offset: float = 0.0

    def __call__(self, stored: Array) -> Array:
        """Decode a block; a new array unless there is nothing to do."""
        values = stored.astype(self.dtype, copy=False)
        if self.dtype.kind in "fc":
            for number in self.nodata:
                hit = stored == number
                if hit.any():
                    values = np.where(hit, self.dtype.type(np.nan), values)
        if self.scale != 1.0 or self.offset != 0.0:
            values = (values * self.scale + self.offset).astype(self.dtype)
        return values


@dataclass(frozen=True, slots=True)
class VariableSource:
    """A variable of a NetCDF or Zarr file, through xarray; two real ones may make one complex raster."""

    file: FileIdentity
    engine: str
    variables: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    decoding: Decoding

    @property
    def token(self) -> str:
        """File, its time and size, the variable, and what its numbers are taken for."""
        return f"{'+'.join(self.variables)}-{self.decoding}-{self.dtype}@{self.file}"

    def fingerprint(self) -> str:
        """Same as the token."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance: no folders, they say nothing to others."""
        return f"{'+'.join(self.variables)} of {self.file.path.name}"

    @property
    def stored_chunk(self) -> tuple[int, int]:
        """Height and width of the pieces that must be decoded whole; the raster's where it has none."""

        def look() -> Any:
            with netcdf_lock() if self.engine != "zarr" else nullcontext():
                found = _open_dataset(self.file, self.engine).variables[self.variables[0]].encoding
            return found.get("chunksizes") or found.get("chunks") or self.shape

        height, width = reading(self.file, look)[-2:]
        return int(height), int(width)

    def read(self, lead: tuple[int, ...], window: Window) -> Array:
        """The pixels of a window."""
        parts = [self.decoding(self._stored(name, lead, window)) for name in self.variables]
        if len(parts) == 1:
            return parts[0]
        pixels = np.empty(parts[0].shape, self.dtype)
        pixels.real, pixels.imag = parts
        return pixels

    def _stored(self, name: str, lead: tuple[int, ...], window: Window) -> Array:
        def take() -> Array:
            if self.engine == "zarr":
                direct = _direct(self.file, name)
                if direct is not None:
                    return direct.read(lead, window)
                return _in_strips(_open_dataset(self.file, self.engine).variables[name], lead, window)
            with netcdf_lock():
                stored = _open_dataset(self.file, self.engine).variables[name]
                return np.asarray(stored[(*lead, *window.slices)].values)

        pixels: Array = reading(self.file, take)
        return pixels


@dataclass(frozen=True, slots=True)
class BandSource:
    """A band of a GeoTIFF, through rasterio."""

    file: FileIdentity
    band: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    decoding: Decoding
    categorical_nodata: int | None = None

    @property
    def token(self) -> str:
        """File, its time and size, the band, and what its numbers are taken for."""
        return f"band-{self.band}-{self.decoding}-{self.dtype}@{self.file}"

    def fingerprint(self) -> str:
        """Same as the token."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"band {self.band} of {self.file.path.name}"

    @property
    def stored_chunk(self) -> tuple[int, int]:
        """Height and width of the pieces that must be decoded whole."""
        height, width = reading(self.file, lambda: _open_geotiff(self.file).block_shapes[self.band - 1])
        return int(height), int(width)

    def read(self, lead: tuple[int, ...], window: Window) -> Array:
        """The pixels of a window."""
        place = ((window.top, window.bottom), (window.left, window.right))
        pixels = self.decoding(
            reading(self.file, lambda: _open_geotiff(self.file).read(self.band, window=place))
        )
        if self.categorical_nodata is None:
            return pixels
        return as_classes(pixels, self.dtype, self.categorical_nodata)


@lru_cache(maxsize=1024)
def _direct(file: FileIdentity, name: str) -> ChunkedArray | None:
    """An array of a Zarr group, to be read from its files; None where that needs the library."""
    return ChunkedArray.of(file.path / name)


def as_classes(numbers: Array, dtype: np.dtype[Any], nodata: int) -> Array:
    """Whole numbers of a type from real ones; those that it cannot hold become nodata, as NaN does."""
    limits = np.iinfo(dtype)
    held = (numbers >= limits.min) & (numbers <= limits.max)  # NaN is neither
    return np.where(held, numbers, nodata).astype(dtype)


def _in_strips(variable: xr.Variable, lead: tuple[int, ...], window: Window) -> Array:
    """Pixels of a window, read strip by strip: Zarr holds a whole shard's bytes when it is asked for all of it."""
    strip = (variable.encoding.get("chunks") or variable.shape)[-2]
    pixels = np.empty((window.height, window.width), variable.dtype)
    top = window.top
    while top < window.bottom:
        bottom = min((top // strip + 1) * strip, window.bottom)
        pixels[top - window.top : bottom - window.top] = variable[
            (*lead, slice(top, bottom), window.slices[1])
        ].values
        top = bottom
    return pixels


def reading(file: FileIdentity, action: Callable[[], Any]) -> Any:
    """Do something that reads a file; damage becomes one clear error."""
    import rasterio.errors

    try:
        return action()
    except (OSError, RuntimeError, ValueError, KeyError, rasterio.errors.RasterioError) as error:
        raise UnreadableInput(
            f"{file.path.name} cannot be read: it is damaged or cut short ({type(error).__name__}: {error})"
        ) from error


def open_raw(file: FileIdentity, engine: str, *, decode_times: bool = True) -> xr.Dataset:
    """A NetCDF or Zarr file through xarray, its rasters as they are stored and not read yet."""
    import xarray as xr

    options: dict[str, Any] = {"consolidated": False} if engine == "zarr" else {}
    return xr.open_dataset(
        file.path,
        engine=engine,
        cache=False,
        mask_and_scale=False,
        decode_times=decode_times,
        chunks=None,
        **options,
    )


class _Open:
    """What this process has open. A forked child begins with nothing: neither files nor locks are safe to share."""

    def __init__(self) -> None:
        self.netcdf_lock = threading.RLock()
        self.guard = threading.Lock()
        self.datasets: dict[tuple[FileIdentity, str], xr.Dataset] = {}
        self.by_thread = threading.local()


_open = _Open()
_inherited: list[_Open] = []


def _begin_anew() -> None:
    global _open
    _inherited.append(_open)  # kept, not closed: closing would disturb the parent's files
    _open = _Open()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def netcdf_lock() -> threading.RLock:
    """Held by whoever opens, reads or writes NetCDF: its library breaks the process when two threads are in it."""
    return _open.netcdf_lock


_MOST_DATASETS = 64


def _open_dataset(file: FileIdentity, engine: str) -> xr.Dataset:
    """One dataset per file and process."""
    oldest = None
    with _open.guard:
        datasets = _open.datasets
        found = datasets.get((file, engine))
        if found is None:
            if len(datasets) >= _MOST_DATASETS:
                oldest = datasets.pop(next(iter(datasets)))
            found = datasets[file, engine] = open_raw(file, engine, decode_times=False)
    if oldest is not None:
        # After the guard is free: readers of NetCDF hold the other lock when they come for the guard.
        with netcdf_lock():
            oldest.close()
    return found


_MOST_HANDLES = 32


def open_geotiff(path: Path, mode: str = "r", **profile: Any) -> Any:
    """Open with rasterio, without the warning that a raster in radar geometry has no place on a map."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with _open.guard, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, mode, **profile)


def _open_geotiff(file: FileIdentity) -> Any:
    """One handle per thread and file: GDAL's datasets must not be shared between threads."""
    handles: dict[FileIdentity, Any] = getattr(_open.by_thread, "handles", {})
    _open.by_thread.handles = handles
    if file not in handles:
        if len(handles) >= _MOST_HANDLES:
            handles.pop(next(iter(handles))).close()
        handles[file] = open_geotiff(file.path)
    return handles[file]
