"""Slope against surfaces whose slope is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod

from insarfeat import terrain


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(1, 50), st.floats(1, 50))
def test_a_plane_has_its_slope_everywhere_edges_included(p: float, q: float, dy: float, dx: float) -> None:
    rows, columns = np.mgrid[:7, :9].astype(float)
    dem = p * columns * dx + q * rows * dy
    expected = np.degrees(np.arctan(np.hypot(p, q)))
    np.testing.assert_allclose(terrain.slope(dem, resolution=(dy, dx)), expected, atol=1e-6)


def test_a_paraboloid_has_the_slope_of_its_derivative() -> None:
    x = np.arange(-20, 21) * 10.0
    dem = 0.002 * np.add.outer(x**2, 3 * x**2)
    p, q = np.meshgrid(2 * 0.006 * x, 2 * 0.002 * x)
    expected = np.degrees(np.arctan(np.hypot(p, q)))
    np.testing.assert_allclose(
        terrain.slope(dem, resolution=10.0)[1:-1, 1:-1], expected[1:-1, 1:-1], rtol=1e-9
    )


def test_a_void_takes_nothing_but_itself() -> None:
    dem = np.add.outer(np.arange(9.0), np.arange(9.0))
    dem[4, 4] = np.nan
    slope = terrain.slope(dem, resolution=1.0)
    assert np.isnan(slope).sum() == 1
    np.testing.assert_allclose(slope[~np.isnan(slope)], np.degrees(np.arctan(np.sqrt(2))))


def test_a_lone_cell_is_flat_and_a_flat_is_zero() -> None:
    dem = np.full((5, 5), np.nan)
    dem[2, 2] = 7
    assert terrain.slope(dem, resolution=1.0)[2, 2] == 0
    assert (terrain.slope(np.zeros((4, 4)), resolution=1.0) == 0).all()


@pytest.mark.parametrize(("epsg", "latitude"), [(4326, 46.8), (3857, 46.8), (32632, 46.8), (3035, 46.8)])
def test_the_same_ground_has_the_same_slope_on_any_grid(epsg: int, latitude: float) -> None:
    """A hillside that rises 0.3 m per metre northward, sampled on grids whose units are far from metres."""
    from pyproj import Transformer

    to_grid = Transformer.from_crs(4326, epsg, always_xy=True)
    x0, y0 = to_grid.transform(9.8, latitude)
    step = 1 / 3600 if epsg == 4326 else 30.0
    y, x = y0 - step * np.arange(41), x0 + step * np.arange(41)
    _, lat = to_grid.transform(*np.meshgrid(x, y), direction="INVERSE")
    metres = np.array([Geod(ellps="WGS84").inv(9.8, latitude, 9.8, value)[2] for value in lat.ravel()])
    dem = 0.3 * np.sign(lat.ravel() - latitude) * metres
    coords = {"y": y, "x": x, "spatial_ref": ((), 0, {"crs_wkt": CRS.from_epsg(epsg).to_wkt()})}
    slope = terrain.slope(xr.DataArray(dem.reshape(41, 41), coords, ("y", "x")))
    np.testing.assert_allclose(slope.values, np.degrees(np.arctan(0.3)), atol=0.02)
