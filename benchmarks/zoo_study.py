"""How fast models run, for docs/models.md.

``python -m benchmarks.zoo_study speed --docs docs/models.md`` (two minutes) measures ``predict`` on one core, with
weights by chance: what a network has learned does not change how long it takes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.pages import renew, table

_ROUNDS = 5
_SIDE = 1024


def speed() -> list[list[str]]:
    """Megapixels of windows a second through ``predict``, and through the network alone; medians of rounds."""
    return [
        _speed_of(recipe, precision)
        for recipe in ("segformer-b0-synth", "yolo-s-synth")
        for precision in ("bfloat16", "float32")
    ]


def _speed_of(name: str, precision: str) -> list[str]:
    import torch

    import zoo
    from zoo.boxes import CORE, AnchoredWindows
    from zoo.inputs import opened, prepared
    from zoo.masks import anchored_windows

    with tempfile.TemporaryDirectory() as folder:
        model = _by_chance(name, Path(folder), precision)
    description = model.description
    side = CORE if description.task == "boxes" else _SIDE
    stack = _stack(description, side)
    inputs = prepared(description, opened(stack, None), resample=False)
    if description.task == "masks":
        windows: Any = anchored_windows(inputs.grid, inputs.bands, description.patch)
        pixels = len(windows) * description.patch**2
        raw = np.zeros((8, len(description.bands), description.patch, description.patch), np.float32)

        def whole() -> None:
            model.predict(stack).compute(scheduler="synchronous")
    else:
        pixels = sum(tile.outer.pixels for tile in AnchoredWindows(inputs))
        raw = np.zeros((1, len(description.bands), side, side), np.float32)

        def whole() -> None:
            model.predict(stack, threshold=1.0, scheduler=1)

    assert isinstance(model, zoo.MaskModel | zoo.BoxModel)
    assert torch.get_num_threads() == 1
    through = _rates(whole, pixels)
    alone = _rates(lambda: model.runner.run(raw, lambda found: None), raw[:, 0].size)
    low, high = min(through), max(through)
    return [
        f"{name}, {len(description.bands)} bands",
        precision,
        f"{statistics.median(through):.2f} ({low:.2f} to {high:.2f})",
        f"{statistics.median(alone):.2f}",
    ]


def _rates(call: Callable[[], Any], pixels: int) -> list[float]:
    """Megapixels a second, round by round; the first round, which compiles and plans, is not counted."""
    found = []
    for _ in range(_ROUNDS + 1):
        started = time.perf_counter()
        call()
        found.append(pixels / (time.perf_counter() - started) / 1e6)
    return found[1:]


def _by_chance(name: str, folder: Path, precision: Any) -> Any:
    """A model of a recipe that has learned nothing."""
    import torch

    import zoo
    from zoo.networks.assembly import assembled
    from zoo.training import Recipe
    from zoo.training.outset import asked
    from zoo.weights import save_weights

    torch.manual_seed(0)
    recipe = Recipe.named(name)
    description = zoo.ModelDescription(**asked(recipe), options=recipe.options, patch=recipe.patch)
    path = folder / f"{description.name}.safetensors"
    save_weights(path, assembled(description).state_dict(), description)
    return zoo.load(path, device="cpu", precision=precision)


def _stack(description: Any, side: int) -> xr.Dataset:
    """Bands by chance on a map."""
    rng = np.random.default_rng(0)
    pixel = description.pixel
    coords = {"y": 5e6 - pixel * np.arange(side), "x": 5e5 + pixel * np.arange(side)}
    layers = {
        name: (("y", "x"), rng.uniform(0, 1, (side, side)).astype("f4")) for name in description.band_names
    }
    return xr.Dataset(layers, coords)


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["speed"])
    parser.add_argument("--docs", type=Path, help="page whose table is renewed")
    given = parser.parse_args()
    # One core is measured; libraries ask for how many there are when they are imported.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    made = table(["model", "arithmetic", "Mpx/s through predict", "network alone"], speed())
    print(made)
    if given.docs:
        page = renew(given.docs.read_text(encoding="utf-8"), {given.what: made})
        given.docs.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
