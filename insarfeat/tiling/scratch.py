"""What Dask alone asks of steps over whole rasters: a plan that runs once into a temporary folder."""

from __future__ import annotations

import atexit
import shutil
import threading
from pathlib import Path
from tempfile import mkdtemp

import dask.array as da
import xarray as xr

from insarfeat.dispatch.expression import Value
from insarfeat.dispatch.lazy import array_of
from insarfeat.tiling.plan import Plan
from insarfeat.tiling.store import StoredRaster

_TILE = 2048
_NAME = "layer"

_lock = threading.Lock()
_locks: dict[str, threading.Lock] = {}  # one each: a plan's inputs may themselves wait for a plan
_found: dict[str, StoredRaster] = {}


def stored(value: Value, foreign: tuple[da.Array, ...]) -> StoredRaster:
    """The value's pixels on disk; computed tile by tile when they are first asked for, and kept while Python runs."""
    with _lock:
        own = _locks.setdefault(value.token, threading.Lock())
    with own:
        if value.token not in _found:
            folder = Path(mkdtemp(prefix="insarfeat-"))
            array = array_of(value, foreign)
            dims = [f"dim_{number}" for number in range(array.ndim - 2)] + ["y", "x"]
            try:
                Plan(xr.Dataset({_NAME: (dims, array)}), _TILE).run(folder / "stored.zarr")
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            _found[value.token] = StoredRaster(folder / "stored.zarr", _NAME, value.token)
        return _found[value.token]
