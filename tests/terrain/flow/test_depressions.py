"""Depressions filled, filled with a fall, and breached: as they are defined, whatever the tiles."""

from __future__ import annotations

from typing import Any

import bench
import dask.array as da
import landscapes
import naive
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from insarfeat import terrain
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.terrain.flow.epsilon import EpsilonStep
from insarfeat.terrain.flow.filling import FillStep
from insarfeat.terrain.flow.trees import TreeStep

voids_are = st.sampled_from(["outlets", "walls"])

LARGE = {
    "bowl": landscapes.bowl(65, 70, (0, 9)),
    "bowl with voids": landscapes.void_corners(landscapes.bowl(65, 70, (64, 3)), 16),
    "nested": landscapes.nested(70, 67, 8),
    "flat": landscapes.flat(65, 66, (30, 0)),
    "channel": landscapes.serpentine(65, 67).dem,
    "level channel": landscapes.serpentine(65, 67, fall=0).dem,
    "rising channel": landscapes.serpentine(65, 67, fall=-1).dem,
    "rising channel with voids": landscapes.void_corners(landscapes.serpentine(66, 67, fall=-1).dem, 11),
    "ties": landscapes.ties(np.random.default_rng(1), (65, 66)),
    "hills": landscapes.rough(np.random.default_rng(2), (66, 65)),
    "hills with voids": landscapes.void_corners(landscapes.rough(np.random.default_rng(3), (66, 65)), 8),
}
# Last tiles of one cell, of one row or column, tiles of one cell's height or width, tiles of one cell.
TILES = [(64, 64), (16, 16), (13, 11), (1, 33), (8, 1)]

large = pytest.mark.parametrize("name", LARGE)


@st.composite
def any_dems(draw: st.DrawFn, dtypes: tuple[str, ...] = ("f4", "f8")) -> Any:
    """Small ones whose voids are NaN, inf or -inf."""
    dem = draw(landscapes.small_dems(np.dtype(draw(st.sampled_from(dtypes)))))
    kinds = np.random.default_rng(draw(st.integers(0, 99))).choice([np.nan, np.inf, -np.inf], dem.shape)
    return np.where(np.isnan(dem), kinds.astype(dem.dtype), dem)


def neighbours(surface: Any, beyond: float) -> Any:
    """The eight shifted copies."""
    height, width = surface.shape
    padded = np.pad(surface, 1, constant_values=beyond)
    places = [(1 + down, 1 + right) for down, right in naive.STEPS]
    return np.stack([padded[top : top + height, left : left + width] for top, left in places])


def outlets(dem: Any) -> Any:
    """Where water leaves, if it does at voids."""
    return ~np.isnan(dem) & np.isnan(neighbours(dem, np.nan)).any(axis=0)


def breach_tiled(dem: Any, voids: str, tile: tuple[int, int]) -> Any:
    step = TreeStep("lowest", "cells", voids, bench.sizes(1, 1))
    return bench.tiled(step, [*bench.ground(dem, voids), dem], [dem.dtype], tile)[0]


def fall_tiled(dem: Any, voids: str, tile: tuple[int, int]) -> Any:
    return bench.tiled(EpsilonStep(voids), [dem, *bench.ground(dem, voids)], [dem.dtype], tile)[0]


# ---- Filled.


@given(any_dems(), voids_are)
def test_filled_is_as_defined(dem: Any, voids: Any) -> None:
    bench.assert_same_bits(terrain.fill_depressions(dem, voids=voids), naive.filled(dem, voids))


@given(any_dems(), voids_are, landscapes.tilings())
def test_filled_is_the_same_for_any_tiles(dem: Any, voids: Any, tile: tuple[int, int]) -> None:
    (found,) = bench.tiled(FillStep(voids), [dem], [dem.dtype], tile)
    bench.assert_same_bits(found, naive.filled(dem, voids))


@large
@pytest.mark.parametrize("tile", TILES)
def test_large_depressions_fill_across_all_tiles(name: str, tile: tuple[int, int]) -> None:
    dem = LARGE[name]
    (found,) = bench.tiled(FillStep("outlets"), [dem], [dem.dtype], tile)
    bench.assert_same_bits(found, terrain.fill_depressions(dem))


@large
def test_large_depressions_are_filled_as_defined(name: str) -> None:
    bench.assert_same_bits(terrain.fill_depressions(LARGE[name]), naive.filled(LARGE[name]))


def test_a_bowl_fills_to_where_it_spills() -> None:
    dem = landscapes.bowl(300, 257, (0, 31))
    expected = np.maximum(dem, 0)
    bench.assert_same_bits(terrain.fill_depressions(dem), expected)
    bench.assert_same_bits(bench.tiled(FillStep("outlets"), [dem], ["f4"], (64, 64))[0], expected)


def test_a_channel_that_rises_through_all_tiles_fills_to_its_outlet() -> None:
    dem, channel = landscapes.serpentine(257, 257, fall=-1)
    expected = dem.copy()
    expected[tuple(channel.T)] = 0
    bench.assert_same_bits(terrain.fill_depressions(dem), expected)
    bench.assert_same_bits(bench.tiled(FillStep("outlets"), [dem], ["f4"], (32, 32))[0], expected)


