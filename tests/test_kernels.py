"""The elementary functions that kernels share, against NumPy."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from insarfeat._kernels import phasor_single, power_rows


@numba.njit
def _phasors(phase: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    for i in range(phase.size):
        out[0, i], out[1, i] = phasor_single(phase[i])


@numba.njit
def _powers(base: NDArray[np.float32], exponent: NDArray[np.float32]) -> None:
    power_rows(base, exponent, np.empty((2, base.size), np.int32))


def test_phasors_are_within_a_millionth() -> None:
    phase = np.concatenate([np.linspace(-7, 7, 100_001), np.arange(-8, 9) * np.pi / 2]).astype("f4")
    out = np.empty((2, phase.size), "f4")
    _phasors(phase, out)
    exact = np.array([np.cos(phase.astype("f8")), np.sin(phase.astype("f8"))])
    assert np.abs(out - exact).max() < 5e-7


def test_phasors_of_many_turns_lose_no_more_than_the_phase_itself() -> None:
    phase = np.random.default_rng(0).uniform(-2e4, 2e4, 100_000).astype("f4")
    out = np.empty((2, phase.size), "f4")
    _phasors(phase, out)
    exact = np.array([np.cos(phase.astype("f8")), np.sin(phase.astype("f8"))])
    assert np.abs(out - exact).max() < 2e-3 / 2  # half of what one bit of the phase is worth there


@pytest.mark.parametrize("exponent", [0.0, 0.05, 0.5, 0.73, 1.0, -0.5, -1.0])
def test_powers_are_within_a_hundred_thousandth(exponent: float) -> None:
    base = np.logspace(-18, 18, 4096).astype("f4")
    powers = base.copy()
    _powers(powers, np.full(base.size, exponent, "f4"))
    np.testing.assert_allclose(powers, base.astype("f8") ** exponent, rtol=1e-5)


def test_powers_of_zero_are_nothing_to_speak_of() -> None:
    powers = np.zeros(16, "f4")
    _powers(powers, np.full(16, 0.5, "f4"))
    assert (powers < 1e-18).all()
    assert (powers >= 0).all()
