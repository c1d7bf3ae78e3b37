"""How well anybody could do on synthetic tiles: bounds for the scores of the shipped models.

Two questions, each asked of somebody who knows more than a model is told:

- *Is there a slide?* Given the exact outline, is that of a visible slide told from the same outline laid elsewhere in
  the same tile, where there is none? A network must find the outline, too, among thousands.
- *Which class is it?* Given the exact box, the true area and motion, and the days between the images.

Both are answered by gradient boosting over measurements inside and around the outline. Beside them: how far a box
about what shows of a slide agrees with the box about all of it, between which nobody can choose.
``python -m benchmarks.shipped_bounds --folder tiles`` (stored by ``shipped_models tiles``) takes some minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.pages import renew, table

_ELSEWHERE = 6  # outlines without a slide for each with one
_RING = 4
_FALSE = (0.01, 0.001)
"""Shares of empty outlines taken for slides. A tile of 160 pixels has room for some 600 outlines of 40 pixels that do
not overlap: 0.001 is then a false alarm in every second tile, 0.01 six in each."""

Floats = NDArray[np.float64]
_MEASURED = ("coherence", "intensity", "unwrapped_phase", "displacement", "sensitivity", "local_incidence")


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Measurements of outlines, and what is in them.

    Attributes
    ----------
    values
        One row for each outline: what may be seen of it.
    known
        One row for each: what only the generator knows (area, motion, days).
    classes
        Class of the slide, "" where there is none.
    kinds
        How it shows.
    pixels
        Of the outline.
    tiles
        Number of the tile that it lies in.
    """

    values: Floats
    known: Floats
    classes: NDArray[np.str_]
    kinds: NDArray[np.str_]
    pixels: NDArray[np.int64]
    tiles: NDArray[np.int64]


def measured(folder: Path, part: str, tiles: int) -> Measured:
    """Outlines of stored tiles: those of slides, and the same ones laid elsewhere."""
    from zoo.training.shards import Shard, facts_in

    rows: list[tuple[Any, ...]] = []
    number = 0
    for path in sorted((folder / part).glob("shard-*")):
        shard = Shard.open(path)
        for place, fact in enumerate(facts_in(path)):
            if number >= tiles:
                break
            rows += [(*row, number) for row in _of_tile(shard, place, fact, np.random.default_rng(number))]
            number += 1
    values, known, classes, kinds, pixels, of_tile = zip(*rows, strict=True)
    return Measured(
        np.array(values),
        np.array(known),
        np.array(classes),
        np.array(kinds),
        np.array(pixels),
        np.array(of_tile),
    )


