"""The verbs ``review`` and ``inventory``: what goes to an expert, what comes back, and where it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from insarfeat.cli.options import DryRun, Overwrite
from insarfeat.cli.running import note
from insarfeat.errors import InvalidArgument

if TYPE_CHECKING:
    import xarray as xr

review = typer.Typer(
    help="Let an expert judge candidates in QGIS, and take the judgement back.", no_args_is_help=True
)
inventory = typer.Typer(help="Keep an inventory of places that grows with new pairs.", no_args_is_help=True)

_Found = Annotated[
    list[Path],
    typer.Argument(metavar="FOUND...", help="What models found (.gpkg, .geojson), or an inventory."),
]
_BlindSpots = Annotated[
    Path | None, typer.Option(help="Map of blind spots (blindspots.nc).", show_default="none")
]
_Probability = Annotated[
    float, typer.Option(help="A pair could have seen a place where the recall of the map reaches this.")
]


@review.command("export")
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A .gpkg to be written.")],
    found: _Found,
    blind_spots: _BlindSpots = None,
    least_score: Annotated[float, typer.Option(min=0.0, max=1.0, help="Leave weaker ones out.")] = 0.0,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Write candidates, and where nothing could have been found, as a GeoPackage with styles for QGIS.

    Example: insarfeat review export candidates.gpkg found.gpkg --least-score 0.3
    """
    import zoo.review

    candidates = _candidates(found)
    if dry_run:
        typer.echo(f"{sum(len(part) for part in candidates)} candidate(s)")
        return
    mapped = None if blind_spots is None else _map(blind_spots)
    zoo.review.export_review(
        candidates, out, blind_spots=mapped, least_score=least_score, overwrite=overwrite
    )
    typer.echo(
        f"review  {out}  (open it in QGIS; edit status, Class, Sign_Qual, Class_Unc, remark, outlines)"
    )


@review.command("import")
def take_back(
    edited: Annotated[Path, typer.Argument(metavar="EDITED", help="The .gpkg after the expert's work.")],
    reviewer: Annotated[str, typer.Option(help="Who judged; kept with each change.")],
    labels: Annotated[
        Path | None, typer.Option(help="A .gpkg for labels to train with.", show_default="none")
    ] = None,
    places: Annotated[
        Path | None,
        typer.Option("--inventory", help="An inventory to keep the decisions in.", show_default="none"),
    ] = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Check what an expert has judged, row by row, and keep it: as labels, in an inventory, or both.

    Example: insarfeat review import candidates.gpkg --reviewer MR --labels labels.gpkg
    """
    import zoo.review

    judged = zoo.review.import_review(edited, reviewer=reviewer)
    before = None if places is None else zoo.review.open_inventory(places)
    typer.echo(str(judged))
    if dry_run:
        return
    if labels is None and places is None:
        raise InvalidArgument(
            "say where the judgement is kept: --labels labels.gpkg, --inventory places.gpkg, or both"
        )
    if labels is not None:
        judged.write_labels(labels, overwrite=overwrite)
        typer.echo(f"labels  {labels}")
    if places is not None and before is not None:
        kept = before.judged(judged)
        count = len(kept.history) - len(before.history)
        if count:
            kept.write(places, overwrite=True)
        told = f"{count} changes taken" if count else "nothing new, all of it was in there already"
        typer.echo(f"places  {places}  ({kept}; {told})")


@inventory.command("update")
def update(
    places: Annotated[
        Path, typer.Argument(metavar="PLACES", help="The inventory, a .gpkg; made if missing.")
    ],
    found: _Found,
    stack: Annotated[
        list[Path] | None,
        typer.Option(help="Stack of the pairs, for the speeds; may be given again.", show_default="none"),
    ] = None,
    blind_spots: _BlindSpots = None,
    probability: _Probability = 0.5,
    least: Annotated[int, typer.Option(min=1, help="So many pairs must have seen what is confirmed.")] = 2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin a new inventory.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Add what was found in new pairs to an inventory; no decision of an expert is lost.

    Example: insarfeat inventory update places.gpkg found.gpkg --blind-spots stack-blindspots/blindspots.nc
    """
    from zoo.review import Inventory, open_inventory

    before = open_inventory(places) if places.exists() and not overwrite else Inventory.empty()
    looks = _looks(stack or [], None if blind_spots is None else _map(blind_spots), probability)
    after = before.updated(_candidates(found), looks, least=least)
    typer.echo(f"before  {before}\nafter   {after}")
    if not dry_run:
        after.write(places, overwrite=True)
        typer.echo(f"places  {places}")


@inventory.command("show")
def show(
    places: Annotated[Path, typer.Argument(metavar="PLACES", help="The inventory, a .gpkg.")],
    history: Annotated[bool, typer.Option("--history", help="Show who changed what, too.")] = False,
) -> None:
    """Show the places of an inventory: accepted ones first, rejected ones last, those seen most often before others.

    Example: insarfeat inventory show places.gpkg --history
    """
    from zoo.review import open_inventory
    from zoo.review.shown import history_shown, places_shown

    kept = open_inventory(places)
    typer.echo(f"{kept}\n\n{places_shown(kept)}")
    if history:
        typer.echo(f"\n{history_shown(kept)}")


def _candidates(paths: list[Path]) -> list[Any]:
    """Detections of files, and the places of inventories."""
    from zoo.detections import Detections
    from zoo.review import open_inventory
    from zoo.review.places import PLACES

    found = []
    for path in paths:
        if path.suffix.lower() == ".gpkg" and path.exists():
            from insarfeat.inventory.geopackage import layers_in

            if PLACES in layers_in(path):
                found.append(open_inventory(path).places)
                continue
        found.append(Detections.read(path))
    return found


def _map(path: Path) -> xr.Dataset:
    from insarfeat import open_stack

    found = open_stack(path)
    if "blind_spot" not in found:
        raise InvalidArgument(f"{path} is no map of blind spots; 'insarfeat blindspots' makes one")
    return found.load()


def _lacks_for_speeds(stack: xr.Dataset) -> str:
    """What a stack has not, and speeds need; empty where it has all."""
    if "slope_to_los" not in stack:
        return "slope_to_los"
    return "" if "displacement" in stack or "wrapped_phase" in stack else "displacement or wrapped_phase"


def _looks(stacks: list[Path], mapped: xr.Dataset | None, probability: float) -> list[Any]:
    """What could be seen in each pair, and its layers."""
    from zoo.inputs import opened
    from zoo.polygons import orbit_of, pair_of
    from zoo.review import Look

    visible = {}
    if mapped is not None and "recall_of_pair" in mapped:
        visible = {
            (str(one["pair"].values), str(one["orbit"].values)): one >= probability
            for one in mapped["recall_of_pair"]
        }
    looks = {key: Look(*key, visible=mask.astype("uint8")) for key, mask in visible.items()}
    for path in stacks:
        stack = opened(path, None)
        lacks = _lacks_for_speeds(stack)
        if lacks:
            note(
                f"{path} has no {lacks}, so no speeds from it. To get them: 'insarfeat stack --template models > "
                f"own.yaml', see that {lacks} is among its layers, build the stack with own.yaml, and update with it"
            )
        several = (
            [stack] if "pair" not in stack.dims else [stack.isel(pair=n) for n in range(stack.sizes["pair"])]
        )
        for one in several:
            key = (pair_of(one), orbit_of(one))
            before = looks.get(key)
            looks[key] = Look(*key, None if before is None else before.visible, None if lacks else one)
    return list(looks.values())
