"""The command line: verbs, exit codes, messages, verbs that others bring."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import insarfeat
import insarfeat.cli.app as program

BIN = [sys.executable, "-c", "from insarfeat.cli import main; main()"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The program as a user runs it."""
    return subprocess.run([*BIN, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "results"
    done = run("demo", out, "--size", "96")
    assert done.returncode == 0, done.stderr
    assert str(out / "stack.nc") in done.stdout
    assert str(out / "report.html") in done.stdout
    assert "layers: 1 of 1" in done.stderr
    return out


def test_demo_ends_with_a_stack_and_a_report(demo: Path) -> None:
    stack = insarfeat.open_stack(demo / "stack.nc")
    assert list(stack) == [
        "wrapped_phase", "sensitivity", "terrain_pc1", "coherence", "elevation", "invalid_causes", "landslide",
    ]  # fmt: skip
    assert "synthetic" in stack.attrs["source"]
    page = (demo / "report.html").read_text()
    assert page.count("<img") >= 5
    assert "Synthetic data" in page


def test_demo_keeps_results_that_are_there(demo: Path) -> None:
    again = run("demo", demo, "--size", "96")
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    assert run("demo", demo, "--size", "96", "--overwrite").returncode == 0


def test_a_dry_run_only_tells(tmp_path: Path) -> None:
    done = run("demo", tmp_path / "results", "--size", "96", "--dry-run", "--scheduler", "3")
    assert done.returncode == 0
    assert "peak memory" in done.stdout
    assert not (tmp_path / "results").exists()


def test_a_large_scene_is_made_piece_by_piece_and_is_the_same(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program.verbs, "_AT_ONCE", 64)
    monkeypatch.setattr(sys, "argv", ["insarfeat", "demo", str(tmp_path), "--size", "96"])
    with pytest.raises(SystemExit) as left:
        program.main()
    shown = capsys.readouterr().err
    assert not left.value.code, shown
    assert "scene: layers: 4 of 4" in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "stack.nc"]
    found, wanted = insarfeat.open_stack(tmp_path / "stack.nc"), insarfeat.open_stack(demo / "stack.nc")
    for name in wanted:
        np.testing.assert_array_equal(found[name].values, wanted[name].values)
    assert found.attrs["source"] == wanted.attrs["source"]


def test_info_tells_grid_layers_and_origin(demo: Path) -> None:
    done = run("info", demo / "stack.nc")
    assert done.returncode == 0
    for words in (
        "96 x 96 pixels",
        "UTM zone 32N",
        "15 x 15",
        "wrapped_phase",
        "filters.coherence(azimuth=5",
    ):
        assert words in done.stdout


def test_report_draws_any_stack(demo: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = run("report", demo / "stack.nc", "--out", page, "--title", "Corniglio <&>")
    assert done.returncode == 0
    assert "Corniglio &lt;&amp;&gt;" in page.read_text()
    assert run("report", demo / "stack.nc", "--out", page).returncode == 2


def test_report_draws_what_was_found(demo: Path, tmp_path: Path) -> None:
    stack = insarfeat.open_stack(demo / "stack.nc")
    west, north = float(stack.x[10]), float(stack.y[10])
    corners = [
        [west, north],
        [west + 300, north],
        [west + 300, north - 300],
        [west, north - 300],
        [west, north],
    ]
    slide = {"type": "Polygon", "coordinates": [corners]}
    feature = {"type": "Feature", "geometry": slide, "properties": {"class": "CF", "score": 0.75}}
    boxes = insarfeat.inventory.write_polygons([feature], tmp_path / "boxes.geojson", crs="EPSG:32632")
    again = insarfeat.write(stack[["coherence"]], tmp_path / "again.nc")
    page = tmp_path / "page.html"
    done = run("report", demo / "stack.nc", boxes, again, "--out", page)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "boxes.geojson" in text
    assert "coherence of again.nc" in text
    assert "0.750" in text


def test_report_refuses_a_raster_of_another_grid(demo: Path, tmp_path: Path) -> None:
    part = insarfeat.open_stack(demo / "stack.nc")[["coherence"]].isel(x=slice(5, None))
    other = insarfeat.write(part, tmp_path / "part.nc")
    done = run("report", demo / "stack.nc", other, "--out", tmp_path / "page.html")
    assert done.returncode == 1
    assert "part.nc does not lie on the grid of the stack" in done.stderr
    assert not (tmp_path / "page.html").exists()


def test_version() -> None:
    assert run("--version").stdout.strip() == f"insarfeat {insarfeat.__version__}"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("info", "nowhere.nc"), 2, "nowhere.nc does not exist"),
        (("report", "nowhere.nc", "slides.gpkg"), 2, "nowhere.nc does not exist"),
        (("inof",), 2, "No such command"),
        (("demo", "x", "--size", "5"), 2, "64"),
        (("demo", "x", "--scheduler", "0"), 2, "at least 1 worker"),
        (("demo", "x", "--scheduler", "fast"), 2, "tcp://host:8786"),
    ],
)
def test_bad_arguments_exit_with_2_and_one_message(
    arguments: tuple[str, ...], code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_fails_exits_with_1(tmp_path: Path) -> None:
    broken = tmp_path / "stack.nc"
    broken.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    done = run("info", broken)
    assert done.returncode == 1
    assert "stack.nc is not a readable NetCDF file" in done.stderr
    assert "Traceback" not in done.stderr


def test_other_packages_bring_verbs_through_the_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = EntryPoint("guest", f"{__name__}:register_guest", program.VERBS)
    absent = EntryPoint("absent", "no_such_module:register", program.VERBS)
    monkeypatch.setattr(program, "entry_points", lambda group: [brought, absent])
    shown = CliRunner().invoke(program.build_app(), ["greet"])
    assert shown.output == "hello from a guest\n"


def register_guest(app: typer.Typer) -> None:
    """What a package like ``zoo`` names in its entry point."""

    @app.command("greet")
    def greet() -> None:
        typer.echo("hello from a guest")
