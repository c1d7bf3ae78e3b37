"""Means and covariance of layers, gathered block by block in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import Reduction
from insarfeat.errors import GridMismatch, InvalidArgument
from insarfeat.terrain._kernels import components as _kernels

Array = NDArray[Any]
Vector = NDArray[np.float64]

_EVERYWHERE = np.ones((1, 1), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Number of pixels, means, and sums of products of the deviations from them, all in float64.

    Merging those of two parts gives those of the whole, to rounding, whatever the parts:

    >>> layers = [np.array([[1.0, 2.0, 4.0, np.nan]]), np.array([[3.0, 0.0, 5.0, 6.0]])]
    >>> whole = Moments.of(layers)
    >>> parts = Moments.of([layer[:, :2] for layer in layers]).merged(Moments.of([layer[:, 2:] for layer in layers]))
    >>> whole.count, bool(np.allclose(whole.products, parts.products))
    (3, True)
    """

    count: int
    means: Vector
    products: Vector

    @classmethod
    def of(cls, layers: Sequence[Array], mask: Array = _EVERYWHERE) -> Moments:
        """Moments over the pixels where every layer is finite and the mask is not 0."""
        dtype = np.result_type(np.float32, *layers)
        blocks = tuple(np.ascontiguousarray(layer, dtype) for layer in layers)
        for block in (*blocks, mask):
            if block.shape != blocks[0].shape and block.shape != (1, 1):
                raise GridMismatch(
                    f"layers and mask must share one grid; got {blocks[0].shape} and {block.shape}"
                )
        size = len(blocks)
        shift, sums, products = np.zeros(size), np.zeros(size), np.zeros((size, size))
        count = _kernels.moments(blocks, np.ascontiguousarray(mask, np.uint8), shift, sums, products)
        if not count:
            return cls(0, np.zeros(size), np.zeros((size, size)))
        both = np.tril(products) + np.tril(products, -1).T
        return cls(int(count), shift + sums / count, both - np.outer(sums, sums) / count)

    def merged(self, other: Moments) -> Moments:
        """Moments of both sets of pixels together (Chan, Golub & LeVeque 1983)."""
        if not (self.count and other.count):
            return self if self.count else other
        count = self.count + other.count
        apart = other.means - self.means
        return Moments(
            count,
            self.means + apart * (other.count / count),
            self.products + other.products + np.outer(apart, apart) * (self.count * (other.count / count)),
        )


def _of_regions(layers: Sequence[Array], regions: Array) -> dict[int, Moments]:
    """Moments of each region of a raster of labels."""
    labels = np.unique(regions[np.isfinite(regions)])
    if (labels != np.round(labels)).any():
        raise InvalidArgument(f"regions must hold whole numbers; got {labels[labels != np.round(labels)][0]}")
    return {int(label): Moments.of(layers, regions == label) for label in labels}


def _merged_regions(one: Mapping[int, Moments], other: Mapping[int, Moments]) -> dict[int, Moments]:
    return {
        label: reduce(Moments.merged, [found[label] for found in (one, other) if label in found])
        for label in sorted({*one, *other})
    }


WHOLE: Reduction = Reduction(
    gather=lambda *layers: Moments.of(layers), merge=Moments.merged, finish=lambda state: state
)
"""Moments of layers."""

MASKED: Reduction = Reduction(
    gather=lambda *layers: Moments.of(layers[:-1], layers[-1]),
    merge=Moments.merged,
    finish=lambda state: state,
)
"""Moments of layers inside a mask, which comes last."""

BY_REGION: Reduction = Reduction(
    gather=lambda *layers: _of_regions(layers[:-1], layers[-1]),
    merge=_merged_regions,
    finish=lambda state: state,
)
"""Moments of layers for each label of a raster, which comes last."""


def gather(reduction: Reduction, arrays: Sequence[Any]) -> Any:
    """Gather from arrays, lazily chunk by chunk where one of them is lazy."""
    from insarfeat.dispatch.kinds import is_lazy

    if any(is_lazy(array) for array in arrays):
        from insarfeat.dispatch.lazy import reduce_lazily

        return reduce_lazily(reduction, arrays)
    return reduction(arrays)
