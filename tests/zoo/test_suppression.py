"""One box for each thing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo.suppression import kept_boxes


def plain(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    """The definition, box by box."""
    order = sorted(range(len(boxes)), key=lambda one: (-scores[one], boxes[one, 0], boxes[one, 1]))
    kept: list[int] = []
    for one in order:
        for other in kept:
            height = min(boxes[one, 2], boxes[other, 2]) - max(boxes[one, 0], boxes[other, 0])
            width = min(boxes[one, 3], boxes[other, 3]) - max(boxes[one, 1], boxes[other, 1])
            if height <= 0 or width <= 0:
                continue
            areas = [np.prod(boxes[which, 2:] - boxes[which, :2]) for which in (one, other)]
            if height * width > overlap * (sum(areas) - height * width):
                break
        else:
            kept.append(one)
    return kept


@given(
    arrays(np.int64, st.tuples(st.integers(0, 30), st.just(4)), elements=st.integers(0, 60)),
    st.integers(0, 99),
    st.sampled_from([0.2, 0.45, 0.7]),
)
def test_it_is_the_greedy_rule_by_definition(corners: np.ndarray, seed: int, overlap: float) -> None:
    boxes = corners.astype(float)
    boxes[:, 2:] = boxes[:, :2] + 1 + boxes[:, 2:] % 25
    scores = np.random.default_rng(seed).integers(0, 8, len(boxes)) / 8
    assert kept_boxes(boxes, scores, overlap).tolist() == plain(boxes, scores, overlap)


def test_the_order_of_boxes_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    boxes = rng.uniform(0, 300, (200, 4))
    boxes[:, 2:] = boxes[:, :2] + rng.uniform(5, 40, (200, 2))
    scores = rng.uniform(size=200)
    shuffled = rng.permutation(200)
    one = kept_boxes(boxes, scores, 0.4)
    other = shuffled[kept_boxes(boxes[shuffled], scores[shuffled], 0.4)]
    assert one.tolist() == other.tolist()


def test_boxes_far_apart_and_of_all_sizes_are_managed() -> None:
    rng = np.random.default_rng(2)
    boxes = rng.uniform(-1e6, 1e6, (500, 4))
    boxes[:, 2:] = boxes[:, :2] + 10 ** rng.uniform(0, 3, (500, 2))
    assert len(kept_boxes(boxes, rng.uniform(size=500), 0.5)) == 500


def test_nothing_is_nothing() -> None:
    assert kept_boxes(np.empty((0, 4)), np.empty(0), 0.5).tolist() == []


def test_boxes_of_two_windows_are_one_thing_from_half_the_overlap_on() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [0, 5, 10, 15]])  # a third in common
    scores = np.array([0.9, 0.8])
    assert kept_boxes(boxes, scores, 0.45).tolist() == [0, 1]
    assert kept_boxes(boxes, scores, 0.45, np.array([3, 3])).tolist() == [0, 1]
    assert kept_boxes(boxes, scores, 0.45, np.array([3, 4])).tolist() == [0]
    assert kept_boxes(boxes, scores, 0.7, np.array([3, 4])).tolist() == [0, 1]
