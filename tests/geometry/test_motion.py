"""Motion along the line of sight against closed forms, linear algebra and two real frames over a fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from insarfeat.errors import GridMismatch, InvalidArgument
from insarfeat.geometry import (
    SENTINEL1_WAVELENGTH,
    LineOfSight,
    decompose,
    detectable_velocity,
    displacement,
    displacement_deviation,
    downslope_displacement,
    los_from_incidence,
    los_from_licsar,
    phase,
    slope_to_los,
)

Array = NDArray[Any]

ASCENDING, DESCENDING = los_from_incidence(39.0, -12.0), los_from_incidence(39.0, -168.0)


# -- phases ---------------------------------------------------------------------------------------------------


def test_a_fringe_of_sentinel_1_is_27_73_millimetres_away_from_the_satellite() -> None:
    found = displacement(np.array([[2 * np.pi, -2 * np.pi]]), wavelength=SENTINEL1_WAVELENGTH)
    np.testing.assert_allclose(found, [[-0.02773288, 0.02773288]], rtol=1e-12)


@given(wavelength=st.floats(0.01, 0.3), seed=st.integers(0, 99))
def test_phase_and_displacement_are_each_others_inverse(wavelength: float, seed: int) -> None:
    given = np.random.default_rng(seed).normal(0, 30, (5, 7))
    there = displacement(given, wavelength=wavelength)
    np.testing.assert_allclose(phase(there, wavelength=wavelength), given, rtol=1e-14)
    single = displacement(given.astype("f4"), wavelength=wavelength)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, there, rtol=3e-7)


def test_motion_downhill_on_a_slope_that_faces_away_lengthens_the_range_and_raises_the_phase() -> None:
    share = slope_to_los(np.array([[20.0]]), np.array([[90.0]]), 39.0, -12.0)
    toward = -share * 0.05
    assert toward[0, 0] < 0 < phase(toward, wavelength=0.056)[0, 0]
    np.testing.assert_allclose(downslope_displacement(toward, share), 0.05)


# -- down the slope -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_nothing_is_divided_by_a_share_at_or_under_the_floor(dtype: Any) -> None:
    share = np.array([[0.5, -0.5, 0.25, -0.25, 0.26, 0.0, np.nan, 1.0]], dtype)
    toward = np.array([[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, np.nan]], dtype)
    found = downslope_displacement(toward, share, floor=0.25)
    expected = [[-0.2, 0.2, np.nan, np.nan, -0.1 / 0.26, np.nan, np.nan, np.nan]]
    np.testing.assert_allclose(found, expected, rtol=2e-7)
    np.testing.assert_array_equal(
        np.isnan(detectable_velocity(share, baseline=12, wavelength=0.056, floor=0.25)["slowest_velocity"]),
        [[False, False, True, True, False, True, True, False]],
    )


def test_a_deviation_of_pi_is_a_quarter_of_the_wavelength() -> None:
    found = displacement_deviation(np.array([[np.pi, 0.0, np.nan]]), wavelength=0.056)
    np.testing.assert_allclose(found, [[0.014, 0.0, np.nan]], atol=1e-15)


def test_noise_hides_slow_motion_and_slows_nothing_that_is_faster() -> None:
    share, deviation = np.full((1, 3), 0.5), np.array([[0.1, 2.0, np.nan]])
    plain, noisy = (
        detectable_velocity(
            share, baseline=12, wavelength=SENTINEL1_WAVELENGTH, phase_deviation=one, certainty=3
        )
        for one in (None, deviation)
    )
    assert (
        noisy["slowest_velocity"][0, 0] == plain["slowest_velocity"][0, 0]
    )  # half a fringe is more than 0.3 radian
    metres = 3 * displacement_deviation(deviation, wavelength=SENTINEL1_WAVELENGTH)[0, 1]
    assert noisy["slowest_velocity"][0, 1] == pytest.approx(metres / 0.5 * 365.25 / 12)
    assert noisy["fastest_velocity"][0, :2].tolist() == plain["fastest_velocity"][0, :2].tolist()
    assert all(np.isnan(band[0, 2]) for band in noisy.values())


@pytest.mark.parametrize(("days", "slowest"), [(6, 0.84), (12, 0.42), (18, 0.28), (30, 0.17)])
def test_half_a_fringe_in_so_many_days_is_so_many_metres_per_year(days: int, slowest: float) -> None:
    found = detectable_velocity(1.0, baseline=days, wavelength=SENTINEL1_WAVELENGTH)
    assert float(found["slowest_velocity"]) == pytest.approx(slowest, abs=0.005)
    assert float(found["fastest_velocity"]) == pytest.approx(5 * float(found["slowest_velocity"]), rel=1e-6)


@given(share=st.floats(0.21, 1), days=st.integers(1, 400), part=st.floats(0.05, 2), edge=st.floats(1, 50))
def test_the_slowest_makes_that_part_of_a_fringe_and_the_fastest_half_a_fringe_per_pixel(
    share: float, days: int, part: float, edge: float
) -> None:
    slopes = np.array([[share, -share]])
    found = detectable_velocity(slopes, baseline=days, wavelength=0.24, smallest_fringe=part, edge=edge)
    for name, fringes in (("slowest_velocity", part), ("fastest_velocity", edge / 2)):
        moved = found[name] * days / 365.25
        np.testing.assert_allclose(np.abs(phase(moved * slopes, wavelength=0.24)), 2 * np.pi * fringes)
        assert (found[name] > 0).all()


# -- east and up ----------------------------------------------------------------------------------------------


def looks(
    count: int, shape: tuple[int, int], seed: int
) -> tuple[list[Array], list[LineOfSight], list[Array]]:
    """Displacements, lines of sight and deviations, some of them nodata."""
    rng = np.random.default_rng(seed)
    sights = [
        los_from_incidence(rng.uniform(25, 48, shape), rng.uniform(heading - 4, heading + 4, shape))
        for heading in (-12, -168, -8, 190)[:count]
    ]
    seen = [rng.normal(0, 0.05, shape) for _ in sights]
    spreads = [rng.uniform(0.5, 5.0, shape) for _ in sights]
    for layer in (*seen, *spreads, *(sight.up for sight in sights)):
        layer[rng.random(shape) < 0.05] = np.nan
    return seen, sights, spreads


@pytest.mark.parametrize("count", [2, 3, 4])
def test_each_pixel_is_the_weighted_least_squares_of_its_valid_looks(count: int) -> None:
    seen, sights, spreads = looks(count, (12, 15), count)
    found = decompose(seen, sights, deviations=spreads)
    for y, x in np.ndindex(12, 15):
        rows = [
            (los.east[y, x], los.up[y, x], d[y, x], s[y, x])
            for d, los, s in zip(seen, sights, spreads, strict=True)
        ]
        e, u, d, s = np.array([row for row in rows if np.isfinite(row).all()]).reshape(-1, 4).T
        here = np.array([found[f"displacement_{name}"][y, x] for name in ("east", "up")])
        apart = e.size >= 2 and abs(e[0] * u[1:] - u[0] * e[1:]).max() > 0.01
        if not apart:
            assert np.isnan([layer[y, x] for layer in found.values()]).all()
            continue
        design = np.stack([e, u], axis=1)
        expected = np.linalg.lstsq(design / s[:, np.newaxis], d / s, rcond=None)[0]
        np.testing.assert_allclose(here, expected, rtol=1e-8, atol=1e-11)
        covariance = np.linalg.inv(design.T @ np.diag(s**-2) @ design)
        east, up = (found[f"displacement_{name}_deviation"][y, x] for name in ("east", "up"))
        np.testing.assert_allclose([east**2, up**2], np.diag(covariance), rtol=1e-9)
        assert found["displacement_covariance"][y, x] == pytest.approx(covariance[0, 1], rel=1e-8, abs=1e-12)
    assert np.isnan(found["displacement_up"]).any()


@pytest.mark.parametrize("kind", ["numpy", "dask", "xarray"])
def test_numbers_stand_for_sights_and_deviations(kind: str) -> None:
    rng = np.random.default_rng(0)
    seen = [rng.normal(size=(6, 5)).astype("f4") for _ in range(2)]
    sights = [LineOfSight(*(np.full((6, 5), part, "f4") for part in los)) for los in (ASCENDING, DESCENDING)]
    full = decompose(seen, sights, deviations=[np.full((6, 5), value, "f4") for value in (1.5, 2.5)])
    given: list[Any] = seen
    if kind == "dask":
        given = [da.from_array(layer, chunks=3) for layer in seen]
    if kind == "xarray":
        given = [xr.DataArray(layer, dims=("y", "x")) for layer in seen]
    found = decompose(given, [ASCENDING, DESCENDING], deviations=[1.5, 2.5])
    for name, layer in full.items():
        np.testing.assert_array_equal(np.asarray(found[name]), layer)


def test_a_look_that_weighs_little_still_tells_east_from_up() -> None:
    seen = [np.array([[los.east * 3.0 + los.up * -2.0]]) for los in (ASCENDING, ASCENDING, DESCENDING)]
    for few in (seen[1:], seen):
        found = decompose(
            few, [ASCENDING, ASCENDING, DESCENDING][-len(few) :], deviations=[1.0, 1.0, 2e3][-len(few) :]
        )
        assert found["displacement_east"][0, 0] == pytest.approx(3, abs=1e-6)
        assert found["displacement_up"][0, 0] == pytest.approx(-2, abs=1e-6)


@pytest.mark.parametrize("apart", [0.0, 0.45, 0.55, 78.0])
def test_looks_within_half_a_degree_are_one(apart: float) -> None:
    tilts = np.radians([39.0, 39.0, 39.0 - apart])
    sights = [LineOfSight(-np.sin(tilt), 0.0, np.cos(tilt)) for tilt in tilts]
    found = decompose([np.ones((1, 1))] * 3, sights, deviations=[1.0, 1.0, 1e3])
    assert np.isnan(found["displacement_east"][0, 0]) == (apart < 0.5)


def test_a_look_without_a_deviation_is_left_out() -> None:
    spread = np.array([[1.0, 0.0, np.nan]])
    found = decompose([np.ones((1, 3))] * 2, [ASCENDING, DESCENDING], deviations=[spread, 1.0])
    for layer in found.values():
        np.testing.assert_array_equal(np.isnan(layer), [[False, True, True]])


@pytest.mark.parametrize(
    ("incidences", "east", "up"),
    [((39, 39), 0.0, -0.168), ((30, 45), -0.057, -0.152), ((30, 30), 0.0, -0.120)],
)
def test_motion_northward_leaks_into_up_as_documented(
    incidences: tuple[int, int], east: float, up: float
) -> None:
    sights = [los_from_incidence(float(t), h) for t, h in zip(incidences, (-12.0, -168.0), strict=True)]
    found = decompose([np.array([[los.north]]) for los in sights], sights)
    assert found["displacement_east"][0, 0] == pytest.approx(east, abs=5e-4)
    assert found["displacement_up"][0, 0] == pytest.approx(up, abs=5e-4)


# -- two real frames over the North Anatolian Fault -----------------------------------------------------------


@pytest.fixture(scope="module")
def anatolia(test_data: Path) -> dict[str, dict[str, xr.DataArray]]:
    """Velocities in mm per year with lines of sight; the descending frame on the ascending one's grid."""
    rasterio = pytest.importorskip("rasterio")
    frames: dict[str, dict[str, xr.DataArray]] = {}
    for frame in ("014A_04939_131313", "167D_04884_131212"):
        frames[frame[:4]] = {}
        for layer in ("E", "N", "U", "vel", "vstd"):
            path = test_data / "vel_anatolia_licsbas" / f"{frame}_{layer}.geo.tif"
            if not path.is_file():
                pytest.skip("no sample of LiCSBAS")
            with rasterio.open(path) as file:
                y = file.transform.f + file.transform.e * (np.arange(file.height) + 0.5)
                x = file.transform.c + file.transform.a * (np.arange(file.width) + 0.5)
                frames[frame[:4]][layer] = xr.DataArray(file.read(1), {"y": y, "x": x}, ("y", "x"))
    grid = frames["014A"]["E"]
    frames["167D"] = {
        name: layer.reindex(y=grid.y, x=grid.x, method="nearest", tolerance=0.0051)
        for name, layer in frames["167D"].items()
    }
    return frames


