"""From coregistered radar images to interferogram, coherence and phase."""

from __future__ import annotations

from typing import Any, NamedTuple

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument
from insarfeat.filters._kernels import pairs as _kernels
from insarfeat.windows import Halo


class _Window(NamedTuple):
    azimuth: int
    range: int


class _Estimate(NamedTuple):
    azimuth: int
    range: int
    unbiased: bool


_PAIR = (Raster("primary", "complex"), Raster("secondary", "complex"))

_INTERFEROGRAM = Operator(
    "insarfeat.filters.interferogram",
    _kernels.interferogram,
    inputs=_PAIR,
    outputs=[Result("interferogram", "complex")],
)

_FLATTENED = Operator(
    "insarfeat.filters.flattened interferogram",
    _kernels.flattened_interferogram,
    inputs=(*_PAIR, Raster("flattening")),
    outputs=[Result("interferogram", "complex")],
)

_WRAPPED_PHASE = Operator(
    "insarfeat.filters.wrapped_phase",
    _kernels.wrapped_phase,
    inputs=[Raster("ifg", "complex")],
    outputs=[Result("wrapped_phase", "real")],
)

_COHERENCE = Operator(
    "insarfeat.filters.coherence",
    _kernels.coherence,
    inputs=_PAIR,
    outputs=[Result("coherence", "real")],
    halo=lambda estimate: Halo.window(estimate.azimuth, estimate.range),
)

_PHASE_COHERENCE = Operator(
    "insarfeat.filters.phase_coherence",
    {"complex": _kernels.coherence_of_complex, "real": _kernels.coherence_of_phase},
    inputs=[Raster("ifg", "any")],
    outputs=[Result("coherence", "real")],
    halo=lambda window: Halo.window(window.azimuth, window.range),
)


def interferogram(primary: Any, secondary: Any, *, flattening: Any = None) -> Any:
    r"""Interferogram of two coregistered complex images.

    .. math:: I = s_1 \overline{s_2}\, e^{-j \phi}

    Its phase grows when the range grows between the acquisitions, where the primary is the earlier one.

    Parameters
    ----------
    primary, secondary
        Complex images of one size, coregistered. NaN and 0+0j are nodata.
    flattening
        Phase in radians to take away, as of the ellipsoid or of topography, unwrapped or not. In single precision
        a phase of thousands of radians has lost its third digit already: give it as float64 then.

    Returns
    -------
    Complex interferogram, of the same kind of array; NaN+NaNj where either image, or the phase, is nodata.

    Examples
    --------
    >>> import numpy as np
    >>> interferogram(np.array([[1j, 0]], "c8"), np.array([[1, 1]], "c8"))
    array([[ 0. +1.j, nan+nanj]], dtype=complex64)
    """
    if flattening is None:
        return _INTERFEROGRAM(primary, secondary)
    return _FLATTENED(primary, secondary, flattening)


def wrapped_phase(ifg: Any) -> Any:
    r"""Phase of an interferogram, in radians, in :math:`(-\pi, \pi]`.

    Parameters
    ----------
    ifg
        Complex interferogram. NaN and 0+0j are nodata.

    Returns
    -------
    Wrapped phase, of the same kind of array; NaN where the interferogram is nodata.

    Examples
    --------
    >>> import numpy as np
    >>> wrapped_phase(np.array([[-1, 1j, 0]], "c8")).round(3)
    array([[3.142, 1.571,   nan]], dtype=float32)
    """
    return _WRAPPED_PHASE(ifg)


def coherence(
    primary: Any, secondary: Any, *, window: tuple[int, int] = (5, 5), unbiased: bool = False
) -> Any:
    r"""Boxcar coherence of two coregistered complex images, from 0 to 1.

    .. math:: \hat\gamma = \frac{|\sum s_1 \overline{s_2}|}{\sqrt{\sum |s_1|^2 \sum |s_2|^2}}

    over the valid pixels of a window about each pixel. It is biased up where the window is small or the coherence
    low (for independent speckle its mean is about :math:`\sqrt{\pi / 4 n}` over n pixels).

    ``unbiased=True`` takes that off by the second moment of the sample coherence (Touzi et al. 1999): the
    :math:`\gamma` is given for which :math:`\gamma^2 + (1 - \gamma^2)^2 / n = \hat\gamma^2`, and 0 where even
    complete incoherence would give more. Its square is right on average (within 0.002 for 5 x 5 pixels and
    coherences from 0.4 up); towards 0, where no estimate can go below, less than half of the bias is left. It takes
    the n valid pixels as independent; neighbours in an oversampled image are not, and more is left there.

    Parameters
    ----------
    primary, secondary
        Complex images of one size, coregistered. NaN and 0+0j are nodata.
    window
        Height and width of the window in pixels, (azimuth, range), odd. At the edges and beside nodata it
        shrinks to the pixels that are there.
    unbiased
        Take off the bias.

    Returns
    -------
    Coherence, of the same kind of array; NaN where either image is nodata.

    References
    ----------
    Touzi, R., Lopes, A., Bruniquel, J. and Vachon, P. W. (1999). Coherence estimation for SAR imagery. IEEE
    Transactions on Geoscience and Remote Sensing 37(1), 135-149.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.exp(1j * np.arange(12).reshape(3, 4)).astype("c8")
    >>> coherence(image, image, window=(3, 3)).min().item()
    1.0
    """
    return _COHERENCE(primary, secondary, parameters=_Estimate(*_odd_sizes(window), bool(unbiased)))


def phase_coherence(ifg: Any, *, window: tuple[int, int] = (5, 5)) -> Any:
    r"""Coherence of the phase alone, from 0 to 1, for when only an interferogram exists.

    .. math:: \hat\gamma_\phi = \left| \frac{1}{n} \sum e^{j \phi} \right|

    over the valid pixels of a window about each pixel. It is not the coherence of the pair: amplitudes do not
    count, averaging before it lowers or raises it, and fringes within the window lower it.

    Parameters
    ----------
    ifg
        Complex interferogram (NaN and 0+0j are nodata), or wrapped phase in radians (NaN is nodata).
    window
        Height and width of the window in pixels, (azimuth, range), odd. At the edges and beside nodata it
        shrinks to the pixels that are there.

    Returns
    -------
    Coherence, of the same kind of array; NaN where the interferogram is nodata.

    Examples
    --------
    >>> import numpy as np
    >>> phase_coherence(np.array([[0, 0, 0, np.pi, 0]], "f4"), window=(1, 3)).round(3)
    array([[1.   , 1.   , 0.333, 0.333, 0.   ]], dtype=float32)
    """
    return _PHASE_COHERENCE(ifg, parameters=_Window(*_odd_sizes(window)))


def _odd_sizes(window: tuple[int, int]) -> tuple[int, int]:
    try:
        azimuth, range_ = window
        if azimuth % 2 == 1 and range_ % 2 == 1 and azimuth > 0 and range_ > 0:
            return int(azimuth), int(range_)
    except (TypeError, ValueError):
        pass
    raise InvalidArgument(f"window must be two odd numbers of pixels (azimuth, range); got {window!r}")
