"""What a model finds of slides of a size, a motion, a coherence and a view: recall on synthetic tiles, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from insarfeat.synth.frozen import frozen_set

if TYPE_CHECKING:
    import pandas as pd

_FRINGE = 0.05546576 / 2.0  # metres along the line of sight
_SEED = 77  # of tiles beside the frozen ones, on the same ground
_FOUND_BOX, _FOUND_SHARE = 0.3, 0.3
_HIDDEN = 3  # in the raster of kinds
_RING = 10  # pixels about a slide's box in which the coherence around it is taken

_ONE = 1.01  # so that 1 lies in the last bin

BINS: Final[Mapping[str, Sequence[float]]] = {
    "area, km2": (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, np.inf),
    "fringes": (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, np.inf),
    "coherence around": (0.0, 0.2, 0.35, 0.5, 0.65, _ONE),
    "sensitivity": (0.0, 0.2, 0.4, 0.6, 0.8, _ONE),
    "days": (0.0, 7.0, 13.0, 31.0, np.inf),
}
"""Edges by which recall is told; the sensitivity is the layer."""


@dataclass(frozen=True, slots=True)
class Question:
    """A slide as a user asks for it: class, km2, cm a year down the slope, days of the pair, coherence around.

    What counts is the motion over the pair: 40 cm a year in 30 days is 100 in 12.
    """

    code: str
    area: float
    speed: float
    days: float
    coherence: float

    def __str__(self) -> str:
        what = {"CF": "earthflow", "CS": "earthslide", "FS": "rockslide", "RG": "rock glacier"}[self.code]
        return (
            f"a {self.area:g} km2 {what} moving {self.speed:g} cm a year in a {self.days:g}-day pair at coherence "
            f"{self.coherence:g}"
        )

    def like(self, table: pd.DataFrame) -> pd.DataFrame:
        """Of its class, within a factor of 1.6 in area and in motion over the pair, within 0.15 in coherence."""
        moved = table["speed"] * table["days"] / (self.speed * self.days)
        near = [ratio.between(1 / 1.6, 1.6) for ratio in (table["area"] / self.area, moved)]
        alike = (table["coherence"] - self.coherence).abs() <= 0.15
        return table[(table["class"] == self.code) & near[0] & near[1] & alike]


QUESTIONS: Final = (
    Question("CF", 0.06, 40.0, 12.0, 0.5),
    Question("CF", 0.06, 100.0, 12.0, 0.5),
    Question("CS", 0.06, 60.0, 12.0, 0.5),
    Question("RG", 0.04, 60.0, 12.0, 0.5),
)


def slides_seen(model: Any, data: Path, tiles: int) -> pd.DataFrame:
    """Every slide of the plain frozen style on tiles of other seeds, those that nobody can see among them.

    A slide is found if a box of the model overlaps its box by 0.3, whatever the class; by a mask, if 30 percent of
    its visible pixels are marked. One of which nothing shows is never found.
    """
    import pandas as pd

    from zoo.training.frozen_tiles import FrozenSamples

    told = model.description
    name = f"{'detector' if told.task == 'boxes' else 'segmenter'}-plain"
    others = replace(frozen_set(name), seed=_SEED, tiles=tiles)
    source = FrozenSamples(others, data, told.band_names, told.classes, pixel=told.pixel)
    rows = []
    for look in source.looks():
        found = _found_in(model, look.samples)
        for number, tile in enumerate(look.tiles):
            slides = (each for each in tile.sightings if each.feature.code != "AR")
            rows += [_row(tile, sighting, found[number]) for sighting in slides]
    return pd.DataFrame([row for row in rows if row is not None])


def limits(table: pd.DataFrame) -> dict[str, Any]:
    """Recall by each property, by class and by how slides show, and the answers to the questions."""
    slow = table[table["class"] != "EV"]
    told: dict[str, Any] = {
        "slides": len(table),
        "class": {code: recall(some) for code, some in table.groupby("class")},
        "shows": {kind: recall(some) for kind, some in table.groupby("kind")},
        "event slides by area, km2": _by(table[table["class"] == "EV"], "area, km2", "area"),
    }
    for name, column in zip(BINS, ("area", "fringes", "coherence", "sensitivity", "days"), strict=True):
        told[f"slow slides by {name}"] = _by(slow, name, column)
    told["area and fringes"] = {
        area: _by(some, "fringes", "fringes") for area, some in _parts(slow, "area, km2", "area")
    }
    told["questions"] = [{"text": str(asked), **recall(asked.like(table))} for asked in QUESTIONS]
    return told


def recall(table: pd.DataFrame) -> dict[str, Any]:
    """Share of slides that were found, with Wilson's interval."""
    from zoo.scores import wilson

    found, total = int(table["found"].sum()), len(table)
    if not total:
        return {"found": 0, "of": 0, "recall": None, "low": None, "high": None}
    share = wilson(found, total)
    return {"found": found, "of": total, "recall": share.value, "low": share.low, "high": share.high}


