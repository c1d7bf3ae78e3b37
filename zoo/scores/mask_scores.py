"""All scores of a segmenter in one go, tile by tile."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from insarfeat.errors import InvalidArgument
from zoo.scores._checks import labelled, probabilities, share
from zoo.scores.calibration import Reliability, reliability
from zoo.scores.intervals import RESAMPLES
from zoo.scores.masks import MaskHistogram, SizeClasses, mask_histogram, mask_histograms_by, size_classes
from zoo.scores.measured import RATIOS, Measured, with_intervals
from zoo.scores.objects import Hausdorff, match_objects
from zoo.scores.values import Counts, Whole, aligned, mean_of_known, origin_note, plain, plain_dict, shown

KINDS: Final[Mapping[str, int]] = {"coherent": 1, "incoherent": 2}
"""How a slide shows, and its number in a raster of kinds, as :mod:`insarfeat.synth` writes it."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskScores:
    """What :class:`MaskTally` found. Prints as a table.

    Attributes
    ----------
    tiles
        How many were scored.
    threshold
        From which on a probability counts as found.
    pixels
        Counts of all pixels together (micro), with intervals.
    per_tile
        Mean over tiles of precision, recall, F1 and IoU; tiles where one is 0 / 0 are left out of its mean.
    average_precision
        Area under the precision-recall curve of all pixels.
    best_threshold, best_iou
        What would have been best on these very tiles. No score to be reported: it says how far the threshold is off.
    sizes, kinds
        Pixels by the size class of the true object, and by how it shows (:func:`zoo.scores.mask_histograms_by`).
    objects
        Counts of objects, with intervals.
    hausdorff
        Medians over found objects of the distance of outlines and of its 95th percentile, metres.
    reliability
        Calibration of all pixels.
    on_synthetic
        Whether any of the tiles are synthetic scenes; None where that is not known.
    """

    tiles: int
    threshold: float
    pixels: Measured
    per_tile: Mapping[str, float]
    average_precision: float
    best_threshold: float
    best_iou: float
    sizes: Mapping[str, Measured]
    kinds: Mapping[str, Measured]
    objects: Measured
    hausdorff: Hausdorff
    reliability: Reliability
    on_synthetic: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Return all scores as numbers for JSON, None for NaN."""
        found = plain_dict(
            {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "hausdorff"}
        )
        found["hausdorff_median_m"] = plain(self.hausdorff.largest)
        found["hausdorff_95_median_m"] = plain(self.hausdorff.percentile_95)
        if note := origin_note(self.on_synthetic):
            found["note"] = note
        return found

    def __str__(self) -> str:
        parts = {"all pixels": self.pixels, **self.sizes, **self.kinds, "objects": self.objects}
        rows = [["", "precision", "recall", "F1", "IoU", "F1, 95 % interval"]]
        for name, part in parts.items():
            # Hits over all of hits, alarms and misses is no overlap of areas where objects are counted.
            ratios = [
                "" if (name, ratio) == ("objects", "iou") else shown(getattr(part.counts, ratio))
                for ratio in RATIOS
            ]
            rows.append([name, *ratios, part.intervals["f1"].span])
        rows.insert(2, ["mean of tiles", *(shown(self.per_tile[ratio]) for ratio in RATIOS), ""])
        lines = [
            f"{self.tiles} tile(s) at threshold {self.threshold:g}",
            aligned(rows),
            f"area under the precision-recall curve {shown(self.average_precision)}",
            f"best IoU on these tiles {shown(self.best_iou)}, at threshold {shown(self.best_threshold)}",
            f"outlines of found objects: Hausdorff distance {_metres(self.hausdorff.largest)}, 95th percentile "
            f"{_metres(self.hausdorff.percentile_95)} (medians)",
            f"expected calibration error {shown(self.reliability.expected_calibration_error)}, Brier score "
            f"{shown(self.reliability.brier)}",
        ]
        return "\n".join([*lines, *([note] if (note := origin_note(self.on_synthetic)) else [])])


class MaskTally:
    """Scores of a segmenter, streamed over tiles; memory grows by a few hundred bytes per tile.

    Parameters
    ----------
    threshold
        Probability from which on a pixel counts as found, a multiple of 0.001; from
        :meth:`MaskHistogram.best_threshold` of validation tiles: 0, so that all is found, where nothing was learned.
    object_iou
        From which on a predicted object has found a true one.
    sizes
        Borders of the size classes, m2.
    on_synthetic
        Whether any of the tiles are synthetic scenes; None where that is not known. The scores then say what they are
        not.

    Examples
    --------
    >>> tally = MaskTally(0.5, on_synthetic=True)
    >>> tally.add(np.array([[0.9, 0.6, 0.1, 0.2]]), np.array([[1, 0, 0, 1]]), pixel=(15.0, 15.0))
    >>> scores = tally.scores()
    >>> scores.pixels.counts
    Counts(tp=1, fp=1, fn=1, tn=1)
    >>> scores.objects.counts, scores.hausdorff.largest
    (Counts(tp=1, fp=0, fn=1, tn=0), 15.0)
    """

    def __init__(
        self,
        threshold: float,
        *,
        object_iou: float = 0.4,
        sizes: SizeClasses | None = None,
        on_synthetic: bool | None,
    ) -> None:
        self._threshold = share("threshold", threshold, zero=True)
        self._object_iou = share("object_iou", object_iou)
        self._sizes = sizes or SizeClasses()
        self._on_synthetic = on_synthetic
        self._histogram, self._reliability = MaskHistogram.empty(), Reliability.empty()
        self._histogram.counts(
            self._threshold
        )  # refuses a threshold that is no edge of a bin before work begins
        self._rows: list[Whole] = []
        self._groups: list[Hashable] = []
        self._distances: list[Hausdorff] = []

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def histogram(self) -> MaskHistogram:
        """All pixels so far, by their probability: for curves, and other thresholds."""
        return self._histogram

    def add(
        self,
        probability: ArrayLike,
        label: ArrayLike,
        *,
        pixel: tuple[float, float],
        valid: ArrayLike | None = None,
        kinds: ArrayLike | None = None,
        group: Hashable = None,
    ) -> None:
        """Score one tile.

        Parameters
        ----------
        probability
            Of being a slide, 0 to 1, (y, x). NaN is fine where pixels do not count.
        label
            Truth: 0 background, 255 nodata, all else slide; or bool.
        pixel
            Height and width of a pixel, metres.
        valid
            Pixels that are not 1 count nowhere.
        kinds
            How each pixel of a slide shows, 1 coherent or 2 incoherent; without, the tile counts in no kind.
        group
            Tiles of one group share ground and are drawn together for the intervals; None: it stands alone.
        """
        truth = labelled(label, valid)
        values = probabilities(probability, truth)
        by_size = mask_histograms_by(
            values,
            label,
            size_classes(label, pixel=pixel, sizes=self._sizes),
            self._sizes.names,
            valid=valid,
            pixel=pixel,
        )
        by_kind = (
            dict.fromkeys(KINDS, MaskHistogram.empty())
            if kinds is None
            else mask_histograms_by(values, label, kinds, KINDS, valid=valid, pixel=pixel)
        )
        whole = mask_histogram(values, label, valid=valid)
        # Pixels without a probability do not count, and no number reaches the threshold there.
        found = values >= np.float32(self._threshold)
        objects = match_objects(found, label, valid=valid, iou=self._object_iou, pixel=pixel)
        parts = [whole, *by_size.values(), *by_kind.values()]
        rows = [part.counts(self._threshold).as_row() for part in parts]
        self._rows.append(np.stack([*rows, objects.counts.as_row()]))
        self._groups.append(group)
        self._distances += objects.distances
        self._histogram += whole
        self._reliability += reliability(values, label, valid=valid)

    def merge(self, other: MaskTally) -> None:
        """Take over the tiles of a tally with the same settings, such as that of another process."""
        ours, theirs = (
            (tally._threshold, tally._object_iou, tally._sizes, tally._on_synthetic)
            for tally in (self, other)
        )
        if ours != theirs:
            raise InvalidArgument(f"other has the settings {theirs}; merge tallies with the same: {ours}")
        self._histogram += other._histogram
        self._reliability += other._reliability
        self._rows += other._rows
        self._groups += other._groups
        self._distances += other._distances

    def scores(self, *, resamples: int = RESAMPLES, seed: int = 0) -> MaskScores:
        """Return all scores of the tiles added so far; the arguments are those of the bootstrap over tiles."""
        if not self._rows:
            raise InvalidArgument("no tile was added; add at least one before asking for scores")
        rows = np.stack(self._rows)
        names = ["pixels", *self._sizes.names, *KINDS, "objects"]
        parts = dict(
            zip(
                names,
                with_intervals(rows, groups=self._groups, resamples=resamples, seed=seed),
                strict=True,
            )
        )
        tiles = [Counts.of_row(row) for row in rows[:, 0]]
        best = self._histogram.best_threshold() if self._histogram.positives.any() else math.nan
        return MaskScores(
            tiles=len(rows),
            threshold=self._threshold,
            pixels=parts["pixels"],
            per_tile={ratio: mean_of_known([getattr(tile, ratio) for tile in tiles]) for ratio in RATIOS},
            average_precision=self._histogram.average_precision,
            best_threshold=best,
            best_iou=math.nan if math.isnan(best) else self._histogram.counts(best).iou,
            sizes={name: parts[name] for name in self._sizes.names},
            kinds={name: parts[name] for name in KINDS},
            objects=parts["objects"],
            hausdorff=Hausdorff(
                *(
                    float(np.median([getattr(found, name) for found in self._distances]))
                    if self._distances
                    else math.nan
                    for name in ("largest", "percentile_95")
                )
            ),
            reliability=self._reliability,
            on_synthetic=self._on_synthetic,
        )


def _metres(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f} m"
