"""Which neighbours get which share of a cell's water, where it may go to more than one."""

import math

import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain.flow._kernels.directions import facet_of
from insarfeat.terrain.flow._kernels.flats import flat_drop
from insarfeat.terrain.flow._kernels.ground import DOWN, RIGHT

# Chebyshev interpolants: log2(m) = s * polynomial(s^2) with s = (m - 1) / (m + 1), and 2^f for f from -0.5 to 0.5.
_LOG2 = (
    2.885390081777849,
    0.9617966941139621,
    0.5770779424355125,
    0.4122092321475649,
    0.31990686556431913,
    0.282880085722808,
)
_EXP2 = (
    0.9999999999999997,
    0.6931471805459343,
    0.24022650695821055,
    0.055504109412010456,
    0.009618129157656703,
    0.0013333450573018062,
    0.00015403457039410448,
    1.531007807039615e-05,
    1.325497460306718e-06,
)
POWER = 1.1
"""The exponent of slopes in shares of water (Freeman 1991)."""

# Slopes are lifted by so much, and so are their powers, that the least numbers there are lose nothing.
_LIFT = 2.0**100
_LIFT_OF_POWERS = 500.0

_ROOT_BITS = 0x3FE6A09E667F3BCD  # of the root of one half
_ONE_BITS = 0x3FF0000000000000


BATCH = 64
"""How many cells' shares are found at once."""


@inner(error_model="numpy", fastmath={"contract"})
def _to_the_power(numbers, bits):
    """Raise numbers above 0 to the power of 1.1, times a constant, in place, within 1e-11; ``bits`` is scratch."""
    n = numbers.size
    given = numbers.view(np.int64)
    mantissas = bits.view(np.float64)
    for k in range(n):
        exponent = (given[k] - _ROOT_BITS) >> 52
        bits[k] = given[k] - (exponent << 52)
        given[k] = exponent
    for k in range(n):
        whole = np.float64(given[k])
        s = (mantissas[k] - 1) / (mantissas[k] + 1)
        t = s * s
        log = _LOG2[5]
        log = log * t + _LOG2[4]
        log = log * t + _LOG2[3]
        log = log * t + _LOG2[2]
        log = log * t + _LOG2[1]
        log = log * t + _LOG2[0]
        power = POWER * (whole + s * log) + _LIFT_OF_POWERS
        turns = np.floor(power + 0.5)
        f = power - turns
        root = _EXP2[8]
        root = root * f + _EXP2[7]
        root = root * f + _EXP2[6]
        root = root * f + _EXP2[5]
        root = root * f + _EXP2[4]
        root = root * f + _EXP2[3]
        root = root * f + _EXP2[2]
        root = root * f + _EXP2[1]
        root = root * f + _EXP2[0]
        mantissas[k] = root
        given[k] = (np.int64(turns) << 52) + _ONE_BITS
    for k in range(n):
        numbers[k] *= mantissas[k]


@inner()
def per_metre_of(sizes):
    """For each row, of pixels so high and wide, one over the distances along y, along x and to the diagonal."""
    table = np.empty((sizes.shape[0], 3))
    for y in range(sizes.shape[0]):
        dy, dx = sizes[y, 0], sizes[y, 1]
        table[y, 0] = 1 / dy
        table[y, 1] = 1 / dx
        table[y, 2] = 1 / math.sqrt(dy * dy + dx * dx)
    return table


@inner(error_model="numpy")
def share_by_slopes(ground, ranks, stride, cells, per_metre, angles, begins, neighbours, shares, bits):
    """MFD: who gets water of some cells, and how much of it in relation to the cell's other receivers.

    Cells are places in the framed block, counted along its rows; ``ground`` and ``ranks`` are given so too. From
    ``begins[b]`` to ``begins[b + 1]`` lie the receivers of cell b: which of the eight neighbours they are, and their
    shares. Rows of ``per_metre`` are those of :func:`per_metre_of`; with ``angles`` the angle of the slope counts, as
    in SAGA's wetness index, not its tangent; ``bits`` is scratch.
    """
    end = 0
    for b in range(cells.size):
        at = cells[b]
        y = at // stride
        along_y, along_x, across = per_metre[y, 0], per_metre[y, 1], per_metre[y, 2]
        begin = end
        begins[b] = begin
        z = ground[at]
        if ranks[at] == 0:
            end = _add(shares, neighbours, end, 0, z, ground[at - stride], along_y)
            end = _add(shares, neighbours, end, 1, z, ground[at - stride + 1], across)
            end = _add(shares, neighbours, end, 2, z, ground[at + 1], along_x)
            end = _add(shares, neighbours, end, 3, z, ground[at + stride + 1], across)
            end = _add(shares, neighbours, end, 4, z, ground[at + stride], along_y)
            end = _add(shares, neighbours, end, 5, z, ground[at + stride - 1], across)
            end = _add(shares, neighbours, end, 6, z, ground[at - 1], along_x)
            end = _add(shares, neighbours, end, 7, z, ground[at - stride - 1], across)
        else:
            for k in range(8):
                near = at + DOWN[k] * stride + RIGHT[k]
                drop = flat_drop(ranks[at], ranks[near]) if ground[near] == z else 0
                distance = across if k & 1 else (along_y if k & 3 == 0 else along_x)
                end = _add(shares, neighbours, end, k, drop, 0, distance)
        if angles and ranks[at] == 0:
            for k in range(begin, end):
                shares[k] = _LIFT * math.atan(shares[k] / _LIFT)
    begins[cells.size] = end
    _to_the_power(shares[:end], bits)


@inner(forceinline=True)
def _add(shares, neighbours, end, neighbour, z, other, per_metre):
    """Note a receiver, if it is one; without a branch, because there is no telling which are."""
    shares[end] = (np.float64(z) - np.float64(other)) * _LIFT * per_metre
    neighbours[end] = neighbour
    return end + np.int64((other < z) & (other > -np.inf))


@inner(error_model="numpy")
def share_by_facets(ground, ranks, cells, sizes, begins, neighbours, shares):
    """Dinf: the same for at most two receivers; ``ground`` and ``ranks`` are given as they are."""
    stride = ground.shape[1]
    end = 0
    for b in range(cells.size):
        y, x = cells[b] // stride, cells[b] % stride
        begins[b] = end
        dy, dx = sizes[y, 0], sizes[y, 1]
        direct, diagonal, straight, sideways = facet_of(ground, ranks, y, x, dy, dx)
        share = 1.0
        if direct >= 0 and diagonal >= 0:
            widest = math.atan2(dx, dy) if direct & 3 == 0 else math.atan2(dy, dx)
            share = math.atan2(sideways, straight) / (widest if dx != dy else math.pi / 4)
            neighbours[end] = direct
            shares[end] = 1 - share
            end += 1
            direct = diagonal
        if direct >= 0 or diagonal >= 0:
            neighbours[end] = max(direct, diagonal)
            shares[end] = share
            end += 1
    begins[cells.size] = end
