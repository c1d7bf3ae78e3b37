"""What training makes small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as _cross_entropy

from insarfeat.errors import InvalidArgument
from zoo.networks.yolo import BOX_VALUES, Anchors, checked_anchors, checked_strides, decode
from zoo.training.labelled import BoxLabels
from zoo.training.yolo_targets import Predictions, assigned, heads_of

_COORDINATES = 5.0  # weight of the boxes, as in Redmon et al. 2016


@dataclass(frozen=True, slots=True, eq=False)
class MaskLossParts:
    """A loss of masks: what is made small, and what it is the weighted sum of."""

    total: Tensor
    entropy: Tensor
    dice: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class LossParts:
    """A loss of boxes: what is made small, and what it is the weighted sum of."""

    total: Tensor
    box: Tensor
    objectness: Tensor
    classes: Tensor


@dataclass(frozen=True, slots=True)
class MaskLoss:
    r"""Cross-entropy over valid pixels, with a Dice term beside it if wanted.

    .. math::

        L = -\frac{1}{|V|} \sum_{i \in V} \left[ w\,t_i \ln p_i + (1 - t_i) \ln (1 - p_i) \right] + d\,D

        D = 1 - \frac{2 \sum_V p_i t_i + 1}{\sum_V p_i^2 + \sum_V t_i^2 + 1}

    with targets t from 0 to 1, probabilities p, and the valid pixels V of the batch. Other pixels have no
    gradient. The squares make D smallest at p = t for soft targets, too (Milletari et al. 2016,
    doi:10.1109/3DV.2016.79).

    Attributes
    ----------
    positive_weight
        w; 1 weighs slides and background alike.
    dice
        d; 0 leaves the term out.

    Examples
    --------
    >>> logits, mask = torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 0.0]]]])
    >>> MaskLoss()(logits, mask, torch.tensor([[[True, False]]])).total
    tensor(0.6931)
    """

    positive_weight: float = 1.0
    dice: float = 0.0

    def __post_init__(self) -> None:
        if not self.positive_weight > 0 or not self.dice >= 0:
            raise InvalidArgument(
                f"positive_weight must be above 0 and dice not below; got {self.positive_weight} and {self.dice}"
            )

    def __call__(self, logits: Tensor, mask: Tensor, valid: Tensor) -> MaskLossParts:
        """Loss of logits (n, classes, y, x) against masks of that shape, where ``valid`` (n, y, x)."""
        if logits.shape != mask.shape or valid.shape != mask[:, 0].shape:
            raise InvalidArgument(
                f"logits, mask and valid must be (n, classes, y, x) twice and (n, y, x); got {tuple(logits.shape)}, "
                f"{tuple(mask.shape)} and {tuple(valid.shape)}"
            )
        logits, counts = logits.float(), valid[:, None].expand_as(mask)
        nothing = logits.new_zeros(())
        # What is left out is replaced before anything is computed from it: 0 times NaN would be NaN in the gradient.
        logits, target = torch.where(counts, logits, nothing), torch.where(counts, mask, nothing)
        weight = logits.new_tensor(self.positive_weight)
        each = _cross_entropy(logits, target, pos_weight=weight, reduction="none")
        entropy = torch.where(counts, each, nothing).sum() / counts.sum().clamp(min=1)
        probability = torch.where(counts, torch.sigmoid(logits), nothing)
        dice = _dice(probability, target) if self.dice else nothing
        return MaskLossParts(entropy + self.dice * dice, entropy, dice)


class DetectorLoss:
    r"""YOLOv3's loss, with boxes by how they overlap, and objectness as how well they do.

    .. math:: L = \frac{1}{|K|} \left[ 5 \sum_{k \in K} (1 - \mathrm{GIoU}_k) + \sum_m H(o_m, \mathrm{IoU}^+_m)
        + \sum_{k \in K} \sum_c H(q_{kc}, [c = c_k]) \right]

    with the logistic cross-entropy H of objectness o and classes q, the predictions K that are responsible for a
    box (:func:`zoo.training.yolo_targets.assigned` tells them), and all predictions m that count. What objectness
    is to be is the overlap of a responsible prediction with its box, taken as a constant, and 0 of all others: so
    that of several boxes of one slide the best one is the one that is kept.

    Where the paper has squared errors of offsets and of logarithms of sizes, this has the generalised intersection
    over union: it is what boxes are scored by, it weighs a slide of 13 pixels like one of 54, and it has a gradient
    where boxes do not touch.

    Parameters
    ----------
    anchors, strides
        Of the raw maps, finest first; heights and widths in pixels.
    classes
        How many there are.

    References
    ----------
    Redmon & Farhadi 2018, arXiv:1804.02767; Redmon et al. 2016, doi:10.1109/CVPR.2016.91; Rezatofighi et al. 2019,
    Generalized intersection over union, doi:10.1109/CVPR.2019.00075.
    """

    def __init__(self, anchors: Anchors, strides: Sequence[int], classes: int) -> None:
        self._strides = checked_strides(strides)
        self._anchors, self._classes = checked_anchors(anchors, self._strides), classes

    def __call__(self, raw_maps: Sequence[Tensor], labels: Sequence[BoxLabels]) -> LossParts:
        """Loss of raw maps (n, anchors * (5 + classes), y, x) against the boxes of each sample."""
        raw_maps = [raw.float() for raw in raw_maps]
        said = predictions(raw_maps, self._anchors, self._strides)
        if said.classes.shape[-1] != self._classes:
            raise InvalidArgument(
                f"the raw maps have {said.classes.shape[-1]} classes, and the loss has {self._classes}"
            )
        heads = heads_of(raw_maps, self._anchors, self._strides)
        wanted = assigned(said, heads, labels)
        count = max(len(wanted.place), 1)
        told = said.boxes[wanted.sample, wanted.place]
        overlap = overlaps_of_pairs(told, wanted.boxes)
        box = (1.0 - overlap.generalised).sum() / count

        quality = torch.zeros_like(said.objectness)
        quality[wanted.sample, wanted.place] = overlap.plain.detach()
        each = _cross_entropy(said.objectness, quality, reduction="none")
        objectness = torch.where(wanted.counted, each, 0.0 * quality).sum() / count

        named = said.classes[wanted.sample, wanted.place]
        truth = torch.nn.functional.one_hot(wanted.classes, self._classes).to(named.dtype)
        classes = _cross_entropy(named, truth, reduction="sum") / count
        return LossParts(_COORDINATES * box + objectness + classes, box, objectness, classes)


def _dice(probability: Tensor, target: Tensor) -> Tensor:
    """The Dice term, a mean over classes."""
    places = (0, 2, 3)
    both = (probability * target).sum(places)
    squares = (probability**2).sum(places) + (target**2).sum(places)
    return (1.0 - (2.0 * both + 1.0) / (squares + 1.0)).mean()


def predictions(raw_maps: Sequence[Tensor], anchors: Anchors, strides: Sequence[int]) -> Predictions:
    """What raw maps say, in the order of :func:`zoo.networks.yolo.decode`, before any sigmoid of scores is taken."""
    boxes = decode(raw_maps, anchors, strides).boxes
    scores = torch.cat([_scores(raw, len(one)) for raw, one in zip(raw_maps, anchors, strict=True)], dim=1)
    return Predictions(boxes, scores[..., 0], scores[..., 1:])


def _scores(raw: Tensor, count: int) -> Tensor:
    """Objectness and classes of one raw map (n, predictions, 1 + classes)."""
    values = raw.reshape(len(raw), count, -1, *raw.shape[2:])[:, :, BOX_VALUES - 1 :]
    flat: Tensor = values.permute(0, 1, 3, 4, 2).flatten(1, 3)
    return flat


@dataclass(frozen=True, slots=True, eq=False)
class PairOverlaps:
    """Intersections over union (k,) of boxes pair by pair: plain from 0 to 1, generalised from -1 far apart."""

    plain: Tensor
    generalised: Tensor


def overlaps_of_pairs(some: Tensor, others: Tensor) -> PairOverlaps:
    """How boxes (k, 4) overlap the others, pair by pair.

    >>> some, others = torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[0.0, 4.0, 2.0, 6.0]])
    >>> overlaps_of_pairs(some, others).generalised  # union 8, in a frame of 12
    tensor([-0.3333])
    """
    sides = torch.minimum(some[:, 2:], others[:, 2:]) - torch.maximum(some[:, :2], others[:, :2])
    frame = torch.maximum(some[:, 2:], others[:, 2:]) - torch.minimum(some[:, :2], others[:, :2])
    shared, framed = sides.clamp(min=0).prod(1), frame.prod(1).clamp(min=1e-9)
    own, other = ((each[:, 2:] - each[:, :2]).prod(1) for each in (some, others))
    union = (own + other - shared).clamp(min=1e-9)
    return PairOverlaps(shared / union, shared / union - (framed - union) / framed)
