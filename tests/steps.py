"""Steps over whole rasters for the tests of stages, in a module that other processes can import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from insarfeat.dispatch import Barrier
from insarfeat.dispatch.lazy import deferred, value_of
from insarfeat.tiling import TileWork, Workshop


def _sums(work: TileWork, _: Any) -> tuple[float, float, int]:
    (pixels,) = work.read()
    valid = pixels[~np.isnan(pixels)].astype(float)
    return float(valid.sum()), float((valid**2).sum()), len(valid)


def _score(work: TileWork, known: tuple[float, float]) -> None:
    (pixels,) = work.read()
    mean, deviation = known
    work.write(0, ((pixels - mean) / deviation).astype("f4"))


@dataclass(frozen=True)
class Standardised:
    """Values as deviations from the mean of the whole raster: two passes, the second knows the first's result."""

    def run(self, workshop: Workshop) -> None:
        parts = np.array(list(workshop.each_tile("sums", _sums)))
        total, squares, count = parts.sum(axis=0)
        mean = total / count
        known = (mean, float(np.sqrt(squares / count - mean**2)))
        workshop.each_tile("scores", _score, known)


def standardised(array: Any) -> Any:
    """The step on a lazy raster, as a lazy raster that a plan can run."""
    (value, _) = value_of(array)
    (result,) = deferred(Barrier(Standardised(), [value], ["f4"], name="standardised"), array)
    return result
