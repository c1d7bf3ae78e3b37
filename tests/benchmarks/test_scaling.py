"""Rasters of any size, what is kept of measurements, and the page that is made of them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from records import SLOPE, cells_of, contender, record

from benchmarks import how_far, scaling
from benchmarks.pages import renew
from benchmarks.publish import KEPT, ROOT
from insarfeat.windows import Window


def doubled(number: int) -> int:
    return 2 * number


@pytest.mark.parametrize("name", ["elevation", "primary"])
def test_a_pattern_is_the_same_in_any_window(name: str) -> None:
    pattern = scaling.Pattern(name)
    whole, part = pattern(Window(1000, 0, 60, 90)), pattern(Window(1020, 30, 20, 40))
    np.testing.assert_array_equal(whole[20:40, 30:70], part)
    far = pattern(Window(1000 + 7 * 1024, 9 * 1024, 60, 90))
    np.testing.assert_array_equal(whole, far)
    large = pattern(Window(0, 5, 6200, 8))  # wider than the pattern with its repeats
    np.testing.assert_array_equal(large[6144:], pattern(Window(6144, 5, 56, 8)))


@pytest.mark.parametrize("name", scaling.LAYERS)
def test_every_layer_can_be_made_at_any_size(name: str) -> None:
    layers = scaling.LAYERS[name].made(96)
    assert layers
    for layer in layers:
        assert np.isfinite(layer.values).any()


def test_what_is_known_is_not_measured_again(tmp_path: Path) -> None:
    kept = scaling.Kept(tmp_path / "known.json")
    kept.once("part", "name", doubled, 4)
    again = scaling.Kept(tmp_path / "known.json")
    again.once("part", "name", math.sqrt, 4)
    assert again.known == {"part": {"name": 8}}


def known(seconds: float = 2.0) -> dict[str, Any]:
    figures = {"seconds": seconds, "busy": 1.9, "memory_mb": 100.0}
    run = {
        "seconds": 5.0,
        "tasks": 64,
        "graph_bytes": 9e3,
        "moved_bytes": 5e5,
        "input_bytes": 1e9,
        "digest": "a",
    }
    return {
        "cores": 2,
        "sizes": {"slope|1000": figures, "slope|2000": figures | {"seconds": 2 * seconds}},
        "workers": {"threads|1": {"seconds": 8.0}, "processes|2": {"seconds": 5.0}},
        "cluster": {"undisturbed": run, "a worker killed": run | {"digest": "b"}},
    }


def jobs() -> dict[str, Any]:
    case = SLOPE.contenders[0], contender("insarfeat, all cores", 1.0)
    return record(*(replace(SLOPE, name=name, contenders=case) for name in how_far._JOBS))


def test_the_tables_say_what_was_measured() -> None:
    found = how_far.tables(known(), jobs())
    assert cells_of(found["sizes"]) == [["slope", "0.5", "1", "1.90", "100"]]
    assert cells_of(found["workers"]) == [["one thread", "8.0", "1.00"], ["2 processes", "5.0", "1.60"]]
    assert [row[-1] for row in cells_of(found["cluster"])] == ["the same pixels", "OTHER PIXELS"]


def test_areas_are_pixels_over_the_speed_at_the_largest_side() -> None:
    rows = {row[0]: row[1:] for row in cells_of(how_far.tables(known(), jobs())["areas"])}
    frame = 250e3 * 170e3 / 15.0**2
    assert rows["slope"][0] == f"{frame / 1e6 / 60:.0f} min"  # at 1 Mpx/s
    assert rows["slope"][-1] == f"{2 * 10.2e12 / 225 / 1e6 / 3600:.0f}"


def test_what_stands_on_the_page_is_what_the_kept_figures_say() -> None:
    page = (ROOT / how_far.PAGE).read_text(encoding="utf-8")
    figures, bench = (
        json.loads((ROOT / path).read_text(encoding="utf-8")) for path in (how_far.SCALING, KEPT)
    )
    assert renew(page, how_far.tables(figures, bench)) == page, "benchmarks.scaling page renews it"
