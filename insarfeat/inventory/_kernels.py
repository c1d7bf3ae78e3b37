"""Fits of one power law after another, of which the bootstrap does a hundred thousand; and polygons on pixels."""

import math

import numba
import numpy as np

from insarfeat._kernels import inner

_COARSE = 64


@numba.njit(nogil=True, cache=True)
def fit(logs, start, origin, limit):
    """Steepness of the exponential distribution of ascending logarithms beyond an origin, and its KS distance.

    Gives up, with what it has, as soon as the distance exceeds the limit. A look at every 64th value first finds most
    of what there is to give up.
    """
    count = logs.size - start
    total = 0.0
    for place in range(start, logs.size):
        total += logs[place] - origin
    steepness = count / total
    distance = 0.0
    for stride in (_COARSE, 1):
        for rank in range(0, count, stride):
            law = -math.expm1(-steepness * (logs[start + rank] - origin))
            distance = max(distance, law - rank / count, (rank + 1) / count - law)
            if distance > limit:
                return steepness, distance
    return steepness, distance


@numba.njit(nogil=True, cache=True)
def closest(logs, starts):
    """Of the places where the tail may start, the one whose law is closest."""
    best = starts[0]
    least = math.inf
    # From the end, because short tails are quick: the long ones then meet a distance that most soon exceed.
    for start in starts[::-1]:
        distance = fit(logs, start, logs[start], least)[1]
        if distance <= least:
            best = start
            least = distance
    return best


# -- polygons on pixels ---------------------------------------------------------------------------------------
#
# Edges are rows of (x0, y0, x1, y1) in pixels: pixel (i, j) spans from j to j + 1 along x, from i to i + 1 along y.
# What is found of a pixel depends on the edges alone, never on the window.


@numba.njit(nogil=True, cache=True)
def inside(edges, starts, boxes, chosen, top, left, found):
    """Set pixels whose centre lies inside one of the chosen polygons, by the even-odd rule."""
    height, width = found.shape
    turns = np.zeros((height, width), np.uint8)
    for p in chosen:
        first, last = _span(boxes[p, 1], boxes[p, 3], top, height)
        begin, end = _span(boxes[p, 0], boxes[p, 2], left, width)
        for e in range(starts[p], starts[p + 1]):
            x0, y0, x1, y1 = _upward(edges[e])
            # Centres at the lower end belong to an edge, those at its upper end to the next one.
            low = max(math.ceil(y0 - 0.5), top + first)
            high = min(math.ceil(y1 - 0.5), top + last)
            for i in range(low, high):
                x = x0 + (i + 0.5 - y0) / (y1 - y0) * (x1 - x0)
                j = max(math.ceil(x - 0.5) - left, begin)
                if j < end:
                    turns[i - top, j] ^= 1
        for i in range(first, last):
            within = 0
            for j in range(begin, end):
                within ^= turns[i, j]
                turns[i, j] = 0
                found[i, j] |= within


@numba.njit(nogil=True, cache=True)
def crossed(edges, starts, chosen, top, left, found):
    """Set pixels that an edge of the chosen polygons runs through; one along their border does not."""
    height, width = found.shape
    for p in chosen:
        for e in range(starts[p], starts[p + 1]):
            x0, y0, x1, y1 = _upward(edges[e])
            low, high = max(math.floor(y0), top), min(math.ceil(y1), top + height)
            if y0 == y1 and y0 != math.floor(y0):
                _cross(found[low - top : high - top], min(x0, x1), max(x0, x1), left, width)
            elif y0 != y1:
                for i in range(low, high):
                    xa, _, xb, _ = _within_row(x0, y0, x1, y1, i)
                    _cross(found[i - top : i - top + 1], min(xa, xb), max(xa, xb), left, width)


@inner()
def _cross(row, x0, x1, left, width):
    """Set the pixels of a row between two places; the row is empty if it lies outside the window."""
    begin, end = math.floor(x0), math.ceil(x1)
    for i in range(row.shape[0]):
        for j in range(max(begin - left, 0), min(end - left, width)):
            row[i, j] = 1


