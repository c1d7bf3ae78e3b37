from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from insarfeat.errors import InvalidArgument
from zoo.networks.yolo import decode
from zoo.training.labelled import BoxLabels
from zoo.training.losses import (
    DetectorLoss,
    MaskLoss,
    overlaps_of_pairs,
    predictions,
)
from zoo.training.yolo_targets import assigned, heads_of, overlaps

ANCHORS = (((8.0, 8.0), (8.0, 16.0)), ((24.0, 24.0), (24.0, 48.0)))
STRIDES = (4, 8)
CLASSES = 2


def raw_maps(samples: int = 1, side: int = 64, fill: float = 0.0) -> list[torch.Tensor]:
    channels = 2 * (5 + CLASSES)
    return [torch.full((samples, channels, side // stride, side // stride), fill) for stride in STRIDES]


def labels(*rows: tuple[tuple[float, float, float, float], int, bool]) -> BoxLabels:
    return BoxLabels.of(rows)


def maps_that_say(truth: BoxLabels, side: int = 64) -> list[torch.Tensor]:
    """Raw maps that decode to the truth in every responsible place, written down from the formulas."""
    raw = raw_maps(side=side)
    for each in raw:
        each.view(2, 7, *each.shape[2:])[:, 4] = -20.0
    for box, number in zip(truth.boxes.tolist(), truth.classes.tolist(), strict=True):
        height, width = box[2] - box[0], box[3] - box[1]
        for head, anchor, row, col in responsible(box, side):
            stride, shape = STRIDES[head], ANCHORS[head][anchor]
            cell = raw[head].view(2, 7, *raw[head].shape[2:])[anchor, :, row, col]
            for axis, place in enumerate((row, col)):
                share = ((box[axis] + box[axis + 2]) / 2 / stride - place + 0.5) / 2
                cell[axis] = math.log(share / (1 - share)) if 0 < share < 1 else 20.0 * (2 * share - 1)
            cell[2:4] = torch.tensor([math.log(height / shape[0]), math.log(width / shape[1])])
            cell[4] = 20.0
            cell[5:] = -20.0
            cell[5 + number] = 20.0
    return raw


def responsible(box: list[float], side: int = 64) -> list[tuple[int, int, int, int]]:
    """Stride, anchor, row and column of what is responsible for a box that is alone, worked out one by one."""
    height, width = box[2] - box[0], box[3] - box[1]
    found = []
    for head, (stride, shapes) in enumerate(zip(STRIDES, ANCHORS, strict=True)):
        row, col = (box[0] + box[2]) / 2 / stride, (box[1] + box[3]) / 2 / stride
        own = int(row), int(col)
        beside_row = own[0] + (1 if row % 1 >= 0.5 else -1)
        beside_col = own[1] + (1 if col % 1 >= 0.5 else -1)
        for anchor, shape in enumerate(shapes):
            ratios = [height / shape[0], shape[0] / height, width / shape[1], shape[1] / width]
            if max(ratios) <= 3.0:
                cells = [own, (beside_row, own[1]), (own[0], beside_col)]
                found += [
                    (head, anchor, *cell) for cell in cells if all(0 <= c < side // stride for c in cell)
                ]
    return found


def flat(head: int, anchor: int, row: int, col: int, side: int = 64) -> int:
    """Place among all predictions."""
    before = sum(2 * (side // stride) ** 2 for stride in STRIDES[:head])
    cells = side // STRIDES[head]
    return before + (anchor * cells + row) * cells + col


TRUTH = labels(((10.0, 12.0, 19.0, 21.0), 0, False), ((20.0, 5.0, 45.0, 58.0), 1, False))


def test_cross_entropy_of_a_hand_worked_case() -> None:
    logits = torch.tensor([[[[0.0, math.log(3.0), -math.log(3.0), 50.0]]]])  # probabilities 1/2, 3/4, 1/4, 1
    mask = torch.tensor([[[[1.0, 0.25, 0.0, 0.0]]]])
    valid = torch.tensor([[[True, True, True, False]]])
    expected = (math.log(2) - 0.25 * math.log(0.75) - 0.75 * math.log(0.25) - math.log(0.75)) / 3
    parts = MaskLoss()(logits, mask, valid)
    assert float(parts.total) == pytest.approx(expected, rel=1e-6)
    assert float(parts.entropy) == float(parts.total)
    assert float(parts.dice) == 0.0


def test_positive_weight_weighs_the_slides() -> None:
    logits, mask = torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 0.0]]]])
    loss = MaskLoss(positive_weight=3.0)(logits, mask, torch.ones(1, 1, 2, dtype=torch.bool))
    assert float(loss.total) == pytest.approx(2 * math.log(2), rel=1e-6)


def test_dice_of_a_hand_worked_case() -> None:
    logits = torch.tensor([[[[0.0, 0.0, 30.0]]]])
    mask = torch.tensor([[[[1.0, 0.0, 0.0]]]])
    valid = torch.tensor([[[True, True, False]]])
    parts = MaskLoss(dice=2.0)(logits, mask, valid)
    dice = 1 - (2 * 0.5 + 1) / (0.25 + 0.25 + 1 + 1)
    assert float(parts.dice) == pytest.approx(dice, rel=1e-6)
    assert float(parts.total) == pytest.approx(math.log(2) + 2 * dice, rel=1e-6)


def test_dice_is_smallest_at_soft_targets_themselves() -> None:
    mask = torch.tensor([[[[0.9, 0.6, 0.3, 0.1]]]])
    logits = torch.logit(mask).requires_grad_()
    valid = torch.ones(1, 1, 4, dtype=torch.bool)
    parts = MaskLoss(dice=1.0)(logits, mask, valid)
    (gradient,) = torch.autograd.grad(parts.dice, logits)
    assert float(parts.dice.detach()) == pytest.approx(0.0, abs=1e-6)
    assert float(gradient.abs().max()) < 1e-6


@pytest.mark.parametrize("wild", [math.nan, math.inf, 1e30])
def test_pixels_that_do_not_count_have_no_gradient_at_all(wild: float) -> None:
    torch.manual_seed(0)
    logits, mask = torch.randn(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    valid = torch.rand(2, 4, 4) > 0.5
    mask[~valid[:, None]] = math.nan
    logits[~valid[:, None]] = wild
    logits.requires_grad_()
    MaskLoss(positive_weight=2.0, dice=1.0)(logits, mask, valid).total.backward()
    assert logits.grad is not None
    assert bool((logits.grad[~valid[:, None]] == 0).all())
    assert bool((logits.grad[valid[:, None]] != 0).all())


def test_a_batch_without_a_valid_pixel_has_no_loss() -> None:
    logits = torch.randn(1, 1, 4, 4, requires_grad=True)
    parts = MaskLoss(dice=1.0)(logits, torch.ones(1, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.bool))
    parts.total.backward()
    assert float(parts.total.detach()) == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_masks_of_another_shape_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="logits, mask and valid"):
        MaskLoss()(torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 4, 4), torch.ones(1, 4, 4, dtype=torch.bool))


