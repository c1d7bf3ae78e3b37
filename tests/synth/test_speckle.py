"""Speckle against theory and brute force: phase, coherence and intensity of multilooked pairs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import gammaln, hyp2f1

from insarfeat.synth.fields import TileDraws
from insarfeat.synth.radar import Lattice, Looks, box_sum, boxcar, speckle
from insarfeat.windows import Window

PIXEL = 15.0


def drawn(looks: float, coherence: float, phase: float = 0.0, *, side: int = 600, seed: int = 1) -> Looks:
    """A field of independent samples of the pair's covariance."""
    window = Window(0, 0, side, side)
    one = np.ones((1, side, side), np.float32)
    return speckle(
        TileDraws(np.random.default_rng(seed), side, side, PIXEL),
        Lattice(window, window, PIXEL, PIXEL),
        np.float32(coherence) * one,
        np.float32(phase) * one,
        1.0 if looks == 1.0 else np.float32(looks) * one,
    )


def brute_force(looks: int, coherence: float, count: int = 150_000) -> tuple[npt.NDArray[np.complex128], ...]:
    """Covariances as sums over looks of two circular Gaussian images, one sample a row."""
    rng = np.random.default_rng(99)
    first, other = (
        (rng.standard_normal((count, looks)) + 1j * rng.standard_normal((count, looks))) * np.sqrt(0.5)
        for _ in range(2)
    )
    second = coherence * first + np.sqrt(1.0 - coherence**2) * other
    return (
        (first * second.conj()).mean(1),
        (np.abs(first) ** 2).mean(1) + 0j,
        (np.abs(second) ** 2).mean(1) + 0j,
    )


def phase_deviation(looks: float, coherence: float) -> float:
    """Standard deviation of the multilook phase, by the density of Lee et al. (1994), integrated."""
    phase = np.linspace(-np.pi, np.pi, 20_001)
    beta = coherence * np.cos(phase)
    density = np.exp(gammaln(looks + 0.5) - gammaln(looks)) * (1.0 - coherence**2) ** looks * beta / (
        2.0 * np.sqrt(np.pi) * (1.0 - beta**2) ** (looks + 0.5)
    ) + (1.0 - coherence**2) ** looks / (2.0 * np.pi) * hyp2f1(looks, 1.0, 0.5, beta**2)
    assert np.trapezoid(density, phase) == pytest.approx(1.0, abs=1e-6)
    return float(np.sqrt(np.trapezoid(density * phase**2, phase)))


