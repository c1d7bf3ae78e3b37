"""Bursts made by hand, for the tests of bursts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from insarfeat.bursts import Antenna, AzimuthAxis, Burst, RangePolynomial, SlantRangeAxis, ValidSamples

INTERVAL = 2.0555563e-3
START = datetime(2018, 1, 25, 14, 16, 4)


def burst_of(lines: int, samples: int, *, sampling_rate: float = 6.434523812571428e7) -> Burst:
    """A burst of Sentinel-1's IW1 with rounded annotation values, all of it valid."""
    return Burst(
        azimuth=AzimuthAxis(START, INTERVAL, lines),
        slant_range=SlantRangeAxis(5.3565e-3, sampling_rate, samples),
        antenna=Antenna(5.40500045433435e9, 1.590368784, 7589.7505),
        fm_rate=RangePolynomial(5.3565e-3, (-2311.9, 4.483e5, -7.93e7)),
        doppler_centroid=RangePolynomial(5.36e-3, (34.9, -2.3e4, 8.3e6)),
        valid=ValidSamples(lines * (0,), lines * (samples - 1,)),
    )


def later(burst: Burst, lines: float, **changes: object) -> Burst:
    """The same burst, some lines later."""
    start = burst.azimuth.first_time + timedelta(seconds=lines * burst.azimuth.interval)
    moved = replace(burst, azimuth=replace(burst.azimuth, first_time=start))
    return replace(moved, **changes)  # type: ignore[arg-type]


def with_frame(burst: Burst, above: int, below: int) -> Burst:
    """The burst with invalid lines at its beginning and end."""
    lines, last = burst.lines, burst.samples - 1
    inside = lines - above - below
    return replace(
        burst,
        valid=ValidSamples(
            above * (-1,) + inside * (0,) + below * (-1,), above * (-1,) + inside * (last,) + below * (-1,)
        ),
    )
