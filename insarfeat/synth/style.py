"""How scenes vary: every setting of the generator, and the values that one scene drew."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np

from insarfeat.errors import InvalidArgument
from insarfeat.synth.arguments import check_range
from insarfeat.synth.classes import REGIONS, Region
from insarfeat.synth.fields import Spectrum
from insarfeat.synth.knobs import Knob, LogUniform, Normal, OneOf, Uniform, drawn

WAVELENGTH = 0.05546576
"""Wavelength of Sentinel-1 in metres."""

ELEMENTS = {
    "terrain": "relief; without it, an even slope of 15 degrees that faces east",
    "geometry": "layover, shadow, and looks that follow the stretching of the range",
    "displacement": "landslides",
    "atmosphere": "turbulent and stratified delay, and a ramp",
    "dem_error": "residual topography, as the perpendicular baseline shows it",
    "coherence": "land cover that decorrelates with time; without it, 0.9 everywhere",
    "noise": "speckle; without it, the expected values",
    "filter": "phase filter",
    "unwrapping": "islands that are whole cycles off; without them, unwrapping is perfect",
    "artefacts": "what looks like a landslide and is none",
    "labels": "labels by what can be seen; without it, every outline whole, nothing ignored",
    "background": "a real interferogram under the slides, where the ground comes with one",
}
"""What a scene is made of, by name; each can be left out."""


@dataclass(frozen=True, slots=True)
class Style:
    """What scenes are drawn from: every knob takes a number, or a spread such as ``Uniform(30, 46)``.

    Attributes
    ----------
    incidence, heading
        Degrees; from the vertical, and of the flight clockwise from north. The radar looks right.
    days
        Days between the two images; None: as usual in the scene's region.
    perpendicular
        Perpendicular baseline, metres.
    looks
        Looks of the interferogram. 1 gives a pair of single-look images, ``primary`` and ``secondary``, too.
    grain
        Metres between independent samples; the pixel size where that is more.
    relief
        Vertical scale.
    real
        Share of training tiles on pieces of real DEMs, where there is a folder of them.
    regions
        "apennines", "alps", "slow alps" or "event" (:data:`insarfeat.synth.REGIONS`).
    slides
        How many are tried in a cell.
    cell
        Side of a cell, metres.
    turbulence
        Standard deviation of the turbulent delay over a cell, mm along the line of sight.
    turbulence_slope
        Exponent of its two-dimensional spectrum.
    stratified
        Delay by height, metres a metre.
    ramp
        Standard deviation of the difference that a ramp makes over 2.4 km, mm.
    dem_error
        Standard deviation, metres.
    phase_filter
        "goldstein", "boxcar" or "none".
    alpha
        Exponent of the Goldstein filter.
    prefilter
        Width of the Gaussian before the Goldstein filter, metres; 0 for none.
    coherence_window
        Side of the window that coherence is estimated in, pixels; its rim may cover pixels in part.
    covered
        Share of slides that have a land cover of their own.
    islands
        Share of the low-coherence ground that is unwrapped wrongly.
    artefacts
        How many are put into a cell.
    stripes
        Amplitude of stripes along range lines, radian.
    jitter
        Share of the outlines that are drawn 1 to 3 pixels beside the truth.
    """

    incidence: Knob = Uniform(30.0, 46.0)
    heading: Knob = OneOf((-12.0, -168.0), deviation=3.0)
    days: Knob | None = None
    perpendicular: Knob = field(default_factory=lambda: OneOf((Normal(0.0, 30.0), Normal(0.0, 60.0))))
    looks: Knob = Uniform(4.0, 20.0)
    grain: Knob = Uniform(20.0, 30.0)
    relief: Knob = Uniform(0.7, 1.6)
    real: float = 0.7
    regions: Knob = OneOf(("apennines", "alps", "slow alps", "event"), weights=(0.45, 0.15, 0.15, 0.25))
    slides: Knob = OneOf((0.0, 1.0, 2.0, 3.0, 4.0), weights=(0.21, 0.35, 0.26, 0.11, 0.07))
    cell: float = 2400.0
    turbulence: Knob = field(
        default_factory=lambda: OneOf((LogUniform(0.5, 6.0), Uniform(6.0, 12.0)), weights=(0.8, 0.2))
    )
    turbulence_slope: Knob = Uniform(2.6, 3.7)
    stratified: Knob = Normal(0.0, 6e-6)
    ramp: float = 2.0
    dem_error: Knob = Uniform(1.0, 4.0)
    phase_filter: Knob = OneOf(("goldstein", "boxcar", "none"), weights=(0.6, 0.1, 0.3))
    alpha: Knob = OneOf((1.0, Uniform(0.4, 1.0)))
    prefilter: Knob = OneOf((100.0, 0.0))
    coherence_window: Knob = Uniform(2.6, 5.4)
    covered: float = 0.4
    islands: Knob = Uniform(0.02, 0.3)
    artefacts: Knob = OneOf((0.0, 1.0, 2.0), weights=(0.5, 0.3, 0.2))
    stripes: Knob = OneOf((0.0, Uniform(0.2, 0.8)), weights=(0.92, 0.08))
    jitter: float = 0.1

    def draw_relief(self, rng: np.random.Generator) -> float:
        """Vertical scale of one scene."""
        scale = drawn(self.relief, rng)
        check_range("relief of the style", scale, 0.01, 20.0, "(factor)")
        return float(scale)

    def with_(self, **settings: object) -> Style:
        """The same style but for some settings.

        >>> PLAIN.with_(days=12.0).days
        12.0
        """
        unknown = sorted(set(settings) - set(self.__slots__))
        if unknown:
            raise InvalidArgument(
                f"a style has no setting {', '.join(unknown)}; it has {', '.join(self.__slots__)}"
            )
        return replace(self, **settings)  # type: ignore[arg-type]


PLAIN = Style()
"""The scenes that networks are trained on."""

SHIFTED = Style(
    turbulence_slope=Uniform(2.2, 2.6),
    looks=Uniform(4.0, 8.0),
    grain=Uniform(30.0, 36.0),
    phase_filter=OneOf(("goldstein", "none"), weights=(0.6, 0.4)),
    alpha=0.5,
    prefilter=0.0,
    coherence_window=Uniform(6.0, 8.0),
)
"""Another spectrum of the air, other looks, another filter: to see what carries over."""

IMAGES = Style(
    incidence=39.0, heading=-12.0, days=12.0, perpendicular=30.0, looks=1.0, grain=1.0, relief=1.0,
    regions="apennines",
    turbulence=2.0, turbulence_slope=8.0 / 3.0, stratified=0.0, phase_filter="goldstein", alpha=1.0,
    prefilter=100.0, coherence_window=5.0, stripes=0.0,
)  # fmt: skip
"""A pair of single-look images on a quiet day, ascending, 12 days apart."""

STYLES = {"plain": PLAIN, "shifted": SHIFTED, "images": IMAGES}
"""Styles by name."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What one scene drew from its style; names and units as there."""

    incidence: float
    heading: float
    days: float
    perpendicular: float
    looks: float
    grain: float
    region: Region
    cell: float
    turbulence: float
    turbulence_slope: float
    stratified: float
    ramp: float
    dem_error: float
    phase_filter: str
    alpha: float
    prefilter: float
    coherence_window: float
    islands: float
    stripes: float
    without: frozenset[str]

    def has(self, element: str) -> bool:
        """Whether an element is part of the scene."""
        return element not in self.without

    @property
    def island_limit(self) -> float:
        """What a field of variance 1 exceeds, up or down, on the share of ground that is unwrapped wrongly."""
        return -NormalDist().inv_cdf(self.islands / 2.0) if self.islands > 0.0 else math.inf

    def air_over(self, distance: float) -> float:
        """Standard deviation of the turbulent phase between places ``distance`` metres apart, radian."""
        if not self.has("atmosphere"):
            return 0.0
        between = math.sqrt(float(self.air.structure(distance)))
        return 4.0 * math.pi / WAVELENGTH * self.air_deviation * between

    def of_sample(self, sample: int) -> Conditions:
        """The conditions of a sample: there is but one kind."""
        return self

    @property
    def single_look(self) -> bool:
        """Whether the interferogram is the product of two images."""
        return self.looks == 1.0

    @property
    def filter_gain(self) -> float:
        """How many times more looks the phase has after the filter."""
        return {"goldstein": 6.0, "boxcar": 4.0}.get(self.phase_filter, 1.0)

    @property
    def air(self) -> Spectrum:
        """Spectrum of the turbulent delay."""
        return Spectrum(exponent=self.turbulence_slope, finest=40.0, coarsest=10_240.0)

    @property
    def air_deviation(self) -> float:
        """Standard deviation of the turbulent delay over the whole world, metres.

        Two points of a square are 0.52 sides apart on average.
        """
        of_cell = math.sqrt(float(self.air.structure(0.52 * self.cell)) / 2.0)
        return self.turbulence / 1000.0 / of_cell


