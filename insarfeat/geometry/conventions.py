"""The line of sight from what each format has: one convention each, no two of them alike.

Conventions of two angles differ in the axis that each angle starts from, the way it turns, its unit, and in what
counts as nodata. All come down to the directions in which the satellite stands at a horizontal angle of nothing and
of a quarter turn, and so to one kernel. Conventions of vectors differ in order and sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.geometry._kernels import vectors as _kernels
from insarfeat.geometry.arguments import Look, side_of
from insarfeat.geometry.line_of_sight import LAYER_NAMES, LineOfSight, unpacked
from insarfeat.geometry.plausible import (
    check_azimuth,
    check_heading,
    check_hyp3,
    check_incidence,
    check_opposite,
)

_COMPASS = {"east": (1.0, 0.0), "north": (0.0, 1.0), "west": (-1.0, 0.0), "south": (0.0, -1.0)}
_LAYERS = tuple(Result(name) for name in LAYER_NAMES)


class _Sight(NamedTuple):
    look: Look


@dataclass(frozen=True, slots=True)
class _Angles:
    """How two angles say where the satellite is, seen from the ground.

    Attributes
    ----------
    vertical, horizontal
        Names of the angles.
    zero, quarter
        Direction in which the satellite stands at a horizontal angle of nothing, and of a quarter turn. For angles
        of the flight direction, that of a right-looking radar; for a left-looking one it is the opposite.
    from_horizon
        Whether the vertical angle starts from the horizontal.
    radians
        Whether the angles are in radians.
    zeros_are_nodata
        Whether 0 in both angles is nodata.
    """

    vertical: str
    horizontal: str
    zero: str
    quarter: str
    from_horizon: bool = False
    radians: bool = False
    zeros_are_nodata: bool = True

    def operator(self, function: str) -> Operator:
        """The operator of a public function that reads these angles."""
        return Operator(
            f"insarfeat.geometry.{function}",
            _kernels.from_angles,
            inputs=[Raster(self.vertical, number=True), Raster(self.horizontal, number=True)],
            outputs=_LAYERS,
            nodata="formula" if self.zeros_are_nodata else "own",
            prepare=self._arguments,
        )

    def _arguments(self, sight: Any) -> tuple[Any, ...]:
        side = side_of(sight.look) if isinstance(sight, _Sight) else 1.0
        zero, quarter = (
            tuple(side * part for part in _COMPASS[direction]) for direction in (self.zero, self.quarter)
        )
        degrees = 180 / math.pi if self.radians else 1.0
        return zero, quarter, degrees, self.from_horizon, self.zeros_are_nodata


_INCIDENCE = _Angles("incidence", "heading", "west", "north", zeros_are_nodata=False).operator(
    "los_from_incidence"
)
_HYP3 = _Angles("theta", "phi", "east", "north", from_horizon=True, radians=True).operator("los_from_hyp3")
_ISCE2 = _Angles("incidence", "azimuth", "north", "west").operator("los_from_isce2")
_ISCE3 = _Angles("incidence", "heading", "north", "west").operator("los_from_isce3")
_MINTPY = _Angles("incidence", "azimuth", "north", "west").operator("los_from_mintpy")

_COMPONENTS = tuple(Raster(name, number=True) for name in LAYER_NAMES)


def _vector_operator(function: str, sense: float) -> Operator:
    return Operator(
        f"insarfeat.geometry.{function}",
        _kernels.turned,
        inputs=_COMPONENTS,
        outputs=_LAYERS,
        nodata="formula",
        prepare=lambda _: (sense,),
    )


_LICSAR = _vector_operator("los_from_licsar", 1.0)
_GMTSAR = _vector_operator("los_from_gmtsar", 1.0)
_FLATSIM_ENU = _vector_operator("los_from_flatsim_enu", -1.0)
_FLATSIM_NEU = _vector_operator("los_from_flatsim_neu", 1.0)

_OPERA = Operator(
    "insarfeat.geometry.los_from_opera",
    _kernels.completed,
    inputs=_COMPONENTS[:2],
    outputs=_LAYERS,
    nodata="formula",
)


def _sight(operator: Operator, *layers: Any, look: Look | None = None) -> LineOfSight:
    found = operator(*layers) if look is None else operator(*layers, parameters=_Sight(look))
    return LineOfSight(*unpacked(found, LAYER_NAMES))


def los_from_incidence(incidence: Any, heading: Any, *, look: Look = "right") -> LineOfSight:
    r"""Line of sight from incidence and heading, as this package has them.

    ::

        from above, right-looking        from the side

            north                        up  satellite
              |  heading, clockwise       |  /
              | /                         |a/   a: incidence
        sat --+                           |/
              ground                    ground

    .. math:: (e, n, u) = (\sin\theta \sin\psi, \sin\theta \cos\psi, \cos\theta), \quad
        \psi = \alpha - 90^\circ \text{ (right-looking)}, \; \alpha + 90^\circ \text{ (left-looking)}

    Parameters
    ----------
    incidence
        Degrees from the vertical at the ground, the ellipsoid's normal: a number or a raster. NaN is nodata.
    heading
        Flight direction in degrees, clockwise from north, that belongs to the line of sight at the ground: a number
        or a raster. NaN is nodata.
    look
        Side of the flight direction that the radar looks to, "right" or "left".

    Returns
    -------
    Unit vector from the ground to the satellite, of the kind of the inputs; NaN where an angle is.

    Notes
    -----
    The annotation of Sentinel-1 has other angles. ``platformHeading`` is the flight direction at the satellite, which
    stands over another meridian: the heading at the ground differs from it by 2 to 3 degrees at 31 degrees of
    latitude and 4 to 7 at 52, the more the farther the range (docs/geometry.md).
    ``incidenceAngle`` is from the geocentric vertical, about 0.03 degrees less.

    Likely mistakes are refused: radians, angles from the horizontal, incidence and heading swapped, and, for
    DataArrays whose CRS is known, an incidence that falls away from the radar. Dask arrays are not looked at.

    Examples
    --------
    Sentinel-1, ascending, sees the ground from WSW:

    >>> east, north, up = los_from_incidence(39.0, -12.0)
    >>> float(east.round(4)), float(north.round(4)), float(up.round(4))
    (-0.6156, -0.1308, 0.7771)
    """
    side_of(look)
    check_incidence(incidence)
    check_heading(heading)
    return _sight(_INCIDENCE, incidence, heading, look=look)


def los_from_hyp3(theta: Any, phi: Any) -> LineOfSight:
    r"""Line of sight from the look vectors of HyP3 (GAMMA): ``lv_theta`` and ``lv_phi``, in RADIANS.

    ::

        from above                       from the side

            north pi/2                   up     satellite
              |  sat                      |    /
              | / phi, counter-clockwise  |   /
         pi --+-- east 0                  |  / theta, up from
              |                           | /  the horizontal
            -pi/2                       ground ------

    .. math:: (e, n, u) = (\cos\theta \cos\phi, \cos\theta \sin\phi, \sin\theta)

    Parameters
    ----------
    theta
        Elevation of the satellite above the HORIZONTAL, radians (the incidence is pi / 2 less this).
    phi
        Direction from the ground to the satellite, radians counter-clockwise from EAST. NaN is nodata, and 0 in both.

    Returns
    -------
    Unit vector from the ground to the satellite, of the kind of the inputs. Dask arrays are not looked at for likely
    mistakes, such as degrees.

    Examples
    --------
    >>> import numpy as np
    >>> east, north, up = los_from_hyp3(np.radians(51.0), np.radians(-168.0))
    >>> float(east.round(4)), float(north.round(4)), float(up.round(4))
    (-0.6156, -0.1308, 0.7771)
    """
    check_hyp3(theta, phi)
    return _sight(_HYP3, theta, phi)


def los_from_isce2(incidence: Any, azimuth: Any) -> LineOfSight:
    r"""Line of sight from the two bands of ISCE2's ``los.rdr``, in degrees.

    ::

        from above                       from the side

            north 0                      up  satellite
        sat   |                           |  /
           \  | azimuth, counter-         |a/   a: incidence
         90 --+-- -90      clockwise      |/
              |                         ground
          -180 = 180

    Parameters
    ----------
    incidence
        Degrees from the vertical (band 1).
    azimuth
        Direction from the ground to the satellite, degrees counter-clockwise from NORTH, in (-270, 90] (band 2). NaN
        is nodata, and 0 in both bands. The look side is in the angle already; the heading of a right-looking radar is
        90 - azimuth.

    Returns
    -------
    Unit vector from the ground to the satellite, of the kind of the inputs. Dask arrays are not looked at for likely
    mistakes.

    Examples
    --------
    >>> east, north, up = los_from_isce2(39.0, -258.0)
    >>> float(east.round(4)), float(north.round(4)), float(up.round(4))
    (-0.6156, -0.1308, 0.7771)
    """
    check_incidence(incidence)
    check_azimuth("azimuth", azimuth)
    return _sight(_ISCE2, incidence, azimuth)


def los_from_isce3(incidence: Any, heading: Any, *, look: Look = "right") -> LineOfSight:
    r"""Line of sight from isce3's rdr2geo layers ``inc`` and ``hdg``, in degrees.

    ::

        from above, right-looking        from the side

            north 90                     up  satellite
               \ |   heading, counter-    |  /
                \|         clockwise      |a/   a: incidence
        180 -----+-- east 0               |/
            sat  |                      ground
               -90

    ``hdg`` is a direction of FLIGHT, not of the line of sight. isce3 takes the direction from the satellite to the
    ground, in degrees counter-clockwise from EAST, and adds 90 for a right-looking radar or subtracts 90 for a left-
    looking one; so it belongs to the line of sight at the ground, and the heading of this package is 90 - ``hdg``.
    (As its sources have it, ``Topo::_setOutputTopoLayers``; no sample was at hand.)

    Parameters
    ----------
    incidence
        Degrees from the vertical.
    heading
        Flight direction, degrees counter-clockwise from EAST. NaN is nodata, and 0 in both layers.
    look
        Side of the flight direction that the radar looks to, "right" or "left".

    Returns
    -------
    Unit vector from the ground to the satellite, of the kind of the inputs. Dask arrays are not looked at for likely
    mistakes.

    Examples
    --------
    >>> east, north, up = los_from_isce3(39.0, 102.0)
    >>> float(east.round(4)), float(north.round(4)), float(up.round(4))
    (-0.6156, -0.1308, 0.7771)
    """
    side_of(look)
    check_incidence(incidence)
    check_azimuth("heading", heading)
    return _sight(_ISCE3, incidence, heading, look=look)


def los_from_mintpy(incidence: Any, azimuth: Any) -> LineOfSight:
    r"""Line of sight from MintPy's ``incidenceAngle`` and ``azimuthAngle``, in degrees.

    ::

        from above                       from the side

            north 0                      up  satellite
        sat   |                           |  /
           \  | azimuth, counter-         |a/   a: incidence
         90 --+-- -90      clockwise      |/
              |                         ground
          -180 = 180

    Parameters
    ----------
    incidence
        Degrees from the vertical.
    azimuth
        Direction from the ground to the satellite, degrees counter-clockwise from NORTH. NaN is nodata, and 0 in
        both. MintPy's attribute HEADING is another angle: the flight direction, clockwise from north.

    Returns
    -------
    Unit vector from the ground to the satellite, of the kind of the inputs. Dask arrays are not looked at for likely
    mistakes.

    Examples
    --------
    >>> east, north, up = los_from_mintpy(39.0, 102.0)
    >>> float(east.round(4)), float(north.round(4)), float(up.round(4))
    (-0.6156, -0.1308, 0.7771)
    """
    check_incidence(incidence)
    check_azimuth("azimuth", azimuth)
    return _sight(_MINTPY, incidence, azimuth)


def los_from_opera(los_east: Any, los_north: Any) -> LineOfSight:
    r"""Line of sight from the static layers of OPERA CSLC-S1 and DISP-S1, which have no up component.

    ::

         up  satellite
          |  /|
          | / | up = sqrt(1 - los_east^2 - los_north^2)
          |/__|
        ground, (los_east, los_north) along it

    Parameters
    ----------
    los_east, los_north
        Horizontal components of the unit vector from the ground to the satellite. NaN is nodata, and 0 in both; where
        they are longer than 1 no vector of length 1 is left, and the result is nodata.

    Returns
    -------
    Unit vector from the ground to the satellite, of the kind of the inputs. Dask arrays are not looked at for likely
    mistakes.

    Examples
    --------
    >>> float(los_from_opera(-0.6, 0.0).up)
    0.8
    """
    return _sight(_OPERA, los_east, los_north)


def los_from_licsar(east: Any, north: Any, up: Any) -> LineOfSight:
    """Line of sight from LiCSAR's ``geo.E``, ``geo.N`` and ``geo.U`` (and LiCSBAS's).

    ::

         up  satellite
          |  /
          | /  <- (E, N, U), of length 1, up positive
          |/
        ground

    Parameters
    ----------
    east, north, up
        Components of the unit vector from the ground to the satellite. NaN is nodata, and 0 in all three.

    Returns
    -------
    The same vector, checked as :class:`LineOfSight` says, of the kind of the inputs; nodata is NaN.

    Examples
    --------
    >>> float(los_from_licsar(-0.6, 0.0, 0.8).east)
    -0.6
    """
    return _sight(_LICSAR, east, north, up)


def los_from_gmtsar(east: Any, north: Any, up: Any) -> LineOfSight:
    """Line of sight from the last three columns of GMTSAR's ``SAT_look``.

    ::

         up  satellite
          |  /
          | /  <- (look_E, look_N, look_U), of length 1
          |/
        ground

    Parameters
    ----------
    east, north, up
        Components of the unit vector from the ground to the satellite. NaN is nodata, and 0 in all three.

    Returns
    -------
    The same vector, checked as :class:`LineOfSight` says, of the kind of the inputs; nodata is NaN.

    Examples
    --------
    >>> float(los_from_gmtsar(-0.6, 0.0, 0.8).east)
    -0.6
    """
    return _sight(_GMTSAR, east, north, up)


def los_from_flatsim_enu(east: Any, north: Any, up: Any) -> LineOfSight:
    """Line of sight from FLATSIM's CosENU: bands east, north, up of the vector from the satellite to the GROUND.

    ::

         up  satellite
          |  /
          | v  <- (east, north, up), of length 1, up NEGATIVE
          |/
        ground

    The same archives hold the opposite vector in another order, CosNEU: :func:`los_from_flatsim_neu`.

    Parameters
    ----------
    east, north, up
        Components of the unit vector from the satellite to the ground. NaN is nodata, and 0 in all three.

    Returns
    -------
    Unit vector from the ground to the satellite, of the kind of the inputs. Dask arrays are not looked at for likely
    mistakes.

    Examples
    --------
    >>> east, north, up = los_from_flatsim_enu(0.6, 0.0, -0.8)
    >>> float(east), float(up)
    (-0.6, 0.8)
    """
    check_opposite("CosENU", up)
    return _sight(_FLATSIM_ENU, east, north, up)


def los_from_flatsim_neu(north: Any, east: Any, up: Any) -> LineOfSight:
    """Line of sight from FLATSIM's CosNEU: bands NORTH, east, up of the vector from the ground to the satellite.

    ::

         up  satellite
          |  ^
          | /  <- (north, east, up), of length 1, up positive
          |/
        ground

    The same archives hold the opposite vector in another order, CosENU: :func:`los_from_flatsim_enu`.

    Parameters
    ----------
    north, east, up
        Components of the unit vector from the ground to the satellite. NaN is nodata, and 0 in all three.

    Returns
    -------
    The same vector, checked as :class:`LineOfSight` says, of the kind of the inputs; nodata is NaN.

    Examples
    --------
    >>> east, north, up = los_from_flatsim_neu(0.0, -0.6, 0.8)
    >>> float(east), float(up)
    (-0.6, 0.8)
    """
    return _sight(_FLATSIM_NEU, east, north, up)
