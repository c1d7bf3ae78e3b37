"""A loaded model: what it is, and what it finds in stacks of any size."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import insarfeat
from insarfeat.dispatch.expression import fingerprint
from insarfeat.dispatch.lazy import value_of
from insarfeat.errors import InvalidArgument
from insarfeat.io.delivery import check_folder, check_free
from insarfeat.tiling.engine import Scheduler, check_scheduler
from insarfeat.tiling.patches.scenes.naming import PAIR
from insarfeat.tiling.stages import OnProgress, Setting, Workshop
from insarfeat.tiling.workspace import discard, kept_if_worth_it, workspace
from zoo.boxes import CORE, MARGIN, AnchoredWindows, FoundBoxes, Search, joined, search_window
from zoo.description import ModelDescription
from zoo.detections import Detections
from zoo.inputs import Inputs, opened, prepared
from zoo.lookup import card_of
from zoo.masks import predicted_masks
from zoo.polygons import as_polygons, orbit_of, pair_of
from zoo.runner import Runner
from zoo.weights import WeightFile

if TYPE_CHECKING:
    import xarray as xr
    from torch import nn

VECTORS = (".gpkg", ".geojson", ".csv")
"""Files of polygons that results may be written to."""

_RASTERS = (".nc", ".nc4", ".zarr", ".tif", ".tiff")


class Model:
    """A model with its weights; :func:`zoo.load` gives it.

    Attributes
    ----------
    file
        Where it came from.
    suffixes
        Of files that its results can be written to.
    """

    suffixes: ClassVar[tuple[str, ...]]

    def __init__(self, file: WeightFile, runner: Runner) -> None:
        self.file = file
        self.runner = runner

    @property
    def description(self) -> ModelDescription:
        """Everything about the model but its numbers."""
        return self.runner.description

    @property
    def card(self) -> str:
        """What it is for, how good it is, and where it fails, as Markdown."""
        return card_of(self.file)

    @property
    def network(self) -> nn.Module:
        """The torch module: raw bands (n, bands, y, x) in their own units go in, NaN for nodata."""
        return self.runner.network

    def __repr__(self) -> str:
        told = self.description
        return (
            f"{type(self).__name__}({told.name}, version {told.version}: {', '.join(told.classes)} from "
            f"{', '.join(told.band_names)} at {told.pixel:g} m; trained on {told.training_data} data)"
        )

    def predict(
        self,
        stack: xr.Dataset | str | os.PathLike[str],
        out: str | os.PathLike[str] | None = None,
        *,
        pair: str | None = None,
        threshold: float | None = None,
        resample: bool = False,
        scheduler: Scheduler = None,
        overwrite: bool = False,
        progress: OnProgress = lambda _: None,
    ) -> Any:
        """Find landslides in a stack of any size.

        Parameters
        ----------
        stack
            A path (NetCDF, Zarr, GeoTIFF, or what a processor wrote), or a Dataset; of one pair, or with a dimension
            ``pair``. Layers are found by name. Those that the model can do without may be missing.
        out
            ``.gpkg``, ``.geojson`` or ``.csv`` for polygons or boxes; of masks also ``.nc``, ``.zarr`` or ``.tif``,
            for probability and mask. None: masks stay lazy, boxes are returned only.
        pair
            One pair of a stack of several; all by default.
        threshold
            Probability, or score (objectness times probability of the class), from which something counts as found;
            the model's own by default.
        resample
            Whether to bring layers with other pixel sizes to the model's.
        scheduler
            Where a run takes place: None for threads on all cores, a number of them, or a Dask scheduler.
        overwrite
            Whether to replace ``out``.
        progress
            Called as tiles are finished.

        Returns
        -------
        Dataset
            Of masks: ``landslide_probability`` and ``landslide``, lazy, or of the file that was written. NaN and 255
            where a band that the model needs has no value. Attributes name the model and what it was trained on.
        Detections
            Boxes with class and score, the best first, pair by pair; or the polygons that are in the file.

        Notes
        -----
        Masks are seen through windows that lie on whole multiples of half their size on the map, so that every pixel
        is seen by four, blended by Hann's weights. Boxes are found in large windows, each answerable for what is
        centred in its core, with margins that hold the largest slides whole; what two windows saw is one, and a box
        of which less than half has values is left out. So any part of a stack gives what the whole gives, beyond one
        window of its edges.
        """
        chosen = self._threshold(threshold)
        check_scheduler(scheduler)
        target = None if out is None else _target(out, self.suffixes, overwrite)
        given = opened(stack, pair)
        inputs = prepared(self.description, given, resample=resample)
        return self._found(given, inputs, chosen, _Run(target, scheduler, progress, overwrite))

    def _found(self, given: xr.Dataset, inputs: Inputs, threshold: float, run: _Run) -> Any:
        """What is found, written if that was asked for."""
        raise NotImplementedError

    def _threshold(self, threshold: float | None) -> float:
        if threshold is None:
            return self.description.threshold
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
            raise InvalidArgument(f"threshold must be a number from 0 to 1; got {threshold!r}")
        return float(threshold)

    def _about(self, threshold: float, inputs: Inputs) -> dict[str, Any]:
        """What every result says of the model."""
        told = self.description
        return {
            "model": told.name,
            "version": told.version,
            "threshold": threshold,
            "training_data": told.training_data,
            "statement": told.statement,
            "missing_bands": ", ".join(inputs.missing),
        }


@dataclass(frozen=True, slots=True)
class _Run:
    """Where results go, and how they are computed."""

    target: Path | None
    scheduler: Scheduler
    progress: OnProgress
    overwrite: bool


class MaskModel(Model):
    """A model that gives each pixel a probability."""

    suffixes = (*_RASTERS, *VECTORS)

    def _found(
        self, given: xr.Dataset, inputs: Inputs, threshold: float, run: _Run
    ) -> xr.Dataset | Detections:
        found = predicted_masks(self.runner, inputs, threshold)
        found.attrs |= {"title": "predicted landslides", **_origin(given), **self._about(threshold, inputs)}
        if run.target is None:
            return found
        plan = insarfeat.plan(found)
        if run.target.suffix.lower() in _RASTERS:
            plan.run(run.target, scheduler=run.scheduler, overwrite=run.overwrite, progress=run.progress)
            return insarfeat.open_stack(run.target)
        # The rasters go to disk first: polygons are made of what is there, each part read once or twice.
        aside = run.target.with_name(f"{run.target.name}.masks.zarr")
        plan.run(aside, scheduler=run.scheduler, overwrite=True, progress=run.progress)
        slides = as_polygons(insarfeat.open_stack(aside), progress=run.progress)
        slides.write(run.target, overwrite=run.overwrite)
        shutil.rmtree(aside)
        return slides


class BoxModel(Model):
    """A model that gives boxes with class and score."""

    suffixes = VECTORS

    def _found(self, given: xr.Dataset, inputs: Inputs, threshold: float, run: _Run) -> Detections:
        search = Search(self.runner, inputs.laying, threshold, self.description.overlap)
        if run.target is None:
            with tempfile.TemporaryDirectory(prefix="insarfeat-") as folder:
                boxes = self._searched(inputs, search, Path(folder, "boxes"), run)
        else:
            boxes = self._searched(inputs, search, run.target, run)
        about = self._about(threshold, inputs) | _origin(given)
        names = [str(name) for name in given[PAIR].values] if PAIR in given.dims else [pair_of(given)]
        nothing = FoundBoxes.of([])
        found = Detections.joined(
            Detections.of_boxes(
                boxes.get(number, nothing).boxes,
                self._columns(boxes.get(number, nothing), inputs),
                grid=inputs.grid,
                pair=name,
                orbit=orbit_of(given),
                about=about,
            )
            for number, name in enumerate(names)
        )
        if run.target is not None:
            found.write(run.target, overwrite=run.overwrite)
        return found

    def _searched(self, inputs: Inputs, search: Search, target: Path, run: _Run) -> dict[int, FoundBoxes]:
        """Boxes of all windows by pair; windows that an interrupted run has finished are not searched again."""
        read = [value_of(raster.data) for raster in inputs.bands.data_vars.values()]
        values = [value for value, _ in read]
        foreign = tuple({array.name: array for _, arrays in read for array in arrays}.values())
        windows = AnchoredWindows(inputs)
        mark = f"{insarfeat.__version__} {fingerprint(values)} {self.file.digest} {search.threshold} {CORE} {MARGIN}"
        with workspace(target, mark) as space, kept_if_worth_it(space):
            setting = Setting(space, run.scheduler, run.progress, foreign, CORE)
            results = Workshop("boxes", values, (), setting).each_tile(
                "searching", search_window, search, tiles=windows
            )
            found = joined(list(results), search.overlap, windows.shape)
            discard(space)
        return found

    def _columns(self, found: FoundBoxes, inputs: Inputs) -> dict[str, Any]:
        sides = found.boxes[:, 2:] - found.boxes[:, :2]
        return {
            "class": [self.description.classes[number] for number in found.classes],
            "score": found.scores,
            "area_m2": sides.prod(axis=1) * inputs.pixel_area,
        }


def _target(out: str | os.PathLike[str], suffixes: tuple[str, ...], overwrite: bool) -> Path:
    """The output's path, refused before any work if it cannot be written."""
    target = Path(out).absolute()
    if target.suffix.lower() not in suffixes:
        raise InvalidArgument(f"out must end in {', '.join(suffixes)}; got {target.name!r}")
    check_folder(target)
    check_free(target, overwrite=overwrite)
    return target


def _origin(stack: xr.Dataset) -> dict[str, Any]:
    """What is known of the pair, to be kept with what was found in it."""
    names = ("primary_date", "secondary_date", "orbit_direction", "heading", "seed")
    return {name: stack.attrs[name] for name in names if name in stack.attrs}


_KINDS: dict[str, type[MaskModel | BoxModel]] = {"masks": MaskModel, "boxes": BoxModel}


def model_of(file: WeightFile, device: str | None = None, precision: Any = None) -> MaskModel | BoxModel:
    """The model in a weight file."""
    runner = Runner(file.description, file.arrays(), device, precision)
    return _KINDS[file.description.task](file, runner)
