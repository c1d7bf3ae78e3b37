"""The verb ``show-versions``: what bears on a problem, to be pasted into a report of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib import metadata

import typer

import insarfeat

_NEEDED = (
    "numpy", "numba", "llvmlite", "scipy", "xarray", "dask", "zarr", "numcodecs", "netcdf4", "h5py", "rasterio",
    "pyproj", "scikit-learn", "pydantic", "typer",
)  # fmt: skip
_EXTRAS = {
    "zoo": ("torch", "safetensors"),
    "onnx": ("onnx",),
    "plot": ("matplotlib",),
    "vector": ("pyogrio",),
    "patches": ("pyarrow",),
    "distributed": ("distributed",),
    "unwrap": ("snaphu",),
}
# What decides how many threads libraries take, and where compiled code goes.
_SETTINGS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "GDAL_CACHEMAX")


def show_versions() -> None:
    """Show versions of the package, of what it runs on and of what it needs; extras that are missing are named.

    Example: insarfeat show-versions
    """
    for name, value in _found():
        typer.echo(f"{name:<18} {value}")


def _found() -> Iterator[tuple[str, str]]:
    import rasterio

    from insarfeat.dispatch.lazy import available_cores

    yield "insarfeat", insarfeat.__version__
    yield "python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "system", f"{platform.system()} {platform.release()} {platform.machine()}"
    yield "cores", f"{available_cores()} of {os.cpu_count()}"
    yield from ((name, _version(name)) for name in _NEEDED)
    yield "GDAL", str(rasterio.__gdal_version__)
    for extra, names in _EXTRAS.items():
        missing = [name for name in names if _version(name) == "missing"]
        what = (
            f"missing: pip install insarfeat[{extra}]"
            if missing
            else ", ".join(f"{name} {_version(name)}" for name in names)
        )
        yield f"extra {extra}", what
    yield "CUDA", _cuda()
    yield from ((name, os.environ[name]) for name in _SETTINGS if name in os.environ)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _cuda() -> str:
    if _version("torch") == "missing":
        return "no PyTorch"
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no device"