def test_tiles_fill_in_two_passes() -> None:
    work = bench.Bench([landscapes.nested(70, 67, 8)], ["f4"], (8, 8))
    work.run(FillStep("outlets"))
    assert list(work.passes.values()) == [len(work.tiles)] * 2


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_ground_without_depressions_keeps_its_bits(dtype: str) -> None:
    dem = landscapes.cone(65).astype(dtype) - 65
    dem[3:6, 3:6] = -np.inf
    dem[5, 40:] = np.nan
    expected = np.where(np.isinf(dem), np.nan, dem)
    bench.assert_same_bits(terrain.fill_depressions(dem), expected)
    filled = terrain.fill_depressions(landscapes.rough(np.random.default_rng(4), (65, 65)).astype(dtype))
    bench.assert_same_bits(terrain.fill_depressions(filled), filled)


def test_zeros_keep_their_signs() -> None:
    dem = np.zeros((9, 9), np.float32)
    dem[::2, ::3] = -0.0
    bench.assert_same_bits(terrain.fill_depressions(dem), dem)
    bench.assert_same_bits(bench.tiled(FillStep("outlets"), [dem], ["f4"], (4, 4))[0], dem)


def test_walls_keep_what_is_walled_in() -> None:
    dem = np.full((7, 7), np.nan, np.float32)
    dem[2:5, 2:5] = 5
    dem[3, 3] = 1
    bench.assert_same_bits(terrain.fill_depressions(dem, voids="walls"), dem)
    assert terrain.fill_depressions(dem)[3, 3] == 5


@given(any_dems(), voids_are)
def test_the_input_stays_as_it_is(dem: Any, voids: Any) -> None:
    before = dem.copy()
    terrain.fill_depressions(dem, voids=voids)
    terrain.fill_depressions(dem, voids=voids, epsilon=True)
    terrain.fill_depressions(dem, voids=voids, breach=True)
    np.testing.assert_array_equal(dem, before)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "i8", ">i2", "f2"])
@pytest.mark.parametrize("how", [{}, {"epsilon": True}, {"breach": True}])
def test_other_numbers_are_taken_as_float32(dtype: str, how: dict[str, bool]) -> None:
    dem = landscapes.ties(np.random.default_rng(5), (20, 23))
    found = terrain.fill_depressions(dem.astype(dtype), **how)
    bench.assert_same_bits(found, terrain.fill_depressions(dem, **how))


@pytest.mark.parametrize("how", [{}, {"epsilon": True}, {"breach": True}])
def test_the_order_of_bytes_makes_no_difference(how: dict[str, bool]) -> None:
    dem = landscapes.rough(np.random.default_rng(5), (20, 23)).astype(np.float64) + 1e-9
    expected = terrain.fill_depressions(dem, **how)
    bench.assert_same_bits(terrain.fill_depressions(dem.astype(">f8"), **how), expected)


def test_the_layout_in_memory_makes_no_difference() -> None:
    dem = landscapes.rough(np.random.default_rng(6), (20, 23))
    expected = terrain.fill_depressions(dem)
    bench.assert_same_bits(terrain.fill_depressions(np.asfortranarray(dem)), expected)
    bench.assert_same_bits(terrain.fill_depressions(np.repeat(dem, 2, axis=1)[:, ::2]), expected)
    locked = dem.copy()
    locked.flags.writeable = False
    bench.assert_same_bits(terrain.fill_depressions(locked), expected)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_of_nothing_there_is_nothing_to_fill(shape: tuple[int, int]) -> None:
    dem = np.empty(shape, np.float32)
    for how in ({}, {"epsilon": True}, {"breach": True}):
        found = terrain.fill_depressions(dem, **how)
        assert found.shape == shape
        assert found.dtype == np.float32


def test_a_dem_of_voids_stays_one() -> None:
    dem = np.full((5, 6), np.nan, np.float32)
    for how in ({}, {"epsilon": True}, {"breach": True}):
        assert np.isnan(terrain.fill_depressions(dem, **how)).all()
    assert np.isnan(bench.tiled(FillStep("outlets"), [dem], ["f4"], (2, 2))[0]).all()


# ---- Filled with a fall.


@given(any_dems(), voids_are)
def test_filled_with_a_fall_is_as_defined(dem: Any, voids: Any) -> None:
    found = terrain.fill_depressions(dem, voids=voids, epsilon=True)
    bench.assert_same_bits(found, naive.epsilon_filled(dem, voids))


@given(any_dems(), voids_are, landscapes.tilings())
def test_filled_with_a_fall_is_the_same_for_any_tiles(dem: Any, voids: Any, tile: tuple[int, int]) -> None:
    bench.assert_same_bits(fall_tiled(dem, voids, tile), naive.epsilon_filled(dem, voids))


