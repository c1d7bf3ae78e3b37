"""The verb ``stack``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from insarfeat.cli.options import DryRun, Overwrite, SchedulerText, TileSize, scheduler_of
from insarfeat.errors import suggestion

_Rasters = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        metavar="NAME=FILE",
        help=(
            "A layer given on its own, as coherence=coh.tif, intensity=amp.tif or water=lakes.tif; again for "
            "others."
        ),
    ),
]


def stack(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="RECIPE", help="detection, models, event, or a .yaml."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            help="A .nc, .zarr or .tif; of many pairs one .nc or .zarr, or a folder for a file each.",
        ),
    ] = None,
    interferogram: Annotated[
        list[Path] | None,
        typer.Option(help="A product, a raster, or a folder of many; again for others."),
    ] = None,
    primary: Annotated[Path | None, typer.Option(help="First of two coregistered complex images.")] = None,
    secondary: Annotated[Path | None, typer.Option(help="Second of them.")] = None,
    dem: Annotated[Path | None, typer.Option(help="Elevations in metres.")] = None,
    incidence: Annotated[
        str | None, typer.Option(metavar="DEGREES|FILE", help="Incidence from the vertical.")
    ] = None,
    heading: Annotated[
        str | None, typer.Option(metavar="DEGREES|FILE", help="Flight direction, clockwise from north.")
    ] = None,
    annotation: Annotated[
        Path | None,
        typer.Option(
            metavar="XML|SAFE", help="Sentinel-1's annotation, or the whole product or its zip, for both."
        ),
    ] = None,
    geoid: Annotated[
        str | None,
        typer.Option(
            metavar="METRES|FILE",
            help="From the ellipsoid up to the zero of the DEM, for radar geometry with --annotation.",
        ),
    ] = None,
    layer: _Rasters = None,
    landslides: Annotated[
        Path | None, typer.Option(help="Polygons for the layer landslide: .gpkg, .geojson, .shp, .kml.")
    ] = None,
    grid: Annotated[Path | None, typer.Option(help="A raster on the map that is wanted.")] = None,
    crs: Annotated[
        str | None, typer.Option(help="In place of the recipe's: utm, own, or a code as EPSG:32632.")
    ] = None,
    resolution: Annotated[
        float | None, typer.Option(help="In place of the recipe's: side of the pixels.")
    ] = None,
    phase_layer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of plain rasters: which file or band is the wrapped phase."),
    ] = None,
    phase_sign: Annotated[
        str | None,
        typer.Option(
            metavar="primary|secondary",
            help="Of plain rasters: which image is not conjugated.",
            show_default="primary",
        ),
    ] = None,
    nodata: Annotated[
        float | None, typer.Option(help="Of plain rasters: number that stands for nodata.")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(metavar="RECIPE", help="Print a recipe as YAML that explains itself, and stop."),
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Add pairs to OUT, a stack of several, by its own recipe.")
    ] = False,
    scheduler: SchedulerText = "threads",
    tile: TileSize = 2048,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Make a stack of layers from raw inputs, by a recipe.

    Example: insarfeat stack models stack.nc --interferogram product --dem dem.tif
    """
    from insarfeat import stacks

    if template is not None:
        typer.echo(stacks.template(template), nl=False)
        return
    if append and recipe is not None and out is None:
        out, recipe = Path(recipe), None
    if out is None or (recipe is None and not append):
        raise typer.BadParameter("name a recipe and an output, as: insarfeat stack detection stack.nc ...")
    chosen = scheduler_of(scheduler)
    given: dict[str, Any] = {
        "interferogram": _one_or_many(interferogram),
        "primary": primary,
        "secondary": secondary,
        "dem": dem,
        "incidence": _number_or_file(incidence),
        "heading": _number_or_file(heading),
        "annotation": annotation,
        "geoid": _number_or_file(geoid),
        "landslides": landslides,
        "grid": grid,
        "stated": _stated(phase_layer, phase_sign, nodata),
        **_named(layer or []),
    }
    given = {name: value for name, value in given.items() if value is not None}
    if append:
        _append(out, given, chosen, tile, (recipe, crs, resolution))
        return
    changes = {key: value for key, value in (("crs", crs), ("resolution", resolution)) if value is not None}
    ready = stacks.Recipe.of(str(recipe)).changed(**({"grid": changes} if changes else {}))
    if dry_run:
        _tell(ready, out, given, chosen, tile, overwrite)
        return
    from insarfeat.cli.progress import shown

    with shown() as progress:
        stacks.build_stack(
            ready, out, scheduler=chosen, overwrite=overwrite, tile=tile, progress=progress, **given
        )
    typer.echo(f"stack   {out}  ({', '.join(ready.layers)})")


