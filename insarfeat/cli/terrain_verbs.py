"""The verb ``terrain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from insarfeat.cli.options import DryRun, Out, Overwrite, SchedulerText, TileSize, scheduler_of, size_of
from insarfeat.cli.running import beside_scalars, check_ground, compute, elevation_of

if TYPE_CHECKING:
    from insarfeat.terrain.requests import Attribute

_PARAMETERS = {"--radius": "radius", "--saga": "variant"}
"""Options that are parameters of single attributes; the others are for all that need a gradient."""


def terrain_layers(
    dem: Annotated[Path, typer.Argument(metavar="DEM", help="Elevations in metres: a .nc, .zarr or .tif.")],
    out: Out,
    layers: Annotated[
        str,
        typer.Option(
            metavar="NAME,NAME,...",
            help="What to compute, of: slope, aspect, hillshade, profile_curvature, plan_curvature, "
            "tangential_curvature, general_curvature, tri, roughness, convexity, local_relief, "
            "topographic_position.",
        ),
    ] = "slope,aspect,tri,convexity",
    radius: Annotated[
        int | None,
        typer.Option(
            metavar="CELLS",
            help="Radius of all windows: of convexity, local_relief and topographic_position.",
            show_default="10",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="zevenbergen-thorne|horn|evans",
            help="How gradients are found, for slope, aspect, hillshade and curvatures. gdaldem's is horn.",
            show_default="zevenbergen-thorne",
        ),
    ] = None,
    north: Annotated[
        str | None,
        typer.Option(
            metavar="true|grid",
            help="Whose north and lengths: those of the ground, or of a projected grid as in GDAL and SAGA.",
            show_default="true",
        ),
    ] = None,
    saga: Annotated[
        bool, typer.Option("--saga", help="SAGA's definitions of tri and the curvatures.")
    ] = False,
    resolution: Annotated[
        str | None,
        typer.Option(metavar="METRES|DYxDX", help="Pixel size on the ground, where DEM has no coordinates."),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(help="Elevation; the layer 'elevation', or the only raster, where none is named."),
    ] = None,
    scheduler: SchedulerText = "threads",
    tile: TileSize = 2048,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Slope, aspect, curvatures, ruggedness, convexity and more of a DEM, in one pass.

    Example: insarfeat terrain dem.tif terrain.nc --layers slope,convexity --radius 5
    """
    from insarfeat import open_stack, terrain

    chosen = scheduler_of(scheduler)
    size = None if resolution is None else size_of(resolution)
    names = [name.strip() for name in layers.split(",")]
    given = {
        "--radius": radius,
        "--saga": "saga" if saga else None,
        "--method": method,
        "--north": north,
        "--resolution": resolution,
    }
    _check_layers(names, given)
    wanted = _wanted(names, given)
    stack = open_stack(dem)
    elevation = elevation_of(stack, layer, dem)
    directional = [one.layer for one in wanted if one.directional]
    if directional:
        check_ground(elevation, size, f"{', '.join(directional)} need lengths on the ground")
    how: dict[str, Any] = {
        name: text for name, text in (("method", method), ("north", north)) if text is not None
    }
    found = terrain.attributes(elevation, wanted, resolution=size, **how)
    products = beside_scalars(stack, {str(name): one for name, one in found.data_vars.items()})
    compute(products, dem, out, chosen, tile, overwrite, dry_run)


def _check_layers(names: Sequence[str], given: Mapping[str, Any]) -> None:
    """Refuse layers that there are not, and options that none of the layers takes."""
    from insarfeat.terrain.requests import ATTRIBUTES, check_choice

    for name in names:
        check_choice("--layers", name, tuple(ATTRIBUTES))
    for option, value in given.items():
        takers = [name for name, kind in ATTRIBUTES.items() if _takes(kind, option)]
        if value is not None and not set(takers) & set(names):
            raise typer.BadParameter(
                f"it is for {', '.join(takers)}; add one of them to --layers, or leave it out",
                param_hint=option,
            )


def _takes(kind: type[Attribute], option: str) -> bool:
    """Whether an attribute has to do with an option."""
    parameter = _PARAMETERS.get(option)
    return kind.directional if parameter is None else parameter in _parameters(kind)


def _parameters(kind: type[Attribute]) -> set[str]:
    return {field.name for field in fields(kind)}


def _wanted(names: Sequence[str], given: Mapping[str, Any]) -> list[Attribute]:
    """The attributes, each with those of the options that are parameters of its own."""
    from insarfeat.terrain.requests import ATTRIBUTES

    wanted = []
    for kind in (ATTRIBUTES[name] for name in names):
        own = {name: given[option] for option, name in _PARAMETERS.items() if name in _parameters(kind)}
        wanted.append(kind(**{name: value for name, value in own.items() if value is not None}))
    return wanted