def test_generalised_overlap_of_hand_worked_boxes() -> None:
    one = torch.tensor([[0.0, 0.0, 4.0, 4.0]]).expand(4, 4)
    others = torch.tensor(
        [[0.0, 0.0, 4.0, 4.0], [0.0, 2.0, 4.0, 6.0], [0.0, 8.0, 4.0, 12.0], [1.0, 1.0, 3.0, 3.0]]
    )
    # Equal; half shared; apart by one box (union 32 in a frame of 48); one within the other.
    found = overlaps_of_pairs(one, others)
    assert found.generalised.tolist() == pytest.approx([1.0, 1 / 3, -1 / 3, 0.25])
    assert found.plain.tolist() == pytest.approx([1.0, 1 / 3, 0.0, 0.25])


def test_raw_maps_that_decode_to_the_truth_cost_next_to_nothing() -> None:
    raw = maps_that_say(TRUTH)
    found = decode(raw, ANCHORS, STRIDES)
    best = found.objectness[0] > 0.5
    told = {tuple(box) for box in found.boxes[0][best].round(decimals=3).tolist()}
    assert told == {tuple(box) for box in TRUTH.boxes.tolist()}
    assert int(best.sum()) == sum(len(responsible(box)) for box in TRUTH.boxes.tolist())
    parts = DetectorLoss(ANCHORS, STRIDES, CLASSES)(raw, [TRUTH])
    assert [float(part) for part in (parts.total, parts.box, parts.objectness, parts.classes)] == (
        pytest.approx([0.0] * 4, abs=1e-4)
    )


