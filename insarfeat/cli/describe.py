"""What ``insarfeat info`` says of a stack, or of a dataset of patches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Column, Table

from insarfeat.errors import InsarfeatError
from insarfeat.georeference import Grid, crs_of, grid_of
from insarfeat.metrics import metrics_of

if TYPE_CHECKING:
    from insarfeat.io.products import Found

_PLAIN = ": GeoTIFF, NetCDF, Zarr"

_TOLD = (
    "title",
    "product",
    "primary_date",
    "secondary_date",
    "temporal_baseline_days",
    "polarisation",
    "orbit_direction",
    "phase_sign",
    "unverified",
    "source",
    "date_created",
    "insarfeat_version",
)
"""Attributes of a stack that are told, in this order."""


def described(stack: xr.Dataset, name: str) -> Iterator[RenderableType]:
    """Tables and lines about a stack; of its pixels only those that tell which are valid are read."""
    rasters = {str(key): raster for key, raster in stack.data_vars.items() if raster.ndim >= 2}
    yield f"[bold]{escape(name)}[/bold]"
    if rasters:
        yield _facts(next(iter(rasters.values())))
    yield _layers(rasters)
    yield from _validity(rasters)
    yield from _origin(stack, rasters)


def described_patches(path: Path) -> Iterator[RenderableType]:
    """Tables and lines about a dataset of patches; no pixels are read."""
    from insarfeat.tiling import open_patches

    patches = open_patches(path)
    facts = Table.grid(padding=(0, 2))
    facts.add_row(
        "patches", f"{len(patches)} of {patches.size.height} x {patches.size.width}, {patches.format}"
    )
    for name, texts in (("bands", patches.bands), ("masks", patches.masks), ("classes", patches.classes)):
        facts.add_row(name, escape(", ".join(texts)) or "none")
    scenes, slides = patches.table["scene"].nunique(), patches.table["slides"].explode().nunique()
    facts.add_row("scenes", f"{scenes}, with {patches.table['pair'].nunique()} pair(s)")
    facts.add_row("labels", f"{(patches.table['label_pixels'] > 0).sum()} patches with one, {slides} slides")
    if patches.parts is not None:
        counts = patches.parts.replace("", "left out").value_counts()
        facts.add_row("split", ", ".join(f"{part} {count}" for part, count in counts.items()))
    values = patches.statistics()
    table = Table("band", "mean", "std", *(name for name in ("min", "p02", "p50", "p98", "max")))
    for band in patches.bands:
        row = values.loc[band]
        table.add_row(escape(band), *(f"{row[str(head.header)]:.4g}" for head in table.columns[1:]))
    yield from (f"[bold]{escape(path.name)}[/bold]", facts, table, escape(str(patches.report)))


def described_folder(products: Sequence[Found], name: str) -> Iterator[RenderableType]:
    """A line about each of many products; nothing but headers is read."""
    from insarfeat.io import open_product

    table = Table(Column("name", overflow="fold"), "days", "direction", "what")
    for found in products:
        try:
            about = open_product(found.path, pair=found.pair).attrs
        except InsarfeatError as error:
            about = {"product": f"cannot be read: {error}"}
        days = " to ".join(str(about[key]) for key in ("primary_date", "secondary_date") if key in about)
        direction, what = str(about.get("orbit_direction", "")), str(about.get("product", found.title))
        table.add_row(escape(found.name), days, direction, escape(what.removesuffix(_PLAIN)))
    yield f"[bold]{escape(name)}[/bold]: {len(products)} products"
    yield table
    yield "'insarfeat info' tells more of one of them, 'insarfeat rank' which are worth a look"


def _facts(raster: xr.DataArray) -> Table:
    table = Table.grid(padding=(0, 2))
    height, width = raster.shape[-2:]
    table.add_row("size", f"{height} x {width} pixels ({height * width / 1e6:.3g} Mpx)")
    try:
        grid = grid_of(raster)
    except InsarfeatError:
        table.add_row("grid", "no map coordinates")
        return table
    crs = crs_of(raster)
    table.add_row("CRS", "none" if crs is None else escape(f"{crs.name} ({crs.to_string()[:40]})"))
    table.add_row("pixel", _pixel(raster, grid))
    table.add_row("x", _extent(grid.x.first, grid.x.step, width))
    table.add_row("y", _extent(grid.y.first, grid.y.step, height))
    return table


def _pixel(raster: xr.DataArray, grid: Grid) -> str:
    north, east = metrics_of(raster, None).rows(grid.y.size // 2, grid.y.size // 2 + 1)
    text = f"{abs(grid.x.step):.6g} x {abs(grid.y.step):.6g}"
    return f"{text} (on the ground {abs(east[0]):.4g} x {abs(north[0]):.4g} m)"


def _extent(first: float, step: float, size: int) -> str:
    edges = sorted((first - step / 2, first + step * (size - 0.5)))
    return f"{edges[0]:.10g} to {edges[1]:.10g}"


def _layers(rasters: dict[str, xr.DataArray]) -> Table:
    table = Table("layer", "meaning", "units", "type", "dimensions")
    for name, raster in rasters.items():
        table.add_row(
            escape(name),
            escape(str(raster.attrs.get("long_name", ""))),
            escape(str(raster.attrs.get("units", ""))),
            str(raster.dtype),
            escape(" x ".join(f"{dim} {size}" for dim, size in raster.sizes.items())),
        )
    return table


def _validity(rasters: dict[str, xr.DataArray]) -> Iterator[str]:
    """How much can be used, and what stands in the way of the rest; these small layers are read for it."""
    from insarfeat.tiling import cause_shares, lines_of_causes

    if "invalid_causes" in rasters:
        yield "[bold]validity[/bold]"
        yield from (escape(line) for line in lines_of_causes(cause_shares(rasters["invalid_causes"])))
    elif "valid_mask" in rasters:
        mask = rasters["valid_mask"]
        yield f"valid pixels: {100 * float((mask == 1).mean()):.3g} %"


def _origin(stack: xr.Dataset, rasters: dict[str, xr.DataArray]) -> Iterator[str]:
    for label in _TOLD:
        if label in stack.attrs and not str(stack.attrs[label]).startswith("rasters and stacks"):
            yield f"{label.replace('_', ' ')}: {escape(str(stack.attrs[label]))}"
    if "insarfeat_inputs" in stack.attrs:
        inputs = json.loads(stack.attrs["insarfeat_inputs"])
        yield f"inputs: {escape('; '.join(map(str, inputs)))}"
    for name, raster in rasters.items():
        if "processing" in raster.attrs:
            yield f"{escape(name)}: {escape(str(raster.attrs['processing']))}"
