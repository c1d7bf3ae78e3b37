"""Boxes over a whole stack: large windows that lie on the map, each answerable for what is centred in its core.

Two windows may see the centre of one thing a little apart, on either side of the line between them. So each keeps
what is centred a few pixels beyond its core too, and what both have kept is one box in the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.tiling import PatchGrid
from insarfeat.tiling.stages import TileWork
from insarfeat.windows import Shape, Tile, Window
from zoo.inputs import Inputs, Laying
from zoo.masks import first_pixel
from zoo.runner import Runner
from zoo.suppression import kept_boxes

if TYPE_CHECKING:
    from zoo.networks.yolo import Candidates

Floats = NDArray[np.float64]
Array = NDArray[Any]

CORE = 1024
"""Side of the part of a window in which the centres of its boxes lie, in pixels."""

MARGIN = 192
"""Pixels that a window reaches beyond its core: at 15 m, slides of 3 km2 fit that are eight times as long as wide."""

_SLACK = 16  # pixels beyond its core in which a window's boxes still count: two windows see a centre a little apart
_MULTIPLE = 32
_MOST = 20_000  # boxes of a window that are looked at, the best ones: against models that find something everywhere


@dataclass(frozen=True, slots=True, eq=False)
class FoundBoxes:
    """Boxes with their classes, the best first.

    Attributes
    ----------
    boxes
        (n, 4) row0, col0, row1, col1 in pixels.
    scores
        Objectness times probability of the class.
    classes
        Number of each box's class.
    """

    boxes: Floats
    scores: Floats
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, which: Any) -> FoundBoxes:
        return FoundBoxes(self.boxes[which], self.scores[which], self.classes[which])

    @classmethod
    def of(cls, parts: Sequence[FoundBoxes]) -> FoundBoxes:
        """All boxes of some windows."""
        if not parts:
            return cls(np.empty((0, 4)), np.empty(0), np.empty(0, np.int64))
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.classes for part in parts]),
        )

    def suppressed(self, overlap: float) -> FoundBoxes:
        """One box for each thing."""
        return self[kept_boxes(self.boxes, self.scores, overlap)]


def boxes_of(
    candidates: Candidates, threshold: float, overlap: float, temperature: float = 1.0
) -> list[FoundBoxes]:
    """What a detector has found in each image: candidates with a score of at least the threshold, each thing once.

    Parameters
    ----------
    candidates
        Of :func:`zoo.networks.yolo.decode`.
    threshold
        Least score: objectness times probability of the likeliest class, after the temperature.
    overlap
        Intersection over union from which two boxes are one thing.
    temperature
        The score's logit is divided by it.
    """
    best, classes = candidates.class_probability.max(dim=-1)
    scores = (candidates.objectness * best).clamp(1e-7, 1 - 1e-7)
    if temperature != 1.0:
        scores = (scores.logit() / temperature).sigmoid()
    return list(_chosen(candidates.boxes, scores, classes, threshold, overlap))


def uncalibrated(score: float, temperature: float) -> float:
    """The score that becomes this one when its logit is divided by the temperature.

    >>> round(uncalibrated(0.75, 2.0), 6)  # odds of 9, which become odds of 3
    0.9
    """
    if not 0.0 < score < 1.0:
        return score
    odds = (score / (1.0 - score)) ** temperature
    return odds / (1.0 + odds) if math.isfinite(odds) else 1.0


def _chosen(boxes: Any, scores: Any, classes: Any, threshold: float, overlap: float) -> Iterator[FoundBoxes]:
    for image in range(len(boxes)):
        over = scores[image] >= threshold
        if int(over.sum()) > _MOST:
            over = scores[image] >= scores[image].topk(_MOST).values[-1]
        found = (part[image][over].cpu().numpy() for part in (boxes, scores, classes))
        placed, scored, named = found
        yield FoundBoxes(placed.astype(np.float64), scored.astype(np.float64), named).suppressed(overlap)


class AnchoredWindows(Sequence[Tile]):
    """Windows of a raster for boxes: cores that begin at whole multiples of their size on the map, with margins.

    A core lies on the raster in part at least; what is read for it is cut at the raster's edges.
    """

    def __init__(self, inputs: Inputs) -> None:
        grid = inputs.grid
        self.shape = Shape(grid.y.size, grid.x.size)
        origin = (-first_pixel(grid.y), -first_pixel(grid.x))
        self._cores = PatchGrid(self.shape, CORE, edge="pad", origin=origin)

    def __len__(self) -> int:
        return len(self._cores)

    def __getitem__(self, number: Any) -> Any:
        core = self._cores[number]
        return Tile(number, core, core.grown(MARGIN).cut_to(self.shape))


@dataclass(frozen=True, slots=True)
class Search:
    """What a window is searched with.

    Attributes
    ----------
    runner
        The detector.
    laying
        How its input is made of the bands that there are.
    threshold, overlap
        Least score, and overlap from which two boxes are one thing.
    """

    runner: Runner
    laying: Laying
    threshold: float
    overlap: float


def search_window(work: TileWork, search: Search) -> list[tuple[int, FoundBoxes]]:
    """Boxes centred in the core of a window, in pixels of the raster, for each pair (by number) that has any."""
    found = []
    for number, bands in _by_pair(work, len(search.laying.places)):
        boxes = _searched(bands, work.tile, search)
        if len(boxes):
            found.append((number, boxes))
    return found


def _by_pair(work: TileWork, count: int) -> Iterator[tuple[int, list[Array]]]:
    """The bands under a window for each pair; those that all pairs share are read once."""
    bands: dict[int, Array] = {}
    last: tuple[int, ...] | None = None
    for place, index, pixels in work.read_each():
        if last is not None and place != last:
            yield _number(last), [bands[one] for one in range(count)]
        bands[index] = pixels
        last = place
    if last is not None:
        yield _number(last), [bands[one] for one in range(count)]


def _number(place: tuple[int, ...]) -> int:
    return place[0] if place else 0


def _searched(bands: Sequence[Array], tile: Tile, search: Search) -> FoundBoxes:
    window = _in_step(tile)
    raw = np.full((1, search.laying.count, window.height, window.width), np.nan, np.float32)
    raw[0][:, *tile.outer.seen_from(window).slices] = search.laying.laid(bands)
    known = search.laying.known(raw[0])
    if not known.any():
        return FoundBoxes.of([])
    (found,) = search.runner.run(raw, lambda maps: _decoded(maps, search))
    boxes = found.boxes + np.tile([window.top, window.left], 2)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    core = tile.core.grown(_SLACK)
    mine = (centres[:, 0] >= core.top) & (centres[:, 0] < core.bottom)
    mine &= (centres[:, 1] >= core.left) & (centres[:, 1] < core.right)
    mine[mine] = _half_known(found.boxes[mine], known)
    return FoundBoxes(boxes[mine], found.scores[mine], found.classes[mine])


def _decoded(maps: Any, search: Search) -> FoundBoxes:
    from zoo.networks.yolo import decode_above

    temperature = search.runner.description.temperature
    network = search.runner.network[-1]
    # A score is at most the objectness, both before the temperature.
    least = uncalibrated(search.threshold, temperature)
    (candidates,) = decode_above(maps, network.anchors, network.strides, least)
    (found,) = boxes_of(candidates, search.threshold, search.overlap, temperature)
    return found


def _in_step(tile: Tile) -> Window:
    """The window to run the network on: all that is read, its cells where those of the whole window are."""
    whole, read = tile.core.grown(MARGIN), tile.outer
    top = whole.top + (read.top - whole.top) // _MULTIPLE * _MULTIPLE
    left = whole.left + (read.left - whole.left) // _MULTIPLE * _MULTIPLE
    height = -(-(read.bottom - top) // _MULTIPLE) * _MULTIPLE
    width = -(-(read.right - left) // _MULTIPLE) * _MULTIPLE
    return Window(top, left, height, width)


def _half_known(boxes: Floats, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether half of the pixels of each box, at least, have values."""
    if not len(boxes):
        return np.zeros(0, bool)
    sums = np.zeros((known.shape[0] + 1, known.shape[1] + 1), np.int64)
    np.cumsum(np.cumsum(known, axis=0), axis=1, out=sums[1:, 1:])
    edges = np.rint(boxes).astype(np.int64)
    rows = np.clip(edges[:, 0::2], 0, known.shape[0])
    columns = np.clip(edges[:, 1::2], 0, known.shape[1])
    inside = sums[rows[:, 1], columns[:, 1]] - sums[rows[:, 0], columns[:, 1]]
    inside += sums[rows[:, 0], columns[:, 0]] - sums[rows[:, 1], columns[:, 0]]
    whole = np.maximum((edges[:, 2] - edges[:, 0]) * (edges[:, 3] - edges[:, 1]), 1)
    found: NDArray[np.bool_] = 2 * inside >= whole
    return found


def joined(results: Sequence[Any], overlap: float, shape: Shape) -> dict[int, FoundBoxes]:
    """Boxes of all windows, for each pair: what two windows saw is one, and ends with the raster."""
    parts: dict[int, list[FoundBoxes]] = {}
    for result in results:
        for number, boxes in result or ():
            parts.setdefault(number, []).append(boxes)
    limits = np.array([shape.height, shape.width, shape.height, shape.width], np.float64)
    found = {}
    for number in sorted(parts):
        every = FoundBoxes.of(parts[number])
        windows = np.repeat(np.arange(len(parts[number])), [len(part) for part in parts[number]])
        kept = every[kept_boxes(every.boxes, every.scores, overlap, windows)]
        found[number] = FoundBoxes(np.clip(kept.boxes, 0.0, limits), kept.scores, kept.classes)
    return found
