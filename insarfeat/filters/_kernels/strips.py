"""Rows of pixels into vectors of 16 windows, and back."""

import numpy as np

from insarfeat._kernels import angle_double, angle_single, inner, phasor_single
from insarfeat.filters._kernels.phasors import phasors_of_phase
from insarfeat.filters._kernels.transforms import LANES, move


@inner()
def gather(pixels, source, parts, y, start, compress):
    """One row under a strip as real and imaginary parts, 0 at nodata and beyond the raster; counts the valid ones."""
    width = source.shape[1] // parts
    begin = max(start, 0)
    end = min(start + pixels.shape[1], width)
    if not 0 <= y < len(source) or begin >= end:
        return 0
    if begin > start or end < start + pixels.shape[1]:
        pixels[:] = 0
    real = pixels[0, begin - start : end - start]
    imaginary = pixels[1, begin - start : end - start]
    if parts == 2:
        return _valid_parts(real, imaginary, source[y, 2 * begin : 2 * end], compress)
    phasors_of_phase(real, imaginary, pixels[2], source[y, begin:end])
    found = 0
    for i in range(end - begin):
        found += pixels[2, i] > 0
    return found


@inner(error_model="numpy")
def _valid_parts(real, imaginary, numbers, compress):
    """Parts of valid pixels, or of pixels with the root of their magnitude: bright ones then outweigh others less."""
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
    if compress:
        for i in range(real.size):
            a = real[i]
            b = imaginary[i]
            root = np.sqrt(np.sqrt(a * a + b * b))
            valid = root > zero
            real[i] = a / root if valid else zero
            imaginary[i] = b / root if valid else zero
    return found


@inner()
def deal(line, dealt, pixels, step):
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


@inner()
def copy_in(forward, line, window, slot):
    """A transformed row into its place in the ring, for each frequency."""
    size = window * LANES
    for f in range(window):
        move(forward[f * 2 * size + slot * LANES :], line[f * LANES :])
        move(forward[f * 2 * size + size + slot * LANES :], line[size + f * LANES :])


@inner()
def copy_out(line, backward, window, slot):
    """A summed row out of its place in the ring."""
    size = window * LANES
    for f in range(window):
        place = f * 2 * size + slot * LANES
        move(line[f * LANES :], backward[place:])
        move(line[size + f * LANES :], backward[place + size :])


@inner()
def gather_coherence(trust, pixels, coherence, y, start, step):
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
                    trust[lane] += value
                    trust[LANES + lane] += 1


@inner(fastmath={"contract"})
def overlay_windows(pixels, staggered, line, across, carry, dealt, step):
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
                dealt[b * blocks + m] = carry[(part * step + b) * (overlap - 1) + m]
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
                carry[(part * step + b) * (overlap - 1) + m] = column[LANES + m]


@inner()
def finish(out, own, real, imaginary):
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


@inner(error_model="numpy")
def _with_magnitude(out, own, real, imaginary):
    zero = out.dtype.type(0)
    one = out.dtype.type(1)
    smallest = out.dtype.type(1.2e-38)  # whose inverse is a number
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
        found = (largest > smallest) & (largest < infinite)
        inverse = one / largest
        x = x * inverse if found else a
        y = -y * inverse if found else b
        scale = np.sqrt((a * a + b * b) / (x * x + y * y))
        out[2 * i] = x * scale if valid else nodata
        out[2 * i + 1] = y * scale if valid else nodata
