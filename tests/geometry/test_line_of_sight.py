"""The line of sight as a value: its angles against definitions, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.geometry.line_of_sight import LineOfSight, incidence_and_heading


@given(incidence=st.floats(0.5, 89), azimuth=st.floats(-180, 180), single=st.booleans())
def test_angles_are_those_of_the_vector(incidence: float, azimuth: float, single: bool) -> None:
    t, a = math.radians(incidence), math.radians(azimuth)
    vector = np.array([math.sin(t) * math.sin(a), math.sin(t) * math.cos(a), math.cos(t)])
    layers = vector.astype("f4" if single else "f8").reshape(3, 1, 1)
    tolerance = (
        3e-4 / math.sin(t) if single else 1e-9
    )  # what rounding of a component to float32 does to an angle
    for look, turn in (("right", 90), ("left", -90)):
        found, heading = incidence_and_heading(*layers, look=look)  # type: ignore[arg-type]
        assert found[0, 0] == pytest.approx(incidence, abs=1e-4 if single else 1e-9)
        assert abs((heading[0, 0] - azimuth - turn + 180) % 360 - 180) < tolerance
        assert -180 < heading[0, 0] <= 180


def test_single_precision_gives_angles_within_a_millionth_of_a_radian() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(3, 300, 400))
    vectors[2] = np.abs(vectors[2]) + 0.3
    single = (vectors / np.sqrt((vectors**2).sum(axis=0))).astype("f4")
    for one, exact in zip(
        incidence_and_heading(*single), incidence_and_heading(*single.astype("f8")), strict=True
    ):
        assert one.dtype == np.float32
        assert np.abs(np.exp(1j * np.radians(one.astype("f8"))) - np.exp(1j * np.radians(exact))).max() < 1e-6


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("north", [0.0, -0.0, 1e-18, -1e-18])
def test_half_a_turn_is_positive(kind: str, north: float) -> None:
    heading = incidence_and_heading(*np.array([0.6, north, 0.8], kind).reshape(3, 1, 1)).heading
    assert heading[0, 0] == 180


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_overhead_there_is_an_incidence_and_no_heading(kind: str) -> None:
    incidence, heading = incidence_and_heading(*np.array([0, 0, 1], kind).reshape(3, 1, 1))
    assert incidence[0, 0] == 0
    assert np.isnan(heading[0, 0])


@pytest.mark.parametrize("missing", range(3))
def test_nodata_in_one_component_is_nodata_in_both_angles(missing: int) -> None:
    layers = np.tile(np.array([-0.6, 0.0, 0.8]).reshape(3, 1, 1), (1, 2, 2))
    layers[missing, 0, 1] = np.nan
    for angle in incidence_and_heading(*layers):
        np.testing.assert_array_equal(np.isnan(angle), [[False, True], [False, False]])


def test_numbers_give_numbers_in_double_precision() -> None:
    incidence, heading = incidence_and_heading(-0.48, -0.36, 0.8)
    assert float(incidence) == pytest.approx(math.degrees(math.acos(0.8)), abs=1e-12)
    assert float(heading) == pytest.approx(math.degrees(math.atan2(-0.48, -0.36)) + 90, abs=1e-12)


def test_labelled_angles_say_what_they_are() -> None:
    layers = [xr.DataArray(np.full((2, 3), part), dims=("y", "x")) for part in (-0.6, 0.0, 0.8)]
    incidence, heading = incidence_and_heading(*layers)
    assert (incidence.name, heading.name) == ("incidence", "heading")
    assert incidence.attrs["standard_name"] == "sensor_zenith_angle"
    assert heading.attrs["units"] == "degree"


def test_it_unpacks_and_cannot_be_changed() -> None:
    los = LineOfSight(-0.6, 0.0, 0.8)
    assert tuple(los) == (-0.6, 0.0, 0.8)
    with pytest.raises(AttributeError):
        los.east = 0.6  # type: ignore[misc]


# -- what is refused ------------------------------------------------------------------------------------------


def rasters(east: Any, north: Any, up: Any, **more: Any) -> list[xr.DataArray]:
    """Three constant rasters of Anatolia."""
    coords = {"lat": 39 - 0.01 * np.arange(50), "lon": 33 + 0.01 * np.arange(60)} | more
    return [
        xr.DataArray(np.broadcast_to(part, (50, 60)) + np.zeros((50, 60)), coords, ("lat", "lon"))
        for part in (east, north, up)
    ]


def test_a_scaled_vector_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"must be a unit vector; got lengths 2: is it scaled"):
        LineOfSight(-1.2, 0.0, 1.6)


def test_zeros_for_nodata_are_refused() -> None:
    layers = np.tile(np.array([-0.6, 0.0, 0.8]).reshape(3, 1, 1), (1, 8, 8))
    layers[:, :3] = 0
    with pytest.raises(InvalidArgument, match="is nodata not NaN"):
        LineOfSight(*layers)


def test_a_few_odd_pixels_at_a_rim_are_no_reason_to_refuse() -> None:
    layers = np.tile(np.array([-0.6, 0.0, 0.8]).reshape(3, 1, 1), (1, 30, 30))
    layers[:, 0, :5] *= 0.7
    LineOfSight(*layers)


def test_a_vector_from_the_satellite_to_the_ground_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="points from the satellite to the ground: negate all three"):
        LineOfSight(0.6, 0.0, -0.8)


def test_a_line_of_sight_along_north_is_refused_far_from_the_poles() -> None:
    swapped = rasters(-0.13, -0.6, 0.789)
    with pytest.raises(InvalidArgument, match=r"at latitude 39; .* are east and north swapped"):
        LineOfSight(*swapped)
    LineOfSight(*(layer.values for layer in swapped))  # bare arrays may be from any orbit
    LineOfSight(*(layer.assign_coords(lat=layer.lat + 40) for layer in swapped))


def test_a_line_of_sight_along_north_is_refused_on_a_projected_grid() -> None:
    swapped = [
        xr.DataArray(
            np.full((3, 4), part),
            {
                "y": [4.9e6, 4.8e6, 4.7e6],
                "x": [6e5, 6.1e5, 6.2e5, 6.3e5],
                "spatial_ref": ((), 0, {"crs_wkt": "EPSG:32632"}),
            },
            ("y", "x"),
        )
        for part in (-0.13, -0.6, 0.789)
    ]
    with pytest.raises(InvalidArgument, match="at latitude 43"):
        LineOfSight(*swapped)


def falling(direction: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Incidence that grows eastward or westward by 12 degrees, seen by a satellite in the west."""
    incidence = np.radians(39 + direction * np.linspace(-6, 6, 60))
    return -np.sin(incidence), np.zeros(60), np.cos(incidence)


