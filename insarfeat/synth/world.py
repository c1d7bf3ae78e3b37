"""A synthetic world: endless ground with slides, of which any window can be made."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from insarfeat.synth.background import Background
from insarfeat.synth.fields import EndlessDraws
from insarfeat.synth.ground import Ground, Land
from insarfeat.synth.observation import Observation, observe
from insarfeat.synth.placing import Feature, Placing
from insarfeat.synth.slides import Look
from insarfeat.synth.style import Conditions, Style
from insarfeat.synth.terrain import EndlessMountains, Relief
from insarfeat.windows import Window


@dataclass(frozen=True, slots=True)
class View:
    """A window of a world: its layers, each (1, rows, columns), and the numbers of the features that touch it."""

    ground: Ground
    observation: Observation
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class World:
    """Ground, slides and one pair of images of it, without end; windows agree where they overlap.

    Attributes
    ----------
    seed
        What everything follows from.
    pixel
        Metres.
    style
        What its conditions are drawn from.
    conditions
        What was drawn.
    relief
        Where its elevations come from.
    background
        A measured pair that the slides are put into, its first pixel the world's.
    placed
        Slides that are given; None where they are drawn.
    """

    seed: int
    pixel: float
    style: Style
    conditions: Conditions
    relief: Relief
    background: Background | None = None
    placed: tuple[Feature, ...] | None = None

    @property
    def land(self) -> Land:
        """The ground."""
        return Land(self.relief, self.pixel, self.conditions)

    @classmethod
    def of(
        cls, seed: int, pixel: float, style: Style, conditions: Conditions, relief: Relief | None = None
    ) -> World:
        """World with these conditions, its relief endless mountains if nothing else is given."""
        rng = np.random.default_rng((seed, 0x4E))
        return cls(
            seed, pixel, style, conditions, relief or EndlessMountains(seed, pixel, style.draw_relief(rng))
        )

    def features(self, window: Window) -> dict[int, Feature]:
        """Slides and artefacts that can touch a window, by a number that is theirs in the whole world."""
        if self.placed is not None:
            return {
                number: feature
                for number, feature in enumerate(self.placed, start=1)
                if feature.shape.window(self.pixel).intersection(window).pixels
            }
        placing = Placing(self.seed, self.pixel, self.style, self.conditions)
        surface = self.land.surface(placing.reach_of(window))
        return {
            _number(row, column, index): feature
            for row, column, cell in placing.cells(window)
            for index, feature in enumerate(placing.of_cell(row, column, cell, surface))
            if feature.shape.window(self.pixel).intersection(window).pixels
        }

    def window(self, window: Window) -> View:
        """Ground and observation of a window."""
        features = self.features(window.grown(self._halo))
        # A slide is seen or not as a whole: whatever touches the window is drawn with all its ground.
        outer = window.grown(self._halo)
        for feature in features.values():
            outer = outer.union(feature.shape.window(self.pixel))
        ground = self.land.ground(outer).batch()
        draws = EndlessDraws(self.seed, self.pixel, outer)
        look = Look(outer, self.pixel, self.conditions)
        measured = self.background.cut(outer) if self.background else None
        placed = [(0, feature) for feature in features.values()]
        observation = observe(draws, ground, look, placed, measured)
        inner = window.seen_from(outer)
        return View(ground.cut(inner), observation.cut(inner), tuple(features))

    @property
    def _halo(self) -> int:
        """Pixels beyond a window that its own depend on: speckle's lattice, and the coherence window."""
        return (
            math.ceil(3.0 * self.conditions.grain / self.pixel)
            + math.ceil(self.conditions.coherence_window / 2.0)
            + 2
        )


_IN_A_CELL = 64


def _number(row: int, column: int, index: int) -> int:
    """Number of a feature, from its cell and its place in it: above 0, as 0 is none, and small near the origin.

    Cells are counted in squares about the origin, so that a float32 holds the numbers of 80,000 x 80,000 pixels.
    """
    across, down = (2 * place if place >= 0 else -2 * place - 1 for place in (column, row))
    cell = across * across + across + down if across >= down else down * down + across
    return cell * _IN_A_CELL + index + 1
