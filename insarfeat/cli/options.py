"""Options that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would take, and stop.")]
SchedulerText = Annotated[
    str,
    typer.Option(
        "--scheduler",
        metavar="THREADS|N|ADDRESS",
        help="'threads' (all cores), a number of workers, or the address of a Dask scheduler.",
    ),
]


def scheduler_of(text: str) -> int | str | None:
    """What the engine takes for what was typed.

    >>> scheduler_of("threads"), scheduler_of("4"), scheduler_of("tcp://10.0.0.1:8786")
    (None, 4, 'tcp://10.0.0.1:8786')
    """
    if text == "threads":
        return None
    if text.lstrip("-").isdigit():
        count = int(text)
        if count < 1:
            raise typer.BadParameter(f"at least 1 worker is needed; got {text}", param_hint="--scheduler")
        return count
    if "://" not in text:
        raise typer.BadParameter(
            f"expected 'threads', a number, or an address such as tcp://host:8786; got {text!r}",
            param_hint="--scheduler",
        )
    return text
