"""The command ``insarfeat bench``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table

from benchmarks import comparison
from benchmarks.case import AnyCase, Case, Latency
from benchmarks.cases import choose
from benchmarks.results import (
    CaseResult,
    Contender,
    LatencyResult,
    Result,
    Results,
    Spread,
    check_target,
    write,
)
from benchmarks.runner import Effort, run, smoke_effort
from insarfeat.cli.progress import Pace, lasting
from insarfeat.errors import InsarfeatError, RunFailed, WriteFailed

_DEFAULT_OUT = Path("benchmark.json")
_COLOURS = {"agrees": "green", "differs": "red", "failed": "red", "missing": "yellow"}
_CHANGES = {"faster": "green", "slower": "red"}


def register(app: typer.Typer) -> None:
    """Add the command to the command line of the package."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(bench)
    group.command("compare")(compare)
    app.add_typer(group, name="bench")


def bench(
    context: typer.Context,
    case: Annotated[
        list[str] | None, typer.Option(help="Case to measure, may be repeated; all if left out.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=16, help="Side of the images in pixels; the case decides if left out.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed calls of each tool.")] = Effort().rounds,
    out: Annotated[Path | None, typer.Option(help=f"Record to write; {_DEFAULT_OUT} if left out.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a record that is there.")] = False,
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke", help="Only compare answers, on tiny images; no record unless --out is given."
        ),
    ] = False,
    list_cases: Annotated[bool, typer.Option("--list", help="List the cases and stop.")] = False,
) -> None:
    """Measure the package against its peers and the machine, on one core, and in tiles on all.

    Exits with 1 if a case fails or a peer that should agree does not, with 2 if the request cannot be met.

    Example: insarfeat bench --case slope --case "goldstein, classic" --out before.json
    """
    if context.invoked_subcommand:
        return
    console, errors = Console(), Console(stderr=True)
    try:
        cases = choose(case or ())
        if list_cases:
            console.print(_listing(cases))
            return
        target = out or (None if smoke else _DEFAULT_OUT)
        if target:
            check_target(target, overwrite=overwrite)
        pace = Pace(time.monotonic())
        with errors.status("starting") as status:
            results = run(
                cases,
                smoke_effort(size) if smoke else Effort(size, rounds),
                announce=lambda name: _announce(status, errors, _place(cases, name, pace)),
                keep=lambda results: write(results, target) if target else None,
            )
        console.print(_table(results))
        for name, one in results.wrong:
            errors.print(
                f"{name}: {one.name} {one.verdict.state} {one.verdict.detail}", style="red", markup=False
            )
        if target:
            console.print(f"The results are in {target}", soft_wrap=True, markup=False)
    except InsarfeatError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1 if isinstance(error, RunFailed | WriteFailed) else 2) from error
    if results.wrong:
        raise typer.Exit(1)


def _announce(status: Status, errors: Console, place: str) -> None:
    status.update(f"case {place}")
    if not errors.is_terminal:
        errors.print(place, markup=False)


def _place(cases: tuple[AnyCase, ...], name: str, pace: Pace) -> str:
    """Which case it is, and how long it will still take, as if all took equally long."""
    done = next(number for number, one in enumerate(cases) if one.name == name)
    left = pace.left(done, len(cases), time.monotonic())
    return f"{done + 1} of {len(cases)}: {name}" + ("" if left is None else f", about {lasting(left)} left")


