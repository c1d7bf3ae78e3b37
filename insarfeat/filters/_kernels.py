"""Kernels of the phase filters. A pixel is nodata if it is NaN or 0+0j."""

import math

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def interferogram(primary, secondary, out):
    """Product of the primary with the conjugate of the secondary."""
    rows, columns = out.shape
    for i in range(rows):
        for j in range(columns):
            a = primary[i, j]
            b = secondary[i, j]
            product = a * b.conjugate()
            if (a.real == 0 and a.imag == 0) or (b.real == 0 and b.imag == 0) or product != product:
                out[i, j] = complex(np.nan, np.nan)
            else:
                out[i, j] = product


@numba.njit(nogil=True, cache=True)
def wrapped_phase(ifg, out):
    """Angle of each pixel."""
    rows, columns = out.shape
    for i in range(rows):
        for j in range(columns):
            value = ifg[i, j]
            if value != value or (value.real == 0 and value.imag == 0):
                out[i, j] = np.nan
            elif value.imag == 0 and value.real < 0:
                out[i, j] = math.pi  # atan2 gives -pi for a negative zero, which is outside (-pi, pi]
            else:
                out[i, j] = math.atan2(value.imag, value.real)


@numba.njit(nogil=True, cache=True)
def coherence(primary, secondary, out, top, left, azimuth, range_):
    """Boxcar coherence over the valid pixels of a window of azimuth x range pixels."""
    rows, columns = out.shape
    height, width = primary.shape
    for i in range(rows):
        y = i + top
        for j in range(columns):
            x = j + left
            if not _valid(primary[y, x], secondary[y, x]):
                out[i, j] = np.nan
                continue
            real = imag = power_a = power_b = 0.0
            for v in range(max(y - azimuth // 2, 0), min(y + azimuth // 2 + 1, height)):
                for u in range(max(x - range_ // 2, 0), min(x + range_ // 2 + 1, width)):
                    a = primary[v, u]
                    b = secondary[v, u]
                    if _valid(a, b):
                        # Single terms, not complex products: 80 dB between pixels needs the float64 of the sums.
                        ar = float(a.real)
                        ai = float(a.imag)
                        br = float(b.real)
                        bi = float(b.imag)
                        real += ar * br + ai * bi
                        imag += ai * br - ar * bi
                        power_a += ar * ar + ai * ai
                        power_b += br * br + bi * bi
            # Rounding may take the ratio over 1 by an ulp.
            out[i, j] = min(math.hypot(real, imag) / math.sqrt(power_a * power_b), 1.0)


@numba.njit(nogil=True, cache=True)
def _valid(a, b):
    return a == a and b == b and not (a.real == 0 and a.imag == 0) and not (b.real == 0 and b.imag == 0)


@numba.njit(nogil=True, cache=True)
def multilook_complex(image, out, top, left, row_looks, column_looks):
    """Mean of the valid pixels of each cell of a complex image."""
    rows, columns = out.shape
    for i in range(rows):
        for j in range(columns):
            real = imag = 0.0
            count = 0
            for v in range(top + i * row_looks, top + (i + 1) * row_looks):
                for u in range(left + j * column_looks, left + (j + 1) * column_looks):
                    value = image[v, u]
                    if value == value and not (value.real == 0 and value.imag == 0):
                        real += value.real
                        imag += value.imag
                        count += 1
            out[i, j] = complex(real / count, imag / count) if count else complex(np.nan, np.nan)


@numba.njit(nogil=True, cache=True)
def multilook_real(image, out, top, left, row_looks, column_looks):
    """Mean of the valid pixels of each cell of a real image."""
    rows, columns = out.shape
    for i in range(rows):
        for j in range(columns):
            total = 0.0
            count = 0
            for v in range(top + i * row_looks, top + (i + 1) * row_looks):
                for u in range(left + j * column_looks, left + (j + 1) * column_looks):
                    value = image[v, u]
                    if value == value:
                        total += value
                        count += 1
            out[i, j] = total / count if count else np.nan
