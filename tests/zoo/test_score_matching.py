"""Which detection found which box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insarfeat.errors import InvalidArgument, InvalidType
from zoo.scores import ScoredBoxes, TruthBoxes, average_precision, match_boxes, pairwise_iou

SIDES = st.integers(1, 8)
BOX = st.builds(
    lambda row, col, height, width: (row, col, row + height, col + width),
    st.integers(0, 12), st.integers(0, 12), SIDES, SIDES,
)  # fmt: skip
TRUTH = st.lists(st.tuples(BOX, st.integers(0, 1), st.booleans()), max_size=6)
FOUND = st.lists(st.tuples(BOX, st.integers(0, 1), st.sampled_from([0.2, 0.5, 0.9])), max_size=8)


def truth_of(rows: list) -> TruthBoxes:
    boxes, classes, ignore = ([row[part] for row in rows] for part in range(3))
    return TruthBoxes(boxes, np.array(classes, int), np.array(ignore, bool))


def found_of(rows: list) -> ScoredBoxes:
    boxes, classes, scores = ([row[part] for row in rows] for part in range(3))
    return ScoredBoxes(boxes, np.array(classes, int), np.array(scores, float))


def test_overlap_of_shifted_boxes_is_what_hand_says():
    # 10 x 10 against the same 5 columns further: 50 in common, 150 together; a box in a box: 25 of 100.
    found = pairwise_iou([[0, 0, 10, 10]], [[0, 5, 10, 15], [0, 0, 5, 5], [0, 10, 10, 20]])
    assert found.tolist() == [[50 / 150, 25 / 100, 0.0]]


def test_boxes_without_area_overlap_nothing():
    assert pairwise_iou([[3, 3, 3, 3]], [[3, 3, 3, 3], [0, 0, 9, 9]]).tolist() == [[0.0, 0.0]]


def test_the_surer_detection_takes_the_box_and_the_better_one_is_left_over():
    truth = TruthBoxes([[0, 0, 10, 10]], [0])
    found = ScoredBoxes([[0, 0, 10, 10], [0, 0, 10, 8]], [0, 0], [0.6, 0.9])
    matches = match_boxes(truth, found)
    assert matches.partners.tolist() == [-1, 0]
    assert matches.found_at.tolist() == [0.9]


def test_a_detection_takes_the_box_it_overlaps_most_and_leaves_the_other_to_the_next():
    truth = TruthBoxes([[0, 0, 10, 10], [0, 2, 10, 12]], [0, 0])
    found = ScoredBoxes([[0, 2, 10, 12], [0, 1, 10, 11]], [0, 0], [0.9, 0.8])
    assert match_boxes(truth, found).partners.tolist() == [1, 0]


def test_the_threshold_itself_is_enough():
    truth = TruthBoxes([[0, 0, 10, 10]], [0])
    half = ScoredBoxes([[0, 0, 10, 5]], [0], [0.9])
    assert match_boxes(truth, half, iou=0.5).partners.tolist() == [0]
    assert match_boxes(truth, half, iou=0.500001).partners.tolist() == [-1]


def test_the_wrong_class_finds_nothing_unless_classes_do_not_matter():
    truth, found = TruthBoxes([[0, 0, 10, 10]], [0]), ScoredBoxes([[0, 0, 10, 10]], [1], [0.9])
    assert match_boxes(truth, found).partners.tolist() == [-1]
    assert match_boxes(truth, found, by_class=False).partners.tolist() == [0]


def test_any_number_of_detections_of_any_class_may_lie_on_ignored_ground():
    truth = TruthBoxes([[0, 0, 40, 40]], [0], [True])
    found = ScoredBoxes([[0, 0, 9, 9], [20, 20, 29, 29], [39, 39, 49, 49]], [0, 1, 0], [0.9, 0.8, 0.7])
    # Of the third, 1 of 100 pixels lies inside.
    assert match_boxes(truth, found).partners.tolist() == [-2, -2, -1]


def test_a_box_to_be_found_comes_before_ignored_ground():
    truth = TruthBoxes([[0, 0, 40, 40], [0, 0, 10, 10]], [0, 0], [True, False])
    found = ScoredBoxes([[0, 0, 10, 9]], [0], [0.9])
    assert match_boxes(truth, found).partners.tolist() == [1]


def test_images_without_boxes_or_detections_match_as_well():
    nothing, none_found = TruthBoxes([], []), ScoredBoxes([], [], [])
    assert len(match_boxes(nothing, none_found).scores) == 0
    assert match_boxes(nothing, ScoredBoxes([[0, 0, 1, 1]], [0], [0.5])).partners.tolist() == [-1]
    assert match_boxes(TruthBoxes([[0, 0, 1, 1]], [0]), none_found).found_at.tolist() == [-np.inf]


@given(TRUTH, FOUND, st.booleans())
def test_pairs_are_one_to_one_overlap_enough_and_no_detection_is_left_over_that_could_have_one(
    true_rows, found_rows, by_class
):
    truth, found = truth_of(true_rows), found_of(found_rows)
    matches = match_boxes(truth, found, iou=0.4, by_class=by_class)
    taken = matches.partners[matches.partners >= 0]
    assert len(set(taken.tolist())) == len(taken)
    overlaps = pairwise_iou(found.boxes, truth.boxes)
    for place, partner in enumerate(matches.partners):
        if partner >= 0:
            assert not truth.ignore[partner]
            assert overlaps[place, partner] >= 0.4
            assert not by_class or truth.classes[partner] == found.classes[place]
            assert matches.found_at[partner] == found.scores[place]
        else:
            for box in np.flatnonzero(~truth.ignore & np.isneginf(matches.found_at)):
                same = truth.classes[box] == found.classes[place] or not by_class
                assert not (same and overlaps[place, box] >= 0.4)


@given(TRUTH, FOUND, st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_boxes_and_of_detections_does_not_matter(true_rows, found_rows, random, by_class):
    def outcome(truth: list, found: list) -> list:
        matches = match_boxes(truth_of(truth), found_of(found), iou=0.3, by_class=by_class)
        return sorted(zip(matches.scores, matches.classes, np.minimum(matches.partners, 0), strict=True))

    shuffled = [random.sample(rows, len(rows)) for rows in (true_rows, found_rows)]
    assert outcome(*shuffled) == outcome(true_rows, found_rows)


@given(TRUTH, FOUND, st.lists(st.tuples(BOX, st.integers(0, 1), st.floats(0.0, 1.0)), max_size=5))
def test_ignored_ground_and_what_is_found_there_change_no_precision(true_rows, found_rows, more):
    plain = average_precision([match_boxes(truth_of(true_rows), found_of(found_rows))])
    far = [((*np.add(box, 1000).tolist(),), number, score) for box, number, score in more]
    ground = [((1000, 1000, 1100, 1100), 0, True)]
    other = average_precision([match_boxes(truth_of(true_rows + ground), found_of(found_rows + far))])
    assert other == plain or (np.isnan(other) and np.isnan(plain))


@given(TRUTH, FOUND, st.sampled_from([0.3, 0.6]))
def test_surer_detections_keep_their_boxes_when_the_others_are_left_out(true_rows, found_rows, confidence):
    truth, found = truth_of(true_rows), found_of(found_rows)
    sure = found.scores >= confidence
    assert (
        match_boxes(truth, found[sure]).partners.tolist() == match_boxes(truth, found).partners[sure].tolist()
    )


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: TruthBoxes([[0, 0, 1]], [0]), InvalidArgument, r"\(n, 4\)"),
        (lambda: TruthBoxes([[5, 0, 1, 1]], [0]), InvalidArgument, "ends before it begins"),
        (lambda: TruthBoxes([[0, 0, np.nan, 1]], [0]), InvalidArgument, "is no number"),
        (lambda: TruthBoxes([[0, 0, 1, 1]], [0.5]), InvalidType, "whole numbers"),
        (lambda: TruthBoxes([[0, 0, 1, 1]], [-1]), InvalidArgument, "numbered from 0"),
        (lambda: TruthBoxes([[0, 0, 1, 1]], [0, 1]), InvalidArgument, r"classes has the shape \(2,\) for 1"),
        (lambda: ScoredBoxes([[0, 0, 1, 1]], [0], [np.nan]), InvalidArgument, "no finite numbers"),
        (lambda: match_boxes(TruthBoxes([], []), ScoredBoxes([], [], []), iou=0.0), InvalidArgument, "iou is 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