def _of_tile(shard: Any, place: int, fact: Any, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    """Measurements of each slide of a tile and of its outline laid elsewhere."""
    slides = [
        each for each in fact["slides"] if each["box"] and not each["cut_off"] and each["class"] != "AR"
    ]
    if not slides:
        return
    truth = np.asarray(shard.truth[place])
    landslide, free = truth & 1 > 0, (truth & 1 == 0) & (truth & 2 > 0)
    bands = _bands(shard, place, fact["pixel"])
    days = fact["conditions"]["days"]
    for slide in slides:
        top, left, bottom, right = (int(side) for side in slide["box"])
        shape = landslide[top:bottom, left:right]
        if not shape.any():
            continue
        outline = np.pad(shape, _RING)
        near = ndimage.binary_dilation(outline, iterations=_RING)
        count = int(shape.sum())
        speed = slide["speed"] or 0.0
        known = (slide["area"], slide["displacement"], speed, days)
        here = _measure(bands, outline, near, top - _RING, left - _RING)
        if here is not None:
            yield here, known, slide["class"], slide["kind"], count
        for _ in range(_ELSEWHERE):
            row = int(rng.integers(0, max(landslide.shape[0] - outline.shape[0], 1)))
            col = int(rng.integers(0, max(landslide.shape[1] - outline.shape[1], 1)))
            window = free[row : row + outline.shape[0], col : col + outline.shape[1]]
            if window.shape == near.shape and window[near].all():
                there = _measure(bands, outline, near, row, col)
                if there is not None:
                    yield there, known, "", "", count


def _bands(shard: Any, place: int, pixel: float) -> dict[str, NDArray[Any]]:
    """What is measured in: levels, the phase as a complex number, its gradient, the slope."""
    bands: dict[str, NDArray[Any]] = {name: shard.layer(place, name) for name in _MEASURED}
    bands["intensity"] = 10.0 * np.log10(np.maximum(bands["intensity"], 1e-6))
    phase = np.exp(1j * shard.layer(place, "wrapped_phase"))
    bands["phasor"] = phase
    steps = [np.angle(np.roll(phase, -1, axis) * phase.conj()) for axis in (0, 1)]
    bands["fringe rate"] = np.hypot(*steps)
    down, across = np.gradient(shard.layer(place, "elevation"), pixel)
    bands["slope"] = np.hypot(down, across)
    return bands


def _measure(
    bands: dict[str, NDArray[Any]], outline: NDArray[np.bool_], near: NDArray[np.bool_], row: int, col: int
) -> list[float] | None:
    """Levels and spreads inside an outline, and against what is about it; None at the edge of the tile."""
    ring = near & ~outline
    height, width = outline.shape
    found: list[float] = []
    for name, band in bands.items():
        if row < 0 or col < 0:
            return None
        part = band[row : row + height, col : col + width]
        if part.shape != outline.shape:
            return None
        inside, about = part[outline], part[ring]
        if name == "phasor":
            middle, beside = np.nanmean(inside), np.nanmean(about)
            found += [abs(middle), abs(beside), float(np.angle(middle * np.conj(beside)))]
            continue
        level, spread = np.nanmean(inside), np.nanstd(inside)
        found += [level, level - np.nanmean(about), spread, spread - np.nanstd(about)]
    return [*found, float(outline.sum()), height / width]


def slides_told(train: Measured, test: Measured) -> list[list[str]]:
    """Shares of slides that are told from empty outlines, at few false alarms."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    model = HistGradientBoostingClassifier(max_iter=300, learning_rate=0.08, random_state=0)
    model.fit(train.values, train.classes != "")
    score = model.predict_proba(test.values)[:, 1]
    empty = test.classes == ""

    def row(name: str, which: NDArray[np.bool_]) -> list[str]:
        # Empty outlines are those of the same slides, laid elsewhere.
        few, many = np.percentile(test.pixels[which], (5, 95))
        alike = empty & (test.pixels >= few) & (test.pixels <= many)
        both = which | alike
        found = [np.mean(score[which] >= np.quantile(score[alike], 1.0 - share)) for share in _FALSE]
        area = roc_auc_score(which[both], score[both])
        return [name, f"{which.sum():,}", f"{area:.3f}", *(f"{100 * each:.0f} %" for each in found)]

    slides = ~empty
    rows = [row("all slides", slides)]
    rows += [row(f"{kind} ones", test.kinds == kind) for kind in ("coherent", "incoherent")]
    rows += [row(name, test.classes == name) for name in sorted(set(test.classes[slides]))]
    edges = (4, 20, 40, 80, 160, 400, 1 << 20)
    for low, high in pairwise(edges):
        which = slides & (test.pixels >= low) & (test.pixels < high)
        if which.sum() > 20:
            rows.append(
                row(f"{low} to {high - 1} pixels" if high < 1 << 20 else f"{low} pixels and more", which)
            )
    return rows


def classes_told(train: Measured, test: Measured) -> list[list[str]]:
    """Average precision of each class, were every box found and none too many, and their mean."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    from zoo.scores import ScoredBoxes, TruthBoxes, average_precision, match_boxes

    model = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.06, random_state=0)
    some, others = train.classes != "", test.classes != ""
    model.fit(np.hstack([train.values, train.known])[some], train.classes[some])
    chance = model.predict_proba(np.hstack([test.values, test.known])[others])
    names = list(model.classes_)
    true = np.array([names.index(name) for name in test.classes[others]])
    boxes = np.array([[0.0, 9.0 * n, 9.0, 9.0 * n + 9.0] for n in range(len(true))])
    matches = [
        match_boxes(
            TruthBoxes(boxes[n : n + 1], true[n : n + 1]),
            ScoredBoxes(boxes[n : n + 1], chance[n : n + 1].argmax(1), chance[n : n + 1].max(1)),
        )
        for n in range(len(true))
    ]
    values = [average_precision(matches, number) for number in range(len(names))]
    rows = [
        [name, str(int((true == number).sum())), f"{values[number]:.3f}"] for number, name in enumerate(names)
    ]
    return [*rows, ["mean", str(len(true)), f"{np.mean(values):.3f}"]]


def boxes_told(folder: Path) -> list[list[str]]:
    """How far boxes about what shows overlap those about whole slides, by class: shares below 0.5 and 0.7."""
    from zoo.training.shards import KIND_SHIFT, Shard, facts_in

    found: dict[str, list[float]] = {}
    for path in sorted((folder / "validation").glob("shard-*")):
        shard = Shard.open(path)
        for place, fact in enumerate(facts_in(path)):
            parts, _ = ndimage.label(np.asarray(shard.truth[place]) >> KIND_SHIFT > 0, np.ones((3, 3)))
            windows = ndimage.find_objects(parts)
            for slide in fact["slides"]:
                if slide["box"] and not slide["cut_off"] and slide["class"] != "AR":
                    top, left, bottom, right = (int(side) for side in slide["box"])
                    here = parts[top:bottom, left:right]
                    whole = windows[int(np.bincount(here[here > 0]).argmax()) - 1]
                    box = (whole[0].start, whole[1].start, whole[0].stop, whole[1].stop)
                    found.setdefault(slide["class"], []).append(_overlap(slide["box"], box))
    return [
        [
            name,
            str(len(values)),
            *(f"{100 * np.mean(np.array(values) < least):.0f} %" for least in (0.5, 0.7)),
        ]
        for name, values in sorted(found.items())
    ]


def _overlap(one: Any, other: Any) -> float:
    from zoo.scores import pairwise_iou

    return float(pairwise_iou(np.array([one], float), np.array([other], float))[0, 0])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("tiles"), help="of stored tiles")
    parser.add_argument("--tiles", type=int, default=6000, help="training tiles that are measured")
    parser.add_argument("--docs", type=Path, help="page whose tables are renewed")
    given = parser.parse_args()
    train = measured(given.folder, "train", given.tiles)
    test = measured(given.folder, "validation", given.tiles)
    shares = [f"found at {share:g} false" for share in _FALSE]
    made = {
        "outlines": table(["slides", "how many", "area under ROC", *shares], slides_told(train, test)),
        "classes": table(["class", "boxes", "AP"], classes_told(train, test)),
        "boxes": table(["class", "boxes", "IoU below 0.5", "below 0.7"], boxes_told(given.folder)),
    }
    print("\n\n".join(made.values()))
    if given.docs:
        given.docs.write_text(renew(given.docs.read_text(encoding="utf-8"), made), encoding="utf-8")


if __name__ == "__main__":
    main()
