"""One step of a training: where the weights are moved, how far, and what is made small."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from insarfeat.errors import InvalidArgument
from zoo.runner import has_bfloat16
from zoo.training.losses import DetectorLoss, MaskLoss
from zoo.training.recipes import OptimizerPart, Recipe, SchedulePart
from zoo.training.samples import Samples

Losses = dict[str, Tensor]
Objective = Callable[[Any, Samples], Losses]
"""From what a network gives, and the truth, to the total loss and its parts."""


def objective(recipe: Recipe, network: Any) -> Objective:
    """What is made small; always in float32, whatever the network, behind its stem, computes in."""
    if recipe.task == "boxes":
        of_boxes = DetectorLoss(network[1].anchors, network[1].strides, len(recipe.classes))

        def boxes(maps: Sequence[Tensor], samples: Samples) -> Losses:
            parts = of_boxes([each.float() for each in maps], samples.boxes)
            return {
                "loss": parts.total,
                "box": parts.box,
                "objectness": parts.objectness,
                "classes": parts.classes,
            }

        return boxes
    of_masks = MaskLoss(recipe.loss.positive_weight, recipe.loss.dice)

    def masks(logits: Tensor, samples: Samples) -> Losses:
        parts = of_masks(logits.float(), samples.mask, samples.valid)
        found = {"loss": parts.total, "entropy": parts.entropy}
        return found | ({"dice": parts.dice} if recipe.loss.dice else {})

    return masks


def optimizer_of(part: OptimizerPart, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a recipe, over all weights."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[part.name]
    return kind(network.parameters(), lr=part.learning_rate, weight_decay=part.weight_decay)


def rate(part: SchedulePart, step: int, steps: int, steps_an_epoch: int) -> float:
    r"""Share of the learning rate at a step, counted from 0.

    In the warm-up of w steps it is :math:`(i + 1) / w`; after it 1, or with the cosine

    .. math:: \tfrac12 \left(1 + \cos \frac{\pi (i - w)}{n - w}\right)

    (Loshchilov and Hutter 2017, without restarts).

    >>> [round(rate(SchedulePart(warm_up=1.0), step, 6, 2), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    warm = round(part.warm_up * steps_an_epoch)
    if step < warm:
        return (step + 1) / warm
    if part.name == "constant":
        return 1.0
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


def seed_of(seed: int, epoch: int, batch: int) -> int:
    """What chance begins with in one step, so that a training that goes on draws what it would have drawn."""
    return int(np.random.SeedSequence((seed, epoch, batch)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def chosen_device(device: Any) -> torch.device:
    """The device asked for; a GPU if there is one where nothing is said."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InvalidArgument(f"device must be cpu or cuda, or a torch.device; got {device!r}") from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise InvalidArgument(
            "device is cuda, and torch finds no GPU that it can use; leave it out, or take cpu"
        )
    return found


def precision(name: str, device: torch.device) -> AbstractContextManager[Any]:
    """The context that a network runs in: "auto" is bfloat16 where the processor has it."""
    if name == "auto" and has_bfloat16(device):
        context: AbstractContextManager[Any] = torch.autocast(device.type, dtype=torch.bfloat16)
        return context
    return nullcontext()


@contextmanager
def own_chance(device: torch.device) -> Iterator[None]:
    """Torch's chance is the training's own inside, and as it was outside."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
