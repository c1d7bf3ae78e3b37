"""SegFormer against the ``transformers`` library with the same weights, and importing them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from insarfeat.errors import InvalidArgument

torch = pytest.importorskip("torch")

from zoo.networks import build_network
from zoo.networks.checkpoints import import_transformers
from zoo.networks.segformer import SIZES, SegFormer, SegFormerSize

SMALL = SegFormerSize((16, 32, 40, 64), (1, 2, 1, 2), decoder_width=24)


@pytest.fixture(autouse=True)
def _same_noise_for_each_test() -> None:
    torch.manual_seed(5)


@pytest.fixture(scope="module")
def transformers() -> Any:
    return pytest.importorskip("transformers")


def theirs(transformers: Any, kind: str = "SegformerForSemanticSegmentation", *, channels: int = 5) -> Any:
    """A small network of the library with random weights of ordinary size, and norms away from 0 and 1."""
    config = transformers.SegformerConfig(
        num_channels=channels,
        depths=list(SMALL.depths),
        hidden_sizes=list(SMALL.widths),
        decoder_hidden_size=SMALL.decoder_width,
        num_labels=3,
        attn_implementation="sdpa",
    )
    network = getattr(transformers, kind)(config).eval()
    with torch.no_grad():
        for name, each in network.state_dict().items():
            if name.endswith("running_var"):
                each.uniform_(0.5, 2.0)
            elif each.is_floating_point():
                scale = each[0].numel() ** -0.5 if each.ndim > 1 else 0.3
                each.copy_(scale * torch.randn_like(each) + (1.0 if "norm.weight" in name else 0.0))
    return network


def ours(*, channels: int = 5, classes: int = 3) -> SegFormer:
    network = SegFormer(channels, classes, SMALL)
    network.eval()
    return network


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-9), ("float32", 1e-4)])
def test_logits_equal_those_of_the_library(transformers: Any, precision: str, tolerance: float) -> None:
    dtype = getattr(torch, precision)
    reference, network = theirs(transformers).to(dtype), ours().to(dtype)
    import_transformers(network, reference.state_dict())
    images = torch.randn(2, 5, 64, 96, dtype=dtype)
    with torch.no_grad():
        expected, found = reference(images).logits, network.coarse_logits(images)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("size", SIZES)
def test_published_sizes_have_the_tensors_of_the_library(transformers: Any, size: str) -> None:
    shape = SIZES[size]
    config = transformers.SegformerConfig(
        depths=list(shape.depths), hidden_sizes=list(shape.widths), decoder_hidden_size=256, num_labels=2
    )
    with torch.device("meta"):
        reference = transformers.SegformerForSemanticSegmentation(config)
        network = SegFormer(3, 2, size)
    shapes = [sorted(tuple(each.shape) for each in one.parameters()) for one in (network, reference)]
    assert shapes[0] == shapes[1]


def test_gradients_equal_those_of_the_library(transformers: Any) -> None:
    reference, network = theirs(transformers).double(), ours().double()
    import_transformers(network, reference.state_dict())
    images = torch.randn(1, 5, 64, 64, dtype=torch.float64)
    reference(images).logits.square().sum().backward()
    network.coarse_logits(images).square().sum().backward()
    pairs = [
        (network.decoder.fuse.weight.grad, reference.decode_head.linear_fuse.weight.grad),
        (network.encoder.stages[0].embed.weight.grad, reference.get_parameter(
            next(name for name, _ in reference.named_parameters() if name.endswith("proj.weight"))
        ).grad),
    ]  # fmt: skip
    for found, expected in pairs:
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def published(transformers: Any, folder: Path, kind: str) -> tuple[Any, dict[str, Any]]:
    """A network of the library, and its tensors under the names of published files."""
    from safetensors.torch import load_file

    reference = theirs(transformers, kind)
    reference.save_pretrained(folder)
    return reference, load_file(folder / "model.safetensors")


def test_published_names_are_understood(transformers: Any, tmp_path: Path) -> None:
    reference, tensors = published(transformers, tmp_path, "SegformerForSemanticSegmentation")
    assert "segformer.encoder.block.0.0.attention.self.query.weight" in tensors
    network = ours()
    import_transformers(network, tensors)
    images = torch.randn(1, 5, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network.coarse_logits(images), reference(images).logits, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["SegformerForImageClassification", "SegformerModel"])
@pytest.mark.parametrize("origin", ["memory", "file"])
def test_the_encoder_alone_takes_what_there_is_of_it(
    transformers: Any, tmp_path: Path, kind: str, origin: str
) -> None:
    reference, tensors = published(transformers, tmp_path, kind)
    network = ours()
    import_transformers(network.encoder, reference.state_dict() if origin == "memory" else tensors)
    images = torch.randn(1, 5, 64, 64)
    with torch.no_grad():
        expected = getattr(reference, "segformer", reference)(images).last_hidden_state
        torch.testing.assert_close(network.encoder(images)[-1], expected, rtol=0, atol=1e-4)


def test_a_whole_network_sends_a_classifier_to_its_encoder(transformers: Any) -> None:
    tensors = theirs(transformers, "SegformerForImageClassification").state_dict()
    with pytest.raises(
        InvalidArgument, match=r"no decoder .*import_transformers\(network.encoder, state_dict\)"
    ):
        import_transformers(ours(), tensors)


def test_other_channels_are_refused_unless_the_first_layer_is_left_out(transformers: Any) -> None:
    tensors, network = theirs(transformers, channels=3).state_dict(), ours(channels=7)
    before = {name: each.clone() for name, each in network.state_dict().items()}
    with pytest.raises(
        InvalidArgument, match=r"for 3 input channels, the network has 7; .*leave_out=\[.first.\]"
    ):
        import_transformers(network, tensors)
    # A refused import has changed nothing.
    for name, each in network.state_dict().items():
        assert torch.equal(each, before[name]), name
    import_transformers(network, tensors, leave_out=["first"])
    kept = [name for name, each in network.state_dict().items() if torch.equal(each, before[name])]
    assert [name for name in kept if "num_batches" not in name] == [
        "encoder.stages.0.embed.weight",
        "encoder.stages.0.embed.bias",
    ]


def test_other_classes_are_refused_unless_the_last_layer_is_left_out(transformers: Any) -> None:
    tensors, network = theirs(transformers).state_dict(), ours(classes=1)
    with pytest.raises(InvalidArgument, match=r"for 3 classes, the network has 1; .*leave_out=\[.last.\]"):
        import_transformers(network, tensors)
    import_transformers(network, tensors, leave_out=["last"])
    torch.testing.assert_close(
        network.decoder.fuse.weight, tensors["decode_head.linear_fuse.weight"], rtol=0, atol=0
    )


def test_a_missing_layer_is_named(transformers: Any) -> None:
    tensors = dict(theirs(transformers).state_dict())
    del tensors["decode_head.batch_norm.running_mean"]
    with pytest.raises(InvalidArgument, match=r"lacks decoder\.norm\.running_mean"):
        import_transformers(ours(), tensors)


def test_an_odd_layer_is_named(transformers: Any) -> None:
    tensors = {**theirs(transformers).state_dict(), "decode_head.extra.weight": torch.zeros(1)}
    with pytest.raises(InvalidArgument, match=re.escape("has decode_head.extra.weight, which this network")):
        import_transformers(ours(), tensors)


def test_another_size_is_refused(transformers: Any) -> None:
    tensors = theirs(transformers).state_dict()
    with pytest.raises(InvalidArgument, match=r"has the shape .*: it is of another size"):
        import_transformers(SegFormer(5, 3, SegFormerSize((16, 32, 80, 64), (1, 2, 1, 2), 24)), tensors)
    with pytest.raises(InvalidArgument, match="the same size"):
        import_transformers(SegFormer(5, 3, SegFormerSize((16, 32, 40, 64), (1, 2, 2, 2), 24)), tensors)


def test_unknown_layers_cannot_be_left_out() -> None:
    with pytest.raises(InvalidArgument, match=r"leave_out takes .first. and .last.; got \['decoder'\]"):
        import_transformers(ours(), {}, leave_out=["decoder"])  # type: ignore[list-item]


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="size must be one of 'b0', 'b1', 'b2', 'b3'; got 'b9'"):
        SegFormer(3, 1, "b9")


@pytest.mark.parametrize(("name", "millions"), [("segformer-b2", 24.7), ("segformer-b3", 44.6)])
def test_parameters_are_as_many_as_published(name: str, millions: float) -> None:
    with torch.device("meta"):
        network = build_network(name, 3, 1)
    assert sum(each.numel() for each in network.parameters()) == pytest.approx(millions * 1e6, rel=0.01)


def test_stochastic_depth_grows_to_a_tenth_at_the_last_block() -> None:
    with torch.device("meta"):
        network = SegFormer(3, 1, "b1")
    rates = [block.skip.rate for stage in network.encoder.stages for block in stage.blocks]
    assert rates == pytest.approx([0.1 * number / 7 for number in range(8)])
