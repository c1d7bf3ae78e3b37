"""Which variables are rasters, and cheap samples of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from insarfeat.layers import LAYERS, fill_value

RASTER_DIMS = (("y", "x"), ("lat", "lon"), ("latitude", "longitude"))
"""Names of the last two dimensions that make a variable a raster."""


def is_raster(variable: xr.DataArray) -> bool:
    """Return whether the variable is a numeric raster with pixels.

    >>> is_raster(xr.DataArray(np.zeros((2, 3)), dims=("lat", "lon")))
    True
    >>> is_raster(xr.DataArray(np.zeros(3), dims="x"))
    False
    """
    return variable.dims[-2:] in RASTER_DIMS and variable.dtype.kind in "fiubc" and variable.size > 0


def thinned(layer: xr.DataArray, most: int = 1200) -> xr.DataArray:
    """Return every n-th row and column, with the smallest n that leaves at most ``most`` of each.

    Lazy layers stay lazy.

    >>> thinned(xr.DataArray(np.zeros((5, 2500)), dims=("y", "x"))).shape
    (2, 834)
    """
    step = stride(layer, most)
    return layer[..., ::step, ::step]


def stride(layer: xr.DataArray, most: int = 1200) -> int:
    """Return the smallest stride that leaves at most ``most`` rows and columns.

    >>> stride(xr.DataArray(np.zeros((5, 2500)), dims=("y", "x")))
    3
    """
    return math.ceil(max(layer.shape[-2:]) / most)


def value_range(values: npt.NDArray[Any], tail: float) -> tuple[float, float]:
    """Return the range of real values without the lowest and highest ``tail`` percent; it is never empty.

    >>> value_range(np.array([0.0] * 999 + [5.0]), tail=2.0)
    (0.0, 5.0)
    """
    valid = values[np.isfinite(values)]
    if valid.size == 0:
        return 0.0, 1.0
    for cut in (tail, 0.0):  # a layer that is nearly all one value still shows the rest
        low, high = (float(limit) for limit in np.percentile(valid, (cut, 100.0 - cut)))
        if high > low:
            return low, high
    margin = abs(low) * 0.01 or 0.5
    return low - margin, high + margin


def with_nan(layer: xr.DataArray) -> npt.NDArray[Any]:
    """Return the values as float or complex numbers in which every pixel without data is NaN.

    >>> with_nan(xr.DataArray(np.array([[0, 255]], "uint8"), dims=("y", "x"), name="landslide")).tolist()
    [[0.0, nan]]
    >>> with_nan(xr.DataArray(np.array([[0j, 1 + 1j]]), dims=("y", "x"))).tolist()
    [[(nan+0j), (1+1j)]]
    """
    values = layer.values
    if values.dtype.kind == "c":
        return np.where(np.isfinite(values) & (values != 0), values, values.dtype.type(np.nan))
    if values.dtype.kind == "f":
        return np.where(np.isfinite(values), values, values.dtype.type(np.nan))
    fill = layer.encoding.get("_FillValue", layer.attrs.get("_FillValue"))
    if fill is None and layer.name in LAYERS:
        fill = fill_value(layer.dtype)
    numbers = values.astype(np.float64)
    if "flag_masks" in layer.attrs:  # of several causes the first one is shown
        whole = values.astype(np.int64)
        numbers = (whole & -whole).astype(np.float64)
    return numbers if fill is None else np.where(values == fill, np.nan, numbers)
