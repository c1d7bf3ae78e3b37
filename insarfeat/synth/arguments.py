"""Checks of what callers pass."""

from __future__ import annotations

import math

import numpy as np

from insarfeat.errors import InvalidArgument, InvalidType


def check_whole(name: str, value: object, *, least: int) -> None:
    """Refuse what is not a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InvalidType(
            f"{name} is {value!r}; it must be a whole number: pass for example {name}={max(least, 1)}"
        )
    if value < least:
        raise InvalidArgument(
            f"{name} is {value}; it must be {least} or more: pass for example {name}={max(least, 1)}"
        )


def check_range(name: str, value: object, least: float, most: float, unit: str) -> None:
    """Refuse what is not a number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise InvalidType(f"{name} is {value!r}; it must be a number of {unit} from {least:g} to {most:g}")
    if not (math.isfinite(value) and least <= value <= most):
        raise InvalidArgument(
            f"{name} is {value}; it must lie from {least:g} to {most:g} {unit}: check the unit"
        )
