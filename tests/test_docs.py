"""The Python in README and docs runs, page by page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_on_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    if any("zoo" in code for code in blocks):
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
    titles = [path.read_text().splitlines()[1] for path in sorted((ROOT / "docs" / "gallery").glob("plot_*.py"))]
    assert len(titles) >= 12
    assert [title for title in titles if not title.endswith("?")] == []
