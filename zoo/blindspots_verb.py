"""The verb ``blindspots``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from insarfeat.cli.options import DryRun, Overwrite, SchedulerText, scheduler_of
from insarfeat.errors import InvalidArgument, OutputExists

if TYPE_CHECKING:
    import xarray as xr

_Stacks = Annotated[
    list[Path],
    typer.Argument(metavar="STACK...", help="One or several on one grid, each of any number of pairs."),
]


def blindspots(
    stacks: _Stacks,
    model: Annotated[str, typer.Option(help="Name of a model, or its file.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.", show_default="STACK-blindspots")
    ] = None,
    area: Annotated[float, typer.Option(help="km2 of the slide that is asked after.")] = 0.06,
    speed: Annotated[float, typer.Option(help="Its speed, cm a year down the slope.")] = 50.0,
    probability: Annotated[float, typer.Option(help="What counts as 'would have been found'.")] = 0.5,
    classes: Annotated[
        str | None, typer.Option(help="Slides to inject, as CF,CS.", show_default="all that creep")
    ] = None,
    injections: Annotated[int, typer.Option(help="How many slides are tried.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Another number, other slides.")] = 0,
    unfiltered: Annotated[
        Path | None,
        typer.Option(help="The interferogram before its filter, on the stack's grid.", show_default="none"),
    ] = None,
    incidence: Annotated[float | None, typer.Option(help="Degrees, where STACK does not say.")] = None,
    heading: Annotated[float | None, typer.Option(help="Degrees, where STACK does not say.")] = None,
    days: Annotated[float | None, typer.Option(help="Between the images, where STACK does not say.")] = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Bring layers to the model's pixel size, if need be.")
    ] = False,
    scheduler: SchedulerText = "threads",
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Map where a model could not have found a slide: known ones are put into your own pairs, and counted.

    Writes a map (smallest and slowest slide that would have been found, and why nothing smaller), a table of recall
    and every injected slide. No labels are needed. A run that was stopped goes on when it is started again.

    Example: insarfeat blindspots stack.nc --model segformer-b0-synth-v1
    """
    import insarfeat
    import zoo
    from insarfeat.cli.progress import shown
    from zoo.blindspots import MAP, PLAN, Question, Told, Trials, blind_spots
    from zoo.blindspots.picture import draw
    from zoo.inputs import opened

    folder = out or stacks[0].with_name(f"{stacks[0].stem}-blindspots")
    if (folder / MAP).exists() and not overwrite:
        raise OutputExists(f"{folder / MAP} exists; add --overwrite, or name another folder with --out")
    if not dry_run:
        insarfeat.plot.require()  # before hours of work, not after
    plan = PLAN if classes is None else replace(PLAN, classes=tuple(classes.replace(" ", "").split(",")))
    question = Question(area, speed, probability)
    trials = Trials(injections, plan, seed, resample, scheduler_of(scheduler))
    told = Told(incidence, heading, days, None, None if unfiltered is None else _interferogram(unfiltered))
    given = [opened(path, None) for path in stacks]
    loaded = zoo.load(model)
    if dry_run:
        from zoo.blindspots.views import views_of

        views = [view for stack in given for view in views_of(stack, told)]
        typer.echo(f"{injections} slides in each of {len(views)} pair(s): {question}")
        typer.echo(str(insarfeat.plan(views[0].cells()).describe(trials.scheduler)))
        return
    with shown() as progress:
        found = blind_spots(
            loaded,
            given,
            folder,
            question=question,
            trials=trials,
            told=told,
            overwrite=overwrite,
            progress=progress,
        )
    typer.echo(str(found))
    draw(found, folder / "blindspots.png")
    typer.echo(f"map     {folder / MAP}\nresults {folder}")
    typer.echo(f"note: {found.map.attrs['statement']}", err=True)


def _interferogram(path: Path) -> xr.DataArray:
    """The complex layer of a file."""
    from insarfeat import open_product

    layers = open_product(path)
    if "interferogram" not in layers:
        raise InvalidArgument(f"{path} has no interferogram; its layers are {', '.join(map(str, layers))}")
    return layers["interferogram"]
