"""All scores of a detector of boxes in one go, image by image."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import InvalidArgument
from zoo.scores._checks import share
from zoo.scores.box_scores import BoxScores
from zoo.scores.boxes import (
    PooledDetections,
    best_confidence,
    confusion_matrix,
    counts_at,
    false_alarms_per_100_km2,
)
from zoo.scores.intervals import RESAMPLES, bootstrap_weights
from zoo.scores.matching import BoxMatches, ScoredBoxes, TruthBoxes, match_boxes
from zoo.scores.measured import with_intervals
from zoo.scores.strata import recall_by
from zoo.scores.values import Counts, Curve, Interval, Whole, mean_of_known


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    """One image: its matches at each IoU by class, and of slides whatever their class; and all classes mixed."""

    by_class: tuple[BoxMatches, ...]
    slides: tuple[BoxMatches, ...]
    mixed: BoxMatches
    strata: Mapping[str, NDArray[Any]]
    free_km2: float
    group: Hashable


class BoxTally:
    """Scores of a detector, streamed over images; memory grows by a few numbers per box.

    Parameters
    ----------
    classes
        Names, in the order of their numbers.
    apart
        Names of classes that are no slides, such as artefacts: they get scores of their own, and are left out of the
        means, of the class-agnostic scores, of recall by stratum and of false alarms.
    iou
        Thresholds of the IoU; precision, recall and confusion are told at the first.
    strata
        Properties of true boxes by which recall is told: name and edges (:func:`recall_by`), None for separate
        values.
    on_synthetic
        Whether any of the images are synthetic scenes; None where that is not known. The scores then say what they
        are not.

    Examples
    --------
    >>> tally = BoxTally(["CF", "AR"], apart=["AR"], on_synthetic=True)
    >>> tally.add(TruthBoxes([[0, 0, 9, 9]], [0]), ScoredBoxes([[0, 0, 9, 8]], [0], [0.9]))
    >>> scores = tally.scores(0.5)
    >>> scores.mean_average_precision[0.5].value, scores.without_truth
    (1.0, ('AR',))
    """

    def __init__(
        self,
        classes: Sequence[str],
        *,
        apart: Sequence[str] = (),
        iou: Sequence[float] = (0.5, 0.3),
        strata: Mapping[str, Sequence[float] | None] | None = None,
        on_synthetic: bool | None,
    ) -> None:
        self._classes, self._apart = tuple(classes), tuple(apart)
        unknown = sorted(set(self._apart) - set(self._classes))
        if unknown or len(set(self._classes)) != len(self._classes) or set(self._classes) <= set(self._apart):
            raise InvalidArgument(
                f"classes is {list(classes)} and apart {list(apart)}; give each name once, apart only names "
                "of classes, and at least one that is not apart"
            )
        self._iou = tuple(share("iou", value) for value in iou)
        if not self._iou:
            raise InvalidArgument("iou is empty; give at least one threshold, such as (0.5, 0.3)")
        self._strata = dict(strata or {})
        self._on_synthetic = on_synthetic
        self._images: list[_Image] = []

    def __len__(self) -> int:
        return len(self._images)

    def add(
        self,
        truth: TruthBoxes,
        detections: ScoredBoxes,
        *,
        strata: Mapping[str, ArrayLike] | None = None,
        area_km2: float = 0.0,
        group: Hashable = None,
    ) -> None:
        """Score one image.

        Parameters
        ----------
        truth, detections
            Of the image; doubles are suppressed. Average precision takes all scores: leave none out by confidence.
        strata
            One value per true box for each name given to the tally.
        area_km2
            Of the valid pixels; counts where neither a box of a named class nor an ignored one lies in the image.
        group
            Images of one group share ground and are drawn together for the intervals; None: it stands alone.
        """
        values = {name: np.asarray(column) for name, column in (strata or {}).items()}
        if set(values) != set(self._strata):
            raise InvalidArgument(
                f"strata has the names {sorted(values)}; it must have those of the tally: {sorted(self._strata)}"
            )
        for part in (truth.classes, detections.classes):
            if part.size and int(part.max()) >= len(self._classes):
                raise InvalidArgument(
                    f"a box has the class {int(part.max())}; there are {len(self._classes)}, numbered from 0: "
                    f"{', '.join(self._classes)}"
                )
        for name, column in values.items():
            if column.shape != (len(truth),):
                raise InvalidArgument(
                    f"strata[{name!r}] has the shape {column.shape} for {len(truth)} true box(es); give "
                    "one value for each"
                )
        named = np.array([name not in self._apart for name in self._classes])
        # Ignored ground is ignored whatever class it has.
        kept = named[truth.classes] | truth.ignore
        slides, alarms = truth[kept], detections[named[detections.classes]]
        self._images.append(
            _Image(
                by_class=tuple(match_boxes(truth, detections, iou=iou) for iou in self._iou),
                slides=tuple(match_boxes(slides, alarms, iou=iou, by_class=False) for iou in self._iou),
                mixed=match_boxes(truth, detections, iou=self._iou[0], by_class=False),
                strata={name: column[kept] for name, column in values.items()},
                free_km2=0.0 if len(slides) else float(area_km2),
                group=group,
            )
        )

    def merge(self, other: BoxTally) -> None:
        """Take over the images of a tally with the same settings, such as that of another process."""
        ours, theirs = (
            (tally._classes, tally._apart, tally._iou, tally._strata, tally._on_synthetic)
            for tally in (self, other)
        )
        if ours != theirs:
            raise InvalidArgument(f"other has the settings {theirs}; merge tallies with the same: {ours}")
        self._images += other._images

    def best_confidence(self) -> float:
        """Return the confidence of the highest F1 of the named classes at the first IoU; pick it on validation."""
        return best_confidence([_of_classes(image.by_class[0], self._numbers()) for image in self._images])

    def curve(self, name: str | None = None, *, iou: float | None = None) -> Curve:
        """Return precision over recall of a class; without, of the named classes whatever a box was called."""
        if (name is not None and name not in self._classes) or (iou is not None and iou not in self._iou):
            raise InvalidArgument(
                f"name is {name!r} and iou {iou}; this tally has the classes {', '.join(self._classes)} and the IoU "
                f"{', '.join(map(str, self._iou))}"
            )
        place = 0 if iou is None else self._iou.index(iou)
        if name is None:
            return PooledDetections.of([image.slides[place] for image in self._images]).curve()
        matches = [image.by_class[place] for image in self._images]
        return PooledDetections.of(matches, self._classes.index(name)).curve()

    def scores(self, confidence: float, *, resamples: int = RESAMPLES, seed: int = 0) -> BoxScores:
        """Return all scores of the images added so far.

        Parameters
        ----------
        confidence
            From which on a detection counts; from :meth:`best_confidence` of validation images.
        resamples, seed
            Of the bootstrap over images, or groups of them.
        """
        images = self._images
        if not images:
            raise InvalidArgument("no image was added; add at least one before asking for scores")
        named, first = self._numbers(), [image.by_class[0] for image in images]
        groups = [image.group for image in images]
        again = partial(bootstrap_weights, len(images), groups=groups, resamples=resamples, seed=seed)
        by_class, means, any_class = {}, {}, {}
        for place, iou in enumerate(self._iou):
            matches = [image.by_class[place] for image in images]
            pools = [PooledDetections.of(matches, number) for number in range(len(self._classes))]
            precisions = [pool.average_precision() for pool in pools]
            by_class[iou] = dict(zip(self._classes, precisions, strict=True))
            means[iou] = again(partial(_mean_precision, [pools[number] for number in named]))
            any_class[iou] = again(
                PooledDetections.of([image.slides[place] for image in images]).average_precision
            )
        rows = [
            sum((counts_at([image], confidence, number) for number in named), Counts()).as_row()
            for image in first
        ]
        total = with_intervals(np.array(rows)[:, np.newaxis], groups=groups, resamples=resamples, seed=seed)
        return BoxScores(
            images=len(images),
            confidence=float(confidence),
            average_precision=by_class,
            mean_average_precision=means,
            any_class=any_class,
            counts={name: counts_at(first, confidence, number) for number, name in enumerate(self._classes)},
            total=total[0],
            confusion=confusion_matrix([image.mixed for image in images], len(self._classes), confidence),
            recall={
                name: recall_by(
                    [image.slides[0] for image in images],
                    [image.strata[name] for image in images],
                    confidence=confidence,
                    edges=edges,
                )
                for name, edges in self._strata.items()
            },
            false_alarms=self._false_alarms(confidence),
            apart=self._apart,
            without_truth=tuple(name for name, value in by_class[self._iou[0]].items() if math.isnan(value)),
            on_synthetic=self._on_synthetic,
        )

    def _numbers(self) -> tuple[int, ...]:
        """Classes that are slides."""
        return tuple(number for number, name in enumerate(self._classes) if name not in self._apart)

    def _false_alarms(self, confidence: float) -> Interval:
        free = [image for image in self._images if image.free_km2 > 0.0]
        if not free:
            return Interval(math.nan, math.nan, math.nan)
        alarms = counts_at([image.slides[0] for image in free], confidence).fp
        return false_alarms_per_100_km2(alarms, sum(image.free_km2 for image in free))


def _of_classes(image: BoxMatches, numbers: Sequence[int]) -> BoxMatches:
    """Matches by class without those of other classes."""
    kept, truth = np.isin(image.classes, numbers), np.isin(image.truth_classes, numbers)
    places = np.cumsum(truth) - 1  # where each true box goes
    partners = image.partners[kept].copy()
    partners[partners >= 0] = places[partners[partners >= 0]]
    return BoxMatches(
        image.scores[kept],
        image.classes[kept],
        partners,
        image.truth_classes[truth],
        image.counted[truth],
        image.found_at[truth],
    )


def _mean_precision(pools: Sequence[PooledDetections], weights: Whole) -> float:
    """Mean over classes that have boxes to be found."""
    return mean_of_known([pool.average_precision(weights) for pool in pools])
