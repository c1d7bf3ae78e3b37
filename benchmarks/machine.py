"""The machine that measures: what it is, and what it could do at most on one core."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np

_PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "xarray", "dask")

LimitName = Literal["copy", "fft"]


@dataclass(frozen=True, slots=True)
class Machine:
    """What bears on speed, and nothing that names the machine or its user."""

    cpu: str
    cores: int
    memory_gb: float | None
    system: str
    python: str
    versions: dict[str, str]


def describe() -> Machine:
    """Describe this machine."""
    return Machine(
        cpu=_cpu_model(),
        cores=os.cpu_count() or 1,
        memory_gb=_memory_gb(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions={name: metadata.version(name) for name in _PACKAGES},
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or "unknown")


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError):  # no such call, or no such name, on this system
        return None


@dataclass(frozen=True, slots=True)
class Limit:
    """A job that only the machine slows down; a call does ``amount`` of what ``unit`` counts per second."""

    name: LimitName
    unit: str
    amount: float
    run: Callable[[], object]

    def mpx_per_s(self, rate: float, traffic: float) -> float:
        """Throughput that a rate allows to a job that moves ``traffic`` bytes per pixel."""
        return rate * 1e3 / traffic if self.name == "copy" else rate


def copy_limit(nbytes: int = 1 << 27) -> Limit:
    """Copy between two arrays, each far larger than the cache; bytes count once read and once written."""
    source, target = np.ones(nbytes, np.uint8), np.zeros(nbytes, np.uint8)
    return Limit("copy", "GB/s", 2 * nbytes / 1e9, partial(np.copyto, target, source))


def fft_limit(windows: int = 4096) -> Limit:
    """Forward transforms of 32 x 32 pixels, batched."""
    from scipy import fft

    batch = np.ones((windows, 32, 32), np.complex64)
    return Limit("fft", "Mpx/s", batch.size / 1e6, partial(fft.fft2, batch, workers=1))


LIMITS: dict[LimitName, Callable[[], Limit]] = {"copy": copy_limit, "fft": fft_limit}
