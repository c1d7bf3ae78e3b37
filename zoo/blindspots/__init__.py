"""What a model could not have seen: known slides go into a user's own pairs, and those that are found are counted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from insarfeat.errors import InvalidArgument, OutputExists, RunFailed
from insarfeat.georeference import grid_of, same_grid
from insarfeat.synth import SlidePlan
from insarfeat.tiling import Progress
from insarfeat.tiling.engine import Scheduler
from insarfeat.tiling.stages import OnProgress
from zoo.blindspots.maps import Question, blind_spot_map
from zoo.blindspots.recall import LEAST_TRIALS, Recall, recall_table
from zoo.blindspots.trials import Finder, Journal, run_round
from zoo.blindspots.views import Told, View, surroundings, views_of
from zoo.inputs import opened

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from zoo.model import Model

__all__ = ["PLAN", "BlindSpots", "Question", "Recall", "Told", "Trials", "blind_spots", "recall_table"]

MAP, JOURNAL, TABLE, INJECTED = "blindspots.nc", "trials.jsonl", "recall.csv", "injected.geojson"
"""Files in the folder."""

PLAN = SlidePlan(area=(0.004, 0.6))
"""What is tried where nothing is said: all classes that creep, from the smallest that a pixel or two show."""

_STATEMENT = (
    "Recall was counted on synthetic slides that were put into these pairs. Real slides may look otherwise."
)
_EMPTY_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Trials:
    """How much is tried.

    Attributes
    ----------
    injections
        Slides; of several pairs each is put into all of them.
    plan
        What slides are drawn.
    seed
        Another number, other slides in other places.
    resample
        As for a model's ``predict``.
    scheduler
        Where the surroundings are computed, as for ``predict``.
    """

    injections: int = 400
    plan: SlidePlan = PLAN
    seed: int = 0
    resample: bool = False
    scheduler: Scheduler = None

    def __post_init__(self) -> None:
        if self.injections < LEAST_TRIALS:
            raise InvalidArgument(
                f"injections is {self.injections}; fewer than {LEAST_TRIALS} say next to nothing"
            )


@dataclass(frozen=True, slots=True, eq=False)
class BlindSpots:
    """What came out.

    Attributes
    ----------
    map
        As :func:`zoo.blindspots.maps.blind_spot_map` makes it.
    recall
        The probability that a slide is found.
    table
        Recall by class and property, as :func:`recall_table` gives it.
    trials
        One row for each slide and pair.
    question
        That the map answers.
    """

    map: xr.Dataset
    recall: Recall
    table: pd.DataFrame
    trials: pd.DataFrame
    question: Question

    def __str__(self) -> str:
        blind = self.map["blind_spot"].values
        known = blind != 255
        share = float((blind[known] != 0).mean()) if known.any() else float("nan")
        whole = self.table[self.table["by"] == "all"].iloc[0]
        return (
            f"{int(whole['found'])} of {int(whole['of'])} injected slides were found "
            f"({100 * whole['recall']:.0f} %, {100 * whole['low']:.0f} to {100 * whole['high']:.0f}).\n"
            f"{self.question}: blind on {100 * share:.0f} % of the ground."
        )


def blind_spots(
    model: Model,
    stacks: Any,
    out: str | os.PathLike[str],
    *,
    question: Question | None = None,
    trials: Trials | None = None,
    told: Told | None = None,
    overwrite: bool = False,
    progress: OnProgress = lambda _: None,
) -> BlindSpots:
    """Tell where a model could not have found a slide in a user's own pairs: no labels are needed.

    Known slides are put into the measured pairs, with their phase, the coherence that they cost, and noise in its
    place; the layers of the stack are made again, the model looks, and what it finds is counted. A regression on
    size, fringes and coherence carries that over to all of the ground.

    Parameters
    ----------
    model
        What :func:`zoo.load` gives.
    stacks
        A stack, of one pair or several, or a list of them on one grid (ascending and descending, say): paths or
        Datasets with ``wrapped_phase``, ``coherence`` and ``elevation``. Layers that cannot be made again with slides
        in them (unwrapped phase, displacement) are kept from the model.
    out
        Folder; made where it is missing. A run that was stopped goes on when it is called again. It gets
        ``blindspots.nc`` (the map), ``recall.csv`` (the table), ``injected.geojson`` (each slide, and whether it was
        found) and ``trials.jsonl``.
    question
        What the map answers; :class:`Question` by default.
    trials
        How much is tried.
    told
        What the stacks do not say of how they were taken, and the interferogram before its filter: without it slides
        go into the filtered phase, and only the ground that they change is filtered anew.
    overwrite
        Whether to begin anew, whatever is in the folder.
    progress
        Called after each round.

    Returns
    -------
    BlindSpots
        Map, recall and trials. What is synthetic in it are the slides alone: real ones may look otherwise.

    References
    ----------
    Injection and recovery as surveys of planets use it: Christiansen, J. L. et al. (2013). Measuring transit signal
    recovery in the Kepler pipeline. I. Individual events. Astrophysical Journal Supplement 207, 35.
    """
    asked = Question() if question is None else question
    tried = Trials() if trials is None else trials
    views = _views(stacks, told)
    folder = Path(out)
    journal = _journal(folder, model, views, tried, overwrite)
    cells = [_cells(view, folder, number, tried, progress) for number, view in enumerate(views)]
    around = [surroundings(one) for one in cells]
    _try_out(journal, views, Finder(model, tried.resample), around, tried, progress)
    table = journal.table()
    recall = Recall.fitted(table, seed=tried.seed)
    found = blind_spot_map(recall, views, cells, around, asked)
    found.attrs = _about(model, views, asked, table)
    result = BlindSpots(found, recall, recall_table(table), table, asked)
    _write(result, folder, views[0])
    return result


def _cells(view: View, folder: Path, number: int, trials: Trials, progress: OnProgress) -> xr.Dataset:
    """The surroundings of a pair, computed tile by tile."""
    import shutil

    import insarfeat

    aside = folder / f"surroundings-{number}.zarr"
    insarfeat.plan(view.cells()).run(aside, scheduler=trials.scheduler, overwrite=True, progress=progress)
    found = insarfeat.open_stack(aside).load()
    shutil.rmtree(aside)
    return found


def _views(stacks: Any, told: Told | None) -> list[View]:
    several = list(stacks) if isinstance(stacks, list | tuple) else [stacks]
    if not several:
        raise InvalidArgument("stacks is empty; give at least one")
    views = [view for stack in several for view in views_of(opened(stack, None), told)]
    same_grid([view.layers["elevation"] for view in views])
    return views


def _journal(folder: Path, model: Model, views: Sequence[View], trials: Trials, overwrite: bool) -> Journal:
    """The journal of the folder; the folder is made where it is missing."""
    if folder.exists() and not folder.is_dir():
        raise OutputExists(f"{folder} is a file; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / JOURNAL
    if overwrite:
        for name in (MAP, JOURNAL, TABLE, INJECTED):
            (folder / name).unlink(missing_ok=True)
    asked = {
        "model": model.file.digest,
        "pairs": [[view.name, asdict(view.acquisition)] for view in views],
        "plan": asdict(trials.plan),
        "seed": trials.seed,
        "resample": trials.resample,
        "unfiltered": views[0].unfiltered is not None,
        "shape": list(views[0].layers["elevation"].shape),
    }
    return Journal(path, asked)


def _try_out(
    journal: Journal,
    views: Sequence[View],
    finder: Finder,
    around: Sequence[Any],
    trials: Trials,
    progress: OnProgress,
) -> None:
    """Rounds, until there are as many slides as were asked for."""
    number, empty = 0, 0
    done = 0
    while done < trials.injections:
        seed = trials.seed * 1_000_000 + number
        if seed not in journal.rounds:
            progress(Progress("injecting", min(done, trials.injections), trials.injections))
            journal.add(seed, run_round(views, around, finder, trials.plan, seed))
        slides = len({row["slide"] for row in journal.rounds[seed]})
        empty = 0 if slides else empty + 1
        if empty >= _EMPTY_ROUNDS:
            raise RunFailed(
                f"in {_EMPTY_ROUNDS} places of the stack there was no ground that slides could be put on: too "
                "little of it is known, or it is too flat for these classes"
            )
        done, number = done + slides, number + 1
    progress(Progress("injecting", trials.injections, trials.injections))


def _about(model: Model, views: Sequence[View], question: Question, table: pd.DataFrame) -> dict[str, Any]:
    told = model.description
    return {
        "title": f"What {told.name} could not have seen",
        "model": told.name,
        "version": told.version,
        "training_data": told.training_data,
        "statement": _STATEMENT,
        "question": str(question),
        "area": question.area,
        "speed": question.speed,
        "probability": question.probability,
        "pairs": ", ".join(view.name for view in views if view.name),
        "trials": len(table),
    }


def _write(result: BlindSpots, folder: Path, view: View) -> None:
    """All files but the journal, each whole or not there."""
    import insarfeat
    from insarfeat.inventory import write_polygons

    insarfeat.write(result.map, folder / MAP, overwrite=True)
    temporary = folder / f"{TABLE}.new"
    result.table.to_csv(temporary, index=False, float_format="%.4g")
    temporary.replace(folder / TABLE)
    write_polygons(
        _injected(result.trials),
        folder / INJECTED,
        crs=grid_of(view.layers["elevation"]).crs_wkt,
        overwrite=True,
    )


def _injected(trials: pd.DataFrame) -> dict[str, Any]:
    """Every slide and pair as a feature."""
    from insarfeat.inventory import of_well_known_text

    table = trials.drop(columns="outline")
    features = [
        {"type": "Feature", "properties": row, "geometry": of_well_known_text(outline)}
        for row, outline in zip(table.to_dict("records"), trials["outline"], strict=True)
    ]
    return {"type": "FeatureCollection", "features": features, "metadata": {"statement": _STATEMENT}}
