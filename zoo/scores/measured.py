"""Counts of many tiles with intervals about their ratios."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zoo.scores.intervals import RESAMPLES, draws, percentile_interval
from zoo.scores.values import Counts, Interval, Values, Whole, plain_dict

RATIOS: Final = ("precision", "recall", "f1", "iou")


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Counts summed over tiles, and how sure their ratios are.

    Attributes
    ----------
    counts
        Of all tiles together.
    intervals
        Of ``precision``, ``recall``, ``f1`` and ``iou``, by bootstrap over tiles.
    """

    counts: Counts
    intervals: Mapping[str, Interval]

    def as_dict(self) -> dict[str, Any]:
        """Return counts, ratios and intervals as numbers for JSON."""
        intervals = {name: [span.low, span.high] for name, span in self.intervals.items()}
        return plain_dict({**self.counts.as_dict(), "intervals": intervals})


def with_intervals(
    rows: NDArray[np.int64],
    *,
    groups: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[Measured, ...]:
    """Sum the counts of tiles, several parts of each, and draw the tiles anew for the intervals.

    Parameters
    ----------
    rows
        Counts as tp, fp, fn, tn (:meth:`Counts.as_row`), (tiles, parts, 4).
    groups, resamples, confidence, seed
        As for :func:`zoo.scores.bootstrap`.

    Returns
    -------
    tuple of Measured
        One per part.

    Examples
    --------
    >>> rows = np.array([[[8, 2, 1, 9]], [[5, 1, 4, 9]]])
    >>> print(with_intervals(rows)[0].intervals["recall"])
    0.722 (0.556 to 0.889)
    """
    tiles, parts = rows.shape[:2]
    table = rows.reshape(tiles, parts * 4)
    drawn = [weights @ table for weights in draws(tiles, groups=groups, resamples=resamples, seed=seed)]
    sums = np.array(drawn, np.int64).reshape(-1, parts * 4)
    found = []
    for part in range(parts):
        counts = Counts.of_row(rows[:, part].sum(axis=0))
        resampled = _ratios(sums[:, 4 * part : 4 * part + 4])
        found.append(
            Measured(
                counts,
                {
                    name: percentile_interval(getattr(counts, name), values, confidence)
                    for name, values in zip(RATIOS, resampled, strict=True)
                },
            )
        )
    return tuple(found)


def _ratios(sums: Whole) -> tuple[Values, ...]:
    """The ratios of Counts, of many rows at once."""
    tp, fp, fn = sums[:, 0], sums[:, 1], sums[:, 2]
    parts = ((tp, tp + fp), (tp, tp + fn), (2 * tp, 2 * tp + fp + fn), (tp, tp + fp + fn))
    return tuple(
        np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0) for part, whole in parts
    )