def test_an_empty_sample_costs_what_objectness_says() -> None:
    raw = raw_maps()
    parts = DetectorLoss(ANCHORS, STRIDES, CLASSES)(raw, [labels()])
    assert float(parts.objectness) == pytest.approx((16 * 16 + 8 * 8) * 2 * math.log(2), rel=1e-5)
    assert float(parts.box) == float(parts.classes) == 0.0


def test_parts_are_shares_of_what_is_responsible_and_sum_up_with_fives_for_boxes() -> None:
    loss = DetectorLoss(ANCHORS, STRIDES, CLASSES)
    one, two = raw_maps(1, fill=0.1), raw_maps(2, fill=0.1)
    alone, twice = loss(one, [TRUTH]), loss(two, [TRUTH, TRUTH])
    assert float(alone.total) == pytest.approx(float(twice.total), rel=1e-5)
    assert float(alone.total) == pytest.approx(
        5 * float(alone.box) + float(alone.objectness) + float(alone.classes), rel=1e-6
    )


def test_a_box_goes_to_the_anchors_about_its_shape_in_the_three_cells_about_its_centre() -> None:
    raw = raw_maps()
    truth = labels(((8.0, 20.0, 16.0, 36.0), 1, False), ((10.0, 30.0, 34.0, 53.0), 0, False))
    targets = assigned(predictions(raw, ANCHORS, STRIDES), heads_of(raw, ANCHORS, STRIDES), [truth])
    # 8 x 16 with its centre (12, 28) on a corner of cells at stride 4: (3, 7), (2, 7) and (3, 6), for both anchors;
    # at stride 8 it is in (1, 3), beside it lie (2, 3) and (1, 4), and no anchor is more than 3 times as long.
    one = [flat(0, anchor, *cell) for anchor in (0, 1) for cell in ((3, 7), (2, 7), (3, 6))]
    one += [flat(1, anchor, *cell) for anchor in (0, 1) for cell in ((1, 3), (2, 3), (1, 4))]
    # 24 x 23, (22, 41.5): (5, 10) at stride 4, and (2, 5) at stride 8.
    other = [flat(0, anchor, *cell) for anchor in (0, 1) for cell in ((5, 10), (6, 10), (5, 9))]
    other += [flat(1, anchor, *cell) for anchor in (0, 1) for cell in ((2, 5), (3, 5), (2, 4))]
    assert sorted(targets.place[targets.classes == 1].tolist()) == sorted(one)
    assert sorted(targets.place[targets.classes == 0].tolist()) == sorted(other)
    assert targets.counted[0, targets.place].all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(0.0, 60.0)] * 2, *[st.floats(1.0, 60.0)] * 2), max_size=6),
    st.integers(0, 2),
)
def test_who_is_responsible_is_as_worked_out_one_by_one(
    sides: list[tuple[float, float, float, float]], empty: int
) -> None:
    boxes = [[top, left, min(top + high, 64.0), min(left + wide, 64.0)] for top, left, high, wide in sides]
    truth = BoxLabels.of([(box, number % 2, False) for number, box in enumerate(boxes)])
    samples = [labels()] * empty + [truth]
    raw = raw_maps(len(samples))
    targets = assigned(predictions(raw, ANCHORS, STRIDES), heads_of(raw, ANCHORS, STRIDES), samples)
    wanted = {flat(*place) for box in truth.boxes.tolist() for place in responsible(box)}
    found = targets.place.tolist()
    assert len(set(found)) == len(found)
    assert wanted <= set(found)  # beside them, the best anchor of what fits none
    assert (targets.sample == empty).all()
    for box in targets.boxes.tolist():
        assert box in truth.boxes.tolist()


