"""The size of pixels, the stretch of grids and true north, against PROJ's own factors and geodesics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS, Geod, Proj

from insarfeat.errors import InvalidArgument
from insarfeat.metrics import Metrics, metrics_of, planar_metrics

Array = NDArray[np.float64]


def raster(y: Array, x: Array, epsg: int) -> xr.DataArray:
    coords = {"y": y, "x": x, "spatial_ref": ((), 0, {"crs_wkt": CRS.from_epsg(epsg).to_wkt()})}
    return xr.DataArray(np.zeros((len(y), len(x)), np.int8), coords, ("y", "x"))


def weights_at(metrics: Metrics, row: int, column: int) -> Array:
    ties, weights = metrics.gradients(row, row + 1, column, column + 1)
    return np.array([np.interp(0, ties, weights[0, :, number]) for number in range(4)])


def weights_by_proj(crs: CRS, x: float, y: float, dx: float, dy: float) -> Array:
    """The same from the partial derivatives that PROJ gives of its own projections."""
    projection = Proj(crs)
    longitude, latitude = projection(x, y, inverse=True)
    factors = projection.get_factors(longitude, latitude)
    ellipsoid = crs.ellipsoid
    a, b = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre
    squared, phi = 1 - (b / a) ** 2, math.radians(latitude)
    across = a * math.cos(phi) / math.sqrt(1 - squared * math.sin(phi) ** 2)
    along = a * (1 - squared) / (1 - squared * math.sin(phi) ** 2) ** 1.5
    of_angles = a * np.array([[factors.dx_dlam, factors.dx_dphi], [factors.dy_dlam, factors.dy_dphi]])
    of_ground = of_angles / [across, along]
    return np.asarray((of_ground.T / [dx, dy]).ravel())


@pytest.mark.parametrize(
    ("epsg", "x0", "y0"),
    [
        (32632, 300e3, 5.2e6),  # transverse Mercator, conformal, -1.2 degrees of convergence
        (3035, 2.8e6, 2.0e6),  # equal-area: 11 degrees, and 0.7 % between its axes
        (3857, 1e6, 5.8e6),  # stretched by 1.43; no projection of the ellipsoid at all
        (2056, 2.7e6, 1.2e6),  # oblique Mercator
        (31287, 3e5, 4e5),  # conic
        (3413, 1e6, -1e6),  # polar: 45 degrees
        (2229, 6.4e6, 1.8e6),  # in feet
    ],
)
def test_gradients_on_a_projected_grid_are_those_on_the_ground(epsg: int, x0: float, y0: float) -> None:
    y, x = y0 - 30.0 * np.arange(1501), x0 + 30.0 * np.arange(1201)
    metrics = metrics_of(raster(y, x, epsg), None)
    crs = CRS.from_epsg(epsg)
    unit = crs.axis_info[0].unit_conversion_factor
    for row, column in ((0, 0), (777, 312), (1500, 1200)):
        expected = weights_by_proj(crs, x[column], y[row], 30 * unit, -30 * unit)
        got = weights_at(metrics, row, column)
        np.testing.assert_allclose(got, expected, atol=2e-6 * np.abs(expected).max())


def test_a_paris_meridian_and_grads_are_no_trouble() -> None:
    """Lambert zone II of the Nouvelle Triangulation Francaise, whose longitudes are grads from Paris."""
    y, x = 2.2e6 - 25.0 * np.arange(300), 700e3 + 25.0 * np.arange(300)
    north, east = metrics_of(raster(y, x, 27572), None).rows(0, 300)
    np.testing.assert_allclose(-north, 25, rtol=1e-3)
    np.testing.assert_allclose(east, 25, rtol=1e-3)


def test_a_pixel_of_a_geographic_grid_is_measured_along_the_ellipsoid() -> None:
    step, latitude = 1 / 3600, 46.8
    y, x = latitude - step * np.arange(4000), 9.6 + step * np.arange(30)
    metrics = metrics_of(raster(y, x, 4326), None)
    geod = Geod(ellps="WGS84")
    for row in (0, 1234, 3999):
        across = geod.inv(9.6, y[row], 9.6 + step, y[row])[2]
        along = geod.inv(9.6, y[row] - step / 2, 9.6, y[row] + step / 2)[2]
        np.testing.assert_allclose(weights_at(metrics, row, 7), [1 / across, 0, 0, -1 / along], rtol=1e-6)


@pytest.mark.parametrize(("epsg", "x0", "y0"), [(4326, 9.0, 47.0), (32632, 690e3, 5.2e6)])
def test_a_tile_sees_the_numbers_of_the_whole(epsg: int, x0: float, y0: float) -> None:
    step = 1 / 3600 if epsg == 4326 else 30.0
    y, x = y0 - step * np.arange(3000), x0 + step * np.arange(2000)
    metrics = metrics_of(raster(y, x, epsg), None)
    ties, weights = metrics.gradients(0, 3000, 0, 2000)
    for start, stop, left, right in ((0, 1, 0, 5), (517, 1800, 300, 1700), (2999, 3000, 1999, 2000)):
        part_ties, part = metrics.gradients(start, stop, left, right)
        about = np.isin(ties, part_ties + left)
        np.testing.assert_array_equal(part, weights[start:stop, about])
        if len(ties) > 1:  # those about the window, and few more
            assert part_ties[0] <= 0
            assert part_ties[-1] >= right - left - 1
            assert len(part_ties) <= (right - left) * 30 / 5e3 + 3


def test_grid_north_takes_the_axes_and_lengths_of_the_grid() -> None:
    y, x = 2.0e6 - 25.0 * np.arange(50), 2.8e6 + 25.0 * np.arange(50)
    grid = metrics_of(raster(y, x, 3035), None, "grid")
    assert weights_at(grid, 20, 30).tolist() == [1 / 25, 0, 0, -1 / 25]
    feet = metrics_of(raster(y, x, 2229), None, "grid")
    np.testing.assert_allclose(feet.rows(0, 1), [[-25 * 1200 / 3937], [25 * 1200 / 3937]], rtol=1e-12)


def test_a_bare_array_is_a_plane_with_rows_running_south() -> None:
    assert weights_at(planar_metrics((20.0, 10.0)), 3, 5).tolist() == [0.1, 0, 0, -0.05]


def test_coordinates_outside_the_crs_are_named() -> None:
    with pytest.raises(InvalidArgument, match=r"lie outside the area of the CRS 'WGS 84'.*axes swapped"):
        metrics_of(raster(200 - np.arange(9.0), np.arange(9.0), 4326), None)


@pytest.mark.parametrize(("epsg", "x0", "y0"), [(3035, 2.8e6, 2.0e6), (3413, 1e6, -1e6)])
def test_weights_at_ties_bound_those_of_all_pixels(epsg: int, x0: float, y0: float) -> None:
    metrics = metrics_of(raster(y0 - 300.0 * np.arange(401), x0 + 300.0 * np.arange(301), epsg), None)
    low, high = (edge(metrics.weights_at_ties.reshape(-1, 4), axis=0) for edge in (np.min, np.max))
    found = np.array([weights_at(metrics, row, column) for row in (0, 57, 400) for column in (0, 123, 299)])
    assert (found >= low).all()
    assert (found <= high).all()
    assert (high > low).all()
