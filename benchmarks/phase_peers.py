"""The other tools that filter interferograms, and a plain scipy filter that all definitions can be told by.

Each peer takes the parameters of ``insarfeat.filters.goldstein`` and refuses values that it has no equivalent of,
so that a case cannot compare what is not alike. Where answers are compared, only phases are: each tool scales
magnitudes in its own way.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers import Agreement, Array
from benchmarks.results import Verdict

_CLASSIC = {"overlap": 0.5, "smoothing": 0.0, "normalize": False}


class PhaseAgreement(Agreement):
    """Phases agree: no two numbers may lie further apart on the unit circle than the tolerance; zeros are nodata."""

    __slots__ = ()

    def judge(self, ours: Array, theirs: Array) -> Verdict:
        """Compare the phases of complex answers."""
        return Agreement.judge(self, on_unit_circle(ours), on_unit_circle(theirs))


def on_unit_circle(image: Array) -> Array:
    """Complex numbers of magnitude 1 with the phase of the image; NaN where it has none."""
    magnitude = np.abs(image)
    nothing = np.full_like(image, complex(np.nan, np.nan))
    return np.divide(image, magnitude, out=nothing, where=magnitude > 0)


def triangle(window: int) -> Array:
    """Weight of the windows' pixels along one direction, highest in the middle and nowhere 0."""
    return 1 - np.abs(2 * np.arange(window) + 1 - window) / window


def scipy_goldstein(
    ifg: Array, *, alpha: float, window: int, overlap: float, smoothing: float, normalize: bool
) -> Array:
    """S (|S| smoothed by a Gaussian)^alpha, normalised or not, as ours; the input's magnitude, NaN at nodata."""
    step = round(window * (1 - overlap))
    weigh = partial(spectral_weight, alpha=alpha, smoothing=smoothing, normalize=normalize)
    answer = np.empty_like(ifg)
    given, taper = ifg, None
    if normalize:
        given = on_unit_circle(ifg) * np.sqrt(np.abs(ifg))
        taper = np.sin(np.pi * (np.arange(window) + 0.5) / window)
    for rows, total in filter_windows(given, window, step, triangle(window), weigh, taper):
        phasor = on_unit_circle(total)
        np.copyto(phasor, complex(np.nan, np.nan), where=~_valid(ifg[rows]))
        np.multiply(phasor, np.abs(ifg[rows]), out=answer[rows])
    return answer


def spectral_weight(magnitude: Array, *, alpha: float, smoothing: float, normalize: bool) -> Array:
    """Weight of each window's spectrum by its magnitude: windows lie along the first axis."""
    if smoothing:
        from scipy import ndimage

        sigma = (0, smoothing, smoothing)
        magnitude = ndimage.gaussian_filter(magnitude, sigma, mode="wrap", radius=(0, 4, 4))
    if normalize:
        magnitude = magnitude - 0.95 * magnitude.mean(axis=(1, 2), keepdims=True)
        largest = magnitude.max(axis=(1, 2), keepdims=True)
        magnitude = np.maximum(magnitude, 1e-3 * largest)
        magnitude /= np.maximum(largest, np.finfo(magnitude.dtype).tiny)
    weight: Array = magnitude**alpha
    return weight


