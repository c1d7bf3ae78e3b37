"""What a side-looking radar sees of a synthetic surface: geometry, land cover, image pair with speckle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from insarfeat.synth._fields import Field, power_law_field, smooth
from insarfeat.synth.terrain import Surface

WAVELENGTH = 0.05546576
"""Wavelength of Sentinel-1 in metres."""


@dataclass(frozen=True, slots=True)
class View:
    """Where a right-looking radar looks from; every line of sight of the scene is the same.

    Attributes
    ----------
    incidence
        Angle from the vertical at the ground, degrees.
    heading
        Flight direction, degrees clockwise from north.
    """

    incidence: float
    heading: float

    @property
    def look(self) -> tuple[float, float, float]:
        """East, north and up component of the unit vector from the satellite to the ground.

        >>> east, north, up = View(incidence=39.0, heading=0.0).look
        >>> round(east, 3), round(north, 3), round(up, 3)
        (0.629, 0.0, -0.777)
        """
        incidence, azimuth = np.radians(self.incidence), np.radians(self.heading + 90.0)
        horizontal = np.sin(incidence)
        return (
            float(horizontal * np.sin(azimuth)),
            float(horizontal * np.cos(azimuth)),
            -float(np.cos(incidence)),
        )

    def range_increase(self, surface: Surface) -> Field:
        """Range increase per unit of downslope motion, in [-1, 1] and 0 on flats: the slope-to-LOS factor.

        Made of vectors, not of the angle formula of ``insarfeat.geometry``, so that each can check the other.

        >>> east_facing = Surface(np.array([-np.tan(np.radians(20.0))]), np.array([0.0]))
        >>> View(incidence=39.0, heading=-12.0).range_increase(east_facing).round(3).tolist()
        [0.844]
        """
        east, north, up = self.look
        steepness = surface.steepness
        to_unit = np.sqrt(1.0 + steepness**2)
        # Downslope is where the surface falls: level direction -gradient, drop of steepness squared along it.
        along = -surface.rise_east * east - surface.rise_north * north - steepness**2 * up
        return np.divide(along, steepness * to_unit, out=np.zeros_like(along), where=steepness > 0.0)

    def local_incidence(self, surface: Surface) -> Field:
        """Angle in radians between the line of sight and the surface normal.

        >>> level = Surface(np.zeros(1), np.zeros(1))
        >>> np.degrees(View(incidence=39.0, heading=-12.0).local_incidence(level)).round(6).tolist()
        [39.0]
        """
        east, north, up = self.look
        to_unit = np.sqrt(1.0 + surface.steepness**2)
        return np.asarray(np.arccos((surface.rise_east * east + surface.rise_north * north - up) / to_unit))


@dataclass(frozen=True, slots=True)
class Cover:
    """One kind of land cover.

    Attributes
    ----------
    share
        Part of the scene, 0 to 1.
    days
        Time in which coherence falls by a factor e.
    backscatter
        Brightness against the scene's mean, dB.
    """

    share: float
    days: float
    backscatter: float


# Neighbours in this table are neighbours on the ground.
COVERS = (
    Cover(share=0.08, days=2.0, backscatter=-9.0),  # water, wet snow, tilled fields
    Cover(share=0.25, days=11.0, backscatter=1.5),  # forest
    Cover(share=0.22, days=23.0, backscatter=0.0),  # shrub and crops
    Cover(share=0.25, days=46.0, backscatter=-1.5),  # meadow
    Cover(share=0.20, days=120.0, backscatter=2.5),  # rock, scree and villages
)

_FRESH, _LASTING = 0.95, 0.08  # coherence at no time between the images, and after years


@dataclass(frozen=True, slots=True)
class Ground:
    """What lies on the surface: true coherence, and expected intensity (1 on level, average ground)."""

    coherence: Field
    intensity: Field


def cover_ground(
    rng: np.random.Generator, surface: Surface, view: View, *, pixel: float, baseline_days: float
) -> Ground:
    """Lay patches of land cover on the surface.

    Coherence falls with the time between the images, as fast as the cover says. Slopes that face the radar
    are bright.

    >>> level = Surface(np.zeros((32, 32)), np.zeros((32, 32)))
    >>> rng, view = np.random.default_rng(1), View(39.0, -12.0)
    >>> ground = cover_ground(rng, level, view, pixel=15.0, baseline_days=12)
    >>> bool(0.5 < ground.coherence.mean() < 0.7)
    True
    """
    size = surface.rise_east.shape[0]
    mosaic = power_law_field(rng, size, exponent=3.2, outer_scale=1500.0 / pixel)
    bounds = np.quantile(mosaic, np.cumsum([cover.share for cover in COVERS])[:-1])
    kind = np.digitize(mosaic, bounds)

    kept = np.exp(-baseline_days / np.array([cover.days for cover in COVERS]))
    patches = smooth((_LASTING + (_FRESH - _LASTING) * kept)[kind], 0.7)
    mottle = 0.03 * power_law_field(rng, size, exponent=2.0, outer_scale=300.0 / pixel)
    coherence = np.clip(patches + mottle, 0.02, 0.98)

    backscatter = 10.0 ** (np.array([cover.backscatter for cover in COVERS])[kind] / 10.0)
    facing = _brightness(view.local_incidence(surface)) / _brightness(np.radians(view.incidence))
    return Ground(coherence=coherence, intensity=np.asarray(backscatter * facing))


def _brightness(local_incidence: Field | float) -> Field:
    """Backscatter per pixel of a rough surface: its own, times the ground that one range step covers."""
    facing = np.maximum(np.cos(local_incidence), 0.03)  # shadow is dark, not empty
    return np.asarray(facing**2 / np.maximum(np.sin(local_incidence), 0.2))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two coregistered single-look complex images."""

    primary: npt.NDArray[np.complex64]
    secondary: npt.NDArray[np.complex64]


def image_pair(rng: np.random.Generator, ground: Ground, phase: Field) -> Pair:
    """Return an image pair with circular Gaussian speckle.

    The expected value of ``primary * conj(secondary)`` has the coherence of the ground and the given phase
    (radian).

    >>> ground = Ground(coherence=np.ones((2, 2)), intensity=np.ones((2, 2)))
    >>> pair = image_pair(np.random.default_rng(1), ground, np.full((2, 2), 0.5))
    >>> np.angle(pair.primary * pair.secondary.conj()).round(3).tolist()[0]
    [0.5, 0.5]
    """
    shared, fresh = _speckle(rng, phase.shape), _speckle(rng, phase.shape)
    changed = ground.coherence * shared + np.sqrt(1.0 - ground.coherence**2) * fresh
    amplitude = np.sqrt(ground.intensity)
    primary = amplitude * shared
    secondary = amplitude * changed * np.exp(-1j * phase)
    return Pair(primary.astype(np.complex64), secondary.astype(np.complex64))


def _speckle(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.complex128]:
    """Circular complex Gaussian noise of mean intensity 1."""
    return np.asarray((rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * np.sqrt(0.5))
