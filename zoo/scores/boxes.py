"""How good boxes are: average precision, precision and recall at a confidence, confusion, false alarms.

All functions take the matches of many images (:func:`zoo.scores.match_boxes`), a few numbers per box, so that
thousands of images fit in memory. Images may come in any order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument
from zoo.scores.intervals import poisson_rate
from zoo.scores.matching import FALSE_ALARM, BoxMatches
from zoo.scores.values import Counts, Curve, Interval, Values, Whole

_PER_100_KM2 = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class PooledDetections:
    """Detections of many images that count, surest first, of one class or of all.

    Attributes
    ----------
    scores
        Descending.
    hits
        True where a box was found; false alarms are not.
    images
        Number of the image of each.
    truth
        Boxes to be found in each image.
    """

    scores: Values
    hits: NDArray[np.bool_]
    images: Whole
    truth: Whole

    @classmethod
    def of(cls, images: Sequence[BoxMatches], number: int | None = None) -> PooledDetections:
        """Pool the detections of class ``number``; without, of all classes."""
        chosen = [
            (image.partners >= FALSE_ALARM) & (True if number is None else image.classes == number)
            for image in images
        ]
        scores = _joined([image.scores[keep] for image, keep in zip(images, chosen, strict=True)], float)
        hits = _joined([image.partners[keep] >= 0 for image, keep in zip(images, chosen, strict=True)], bool)
        places = np.repeat(np.arange(len(images)), [int(keep.sum()) for keep in chosen])
        truth = [
            int((image.counted & (True if number is None else image.truth_classes == number)).sum())
            for image in images
        ]
        order = np.argsort(-scores, kind="stable")
        return cls(scores[order], hits[order], places[order], np.array(truth, np.int64))

    def curve(self, weights: Whole | None = None) -> Curve:
        """Precision over recall; detections of one score enter together, so that no order is made up.

        Parameters
        ----------
        weights
            How often each image counts, as a bootstrap draws them; without, once.
        """
        times = np.ones(len(self.truth), np.int64) if weights is None else weights
        counts = times[self.images]
        tp, found = np.cumsum(counts * self.hits), np.cumsum(counts)
        last = np.flatnonzero(np.diff(self.scores, append=-np.inf) < 0.0)
        last = last[found[last] > 0]
        total = int(times @ self.truth)
        recall = tp[last] / total if total else np.full(len(last), np.nan)
        return Curve(self.scores[last], tp[last] / found[last], recall)

    def average_precision(self, weights: Whole | None = None) -> float:
        """Area under the envelope of :meth:`curve`; NaN where there is nothing to be found."""
        times = np.ones(len(self.truth), np.int64) if weights is None else weights
        return self.curve(weights).envelope_area if int(times @ self.truth) else math.nan


def precision_recall_curve(images: Sequence[BoxMatches], number: int | None = None) -> Curve:
    """Return precision over recall of the detections of class ``number``; without, of all."""
    return PooledDetections.of(images, number).curve()


def average_precision(images: Sequence[BoxMatches], number: int | None = None) -> float:
    r"""Return the average precision of class ``number``; without, of all detections together.

    .. math:: AP = \sum_n (R_n - R_{n-1}) \max_{m \ge n} P_m

    over all distinct scores: the area under the precision's envelope, as PASCAL VOC has it since 2010. COCO takes the
    mean of the same envelope at 101 recalls, which differs by 0.01 at most.

    Parameters
    ----------
    images
        Matches of each image. For a class, matched ``by_class``; for all together (class-agnostic), not so.
    number
        Of the class.

    Returns
    -------
    float
        0 to 1; NaN where no box of the class is to be found.

    References
    ----------
    Everingham, M. et al. (2010). The PASCAL visual object classes (VOC) challenge. Int. J. Computer Vision 88,
    303-338; and the development kit of 2010 on, which takes all points.

    Examples
    --------
    Of two boxes, the surest detection misses, the next two hit: precision 0, 1/2, 2/3 at recall 0, 1/2, 1.

    >>> from zoo.scores import ScoredBoxes, TruthBoxes, match_boxes
    >>> truth = TruthBoxes([[0, 0, 9, 9], [20, 20, 29, 29]], [0, 0])
    >>> found = ScoredBoxes([[50, 50, 59, 59], [0, 0, 9, 9], [20, 20, 29, 29]], [0, 0, 0], [0.9, 0.8, 0.7])
    >>> round(average_precision([match_boxes(truth, found)], 0), 4)
    0.6667
    """
    return PooledDetections.of(images, number).average_precision()


def counts_at(images: Sequence[BoxMatches], confidence: float, number: int | None = None) -> Counts:
    """Return hits, false alarms and misses of the detections whose score reaches a confidence.

    Parameters
    ----------
    images
        Matches of each image.
    confidence
        In the unit of the scores.
    number
        Of the class; without, all classes together.
    """
    pooled = PooledDetections.of(images, number)
    sure = pooled.scores >= confidence
    tp = int((sure & pooled.hits).sum())
    return Counts(tp=tp, fp=int(sure.sum()) - tp, fn=int(pooled.truth.sum()) - tp)


def best_confidence(images: Sequence[BoxMatches]) -> float:
    """Return the confidence of the highest F1 over all classes; of equals the highest. Pick it on validation data.

    Raises
    ------
    InvalidArgument
        Where nothing was found, so that no confidence is best.
    """
    curve = PooledDetections.of(images).curve()
    total = curve.precision + curve.recall
    f1 = 2.0 * np.divide(curve.precision * curve.recall, total, out=np.zeros_like(total), where=total > 0.0)
    if not f1.size or not float(f1.max()) > 0.0:
        raise InvalidArgument(
            "images hold no detection that found a box, so no confidence is best; train longer or lower the IoU"
        )
    return float(curve.thresholds[int(np.argmax(f1))])


def confusion_matrix(images: Sequence[BoxMatches], classes: int, confidence: float) -> Whole:
    """Count which class was taken for which.

    Parameters
    ----------
    images
        Matches of each image, not ``by_class``: a box is found first, then named.
    classes
        Number of classes.
    confidence
        Detections whose score does not reach it are left out.

    Returns
    -------
    numpy.ndarray
        (classes + 1, classes + 1): rows are the true class, columns the detected one; last is the background. Row
        sums are the boxes of a class, but for the last. Ignored boxes, and detections on them, are left out.

    Examples
    --------
    >>> from zoo.scores import ScoredBoxes, TruthBoxes, match_boxes
    >>> truth = TruthBoxes([[0, 0, 9, 9], [20, 20, 29, 29]], [0, 1])
    >>> found = ScoredBoxes([[0, 0, 9, 9]], [1], [0.9])
    >>> confusion_matrix([match_boxes(truth, found, by_class=False)], 2, 0.5).tolist()
    [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for image in images:
        highest = max(
            (int(part.max()) for part in (image.classes, image.truth_classes) if part.size), default=0
        )
        if highest >= classes:
            raise InvalidArgument(
                f"images hold the class {highest}; with {classes} classes, the last is {classes - 1}"
            )
        sure = image.scores >= confidence
        hits = sure & (image.partners >= 0)
        np.add.at(counts, (image.truth_classes[image.partners[hits]], image.classes[hits]), 1)
        alarms = sure & (image.partners == FALSE_ALARM)
        counts[classes] += np.bincount(image.classes[alarms], minlength=classes + 1)
        missed = image.counted & ~(image.found_at >= confidence)
        counts[:, classes] += np.bincount(image.truth_classes[missed], minlength=classes + 1)
    return counts


def false_alarms_per_100_km2(count: int, area_km2: float, *, confidence: float = 0.95) -> Interval:
    """Return the false alarms per 100 km2 with Garwood's exact Poisson interval.

    Parameters
    ----------
    count
        Detections on ground where nothing is to be found.
    area_km2
        Of that ground, km2; valid pixels only.
    confidence
        Of the two-sided interval. For a one-sided bound of 95 percent, take the high end at 0.9.

    Examples
    --------
    No detection on 77 km2 still allows 3.9 false alarms per 100 km2 (one-sided, 95 percent):

    >>> round(false_alarms_per_100_km2(0, 77.0, confidence=0.9).high, 1)
    3.9
    """
    if not (math.isfinite(area_km2) and area_km2 > 0.0):
        raise InvalidArgument(f"area_km2 is {area_km2}; it must be a positive number of km2")
    return poisson_rate(count, area_km2 / _PER_100_KM2, confidence=confidence)


def _joined(parts: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, kind)
