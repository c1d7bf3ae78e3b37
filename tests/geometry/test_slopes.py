"""Slopes as the radar sees them, against vectors, against a far satellite and against each formula in double."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS

from insarfeat.errors import InvalidArgument
from insarfeat.geometry import local_incidence, los_from_incidence, r_index, shadow_layover, slope_to_los

Array = NDArray[np.float64]

ALL = (slope_to_los, local_incidence, r_index)
each_function = pytest.mark.parametrize("function", ALL)
each_look = pytest.mark.parametrize("look", ["right", "left"])


# -- truth ----------------------------------------------------------------------------------------------------


def downslope_vector(slope: Array, aspect: Array) -> Array:
    """Unit vector downhill, (east, north, up)."""
    b, d = np.radians(slope), np.radians(aspect)
    return np.stack([np.cos(b) * np.sin(d), np.cos(b) * np.cos(d), -np.sin(b)])


def normal_vector(slope: Array, aspect: Array) -> Array:
    """Unit vector out of the ground, (east, north, up)."""
    b, d = np.radians(slope), np.radians(aspect)
    return np.stack([np.sin(b) * np.sin(d), np.sin(b) * np.cos(d), np.cos(b)])


def satellite_vector(incidence: Array, heading: Array, look: str) -> Array:
    """Unit vector from the ground to the satellite, which stands on the side that the radar does not look to."""
    t, azimuth = np.radians(incidence), np.radians(heading + (-90 if look == "right" else 90))
    return np.stack([np.sin(t) * np.sin(azimuth), np.sin(t) * np.cos(azimuth), np.cos(t)])


def ground(count: int, seed: int = 0, *, edges: bool = True) -> list[Array]:
    """Angles of ground and sight over all that is plausible, with its edges, in single precision's steps."""
    rng = np.random.default_rng(seed)
    slope, aspect = rng.uniform(0.0, 89.9, count), rng.uniform(0, 360, count)
    incidence, heading = rng.uniform(1, 75, count), rng.uniform(-180, 360, count)
    if edges:
        part = count // 8
        slope[:part] = rng.choice([1e-6, 1e-3, 30, 45, 60, 89, 89.9], part)
        aspect[part // 2 : 2 * part] = rng.choice(
            [0, 1e-5, 90, 180, 270, 359.99997, 360], 2 * part - part // 2
        )
        incidence[part : 3 * part] = rng.choice([1, 20, 39, 45, 75], 2 * part)
        heading[2 * part : 4 * part] = rng.choice([-180, -168, -12, 0, 90, 180, 192, 348, 360], 2 * part)
        facing = slice(4 * part, 5 * part)  # straight into the radar, or out of its sight
        slope[facing] = incidence[facing] + rng.normal(0, 1e-3, part)
        aspect[facing] = (heading[facing] + rng.choice([90, 270], part) + rng.normal(0, 1e-3, part)) % 360
    return [layer.astype("f4").astype("f8").reshape(-1, 100) for layer in (slope, aspect, incidence, heading)]


def by_vectors(function: Callable[..., Any], layers: list[Array], look: str) -> Array:
    """The same in double precision, from the definition; angles in radians."""
    slope, aspect, incidence, heading = layers
    satellite = satellite_vector(incidence, heading, look)
    if function is slope_to_los:
        return -(downslope_vector(slope, aspect) * satellite).sum(axis=0)
    normal = normal_vector(slope, aspect)
    if function is local_incidence:
        across = np.cross(normal, satellite, axis=0)
        return np.arctan2(np.sqrt((across**2).sum(axis=0)), (normal * satellite).sum(axis=0))
    side = 1 if look == "right" else -1
    along = np.arctan(np.tan(np.radians(slope)) * side * np.sin(np.radians(aspect - heading)))
    return np.sin(np.radians(incidence) + along)


# -- values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "aspect", "expected"),
    [(-12, 90, 0.844), (-12, 270, -0.313), (-168, 270, 0.844), (-168, 90, -0.313)],
)
def test_the_check_values_of_sentinel_1(heading: float, aspect: float, expected: float) -> None:
    assert slope_to_los(20.0, float(aspect), 39.0, float(heading)) == pytest.approx(expected, abs=5e-4)


@each_function
@each_look
def test_double_precision_is_the_definition(function: Callable[..., Any], look: Any) -> None:
    layers = ground(80_000)
    found = function(*layers, look=look)
    assert found.dtype == np.float64
    found = np.radians(found) if function is local_incidence else found
    assert np.abs(found - by_vectors(function, layers, look)).max() < 2e-12


