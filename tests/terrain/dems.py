"""DEMs for the tests of terrain: rough ones with voids, drawn by hypothesis, and real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Folder and file of real DEMs, and the size of their cells in metres.
REAL = {
    "bigtujunga": ("dem_bigtujunga_srtm1/bigtujunga_utm11_30m.tif", 30.0),
    "davos": ("dem_davos_srtm1/davos_srtm1_utm32_30m.tif", 30.0),
    "tyrol_alr": ("dem_tyrol_5m/avaAlr_epsg31287_5m.tif", 5.0),
    "tyrol_wog": ("dem_tyrol_5m/avaWog_epsg31287_5m.tif", 5.0),
    "exploradores": ("dem_exploradores_aster/exploradores_aster_utm18s_30m.tif", 30.0),
}


@st.composite
def rough_dems(draw: st.DrawFn) -> Array:
    """Any size from one cell on, with voids, flats and whole stretches without voids."""
    rows, columns = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dem = rng.normal(500, 30, (rows, columns))
    dem[rng.random(dem.shape) < draw(st.sampled_from([0.0, 0.02, 0.3]))] = np.nan
    dem[: rows // 3, : columns // 2] = 7
    return dem


def real_dem(name: str, test_data: Path) -> tuple[NDArray[np.float32], float]:
    """A real DEM with NaN for nodata, at most 600 cells wide, and the size of its cells."""
    file, cell = REAL[name]
    path = test_data / file
    if not path.exists():
        pytest.skip(f"the sample {file} is not there")
    with rasterio.open(path) as opened:
        read = opened.read(1, masked=True)
    return read.astype(np.float32).filled(np.nan)[:, :600], cell
