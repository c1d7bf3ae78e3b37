"""Orbits: against orbits in closed form and against real state vectors that were left out."""

from __future__ import annotations

import math
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.geometry.ellipsoid import axes, to_earth_fixed, to_geodetic
from insarfeat.geometry.orbit import Orbit
from insarfeat.io.annotation import read_swath

START = datetime(2025, 4, 6, 2, 20)
GRAVITY = 3.986004418e14
TURNING = 7.2921159e-5

Floats = NDArray[np.float64]


def kepler(seconds: Floats, eccentricity: float) -> tuple[Floats, Floats]:
    """An inclined Kepler orbit in the Earth-fixed frame, in closed form but for Kepler's equation."""
    axis, inclination = 7.07e6, math.radians(98.2)
    motion = math.sqrt(GRAVITY / axis**3)
    mean = 1.0 + motion * seconds
    eccentric = mean.copy()
    for _ in range(50):
        eccentric = mean + eccentricity * np.sin(eccentric)
    rate = motion / (1 - eccentricity * np.cos(eccentric))
    flat = math.sqrt(1 - eccentricity**2)
    plane = axis * np.stack([np.cos(eccentric) - eccentricity, flat * np.sin(eccentric)])
    moving = axis * rate * np.stack([-np.sin(eccentric), flat * np.cos(eccentric)])

    def inertial(v: Floats) -> Floats:
        return np.stack([v[0], v[1] * math.cos(inclination), v[1] * math.sin(inclination)])

    def turned(v: Floats) -> Floats:
        c, s = np.cos(TURNING * seconds), np.sin(TURNING * seconds)
        return np.stack([c * v[0] + s * v[1], -s * v[0] + c * v[1], v[2]])

    position = turned(inertial(plane))
    velocity = turned(inertial(moving))
    velocity -= TURNING * np.stack([-position[1], position[0], np.zeros_like(seconds)])
    return position.T, velocity.T


def orbit_of(seconds: Floats, eccentricity: float = 0.001) -> Orbit:
    return Orbit([START + timedelta(seconds=s) for s in seconds.tolist()], *kepler(seconds, eccentricity))


def arc_of(orbit: Orbit, start: float, end: float) -> Any:
    return orbit.arc(START + timedelta(seconds=start), START + timedelta(seconds=end))


@pytest.mark.parametrize("eccentricity", [0.0, 0.001, 0.02])
@pytest.mark.parametrize(
    ("every", "length", "allowed"), [(10.0, 30.0, 1e-6), (60.0, 30.0, 2e-5), (10.0, 400.0, 1e-3)]
)
def test_an_arc_is_within_a_millimetre_of_an_orbit_in_closed_form(
    eccentricity: float, every: float, length: float, allowed: float
) -> None:
    orbit = orbit_of(np.arange(-900.0, 901.0, every), eccentricity)
    arc = arc_of(orbit, -3.0, length - 3.0)
    seconds = np.linspace(-3.0, length - 3.0, 500)
    position, velocity = kepler(seconds, eccentricity)
    at = seconds + arc.seconds(START)
    assert np.linalg.norm(arc.position(at) - position, axis=1).max() < allowed
    assert np.linalg.norm(arc.velocity(at) - velocity, axis=1).max() < allowed / 10


def test_speeds_are_those_of_the_orbit() -> None:
    orbit = orbit_of(np.arange(0.0, 100.0, 10.0))
    _, velocity = kepler(np.array([47.25]), 0.001)
    assert orbit.speed(START + timedelta(seconds=47.25)) == pytest.approx(np.linalg.norm(velocity), abs=1e-7)


def test_four_vectors_are_enough() -> None:
    orbit = orbit_of(np.array([0.0, 10.0, 20.0, 30.0]))
    position, _ = kepler(np.array([3.0]), 0.001)
    arc = arc_of(orbit, 3.0, 3.0)
    assert np.linalg.norm(arc.position(0.0) - position[0]) < 1e-5
    assert (arc.first, arc.last) == (-3.0, 27.0)


