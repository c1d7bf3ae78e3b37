"""A training that is killed and goes on ends where it would have ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from training_tiles import Tiles, toy, toy_boxes, toy_recipe

from zoo.training import read_log, train
from zoo.training.checkpoints import NAME, Checkpoint
from zoo.weights import WeightFile

_CHANCE = {"turns": True, "noise": 0.1, "crop": 0.2}

_SCRIPT = """
import os, signal, sys
import torch
torch.set_num_threads(1)
from training_tiles import Tiles, toy, toy_recipe
from zoo.training import loop
loop.SECONDS_BETWEEN_CHECKPOINTS = 0.0
out, epoch, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
recipe = toy_recipe(epochs=4, augmentation={"turns": True, "noise": 0.1, "crop": 0.2})

class Deadly(Tiles):
    def epoch(self, number):
        for place, samples in enumerate(super().epoch(number)):
            if (number, place) == (epoch, batch):
                os.kill(os.getpid(), signal.SIGKILL)
            yield samples

loop.train(recipe, Deadly(toy(), recipe, batch=2), out, validation=Tiles(toy(), recipe), device="cpu")
"""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums come in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run_in_process_that_dies(out: Path, epoch: int, batch: int) -> int:
    paths = [str(Path(__file__).parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _SCRIPT, str(out), str(epoch), str(batch)]
    return subprocess.run(command, env=environment, timeout=200, check=False).returncode


def trained(out: Path, recipe: Any, **more: Any) -> Path:
    return train(
        recipe, Tiles(toy(), recipe, batch=2), out, validation=Tiles(toy(), recipe), device="cpu", **more
    )


def assert_equal(one: Path, other: Path) -> None:
    """Two trainings ended with the same numbers, and told the same meanwhile."""
    first, second = Checkpoint.read(one / NAME), Checkpoint.read(other / NAME)
    assert first.network.keys() == second.network.keys()
    assert all(torch.equal(first.network[key], second.network[key]) for key in first.network)
    for number, state in first.optimizer.items():
        assert all(torch.equal(state[key], second.optimizer[number][key]) for key in state)
    told = [
        [(row.epoch, row.batches, row.learning_rate, row.losses, row.validation) for row in read_log(folder)]
        for folder in (one, other)
    ]
    assert told[0] == told[1]
    (model,) = one.glob("*-v1.safetensors")
    files = WeightFile.of(model), WeightFile.of(other / model.name)
    assert files[0].description == files[1].description
    arrays = files[0].arrays(), files[1].arrays()
    assert all((array == arrays[1][name]).all() for name, array in arrays[0].items())


def test_killed_in_the_middle_of_an_epoch_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    recipe = toy_recipe(epochs=4, augmentation=_CHANCE)
    trained(tmp_path / "whole", recipe)
    assert run_in_process_that_dies(tmp_path / "killed", 2, 1) == -signal.SIGKILL
    standing = Checkpoint.read(tmp_path / "killed" / NAME).standing
    assert (standing.epoch, standing.batch) == (2, 1)
    trained(tmp_path / "killed", recipe)
    assert_equal(tmp_path / "whole", tmp_path / "killed")


class Interrupted:
    """Presses Ctrl-C once, after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __call__(self, step: Any) -> None:
        self.steps -= step.row is None
        if self.steps == 0:
            self.steps = -1
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_interrupted_by_hand_it_ends_with_the_same_weights(tmp_path: Path, optimizer: str) -> None:
    recipe = toy_recipe(epochs=2, optimizer={"name": optimizer}, augmentation=_CHANCE)
    trained(tmp_path / "whole", recipe)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "stopped", recipe, progress=Interrupted(4))
    trained(tmp_path / "stopped", recipe)
    assert_equal(tmp_path / "whole", tmp_path / "stopped")


@pytest.mark.parametrize("after", [2, 4])  # steps: in an epoch, and with the row of its end
def test_stopped_by_who_is_told_of_progress_it_ends_with_the_same_weights(tmp_path: Path, after: int) -> None:
    def stops(step: Any) -> None:
        if (step.epoch, step.batch) == (1, after) or step.row is not None:
            raise KeyboardInterrupt

    recipe = toy_recipe(epochs=2, augmentation=_CHANCE)
    trained(tmp_path / "whole", recipe)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "stopped", recipe, progress=stops)
    trained(tmp_path / "stopped", recipe)
    assert_equal(tmp_path / "whole", tmp_path / "stopped")


def test_a_detector_goes_on_as_well(tmp_path: Path) -> None:
    recipe = toy_boxes(epochs=2, augmentation={"turns": True})
    trained(tmp_path / "whole", recipe)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "stopped", recipe, progress=Interrupted(2))
    trained(tmp_path / "stopped", recipe)
    assert_equal(tmp_path / "whole", tmp_path / "stopped")


def test_an_interruption_while_a_checkpoint_is_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = toy_recipe(epochs=2)
    trained(tmp_path, recipe.changed(epochs=2), progress=None)
    before = (tmp_path / NAME).read_bytes()
    checkpoint = Checkpoint.read(tmp_path / NAME)

    def broken(path: Path, target: Path) -> None:
        raise OSError("no space")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="no space"):
        checkpoint.write(tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == before


def test_nothing_is_pickled(tmp_path: Path) -> None:
    recipe = toy_recipe(epochs=1)
    trained(tmp_path, recipe)
    head = (tmp_path / NAME).read_bytes()
    assert head[8:9] == b"{"  # a safetensors header
    assert b"torch._utils" not in head
    assert b"PK\x03\x04" not in head[:8]
