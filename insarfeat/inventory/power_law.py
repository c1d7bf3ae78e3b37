"""The power law that the areas of landslides follow, but for the smallest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.inventory import _kernels
from insarfeat.inventory._arguments import whole_number

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[np.float64]

_FEWEST = 10
"""Areas that a tail must keep where its beginning is estimated: of fewer, any curve is a power law."""

_MOST_CANDIDATES = 200
_RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval and how it was found."""

    low: float
    high: float
    confidence: float
    method: Literal["exact", "bootstrap"]


@dataclass(frozen=True, slots=True)
class _Tail:
    """A power law fitted to the areas from one on."""

    smallest: float
    count: int
    exponent: float
    ks_distance: float


@dataclass(frozen=True, slots=True, eq=False)
class PowerLaw:
    """What :func:`frequency_area` found.

    Attributes
    ----------
    exponent
        Of the density, p(a) ~ a^-exponent. That of the cumulative distribution is smaller by one.
    interval
        Confidence interval of the exponent.
    smallest
        Area in m2 from which on the law holds.
    estimated
        Whether ``smallest`` was estimated from the areas; else it was given.
    in_tail
        Number of areas that are not smaller.
    ks_distance
        Kolmogorov-Smirnov distance between these areas and the law.
    areas
        All areas in m2, ascending.
    seed
        Of the bootstrap.
    """

    exponent: float
    interval: Interval
    smallest: float
    estimated: bool
    in_tail: int
    ks_distance: float
    areas: Values
    seed: int

    def density(self, area: Any) -> Values:
        """Fitted probability density among all areas, 1/m2, at areas in m2; NaN below ``smallest``."""
        at = np.asarray(area, np.float64)
        share = self.in_tail / len(self.areas)
        with np.errstate(divide="ignore", invalid="ignore"):
            law = share * (self.exponent - 1) / self.smallest * (at / self.smallest) ** -self.exponent
        return np.where(at >= self.smallest, law, np.nan)

    def table(self, bins_per_decade: int = 5) -> pd.DataFrame:
        """Density of areas in bins of equal width on a logarithmic axis.

        One border is at ``smallest``. Columns: ``centre`` of the bin (geometric mean of its borders) and ``width`` in
        m2, ``count``, ``density`` (count over the number of all areas and the width) and ``fitted_density`` (of the
        law at the centre, NaN where it does not hold) in 1/m2.
        """
        import pandas as pd

        per_decade = whole_number("bins_per_decade", bins_per_decade, least=1, most=1000)
        decades = np.log10(self.areas[[0, -1]] / self.smallest) * per_decade
        steps = np.arange(math.floor(decades[0]), math.floor(decades[1]) + 2)
        edges = self.smallest * 10.0 ** (steps / per_decade)
        # Rounding of the logarithm must not leave the largest area in no bin or an empty bin behind.
        edges = edges[max(np.searchsorted(edges, self.areas[0], "right") - 1, 0) :]
        counts = np.diff(np.searchsorted(self.areas, edges, "left"))
        width, centre = np.diff(edges), np.sqrt(edges[:-1] * edges[1:])
        return pd.DataFrame(
            {
                "centre": centre,
                "width": width,
                "count": counts,
                "density": counts / (len(self.areas) * width),
                "fitted_density": self.density(centre),
            }
        )


def frequency_area(
    areas: Any, *, smallest: float | None = None, confidence: float = 0.95, seed: int = 0
) -> PowerLaw:
    r"""Fit the power law of landslide areas, :math:`p(a) \propto a^{-\alpha}` for areas from ``smallest`` on.

    The exponent is that of maximum likelihood over the n areas that are not smaller,

    .. math:: \alpha = 1 + \frac{n}{\sum_{i = 1}^{n} \ln (a_i / a_\mathrm{smallest})}

    Small landslides are missed in maps, so that the law ends somewhere. Where ``smallest`` is not given, it is the
    area that brings the law closest to the areas above it, by the Kolmogorov-Smirnov distance, among the mapped areas
    that leave at least 10 (of more than 200, 200 that are spread evenly over their logarithms).

    The confidence interval is exact where ``smallest`` is given: 2 n times the true :math:`\alpha - 1` over the
    estimated one has a chi-squared distribution with 2 n degrees of freedom. Where it is estimated, the interval
    is that of 500 bootstrap samples of all areas (quantiles), for each of which ``smallest`` is estimated anew. Both
    take landslides as independent, and neither tells whether a power law is right: look at the picture. The law is
    one of continuous areas; areas counted in pixels should be of several pixels at least.

    Parameters
    ----------
    areas
        Areas in m2, one per landslide, positive, as of :func:`areas_of`.
    smallest
        Area in m2 from which on the law is taken to hold; None estimates it.
    confidence
        Of the interval, between 0 and 1.
    seed
        Of the bootstrap; 0 or more.

    Returns
    -------
    PowerLaw
        The exponent with its interval, the areas that it holds for, and a table of densities.

    References
    ----------
    Clauset, A., Shalizi, C. R. and Newman, M. E. J. (2009). Power-law distributions in empirical data. SIAM Review
    51(4), 661-703.

    Malamud, B. D., Turcotte, D. L., Guzzetti, F. and Reichenbach, P. (2004). Landslide inventories and their
    statistical properties. Earth Surface Processes and Landforms 29(6), 687-711.

    Examples
    --------
    >>> areas = 1000.0 * np.array([1.0, 2.0, 4.0, 8.0])
    >>> law = frequency_area(areas, smallest=1000.0)
    >>> round(law.exponent, 4), law.in_tail, law.interval.method
    (1.9618, 4, 'exact')
    """
    ordered = _checked_areas(areas)
    level = _checked_confidence(confidence)
    bootstrap_seed = whole_number("seed", seed, least=0)
    if smallest is None:
        start = _best_start(ordered)
        if start is None:
            raise InvalidArgument(
                f"areas are {len(ordered)} and {len(np.unique(ordered))} different; estimating where the law begins "
                f"needs {_FEWEST} or more, not all the same: pass smallest= in m2"
            )
        tail = _tail_from(ordered, float(ordered[start]))
        interval = _bootstrap_interval(ordered, level, bootstrap_seed)
    else:
        tail = _tail_from(ordered, _checked_smallest(smallest, ordered))
        interval = _exact_interval(tail, level)
    ordered.flags.writeable = False
    return PowerLaw(
        exponent=tail.exponent,
        interval=interval,
        smallest=tail.smallest,
        estimated=smallest is None,
        in_tail=tail.count,
        ks_distance=tail.ks_distance,
        areas=ordered,
        seed=bootstrap_seed,
    )