def test_an_arc_is_made_of_the_vectors_within_a_minute_and_at_least_two_on_each_side() -> None:
    near = arc_of(orbit_of(np.arange(-900.0, 901.0, 10.0)), 0.0, 30.0)
    assert (near.first, near.last) == (-75.0, 75.0)
    far = arc_of(orbit_of(np.arange(-900.0, 901.0, 100.0)), 0.0, 30.0)
    assert (far.first, far.last) == (-115.0, 185.0)
    ending = arc_of(orbit_of(np.arange(-300.0, 31.0, 100.0)), 0.0, 0.0)  # none after the last one
    assert (ending.first, ending.last) == (-300.0, 0.0)


def test_the_kernels_table_is_the_polynomial() -> None:
    arc = arc_of(orbit_of(np.arange(-90.0, 91.0, 10.0)), 0.0, 30.0)
    assert arc.table.shape == (3, 8)
    by_hand = (arc.table * 12.5 ** np.arange(8)).sum(axis=1)
    assert arc.position(12.5) == pytest.approx(by_hand, abs=1e-8)


# -- real state vectors ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def annotated(test_data: Path) -> list[Orbit]:
    found = []
    for product in sorted(test_data.glob("*/*_annotation.SAFE.zip")):
        with zipfile.ZipFile(product) as archive:
            name = next(name for name in archive.namelist() if "/annotation/s1a" in name)
            with archive.open(name) as file:
                found.append(read_swath(file).orbit)
    if not found:
        pytest.skip("no samples of Sentinel-1 annotation")
    return found


def test_a_state_vector_that_was_left_out_is_found_again(annotated: list[Orbit]) -> None:
    """Across the flight within a millimetre. Along it what a slip of a microsecond in the stamps makes: 7.6 mm."""
    for orbit in annotated:
        for left_out in range(2, len(orbit.times) - 2):
            kept = [k for k in range(len(orbit.times)) if k != left_out]
            time = orbit.times[left_out]
            arc = Orbit(
                [orbit.times[k] for k in kept],
                [orbit.positions[k] for k in kept],
                [orbit.velocities[k] for k in kept],
            ).arc(time, time)
            velocity = np.array(orbit.velocities[left_out])
            off = arc.position(0.0) - orbit.positions[left_out]
            along = off @ velocity / np.linalg.norm(velocity)
            assert abs(along) < 7.6e-3
            assert np.linalg.norm(off - along * velocity / np.linalg.norm(velocity)) < 1e-3
            assert np.linalg.norm(arc.velocity(0.0) - velocity) < 1e-5


def test_products_without_slips_are_found_again_within_a_millimetre(annotated: list[Orbit]) -> None:
    even = [
        orbit
        for orbit in annotated
        if len({later - earlier for earlier, later in zip(orbit.times, orbit.times[1:], strict=False)}) == 1
    ]
    for orbit in even:
        arc = orbit.arc(orbit.times[4], orbit.times[-5])
        at = [arc.seconds(time) for time in orbit.times]
        assert np.linalg.norm(arc.position(at) - np.array(orbit.positions), axis=1).max() < 1.5e-3


# -- what cannot be ----------------------------------------------------------------------------------------------


def changed(**changes: Any) -> Orbit:
    position, velocity = kepler(np.arange(0.0, 50.0, 10.0), 0.001)
    given: dict[str, Any] = {
        "times": [START + timedelta(seconds=s) for s in range(0, 50, 10)],
        "positions": position,
        "velocities": velocity,
    }
    return Orbit(**{name: change(given[name]) for name, change in changes.items()}, **{
        name: value for name, value in given.items() if name not in changes
    })  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": lambda p: p / 1000}, "positions must be .* metres .*; these look like km"),
        ({"velocities": lambda v: v / 1000}, "velocities must be .* these look like km/s"),
        ({"positions": lambda p: p * 1e-5}, r"positions must be 6\.4e\+06 to 5e\+07 metres"),
        ({"positions": lambda p: p[:4]}, r"positions must be 5 x 3.*got shape \(4, 3\)"),
        ({"velocities": lambda v: v * np.nan}, "velocities must all be finite"),
        ({"velocities": lambda v: -v}, "velocities must be those of the positions, Earth-fixed"),
        ({"times": lambda t: t[::-1]}, "in the order of time"),
        ({"times": lambda t: [t[0], *t[:-1]]}, "in the order of time, each once"),
        ({"times": lambda t: [x.astimezone() for x in t]}, "must be in UTC and say no time zone"),
        ({"times": lambda t: t[:3], "positions": lambda p: p[:3], "velocities": lambda v: v[:3]}, "at least 4"),
    ],
)  # fmt: skip
def test_state_vectors_that_cannot_be_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        changed(**changes)


