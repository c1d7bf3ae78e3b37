"""The grid of a radar image on the ground: which line and sample sees a place, and which place a sample sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.bursts.burst import SPEED_OF_LIGHT, AzimuthAxis, SlantRangeAxis
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.geometry._kernels import doppler
from insarfeat.geometry.arguments import Look, side_of
from insarfeat.geometry.ellipsoid import FLATTENING, SEMI_MAJOR_AXIS, axes, to_earth_fixed, to_geodetic
from insarfeat.geometry.orbit import Orbit, OrbitArc

__all__ = ["GroundPoint", "ImagePoint", "RadarGrid", "SightVector"]

Floats = NDArray[np.float64]

_BLOCK = 16_384  # points at a time, so that what lies between stays in the cache
_STEPS = 12
_TOLERANCE = 1e-6  # metres of height


class ImagePoint(NamedTuple):
    """Place in an image, fractional; 0 is the centre of the first line and of the first sample."""

    line: Floats
    sample: Floats


class GroundPoint(NamedTuple):
    """Place on the ground in degrees."""

    latitude: Floats
    longitude: Floats


class SightVector(NamedTuple):
    """Unit vector from the ground to the satellite; up is the ellipsoid's normal."""

    east: Floats
    north: Floats
    up: Floats


@dataclass(frozen=True, slots=True)
class RadarGrid:
    r"""Zero-Doppler grid of an image, and the two ways between it and the ground.

    A place P at the ellipsoid's height h is seen at the time t and the slant range R with

    .. math:: (P - S(t)) \cdot V(t) = 0, \quad R = |P - S(t)|,

    S and V being the satellite's position and velocity in the Earth-fixed frame. Lines count t from the first line's
    time, samples count 2 R / c from the first sample's. Sentinel-1's images are on such a grid, but for a rest of the
    bistatic effect: while a pulse travels the satellite flies on, which its processor corrects at one range only.

    Attributes
    ----------
    orbit
        State vectors from the first line to the last, better some before and after.
    azimuth, slant_range
        Lines and samples in time.
    look
        The side to which the radar looks, "right" or "left" of the flight.
    bistatic_reference
        Two-way time in seconds at which the times of lines are those of zero Doppler; elsewhere places are seen half
        of what is beyond it later than their lines say, in Sentinel-1's swaths up to 0.3 ms, 0.14 lines, 2 m.
        None: at all ranges.
    arc
        The orbit over the image as a polynomial, made here.

    Examples
    --------
    >>> import math
    >>> from datetime import datetime
    >>> start, turn = datetime(2025, 4, 6, 2, 20), [0.00108 * second for second in range(-30, 40, 10)]
    >>> orbit = Orbit(  # north along Greenwich's meridian, over an Earth that stands still
    ...     times=[start + timedelta(seconds=second) for second in range(-30, 40, 10)],
    ...     positions=[(7e6 * math.cos(a), 0.0, 7e6 * math.sin(a)) for a in turn],
    ...     velocities=[(-7560 * math.sin(a), 0.0, 7560 * math.cos(a)) for a in turn],
    ... )
    >>> grid = RadarGrid(orbit, AzimuthAxis(start, 2e-3, 1001), SlantRangeAxis(5e-3, 6.4e7, 20_000))
    >>> place = grid.position(500.0, 10_000.0, height=300.0)
    >>> [round(float(part), 4) for part in place]
    [0.0621, 3.9399]
    >>> [round(float(part), 6) for part in grid.locate(*place, height=300.0)]
    [500.0, 10000.0]
    >>> [round(float(part), 3) for part in grid.line_of_sight(*place, height=300.0)]  # from the west
    [-0.622, 0.0, 0.783]
    """

    orbit: Orbit
    azimuth: AzimuthAxis
    slant_range: SlantRangeAxis
    look: Look = "right"
    bistatic_reference: float | None = None
    arc: OrbitArc = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, kind in (("orbit", Orbit), ("azimuth", AzimuthAxis), ("slant_range", SlantRangeAxis)):
            if not isinstance(getattr(self, name), kind):
                raise InvalidType(
                    f"{name} must be a {kind.__name__}; got {type(getattr(self, name)).__name__}"
                )
        side_of(self.look)
        first = self.azimuth.first_time
        last = first + timedelta(seconds=(self.azimuth.lines - 1) * self.azimuth.interval)
        if not (self.orbit.covers(first) and self.orbit.covers(last)):
            raise InvalidArgument(
                f"orbit must cover the image, {first} to {last}; it has state vectors from {self.orbit.times[0]} to "
                f"{self.orbit.times[-1]}"
            )
        object.__setattr__(self, "arc", self.orbit.arc(first, last))

    @property
    def shape(self) -> tuple[int, int]:
        """Number of lines and of samples."""
        return self.azimuth.lines, self.slant_range.samples

    @property
    def first_line_seconds(self) -> float:
        """Time of the first line in seconds from the arc's reference."""
        return self.arc.seconds(self.azimuth.first_time)

    def lateness(self, two_way: Floats) -> Floats:
        """Seconds from the time of a line to the zero-Doppler time of what it sees, at two-way times."""
        return (
            np.zeros_like(two_way)
            if self.bistatic_reference is None
            else (two_way - self.bistatic_reference) / 2
        )

    def multilooked(self, rows: int, columns: int) -> RadarGrid:
        """Grid of the image whose pixels are means of ``rows`` x ``columns`` pixels of this one.

        The first line is the middle of the first ``rows`` lines; what does not fill a pixel at the end is dropped.
        """
        for name, looks, length in (("rows", rows, self.shape[0]), ("columns", columns, self.shape[1])):
            if not (isinstance(looks, int | np.integer) and 1 <= looks <= length):
                raise InvalidArgument(
                    f"{name} must be a whole number from 1 to the image's {length}; got {looks!r}"
                )
        azimuth, slant_range = self.azimuth, self.slant_range
        shift = timedelta(seconds=(rows - 1) / 2 * azimuth.interval)
        return RadarGrid(
            self.orbit,
            AzimuthAxis(azimuth.first_time + shift, azimuth.interval * rows, azimuth.lines // rows),
            SlantRangeAxis(
                slant_range.first_time + (columns - 1) / 2 / slant_range.sampling_rate,
                slant_range.sampling_rate / columns,
                slant_range.samples // columns,
            ),
            self.look,
            self.bistatic_reference,
        )

    def locate(self, latitude: ArrayLike, longitude: ArrayLike, height: ArrayLike) -> ImagePoint:
        """Lines and samples at which places on the ground are seen.

        Parameters
        ----------
        latitude, longitude
            Degrees on WGS 84; numbers or arrays that broadcast.
        height
            Metres above the WGS 84 ELLIPSOID; to heights above the sea add the geoid's.

        Returns
        -------
        ``line`` and ``sample``, float64; also beyond the image, as far as there are state vectors, up to a minute
        before and after. NaN where an input is not finite, or the radar does not see the place: below its horizon,
        on the other side of the track, or before or after those state vectors.
        """

        def locate(latitude: Floats, longitude: Floats, height: Floats) -> tuple[Floats, Floats]:
            times, ranges = self._solved(*to_earth_fixed(latitude, longitude, height))
            two_way = 2 / SPEED_OF_LIGHT * ranges
            lines = (times - self.lateness(two_way) - self.first_line_seconds) / self.azimuth.interval
            return lines, (two_way - self.slant_range.first_time) * self.slant_range.sampling_rate

        return ImagePoint(*_in_blocks(locate, latitude, longitude, height, results=2))

    def line_of_sight(self, latitude: ArrayLike, longitude: ArrayLike, height: ArrayLike) -> SightVector:
        """Unit vectors from places on the ground to the satellite that sees them at zero Doppler.

        Parameters
        ----------
        latitude, longitude, height
            As for :meth:`locate`.

        Returns
        -------
        ``east``, ``north`` and ``up``, float64; up is the cosine of the incidence. NaN as for :meth:`locate`.
        """

        def sight(latitude: Floats, longitude: Floats, height: Floats) -> tuple[Floats, ...]:
            ground = to_earth_fixed(latitude, longitude, height)
            times, ranges = self._solved(*ground)
            toward = (self.arc.position(times) - np.stack(ground, axis=-1)) / ranges[:, np.newaxis]
            return tuple((toward * axis).sum(axis=-1) for axis in axes(latitude, longitude))

        return SightVector(*_in_blocks(sight, latitude, longitude, height, results=3))

    def position(self, line: ArrayLike, sample: ArrayLike, height: ArrayLike = 0.0) -> GroundPoint:
        """Places on the ground that are seen at given lines and samples: :meth:`locate` the other way round.

        Parameters
        ----------
        line, sample
            Fractional; numbers or arrays that broadcast.
        height
            Metres above the WGS 84 ellipsoid at which the place lies.

        Returns
        -------
        ``latitude`` and ``longitude`` in degrees. NaN where an input is not finite, the range does not reach down to
        the height, or there are no state vectors.
        """

        def position(line: Floats, sample: Floats, height: Floats) -> tuple[Floats, Floats]:
            two_way = self.slant_range.first_time + sample / self.slant_range.sampling_rate
            times = self.first_line_seconds + line * self.azimuth.interval + self.lateness(two_way)
            times = np.where((self.arc.first <= times) & (times <= self.arc.last), times, np.nan)
            return self._grounded(times, SPEED_OF_LIGHT / 2 * two_way, height)

        return GroundPoint(*_in_blocks(position, line, sample, height, results=2))

    @property
    def side(self) -> float:
        """1 where the radar looks to the right, -1 to the left."""
        return side_of(self.look)

    def _solved(self, x: Floats, y: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Zero-Doppler times from the arc's reference and ranges, NaN where the radar does not see."""
        times, ranges = np.empty_like(x), np.empty_like(x)
        limits = (self.arc.first, self.arc.last)
        doppler.solve(x, y, z, self.arc.table, limits, self.side, times, ranges)
        return times, ranges

    def _grounded(self, times: Floats, ranges: Floats, heights: Floats) -> tuple[Floats, Floats]:
        """Latitude and longitude where circles about the flight direction come down to the height.

        All points at one zero-Doppler time and range lie on a circle; its angle from straight down is found by
        Newton, from where the circle meets a sphere.
        """
        satellite = self.arc.position(times)
        forward = _unit(self.arc.velocity(times))
        upward = _unit(satellite - _dot(satellite, forward) * forward)
        outward = self.side * np.cross(forward, upward)
        along_z = satellite[:, 2] / np.linalg.norm(satellite, axis=-1)
        radius = SEMI_MAJOR_AXIS * (1 - FLATTENING * along_z**2) + heights
        lever = 2 * ranges * _dot(satellite, upward)[:, 0]
        angle = np.arccos((_dot(satellite, satellite)[:, 0] + ranges**2 - radius**2) / lever)
        for _ in range(_STEPS):
            cosine, sine = np.cos(angle)[:, np.newaxis], np.sin(angle)[:, np.newaxis]
            reach = ranges[:, np.newaxis]
            ground = to_geodetic(*(satellite + reach * (sine * outward - cosine * upward)).T)
            off = ground.height - heights
            if not (abs(off) > _TOLERANCE).any():
                break
            up = axes(ground.latitude, ground.longitude).up
            angle -= off / _dot(up, reach * (cosine * outward + sine * upward))[:, 0]
        found = abs(off) <= _TOLERANCE
        return np.where(found, ground.latitude, np.nan), np.where(found, ground.longitude, np.nan)


def _dot(a: Floats, b: Floats) -> Floats:
    found: Floats = (a * b).sum(axis=-1, keepdims=True)
    return found


def _unit(vector: Floats) -> Floats:
    found: Floats = vector / np.linalg.norm(vector, axis=-1, keepdims=True)
    return found


def _in_blocks(
    function: Callable[..., tuple[Floats, ...]], *inputs: ArrayLike, results: int
) -> tuple[Floats, ...]:
    """What a function of rows of numbers gives for arrays that broadcast, a block of them at a time."""
    given = np.broadcast_arrays(*(np.asarray(array, dtype=np.float64) for array in inputs))
    found = tuple(np.empty(given[0].shape) for _ in range(results))
    with np.errstate(invalid="ignore", divide="ignore"):  # from what is not finite, or out of reach
        for start in range(0, given[0].size, _BLOCK):
            block = slice(start, start + _BLOCK)
            for out, part in zip(found, function(*(array.flat[block] for array in given)), strict=True):
                out.reshape(-1)[block] = part
    return found
