"""Fewer, better pixels: means and coherence over cells."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.filters._kernels import looks as _kernels
from insarfeat.layers import LAYERS
from insarfeat.metrics import Metrics, Resolution, metrics_of, planar_metrics
from insarfeat.windows import Step


class _Looks(NamedTuple):
    rows: int
    columns: int


class _Turns(NamedTuple):
    """Looks, and of angles how many radians are one unit and the least of them."""

    rows: int
    columns: int
    scale: float
    lowest: float


class _Cells(NamedTuple):
    rows: int
    columns: int
    unbiased: bool


_MULTILOOK = Operator(
    "insarfeat.filters.multilook",
    {
        "real": _kernels.mean_of_real,
        "complex": _kernels.mean_of_complex,
        "mask": _kernels.mode_of_mask,
    },
    inputs=[Raster("x", "layer")],
    outputs=[Result(None, "input")],
    step=lambda looks: Step(*looks),
    nodata="all",
)

_MULTILOOK_ANGLES = Operator(
    "insarfeat.filters.multilook_angles",
    _kernels.mean_of_angles,
    inputs=[Raster("x")],
    outputs=[Result(None, "input")],
    step=lambda turns: Step(turns.rows, turns.columns),
    nodata="all",
)

_CELL_COHERENCE = Operator(
    "insarfeat.filters.multilook_coherence",
    _kernels.coherence,
    inputs=[Raster("primary", "complex"), Raster("secondary", "complex")],
    outputs=[Result("coherence", "real")],
    step=lambda cells: Step(cells.rows, cells.columns),
    nodata="all",
)


def multilook(
    x: Any,
    *,
    looks: tuple[int, int] | Literal["auto"],
    pixel: float = 30.0,
    resolution: Resolution | None = None,
) -> Any:
    """Mean of the valid pixels of each cell of looks pixels.

    Rows and columns that do not fill a cell at the far edges are dropped. Coordinates become those of the cells'
    centres.

    Parameters
    ----------
    x
        Complex or real raster, mask (uint8 or boolean), or a Dataset of them. NaN is nodata, and so are 0+0j and, in
        masks, 255. Of DataArrays whose canonical name says that they hold angles (``wrapped_phase``, ``aspect``,
        ``heading``) the direction of the mean phasor is taken; mean other wrapped phases as interferograms.
    looks
        Pixels per cell, (rows, columns); or "auto": as many as make cells come closest to square ones of ``pixel``
        metres, at least one.
    pixel
        Side of the cells to aim at with ``looks="auto"``, in metres.
    resolution
        Metres per pixel, a number or (dy, dx), for ``looks="auto"`` on arrays without coordinates. In radar geometry
        the spacing on the ground is meant.

    Returns
    -------
    Raster of the same quantity, smaller; nodata where a cell has no valid pixel. Of masks, the most frequent value
    (of two that are as frequent, the larger: a cell half covered is covered).

    Examples
    --------
    >>> import numpy as np
    >>> multilook(np.array([[1, 3, 5], [np.nan, 5, 7]], "f4"), looks=(2, 2))
    array([[3.]], dtype=float32)
    >>> multilook(np.ones((60, 60), "f4"), looks="auto", resolution=(14.0, 3.7)).shape
    (30, 7)
    """
    if isinstance(looks, str) and looks == "auto":
        chosen = _looks_for(x, pixel, resolution)
    elif resolution is not None:
        raise InvalidArgument(f'resolution= is for looks="auto"; looks={looks!r} are whole pixels anyway')
    else:
        chosen = _Looks(*_whole(looks))
    if not hasattr(x, "data_vars"):
        return _averaged(x, chosen)
    rasters = {
        name: _averaged(one, chosen).rename(name) if one.ndim >= 2 else one
        for name, one in x.data_vars.items()
    }
    return type(x)(rasters, attrs=x.attrs)


def multilook_coherence(
    primary: Any, secondary: Any, *, looks: tuple[int, int], unbiased: bool = False
) -> Any:
    r"""Coherence of two coregistered complex images over cells that do not overlap, from 0 to 1.

    As :func:`insarfeat.filters.coherence`, with one value per cell of looks pixels. Cells share no pixels, so
    their errors are independent.

    Parameters
    ----------
    primary, secondary
        Complex images of one size, coregistered. NaN and 0+0j are nodata.
    looks
        Pixels per cell, (rows, columns).
    unbiased
        Take off the bias of few looks, as :func:`insarfeat.filters.coherence` does.

    Returns
    -------
    Coherence, smaller by the looks; NaN where a cell has no pixel that is valid in both images.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.exp(1j * np.arange(24).reshape(4, 6)).astype("c8")
    >>> multilook_coherence(image, image, looks=(2, 3)).round(3)
    array([[1., 1.],
           [1., 1.]], dtype=float32)
    """
    return _CELL_COHERENCE(primary, secondary, parameters=_Cells(*_whole(looks), bool(unbiased)))


def _averaged(raster: Any, looks: _Looks) -> Any:
    """Means over cells; of angles, which a name tells, that of their directions."""
    known = LAYERS.get(str(getattr(raster, "name", None)))
    if known is None or known.period is None or raster.dtype.kind != "f":
        return _MULTILOOK(raster, parameters=looks)
    lowest = known.limits[0] if known.limits else -known.period / 2
    return _MULTILOOK_ANGLES(raster, parameters=_Turns(*looks, 2 * math.pi / known.period, lowest))


def _whole(looks: Any) -> tuple[int, int]:
    try:
        rows, columns = looks
        if rows >= 1 and columns >= 1 and rows == int(rows) and columns == int(columns):
            return int(rows), int(columns)
    except (TypeError, ValueError):
        pass
    raise InvalidArgument(
        f'looks must be two whole numbers (rows, columns), at least 1, or "auto" where a target pixel is known; '
        f"got {looks!r}"
    )


def _looks_for(x: Any, pixel: float, resolution: Resolution | None) -> _Looks:
    """Looks for a pixel size on the ground, by the size in the middle of the raster."""
    if not (isinstance(pixel, int | float | np.number) and 0 < float(pixel) < np.inf):
        raise InvalidArgument(f"pixel must be a positive number of metres; got {pixel!r}")
    raster = x
    if hasattr(x, "data_vars"):
        raster = next((variable for variable in x.data_vars.values() if variable.ndim >= 2), None)
    shape: tuple[int, ...] = getattr(raster, "shape", ())
    if raster is None or len(shape) < 2:
        raise InvalidType(
            f"x must be a raster, at least two-dimensional, or a Dataset of them; got {type(x).__name__}"
        )
    metrics: Metrics
    if hasattr(raster, "coords"):
        metrics = metrics_of(raster, resolution)
    elif resolution is None:
        raise InvalidArgument(
            'looks="auto" needs resolution= (metres per pixel) for arrays without coordinates'
        )
    else:
        metrics = planar_metrics(resolution)
    middle = shape[-2] // 2
    northward, eastward = (abs(float(size[0])) for size in metrics.rows(middle, middle + 1))
    return _Looks(max(round(pixel / northward), 1), max(round(pixel / eastward), 1))
