"""The study of terrain compares what is alike, and writes where the page has a place for it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from records import cells_of

from benchmarks import terrain_study, terrain_tools
from benchmarks.pages import renew, table
from benchmarks.peers import Array
from benchmarks.terrain_study import COMPARISONS, SAMPLES, Comparison, Dem, Row, accuracy, main

PAGE = Path(__file__).parents[2] / "docs" / "terrain.md"
EDGES = np.array([[0.0, 1, 2, 3]])


def layers(values: Mapping[str, Any]) -> dict[str, Array]:
    return {name: np.asarray(value, np.float32) for name, value in values.items()}


def made_up(ours: Mapping[str, Any], theirs: Mapping[str, Any], *rows: Row) -> Comparison:
    return Comparison("made up", None, rows, lambda _: layers(ours), lambda _: layers(theirs))


def test_a_difference_is_the_largest_where_the_other_one_has_a_value() -> None:
    comparison = made_up(
        {"slope": [[1.0, 2.5, 9]]},
        {"slope": [[1.0, 2, np.nan]]},
        Row("slope", "°", 0.5),
        Row("slope", "m", 0.4),
    )
    rows = cells_of(accuracy([Dem("hill", EDGES, 1.0)], [comparison]))
    assert rows == [
        ["made up", "slope", "5e-1°", "5e-1"],
        ["made up", "slope", "4e-1 m", "**5e-1**"],  # above the goal
    ]


def test_a_value_that_only_the_other_one_has_is_an_infinite_difference() -> None:
    row = Row("slope", "°", 1.0)
    assert row.difference(layers({"slope": [np.nan, 1]}), layers({"slope": [1, 1]})) == np.inf


def test_angles_are_compared_around_the_circle_and_on_slopes_only() -> None:
    row = Row("aspect", "°", 1.0, turn=360, slope="slope")
    ours = layers({"aspect": [359.75, 90, 10], "slope": [5, 0.5, 5]})
    assert row.difference(ours, layers({"aspect": [0.25, 180, 10]})) == pytest.approx(0.5)


def test_shares_are_of_the_range_without_its_ends() -> None:
    theirs = np.r_[np.linspace(0, 200, 1001), 1e6, -1e6]
    ours = theirs.copy()
    ours[500] += 2
    found = Row("curvature", "", 1.0, share=True).difference({"curvature": ours}, {"curvature": theirs})
    assert found == pytest.approx(2 / 198, rel=0.02)


def test_rows_have_the_layers_that_both_compute() -> None:
    dem = Dem("hill", np.random.default_rng(0).normal(size=(12, 12)).astype(np.float32), 10.0)
    for comparison in COMPARISONS:
        if not comparison.installed:
            pytest.skip(f"{comparison.command} is not installed")
        ours, theirs = comparison.ours(dem), comparison.theirs(dem)
        assert {row.layer for row in comparison.rows} <= set(ours) & set(theirs)
        assert all(not row.slope or row.slope in ours for row in comparison.rows)


def test_beside_saga_and_gdal_a_small_hill_reaches_the_goals() -> None:
    for program in (terrain_tools.SAGA, terrain_tools.GDAL):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    y, x = np.mgrid[-20:20, -20:20]
    hill = np.round(1024 * 300 * np.exp(-(y**2 + 2 * x**2 + x * y) / 300)) / 1024
    hill[10:13, 25:27] = np.nan
    text = accuracy([Dem("hill", hill.astype(np.float32), 10.0)])
    assert "**" not in text
    rows = {(row[0].split()[0], row[1]): row[-1] for row in cells_of(text)}
    assert rows["SAGA", "cells without a slope"] == "0"
    assert rows["GDAL", "cells without a slope"] == rows["GDAL", "of these ours has"] == f"{4 * 39 + 14}"


def test_absent_programs_are_named_and_the_rest_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    rows = cells_of(accuracy([Dem("hill", np.zeros((4, 4), np.float32), 10.0)]))
    assert rows[:2] == [["SAGA", "not installed", "", ""], ["GDAL", "not installed", "", ""]]
    assert {row[0] for row in rows[2:]} == {"ours in float64"}


def test_nothing_but_the_space_between_the_marks_is_written() -> None:
    page = (
        "above\n<!-- a: begin -->\nold\n<!-- a: end -->\nbetween\n<!-- b: begin -->\n<!-- b: end -->\nbelow\n"
    )
    found = renew(page, {"a": table(["x"], [["1"]])})
    assert found == page.replace("old", "| x |\n|---|\n| 1 |")
    assert renew(found, {"b": "text"}) == found.replace("b: begin -->\n", "b: begin -->\ntext\n")


def test_the_page_has_a_place_for_each_table() -> None:
    assert "NUMBERS" in renew(PAGE.read_text(encoding="utf-8"), {"accuracy": "NUMBERS"})


def test_the_command_renews_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hill = Dem("hill", EDGES, 1.0)
    monkeypatch.setattr(terrain_study, "read_samples", lambda _: [hill])
    monkeypatch.setenv("PATH", "")
    page = tmp_path / "page.md"
    shutil.copy(PAGE, page)
    before = page.read_text(encoding="utf-8")
    assert main(["--docs", str(page)]) == 0
    assert page.read_text(encoding="utf-8") == renew(before, {"accuracy": accuracy([hill])})
    assert "not installed" in capsys.readouterr().out


def test_without_the_samples_the_command_says_so_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    shutil.copy(PAGE, page)
    assert main(["--data", str(tmp_path), "--docs", str(page)]) == 1
    assert "give the folder of the real samples with --data" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


def test_the_samples_are_read_with_their_voids(test_data: Path) -> None:
    absent = [path for path in SAMPLES.values() if not (test_data / path).exists()]
    if absent:
        pytest.skip(f"samples are missing: {', '.join(absent)}")
    dems = terrain_study.read_samples(test_data)
    assert [dem.name for dem in dems] == [f"{name}, {5 if 'Tyrol' in name else 30} m" for name in SAMPLES]
    assert all(dem.elevation.dtype == np.float32 for dem in dems)
    voids = [np.isnan(dem.elevation).mean() for dem in dems]
    assert voids[:2] == [0, 0]
    assert all(0.02 < share < 0.5 for share in voids[2:])
