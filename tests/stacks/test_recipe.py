"""Recipes: what they hold, how they are written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput
from insarfeat.stacks import RECIPES, Recipe, template


def test_the_detection_stack_is_that_of_the_document() -> None:
    recipe = Recipe.named("detection")
    assert recipe.layers == ("wrapped_phase", "sensitivity", "terrain_pc1")
    assert (recipe.grid.resolution, recipe.phase.gaussian, recipe.phase.window, recipe.phase.alpha) == (
        15,
        100,
        32,
        1,
    )
    assert (recipe.sensitivity.midpoint, recipe.sensitivity.steepness) == (0.3, 20)
    assert (recipe.terrain.convexity_radius, recipe.terrain.tri, recipe.terrain.flow) == (10, "saga", "mfd")


def test_the_event_stack_has_nine_bands_in_the_order_of_the_document() -> None:
    recipe = Recipe.named("event")
    assert recipe.grid.resolution == 30
    assert recipe.layers == (
        "wrapped_phase", "coherence", "intensity", "elevation", "displacement", "unwrapped_phase",
        "local_incidence", "landslide", "valid_mask",
    )  # fmt: skip
    assert set(recipe.validity.blank) == {"water", "layover", "shadow"}


@pytest.mark.parametrize("name", RECIPES)
def test_a_template_reads_back_as_the_recipe(name: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(template(name))
    assert Recipe.of(path) == Recipe.named(name)


def test_every_value_of_a_template_has_a_comment() -> None:
    lines = template("detection").splitlines()
    for number, line in enumerate(lines):
        if ":" in line and not line.lstrip().startswith("#"):
            assert lines[number - 1].lstrip().startswith("#"), line


def test_a_key_that_is_not_known_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("layers: [slope]\nphase:\n  gausian: 50\n")
    with pytest.raises(
        InvalidArgument, match=r"own.yaml: phase.gausian is no key of a recipe \(did you mean 'gaussian'"
    ):
        Recipe.of(path)
    path.write_text("layers: [slope]\nfase: {}\n")
    with pytest.raises(InvalidArgument, match=r"fase is no key of a recipe \(did you mean 'phase'"):
        Recipe.of(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("layers: [slop]", "'slop' is no layer of stacks .did you mean 'slope'"),
        ("layers: [slope, slope]", "named twice"),
        ("layers: []", "layers"),
        ("name: x", "layers is missing"),
        ("layers: [slope]\nphase: {alpha: 2}", "phase.alpha"),
        ("layers: [slope]\nphase: {overlap: 0.6}", "phase.overlap: must be 0.5, 0.75 or 0.875"),
        ("layers: [slope]\ncoherence: {window: [4, 5]}", "coherence.window: both sides must be odd"),
        ("layers: [slope]\ngrid: {resolution: -1}", "grid.resolution"),
        ("layers: [slope]\nprecision: {slop: 1}", "did you mean 'slope'"),
        ("layers: [slope]\nvalidity: {causes: [watr]}", "did you mean 'water'"),
        ("layers: [slope]\nvalidity: {grow: {watr: 2}}", "did you mean 'water'"),
    ],
)
def test_values_that_cannot_be_are_refused(content: str, told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        Recipe.of(yaml.safe_load(content))


def test_files_that_are_no_recipes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="does not exist"):
        Recipe.of(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("layers: [slope")
    with pytest.raises(UnreadableInput, match="not readable YAML"):
        Recipe.of(broken)
    broken.write_text("just words")
    with pytest.raises(UnreadableInput, match="holds no recipe"):
        Recipe.of(broken)


def test_a_name_that_is_not_known_gets_a_suggestion() -> None:
    with pytest.raises(InvalidArgument, match="did you mean 'detection'"):
        Recipe.of("detections")


def test_a_changed_recipe_keeps_the_rest() -> None:
    recipe = Recipe.named("detection").changed(phase={"alpha": 0.5}, layers=("slope",))
    assert (recipe.phase.alpha, recipe.phase.gaussian, recipe.layers) == (0.5, 100, ("slope",))
    with pytest.raises(InvalidArgument, match=r"phase\.alpha"):
        recipe.changed(phase={"alpha": 5})
