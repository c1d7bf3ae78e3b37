"""The verbs ``demo``, ``info`` and ``report``."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from insarfeat.cli.options import DryRun, Overwrite, SchedulerText, scheduler_of
from insarfeat.errors import OutputExists

if TYPE_CHECKING:
    import xarray as xr

    from insarfeat.tiling.stages import OnProgress, Progress

_AT_ONCE = 1024
"""Side of a scene that takes a few seconds and little memory to make."""

_NEEDED = ("primary", "secondary", "elevation", "landslide")
"""Of a scene, for the layers of the demo."""


def demo(
    out: Annotated[Path, typer.Argument(help="Folder for the results.")] = Path("insarfeat-demo"),
    size: Annotated[int, typer.Option(min=64, max=20000, help="Side of the scene in pixels of 15 m.")] = 768,
    seed: Annotated[int, typer.Option(min=0, help="Another number, another scene.")] = 6,
    scheduler: SchedulerText = "threads",
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Make a synthetic scene, compute its layers and write a stack and a report with pictures.

    Example: insarfeat demo results --size 1024
    """
    import insarfeat
    from insarfeat.cli.progress import one_step, shown

    chosen = scheduler_of(scheduler)
    stack, page = out / "stack.nc", out / "report.html"
    for path in (stack, page):
        if path.exists() and not overwrite:
            raise OutputExists(f"{path} exists; add --overwrite, or name another folder")
    insarfeat.plot.require()
    typer.echo(f"making a synthetic scene of {size} x {size} pixels, seed {seed}")
    scene = insarfeat.synth.scene(seed, size=size, style="images", lazy=size > _AT_ONCE)
    if dry_run:
        typer.echo(str(insarfeat.plan(demo_layers(_empty(scene))).describe(chosen)))
        return
    out.mkdir(parents=True, exist_ok=True)
    aside = out / f"scene-{seed}-{size}.zarr"
    with shown() as progress:
        if size > _AT_ONCE:
            scene = _stored(scene, aside, chosen, progress)
        plan = insarfeat.plan(demo_layers(scene))
        plan.run(stack, scheduler=chosen, overwrite=True, progress=progress)
    shutil.rmtree(aside, ignore_errors=True)
    with one_step("report"):
        insarfeat.report.write_report(insarfeat.open_stack(stack), page, overwrite=True)
    typer.echo(f"\nstack   {stack}\nreport  {page}  (open it in a browser)")


def _empty(scene: xr.Dataset) -> xr.Dataset:
    """A scene of zeros: to be described it need not be made."""
    import xarray as xr

    return xr.zeros_like(scene[[*_NEEDED]])


def _stored(scene: xr.Dataset, aside: Path, scheduler: int | str | None, progress: OnProgress) -> xr.Dataset:
    """A large scene on disk, made piece by piece; one that an earlier run has made is taken as it is."""
    import insarfeat

    if not aside.exists():

        def told(one: Progress) -> None:
            progress(replace(one, stage=f"scene: {one.stage}"))

        insarfeat.plan(scene[[*_NEEDED]], tile=_AT_ONCE).run(aside, scheduler=scheduler, progress=told)
    return insarfeat.open_stack(aside).assign_attrs(scene.attrs)


def demo_layers(scene: xr.Dataset) -> xr.Dataset:
    """Lazy layers of a scene: what the demo writes."""
    from insarfeat import stacks

    lazy = scene if scene.chunks else scene.chunk({"y": 512, "x": 512})
    recipe = stacks.Recipe.named("models")
    recipe = recipe.changed(layers=(*recipe.layers, "invalid_causes"))
    images = {name: lazy[name] for name in ("primary", "secondary")}
    angles = {name: scene.attrs[name] for name in ("incidence", "heading")}
    layers = stacks.lazy_stack(recipe, **images, dem=lazy["elevation"], grid=lazy["elevation"], **angles)
    return layers.assign(landslide=lazy["landslide"]).assign_attrs(scene.attrs)


def info(
    path: Annotated[
        Path,
        typer.Argument(
            help="A .nc, .zarr or .tif, a product of any processor, a folder of them, or one of patches."
        ),
    ],
    pair: Annotated[str | None, typer.Option(help="Which interferogram, where PATH holds several.")] = None,
    swath: Annotated[str | None, typer.Option(help="Which swath of an SLC product, as IW2.")] = None,
    polarisation: Annotated[str | None, typer.Option(help="Which polarisation of it, as VV.")] = None,
) -> None:
    """Say what is in a stack, a product, a folder of many or one of patches: layers, how they were made, validity.

    Example: insarfeat info stack.nc
    """
    from rich.console import Console

    from insarfeat import open_product
    from insarfeat.cli.describe import described, described_folder, described_patches
    from insarfeat.io import list_products

    if (path / "dataset.json").is_file():
        for part in described_patches(path):
            Console().print(part)
        return
    console = Console()
    there = list_products(path) if path.is_dir() and pair is None else []
    if len(there) > 1:
        for part in described_folder(there, path.name):
            console.print(part)
        return
    product = open_product(path, pair=pair, swath=swath, polarisation=polarisation)
    for part in described(product, path.name):
        console.print(part)


def report(
    stack: Annotated[Path, typer.Argument(help="A .nc, .zarr or .tif.")],
    results: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RESULT]...",
            help="What was found in it: .nc, .zarr, .tif on its grid; .gpkg, .geojson; blindspots.nc.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The page; STACK with .html where none is named.")] = None,
    title: Annotated[str | None, typer.Option(help="Headline of the page.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw a stack, and what was found in it, as one HTML page that needs nothing else.

    Rasters join the maps; polygons and boxes are drawn over phase and relief, listed, and compared with the layer
    'landslide', the truth, where there is one.

    Example: insarfeat report stack.nc found.gpkg --out page.html
    """
    import insarfeat
    from insarfeat.cli.progress import one_step
    from insarfeat.report import gather, write_report

    page = out or stack.with_suffix(".html")
    if page.exists() and not overwrite:  # before files are read
        raise OutputExists(f"{page} exists; add --overwrite, or name another page with --out")
    insarfeat.plot.require()
    with one_step("report"):
        gathered = gather(insarfeat.open_stack(stack), results or ())
        write_report(gathered.dataset, page, detections=gathered.detections, title=title, overwrite=overwrite)
    typer.echo(f"report  {page}  (open it in a browser)")
