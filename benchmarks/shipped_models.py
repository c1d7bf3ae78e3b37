"""How the shipped models are made and judged.

``python -m benchmarks.shipped_models make yolo-s-synth --data DEMS`` makes the training tiles and trains on them (and
goes on after an interruption): all that is needed to make the weights again. ``ship yolo-s-synth --data DEMS`` then
scores them on the frozen test sets, with bands left out, by size and motion, and on real ground, writes the card, and
puts both where the package has its models, with a record of what they say for the tests, and renews
``docs/shipped-models.md``. ``tiles``, ``train`` and ``test`` are single steps of these.
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
_VALIDATION = 800
_OTHER_SEED = 71
_TILES = 24_000
_FAILURES = Path(__file__).parent / "shipped_failures"
_DOCS = Path(__file__).parents[1] / "docs"
_LIMIT_TILES = {"boxes": 1_500, "masks": 1_000}
# Twice the slides of a plain tile, and rare classes more often: each step sees more of what is to be learned.
_SLIDES = (0.15, 0.2, 0.25, 0.25, 0.15)
_REGIONS = (0.4, 0.2, 0.25, 0.15)


def make_tiles(recipe_name: str, data: Path, folder: Path, count: int) -> None:
    """Store tiles for training and for validation, on ground of their own parts of the DEMs."""
    from insarfeat.synth.knobs import OneOf
    from insarfeat.synth.style import PLAIN
    from zoo.training import Recipe, SyntheticOptions, store_samples

    recipe = Recipe.named(recipe_name)
    crowded = PLAIN.with_(
        slides=OneOf((0.0, 2.0, 4.0, 6.0, 8.0), weights=_SLIDES),
        regions=OneOf(("apennines", "alps", "slow alps", "event"), weights=_REGIONS),
    )
    for part, wanted in (("train", count), ("validation", _VALIDATION)):
        options = SyntheticOptions(
            style=crowded if part == "train" else PLAIN,
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


def test(model_path: Path, data: Path, tiles: int | None, picture: Path | None) -> dict[str, Any]:
    """Score a model: frozen sets, bands left out, classical detectors, limits, real ground."""
    import zoo
    from benchmarks import shipped_limits, shipped_tests
    from insarfeat.synth.frozen import frozen_set, manifest

    model = zoo.load(model_path)
    told = model.description
    found: dict[str, Any] = {"model": told.name, "digest": model.file.digest, "scores": {}, "classical": {}}
    for style in ("plain", "shifted"):
        source = shipped_tests.frozen(model, style, data, tiles)
        scores = zoo.evaluate(model, source)
        print(f"{style}\n{scores}\n", flush=True)
        found["scores"][style] = scores.as_dict()
        if told.task == "boxes":
            pixel: Any = frozen_set(f"detector-{style}").pixel
            found["classical"][style] = shipped_tests.classical_boxes(source, pixel)
        else:
            best = manifest()["sets"][f"segmenter-{style}"]["classical detectors"]
            found["classical"][style] = {name: each["iou"] for name, each in best.items()}
        if style == "plain":
            found["bands"] = shipped_tests.bands_left_out(model, source)
    seen = shipped_limits.slides_seen(model, data, _LIMIT_TILES[told.task] if tiles is None else tiles)
    found["limits"] = shipped_limits.limits(seen)
    if picture is not None:
        shipped_limits.draw(seen, picture, told.name)
    if tiles is None:  # real ground is looked at once, at the end
        found["real"] = shipped_tests.real_ground(model, data)
    return found


def ship(name: str, data: Path, run: Path) -> Path:
    """Test, write the card, put the weights beside it where the package has its models, and record what they say."""
    import csv

    import zoo
    from benchmarks import machine, pages, shipped_cards, shipped_record
    from zoo.weights import WeightFile

    (weights,) = run.glob(f"{name}-v*.safetensors")
    title, scores = weights.stem, run / "scores.json"
    if not scores.exists() or json.loads(scores.read_text())["digest"] != WeightFile.of(weights).digest:
        told = test(weights, data, None, _DOCS / f"limits-{name}.png")
        scores.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    told = json.loads(scores.read_text(encoding="utf-8"))
    with (run / "log.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    here = machine.describe()
    told["made"] = {
        "command": f"python -m benchmarks.shipped_models make {name} --data DEMS",
        "minutes": sum(float(row["seconds"]) for row in rows) / 60.0,
        "machine": f"{here.cpu}, {here.cores} cores",
        "epochs": len(rows),
        "tiles": _TILES,
    }
    failures = (_FAILURES / f"{title}.md").read_text(encoding="utf-8")
    card = shipped_cards.write_card(weights, told, failures)
    kept = card.with_suffix(".safetensors")
    page = _DOCS / "shipped-models.md"
    made = shipped_cards.summary(WeightFile.of(kept).description.task, told)
    page.write_text(pages.renew(page.read_text(encoding="utf-8"), {name: made}), encoding="utf-8")
    shipped_record.RECORDS.mkdir(exist_ok=True)
    record = shipped_record.record(zoo.load(kept, device="cpu", precision="float32"), data)
    (shipped_record.RECORDS / f"{title}.json").write_text(
        json.dumps(record, indent=1) + "\n", encoding="utf-8"
    )
    return kept


def main() -> None:
    """Run one step."""
    import yaml

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=("make", "ship", "tiles", "train", "test"))
    parser.add_argument("name", help="recipe; for test the model's file")
    parser.add_argument("--data", type=Path, default=_DATA, help=f"folder with {_DEMS}")
    parser.add_argument("--folder", type=Path, default=Path("tiles"), help="of stored tiles")
    parser.add_argument("--out", type=Path, default=Path("run"))
    parser.add_argument("--count", type=int, default=_TILES, help="training tiles")
    parser.add_argument("--tiles", type=int, help="test tiles of each set; all by default")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change the recipe")
    given = parser.parse_args()
    if given.step in ("make", "tiles"):
        make_tiles(given.name, given.data, given.folder, given.count)
    if given.step in ("make", "train"):
        pairs = [text.partition("=") for text in given.set]
        changes = {name: yaml.safe_load(value) for name, _, value in pairs}
        print(train(given.name, given.folder, given.out, changes))
    if given.step == "ship":
        print(ship(given.name, given.data, given.out))
    if given.step == "test":
        scores = test(Path(given.name), given.data, given.tiles, None)
        given.out.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
