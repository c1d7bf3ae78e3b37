"""Fine-tuning: it starts from the model's weights, and the new model says what it has learned from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from training_tiles import Tiles, toy, toy_boxes, toy_recipe

import zoo
from insarfeat.errors import InvalidArgument, InvalidType
from zoo.description import SYNTHETIC, ModelDescription
from zoo.training import Changes, finetune, train
from zoo.training.checkpoints import NAME, Checkpoint
from zoo.weights import WeightFile, save_weights

_STILL = {"optimizer": {"learning_rate": 1e-12, "weight_decay": 0.0}, "epochs": 1, "precision": "float32"}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of masks that says of itself to be synthetic."""
    return synthetic(toy_recipe(epochs=1), tmp_path_factory.mktemp("masks"))


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector of two classes."""
    return synthetic(
        toy_boxes(epochs=1, classes=["CF", "RG"], anchors=[(6 + n, 8 + n) for n in range(9)]),
        tmp_path_factory.mktemp("boxes"),
    )


def synthetic(recipe: Any, out: Path) -> Path:
    source = Tiles(toy(), recipe, batch=3)
    path = train(recipe, source, out, validation=source, device="cpu")
    file = WeightFile.of(path)
    told = file.description.model_copy(update={"training_data": "synthetic", "statement": SYNTHETIC})
    state = {name: torch.from_numpy(array) for name, array in file.arrays().items()}
    return save_weights(path, state, told, overwrite=True)


def tuned(model: Any, out: Path, recipe: Any, **more: Any) -> ModelDescription:
    source = Tiles(toy(), recipe, batch=3)
    changes = Changes(recipe=more.pop("changes", _STILL), validation=source, device="cpu", **more)
    return WeightFile.of(finetune(model, source, out, name="Valais 2020", changes=changes)).description


def test_it_starts_from_the_models_weights(masks: Path, tmp_path: Path) -> None:
    tuned(zoo.load(masks, device="cpu"), tmp_path, toy_recipe())
    state = Checkpoint.read(tmp_path / NAME).network
    for name, array in WeightFile.of(masks).arrays().items():
        if not name.endswith(("running_mean", "running_var")):
            assert torch.allclose(state[name], torch.from_numpy(array).float(), atol=1e-6), name


def test_the_new_model_says_what_it_has_learned_from(masks: Path, tmp_path: Path) -> None:
    told = tuned(masks, tmp_path, toy_recipe())
    assert told.name == "toy-valais-2020-v1"
    assert told.training_data == "synthetic + Valais 2020"
    assert "synthetic scenes" in told.statement
    assert "Valais 2020" in told.statement
    assert told.recipe["from"] == "toy-v1, version 1"


def test_it_learns_from_the_new_data(masks: Path, tmp_path: Path) -> None:
    tuned(masks, tmp_path, toy_recipe(), changes={**_STILL, "optimizer": {"learning_rate": 1e-3}})
    state = Checkpoint.read(tmp_path / NAME).network
    old = WeightFile.of(masks).arrays()
    assert any(
        not torch.allclose(state[name], torch.from_numpy(old[name]).float(), atol=1e-4) for name in old
    )


def test_classes_that_stay_keep_their_weights_and_new_ones_begin_anew(boxes: Path, tmp_path: Path) -> None:
    recipe = toy_boxes(classes=["RG", "DS", "AR"])
    told = tuned(boxes, tmp_path, recipe, classes=("RG", "DS", "AR"))
    assert told.classes == ("RG", "DS", "AR")
    state = Checkpoint.read(tmp_path / NAME).network
    arrays = WeightFile.of(boxes).arrays()
    name = next(
        name for name, new in state.items() if new.shape == (24, 16, 1, 1) and len(arrays[name]) == 21
    )
    before = torch.from_numpy(arrays[name]).float().unflatten(0, (3, 7))
    after = state[name].unflatten(0, (3, 8))
    assert torch.allclose(after[:, :5], before[:, :5], atol=1e-6)
    assert torch.allclose(after[:, 5], before[:, 6], atol=1e-6)
    assert not torch.allclose(after[:, 6], before[:, 5], atol=1e-4)


def test_anchors_stay_those_of_the_model(boxes: Path, tmp_path: Path) -> None:
    told = tuned(boxes, tmp_path, toy_boxes(classes=["CF", "RG"]))
    assert told.options == WeightFile.of(boxes).description.options


def test_other_bands_and_other_pixels_are_refused(masks: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="data has the bands intensity"):
        tuned(masks, tmp_path, toy_recipe(bands=[{"name": "intensity"}]))
    source = Tiles(toy(), toy_recipe(), pixel=30.0)
    with pytest.raises(InvalidArgument, match="data has pixels of 30 m"):
        finetune(masks, source, tmp_path, name="a", changes=Changes(validation=source))


def test_bands_and_network_cannot_be_changed(masks: Path, tmp_path: Path) -> None:
    for changes in ({"network": "segformer-b1"}, {"bands": [{"name": "coherence"}]}):
        with pytest.raises(InvalidArgument, match="cannot be changed"):
            tuned(masks, tmp_path, toy_recipe(), changes=changes)


def test_a_name_must_say_something(masks: Path, tmp_path: Path) -> None:
    for name in ("", "  ", "???"):
        with pytest.raises(InvalidArgument, match="name must"):
            finetune(masks, "synthetic", tmp_path, name=name)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidType, match=r"what zoo\.load gives"):
        finetune(3, "synthetic", tmp_path, name="a")
