"""The verbs of the zoo: ``models``, ``predict``, ``train``, ``evaluate`` and ``blindspots``."""

from __future__ import annotations

import importlib.util
import json
import logging
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from insarfeat.cli.options import DryRun, Overwrite, SchedulerText, scheduler_of
from insarfeat.errors import InvalidArgument
from zoo.blindspots_verb import blindspots
from zoo.review_verbs import inventory, review

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from zoo.description import ModelDescription
    from zoo.lookup import Entry
    from zoo.model import BoxModel, MaskModel

ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="Name of a model ('insarfeat models' lists them), or its file.")
]
Device = Annotated[
    str | None, typer.Option(help="'cpu', 'cuda', 'cuda:1'; a GPU where there is one.", show_default="auto")
]


def register(app: typer.Typer) -> None:
    """Add the verbs; those of the models only where what they need is installed."""
    app.add_typer(review, name="review")
    app.add_typer(inventory, name="inventory")
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("safetensors") is None:
        return
    app.command("models")(models)
    app.command("predict")(predict)
    app.command("train")(train)
    app.command("evaluate")(evaluate)
    app.command("blindspots")(blindspots)


def models(
    name: Annotated[str | None, typer.Argument(help="Show everything about this one.")] = None,
) -> None:
    """List the models that can be loaded, or show the card of one.

    Example: insarfeat models
    """
    from rich.console import Console
    from rich.markdown import Markdown

    from zoo.lookup import FOLDER_VARIABLE, card_of, find, listing

    console = Console()
    if name is not None:
        file = find(name)
        console.print(_described(file.description))
        if file.path.with_suffix(".md").is_file():
            console.print(Markdown(card_of(file)))
        return
    found = listing()
    for fault in found.faults:
        typer.echo(f"note: {fault}", err=True)
    if not found.entries:
        typer.echo(
            f"no models are here. Name the folder that holds some in {FOLDER_VARIABLE}, or train one: insarfeat train"
        )
        return
    console.print(_listed(found.entries, console))