@each_function
@each_look
def test_single_precision_is_within_a_millionth(function: Callable[..., Any], look: Any) -> None:
    """Radians for the local incidence. The R index takes on what rounding does to a tangent of the slope."""
    layers = ground(1_600_000, seed=1)
    found = function(*(layer.astype("f4") for layer in layers), look=look)
    assert found.dtype == np.float32
    found = np.radians(found.astype("f8")) if function is local_incidence else found
    error = np.abs(found - by_vectors(function, layers, look))
    if function is r_index:
        steep = np.cos(np.radians(layers[0]))
        assert (error * steep).max() < 8e-7
        assert error[layers[0] <= 60].max() < 1.5e-6
        assert error[layers[0] <= 89].max() < 3e-5
    else:
        assert error.max() < 1e-6


def test_the_local_incidence_is_the_arc_cosine_where_that_is_sharp() -> None:
    slope, aspect, incidence, heading = layers = ground(80_000, seed=2)
    b, t, apart = np.radians(slope), np.radians(incidence), np.radians(aspect - heading)
    exact = np.degrees(np.arccos(np.cos(b) * np.cos(t) - np.sin(b) * np.sin(t) * np.sin(apart)))
    clear = np.abs(exact - 90) < 80
    assert clear.mean() > 0.8
    np.testing.assert_allclose(local_incidence(*layers)[clear], exact[clear], rtol=0, atol=1e-9)


@each_look
def test_single_precision_sees_ground_that_faces_the_radar(look: str) -> None:
    """An arc cosine in single precision would give 0 or 0.02 degrees and nothing between."""
    off = np.array([[0.0, 0.001, 0.005, 0.02]], "f4")
    aspect = np.full_like(off, 258.0 if look == "right" else 78.0)
    found = local_incidence(39 + off, aspect, 39.0, -12.0, look=look)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, (39 + off).astype("f8") - 39, rtol=0, atol=5e-5)


@each_function
def test_looking_to_the_left_is_looking_to_the_right_while_flying_back(function: Callable[..., Any]) -> None:
    slope, aspect, incidence, heading = ground(8000, edges=False)
    back = np.where(heading > 180, heading - 180, heading + 180)
    one = function(slope, aspect, incidence, heading, look="left")
    np.testing.assert_allclose(one, function(slope, aspect, incidence, back), atol=1e-10)
    mirrored = function(slope, (2 * heading - aspect) % 360, incidence, heading)
    np.testing.assert_allclose(one, mirrored, atol=1e-10)


# -- what it means --------------------------------------------------------------------------------------------


@each_look
def test_a_millimetre_down_the_slope_changes_the_range_by_that_share(look: Any) -> None:
    layers = ground(8000, seed=3, edges=False)
    los = los_from_incidence(*layers[2:], look=look)
    satellite = 850e3 * np.stack(list(los))  # metres from the ground
    step = 0.5e-3 * downslope_vector(*layers[:2])
    forth, back = (np.sqrt(((satellite - sign * step) ** 2).sum(axis=0)) for sign in (1, -1))
    np.testing.assert_allclose((forth - back) / 1e-3, slope_to_los(*layers, look=look), atol=1e-6)


def test_ranges_of_neighbours_up_a_ramp_are_as_far_apart_as_the_r_index_says() -> None:
    """Per metre of ground along the look: the ground of a ramp, cut along the line that the radar looks along."""
    layers = slope, aspect, incidence, heading = ground(8000, seed=4, edges=False)
    azimuth = np.radians(heading + 90)
    b, d = np.radians(slope), np.radians(aspect)
    rise = -np.tan(b) * np.cos(azimuth - d)  # of the ground, per metre along the look
    cut = np.stack([np.sin(azimuth), np.cos(azimuth), rise]) / np.sqrt(1 + rise**2)
    away = -satellite_vector(incidence, heading, "right")
    np.testing.assert_allclose(r_index(*layers), (cut * away).sum(axis=0), atol=1e-11)


def test_layover_is_where_the_slope_that_faces_the_radar_is_steeper_than_the_incidence() -> None:
    facing = r_index(np.array([[38.9, 39.1, 20.0]]), np.full((1, 3), 258.0), 39.0, -12.0)
    assert facing[0, 0] > 0 > facing[0, 1]
    assert facing[0, 2] < math.sin(math.radians(39))


def test_ground_that_faces_away_too_steeply_is_in_shadow_above_90_degrees() -> None:
    away = local_incidence(np.array([[50.9, 51.1]]), np.full((1, 2), 78.0), 39.0, -12.0)
    assert away[0, 0] < 90 < away[0, 1]


