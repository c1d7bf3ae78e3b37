"""Range and Doppler: against a circular orbit in closed form, there and back, and through the kernel itself."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from insarfeat.bursts import AzimuthAxis, SlantRangeAxis
from insarfeat.bursts.burst import SPEED_OF_LIGHT
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.geometry._kernels import doppler
from insarfeat.geometry.ellipsoid import to_earth_fixed
from insarfeat.geometry.orbit import Orbit
from insarfeat.geometry.radar_grid import RadarGrid

START = datetime(2025, 4, 6, 2, 20)
RADIUS, TURNING = 7.07e6, 1.06e-3
EARTH = 7.2921159e-5

Floats = NDArray[np.float64]


def circle(inclination: float = 98.2, at: float = 0.7, spinning: bool = True) -> Orbit:
    """A circular orbit over an Earth that turns beneath it; ``at`` is the angle from the ascending node."""
    seconds = np.arange(-60.0, 91.0, 10.0)
    angle, i = at + TURNING * seconds, math.radians(inclination)
    position = RADIUS * np.stack([np.cos(angle), np.sin(angle) * math.cos(i), np.sin(angle) * math.sin(i)])
    velocity = TURNING * RADIUS * np.stack(
        [-np.sin(angle), np.cos(angle) * math.cos(i), np.cos(angle) * math.sin(i)]
    )  # fmt: skip
    if spinning:
        c, s = np.cos(EARTH * seconds), np.sin(EARTH * seconds)
        turn = np.array([[c, s, 0 * c], [-s, c, 0 * c], [0 * c, 0 * c, 1 + 0 * c]])
        position = np.einsum("ijt,jt->it", turn, position)
        velocity = np.einsum("ijt,jt->it", turn, velocity)
        velocity -= EARTH * np.stack([-position[1], position[0], 0 * seconds])
    return Orbit([START + timedelta(seconds=s) for s in seconds.tolist()], position.T, velocity.T)


def grid(orbit: Orbit | None = None, **changes: Any) -> RadarGrid:
    given = {
        "azimuth": AzimuthAxis(START, 2.055e-3, 12_001),
        "slant_range": SlantRangeAxis(5.4e-3, 6.4345e7, 25_001),
    }
    return RadarGrid(orbit or circle(), **{**given, **changes})


GRID = grid()
LEFT = grid(look="left")
EQUATOR = grid(circle(90.0, 0.0, spinning=False))
"""Straight north along Greenwich's meridian, crossing the equator at START."""

# -- closed forms ------------------------------------------------------------------------------------------------


def test_times_and_ranges_are_those_of_a_circle_in_closed_form() -> None:
    """In the plane of the orbit the satellite turns evenly: it is abeam when its angle is that of the point."""
    latitude, longitude, height = np.meshgrid(np.linspace(-1, 4, 7), np.linspace(2, 8, 5), [0.0, 3000.0])
    x, y, z = to_earth_fixed(latitude, longitude, height)
    angle = np.arctan2(z, x)
    ranges = np.sqrt((x - RADIUS * np.cos(angle)) ** 2 + y**2 + (z - RADIUS * np.sin(angle)) ** 2)
    found = EQUATOR.locate(latitude, longitude, height)
    assert np.abs(found.line - angle / TURNING / 2.055e-3).max() < 1e-6
    assert np.abs(found.sample - (2 * ranges / SPEED_OF_LIGHT - 5.4e-3) * 6.4345e7).max() < 1e-6


def test_the_line_of_sight_to_an_orbit_over_the_equators_pole_is_a_triangle() -> None:
    """Seen from the equator at its crossing, the satellite stands in the plane of the equator."""
    longitude = math.radians(5.0)
    east = -RADIUS * math.sin(longitude)
    up = RADIUS * math.cos(longitude) - 6_378_137.0
    found = EQUATOR.line_of_sight(0.0, 5.0, 0.0)
    assert found == pytest.approx((east / math.hypot(east, up), 0.0, up / math.hypot(east, up)), abs=1e-9)


