"""Progress: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from insarfeat.tiling import Progress
from insarfeat.tiling.stages import OnProgress

_PLAIN_SHARE = 0.25


@contextmanager
def shown() -> Iterator[OnProgress]:
    """What a run is given to report to."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def update(progress: Progress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(progress.stage, total=progress.total)
            bars.update(tasks[progress.stage], completed=progress.done)

        yield update


class _Lines:
    """One line at every quarter of a stage."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        share = progress.done / progress.total if progress.total else 1.0
        last = self._told.get(progress.stage)
        if last is None or share >= last + _PLAIN_SHARE or (share == 1.0 and last < 1.0):
            self._told[progress.stage] = share
            typer.echo(f"{progress.stage}: {progress.done} of {progress.total}", err=True)
