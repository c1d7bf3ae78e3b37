"""Whether a probability means what it says, and the one number that mends it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import InvalidArgument, InvalidType
from zoo.scores._checks import labelled, probabilities, same_shape, whole_number
from zoo.scores.values import Values, Whole, plain_dict, ratio

RELIABILITY_BINS: Final = 10
_LARGEST_LOGIT: Final = 40.0
_LOGIT_BINS: Final = 8000  # 0.01 wide
_TEMPERATURES: Final = (0.05, 20.0)


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """What probabilities said, and what was true. Those of tiles are added with ``+``.

    Attributes
    ----------
    counts
        Pixels (or boxes) per bin; bins are of equal width from 0 to 1, the last holds 1.
    probability_sums
        Sum of their probabilities.
    positives
        How many of them were true.
    squared_error
        Sum of (probability - truth) squared over all.
    """

    counts: Whole
    probability_sums: Values
    positives: Whole
    squared_error: float

    @classmethod
    def empty(cls, bins: int = RELIABILITY_BINS) -> Reliability:
        """Return the table of nothing."""
        number = whole_number("bins", bins, least=1)
        return cls(np.zeros(number, np.int64), np.zeros(number), np.zeros(number, np.int64), 0.0)

    def __add__(self, other: Reliability) -> Reliability:
        if len(self.counts) != len(other.counts):
            raise InvalidArgument(
                f"tables of {len(self.counts)} and of {len(other.counts)} bins cannot be added"
            )
        return Reliability(
            self.counts + other.counts,
            self.probability_sums + other.probability_sums,
            self.positives + other.positives,
            self.squared_error + other.squared_error,
        )

    @property
    def edges(self) -> Values:
        """Borders of the bins."""
        return np.linspace(0.0, 1.0, len(self.counts) + 1)

    @property
    def confidence(self) -> Values:
        """Mean probability per bin; NaN where empty."""
        return self._per_bin(self.probability_sums)

    @property
    def frequency(self) -> Values:
        """Share that was true per bin; NaN where empty."""
        return self._per_bin(self.positives)

    def _per_bin(self, sums: NDArray[Any]) -> Values:
        means: Values = np.full(len(self.counts), np.nan)
        filled = self.counts > 0
        means[filled] = sums[filled] / self.counts[filled]
        return means

    @property
    def expected_calibration_error(self) -> float:
        r"""Mean distance between both, :math:`\sum_b \frac{n_b}{N} |\bar p_b - \bar y_b|`; NaN of nothing.

        Where slides are rare, nearly all pixels lie in the first bin and make it small; look at the bins, too.
        """
        return ratio(float(np.abs(self.probability_sums - self.positives).sum()), int(self.counts.sum()))

    @property
    def brier(self) -> float:
        r"""Mean squared error of the probability, :math:`\frac1N \sum (p - y)^2`; NaN of nothing."""
        return ratio(self.squared_error, int(self.counts.sum()))

    def as_dict(self) -> dict[str, Any]:
        """Return the table and both errors as numbers for JSON."""
        return plain_dict(
            {
                "expected_calibration_error": self.expected_calibration_error,
                "brier": self.brier,
                "edges": self.edges,
                "counts": self.counts,
                "confidence": self.confidence,
                "frequency": self.frequency,
            }
        )


def reliability(
    probability: ArrayLike,
    label: ArrayLike,
    *,
    valid: ArrayLike | None = None,
    bins: int = RELIABILITY_BINS,
) -> Reliability:
    """Compare probabilities with what was true.

    Parameters
    ----------
    probability
        0 to 1, of any shape: of pixels, or scores of detections.
    label
        Truth of the same shape: 0 background, 255 nodata, all else slide; or bool, such as which detections hit.
    valid
        Mask of the same shape; what is not 1 counts nowhere.
    bins
        Of equal width.

    References
    ----------
    Naeini, M. P., Cooper, G. F. and Hauskrecht, M. (2015). Obtaining well calibrated probabilities using Bayesian
    binning. AAAI 29, 2901-2907. Brier, G. W. (1950). Verification of forecasts expressed in terms of probability.
    Monthly Weather Review 78, 1-3.

    Examples
    --------
    >>> table = reliability(np.array([0.8, 0.8, 0.8, 0.8]), [True, True, True, False])
    >>> round(table.expected_calibration_error, 4), round(table.brier, 4)
    (0.05, 0.19)
    """
    number = whole_number("bins", bins, least=1)
    truth = labelled(label, valid)
    chosen = probabilities(probability, truth)[truth.counted].astype(np.float64)
    true = truth.slides[truth.counted]
    places = np.minimum((chosen * number).astype(np.int64), number - 1)
    return Reliability(
        np.bincount(places, minlength=number).astype(np.int64),
        np.bincount(places, weights=chosen, minlength=number).astype(np.float64),
        np.bincount(places[true], minlength=number).astype(np.int64),
        float(np.sum((chosen - true) ** 2)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class LogitHistogram:
    """Logits by their size, for :func:`fit_temperature`. Those of tiles are added with ``+``.

    Attributes
    ----------
    positives, negatives
        Pixels of slides and of background per bin of 0.01 from -40 to 40; beyond lie in the last ones.
    sums
        Sum of the logits per bin.
    """

    positives: Whole
    negatives: Whole
    sums: Values

    @classmethod
    def empty(cls) -> LogitHistogram:
        """Return the histogram of nothing."""
        return cls(np.zeros(_LOGIT_BINS, np.int64), np.zeros(_LOGIT_BINS, np.int64), np.zeros(_LOGIT_BINS))

    def __add__(self, other: LogitHistogram) -> LogitHistogram:
        return LogitHistogram(
            self.positives + other.positives, self.negatives + other.negatives, self.sums + other.sums
        )

    def log_loss(self, temperature: float) -> float:
        """Return the mean log loss of the logits over a temperature; to a hundredth of a logit's width."""
        counts = self.positives + self.negatives
        filled = counts > 0
        scaled = self.sums[filled] / counts[filled] / temperature
        # log(1 + exp(-z)) of slides, log(1 + exp(z)) of the background.
        losses = self.positives[filled] @ np.logaddexp(0.0, -scaled)
        losses += self.negatives[filled] @ np.logaddexp(0.0, scaled)
        return float(losses / counts.sum())


