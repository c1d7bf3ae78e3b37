"""Runs cases, each in a fresh process on one core, and gathers the record."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import insarfeat
from benchmarks import machine
from benchmarks.case import AnyCase, Case
from benchmarks.measure import measure, peak_memory
from benchmarks.results import CaseResult, Result, Results
from benchmarks.spread import OURS
from insarfeat.errors import RunFailed

T = TypeVar("T")

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"),
    "1",
)
# glibc otherwise learns to keep freed arrays, and a call that reuses them would seem to need no memory.
_GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure; without a size: at the sizes of each case; without rounds: first calls only."""

    size: int | None = None
    rounds: int = 7
    memory: bool = True


def smoke_effort(size: int | None = None) -> Effort:
    """Only enough to compare the answers."""
    return Effort(size or 64, rounds=0, memory=False)


def run(
    cases: Sequence[AnyCase],
    effort: Effort,
    announce: Callable[[str], object] = lambda _: None,
    keep: Callable[[Results], object] = lambda _: None,
) -> Results:
    """Measure the cases one after the other.

    ``announce`` hears of each before it starts; ``keep`` gets all that is known after each, so that an interruption
    costs no more than one.
    """
    results = Results(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        version=insarfeat.__version__,
        commit=commit(Path(__file__).parents[1]),
        machine=machine.describe(),
        rounds=effort.rounds,
        cases=(),
    )
    # What is only compared may share a process; what is timed may not, as its neighbours would leave traces.
    with _one_for_all() if not effort.rounds else nullcontext(in_fresh_process) as call:
        for case in cases:
            for size in case.sizes if effort.size is None else (effort.size,):
                announce(case.name)
                least = case.least if isinstance(case, Case) else 0
                measured = _measure(call, case, max(size, least), effort)
                results = replace(results, cases=(*results.cases, measured))
                keep(results)
    return results


def _measure(call: Callable[..., Any], case: AnyCase, size: int, effort: Effort) -> Result:
    try:
        result: Result = call(measure, case, size, effort.rounds, environment=ONE_THREAD)
        if isinstance(case, Case) and isinstance(result, CaseResult) and effort.memory:
            result = _with_memory(case, result)
    except BrokenProcessPool as error:
        fix = "perhaps for want of memory; give a smaller --size"
        raise RunFailed(f'case "{case.name}" ended its process, {fix}') from error
    except Exception as error:  # whatever the measured function raises
        raise RunFailed(f'case "{case.name}" failed with {type(error).__name__}: {error}') from error
    return result


def _with_memory(case: Case, result: CaseResult) -> CaseResult:
    """Add the peak memory of every contender that has an answer, each in a process of its own."""
    runs = {OURS: case.run} | {peer.name: peer.run for peer in case.others if peer.in_process}
    environment = ONE_THREAD | _GIVE_BACK
    contenders = tuple(
        one
        if not one.verdict.answered or one.name not in runs
        else replace(
            one,
            memory=in_fresh_process(
                peak_memory,
                case.prepare,
                partial(runs[one.name], **case.parameters),
                result.size,
                case.least,
                environment=environment,
            ),
        )
        for one in result.contenders
    )
    return replace(result, contenders=contenders)


def in_fresh_process(function: Callable[..., T], *arguments: object, environment: Mapping[str, str]) -> T:
    """Call a function in a new interpreter; thread counts only hold if set before numpy and numba load."""
    with _one_for_all() as call:
        found: T = call(function, *arguments, environment=environment)
        return found


@contextmanager
def _one_for_all() -> Iterator[Callable[..., Any]]:
    """A new interpreter that takes all calls; its environment is that of the first."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:

        def call(function: Callable[..., T], *arguments: object, environment: Mapping[str, str]) -> T:
            with _environment(environment):
                return pool.submit(function, *arguments).result()

        yield call


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables that a new process inherits, and put back what was there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def commit(root: Path) -> str | None:
    """Commit of a checkout, with ``-dirty`` after it if files were changed; None for an installed package."""
    if not (root / ".git").exists():  # an environment's folder may lie in somebody else's checkout
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() or None
    except (OSError, subprocess.CalledProcessError):  # no git, or no commit yet
        return None
