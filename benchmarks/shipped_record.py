"""What a shipped model says of an input that anybody can write down: recorded once, checked by a test ever after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.shipped_tests import frozen

RECORDS = Path(__file__).parents[1] / "tests" / "zoo" / "shipped"
"""Where records lie, by the name of the model."""

TILES = 50
_BEST = 12


def known_input(description: Any) -> NDArray[np.float32]:
    """One tile (1, bands, y, x) of all bands in closed form, with a bump of phase where the coherence is lower."""
    side = 160
    row, column = np.mgrid[:side, :side].astype(np.float64)
    bump = np.exp(-((row - 70.0) ** 2 + 1.5 * (column - 90.0) ** 2) / 200.0)
    slope = 0.3 + 0.2 * np.sin(column / 40.0)
    unwrapped = 5.0 * bump + 0.02 * column + 0.6 * np.cos(row / 25.0)
    bands = {
        "wrapped_phase": np.angle(np.exp(1j * unwrapped)),
        "unwrapped_phase": unwrapped,
        "displacement": -0.0044 * unwrapped,
        "coherence": 0.7 - 0.3 * bump + 0.05 * np.sin(row / 7.0),
        "intensity": 1.0 + 0.5 * np.sin(row / 11.0) * np.cos(column / 13.0),
        "elevation": description.pixel * (slope * column + 8.0 * np.sin(row / 30.0)),
        "local_incidence": 38.0 + 10.0 * np.sin(column / 40.0),
        "sensitivity": slope,
        "terrain_pc1": np.sin(row / 20.0) + np.cos(column / 30.0),
    }
    return np.stack([bands[name] for name in description.band_names]).astype(np.float32)[None]


def outputs(model: Any) -> dict[str, Any]:
    """What the model says: probabilities on a lattice, or its best boxes before any is suppressed."""
    told, raw = model.description, known_input(model.description)
    if told.task == "masks":
        (found,) = model.runner.run(raw, lambda logits: logits[0, 0].float().sigmoid().cpu().numpy())
        return {"probability": found[::16, ::16].round(5).tolist(), "mean": float(found.mean())}
    from zoo.networks.yolo import decode

    head = model.network[1]
    (found,) = model.runner.run(raw, lambda maps: decode(maps, head.anchors, head.strides))
    best = found.objectness[0].topk(_BEST).indices
    return {
        "objectness": found.objectness[0, best].numpy().round(5).tolist(),
        "boxes": found.boxes[0, best].numpy().round(3).tolist(),
        "classes": found.class_probability[0, best].argmax(1).tolist(),
    }


def score_of_fifty(model: Any, data: Path) -> dict[str, float]:
    """Score on the first 50 plain frozen tiles, with its interval: IoU of masks, AP@0.3 of boxes of any class."""
    import zoo

    scores = zoo.evaluate(model, frozen(model, "plain", data, TILES))
    if isinstance(scores, zoo.scores.MaskScores):
        found = scores.pixels.intervals["iou"]
    else:
        found = scores.any_class[0.3]
    return {"value": found.value, "low": found.low, "high": found.high}


def record(model: Any, data: Path) -> dict[str, Any]:
    """Everything that is recorded of a model."""
    return {
        "model": model.description.name,
        "digest": model.file.digest,
        "outputs": outputs(model),
        "fifty tiles": score_of_fifty(model, data),
    }