def draw_conditions(
    style: Style, rng: np.random.Generator, *, classes: frozenset[str], without: frozenset[str]
) -> Conditions:
    """Draw what holds for a whole scene. What is left out does not change the rest."""
    for name in ("real", "covered", "jitter"):
        check_range(f"{name} of the style", getattr(style, name), 0.0, 1.0, "(share)")
    region = _region(style, rng, classes)
    days = drawn(region.days if style.days is None else style.days, rng)
    return _checked(
        Conditions(
            incidence=drawn(style.incidence, rng),
            heading=drawn(style.heading, rng),
            days=float(days),
            perpendicular=drawn(style.perpendicular, rng),
            looks=drawn(style.looks, rng),
            grain=drawn(style.grain, rng),
            region=region,
            cell=style.cell,
            turbulence=drawn(style.turbulence, rng),
            turbulence_slope=drawn(style.turbulence_slope, rng),
            stratified=drawn(style.stratified, rng),
            ramp=style.ramp,
            dem_error=drawn(style.dem_error, rng),
            phase_filter=drawn(style.phase_filter, rng),
            alpha=drawn(style.alpha, rng),
            prefilter=drawn(style.prefilter, rng),
            coherence_window=drawn(style.coherence_window, rng),
            islands=drawn(style.islands, rng),
            stripes=drawn(style.stripes, rng),
            without=without,
        )
    )


