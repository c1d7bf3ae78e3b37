"""Water that goes to one neighbour only: its ways are trees, followed from their leaves.

Codes have no frame: no code leads out of the block.
"""

import numba
import numpy as np

from insarfeat.terrain.flow._kernels.ground import steps_of

_DONE = np.uint8(255)


@numba.njit(nogil=True, cache=True)
def gather(codes, amounts, lowest):
    """Add to each cell what flows into it, in place; with ``lowest``, keep the lowest instead of the sum."""
    steps = steps_of(codes.shape[1])
    ways = codes.reshape(-1)
    totals = amounts.reshape(-1)
    waiting = np.zeros(ways.size, np.uint8)
    for at in range(ways.size):
        if 1 <= ways[at] <= 8:
            waiting[at + steps[ways[at] - 1]] += np.uint8(1)
    for start in range(ways.size):
        at = start
        while waiting[at] == 0:
            waiting[at] = _DONE
            code = ways[at]
            if not 1 <= code <= 8:
                break
            amount = totals[at]
            at += steps[code - 1]
            if lowest:
                totals[at] = min(totals[at], amount)
            else:
                totals[at] += amount
            waiting[at] -= np.uint8(1)


@numba.njit(nogil=True, cache=True)
def follow(codes, starts, memory):
    """The cell at which the way from each start ends; ``memory`` is int32, as large as the block, 0 everywhere."""
    steps = steps_of(codes.shape[1])
    ways = codes.reshape(-1)
    known = memory.reshape(-1)
    ends = np.empty(starts.size, np.int64)
    for k in range(starts.size):
        at = starts[k]
        while known[at] == 0 and 1 <= ways[at] <= 8:
            at += steps[ways[at] - 1]
        end = known[at] - 1 if known[at] else at
        ends[k] = end
        at = starts[k]
        while known[at] == 0:
            known[at] = end + 1
            if not 1 <= ways[at] <= 8:
                break
            at += steps[ways[at] - 1]
    return ends


@numba.njit(nogil=True, cache=True)
def hand_up(codes, marks):
    """Give each cell the mark of the cell at which its way ends; cells without a mark have 0, those in voids too."""
    steps = steps_of(codes.shape[1])
    ways = codes.reshape(-1)
    known = marks.reshape(-1)
    for start in range(ways.size):
        at = start
        while known[at] == 0 and 1 <= ways[at] <= 8:
            at += steps[ways[at] - 1]
        mark = known[at]
        at = start
        while known[at] == 0 and 1 <= ways[at] <= 8:
            known[at] = mark
            at += steps[ways[at] - 1]


@numba.njit(nogil=True, cache=True)
def gather_along(following, amounts, lowest):
    """The same for nodes that name the one they lead to, or -1; says how many nodes lie on circles."""
    waiting = np.zeros(following.size, np.int32)
    for node in following:
        if node >= 0:
            waiting[node] += 1
    left = following.size
    for start in range(following.size):
        at = start
        while at >= 0 and waiting[at] == 0:
            waiting[at] = -1
            left -= 1
            near = following[at]
            if near >= 0:
                if lowest:
                    amounts[near] = min(amounts[near], amounts[at])
                else:
                    amounts[near] += amounts[at]
                waiting[near] -= 1
            at = near
    return left


@numba.njit(nogil=True, cache=True)
def hand_up_along(following, marks):
    """Give each node the mark of the node at which its way ends; says how many ways end nowhere."""
    lost = 0
    limit = following.size
    for start in range(following.size):
        at = start
        for _ in range(limit):
            if following[at] < 0 or marks[at] != 0:
                break
            at = following[at]
        else:
            lost += 1
            continue
        mark = marks[at]
        at = start
        while following[at] >= 0 and marks[at] == 0 and mark != 0:
            marks[at] = mark
            at = following[at]
    return lost
