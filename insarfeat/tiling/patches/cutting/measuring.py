"""What patches hold, measured on the cells that they share: every pixel is looked at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.tiling.patches._kernels import cells as kernels
from insarfeat.tiling.patches._kernels import digests
from insarfeat.tiling.patches.cutting.reading import Region
from insarfeat.windows import Shape

Array = NDArray[Any]


@dataclass(frozen=True)
class Measured:
    """What is in the cells of a block, and in its patches.

    Attributes
    ----------
    tops, lefts
        Of each cell in the region.
    cells
        Of each patch, in reading order.
    labels
        Pixels of each label value by cell.
    moments
        (band, patch, 5): count, mean, sum of squares about it, least, greatest.
    digests
        (band, patch).
    valid
        Valid pixels of each patch.
    counts
        Pixels of each label value by patch.
    """

    tops: Array
    lefts: Array
    cells: Array
    labels: Array
    moments: Array
    digests: Array
    valid: Array
    counts: Array

    @classmethod
    def of(
        cls,
        region: Region,
        places: tuple[Array, Array],
        sizes: tuple[Shape, Shape],
        valid_mask: int | None,
        labelled: bool,
    ) -> Measured:
        """Measure patches at (rows, columns), with the sizes of patches and cells.

        ``valid_mask`` is the mask whose pixels are valid where it is 1; with ``labelled`` the first one holds labels.
        """
        (patch_tops, patch_lefts), (size, cell) = places, sizes
        down, across = size.height // cell.height, size.width // cell.width
        inner = np.arange(down * across)
        rows = (
            patch_tops[:, np.newaxis].astype(np.int64) - region.window.top
        ) + inner // across * cell.height
        columns = (
            patch_lefts[:, np.newaxis].astype(np.int64) - region.window.left
        ) + inner % across * cell.width
        unique, which = np.unique((rows << 32 | columns).ravel(), return_inverse=True)
        tops, lefts = unique >> 32, unique & ((1 << 32) - 1)
        cells = which.reshape(rows.shape)
        place = tops, lefts, cell.height, cell.width
        bands = len(region.values)
        moments = np.empty((bands, len(tops), 5))
        kernels.moments(region.values, *place, moments)
        valid = np.empty(len(tops), np.int64)
        kernels.valid_pixels(region.values, _usable(region, valid_mask), *place, valid)
        labels = np.zeros((len(tops), 256), np.int64)
        if labelled:
            kernels.label_pixels(region.masks[0], *place, labels)
        fingerprints = np.empty((bands, len(tops)), np.uint64)
        kernels.digests_of_cells(region.values, *place, fingerprints)
        of_patches = _merged(moments, cells)
        return cls(
            tops,
            lefts,
            cells,
            labels,
            of_patches,
            _digests(
                fingerprints, of_patches, cells, inner // across * cell.height, inner % across * cell.width
            ),
            valid[cells].sum(axis=1),
            labels[cells].sum(axis=1),
        )

    def only(self, patches: Array) -> Measured:
        """The same of some patches."""
        return replace(
            self,
            cells=self.cells[patches],
            moments=self.moments[:, patches],
            digests=self.digests[:, patches],
            valid=self.valid[patches],
            counts=self.counts[patches],
        )


def _usable(region: Region, mask: int | None) -> NDArray[np.uint8]:
    if mask is None:
        return np.ones((region.window.height, region.window.width), np.uint8)
    return np.asarray(region.masks[mask] == 1, np.uint8)


def _merged(moments: Array, cells: Array) -> Array:
    """Moments of patches from those of their cells (Chan, Golub & LeVeque 1983)."""
    parts = moments[:, cells]
    count = parts[..., 0].sum(axis=-1)
    totals = np.nansum(parts[..., 0] * np.nan_to_num(parts[..., 1]), axis=-1)
    mean = np.divide(totals, count, out=np.full(count.shape, np.nan), where=count > 0)
    off = np.nan_to_num(parts[..., 1] - mean[..., np.newaxis])
    squares = np.nansum(parts[..., 2], axis=-1) + (parts[..., 0] * off * off).sum(axis=-1)
    least = np.where(np.isnan(parts[..., 3]), np.inf, parts[..., 3]).min(axis=-1)
    most = np.where(np.isnan(parts[..., 4]), -np.inf, parts[..., 4]).max(axis=-1)
    none = count == 0
    least[none], most[none], squares[none] = np.nan, np.nan, np.nan
    return np.stack([count, mean, squares, least, most], axis=-1)


def _digests(cells: Array, moments: Array, of_patch: Array, rows: Array, columns: Array) -> Array:
    """Fingerprints of patches from those of their cells; 0 where a band holds fewer than two values."""
    down = np.array([digests.power(digests.DOWN, int(row)) for row in rows], np.uint64)
    across = np.array([digests.power(digests.ACROSS, int(column)) for column in columns], np.uint64)
    with np.errstate(over="ignore"):
        found: Array = (cells[:, of_patch] * (down * across)).sum(axis=-1, dtype=np.uint64)
    found[(moments[..., 0] == 0) | (moments[..., 3] == moments[..., 4])] = 0
    return found.view(np.int64)
