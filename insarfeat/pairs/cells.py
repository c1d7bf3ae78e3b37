"""An interferogram in cells of about a hundred metres: one pass over its pixels, of any number, in little memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.pairs import _kernels
from insarfeat.windows import Halo, Step

Array = NDArray[Any]

LOW_COHERENCE = 0.3
"""Below it a pixel counts as decorrelated: its phase is of no use (Mondini et al. 2026)."""

_CELL_METRES = 125.0
_CELL_PIXELS = 8  # where nobody knows how long pixels are
_MOST_CELLS = 2**21
_STEEP = 1.0  # radians per cell from which on a plane blurs its own cells


class _Sums(NamedTuple):
    rows: int
    columns: int
    down: float
    across: float
    low: float


_CELL_SUMS = Operator(
    "insarfeat.pairs.cells.sums",
    {"real": _kernels.sums_of_phase, "complex": _kernels.sums_of_complex},
    inputs=[Raster("phase", "any"), Raster("coherence", number=True), Raster("elevation", number=True)],
    outputs=lambda _: [Result(None, "float32")] * _kernels.PLANES,
    halo=lambda _: Halo(bottom=1, right=1),
    step=lambda sums: Step(sums.rows, sums.columns),
    position=True,
    nodata="formula",
)


@dataclass(frozen=True, slots=True)
class Spacing:
    """Distances on a raster.

    Attributes
    ----------
    down, across
        From one row, and from one column, to the next.
    unit
        "m", or "pixels" where the raster does not tell how long its pixels are; the distances are 1 then.
    """

    down: float
    across: float
    unit: str

    @property
    def looks(self) -> tuple[int, int]:
        """Rows and columns of pixels that make a cell of about 125 m, or of 8 x 8 pixels of unknown length.

        >>> Spacing(15.0, 15.0, "m").looks, Spacing(14.0, 3.7, "m").looks, Spacing(1.0, 1.0, "pixels").looks
        ((8, 8), (9, 34), (8, 8))
        """
        if self.unit == "pixels":
            return _CELL_PIXELS, _CELL_PIXELS
        return max(round(_CELL_METRES / self.down), 1), max(round(_CELL_METRES / self.across), 1)


@dataclass(frozen=True, slots=True)
class Cells:
    """What is known of each cell; sums are over its valid pixels.

    Attributes
    ----------
    looks
        Pixels per cell, (rows, columns).
    spacing
        Distance from cell to cell.
    phasors
        Mean of the unit phasors, counting missing pixels as 0: long where the phase is steady and there. The plane
        is taken off.
    plane
        Radians per row and per column of pixels that were taken off.
    valid
        Number of pixels with a phase.
    neighbours
        Sums of the products of each phasor with its conjugate neighbour, to the right and below, and their numbers.
    coherence, coherent, low
        Sum of the coherence, the number of pixels that have one, and of those where it is low.
    elevation
        Mean elevation in metres, NaN where there is none.
    """

    looks: tuple[int, int]
    spacing: Spacing
    phasors: NDArray[np.complex128]
    plane: tuple[float, float]
    valid: Array
    neighbours: tuple[tuple[Array, Array], tuple[Array, Array]]
    coherence: Array
    coherent: Array
    low: Array
    elevation: Array

    @property
    def pixels(self) -> int:
        """Pixels in all cells."""
        return int(self.valid.size * self.looks[0] * self.looks[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return self.valid.shape[0], self.valid.shape[1]


def gather(phase: Any, coherence: Any, elevation: Any, spacing: Spacing) -> Cells:
    """Read the layers once and sum them over cells; twice where a steep plane would blur the cells.

    Parameters
    ----------
    phase
        Phase in radians or complex interferogram, NumPy or Dask, two-dimensional.
    coherence, elevation
        Of the same size, or None.
    spacing
        Distances from pixel to pixel.
    """
    height, width = phase.shape
    rows, columns = spacing.looks
    # Few enough cells for the memory, and some even on the smallest raster.
    more = math.sqrt(max(height * width / (rows * columns * _MOST_CELLS), 1.0))
    rows = min(math.ceil(rows * more), max(height // 8, 1))
    columns = min(math.ceil(columns * more), max(width // 8, 1))
    layers = [
        phase,
        math.nan if coherence is None else coherence,
        math.nan if elevation is None else elevation,
    ]
    sums = _sums(layers, _Sums(rows, columns, 0.0, 0.0, LOW_COHERENCE))
    plane = _steepness(sums)
    if max(abs(plane[0]) * rows, abs(plane[1]) * columns) > _STEEP:
        sums = _sums(layers, _Sums(rows, columns, *plane, LOW_COHERENCE))
    else:
        plane = (0.0, 0.0)
    return _cells(sums, (rows, columns), spacing, plane)


def _sums(layers: Sequence[Any], parameters: _Sums) -> Array:
    made = _CELL_SUMS(*layers, parameters=parameters)
    if isinstance(made[0], np.ndarray):
        return np.stack(made)
    from dask.base import compute, get_scheduler

    from insarfeat.dispatch.lazy import available_cores

    if get_scheduler() is not None:  # type: ignore[no-untyped-call]
        return np.stack(compute(*made))  # type: ignore[no-untyped-call]
    # Dask's own pool of threads would be waited for in vain in a forked process.
    with ThreadPoolExecutor(available_cores()) as pool:
        return np.stack(compute(*made, scheduler="threads", pool=pool))  # type: ignore[no-untyped-call]


def _steepness(sums: Array) -> tuple[float, float]:
    """Mean change of the phase from row to row and from column to column, radians."""
    across = complex(sums[3].sum(dtype=np.float64), sums[4].sum(dtype=np.float64))
    down = complex(sums[6].sum(dtype=np.float64), sums[7].sum(dtype=np.float64))
    return math.atan2(down.imag, down.real), math.atan2(across.imag, across.real)


def _cells(sums: Array, looks: tuple[int, int], spacing: Spacing, plane: tuple[float, float]) -> Cells:
    with np.errstate(invalid="ignore", divide="ignore"):
        elevation = sums[12].astype(np.float64) / sums[13]
    return Cells(
        looks=looks,
        spacing=Spacing(spacing.down * looks[0], spacing.across * looks[1], spacing.unit),
        phasors=(sums[0] + 1j * sums[1]).astype(np.complex128) / (looks[0] * looks[1]),
        plane=plane,
        valid=sums[2],
        neighbours=((sums[3] + 1j * sums[4], sums[5]), (sums[6] + 1j * sums[7], sums[8])),
        coherence=sums[9],
        coherent=sums[10],
        low=sums[11],
        elevation=elevation,
    )
