"""What is shown of long work: what is done, and how long it will take."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from insarfeat.cli.progress import Lines, one_step, shown
from insarfeat.tiling import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def lines_of(
    capsys: pytest.CaptureFixture[str], tiles: int, seconds: float, already: int = 0, stage: str = "layers"
) -> list[str]:
    """What is told of a stage whose tiles take so many seconds each."""
    clock = Clock()
    lines = Lines(clock)
    for done in range(already, tiles + 1):
        lines(Progress(stage, done, tiles))
        clock.now += seconds
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err.splitlines()


def test_a_short_stage_gets_a_line_when_it_begins_and_one_when_it_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert lines_of(capsys, tiles=100, seconds=0.05) == ["layers: 0 of 100", "layers: 100 of 100"]


def test_a_long_one_tells_how_long_it_will_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines_of(capsys, tiles=4, seconds=30.0) == [
        "layers: 0 of 4",
        "layers: 1 of 4, about 2 min left",
        "layers: 2 of 4, about 60 s left",
        "layers: 3 of 4, about 30 s left",
        "layers: 4 of 4",
    ]


def test_what_an_earlier_run_did_is_no_sign_of_speed(capsys: pytest.CaptureFixture[str]) -> None:
    told = lines_of(capsys, tiles=100, seconds=20.0, already=90)
    assert told[:2] == ["layers: 90 of 100", "layers: 91 of 100, about 3 min left"]


def test_a_run_of_a_day_does_not_fill_a_log_and_is_never_silent_for_long(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = lines_of(capsys, tiles=86_400, seconds=1.0)
    assert len(told) < 250
    done = [int(line.split()[1]) for line in told]
    assert max(later - earlier for earlier, later in pairwise(done)) <= 601


def test_an_end_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(Clock())
    for _ in range(3):
        lines(Progress("writing", 4, 4))
    assert capsys.readouterr().err == "writing: 4 of 4\n"


def test_nothing_to_do_is_told_without_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    Lines(Clock())(Progress("layers", 0, 0))
    assert capsys.readouterr().err == "layers: 0 of 0\n"


def test_without_a_terminal_there_are_plain_lines_only(capsys: pytest.CaptureFixture[str]) -> None:
    with one_step("drawing"):
        pass
    assert capsys.readouterr().err == "drawing: 0 of 1\ndrawing: 1 of 1\n"


def test_a_terminal_gets_a_bar_with_the_time_that_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("rich.console.monotonic", clock)
    with shown() as progress:
        for done in range(50, 55):
            progress(Progress("layers", done, 60))
            clock.now += 60.0
    shown_text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert "layers" in shown_text
    assert "54/60" in shown_text
    assert re.search(
        r"0:0[67]:\d\d", shown_text
    )  # six tiles more, of a minute each; not those of the first try


def test_no_more_bars_are_shown_than_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with shown() as progress:
        for number in range(30):
            progress(Progress(f"pair {number}", 1, 1))
    last = capsys.readouterr().err.split("pair 29")
    assert len(last) > 1
    final = re.findall(r"pair \d+", last[-2].rsplit("pair 22", 1)[-1])
    assert len(final) <= 8
