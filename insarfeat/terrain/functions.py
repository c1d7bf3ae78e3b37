"""Each attribute of terrain as a function of its own."""

from __future__ import annotations

from typing import Any

from insarfeat.metrics import North, Resolution
from insarfeat.terrain.requests import (
    Aspect,
    Convexity,
    ConvexityKernel,
    GeneralCurvature,
    Hillshade,
    LocalRelief,
    PlanCurvature,
    ProfileCurvature,
    Roughness,
    RuggednessVariant,
    Slope,
    TangentialCurvature,
    TopographicPosition,
    Tri,
    Variant,
)
from insarfeat.terrain.surface import Method, compute


def slope(
    dem: Any,
    *,
    resolution: Resolution | None = None,
    method: Method = "zevenbergen-thorne",
    north: North = "true",
) -> Any:
    r"""Slope of the ground in degrees.

    .. math:: b = \arctan \sqrt{p^2 + q^2}, \quad p = \sum_k w_k \frac{E_k - W_k}{2 d_x}, \quad
        q = \sum_k w_k \frac{N_k - S_k}{2 d_y}

    with the cells of the columns E and W (rows N and S) weighted by :math:`w = (s, 1 - 2 s, s)`: Zevenbergen & Thorne
    (s = 0) take the four direct neighbours, Horn (s = 1/4) and Evans (s = 1/3) all eight. A neighbour beyond the edge
    or in a void is mirrored through the cell, as SAGA does, so that no frame and no cell beside a void is lost; where
    the opposite one is missing too, that direction counts as flat.

    Parameters
    ----------
    dem
        Elevation in metres; NaN is nodata. Integers are taken.
    resolution
        Pixel size in metres, a number or (dy, dx), for bare arrays. DataArrays with coordinates need none: with a CRS
        the size on the ellipsoid is used, pixel by pixel.
    method
        "zevenbergen-thorne", "horn" (what gdaldem does unless told otherwise) or "evans".
    north
        "true"; "grid" takes the lengths of a projected grid for those on the ground, as GDAL and SAGA do.

    Returns
    -------
    Slope from 0 to 90 degrees, of the same kind of array; NaN where the DEM is nodata.

    References
    ----------
    Zevenbergen, L. W. & Thorne, C. R. (1987): Quantitative analysis of land surface topography. Earth Surface
    Processes and Landforms 12, 47-56. Horn, B. K. P. (1981): Hill shading and the reflectance map. Proceedings of the
    IEEE 69, 14-47. Evans, I. S. (1980): An integrated system of terrain analysis and slope mapping. Zeitschrift fuer
    Geomorphologie, Supplement 36, 274-295.

    Examples
    --------
    >>> import numpy as np
    >>> plane = 15.0 * np.arange(4, dtype="f4") * np.ones((3, 1), "f4")
    >>> slope(plane, resolution=15.0)[0]
    array([45., 45., 45., 45.], dtype=float32)
    """
    return compute(dem, (Slope(),), resolution, method, north)


def aspect(
    dem: Any,
    *,
    resolution: Resolution | None = None,
    method: Method = "zevenbergen-thorne",
    north: North = "true",
) -> Any:
    r"""Compass azimuth of the downslope direction in degrees, clockwise from north, in [0, 360).

    .. math:: d = \mathrm{atan2}(-p, -q)

    with the gradient (p eastward, q northward) of :func:`slope`, whose parameters and treatment of edges it shares.

    Parameters
    ----------
    dem, resolution, method
        As for :func:`slope`.
    north
        "true": from true north wherever the CRS is known, by adding the grid's convergence, which reaches 3 degrees
        in UTM and 17 in EPSG:3035; "grid": from the grid's y axis, as GDAL and SAGA do. Bare arrays have grid north.

    Returns
    -------
    Azimuth, of the same kind of array; NaN where the DEM is nodata and where it is flat.

    Examples
    --------
    >>> import numpy as np
    >>> rising_east = 15.0 * np.arange(4, dtype="f4") * np.ones((3, 1), "f4")
    >>> aspect(rising_east, resolution=15.0)[0]  # so it faces west
    array([270., 270., 270., 270.], dtype=float32)
    """
    return compute(dem, (Aspect(),), resolution, method, north)


def hillshade(
    dem: Any,
    *,
    azimuth: float = 315.0,
    altitude: float = 45.0,
    resolution: Resolution | None = None,
    method: Method = "zevenbergen-thorne",
    north: North = "true",
) -> Any:
    r"""Light on the ground: the cosine of the angle between the sun and the surface's normal, 0 where it faces away.

    .. math:: \max\left(0, \frac{\sin h - \cos h\,(p \sin a + q \cos a)}{\sqrt{1 + p^2 + q^2}}\right)

    with the sun's azimuth a and altitude h. gdaldem's bytes are 1 + 254 times this (with ``method="horn"``). Cast
    shadows are not thrown.

    Parameters
    ----------
    azimuth, altitude
        Where the sun stands, in degrees: clockwise from north, and above the horizon.
    dem, resolution, method, north
        As for :func:`slope`.

    Returns
    -------
    Light from 0 to 1, of the same kind of array; NaN where the DEM is nodata.

    Examples
    --------
    >>> import numpy as np
    >>> hillshade(np.zeros((2, 2)), altitude=30.0, resolution=15.0)[0].round(6)
    array([0.5, 0.5])
    """
    return compute(dem, (Hillshade(azimuth, altitude),), resolution, method, north)


