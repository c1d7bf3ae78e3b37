"""Tables in Markdown, and their places on pages of the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are written already."""
    return "\n".join([_line(headings), "|---" * len(headings) + "|", *map(_line, rows)])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def renew(page: str, tables: Mapping[str, str]) -> str:
    """Put each table between the marks of its name."""
    for name, content in tables.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"the page has no place for the table {name!r}: put {begin} and {end} there")
        page = f"{before}{begin}\n{content}\n{end}{after}"
    return page