def predict(
    model: ModelName,
    stack: Annotated[Path, typer.Argument(help="A .nc, .zarr or .tif, or a product of any processor.")],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="To be written: .gpkg, .geojson or .csv for polygons or boxes; of masks also .nc, .zarr, .tif.",
        ),
    ],
    pair: Annotated[str | None, typer.Option(help="One pair of a stack of several.")] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="What counts as found.", show_default="the model's")
    ] = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Bring layers to the model's pixel size, if need be.")
    ] = False,
    device: Device = None,
    scheduler: SchedulerText = "threads",
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Find landslides in a stack of any size.

    Results name the model and say what it was trained on. A run that was stopped goes on when it is started again.

    Example: insarfeat predict segformer-b0-synth-v1 stack.nc found.gpkg
    """
    import zoo
    from insarfeat.cli.progress import shown

    chosen = scheduler_of(scheduler)
    loaded = zoo.load(model, device=device)
    if dry_run:
        _tell_what_it_would_take(loaded, stack, pair, resample, chosen)
        return
    with shown() as progress:
        found = loaded.predict(
            stack,
            out,
            pair=pair,
            threshold=threshold,
            resample=resample,
            scheduler=chosen,
            overwrite=overwrite,
            progress=progress,
        )
    if isinstance(found, zoo.Detections):
        typer.echo(
            f"found   {out}  ({len(found)} {'polygons' if loaded.description.task == 'masks' else 'boxes'})"
        )
    else:
        typer.echo(f"found   {out}  ({', '.join(map(str, found.data_vars))})")
    missing = (found.about if isinstance(found, zoo.Detections) else found.attrs).get("missing_bands")
    if missing:
        typer.echo(f"note: the stack has no {missing}; the model did without", err=True)
    typer.echo(f"note: {loaded.description.statement}", err=True)


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Name of a recipe, or a .yaml file of one.")
    ],
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="'synthetic', a folder of patches, or one of stored tiles.")
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for the model, its log and checkpoints.")
    ],
    validation: Annotated[
        str | None, typer.Option(help="Data to choose the best epoch by.", show_default="a part of DATA")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change the recipe, as epochs=20 or classes=CF,CS."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="MODEL", help="Go on from this model's weights.")
    ] = None,
    device: Device = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew, whatever is in OUT.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the recipe, check the data, and stop.")
    ] = False,
) -> None:
    """Train a model by a recipe; called again, it goes on where it was stopped.

    Ctrl-C and SIGTERM leave a checkpoint. With --from a model learns on from its own weights, and RECIPE is not the
    name of a recipe but what the data are called, as valais-2020.

    Example: insarfeat train segformer-b0-synth patches model
    """
    from zoo import training
    from zoo.lookup import find
    from zoo.training import finetuning
    from zoo.training.material import gathered

    logging.getLogger("zoo").setLevel(logging.getLogger("insarfeat").level)
    changes = _changes(change)
    if start is not None:
        how = training.Changes(recipe=changes, validation=validation, device=device)
        if dry_run:
            plan = finetuning.planned(start, data, name=recipe, changes=how)
            typer.echo(f"{plan.recipe.yaml().rstrip()}\nwould go on from {start} with {data}")
            return
        with _steps() as progress, _stoppable():
            path = training.finetune(
                start, data, out, name=recipe, changes=how, overwrite=overwrite, progress=progress
            )
    else:
        chosen = training.Recipe.of(recipe).changed(**changes)
        if dry_run:
            typer.echo(chosen.yaml().rstrip())
            gathered(chosen, data, validation)
            return
        with _steps() as progress, _stoppable():
            path = training.train(
                chosen,
                data,
                out,
                validation=validation,
                device=device,
                overwrite=overwrite,
                progress=progress,
            )
    typer.echo(f"model   {path}\nlog     {out / 'log.csv'}")
    typer.echo(f"note: {find(path).description.statement}", err=True)


def evaluate(
    model: ModelName,
    data: Annotated[
        Path, typer.Argument(help="Folder of patches with a split, or of stored synthetic tiles.")
    ],
    part: Annotated[str, typer.Option(help="Part of the data.")] = "test",
    threshold: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="What counts as found.", show_default="the model's")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Scores to be written, .json.", show_default="none")
    ] = None,
    device: Device = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Score a model on labelled tiles that it has not learned from.

    Example: insarfeat evaluate segformer-b0-synth-v1 patches --out scores.json
    """
    import zoo
    from insarfeat.cli.progress import shown
    from insarfeat.io.delivery import check_folder, check_free
    from zoo.evaluation import labelled_tiles

    if out is not None:
        if out.suffix != ".json":
            raise InvalidArgument(f"--out must end in .json; got {out.name!r}")
        check_folder(out.absolute())
        check_free(out, overwrite=overwrite)
    loaded = zoo.load(model, device=device)
    if dry_run:
        source, synthetic = labelled_tiles(loaded, data, part)
        kinds = {True: "synthetic tiles", False: "patches", None: "patches (whether synthetic is not known)"}
        typer.echo(f"{source.length} batch(es) of {kinds[synthetic]} of {source.size} x {source.size} pixels")
        return
    with shown() as progress:
        scores = zoo.evaluate(loaded, data, part=part, threshold=threshold, progress=progress)
    typer.echo(str(scores))
    if out is not None:
        told = loaded.description
        record = {
            "model": told.name,
            "version": told.version,
            "digest": loaded.file.digest,
            "training_data": told.training_data,
            "data": data.name,
            "part": part,
            "on_synthetic": scores.on_synthetic,
            "scores": scores.as_dict(),
        }
        temporary = out.with_name(f"{out.name}.new")
        temporary.write_text(json.dumps(record, indent=1) + "\n")
        temporary.replace(out)
        typer.echo(f"scores  {out}")


def _listed(entries: Sequence[Entry], console: Console) -> Table:
    """Models as a table in which no name is cut: where it is narrow, other columns are left out."""
    from rich.measure import Measurement
    from rich.table import Table

    dispensable = ["size", "where", "pixels", "finds", "trained on"]
    attempts = [(30, 0), *((12, dropped) for dropped in range(len(dispensable) + 1))]
    for width, dropped in attempts:
        table = Table()
        rows = [_row(entry, width) for entry in entries]
        names = [name for name in rows[0] if name not in dispensable[:dropped]]
        for name in names:
            table.add_column(name, no_wrap=True, overflow="fold")
        for row in rows:
            table.add_row(*(row[name] for name in names))
        if Measurement.get(console, console.options.update(width=1000), table).maximum <= console.width:
            break
    return table


