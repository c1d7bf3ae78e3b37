"""Training tiles: many looks at one place, each with its own slides, air, land cover and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from insarfeat import terrain
from insarfeat.synth.dems import DemFolder
from insarfeat.synth.fields import Field, TileDraws
from insarfeat.synth.ground import Ground, Land, Surface
from insarfeat.synth.grounds import piece_of
from insarfeat.synth.layers import Seen, phase_layers
from insarfeat.synth.observation import observe
from insarfeat.synth.placing import REACH, Feature, Placing
from insarfeat.synth.slides import Look, Sighting
from insarfeat.synth.style import Conditions, Style, draw_conditions
from insarfeat.synth.terrain import EndlessMountains
from insarfeat.windows import Window

MARGIN = 16
"""Pixels made about a tile and cut away, so that filters have what they need at its edges."""

_COMPOSITE_PIXEL = 15.0  # metres
_BASIN = 1000.0  # metres of ground about a place from which water runs into it


@dataclass(frozen=True, slots=True)
class Recipe:
    """What tiles are made of: the size in pixels, the pixel size in metres, and what is drawn from what."""

    size: int
    pixel: float
    style: Style
    classes: frozenset[str]
    without: frozenset[str]
    folder: DemFolder | None = None

    @property
    def side(self) -> int:
        """Pixels of a tile with its margin."""
        return self.size + 2 * MARGIN


@dataclass(frozen=True, slots=True)
class Place:
    """Ground that tiles are cut from, with the view that all of them share.

    Attributes
    ----------
    ground, surface
        Of the place.
    terrain_pc1
        The layer, at pixel sizes that its reference composite is made for (about 15 m).
    conditions
        Whose view it is.
    """

    ground: Ground
    surface: Surface
    terrain_pc1: Field | None
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class Tile:
    """One labelled tile.

    Attributes
    ----------
    bands
        Layers of both stacks and the truth, (rows, columns), by name.
    sightings
        Slides and artefacts of it; boxes count from the tile's first pixel.
    conditions
        How it was seen.
    pixel
        Metres.
    """

    bands: dict[str, npt.NDArray[np.float32]]
    sightings: list[Sighting]
    conditions: Conditions
    pixel: float


def make_place(rng: np.random.Generator, recipe: Recipe, tiles: int) -> Place:
    """Make ground that is large enough for ``tiles`` tiles to differ."""
    side = round(recipe.side * min(max(math.sqrt(tiles) / 2.0, 1.5), 3.0))
    seed = int(rng.integers(2**32))
    conditions = draw_conditions(recipe.style, rng, classes=recipe.classes, without=recipe.without)
    if recipe.folder is not None and rng.uniform() < recipe.style.real:
        relief, _ = piece_of(recipe.folder, rng, size=side, pixel=recipe.pixel, style=recipe.style, seed=seed)
        land = Land(relief, recipe.pixel, conditions)
    else:
        land = Land(
            EndlessMountains(seed, recipe.pixel, recipe.style.draw_relief(rng)), recipe.pixel, conditions
        )
    whole = Window(0, 0, side, side)
    return Place(
        ground=land.ground(whole),
        surface=land.surface(whole.grown(math.ceil(REACH / recipe.pixel))),
        terrain_pc1=_composite(land, whole),
        conditions=conditions,
    )


def _composite(land: Land, window: Window) -> Field | None:
    """Terrain composite of a window; None at pixels that the reference was not made for."""
    if abs(land.pixel / _COMPOSITE_PIXEL - 1.0) > 0.1:
        return None
    basin = math.ceil(_BASIN / land.pixel)
    composite = terrain.terrain_pc1(land.elevation(window.grown(basin)), resolution=land.pixel)
    return np.asarray(composite[basin:-basin, basin:-basin])


@dataclass(frozen=True, slots=True)
class Sitting:
    """What one tile will be: where in the place, under which conditions, with which slides."""

    window: Window
    conditions: Conditions
    features: list[Feature]


def draw_sitting(rng: np.random.Generator, recipe: Recipe, place: Place) -> Sitting:
    """Draw one tile of a place."""
    room = place.ground.elevation.shape[0] - recipe.side
    top, left = (int(value) for value in rng.integers(0, room + 1, 2))
    window = Window(top, left, recipe.side, recipe.side)
    fresh = draw_conditions(recipe.style, rng, classes=recipe.classes, without=recipe.without)
    conditions = replace(fresh, incidence=place.conditions.incidence, heading=place.conditions.heading)
    placing = Placing(0, recipe.pixel, recipe.style, conditions)
    features = [
        feature
        for cell in _cells(
            window.grown(-MARGIN), max(1, round(recipe.size * recipe.pixel / recipe.style.cell))
        )
        for feature in placing.draw(rng, cell, place.surface)
    ]
    return Sitting(window, conditions, features)


def _cells(window: Window, count: int) -> list[Window]:
    """A window cut into ``count`` by ``count`` cells."""
    bounds = [round(window.height * index / count) for index in range(count + 1)]
    return [
        Window(window.top + top, window.left + left, bottom - top, right - left)
        for top, bottom in pairwise(bounds)
        for left, right in pairwise(bounds)
    ]


def make_tile(rng: np.random.Generator, recipe: Recipe, place: Place) -> Tile:
    """Draw and make one tile of a place."""
    sitting = draw_sitting(rng, recipe, place)
    window, conditions = sitting.window, sitting.conditions
    ground = place.ground.cut(window)
    draws = TileDraws(rng, window.height, window.width, recipe.pixel)
    look = Look(window, recipe.pixel, conditions)
    seen = observe(draws, ground.batch(), look, [(0, feature) for feature in sitting.features])
    coherence, hidden = seen.coherence[0], ground.hidden.astype(np.uint8)
    of_phase = phase_layers(
        Seen(
            seen.pair.interferogram[0], seen.boxcar.interferogram[0], coherence, ground.slope_to_los, hidden,
            seen.phase[0], seen.cycles[0],
        ),
        conditions,
        recipe.pixel,
    )  # fmt: skip
    layers = {
        **of_phase,
        "coherence": coherence,
        "intensity": seen.pair.first[0],
        "elevation": ground.elevation,
        "local_incidence": ground.local_incidence,
        "landslide": seen.traces.landslide[0],
        "valid_mask": 1.0 - seen.traces.ignored[0],
        "landslide_kind": seen.traces.kind[0],
        "artefact": seen.traces.artefact[0],
    }
    if place.terrain_pc1 is not None:
        layers["terrain_pc1"] = place.terrain_pc1[window.slices]
    inner = (slice(MARGIN, -MARGIN),) * 2
    bands = {name: np.ascontiguousarray(values[inner], np.float32) for name, values in layers.items()}
    within = window.grown(-MARGIN)
    return Tile(
        bands,
        [cut_sighting(sighting, within) for sighting in seen.traces.sightings],
        conditions,
        recipe.pixel,
    )


def cut_sighting(sighting: Sighting, window: Window) -> Sighting:
    """A sighting whose box is cut to a window and counted from its first pixel."""
    if sighting.box is None:
        return sighting
    part = sighting.box.intersection(window)
    return replace(sighting, box=part.seen_from(window) if part.pixels else None)
