"""What all networks promise, and the registry that builds them."""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import Any

import pytest

from insarfeat.errors import InvalidArgument, MissingExtra

torch = pytest.importorskip("torch")

from zoo.networks import NETWORKS, Network, build_network
from zoo.networks.blocks import StochasticDepth, pad_to_multiple
from zoo.networks.unet_plus_plus import SpatialChannelExcitation, UNetPlusPlus

MASKS = [name for name, network in NETWORKS.items() if network.task == "masks"]
# The others are the same code with more of the same blocks, or without attention.
RUN = ["segformer-b0", "unet-resnet34", "unet++-resnet18-attention", "upernet-convnext-tiny"]


@pytest.fixture(autouse=True)
def _same_noise_for_each_test() -> None:
    torch.manual_seed(6)


@functools.cache
def settled(name: str) -> Any:
    """A network with 3 channels and 2 classes, its norms settled on noise, for evaluation."""
    torch.manual_seed(4)
    network = build_network(name, 3, 2).train()
    for each in network.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            each.momentum = None  # the statistics of this batch alone
    with torch.no_grad():
        network(torch.randn(4, 3, 64, 64))
    return network.eval()


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("unet-resnet34", 24.4),
        ("upernet-convnext-tiny", 37.1),
        ("segformer-b2", 24.7),
        ("segformer-b3", 44.6),
    ],
)
def test_parameters_are_as_many_as_published(name: str, millions: float) -> None:
    with torch.device("meta"):
        network = build_network(name, 3, 1)
    assert sum(each.numel() for each in network.parameters()) == pytest.approx(millions * 1e6, rel=0.01)


@pytest.mark.parametrize(
    ("name", "expected"),
    # The counts of the classifiers on ImageNet (11,689,512, 21,797,672 and 28,589,128) less their last layer, and
    # for ConvNeXt less the norm before it, and with a norm for each of the four maps.
    [
        ("unet++-resnet18", 11_689_512 - 513_000),
        ("unet-resnet34", 21_797_672 - 513_000),
        ("upernet-convnext-tiny", 28_589_128 - 769_000 - 2 * 768 + 2 * (96 + 192 + 384 + 768)),
    ],
)
def test_encoders_have_the_parameters_of_their_classifiers(name: str, expected: int) -> None:
    with torch.device("meta"):
        network: Any = build_network(name, 3, 1)
    assert sum(each.numel() for each in network.encoder.parameters()) == expected


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("channels", [1, 7])
def test_any_number_of_channels_and_classes_goes(name: str, channels: int) -> None:
    with torch.device("meta"):
        logits = build_network(name, channels, 5).eval()(torch.zeros(2, channels, 64, 96))
    assert logits.shape == (2, 5, 64, 96)