def test_an_incidence_that_grows_toward_the_satellite_is_refused() -> None:
    LineOfSight(*rasters(*falling(1)))
    with pytest.raises(InvalidArgument, match=r"incidence grows toward the satellite, .* the opposite"):
        LineOfSight(*rasters(*falling(-1)))


def test_the_first_raster_of_a_series_is_judged() -> None:
    series = [layer.expand_dims(time=2) for layer in (*rasters(*falling(1)), *rasters(*falling(-1)))]
    LineOfSight(*series[:3])
    with pytest.raises(InvalidArgument, match="incidence grows toward the satellite"):
        LineOfSight(*series[3:])


def test_rows_and_columns_thinned_differently_are_judged_alike() -> None:
    rows, columns = np.mgrid[:640, :64] * 0.001
    incidence = np.radians(39 - 94 * (columns + 0.1 * rows))
    coords = {"lat": 39 - rows[:, 0], "lon": 33 + columns[0]}
    layers = [
        xr.DataArray(layer, coords, ("lat", "lon"))
        for layer in (-np.sin(incidence), 0 * rows, np.cos(incidence))
    ]
    with pytest.raises(InvalidArgument, match="incidence grows toward the satellite"):
        LineOfSight(*layers)
    LineOfSight(-layers[0], *layers[1:])


