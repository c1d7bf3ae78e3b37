"""The verb ``rank``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from insarfeat.cli.options import DryRun, Overwrite, SchedulerText, scheduler_of
from insarfeat.errors import InvalidArgument, OutputExists, RunFailed, WriteFailed, check_exists

if TYPE_CHECKING:
    from rich.table import Table

    from insarfeat.pairs import RankedPair, Ranking, Rules


def rank(
    pairs: Annotated[
        list[Path],
        typer.Argument(metavar="PAIRS", help="A folder of interferograms, or several of them one by one."),
    ],
    dem: Annotated[
        Path | None, typer.Option(help="Elevation for all of them; brought to the grid of each.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Page with pictures to be written, .html.", show_default="none")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Table to be written, .csv.")] = None,
    limits: Annotated[
        str | None,
        typer.Option(metavar="NAME=NUMBER,...", help="Other limits, as decorrelated=0.4,ramp=5."),
    ] = None,
    min_score: Annotated[float, typer.Option(help="Kept from this score on, 0 to 1.")] = 0.5,
    scheduler: SchedulerText = "threads",
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Measure interferograms and say which are worth interpreting, the best first, with reasons.

    What it has measured is kept beside the output while it runs, so that a run that was stopped goes on from there.

    Example: insarfeat rank pairs --dem dem.tif --out ranking.html
    """
    from rich.console import Console

    from insarfeat.cli.progress import shown
    from insarfeat.pairs import ranking
    from insarfeat.pairs.journal import Journal

    rules = _rules(limits, min_score)
    chosen = scheduler_of(scheduler)
    _check(dem, out, csv, overwrite)
    resume = _beside(out or csv)
    if dry_run:
        _tell_what_it_would_take(pairs, dem, resume)
        return
    with shown() as progress, _working_with(chosen):
        found = ranking.rank(
            pairs[0] if len(pairs) == 1 else pairs,
            rules=rules,
            elevation=dem,
            progress=progress,
            resume=resume,
        )
    console = Console()
    console.print(_table(found))
    if csv is not None:
        found.to_csv(csv, overwrite=overwrite)
        typer.echo(f"table   {csv}")
    if out is not None:
        found.to_html(out, overwrite=overwrite)
        typer.echo(f"page    {out}  (open it in a browser)")
    if resume is not None:
        Journal(resume).remove()
    typer.echo(f"kept {len(found.kept)} of {len(found)}")
    if all(row.error is not None for row in found):
        raise RunFailed(f"not one of {len(found)} interferograms could be read; the first: {found[0].error}")


def _rules(limits: str | None, min_score: float) -> Rules:
    from insarfeat.pairs import Rules

    numbers: dict[str, float] = {}
    for part in (limits or "").split(","):
        if not part.strip():
            continue
        name, _, text = part.partition("=")
        try:
            numbers[name.strip()] = float(text)
        except ValueError:
            raise typer.BadParameter(
                f"expected NAME=NUMBER, as decorrelated=0.5; got {part.strip()!r}", param_hint="--limits"
            ) from None
    try:
        rules = Rules().with_limits(numbers)
    except InvalidArgument as error:
        raise typer.BadParameter(str(error), param_hint="--limits") from error
    try:
        return rules.with_limits({"min_score": min_score}) if "min_score" not in numbers else rules
    except InvalidArgument as error:
        raise typer.BadParameter(str(error), param_hint="--min-score") from error


def _check(dem: Path | None, out: Path | None, csv: Path | None, overwrite: bool) -> None:
    """Refuse what could not be read or written, before any work."""
    from insarfeat import plot

    if dem is not None:
        check_exists(dem, "--dem")
    for path, option, suffixes in ((out, "--out", (".html", ".htm")), (csv, "--csv", (".csv",))):
        if path is None:
            continue
        if path.suffix.lower() not in suffixes:
            raise typer.BadParameter(f"it must end in {suffixes[0]}; got {path.name!r}", param_hint=option)
        if path.exists() and not overwrite:
            raise OutputExists(f"{path} exists; add --overwrite, or name another file")
        if not path.absolute().parent.is_dir():
            raise WriteFailed(f"the folder {path.absolute().parent} does not exist; create it first")
    if out is not None:
        plot.require()


def _beside(out: Path | None) -> Path | None:
    return None if out is None else out.with_name(out.name + ".partial")


def _tell_what_it_would_take(pairs: list[Path], dem: Path | None, resume: Path | None) -> None:
    from insarfeat.pairs.files import candidates
    from insarfeat.pairs.journal import Journal
    from insarfeat.pairs.ranking import elevation_key, key_of

    found = candidates(pairs[0] if len(pairs) == 1 else pairs, None)
    journal = Journal(resume) if resume is not None else None
    known_as = elevation_key(dem)
    done = 0
    for candidate in found:
        ready = journal is not None and key_of(candidate, known_as, None) in journal
        done += ready
        typer.echo(f"{candidate.name}  {candidate.place}{'  (measured already)' if ready else ''}")
    typer.echo(f"{len(found)} interferograms, {len(found) - done} to be read once each")


@contextmanager
def _working_with(scheduler: int | str | None) -> Iterator[None]:
    """What computes chunks: all cores, so many threads, or a cluster."""
    if scheduler is None:
        yield
        return
    import dask

    if isinstance(scheduler, int):
        with dask.config.set(scheduler="threads", num_workers=scheduler):
            yield
        return
    from insarfeat.tiling.engine import connected

    with connected(scheduler) as client, dask.config.set(scheduler=client):
        yield


def _table(found: Ranking) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("score", justify="right")
    table.add_column("")
    table.add_column("pair", overflow="fold")
    table.add_column("days", justify="right")
    table.add_column("why", overflow="fold")
    for row in found:
        table.add_row(*_cells(row), style=None if row.keep else "dim")
    return table


def _cells(row: RankedPair) -> tuple[str, ...]:
    from rich.markup import escape

    days = "" if row.baseline_days is None else f"{row.baseline_days:g}"
    if row.error is not None:
        return ("", "[red]unreadable[/]", escape(row.name), days, escape(row.error))
    verdict = "[green]keep[/]" if row.keep else "reject"
    return (f"{row.score:.2f}", verdict, escape(row.name), days, escape("; ".join(row.reasons)))
