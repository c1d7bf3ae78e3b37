"""Pixel sizes and CRS come from the coordinates."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from pyproj import CRS, Geod

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.georeference import Axis, crs_of, grid_of, same_grid
from insarfeat.metrics import metrics_of, planar_metrics


def raster(y: object, x: object, epsg: int | None = None, dims: tuple[str, str] = ("y", "x")) -> xr.DataArray:
    y, x = np.asarray(y, float), np.asarray(x, float)
    coords = {dims[0]: y, dims[1]: x}
    if epsg:
        coords["spatial_ref"] = ((), 0, {"crs_wkt": CRS.from_epsg(epsg).to_wkt()})
    return xr.DataArray(np.zeros((len(y), len(x)), "f4"), coords, dims, name="elevation")


def test_a_stale_resolution_attribute_is_not_looked_at() -> None:
    array = raster([20, 10, 0], [0, 10, 20])
    array.attrs["res"] = (99.0, 99.0)
    north, east = metrics_of(array, None).rows(0, 3)
    assert north.tolist() == [-10, -10, -10]
    assert east.tolist() == [10, 10, 10]


def test_a_stride_or_a_crop_changes_the_grid_with_it() -> None:
    array = raster(np.arange(100)[::-1] * 10, np.arange(80) * 10)
    assert grid_of(array[::3, ::2]).affine[0::4] == (20, -30)
    assert grid_of(array[10:, 5:]).affine == (10, 0, 45, 0, -10, 895)


@pytest.mark.parametrize("latitude", [0.0, 44.3, -71.5])
def test_degrees_become_metres_on_the_ellipsoid_row_by_row(latitude: float) -> None:
    y = latitude + 0.25 - np.arange(1801) / 3600
    x = 10 + np.arange(5) / 3600
    north, east = metrics_of(raster(y, x, 4326, ("lat", "lon")), None).rows(0, len(y))
    geod = Geod(ellps="WGS84")
    for row in (0, 700, 1800):
        _, _, along = geod.inv(10, y[row] - 0.5 / 3600, 10, y[row] + 0.5 / 3600)
        _, _, across = geod.inv(10, y[row], 10 + 1 / 3600, y[row])
        assert north[row] == pytest.approx(-along, rel=1e-6)
        assert east[row] == pytest.approx(across, rel=1e-6)


def test_web_mercator_metres_are_not_ground_metres() -> None:
    y = 5780000 - 10.0 * np.arange(50)  # 46 degrees north
    north, east = metrics_of(raster(y, np.arange(40) * 10.0, 3857), None).rows(0, 50)
    assert -north[0] == pytest.approx(10 / 1.437, rel=5e-3)
    assert east[0] == pytest.approx(10 / 1.437, rel=5e-3)


def test_coordinates_in_degrees_without_a_crs_are_wgs84() -> None:
    array = raster([1, 0.5, 0], [0, 0.5], dims=("latitude", "longitude"))
    crs = crs_of(array)
    assert crs is not None
    assert crs.to_epsg() == 4326
    assert crs_of(raster([2, 1], [0, 1])) is None


def test_rows_are_the_same_whatever_run_of_them_is_asked_for() -> None:
    metrics = metrics_of(raster(47 - np.arange(3000) / 3600, 10 + np.arange(5) / 3600, 4326), None)
    north, east = metrics.rows(0, 3000)
    for start, stop in ((0, 1), (7, 2500), (2999, 3000)):
        part = metrics.rows(start, stop)
        np.testing.assert_array_equal(part[0], north[start:stop])
        np.testing.assert_array_equal(part[1], east[start:stop])


def test_uneven_coordinates_are_refused() -> None:
    with pytest.raises(GridMismatch, match=r"'y' is not evenly spaced"):
        grid_of(raster([0, 10, 25], [0, 10]))


def test_float32_degrees_pass_as_even() -> None:
    centres = (np.float32(10.123) + np.arange(4000, dtype=np.float32) * np.float32(1 / 1200)).astype(
        np.float32
    )
    assert Axis.of(centres, "lon").step == pytest.approx(1 / 1200, rel=1e-2)


def test_one_row_has_no_pixel_size() -> None:
    with pytest.raises(InvalidArgument, match="has 1 value"):
        grid_of(raster([0], [0, 1]))


def test_text_coordinates_are_refused() -> None:
    with pytest.raises(InvalidType, match="must hold numbers"):
        Axis.of(np.array(["a", "b"]), "y")


def test_resolution_beside_coordinates_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="leave resolution out"):
        metrics_of(raster([1, 0], [0, 1]), 15.0)


def test_no_coordinates_and_no_resolution_is_refused() -> None:
    bare = xr.DataArray(np.zeros((3, 3)), dims=("y", "x"))
    with pytest.raises(InvalidArgument, match="pass resolution= in metres"):
        metrics_of(bare, None)
    assert metrics_of(bare, (30.0, 20.0)).rows(0, 1)[1][0] == 20


@pytest.mark.parametrize("resolution", [0, -1.0, float("nan"), float("inf"), (10.0, 0.0)])
def test_impossible_resolutions_are_refused(resolution: object) -> None:
    with pytest.raises(InvalidArgument, match="positive and finite"):
        planar_metrics(resolution)


@pytest.mark.parametrize("resolution", ["15", (1.0, 2.0, 3.0)])
def test_resolutions_of_the_wrong_kind_are_refused(resolution: object) -> None:
    with pytest.raises(InvalidType, match="number or"):
        planar_metrics(resolution)


def test_coordinates_outside_the_crs_are_refused() -> None:
    swapped = raster(np.linspace(7.2e5, 7.1e5, 5), np.linspace(1e9, 1.1e9, 5), 32632)
    with pytest.raises(InvalidArgument, match=r"outside the area of the CRS|axes swapped"):
        metrics_of(swapped, None)


def test_rasters_on_different_grids_are_refused() -> None:
    one = raster([20, 10, 0], [0, 10])
    with pytest.raises(GridMismatch, match="share one grid"):
        same_grid([one, raster([25, 15, 5], [0, 10])])
    with pytest.raises(GridMismatch, match="share one grid"):
        same_grid([one, raster([20, 10], [0, 10])])
    same_grid([one, raster([20.0001, 10.0001, 0.0001], [0, 10])])


def test_an_unreadable_crs_is_one_clear_error() -> None:
    array = raster([1, 0], [0, 1])
    array.coords["spatial_ref"] = ((), 0, {"crs_wkt": "no such thing"})
    with pytest.raises(InvalidArgument, match="cannot be read"):
        crs_of(array)
