"""Boxes, and which detection found which of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import InvalidArgument, InvalidType
from zoo.scores._checks import share
from zoo.scores.values import Values, Whole

FALSE_ALARM = -1
"""Partner of a detection that found nothing."""

IGNORED = -2
"""Partner of a detection that lies on ignored ground: neither right nor wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class TruthBoxes:
    """The boxes of one image that a detector should find.

    Attributes
    ----------
    boxes
        One row of (row0, col0, row1, col1) per box, in pixels from the outer corner of the first pixel, (n, 4).
    classes
        Number of the class of each, from 0.
    ignore
        True where a box is neither to be found nor background; left out: nowhere.

    Examples
    --------
    >>> truth = TruthBoxes([[0, 0, 10, 10], [20, 20, 30, 30]], [0, 1])
    >>> len(truth), truth.ignore.tolist()
    (2, [False, False])
    """

    boxes: Values
    classes: Whole
    ignore: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        boxes = _boxes(self.boxes)
        ignore = np.asarray(self.ignore)
        if not ignore.size:
            ignore = np.zeros(len(boxes), bool)
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "classes", _classes(self.classes, len(boxes)))
        object.__setattr__(self, "ignore", _per_box("ignore", ignore, len(boxes)).astype(bool))

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, which: Any) -> TruthBoxes:
        return TruthBoxes(self.boxes[which], self.classes[which], self.ignore[which])


@dataclass(frozen=True, slots=True, eq=False)
class ScoredBoxes:
    """The boxes that a detector found in one image, doubles suppressed.

    Attributes
    ----------
    boxes
        As those of :class:`TruthBoxes`.
    classes
        Number of the class of each, from 0.
    scores
        The higher, the surer; from 0 to 1 as a rule.

    Examples
    --------
    >>> len(ScoredBoxes([[0, 0, 10, 10]], [0], [0.9]))
    1
    """

    boxes: Values
    classes: Whole
    scores: Values

    def __post_init__(self) -> None:
        boxes = _boxes(self.boxes)
        scores = _per_box("scores", np.asarray(self.scores), len(boxes)).astype(np.float64)
        if not bool(np.all(np.isfinite(scores))):
            raise InvalidArgument("scores holds values that are no finite numbers; leave such detections out")
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "classes", _classes(self.classes, len(boxes)))
        object.__setattr__(self, "scores", scores)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, which: Any) -> ScoredBoxes:
        return ScoredBoxes(self.boxes[which], self.classes[which], self.scores[which])


@dataclass(frozen=True, slots=True, eq=False)
class BoxMatches:
    """Who found whom in one image. Valid for every confidence: surer detections chose before others did.

    Attributes
    ----------
    scores, classes
        Of the detections, in their order.
    partners
        Place of the true box that each found; :data:`FALSE_ALARM` or :data:`IGNORED` where there is none.
    truth_classes
        Of the true boxes, in their order.
    counted
        False for true boxes that are ignored.
    found_at
        Score of the detection that found each true box; minus infinity where none did.
    """

    scores: Values
    classes: Whole
    partners: Whole
    truth_classes: Whole
    counted: NDArray[np.bool_]
    found_at: Values


def pairwise_iou(first: ArrayLike, second: ArrayLike) -> Values:
    """Return the intersection over union of each box with each, (n, m); 0 where both have no area.

    >>> pairwise_iou([[0, 0, 10, 10]], [[0, 5, 10, 15], [0, 0, 10, 10]]).round(4)
    array([[0.3333, 1.    ]])
    """
    one, other = _boxes(first), _boxes(second)
    common = _intersections(one, other)
    union = _areas(one)[:, None] + _areas(other)[None, :] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0.0)


