"""Upslope area per metre of width, and how wet the ground is by it."""

from __future__ import annotations

from typing import Any, NamedTuple

from insarfeat.dispatch import Operator, Raster, Result, WholeOperator
from insarfeat.errors import InvalidArgument
from insarfeat.metrics import Resolution
from insarfeat.terrain.flow import routing
from insarfeat.terrain.flow._kernels import layers as _kernels
from insarfeat.terrain.flow._kernels import suction as _suction
from insarfeat.terrain.flow.drawing import DrawStep
from insarfeat.terrain.flow.ground import Voids
from insarfeat.terrain.flow.routing import FlowMethod, Rain, Routed, check_method, routed
from insarfeat.terrain.functions import slope
from insarfeat.windows import Halo

_LEAST_SLOPE = 1e-3

_AREA = Result("specific_catchment_area", "float32")
_SPREAD = Operator(
    "insarfeat.terrain.specific_catchment_area",
    _kernels.spread_area,
    inputs=[Raster("water"), Raster("filled"), Raster("ranks", "index")],
    outputs=[_AREA],
    halo=Halo.square(1),
    metrics="sizes",
)
_SINGLE = Operator(
    "insarfeat.terrain.specific_catchment_area_d8",
    _kernels.single_area,
    inputs=[Raster("water"), Raster("codes", "mask")],
    outputs=[_AREA],
    metrics="sizes",
)
_SLANTING = Operator(
    "insarfeat.terrain.specific_catchment_area_dinf",
    _kernels.slanting_area,
    inputs=[Raster("water"), Raster("azimuth")],
    outputs=[_AREA],
    nodata="first",  # water that leaves has no direction
    metrics="sizes",
)


class _Least(NamedTuple):
    least: float


_TWI = Operator(
    "insarfeat.terrain.twi",
    _kernels.wetness,
    inputs=[Raster("area"), Raster("slope")],
    outputs=[Result("twi", "float32")],
    nodata="formula",
)
_SUCTION = Operator(
    "insarfeat.terrain.suction",
    _suction.suction,
    inputs=[Raster("slope")],
    outputs=[Result("suction", "float64")],
)
_DRAW = WholeOperator(
    "insarfeat.terrain.draw",
    DrawStep,
    inputs=[Raster("area"), Raster("suction")],
    outputs=[Result("drawn", "float64")],
)
_INDEX = Operator(
    "insarfeat.terrain.wetness_index",
    _suction.wetness,
    inputs=[Raster("drawn"), Raster("area"), Raster("steepness")],
    outputs=[Result("wetness_index", "float32")],
    nodata="formula",
    halo=Halo.square(1),
    metrics="sizes",
)


def specific_catchment_area(
    dem: Any,
    *,
    method: FlowMethod = "mfd",
    voids: Voids = "outlets",
    resolution: Resolution | None = None,
) -> Any:
    r"""Upslope area per metre of the width that water leaves the cell through, in metres.

    .. math:: a = \frac{\sum \text{areas upslope}}{\text{width}}

    Widths are SAGA's. By MFD each lower neighbour has half a side of the cell, L/2, a diagonal one
    :math:`L / 2\sqrt 2`; by D8 the width is the distance to the neighbour, L or :math:`\sqrt 2 L`; by Dinf it is
    that of the cell across the direction of flow, :math:`L (|\sin a| + |\cos a|)`. Where water leaves the DEM it is
    L.

    Parameters
    ----------
    dem, method, voids
        As for :func:`flow_accumulation`; depressions are filled and flats resolved first.
    resolution
        Pixel size in metres, a number or (dy, dx), for bare arrays; DataArrays with coordinates need none.

    Returns
    -------
    Metres, float32, of the same kind of array; NaN in voids.

    References
    ----------
    Conrad, O. et al. (2015): System for Automated Geoscientific Analyses (SAGA) v. 2.1.4. Geoscientific Model
    Development 8, 1991-2007. Quinn, P. et al. (1991): The prediction of hillslope flow paths for distributed
    hydrological modelling using digital terrain models. Hydrological Processes 5, 59-79.

    Examples
    --------
    >>> import numpy as np
    >>> falling_east = np.repeat([[3.0, 2.0, 1.0]], 3, axis=0)
    >>> specific_catchment_area(falling_east, method="d8", resolution=10.0)[1]
    array([10., 20., 30.], dtype=float32)
    """
    check_method(method)
    _check_sizes("specific_catchment_area", dem, resolution)
    return _specific_area(routed(dem, voids), method, voids, resolution)