_LIMITS = {
    "incidence": (15.0, 60.0, "degrees"),
    "heading": (-360.0, 360.0, "degrees"),
    "days": (1.0, 3660.0, "days"),
    "perpendicular": (-1000.0, 1000.0, "metres"),
    "looks": (1.0, 200.0, "looks"),
    "grain": (0.1, 500.0, "metres"),
    "cell": (300.0, 1e6, "metres"),
    "turbulence": (0.0, 1000.0, "mm"),
    "turbulence_slope": (2.0, 6.0, "(exponent)"),
    "dem_error": (0.0, 1000.0, "metres"),
    "alpha": (0.0, 1.0, "(exponent)"),
    "prefilter": (0.0, 2000.0, "metres"),
    "coherence_window": (1, 31, "pixels"),
    "islands": (0.0, 1.0, "(share)"),
    "stripes": (0.0, 10.0, "radian"),
}
_FILTERS = ("goldstein", "boxcar", "none")


def _checked(conditions: Conditions) -> Conditions:
    """Conditions, refused where a setting of the style makes no sense."""
    for name, (least, most, unit) in _LIMITS.items():
        check_range(f"{name} of the style", getattr(conditions, name), least, most, unit)
    if 1.0 < conditions.looks < 2.0:
        raise InvalidArgument(
            f"looks of the style is {conditions.looks:g}; it must be 1 (images), or 2 or more"
        )
    if conditions.phase_filter not in _FILTERS:
        raise InvalidArgument(
            f"phase_filter of the style is {conditions.phase_filter!r}; it must be one of {', '.join(_FILTERS)}"
        )
    return conditions


def _region(style: Style, rng: np.random.Generator, classes: frozenset[str]) -> Region:
    """A region of the style in which some of the classes occur, with these classes alone."""
    for _ in range(200):
        name = drawn(style.regions, rng)
        if name not in REGIONS:
            raise InvalidArgument(f"regions of the style has {name!r}; known are {', '.join(REGIONS)}")
        region = REGIONS[name]
        if left := region.classes.among(classes):
            return replace(region, classes=left)
    # The style's regions have none of the classes: where they are at home comes first.
    for region in REGIONS.values():
        if left := region.classes.among(classes):
            return replace(region, classes=left)
    raise InvalidArgument(f"no region has any of the classes {sorted(classes)}")


def chosen_style(style: Style | str) -> Style:
    """Style by name, or as it is."""
    if isinstance(style, Style):
        return style
    if style not in STYLES:
        raise InvalidArgument(f"style is {style!r}; it must be a Style or one of {', '.join(STYLES)}")
    return STYLES[style]


def chosen_elements(without: Iterable[str]) -> frozenset[str]:
    """Elements that are left out."""
    left_out = frozenset([without] if isinstance(without, str) else without)
    if unknown := sorted(left_out - set(ELEMENTS)):
        raise InvalidArgument(f"without has {', '.join(unknown)}; elements are {', '.join(ELEMENTS)}")
    return left_out
