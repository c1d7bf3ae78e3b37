"""How far the phase of a pixel can be trusted."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument
from insarfeat.filters._kernels import noise as _kernels

_ENTRIES = 1025
_MOST_LOOKS = 10_000


class _Looks(NamedTuple):
    looks: float


def _density(phase: NDArray[np.float64], coherence: float, looks: float) -> NDArray[np.float64]:
    """Probability density of the phase of an interferogram of so many looks, about the true phase."""
    from scipy.special import gammaln, hyp2f1

    cosine = coherence * np.cos(phase)
    rest = 1 - cosine**2
    # Both terms carry ((1 - coherence^2) / rest)^looks; Euler's transformation keeps the series from overflowing.
    common = np.exp(looks * np.log((1 - coherence**2) / rest))
    ratio = np.exp(gammaln(looks + 0.5) - gammaln(looks)) / (2 * np.sqrt(np.pi))
    series = hyp2f1(0.5 - looks, -0.5, 0.5, cosine**2) / (2 * np.pi)
    density: NDArray[np.float64] = common / np.sqrt(rest) * (ratio * cosine + series)
    return density


@lru_cache(maxsize=32)
def _table(looks: float) -> NDArray[np.float64]:
    """Standard deviations over the root of one minus the coherence, from 0 to 1: smooth at both ends."""
    found = np.zeros(_ENTRIES)
    nodes, weights = np.polynomial.legendre.leggauss(256)
    for number, root in enumerate(np.linspace(0, 1, _ENTRIES)[1:], 1):
        coherence = 1 - root**2
        # The density is narrow where coherence is high: points go where it is.
        spread = np.sqrt((1 - coherence**2) / (2 * looks)) / max(coherence, 1e-9)
        scale = min(spread, 1.0)
        reach = np.arcsinh(np.pi / scale)
        phase = scale * np.sinh(0.5 * reach * (nodes + 1))
        share = (
            0.5
            * reach
            * weights
            * scale
            * np.cosh(0.5 * reach * (nodes + 1))
            * _density(phase, coherence, looks)
        )
        found[number] = np.sqrt((share * phase**2).sum() / share.sum())
    return found


_PHASE_DEVIATION = Operator(
    "insarfeat.filters.phase_deviation",
    _kernels.from_table,
    inputs=[Raster("coherence")],
    outputs=[Result("phase_deviation")],
    prepare=lambda parameters: (_table(parameters.looks),),
)


def phase_deviation(coherence: Any, *, looks: float) -> Any:
    r"""Standard deviation of the interferometric phase, radians, from the coherence and the number of looks.

    The second moment of the exact distribution of the phase of Gaussian speckle, with coherence :math:`\gamma` and L
    looks, about the true phase:

    .. math:: p(\phi) = \frac{\Gamma(L + 1/2) (1 - \gamma^2)^L \beta}{2 \sqrt\pi\, \Gamma(L) (1 - \beta^2)^{L + 1/2}}
        + \frac{(1 - \gamma^2)^L}{2 \pi}\, {}_2F_1(L, 1; 1/2; \beta^2), \quad \beta = \gamma \cos \phi

    It goes from 0 at coherence 1 to :math:`\pi / \sqrt 3` (any phase is as likely) at 0; where it is small it is near
    the Cramer-Rao bound :math:`\sqrt{1 - \gamma^2} / (\gamma \sqrt{2 L})`.

    Parameters
    ----------
    coherence
        True (unbiased) coherence, from 0 to 1. NaN is nodata.
    looks
        Number of independent looks that the interferogram was averaged over, from 1 to 10000; need not be whole.

    Returns
    -------
    Standard deviation in radians, of the same kind of array; NaN where the coherence is.

    References
    ----------
    Lee, J.-S., Hoppel, K. W., Mango, S. A. and Miller, A. R. (1994). Intensity and phase statistics of multilook
    polarimetric and interferometric SAR imagery. IEEE Transactions on Geoscience and Remote Sensing 32(5), 1017-1028.

    Examples
    --------
    >>> import numpy as np
    >>> phase_deviation(np.array([[0.0, 0.5, 0.9, 1.0]], "f4"), looks=10).round(3)
    array([[1.814, 0.473, 0.115, 0.   ]], dtype=float32)
    """
    try:
        if 1 <= float(looks) <= _MOST_LOOKS:
            return _PHASE_DEVIATION(coherence, parameters=_Looks(float(looks)))
    except (TypeError, ValueError):
        pass
    raise InvalidArgument(f"looks must be a number from 1 to {_MOST_LOOKS}; got {looks!r}")
