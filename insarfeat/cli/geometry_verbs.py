"""The verb ``sensitivity``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from insarfeat.cli.options import DryRun, Out, Overwrite, SchedulerText, TileSize, scheduler_of, size_of
from insarfeat.cli.running import (
    beside_scalars,
    check_ground,
    compute,
    elevation_of,
    raster_named,
    rasters_of,
)
from insarfeat.errors import InvalidArgument, check_choice

if TYPE_CHECKING:
    import xarray as xr

    from insarfeat.geometry import LineOfSight, Swath
    from insarfeat.geometry.arguments import Look

_LAYERS = (
    "slope_to_los",
    "local_incidence",
    "r_index",
    "shadow_layover",
    "sensitivity",
    "signed_sensitivity",
)
_TRUSTING = ("sensitivity", "signed_sensitivity")


def sensitivity(
    dem: Annotated[Path, typer.Argument(metavar="DEM", help="Elevations in metres: a .nc, .zarr or .tif.")],
    out: Out,
    coherence: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Coherence on the DEM's grid: its layer 'coherence', or its only raster."
        ),
    ] = None,
    incidence: Annotated[
        str | None,
        typer.Option(metavar="DEGREES|FILE", help="Incidence from the vertical: a number, or a raster."),
    ] = None,
    heading: Annotated[
        str | None,
        typer.Option(
            metavar="DEGREES|FILE", help="Flight direction, clockwise from north: a number, or a raster."
        ),
    ] = None,
    annotation: Annotated[
        Path | None,
        typer.Option(
            metavar="XML", help="Sentinel-1's annotation of the swath, for both: they follow from its orbit."
        ),
    ] = None,
    look: Annotated[str, typer.Option(metavar="right|left", help="Side to which the radar looks.")] = "right",
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME,...",
            help=f"What to compute, of: {', '.join(_LAYERS)}.",
            show_default="slope_to_los, local_incidence, shadow_layover; sensitivity where there is coherence",
        ),
    ] = None,
    midpoint: Annotated[float, typer.Option(help="Coherence that counts half.")] = 0.3,
    steepness: Annotated[float, typer.Option(help="Of the step from useless to trusted coherence.")] = 20.0,
    layer: Annotated[
        str | None,
        typer.Option(help="Elevation; the layer 'elevation', or the only raster, where none is named."),
    ] = None,
    resolution: Annotated[
        str | None,
        typer.Option(metavar="METRES|DYxDX", help="Pixel size on the ground, where DEM has no coordinates."),
    ] = None,
    scheduler: SchedulerText = "threads",
    tile: TileSize = 2048,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """What the radar can see of the ground: sensitivity to downslope motion, shadow and layover.

    Example: insarfeat sensitivity dem.tif seen.nc --coherence coherence.tif --incidence 39 --heading -12
    """
    from insarfeat import geometry, open_stack

    chosen = scheduler_of(scheduler)
    size = None if resolution is None else size_of(resolution)
    names = _names(layers, coherence)
    for name in names:
        check_choice("--layers", name, _LAYERS)
    stack = open_stack(dem)
    elevation = elevation_of(stack, layer, dem)
    check_ground(elevation, size, "how steep the ground is needs lengths on the ground")
    side = _side(look)
    sight, angles = _viewing(elevation, (incidence, heading), annotation, side)
    found: dict[str, Any] = {}
    seen = None
    if set(names) & {"shadow_layover", *_TRUSTING}:
        seen = geometry.shadow_layover(elevation, *angles, look=side, resolution=size)
        found["shadow_layover"] = seen
    trusting = [name for name in names if name in _TRUSTING]
    views = [name for name in names if name != "shadow_layover"]
    if views:
        trusted = {"coherence": _coherence(coherence), "visibility": seen} if trusting else {}
        weight = geometry.CoherenceWeight(midpoint, steepness)
        view = geometry.ground_view(elevation, views, sight, weight=weight, resolution=size, **trusted)
        found |= {str(name): raster for name, raster in view.data_vars.items()}
    products = beside_scalars(stack, {name: found[name] for name in names})
    compute(products, dem, out, chosen, tile, overwrite, dry_run)


def _names(layers: str | None, coherence: Path | None) -> list[str]:
    if layers is not None:
        names = [name.strip() for name in layers.split(",")]
        needy = [name for name in names if name in _TRUSTING]
        if needy and coherence is None:
            raise typer.BadParameter(f"{' and '.join(needy)} need it", param_hint="--coherence")
        return names
    return ["slope_to_los", "local_incidence", "shadow_layover", *(["sensitivity"] if coherence else [])]


def _side(look: str) -> Look:
    from insarfeat.geometry.arguments import side_of

    side_of(look)
    return cast("Look", look)


def _viewing(
    elevation: xr.DataArray, given: tuple[str | None, str | None], annotation: Path | None, look: Look
) -> tuple[LineOfSight, tuple[Any, Any]]:
    """The line of sight, and the angles that say the same."""
    from insarfeat import geometry
    from insarfeat.io import read_swath

    if annotation is not None:
        if given != (None, None) or look != "right":
            raise InvalidArgument(
                "--annotation says where the radar looks: leave --incidence, --heading and --look out"
            )
        swath = read_swath(annotation)
        _check_seen(swath, elevation, annotation)
        sight = geometry.sight_on_map(swath.grid, elevation, elevation=elevation)
        return sight, sight.incidence_and_heading()
    if None in given:
        raise InvalidArgument(
            "where the radar looks from is not known: give --incidence and --heading in degrees (Sentinel-1: 30 to "
            "46, and about -12 ascending or -168 descending at middle latitudes), or --annotation"
        )
    incidence, heading = (
        _angle(str(text), name) for text, name in zip(given, ("incidence", "heading"), strict=True)
    )
    return geometry.los_from_incidence(incidence, heading, look=look), (incidence, heading)


def _check_seen(swath: Swath, elevation: xr.DataArray, annotation: Path) -> None:
    """Refuse a DEM of another place."""
    from insarfeat.geometry import DopplerLookup
    from insarfeat.windows import Shape, Window

    lookup = DopplerLookup(swath.grid, elevation, geoid=0.0)
    mapping, _ = lookup.on_map(lookup.map.grid)
    if mapping.reach(Window.whole(Shape(*elevation.shape))) is None:
        outline = swath.footprint()
        raise InvalidArgument(
            f"--annotation: {annotation.name} is of the swath {swath.name} about latitude "
            f"{outline.latitude.mean():.1f}, longitude {outline.longitude.mean():.1f}, which sees nothing of the "
            "DEM; is it another scene's?"
        )


def _angle(text: str, name: str) -> Any:
    """A number, or the raster in a file."""
    from insarfeat import open_stack

    try:
        return float(text)
    except ValueError:
        return _only(open_stack(Path(text)), name, Path(text), f"--{name}")


def _coherence(path: Path | None) -> Any:
    from insarfeat import open_stack

    assert path is not None  # checked with the names
    return _only(open_stack(path), "coherence", path, "--coherence")


def _only(stack: xr.Dataset, name: str, path: Path, option: str) -> xr.DataArray:
    """The raster of this name, or the only one."""
    rasters = rasters_of(stack)
    if name not in rasters and len(rasters) == 1:
        name = next(iter(rasters))
    return raster_named(stack, name, path, option, kind="real")
