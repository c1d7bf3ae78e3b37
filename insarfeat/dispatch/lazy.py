"""Dask arrays in, Dask arrays out: expressions as graph layers of exactly the chunks that are needed.

``dask.array.map_overlap`` rechunks behind the caller's back or refuses thin chunks, and chained overlaps cut,
copy and concatenate once per operator. Here each output chunk is one task that names the source chunks under its
window. The layer remembers its expression, so that an operator applied to an operator's result becomes one task
again, and so that a plan can run the same expression with tiles of its own.
"""

from __future__ import annotations

import importlib
import math
import os
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import dask
import dask.array as da
import dask.threaded
import numpy as np
from dask._task_spec import DataNode, Task, TaskRef
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from numpy.typing import NDArray

from insarfeat.dispatch.expression import (
    Apply,
    Barrier,
    Join,
    Leaf,
    Mapping,
    Piece,
    Remap,
    Value,
    producers_of,
)
from insarfeat.dispatch.operator import project
from insarfeat.dispatch.program import Program
from insarfeat.dispatch.reduction import Reduction
from insarfeat.dispatch.sources import ArraySource, ChunkedSource, Source
from insarfeat.dispatch.whole import BoundStep
from insarfeat.errors import InvalidArgument
from insarfeat.windows import Window

Array = NDArray[Any]
Chunks = tuple[tuple[int, ...], ...]

_REMAPPED = 1024


class ExpressionLayer(MaterializedLayer):
    """A graph layer that knows which expression it computes."""

    def __init__(self, tasks: dict[Any, Any], value: Value, foreign: tuple[Any, ...]) -> None:
        super().__init__(tasks)
        self.value = value
        self.foreign = foreign


def value_of(array: Any) -> tuple[Value, tuple[da.Array, ...]]:
    """The expression behind an array, and the foreign Dask arrays that it stands on."""
    if isinstance(array, da.Array):
        layer = array.dask.layers.get(array.name) if isinstance(array.dask, HighLevelGraph) else None
        if isinstance(layer, ExpressionLayer):
            return layer.value, layer.foreign
        if any(math.isnan(size) for size in array.shape):
            raise InvalidArgument(
                f"a Dask array of shape {array.shape} has chunks of unknown sizes, as selecting by a mask leaves "
                "them; call its compute_chunk_sizes() first"
            )
        return Value(Leaf(ChunkedSource(array.name, array.chunks, array.dtype))), (array,)
    return Value(Leaf(ArraySource(np.asarray(array)))), ()


def array_of(value: Value, foreign: tuple[da.Array, ...]) -> da.Array:
    """A value as one lazy chunk, for a plan to take apart again."""
    return lazy_values([value], tuple((size,) for size in value.shape), foreign)[0]


def lazy_source(source: Source, chunks: Chunks) -> da.Array:
    """A source as a Dask array whose chunks are read when they are needed."""
    return lazy_values([Value(Leaf(source))], chunks, ())[0]


def apply_lazily(bound: Any, arrays: Sequence[Any]) -> tuple[da.Array, ...]:
    """Apply an operator to arrays of which at least one is lazy.

    The chunks of the result follow the first lazy array (through the operator's step); nothing is rechunked.
    """
    if isinstance(bound, BoundStep):
        return _step_lazily(bound, arrays)
    found = [value_of(array) for array in arrays]
    apply = Apply(bound, [value for value, _ in found])
    guide = next(array for array in arrays if isinstance(array, da.Array))
    chunks = (*_lead_chunks(apply.lead, arrays), *_spatial_chunks(bound, guide))
    values = [Value(apply, index) for index in range(len(apply.dtypes))]
    return lazy_values(values, chunks, _foreign_of(behind for _, behind in found))


