"""Two records of ``insarfeat bench``: what changed, and what is noise.

Times of two runs differ for many reasons that lie in nobody's code. Two things are done about it. Each of our calls
is divided by the machine's limit timed in the same round, so that slow spells and other clocks drop out. And how far
the other tools, whose code is the same in both records, seem to have moved tells how far one moves by chance: a
change counts only if it is larger than that of nine in ten of them, and if the rounds of the two hardly overlap.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.spread import OURS
from insarfeat.errors import InvalidArgument, MissingInput

SCHEMA = 2
LEAST_ROUNDS = 6
"""Of each record: with fewer, no rounds can lie so far apart that chance would not do it."""
_CERTAINTY = 0.005
_CONTROLS_SHARE, _CONTROLS_LEAST, _UNKNOWN_FLOOR = 0.9, 10, 0.10

What = Literal["faster", "slower", "no change", "too few rounds"]


@dataclass(frozen=True, slots=True)
class Change:
    """One of our calls in two records.

    Attributes
    ----------
    factor
        How many times as long it takes in the second.
    probability
        Of rounds that lie so far apart, were nothing changed (Mann and Whitney).
    """

    name: str
    factor: float
    probability: float
    verdict: What


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that two records share.

    Attributes
    ----------
    floor
        Relative change that is taken for noise; ``controls`` calls of other tools told it, or it is a guess.
    missing
        What only one of the records has.
    remarks
        What else differs: machine, versions.
    """

    changes: tuple[Change, ...]
    floor: float
    controls: int
    missing: tuple[str, ...]
    remarks: tuple[str, ...]


def read(path: Path) -> dict[str, Any]:
    """A record, as it is in its file."""
    if not path.is_file():
        raise MissingInput(f"there is no record {path}; insarfeat bench writes one")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        schema = record["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidArgument(f"{path} is no record of insarfeat bench") from error
    if schema != SCHEMA:
        raise InvalidArgument(
            f"{path} is a record of another version of insarfeat bench (schema {schema}, not {SCHEMA}); measure again"
        )
    return dict(record)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """What changed from one record to the other."""
    rounds = [dict(_rounds(record)) for record in (before, after)]
    shared = [key for key in rounds[0] if key in rounds[1]]
    moved = {key: _Moved.between(*(one[key] for one in rounds)) for key in shared}
    controls = [abs(one.shift) for key, one in moved.items() if not _ours(key) and one.told]
    enough = len(controls) >= _CONTROLS_LEAST
    floor = float(np.quantile(controls, _CONTROLS_SHARE)) if enough else math.log1p(_UNKNOWN_FLOOR)
    changes = tuple(
        Change(_title(key), math.exp(one.shift), one.probability, one.verdict(floor))
        for key, one in moved.items()
        if _ours(key)
    )
    alone = {key for one in rounds for key in one if _ours(key)} - set(shared)
    return Comparison(
        changes,
        math.expm1(floor),
        len(controls) if enough else 0,
        tuple(sorted(map(_title, alone))),
        tuple(_differences(before, after)),
    )


_Key = tuple[str, str, str]


def _ours(key: _Key) -> bool:
    return key[1].startswith(OURS)


def _title(key: _Key) -> str:
    case, tool, _ = key
    return case if tool == OURS else f"{case}: {tool}"


def _rounds(record: Mapping[str, Any]) -> Iterator[tuple[_Key, Sequence[float]]]:
    """Logarithms of the rounds by case, tool and its version; of what has a limit, beside that."""
    for case in record["cases"]:
        match case["kind"]:
            case "throughput" if case["reach"]:
                limit = np.log(case["reach"]["seconds"]["each"])
                for one in case["contenders"]:
                    if one["seconds"]:
                        mine = np.log(one["seconds"]["each"])
                        version = "" if one["name"].startswith(OURS) else str(one["version"])
                        yield (
                            (f"{case['name']} {case['size']}", one["name"], version),
                            mine - limit[: len(mine)],
                        )
            case "latency" if case["operator"]:
                yield (case["name"], OURS, ""), np.log(case["operator"]["each"])
            case "startup" if case["seconds"]:
                yield (case["name"], OURS, ""), np.log(case["seconds"]["each"])


@dataclass(frozen=True, slots=True)
class _Moved:
    shift: float
    probability: float
    told: bool

    @classmethod
    def between(cls, before: Sequence[float], after: Sequence[float]) -> _Moved:
        """Hodges and Lehmann's estimate of how far the second lies above the first, with its test."""
        from scipy.stats import mannwhitneyu

        shift = float(np.median(np.subtract.outer(after, before)))
        probability = float(mannwhitneyu(before, after, method="exact").pvalue)
        fewest = 2 / math.comb(len(before) + len(after), len(before))
        return cls(shift, probability, told=fewest <= _CERTAINTY)

    def verdict(self, floor: float) -> What:
        if not self.told:
            return "too few rounds"
        if self.probability > _CERTAINTY or abs(self.shift) <= floor:
            return "no change"
        return "slower" if self.shift > 0 else "faster"


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in ("cpu", "cores", "memory_gb", "system", "python"):
        one, other = (record["machine"][name] for record in (before, after))
        if one != other:
            yield f"{name.replace('_', ' ')}: {one} before, {other} after"
    versions = [record["machine"]["versions"] for record in (before, after)]
    for name in versions[0]:
        if versions[0][name] != versions[1].get(name):
            yield f"{name}: {versions[0][name]} before, {versions[1].get(name)} after"
