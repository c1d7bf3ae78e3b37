"""How good masks are, pixel by pixel: counts at a threshold, curves over all thresholds, by stratum of the truth.

A tile's probabilities become a histogram of a thousand bins, apart for pixels of slides and of background. Histograms
add up, so that thousands of tiles need no more memory than one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import InvalidArgument, InvalidType
from zoo.scores._checks import (
    Labelled,
    labelled,
    pixel_size,
    plane,
    probabilities,
    same_shape,
    share,
    whole_number,
)
from zoo.scores.values import Counts, Curve, Whole

BINS: Final = 1000
"""Bins of the probability; thresholds are their edges, multiples of 0.001."""

SMALL, MEDIUM, LARGE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class SizeClasses:
    """Small, medium and large true objects, by their area in m2: small < ``medium_from`` <= medium <= ``medium_to``.

    The defaults are the 156 and 1,043 pixels of 30 m of the event study, the 33rd and 66th percentile of its slides.
    """

    medium_from: float = 156 * 900.0
    medium_to: float = 1043 * 900.0

    def __post_init__(self) -> None:
        if not 0.0 < self.medium_from <= self.medium_to:
            raise InvalidArgument(
                f"medium_from is {self.medium_from} and medium_to {self.medium_to}; they must be positive areas in "
                "m2, the second not smaller"
            )

    @property
    def names(self) -> dict[str, int]:
        """Names of the classes, and their numbers in the raster of :func:`size_classes`."""
        return {"small": SMALL, "medium": MEDIUM, "large": LARGE}


@dataclass(frozen=True, slots=True, eq=False)
class MaskHistogram:
    """Pixels that count, by their probability. Histograms of tiles are added with ``+``.

    Attributes
    ----------
    positives, negatives
        Pixels of slides and of background per bin, int64. A bin holds its lower edge; the last also 1.

    Examples
    --------
    >>> one = mask_histogram(np.array([[0.2, 0.7]], "f4"), [[0, 1]])
    >>> other = mask_histogram(np.array([[0.9, 0.4]], "f4"), [[0, 255]])
    >>> (one + other).counts(0.5)
    Counts(tp=1, fp=1, fn=0, tn=1)
    """

    positives: Whole
    negatives: Whole

    @classmethod
    def empty(cls, bins: int = BINS) -> MaskHistogram:
        """Return the histogram of no pixel."""
        number = whole_number("bins", bins, least=2)
        return cls(np.zeros(number, np.int64), np.zeros(number, np.int64))

    def __add__(self, other: MaskHistogram) -> MaskHistogram:
        if len(self.positives) != len(other.positives):
            raise InvalidArgument(
                f"histograms of {len(self.positives)} and of {len(other.positives)} bins cannot be added"
            )
        return MaskHistogram(self.positives + other.positives, self.negatives + other.negatives)

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.positives)

    def counts(self, threshold: float) -> Counts:
        """Count pixels at a threshold, exactly; it must be an edge of a bin."""
        place = round(share("threshold", threshold, zero=True) * self.bins)
        if place == self.bins or abs(place / self.bins - threshold) > 1e-6:
            raise InvalidArgument(
                f"threshold is {threshold}; a histogram of {self.bins} bins knows the multiples of {1 / self.bins:g} "
                "under 1 only: round it, or count with pixel_counts"
            )
        tp, fp = int(self.positives[place:].sum()), int(self.negatives[place:].sum())
        return Counts(tp, fp, int(self.positives.sum()) - tp, int(self.negatives.sum()) - fp)

    def curve(self) -> Curve:
        """Return precision over recall at the lower edges of all bins that hold pixels."""
        tp, found = (np.cumsum(part[::-1]) for part in (self.positives, self.positives + self.negatives))
        filled = np.flatnonzero((self.positives + self.negatives)[::-1])
        total = int(self.positives.sum())
        recall = tp[filled] / total if total else np.full(len(filled), np.nan)
        thresholds = (self.bins - 1 - filled) / self.bins
        return Curve(thresholds, tp[filled] / found[filled], recall)

    @property
    def average_precision(self) -> float:
        r"""Area under the precision-recall curve, :math:`\sum_n (R_n - R_{n-1}) P_n`; NaN without slides.

        Pixels of one bin enter together. No envelope is taken, unlike for boxes: with millions of pixels there is
        no saw-tooth to be smoothed.
        """
        return self.curve().step_area if self.positives.any() else float("nan")

    def best_threshold(self) -> float:
        """Return the threshold of the highest IoU (and F1); of equals, the middle one. Pick it on validation data."""
        total = int(self.positives.sum())
        if not total:
            raise InvalidArgument(
                "no pixel of a slide was counted, so no threshold is best; add tiles that hold some"
            )
        tp, fp = (np.cumsum(part[::-1])[::-1] for part in (self.positives, self.negatives))
        iou = tp / (total + fp)
        best = np.flatnonzero(iou == iou.max())
        return float(best[len(best) // 2] / self.bins)


def pixel_counts(
    probability: ArrayLike, label: ArrayLike, *, threshold: float, valid: ArrayLike | None = None
) -> Counts:
    """Count the pixels of tiles at any threshold.

    Parameters
    ----------
    probability
        Of being a slide, 0 to 1; any shape. NaN is fine where pixels do not count.
    label
        Truth of the same shape: 0 background, 255 nodata, all else slide; or bool.
    threshold
        What reaches it, in float32, is found.
    valid
        Mask of the same shape; pixels that are not 1 count nowhere.

    Examples
    --------
    >>> pixel_counts(np.array([0.9, 0.9, 0.1, 0.1, 0.9]), [1, 0, 1, 0, 255], threshold=0.5)
    Counts(tp=1, fp=1, fn=1, tn=1)
    """
    truth = labelled(label, valid)
    found = probabilities(probability, truth) >= np.float32(share("threshold", threshold, zero=True))
    parts = (found & truth.slides, found & ~truth.slides, ~found & truth.slides, ~found & ~truth.slides)
    return Counts(*(int((part & truth.counted).sum()) for part in parts))


def mask_histogram(
    probability: ArrayLike, label: ArrayLike, *, valid: ArrayLike | None = None, bins: int = BINS
) -> MaskHistogram:
    """Count the pixels of tiles by their probability; the arguments are those of :func:`pixel_counts`."""
    truth = labelled(label, valid)
    places = _places(probability, truth, whole_number("bins", bins, least=2))
    return _histogram(places, truth, truth.counted, bins)


def mask_histograms_by(
    probability: ArrayLike,
    label: ArrayLike,
    strata: ArrayLike,
    names: Mapping[str, int],
    *,
    valid: ArrayLike | None = None,
    pixel: tuple[float, float] = (1.0, 1.0),
    bins: int = BINS,
) -> dict[str, MaskHistogram]:
    """Count the pixels of one tile apart for each stratum of the truth: size class, or kind.

    A pixel of a slide belongs to its own stratum, so recall by stratum is exact. A pixel of the background belongs to
    the stratum of the nearest pixel of a slide in the tile, however far: that is who a false alarm is charged to.
    In a tile without slides it belongs to no stratum. So the pixels of all strata, and of the background of tiles
    without slides, add up to those of :func:`mask_histogram`, and precision by stratum leaves out false alarms in
    tiles without slides.

    Parameters
    ----------
    probability, label, valid
        Of one tile, as for :func:`pixel_counts`. Slides count as nearest ones where ``valid`` is 0, too.
    strata
        Whole numbers, read at pixels of slides only.
    names
        Number of each stratum in it. Pixels of other numbers are in none.
    pixel
        Height and width of a pixel, for the distance.
    bins
        Of the histograms.

    Examples
    --------
    >>> probability = np.array([[0.9, 0.9, 0.1, 0.9, 0.2]])
    >>> found = mask_histograms_by(
    ...     probability, [[1, 0, 0, 0, 1]], [[1, 0, 0, 0, 2]], {"coherent": 1, "incoherent": 2}
    ... )
    >>> found["coherent"].counts(0.5), found["incoherent"].counts(0.5)
    (Counts(tp=1, fp=1, fn=0, tn=1), Counts(tp=0, fp=1, fn=1, tn=0))
    """
    truth = labelled(label, valid)
    plane("label", truth.slides)
    places = _places(probability, truth, whole_number("bins", bins, least=2))
    zones = _zones(strata, truth, pixel_size(pixel))
    return {
        name: _histogram(places, truth, truth.counted & (zones == number), bins)
        for name, number in names.items()
    }


def size_classes(
    label: ArrayLike, *, pixel: tuple[float, float], sizes: SizeClasses | None = None
) -> NDArray[np.uint8]:
    """Return the size class of the object that each pixel belongs to: 1 small, 2 medium, 3 large, 0 background.

    Parameters
    ----------
    label
        Truth of one tile. An object is a connected part of it, corners included (8 neighbours), whether its pixels
        are valid or not; what lies beyond the tile does not add to its size.
    pixel
        Height and width of a pixel, metres.
    sizes
        Borders in m2.

    Examples
    --------
    >>> size_classes([[1, 0, 1], [0, 0, 1]], pixel=(10.0, 10.0), sizes=SizeClasses(150.0, 900.0)).tolist()
    [[1, 0, 2], [0, 0, 2]]
    """
    from scipy.ndimage import label as components

    truth = labelled(label, None)
    plane("label", truth.slides)
    height, width = pixel_size(pixel)
    borders = sizes or SizeClasses()
    numbered, _ = components(truth.slides, np.ones((3, 3), bool))
    areas = np.bincount(numbered.ravel()) * (height * width)
    classes = np.full(areas.shape, SMALL, np.uint8)
    # 156 pixels of 30 m must be the border itself, however the products round.
    classes[areas >= borders.medium_from * (1.0 - 1e-9)] = MEDIUM
    classes[areas > borders.medium_to * (1.0 + 1e-9)] = LARGE
    classes[0] = 0
    return np.asarray(classes[numbered])


def _places(probability: ArrayLike, truth: Labelled, bins: int) -> Whole:
    """The bin of each pixel that counts; of others, the first."""
    values = probabilities(probability, truth)
    edges = (np.arange(1, bins) / bins).astype(np.float32)
    return np.searchsorted(edges, np.where(truth.counted, values, np.float32(0.0)), side="right")


def _histogram(places: Whole, truth: Labelled, chosen: NDArray[np.bool_], bins: int) -> MaskHistogram:
    positives, negatives = (
        np.bincount(places[chosen & part], minlength=bins).astype(np.int64)
        for part in (truth.slides, ~truth.slides)
    )
    return MaskHistogram(positives, negatives)


def _zones(strata: ArrayLike, truth: Labelled, pixel: tuple[float, float]) -> NDArray[np.int64]:
    """The stratum that each pixel belongs to; -1 where the tile holds no slide."""
    from scipy.ndimage import distance_transform_edt

    given = np.asarray(strata)
    if given.dtype.kind not in "biu":
        raise InvalidType(f"strata is of type {given.dtype}; it must be whole numbers")
    same_shape("strata", given, "label", truth.slides)
    numbers = given.astype(np.int64)
    if not truth.slides.any():
        return np.full(numbers.shape, -1, np.int64)
    nearest = distance_transform_edt(
        ~truth.slides, sampling=pixel, return_distances=False, return_indices=True
    )
    return np.asarray(numbers[tuple(nearest)])
