"""The loop: what it writes, when it stops, what it refuses, and that chance is its own."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from training_tiles import Tiles, toy, toy_boxes, toy_recipe

from insarfeat.errors import (
    InvalidArgument,
    InvalidType,
    MissingInput,
    OutputExists,
    RunFailed,
    UnreadableInput,
)
from zoo.training import loop, read_log, steps, train
from zoo.training.checkpoints import NAME, Checkpoint
from zoo.training.recipes import Recipe, SchedulePart
from zoo.weights import WeightFile


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Networks this small are done before a second thread has begun; and sums come in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(recipe: Recipe, out: Path, **more: Any) -> Path:
    source = more.pop("source", None) or Tiles(toy(), recipe, batch=3)
    return train(recipe, source, out, validation=more.pop("validation", source), device="cpu", **more)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that has learned something."""
    recipe = toy_recipe(epochs=3)
    return trained(recipe, tmp_path_factory.mktemp("done"), source=Tiles(toy(), recipe, batch=6, times=8))


def test_everything_is_in_the_folder(done: Path) -> None:
    names = {path.name for path in done.parent.iterdir()}
    assert names == {"recipe.yaml", "log.csv", "curves.png", NAME, "toy-v1.safetensors"}
    assert Recipe.of(done.parent / "recipe.yaml") == toy_recipe(epochs=3)


def test_the_log_has_a_row_for_each_epoch_and_the_loss_falls(done: Path) -> None:
    rows = read_log(done.parent)
    assert [row.epoch for row in rows] == [1, 2, 3]
    assert [row.batches for row in rows] == [8, 8, 8]
    assert rows[-1].losses["loss"] < 0.7 * rows[0].losses["loss"]
    assert rows[0].learning_rate > rows[-1].learning_rate > 0.0


def test_the_description_says_what_the_model_is(done: Path) -> None:
    told = WeightFile.of(done).description
    assert (told.name, told.task, told.architecture, told.patch) == ("toy-v1", "masks", "segformer-b0", 32)
    assert told.training_data == "data of the user's own"
    assert "synthetic" not in told.statement
    assert told.recipe["name"] == "toy"
    assert set(told.made_with) == {"insarfeat", "torch"}


def test_the_threshold_is_that_of_the_best_iou_on_validation_data(done: Path) -> None:
    import zoo

    model = zoo.load(done, device="cpu", precision="float32")
    samples = toy()
    with torch.no_grad():
        logits = model.network(samples.raw)[:, 0]
    probability = (logits / model.description.temperature).sigmoid()
    truth = samples.mask[:, 0] > 0

    def iou(threshold: float) -> float:
        found = probability >= threshold
        return float((found & truth).sum() / (found | truth).sum())

    best = max(row.validation["iou"] for row in read_log(done.parent))
    assert iou(model.description.threshold) == pytest.approx(best, abs=0.02)
    assert max(iou(each / 50) for each in range(1, 50)) <= iou(model.description.threshold) + 0.02


def test_probabilities_are_calibrated_on_validation_data(done: Path) -> None:
    import zoo

    model = zoo.load(done, device="cpu", precision="float32")
    samples = toy()
    with torch.no_grad():
        logits = model.network(samples.raw)

    def loss(temperature: float) -> float:
        return float(torch.nn.functional.binary_cross_entropy_with_logits(logits / temperature, samples.mask))

    chosen = model.description.temperature
    assert chosen != 1.0
    assert loss(chosen) <= min(loss(chosen * 0.8), loss(chosen * 1.25)) + 1e-6


def test_a_detector_is_trained_and_keeps_its_anchors(tmp_path: Path) -> None:
    path = trained(toy_boxes(epochs=1), tmp_path)
    told = WeightFile.of(path).description
    assert told.options["anchors"] == [[[8.0, 8.0]], [[10.0, 12.0]], [[14.0, 14.0]]]
    assert told.options["strides"] == [4, 8, 16]
    assert {"map", "map_0.3", "any_class"} <= set(read_log(tmp_path)[0].validation)


def test_anchors_are_found_in_the_training_boxes(tmp_path: Path) -> None:
    samples = toy(count=9)
    for number, labels in enumerate(samples.boxes):
        labels.boxes[0, 2:] = labels.boxes[0, :2] + torch.tensor([4.0 + number, 5.0 + 2 * number])
    recipe = toy_boxes(epochs=1, anchors="k-means")
    told = WeightFile.of(trained(recipe, tmp_path, source=Tiles(samples, recipe))).description
    wanted = [[4.0 + number, 5.0 + 2 * number] for number in range(9)]
    assert [shape for head in told.options["anchors"] for shape in head] == wanted


def test_the_same_seed_gives_the_same_weights_and_another_one_others(tmp_path: Path) -> None:
    recipe = toy_recipe(epochs=1, augmentation={"turns": True, "noise": 0.1})
    states = []
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        trained(recipe.changed(seed=seed), tmp_path / name)
        states.append(Checkpoint.read(tmp_path / name / NAME).network)
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert any(not torch.equal(states[0][key], states[2][key]) for key in states[0])


def test_chance_outside_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    trained(toy_recipe(epochs=1), tmp_path)
    assert torch.equal(torch.rand(3), wanted)


def test_it_stops_when_nothing_becomes_better(tmp_path: Path) -> None:
    recipe = toy_recipe(epochs=9, patience=2, watch="loss")
    opposite = toy()
    opposite.mask.neg_().add_(1.0)  # the better it learns, the worse it is
    trained(recipe, tmp_path, validation=Tiles(opposite, recipe))
    assert len(read_log(tmp_path)) == 3


