"""The study behind the defaults of ``insarfeat.filters.goldstein``.

``python -m benchmarks.filter_study [--docs PAGE] [--seeds N] [--quick] [--tools FOLDER]`` filters scenes with a known
truth and real interferograms with many settings, and with the other tools that are installed, and prints tables;
with ``--docs`` it renews them on the page, and the picture beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from benchmarks import phase_peers
from benchmarks.filter_scenes import (
    DISTANCES,
    FAMILIES,
    ByDistance,
    Scene,
    added_fringes,
    beside_edges,
    beside_holes,
    bowl,
    error,
    fringes_alike,
    held_out,
    load_tool,
    real_interferograms,
    rms,
    shared_noise,
    slide,
    speckled,
)
from benchmarks.pages import renew, table
from benchmarks.peers import Array, installed_version

Figures: TypeAlias = dict[str, dict[str, dict[str, list[float]]]]
"""By family, variant and figure: one number for each seed."""

CLASSIC: dict[str, Any] = {
    "alpha": 1.0,
    "window": 32,
    "overlap": 0.5,
    "smoothing": 0.0,
    "normalize": False,
}
_BY_COHERENCE = {"alpha": "coherence"}
_REACH = 32  # pixels that mirrored rasters are continued by


def _ours(ifg: Array, **settings: Any) -> Array:
    from insarfeat.filters import goldstein

    filtered: Array = goldstein(ifg, **settings)
    return filtered


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to filter.

    Attributes
    ----------
    settings
        Keyword arguments of ``function``.
    unit
        Whether the input is brought to magnitude 1 first.
    mirrored
        Whether the raster is continued by its mirror image first.
    package
        What a peer is imported by; None for our own filter.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    unit: bool = False
    mirrored: bool = False
    function: Callable[..., Array] = _ours
    package: str | None = None

    @property
    def installed(self) -> bool:
        """Whether the filter can run here."""
        return self.package is None or installed_version(self.package) is not None

    @property
    def label(self) -> str:
        """Name, with the version of a peer."""
        version = installed_version(self.package) if self.package else None
        return self.name.replace(str(self.package), f"{self.package} {version}") if version else self.name

    @property
    def by_coherence(self) -> bool:
        """Whether the filter asks for the coherence."""
        return self.settings.get("alpha") == _BY_COHERENCE["alpha"]

    def prepare(self, ifg: Array) -> Array:
        """Return what the filter is given of an interferogram."""
        magnitude = np.abs(ifg)
        return np.divide(ifg, magnitude, out=np.zeros_like(ifg), where=magnitude > 0) if self.unit else ifg

    def filter(self, given: Array, coherence: Array | None) -> Array:
        """Filter what has been prepared."""
        settings = dict(self.settings) | ({"coherence": coherence} if self.by_coherence else {})
        if not self.mirrored:
            return self.function(given, **settings)
        inner = slice(_REACH, -_REACH)
        return self.function(np.pad(given, _REACH, mode="symmetric"), **settings)[inner, inner]

    def __call__(self, ifg: Array, coherence: Array | None) -> Array:
        return self.filter(self.prepare(ifg), coherence)


VARIANTS = (
    Variant("classic", CLASSIC),
    Variant("classic, overlap 0.75", CLASSIC | {"overlap": 0.75}),
    Variant("classic, unit magnitude", CLASSIC, unit=True),
    Variant("smoothed only, by 1", {"smoothing": 1.0, "normalize": False}),
    Variant("normalised only", {"smoothing": 0.0}),
    Variant("**default**"),
    Variant("overlap 0.5", {"overlap": 0.5}),
    Variant("overlap 0.875", {"overlap": 0.875}),
    Variant("smoothing 1", {"smoothing": 1.0}),
    Variant("smoothing 2", {"smoothing": 2.0}),
    Variant("alpha 0.5", {"alpha": 0.5}),
    Variant("alpha 0.75", {"alpha": 0.75}),
    Variant('alpha "coherence"', _BY_COHERENCE),
    Variant("window 16, smoothing 0.625", {"window": 16, "smoothing": 0.625}),
    Variant("window 64, smoothing 2.5", {"window": 64, "smoothing": 2.5}),
    Variant("unit magnitude", unit=True),
)
_BY_NAME = {variant.name: variant for variant in VARIANTS}
_CLASSIC, _DEFAULT = _BY_NAME["classic"], _BY_NAME["**default**"]
_SMOOTH = {"overlap": 0.75, "smoothing": 1.0, "normalize": True}


def _rapidphase(name: str, alpha: float, window: int) -> Variant:
    """Its alpha is half of ours, as it takes the power of the power's spectrum."""
    settings = _SMOOTH | {"alpha": 2 * alpha, "window": window}
    return Variant(name, settings, function=phase_peers.rapidphase_goldstein, package="rapidphase")


