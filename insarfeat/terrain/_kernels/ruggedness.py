"""How much a cell differs from its direct neighbours, row by row."""

import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain._kernels.rows import filled


@inner(forceinline=True)
def _squares(one, other, centre, whole):
    """Squares of how much two opposite neighbours differ; a missing one mirrors the other."""
    a = one - centre
    b = other - centre
    if whole:
        return a * a + b * b
    first = b if a != a else a
    second = a if b != b else b
    found = first * first + second * second
    return centre - centre if found != found else found


@inner(fastmath={"contract"})
def riley(out, up, mid, down, whole):
    """Root of the sum of squares over all eight neighbours."""
    n = out.size
    west, centre, east = mid[:n], mid[1 : n + 1], mid[2 : n + 2]
    north, south = up[1 : n + 1], down[1 : n + 1]
    north_west, north_east = up[:n], up[2 : n + 2]
    south_west, south_east = down[:n], down[2 : n + 2]
    for i in range(n):
        z = centre[i]
        direct = _squares(west[i], east[i], z, whole) + _squares(north[i], south[i], z, whole)
        falling = _squares(north_west[i], south_east[i], z, whole)
        rising = _squares(north_east[i], south_west[i], z, whole)
        out[i] = np.sqrt(direct + (falling + rising))


@inner()
def wilson(out, up, mid, down):
    """Mean difference to all eight neighbours."""
    n = out.size
    west, centre, east = mid[:n], mid[1 : n + 1], mid[2 : n + 2]
    north, south = up[1 : n + 1], down[1 : n + 1]
    north_west, north_east = up[:n], up[2 : n + 2]
    south_west, south_east = down[:n], down[2 : n + 2]
    eighth = out.dtype.type(0.125)
    for i in range(out.size):
        z = centre[i]
        total = abs(filled(west[i], east[i], z)) + abs(filled(east[i], west[i], z))
        total += abs(filled(north[i], south[i], z)) + abs(filled(south[i], north[i], z))
        total += abs(filled(north_west[i], south_east[i], z)) + abs(filled(south_east[i], north_west[i], z))
        total += abs(filled(north_east[i], south_west[i], z)) + abs(filled(south_west[i], north_east[i], z))
        out[i] = total * eighth


@inner(error_model="numpy")
def saga(out, up, mid, down):
    """Root of the mean square over the direct neighbours that are there, and the cell itself."""
    n = out.size
    west, centre, east = mid[:n], mid[1 : n + 1], mid[2 : n + 2]
    north, south = up[1 : n + 1], down[1 : n + 1]
    zero, one = out.dtype.type(0), out.dtype.type(1)
    for i in range(out.size):
        z = centre[i]
        a, b, c, d = west[i] - z, east[i] - z, north[i] - z, south[i] - z
        cells = one
        cells += one if a == a else zero
        cells += one if b == b else zero
        cells += one if c == c else zero
        cells += one if d == d else zero
        a = zero if a != a else a
        b = zero if b != b else b
        c = zero if c != c else c
        d = zero if d != d else d
        # The centre is counted, so that there is always a cell; it is added for its NaN.
        out[i] = np.sqrt((a * a + b * b + c * c + d * d) / cells) + (z - z)


@inner()
def roughness(out, up, mid, down):
    """Highest minus lowest of the cell and its valid neighbours."""
    n = out.size
    centre = mid[1 : n + 1]
    zero = out.dtype.type(0)
    for i in range(n):
        z = centre[i]
        high = max(_above(up[i], z), _above(up[i + 1], z), _above(up[i + 2], z))
        high = max(high, _above(mid[i], z), _above(mid[i + 2], z))
        high = max(high, _above(down[i], z), _above(down[i + 1], z), _above(down[i + 2], z))
        low = min(_above(up[i], z), _above(up[i + 1], z), _above(up[i + 2], z))
        low = min(low, _above(mid[i], z), _above(mid[i + 2], z))
        low = min(low, _above(down[i], z), _above(down[i + 1], z), _above(down[i + 2], z))
        out[i] = max(high, zero) - min(low, zero) + (z - z)


@inner(forceinline=True)
def _above(neighbour, centre):
    found = neighbour - centre
    return found if found == found else centre - centre
