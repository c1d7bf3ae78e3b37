"""The page on how far it goes: tables and a picture of what ``benchmarks.scaling`` and ``insarfeat bench`` found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.case import CORES
from benchmarks.pages import renew, table
from benchmarks.publish import KEPT, ROOT
from benchmarks.speeds import rate

SCALING = "docs/scaling.json"
PAGE = "docs/how-far.md"
_PIXEL_KM2 = 0.015**2
# In km2: an IW frame of 250 x 170 km; Italy's land; the continent west of the Urals.
AREAS = {"an IW frame": 250.0 * 170.0, "Italy": 301_000.0, "Europe": 10_200_000.0}
_JOBS = ("stack for detection, from disk to disk", "prediction, masks", "prediction, boxes")
_TILE = 2048


def tables(known: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, str]:
    """All tables of the page, of what was measured so far."""
    found: dict[str, str] = {}
    if "sizes" in known:
        found |= {"sizes": _sizes(known), "areas": _areas(known, record)}
    if "workers" in known:
        found["workers"] = _workers(known["workers"])
    if "cluster" in known:
        found["cluster"] = _cluster(known["cluster"])
    return found


def _by_layer(known: Mapping[str, Any]) -> dict[str, dict[int, dict[str, float]]]:
    found: dict[str, dict[int, dict[str, float]]] = {}
    for key, figures in known["sizes"].items():
        name, _, side = key.partition("|")
        found.setdefault(name, {})[int(side)] = figures
    return found


def _speed(side: int, figures: Mapping[str, float]) -> float:
    return side**2 / figures["seconds"] / 1e6


def _sizes(known: Mapping[str, Any]) -> str:
    layers = _by_layer(known)
    sides = sorted({side for of in layers.values() for side in of})
    rows = []
    for name, of in layers.items():
        last = of[max(of)]
        speeds = [rate(_speed(side, of[side])) if side in of else "" for side in sides]
        rows.append((name, *speeds, f"{last['busy']:.2f}", f"{last['memory_mb']:.0f}"))
    heads = ("Mpx/s at a side of", *(f"{side:,} px" for side in sides), "cores busy", "memory, MB")
    return table(heads, rows)


def _areas(known: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    speeds = {name: _speed(max(of), of[max(of)]) for name, of in _by_layer(known).items()}
    timed = {case["name"]: case["contenders"] for case in record["cases"] if case["kind"] == "throughput"}
    for name in _JOBS:
        (one,) = (one for one in timed[name] if one["name"] == CORES)
        speeds[name] = one["mpx_per_s"]
    pixels = {area: km2 / _PIXEL_KM2 for area, km2 in AREAS.items()}
    head = [("pixels", *(f"{count / 1e9:.2g} billion" for count in pixels.values()), "")]
    head.append((f"tiles of {_TILE:,}", *(f"{count / _TILE**2:,.0f}" for count in pixels.values()), ""))
    rows = [
        (
            name,
            *(_duration(count / speed / 1e6) for count in pixels.values()),
            rate(pixels["Europe"] / speed / 1e6 * known["cores"] / 3600),
        )
        for name, speed in speeds.items()
    ]
    return table(("", *pixels, "Europe, core hours"), [*head, *rows])


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _workers(known: Mapping[str, Mapping[str, float]]) -> str:
    alone = known["threads|1"]["seconds"]
    rows = []
    for key, figures in known.items():
        how, _, count = key.partition("|")
        title = (
            f"{count} {how}" if count != "1" else {"threads": "one thread", "processes": "one process"}[how]
        )
        rows.append((title, f"{figures['seconds']:.1f}", f"{alone / figures['seconds']:.2f}"))
    return table(("workers", "seconds", "times as fast as one thread"), rows)


def _cluster(known: Mapping[str, Mapping[str, Any]]) -> str:
    whole = known["undisturbed"]
    rows = [
        (
            name,
            f"{one['seconds']:.0f}",
            f"{one['tasks']:,}",
            f"{one['graph_bytes'] / 1e3:.0f}",
            f"{one['moved_bytes'] / 1e6:.1f}",
            f"{one['input_bytes'] / 1e6:,.0f}",
            "the same pixels" if one["digest"] == whole["digest"] else "OTHER PIXELS",
        )
        for name, one in known.items()
    ]
    heads = (
        "eight workers",
        "seconds",
        "tasks",
        "plan, kB",
        "moved between processes, MB",
        "inputs, MB",
        "result",
    )
    return table(heads, rows)


def picture(known: Mapping[str, Any]) -> bytes:
    """Cost against size, and speed against workers."""
    from matplotlib.figure import Figure

    import insarfeat

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    for number, (name, of) in enumerate(_by_layer(known).items()):
        sides = sorted(of)
        costs = [1e3 * of[side]["seconds"] / (side**2 / 1e6) for side in sides]
        left.loglog(
            sides, costs, marker="osD^vXP"[number % 7], label=name, color=f"C{number % 10}", lw=1.3, ms=4
        )
    sides = sorted({side for of in _by_layer(known).values() for side in of})
    left.set_xticks(sides, [f"{side:,}" for side in sides])
    left.minorticks_off()
    left.set(xlabel="side of the raster, pixels", ylabel=f"ms for a megapixel, {known['cores']} cores")
    left.set_title("Cost against size: level is as it should be", fontsize=10)
    left.grid(alpha=0.3)
    left.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for how, marker in (("threads", "o"), ("processes", "s")):
        points = {
            int(key.partition("|")[2]): one["seconds"]
            for key, one in known["workers"].items()
            if key.startswith(how)
        }
        right.plot(list(points), list(points.values()), marker=marker, label=how)
    right.axvline(known["cores"], color="0.6", ls=":", label=f"cores: {known['cores']}")
    right.set(xlabel="workers", ylabel="seconds", ylim=(0, None), xticks=[1, 2, 4])
    right.set_title("Filtered phase and sensitivity, 8,192 px", fontsize=10)
    right.grid(alpha=0.3)
    right.legend(fontsize=8)
    return insarfeat.plot.png(figure, dpi=100)


def write(known: Mapping[str, Any], page: Path | None) -> None:
    """Print the tables; with a page keep the figures, and renew it and its picture."""
    record = json.loads((ROOT / KEPT).read_text(encoding="utf-8"))
    found = tables(known, record)
    for name, content in found.items():
        print(f"\n{name}\n{content}")
    if page:
        (ROOT / SCALING).write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        page.write_text(renew(page.read_text(encoding="utf-8"), found), encoding="utf-8")
        page.with_suffix(".png").write_bytes(picture(known))
