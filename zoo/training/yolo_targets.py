"""What YOLO's raw maps should say: which prediction is responsible for which box, and which ones do not count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.networks.yolo import Anchors
from zoo.training.labelled import BoxLabels

_LARGEST_MISFIT = 3.0  # of a side of a box against that of an anchor that is responsible for it
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
        int64 (k,): the responsible predictions, several for each box, none of them for two.
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
    r"""Find for each box the predictions that are responsible for it.

    Those are of all anchors, whatever their stride, whose sides are at most three times the box's, and at least a
    third, and of the one that fits best in any case; in the cell that holds the box's centre, and in the two
    neighbours that are nearest to it. A single prediction for each box, as YOLOv3 has it, is little to learn from:
    in a tile of 160 pixels it is one of 6,300. Should two boxes want the same prediction, the one whose centre lies
    in its cell has it, then the smaller one.

    Other predictions are taught that there is nothing, but for those that overlap a box by more than 0.5 (which is
    what the network is to find), and those of which more than half lies in an ignored box.

    References
    ----------
    Redmon & Farhadi 2018, YOLOv3: an incremental improvement, arXiv:1804.02767. Several anchors and neighbouring
    cells for a box: Jocher et al. 2020, YOLOv5, doi:10.5281/zenodo.3908559.
    """
    counted = torch.ones_like(predictions.objectness, dtype=torch.bool)
    truths = [one.counted() for one in labels]
    for sample, (one, truth) in enumerate(zip(labels, truths, strict=True)):
        told = predictions.boxes[sample].detach()
        if one.ignore.any():
            shared, own, _ = _areas(told, one.boxes[one.ignore])
            counted[sample] &= (shared <= 0.5 * own).all(1)
        if len(truth):
            counted[sample] &= (overlaps(told, truth.boxes) <= _TOO_GOOD).all(1)
    boxes = torch.cat([truth.boxes for truth in truths])
    classes = torch.cat([truth.classes for truth in truths])
    lengths = torch.tensor([len(truth) for truth in truths], device=boxes.device)
    of_sample = torch.repeat_interleave(torch.arange(len(truths), device=boxes.device), lengths)
    box, place = _responsible(boxes, of_sample * counted.shape[1], heads)
    sample = of_sample[box]
    place = place - sample * counted.shape[1]
    counted[sample, place] = True
    return Targets(sample, place, boxes[box], classes[box], counted)


def _responsible(boxes: Tensor, offsets: Tensor, heads: Sequence[Head]) -> tuple[Tensor, Tensor]:
    """Number of a box and place of a prediction that is responsible for it, as often as there are such pairs.

    Places are counted on from each box's offset, that of its sample.
    """
    sides, centres = boxes[:, 2:] - boxes[:, :2], (boxes[:, :2] + boxes[:, 2:]) / 2
    ratios = sides[:, None] / torch.cat([head.anchors for head in heads])
    misfit = torch.maximum(ratios, 1.0 / ratios).amax(2)
    fits = misfit <= _LARGEST_MISFIT
    if len(boxes):
        fits |= misfit == misfit.amin(1, keepdim=True)
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    first, before = 0, 0
    for head in heads:
        box, anchor = torch.nonzero(fits[:, before : before + len(head.anchors)], as_tuple=True)
        for rank, (row, col) in enumerate(_cells(centres[box] / head.stride, head)):
            place = offsets[box] + first + (anchor * head.rows + row) * head.cols + col
            found.append((box, place, torch.full_like(box, rank)))
        first, before = first + head.count, before + len(head.anchors)
    box, place, rank = (torch.cat(parts) for parts in zip(*found, strict=True))
    size = torch.argsort(torch.argsort(sides.prod(1), stable=True), stable=True)
    order = torch.argsort(rank * (len(boxes) + 1) + size[box], stable=True)
    order = order[torch.argsort(place[order], stable=True)]
    box, place = box[order], place[order]
    own = torch.ones_like(place, dtype=torch.bool)
    own[1:] = place[1:] != place[:-1]
    return box[own], place[own]


def _cells(centres: Tensor, head: Head) -> list[tuple[Tensor, Tensor]]:
    """Rows and columns of the cells for centres (k, 2) in cells: their own ones, then a neighbour on either axis.

    At the map's edge the neighbour is the cell itself.
    """
    last = torch.tensor([head.rows - 1, head.cols - 1], device=centres.device)
    own = centres.floor().long().clamp(min=0).minimum(last)
    nearer = torch.where(centres - own < 0.5, own - 1, own + 1).clamp(min=0).minimum(last)
    row, col = own.unbind(1)
    return [(row, col), (nearer[:, 0], col), (row, nearer[:, 1])]


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
