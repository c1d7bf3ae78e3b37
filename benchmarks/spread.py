"""A function of the package on tiles and on all cores, under Dask, as if it were one more tool."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

OURS = "insarfeat"
TILE = 1024


@contextmanager
def _confined() -> Iterator[None]:
    """Keep this thread, and those that it starts, to one core: layers of whole rasters start threads of their own."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class InTiles:
    """Call a function with Dask arrays in tiles in place of arrays, and compute what it gives on threads.

    Graphs are made anew in each call: what that takes is part of the price.
    """

    run: Callable[..., Any]
    one_core: bool

    def __call__(self, *images: Any, **parameters: Any) -> Any:
        import dask.array as da

        from insarfeat.dispatch.lazy import available_cores

        # No name of its own: to make one from the pixels would take longer than some of the functions.
        lazy = [da.from_array(image, chunks=TILE, name=False) for image in images]  # type: ignore[no-untyped-call]
        with _confined() if self.one_core else nullcontext():
            found = self.run(*lazy, **parameters)
            return np.asarray(found.compute(scheduler="threads", num_workers=available_cores()))


@dataclass(frozen=True, slots=True)
class OnWorkers:
    """Call a function that spreads its work itself, with as many workers as there are cores."""

    run: Callable[..., Any]

    def __call__(self, *images: Any, **parameters: Any) -> Any:
        from insarfeat.dispatch.lazy import available_cores

        return self.run(*images, **parameters, workers=available_cores())
