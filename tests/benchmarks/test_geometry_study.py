"""The study of radar geometry measures what it says, and writes where the page has a place for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import geometry_peers, geometry_study
from benchmarks.case import Case
from benchmarks.geometry_cases import GEOMETRY
from benchmarks.pages import renew

PAGE = Path(__file__).parents[2] / "docs" / "geometry.md"


def test_the_page_has_a_place_for_each_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in ("check values", "trigonometry", "places", "speed"):
        assert "NUMBERS" in renew(page, {name: "NUMBERS"})


def test_check_values_are_those_of_the_formula() -> None:
    cells = [line.strip("| ").split(" | ")[1:] for line in geometry_study.check_values().splitlines()[2:]]
    assert cells == [["+0.844", "-0.313"], ["-0.313", "+0.844"]]


def test_places_of_real_tie_points_are_within_a_tenth_of_a_pixel(test_data: Path) -> None:
    for line in geometry_study.places(test_data).splitlines()[2:]:
        lines, samples = (float(cell) for cell in line.strip("| ").split(" | ")[2:4])
        assert lines < 0.1
        assert samples < 0.1


def test_without_the_samples_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("untouched")
    assert geometry_study.main(["--data", str(tmp_path), "--docs", str(page)]) == 1
    assert page.read_text() == "untouched"
    assert "--data" in capsys.readouterr().err


@pytest.mark.parametrize("case", GEOMETRY, ids=lambda case: case.name)
def test_each_case_gives_an_answer_that_its_peers_agree_with(case: Case) -> None:
    size = 96
    inputs = case.prepare(size)
    ours = case.run(*inputs, **case.parameters)
    assert ours.shape == (size, size)
    if ours.dtype.kind in "fc":
        assert np.isfinite(ours).mean() > 0.4
    for peer in case.peers:
        if peer.installed:
            verdict = peer.answer.judge(ours, peer.run(*inputs, **case.parameters))
            assert verdict.state == "agrees", f"{peer.name} {verdict.detail}"


def test_the_map_of_the_scene_lies_in_its_image() -> None:
    radar, dem = geometry_peers.scene(64)
    assert radar.shape == dem.shape == (64, 64)