def sights_of(frames: dict[str, dict[str, xr.DataArray]]) -> list[LineOfSight]:
    return [los_from_licsar(frame["E"], frame["N"], frame["U"]) for frame in frames.values()]


def test_a_made_up_field_seen_along_real_lines_of_sight_is_recovered(anatolia: Any) -> None:
    sights = sights_of(anatolia)
    y, x = xr.broadcast(anatolia["014A"]["E"].y, anatolia["014A"]["E"].x)
    east, up = 20 * np.tanh((y - 40.9) / 0.3), 5 * np.sin(8 * x)
    found = decompose([los.east * east + los.up * up for los in sights], sights)
    seen_twice = sights[0].up.notnull() & sights[1].up.notnull()
    assert seen_twice.sum() > 20_000
    np.testing.assert_array_equal(found["displacement_east"].notnull(), seen_twice)
    assert float(abs(found["displacement_east"] - east).max()) < 2e-5
    assert float(abs(found["displacement_up"] - up).max()) < 2e-5


def test_anatolia_moves_west_and_both_real_looks_are_met(anatolia: Any) -> None:
    sights, frames = sights_of(anatolia), anatolia.values()
    found = decompose([f["vel"] for f in frames], sights, deviations=[f["vstd"] for f in frames])
    east, up = found["displacement_east"], found["displacement_up"]
    assert east.notnull().sum() > 20_000
    for los, frame in zip(sights, frames, strict=True):
        assert float(abs(los.east * east + los.up * up - frame["vel"]).max()) < 2e-5  # mm per year
    south, north = east.sel(y=slice(40.4, 40.0)).median(), east.sel(y=slice(41.6, 41.2)).median()
    assert 10 < float(north - south) < 25  # GNSS: about 20 to 25 mm per year across the whole fault
    spread = found["displacement_east_deviation"]
    assert float(spread.min()) > 0


