"""What can be wrong with a pixel, and rules for when it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from insarfeat.errors import InvalidArgument, InvalidType, suggestion
from insarfeat.layers import LAYERS

CAUSES: dict[str, int] = {name: bit for bit, name in LAYERS["invalid_causes"].masks}
"""Bit of each cause in ``invalid_causes``."""

FARTHEST = 250
"""Largest radius that causes can grow by: the kernel counts distances in bytes."""


@dataclass(frozen=True, slots=True)
class ValidityRules:
    """What counts as invalid beyond missing values; all of it is off unless asked for.

    Attributes
    ----------
    min_coherence
        Coherence, 0 to 1, below which a pixel has the cause ``low_coherence``; None never.
    water_coherence
        Pixels of lower coherence than this, on flat ground, are water; None takes no ground for water. A water mask,
        where there is one, is believed instead.
    flat_relief
        Metres between the highest and the lowest of 3 x 3 cells up to which ground is flat. Lakes are exactly flat in
        DEMs that were edited, and rough by a metre or more in others.
    grow
        Radius in pixels by which the pixels of a cause grow, by cause: all pixels whose centre is no farther from the
        centre of one. 1 reaches 4 neighbours, 1.5 all 8. At most 250.

    Examples
    --------
    >>> ValidityRules(min_coherence=0.3, grow={"layover": 1.5}).grow
    {'layover': 1.5}
    """

    min_coherence: float | None = None
    water_coherence: float | None = None
    flat_relief: float = 1.0
    grow: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("min_coherence", "water_coherence"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 < value <= 1):
                raise InvalidArgument(
                    f"{name} must be a coherence above 0, up to 1, or None for no such rule; got {value!r}"
                )
        if not (_is_number(self.flat_relief) and 0 <= self.flat_relief < math.inf):
            raise InvalidArgument(f"flat_relief must be 0 metres or more; got {self.flat_relief!r}")
        if not isinstance(self.grow, Mapping):
            raise InvalidType(
                f"grow must map causes to radii in pixels, as {{'layover': 2}}; got {type(self.grow).__name__}"
            )
        for name, radius in self.grow.items():
            bits_of("grow", [name])
            if not (_is_number(radius) and 0 <= radius <= FARTHEST):
                raise InvalidArgument(
                    f"grow[{name!r}] must be a radius from 0 to {FARTHEST} pixels; got {radius!r}"
                )
        object.__setattr__(self, "grow", dict(self.grow))


def bits_of(argument: str, names: Iterable[Any]) -> int:
    """The bits of all these causes together."""
    bits = 0
    for name in names:
        if name not in CAUSES:
            raise InvalidArgument(
                f"{argument} names an unknown cause {name!r}{suggestion(name, CAUSES)}; "
                f"there are {', '.join(CAUSES)}"
            )
        bits |= CAUSES[name]
    return bits


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
