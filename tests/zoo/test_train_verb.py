"""``insarfeat train`` as it is called: what it refuses, warns of and shows before it begins, and how it stops."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from pyproj import CRS

torch = pytest.importorskip("torch")

import small_models
from training_tiles import Tiles, toy, toy_boxes, toy_recipe

from insarfeat import tiling
from insarfeat.errors import InvalidArgument, OutputExists
from zoo.training import finetune, read_log, train
from zoo.training.checkpoints import NAME, Checkpoint
from zoo.training.material import gathered
from zoo.training.recipes import Recipe


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two areas with three slides each: one CF, two RG."""
    scenes = {}
    for number in range(2):
        labels = np.zeros((64, 64), "u1")
        labels[5:15, 5:15] = 1
        labels[30:40, 5:15] = labels[30:40, 40:50] = 2
        bands = {name: np.full((64, 64), 0.5, "f4") for name in ("wrapped_phase", "coherence")}
        layers = {name: (("y", "x"), values) for name, values in (bands | {"landslide": labels}).items()}
        scene = xr.Dataset(
            layers, {"y": 5e6 - 15.0 * np.arange(64), "x": 6e5 + 2e4 * number + 15.0 * np.arange(64)}
        )
        scene["landslide"].attrs = {"flag_values": np.array([1, 2], "u1"), "flag_meanings": "CF RG"}
        scenes[f"area_{number}"] = scene.assign_coords(
            spatial_ref=xr.Variable((), 0, CRS.from_epsg(32632).to_cf())
        )
    folder = tmp_path_factory.mktemp("labels") / "patches"
    tiling.extract_patches(scenes, folder, size=64, stride=64)
    names = ("train", "validation")
    tiling.split(tiling.open_patches(folder), fractions=(0.5, 0.5), names=names, by="scene").save()
    return folder