def test_a_box_like_no_anchor_goes_to_the_best_one() -> None:
    raw = raw_maps()
    sliver = labels(((30.0, 10.0, 33.0, 11.0), 0, False))
    targets = assigned(predictions(raw, ANCHORS, STRIDES), heads_of(raw, ANCHORS, STRIDES), [sliver])
    assert sorted(targets.place.tolist()) == sorted(flat(0, 0, *cell) for cell in ((7, 2), (8, 2), (7, 3)))


def test_of_two_boxes_in_one_cell_the_smaller_one_has_it() -> None:
    raw = raw_maps()
    heads = heads_of(raw, ANCHORS, STRIDES)
    nested = labels(((8.0, 8.0, 18.0, 18.0), 0, False), ((9.0, 9.0, 17.0, 17.0), 1, False))
    targets = assigned(predictions(raw, ANCHORS, STRIDES), heads, [nested])
    assert set(targets.classes[targets.place < 2 * 16 * 16].tolist()) == {1}


def test_good_predictions_beside_the_responsible_one_are_left_alone() -> None:
    raw = raw_maps()
    truth = labels(((12.0, 12.0, 36.0, 36.0), 0, False))
    said = predictions(raw, ANCHORS, STRIDES)
    targets = assigned(said, heads_of(raw, ANCHORS, STRIDES), [truth])
    good = overlaps(said.boxes[0], truth.boxes)[:, 0] > 0.5
    good[targets.place] = False
    assert good.any()
    assert torch.equal(targets.counted[0], ~good)


def test_what_lies_in_an_ignored_box_is_no_false_alarm_and_has_no_gradient() -> None:
    raw = [each.requires_grad_() for each in raw_maps()]
    ignored = labels(((16.0, 16.0, 40.0, 40.0), 0, True))
    parts = DetectorLoss(ANCHORS, STRIDES, CLASSES)(raw, [ignored])
    parts.total.backward()
    gradient = raw[0].grad
    assert gradient is not None
    objectness = gradient.view(2, 7, 16, 16)[:, 4]
    assert not objectness[:, 5:9, 5:9].any()  # 8 x 8 about (22, 22) to (34, 34): wholly inside
    assert (objectness[:, :3] > 0).all()
    assert float(parts.box.detach()) == 0.0


def test_an_ignored_box_does_not_hide_a_true_one() -> None:
    raw = raw_maps()
    both = labels(((8.0, 8.0, 16.0, 16.0), 0, False), ((-20.0, -20.0, 84.0, 84.0), 0, True))
    targets = assigned(predictions(raw, ANCHORS, STRIDES), heads_of(raw, ANCHORS, STRIDES), [both])
    assert targets.counted[0, targets.place].all()
    assert int(targets.counted.sum()) == len(targets.place)  # every other prediction lies in the ignored box


def test_gradient_descent_on_raw_maps_alone_finds_the_boxes() -> None:
    torch.manual_seed(0)
    raw = [torch.nn.Parameter(0.1 * torch.randn_like(each)) for each in raw_maps(2)]
    empty_then_two = [labels(), TRUTH]
    loss = DetectorLoss(ANCHORS, STRIDES, CLASSES)
    optimizer = torch.optim.Adam(raw, lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        loss(raw, empty_then_two).total.backward()
        optimizer.step()
    found = decode([each.detach() for each in raw], ANCHORS, STRIDES)
    assert not (found.objectness[0] > 0.5).any()
    score, overlap = found.objectness[1], overlaps(TRUTH.boxes, found.boxes[1])
    assert (overlap.max(0).values[score > 0.5] > 0.5).all()  # nothing but what suppression takes for the same
    for number, one in enumerate(overlap):
        best = torch.where(one > 0.5, score, 0.0).argmax()
        assert float(score[best]) > 0.9
        assert float(one[best]) > 0.9
        assert int(found.class_probability[1, best].argmax()) == number


def test_raw_maps_of_other_classes_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="2 classes, and the loss has 3"):
        DetectorLoss(ANCHORS, STRIDES, 3)(raw_maps(), [labels()])


def test_bfloat16_maps_have_a_loss_in_single_precision() -> None:
    raw = [each.bfloat16() for each in maps_that_say(TRUTH)]
    total = DetectorLoss(ANCHORS, STRIDES, CLASSES)(raw, [TRUTH]).total
    assert total.dtype == torch.float32
    assert float(total) < 0.5
