"""Figures of a tile are those that closed forms give."""

from __future__ import annotations

import numpy as np
import pytest
from noise_tiles import noise_tile

from benchmarks.tile_figures import (
    FAMILIES,
    Tile,
    autocorrelation,
    features_of,
    gradient_histogram,
    noise_beats,
    phase_noise,
    ring_spectrum,
)


def test_a_wave_has_its_power_in_the_ring_of_its_length() -> None:
    across = np.arange(64)
    wave = np.tile(np.sin(2 * np.pi * across / 4), (64, 1))  # half of the highest frequency: ring 7 of 12
    assert ring_spectrum(wave).argmax() == 6


def test_a_spectrum_does_not_depend_on_the_mean() -> None:
    noise = np.random.default_rng(0).standard_normal((64, 64))
    np.testing.assert_allclose(ring_spectrum(noise), ring_spectrum(noise + 100.0), atol=1e-6)


def test_power_grows_with_the_square_of_the_amplitude() -> None:
    noise = np.random.default_rng(0).standard_normal((64, 64))
    np.testing.assert_allclose(ring_spectrum(10 * noise) - ring_spectrum(noise), 2.0, atol=1e-6)


def test_gradients_are_taken_across_the_wrap() -> None:
    ramp = (0.5 * np.arange(64, dtype=np.float32) + np.pi) % (2 * np.pi) - np.pi
    found = gradient_histogram(np.tile(ramp.astype(np.float32), (64, 1)), axis=1)
    assert found[6] == 1.0  # steps of 0 to 0.52
    assert found.sum() == pytest.approx(1.0)


def test_phase_noise_is_what_a_slow_phase_leaves() -> None:
    slow = np.tile(np.linspace(-9.0, 9.0, 128, dtype=np.float32), (128, 1))
    noise = np.random.default_rng(0).normal(0.0, 0.2, slow.shape).astype(np.float32)
    left = phase_noise(slow + noise)[8:-8, 8:-8]
    assert left.std() == pytest.approx(0.2, rel=0.03)


def test_a_moving_average_of_three_has_its_known_correlations() -> None:
    white = np.random.default_rng(0).standard_normal((400, 400))
    mean = (white[:, :-2] + white[:, 1:-1] + white[:, 2:]) / 3
    np.testing.assert_allclose(autocorrelation(mean, 1, 3), [2 / 3, 1 / 3, 0], atol=0.02)
    np.testing.assert_allclose(autocorrelation(mean, 0, 2), [0, 0], atol=0.02)


def test_noise_that_is_weaker_between_columns_of_a_lattice_beats_on_an_axis() -> None:
    noise = np.random.default_rng(0).standard_normal((64, 64))
    steady = noise_beats(noise)
    beating = noise_beats(noise * (1.0 + 0.5 * np.cos(2 * np.pi * np.arange(64) / 4.57)))
    assert beating[0] > steady[0] + 0.5
    assert beating[1] == pytest.approx(steady[1], abs=0.3)


def test_all_figures_are_finite_and_named_by_their_family() -> None:
    found = features_of(noise_tile(0))
    assert np.isfinite(list(found.values())).all()
    assert {name.partition(": ")[0] for name in found} == set(FAMILIES)


def test_the_unit_of_the_intensity_does_not_matter() -> None:
    tile = noise_tile(0)
    scaled = Tile(tile.phase, tile.coherence, 1000 * tile.intensity, tile.group)
    assert features_of(scaled) == pytest.approx(features_of(tile), abs=1e-4)