@numba.njit(nogil=True, cache=True)
def shares(edges, starts, chosen, top, left, cut, found):
    """Share of each cut pixel that the chosen polygons cover together; the others of ``found`` stay.

    Between two heights at which edges begin, end, cross or leave the pixel, the width covered changes evenly: the
    width at half height says the area.
    """
    height, width = found.shape
    offsets, places, owners = _edges_by_row(edges, starts, chosen, top, height)
    for i in range(height):
        count = offsets[i + 1] - offsets[i]
        if not count:
            continue
        parts = np.empty((count, 4))
        for k in range(count):
            x0, y0, x1, y1 = _upward(edges[places[offsets[i] + k]])
            parts[k] = _within_row(x0, y0, x1, y1, top + i)
        owned = owners[offsets[i] : offsets[i + 1]]
        runs, reaches = _polygons_of_row(parts, owned)
        for j in range(width):
            if cut[i, j]:
                found[i, j] = _share_of_pixel(parts, owned, runs, reaches, left + j, top + i)


@inner()
def _edges_by_row(edges, starts, chosen, top, height):
    """Edges that run through each row, polygon after polygon, and which polygon each belongs to."""
    offsets = np.zeros(height + 1, np.int64)
    places = owners = np.empty(0, np.int64)
    for filling in range(2):
        if filling:
            for i in range(height):
                offsets[i + 1] += offsets[i]
            places = np.empty(offsets[height], np.int64)
            owners = np.empty(offsets[height], np.int64)
            reached = offsets.copy()
        for p in chosen:
            for e in range(starts[p], starts[p + 1]):
                _, y0, _, y1 = _upward(edges[e])
                if y0 == y1:
                    continue
                for i in range(max(math.floor(y0) - top, 0), min(math.ceil(y1) - top, height)):
                    if filling:
                        places[reached[i]] = e
                        owners[reached[i]] = p
                        reached[i] += 1
                    else:
                        offsets[i + 1] += 1
    return offsets, places, owners


@inner()
def _polygons_of_row(parts, owners):
    """First part of each polygon and the end of the last one, and how far each reaches along the row."""
    count = owners.size
    runs = np.empty(count + 1, np.int64)
    reaches = np.empty((count, 2))
    size = 0
    for k in range(count):
        low, high = min(parts[k, 0], parts[k, 2]), max(parts[k, 0], parts[k, 2])
        if k == 0 or owners[k] != owners[k - 1]:
            runs[size] = k
            reaches[size, 0], reaches[size, 1] = low, high
            size += 1
        else:
            reaches[size - 1, 0] = min(reaches[size - 1, 0], low)
            reaches[size - 1, 1] = max(reaches[size - 1, 1], high)
    runs[size] = count
    return runs[: size + 1], reaches[:size]


@inner()
def _share_of_pixel(parts, owners, runs, reaches, x, y):
    """Area of the union of polygons within one pixel, from the parts of their edges within its row."""
    count = owners.size
    active = np.empty(count, np.int64)
    turns = np.empty(2 * count)  # heights at which the left border goes into a polygon or out of it
    turners = np.empty(2 * count, np.int64)
    actives = turned = 0
    for r in range(reaches.shape[0]):
        # What ends to the left of the pixel has been left again, too.
        if reaches[r, 0] >= x + 1 or reaches[r, 1] <= x:
            continue
        begun = turned
        for k in range(runs[r], runs[r + 1]):
            xa, ya, xb, yb = parts[k]
            if ya == yb or min(xa, xb) >= x + 1:
                continue
            if max(xa, xb) > x:
                active[actives] = k
                actives += 1
                continue
            for place in (ya, yb):
                # Twice at one height is not at all: most of what lies to the left is gone at once.
                for m in range(begun, turned):
                    if turns[m] == place:
                        turned -= 1
                        turns[m] = turns[turned]
                        break
                else:
                    turns[turned] = place
                    turners[turned] = owners[k]
                    turned += 1
    heights = _heights(parts, active[:actives], turns[:turned], x, y)
    crossings = np.empty(actives + turned + 2)
    spans = np.empty((actives + turned + 1, 2))
    area = 0.0
    for s in range(heights.size - 1):
        if heights[s + 1] > heights[s]:
            middle = 0.5 * (heights[s] + heights[s + 1])
            found = 0
            a = t = 0
            while a < actives or t < turned:
                owner = owners[active[a]] if a < actives else turners[t]
                if t < turned:
                    owner = min(owner, turners[t])
                met = 0
                while t < turned and turners[t] == owner:
                    if turns[t] < middle:
                        crossings[met] = x
                        met += 1
                    t += 1
                while a < actives and owners[active[a]] == owner:
                    xa, ya, xb, yb = parts[active[a]]
                    if ya < middle < yb:
                        place = xa + (middle - ya) / (yb - ya) * (xb - xa)
                        crossings[met] = min(max(place, x), x + 1)
                        met += 1
                    a += 1
                if met % 2:  # what ends it lies farther to the right
                    crossings[met] = x + 1
                    met += 1
                crossings[:met].sort()
                for m in range(0, met, 2):
                    spans[found, 0], spans[found, 1] = crossings[m], crossings[m + 1]
                    found += 1
            area += (heights[s + 1] - heights[s]) * _length_of_union(spans, found)
    return area


