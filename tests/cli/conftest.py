"""The program, called by tests of its verbs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from calling import Done, Run

from insarfeat.cli import main


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The program, in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def called(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["insarfeat", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        shown = capsys.readouterr()
        return Done(left.value.code or 0, shown.out, " ".join(shown.err.replace("│", " ").split()))  # type: ignore[arg-type]

    return called
