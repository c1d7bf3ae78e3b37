"""The Goldstein filter, 16 windows at once.

The raster is cut into strips of 16 windows beside each other, and each strip is walked down window by window:

1. A row of pixels is dealt out so that the same column of all 16 windows is one vector, and transformed along x. The
   windows that lie over each other share these rows.
2. Each window is transformed along y, weighted by its own spectrum, and transformed back. It need not be turned
   upright for that: it may start anywhere in a ring of rows, because a cyclic shift of the pixels leaves the size of
   the spectrum as it is. The ring counts the raster's own rows, so that the answer knows nothing of blocks.
3. The weight of the overlapping windows is a product of one along y and one along x. So windows over each other are
   summed first, and their rows transformed back once.

Forward transforms serve both ways: the inverse of S is the conjugate of the transform of conj(S). Sums over windows
run from left to right and from top to bottom, also across strips: they are the same to the last bit in any block.

``settings`` is a named tuple of what ``insarfeat.filters.adaptive`` prepares.
"""

import numba
import numpy as np

from insarfeat._kernels import inner, power_rows
from insarfeat.filters._kernels.strips import (
    copy_in,
    copy_out,
    deal,
    finish,
    gather,
    gather_coherence,
    overlay_windows,
)
from insarfeat.filters._kernels.transforms import LANES, transform

_REACH = 4  # of one smoothing, in bins
_FLOOR = 0.95  # of the mean magnitude is taken for noise; at 1, a lone pixel would have nothing left
_LEAST = 1e-3  # of a window's largest magnitude, so that small exponents end in no filter at all


@numba.njit(nogil=True, cache=True)
def goldstein(ifg, coherence, out, top, left, row, column, height, width, settings):
    """Filter a complex interferogram or a wrapped phase; the coherence counts if alpha is to come from it."""
    dtype = out[:0].real.dtype
    source = ifg.view(dtype)  # phases, or real and imaginary parts side by side
    result = out.view(dtype)
    parts = source.shape[1] // ifg.shape[1]
    window = settings.window
    step = settings.step
    overlap = window // step  # windows over each pixel, along y and along x
    size = window * LANES
    blocks = LANES + overlap - 1  # of ``step`` columns, under a strip
    rows = out.shape[0]
    columns = out.shape[1]
    by_coherence = settings.alpha < 0
    normalize = settings.normalize
    whole = normalize or settings.smoothings > 0  # all of a window's spectrum is needed to weight any of it
    turn = settings.cosines.astype(dtype), settings.sines.astype(dtype)
    taps = settings.taps.astype(dtype)
    overlay_down = settings.overlay_down.astype(dtype)
    overlay_across = settings.overlay_across.astype(dtype)
    taper_down = settings.taper_down.astype(dtype)
    taper_across = settings.taper_across.astype(dtype)

    # Arrays are made in two shapes only: each further one would be compiled by itself.
    # The rings lie as [frequency along x][real, imaginary][row of the ring][lane].
    forward = np.zeros(window * 2 * size, dtype)
    backward = np.zeros(window * 2 * size, dtype)
    filled = np.zeros(window, np.int64)  # valid pixels in each row of the ring
    valid = 0  # and in all of them
    dealt = np.zeros(step * blocks, dtype)
    staggered = np.zeros(window * blocks, dtype)
    line = np.zeros(2 * size, dtype)
    exponent = np.zeros(size, dtype)
    factor = np.zeros(size, dtype)
    one = np.zeros(LANES, dtype)
    scale = np.zeros(LANES, dtype)
    spectrum = np.empty((window, 2 * size), dtype)
    weight = np.empty((window, size), dtype)
    other = np.empty((window, size), dtype)
    work = np.empty((4, size), dtype)
    scratch = np.empty((2, 2 * size), dtype)
    pixels = np.empty((3, blocks * step), dtype)  # real, imaginary, and which are valid if they are phases
    trust = np.empty((window, 2 * LANES), dtype)  # sum and count of coherence in each row of the ring
    carry = np.empty((rows, 2 * step * (overlap - 1)), dtype)
    integers = np.empty((2, size), np.int32)
    # Else weights are powers of the magnitude's square, which saves a root.
    exponent[:] = settings.alpha if whole else 0.5 * settings.alpha
    weighted = by_coherence or settings.alpha != 1
    one[:] = 1
    scale[:] = 1
    pixels[:] = 0
    carry[:] = 0

    first_row = row + top
    first_column = column + left
    first_down = first_row // step - overlap + 1
    last_down = (first_row + rows - 1) // step
    first_across = first_column // step - overlap + 1
    last_across = (first_column + columns - 1) // step
    for across in range(first_across, last_across + 1, LANES):
        start = across * step - column
        backward[:] = 0
        for at in range(first_down, last_down + 1):
            fresh = window if at == first_down else step
            for y in range(at * step + window - fresh, at * step + window):
                slot = y % window
                count = gather(pixels, source, parts, y - row, start, normalize)
                valid += count - filled[slot]
                filled[slot] = count
                if count:
                    deal(line, dealt, pixels, step)
                    if normalize:
                        _taper(line, line, taper_across)
                    transform(line, line, scratch, window, turn)
                else:
                    line[:] = 0
                copy_in(forward, line, window, slot)
                if by_coherence:
                    gather_coherence(trust[slot], pixels, coherence, y - row, start, step)
            newest = (at * step + window - step) % window * LANES
            if valid:
                if by_coherence:
                    _exponents(exponent, trust, whole)
                if normalize:
                    _expand(factor, taper_down[at % overlap], one)
                for f in range(window):
                    kept = f if whole else 0
                    if normalize:
                        _taper(line, forward[2 * f * size :], factor)
                        transform(line, spectrum[kept], scratch, window, turn)
                    else:
                        transform(forward[2 * f * size :], spectrum[kept], scratch, window, turn)
                    if whole or weighted:
                        _magnitude(weight[kept], spectrum[kept], whole)
                    if not whole:
                        if f == 0:
                            _expand(factor, overlay_down[at % overlap], one)
                        if weighted:
                            power_rows(weight[0], exponent, integers)
                            _weigh(spectrum[0], weight[0])
                        else:
                            _weigh_by_itself(spectrum[0])
                        transform(spectrum[0], spectrum[0], scratch, window, turn)
                        _accumulate(backward[2 * f * size :], spectrum[0], factor, newest, step * LANES)
                if whole:
                    for _ in range(settings.smoothings):
                        _smooth(weight, other, taps)
                    if normalize:
                        _noise_and_peak(scale, weight, work)
                        power_rows(scale, -exponent[:LANES], integers)
                    _expand(factor, overlay_down[at % overlap], scale)
                    for f in range(window):
                        if normalize:
                            _lower(weight[f], work)
                        if weighted:
                            power_rows(weight[f], exponent, integers)
                        _weigh(spectrum[f], weight[f])
                        transform(spectrum[f], spectrum[f], scratch, window, turn)
                        _accumulate(backward[2 * f * size :], spectrum[f], factor, newest, step * LANES)
            else:
                spectrum[0] = 0
                for f in range(window):
                    _accumulate(backward[2 * f * size :], spectrum[0], factor, newest, step * LANES)
            for y in range(max(at * step, first_row), min((at + 1) * step, first_row + rows)):
                copy_out(line, backward, window, y % window)
                transform(line, line, scratch, window, turn)
                i = y - first_row
                overlay_windows(pixels, staggered, line, overlay_across, carry[i], dealt, step)
                begin = max(start, left)
                end = min(start + LANES * step, left + columns)
                finish(
                    result[i, (begin - left) * parts : (end - left) * parts],
                    source[i + top, begin * parts : end * parts],
                    pixels[0, begin - start : end - start],
                    pixels[1, begin - start : end - start],
                )


