"""The plain definitions of flow, on ground whose answer is known, and what must hold on any ground."""

from __future__ import annotations

from typing import Any, get_args

import landscapes
import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

methods = st.sampled_from(get_args(naive.Method))
voids_are = st.sampled_from(get_args(naive.Voids))


def water_that_stays(flow: naive.Flow, water: Any) -> float:
    return float(sum(water[cell] for cell, below in flow.items() if not below))


@pytest.mark.parametrize("method", ["d8", "dinf"])
@pytest.mark.parametrize("fall", [(1, 0), (0, 1), (1, 1)])
def test_on_a_plane_water_is_counted_from_the_top(method: naive.Method, fall: tuple[int, int]) -> None:
    rows, columns = np.mgrid[:7, :9]
    expected = {(1, 0): rows, (0, 1): columns, (1, 1): np.minimum(rows, columns)}[fall] + 1
    water = naive.accumulation(landscapes.plane(7, 9, *fall), 30, 30, method)
    np.testing.assert_array_equal(water[:-1, :-1], expected[:-1, :-1])


def test_on_a_plane_mfd_moves_all_water_by_a_row() -> None:
    water = naive.accumulation(landscapes.plane(7, 9), 20, 30, "mfd")
    np.testing.assert_allclose(water.sum(axis=1), 9 * np.arange(1, 8), rtol=1e-12)


@pytest.mark.parametrize(("south", "east"), [(1, 0), (1, 1), (2, 1), (-3, 1), (-1, -4), (0.5, -1)])
def test_on_a_plane_the_angle_is_that_of_its_fall(south: float, east: float) -> None:
    angles = naive.dinf_angles(landscapes.plane(6, 6, south, east).astype(float), 20, 30)
    expected = np.degrees(np.arctan2(east / 30, -south / 20)) % 360
    np.testing.assert_allclose(angles[1:-1, 1:-1], expected, atol=1e-9)


def test_mfd_shares_are_those_of_freeman() -> None:
    dem = np.array([[9, 9, 9], [9, 5, 9], [4, 2, 9]], float)
    corner, south = (1 / np.hypot(3, 4)) ** 1.1, (3 / 3) ** 1.1
    flow = naive.receivers(dem, 3, 4, "mfd")[1, 1]
    assert {cell[:2]: cell[2] for cell in flow} == pytest.approx(
        {(2, 0): corner / (corner + south), (2, 1): south / (corner + south)}
    )


def test_dinf_shares_water_by_the_angle_between_two_neighbours() -> None:
    flow = naive.receivers(landscapes.plane(3, 3, south=2, east=1).astype(float), 20, 30, "dinf")[1, 1]
    diagonal = np.arctan2(1 / 30, 2 / 20) / np.arctan2(30, 20)
    assert {cell[:2]: cell[2] for cell in flow} == pytest.approx({(2, 1): 1 - diagonal, (2, 2): diagonal})


def test_of_equal_slopes_d8_takes_the_first_clockwise_from_north() -> None:
    dem = np.ones((3, 3), np.float32)
    dem[1, 0] = dem[1, 2] = dem[2, 1] = 0
    assert naive.d8_codes(dem, 30, 30)[1, 1] == 3


def test_in_a_valley_all_water_runs_straight_to_the_river() -> None:
    dem = landscapes.valley(6, 9)
    expected = np.tile(5 - abs(np.arange(9) - 4), (6, 1))
    expected[:, 4] = 9 * np.arange(1, 7)
    np.testing.assert_array_equal(naive.accumulation(dem, 30, 30, "d8"), expected)
    assert np.all(naive.basins(dem, 30, 30) == 1 + 5 * 9 + 4)


def test_on_a_cone_water_runs_away_from_the_peak() -> None:
    rows, columns = np.mgrid[-10:11, -10:11]
    angles = naive.dinf_angles(landscapes.cone(21, 30), 30, 30)
    azimuths = np.degrees(np.arctan2(columns, -rows))
    apart = abs((angles - azimuths + 180) % 360 - 180) * np.hypot(rows, columns)
    assert np.max(apart[1:-1, 1:-1]) < 29


def test_a_flat_is_ranked_toward_its_outlet_and_away_from_its_rim() -> None:
    dem = landscapes.flat(7, 8, (0, 3))
    toward, away = naive.flat_ranks(dem)
    rows, columns = np.mgrid[:7, :8]
    steps = np.maximum(rows, abs(columns - 3)) - 1
    flat = (dem == 1) & (steps > 0)
    np.testing.assert_array_equal(toward, np.where(flat, steps, -1))
    np.testing.assert_array_equal(away[3:6, 1:-1], [[1, 2, 3, 3, 2, 1], [1, 2, 2, 2, 2, 1], [1] * 6])
    assert set(naive.basins(dem, 30, 30).ravel()) == {1 + 3}


