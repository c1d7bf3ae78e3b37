"""Ruggedness, convexity, relief and position: hand-made cases, and the plain definitions for any voids."""

from __future__ import annotations

from typing import Any

import numpy as np
import plain
import pytest
from dems import Array, rough_dems
from hypothesis import given
from hypothesis import strategies as st

from insarfeat import terrain

PEAK = np.array([[1.0, 2, 3], [4, 9, 5], [6, 7, 8]])


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("riley", np.sqrt(64 + 49 + 36 + 25 + 16 + 9 + 4 + 1)),
        ("wilson", 36 / 8),
        ("saga", np.sqrt((49 + 25 + 16 + 4) / 5)),
    ],
)
def test_ruggedness_by_hand(variant: Any, expected: float) -> None:
    assert terrain.tri(PEAK, variant=variant)[1, 1] == pytest.approx(expected)


@pytest.mark.parametrize("variant", ["riley", "wilson"])
def test_a_plane_is_as_rugged_at_its_edges(variant: Any) -> None:
    tri = terrain.tri(np.add.outer(2 * np.arange(6.0), np.arange(7.0)), variant=variant)
    tri[:: 6 - 1, :: 7 - 1] = tri[2, 2]  # but in the corners, where a diagonal pair is missing whole
    np.testing.assert_allclose(tri, tri[2, 2])


def test_the_disc_of_radius_ten_holds_317_cells() -> None:
    dem = np.zeros((41, 41))
    dem[20, 20] = 1  # the only convex cell
    convexity = terrain.convexity(dem)
    assert np.count_nonzero(convexity) == 317
    np.testing.assert_allclose(convexity[20, 30], 100 / 317)
    assert convexity[13, 13] > 0  # 9.9 cells away
    assert convexity[12, 13] == 0  # 10.6 cells away


def test_a_plane_has_no_convex_cell() -> None:
    plane = np.add.outer(2 * np.arange(30.0), 3 * np.arange(30.0))
    for kernel in ("four", "eight", "eight-weighted"):
        inner = terrain.convexity(plane, radius=0, kernel=kernel)[
            1:-1, 1:-1
        ]  # at edges neighbours count as level
        assert (inner == 0).all()


@given(rough_dems(), st.integers(0, 12), st.sampled_from(["four", "eight", "eight-weighted"]))
def test_convexity_is_that_of_the_plain_definition(dem: Array, radius: int, kernel: Any) -> None:
    found = terrain.convexity(dem, radius=radius, kernel=kernel)
    np.testing.assert_allclose(found, plain.convexity(dem, radius, kernel), rtol=1e-12)


def test_a_disc_wider_than_the_raster_and_than_a_byte_can_count() -> None:
    dem = np.random.default_rng(0).normal(0, 30, (50, 60))
    for radius in (40, 130):
        expected = plain.convexity(dem, 90 if radius > 90 else radius)  # the whole raster is 78 cells across
        np.testing.assert_allclose(terrain.convexity(dem, radius=radius), expected, rtol=1e-12)


@given(rough_dems(), st.sampled_from(["riley", "wilson", "saga"]))
def test_ruggedness_is_that_of_the_plain_definition(dem: Array, variant: Any) -> None:
    np.testing.assert_allclose(terrain.tri(dem, variant=variant), plain.ruggedness(dem, variant), atol=1e-9)


@given(rough_dems(), st.integers(1, 12))
def test_windows_are_those_of_the_plain_definition(dem: Array, radius: int) -> None:
    np.testing.assert_allclose(terrain.local_relief(dem, radius=radius), plain.relief(dem, radius), atol=1e-9)
    np.testing.assert_allclose(
        terrain.topographic_position(dem, radius=radius), plain.position(dem, radius), atol=1e-9
    )


@given(rough_dems())
def test_roughness_is_the_relief_of_the_smallest_window(dem: Array) -> None:
    np.testing.assert_array_equal(terrain.roughness(dem), terrain.local_relief(dem, radius=1))


def test_rasters_wider_than_a_block_of_columns_have_no_seams() -> None:
    rng = np.random.default_rng(1)
    dem = rng.normal(500, 30, (24, 9000))
    dem[rng.random(dem.shape) < 1e-4] = np.nan
    np.testing.assert_allclose(terrain.convexity(dem), plain.convexity(dem), rtol=1e-12)
    np.testing.assert_allclose(terrain.local_relief(dem, radius=5), plain.relief(dem, 5), rtol=1e-12)
    np.testing.assert_allclose(terrain.tri(dem), plain.ruggedness(dem), rtol=1e-12)
    np.testing.assert_allclose(terrain.slope(dem, resolution=9.0), plain.slope(dem, 9.0), rtol=1e-9)
