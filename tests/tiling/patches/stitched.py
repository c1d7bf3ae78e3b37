"""What tests of stitching share: a slow truth, grids, functions that are called."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from hypothesis import strategies as st

from insarfeat.tiling.patches.grid import EDGES, PatchGrid
from insarfeat.windows import Window

Array = np.ndarray[Any, Any]

BLENDS = ("hann", "gaussian", "crop")


# -- slow truth -----------------------------------------------------------------------------------------------


def weights_of(blend: Any, height: int, width: int) -> Array:
    """Weights as the documentation has them, pixel by pixel."""
    if not isinstance(blend, str):
        return np.asarray(blend, float)
    table = np.empty((height, width))
    for i in range(height):
        for j in range(width):
            if blend == "hann":
                table[i, j] = np.sin(np.pi * (i + 0.5) / height) ** 2 * np.sin(np.pi * (j + 0.5) / width) ** 2
            else:
                u, v = (i - (height - 1) / 2) / (height / 8), (j - (width - 1) / 2) / (width / 8)
                table[i, j] = np.exp(-(u * u + v * v) / 2)
    return table


def slowly(patches: Array, windows: list[Window], shape: tuple[int, int], blend: Any) -> Array:
    """Sum of w v over sum of w on a raster with a wide margin; for crop, the nearest centre that has a value."""
    margin = 2 * max(patches.shape[-2:])
    wide = tuple(side + 2 * margin for side in shape)
    if isinstance(blend, str) and blend == "crop":
        best, value = np.full(wide, np.inf), np.full(wide, np.nan)
        y, x = np.indices(patches.shape[-2:])
        away = (y - (patches.shape[-2] - 1) / 2) ** 2 + (x - (patches.shape[-1] - 1) / 2) ** 2
        for _, patch, window in sorted(
            ((w.top, w.left), k, w) for k, w in enumerate(windows)
        ):  # of two as near, the first in reading order
            rows, columns = window.top + margin, window.left + margin
            place = slice(rows, rows + window.height), slice(columns, columns + window.width)
            nearer = (away < best[place]) & ~np.isnan(patches[patch])
            best[place] = np.where(nearer, away, best[place])
            value[place] = np.where(nearer, patches[patch], value[place])
    else:
        weights = weights_of(blend, *patches.shape[-2:])
        sums, total = np.zeros(wide), np.zeros(wide)
        for patch, window in zip(patches, windows, strict=True):
            rows, columns = window.top + margin, window.left + margin
            place = slice(rows, rows + window.height), slice(columns, columns + window.width)
            known = ~np.isnan(patch)
            sums[place] += np.where(known, weights * np.where(known, patch, 0), 0)
            total[place] += np.where(known, weights, 0)
        value = np.divide(sums, total, out=np.full(wide, np.nan), where=total > 0)
    return value[margin : margin + shape[0], margin : margin + shape[1]]


def ramp(window: Window) -> Array:
    """A plane, also beyond the raster."""
    rows = np.arange(window.top, window.bottom)[:, None]
    columns = np.arange(window.left, window.right)[None, :]
    return 3.0 + 0.25 * rows - 0.5 * columns


def covered(windows: list[Window], shape: tuple[int, int]) -> Array:
    found = np.zeros(shape, bool)
    for window in windows:
        found[max(window.top, 0) : max(window.bottom, 0), max(window.left, 0) : max(window.right, 0)] = True
    return found


@st.composite
def grids(draw: st.DrawFn) -> PatchGrid:
    """Any size, stride and edge, on rasters that fit or not; whole, or a selection in any order."""
    shape = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    edge = draw(st.sampled_from(EDGES))
    most = shape if edge == "shift" else (20, 20)
    size = tuple(draw(st.integers(1, min(side, 20))) for side in most)
    stride = tuple(draw(st.integers(max(side // 4, 1), side + 2)) for side in size)
    at = st.integers(-30, 30) if edge == "pad" else st.just(0)
    grid = PatchGrid(shape, size, stride, edge, (draw(at), draw(at)))
    if draw(st.booleans()) or not len(grid):
        return grid
    return grid[draw(st.lists(st.integers(0, len(grid) - 1), min_size=1, max_size=12, unique=True))]


class Twice:
    """A model with two channels."""

    def __call__(self, values: Array) -> Array:
        assert values.dtype == np.float32
        return np.stack([values[:, 0], 2 * values[:, 0]], axis=1)


class Counting:
    """A function of windows that remembers them."""

    def __init__(self, channels: int = 0) -> None:
        self.channels = channels
        self.seen: list[Window] = []
        self.lock = threading.Lock()

    def __call__(self, window: Window) -> Array:
        with self.lock:
            self.seen.append(window)
        plane = ramp(window)
        return np.stack([plane * (k + 1) for k in range(self.channels)]) if self.channels else plane
