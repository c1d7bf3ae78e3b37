"""All verbs of the program that do something of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main
from typer.core import TyperGroup

from insarfeat.cli.app import build_app


def verbs() -> Iterator[tuple[str, Any]]:
    """Each verb by its full name, as "review export", and its command."""
    group = typer.main.get_command(build_app())
    assert isinstance(group, TyperGroup)
    yield from _in(group, "")


def _in(group: TyperGroup, before: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _in(command, f"{before}{name} ")
        if not isinstance(command, TyperGroup) or command.invoke_without_command:
            yield before + name, command
