"""What phase filters are tried on: scenes with a known clean phase, real interferograms, edges and holes.

The main scenes come from ``phase_scene.py``, which lies beside the real samples and not in this repository.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from benchmarks.peers import Array

Filter: TypeAlias = Callable[[Array, Array | None], Array]
"""Takes an interferogram and its coherence, if that is known; returns the filtered interferogram."""

_LOOKS = 10
_MARGIN = 16  # pixels at each edge of a scene that are not judged
_LOST = np.pi / 2
_TOOL = "phase_scene.py"
DISTANCES = (0, 1, 2, 4, 8, 16, 32)
"""Limits of the classes of distance from an edge, in pixels."""


@dataclass(frozen=True, slots=True)
class Scene:
    """An interferogram and the truth behind it.

    Attributes
    ----------
    marked
        Pixels of slides, or of point targets; None in scenes that have neither.
    """

    ifg: Array
    clean: Array
    coherence: Array
    marked: Array | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Scenes of one kind, and what filters are judged by on them.

    Attributes
    ----------
    make
        Takes the loaded tool, a size and a seed.
    judge
        Takes the loaded tool, the scene and the filtered interferogram; returns figures by name, phase errors in
        radians and shares of pixels in percent.
    """

    make: Callable[[Any, int, int], Scene]
    judge: Callable[[Any, Scene, Array], dict[str, float]]


