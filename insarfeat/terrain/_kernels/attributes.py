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
def attributes(dem, outputs, top, left, ties, weights, codes, numbers, side, spans):
    """Compute the attributes ``codes``, each with a row of ``numbers``.

    ``side`` is the weight of side lines in derivatives; ``spans`` are those of convexity's disc.
    """
    count, rows, columns = outputs.shape
    disc, relief, position, diagonal = -1, -1, -1, 0.0
    shaded = bent = False
    for k in range(count):
        code = codes[k]
        shaded |= code <= GENERAL
        bent |= PROFILE <= code <= GENERAL
        if code == CONVEXITY:
            disc, diagonal = int(numbers[k, 0]), numbers[k, 1]
        elif code == RELIEF:
            relief = int(numbers[k, 0])
        elif code == POSITION:
            position = int(numbers[k, 0])
    # Convexity compares the cells on the rim of its disc with their neighbours.
    reach = max(1, disc + 1, relief, position)
    depth = 2 * reach + 1
    block = min(columns, _BLOCK)
    lines = np.empty((depth, block + 2 * reach), dem.dtype)
    whole = np.zeros(depth, np.bool_)
    derivatives = np.empty((5, block + _APART), dem.dtype)
    flags = np.empty((2, depth, block + 2 * disc if disc >= 0 else 0), np.int8)
    counts = np.empty((2, block if disc >= 0 else 0), np.int32)
    extremes = np.empty((2, depth, block if relief >= 0 else 0), dem.dtype)
    sums = np.empty((2, depth, block if position >= 0 else 0), np.float64)
    for start in range(0, columns, block):
        n = min(block, columns - start)
        for entering in range(top - reach, top + rows + reach):
            slot = entering % depth
            line = lines[slot, : n + 2 * reach]
            whole[slot] = fetch(line, dem, entering, left + start - reach)
            if disc >= 0:
                first = left + start - disc
                end = min(n + 2 * disc, dem.shape[1] - first)
                discs.enter(flags, lines, whole, entering - 1, max(-first, 0), end, diagonal)
            if relief >= 0:
                squares.enter_extremes(extremes[:, slot], line[reach - relief : reach + n + relief], n)
            if position >= 0:
                squares.enter_sums(sums[:, slot], line[reach - position : reach + n + position], n)
            y = entering - reach
            if y < top:
                continue
            up = lines[(y - 1) % depth, reach - 1 : reach + n + 1]
            mid = lines[y % depth, reach - 1 : reach + n + 1]
            down = lines[(y + 1) % depth, reach - 1 : reach + n + 1]
            complete = whole[(y - 1) % depth] and whole[y % depth] and whole[(y + 1) % depth]
            if shaded:
                _derive(derivatives, up, mid, down, complete, side, bent, ties, weights[y], left + start)
            if disc >= 0:
                discs.count(counts, flags, y, n, spans, y == top, whole.all())
            for k in range(count):
                out = outputs[k, y - top, start : start + n]
                code = codes[k]
                if code <= GENERAL:
                    _surface(out, code, derivatives, numbers[k])
                elif code <= ROUGHNESS:
                    _ruggedness(out, code, up, mid, down, complete)
                elif code == CONVEXITY:
                    discs.percent(out, counts, flags[1, y % depth, disc:])
                elif code == RELIEF:
                    squares.relief(out, extremes, mid[1:], y, relief)
                else:
                    squares.position(out, sums, mid[1:], y, position)


@inner()
def _derive(derivatives, up, mid, down, complete, side, bent, ties, weights, start):
    """Derivatives on the ground of one row: two of the first, and three of the second order if wanted."""
    n = mid.size - 2
    p, q = derivatives[0, :n], derivatives[1, :n]
    along_axes = ties.size == 1
    scale = (weights[0, 0], weights[0, 3]) if along_axes else (1.0, 1.0)
    if side == 0:
        for part in range(3):
            a, b, sure = piece(part, n, complete)
            if a < b:
                ahead = up[a : b + 2], mid[a : b + 2], down[a : b + 2]
                gradients.first_of_four(p[a:b], q[a:b], *ahead, scale, sure)
    else:
        gradients.first_of_eight(p, q, up, mid, down, scale, side)
    if not along_axes:
        gradients.onto_ground(p, q, ties, weights, start)
    if bent:
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
    elif code == HILLSHADE:
        angles.hillshade(out, p, q, numbers)
    elif code == PROFILE:
        curvatures.profile(out, derivatives, numbers[0])
    elif code == PLAN:
        curvatures.plan(out, derivatives, numbers[0])
    elif code == TANGENTIAL:
        curvatures.tangential(out, derivatives, numbers[0])
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
