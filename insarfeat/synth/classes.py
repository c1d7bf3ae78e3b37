"""What moves: the classes of landslides, their sizes, shapes and speeds, and where and when they are seen."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from insarfeat.errors import InvalidArgument
from insarfeat.synth.knobs import LogUniform, OneOf, Uniform

Form = Literal["flow", "ellipse", "angular", "broad", "tongue", "rampart", "fan"]


@dataclass(frozen=True, slots=True)
class SlideClass:
    """One class of landslides.

    Attributes
    ----------
    code, name
        As in the MIRAGE dataset.
    area, area_sigma, area_limits
        Mean of the area in km2, standard deviation of its logarithm, smallest and largest.
    elongation
        Length over width.
    slope
        Degrees, of the ground at 60 m scale.
    speed
        Downslope, cm a year. What an event moves has none: the ground is another one afterwards.
    form
        Family of outlines.
    taper
        Share of the half width in which the motion fades out towards the rim.
    patchy
        Share of the motion that varies from place to place inside: "heterogeneous" texture.
    high_ground
        Only above its surroundings' mean elevation.
    """

    code: str
    name: str
    area: float
    area_sigma: float
    elongation: Uniform
    slope: Uniform
    form: Form
    taper: float
    speed: LogUniform | None = None
    area_limits: tuple[float, float] = (0.006, 3.0)
    patchy: float = 0.2
    high_ground: bool = False

    def draw_area(self, rng: np.random.Generator) -> float:
        """Area in km2: lognormal, its mean as given.

        >>> draws = [CLASSES["CF"].draw_area(np.random.default_rng(seed)) for seed in range(3000)]
        >>> bool(0.055 < np.mean(draws) < 0.065)
        True
        """
        middle = math.log(self.area) - self.area_sigma**2 / 2.0
        return float(np.clip(np.exp(rng.normal(middle, self.area_sigma)), *self.area_limits))


def _slides() -> Iterable[SlideClass]:
    yield SlideClass(
        "CF", "earthflow in clay shales", 0.06, 0.7, Uniform(2.5, 8.0), Uniform(5.0, 25.0), "flow", 0.25,
        LogUniform(15.0, 210.0),
    )  # fmt: skip
    yield SlideClass(
        "CS", "earthslide in clay shales", 0.06, 0.6, Uniform(1.0, 2.5), Uniform(6.0, 28.0), "ellipse", 0.35,
        LogUniform(15.0, 120.0),
    )  # fmt: skip
    yield SlideClass(
        "FS", "rockslide in flysch", 0.07, 0.6, Uniform(0.8, 2.2), Uniform(15.0, 45.0), "angular", 0.35,
        LogUniform(10.0, 80.0),
    )  # fmt: skip
    yield SlideClass(
        "DG", "deep-seated deformation", 0.65, 0.6, Uniform(0.7, 1.8), Uniform(12.0, 45.0), "broad", 0.8,
        LogUniform(2.0, 30.0), (0.05, 3.0),
    )  # fmt: skip
    yield SlideClass(
        "RG", "rock glacier", 0.04, 0.5, Uniform(1.5, 5.0), Uniform(6.0, 30.0), "tongue", 0.3,
        LogUniform(15.0, 210.0), high_ground=True,
    )  # fmt: skip
    # Slopes and speeds of the next four are not in the documents: they are ours, after the classes' nature.
    yield SlideClass(
        "DS", "debris slide", 0.10, 0.6, Uniform(1.0, 2.5), Uniform(15.0, 40.0), "ellipse", 0.35,
        LogUniform(5.0, 60.0), patchy=0.6,
    )  # fmt: skip
    yield SlideClass(
        "RS", "rockslide", 0.13, 0.6, Uniform(0.8, 2.2), Uniform(18.0, 45.0), "angular", 0.35,
        LogUniform(2.0, 40.0),
    )  # fmt: skip
    yield SlideClass(
        "PR", "protalus rampart", 0.04, 0.5, Uniform(1.5, 4.0), Uniform(8.0, 30.0), "rampart", 0.3,
        LogUniform(10.0, 100.0), patchy=0.6, high_ground=True,
    )  # fmt: skip
    yield SlideClass(
        "TA", "talus", 0.05, 0.5, Uniform(1.5, 4.0), Uniform(22.0, 40.0), "fan", 0.3,
        LogUniform(15.0, 120.0), patchy=0.6,
    )  # fmt: skip
    yield SlideClass(
        "EV", "slide set off by an event", 0.02, 1.2, Uniform(1.2, 6.0), Uniform(12.0, 45.0), "flow", 0.15,
        area_limits=(0.0005, 1.0),
    )  # fmt: skip


CLASSES = {slide.code: slide for slide in _slides()}
"""Every class of landslides by its code."""

ARTEFACT = "AR"
"""Code of what looks like a landslide and is none."""


@dataclass(frozen=True, slots=True)
class Region:
    """What occurs together: classes with their shares, and days between two images."""

    name: str
    classes: OneOf
    days: OneOf
    crowd: float = 1.0
    """How many times as many slides as elsewhere, where there are any."""


_SHORT = OneOf((6.0, 12.0, 18.0, 24.0, 30.0), weights=(0.30, 0.30, 0.15, 0.13, 0.12))

REGIONS = {
    "apennines": Region("apennines", OneOf(("CF", "CS", "FS"), weights=(0.45, 0.35, 0.2)), _SHORT),
    "alps": Region(
        "alps",
        OneOf(("RG", "TA", "PR"), weights=(0.6, 0.2, 0.2)),
        OneOf((6.0, 12.0, 30.0), weights=(0.35, 0.45, 0.2)),
    ),
    "slow alps": Region(
        "slow alps",
        OneOf(("DG", "RS", "DS"), weights=(0.4, 0.35, 0.25)),
        OneOf((30.0, 60.0, 90.0, 365.0), weights=(0.15, 0.2, 0.25, 0.4)),
    ),
    "event": Region("event", OneOf(("EV",)), _SHORT, crowd=5.0),
}
"""The worlds that scenes are drawn from, by name."""


def chosen_classes(codes: Iterable[str] | None) -> frozenset[str]:
    """Codes that are asked for, all where none are named.

    >>> sorted(chosen_classes(["CF", "EV"]))
    ['CF', 'EV']
    """
    if codes is None:
        return frozenset(CLASSES)
    if isinstance(codes, str):
        codes = [codes]
    asked = frozenset(codes)
    unknown = sorted(str(code) for code in asked if code not in CLASSES)
    if unknown or not asked:
        raise InvalidArgument(
            f"classes has {', '.join(unknown) or 'nothing in it'}; known are {', '.join(CLASSES)}"
        )
    return asked
