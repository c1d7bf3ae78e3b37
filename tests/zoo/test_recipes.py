"""Recipes: what the documents say is in them, and what is wrong with a user's own is told."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput
from zoo.description import ModelDescription
from zoo.training.outset import asked
from zoo.training.recipes import RECIPES, Recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_comes_back_from_its_own_file(name: str, tmp_path: Path) -> None:
    recipe = Recipe.named(name)
    (tmp_path / "recipe.yaml").write_text(recipe.yaml())
    assert Recipe.of(tmp_path / "recipe.yaml") == recipe
    assert recipe.differences() == {}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_builds_its_network(name: str) -> None:
    from zoo.networks.assembly import assembled

    recipe = Recipe.named(name)
    options = dict(recipe.options)
    if recipe.anchors is not None:
        options["anchors"] = [[[8.0, 8.0]] * 3] * 3
    description = ModelDescription(**asked(recipe), options=options, patch=recipe.patch)
    with torch.device("meta"):
        network = assembled(description).eval()
        found = network(torch.empty(2, len(recipe.bands), 64, 64))
    if recipe.task == "masks":
        assert found.shape == (2, 1, 64, 64)
    else:
        assert [each.shape[1] for each in found] == [3 * (5 + len(recipe.classes))] * 3


def test_the_event_recipe_is_that_of_the_document() -> None:
    recipe = Recipe.named("event-segformer-b2")
    assert (recipe.optimizer.name, recipe.optimizer.learning_rate) == ("adamw", 5e-5)
    assert (recipe.schedule.name, recipe.epochs, recipe.batch, recipe.patch) == ("cosine", 100, 32, 256)
    assert recipe.loss.sigma == 5.0
    assert recipe.shares == (0.1, 0.5, 0.3, 0.1)
    on = {name for name in recipe.content()["augmentation"] if recipe.content()["augmentation"][name]}
    assert on == {"turns"}


def test_the_mirage_recipe_is_that_of_the_document() -> None:
    recipe = Recipe.named("mirage-yolo")
    assert recipe.band_names == ("wrapped_phase", "sensitivity", "terrain_pc1")
    assert recipe.classes == ("CF", "CS", "FS", "AR")
    assert (recipe.optimizer.name, recipe.patience, recipe.watch) == ("adam", 30, "loss")
    assert (recipe.patch, recipe.pixel, recipe.anchors) == (160, 15.0, "k-means")
    augmentation = recipe.augmentation
    assert augmentation.turns
    assert min(augmentation.crop, augmentation.gain, augmentation.offset) > 0.0


def test_shipped_models_do_without_all_but_phase_and_coherence() -> None:
    for name in ("segformer-b0-synth", "yolo-s-synth"):
        recipe = Recipe.named(name)
        required = {band.name for band in recipe.bands if band.required}
        assert required == {"wrapped_phase", "coherence"}
        assert recipe.augmentation.dropout == 0.2
        assert recipe.augmentation.bare == 0.25


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(InvalidArgument, match="did you mean 'mirage-yolo'"):
        Recipe.named("mirage-yollo")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"epoch": 3}, "epoch is no key of a recipe .did you mean 'epochs'"),
        ({"optimizer": {"learning_rat": 3}}, "did you mean 'learning_rate'"),
        ({"optimizer": {"learning_rate": -1}}, r"optimizer.learning_rate.*got -1"),
        ({"augmentation": {"turn": True}}, "did you mean 'turns'"),
        ({"network": "segformer-b9"}, "is no network .did you mean 'segformer-b"),
        ({"anchors": "k-means"}, "takes no anchors"),
        ({"shares": (0.5, 0.5)}, "shares"),
        ({"bands": [{"name": "coherense"}]}, "is no layer"),
        ({"classes": ["a", "a"]}, "a class is named twice"),
        ({"pixel": 1.0}, "between least_pixel and largest_pixel"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_told(changes: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        Recipe.named("event-unet").changed(**changes)


def test_a_detector_needs_anchors() -> None:
    with pytest.raises(InvalidArgument, match="needs anchors"):
        Recipe.named("mirage-yolo").changed(anchors=None)


def test_parts_are_merged_and_the_rest_is_replaced() -> None:
    recipe = Recipe.named("event-segformer-b2").changed(optimizer={"learning_rate": 1e-4}, epochs=3)
    assert recipe.optimizer.learning_rate == 1e-4
    assert recipe.optimizer.name == "adamw"
    assert recipe.epochs == 3
    assert set(recipe.differences()) == {"optimizer", "epochs"}


def test_a_file_may_start_from_a_known_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("like: event-unet\nname: mine\nloss: {sigma: 3}\n")
    recipe = Recipe.of(path)
    assert (recipe.name, recipe.network, recipe.loss.sigma) == ("mine", "unet-resnet34", 3.0)


def test_a_missing_file_and_an_empty_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="does not exist"):
        Recipe.of(tmp_path / "none.yaml")
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(UnreadableInput, match="holds no recipe"):
        Recipe.of(tmp_path / "empty.yaml")