def test_the_heading_in_place_of_the_look_azimuth_gives_another_index() -> None:
    """Notti's C index, as it is written down, has the azimuth of the look: heading + 90."""

    def c_index(aspect: float, azimuth: float) -> float:
        b, t, apart = math.radians(20), math.radians(39), math.radians(aspect - azimuth)
        return math.sin(b) * math.cos(t) + math.cos(b) * math.sin(t) * math.cos(apart)

    for aspect in (90.0, 270.0, 0.0, 180.0):
        found = slope_to_los(20.0, aspect, 39.0, -12.0)
        assert found == pytest.approx(c_index(aspect, -12 + 90))
        assert abs(found - c_index(aspect, -12)) > 0.4


# -- level ground, nodata, arguments --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@each_look
def test_level_ground_has_no_aspect_and_needs_none(dtype: str, look: Any) -> None:
    incidence = np.linspace(1, 75, 50, dtype=dtype)[np.newaxis]
    level = np.zeros_like(incidence)
    for aspect in (np.full_like(level, np.nan), level + 123):
        assert (slope_to_los(level, aspect, incidence, -12.0, look=look) == 0).all()
        angle = local_incidence(level, aspect, incidence, -12.0, look=look)
        np.testing.assert_allclose(angle, incidence, rtol=0, atol=2e-5 if dtype == "f4" else 1e-12)
        np.testing.assert_allclose(
            r_index(level, aspect, incidence, -12.0, look=look), np.sin(np.radians(incidence)), atol=3e-7
        )


@each_function
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("level", [False, True])
def test_nodata_in_any_input_is_nodata_there_and_nowhere_else(
    function: Callable[..., Any], dtype: str, level: bool
) -> None:
    layers = [np.full((2, 5), value, dtype) for value in (0.0 if level else 20.0, 100.0, 39.0, -12.0)]
    for place, layer in enumerate(layers):
        layer[1, place] = np.nan
    expected = np.zeros((2, 5), bool)
    expected[1, [0, 2, 3] if level else [0, 1, 2, 3]] = True
    np.testing.assert_array_equal(np.isnan(function(*layers)), expected)


@each_function
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_numbers_stand_for_rasters(function: Callable[..., Any], dtype: str) -> None:
    full = [np.full((3, 4), value, dtype) for value in (20.1, 100.3, 39.7, -12.9)]
    wanted = function(*full)
    for place in range(4):
        mixed: list[Any] = list(full)
        mixed[place] = float((20.1, 100.3, 39.7, -12.9)[place])
        np.testing.assert_array_equal(function(*mixed), wanted)
    assert np.ndim(function(20.1, 100.3, 39.7, -12.9)) == 0


@each_function
def test_mistakes_with_angles_are_refused(function: Callable[..., Any]) -> None:
    slope = np.full((3, 3), 20.0)
    with pytest.raises(InvalidArgument, match=r"look must be 'right' .* got 'up'"):
        function(slope, slope, 39.0, -12.0, look="up")
    with pytest.raises(InvalidArgument, match="incidence must be in degrees"):
        function(slope, slope, 0.68, -12.0)
    with pytest.raises(InvalidArgument, match="heading must be the flight direction"):
        function(slope, slope, 39.0, -258.0)


def test_an_incidence_that_grows_toward_the_radar_is_refused() -> None:
    """Ascending and right-looking, the radar stands in the west: incidence grows eastward."""
    y, x = 5_100_000 - 500.0 * np.arange(40), 600_000 + 500.0 * np.arange(60)
    reference = ((), 0, {"crs_wkt": CRS.from_epsg(32632).to_wkt()})
    growing = xr.DataArray(
        np.full((40, 60), 30.0) + np.arange(60) / 20,
        {"y": y, "x": x, "spatial_ref": reference},
        ("y", "x"),
        "incidence",
    )
    slope, aspect = growing.copy(data=np.full((40, 60), 20.0)), growing.copy(data=np.full((40, 60), 90.0))
    for function in (slope_to_los, local_incidence, r_index):
        function(slope, aspect, growing, -12.0)
        for wrong in ((growing, 168.0, "right"), (growing, -12.0, "left"), (90 - growing, -12.0, "right")):
            with pytest.raises(InvalidArgument, match="the incidence grows toward the satellite"):
                function(slope, aspect, wrong[0], wrong[1], look=wrong[2])
    with pytest.raises(InvalidArgument, match="the incidence grows toward the satellite"):
        shadow_layover(slope, growing, 168.0)
