"""Speeds of a record of ``insarfeat bench`` as a table for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.case import CORES, TILES, Case
from benchmarks.pages import table
from benchmarks.spread import OURS


def speed(record: Mapping[str, Any], table_of: Sequence[Case]) -> str:
    """Mpx/s of some cases in a record of ``insarfeat bench``."""
    names = [case.name for case in table_of]
    cases = [case for case in record["cases"] if case["name"] in names and case["contenders"][0]["mpx_per_s"]]
    if not cases:
        raise ValueError(
            "the record has none of the cases of this page, timed: write one with insarfeat bench"
        )
    ours = (OURS, TILES, CORES)
    tools = {one["name"]: one for case in cases for one in case["contenders"] if one["name"] not in ours}
    rows, notes = [], []
    for case in cases:
        by_name = {one["name"]: one for one in case["contenders"]}
        reach = case["reach"]
        share = f" ({reach['fraction']:.0%})" if reach else ""
        row = [case["name"], f"{case['size']} px", f"{rate(by_name[OURS]['mpx_per_s'])}{share}"]
        for tool in tools:
            one = by_name.get(tool)
            row.append(_beside(one) if one else "")
            if one and one["verdict"]["state"] == "not comparable":
                notes.append(f"{case['name']}, {tool}: {one['verdict']['detail']}")
        rows.append(row)
    heads = ["case", "size", f"{OURS} {record['version']}", *(_headed(one) for one in tools.values())]
    marked = "".join(f"\n- \\* {note}" for note in notes)
    return f"{machine(record)}\n\n{table(heads, rows)}" + (f"\n{marked}" if marked else "")


def _beside(one: Mapping[str, Any]) -> str:
    """Another tool's rate, and how many times as fast we are."""
    state = one["verdict"]["state"]
    if one["mpx_per_s"] is None:
        return "not installed" if state == "missing" else str(state)
    mark = {"agrees": "", "not comparable": "\\*"}.get(state, f", {state}")
    return f"{rate(one['mpx_per_s'])} (x {rate(one['speedup'])}){mark}"


def _headed(one: Mapping[str, Any]) -> str:
    """Name with the version after the tool's own name: SAGA 8.5.0, with files."""
    tool, comma, rest = str(one["name"]).partition(",")
    return f"{tool} {one['version']}{comma}{rest}" if one["version"] else str(one["name"])


def rate(value: float) -> str:
    """A rate in two digits, or all before the point."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def machine(record: Mapping[str, Any]) -> str:
    """Where and when a record was made, as a sentence."""
    told = record["machine"]
    versions = ", ".join(f"{name} {told['versions'][name]}" for name in ("numpy", "numba"))
    memory = f", {told['memory_gb']:.0f} GB" if told["memory_gb"] else ""
    return (
        f"Measured on {record['date'][:10]} on one core of {told['cpu']} ({told['cores']} cores{memory}), "
        f"{told['system']}, Python {told['python']}, {versions}; medians of {record['rounds']} rounds in which "
        f"the tools take turns."
    )