def test_labels_that_the_recipe_does_not_look_for_are_counted(
    patches: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        gathered(toy_boxes(patch=64, classes=["CF"]), patches)
    assert "2 of 3 boxes in the training patches are of RG" in caplog.text
    assert "ignored, neither found nor background" in caplog.text


def test_nothing_is_told_where_the_recipe_looks_for_all(
    patches: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        gathered(toy_boxes(patch=64, classes=["CF", "RG"]), patches)
        gathered(toy_boxes(patch=64), patches)
    assert not caplog.text


def test_classes_that_the_patches_do_not_have_are_refused_with_what_to_write(patches: Path) -> None:
    with pytest.raises(InvalidArgument, match="--set classes=CF,RG, or --set classes=landslide"):
        gathered(toy_boxes(patch=64, classes=["CF", "DS"]), patches)


def test_one_word_is_a_list_of_one_class() -> None:
    assert Recipe.named("mirage-yolo").changed(classes="landslide").classes == ("landslide",)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    shapes = [[[8.0 * (head + 1) + n, 8.0] for n in range(3)] for head in range(3)]
    options = {"width": 0.125, "depth": 0.1, "strides": [8, 16, 32], "anchors": shapes}
    return small_models.written(small_models.BOXES.model_copy(update={"options": options}), tmp_path)


@pytest.mark.parametrize("name", ["segformer-b0-synth", "mirage-yolo", "own.yaml"])
def test_a_recipe_is_no_name_of_the_data_that_a_model_learns_on_from(
    run: Callable[..., Any], model: Path, patches: Path, tmp_path: Path, name: str
) -> None:
    done = run("train", name, patches, tmp_path / "out", "--from", model)
    assert done.code == 2
    assert f"{name!r} is a recipe" in done.err
    assert "train valais-2020 DATA OUT --from MODEL" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize(
    ("change", "told"), [("nonsense=3", "nonsense is no key"), ("classes=CF,DS", "--set classes=CF,RG")]
)
def test_a_dry_run_checks_recipe_and_data(
    run: Callable[..., Any], model: Path, patches: Path, tmp_path: Path, start: bool, change: str, told: str
) -> None:
    begun = ("train", "valais-2020") if start else ("train", "yolo-s-synth")
    more = ("--from", model) if start else ()
    done = run(*begun, patches, tmp_path / "out", *more, "--dry-run", "--set", change)
    assert done.code == 2
    assert told in done.err


def test_a_dry_run_from_a_model_shows_the_recipe_and_writes_nothing(
    run: Callable[..., Any], model: Path, patches: Path, tmp_path: Path
) -> None:
    done = run(
        "train", "valais", patches, tmp_path / "out", "--from", model, "--dry-run", "--set", "epochs=3"
    )
    assert done.code == 0, done.err
    assert "epochs: 3" in done.out
    assert not (tmp_path / "out").exists()


def test_classes_may_be_changed_in_the_recipe_when_a_detector_learns_on(model: Path, patches: Path) -> None:
    from zoo.training.finetuning import Changes, planned

    changes = Changes(recipe={"classes": "landslide"})
    assert planned(model, patches, name="valais", changes=changes).recipe.classes == ("landslide",)


_SCRIPT = """
import os, signal, sys
sys.argv = ["insarfeat", "train", sys.argv[1], sys.argv[2], sys.argv[3], "--device", "cpu"]
number = int(os.environ["HOW"])
from zoo.training import loop
before = loop.Training._tell
def tell(self, row=None):
    before(self, row)
    if (self._standing.epoch, self._standing.batch) == (0, 2) and row is None:
        os.kill(os.getpid(), number)
        if number == 15:
            os.kill(os.getpid(), number)  # handed on by a parent
loop.Training._tell = tell
from insarfeat.cli import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_a_checkpoint_and_a_line(tmp_path: Path, number: signal.Signals) -> None:
    from zoo.training import SyntheticOptions, store_samples

    for part in ("train", "validation"):
        store_samples(SyntheticOptions(part=part), tmp_path / "tiles", 6, size=32, pixel=15.0, seed=1)
    recipe = tmp_path / "toy.yaml"
    recipe.write_text(toy_recipe(batch=2).yaml())
    out = tmp_path / "out"
    command = [sys.executable, "-c", _SCRIPT, str(recipe), str(tmp_path / "tiles"), str(out)]
    environment = {**os.environ, "HOW": str(int(number)), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, timeout=200, check=False, capture_output=True, text=True)
    assert done.returncode == 128 + number, done.stderr
    assert "stopped after epoch 1, step 2; the same command goes on" in done.stderr
    standing = Checkpoint.read(out / NAME).standing
    assert (standing.epoch, standing.batch) == (0, 2)


def trained(out: Path, recipe: Any, **more: Any) -> Path:
    return train(
        recipe, Tiles(toy(), recipe, batch=3), out, validation=Tiles(toy(), recipe), device="cpu", **more
    )


def test_a_signal_while_it_is_judged_leaves_a_checkpoint_from_which_it_goes_on(tmp_path: Path) -> None:
    class Signalling(Tiles):
        def epoch(self, number: int) -> Any:
            for samples in super().epoch(number):
                os.kill(os.getpid(), signal.SIGTERM)
                yield samples

    recipe = toy_recipe(epochs=1)
    with pytest.raises(KeyboardInterrupt, match="stopped after epoch 1, step 2"):
        train(
            recipe,
            Tiles(toy(), recipe, batch=3),
            tmp_path,
            validation=Signalling(toy(), recipe),
            device="cpu",
        )
    assert trained(tmp_path, recipe).exists()
    assert [row.batches for row in read_log(tmp_path)] == [2]


def test_a_finished_training_says_so_and_more_epochs_make_it_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained(tmp_path, toy_recipe(epochs=1))
    with caplog.at_level(logging.INFO, "zoo"):
        trained(tmp_path, toy_recipe(epochs=1))
    assert "already finished, after epoch 1" in caplog.text
    assert len(read_log(tmp_path)) == 1
    trained(tmp_path, toy_recipe(epochs=2, patience=5))
    assert len(read_log(tmp_path)) == 2
    assert Checkpoint.read(tmp_path / NAME).description.recipe["changed"]["epochs"] == 2


def test_another_recipe_is_refused_with_the_ways_out(tmp_path: Path) -> None:
    path = trained(tmp_path, toy_recipe(epochs=1))
    with pytest.raises(
        OutputExists, match=r"seed differ.*--from .*toy-v1\.safetensors.*overwrite=True"
    ) as refused:
        trained(tmp_path, toy_recipe(epochs=3, seed=4))
    assert str(path) in str(refused.value)


def test_the_name_of_a_recipe_is_refused_from_python_as_well(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="is a recipe"):
        finetune(model, "synthetic", tmp_path, name="mirage-yolo")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_name_of_a_model_or_a_band_is_cut(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    long_name = small_models.MASKS.model_copy(update={"name": "segformer-b0-synth-v1"})
    small_models.written(long_name, tmp_path)
    monkeypatch.setenv("INSARFEAT_ZOO_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("COLUMNS", str(width))
    done = run("models")
    assert done.code == 0
    for word in ("segformer-b0-synth-v1", "wrapped_phase", "coherence", "(elevation)"):
        assert word in done.out
    assert "…" not in done.out


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_curves_have_whole_epochs_and_scores_by_their_names(epochs: int) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from zoo.training.log import Row
    from zoo.training.pictures import draw_curves

    scores = {"loss": 1.0, "map": 0.5, "iou": 0.4, "f1": 0.6}
    figure = draw_curves([Row(n + 1, 1, 1e-3, 1.0, {"loss": 1.0}, scores) for n in range(epochs)], "a note")
    FigureCanvasAgg(figure).draw()
    for axes in figure.axes:
        assert all(tick == round(tick) for tick in axes.get_xticks())
    words = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert words == ["mAP", "IoU", "F1"]
    assert figure.get_supxlabel() == "a note"
