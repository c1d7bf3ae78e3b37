"""Synthetic tiles that trainings are tested with: few, small, each with a slide, the same in each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import torch

from zoo.training.labelled import BoxLabels
from zoo.training.samples import Samples, SyntheticSamples


class Tiles:
    """A source of the same few tiles, in one batch or several, again and again."""

    def __init__(
        self, samples: Samples, recipe: Any, *, batch: int | None = None, times: int = 1, pixel: float = 15.0
    ) -> None:
        self.bands, self.classes, self.pixel = recipe.band_names, recipe.classes, pixel
        self.size = samples.raw.shape[-1]
        self._parts = parts_of(samples, batch or len(samples))
        self._times = times

    @property
    def length(self) -> int:
        return len(self._parts) * self._times

    def epoch(self, number: int) -> Iterator[Samples]:
        for _ in range(self._times):
            yield from self._parts


def parts_of(samples: Samples, batch: int) -> list[Samples]:
    """Samples cut into batches."""
    return [
        chosen(samples, range(first, min(first + batch, len(samples))))
        for first in range(0, len(samples), batch)
    ]


def chosen(samples: Samples, numbers: Sequence[int]) -> Samples:
    """Some of the samples."""
    which = list(numbers)
    return Samples(
        samples.raw[which],
        samples.mask[which],
        samples.valid[which],
        samples.kind[which],
        tuple(samples.boxes[number] for number in which),
    )


@cache
def tiles(
    bands: tuple[str, ...], classes: tuple[str, ...], count: int, size: int, pixel: float, least: float
) -> Samples:
    """Tiles with something to be found in each."""
    source = SyntheticSamples(bands, classes, size=size, pixel=pixel, batch=32, length=64, seed=3)
    found: list[Samples] = []
    for samples in source.epoch(0):
        shown = (samples.mask * samples.valid[:, None]).flatten(1).sum(1)
        large = shown >= size * size * least
        boxed = torch.tensor([bool((~labels.ignore).any()) for labels in samples.boxes])
        found += [chosen(samples, [number]) for number in torch.nonzero(large & boxed).flatten().tolist()]
        if len(found) >= count:
            return joined(found[:count])
    raise AssertionError("the generator makes hardly any slides of this class")


def joined(parts: Sequence[Samples]) -> Samples:
    """Batches as one."""
    return Samples(
        torch.cat([part.raw for part in parts]),
        torch.cat([part.mask for part in parts]),
        torch.cat([part.valid for part in parts]),
        torch.cat([part.kind for part in parts]),
        tuple(labels for part in parts for labels in part.boxes),
    )


def toy(count: int = 6, size: int = 32, bands: Sequence[str] = ("coherence",)) -> Samples:
    """Squares of low coherence on a noisy ground: what the smallest network learns in a few steps."""
    chance = torch.Generator().manual_seed(4)
    raw = 0.7 + 0.05 * torch.randn(count, len(bands), size, size, generator=chance)
    mask = torch.zeros(count, 1, size, size)
    boxes = []
    for number in range(count):
        top, left = (int(value) for value in torch.randint(2, size - 14, (2,), generator=chance))
        raw[number, 0, top : top + 10, left : left + 12] -= 0.5
        mask[number, 0, top : top + 10, left : left + 12] = 1.0
        boxes.append(BoxLabels.of([((top, left, top + 10, left + 12), 0, False)]))
    valid = torch.ones(count, size, size, dtype=torch.bool)
    return Samples(raw, mask, valid, valid.to(torch.uint8), tuple(boxes))


def toy_recipe(**changes: Any) -> Any:
    """The smallest training there is: one band, one network that learns it in a few steps."""
    from zoo.training.recipes import Recipe

    recipe = Recipe.of(
        {
            "name": "toy",
            "network": "segformer-b0",
            "bands": [{"name": "coherence", "centre": 0.5, "scale": 0.25}],
            "classes": ["landslide"],
            "pixel": 15.0,
            "least_pixel": 10.0,
            "largest_pixel": 20.0,
            "patch": 32,
            "batch": 3,
            "epochs": 2,
            "optimizer": {"learning_rate": 1e-3},
            "precision": "float32",
        }
    )
    return recipe.changed(**changes)


def toy_boxes(**changes: Any) -> Any:
    """The same for boxes."""
    return toy_recipe(
        **{
            "name": "toy-boxes",
            "network": "yolo-v3",
            "options": {"width": 0.125, "depth": 0.1},
            "anchors": [(8, 8), (10, 12), (14, 14)],
            **changes,
        }
    )
