"""Results to look at: frozen tiles by chance, or those with the most confident errors, beside the truth.

``python -m benchmarks.shipped_look MODEL --data DEMS --out folder`` draws fifty results by chance, and the fifty most
confident errors, ten to a page.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.scores import ScoredBoxes, TruthBoxes, match_boxes

_DATA = Path(os.environ.get("INSARFEAT_TEST_DATA", "../shared/data"))
_A_PAGE = 10
_MOST = 50


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One tile: bands by name, what is true of it, what was found, and how wrong that is.

    Attributes
    ----------
    error
        Of boxes, the highest score of a false alarm; of masks, the largest distance of a probability from the truth.
    words
        Which error that is, and where the tile is from.
    """

    bands: dict[str, NDArray[Any]]
    landslide: NDArray[np.bool_]
    truth: Sequence[tuple[Sequence[float], str]]
    probability: NDArray[np.float32] | None
    boxes: Sequence[tuple[Sequence[float], str, float]]
    error: float
    words: str


def results(model: Any, data: Path, style: str, tiles: int) -> list[Result]:
    """Results on the first tiles of a frozen set."""
    from zoo.training.frozen_tiles import FrozenSamples

    told = model.description
    name = f"{'detector' if told.task == 'boxes' else 'segmenter'}-{style}"
    source = FrozenSamples(name, data, told.band_names, told.classes, pixel=told.pixel, tiles=tiles)
    look = _boxes if told.task == "boxes" else _masks
    return [result for one in source.looks() for result in look(model, one)]


def _masks(model: Any, look: Any) -> list[Result]:
    from zoo.evaluation import probabilities_of

    found = []
    for number, probability in enumerate(probabilities_of(model, look.samples.raw.numpy())):
        tile = look.tiles[number]
        truth, valid = look.samples.mask[number, 0].numpy() > 0.5, look.samples.valid[number].numpy()
        wrong = np.where(truth, 1.0 - probability, probability) * valid
        row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
        kind = "missed" if truth[row, column] else "false alarm"
        words = f"{kind} {wrong.max():.2f} at {row}, {column}; {_conditions(tile)}"
        found.append(Result(tile.bands, truth, _marks(tile), probability, (), float(wrong.max()), words))
    return found


def _boxes(model: Any, look: Any) -> list[Result]:
    from zoo.evaluation import boxes_in

    told, found = model.description, []
    for number, one in enumerate(boxes_in(model, look.samples.raw.numpy(), told.threshold)):
        tile, labels = look.tiles[number], look.samples.boxes[number]
        truth = TruthBoxes(labels.boxes.numpy(), labels.classes.numpy(), labels.ignore.numpy())
        said = ScoredBoxes(one.boxes, one.classes, one.scores)
        matches = match_boxes(truth, said, iou=0.3, by_class=False)
        error = max(np.asarray(matches.scores)[np.asarray(matches.partners) == -1], default=0.0)
        words = f"highest false alarm {error:.2f}; {_conditions(tile)}"
        boxes = [
            (box, told.classes[kind], float(score))
            for box, kind, score in zip(said.boxes, said.classes, said.scores, strict=True)
        ]
        slides = tile.bands["landslide"] > 0
        found.append(Result(tile.bands, slides, _marks(tile), None, boxes, float(error), words))
    return found


def _marks(tile: Any) -> list[tuple[Sequence[float], str]]:
    return [
        ((each.box.top, each.box.left, each.box.bottom, each.box.right), each.feature.code)
        for each in tile.sightings
        if each.box is not None
    ]


def _conditions(tile: Any) -> str:
    seen = tile.conditions
    return f"{seen.region.name}, {seen.days:.0f} days, {seen.phase_filter}, {tile.pixel:g} m"


def draw(page: Sequence[Result], path: Path) -> None:
    """Results below each other: phase, coherence, relief, and what was found; true boxes white, found ones black."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(13.0, 3.3 * len(page)), layout="constrained")
    panels = figure.subplots(len(page), 4, squeeze=False)
    for line, result in zip(panels, page, strict=True):
        elevation = result.bands["elevation"]
        shade = -np.gradient(elevation, axis=1) + np.gradient(elevation, axis=0)
        pictures = (
            (result.bands["wrapped_phase"], "twilight", -np.pi, np.pi),
            (result.bands["coherence"], "gray", 0.0, 1.0),
            (shade, "gray", *np.nanpercentile(shade, (2, 98))),
        )
        for axes, (values, colours, low, high) in zip(line, pictures, strict=False):
            axes.imshow(values, cmap=colours, vmin=low, vmax=high)
        last = line[3]
        if result.probability is not None:
            last.imshow(result.probability, cmap="magma", vmin=0, vmax=1)
        else:
            last.imshow(result.bands["wrapped_phase"], cmap="twilight", vmin=-np.pi, vmax=np.pi)
            for (top, left, bottom, right), name, score in result.boxes:
                last.add_patch(
                    Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor="k", lw=1.5)
                )
                last.text(left, top - 1, f"{name} {score:.2f}", fontsize=7, color="k")
        for axes in (line[1], last):
            if result.landslide.any():
                axes.contour(result.landslide, levels=[0.5], colors="lime", linewidths=0.7)
        for (top, _, bottom, right), name in result.truth:
            colour = "orange" if name == "AR" else "cyan"
            line[1].text(right, (top + bottom) / 2, name, fontsize=7, color=colour)
        line[0].set_ylabel(result.words, fontsize=7)
        for axes in line:
            axes.set_xticks([])
            axes.set_yticks([])
    figure.savefig(path, dpi=70)


def main() -> None:
    """Draw the pages."""
    import zoo

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="name of a model, or its file")
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--style", choices=("plain", "shifted"), default="plain")
    parser.add_argument("--tiles", type=int, default=300, help="tiles that are chosen from")
    given = parser.parse_args()
    given.out.mkdir(exist_ok=True)
    found = results(zoo.load(given.model), given.data, given.style, given.tiles)
    chosen = np.random.default_rng(0).permutation(len(found))[:_MOST]
    worst = np.argsort([-result.error for result in found])[:_MOST]
    for name, which in (("random", chosen), ("errors", worst)):
        for first in range(0, len(which), _A_PAGE):
            page = [found[number] for number in which[first : first + _A_PAGE]]
            draw(page, given.out / f"{name}-{first // _A_PAGE}.png")
            print(f"{name}-{first // _A_PAGE}.png", flush=True)


if __name__ == "__main__":
    main()
