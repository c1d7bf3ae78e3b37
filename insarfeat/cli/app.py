"""The program ``insarfeat``: its verbs, and those that other packages bring through their entry points."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Annotated

import typer

import insarfeat
from insarfeat.cli import (
    geometry_verbs,
    patches_verb,
    phase_verbs,
    plot_verb,
    rank_verb,
    split_verb,
    stack_verb,
    terrain_verbs,
    verbs,
    versions_verb,
)
from insarfeat.cli.wording import as_typed
from insarfeat.errors import InsarfeatError, InvalidArgument, InvalidType, MissingInput, OutputExists

VERBS = "insarfeat.verbs"
"""Entry-point group: each entry names a function that takes the app and adds its verbs to it."""

_BAD_ARGUMENTS = (InvalidArgument, InvalidType, MissingInput, OutputExists)

_log = logging.getLogger(__name__)


def build_app() -> typer.Typer:
    """The program with all its verbs."""
    app = typer.Typer(
        name="insarfeat",
        help="Layers for landslide detection in radar interferograms, at any size.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(_options)
    app.command("demo")(verbs.demo)
    app.command("info")(verbs.info)
    app.command("report")(verbs.report)
    app.command("filter")(phase_verbs.filter_phase)
    app.command("coherence")(phase_verbs.coherence)
    app.command("terrain")(terrain_verbs.terrain_layers)
    app.command("sensitivity")(geometry_verbs.sensitivity)
    app.command("rank")(rank_verb.rank)
    app.command("stack")(stack_verb.stack)
    app.command("patches")(patches_verb.patches)
    app.command("split")(split_verb.split)
    app.command("leaks")(split_verb.leaks)
    app.command("plot")(plot_verb.plot)
    app.command("show-versions")(versions_verb.show_versions)
    for entry in sorted(entry_points(group=VERBS), key=lambda entry: entry.name):
        try:
            register: Callable[[typer.Typer], None] = entry.load()
            register(app)
        except Exception as error:  # another package's fault must not take the program down
            _log.warning("the verbs of %s (%s) could not be loaded: %s", entry.name, entry.value, error)
    return app


def main() -> None:
    """Run the program; exits 0 when it went well, 1 when the run failed, 2 when the arguments were wrong."""
    app = build_app()
    try:
        app()
    except InsarfeatError as error:
        told = as_typed(str(error), typer.main.get_command(app), sys.argv[1:])
        typer.echo(f"error: {told}", err=True)
        logging.getLogger("insarfeat").debug("where it happened", exc_info=True)
        sys.exit(2 if isinstance(error, _BAD_ARGUMENTS) else 1)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"insarfeat {insarfeat.__version__}")
        raise typer.Exit


def _options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell more while it runs.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop."),
    ] = False,
) -> None:
    """Layers for landslide detection in radar interferograms, at any size."""
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True
    )
    logging.getLogger("insarfeat").setLevel(logging.DEBUG if verbose else logging.INFO)
