"""What YOLO's raw maps should say: which prediction is responsible for which box, and which ones do not count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.networks.yolo import Anchors
from zoo.training.labelled import BoxLabels

_TOO_GOOD = 0.5  # overlap with a box from which a prediction that is not responsible for it is no false alarm


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """All that the raw maps say, flat over strides, anchors and cells.

    Attributes
    ----------
    boxes
        (n, m, 4): row0, col0, row1, col1 in pixels.
    objectness
        Logits (n, m).
    classes
        Logits (n, m, classes).
    """

    boxes: Tensor
    objectness: Tensor
    classes: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What the predictions should be.

    Attributes
    ----------
    sample, place
        int64 (k,): the responsible predictions, one for each box.
    boxes, classes
        (k, 4) and (k,): of them.
    counted
        bool (n, m): predictions that the objectness is learned from.
    """

    sample: Tensor
    place: Tensor
    boxes: Tensor
    classes: Tensor
    counted: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Predictions of one stride: its anchors, and how many cells it has."""

    anchors: Tensor
    stride: int
    rows: int
    cols: int

    @property
    def count(self) -> int:
        """Predictions."""
        return len(self.anchors) * self.rows * self.cols


def heads_of(raw_maps: Sequence[Tensor], anchors: Anchors, strides: Sequence[int]) -> list[Head]:
    """Strides with the sizes of their maps."""
    return [
        Head(raw.new_tensor(shapes, dtype=torch.float32), stride, raw.shape[-2], raw.shape[-1])
        for raw, shapes, stride in zip(raw_maps, anchors, strides, strict=True)
    ]


def assigned(predictions: Predictions, heads: Sequence[Head], labels: Sequence[BoxLabels]) -> Targets:
    r"""Find for each box the prediction that is responsible for it.

    Of all anchors of all strides it is the one whose shape overlaps that of the box best, in the cell that holds the
    box's centre (Redmon & Farhadi 2018). Should two boxes want the same one, the later one takes its next best.

    Other predictions are taught that there is nothing, but for those that overlap a box by more than 0.5 (which is
    what the network is to find), and those of which more than half lies in an ignored box.

    References
    ----------
    Redmon & Farhadi 2018, YOLOv3: an incremental improvement, arXiv:1804.02767.
    """
    shapes = torch.cat([head.anchors for head in heads])
    counted = torch.ones_like(predictions.objectness, dtype=torch.bool)
    chosen: list[tuple[int, int]] = []
    boxes, classes = [], []
    for sample, one in enumerate(labels):
        told = predictions.boxes[sample].detach()
        truth = one.counted()
        if one.ignore.any():
            shared, own, _ = _areas(told, one.boxes[one.ignore])
            counted[sample] &= (shared <= 0.5 * own).all(1)
        if len(truth):
            counted[sample] &= (overlaps(told, truth.boxes) <= _TOO_GOOD).all(1)
            places = _places(truth.boxes, shapes, heads)
            counted[sample, places] = True
            chosen += [(sample, place) for place in places]
            boxes.append(truth.boxes)
            classes.append(truth.classes)
    found = torch.tensor(chosen, dtype=torch.int64, device=counted.device).reshape(-1, 2)
    return Targets(
        found[:, 0],
        found[:, 1],
        torch.cat(boxes) if boxes else predictions.boxes.new_zeros((0, 4)),
        torch.cat(classes) if classes else found.new_zeros(0),
        counted,
    )


def _places(boxes: Tensor, shapes: Tensor, heads: Sequence[Head]) -> list[int]:
    """Place among all predictions of the one responsible for each box."""
    order = torch.argsort(
        shape_overlaps(boxes[:, 2:] - boxes[:, :2], shapes), dim=1, descending=True, stable=True
    )
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2).tolist()
    places: list[int] = []
    for centre, ranked in zip(centres, order.tolist(), strict=True):
        wanted = [_place(centre, anchor, heads) for anchor in ranked]
        places.append(next((place for place in wanted if place not in places), wanted[0]))
    return places


def _place(centre: Sequence[float], anchor: int, heads: Sequence[Head]) -> int:
    """Place of an anchor, by its number among those of all strides, in the cell that holds a centre."""
    first = 0
    for head in heads:
        if anchor < len(head.anchors):
            row, col = (
                min(max(int(value // head.stride), 0), count - 1)
                for value, count in zip(centre, (head.rows, head.cols), strict=True)
            )
            return first + (anchor * head.rows + row) * head.cols + col
        anchor -= len(head.anchors)
        first += head.count
    raise AssertionError("anchors are numbered over all heads")


def shape_overlaps(some: Tensor, others: Tensor) -> Tensor:
    """Intersection over union (k, m) of shapes (k, 2) and (m, 2) laid onto the same corner.

    >>> shape_overlaps(torch.tensor([[2.0, 4.0]]), torch.tensor([[2.0, 4.0], [4.0, 2.0], [4.0, 8.0]]))
    tensor([[1.0000, 0.3333, 0.2500]])
    """
    shared = torch.minimum(some[:, None], others[None]).prod(2)
    return shared / (some.prod(1)[:, None] + others.prod(1)[None] - shared)


def overlaps(some: Tensor, others: Tensor) -> Tensor:
    """Intersection over union (k, m) of boxes (k, 4) and (m, 4).

    >>> overlaps(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
    tensor([[0.3333]])
    """
    shared, own, other = _areas(some, others)
    return shared / (own + other - shared).clamp(min=1e-9)


def _areas(some: Tensor, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Areas that boxes share (k, m), their own (k, 1), and those of the others (1, m)."""
    sides = torch.minimum(some[:, None, 2:], others[None, :, 2:]) - torch.maximum(
        some[:, None, :2], others[None, :, :2]
    )
    own, other = ((each[:, 2:] - each[:, :2]).prod(1) for each in (some, others))
    return sides.clamp(min=0).prod(2), own[:, None], other[None]
