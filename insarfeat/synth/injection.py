"""Known slides in a measured pair: drawn to a plan, and put in as the radar would have seen them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument
from insarfeat.synth.arguments import check_range, check_whole
from insarfeat.synth.classes import CLASSES, SlideClass, chosen_classes
from insarfeat.synth.ground import Surface
from insarfeat.synth.grounds import site_of
from insarfeat.synth.knobs import LogUniform
from insarfeat.synth.placing import Feature, Placing, _overlap
from insarfeat.synth.raw import raw_layers
from insarfeat.synth.style import PLAIN, draw_conditions
from insarfeat.synth.table import Place, slide_table
from insarfeat.synth.world import World
from insarfeat.windows import Window

CREEPING = tuple(code for code, kind in CLASSES.items() if kind.speed is not None)
"""Classes that move on and on; what an event set off once has no speed."""

_PLACES = 400  # tried for a slide that wants steep ground, or high, or a place of its own
_DAYS_PER_YEAR = 365.25
_RESOLUTION = 25.0  # metres, of a few looks of Sentinel-1
_QUIET = 3.0  # mm of air over 2.4 km


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How a pair was taken.

    Attributes
    ----------
    incidence, heading
        Degrees, in the middle of the scene: from the vertical, and of the flight clockwise from true north. The radar
        looks right.
    days
        Between both images.
    looks
        Independent samples behind a pixel before any phase filter: how strong the noise is where coherence is lost.
    """

    incidence: float
    heading: float
    days: float
    looks: float = 9.0

    def __post_init__(self) -> None:
        check_range("incidence", self.incidence, 15.0, 60.0, "degrees")
        check_range("heading", self.heading, -360.0, 360.0, "degrees")
        check_range("days", self.days, 1.0, 3660.0, "days")
        check_range("looks", self.looks, 2.0, 200.0, "looks")


@dataclass(frozen=True, slots=True)
class SlidePlan:
    """What slides are drawn: evenly over the logarithms of area and speed, anywhere that a class occurs.

    Inventories hold what could be seen; a plan does not heed what the radar sees.

    Attributes
    ----------
    classes
        Codes, drawn as often as each other.
    area
        Smallest and largest, km2. None: of each class, nine in ten of its own.
    speed
        Slowest and fastest, cm a year down the slope. None: of each class, its own.
    """

    classes: tuple[str, ...] = CREEPING
    area: tuple[float, float] | None = None
    speed: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        once = chosen_classes(self.classes) - set(CREEPING)
        if once:
            raise InvalidArgument(
                f"classes has {', '.join(sorted(once))}, which moves once and has no speed; there are "
                f"{', '.join(CREEPING)}"
            )
        for name, limits, least, most in (
            ("area", self.area, 0.0005, 3.0),
            ("speed", self.speed, 0.1, 2000.0),
        ):
            if limits is not None:
                for value in limits:
                    check_range(name, value, least, most, "km2" if name == "area" else "cm a year")
                if limits[0] > limits[1]:
                    raise InvalidArgument(f"{name} is {limits}; the smaller one comes first")

    def kind(self, code: str, rng: np.random.Generator) -> SlideClass:
        """A class of one size, as the plan draws it."""
        kind = CLASSES[code]
        middle, spread = math.log(kind.area) - kind.area_sigma**2 / 2.0, 1.645 * kind.area_sigma
        least, most = kind.area_limits
        own = (max(math.exp(middle - spread), least), min(math.exp(middle + spread), most))
        area = LogUniform(*(self.area or own)).draw(rng)
        speed = kind.speed if self.speed is None else LogUniform(*self.speed)
        return replace(kind, speed=speed, area_limits=(area, area))


def draw_slides(
    pair: xr.Dataset, acquisition: Acquisition, count: int, *, plan: SlidePlan | None = None, seed: int = 0
) -> tuple[Feature, ...]:
    """Draw slides for the ground of a pair, none of which touches another.

    Parameters
    ----------
    pair
        With ``elevation`` in metres on a projected grid with square pixels.
    acquisition
        How it was taken; the days decide how far slides move. :func:`moved` gives the same slides in another pair.
    count
        Slides. Fewer where there is no more room, or no ground that suits.
    plan
        What is drawn.
    seed
        Another number, other slides.

    Examples
    --------
    >>> from insarfeat import synth
    >>> ground = synth.scene(3, size=128)[["elevation"]]
    >>> slides = draw_slides(ground, Acquisition(39.0, -12.0, 12.0), 3, plan=SlidePlan(("CF", "CS")))
    >>> {slide.code for slide in slides} <= {"CF", "CS"}, all(slide.motion > 0 for slide in slides)
    (True, True)
    """
    check_whole("count", count, least=1)
    check_whole("seed", seed, least=0)
    chosen = SlidePlan() if plan is None else plan
    known = _known(pair)
    world = _world(_filled(pair)[["elevation"]], acquisition, seed)
    placing = Placing(seed, world.pixel, world.style, world.conditions)
    surface = world.land.surface(placing.reach_of(Window(0, 0, *known.shape)))
    rng = np.random.default_rng((seed, 0x1D))
    found: list[Feature] = []
    for number in range(count):
        kind = chosen.kind(chosen.classes[number % len(chosen.classes)], rng)
        slide = _placed(rng, placing, kind, (surface, known), found)
        if slide is not None:
            found.append(slide)
    return tuple(found)


def moved(slides: Iterable[Feature], days: float) -> tuple[Feature, ...]:
    """The same slides in a pair of other length."""
    return tuple(replace(slide, motion=slide.speed / 100.0 * days / _DAYS_PER_YEAR) for slide in slides)


