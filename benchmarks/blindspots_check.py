"""Whether recall that is predicted from injected slides is that of slides which were there before.

``python -m benchmarks.blindspots_check`` makes synthetic scenes with many slides, takes each for a user's stack, asks
:func:`zoo.blindspots.blind_spots` what recall to expect, and counts which of the scene's own slides the model finds.
Of these nothing but size, speed and place is told. Two figures for each group of slides: predicted and true recall.
``--docs docs/blind-spots.md`` writes them into the page.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pages import renew, table

MODELS = ("segformer-b0-synth-v1", "yolo-s-synth-v1")
_REGIONS = ("apennines", "alps", "slow alps")
_LAYERS = (
    "wrapped_phase",
    "coherence",
    "sensitivity",
    "terrain_pc1",
    "elevation",
    "slope_to_los",
    "shadow_layover",
)


def compared(model: Any, seed: int, size: int, injections: int) -> Any:
    """The scene's own slides, each with its predicted probability and whether it was found."""
    import pandas as pd

    from insarfeat import synth
    from zoo.blindspots import Trials, blind_spots
    from zoo.blindspots.recall import HIDDEN
    from zoo.blindspots.trials import Finder
    from zoo.blindspots.views import surroundings, views_of

    style = synth.PLAIN.with_(slides=4.0, regions=_REGIONS[seed % len(_REGIONS)], artefacts=0.0, covered=0.0)
    scene = synth.scene(seed, size=size, style=style)
    stack = scene[list(_LAYERS)]
    classes = tuple(sorted({str(code) for code in scene["slide_class"].values}))
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(injections, synth.SlidePlan(classes), seed=seed)
        told = blind_spots(model, stack, folder, trials=trials)
    # What is foretold is what a slide on ground like this would be: the ground before this one came.
    before = synth.scene(seed, size=size, style=style, without=["displacement"])[list(_LAYERS)]
    (view,) = views_of(before)
    around = surroundings(view.cells().compute())
    found = Finder(model).look(stack)
    rows = []
    for index, number in enumerate(scene["slide"].values.tolist()):
        rows_in, cols_in = np.nonzero(scene["landslide_id"].values == number)
        area = float(scene["slide_area"].values[index])
        if len(rows_in) * 15.0**2 < 0.7 * area:  # cut off by the edge, or under another
            continue
        coherence, sensitivity, hidden = around.at((rows_in // view.cell, cols_in // view.cell))
        fringes = float(view.fringes(float(scene["slide_speed"].values[index]), sensitivity))
        chance = float(told.recall.probability(area / 1e6, fringes, coherence))
        rows.append(
            {
                "scene": seed,
                "class": str(scene["slide_class"].values[index]),
                "shows": str(scene["slide_kind"].values[index]),
                "area": area / 1e6,
                "fringes": fringes,
                "coherence": coherence,
                "predicted": 0.0 if hidden >= HIDDEN else chance,
                "found": found.holds(rows_in, cols_in),
                "injected": float(told.table.loc[told.table["by"] == "all", "recall"].iloc[0]),
            }
        )
    return pd.DataFrame(rows)


def rows_of(slides: Any) -> list[list[str]]:
    """Predicted and true recall: of all, and by class, area, fringes and coherence."""
    import pandas as pd

    from zoo.scores import wilson

    groups = [("all", slides)]
    for name, edges in (
        ("area, km2", (0.0, 0.03, 0.1, np.inf)),
        ("fringes", (0.0, 0.25, 0.5, 1.0, np.inf)),
        ("coherence", (0.0, 0.35, 0.5, 1.01)),
    ):
        parts = pd.cut(slides[name.partition(",")[0]], list(edges), right=False)
        groups += [
            (f"{name} {part.left:g} to {part.right:g}", some)
            for part, some in slides.groupby(parts, observed=True)
        ]
    found = []
    for name, some in groups:
        true = wilson(int(some["found"].sum()), len(some))
        found.append(
            [
                name,
                str(len(some)),
                f"{100 * some['predicted'].mean():.1f} %",
                f"{100 * true.value:.1f} % ({100 * true.low:.0f} to {100 * true.high:.0f})",
                f"{100 * (some['predicted'].mean() - true.value):+.1f}",
            ]
        )
    return found


def main() -> None:
    """Compare, and write the tables."""
    import pandas as pd

    import zoo

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=9)
    parser.add_argument("--size", type=int, default=768)
    parser.add_argument("--injections", type=int, default=500)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--docs", type=Path, help="page whose tables are renewed")
    given = parser.parse_args()
    made = {}
    for name in given.models:
        model = zoo.load(name)
        parts = []
        for seed in range(given.scenes):
            parts.append(compared(model, 500 + seed, given.size, given.injections))
            part = parts[-1]
            print(
                f"{name}, scene {500 + seed}: {len(part)} slides, predicted {part['predicted'].mean():.3f}, "
                f"true {part['found'].mean():.3f}, injected {part['injected'].mean():.3f}",
                flush=True,
            )
        heads = ["slides", "how many", "predicted recall", "true recall", "points apart"]
        made[f"recall {name}"] = table(heads, rows_of(pd.concat(parts)))
        print(made[f"recall {name}"], flush=True)
    if given.docs:
        given.docs.write_text(renew(given.docs.read_text(encoding="utf-8"), made), encoding="utf-8")


if __name__ == "__main__":
    main()
