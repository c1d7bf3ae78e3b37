"""Which boxes a polygon shares ground with."""

import numba
import numpy as np

from insarfeat._kernels import inner


@numba.njit(nogil=True, cache=True)
def touched(boxes, edges):
    """Whether each box (west, south, east, north) has ground of the polygon with these edges (x0, y0, x1, y1)."""
    found = np.zeros(boxes.shape[0], np.bool_)
    for k in range(boxes.shape[0]):
        x = 0.5 * (boxes[k, 0] + boxes[k, 2])
        y = 0.5 * (boxes[k, 1] + boxes[k, 3])
        inside = False
        for e in range(edges.shape[0]):
            x0, y0, x1, y1 = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
            if _crosses(x0, y0, x1, y1, boxes[k]):
                found[k] = True
                break
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
                inside = not inside
        found[k] = found[k] or inside
    return found


@inner()
def _crosses(x0, y0, x1, y1, box):
    """Whether a segment has more than a point of the inside of a box."""
    enter, leave = 0.0, 1.0
    for axis in range(2):
        start = x0 if axis == 0 else y0
        run = (x1 - x0) if axis == 0 else (y1 - y0)
        low, high = box[axis], box[axis + 2]
        if run == 0:
            if start <= low or start >= high:
                return False
            continue
        one, other = (low - start) / run, (high - start) / run
        enter = max(enter, min(one, other))
        leave = min(leave, max(one, other))
    return enter < leave
