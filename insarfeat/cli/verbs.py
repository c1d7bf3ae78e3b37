"""The verbs ``demo``, ``info`` and ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from insarfeat.cli.options import DryRun, Overwrite, SchedulerText, scheduler_of
from insarfeat.errors import OutputExists

if TYPE_CHECKING:
    import xarray as xr


def demo(
    out: Annotated[Path, typer.Argument(help="Folder for the results.")] = Path("insarfeat-demo"),
    size: Annotated[int, typer.Option(min=64, max=20000, help="Side of the scene in pixels of 15 m.")] = 768,
    seed: Annotated[int, typer.Option(min=0, help="Another number, another scene.")] = 6,
    scheduler: SchedulerText = "threads",
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Make a synthetic scene, compute its layers and write a stack and a report with pictures.

    Example: insarfeat demo my-first-stack --size 1024
    """
    import insarfeat
    from insarfeat.cli.progress import shown

    chosen = scheduler_of(scheduler)
    stack, page = out / "stack.nc", out / "report.html"
    for path in (stack, page):
        if path.exists() and not overwrite:
            raise OutputExists(f"{path} exists; add --overwrite, or name another folder")
    insarfeat.plot.require()
    typer.echo(f"making a synthetic scene of {size} x {size} pixels, seed {seed}")
    plan = insarfeat.plan(demo_layers(insarfeat.synth.scene(seed, size=size, style="images")))
    if dry_run:
        typer.echo(str(plan.describe(chosen)))
        return
    out.mkdir(parents=True, exist_ok=True)
    typer.echo("computing layers tile by tile")
    with shown() as progress:
        plan.run(stack, scheduler=chosen, overwrite=True, progress=progress)
    typer.echo("drawing the report")
    insarfeat.report.write_report(insarfeat.open_stack(stack), page, overwrite=True)
    typer.echo(f"\nstack   {stack}\nreport  {page}  (open it in a browser)")


def demo_layers(scene: xr.Dataset) -> xr.Dataset:
    """Lazy layers of a scene: what the demo writes."""
    from insarfeat import stacks

    lazy = scene.chunk({"y": 512, "x": 512})
    recipe = stacks.Recipe.named("models")
    recipe = recipe.changed(layers=(*recipe.layers, "invalid_causes"))
    images = {name: lazy[name] for name in ("primary", "secondary")}
    angles = {name: scene.attrs[name] for name in ("incidence", "heading")}
    layers = stacks.lazy_stack(recipe, **images, dem=lazy["elevation"], grid=lazy["elevation"], **angles)
    return layers.assign(landslide=lazy["landslide"]).assign_attrs(scene.attrs)


def info(
    path: Annotated[
        Path, typer.Argument(help="A .nc, .zarr or .tif, a product of any processor, or a folder of patches.")
    ],
    pair: Annotated[str | None, typer.Option(help="Which interferogram, where PATH holds several.")] = None,
    swath: Annotated[str | None, typer.Option(help="Which swath of an SLC product, as IW2.")] = None,
    polarisation: Annotated[str | None, typer.Option(help="Which polarisation of it, as VV.")] = None,
) -> None:
    """Say what is in a stack, a product or a folder of patches: its layers, how it was made, what of it is valid.

    Example: insarfeat info insarfeat-demo/stack.nc
    """
    from rich.console import Console

    from insarfeat import open_product
    from insarfeat.cli.describe import described, described_patches

    if (path / "dataset.json").is_file():
        for part in described_patches(path):
            Console().print(part)
        return
    product = open_product(path, pair=pair, swath=swath, polarisation=polarisation)
    console = Console()
    for part in described(product, path.name):
        console.print(part)


def report(
    stack: Annotated[Path, typer.Argument(help="A .nc, .zarr or .tif.")],
    results: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RESULT]...",
            help="What was found in it: .nc, .zarr, .tif on its grid, or .gpkg, .geojson.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The page; STACK with .html where none is named.")] = None,
    title: Annotated[str | None, typer.Option(help="Headline of the page.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw a stack, and what was found in it, as one HTML page that needs nothing else.

    Rasters join the maps; polygons and boxes are drawn over phase and relief, listed, and compared with the layer
    'landslide', the truth, where there is one.

    Example: insarfeat report insarfeat-demo/stack.nc boxes.gpkg --out page.html
    """
    import insarfeat
    from insarfeat.report import gather, write_report

    page = out or stack.with_suffix(".html")
    if page.exists() and not overwrite:  # before files are read
        raise OutputExists(f"{page} exists; add --overwrite, or name another page with --out")
    insarfeat.plot.require()
    gathered = gather(insarfeat.open_stack(stack), results or ())
    write_report(gathered.dataset, page, detections=gathered.detections, title=title, overwrite=overwrite)
    typer.echo(f"report  {page}  (open it in a browser)")
