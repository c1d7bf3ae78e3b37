"""What the choices in the training of the shipped models are worth: short trainings that differ in one thing each.

``python -m benchmarks.shipped_studies --data DEMS --docs docs/shipped-models.md`` trains the small segmenter from
scratch once for each choice, scores it on tiles of both frozen sets, and writes the table. What was scored already is
read from the folder. The trainings are short, and each was done once: small differences say nothing.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import shipped_models
from benchmarks.pages import renew, table
from insarfeat.synth.knobs import OneOf

_RECIPE = "segformer-b0-synth"
_TILES = 2_400
_EPOCHS = 3
_SCORED = 320


@dataclass(frozen=True, slots=True)
class Study:
    """One choice.

    Attributes
    ----------
    style, recipe
        What is other than in the first stage of the shipped models' training.
    seed
        Of tiles and weights.
    """

    style: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    seed: int = 900


def _slides(none: float) -> dict[str, Any]:
    """Slides in a tile, so that a share of the tiles has none."""
    shares = [(1.0 - none) * share / 0.85 for share in (0.2, 0.25, 0.25, 0.15)]
    return {"slides": OneOf((0.0, 2.0, 4.0, 6.0, 8.0), weights=(none, *shares))}


STUDIES = {
    "as the first stage": Study(),
    "no tile without slides": Study(_slides(0.0)),
    "half of the tiles without slides": Study(_slides(0.5)),
    "the same, another seed": Study(_slides(0.5), seed=901),
    "no band ever missing": Study(recipe={"augmentation": {"dropout": 0.0, "bare": 0.0}}),
    "white noise": Study({"grain": 1.0}),
    "one filter: Goldstein 1.0 after 100 m": Study(
        {"phase_filter": "goldstein", "alpha": 1.0, "prefilter": 100.0}
    ),
    "all of the second stage's style": Study(shipped_models.WIDE),
}


def studied(data: Path, folder: Path, name: str) -> dict[str, dict[str, float]]:
    """Scores of one choice: of all bands, and of phase, coherence and elevation alone, on both sets."""
    import torch

    import zoo
    from benchmarks import shipped_tests

    study, here = STUDIES[name], folder / name.replace(" ", "-").replace(":", "")
    kept = here / "scores.json"
    if not kept.exists():
        torch.set_num_threads(1)
        changes = {"epochs": _EPOCHS, **study.recipe}
        stage = shipped_models.Stage(study.style, study.seed, {_RECIPE: changes})
        shipped_models.make_tiles(_RECIPE, stage, data, here / "tiles", _TILES, workers=1)
        model = zoo.load(shipped_models.train(_RECIPE, stage, here / "tiles", here / "run", None))
        found = {}
        for style in ("plain", "shifted"):
            source = shipped_tests.frozen(model, style, data, _SCORED)
            few = source.with_only("wrapped_phase", "coherence", "elevation")
            for told, look in ((style, source), (f"{style}, few bands", few)):
                found[told] = shipped_tests.short(zoo.evaluate(model, look))
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    read: dict[str, dict[str, float]] = json.loads(kept.read_text(encoding="utf-8"))
    return read


def main() -> None:
    """Do all studies that are not done yet, and write their table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the DEMs")
    parser.add_argument("--folder", type=Path, default=Path("studies"), help="for tiles, runs and scores")
    parser.add_argument("--docs", type=Path, help="page whose table is renewed")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        scores = dict(
            zip(STUDIES, pool.map(partial(studied, given.data, given.folder), STUDIES), strict=True)
        )
    looks = ("plain", "shifted", "plain, few bands", "shifted, few bands")
    rows = [
        [name, *(f"{each[look]['IoU']:.3f} / {each[look]['area under PR']:.3f}" for look in looks)]
        for name, each in scores.items()
    ]
    made = table(["choice", *looks], rows)
    print(made)
    if given.docs:
        page = given.docs.read_text(encoding="utf-8")
        given.docs.write_text(renew(page, {"studies": made}), encoding="utf-8")


if __name__ == "__main__":
    main()
