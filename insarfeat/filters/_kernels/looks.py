"""Kernels of multilooking."""

import numba
import numpy as np


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
