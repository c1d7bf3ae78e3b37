"""Pixels of a label mask that belong to each label box, and their run lengths as COCO has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SEEN_BEYOND = 1.0  # pixels that a box's mask may reach beyond it: those that it touches are drawn whole


def run_lengths(outline: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of pixels outside and inside by turns, column by column; the first may be 0."""
    flat = outline.T.ravel()
    ends = np.flatnonzero(np.diff(flat)) + 1
    lengths: list[int] = np.diff([0, *ends.tolist(), flat.size]).tolist()
    return [0, *lengths] if flat[0] else lengths


def outlines_of(
    labels: NDArray[np.uint8] | None, boxes: Sequence[tuple[int, tuple[float, ...]]]
) -> list[NDArray[np.bool_] | None]:
    """The mask's pixels of each box; None where it has none.

    Connected pixels that lie in one box belong to it: to the smallest, where they lie in several. What reaches from
    box to box is cut along them.
    """
    from scipy.ndimage import find_objects, label

    found: list[NDArray[np.bool_] | None] = [None] * len(boxes)
    if labels is None:
        return found
    outlines = np.zeros((len(boxes), *labels.shape), bool)
    for value in {value for value, _ in boxes}:
        pieces, _ = label(labels == value, np.ones((3, 3)))
        own = [(k, corners) for k, (one, corners) in enumerate(boxes) if one == value]
        own.sort(key=lambda box: (box[1][2] - box[1][0]) * (box[1][3] - box[1][1]))
        for piece, (rows, columns) in enumerate(find_objects(pieces), 1):
            here = pieces == piece
            around = next((k for k, corners in own if _holds(corners, rows, columns)), None)
            if around is not None:
                outlines[around] |= here
                continue
            for k, (row0, col0, row1, col1) in own:
                inside = (slice(*_centres(row0, row1)), slice(*_centres(col0, col1)))
                outlines[k][inside] |= here[inside]
    return [outline if outline.any() else None for outline in outlines]


def _holds(corners: tuple[float, ...], rows: slice, columns: slice) -> bool:
    row0, col0, row1, col1 = corners
    edges = (rows.start - row0, row1 - rows.stop, columns.start - col0, col1 - columns.stop)
    return bool(min(edges) >= -_SEEN_BEYOND)


def _centres(first: float, last: float) -> tuple[int, int]:
    """Pixels whose centres lie between two edges."""
    return max(int(np.ceil(first - 0.5)), 0), max(int(np.ceil(last - 0.5)), 0)
