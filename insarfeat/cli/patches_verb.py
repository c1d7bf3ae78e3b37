"""The verb ``patches``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from insarfeat.cli.options import DryRun, Overwrite, SchedulerText, scheduler_of
from insarfeat.errors import InvalidArgument, suggestion

_TRUTH = ("landslide_id", "landslide_kind", "artefact", "unwrapping_errors")


def patches(
    stack: Annotated[
        Path,
        typer.Argument(
            metavar="STACK", help="A stack or product, or a folder of many: MIRAGE, event stacks."
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the dataset.")],
    rules: Annotated[
        str | None, typer.Option(metavar="RULES", help="detection (160 px) or event (256 px, small copies).")
    ] = None,
    size: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Side of a patch.", show_default="256")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="To the next patch.", show_default="the side")
    ] = None,
    min_valid: Annotated[float, typer.Option(metavar="SHARE", help="Least share of valid pixels.")] = 0.5,
    bands: Annotated[str | None, typer.Option(metavar="NAMES", help="As wrapped_phase,coherence.")] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER|FILE",
            help="A layer, or polygons: .gpkg, .geojson, .shp.",
            show_default="landslide",
        ),
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="WHERE", help="grid, centred or random.", show_default="grid")
    ] = None,
    count: Annotated[int | None, typer.Option(help="Of random patches, per scene and pair.")] = None,
    edge: Annotated[
        str | None, typer.Option(metavar="EDGE", help="shift, pad or drop.", show_default="shift")
    ] = None,
    negatives: Annotated[
        float | None, typer.Option(metavar="RATIO", help="Patches without a slide per patch with one.")
    ] = None,
    hard: Annotated[
        str | None,
        typer.Option(
            metavar="SHARES",
            help="Of the negatives, as layover=0.3,atmosphere=0.3; artefacts and false_alarms, too.",
        ),
    ] = None,
    alarms: Annotated[
        str | None, typer.Option(metavar="LAYER|FILE", help="What a model found, for false_alarms.")
    ] = None,
    only: Annotated[
        str | None, typer.Option("--keep", metavar="WHICH", help="any, only or without: those with a label.")
    ] = None,
    slope: Annotated[
        str | None, typer.Option(metavar="DEGREES", help="Mean slope between two, as 5-45.")
    ] = None,
    area: Annotated[Path | None, typer.Option(help="Polygons of the area of interest.")] = None,
    seed: Annotated[int, typer.Option(help="Another number, other draws.")] = 0,
    format: Annotated[
        str, typer.Option(metavar="FORMAT", help="zarr, webdataset, netcdf-shards, netcdf or geotiff.")
    ] = "zarr",
    by: Annotated[
        str | None,
        typer.Option("--split", metavar="BY", help="Split them, too: by block, scene, event, orbit or time."),
    ] = None,
    yolo: Annotated[
        Path | None, typer.Option(help="Folder for images and labels as YOLO reads them.")
    ] = None,
    coco: Annotated[Path | None, typer.Option(help="Folder for COCO's JSON.")] = None,
    scheduler: SchedulerText = "threads",
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Cut a stack of any size, or many of them, into patches to train with.

    Example: insarfeat patches stack.nc patches --size 160 --stride 80 --labels slides.gpkg
    """
    from insarfeat import tiling
    from insarfeat.cli.progress import shown

    chosen = scheduler_of(scheduler)
    given = dict(_rules(rules))
    sampling = _sampling(
        given.pop("sampling", None), where=where, count=count, edge=edge, negatives=negatives,
        hard=_hard(hard, alarms), seed=seed or None,
    )  # fmt: skip
    given["size"] = size or given.get("size", 256)
    plan = tiling.plan_patches(
        stack,
        **given,
        stride=stride,
        min_valid=min_valid,
        labels=labels,
        sampling=sampling,
        keep=tiling.Keep(labels=only or "any", slope=_slope(slope), area=area),  # type: ignore[arg-type]
        bands=None if bands is None else [name.strip() for name in bands.split(",")],
    )
    if dry_run:
        typer.echo(str(plan.describe(chosen)))
        return
    with shown() as progress:
        found = plan.run(out, format=format, scheduler=chosen, overwrite=overwrite, progress=progress)
    typer.echo(f"patches {out}  ({', '.join(found.bands + found.masks)})\n{found.report}")
    for note in _notes(found.bands, found.masks):
        typer.echo(f"note: {note}")
    if by is not None:
        split = tiling.split(found, by=by, seed=seed)  # type: ignore[arg-type]
        split.save()
        typer.echo(str(split))
        found = tiling.open_patches(out)
    for folder, write in ((yolo, tiling.write_yolo), (coco, tiling.write_coco)):
        if folder is not None:
            part = None if found.parts is not None else "all"
            typer.echo(str(write(found, folder, part=part, overwrite=overwrite)))


def _notes(bands: Sequence[str], masks: Sequence[str]) -> Iterator[str]:
    """What a network trained on these patches would suffer from."""
    if not masks:
        yield (
            "no patch has labels: there is no layer 'landslide', and no polygons came along; --labels names a layer "
            "or a file of polygons"
        )
    told = [name for name in bands if name.endswith("_true") or name in _TRUTH]
    if told:
        yield f"{', '.join(told)} tell the truth of a synthetic scene; --bands names what a network may see"


def _rules(name: str | None) -> dict[str, Any]:
    from insarfeat.tiling import RULES

    if name is None:
        return {}
    if name not in RULES:
        raise InvalidArgument(f"--rules must be {' or '.join(RULES)}; got {name!r}{suggestion(name, RULES)}")
    return dict(RULES[name])


def _sampling(base: Any, **changes: Any) -> Any:
    from dataclasses import replace

    from insarfeat.tiling import Sampling

    return replace(
        base or Sampling(), **{name: value for name, value in changes.items() if value is not None}
    )


def _hard(text: str | None, alarms: str | None) -> Any:
    """The hard negatives that ``--hard`` names."""
    from insarfeat.tiling import HardNegatives
    from insarfeat.tiling.patches.sampling import HARD

    if text is None and alarms is None:
        return None
    shares: dict[str, float] = {}
    for part in (text or "false_alarms=1").split(","):
        name, sign, number = part.strip().partition("=")
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if name not in HARD or not sign or share < 0:
            raise typer.BadParameter(
                f"expected shares of {', '.join(HARD)}, as layover=0.3; got {part!r}{suggestion(name, HARD)}",
                param_hint="--hard",
            )
        shares[name] = share
    return HardNegatives(alarms=alarms, **shares)  # type: ignore[arg-type]


def _slope(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split("-"))
    except ValueError:
        raise typer.BadParameter(
            f"expected two angles, as 5-45; got {text!r}", param_hint="--slope"
        ) from None
    return low, high
