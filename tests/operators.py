"""Small operators that use every feature of a declaration, for the tests of dispatch and engine."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from insarfeat.dispatch import Operator, Raster, Reduction, Result
from insarfeat.windows import Halo, Step


class Reach(NamedTuple):
    reach: int


class Relief(NamedTuple):
    relief: float


@numba.njit(nogil=True)
def _box_mean(image, out, top, left, reach):
    height, width = image.shape
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total, count = 0.0, 0
            for v in range(max(i + top - reach, 0), min(i + top + reach + 1, height)):
                for u in range(max(j + left - reach, 0), min(j + left + reach + 1, width)):
                    if image[v, u] == image[v, u]:
                        total += image[v, u]
                        count += 1
            here = image[i + top, j + left]
            out[i, j] = total / count if here == here else np.nan


BOX = Operator(
    "operators.box",
    _box_mean,
    inputs=[Raster("image")],
    outputs=[Result(None, "input")],
    halo=lambda parameters: Halo.square(parameters.reach),
)


@numba.njit(nogil=True)
def _lopsided(image, out, top, left):
    """Difference to the pixel three rows above and one column to the right, where there is one."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            v, u = i + top - 3, j + left + 1
            here = image[i + top, j + left]
            there = image[v, u] if v >= 0 and u < image.shape[1] else np.nan
            out[i, j] = here - there if there == there else here


LOPSIDED = Operator(
    "operators.lopsided",
    _lopsided,
    inputs=[Raster("image")],
    outputs=[Result(None, "input")],
    halo=Halo(top=3, right=1),
)


@numba.njit(nogil=True)
def _padded_sum(image, out, top, left):
    """Plain sum over 3 x 3 pixels: the block must hold its whole halo."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            for v in range(i + top - 1, i + top + 2):
                for u in range(j + left - 1, j + left + 2):
                    value = image[v, u]
                    if value == value:
                        total += value
            here = image[i + top, j + left]
            out[i, j] = total if here == here else np.nan


PADDED = Operator(
    "operators.padded",
    _padded_sum,
    inputs=[Raster("image")],
    outputs=[Result(None, "input")],
    halo=Halo.square(1),
    edge="nodata",
)


@numba.njit(nogil=True)
def _anchored(image, out, top, left, row, column, height, width, cell):
    """Mean of the raster's own cell: the grid of cells is anchored to the raster's first pixel."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            y, x = (row + top + i) // cell * cell, (column + left + j) // cell * cell
            total, count = 0.0, 0
            for v in range(y, min(y + cell, height)):
                for u in range(x, min(x + cell, width)):
                    value = image[v - row, u - column]
                    if value == value:
                        total += value
                        count += 1
            here = image[i + top, j + left]
            out[i, j] = total / count if here == here else np.nan


class Cell(NamedTuple):
    cell: int


ANCHORED = Operator(
    "operators.anchored",
    _anchored,
    inputs=[Raster("image")],
    outputs=[Result(None, "input")],
    halo=lambda parameters: Halo.square(parameters.cell - 1),
    position=True,
)


@numba.njit(nogil=True)
def _polar(image, weight, size, angle):
    for i in range(size.shape[0]):
        for j in range(size.shape[1]):
            value = image[i, j] * weight[min(i, weight.shape[0] - 1), min(j, weight.shape[1] - 1)]
            if value == 0:
                value = complex(np.nan, np.nan)
            size[i, j] = abs(value)
            angle[i, j] = np.angle(value)


POLAR = Operator(
    "operators.polar",
    _polar,
    inputs=[Raster("image", "complex"), Raster("weight", number=True)],
    outputs=[Result("size"), Result("angle")],
)


@numba.njit(nogil=True)
def _normalised(image, out, relief):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = image[i, j] / relief


NORMALISED = Operator(
    "operators.normalised",
    _normalised,
    inputs=[Raster("image")],
    outputs=[Result(None, "input")],
    survey=Reduction(
        gather=lambda image: np.nanmax(np.where(np.isnan(image), 0, np.abs(image))),
        merge=max,
        finish=lambda state: {"relief": float(state) or 1.0},
    ),
)


@numba.njit(nogil=True)
def _cells(image, out, top, left, rows, columns):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total, count = 0.0, 0
            for v in range(top + i * rows, top + (i + 1) * rows):
                for u in range(left + j * columns, left + (j + 1) * columns):
                    if image[v, u] == image[v, u]:
                        total += image[v, u]
                        count += 1
            out[i, j] = total / count if count else np.nan


class Looks(NamedTuple):
    rows: int
    columns: int


CELLS = Operator(
    "operators.cells",
    _cells,
    inputs=[Raster("image")],
    outputs=[Result(None, "input")],
    step=lambda parameters: Step(*parameters),
    nodata="all",
)


@numba.njit(nogil=True)
def _pixel_area(image, out, northward, eastward):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = image[i, j] * abs(northward[i] * eastward[i])


AREA = Operator(
    "operators.area",
    _pixel_area,
    inputs=[Raster("image")],
    outputs=[Result(None, "input")],
    metrics="sizes",
)
