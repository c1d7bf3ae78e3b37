"""The pictures of docs/synthetic.md: what a synthetic scene is made of, and what makes a slide invisible.

``python -m benchmarks.synth_picture --docs docs``: two minutes.
"""

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from PIL import Image

from insarfeat import plot, synth, terrain
from insarfeat.synth.classes import CLASSES
from insarfeat.synth.fields import Array, EndlessDraws, Field, Spectrum, Taps
from insarfeat.synth.ground import Land
from insarfeat.synth.layers import Seen, phase_layers
from insarfeat.synth.observation import Observation, observe
from insarfeat.synth.placing import Feature, Shape
from insarfeat.synth.slides import KINDS, Look, Sighting
from insarfeat.synth.style import Conditions, Style, draw_conditions
from insarfeat.windows import Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEED, SIZE = 6, 256
SCENE = synth.PLAIN.with_(
    regions="apennines", days=18.0, incidence=33.0, heading=-12.0, perpendicular=90.0, relief=1.5, slides=3.0,
    looks=8.0, grain=22.0, turbulence=2.5, turbulence_slope=3.0, stratified=8e-6, dem_error=3.0,
    phase_filter="goldstein", alpha=1.0, prefilter=0.0, coherence_window=5.0, islands=0.25, artefacts=1.0,
    stripes=0.0, jitter=0.0,
)  # fmt: skip
"""One that has something of everything in it."""

_SEEN, _BROKEN, _IGNORED, _ARTEFACT = "#0072b2", "#e69f00", "#000000", "#cc79a7"  # of Okabe and Ito

Raster = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """One map: values, colours and their ends; what stands above it, and outlines drawn on it."""

    title: str
    values: Raster
    colours: str = "viridis"
    low: float | None = None
    high: float | None = None
    outlines: tuple[tuple[Raster, str], ...] = ()
    note: str = ""

    def cut(self, part: tuple[slice, slice]) -> Panel:
        """The same of a part of the map."""
        outlines = tuple((mask[part], colour) for mask, colour in self.outlines)
        return Panel(self.title, self.values[part], self.colours, self.low, self.high, outlines, self.note)


def phase(title: str, values: Raster, **more: Any) -> Panel:
    """Of a wrapped phase, radian."""
    return Panel(title, values, "twilight_shifted", -math.pi, math.pi, **more)


def coherence(title: str, values: Raster, **more: Any) -> Panel:
    """Of a coherence, 0 to 1."""
    return Panel(title, values, "gray", 0.0, 1.0, **more)


def signed(title: str, values: Raster, most: float, **more: Any) -> Panel:
    """Of values whose zero means something."""
    return Panel(title, values, "RdBu_r", -most, most, **more)


def decibels(title: str, power: Raster, **more: Any) -> Panel:
    """Of an intensity."""
    return Panel(title, 10.0 * np.log10(np.maximum(power, 1e-6)), "gray", -12.0, 10.0, **more)


def sheet(panels: Sequence[Panel], columns: int, *, side: float = 2.4, bars: bool = True) -> Figure:
    """Panels row by row."""
    from matplotlib.figure import Figure

    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(columns * (side + 0.35 * bars), rows * (side + 0.2)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for each in axes.flat:
        each.set_axis_off()
    for each, panel in zip(axes.flat, panels, strict=False):
        drawn = _draw(each, panel)
        if bars and panel.values.ndim == 2:
            bar = figure.colorbar(drawn, ax=each, shrink=0.9, pad=0.02, aspect=25)
            bar.ax.tick_params(labelsize=6, length=2)
    return figure


def _draw(axes: Axes, panel: Panel) -> Any:
    """One panel; the image of it."""
    drawn = axes.imshow(
        panel.values, cmap=panel.colours, vmin=panel.low, vmax=panel.high, interpolation="nearest"
    )
    axes.set_title(panel.title, fontsize=8, pad=3)
    for mask, colour in panel.outlines:
        if mask.any():
            axes.contour(mask, [0.5], colors=colour, linewidths=0.8)
    if panel.note:
        axes.text(
            0.5,
            -0.02,
            panel.note,
            transform=axes.transAxes,
            ha="center",
            va="top",
            fontsize=7.5,
        )
    return drawn


def save(figure: Figure, out: Path, dpi: int) -> None:
    """Write a picture in 256 colours."""
    page = Image.open(io.BytesIO(plot.png(figure, dpi=dpi))).convert("RGB")
    page.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE).save(
        out, optimize=True
    )