def _append(
    out: Path, given: dict[str, Any], scheduler: int | str | None, tile: int, refused: tuple[Any, ...]
) -> None:
    from insarfeat import stacks
    from insarfeat.cli.progress import shown

    if any(value is not None for value in refused):
        raise typer.BadParameter(
            "recipe and map are those of the stack: leave RECIPE, --crs and --resolution out"
        )
    with shown() as progress:
        stacks.append_pairs(out, scheduler=scheduler, tile=tile, progress=progress, **given)
    typer.echo(f"stack   {out}")


def _tell(
    recipe: Any, out: Path, given: dict[str, Any], scheduler: int | str | None, tile: int, overwrite: bool
) -> None:
    """Say what one pair would take."""
    from insarfeat import stacks
    from insarfeat.io.delivery import check_free, check_output
    from insarfeat.stacks.sources import Sources

    if out.suffix:
        check_output(out.absolute())
        check_free(out, overwrite=overwrite)
    count = len(Sources.of(given).pairs)
    if count > 1:
        typer.echo(f"{count} pairs; this is what the first of them takes, and what they share is made once")
        given["interferogram"] = _first(given["interferogram"])
    typer.echo(str(stacks.plan_stack(recipe, tile=tile, **given).describe(scheduler)))


def _first(interferogram: Any) -> Any:
    from insarfeat.stacks.sources import Sources

    return Sources.of({"interferogram": interferogram}).pairs[0].layers


def _one_or_many(paths: list[Path] | None) -> Any:
    return paths[0] if paths and len(paths) == 1 else paths or None


def _number_or_file(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return Path(text)


def _named(pairs: list[str]) -> dict[str, Any]:
    """What ``--layer`` names."""
    from insarfeat.stacks.sources import RASTERS

    found: dict[str, Any] = {}
    for text in pairs:
        name, sign, value = text.partition("=")
        if not sign or not value:
            raise typer.BadParameter(
                f"expected NAME=FILE, as coherence=coh.tif; got {text!r}", param_hint="--layer"
            )
        if name not in RASTERS:
            raise typer.BadParameter(
                f"{name!r} is none of {', '.join(RASTERS)}{suggestion(name, RASTERS)}", param_hint="--layer"
            )
        found[name] = _number_or_file(value)
    return found


def _stated(phase_layer: str | None, phase_sign: str | None, nodata: float | None) -> Any:
    """What the options say of plain rasters; None where they say nothing."""
    from insarfeat.io import Stated

    if phase_layer is None and phase_sign is None and nodata is None:
        return None
    signs = {"primary": "primary x conj(secondary)", "secondary": "secondary x conj(primary)"}
    if phase_sign is not None and phase_sign not in signs:
        raise typer.BadParameter(
            f"expected primary or secondary; got {phase_sign!r}{suggestion(phase_sign, signs)}",
            param_hint="--phase-sign",
        )
    layers = {} if phase_layer is None else {phase_layer: "wrapped_phase"}
    return Stated(layers=layers, nodata=nodata, phase_sign=signs[phase_sign or "primary"])  # type: ignore[arg-type]
