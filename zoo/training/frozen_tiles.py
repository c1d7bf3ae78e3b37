"""The frozen test sets of the generator, as samples: what models of this zoo are judged by."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from insarfeat.synth import Batch
from insarfeat.synth.frozen import FrozenSet, frozen_set
from insarfeat.synth.tiles import Tile
from zoo.training.samples import Samples, samples_of


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A batch of a frozen set: samples, and the tiles that they are of, with all that is known of their slides."""

    samples: Samples
    tiles: Sequence[Tile]


class FrozenSamples:
    """A frozen test set, made again from its seed, tile by tile.

    Parameters
    ----------
    which
        A name of :data:`insarfeat.synth.frozen.FROZEN`, as "detector-plain", or a set of one's own.
    data
        Folder with the DEMs that the set stands on.
    bands, classes
        As for :class:`zoo.training.samples.SyntheticSamples`. A band that tiles of some pixel sizes do not have is
        missing in those.
    pixel
        Pixel size in metres at which elevations are as steep as on the ground: the model's.
    tiles
        How many of the set, from the first one on; all by default.
    batch
        Tiles in a batch.
    """

    synthetic = True

    def __init__(
        self,
        which: str | FrozenSet,
        data: str | os.PathLike[str],
        bands: Sequence[str],
        classes: Sequence[str],
        *,
        pixel: float,
        tiles: int | None = None,
        batch: int = 16,
    ) -> None:
        self._set = frozen_set(which) if isinstance(which, str) else which
        self._data = Path(data)
        self.bands, self.classes = tuple(bands), tuple(classes)
        self.pixel, self.size = float(pixel), self._set.size
        self._tiles = self._set.tiles if tiles is None else min(tiles, self._set.tiles)
        self._batch = batch

    @property
    def length(self) -> int:
        """Batches of the set."""
        return -(-self._tiles // self._batch)

    def epoch(self, number: int) -> Iterator[Samples]:
        """The set, in its order, whatever the epoch."""
        return (look.samples for look in self.looks())

    def looks(self) -> Iterator[Look]:
        """The batches of the set together with their tiles."""
        tiles = self._set.made(self._data, last=self._tiles)
        while some := list(islice(tiles, self._batch)):
            yield Look(samples_of(_batch_of(some), [tile.pixel for tile in some], self), some)


def _batch_of(tiles: Sequence[Tile]) -> Batch:
    names = dict.fromkeys(name for tile in tiles for name in tile.bands)
    nothing = np.full_like(tiles[0].bands["landslide"], np.nan)
    bands = {
        name: torch.from_numpy(np.stack([tile.bands.get(name, nothing) for tile in tiles])) for name in names
    }
    return Batch(bands, [tile.sightings for tile in tiles], [tile.conditions for tile in tiles])