@pytest.mark.parametrize("name", RUN)
@pytest.mark.parametrize("size", [(45, 70), (5, 33)])
def test_logits_have_the_size_of_the_image(name: str, size: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = settled(name)(torch.randn(1, 3, *size))
    assert logits.shape == (1, 2, *size)
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", RUN)
def test_padding_is_by_the_last_row_and_column(name: str) -> None:
    image = torch.randn(1, 3, 20, 60)
    padded = torch.nn.functional.pad(image, (0, 4, 0, 12), mode="replicate")
    with torch.no_grad():
        torch.testing.assert_close(
            settled(name)(image), settled(name)(padded)[..., :20, :60], rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("name", RUN)
def test_evaluation_is_deterministic_and_does_not_mix_images(name: str) -> None:
    images = torch.randn(2, 3, 32, 64)
    with torch.no_grad():
        together, again = settled(name)(images), settled(name)(images)
        alone = settled(name)(images[1:])
    assert torch.equal(together, again)
    torch.testing.assert_close(together[1:], alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", RUN)
def test_every_parameter_is_of_use(name: str) -> None:
    # In evaluation mode: stochastic depth would leave out blocks, and batch norms hide biases before them.
    network = settled(name)
    network.zero_grad()
    network(torch.randn(1, 3, 32, 64)).square().sum().backward()
    # Attention weights do not change when all scores of a query do: a key's bias has no effect, by construction.
    idle = [
        parameter
        for parameter, each in network.named_parameters()
        if each.grad is None or not (each.grad.any() or parameter.endswith("attention.key.bias"))
    ]
    assert not idle


@pytest.mark.parametrize("name", ["segformer-b0", "unet-resnet34", "upernet-convnext-tiny"])
def test_channels_last_gives_the_same_logits(name: str) -> None:
    images = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        expected = settled(name)(images)
        found = settled(name).to(memory_format=torch.channels_last)(
            images.to(memory_format=torch.channels_last)
        )
    settled(name).to(memory_format=torch.contiguous_format)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", RUN)
def test_half_precision_stays_near(name: str) -> None:
    images = torch.randn(1, 3, 30, 64)
    with torch.no_grad():
        expected = settled(name)(images)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = settled(name)(images).float()
    # Each of some 40 layers in turn rounds to 8 bits.
    assert (found - expected).square().mean().sqrt() < 0.3 * expected.std()


@pytest.mark.parametrize("name", ["unet-resnet34", "unet++-resnet18"])
def test_far_from_borders_a_crop_gives_the_same_logits(name: str) -> None:
    # Rows only are cropped, so that a strip will do. Borders reach further than 600 px, but ever more faintly.
    strip = torch.randn(1, 3, 1536, 32)
    with torch.no_grad():
        whole, crop = settled(name)(strip), settled(name)(strip[:, :, 128:-128])
    inside = whole[:, :, 128 + 512 : -128 - 512]
    assert inside.std() > 1e-3
    torch.testing.assert_close(crop[:, :, 512:-512], inside, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["segformer-b0", "unet++-resnet18-attention", "upernet-convnext-tiny"])
def test_networks_can_be_exported(name: str) -> None:
    images = torch.randn(1, 3, 20, 64)
    with torch.no_grad():
        program = torch.export.export(settled(name), (images,))
        torch.testing.assert_close(program.module()(images), settled(name)(images), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", RUN)
def test_networks_start_from_even_odds(name: str) -> None:
    with torch.no_grad():
        logits = settled(name)(torch.randn(2, 3, 64, 64))
    assert logits.abs().max() < 1.5
    assert logits.std() > 1e-4


@pytest.mark.parametrize("name", ["unet++-resnet18", "unet++-resnet18-attention"])
def test_five_levels_are_linked_by_ten_nodes_and_one_more(name: str) -> None:
    with torch.device("meta"):
        network = build_network(name, 3, 2)
    assert isinstance(network, UNetPlusPlus)
    assert sorted(network.nodes) == ["0,1", "0,2", "0,3", "0,4", "1,1", "1,2", "1,3", "2,1", "2,2", "3,1"]
    # Node (0, 3) sees the encoder's 64 channels, two nodes of 32 before it, and 64 of node (1, 2).
    first = next(each for each in network.nodes["0,3"].modules() if isinstance(each, torch.nn.Conv2d))
    assert first.in_channels == 64 + 2 * 32 + 64


def test_attention_stands_behind_each_node() -> None:
    with torch.device("meta"):
        plain, attentive = UNetPlusPlus(3, 1), UNetPlusPlus(3, 1, attention=True)
    counts = [
        sum(isinstance(each, SpatialChannelExcitation) for each in network.modules())
        for network in (plain, attentive)
    ]
    assert counts == [0, 11]


def test_excitation_weighs_by_channel_and_by_pixel() -> None:
    excite = SpatialChannelExcitation(2)
    with torch.no_grad():
        for each in excite.parameters():
            each.zero_()
        excite.channels[2].bias.copy_(torch.tensor([20.0, -20.0]))
        excite.pixels[0].weight[0, 1] = 1.0
        found = excite(torch.tensor([[[[2.0, 2.0]], [[0.0, 20.0]]]]))
    # Channel gates 1 and 0; pixel gates 0.5 and 1.
    torch.testing.assert_close(found, torch.tensor([[[[3.0, 4.0]], [[0.0, 20.0]]]]))


def test_stochastic_depth_keeps_the_mean_and_drops_whole_samples() -> None:
    torch.manual_seed(0)
    kept = StochasticDepth(0.25).train()(torch.ones(4000, 3))
    assert torch.equal(kept[:, 0], kept[:, 2])
    assert sorted(set(kept[:, 0].tolist())) == pytest.approx([0.0, 4 / 3])
    assert float(kept.mean()) == pytest.approx(1.0, abs=0.04)


def test_images_that_fit_are_not_copied() -> None:
    images = torch.zeros(1, 1, 64, 32)
    assert pad_to_multiple(images) is images


def test_every_entry_is_known_by_its_own_name() -> None:
    assert list(NETWORKS) == [
        "segformer-b0", "segformer-b1", "segformer-b2", "segformer-b3", "yolo-v3", "unet-resnet34",
        "unet++-resnet18", "unet++-resnet18-attention", "upernet-convnext-tiny",
    ]  # fmt: skip
    for name, network in NETWORKS.items():
        assert isinstance(network, Network)
        assert network.name == name
        assert network.multiple == 32
        assert network.summary
        assert "20" in network.reference


def test_options_reach_the_network() -> None:
    network: Any = build_network(
        "yolo-v3", 2, 1, width=0.1, depth=0.1, strides=[8, 16], anchors=[[[8, 9]]] * 2
    )
    assert network.strides == (8, 16)
    assert network.anchors == (((8.0, 9.0),), ((8.0, 9.0),))


def test_an_unknown_name_is_answered_by_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(
        InvalidArgument, match=r"one of segformer-b0, .*; got 'segfomer-b2' .did you mean 'segformer-b2'"
    ):
        build_network("segfomer-b2", 3, 1)


def test_an_unknown_option_is_answered_by_the_known_ones() -> None:
    with pytest.raises(
        InvalidArgument, match=r"takes anchors, width, depth, strides; got 'widht' .did you mean 'width'"
    ):
        build_network("yolo-v3", 3, 1, widht=0.5)
    with pytest.raises(InvalidArgument, match="UNet takes no options; got 'width'"):
        build_network("unet-resnet34", 3, 1, width=0.5)
    with pytest.raises(InvalidArgument, match="SegFormer takes no options; got 'size'"):
        build_network("segformer-b0", 3, 1, size="b3")


@pytest.mark.parametrize("count", [0, -1, 2.0, True])
def test_counts_must_be_whole_and_positive(count: Any) -> None:
    with pytest.raises(InvalidArgument, match="channels must be a whole number"):
        build_network("segformer-b0", count, 1)
    with pytest.raises(InvalidArgument, match="classes must be a whole number"):
        build_network("segformer-b0", 3, count)


def test_the_registry_alone_does_not_import_torch() -> None:
    code = "import sys, zoo.networks; assert 'torch' not in sys.modules and len(zoo.networks.NETWORKS) == 9"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("zoo.networks.importlib.import_module", absent)
    with pytest.raises(MissingExtra, match=r"insarfeat\[zoo\]"):
        build_network("segformer-b0", 3, 1)
