"""What is told of a detector of boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from zoo.scores.measured import Measured
from zoo.scores.strata import Stratum
from zoo.scores.values import Counts, Interval, Whole, aligned, origin_note, plain_dict, shown

BACKGROUND: Final = "background"


@dataclass(frozen=True, slots=True, eq=False)
class BoxScores:
    """What :class:`zoo.scores.BoxTally` found. Prints as a table.

    Attributes
    ----------
    images
        How many were scored.
    confidence
        From which on detections count, but for average precisions.
    average_precision
        Of each class, by IoU; NaN where the class has no box to be found.
    mean_average_precision
        Mean over the named classes that have boxes, by IoU, with its interval; classes set apart are left out.
    any_class
        Average precision of all named classes together, whatever name a box was given, by IoU.
    counts
        Hits, false alarms and misses of each class at the first IoU.
    total
        Those of the named classes together, with intervals.
    confusion
        Rows true, columns detected; the last is the background.
    recall
        By stratum: boxes of named classes that were found, whatever their name, at the first IoU.
    false_alarms
        Per 100 km2 of images without slides, with the exact Poisson interval; NaN where no such area was given.
    apart, without_truth
        Classes that are no slides; classes that had no box to be found.
    on_synthetic
        Whether any of the images are synthetic scenes; None where that is not known.
    """

    images: int
    confidence: float
    average_precision: Mapping[float, Mapping[str, float]]
    mean_average_precision: Mapping[float, Interval]
    any_class: Mapping[float, Interval]
    counts: Mapping[str, Counts]
    total: Measured
    confusion: Whole
    recall: Mapping[str, tuple[Stratum, ...]]
    false_alarms: Interval
    apart: tuple[str, ...]
    without_truth: tuple[str, ...]
    on_synthetic: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Return all scores as numbers for JSON, None for NaN; IoU thresholds are keys."""
        found = plain_dict({name: getattr(self, name) for name in self.__dataclass_fields__})
        found["confusion"] = {
            "names": [*self.counts, BACKGROUND],
            "rows_true_columns_detected": self.confusion.tolist(),
        }
        if note := origin_note(self.on_synthetic):
            found["note"] = note
        return found

    def __str__(self) -> str:
        thresholds = list(self.average_precision)
        head = ["class", *(f"AP@{iou:g}" for iou in thresholds), "precision", "recall", "F1", "boxes"]
        rows = [head]
        for name, counts in self.counts.items():
            values = [self.average_precision[iou][name] for iou in thresholds]
            rows.append(_row(name + (" (apart)" if name in self.apart else ""), values, counts))
        named = [self.mean_average_precision[iou].value for iou in thresholds]
        rows.append(_row("named classes", named, self.total.counts))
        any_class = [shown(self.any_class[iou].value) for iou in thresholds]
        rows.append(["any class", *any_class, *[""] * 4])
        first = thresholds[0]
        lines = [
            f"{self.images} image(s); precision, recall and F1 at confidence {self.confidence:g} and IoU {first:g}",
            aligned(rows),
            f"mean AP@{first:g} {self.mean_average_precision[first]}, F1 {self.total.intervals['f1']}",
            f"false alarms per 100 km2 without slides: {self.false_alarms}",
            *([f"without a box to be found: {', '.join(self.without_truth)}"] if self.without_truth else []),
        ]
        for key, strata in self.recall.items():
            lines += [
                aligned(
                    [
                        [f"recall by {key}", "found", "of", "recall"],
                        *([part.name, str(part.found), str(part.total), str(part.recall)] for part in strata),
                    ]
                )
            ]
        return "\n".join([*lines, *([note] if (note := origin_note(self.on_synthetic)) else [])])


def _row(name: str, precisions: Sequence[float], counts: Counts) -> list[str]:
    ratios = (counts.precision, counts.recall, counts.f1)
    return [name, *(shown(value) for value in (*precisions, *ratios)), str(counts.tp + counts.fn)]
