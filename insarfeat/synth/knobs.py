"""Settings that are either fixed or drawn: a number, or one of the spreads here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from insarfeat.errors import InvalidArgument


class Spread(Protocol):
    """Something that values are drawn from."""

    def draw(self, rng: np.random.Generator) -> Any:
        """One value."""


Knob: TypeAlias = float | str | Spread
"""A fixed value, or what it is drawn from."""


def drawn(knob: Knob, rng: np.random.Generator) -> Any:
    """The fixed value, or one that is drawn.

    >>> drawn(3.0, np.random.default_rng(1)), round(drawn(Uniform(0, 1), np.random.default_rng(1)), 3)
    (3.0, 0.512)
    """
    return knob if isinstance(knob, int | float | str) else knob.draw(rng)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every value from ``low`` to ``high`` is as likely."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InvalidArgument(f"a spread from {self.low} to {self.high} runs backwards: exchange the two")

    def draw(self, rng: np.random.Generator) -> float:
        """One value."""
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True, slots=True)
class LogUniform:
    """Every order of magnitude from ``low`` to ``high`` is as likely."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0.0 < self.low <= self.high:
            raise InvalidArgument(
                f"a logarithmic spread from {self.low} to {self.high}; it must run upwards from above 0"
            )

    def draw(self, rng: np.random.Generator) -> float:
        """One value."""
        return math.exp(rng.uniform(math.log(self.low), math.log(self.high)))


@dataclass(frozen=True, slots=True)
class Normal:
    """Gaussian."""

    mean: float
    deviation: float

    def __post_init__(self) -> None:
        if self.deviation < 0.0:
            raise InvalidArgument(f"a Gaussian spread has deviation {self.deviation}; it must be 0 or more")

    def draw(self, rng: np.random.Generator) -> float:
        """One value."""
        return float(rng.normal(self.mean, self.deviation))


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several values, or of several spreads, by weight (evenly without), give or take a deviation.

    >>> OneOf((-12.0, -168.0), deviation=3.0).draw(np.random.default_rng(2)) < -100
    True
    """

    values: tuple[Any, ...]
    weights: tuple[float, ...] | None = None
    deviation: float = 0.0

    def __post_init__(self) -> None:
        if not self.values or (self.weights is not None and len(self.weights) != len(self.values)):
            raise InvalidArgument(
                f"{len(self.values)} values and weights {self.weights}: one weight for each"
            )
        if self.weights is not None and (min(self.weights) < 0.0 or sum(self.weights) <= 0.0):
            raise InvalidArgument(f"weights {self.weights}: none may be negative, and not all may be 0")

    def draw(self, rng: np.random.Generator) -> Any:
        """One value."""
        share = None if self.weights is None else np.divide(self.weights, sum(self.weights))
        value = drawn(self.values[int(rng.choice(len(self.values), p=share))], rng)
        return value + rng.normal(0.0, self.deviation) if self.deviation else value

    def among(self, wanted: Sequence[Any] | frozenset[Any]) -> OneOf | None:
        """The same choice among fewer values; None where none of them is wanted."""
        weights = self.weights or (1.0,) * len(self.values)
        left = [
            (value, weight) for value, weight in zip(self.values, weights, strict=True) if value in wanted
        ]
        return OneOf(tuple(value for value, _ in left), tuple(weight for _, weight in left)) if left else None
