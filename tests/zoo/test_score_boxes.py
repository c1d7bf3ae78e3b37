"""Average precision, counts, confusion, strata and false alarms of boxes, worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insarfeat.errors import InvalidArgument
from zoo.scores import (
    BoxMatches,
    Counts,
    ScoredBoxes,
    TruthBoxes,
    average_precision,
    best_confidence,
    confusion_matrix,
    counts_at,
    false_alarms_per_100_km2,
    match_boxes,
    precision_recall_curve,
    recall_by,
)

OUTCOMES = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.3001, 0.8, 0.9]), st.booleans()), max_size=30)


def image(outcomes: list, missed: int = 0) -> BoxMatches:
    """One image of class 0 whose detections hit a box of their own, or none; further boxes are missed."""
    scores, hits = (np.array([row[part] for row in outcomes]) for part in range(2))
    hits = hits.astype(bool)
    partners = np.where(hits, np.cumsum(hits) - 1, -1)
    total = int(hits.sum()) + missed
    found_at = np.concatenate([scores[hits], np.full(missed, -np.inf)])
    return BoxMatches(
        scores=scores.astype(float),
        classes=np.zeros(len(scores), int),
        partners=partners,
        truth_classes=np.zeros(total, int),
        counted=np.ones(total, bool),
        found_at=found_at,
    )


def test_average_precision_is_the_area_that_hand_says():
    # Hit, miss, hit, miss, hit of 4 boxes: precision 1, 1/2, 2/3, 2/4, 3/5 at recall 1/4, 1/4, 2/4, 2/4, 3/4.
    # Under the envelope: 1/4 x 1 + 1/4 x 2/3 + 1/4 x 3/5.
    outcomes = [(0.9, True), (0.8, False), (0.7, True), (0.6, False), (0.5, True)]
    matches = [image(outcomes, missed=1)]
    assert average_precision(matches) == pytest.approx(0.25 * (1 + 2 / 3 + 3 / 5))
    curve = precision_recall_curve(matches)
    assert curve.precision.tolist() == [1, 1 / 2, 2 / 3, 2 / 4, 3 / 5]
    assert curve.recall.tolist() == [1 / 4, 1 / 4, 2 / 4, 2 / 4, 3 / 4]
    # Without an envelope, each step has its own precision.
    assert curve.step_area == pytest.approx(0.25 * (1 + 2 / 3 + 3 / 5))


def test_the_envelope_lifts_precision_to_the_best_that_comes_later():
    # Miss, hit, hit of 2: precision 0, 1/2, 2/3; the envelope is 2/3 all along, the steps 1/2 x 1/2 + 1/2 x 2/3.
    curve = precision_recall_curve([image([(0.9, False), (0.8, True), (0.7, True)])])
    assert curve.envelope_area == pytest.approx(2 / 3)
    assert curve.step_area == pytest.approx(7 / 12)


def test_detections_of_one_score_enter_together():
    # One hit and one miss at 0.5: precision 1/2 at recall 1, in whatever order they are listed.
    for outcomes in ([(0.5, True), (0.5, False)], [(0.5, False), (0.5, True)]):
        assert average_precision([image(outcomes)]) == 0.5


def test_nothing_to_be_found_has_no_precision_and_nothing_found_has_none_left():
    assert math.isnan(average_precision([image([(0.9, False)])]))
    assert average_precision([image([], missed=3)]) == 0.0
    assert math.isnan(average_precision([]))


@given(st.lists(st.tuples(OUTCOMES, st.integers(0, 4)), min_size=1, max_size=4))
def test_average_precision_lies_from_0_to_1_and_any_order_of_images_gives_it(images):
    matches = [image(*one) for one in images]
    found = average_precision(matches)
    if math.isnan(found):
        assert sum(len(one.counted) for one in matches) == 0
    else:
        assert 0.0 <= found <= 1.0 + 1e-12
        assert average_precision(matches[::-1]) == found


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20))
def test_perfect_detections_have_a_precision_of_1(scores):
    assert average_precision([image([(score, True) for score in scores])]) == pytest.approx(1.0)


@given(OUTCOMES, st.integers(0, 4))
def test_steps_without_an_envelope_are_those_of_scikit_learn(outcomes, missed):
    metrics = pytest.importorskip("sklearn.metrics")
    hits = [hit for _, hit in outcomes]
    if not any(hits):
        return
    # scikit-learn knows no box without a detection: its recall goes up to 1, ours to the share that was found.
    known = metrics.average_precision_score(hits, [score for score, _ in outcomes])
    share = sum(hits) / (sum(hits) + missed)
    assert precision_recall_curve([image(outcomes, missed)]).step_area == pytest.approx(known * share)


def test_ratios_of_a_published_detector_come_out():
    # Table 1 of Mondini et al. 2026: hits, false alarms and misses of AR, CF, CS and FS at a confidence of 0.81.
    parts = [Counts(12, 7, 0), Counts(57, 38, 7), Counts(31, 12, 1), Counts(9, 7, 0)]
    assert [round(part.precision, 3) for part in parts] == [0.632, 0.6, 0.721, 0.562]
    assert [round(part.recall, 3) for part in parts] == [1.0, 0.891, 0.969, 1.0]
    total = sum(parts, Counts())
    assert (total.tp, total.fp, total.fn) == (109, 64, 8)
    # 109 / 173, 109 / 117, 218 / 290; the paper cuts the last, 0.7517, to 0.751.
    assert [round(value, 4) for value in (total.precision, total.recall, total.f1)] == [
        0.6301,
        0.9316,
        0.7517,
    ]


def test_counts_at_a_confidence_leave_out_what_is_less_sure():
    matches = [image([(0.9, True), (0.8, False), (0.4, True), (0.3, False)], missed=1)]
    assert counts_at(matches, 0.5) == Counts(tp=1, fp=1, fn=2)
    assert counts_at(matches, 0.4) == Counts(tp=2, fp=1, fn=1)
    assert counts_at(matches, 0.4, number=1) == Counts()


def test_the_best_confidence_has_the_highest_f1():
    # F1 after each: 2/4, 2/5, 4/6, 4/7 of three boxes: the third is best.
    matches = [image([(0.9, True), (0.8, False), (0.7, True), (0.6, False)], missed=1)]
    assert best_confidence(matches) == 0.7
    with pytest.raises(InvalidArgument, match="no detection that found a box"):
        best_confidence([image([(0.9, False)], missed=1)])


def test_confusion_tells_which_class_was_taken_for_which():
    truth = TruthBoxes(
        [[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 0, 70, 10]], [0, 1, 1, 0], [False, False, False, True]
    )  # fmt: skip
    found = ScoredBoxes(
        [[0, 0, 10, 9], [20, 0, 30, 9], [80, 0, 90, 10], [60, 0, 70, 10], [40, 0, 50, 10]],
        [0, 0, 1, 1, 1],
        [0.9, 0.8, 0.7, 0.9, 0.2],
    )
    # Right: one of class 0. One of class 1 was called 0; one was found at 0.2 only, and is missed. A false alarm of
    # class 1. What lies on the ignored box counts nowhere.
    matches = match_boxes(truth, found, by_class=False)
    assert confusion_matrix([matches], 2, 0.5).tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]
    assert confusion_matrix([matches, matches], 2, 0.1).tolist() == [[2, 0, 0], [2, 2, 0], [0, 2, 0]]
    with pytest.raises(InvalidArgument, match="the class 1"):
        confusion_matrix([matches], 1, 0.5)


def test_recall_by_area_and_by_kind_counts_each_box_in_its_stratum():
    truth = TruthBoxes([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], [0, 0, 0], [False, False, True])
    matches = [match_boxes(truth, ScoredBoxes([[0, 0, 10, 10]], [0], [0.9]))] * 2
    by_area = recall_by(
        matches, [[0.05, 0.5, 0.5], [0.1, np.nan, 9.0]], confidence=0.5, edges=(0, 0.1, math.inf)
    )
    # The lower edge belongs to the stratum, NaN to none, ignored boxes do not count.
    assert [(part.name, part.found, part.total) for part in by_area] == [
        ("0 to 0.1", 1, 1),
        ("from 0.1", 1, 2),
    ]
    by_kind = recall_by(matches, [["coherent", "incoherent", "hidden"]] * 2, confidence=0.5)
    assert [(part.name, part.found, part.total) for part in by_kind] == [
        ("coherent", 2, 2),
        ("incoherent", 0, 2),
    ]
    assert by_kind[0].recall.low == pytest.approx(2 / (2 + 1.959964**2))  # Wilson's of n of n: n / (n + z2)


def test_recall_needs_one_value_per_true_box():
    matches = [image([(0.9, True)])]
    with pytest.raises(InvalidArgument, match="2 array"):
        recall_by(matches, [[1.0], [2.0]], confidence=0.5)
    with pytest.raises(InvalidArgument, match="1 true box"):
        recall_by(matches, [[1.0, 2.0]], confidence=0.5)
    with pytest.raises(InvalidArgument, match="ascending"):
        recall_by(matches, [[1.0]], confidence=0.5, edges=(1, 1))
    with pytest.raises(InvalidArgument, match="no order"):
        recall_by(matches, [["coherent"]], confidence=0.5, edges=(0, 1))


def test_no_detection_on_77_km2_still_allows_3_9_false_alarms():
    # One-sided, 95 percent: -ln(0.05) = 2.996 events on 0.77 x 100 km2.
    bound = false_alarms_per_100_km2(0, 77.0, confidence=0.9)
    assert bound.value == bound.low == 0.0
    assert bound.high == pytest.approx(-math.log(0.05) / 0.77)
    with pytest.raises(InvalidArgument, match="area_km2 is 0"):
        false_alarms_per_100_km2(0, 0.0)
