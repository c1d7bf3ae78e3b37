"""Intensity, rounding and blanking."""

from __future__ import annotations

import zlib

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from insarfeat import filters
from insarfeat.errors import InvalidArgument


def test_intensity_is_the_squared_magnitude_and_nothing_where_there_is_no_image() -> None:
    image = np.array([[3 + 4j, 0, np.nan], [1j, -2, 5 - 12j]], "c8")
    np.testing.assert_array_equal(filters.intensity(image), [[25, np.nan, np.nan], [1, 4, 169]])


@given(precision=st.floats(1e-4, 10), seed=st.integers(0, 99))
def test_no_more_than_half_of_the_precision_is_lost(precision: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(0, 3, (20, 30)).astype("f4")
    values[0, 0] = np.nan
    found = filters.rounded(values, precision)
    assert np.isnan(found[0, 0])
    assert np.nanmax(np.abs(found.astype("f8") - values)) <= precision / 2 * (1 + 1e-6)


def test_rounded_values_make_smaller_files() -> None:
    values = np.random.default_rng(0).normal(0, 1, (200, 200)).astype("f4")
    sizes = [len(zlib.compress(layer.tobytes(), 1)) for layer in (values, filters.rounded(values, 0.01))]
    assert sizes[1] < 0.6 * sizes[0]


def test_rounding_twice_changes_nothing() -> None:
    values = np.random.default_rng(0).normal(0, 1, (50, 50)).astype("f4")
    once = filters.rounded(values, 0.01)
    np.testing.assert_array_equal(filters.rounded(once, 0.01), once)


@pytest.mark.parametrize("precision", [0, -1.0, np.nan, "much"])
def test_a_precision_is_a_positive_number(precision: object) -> None:
    with pytest.raises(InvalidArgument, match="precision must be a number above 0"):
        filters.rounded(np.ones((2, 2)), precision)  # type: ignore[arg-type]


def test_a_mask_keeps_where_it_is_one() -> None:
    keep = np.array([[1, 0, 255]], "u1")
    np.testing.assert_array_equal(filters.masked(np.array([[1.0, 2, 3]]), keep), [[1, np.nan, np.nan]])
    np.testing.assert_array_equal(filters.masked(np.array([[7, 8, 9]], "u1"), keep), [[7, 255, 255]])
    assert np.isnan(filters.masked(np.array([[1j, 2, 3]], "c8"), keep)).tolist() == [[False, True, True]]
