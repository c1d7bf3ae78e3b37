"""What needs no neighbours: intensity, values rounded for small files, layers blanked by a mask."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument
from insarfeat.filters._kernels import values as _kernels


class _Rounding(NamedTuple):
    step: float


_INTENSITY = Operator(
    "insarfeat.filters.intensity",
    _kernels.intensity,
    inputs=[Raster("image", "complex")],
    outputs=[Result("intensity")],
)

_ROUNDED = Operator(
    "insarfeat.filters.rounded",
    _kernels.rounded,
    inputs=[Raster("layer")],
    outputs=[Result(None, "input")],
)

_MASKED = Operator(
    "insarfeat.filters.masked",
    {
        "real": _kernels.masked_real,
        "complex": _kernels.masked_complex,
        "mask": _kernels.masked_classes,
    },
    inputs=[Raster("layer", "layer"), Raster("keep", "mask")],
    outputs=[Result(None, "input")],
    nodata="formula",  # where the mask is not 1
)


def intensity(image: Any) -> Any:
    r"""Backscattered intensity of a complex radar image.

    .. math:: I = |s|^2

    Parameters
    ----------
    image
        Complex image. NaN and 0+0j are nodata.

    Returns
    -------
    Intensity, in the square of the image's unit; NaN where the image is nodata.

    Examples
    --------
    >>> import numpy as np
    >>> intensity(np.array([[3 + 4j, 0]], "c8"))
    array([[25., nan]], dtype=float32)
    """
    return _INTENSITY(image)


def rounded(layer: Any, precision: float) -> Any:
    """Values rounded to a stated precision, so that files become smaller; not more than half of it is lost.

    Values become multiples of the largest power of two that is not above the precision. Their last bits are 0 then,
    which compresses well, while the type stays a float: no scale factor has to be known by those who read it.

    Parameters
    ----------
    layer
        Real raster. NaN stays NaN.
    precision
        In units of the layer, above 0.

    Examples
    --------
    >>> import numpy as np
    >>> rounded(np.array([[0.123456, 2.0]], "f4"), 0.01)
    array([[0.125, 2.   ]], dtype=float32)
    """
    if not (isinstance(precision, int | float) and math.isfinite(precision) and precision > 0):
        raise InvalidArgument(f"precision must be a number above 0, in units of the layer; got {precision!r}")
    return _ROUNDED(layer, parameters=_Rounding(2.0 ** math.floor(math.log2(precision))))


def masked(layer: Any, keep: Any) -> Any:
    """A layer where a mask is 1, and nodata elsewhere.

    Parameters
    ----------
    layer
        Real or complex raster, or classes (uint8).
    keep
        Mask on the same grid: 1 keeps, anything else blanks.

    Examples
    --------
    >>> import numpy as np
    >>> masked(np.array([[1.0, 2.0]]), np.array([[1, 0]], "u1"))
    array([[ 1., nan]])
    """
    return _MASKED(layer, keep)
