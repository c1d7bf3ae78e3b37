"""The figures of speed wherever they stand: ``python -m benchmarks.publish RECORD...`` (of ``insarfeat bench``).

It keeps the records, joined, as ``docs/speeds.json``, and writes the tables of the README, of ``docs/speeds.md`` and
of the pages on terrain, water and geometry. Without a record it writes them from the one that is kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import comparison
from benchmarks.case import CORES, TILES, Case
from benchmarks.cases import CASES
from benchmarks.flow_cases import FLOW
from benchmarks.geometry_cases import GEOMETRY
from benchmarks.goals import THEN
from benchmarks.pages import renew, table
from benchmarks.speeds import machine, rate, speed
from benchmarks.spread import OURS
from benchmarks.terrain_cases import TERRAIN
from insarfeat.errors import InvalidArgument

ROOT = Path(__file__).parents[1]
KEPT = "docs/speeds.json"
_SHOWN = {
    "goldstein, classic": "Goldstein filter, window 32, overlap 50 %",
    "goldstein, overlap 75 %": "Goldstein filter, overlap 75 %",
    "coherence 5 x 5": "coherence, 5 x 5",
    "slope": "slope",
    "aspect": "aspect",
    "tri": "ruggedness (Riley)",
    "profile curvature": "profile curvature",
    "convexity": "convexity, disc of 10 cells",
    "fill": "depressions filled",
    "MFD from a DEM": "accumulation from a DEM (MFD)",
    "slope to line of sight and sensitivity": "slope to line of sight, sensitivity",
    "range and Doppler": "range and Doppler of map pixels",
    "patches from Zarr": "patches of 256 from Zarr",
}
"""What the README shows, and how it calls it."""


def pages(record: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """The tables of each page."""
    yield "README.md", {"speeds": _short(record)}
    yield (
        "docs/speeds.md",
        {
            "speeds": _whole(record),
            "others": _others(record),
            "goals": _goals(record),
            "machine": machine(record),
        },
    )
    for page, cases in (("terrain", TERRAIN), ("flow", FLOW), ("geometry", GEOMETRY)):
        yield f"docs/{page}.md", {"speed": speed(record, cases)}


def _timed(record: Mapping[str, Any]) -> list[Any]:
    """The cases that have a throughput, each with its contenders by name."""
    throughputs = (case for case in record["cases"] if case["kind"] == "throughput" and case["reach"])
    known = {
        case.name: {OURS, *(one.name for one in case.others)} for case in CASES if isinstance(case, Case)
    }
    shown = []
    for case in throughputs:
        # A record may be older than the table, and have ways of ours that are no longer in it.
        ours = known.get(case["name"], set())
        contenders = [one for one in case["contenders"] if one["package"] != OURS or one["name"] in ours]
        shown.append({**case, "contenders": contenders, "by": {one["name"]: one for one in contenders}})
    return [case for case in shown if OURS in case["by"]]


def joined(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One record of several of one machine: of a case that is in two, what the later one found."""
    machines = {json.dumps(record["machine"], sort_keys=True) for record in records}
    if len(machines) > 1:
        raise InvalidArgument("the records are of different machines, or of other versions of libraries")
    cases = {(case["name"], case.get("size")): case for record in records for case in record["cases"]}
    return {**records[-1], "cases": list(cases.values())}


def _short(record: Mapping[str, Any]) -> str:
    rows = []
    for case in _timed(record):
        if case["name"] not in _SHOWN:
            continue
        peers = [one for one in case["contenders"] if one["package"] != OURS and one["mpx_per_s"]]
        best = max(peers, key=lambda one: one["mpx_per_s"], default=None)
        mark = "\\*" if best and best["verdict"]["state"] == "not comparable" else ""
        rows.append(
            (
                _SHOWN[case["name"]],
                rate(case["by"][OURS]["mpx_per_s"]),
                f"{best['name']}{mark}: {rate(best['mpx_per_s'])}" if best else "none that we know",
                f"{rate(best['speedup'])} x" if best else "",
            )
        )
    return table(("layer", "Mpx/s on one core", "fastest other tool", "we are"), rows)


