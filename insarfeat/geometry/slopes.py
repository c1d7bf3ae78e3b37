"""Slopes as the radar sees them: sensitivity to downslope motion, local incidence, foreshortening."""

from __future__ import annotations

from typing import Any, NamedTuple

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.geometry._kernels import slopes as _kernels
from insarfeat.geometry.arguments import Look, side_of
from insarfeat.geometry.plausible import check_viewing


class _Looking(NamedTuple):
    look: str = "right"


def _operator(layer: str, what: int) -> Operator:
    return Operator(
        f"insarfeat.geometry.{layer}",
        _kernels.against_sight,
        inputs=[Raster(name, number=True) for name in ("slope", "aspect", "incidence", "heading")],
        outputs=[Result(layer)],
        nodata="formula",
        prepare=lambda looking: (what, side_of(looking.look)),
    )


_SLOPE_TO_LOS = _operator("slope_to_los", _kernels.SLOPE_TO_LOS)
_LOCAL_INCIDENCE = _operator("local_incidence", _kernels.LOCAL_INCIDENCE)
_R_INDEX = _operator("r_index", _kernels.R_INDEX)


def slope_to_los(slope: Any, aspect: Any, incidence: Any, heading: Any, *, look: Look = "right") -> Any:
    r"""What a unit of motion down the slope adds to the range, from -1 to 1.

    .. math:: S = \sin b \cos t + \cos b \sin t \sin(d - a)

    with slope b, aspect d, heading a and incidence t; for a left-looking radar the second term changes its sign. It
    is the downslope unit vector times the vector from satellite to ground: positive means that downslope motion
    lengthens the range, so that the displacement toward the satellite is -S times the motion. Near 0 the radar is
    blind to it.

    This is the C index of Notti et al. only where that is used with the azimuth of the look (heading + 90), not with
    the heading itself.

    Parameters
    ----------
    slope
        Degrees from the horizontal, as :func:`insarfeat.terrain.slope` gives.
    aspect
        Compass azimuth of the downslope direction in degrees, from the same north as the heading; may be NaN where
        the slope is 0.
    incidence
        Degrees from the vertical at the ground, a raster or a number.
    heading
        Flight direction in degrees, clockwise from north, a raster or a number: that of the line of sight at the
        ground, as :func:`incidence_and_heading` gives. The platform's own is some degrees off.
    look
        "right", or "left".

    Returns
    -------
    Of the same kind of arrays. 0 on level ground, which has no aspect; NaN where an input is nodata.

    References
    ----------
    Notti, D., Herrera, G., Bianchini, S., Meisina, C., Garcia-Davalillo, J. C. and Zucca, F. (2014). A methodology
    for improving landslide PSI data analysis. International Journal of Remote Sensing 35(6), 2186-2214.

    Examples
    --------
    >>> import numpy as np
    >>> slope, aspect = np.full((1, 3), 20.0), np.array([[90.0, 270.0, np.nan]])
    >>> slope_to_los(slope, aspect, 39.0, -12.0).round(3)
    array([[ 0.844, -0.313,    nan]])
    """
    return _seen(_SLOPE_TO_LOS, slope, aspect, incidence, heading, look)


def local_incidence(slope: Any, aspect: Any, incidence: Any, heading: Any, *, look: Look = "right") -> Any:
    r"""Angle between the line of sight and the normal of the ground, in degrees.

    .. math:: \cos l = \cos b \cos t - \sin b \sin t \sin(d - a)

    with the symbols of :func:`slope_to_los`, whose parameters it shares. Above 90 degrees the ground faces away from
    the radar: active shadow. Computed from the sine as well as the cosine, which alone would lose half of the digits
    where the ground faces the radar.

    Returns
    -------
    Degrees from 0 to 180, of the same kind of arrays; the incidence on level ground; NaN where an input is nodata.

    Examples
    --------
    >>> import numpy as np
    >>> local_incidence(np.array([[20.0, 20.0]]), np.array([[258.0, 78.0]]), 39.0, -12.0).round(3)
    array([[19., 59.]])
    """
    return _seen(_LOCAL_INCIDENCE, slope, aspect, incidence, heading, look)


def r_index(slope: Any, aspect: Any, incidence: Any, heading: Any, *, look: Look = "right") -> Any:
    r"""How much range a metre of the ground along the look takes up: foreshortening and active layover.

    .. math:: R = \sin(t + \arctan(\tan b \sin(d - a)))

    with the symbols of :func:`slope_to_los`, whose parameters it shares. R <= 0 is active layover (the slope that
    faces the radar is steeper than the incidence), 0 < R < sin t foreshortening, above it the ground is stretched.
    The radar's range resolution on the ground is that in range over R.

    Returns
    -------
    From -1 to 1, of the same kind of arrays; sin t on level ground; NaN where an input is nodata. In single precision
    within 8e-7 / cos b. It does not know of ground elsewhere: passive layover and shadow come from
    :func:`shadow_layover`.

    References
    ----------
    Notti, D., Davalillo, J. C., Herrera, G. and Mora, O. (2010). Assessment of the performance of X-band satellite
    radar data for landslide mapping and monitoring: Upper Tena Valley case study. Natural Hazards and Earth System
    Sciences 10, 1865-1875.

    Examples
    --------
    >>> import numpy as np
    >>> r_index(np.array([[45.0, 20.0, 45.0]]), np.array([[258.0, 258.0, 78.0]]), 39.0, -12.0).round(3)
    array([[-0.105,  0.326,  0.995]])
    """
    return _seen(_R_INDEX, slope, aspect, incidence, heading, look)


def _seen(operator: Operator, slope: Any, aspect: Any, incidence: Any, heading: Any, look: Look) -> Any:
    check_viewing(incidence, heading, side_of(look))
    return operator(slope, aspect, incidence, heading, parameters=_Looking(look))
