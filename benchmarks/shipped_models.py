"""How the shipped models are made and judged.

``python -m benchmarks.shipped_models make yolo-s-synth --data DEMS`` makes training tiles and trains on them, first
on tiles as the plain style has them, then on tiles that differ more from each other (and goes on after an
interruption): all that is needed to make the weights again. ``ship`` then scores them on the frozen test sets, with
bands left out, by size and motion, and on real ground, writes the card, puts both where the package has its models,
with a record of what they say for the tests, and renews ``docs/shipped-models.md``. ``tiles``, ``train`` and ``test``
are single steps.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from insarfeat.synth.dems import Part
from insarfeat.synth.knobs import LogUniform, OneOf, Uniform
from insarfeat.synth.style import PLAIN, Style
from zoo.training import Recipe

_DATA = Path(os.environ.get("INSARFEAT_TEST_DATA", "../shared/data"))
_DEMS = "dem_srtm3"
_VALIDATION = 800
_OTHER_SEED = 71
_TILES = 24_000
_FAILURES = Path(__file__).parent / "shipped_failures"
_DOCS = Path(__file__).parents[1] / "docs"
_LIMIT_TILES = {"boxes": 1_500, "masks": 1_000}


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a training.

    Attributes
    ----------
    style
        Of the tiles, beside how many slides they have and where; empty: the plain one.
    seed
        Added to the recipe's.
    recipes
        What is changed in a recipe, by its name.
    """

    style: dict[str, Any]
    seed: int
    recipes: dict[str, dict[str, Any]]


RARE = {
    # Twice the slides of a plain tile, and rare classes more often: each step sees more of what is to be learned.
    "slides": OneOf((0.0, 2.0, 4.0, 6.0, 8.0), weights=(0.15, 0.2, 0.25, 0.25, 0.15)),
    "regions": OneOf(("apennines", "alps", "slow alps", "event"), weights=(0.4, 0.2, 0.25, 0.15)),
}
# Processors differ more than the plain style does: in looks, filters, windows; and mountains in their air.
WIDE = {
    "looks": LogUniform(3.0, 40.0),
    "grain": Uniform(15.0, 50.0),
    "turbulence_slope": Uniform(2.2, 3.7),
    "alpha": OneOf((1.0, Uniform(0.0, 1.0))),
    "prefilter": OneOf((0.0, 50.0, 100.0, 200.0), weights=(0.4, 0.15, 0.3, 0.15)),
    "coherence_window": Uniform(2.6, 10.0),
    "artefacts": OneOf((0.0, 1.0, 2.0, 4.0), weights=(0.4, 0.25, 0.2, 0.15)),
}
STAGES = {
    "first": Stage({}, 0, {"yolo-s-synth": {"pixels": [15.0, 20.0]}}),
    "second": Stage(
        WIDE,
        500,
        {
            "yolo-s-synth": {"epochs": 3, "optimizer": {"learning_rate": 5e-4}},
            "segformer-b0-synth": {"epochs": 3, "optimizer": {"learning_rate": 3e-4}},
        },
    ),
}


def recipe_of(name: str, stage: Stage) -> Recipe:
    """The recipe of a model in one stage."""
    recipe = Recipe.named(name)
    return recipe.changed(**stage.recipes.get(name, {}), seed=recipe.seed + stage.seed)


def make_tiles(
    name: str, stage: Stage, data: Path, folder: Path, count: int, *, workers: int | None = None
) -> None:
    """Store tiles for training and for validation, on ground of their own parts of the DEMs."""
    from zoo.training import SyntheticOptions, store_samples

    recipe = recipe_of(name, stage)
    parts: tuple[tuple[Part, int, Style, int], ...] = (
        ("train", count, PLAIN.with_(**{**RARE, **stage.style}), recipe.seed),
        ("validation", _VALIDATION, PLAIN.with_(**stage.style), recipe.seed + _OTHER_SEED),
    )
    for part, wanted, style, seed in parts:
        options = SyntheticOptions(
            style=style,
            ground=str(data / _DEMS),
            part=part,
            pixels=(recipe.pixel, *recipe.pixels) if recipe.pixels else (),
        )
        started = time.monotonic()
        store_samples(
            options,
            folder,
            wanted,
            size=recipe.patch,
            pixel=recipe.pixel,
            seed=seed,
            workers=workers or len(os.sched_getaffinity(0)),
            progress=lambda done, total, part=part: print(f"{part}: {done} of {total} tiles", flush=True),  # type: ignore[misc]
        )
        print(f"{part}: {time.monotonic() - started:.0f} s", flush=True)