@inner()
def _expand(out, values, scale):
    """Products of one number per row and one per lane, for all rows and lanes."""
    for i in range(values.size):
        for lane in range(LANES):
            out[i * LANES + lane] = values[i] * scale[lane]


@inner()
def _taper(out, values, taper):
    size = taper.size
    for i in range(size):
        out[i] = values[i] * taper[i]
    for i in range(size):
        out[size + i] = values[size + i] * taper[i]


@inner()
def _exponents(exponent, trust, of_magnitude):
    """One minus the mean coherence of each window (1 where none is known), for each row of it."""
    window = len(trust)
    for lane in range(LANES):
        total = 0.0
        count = 0.0
        for i in range(window):
            total += trust[i, lane]
            count += trust[i, LANES + lane]
        alpha = min(max(1 - total / count, 0.0), 1.0) if count else 1.0
        for i in range(window):
            exponent[i * LANES + lane] = alpha if of_magnitude else 0.5 * alpha


@inner(fastmath={"contract"})
def _magnitude(weight, spectrum, root):
    real = spectrum[: weight.size]
    imaginary = spectrum[weight.size :]
    if root:
        for i in range(weight.size):
            weight[i] = np.sqrt(real[i] * real[i] + imaginary[i] * imaginary[i])
    else:
        for i in range(weight.size):
            weight[i] = real[i] * real[i] + imaginary[i] * imaginary[i]


