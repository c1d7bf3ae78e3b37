"""Kernels of what is made from a pair of images."""

import math

import numba
import numpy as np

from insarfeat._kernels import angle_double, angle_single, inner, phasor_single
from insarfeat.filters._kernels.phasors import phasors_of_phase


@numba.njit(nogil=True, cache=True)
def interferogram(primary, secondary, out):
    """Product of the primary with the conjugate of the secondary."""
    real = out[:0].real.dtype
    a = primary.view(real)
    b = secondary.view(real)
    product = out.view(real)
    for i in range(len(out)):
        _conjugate_product(product[i], a[i], b[i], real.type(np.nan))


@numba.njit(nogil=True, cache=True)
def flattened_interferogram(primary, secondary, phase, out):
    """Product of the primary with the conjugate of the secondary, turned back by a phase."""
    real = out[:0].real.dtype
    interferogram(primary, secondary, out)
    product = out.view(real)
    for i in range(len(out)):
        if out.itemsize == 8:
            _turn_back_single(product[i], phase[i])
        else:
            _turn_back_double(product[i], phase[i])


@inner()
def _turn_back_single(product, phase):
    for j in range(phase.size):
        cosine, sine = phasor_single(np.float32(phase[j]))
        x = product[2 * j]
        y = product[2 * j + 1]
        product[2 * j] = x * cosine + y * sine
        product[2 * j + 1] = y * cosine - x * sine


@inner()
def _turn_back_double(product, phase):
    for j in range(phase.size):
        cosine, sine = math.cos(phase[j]), math.sin(phase[j])
        x = product[2 * j]
        y = product[2 * j + 1]
        product[2 * j] = x * cosine + y * sine
        product[2 * j + 1] = y * cosine - x * sine


