"""All attributes in one pass: each row of the DEM is fetched once, and what several attributes need is made once.

Rows enter one by one into rings. When row y has entered, what looks ``reach`` rows ahead is ready for row y - reach:
that row of all outputs is finished. Wide rasters are taken in blocks of columns, so that the rings stay in the cache.
"""

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain._kernels import angles, curvatures, discs, gradients, ruggedness, squares
from insarfeat.terrain._kernels.rows import fetch, piece

SLOPE, ASPECT, HILLSHADE, PROFILE, PLAN, TANGENTIAL, GENERAL = range(7)
RILEY, WILSON, SAGA, ROUGHNESS, CONVEXITY, RELIEF, POSITION = range(7, 14)

_BLOCK = 4096
# Rows of scratch that lie a multiple of 4096 bytes apart get into each other's way in the cache.
_APART = 80


@numba.njit(nogil=True, cache=True)
def attributes(dem, outputs, top, left, ties, weights, codes, numbers, side, bends, rugged, spans, windows):
    """Compute the attributes ``codes``, each with a row of ``numbers``.

    The last five are None where no attribute needs them, and what stands behind them is not even compiled then:
    ``side``, the weight of side lines in derivatives; ``bends``, for curvatures; ``rugged``, for what compares
    neighbours; ``spans`` of convexity's disc; ``windows``, the radii of relief and position, -1 where not wanted.
    """
    count, rows, columns = outputs.shape
    block = min(columns, _BLOCK)
    reach = 1
    if spans is not None:
        disc = spans[-1, 0] // 2
        reach = max(reach, disc + 1)  # the cells on the rim of the disc are compared with their neighbours
    if windows is not None:
        relief, position = windows
        reach = max(reach, relief, position)
    depth = 2 * reach + 1
    lines = np.empty((depth, block + 2 * reach), dem.dtype)
    whole = np.zeros(depth, np.bool_)
    if side is not None:
        derivatives = np.empty((5, block + _APART), dem.dtype)
    if spans is not None:
        flags = np.empty((2, depth, block + 2 * disc), np.int8)
        counts = np.empty((2, block), np.int32)
        diagonal = numbers[np.argmax(codes == CONVEXITY), 0]
    if windows is not None:
        extremes = np.empty((2, depth, block if relief > 0 else 0), dem.dtype)
        sums = np.empty((2, depth, block if position > 0 else 0), np.float64)
    for start in range(0, columns, block):
        n = min(block, columns - start)
        for entering in range(top - reach, top + rows + reach):
            line = lines[entering % depth, : n + 2 * reach]
            whole[entering % depth] = fetch(line, dem, entering, left + start - reach)
            if spans is not None:
                first = left + start - disc
                end = min(n + 2 * disc, dem.shape[1] - first)
                discs.enter(flags, lines, whole, entering - 1, max(-first, 0), end, diagonal)
            if windows is not None:
                if relief > 0:
                    cells = line[reach - relief : reach + n + relief]
                    squares.enter_extremes(extremes[:, entering % depth], cells, n)
                if position > 0:
                    cells = line[reach - position : reach + n + position]
                    squares.enter_sums(sums[:, entering % depth], cells, n)
            y = entering - reach
            if y < top:
                continue
            up = lines[(y - 1) % depth, reach - 1 : reach + n + 1]
            mid = lines[y % depth, reach - 1 : reach + n + 1]
            down = lines[(y + 1) % depth, reach - 1 : reach + n + 1]
            complete = whole[(y - 1) % depth] and whole[y % depth] and whole[(y + 1) % depth]
            if side is not None:
                p, q = derivatives[0, :n], derivatives[1, :n]
                gradients.first(p, q, up, mid, down, complete, side, ties, weights[y], left + start)
            if bends is not None:
                _bend(derivatives, up, mid, down, side, ties, weights[y], left + start)
            if spans is not None:
                discs.count(counts, flags, y, n, spans, y == top, whole.all())
            for k in range(count):
                out = outputs[k, y - top, start : start + n]
                code = codes[k]
                if side is not None and code <= HILLSHADE:
                    _surface(out, code, derivatives, numbers[k])
                if bends is not None and PROFILE <= code <= GENERAL:
                    _curvature(out, code, derivatives, numbers[k, 0])
                if rugged is not None and RILEY <= code <= ROUGHNESS:
                    _ruggedness(out, code, up, mid, down, complete)
                if spans is not None and code == CONVEXITY:
                    discs.percent(out, counts, flags[1, y % depth, disc:])
                if windows is not None:
                    if code == RELIEF:
                        squares.relief(out, extremes, mid[1:], y, relief)
                    elif code == POSITION:
                        squares.position(out, sums, mid[1:], y, position)


@inner()
def _bend(derivatives, up, mid, down, side, ties, weights, start):
    """Second derivatives on the ground of one row."""
    n = mid.size - 2
    r, s, t = derivatives[2, :n], derivatives[3, :n], derivatives[4, :n]
    gradients.second(r, s, t, up, mid, down, side)
    gradients.bends_onto_ground(r, s, t, ties, weights, start)


@inner()
def _surface(out, code, derivatives, numbers):
    p, q = derivatives[0, : out.size], derivatives[1, : out.size]
    if code == SLOPE:
        angles.slope(out, p, q)
    elif code == ASPECT:
        angles.aspect(out, p, q)
    else:
        angles.hillshade(out, p, q, numbers)


@inner()
def _curvature(out, code, derivatives, share):
    if code == PROFILE:
        curvatures.profile(out, derivatives, share)
    elif code == PLAN:
        curvatures.across(out, derivatives, share, 0.0)
    elif code == TANGENTIAL:
        curvatures.across(out, derivatives, share, 1.0)
    else:
        curvatures.general(out, derivatives)


@inner()
def _ruggedness(out, code, up, mid, down, complete):
    if code == RILEY:
        for part in range(3):
            a, b, sure = piece(part, out.size, complete)
            if a < b:
                ruggedness.riley(out[a:b], up[a : b + 2], mid[a : b + 2], down[a : b + 2], sure)
    elif code == WILSON:
        ruggedness.wilson(out, up, mid, down)
    elif code == SAGA:
        ruggedness.saga(out, up, mid, down)
    else:
        ruggedness.roughness(out, up, mid, down)
