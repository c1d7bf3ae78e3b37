"""Fingerprints of bands: what they tell apart, what they do not, and that they add up."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.tiling.patches._kernels.digests import ACROSS, DOWN, cell_digest, moved, power, powers
from insarfeat.tiling.patches.parts.digests import digest, signed, tells_ground

MASK = 2**64 - 1


def by_the_book(values: np.ndarray) -> int:
    """The formula with Python's whole numbers."""
    total = 0
    for r, row in enumerate(values.astype("f4")):
        for c, value in enumerate(row):
            bits = 0x7FC00000 if np.isnan(value) else int(np.float32(value + np.float32(0)).view(np.uint32))
            z = (bits + 0x9E3779B97F4A7C15) & MASK
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
            z ^= z >> 31
            total += z * pow(int(DOWN), r, 2**64) * pow(int(ACROSS), c, 2**64)
    return total & MASK


def band(height: int = 9, width: int = 13, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((height, width)).astype("f4")


def test_it_is_what_the_formula_says() -> None:
    values = band()
    values[2, 3:6], values[0, 0], values[1, 1] = np.nan, 0.0, -0.0
    assert int(cell_digest(values)) == by_the_book(values)
    assert digest(values) == signed(by_the_book(values))


def test_all_nan_are_one_and_both_zeros_are_one() -> None:
    values = np.array([[0.0, 1.0, np.nan]], "f4")
    other = values.copy()
    other[0, 0] = -0.0
    other.view(np.uint32)[0, 2] = 0xFFC00001  # another pattern of not-a-number
    assert digest(values) == digest(other)


@pytest.mark.parametrize("dull", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.array([[7.0, np.nan]])])
def test_what_tells_nothing_gives_0(dull: np.ndarray) -> None:
    assert digest(dull) == 0


def test_any_pixel_and_any_place_counts() -> None:
    values = band()
    seen = {
        digest(values),
        digest(values[::-1]),
        digest(values[:, ::-1]),
        digest(values.T),
        digest(values[1:]),
    }
    changed = values.copy()
    changed[8, 12] = np.nextafter(changed[8, 12], np.float32(np.inf))
    assert len(seen | {digest(changed)}) == 6


def test_strided_and_double_arrays_are_as_good() -> None:
    values = band(20, 30)
    assert (
        digest(values[::2, 1::3])
        == digest(values[::2, 1::3].copy())
        == digest(values[::2, 1::3].astype("f8"))
    )


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_pieces_add_up_however_they_are_cut(height: int, width: int, data: st.DataObject) -> None:
    values = band(height, width, seed=height * 100 + width)
    rows = sorted({0, height, *data.draw(st.lists(st.integers(0, height), max_size=3))})
    columns = sorted({0, width, *data.draw(st.lists(st.integers(0, width), max_size=3))})
    total = 0
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            total += int(moved(np.uint64(cell_digest(values[top:bottom, left:right])), top, left))
    assert total & MASK == int(cell_digest(values))


def test_powers_are_powers() -> None:
    assert powers(6, DOWN).tolist() == [pow(int(DOWN), k, 2**64) for k in range(6)]
    assert int(power(ACROSS, 1000)) == pow(int(ACROSS), 1000, 2**64)


def test_bands_of_classes_stand_for_no_ground() -> None:
    assert not tells_ground(np.random.default_rng(0).integers(0, 9, (30, 30)))
    assert tells_ground(band(30, 30))


def test_what_is_no_band_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="rows and columns"):
        digest(np.zeros(4))
    with pytest.raises(InvalidType, match="phase or magnitude"):
        digest(np.zeros((2, 2), "c8"))
