"""Files in and out: stacks as NetCDF, Zarr or GeoTIFF that GIS programs, xarray and networks all open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from insarfeat.io.opening import open_stack

if TYPE_CHECKING:
    from insarfeat.io.annotation import read_annotation, read_swath

__all__ = ["open_stack", "read_annotation", "read_swath"]


def __getattr__(name: str) -> Any:
    if name in (
        "read_annotation",
        "read_swath",
    ):  # bring numba with them, which opening a stack does not need
        from insarfeat.io import annotation

        return getattr(annotation, name)
    raise AttributeError(f"module 'insarfeat.io' has no attribute {name!r}")
