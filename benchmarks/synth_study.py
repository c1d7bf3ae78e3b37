"""Synthetic scenes, for docs/synthetic.md: tiles a second, statistics, and the frozen test sets.

``python -m benchmarks.synth_study speed --docs docs/synthetic.md`` (a minute), ``statistics``, ``detectors``;
and ``freeze`` makes the test sets and writes down what was counted in them (four minutes on two cores). All but
``speed`` need the DEMs of ``--data``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pages import renew, table
from insarfeat import synth
from insarfeat.synth import frozen
from insarfeat.synth.classical import DETECTORS, Operating, ThresholdScan
from insarfeat.synth.tiles import Tile

_MANIFEST = Path(frozen.__file__).with_name("frozen.json")
_DATA = Path(os.environ.get("INSARFEAT_TEST_DATA", "../shared/data"))
_ROUNDS = 4


def speed(device: str) -> list[list[str]]:
    """Tiles a second, ground included: medians of rounds in which sizes take turns."""
    import torch
    from threadpoolctl import threadpool_limits

    # One core is measured: what a library's own threads would add is not counted.
    torch.set_num_threads(1)
    threadpool_limits(1)
    count = 64 if device == "cpu" else 256
    makers: dict[int, Iterator[synth.Batch]] = {
        size: synth.batches(count, size, seed=1, device=device) for size in (160, 256)
    }
    rates: dict[int, list[float]] = {size: [] for size in makers}
    for made in makers.values():
        next(made)  # compiles, and makes the first places
    for _ in range(_ROUNDS):
        for size, made in makers.items():
            started = time.perf_counter()
            batch = next(made)
            if device != "cpu":
                torch.cuda.synchronize()
            rates[size].append(count / (time.perf_counter() - started))
            del batch
    return [
        [f"{size} x {size}", f"{statistics.median(rate):.0f}", f"{min(rate):.0f} to {max(rate):.0f}"]
        for size, rate in rates.items()
    ]


def described(data: Path, count: int = 200) -> list[list[str]]:
    """Statistics of tiles as networks see them, beside what they should be."""
    tiles = list(frozen.frozen_set("detector-plain").made(data, last=count))
    coherence = np.concatenate([tile.bands["coherence"].ravel() for tile in tiles])
    slides = [[sighting for sighting in tile.sightings if sighting.feature.is_slide] for tile in tiles]
    kinds = Counter(sighting.kind for found in slides for sighting in found)
    total = sum(kinds.values())
    return [
        ["mean of the estimated coherence", f"{coherence.mean():.2f}", "0.45 +- 0.05"],
        ["coherence under 0.2", f"{(coherence < 0.2).mean():.0%}", "15 % +- 5"],
        ["tiles without any slide", f"{np.mean([not found for found in slides]):.0%}", "25 to 30 %"],
        *[[f"slides that are {kind}", f"{kinds[kind] / total:.0%}", ""] for kind in sorted(kinds)],
        ["landslide pixels", f"{np.mean([tile.bands['landslide'].mean() for tile in tiles]):.2%}", ""],
    ]


def freeze(data: Path) -> dict[str, Any]:
    """Make all test sets, write down what is in them, and score the classical detectors on them."""
    with ProcessPoolExecutor() as pool:
        made = pool.map(partial(_frozen, data), frozen.FROZEN)
        return {"generator": frozen.generator_digest(), "sets": dict(zip(frozen.FROZEN, made, strict=True))}


def _frozen(data: Path, name: str) -> dict[str, Any]:
    chosen, census = frozen.frozen_set(name), frozen.Census()
    first: dict[str, Any] = {}
    scans = {detector: ThresholdScan(DETECTORS[detector].edges) for detector in DETECTORS}
    for number, tile in enumerate(chosen.made(data)):
        census.add(tile)
        _score(tile, scans)
        if number + 1 == frozen.CHECKED:
            first = census.counted()
        if number % 100 == 99:
            print(f"{name}: {number + 1} tiles", flush=True)
    best = {detector: _by_name(scan.best()) for detector, scan in scans.items()}
    return {"seed": chosen.seed, "first": first, "all": census.counted(), "classical detectors": best}


def _by_name(operating: Operating) -> dict[str, float]:
    """Threshold and scores by name."""
    return {each.name: float(getattr(operating, each.name)) for each in fields(operating)}


def _score(tile: Tile, scans: dict[str, ThresholdScan]) -> None:
    bands = {name: tile.bands[name][np.newaxis] for name in ("wrapped_phase", "coherence")}
    truth, valid = (tile.bands[name][np.newaxis] > 0.5 for name in ("landslide", "valid_mask"))
    for detector, scan in scans.items():
        scan.add(DETECTORS[detector](bands, tile.pixel), truth, valid)


def detectors() -> list[list[str]]:
    """Scores of the classical detectors, each with its best threshold, on the test sets, as freezing found them."""
    return [
        [name, detector, *(f"{scores[score]:.3f}" for score in ("iou", "f1", "precision", "recall"))]
        for name, written in frozen.manifest()["sets"].items()
        for detector, scores in written["classical detectors"].items()
    ]


def main() -> None:
    """Run one study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "statistics", "detectors", "freeze"))
    parser.add_argument("--data", type=Path, default=_DATA, help="folder with dem_srtm3 and dem_davos_srtm1")
    parser.add_argument("--device", default="cpu", help="of speed: cpu or cuda")
    parser.add_argument("--docs", type=Path, help="page whose table is renewed")
    chosen = parser.parse_args()
    if chosen.what == "freeze":
        _MANIFEST.write_text(json.dumps(freeze(chosen.data), indent=1) + "\n", encoding="utf-8")
        return
    headings, rows = {
        "speed": lambda: (["tile", "tiles a second", "range"], speed(chosen.device)),
        "statistics": lambda: (["", "measured", "wanted"], described(chosen.data)),
        "detectors": lambda: (
            ["test set", "detector", "IoU", "F1", "precision", "recall"],
            detectors(),
        ),
    }[chosen.what]()
    lines = table(headings, rows)
    print(lines)
    if chosen.docs:
        page = renew(chosen.docs.read_text(encoding="utf-8"), {chosen.what: lines})
        chosen.docs.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
