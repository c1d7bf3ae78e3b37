"""Walks over a DEM along the line of sight: which ground hides, or is as far from the radar as, other ground.

A pixel's rays are walked in steps of one pixel along the grid's axis that is nearest to them. All pixels of a
segment, 64 columns of a row counted from the raster's first column, walk in the same direction: then one step is the
same shift for all of them, and runs on whole vectors. Of a walk only the highest ground over a straight line is kept.

What could not matter is stepped over in groups, by what is known of coarse cells. Ground as high as the line must be
there; and on the way to it there must be a step at least as steep as the line, or a void. Both are decided with a
margin far above the rounding, so that they leave no trace in the answer.
"""

import math

import numba
import numpy as np

from insarfeat._kernels import inner, phasor_single

SEGMENT = 64
CLEAR, SHADOW, LAYOVER, NODATA = np.uint8(0), np.uint8(1), np.uint8(2), np.uint8(255)

_SHIFT = 4  # coarse cells have 2^4 pixels on a side
_GROUP = 16  # steps that are taken or left together
_NEARLY = 1 - 1e-3  # of the steepness of a line: steps below it cannot add up to it
_CLIFF = 1e30  # metres; infinity times no share of it would be NaN
_SNAP = 1e-6  # pixels: a step so close to a row or column lies on it, and needs no neighbour
_RADIANS = math.pi / 180
_LANES = 64


