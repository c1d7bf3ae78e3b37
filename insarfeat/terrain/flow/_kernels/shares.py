"""Which neighbours get which share of a cell's water, where it may go to more than one."""

import math

import numpy as np

from insarfeat._kernels import inner
from insarfeat.terrain.flow._kernels.directions import distance_to, facet_of
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

_LEAST = 1e-300  # so that no receiver is lost where heights differ by the least number there is

_ROOT_BITS = 0x3FE6A09E667F3BCD  # of the root of one half
_ONE_BITS = 0x3FF0000000000000


BATCH = 64
"""How many cells' shares are found at once."""


@inner(error_model="numpy", fastmath={"contract"})
def _to_the_power(numbers, bits):
    """Raise numbers from 0 to 1 to the power of 1.1, in place, within 1e-11; ``bits`` is scratch of int64."""
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
        power = max(POWER * (whole + s * log), -1000.0)
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
        mantissas[k] = root if power > -1000.0 else 0.0  # of 0 there is nothing left
        given[k] = (np.int64(turns) << 52) + _ONE_BITS
    for k in range(n):
        numbers[k] *= mantissas[k]


@inner(error_model="numpy")
def share_by_slopes(ground, ranks, stride, cells, sizes, angles, begins, neighbours, shares, bits):
    """MFD: who gets water of some cells, and how much of it in relation to the cell's other receivers.

    Cells are places in the framed block, counted along its rows; ``ground`` and ``ranks`` are given so too. From
    ``begins[b]`` to ``begins[b + 1]`` lie the receivers of cell b: which of the eight neighbours they are, and their
    shares. Rows of ``sizes`` are the pixels' height and width; with ``angles`` the angle of the slope counts, as in
    SAGA's wetness index, not its tangent; ``bits`` is scratch.
    """
    end = 0
    for b in range(cells.size):
        at = cells[b]
        y = at // stride
        dy, dx = sizes[y, 0], sizes[y, 1]
        along_y, along_x, across = 1 / dy, 1 / dx, 1 / math.sqrt(dy * dy + dx * dx)
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
                end = _add(shares, neighbours, end, k, drop, 0, 1 / distance_to(k, dy, dx))
        # Relative to the steepest, so that powers of small slopes do not vanish.
        if angles and ranks[at] == 0:
            for k in range(begin, end):
                shares[k] = math.atan(shares[k])
        most = 0.0
        for k in range(begin, end):
            most = max(most, shares[k])
        most = 1 / most
        for k in range(begin, end):
            shares[k] *= most
    begins[cells.size] = end
    _to_the_power(shares[:end], bits)


@inner(forceinline=True)
def _add(shares, neighbours, end, neighbour, z, other, per_metre):
    """Note a receiver, if it is one; without a branch, because there is no telling which are."""
    shares[end] = max((np.float64(z) - np.float64(other)) * per_metre, _LEAST)
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
        direct, diagonal, share, _ = facet_of(ground, ranks, y, x, sizes[y, 0], sizes[y, 1])
        if direct >= 0 and share < 1:
            neighbours[end] = direct
            shares[end] = 1 - share
            end += 1
        if diagonal >= 0 and share > 0:
            neighbours[end] = diagonal
            shares[end] = share
            end += 1
    begins[cells.size] = end