def _check_sizes(name: str, dem: Any, resolution: Resolution | None) -> None:
    """Refuse rasters whose pixels have no size on the ground, before anything is computed."""
    if resolution is None and not hasattr(dem, "coords"):
        raise InvalidArgument(
            f"terrain.{name} needs resolution= (metres per pixel; a number or (dy, dx)) for bare arrays; DataArrays "
            "with coordinates need none"
        )


def _specific_area(ground: Routed, method: FlowMethod, voids: Voids, resolution: Resolution | None) -> Any:
    area = routing.water(ground, Rain("area"), method, voids, resolution)
    if method == "mfd":
        return _SPREAD(area, *ground, resolution=resolution)
    direction = routing.directed(ground, method, voids, resolution)
    return (_SINGLE if method == "d8" else _SLANTING)(area, direction, resolution=resolution)


def twi(
    dem: Any,
    *,
    method: FlowMethod = "mfd",
    voids: Voids = "outlets",
    resolution: Resolution | None = None,
) -> Any:
    r"""Topographic wetness index: large where much water comes together on gentle ground.

    .. math:: \ln \frac{a}{\max(\tan b, 0.001)}

    with the :func:`specific_catchment_area` a and the slope b of the filled DEM after Zevenbergen & Thorne, as SAGA
    has it. It needs the whole catchment of a cell: compute it on all the DEM there is, and crop afterwards; where
    that is not enough, :func:`flow_contamination` tells.

    Parameters
    ----------
    dem, method, voids, resolution
        As for :func:`specific_catchment_area`.

    Returns
    -------
    Layer ``twi``, float32, of the same kind of array; NaN in voids.

    References
    ----------
    Beven, K. J. & Kirkby, M. J. (1979): A physically based, variable contributing area model of basin hydrology.
    Hydrological Sciences Bulletin 24, 43-69.

    Examples
    --------
    >>> import numpy as np
    >>> falling_east = np.repeat([[3.0, 2.0, 1.0]], 3, axis=0)
    >>> twi(falling_east, method="d8", resolution=10.0)[1].round(3)  # ln(10 / 0.1), ...
    array([4.605, 5.298, 5.704], dtype=float32)
    """
    check_method(method)
    _check_sizes("twi", dem, resolution)
    ground = routed(dem, voids)
    area = _specific_area(ground, method, voids, resolution)
    return _TWI(area, slope(ground.filled, resolution=resolution), parameters=_Least(_LEAST_SLOPE))


def wetness_index(dem: Any, *, voids: Voids = "outlets", resolution: Resolution | None = None) -> Any:
    r"""SAGA's wetness index: as :func:`twi`, but flat ground draws water from the sides, and valleys are wet across.

    .. math:: \ln \frac{A'}{L \tan(\bar b + 0.1^\circ)}, \quad A' = \max(A, s \max_n A'_n), \quad
        s = t^{-\exp t}, \; t = 10^b

    with the upslope area A, where neighbours share water by :math:`(\arctan \tan b_n)^{1.1}`; the mean slope
    :math:`\bar b` of the catchment; the cell's side L; and A' taken again and again until nothing changes, then as
    mean of 3 x 3 cells where it was raised. Slopes are those of the filled DEM. SAGA itself neither fills nor
    resolves flats; without either the two agree.

    Parameters
    ----------
    dem, voids, resolution
        As for :func:`specific_catchment_area`.

    Returns
    -------
    Layer ``wetness_index``, float32, of the same kind of array; NaN in voids.

    References
    ----------
    Boehner, J. & Selige, T. (2006): Spatial prediction of soil attributes using terrain analysis and climate
    regionalisation. Goettinger Geographische Abhandlungen 115, 13-28.

    Examples
    --------
    >>> import numpy as np
    >>> valley = np.abs(np.arange(-3.0, 4)) + 0.1 * np.arange(5.0)[:, None]
    >>> wetness_index(valley, resolution=10.0)[1].round(1)
    array([6.2, 6.7, 7.5, 7.8, 7.5, 6.7, 6.2], dtype=float32)
    """
    _check_sizes("wetness_index", dem, resolution)
    ground = routed(dem, voids)
    steep = slope(ground.filled, resolution=resolution)
    area = routing.water(ground, Rain("area"), "angles", voids, resolution)
    steepness = routing.water(ground, Rain("area", steep), "angles", voids, resolution)
    drawn = _DRAW(area, _SUCTION(steep))
    return _INDEX(drawn, area, steepness, resolution=resolution)
