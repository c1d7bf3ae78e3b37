"""Ground of synthetic scenes: mountains without end that drain, and pieces of real ground."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insarfeat import terrain
from insarfeat.errors import InvalidArgument
from insarfeat.synth.terrain import EndlessMountains, PieceOfGround
from insarfeat.windows import Window

WHOLE = Window(-200, -150, 400, 380)

windows = st.builds(
    Window, st.integers(-200, 140), st.integers(-150, 170), st.integers(2, 60), st.integers(2, 60)
)


def slopes(heights: npt.NDArray[np.float32], pixel: float = 15.0) -> npt.NDArray[np.float64]:
    south, east = np.gradient(heights.astype(np.float64), pixel)
    degrees: npt.NDArray[np.float64] = np.degrees(np.arctan(np.hypot(south, east)))
    return degrees


def mountains(seed: int, side: int = 400, scale: float = 1.0) -> npt.NDArray[np.float32]:
    return EndlessMountains(seed, 15.0, scale).elevation(Window(0, 0, side, side))


def gaussian_twin(heights: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float32]:
    """A Gaussian field of the same spectrum: the same amplitudes with the phases of white noise."""
    white = np.fft.fft2(np.random.default_rng(seed).normal(size=heights.shape))
    window = np.outer(*(np.hanning(side) for side in heights.shape))
    amplitude = np.abs(np.fft.fft2((heights - heights.mean()) * window))
    twin = np.fft.ifft2(amplitude * white / np.abs(white)).real
    steep = np.median(slopes(heights)) / np.median(slopes(twin.astype(np.float32)))
    return np.asarray(twin * steep, np.float32)


@settings(max_examples=15)
@given(part=windows)
def test_windows_of_the_mountains_agree_bit_for_bit(part: Window) -> None:
    made = EndlessMountains(seed=3, pixel=15.0)
    assert np.array_equal(made.elevation(part), made.elevation(WHOLE)[part.seen_from(WHOLE).slices])


@pytest.mark.parametrize("seed", range(6))
def test_slopes_are_those_of_mountains(seed: int) -> None:
    degrees = slopes(mountains(seed))
    assert 10.0 < np.median(degrees) < 28.0
    assert np.quantile(degrees, 0.99) < 60.0
    assert np.quantile(degrees, 0.1) < 14.0


def test_heights_span_hundreds_of_metres_over_a_scene() -> None:
    spans = [np.ptp(mountains(seed)) for seed in range(6)]
    assert all(150.0 < span < 2500.0 for span in spans)


def test_valleys_drain_where_a_gaussian_field_of_the_same_spectrum_holds_lakes() -> None:
    def pits(heights: npt.NDArray[np.float32]) -> float:
        raised = terrain.fill_depressions(heights) - heights
        return float((raised > 0.5).mean())

    own, twins = [], []
    for seed in range(5):
        heights = mountains(seed)
        own.append(pits(heights))
        twins.append(pits(gaussian_twin(heights, seed)))
    assert np.mean(own) < 0.7 * np.mean(twins)
    assert np.mean(own) < 0.12


def test_spectrum_falls_as_that_of_real_ground() -> None:
    """Spectra of mountains fall with the wavenumber to the power of -3.5 to -5 in two dimensions."""
    power = np.zeros((512, 512))
    for seed in range(4):
        heights = mountains(seed, 512).astype(np.float64)
        window = np.outer(np.hanning(512), np.hanning(512))
        power = power + np.abs(np.fft.fft2((heights - heights.mean()) * window)) ** 2
    wavenumber = np.hypot(*np.meshgrid(np.fft.fftfreq(512), np.fft.fftfreq(512)))
    edges = np.geomspace(5 / 512, 0.2, 12)
    means = [np.mean(power[(wavenumber >= low) & (wavenumber < high)]) for low, high in pairwise(edges)]
    slope, _ = np.polyfit(np.log(np.sqrt(edges[:-1] * edges[1:])), np.log(means), 1)
    assert -5.2 < slope < -3.2


def test_vertical_scale_scales_the_relief() -> None:
    plain, tall = mountains(1), mountains(1, scale=1.5)
    np.testing.assert_allclose(tall - 900.0, 1.5 * (plain - 900.0), atol=1e-3)


def test_overview_is_the_ground_without_its_details() -> None:
    made = EndlessMountains(2, 15.0)
    fine = made.elevation(Window(0, 0, 400, 400)).reshape(100, 4, 100, 4).mean(axis=(1, 3))
    coarse = made.overview(Window(0, 0, 100, 100), 4)
    assert np.abs(fine - coarse).mean() < 12.0
    assert np.corrcoef(fine.ravel(), coarse.ravel())[0, 1] > 0.995


# Real ground


HEIGHTS = np.random.default_rng(1).normal(0.0, 30.0, (50, 60)).cumsum(0).cumsum(1).astype(np.float32) / 50.0


def test_a_piece_without_detail_is_the_ground_itself() -> None:
    piece = PieceOfGround(1, 15.0, HEIGHTS, resolution=15.0)
    assert np.array_equal(piece.elevation(Window(0, 0, 50, 60)), HEIGHTS)


def test_the_first_pixel_lies_where_it_is_told() -> None:
    piece = PieceOfGround(1, 15.0, HEIGHTS, top=-10, left=-20)
    assert np.array_equal(piece.elevation(Window(-10, -20, 5, 5)), HEIGHTS[:5, :5])
    assert np.array_equal(piece.elevation(Window(0, 0, 5, 5)), HEIGHTS[10:15, 20:25])


def test_ground_is_mirrored_beyond_the_edge() -> None:
    piece = PieceOfGround(1, 15.0, HEIGHTS)
    around = piece.elevation(Window(-30, -30, 110, 120))
    assert np.array_equal(around, np.pad(HEIGHTS, 30, mode="reflect"))


def test_ground_goes_on_far_beyond_what_one_mirror_gives() -> None:
    piece = PieceOfGround(1, 15.0, HEIGHTS)
    far = piece.elevation(Window(-170, 0, 400, 60))
    assert np.array_equal(far, np.pad(HEIGHTS, ((170, 180), (0, 0)), mode="reflect"))


def test_vertical_scale_scales_real_ground() -> None:
    scaled = PieceOfGround(1, 15.0, HEIGHTS, scale=0.7).elevation(Window(0, 0, 50, 60))
    np.testing.assert_allclose(scaled, 0.7 * HEIGHTS, rtol=1e-6)


def test_detail_is_added_only_below_the_resolution_of_the_source() -> None:
    window = Window(0, 0, 50, 60)
    for resolution, rough in ((0.0, False), (15.0, False), (19.0, False), (30.0, True), (90.0, True)):
        made = PieceOfGround(1, 15.0, HEIGHTS, resolution=resolution).elevation(window)
        assert (not np.array_equal(made, HEIGHTS)) == rough, resolution


def test_detail_is_rougher_on_steep_ground_and_small_against_it() -> None:
    steep = np.tile(np.arange(200, dtype=np.float32) * 12.0, (200, 1))
    level = np.zeros((200, 200), np.float32)
    detail = [
        PieceOfGround(1, 15.0, ground, resolution=60.0).elevation(Window(0, 0, 200, 200)) - ground
        for ground in (level, steep)
    ]
    assert detail[1].std() > 3.0 * detail[0].std() > 0.0
    assert detail[1].std() < 10.0


def test_detail_adds_no_broad_relief() -> None:
    level = np.zeros((240, 240), np.float32)
    detail = PieceOfGround(1, 15.0, level, resolution=60.0).elevation(Window(0, 0, 240, 240))
    blocks = detail.reshape(12, 20, 12, 20).mean(axis=(1, 3))  # 300 m
    assert blocks.std() < 0.3 * detail.std()


@settings(max_examples=15)
@given(
    part=st.builds(Window, st.integers(-9, 30), st.integers(-9, 40), st.integers(3, 20), st.integers(3, 20))
)
def test_windows_of_a_piece_with_detail_agree_bit_for_bit(part: Window) -> None:
    piece = PieceOfGround(1, 15.0, HEIGHTS, resolution=60.0)
    whole = Window(-10, -10, 70, 80)
    assert np.array_equal(piece.elevation(part), piece.elevation(whole)[part.seen_from(whole).slices])


def test_a_raster_too_narrow_to_mirror_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="1 px wide; it must be 2 or more"):
        PieceOfGround(1, 15.0, HEIGHTS[:1]).elevation(Window(0, 0, 4, 4))