def test_sights_are_unit_vectors_toward_the_side_that_the_radar_is_on() -> None:
    for radar, side in ((GRID, 1), (LEFT, -1)):
        place = radar.position(6000.0, np.array([0.0, 12_000.0, 25_000.0]))
        sight = radar.line_of_sight(*place, 0.0)
        assert np.hypot(np.hypot(sight.east, sight.north), sight.up) == pytest.approx(1, abs=1e-12)
        heading = np.degrees(np.arctan2(sight.east, sight.north)) + side * 90  # ascending, in the north
        assert (np.abs(heading % 360 - 348) < 6).all()
        assert (np.diff(sight.up) < 0).all()  # flatter at far range


# -- there and back ------------------------------------------------------------------------------------------------


@given(
    line=st.floats(-5_000, 20_000),
    sample=st.floats(-2_000, 60_000),
    height=st.floats(-400, 9_000),
    look=st.sampled_from(["right", "left"]),
    at=st.floats(0, 6.28),
    inclination=st.sampled_from([60.0, 97.9, 98.2]),
)
def test_a_place_is_seen_where_it_was_said_to_be(
    line: float, sample: float, height: float, look: str, at: float, inclination: float
) -> None:
    radar = grid(circle(inclination, at), look=look)
    place = radar.position(line, sample, height)
    assert radar.locate(*place, height) == pytest.approx((line, sample), abs=1e-6)


@given(line=st.floats(0, 12_000), sample=st.floats(0, 25_000))
def test_left_and_right_are_on_either_side_of_the_track(line: float, sample: float) -> None:
    right, left = GRID.position(line, sample), LEFT.position(line, sample)
    assert right.longitude > left.longitude + 3  # ascending
    assert np.isnan(LEFT.locate(*right, 0.0)).all()
    assert np.isnan(GRID.locate(*left, 0.0)).all()


# -- what is not seen ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_not_finite_is_nowhere(number: float, which: int) -> None:
    place = [*map(float, GRID.position(10.0, 10.0)), 0.0]
    place[which] = number
    assert np.isnan(GRID.locate(*place)).all()
    assert np.isnan(GRID.line_of_sight(*place)).all()
    pixel = [10.0, 10.0, 0.0]
    pixel[which] = number
    assert np.isnan(GRID.position(*pixel)).all()


def test_the_other_side_of_the_earth_and_what_lies_below_the_horizon_are_not_seen() -> None:
    latitude, longitude = GRID.position(6000.0, 12_000.0)
    assert np.isnan(GRID.locate(-latitude, longitude + 180, 0.0)).all()
    assert not np.isnan(GRID.locate(latitude, longitude + 10, 0.0)).any()
    assert np.isnan(GRID.locate(latitude, longitude + 60, 0.0)).all()


def test_where_there_are_no_state_vectors_nothing_is_seen() -> None:
    """Those within a minute of the image count, of which there are some from -60 to 80 s."""
    at = np.array([-61.0, -59.0, 79.0, 81.0]) / 2.055e-3
    place = GRID.position(at, 1000.0)
    assert np.isnan(place.latitude).tolist() == [True, False, False, True]
    north = EQUATOR.locate(np.degrees(TURNING * np.array([-61.0, -59.0, 79.0, 81.0])), 4.0, 0.0)
    assert np.isnan(north.line).tolist() == [True, False, False, True]


def test_ranges_that_do_not_reach_the_ground_have_no_place() -> None:
    """It is 692 km down, which is 2.2 million samples before the first."""
    near = (2 * 6.9e5 / SPEED_OF_LIGHT - 5.4e-3) * 6.4345e7
    assert np.isnan(GRID.position(0.0, near)).all()
    assert np.isnan(GRID.position(0.0, 1e7)).all()


# -- arrays ----------------------------------------------------------------------------------------------------------


def test_arrays_broadcast_and_numbers_stay_numbers() -> None:
    latitude, longitude = GRID.position(
        np.arange(0.0, 12_000, 1000)[:, np.newaxis], np.arange(0.0, 25_000, 5000)
    )
    assert latitude.shape == (12, 5)
    rows, columns = latitude[:, :1], longitude[:1]
    found = GRID.locate(rows, columns, 100.0)
    assert found.line.shape == found.sample.shape == (12, 5)
    one = GRID.locate(rows[3, 0], columns[0, 2], 100)
    assert np.ndim(one.line) == 0
    assert float(one.line) == found.line[3, 2]
    assert GRID.locate(np.empty((0, 4)), 0.0, 0.0).line.shape == (0, 4)


