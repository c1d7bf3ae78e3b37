"""One box for each thing: of boxes that lie on each other the best is kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoo import _kernels

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_MOST_CELLS = 1 << 24


def kept_boxes(boxes: Floats, scores: Floats, overlap: float, windows: Places | None = None) -> Places:
    r"""Numbers of the boxes that stay, the best first.

    A box goes if it overlaps a better one that stays by more than ``overlap``,

    .. math:: |A \cap B| / |A \cup B|,

    whatever their classes: one slide is one row. Of equal scores the box that comes first in reading order is the
    better one, so that the order of the input does not matter.

    Parameters
    ----------
    boxes
        (n, 4) row0, col0, row1, col1.
    scores
        One each.
    overlap
        Above 0, below 1.
    windows
        In which window each was found. Boxes of two windows are one thing from half of ``overlap`` on: each has
        looked at it for itself, so that they agree less than the candidates of one window do.

    References
    ----------
    Neubeck, A. & Van Gool, L. (2006): Efficient non-maximum suppression. ICPR.

    Examples
    --------
    >>> boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [40, 0, 50, 10.0]])
    >>> kept_boxes(boxes, np.array([0.5, 0.9, 0.4]), 0.45)
    array([1, 2])
    """
    if not len(boxes):
        return np.empty(0, np.int64)
    order = np.lexsort((boxes[:, 1], boxes[:, 0], -scores))
    sorted_boxes = np.ascontiguousarray(boxes[order], np.float64)
    centres = (sorted_boxes[:, :2] + sorted_boxes[:, 2:]) / 2
    centres -= centres.min(axis=0)
    side = max(float((sorted_boxes[:, 2:] - sorted_boxes[:, :2]).max()), 1.0)
    extent = centres.max(axis=0)
    side = max(side, float(np.sqrt(max(extent[0], 1.0) * max(extent[1], 1.0) / _MOST_CELLS)))
    rows, columns = (centres / side).astype(np.int64).T + 1
    width = int(columns.max()) + 2
    seen = np.zeros(len(boxes), np.int64) if windows is None else windows[order]
    gone = _kernels.suppressed(sorted_boxes, rows * width + columns, width, seen, overlap, overlap / 2)
    kept: Places = order[~gone]
    return kept
