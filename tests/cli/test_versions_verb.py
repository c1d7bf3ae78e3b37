"""What is shown for a report of a problem."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
from typer.testing import CliRunner

import insarfeat
from insarfeat.cli import versions_verb
from insarfeat.cli.app import build_app


def shown() -> dict[str, str]:
    result = CliRunner().invoke(build_app(), ["show-versions"])
    assert result.exit_code == 0, result.output
    lines = (line.partition("  ") for line in result.stdout.splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def test_it_names_what_the_package_runs_on() -> None:
    found = shown()
    assert found["insarfeat"] == insarfeat.__version__
    assert found["numpy"] == metadata.version("numpy")
    assert found["GDAL"][0].isdigit()


def test_everything_that_the_package_needs_is_shown() -> None:
    needed = [
        line.partition(";")[0] for line in metadata.requires("insarfeat") or () if "extra ==" not in line
    ]
    names = {line.strip().split(">")[0].split("[")[0].lower() for line in needed}
    small = {"cloudpickle", "pyyaml", "rich"}
    assert names - small <= {name.lower() for name in shown()}


def test_a_missing_extra_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(versions_verb._EXTRAS, "zoo", ("no-such-package",))
    assert shown()["extra zoo"] == "missing: pip install insarfeat[zoo]"


def test_settings_that_bear_on_threads_are_shown_where_they_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    found = shown()
    assert found["OMP_NUM_THREADS"] == "3"
    assert "NUMBA_CACHE_DIR" not in found


def test_the_program_starts_without_what_only_its_verbs_need() -> None:
    heavy = "('dask', 'xarray', 'numba', 'rasterio', 'torch')"
    code = f"import sys, insarfeat.cli.app; raise SystemExit(any(name in sys.modules for name in {heavy}))"
    subprocess.run([sys.executable, "-c", code], check=True)
