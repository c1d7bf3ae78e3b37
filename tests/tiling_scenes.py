"""A generated scene that worker processes can import."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr
from contract import labelled

from insarfeat import terrain
from insarfeat.dispatch import GeneratedSource
from insarfeat.dispatch.lazy import lazy_source
from insarfeat.windows import Shape, Window

ROWS, COLUMNS = 400, 300


@dataclass(frozen=True)
class heights:  # noqa: N801 - used as a function
    """Hills, made as slowly as is wanted."""

    seconds: float

    def __call__(self, window: Window) -> np.ndarray:
        time.sleep(self.seconds)
        rows = np.arange(window.top, window.bottom)[:, None]
        columns = np.arange(window.left, window.right)[None, :]
        return (100 * np.sin(rows / 30) * np.cos(columns / 40)).astype("f4")


def layers(slow: float = 0.0) -> xr.Dataset:
    source = GeneratedSource(heights(slow), Shape(ROWS, COLUMNS), "f4", name="hills-of-the-cluster-test")
    dem = labelled(lazy_source(source, ((ROWS,), (COLUMNS,))), "elevation")
    return xr.Dataset({"slope": terrain.slope(dem), "elevation": dem})
