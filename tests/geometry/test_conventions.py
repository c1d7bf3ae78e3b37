"""Each convention's own numbers, made by its own definition, give the line of sight that they were made from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.geometry.conventions import (
    los_from_flatsim_enu,
    los_from_flatsim_neu,
    los_from_gmtsar,
    los_from_hyp3,
    los_from_incidence,
    los_from_isce2,
    los_from_isce3,
    los_from_licsar,
    los_from_mintpy,
    los_from_opera,
)
from insarfeat.geometry.line_of_sight import LineOfSight, incidence_and_heading

Array = NDArray[Any]


# -- truth ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """Where a satellite is, seen from the ground: the truth that all conventions are made from."""

    incidence: float
    heading: float
    look: str

    @property
    def flight(self) -> complex:
        """Flight direction, east + i north."""
        return complex(math.sin(math.radians(self.heading)), math.cos(math.radians(self.heading)))

    @property
    def beam(self) -> complex:
        """Horizontal direction from the satellite to the ground: the flight direction, turned right or left."""
        return self.flight * (-1j if self.look == "right" else 1j)

    @property
    def vector(self) -> Array:
        """East, north and up of the unit vector from the ground to the satellite."""
        level = -self.beam * math.sin(math.radians(self.incidence))
        return np.array([level.real, level.imag, math.cos(math.radians(self.incidence))])


def degrees_from_east(direction: complex) -> float:
    """Counter-clockwise, in (-180, 180]."""
    return math.degrees(math.atan2(direction.imag, direction.real))


def as_hyp3(scene: Scene) -> list[float]:
    """Elevation, and direction of the satellite counter-clockwise from east; radians."""
    east, north, up = scene.vector
    return [math.asin(up), math.atan2(north, east)]


def as_isce2(scene: Scene) -> list[float]:
    """The azimuth is the angle from east less a quarter turn, so it lies in (-270, 90]."""
    return [scene.incidence, degrees_from_east(-scene.beam) - 90]


def as_isce3(scene: Scene) -> list[float]:
    """The beam's angle from east, turned back to the flight direction."""
    angle = degrees_from_east(scene.beam) + (90 if scene.look == "right" else -90)
    return [scene.incidence, angle - 360 if angle > 180 else angle + 360 if angle < -180 else angle]


def as_mintpy(scene: Scene) -> list[float]:
    """Counter-clockwise from north: east = -sin, north = cos."""
    east, north, _ = scene.vector
    return [scene.incidence, math.degrees(math.atan2(-east, north))]


@dataclass(frozen=True)
class Convention:
    function: Callable[..., LineOfSight]
    numbers: Callable[[Scene], Any]
    sided: bool = False

    def __call__(self, scene: Scene, numbers: Any) -> LineOfSight:
        return self.function(*numbers, **({"look": scene.look} if self.sided else {}))


CONVENTIONS = [
    Convention(los_from_incidence, lambda scene: [scene.incidence, scene.heading], sided=True),
    Convention(los_from_hyp3, as_hyp3),
    Convention(los_from_isce2, as_isce2),
    Convention(los_from_isce3, as_isce3, sided=True),
    Convention(los_from_mintpy, as_mintpy),
    Convention(los_from_opera, lambda scene: scene.vector[:2]),
    Convention(los_from_licsar, lambda scene: scene.vector),
    Convention(los_from_gmtsar, lambda scene: scene.vector),
    Convention(los_from_flatsim_enu, lambda scene: -scene.vector),
    Convention(los_from_flatsim_neu, lambda scene: scene.vector[[1, 0, 2]]),
]
every_convention = pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda each: each.function.__name__)
scenes = st.builds(Scene, st.floats(5, 74.99), st.floats(-180, 180), st.sampled_from(["right", "left"]))
SENTINEL = Scene(39.0, -12.0, "right")


# -- there and back -------------------------------------------------------------------------------------------


@every_convention
@given(scene=scenes)
def test_numbers_give_the_line_of_sight(convention: Convention, scene: Scene) -> None:
    los = convention(scene, [float(number) for number in convention.numbers(scene)])
    for part, truth in zip(los, scene.vector, strict=True):
        assert isinstance(part, float)  # as NumPy's are
        assert part == pytest.approx(truth, abs=2e-14 if convention.function is not los_from_opera else 1e-13)


