"""How the shipped models are made and judged, each step by one command.

``python -m benchmarks.shipped_models tiles yolo-s-synth --data DEMS --folder tiles`` makes the training tiles,
``train yolo-s-synth --folder tiles --out run`` trains on them (and goes on after an interruption), ``test
run/yolo-s-synth-v1.safetensors --data DEMS --out scores.json`` scores the model on the frozen test sets.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

_DATA = Path(os.environ.get("INSARFEAT_TEST_DATA", "../shared/data"))
_DEMS = "dem_srtm3"
_VALIDATION = 600
_OTHER_SEED = 71


def make_tiles(recipe_name: str, data: Path, folder: Path, count: int) -> None:
    """Store tiles for training and for validation, on ground of their own parts of the DEMs."""
    from zoo.training import Recipe, SyntheticOptions, store_samples

    recipe = Recipe.named(recipe_name)
    for part, wanted in (("train", count), ("validation", _VALIDATION)):
        options = SyntheticOptions(
            ground=str(data / _DEMS),
            part=part,  # type: ignore[arg-type]
            pixels=(recipe.pixel, *recipe.pixels) if recipe.pixels else (),
        )
        started = time.monotonic()
        store_samples(
            options,
            folder,
            wanted,
            size=recipe.patch,
            pixel=recipe.pixel,
            seed=recipe.seed + (0 if part == "train" else _OTHER_SEED),
            workers=len(os.sched_getaffinity(0)),
            progress=lambda done, total, part=part: print(f"{part}: {done} of {total} tiles", flush=True),  # type: ignore[misc]
        )
        print(f"{part}: {time.monotonic() - started:.0f} s", flush=True)


def train(recipe_name: str, folder: Path, out: Path, changes: dict[str, Any]) -> Path:
    """Train on stored tiles."""
    from zoo.training import Recipe, train

    def told(step: Any) -> None:
        if step.row is not None:
            print(step.row, flush=True)

    return train(Recipe.named(recipe_name).changed(**changes), folder, out, progress=told)


def test(model_path: Path, data: Path, tiles: int | None) -> dict[str, Any]:
    """Score a model on the frozen sets of its task."""
    import zoo
    from zoo.training.frozen_tiles import FrozenSamples

    model = zoo.load(model_path)
    told = model.description
    kind = "detector" if told.task == "boxes" else "segmenter"
    found: dict[str, Any] = {}
    for style in ("plain", "shifted"):
        name = f"{kind}-{style}"
        source = FrozenSamples(name, data, told.band_names, told.classes, pixel=told.pixel, tiles=tiles)
        scores = zoo.evaluate(model, source)
        print(f"{name}\n{scores}\n", flush=True)
        found[name] = scores.as_dict()
    return {"model": told.name, "digest": model.file.digest, "sets": found}


def main() -> None:
    """Run one step."""
    import yaml

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=("tiles", "train", "test"))
    parser.add_argument("name", help="recipe; for test the model's file")
    parser.add_argument("--data", type=Path, default=_DATA, help=f"folder with {_DEMS}")
    parser.add_argument("--folder", type=Path, default=Path("tiles"), help="of stored tiles")
    parser.add_argument("--out", type=Path, default=Path("run"))
    parser.add_argument("--count", type=int, default=24_000, help="training tiles")
    parser.add_argument("--tiles", type=int, help="test tiles of each set; all by default")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change the recipe")
    given = parser.parse_args()
    if given.step == "tiles":
        make_tiles(given.name, given.data, given.folder, given.count)
    elif given.step == "train":
        pairs = [text.partition("=") for text in given.set]
        changes = {name: yaml.safe_load(value) for name, _, value in pairs}
        print(train(given.name, given.folder, given.out, changes))
    else:
        scores = test(Path(given.name), given.data, given.tiles)
        given.out.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
