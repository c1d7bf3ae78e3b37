"""Where a satellite is: state vectors, and the smooth curve through them that kernels evaluate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial, chebyshev
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import InvalidArgument, InvalidType

__all__ = ["Orbit", "OrbitArc"]

Vector = tuple[float, float, float]

_DEGREE = 7  # of the polynomial in time: what four state vectors with their velocities fix
_VECTORS = 4
_MARGIN = 60.0  # seconds of state vectors before and after what is asked for
_BEYOND = 2  # state vectors on either side, if they are further apart than that
_LONGEST = 400.0  # seconds; up to there the polynomial leaves out less than 0.2 mm of the orbit
_RADII = (6.4e6, 5e7)  # metres from the Earth's centre, up to geosynchronous orbits
_SPEEDS = (1e2, 1.2e4)
_DISAGREEMENT = 0.01  # of the speed; inertial velocities are off by up to 0.07


@dataclass(frozen=True, slots=True)
class OrbitArc:
    """A piece of an orbit as a polynomial in time.

    Attributes
    ----------
    reference
        Time from which seconds are counted, UTC.
    first, last
        Seconds between which state vectors vouch for the polynomial.
    coefficients
        Of x, y and z in turn: 8 numbers, the k-th in metres per second^k.
    """

    reference: datetime
    first: float
    last: float
    coefficients: tuple[tuple[float, ...], ...]

    @property
    def table(self) -> NDArray[np.float64]:
        """Coefficients as an array of 3 x 8, which the kernels take."""
        return np.array(self.coefficients)

    def seconds(self, time: datetime) -> float:
        """Seconds from the reference to a time."""
        return (time - self.reference) / timedelta(seconds=1)

    def position(self, seconds: ArrayLike) -> NDArray[np.float64]:
        """Earth-fixed position in metres; x, y, z are in the last axis."""
        return self._evaluated(seconds, 0)

    def velocity(self, seconds: ArrayLike) -> NDArray[np.float64]:
        """Earth-fixed velocity in metres per second, the derivative of the position."""
        return self._evaluated(seconds, 1)

    def _evaluated(self, seconds: ArrayLike, order: int) -> NDArray[np.float64]:
        at = np.asarray(seconds, dtype=np.float64)
        return np.stack([Polynomial(c).deriv(order)(at) for c in self.coefficients], axis=-1)


@dataclass(frozen=True, slots=True)
class Orbit:
    r"""State vectors of a satellite in an Earth-fixed frame.

    Between the vectors the orbit is a polynomial of degree 7 in time, fitted to positions and velocities by least
    squares (:meth:`arc`). Annotated times are whole microseconds. A slip of the time shifts the position by the speed
    v, and the velocity by the acceleration, about :math:`v^2 / r`; so that neither is believed more than the other, a
    metre per second counts as :math:`r / v` metres.

    Attributes
    ----------
    times
        At least 4, in order, UTC, without a time zone.
    positions, velocities
        One (x, y, z) for each time, in metres and metres per second. Earth-fixed both: an inertial velocity differs
        by up to 500 m/s. Sequences and arrays are taken, tuples are kept.

    Examples
    --------
    >>> start = datetime(2025, 4, 6, 2, 20)
    >>> turn = [0.0011 * second for second in range(0, 60, 10)]  # a circle of 7000 km, 1.1 mrad per second
    >>> orbit = Orbit(
    ...     times=[start + timedelta(seconds=second) for second in range(0, 60, 10)],
    ...     positions=[(7e6 * math.cos(a), 0.0, 7e6 * math.sin(a)) for a in turn],
    ...     velocities=[(-7700 * math.sin(a), 0.0, 7700 * math.cos(a)) for a in turn],
    ... )
    >>> round(orbit.speed(start + timedelta(seconds=25)), 6)
    7700.0
    """

    times: tuple[datetime, ...]
    positions: tuple[Vector, ...]
    velocities: tuple[Vector, ...]

    def __init__(self, times: Sequence[datetime], positions: ArrayLike, velocities: ArrayLike) -> None:
        object.__setattr__(self, "times", tuple(times))
        object.__setattr__(self, "positions", _vectors("positions", positions, len(self.times)))
        object.__setattr__(self, "velocities", _vectors("velocities", velocities, len(self.times)))
        _check_times(self.times)
        _check_size("positions", self.positions, _RADII, "metres from the Earth's centre", "km")
        _check_size("velocities", self.velocities, _SPEEDS, "metres per second", "km/s")
        self._check_agreement()

    def covers(self, time: datetime) -> bool:
        """Whether there are state vectors on both sides of a time, or one at it."""
        return self.times[0] <= time <= self.times[-1]

    def speed(self, time: datetime) -> float:
        """Length of the Earth-fixed velocity at a time, metres per second."""
        return float(np.linalg.norm(self.arc(time, time).velocity(0.0)))

    def arc(self, start: datetime, end: datetime) -> OrbitArc:
        """Polynomial that holds from one time to another, and as far beyond as the vectors that it is made of.

        Parameters
        ----------
        start, end
            UTC, within the times of the state vectors and no more than 400 s apart.

        Returns
        -------
        The arc, its reference in the middle of both. It is made of the vectors from 60 s before the start to 60 s
        after the end, and at least two before and two after, as far as there are any.

        Raises
        ------
        InvalidArgument
            The state vectors do not cover the times, or these are too far apart.
        """
        for name, time in (("start", start), ("end", end)):
            if not self.covers(time):
                raise InvalidArgument(
                    f"{name} must lie within the state vectors, {self.times[0]} to {self.times[-1]}; got {time}"
                )
        length = (end - start) / timedelta(seconds=1)
        if not 0 <= length <= _LONGEST:
            raise InvalidArgument(
                f"end must be 0 to {_LONGEST:.0f} s after start; got {length:.1f} s. Take a long orbit in parts"
            )
        reference = start + (end - start) / 2
        seconds = np.array([(time - reference) / timedelta(seconds=1) for time in self.times])
        used = _needed(seconds, length / 2)
        return OrbitArc(
            reference,
            float(seconds[used][0]),
            float(seconds[used][-1]),
            _fitted(seconds[used], np.array(self.positions[used]), np.array(self.velocities[used])),
        )

    def _check_agreement(self) -> None:
        """Refuse velocities that are not those at which the positions move."""
        vectors = list(zip(self.times, self.positions, self.velocities, strict=True))
        for number, ((t, p, v), (later, q, w)) in enumerate(pairwise(vectors)):
            seconds = (later - t) / timedelta(seconds=1)
            moved = [(b - a) / seconds for a, b in zip(p, q, strict=True)]
            told = [(a + b) / 2 for a, b in zip(v, w, strict=True)]
            off = math.dist(moved, told)
            if off > _DISAGREEMENT * math.hypot(*told):
                raise InvalidArgument(
                    f"velocities must be those of the positions, Earth-fixed; between vectors {number} and "
                    f"{number + 1} they are {off:.0f} m/s off. Are they inertial, or the times wrong?"
                )


def _vectors(name: str, given: ArrayLike, count: int) -> tuple[Vector, ...]:
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidType(f"{name} must be numbers, three for each time: {error}") from error
    if array.shape != (count, 3):
        raise InvalidArgument(
            f"{name} must be {count} x 3, an (x, y, z) for each time; got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise InvalidArgument(f"{name} must all be finite; leave vectors out that are not")
    return tuple((x, y, z) for x, y, z in array.tolist())


def _check_times(times: tuple[Any, ...]) -> None:
    if len(times) < _VECTORS:
        raise InvalidArgument(f"an orbit needs at least {_VECTORS} state vectors; got {len(times)}")
    for time in times:
        if not isinstance(time, datetime):
            raise InvalidType(f"times must be datetimes; got {type(time).__name__}")
        if time.tzinfo is not None:
            raise InvalidArgument(f"times must be in UTC and say no time zone; got {time}")
    for earlier, later in pairwise(times):
        if later <= earlier:
            raise InvalidArgument(
                f"times must be in the order of time, each once: the state vectors are not; {later} comes after "
                f"{earlier}"
            )


def _check_size(
    name: str, vectors: tuple[Vector, ...], limits: tuple[float, float], unit: str, small: str
) -> None:
    for vector in vectors:
        size = math.hypot(*vector)
        if not limits[0] <= size <= limits[1]:
            likely = f"; these look like {small}" if limits[0] <= 1e3 * size <= limits[1] else ""
            raise InvalidArgument(
                f"{name} must be {limits[0]:g} to {limits[1]:g} {unit}; got {size:g}{likely}"
            )


def _needed(seconds: NDArray[np.float64], half: float) -> slice:
    """Which state vectors to use for the times up to ``half`` seconds from the reference."""
    first = int(np.searchsorted(seconds, -half - _MARGIN))
    last = int(np.searchsorted(seconds, half + _MARGIN, side="right"))
    first = min(first, int(np.searchsorted(seconds, -half, side="right")) - _BEYOND)
    last = max(last, int(np.searchsorted(seconds, half)) + _BEYOND)
    # At either end of the orbit there is nothing beyond; the other side makes up for it.
    first = max(0, min(first, len(seconds) - _VECTORS))
    return slice(first, max(last, first + _VECTORS))


def _fitted(
    seconds: NDArray[np.float64], positions: NDArray[np.float64], velocities: NDArray[np.float64]
) -> tuple[tuple[float, ...], ...]:
    """Coefficients of each component; fitted as Chebyshev polynomials in scaled time, which are well conditioned."""
    middle, scale = (seconds[0] + seconds[-1]) / 2, (seconds[-1] - seconds[0]) / 2
    u = (seconds - middle) / scale
    per_second = chebyshev.chebval(u, chebyshev.chebder(np.eye(_DEGREE + 1))).T / scale
    weight = np.linalg.norm(positions, axis=1).mean() / np.linalg.norm(velocities, axis=1).mean()
    found, *_ = np.linalg.lstsq(
        np.vstack([chebyshev.chebvander(u, _DEGREE), weight * per_second]),
        np.vstack([positions, weight * velocities]),
        rcond=None,
    )
    scaled = Polynomial([-middle / scale, 1 / scale])  # seconds from the reference to scaled time
    return tuple(
        tuple(np.pad(coefficients, (0, _DEGREE + 1 - len(coefficients))).tolist())
        for coefficients in (Polynomial(chebyshev.cheb2poly(column))(scaled).coef for column in found.T)
    )