def test_a_bowl_fills_to_where_it_spills() -> None:
    dem = landscapes.bowl(12, 15, (0, 4))
    np.testing.assert_array_equal(naive.filled(dem), np.maximum(dem, 0))
    assert np.all(naive.breached(dem, 30, 30)[0, 4] == dem.min())


def test_a_bowl_rises_by_the_least_number_for_each_step_from_where_it_spills() -> None:
    surface = naive.epsilon_filled(landscapes.bowl(12, 15, (0, 4)))
    rows, columns = np.mgrid[:12, :15]
    steps = np.maximum(rows, abs(columns - 4))[1:-1, 1:-1]
    np.testing.assert_array_equal(surface[1:-1, 1:-1], (steps * 2.0**-149).astype(np.float32))
    assert np.all(naive.d8_codes(surface, 30, 30)[1:-1, 1:-1] > 0)


def test_nested_pits_fill_to_the_ridge_of_their_own_level() -> None:
    dem = landscapes.nested(70, 67, 8)
    pits = naive.filled(dem)[::8, ::8]
    np.testing.assert_array_equal(np.diagonal(pits)[:6], [0, 10, 20, 20, 30, 30])


@pytest.mark.parametrize("size", [(3, 5), (6, 5), (9, 9), (13, 12), (16, 17)])
def test_d8_follows_the_channel_of_a_serpentine(size: tuple[int, int]) -> None:
    dem, channel = landscapes.serpentine(*size)
    flow = naive.receivers(dem, 30, 30, "d8")
    ways = [flow[tuple(cell)] for cell in channel.tolist()]
    assert ways == [*([(*cell, 1.0)] for cell in channel[1:].tolist()), []]
    end = 1 + channel[-1, 0] * size[1] + channel[-1, 1]
    assert np.all(naive.basins(dem, 30, 30)[1:-1, 1:-1] == end)


def test_a_level_serpentine_is_ranked_along_its_channel() -> None:
    dem, channel = landscapes.serpentine(11, 9, fall=0)
    toward, _ = naive.flat_ranks(dem)
    np.testing.assert_array_equal(toward[tuple(channel[:-1].T)], np.arange(len(channel) - 1, 0, -1))


def test_a_serpentine_that_rises_fills_to_its_outlet() -> None:
    dem, channel = landscapes.serpentine(11, 9, fall=-1)
    assert not naive.filled(dem)[tuple(channel.T)].any()


@given(landscapes.small_dems(), voids_are)
def test_a_filled_dem_is_the_lowest_without_pits(dem: Any, voids: naive.Voids) -> None:
    """A sweep that lowers from above finds the same level as the flood that rises from the outlets."""
    valid = ~np.isnan(dem)
    padded = np.pad(valid, 1)
    outlet = np.zeros_like(valid)
    around = [(down, right) for down in range(3) for right in range(3)]
    for down, right in around:
        beyond = np.pad(np.zeros_like(valid), 1, constant_values=True)
        gap = beyond if voids == "walls" else ~padded
        outlet |= valid & gap[down : down + dem.shape[0], right : right + dem.shape[1]]
    level = np.where(outlet, dem, np.where(valid, np.inf, np.nan))
    before = None
    while before is None or not np.array_equal(before, level, equal_nan=True):
        before = level
        wide = np.pad(np.where(valid, level, np.inf), 1, constant_values=np.inf)
        lowest = np.min([wide[d : d + dem.shape[0], r : r + dem.shape[1]] for d, r in around], axis=0)
        level = np.where(outlet, dem, np.maximum(dem, lowest))
    np.testing.assert_array_equal(naive.filled(dem, voids), np.where(np.isposinf(level), dem, level))


@given(landscapes.small_dems(), methods, voids_are, st.booleans())
def test_no_water_is_lost(dem: Any, method: naive.Method, voids: naive.Voids, epsilon: bool) -> None:
    surface = (naive.epsilon_filled if epsilon else naive.filled)(dem, voids)
    weights = np.random.default_rng(1).random(dem.shape)
    water = naive.accumulation(surface, 20, 30, method, weights, voids)
    flow = naive.receivers(surface, 20, 30, method, voids)
    np.testing.assert_allclose(water_that_stays(flow, water), weights[~np.isnan(dem)].sum(), rtol=1e-12)


@given(landscapes.small_dems(), st.booleans())
def test_water_stays_nowhere_but_at_outlets(dem: Any, epsilon: bool) -> None:
    surface = (naive.epsilon_filled if epsilon else naive.filled)(dem)
    at_outlets = naive.contamination(np.where(np.isnan(dem), np.nan, 0), 20, 30) == 1
    ends = np.unique(naive.basins(surface, 20, 30))
    assert np.isin(ends[ends > 0] - 1, np.flatnonzero(at_outlets)).all()


@given(landscapes.small_dems())
def test_a_breached_dem_needs_no_filling(dem: Any) -> None:
    breached = naive.breached(dem, 20, 30)
    np.testing.assert_array_equal(naive.filled(breached), breached)