def inject(
    pair: xr.Dataset, acquisition: Acquisition, slides: Sequence[Feature], *, seed: int = 0
) -> xr.Dataset:
    r"""Put slides into a measured pair: their phase, the coherence that they cost, and noise in its place.

    .. math:: z' = k e^{i\phi} z + \sqrt{(1 - k^2) / n}\, A\, \nu

    with the share k of the coherence that is left, the looks n, the brightness A, and noise of variance 1. Air, land
    cover and noise of the pair stay as they were measured.

    Parameters
    ----------
    pair
        ``elevation`` (its nodata is bridged), ``coherence``, and ``interferogram`` or ``wrapped_phase``, on a
        projected grid with square pixels; ``intensity`` if there is one.
    acquisition
        How it was taken.
    slides
        As :func:`draw_slides` gives them.
    seed
        Of the noise.

    Returns
    -------
    xr.Dataset
        ``interferogram`` (as filtered as the given one), ``coherence``, ``intensity``; the truth ``landslide``
        (what shows), ``landslide_kind`` and ``landslide_id``; and along ``slide`` the table of
        :func:`insarfeat.synth.scene`. NaN where the pair has no value. Synthetic slides in real ground.

    Examples
    --------
    >>> from insarfeat import synth
    >>> quiet = synth.scene(3, size=128, without=["displacement", "artefacts"])
    >>> taken = Acquisition(39.0, -12.0, 12.0)
    >>> changed = inject(quiet, taken, draw_slides(quiet, taken, 3))
    >>> still = (changed["landslide_id"] == 0).values
    >>> bool(np.allclose(changed["interferogram"].values[still], quiet["interferogram"].values[still]))
    True
    """
    check_whole("seed", seed, least=0)
    for name in ("elevation", "coherence"):
        if name not in pair:
            raise InvalidArgument(f"pair has no {name}: add it")
    ground = _filled(pair)
    world = replace(_world(ground, acquisition, seed), placed=tuple(slides))
    if world.background is None:
        raise InvalidArgument("pair has neither interferogram nor wrapped_phase: add one")
    site = site_of(seed, 0, 0.0, PLAIN, ground)
    whole = Window(0, 0, *site.shape)
    view = world.window(whole)
    raw = raw_layers(world, whole, view)
    nodata = ~np.isfinite(raw["interferogram"])
    kept = ("interferogram", "coherence", "landslide", "landslide_kind", "landslide_id")
    layers = {name: raw[name] for name in (*kept, *(["intensity"] if "intensity" in pair else []))}
    for name in ("landslide", "landslide_kind", "landslide_id"):
        layers[name] = np.where(nodata, 0, layers[name])
    dims = pair["elevation"].dims
    table = slide_table(view, layers["landslide_id"], whole, Place.of(site.coordinates, site.pixel))
    made = xr.Dataset(
        {name: (dims, values) for name, values in layers.items()}, coords=pair["elevation"].coords
    )
    return made.assign(table)


def _world(ground: xr.Dataset, acquisition: Acquisition, seed: int) -> World:
    """The world of a pair, without slides."""
    site = site_of(seed, 0, 0.0, PLAIN, ground if "coherence" in ground else ground["elevation"])
    style = PLAIN.with_(
        incidence=acquisition.incidence, heading=acquisition.heading - site.north, days=acquisition.days,
        looks=acquisition.looks, perpendicular=0.0, grain=max(_RESOLUTION, site.pixel), turbulence=_QUIET,
        turbulence_slope=8.0 / 3.0, phase_filter="goldstein", relief=1.0, covered=0.0, jitter=0.0,
    )  # fmt: skip
    conditions = draw_conditions(
        style, np.random.default_rng(seed), classes=chosen_classes(None), without=frozenset()
    )
    return replace(World.of(seed, site.pixel, style, conditions, site.relief), background=site.background)


def _filled(pair: xr.Dataset) -> xr.Dataset:
    """The pair with elevations everywhere: those of the nearest place that has one."""
    if "elevation" not in pair:
        raise InvalidArgument("pair has no elevation, which tells where slides go: add it")
    heights = np.array(pair["elevation"].values, np.float32)
    missing = ~np.isfinite(heights)
    if missing.all():
        raise InvalidArgument("elevation of the pair is nodata everywhere; give a DEM that covers it")
    if missing.any():
        from scipy.ndimage import distance_transform_edt

        nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
        heights = heights[tuple(nearest)]
    return pair.assign(elevation=pair["elevation"].copy(data=heights))


def _known(pair: xr.Dataset) -> NDArray[np.bool_]:
    """Where slides may lie: where all of the pair that is there has values."""
    known = np.ones(pair["elevation"].shape, bool)
    for name in ("elevation", "coherence", "wrapped_phase", "interferogram"):
        if name in pair:
            known &= np.isfinite(pair[name].values)
    return known


def _placed(
    rng: np.random.Generator,
    placing: Placing,
    kind: SlideClass,
    ground: tuple[Surface, NDArray[np.bool_]],
    others: Sequence[Feature],
) -> Feature | None:
    """A slide of a class on known ground that suits it, beside the others; None where no such place was found."""
    surface, known = ground
    rows, columns = (rng.uniform(0.0, side, _PLACES) for side in known.shape)
    at = surface.at(rows, columns)
    slope = np.degrees(np.arctan(surface.steepness[at]))
    fits = (
        (slope >= kind.slope.low) & (slope <= kind.slope.high) & known[rows.astype(int), columns.astype(int)]
    )
    if kind.high_ground:
        fits &= surface.height[at] > 0.0
    shape = placing._shape(rng, kind)
    for place in np.flatnonzero(fits):
        laid = placing._laid(shape, float(rows[place]), float(columns[place]), surface)
        if not any(_overlap(laid, other.shape, placing.pixel) for other in others):
            return placing._moving(rng, kind, laid)
    return None
