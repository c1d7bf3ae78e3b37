"""The Goldstein filter against a plain reference, identities, nodata, edges, extremes and known scenes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scenes import distance, noisy_fringes, phase_error, read_band, speckle
from scipy import fft, ndimage

import insarfeat
from insarfeat import filters
from insarfeat.dispatch.expression import producers_of
from insarfeat.dispatch.lazy import value_of
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.filters import goldstein

CLASSIC: dict[str, Any] = {"overlap": 0.5, "smoothing": 0, "normalize": False}


def reference(
    image: NDArray[Any],
    *,
    alpha: float = 1.0,
    window: int = 32,
    overlap: float = 0.75,
    smoothing: float = 1.25,
    normalize: bool = True,
) -> NDArray[np.complex128]:
    """The definition, window by window, in double precision."""
    valid = np.isfinite(image) & (image != 0)
    pixels = np.where(valid, image, 0).astype("c16")
    if normalize:
        pixels = np.divide(pixels, np.sqrt(abs(pixels)), out=np.zeros_like(pixels), where=valid)
    step = round(window * (1 - overlap))
    before = window - step
    shape = [-(-size // step) * step for size in image.shape]
    padded = np.zeros([size + 2 * before for size in shape], "c16")
    padded[before : before + image.shape[0], before : before + image.shape[1]] = pixels
    total = np.zeros_like(padded)
    place = np.arange(window) + 0.5
    triangle = 1 - abs(2 * place / window - 1)
    taper = np.sin(np.pi * place / window) if normalize else np.ones(window)
    for top in range(0, shape[0] + before, step):
        for left in range(0, shape[1] + before, step):
            box = np.s_[top : top + window, left : left + window]
            spectrum = fft.fft2(padded[box] * np.outer(taper, taper))
            weight = abs(spectrum)
            if smoothing:
                weight = ndimage.gaussian_filter(weight, smoothing, mode="wrap", radius=4)
            if normalize and weight.max() > 0:
                weight -= 0.95 * weight.mean()
                weight = np.maximum(weight, 1e-3 * weight.max()) / weight.max()
            total[box] += np.outer(triangle, triangle) * fft.ifft2(spectrum * weight**alpha)
    total = total[before : before + image.shape[0], before : before + image.shape[1]]
    filtered: NDArray[np.complex128] = np.where(
        valid, abs(image) * np.exp(1j * np.angle(total)), complex(np.nan, np.nan)
    )
    return filtered


def with_holes(rows: int, columns: int, seed: int = 0) -> NDArray[np.complex64]:
    image, _ = noisy_fringes(rows, columns, seed)
    image[rows // 4 : rows // 3, columns // 3 : columns // 2] = np.nan
    image[::17, ::13] = 0
    return image  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "settings",
    [
        CLASSIC,
        {},
        {"alpha": 0.3},
        {**CLASSIC, "alpha": 0.6},
        {**CLASSIC, "overlap": 0.875, "window": 16},
        {"smoothing": 0},
        {"normalize": False, "smoothing": 1.0},
        {"window": 64, "overlap": 0.5},
        {"window": 128},
        {"window": 16, "overlap": 0.875, "smoothing": 0.5},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(100, 75), (20, 150)])
def test_it_equals_its_definition(settings: dict[str, Any], shape: tuple[int, int]) -> None:
    image = with_holes(*shape)
    expected = reference(image, **settings)
    for precision, allowed in (("c8", 3e-5), ("c16", 1e-10)):
        given_image = image.astype(precision)
        result = goldstein(given_image, **settings)
        assert result.dtype == precision
        np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
        assert np.nanmax(distance(result, expected)) < allowed
        np.testing.assert_allclose(abs(result), abs(expected), rtol=1e-5)


def test_wide_smoothing_is_one_wide_gaussian() -> None:
    """It is made of several narrow ones; the reference cuts its single one off elsewhere."""
    image, _ = noisy_fringes(64, 64)
    step, window = 16, 32
    result = goldstein(image, smoothing=3.0, normalize=False, overlap=0.5)
    total = np.zeros((64 + 2 * step, 64 + 2 * step), "c16")
    padded = np.pad(image, step).astype("c16")
    triangle = 1 - abs(2 * (np.arange(window) + 0.5) / window - 1)
    for top in range(0, 80, step):
        for left in range(0, 80, step):
            box = np.s_[top : top + window, left : left + window]
            spectrum = fft.fft2(padded[box])
            weight = ndimage.gaussian_filter(abs(spectrum), 3.0, mode="wrap", truncate=6)
            total[box] += np.outer(triangle, triangle) * fft.ifft2(spectrum * weight)
    apart = distance(result, total[step:-step, step:-step])
    assert np.median(apart) < 2e-3
    assert np.quantile(apart, 0.99) < 0.03


@given(
    rows=st.integers(1, 90),
    columns=st.integers(1, 300),
    top=st.integers(0, 70),
    left=st.integers(0, 200),
    window=st.sampled_from([16, 32, 64]),
    overlap=st.sampled_from([0.5, 0.75, 0.875]),
)
def test_any_tile_of_a_raster_gives_the_same_bits(
    rows: int, columns: int, top: int, left: int, window: int, overlap: float
) -> None:
    image = with_holes(130, 420)
    whole = goldstein(image, window=window, overlap=overlap)
    rows_of = (top, min(rows, 130 - top), max(130 - top - rows, 0))
    columns_of = (left, min(columns, 420 - left), max(420 - left - columns, 0))
    chunks = tuple(tuple(size for size in sizes if size) for sizes in (rows_of, columns_of))
    lazy = goldstein(da.from_array(image, chunks=chunks), window=window, overlap=overlap)
    np.testing.assert_array_equal(lazy.compute(scheduler="sync"), whole)


def test_a_plan_gives_the_same_bits(tmp_path: Path) -> None:
    image = with_holes(150, 140)
    stack = xr.DataArray(image, dims=("y", "x"), name="interferogram").chunk(y=37, x=50)
    insarfeat.plan(goldstein(stack), tile=64).run(tmp_path / "filtered.zarr")
    written = insarfeat.open_stack(tmp_path / "filtered.zarr")["interferogram"]
    np.testing.assert_array_equal(written.values, goldstein(image))


@pytest.mark.parametrize("settings", [CLASSIC, {}], ids=["classic", "default"])
class TestIdentities:
    def test_alpha_0_leaves_the_phase_as_it_is(self, settings: dict[str, Any]) -> None:
        image = with_holes(70, 90)
        result = goldstein(image, **{**settings, "alpha": 0})
        assert np.nanmax(distance(result, image)) < 1e-5

    def test_a_constant_phase_stays(self, settings: dict[str, Any]) -> None:
        image = np.full((70, 90), 3 * np.exp(1.1j), "c8")
        image[30:50, 20:25] = np.nan
        result = goldstein(image, **settings)
        np.testing.assert_allclose(np.angle(result[~np.isnan(image)]), 1.1, atol=1e-4)

    @pytest.mark.parametrize(("down", "across"), [(2, 0), (0, 5), (3, -7), (-14, 11)])
    def test_a_ramp_of_whole_cycles_per_window_stays(
        self, settings: dict[str, Any], down: int, across: int
    ) -> None:
        y, x = np.mgrid[:96, :128]
        phase = 2 * np.pi * (down * y + across * x) / 32
        inside = np.s_[32:-32, 32:-32]
        result = goldstein(np.exp(1j * phase).astype("c8"), **settings)
        assert np.abs(phase_error(result, phase)[inside]).max() < 1e-4

    def test_magnitudes_are_the_inputs_own(self, settings: dict[str, Any]) -> None:
        image = with_holes(60, 60) * np.float32(1000)
        np.testing.assert_allclose(
            abs(goldstein(image, **settings)), np.where(image == 0, np.nan, abs(image)), rtol=1e-6
        )

    def test_a_phase_is_filtered_as_phasors(self, settings: dict[str, Any]) -> None:
        image = with_holes(60, 80)
        image[image == 0] = np.nan
        phase = np.angle(image).astype("f4")
        result = goldstein(phase, **settings)
        assert result.dtype == np.float32
        assert np.nanmax(distance(result, goldstein(np.exp(1j * phase).astype("c8"), **settings))) < 1e-4
        assert np.nanmin(result) > -np.pi - 1e-6
        assert np.nanmax(result) <= np.float32(np.pi)
        turned = phase + np.float32(2 * np.pi) * np.arange(
            80, dtype="f4"
        )  # unwrapped somehow: the same phasors
        assert np.nanmax(distance(goldstein(turned, **settings), result)) < 1e-3

    def test_turning_the_phase_turns_the_result(self, settings: dict[str, Any]) -> None:
        image = with_holes(50, 60).astype("c16")
        turned = goldstein(image * np.exp(0.7j), **settings)
        assert np.nanmax(distance(turned, goldstein(image, **settings) * np.exp(0.7j))) < 1e-9
        conjugate = goldstein(image.conj(), **settings)
        assert np.nanmax(distance(conjugate, goldstein(image, **settings).conj())) < 1e-9

    @pytest.mark.parametrize("size", [1e-12, 1e12])
    def test_tiny_and_huge_magnitudes_make_no_difference(self, settings: dict[str, Any], size: float) -> None:
        image = with_holes(60, 60)
        result = goldstein(image * np.float32(size), **settings)
        assert np.nanmax(distance(result, goldstein(image, **settings))) < 1e-3
        np.testing.assert_allclose(abs(result), abs(goldstein(image, **settings)) * size, rtol=1e-5)

    @given(seed=st.integers(0, 999), share=st.floats(0, 1))
    def test_no_valid_pixel_is_lost_and_no_nodata_filled(
        self, settings: dict[str, Any], seed: int, share: float
    ) -> None:
        rng = np.random.default_rng(seed)
        image = speckle(*rng.integers(1, 70, 2), seed=seed)
        image[rng.random(image.shape) < share] = rng.choice([np.nan, 0, np.inf, complex(np.nan, 1)])
        valid = np.isfinite(image) & (image != 0)
        np.testing.assert_array_equal(~np.isnan(goldstein(image, **settings)), valid)

    def test_a_lone_pixel_keeps_its_phase(self, settings: dict[str, Any]) -> None:
        image = np.full((50, 50), np.nan, "c8")
        image[20, 30] = 7 * np.exp(2j)
        result = goldstein(image, **settings)
        assert result[20, 30] == pytest.approx(7 * np.exp(2j), rel=1e-4)
        assert np.isnan(result).sum() == 50 * 50 - 1


def test_nodata_does_not_change_what_lies_beyond_the_windows_reach() -> None:
    image, _ = noisy_fringes(128, 128)
    holed = image.copy()
    holed[:20, :20] = np.nan
    result, whole = goldstein(holed), goldstein(image)
    np.testing.assert_array_equal(result[52:, 52:], whole[52:, 52:])


def test_edges_are_as_good_as_half_a_neighbourhood_allows() -> None:
    """And better than the classic filter is in the middle; there are no seams at the windows' borders."""
    errors = []
    for seed in range(3):
        image, phase = noisy_fringes(256, 256, seed)
        errors.append([np.abs(phase_error(goldstein(image, **s), phase)) for s in ({}, CLASSIC)])
    ours, classic = np.mean(errors, axis=0)
    frame = np.ones((256, 256), bool)
    frame[2:-2, 2:-2] = False
    inner = np.zeros((256, 256), bool)
    inner[8:40, 8:-8] = inner[8:-8, 8:40] = True  # as far from the bowl as the frame is
    assert ours[frame].mean() < 1.8 * ours[inner].mean()
    assert ours[frame].mean() < classic[inner].mean()
    by_place = [ours[64:192, 64:192][:, k::8].mean() for k in range(8)]
    assert max(by_place) < 1.15 * min(by_place)


