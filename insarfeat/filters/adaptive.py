"""The adaptive filter of Goldstein and Werner, and Baran's choice of its strength."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument
from insarfeat.filters._kernels import goldstein as _kernels
from insarfeat.filters._kernels.transforms import LANES
from insarfeat.windows import Halo

_WINDOWS = (16, 32, 64, 128)
_OVERLAPS = (0.5, 0.75, 0.875)
_BY_COHERENCE = -1.0
_WIDEST_SMOOTHING = 8.0
_WIDEST_AT_ONCE = 4 / 3  # standard deviations of a Gaussian of 9 bins: what it leaves out is below 0.3 %


class _Parameters(NamedTuple):
    alpha: float | Literal["coherence"]
    window: int
    overlap: float
    smoothing: float
    normalize: bool

    @property
    def step(self) -> int:
        """Pixels from one window to the next."""
        return round(self.window * (1 - self.overlap))


class _Settings(NamedTuple):
    """What the kernel is given, made once for each set of parameters.

    Attributes
    ----------
    alpha
        Exponent; below 0 it comes from the coherence.
    taps, smoothings
        Half of the smoothing Gaussian, from the middle on, and how often it is done.
    cosines, sines
        Of a turn in ``window`` parts.
    overlay_down, overlay_across
        Overlap-add weight: by row of the ring for windows that start at each place in it, and by column, once for
        each block of columns under a strip.
    taper_down, taper_across
        Taper of normalised windows, likewise; by column once for each lane.
    """

    window: int
    step: int
    alpha: float
    normalize: bool
    taps: NDArray[np.float64]
    smoothings: int
    cosines: NDArray[np.float64]
    sines: NDArray[np.float64]
    overlay_down: NDArray[np.float64]
    overlay_across: NDArray[np.float64]
    taper_down: NDArray[np.float64]
    taper_across: NDArray[np.float64]


def _prepare(parameters: _Parameters) -> tuple[_Settings]:
    window = parameters.window
    turn = 2 * np.pi * np.arange(window) / window
    taps, smoothings = _gaussian(parameters.smoothing)
    from_edge = (np.arange(window) + 0.5) / window
    triangle = 1 - np.abs(2 * from_edge - 1)
    taper = np.sin(np.pi * from_edge)
    starts = range(0, window, parameters.step)
    blocks = LANES + len(starts) - 1
    return (
        _Settings(
            window,
            parameters.step,
            _BY_COHERENCE if parameters.alpha == "coherence" else float(parameters.alpha),
            parameters.normalize,
            taps,
            smoothings,
            np.cos(turn),
            np.sin(turn),
            # Transforms there and back multiply by the window's size in each direction.
            overlay_down=np.stack([np.roll(triangle, start) for start in starts]) / window**2,
            overlay_across=np.repeat(triangle, blocks),
            taper_down=np.stack([np.roll(taper, start) for start in starts]),
            taper_across=np.repeat(taper, LANES),
        ),
    )


def _gaussian(sigma: float) -> tuple[NDArray[np.float64], int]:
    """Half of a Gaussian of 9 bins, and how often it must be done: wide ones are made of narrow ones."""
    times = math.ceil((sigma / _WIDEST_AT_ONCE) ** 2)
    narrow = sigma / math.sqrt(max(times, 1))
    taps = np.exp(-0.5 * (np.arange(5) / max(narrow, 1e-3)) ** 2)
    return taps / (taps[0] + 2 * taps[1:].sum()), times


_GOLDSTEIN = Operator(
    "insarfeat.filters.goldstein",
    _kernels.goldstein,
    inputs=[Raster("ifg", "any"), Raster("coherence", number=True)],
    outputs=[Result(None, "input")],
    halo=lambda parameters: Halo.square(parameters.window - 1),
    position=True,
    nodata="first",
    prepare=_prepare,
)
_NO_COHERENCE = 0.0


def goldstein(
    ifg: Any,
    *,
    alpha: float | Literal["coherence"] = 1.0,
    window: int = 32,
    overlap: float = 0.75,
    smoothing: float = 1.25,
    normalize: bool = True,
    coherence: Any = None,
) -> Any:
    r"""Adaptive filter of Goldstein and Werner: what stands out of a window's spectrum is made to stand out more.

    .. math:: \hat S = S\, M^{\alpha}, \quad M = G_\sigma * |S|

    for the spectrum S of each window; :math:`G_\sigma` is a Gaussian over neighbouring frequencies, wrapped around.
    The filtered windows are put over each other with weights that fall off linearly from their centres.
    ``smoothing=0, normalize=False, overlap=0.5`` is the classic filter.

    With ``normalize=True``, which is far better almost everywhere (docs/phase-filters.md), nothing that is brighter
    than the rest drowns its neighbours, and noise is told from fringes: pixels enter with the root of their
    magnitude; windows are tapered by a half sine before their spectrum is taken; 95 % of the mean of M, which is
    noise for the most part, is taken off M (not below a thousandth of the largest); and M is divided by its
    maximum.

    The grid of windows begins at the raster's first pixel, and windows reach beyond the edges: so each pixel is
    covered equally often, and no chunking or tiling changes a bit of the answer. Nodata pixels count as zero in
    windows and stay nodata; no valid pixel is lost beside them.

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
        Standard deviation of the Gaussian that smooths each window's spectrum, in bins, at most 8; 0 for none. More
        of it keeps steep fringes and small slides, less of it takes more noise out of smooth ground. Exponents are
        not comparable between values: a smoothed spectrum filters less at the same exponent.
    normalize
        Take brightness and noise out of the windows' spectra, as said above.
    coherence
        Coherence, from 0 to 1, for ``alpha="coherence"``. Where a window has none, alpha is 1.

    Returns
    -------
    Complex interferogram with the input's own magnitude, or wrapped phase in (-pi, pi], as the input was. In single
    precision magnitudes from 1e-12 to 1e12 keep all their digits.

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
        "coherence" if by_coherence else _number("alpha", alpha, 1.0, 'or "coherence"'),
        _one_of("window", window, _WINDOWS, "pixels"),
        _one_of("overlap", overlap, _OVERLAPS, "of a window"),
        _number("smoothing", smoothing, _WIDEST_SMOOTHING, "bins"),
        bool(normalize),
    )
    return _GOLDSTEIN(ifg, coherence if by_coherence else _NO_COHERENCE, parameters=parameters)


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