def load_tool(folder: Path) -> ModuleType:
    """Import ``phase_scene.py`` from a folder."""
    path = folder / _TOOL
    spec = importlib.util.spec_from_file_location("phase_scene", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(
            f"no {_TOOL} in {folder}: give its folder with --tools, or set INSARFEAT_TEST_DATA to the folder of "
            "real samples that tools/ lies beside"
        )
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


# Scenes


def speckled(phase: Array, coherence: Array, brightness: Array, generator: np.random.Generator) -> Array:
    """Ten-look interferogram of a phase: the mean of products of circular Gaussian pairs."""
    apart = np.sqrt(1 - coherence * coherence)
    total = np.zeros(phase.shape, np.complex64)
    for _ in range(_LOOKS):
        parts = generator.standard_normal((2, 2, *phase.shape), dtype=np.float32)
        primary, other = (parts[0] + 1j * parts[1]) * np.float32(np.sqrt(0.5))
        total += primary * np.conj(coherence * primary + apart * other)
    image: Array = (total / _LOOKS * brightness * np.exp(1j * phase)).astype(np.complex64)
    return image


def random_field(size: int, generator: np.random.Generator, gain: Callable[[Array], Array]) -> Array:
    """Gaussian field of deviation 1 with a given gain by frequency (cycles per pixel), float32."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size))
    spectrum = np.fft.fft2(generator.standard_normal((size, size))) * gain(frequency)
    field = np.fft.ifft2(spectrum).real
    scaled: Array = (field / field.std()).astype(np.float32)
    return scaled


def _air(size: int, generator: np.random.Generator, deviation: float) -> Array:
    def gain(frequency: Array) -> Array:
        known = np.where(frequency > 0, frequency, np.inf)
        power: Array = known ** (-11 / 6)
        return power

    return deviation * random_field(size, generator, gain)


def _patchy(size: int, generator: np.random.Generator, mean: float, deviation: float) -> Array:
    """Smooth patches between 0.1 and 0.95."""
    patches = random_field(size, generator, lambda frequency: np.exp(-((40 * frequency) ** 2)))
    limited: Array = (mean + deviation * patches).clip(0.1, 0.95).astype(np.float32)
    return limited


def bowl(y: Array, x: Array, radius: float, narrowest: float) -> Array:
    """Gaussian bowl around (0, 0) whose narrowest fringe is so many pixels wide."""
    depth = 2 * np.pi / narrowest * radius * np.exp(0.5)
    phase: Array = depth * np.exp(-(y * y + x * x) / (2 * radius * radius))
    return phase


def slide(y: Array, x: Array, generator: np.random.Generator) -> tuple[Array, Array]:
    """Phase of a small slide around (0, 0), which begins with a jump, and its pixels.

    An ellipse of 5 to 15 pixels' radius that jumps by 0.5 to 2 rad at its border; inside it the phase rises by up
    to two fringes, either to the middle or from one side to the other.
    """
    radius, flat, angle = generator.uniform((5, 0.6, 0), (15, 1, np.pi))
    along = x * np.cos(angle) + y * np.sin(angle)
    across = (y * np.cos(angle) - x * np.sin(angle)) / flat
    distance = np.hypot(along, across) / radius
    rise = min(generator.uniform(1, 2) * 2 * np.pi, radius)  # 1 rad per pixel at the steepest
    shape = 1 - distance if generator.integers(2) else (along / radius + 1) / 2
    inside = distance < 1
    phase = generator.choice((-1, 1)) * (generator.uniform(0.5, 2) + rise * shape)
    return np.where(inside, phase, 0), inside


def steep_phase(size: int, seed: int) -> Array:
    """Bowls side by side whose narrowest fringes are 3 to 6 pixels wide (2 would be aliased), and some air."""
    generator = np.random.default_rng((seed, 11))
    y, x = np.mgrid[:size, :size].astype(np.float32)
    phase = _air(size, generator, 1.0)
    for top in range(64, size, 128):
        for left in range(64, size, 128):
            away = generator.uniform(-8, 8, 2)
            one = bowl(
                y - top - away[0], x - left - away[1], generator.uniform(12, 30), generator.uniform(3, 6)
            )
            phase += generator.choice((-1, 1)) * one
    return phase.astype(np.float32)


def slides_phase(size: int, seed: int) -> tuple[Array, Array]:
    """One small slide in each 64 x 64 pixels on a gentle ramp and some air, and the slides' pixels."""
    generator = np.random.default_rng((seed, 12))
    y, x = np.mgrid[:size, :size].astype(np.float32)
    phase = _air(size, generator, 1.5) + 2 * np.pi * (3 * x + 2 * y) / 512
    marked = np.zeros((size, size), bool)
    for top in range(32, size, 64):
        for left in range(32, size, 64):
            away = generator.uniform(-10, 10, 2)
            moved, inside = slide(y - top - away[0], x - left - away[1], generator)
            phase += moved
            marked |= inside
    return phase.astype(np.float32), marked


def _main_scene(tool: Any, size: int, seed: int) -> Scene:
    return Scene(*tool.make(size, seed))


def _over(phase: Array, seed: int, mean: float, deviation: float, marked: Array | None = None) -> Scene:
    """A phase under speckle, with a patchy coherence of a given mean and deviation."""
    generator = np.random.default_rng((seed, 99))
    coherence = _patchy(len(phase), generator, mean, deviation)
    brightness = 100 * _patchy(len(phase), generator, 0.55, 0.22)
    return Scene(speckled(phase, coherence, brightness, generator), phase, coherence, marked)


def _steep(_tool: Any, size: int, seed: int) -> Scene:
    return _over(steep_phase(size, seed), seed, 0.55, 0.22)


def _incoherent(tool: Any, size: int, seed: int) -> Scene:
    return _over(tool.clean_phase(size, seed), seed, 0.25, 0.08)


def _slides(_tool: Any, size: int, seed: int) -> Scene:
    phase, marked = slides_phase(size, seed)
    return _over(phase, seed, 0.55, 0.22, marked)


def _coherent_slides(_tool: Any, size: int, seed: int) -> Scene:
    phase, marked = slides_phase(size, seed)
    return _over(phase, seed, 0.8, 0.05, marked)


def _points(tool: Any, size: int, seed: int, right: bool) -> Scene:
    """One pixel in 500 is 20 to 40 dB brighter, with the right phase or with any."""
    scene = _main_scene(tool, size, seed)
    generator = np.random.default_rng((seed, 98))
    marked = generator.random((size, size)) < 1 / 500
    brighter = 10 ** (generator.uniform(20, 40, (size, size)) / 20)
    phase = scene.clean if right else generator.uniform(-np.pi, np.pi, (size, size))
    bright = np.abs(scene.ifg) * brighter * np.exp(1j * phase)
    ifg = np.where(marked, bright, scene.ifg).astype(np.complex64)
    return Scene(ifg, scene.clean, scene.coherence, marked)


def _right_points(tool: Any, size: int, seed: int) -> Scene:
    return _points(tool, size, seed, right=True)


def _random_points(tool: Any, size: int, seed: int) -> Scene:
    return _points(tool, size, seed, right=False)


# Judgement


def error(filtered: Array, clean: Array) -> Array:
    """Phase error in radians, in (-pi, pi]."""
    wrong: Array = np.angle(filtered * np.exp(-1j * clean))
    return wrong


def rms(errors: Array) -> float:
    """Root of the mean square; NaN of nothing."""
    return float(np.sqrt(np.mean(np.square(errors, dtype=np.float64)))) if errors.size else np.nan


def _by_tool(tool: Any, scene: Scene, filtered: Array) -> dict[str, float]:
    """The tool's own figures."""
    figures = tool.score(filtered, scene.clean, scene.coherence, margin=_MARGIN)
    return {
        "all": figures["std"],
        "steepest": figures["std_steepest_5_percent"],
        "incoherent": figures["std_low_coherence"],
    }


def _by_error(_tool: Any, scene: Scene, filtered: Array) -> dict[str, float]:
    inner = (slice(_MARGIN, -_MARGIN),) * 2
    errors = error(filtered, scene.clean)[inner]
    slope = np.hypot(*np.gradient(scene.clean))[inner]
    steepest = errors[slope >= np.quantile(slope, 0.95)]
    return {
        "all": rms(errors),
        "steepest": rms(steepest),
        "lost": 100 * float(np.mean(np.abs(steepest) > _LOST)),
    }


def _by_marks(_tool: Any, scene: Scene, filtered: Array) -> dict[str, float]:
    """Marked pixels and the others, apart."""
    inner = (slice(_MARGIN, -_MARGIN),) * 2
    errors = error(filtered, scene.clean)[inner]
    marked = np.asarray(scene.marked)[inner]
    return {
        "all": rms(errors),
        "inside": rms(errors[marked]),
        "lost": 100 * float(np.mean(np.abs(errors[marked]) > _LOST)),
        "around": rms(errors[~marked]),
    }


FAMILIES = {
    "scene": Family(_main_scene, _by_tool),
    "incoherent": Family(_incoherent, _by_error),
    "steep": Family(_steep, _by_error),
    "right points": Family(_right_points, _by_marks),
    "random points": Family(_random_points, _by_marks),
    "slides": Family(_slides, _by_marks),
    "coherent slides": Family(_coherent_slides, _by_marks),
}


# Real interferograms


def real_interferograms(folder: Path) -> dict[str, Array]:
    """Real interferograms of almost flat phase: a good one, a poor one, and one weighted by its coherence."""
    houston = folder / "ifg_houston_psps"
    morocco = folder / "ifg_morocco_eotools"
    coherence = _band(morocco / "coh_vv.tif")
    phase = _band(morocco / "phi_vv.tif")
    known = (phase != -9999) & (coherence > 0)
    weighted = np.where(known, coherence, 0) * np.exp(1j * np.where(known, phase, 0))
    return {
        "good": _band(houston / "20180115_20180208.int.tif"),
        "poor": _band(houston / "20171104_20180115.int.tif"),
        "coherent": weighted.astype(np.complex64),
    }


def _band(path: Path) -> Array:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            band: Array = file.read(1)
    return band


def added_fringes(tool: Any, shape: tuple[int, ...]) -> dict[str, Array]:
    """Known phases to put on a real interferogram: none, those of the main scenes, and steep bowls."""
    size = max(shape)
    here = (slice(shape[0]), slice(shape[1]))
    return {
        "as is": np.zeros(shape, np.float32),
        "fringes": tool.clean_phase(size, 1)[here],
        "steep": steep_phase(size, 1)[here],
    }


def held_out(run: Filter, ifg: Array, folds: int) -> float:
    """How well the filter foretells pixels that it was not given: mean cosine of the difference, in percent.

    Each pixel is held out once, with a random share of the others: it comes as a real number too small to matter,
    since an empty one would not be filtered. Noise cannot be foretold from other pixels as far as it is independent
    of theirs: keeping noise gains nothing, and lost fringes cost.
    """
    valid = ifg != 0
    fold = np.random.default_rng(77).integers(0, folds, ifg.shape)
    nothing = np.complex64(1e-8 * np.median(np.abs(ifg[valid])))
    cosine = np.zeros(ifg.shape)
    for one in range(folds):
        hit = (fold == one) & valid
        filtered = run(np.where(hit, nothing, ifg), None)
        cosine[hit] = np.cos(error(filtered, np.angle(ifg))[hit])
    inner = (slice(8, -8),) * 2
    return 100 * float(cosine[inner][valid[inner]].mean())


def shared_noise(ifg: Array, filtered: Array) -> float:
    """Correlation of what the filter took away between neighbouring pixels, the mean over both directions."""
    noise = np.where(ifg != 0, np.sin(error(ifg, np.angle(filtered))), np.nan)
    products = noise[1:] * noise[:-1], noise[:, 1:] * noise[:, :-1]
    return float(np.mean([np.nanmean(product) for product in products]) / np.nanmean(noise * noise))


def fringes_alike(image: Array) -> float:
    """How alike the phase steps from pixel to pixel are within 5 x 5 pixels: 1 for straight fringes."""
    from scipy import ndimage

    step = np.exp(1j * np.angle(image[:, 1:] * image[:, :-1].conj()))
    return float(np.hypot(ndimage.uniform_filter(step.real, 5), ndimage.uniform_filter(step.imag, 5)).mean())


# Edges and holes


@dataclass(slots=True)
class ByDistance:
    """Phase errors by distance from an edge, and those of the same pixels with all their surroundings."""

    cut: Array
    whole: Array
    pixels: Array
    lost: int = 0

    @classmethod
    def empty(cls) -> ByDistance:
        """Return the sums of nothing."""
        return cls(*np.zeros((3, len(DISTANCES) - 1)))

    def add(self, distance: Array, cut: Array, whole: Array, lost: Array) -> None:
        """Take in pixels: distances, both errors, and whether the filter lost the pixel."""
        self.lost += int(lost.sum())
        for k, (first, end) in enumerate(pairwise(DISTANCES)):
            here = (distance >= first) & (distance < end) & ~lost
            self.cut[k] += np.square(cut[here], dtype=np.float64).sum()
            self.whole[k] += np.square(whole[here], dtype=np.float64).sum()
            self.pixels[k] += here.sum()

    def ratios(self) -> list[float]:
        """Error beside the edge over the error that the same pixels have otherwise, by distance."""
        return [float(ratio) for ratio in np.sqrt(self.cut / self.whole)]

    def radians(self) -> list[float]:
        """Error beside the edge, by distance."""
        return [float(radian) for radian in np.sqrt(self.cut / self.pixels)]


def beside_edges(run: Filter, scene: Scene, whole: Array, tile: int, sums: ByDistance) -> None:
    """Filter tiles cut out of a scene, and compare with the scene filtered whole."""
    from_side = np.minimum(np.arange(tile), np.arange(tile)[::-1])
    distance = np.minimum.outer(from_side, from_side)
    starts = range(32, len(scene.ifg) - tile - 31, tile + 13)
    for top in starts:
        for left in starts:
            here = (slice(top, top + tile), slice(left, left + tile))
            filtered = run(scene.ifg[here], None)
            lost = ~np.isfinite(filtered) | (filtered == 0)
            clean = scene.clean[here]
            sums.add(distance, error(filtered, clean), error(whole[here], clean), lost)


def beside_holes(run: Filter, scene: Scene, whole: Array, seed: int, sums: ByDistance) -> None:
    """Make round holes of 4 to 50 pixels' radius, and compare with the scene filtered whole."""
    from scipy import ndimage

    size = len(scene.ifg)
    generator = np.random.default_rng((seed, 5))
    y, x = np.mgrid[:size, :size]
    hole = np.zeros((size, size), bool)
    for _ in range(max(1, 30 * size * size // 1024**2)):
        at = generator.uniform(0, size, 2)
        hole |= np.hypot(y - at[0], x - at[1]) < generator.uniform(4, 50)
    inner = (slice(32, -32),) * 2
    distance = (ndimage.distance_transform_edt(~hole) - 1)[inner]
    filtered = run(np.where(hole, np.nan, scene.ifg).astype(np.complex64), None)[inner]
    known = ~hole[inner]
    lost = ~np.isfinite(filtered) | (filtered == 0)
    clean = scene.clean[inner]
    sums.add(distance[known], error(filtered, clean)[known], error(whole[inner], clean)[known], lost[known])
