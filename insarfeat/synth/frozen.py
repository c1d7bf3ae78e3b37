"""The test sets that models are judged by: 1,000 tiles each, frozen by seed, and by what was counted in them."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from insarfeat.errors import InvalidArgument
from insarfeat.synth.classes import CLASSES
from insarfeat.synth.dems import DemFolder, Part
from insarfeat.synth.knobs import Knob, OneOf, drawn
from insarfeat.synth.style import PLAIN, SHIFTED, Style
from insarfeat.synth.tiles import Recipe, Tile, make_place, make_tile

TILES_A_PLACE = 4
CHECKED = 12
"""Tiles whose census is written down for itself, so that a test can make them again."""
_MANIFEST = "frozen.json"
# Whatever decides a pixel of a tile; a change in any of them is another generator.
_GENERATOR = (
    "_kernels", "background", "classes", "dems", "fields", "frozen", "ground", "grounds", "knobs", "layers",
    "observation",
    "placing", "radar", "shapes", "slides", "style", "terrain", "tiles",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FrozenSet:
    """One test set.

    Attributes
    ----------
    name
        Of the set.
    seed
        What its tiles follow from.
    size, pixel
        Of a tile: pixels, and metres a pixel, drawn anew for each place.
    style
        What conditions are drawn from.
    dems, part
        DEM file or folder below the data folder, and which part of its files.
    """

    name: str
    seed: int
    size: int
    pixel: Knob
    style: Style
    dems: str
    part: Part
    tiles: int = 1000

    def made(self, data: str | Path, *, first: int = 0, last: int | None = None) -> Iterator[Tile]:
        """Make the tiles from number ``first`` to before ``last``.

        Parameters
        ----------
        data
            Folder with the DEMs (``dem_srtm3``, ``dem_davos_srtm1``) that the set stands on.
        first, last
            Which tiles; each is the same whichever others are made.
        """
        folder = DemFolder(Path(data) / self.dems, part=self.part)
        place = None
        for number in range(first, self.tiles if last is None else min(last, self.tiles)):
            group = number // TILES_A_PLACE
            if place is None or number % TILES_A_PLACE == 0:
                rng = np.random.default_rng((self.seed, group))
                pixel = float(drawn(self.pixel, rng))
                style = self.style.with_(cell=self.size * pixel)
                recipe = Recipe(self.size, pixel, style, frozenset(CLASSES), frozenset(), folder)
                place = make_place(rng, recipe, TILES_A_PLACE)
            yield make_tile(np.random.default_rng((self.seed, group, number)), recipe, place)


def _wide(style: Style) -> Style:
    """A style for tiles seven times as large on the ground: as many of them empty, the others with more slides."""
    return style.with_(slides=OneOf((0.0, 2.0, 5.0, 8.0, 12.0), weights=(0.25, 0.25, 0.25, 0.15, 0.1)))


_SRTM, _DAVOS = "dem_srtm3", "dem_davos_srtm1/davos_srtm1_epsg4326.tif"

FROZEN = {
    made.name: made
    for made in (
        FrozenSet("detector-plain", 9001, 160, 15.0, PLAIN, _SRTM, "test"),
        FrozenSet("detector-shifted", 9002, 160, 20.0, SHIFTED, _DAVOS, "all"),
        FrozenSet("segmenter-plain", 9003, 256, OneOf((15.0, 20.0, 25.0, 30.0)), _wide(PLAIN), _SRTM, "test"),
        FrozenSet("segmenter-shifted", 9004, 256, 20.0, _wide(SHIFTED), _DAVOS, "all"),
    )
}
"""Test sets by name: as in training, on ground that no training tile has; and shifted, on other mountains, under
other air, with other looks, filter and pixel size."""


def frozen_set(name: str) -> FrozenSet:
    """A test set by its name."""
    if name not in FROZEN:
        raise InvalidArgument(f"there is no test set {name!r}; there are {', '.join(FROZEN)}")
    return FROZEN[name]


class Census:
    """What is counted in a set, so that another making of it can be told from the first."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}
        self._tiles = 0
        self._slides: dict[str, int] = {}

    def add(self, tile: Tile) -> None:
        """Count one tile."""
        self._tiles += 1
        for name, band in tile.bands.items():
            values = band.astype(np.float64)
            total = self._sums.setdefault(name, [0.0, 0.0])
            total[0] += float(values.mean())
            total[1] += float((values**2).mean())
        for sighting in tile.sightings:
            key = f"{sighting.feature.code} {sighting.kind}"
            self._slides[key] = self._slides.get(key, 0) + 1

    def counted(self) -> dict[str, Any]:
        """Means and mean squares of the bands, slides by class and kind."""
        return {
            "tiles": self._tiles,
            "slides": dict(sorted(self._slides.items())),
            "bands": {name: [total / self._tiles for total in sums] for name, sums in self._sums.items()},
        }


def generator_digest() -> str:
    """SHA-256 of the generator's code, whatever its comments and its layout."""
    digest = hashlib.sha256()
    for name in _GENERATOR:
        source = (resources.files("insarfeat.synth") / f"{name}.py").read_text(encoding="utf-8")
        digest.update(ast.dump(_without_docstrings(ast.parse(source))).encode())
    return digest.hexdigest()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                part
                for part in body
                if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
    return tree


def manifest() -> dict[str, Any]:
    """What was written down when the sets were frozen: digest of the generator, census of each set."""
    text = (resources.files("insarfeat.synth") / _MANIFEST).read_text(encoding="utf-8")
    written: dict[str, Any] = json.loads(text)
    return written
