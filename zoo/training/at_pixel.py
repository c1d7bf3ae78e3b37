"""Samples of another pixel size than the model's: as steep as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from zoo.description import Band, steepness
from zoo.training.samples import Samples, Source


class AtPixel:
    """A source whose elevations are scaled, so that a gradient at the model's pixel size is the one on the ground.

    Parameters
    ----------
    source
        With pixels of its own size.
    bands
        The model's.
    pixel
        The model's, in metres.
    """

    def __init__(self, source: Source, bands: Sequence[Band], pixel: float) -> None:
        self.bands, self.classes = source.bands, source.classes
        self.pixel, self.size = source.pixel, source.size
        self.synthetic: bool | None = getattr(source, "synthetic", None)
        self._source = source
        self._factors = torch.tensor(steepness(bands, pixel, source.pixel)).view(1, -1, 1, 1)

    @property
    def length(self) -> int:
        """Batches in an epoch."""
        return self._source.length

    def epoch(self, number: int) -> Iterator[Samples]:
        """The batches of an epoch."""
        for samples in self._source.epoch(number):
            same = bool((self._factors == 1.0).all())
            yield samples if same else replace(samples, raw=samples.raw * self._factors)
