"""Interferogram, wrapped phase, coherence and multilook against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from insarfeat import filters
from insarfeat.errors import InvalidArgument

WAVELENGTH = 0.05546576


def speckle(*shape: int, seed: int = 0) -> NDArray[np.complex64]:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype("c8")


def brute_force_coherence(
    a: NDArray[np.complex64], b: NDArray[np.complex64], window: tuple[int, int]
) -> NDArray[np.float64]:
    """The definition, pixel by pixel, in double precision."""
    a, b = a.astype("c16"), b.astype("c16")
    good = ~(np.isnan(a) | np.isnan(b) | (a == 0) | (b == 0))
    out = np.full(a.shape, np.nan)
    half_y, half_x = window[0] // 2, window[1] // 2
    for i, j in np.argwhere(good):
        box = np.s_[max(i - half_y, 0) : i + half_y + 1, max(j - half_x, 0) : j + half_x + 1]
        p, q = a[box][good[box]], b[box][good[box]]
        out[i, j] = abs((p * q.conj()).sum()) / np.sqrt((abs(p) ** 2).sum() * (abs(q) ** 2).sum())
    return out


def test_a_target_that_moves_away_makes_the_phase_grow() -> None:
    """Two acquisitions from first principles: the echo's phase is -4 pi range / wavelength."""
    before, after = 850_000.0, 850_000.0 + 0.004
    primary, secondary = (
        np.full((1, 1), np.exp(-4j * np.pi * r / WAVELENGTH), "c16") for r in (before, after)
    )
    phase = filters.wrapped_phase(filters.interferogram(primary, secondary))
    assert phase[0, 0] == pytest.approx(4 * np.pi * 0.004 / WAVELENGTH, abs=1e-6)


def test_wrapped_phase_stays_in_its_half_open_range() -> None:
    edge = np.array([[complex(-1, 0.0), complex(-1, -0.0), 1, 1j, -1j]], "c8")
    np.testing.assert_allclose(
        filters.wrapped_phase(edge), [[np.pi, np.pi, 0, np.pi / 2, -np.pi / 2]], rtol=1e-6
    )


def test_the_fast_angle_is_within_a_microradian() -> None:
    """Proven over the circle, at tiny and huge magnitudes, and where the octants meet."""
    angles = np.concatenate([np.linspace(-np.pi, np.pi, 400_001), np.arange(-8, 9) * np.pi / 4])
    for magnitude in (1e-18, 1.0, 1e18):
        image = (magnitude * np.exp(1j * angles)).astype("c8")[None]
        exact = np.arctan2(image.imag.astype(float), image.real.astype(float))
        error = np.abs(np.exp(1j * filters.wrapped_phase(image).astype(float)) - np.exp(1j * exact))
        assert error.max() < 5e-7


@given(st.integers(0, 99), st.sampled_from([(1, 1), (3, 3), (5, 5), (3, 11), (21, 21)]), st.floats(0, 0.9))
def test_coherence_equals_its_definition(seed: int, window: tuple[int, int], hole_share: float) -> None:
    a, b = speckle(14, 12, seed=seed), speckle(14, 12, seed=seed + 1000)
    b = (0.7 * a + 0.5 * b).astype("c8")
    rng = np.random.default_rng(seed)
    a[rng.random(a.shape) < hole_share] = np.nan
    b[rng.random(b.shape) < hole_share / 3] = 0
    result = filters.coherence(a, b, window=window)
    np.testing.assert_allclose(result, brute_force_coherence(a, b, window), atol=1e-6)
    assert not (result > 1).any()
    assert not (result < 0).any()


def test_coherence_holds_beside_targets_80_db_brighter() -> None:
    a, b = speckle(60, 60), speckle(60, 60, seed=1)
    bright = np.random.default_rng(2).random(a.shape) < 1 / 500
    a[bright] *= 1e4
    b[bright] *= 1e4
    error = filters.coherence(a, b) - brute_force_coherence(a, b, (5, 5))
    assert np.abs(error).max() < 1e-5


def test_coherence_of_independent_speckle_has_the_known_bias() -> None:
    result = filters.coherence(speckle(300, 300), speckle(300, 300, seed=1))[5:-5, 5:-5]
    assert result.mean() == pytest.approx(np.sqrt(np.pi / (4 * 25)), abs=0.005)


def test_images_that_are_the_same_are_fully_coherent() -> None:
    image = speckle(20, 20)
    np.testing.assert_allclose(filters.coherence(image, image * np.complex64(1j)), 1, atol=1e-6)


@pytest.mark.parametrize("window", [(4, 5), (5, 0), (5, -1), 5, (5, 5, 5), (2.5, 5), "ab"])
def test_windows_that_are_not_odd_pairs_are_refused(window: object) -> None:
    with pytest.raises(InvalidArgument, match="window must be two odd numbers"):
        filters.coherence(speckle(5, 5), speckle(5, 5), window=window)  # type: ignore[arg-type]


def test_multilook_is_the_mean_of_the_valid_pixels() -> None:
    image = speckle(9, 7)
    image[0, 0], image[0, 1], image[4:6, 2:4] = np.nan, 0, np.nan
    result = filters.multilook(image, looks=(2, 2))
    assert result.shape == (4, 3)
    assert result[0, 0] == pytest.approx((image[1, 0] + image[1, 1]) / 2)
    assert np.isnan(result[2, 1])
    np.testing.assert_allclose(result[3, 2], image[6:8, 4:6].mean(), rtol=1e-6)


@pytest.mark.parametrize("looks", [(0, 1), (1, -1), 3, (1, 2, 3), "ab"])
def test_impossible_looks_are_refused(looks: object) -> None:
    with pytest.raises(InvalidArgument, match="looks must be two whole numbers"):
        filters.multilook(speckle(5, 5), looks=looks)  # type: ignore[arg-type]
