"""The plain scipy filter is right itself, and tells what every other tool's filter is defined as."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import Array
from benchmarks.phase_peers import (
    PhaseAgreement,
    dolphin_goldstein,
    filter_windows,
    on_unit_circle,
    rapidphase_goldstein,
    scipy_goldstein,
    spectral_weight,
    triangle,
    whirlwind_goldstein,
)
from insarfeat.filters import goldstein

CLASSIC: dict[str, Any] = {
    "alpha": 1.0,
    "window": 32,
    "overlap": 0.5,
    "smoothing": 0.0,
    "normalize": False,
}
SMOOTH: dict[str, Any] = CLASSIC | {"overlap": 0.75, "smoothing": 1.0, "normalize": True}
BOTH = pytest.mark.parametrize("settings", [CLASSIC, SMOOTH], ids=["classic", "smooth"])
CLOSE = PhaseAgreement(1e-4)

# What foreign packages warn of as they load is not ours to mend.
foreign = pytest.mark.filterwarnings("ignore")


def ramp(fringes_y: int, fringes_x: int, size: int = 64) -> Array:
    """Whole numbers of fringes in each 32 pixels, so that a window's spectrum is one line."""
    y, x = np.indices((size, size), np.float32)
    return np.exp(2j * np.pi * (fringes_y * y + fringes_x * x) / 32).astype(np.complex64)


def noisy(height: int = 96, width: int = 128) -> Array:
    """Fringes of uneven brightness under noise of about half a radian."""
    generator = np.random.default_rng(0)
    y, x = np.indices((height, width))
    fringes = np.exp(1j * (0.2 * x + 4 * np.sin(y / 25))) * (2 + np.cos(x / 9))
    noise = generator.standard_normal((2, height, width))
    return (fringes + 0.7 * (noise[0] + 1j * noise[1])).astype(np.complex64)


def definition(
    image: Array, step: int, blend: Array, weigh: Callable[[Array], Array], reach: int = 0
) -> Array:
    """Filter by 32 x 32 windows after mirroring ``reach`` pixels at each edge."""
    padded = np.pad(image, reach, mode="reflect") if reach else image
    answer = np.zeros_like(padded)
    for rows, total in filter_windows(padded, 32, step, blend, weigh):
        answer[rows] = total
    return answer[reach : reach + image.shape[0], reach : reach + image.shape[1]]


def assert_same_phase(ours: Array, theirs: Array, border: int = 0) -> None:
    verdict = PhaseAgreement(1e-4, border).judge(ours, theirs)
    assert verdict.state == "agrees", verdict.detail


@BOTH
def test_alpha_0_changes_nothing(settings: dict[str, Any]) -> None:
    image = noisy()
    np.testing.assert_allclose(scipy_goldstein(image, **settings | {"alpha": 0.0}), image, atol=2e-5)


@BOTH
@pytest.mark.parametrize("fringes", [(0, 0), (3, -2)], ids=["constant", "ramp"])
def test_one_line_of_the_spectrum_stays_up_to_windows_beyond_the_edge(
    settings: dict[str, Any], fringes: tuple[int, int]
) -> None:
    image = ramp(*fringes)
    inner = slice(24, -24)
    filtered = scipy_goldstein(image, **settings)
    np.testing.assert_allclose(filtered[inner, inner], image[inner, inner], atol=1e-5)


def test_a_constant_stays_up_to_the_edge() -> None:
    image = ramp(0, 0) * np.complex64(3 * np.exp(0.7j))
    np.testing.assert_allclose(scipy_goldstein(image, **SMOOTH), image, atol=1e-5)


@BOTH
@pytest.mark.parametrize("nodata", [complex(np.nan, np.nan), complex(np.nan, 0), 0j])
def test_nodata_stays_alone_and_counts_as_zero(settings: dict[str, Any], nodata: complex) -> None:
    image, blank = noisy(), noisy()
    image[40:50, 60], blank[40:50, 60] = nodata, 0
    filtered = scipy_goldstein(image, **settings)
    missing = np.zeros(image.shape, bool)
    missing[40:50, 60] = True
    np.testing.assert_array_equal(np.isnan(filtered), missing)
    np.testing.assert_array_equal(filtered, scipy_goldstein(blank, **settings))


def test_nothing_but_nodata_stays_nodata() -> None:
    assert np.isnan(scipy_goldstein(np.zeros((40, 40), np.complex64), **SMOOTH)).all()


@BOTH
def test_magnitude_is_the_input_s(settings: dict[str, Any]) -> None:
    image = noisy()
    filtered = scipy_goldstein(image, **settings)
    np.testing.assert_allclose(np.abs(filtered), np.abs(image), rtol=1e-5)
    assert filtered.dtype == np.complex64


@BOTH
def test_noise_goes_down(settings: dict[str, Any]) -> None:
    image, rest = noisy(), slice(24, -24)
    y, x = np.indices(image.shape)
    clean = np.exp(1j * (0.2 * x + 4 * np.sin(y / 25)))

    def residual(image: Array) -> float:
        return float(np.angle(image * clean.conj())[rest, rest].std())

    assert residual(scipy_goldstein(image, **settings)) < 0.7 * residual(image)