def test_a_finished_training_is_not_done_again(done: Path) -> None:
    before = (done.parent / NAME).stat().st_mtime_ns
    recipe = toy_recipe(epochs=3)
    again = trained(recipe, done.parent, source=Tiles(toy(), recipe, batch=6, times=8))
    assert again == done
    assert (done.parent / NAME).stat().st_mtime_ns == before


def test_another_recipe_in_the_folder_is_refused_and_overwritten_on_request(tmp_path: Path) -> None:
    trained(toy_recipe(epochs=1), tmp_path)
    other = toy_recipe(epochs=1, optimizer={"learning_rate": 1e-4})
    with pytest.raises(OutputExists, match="another recipe: optimizer"):
        trained(other, tmp_path)
    trained(other, tmp_path, overwrite=True)
    assert read_log(tmp_path)[0].learning_rate < 1.1e-4


def test_other_data_in_the_folder_are_refused(tmp_path: Path) -> None:
    trained(toy_recipe(epochs=1), tmp_path)
    recipe = toy_recipe(epochs=1)
    with pytest.raises(OutputExists, match="another data"):
        trained(recipe, tmp_path, source=Tiles(toy(), recipe, batch=2))


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"nothing")
    with pytest.raises(UnreadableInput, match="overwrite=True"):
        trained(toy_recipe(epochs=1), tmp_path)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    recipe = toy_recipe(epochs=3)

    class Spoiled(Tiles):
        def epoch(self, number: int) -> Iterator[Any]:
            for samples in super().epoch(number):
                samples.mask.fill_(math.nan if number else 0.0)
                yield samples

    spoiled, good = Spoiled(toy(), recipe, batch=3), Tiles(toy(), recipe)
    with pytest.raises(RunFailed, match=r"in step 1 of epoch 2; lower optimizer\.learning_rate"):
        trained(recipe, tmp_path, source=spoiled, validation=good)
    assert Checkpoint.read(tmp_path / NAME).standing.epoch == 1


def test_ctrl_c_leaves_a_checkpoint_after_the_step_that_was_under_way(tmp_path: Path) -> None:
    def pressed(step: Any) -> None:
        if step.batch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        trained(toy_recipe(), tmp_path, progress=pressed)
    standing = Checkpoint.read(tmp_path / NAME).standing
    assert (standing.epoch, standing.batch) == (0, 1)
    assert signal.getsignal(signal.SIGINT) == before


def test_progress_is_told_step_by_step(tmp_path: Path) -> None:
    told: list[Any] = []
    trained(toy_recipe(epochs=1), tmp_path, progress=told.append)
    assert [(step.batch, step.batches, step.row is None) for step in told] == [
        (1, 2, True),
        (2, 2, True),
        (2, 2, False),
    ]
    assert told[-1].share == 1.0


def test_synthetic_tiles_are_made_meanwhile_and_the_model_says_so(tmp_path: Path) -> None:
    recipe = toy_recipe(epochs=1, batches=2, batch=24, patch=96)
    told = WeightFile.of(train(recipe, "synthetic", tmp_path, device="cpu")).description
    assert told.training_data == "synthetic"
    assert "synthetic scenes only" in told.statement
    assert len(told.generator) == 64


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"bands": [{"name": "intensity"}]}, "data has the bands coherence, and the recipe"),
        ({"classes": ["rockfall"]}, "data has the classes landslide"),
        ({"pixel": 30.0, "largest_pixel": 35.0, "least_pixel": 25.0}, "data has pixels of 15 m"),
    ],
)
def test_data_that_do_not_fit_are_refused(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    source = Tiles(toy(), toy_recipe(), batch=3)
    with pytest.raises(InvalidArgument, match=told):
        trained(toy_recipe(**changes), tmp_path, source=source)


def test_a_source_needs_validation_data(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="validation is missing"):
        train(toy_recipe(), Tiles(toy(), toy_recipe()), tmp_path)


def test_what_is_no_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="is no folder"):
        train(toy_recipe(), "sinthetic", tmp_path)
    with pytest.raises(InvalidType, match="got list"):
        train(toy_recipe(), [1, 2], tmp_path)


def test_validation_without_landslides_is_refused(tmp_path: Path) -> None:
    empty = toy()
    empty.mask.zero_()
    with pytest.raises(InvalidArgument, match="no pixel of a landslide"):
        trained(toy_recipe(), tmp_path, validation=Tiles(empty, toy_recipe()))


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="does not exist"):
        trained(toy_recipe(), tmp_path / "none" / "deep")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputExists, match="is a file"):
        trained(toy_recipe(), tmp_path / "file")


def test_the_learning_rate_rises_in_the_warm_up_and_falls_along_a_cosine() -> None:
    part = SchedulePart(name="cosine", warm_up=1.0)
    found = [steps.rate(part, step, 8, 4) for step in range(8)]
    wanted = [0.25, 0.5, 0.75, 1.0, *(0.5 * (1 + math.cos(math.pi * each / 4)) for each in range(4))]
    assert found == pytest.approx(wanted)
    assert steps.rate(SchedulePart(name="constant"), 7, 8, 4) == 1.0


def test_float32_is_asked_for_and_bfloat16_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = torch.device("cpu")
    for has in (False, True):
        monkeypatch.setattr(steps, "has_bfloat16", lambda device, has=has: has)
        with steps.precision("auto", device):
            assert torch.is_autocast_enabled("cpu") is has
        with steps.precision("float32", device):
            assert not torch.is_autocast_enabled("cpu")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="device must be cpu or cuda"):
        steps.chosen_device("gpu")


def test_train_takes_no_more_than_eight_arguments() -> None:
    import inspect

    assert len(inspect.signature(loop.train).parameters) <= 8
