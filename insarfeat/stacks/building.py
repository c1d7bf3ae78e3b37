"""From sources to files: one plan for one pair; for many, what they share once, then each, then all together."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import insarfeat
from insarfeat.dispatch.expression import Leaf
from insarfeat.dispatch.lazy import lazy_source, value_of
from insarfeat.dispatch.sources import Source, StackedSource
from insarfeat.errors import InvalidArgument
from insarfeat.georeference import GRID_MAPPING
from insarfeat.io.delivery import check_free, check_output
from insarfeat.stacks.layers import layers_of_ground, stack_layers
from insarfeat.stacks.recipe import Recipe
from insarfeat.stacks.scene import Scene
from insarfeat.stacks.sources import Pair, Sources
from insarfeat.tiling.engine import Scheduler
from insarfeat.tiling.plan import TILE, Plan, plan
from insarfeat.tiling.stages import OnProgress, Progress

_log = logging.getLogger(__name__)

PAIR = "pair"
"""Name of the dimension along which a stack holds several pairs."""

_TO_COMPARE = ("insarfeat_recipe",)


def lazy_stack(recipe: Any, **sources: Any) -> xr.Dataset:
    """The layers of a stack of one pair, or of the ground alone, lazy: to go on with in one's own pipeline.

    Parameters
    ----------
    recipe, sources
        As for :func:`build_stack`.

    Examples
    --------
    >>> import insarfeat
    >>> scene = insarfeat.synth.scene(seed=1, size=64)
    >>> layers = lazy_stack({"layers": ["slope", "twi"]}, dem=scene["elevation"].chunk(32))
    >>> layers["slope"].dims
    ('y', 'x')
    """
    chosen, given = Recipe.of(recipe), Sources.of(sources)
    if len(given.pairs) > 1:
        raise InvalidArgument(
            f"this is of one pair, and {len(given.pairs)} were given; build_stack makes stacks of several"
        )
    return stack_layers(chosen, given)


def plan_stack(recipe: Any, *, tile: int = TILE, **sources: Any) -> Plan:
    """The plan of a stack of one pair, or of the ground alone: look with ``describe()``, start with ``run()``.

    Parameters
    ----------
    recipe, sources
        As for :func:`build_stack`.
    tile
        Side of the tiles, as for :func:`insarfeat.plan`.
    """
    return plan(lazy_stack(recipe, **sources), tile=tile)


def build_stack(
    recipe: Any,
    out: str | Path,
    *,
    scheduler: Scheduler = None,
    overwrite: bool = False,
    tile: int = TILE,
    progress: OnProgress = lambda _: None,
    **sources: Any,
) -> Path:
    """Make a stack from raw inputs: layers on one map, filtered, projected and put together as the recipe says.

    Terrain is computed on the DEM's full extent, on the stack's lattice of pixels, and then cut: wetness needs the
    whole basin. Filters run on the product's own grid; phases travel to the map as complex numbers.

    Parameters
    ----------
    recipe
        "detection" (wrapped phase, sensitivity, terrain composite at 15 m), "models" (what the shipped models read:
        those, coherence and elevation), "event" (nine bands at 30 m), the path
        of a YAML file (:func:`insarfeat.stacks.template` writes one that explains itself), or a :class:`Recipe`.
    out
        ``.nc``, ``.zarr`` or ``.tif``. Several pairs become a dimension ``pair`` (``.nc``, ``.zarr``); with a
        folder (no suffix) each becomes a file of its own, and pairs whose file is there already are passed over.
    scheduler, overwrite, progress
        As for :meth:`insarfeat.tiling.Plan.run`.
    tile
        Side of the tiles.
    **sources
        - ``interferogram``: a product (:func:`insarfeat.open_product` opens it), a raster, several of them, or a
          folder of many; or ``primary`` and ``secondary``, two coregistered complex images.
        - ``dem``: elevations in metres.
        - where the radar looks from: ``incidence`` and ``heading`` (numbers or rasters), or ``los_east``,
          ``los_north``, ``los_up``, or ``annotation`` (Sentinel-1's XML or SAFE); products that have them need none.
        - of radar geometry: ``latitude`` and ``longitude``, or ``annotation`` and ``geoid``.
        - ``coherence``, ``intensity``, ``unwrapped_phase``, ``displacement``, ``shadow_layover``: in place of
          what would be made.
        - ``water`` (a mask, 1 is water), ``landslides`` (polygons), ``grid`` (a raster on the map that is wanted),
          ``stated`` (:class:`insarfeat.io.Stated`, for plain rasters).

    Returns
    -------
    The output's path. It appears when it is whole; a run that was stopped goes on where it was.

    Raises
    ------
    InvalidArgument
        Something that a layer needs was not given, is of the wrong kind, or is nodata all over; the recipe has
        unknown keys.

    Examples
    --------
    >>> import insarfeat, tempfile
    >>> scene = insarfeat.synth.scene(seed=1, size=96, style="images")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = insarfeat.build_stack(
    ...         "detection", folder + "/stack.nc", primary=scene["primary"], secondary=scene["secondary"],
    ...         dem=scene["elevation"], incidence=39.0, heading=-12.0)
    ...     list(insarfeat.open_stack(path).data_vars)
    ['wrapped_phase', 'sensitivity', 'terrain_pc1']
    """
    chosen, given, target = Recipe.of(recipe), Sources.of(sources), Path(out)
    for pair in given.pairs:
        _check_not_empty(pair)
    run = _Run(scheduler, tile, progress)
    if target.suffix == "":
        return _each_alone(chosen, given, target, run, overwrite=overwrite)
    check_output(target.absolute())
    if len(given.pairs) <= 1:
        one = plan(stack_layers(chosen, given), tile=tile)
        return one.run(target, scheduler=scheduler, overwrite=overwrite, progress=progress)
    check_free(target, overwrite=overwrite)
    return _together(chosen, given, target, run, before=None)


def append_pairs(
    stack: str | Path,
    *,
    scheduler: Scheduler = None,
    tile: int = TILE,
    progress: OnProgress = lambda _: None,
    **sources: Any,
) -> Path:
    """Add pairs to a stack that has a dimension ``pair``, by its own recipe and on its own map.

    Layers of the ground are taken from the stack as they are; what the recipe needs of them beyond its own layers
    is made again. Pairs that are in the stack already are passed over. The stack is replaced when the new one is
    whole.

    Parameters
    ----------
    stack
        A ``.nc`` or ``.zarr`` that :func:`build_stack` made.
    sources
        As for :func:`build_stack`; ``interferogram`` holds the new pairs, the others are those of the first time.
    """
    target = Path(stack)
    before = insarfeat.open_stack(target)
    if PAIR not in before.dims or "insarfeat_recipe" not in before.attrs:
        raise InvalidArgument(
            f"{target.name} has no dimension {PAIR!r} with the recipe it was made by; only stacks that build_stack "
            "made of several pairs can be added to"
        )
    chosen = Recipe.model_validate_json(before.attrs["insarfeat_recipe"])
    given = Sources.of({**sources, "grid": before})
    known = {str(name) for name in before[PAIR].values}
    fresh = tuple(pair for pair in given.pairs if pair.name not in known)
    for pair in given.pairs:
        if pair.name in known:
            _log.info("%s is in %s already", pair.name, target.name)
    if not fresh:
        return target
    for pair in fresh:
        _check_not_empty(pair)
    return _together(
        chosen, replace(given, pairs=fresh), target, _Run(scheduler, tile, progress), before=before
    )


class _Run:
    """How plans are run, and what is told of them."""

    def __init__(self, scheduler: Scheduler, tile: int, progress: OnProgress) -> None:
        self.scheduler, self.tile, self._progress = scheduler, tile, progress

    def go(self, dataset: xr.Dataset, out: Path, title: str) -> Path:
        """Run one of several plans."""

        def told(progress: Progress) -> None:
            self._progress(Progress(f"{title}: {progress.stage}", progress.done, progress.total))

        return plan(dataset, tile=self.tile).run(out, scheduler=self.scheduler, overwrite=True, progress=told)

    def go_once(self, dataset: xr.Dataset, out: Path, title: str) -> xr.Dataset:
        """Run one whose output is only needed on the way; the same from an earlier try that was cut off stays."""
        mark = out.with_name(f"{out.name}.done")
        known = plan(dataset, tile=self.tile).fingerprint(out)
        if not (out.exists() and mark.exists() and mark.read_text() == known):
            mark.unlink(missing_ok=True)
            self.go(dataset, out, title)
            mark.write_text(known)
        return insarfeat.open_stack(out)


def _each_alone(recipe: Recipe, given: Sources, folder: Path, run: _Run, *, overwrite: bool) -> Path:
    """A file for each pair, each with all layers."""
    if not given.pairs:
        raise InvalidArgument(
            f"a folder ({folder}) holds a file for each pair, and no interferogram was given"
        )
    for side in given.sides():
        _each_of_one_side(recipe, side, folder, run, overwrite=overwrite)
    return folder


def _each_of_one_side(recipe: Recipe, given: Sources, folder: Path, run: _Run, *, overwrite: bool) -> None:
    """A file for each pair that sees the ground from one side; what the ground is like is made once."""
    wanted = [pair for pair in given.pairs if overwrite or not (folder / f"{pair.name}.nc").exists()]
    if not wanted:
        return
    given = _on_one_map(recipe, given)
    aside = folder / "shared.partial"
    shared = _shared(recipe, given, aside, run, None)
    for number, pair in enumerate(wanted, 1):
        layers = stack_layers(recipe, given.only(pair, shared))
        folder.mkdir(parents=True, exist_ok=True)
        run.go(layers, folder / f"{pair.name}.nc", f"{pair.name}, {number} of {len(wanted)}")
    shutil.rmtree(aside, ignore_errors=True)


def _together(recipe: Recipe, given: Sources, target: Path, run: _Run, before: xr.Dataset | None) -> Path:
    """All pairs in one file, along a dimension of their own."""
    aside = target.with_name(f"{target.name}.pairs.partial")
    given = _on_one_map(recipe, given)
    shared = _shared(recipe, given, aside, run, before)
    varying = [name for name in recipe.layers if name not in layers_of_ground(recipe, given)]
    if not varying:
        raise InvalidArgument(
            "the recipe has no layer that differs from pair to pair; give one interferogram, or none"
        )
    made = []
    for number, pair in enumerate(given.pairs, 1):
        layers = stack_layers(recipe, given.only(pair, shared))[varying]
        title = f"{pair.name}, {number} of {len(given.pairs)}"
        made.append(run.go_once(layers, aside / f"{pair.name}.zarr", title))
    names = [pair.name for pair in given.pairs]
    whole = _joined(before, made, names, shared, recipe)
    result = run.go(whole, target, "all pairs")
    shutil.rmtree(aside, ignore_errors=True)
    return result


def _shared(recipe: Recipe, given: Sources, folder: Path, run: _Run, before: xr.Dataset | None) -> xr.Dataset:
    """Layers that all pairs have in common: those of the stack that is added to, and what else is needed.

    They are computed once and kept beside the output until it is whole.
    """
    _check_one_track(given.pairs)
    names = layers_of_ground(recipe, given)
    there = [] if before is None else [name for name in names if name in before.data_vars]
    first = given.only(given.pairs[0], None if before is None else before[there])
    found = xr.Dataset()
    missing = [name for name in names if name not in there]
    if missing:
        layers = stack_layers(recipe, first, missing)
        folder.mkdir(parents=True, exist_ok=True)
        found = run.go_once(layers, folder / "ground.zarr", "the ground")
    if before is None:
        return found
    return found.assign({name: before[name].variable for name in there})


def _on_one_map(recipe: Recipe, given: Sources) -> Sources:
    """The same on one map for all pairs: the one that was asked for, or that of the first pair."""
    if given.grid is not None:
        return given
    return replace(given, grid=Scene(recipe, given.only(given.pairs[0])).map.grid)


def _joined(
    before: xr.Dataset | None,
    made: Sequence[xr.Dataset],
    names: Sequence[str],
    ground: xr.Dataset,
    recipe: Recipe,
) -> xr.Dataset:
    """Stacks of single pairs as one, along ``pair``; nothing is computed, their files are read behind each other."""
    found: dict[str, Any] = {}
    varying = [str(name) for name in made[0].data_vars]
    for name in recipe.layers:
        if name not in varying:
            found[name] = ground[name]
            continue
        parts = [] if before is None else _along_pairs(before[name])
        sources = [*parts, *(_source_of(stack[name]) for stack in made)]
        stacked = StackedSource(sources)
        like = made[0][name]
        chunks = ((1,) * len(sources), *(like.chunks or ())[-2:])
        found[name] = xr.Variable((PAIR, *like.dims[-2:]), lazy_source(stacked, chunks), like.attrs)
    frame = made[0]
    dims = next(iter(made[0].data_vars.values())).dims[-2:]
    coords: dict[Any, Any] = {
        name: frame.coords[name] for name in (*dims, GRID_MAPPING) if name in frame.coords
    }
    whole = xr.Dataset(found, coords)
    whole = whole.assign_coords(_pair_coordinates(before, made, names))
    whole.attrs = _common(made if before is None else [before, *made])
    whole.attrs["inputs_of_pairs"] = _inputs(before, made, names)
    whole.attrs["title"] = f"{recipe.name} stack of {whole.sizes[PAIR]} pairs"
    return whole


def _inputs(before: xr.Dataset | None, made: Sequence[xr.Dataset], names: Sequence[str]) -> str:
    """What each pair was made of, as JSON: the files that are joined here are gone when the stack is whole."""
    known = {} if before is None else json.loads(before.attrs.get("inputs_of_pairs", "{}"))
    for name, stack in zip(names, made, strict=True):
        known[name] = json.loads(stack.attrs.get("insarfeat_inputs", "[]"))
    return json.dumps(known)


def _pair_coordinates(
    before: xr.Dataset | None, made: Sequence[xr.Dataset], names: Sequence[str]
) -> dict[str, Any]:
    """Names of the pairs, and the days of their images."""
    coords: dict[str, Any] = {PAIR: (PAIR, _texts(before, PAIR, list(names)))}
    for which in ("primary_date", "secondary_date"):
        days = [str(stack.attrs.get(which, "")) for stack in made]
        old = [] if before is None or which in before.coords else [""] * before.sizes[PAIR]
        if any(days) or (before is not None and which in before.coords):
            coords[which] = (PAIR, np.array([*old, *_texts(before, which, days)]))
    return coords


def _texts(before: xr.Dataset | None, name: str, new: list[str]) -> Any:
    old = [str(one) for one in before[name].values] if before is not None and name in before.coords else []
    return np.array([*old, *new])


def _along_pairs(layer: xr.DataArray) -> list[Source]:
    """Each pair of a stacked layer as a source of its own."""
    whole = _source_of(layer)
    return [_OnePair(whole, number) for number in range(layer.shape[0])]


class _OnePair:
    """One index of a source's leading dimension."""

    def __init__(self, whole: Source, number: int) -> None:
        self.whole, self.number = whole, number
        self.shape, self.dtype = whole.shape[1:], whole.dtype
        self.token = f"{whole.token}[{number}]"

    def fingerprint(self) -> str:
        """That of the whole, and the index."""
        return f"{self.whole.fingerprint()}[{self.number}]"

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return self.whole.describe()

    def read(self, lead: tuple[int, ...], window: Any) -> Any:
        """The pixels of a window."""
        return self.whole.read((self.number, *lead), window)


def _source_of(layer: xr.DataArray) -> Source:
    value, _ = value_of(layer.data)
    assert isinstance(value.producer, Leaf)  # it was opened from a file just now
    return value.producer.source


def _common(stacks: Iterable[xr.Dataset]) -> dict[str, Any]:
    """Attributes that all have alike."""
    first, *others = (stack.attrs for stack in stacks)
    return {
        key: value
        for key, value in first.items()
        if all(str(other.get(key)) == str(value) for other in others)
        and key
        not in (
            "insarfeat_layers",
            "history",
            "date_created",
            "insarfeat_inputs",
            "insarfeat_version",
            "Conventions",
        )
    }


def _check_one_track(pairs: Sequence[Pair]) -> None:
    """Refuse pairs that look at the ground from both sides: they cannot share what the radar sees of it."""
    seen = {pair.direction for pair in pairs} - {""}
    if len(seen) > 1:
        raise InvalidArgument(
            f"the pairs are {' and '.join(sorted(seen))}: they see the ground from two sides; make a stack for each, "
            "or give a folder as the output, for a file for each pair"
        )


def _check_not_empty(pair: Pair) -> None:
    """Refuse a pair that is nodata all over: it is read from the middle outward until a pixel has a value."""
    layer = pair.images[0] if pair.images is not None else pair.phase
    if layer is None:
        return
    data = layer.data
    blocks: list[Callable[[], Any]] = [lambda: data]
    if hasattr(data, "chunks"):
        middle = np.array(data.numblocks) / 2
        order = sorted(np.ndindex(data.numblocks), key=lambda index: float(np.abs(index - middle).sum()))
        blocks = [lambda index=index: data.blocks[index].compute() for index in order]  # type: ignore[misc]
    for block in blocks:
        pixels = np.asarray(block())
        good = np.isfinite(pixels) & (pixels != 0) if pixels.dtype.kind == "c" else np.isfinite(pixels)
        if good.any():
            return
    raise InvalidArgument(
        f"{pair.name}: its {layer.name} is nodata in every pixel; is it another product, or empty?"
    )