def train(name: str, stage: Stage, folder: Path, out: Path, before: Path | None) -> Path:
    """Train on stored tiles, from the weights of the stage before where there was one."""
    import torch

    import zoo
    from zoo.training.loop import Beginning, Training
    from zoo.training.material import gathered

    def told(step: Any) -> None:
        if step.row is not None:
            print(step.row, flush=True)

    recipe, beginning = recipe_of(name, stage), None
    if before is not None:
        old = zoo.load(before, device="cpu", precision="float32")
        shapes = [shape for head in old.description.options.get("anchors", ()) for shape in head]
        if shapes:  # its heads are for these
            recipe = recipe.changed(anchors=shapes)
        beginning = Beginning(
            lambda description: description, lambda network: network.load_state_dict(old.network.state_dict())
        )
    out.mkdir(parents=True, exist_ok=True)
    return Training(recipe, gathered(recipe, folder, None), out, torch.device("cpu"), told, beginning).run()


def make(name: str, data: Path, folder: Path, out: Path, count: int) -> Path:
    """All stages, one after the other; the last one's weights lie in ``out``."""
    weights = None
    for number, (title, stage) in enumerate(STAGES.items(), start=1):
        make_tiles(name, stage, data, folder / title, count)
        where = out if number == len(STAGES) else out / title
        weights = train(name, stage, folder / title, where, weights)
    assert weights is not None
    return weights


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


def _stage_told(folder: Path) -> dict[str, float]:
    """Epochs and minutes of a stage, from its log."""
    with (folder / "log.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {"epochs": len(rows), "minutes": sum(float(row["seconds"]) for row in rows) / 60.0}


def ship(name: str, data: Path, run: Path) -> Path:
    """Test, write the card, put the weights beside it where the package has its models, and record what they say."""
    import zoo
    from benchmarks import machine, pages, shipped_cards, shipped_record
    from zoo.weights import WeightFile

    (weights,) = run.glob(f"{name}-v*.safetensors")
    model_name, scores = weights.stem, run / "scores.json"
    if not scores.exists() or json.loads(scores.read_text())["digest"] != WeightFile.of(weights).digest:
        told = test(weights, data, None, _DOCS / f"limits-{name}.png")
        scores.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    told = json.loads(scores.read_text(encoding="utf-8"))
    here = machine.describe()
    told["made"] = {
        "command": f"python -m benchmarks.shipped_models make {name} --data DEMS",
        "machine": f"{here.cpu}, {here.cores} cores",
        "stages": [_stage_told(folder) for folder in (*(run / title for title in list(STAGES)[:-1]), run)],
        "tiles": _TILES,
    }
    failures = (_FAILURES / f"{model_name}.md").read_text(encoding="utf-8")
    card = shipped_cards.write_card(weights, told, failures)
    kept = card.with_suffix(".safetensors")
    page = _DOCS / "shipped-models.md"
    made = shipped_cards.summary(WeightFile.of(kept).description.task, told)
    page.write_text(pages.renew(page.read_text(encoding="utf-8"), {name: made}), encoding="utf-8")
    shipped_record.RECORDS.mkdir(exist_ok=True)
    record = shipped_record.record(zoo.load(kept, device="cpu", precision="float32"), data)
    (shipped_record.RECORDS / f"{model_name}.json").write_text(
        json.dumps(record, indent=1) + "\n", encoding="utf-8"
    )
    return kept


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=("make", "ship", "tiles", "train", "test"))
    parser.add_argument("name", help="recipe; for test the model's file")
    parser.add_argument("--data", type=Path, default=_DATA, help=f"folder with {_DEMS}")
    parser.add_argument("--folder", type=Path, default=Path("tiles"), help="of stored tiles")
    parser.add_argument("--out", type=Path, default=Path("run"))
    parser.add_argument("--count", type=int, default=_TILES, help="training tiles of each stage")
    parser.add_argument("--stage", choices=tuple(STAGES), default="first", help="for tiles and train")
    parser.add_argument("--before", type=Path, help="for train: weights to begin with")
    parser.add_argument("--tiles", type=int, help="test tiles of each set; all by default")
    given = parser.parse_args()
    stage = STAGES[given.stage]
    if given.step == "make":
        print(make(given.name, given.data, given.folder, given.out, given.count))
    if given.step == "tiles":
        make_tiles(given.name, stage, given.data, given.folder, given.count)
    if given.step == "train":
        print(train(given.name, stage, given.folder, given.out, given.before))
    if given.step == "ship":
        print(ship(given.name, given.data, given.out))
    if given.step == "test":
        scores = test(Path(given.name), given.data, given.tiles, None)
        given.out.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