# -- mistakes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda one: decompose([one], [ASCENDING]), "two looks or more, to tell east from up; got 1"),
        (
            lambda one: decompose([one, one], [ASCENDING]),
            "los_vectors must be one for each of the 2 .* got 1",
        ),
        (
            lambda one: decompose([one] * 2, [ASCENDING] * 2, deviations=[1]),
            "deviations must be one for each",
        ),
        (lambda one: displacement(one, wavelength=0), "wavelength must be a number above 0; got 0"),
        (lambda one: phase(one, wavelength="C"), "wavelength must be a number above 0; got 'C'"),
        (lambda one: downslope_displacement(one, one, floor=2), "floor must be a number from 0 to 1; got 2"),
        (
            lambda one: detectable_velocity(one, baseline=-6, wavelength=0.06),
            "baseline must be a number above 0",
        ),
        (
            lambda one: detectable_velocity(one, baseline=6, wavelength=0.06, edge=0),
            "edge must be a number above",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(call: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        call(np.ones((2, 2)))


def test_looks_on_two_grids_are_refused() -> None:
    with pytest.raises(GridMismatch, match="3 x 2 pixels, the rasters before it 2 x 2"):
        decompose([np.ones((2, 2)), np.ones((3, 2))], [ASCENDING, DESCENDING])
