"""The verbs of the zoo as they are called."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import small_models

import insarfeat
import zoo
from zoo.description import SYNTHETIC


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two models, that names are looked up in."""
    folder = tmp_path / "models"
    folder.mkdir()
    small_models.written(small_models.MASKS, folder)
    small_models.written(small_models.BOXES, folder)
    monkeypatch.setenv("INSARFEAT_ZOO_DIR", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nothing"))
    return folder


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    return insarfeat.write(small_models.stack(96, 110), tmp_path / "stack.nc")


def test_models_are_listed_with_what_they_were_trained_on(run: Callable[..., Any], shelf: Path) -> None:
    done = run("models")
    assert done.code == 0
    for word in ("small-masks", "small-boxes", "synthetic data", "(elevation)", "CF, RG"):
        assert word in done.out


def test_a_broken_file_is_told_and_hides_no_other(run: Callable[..., Any], shelf: Path) -> None:
    (shelf / "broken.safetensors").write_bytes(b"no")
    done = run("models")
    assert done.code == 0
    assert "broken.safetensors" in done.err
    assert "small-masks" in done.out


def test_one_model_is_shown_with_its_card(run: Callable[..., Any], shelf: Path) -> None:
    (shelf / "small-masks.md").write_text("# Small masks\n\nFor tests.\n")
    done = run("models", "small-masks")
    assert "Small masks" in done.out
    assert " ".join(SYNTHETIC.split()[:6]) in " ".join(done.out.split())


def test_no_models_at_all_is_told_with_a_way_out(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from zoo import lookup

    monkeypatch.setattr(lookup, "shelves", lambda: (lookup.Shelf("nowhere", tmp_path / "none"),))
    done = run("models")
    assert done.code == 0
    assert "INSARFEAT_ZOO_DIR" in done.out


@pytest.mark.parametrize("suffix", [".nc", ".tif", ".gpkg", ".geojson", ".csv"])
def test_predict_writes_what_its_output_is_called(
    run: Callable[..., Any], shelf: Path, stack: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"found{suffix}"
    done = run("predict", "small-masks", stack, out)
    assert done.code == 0, done.err
    assert out.exists()
    assert "synthetic" in done.err
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob("*.masks.zarr"))


def test_predict_takes_boxes_too(run: Callable[..., Any], shelf: Path, stack: Path, tmp_path: Path) -> None:
    done = run("predict", "small-boxes", stack, tmp_path / "found.geojson", "--threshold", "0.005")
    assert done.code == 0, done.err
    assert "boxes" in done.out
    assert len(zoo.Detections.read(tmp_path / "found.geojson")) > 0


@pytest.mark.parametrize("out", ["found.nc", "found.csv"])
def test_predict_says_which_bands_it_went_without(
    run: Callable[..., Any], shelf: Path, stack: Path, tmp_path: Path, out: str
) -> None:
    assert "the stack has no" not in run("predict", "small-masks", stack, tmp_path / out).err
    bare = insarfeat.write(small_models.stack(96, 110).drop_vars("elevation"), tmp_path / "bare.nc")
    done = run("predict", "small-masks", bare, tmp_path / f"bare-{out}")
    assert "note: the stack has no elevation; the model did without" in done.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("no-such-model", "{stack}", "a.nc"), "no model"),
        (("small-masks", "nothing.nc", "a.nc"), "nothing.nc"),
        (("small-masks", "{stack}", "a.jpg"), "must end in"),
        (("small-boxes", "{stack}", "a.tif"), "must end in"),
        (("small-masks", "{stack}", "a.nc", "--pair", "x"), "one pair only"),
        (("small-masks", "{stack}", "a.nc", "--threshold", "2"), "threshold"),
        (("small-masks", "{stack}", "a.nc", "--device", "abacus"), "abacus"),
    ],
)
def test_bad_arguments_end_with_2_and_say_why(
    run: Callable[..., Any], shelf: Path, stack: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = run("predict", *(one.format(stack=stack) for one in arguments))
    assert done.code == 2
    assert told in done.err


def test_predict_replaces_nothing_unasked(
    run: Callable[..., Any], shelf: Path, stack: Path, tmp_path: Path
) -> None:
    out = tmp_path / "found.csv"
    out.write_text("mine")
    assert run("predict", "small-boxes", stack, out).code == 2
    assert out.read_text() == "mine"
    assert run("predict", "small-boxes", stack, out, "--overwrite").code == 0


@pytest.mark.parametrize(("model", "told"), [("small-masks", "tiles"), ("small-boxes", "windows")])
def test_dry_run_tells_and_writes_nothing(
    run: Callable[..., Any], shelf: Path, stack: Path, tmp_path: Path, model: str, told: str
) -> None:
    out = tmp_path / "found.geojson"
    done = run("predict", model, stack, out, "--dry-run")
    assert done.code == 0
    assert told in done.out
    assert not out.exists()


def test_a_training_is_begun_evaluated_and_gone_on_with(
    run: Callable[..., Any], shelf: Path, tmp_path: Path
) -> None:
    from zoo import training

    tiles = tmp_path / "tiles"
    for part in ("train", "validation", "test"):
        training.store_samples(training.SyntheticOptions(part=part), tiles, 6, size=64, pixel=15.0, seed=1)
    changes = [
        "--set", "epochs=1", "--set", "batch=3", "--set", "patch=64", "--set", "options={width: 0.125, depth: 0.1}",
    ]  # fmt: skip
    done = run("train", "yolo-s-synth", tiles, tmp_path / "out", *changes, "--device", "cpu")
    assert done.code == 0, done.err
    (path,) = (tmp_path / "out").glob("*-v1.safetensors")
    assert (tmp_path / "out" / "log.csv").exists()
    done = run("evaluate", path, tiles, "--dry-run")
    assert "1 batch(es) of synthetic tiles of 64 x 64 pixels" in done.out
    scores = tmp_path / "scores.json"
    done = run("evaluate", path, tiles, "--out", scores)
    assert done.code == 0, done.err
    record = json.loads(scores.read_text())
    assert record["training_data"] == "synthetic"
    assert "synthetic" in record["scores"]["note"]
    assert "synthetic" in done.out
    done = run(
        "train", "more", tiles, tmp_path / "more", "--from", path, "--set", "epochs=1", "--set", "batch=3"
    )
    assert done.code == 0, done.err
    (second,) = (tmp_path / "more").glob("*-v1.safetensors")
    told = zoo.load(second).description
    assert "more" in told.name
    assert told.training_data == "synthetic"  # these tiles are
    assert "yolo-s-synth" in told.recipe["from"]


def test_train_shows_its_recipe(run: Callable[..., Any], tmp_path: Path) -> None:
    done = run("train", "event-segformer-b2", "synthetic", tmp_path / "out", "--dry-run", "--set", "epochs=3")
    assert done.code == 0
    assert "epochs: 3" in done.out
    assert not (tmp_path / "out").exists()


def test_an_unknown_recipe_gets_a_suggestion(run: Callable[..., Any], tmp_path: Path) -> None:
    done = run("train", "event-segformer-b4", "synthetic", tmp_path / "out")
    assert done.code == 2
    assert "event-segformer-b" in done.err


def test_every_verb_has_an_example(run: Callable[..., Any]) -> None:
    for verb in ("models", "predict", "train", "evaluate"):
        assert f"insarfeat {verb}" in run(verb, "--help").out


def test_the_progress_of_a_training_is_that_of_all_its_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    from zoo.cli import _steps
    from zoo.training.log import Step

    with _steps() as step:
        for epoch in (3, 4):
            for batch in (1, 2):
                step(Step(epoch, 4, batch, 2, loss=0.1))
    assert capsys.readouterr().err.splitlines() == ["training: 5 of 8", "training: 8 of 8"]