def filter_windows(
    image: Array,
    window: int,
    step: int,
    blend: Array,
    weigh: Callable[[Array], Array],
    taper: Array | None = None,
) -> Iterator[tuple[slice, Array]]:
    """Weight the spectra of overlapping windows and add the filtered windows up, times ``blend`` along y and x.

    One window begins at the first pixel and each next one ``step`` pixels on; nodata, also beyond the edges, is 0.
    All windows of a row are done at once, and no more than a row of them is held: rows come as they are done, and
    hold until the next ones are asked for. Windows are multiplied by ``taper`` along y and x first, if there is one.
    """
    from scipy import fft

    height, width = image.shape
    ahead = (window - 1) // step * step  # how far windows reach beyond the first pixel
    across = -(-(ahead + width) // step)  # windows in a row
    columns = slice(ahead, ahead + width)
    row = np.zeros((window, (across - 1) * step + window), image.dtype)
    total = np.zeros_like(row)
    weight = np.outer(blend, blend).astype(image.real.dtype)
    apart = -(-window // step)  # this many windows on, the next one does not overlap
    for top in range(-ahead, height, step):
        inside = slice(max(top, 0), min(top + window, height))
        row[:] = 0
        pixels = image[inside]
        np.copyto(row[inside.start - top : inside.stop - top, columns], pixels, where=_valid(pixels))
        patches = _places(row, window)[:, ::step].swapaxes(0, 1)
        if taper is not None:
            patches = patches * np.outer(taper, taper).astype(image.real.dtype)
        spectra = fft.fft2(patches, workers=1)
        spectra *= weigh(np.abs(spectra))
        filtered = fft.ifft2(spectra, workers=1, overwrite_x=True)
        filtered *= weight
        places = _places(total, window)[:, ::step]
        for first in range(apart):
            places[:, first::apart] += filtered[first::apart].swapaxes(0, 1)
        if top + step > 0:
            done = slice(max(top, 0), min(top + step, height))
            yield done, total[done.start - top : done.stop - top, columns]
        total[:-step] = total[step:]
        total[-step:] = 0


def _valid(image: Array) -> Array:
    valid: Array = np.isfinite(image) & (image != 0)
    return valid


def _places(row: Array, window: int) -> Array:
    """View of all places of a window in a row of its height: y, place, x."""
    return np.lib.stride_tricks.sliding_window_view(row, window, axis=1, writeable=True)


def dolphin_goldstein(
    ifg: Array, *, alpha: float, window: int, overlap: float, smoothing: float, normalize: bool
) -> Array:
    """S |S|^alpha, half overlap, triangle that is 0 at both ends, mirrored edges; a NaN spreads over windows."""
    _refuse_all_but(_CLASSIC, "dolphin", overlap=overlap, smoothing=smoothing, normalize=normalize)
    dolphin: Any = importlib.import_module("dolphin.goldstein")
    filtered: Array = dolphin.goldstein(ifg, alpha, window)
    return filtered


def whirlwind_goldstein(
    ifg: Array, *, alpha: float, window: int, overlap: float, smoothing: float, normalize: bool
) -> Array:
    """S |S|^alpha of the input brought to magnitude 1, half overlap, Hann weight, mirrored edges."""
    _refuse_all_but(_CLASSIC, "whirlwind", overlap=overlap, smoothing=smoothing, normalize=normalize)
    whirlwind: Any = importlib.import_module("whirlwind")
    with suppress(RuntimeError):  # its pool can be sized only before its first use
        whirlwind.set_num_threads(1)
    if (threads := whirlwind.num_threads()) != 1:
        raise RuntimeError(
            f"whirlwind already runs on {threads} threads; set RAYON_NUM_THREADS=1 before it loads"
        )
    filtered: Array = whirlwind.goldstein(ifg, alpha=alpha, psize=window)
    return filtered


def rapidphase_goldstein(
    ifg: Array, *, alpha: float, window: int, overlap: float, smoothing: float, normalize: bool
) -> Array:
    """S (|S|^2 averaged over 3 x 3 bins / its maximum)^(alpha / 2), triangle off centre by half a pixel, float64."""
    _refuse_all_but({"normalize": True}, "rapidphase", normalize=normalize)
    if not smoothing:
        raise ValueError("rapidphase always smooths spectra, by 3 x 3 bins; it has no smoothing=0")
    torch: Any = importlib.import_module("torch")
    rapidphase: Any = importlib.import_module("rapidphase")
    torch.set_num_threads(1)
    filtered: Array = rapidphase.goldstein_filter(
        ifg, alpha=alpha / 2, window_size=window, overlap=overlap, device="cpu", n_gpus=0
    )
    return filtered


def _refuse_all_but(possible: Mapping[str, object], tool: str, **asked: object) -> None:
    for name, value in possible.items():
        if asked[name] != value:
            raise ValueError(f"{tool} only has {name}={value}; got {asked[name]}")
