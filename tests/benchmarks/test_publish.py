"""What a record says on pages: the tables of the README and of the documentation."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from records import SLOPE, TRI, cells_of, contender, record

from benchmarks import publish
from benchmarks.case import CORES, TILES
from benchmarks.cases import CASES
from benchmarks.flow_cases import FLOW
from benchmarks.geometry_cases import GEOMETRY
from benchmarks.goals import GOALS
from benchmarks.pages import renew
from benchmarks.results import LatencyResult, Spread, StartupResult
from benchmarks.speeds import speed
from benchmarks.terrain_cases import TERRAIN
from insarfeat.errors import InvalidArgument


def test_speeds_are_beside_ours_with_the_ratio() -> None:
    text = speed(record(SLOPE, TRI), TERRAIN)
    head, *_ = [line for line in text.splitlines() if line.startswith("|")]
    assert "| insarfeat 9.9 | numpy 1.2 | loose 1.2 | gdaldem 1.2, with files |" in head
    assert cells_of(text) == [
        ["slope", "4096 px", "500 (50%)", "25 (x 20)", "100 (x 5)\\*", "5 (x 100)", "not installed",
         "250 (x 2), differs"],
        ["tri", "1024 px", "500 (50%)", "25 (x 20)", "", "", "", ""],
    ]  # fmt: skip
    assert "- \\* slope, loose: has another definition" in text


def test_the_machine_is_described_above_the_speeds() -> None:
    first = speed(record(SLOPE), TERRAIN).splitlines()[0]
    assert first.startswith("Measured on 2025-01-01 on one core of Some CPU (2 cores, 8 GB)")
    assert f"numpy {np.__version__}" in first
    assert "medians of 7 rounds" in first


def test_a_record_without_timed_terrain_is_refused() -> None:
    untimed = replace(SLOPE, contenders=(contender("insarfeat", None, "reference"),))
    for cases in ((), (untimed,), (replace(SLOPE, name="gaussian"),)):
        with pytest.raises(ValueError, match="none of the cases of this page"):
            speed(record(*cases), TERRAIN)


def test_cases_of_other_functions_are_left_out() -> None:
    assert speed(record(SLOPE, replace(TRI, name="gaussian")), TERRAIN) == speed(record(SLOPE), TERRAIN)
    assert {"slope", "tri", "convexity", "terrain, all four"} <= {case.name for case in TERRAIN}


def test_the_readme_names_the_fastest_other_tool_whatever_it_computes() -> None:
    (tables,) = (tables for name, tables in publish.pages(both()) if name == "README.md")
    assert cells_of(tables["speeds"]) == [
        ["slope", "500", "liar: 250", "2 x"],
        ["ruggedness (Riley)", "500", "numpy: 25", "20 x"],
    ]
    others = tuple(one for one in SLOPE.contenders if one.name != "liar")
    assert "loose\\*: 100" in publish._short(record(replace(SLOPE, contenders=others)))


def both() -> dict:
    flow, geometry = replace(SLOPE, name="flats"), replace(SLOPE, name=GEOMETRY[0].name)
    latency = LatencyResult("dispatch", Spread.of([11.0, 12.0]), Spread.of([1.0]), overhead=10.5)
    startup = StartupResult("import", "import insarfeat", Spread.of([0.5]))
    return record(SLOPE, TRI, flow, geometry, latency, startup)


def test_the_page_of_speeds_has_every_case_with_its_goal_and_every_other_tool() -> None:
    (tables,) = (tables for name, tables in publish.pages(both()) if name == "docs/speeds.md")
    cases, beside = tables["speeds"].split("\n\n")
    assert cells_of(cases)[0] == [
        "slope", "4,096", "500 (8389 to 8389)", "800", "50% of copy", "400", "900", "4", "4",
    ]  # fmt: skip
    assert cells_of(beside) == [
        ["dispatch", "12 µs", "11 to 12"],
        ["`import insarfeat`", "0.50 s", "0.50 to 0.50"],
    ]
    others = [row for row in cells_of(tables["others"]) if row[0] == "slope"]
    assert [row[1] for row in others] == [
        "numpy 1.2", "loose 1.2", "gdaldem, with files 1.2", "absent 1.2", "liar 1.2",
    ]  # fmt: skip
    assert [row[-1] for row in others][1:4:2] == ["not comparable: has another definition", "not installed"]


def test_of_a_case_in_two_records_the_later_one_counts() -> None:
    again = replace(SLOPE, contenders=(contender("insarfeat", 600.0, "reference"),))
    found = publish.joined([record(SLOPE, TRI), record(again)])
    assert [(case["name"], case["contenders"][0]["mpx_per_s"]) for case in found["cases"]] == [
        ("slope", 600.0), ("tri", 500.0),
    ]  # fmt: skip
    other = record(TRI)
    other["machine"]["cpu"] = "Another"
    with pytest.raises(InvalidArgument, match="different machines"):
        publish.joined([record(SLOPE), other])


def test_ways_of_ours_that_a_case_no_longer_has_are_left_out() -> None:
    fill = next(case.name for case in FLOW if case.spreading is None)
    (case,) = publish._timed(record(replace(SLOPE, name=fill)))
    assert set(case["by"]) == {one.name for one in SLOPE.contenders} - {TILES, CORES}


def test_a_record_without_times_is_refused() -> None:
    untimed = replace(SLOPE, contenders=(contender("insarfeat", None, "reference"),), reach=None)
    with pytest.raises(ValueError, match="none of the cases"):
        dict(publish.pages(record(untimed)))


def test_what_stands_on_the_pages_is_what_the_kept_record_says() -> None:
    kept = json.loads((publish.ROOT / publish.KEPT).read_text(encoding="utf-8"))
    for name, tables in publish.pages(kept):
        page = (publish.ROOT / name).read_text(encoding="utf-8")
        assert renew(page, tables) == page, f"python -m benchmarks.publish renews {name}"


def test_goals_and_names_for_the_readme_belong_to_cases() -> None:
    assert {*GOALS, *publish._SHOWN} <= {case.name for case in CASES}