@pytest.mark.parametrize("coherence", [0.1, 0.3, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("looks", [4, 10, 20])
def test_phase_scatters_as_theory_says_to_two_thousandths(looks: int, coherence: float) -> None:
    # Two million samples: the standard error is 0.0008 at most.
    pair = drawn(looks, coherence, side=1400)
    assert np.angle(pair.interferogram).std() == pytest.approx(phase_deviation(looks, coherence), abs=0.002)


@pytest.mark.parametrize("coherence", [0.1, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("looks", [1, 2])
def test_phase_of_few_looks_scatters_as_theory_says(looks: int, coherence: float) -> None:
    # Gamma variables of shape 1 are approximate but for a single look; 360,000 samples have 0.002 of their own.
    deviation = np.angle(drawn(looks, coherence).interferogram).std()
    assert deviation == pytest.approx(phase_deviation(looks, coherence), abs=0.012)


@pytest.mark.parametrize("coherence", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("looks", [2, 4, 10, 20])
def test_estimated_coherence_is_spread_as_that_of_summed_looks(looks: int, coherence: float) -> None:
    product, first, second = brute_force(looks, coherence)
    expected = np.abs(product) / np.sqrt(first.real * second.real)
    found = drawn(looks, coherence).coherence
    quantiles = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
    # Approximate gamma variables show below four looks only.
    np.testing.assert_allclose(
        np.quantile(found, quantiles), np.quantile(expected, quantiles), atol=0.015 if looks < 4 else 0.006
    )


def test_one_look_has_a_coherence_of_one_whatever_the_ground() -> None:
    np.testing.assert_allclose(drawn(1.0, 0.3, side=64).coherence, 1.0, atol=5e-4)


@pytest.mark.parametrize("looks", [1, 2, 4, 10, 20])
def test_both_intensities_have_mean_one_and_the_asked_looks(looks: int) -> None:
    pair = drawn(looks, 0.6)
    for intensity in (pair.first, pair.second):
        # Standard errors: 0.002 for the mean of one look, 0.5 % for the looks.
        assert intensity.mean() == pytest.approx(1.0, abs=0.007)
        assert intensity.mean() ** 2 / intensity.var() == pytest.approx(looks, rel=0.02)


@pytest.mark.parametrize("looks", [1, 4])
def test_intensities_are_gamma_variables(looks: int) -> None:
    from scipy.stats import gamma, kstest

    for intensity in (drawn(looks, 0.6, side=200).first, drawn(looks, 0.6, side=200).second):
        assert kstest(intensity.ravel(), gamma(looks, scale=1.0 / looks).cdf).statistic < 0.012


def test_interferogram_is_coherence_with_the_phase_on_average() -> None:
    mean = drawn(6, 0.55, 1.1).interferogram.mean()
    assert abs(mean) == pytest.approx(0.55, abs=0.003)
    assert np.angle(mean) == pytest.approx(1.1, abs=0.005)


@pytest.mark.parametrize("coherence", [0.2, 0.8])
def test_intensities_go_together_as_the_square_of_the_coherence(coherence: float) -> None:
    pair = drawn(5, coherence)
    assert np.corrcoef(pair.first.ravel(), pair.second.ravel())[0, 1] == pytest.approx(coherence**2, abs=0.01)


def test_brightness_and_change_scale_the_images_and_leave_coherence_as_it_was() -> None:
    pair = drawn(8, 0.5, side=100)
    lit = pair.lit(np.float32(3.0) * np.ones_like(pair.real), np.float32(0.5) * np.ones_like(pair.real))
    assert lit.first.mean() == pytest.approx(3.0 * pair.first.mean(), rel=1e-4)
    assert lit.second.mean() == pytest.approx(1.5 * pair.second.mean(), rel=1e-4)
    np.testing.assert_allclose(lit.coherence, pair.coherence, rtol=1e-5)


def test_window_sums_are_those_of_brute_force() -> None:
    values = np.random.default_rng(1).normal(size=(1, 12, 15))
    padded = np.pad(values[0], 2)
    expected = [
        [padded[row : row + 5, column : column + 5].sum() for column in range(15)] for row in range(12)
    ]
    np.testing.assert_allclose(box_sum(np, values, 5)[0], expected, atol=1e-12)


def test_coherence_estimated_in_a_window_is_biased_upward_on_noise() -> None:
    noise = boxcar(np, drawn(4, 0.0), 3).coherence
    # Without coherence, n looks estimate sqrt(pi / 4 n) or so.
    assert np.median(noise[:, 2:-2, 2:-2]) == pytest.approx(np.sqrt(np.pi / (4.0 * 36.0)), rel=0.1)


# Between samples


def on_pixels(grain: float, side: int = 360) -> npt.NDArray[np.float32]:
    """Real part of pure noise."""
    lattice = Lattice.about(Window(0, 0, side, side), PIXEL, grain)
    draws = TileDraws(np.random.default_rng(5), side, side, PIXEL)
    pixels = np.ones((1, side, side), np.float32)
    values = speckle(draws, lattice, 0.0 * pixels, 0.0 * pixels, 8.0 * pixels).real
    real: npt.NDArray[np.float32] = values[0]
    return real


def correlation(values: npt.NDArray[np.float32], step: int) -> float:
    across = np.corrcoef(values[:, step:].ravel(), values[:, :-step].ravel())[0, 1]
    down = np.corrcoef(values[step:].ravel(), values[:-step].ravel())[0, 1]
    return float((across + down) / 2.0)


@pytest.mark.parametrize("grain", [1.0, 15.0])
def test_noise_is_white_where_samples_are_no_larger_than_pixels(grain: float) -> None:
    # 130,000 pixels: standard error 0.003.
    assert abs(correlation(on_pixels(grain), 1)) < 0.01


def test_noise_goes_together_within_a_grain_and_not_beyond() -> None:
    noise = on_pixels(30.0)
    assert correlation(noise, 1) > 0.5
    # Cubic convolution reaches two nodes and overshoots: 0.16 at one grain, -0.05 at two.
    assert abs(correlation(noise, 2)) < 0.2
    assert abs(correlation(noise, 4)) < 0.07
    assert abs(correlation(noise, 8)) < 0.02


@pytest.mark.parametrize("grain", [20.0, 22.5, 27.0, 30.0])
def test_noise_is_as_strong_at_every_pixel(grain: float) -> None:
    """A lattice that shows in the strength of the noise would be a tell-tale."""
    noise = on_pixels(grain)
    # Places that repeat against the lattice: 4, 3, 9 and 2 pixels for the grains here; 36 hold all of them.
    strength = np.array([[noise[row::36, column::36].var() for column in range(36)] for row in range(36)])
    periods = {20.0: 4, 22.5: 3, 27.0: 9, 30.0: 2}[grain]
    by_place = strength.reshape(36 // periods, periods, 36 // periods, periods).mean(axis=(0, 2))
    assert by_place.max() / by_place.min() < 1.25


def test_no_pixel_is_without_power_however_dark_the_speckle() -> None:
    side = 1000
    lattice = Lattice.about(Window(0, 0, side, side), PIXEL, PIXEL)
    pixels = np.ones((1, side, side), np.float32)
    pair = speckle(
        TileDraws(np.random.default_rng(3), side, side, PIXEL),
        lattice,
        0.1 * pixels,
        0.0 * pixels,
        2.0 * pixels,
    )
    assert pair.first.min() > 0.0
    assert not (pair.interferogram == 0).any()