@every_convention
@given(scene=scenes, kind=st.sampled_from(["f4", "f8"]))
def test_rasters_of_every_kind_give_the_line_of_sight(
    convention: Convention, scene: Scene, kind: str
) -> None:
    numbers = [np.full((3, 5), number, kind) for number in convention.numbers(scene)]
    plain = tuple(convention(scene, numbers))
    lazy = tuple(convention(scene, [da.from_array(number, chunks=2) for number in numbers]))
    labelled = tuple(convention(scene, [xr.DataArray(number, dims=("y", "x")) for number in numbers]))
    for name, one, later, named, truth in zip(
        ("los_east", "los_north", "los_up"), plain, lazy, labelled, scene.vector, strict=True
    ):
        assert one.dtype == later.dtype == named.dtype == np.dtype(kind)
        assert isinstance(later, da.Array)
        assert named.name == name
        assert named.attrs["units"] == "1"
        # Single precision: the numbers themselves are rounded, angles by up to 8e-6 degrees or 1.2e-7 radians.
        np.testing.assert_allclose(one, truth, rtol=0, atol=1e-13 if kind == "f8" else 1e-6)
        np.testing.assert_array_equal(later.compute(), one)
        np.testing.assert_array_equal(named, one)


@given(scene=scenes)
def test_incidence_and_heading_come_back(scene: Scene) -> None:
    los = los_from_incidence(scene.incidence, scene.heading, look=scene.look)  # type: ignore[arg-type]
    incidence, heading = los.incidence_and_heading(look=scene.look)  # type: ignore[arg-type]
    assert float(incidence) == pytest.approx(scene.incidence, abs=1e-12)
    assert abs((float(heading) - scene.heading + 180) % 360 - 180) < 1e-11


@pytest.mark.parametrize(
    ("function", "angles", "factor"),
    [
        (los_from_incidence, ((20, 50), (-180, 360)), 1.0),
        (los_from_isce2, ((20, 50), (-270, 90)), 1.0),
        (los_from_hyp3, ((0.5, 1.2), (-np.pi, np.pi)), 180 / np.pi),
    ],
)
def test_single_precision_is_within_a_millionth(
    function: Callable[..., LineOfSight], angles: Any, factor: float
) -> None:
    rng = np.random.default_rng(0)
    given_angles = [rng.uniform(*limits, (400, 500)).astype("f4") for limits in angles]
    exact = function(*(angle.astype("f8") for angle in given_angles))
    for one, truth in zip(function(*given_angles), exact, strict=True):
        assert one.dtype == np.float32
        assert np.abs(one - truth).max() < 1e-6


# -- check values ---------------------------------------------------------------------------------------------


def test_sentinel_1_ascending_stands_in_the_west_southwest() -> None:
    sine, cosine = math.sin(math.radians(39)), math.cos(math.radians(39))
    # The satellite is at azimuth -12 - 90 = 258 degrees: 12 degrees south of west.
    expected = (-sine * math.cos(math.radians(12)), -sine * math.sin(math.radians(12)), cosine)
    assert tuple(los_from_incidence(39.0, -12.0)) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("heading", "look", "expected"),
    [
        (0, "right", (-1, 0)),  # flies north, looks east: stands in the west
        (90, "right", (0, 1)),
        (180, "right", (1, 0)),
        (0, "left", (1, 0)),
        (-90, "left", (0, 1)),
    ],
)
def test_the_satellite_stands_opposite_to_where_it_looks(
    heading: float, look: Any, expected: tuple[float, float]
) -> None:
    east, north, _ = los_from_incidence(30.0, heading, look=look)
    assert (2 * east, 2 * north) == pytest.approx(expected, abs=1e-15)


def test_isce2_and_the_heading_are_90_degrees_apart() -> None:
    heading = los_from_isce2(39.0, 102.0).incidence_and_heading().heading
    assert float(heading) == pytest.approx(90 - 102)


