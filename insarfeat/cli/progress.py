"""Progress: bars on a terminal, a line now and then elsewhere; both say how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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

_SHORTEST, _LONGEST = 10.0, 600.0
"""Seconds between two lines: few at first, so that one sees that it goes on, many in a run of a day."""

_PERIOD = 3600.0
"""Seconds that the speed of a bar is taken over: a tile may take minutes."""

_MOST_BARS = 8


@dataclass(frozen=True, slots=True)
class Pace:
    """When a stage began, and how much of it was there by then: of a run that was stopped, nobody knows how fast.

    Examples
    --------
    >>> Pace(began=100.0, already=10).left(done=12, total=20, now=160.0)
    240.0
    """

    began: float
    already: int = 0

    def left(self, done: int, total: int, now: float) -> float | None:
        """Seconds until the end, if it goes on as it went; None where nothing tells yet."""
        fresh = done - self.already
        return (now - self.began) / fresh * (total - done) if fresh > 0 else None


def lasting(seconds: float) -> str:
    """A time as people tell it.

    >>> lasting(0.2), lasting(50.0), lasting(700.0), lasting(11_000.0), lasting(201_000.0)
    ('1 s', '50 s', '12 min', '3 h 3 min', '2 d 7 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


@contextmanager
def shown() -> Iterator[OnProgress]:
    """What a run is given to report to."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines()
        return
    columns = (
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, speed_estimate_period=_PERIOD) as bars:
        tasks: dict[str, TaskID] = {}

        def update(progress: Progress) -> None:
            if progress.stage not in tasks:
                # What an earlier run has done is no sign of speed, so the bar begins there.
                tasks[progress.stage] = bars.add_task(
                    progress.stage, total=progress.total, completed=progress.done
                )
                if len(tasks) > _MOST_BARS:  # more than fit could not be redrawn in place
                    bars.update(list(tasks.values())[-_MOST_BARS - 1], visible=False)
            bars.update(tasks[progress.stage], completed=progress.done)

        yield update


@contextmanager
def one_step(title: str) -> Iterator[None]:
    """Show that something goes on that cannot be counted, and how long it has taken."""
    with shown() as progress:
        progress(Progress(title, 0, 1))
        yield
        progress(Progress(title, 1, 1))


class Lines:
    """A line when a stage begins, one when it ends, and others between as they are due."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._told = clock()
        self._paces: dict[str, Pace] = {}
        self._ended: set[str] = set()

    def __call__(self, progress: Progress) -> None:
        """Take a report, and tell it if that is due."""
        now = self._clock()
        stage, ends = progress.stage, progress.done >= progress.total
        begins = stage not in self._paces
        pace = self._paces.setdefault(stage, Pace(now, progress.done))
        due = now - self._told >= min(_LONGEST, max(_SHORTEST, (now - self._began) / 10))
        if stage in self._ended or not (begins or ends or due):
            return
        if ends:
            self._ended.add(stage)
        self._told = now
        left = None if ends else pace.left(progress.done, progress.total, now)
        eta = "" if left is None else f", about {lasting(left)} left"
        typer.echo(f"{stage}: {progress.done} of {progress.total}{eta}", err=True)