def compare(
    before: Annotated[Path, typer.Argument(help="Record of insarfeat bench.")],
    after: Annotated[Path, typer.Argument(help="Another one, made later.")],
) -> None:
    """Tell what became faster or slower from one record to another, and what is noise.

    Example: insarfeat bench compare before.json after.json
    """
    console, errors = Console(), Console(stderr=True)
    try:
        found = comparison.compare(comparison.read(before), comparison.read(after))
    except InsarfeatError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from error
    table = Table("case", "time, after / before", "by chance", "")
    for one in found.changes:
        table.add_row(
            one.name,
            f"{one.factor:.2f}",
            f"{one.probability:.2g}",
            one.verdict,
            style=_CHANGES.get(one.verdict),
        )
    console.print(table)
    for remark in found.remarks:
        console.print(remark, markup=False)
    if found.missing:
        some = ", ".join(found.missing[:3]) + (", ..." if len(found.missing) > 3 else "")
        console.print(f"{len(found.missing)} are in one of the records only: {some}", markup=False)
    source = (
        f"{found.controls} calls of other tools" if found.controls else "a guess: fewer than ten other tools"
    )
    if any(one.verdict == "too few rounds" for one in found.changes):
        console.print(
            f"Fewer than {comparison.LEAST_ROUNDS} rounds tell nothing: give --rounds.", markup=False
        )
    real = [one for one in found.changes if one.verdict in _CHANGES]
    console.print(
        f"{len(real)} of {len(found.changes)} changed. What is within {found.floor:.0%} is noise ({source}).",
        markup=False,
    )


def _listing(cases: tuple[AnyCase, ...]) -> Table:
    table = Table("case", "kind", "sizes", "peers")
    for one in cases:
        match one:
            case Case():
                names = (peer.name if peer.installed else f"{peer.name} (missing)" for peer in one.others)
                table.add_row(one.name, "throughput", ", ".join(map(str, one.sizes)), ", ".join(names))
            case Latency():
                table.add_row(one.name, "latency", "", "")
            case _:
                table.add_row(one.name, "startup", "", one.statement)
    return table


def _table(results: Results) -> Table:
    heads = ("case", "tool", "median", "quartiles", "times ours", "of limit", "goal", "B/px", "answer")
    groups = [_rows(result) for result in results.cases]
    # What was only compared has no times: columns of nothing would leave no room for the others.
    told = [number for number in range(len(heads)) if any(row[number] for rows in groups for row in rows)]
    table = Table(*(heads[number] for number in told))
    for rows in groups:
        for row in rows:
            table.add_row(*(row[number] for number in told))
        table.add_section()
    return table


def _rows(result: Result) -> list[tuple[str, ...]]:
    match result:
        case CaseResult():
            return [_contender(result, one) for one in result.contenders]
        case LatencyResult():
            calls = (("operator", result.operator), ("direct", result.direct))
            overhead = f"{_number(result.overhead)} µs more" if result.overhead is not None else ""
            return [
                (
                    result.name,
                    name,
                    *_timing(spread, "µs"),
                    "",
                    "",
                    "",
                    "",
                    overhead if name == "operator" else "",
                )
                for name, spread in calls
            ]
        case _:
            return [(result.name, result.statement, *_timing(result.seconds, "s"), "", "", "", "", "")]


def _contender(result: CaseResult, one: Contender) -> tuple[str, ...]:
    ours = one.verdict.state == "reference"
    colour = _COLOURS.get(one.verdict.state, "dim")
    quartiles = ""
    if one.seconds:
        slow, fast = (result.size**2 / second / 1e6 for second in (one.seconds.high, one.seconds.low))
        quartiles = f"{_number(slow)} to {_number(fast)}"
    return (
        f"{result.name} {result.size}",
        f"{one.name} {one.version or ''}".strip(),
        f"{_number(one.mpx_per_s)} Mpx/s" if one.mpx_per_s else "",
        quartiles,
        _number(one.speedup),
        f"{result.reach.fraction:.0%} of {result.reach.limit}" if ours and result.reach else "",
        _number(result.goal) if ours else "",
        _number(one.memory),
        "" if ours else f"[{colour}]{one.verdict.state}[/]",
    )


def _timing(spread: Spread | None, unit: str) -> tuple[str, str]:
    if spread is None:
        return "", ""
    return f"{_number(spread.median)} {unit}", f"{_number(spread.low)} to {_number(spread.high)}"


def _number(value: float | None) -> str:
    """Three digits are as many as the spread bears."""
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
