"""Endless batches of labelled tiles as torch tensors, made on the CPU or on a GPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from insarfeat.errors import InvalidArgument, MissingExtra
from insarfeat.synth.arguments import check_range, check_whole
from insarfeat.synth.classes import chosen_classes
from insarfeat.synth.dems import DemFolder
from insarfeat.synth.slides import Sighting
from insarfeat.synth.style import Conditions, Style, chosen_style
from insarfeat.synth.tiles import Place, Recipe, draw_sitting, make_place, make_tile

_TILES_A_PLACE = 96  # cut from one ground, each with slides, air, cover and noise of its own
_PLACES = 4  # at hand at a time, so that a batch shows several


@dataclass(frozen=True, slots=True)
class Batch:
    """Labelled tiles.

    Attributes
    ----------
    bands
        Layers of both stacks and the truth (``landslide``, ``valid_mask``, ``landslide_kind``, ``artefact``)
        by name: float32 tensors (samples, rows, columns) in the units of :data:`insarfeat.layers.LAYERS`.
    sightings
        For each sample what lies in it: class, kind, box in pixels of the tile, area, speed.
    conditions
        How each sample was seen.
    """

    bands: dict[str, Any]
    sightings: list[list[Sighting]]
    conditions: list[Conditions]


def batches(
    n: int,
    size: int = 160,
    *,
    pixel: float = 15.0,
    seed: int = 0,
    style: Style | str = "plain",
    ground: Any = None,
    classes: Iterable[str] | None = None,
    device: Any = "cpu",
) -> Iterator[Batch]:
    """Make batches of labelled tiles without end, drawn as scenes are.

    On the CPU, tiles come from the same functions as :func:`insarfeat.synth.scene`, on a GPU from the same formulas
    in torch. The ground comes from a few places at a time, from each of which 96 tiles are cut; slides, air, land
    cover, noise and filter are new in each. Synthetic tiles: what a network scores on them is no score on real ones.

    Parameters
    ----------
    n
        Tiles in a batch.
    size
        Rows and columns of a tile.
    pixel
        Pixel size in metres.
    seed
        The same seed gives the same batches, on the same kind of device.
    style
        As for :func:`insarfeat.synth.scene`. Slides are counted by its ``cell``, as many as fit into a tile.
    ground
        Folder of DEMs (or :class:`DemFolder`), of which ``style.real`` of the places are pieces; None: procedural.
    classes
        Codes of the landslides that may occur; all by default.
    device
        Where the tensors are made and lie: "cpu", "cuda", or a ``torch.device``.

    Yields
    ------
    Batch

    Examples
    --------
    >>> batch = next(batches(2, 48, seed=1))  # doctest: +SKIP
    >>> batch.bands["wrapped_phase"].shape  # doctest: +SKIP
    torch.Size([2, 48, 48])
    """
    try:
        import torch
    except ImportError:
        raise MissingExtra("batches needs torch: pip install insarfeat[zoo]") from None
    recipe = _recipe(n, size, pixel, style, ground, classes)
    check_whole("seed", seed, least=0)
    target = torch.device(device)
    return _on_cpu(n, recipe, seed) if target.type == "cpu" else on_device(n, recipe, seed, target)


def _recipe(
    n: int, size: int, pixel: float, style: Style | str, ground: Any, classes: Iterable[str] | None
) -> Recipe:
    """What the tiles are made of."""
    check_whole("n", n, least=1)
    check_whole("size", size, least=32)
    check_range("pixel", pixel, 5.0, 60.0, "metres")
    chosen = chosen_style(style)
    if chosen.looks == 1.0:
        raise InvalidArgument("style has single-look images; tiles are multilooked: give looks of 3 or more")
    folder = ground if ground is None or isinstance(ground, DemFolder) else DemFolder(ground)
    return Recipe(size, float(pixel), chosen, chosen_classes(classes), frozenset(), folder)


def places_in_turn(rng: np.random.Generator, recipe: Recipe) -> Iterator[Place]:
    """Places to cut tiles from, without end: a few at a time, one of which is replaced now and then."""
    places = [make_place(rng, recipe, _TILES_A_PLACE) for _ in range(_PLACES)]
    while True:
        for _ in range(_TILES_A_PLACE):
            yield places[int(rng.integers(_PLACES))]
        places = [*places[1:], make_place(rng, recipe, _TILES_A_PLACE)]


def _on_cpu(n: int, recipe: Recipe, seed: int) -> Iterator[Batch]:
    """Tiles one by one: what is worked on stays in the processor's caches."""
    import torch

    for_places, for_tiles = np.random.default_rng((seed, 0xBA)).spawn(2)
    places = places_in_turn(for_places, recipe)
    while True:
        tiles = [make_tile(for_tiles, recipe, next(places)) for _ in range(n)]
        bands = {
            name: torch.from_numpy(np.stack([tile.bands[name] for tile in tiles])) for name in tiles[0].bands
        }
        yield Batch(bands, [tile.sightings for tile in tiles], [tile.conditions for tile in tiles])


def on_device(n: int, recipe: Recipe, seed: int, device: Any) -> Iterator[Batch]:
    """Tiles of a batch all at once, by the same formulas in torch."""
    import torch

    from insarfeat.synth.on_device import Bench

    for_places, for_sittings = np.random.default_rng((seed, 0xBA)).spawn(2)
    bench = Bench(torch.Generator(device).manual_seed(seed), recipe)
    places = places_in_turn(for_places, recipe)
    with torch.no_grad():
        while True:
            chosen = [next(places) for _ in range(n)]
            yield Batch(*bench.make(chosen, [draw_sitting(for_sittings, recipe, place) for place in chosen]))
