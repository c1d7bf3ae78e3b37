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

``settings`` is a named tuple: window and step in pixels; alpha; whether windows are normalised; taps of the
smoothing and how often it is done; cosines and sines of a turn in ``window`` parts; the overlap-add weight.
"""

import numba
import numpy as np

from insarfeat._kernels import angle_double, angle_single, phasor_single, power_rows
from insarfeat.filters._kernels.transforms import LANES, move, transform

_REACH = 3  # of one smoothing, in bins


@numba.njit(nogil=True, cache=True)
def filter_complex(ifg, out, top, left, row, column, height, width, settings):
    """Filter a complex interferogram by one exponent."""
    real = out[:0].real.dtype
    unused = np.empty((1, 1), real)
    _filter(ifg.view(real), unused, out.view(real), 2, (top, left, row, column), settings)


@numba.njit(nogil=True, cache=True)
def filter_phase(phase, out, top, left, row, column, height, width, settings):
    """Filter a wrapped phase by one exponent."""
    unused = np.empty((1, 1), out.dtype)
    _filter(phase, unused, out, 1, (top, left, row, column), settings)


@numba.njit(nogil=True, cache=True)
def filter_complex_by_coherence(ifg, coherence, out, top, left, row, column, height, width, settings):
    """Filter a complex interferogram by one minus the mean coherence of each window."""
    real = out[:0].real.dtype
    _filter(ifg.view(real), coherence, out.view(real), 2, (top, left, row, column), settings)


@numba.njit(nogil=True, cache=True)
def filter_phase_by_coherence(phase, coherence, out, top, left, row, column, height, width, settings):
    """Filter a wrapped phase by one minus the mean coherence of each window."""
    _filter(phase, coherence, out, 1, (top, left, row, column), settings)


@numba.njit(nogil=True, cache=True)
def _filter(source, coherence, out, parts, place, settings):
    """Filter numbers that are phases (1 part) or real and imaginary parts side by side (2 parts)."""
    top, left, row, column = place
    window = settings.window
    step = settings.step
    overlap = window // step  # windows over each pixel, along y and along x
    size = window * LANES
    blocks = LANES + overlap - 1  # of ``step`` columns, under a strip
    rows = out.shape[0]
    columns = out.shape[1] // parts
    dtype = out.dtype
    cosines = settings.cosines.astype(dtype)
    sines = settings.sines.astype(dtype)
    overlay = settings.overlay.astype(dtype)
    taps = settings.taps.astype(dtype)
    by_coherence = settings.alpha < 0
    smooth = settings.smoothings > 0
    # Without smoothing, the square of the magnitude to half the power saves a root, but the plain filter wants it.
    rooted = smooth or settings.alpha == 1
    weighted = by_coherence or settings.alpha != 1

    forward = np.zeros(
        window * 2 * size, dtype
    )  # [frequency along x][real, imaginary][row of the ring][lane]
    backward = np.zeros(window * 2 * size, dtype)
    spectrum = np.empty((window, 2 * size), dtype)
    weight = np.empty((window, size), dtype)
    other = np.empty((window, size), dtype)
    padded = np.empty((window + 2 * _REACH) * LANES, dtype)
    line = np.empty(2 * size, dtype)
    scratch = np.empty((2, 2 * size), dtype)
    integers = np.empty((2, size), np.int32)
    pixels = np.zeros((2, blocks * step), dtype)
    dealt = np.zeros(step * blocks, dtype)
    staggered = np.zeros(window * blocks, dtype)
    across_weight = np.repeat(overlay, blocks)
    zeros = np.zeros(LANES, dtype)
    trust = np.zeros((2, window, LANES), dtype)  # sum and count of coherence in the rows of the ring
    filled = np.zeros(window, np.bool_)
    exponent = np.full(size, settings.alpha if rooted else 0.5 * settings.alpha, dtype)
    power = np.empty(LANES, dtype)
    peak = np.empty(size, dtype)
    factor = np.empty(size, dtype)
    carry = np.zeros((rows, 2, step, overlap - 1), dtype)
    down = _rotations(overlay, step)

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
                filled[slot] = _gather(pixels, source, parts, y - row, start)
                if filled[slot]:
                    _deal(line, dealt, pixels, step)
                    transform(line, line, scratch, window, cosines, sines)
                else:
                    line[:] = 0
                _copy_in(forward, line, window, slot)
                if by_coherence:
                    _gather_trust(trust[:, slot], pixels, coherence, y - row, start, step)
            if np.any(filled):
                for f in range(window):
                    transform(forward[2 * f * size :], spectrum[f], scratch, window, cosines, sines)
                    _magnitude(weight[f], spectrum[f], rooted)
                for _ in range(settings.smoothings):
                    for f in range(window):
                        _smooth_along_y(other[f], weight[f], padded, taps)
                    for f in range(window):
                        _smooth_along_x(weight[f], other, f, taps)
                if by_coherence:
                    _exponents(exponent, trust, rooted)
                power[:] = 1
                if settings.normalize:
                    _peaks(power, peak, weight)
                    power_rows(power, -exponent[:LANES], integers)
                for i in range(window):
                    for lane in range(LANES):
                        factor[i * LANES + lane] = down[at % overlap, i] * power[lane]
                for f in range(window):
                    if weighted:
                        power_rows(weight[f], exponent, integers)
                    _weigh(spectrum[f], weight[f])
                    transform(spectrum[f], spectrum[f], scratch, window, cosines, sines)
                    _accumulate(backward[2 * f * size :], spectrum[f], factor)
            for y in range(at * step, (at + 1) * step):
                _copy_out(line, backward, zeros, window, y % window)
                i = y - first_row
                if 0 <= i < rows:
                    transform(line, line, scratch, window, cosines, sines)
                    _overlay(pixels, staggered, line, across_weight, carry[i], dealt, step)
                    begin = max(start, left)
                    end = min(start + LANES * step, left + columns)
                    _finish(
                        out[i, (begin - left) * parts : (end - left) * parts],
                        source[i + top, begin * parts : end * parts],
                        pixels[0, begin - start : end - start],
                        pixels[1, begin - start : end - start],
                    )


@numba.njit(nogil=True, cache=True)
def _rotations(overlay, step):
    """Overlap-add weight along y, for windows that start at each place in the ring."""
    window = len(overlay)
    down = np.empty((window // step, window), overlay.dtype)
    for i in range(len(down)):
        for y in range(window):
            # Transforms there and back multiply by the window's size in each direction.
            down[i, y] = overlay[(y - i * step) % window] / (window * window)
    return down


@numba.njit(nogil=True, cache=True)
def _gather(pixels, source, parts, y, start):
    """One row under a strip as real and imaginary parts, 0 at nodata and beyond the raster; false if all are."""
    width = source.shape[1] // parts
    begin = max(start, 0)
    end = min(start + pixels.shape[1], width)
    if not 0 <= y < len(source) or begin >= end:
        return False
    if begin > start or end < start + pixels.shape[1]:
        pixels[:] = 0
    real = pixels[0, begin - start : end - start]
    imaginary = pixels[1, begin - start : end - start]
    if parts == 2:
        return _valid_parts(real, imaginary, source[y, 2 * begin : 2 * end])
    if source.itemsize == 4:
        return _phasors_single(real, imaginary, source[y, begin:end])
    return _phasors_double(real, imaginary, source[y, begin:end])


@numba.njit(nogil=True, cache=True)
def _valid_parts(real, imaginary, numbers):
    zero = real.dtype.type(0)
    infinite = real.dtype.type(np.inf)
    found = 0
    for i in range(real.size):
        a = numbers[2 * i]
        b = numbers[2 * i + 1]
        extent = abs(a) + abs(b)
        valid = (extent > zero) & (extent < infinite)  # false for NaN too
        real[i] = a if valid else zero
        imaginary[i] = b if valid else zero
        found += valid
    return found > 0


@numba.njit(nogil=True, cache=True)
def _phasors_single(real, imaginary, phase):
    zero = np.float32(0)
    found = 0
    for i in range(real.size):
        value = np.float32(phase[i])
        valid = abs(value) < np.float32(np.inf)
        cosine, sine = phasor_single(value)
        real[i] = cosine if valid else zero
        imaginary[i] = sine if valid else zero
        found += valid
    return found > 0


@numba.njit(nogil=True, cache=True)
def _phasors_double(real, imaginary, phase):
    found = False
    for i in range(real.size):
        valid = abs(phase[i]) < np.inf
        real[i] = np.cos(phase[i]) if valid else 0
        imaginary[i] = np.sin(phase[i]) if valid else 0
        found = found or valid
    return found


@numba.njit(nogil=True, cache=True)
def _deal(line, dealt, pixels, step):
    """Pixels of 16 windows, column by column."""
    size = line.size // 2
    blocks = pixels.shape[1] // step
    for part in range(2):
        row = pixels[part]
        for b in range(step):
            column = dealt[b * blocks : (b + 1) * blocks]
            for m in range(blocks):
                column[m] = row[m * step + b]
        for a in range(blocks - LANES + 1):
            for b in range(step):
                move(line[part * size + (a * step + b) * LANES :], dealt[b * blocks + a :])


@numba.njit(nogil=True, cache=True)
def _copy_in(forward, line, window, slot):
    """A transformed row into its place in the ring, for each frequency."""
    size = window * LANES
    for f in range(window):
        move(forward[f * 2 * size + slot * LANES :], line[f * LANES :])
        move(forward[f * 2 * size + size + slot * LANES :], line[size + f * LANES :])


@numba.njit(nogil=True, cache=True)
def _copy_out(line, backward, zeros, window, slot):
    """A summed row out of its place in the ring, which is left empty."""
    size = window * LANES
    for f in range(window):
        place = f * 2 * size + slot * LANES
        move(line[f * LANES :], backward[place:])
        move(backward[place:], zeros[0:])
        move(line[size + f * LANES :], backward[place + size :])
        move(backward[place + size :], zeros[0:])


@numba.njit(nogil=True, cache=True)
def _gather_trust(trust, pixels, coherence, y, start, step):
    """Sum and count of the coherence of valid pixels in one row of each window."""
    trust[:] = 0
    if not 0 <= y < len(coherence):
        return
    window = pixels.shape[1] - (LANES - 1) * step
    for lane in range(LANES):
        for i in range(lane * step, lane * step + window):
            x = start + i
            if 0 <= x < coherence.shape[1] and (pixels[0, i] != 0 or pixels[1, i] != 0):
                value = coherence[y, x]
                if value == value:
                    trust[0, lane] += value
                    trust[1, lane] += 1


@numba.njit(nogil=True, cache=True)
def _exponents(exponent, trust, rooted):
    """One minus the mean coherence of each window (1 where none is known), for each row of it."""
    window = trust.shape[1]
    for lane in range(LANES):
        total = trust[0, :, lane].sum()
        count = trust[1, :, lane].sum()
        alpha = min(max(1 - total / count, 0.0), 1.0) if count else 1.0
        for i in range(window):
            exponent[i * LANES + lane] = alpha if rooted else 0.5 * alpha


@numba.njit(nogil=True, cache=True, fastmath={"contract"})
def _magnitude(weight, spectrum, rooted):
    real = spectrum[: weight.size]
    imaginary = spectrum[weight.size :]
    if rooted:
        for i in range(weight.size):
            weight[i] = np.sqrt(real[i] * real[i] + imaginary[i] * imaginary[i])
    else:
        for i in range(weight.size):
            weight[i] = real[i] * real[i] + imaginary[i] * imaginary[i]


@numba.njit(nogil=True, cache=True, fastmath={"contract"})
def _smooth_along_y(out, weight, padded, taps):
    size = weight.size
    edge = _REACH * LANES
    for i in range(size):
        padded[edge + i] = weight[i]
    for i in range(edge):
        padded[i] = weight[size - edge + i]
        padded[edge + size + i] = weight[i]
    t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3]
    for i in range(size):
        value = t0 * padded[i + 3 * LANES]
        value += t1 * (padded[i + 2 * LANES] + padded[i + 4 * LANES])
        value += t2 * (padded[i + LANES] + padded[i + 5 * LANES])
        out[i] = value + t3 * (padded[i] + padded[i + 6 * LANES])


@numba.njit(nogil=True, cache=True, fastmath={"contract"})
def _smooth_along_x(out, weight, f, taps):
    window = len(weight)
    a, b, c = weight[(f - 3) % window], weight[(f - 2) % window], weight[(f - 1) % window]
    d = weight[f]
    e, g, h = weight[(f + 1) % window], weight[(f + 2) % window], weight[(f + 3) % window]
    t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3]
    for i in range(out.size):
        value = t0 * d[i]
        value += t1 * (c[i] + e[i])
        value += t2 * (b[i] + g[i])
        out[i] = value + t3 * (a[i] + h[i])


@numba.njit(nogil=True, cache=True)
def _peaks(out, peak, weight):
    """Largest weight of each window."""
    peak[:] = 0
    for f in range(len(weight)):
        row = weight[f]
        for i in range(peak.size):
            peak[i] = max(peak[i], row[i])
    out[:] = 0
    for i in range(peak.size // LANES):
        for lane in range(LANES):
            out[lane] = max(out[lane], peak[i * LANES + lane])


@numba.njit(nogil=True, cache=True)
def _weigh(spectrum, weight):
    """Conjugate of the weighted spectrum."""
    real = spectrum[: weight.size]
    imaginary = spectrum[weight.size :]
    for i in range(weight.size):
        real[i] *= weight[i]
    for i in range(weight.size):
        imaginary[i] *= -weight[i]


@numba.njit(nogil=True, cache=True, fastmath={"contract"})
def _accumulate(backward, spectrum, factor):
    for part in range(2):
        target = backward[part * factor.size : (part + 1) * factor.size]
        source = spectrum[part * factor.size : (part + 1) * factor.size]
        for i in range(factor.size):
            target[i] += source[i] * factor[i]


@numba.njit(nogil=True, cache=True, fastmath={"contract"})
def _overlay(pixels, staggered, line, across, carry, dealt, step):
    """Sum of the windows side by side, from left to right; what reaches beyond the strip is carried over."""
    size = line.size // 2
    blocks = pixels.shape[1] // step
    overlap = blocks - LANES + 1
    count = step * blocks
    for part in range(2):
        # Every ``step`` columns of a window belong one block further right; what they leave free stays zero.
        for a in range(overlap):
            for b in range(step):
                x = a * step + b
                move(staggered[x * blocks + a :], line[part * size + x * LANES :])
        dealt[:] = 0
        for b in range(step):
            for m in range(overlap - 1):
                dealt[b * blocks + m] = carry[part, b, m]
        for a in range(overlap - 1, -1, -1):
            share = across[a * count : (a + 1) * count]
            values = staggered[a * count : (a + 1) * count]
            for i in range(count):
                dealt[i] += share[i] * values[i]
        row = pixels[part]
        for b in range(step):
            column = dealt[b * blocks : (b + 1) * blocks]
            for m in range(LANES):
                row[m * step + b] = column[m]
            for m in range(overlap - 1):
                carry[part, b, m] = column[LANES + m]


@numba.njit(nogil=True, cache=True)
def _finish(out, own, real, imaginary):
    """The filtered phase, with the pixel's own magnitude. The sums are conjugate."""
    if out.size == 2 * real.size:
        _with_magnitude(out, own, real, imaginary)
    elif out.itemsize == 4:
        for i in range(real.size):
            x, y = np.float32(real[i]), -np.float32(imaginary[i])
            found = (abs(x) + abs(y) > 0) & (abs(x) + abs(y) < np.inf)
            if not found:
                x, y = phasor_single(np.float32(own[i]))
            angle = angle_single(x, y)
            out[i] = angle if abs(own[i]) < np.inf else np.float32(np.nan)
    else:
        for i in range(real.size):
            x, y = real[i], -imaginary[i]
            if not 0 < abs(x) + abs(y) < np.inf:
                x, y = np.cos(own[i]), np.sin(own[i])
            out[i] = angle_double(x, y) if abs(own[i]) < np.inf else np.nan


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _with_magnitude(out, own, real, imaginary):
    zero = out.dtype.type(0)
    infinite = out.dtype.type(np.inf)
    nodata = out.dtype.type(np.nan)
    for i in range(real.size):
        a = own[2 * i]
        b = own[2 * i + 1]
        x = real[i]
        y = imaginary[i]
        extent = abs(a) + abs(b)
        valid = (extent > zero) & (extent < infinite)
        largest = max(abs(x), abs(y))
        found = (largest > zero) & (largest < infinite)
        x = x / largest if found else a
        y = -y / largest if found else b
        scale = np.sqrt((a * a + b * b) / (x * x + y * y))
        out[2 * i] = x * scale if valid else nodata
        out[2 * i + 1] = y * scale if valid else nodata