PEERS = (
    Variant("dolphin", CLASSIC, function=phase_peers.dolphin_goldstein, package="dolphin"),
    Variant("whirlwind", CLASSIC, function=phase_peers.whirlwind_goldstein, package="whirlwind"),
    _rapidphase("rapidphase, its alpha 0.5", 0.5, 32),
    _rapidphase("rapidphase, its alpha 1", 1.0, 32),
    _rapidphase("rapidphase, its defaults", 0.6, 64),
)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: sizes in pixels.

    Attributes
    ----------
    crop
        Side that real interferograms are cut to; None for all of them.
    folds
        Parts that their pixels are held out in.
    """

    seeds: int
    scene: int = 1024
    large: int = 4096
    family: int = 512
    tile: int = 256
    crop: int | None = None
    folds: int = 4

    @property
    def large_seeds(self) -> int:
        """Seeds of the large scenes."""
        return min(2, self.seeds)

    @property
    def edge_seeds(self) -> int:
        """Seeds that edges and holes are cut from."""
        return min(3, self.seeds)


QUICK = Extent(seeds=1, scene=192, large=256, family=192, tile=96, crop=96, folds=2)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def measure(tool: ModuleType, extent: Extent, peers: Sequence[Variant] = PEERS) -> Figures:
    """Filter all scenes by all variants; peers do not get the large ones."""
    figures: Figures = {}
    runs = [(family, family, extent.family, extent.seeds) for family in FAMILIES if family != "scene"]
    runs += [
        ("scene", "scene", extent.scene, extent.seeds),
        ("large", "scene", extent.large, extent.large_seeds),
    ]
    for run, family, size, seeds in runs:
        _say(f"{run}, {size} px")
        asked = VARIANTS if run == "large" else (*VARIANTS, *peers)
        variants = [variant for variant in asked if variant.installed]
        figures[run] = {variant.name: {} for variant in variants}
        for seed in range(seeds):
            scene = FAMILIES[family].make(tool, size, seed)
            for variant in variants:
                start = time.perf_counter()
                filtered = variant(scene.ifg, scene.coherence)
                seconds = time.perf_counter() - start
                judged = FAMILIES[family].judge(tool, scene, filtered)
                judged["speed"] = size * size / seconds / 1e6
                for name, figure in judged.items():
                    figures[run][variant.name].setdefault(name, []).append(figure)
    return figures


# Tables


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: phase errors as ratios to the classic filter's, or figures as they are."""

    heading: str
    family: str
    figure: str
    decimals: int | None = None

    def cell(self, figures: Figures, variant: str) -> str:
        """Mean over seeds, over the classic filter's unless it is the classic filter's own."""
        found = figures[self.family].get(variant)
        if found is None:
            return ""
        mean = float(np.mean(found[self.figure]))
        if self.figure == "speed":
            return f"{max(found['speed']):.1f}"
        if self.decimals is not None:
            return f"{mean:.{self.decimals}f}"
        classic = float(np.mean(figures[self.family][_CLASSIC.name][self.figure]))
        return f"{mean:.3f} rad" if variant == _CLASSIC.name else f"{mean / classic:.2f}"

    def spread(self, figures: Figures) -> str:
        """Smallest and largest of the default's ratios over the seeds."""
        if self.figure == "speed" or self.decimals is not None:
            return ""
        family = figures[self.family]
        ratios = np.divide(family[_DEFAULT.name][self.figure], family[_CLASSIC.name][self.figure])
        return f"{ratios.min():.2f} to {ratios.max():.2f}"


def by_scene(figures: Figures, columns: Sequence[Column], peers: Sequence[Variant]) -> str:
    """All variants and peers by columns."""
    rows = []
    for variant in (*VARIANTS, *peers):
        if variant.installed:
            cells = [column.cell(figures, variant.name) for column in columns]
        else:
            cells = ["not installed", *[""] * (len(columns) - 1)]
        rows.append([variant.label, *cells])
        if variant is _DEFAULT:
            rows.append(["its range over seeds", *(column.spread(figures) for column in columns)])
    return table(["filter", *(column.heading for column in columns)], rows)


