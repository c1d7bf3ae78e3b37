"""Random fields keep their spectrum, their variance and their word: every window of a world sees the same one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insarfeat.synth.fields import EndlessDraws, Spectrum, TileDraws
from insarfeat.windows import Window

PIXEL = 15.0
AIR = Spectrum(exponent=8.0 / 3.0, finest=40.0, coarsest=640.0)
WHOLE = Window(-320, -300, 700, 640)

windows = st.builds(
    Window,
    st.integers(WHOLE.top, WHOLE.bottom - 60),
    st.integers(WHOLE.left, WHOLE.right - 60),
    st.integers(1, 60),
    st.integers(1, 60),
)


def endless(
    window: Window, name: str = "air", seed: int = 1, spectrum: Spectrum = AIR
) -> npt.NDArray[np.float32]:
    field: npt.NDArray[np.float32] = EndlessDraws(seed, PIXEL, window).field(name, spectrum)[0]
    return field


def many(kind: str, count: int = 12, side: int = 400) -> list[npt.NDArray[np.float32]]:
    """Independent fields, each 6 km wide: nine or so of the largest bumps in each."""
    if kind == "endless":
        return [endless(Window(0, 0, side, side), name=str(index)) for index in range(count)]
    return [
        TileDraws(np.random.default_rng(index), side, side, PIXEL).field("", AIR)[0] for index in range(count)
    ]


@given(part=windows)
def test_any_window_is_cut_from_one_field_bit_for_bit(part: Window) -> None:
    whole = endless(WHOLE)
    assert np.array_equal(endless(part), whole[part.seen_from(WHOLE).slices])


@given(part=windows)
def test_white_noise_belongs_to_its_nodes(part: Window) -> None:
    whole = EndlessDraws(1, PIXEL, WHOLE).white("speckle", WHOLE)[0]
    assert np.array_equal(
        EndlessDraws(1, PIXEL, part).white("speckle", part)[0], whole[part.seen_from(WHOLE).slices]
    )


def test_white_noise_is_standard_normal_and_independent() -> None:
    white = EndlessDraws(3, PIXEL, WHOLE).white("speckle", Window(-500, -500, 1000, 1000))[0]
    # A million numbers: standard errors are 0.001 for mean and correlation, 0.0014 for the variance.
    assert abs(white.mean()) < 0.004
    assert white.var() == pytest.approx(1.0, abs=0.006)
    assert (white**4).mean() == pytest.approx(3.0, abs=0.04)
    for shift in ((0, 1), (1, 0), (0, 64), (64, 0), (1, 1)):
        assert abs((white * np.roll(white, shift, (0, 1))).mean()) < 0.005, shift


@pytest.mark.parametrize("kind", ["endless", "tile"])
def test_field_has_mean_zero_and_variance_one(kind: str) -> None:
    fields = np.array(many(kind))
    # About 110 independent bumps of the largest octave: standard errors are 0.07 and 0.1.
    assert abs(fields.mean()) < 0.2
    assert fields.var() == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("kind", ["endless", "tile"])
def test_neighbours_differ_as_the_structure_function_says(kind: str) -> None:
    steps = np.array([1, 2, 4, 8, 16, 32])
    fields = many(kind)
    for axis in (0, 1):
        measured = [
            np.mean([(_shifted(field, step, axis) ** 2).mean() for field in fields]) for step in steps
        ]
        # A lattice's Gaussian is cut 3 steps out, and large bumps are few: 12 % hold six standard errors or so.
        np.testing.assert_allclose(measured, AIR.structure(steps * PIXEL), rtol=0.12)


def _shifted(field: npt.NDArray[np.float32], step: int, axis: int) -> npt.NDArray[np.float32]:
    ahead, behind = [slice(None)] * 2, [slice(None)] * 2
    ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
    apart: npt.NDArray[np.float32] = field[tuple(ahead)] - field[tuple(behind)]
    return apart


@pytest.mark.parametrize("exponent", [2.6, 8.0 / 3.0, 3.0, 3.4])
def test_structure_function_is_a_power_law_over_two_decades(exponent: float) -> None:
    """A field with a two-dimensional spectrum of slope p has a structure function of slope p - 2."""
    spectrum = Spectrum(exponent, finest=10.0, coarsest=1e6)
    distance = np.geomspace(200.0, 20_000.0, 20)
    slope, _ = np.polyfit(np.log(distance), np.log(spectrum.structure(distance)), 1)
    assert slope == pytest.approx(exponent - 2.0, abs=0.08)


def test_names_seeds_and_places_give_unrelated_fields() -> None:
    first = endless(Window(0, 0, 400, 400))
    others = (
        endless(Window(0, 0, 400, 400), name="rill"),
        endless(Window(0, 0, 400, 400), seed=2),
        endless(Window(-400, 0, 400, 400)),
        endless(Window(0, -400, 400, 400)),
    )
    # Nine large bumps in a window: chance correlation is 0.2 or so.
    assert all(abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.6 for other in others)


def test_field_lies_at_the_same_metres_whatever_the_pixel_size() -> None:
    fine = EndlessDraws(1, 10.0, Window(-30, -30, 180, 180)).field(
        "air", Spectrum(3.0, finest=160.0, coarsest=640.0)
    )
    coarse = EndlessDraws(1, 30.0, Window(-10, -10, 60, 60)).field(
        "air", Spectrum(3.0, finest=160.0, coarsest=640.0)
    )
    np.testing.assert_allclose(coarse[0], fine[0, 1::3, 1::3], atol=2e-5)


def test_octaves_that_a_grid_cannot_hold_are_left_out() -> None:
    spectrum = Spectrum(3.0, 2.0, 64.0)
    window = Window(0, 0, 64, 64)
    kept = EndlessDraws(1, 60.0, window).field("air", spectrum)[0]
    of_all = sum(octave.deviation**2 for octave in spectrum.octaves if octave.scale >= 36.0)
    assert kept.var() == pytest.approx(of_all, rel=0.3)


def test_variance_is_the_same_between_nodes_and_at_them() -> None:
    octave = Spectrum(3.0, 70.0, 70.0)  # one octave, a node every 100 m
    draws = [EndlessDraws(seed, 10.0, Window(0, 0, 250, 250)).field("air", octave)[0] for seed in range(40)]
    by_place = np.array(draws).reshape(40, 25, 10, 25, 10).var(axis=(0, 1, 3))
    # 25,000 values a place, a few hundred of them independent in each field: standard error below 2 %.
    assert by_place.min() > 0.93
    assert by_place.max() < 1.07