def _rate_of(case: Mapping[str, Any], name: str) -> str:
    one = case["by"].get(name)
    return rate(one["mpx_per_s"]) if one and one["mpx_per_s"] else ""


def _whole(record: Mapping[str, Any]) -> str:
    rows = []
    for case in _timed(record):
        ours, reach, tiles = case["by"][OURS], case["reach"], case["by"].get(TILES)
        rows.append(
            (
                case["name"],
                f"{case['size']:,}",
                f"{rate(ours['mpx_per_s'])} ({_quartiles(case, ours)})",
                f"{case['goal']:g}" if case["goal"] else "",
                f"{reach['fraction']:.0%} of {reach['limit']}",
                _rate_of(case, TILES),
                _rate_of(case, CORES),
                *(_memory(one) for one in (ours, tiles)),
            )
        )
    heads = (
        "case",
        "side, px",
        "Mpx/s, one core (quartiles)",
        "goal",
        "of the machine's limit",
        "in tiles, one core",
        f"in tiles, {record['machine']['cores']} cores",
        "memory, B/px",
        "in tiles, B/px",
    )
    return table(heads, rows) + "\n\n" + table(("beside them", "median", "quartiles"), _latencies(record))


def _quartiles(case: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    slow, fast = (case["size"] ** 2 / one["seconds"][end] / 1e6 for end in ("high", "low"))
    return f"{rate(slow)} to {rate(fast)}"


def _memory(one: Mapping[str, Any] | None) -> str:
    return f"{one['memory']:.0f}" if one and one["memory"] is not None else ""


def _latencies(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for case in record["cases"]:
        match case["kind"]:
            case "latency" if case["operator"]:
                one = case["operator"]
                yield case["name"], f"{one['median']:.0f} µs", f"{one['low']:.0f} to {one['high']:.0f}"
            case "startup" if case["seconds"]:
                one = case["seconds"]
                yield (
                    f"`{case['statement']}`",
                    f"{one['median']:.2f} s",
                    f"{one['low']:.2f} to {one['high']:.2f}",
                )


def _goals(record: Mapping[str, Any]) -> str:
    """Goals, and what tools whose speed was known when they were set reach here: machines differ, ratios less so."""
    rows = []
    for case in _timed(record):
        if not case["goal"]:
            continue
        ours = case["by"][OURS]["mpx_per_s"]
        tools = [
            (name, then, case["by"][name]["mpx_per_s"])
            for name, then in THEN.get(case["name"], {}).items()
            if name in case["by"] and case["by"][name]["mpx_per_s"]
        ]
        rows.append(
            (
                case["name"],
                f"{case['goal']:g}",
                rate(ours),
                "; ".join(f"{name} {rate(then)}, here {rate(now)}" for name, then, now in tools),
                "; ".join(f"{rate(case['goal'] / then)}, here {rate(ours / now)}" for _, then, now in tools),
            )
        )
    heads = ("case", "goal", "here", "other tools when it was set, and here", "so the goal is times them")
    return table(heads, rows)


def _others(record: Mapping[str, Any]) -> str:
    """Every other tool on every case."""
    rows = [
        (
            case["name"],
            f"{one['name']} {one['version'] or ''}".strip(),
            rate(one["mpx_per_s"]) if one["mpx_per_s"] else "",
            rate(one["speedup"]) if one["speedup"] else "",
            _memory(one),
            _verdict(one["verdict"]),
        )
        for case in _timed(record)
        for one in case["contenders"]
        if one["package"] != OURS
    ]
    return table(("case", "tool", "Mpx/s", "times as long as ours", "B/px", "its answer"), rows)


def _verdict(verdict: Mapping[str, str]) -> str:
    match verdict["state"]:
        case "agrees":
            return f"agrees, {verdict['detail']}"
        case "missing":
            return "not installed"
        case state:
            return f"{state}: {verdict['detail']}"


def main() -> None:
    """Keep the record, and renew the pages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("record", type=Path, nargs="*")
    given = parser.parse_args()
    if given.record:
        kept = joined([comparison.read(path) for path in given.record])
        (ROOT / KEPT).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    record = json.loads((ROOT / KEPT).read_text(encoding="utf-8"))
    for name, tables in pages(record):
        page = ROOT / name
        page.write_text(renew(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main()
