"""Small scenes from which stacks are made."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

import insarfeat
from insarfeat import filters

ANGLES = {"incidence": 39.0, "heading": -12.0}


@lru_cache(maxsize=8)
def scene(seed: int = 1, size: int = 160) -> xr.Dataset:
    return insarfeat.synth.scene(seed=seed, size=size, style="images")


def product(seed: int = 1, day: int = 1, size: int = 160) -> xr.Dataset:
    """An interferogram with its coherence, as a reader gives it."""
    images = scene(seed, size)
    layers = {
        "interferogram": filters.interferogram(images["primary"], images["secondary"]),
        "coherence": filters.coherence(images["primary"], images["secondary"]),
    }
    dates = {"primary_date": f"2023-01-{day:02d}", "secondary_date": f"2023-01-{day + 12:02d}"}
    return xr.Dataset(layers, attrs=dates)


def given(seed: int = 1, size: int = 160) -> dict[str, Any]:
    """Two images, a DEM and where the radar looks from."""
    images = scene(seed, size)
    return {
        "primary": images["primary"],
        "secondary": images["secondary"],
        "dem": images["elevation"],
        **ANGLES,
    }


def square(of: xr.DataArray, first: int, last: int) -> dict[str, Any]:
    """A polygon that covers whole pixels, from first to before last in both directions."""
    half = abs(float(of.x[1] - of.x[0])) / 2
    west, east = float(of.x[first]) - half, float(of.x[last - 1]) + half
    north, south = float(of.y[first]) + half, float(of.y[last - 1]) - half
    ring = [(west, north), (east, north), (east, south), (west, south), (west, north)]
    return {"type": "Polygon", "coordinates": [ring]}


def same(one: xr.DataArray, other: xr.DataArray) -> bool:
    return bool(np.array_equal(one.values, other.values, equal_nan=one.dtype.kind in "fc"))
