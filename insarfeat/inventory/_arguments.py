"""Checks of arguments that several functions share."""

from __future__ import annotations

from typing import Any

import numpy as np

from insarfeat.errors import InvalidArgument


def whole_number(name: str, value: Any, *, least: int, most: int | None = None) -> int:
    """Return a whole number within its limits.

    >>> whole_number("seed", np.int64(3), least=0)
    3
    """
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        number = int(value)
        if least <= number and (most is None or number <= most):
            return number
    limits = f"{least} or more" if most is None else f"from {least} to {most}"
    raise InvalidArgument(f"{name} must be a whole number, {limits}; got {value!r}")
