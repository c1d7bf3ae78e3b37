"""Stages of a plan: passes over all tiles, each tile one Dask task, each result kept on disk.

A step that needs whole rasters (fill, flow, a fit) is a
:class:`insarfeat.dispatch.RasterStep`: it runs as many passes as it wants
through its :class:`Workshop` and leaves its rasters in the workshop's outputs.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
from numpy.typing import NDArray

from insarfeat.dispatch.expression import Value
from insarfeat.dispatch.lazy import BlockReader, references_to
from insarfeat.dispatch.operator import project
from insarfeat.dispatch.program import Program
from insarfeat.dispatch.whole import native
from insarfeat.tiling import shelf
from insarfeat.tiling.engine import Job, Scheduler, run_job
from insarfeat.tiling.memory import limit_heaps, release_heaps
from insarfeat.tiling.store import StoredRaster
from insarfeat.tiling.workspace import Workspace
from insarfeat.windows import NO_HALO, Halo, Tile, TileGrid

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is; ``done`` counts tiles that were finished before a resume too."""

    stage: str
    done: int
    total: int


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Setting:
    """What all stages of a run share."""

    space: Workspace
    scheduler: Scheduler
    progress: OnProgress
    foreign: tuple[da.Array, ...]
    tile: int


@dataclass(frozen=True)
class TileWork:
    """A tile in a pass: reads the step's inputs, writes its outputs."""

    tile: Tile
    outputs: tuple[StoredRaster, ...]
    given: Any
    _program: Program
    _blocks: tuple[Array, ...]
    _aside: Path

    def read_each(self) -> Iterator[tuple[tuple[int, ...], int, Array]]:
        """The inputs' pixels under the tile with its halo: (leading index, number of the input, pixels)."""
        places = self._program.places
        reader = BlockReader(self._program, self.tile.outer, places, self._blocks)
        return self._program.compute(self.tile.outer, places, reader)

    def read(self) -> list[Array]:
        """The inputs' pixels under the tile with its halo."""
        arrays = {index: pixels for _, index, pixels in self.read_each()}
        return [native(arrays[index]) for index in sorted(arrays)]

    def write(self, index: int, pixels: Array, place: tuple[int, ...] = ()) -> None:
        """Write the tile's own pixels (no halo) of an output."""
        self.outputs[index].write(place, self.tile.core, pixels)

    def keep(self, name: str, arrays: Mapping[str, Array], number: int | None = None) -> None:
        """Put arrays aside, on disk, for a later pass over this tile, or another one by its number."""
        shelf.put(self._place(name, number), arrays)

    def kept(self, name: str, number: int | None = None) -> dict[str, Array]:
        """Arrays that an earlier pass has put aside."""
        return shelf.get(self._place(name, number))

    def _place(self, name: str, number: int | None) -> Path:
        return self._aside / name / f"{self.tile.number if number is None else number}"


class Results(Sequence[Any]):
    """What a pass gave for each tile, read from disk one by one; None where it gave nothing."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: Any) -> Any:
        if not 0 <= number < self._count:
            raise IndexError(f"tile {number} of {self._count}")
        path = self._folder / f"{number}.pickle"
        return pickle.loads(path.read_bytes()) if path.exists() else None


class Workshop:
    """What a step over whole rasters works with: its inputs, its outputs, and passes over the tiles."""

    def __init__(
        self, name: str, inputs: Sequence[Value], outputs: Sequence[StoredRaster], setting: Setting
    ) -> None:
        self.name = name
        self.outputs = tuple(outputs)
        self._program = Program(inputs)
        self._setting = setting
        self.tiles = TileGrid(self._program.shape, setting.tile)

    def each_tile(
        self,
        title: str,
        function: Callable[[TileWork, Any], Any],
        shared: Any = None,
        *,
        halo: Halo = NO_HALO,
        given: Mapping[int, Any] | None = None,
        reads: bool = True,
        tiles: Sequence[Tile] | TileGrid | None = None,
    ) -> Results:
        """Run ``function(work, shared)`` for every tile; what it returns is kept on disk, tile by tile.

        Tiles that an earlier, interrupted run has finished are not run again. The function must be picklable
        for runs on a cluster, its results small. With ``given`` it runs only for the tiles that are given something,
        and finds it as ``work.given``. A title names a pass: no two of a step may have the same. A pass that looks
        at the raster through windows of its own gives them as ``tiles``.
        """
        setting = self._setting
        if tiles is None:
            tiles = TileGrid(self._program.shape, setting.tile, halo)
        stage = f"{self.name}/{title}".replace(" ", "-")
        folder = setting.space.folder / "results" / stage
        folder.mkdir(parents=True, exist_ok=True)
        done = setting.space.done(stage)
        wanted = range(len(tiles)) if given is None else sorted(given)
        setting.progress(Progress(title, len(done), len(wanted)))

        def finished(item: tuple[int, Any], _: Any) -> None:
            setting.space.mark(stage, item[0])
            done.add(item[0])
            setting.progress(Progress(title, len(done), len(wanted)))

        everywhere = self._program.places
        job = Job(
            title=f"{stage}-{setting.space.run}",
            function=_run_tile,
            shared=_Shared(self._program, tiles, self.outputs, function, shared, folder, self._aside),
            items=[
                (number, None if given is None else given[number]) for number in wanted if number not in done
            ],
            references=lambda item: references_to(
                self._program, tiles[item[0]].outer, everywhere if reads else []
            ),
            foreign=setting.foreign,
        )
        run_job(job, setting.scheduler, finished)
        release_heaps()
        return Results(folder, len(tiles))

    def forget(self, name: str, numbers: Sequence[int]) -> None:
        """Drop what tiles have kept under a name."""
        for number in numbers:
            shelf.drop(self._aside / name / f"{number}")

    @property
    def _aside(self) -> Path:
        return self._setting.space.folder / "aside" / self.name


@dataclass(frozen=True)
class _Shared:
    program: Program
    tiles: Sequence[Tile] | TileGrid
    outputs: tuple[StoredRaster, ...]
    function: Callable[[TileWork, Any], Any]
    extra: Any
    folder: Path
    aside: Path


def _run_tile(shared: _Shared, item: tuple[int, Any], *blocks: Array) -> None:
    """The task behind a tile. Its result goes to disk here, so that nothing large travels or waits in memory."""
    limit_heaps()  # a cluster's workers are other processes
    number, given = item
    work = TileWork(shared.tiles[number], shared.outputs, given, shared.program, blocks, shared.aside)
    result = shared.function(work, shared.extra)
    if result is not None:
        path = shared.folder / f"{number}.pickle"
        temporary = path.with_suffix(".new")
        temporary.write_bytes(pickle.dumps(result, protocol=5))
        temporary.replace(path)


def write_outputs(work: TileWork, leads: tuple[tuple[int, ...], ...]) -> None:
    """The plain pass: compute the expressions on the tile and store them.

    A raster without a leading dimension that others have is stored once, not once per index.
    """
    for place, index, pixels in work.read_each():
        own = project(place, leads[index])
        if place == (0,) * (len(place) - len(own)) + own:
            work.write(index, pixels, own)
        del pixels  # or it would stay until the next one is computed
