"""Multilooking: fewer, better pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument
from insarfeat.filters._kernels import looks as _kernels
from insarfeat.windows import Step


class _Looks(NamedTuple):
    rows: int
    columns: int


_MULTILOOK = Operator(
    "insarfeat.filters.multilook",
    {"real": _kernels.multilook_real, "complex": _kernels.multilook_complex},
    inputs=[Raster("x", "any")],
    outputs=[Result(None, "input")],
    step=lambda looks: Step(*looks),
    nodata="all",
    datasets=True,
)


def multilook(x: Any, *, looks: tuple[int, int]) -> Any:
    """Mean of the valid pixels of each cell of looks pixels.

    Rows and columns that do not fill a cell at the far edges are dropped. Coordinates become those of the cells'
    centres.

    Parameters
    ----------
    x
        Complex or real raster. NaN is nodata, and so is 0+0j.
    looks
        Pixels per cell, (rows, columns).

    Returns
    -------
    Raster of the same quantity, smaller; NaN where a cell has no valid pixel.

    Examples
    --------
    >>> import numpy as np
    >>> multilook(np.array([[1, 3, 5], [np.nan, 5, 7]], "f4"), looks=(2, 2))
    array([[3.]], dtype=float32)
    """
    try:
        rows, columns = (int(size) for size in looks)
    except (TypeError, ValueError):
        rows = columns = 0
    if min(rows, columns) < 1:
        raise InvalidArgument(f"looks must be two whole numbers (rows, columns), at least 1; got {looks!r}")
    return _MULTILOOK(x, parameters=_Looks(rows, columns))
