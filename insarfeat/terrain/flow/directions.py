"""Where water goes from each cell, as layers: one pass over tiles that see one cell beyond their rims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import TileWork, Workshop
from insarfeat.metrics import Metrics
from insarfeat.terrain.flow._kernels import directions as _kernels
from insarfeat.terrain.flow._kernels.spreading import all_shares
from insarfeat.terrain.flow.ground import FRAME, framed, framed_ranks
from insarfeat.windows import Tile

Array = NDArray[Any]

# The same neighbours where rows run north, or columns west.
_ROWS_TURNED = np.array([0, 5, 4, 3, 2, 1, 8, 7, 6])
_COLUMNS_TURNED = np.array([0, 1, 8, 7, 6, 5, 4, 3, 2])


def codes_under(filled: Array, ranks: Array, work: TileWork, voids: str, metrics: Metrics) -> Array:
    """Codes of D8 under a tile, as if rows ran south and columns east."""
    core = work.tile.core
    codes = np.empty((core.height, core.width), np.uint8)
    ground, levels = framed(filled, work, voids), framed_ranks(ranks, work)
    northward, eastward = _sizes(metrics, work.tile)
    # Ties go by the ground's north, so the kernel gets rows that run south and columns that run east.
    turned = (
        slice(None, None, -1 if northward[0] > 0 else 1),
        slice(None, None, -1 if eastward[0] < 0 else 1),
    )
    _kernels.steepest(
        np.ascontiguousarray(ground[turned]),
        np.ascontiguousarray(levels[turned]),
        np.ascontiguousarray(northward[turned[0]]),
        np.ascontiguousarray(eastward[turned[0]]),
        codes,
    )
    return np.ascontiguousarray(_renamed(codes, metrics)[turned])


def _sizes(metrics: Metrics, tile: Tile) -> tuple[Array, Array]:
    return metrics.rows(tile.core.top, tile.core.bottom)


def _names(metrics: Metrics) -> Array:
    """Codes by their names on the ground, for codes that are as if rows ran south and columns east."""
    northward, eastward = metrics.rows(0, 1)
    names = np.arange(256)
    if northward[0] > 0:
        names[:9] = _ROWS_TURNED[names[:9]]
    if eastward[0] < 0:
        names[:9] = _COLUMNS_TURNED[names[:9]]
    return names


def _renamed(codes: Array, metrics: Metrics) -> Array:
    """Codes turned from one into the other, which is the same both ways."""
    names = _names(metrics)
    return codes if names[1] == 1 and names[3] == 3 else names.astype(np.uint8)[codes]


@dataclass(frozen=True)
class D8Step:
    """Inputs: filled DEM, ranks. Output: codes of D8, uint8."""

    voids: str
    metrics: Metrics

    cell_bytes: ClassVar = 20
    rim_bytes: ClassVar = 0

    def run(self, workshop: Workshop) -> None:
        """Find the directions."""
        workshop.each_tile("directions", _write_codes, self, halo=FRAME)


def _write_codes(work: TileWork, step: D8Step) -> None:
    filled, ranks = work.read()
    codes = codes_under(filled, ranks, work, step.voids, step.metrics)
    work.write(0, _renamed(codes, step.metrics))


@dataclass(frozen=True)
class DinfStep:
    """Inputs: filled DEM, ranks. Output: the azimuth of flow by Dinf, clockwise from the grid's north."""

    voids: str
    metrics: Metrics

    cell_bytes: ClassVar = 24
    rim_bytes: ClassVar = 0

    def run(self, workshop: Workshop) -> None:
        """Find the directions."""
        workshop.each_tile("directions", _write_azimuths, self, halo=FRAME)


def _write_azimuths(work: TileWork, step: DinfStep) -> None:
    filled, ranks = work.read()
    core = work.tile.core
    ground = framed(filled, work, step.voids)
    sizes = _sizes(step.metrics, work.tile)
    azimuths = np.empty((core.height, core.width), ground.dtype)
    _kernels.azimuths(ground, framed_ranks(ranks, work), *sizes, azimuths)
    if sizes[0][0] > 0:
        azimuths = (180 - azimuths) % 360
    if sizes[1][0] < 0:
        azimuths = -azimuths % 360
    azimuths[azimuths >= 360] = 0  # what float32 has rounded up
    work.write(0, azimuths)


@dataclass(frozen=True)
class MfdStep:
    """Inputs: filled DEM, ranks. Outputs: the share of each neighbour by MFD, from north clockwise."""

    voids: str
    metrics: Metrics

    cell_bytes: ClassVar = 48
    rim_bytes: ClassVar = 0

    def run(self, workshop: Workshop) -> None:
        """Find the shares."""
        workshop.each_tile("shares", _write_shares, self, halo=FRAME)


def _write_shares(work: TileWork, step: MfdStep) -> None:
    filled, ranks = work.read()
    core = work.tile.core
    ground = framed(filled, work, step.voids)
    sizes = np.abs(np.stack(step.metrics.rows(core.top - 1, core.bottom + 1), axis=1))
    shares = np.empty((8, core.height, core.width), ground.dtype)
    all_shares(ground, framed_ranks(ranks, work), sizes, shares)
    names = _names(step.metrics)
    for code in range(1, 9):
        work.write(int(names[code]) - 1, shares[code - 1])