def shown(scene: xr.Dataset, name: str) -> Raster:
    """Values of a layer."""
    return np.asarray(scene[name].values)


def light(scene: xr.Dataset) -> Raster:
    """Hillshade."""
    return np.asarray(terrain.hillshade(scene["elevation"]).values)


def labels(scene: xr.Dataset) -> Raster:
    """Labels in colours over the relief: (rows, columns, 3)."""
    from matplotlib.colors import to_rgb

    painted = np.repeat((0.55 + 0.45 * light(scene))[..., np.newaxis], 3, axis=2)
    seen, kind = shown(scene, "landslide") == 1, shown(scene, "landslide_kind")
    for mask, colour in (
        (shown(scene, "artefact") == 1, _ARTEFACT),
        (shown(scene, "valid_mask") == 0, _IGNORED),
        (seen & (kind == KINDS["coherent"]), _SEEN),
        (seen & (kind == KINDS["incoherent"]), _BROKEN),
    ):
        painted[mask] = to_rgb(colour)
    return painted


def anatomy() -> Figure:
    """Layers of one scene."""
    from matplotlib.patches import Patch

    made = synth.scene(SEED, size=SIZE, style=SCENE)
    slides, artefacts = shown(made, "landslide_id") > 0, shown(made, "artefact") > 0
    air = shown(made, "atmosphere_true")
    about = ((slides, "black"), (artefacts, _ARTEFACT))
    on_dark = ((slides, "#56b4e9"), (artefacts, _ARTEFACT))
    most = 100.0 * float(np.abs(shown(made, "displacement_true")).max())
    panels = [
        Panel("ground: light, and slides", light(made), "gray", outlines=on_dark),
        signed("true displacement, cm", 100.0 * shown(made, "displacement_true"), most, outlines=about[:1]),
        signed("atmosphere about its mean, radian", air - air.mean(), 2.0),
        coherence("true coherence", shown(made, "coherence_true")),
        phase("phase without noise, radian", shown(made, "phase_true"), outlines=about[:1]),
        phase("phase with noise", np.angle(shown(made, "interferogram"))),
        phase("filtered: wrapped_phase", shown(made, "wrapped_phase")),
        coherence("estimated: coherence", shown(made, "coherence")),
        decibels("intensity, dB", shown(made, "intensity")),
        Panel("sensitivity", shown(made, "sensitivity"), "viridis", 0.0, 1.0),
        Panel("terrain_pc1", shown(made, "terrain_pc1"), "viridis"),
        Panel("labels", labels(made)),
    ]
    figure = sheet(panels, 4)
    keys = {
        "slide, coherent": _SEEN,
        "slide, incoherent": _BROKEN,
        "moves, not to be seen: ignored": _IGNORED,
        "artefact": _ARTEFACT,
    }
    figure.legend(
        handles=[Patch(color=colour, label=name) for name, colour in keys.items()],
        loc="outside lower right", ncols=4, fontsize=7, frameon=False,
    )  # fmt: skip
    return figure


@dataclass(frozen=True, slots=True)
class Pair:
    """How an element shows: the layer that tells most of it."""

    element: str
    layer: str
    draw: Callable[[xr.Dataset], Panel]


def _phase_of(name: str) -> Callable[[xr.Dataset], Panel]:
    return lambda made: phase("", shown(made, name))


def _about_middle(values: Raster) -> Panel:
    return signed("", values - np.median(values), 9.0)


PAIRS = (
    Pair("terrain", "intensity", lambda made: decibels("", shown(made, "intensity"))),
    Pair("geometry", "coherence", lambda made: coherence("", shown(made, "coherence"))),
    Pair("displacement", "phase without noise", _phase_of("phase_true")),
    Pair("atmosphere", "phase without noise", _phase_of("phase_true")),
    Pair("dem_error", "phase without noise", _phase_of("phase_true")),
    Pair("coherence", "coherence", lambda made: coherence("", shown(made, "coherence"))),
    Pair("noise", "phase", lambda made: phase("", np.angle(shown(made, "interferogram")))),
    Pair("filter", "filtered phase", _phase_of("wrapped_phase")),
    Pair("unwrapping", "unwrapped phase", lambda made: _about_middle(shown(made, "unwrapped_phase"))),
    Pair("artefacts", "filtered phase", _phase_of("wrapped_phase")),
    Pair("labels", "labels", lambda made: Panel("", labels(made))),
)