@inner()
def _heights(parts, active, turns, x, y):
    """All heights at which something changes within a pixel, sorted."""
    count = active.size
    heights = np.empty(2 + turns.size + 4 * count + 8)
    heights[0], heights[1] = y, y + 1
    size = 2
    for height in turns:
        heights[size] = height
        size += 1
    for k in range(count):
        xa, ya, xb, yb = parts[active[k]]
        heights[size], heights[size + 1] = ya, yb
        size += 2
        for border in (x, x + 1):
            if min(xa, xb) < border < max(xa, xb):
                heights[size] = ya + (border - xa) / (xb - xa) * (yb - ya)
                size += 1
    for k in range(count):
        for m in range(k):
            height = _height_of_crossing(parts[active[k]], parts[active[m]])
            if height == height:
                if size == heights.size:
                    heights = np.concatenate((heights, np.empty(size)))
                heights[size] = height
                size += 1
    heights = heights[:size]
    for k in range(size):
        heights[k] = min(max(heights[k], y), y + 1)
    heights.sort()
    return heights


@inner(error_model="numpy")
def _height_of_crossing(one, other):
    """Where two edges cross, NaN if they do not."""
    low, high = max(one[1], other[1]), min(one[3], other[3])
    if not low < high:
        return np.nan
    apart = _at(one, low) - _at(other, low)
    then = _at(one, high) - _at(other, high)
    if not apart * then < 0:
        return np.nan
    return low + (high - low) * (apart / (apart - then))


@inner(error_model="numpy")
def _at(edge, y):
    return edge[0] + (y - edge[1]) / (edge[3] - edge[1]) * (edge[2] - edge[0])


@inner()
def _length_of_union(spans, count):
    """Length that intervals cover together; they are sorted in place."""
    for k in range(1, count):
        begin, end = spans[k, 0], spans[k, 1]
        m = k
        while m > 0 and spans[m - 1, 0] > begin:
            spans[m, 0], spans[m, 1] = spans[m - 1, 0], spans[m - 1, 1]
            m -= 1
        spans[m, 0], spans[m, 1] = begin, end
    length = 0.0
    reached = -math.inf
    for k in range(count):
        begin, end = max(spans[k, 0], reached), spans[k, 1]
        if end > begin:
            length += end - begin
            reached = end
    return length


@inner()
def _span(low, high, first, size):
    """Pixels of a window between two places along one axis, counted from the window's first."""
    begin = min(max(math.floor(low) - first, 0), size)
    return begin, min(max(math.ceil(high) - first, begin), size)


@inner()
def _upward(edge):
    """An edge from its lower row on: neighbours that share it must find the same places on it."""
    if edge[1] <= edge[3]:
        return edge[0], edge[1], edge[2], edge[3]
    return edge[2], edge[3], edge[0], edge[1]


@inner(error_model="numpy")
def _within_row(x0, y0, x1, y1, i):
    """The part of an edge that lies within a row of pixels."""
    slope = (x1 - x0) / (y1 - y0)
    xa, ya = (x0, y0) if y0 >= i else (x0 + (i - y0) * slope, float(i))
    xb, yb = (x1, y1) if y1 <= i + 1 else (x0 + (i + 1 - y0) * slope, float(i + 1))
    return xa, ya, xb, yb