def _step_lazily(bound: BoundStep, arrays: Sequence[Any]) -> tuple[da.Array, ...]:
    """A step over whole rasters, which a plan runs as a stage."""
    bound.check(arrays)
    found = [value_of(array) for array in arrays]
    name = bound.operator.name.rpartition(".")[2]
    dtypes = bound.output_dtypes([array.dtype for array in arrays])
    barrier = Barrier(bound.raster_step, [value for value, _ in found], dtypes, name=name)
    guide = next(array for array in arrays if isinstance(array, da.Array))
    values = [Value(barrier, index) for index in range(len(dtypes))]
    return _behind_barrier(values, guide.chunks, _foreign_of(behind for _, behind in found))


def join_lazily(pieces: Sequence[Piece], arrays: Sequence[Any]) -> da.Array:
    """Rows of several arrays under each other; the arrays' own chunk borders are kept."""
    found = [value_of(array) for array in arrays]
    join = Join(pieces, [value for value, _ in found])
    guide = next(array for array in arrays if isinstance(array, da.Array))
    rows: list[int] = []
    for piece, array in zip(pieces, arrays, strict=True):
        borders = np.cumsum([0, *(array.chunks[-2] if isinstance(array, da.Array) else array.shape[-2:-1])])
        inside = np.unique(np.clip(borders - piece.first, 0, piece.count))
        rows += np.diff(inside).tolist()
    chunks = (*_lead_chunks(join.lead, arrays), tuple(rows), guide.chunks[-1])
    return lazy_values([Value(join)], chunks, _foreign_of(behind for _, behind in found))[0]


def computed_together(arrays: Sequence[da.Array]) -> tuple[da.Array, ...]:
    """Lazy arrays in the same chunks, as arrays whose chunks are computed by one task each.

    What several of them stand on is then computed once, by Dask alone too; plans always do so. The last one should
    depend on the others' values: by it they are known.
    """
    found = [value_of(array) for array in arrays]
    values = [value for value, _ in found][::-1]
    return lazy_values(values, arrays[0].chunks, _foreign_of(behind for _, behind in found))[::-1]


def remapped(
    mapping: Mapping,
    found: Sequence[tuple[Value, tuple[da.Array, ...]]],
    index: int = 0,
    *,
    lazy: bool | None = None,
) -> Any:
    """What a mapping makes of rasters, each given with the Dask arrays that it stands on.

    Lazy, in chunks of its own, if one of them is (where nothing else is said); else computed at once, piece by piece,
    so that what is needed on the way stays small.
    """
    value = Value(Remap(mapping, [value for value, _ in found]), index)
    sides = tuple(_cut(size, _REMAPPED) for size in (value.spatial.height, value.spatial.width))
    if lazy is None:
        lazy = any(foreign or _reads_files(value) for value, foreign in found)
    if lazy:
        chunks = (*((1,) * size for size in value.lead), *sides)
        return lazy_values([value], chunks, _foreign_of(behind for _, behind in found))[0]
    program = Program([value])
    whole: Array = np.empty(value.shape, value.dtype)
    for _, window in chunk_windows(sides):
        for place, _, pixels in program.compute(
            window, program.places, lambda *where: where[0].read(*where[1:])
        ):
            whole[place + window.slices] = pixels
    return whole


def _reads_files(value: Value) -> bool:
    """Whether there are sources that are not in memory."""
    leaves = [producer for producer in producers_of([value]) if isinstance(producer, Leaf)]
    return any(not isinstance(leaf.source, ArraySource) for leaf in leaves)


def _cut(size: int, most: int) -> tuple[int, ...]:
    """Chunks of a side, as long as allowed but the last."""
    whole, rest = divmod(size, most)
    return (most,) * whole + ((rest,) if rest or not whole else ())


def deferred(barrier: Barrier, like: da.Array) -> tuple[da.Array, ...]:
    """The results of a step over whole rasters as lazy arrays that a plan runs as a stage.

    Computed by Dask alone they run through a plan of their own, once, into a temporary folder.
    """
    values = [Value(barrier, index) for index in range(len(barrier.dtypes))]
    return _behind_barrier(values, like.chunks[-2:], value_of(like)[1])


