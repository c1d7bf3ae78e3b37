"""Keeping the allocator from holding what the tiles have let go."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

_ARENA_MAX = -8  # the numbers of malloc.h
_MMAP_THRESHOLD = -3
_LARGE = 4 * 2**20


@cache
def return_large_blocks() -> None:
    """Have glibc give blocks of over 4 MB back to the system when they are freed; once per process.

    glibc raises that limit to 32 MB as it goes and keeps a heap for every few threads, so that a run over tiles
    of 17 MB holds twice what it uses: 766 MB where the rule of ``describe()`` says 370, and 330 to 370 this way
    (``python -m benchmarks.engine``). One heap and fresh pages cost a few per cent of time. Other systems'
    allocators are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library than glibc
        return
    mallopt(_ARENA_MAX, 1)
    mallopt(_MMAP_THRESHOLD, _LARGE)
