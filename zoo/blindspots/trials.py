"""Trials: known slides are put into windows of real pairs, the model looks, and what it finds is counted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from insarfeat import filters, geometry
from insarfeat.errors import InvalidArgument
from insarfeat.synth import SlidePlan, draw_slides, inject, moved
from insarfeat.windows import Window
from zoo.blindspots.views import Surroundings, View

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from zoo.model import Model

WINDOW = 640
"""Side in pixels of what is looked at in one go."""

_ROOM = 1.5  # km2 of ground for each slide
_KNOWN = 0.25  # least share of a window with values
_TRIES = 40
_MASK_SHARE, _BOX_OVERLAP = 0.3, 0.3
_ALPHA = 0.5  # of the filter where the phase was filtered before slides came
_NOT_REMADE = ("unwrapped_phase", "displacement", "velocity", "signed_sensitivity", "landslide")

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Finder:
    """What a model finds in a window, and whether that is a slide.

    A mask finds a slide if it marks 30 percent of its outline; a box if it overlaps the box about the outline by 0.3.
    Artefacts are no slides.
    """

    model: Model
    resample: bool = False

    def look(self, layers: xr.Dataset) -> Found:
        """What the model says of layers in memory."""
        found = self.model.predict(layers, resample=self.resample)
        if self.model.description.task == "masks":
            # The model may have looked at pixels of its own size.
            mask = found["landslide"].reindex_like(layers["elevation"], method="nearest")
            return Found(mask.values == 1, None)
        slides = found.only(lambda table: table["class"] != "AR")
        grid = layers["elevation"]
        west, north = float(grid["x"][0]), float(grid["y"][0])
        step = (float(grid["y"][1]) - north, float(grid["x"][1]) - west)
        table = slides.table
        rows = [(table[side].to_numpy() - north) / step[0] + 0.5 for side in ("north", "south")]
        cols = [(table[side].to_numpy() - west) / step[1] + 0.5 for side in ("west", "east")]
        return Found(None, np.stack([rows[0], cols[0], rows[1], cols[1]], axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Marked pixels, or boxes in pixels."""

    mask: Mask | None
    boxes: npt.NDArray[np.float64] | None

    def holds(self, rows: npt.NDArray[np.int64], cols: npt.NDArray[np.int64]) -> bool:
        """Whether a slide of these pixels is found."""
        if self.mask is not None:
            return bool(self.mask[rows, cols].mean() >= _MASK_SHARE)
        from zoo.scores import pairwise_iou

        assert self.boxes is not None
        box = np.array([[rows.min(), cols.min(), rows.max() + 1, cols.max() + 1]], np.float64)
        return bool((pairwise_iou(box, self.boxes) >= _BOX_OVERLAP).any())


def run_round(
    views: Sequence[View],
    around: Sequence[Surroundings],
    finder: Finder,
    plan: SlidePlan,
    seed: int,
) -> list[dict[str, Any]]:
    """One round: the same slides in one window of every pair. One row for each slide and pair.

    Rows hold ``slide`` (unique over rounds of other seeds), ``pair``, ``class``, ``area`` (km2), ``speed`` (cm a
    year), ``fringes``, ``coherence``, ``sensitivity`` and ``hidden`` of its surroundings, ``shows`` (how it does),
    ``found``, and ``outline`` (WKT). Slides on which something was found before they came are left out.
    """
    rng = np.random.default_rng((seed, 0xB5))
    drawn = _window(views, rng)
    if drawn is None:
        return []
    window, parts = drawn
    # Slides are drawn on ground that all pairs know.
    ground = parts[0].assign(
        coherence=parts[0]["coherence"].where(np.logical_and.reduce([_known(part) for part in parts]))
    )
    known_km2 = float(np.isfinite(ground["coherence"].values).sum()) * _pixel_area(views[0]) / 1e6
    slides = draw_slides(ground, views[0].acquisition, max(1, round(known_km2 / _ROOM)), plan=plan, seed=seed)
    rows: list[dict[str, Any]] = []
    for view, part, cells in zip(views, parts, around, strict=True):
        put = inject(part, view.acquisition, moved(slides, view.acquisition.days), seed=seed)
        before, after = finder.look(_models(part)), finder.look(_remade(view, part, put))
        rows += _rows(view, put, (before, after), cells, window, seed)
    return rows


