"""The verb ``rank``: what it prints, writes and leaves behind, and how it ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
import xarray as xr
from typer.testing import CliRunner, Result

import insarfeat
from insarfeat.cli import rank_verb
from insarfeat.errors import InvalidArgument, MissingInput, OutputExists, RunFailed
from insarfeat.pairs.journal import Journal

SIZE = 128


def pair(coherence: float) -> xr.Dataset:
    rng = np.random.default_rng(1)
    first, fresh = (
        rng.standard_normal((SIZE, SIZE)) + 1j * rng.standard_normal((SIZE, SIZE)) for _ in range(2)
    )
    image = first * np.conj(coherence * first + np.sqrt(1 - coherence**2) * fresh)
    coords = {"y": 4_905_000.0 - 15.0 * np.arange(SIZE), "x": 620_000.0 + 15.0 * np.arange(SIZE)}
    layers = {"interferogram": image.astype("c8"), "coherence": np.full(image.shape, coherence, "f4")}
    return xr.Dataset({name: (("y", "x"), one) for name, one in layers.items()}, coords)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    folder = tmp_path / "pairs"
    folder.mkdir()
    insarfeat.write(pair(0.9), folder / "20200101_20200113.nc")
    insarfeat.write(pair(0.2), folder / "20200101_20200206.nc")
    return folder


def call(*arguments: object) -> Result:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("rank")(rank_verb.rank)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def test_it_prints_the_order_the_reasons_and_how_many_it_kept(pairs: Path) -> None:
    done = call(pairs)
    assert done.exit_code == 0
    lines = [line for line in done.stdout.splitlines() if "2020" in line]
    assert "20200101_20200113" in lines[0]
    assert "keep" in lines[0]
    assert "reject" in lines[1]
    assert "the mean coherence is 0.20 (limit 0.35)" in lines[1]
    assert "kept 1 of 2" in done.stdout
    assert "ranking: 2 of 2" in done.stderr


def test_it_writes_page_and_table_and_leaves_nothing_else(pairs: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out, table = tmp_path / "ranking.html", tmp_path / "ranking.csv"
    done = call(pairs, "--out", out, "--csv", table)
    assert done.exit_code == 0
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert len(table.read_text().splitlines()) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pairs", "ranking.csv", "ranking.html"]


def test_a_run_that_was_stopped_goes_on(pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "ranking.csv"

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("insarfeat.pairs.ranking.Ranking.to_csv", stopped)
        assert call(pairs, "--csv", table).exit_code != 0
    assert len(Journal(tmp_path / "ranking.csv.partial")) == 2
    planned = call(pairs, "--csv", table, "--dry-run")
    assert "2 interferograms, 0 to be read once each" in planned.stdout
    with monkeypatch.context() as patch:
        patch.setattr("insarfeat.pairs.ranking._measured", stopped)
        assert call(pairs, "--csv", table).exit_code == 0
    assert not (tmp_path / "ranking.csv.partial").exists()


def test_other_limits_are_other_verdicts(pairs: Path) -> None:
    done = call(pairs, "--limits", "mean_coherence=0.1,decorrelated=1,noise=1.8")
    assert "kept 2 of 2" in done.stdout
    assert "kept 0 of 2" in call(pairs, "--min-score", "1").stdout


def test_an_elevation_is_taken_for_all(pairs: Path, tmp_path: Path) -> None:
    dem = pair(0.9)["coherence"].copy(
        data=np.add.outer(np.arange(SIZE) ** 2, np.arange(SIZE)).astype("f4") / 10
    )
    insarfeat.write(dem.rename("elevation"), tmp_path / "dem.nc")
    done = call(pairs, "--dem", tmp_path / "dem.nc", "--csv", tmp_path / "ranking.csv")
    assert done.exit_code == 0
    head, first, _ = (line.split(",") for line in (tmp_path / "ranking.csv").read_text().splitlines())
    assert float(first[head.index("stratified")]) >= 0


def test_a_dry_run_reads_and_writes_nothing(pairs: Path, tmp_path: Path) -> None:
    done = call(pairs, "--csv", tmp_path / "ranking.csv", "--dry-run")
    assert "2 interferograms, 2 to be read once each" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["pairs"]


@pytest.mark.parametrize("scheduler", ["threads", "1", "2"])
def test_any_number_of_workers_gives_the_same_table(pairs: Path, tmp_path: Path, scheduler: str) -> None:
    table = tmp_path / f"{scheduler}.csv"
    assert call(pairs, "--csv", table, "--scheduler", scheduler).exit_code == 0
    plain = tmp_path / "plain.csv"
    call(pairs, "--csv", plain)
    assert table.read_text() == plain.read_text()


def test_a_cluster_gives_the_same_table(pairs: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        done = call(pairs, "--csv", tmp_path / "there.csv", "--scheduler", cluster.scheduler_address)
    assert done.exit_code == 0, done.exception
    call(pairs, "--csv", tmp_path / "here.csv")
    assert (tmp_path / "there.csv").read_text() == (tmp_path / "here.csv").read_text()


def test_one_damaged_pair_does_not_stop_the_others(pairs: Path) -> None:
    (pairs / "20200113_20200125.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    done = call(pairs)
    assert done.exit_code == 0
    assert "unreadable" in done.stdout
    assert "kept 1 of 3" in done.stdout


def test_a_run_without_any_readable_pair_has_failed(tmp_path: Path) -> None:
    (tmp_path / "20200113_20200125.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    assert isinstance(call(tmp_path).exception, RunFailed)


def test_what_is_wrong_is_said_before_any_work(pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("mine")
    assert isinstance(call(pairs, "--csv", tmp_path / "there.csv").exception, OutputExists)
    assert isinstance(call(tmp_path / "nowhere").exception, MissingInput)
    assert isinstance(call(pairs, "--dem", tmp_path / "nowhere.tif").exception, MissingInput)
    (tmp_path / "empty").mkdir()
    assert isinstance(call(tmp_path / "empty").exception, InvalidArgument)
    for option, value in (
        ("--limits", "fog=1"),
        ("--limits", "ramp"),
        ("--limits", "ramp=-3"),
        ("--min-score", "2"),
        ("--out", "page.pdf"),
        ("--csv", "table.xlsx"),
        ("--scheduler", "0"),
    ):
        done = call(pairs, option, value)
        assert done.exit_code == 2, option
        assert option in done.stderr