def profile_curvature(
    dem: Any,
    *,
    variant: Variant = "textbook",
    resolution: Resolution | None = None,
    method: Method = "zevenbergen-thorne",
    north: North = "true",
) -> Any:
    r"""Curvature of the line of steepest descent, per metre; positive where convex (steepening downslope).

    .. math:: -\frac{r p^2 + 2 s p q + t q^2}{(p^2 + q^2)(1 + p^2 + q^2)^{3/2}}

    with the first derivatives p (eastward) and q (northward) and the second ones r (twice eastward), s (both) and t
    (twice northward), found on the 3 x 3 cells with the same weights of lines as in :func:`slope`:
    :math:`r = \sum_k w_k (E_k - 2 C_k + W_k) / d_x^2`, :math:`s = (NE + SW - NW - SE) / 4 d_x d_y`.

    Parameters
    ----------
    variant
        "textbook", or "saga" for what SAGA 8.5 gives: half of r and t, but all of s.
    dem, resolution, method, north
        As for :func:`slope`. Horn himself gives no second derivatives; his weights of lines serve for them.

    Returns
    -------
    Curvature, of the same kind of array; 0 where it is flat, NaN where the DEM is nodata.

    References
    ----------
    Zevenbergen & Thorne (1987), Evans (1980), as for :func:`slope`.

    Examples
    --------
    >>> import numpy as np
    >>> dome = -0.001 * np.arange(-3.0, 4)[:, None] ** 2 * np.ones(5)
    >>> profile_curvature(dome, resolution=1.0)[1].round(6)
    array([0.002, 0.002, 0.002, 0.002, 0.002])
    """
    return compute(dem, (ProfileCurvature(variant),), resolution, method, north)


def plan_curvature(
    dem: Any,
    *,
    variant: Variant = "textbook",
    resolution: Resolution | None = None,
    method: Method = "zevenbergen-thorne",
    north: North = "true",
) -> Any:
    r"""Curvature of the contour line, per metre; positive where convex (water runs apart).

    .. math:: -\frac{t p^2 - 2 s p q + r q^2}{(p^2 + q^2)^{3/2}}

    It is 1 over the radius of the contour line, and without bound near flat ground; :func:`tangential_curvature`
    is tamer. Parameters, derivatives and results are those of :func:`profile_curvature`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(-20.0, 21)
    >>> cone = 100 - 0.5 * np.hypot(x, x[:, None])
    >>> float(plan_curvature(cone, resolution=1.0)[20, 30].round(3))  # 10 m from the tip
    0.1
    """
    return compute(dem, (PlanCurvature(variant),), resolution, method, north)


def tangential_curvature(
    dem: Any,
    *,
    variant: Variant = "textbook",
    resolution: Resolution | None = None,
    method: Method = "zevenbergen-thorne",
    north: North = "true",
) -> Any:
    r"""Curvature of the normal section along the contour line, per metre; positive where convex.

    .. math:: -\frac{t p^2 - 2 s p q + r q^2}{(p^2 + q^2) \sqrt{1 + p^2 + q^2}}

    The plan curvature times the sine of the slope. Parameters, derivatives and results are those of
    :func:`profile_curvature`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(-20.0, 21)
    >>> cone = 100 - np.hypot(x, x[:, None])  # 45 degrees
    >>> float(tangential_curvature(cone, resolution=1.0)[20, 30].round(3))
    0.071
    """
    return compute(dem, (TangentialCurvature(variant),), resolution, method, north)


def general_curvature(
    dem: Any,
    *,
    resolution: Resolution | None = None,
    method: Method = "zevenbergen-thorne",
    north: North = "true",
) -> Any:
    """Minus the Laplacian, -(r + t), per metre; positive where convex. SAGA's is the same.

    Parameters and derivatives are those of :func:`profile_curvature`; on flat ground it is not set to 0.

    Examples
    --------
    >>> import numpy as np
    >>> bowl = 0.01 * np.add.outer(np.arange(5.0) ** 2, np.arange(5.0) ** 2)
    >>> float(general_curvature(bowl, resolution=1.0)[2, 2].round(6))
    -0.04
    """
    return compute(dem, (GeneralCurvature(),), resolution, method, north)


