"""What SAGA makes of an array: flow, specific catchment area and wetness, with square cells.

Rasters have north in their first row and NaN where they have no data, and so have the answers. SAGA takes them in
float64, but its own grids, and every sum that it keeps in one, are float32: on real ground its catchment areas are
good to about 1e-6 of themselves. ``tests/terrain/flow/saga_formulas.py`` says in NumPy what
these programs compute.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Method = Literal["d8", "mfd", "aspect"]

PROGRAM = "saga_cmd"
NODATA = -99999.0

# The numbers of the tools in ta_hydrology, and of their choices, as `saga_cmd ta_hydrology 19` and so on print them.
FLOW, WIDTH, TWI, WETNESS = 0, 19, 20, 15
MFD = 4
METHODS: dict[Method, int] = {"d8": 0, "mfd": 1, "aspect": 2}


class Widths(NamedTuple):
    width: Array
    specific: Array


class Wetness(NamedTuple):
    """In m2, radians, m2 and ln m, as SAGA gives them."""

    area: Array
    slope: Array
    modified: Array
    index: Array  # type: ignore[assignment]  # tuples have a method of this name, which nobody needs


def saga_is_here() -> bool:
    return shutil.which(PROGRAM) is not None


def saga_mfd(dem: ArrayLike, size: float, convergence: float = 1.1) -> Array:
    """Catchment areas in m2."""
    options = {"METHOD": MFD, "CONVERGENCE": convergence, "FLOW_UNIT": 1, "LINEAR_DO": 0, "MFD_CONTOUR": 0}
    return run_saga(FLOW, {"ELEVATION": dem}, size, ["FLOW"], options)["FLOW"]


def saga_d8(dem: ArrayLike, size: float) -> Array:
    """Catchment areas in m2 by the steepest of eight neighbours; cells beside missing ones hand on nothing."""
    options = {"METHOD": 0, "FLOW_UNIT": 1, "LINEAR_DO": 0}
    return run_saga(FLOW, {"ELEVATION": dem}, size, ["FLOW"], options)["FLOW"]


def saga_widths(dem: ArrayLike, area: ArrayLike, size: float, method: Method) -> Widths:
    """The widths of flow in metres, and the specific catchment areas in m."""
    given, asked = {"DEM": dem, "TCA": area}, ["WIDTH", "SCA"]
    answers = run_saga(WIDTH, given, size, asked, {"COORD_UNIT": 0, "METHOD": METHODS[method]})
    return Widths(answers["WIDTH"], answers["SCA"])


def saga_twi(area: ArrayLike, slope: ArrayLike, size: float, specific: bool = True) -> Array:
    """Of slopes in radians; areas that are not specific are in m2, and SAGA divides them by the size of a cell."""
    given, options = {"AREA": area, "SLOPE": slope}, {"CONV": 0 if specific else 1, "METHOD": 0}
    return run_saga(TWI, given, size, ["TWI"], options)["TWI"]


def saga_wetness(dem: ArrayLike, size: float) -> Wetness:
    answers = run_saga(WETNESS, {"DEM": dem}, size, ["AREA", "SLOPE", "AREA_MOD", "TWI"], {})
    return Wetness(answers["AREA"], answers["SLOPE"], answers["AREA_MOD"], answers["TWI"])


def run_saga(
    tool: int, given: Mapping[str, ArrayLike], size: float, asked: Sequence[str], options: Mapping[str, float]
) -> dict[str, Array]:
    """One tool of ta_hydrology on one core, by SAGA's names of what it reads, writes and lets one choose."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [PROGRAM, "--flags=s", "--cores=1", "ta_hydrology", str(tool)]
        for grid, values in given.items():
            _write(folder / f"{grid}.tif", values, size)
            command += [f"-{grid}", str(folder / f"{grid}.tif")]
        for grid in asked:
            command += [f"-{grid}", str(folder / f"answer_{grid}.sgrd")]
        for option, value in options.items():
            command += [f"-{option}", str(value)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        # Beside each .sgrd, its header, lie the numbers: southern row first, which the reader knows.
        return {grid: _read(folder / f"answer_{grid}.sdat") for grid in asked}


def _write(path: Path, values: ArrayLike, size: float) -> None:
    """As float64, so that SAGA computes on the very numbers that the test has."""
    raster = np.asarray(values, np.float64)
    height, width = raster.shape
    profile = {"driver": "GTiff", "count": 1, "dtype": "float64", "nodata": NODATA}
    grid = {"height": height, "width": width, "transform": Affine(size, 0, 0, 0, -size, height * size)}
    with rasterio.open(path, "w", **profile, **grid) as file:
        file.write(np.where(np.isnan(raster), NODATA, raster), 1)


def _read(path: Path) -> Array:
    with rasterio.open(path) as file:
        values: Array = file.read(1).astype(np.float64)
        values[values == file.nodata] = np.nan
        return values