def test_isce3_and_the_heading_are_reflected_for_both_sides() -> None:
    for look in ("right", "left"):
        los = los_from_isce3(39.0, 102.0, look=look)  # type: ignore[arg-type]
        heading = los.incidence_and_heading(look=look).heading  # type: ignore[arg-type]
        assert float(heading) == pytest.approx(90 - 102)


def test_the_two_vectors_of_flatsim_agree() -> None:
    assert tuple(los_from_flatsim_enu(0.6, -0.1, -0.7937)) == tuple(los_from_flatsim_neu(0.1, -0.6, 0.7937))


# -- kinds, nodata and grids ----------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [los_from_isce2, los_from_mintpy, los_from_isce3, los_from_hyp3])
def test_zeros_in_both_angles_are_nodata(function: Callable[..., LineOfSight]) -> None:
    vertical, horizontal = np.full((2, 3), 0.7), np.full((2, 3), 0.5)
    if function is not los_from_hyp3:
        vertical, horizontal = np.degrees(vertical), np.degrees(horizontal)
    vertical[0, 0] = horizontal[0, 0] = horizontal[1, 1] = 0
    for layer in function(vertical, horizontal):
        np.testing.assert_array_equal(np.isnan(layer), [[True, False, False], [False, False, False]])


def test_zeros_in_incidence_and_heading_are_a_satellite_overhead() -> None:
    assert tuple(los_from_incidence(0.0, 0.0)) == (0, 0, 1)


@pytest.mark.parametrize(
    "function", [los_from_licsar, los_from_gmtsar, los_from_flatsim_neu, los_from_flatsim_enu, los_from_opera]
)
def test_zeros_in_all_components_are_nodata(function: Callable[..., LineOfSight]) -> None:
    sign = -1 if function is los_from_flatsim_enu else 1
    layers = np.tile(sign * SENTINEL.vector.reshape(3, 1, 1), (1, 2, 2))[[1, 0, 2]]
    layers[:, 0, 1] = 0
    for layer in function(*layers[: 2 if function is los_from_opera else 3]):
        np.testing.assert_array_equal(np.isnan(layer), [[False, True], [False, False]])


def test_horizontal_components_longer_than_1_leave_no_line_of_sight() -> None:
    for part in los_from_opera(np.array([[0.9, -0.6]]), np.array([[0.9, 0.0]])):
        np.testing.assert_array_equal(np.isnan(part), [[True, False]])


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_a_number_stands_for_a_raster(kind: str) -> None:
    incidence = np.random.default_rng(0).uniform(30, 45, (20, 30)).astype(kind)
    one = los_from_incidence(incidence, -12.3)
    other = los_from_incidence(incidence, np.full((20, 30), -12.3, kind))
    for layer, wanted in zip(one, other, strict=True):
        np.testing.assert_array_equal(layer, wanted)


def test_a_series_of_rasters_shares_a_heading() -> None:
    incidence = xr.DataArray(np.full((4, 3, 2), 39.0), dims=("time", "y", "x"))
    heading = xr.DataArray(np.full((3, 2), -12.0), dims=("y", "x"))
    east = los_from_incidence(incidence, heading).east
    assert east.dims == ("time", "y", "x")
    np.testing.assert_allclose(east, SENTINEL.vector[0])


def test_layers_say_where_they_come_from() -> None:
    incidence = xr.DataArray(
        np.full((3, 2), 39.0), dims=("y", "x"), attrs={"units": "degree", "site": "Davos"}
    )
    up = los_from_incidence(incidence, -12.0).up
    assert up.attrs["processing"] == "geometry.los_from_incidence(look='right')"
    assert up.attrs["site"] == "Davos"
    assert up.attrs["long_name"] == "up component of the unit vector from ground to satellite"


def test_rasters_of_different_grids_are_refused() -> None:
    with pytest.raises(GridMismatch, match="must share one grid"):
        los_from_incidence(np.full((2, 3), 39.0), np.full((3, 3), -12.0))


def test_lists_are_refused() -> None:
    with pytest.raises(InvalidType, match="incidence must be a NumPy array"):
        los_from_incidence([39.0], -12.0)


# -- likely mistakes ------------------------------------------------------------------------------------------


