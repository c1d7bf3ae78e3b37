"""Layers of flow as a plan that can be killed: ``python runner_of_a_flow_plan.py OUT``. Prints each report."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from contract import labelled
from scipy.ndimage import gaussian_filter

import insarfeat
from insarfeat import terrain
from insarfeat.dispatch import GeneratedSource
from insarfeat.dispatch.lazy import lazy_source
from insarfeat.windows import Shape, Window

ROWS, COLUMNS, TILE = 300, 280, 64
TILES = 25


@cache
def ground() -> np.ndarray:
    """Rough ground full of pits; a bowl, two lakes and a void that all lie across tiles."""
    rng = np.random.default_rng(20)
    dem = 60 * gaussian_filter(rng.normal(size=(ROWS, COLUMNS)), 8) + rng.normal(size=(ROWS, COLUMNS))
    rows, columns = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    dem += 30 * (rows**2 + columns**2)
    lakes = gaussian_filter(rng.normal(size=dem.shape), 12)
    dem[lakes > np.quantile(lakes, 0.9)] = np.round(dem.mean())
    dem[150:190, 20:260] = np.round(dem.min())
    dem[60:70, 100:140] = np.nan
    dem[200:, 192] = np.nan
    dem[rng.random(dem.shape) < 0.002] = np.nan
    dem.flags.writeable = False
    return np.asarray(dem, np.float32)


@dataclass(frozen=True)
class heights:  # noqa: N801 - used as a function
    """The ground, read as slowly as is wanted."""

    seconds: float = 0.0

    def __call__(self, window: Window) -> np.ndarray:
        time.sleep(self.seconds)
        return ground()[window.slices]


def fails(window: Window) -> np.ndarray:
    """A source that cannot be read from half of the raster on."""
    if window.top > ROWS // 2:
        raise OSError("the disk under this tile is gone")
    return ground()[window.slices]


def lazy_dem(
    read: Callable[[Window], np.ndarray] | None = None, name: str = "ground-of-the-flow-test"
) -> xr.DataArray:
    source = GeneratedSource(read or heights(), Shape(ROWS, COLUMNS), "f4", name=name)
    return labelled(lazy_source(source, ((ROWS,), (COLUMNS,))), "elevation")


def layers(dem: xr.DataArray) -> xr.Dataset:
    """Layers that stand on one filled DEM."""
    return xr.Dataset(
        {
            "filled": terrain.fill_depressions(dem),
            "cells": terrain.flow_accumulation(dem, method="d8"),
            "twi": terrain.twi(dem),
            "slope": terrain.slope(dem),
        }
    )


def assert_like_numpy(stack: xr.Dataset) -> None:
    """Fill and D8 bit for bit, what is parted by MFD as closely as sums can be made."""
    for name, expected in layers(labelled(ground(), "elevation")).data_vars.items():
        values: Any = stack[name].values
        assert values.dtype == expected.dtype
        if name == "twi":
            np.testing.assert_allclose(values, expected.values, rtol=2e-7, atol=2e-7)
        else:
            np.testing.assert_array_equal(values, expected.values, err_msg=str(name))


def main() -> None:
    def tell(progress: insarfeat.tiling.Progress) -> None:
        print(progress.stage.replace(" ", "-"), progress.done, progress.total, flush=True)

    plan = insarfeat.plan(layers(lazy_dem(heights(0.002))), tile=TILE)
    plan.run(Path(sys.argv[1]), overwrite=True, progress=tell)


if __name__ == "__main__":
    main()
