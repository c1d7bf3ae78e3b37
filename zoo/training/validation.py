"""How good a network is while it learns, and what is chosen by that: threshold, temperature, overlap of doubles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from insarfeat.errors import InvalidArgument
from zoo.networks.yolo import YoloV3, decode
from zoo.scores.boxes import average_precision, best_confidence, counts_at
from zoo.scores.calibration import LogitHistogram, fit_temperature, logit_histogram
from zoo.scores.masks import MaskHistogram, mask_histogram
from zoo.scores.matching import FALSE_ALARM, BoxMatches, ScoredBoxes, TruthBoxes, match_boxes
from zoo.scores.values import mean_of_known
from zoo.suppression import kept_boxes
from zoo.training.recipes import Recipe
from zoo.training.samples import BoxLabels, Samples, Source, softened
from zoo.training.steps import Objective

OVERLAPS = (0.3, 0.45, 0.6)
"""Overlaps from which boxes count as doubles, to choose from; scores of each epoch are told at the middle one."""

_USUAL_OVERLAP = 0.45
_AGREES, _AGREES_ROUGHLY = 0.5, 0.3  # intersection over union
_LEAST_SCORE = 0.01  # below, nothing is looked at: of thousands of cells, nearly all say less
_MOST_BOXES = 300  # an image


@dataclass(frozen=True, slots=True)
class Validation:
    """What came out of one look at the validation data.

    Attributes
    ----------
    loss
        Mean over batches.
    score
        What is to become better: IoU at the best threshold of masks, mAP at an IoU of 0.5 of boxes.
    told
        Scores for the log, by name.
    chosen
        Gives what of the model's description follows from these data.
    """

    loss: float
    score: float
    told: dict[str, float]
    chosen: Callable[[], dict[str, float]]

    def as_dict(self) -> dict[str, float]:
        """Loss and scores, for the log."""
        return {"loss": self.loss, **self.told}


class Validator:
    """Judges a network by a source.

    Parameters
    ----------
    recipe
        What is learned.
    objective
        The loss.
    network
        A stem and a network.
    """

    def __init__(self, recipe: Recipe, objective: Objective, network: nn.Module) -> None:
        self._recipe, self._objective, self._network = recipe, objective, network

    def judged(
        self, source: Source, device: torch.device, before_each: Callable[[], None] = lambda: None
    ) -> Validation:
        """Look at the first epoch of a source, which is the same each time.

        Parameters
        ----------
        source, device
            What is looked at, and where.
        before_each
            Called before each batch; it may raise.
        """
        self._network.eval()
        judge = _Boxes(self._recipe, self._network) if self._recipe.task == "boxes" else _Masks()
        losses = []
        for samples, found in self._outputs(source, device):
            before_each()
            losses.append(float(self._objective(found, softened(samples, self._recipe.loss.sigma))["loss"]))
            judge.add(found, samples)
        if not losses:
            raise InvalidArgument("validation gave no batch; it must have at least one")
        return judge.result(math.fsum(losses) / len(losses))

    @torch.no_grad()
    def _outputs(self, source: Source, device: torch.device) -> Iterator[tuple[Samples, Any]]:
        for samples in source.epoch(0):
            there = samples.to(device)
            yield there, self._network(there.raw)


class _Masks:
    """Pixels by probability and by logit; nothing of the tiles is kept."""

    def __init__(self) -> None:
        self._by_probability = MaskHistogram.empty()
        self._by_logit = LogitHistogram.empty()

    def add(self, logits: Tensor, samples: Samples) -> None:
        given = logits[:, 0].float()
        truth = (samples.mask[:, 0] >= 0.5).cpu().numpy()
        valid = samples.valid.cpu().numpy()
        self._by_probability += mask_histogram(given.sigmoid().cpu().numpy(), truth, valid=valid)
        self._by_logit += logit_histogram(given.cpu().numpy(), truth, valid=valid)

    def result(self, loss: float) -> Validation:
        found = self._by_probability
        if not found.positives.any():
            raise InvalidArgument(
                "validation holds no pixel of a landslide that counts, so no epoch can be told to be the best; give "
                "more patches, or split them anew"
            )
        threshold = found.best_threshold()
        counts = found.counts(threshold)
        told = {
            "iou": counts.iou,
            "f1": counts.f1,
            "precision": counts.precision,
            "recall": counts.recall,
            "average_precision": found.average_precision,
            "threshold": threshold,
        }
        return Validation(loss, counts.iou, told, lambda: self._chosen(threshold))

    def _chosen(self, threshold: float) -> dict[str, float]:
        if not self._by_logit.negatives.any():
            return {"threshold": threshold}
        temperature = fit_temperature(self._by_logit).value
        return {"threshold": _at(threshold, temperature), "temperature": temperature}


def _at(probability: float, temperature: float) -> float:
    """A probability after its logit was divided by a temperature.

    >>> round(_at(0.9, 2.0), 6)  # odds of 9 become odds of 3
    0.75
    """
    if not 0.0 < probability < 1.0:
        return probability
    logit = math.log(probability / (1.0 - probability)) / temperature
    return 0.5 * (1.0 + math.tanh(0.5 * logit))


class _Boxes:
    """What was said of each image, before doubles are suppressed, and what is true."""

    def __init__(self, recipe: Recipe, network: Any) -> None:
        self._classes = len(recipe.classes)
        self._head = head_of(network)
        self._size = 0.0
        self._said: list[ScoredBoxes] = []
        self._truth: list[TruthBoxes] = []

    def add(self, raw_maps: Sequence[Tensor], samples: Samples) -> None:
        self._size = float(samples.raw.shape[-1])
        self._said += scored_boxes(raw_maps, self._head)
        self._truth += [_truth(labels) for labels in samples.boxes]

    def result(self, loss: float) -> Validation:
        matches = self._matches(_USUAL_OVERLAP, _AGREES)
        score = self._mean(matches)
        if math.isnan(score):
            raise InvalidArgument(
                "validation holds no box that counts, so no epoch can be told to be the best; give more patches, or "
                "split them anew"
            )
        told = {
            "map": score,
            "map_0.3": self._mean(self._matches(_USUAL_OVERLAP, _AGREES_ROUGHLY)),
            "any_class": average_precision(self._matches(_USUAL_OVERLAP, _AGREES, by_class=False)),
        }
        return Validation(loss, score, told, self._chosen)

    def _mean(self, matches: Sequence[BoxMatches]) -> float:
        return mean_of_known([average_precision(matches, number) for number in range(self._classes)])

    def _matches(self, overlap: float, iou: float, *, by_class: bool = True) -> list[BoxMatches]:
        return [
            match_boxes(truth, self._once(said, overlap), iou=iou, by_class=by_class)
            for truth, said in zip(self._truth, self._said, strict=True)
        ]

    def _once(self, said: ScoredBoxes, overlap: float) -> ScoredBoxes:
        """Each thing once, as far as it lies in the image: so are true boxes."""
        kept = said[kept_boxes(said.boxes, said.scores, overlap)]
        return ScoredBoxes(kept.boxes.clip(0.0, self._size), kept.classes, kept.scores)

    def _chosen(self) -> dict[str, float]:
        """Overlap and threshold of the best F1, scores calibrated; nothing where nothing was found at all."""
        best: tuple[float, dict[str, float]] = (0.0, {})
        for overlap in OVERLAPS:
            matches = self._matches(overlap, _AGREES)
            if not any((one.partners >= 0).any() for one in matches):
                continue
            threshold = best_confidence(matches)
            f1 = counts_at(matches, threshold).f1
            if f1 > best[0]:
                temperature = _temperature(matches)
                calibrated = _at(threshold, temperature)
                best = (f1, {"threshold": calibrated, "temperature": temperature, "overlap": overlap})
        return best[1]


def _temperature(matches: Sequence[BoxMatches]) -> float:
    """What makes scores of detections the share of them that are right; 1 where all are, or none."""
    counted = [one.partners >= FALSE_ALARM for one in matches]
    scores = np.concatenate([one.scores[keep] for one, keep in zip(matches, counted, strict=True)])
    hits = np.concatenate([one.partners[keep] >= 0 for one, keep in zip(matches, counted, strict=True)])
    if hits.all() or not hits.any():
        return 1.0
    inside = scores.clip(1e-7, 1.0 - 1e-7)
    return fit_temperature(logit_histogram(np.log(inside / (1.0 - inside)), hits)).value


def head_of(network: Any) -> YoloV3:
    """The detector behind its stem."""
    head: YoloV3 = network[1]
    return head


def scored_boxes(raw_maps: Sequence[Tensor], network: YoloV3) -> list[ScoredBoxes]:
    """Candidates of each image that say more than nothing, the 300 best; doubles are still among them.

    A box has the class that it says most for, with the product of objectness and the class's probability as score.
    """
    found = decode(raw_maps, network.anchors, network.strides)
    probability, classes = found.class_probability.max(dim=-1)
    scores = found.objectness * probability
    best = scores.topk(min(_MOST_BOXES, scores.shape[1]), dim=1)
    images = []
    for image, places in enumerate(best.indices):
        of_image = _array(scores[image, places])
        kept = of_image >= _LEAST_SCORE
        images.append(
            ScoredBoxes(
                _array(found.boxes[image, places])[kept],
                classes[image, places].cpu().numpy()[kept],
                of_image[kept],
            )
        )
    return images


def _truth(labels: BoxLabels) -> TruthBoxes:
    return TruthBoxes(_array(labels.boxes), labels.classes.cpu().numpy(), labels.ignore.cpu().numpy())


def _array(values: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values.detach().cpu().numpy().astype(np.float64)
    return found
