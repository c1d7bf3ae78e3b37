"""Writing tiled GeoTIFF, window by window, north up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from insarfeat.errors import InvalidArgument
from insarfeat.io.conventions import Layered, Product
from insarfeat.io.sources import open_geotiff
from insarfeat.layers import fill_value
from insarfeat.windows import TileGrid, Window

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
    tiles = TileGrid((product.height, product.width), _WINDOW)
    with open_geotiff(path, "w", **_profile(product)) as file:
        file.update_tags(insarfeat_attributes=json.dumps(_plain(product.frame.attrs)))
        for number, (name, raster) in enumerate(product.rasters.items()):
            own_nodata = _describe_band(file, number + 1, name, raster)
            for tile in tiles:
                pixels = raster.source.read((), tile.core)
                if own_nodata is not None and np.dtype(file.dtypes[0]).kind == "f":
                    pixels = np.where(pixels == own_nodata, np.nan, pixels)
                _write_window(file, number + 1, tile.core, pixels, upward=_runs_north(product))
                on_window(number * len(tiles) + tile.number + 1, len(tiles) * len(product.rasters))


def _profile(product: Product) -> dict[str, Any]:
    """What GDAL is told of the file."""
    from rasterio.transform import Affine

    dtype = _common_dtype(product)
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": product.height,
        "width": product.width,
        "count": len(product.rasters),
        "dtype": dtype.name,
        "nodata": None if dtype.kind == "c" else fill_value(dtype),
        "tiled": True,
        "blockxsize": _BLOCK,
        "blockysize": _BLOCK,
        "compress": "deflate",
        "zlevel": 1,
        "predictor": {"f": 3, "c": 1}.get(dtype.kind, 2),
        "interleave": "band",
        "BIGTIFF": "IF_SAFER",
    }
    if product.grid is not None:
        a, b, c, d, e, f = product.grid.affine
        if _runs_north(product):
            e, f = -e, f + e * product.height
        profile |= {"transform": Affine(a, b, c, d, e, f), "crs": product.grid.crs_wkt}
    return profile


def _runs_north(product: Product) -> bool:
    """Whether the first row is the southernmost."""
    return product.grid is not None and product.grid.y.step > 0


def _describe_band(file: Any, band: int, name: str, raster: Layered) -> Any:
    """Name, units and tags of a band; returns the nodata value of its own type, None for NaN."""
    dtype = _stored_dtype(raster)
    nodata = None if dtype.kind in "fc" else fill_value(dtype)
    tags = {"insarfeat_attributes": json.dumps(_plain(raster.attributes)), "insarfeat_dtype": dtype.name}
    file.set_band_description(band, name)
    if units := raster.attributes.get("units"):
        file.set_band_unit(band, str(units))
    file.update_tags(band, **tags, **({} if nodata is None else {"insarfeat_nodata": nodata}))
    return nodata


def _write_window(file: Any, band: int, core: Window, pixels: Any, *, upward: bool) -> None:
    top = file.height - core.bottom if upward else core.top
    place = ((top, top + core.height), (core.left, core.right))
    file.write((pixels[::-1] if upward else pixels).astype(file.dtypes[0]), band, window=place)


def _stored_dtype(raster: Layered) -> np.dtype[Any]:
    """Type of a band by itself; GeoTIFF has no booleans."""
    return np.dtype("u1") if raster.dtype.kind == "b" else raster.dtype


def _common_dtype(product: Product) -> np.dtype[Any]:
    dtypes = {_stored_dtype(raster) for raster in product.rasters.values()}
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
