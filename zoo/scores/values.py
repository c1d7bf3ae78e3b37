"""Values that all scores share: counts, curves, intervals, and how they are written down."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Whole = NDArray[np.int64]

ON_SYNTHETIC: Final = "Scores on synthetic scenes: they say nothing about accuracy on real landslides."
"""Stands under every score that was reached on synthetic scenes."""

NOT_KNOWN: Final = (
    "Whether these are synthetic scenes is not known; if they are, scores say nothing about accuracy on real "
    "landslides."
)
"""Stands under every score of data that do not say where they come from."""


def origin_note(on_synthetic: bool | None) -> str:
    """What has to stand under scores; "" where they were reached on real scenes.

    Parameters
    ----------
    on_synthetic
        Whether any of the scenes is synthetic; None where that is not known.

    Examples
    --------
    >>> origin_note(None).split(";")[0], origin_note(False)
    ('Whether these are synthetic scenes is not known', '')
    """
    if on_synthetic is None:
        return NOT_KNOWN
    return ON_SYNTHETIC if on_synthetic else ""


@dataclass(frozen=True, slots=True)
class Counts:
    """True and false positives, misses and, of pixels, true negatives. Ratios are NaN where they are 0 / 0.

    Attributes
    ----------
    tp, fp, fn
        Found, falsely found, missed.
    tn
        Background left alone. Of boxes and objects there is none to count: 0.

    Examples
    --------
    >>> counts = Counts(tp=109, fp=64, fn=8)
    >>> round(counts.precision, 3), round(counts.recall, 3), round(counts.f1, 3)
    (0.63, 0.932, 0.752)
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def iou(self) -> float:
        """TP / (TP + FP + FN)."""
        return ratio(self.tp, self.tp + self.fp + self.fn)

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    def as_row(self) -> Whole:
        """Return tp, fp, fn, tn, for sums over many tiles."""
        return np.array([self.tp, self.fp, self.fn, self.tn], np.int64)

    @classmethod
    def of_row(cls, row: NDArray[Any]) -> Counts:
        """Take tp, fp, fn, tn back from a row.

        >>> Counts.of_row(Counts(1, 2, 3, 4).as_row())
        Counts(tp=1, fp=2, fn=3, tn=4)
        """
        return cls(*(int(number) for number in row))

    def as_dict(self) -> dict[str, Any]:
        """Return counts and ratios as numbers for JSON, None for 0 / 0."""
        return plain_dict(
            {
                **{name: getattr(self, name) for name in ("tp", "fp", "fn", "tn")},
                **{name: getattr(self, name) for name in ("precision", "recall", "f1", "iou")},
            }
        )


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Precision over recall, from the highest threshold to the lowest.

    Attributes
    ----------
    thresholds
        Descending; what reaches the threshold counts as found.
    precision, recall
        At each of them. Recall ascends; it is NaN where there is nothing to be found.
    """

    thresholds: Values
    precision: Values
    recall: Values

    @property
    def envelope(self) -> Values:
        """The highest precision at this recall or any higher one."""
        return np.maximum.accumulate(self.precision[::-1])[::-1]

    @property
    def step_area(self) -> float:
        r"""Area under the steps, :math:`\sum_n (R_n - R_{n-1}) P_n`, not interpolated; NaN without any truth.

        >>> Curve(np.array([0.9, 0.8]), np.array([0.5, 2 / 3]), np.array([0.5, 1.0])).step_area.__round__(4)
        0.5833
        """
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    @property
    def envelope_area(self) -> float:
        r"""Area under the envelope, :math:`\sum_n (R_n - R_{n-1}) \max_{m \ge n} P_m`; NaN without any truth.

        >>> Curve(np.array([0.9, 0.8]), np.array([0.5, 2 / 3]), np.array([0.5, 1.0])).envelope_area.__round__(4)
        0.6667
        """
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.envelope))


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and the interval about it, NaN where nothing is known.

    Attributes
    ----------
    value
        What was found.
    low, high
        Ends of the two-sided interval.
    confidence
        Share of such intervals that hold the true value.
    """

    value: float
    low: float
    high: float
    confidence: float = 0.95

    @property
    def span(self) -> str:
        """The interval in words, a dash where it is not known."""
        return "-" if math.isnan(self.low) else f"{shown(self.low)} to {shown(self.high)}"

    def __str__(self) -> str:
        return shown(self.value) if math.isnan(self.low) else f"{shown(self.value)} ({self.span})"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as numbers for JSON, None for NaN."""
        return plain_dict({name: getattr(self, name) for name in ("value", "low", "high", "confidence")})


def ratio(part: float, whole: float) -> float:
    """Return part / whole, NaN for 0 / 0."""
    return part / whole if whole else math.nan


def mean_of_known(values: Sequence[float]) -> float:
    """Return the mean of what is not NaN; NaN where all are.

    >>> mean_of_known([1.0, math.nan, 2.0]), mean_of_known([])
    (1.5, nan)
    """
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def plain_dict(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a mapping as what JSON knows; see :func:`plain`."""
    return {str(key): plain(item) for key, item in values.items()}


def plain(value: Any) -> Any:
    """Return nested values as what JSON knows: NaN and infinity become None, arrays lists, names strings.

    >>> plain({"a": np.array([1.0, np.nan]), "b": (np.int64(2), Interval(0.5, 0.25, 0.75))})["a"]
    [1.0, None]
    """
    if hasattr(value, "as_dict"):
        return value.as_dict()
    if isinstance(value, Mapping):
        return plain_dict(value)
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def shown(value: float) -> str:
    """Return a number as tables show it: whole ones as they are, others with three digits, NaN as a dash.

    >>> shown(12), shown(0.12345), shown(math.nan)
    ('12', '0.123', '-')
    """
    if isinstance(value, int | np.integer):
        return str(value)
    return "-" if math.isnan(value) else f"{value:.3f}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of words as lines, the first column to the left, the others to the right.

    >>> print(aligned([["class", "AP"], ["CF", "0.773"]]))
    class     AP
    CF     0.773
    """
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = (
        "  ".join(
            word.rjust(width) if place else word.ljust(width)
            for place, (word, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
