"""Units given to parts so that what they hold comes near to given fractions."""

import numba
import numpy as np

from insarfeat._kernels import inner

_EMPTY = 10.0


@numba.njit(nogil=True, cache=True)
def score(got, totals, fractions, weights, loss):
    """How far shares are from the fractions, relative to them, plus what is lost of the first quantity.

    A part without any of the first quantity costs more than all that.

    ``got`` (part, quantity) is what parts have; ``totals`` what there was.
    """
    parts, quantities = got.shape
    value = 0.0
    for q in range(quantities):
        have = 0.0
        for k in range(parts):
            have += got[k, q]
        if totals[q] <= 0:
            continue
        for k in range(parts):
            share = got[k, q] / have if have > 0 else 0.0
            value += weights[q] * abs(share - fractions[k]) / (parts * fractions[k])
        if q == 0:
            for k in range(parts):
                value += _EMPTY if got[k, 0] <= 0 else 0.0
            value += loss * (1.0 - have / totals[0])
    return value


@numba.njit(nogil=True, cache=True)
def balanced(amounts, totals, fractions, weights, loss, chosen, order, passes):
    """Move units, one by one in a given order, to the part with which the score is lowest; in place.

    ``amounts`` (unit, part, quantity) is what a unit brings to a part.
    """
    units, parts, quantities = amounts.shape
    got = np.zeros((parts, quantities))
    for u in range(units):
        for q in range(quantities):
            got[chosen[u], q] += amounts[u, chosen[u], q]
    for _ in range(passes):
        moved = False
        for u in order:
            before = chosen[u]
            _add(got, before, amounts[u], -1.0)
            best, least = before, np.inf
            for k in range(parts):
                _add(got, k, amounts[u], 1.0)
                value = score(got, totals, fractions, weights, loss)
                _add(got, k, amounts[u], -1.0)
                # Rounding must not decide: what is no better stays where it is.
                if value < least - 1e-12 or (k == before and value <= least + 1e-12):
                    best, least = k, value
            _add(got, best, amounts[u], 1.0)
            moved = moved or best != before
            chosen[u] = best
        if not moved:
            break


@inner()
def _add(got, part, amounts, sign):
    for q in range(got.shape[1]):
        got[part, q] += sign * amounts[part, q]
