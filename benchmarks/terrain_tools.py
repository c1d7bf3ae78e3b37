"""What SAGA and GDAL make of an array: the installed programs, run once per call in a folder that goes with it.

DEMs have north in their first row and NaN where they have no data, and so have the answers. The programs get float32:
give them elevations that float32 holds exactly, or they compute on other ground than you do. Both run on one core.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float32]

SAGA, GDAL = "saga_cmd", "gdaldem"

NODATA = -99999.0

# The numbers of SAGA's choices, as `saga_cmd ta_morphometry 0` and so on print them.
METHODS = {"horn": 2, "evans": 3, "zevenbergen-thorne": 6}
MORPHOMETRY = {
    "slope": "SLOPE",
    "aspect": "ASPECT",
    "general": "C_GENE",
    "profile": "C_PROF",
    "plan": "C_PLAN",
    "tangential": "C_TANG",
}
WINDOWS = {"square": 0, "disc": 1}
KERNELS = {"four": 0, "eight": 1, "eight-weighted": 2}


def saga_morphometry(
    dem: ArrayLike,
    cell: float,
    method: str = "zevenbergen-thorne",
    layers: Sequence[str] = tuple(MORPHOMETRY),
) -> dict[str, Array]:
    """Slope and aspect in degrees, aspect NaN where flat and 360 for north; curvatures in 1/m, none with Horn."""
    options = {"METHOD": METHODS[method], "UNIT_SLOPE": 1, "UNIT_ASPECT": 1}
    answers = _saga(0, "ELEVATION", dem, cell, [MORPHOMETRY[layer] for layer in layers], options)
    return {layer: answers[MORPHOMETRY[layer]] for layer in layers}


def saga_ruggedness(dem: ArrayLike, cell: float, radius: int = 1, window: str = "disc") -> Array:
    options = {"MODE": WINDOWS[window], "RADIUS": radius, "DW_WEIGHTING": 0}
    return _saga(16, "DEM", dem, cell, ["TRI"], options)["TRI"]


def saga_convexity(
    dem: ArrayLike, cell: float, radius: int = 10, kernel: str = "four", epsilon: float = 0.0
) -> Array:
    """Percent, by counting; SAGA's own choice, if not told, is another method, resampling."""
    options = {
        "KERNEL": KERNELS[kernel],
        "TYPE": 0,
        "EPSILON": epsilon,
        "SCALE": radius,
        "METHOD": 0,
        "DW_WEIGHTING": 0,
    }
    return _saga(21, "DEM", dem, cell, ["CONVEXITY"], options)["CONVEXITY"]


def saga_position(dem: ArrayLike, cell: float, radius: float = 1.0) -> Array:
    """Of a disc; the radius is in cells here, and in the grid's unit on SAGA's command line."""
    options = {"STANDARD": 0, "RADIUS_MIN": 0, "RADIUS_MAX": radius * cell, "DW_WEIGHTING": 0}
    return _saga(18, "DEM", dem, cell, ["TPI"], options)["TPI"]


def gdal(attribute: str, dem: ArrayLike, resolution: float | tuple[float, float], *options: str) -> Array:
    """An answer of gdaldem, say ``gdal("slope", dem, 30, "-alg", "ZevenbergenThorne", "-compute_edges")``.

    Without ``-compute_edges`` a cell needs all its eight neighbours. Hillshade is in whole numbers from 1 to 255.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, answer = folder / "dem.tif", folder / "answer.tif"
        _write(source, dem, resolution)
        _run([GDAL, attribute, str(source), str(answer), "-q", *options])
        return _read(answer)


def _saga(
    tool: int, source: str, dem: ArrayLike, cell: float, answers: Sequence[str], options: Mapping[str, float]
) -> dict[str, Array]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "dem.tif", dem, cell)
        command = [SAGA, "--flags=s", "--cores=1", "ta_morphometry", str(tool)]
        command += [f"-{source}", str(folder / "dem.tif")]
        for answer in answers:
            command += [f"-{answer}", str(folder / f"{answer}.sgrd")]
        for option, value in options.items():
            command += [f"-{option}", str(value)]
        _run(command)
        # Beside each .sgrd, its header, lie the numbers: float32, southern row first, which the reader knows.
        return {answer: _read(folder / f"{answer}.sdat") for answer in answers}


def _write(path: Path, dem: ArrayLike, resolution: float | tuple[float, float]) -> None:
    dy, dx = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    elevation = np.asarray(dem, np.float32)
    height, width = elevation.shape
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "nodata": NODATA}
    grid = {"height": height, "width": width, "transform": Affine(dx, 0, 0, 0, -dy, height * dy)}
    with rasterio.open(path, "w", **profile, **grid) as file:
        file.write(np.where(np.isnan(elevation), np.float32(NODATA), elevation), 1)


def _read(path: Path) -> Array:
    with rasterio.open(path) as file:
        values: Array = file.read(1).astype(np.float32, copy=False)
        values[values == file.nodata] = np.nan
        return values


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
