"""The verbs ``split`` and ``leaks``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from insarfeat.cli.options import DryRun, Overwrite
from insarfeat.errors import InvalidArgument, OutputExists, WriteFailed, check_exists

if TYPE_CHECKING:
    from insarfeat.tiling.patches.parts.splitting import Split

_PICTURES = (".png", ".pdf", ".svg")


def split(
    patches: Annotated[
        Path, typer.Argument(metavar="PATCHES", help="A folder of patches, or a table of them.")
    ],
    by: Annotated[str, typer.Option(metavar="WHAT", help="block, scene, event, orbit or time.")] = "block",
    fractions: Annotated[
        str, typer.Option(metavar="SHARES", help="Of the parts, adding up to 1; two give train and test.")
    ] = "0.7,0.2,0.1",
    buffer: Annotated[
        float | None,
        typer.Option(metavar="METRES", help="Between parts.", show_default="half a patch's side"),
    ] = None,
    block: Annotated[
        float | None, typer.Option(metavar="METRES", help="Side of the blocks.", show_default="found")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another split.")] = 0,
    picture: Annotated[
        Path | None, typer.Option("--map", help="Map to be drawn, .png, .pdf or .svg.", show_default="none")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Split to be written, .parquet.", show_default="split.parquet in PATCHES"),
    ] = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Split patches into parts that share no pixel, no ground within a buffer and no slide.

    With --dry-run it is worked out and shown, and nothing is written.

    Example: insarfeat split patches --by block --buffer 500 --map split.png
    """
    from insarfeat.tiling.patches.parts.listings import SPLIT
    from insarfeat.tiling.patches.parts.splitting import split as split_patches

    target = out if out is not None else (patches if patches.is_dir() else patches.parent) / SPLIT
    if not dry_run:
        _check(patches, target, picture, overwrite)
    found = split_patches(
        patches, by=by, fractions=_shares(fractions), buffer=buffer, seed=seed, block=block  # type: ignore[arg-type]
    )  # fmt: skip
    typer.echo(str(found))
    if dry_run:
        return
    saved = found.save(target, overwrite=overwrite)
    typer.echo(f"split   {saved}")
    if picture is not None:
        _draw(found, picture)
        typer.echo(f"map     {picture}")


def leaks(
    patches: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="Patches with a split; a table with parts; or a folder with one subfolder per part, of any tool.",
        ),
    ],
    part: Annotated[str, typer.Option(help="Column of the parts, in a table.")] = "part",
    buffer: Annotated[
        float | None,
        typer.Option(
            metavar="METRES",
            help="That parts should keep apart.",
            show_default="what the split was made with",
        ),
    ] = None,
    slides: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Inventory of slides, .gpkg, .shp or .geojson.", show_default="none"
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Table of all leaks to be written, .csv.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Look for what the parts of a split share; exits 1 where there is something, 0 where there is nothing.

    Example: insarfeat leaks patches --buffer 500
    """
    from insarfeat.tiling.patches.parts.leaks import leaks as find_leaks

    if slides is not None:
        check_exists(slides, "--slides")
    if csv is not None:
        _check_output(csv, "--csv", (".csv",), overwrite)
    found = find_leaks(patches, part=part, buffer=buffer, slides=slides)
    typer.echo(str(found))
    if csv is not None:
        found.table().to_csv(csv, index=False)
        typer.echo(f"table   {csv}")
    if found:
        raise typer.Exit(1)


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"expected numbers that add up to 1, as 0.7,0.2,0.1; got {text!r}", param_hint="--fractions"
        ) from None


def _check(patches: Path, target: Path, picture: Path | None, overwrite: bool) -> None:
    """Refuse what could not be read or written, before any work."""
    check_exists(patches)
    _check_output(target, "--out", (".parquet",), overwrite)
    if picture is not None:
        from insarfeat import plot

        _check_output(picture, "--map", _PICTURES, overwrite)
        plot.require()


def _check_output(path: Path, option: str, suffixes: tuple[str, ...], overwrite: bool) -> None:
    if path.suffix.lower() not in suffixes:
        raise typer.BadParameter(
            f"it must end in {' or '.join(suffixes)}; got {path.name!r}", param_hint=option
        )
    if path.exists() and not overwrite:
        raise OutputExists(f"{path} exists; add --overwrite, or name another file with {option}")
    if not path.absolute().parent.is_dir():
        raise WriteFailed(f"the folder {path.absolute().parent} does not exist; create it first")


def _draw(found: Split, picture: Path) -> None:
    from insarfeat.plot import split_map

    try:
        split_map(found).savefig(picture, dpi=150)
    except OSError as error:
        raise WriteFailed(f"{picture} could not be written: {error}") from error
    except InvalidArgument as error:
        raise InvalidArgument(f"--map: {error}") from error
