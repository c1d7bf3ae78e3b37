"""Scores and models say whether the scenes behind them are synthetic, and where nobody knows, that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import small_models
from training_tiles import toy_recipe

import insarfeat
import zoo
from insarfeat import tiling
from zoo.scores.values import NOT_KNOWN, ON_SYNTHETIC
from zoo.training.material import gathered

_REAL = {"source": "Sentinel-1, processed by hand"}
_AREAS = ("west", "middle", "east")


@pytest.fixture(scope="module")
def scenes() -> dict[str, Any]:
    """Three areas that the generator made, far from each other."""
    made = {}
    for number, name in enumerate(_AREAS):
        scene = insarfeat.synth.scene(seed=number, size=128)
        scene = scene[["wrapped_phase", "coherence", "elevation", "landslide"]]
        made[name] = scene.assign_coords(x=scene["x"] + 20_000.0 * number)
    return made


def patches_of(given: Mapping[str, Any], folder: Path) -> Path:
    """Patches of scenes that were written and are read again; one scene to each part."""
    stacks = folder / "stacks"
    stacks.mkdir()
    for name, scene in given.items():
        insarfeat.write(scene, stacks / f"{name}.nc")
    patches = tiling.extract_patches(stacks, folder / "patches", size=64, min_valid=0.0)
    tiling.split(patches, fractions=(0.4, 0.3, 0.3), by="scene").save()
    return folder / "patches"


def saying(scenes: Mapping[str, Any], *attributes: Mapping[str, str] | None) -> dict[str, Any]:
    """The same scenes with other attributes; None leaves them as the generator has them."""
    given = {}
    for (name, scene), said in zip(scenes.items(), attributes, strict=True):
        given[name] = scene.copy()
        if said is not None:
            given[name].attrs = dict(said)
    return given


@pytest.fixture
def model(tmp_path: Path) -> Any:
    return zoo.load(small_models.written(small_models.MASKS, tmp_path), device="cpu", precision="float32")


def test_scores_on_patches_of_the_generators_scenes_say_so(
    scenes: dict[str, Any], model: Any, tmp_path: Path, run: Callable[..., Any]
) -> None:
    folder = patches_of(scenes, tmp_path)
    scores = zoo.evaluate(model, folder)
    assert scores.on_synthetic is True
    assert scores.as_dict()["on_synthetic"] is True
    assert ON_SYNTHETIC in str(scores)
    written = tmp_path / "scores.json"
    done = run("evaluate", model.file.path, folder, "--out", written, "--device", "cpu")
    assert done.code == 0, done.err
    assert ON_SYNTHETIC in done.out
    assert json.loads(written.read_text())["on_synthetic"] is True


def test_scores_on_scenes_whose_source_is_real_make_no_such_remark(
    scenes: dict[str, Any], model: Any, tmp_path: Path
) -> None:
    scores = zoo.evaluate(model, patches_of(saying(scenes, _REAL, _REAL, _REAL), tmp_path))
    assert scores.on_synthetic is False
    assert "note" not in scores.as_dict()
    assert "synthetic" not in str(scores)


def test_where_scenes_do_not_say_what_they_are_scores_say_that_it_is_not_known(
    scenes: dict[str, Any], model: Any, tmp_path: Path
) -> None:
    scores = zoo.evaluate(model, patches_of(saying(scenes, {}, {}, {}), tmp_path))
    assert scores.on_synthetic is None
    assert scores.as_dict()["note"] == NOT_KNOWN
    assert NOT_KNOWN in str(scores)


def test_of_datasets_from_before_this_was_noted_it_is_not_known(
    scenes: dict[str, Any], model: Any, tmp_path: Path
) -> None:
    folder = patches_of(scenes, tmp_path)
    told = json.loads((folder / "dataset.json").read_text())
    del told["synthetic"]
    (folder / "dataset.json").write_text(json.dumps(told))
    assert zoo.evaluate(model, folder).on_synthetic is None


def test_one_synthetic_scene_is_enough(scenes: dict[str, Any], tmp_path: Path) -> None:
    patches = tiling.open_patches(patches_of(saying(scenes, None, _REAL, {}), tmp_path))
    assert patches.synthetic_scenes == {"west": True, "middle": False, "east": None}
    assert patches.synthetic is True
    known = {name: patches[(patches.table["scene"] == name).to_numpy().nonzero()[0]] for name in _AREAS}
    assert [known[name].synthetic for name in _AREAS] == [True, False, None]


@pytest.mark.parametrize(
    ("attributes", "name", "words"),
    [
        ((None, None, None), "synthetic", "Trained on synthetic scenes only"),
        ((_REAL, _REAL, _REAL), "patches", "Trained on patches."),
        (({}, {}, {}), "patches", "Trained on patches."),
    ],
)
def test_a_model_says_of_which_scenes_its_patches_were_cut(
    scenes: dict[str, Any], tmp_path: Path, attributes: Any, name: str, words: str
) -> None:
    material = gathered(toy_recipe(), patches_of(saying(scenes, *attributes), tmp_path))
    assert material.provenance.training_data == name
    assert material.provenance.statement.startswith(words)
    assert material.judged_on_synthetic is {"synthetic": True}.get(name, False if attributes[0] else None)


def test_a_source_that_does_not_say_what_it_is_counts_as_not_known() -> None:
    from training_tiles import Tiles, toy

    from zoo.evaluation import labelled_tiles

    source = Tiles(toy(), toy_recipe())

    class Named:
        description = small_models.MASKS.model_copy(update={"bands": toy_recipe().bands})

    assert labelled_tiles(Named(), source, "test")[1] is None  # type: ignore[arg-type]


def described(**more: Any) -> Any:
    told = small_models.MASKS.model_dump(exclude={"statement", "training_data"})
    return type(small_models.MASKS)(**told, **more)


def test_a_description_without_a_statement_claims_no_other_data_than_it_names() -> None:
    assert described().statement.startswith("Trained on synthetic scenes only")
    real = described(training_data="valais-2020").statement
    assert real.startswith("Trained on valais-2020.")
    assert "synthetic" not in real
    both = described(training_data="synthetic + valais-2020").statement
    assert both.startswith("Trained on synthetic scenes, then on valais-2020.")
    assert "only" not in both


def test_a_statement_that_is_given_stays() -> None:
    assert described(training_data="valais-2020", statement="As it is.").statement == "As it is."
