"""The verbs ``filter`` and ``coherence``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from insarfeat.cli.options import DryRun, Out, Overwrite, SchedulerText, TileSize, scheduler_of, size_of
from insarfeat.cli.running import (
    beside_scalars,
    check_ground,
    compute,
    listed,
    note,
    raster_named,
    rasters_of,
)
from insarfeat.errors import InvalidArgument, suggestion

if TYPE_CHECKING:
    import xarray as xr

In = Annotated[Path, typer.Argument(metavar="IN", help="A .nc, .zarr or .tif.")]
LayerName = Annotated[
    str | None,
    typer.Option("--layer", help="Interferogram or wrapped phase; found by itself where only one fits."),
]

_PHASE_UNITS = frozenset({"", "rad", "radian", "radians"})


def filter_phase(
    source: In,
    out: Out,
    gaussian: Annotated[
        float | None,
        typer.Option(metavar="METRES", help="Low-pass first: fringes this wide keep half their amplitude."),
    ] = None,
    resolution: Annotated[
        str | None,
        typer.Option(
            metavar="METRES|DYxDX",
            help="Pixel size on the ground for --gaussian, where IN has no coordinates (radar geometry).",
        ),
    ] = None,
    alpha: Annotated[
        str, typer.Option(metavar="NUMBER|coherence", help="Strength, 0 to 1, or 1 - coherence (Baran).")
    ] = "1",
    window: Annotated[int, typer.Option(help="Side of the windows: 16, 32, 64 or 128 pixels.")] = 32,
    overlap: Annotated[float, typer.Option(help="Overlap of the windows: 0.5, 0.75 or 0.875.")] = 0.75,
    smoothing: Annotated[
        float, typer.Option(help="Smoothing of each window's spectrum in bins, 0 to 8.")
    ] = 1.25,
    normalize: Annotated[
        bool, typer.Option("--normalize/--no-normalize", help="Take brightness and noise out of the spectra.")
    ] = True,
    layer: LayerName = None,
    coherence_layer: Annotated[
        str | None,
        typer.Option(help="For --alpha coherence; the layer 'coherence' where none is named."),
    ] = None,
    as_complex: Annotated[
        bool | None,
        typer.Option(
            "--complex/--phase",
            help="Write only the filtered interferogram, or only its phase. A .tif holds one of them.",
            show_default="both, of a complex layer",
        ),
    ] = None,
    scheduler: SchedulerText = "threads",
    tile: TileSize = 2048,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Filter an interferogram or a wrapped phase: Goldstein's filter, after a Gaussian if asked for.

    Example: insarfeat filter ifg.tif filtered.nc --gaussian 100
    """
    from insarfeat import filters, open_stack

    chosen, strength = scheduler_of(scheduler), _strength(alpha)
    size = None if resolution is None else size_of(resolution)
    if size is not None and gaussian is None:
        raise typer.BadParameter("it is for --gaussian, which was not given", param_hint="--resolution")
    if coherence_layer is not None and strength != "coherence":
        raise typer.BadParameter("it is for --alpha coherence", param_hint="--coherence-layer")
    stack = open_stack(source)
    phase = _phase_layer(stack, layer, source)
    steady = None
    if strength == "coherence":
        steady = raster_named(stack, coherence_layer or "coherence", source, "--coherence-layer", kind="real")
    if gaussian is not None:
        check_ground(phase, size, "--gaussian is in metres")
        phase = filters.gaussian(phase, width=gaussian, resolution=size)
    filtered = filters.goldstein(
        phase,
        alpha=strength,
        window=window,
        overlap=overlap,
        smoothing=smoothing,
        normalize=normalize,
        coherence=steady,
    )
    compute(_products(stack, filtered, as_complex, out), source, out, chosen, tile, overwrite, dry_run)


