"""How sure a score is: bootstrap over tiles, and exact or nearly exact intervals of proportions and rates.

Pixels, and detections of one tile, are not independent: they share ground, atmosphere and noise. So what is drawn
anew is whole tiles, or groups of tiles that share ground (all tiles of one DEM).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import InvalidArgument
from zoo.scores._checks import confidence_level, whole_number
from zoo.scores.values import Interval, Values, Whole

Tile = TypeVar("Tile")

RESAMPLES = 1000
"""Draws of a bootstrap."""


def bootstrap(
    tiles: Sequence[Tile],
    statistic: Callable[[list[Tile]], float],
    *,
    groups: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the percentile interval of any statistic of a list of tiles.

    Parameters
    ----------
    tiles
        One result per tile, of any kind.
    statistic
        Called with as many tiles as there are, some of them repeated. NaN is left out of the percentiles.
    groups
        One name per tile; tiles of one group are drawn together. Those named None stand alone, as all do without
        groups.
    resamples
        How often tiles are drawn.
    confidence
        Of the two-sided interval.
    seed
        The same seed gives the same interval.

    Returns
    -------
    Interval
        ``value`` is the statistic of the tiles as they are. With few groups (under twenty or so) such intervals
        are too narrow; of one group alone the ends are NaN.

    References
    ----------
    Efron, B. and Tibshirani, R. J. (1993). An Introduction to the Bootstrap, chapter 13.

    Examples
    --------
    >>> bootstrap([1.0, 2.0, 3.0, 4.0], lambda tiles: sum(tiles) / len(tiles), seed=1).value
    2.5
    """

    def of_weights(weights: Whole) -> float:
        return statistic([tile for tile, times in zip(tiles, weights, strict=True) for _ in range(times)])

    return bootstrap_weights(
        len(tiles), of_weights, groups=groups, resamples=resamples, confidence=confidence, seed=seed
    )