def _row(entry: Entry, width: int) -> dict[str, str]:
    """What is told of a model, in lines of a width as far as that cuts no word."""
    told = entry.file.description
    wrap = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    return {
        "model": told.name,
        "finds": wrap.fill(f"{told.task}: {', '.join(told.classes)}"),
        "bands": wrap.fill(_bands(told)),
        "pixels": f"{told.least_pixel:g} to {told.largest_pixel:g} m",
        "trained on": wrap.fill(f"{told.training_data} data"),
        "size": f"{entry.file.size / 1e6:.1f} MB",
        "where": entry.place,
    }


def _bands(told: ModelDescription) -> str:
    return ", ".join(band.name if band.required else f"({band.name})" for band in told.bands)


def _described(told: ModelDescription) -> Table:
    from rich.table import Table

    table = Table(show_header=False, box=None)
    rows: dict[str, Any] = {
        "model": f"{told.name}, version {told.version}",
        "": told.statement,
        "finds": f"{told.task}: {', '.join(told.classes)}",
        "network": f"{told.architecture} {told.options or ''}".strip(),
        "bands": f"{_bands(told)} (those in brackets may be missing)",
        "pixels": f"{told.pixel:g} m; {told.least_pixel:g} to {told.largest_pixel:g} m without resampling",
        "threshold": f"{told.threshold:g}",
        "trained on": f"{told.training_data} data, seed {told.seed}",
        "licence": told.licence,
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _tell_what_it_would_take(
    model: MaskModel | BoxModel, stack: Path, pair: str | None, resample: bool, scheduler: int | str | None
) -> None:
    import insarfeat
    from zoo.boxes import CORE, MARGIN, AnchoredWindows
    from zoo.inputs import opened, prepared
    from zoo.masks import predicted_masks

    given = opened(stack, pair)
    inputs = prepared(model.description, given, resample=resample)
    if inputs.missing:
        typer.echo(f"without {', '.join(inputs.missing)}")
    if model.description.task == "masks":
        layers = predicted_masks(model.runner, inputs, model.description.threshold)
        typer.echo(str(insarfeat.plan(layers).describe(scheduler)))
        return
    windows = AnchoredWindows(inputs)
    pairs = given.sizes.get("pair", 1)
    typer.echo(
        f"{windows.shape.height} x {windows.shape.width} pixels, {pairs} pair(s): {len(windows)} windows of "
        f"{CORE} px, each with {MARGIN} px around it"
    )


def _changes(texts: list[str] | None) -> dict[str, Any]:
    """What ``--set`` means, values as YAML has them.

    >>> _changes(["epochs=20", "loss.sigma=3", "classes=CF,CS"])
    {'epochs': 20, 'loss': {'sigma': 3}, 'classes': ['CF', 'CS']}
    """
    import yaml

    found: dict[str, Any] = {}
    for text in texts or ():
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"expected NAME=VALUE, as epochs=20; got {text!r}", param_hint="--set")
        *outer, last = name.split(".")
        place = found
        for one in outer:
            place = place.setdefault(one, {})
        found_value = yaml.safe_load(value)
        bare = isinstance(found_value, str) and "," in found_value
        place[last] = yaml.safe_load(f"[{value}]") if bare else found_value
    return found


@contextmanager
def _stoppable() -> Iterator[None]:
    """A training that is stopped ends with a line, and as programs do that a signal ends."""
    from zoo.training.interrupts import Stopped

    try:
        yield
    except Stopped as stop:
        typer.echo(str(stop), err=True)
        raise typer.Exit(128 + stop.signal) from None


@contextmanager
def _steps() -> Iterator[Callable[[Any], None]]:
    """Progress of a training, to the end of its last epoch; what came out of each is in the log."""
    from insarfeat.cli.progress import shown
    from insarfeat.tiling import Progress

    with shown() as progress:

        def step(told: Any) -> None:
            done = (told.epoch - 1) * told.batches + told.batch
            progress(Progress("training", done, told.epochs * told.batches))

        yield step
