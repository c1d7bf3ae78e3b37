"""Files in and out: products of all processors, stacks as NetCDF, Zarr or GeoTIFF that everything opens."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from insarfeat.io.opening import open_stack

if TYPE_CHECKING:
    from insarfeat.io.annotation import read_annotation, read_swath
    from insarfeat.io.products import Stated, list_products, open_product

__all__ = ["Stated", "list_products", "open_product", "open_stack", "read_annotation", "read_swath"]

_LATER = {  # bring numba with them, which opening a stack does not need
    "Stated": "products",
    "list_products": "products",
    "open_product": "products",
    "read_annotation": "annotation",
    "read_swath": "annotation",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"insarfeat.io.{_LATER[name]}"), name)
    raise AttributeError(f"module 'insarfeat.io' has no attribute {name!r}")