def _behind_barrier(
    values: Sequence[Value], chunks: Chunks, foreign: tuple[Any, ...]
) -> tuple[da.Array, ...]:
    """Lazy arrays behind which a plan has to run: one task runs it, and those of the chunks read what it stored."""
    arrays = []
    starts = [np.cumsum([0, *sizes]).tolist() for sizes in chunks]
    layout = f"{hash(chunks) & 0xFFFFFFFF:08x}"  # as in lazy_values: other chunks are other keys
    for value in values:
        name = f"planned-{value.token}-{layout}"
        run = f"{name}-run"
        tasks: dict[Any, Any] = {run: Task(run, _run_plan, DataNode(None, (value, foreign)))}
        for place in product(*(range(len(sizes)) for sizes in chunks)):
            spans = tuple(
                slice(start[number], start[number + 1]) for start, number in zip(starts, place, strict=True)
            )
            tasks[(name, *place)] = Task((name, *place), _read_planned, TaskRef(run), spans)
        graph = HighLevelGraph.from_collections(name, ExpressionLayer(tasks, value, foreign))
        arrays.append(_array(graph, name, chunks, value))
    return tuple(arrays)


def _run_plan(wanted: tuple[Value, tuple[da.Array, ...]]) -> Any:
    """Compute a value through a plan; gives a source of what was stored."""
    # Plans stand on the operators, not the other way round: named, not imported.
    return importlib.import_module("insarfeat.tiling.scratch").stored(*wanted)


def without_steps(value: Value, foreign: tuple[da.Array, ...]) -> tuple[Value, tuple[da.Array, ...]]:
    """The same value, computed through a plan if there is a step over whole rasters behind it."""
    if any(isinstance(producer, Barrier) for producer in producers_of([value])):
        return Value(Leaf(_run_plan((value, foreign)))), ()
    return value, foreign


