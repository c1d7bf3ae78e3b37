"""Interferogram, wrapped phase and coherence against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scenes import pair, speckle
from scipy import ndimage

from insarfeat import filters
from insarfeat.errors import InvalidArgument

WAVELENGTH = 0.05546576


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
    toward = -WAVELENGTH / (4 * np.pi) * phase[0, 0]  # displacement is positive toward the satellite
    assert toward == pytest.approx(-0.004, abs=1e-9)


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


@pytest.mark.parametrize("truth", [0.0, 0.2, 0.4, 0.7, 0.95])
def test_unbiased_coherence_has_the_right_square_on_average(truth: float) -> None:
    a, b = pair(400, 400, coherence=truth, seed=3)
    raw, unbiased = (
        filters.coherence(a, b, window=(5, 5), unbiased=choice)[5:-5, 5:-5].astype(float)
        for choice in (False, True)
    )
    left = (unbiased**2).mean() - truth**2
    if truth >= 0.4:
        assert abs(left) < 0.002
    assert 0 < left < 0.5 * ((raw**2).mean() - truth**2)
    assert (unbiased <= raw + 1e-6).all()
    assert (unbiased >= 0).all()


def test_unbiased_coherence_solves_its_equation() -> None:
    a, b = pair(40, 50, coherence=0.6)
    a[10:20, 10:12], b[25, 30:40] = np.nan, 0
    raw, unbiased = (filters.coherence(a, b, window=(3, 5), unbiased=choice) for choice in (False, True))
    count = ndimage.uniform_filter((~np.isnan(raw)).astype(float), (3, 5), mode="constant") * 15
    square = unbiased.astype(float) ** 2
    expected = square + (1 - square) ** 2 / count
    solved = unbiased > 1e-3
    np.testing.assert_allclose(expected[solved], raw[solved].astype(float) ** 2, atol=1e-5)
    assert (raw[unbiased == 0].astype(float) ** 2 <= 1 / count[unbiased == 0] + 1e-6).all()


def test_a_window_of_one_pixel_proves_no_coherence() -> None:
    a, b = pair(4, 5, coherence=0.9)
    np.testing.assert_allclose(filters.coherence(a, b, window=(1, 1)), 1, rtol=1e-6)
    np.testing.assert_array_equal(filters.coherence(a, b, window=(1, 1), unbiased=True), 0)


@given(st.integers(0, 99), st.sampled_from([(1, 1), (3, 5), (21, 7)]), st.booleans())
def test_phase_coherence_is_the_length_of_the_mean_phasor(
    seed: int, window: tuple[int, int], as_phase: bool
) -> None:
    image = speckle(15, 13, seed=seed)
    rng = np.random.default_rng(seed)
    image *= 10 ** rng.uniform(-15, 15, image.shape).astype("f4")
    image[rng.random(image.shape) < 0.2] = np.nan
    phase = np.angle(image)
    result = filters.phase_coherence(phase.astype("f4") if as_phase else image, window=window)
    good = ~np.isnan(phase)
    for i, j in np.ndindex(image.shape):
        half = window[0] // 2, window[1] // 2
        box = np.s_[max(i - half[0], 0) : i + half[0] + 1, max(j - half[1], 0) : j + half[1] + 1]
        expected = abs(np.exp(1j * phase[box][good[box]].astype(float)).mean()) if good[i, j] else np.nan
        np.testing.assert_allclose(result[i, j], expected, atol=1e-6)


def test_a_phase_of_zero_is_data_and_a_complex_zero_is_not() -> None:
    np.testing.assert_array_equal(filters.phase_coherence(np.zeros((3, 3), "f4")), 1)
    assert np.isnan(filters.phase_coherence(np.zeros((3, 3), "c8"))).all()


def test_flattening_takes_a_phase_away() -> None:
    phase = np.linspace(-300, 300, 30 * 40).reshape(30, 40)
    primary, secondary = pair(30, 40, coherence=1.0, phase=-phase)
    flat = filters.interferogram(primary, secondary, flattening=-phase.astype("f4"))
    unflattened = filters.interferogram(primary, secondary, flattening=phase.astype("f4"))
    plain = filters.interferogram(primary, secondary)
    np.testing.assert_allclose(np.angle(flat), 0, atol=1e-4)
    assert np.abs(np.angle(plain)).max() > 3
    np.testing.assert_allclose(np.abs(unflattened), np.abs(plain), rtol=1e-5)
    exact = filters.interferogram(primary.astype("c16"), secondary.astype("c16"), flattening=1e5 + phase)
    np.testing.assert_allclose(
        exact, plain.astype("c16") * np.exp(-1j * (1e5 + phase)), atol=1e-5 * np.abs(plain).max()
    )


def test_a_pixel_without_flattening_phase_is_nodata() -> None:
    primary, secondary = pair(4, 4, coherence=1.0)
    phase = np.zeros((4, 4), "f4")
    phase[1, 2] = np.nan
    np.testing.assert_array_equal(
        np.isnan(filters.interferogram(primary, secondary, flattening=phase)), np.isnan(phase)
    )
