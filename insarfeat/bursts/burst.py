"""A TOPS burst: where and when it was taken, and how the antenna swept meanwhile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from insarfeat.errors import InvalidArgument

__all__ = ["Antenna", "AzimuthAxis", "Burst", "RangePolynomial", "SlantRangeAxis", "ValidSamples"]

SPEED_OF_LIGHT = 299_792_458.0


@dataclass(frozen=True, slots=True)
class AzimuthAxis:
    """Lines of a burst in zero-Doppler time.

    Attributes
    ----------
    first_time
        Time of the first line, UTC, without a time zone.
    interval
        Seconds per line.
    lines
        Number of lines, invalid ones included.
    """

    first_time: datetime
    interval: float
    lines: int

    def __post_init__(self) -> None:
        _positive("interval", self.interval)
        _positive("lines", self.lines)
        if self.first_time.tzinfo is not None:
            raise InvalidArgument(
                "first_time must be in UTC and say no time zone; got " + str(self.first_time)
            )

    @property
    def centre_line(self) -> float:
        """Middle of the burst, counted in lines from the first: the origin of the ramp's azimuth time."""
        return (self.lines - 1) / 2

    @property
    def centre_time(self) -> datetime:
        """Time of the middle of the burst."""
        return self.first_time + timedelta(seconds=self.centre_line * self.interval)


@dataclass(frozen=True, slots=True)
class SlantRangeAxis:
    """Samples of a burst in two-way slant-range time.

    Attributes
    ----------
    first_time
        Two-way time of the first sample, seconds.
    sampling_rate
        Samples per second.
    samples
        Number of samples, invalid ones included.
    """

    first_time: float
    sampling_rate: float
    samples: int

    def __post_init__(self) -> None:
        _positive("first_time", self.first_time)
        _positive("sampling_rate", self.sampling_rate)
        _positive("samples", self.samples)

    @property
    def centre_time(self) -> float:
        """Two-way time of the middle of the swath, seconds."""
        return self.first_time + (self.samples - 1) / 2 / self.sampling_rate

    @property
    def last_time(self) -> float:
        """Two-way time of the last sample, seconds."""
        return self.first_time + (self.samples - 1) / self.sampling_rate


@dataclass(frozen=True, slots=True)
class Antenna:
    """What makes the Doppler centroid sweep.

    Attributes
    ----------
    radar_frequency
        Carrier, hertz.
    steering_rate
        Rate at which the beam is steered in azimuth, degrees per second; positive from aft to fore.
    platform_speed
        Length of the platform's Earth-fixed velocity at mid burst, metres per second.
    """

    radar_frequency: float
    steering_rate: float
    platform_speed: float

    def __post_init__(self) -> None:
        _positive("radar_frequency", self.radar_frequency)
        _positive("steering_rate", self.steering_rate)
        _positive("platform_speed", self.platform_speed)

    @property
    def doppler_rate(self) -> float:
        r"""Doppler rate that the steering brings, :math:`k_s = 2 v f_c k_\psi / c`, hertz per second.

        >>> round(Antenna(5.405000454334350e9, 1.590368784, 7589.7505).doppler_rate, 3)
        7596.398
        """
        steering_rate = math.radians(self.steering_rate)
        return 2 * self.platform_speed * self.radar_frequency * steering_rate / SPEED_OF_LIGHT


@dataclass(frozen=True, slots=True)
class RangePolynomial:
    """A quantity over two-way slant-range time: the sum of coefficients[k] * (time - reference_time)^k.

    >>> RangePolynomial(0.005, (10.0, 2e3))(0.006)
    12.0
    """

    reference_time: float
    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.coefficients or not all(map(math.isfinite, (self.reference_time, *self.coefficients))):
            raise InvalidArgument(
                f"a polynomial needs a time and at least one coefficient, all finite; got {self}"
            )

    def __call__(self, time: float) -> float:
        """Value at a two-way slant-range time in seconds."""
        x = time - self.reference_time
        value = 0.0
        for coefficient in reversed(self.coefficients):
            value = value * x + coefficient
        return value


@dataclass(frozen=True, slots=True)
class ValidSamples:
    """First and last valid sample of each line of a burst; -1 in lines that have none."""

    first: tuple[int, ...]
    last: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.first) != len(self.last):
            raise InvalidArgument(
                f"first and last must tell of the same lines; got {len(self.first)} and {len(self.last)} of them"
            )
        for line, (first, last) in enumerate(zip(self.first, self.last, strict=True)):
            if not (first == last == -1 or 0 <= first <= last):
                raise InvalidArgument(
                    f"line {line} cannot be valid from sample {first} to {last}; lines without any have -1 and -1"
                )

    @property
    def first_line(self) -> int | None:
        """First line with valid samples; None if there is none."""
        return next((line for line, sample in enumerate(self.first) if sample >= 0), None)

    @property
    def last_line(self) -> int | None:
        """Last line with valid samples; None if there is none."""
        lines = range(len(self.first) - 1, -1, -1)
        return next((line for line in lines if self.first[line] >= 0), None)


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst of a TOPS swath, as its annotation describes it.

    Attributes
    ----------
    azimuth, slant_range
        Its lines and samples in time.
    antenna
        What makes its Doppler centroid sweep.
    fm_rate
        Azimuth FM rate of targets, hertz per second (negative): the annotated polynomial nearest to mid burst.
    doppler_centroid
        Doppler centroid estimated from the data, hertz: the annotated polynomial nearest to mid burst.
    valid
        Which samples of each line are valid.
    """

    azimuth: AzimuthAxis
    slant_range: SlantRangeAxis
    antenna: Antenna
    fm_rate: RangePolynomial
    doppler_centroid: RangePolynomial
    valid: ValidSamples

    def __post_init__(self) -> None:
        if len(self.valid.first) != self.lines:
            raise InvalidArgument(
                f"valid must tell of each of the burst's {self.lines} lines; got {len(self.valid.first)}"
            )
        if max(self.valid.last) >= self.samples:
            raise InvalidArgument(
                f"valid samples must lie in the burst's {self.samples}; got {max(self.valid.last)} as the last"
            )
        slant_range = self.slant_range
        times = (slant_range.first_time, slant_range.centre_time, slant_range.last_time)
        if not all(self.fm_rate(time) < 0 for time in times):
            raise InvalidArgument(f"fm_rate must be negative all over the burst; got {self.fm_rate}")

    @property
    def lines(self) -> int:
        """Number of lines, invalid ones included."""
        return self.azimuth.lines

    @property
    def samples(self) -> int:
        """Number of samples per line, invalid ones included."""
        return self.slant_range.samples


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise InvalidArgument(f"{name} must be a positive number; got {value!r}")