def test_bright_targets_do_not_drown_their_neighbours() -> None:
    image, phase = noisy_fringes(256, 256)
    rng = np.random.default_rng(0)
    bright = rng.random(image.shape) < 1 / 500
    image[bright] = 300 * np.exp(1j * rng.uniform(-np.pi, np.pi, bright.sum())) * abs(image[bright])
    ours, classic = (np.abs(phase_error(goldstein(image, **s), phase))[~bright].mean() for s in ({}, CLASSIC))
    assert ours < 0.5 * classic


def test_alpha_from_a_constant_coherence_is_that_alpha() -> None:
    image = with_holes(80, 70)
    coherence = np.full(image.shape, 0.35, "f4")
    by_coherence = goldstein(image, alpha="coherence", coherence=coherence)
    assert np.nanmax(distance(by_coherence, goldstein(image, alpha=0.65))) < 1e-4


def test_alpha_comes_from_the_mean_of_each_windows_known_coherence() -> None:
    image = with_holes(64, 64)
    coherence = np.full(image.shape, np.nan, "f4")
    none_known = goldstein(image, alpha="coherence", coherence=coherence)
    assert np.nanmax(distance(none_known, goldstein(image, alpha=1))) < 1e-4
    coherence[::2] = 1.2  # beyond 1: no filter
    assert np.nanmax(distance(goldstein(image, alpha="coherence", coherence=coherence), image)) < 1e-4
    halves = np.where(np.arange(256) < 128, np.float32(0.9), np.float32(0.1)) * np.ones((64, 1), "f4")
    wide, _ = noisy_fringes(64, 256)
    result = goldstein(wide, alpha="coherence", coherence=halves)
    for columns, alpha in ((np.s_[:96], 0.1), (np.s_[160:], 0.9)):
        assert np.max(distance(result, goldstein(wide, alpha=alpha))[:, columns]) < 1e-3


