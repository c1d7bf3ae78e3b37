"""Messages of the package in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_KEYWORD = re.compile(r"\b([a-z_]+)=(?:True\b)?(?=[\s,.;:)]|$)")
_TWICE = re.compile(r"(--[\w-]+) \(\1\)")


def as_typed(message: str, command: Any, words: Sequence[str]) -> str:
    """The message of an error with options, as they are typed, in place of keywords of Python.

    Only what the verb that was called has as an option is put otherwise.

    Parameters
    ----------
    message
        As the package gives it, for those who call its functions.
    command
        The program, as typer gives it.
    words
        What was typed behind the program's name.
    """
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    options = {
        name: max(parameter.opts, key=len)
        for parameter in getattr(command, "params", ())
        for name in [parameter.name]
        if parameter.opts and parameter.opts[0].startswith("-")
    }

    def typed(found: re.Match[str]) -> str:
        return str(options.get(found[1], found[0]))

    return _TWICE.sub(r"\1", _KEYWORD.sub(typed, message))
