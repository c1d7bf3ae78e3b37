"""What all tests share: real samples where they are, and hypothesis profiles."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "project",
    max_examples=25,
    deadline=None,  # the first call of a kernel compiles it
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "thorough", parent=hypothesis.settings.get_profile("project"), max_examples=500
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real samples; tests that need one skip where it is absent."""
    folder = Path(os.environ.get("INSARFEAT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real samples: set INSARFEAT_TEST_DATA to their folder")
    return folder


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """The command line sets up logging for a process of its own; in here it would outlive its test."""
    root, own = logging.getLogger(), logging.getLogger("insarfeat")
    handlers, levels = root.handlers[:], (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Any]:
    """The program, in this process and in an empty folder; for the tests of its verbs."""
    from calling import Done

    from insarfeat.cli import main

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