@inner()
def _conjugate_product(out, a, b, nodata):
    """One row of interleaved real and imaginary parts, which is what vectorises."""
    for j in range(out.size // 2):
        ar = a[2 * j]
        ai = a[2 * j + 1]
        br = b[2 * j]
        bi = b[2 * j + 1]
        valid = (abs(ar) + abs(ai) > 0) & (abs(br) + abs(bi) > 0)  # false for NaN too
        out[2 * j] = ar * br + ai * bi if valid else nodata
        out[2 * j + 1] = ai * br - ar * bi if valid else nodata


@numba.njit(nogil=True, cache=True)
def wrapped_phase(ifg, out):
    """Angle of each pixel."""
    parts = ifg.view(out.dtype)
    for i in range(len(out)):
        if out.itemsize == 4:
            _angles_single(out[i], parts[i])
        else:
            _angles_double(out[i], parts[i])


@inner(error_model="numpy")
def _angles_single(out, parts):
    """One row of interleaved real and imaginary parts, which is what vectorises."""
    for j in range(out.size):
        out[j] = angle_single(np.float32(parts[2 * j]), np.float32(parts[2 * j + 1]))


@inner()
def _angles_double(out, parts):
    for j in range(out.size):
        out[j] = angle_double(parts[2 * j], parts[2 * j + 1])


# -- coherence ------------------------------------------------------------------------------------------------
#
# 1. Each row of pixels becomes one long row of the four products Re, Im, |a|^2, |b|^2, side by side, zero at nodata.
# 2. Sums over the window's width, then over its height, are put together from sums of 4, 16, 64 ... neighbours
#    (at most a handful of pieces for any width). No running sum subtracts what it added before: so single
#    precision holds beside targets 80 dB brighter, every pixel is computed alike, and all of it vectorises.
# 3. The ratio of the sums is the coherence.
#
# Columns go in blocks whose rows stay in the second-level cache.

_BLOCK = 4096


@numba.njit(nogil=True, cache=True)
def coherence(primary, secondary, out, top, left, azimuth, range_, unbiased):
    """Coherence over the valid pixels of a window of azimuth x range pixels."""
    quantities = 5 if unbiased else 4
    _boxcar(
        primary.view(out.dtype), secondary.view(out.dtype), out, (top, left), (azimuth, range_), quantities, 2
    )


@numba.njit(nogil=True, cache=True)
def coherence_of_complex(ifg, out, top, left, azimuth, range_):
    """Length of the mean phasor of a complex interferogram."""
    parts = ifg.view(out.dtype)
    _boxcar(parts, parts, out, (top, left), (azimuth, range_), 3, 2)


@numba.njit(nogil=True, cache=True)
def coherence_of_phase(phase, out, top, left, azimuth, range_):
    """Length of the mean phasor of a phase."""
    _boxcar(phase, phase, out, (top, left), (azimuth, range_), 3, 1)


@inner(error_model="numpy")
def _boxcar(a, b, out, place, window, quantities, parts):
    """Sums over windows, of 3 quantities (phasor, 1), 4 (product, powers) or 5 (product, powers, 1)."""
    top, left = place
    azimuth, range_ = window
    rows, columns = out.shape
    height = a.shape[0]
    width = a.shape[1] // parts
    block = min(_BLOCK, columns)
    size = block + range_ - 1  # of one quantity in a row
    flat = quantities * size
    across_level, across_offset = _pieces(range_)
    down_level, down_offset = _pieces(azimuth)
    across = np.zeros((across_level.max() + 1, flat + range_), out.dtype)
    ring = np.zeros((down_level.max() + 1, azimuth, flat), out.dtype)
    total = np.zeros(flat, out.dtype)
    for start in range(0, columns, block):
        count = min(block, columns - start)
        first = left + start - range_ // 2
        begin = max(first, 0)
        end = min(first + count + range_ - 1, width)
        across[0] = 0
        for t in range(rows + azimuth - 1):
            y = top - azimuth // 2 + t
            if 0 <= y < height:
                x = slice(parts * begin, parts * end)
                _gather(across[0], size, begin - first, a[y, x], b[y, x], quantities, parts)
                for level in range(1, len(across)):
                    step = 4 ** (level - 1)
                    low = across[level - 1]
                    m = flat - 3 * step
                    _sum(across[level, :m], 4, low, low[step:], low[2 * step :], low[3 * step :], low)
                _sum_across(ring[0, t % azimuth], across, across_level, across_offset)
            else:
                ring[0, t % azimuth] = 0
            for level in range(1, len(ring)):
                step = 4 ** (level - 1)
                i = t - 4 * step + 1
                if i >= 0:
                    low = ring[level - 1]
                    _sum(
                        ring[level, i % azimuth],
                        4,
                        low[i % azimuth],
                        low[(i + step) % azimuth],
                        low[(i + 2 * step) % azimuth],
                        low[(i + 3 * step) % azimuth],
                        low[0],
                    )
            i = t - azimuth + 1
            if i >= 0:
                last = _sum_down(total, ring, i, down_level, down_offset)
                x = slice(parts * (left + start), parts * (left + start + count))
                result = out[i, start : start + count]
                if quantities == 3:
                    _mean_length(result, total, last, size, a[i + top, x])
                else:
                    _ratio(result, total, last, size, a[i + top, x], b[i + top, x])
                    if quantities == 5:
                        _unbias(result, total, last, size)


@inner()
def _pieces(width):
    """Runs of 4^level neighbours, at these offsets, that make up a window."""
    levels = 1
    while _count(width, levels) > 5 and 4**levels <= width:
        levels += 1
    level = np.empty(_count(width, levels), np.int64)
    offset = np.empty_like(level)
    place = 0
    n = 0
    for k in range(levels):
        runs = width // 4**k
        for _ in range(runs if k == levels - 1 else runs % 4):
            level[n] = k
            offset[n] = place
            place += 4**k
            n += 1
    return level, offset


@inner()
def _count(width, levels):
    pieces = width // 4 ** (levels - 1)
    for k in range(levels - 1):
        pieces += width // 4**k % 4
    return pieces


@inner()
def _sum_across(out, across, level, offset):
    """Sum of pieces that lie beside each other in a row."""
    flat = len(out)
    last = len(level) - 1
    done = 0
    while done <= last:
        n = min(last - done + 1, 4)
        p = across[level[done], offset[done] : offset[done] + flat]
        k = min(done + 1, last)
        q = across[level[k], offset[k] : offset[k] + flat]
        k = min(done + 2, last)
        r = across[level[k], offset[k] : offset[k] + flat]
        k = min(done + 3, last)
        s = across[level[k], offset[k] : offset[k] + flat]
        if done:
            _sum(out, n + 1, out, p, q, r, s)
        elif last >= 4:
            _sum(out, 5, p, q, r, s, across[level[4], offset[4] : offset[4] + flat])
            n = 5
        else:
            _sum(out, n, p, q, r, s, s)
        done += n


@inner()
def _sum_down(out, ring, first, level, offset):
    """Sum of all pieces below each other but the last, which is handed back to be added on the way."""
    azimuth = ring.shape[1]
    last = len(level) - 1
    if last == 0:
        out[:] = 0
    done = 0
    while done < last:
        n = min(last - done, 4)
        p = ring[level[done], (first + offset[done]) % azimuth]
        k = min(done + 1, last)
        q = ring[level[k], (first + offset[k]) % azimuth]
        k = min(done + 2, last)
        r = ring[level[k], (first + offset[k]) % azimuth]
        k = min(done + 3, last)
        s = ring[level[k], (first + offset[k]) % azimuth]
        if done:
            _sum(out, n + 1, out, p, q, r, s)
        else:
            _sum(out, n, p, q, r, s, s)
        done += n
    return ring[level[last], (first + offset[last]) % azimuth]


@inner()
def _sum(out, count, a, b, c, d, e):
    """Sum of the first so many of five rows."""
    if count == 1:
        for i in range(out.size):
            out[i] = a[i]
    elif count == 2:
        for i in range(out.size):
            out[i] = a[i] + b[i]
    elif count == 3:
        for i in range(out.size):
            out[i] = (a[i] + b[i]) + c[i]
    elif count == 4:
        for i in range(out.size):
            out[i] = (a[i] + b[i]) + (c[i] + d[i])
    else:
        for i in range(out.size):
            out[i] = (a[i] + b[i]) + (c[i] + d[i]) + e[i]


@inner()
def _gather(row, size, at, a, b, quantities, parts):
    """The quantities of a row of pixels, each from its own place on; zero at nodata."""
    count = a.size // parts
    re = row[at : at + count]
    im = row[size + at : size + at + count]
    third = row[2 * size + at : 2 * size + at + count]
    if quantities == 3:
        if parts == 2:
            _phasors(re, im, third, a)
        else:
            phasors_of_phase(re, im, third, a)
        return
    _products(re, im, third, row[3 * size + at : 3 * size + at + count], a, b)
    if quantities == 5:
        _ones(row[4 * size + at : 4 * size + at + count], third)


@inner(error_model="numpy")
def _phasors(re, im, valid, z):
    """Phasors of interleaved real and imaginary parts, and 1; zero at nodata."""
    zero = re.dtype.type(0)
    one = re.dtype.type(1)
    for j in range(re.size):
        x = z[2 * j]
        y = z[2 * j + 1]
        largest = max(abs(x), abs(y))
        good = largest > zero  # false for NaN too
        x = x / largest
        y = y / largest
        scale = one / np.sqrt(x * x + y * y)
        re[j] = x * scale if good else zero
        im[j] = y * scale if good else zero
        valid[j] = one if good else zero


@inner()
def _ones(valid, power):
    """1 where there is power."""
    one = valid.dtype.type(1)
    zero = valid.dtype.type(0)
    for j in range(valid.size):
        valid[j] = one if power[j] > zero else zero


@inner()
def _products(re, im, power_a, power_b, a, b):
    """Re, Im, |a|^2, |b|^2 of a row of interleaved pixels; zero at nodata."""
    for j in range(re.size):
        ar = a[2 * j]
        ai = a[2 * j + 1]
        br = b[2 * j]
        bi = b[2 * j + 1]
        valid = (abs(ar) + abs(ai) > 0) & (abs(br) + abs(bi) > 0)  # false for NaN too
        re[j] = ar * br + ai * bi if valid else 0
        im[j] = ai * br - ar * bi if valid else 0
        power_a[j] = ar * ar + ai * ai if valid else 0
        power_b[j] = br * br + bi * bi if valid else 0


@inner(error_model="numpy")
def _ratio(out, total, last, size, a, b):
    """Coherence from the sums, which come in two parts; NaN where a pixel is nodata itself."""
    n = out.size
    re, re_last = total[:n], last[:n]
    im, im_last = total[size : size + n], last[size : size + n]
    power_a, power_a_last = total[2 * size : 2 * size + n], last[2 * size : 2 * size + n]
    power_b, power_b_last = total[3 * size : 3 * size + n], last[3 * size : 3 * size + n]
    one = out.dtype.type(1)
    nodata = out.dtype.type(np.nan)
    for j in range(n):
        valid = (abs(a[2 * j]) + abs(a[2 * j + 1]) > 0) & (abs(b[2 * j]) + abs(b[2 * j + 1]) > 0)
        # Each power by itself: their product may leave the range of single precision.
        u = one / (power_a[j] + power_a_last[j])
        v = one / (power_b[j] + power_b_last[j])
        r = re[j] + re_last[j]
        m = im[j] + im_last[j]
        square = (r * u) * (r * v) + (m * u) * (m * v)
        # Rounding may take it over 1 by an ulp.
        out[j] = min(math.sqrt(square), one) if valid else nodata


@inner(error_model="numpy")
def _mean_length(out, total, last, size, own):
    """Length of the mean phasor; NaN where the pixel itself is nodata."""
    n = out.size
    re, re_last = total[:n], last[:n]
    im, im_last = total[size : size + n], last[size : size + n]
    valid, valid_last = total[2 * size : 2 * size + n], last[2 * size : 2 * size + n]
    one = out.dtype.type(1)
    nodata = out.dtype.type(np.nan)
    parts = own.size // n
    for j in range(n):
        share = one / (valid[j] + valid_last[j])
        r = (re[j] + re_last[j]) * share
        m = (im[j] + im_last[j]) * share
        out[j] = min(math.sqrt(r * r + m * m), one)
    for j in range(n):
        extent = abs(own[parts * j]) + abs(own[parts * j + parts - 1])
        # A phase of 0 is as good as any; a complex 0 is nodata.
        out[j] = out[j] if extent > 0 or (parts == 1 and extent == 0) else nodata


@inner(error_model="numpy")
def _unbias(out, total, last, size):
    """Coherence whose square has the expectation of what was found, over as many independent pixels."""
    n = out.size
    valid, valid_last = total[4 * size : 4 * size + n], last[4 * size : 4 * size + n]
    zero = out.dtype.type(0)
    one = out.dtype.type(1)
    two = out.dtype.type(2)
    for j in range(n):
        count = valid[j] + valid_last[j]
        looks = count - two
        excess = max(count * out[j] * out[j] - one, zero)
        # Of u^2 + (count - 2) u = excess the root that is not negative, without a difference of two large numbers.
        root = math.sqrt(looks * looks + two * two * excess)
        square = two * excess / (root + looks) if looks > zero else (root - looks) / two
        value = min(math.sqrt(max(square, zero)), one)
        value = value if count > one else zero
        out[j] = value if out[j] == out[j] else out[j]