@given(landscapes.small_dems(np.float64), landscapes.tilings(), st.sampled_from(["f4", "f8"]))
def test_a_fall_is_kept_where_heights_are_next_to_each_other(
    dem: Any, tile: tuple[int, int], dtype: str
) -> None:
    close = (1 + np.round(dem) * np.finfo(dtype).eps).astype(dtype)
    bench.assert_same_bits(fall_tiled(close, "outlets", tile), naive.epsilon_filled(close))


@large
def test_each_cell_is_the_next_number_above_its_lowest_neighbour(name: str) -> None:
    dem = LARGE[name]
    surface = terrain.fill_depressions(dem, epsilon=True)
    lowest = np.nanmin(neighbours(np.where(np.isnan(surface), np.inf, surface), np.inf), axis=0)
    expected = np.maximum(dem, np.nextafter(lowest, np.float32(np.inf)))
    leaving = outlets(dem)
    np.testing.assert_array_equal(surface, np.where(leaving, dem, expected))
    assert np.all(lowest[~leaving & ~np.isnan(dem)] < surface[~leaving & ~np.isnan(dem)])


@large
@pytest.mark.parametrize("tile", [(64, 64), (13, 11)])
def test_a_fall_runs_across_all_tiles(name: str, tile: tuple[int, int]) -> None:
    dem = LARGE[name]
    bench.assert_same_bits(fall_tiled(dem, "outlets", tile), terrain.fill_depressions(dem, epsilon=True))


# ---- Breached.


@given(any_dems(), voids_are)
def test_breached_is_as_defined(dem: Any, voids: Any) -> None:
    bench.assert_same_bits(
        terrain.fill_depressions(dem, voids=voids, breach=True), naive.breached(dem, 1, 1, voids)
    )


@given(any_dems(), voids_are, landscapes.tilings())
def test_breached_is_the_same_for_any_tiles(dem: Any, voids: Any, tile: tuple[int, int]) -> None:
    bench.assert_same_bits(breach_tiled(dem, voids, tile), naive.breached(dem, 1, 1, voids))


@large
@pytest.mark.parametrize("tile", [(64, 64), (13, 11), (1, 33)])
def test_a_breach_runs_across_all_tiles(name: str, tile: tuple[int, int]) -> None:
    dem = LARGE[name]
    bench.assert_same_bits(breach_tiled(dem, "outlets", tile), terrain.fill_depressions(dem, breach=True))


@large
def test_breached_ground_is_nowhere_higher_and_needs_no_filling(name: str) -> None:
    dem = LARGE[name]
    breached = terrain.fill_depressions(dem, breach=True)
    assert np.all((breached <= dem) | np.isnan(dem))
    bench.assert_same_bits(terrain.fill_depressions(breached), breached)


def test_a_breach_goes_through_the_dam_where_the_valley_is() -> None:
    dem = landscapes.valley(40, 21)
    dem[20] += 15
    breached = terrain.fill_depressions(dem, breach=True)
    expected = dem[20].copy()
    expected[10] = dem[19, 10]
    np.testing.assert_array_equal(breached[20], expected)


# ---- What is not taken.


@pytest.mark.parametrize(
    "given_as", [np.asarray, da.from_array, lambda dem: xr.DataArray(dem, dims=("y", "x"))]
)
def test_voids_are_outlets_or_walls(given_as: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"voids must be one of 'outlets', 'walls'; got 'lava'"):
        terrain.fill_depressions(given_as(np.ones((3, 3), np.float32)), voids="lava")


def test_one_fills_or_breaches() -> None:
    with pytest.raises(InvalidArgument, match="choose one"):
        terrain.fill_depressions(np.ones((3, 3)), epsilon=True, breach=True)


def test_an_engine_that_is_not_known_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="engine must be one of"):
        terrain.fill_depressions(np.ones((3, 3)), engine="magic")  # type: ignore[arg-type]


@pytest.mark.parametrize("lazy", [False, True])
def test_dems_of_several_layers_are_refused(lazy: bool) -> None:
    dem = da.ones((2, 3, 4)) if lazy else np.ones((2, 3, 4))
    with pytest.raises(InvalidType, match=r"one raster \(y, x\) at a time; dem has shape \(2, 3, 4\)"):
        terrain.fill_depressions(dem)


def test_a_line_is_no_dem() -> None:
    with pytest.raises(InvalidType, match=r"one raster \(y, x\)"):
        terrain.fill_depressions(np.ones(5))


@pytest.mark.parametrize("how", [{}, {"epsilon": True}, {"breach": True}])
@pytest.mark.parametrize(
    ("dem", "message"),
    [
        (np.ma.masked_less(np.ones((3, 3)), 0), "filled"),
        (np.array([["high", "low"]]), "dem must hold real numbers"),
        (np.ones((3, 3), complex), "dem must hold real numbers"),
        ([[1.0, 2.0]], "dem must be a NumPy array"),
        (xr.Dataset({"dem": (("y", "x"), np.ones((3, 3)))}), "not a Dataset"),
    ],
)
def test_what_is_no_raster_of_heights_is_refused(dem: Any, message: str, how: dict[str, bool]) -> None:
    with pytest.raises(InvalidType, match=message):
        terrain.fill_depressions(dem, **how)
