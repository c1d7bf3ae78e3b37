"""How good detections are: plain functions on arrays, and tallies that take one image at a time.

Which one answers what:

- *All scores of a detector, or of a segmenter, in one go*: :class:`BoxTally` and :class:`MaskTally`, whose
  :class:`BoxScores` and :class:`MaskScores` print as tables and give numbers for JSON.
- *Which threshold?* :meth:`MaskHistogram.best_threshold` (by IoU), :func:`best_confidence` (by F1), on validation
  data.
- *Which detection found which box?* :func:`match_boxes`; then :func:`average_precision`,
  :func:`precision_recall_curve`, :func:`counts_at`, :func:`confusion_matrix`, :func:`recall_by`.
- *How many false alarms on ground without slides?* :func:`false_alarms_per_100_km2`.
- *How many pixels are right?* :func:`pixel_counts`, :func:`mask_histogram`; by size of the slide or how it shows,
  :func:`mask_histograms_by` with :func:`size_classes`.
- *Which slides were found, and how far are their outlines off?* :func:`match_objects`, :func:`hausdorff`.
- *Does a probability mean what it says?* :func:`reliability`; and what mends it, :func:`fit_temperature`.
- *How sure is all that?* :func:`bootstrap`, :func:`bootstrap_sums`, :func:`bootstrap_weights` over tiles;
  :func:`wilson` for shares, :func:`poisson_rate` for rates.
- *Pictures*: :func:`precision_recall_picture`, :func:`reliability_picture`.

Boxes are (row0, col0, row1, col1) in pixels from the outer corner of the first pixel. Pixels that are not valid, or
labelled 255, count nowhere. Scores on synthetic scenes say nothing about accuracy on real landslides.
"""

from zoo.scores.box_scores import BoxScores
from zoo.scores.box_tally import BoxTally
from zoo.scores.boxes import (
    average_precision,
    best_confidence,
    confusion_matrix,
    counts_at,
    false_alarms_per_100_km2,
    precision_recall_curve,
)
from zoo.scores.calibration import (
    LogitHistogram,
    Reliability,
    Temperature,
    fit_temperature,
    logit_histogram,
    reliability,
)
from zoo.scores.intervals import bootstrap, bootstrap_sums, bootstrap_weights, poisson_rate, wilson
from zoo.scores.mask_scores import KINDS, MaskScores, MaskTally
from zoo.scores.masks import (
    MaskHistogram,
    SizeClasses,
    mask_histogram,
    mask_histograms_by,
    pixel_counts,
    size_classes,
)
from zoo.scores.matching import BoxMatches, ScoredBoxes, TruthBoxes, match_boxes, pairwise_iou
from zoo.scores.measured import Measured, with_intervals
from zoo.scores.objects import Hausdorff, ObjectMatches, hausdorff, match_objects
from zoo.scores.pictures import precision_recall_picture, reliability_picture
from zoo.scores.strata import Stratum, recall_by
from zoo.scores.values import ON_SYNTHETIC, Counts, Curve, Interval

__all__ = [
    "KINDS",
    "ON_SYNTHETIC",
    "BoxMatches",
    "BoxScores",
    "BoxTally",
    "Counts",
    "Curve",
    "Hausdorff",
    "Interval",
    "LogitHistogram",
    "MaskHistogram",
    "MaskScores",
    "MaskTally",
    "Measured",
    "ObjectMatches",
    "Reliability",
    "ScoredBoxes",
    "SizeClasses",
    "Stratum",
    "Temperature",
    "TruthBoxes",
    "average_precision",
    "best_confidence",
    "bootstrap",
    "bootstrap_sums",
    "bootstrap_weights",
    "confusion_matrix",
    "counts_at",
    "false_alarms_per_100_km2",
    "fit_temperature",
    "hausdorff",
    "logit_histogram",
    "mask_histogram",
    "mask_histograms_by",
    "match_boxes",
    "match_objects",
    "pairwise_iou",
    "pixel_counts",
    "poisson_rate",
    "precision_recall_curve",
    "precision_recall_picture",
    "recall_by",
    "reliability",
    "reliability_picture",
    "size_classes",
    "wilson",
    "with_intervals",
]