def test_inertial_velocities_are_noticed() -> None:
    position, velocity = kepler(np.arange(0.0, 50.0, 10.0), 0.001)
    inertial = velocity + TURNING * np.stack([-position[:, 1], position[:, 0], 0 * position[:, 0]], axis=-1)
    with pytest.raises(InvalidArgument, match="Are they inertial"):
        changed(velocities=lambda _: inertial)


def test_words_are_no_coordinates_and_numbers_no_times() -> None:
    with pytest.raises(InvalidType, match="positions must be numbers"):
        changed(positions=lambda _: "here")
    with pytest.raises(InvalidType, match="times must be datetimes; got float"):
        changed(times=lambda _: [0.0, 1.0, 2.0, 3.0, 4.0])


def test_nothing_is_said_of_times_without_state_vectors_nor_of_very_long_arcs() -> None:
    orbit = orbit_of(np.arange(-900.0, 901.0, 10.0))
    with pytest.raises(InvalidArgument, match="end must lie within the state vectors"):
        arc_of(orbit, 0.0, 901.0)
    with pytest.raises(InvalidArgument, match="0 to 400 s after start; got 401"):
        arc_of(orbit, 0.0, 401.0)
    with pytest.raises(InvalidArgument, match="0 to 400 s after start; got -1"):
        arc_of(orbit, 1.0, 0.0)


# -- the ellipsoid -----------------------------------------------------------------------------------------------


def places() -> tuple[Floats, Floats, Floats]:
    latitude, longitude, height = np.meshgrid(
        np.r_[np.linspace(-90, 90, 37), 1e-7, 89.9999999],
        [-180.0, -77.7, 0.0, 11.3, 180.0],
        [-500.0, 0.0, 9000.0, 7e5],
    )
    return latitude.ravel(), longitude.ravel(), height.ravel()


def test_earth_fixed_coordinates_are_those_of_pyproj() -> None:
    from pyproj import Transformer

    latitude, longitude, height = places()
    expected = Transformer.from_crs(4979, 4978).transform(latitude, longitude, height)
    assert np.abs(np.array(to_earth_fixed(latitude, longitude, height)) - expected).max() < 1e-8


def test_there_and_back_is_the_same_place() -> None:
    latitude, longitude, height = places()
    found = to_geodetic(*to_earth_fixed(latitude, longitude, height))
    assert np.abs(found.latitude - latitude).max() < 1e-9
    assert np.abs(found.height - height).max() < 1e-6
    turned = (found.longitude - longitude + 180) % 360 - 180
    assert np.abs(turned[np.abs(latitude) < 89]).max() < 1e-9


def test_geodetic_coordinates_are_those_of_pyproj() -> None:
    """Near the ground: at 700 km pyproj itself is 3e-8 degrees off, as the way there and back shows."""
    from pyproj import Transformer

    latitude, longitude, height = places()
    low = height < 1e4
    x, y, z = to_earth_fixed(latitude[low], longitude[low], height[low])
    latitude, _, height = Transformer.from_crs(4978, 4979).transform(x, y, z)
    found = to_geodetic(x, y, z)
    assert np.abs(found.latitude - latitude).max() < 1e-9
    assert np.abs(found.height - height).max() < 1e-6


def test_axes_are_the_directions_in_which_coordinates_grow() -> None:
    latitude, longitude, height = 47.3, -122.9, 1500.0
    step = 1e-4
    middle = np.array(to_earth_fixed(latitude, longitude, height))
    moves = ((0.0, step, 0.0), (step, 0.0, 0.0), (0.0, 0.0, 10.0))
    for axis, (north, east, up) in zip(axes(latitude, longitude), moves, strict=True):
        change = np.array(to_earth_fixed(latitude + north, longitude + east, height + up)) - middle
        assert axis == pytest.approx(change / np.linalg.norm(change), abs=2e-6)
