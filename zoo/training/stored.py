"""Synthetic tiles on disk: made once, read many times.

A folder has one folder for each part, with a description and shards. A shard holds all layers of the tiles of one
place, so that any choice of bands can be read later, and everything that is true of them. Shards appear when they are
whole. Each follows from the seed and its own number alone: what is cut short is made again as it would have been.
"""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, MissingInput, RunFailed, UnreadableInput
from insarfeat.synth.arguments import check_range, check_whole
from insarfeat.synth.classes import chosen_classes
from insarfeat.synth.dems import Part
from insarfeat.synth.frozen import generator_digest
from insarfeat.synth.tiles import Recipe, Tile, make_place, make_tile
from insarfeat.tiling import bucket_weights
from zoo.training.labelled import Samples, Truth, labelled
from zoo.training.samples import INPUTS, SyntheticOptions, check_synthetic
from zoo.training.shards import (
    ABOUT,
    FLAGS,
    KIND_SHIFT,
    Shard,
    facts_in,
    mark_of,
    read_json,
    write_json,
    write_shard,
)

FORMAT = 1
"""Version of the layout of a folder."""

Numbers = NDArray[np.int64]

_MIXED = 24  # shards
_AHEAD = 512  # tiles: half a minute of training


def store_samples(
    options: SyntheticOptions,
    folder: str | Path,
    count: int,
    *,
    size: int,
    pixel: float,
    seed: int,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Make synthetic tiles and store them, or go on where that was interrupted.

    Parameters
    ----------
    options
        What tiles are drawn from. Tiles of ``options.part`` go into the folder of that name.
    folder
        For all parts.
    count
        Tiles. More than there are already: the others are made.
    size, pixel
        Pixels of a tile, and metres of a pixel.
    seed
        Decides, together with the part, what is drawn.
    workers
        Processes.
    progress
        Called with the tiles that are there and those that are to be.

    Returns
    -------
    Path
        The folder of the part.
    """
    for name, value, least in (
        ("count", count, 1),
        ("size", size, 32),
        ("seed", seed, 0),
        ("workers", workers, 1),
    ):
        check_whole(name, value, least=least)
    for each in (pixel, *options.pixels):
        check_range("pixel", each, 5.0, 60.0, "metres")
    target = Path(folder) / options.part
    making = _Making(options, size, float(pixel), seed)
    _describe(target, making, count)
    for left in target.glob("*.new"):
        shutil.rmtree(left)
    tasks = [
        (number, want)
        for number, want in enumerate(_shares(count, options.tiles_a_place))
        if len(facts_in(_shard(target, number))) != want
    ]
    done = count - sum(want for _, want in tasks)
    for finished in _run(partial(_make_shard, making, target), tasks, workers):
        done += finished
        if progress is not None:
            progress(done, count)
    return target


class StoredSamples:
    """Tiles that :func:`store_samples` has written, in another order each epoch.

    Parameters
    ----------
    folder
        The one that was given to :func:`store_samples`.
    bands, classes
        As for :class:`zoo.training.samples.SyntheticSamples`.
    batch
        Tiles in a batch; those of an epoch are shared out evenly, and none is left out.
    part
        Of the folder.
    seed
        Together with the number of the epoch it gives the order.
    weights
        Shares of tiles with no, small, medium and large slides, as for :class:`zoo.training.samples.PatchSamples`.

    Attributes
    ----------
    facts
        For each tile its pixel size, its conditions, and for each slide or artefact its class, kind, box, area,
        speed, displacement and the share that shows.
    generator
        Digest of the generator that made the tiles.
    """

    synthetic = True

    def __init__(
        self,
        folder: str | Path,
        bands: Sequence[str],
        classes: Sequence[str],
        *,
        batch: int,
        part: Part = "train",
        seed: int = 0,
        weights: Sequence[float] | None = None,
    ) -> None:
        check_whole("batch", batch, least=1)
        check_whole("seed", seed, least=0)
        self._folder = Path(folder) / part
        about = _read_about(self._folder)
        self.bands, self.classes = tuple(bands), tuple(classes)
        self.pixel, self.size = float(about["pixel"]), int(about["size"])
        check_synthetic(self.bands, self.classes, about["pixels"] or [self.pixel])
        self.generator: str = about["generator"]
        self._batch, self._seed = batch, seed
        shares = _shares(about["count"], about["tiles_a_place"])
        self.facts = tuple(
            fact for number in range(len(shares)) for fact in facts_in(_shard(self._folder, number))
        )
        if len(self.facts) != about["count"]:
            raise UnreadableInput(
                f"{self._folder.name} holds {len(self.facts)} of {about['count']} tiles; store_samples makes the rest"
            )
        self._at_place = int(about["tiles_a_place"])
        self._shards: dict[int, Shard] = {}
        self._weights = None if weights is None else _weights(self.facts, weights)

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def length(self) -> int:
        """Batches in an epoch."""
        return -(-len(self) // self._batch)

    def epoch(self, number: int) -> Iterator[Samples]:
        """The batches of an epoch, in an order of its own.

        Shards come in random order, and the tiles of two dozen at a time are mixed: so a disk reads in long runs what
        is needed next, and tiles may be far more than memory holds.
        """
        random = np.random.default_rng((self._seed, number))
        if self._weights is not None:
            order = random.choice(len(self), len(self), p=self._weights)
            return (self.read(chosen) for chosen in np.array_split(order, self.length))
        tiles = np.arange(len(self))
        shards = random.permutation(-(-len(self) // self._at_place))
        mixed = [
            random.permutation(tiles[np.isin(tiles // self._at_place, some)])
            for some in np.array_split(shards, -(-len(shards) // _MIXED))
        ]
        return self._read_on(np.concatenate(mixed))

    def _read_on(self, order: Numbers) -> Iterator[Samples]:
        """Batches in an order; what comes next is asked for before it is needed."""
        asked: set[int] = set()
        first = 0
        for chosen in np.array_split(order, self.length):
            ahead = np.unique(order[first : first + _AHEAD] // self._at_place)
            for shard in [each for each in ahead.tolist() if each not in asked]:
                self._shard_of(shard * self._at_place).ask_for()
                asked.add(shard)
            first += len(chosen)
            yield self.read(chosen)

    def read(self, chosen: Numbers) -> Samples:
        """Tiles by their numbers."""
        raw = np.empty((len(chosen), len(self.bands), self.size, self.size), np.float32)
        flags = np.empty((len(chosen), self.size, self.size), np.uint8)
        marks = []
        for row, number in enumerate(chosen.tolist()):
            shard, place, fact = self._shard_of(number), number % self._at_place, self.facts[number]
            for index, name in enumerate(self.bands):
                raw[row, index] = shard.layer(place, name)
                if name == "elevation":  # as steep at the folder's pixel size as at that of the tile
                    raw[row, index] *= np.float32(self.pixel / fact["pixel"])
            flags[row] = shard.truth[place]
            marks.append([mark_of(slide) for slide in fact["slides"] if slide["box"]])
        landslide, valid, artefact = (
            torch.from_numpy(flags & FLAGS[name] > 0) for name in ("landslide", "valid_mask", "artefact")
        )
        truth = Truth(landslide, valid, artefact, torch.from_numpy(flags >> KIND_SHIFT), marks)
        return labelled(torch.from_numpy(raw), truth, self.classes)

    def _shard_of(self, number: int) -> Shard:
        shard = number // self._at_place
        if shard not in self._shards:
            self._shards[shard] = Shard.open(_shard(self._folder, shard))
        return self._shards[shard]


@dataclass(frozen=True, slots=True)
class _Making:
    """What tiles follow from, beside their numbers."""

    options: SyntheticOptions
    size: int
    pixel: float
    seed: int

    def tiles(self, shard: int, count: int) -> Iterator[Tile]:
        """The first tiles of a shard; the same however many are asked for."""
        options = self.options
        pixels = options.pixels or (self.pixel,)
        pixel = float(pixels[shard % len(pixels)])
        style, classes = options.style_of(self.size, pixel), chosen_classes(options.slides)
        recipe = Recipe(self.size, pixel, style, classes, frozenset(), options.folder())
        origin = (self.seed, get_args(Part).index(options.part), shard)
        place = make_place(np.random.default_rng(origin), recipe, options.tiles_a_place)
        for number in range(count):
            yield make_tile(np.random.default_rng((*origin, number)), recipe, place)

    def about(self, count: int) -> dict[str, Any]:
        """What the folder says of itself."""
        options, dems = self.options, self.options.folder()
        return {
            "format": FORMAT,
            "generator": generator_digest(),
            "seed": self.seed,
            "part": options.part,
            "count": count,
            "size": self.size,
            "pixel": self.pixel,
            "pixels": list(options.pixels),
            "tiles_a_place": options.tiles_a_place,
            "style": repr(options.style_of(self.size, self.pixel)),
            "dems": [] if dems is None else list(dems.files),
            "slides": sorted(chosen_classes(options.slides)),
            "layers": list(INPUTS),
        }


def _make_shard(making: _Making, target: Path, task: tuple[int, int]) -> int:
    """Make one shard and put it into its place; gives its number of tiles."""
    number, count = task
    write_shard(_shard(target, number), making.tiles(number, count), count, making.size)
    return count


def _describe(target: Path, making: _Making, count: int) -> None:
    """Write down what the folder holds; refuse to mix it with what it holds already."""
    about = making.about(count)
    if (target / ABOUT).exists():
        there = _read_about(target)
        other = [name for name in about if name != "count" and there.get(name) != about[name]]
        if other:
            raise InvalidArgument(
                f"folder {target} holds tiles with another {', '.join(other)}; give another folder, or remove it"
            )
        if there["count"] > count:
            raise InvalidArgument(
                f"count is {count}, and folder {target} holds {there['count']} tiles; give another folder"
            )
    target.mkdir(parents=True, exist_ok=True)
    write_json(target / ABOUT, about)


def _read_about(target: Path) -> dict[str, Any]:
    path = target / ABOUT
    if not path.exists():
        raise MissingInput(f"{target} holds no stored tiles (no {ABOUT}); store_samples makes them")
    about: dict[str, Any] = read_json(path)
    if about.get("format") != FORMAT:
        raise UnreadableInput(
            f"{path} is of format {about.get('format')!r}, and this version reads {FORMAT}; store the tiles again"
        )
    return about


def _shard(target: Path, number: int) -> Path:
    return target / f"shard-{number:05d}"


def _shares(count: int, each: int) -> list[int]:
    """Tiles of each shard.

    >>> _shares(10, 4)
    [4, 4, 2]
    """
    return [min(each, count - first) for first in range(0, count, each)]


def _run(
    work: Callable[[tuple[int, int]], int], tasks: Sequence[tuple[int, int]], workers: int
) -> Iterator[int]:
    """Results of all tasks in their order."""
    if workers == 1 or len(tasks) < 2:
        yield from map(work, tasks)
        return
    # Started anew: torch's threads do not live on in a forked process.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(min(workers, len(tasks)), context) as pool:
            yield from pool.map(work, tasks)
    except BrokenProcessPool as error:
        raise RunFailed(
            "a process that makes tiles was ended, for want of memory perhaps; what is stored is kept: run it again, "
            "with fewer workers"
        ) from error


def _weights(facts: Sequence[dict[str, Any]], shares: Sequence[float]) -> NDArray[np.float64]:
    """Chance of each tile to be drawn."""
    import pandas as pd

    table = pd.DataFrame({"label_pixels": [fact["label_pixels"] for fact in facts]})
    return bucket_weights(table, tuple(shares)).weights