def bootstrap_sums(
    rows: ArrayLike,
    statistic: Callable[[NDArray[Any]], float],
    *,
    groups: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the percentile interval of a statistic of sums over tiles, such as the IoU of summed pixel counts.

    Parameters
    ----------
    rows
        Numbers to be summed, (tiles, any).
    statistic
        Called with the sum of the rows drawn.
    groups, resamples, confidence, seed
        As for :func:`bootstrap`; the same draws.

    Examples
    --------
    >>> hits_and_misses = [[8, 2], [5, 5], [9, 1]]
    >>> bootstrap_sums(hits_and_misses, lambda row: row[0] / row.sum()).value.__round__(3)
    0.733
    """
    table = np.asarray(rows)
    if table.ndim != 2:
        raise InvalidArgument(f"rows has the shape {table.shape}; it must be (tiles, numbers to be summed)")
    return bootstrap_weights(
        len(table),
        lambda weights: statistic(weights @ table),
        groups=groups,
        resamples=resamples,
        confidence=confidence,
        seed=seed,
    )


def bootstrap_weights(
    tiles: int,
    statistic: Callable[[Whole], float],
    *,
    groups: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the percentile interval of a statistic that is told how often each tile was drawn.

    Parameters
    ----------
    tiles
        Number of tiles.
    statistic
        Called with the times that each tile was drawn, int64.
    groups, resamples, confidence, seed
        As for :func:`bootstrap`; the same draws.
    """
    level = confidence_level(confidence)
    value = float(statistic(np.ones(tiles, np.int64)))
    found = [statistic(weights) for weights in draws(tiles, groups=groups, resamples=resamples, seed=seed)]
    return percentile_interval(value, np.array(found, np.float64), level)


def draws(
    tiles: int, *, groups: Sequence[Hashable] | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[Whole]:
    """Yield how often each tile is drawn, once per resample; the arguments are those of :func:`bootstrap`.

    One group alone cannot be drawn in another way: it yields nothing.
    """
    if tiles < 1:
        raise InvalidArgument("there is no tile to draw from; score at least one")
    number_of_draws = whole_number("resamples", resamples, least=1)
    member = _members(groups, tiles)
    number = int(member.max()) + 1
    random = np.random.default_rng(whole_number("seed", seed, least=0))
    for _ in range(number_of_draws if number > 1 else 0):
        yield np.bincount(random.integers(number, size=number), minlength=number)[member]


def percentile_interval(value: float, found: Values, confidence: float = 0.95) -> Interval:
    """Return the interval between percentiles of what resamples gave, NaN left out."""
    level = confidence_level(confidence)
    known = found[~np.isnan(found)]
    if math.isnan(value) or not known.size:
        return Interval(value, math.nan, math.nan, level)
    low, high = np.quantile(known, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(value, float(low), float(high), level)


def wilson(found: int, total: int, *, confidence: float = 0.95) -> Interval:
    r"""Return Wilson's score interval of a proportion.

    .. math:: \frac{\hat p + z^2 / 2n \pm z \sqrt{\hat p (1 - \hat p) / n + z^2 / 4n^2}}{1 + z^2 / n}

    It keeps within 0 and 1 and is good for small numbers. What is counted must be independent: of boxes of one scene,
    which share atmosphere and noise, it is too narrow.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. Journal of the
    American Statistical Association 22, 209-212.

    Examples
    --------
    >>> print(wilson(109, 117))
    0.932 (0.871 to 0.965)
    """
    from scipy.special import ndtri

    level = confidence_level(confidence)
    trials, hits = whole_number("total", total, least=0), whole_number("found", found, least=0)
    if hits > trials:
        raise InvalidArgument(f"found is {found} of a total of {total}; it must not be more")
    if not trials:
        return Interval(math.nan, math.nan, math.nan, level)
    z = float(ndtri((1.0 + level) / 2.0))
    share = hits / trials
    middle = share + z * z / (2.0 * trials)
    reach = z * math.sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials))
    shrink = 1.0 + z * z / trials
    # Rounding must not take the ends of 0 and of all off the border.
    low = 0.0 if hits == 0 else (middle - reach) / shrink
    high = 1.0 if hits == trials else (middle + reach) / shrink
    return Interval(share, low, high, level)


def poisson_rate(count: int, exposure: float, *, confidence: float = 0.95) -> Interval:
    r"""Return the exact interval of a rate, such as false alarms per area.

    .. math:: \left[\tfrac12 \chi^2_{\alpha/2}(2k),\; \tfrac12 \chi^2_{1-\alpha/2}(2k+2)\right] / A

    of k events in an exposure A. Its low end is 0 where there were none; the high end is then still that of a
    two-sided interval, 3.69 events at 95 percent. A one-sided bound of 95 percent is the high end at
    ``confidence=0.9``: 3.00 events.

    References
    ----------
    Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika 28, 437-442.

    Examples
    --------
    >>> print(poisson_rate(4, 2.0))
    2.000 (0.545 to 5.121)
    """
    from scipy.special import gammaincinv

    level = confidence_level(confidence)
    events = whole_number("count", count, least=0)
    if not (math.isfinite(exposure) and exposure > 0.0):
        raise InvalidArgument(f"exposure is {exposure}; it must be a positive number")
    tail = (1.0 - level) / 2.0
    # chi2's quantile with 2 k degrees of freedom is twice the inverse incomplete gamma function of k.
    low = float(gammaincinv(events, tail)) if events else 0.0
    high = float(gammaincinv(events + 1, 1.0 - tail))
    return Interval(events / exposure, low / exposure, high / exposure, level)


def _members(groups: Sequence[Hashable] | None, tiles: int) -> Whole:
    """The number of the group of each tile, in the order of first appearance."""
    if groups is None:
        return np.arange(tiles)
    if len(groups) != tiles:
        raise InvalidArgument(f"groups has {len(groups)} name(s) for {tiles} tile(s); give one for each")
    numbers: dict[Hashable, int] = {}
    keys = [("alone", place) if name is None else ("group", name) for place, name in enumerate(groups)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
