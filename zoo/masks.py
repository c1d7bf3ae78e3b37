"""Masks over a whole stack: a probability for each pixel, without seams, from windows that lie on the map."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.dispatch.lazy import computed_together
from insarfeat.georeference import Axis, Grid
from insarfeat.layers import LAYERS
from insarfeat.tiling import PatchGrid, stitch
from zoo import _kernels
from zoo.inputs import Inputs, Laying
from zoo.runner import Runner

Floats = NDArray[np.float32]

_TOGETHER = 4
"""Windows that a network gets at a time on a processor."""


class _Threshold(NamedTuple):
    threshold: float


_EXCEEDING = Operator(
    "zoo.masks.exceeding",
    _kernels.exceeding,
    inputs=[Raster("probability")],
    outputs=[Result("landslide", "uint8")],
)


def exceeding(probability: Any, threshold: float) -> Any:
    """Mask of a probability: 1 where it is at least the threshold, 0 below, 255 where there is none.

    >>> exceeding(np.array([[0.2, 0.5, np.nan]], "f4"), 0.5)
    array([[  0,   1, 255]], dtype=uint8)
    """
    return _EXCEEDING(probability, parameters=_Threshold(float(threshold)))


class Segmenter:
    """Probabilities for windows of raw bands: what is stitched to a map."""

    def __init__(self, runner: Runner, laying: Laying) -> None:
        self._runner = runner
        self._laying = laying

    def __call__(self, values: Floats) -> Floats:
        """Windows (n, bands that are there, y, x) to probabilities (n, y, x); NaN where a required band is."""
        raw = self._laying.laid(values.swapaxes(0, 1))
        temperature = self._runner.description.temperature
        parts = self._runner.run(
            raw, lambda logits: (logits[:, 0].float() / temperature).sigmoid().cpu().numpy()
        )
        found: Floats = np.concatenate(parts)
        found[~self._laying.known(raw)] = np.nan
        return found


def predicted_masks(runner: Runner, inputs: Inputs, threshold: float) -> xr.Dataset:
    """Probability and mask of all pairs of a stack, lazy."""
    size = runner.description.patch
    grid = anchored_windows(inputs.grid, inputs.bands, size)
    probability = stitch(
        Segmenter(runner, inputs.laying), grid, of=inputs.bands, channels=0, batch=_batch(runner)
    )
    mask = exceeding(probability, threshold)
    shared = computed_together([probability.data, mask.data])
    layers = {
        name: layer.copy(data=data)
        for name, layer, data in zip(
            ("landslide_probability", "landslide"), (probability, mask), shared, strict=True
        )
    }
    return xr.Dataset({name: layer.assign_attrs(LAYERS[name].attributes) for name, layer in layers.items()})


def anchored_windows(grid: Grid, raster: Any, size: int) -> PatchGrid:
    """Windows that overlap by half and begin at whole multiples of that from the map's origin.

    So any part of a map is looked at through the same windows as the whole of it.
    """
    stride = size // 2
    origin = (-first_pixel(grid.y), -first_pixel(grid.x))
    return PatchGrid(raster, size, stride, edge="pad", origin=origin)


def first_pixel(axis: Axis) -> int:
    """Number of the first pixel, counted along the map from where its coordinate is 0."""
    # Pixel centres are mostly at halves or at whole numbers of pixels: neither may be rounded this way and that.
    return math.floor(axis.first / axis.step + 0.25)


def _batch(runner: Runner) -> int:
    """Windows at a time: on a GPU as many as keep it busy; what does not fit is halved there."""
    if runner.device.type == "cpu":
        return _TOGETHER
    return max(_TOGETHER, (1 << 22) // runner.description.patch**2)
