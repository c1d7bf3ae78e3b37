"""Fourier transforms of 16 rows at once.

A block holds ``size`` complex numbers for each of 16 independent transforms ("lanes") as ``[real or imaginary]
[number][lane]``, flat. Every operation is done for all lanes, so that all of it runs on vectors, and each lane gets
the same arithmetic wherever it stands. Passes are Stockham's: from one buffer to another, in natural order, without
reordering. Passes are inlined with sizes that are constants; so all distances in a buffer are constants to the
compiler, without which it would not vectorise.
"""

import math

import numpy as np

from insarfeat._kernels import inner

LANES = 16

# As NumPy integers: numba compiles a function anew for each Python integer that it is called with.
_1, _4, _8, _16, _32, _64, _128 = (np.int64(2**k) for k in (0, 2, 3, 4, 5, 6, 7))

_ROOT_HALF = math.sqrt(0.5)


@inner(error_model="numpy", fastmath={"contract"})
def transform(x, y, scratch, size, turn):
    """Forward transform of a block; ``y`` may be ``x``. ``turn`` is cosines and sines of 2 pi k / size."""
    cosines, sines = turn
    if size == 16:
        _pass_of_4(x, scratch[0], _16, _4, _1, cosines, sines)
        _pass_of_4(scratch[0], y, _16, _1, _4, cosines, sines)
    elif size == 32:
        _pass_of_4(x, scratch[0], _32, _8, _1, cosines, sines)
        _pass_of_8(scratch[0], y, _32, _1, _4, cosines, sines)
    elif size == 64:
        _pass_of_8(x, scratch[0], _64, _8, _1, cosines, sines)
        _pass_of_8(scratch[0], y, _64, _1, _8, cosines, sines)
    else:
        _pass_of_8(x, scratch[0], _128, _16, _1, cosines, sines)
        _pass_of_4(scratch[0], scratch[1], _128, _4, _8, cosines, sines)
        _pass_of_4(scratch[1], y, _128, _1, _32, cosines, sines)


@inner(error_model="numpy", fastmath={"contract"}, forceinline=True)
def _dft_4(a, b, c, d, ai, bi, ci, di):
    """Transform of four numbers: real parts, imaginary parts."""
    e, ei = a + c, ai + ci
    f, fi = a - c, ai - ci
    g, gi = b + d, bi + di
    h, hi = bi - di, d - b
    return e + g, f + h, e - g, f - h, ei + gi, fi + hi, ei - gi, fi - hi


@inner(error_model="numpy", fastmath={"contract"}, forceinline=True)
def _pass_of_4(x, y, size, groups, stride, cosines, sines):
    """One pass: transforms of 4 numbers that lie a quarter apart."""
    for p in range(groups):
        c1 = cosines[p * stride]
        c2 = cosines[2 * p * stride]
        c3 = cosines[3 * p * stride]
        s1 = sines[p * stride]
        s2 = sines[2 * p * stride]
        s3 = sines[3 * p * stride]
        source = p * stride * LANES
        target = 4 * source
        part = groups * stride * LANES
        imag = size * LANES
        step = stride * LANES
        for lane in range(stride * LANES):
            i = source + lane
            o = target + lane
            r0, r1, r2, r3, i0, i1, i2, i3 = _dft_4(
                x[i],
                x[i + part],
                x[i + 2 * part],
                x[i + 3 * part],
                x[i + imag],
                x[i + imag + part],
                x[i + imag + 2 * part],
                x[i + imag + 3 * part],
            )
            y[o] = r0
            y[o + imag] = i0
            _turned(y, o + step, imag, r1, i1, c1, s1, groups)
            _turned(y, o + 2 * step, imag, r2, i2, c2, s2, groups)
            _turned(y, o + 3 * step, imag, r3, i3, c3, s3, groups)


@inner(error_model="numpy", fastmath={"contract"}, forceinline=True)
def _pass_of_8(x, y, size, groups, stride, cosines, sines):
    """One pass: transforms of 8 numbers that lie an eighth apart, each as two of 4."""
    half = x.dtype.type(_ROOT_HALF)
    for p in range(groups):
        k = p * stride
        source = p * stride * LANES
        target = 8 * source
        part = groups * stride * LANES
        imag = size * LANES
        step = stride * LANES
        for lane in range(stride * LANES):
            i = source + lane
            o = target + lane
            a0, a1, a2, a3, b0, b1, b2, b3 = _dft_4(
                x[i],
                x[i + 2 * part],
                x[i + 4 * part],
                x[i + 6 * part],
                x[i + imag],
                x[i + imag + 2 * part],
                x[i + imag + 4 * part],
                x[i + imag + 6 * part],
            )
            c0, t1, t2, t3, d0, u1, u2, u3 = _dft_4(
                x[i + part],
                x[i + 3 * part],
                x[i + 5 * part],
                x[i + 7 * part],
                x[i + imag + part],
                x[i + imag + 3 * part],
                x[i + imag + 5 * part],
                x[i + imag + 7 * part],
            )
            c1, d1 = half * (t1 + u1), half * (u1 - t1)
            c2, d2 = u2, -t2
            c3, d3 = half * (u3 - t3), -half * (t3 + u3)
            y[o] = a0 + c0
            y[o + imag] = b0 + d0
            _turned(y, o + step, imag, a1 + c1, b1 + d1, cosines[k], sines[k], groups)
            _turned(y, o + 2 * step, imag, a2 + c2, b2 + d2, cosines[2 * k], sines[2 * k], groups)
            _turned(y, o + 3 * step, imag, a3 + c3, b3 + d3, cosines[3 * k], sines[3 * k], groups)
            _turned(y, o + 4 * step, imag, a0 - c0, b0 - d0, cosines[4 * k], sines[4 * k], groups)
            _turned(y, o + 5 * step, imag, a1 - c1, b1 - d1, cosines[5 * k], sines[5 * k], groups)
            _turned(y, o + 6 * step, imag, a2 - c2, b2 - d2, cosines[6 * k], sines[6 * k], groups)
            _turned(y, o + 7 * step, imag, a3 - c3, b3 - d3, cosines[7 * k], sines[7 * k], groups)


@inner(error_model="numpy", fastmath={"contract"}, forceinline=True)
def _turned(y, place, imag, real, imaginary, cosine, sine, groups):
    """Store a number turned back by an angle; the last pass turns nothing."""
    if groups > 1:
        y[place] = real * cosine + imaginary * sine
        y[place + imag] = imaginary * cosine - real * sine
    else:
        y[place] = real
        y[place + imag] = imaginary


@inner(forceinline=True)
def move(y, x):
    """Copy one vector. A loop of 16 is too short for the compiler to make vectors of; 16 statements are not."""
    v0 = x[0]
    v1 = x[1]
    v2 = x[2]
    v3 = x[3]
    v4 = x[4]
    v5 = x[5]
    v6 = x[6]
    v7 = x[7]
    v8 = x[8]
    v9 = x[9]
    v10 = x[10]
    v11 = x[11]
    v12 = x[12]
    v13 = x[13]
    v14 = x[14]
    v15 = x[15]
    y[0] = v0
    y[1] = v1
    y[2] = v2
    y[3] = v3
    y[4] = v4
    y[5] = v5
    y[6] = v6
    y[7] = v7
    y[8] = v8
    y[9] = v9
    y[10] = v10
    y[11] = v11
    y[12] = v12
    y[13] = v13
    y[14] = v14
    y[15] = v15