def _read_planned(source: Any, spans: tuple[slice, ...]) -> Array:
    rows, columns = spans[-2:]
    window = Window(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
    lead = tuple(span.stop - span.start for span in spans[:-2])
    found: Array = np.empty((*lead, window.height, window.width), source.dtype)
    for place in np.ndindex(lead):
        there = tuple(span.start + index for span, index in zip(spans, place, strict=False))
        found[place] = source.read(there, window)
    return found


def _foreign_of(groups: Iterable[Sequence[Any]]) -> tuple[Any, ...]:
    """Foreign arrays, each once."""
    return tuple({array.name: array for group in groups for array in group}.values())


def reduce_lazily(reduction: Reduction, arrays: Sequence[Any]) -> Any:
    """Gather from lazy arrays, chunk by chunk, with the scheduler that the caller has chosen.

    Numbers among them, as 1 x 1 arrays, are there with every chunk.
    """
    numbers = {
        index: array
        for index, array in enumerate(arrays)
        if isinstance(array, np.ndarray) and array.shape == (1, 1)
    }
    rasters = [array for index, array in enumerate(arrays) if index not in numbers]
    found = [without_steps(*value_of(array)) for array in rasters]
    program = Program([value for value, _ in found])
    guide = next(array for array in rasters if isinstance(array, da.Array))
    foreign = _foreign_of(behind for _, behind in found)
    windows = [(place, window) for place in program.places for _, window in chunk_windows(guide.chunks[-2:])]
    name = f"survey-{uuid.uuid4().hex[:12]}"
    program_key = f"{name}-program"
    tasks: dict[Any, Any] = {program_key: DataNode(program_key, (program, reduction, numbers))}
    for number, (place, window) in enumerate(windows):
        references = references_to(program, window, [place])
        tasks[(name, number)] = Task(
            (name, number), _gather, TaskRef(program_key), window, place, *references
        )
    graph = HighLevelGraph.from_collections(name, MaterializedLayer(tasks), dependencies=list(foreign))
    keys = [(name, number) for number in range(len(windows))]
    tasks = dict(da.Array.__dask_optimize__(graph, keys))
    chosen = dask.base.get_scheduler()
    return reduction.combine(
        chosen(tasks, keys) if chosen else get_on_threads(tasks, keys, available_cores())
    )


def get_on_threads(tasks: dict[Any, Any], keys: list[Any], workers: int, **options: Any) -> Any:
    """Run a graph on threads of its own.

    Dask's own pool lives as long as the process: a forked child inherits it without its threads, and waits
    forever.
    """
    with ThreadPoolExecutor(workers) as pool:
        return dask.threaded.get(tasks, keys, pool=pool, **options)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lazy_values(values: Sequence[Value], chunks: Chunks, foreign: tuple[Any, ...]) -> tuple[da.Array, ...]:
    """Dask arrays of values that are computed together: one task per chunk, shared by all of them."""
    if any(isinstance(producer, Barrier) for producer in producers_of(values)):
        return _behind_barrier(values, chunks, foreign)
    program = Program(values)
    producer = values[0].producer
    title = producer.title
    # Chunks belong to the name: the same expression in other chunks is another set of keys.
    layout = f"{hash(chunks) & 0xFFFFFFFF:08x}"
    name = f"{title}-{values[0].token}-{layout}"
    program_key = f"{name}-program"
    tasks: dict[Any, Any] = {program_key: DataNode(program_key, program)}
    single = len(values) == 1
    base = name if single else f"{name}-all"
    lead_chunks, spatial_chunks = chunks[:-2], chunks[-2:]
    lead_blocks = list(_lead_blocks(lead_chunks))
    for (row, column), window in chunk_windows(spatial_chunks):
        for index, places in lead_blocks:
            key = (base, *index, row, column)
            shape = tuple(sizes[number] for sizes, number in zip(lead_chunks, index, strict=True))
            references = references_to(program, window, places)
            tasks[key] = Task(key, _compute_chunk, TaskRef(program_key), window, places, shape, *references)
    if single:
        layer = ExpressionLayer(tasks, values[0], foreign)
        graph = HighLevelGraph.from_collections(name, layer, dependencies=list(foreign))
        return (_array(graph, name, chunks, values[0]),)
    shared = HighLevelGraph.from_collections(base, MaterializedLayer(tasks), dependencies=list(foreign))
    arrays = []
    for number, value in enumerate(values):
        part = f"{name}-{number}"
        keys = product(*(range(len(sizes)) for sizes in chunks))
        picks = {
            (part, *index): Task((part, *index), _pick, TaskRef((base, *index)), number) for index in keys
        }
        graph = HighLevelGraph(
            {**shared.layers, part: ExpressionLayer(picks, value, foreign)},
            {**shared.dependencies, part: {base}},
        )
        arrays.append(_array(graph, part, chunks, value))
    return tuple(arrays)


def _array(graph: HighLevelGraph, name: str, chunks: Chunks, value: Value) -> da.Array:
    return da.Array(graph, name, chunks, meta=np.empty((0,) * value.ndim, value.dtype))


def _compute_chunk(
    program: Program, window: Window, places: list[tuple[int, ...]], lead: tuple[int, ...], *blocks: Array
) -> Any:
    """The task behind a chunk: read or assemble what the window needs, run the kernels."""
    reader = BlockReader(program, window, places, blocks)
    results: list[Any] = [None] * len(program.dtypes)
    if not lead:
        for _, index, array in program.compute(window, places, reader):
            results[index] = np.ascontiguousarray(array)
    else:
        results = [np.empty((*lead, window.height, window.width), dtype) for dtype in program.dtypes]
        for place, index, array in program.compute(window, places, reader):
            results[index].reshape(-1, window.height, window.width)[places.index(place)] = array
    return results[0] if len(results) == 1 else results


def _gather(
    shared: tuple[Program, Reduction, dict[int, Array]],
    window: Window,
    place: tuple[int, ...],
    *blocks: Array,
) -> Any:
    program, reduction, numbers = shared
    parts = program.compute(window, [place], BlockReader(program, window, [place], blocks))
    found = {index: array for _, index, array in parts}
    rasters = iter([found[index] for index in sorted(found)])
    count = len(found) + len(numbers)
    return reduction.of_block(
        window, [numbers[index] if index in numbers else next(rasters) for index in range(count)]
    )


def _pick(results: list[Array], number: int) -> Array:
    return results[number]


class BlockReader:
    """Reads sources; foreign chunks are among the task's arguments, in the order of their references."""

    def __init__(
        self, program: Program, window: Window, places: Sequence[tuple[int, ...]], blocks: Sequence[Array]
    ) -> None:
        keys = chunk_keys(program, window, places)
        self._blocks: dict[str, dict[tuple[int, ...], Array]] = {}
        for (token, *index), block in zip(keys, blocks, strict=True):
            self._blocks.setdefault(token, {})[tuple(index)] = block

    def __call__(self, source: Source, lead: tuple[int, ...], window: Window) -> Array:
        """The pixels of a window of a source."""
        if isinstance(source, ChunkedSource):
            return source.assemble(lead, window, self._blocks.get(source.token, {}))
        return source.read(lead, window)


def references_to(program: Program, window: Window, places: Sequence[tuple[int, ...]]) -> list[TaskRef]:
    """What a task must name to be given the foreign chunks under a window."""
    return [TaskRef(key) for key in chunk_keys(program, window, places)]


def chunk_keys(program: Program, window: Window, places: Sequence[tuple[int, ...]]) -> list[tuple[Any, ...]]:
    """Keys of exactly the foreign chunks under a window, each once, always in the same order."""
    keys: dict[tuple[Any, ...], None] = {}
    for source, needed in program.source_windows(window):
        if isinstance(source, ChunkedSource):
            for place in places:
                for chunk in source.chunks_under(project(place, source.shape[:-2]), needed):
                    keys[(source.token, *chunk.index)] = None
    return list(keys)


def _lead_chunks(lead: tuple[int, ...], arrays: Sequence[Any]) -> Chunks:
    """Chunks of the leading dimensions: those of the first lazy array that is not broadcast along them."""
    chunks = []
    for axis in range(-len(lead) - 2, -2):
        size = lead[axis + 2]
        found = next(
            (
                array.chunks[axis]
                for array in arrays
                if isinstance(array, da.Array) and array.ndim >= -axis and array.shape[axis] == size
            ),
            (size,),
        )
        chunks.append(found)
    return tuple(chunks)


def _spatial_chunks(bound: Any, guide: da.Array) -> Chunks:
    """The guide's chunk borders, in output pixels."""
    steps = (bound.step.rows, bound.step.columns)
    chunks = []
    for sizes, step in zip(guide.chunks[-2:], steps, strict=True):
        if step == 1:
            chunks.append(sizes)
            continue
        borders = np.unique(np.minimum(-(-np.cumsum([0, *sizes]) // step), sum(sizes) // step))
        chunks.append(tuple(np.diff(borders).tolist()) or (0,))
    return tuple(chunks)


def chunk_windows(chunks: Chunks) -> list[tuple[tuple[int, int], Window]]:
    """Index and window of each chunk of a raster, by its chunks along y and x."""
    rows, columns = (np.cumsum([0, *sizes]).tolist() for sizes in chunks)
    return [
        ((i, j), Window(rows[i], columns[j], chunks[0][i], chunks[1][j]))
        for i in range(len(chunks[0]))
        for j in range(len(chunks[1]))
    ]


def _lead_blocks(chunks: Chunks) -> list[tuple[tuple[int, ...], list[tuple[int, ...]]]]:
    """Each block of the leading dimensions with all indices inside it."""
    starts = [np.cumsum([0, *sizes]).tolist() for sizes in chunks]
    blocks = []
    for index in product(*(range(len(sizes)) for sizes in chunks)):
        ranges = [
            range(start[number], start[number + 1]) for start, number in zip(starts, index, strict=True)
        ]
        blocks.append((index, list(product(*ranges))))
    return blocks
