"""The adaptive filter of Goldstein and Werner, and Baran's choice of its strength."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument
from insarfeat.filters._kernels import goldstein as _kernels
from insarfeat.windows import Halo

_WINDOWS = (16, 32, 64, 128)
_OVERLAPS = (0.5, 0.75, 0.875)
_BY_COHERENCE = -1.0
_WIDEST_SMOOTHING = 8.0


class _Parameters(NamedTuple):
    alpha: float
    window: int
    overlap: float
    smoothing: float
    normalize: bool

    @property
    def step(self) -> int:
        """Pixels from one window to the next."""
        return round(self.window * (1 - self.overlap))


class _Settings(NamedTuple):
    """What the kernel is given, made once for each set of parameters."""

    window: int
    step: int
    alpha: float
    normalize: bool
    taps: NDArray[np.float64]
    smoothings: int
    cosines: NDArray[np.float64]
    sines: NDArray[np.float64]
    overlay: NDArray[np.float64]


def _prepare(parameters: _Parameters) -> tuple[_Settings]:
    window = parameters.window
    turn = 2 * np.pi * np.arange(window) / window
    taps, smoothings = _gaussian(parameters.smoothing)
    triangle = 1 - np.abs(2 * np.arange(window) + 1 - window) / window
    return (
        _Settings(
            window,
            parameters.step,
            parameters.alpha,
            parameters.normalize,
            taps,
            smoothings,
            np.cos(turn),
            np.sin(turn),
            triangle,
        ),
    )


def _gaussian(sigma: float) -> tuple[NDArray[np.float64], int]:
    """Half of a Gaussian of 7 bins, and how often it must be done: wide ones are made of narrow ones."""
    times = math.ceil(sigma**2)
    narrow = sigma / math.sqrt(max(times, 1))
    taps = np.exp(-0.5 * (np.arange(4) / max(narrow, 1e-3)) ** 2)
    return taps / (taps[0] + 2 * taps[1:].sum()), times


def _operator(name: str, kernels: tuple[Any, Any], *inputs: Raster) -> Operator:
    return Operator(
        name,
        {"complex": kernels[0], "real": kernels[1]},
        inputs=inputs,
        outputs=[Result(None, "input")],
        halo=lambda parameters: Halo.square(parameters.window - 1),
        position=True,
        nodata="first",
        prepare=_prepare,
    )


_GOLDSTEIN = _operator(
    "insarfeat.filters.goldstein", (_kernels.filter_complex, _kernels.filter_phase), Raster("ifg", "any")
)

_GOLDSTEIN_BY_COHERENCE = _operator(
    "insarfeat.filters.goldstein by coherence",
    (_kernels.filter_complex_by_coherence, _kernels.filter_phase_by_coherence),
    Raster("ifg", "any"),
    Raster("coherence"),
)


def goldstein(
    ifg: Any,
    *,
    alpha: float | Literal["coherence"] = 1.0,
    window: int = 32,
    overlap: float = 0.75,
    smoothing: float = 1.0,
    normalize: bool = True,
    coherence: Any = None,
) -> Any:
    r"""Adaptive filter of Goldstein and Werner: what stands out of a window's spectrum is made to stand out more.

    .. math:: \hat S = S \left( \frac{G_\sigma * |S|}{\max (G_\sigma * |S|)} \right)^{\alpha}

    for the spectrum S of each window; the filtered windows are put over each other with weights that fall off
    linearly from their centres. The grid of windows begins at the raster's first pixel, and windows reach beyond the
    edges: so each pixel is covered equally often, and no chunking or tiling changes the answer. Nodata pixels count
    as zero in windows and stay nodata; no valid pixel is lost beside them.

    ``smoothing=0, normalize=False, overlap=0.5`` is the classic filter. Exponents are not comparable between the two:
    a smoothed spectrum filters less at the same exponent.

    Parameters
    ----------
    ifg
        Complex interferogram, or wrapped phase in radians. NaN and 0+0j are nodata, and so is infinity.
    alpha
        Strength of the filter, from 0 (none) to 1; or "coherence": one minus the mean coherence of each window
        (Baran et al. 2003).
    window
        Side of the windows in pixels: 16, 32, 64 or 128.
    overlap
        Share of a window that the next one covers: 0.5, 0.75 or 0.875.
    smoothing
        Standard deviation of the Gaussian that smooths each window's spectrum, in bins, at most 8; 0 for none.
    normalize
        Divide each window's spectrum by its maximum first, so that bright windows do not drown their neighbours.
    coherence
        Coherence, from 0 to 1, for ``alpha="coherence"``. Where a window has none, alpha is 1.

    Returns
    -------
    Complex interferogram with the input's own magnitude, or wrapped phase in (-pi, pi], as the input was. In single
    precision magnitudes may be up to 1e13.

    References
    ----------
    Goldstein, R. M. and Werner, C. L. (1998). Radar interferogram filtering for geophysical applications.
    Geophysical Research Letters 25(21), 4035-4038.

    Baran, I., Stewart, M. P., Kampes, B. M., Perski, Z. and Lilly, P. (2003). A modification to the Goldstein radar
    interferogram filter. IEEE Transactions on Geoscience and Remote Sensing 41(9), 2114-2118.

    Examples
    --------
    >>> import numpy as np
    >>> fringes = np.exp(2j * np.pi * np.arange(64) / 16) * np.ones((64, 1))
    >>> noise = np.random.default_rng(0).normal(size=(2, 64, 64))
    >>> noisy = (fringes + noise[0] + 1j * noise[1]).astype("c8")
    >>> before, after = (np.angle(image * fringes.conj()).std() for image in (noisy, goldstein(noisy)))
    >>> bool(after < before / 3)
    True
    """
    by_coherence = isinstance(alpha, str) and alpha == "coherence"
    if by_coherence != (coherence is not None):
        raise InvalidArgument(
            'coherence= and alpha="coherence" go together; got '
            + ('alpha="coherence" without coherence=' if by_coherence else f"coherence= with alpha={alpha!r}")
        )
    parameters = _Parameters(
        _BY_COHERENCE if by_coherence else _number("alpha", alpha, 1.0, 'or "coherence"'),
        _one_of("window", window, _WINDOWS, "pixels"),
        _one_of("overlap", overlap, _OVERLAPS, "of a window"),
        _number("smoothing", smoothing, _WIDEST_SMOOTHING, "bins"),
        bool(normalize),
    )
    if by_coherence:
        return _GOLDSTEIN_BY_COHERENCE(ifg, coherence, parameters=parameters)
    return _GOLDSTEIN(ifg, parameters=parameters)


def _number(name: str, value: Any, largest: float, unit: str) -> float:
    try:
        if 0 <= float(value) <= largest:
            return float(value)
    except (TypeError, ValueError):
        pass
    raise InvalidArgument(f"{name} must be a number from 0 to {largest:g} {unit}; got {value!r}")


def _one_of(name: str, value: Any, choices: tuple[Any, ...], unit: str) -> Any:
    for choice in choices:
        if value == choice:
            return choice
    listed = ", ".join(map(str, choices))
    raise InvalidArgument(f"{name} must be one of {listed} {unit}; got {value!r}")
