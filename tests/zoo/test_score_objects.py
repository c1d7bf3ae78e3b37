"""Objects of masks, and how far their outlines are apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.ndimage import label as components
from scipy.spatial.distance import directed_hausdorff

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from zoo.scores import Counts, hausdorff, match_objects

MASK = npst.arrays(np.bool_, (8, 9), elements=st.sampled_from([False, False, True]))
PIXEL = (20.0, 15.0)


def outline(mask: np.ndarray) -> np.ndarray:
    """Coordinates of the pixels with a neighbour outside, found one by one."""
    rows, columns = mask.shape

    def inside(row: int, column: int) -> bool:
        return 0 <= row < rows and 0 <= column < columns and bool(mask[row, column])

    return np.array(
        [
            (row, column)
            for row, column in np.argwhere(mask)
            if not all(
                inside(row + down, column + right) for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1))
            )
        ],
        float,
    )


@given(MASK, MASK)
def test_distance_of_outlines_is_that_of_scipy(first, second):
    assume(first.any() and second.any())
    one, other = outline(first) * PIXEL, outline(second) * PIXEL
    known = max(directed_hausdorff(one, other)[0], directed_hausdorff(other, one)[0])
    found = hausdorff(first, second, pixel=PIXEL)
    assert found.largest == pytest.approx(known)
    between = np.linalg.norm(one[:, None] - other[None, :], axis=2)
    percentiles = [np.percentile(between.min(axis=axis), 95) for axis in (0, 1)]
    assert found.percentile_95 == pytest.approx(max(percentiles))
    assert hausdorff(second, first, pixel=PIXEL) == found


def test_a_slide_in_the_middle_of_another_is_as_far_as_its_border() -> None:
    # 3 x 3 in the middle of 9 x 9: the corner of the outer outline is 3 rows and 3 columns from the inner one.
    outer, inner = np.ones((9, 9), bool), np.zeros((9, 9), bool)
    inner[3:6, 3:6] = True
    assert hausdorff(outer, inner, pixel=PIXEL).largest == pytest.approx(np.hypot(60.0, 45.0))
    assert hausdorff(outer, outer, pixel=PIXEL).largest == 0.0


def test_nothing_has_a_distance_to_an_empty_mask() -> None:
    with pytest.raises(InvalidArgument, match="empty"):
        hausdorff(np.ones((2, 2), bool), np.zeros((2, 2), bool))
    with pytest.raises(GridMismatch):
        hausdorff(np.ones((2, 2), bool), np.ones((2, 3), bool))
    with pytest.raises(InvalidType, match="probability >= 0"):
        hausdorff(np.ones((2, 2)), np.ones((2, 2), bool))
    with pytest.raises(InvalidArgument, match="height and the width"):
        hausdorff(np.ones((2, 2), bool), np.ones((2, 2), bool), pixel=(0.0, 1.0))


def test_objects_match_from_an_iou_of_0_4_on() -> None:
    # 2 of 5 pixels are common: 0.4. Beside it one false alarm, and one miss.
    label = np.array([[1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0]])
    predicted = np.array([[0, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1]])
    found = match_objects(predicted, label, pixel=PIXEL)
    assert found.counts == Counts(tp=1, fp=1, fn=1)
    assert found.overlaps.tolist() == [0.4]
    # Columns 0 to 2 against 1 to 4: the farthest is 2 columns of 15 m off.
    assert found.distances[0].largest == 30.0
    assert match_objects(predicted, label, iou=0.41).counts == Counts(tp=0, fp=2, fn=2)


def test_two_predictions_of_one_slide_are_one_hit_and_one_false_alarm() -> None:
    # Ten pixels, found as the left 5 and the right 4: IoU 0.5 and 0.4, and the better one has it.
    label, predicted = np.ones((1, 10), int), np.ones((1, 10), int)
    predicted[0, 5] = 0
    found = match_objects(predicted, label)
    assert found.counts == Counts(tp=1, fp=1)
    assert found.overlaps.tolist() == [0.5]


def test_objects_hang_together_over_corners() -> None:
    assert match_objects(np.eye(4, dtype=bool), np.eye(4, dtype=bool)).counts == Counts(tp=1)


def test_only_valid_pixels_count_for_the_overlap() -> None:
    # The prediction spreads over ignored ground: on the rest it is the slide itself.
    label, valid = np.array([[1, 1, 255, 255, 255]], np.uint8), np.array([[1, 1, 1, 0, 0]], np.uint8)
    found = match_objects(np.ones((1, 5), bool), label, valid=valid, pixel=PIXEL)
    assert found.counts == Counts(tp=1)
    assert found.overlaps.tolist() == [1.0]
    assert found.distances[0].largest == 0.0


def test_a_prediction_mostly_on_ignored_ground_is_no_false_alarm() -> None:
    label = np.zeros((1, 6), np.uint8)
    predicted = np.array([[1, 1, 1, 0, 0, 0]], bool)
    assert match_objects(predicted, label).counts == Counts(fp=1)
    label[0, :2] = 255  # two of three
    assert match_objects(predicted, label).counts == Counts()
    label[0, 1] = 0  # one of three
    assert match_objects(predicted, label).counts == Counts(fp=1)


def test_a_slide_without_a_valid_pixel_is_no_miss() -> None:
    label, valid = np.array([[1, 1, 0]], np.uint8), np.array([[0, 0, 1]], np.uint8)
    assert match_objects(np.zeros((1, 3), bool), label, valid=valid).counts == Counts()


@given(MASK)
def test_the_truth_itself_finds_all(mask):
    found = match_objects(mask, mask)
    number = components(mask, np.ones((3, 3)))[1]
    assert found.counts == Counts(tp=number)
    assert all(distance.largest == 0.0 for distance in found.distances)


@given(MASK, MASK)
def test_over_a_half_of_iou_objects_match_as_brute_force_says(predicted, label):
    ones, others = (components(mask, np.ones((3, 3))) for mask in (predicted, label))
    pairs = 0
    for one in range(1, ones[1] + 1):
        for other in range(1, others[1] + 1):
            first, second = ones[0] == one, others[0] == other
            pairs += (first & second).sum() / (first | second).sum() > 0.5
    found = match_objects(predicted, label, iou=0.500001)
    assert found.counts == Counts(tp=pairs, fp=ones[1] - pairs, fn=others[1] - pairs)


@given(MASK, MASK)
def test_misses_become_false_alarms_when_both_masks_change_places(predicted, label):
    one, other = match_objects(predicted, label), match_objects(label, predicted)
    assert (one.counts.fp, one.counts.fn) == (other.counts.fn, other.counts.fp)
    np.testing.assert_array_equal(one.overlaps, other.overlaps)
