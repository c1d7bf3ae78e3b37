"""A loaded model: what it is, and what it finds in stacks of any size."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import insarfeat
from insarfeat.dispatch.expression import fingerprint
from insarfeat.dispatch.lazy import value_of
from insarfeat.errors import InvalidArgument
from insarfeat.io.delivery import check_folder, check_free
from insarfeat.tiling import Progress
from insarfeat.tiling.engine import Scheduler, check_scheduler
from insarfeat.tiling.stages import OnProgress, Setting, Workshop
from insarfeat.tiling.workspace import discard, kept_if_worth_it, workspace
from zoo.boxes import CORE, MARGIN, AnchoredWindows, Search, joined, search_window
from zoo.description import ModelDescription
from zoo.detections import Detections
from zoo.inputs import Inputs, opened, prepared
from zoo.lookup import card_of
from zoo.masks import predicted_masks
from zoo.polygons import PAIR, as_polygons, orbit_of, pair_of
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
    """

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


class MaskModel(Model):
    """A model that gives each pixel a probability."""

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
    ) -> xr.Dataset | Detections:
        """Find landslides in a stack of any size.

        The stack is looked at through windows that lie on whole multiples of half their size on the map, so that
        every pixel is seen by four, blended by Hann's weights: any part of a stack gives the map that the whole
        gives, beyond one window of its edges.

        Parameters
        ----------
        stack
            A path (NetCDF, Zarr, GeoTIFF, or what a processor wrote), or a Dataset; of one pair, or with a dimension
            ``pair``. Layers are found by name. Those that the model can do without may be missing.
        out
            ``.nc``, ``.zarr`` or ``.tif`` for probability and mask; ``.gpkg``, ``.geojson`` or ``.csv`` for polygons.
            None leaves the rasters lazy.
        pair
            One pair of a stack of several; all by default.
        threshold
            Probability from which a pixel is landslide; the model's own by default.
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
            ``landslide_probability`` and ``landslide``, lazy, or of the file that was written. NaN and 255 where a
            band that the model needs has no value. Its attributes name the model, and say what it was trained on.
        Detections
            For a file of polygons: those that are in it.
        """
        chosen = self._threshold(threshold)
        check_scheduler(scheduler)
        target = None if out is None else _target(out, (*_RASTERS, *VECTORS), overwrite)
        given = opened(stack, pair)
        inputs = prepared(self.description, given, resample=resample)
        found = predicted_masks(self.runner, inputs, chosen)
        found.attrs |= {"title": "predicted landslides", **_origin(given), **self._about(chosen, inputs)}
        if target is None:
            return found
        if target.suffix.lower() in VECTORS:
            return _written_as_polygons(found, target, scheduler, progress, overwrite)
        insarfeat.plan(found).run(target, scheduler=scheduler, overwrite=overwrite, progress=progress)
        return insarfeat.open_stack(target)


class BoxModel(Model):
    """A model that gives boxes with class and score."""

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
    ) -> Detections:
        """Find landslides in a stack of any size.

        The stack is looked at through large windows, each answerable for what is centred in its core, with margins
        that hold the largest slides whole; what two windows saw is one. Cores lie on whole multiples of their
        size on the map.

        Parameters
        ----------
        stack, pair, resample, scheduler, overwrite, progress
            As for models of masks.
        out
            ``.gpkg``, ``.geojson`` or ``.csv`` to be written.
        threshold
            Least score (objectness times probability of the class); the model's own by default.

        Returns
        -------
        Detections
            Boxes with class and score, in the coordinates of the map, the best first, pair by pair. A box of which
            less than half has values is left out.
        """
        chosen = self._threshold(threshold)
        check_scheduler(scheduler)
        target = None if out is None else _target(out, VECTORS, overwrite)
        given = opened(stack, pair)
        inputs = prepared(self.description, given, resample=resample)
        search = Search(self.runner, inputs.laying, chosen, self.description.overlap)
        if target is not None:
            found = self._searched(given, inputs, search, target, (scheduler, progress))
            return _written(found, target, overwrite)
        with tempfile.TemporaryDirectory(prefix="insarfeat-") as folder:
            return self._searched(given, inputs, search, Path(folder, "boxes"), (scheduler, progress))

    def _searched(
        self,
        given: xr.Dataset,
        inputs: Inputs,
        search: Search,
        target: Path,
        running: tuple[Scheduler, OnProgress],
    ) -> Detections:
        """Boxes of all windows; windows that an interrupted run has finished are not searched again."""
        scheduler, progress = running
        read = [value_of(raster.data) for raster in inputs.bands.data_vars.values()]
        values = [value for value, _ in read]
        foreign = tuple({array.name: array for _, arrays in read for array in arrays}.values())
        windows = AnchoredWindows(inputs)
        mark = f"{insarfeat.__version__} {fingerprint(values)} {self.file.digest} {search.threshold} {CORE} {MARGIN}"
        with workspace(target, mark) as space, kept_if_worth_it(space):
            setting = Setting(space, scheduler, progress, foreign, CORE)
            results = Workshop("boxes", values, (), setting).each_tile(
                "searching", search_window, search, tiles=windows
            )
            found = joined(list(results), search.overlap, windows.shape)
            discard(space)
        names = [str(name) for name in given[PAIR].values] if PAIR in given.dims else [pair_of(given)]
        about = self._about(search.threshold, inputs) | _origin(given)
        area = inputs.pixel_area
        parts = []
        for number, name in enumerate(names):
            boxes = found.get(number)
            placed = np.empty((0, 4)) if boxes is None else boxes.boxes
            sizes = (placed[:, 2] - placed[:, 0]) * (placed[:, 3] - placed[:, 1])
            classes = [] if boxes is None else [self.description.classes[one] for one in boxes.classes]
            columns = {
                "class": classes,
                "score": [] if boxes is None else boxes.scores,
                "area_m2": sizes * area,
            }
            parts.append(
                Detections.of_boxes(
                    placed, columns, grid=inputs.grid, pair=name, orbit=orbit_of(given), about=about
                )
            )
        return Detections.joined(parts)


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


def _written_as_polygons(
    found: xr.Dataset, target: Path, scheduler: Scheduler, progress: OnProgress, overwrite: bool
) -> Detections:
    """The rasters go to disk first: polygons are made of what is there, each part read once or twice."""
    aside = target.with_name(f"{target.name}.masks.zarr")
    insarfeat.plan(found).run(aside, scheduler=scheduler, overwrite=True, progress=progress)
    progress(Progress("outlining", 0, 1))
    slides = as_polygons(insarfeat.open_stack(aside))
    progress(Progress("outlining", 1, 1))
    written = _written(slides, target, overwrite)
    shutil.rmtree(aside)
    return written


def _written(found: Detections, target: Path, overwrite: bool) -> Detections:
    found.write(target, overwrite=overwrite)
    return found


_KINDS: dict[str, type[MaskModel | BoxModel]] = {"masks": MaskModel, "boxes": BoxModel}


def model_of(file: WeightFile, device: str | None = None, precision: Any = None) -> MaskModel | BoxModel:
    """The model in a weight file."""
    runner = Runner(file.description, file.arrays(), device, precision)
    return _KINDS[file.description.task](file, runner)
