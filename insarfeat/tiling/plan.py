"""Plans: any lazy layers, computed tile by tile into a file that is whole or not there."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import insarfeat
from insarfeat.dispatch.expression import Barrier, Leaf, Value, fingerprint, producers_of, replaced
from insarfeat.dispatch.lazy import value_of
from insarfeat.dispatch.program import Program
from insarfeat.dispatch.sources import ChunkedSource, Source
from insarfeat.errors import InvalidArgument
from insarfeat.io.conventions import Product, as_dataset, product_of, raster_names
from insarfeat.io.delivery import (
    check_free,
    check_output,
    check_product,
    compare,
    deliver,
    format_of,
    put_in_place,
)
from insarfeat.io.zarr_group import finish_group
from insarfeat.tiling.description import Description, tile_memory
from insarfeat.tiling.engine import Scheduler, check_scheduler, workers_of
from insarfeat.tiling.stages import OnProgress, Progress, Setting, Workshop, write_outputs
from insarfeat.tiling.store import StoredRaster, inner_chunk
from insarfeat.tiling.workspace import Workspace, discard, kept_if_worth_it, was_delivered, workspace
from insarfeat.windows import TileGrid, Window

_log = logging.getLogger(__name__)

TILE = 2048


class Plan:
    """Lazy layers ready to be computed tile by tile: look with :meth:`describe`, start with :meth:`run`."""

    def __init__(self, dataset: xr.Dataset, tile: int) -> None:
        self.names = tuple(raster_names(dataset))
        self.tile = tile
        inner_chunk(tile)
        self._dataset = dataset
        found = [value_of(dataset[name].data) for name in self.names]
        self._values = tuple(value for value, _ in found)
        self._foreign = tuple({array.name: array for _, arrays in found for array in arrays}.values())

    def __repr__(self) -> str:
        return f"Plan({', '.join(self.names)})"

    def describe(self, scheduler: Scheduler = None) -> Description:
        """What a run will take: tiles, halo, tasks, memory, disk."""
        check_scheduler(scheduler)
        tiles = self._tiles
        stages = [*(barrier.name for barrier in self._barriers), "layers"]
        passes = [barrier.inputs for barrier in self._barriers] + [self._values]
        programs = [Program(_stand_in(values)) for values in passes]
        middle = (
            tiles[(tiles.rows // 2) * tiles.columns + tiles.columns // 2].core
            if len(tiles)
            else Window(0, 0, 0, 0)
        )
        rim_cells = 2 * (tiles.rows * tiles.shape.width + tiles.columns * tiles.shape.height)
        steps = [barrier.step for barrier in self._barriers]
        tasks = [tile_memory(program, middle) for program in programs]
        tasks += [middle.pixels * getattr(step, "cell_bytes", 0) for step in steps]
        workers = min(workers_of(scheduler), max(len(tiles), 1))
        stored = sum(np.prod(value.shape) * value.dtype.itemsize for value in self._values)
        between = sum(
            barrier.shape.height * barrier.shape.width * dtype.itemsize
            for barrier in self._barriers
            for dtype in barrier.dtypes
        )
        return Description(
            rasters=self.names,
            height=tiles.shape.height,
            width=tiles.shape.width,
            tile=self.tile,
            tiles=len(tiles),
            halo=programs[-1].halo(),
            stages=tuple(stages),
            tasks=len(tiles) * len(stages),
            sources=tuple(self._inputs),
            workers=workers,
            peak_memory=workers * max(tasks),
            rim_memory=rim_cells * max((getattr(step, "rim_bytes", 0) for step in steps), default=0),
            disk=int(stored + between),
        )

    def run(
        self,
        out: str | Path,
        *,
        scheduler: Scheduler = None,
        overwrite: bool = False,
        progress: OnProgress = lambda _: None,
    ) -> Path:
        """Compute all layers and write them; returns the output's path.

        The output appears under its name only when it is whole. Until then the work lies in a folder beside it
        (``stack.nc.partial``); a run that was stopped, even by SIGKILL, goes on from there when it is started
        again with the same layers and inputs.

        Parameters
        ----------
        out
            ``.nc``, ``.zarr`` or ``.tif``.
        scheduler
            None for threads on all cores, a number of threads, or a Dask scheduler by address or client. A cluster
            must see the output's folder under the same path.
        overwrite
            Replace an output that exists; the old one goes when the new one is whole.
        progress
            Called with a :class:`Progress` after each tile.
        """
        target = Path(out).absolute()  # a cluster's workers may stand in other folders
        check_output(target)
        check_scheduler(scheduler)
        check_product(self._product(self._stand_ins, "", ()), target)
        if not was_delivered(target, target.name):
            check_free(target, overwrite=overwrite)
        with workspace(target, self.fingerprint(target)) as space:
            if not was_delivered(
                target, target.name
            ):  # by this very plan, in a run that was stopped while it tidied up
                check_free(target, overwrite=overwrite)
                self._warn_of_little_disk(target)
                temporary = space.folder / target.name
                setting = Setting(space, scheduler, progress, self._foreign, self.tile)
                with kept_if_worth_it(space):
                    self._finish(space, temporary, setting)
                    put_in_place(temporary, target, mark=space.delivered)
            discard(space)
        return Path(out)

    def _warn_of_little_disk(self, out: Path) -> None:
        needed, free = self.describe(1).disk, shutil.disk_usage(out.parent).free
        if free < needed:
            _log.warning(
                "%.3g GB are free beside %s, and the layers take %.3g GB before compression",
                free / 1e9, out.name, needed / 1e9,
            )  # fmt: skip

    def _finish(self, space: Workspace, temporary: Path, setting: Setting) -> None:
        """Compute what must be computed and leave the whole output under its temporary name."""
        kind = format_of(temporary)
        sources: Mapping[str, Source]
        if kind != "zarr" and self._nothing_to_compute:
            sources = {name: _source(value) for name, value in zip(self.names, self._values, strict=True)}
        else:
            folder = temporary if kind == "zarr" else space.folder / "layers.zarr"
            sources = self._compute(folder, setting)
        product = self._product(sources, space.started, self._inputs)
        if kind == "zarr":
            finish_group(product, temporary)
            compare(product, temporary)
        else:
            deliver(
                product, temporary, lambda done, total: setting.progress(Progress("writing", done, total))
            )

    def _compute(self, folder: Path, setting: Setting) -> dict[str, StoredRaster]:
        """Run all stages; the last one leaves the layers in a Zarr group."""
        values = list(self._values)
        for number in range(len(self._barriers)):
            barrier = next(producer for producer in producers_of(values) if isinstance(producer, Barrier))
            name = f"stage-{number}-{barrier.name}"
            shape = (barrier.shape.height, barrier.shape.width)
            outputs = [
                self._raster(setting.space.folder / name, f"output-{index}", shape, dtype, setting, None)
                for index, dtype in enumerate(barrier.dtypes)
            ]
            if barrier.shape.height * barrier.shape.width:
                barrier.step.run(Workshop(name, barrier.inputs, outputs, setting))
            values = replaced(values, {barrier.token: [Value(Leaf(raster)) for raster in outputs]})
        stored = {
            name: self._raster(
                folder, name, value.shape, value.dtype, setting, tuple(map(str, self._dataset[name].dims))
            )
            for name, value in zip(self.names, values, strict=True)
        }
        leads = tuple(value.lead for value in values)
        Workshop("layers", values, list(stored.values()), setting).each_tile("layers", write_outputs, leads)
        return stored

    def _raster(
        self,
        folder: Path,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        setting: Setting,
        dims: tuple[str, ...] | None,
    ) -> StoredRaster:
        """A raster of the run: the one that an earlier try has begun, or a new one."""
        run = setting.space.run
        if (folder / name / "zarr.json").exists():
            return StoredRaster(folder, name, run)
        return StoredRaster.create(folder, name, run, shape, dtype, self.tile, dims)

    def _product(self, sources: Mapping[str, Source], created: str, inputs: Iterable[str]) -> Product:
        return product_of(self._dataset, sources, {"created": created, "inputs": list(inputs)})

    def fingerprint(self, out: Path) -> str:
        """What a run toward this kind of output is known by: same fingerprint, same pixels, in any process."""
        parts = (
            insarfeat.__version__,
            format_of(out),
            str(self.tile),
            *self.names,
            fingerprint(self._values),
        )
        return "/".join(parts)

    @cached_property
    def _barriers(self) -> list[Barrier]:
        return [producer for producer in producers_of(self._values) if isinstance(producer, Barrier)]

    @cached_property
    def _sources(self) -> list[Source]:
        return [producer.source for producer in producers_of(self._values) if isinstance(producer, Leaf)]

    @property
    def _inputs(self) -> list[str]:
        rasters = (source for source in self._sources if source.shape != (1, 1))  # the others are numbers
        return list(dict.fromkeys(source.describe() for source in rasters))

    @property
    def _nothing_to_compute(self) -> bool:
        return all(
            isinstance(value.producer, Leaf) and not isinstance(value.producer.source, ChunkedSource)
            for value in self._values
        )

    @property
    def _stand_ins(self) -> dict[str, Source]:
        return {name: _source(value) for name, value in zip(self.names, _stand_in(self._values), strict=True)}

    @cached_property
    def _tiles(self) -> TileGrid:
        shape = Program(_stand_in(self._values)).shape
        return TileGrid(shape, self.tile)


def plan(data: xr.Dataset | xr.DataArray, *, tile: int = TILE) -> Plan:
    """Plan to compute lazy layers tile by tile, at any size.

    Each tile is one Dask task, which reads what it needs from the sources (its own pixels and the summed halo of
    all operators), runs the kernels and writes its region. What is shared between layers is computed once.

    Parameters
    ----------
    data
        Lazy layers of one size: a Dataset, or a DataArray with a name. Coordinates, CRS, attributes and small
        variables go with them.
    tile
        Side of the tiles, in pixels: up to 512, or a multiple of 256. It is also the shard size of Zarr outputs.

    Examples
    --------
    >>> import insarfeat, xarray as xr
    >>> scene = insarfeat.synth.scene(seed=1, size=128, style="images").chunk(64)
    >>> coherence = insarfeat.filters.coherence(scene["primary"], scene["secondary"])
    >>> plan = insarfeat.plan(coherence)
    >>> plan.describe().tiles, plan.describe().halo
    (1, Halo(top=2, bottom=2, left=2, right=2))
    """
    if isinstance(tile, bool) or not isinstance(tile, int) or tile < 1:
        raise InvalidArgument(f"tile must be a whole number of pixels, at least 1; got {tile!r}")
    return Plan(as_dataset(data), tile)


def write(data: xr.Dataset | xr.DataArray, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write layers to NetCDF, Zarr or GeoTIFF, by suffix; lazy ones are computed tile by tile on the way.

    The georeferencing comes from the coordinates; the file is read back and compared before it gets its name. An
    interrupted write leaves what stood at the path before. It is ``plan(data).run(path)``.

    Examples
    --------
    >>> import insarfeat, tempfile
    >>> scene = insarfeat.synth.scene(seed=1, size=64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = insarfeat.write(scene[["elevation", "landslide"]], folder + "/scene.tif")
    ...     sorted(insarfeat.open_stack(path))
    ['elevation', 'landslide']
    """
    return plan(data).run(path, overwrite=overwrite)


class _Nothing:
    """A raster that is not there yet: only its size and type are known."""

    def __init__(self, value: Value) -> None:
        self.shape = value.shape
        self.dtype = value.dtype
        self.token = value.token

    def fingerprint(self) -> str:
        return self.token

    def describe(self) -> str:
        return self.token

    def read(self, lead: tuple[int, ...], window: Window) -> Any:
        raise InvalidArgument(f"{self.token} is not computed yet")


def _stand_in(values: Iterable[Value]) -> list[Value]:
    """The values with what whole-raster steps will give in place of the steps."""
    values = list(values)
    known = {
        producer.token: [
            Value(Leaf(_Nothing(Value(producer, index)))) for index in range(len(producer.dtypes))
        ]
        for producer in producers_of(values)
        if isinstance(producer, Barrier)
    }
    return replaced(values, known)


def _source(value: Value) -> Source:
    return value.producer.source if isinstance(value.producer, Leaf) else _Nothing(value)
