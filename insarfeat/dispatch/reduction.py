"""A quantity of whole rasters, gathered block by block in any order of blocks.

Used for what an operator must know before it starts (relief, say) and for fits that stream over a raster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.windows import Shape, Window


@dataclass(frozen=True)
class Reduction:
    """How to gather something from blocks: one state per block, states merged, the last one finished.

    Merging must not depend on how the raster is cut; then the answer is the same for any tiling.

    >>> import numpy as np
    >>> relief = Reduction(
    ...     gather=lambda dem: (np.nanmin(dem), np.nanmax(dem)),
    ...     merge=lambda a, b: (min(a[0], b[0]), max(a[1], b[1])),
    ...     finish=lambda state: {"relief": float(state[1] - state[0])},
    ... )
    >>> relief([np.array([[1.0, 5.0], [2.0, np.nan]])])
    {'relief': 4.0}
    """

    gather: Callable[..., Any]
    merge: Callable[[Any, Any], Any]
    finish: Callable[[Any], Any]
    placed: bool = False
    """Whether ``gather`` is told first which window of the rasters its blocks are."""

    def __call__(self, arrays: Sequence[NDArray[Any]]) -> Any:
        """Gather from whole NumPy arrays."""
        whole = Window.whole(Shape(*arrays[0].shape[-2:]))
        return self.finish(self.of_block(whole, [np.asarray(array) for array in arrays]))

    def of_block(self, window: Window, arrays: Sequence[NDArray[Any]]) -> Any:
        """The state of one block."""
        return self.gather(window, *arrays) if self.placed else self.gather(*arrays)

    def combine(self, states: Iterable[Any]) -> Any:
        """Merge the states of all blocks, in the order given, and finish."""
        return self.finish(reduce(self.merge, states))
