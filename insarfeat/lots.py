"""A random number for each pixel that does not depend on how a raster is cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from insarfeat.windows import Window

Lots = NDArray[np.uint64]

_GOLDEN = 0x9E3779B97F4A7C15  # odd bits of the golden ratio


def lots(window: Window, seed: int) -> Lots:
    """A pseudo-random number for each pixel of a window; no two pixels of a raster have the same.

    The generator of Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA, with the
    pixel's place as its counter. Each step can be undone, so that no ties are left to the order of blocks.

    >>> whole = lots(Window(0, 0, 4, 4), seed=1)
    >>> bool((whole[2:, 1:] == lots(Window(2, 1, 2, 3), seed=1)).all())
    True
    """
    rows = np.arange(window.top, window.bottom, dtype=np.uint64) << np.uint64(32)
    columns = np.arange(window.left, window.right, dtype=np.uint64)
    # A seed's neighbours must not share a shifted sequence, so the seed is scrambled before it is added.
    start = scrambled(np.array([(seed + 1) * _GOLDEN % 2**64], np.uint64))
    return scrambled((rows[:, np.newaxis] | columns) * np.uint64(_GOLDEN) + start)


def scrambled(numbers: Lots) -> Lots:
    """Numbers of which no two become the same, and whose bits then tell nothing of where they came from."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