@inner()
def _smooth(weight, other, taps):
    """Gaussian of all windows' magnitudes, along y and then along x, both wrapped around."""
    window, size = weight.shape
    edge = _REACH * LANES
    ends = np.zeros(4 * edge, weight.dtype)
    for f in range(window):
        row = weight[f]
        for i in range(2 * edge):
            ends[i] = row[size - 2 * edge + i]
        for i in range(2 * edge):
            ends[2 * edge + i] = row[i]
        out = other[f]
        _along(out[edge : size - edge], row, taps)
        _along(out[:edge], ends[edge:], taps)
        _along(out[size - edge :], ends, taps)
    for f in range(window):
        _across(weight[f], other, f, taps)


@inner(fastmath={"contract"})
def _along(out, row, taps):
    """Weighted sums of 9 neighbours along y, the first of them in the same place in the row as in the result."""
    t0, t1, t2, t3, t4 = taps[0], taps[1], taps[2], taps[3], taps[4]
    for i in range(out.size):
        value = t0 * row[i + 4 * LANES]
        value += t1 * (row[i + 3 * LANES] + row[i + 5 * LANES])
        value += t2 * (row[i + 2 * LANES] + row[i + 6 * LANES])
        value += t3 * (row[i + LANES] + row[i + 7 * LANES])
        out[i] = value + t4 * (row[i] + row[i + 8 * LANES])


@inner(fastmath={"contract"})
def _across(out, weight, f, taps):
    """Weighted sum of 9 rows."""
    window = len(weight)
    a, b, c, d = weight[f - 4], weight[f - 3], weight[f - 2], weight[f - 1]
    e = weight[f]
    g, h = weight[(f + 1) % window], weight[(f + 2) % window]
    k, m = weight[(f + 3) % window], weight[(f + 4) % window]
    t0, t1, t2, t3, t4 = taps[0], taps[1], taps[2], taps[3], taps[4]
    for i in range(out.size):
        out[i] = t0 * e[i] + t1 * (d[i] + g[i]) + t2 * (c[i] + h[i])
    for i in range(out.size):
        out[i] += t3 * (b[i] + k[i]) + t4 * (a[i] + m[i])


@inner(fastmath={"contract"})
def _noise_and_peak(peak, weight, work):
    """What is noise in each window, what is the least to be left (the first two rows of ``work``), and the most."""
    window, size = weight.shape
    floor, least, total, largest = work[0], work[1], work[2], work[3]
    total[:] = 0
    largest[:] = 0
    for f in range(window):
        row = weight[f]
        for i in range(size):
            total[i] += row[i]
        for i in range(size):
            largest[i] = max(largest[i], row[i])
    peak[:] = 0
    noise = least[:LANES]
    noise[:] = 0
    for i in range(window):
        for lane in range(LANES):
            noise[lane] += total[i * LANES + lane]
            peak[lane] = max(peak[lane], largest[i * LANES + lane])
    for lane in range(LANES):
        noise[lane] *= _FLOOR / (window * window)
        peak[lane] -= noise[lane]
        if peak[lane] == 0:
            peak[lane] = 1  # nothing there: any scale will do
    for i in range(window):
        for lane in range(LANES):
            floor[i * LANES + lane] = noise[lane]
    for i in range(window):
        for lane in range(LANES):
            least[i * LANES + lane] = _LEAST * peak[lane]


@inner()
def _lower(weight, work):
    """Magnitudes less their noise."""
    floor, least = work[0], work[1]
    for i in range(weight.size):
        weight[i] = max(weight[i] - floor[i], least[i])


@inner()
def _weigh(spectrum, weight):
    """Conjugate of the weighted spectrum."""
    real = spectrum[: weight.size]
    imaginary = spectrum[weight.size :]
    for i in range(weight.size):
        real[i] *= weight[i]
    for i in range(weight.size):
        imaginary[i] *= -weight[i]


@inner(fastmath={"contract"})
def _weigh_by_itself(spectrum):
    """Conjugate of the spectrum weighted by its own magnitude: the plain filter, at once."""
    half = spectrum.size // 2
    real = spectrum[:half]
    imaginary = spectrum[half:]
    for i in range(half):
        x = real[i]
        y = imaginary[i]
        size = np.sqrt(x * x + y * y)
        real[i] = x * size
        imaginary[i] = -y * size


@inner(fastmath={"contract"})
def _accumulate(backward, spectrum, factor, newest, count):
    """Add a window to those above it. In the ring, its newest rows hold what has long been taken out."""
    for part in range(2):
        target = backward[part * factor.size : (part + 1) * factor.size]
        source = spectrum[part * factor.size : (part + 1) * factor.size]
        end = newest + count
        _add(target[:newest], source, factor)
        _set(target[newest:end], source[newest:], factor[newest:])
        _add(target[end:], source[end:], factor[end:])


@inner(fastmath={"contract"})
def _add(target, source, factor):
    for i in range(target.size):
        target[i] += source[i] * factor[i]


@inner()
def _set(target, source, factor):
    for i in range(target.size):
        target[i] = source[i] * factor[i]