def test_a_plan_says_what_was_done_and_filters_once(tmp_path: Path) -> None:
    image = xr.DataArray(with_holes(40, 50), dims=("y", "x"), name="interferogram").chunk(y=20)
    both = xr.Dataset(
        {"interferogram": goldstein(image), "wrapped_phase": filters.wrapped_phase(goldstein(image))}
    )
    plan = insarfeat.plan(both)
    assert len(plan.describe().sources) == 1
    plan.run(tmp_path / "filtered.zarr")
    written = insarfeat.open_stack(tmp_path / "filtered.zarr")
    assert "alpha=1.0, window=32, overlap=0.75" in written["interferogram"].attrs["processing"]
    steady = goldstein(image, alpha="coherence", coherence=xr.ones_like(image.real).rename("coherence"))
    assert "alpha='coherence'" in steady.attrs["processing"]
    goldsteins = {
        producer.token
        for name in both
        for producer in producers_of([value_of(both[name].data)[0]])
        if producer.title == "filters.goldstein"
    }
    assert len(goldsteins) == 1


def _scene_maker(test_data: Path) -> Any:
    path = test_data.parent / "tools" / "phase_scene.py"
    if not path.exists():
        pytest.skip("the scene maker is not beside the samples")
    spec = importlib.util.spec_from_file_location("phase_scene", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_known_scenes_come_out_twice_as_clean_as_by_the_classic_filter(test_data: Path) -> None:
    """The goals: 0.5 of its error overall, 0.45 on the steepest ground."""
    maker = _scene_maker(test_data)
    ratios = []
    for seed in (0, 5):
        image, phase, coherence = maker.make(512, seed)
        ours, classic = (maker.score(goldstein(image, **s), phase, coherence) for s in ({}, CLASSIC))
        ratios.append([ours[key] / classic[key] for key in ("std", "std_steepest_5_percent")])
    overall, steepest = np.mean(ratios, axis=0)
    assert overall < 0.5
    assert steepest < 0.45


def _residues(phase: NDArray[np.float64]) -> int:
    """Places where the phase around four pixels does not close: what unwrapping stumbles over."""
    down, across = (np.angle(np.exp(1j * np.diff(phase, axis=axis))) for axis in (0, 1))
    circulation = across[:-1] + down[:, 1:] - across[1:] - down[:, :-1]
    return int(np.nansum(np.abs(circulation) > 1))


def test_real_interferograms_keep_their_pixels_and_lose_their_residues(test_data: Path) -> None:
    for path in sorted((test_data / "ifg_houston_psps").glob("2017*.int.tif"))[:3]:
        image = read_band(path)
        result, classic = goldstein(image), goldstein(image, **CLASSIC)
        np.testing.assert_array_equal(np.isnan(result), image == 0)
        before, by_classic, after = (_residues(np.angle(one)) for one in (image, classic, result))
        assert after < 0.5 * by_classic
        assert by_classic < before
    phase = read_band(test_data / "ifg_morocco_eotools" / "phi_vv.tif")
    phase[phase == -9999] = np.nan
    result = goldstein(phase)
    np.testing.assert_array_equal(np.isnan(result), np.isnan(phase))
    assert _residues(result) < 0.1 * _residues(phase)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 1.7}, r'alpha must be a number from 0 to 1 or "coherence"; got 1.7'),
        ({"alpha": -0.1}, "alpha must be a number"),
        ({"alpha": "strong"}, "alpha must be a number"),
        ({"alpha": float("nan")}, "alpha must be a number"),
        ({"alpha": "coherence"}, 'go together; got alpha="coherence" without coherence='),
        ({"coherence": np.ones((40, 40))}, "go together; got coherence= with alpha=1.0"),
        ({"window": 20}, "window must be one of 16, 32, 64, 128 pixels; got 20"),
        ({"window": "32"}, "window must be one of"),
        ({"overlap": 0.6}, "overlap must be one of 0.5, 0.75, 0.875 of a window; got 0.6"),
        ({"overlap": 75}, "overlap must be one of"),
        ({"smoothing": -1}, "smoothing must be a number from 0 to 8 bins; got -1"),
        ({"smoothing": None}, "smoothing must be a number"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        goldstein(speckle(40, 40), **settings)


def test_a_dataset_is_refused_because_it_holds_more_than_phases() -> None:
    dataset = xr.Dataset({"elevation": (("y", "x"), np.ones((4, 4)))})
    with pytest.raises(InvalidType, match="takes single rasters"):
        goldstein(dataset)
