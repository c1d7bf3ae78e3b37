"""Low-pass filters of interferograms, and the filter chain that comes before detection."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument
from insarfeat.filters._kernels import gaussian as _kernels
from insarfeat.filters.adaptive import goldstein
from insarfeat.filters.pairs import wrapped_phase
from insarfeat.metrics import Metrics, Resolution
from insarfeat.windows import Halo

# A Gaussian of this many metres per metre of width passes half the amplitude at that wavelength:
# exp(-2 (pi sigma / width)^2) = 1/2. GMTSAR rounds it to 1 / 5.3.
_SIGMA_PER_WIDTH = 1 / 5.3
_LARGEST_REACH = 1024


class _Sigma(NamedTuple):
    metres: float


def _reach(sigma: _Sigma, metrics: Metrics) -> Halo:
    down, across = (_kernels.reach(sigma.metres / size) for size in metrics.smallest)
    if max(down, across) > _LARGEST_REACH:
        raise InvalidArgument(
            f"width is too large: its Gaussian would reach over {max(down, across)} of these pixels, and at most "
            f"{_LARGEST_REACH} are possible; give the width in metres, or multilook first"
        )
    return Halo(down, down, across, across)


_GAUSSIAN = Operator(
    "insarfeat.filters.gaussian",
    {"complex": _kernels.filter_complex, "real": _kernels.filter_phase},
    inputs=[Raster("ifg", "any")],
    outputs=[Result(None, "input")],
    halo=_reach,
    metrics="sizes",
)


def gaussian(ifg: Any, *, width: float, resolution: Resolution | None = None) -> Any:
    r"""Gaussian low-pass of an interferogram, with its width on the ground.

    .. math:: \hat z = \frac{\sum_k w_k z_k}{\sum_k w_k}, \quad w_k = e^{-d_k^2 / 2 \sigma^2}, \quad
        \sigma = \frac{width}{5.3}

    over the valid pixels within four sigma, with distances d in metres: pixels need not be square, and on
    geographic grids their size changes from row to row. Fringes of the given width keep half of their amplitude
    (GMTSAR's meaning of a 100 m filter).

    Parameters
    ----------
    ifg
        Complex interferogram, or wrapped phase in radians, which is filtered as phasors. NaN and 0+0j are nodata.
    width
        Wavelength in metres at which the gain is one half.
    resolution
        Metres per pixel, a number or (dy, dx), for arrays without coordinates.

    Returns
    -------
    Complex interferogram, or wrapped phase in (-pi, pi], as the input was; NaN where the pixel itself is nodata.

    References
    ----------
    Sandwell, D., Mellors, R., Tong, X., Wei, M. and Wessel, P. (2011). GMTSAR: an InSAR processing system based on
    Generic Mapping Tools.

    Examples
    --------
    A wave of the given width keeps half of its amplitude:

    >>> import numpy as np
    >>> wave = 1 + 0.1 * np.cos(2 * np.pi * np.arange(200) / 10) * np.ones((40, 1))
    >>> filtered = gaussian(wave.astype("c16"), width=100.0, resolution=10.0)
    >>> float(np.ptp(filtered[20, 50:150].real).round(2))
    0.1
    """
    return _GAUSSIAN(ifg, parameters=_Sigma(_positive(width) * _SIGMA_PER_WIDTH), resolution=resolution)


def filtered_phase(
    ifg: Any,
    *,
    width: float = 100.0,
    alpha: float = 1.0,
    window: int = 32,
    overlap: float = 0.75,
    smoothing: float = 1.25,
    normalize: bool = True,
    resolution: Resolution | None = None,
) -> Any:
    """Wrapped phase as detection wants it: a Gaussian low-pass, then Goldstein's filter, then the angle.

    The chain of Mondini et al. (2026) in one call: :func:`gaussian` with a width of 100 m, :func:`goldstein` with
    window 32 and alpha 1, :func:`insarfeat.filters.wrapped_phase`. On lazy inputs it is one pass: each chunk reads
    its pixels once, with the summed halo of both filters.

    Parameters
    ----------
    ifg
        Complex interferogram, or wrapped phase in radians. NaN and 0+0j are nodata.
    width
        As in :func:`gaussian`, metres.
    alpha, window, overlap, smoothing, normalize
        As in :func:`goldstein`.
    resolution
        Metres per pixel, a number or (dy, dx), for arrays without coordinates.

    Returns
    -------
    Wrapped phase in (-pi, pi], of the same kind of array; NaN where the interferogram is nodata.

    Examples
    --------
    >>> import insarfeat
    >>> scene = insarfeat.synth.scene(seed=1, size=64, style="images")
    >>> ifg = insarfeat.filters.interferogram(scene["primary"], scene["secondary"])
    >>> filtered_phase(ifg).name
    'wrapped_phase'
    """
    smooth = gaussian(ifg, width=width, resolution=resolution)
    filtered = goldstein(
        smooth, alpha=alpha, window=window, overlap=overlap, smoothing=smoothing, normalize=normalize
    )
    return wrapped_phase(filtered) if filtered.dtype.kind == "c" else filtered


def _positive(width: float) -> float:
    try:
        if 0 < float(width) < math.inf:
            return float(width)
    except (TypeError, ValueError):
        pass
    raise InvalidArgument(f"width must be a positive number of metres; got {width!r}")
