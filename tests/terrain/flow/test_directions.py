"""Where water goes: as it is defined, named by the ground's north, and out of every flat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bench
import landscapes
import naive
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from insarfeat import terrain
from insarfeat.errors import InvalidArgument
from insarfeat.metrics import metrics_of
from insarfeat.terrain.flow._kernels.flats import FLOOR, NO_WAY
from insarfeat.terrain.flow.directions import D8Step, DinfStep, MfdStep
from insarfeat.terrain.flow.flats import FlatsStep
from insarfeat.terrain.flow.routing import SHARES

voids_are = st.sampled_from(["outlets", "walls"])
cells_are = st.tuples(*[st.sampled_from([1.0, 2.0, 30.0, 27.3])] * 2)
DEMS = st.one_of(landscapes.small_dems(np.float32), landscapes.small_dems(np.float64))

FLATS = {
    "flat": landscapes.flat(65, 70, (0, 9)),
    "flat without a rim": landscapes.flat(65, 66, (30, 0), rim=0),
    "flat with voids": landscapes.void_corners(landscapes.flat(65, 66, (30, 0)), 16),
    "channel": landscapes.serpentine(65, 67, fall=0).dem,
    "channel with voids": landscapes.void_corners(landscapes.serpentine(65, 67, fall=0).dem, 16),
    "lake": landscapes.bowl(64, 65, (63, 8)),
    "lakes": landscapes.nested(70, 67, 8),
    "ties": landscapes.ties(np.random.default_rng(1), (65, 66), levels=3),
    "hills": landscapes.rough(np.random.default_rng(2), (66, 65)),
}
TILES = [(64, 64), (16, 16), (13, 11)]
flats = pytest.mark.parametrize("name", FLATS)


def labelled(dem: Any, y: Any, x: Any, epsg: int) -> xr.DataArray:
    coords = {"y": y, "x": x, "spatial_ref": ((), 0, {"crs_wkt": CRS.from_epsg(epsg).to_wkt()})}
    return xr.DataArray(dem, coords, ("y", "x"), "elevation")


def projected(dem: Any, upward: bool = False, leftward: bool = False) -> xr.DataArray:
    """Cells of 20 x 30 m; rows that run north if they are asked to, columns that run west."""
    height, width = dem.shape
    y, x = 5e6 - 20.0 * np.arange(height), 5e5 + 30.0 * np.arange(width)
    return labelled(dem, y[::-1] if upward else y, x[::-1] if leftward else x, 32632)


def geographic(dem: Any) -> xr.DataArray:
    """Cells far narrower than high at the first row, which lies near the pole, and far wider at the last."""
    height, width = dem.shape
    return labelled(dem, np.linspace(85, 1, height), 5 + 2.0 * np.arange(width), 4326)


def sizes_of(dem: xr.DataArray) -> tuple[Any, Any]:
    dy, dx = metrics_of(dem, None).rows(0, dem.shape[0])
    return np.abs(dy), np.abs(dx)


def shares_of(flow: naive.Flow, shape: tuple[int, int]) -> Any:
    shares = np.full((8, *shape), np.nan)
    for (row, column), below in flow.items():
        shares[:, row, column] = 0
        for near, beside, share in below:
            shares[naive.STEPS.index((near - row, beside - column)), row, column] = share
    return shares


def layers_of(shares: Any) -> Any:
    return np.stack([shares[name] for name in SHARES])


def apart(one: Any, other: Any) -> Any:
    """Degrees between two azimuths."""
    return abs((np.asarray(one, float) - other + 180) % 360 - 180)


# ---- As defined.


@given(DEMS, cells_are, voids_are)
def test_d8_is_as_defined(dem: Any, cell: tuple[float, float], voids: Any) -> None:
    codes = terrain.flow_direction(dem, voids=voids, resolution=cell)
    bench.assert_same_bits(codes, naive.d8_codes(naive.filled(dem, voids), *cell, voids))


@given(DEMS, cells_are, voids_are)
def test_dinf_is_as_defined(dem: Any, cell: tuple[float, float], voids: Any) -> None:
    azimuth = terrain.flow_direction(dem, method="dinf", voids=voids, resolution=cell)
    expected = naive.dinf_angles(naive.filled(dem, voids), *cell, voids)
    assert azimuth.dtype == dem.dtype
    np.testing.assert_array_equal(np.isnan(azimuth), np.isnan(expected))
    assert np.all(apart(azimuth, expected)[~np.isnan(expected)] < (1e-9 if dem.dtype == "f8" else 2e-5))


@given(DEMS, cells_are, voids_are)
def test_mfd_is_as_defined(dem: Any, cell: tuple[float, float], voids: Any) -> None:
    found = layers_of(terrain.flow_direction(dem, method="mfd", voids=voids, resolution=cell))
    flow = naive.receivers(naive.filled(dem, voids), *cell, "mfd", voids)
    assert found.dtype == dem.dtype
    tolerance = 1e-10 if dem.dtype == "f8" else 1e-7
    np.testing.assert_allclose(found, shares_of(flow, dem.shape), rtol=tolerance, atol=1e-12)


@given(landscapes.small_dems(), voids_are)
def test_cells_of_other_sizes_from_row_to_row_count_as_they_are(dem: Any, voids: Any) -> None:
    if min(dem.shape) < 2:
        return
    array = geographic(dem)
    dy, dx = sizes_of(array)
    filled = naive.filled(dem, voids)
    bench.assert_same_bits(
        terrain.flow_direction(array, voids=voids).values, naive.d8_codes(filled, dy, dx, voids)
    )
    azimuth = terrain.flow_direction(array, method="dinf", voids=voids).values
    expected = naive.dinf_angles(filled, dy, dx, voids)
    np.testing.assert_array_equal(np.isnan(azimuth), np.isnan(expected))
    assert np.all(apart(azimuth, expected)[~np.isnan(expected)] < 2e-5)
    shares = layers_of(terrain.flow_direction(array, method="mfd", voids=voids))
    flow = naive.receivers(filled, dy, dx, "mfd", voids)
    np.testing.assert_allclose(shares, shares_of(flow, dem.shape), rtol=1e-7, atol=1e-12)


def test_near_the_pole_the_same_drops_lead_another_way() -> None:
    falling = landscapes.plane(43, 9, south=1, east=1)
    codes = terrain.flow_direction(geographic(falling)).values[1:-1, 1:-1]
    # Cells are 2 degrees high; they are 0.4 times as wide near 78 degrees north, twice at no latitude.
    np.testing.assert_array_equal(codes[0], 3)
    np.testing.assert_array_equal(codes[-1], 4)


@given(DEMS, cells_are, voids_are, landscapes.tilings())
def test_directions_are_the_same_for_any_tiles(
    dem: Any, cell: tuple[float, float], voids: str, tile: tuple[int, int]
) -> None:
    ground, metrics = bench.ground(dem, voids), bench.sizes(*cell)
    for step, dtypes in (
        (D8Step(voids, metrics), ["u1"]),
        (DinfStep(voids, metrics), [dem.dtype]),
        (MfdStep(voids, metrics), [dem.dtype] * 8),
    ):
        for one, other in zip(
            bench.tiled(step, ground, dtypes, tile), bench.whole(step, ground, dtypes), strict=True
        ):
            bench.assert_same_bits(one, other)


@pytest.mark.parametrize(("south", "east"), [(1, 0), (1, 1), (2, 1), (-3, 1), (-1, -4), (0.5, -1)])
def test_on_a_plane_the_azimuth_is_that_of_its_fall(south: float, east: float) -> None:
    dem = landscapes.plane(30, 40, south, east).astype(float)
    azimuth = terrain.flow_direction(dem, method="dinf", resolution=(20.0, 30.0))
    expected = np.degrees(np.arctan2(east / 30, -south / 20)) % 360
    assert np.all(apart(azimuth, expected)[1:-1, 1:-1] < 1e-9)


def test_on_a_cone_water_runs_away_from_the_peak() -> None:
    rows, columns = np.mgrid[-50:51, -50:51]
    azimuth = terrain.flow_direction(landscapes.cone(101, 30), method="dinf", resolution=30.0)
    expected = np.degrees(np.arctan2(columns, -rows))
    assert np.max((apart(azimuth, expected) * np.hypot(rows, columns))[1:-1, 1:-1]) < 29


def test_shares_add_up_to_one_or_to_nothing() -> None:
    dem = landscapes.void_corners(landscapes.rough(np.random.default_rng(3), (65, 66)).astype(float), 16)
    total = layers_of(terrain.flow_direction(dem, method="mfd")).sum(axis=0)
    there = ~np.isnan(dem)
    np.testing.assert_array_equal(np.isnan(total), ~there)
    leaving = there & (terrain.flow_direction(dem) == 0)
    np.testing.assert_array_equal(total[leaving], 0)
    np.testing.assert_allclose(total[there & ~leaving], 1, rtol=1e-14)


def test_of_equal_slopes_d8_takes_the_first_clockwise_from_north() -> None:
    dem = np.ones((3, 3), np.float32)
    dem[1, 0] = dem[1, 2] = dem[2, 1] = 0
    assert terrain.flow_direction(dem)[1, 1] == 3
    dem[1, 2] = 1
    assert terrain.flow_direction(dem)[1, 1] == 5


def test_without_a_resolution_cells_are_square() -> None:
    dem = landscapes.rough(np.random.default_rng(3), (30, 31))
    for method in ("d8", "dinf"):
        bench.assert_same_bits(
            terrain.flow_direction(dem, method=method),
            terrain.flow_direction(dem, method=method, resolution=30.0),
        )


def test_the_least_drops_there_are_are_drops() -> None:
    least = np.finfo(np.float64).smallest_subnormal
    dem = least * np.arange(5.0, 0, -1) * np.ones((4, 1))
    assert np.all(np.isin(terrain.flow_direction(dem, resolution=30.0)[1:-1, :-1], [2, 3, 4]))
    # No facet is steep where slopes round to 0.
    azimuth = terrain.flow_direction(dem, method="dinf", resolution=30.0)[1:-1, :-1]
    assert np.all((azimuth >= 45) & (azimuth <= 135))
    shares = terrain.flow_direction(dem, method="mfd", resolution=30.0)
    np.testing.assert_allclose(layers_of(shares)[:, 1:-1, :-1].sum(axis=0), 1)


def test_an_azimuth_is_below_360() -> None:
    dem = np.array([[9, 8, 9], [9, 9, 9], [9, 9, 9]], np.float64)
    dem[0, 0] = 8 - 1e-12
    for dtype in (np.float64, np.float32):
        azimuth = terrain.flow_direction(dem.astype(dtype), method="dinf", resolution=1.0)
        assert not np.any(azimuth >= 360)
    # The widest turn that float32 cannot tell from north.
    dem = np.array([[1 - 1e-7, 1, 9], [9, 2, 9], [9, 9, 9]], np.float32)
    assert dem[0, 0] < dem[0, 1]
    assert terrain.flow_direction(dem, method="dinf", resolution=1.0)[1, 1] < 360


# ---- North.


def untied() -> Any:
    """A rough hill without depressions, flats or equal slopes."""
    return 10 * landscapes.cone(41) + np.random.default_rng(7).random((41, 41), np.float32)


TURNS = pytest.mark.parametrize(("down", "right"), [(-1, 1), (1, -1), (-1, -1)])


@TURNS
def test_codes_name_the_grounds_north_whichever_way_rows_and_columns_run(down: int, right: int) -> None:
    dem = untied()
    turned = projected(dem[::down, ::right], upward=down < 0, leftward=right < 0)
    upright = terrain.flow_direction(projected(dem)).values
    np.testing.assert_array_equal(terrain.flow_direction(turned).values[::down, ::right], upright)


@TURNS
def test_azimuths_are_those_of_the_ground_whichever_way_rows_and_columns_run(down: int, right: int) -> None:
    dem = untied()
    turned = projected(dem[::down, ::right], upward=down < 0, leftward=right < 0)
    upright = terrain.flow_direction(projected(dem), method="dinf").values
    found = terrain.flow_direction(turned, method="dinf").values[::down, ::right]
    assert np.all((apart(found, upright) < 5e-5) | (np.isnan(found) & np.isnan(upright)))
    assert not np.any(found >= 360)


@TURNS
def test_shares_are_named_by_the_ground_whichever_way_rows_and_columns_run(down: int, right: int) -> None:
    dem = untied()
    turned = projected(dem[::down, ::right], upward=down < 0, leftward=right < 0)
    upright = terrain.flow_direction(projected(dem), method="mfd")
    found = terrain.flow_direction(turned, method="mfd")
    assert list(found) == list(SHARES)
    for name in SHARES:
        np.testing.assert_allclose(found[name].values[::down, ::right], upright[name].values, rtol=1e-6)


def test_a_plane_that_falls_south_falls_south_on_rows_that_run_north() -> None:
    dem = landscapes.plane(6, 5)[::-1]
    codes = terrain.flow_direction(projected(dem, upward=True)).values
    np.testing.assert_array_equal(codes[1:], 5)
    np.testing.assert_array_equal(codes[0], 0)
    azimuth = terrain.flow_direction(projected(dem, upward=True), method="dinf").values
    np.testing.assert_array_equal(azimuth[1:], 180)


def test_ties_are_decided_from_the_grounds_north_whichever_way_rows_run() -> None:
    dem = landscapes.ties(np.random.default_rng(8), (20, 21))
    upright = terrain.flow_direction(projected(dem)).values
    turned = terrain.flow_direction(projected(dem[::-1], upward=True)).values
    np.testing.assert_array_equal(turned[::-1], upright)


# ---- Flats.


@given(DEMS, voids_are)
def test_flats_are_ranked_as_defined(dem: Any, voids: str) -> None:
    filled, ranks = bench.ground(dem, voids)
    toward, away = naive.flat_ranks(filled, voids)  # type: ignore[arg-type]
    valid = ~np.isnan(filled)
    expected = np.where(toward > 0, FLOOR + 2 * toward - away, 0)
    shut_in = (toward < 0) & (away >= 0) & valid
    np.testing.assert_array_equal(ranks, np.where(shut_in, NO_WAY, expected))


@given(DEMS, voids_are, landscapes.tilings())
def test_ranks_are_the_same_for_any_tiles(dem: Any, voids: str, tile: tuple[int, int]) -> None:
    filled, ranks = bench.ground(dem, voids)
    bench.assert_same_bits(bench.tiled(FlatsStep(voids), [filled], [np.int32], tile)[0], ranks)


@flats
@pytest.mark.parametrize("tile", TILES)
def test_large_flats_are_ranked_across_all_tiles(name: str, tile: tuple[int, int]) -> None:
    filled, ranks = bench.ground(FLATS[name])
    bench.assert_same_bits(bench.tiled(FlatsStep("outlets"), [filled], [np.int32], tile)[0], ranks)


def ends_of(codes: Any) -> Any:
    """For each cell, where the way from it has come to after as many steps as there are cells."""
    steps = np.array([0] + [down * codes.shape[1] + right for down, right in naive.STEPS])
    following = np.arange(codes.size) + steps[np.where(codes > 8, 0, codes).ravel()]
    for _ in range(int(codes.size).bit_length()):
        following = following[following]
    return following.reshape(codes.shape)


@flats
def test_from_everywhere_water_comes_to_where_it_leaves(name: str) -> None:
    dem = FLATS[name]
    codes = terrain.flow_direction(dem)
    ends = np.unique(ends_of(codes)[~np.isnan(dem)])
    assert not codes.ravel()[ends].any()
    padded = np.pad(np.isnan(dem), 1, constant_values=True)
    gaps = sum(padded[1 + d :, 1 + r :][: dem.shape[0], : dem.shape[1]].astype(int) for d, r in naive.STEPS)
    assert np.all(np.asarray(gaps).ravel()[ends] > 0)


def test_all_water_of_a_flat_comes_to_its_only_outlet() -> None:
    dem = landscapes.flat(65, 70, (0, 9))
    np.testing.assert_array_equal(ends_of(terrain.flow_direction(dem))[1:-1, 1:-1], 9)


def test_water_keeps_to_a_level_channel() -> None:
    dem, channel = landscapes.serpentine(65, 67, fall=0)
    codes = terrain.flow_direction(dem)
    steps = np.array(naive.STEPS)[codes[tuple(channel[:-1].T)].astype(int) - 1]
    np.testing.assert_array_equal(channel[:-1] + steps, channel[1:])


@given(landscapes.small_dems(longest=9), voids_are, st.sampled_from(["d8", "dinf", "mfd"]))
def test_no_way_closes_a_circle(dem: Any, voids: Any, method: Any) -> None:
    filled = terrain.fill_depressions(dem, voids=voids)
    found = terrain.flow_direction(dem, method=method, voids=voids, resolution=(20.0, 30.0))
    if method == "mfd":
        goes = layers_of(found) > 0
    elif method == "d8":
        goes = np.stack([found == code for code in range(1, 9)])
    else:
        goes = layers_of(terrain.flow_direction(dem, method="mfd", voids=voids, resolution=(20.0, 30.0))) > 0
        # Never to another cell than one that MFD has among its receivers.
        flow = naive.receivers(filled, 20, 30, "dinf", voids)
        assert np.all(goes | ~(np.nan_to_num(shares_of(flow, dem.shape)) > 0))
    waiting = {tuple(cell) for cell in np.argwhere(~np.isnan(dem)).tolist()}
    while waiting:
        fed = {
            (row + naive.STEPS[step][0], column + naive.STEPS[step][1])
            for step, row, column in np.argwhere(goes).tolist()
            if (row, column) in waiting
        }
        through = waiting - fed
        assert through, "water runs in a circle"
        waiting -= through


# ---- What is not taken.


@pytest.mark.parametrize(
    "function",
    [terrain.flow_direction, terrain.flow_accumulation, terrain.flow_contamination, terrain.twi],
)
def test_methods_that_are_not_known_are_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(InvalidArgument, match=r"method must be one of 'mfd', 'dinf', 'd8'; got 'rho8'"):
        function(np.ones((3, 3)), method="rho8", resolution=1.0)


@pytest.mark.parametrize("resolution", [0, -1.0, np.nan, (1.0, 0.0)])
def test_cells_have_a_size(resolution: Any) -> None:
    with pytest.raises(InvalidArgument, match="resolution must be positive and finite"):
        terrain.flow_direction(np.ones((3, 3)), resolution=resolution)


def test_a_resolution_beside_coordinates_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="has coordinates"):
        terrain.flow_direction(projected(landscapes.plane(5, 5)), resolution=30.0)
