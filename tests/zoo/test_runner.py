"""A network at work: on whatever processor, the same answer."""

from __future__ import annotations

from pathlib import Path

import cloudpickle
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import small_models

import zoo
from insarfeat.errors import InvalidArgument
from zoo.networks import NETWORKS, build_network
from zoo.networks.assembly import streamlined
from zoo.runner import Runner


@pytest.fixture
def model(tmp_path: Path) -> zoo.MaskModel:
    return zoo.load(small_models.written(small_models.MASKS, tmp_path), device="cpu", precision="float32")


RAW = np.random.default_rng(0).uniform(0, 1, (5, 3, 64, 64)).astype("f4")


def logits(runner: Runner) -> np.ndarray:
    return np.concatenate(runner.run(RAW, lambda found: found.numpy()))


def test_it_gives_what_the_network_gives(model: zoo.MaskModel) -> None:
    with torch.inference_mode():
        expected = model.network(torch.from_numpy(RAW)).numpy()
    np.testing.assert_allclose(logits(model.runner), expected, atol=1e-5)


def test_a_copy_in_another_process_gives_the_same(model: zoo.MaskModel) -> None:
    copy = cloudpickle.loads(cloudpickle.dumps(model.runner))
    np.testing.assert_array_equal(logits(copy), logits(model.runner))


def test_what_is_sent_depends_on_the_model_alone(model: zoo.MaskModel) -> None:
    before = cloudpickle.dumps(model.runner)
    logits(model.runner)
    assert cloudpickle.dumps(model.runner) == before


def test_patches_that_do_not_fit_a_gpu_are_halved(
    model: zoo.MaskModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, seen = Runner._forward, []

    def small(self, given, torch):
        seen.append(len(given))
        if len(given) > 2:
            raise torch.cuda.OutOfMemoryError("no room")
        return forward(self, given, torch)

    expected = logits(model.runner)
    monkeypatch.setattr(Runner, "_forward", small)
    np.testing.assert_allclose(logits(model.runner), expected, atol=1e-5)
    assert seen == [5, 2, 3, 1, 2]


def test_a_single_patch_that_does_not_fit_is_an_error(
    model: zoo.MaskModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(self, given, torch):
        raise torch.cuda.OutOfMemoryError("no room")

    monkeypatch.setattr(Runner, "_forward", never)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        logits(model.runner)


def test_torch_has_its_threads_back_afterwards(model: zoo.MaskModel) -> None:
    before = torch.get_num_threads()
    logits(model.runner)
    assert torch.get_num_threads() == before


def test_weights_of_another_network_are_refused(model: zoo.MaskModel, tmp_path: Path) -> None:
    other = model.description.model_copy(update={"architecture": "unet-resnet34"})
    with pytest.raises(InvalidArgument, match="not those of a unet-resnet34"):
        _ = Runner(other, model.file.arrays(), "cpu").network


@pytest.mark.parametrize("name", ["segformer-b0", "unet-resnet34", "unet++-resnet18-attention", "yolo-v3"])
def test_streamlined_networks_give_the_same(name: str) -> None:
    torch.manual_seed(1)
    options = {"width": 0.125, "depth": 0.1} if name == "yolo-v3" else {}
    network = build_network(name, 3, 1, **options)
    with torch.no_grad():
        network.train()(torch.randn(4, 3, 64, 64))  # statistics other than 0 and 1
    network.eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected, found = network(images), streamlined(network)(images)
    pairs = zip(expected, found, strict=True) if NETWORKS[name].task == "boxes" else [(expected, found)]
    for one, other in pairs:
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert any(parameter.requires_grad for parameter in network.parameters())
