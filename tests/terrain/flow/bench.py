"""A workshop for tests: it runs a step over whole rasters with any tiling, in memory, and checks how the step works.

Tiles share nothing but what the step passes on: what they read are copies, what passes between them is pickled.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.metrics import Metrics
from insarfeat.terrain.flow.filling import FillStep
from insarfeat.terrain.flow.flats import FlatsStep
from insarfeat.windows import NO_HALO, Halo, Tile, TileGrid

Array = NDArray[Any]


class Ground(NamedTuple):
    """What all flow goes over."""

    filled: Array
    ranks: Array


class Work:
    """One tile in one pass."""

    def __init__(self, bench: Bench, tile: Tile, given: Any, reads: bool) -> None:
        self.tile = tile
        self.given = given
        self._bench = bench
        self._reads = reads

    def read(self) -> list[Array]:
        """Copies of the pixels under the tile and its halo: nothing else is there to be seen."""
        assert self._reads, "a pass that said it would not read"
        return [array[self.tile.outer.slices].copy() for array in self._bench.inputs]

    def write(self, index: int, pixels: Array) -> None:
        result, times = self._bench.results[index], self._bench.written[index]
        assert pixels.dtype == result.dtype
        assert pixels.shape == (self.tile.core.height, self.tile.core.width)
        result[self.tile.core.slices] = pixels
        times[self.tile.core.slices] += 1

    def keep(self, name: str, arrays: Mapping[str, Array], number: int | None = None) -> None:
        """A pass that is cut off is run again, so nothing that it may have read is written over."""
        place = (name, self.tile.number if number is None else number)
        assert place not in self._bench.aside | self._bench.fresh, f"{place} is kept twice"
        self._bench.fresh[place] = pickle.dumps(dict(arrays))

    def kept(self, name: str, number: int | None = None) -> dict[str, Array]:
        """Tiles of one pass run in any order, so what one keeps is not there for another until the pass is over."""
        place = (name, self.tile.number if number is None else number)
        arrays: dict[str, Array] = pickle.loads(self._bench.aside[place])
        return arrays


class Bench:
    """What a step is run on. ``passes`` tells their titles and how many tiles each one visited."""

    def __init__(self, inputs: Sequence[ArrayLike], dtypes: Sequence[Any], tile: tuple[int, int]) -> None:
        self.inputs = [np.array(array) for array in inputs]
        shape = self.inputs[0].shape
        self.tile = tile
        self.tiles = TileGrid((shape[0], shape[1]), tile)
        self.results = [np.zeros(shape, dtype) for dtype in dtypes]
        self.written = [np.zeros(shape, np.int64) for _ in dtypes]
        self.aside: dict[tuple[str, int], bytes] = {}
        self.fresh: dict[tuple[str, int], bytes] = {}
        self.passes: dict[str, int] = {}

    def each_tile(
        self,
        title: str,
        function: Callable[[Any, Any], Any],
        shared: Any = None,
        *,
        halo: Halo = NO_HALO,
        given: Mapping[int, Any] | None = None,
        reads: bool = True,
    ) -> list[Any]:
        assert title not in self.passes, f"two passes are called {title!r}"
        results: list[Any] = [None] * len(self.tiles)
        visited = [
            tile
            for tile in TileGrid(self.tiles.shape, self.tile, halo)
            if given is None or tile.number in given
        ]
        self.passes[title] = len(visited)
        for tile in reversed(visited):  # no order is promised, and this one is not that of reading
            sent = pickle.dumps((function, shared, None if given is None else given[tile.number]))
            own_function, own_shared, own_given = pickle.loads(sent)
            found = own_function(Work(self, tile, own_given, reads), own_shared)
            results[tile.number] = pickle.loads(pickle.dumps(found))
        self.aside |= self.fresh
        self.fresh = {}
        return results

    def forget(self, name: str, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.aside.pop((name, number), None)

    def run(self, step: Any) -> list[Array]:
        step.run(self)
        assert not self.aside, f"never forgotten: {sorted(self.aside)}"
        assert all(np.all(times == 1) for times in self.written), "not every cell was written once"
        return self.results


def tiled(
    step: Any, inputs: Sequence[ArrayLike], dtypes: Sequence[Any], tile: tuple[int, int]
) -> list[Array]:
    """The outputs of a step, tile by tile."""
    return Bench(inputs, dtypes, tile).run(step)


def whole(step: Any, inputs: Sequence[ArrayLike], dtypes: Sequence[Any]) -> list[Array]:
    """The outputs of a step, the raster as one tile."""
    return tiled(step, inputs, dtypes, np.asarray(inputs[0]).shape)


def ground(dem: Array, voids: str = "outlets", tile: tuple[int, int] | None = None) -> Ground:
    """The DEM filled, and the ranks of its flats; as one tile where nothing else is said."""
    tile = tile or (dem.shape[0], dem.shape[1])
    (filled,) = tiled(FillStep(voids), [dem], [dem.dtype], tile)
    (ranks,) = tiled(FlatsStep(voids), [filled], [np.int32], tile)
    return Ground(filled, ranks)


def sizes(dy: float, dx: float) -> Metrics:
    """Cells of one size, rows running south and columns east."""
    return Metrics.planar(-dy, dx)


def assert_same_bits(got: Array, expected: ArrayLike) -> None:
    """Equal to the last bit, the sign of 0 too; one NaN is like another."""
    expected = np.asarray(expected)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
    if got.dtype.kind == "f":
        there = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(got[there]), np.signbit(expected[there]))
