"""Each recipe's network and loss learn: twenty tiles by heart, through the whole of the training.

Tiles are small and the learning rate is high. What would keep a network from learning by heart is switched off:
augmentation and soft edges (at a sigma of 5 the pixel beside a slide is to be 0.98: no threshold gives its outline
back). Detectors are narrow ones, the other networks are whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from training_tiles import Tiles, tiles

from zoo.training import RECIPES, Recipe, read_log, train

_TILES = 20
_NARROW = {"width": 0.25, "depth": 0.25}


@dataclass(frozen=True)
class Cut:
    """How a recipe is cut down, so that it takes seconds.

    Tiles of masks have pixels of 5 m, so that slides are large beside the four pixels in which SegFormer thinks.
    """

    size: int
    steps: int
    rate: float
    pixel: float = 5.0
    least: float = 0.2  # of a tile is slide
    options: Any = ()


CUTS = {
    "mirage-yolo": Cut(64, 80, 2e-3, 15.0, 0.02, _NARROW),
    "event-segformer-b2": Cut(64, 42, 8e-4),
    "event-unet": Cut(32, 40, 2e-3),
    "event-upernet": Cut(64, 30, 5e-4),
    "alps-unet++": Cut(32, 30, 2e-3),
    "alps-unet++-attention": Cut(32, 30, 2e-3),
    "segformer-b0-synth": Cut(64, 45, 2e-3),
    "yolo-s-synth": Cut(64, 130, 5e-3, 15.0, 0.02, _NARROW),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def cut_down(recipe: Recipe, cut: Cut) -> Recipe:
    off = {name: False if value is True else 0.0 for name, value in recipe.content()["augmentation"].items()}
    return recipe.changed(
        patch=cut.size,
        pixel=cut.pixel,
        least_pixel=cut.pixel,
        largest_pixel=cut.pixel,
        epochs=1,
        batch=_TILES,
        optimizer={"learning_rate": cut.rate},
        schedule={"warm_up": 0.2},
        loss={"sigma": 0.0, "positive_weight": 1.0},
        augmentation=off,
        options=dict(cut.options),
    )


def test_every_recipe_is_tried() -> None:
    deeper = {"event-segformer-b3"}  # B2's code with more blocks, and a minute more
    assert set(CUTS) | deeper == set(RECIPES)


@pytest.mark.parametrize("name", sorted(CUTS, key=lambda name: CUTS[name].steps))
def test_a_recipe_learns_twenty_tiles_by_heart(name: str, tmp_path: Path) -> None:
    cut = CUTS[name]
    recipe = cut_down(Recipe.named(name), cut)
    samples = tiles(recipe.band_names, recipe.classes, _TILES, cut.size, cut.pixel, cut.least)
    train(
        recipe,
        Tiles(samples, recipe, times=cut.steps, pixel=cut.pixel),
        tmp_path,
        validation=Tiles(samples, recipe, pixel=cut.pixel),
        device="cpu",
    )
    (row,) = read_log(tmp_path)
    assert row.validation["map" if recipe.task == "boxes" else "iou"] > 0.9
