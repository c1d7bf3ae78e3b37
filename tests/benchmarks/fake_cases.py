"""Small cases with a known outcome; in a module of their own, so that fresh processes can import them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from benchmarks.case import Case, Latency, Startup
from benchmarks.peers import Agreement, Array, NotComparable, Peer


def noise(size: int) -> tuple[Array, ...]:
    return (np.random.default_rng(0).standard_normal((size, size), np.float32),)


def double(image: Array, factor: float = 2) -> Array:
    answer: Array = image * np.float32(factor)
    return answer


def double_plus(image: Array, factor: float = 2) -> Array:
    return double(image, factor) + np.float32(0.25)


def with_temporaries(image: Array) -> Array:
    """Hold 5 times float64 for a moment: 40 bytes per pixel."""
    answer: Array = np.ones((5, *image.shape)).sum(axis=0).astype(np.float32)
    return answer


def broken(*_: Any, **__: Any) -> Array:
    raise RuntimeError("out of order")


def dies(*_: Any, **__: Any) -> Array:
    os._exit(3)


def threads(image: Array) -> Array:
    return np.full_like(image, int(os.environ["NUMBA_NUM_THREADS"]))


def process(image: Array) -> Array:
    """An answer as large as the number of the process, so that its traffic tells it."""
    return np.zeros(os.getpid() * image.size, np.uint8)


def pair() -> tuple[Any, Any]:
    return lambda: sum(range(200)), lambda: None


EXACT = Agreement(1e-6)
TWIN = Peer("twin", "numpy", double, EXACT)
LIAR = Peer("liar", "numpy", double_plus, EXACT)
OTHER = Peer("other", "numpy", double_plus, NotComparable("adds a quarter"))
ABSENT = Peer("absent", "no_such_package", double, EXACT)
BROKEN = Peer("broken", "numpy", broken, EXACT)

GOOD = Case(
    "good", noise, double, (TWIN, OTHER, ABSENT), sizes=(32,), parameters={"factor": 3.0}, spreading=None
)
BAD = Case("bad", noise, double, (LIAR, BROKEN), sizes=(32,), spreading=None)
CALL = Latency("call", pair, calls=10)
START = Startup("start", "import string")
TABLE = (GOOD, BAD, CALL, START)
