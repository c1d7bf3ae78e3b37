"""Fits of one power law after another: the bootstrap does a hundred thousand of them."""

import math

import numba

_COARSE = 64


@numba.njit(nogil=True, cache=True)
def fit(logs, start, origin, limit):
    """Steepness of the exponential distribution of ascending logarithms beyond an origin, and its KS distance.

    Gives up, with what it has, as soon as the distance exceeds the limit. A look at every 64th value first finds most
    of what there is to give up.
    """
    count = logs.size - start
    total = 0.0
    for place in range(start, logs.size):
        total += logs[place] - origin
    steepness = count / total
    distance = 0.0
    for stride in (_COARSE, 1):
        for rank in range(0, count, stride):
            law = -math.expm1(-steepness * (logs[start + rank] - origin))
            distance = max(distance, law - rank / count, (rank + 1) / count - law)
            if distance > limit:
                return steepness, distance
    return steepness, distance


@numba.njit(nogil=True, cache=True)
def closest(logs, starts):
    """Of the places where the tail may start, the one whose law is closest."""
    best = starts[0]
    least = math.inf
    # From the end, because short tails are quick: the long ones then meet a distance that most soon exceed.
    for start in starts[::-1]:
        distance = fit(logs, start, logs[start], least)[1]
        if distance <= least:
            best = start
            least = distance
    return best
