"""Filters of tensors: images come out as from the filters of arrays, and no value leaves its device."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from insarfeat import filters
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.synth.torch_filters import gaussian, goldstein

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra zoo)")

STRENGTHS = (0.0, 0.5, 1.0)
SHAPES = [(128, 160), (100, 75), (45, 33), (9, 50), (31, 5), (1, 1)]


def noisy_fringes(rows: int, columns: int, images: int = len(STRENGTHS)) -> NDArray[np.complex64]:
    """Interferograms of 8 looks at coherence 0.6 over a ramp and a bowl."""
    rng = np.random.default_rng(rows * columns)
    y, x = np.mgrid[:rows, :columns]
    away = ((y - rows / 2) ** 2 + (x - columns / 2) ** 2) / (min(rows, columns) / 4 + 1) ** 2
    phase = 0.15 * x + 0.07 * y + 9 * np.exp(-away)
    real, imaginary, other_real, other_imaginary = rng.normal(size=(4, 8, images, rows, columns))
    primary, other = real + 1j * imaginary, other_real + 1j * other_imaginary
    secondary = (0.6 * primary + 0.8 * other) * np.exp(-1j * phase)
    return np.asarray((primary * secondary.conj()).mean(0), "c8")


def strengths(*values: float) -> Any:
    return torch.tensor(values)


def by_arrays(images: NDArray[np.complex64], alphas: Any = STRENGTHS, **settings: Any) -> NDArray[Any]:
    return np.stack(
        [
            filters.goldstein(image, alpha=float(alpha), **settings)
            for image, alpha in zip(images, alphas, strict=True)
        ]
    )


def apart(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """Difference of phases, wrapped, where both are numbers other than 0."""
    both = np.isfinite(one) & np.isfinite(other) & (one != 0) & (other != 0)
    found: NDArray[np.float64] = np.abs(np.angle(one[both].astype("c16") * other[both].conj()))
    return found


def assert_twins(result: Any, expected: NDArray[Any]) -> None:
    found = result.numpy()
    assert np.isfinite(found).all()
    difference = apart(found, expected)
    assert np.median(difference) < 1e-6
    assert difference.max() < 1e-4
    np.testing.assert_allclose(abs(found), abs(expected), rtol=2e-6)


class TestGoldstein:
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_each_image_comes_out_as_from_the_filter_of_arrays(self, shape: tuple[int, int]) -> None:
        images = noisy_fringes(*shape)
        assert_twins(goldstein(torch.from_numpy(images), strengths(*STRENGTHS)), by_arrays(images))

    @pytest.mark.parametrize("normalize", [True, False], ids=["normalized", "plain"])
    @pytest.mark.parametrize("smoothing", [0, 1.25, 3.0])
    @pytest.mark.parametrize("overlap", [0.5, 0.75])
    def test_it_does_so_with_every_setting(self, overlap: float, smoothing: float, normalize: bool) -> None:
        images = noisy_fringes(70, 93)
        settings: dict[str, Any] = {"overlap": overlap, "smoothing": smoothing, "normalize": normalize}
        result = goldstein(torch.from_numpy(images), strengths(*STRENGTHS), **settings)
        assert_twins(result, by_arrays(images, **settings))

    @pytest.mark.parametrize(("window", "overlap"), [(16, 0.75), (16, 0.875), (64, 0.5), (128, 0.75)])
    def test_it_does_so_with_every_window(self, window: int, overlap: float) -> None:
        images = noisy_fringes(60, 150)
        settings: dict[str, Any] = {"window": window, "overlap": overlap}
        result = goldstein(torch.from_numpy(images), strengths(*STRENGTHS), **settings)
        assert_twins(result, by_arrays(images, **settings))

    def test_it_is_as_near_to_double_precision_as_single_precision_allows(self) -> None:
        images = noisy_fringes(128, 128)
        result = goldstein(torch.from_numpy(images), strengths(*STRENGTHS)).numpy()
        assert apart(result, by_arrays(images.astype("c16"))).max() < 1e-5

    def test_it_does_so_where_smoothed_spectra_are_nothing_but_rounding(self) -> None:
        y, x = np.mgrid[:96, :128]
        strong, faint = (
            np.exp(2j * np.pi * (down * y + across * x) / 32) for down, across in ((3, -7), (-9, 6))
        )
        images = np.asarray(strong + 0.3 * faint, "c8")[np.newaxis]
        assert_twins(
            goldstein(torch.from_numpy(images), strengths(0.5), normalize=False),
            by_arrays(images, [0.5], normalize=False),
        )

    def test_alpha_0_leaves_images_as_they_are(self) -> None:
        images = torch.from_numpy(noisy_fringes(50, 70))
        torch.testing.assert_close(goldstein(images, strengths(0, 0, 0)), images)

    def test_images_of_a_batch_know_nothing_of_each_other(self) -> None:
        images = torch.from_numpy(noisy_fringes(50, 70))
        alone = [goldstein(images[i : i + 1], strengths(STRENGTHS[i])) for i in range(3)]
        torch.testing.assert_close(goldstein(images, strengths(*STRENGTHS)), torch.cat(alone))

    @pytest.mark.parametrize("normalize", [True, False], ids=["normalized", "plain"])
    def test_pixels_of_nothing_stay_nothing_and_count_as_nodata_for_others(self, normalize: bool) -> None:
        images = noisy_fringes(90, 80)
        images[:, 10:60, 20:64] = 0  # whole windows, too
        images[:, ::7, ::5] = 0
        result = goldstein(torch.from_numpy(images), strengths(*STRENGTHS), normalize=normalize).numpy()
        expected = by_arrays(images, normalize=normalize)
        np.testing.assert_array_equal(np.isnan(expected), images == 0)
        assert (result[images == 0] == 0).all()
        assert np.isfinite(result).all()
        assert apart(result, expected).max() < 1e-4

    def test_where_windows_are_too_faint_to_count_pixels_keep_their_phase(self) -> None:
        images = torch.from_numpy(noisy_fringes(40, 40) * np.float32(1e-25))
        result = goldstein(images, strengths(1, 1, 1), normalize=False, smoothing=0)
        torch.testing.assert_close(result, images)

    @pytest.mark.parametrize("size", [1e-12, 1e12])
    def test_tiny_and_huge_magnitudes_make_no_difference(self, size: float) -> None:
        images = noisy_fringes(50, 60)
        for normalize in (True, False):
            usual = goldstein(torch.from_numpy(images), strengths(*STRENGTHS), normalize=normalize)
            scaled = torch.from_numpy(images * np.float32(size))
            result = goldstein(scaled, strengths(*STRENGTHS), normalize=normalize)
            assert apart(result.numpy(), usual.numpy()).max() < 1e-3
            torch.testing.assert_close(result.abs(), scaled.abs())

    def test_strengths_of_any_real_type_do(self) -> None:
        images = torch.from_numpy(noisy_fringes(40, 40))
        expected = goldstein(images, strengths(0, 1, 1))
        for dtype in (torch.float64, torch.float16, torch.int64):
            result = goldstein(images, torch.tensor([0, 1, 1], dtype=dtype))
            assert result.dtype == torch.complex64
            torch.testing.assert_close(result, expected)

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"window": 20}, "window must be one of 16, 32, 64, 128 pixels; got 20"),
            ({"overlap": 0.6}, "overlap must be one of 0.5, 0.75, 0.875 of a window; got 0.6"),
            ({"smoothing": 9}, "smoothing must be a number from 0 to 8 bins; got 9"),
        ],
    )
    def test_it_refuses_what_the_filter_of_arrays_refuses_in_the_same_words(
        self, settings: dict[str, Any], words: str
    ) -> None:
        images = noisy_fringes(8, 8)
        for call in (
            lambda: goldstein(torch.from_numpy(images), strengths(*STRENGTHS), **settings),
            lambda: filters.goldstein(images[0], **settings),
        ):
            with pytest.raises(InvalidArgument, match=words):
                call()

    @pytest.mark.parametrize(
        ("alpha", "error", "words"),
        [
            (0.5, InvalidType, r"alpha must be a real torch tensor \(image,\).*; got 0.5: one for all is torch.full"),
            (torch.ones(3, dtype=torch.complex64), InvalidType, "got torch.complex64"),
            (torch.ones(2), InvalidArgument, r"got shape \(2,\) for 3 images"),
            (torch.tensor(1.0), InvalidArgument, r"got shape \(\) for 3 images"),
            (torch.ones(3, device="meta"), InvalidArgument, "got one on meta and images on cpu: move it with"),
        ],
    )  # fmt: skip
    def test_it_needs_a_strength_for_each_image(self, alpha: Any, error: type, words: str) -> None:
        with pytest.raises(error, match=words):
            goldstein(torch.from_numpy(noisy_fringes(8, 8)), alpha)


class TestGaussian:
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    @pytest.mark.parametrize(
        ("width", "resolution"), [(100.0, 15.0), (100.0, (14.0, 4.0)), (40.0, (4.0, 90.0)), (900.0, 10)]
    )
    def test_each_image_comes_out_as_from_the_filter_of_arrays(
        self, shape: tuple[int, int], width: float, resolution: Any
    ) -> None:
        images = noisy_fringes(*shape)
        result = gaussian(torch.from_numpy(images), width=width, resolution=resolution)
        expected = [filters.gaussian(image, width=width, resolution=resolution) for image in images]
        np.testing.assert_allclose(result.numpy(), np.stack(expected), rtol=0, atol=2e-6 * abs(images).max())

    def test_pixels_of_nothing_count_as_values(self) -> None:
        impulse = torch.zeros(1, 41, 41, dtype=torch.complex64)
        impulse[0, 20, 20] = 1
        result = gaussian(impulse, width=106.0, resolution=10.0)[0].real.numpy()  # sigma is 2 pixels
        place = np.arange(-20, 21)
        weight = np.where(abs(place) <= 8, np.exp(-(place**2) / 8), 0)
        np.testing.assert_allclose(result, np.outer(weight, weight) / weight.sum() ** 2, atol=1e-7)

    @pytest.mark.parametrize(
        ("settings", "error", "words"),
        [
            ({"width": -1.0}, InvalidArgument, "width must be a positive number of metres; got -1.0"),
            ({"width": 1e4, "resolution": 1.0}, InvalidArgument, "its Gaussian would reach over 7548"),
            ({"resolution": 0.0}, InvalidArgument, "resolution must be positive and finite, in metres; got 0.0"),
            ({"resolution": None}, InvalidType, r"resolution must be a number or \(dy, dx\) in metres; got None"),
        ],
    )  # fmt: skip
    def test_it_refuses_what_the_filter_of_arrays_refuses(
        self, settings: dict[str, Any], error: type, words: str
    ) -> None:
        with pytest.raises(error, match=words):
            gaussian(torch.ones(1, 8, 8) + 0j, **{"width": 100.0, "resolution": 15.0, **settings})


def filtered_by_goldstein(images: Any) -> Any:
    return goldstein(images, torch.full((len(images),), 0.7, device=images.device))


def filtered_by_gaussian(images: Any) -> Any:
    return gaussian(images, width=100.0, resolution=15.0)


@pytest.mark.parametrize("filtered", [filtered_by_goldstein, filtered_by_gaussian])
class TestBoth:
    def test_inputs_are_left_as_they_are(self, filtered: Any) -> None:
        images = torch.from_numpy(noisy_fringes(40, 50))
        before = images.clone()
        result = filtered(images)
        assert torch.equal(images, before)
        assert result.data_ptr() != images.data_ptr()

    def test_type_shape_and_device_are_kept_and_no_value_is_fetched(self, filtered: Any) -> None:
        """Tensors of the device "meta" have no values: to ask for one is an error."""
        result = filtered(torch.empty(4, 50, 70, dtype=torch.complex64, device="meta"))
        assert (result.dtype, result.shape) == (torch.complex64, (4, 50, 70))
        assert result.device.type == "meta"

    def test_views_are_filtered_as_their_copies(self, filtered: Any) -> None:
        images: Any = torch.from_numpy(noisy_fringes(90, 110))
        for view in (images.mT, images[:, ::2, 5:], images.conj(), images[:1].expand(3, -1, -1)):
            torch.testing.assert_close(
                filtered(view), filtered(view.clone(memory_format=torch.contiguous_format))
            )

    def test_a_batch_without_images_has_none_afterwards(self, filtered: Any) -> None:
        assert filtered(torch.empty(0, 40, 50, dtype=torch.complex64)).shape == (0, 40, 50)

    def test_the_arithmetic_chosen_for_networks_makes_no_difference(self, filtered: Any) -> None:
        images = torch.from_numpy(noisy_fringes(40, 50))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = filtered(images)
        assert torch.equal(inside, filtered(images))


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (np.ones((1, 8, 8), "c8"), InvalidType, "got ndarray: make it one with torch.as_tensor"),
        (torch.ones(1, 8, 8), InvalidType, "got torch.float32: convert it with"),
        (torch.ones(1, 8, 8, dtype=torch.complex128), InvalidType, "got torch.complex128: convert it with"),
        (torch.ones(8, 8) + 0j, InvalidArgument, r"got shape \(8, 8\): a single image is ifg\[None\]"),
        (torch.ones(2, 0, 8) + 0j, InvalidArgument, r"one pixel or more; got shape \(2, 0, 8\)"),
    ],
)  # fmt: skip
def test_other_images_are_refused(images: Any, error: type, words: str) -> None:
    words = rf"ifg must be a torch tensor of complex64 .*{words}"
    with pytest.raises(error, match=words):
        goldstein(images, torch.ones(1))
    with pytest.raises(error, match=words):
        gaussian(images, width=100.0, resolution=15.0)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    images: Any = None
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r'filters of tensors need the extra "zoo"'):
        goldstein(images, images)