def tri(dem: Any, *, variant: RuggednessVariant = "riley") -> Any:
    r"""Terrain ruggedness index, metres: how much a cell differs from its neighbours.

    ======== ============================================== =====================================
    variant  formula                                        same as
    ======== ============================================== =====================================
    riley    :math:`\sqrt{\sum_8 \Delta z^2}`               Riley et al. (1999); gdaldem's default
    wilson   :math:`\frac{1}{8} \sum_8 |\Delta z|`          Wilson et al. (2007)
    saga     :math:`\sqrt{\sum_{N,E,S,W} \Delta z^2 / 5}`   SAGA; the mean counts the cell itself
    ======== ============================================== =====================================

    Missing neighbours are mirrored through the cell; SAGA's variant takes its mean over the cells that are there.
    It grows with the slope and with the size of cells: compare it between grids of one pixel size only.

    Parameters
    ----------
    dem
        Elevation in metres; NaN is nodata. Integers are taken.
    variant
        "riley", "wilson" or "saga".

    Returns
    -------
    Ruggedness, of the same kind of array; NaN where the DEM is nodata.

    References
    ----------
    Riley, S. J., DeGloria, S. D. & Elliot, R. (1999): A terrain ruggedness index that quantifies topographic
    heterogeneity. Intermountain Journal of Sciences 5, 23-27. Wilson, M. F. J. et al. (2007): Multiscale terrain
    analysis of multibeam bathymetry data. Marine Geodesy 30, 3-35.

    Examples
    --------
    >>> import numpy as np
    >>> step = np.array([[0.0, 0, 0], [0, 2, 0], [0, 0, 0]])
    >>> float(tri(step)[1, 1].round(3)), float(tri(step, variant="wilson")[1, 1])
    (5.657, 2.0)
    """
    return compute(dem, (Tri(variant),))


def roughness(dem: Any) -> Any:
    """Highest minus lowest of a cell and its valid neighbours, metres; gdaldem's roughness.

    >>> import numpy as np
    >>> roughness(np.array([[0.0, 1, 5], [0, 2, 3]]))[0]
    array([2., 5., 4.])
    """
    return compute(dem, (Roughness(),))


def convexity(dem: Any, *, radius: int = 10, kernel: ConvexityKernel = "four") -> Any:
    """Terrain surface convexity of Iwahashi & Pike, percent: the share of convex cells in a disc about each cell.

    A cell is convex where it lies above the mean of its neighbours (which counts missing ones as level with it). The
    disc holds the valid cells whose centres are within ``radius`` cells, the cell itself included; for radius 10 they
    are 317. This is SAGA's convexity with the method of counting cells, which its window offers; its command line
    defaults to a resampled approximation.

    Parameters
    ----------
    dem
        Elevation in metres; NaN is nodata. Integers are taken.
    radius
        Of the disc, in cells, from 0 (the flag alone: 0 or 100) to 500; what it costs grows with the radius, not with
        the area.
    kernel
        Neighbours that are compared with: "four", "eight", or "eight-weighted" with the diagonal ones at 1 / sqrt 2.

    Returns
    -------
    Percentage from 0 to 100, of the same kind of array; NaN where the DEM is nodata.

    References
    ----------
    Iwahashi, J. & Pike, R. J. (2007): Automated classifications of topography from DEMs by an unsupervised
    nested-means algorithm and a three-part geometric signature. Geomorphology 86, 409-440.

    Examples
    --------
    >>> import numpy as np
    >>> ridge = -np.abs(np.arange(-3.0, 4)) * np.ones((7, 1))
    >>> convexity(ridge, radius=1)[3]  # three of the five cells lie on the ridge
    array([ 0.,  0., 20., 60., 20.,  0.,  0.])
    """
    return compute(dem, (Convexity(radius, kernel),))


def local_relief(dem: Any, *, radius: int = 10) -> Any:
    """Highest minus lowest valid cell of the square window of 2 ``radius`` + 1 cells, metres.

    >>> import numpy as np
    >>> local_relief(np.arange(7.0) * np.ones((3, 1)), radius=2)[1]
    array([2., 3., 4., 4., 4., 3., 2.])
    """
    return compute(dem, (LocalRelief(radius),))


def topographic_position(dem: Any, *, radius: int = 10) -> Any:
    """Height of a cell above the mean of the other valid cells in the square window of 2 ``radius`` + 1, metres.

    Positive on ridges, negative in valleys, near 0 on planes and flats; 0 for a cell alone. With radius 1 this is
    gdaldem's TPI.

    References
    ----------
    Weiss, A. (2001): Topographic position and landforms analysis. ESRI User Conference, San Diego.

    Examples
    --------
    >>> import numpy as np
    >>> peak = np.array([[0.0, 0, 0], [0, 8, 0], [0, 0, 0]])
    >>> topographic_position(peak, radius=1)[1]
    array([-1.6,  8. , -1.6])
    """
    return compute(dem, (TopographicPosition(radius),))