def _tail_from(ordered: Values, smallest: float) -> _Tail:
    """The law for areas from one on; at least one of them is larger."""
    start = int(np.searchsorted(ordered, smallest))
    # Logarithms of ratios: of the areas themselves, a common large unit would cost digits.
    steepness, distance = _kernels.fit(np.log(ordered / smallest), start, 0.0, math.inf)
    return _Tail(smallest, len(ordered) - start, 1.0 + float(steepness), float(distance))


def _best_start(ordered: Values) -> int | None:
    """Where the tail starts that is closest to a power law; None where there is none to choose."""
    starts = _candidates(ordered)
    return int(_kernels.closest(np.log(ordered / ordered[0]), starts)) if len(starts) else None


def _candidates(ordered: Values) -> NDArray[np.intp]:
    """Places of areas that the law may begin with: enough are not smaller, and one is larger."""
    different = np.flatnonzero(np.diff(ordered, prepend=0.0) > 0)
    able: NDArray[np.intp] = different[
        (different <= len(ordered) - _FEWEST) & (ordered[different] < ordered[-1])
    ]
    if len(able) <= _MOST_CANDIDATES:
        return able
    wanted = np.geomspace(ordered[able[0]], ordered[able[-1]], _MOST_CANDIDATES)
    spread: NDArray[np.intp] = able[np.unique(np.searchsorted(ordered[able], wanted).clip(max=len(able) - 1))]
    return spread


def _exact_interval(tail: _Tail, confidence: float) -> Interval:
    from scipy.stats import chi2

    quantiles = np.asarray(chi2.ppf([(1 - confidence) / 2, (1 + confidence) / 2], 2 * tail.count))
    low, high = (1.0 + (tail.exponent - 1.0) * quantiles / (2 * tail.count)).tolist()
    return Interval(low, high, confidence, "exact")


def _bootstrap_interval(ordered: Values, confidence: float, seed: int) -> Interval:
    random = np.random.default_rng(seed)
    exponents = []
    for _ in range(_RESAMPLES):
        # Sorted places are sorted areas, and whole numbers sort faster.
        drawn = ordered[np.sort(random.integers(0, len(ordered), len(ordered)))]
        start = _best_start(drawn)
        if start is not None:  # a handful of areas may be drawn as one and the same
            exponents.append(_tail_from(drawn, float(drawn[start])).exponent)
    low, high = np.quantile(exponents, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high), confidence, "bootstrap")


def _checked_areas(areas: Any) -> Values:
    try:
        values = np.array(areas, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidType(
            f"areas is a {type(areas).__name__} that does not hold numbers; it must be a list or an array of areas "
            "in m2: inventory.areas_of(polygons) gives them"
        ) from error
    if values.ndim != 1 or not len(values):
        raise InvalidArgument(
            f"areas has shape {values.shape}; it must be a list or an array of one dimension, with one area "
            "per landslide"
        )
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        raise InvalidArgument(
            f"areas holds {int(bad.sum())} value(s) that are not positive and finite, the first {values[bad][0]}; "
            "leave them out, as in areas[areas > 0]"
        )
    return np.sort(values)


def _checked_smallest(smallest: Any, ordered: Values) -> float:
    if isinstance(smallest, bool) or not isinstance(smallest, int | float | np.number):
        raise InvalidType(f"smallest must be a number in m2, or None to estimate it; got {smallest!r}")
    value = float(smallest)
    if not (math.isfinite(value) and value > 0):
        raise InvalidArgument(f"smallest must be positive and finite, in m2; got {smallest!r}")
    if np.count_nonzero(ordered >= value) < 2 or not ordered[-1] > value:
        raise InvalidArgument(
            f"smallest is {value:.6g} m2, and {np.count_nonzero(ordered >= value)} of the areas ({ordered[0]:.6g} to "
            f"{ordered[-1]:.6g} m2) are not smaller; a fit needs two, and one that is larger: lower it"
        )
    return value


def _checked_confidence(confidence: Any) -> float:
    if isinstance(confidence, int | float | np.number) and 0 < float(confidence) < 1:
        return float(confidence)
    raise InvalidArgument(f"confidence must be a number between 0 and 1, such as 0.95; got {confidence!r}")
