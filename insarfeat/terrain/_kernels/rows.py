"""Rows of a DEM with their margins, and neighbours that are missing."""

import numpy as np

from insarfeat._kernels import inner


@inner()
def fetch(row, dem, y, start):
    """One row of the DEM from column ``start`` on, NaN beyond the raster; says whether none of it is NaN inside."""
    begin = max(start, 0)
    end = min(start + row.size, dem.shape[1])
    if not 0 <= y < dem.shape[0] or begin >= end:
        row[:] = np.nan
        return False
    row[: begin - start] = np.nan
    row[end - start :] = np.nan
    inside = row[begin - start : end - start]
    given = dem[y, begin:end]
    missing = np.int32(0)
    for i in range(given.size):
        inside[i] = given[i]
        missing += np.int32(given[i] != given[i])
    return missing == 0


@inner()
def piece(part, n, whole):
    """A row in up to three parts: where cells and neighbours are whole all but the ends, which may lie at an edge."""
    if not whole:
        return 0, n if part == 0 else 0, False
    if part == 0:
        return 1, n - 1, True
    return (0, 1, False) if part == 1 else (n - 1, n, False)


@inner(forceinline=True)
def rise(ahead, behind, centre, whole):
    """Rise over two pixels; a missing neighbour is the other one mirrored, two missing ones make it flat.

    ``whole`` promises that nothing is missing: the compiler makes a loop of its own of it, without the choices.
    """
    if whole:
        return (ahead - centre) + (centre - behind)
    up = ahead - centre
    down = centre - behind
    first = down if up != up else up
    second = up if down != down else down
    found = first + second
    return centre - centre if found != found else found


@inner(forceinline=True)
def filled(neighbour, opposite, centre):
    """How much higher a neighbour is; a missing one is the opposite one mirrored, or as high as the centre."""
    found = neighbour - centre
    found = centre - opposite if found != found else found
    return centre - centre if found != found else found