@pytest.mark.parametrize("step", [8, 12, 16, 32])
def test_windows_are_those_of_the_grid_one_after_the_other(step: int) -> None:
    image = noisy(50, 71).astype(np.complex128)
    weigh = partial(spectral_weight, alpha=1.0, smoothing=0.0, normalize=False)
    padded = np.pad(image, 64)
    total = np.zeros_like(padded)
    for top in range(64 - 32 // step * step, 64 + 50, step):
        for left in range(64 - 32 // step * step, 64 + 71, step):
            place = np.s_[top : top + 32, left : left + 32]
            spectrum = np.fft.fft2(padded[place])
            filtered = np.fft.ifft2(spectrum * np.abs(spectrum))
            total[place] += filtered * np.outer(triangle(32), triangle(32))
    expected = total[64 : 64 + 50, 64 : 64 + 71]
    np.testing.assert_allclose(definition(image, step, triangle(32), weigh), expected, rtol=1e-9)


def test_weights_of_half_overlapping_triangles_add_up_to_one() -> None:
    np.testing.assert_allclose(triangle(32)[:16] + triangle(32)[16:], 1)


@pytest.mark.parametrize(
    "settings",
    [CLASSIC, SMOOTH, SMOOTH | {"alpha": 0.5}, SMOOTH | {"window": 64, "overlap": 0.875}],
    ids=["classic", "smooth", "weak", "wide"],
)
def test_insarfeat_has_the_same_definition(settings: dict[str, Any]) -> None:
    image = noisy()
    image[30:40, 20:60] = 0
    theirs = scipy_goldstein(image, **settings)
    assert_same_phase(goldstein(image, **settings), theirs)
    np.testing.assert_allclose(goldstein(image, **settings), theirs, atol=1e-3)


@foreign
def test_dolphin_is_the_classic_filter_but_for_a_triangle_that_ends_at_zero() -> None:
    pytest.importorskip("dolphin.goldstein", reason="dolphin is not installed")
    rising = np.arange(16) / 15
    weigh = partial(spectral_weight, alpha=1.0, smoothing=0.0, normalize=False)
    own = definition(noisy(), 16, np.r_[rising, rising[::-1]], weigh, reach=16)
    theirs = dolphin_goldstein(noisy(), **CLASSIC)
    assert_same_phase(own, theirs)
    apart = np.abs(on_unit_circle(scipy_goldstein(noisy(), **CLASSIC)) - on_unit_circle(theirs))
    assert np.median(apart[16:-16, 16:-16]) < 0.02


@foreign
def test_whirlwind_is_the_classic_filter_of_phasors_with_a_hann_weight() -> None:
    pytest.importorskip("whirlwind", reason="whirlwind-insar is not installed")
    weigh = partial(spectral_weight, alpha=1.0, smoothing=0.0, normalize=False)
    own = definition(on_unit_circle(noisy()), 16, np.hanning(32), weigh, reach=16)
    assert_same_phase(own, whirlwind_goldstein(noisy(), **CLASSIC))


@foreign
def test_rapidphase_smooths_power_over_3_by_3_bins() -> None:
    pytest.importorskip("rapidphase", reason="rapidphase is not installed")

    def weigh(magnitude: Array) -> Array:
        from scipy import ndimage

        power = np.fft.fftshift(magnitude**2, axes=(1, 2))
        mean = ndimage.uniform_filter(power, (1, 3, 3), mode="constant")
        share = np.fft.ifftshift(mean / mean.max(axis=(1, 2), keepdims=True), axes=(1, 2))
        weight: Array = share**0.35
        return weight

    off_centre = 1 - np.abs(np.arange(32) - 16) / 16
    own = definition(noisy(), 8, off_centre, weigh)
    assert_same_phase(own, rapidphase_goldstein(noisy(), **SMOOTH | {"alpha": 0.7}), border=24)


@pytest.mark.parametrize(
    ("peer", "settings", "message"),
    [
        (dolphin_goldstein, CLASSIC | {"overlap": 0.75}, r"dolphin only has overlap=0\.5; got 0\.75"),
        (whirlwind_goldstein, CLASSIC | {"normalize": True}, "whirlwind only has normalize=False"),
        (rapidphase_goldstein, SMOOTH | {"normalize": False}, "rapidphase only has normalize=True"),
        (rapidphase_goldstein, SMOOTH | {"smoothing": 0.0}, "rapidphase always smooths"),
    ],
)
def test_a_peer_refuses_what_it_has_no_equivalent_of(
    peer: Callable[..., Array], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        peer(noisy(), **settings)


def test_phases_are_compared_on_the_circle_and_magnitudes_are_not() -> None:
    image = noisy()
    assert CLOSE.judge(image, 7 * image).state == "agrees"
    turned = CLOSE.judge(image, image * np.complex64(np.exp(0.01j)))
    assert (turned.state, turned.detail) == ("differs", "by 0.01, allowed 0.0001")


def test_zero_and_nan_are_both_nodata_where_phases_are_compared() -> None:
    ours, theirs = noisy(), noisy()
    ours[3, 4], theirs[3, 4] = np.nan, 0
    assert CLOSE.judge(ours, theirs).state == "agrees"
    assert CLOSE.judge(ours, noisy()).state == "differs"


def test_a_comparison_of_phases_can_be_sent_to_another_process() -> None:
    judge = PhaseAgreement(1e-4, border=16)
    assert pickle.loads(pickle.dumps(judge)) == judge