def elements(part: tuple[slice, slice]) -> Figure:
    """Each element left out and put back, in the layer that shows it best."""
    whole = synth.scene(SEED, size=SIZE, style=SCENE)
    panels: list[Panel] = []
    for pair in PAIRS:
        bare = synth.scene(SEED, size=SIZE, style=SCENE, without=[pair.element])
        panels += [pair.draw(bare), pair.draw(whole)]
        panels[-2:] = _titled(panels[-2:], f"without {pair.element}", f"with: {pair.layer}")
    measured = synth.scene(SEED + 1, size=SIZE, style=SCENE, without=["displacement", "artefacts"])
    under = synth.scene(SEED, ground=measured, style=SCENE.with_(slides=4.0))
    panels += _titled(
        [phase("", shown(measured, "wrapped_phase")), phase("", shown(under, "wrapped_phase"))],
        "background: as measured", "with slides in it",
    )  # fmt: skip
    return sheet([panel.cut(part) for panel in panels], 6, side=1.85, bars=False)


def _titled(pair: Sequence[Panel], *titles: str) -> list[Panel]:
    return [
        Panel(title, panel.values, panel.colours, panel.low, panel.high, panel.outlines)
        for title, panel in zip(titles, pair, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Hillside:
    """Ground of one slope, a little rough.

    Attributes
    ----------
    pixel
        Metres.
    slope, facing
        Degrees; clockwise from north.
    """

    pixel: float
    slope: float
    facing: float

    def elevation(self, window: Window) -> Field:
        """Metres on the pixels of a window."""
        return self.overview(window, 1)

    def overview(self, window: Window, step: int) -> Field:
        """Metres on a grid whose pixels are ``step`` times larger."""
        pixel = self.pixel * step
        south, east = (
            (first + np.arange(count) + 0.5) * pixel
            for first, count in ((window.top, window.height), (window.left, window.width))
        )
        facing = math.radians(self.facing)
        downhill = np.add.outer(-south * math.cos(facing), east * math.sin(facing))
        rough = EndlessDraws(3, pixel, window).field("rough", Spectrum(4.2, 40.0, 320.0))[0]
        made = 2000.0 - math.tan(math.radians(self.slope)) * downhill + 3.0 * rough
        return np.asarray(made, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Covered:
    """Draws of a world whose land cover lies about one value of the mosaic."""

    inner: EndlessDraws
    cover: float

    @property
    def backend(self) -> Any:
        """NumPy."""
        return np

    def array(self, values: Raster) -> Array:
        """The values as they are."""
        return values

    def field(self, name: str, spectrum: Spectrum) -> Array:
        """Field of mean 0 and variance 1, but for the cover's."""
        values = self.inner.field(name, spectrum)
        return self.cover + 0.25 * values if name == "cover" else values

    def white(self, name: str, lattice: Window) -> Array:
        """Independent standard normal numbers."""
        return self.inner.white(name, lattice)

    def spread(self, nodes: Array, down: Taps, across: Taps) -> Array:
        """Nodes spread over pixels."""
        return self.inner.spread(nodes, down, across)


_INCIDENCE, _HEADING = 36.0, -12.0
_GRASS_AND_ROCK, _FOREST = 1.0, -1.0


def _unseen_direction(slope: float) -> float:
    """Degrees from north: where downslope motion is square to the line of sight."""
    toward_radar = _HEADING - 90.0
    beside = math.degrees(math.acos(math.tan(math.radians(slope)) / math.tan(math.radians(_INCIDENCE))))
    return toward_radar + beside


@dataclass(frozen=True, slots=True)
class Case:
    """One slide, under some conditions.

    Attributes
    ----------
    title
        Of the panel.
    speed
        cm a year.
    area
        Square kilometres.
    days
        Between the images.
    slope, facing
        Of the ground, degrees.
    cover
        Value that the mosaic of land cover lies about.
    turbulence
        Millimetres over 2.4 km.
    pixel
        Metres.
    """

    title: str
    speed: float = 40.0
    area: float = 0.06
    days: float = 12.0
    slope: float = 14.0
    facing: float = 78.0
    cover: float = _GRASS_AND_ROCK
    turbulence: float = 0.6
    pixel: float = 15.0

    @property
    def style(self) -> Style:
        """The conditions, all of them fixed."""
        return synth.PLAIN.with_(
            incidence=_INCIDENCE, heading=_HEADING, days=self.days, perpendicular=20.0, looks=6.0, grain=25.0,
            regions="apennines", turbulence=self.turbulence, turbulence_slope=2.7, stratified=0.0, ramp=0.0,
            dem_error=1.0, phase_filter="goldstein", alpha=0.4, prefilter=0.0, coherence_window=5.0,
            stripes=0.0,
        )  # fmt: skip

    @property
    def conditions(self) -> Conditions:
        """What the style gives."""
        return draw_conditions(
            self.style, np.random.default_rng(1), classes=frozenset(CLASSES), without=frozenset()
        )

    def slide(self, row: float, column: float) -> Feature:
        """The earthflow, straight down the slope."""
        half_length = math.sqrt(self.area * 1e6 / 0.517 * 3.0) / 2.0
        facing = math.radians(self.facing)
        shape = Shape(
            row, column, half_length, half_length / 3.0, math.sin(facing), -math.cos(facing),
            0.12 * half_length, 0.0, "flow", 0.25, (0.05, -0.04, 0.05, 0.03),
        )  # fmt: skip
        return Feature("CF", shape, motion=self.speed / 100.0 * self.days / 365.25, speed=self.speed)


CASES = (
    Case("40 cm a year, 12 days"),
    Case("too slow: 4 cm a year", speed=4.0),
    Case("too fast: 200 cm a year, 30 days", speed=200.0, days=30.0),
    Case("moves across the line of sight", facing=_unseen_direction(14.0)),
    Case("in forest, 36 days", days=36.0, cover=_FOREST),
    Case("in layover", slope=42.0, facing=258.0),
    Case("on a day of bad air", turbulence=9.0),
    Case("a tenth as large, pixels of 50 m", area=0.006, pixel=50.0),
)
_EXTENT = 1200.0  # metres shown
_MARGIN = 40  # pixels: the filter's reach


def observed(case: Case) -> tuple[Observation, dict[str, Raster], Sighting]:
    """What a pair shows of the slide."""
    side = round(_EXTENT / case.pixel)
    window = Window(-_MARGIN, -_MARGIN, side + 2 * _MARGIN, side + 2 * _MARGIN)
    conditions = case.conditions
    ground = Land(Hillside(case.pixel, case.slope, case.facing), case.pixel, conditions).ground(window)
    draws = Covered(EndlessDraws(8, case.pixel, window), case.cover)
    seen = observe(
        draws, ground.batch(), Look(window, case.pixel, conditions), [(0, case.slide(side / 2, side / 2))]
    )
    layers = phase_layers(
        Seen(
            seen.pair.interferogram[0], seen.boxcar.interferogram[0], seen.coherence[0], ground.slope_to_los,
            ground.hidden.astype(np.uint8), seen.phase[0], seen.cycles[0],
        ),
        conditions,
        case.pixel,
    )  # fmt: skip
    inner = (slice(_MARGIN, -_MARGIN),) * 2
    rasters = {
        "phase": np.asarray(layers["wrapped_phase"])[inner],
        "coherence": np.asarray(seen.coherence[0])[inner],
        "outline": np.asarray(seen.traces.number[0])[inner] > 0,
    }
    return seen, rasters, seen.traces.sightings[0]


def _kind(sighting: Sighting, pixels: int) -> str:
    """What the generator says of the slide."""
    if sighting.kind == "hidden" and sighting.visible > 0.5:
        return f"hidden: has {pixels} pixels"
    return f"{sighting.kind}: {sighting.visible:.0%} of it shows"


def invisible() -> Figure:
    """One slide eight times: phase above, coherence below."""
    panels: list[Panel] = []
    for first in range(0, len(CASES), 4):
        found = [(case, *observed(case)[1:]) for case in CASES[first : first + 4]]
        for case, rasters, _ in found:
            panels.append(phase(case.title, rasters["phase"], outlines=((rasters["outline"], "black"),)))
        for _, rasters, sighting in found:
            panels.append(
                coherence(
                    "",
                    rasters["coherence"],
                    outlines=((rasters["outline"], "#e69f00"),),
                    note=_kind(sighting, int(rasters["outline"].sum())),
                )
            )
    return sheet(panels, 4, side=2.3, bars=False)


PICTURES: dict[str, tuple[Callable[[], Figure], int]] = {
    "anatomy": (anatomy, 110),
    "elements": (lambda: elements((slice(16, 176), slice(80, 240))), 105),
    "invisible": (invisible, 100),
}


def main(arguments: Iterable[str] | None = None) -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, required=True, help="folder of the pages")
    parser.add_argument("--only", choices=PICTURES, action="append", help="draw these alone")
    chosen = parser.parse_args(None if arguments is None else list(arguments))
    for name in chosen.only or PICTURES:
        draw, dpi = PICTURES[name]
        save(draw(), chosen.docs / f"synthetic-{name}.png", dpi)


if __name__ == "__main__":
    main()
