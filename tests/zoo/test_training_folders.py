"""Training from folders: patches of a user's own, and stored tiles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from training_tiles import toy_recipe

from insarfeat import synth, tiling
from insarfeat.errors import InvalidArgument
from zoo.training import SyntheticOptions, read_log, store_samples, train
from zoo.weights import WeightFile


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patches of six areas, split into parts."""
    scenes = {}
    for number in range(6):
        scene = synth.scene(seed=number, size=192)[["coherence", "landslide"]]
        scene.attrs = {"source": "Sentinel-1"}  # as if somebody had labelled them
        scenes[f"area_{number}"] = scene.assign_coords(x=scene["x"] + 20_000.0 * number)
    folder = tmp_path_factory.mktemp("labels") / "apennines"
    tiling.extract_patches(scenes, folder, size=64, stride=64)
    tiling.split(tiling.open_patches(folder), fractions=(0.5, 0.4, 0.1), by="scene", seed=1).save()
    return folder


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stored tiles for training and for validation."""
    folder = tmp_path_factory.mktemp("stored")
    for part in ("train", "validation"):
        store_samples(SyntheticOptions(part=part, tiles_a_place=12), folder, 24, size=96, pixel=15.0, seed=2)
    return folder


def test_a_model_learns_from_patches_and_says_from_which(patches: Path, tmp_path: Path) -> None:
    recipe = toy_recipe(epochs=1, patch=64, batch=8, shares=(0.1, 0.5, 0.3, 0.1), loss={"sigma": 2.0})
    told = WeightFile.of(train(recipe, patches, tmp_path, device="cpu")).description
    assert told.training_data == "apennines"
    assert told.statement.startswith("Trained on apennines.")
    assert told.generator == ""
    assert told.patch == 64
    assert read_log(tmp_path)[0].batches > 1


def test_a_model_learns_from_stored_tiles_and_says_so(stored: Path, tmp_path: Path) -> None:
    recipe = toy_recipe(epochs=1, patch=96, batch=8)
    told = WeightFile.of(train(recipe, stored, tmp_path, device="cpu")).description
    assert told.training_data == "synthetic"
    assert "synthetic scenes only" in told.statement
    assert len(told.generator) == 64
    assert read_log(tmp_path)[0].batches == 3


def test_another_pixel_size_than_the_recipes_is_refused(stored: Path, tmp_path: Path) -> None:
    recipe = toy_recipe(pixel=30.0, least_pixel=25.0, largest_pixel=35.0)
    with pytest.raises(InvalidArgument, match="data has pixels of 15 m"):
        train(recipe, stored, tmp_path)
