"""What a run finds out, and its record as a JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.machine import Machine
from insarfeat.errors import MissingInput, OutputExists, WriteFailed

State = Literal["reference", "agrees", "differs", "not comparable", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an answer compares with ours."""

    state: State
    detail: str = ""

    @property
    def answered(self) -> bool:
        """Whether there is an answer, so that time and memory can be measured."""
        return self.state not in ("missing", "failed")

    @property
    def wrong(self) -> bool:
        """Whether a tool that should agree does not."""
        return self.state in ("differs", "failed")


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles over the rounds, and each of them, in their order."""

    median: float
    low: float
    high: float
    each: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Sum up the rounds."""
        low, median, high = (float(value) for value in np.quantile(values, (0.25, 0.5, 0.75)))
        return cls(median, low, high, tuple(float(value) for value in values))


@dataclass(frozen=True, slots=True)
class Contender:
    """One tool on one case: the project, or a peer.

    Attributes
    ----------
    version
        Version of the package; None where it is not installed.
    verdict
        How the answer compares with ours.
    seconds
        Time of a call; None where none was timed.
    mpx_per_s
        Throughput at the median.
    speedup
        How many times as long as ours a call takes.
    memory
        Peak memory in bytes per pixel above the inputs; None where it was not measured.
    """

    name: str
    package: str
    version: str | None
    verdict: Verdict
    seconds: Spread | None = None
    mpx_per_s: float | None = None
    speedup: float | None = None
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """How close our median comes to a limit of the machine, timed in the same rounds.

    Attributes
    ----------
    rate, unit
        The limit itself.
    mpx_per_s
        Throughput that the limit allows: by the bytes that must be moved, or by one transform per pixel.
    fraction
        Our throughput as a part of it.
    seconds
        Time of the job that shows the limit.
    """

    limit: str
    rate: float
    unit: str
    mpx_per_s: float
    fraction: float
    seconds: Spread


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A throughput case at one size; ``traffic`` is bytes of inputs and answer per pixel, ``goal`` in Mpx/s."""

    name: str
    size: int
    parameters: Mapping[str, Any]
    traffic: float
    contenders: tuple[Contender, ...]
    reach: Reach | None = None
    goal: float | None = None
    kind: str = "throughput"


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """Microseconds per call through the operator and directly; ``overhead`` is what dispatch costs."""

    name: str
    operator: Spread | None = None
    direct: Spread | None = None
    overhead: float | None = None
    kind: str = "latency"


@dataclass(frozen=True, slots=True)
class StartupResult:
    """Seconds that a statement takes in a fresh interpreter."""

    name: str
    statement: str
    seconds: Spread | None = None
    kind: str = "startup"


Result = CaseResult | LatencyResult | StartupResult


@dataclass(frozen=True, slots=True)
class Results:
    """One run of the benchmarks; ``commit`` is None outside a checkout."""

    date: str
    version: str
    commit: str | None
    machine: Machine
    rounds: int
    cases: tuple[Result, ...]
    threads: int = 1
    schema: int = 2

    @property
    def wrong(self) -> list[tuple[str, Contender]]:
        """The peers that should agree and do not, each with the case."""
        throughput = (case for case in self.cases if isinstance(case, CaseResult))
        return [(case.name, one) for case in throughput for one in case.contenders if one.verdict.wrong]


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a target that could not be written, before any time goes into measuring."""
    if path.exists() and not overwrite:
        raise OutputExists(f"{path} is there already; give --overwrite, or another --out")
    if not path.parent.is_dir():
        raise MissingInput(f"the folder {path.parent} of --out is not there; make it first")


def write(results: Results, path: Path) -> None:
    """Write the record, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(json.dumps(asdict(results), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WriteFailed(
            f"{path} could not be written: {error.strerror}; free some space or give another --out"
        ) from error
