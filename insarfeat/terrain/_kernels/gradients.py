"""First and second derivatives on the ground, row by row.

All three methods are one formula. Derivatives along an axis are means over three lines with weights (side, 1 - 2
side, side): Zevenbergen & Thorne take the middle line alone (side 0), Horn a quarter and Evans a third of each side.
"""

from insarfeat._kernels import inner
from insarfeat.terrain._kernels.rows import filled, piece, rise


@inner()
def first(p, q, up, mid, down, complete, side, ties, weights, start):
    """Gradient eastward and northward on the ground, of one row that begins at column ``start``.

    ``complete`` promises that nothing is missing among the cells and their neighbours but beyond the two ends.
    """
    n = p.size
    along_axes = ties.size == 1
    scale = (weights[0, 0], weights[0, 3]) if along_axes else (1.0, 1.0)
    if side == 0:
        for part in range(3):
            a, b, sure = piece(part, n, complete)
            if a < b:
                ahead = up[a : b + 2], mid[a : b + 2], down[a : b + 2]
                first_of_four(p[a:b], q[a:b], *ahead, scale, sure)
    else:
        first_of_eight(p, q, up, mid, down, scale, side)
    if not along_axes:
        onto_ground(p, q, ties, weights, start)


@inner(error_model="numpy")
def first_of_four(p, q, up, mid, down, scale, whole):
    """Rise per column and per row from the four direct neighbours, times a scale each."""
    n = p.size
    west, centre, east = mid[:n], mid[1 : n + 1], mid[2 : n + 2]
    north, south = up[1 : n + 1], down[1 : n + 1]
    across = p.dtype.type(0.5 * scale[0])
    along = p.dtype.type(0.5 * scale[1])
    for i in range(n):
        p[i] = across * rise(east[i], west[i], centre[i], whole)
        q[i] = along * rise(south[i], north[i], centre[i], whole)


@inner(error_model="numpy")
def first_of_eight(p, q, up, mid, down, scale, side):
    """The same from all eight neighbours."""
    n = p.size
    west, centre, east = mid[:n], mid[1 : n + 1], mid[2 : n + 2]
    north, south = up[1 : n + 1], down[1 : n + 1]
    north_west, north_east = up[:n], up[2 : n + 2]
    south_west, south_east = down[:n], down[2 : n + 2]
    across = p.dtype.type(0.5 * scale[0])
    along = p.dtype.type(0.5 * scale[1])
    outer = p.dtype.type(side)
    middle = p.dtype.type(1 - 2 * side)
    for i in range(n):
        z = centre[i]
        falling = rise(south_east[i], north_west[i], z, False)
        rising = rise(north_east[i], south_west[i], z, False)
        p[i] = across * (middle * rise(east[i], west[i], z, False) + outer * (falling + rising))
        q[i] = along * (middle * rise(south[i], north[i], z, False) + outer * (falling - rising))


@inner(error_model="numpy")
def second(r, s, t, up, mid, down, side):
    """Second derivatives per column twice, per column and row, and per row twice."""
    n = r.size
    west, centre, east = mid[:n], mid[1 : n + 1], mid[2 : n + 2]
    north, south = up[1 : n + 1], down[1 : n + 1]
    north_west, north_east = up[:n], up[2 : n + 2]
    south_west, south_east = down[:n], down[2 : n + 2]
    two = r.dtype.type(2)
    quarter = r.dtype.type(0.25)
    outer = r.dtype.type(side)
    middle = r.dtype.type(1 - 2 * side)
    for i in range(n):
        z = centre[i]
        w, e = filled(west[i], east[i], z), filled(east[i], west[i], z)
        u, d = filled(north[i], south[i], z), filled(south[i], north[i], z)
        nw, se = filled(north_west[i], south_east[i], z), filled(south_east[i], north_west[i], z)
        ne, sw = filled(north_east[i], south_west[i], z), filled(south_west[i], north_east[i], z)
        corners = (nw + se) + (ne + sw)
        r[i] = middle * (w + e) + outer * (corners - two * (u + d))
        s[i] = quarter * ((nw + se) - (ne + sw))
        t[i] = middle * (u + d) + outer * (corners - two * (w + e))


@inner()
def onto_ground(p, q, ties, weights, start):
    """From rises per pixel to the gradient eastward and northward, in place; weights are linear between ties.

    Where one tie stands for all columns, these run along east or west, and scales have done it already.
    """
    for j in range(ties.size - 1):
        begin, end = _piece(ties, j, start, p.size)
        if begin < end:
            _turned(
                p[begin:end],
                q[begin:end],
                weights[j],
                weights[j + 1],
                begin + start - ties[j],
                ties[j + 1] - ties[j],
            )


@inner()
def bends_onto_ground(r, s, t, ties, weights, start):
    """The same for second derivatives."""
    if ties.size == 1:
        _bends_turned(r, s, t, weights[0], weights[0], 0, 1)
    for j in range(ties.size - 1):
        begin, end = _piece(ties, j, start, r.size)
        if begin < end:
            first, span = begin + start - ties[j], ties[j + 1] - ties[j]
            _bends_turned(r[begin:end], s[begin:end], t[begin:end], weights[j], weights[j + 1], first, span)


@inner()
def _piece(ties, j, start, n):
    """Columns between two ties; the outer pieces reach to the ends."""
    begin = 0 if j == 0 else ties[j] - start
    end = n if j == ties.size - 2 else ties[j + 1] - start
    return max(begin, 0), min(end, n)


@inner()
def _turned(p, q, here, there, first, span):
    a, b, c, d = _values(p, here)
    a_more, b_more, c_more, d_more = _values(p, (there - here) / span)
    for i in range(p.size):
        across, along = p[i], q[i]
        x = p.dtype.type(i + first)
        p[i] = (a + a_more * x) * across + (b + b_more * x) * along
        q[i] = (c + c_more * x) * across + (d + d_more * x) * along


@inner()
def _bends_turned(r, s, t, here, there, first, span):
    a0, b0, c0, d0 = _values(r, here)
    a_more, b_more, c_more, d_more = _values(r, (there - here) / span)
    two = r.dtype.type(2)
    for i in range(r.size):
        across, mixed, along = r[i], s[i], t[i]
        x = r.dtype.type(i + first)
        a, b, c, d = a0 + a_more * x, b0 + b_more * x, c0 + c_more * x, d0 + d_more * x
        r[i] = a * a * across + two * a * b * mixed + b * b * along
        s[i] = a * c * across + (a * d + b * c) * mixed + b * d * along
        t[i] = c * c * across + two * c * d * mixed + d * d * along


@inner()
def _values(like, weights):
    number = like.dtype.type
    return number(weights[0]), number(weights[1]), number(weights[2]), number(weights[3])
