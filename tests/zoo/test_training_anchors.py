from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from insarfeat.errors import InvalidArgument
from zoo.training.anchors import box_shapes, fit_anchors
from zoo.training.labelled import BoxLabels, Samples

CENTRES = [(6.0, 6.0), (8.0, 20.0), (20.0, 8.0), (30.0, 30.0), (30.0, 70.0), (90.0, 90.0)]


def clusters(seed: int, spread: float = 0.08) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.concatenate([np.array(c) * np.exp(random.normal(0, spread, (60, 2))) for c in CENTRES])


def test_clusters_of_boxes_are_found_again() -> None:
    fitted = fit_anchors(clusters(1), strides=3, each=2)
    found = np.array([shape for one in fitted.anchors for shape in one])
    for centre in CENTRES:
        assert np.abs(found / centre - 1).max(1).min() < 0.04


def test_small_anchors_go_to_the_finest_stride() -> None:
    fitted = fit_anchors(clusters(2), strides=3, each=2)
    areas = [height * width for one in fitted.anchors for height, width in one]
    assert [len(one) for one in fitted.anchors] == [2, 2, 2]
    assert areas == sorted(areas)


def test_mean_overlap_is_that_of_the_best_anchor_of_each_box() -> None:
    # One anchor, the median (4, 8): overlaps 16/32, 1, 32/128 with the boxes.
    fitted = fit_anchors([[4, 4], [4, 8], [8, 16]], strides=1, each=1)
    assert fitted.anchors == (((4.0, 8.0),),)
    assert fitted.mean_iou == pytest.approx((0.5 + 1 + 0.25) / 3)
    assert fitted.boxes == 3


def test_anchors_of_clusters_fit_better_than_round_numbers() -> None:
    shapes = clusters(3)
    fitted = fit_anchors(shapes, strides=3, each=2)
    assert fitted.mean_iou > 0.85
    assert fit_anchors(shapes, strides=1, each=1).mean_iou < 0.5


def test_large_boxes_count_no_more_than_small_ones() -> None:
    # By squared distance one of two anchors would go to the two boxes of hundreds of pixels.
    shapes = [[5, 5]] * 10 + [[10, 10]] * 10 + [[300, 300], [310, 310]]
    assert fit_anchors(shapes, strides=2, each=1).anchors == (((5.0, 5.0),), ((10.0, 10.0),))


def test_the_same_seed_finds_the_same_anchors() -> None:
    shapes = np.random.default_rng(0).uniform(5, 60, (200, 2))
    assert fit_anchors(shapes, seed=4) == fit_anchors(shapes, seed=4)


def test_too_few_shapes_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="9 anchors need as many boxes"):
        fit_anchors([[4, 4], [5, 5], [5, 5]])


@pytest.mark.parametrize("shapes", [[[4, 0]], [[4, float("nan")]], [1, 2, 3]])
def test_shapes_that_are_none_are_refused(shapes: list) -> None:
    with pytest.raises(InvalidArgument, match="heights and widths above 0"):
        fit_anchors(shapes, strides=1, each=1)


def test_shapes_come_from_boxes_that_count() -> None:
    import torch

    some = BoxLabels.of([((1.0, 2.0, 5.0, 10.0), 0, False), ((0.0, 0.0, 9.0, 9.0), 0, True)])
    blank = torch.zeros(2, 8, 8)
    batch = Samples(blank[:, None], blank[:, None], blank > 0, blank.byte(), (some, BoxLabels.of([])))
    assert box_shapes([batch, batch]).tolist() == [[4.0, 8.0], [4.0, 8.0]]
    assert box_shapes([]).shape == (0, 2)
