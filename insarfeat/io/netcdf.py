"""Writing NetCDF-4, window by window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from insarfeat.io.conventions import Layered, Product
from insarfeat.io.sources import netcdf_lock
from insarfeat.layers import fill_value
from insarfeat.windows import TileGrid

COMPLEX_OF = "complex_of"
COMPLEX_PART = "complex_part"

_CHUNK = 512
_WINDOW = 2048


def write_netcdf(product: Product, path: Path, on_window: Callable[[int, int], None]) -> None:
    """Write a product as NetCDF-4.

    zlib level 1 with shuffle is what every reader opens. NetCDF has no complex numbers: a complex raster becomes
    two variables, ``name_real`` and ``name_imag``, which :func:`insarfeat.open_stack` joins again.
    """
    import netCDF4

    # Coordinates that lie in another file are read here: their readers need the lock themselves.
    frame = product.frame.compute()
    with netcdf_lock():
        frame.to_netcdf(path, engine="netcdf4", format="NETCDF4")
    tiles = TileGrid((product.height, product.width), _WINDOW)
    total = len(tiles) * len(product.rasters)
    with netcdf_lock(), netCDF4.Dataset(path, "a") as file:
        for dim, size in zip(product.dims, (product.height, product.width), strict=True):
            if dim not in file.dimensions:
                file.createDimension(str(dim), size)
        for number, (name, raster) in enumerate(product.rasters.items()):
            parts = _create(file, name, raster)
            for place in np.ndindex(raster.lead):
                for tile in tiles:
                    pixels = raster.source.read(place, tile.core)
                    for variable, part in zip(parts, _parts(pixels), strict=True):
                        variable[(*place, *tile.core.slices)] = part
                    on_window(number * len(tiles) + tile.number + 1, total)


def _create(file: Any, name: str, raster: Layered) -> list[Any]:
    """Make the variable or variables of a raster, empty."""
    for dim, size in zip(raster.dims, raster.source.shape, strict=True):
        if dim not in file.dimensions:
            file.createDimension(str(dim), size)
    shape = raster.source.shape
    chunks = (*(1 for _ in raster.lead), *(min(_CHUNK, max(size, 1)) for size in shape[-2:]))
    names: dict[str, dict[str, Any]] = {name: {}}
    dtype = np.dtype("u1") if raster.dtype.kind == "b" else raster.dtype
    if raster.dtype.kind == "c":
        dtype = np.empty(0, raster.dtype).real.dtype
        names = {
            f"{name}_real": {COMPLEX_OF: name, COMPLEX_PART: "real"},
            f"{name}_imag": {COMPLEX_OF: name, COMPLEX_PART: "imag"},
        }
    variables = []
    for variable_name, extra in names.items():
        variable = file.createVariable(
            variable_name,
            dtype,
            [str(dim) for dim in raster.dims],
            compression="zlib",
            complevel=1,
            shuffle=True,
            chunksizes=chunks,
            fill_value=fill_value(dtype),
        )
        variable.set_auto_maskandscale(False)
        variable.setncatts({**raster.attributes, **extra})
        variables.append(variable)
    return variables


def _parts(pixels: Any) -> tuple[Any, ...]:
    if pixels.dtype.kind == "c":
        return pixels.real, pixels.imag
    return (pixels,)