def match_boxes(
    truth: TruthBoxes, detections: ScoredBoxes, *, iou: float = 0.5, by_class: bool = True
) -> BoxMatches:
    """Give each detection of one image the true box that it found, one to one.

    Detections choose in the order of their scores: each takes the free true box of its class with the highest IoU, if
    that reaches the threshold. If there is none, but that share of the detection's own area lies in an ignored box,
    it is ignored, as COCO does with crowds; any number of detections may lie there, and of any class, because
    nobody says what is there. All else is a false alarm. Equal scores, and equal IoU, are decided by the boxes'
    coordinates, so that the order of the input does not matter.

    Parameters
    ----------
    truth, detections
        Of one image.
    iou
        The intersection over union from which on a box is found, over 0 and up to 1.
    by_class
        Whether a box must be found with its own class.

    Returns
    -------
    BoxMatches
        The detections' partners.

    References
    ----------
    Lin, T.-Y. et al. (2014). Microsoft COCO: common objects in context. ECCV 2014; and its evaluation code's rules.

    Examples
    --------
    >>> truth = TruthBoxes([[0, 0, 10, 10], [40, 40, 60, 60]], [0, 0], [False, True])
    >>> found = ScoredBoxes([[0, 0, 10, 9], [0, 0, 10, 10], [45, 45, 50, 50]], [0, 0, 1], [0.9, 0.8, 0.7])
    >>> match_boxes(truth, found).partners.tolist()
    [0, -1, -2]
    """
    least = share("iou", iou)
    counted = ~truth.ignore
    overlaps = pairwise_iou(detections.boxes, truth.boxes)
    if by_class:
        overlaps[detections.classes[:, None] != truth.classes[None, :]] = 0.0
    free = np.flatnonzero(counted)
    free = free[_by_place(truth.boxes[free], truth.classes[free])]
    on_ignored = _share_inside(detections.boxes, truth.boxes[truth.ignore]) >= least
    partners = np.where(on_ignored, IGNORED, FALSE_ALARM).astype(np.int64)
    found_at = np.full(len(truth), -np.inf)
    for place in _by_place(detections.boxes, detections.classes, -detections.scores):
        if not free.size:
            break
        best = int(np.argmax(overlaps[place, free]))
        chosen = free[best]
        if overlaps[place, chosen] >= least:
            partners[place] = chosen
            found_at[chosen] = detections.scores[place]
            free = np.delete(free, best)
    return BoxMatches(detections.scores, detections.classes, partners, truth.classes, counted, found_at)


def _by_place(boxes: Values, classes: Whole, first: Values | None = None) -> Whole:
    """Order that the contents alone decide: by ``first``, then by coordinates and class."""
    keys = [classes, *boxes.T[::-1]] + ([] if first is None else [first])
    return np.lexsort(keys)


def _areas(boxes: Values) -> Values:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _intersections(first: Values, second: Values) -> Values:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0.0)
    common: Values = sides[..., 0] * sides[..., 1]
    return common


def _share_inside(boxes: Values, ignored: Values) -> Values:
    """The largest share of each box's own area that lies in one of the others."""
    if not len(ignored):
        return np.zeros(len(boxes))
    areas = _areas(boxes)
    common = _intersections(boxes, ignored).max(axis=1)
    share_inside: Values = np.divide(common, areas, out=np.zeros_like(areas), where=areas > 0.0)
    return share_inside


def _boxes(values: ArrayLike) -> Values:
    boxes = np.asarray(values, np.float64)
    if not boxes.size:
        return np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InvalidArgument(
            f"boxes has the shape {boxes.shape}; it must be (n, 4), a row of (row0, col0, row1, col1) per box"
        )
    # Not a number compares as false, so it is refused as well.
    if not bool(np.all(boxes[:, 2:] >= boxes[:, :2]) and np.all(np.isfinite(boxes))):
        raise InvalidArgument(
            "boxes holds a box that ends before it begins, or is no number; each row must be (row0, col0, row1, "
            "col1) with row0 <= row1 and col0 <= col1"
        )
    return boxes


def _classes(values: ArrayLike, number: int) -> Whole:
    classes = np.asarray(values)
    if classes.size and classes.dtype.kind not in "iu":
        raise InvalidType(f"classes is of type {classes.dtype}; it must be whole numbers from 0")
    checked = _per_box("classes", classes, number).astype(np.int64)
    if checked.size and int(checked.min()) < 0:
        raise InvalidArgument(f"classes holds {int(checked.min())}; classes are numbered from 0")
    return checked


def _per_box(name: str, values: NDArray[Any], number: int) -> NDArray[Any]:
    if not values.size and not number:
        return np.zeros(0, values.dtype)
    if values.shape != (number,):
        raise InvalidArgument(
            f"{name} has the shape {values.shape} for {number} box(es); give one value for each"
        )
    return values
