"""Rasters that are stored at tie points only, and interpolated in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.dispatch.lazy import lazy_source
from insarfeat.errors import UnreadableInput
from insarfeat.io.opening import chunks_of
from insarfeat.io.products.flat import FlatSource
from insarfeat.io.products.parts import layer_of
from insarfeat.windows import Window

_Weighted = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class TieGrid:
    """A source that interpolates between ties, bilinearly, and goes on beyond the outermost ones.

    Attributes
    ----------
    ties
        Values at the ties.
    shape
        Height and width of the raster.
    offset, step
        Where the first tie lies, and how far the next, along y and x; pixel 0 reaches from 0 to 1.
    """

    ties: FlatSource
    shape: tuple[int, ...]
    offset: tuple[float, float]
    step: tuple[float, float]
    dtype: np.dtype[Any] = np.dtype("f4")  # noqa: RUF009 - does not change

    def __post_init__(self) -> None:
        if not all(step > 0 for step in self.step):
            raise UnreadableInput(f"{self.ties.file.path.name}: ties cannot be {self.step} pixels apart")

    @property
    def token(self) -> str:
        """That of the ties, and where they lie."""
        return f"ties-{self.shape}-{self.offset}-{self.step}-{self.dtype}-{self.ties.token}"

    def fingerprint(self) -> str:
        """Same as the token."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"tie points of {self.ties.file.path.name}"

    def layer(self, name: str) -> xr.DataArray:
        """The lazy layer."""
        return layer_of(name, lazy_source(self, chunks_of(self, None)), ("line", "sample"))

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window; each tie's row and column is read when it is needed."""
        rows, down = self._between(0, window.top, window.bottom)
        columns, across = self._between(1, window.left, window.right)
        top, left = int(rows.min()), int(columns.min())
        # One more tie on each side that there is.
        height = min(int(rows.max()) + 2, self.ties.shape[0]) - top
        width = min(int(columns.max()) + 2, self.ties.shape[1]) - left
        found = self.ties.read((), Window(top, left, height, width)).astype(np.float64)
        above, before = rows - top, columns - left
        below, after = np.minimum(above + 1, height - 1), np.minimum(before + 1, width - 1)
        with np.errstate(all="ignore"):  # damaged ties may be anything
            return self._interpolated(found, (above, below, down), (before, after, across))

    def _interpolated(self, found: NDArray[np.float64], rows: _Weighted, columns: _Weighted) -> NDArray[Any]:
        (above, below, down), (before, after, across) = rows, columns
        upper = found[above][:, before] * (1 - across) + found[above][:, after] * across
        lower = found[below][:, before] * (1 - across) + found[below][:, after] * across
        return np.asarray(upper * (1 - down[:, None]) + lower * down[:, None], self.dtype)

    def _between(self, axis: int, start: int, stop: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """For each pixel's centre the tie before it, and how far it is to the next, as a share."""
        places = (np.arange(start, stop) + 0.5 - self.offset[axis]) / self.step[axis]
        before = np.clip(np.floor(places), 0, max(self.ties.shape[axis] - 2, 0)).astype(np.intp)
        return before, places - before
