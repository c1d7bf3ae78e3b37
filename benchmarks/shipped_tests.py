"""What the shipped models are worth: scores on the frozen sets, with bands left out, and what real ground says.

Everything is told as numbers for JSON; :mod:`benchmarks.shipped_cards` makes the cards from them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from insarfeat.synth.classical import DETECTORS
from insarfeat.synth.frozen import frozen_set

_PHASE, _GROUND = ("wrapped_phase",), ("elevation", "terrain_pc1")
MOROCCO = "ifg_morocco_eotools"
_LOOKS = 25
"""Batches of 16 tiles on which bands are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Samples in memory, as a source; some bands of them may be missing."""

    bands: tuple[str, ...]
    classes: tuple[str, ...]
    pixel: float
    size: int
    batches: Sequence[Any]
    lost: tuple[str, ...] = ()
    synthetic: bool = True

    @classmethod
    def of(cls, source: Any) -> Kept:
        """All samples of a source."""
        return cls(source.bands, source.classes, source.pixel, source.size, list(source.epoch(0)))

    @property
    def length(self) -> int:
        """Batches."""
        return len(self.batches)

    def epoch(self, number: int) -> Iterator[Any]:
        """The batches, whatever the epoch."""
        gone = [self.bands.index(name) for name in self.lost]
        for samples in self.batches:
            raw = samples.raw.clone()
            raw[:, gone] = math.nan
            yield replace(samples, raw=raw)

    def first(self, batches: int) -> Kept:
        """The same, but for all batches after the first ones."""
        return replace(self, batches=self.batches[:batches])

    def without(self, *names: str) -> Kept:
        """The same without some bands."""
        return replace(self, lost=tuple(name for name in names if name in self.bands))

    def with_only(self, *names: str) -> Kept:
        """The same with some bands only."""
        return self.without(*(name for name in self.bands if name not in names))


def frozen(model: Any, style: str, data: Path, tiles: int | None) -> Kept:
    """A frozen set as the model takes it."""
    from zoo.training.frozen_tiles import FrozenSamples

    told = model.description
    kind = "detector" if told.task == "boxes" else "segmenter"
    return Kept.of(
        FrozenSamples(f"{kind}-{style}", data, told.band_names, told.classes, pixel=told.pixel, tiles=tiles)
    )


def scores(model: Any, data: Path, tiles: int | None) -> dict[str, Any]:
    """Scores on both frozen sets, and on the plain one with bands left out."""
    import zoo

    found: dict[str, Any] = {}
    sets = {style: frozen(model, style, data, tiles) for style in ("plain", "shifted")}
    for style, source in sets.items():
        told = zoo.evaluate(model, source)
        print(f"{style}\n{told}\n", flush=True)
        found[style] = told.as_dict()
    plain, optional = (
        sets["plain"].first(_LOOKS),
        [band.name for band in model.description.bands if not band.required],
    )
    looks = {"all bands": plain}
    looks |= {f"without {name}": plain.without(name) for name in optional}
    looks["phase, coherence and elevation alone"] = plain.with_only("wrapped_phase", "coherence", "elevation")
    looks["without the phase"] = plain.without(*_PHASE, "unwrapped_phase", "displacement")
    looks["terrain alone"] = plain.with_only(*_GROUND, "local_incidence", "sensitivity")
    found["bands"] = {name: short(zoo.evaluate(model, source)) for name, source in looks.items()}
    for name, told in found["bands"].items():
        print(name, told, flush=True)
    return found


def short(told: Any) -> dict[str, float]:
    """The scores that a table of several looks has."""
    if hasattr(told, "pixels"):
        counts = told.pixels.counts
        return {"IoU": counts.iou, "F1": counts.f1, "area under PR": told.average_precision}
    means, anything = told.mean_average_precision, told.any_class
    return {
        "mAP@0.5": means[0.5].value,
        "mAP@0.3": means[0.3].value,
        "any class@0.5": anything[0.5].value,
        "any class@0.3": anything[0.3].value,
    }


def classical_boxes(model: Any, data: Path, tiles: int | None, style: str) -> dict[str, float]:
    """Average precision, whatever the class, of boxes about what classical detectors mark, by detector.

    Each is given the threshold, out of 20, that serves it best on these very tiles.
    """
    from scipy import ndimage

    from zoo.scores import BoxTally, ScoredBoxes, TruthBoxes

    source = frozen(model, style, data, tiles)
    artefact = [name for name in ("AR",) if name in source.classes]
    pixel = frozen_set(f"detector-{style}").pixel
    assert isinstance(pixel, float)
    found = {}
    for name, detector in DETECTORS.items():
        band = source.bands.index(detector.band)
        marked = [
            detector({detector.band: samples.raw[:, band].numpy()}, pixel) for samples in source.batches
        ]
        best = 0.0
        for threshold in np.linspace(0.0, detector.highest, 22)[1:-1]:
            tally = BoxTally(("slide", "AR"), apart=["AR"], on_synthetic=True)
            for samples, score in zip(source.batches, marked, strict=True):
                for labels, one in zip(samples.boxes, score, strict=True):
                    parts, _ = ndimage.label(one >= threshold, np.ones((3, 3)))
                    places = ndimage.find_objects(parts)
                    boxes = [[r.start, c.start, r.stop, c.stop] for r, c in places]
                    peaks = [float(one[place].max()) / detector.highest for place in places]
                    is_artefact = np.isin(
                        labels.classes.numpy(), [source.classes.index(each) for each in artefact]
                    )
                    tally.add(
                        TruthBoxes(labels.boxes.numpy(), is_artefact.astype(int), labels.ignore.numpy()),
                        ScoredBoxes(
                            np.asarray(boxes, float).reshape(-1, 4),
                            np.zeros(len(boxes), int),
                            np.clip(peaks, 0, 1),
                        ),
                    )
            best = max(best, tally.scores(0.5).any_class[0.5].value)
        found[name] = best
        print(f"{style}: {name} {best:.3f}", flush=True)
    return found


def real_ground(model: Any, data: Path) -> dict[str, Any]:
    """What is found on the Moroccan pair, flat ground where nothing is known to slide: a stack as a user makes it."""
    import zoo
    from insarfeat import stacks
    from zoo.scores import poisson_rate

    folder = data / MOROCCO
    recipe = stacks.Recipe.named("detection").changed(
        layers=("wrapped_phase", "coherence", "elevation", "sensitivity", "terrain_pc1")
    )
    stack = stacks.lazy_stack(
        recipe,
        interferogram=folder / "phi_vv.tif",
        coherence=folder / "coh_vv.tif",
        dem=folder / "dem_iw1_60m.tif",
        annotation=min(folder.glob("*.zip")),
    ).compute()
    found = model.predict(stack)
    slides = found if model.description.task == "boxes" else zoo.as_polygons(found.compute())
    if "AR" in model.description.classes:
        slides = slides.only(lambda table: table["class"] != "AR")
    known = stack["wrapped_phase"].notnull() & stack["coherence"].notnull()
    area = float(known.sum()) * ((recipe.grid.resolution or 15.0) / 1000.0) ** 2
    rate = poisson_rate(len(slides), exposure=area / 100.0)
    print(f"{MOROCCO}: {len(slides)} on {area:.0f} km2, {rate} per 100 km2", flush=True)
    return {
        "km2": area,
        "detections": len(slides),
        "per_100_km2": {"value": rate.value, "low": rate.low, "high": rate.high},
    }