@dataclass(frozen=True, slots=True)
class Temperature:
    """The number by which logits are divided before the sigmoid, and what it does to the log loss."""

    value: float
    loss_before: float
    loss_after: float


def logit_histogram(logits: ArrayLike, label: ArrayLike, *, valid: ArrayLike | None = None) -> LogitHistogram:
    """Count the pixels of tiles by their logit; label and valid as for :func:`reliability`."""
    truth = labelled(label, valid)
    given = np.asarray(logits)
    if given.dtype.kind != "f":
        raise InvalidType(f"logits is of type {given.dtype}; it must be real: pass the network's output")
    same_shape("logits", given, "label", truth.slides)
    chosen, true = given[truth.counted].astype(np.float64), truth.slides[truth.counted]
    if not bool(np.all(np.isfinite(chosen))):
        raise InvalidArgument(
            "logits holds values that are no finite numbers where pixels count; leave them out by valid"
        )
    width = 2.0 * _LARGEST_LOGIT / _LOGIT_BINS
    places = np.clip(np.floor((chosen + _LARGEST_LOGIT) / width), 0, _LOGIT_BINS - 1).astype(np.int64)
    return LogitHistogram(
        np.bincount(places[true], minlength=_LOGIT_BINS).astype(np.int64),
        np.bincount(places[~true], minlength=_LOGIT_BINS).astype(np.int64),
        np.bincount(places, weights=chosen, minlength=_LOGIT_BINS).astype(np.float64),
    )


def fit_temperature(histogram: LogitHistogram) -> Temperature:
    r"""Return the temperature T of the lowest log loss of :math:`\sigma(z / T)`; pick it on validation data.

    Over 1 it makes a network less sure of itself. It keeps the order of the probabilities: only thresholds move. T is
    sought from 0.05 to 20; where slides and background are told apart without error, the lowest is the best.

    Raises
    ------
    InvalidArgument
        Where there are only slides, or only background.

    References
    ----------
    Guo, C., Pleiss, G., Sun, Y. and Weinberger, K. Q. (2017). On calibration of modern neural networks. ICML 34,
    1321-1330.

    Examples
    --------
    Of four pixels with a logit of +4 three are slides, of four with -4 one: the odds of 3 are a logit of ln 3.

    >>> logits = np.repeat([4.0, -4.0], 4)
    >>> found = fit_temperature(logit_histogram(logits, [1, 1, 1, 0, 0, 0, 0, 1]))
    >>> round(found.value, 3), round(4.0 / math.log(3.0), 3)
    (3.641, 3.641)
    """
    from scipy.optimize import minimize_scalar

    if not (histogram.positives.any() and histogram.negatives.any()):
        raise InvalidArgument(
            "histogram holds slides only, or background only; a temperature needs pixels of both: add more tiles"
        )
    # Convex in 1 / T, so there is one minimum in log T as well.
    low, high = (math.log(value) for value in _TEMPERATURES)
    best = minimize_scalar(
        lambda log_t: histogram.log_loss(math.exp(log_t)),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-7},
    )
    value = math.exp(float(best.x))
    return Temperature(value, histogram.log_loss(1.0), histogram.log_loss(value))