def test_a_point_is_the_same_wherever_it_stands_in_an_array() -> None:
    """Over more points than one block holds, and with every remainder of a vector."""
    latitude, longitude = GRID.position(np.linspace(0, 12_000, 40_003), np.linspace(0, 25_000, 40_003), 50.0)
    whole = GRID.locate(latitude, longitude, 50.0)
    for begin, end in ((0, 1), (1, 4), (7, 30), (16_380, 16_391), (39_990, 40_003)):
        part = GRID.locate(latitude[begin:end], longitude[begin:end], 50.0)
        assert (part.line == whole.line[begin:end]).all()
        assert (part.sample == whole.sample[begin:end]).all()


# -- the kernel ------------------------------------------------------------------------------------------------------


@numba.njit
def solved(x: Any, y: Any, z: Any, guess: Any, orbit: Any, once: bool) -> Any:
    times, ranges = np.empty_like(x), np.empty_like(x)
    if once:
        doppler.refine_row(x, y, z, guess, orbit, times, ranges)
    else:
        doppler.solve_row(x, y, z, guess, orbit, times, ranges)
    return times, ranges


@pytest.mark.parametrize(("off", "once"), [(5.0, False), (-5.0, False), (5e-3, True), (-5e-3, True)])
def test_rows_are_solved_to_a_nanosecond_from_guesses_that_are_off(off: float, once: bool) -> None:
    line = np.linspace(-20_000, 30_000, 1001)
    sample = np.linspace(0, 25_000, 1001)
    ground = to_earth_fixed(*GRID.position(line, sample, 800.0), 800.0)
    expected = GRID.first_line_seconds + line * GRID.azimuth.interval
    times, ranges = solved(*ground, expected + off, GRID.arc.table, once)
    assert np.abs(times - expected).max() < 1e-9
    assert np.abs(ranges - SPEED_OF_LIGHT / 2 * (5.4e-3 + sample / 6.4345e7)).max() < 1e-5


# -- grids ----------------------------------------------------------------------------------------------------------


def test_a_multilooked_pixel_is_where_the_mean_of_its_pixels_is() -> None:
    multilooked = GRID.multilooked(5, 20)
    assert multilooked.shape == (12_001 // 5, 25_001 // 20)
    place = GRID.position(5 * 100 + 2, 20 * 300 + 9.5, 500.0)
    # Times are kept in whole microseconds, here 0.0001 of the rows.
    assert multilooked.locate(*place, 500.0) == pytest.approx((100, 300), abs=1e-4)


def test_one_look_is_the_grid_itself() -> None:
    assert GRID.multilooked(1, 1) == GRID


def test_places_beyond_the_bistatic_reference_are_seen_later_than_their_lines() -> None:
    plain = GRID.locate(*GRID.position(100.0, [300.0, 20_300.0], 500.0), 500.0)
    axis = GRID.slant_range
    reference = axis.first_time + 300.0 / axis.sampling_rate
    late = replace(GRID, bistatic_reference=reference)
    found = late.locate(*GRID.position(100.0, [300.0, 20_300.0], 500.0), 500.0)
    shift = 20_000 / axis.sampling_rate / 2 / GRID.azimuth.interval
    assert found.line == pytest.approx(plain.line - [0, shift], abs=1e-6)
    assert late.locate(*late.position(70.0, 9_000.0, 0.0), 0.0) == pytest.approx((70, 9_000), abs=1e-6)
    assert late.multilooked(2, 5).bistatic_reference == reference


def test_grids_can_be_sent_to_other_processes() -> None:
    back = pickle.loads(pickle.dumps(GRID))
    assert back == GRID
    assert back.arc == GRID.arc
    assert hash(back) == hash(GRID)


@pytest.mark.parametrize(("rows", "columns"), [(0, 1), (1, -2), (2.5, 1), (1, 25_002), ("4", 1)])
def test_looks_that_cannot_be_are_refused(rows: Any, columns: Any) -> None:
    with pytest.raises(InvalidArgument, match="must be a whole number from 1 to the image's"):
        GRID.multilooked(rows, columns)


def test_grids_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"look must be 'right' .* got 'up'"):
        grid(look="up")
    with pytest.raises(InvalidArgument, match="orbit must cover the image"):
        grid(azimuth=AzimuthAxis(START, 1e-2, 10_000))
    with pytest.raises(InvalidType, match="azimuth must be a AzimuthAxis; got int"):
        grid(azimuth=3)