def _window(views: Sequence[View], rng: np.random.Generator) -> tuple[Window, list[xr.Dataset]] | None:
    """A window with enough known ground in every pair, and its layers; None where none was found."""
    shape = views[0].layers["elevation"].shape
    cell = views[0].cell
    side = WINDOW - WINDOW % cell
    for _ in range(_TRIES):
        top, left = (cell * int(rng.integers(0, max(0, length - side) // cell + 1)) for length in shape[-2:])
        window = Window(top, left, min(side, shape[-2] - top), min(side, shape[-1] - left))
        parts = [view.window(window) for view in views]
        if min(float(_known(part).mean()) for part in parts) >= _KNOWN:
            return window, parts
    return None


def _known(part: xr.Dataset) -> Mask:
    phase = part["interferogram"] if "interferogram" in part else part["wrapped_phase"]
    known = np.isfinite(phase.values) & np.isfinite(part["coherence"].values)
    return np.asarray(known & np.isfinite(part["elevation"].values))


def _pixel_area(view: View) -> float:
    x, y = view.layers["x"].values, view.layers["y"].values
    return abs(float(x[1] - x[0]) * float(y[1] - y[0]))


def _models(part: xr.Dataset) -> xr.Dataset:
    """Layers as the model is shown them, before and after: what cannot be made again with slides is left out."""
    return part.drop_vars([name for name in (*_NOT_REMADE, "interferogram") if name in part])


def _remade(view: View, part: xr.Dataset, put: xr.Dataset) -> xr.Dataset:
    """The layers of a window after slides have moved, as the stack would have had them."""
    from insarfeat.stacks import phase_filtered

    changed = put["interferogram"]
    touched = put["landslide_id"] > 0
    if view.unfiltered is not None:
        phase = filters.wrapped_phase(phase_filtered(changed, view.recipe.phase))
    else:
        # The noise of lost coherence was never behind the filter that the rest of the phase was.
        smooth = filters.wrapped_phase(filters.goldstein(changed, alpha=_ALPHA))
        phase = smooth.where(touched, part["wrapped_phase"])
    coherence = put["coherence"].where(touched, part["coherence"])
    made = _models(part).assign(wrapped_phase=phase, coherence=coherence)
    for name in ("wrapped_phase", "coherence"):
        made[name].attrs = dict(part[name].attrs)
    if "sensitivity" in part:
        old, weight = part["coherence"], view.recipe.sensitivity
        before, after = (
            geometry.coherence_weight(each, midpoint=weight.midpoint, steepness=weight.steepness)
            for each in (old, coherence)
        )
        # The sensitivity is the weight of the coherence times what the ground alone decides.
        share = (after / before.where(before > 1e-6)).where(touched, 1.0)
        made["sensitivity"] = (part["sensitivity"] * share.fillna(0.0).astype("float32")).assign_attrs(
            part["sensitivity"].attrs
        )
    if "intensity" in part:
        made["intensity"] = (
            put["intensity"].where(touched, part["intensity"]).assign_attrs(part["intensity"].attrs)
        )
    return made


def _rows(
    view: View,
    put: xr.Dataset,
    looks: tuple[Found, Found],
    cells: Surroundings,
    window: Window,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """One row for each slide whose outline is on known ground."""
    numbers = put["landslide_id"].values
    before, after = looks
    side = view.cell
    for index, number in enumerate(put["slide"].values.tolist()):
        rows, cols = np.nonzero(numbers == number)
        area = float(put["slide_area"].values[index])
        if len(rows) * _pixel_area(view) < 0.7 * area or before.holds(rows, cols):
            continue
        place = ((rows + window.top) // side, (cols + window.left) // side)
        coherence, sensitivity, hidden = cells.at(place)
        if not np.isfinite(coherence + sensitivity + hidden):
            continue
        speed = float(put["slide_speed"].values[index])
        yield {
            "slide": f"{seed}-{number}",
            "pair": view.name,
            "orbit": view.orbit,
            "class": str(put["slide_class"].values[index]),
            "area": area / 1e6,
            "speed": speed,
            "days": view.acquisition.days,
            "fringes": float(view.fringes(speed, sensitivity)),
            "coherence": coherence,
            "sensitivity": sensitivity,
            "hidden": hidden,
            "shows": str(put["slide_kind"].values[index]),
            "found": after.holds(rows, cols),
            "outline": str(put["slide_outline"].values[index]),
        }


class Journal:
    """Rounds that are done, one line of JSON each, so that a run that was stopped goes on.

    Parameters
    ----------
    path
        Of the file; made where it is missing.
    asked
        What the rounds follow from. A journal of something else is refused.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        self.path = path
        self.rounds: dict[int, list[dict[str, Any]]] = {}
        wanted = json.loads(json.dumps(asked))
        if not path.exists():
            path.write_text(json.dumps(wanted) + "\n", encoding="utf-8")
            return
        first, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
        there = json.loads(first or "{}")
        other = sorted(key for key in {*there, *wanted} if there.get(key) != wanted.get(key))
        if other:
            raise InvalidArgument(
                f"{path} holds trials with another {', '.join(other)}; name another folder, or overwrite it"
            )
        for line in lines:
            try:
                done = json.loads(line)
            except json.JSONDecodeError:  # it was cut off while it was written
                continue
            self.rounds[int(done["seed"])] = done["rows"]

    def add(self, seed: int, rows: list[dict[str, Any]]) -> None:
        """Write down a round."""
        self.rounds[seed] = rows
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"seed": seed, "rows": rows}) + "\n")

    def table(self) -> pd.DataFrame:
        """All rows, in the order of their rounds."""
        import pandas as pd

        rows = [row for _, some in sorted(self.rounds.items()) for row in some]
        return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [
    "slide", "pair", "orbit", "class", "area", "speed", "days", "fringes", "coherence", "sensitivity", "hidden",
    "shows", "found", "outline",
]  # fmt: skip
"""Of the table of trials."""
