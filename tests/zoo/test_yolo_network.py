"""YOLOv3: its counts, its raw maps, and boxes worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from insarfeat.errors import InvalidArgument

torch = pytest.importorskip("torch")

from zoo.networks import build_network
from zoo.networks.yolo import ANCHORS, YoloV3, decode, decode_above

PAPER = (8, 16, 32)


@pytest.fixture(autouse=True)
def _same_noise_for_each_test() -> None:
    torch.manual_seed(7)


def small(**options: Any) -> YoloV3:
    return YoloV3(3, 2, **{"width": 0.125, "depth": 0.1, **options})


def settle(network: Any, images: Any) -> None:
    """Give batch norms the statistics of images, and leave the network in evaluation mode."""
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(images)
    network.eval()


@pytest.mark.parametrize(
    ("width", "depth", "millions"), [(0.375, 0.5, 6.3), (0.5, 1.0, 15.4), (1.0, 1.0, 61.5)]
)
def test_with_the_strides_of_the_paper_the_parameters_are_as_many_as_published(
    width: float, depth: float, millions: float
) -> None:
    with torch.device("meta"):
        network = build_network("yolo-v3", 3, 3, width=width, depth=depth, strides=PAPER)
    assert sum(each.numel() for each in network.parameters()) == pytest.approx(millions * 1e6, rel=0.01)


def test_the_full_backbone_has_53_layers_less_the_classifier() -> None:
    with torch.device("meta"):
        network = YoloV3(3, 1)
    layers = [each for each in network.backbone.modules() if isinstance(each, torch.nn.Conv2d)]
    assert len(layers) == 52


def test_the_published_network_of_80_classes_has_the_authors_count() -> None:
    # 61,949,149: what the authors' own configuration counts for COCO, biases, norms and all.
    with torch.device("meta"):
        network = YoloV3(3, 80, strides=PAPER)
    assert sum(each.numel() for each in network.parameters()) == 61_949_149


@pytest.mark.parametrize("strides", [(4, 8, 16), PAPER, (4, 8, 16, 32), (16,), (4,)])
def test_each_stride_gets_a_map_of_its_size_finest_first(strides: tuple[int, ...]) -> None:
    network = small(strides=strides, anchors=[[[8, 8], [8, 16], [16, 8]]] * len(strides)).eval()
    found = network(torch.randn(2, 3, 64, 96))
    assert [tuple(each.shape) for each in found] == [
        (2, 3 * (5 + 2), 64 // each, 96 // each) for each in strides
    ]


def test_every_parameter_is_of_use() -> None:
    network = small()
    sum(each.square().sum() for each in network(torch.randn(2, 3, 64, 64))).backward()
    idle = [name for name, each in network.named_parameters() if each.grad is None or not each.grad.any()]
    assert not idle


def test_a_fresh_network_finds_next_to_nothing() -> None:
    network = small()
    with torch.no_grad():
        found = decode(network(torch.randn(2, 3, 96, 96)), network.anchors, network.strides)
    assert found.objectness.mean() == pytest.approx(0.01, abs=0.003)
    assert found.objectness.max() < 0.1


def test_a_shift_by_the_largest_stride_shifts_the_raw_maps() -> None:
    network = small(width=0.07)
    strip = torch.randn(2, 3, 800, 32)
    settle(network, strip)
    with torch.no_grad():
        first, shifted = network(strip[:, :, :-32]), network(strip[:, :, 32:])
    for stride, one, other in zip(network.strides, first, shifted, strict=True):
        edge, step = 288 // stride, 32 // stride  # borders reach 270 px far
        inside = one[:, :, edge + step : -edge]
        assert inside.shape[2] > 0
        assert inside.std() > 1e-4
        torch.testing.assert_close(inside, other[:, :, edge : -edge - step], rtol=0, atol=1e-5)


def test_channels_last_gives_the_same_maps() -> None:
    network, images = small().eval(), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = network(images)
        found = network.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_half_precision_stays_near() -> None:
    network, images = small(), torch.randn(2, 3, 64, 64)
    settle(network, images)
    with torch.no_grad():
        expected = decode(network(images), network.anchors, network.strides)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            raw = network(images)
        found = decode(raw, network.anchors, network.strides)
    assert raw[0].dtype == torch.bfloat16
    assert found.boxes.dtype == torch.float32
    torch.testing.assert_close(found.objectness, expected.objectness, rtol=0.1, atol=0.01)
    torch.testing.assert_close(found.boxes, expected.boxes, rtol=0, atol=1.0)


def test_the_network_can_be_exported() -> None:
    network, images = small().eval(), torch.randn(1, 3, 64, 64)
    program = torch.export.export(network, (images,))
    torch.testing.assert_close(program.module()(images), network(images), rtol=0, atol=1e-5)


def test_images_of_other_sizes_are_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidArgument, match=r"multiples of 32 .* got 100 x 160; enlarge the window"):
        small()(torch.zeros(1, 3, 100, 160))


@pytest.mark.parametrize("strides", [(), (16, 8), (2, 4, 8), (8, 8), (12,)])
def test_impossible_strides_are_refused(strides: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match="strides must be some of 4, 8, 16, 32, in ascending order"):
        YoloV3(3, 1, [[[8, 8]]] * len(strides), 0.1, 0.1, strides)


@pytest.mark.parametrize(
    ("anchors", "message"),
    [
        ([[[8, 8]], [[8, 8]]], r"got \[1, 1\] sizes by head"),
        ([[[8, 8]], [[8, 8]], [[8, 8], [9, 9]]], r"got \[1, 1, 2\] sizes by head"),
        ([[8, 8], [9, 9], [10, 10]], r"as \[\[\[8, 8\], .*got \[\[8, 8\]"),
        ([[[8, 0]]] * 3, "all positive"),
        ([[[8, math.nan]]] * 3, "all positive"),
    ],
)
def test_impossible_anchors_are_refused(anchors: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        small(anchors=anchors)


@pytest.mark.parametrize(("option", "value"), [("width", 0.0), ("depth", -1.0), ("width", math.inf)])
def test_impossible_factors_are_refused(option: str, value: float) -> None:
    with pytest.raises(InvalidArgument, match=f"{option} must be a positive factor"):
        small(**{option: value})


def raw_map(anchors: int, classes: int, rows: int, columns: int) -> Any:
    """A map on which nothing is found: all raw values 0 but for objectness."""
    raw = torch.zeros(1, anchors * (5 + classes), rows, columns)
    raw[:, 4 :: 5 + classes] = -20.0
    return raw


def test_a_box_worked_out_by_hand_comes_out() -> None:
    # Stride 8, cell in row 2 and column 3, second anchor of 10 rows and 20 columns.
    raw = raw_map(2, 3, 4, 5)
    values = [math.log(3.0), -math.log(3.0), math.log(2.0), math.log(0.5), 0.0, 20.0, 0.0, -20.0]
    raw[0, 8:16, 2, 3] = torch.tensor(values)
    found = decode([raw], [[[4, 4], [10, 20]]], [8])
    place = (1 * 4 + 2) * 5 + 3
    # Centre: 8 * (2 + 6/4 - 1/2) = 24, 8 * (3 + 2/4 - 1/2) = 24. Size: 20 rows, 10 columns.
    torch.testing.assert_close(found.boxes[0, place], torch.tensor([14.0, 19.0, 34.0, 29.0]))
    assert found.objectness[0, place] == 0.5
    assert found.class_probability[0, place].tolist() == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)
    assert int(found.objectness[0].argmax()) == place


def test_candidates_follow_strides_then_anchors_then_rows() -> None:
    maps = [raw_map(2, 1, 4, 4), raw_map(2, 1, 2, 2)]
    found = decode(maps, [[[2, 2], [4, 4]], [[6, 6], [8, 8]]], [16, 32])
    sides = (found.boxes[0, :, 2] - found.boxes[0, :, 0]).round()
    assert sides.tolist() == [2.0] * 16 + [4.0] * 16 + [6.0] * 4 + [8.0] * 4
    assert found.boxes.shape == (1, 40, 4)
    assert found.objectness.shape == (1, 40)
    assert found.class_probability.shape == (1, 40, 1)
    torch.testing.assert_close(found.boxes[0, 1], torch.tensor([7.0, 23.0, 9.0, 25.0]))


def test_monstrous_sizes_stay_finite() -> None:
    raw = raw_map(1, 1, 1, 1)
    raw[0, 2:4] = 1e4
    boxes = decode([raw], [[[10, 10]]], [32]).boxes
    assert boxes.isfinite().all()
    assert float(boxes[0, 0, 2] - boxes[0, 0, 0]) == pytest.approx(10 * math.exp(4.0))


def test_half_precision_maps_place_boxes_to_the_pixel() -> None:
    # 2,052 is no number of bfloat16: its neighbours are 2,048 and 2,064.
    boxes = decode([raw_map(1, 1, 1, 257).bfloat16()], [[[8, 8]]], [8]).boxes
    assert boxes[0, 256].tolist() == [0.0, 2048.0, 8.0, 2056.0]


def test_maps_that_do_not_belong_to_the_anchors_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"one map for each of the strides \(8, 16\); got 1"):
        decode([raw_map(1, 1, 2, 2)], [[[8, 8]]] * 2, [8, 16])
    with pytest.raises(InvalidArgument, match=r"2 anchors times 5 \+ classes channels; got 7"):
        decode([raw_map(1, 2, 2, 2)], [[[8, 8], [9, 9]]], [8])


def test_the_anchors_of_a_network_come_back_as_they_were_given() -> None:
    assert small().anchors == ANCHORS
    assert small(anchors=[[[8, 9]], [[10, 11]], [[12, 13]]]).anchors[1] == ((10.0, 11.0),)


@pytest.mark.parametrize("least", [0.0, 0.5, 0.9, 1.0])
def test_decoding_above_an_objectness_gives_those_of_all_that_reach_it(least: float) -> None:
    raw = [3 * torch.randn(2, 3 * 7, 64 // stride, 96 // stride) for stride in (4, 8, 16)]
    every = decode(raw, ANCHORS, (4, 8, 16))
    some = decode_above(raw, ANCHORS, (4, 8, 16), least)
    assert len(some) == 2
    for image, found in enumerate(some):
        keep = every.objectness[image] >= least
        torch.testing.assert_close(found.boxes[0], every.boxes[image][keep])
        torch.testing.assert_close(found.objectness[0], every.objectness[image][keep])
        torch.testing.assert_close(found.class_probability[0], every.class_probability[image][keep])