def whole_scenes(extent: Extent) -> list[Column]:
    """Columns of the scenes that are mostly smooth ground."""
    return [
        Column(f"{extent.scene} px: all", "scene", "all"),
        Column("steepest 5 %", "scene", "steepest"),
        Column("coherence < 0.35", "scene", "incoherent"),
        Column(f"{extent.large} px: all", "large", "all"),
        Column("steepest 5 %", "large", "steepest"),
        Column("coherence < 0.35", "large", "incoherent"),
        Column("all incoherent", "incoherent", "all"),
        Column("Mpx/s", "scene", "speed"),
    ]


HARD_SCENES = [
    Column("steep: all", "steep", "all"),
    Column("steepest 5 %", "steep", "steepest"),
    Column("of these lost, %", "steep", "lost", 2),
    Column("slides: inside", "slides", "inside"),
    Column("lost, %", "slides", "lost", 1),
    Column("around", "slides", "around"),
    Column("coherent slides: inside", "coherent slides", "inside"),
    Column("lost, %", "coherent slides", "lost", 1),
    Column("around", "coherent slides", "around"),
    Column("points, right phase", "right points", "all"),
    Column("points, random phase: others", "random points", "around"),
]


def _middle(length: int, crop: int | None) -> slice:
    return slice(None) if crop is None else slice((length - crop) // 2, (length + crop) // 2)


def on_real(tool: ModuleType, extent: Extent, data: Path) -> str:
    """Held-out prediction on real interferograms."""
    try:
        images = real_interferograms(data)
    except OSError as problem:
        return f"Not measured, as samples are missing: {problem}"
    cases: dict[str, Array] = {}
    for name, image in images.items():
        image = image[_middle(image.shape[0], extent.crop), _middle(image.shape[1], extent.crop)]
        fringes = added_fringes(tool, image.shape)
        for kind, phase in fringes.items():
            cases[f"{name}: {kind}"] = (image * np.exp(1j * phase)).astype(np.complex64)
    rows = []
    for variant in (variant for variant in VARIANTS if not variant.by_coherence):
        _say(f"real, {variant.name}")
        shares = [held_out(variant.filter, variant.prepare(image), extent.folds) for image in cases.values()]
        rows.append([variant.name, *(f"{share:.1f}" for share in shares)])
    shared = (shared_noise(image, _DEFAULT(image, None)) for image in cases.values())
    rows.append(["noise shared with the next pixel", *(f"{share:.2f}" for share in shared)])
    return table(["filter", *cases], rows)


_CUT = (
    _CLASSIC,
    Variant("classic, mirrored", CLASSIC, mirrored=True),
    _BY_NAME["smoothed only, by 1"],
    _DEFAULT,
    Variant("**default**, mirrored", mirrored=True),
)


def at_edges(tool: ModuleType, extent: Extent) -> tuple[str, str]:
    """Errors beside edges and beside holes, by distance."""
    edges = {variant.name: ByDistance.empty() for variant in _CUT}
    holes = {variant.name: ByDistance.empty() for variant in _CUT if not variant.mirrored}
    for seed in range(extent.edge_seeds):
        _say(f"edges and holes, seed {seed}")
        scene = FAMILIES["scene"].make(tool, extent.scene, seed)
        for variant in _CUT:
            whole = variant(scene.ifg, None)
            beside_edges(variant, scene, whole, extent.tile, edges[variant.name])
            if not variant.mirrored:
                beside_holes(variant, scene, whole, seed, holes[variant.name])
    return _by_distance(edges), _by_distance(holes)


def _by_distance(sums: Mapping[str, ByDistance]) -> str:
    classes = [f"{a}" if b == a + 1 else f"{a} to {b - 1}" for a, b in pairwise(DISTANCES)]
    rows = [
        [
            name,
            *(f"{a:.2f} ({b:.3f})" for a, b in zip(found.ratios(), found.radians(), strict=True)),
            str(found.lost),
        ]
        for name, found in sums.items()
    ]
    return table(["filter", *(f"{one} px" for one in classes), "valid pixels lost"], rows)


def on_noise(extent: Extent) -> str:
    """How much pure noise looks like phase afterwards."""
    from insarfeat.filters import phase_coherence

    parts = np.random.default_rng(1).standard_normal((2, extent.family, extent.family), dtype=np.float32)
    noise = (parts[0] + 1j * parts[1]).astype(np.complex64)
    names = ("classic", "smoothed only, by 1", "normalised only", "**default**", "smoothing 2")
    filtered = {"unfiltered": noise} | {name: _BY_NAME[name](noise, None) for name in names}
    rows = [
        [name, f"{float(np.mean(phase_coherence(image))):.2f}", f"{fringes_alike(image):.3f}"]
        for name, image in filtered.items()
    ]
    return table(["filter", "phase coherence, 5 x 5", "fringes alike, 5 x 5"], rows)


def study(tool: ModuleType, extent: Extent, data: Path, peers: Sequence[Variant] = PEERS) -> dict[str, str]:
    """Measure everything; return the tables by the names of their places on the page."""
    figures = measure(tool, extent, peers)
    edges, holes = at_edges(tool, extent)
    return {
        "run": (
            f"Seeds 0 to {extent.seeds - 1}; scenes of {extent.large} px, 0 to {extent.large_seeds - 1}; edges and "
            f"holes, 0 to {extent.edge_seeds - 1}. Numpy {np.__version__}, numba {installed_version('numba')}, one "
            f"thread."
        ),
        "whole scenes": by_scene(figures, whole_scenes(extent), peers),
        "hard scenes": by_scene(figures, HARD_SCENES, peers),
        "real": on_real(tool, extent, data),
        "edges": edges,
        "holes": holes,
        "noise": on_noise(extent),
    }


# The page


def showcase() -> Scene:
    """Fringes of 3.5 pixels on the left, small slides on the right."""
    height, width = 192, 256
    y, x = np.mgrid[:height, :width].astype(np.float32)
    generator = np.random.default_rng(3)
    phase = 0.02 * x + 0.01 * y + bowl(y - 96, x - 62, 20, 3.5)
    for top in range(32, height, 64):
        for left in (160, 222):
            phase += slide(y - top, x - left, generator)[0]
    coherence = np.full((height, width), 0.55, np.float32)
    return Scene(speckled(phase, coherence, np.ones_like(coherence), generator), phase, coherence)


def draw(path: Path) -> None:
    """Draw the showcase: measured, true, and filtered both ways."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    scene = showcase()
    clean = np.exp(1j * scene.clean)
    panels = {
        "as measured": scene.ifg,
        "truth": clean,
        "classic filter": _CLASSIC(scene.ifg, None),
        "insarfeat.filters.goldstein": _DEFAULT(scene.ifg, None),
    }
    figure = Figure(figsize=(10, 8.2), dpi=100, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    for axis, (title, image) in zip(axes.flat, panels.items(), strict=True):
        wrong = rms(error(image, scene.clean))
        drawn = axis.imshow(
            np.angle(image), cmap="twilight", vmin=-np.pi, vmax=np.pi, interpolation="nearest"
        )
        axis.set_title(title if title == "truth" else f"{title}: off by {wrong:.2f} rad (rms)", fontsize=12)
        axis.set(xticks=[], yticks=[])
    bar = figure.colorbar(
        drawn, ax=axes, orientation="horizontal", shrink=0.5, aspect=40, ticks=[-np.pi, 0, np.pi]
    )
    bar.ax.set_xticklabels(["-π", "0", "π"])
    bar.set_label("phase, rad")
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    Image.fromarray(pixels).quantize(128).save(path, optimize=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and renew the page; 1 where the scenes are absent."""
    data = Path(os.environ.get("INSARFEAT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.filter_study", description=__doc__)
    parser.add_argument("--docs", type=Path, help="page whose tables are renewed, with the picture beside it")
    parser.add_argument("--seeds", type=int, default=10, help="scenes of each kind (default: 10)")
    parser.add_argument(
        "--quick", action="store_true", help="one tiny scene of each kind, to see that it runs"
    )
    parser.add_argument("--tools", type=Path, default=data.parent / "tools", help="folder of phase_scene.py")
    wanted = parser.parse_args(arguments)
    try:
        tool = load_tool(wanted.tools)
    except FileNotFoundError as problem:
        _say(str(problem))
        return 1
    tables = study(tool, QUICK if wanted.quick else Extent(seeds=wanted.seeds), data)
    if wanted.docs:
        wanted.docs.write_text(renew(wanted.docs.read_text(), tables))
        draw(wanted.docs.with_suffix(".png"))
    sys.stdout.write("\n\n".join(tables.values()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
