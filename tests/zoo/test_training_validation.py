"""What is chosen on validation data is what prediction then works with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from training_tiles import Tiles, toy, toy_boxes, toy_recipe

from zoo.boxes import boxes_of
from zoo.networks.yolo import decode
from zoo.training.labelled import BoxLabels
from zoo.training.samples import Samples
from zoo.training.steps import objective
from zoo.training.validation import Validation, Validator

_ANCHORS = (((8.0, 8.0),), ((16.0, 16.0),), ((32.0, 32.0),))
_STRIDES = (4, 8, 16)


class Says(torch.nn.Module):
    """A detector that sees the same few boxes everywhere: (row, column, logit of the objectness) of finest cells."""

    def __init__(self, boxes: list[tuple[int, int, float]]) -> None:
        super().__init__()
        self.anchors, self.strides, self.boxes = _ANCHORS, _STRIDES, boxes

    def forward(self, images: Any) -> list[Any]:
        maps = [torch.zeros(len(images), 6, 32 // stride, 32 // stride) for stride in _STRIDES]
        for each in maps:
            each[:, 4] = -12.0
            each[:, 5] = 12.0
        for row, column, logit in self.boxes:
            maps[0][:, 4, row, column] = logit
        return maps


class OneImage:
    """A source of one image with one box, in the middle of the finest cell (2, 2), and an ignored one."""

    bands, classes, pixel, size, length = ("coherence",), ("landslide",), 15.0, 32, 1

    def epoch(self, number: int) -> Iterator[Samples]:
        some = toy(count=1)
        labels = BoxLabels.of([((6, 6, 14, 14), 0, False), ((18, 18, 26, 26), 0, True)])
        yield Samples(some.raw, some.mask, some.valid, some.kind, (labels,))


def judged(boxes: list[tuple[int, int, float]]) -> tuple[Validation, Any]:
    network = torch.nn.Sequential(torch.nn.Identity(), Says(boxes))
    recipe = toy_boxes()
    validator = Validator(recipe, objective(recipe, network), network)
    return validator.judged(OneImage(), torch.device("cpu")), network


def test_a_box_that_is_right_and_surer_than_one_that_is_wrong_is_a_perfect_score() -> None:
    found, _ = judged([(2, 2, 2.0), (6, 1, 0.0)])
    assert found.score == pytest.approx(1.0)
    assert found.told["any_class"] == pytest.approx(1.0)


def test_a_wrong_box_that_is_surer_halves_the_precision() -> None:
    found, _ = judged([(2, 2, 0.0), (6, 1, 2.0)])
    assert found.score == pytest.approx(0.5)  # one of two at a recall of 1


def test_what_lies_on_an_ignored_box_is_no_false_alarm() -> None:
    found, _ = judged([(2, 2, 0.0), (5, 5, 2.0)])
    assert found.score == pytest.approx(1.0)


def test_the_detector_then_finds_what_the_threshold_was_chosen_for() -> None:
    found, network = judged([(2, 2, 2.0), (6, 1, 0.0), (1, 6, -1.0)])
    chosen = found.chosen()
    candidates = decode(network(torch.zeros(1, 1, 32, 32)), _ANCHORS, _STRIDES)
    least = chosen["threshold"] * (1 - 1e-9)  # the score itself is the threshold
    (boxes,) = boxes_of(candidates, least, chosen["overlap"], chosen["temperature"])
    assert boxes.boxes.tolist() == [[6.0, 6.0, 14.0, 14.0]]


def test_where_nothing_is_found_nothing_is_chosen() -> None:
    found, _ = judged([])
    assert found.score == 0.0
    assert found.chosen() == {}


class Logits(torch.nn.Module):
    """Two thirds sure of slides, and of a part of the background."""

    def forward(self, images: Any) -> Any:
        low = (images < 0.45).float()
        return torch.where(low > 0, math.log(2.0), -3.0)


def test_masks_are_scored_at_the_best_threshold_which_is_told_after_the_temperature() -> None:
    recipe = toy_recipe()
    network = torch.nn.Sequential(torch.nn.Identity(), Logits())
    samples = toy(count=2)
    samples.raw.fill_(0.7)
    samples.mask.zero_()
    samples.mask[0, 0, :4, :4] = 1.0  # 16 pixels
    samples.raw[0, 0, :4, :8] = 0.2  # 32 pixels are said to be, the 16 among them
    found = Validator(recipe, objective(recipe, network), network).judged(
        Tiles(samples, recipe), torch.device("cpu")
    )
    assert found.score == pytest.approx(0.5)
    assert (found.told["precision"], found.told["recall"]) == (0.5, 1.0)
    chosen = found.chosen()
    sure = 1.0 / (1.0 + math.exp(-math.log(2.0) / chosen["temperature"]))
    unsure = 1.0 / (1.0 + math.exp(3.0 / chosen["temperature"]))
    assert unsure < chosen["threshold"] <= sure


def test_pixels_that_do_not_count_change_nothing() -> None:
    recipe = toy_recipe()
    network = torch.nn.Sequential(torch.nn.Identity(), Logits())
    samples = toy()
    samples.mask[:, :, -3:] = 1.0 - samples.mask[:, :, -3:]
    samples.valid[:, -3:] = False
    clean = toy()
    clean.valid[:, -3:] = False
    both = [
        Validator(recipe, objective(recipe, network), network).judged(Tiles(one, recipe), torch.device("cpu"))
        for one in (samples, clean)
    ]
    assert both[0].as_dict() == both[1].as_dict()
