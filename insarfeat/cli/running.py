"""What verbs that compute layers share: rasters of a stack by name, notes, and the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from insarfeat.errors import InvalidArgument, suggestion

if TYPE_CHECKING:
    import xarray as xr

_METRES = frozenset({"", "m", "metre", "metres", "meter", "meters"})


def rasters_of(stack: xr.Dataset) -> dict[str, xr.DataArray]:
    """The rasters of a stack by name."""
    return {str(name): raster for name, raster in stack.data_vars.items() if raster.ndim >= 2}


def listed(rasters: Mapping[str, xr.DataArray]) -> str:
    """What an error says of the layers that there are."""
    return f"Its layers: {', '.join(f'{name} ({one.dtype})' for name, one in rasters.items()) or 'none'}"


def raster_named(
    stack: xr.Dataset, name: str, source: Path, option: str, kind: Literal["complex", "real"] | None = None
) -> xr.DataArray:
    """The raster of this name, which must hold this kind of numbers."""
    rasters = rasters_of(stack)
    if name not in rasters:
        raise InvalidArgument(
            f"{option}: {source.name} holds no layer {name!r}{suggestion(name, rasters)}. {listed(rasters)}"
        )
    if kind is not None and (rasters[name].dtype.kind == "c") != (kind == "complex"):
        raise InvalidArgument(
            f"{option}: {name} holds {rasters[name].dtype}, and {kind} numbers are needed. {listed(rasters)}"
        )
    return rasters[name]


def elevation_of(stack: xr.Dataset, name: str | None, source: Path) -> xr.DataArray:
    """The raster that was named, or that is an elevation by its name, or the only one of real numbers."""
    if name is None:
        name = _name_of_elevation(rasters_of(stack), source)
    found = raster_named(stack, name, source, "--layer", kind="real")
    units = str(found.attrs.get("units", ""))
    if units.lower() not in _METRES:
        note(f"{name} is in {units!r}, and its numbers are taken as metres")
    return found


def _name_of_elevation(rasters: dict[str, xr.DataArray], source: Path) -> str:
    real = [name for name, one in rasters.items() if one.dtype.kind in "fiu"]
    if "elevation" in real:
        return "elevation"
    if len(real) == 1:
        return real[0]
    if real:
        raise InvalidArgument(
            f"{source.name} holds several layers ({', '.join(real)}), and none is called 'elevation'; name the one "
            "that holds elevations with --layer"
        )
    raise InvalidArgument(
        f"{source.name} holds no raster of real numbers to take elevations from. {listed(rasters)}"
    )


def check_ground(raster: xr.DataArray, size: tuple[float, float] | None, why: str) -> None:
    """Refuse a raster whose pixels have no size on the ground, and tell what was taken where it is not certain."""
    from insarfeat.georeference import crs_of
    from insarfeat.metrics import metrics_of

    if size is None and not any(dim in raster.coords for dim in raster.dims[-2:]):
        raise InvalidArgument(
            f"{why}, and {raster.name} has no coordinates that tell how large its pixels are; add "
            "their size on the ground, as --resolution 14x3.7 (metres, rows x columns)"
        )
    if size is None and crs_of(raster) is None:
        rows, columns = metrics_of(raster, None).smallest
        note(f"no CRS, so coordinates are taken as metres: pixels of {rows:g} x {columns:g} m")


def beside_scalars(stack: xr.Dataset, layers: Mapping[str, xr.DataArray]) -> xr.Dataset:
    """Layers that are described by their names, with the stack's attributes and single numbers."""
    from insarfeat.layers import LAYERS

    kept = stack[[name for name, one in stack.data_vars.items() if one.ndim == 0]]
    described = {}
    for name, layer in layers.items():
        described[name] = layer.copy(deep=False)
        described[name].attrs = layer.attrs | LAYERS[name].attributes
    return kept.assign(described)


def note(text: str) -> None:
    """Tell what is worth knowing, beside what is asked for."""
    typer.echo(f"note: {text}", err=True)


def compute(
    products: xr.Dataset,
    source: Path,
    out: Path,
    scheduler: int | str | None,
    tile: int,
    overwrite: bool,
    dry_run: bool,
) -> None:
    """Run the plan, or tell what it would take."""
    import insarfeat
    from insarfeat.cli.progress import shown

    if out.exists() and out.samefile(source):
        raise InvalidArgument(f"{out} is the input; name another output")
    plan = insarfeat.plan(products, tile=tile)
    if dry_run:
        from insarfeat.io.delivery import check_free, check_output

        check_output(out.absolute())
        check_free(out, overwrite=overwrite)
        typer.echo(str(plan.describe(scheduler)))
        return
    with shown() as progress:
        plan.run(out, scheduler=scheduler, overwrite=overwrite, progress=progress)
    typer.echo(f"stack   {out}  ({', '.join(plan.names)})")