def draw(table: pd.DataFrame, path: Path, title: str) -> None:
    """Recall of slow slides by area and fringes, and by coherence and sensitivity."""
    from matplotlib.figure import Figure

    slow = table[table["class"] != "EV"]
    figure = Figure(figsize=(11.0, 4.6), layout="constrained")
    pairs = (
        ("area, km2", "area", "fringes", "fringes"),
        ("coherence around", "coherence", "sensitivity", "sensitivity"),
    )
    for place, (row_name, row, col_name, col) in enumerate(pairs):
        axes = figure.add_subplot(1, 2, place + 1)
        cells = [
            [recall(some) for _, some in _parts(part, col_name, col)]
            for _, part in _parts(slow, row_name, row)
        ]
        shares = np.array([[np.nan if c["recall"] is None else c["recall"] for c in line] for line in cells])
        axes.imshow(shares, vmin=0, vmax=1, cmap="viridis", origin="lower", aspect="auto")
        for i, line in enumerate(cells):
            for j, cell in enumerate(line):
                if cell["of"]:
                    ink = "black" if shares[i, j] > 0.55 else "white"
                    text = f"{100 * shares[i, j]:.0f} %\n{cell['of']}"
                    axes.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)
        axes.set_xticks(range(len(BINS[col_name]) - 1), _names(col_name), fontsize=8)
        axes.set_yticks(range(len(BINS[row_name]) - 1), _names(row_name), fontsize=8)
        axes.set_xlabel("fringes along the line of sight" if col == "fringes" else col_name)
        axes.set_ylabel(row_name)
    figure.suptitle(
        f"{title}: share of slow synthetic slides that are found, and how many there were", fontsize=11
    )
    figure.savefig(path, dpi=110)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What a model says of one tile: boxes, or a mask."""

    boxes: NDArray[np.float64] | None
    mask: NDArray[np.bool_] | None

    def holds(self, box: Sequence[float], slide: NDArray[np.bool_]) -> bool:
        """Whether a slide with this box, whose visible pixels are given, was found."""
        if self.mask is not None:
            return bool(self.mask[slide].mean() >= _FOUND_SHARE) if slide.any() else False
        from zoo.scores import pairwise_iou

        assert self.boxes is not None
        return bool((pairwise_iou(np.array([box], float), self.boxes) >= _FOUND_BOX).any())


def _found_in(model: Any, samples: Any) -> list[_Found]:
    """What the model says of each tile of a batch."""
    from zoo.evaluation import boxes_in, probabilities_of

    told, raw = model.description, samples.raw.numpy()
    if told.task == "masks":
        return [_Found(None, one >= told.threshold) for one in probabilities_of(model, raw)]
    slides = [number for number, name in enumerate(told.classes) if name != "AR"]
    return [
        _Found(np.asarray(found.boxes[np.isin(found.classes, slides)], float), None)
        for found in boxes_in(model, raw, told.threshold)
    ]


def _row(tile: Any, sighting: Any, found: _Found) -> dict[str, Any] | None:
    """One slide: what it is, how it is seen, whether it was found; None of those that the edge cuts off.

    Where a hidden slide lies is not told: its coherence is that of the tile, its sensitivity that of what is hidden
    there.
    """
    from zoo.training.labelled import Mark

    mark, bands = Mark.of(sighting, tile.pixel), tile.bands
    hidden = sighting.visible == 0.0
    if mark.cut_off if mark is not None else not hidden:
        return None
    slides = bands["landslide"] > 0
    if mark is None:
        here, around = bands["landslide_kind"] == _HIDDEN, ~slides
    else:
        box = sighting.box
        within, around = np.zeros(slides.shape, bool), np.zeros(slides.shape, bool)
        within[box.top : box.bottom, box.left : box.right] = True
        rows = slice(max(box.top - _RING, 0), box.bottom + _RING)
        around[rows, max(box.left - _RING, 0) : box.right + _RING] = True
        here, around = within & slides, around & ~within & ~slides
    return {
        "class": sighting.feature.code,
        "kind": sighting.kind if mark is not None else "hidden",
        "area": sighting.area / 1e6,
        "speed": sighting.feature.speed,
        "days": tile.conditions.days,
        "fringes": sighting.displacement / _FRINGE,
        "coherence": float(np.nanmedian(bands["coherence"][around])) if around.any() else np.nan,
        "sensitivity": float(np.nanmean(bands["sensitivity"][here])) if here.any() else np.nan,
        "found": mark is not None and found.holds(mark.box, here),
    }


def _parts(table: pd.DataFrame, name: str, column: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Slides of each bin, by the bin's name."""
    for title, (low, high) in zip(_names(name), pairwise(BINS[name]), strict=True):
        yield title, table[(table[column] >= low) & (table[column] < high)]


def _by(table: pd.DataFrame, name: str, column: str) -> dict[str, Any]:
    return {title: recall(some) for title, some in _parts(table, name, column)}


def _names(name: str) -> list[str]:
    """Bins in words.

    >>> _names("fringes")[-1]
    'over 4'
    """
    return [
        f"{low:g} to {min(high, 1.0) if high == _ONE else high:g}" if high < np.inf else f"over {low:g}"
        for low, high in pairwise(BINS[name])
    ]
