"""Scenes larger than memory: Dask arrays whose chunks are made when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask._task_spec import Task, TaskRef
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

from insarfeat.synth.raw import dtypes_of, raw_layers
from insarfeat.synth.world import World
from insarfeat.windows import Window

CHUNK = 1024


def layers_in_chunks(world: World, whole: Window) -> dict[str, da.Array]:
    """Raw layers of a world as Dask arrays: one task a chunk makes all of them."""
    chunks = tuple(_sides(size) for size in (whole.height, whole.width))
    name = f"synthetic-scene-{tokenize(world, whole)}"
    tasks: dict[Any, Any] = {}
    tops, lefts = (np.cumsum([0, *sides[:-1]]).tolist() for sides in chunks)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            key = (name, row, column)
            window = Window(top, left, chunks[0][row], chunks[1][column])
            tasks[key] = Task(key, _made, world, window)
    made = HighLevelGraph.from_collections(name, MaterializedLayer(tasks))
    return {
        layer: _picked(made, name, list(tasks), chunks, (layer, dtype))
        for layer, dtype in dtypes_of(world).items()
    }


def _picked(
    made: HighLevelGraph, name: str, keys: list[Any], chunks: Any, layer: tuple[str, str]
) -> da.Array:
    """One layer of what the tasks make."""
    own = f"{layer[0]}-{name}"
    picks = {(own, *key[1:]): Task((own, *key[1:]), _pick, TaskRef(key), layer[0]) for key in keys}
    graph = HighLevelGraph({**made.layers, own: MaterializedLayer(picks)}, {**made.dependencies, own: {name}})
    meta = np.empty((0, 0), layer[1])
    return da.Array(graph, own, chunks, meta=meta)  # type: ignore[no-untyped-call]


def _sides(size: int) -> tuple[int, ...]:
    return (CHUNK,) * (size // CHUNK) + ((size % CHUNK,) if size % CHUNK else ())


def _made(world: World, window: Window) -> dict[str, npt.NDArray[Any]]:
    return raw_layers(world, window, world.window(window))


def _pick(layers: Mapping[str, npt.NDArray[Any]], name: str) -> npt.NDArray[Any]:
    return layers[name]
