"""The command ``insarfeat bench``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import typer
from fake_cases import TABLE
from records import record, timed
from typer.testing import CliRunner, Result

from benchmarks import cases, verb
from insarfeat.cli.progress import Pace


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(verb, "choose", partial(cases.choose, table=TABLE))
    monkeypatch.chdir(tmp_path)


def bench(*words: str) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)  # a second entry, so that the verb keeps its name
    verb.register(app)
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["bench", *words])


def test_a_run_ends_by_saying_where_the_results_are() -> None:
    result = bench("--case", "good", "--size", "32", "--rounds", "2")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "The results are in benchmark.json"
    assert json.loads(Path("benchmark.json").read_text(encoding="utf-8"))["rounds"] == 2


def test_the_table_names_every_peer_and_its_verdict() -> None:
    lines = bench(
        "--case", "good", "--case", "call", "--case", "start", "--size", "32", "--rounds", "1"
    ).stdout
    for words in (
        ["twin", "agrees"],
        ["other", "not comparable"],
        ["absent", "missing"],
        ["µs more"],
        ["import string"],
    ):
        assert any(all(word in line for word in words) for line in lines.splitlines()), words


def test_smoke_passes_where_peers_agree_and_writes_nothing() -> None:
    result = bench("--smoke", "--case", "good")
    assert result.exit_code == 0, result.output
    assert list(Path().iterdir()) == []


def test_smoke_fails_where_a_peer_should_agree_and_does_not() -> None:
    result = bench("--smoke", "--case", "bad", "--out", "smoke.json")
    assert result.exit_code == 1
    assert "bad: liar differs by 0.25, allowed 1e-06" in result.stderr
    assert "bad: broken failed RuntimeError: out of order" in result.stderr
    assert Path("smoke.json").exists()


def test_a_misspelt_case_gets_a_suggestion() -> None:
    result = bench("--case", "god")
    assert result.exit_code == 2
    assert "did you mean 'good'?" in result.stderr


def test_a_record_is_only_replaced_on_request() -> None:
    out = Path("record.json")
    out.write_text("old", encoding="utf-8")
    words = ("--smoke", "--case", "start", "--out", str(out))
    refused = bench(*words)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    assert out.read_text(encoding="utf-8") == "old"
    assert bench(*words, "--overwrite").exit_code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["cases"][0]["name"] == "start"


def test_the_list_shows_what_there_is_and_measures_nothing() -> None:
    result = bench("--list")
    assert result.exit_code == 0
    assert "twin, other, absent (missing)" in result.stdout
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("words", [("--size", "3"), ("--rounds", "0")])
def test_impossible_requests_are_refused(words: tuple[str, str]) -> None:
    assert bench(*words).exit_code == 2


def test_two_records_are_compared(tmp_path: Path) -> None:
    paths = []
    for name, factor in (("before", 1.0), ("after", 2.0)):
        paths.append(tmp_path / f"{name}.json")
        seconds = [factor * (1 + 0.01 * number) for number in range(7)]
        paths[-1].write_text(json.dumps(record(timed("layer", seconds, [1.0] * 7))), encoding="utf-8")
    result = bench("compare", *map(str, paths))
    assert result.exit_code == 0, result.output
    (row,) = (line for line in result.stdout.splitlines() if "layer 64" in line)
    assert "2.00" in row
    assert "slower" in row
    assert "1 of 1 changed. What is within 10% is noise (a guess" in result.stdout


def test_comparing_with_nothing_is_refused() -> None:
    result = bench("compare", "none.json", "none.json")
    assert result.exit_code == 2
    assert "insarfeat bench writes one" in result.stderr


def test_progress_tells_how_long_the_other_cases_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb.time, "monotonic", lambda: 1300.0)
    names = [case.name for case in TABLE]
    pace = Pace(began=1000.0)
    assert verb._place(TABLE, names[0], pace) == f"1 of {len(names)}: {names[0]}"
    assert verb._place(TABLE, names[2], pace).startswith(f"3 of {len(names)}: {names[2]}, about ")
