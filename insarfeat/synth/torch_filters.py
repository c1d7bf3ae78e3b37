"""Filters of ``insarfeat.filters`` for batches of torch tensors, on any device.

They are for making training data where the networks are: no value is ever fetched from the device. What defines a
filter, its constants, defaults and accepted values, is imported from the filter itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from insarfeat.errors import InvalidArgument, InvalidType, missing_extra
from insarfeat.filters import adaptive, lowpass
from insarfeat.filters._kernels import goldstein as _kernels
from insarfeat.metrics import Resolution, planar_metrics

if TYPE_CHECKING:
    import torch

Tensor: TypeAlias = "torch.Tensor"


def goldstein(
    ifg: Tensor,
    alpha: Tensor,
    *,
    window: int = 32,
    overlap: float = 0.75,
    smoothing: float = 1.25,
    normalize: bool = True,
) -> Tensor:
    r"""Adaptive filter of Goldstein and Werner for a batch of interferograms, each with a strength of its own.

    .. math:: \hat S = S\, M^{\alpha}, \quad M = G_\sigma * |S|

    for the spectrum S of each window. Each image comes out as from :func:`insarfeat.filters.goldstein`, which says
    what is done, but for the rounding of single precision. All pixels are valid: 0+0j gives nothing to its windows
    and stays 0+0j, and NaN would spread over all windows that hold it.

    Takes about 13 times the memory of ``ifg``, and more where images are smaller than a few windows.

    Parameters
    ----------
    ifg
        Complex interferograms, complex64 (image, row, column), of any size.
    alpha
        Strength for each image, from 0 (none) to 1, on the device of ``ifg``. Values are not checked: to look at
        them would make the host wait for the device.
    window
        Side of the windows in pixels: 16, 32, 64 or 128.
    overlap
        Share of a window that the next one covers: 0.5, 0.75 or 0.875.
    smoothing
        Standard deviation of the Gaussian that smooths each window's spectrum, in bins, at most 8; 0 for none.
    normalize
        Take brightness and noise out of the windows' spectra.

    Returns
    -------
    Interferograms with the input's own magnitude, complex64, on its device.

    Examples
    --------
    >>> torch = __import__("pytest").importorskip("torch")
    >>> fringes = torch.exp(2j * torch.pi * torch.arange(64) / 16).expand(2, 64, 64)
    >>> lots = torch.Generator().manual_seed(0)
    >>> noisy = fringes + torch.randn(2, 64, 64, dtype=torch.complex64, generator=lots)
    >>> filtered = goldstein(noisy, torch.tensor([0.0, 1.0]))
    >>> before, after = ((image * fringes.conj()).angle().std((1, 2)) for image in (noisy, filtered))
    >>> (after / before < 0.5).tolist()
    [False, True]
    """
    torch = _torch()
    _check_images(torch, ifg)
    _check_strengths(torch, alpha, ifg)
    window = adaptive._one_of("window", window, adaptive._WINDOWS, "pixels")
    overlap = adaptive._one_of("overlap", overlap, adaptive._OVERLAPS, "of a window")
    smoothing = adaptive._number("smoothing", smoothing, adaptive._WIDEST_SMOOTHING, "bins")
    from_edge = (np.arange(window) + 0.5) / window
    triangle = 1 - np.abs(2 * from_edge - 1)
    taper = np.sin(np.pi * from_edge)
    windows = _Windows(
        side=window,
        step=round(window * (1 - overlap)),
        exponent=alpha.to(torch.float32)[:, None, None, None, None],
        overlay=_on(ifg, np.outer(triangle, triangle)),
        blur=_on(ifg, _gain_of_smoothing(window, smoothing)) if smoothing else None,
        taper=_on(ifg, np.outer(taper, taper)) if normalize else None,
    )
    if not len(ifg):
        return ifg.clone()  # not every library of transforms takes none
    magnitude = ifg.abs()
    total = _overlaid(_compressed(ifg, magnitude) if normalize else ifg, windows)
    extent = total.abs()
    found = extent > torch.finfo(torch.float32).tiny
    filtered: Tensor = torch.where(found, total * (magnitude / extent), ifg)
    return filtered


def gaussian(ifg: Tensor, *, width: float, resolution: Resolution) -> Tensor:
    r"""Gaussian low-pass of a batch of interferograms, with its width on the ground.

    .. math:: \hat z = \frac{\sum_k w_k z_k}{\sum_k w_k}, \quad w_k = e^{-d_k^2 / 2 \sigma^2}, \quad
        \sigma = \frac{width}{5.3}

    over the pixels within four sigma, with distances d in metres. Each image comes out as from
    :func:`insarfeat.filters.gaussian`, but for the rounding of single precision, if all of its pixels are valid:
    0+0j counts as a value here, and NaN spreads as far as the filter reaches.

    Parameters
    ----------
    ifg
        Complex interferograms, complex64 (image, row, column), of any size.
    width
        Wavelength in metres at which the gain is one half.
    resolution
        Metres per pixel, a number or (dy, dx).

    Returns
    -------
    Interferograms, complex64, on the device of ``ifg``.

    Examples
    --------
    A wave of the given width keeps half of its amplitude:

    >>> torch = __import__("pytest").importorskip("torch")
    >>> wave = 1 + 0.1 * torch.cos(2 * torch.pi * torch.arange(200) / 10).expand(1, 40, 200)
    >>> filtered = gaussian(wave.to(torch.complex64), width=100.0, resolution=10.0)
    >>> round(float(filtered[0, 20, 50:150].real.max() - filtered[0, 20, 50:150].real.min()), 2)
    0.1
    """
    torch = _torch()
    _check_images(torch, ifg)
    metrics = planar_metrics(resolution)
    sigma = lowpass._Sigma(lowpass._positive(width) * lowpass._SIGMA_PER_WIDTH)
    halo = lowpass._reach(sigma, metrics)
    for axis, reach, size in zip((1, 2), (halo.top, halo.left), metrics.smallest, strict=True):
        # Further away there is nothing but what lies beyond the image.
        reach = min(reach, ifg.shape[axis] - 1)
        taps = [math.exp(-0.5 * (k * size / sigma.metres) ** 2) for k in range(reach + 1)]
        ifg = _mean_along(ifg, axis, taps)
    return ifg


@dataclass(frozen=True, slots=True)
class _Windows:
    """What windows are filtered with.

    Attributes
    ----------
    side, step
        Pixels of a window along each axis, and from one to the next.
    exponent
        For each image, to be spread over (image, window down, window across, row, column).
    overlay
        Weight of each pixel of a window where windows are summed.
    blur
        Gain of the smoothing of spectra; None for no smoothing.
    taper
        Of windows that are normalised; None for those that are not.
    """

    side: int
    step: int
    exponent: Tensor
    overlay: Tensor
    blur: Tensor | None
    taper: Tensor | None

    def over(self, size: int) -> list[tuple[int, int]]:
        """Where each row of windows side by side starts, and how many it has.

        They cover ``size`` pixels and ``side - step`` before them, from which rows are counted.
        """
        end = self.side - self.step + size
        return [(start, -((start - end) // self.side)) for start in range(0, self.side, self.step)]


def _overlaid(pixels: Tensor, windows: _Windows) -> Tensor:
    """Sum of the filtered windows over each pixel.

    Those that lie side by side without overlap are filtered at once, so that pixels are held once and not as often
    as windows lie over them.
    """
    _, height, width = pixels.shape
    side, before = windows.side, windows.side - windows.step
    down, across = windows.over(height), windows.over(width)
    rows, columns = (max(start + side * count for start, count in starts) for starts in (down, across))
    padded = pixels.new_zeros(len(pixels), rows, columns)
    total = pixels.new_zeros(len(pixels), rows, columns)
    own = (slice(None), slice(before, before + height), slice(before, before + width))
    padded[own] = pixels
    for (top, high), (left, wide) in product(down, across):
        block = (slice(None), slice(top, top + high * side), slice(left, left + wide * side))
        tiles = padded[block].unfold(1, side, side).unfold(2, side, side)
        total[block].unfold(1, side, side).unfold(2, side, side).add_(_filtered(tiles, windows))
    return total[own]


def _filtered(tiles: Tensor, windows: _Windows) -> Tensor:
    """Windows (image, down, across, row, column), filtered and weighted for their sum."""
    fft = _torch().fft
    spectrum: Tensor = fft.fft2(tiles if windows.taper is None else tiles * windows.taper)
    weight = spectrum.abs()
    if windows.blur is not None:
        # The transform's rounding may leave less than nothing, which has no root.
        weight = fft.irfft2(fft.rfft2(weight) * windows.blur, s=tiles.shape[-2:]).clamp_(min=0)
    if windows.taper is not None:
        weight = _lowered(weight)
    spectrum *= weight.pow_(windows.exponent)
    filtered: Tensor = fft.ifft2(spectrum).mul_(windows.overlay)
    return filtered


def _lowered(weight: Tensor) -> Tensor:
    """Magnitudes less what is noise, over their maximum."""
    noise = _kernels._FLOOR * weight.mean((-2, -1), keepdim=True)
    peak = weight.amax((-2, -1), keepdim=True) - noise
    # Windows of nothing may have any scale.
    return (weight - noise).maximum(_kernels._LEAST * peak).div_(peak.where(peak > 0, 1))


def _compressed(ifg: Tensor, magnitude: Tensor) -> Tensor:
    """Pixels with the root of their magnitude: bright ones then outweigh others less."""
    root = magnitude.sqrt()
    return ifg / root.where(root > 0, 1)


def _gain_of_smoothing(window: int, sigma: float) -> npt.NDArray[np.float64]:
    """What the wrapped Gaussian does to each coefficient of a window's real transform."""
    taps, times = adaptive._gaussian(sigma)
    angle = 2 * np.pi * np.arange(window) / window
    gain = (taps[0] + 2 * sum(tap * np.cos(k * angle) for k, tap in enumerate(taps[1:], 1))) ** times
    return np.outer(gain, gain[: window // 2 + 1])


def _mean_along(ifg: Tensor, axis: int, taps: list[float]) -> Tensor:
    """Mean over each pixel and its neighbours along an axis, with the pixel's own weight first in ``taps``."""
    size = ifg.shape[axis]
    total = ifg * taps[0]
    for k, tap in enumerate(taps[1:], 1):
        total.narrow(axis, 0, size - k).add_(ifg.narrow(axis, k, size - k), alpha=tap)
        total.narrow(axis, k, size - k).add_(ifg.narrow(axis, 0, size - k), alpha=tap)
    to_side = np.cumsum(taps)[np.minimum(np.arange(size), len(taps) - 1)]
    weight = to_side + to_side[::-1] - taps[0]
    shape = (-1, 1) if axis == 1 else (-1,)
    return total.div_(_on(ifg, weight.reshape(shape)))


def _on(ifg: Tensor, values: npt.NDArray[np.float64]) -> Tensor:
    """In single precision on the device of the images."""
    torch = _torch()
    tensor: Tensor = torch.tensor(values, dtype=torch.float32, device=ifg.device)
    return tensor


def _check_images(torch: Any, ifg: Any) -> None:
    accepted = "ifg must be a torch tensor of complex64 (image, row, column)"
    if not isinstance(ifg, torch.Tensor):
        raise InvalidType(f"{accepted}; got {type(ifg).__name__}: make it one with torch.as_tensor")
    if ifg.dtype != torch.complex64:
        raise InvalidType(f"{accepted}; got {ifg.dtype}: convert it with .to(torch.complex64)")
    if ifg.ndim != 3 or 0 in ifg.shape[1:]:
        raise InvalidArgument(
            f"{accepted} with one pixel or more; got shape {tuple(ifg.shape)}: a single image is ifg[None]"
        )


def _check_strengths(torch: Any, alpha: Any, ifg: Tensor) -> None:
    accepted = "alpha must be a real torch tensor (image,), a strength for each image"
    if not isinstance(alpha, torch.Tensor) or alpha.is_complex():
        raise InvalidType(
            f"{accepted}; got {alpha.dtype if isinstance(alpha, torch.Tensor) else repr(alpha)}: one for all is "
            "torch.full((len(ifg),), alpha, device=ifg.device)"
        )
    if alpha.shape != ifg.shape[:1]:
        raise InvalidArgument(f"{accepted}; got shape {tuple(alpha.shape)} for {len(ifg)} images")
    if alpha.device != ifg.device:
        raise InvalidArgument(
            f"{accepted}, on its device; got one on {alpha.device} and images on {ifg.device}: "
            "move it with alpha.to(ifg.device)"
        )


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise missing_extra("filters of tensors", "zoo") from error
    return torch
