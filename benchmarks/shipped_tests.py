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

MOROCCO = "ifg_morocco_eotools"
LOOKED_AT = 256
"""Tiles on which bands are left out, and classical detectors tried."""
_BATCH = 16


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
        FrozenSamples(
            f"{kind}-{style}",
            data,
            told.band_names,
            told.classes,
            pixel=told.pixel,
            tiles=tiles,
            batch=_BATCH,
        )
    )


def bands_left_out(model: Any, source: Kept) -> dict[str, dict[str, float]]:
    """Scores on the first tiles of a set with each band left out, and with few bands alone."""
    import zoo

    few = source.first(LOOKED_AT // _BATCH)
    looks = {"all bands": few}
    looks |= {
        f"without {band.name}": few.without(band.name)
        for band in model.description.bands
        if not band.required
    }
    looks["phase, coherence and elevation alone"] = few.with_only("wrapped_phase", "coherence", "elevation")
    looks["without the phase"] = few.without("wrapped_phase", "unwrapped_phase", "displacement")
    looks["terrain alone"] = few.with_only("elevation", "terrain_pc1", "local_incidence", "sensitivity")
    return {name: short(zoo.evaluate(model, look)) for name, look in looks.items()}


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


def classical_boxes(source: Kept, pixel: float) -> dict[str, float]:
    """Average precision at an IoU of 0.5, whatever the class, of boxes about what classical detectors mark.

    On the first tiles of a set; each detector has the threshold, out of ten, that serves it best on these very tiles.
    A box is scored by the highest value in it.
    """
    from zoo.scores import average_precision, match_boxes

    source = source.first(LOOKED_AT // _BATCH)
    artefact = source.classes.index("AR") if "AR" in source.classes else -1
    found = {}
    for name, detector in DETECTORS.items():
        band = source.bands.index(detector.band)
        marked = [
            score
            for samples in source.batches
            for score in detector({detector.band: samples.raw[:, band].numpy()}, pixel)
        ]
        truth = [_slides_of(labels, artefact) for samples in source.batches for labels in samples.boxes]
        best = 0.0
        for threshold in np.linspace(0.0, detector.highest, 12)[1:-1]:
            said = [_marked_boxes(score / detector.highest, threshold / detector.highest) for score in marked]
            matches = [
                match_boxes(true, one, iou=0.5, by_class=False) for true, one in zip(truth, said, strict=True)
            ]
            best = max(best, float(np.nan_to_num(average_precision(matches))))
        found[name] = best
    return found


def _slides_of(labels: Any, artefact: int) -> Any:
    """True boxes of any slide; artefacts are no slides."""
    from zoo.scores import TruthBoxes

    slides = labels.classes.numpy() != artefact
    classes = np.zeros(int(slides.sum()), int)
    return TruthBoxes(labels.boxes.numpy()[slides], classes, labels.ignore.numpy()[slides])


def _marked_boxes(score: Any, threshold: float) -> Any:
    """Boxes about connected pixels that reach a threshold."""
    from scipy import ndimage

    from zoo.scores import ScoredBoxes

    parts, _ = ndimage.label(score >= threshold, np.ones((3, 3)))
    places = ndimage.find_objects(parts)
    boxes = np.array([[rows.start, cols.start, rows.stop, cols.stop] for rows, cols in places], float)
    peaks = np.clip([score[place].max() for place in places], 0.0, 1.0)
    return ScoredBoxes(boxes.reshape(-1, 4), np.zeros(len(places), int), peaks)


def landslides_in(model: Any, stack: Any, *, resample: bool = False) -> Any:
    """Detections without those of artefacts; masks as polygons."""
    import zoo

    found = model.predict(stack, resample=resample)
    slides = found if model.description.task == "boxes" else zoo.as_polygons(found.compute())
    return slides.only(lambda table: table["class"] != "AR") if "AR" in model.description.classes else slides


def real_ground(model: Any, data: Path) -> dict[str, Any]:
    """What is found on the Moroccan pair, flat ground where nothing is known to slide: a stack as a user makes it."""
    from insarfeat import stacks
    from zoo.scores import poisson_rate

    folder = data / MOROCCO
    recipe = stacks.Recipe.named("models")
    stack = stacks.lazy_stack(
        recipe,
        interferogram=folder / "phi_vv.tif",
        coherence=folder / "coh_vv.tif",
        dem=folder / "dem_iw1_60m.tif",
        annotation=min(folder.glob("*.zip")),
    ).compute()
    slides = landslides_in(model, stack)
    known = stack["wrapped_phase"].notnull() & stack["coherence"].notnull()
    area = float(known.sum()) * ((recipe.grid.resolution or 15.0) / 1000.0) ** 2
    rate = poisson_rate(len(slides), exposure=area / 100.0)
    print(f"{MOROCCO}: {len(slides)} on {area:.0f} km2, {rate} per 100 km2", flush=True)
    return {
        "km2": area,
        "detections": len(slides),
        "per_100_km2": {"value": rate.value, "low": rate.low, "high": rate.high},
    }