def test_incidence_in_radians_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"looks like radians: pass np.degrees\(incidence\)"):
        los_from_incidence(np.radians(39.0), -12.0)
    with pytest.raises(InvalidArgument, match="looks like radians"):
        los_from_isce2(np.array([[0.0, 0.68], [0.7, np.nan]]), np.full((2, 2), 102.0))


@pytest.mark.parametrize(("incidence", "heading"), [(-12.0, 39.0), (192.0, 39.0)])
def test_incidence_and_heading_swapped_are_refused(incidence: float, heading: float) -> None:
    with pytest.raises(InvalidArgument, match="are incidence and heading swapped"):
        los_from_incidence(incidence, heading)


def test_an_incidence_of_90_degrees_is_refused() -> None:
    with pytest.raises(
        InvalidArgument, match="from 0 to 90 degrees, from the vertical; got values from 30 to 90"
    ):
        los_from_mintpy(np.array([[30.0, 90.0]]), np.array([[102.0, 102.0]]))


def test_an_incidence_that_is_too_flat_everywhere_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="angle from the horizontal: pass 90 - incidence"):
        los_from_incidence(np.array([[76.0, 80.0]]), -12.0)
    los_from_incidence(np.array([[74.0, 80.0]]), -12.0)


def test_an_azimuth_of_isce2_for_a_heading_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"heading must be the flight direction.*los_from_isce2"):
        los_from_incidence(39.0, -258.0)
    with pytest.raises(InvalidArgument, match="heading must be the flight direction"):
        los_from_incidence(39.0, 361.0)


@pytest.mark.parametrize("function", [los_from_isce2, los_from_isce3, los_from_mintpy])
def test_a_direction_beyond_a_turn_is_refused(function: Callable[..., LineOfSight]) -> None:
    with pytest.raises(InvalidArgument, match="from -360 to 360 degrees; got -9999: is nodata not NaN"):
        function(39.0, -9999.0)


def test_angles_of_hyp3_in_degrees_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"theta must be in radians.*pass np.radians\(theta\)"):
        los_from_hyp3(51.0, 0.2)
    with pytest.raises(InvalidArgument, match=r"phi must be in radians.*pass np.radians\(phi\)"):
        los_from_hyp3(0.9, -168.0)


def test_angles_of_hyp3_swapped_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="are theta and phi swapped"):
        los_from_hyp3(-0.2, 0.9)


def test_an_elevation_of_hyp3_from_the_vertical_is_refused() -> None:
    with pytest.raises(
        InvalidArgument, match=r"looks like an angle from the vertical: pass np\.pi / 2 - theta"
    ):
        los_from_hyp3(np.array([[0.2, 0.25]]), 3.0)


def test_the_opposite_vector_of_flatsim_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"CosENU must point from the satellite.*los_from_flatsim_neu"):
        los_from_flatsim_enu(*SENTINEL.vector)
    with pytest.raises(InvalidArgument, match="points from the satellite to the ground"):
        los_from_flatsim_neu(*-SENTINEL.vector)


def test_a_look_given_as_the_heading_is_refused_where_the_place_is_known() -> None:
    coords = {"lat": 44.0 - 0.01 * np.arange(10), "lon": 10 + 0.01 * np.arange(12)}
    incidence = xr.DataArray(np.full((10, 12), 39.0), coords, ("lat", "lon"))
    with pytest.raises(InvalidArgument, match="was the direction of the look given as the heading"):
        los_from_incidence(incidence, -12.0 + 90)


@pytest.mark.parametrize("function", [los_from_incidence, los_from_isce3])
def test_a_side_that_there_is_not_is_refused(function: Callable[..., LineOfSight]) -> None:
    with pytest.raises(InvalidArgument, match=r"look must be 'right' .* or 'left'; got 'up'"):
        function(39.0, -12.0, look="up")


def test_lazy_angles_are_not_looked_at() -> None:
    lazy = da.full((4, 4), -5.0, chunks=2)
    los = los_from_incidence(lazy, -12.0)
    assert isinstance(los.up, da.Array)
    assert isinstance(incidence_and_heading(*los).heading, da.Array)
