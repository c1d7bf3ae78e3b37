"""The elementary functions that kernels share, against NumPy."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from insarfeat._kernels import (
    exponential_rows,
    phasor_degrees_single,
    phasor_single,
    power_rows,
    sine_degrees_single,
)


@numba.njit
def _phasors(phase: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    for i in range(phase.size):
        out[0, i], out[1, i] = phasor_single(phase[i])


@numba.njit
def _phasors_of_degrees(angle: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    for i in range(angle.size):
        out[0, i], out[1, i] = phasor_degrees_single(angle[i])


@numba.njit
def _sines_of_degrees(angle: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    for i in range(angle.size):
        out[i] = sine_degrees_single(angle[i])


@numba.njit
def _exponentials(exponent: NDArray[np.float32]) -> None:
    exponential_rows(exponent, np.empty(exponent.size, np.int32))


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


@pytest.mark.parametrize("turns", [1, 2, 1000])
def test_phasors_of_degrees_are_as_sharp_after_many_turns(turns: int) -> None:
    angle = np.random.default_rng(turns).uniform(-360 * turns, 360 * turns, 1_000_000).astype("f4")
    angle[:49] = 360 * turns + 15 * np.arange(-24, 25)
    out = np.empty((2, angle.size), "f4")
    _phasors_of_degrees(angle, out)
    exact = np.radians(angle.astype("f8") % 360)
    assert np.abs(out - np.array([np.cos(exact), np.sin(exact)])).max() < 5e-7


@pytest.mark.parametrize("turns", [0, 1, -3])
def test_sines_of_degrees_are_within_two_parts_in_ten_million(turns: int) -> None:
    angle = np.concatenate([np.linspace(-180, 180, 100_001), np.arange(-180, 181, 30)]).astype("f4")
    angle = angle + np.float32(360 * turns)
    out = np.empty(angle.size, "f4")
    _sines_of_degrees(angle, out)
    assert np.abs(out - np.sin(np.radians(angle.astype("f8")))).max() < 3e-7
    _sines_of_degrees(np.full(1, np.nan, "f4"), out[:1])
    assert np.isnan(out[0])


def test_phasors_of_degrees_keep_nodata_and_the_sign_of_small_angles() -> None:
    angle = np.array([np.nan, 0.0, 1e-6, -1e-6, 360.0, -180.0, 180.0], "f4")
    out = np.empty((2, angle.size), "f4")
    _phasors_of_degrees(angle, out)
    assert np.isnan(out[:, 0]).all()
    assert out[0, 1] == out[0, 4] == 1
    assert out[1, 1] == out[1, 4] == 0
    np.testing.assert_allclose(out[1, 2:4], np.radians([1e-6, -1e-6]), rtol=1e-6)
    np.testing.assert_allclose(out[0, 5:], -1, atol=5e-7)


def test_exponentials_are_within_two_bits_from_the_smallest_to_the_largest() -> None:
    exponent = np.concatenate([np.linspace(-126, 127, 1_000_000), np.arange(-126, 128)]).astype("f4")
    exact = 2.0 ** exponent.astype("f8")
    found = exponent.copy()
    _exponentials(found)
    assert np.abs(found / exact - 1).max() < 4e-7


def test_an_exponential_of_nodata_is_nodata_and_takes_nothing_else() -> None:
    found = np.array([np.nan, 3.0, np.nan, 0.0], "f4")
    _exponentials(found)
    np.testing.assert_array_equal(np.isnan(found), [True, False, True, False])
    np.testing.assert_allclose(found[[1, 3]], [8, 1], rtol=4e-7)


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
