"""The layers beside SAGA's and gdaldem's on real DEMs, where both define a value. Bounds are the goals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import outside
import pytest
from dems import REAL, Array, real_dem

from insarfeat import terrain

SLOPE, ASPECT, RUGGEDNESS, CONVEXITY, CURVATURE = 1e-4, 1e-2, 1e-4, 1e-3, 1e-5

REAL_DEMS = pytest.mark.parametrize("name", sorted(REAL))


def assert_close(ours: Any, theirs: Array, bound: float, where: Any = True) -> None:
    apart = np.abs(np.asarray(ours, np.float64) - theirs)
    assert np.nanmax(apart[where & ~np.isnan(theirs)]) <= bound


def assert_same_azimuth(ours: Any, theirs: Array, where: Array) -> None:
    apart = np.abs((np.asarray(ours, np.float64) - theirs + 180) % 360 - 180)
    assert np.nanmax(apart[where]) <= ASPECT


@REAL_DEMS
@pytest.mark.parametrize("method", ["zevenbergen-thorne", "evans", "horn"])
def test_angles_are_those_of_saga(name: str, method: Any, test_data: Path) -> None:
    outside.require_saga()
    dem, cell = real_dem(name, test_data)
    saga = outside.saga_morphometry(dem, cell, method)
    ours = terrain.attributes(dem, ["slope", "aspect"], resolution=cell, method=method)
    np.testing.assert_array_equal(np.isnan(ours["slope"]), np.isnan(saga["slope"]))
    np.testing.assert_array_equal(np.isnan(ours["aspect"]), np.isnan(saga["aspect"]))
    assert_close(ours["slope"], saga["slope"], SLOPE)
    assert_same_azimuth(ours["aspect"], saga["aspect"], saga["slope"] > 1)


@REAL_DEMS
@pytest.mark.parametrize("method", ["zevenbergen-thorne", "evans"])
def test_curvatures_are_those_of_saga(name: str, method: Any, test_data: Path) -> None:
    outside.require_saga()
    dem, cell = real_dem(name, test_data)
    saga = outside.saga_morphometry(dem, cell, method)
    steep = saga["slope"] > 1
    asked = [
        made("saga")
        for made in (terrain.ProfileCurvature, terrain.PlanCurvature, terrain.TangentialCurvature)
    ]
    ours = terrain.attributes(dem, [*asked, "general_curvature"], resolution=cell, method=method)
    for kind in ("profile", "plan", "tangential", "general"):
        theirs = saga[kind]
        low, high = np.nanpercentile(theirs[steep], (1, 99))
        assert_close(ours[f"{kind}_curvature"], theirs, CURVATURE * (high - low), steep)


@REAL_DEMS
def test_ruggedness_is_that_of_saga(name: str, test_data: Path) -> None:
    outside.require_saga()
    dem, cell = real_dem(name, test_data)
    assert_close(terrain.tri(dem, variant="saga"), outside.saga_ruggedness(dem, cell), RUGGEDNESS)


@REAL_DEMS
@pytest.mark.parametrize(("radius", "kernel"), [(10, "four"), (3, "eight")])
def test_convexity_is_that_of_saga(name: str, radius: int, kernel: Any, test_data: Path) -> None:
    outside.require_saga()
    dem, cell = real_dem(name, test_data)
    saga = outside.saga_convexity(dem[:200], cell, radius, kernel)
    assert_close(terrain.convexity(dem[:200], radius=radius, kernel=kernel), saga, CONVEXITY)


@REAL_DEMS
def test_angles_are_those_of_gdaldem(name: str, test_data: Path) -> None:
    outside.require_gdal()
    dem, cell = real_dem(name, test_data)
    ours = terrain.attributes(dem, ["slope", "aspect"], resolution=cell)
    slope = outside.gdal("slope", dem, cell, "-alg", "ZevenbergenThorne")
    aspect = outside.gdal("aspect", dem, cell, "-alg", "ZevenbergenThorne")
    assert_close(ours["slope"], slope, SLOPE)
    assert_same_azimuth(ours["aspect"], aspect, slope > 1)


@pytest.mark.parametrize("name", ["bigtujunga", "davos"])
def test_horn_is_that_of_gdaldem(name: str, test_data: Path) -> None:
    """On DEMs of whole metres: gdaldem adds elevations up in single precision, which rounds others."""
    outside.require_gdal()
    dem, cell = real_dem(name, test_data)
    ours = terrain.attributes(
        dem, ["slope", "aspect", "topographic_position"], resolution=cell, method="horn"
    )
    slope = outside.gdal("slope", dem, cell)
    assert_close(ours["slope"], slope, SLOPE)
    assert_same_azimuth(ours["aspect"], outside.gdal("aspect", dem, cell), slope > 1)
    assert_close(terrain.topographic_position(dem, radius=1), outside.gdal("TPI", dem, cell), 1e-4)
    light = outside.gdal("hillshade", dem, cell)
    assert_close(1 + 254 * terrain.hillshade(dem, resolution=cell, method="horn"), light, 0.51)


@REAL_DEMS
def test_textures_are_those_of_gdaldem(name: str, test_data: Path) -> None:
    outside.require_gdal()
    dem, cell = real_dem(name, test_data)
    assert_close(terrain.tri(dem), outside.gdal("TRI", dem, cell, "-alg", "Riley"), RUGGEDNESS)
    assert_close(
        terrain.tri(dem, variant="wilson"), outside.gdal("TRI", dem, cell, "-alg", "Wilson"), RUGGEDNESS
    )
    assert_close(terrain.roughness(dem), outside.gdal("roughness", dem, cell), RUGGEDNESS)
