"""Pixels: counts, curves, thresholds, and whom they are charged to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from zoo.scores import (
    Counts,
    MaskHistogram,
    SizeClasses,
    mask_histogram,
    mask_histograms_by,
    pixel_counts,
    size_classes,
)

SHAPE = (6, 7)
# Sixteenths, and what float32 makes of tenths.
PROBABILITIES = npst.arrays(
    np.float32, SHAPE, elements=st.sampled_from([0, 0.0625, 0.1, 0.3, 0.5, 0.7, 0.9, 1])
)
LABELS = npst.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 0, 0, 1, 2, 255]))
VALID = npst.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 1, 1]))
KINDS = {"coherent": 1, "incoherent": 2}


def test_pixels_are_counted_where_label_and_valid_mask_say_so() -> None:
    # tp, fp, fn, tn, then what counts nowhere: nodata, not valid, and no prediction where not valid.
    probability = np.array([[0.9, 0.9, 0.1, 0.1, 0.9, 0.9, np.nan]])
    label = np.array([[1, 0, 3, 0, 255, 1, 1]], np.uint8)
    valid = np.array([[1, 1, 1, 1, 1, 0, 0]], np.uint8)
    counts = pixel_counts(probability, label, threshold=0.5, valid=valid)
    assert counts == Counts(tp=1, fp=1, fn=1, tn=1)
    assert (counts.iou, counts.f1, counts.precision, counts.recall) == (1 / 3, 0.5, 0.5, 0.5)


def test_ratios_of_nothing_are_not_numbers() -> None:
    counts = pixel_counts(np.zeros((2, 2)), np.zeros((2, 2), int), threshold=0.5)
    assert counts == Counts(tn=4)
    assert np.isnan([counts.iou, counts.f1, counts.precision, counts.recall]).all()


@given(PROBABILITIES, LABELS, VALID, st.sampled_from([0.0, 0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999]))
def test_histogram_counts_at_any_of_its_thresholds_as_the_pixels_do(probability, label, valid, threshold):
    direct = pixel_counts(probability, label, threshold=threshold, valid=valid)
    assert mask_histogram(probability, label, valid=valid).counts(threshold) == direct


@given(PROBABILITIES, LABELS, VALID)
def test_histograms_of_halves_add_up_to_that_of_the_whole(probability, label, valid):
    halves = [
        mask_histogram(probability[rows], label[rows], valid=valid[rows])
        for rows in (slice(2), slice(2, None))
    ]
    both, whole = sum(halves, MaskHistogram.empty()), mask_histogram(probability, label, valid=valid)
    assert (both.positives == whole.positives).all()
    assert (both.negatives == whole.negatives).all()


@given(PROBABILITIES, LABELS, VALID)
def test_curve_and_its_area_are_those_of_scikit_learn(probability, label, valid):
    metrics = pytest.importorskip("sklearn.metrics")
    counted = (label != 255) & (valid == 1)
    true, told = label[counted] > 0, probability[counted]
    histogram = mask_histogram(probability, label, valid=valid)
    if not true.any():
        assert np.isnan(histogram.average_precision)
        return
    assert histogram.average_precision == pytest.approx(metrics.average_precision_score(true, told))
    precision, recall, thresholds = metrics.precision_recall_curve(true, told)
    curve = histogram.curve()
    np.testing.assert_allclose(curve.precision, precision[-2::-1])
    np.testing.assert_allclose(curve.recall, recall[-2::-1])
    # Each bin holds its lower edge, so the threshold is that of the bin of the probability.
    np.testing.assert_allclose(
        curve.thresholds, np.floor(thresholds[::-1].astype(float) * 1000 + 1e-3).clip(0, 999) / 1000
    )


def test_the_best_threshold_has_the_highest_iou() -> None:
    # Slides at 0.9, 0.6, 0.6, 0.2; background at 0.6, 0.2 three times. IoU from 0.9: 1/4, 0.6: 3/5, 0.2: 4/8.
    probability = np.array([0.9, 0.6, 0.6, 0.2, 0.6, 0.2, 0.2, 0.2])
    histogram = mask_histogram(probability, [1, 1, 1, 1, 0, 0, 0, 0])
    threshold = histogram.best_threshold()
    assert 0.2 < threshold <= 0.6
    assert histogram.counts(threshold).iou == 3 / 5
    assert histogram.counts(0.9).iou == 1 / 4
    assert histogram.counts(0.2).iou == 4 / 8
    # All from 0.201 to 0.600 are equal: the middle one is farthest from both sides.
    assert threshold == 0.401


def test_a_threshold_needs_slides_and_an_edge() -> None:
    with pytest.raises(InvalidArgument, match="no pixel of a slide"):
        MaskHistogram.empty().best_threshold()
    for threshold in (0.12345, 1.0):
        with pytest.raises(InvalidArgument, match=r"multiples of 0\.001 under 1"):
            MaskHistogram.empty().counts(threshold)
    with pytest.raises(InvalidArgument, match="of 10 and of 1000 bins"):
        MaskHistogram.empty(10) + MaskHistogram.empty()


def test_sizes_split_at_156_and_1043_pixels_of_30_m() -> None:
    # Objects of 155, 156, 1043 and 1044 pixels, one row each: under 156 is small, above 1,043 large.
    label = np.zeros((8, 1100), np.uint8)
    for row, pixels in zip((0, 2, 4, 6), (155, 156, 1043, 1044), strict=True):
        label[row, :pixels] = 1
    classes = size_classes(label, pixel=(30.0, 30.0))
    assert classes[::2, 0].tolist() == [1, 2, 2, 3]
    assert ((classes > 0) == (label > 0)).all()
    # At 15 m, four times as many pixels make the same area: all but the first two are medium at most.
    assert size_classes(label, pixel=(15.0, 15.0))[::2, 0].tolist() == [1, 1, 2, 2]


def test_an_object_is_connected_over_corners_and_through_pixels_that_do_not_count() -> None:
    label = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]], np.uint8)
    sizes = SizeClasses(medium_from=2.0, medium_to=2.0)
    assert size_classes(label, pixel=(1.0, 1.0), sizes=sizes).tolist() == [
        [2, 0, 0, 0],
        [0, 2, 0, 0],
        [0, 0, 0, 1],
    ]


def test_a_false_alarm_is_charged_to_the_nearest_slide_in_metres() -> None:
    # Kinds 1 and 2 at both ends of a column; pixels are 10 m high. Row 1 is nearer to kind 1, row 3 to kind 2.
    label, kinds = np.array([[1], [0], [0], [0], [0], [1]]), np.array([[1], [9], [9], [9], [9], [2]])
    probability = np.array([[0.9], [0.9], [0.1], [0.9], [0.9], [0.1]])
    found = mask_histograms_by(probability, label, kinds, KINDS, pixel=(10.0, 20.0))
    assert found["coherent"].counts(0.5) == Counts(tp=1, fp=1, tn=1)
    assert found["incoherent"].counts(0.5) == Counts(fp=2, fn=1)


def test_a_wide_pixel_is_further_away_than_a_high_one() -> None:
    # From (0, 0), kind 1 is two rows below, kind 2 one column beside, which is 3 times as wide.
    label, kinds = np.array([[0, 1], [0, 0], [1, 0]]), np.array([[0, 2], [0, 0], [1, 0]])
    probability = np.zeros((3, 2))
    probability[0, 0] = 0.9
    square = mask_histograms_by(probability, label, kinds, KINDS)
    wide = mask_histograms_by(probability, label, kinds, KINDS, pixel=(10.0, 30.0))
    assert (square["incoherent"].counts(0.5).fp, wide["coherent"].counts(0.5).fp) == (1, 1)


@given(PROBABILITIES, LABELS, VALID)
def test_strata_add_up_to_the_whole_where_the_tile_holds_a_slide(probability, label, valid):
    strata = np.where(label == 255, 0, label)
    parts = mask_histograms_by(probability, label, strata, KINDS, valid=valid)
    total = parts["coherent"] + parts["incoherent"]
    whole = mask_histogram(probability, label, valid=valid)
    if (strata > 0).any():
        assert (total.positives == whole.positives).all()
        assert (total.negatives == whole.negatives).all()
    else:
        assert total.positives.sum() + total.negatives.sum() == 0


@pytest.mark.parametrize(
    ("probability", "label", "valid", "error", "words"),
    [
        (np.array([0.5, np.nan]), [0, 0], None, InvalidArgument, "where pixels count"),
        (np.array([0.5, 3.0]), [0, 0], None, InvalidArgument, "such as 3"),
        (np.array([1, 0]), [0, 0], None, InvalidType, "probability is of type int64"),
        (np.array([0.5]), [0, 0], None, GridMismatch, "same shape"),
        (np.array([0.5]), [0.0], None, InvalidType, "label is of type float64"),
        (np.array([0.5]), [0], [1.0], InvalidType, "valid is of type float64"),
        (np.array([0.5]), [0], [1, 1], GridMismatch, "valid has the shape"),
    ],
)
def test_what_is_no_probability_is_refused(probability, label, valid, error, words):
    with pytest.raises(error, match=words):
        pixel_counts(probability, label, threshold=0.5, valid=valid)


def test_no_image_no_strata() -> None:
    with pytest.raises(InvalidArgument, match="one image"):
        mask_histograms_by(np.zeros(3), [0, 0, 0], [0, 0, 0], KINDS)
    with pytest.raises(InvalidArgument, match="medium_from"):
        SizeClasses(medium_from=10.0, medium_to=5.0)
