"""A plan of some seconds, to be killed: ``python runner_of_a_long_plan.py OUT``. Prints a line per tile."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import steps
import xarray as xr
from contract import labelled

import insarfeat
from insarfeat import terrain
from insarfeat.dispatch import GeneratedSource
from insarfeat.dispatch.lazy import lazy_source
from insarfeat.windows import Shape, Window


def heights(window: Window) -> np.ndarray:
    """Hills, and some time to make them."""
    time.sleep(0.02)
    rows = np.arange(window.top, window.bottom)[:, None]
    columns = np.arange(window.left, window.right)[None, :]
    return (100 * np.sin(rows / 30) * np.cos(columns / 40)).astype("f4")


def main() -> None:
    source = GeneratedSource(heights, Shape(700, 500), "f4", name="hills-of-the-resume-test")
    dem = labelled(lazy_source(source, ((700,), (500,))), "elevation")
    scores = dem.copy(data=steps.standardised(dem.data)).rename("scores")
    layers = xr.Dataset({"slope": terrain.slope(dem), "elevation": dem, "scores": scores})

    def tell(progress: insarfeat.tiling.Progress) -> None:
        if progress.done:
            print(progress.stage.split("/")[-1], progress.done, progress.total, flush=True)

    insarfeat.plan(layers, tile=128).run(Path(sys.argv[1]), overwrite=True, progress=tell)


if __name__ == "__main__":
    main()
