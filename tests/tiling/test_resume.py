"""Killed at any moment and run again, a run ends with what an undisturbed one gives."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr

import insarfeat
from insarfeat.errors import OutputExists, RunFailed
from insarfeat.tiling.workspace import partial_folder, workspace

RUNNER = Path(__file__).with_name("runner_of_a_long_plan.py")
TESTS = Path(__file__).parents[1]


def start(out: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "PYTHONPATH": str(TESTS)}
    return subprocess.Popen([sys.executable, str(RUNNER), str(out)], env=environment, stdout=subprocess.PIPE)


def run_through(out: Path) -> bytes:
    """Let a run come to its end; the first line that it prints."""
    with start(out) as process:
        assert process.stdout is not None
        first, *_ = [*process.stdout, b""]
        assert process.wait(120) == 0
    return first


def files_of(path: Path) -> dict[str, bytes]:
    """Everything on disk under a Zarr group: values, attributes and chunk layout, byte for byte."""
    return {
        str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()
    }


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_a_run_killed_at_random_moments_ends_the_same(tmp_path: Path, suffix: str) -> None:
    undisturbed = tmp_path / f"undisturbed{suffix}"
    run_through(undisturbed)
    rng = random.Random(suffix)
    out = tmp_path / f"killed{suffix}"
    kills = 0
    while kills < 6 and not out.exists():
        with start(out) as process:
            assert process.stdout is not None
            process.stdout.readline()  # from the first tile on: what comes before is starting up Python
            time.sleep(rng.uniform(0, 0.25))
            process.send_signal(signal.SIGKILL)
            kills += process.wait(60) != 0
    run_through(out)
    assert kills >= 3
    assert not partial_folder(out).exists()
    if suffix == ".zarr":
        assert files_of(out) == files_of(undisturbed)
        return
    one, other = insarfeat.open_stack(out), insarfeat.open_stack(undisturbed)
    assert one.attrs == other.attrs
    for name in other:
        np.testing.assert_array_equal(one[name].values, other[name].values)
        assert str(one[name].attrs) == str(other[name].attrs)


def test_finished_tiles_are_not_computed_again(tmp_path: Path) -> None:
    out = tmp_path / "a.zarr"
    with start(out) as process:
        assert process.stdout is not None
        for _ in range(4):
            process.stdout.readline()
        process.kill()
    done = (partial_folder(out) / "journal").read_text().count("\n")
    assert done >= 3
    _, count, _ = run_through(out).split()
    assert int(count) >= done - 1


def test_other_inputs_start_afresh_and_say_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "a.zarr"
    with workspace(out, "one") as space:
        space.mark("layers", 1)
    with workspace(out, "one") as space:
        assert space.done("layers") == {1}
    with caplog.at_level(logging.WARNING), workspace(out, "two") as space:
        assert space.done("layers") == set()
    assert "starting afresh" in caplog.text


def test_a_torn_line_in_the_journal_does_not_count(tmp_path: Path) -> None:
    out = tmp_path / "a.zarr"
    with workspace(out, "one") as space:
        space.mark("layers", 1)
        space.mark("layers", 2)
    journal = partial_folder(out) / "journal"
    journal.write_text(journal.read_text() + "layers 1")
    with workspace(out, "one") as space:
        assert space.done("layers") == {1, 2}
        space.mark("layers", 30)
        assert space.done("layers") == {1, 2, 30}


def test_two_runs_on_one_output_are_refused(tmp_path: Path) -> None:
    with (
        workspace(tmp_path / "a.zarr", "one"),
        pytest.raises(RunFailed, match="another run is writing"),
        workspace(tmp_path / "a.zarr", "one"),
    ):
        pass


def test_a_kill_after_the_output_was_put_in_place_only_leaves_tidying_up(tmp_path: Path) -> None:
    out = tmp_path / "a.zarr"
    run_through(out)
    before = files_of(out)
    with pytest.raises(OutputExists):
        insarfeat.write(insarfeat.open_stack(out), out)
    assert files_of(out) == before
    assert zarr.open_group(out, mode="r").attrs["Conventions"] == "CF-1.11"
