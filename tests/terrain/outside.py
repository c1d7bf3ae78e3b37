"""What SAGA and GDAL make of an array, in float64; the programs are run by :mod:`benchmarks.terrain_tools`.

DEMs have north in their first row and NaN where they have no data, and so have the answers. The programs get float32:
give them elevations that float32 holds exactly, or they compute on other ground than the test does.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from benchmarks import terrain_tools

Array = NDArray[np.float64]


def require_saga() -> None:
    _require(terrain_tools.SAGA)


def require_gdal() -> None:
    _require(terrain_tools.GDAL)


def saga_morphometry(dem: ArrayLike, cell: float, method: str = "zevenbergen-thorne") -> dict[str, Array]:
    """Slope and aspect in degrees, aspect NaN where flat and 360 for north; curvatures in 1/m, none with Horn."""
    layers = ("slope", "aspect") if method == "horn" else tuple(terrain_tools.MORPHOMETRY)
    answers = terrain_tools.saga_morphometry(dem, cell, method, layers)
    return {layer: answer.astype(np.float64) for layer, answer in answers.items()}


def saga_ruggedness(dem: ArrayLike, cell: float, radius: int = 1, window: str = "disc") -> Array:
    return terrain_tools.saga_ruggedness(dem, cell, radius, window).astype(np.float64)


def saga_convexity(
    dem: ArrayLike, cell: float, radius: int = 10, kernel: str = "four", epsilon: float = 0.0
) -> Array:
    """Percent, by counting; SAGA's own choice, if not told, is another method, resampling."""
    return terrain_tools.saga_convexity(dem, cell, radius, kernel, epsilon).astype(np.float64)


def saga_position(dem: ArrayLike, cell: float, radius: float = 1.0) -> Array:
    """Of a disc; the radius is in cells here, and in the grid's unit on SAGA's command line."""
    return terrain_tools.saga_position(dem, cell, radius).astype(np.float64)


def gdal(attribute: str, dem: ArrayLike, resolution: float | tuple[float, float], *options: str) -> Array:
    """An answer of gdaldem, say ``gdal("slope", dem, 30, "-alg", "ZevenbergenThorne", "-compute_edges")``.

    Without ``-compute_edges`` a cell needs all its eight neighbours. Hillshade is in whole numbers from 1 to 255.
    """
    return terrain_tools.gdal(attribute, dem, resolution, *options).astype(np.float64)


def _require(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
