"""Writing tiled GeoTIFF, window by window, north up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from insarfeat.errors import InvalidArgument
from insarfeat.io.conventions import Product
from insarfeat.layers import fill_value
from insarfeat.windows import TileGrid

_BLOCK = 512
_WINDOW = 2048


def check_fits(product: Product) -> None:
    """Refuse what a GeoTIFF cannot hold, before any work."""
    stacked = [name for name, raster in product.rasters.items() if raster.lead]
    if stacked:
        raise InvalidArgument(
            f"a GeoTIFF holds rasters of (y, x) only, and {', '.join(stacked)} has more dimensions; "
            "select one index, or write .nc or .zarr"
        )
    kinds = {raster.dtype.kind == "c" for raster in product.rasters.values()}
    if len(kinds) > 1:
        raise InvalidArgument(
            "a GeoTIFF has one type for all bands, so complex and real rasters cannot share it; "
            "write them to two files, or write .nc or .zarr"
        )


def write_geotiff(product: Product, path: Path, on_window: Callable[[int, int], None]) -> None:
    """Write a product as a tiled GeoTIFF, one band per raster, named and with its units.

    All bands get the type that holds them all; the type of each is kept in its tags. Rows run from north to
    south, also where the coordinates do not, because many programs expect it.
    """
    import rasterio
    from rasterio.transform import Affine

    check_fits(product)
    dtype = _common_dtype(product)
    nodata = None if dtype.kind in "cb" else fill_value(dtype)
    grid = product.grid
    upward = grid is not None and grid.y.step > 0
    profile: dict[str, Any] = {}
    if grid is not None:
        a, b, c, d, e, f = grid.affine
        if upward:
            e, f = -e, f + e * product.height
        profile = {"transform": Affine(a, b, c, d, e, f), "crs": grid.crs_wkt}
    tiles = TileGrid((product.height, product.width), _WINDOW)
    with rasterio.open(
        path, "w", driver="GTiff", height=product.height, width=product.width, count=len(product.rasters),
        dtype=dtype.name, nodata=nodata, tiled=True, blockxsize=_BLOCK, blockysize=_BLOCK, compress="deflate",
        zlevel=1, predictor={"f": 3, "c": 1}.get(dtype.kind, 2), interleave="band", BIGTIFF="IF_SAFER", **profile,
    ) as file:  # fmt: skip
        file.update_tags(insarfeat_attributes=json.dumps(_plain(product.frame.attrs)))
        for number, (name, raster) in enumerate(product.rasters.items()):
            band = number + 1
            file.set_band_description(band, name)
            if units := raster.attributes.get("units"):
                file.set_band_unit(band, str(units))
            stored = raster.dtype
            own_nodata = None if stored.kind in "fcb" else fill_value(stored)
            file.update_tags(
                band,
                insarfeat_attributes=json.dumps(_plain(raster.attributes)),
                insarfeat_dtype=stored.name,
                **({} if own_nodata is None else {"insarfeat_nodata": own_nodata}),
            )
            for tile in tiles:
                core = tile.core
                pixels = raster.source.read((), core)
                if dtype.kind == "f" and own_nodata is not None:
                    pixels = np.where(pixels == own_nodata, np.nan, pixels)
                top = product.height - core.bottom if upward else core.top
                place = ((top, top + core.height), (core.left, core.right))
                file.write((pixels[::-1] if upward else pixels).astype(dtype), band, window=place)
                on_window(number * len(tiles) + tile.number + 1, len(tiles) * len(product.rasters))


def _common_dtype(product: Product) -> np.dtype[Any]:
    dtypes = {np.dtype("u1") if r.dtype.kind == "b" else r.dtype for r in product.rasters.values()}
    if len(dtypes) == 1:
        return dtypes.pop()
    return np.result_type(np.float32, *dtypes)


def _plain(attributes: Any) -> dict[str, Any]:
    """Attributes as JSON can hold them."""
    return {
        str(key): value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for key, value in attributes.items()
        if key != "grid_mapping"
    }
