"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from insarfeat.errors import suggestion

Out = Annotated[Path, typer.Argument(metavar="OUT", help="A .nc, .zarr or .tif to be written.")]
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
TileSize = Annotated[
    int, typer.Option("--tile", metavar="PIXELS", help="Side of the tiles: to 512, or a multiple of 256.")
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
            f"expected 'threads', a number, or an address such as tcp://host:8786; got {text!r}"
            f"{suggestion(text, ['threads'])}",
            param_hint="--scheduler",
        )
    return text


def size_of(text: str) -> tuple[float, float]:
    """The pixel size (rows, columns) that ``--resolution`` means.

    >>> size_of("15"), size_of("14x3.7")
    ((15.0, 15.0), (14.0, 3.7))
    """
    try:
        numbers = [float(part) for part in text.lower().split("x")]
        dy, dx = numbers * 2 if len(numbers) == 1 else numbers
    except ValueError:
        raise typer.BadParameter(
            f"expected metres, as 15 or 14x3.7 (rows x columns); got {text!r}", param_hint="--resolution"
        ) from None
    return dy, dx
