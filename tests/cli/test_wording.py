"""Messages on the command line speak of options, not of Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from insarfeat.cli.app import build_app
from insarfeat.cli.wording import as_typed


@pytest.mark.parametrize(
    ("words", "message", "typed"),
    [
        (
            "stack models out.nc",
            "give incidence= and heading= in degrees",
            "give --incidence and --heading in degrees",
        ),
        (
            "stack models out.nc",
            "x exists; pass overwrite=True (--overwrite), or",
            "x exists; pass --overwrite, or",
        ),
        ("stack models out.nc", "as in stack.assign(phase=angle)", "as in stack.assign(phase=angle)"),
        ("stack models out.nc", "give los_east=, los_north=", "give los_east=, los_north="),
        ("info x", "name one with pair=, of a, b", "name one with --pair, of a, b"),
        ("", "give dem=", "give dem="),
    ],
)
def test_keywords_are_put_as_the_options_of_the_verb(words: str, message: str, typed: str) -> None:
    command = typer.main.get_command(build_app())
    assert as_typed(message, command, words.split()) == typed


def test_the_program_says_it_so(tmp_path: Path) -> None:
    (tmp_path / "stack.nc").write_bytes(b"")
    code = "from insarfeat.cli.app import main; main()"
    line = [sys.executable, "-c", code, "demo", str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert "overwrite=True" not in done.stderr