def coherence(
    source: In,
    out: Out,
    primary: Annotated[
        str | None, typer.Option(help="First complex image; the layer 'primary' where none is named.")
    ] = None,
    secondary: Annotated[
        str | None, typer.Option(help="Second complex image; the layer 'secondary' where none is named.")
    ] = None,
    layer: LayerName = None,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="AZIMUTHxRANGE", help="Window about each pixel, odd numbers.", show_default="5x5"
        ),
    ] = None,
    looks: Annotated[
        str | None,
        typer.Option(metavar="ROWSxCOLUMNS", help="One value for each cell of so many pixels, no window."),
    ] = None,
    unbiased: Annotated[bool, typer.Option("--unbiased", help="Take off the bias of few pixels.")] = False,
    scheduler: SchedulerText = "threads",
    tile: TileSize = 2048,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Coherence of two coregistered complex images; of a lone interferogram, that of its phase.

    Example: insarfeat coherence images.nc coherence.tif --window 3x9
    """
    from insarfeat import filters, open_stack

    chosen = scheduler_of(scheduler)
    cells = None if looks is None else _whole_pair(looks, "--looks", "4x20 (rows x columns)")
    about = (5, 5) if window is None else _whole_pair(window, "--window", "5x5 (azimuth x range)")
    if cells is not None and window is not None:
        raise typer.BadParameter("cells take the window's place: give one of the two", param_hint="--looks")
    by_name = primary is not None or secondary is not None
    if layer is not None and by_name:
        raise typer.BadParameter(
            "it is for one interferogram; two images are named by --primary and --secondary",
            param_hint="--layer",
        )
    stack = open_stack(source)
    if by_name or (layer is None and {"primary", "secondary"} <= set(stack.data_vars)):
        images = (
            raster_named(stack, primary or "primary", source, "--primary", kind="complex"),
            raster_named(stack, secondary or "secondary", source, "--secondary", kind="complex"),
        )
        if cells is not None:
            result = filters.multilook_coherence(*images, looks=cells, unbiased=unbiased)
        else:
            result = filters.coherence(*images, window=about, unbiased=unbiased)
    else:
        phase = _phase_layer(stack, layer, source, or_else="two images with --primary and --secondary")
        if unbiased or cells is not None:
            option = "--unbiased" if unbiased else "--looks"
            raise InvalidArgument(
                f"{option} takes two images, and {phase.name!r} is taken alone; leave {option} out, or name the "
                "images with --primary and --secondary"
            )
        note(
            f"no two images, so this is the coherence of the phase alone, from layer {phase.name!r}: amplitudes do "
            "not count, fringes within the window lower it, and filtering before raises it"
        )
        result = filters.phase_coherence(phase, window=about)
    if cells is not None and not result.size:
        raise InvalidArgument(f"--looks {looks}: not one cell of that size fits into {source.name}")
    products = beside_scalars(stack, {"coherence": result})
    compute(products, source, out, chosen, tile, overwrite, dry_run)


def _strength(text: str) -> float | Literal["coherence"]:
    if text == "coherence":
        return "coherence"
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(
            f"expected a number from 0 to 1, or 'coherence'; got {text!r}{suggestion(text, ['coherence'])}",
            param_hint="--alpha",
        ) from None


def _whole_pair(text: str, option: str, example: str) -> tuple[int, int]:
    try:
        first, second = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise typer.BadParameter(
            f"expected two whole numbers, as {example}; got {text!r}", param_hint=option
        ) from None
    return first, second


def _phase_layer(stack: xr.Dataset, name: str | None, source: Path, or_else: str = "") -> xr.DataArray:
    """The interferogram or wrapped phase that was named, or the only one there is."""
    if name is not None:
        found = raster_named(stack, name, source, "--layer")
        units = str(found.attrs.get("units", "")).lower()
        if found.dtype.kind != "c" and units not in _PHASE_UNITS:
            raise InvalidArgument(f"--layer: {name} is in {units!r}, and a phase is in radians")
        return found
    rasters = rasters_of(stack)
    if "interferogram" in rasters:
        return rasters["interferogram"]
    # The two images of a pair are complex, but neither is an interferogram.
    several = [
        key for key, one in rasters.items() if one.dtype.kind == "c" and key not in ("primary", "secondary")
    ]
    ways = f"name one with --layer{', or ' + or_else if or_else else ''}"
    if len(several) > 1:
        raise InvalidArgument(f"{source.name} holds several complex layers ({', '.join(several)}); {ways}")
    if several:
        return rasters[several[0]]
    if "wrapped_phase" in rasters:
        return rasters["wrapped_phase"]
    raise InvalidArgument(
        f"{source.name} holds no interferogram and no wrapped_phase; {ways}. {listed(rasters)}"
    )


def _products(stack: xr.Dataset, filtered: xr.DataArray, as_complex: bool | None, out: Path) -> xr.Dataset:
    """What ``filter`` writes."""
    from insarfeat import filters

    if filtered.dtype.kind != "c":
        if as_complex:
            raise InvalidArgument(f"--complex takes a complex layer; {filtered.name} holds phases")
        return beside_scalars(stack, {"wrapped_phase": filtered})
    if as_complex is None and out.suffix.lower() in (".tif", ".tiff"):
        raise InvalidArgument(
            "a .tif holds either complex or real layers: choose with --complex or --phase, or write .nc or .zarr"
        )
    layers = {}
    if as_complex is not False:
        layers["interferogram"] = filtered
    if not as_complex:
        layers["wrapped_phase"] = filters.wrapped_phase(filtered)
    return beside_scalars(stack, layers)
