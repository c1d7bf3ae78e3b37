"""One swath of a TOPS product: its bursts, its orbit, and where they lie on the ground."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insarfeat.bursts.burst import SPEED_OF_LIGHT, AzimuthAxis, Burst
from insarfeat.bursts.cuts import Cut, cuts, total_lines
from insarfeat.errors import GridMismatch, InvalidArgument
from insarfeat.geometry.arguments import Look
from insarfeat.geometry.orbit import Orbit
from insarfeat.geometry.radar_grid import RadarGrid

__all__ = ["Footprint", "GeolocationGrid", "Swath"]

Floats = NDArray[np.float64]


class Footprint(NamedTuple):
    """Corners of a polygon on the ground in degrees, five each: the last is the first again.

    First line at near range, first line at far range, last line at far range, last line at near range.
    """

    longitude: Floats
    latitude: Floats


@dataclass(frozen=True, slots=True, eq=False)
class GeolocationGrid:
    """Tie points of an annotation: places on the ground, and when and how they are seen.

    All are arrays of one shape, lines by pixels. Lines count in the ``measurement`` image, in which the bursts stand
    one below the other.

    Two things in Sentinel-1's annotation are not what one may take them for. Azimuth times are not those of the
    lines: they hold what the image lacks of the bistatic correction, half of the two-way time less half of that at
    the middle of IW2, up to 0.3 ms or 0.14 lines. And both angles are from the straight line through the Earth's
    centre, not from the ellipsoid's normal; the incidence differs by 0.03 to 0.04 degrees from that of
    :meth:`RadarGrid.line_of_sight`.

    Attributes
    ----------
    line, pixel
        Place in the ``measurement`` image.
    azimuth_time
        Zero-Doppler time, UTC, datetime64 in microseconds.
    slant_range_time
        Two-way, seconds.
    latitude, longitude, height
        Degrees, and metres above the WGS 84 ellipsoid.
    incidence
        Degrees at the ground, from the direction away from the Earth's centre.
    elevation_angle
        Degrees at the satellite, from the direction to the Earth's centre.
    """

    line: NDArray[np.int64]
    pixel: NDArray[np.int64]
    azimuth_time: NDArray[np.datetime64]
    slant_range_time: Floats
    latitude: Floats
    longitude: Floats
    height: Floats
    incidence: Floats
    elevation_angle: Floats

    def __post_init__(self) -> None:
        shapes = {name: np.shape(getattr(self, name)) for name in self.__slots__}
        if len(set(shapes.values())) != 1 or len(shapes["line"]) != 2:
            raise GridMismatch(f"arrays of tie points must have one shape of lines by pixels; got {shapes}")


@dataclass(frozen=True, slots=True)
class Swath:
    """What the annotation says of one swath and one polarisation.

    Attributes
    ----------
    name
        IW1, IW2, ...
    mission
        S1A, S1B, ...
    polarisation
        VV, VH, HH or HV.
    absolute_orbit
        Number of the orbit since launch. Of the relative orbit an annotation says nothing.
    direction
        "ascending" or "descending".
    platform_heading
        Flight direction AT THE SATELLITE, degrees clockwise from north in (-180, 180]. The line of sight at the
        ground has another heading, because meridians converge: by 2 to 3 degrees at 31 N, 4 to 7 at 52 N. Take
        :meth:`RadarGrid.line_of_sight` for it.
    radar_frequency
        Carrier, hertz.
    orbit
        Annotated state vectors.
    bursts
        Earliest first.
    tie_points
        Annotated places on the ground.
    """

    name: str
    mission: str
    polarisation: str
    absolute_orbit: int
    direction: Literal["ascending", "descending"]
    platform_heading: float
    radar_frequency: float
    orbit: Orbit
    bursts: tuple[Burst, ...]
    tie_points: GeolocationGrid = field(compare=False, repr=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.radar_frequency) and self.radar_frequency > 0):
            raise InvalidArgument(f"radar_frequency must be a positive number; got {self.radar_frequency!r}")
        if not -180 <= self.platform_heading <= 360:
            raise InvalidArgument(
                f"platform_heading must be degrees from -180 to 360; got {self.platform_heading!r}"
            )

    @property
    def wavelength(self) -> float:
        """Wavelength of the carrier in metres; 0.0555 for Sentinel-1."""
        return SPEED_OF_LIGHT / self.radar_frequency

    @property
    def look(self) -> Look:
        """The side to which the radar looks: Sentinel-1 always to the right."""
        return "right"

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """Lines of each burst that make up the image of the swath, as :func:`insarfeat.bursts.cuts` finds them."""
        return cuts(self.bursts)

    @property
    def bistatic_reference(self) -> float:
        """Two-way time at which lines have their zero-Doppler times: about the middle of IW2, from the tie points.

        Their azimuth times are those of zero Doppler, and lag behind those of their lines by half of what their
        two-way times are beyond this.
        """
        points, lines = self.tie_points, self.bursts[0].lines
        burst = np.minimum(points.line // lines, len(self.bursts) - 1)
        starts = np.array([np.datetime64(one.azimuth.first_time, "us") for one in self.bursts])
        after = (points.azimuth_time - starts[burst]) / np.timedelta64(1, "s")
        late = after - (points.line - burst * lines) * self.bursts[0].azimuth.interval
        return float(np.mean(points.slant_range_time - 2 * late))

    @property
    def grid(self) -> RadarGrid:
        """Grid of the debursted image, as :func:`insarfeat.bursts.deburst` makes it.

        Its first line is that of the first cut. It knows what the image lacks of the bistatic correction.
        """
        found = self.cuts
        first = self.bursts[0].azimuth
        start = first.first_time + timedelta(seconds=found[0].first_line * first.interval)
        axis = AzimuthAxis(start, first.interval, total_lines(found))
        return RadarGrid(self.orbit, axis, self.bursts[0].slant_range, self.look, self.bistatic_reference)

    def burst_grid(self, burst: int) -> RadarGrid:
        """Grid of one whole burst with its invalid lines and samples, from 0."""
        found = self._burst(burst)
        return RadarGrid(self.orbit, found.azimuth, found.slant_range, self.look, self.bistatic_reference)

    def footprint(self, burst: int | None = None, height: float = 0.0) -> Footprint:
        """Outline on the ground of a burst's valid pixels, or of those of the debursted swath.

        Parameters
        ----------
        burst
            Which one, from 0; None for the whole swath.
        height
            Metres above the ellipsoid at which the ground is taken to lie: 1000 m more move it 0.9 to 1.7 km away
            from the radar.

        Returns
        -------
        ``longitude`` and ``latitude`` of the corners of a closed polygon: near and far end of the first valid line,
        far and near end of the last, and the first corner again.
        """
        begin, end = (0, len(self.bursts) - 1) if burst is None else (burst, burst)
        top = self._valid_end(begin, last=False, height=height)
        bottom = self._valid_end(end, last=True, height=height)
        corners = np.hstack([top, bottom[:, ::-1], top[:, :1]])
        return Footprint(corners[1], corners[0])

    def _valid_end(self, number: int, last: bool, height: float) -> Floats:
        """Latitudes and longitudes of the near and far end of a burst's first or last valid line."""
        valid = self._burst(number).valid
        line = valid.last_line if last else valid.first_line
        if line is None:
            raise InvalidArgument(f"burst {number} has no valid line, and so no footprint")
        return np.array(self.burst_grid(number).position(line, (valid.first[line], valid.last[line]), height))

    def _burst(self, number: int) -> Burst:
        count = len(self.bursts)
        try:
            number = operator.index(number)
        except TypeError:
            number = -1
        if not 0 <= number < count:
            raise InvalidArgument(f"burst must be a whole number from 0 to {count - 1}; got {number!r}")
        return self.bursts[number]
