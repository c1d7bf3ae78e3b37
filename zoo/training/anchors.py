"""Anchors: the shapes that a detector's boxes start from, found in the boxes it is to find."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import InvalidArgument

if TYPE_CHECKING:
    from zoo.training.labelled import Samples

Shapes = NDArray[np.float64]

_ROUNDS = 300
_STARTS = 5


@dataclass(frozen=True, slots=True)
class FittedAnchors:
    """Anchors, and how well they fit.

    Attributes
    ----------
    anchors
        For each stride, finest first, heights and widths in pixels, by area.
    mean_iou
        Mean over the boxes of the best overlap of an anchor's shape with theirs.
    boxes
        How many boxes they were found in.
    """

    anchors: tuple[tuple[tuple[float, float], ...], ...]
    mean_iou: float
    boxes: int


def fit_anchors(shapes: ArrayLike, *, strides: int = 3, each: int = 3, seed: int = 0) -> FittedAnchors:
    r"""Find anchors by k-means, with the distance of two shapes.

    .. math:: d = 1 - \mathrm{IoU}

    The shapes are those of boxes laid onto the same corner (Redmon & Farhadi 2017), so that large boxes do not count
    more than small ones. Centres are medians of their boxes; starts are drawn as k-means++ has it, the best of five
    is kept.

    Parameters
    ----------
    shapes
        Heights and widths of boxes (k, 2), in pixels.
    strides, each
        Strides of the detector, and anchors for each; the smallest ones go to the finest stride.
    seed
        The same seed finds the same anchors.

    References
    ----------
    Redmon & Farhadi 2017, YOLO9000, doi:10.1109/CVPR.2017.690; Arthur & Vassilvitskii 2007, k-means++.

    Examples
    --------
    >>> fit_anchors([[8, 4], [8, 4], [30, 60]], strides=2, each=1).anchors
    (((8.0, 4.0),), ((30.0, 60.0),))
    """
    found = np.asarray(shapes, np.float64)
    if found.ndim != 2 or found.shape[1:] != (2,) or not (np.isfinite(found) & (found > 0)).all():
        raise InvalidArgument(
            f"shapes must be heights and widths above 0, (k, 2); got the shape {found.shape} or values that are not"
        )
    count = strides * each
    different = len(np.unique(found, axis=0))
    if different < count:
        raise InvalidArgument(
            f"{count} anchors need as many boxes of different shapes; there are {different}: give more tiles, or "
            "numbers for the anchors"
        )
    random = np.random.default_rng(seed)
    settled = [_settled(found, _starts(found, count, random)) for _ in range(_STARTS)]
    best = max(settled, key=lambda centres: _fit(found, centres))
    ordered = best[np.lexsort((best[:, 1], best[:, 0] * best[:, 1]))].round(2)
    anchors = tuple(tuple((float(h), float(w)) for h, w in part) for part in np.split(ordered, strides))
    return FittedAnchors(anchors, _fit(found, ordered), len(found))


def box_shapes(batches: Iterable[Samples]) -> Shapes:
    """Heights and widths (k, 2) of all boxes of some batches that are not ignored."""
    parts = [
        (boxes[:, 2:] - boxes[:, :2]).cpu().numpy().astype(np.float64)
        for samples in batches
        for boxes in (one.counted().boxes for one in samples.boxes)
    ]
    return np.concatenate([np.empty((0, 2)), *parts])


def _fit(shapes: Shapes, centres: Shapes) -> float:
    """Mean best overlap of boxes with centres."""
    return float(_overlap(shapes, centres).max(1).mean())


def _overlap(shapes: Shapes, centres: Shapes) -> Shapes:
    """Intersection over union (k, m) of shapes laid onto the same corner."""
    shared = np.minimum(shapes[:, None], centres[None]).prod(2)
    found: Shapes = shared / (shapes.prod(1)[:, None] + centres.prod(1)[None] - shared)
    return found


def _starts(shapes: Shapes, count: int, random: np.random.Generator) -> Shapes:
    """Boxes to start from, each drawn by the squared distance to those before it."""
    chosen = [int(random.integers(len(shapes)))]
    for _ in range(count - 1):
        far = (1.0 - _overlap(shapes, shapes[chosen]).max(1)) ** 2
        chosen.append(int(random.choice(len(shapes), p=far / far.sum())))
    return shapes[chosen].copy()


def _settled(shapes: Shapes, centres: Shapes) -> Shapes:
    """Centres moved until their boxes stay theirs."""
    owner = np.full(len(shapes), -1)
    for _ in range(_ROUNDS):
        nearest = _overlap(shapes, centres).argmax(1)
        if (nearest == owner).all():
            break
        owner = nearest
        for index in range(len(centres)):
            if (owner == index).any():
                centres[index] = np.median(shapes[owner == index], axis=0)
    return centres
