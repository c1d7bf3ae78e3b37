"""Fresh processes, and the record of a run."""

from __future__ import annotations

import getpass
import json
import os
import platform
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_cases import EXACT, GOOD, TABLE, broken, dies, noise, process, threads

import insarfeat
from benchmarks import machine, results
from benchmarks.case import Case
from benchmarks.peers import Array, Peer, Program
from benchmarks.results import CaseResult, Results
from benchmarks.runner import Effort, commit, run, smoke_effort
from insarfeat.errors import MissingInput, OutputExists, RunFailed, WriteFailed


def ones(image: Array) -> Array:
    return np.ones_like(image)


@pytest.fixture
def record() -> Results:
    return Results("2025-01-01T00:00:00+00:00", "0", None, machine.describe(), rounds=0, cases=())


def test_what_is_only_compared_shares_one_process() -> None:
    """The whole table runs so in continuous integration: insarfeat bench --smoke."""
    cases = [Case(name, noise, process, spreading=None) for name in ("first", "second")]
    together = run(cases, smoke_effort())
    assert len({case.traffic for case in together.cases if isinstance(case, CaseResult)}) == 1


def test_images_are_as_large_as_a_case_needs_at_least() -> None:
    (found,) = run([replace(GOOD, least=48, peers=())], smoke_effort(16)).cases
    assert isinstance(found, CaseResult)
    assert found.size == 48


def test_cases_run_on_one_thread_and_leave_the_environment_alone() -> None:
    before = dict(os.environ)
    case = Case("threads", noise, threads, (Peer("one", "numpy", ones, EXACT),))
    assert run([case], smoke_effort()).wrong == []
    assert dict(os.environ) == before


def test_a_case_is_measured_at_each_of_its_sizes_unless_one_is_given() -> None:
    case = replace(GOOD, sizes=(16, 24), peers=())
    effort = Effort(rounds=0, memory=False)
    assert [one.size for one in run([case], effort).cases if isinstance(one, CaseResult)] == [16, 24]
    given = run([case], replace(effort, size=20))
    assert [one.size for one in given.cases if isinstance(one, CaseResult)] == [20]


def test_memory_is_measured_for_everyone_who_answers() -> None:
    (result,) = run([GOOD], Effort(size=32, rounds=0)).cases
    assert isinstance(result, CaseResult)
    measurable = os.access("/proc/self/clear_refs", os.W_OK)
    known = [one.name for one in result.contenders if one.memory is not None]
    assert known == (["insarfeat", "twin", "other"] if measurable else [])


def test_memory_of_a_program_is_not_this_process_s() -> None:
    program = Program("outside", "git", GOOD.run, EXACT)
    if not program.installed:
        pytest.skip("git is not installed")
    (result,) = run([replace(GOOD, peers=(program,))], Effort(size=32, rounds=0)).cases
    assert isinstance(result, CaseResult)
    assert result.contenders[1].verdict.state == "agrees"
    assert result.contenders[1].memory is None


def test_cases_are_announced_before_they_start() -> None:
    heard: list[str] = []
    run([replace(GOOD, peers=())], smoke_effort(), heard.append)
    assert heard == ["good"]


def test_what_is_known_is_kept_after_each_case() -> None:
    kept: list[Results] = []
    with pytest.raises(RunFailed):
        run([replace(GOOD, peers=()), Case("faulty", noise, broken)], smoke_effort(), keep=kept.append)
    assert [[case.name for case in one.cases] for one in kept] == [["good"]]


def test_a_failing_case_is_named() -> None:
    with pytest.raises(RunFailed, match='case "faulty" failed with RuntimeError: out of order'):
        run([Case("faulty", noise, broken)], smoke_effort())


def test_a_case_that_ends_its_process_is_named() -> None:
    with pytest.raises(RunFailed, match='case "deadly" ended its process'):
        run([Case("deadly", noise, dies)], smoke_effort())


def test_the_record_is_json_with_all_that_bears_on_speed(tmp_path: Path) -> None:
    found = run(TABLE, smoke_effort())
    path = tmp_path / "record.json"
    results.write(found, path)
    read = json.loads(path.read_text(encoding="utf-8"))
    assert [case["kind"] for case in read["cases"]] == ["throughput", "throughput", "latency", "startup"]
    assert read["version"] == insarfeat.__version__
    assert read["cases"][0]["parameters"] == {"factor": 3.0}
    assert set(read["machine"]["versions"]) >= {"numpy", "numba"}
    assert (read["schema"], read["threads"], read["rounds"]) == (2, 1, 0)


def test_the_record_names_no_machine_user_or_folder(tmp_path: Path, record: Results) -> None:
    path = tmp_path / "record.json"
    results.write(record, path)
    words = set(path.read_text(encoding="utf-8").replace('"', " ").split())
    assert not words & {platform.node(), getpass.getuser(), str(Path.home()), str(tmp_path)}


def test_nothing_but_the_record_is_left(tmp_path: Path, record: Results) -> None:
    results.write(record, tmp_path / "record.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["record.json"]


def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, record: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.json"
    path.write_text("old", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(WriteFailed, match="No space left on device"):
        results.write(record, path)
    assert [entry.read_text(encoding="utf-8") for entry in tmp_path.iterdir()] == ["old"]


def test_a_target_is_checked_beforehand(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    results.check_target(path, overwrite=False)
    path.touch()
    results.check_target(path, overwrite=True)
    with pytest.raises(OutputExists, match="--overwrite"):
        results.check_target(path, overwrite=False)
    with pytest.raises(MissingInput, match="make it first"):
        results.check_target(tmp_path / "no" / "record.json", overwrite=False)


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert commit(tmp_path) is None


def test_a_checkout_tells_its_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    git("init")
    assert commit(tmp_path) is None  # nothing is committed yet
    (tmp_path / "file").touch()
    git("add", "file")
    git("commit", "-m", "first")
    clean = commit(tmp_path)
    assert clean is not None
    assert len(clean) == 40
    (tmp_path / "file").write_text("changed", encoding="utf-8")
    assert commit(tmp_path) == f"{clean}-dirty"
