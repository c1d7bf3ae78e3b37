"""Records of ``insarfeat bench`` made up for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.results import CaseResult, Contender, Reach, Result, Results, Spread, Verdict


def cells_of(text: str) -> list[list[str]]:
    """Cells of each line of a table, without the two lines of its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(line) for line in cells}) == 1, "all lines have the same cells"
    return cells[2:]


def contender(name: str, rate: float | None, state: Any = "agrees", detail: str = "") -> Contender:
    if rate is None:
        return Contender(name, name, "1.2", Verdict(state, detail))
    seconds = Spread.of([1 / rate])
    package = name.partition(",")[0]
    return Contender(name, package, "1.2", Verdict(state, detail), seconds, rate, 500 / rate, 4.0)


def record(*cases: Result) -> dict[str, Any]:
    described = replace(machine.describe(), cpu="Some CPU", cores=2, memory_gb=8.2, python="3.11.7")
    found = Results("2025-01-01T00:00:00+00:00", "9.9", None, described, rounds=7, cases=cases)
    loaded: dict[str, Any] = json.loads(json.dumps(asdict(found)))
    return loaded


SLOPE = CaseResult(
    "slope",
    4096,
    {},
    8,
    (
        contender("insarfeat", 500.0, "reference"),
        contender("insarfeat, in tiles", 400.0),
        contender("insarfeat, all cores", 900.0),
        contender("numpy", 25.0),
        contender("loose", 100.0, "not comparable", "has another definition"),
        contender("gdaldem, with files", 5.0),
        contender("absent", None, "missing"),
        contender("liar", 250.0, "differs", "by 1"),
    ),
    Reach("copy", 8.0, "GB/s", 1000.0, fraction=0.5, seconds=Spread.of([1.0])),
    goal=800,
)
TRI = replace(SLOPE, name="tri", size=1024, contenders=(SLOPE.contenders[0], SLOPE.contenders[3]), goal=None)


def timed(
    name: str, seconds: Sequence[float], limit: Sequence[float], **peers: Sequence[float]
) -> CaseResult:
    """A case of which only the times are of interest."""
    times = {"insarfeat": seconds, **peers}
    contenders = (
        Contender(tool, tool, "1", Verdict("agrees"), Spread.of(list(each))) for tool, each in times.items()
    )
    reach = Reach("copy", 1.0, "GB/s", 1.0, 1.0, seconds=Spread.of(list(limit)))
    return CaseResult(name, 64, {}, 8, tuple(contenders), reach)


def noisy(generator: np.random.Generator, seconds: float, rounds: int, noise: float = 0.03) -> np.ndarray:
    """Times of rounds that scatter by a share."""
    return np.asarray(seconds * np.exp(noise * generator.standard_normal(rounds)))
