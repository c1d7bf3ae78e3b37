"""Arguments that several functions of this package take, and what they may be."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

from insarfeat.errors import InvalidArgument, suggestion

Look = Literal["right", "left"]

SENTINEL1_WAVELENGTH = 0.05546576
"""Wavelength of Sentinel-1, in metres: one fringe is half of it along the line of sight."""


def side_of(look: str) -> float:
    """1 for a radar that looks to the right of its flight, -1 for one that looks to the left.

    >>> side_of("right"), side_of("left")
    (1.0, -1.0)
    """
    if look not in get_args(Look):
        raise InvalidArgument(
            f"look must be 'right' (nearly all satellites, Sentinel-1 among them) or 'left'; got {look!r}"
            f"{suggestion(look, get_args(Look))}"
        )
    return 1.0 if look == "right" else -1.0


def number_within(name: str, value: Any, least: float, most: float, *, above: bool = False) -> float:
    """A finite number from least (or above it) to most, or an error that names the argument."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isfinite(number) and (number > least if above else number >= least) and number <= most:
        return number
    accepted = f"above {least:g}" if above else f"from {least:g}"
    accepted += f" to {most:g}" if math.isfinite(most) else ", and finite" if math.isinf(number) else ""
    raise InvalidArgument(f"{name} must be a number {accepted}; got {value!r}")
