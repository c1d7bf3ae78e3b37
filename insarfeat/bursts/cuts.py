"""Debursting: which lines of each burst make up the image of a swath. No pixels here, only lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from insarfeat.bursts.burst import Burst
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType

__all__ = ["Cut", "cuts", "total_lines"]

# Time stamps are annotated in microseconds, 0.0005 of a line; bursts of one swath never stray further than that.
_RESIDUAL_ALLOWED = 0.1


@dataclass(frozen=True, slots=True)
class Cut:
    """Lines of one burst that go into the image of the swath.

    Attributes
    ----------
    burst
        Which burst, from 0.
    first_line
        First line used, counted in the burst from 0.
    line_count
        How many lines are used.
    at_line
        Where the first of them goes in the image, from 0.
    """

    burst: int
    first_line: int
    line_count: int
    at_line: int

    @property
    def last_line(self) -> int:
        """Last line used, counted in the burst from 0."""
        return self.first_line + self.line_count - 1


def cuts(bursts: Sequence[Burst]) -> tuple[Cut, ...]:
    r"""Lines to use of each burst so that together they make one image without gap or overlap.

    All bursts of a swath lie on one grid of lines,

    .. math:: n_k = \mathrm{round}((t_k - t_0) / \Delta t),

    where :math:`t_k` is the time of burst k's first line. Two neighbours are cut in the middle of the valid lines
    that they share, as far as can be from the ends of both sweeps; if the number of shared lines is odd, the later
    burst gets one more. The image begins with the first valid line of the first burst and ends with the last valid
    line of the last; its line i was taken i intervals after line ``first_line`` of the first burst.

    Nothing is resampled. What the rounding leaves (below 0.001 lines in Sentinel-1's swaths, whose time stamps are
    in microseconds) is dropped; more than 0.1 lines is refused.

    Parameters
    ----------
    bursts
        Bursts of one swath, or some in a row, earliest first.

    Returns
    -------
    One cut for each burst, in the same order.

    Raises
    ------
    InvalidArgument
        No bursts; some are repeated, not in the order of time, without valid lines or all overlap; or there is
        a gap, where two neighbours share no valid line and do not join either.
    GridMismatch
        They differ in samples, slant range or line interval, or lie off the grid of lines.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from datetime import datetime, timedelta
    >>> from insarfeat.bursts import Antenna, AzimuthAxis, RangePolynomial, SlantRangeAxis, ValidSamples
    >>> first = Burst(
    ...     azimuth=AzimuthAxis(datetime(2025, 4, 6, 2, 20), interval=2e-3, lines=10),
    ...     slant_range=SlantRangeAxis(5.34e-3, sampling_rate=6.4345e7, samples=2),
    ...     antenna=Antenna(5.405e9, steering_rate=1.590368784, platform_speed=7590.0),
    ...     fm_rate=RangePolynomial(5.34e-3, (-2312.0,)),
    ...     doppler_centroid=RangePolynomial(5.34e-3, (0.0,)),
    ...     valid=ValidSamples(first=(-1,) + 8 * (0,) + (-1,), last=(-1,) + 8 * (1,) + (-1,)),
    ... )
    >>> later = first.azimuth.first_time + timedelta(seconds=6 * 2e-3)
    >>> second = replace(first, azimuth=replace(first.azimuth, first_time=later))
    >>> for cut in cuts([first, second]):
    ...     print(cut)
    Cut(burst=0, first_line=1, line_count=7, at_line=0)
    Cut(burst=1, first_line=2, line_count=7, at_line=7)
    """
    starts = _starts(bursts)
    spans = []  # first and last valid line of each burst, on the grid
    for number, (burst, start) in enumerate(zip(bursts, starts, strict=True)):
        first, last = burst.valid.first_line, burst.valid.last_line
        if first is None or last is None:
            raise InvalidArgument(f"burst {number} has no valid line; leave it out")
        spans.append((start + first, start + last))
    borders = [spans[0][0]]  # grid line at which each burst begins
    for number, ((_, end), (begin, _)) in enumerate(pairwise(spans)):
        shared = end - begin + 1
        if shared < 0:
            raise InvalidArgument(
                f"there is a gap of {-shared} lines between bursts {number} and {number + 1}; is a burst missing? "
                "Deburst what lies on either side of the gap by itself"
            )
        borders.append(begin + shared // 2)
    borders.append(spans[-1][1] + 1)
    found = []
    for number, start in enumerate(starts):
        begin, end = borders[number], borders[number + 1]
        if end <= begin:
            raise InvalidArgument(f"burst {number} adds no line to its neighbours; are bursts repeated?")
        found.append(Cut(number, begin - start, end - begin, begin - borders[0]))
    return tuple(found)


def total_lines(found: Sequence[Cut]) -> int:
    """Number of lines of the image that cuts make.

    >>> total_lines([Cut(0, 1, 7, 0), Cut(1, 2, 7, 7)])
    14
    """
    return sum(cut.line_count for cut in found)


def _starts(bursts: Sequence[Burst]) -> list[int]:
    """Line of the common grid on which each burst's first line lies; refuses what has no common grid."""
    if not len(bursts):
        raise InvalidArgument("bursts must be at least one; got none")
    for number, burst in enumerate(bursts):
        if not isinstance(burst, Burst):
            raise InvalidType(f"bursts must all be Burst; number {number} is {type(burst).__name__}")
    first = bursts[0]
    starts = []
    for number, burst in enumerate(bursts):
        if burst.slant_range != first.slant_range:
            raise GridMismatch(
                f"burst {number} has other samples than burst 0: {burst.slant_range} against {first.slant_range}; "
                "bursts must be of one swath"
            )
        if burst.azimuth.interval != first.azimuth.interval:
            raise GridMismatch(
                f"burst {number} has a line every {burst.azimuth.interval} s, burst 0 one every "
                f"{first.azimuth.interval} s; bursts must be of one swath"
            )
        exact = (burst.azimuth.first_time - first.azimuth.first_time) / timedelta(seconds=1)
        exact /= first.azimuth.interval
        starts.append(round(exact))
        if abs(exact - starts[-1]) > _RESIDUAL_ALLOWED:
            raise GridMismatch(
                f"burst {number} lies {exact - starts[-1]:+.2f} lines off the grid of burst 0, more than "
                f"{_RESIDUAL_ALLOWED}; resample it first"
            )
        if number and starts[-1] <= starts[-2]:
            problem = "is the same as" if starts[-1] == starts[-2] else "comes before"
            raise InvalidArgument(
                f"burst {number} {problem} burst {number - 1}; give each burst once, earliest first"
            )
    return starts
