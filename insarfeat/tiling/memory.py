"""Keeping the allocator from holding what the tiles have let go."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

from insarfeat.dispatch.lazy import available_cores

_ARENA_MAX = -8  # the number that malloc.h gives it
_HEAPS_PER_CORE = 2


@cache
def limit_heaps() -> None:
    """Have glibc keep two heaps per core instead of eight; once per process.

    Each thread allocates from a heap of its own, and what it frees the others cannot use. A run has many
    threads (Dask's, Zarr's), and with eight heaps per core it can go over the peak that ``describe()`` predicts;
    ``python -m benchmarks.engine`` shows both. Other systems' allocators are left as they are.
    """
    _glibc("mallopt", _ARENA_MAX, _HEAPS_PER_CORE * available_cores())


def release_heaps() -> None:
    """Have glibc give back what is free; it takes milliseconds.

    Between passes over tiles everything is, but it would keep much of it, and the next pass would come on top.
    """
    _glibc("malloc_trim", 0)


def _glibc(function: str, *numbers: int) -> None:
    """Call a function of the C library where it is glibc's."""
    if not sys.platform.startswith("linux"):
        return
    try:
        found = getattr(ctypes.CDLL(None), function)
    except (OSError, AttributeError):  # another C library
        return
    found(*numbers)