def test_a_raster_that_hardly_varies_is_not_judged() -> None:
    incidence = np.radians(39 - np.linspace(0, 0.19, 60))
    LineOfSight(*rasters(-np.sin(incidence), np.zeros(60), np.cos(incidence)))


def test_incidence_across_the_look_is_not_judged() -> None:
    incidence = np.radians(39 + np.linspace(-6, 6, 50))[:, None]
    LineOfSight(*rasters(-np.sin(incidence), 0.0, np.cos(incidence)))


def test_without_a_place_on_earth_nothing_is_judged() -> None:
    LineOfSight(*(layer.drop_vars(["lat", "lon"]) for layer in rasters(*falling(-1))))
    LineOfSight(*(layer.rename(lat="y", lon="x") for layer in rasters(*falling(-1))))
    uneven = np.sort(np.random.default_rng(0).uniform(33, 34, 60))
    LineOfSight(*rasters(*falling(-1), lon=uneven))


@pytest.mark.parametrize(("epsg", "x", "y"), [(3413, -1.2e6, -1e6), (3413, 1.2e6, 1e6), (3031, 5e5, -1.5e6)])
def test_polar_grids_are_judged_by_their_true_north(epsg: int, x: float, y: float) -> None:
    at_x, at_y = x + 2e3 * np.arange(40), y - 2e3 * np.arange(40)
    grid_x, grid_y = np.meshgrid(at_x, at_y)
    to_angles = Transformer.from_crs(epsg, 4326, always_xy=True).transform
    here, beside = np.radians(to_angles(grid_x, grid_y)), np.radians(to_angles(grid_x + 10, grid_y))
    along_x = (beside[0] - here[0]) * np.cos(here[1]) + 1j * (beside[1] - here[1])  # east + i north
    towards = -along_x / np.abs(along_x)  # the satellite stands toward -x of the grid
    incidence = np.radians(38 + np.arange(40) / 20)[None] + 0 * grid_x
    coords = {"y": at_y, "x": at_x, "spatial_ref": ((), 0, {"crs_wkt": f"EPSG:{epsg}"})}
    east, north, up = (
        xr.DataArray(layer, coords, ("y", "x"))
        for layer in (np.sin(incidence) * towards.real, np.sin(incidence) * towards.imag, np.cos(incidence))
    )
    LineOfSight(east, north, up)
    with pytest.raises(InvalidArgument, match="grows toward the satellite"):
        LineOfSight(-east, -north, up)


def test_dask_arrays_are_not_computed_to_be_judged() -> None:
    def fail(*_: Any) -> Any:
        raise AssertionError("computed")

    lazy = [
        layer.copy(data=da.zeros((50, 60), chunks=20).map_blocks(fail, dtype="f8"))
        for layer in rasters(-0.6, 0.0, -0.8)
    ]
    LineOfSight(*lazy).incidence_and_heading()


def test_layers_of_different_grids_are_refused() -> None:
    with pytest.raises(GridMismatch, match="share one grid"):
        LineOfSight(np.zeros((2, 3)), np.zeros((3, 2)), np.ones((2, 3)))
    one, *others = rasters(-0.6, 0.0, 0.8)
    with pytest.raises(GridMismatch, match="different coordinates"):
        LineOfSight(one.assign_coords(lat=one.lat + 1), *others)


def test_what_is_no_layer_is_refused() -> None:
    with pytest.raises(InvalidType, match="got str"):
        LineOfSight("east", 0.0, 1.0)
    with pytest.raises(InvalidType, match="two dimensions"):
        LineOfSight(np.zeros(3), 0.0, 1.0)


def test_a_side_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"look must be 'right' .* or 'left'; got 'down'"):
        incidence_and_heading(-0.6, 0.0, 0.8, look="down")  # type: ignore[arg-type]
