"""What all steps of flow share: the ground under a tile with its frame."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import TileWork
from insarfeat.metrics import Metrics
from insarfeat.terrain.flow._kernels import ground as _kernels
from insarfeat.windows import Halo

Array = NDArray[Any]

Voids = Literal["outlets", "walls"]
VOIDS = get_args(Voids)

FLAG = 1e290
"""Water that tells of itself however often it has parted: hundreds of orders of magnitude until nothing is left."""

FRAME = Halo.square(1)
WIDE_FRAME = Halo.square(2)


def framed(pixels: Array, work: TileWork, voids: str, frame: int = 1) -> Array:
    """A tile's ground with its frame, from pixels with a halo as wide that ends with the raster."""
    core = work.tile.core
    dtype = np.float64 if pixels.dtype.char == "d" else np.float32
    ground = np.empty((core.height + 2 * frame, core.width + 2 * frame), dtype)
    top, left = min(frame, core.top), min(frame, core.left)
    _kernels.frame(
        np.ascontiguousarray(pixels, dtype),
        frame - top,
        frame - left,
        -np.inf if voids == "outlets" else np.inf,
        ground,
    )
    return ground


def inside(array: Array, frame: int = 1) -> Array:
    """A framed array without its frame."""
    return array[frame:-frame, frame:-frame]


def framed_ranks(ranks: Array, work: TileWork, frame: int = 1) -> Array:
    """Ranks with a frame, from those with a halo as wide that ends with the raster."""
    core = work.tile.core
    found = np.zeros((core.height + 2 * frame, core.width + 2 * frame), np.int32)
    top, left = frame - min(frame, core.top), frame - min(frame, core.left)
    found[top : top + ranks.shape[0], left : left + ranks.shape[1]] = ranks
    return found


def rain_on(work: TileWork, rain: str, metrics: Metrics, weights: Array | None, fallen: Array) -> None:
    """Write what falls on each cell: 1, its area in square metres or a flag, times its weight if there are any."""
    core = work.tile.core
    fallen[:] = FLAG if rain == "flags" else 1
    if rain == "area":
        northward, eastward = metrics.rows(core.top, core.bottom)
        fallen *= np.abs(northward * eastward)[:, np.newaxis]
    if weights is not None:
        np.multiply(fallen, weights, out=fallen, where=np.isfinite(weights))
        fallen[~np.isfinite(weights)] = 0
