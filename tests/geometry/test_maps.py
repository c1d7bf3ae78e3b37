"""Maps: made of bounds, named by what lies on them, and as coordinates that other libraries read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

import insarfeat
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.geometry import map_grid
from insarfeat.geometry.maps import map_named, same_map
from insarfeat.geometry.tie_points import MapPixels
from insarfeat.georeference import Axis, Grid, grid_of, parse_crs

CODES = [
    "EPSG:4326",
    "EPSG:32633",
    "EPSG:3035",
    "EPSG:3413",
    "EPSG:3031",
    "EPSG:2193",
    "EPSG:3857",
    "EPSG:2263",
]


def raster(grid: Grid, name: str = "coherence") -> xr.DataArray:
    pixels = np.arange(grid.y.size * grid.x.size, dtype="f4").reshape(grid.y.size, grid.x.size)
    return xr.DataArray(pixels, map_named(grid).coords, ("y", "x"), name)


@given(
    st.floats(-170, 170),
    st.floats(-80, 80),
    st.floats(0.01, 3),
    st.floats(0.01, 3),
    st.sampled_from([1e-3, 1 / 3600]),
)
def test_bounds_are_covered_by_whole_pixels_and_hardly_more(
    west: float, south: float, wide: float, high: float, resolution: float
) -> None:
    grid = map_grid((west, south, west + wide, south + high), "EPSG:4326", resolution=resolution)
    a, _, left, _, e, top = grid.affine
    assert (a, e) == (resolution, -resolution)
    assert (left, top) == pytest.approx((west, south + high))
    for size, length in ((grid.x.size, wide), (grid.y.size, high)):
        assert -1e-6 <= size - length / resolution < 1


def test_bounds_that_are_whole_pixels_get_no_more() -> None:
    grid = map_grid((0.0, 0.0, 0.3, 0.7), "EPSG:4326", resolution=0.1)
    assert (grid.y.size, grid.x.size) == (7, 3)


@pytest.mark.parametrize(
    ("bounds", "resolution"),
    [
        ((1, 0, 0, 1), 0.1),
        ((0, 1, 1, 0), 0.1),
        ((0, 0, 1, 1), 0.0),
        ((0, 0, 1, 1), -1),
        ((0, 0, np.nan, 1), 0.1),
    ],
)
def test_bounds_that_cannot_be_are_refused(bounds: Any, resolution: float) -> None:
    with pytest.raises(InvalidArgument, match="bounds must be"):
        map_grid(bounds, "EPSG:4326", resolution=resolution)


def test_a_crs_that_is_unknown_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="the CRS 'EPSG:1' cannot be read"):
        map_grid((0, 0, 1, 1), "EPSG:1", resolution=0.1)


@pytest.mark.parametrize("crs", CODES)
def test_coordinates_tell_the_grid_that_they_were_made_of(crs: str) -> None:
    grid = map_grid((10.1, 45.3, 10.4, 45.7), crs, resolution=1 / 360)
    found = grid_of(raster(grid))
    assert same_map(found, grid)
    assert CRS(found.crs_wkt) == CRS(crs)
    assert found.affine == pytest.approx(grid.affine)


@pytest.mark.parametrize("crs", CODES)
@pytest.mark.parametrize("suffix", [".tif", ".nc"])
def test_rasterio_sees_crs_and_transform_of_what_is_written(crs: str, suffix: str, tmp_path: Path) -> None:
    grid = (
        map_grid((1000, 2000, 1300, 2500), crs, resolution=50)
        if crs != "EPSG:4326"
        else map_grid((10, 45, 10.3, 45.5), crs, resolution=0.05)
    )
    path = insarfeat.write(raster(grid), tmp_path / f"map{suffix}")
    with rasterio.open(path if suffix == ".tif" else f"netcdf:{path}:coherence") as file:
        assert file.crs == rasterio.crs.CRS.from_user_input(crs)
        assert tuple(file.transform)[:6] == pytest.approx(grid.affine)
        np.testing.assert_array_equal(file.read(1), raster(grid))
    again = insarfeat.open_stack(path)
    assert same_map(grid_of(again["coherence"]), grid)


def test_a_map_is_named_by_rasters_on_it() -> None:
    grid = map_grid((0, 0, 300, 500), "EPSG:32633", resolution=50)
    one = raster(grid)
    for given_map in (
        grid,
        one,
        one.to_dataset(),
        xr.Dataset({"a": one, "number": 3.0, "series": ("t", [1, 2])}),
    ):
        assert same_map(map_named(given_map).grid, grid)
    assert map_named(one[::-1]).grid.y.step == 50  # a map may stand upside down
    with pytest.raises(InvalidArgument, match="grid is a Dataset without any raster"):
        map_named(xr.Dataset({"number": 3.0}))
    with pytest.raises(GridMismatch, match="must share one grid"):
        map_named(xr.Dataset({"a": one, "b": one.rename(x="u", y="v")}))
    with pytest.raises(InvalidType, match=r"grid must be a DataArray or Dataset .* got str"):
        map_named("EPSG:32633")
    with pytest.raises(InvalidArgument, match="no coordinate along 'y'"):
        map_named(xr.DataArray(np.zeros((3, 4)), dims=("y", "x")))


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True), ({"x": Axis(7.5 + 0.2, 15.0, 100)}, True), ({"x": Axis(7.5 + 0.4, 15.0, 100)}, False),
        ({"x": Axis(7.5, 15.0 + 1e-3, 100)}, True), ({"x": Axis(7.5, 15.01, 100)}, False),
        ({"x": Axis(7.5, 15.0, 99)}, False), ({"y": Axis(7.5, 15.0, 80)}, False), ({"crs_wkt": None}, False),
        ({"crs_wkt": rasterio.crs.CRS.from_epsg(32633).to_wkt()}, True),
        ({"crs_wkt": CRS("EPSG:32632").to_wkt()}, False),
    ],
)  # fmt: skip
def test_maps_are_the_same_to_a_fiftieth_of_a_pixel(change: Any, same: bool) -> None:
    grid = Grid(Axis(7.5 + 15 * 79, -15.0, 80), Axis(7.5, 15.0, 100), parse_crs("EPSG:32633").to_wkt())
    assert same_map(grid, replace(grid, **change)) is same
    assert same_map(replace(grid, **change), grid) is same


# -- tie points ---------------------------------------------------------------------------------------------


@given(st.integers(-500, 5000), st.integers(1, 3000), st.sampled_from([0.5, 15.0, 60.0, 90.0]))
def test_ties_stand_at_multiples_and_on_both_sides(start: int, count: int, resolution: float) -> None:
    pixels = MapPixels(map_grid((0, 0, 1e5, 1e5), "EPSG:32633", resolution=resolution))
    ties = pixels.ties(start, start + count)
    apart = np.diff(ties)
    assert ties.size >= 2
    assert (apart == apart[0]).all()
    assert (ties % apart[0] == 0).all()
    assert ties[0] <= start
    assert ties[-1] > start + count - 1
    assert ties[1] > start
    assert ties[-2] <= start + count - 1


@pytest.mark.parametrize(
    ("crs", "metres"), [("EPSG:32633", 50.0), ("EPSG:2263", 50 * 0.3048), ("EPSG:4326", 50 * 111_320)]
)
def test_pixels_are_measured_in_metres(crs: str, metres: float) -> None:
    grid = map_grid((0, 0, 100, 100), crs, resolution=50)
    assert MapPixels(grid).metres == pytest.approx(metres, rel=1e-4)
