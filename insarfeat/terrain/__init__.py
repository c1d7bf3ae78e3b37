"""The shape of the ground, from a DEM."""

from __future__ import annotations

from typing import Any

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.metrics import Resolution
from insarfeat.terrain import _kernels
from insarfeat.windows import Halo

__all__ = ["slope"]

_SLOPE = Operator(
    "insarfeat.terrain.slope",
    _kernels.slope_zevenbergen_thorne,
    inputs=[Raster("dem")],
    outputs=[Result("slope")],
    halo=Halo.square(1),
    metrics=True,
)


def slope(dem: Any, *, resolution: Resolution | None = None) -> Any:
    r"""Slope of the ground in degrees, after Zevenbergen & Thorne (1987).

    .. math:: b = \arctan \sqrt{p^2 + q^2}, \quad p = (z_E - z_W) / 2 d_x, \quad q = (z_N - z_S) / 2 d_y

    A neighbour beyond the edge or in a void is mirrored through the centre, as SAGA does, so that no frame and no
    cell beside a void is lost; where both neighbours are missing that direction counts as flat.

    Parameters
    ----------
    dem
        Elevation in metres; NaN is nodata. Integers are taken.
    resolution
        Pixel size in metres, a number or (dy, dx), for bare arrays. DataArrays with coordinates need none: with a
        CRS the size on the ellipsoid is used, row by row along the raster's middle column.

    Returns
    -------
    Slope from 0 to 90 degrees, of the same kind of array; NaN where the DEM is nodata.

    References
    ----------
    Zevenbergen, L. W. & Thorne, C. R. (1987): Quantitative analysis of land surface topography. Earth Surface
    Processes and Landforms 12, 47-56.

    Examples
    --------
    >>> import numpy as np
    >>> plane = 15.0 * np.arange(4, dtype="f4") * np.ones((3, 1), "f4")
    >>> slope(plane, resolution=15.0)[0]
    array([45., 45., 45., 45.], dtype=float32)
    """
    return _SLOPE(dem, resolution=resolution)
