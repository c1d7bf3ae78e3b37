"""Where pixels of one grid lie on another: from tie points, by range and Doppler, or out of a table.

Positions are rows and columns of the other raster, fractional; 0 is the centre of its first pixel.
"""

import numba
import numpy as np

from insarfeat._kernels import inner
from insarfeat.geometry._kernels.doppler import refine_row
from insarfeat.geometry._kernels.rows import row_of

_PARTS = 7  # x, y, z on the ellipsoid, x, y, z of its normal, zero-Doppler time


@numba.njit(nogil=True, cache=True)
def on_radar(elevation, lines, samples, top, left, rows, columns, ties, orbit, axes):
    """Lines and samples of a window of map pixels, from their elevations.

    ``rows`` and ``columns`` are those of tie points on the map, in which ``ties`` holds the seven parts. ``axes`` are
    the time of the first line, lines per second, the range of the first sample, samples per metre of range, and by
    how much later than its line a place is seen, per metre of range.
    """
    height, width = elevation.shape
    across = np.empty((_PARTS, columns.size))
    parts = np.empty((_PARTS, width + 8))
    times, ranges = np.empty(width), np.empty(width)
    for y in range(height):
        _along_row(parts, width, across, ties, top + y, rows, left, columns)
        for part in range(3):
            _raise(parts[part, :width], parts[part + 3, :width], elevation[y])
        guess = parts[6, :width]
        refine_row(parts[0, :width], parts[1, :width], parts[2, :width], guess, orbit, times, ranges)
        first, per_second, nearest, per_metre, late = axes
        for i in range(width):
            lines[y, i] = (times[i] - late * ranges[i] - first) * per_second
            samples[y, i] = (ranges[i] - nearest) * per_metre


@inner()
def _along_row(parts, width, across, ties, row, rows, left, columns):
    """What tie points hold, at the pixels of a row from ``left`` on; ``across`` is scratch."""
    k = 0
    while k < rows.size - 2 and row >= rows[k + 1]:
        k += 1
    share = (row - rows[k]) / (rows[k + 1] - rows[k])
    for part in range(len(parts)):
        for j in range(columns.size):
            across[part, j] = ties[part, k, j] + share * (ties[part, k + 1, j] - ties[part, k, j])
        _between(parts[part, :width], across[part], columns, left)


@inner()
def _between(out, values, columns, left):
    """Values at pixels from those at tie points, linear in between."""
    for j in range(columns.size - 1):
        begin = 0 if j == 0 else max(columns[j] - left, 0)
        end = out.size if j == columns.size - 2 else min(columns[j + 1] - left, out.size)
        if begin < end:
            step = (values[j + 1] - values[j]) / (columns[j + 1] - columns[j])
            base = values[j]
            offset = left - columns[j]
            piece = out[begin:end]
            for i in range(piece.size):
                piece[i] = base + step * (i + begin + offset)


@inner(fastmath={"contract"})
def _raise(place, normal, elevation):
    for i in range(place.size):
        place[i] = place[i] + normal[i] * elevation[i]


@numba.njit(nogil=True, cache=True)
def sight(elevation, east, north, up, top, left, rows, columns, ties):
    """Unit vectors from a window of map pixels to the satellite.

    ``ties`` holds their three components on the ellipsoid, and what a metre of elevation adds to each.
    """
    height, width = east.shape
    across = np.empty((6, columns.size))
    parts = np.empty((6, width + 8))
    given = np.empty(width, elevation.dtype)
    for y in range(height):
        _along_row(parts, width, across, ties, top + y, rows, left, columns)
        above = row_of(elevation, y, given)
        for i in range(width):
            x = parts[0, i] + above[i] * parts[3, i]
            z = parts[1, i] + above[i] * parts[4, i]
            u = parts[2, i] + above[i] * parts[5, i]
            length = np.sqrt(x * x + z * z + u * u)
            east[y, i], north[y, i], up[y, i] = x / length, z / length, u / length


@numba.njit(nogil=True, cache=True)
def between_ties(found_rows, found_columns, top, left, rows, columns, ties):
    """Rows and columns on another map of a window of map pixels, of which ``ties`` holds those of tie points."""
    height, width = found_rows.shape
    across = np.empty((2, columns.size))
    parts = np.empty((2, width))
    for y in range(height):
        _along_row(parts, width, across, ties, top + y, rows, left, columns)
        found_rows[y] = parts[0]
        found_columns[y] = parts[1]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def on_map(latitude, longitude, rows, columns, corner, per_degree, table):
    """Rows and columns on a map of places, out of a table of them over latitudes and longitudes.

    ``table`` holds rows and columns at so many crossings ``per_degree``, of which the ``corner`` has two whole
    numbers (north and east of 0); linear in between, and NaN beyond.
    """
    height, width = latitude.shape
    last_north, last_east = table.shape[1] - 2, table.shape[2] - 2
    for y in range(height):
        for i in range(width):
            # Whole numbers are taken off without rounding: every tile finds the same place.
            up = latitude[y, i] * per_degree - corner[0]
            east = longitude[y, i] * per_degree - corner[1]
            # Half a turn about the table's middle, so that the date line is no border.
            turn = 360.0 * per_degree
            east = east - turn * np.floor((east - 0.5 * (last_east + 1)) / turn + 0.5)
            if not (up >= 0 and up <= last_north + 1 and east >= 0 and east <= last_east + 1):
                rows[y, i] = np.nan
                columns[y, i] = np.nan
                continue
            k, j = min(int(up), last_north), min(int(east), last_east)
            a, b = up - k, east - j
            for part in range(2):
                near = table[part, k, j] + b * (table[part, k, j + 1] - table[part, k, j])
                far = table[part, k + 1, j] + b * (table[part, k + 1, j + 1] - table[part, k + 1, j])
                if part == 0:
                    rows[y, i] = near + a * (far - near)
                else:
                    columns[y, i] = near + a * (far - near)
