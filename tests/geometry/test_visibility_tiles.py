"""Shadow and layover of rasters cut in any way: the same bits, and no more read than rays can reach."""

from __future__ import annotations

import math
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from contract import chunk_sizes
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from visibility_scenes import (
    CLEAR,
    LAYOVER,
    SHADOW,
    raster,
    rough,
    sloping,
)

import insarfeat
from insarfeat.geometry.visibility import shadow_layover
from insarfeat.windows import Halo

Array = NDArray[Any]


@st.composite
def cut_scenes(draw: st.DrawFn) -> tuple[list[Array], list[tuple[Any, ...]]]:
    """A wide scene whose heading changes between segments and has holes, and a way to cut each of its rasters."""
    rows, columns = draw(st.integers(1, 30)), draw(st.integers(60, 220))
    seed = draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    centre = draw(st.sampled_from([-12.0, 45.0, 90.0, 180.0, -97.0]))
    heading = centre + rng.normal(0, draw(st.sampled_from([0.0, 0.5, 60.0])), (rows, columns))
    heading[rng.random(heading.shape) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    incidence = rng.uniform(20, 60, (rows, columns))
    dem = rough((rows, columns), seed)
    dem[rng.random(dem.shape) < 0.05] = np.nan
    kind = draw(st.sampled_from(["f4", "f8"]))
    cuts = [(draw(chunk_sizes(rows)), draw(chunk_sizes(columns))) for _ in range(3)]
    return [array.astype(kind) for array in (dem, incidence, heading)], cuts


@given(cut_scenes())
def test_headings_that_vary_are_the_same_for_any_chunks(scene: Any) -> None:
    (dem, incidence, heading), cuts = scene
    arrays = (dem, incidence, np.remainder(heading + 180, 360) - 180)
    expected = shadow_layover(*arrays, resolution=(11.0, 7.0))
    lazy = [da.from_array(array, chunks=chunks) for array, chunks in zip(arrays, cuts, strict=True)]
    found = shadow_layover(*lazy, resolution=(11.0, 7.0))
    np.testing.assert_array_equal(found.compute(scheduler="sync"), expected)


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("number", [False, True])
def test_directions_on_a_leaning_grid_are_the_same_for_any_chunks(number: bool, holes: bool) -> None:
    y, x = 2.0e6 - 300.0 * np.arange(90), 2.8e6 + 300.0 * np.arange(400)
    dem = raster(rough((90, 400), 3, height=6000.0), y, x, 3035)
    heading: Any = -12.0 if number else xr.full_like(dem, -12.0)
    if holes and not number:
        heading.values[np.random.default_rng(0).random(heading.shape) < 0.5] = np.nan
    expected = shadow_layover(dem, 35.0, heading)
    assert set(np.unique(expected)) >= {CLEAR, SHADOW, LAYOVER}
    for chunks in ({"y": 33, "x": 50}, {"y": 90, "x": 7}):
        cut = heading if number else heading.chunk(chunks)
        np.testing.assert_array_equal(shadow_layover(dem.chunk(chunks), 35.0, cut), expected)


def halo_of(dem: Array, incidence: Any, heading: Any, look: Any = "right") -> Halo:
    """What a plan shows, on a grid of 20 x 10 m."""
    y, x = -20.0 * np.arange(dem.shape[0]), 10.0 * np.arange(dem.shape[1])
    lazy = [
        raster(array, y, x).chunk(32) if isinstance(array, np.ndarray) else array
        for array in (dem, incidence, heading)
    ]
    halo: Halo = insarfeat.plan(shadow_layover(*lazy, look=look)).describe().halo
    return halo


def test_the_halo_is_as_far_as_the_relief_lets_rays_reach() -> None:
    dem = sloping(500.0)
    # The radar is at azimuth -100: 0.98 of a metre west and 0.17 south per metre. Layover: 500 / tan 40 = 596 m.
    assert halo_of(dem, 40.0, -10.0) == Halo(top=6, bottom=6, left=59, right=59)
    # Shadow comes from the radar's side alone: 500 * tan 60 = 866 m; layover reaches 289 m both ways.
    assert halo_of(dem, 60.0, -10.0) == Halo(top=3, bottom=8, left=86, right=29)
    assert halo_of(dem, 60.0, -10.0, "left") == Halo(top=8, bottom=3, left=29, right=86)


def test_the_halo_holds_for_the_steepest_and_flattest_ray_and_all_headings() -> None:
    dem = sloping(500.0)
    incidence = np.linspace(40, 60, dem.size).reshape(dem.shape)
    heading = np.linspace(-10, 30, dem.size).reshape(dem.shape)
    # Azimuths -100 to -60 hold due west; in the south -100 is the farthest, in the north -60.
    assert halo_of(dem, incidence, heading) == Halo(top=22, bottom=15, left=87, right=63)


def test_along_the_axes_nothing_is_read_aside_and_on_flat_ground_nothing_at_all() -> None:
    assert halo_of(sloping(500.0), 45.0, 0.0) == Halo(top=0, bottom=0, left=51, right=51)
    assert halo_of(sloping(500.0), 45.0, 90.0) == Halo(top=26, bottom=26, left=0, right=0)
    assert halo_of(np.full((40, 50), 3.0), 45.0, 17.0) == Halo()


@pytest.mark.parametrize("middle", [0.0, 90.0, 180.0, 270.0, -720.0])
def test_headings_on_both_sides_of_a_turn_are_near_each_other(middle: float) -> None:
    dem = sloping(500.0)
    heading = np.linspace(middle - 1, middle + 1, dem.size).reshape(dem.shape)
    as_written = halo_of(dem, 60.0, heading)
    assert halo_of(dem, 60.0, heading % 360) == as_written
    assert halo_of(dem, 60.0, (heading + 180) % 360 - 180) == as_written
    if middle in (0.0, 180.0):  # looking along rows: the side away from the radar needs segments alone
        assert min(as_written.left, as_written.right) == 63
        assert max(as_written.left, as_written.right) == 87
        assert max(as_written.top, as_written.bottom) == 1


def test_a_wall_throws_its_shadow_over_many_chunks() -> None:
    dem = np.zeros((20, 400), "f4")
    dem[:, 60] = 3000.0
    expected = shadow_layover(dem, 40.0, 0.0, resolution=10.0)
    reach = int(3000 * math.tan(math.radians(40)) / 10)
    assert reach > 3 * 64
    np.testing.assert_array_equal(np.flatnonzero(expected[7] & SHADOW), np.arange(61, 61 + reach))
    lazy = shadow_layover(da.from_array(dem, chunks=64), 40.0, 0.0, resolution=10.0)
    np.testing.assert_array_equal(lazy.compute(), expected)
