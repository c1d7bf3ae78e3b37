"""Mountains, maps and directions that tests of shadow and layover share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS

Array = NDArray[Any]

CLEAR, SHADOW, LAYOVER, BOTH, NODATA = 0, 1, 2, 3, 255
HEADINGS = (0.0, -12.3, 27.0, 45.0, 71.0, 90.0, 135.0, -168.0, 180.0, -97.5)
headings = pytest.mark.parametrize("heading", HEADINGS)
looks = pytest.mark.parametrize("look", ["right", "left"])


def toward_radar(heading: float, look: str) -> tuple[float, float]:
    """Unit vector east and north from the ground to the radar: it looks to its right, or to its left."""
    ahead = math.sin(math.radians(heading)), math.cos(math.radians(heading))
    return (-ahead[1], ahead[0]) if look == "right" else (ahead[1], -ahead[0])


def along_look(half: int, heading: float, look: str) -> Array:
    """Metres away from the radar on a square raster of 1 m pixels, counted from its middle."""
    south, east = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    radar_east, radar_north = toward_radar(heading, look)
    return -(east * radar_east - south * radar_north)


def raster(array: Any, y: Array, x: Array, epsg: int | None = None) -> xr.DataArray:
    crs = {} if epsg is None else {"spatial_ref": ((), 0, {"crs_wkt": CRS.from_epsg(epsg).to_wkt()})}
    return xr.DataArray(array, {"y": y, "x": x, **crs}, ("y", "x"), "elevation")


def rough(shape: tuple[int, int], seed: int, height: float = 100.0) -> Array:
    """Mountains of a few pixels with noise on them."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    dem = rng.normal(0, height / 20, shape)
    for _ in range(6):
        across, along, phase = rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4), rng.uniform(0, 6)
        dem += height / 6 * np.sin(across * columns + along * rows + phase)
    return dem


def sloping(relief: float) -> Array:
    return np.linspace(700, 700 + relief, 40 * 50).reshape(40, 50)
