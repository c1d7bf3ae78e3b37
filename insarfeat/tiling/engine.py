"""Running one task per tile on Dask: threads by default, a number of them, or a cluster by client or address.

Tiles go to Dask in waves, so that the graph of a continent takes no more memory than that of a country.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dask.array as da
from dask._task_spec import DataNode, Task, TaskRef
from dask.callbacks import Callback
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

from insarfeat.dispatch.lazy import available_cores, get_on_threads
from insarfeat.errors import InvalidArgument, RunFailed, missing_extra
from insarfeat.tiling.memory import limit_heaps

Scheduler = Any
"""None for threads on all cores, a number of threads, the address of a Dask scheduler, or its client."""

_log = logging.getLogger(__name__)

_WAVE = 4096
_RETRIES = 3


@dataclass(frozen=True)
class Job:
    """One task per item: ``function(shared, item, *blocks)``, where blocks are foreign Dask chunks.

    ``shared`` goes to each worker once. What the function returns must be small.
    """

    title: str
    function: Callable[..., Any]
    shared: Any
    items: Sequence[Any]
    references: Callable[[Any], Sequence[TaskRef]] = lambda _: ()
    foreign: tuple[Any, ...] = ()


def run_job(job: Job, scheduler: Scheduler, on_done: Callable[[Any, Any], None]) -> None:
    """Run a job; ``on_done(item, result)`` is called in this process, one at a time, as tasks finish."""
    limit_heaps()
    with _executor(scheduler) as execute:
        for start in range(0, len(job.items), _WAVE):
            wave = job.items[start : start + _WAVE]
            # Dask runs equals from the last name to the first; tiles go in reading order, so that neighbours find
            # the blocks of their halos still in the cache.
            keys = [(job.title, f"{len(job.items) - start - number:012d}") for number in range(len(wave))]
            execute(_graph(job, keys, wave), dict(zip(keys, wave, strict=True)), on_done)


def workers_of(scheduler: Scheduler) -> int:
    """How many tiles are worked on at the same time."""
    if scheduler is None:
        return available_cores()
    if isinstance(scheduler, int):
        return scheduler
    with connected(scheduler) as client:
        return sum(client.nthreads().values()) or 1


def check_scheduler(scheduler: Scheduler) -> None:
    """Refuse what is no scheduler before any work starts."""
    if isinstance(scheduler, bool) or (isinstance(scheduler, int) and scheduler < 1):
        raise InvalidArgument(f"scheduler must be at least 1 worker; got {scheduler!r}")
    is_client = hasattr(scheduler, "scheduler_info") and hasattr(scheduler, "get")
    if not (scheduler is None or isinstance(scheduler, int | str) or is_client):
        raise InvalidArgument(
            "scheduler must be None (threads on all cores), a number of threads, the address of a Dask scheduler "
            f"(tcp://host:port) or a dask.distributed.Client; got {scheduler!r}"
        )


def _graph(job: Job, keys: list[tuple[str, str]], wave: Sequence[Any]) -> dict[Any, Any]:
    shared = f"{job.title}-shared"
    tasks: dict[Any, Any] = {shared: DataNode(shared, job.shared)}
    for key, item in zip(keys, wave, strict=True):
        tasks[key] = Task(key, job.function, TaskRef(shared), item, *job.references(item))
    if not job.foreign:
        return tasks
    graph = HighLevelGraph.from_collections(
        job.title, MaterializedLayer(tasks), dependencies=list(job.foreign)
    )
    return dict(da.Array.__dask_optimize__(graph, keys))


Execute = Callable[[dict[Any, Any], dict[Any, Any], Callable[[Any, Any], None]], None]


@contextmanager
def _executor(scheduler: Scheduler) -> Iterator[Execute]:
    if scheduler is None or isinstance(scheduler, int):
        workers = workers_of(scheduler)
        yield lambda graph, items, on_done: _on_threads(graph, items, on_done, workers)
        return
    with connected(scheduler) as client:
        if not client.nthreads():
            _log.warning("the scheduler has no workers yet; waiting for the first one")
        yield lambda graph, items, on_done: _on_cluster(graph, items, on_done, client)


def _on_threads(
    graph: dict[Any, Any], items: dict[Any, Any], on_done: Callable[[Any, Any], None], workers: int
) -> None:
    def finished(key: Any, result: Any, *_: Any) -> None:
        if key in items:
            on_done(items[key], result)

    try:
        # Given, not registered: Dask swaps the registered ones for all threads at once.
        callbacks = [*Callback.active, Callback(posttask=finished)._callback]
        get_on_threads(graph, list(items), workers, callbacks=callbacks)
    except Exception as error:
        raise _failure(error) from error


def _on_cluster(
    graph: dict[Any, Any], items: dict[Any, Any], on_done: Callable[[Any, Any], None], client: Any
) -> None:
    from distributed import as_completed

    keys = list(items)
    futures = client.get(graph, keys, sync=False, retries=_RETRIES)
    waiting = {future.key: key for key, future in zip(keys, futures, strict=True)}
    try:
        for future, result in as_completed(futures, loop=client.loop, with_results=True):
            # Futures of a scheduler that is gone count as completed too, without an error: they are cancelled.
            if future.status != "finished":
                raise ConnectionError(f"the scheduler has lost it ({future.status})")
            on_done(items[waiting[future.key]], result)
            future.release()
    except BaseException as error:
        client.cancel(futures)  # also when the user stops the run: the cluster would go on
        if isinstance(error, Exception):
            raise _failure(error) from error
        raise


def _failure(error: Exception) -> RunFailed:
    return RunFailed(
        f"a tile failed: {type(error).__name__}: {error}. Finished tiles are kept; run again to resume"
    )


@contextmanager
def connected(scheduler: Scheduler) -> Iterator[Any]:
    """The client of a cluster: the one that is given, or one for an address, closed afterwards."""
    if not isinstance(scheduler, str):
        yield scheduler
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise missing_extra("schedulers given by address", "distributed") from error
    try:
        client = Client(scheduler, set_as_default=False, timeout=10)
    except (OSError, ValueError) as error:
        raise InvalidArgument(
            f"no Dask scheduler answers at {scheduler!r} (expected an address like tcp://host:8786): {error}"
        ) from error
    try:
        yield client
    finally:
        client.close()
