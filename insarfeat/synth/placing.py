"""Where slides and artefacts lie: each cell of the world draws its own, whatever window is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from insarfeat.synth.classes import ARTEFACT, CLASSES, Form, SlideClass
from insarfeat.synth.fields import Field
from insarfeat.synth.ground import Surface
from insarfeat.synth.knobs import drawn
from insarfeat.synth.style import Conditions, Style
from insarfeat.windows import Window

_LONGEST = 1400.0  # metres, half a slide's length: how far from its centre ground can move
_CANDIDATES = 24
_COMPARED = 4
_DAYS_PER_YEAR = 365.25
REACH = 2700.0
"""Metres from a centre within which everything of a slide lies, its bent path and its rim included."""


@dataclass(frozen=True, slots=True)
class Shape:
    """An outline in plan: along the slope it runs from -1 to 1 half lengths, across from -1 to 1 half widths.

    Attributes
    ----------
    row, column
        Centre, pixels of the world.
    half_length, half_width
        Metres.
    down_east, down_south
        Unit vector along the axis, downhill.
    bend, twist
        Of the axis, metres sideways: ``bend * s**2 + twist * s**3`` at s half lengths from the centre.
    form, taper
        As of the class.
    ripple
        Amplitudes of the rim's irregularity, shares of the half width.
    """

    row: float
    column: float
    half_length: float
    half_width: float
    down_east: float
    down_south: float
    bend: float
    twist: float
    form: Form
    taper: float
    ripple: tuple[float, float, float, float]

    def window(self, pixel: float) -> Window:
        """Pixels of the world that the shape can touch."""
        bow = abs(self.bend) + abs(self.twist)
        reach = math.hypot(self.half_length, 1.2 * self.half_width + bow) / pixel + 5.0
        top, left = math.floor(self.row - reach), math.floor(self.column - reach)
        side = math.ceil(2.0 * reach) + 1
        return Window(top, left, side, side)


@dataclass(frozen=True, slots=True)
class Feature:
    """A landslide, or what looks like one and is none (class AR): its shape, and what differs between the two images.

    Attributes
    ----------
    code
        Class.
    shape
        Outline.
    motion
        Downslope, metres between the two images; 0 where nothing creeps.
    speed
        The same in cm a year; NaN where nothing creeps.
    rotation
        How far the motion turns from downward at the head to outward at the toe, 0 to 1.
    sector
        Extra speed of a part of it, as a share; 0 for none.
    patchy
        Share of the motion that varies from place to place.
    disruption
        Share of the coherence that is lost inside, beside what the motion itself costs.
    brightness
        Change of intensity in dB.
    phase
        Beside that of the motion, radian: at the rim of what an event moves, in the middle of an artefact.
    cover
        Value of the land cover's mosaic on it; NaN for that of its surroundings.
    jitter
        Pixels by which its outline is drawn too far south and east.
    """

    code: str
    shape: Shape
    motion: float = 0.0
    speed: float = math.nan
    rotation: float = 0.0
    sector: float = 0.0
    patchy: float = 0.0
    disruption: float = 0.0
    brightness: float = 0.0
    phase: float = 0.0
    cover: float = math.nan
    jitter: tuple[int, int] = (0, 0)

    @property
    def is_slide(self) -> bool:
        """Whether ground moves, or has moved."""
        return self.code != ARTEFACT

    @property
    def by_event(self) -> bool:
        """Whether it moved at once, between the two images."""
        return self.is_slide and math.isnan(self.speed)


@dataclass(frozen=True, slots=True)
class Placing:
    """The slides and artefacts of a world."""

    seed: int
    pixel: float
    style: Style
    conditions: Conditions

    def cells(self, window: Window) -> Iterator[tuple[int, int, Window]]:
        """Cells whose slides can reach a window: row and column of the cell, and its pixels."""
        side = max(1, round(self.style.cell / self.pixel))
        outer = window.grown(math.ceil(REACH / self.pixel))
        for row in range(outer.top // side, (outer.bottom - 1) // side + 1):
            for column in range(outer.left // side, (outer.right - 1) // side + 1):
                yield row, column, Window(row * side, column * side, side, side)

    def reach_of(self, window: Window) -> Window:
        """Pixels that must be known to place everything that touches a window."""
        whole = window
        for _, _, cell in self.cells(window):
            whole = whole.union(cell)
        return whole.grown(math.ceil(REACH / self.pixel))

    def of_cell(self, row: int, column: int, cell: Window, surface: Surface) -> list[Feature]:
        """What lies in one cell."""
        key = (self.seed, 0x51, 2 * abs(row) + (row < 0), 2 * abs(column) + (column < 0))
        return self.draw(np.random.default_rng(key), cell, surface)

    def draw(self, rng: np.random.Generator, cell: Window, surface: Surface) -> list[Feature]:
        """Draw what lies in one cell."""
        for_slides, for_artefacts = rng.spawn(2)
        placed: list[Feature] = []
        if self.conditions.has("displacement"):
            placed += self._slides(for_slides, cell, surface)
        if self.conditions.has("artefacts"):
            placed += self._artefacts(for_artefacts, cell, surface)
        return placed

    def _slides(self, rng: np.random.Generator, cell: Window, surface: Surface) -> list[Feature]:
        region = self.conditions.region
        slides: list[Feature] = []
        # Slides set off by one event come in crowds, and where there is none there is none.
        for _ in range(round(drawn(self.style.slides, rng) * region.crowd)):
            for _ in range(3):
                kind = CLASSES[region.classes.draw(rng)]
                slide = self._slide(rng, kind, cell, surface)
                if slide is not None and not any(
                    _overlap(slide.shape, other.shape, self.pixel) for other in slides
                ):
                    slides.append(slide)
                    break
        return slides

    def _slide(
        self, rng: np.random.Generator, kind: SlideClass, cell: Window, surface: Surface
    ) -> Feature | None:
        """A slide of one class where the ground suits it; None where no place was found."""
        rows = cell.top + rng.uniform(0.0, cell.height, _CANDIDATES)
        columns = cell.left + rng.uniform(0.0, cell.width, _CANDIDATES)
        inner = surface.at(rows, columns)
        slope = np.degrees(np.arctan(surface.steepness[inner]))
        fits = (slope >= kind.slope.low) & (slope <= kind.slope.high)
        if kind.high_ground:
            fits &= surface.height[inner] > 0.0
        shape = self._shape(rng, kind)
        if not fits.any():
            return None
        # Inventories hold what was seen: of a few places, the one whose slope the radar sees best.
        suited = np.flatnonzero(fits)[:_COMPARED]
        chosen = int(suited[np.argmax(self._sensitivity(surface, (inner[0][suited], inner[1][suited])))])
        shape = self._laid(shape, float(rows[chosen]), float(columns[chosen]), surface)
        return self._moving(rng, kind, shape)

    def _sensitivity(
        self, surface: Surface, at: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    ) -> Field:
        """Size of the slope-to-LOS factor: slope times level part and height part of the line of sight."""
        azimuth, incidence = np.radians(self.conditions.heading + 90.0), np.radians(self.conditions.incidence)
        east, north = np.sin(incidence) * np.sin(azimuth), np.sin(incidence) * np.cos(azimuth)
        slope = np.arctan(surface.steepness[at])
        level = surface.down_east[at] * east - surface.down_south[at] * north
        return np.asarray(np.abs(np.cos(slope) * level + np.sin(slope) * np.cos(incidence)))

    def _shape(self, rng: np.random.Generator, kind: SlideClass) -> Shape:
        """Size and form, not yet anywhere."""
        area = kind.draw_area(rng) * 1e6 / _FILL[kind.form]
        elongation = kind.elongation.draw(rng)
        half_length = min(math.sqrt(area * elongation) / 2.0, _LONGEST)
        half_width = area / 4.0 / half_length
        # 20 to 50 % for the rockslides, the rest as the class says.
        taper = kind.taper * rng.uniform(0.8, 1.25) if kind.form != "angular" else rng.uniform(0.2, 0.5)
        ripple = rng.normal(0.0, 0.06, 4)
        return Shape(
            0.0, 0.0, half_length, half_width, 1.0, 0.0, 0.0, 0.0, kind.form, float(min(taper, 1.0)),
            (float(ripple[0]), float(ripple[1]), float(ripple[2]), float(ripple[3])),
        )  # fmt: skip

    def _laid(self, shape: Shape, row: float, column: float, surface: Surface) -> Shape:
        """The shape on the ground, its axis along the steepest descent."""
        path = _path(surface, row, column, shape.half_length / self.pixel)
        half = len(path) // 2
        axis = path[-1] - path[0]
        length = float(np.hypot(*axis))
        south, east = axis / length if length > 0.0 else (0.0, 1.0)
        bend = twist = 0.0
        if shape.form in ("flow", "tongue"):
            # Sideways offset of the path from its axis, by least squares: b s^2 + c s^3.
            away = (path - path[half]) * self.pixel
            along = (away @ np.array([south, east])) / shape.half_length
            across = away @ np.array([east, -south])
            powers = np.stack([along**2, along**3], axis=1)
            (bend, twist), *_ = np.linalg.lstsq(powers, across, rcond=None)
            limit = 0.3 * shape.half_length
            bend, twist = (float(np.clip(value, -limit, limit)) for value in (bend, twist))
        if shape.form == "rampart":  # lies at the foot of the slope, along the contour
            south, east = east, -south
        return Shape(
            row, column, shape.half_length, shape.half_width, float(east), float(south), bend, twist,
            shape.form, shape.taper, shape.ripple,
        )  # fmt: skip

    def _moving(self, rng: np.random.Generator, kind: SlideClass, shape: Shape) -> Feature:
        """What the slide does between the two images."""
        speed = math.nan if kind.speed is None else kind.speed.draw(rng)
        motion = 0.0 if kind.speed is None else speed / 100.0 * self.conditions.days / _DAYS_PER_YEAR
        event = kind.speed is None
        return Feature(
            code=kind.code,
            shape=shape,
            motion=motion,
            speed=speed,
            rotation=float(rng.uniform(0.0, 0.8)) if kind.form == "ellipse" else 0.0,
            sector=float(rng.uniform(0.3, 1.0)) if rng.uniform() < 0.15 else 0.0,
            patchy=kind.patchy,
            disruption=float(rng.uniform(0.6, 1.0)) if event else float(rng.uniform(0.0, 0.15)),
            brightness=float(rng.choice([-1.0, 1.0]) * rng.uniform(1.0, 6.0)) if event else 0.0,
            phase=float(rng.normal(0.0, 1.0)) if event else 0.0,
            cover=float(rng.normal(0.4, 0.7)) if rng.uniform() < self.style.covered else math.nan,
            jitter=self._jitter(rng),
        )

    def _jitter(self, rng: np.random.Generator) -> tuple[int, int]:
        """How far beside the truth an outline is drawn: 1 to 3 pixels, or not at all."""
        south, east = (int(value) for value in rng.integers(-3, 4, 2))
        beside = rng.uniform() < self.style.jitter and self.conditions.has("labels")
        return (south, east) if beside else (0, 0)

    def _artefacts(self, rng: np.random.Generator, cell: Window, surface: Surface) -> list[Feature]:
        return [self._artefact(rng, cell, surface) for _ in range(round(drawn(self.style.artefacts, rng)))]

    def _artefact(self, rng: np.random.Generator, cell: Window, surface: Surface) -> Feature:
        """Blobs of turbulence, ploughed fields, quarries: of the size of slides, anywhere."""
        kind = str(rng.choice(["turbulence", "field", "field", "quarry"]))
        area = math.exp(rng.normal(math.log(0.07), 0.6)) * 1e6
        area = min(max(area, 5e3), 1e6) * (0.4 if kind == "quarry" else 1.0)
        elongation, turn = rng.uniform(1.0, 2.5), rng.uniform(0.0, 2.0 * math.pi)
        row, column = cell.top + rng.uniform(0.0, cell.height), cell.left + rng.uniform(0.0, cell.width)
        forms: dict[str, Form] = {"turbulence": "ellipse", "field": "angular", "quarry": "broad"}
        half_length = math.sqrt(area / _FILL[forms[kind]] * elongation) / 2.0
        ripple = rng.normal(0.0, 0.02 if kind == "field" else 0.1, 4)
        shape = Shape(
            float(row), float(column), half_length, half_length / elongation, math.cos(turn), math.sin(turn),
            0.0, 0.0, forms[kind], {"turbulence": 1.0, "field": 0.02, "quarry": 0.1}[kind],
            (float(ripple[0]), float(ripple[1]), float(ripple[2]), float(ripple[3])),
        )  # fmt: skip
        sign = float(rng.choice([-1.0, 1.0]))
        phase, disruption, brightness = {
            "turbulence": (sign * rng.uniform(0.8, 3.0), 0.0, 0.0),
            "field": (sign * rng.uniform(0.0, 1.8), rng.uniform(0.0, 0.95), rng.normal(0.0, 1.5)),
            "quarry": (sign * rng.uniform(0.0, 1.0), rng.uniform(0.5, 1.0), rng.uniform(-3.0, 4.0)),
        }[kind]
        return Feature(
            ARTEFACT, shape, phase=float(phase), disruption=float(disruption), brightness=float(brightness)
        )


_FILL: dict[Form, float] = {
    "flow": 0.517, "ellipse": math.pi / 4.0, "angular": 0.737, "broad": 0.876, "tongue": 0.775, "rampart": 0.786,
    "fan": 0.546,
}  # fmt: skip
"""Area of each form as a share of the rectangle about it (a test holds it to what is drawn)."""


def _path(
    surface: Surface, row: float, column: float, half_length: float, steps: int = 8
) -> npt.NDArray[np.float64]:
    """Points along the steepest descent through a place, upper end first; rows and columns of the world."""
    ends: list[list[tuple[float, float]]] = []
    for sign in (-1.0, 1.0):
        here, points = (row, column), []
        for _ in range(steps):
            south, east = surface.downhill(*here)
            stride = sign * half_length / steps
            here = (here[0] + stride * south, here[1] + stride * east)
            points.append(here)
        ends.append(points)
    return np.array([*reversed(ends[0]), (row, column), *ends[1]])


def _overlap(one: Shape, other: Shape, pixel: float) -> bool:
    """Whether two shapes come close to each other."""
    apart = math.hypot(one.row - other.row, one.column - other.column) * pixel
    sizes = [math.sqrt(shape.half_length * shape.half_width) for shape in (one, other)]
    return apart < 1.3 * sum(sizes)