@numba.njit(nogil=True, cache=True, error_model="numpy")
def shadow_layover(
    dem, incidence, heading, outputs, top, left, row, column, height, width, ties, weights, limits
):
    """Flag shadow and layover.

    ``limits`` are what is added to the heading for the azimuth of the radar, how far away ground can matter for
    shadow and for layover in metres, and a height that is more than any rounding.
    """
    out = outputs[0]
    side, shadow, layover, slack = limits
    known = _extremes_of_cells(dem), _steps_of_cells(dem)
    slopes = np.empty((2, SEGMENT), dem.dtype)
    highest = np.empty((3, SEGMENT), dem.dtype)
    if incidence.size == 1:
        _slopes(slopes[0], slopes[1], np.full(SEGMENT, incidence[0, 0]))
    # Down one strip of columns after the other: what rays meet stays in the cache.
    for first in range((column + left) // SEGMENT * SEGMENT - column, left + out.shape[1], SEGMENT):
        begin, end = max(first, left), min(first + SEGMENT, left + out.shape[1])
        n = end - begin
        tangents, cotangents = slopes[0, :n], slopes[1, :n]
        shading, nearer, farther = highest[0, :n], highest[1, :n], highest[2, :n]
        for y in range(top, top + out.shape[0]):
            here = dem[y, begin:end]
            flags = out[y - top, begin - left : end - left]
            place = first if heading.size == 1 else _first_valid(heading[y], max(first, 0), first + SEGMENT)
            azimuth = heading[0, 0] if heading.size == 1 else heading[y, place]
            bottom, peak = _range(here)
            if not (bottom <= peak and azimuth == azimuth):
                flags[:] = NODATA
                continue
            if incidence.size > 1:
                _slopes(tangents, cotangents, incidence[y, begin:end])
            columns, rows = _per_metre(ties, weights[y], place, (azimuth + side) * _RADIANS)
            walk = dem, known, y, begin, slack
            highest[:] = -np.inf
            _walk(shading, walk, columns, rows, shadow, cotangents, bottom, True)
            _walk(nearer, walk, columns, rows, layover, tangents, -peak, False)
            _walk(farther, walk, -columns, -rows, layover, tangents, bottom, True)
            _flag(flags, here, tangents, shading, nearer, farther)
            if heading.size > 1:
                _clear_nodata(flags, heading[y, begin:end])


@inner()
def _first_valid(values, begin, end):
    place, last = begin, min(end, values.size) - 1
    while place < last and values[place] != values[place]:
        place += 1
    return place


@inner()
def _per_metre(ties, weights, place, azimuth):
    """Columns and rows per metre along an azimuth; weights are linear between ties."""
    last = ties.size - 1
    j = 0
    while j < last - 1 and ties[j + 1] <= place:
        j += 1
    k = min(j + 1, last)
    share = (place - ties[j]) / (ties[k] - ties[j]) if k > j else 0.0
    east, north = math.sin(azimuth), math.cos(azimuth)
    # At a tie exactly that tie's weights, whichever of its neighbours the other one is.
    a = weights[j, 0] * (1 - share) + weights[k, 0] * share
    b = weights[j, 1] * (1 - share) + weights[k, 1] * share
    c = weights[j, 2] * (1 - share) + weights[k, 2] * share
    d = weights[j, 3] * (1 - share) + weights[k, 3] * share
    return a * east + c * north, b * east + d * north


@inner(error_model="numpy")
def _slopes(tangents, cotangents, incidence):
    """Tangent and cotangent of the incidence."""
    one = tangents.dtype.type(1)
    if incidence.itemsize == 4:
        scale = np.float32(_RADIANS)
        for i in range(incidence.size):
            cosine, sine = phasor_single(incidence[i] * scale)
            tangents[i] = sine / cosine
    else:
        for i in range(incidence.size):
            tangents[i] = math.tan(incidence[i] * _RADIANS)
    for i in range(incidence.size):
        cotangents[i] = one / tangents[i]


@inner()
def _smallest(values):
    """Smallest number; infinity where there is none."""
    smallest = values.dtype.type(np.inf)
    for i in range(values.size):
        smallest = values[i] if values[i] < smallest else smallest
    return smallest


@inner()
def _range(values):
    """Lowest and highest number; infinities the wrong way round where there is none."""
    low, high = values.dtype.type(np.inf), values.dtype.type(-np.inf)
    for i in range(values.size):
        low = values[i] if values[i] < low else low
        high = values[i] if values[i] > high else high
    return low, high


@inner()
def _walk(highest, walk, columns, rows, reach, slopes, lowest, upright):
    """Keep the highest ground over lines that rise from 0 at each pixel with its slope; or of the ground upside down.

    No pixel of the segment lies lower than ``lowest``.
    """
    dem, (extremes, rises), y, begin, slack = walk
    across = abs(columns) >= abs(rows)
    major, minor = (columns, rows) if across else (rows, columns)
    steps = math.floor(reach * abs(major))
    if steps < 1:
        return
    metres = 1 / abs(major)
    way = 1 if major > 0 else -1, minor / abs(major), across
    flattest = _smallest(slopes)
    number = dem.dtype.type
    least = metres * flattest * _NEARLY - slack
    steep = False
    for start in range(1, steps + 1, _GROUP):
        stop = min(start + _GROUP, steps + 1)
        if not steep:
            path = _box(way, start - 1, stop - 1, y, begin, highest.size)
            steep = _rises(rises, path, way, upright, least)
            if not steep:
                continue
        box = _box(way, start, stop - 1, y, begin, highest.size)
        if box[1] < 0 or box[0] >= dem.shape[0] or box[3] < 0 or box[2] >= dem.shape[1]:
            return
        needed = lowest + start * metres * flattest - slack
        if not _reaches(extremes[0 if upright else 1], box, needed):
            continue
        for step in range(start, stop):
            down, along, more_down, more_along, share = _place(way, step)
            first, second = y + down, y + down + more_down
            if first < 0 or second >= dem.shape[0]:
                continue
            a = max(0, -begin - along)
            b = min(highest.size, dem.shape[1] - begin - along - more_along)
            if a >= b:
                continue
            nearest = begin + along
            cells = dem[first, nearest + a : nearest + b]
            others = dem[second, nearest + more_along + a : nearest + more_along + b]
            kept, lines, distance = highest[a:b], slopes[a:b], number(step * metres)
            if upright:
                _raise(kept, cells, others, number(share), lines, distance)
            else:
                _raise_mirrored(kept, cells, others, number(share), lines, distance)


@inner()
def _place(way, step):
    """Where a step lies, counted from its pixel: a cell's row and column, those of a second from there, its share."""
    ahead, aside, across = way
    shift = step * aside
    whole = math.floor(shift + _SNAP)
    share = shift - whole
    more = 1 if share >= _SNAP else 0
    if across:
        return whole, step * ahead, more, 0, share * more
    return step * ahead, whole, 0, more, share * more


@inner()
def _box(way, start, stop, y, begin, size):
    """First and last row, first and last column that steps from ``start`` to ``stop`` touch, of a whole segment."""
    down, along = _place(way, start)[:2]
    down_last, along_last = _place(way, stop)[:2]
    return (
        y + min(down, down_last),
        y + max(down, down_last) + 1,
        begin + min(along, along_last),
        begin + size + max(along, along_last),
    )


@inner()
def _raise(highest, cells, others, part, slopes, distance):
    for i in range(highest.size):
        ground = cells[i] + part * (others[i] - cells[i])
        above = ground - distance * slopes[i]
        highest[i] = above if above > highest[i] else highest[i]


@inner()
def _raise_mirrored(highest, cells, others, part, slopes, distance):
    for i in range(highest.size):
        ground = cells[i] + part * (others[i] - cells[i])
        above = -ground - distance * slopes[i]
        highest[i] = above if above > highest[i] else highest[i]


@inner()
def _flag(flags, here, tangents, shading, nearer, farther):
    for i in range(flags.size):
        flag = SHADOW if shading[i] > here[i] else CLEAR
        flag |= LAYOVER if (nearer[i] >= -here[i]) | (farther[i] >= here[i]) else CLEAR
        flags[i] = flag if (here[i] == here[i]) & (tangents[i] == tangents[i]) else NODATA


@inner()
def _clear_nodata(flags, heading):
    for i in range(flags.size):
        flags[i] = flags[i] if heading[i] == heading[i] else NODATA


@inner()
def _reaches(extremes, box, needed):
    """Whether any coarse cell under a box of pixels (rows and columns, both ends included) is as high as needed."""
    top, bottom = max(box[0], 0) >> _SHIFT, min(box[1] >> _SHIFT, extremes.shape[0] - 1)
    left, right = max(box[2], 0) >> _SHIFT, min(box[3] >> _SHIFT, extremes.shape[1] - 1)
    for i in range(top, bottom + 1):
        for j in range(left, right + 1):
            if extremes[i, j] >= needed:
                return True
    return False


@inner()
def _rises(rises, box, way, upright, least):
    """Whether in any coarse cell under a box one step on the way may rise by so much; or fall, if not upright."""
    ahead, aside, across = way
    first, second = (0, 2) if across else (2, 0)
    along = rises[first + (0 if (ahead > 0) == upright else 1)]
    beside = rises[second + (0 if (aside > 0) == upright else 1)]
    share = beside.dtype.type(abs(aside))
    top, bottom = max(box[0], 0) >> _SHIFT, min(box[1] >> _SHIFT, along.shape[0] - 1)
    left, right = max(box[2], 0) >> _SHIFT, min(box[3] >> _SHIFT, along.shape[1] - 1)
    for i in range(top, bottom + 1):
        for j in range(left, right + 1):
            if along[i, j] + share * max(beside[i, j], 0) >= least:
                return True
    return False


@inner()
def _steps_of_cells(dem):
    """The highest steps in coarse cells to the next column, to the one before, to the next row, to the one before.

    Where a pixel is missing there is no telling: more than any.
    """
    rows, columns = dem.shape
    side = 1 << _SHIFT
    found = np.full((4, (rows + side - 1) // side, (columns + side - 1) // side), -np.inf, dem.dtype)
    highest = np.empty((4, columns), dem.dtype)
    broken = np.empty(columns, dem.dtype)
    for i in range(found.shape[1]):
        highest[:] = -np.inf
        broken[:] = 0
        for y in range(i * side, min((i + 1) * side, rows)):
            here = dem[y]
            _step(highest[0, : columns - 1], highest[1, : columns - 1], broken, here[: columns - 1], here[1:])
            if y + 1 < rows:
                _step(highest[2], highest[3], broken, here, dem[y + 1])
        for j in range(found.shape[2]):
            piece = slice(j * side, min((j + 1) * side, columns))
            gap = broken[piece].sum() != 0  # NaN is not 0 either
            for k in range(4):
                found[k, i, j] = _CLIFF if gap else highest[k, piece].max()
    return found


@inner()
def _step(up, down, broken, here, there):
    for i in range(here.size):
        rise = there[i] - here[i]
        up[i] = rise if rise > up[i] else up[i]
        down[i] = -rise if -rise > down[i] else down[i]
        broken[i] += rise - rise


@inner()
def _extremes_of_cells(dem):
    """The highest ground of coarse cells, and of those of the ground upside down."""
    rows, columns = dem.shape
    side = 1 << _SHIFT
    found = np.full((2, (rows + side - 1) // side, (columns + side - 1) // side), -np.inf, dem.dtype)
    low, high = np.empty(columns, dem.dtype), np.empty(columns, dem.dtype)
    for i in range(found.shape[1]):
        low[:], high[:] = np.inf, -np.inf
        for y in range(i * side, min((i + 1) * side, rows)):
            _widen(low, high, dem[y])
        for j in range(found.shape[2]):
            piece = slice(j * side, min((j + 1) * side, columns))
            found[0, i, j] = high[piece].max()
            found[1, i, j] = -low[piece].min()
    return found


@inner()
def _widen(low, high, values):
    for i in range(values.size):
        low[i] = values[i] if values[i] < low[i] else low[i]
        high[i] = values[i] if values[i] > high[i] else high[i]


@numba.njit(nogil=True, cache=True)
def extremes(values):
    """Lowest and highest of a 1-D array; infinities the wrong way round where all are NaN."""
    low, high = np.full(_LANES, np.inf, values.dtype), np.full(_LANES, -np.inf, values.dtype)
    whole = values.size // _LANES * _LANES
    for start in range(0, whole, _LANES):
        _widen(low, high, values[start : start + _LANES])
    rest = values[whole:]
    _widen(low[: rest.size], high[: rest.size], rest)
    return low.min(), high.max()


@numba.njit(nogil=True, cache=True)
def extremes_of_angles(values, origin):
    """The same of degrees, taken into the turn that begins at ``origin``."""
    low, high = np.full(_LANES, np.inf), np.full(_LANES, -np.inf)
    turned = np.empty(_LANES)
    for start in range(0, values.size, _LANES):
        piece = values[start : start + _LANES]
        for i in range(piece.size):
            turned[i] = piece[i] - 360.0 * np.floor((piece[i] - origin) / 360.0)
        _widen(low[: piece.size], high[: piece.size], turned[: piece.size])
    return low.min(), high.max()
