"""Slope, aspect, shading and curvatures: closed forms, the plain definitions, and true north on any grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plain
import pytest
import xarray as xr
from dems import Array, rough_dems
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod, Proj, Transformer

from insarfeat import terrain

METHODS = ("zevenbergen-thorne", "horn", "evans")
CURVATURES: dict[str, Callable[..., Any]] = {
    "profile": terrain.profile_curvature,
    "plan": terrain.plan_curvature,
    "tangential": terrain.tangential_curvature,
}
methods = st.sampled_from(METHODS)


def degrees_apart(one: Any, other: Any) -> Array:
    apart: Array = np.abs((np.asarray(one, float) - other + 180) % 360 - 180)
    return apart


# -- closed forms ---------------------------------------------------------------------------------------------


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(1, 50), st.floats(1, 50), methods)
def test_a_plane_is_the_same_everywhere_edges_included(
    p: float, q: float, dy: float, dx: float, method: Any
) -> None:
    rows, columns = np.mgrid[:7, :9].astype(float)
    dem = p * columns * dx - q * rows * dy
    found = terrain.attributes(dem, ["slope", "aspect"], resolution=(dy, dx), method=method)
    # In a corner a diagonal pair is missing whole, and counts as flat.
    known = np.ones(dem.shape, bool)
    known[:: 7 - 1, :: 9 - 1] = method == "zevenbergen-thorne"
    np.testing.assert_allclose(found["slope"][known], np.degrees(np.arctan(np.hypot(p, q))), atol=1e-6)
    if np.hypot(p, q) > 1e-3:
        assert degrees_apart(found["aspect"], np.degrees(np.arctan2(-p, -q)))[known].max() < 1e-6


@pytest.mark.parametrize(
    ("p", "q", "azimuth"), [(0, -1, 0), (-1, -1, 45), (-1, 0, 90), (0, 1, 180), (1, 0, 270)]
)
def test_aspect_is_the_compass_direction_downslope(p: float, q: float, azimuth: float) -> None:
    rows, columns = np.mgrid[:5, :5].astype("f4")
    np.testing.assert_allclose(terrain.aspect(p * columns - q * rows, resolution=1.0), azimuth, atol=1e-4)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_aspect_just_west_of_north_is_not_360(dtype: str) -> None:
    rows, columns = np.mgrid[:5, :5].astype(dtype)
    aspect = terrain.aspect(rows.astype(dtype) + np.dtype(dtype).type(1e-7) * columns, resolution=1.0)
    assert aspect.min() >= 0
    assert aspect.max() < 360


@pytest.mark.parametrize("method", METHODS)
def test_derivatives_of_a_quadratic_surface_are_exact(method: Any) -> None:
    """All three methods fit such a surface exactly, so that its curvatures come out by the formulas."""
    x, y = np.meshgrid(np.arange(-8, 9) * 10.0, np.arange(8, -9, -1) * 20.0)
    r, s, t, p0, q0 = 0.004, -0.001, -0.006, 0.31, -0.23
    dem = 0.5 * r * x**2 + s * x * y + 0.5 * t * y**2 + p0 * x + q0 * y + 900
    p, q = r * x + s * y + p0, s * x + t * y + q0
    steep = p**2 + q**2
    along, across = r * p**2 + 2 * s * p * q + t * q**2, t * p**2 - 2 * s * p * q + r * q**2
    expected = {
        "slope": np.degrees(np.arctan(np.sqrt(steep))),
        "profile_curvature": -along / (steep * (1 + steep) ** 1.5),
        "plan_curvature": -across / steep**1.5,
        "tangential_curvature": -across / (steep * np.sqrt(1 + steep)),
        "general_curvature": np.full(x.shape, -(r + t)),
    }
    found = terrain.attributes(dem, expected, resolution=(20.0, 10.0), method=method)
    inner = (slice(1, -1), slice(1, -1))
    for name, wanted in expected.items():
        np.testing.assert_allclose(found[name][inner], wanted[inner], rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_cone_has_contours_that_are_circles() -> None:
    x = np.arange(-60, 61) * 5.0
    away = np.hypot(x, x[:, None])
    found = terrain.attributes(
        1000 - 0.7 * away, ["plan_curvature", "profile_curvature", "slope"], resolution=5.0
    )
    far = (away > 60) & (away < 290)
    np.testing.assert_allclose(found["plan_curvature"][far] * away[far], 1, rtol=0.01)
    np.testing.assert_allclose(found["profile_curvature"][far] * away[far], 0, atol=0.01)
    np.testing.assert_allclose(found["slope"][far], np.degrees(np.arctan(0.7)), atol=0.15)


def test_light_is_the_cosine_between_sun_and_normal() -> None:
    rows, columns = np.mgrid[:5, :5].astype(float)
    facing_north_west = rows + columns  # rises to the south-east, by 1 each
    shade = terrain.hillshade(facing_north_west, azimuth=315, altitude=30, resolution=1.0)
    level = np.cos(np.radians(30)) / np.sqrt(2)
    normal, sun = np.array([-1, 1, 1]) / np.sqrt(3), np.array([-level, level, 0.5])
    np.testing.assert_allclose(shade[1:-1, 1:-1], normal @ sun, rtol=1e-12)
    assert (terrain.hillshade(-3 * facing_north_west, azimuth=315, altitude=30, resolution=1.0) == 0).all()


# -- flats, voids, edges --------------------------------------------------------------------------------------


def test_a_flat_has_no_aspect_and_is_no_hole_elsewhere() -> None:
    found = terrain.attributes(
        np.full((4, 5), 7.0), ["slope", "aspect", "plan_curvature", "profile_curvature"], resolution=1.0
    )
    assert np.isnan(found.pop("aspect")).all()
    assert all((layer == 0).all() for layer in found.values())


def test_a_void_takes_nothing_but_itself() -> None:
    dem = np.add.outer(np.arange(9.0), np.arange(9.0))
    dem[4, 4] = np.nan
    slope = terrain.slope(dem, resolution=1.0)
    assert np.isnan(slope).sum() == 1
    np.testing.assert_allclose(slope[~np.isnan(slope)], np.degrees(np.arctan(np.sqrt(2))))


def test_a_lone_cell_is_flat() -> None:
    dem = np.full((5, 5), np.nan)
    dem[2, 2] = 7
    assert terrain.slope(dem, resolution=1.0)[2, 2] == 0


@given(rough_dems(), methods, st.booleans())
def test_angles_are_those_of_the_plain_definition(dem: Array, method: Any, single: bool) -> None:
    dem = dem.astype("f4") if single else dem
    found = terrain.attributes(dem, ["slope", "aspect", "hillshade"], resolution=(20.0, 10.0), method=method)
    apart = degrees_apart(found["aspect"], plain.aspect(dem, (20.0, 10.0), method))
    steep = plain.slope(dem, (20.0, 10.0), method)
    tolerance = 1e-4 if single else 1e-7
    np.testing.assert_allclose(found["slope"], steep, atol=tolerance)
    np.testing.assert_array_equal(
        np.isnan(found["aspect"]), np.isnan(plain.aspect(dem, (20.0, 10.0), method))
    )
    assert np.nanmax(apart[steep > 1], initial=0) < 10 * tolerance
    np.testing.assert_allclose(
        found["hillshade"], plain.hillshade(dem, (20.0, 10.0), method=method), atol=1e-6
    )


@given(rough_dems(), methods, st.sampled_from(sorted(CURVATURES)), st.sampled_from(["textbook", "saga"]))
def test_curvatures_are_those_of_the_plain_definition(
    dem: Array, method: Any, kind: Any, variant: Any
) -> None:
    found = CURVATURES[kind](dem, resolution=(20.0, 10.0), method=method, variant=variant)
    expected = plain.curvature(kind, dem, (20.0, 10.0), method, variant)
    # Where it is nearly flat the direction, and all that hangs on it, is rounding.
    clear = ~(plain.slope(dem, (20.0, 10.0), method) < 1e-6)
    np.testing.assert_allclose(found[clear], expected[clear], rtol=1e-6, atol=1e-9)


# -- on the ground --------------------------------------------------------------------------------------------


def on_grid(epsg: int, height: Callable[[Array, Array], Array], size: int = 41) -> xr.DataArray:
    """A hill about 46.8 N, 14.2 E, given by metres east and north of there, sampled on a grid."""
    to_grid = Transformer.from_crs(4326, epsg, always_xy=True)
    x0, y0 = to_grid.transform(14.2, 46.8)
    step = 1 / 3600 if epsg == 4326 else 30.0
    y, x = y0 - step * (np.arange(size) - size // 2), x0 + step * (np.arange(size) - size // 2)
    longitude, latitude = to_grid.transform(*np.meshgrid(x, y), direction="INVERSE")
    azimuth, _, away = Geod(ellps="WGS84").inv(
        np.full(longitude.shape, 14.2), np.full(longitude.shape, 46.8), longitude, latitude
    )
    around = np.radians(azimuth)
    dem = height(away * np.sin(around), away * np.cos(around))
    coords = {"y": y, "x": x, "spatial_ref": ((), 0, {"crs_wkt": CRS.from_epsg(epsg).to_wkt()})}
    return xr.DataArray(dem, coords, ("y", "x"), name="elevation")


@pytest.mark.parametrize("epsg", [4326, 3857, 32632, 32633, 3035, 3413])
def test_the_same_ground_is_the_same_on_any_grid(epsg: int) -> None:
    """Grids that stretch, lean (32632 by 3.8 degrees here) or shear give the slope and the compass direction."""
    dem = on_grid(epsg, lambda east, north: 0.3 * east - 0.2 * north)
    found = terrain.attributes(dem, ["slope", "aspect"])
    middle = {"y": slice(10, 31), "x": slice(10, 31)}
    np.testing.assert_allclose(
        found["slope"].isel(middle), np.degrees(np.arctan(np.hypot(0.3, 0.2))), atol=2e-3
    )
    wanted = np.degrees(np.arctan2(-0.3, 0.2)) % 360
    assert degrees_apart(found["aspect"].isel(middle), wanted).max() < 0.01


@pytest.mark.parametrize("epsg", [4326, 3857, 32632, 3035, 3413])
def test_curvatures_are_per_metre_of_ground_on_any_grid(epsg: int) -> None:
    dem = on_grid(epsg, lambda east, north: 0.4 * east + 1e-4 * (2 * east**2 + 3 * east * north - north**2))
    found = terrain.attributes(dem, ["profile_curvature", "tangential_curvature", "general_curvature"])
    here = {name: float(layer[20, 20]) for name, layer in found.items()}
    p, q, r, s, t = 0.4, 0.0, 4e-4, 3e-4, -2e-4
    assert here["general_curvature"] == pytest.approx(-(r + t), rel=0.01)
    assert here["profile_curvature"] == pytest.approx(-r / (1 + p**2) ** 1.5, rel=0.01)
    assert here["tangential_curvature"] == pytest.approx(-t / np.sqrt(1 + p**2), rel=0.01)
    assert s != q  # the mixed derivative must not leak into either


def test_true_north_differs_from_the_grid_by_the_convergence() -> None:
    dem = on_grid(3035, lambda east, north: 0.3 * east - 0.2 * north)
    true, grid = terrain.aspect(dem), terrain.aspect(dem, north="grid")
    lean = Proj(3035).get_factors(14.2, 46.8).meridian_convergence
    apart = (true - grid).values[20, 20]
    assert abs(lean) > 2
    assert abs(apart) == pytest.approx(abs(lean), abs=0.2)  # EPSG:3035 shears as well


def test_grid_north_is_what_a_bare_array_has() -> None:
    dem = on_grid(32632, lambda east, north: 0.3 * east + 10 * np.sin(north / 100))
    for layer in (terrain.slope, terrain.aspect, terrain.plan_curvature):
        np.testing.assert_array_equal(layer(dem, north="grid"), layer(dem.values, resolution=30.0))


def test_north_and_method_stand_in_the_history() -> None:
    dem = on_grid(32632, lambda east, north: 0.3 * east - 0.2 * north)
    made = terrain.slope(dem, north="grid", method="horn").attrs["processing"]
    assert made == "terrain.slope(method='horn', north='grid')"
