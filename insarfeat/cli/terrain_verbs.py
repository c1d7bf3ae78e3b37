"""The verb ``terrain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from insarfeat.cli.options import DryRun, Out, Overwrite, SchedulerText, TileSize, scheduler_of, size_of
from insarfeat.cli.running import beside_scalars, check_ground, compute, elevation_of
from insarfeat.errors import check_choice

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
            "topographic_position; and of flow: filled, flow_direction, flow_accumulation, flow_contamination, "
            "specific_catchment_area, twi, wetness_index, basins, streams.",
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
    routing: Annotated[
        str | None,
        typer.Option(
            metavar="mfd|dinf|d8",
            help="Where water goes, for accumulation, contamination, catchment area and twi: to all lower "
            "neighbours, in one direction, or to one neighbour. Streams follow d8 unless told otherwise.",
            show_default="mfd",
        ),
    ] = None,
    voids: Annotated[
        str | None,
        typer.Option(
            metavar="outlets|walls",
            help="What voids are to water, for layers of flow.",
            show_default="outlets",
        ),
    ] = None,
    stream_cells: Annotated[
        float | None, typer.Option(metavar="CELLS", help="Least number of cells upslope of a stream.")
    ] = None,
    breach: Annotated[
        bool, typer.Option("--breach", help="Cut through dams instead of filling behind them, for filled.")
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
    """Slope, aspect, curvatures, ruggedness, convexity and more of a DEM, in one pass; flow and wetness, in a few.

    Example: insarfeat terrain dem.tif terrain.nc --layers slope,convexity,twi --radius 5
    """
    from insarfeat import open_stack, terrain
    from insarfeat.cli.flow_layers import NAMES, SIZED, Flow

    chosen = scheduler_of(scheduler)
    size = None if resolution is None else size_of(resolution)
    asked = [name.strip() for name in layers.split(",")]
    names, wet = [name for name in asked if name not in NAMES], [name for name in asked if name in NAMES]
    flow = Flow(routing, voids, stream_cells, breach)
    flow.check(wet)
    given = {
        "--radius": radius,
        "--saga": "saga" if saga else None,
        "--method": method,
        "--north": north,
        "--resolution": resolution,
    }
    _check_layers(names, given, wet)
    wanted = _wanted(names, given)
    stack = open_stack(dem)
    elevation = elevation_of(stack, layer, dem)
    directional = [one.layer for one in wanted if one.directional] + [name for name in wet if name in SIZED]
    if directional:
        check_ground(elevation, size, f"{', '.join(directional)} need lengths on the ground")
    how: dict[str, Any] = {
        name: text for name, text in (("method", method), ("north", north)) if text is not None
    }
    found: dict[str, Any] = {}
    if wanted:
        attributes = terrain.attributes(elevation, wanted, resolution=size, **how)
        found = {str(name): one for name, one in attributes.data_vars.items()}
    found |= {name: flow.layer(name, elevation, size) for name in wet}
    products = beside_scalars(stack, {name: found[name] for name in asked})
    compute(products, dem, out, chosen, tile, overwrite, dry_run)


def _check_layers(names: Sequence[str], given: Mapping[str, Any], wet: Sequence[str]) -> None:
    """Refuse layers that there are not, and options that none of the layers takes."""
    from insarfeat.cli.flow_layers import NAMES
    from insarfeat.terrain.requests import ATTRIBUTES

    for name in names:
        check_choice("--layers", name, (*ATTRIBUTES, *NAMES))
    for option, value in given.items():
        takers = [name for name, kind in ATTRIBUTES.items() if _takes(kind, option)]
        if option == "--resolution":
            takers += NAMES
        if value is not None and not set(takers) & {*names, *wet}:
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
