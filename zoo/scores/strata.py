"""Which boxes are found, and which are not: recall by any property of the true boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import InvalidArgument
from zoo.scores.intervals import wilson
from zoo.scores.matching import BoxMatches
from zoo.scores.values import Interval, Values, plain_dict


@dataclass(frozen=True, slots=True)
class Stratum:
    """How many of one kind of true boxes were found.

    Attributes
    ----------
    name
        The value, or the span of values.
    found, total
        Boxes.
    """

    name: str
    found: int
    total: int

    @property
    def recall(self) -> Interval:
        """Share found, with Wilson's interval at 95 percent."""
        return wilson(self.found, self.total)

    def as_dict(self) -> dict[str, Any]:
        """Return numbers for JSON."""
        return plain_dict(
            {"name": self.name, "found": self.found, "total": self.total, "recall": self.recall.as_dict()}
        )


def recall_by(
    images: Sequence[BoxMatches],
    values: Sequence[ArrayLike],
    *,
    confidence: float,
    edges: Sequence[float] | None = None,
) -> tuple[Stratum, ...]:
    """Tell the recall by any property of the true boxes: area, baseline, coherence, kind.

    Parameters
    ----------
    images
        Matches of each image.
    values
        One array per image, one value per true box, ignored ones included.
    confidence
        From which on a detection counts.
    edges
        Ascending borders of the strata of numbers, each with its lower one: ``[a, b)``; infinite ones are welcome.
        Values beyond them, and NaN, are in no stratum. Without edges, each value is a stratum of its own.

    Returns
    -------
    tuple of Stratum
        In the order of the edges, or of the sorted values.

    Examples
    --------
    >>> from zoo.scores import ScoredBoxes, TruthBoxes, match_boxes
    >>> truth = TruthBoxes([[0, 0, 9, 9], [20, 20, 29, 29]], [0, 0])
    >>> matches = match_boxes(truth, ScoredBoxes([[0, 0, 9, 9]], [0], [0.9]))
    >>> for stratum in recall_by([matches], [[12, 6]], confidence=0.5):
    ...     print(stratum.name, stratum.found, stratum.total)
    6 0 1
    12 1 1
    """
    if len(values) != len(images):
        raise InvalidArgument(
            f"values has {len(values)} array(s) for {len(images)} image(s); give one for each"
        )
    columns = []
    for image, column in zip(images, values, strict=True):
        given = np.asarray(column)
        if given.shape != (len(image.counted),):
            raise InvalidArgument(
                f"values has an array of the shape {given.shape} for {len(image.counted)} true box(es); give one "
                "value for each"
            )
        columns.append(given[image.counted])
    filled = [column for column in columns if column.size]
    keys = np.concatenate(filled) if filled else np.zeros(0)
    hits = [image.found_at[image.counted] >= confidence for image in images]
    found = np.concatenate(hits) if hits else np.zeros(0, bool)
    if edges is None:
        names = np.unique(keys)
        members = [(str(name), keys == name) for name in names if name == name]  # NaN is no value
    else:
        members = _spans(keys, np.asarray(edges, np.float64))
    return tuple(Stratum(name, int((found & inside).sum()), int(inside.sum())) for name, inside in members)


def _spans(keys: NDArray[Any], edges: Values) -> list[tuple[str, NDArray[np.bool_]]]:
    if edges.ndim != 1 or edges.size < 2 or not bool(np.all(np.diff(edges) > 0.0)):
        raise InvalidArgument(f"edges is {edges.tolist()}; it must be two or more ascending numbers")
    if keys.dtype.kind not in "biuf":
        raise InvalidArgument(f"values are of type {keys.dtype}, which has no order; leave edges out")
    return [
        (_span_in_words(low, high), (keys >= low) & (keys < high)) for low, high in pairwise(edges.tolist())
    ]


def _span_in_words(low: float, high: float) -> str:
    """Name a span of values.

    >>> _span_in_words(0.1, 0.5), _span_in_words(-math.inf, 6), _span_in_words(6, math.inf)
    ('0.1 to 0.5', 'under 6', 'from 6')
    """
    if math.isinf(low):
        return "all" if math.isinf(high) else f"under {high:g}"
    return f"from {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"
