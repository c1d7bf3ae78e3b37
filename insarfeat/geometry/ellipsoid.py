"""The WGS 84 ellipsoid: geodetic and Earth-fixed coordinates, and which way is up, north and east."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Axes", "EarthFixed", "Geodetic", "axes", "to_earth_fixed", "to_geodetic"]

SEMI_MAJOR_AXIS = 6_378_137.0
FLATTENING = 1 / 298.257223563
SEMI_MINOR_AXIS = SEMI_MAJOR_AXIS * (1 - FLATTENING)
ECCENTRICITY_SQUARED = FLATTENING * (2 - FLATTENING)
_SECOND_ECCENTRICITY_SQUARED = ECCENTRICITY_SQUARED / (1 - ECCENTRICITY_SQUARED)

Floats = NDArray[np.float64]


class EarthFixed(NamedTuple):
    """Coordinates in metres from the Earth's centre: x to 0 E, y to 90 E, z to the north pole."""

    x: Floats
    y: Floats
    z: Floats


class Geodetic(NamedTuple):
    """Degrees north and east, and metres above the ellipsoid along its normal."""

    latitude: Floats
    longitude: Floats
    height: Floats


class Axes(NamedTuple):
    """Unit vectors at a place, in Earth-fixed coordinates; x, y, z are in the last axis."""

    east: Floats
    north: Floats
    up: Floats


def to_earth_fixed(latitude: ArrayLike, longitude: ArrayLike, height: ArrayLike) -> EarthFixed:
    r"""Earth-fixed coordinates of places on or above the ellipsoid, in closed form.

    .. math:: (x, y) = (N + h) \cos \varphi\, (\cos \lambda, \sin \lambda), \quad
        z = (N (1 - e^2) + h) \sin \varphi, \quad N = a / \sqrt{1 - e^2 \sin^2 \varphi}

    Parameters
    ----------
    latitude, longitude
        Degrees; the latitude is geodetic, as on maps and in GPS.
    height
        Metres above the ellipsoid, not above the sea.

    Returns
    -------
    Metres, broadcast against each other. NaN stays NaN.

    Examples
    --------
    >>> [float(part) for part in to_earth_fixed(0.0, 0.0, 63.0)]
    [6378200.0, 0.0, 0.0]
    """
    phi, lam = _radians(latitude), _radians(longitude)
    above = np.asarray(height, dtype=np.float64)
    sine = np.sin(phi)
    normal = SEMI_MAJOR_AXIS / np.sqrt(1 - ECCENTRICITY_SQUARED * sine**2)
    outward = (normal + above) * np.cos(phi)
    z = (normal * (1 - ECCENTRICITY_SQUARED) + above) * sine
    return EarthFixed(outward * np.cos(lam), outward * np.sin(lam), z + 0 * lam)


def to_geodetic(x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Geodetic:
    r"""Geodetic coordinates of Earth-fixed ones.

    Bowring's formula for the latitude, applied twice:

    .. math:: \tan \varphi = \frac{z + e'^2 b \sin^3 \beta}{p - e^2 a \cos^3 \beta}, \quad
        \tan \beta = \frac{b}{a} \tan \varphi

    Up to orbits of satellites it is right to the last digits.

    Parameters
    ----------
    x, y, z
        Metres from the Earth's centre.

    Returns
    -------
    Degrees, the longitude in [-180, 180], and metres above the ellipsoid.

    References
    ----------
    Bowring, B. R. (1976): Transformation from spatial to geographical coordinates. Survey Review 23(181), 323-327.

    Examples
    --------
    >>> [round(float(part), 6) for part in to_geodetic(*to_earth_fixed(47.0, 11.0, 2000.0))]
    [47.0, 11.0, 2000.0]
    """
    x, y, z = (np.asarray(part, dtype=np.float64) for part in (x, y, z))
    p = np.hypot(x, y)
    # A first reduced latitude that is right on the ellipsoid and good far above it.
    beta = np.arctan2(
        SEMI_MINOR_AXIS * z * (1 + _SECOND_ECCENTRICITY_SQUARED * SEMI_MINOR_AXIS / np.hypot(p, z)),
        SEMI_MAJOR_AXIS * p,
    )
    for _ in range(2):
        phi = np.arctan2(
            z + _SECOND_ECCENTRICITY_SQUARED * SEMI_MINOR_AXIS * np.sin(beta) ** 3,
            p - ECCENTRICITY_SQUARED * SEMI_MAJOR_AXIS * np.cos(beta) ** 3,
        )
        beta = np.arctan2(SEMI_MINOR_AXIS * np.sin(phi), SEMI_MAJOR_AXIS * np.cos(phi))
    # Of this form an error of the latitude touches the height in the second order only, at the poles too.
    sine = np.sin(phi)
    height = p * np.cos(phi) + z * sine - SEMI_MAJOR_AXIS * np.sqrt(1 - ECCENTRICITY_SQUARED * sine**2)
    return Geodetic(np.degrees(phi), np.degrees(np.arctan2(y, x)), height)


def axes(latitude: ArrayLike, longitude: ArrayLike) -> Axes:
    """East, north and up (the ellipsoid's normal) at places, as Earth-fixed unit vectors.

    >>> [axis.round(6).tolist() for axis in axes(0.0, 90.0)]
    [[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    phi, lam = np.broadcast_arrays(_radians(latitude), _radians(longitude))
    sine, cosine = np.sin(phi), np.cos(phi)
    sine_east, cosine_east = np.sin(lam), np.cos(lam)
    return Axes(
        np.stack([-sine_east, cosine_east, np.zeros_like(lam)], axis=-1) + 0.0,
        np.stack([-sine * cosine_east, -sine * sine_east, cosine], axis=-1) + 0.0,
        np.stack([cosine * cosine_east, cosine * sine_east, sine], axis=-1),
    )


def _radians(degrees: ArrayLike) -> Floats:
    return np.radians(np.asarray(degrees, dtype=np.float64))
