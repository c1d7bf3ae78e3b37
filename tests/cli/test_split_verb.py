"""The verbs ``split`` and ``leaks``: what they print, write and how they end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner, Result

from insarfeat.cli import split_verb
from insarfeat.errors import InvalidArgument, MissingInput, OutputExists, WriteFailed

pytest.importorskip("pyarrow")


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    folder = tmp_path / "patches"
    folder.mkdir()
    x, y = (100.0 * one.ravel() for one in np.meshgrid(np.arange(30), np.arange(30)))
    table = pd.DataFrame(
        {"patch": np.arange(900), "name": [f"p{k}" for k in range(900)], "crs": "EPSG:32632"}
    )
    table = table.assign(west=5e5 + x, south=5e6 + y, east=5e5 + x + 200, north=5e6 + y + 200)
    table.to_parquet(folder / "table.parquet")
    return folder


def call(verb: str, *arguments: object) -> Result:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("split")(split_verb.split)
    app.command("leaks")(split_verb.leaks)
    return CliRunner().invoke(app, [verb, *(str(argument) for argument in arguments)], env={"COLUMNS": "200"})


def test_it_prints_the_report_and_saves_the_split_and_the_map(patches: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "split.png"
    done = call("split", patches, "--map", picture)
    assert done.exit_code == 0, done.output
    assert "split by blocks" in done.stdout
    assert "left out" in done.stdout
    assert (patches / "split.parquet").exists()
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert call("leaks", patches, "--buffer", 100).exit_code == 0


def test_a_dry_run_writes_nothing(patches: Path, tmp_path: Path) -> None:
    done = call("split", patches, "--dry-run", "--fractions", "0.8,0.2", "--buffer", 0)
    assert done.exit_code == 0
    assert "0 m apart" in done.stdout
    assert [path.name for path in patches.iterdir()] == ["table.parquet"]


def test_a_split_is_replaced_only_where_that_is_asked_for(patches: Path) -> None:
    assert call("split", patches).exit_code == 0
    before = (patches / "split.parquet").read_bytes()
    again = call("split", patches, "--seed", 5)
    assert isinstance(again.exception, OutputExists)
    assert (patches / "split.parquet").read_bytes() == before
    assert call("split", patches, "--seed", 5, "--block", 700, "--overwrite").exit_code == 0
    assert (patches / "split.parquet").read_bytes() != before


def test_leaks_exit_with_1_and_are_told(patches: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(patches / "table.parquet")
    random = np.random.default_rng(0).choice(["train", "test"], 900)
    pd.DataFrame({"patch": table["patch"], "part": random, "reason": ""}).to_parquet(
        patches / "split.parquet"
    )
    done = call("leaks", patches, "--csv", tmp_path / "leaks.csv")
    assert done.exit_code == 1
    assert done.stdout.startswith("LEAKS between")
    assert "overlap: " in done.stdout
    assert set(pd.read_csv(tmp_path / "leaks.csv")["kind"]) == {"overlap"}


def test_arguments_that_cannot_be_are_refused_before_any_work(patches: Path, tmp_path: Path) -> None:
    assert isinstance(call("split", tmp_path / "none").exception, MissingInput)
    assert isinstance(call("split", patches, "--out", tmp_path / "no" / "s.parquet").exception, WriteFailed)
    assert isinstance(call("leaks", patches, "--slides", tmp_path / "none.gpkg").exception, MissingInput)
    assert isinstance(call("leaks", patches).exception, InvalidArgument)  # no split is saved
    for wrong in (("--map", "split.txt"), ("--fractions", "a,b"), ("--out", "split.csv")):
        assert call("split", patches, *wrong).exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["patches"]
