"""The Python in README and docs runs, page by page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from insarfeat.cli.app import build_app

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_on_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    if any("zoo" in code or "torch" in code for code in blocks):
        pytest.importorskip("torch", reason="the zoo's extra is not installed")
    for code in blocks:
        exec(compile(code, str(page), "exec"), names)


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_messages_on_the_page_of_errors_are_those_of_the_code() -> None:
    sources = [path for name in ("insarfeat", "zoo") for path in (ROOT / name).rglob("*.py")]
    # Messages are written over several lines, with values in them.
    code = re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in sources))
    page = (ROOT / "docs" / "errors.md").read_text()
    messages = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert len(messages) > 10
    assert [message for message in messages if message not in code] == []


def test_the_gallery_asks_a_dozen_questions() -> None:
    titles = [
        path.read_text().splitlines()[1] for path in sorted((ROOT / "docs" / "gallery").glob("plot_*.py"))
    ]
    assert len(titles) >= 12
    assert [title for title in titles if not title.endswith("?")] == []


def command_lines() -> list[tuple[str, str]]:
    """Calls of the program in the shell blocks of all pages."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            found += [(page.name, line.strip()) for line in lines if line.strip().startswith("insarfeat ")]
    return found


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_calls_of_the_program_on_a_page_are_understood(page: str, line: str) -> None:
    import typer

    pytest.importorskip("torch", reason="the zoo's extra is not installed")
    command = typer.main.get_command(build_app())
    words = [word for word in shlex.split(line, comments=True)[1:] if word not in ("|", "&&")]
    name = ""
    while hasattr(command, "commands") and not (command.invoke_without_command and words[0].startswith("-")):
        assert words[0] in command.commands, f"{page}: {line}"
        name = words.pop(0)
        command = command.commands[name]
    command.make_context(name, words)
