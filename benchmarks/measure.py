"""The stop-watch inside a process: first calls, rounds and peak memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

import insarfeat
from benchmarks.case import AnyCase, Case, Latency, Startup
from benchmarks.goals import GOALS
from benchmarks.machine import LIMITS
from benchmarks.peers import Array, Peer
from benchmarks.results import (
    CaseResult,
    Contender,
    LatencyResult,
    Reach,
    Result,
    Spread,
    StartupResult,
    Verdict,
)
from benchmarks.spread import OURS

_LIMIT = "limit of the machine"
_WARM_UP_SIZE = 64
# In seconds: how long the caches are given, which calls need none of it, and when a slow tool has had its time.
_SETTLING, _LONG, _PATIENCE = 0.02, 1.0, 30.0
_LEAST_ROUNDS = 3

# Imports are timed where they happen, so that the start of the interpreter does not count.
_TIMED = "from time import perf_counter\nstarted = perf_counter()\n{}\nprint(perf_counter() - started)"


def interleave(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of the calls; every round gives each its turn, so that a slow spell of the machine hits all.

    A turn starts with calls that are not timed: the neighbour before left the caches to itself, and on images
    that fit them the one after the limit's large copy would look several times slower than it is. A tool that takes
    long is called less often.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            before = seconds[name]
            if len(before) >= _LEAST_ROUNDS and sum(before) > _PATIENCE:
                continue
            if not before or before[-1] < _LONG:
                _settle(run)
            started = perf_counter()
            answer = run()
            before.append(perf_counter() - started)
            del answer  # giving the memory back is not part of the call
    return seconds


def _settle(run: Callable[[], object]) -> None:
    until = perf_counter() + _SETTLING
    run()
    while perf_counter() < until:
        run()


def measure(case: AnyCase, size: int, rounds: int) -> Result:
    """Measure a case in this process; no rounds: only the first calls, and how their answers compare."""
    match case:
        case Case():
            return _throughput(case, size, rounds)
        case Latency():
            return _latency(case, rounds)
        case Startup():
            return _startup(case, rounds)


def _throughput(case: Case, size: int, rounds: int) -> CaseResult:
    inputs, goal = case.prepare(size), GOALS.get(case.name)
    calls = {
        name: partial(run, *inputs, **case.parameters)
        for name, run in ((OURS, case.run), *((peer.name, peer.run) for peer in case.others))
    }
    # The first calls load and compile; their answers are compared, and their times left out.
    ours = calls[OURS]()
    traffic = sum(array.nbytes for array in (*inputs, ours)) / size**2
    contenders = (
        Contender(OURS, OURS, insarfeat.__version__, Verdict("reference")),
        *(
            Contender(peer.name, peer.package, peer.version(), _first_call(peer, calls[peer.name], ours))
            for peer in case.others
        ),
    )
    del ours
    if not rounds:
        return CaseResult(case.name, size, case.parameters, traffic, contenders, goal=goal)

    limit = LIMITS[case.limit]()
    runs = {one.name: calls[one.name] for one in contenders if one.verdict.answered}
    times = interleave({**runs, _LIMIT: limit.run}, rounds)
    seconds = {name: Spread.of(values) for name, values in times.items()}
    throughput = {name: size**2 / spread.median / 1e6 for name, spread in seconds.items()}
    timed = (
        replace(
            one,
            seconds=seconds[one.name],
            mpx_per_s=throughput[one.name],
            speedup=throughput[OURS] / throughput[one.name],
        )
        if one.name in runs
        else one
        for one in contenders
    )
    rate = limit.amount / seconds[_LIMIT].median
    possible = limit.mpx_per_s(rate, traffic)
    reach = Reach(
        limit.name, rate, limit.unit, possible, fraction=throughput[OURS] / possible, seconds=seconds[_LIMIT]
    )
    return CaseResult(case.name, size, case.parameters, traffic, tuple(timed), reach, goal)


def _first_call(peer: Peer, call: Callable[[], Array], ours: Array) -> Verdict:
    if not peer.installed:
        return Verdict("missing", f"{peer.package} is not installed")
    try:
        theirs = call()
    except Exception as error:  # whatever a foreign package raises must not cost the run
        return Verdict("failed", f"{type(error).__name__}: {error}")
    return peer.answer.judge(ours, theirs)


def _latency(case: Latency, rounds: int) -> LatencyResult:
    pair = dict(zip(("operator", "direct"), case.pair(), strict=True))
    for call in pair.values():
        call()

    def many(call: Callable[[], object]) -> None:
        for _ in range(case.calls):
            call()

    times = interleave({name: partial(many, call) for name, call in pair.items()}, rounds)
    if not rounds:
        return LatencyResult(case.name)
    operator, direct = (Spread.of([one / case.calls * 1e6 for one in values]) for values in times.values())
    return LatencyResult(case.name, operator, direct, overhead=operator.median - direct.median)


def _startup(case: Startup, rounds: int) -> StartupResult:
    command = [sys.executable, "-c", _TIMED.format(case.statement)]
    # The first one reads from disk what the others find in memory.
    times = [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
        for _ in range(rounds + 1)
    ]
    return StartupResult(case.name, case.statement, Spread.of(times[1:]) if rounds else None)


def peak_memory(
    prepare: Callable[[int], tuple[Array, ...]], run: Callable[..., Array], size: int, least: int = 0
) -> float | None:
    """Peak memory of a call in bytes per pixel, above what the process holds before it.

    What it holds are the imported and compiled code and the inputs. Only Linux lets a process forget the peak
    of its past, as the inputs' making would otherwise count; None elsewhere.
    """
    run(*prepare(max(_WARM_UP_SIZE, least)))
    inputs = prepare(size)
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # 5: reset the peak
        before = _resident("VmRSS")
        run(*inputs)
        return max(_resident("VmHWM") - before, 0) / size**2
    except OSError:
        return None


def _resident(key: str) -> int:
    """Bytes in a line such as ``VmRSS:  1234 kB``."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024
