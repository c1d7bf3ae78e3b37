"""The verb ``plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from insarfeat.cli.options import Overwrite
from insarfeat.cli.running import listed, rasters_of
from insarfeat.errors import InvalidArgument, OutputExists, suggestion

if TYPE_CHECKING:
    import xarray as xr


def plot(
    stack: Annotated[Path, typer.Argument(help="A .nc, .zarr or .tif, or a product of any processor.")],
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT", help="A .png for one layer, or a folder.", show_default="a folder beside STACK"
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME,...", help="Which layers.", show_default="all"),
    ] = None,
    pair: Annotated[
        str | None, typer.Option(help="Which pair, by its name or number from 1, of a stack of several.")
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Layer that lends its shading, as elevation.", show_default="none"),
    ] = None,
    dpi: Annotated[int, typer.Option(min=40, max=600, help="Pixels per inch; the maps are 7 inches.")] = 140,
    overwrite: Overwrite = False,
) -> None:
    """Draw layers as pictures, in the colours that fit what they hold: cyclic for phases, signed about 0.

    Example: insarfeat plot stack.nc --layers wrapped_phase,sensitivity --background elevation
    """
    import insarfeat

    insarfeat.plot.require()
    dataset = insarfeat.open_product(stack)
    if "pair" in dataset.dims:
        dataset = dataset.isel(pair=_number_of(dataset, pair, stack))
    rasters = {name: layer for name, layer in rasters_of(dataset).items() if layer.ndim == 2}
    names = list(rasters) if layers is None else [name.strip() for name in layers.split(",")]
    for name in [*names, *([background] if background else [])]:
        if name not in rasters:
            raise InvalidArgument(
                f"{stack.name} holds no layer {name!r}{suggestion(name, rasters)}. {listed(rasters)}"
            )
    targets = _targets(out or stack.with_name(f"{stack.stem}-pictures"), names)
    for target in targets.values():
        if target.exists() and not overwrite:
            raise OutputExists(f"{target} exists; add --overwrite, or name another output")
    below = None if background is None else insarfeat.plot.thinned(rasters[background]).compute()
    for name, target in targets.items():
        layer = insarfeat.plot.thinned(rasters[name]).compute()
        target.parent.mkdir(parents=True, exist_ok=True)
        figure = insarfeat.plot.picture(layer, background=below)
        target.write_bytes(insarfeat.plot.png(figure, dpi=dpi))
        typer.echo(f"picture  {target}")


def _targets(out: Path, names: list[str]) -> dict[str, Path]:
    """Where each picture goes."""
    if out.suffix.lower() == ".png":
        if len(names) > 1:
            raise InvalidArgument(
                f"{out.name} is one picture, and there are {len(names)} layers ({', '.join(names)}); choose one with "
                "--layers, or name a folder"
            )
        return {names[0]: out}
    if out.suffix:
        raise InvalidArgument(f"the output must end in .png, or be a folder; got {out.name!r}")
    return {name: out / f"{name}.png" for name in names}


def _number_of(dataset: xr.Dataset, pair: str | None, stack: Path) -> int:
    """Index of a pair; of several it must be named."""
    names = [str(name) for name in dataset["pair"].values]
    if pair is None:
        if len(names) == 1:
            return 0
        raise InvalidArgument(
            f"{stack.name} holds {len(names)} pairs: choose one with --pair, by number or name, of "
            f"{', '.join(names[:6])}{' ...' if len(names) > 6 else ''}"
        )
    if pair in names:
        return names.index(pair)
    if pair.isdigit() and 1 <= int(pair) <= len(names):
        return int(pair) - 1
    raise InvalidArgument(
        f"pair {pair!r} is not in {stack.name}{suggestion(pair, names)}; it holds {', '.join(names[:6])}"
    )
