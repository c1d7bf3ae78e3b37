"""Patches that are planned: looked at, run block by block on Dask into a dataset, or gone through in a loop."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

import insarfeat
from insarfeat.dispatch.expression import fingerprint
from insarfeat.dispatch.lazy import chunk_keys, references_to, value_of, without_steps
from insarfeat.dispatch.program import Program
from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.georeference import parse_crs
from insarfeat.io.delivery import check_folder, check_free, put_in_place
from insarfeat.tiling.engine import Job, Scheduler, check_scheduler, run_job, workers_of
from insarfeat.tiling.memory import release_heaps
from insarfeat.tiling.patches.cutting.choosing import Chosen, Wish, choose, quantities_of
from insarfeat.tiling.patches.cutting.cutting import Cutter, Item, ViewFacts, cut_block, cut_out
from insarfeat.tiling.patches.cutting.finishing import finish
from insarfeat.tiling.patches.cutting.items import Items
from insarfeat.tiling.patches.cutting.reading import Blocks, Reader, forget_units
from insarfeat.tiling.patches.dataset import Patches
from insarfeat.tiling.patches.scenes.views import View
from insarfeat.tiling.patches.stores import STORES
from insarfeat.tiling.patches.stores.base import CutPatch, Layout, plain, whole
from insarfeat.tiling.patches.table import IDENTITY, require
from insarfeat.tiling.stages import OnProgress, Progress
from insarfeat.tiling.workspace import Workspace, discard, kept_if_worth_it, was_delivered, workspace

_log = logging.getLogger(__name__)

_STAGE = "patches"
_WORK = "dataset"
_REGION_BYTES = 1 << 26
_MOST_SIDE = 4096


@dataclass(frozen=True, slots=True)
class PatchDescription:
    """What an extraction will do and take at most; ``print`` it before a long run.

    Attributes
    ----------
    scenes
        Scenes, each pair counted.
    patches
        Places that patches are chosen from.
    blocks
        Blocks to be read.
    block
        Side of a block in pixels.
    workers
        Blocks at the same time.
    peak_memory, disk
        Bytes; disk before compression and without what overlapping patches share.
    """

    scenes: int
    patches: int
    blocks: int
    block: int
    workers: int
    peak_memory: int
    disk: int

    def __str__(self) -> str:
        return "\n".join(
            [
                f"scenes       {self.scenes}",
                f"patches      up to {self.patches}",
                f"blocks       {self.blocks} of {self.block} x {self.block} pixels, {self.workers} at a time",
                f"peak memory  about {self.peak_memory / 1e6:.0f} MB above the program's own",
                f"disk         at most {self.disk / 1e9:.3g} GB, before compression",
            ]
        )


class PatchPlan:
    """Patches ready to be cut: look with :meth:`describe`, start with :meth:`run`, or go through them in a loop."""

    def __init__(
        self,
        views: Sequence[View],
        wish: Wish,
        layout: Layout,
        classes: Mapping[str, int],
        origin: Mapping[str, Any],
    ) -> None:
        self._views = list(views)
        self._wish = wish
        self._layout = layout
        self._classes = dict(classes)
        self._origin = dict(origin)

    def __repr__(self) -> str:
        return f"PatchPlan({len(self._views)} scene(s), {', '.join(self._layout.bands + self._layout.masks)})"

    def describe(self, scheduler: Scheduler = None) -> PatchDescription:
        """What a run will take at most: blocks, memory, disk."""
        check_scheduler(scheduler)
        side, size, stride = self._side, self._wish.size, self._wish.stride
        places = blocks = 0
        for view in self._views:
            places += (-(-view.shape.height // stride.height)) * (-(-view.shape.width // stride.width))
            blocks += (-(-view.shape.height // side)) * (-(-view.shape.width // side))
        workers = min(workers_of(scheduler), max(blocks, 1))
        region = (side + size.height) * (side + size.width) * self._pixel_bytes
        row = max(view.shape.width for view in self._views) * 512 * self._pixel_bytes
        return PatchDescription(
            len(self._views), places, blocks, side, workers, 3 * workers * region + row,
            places * size.pixels * self._pixel_bytes,
        )  # fmt: skip

    def run(
        self,
        out: str | Path,
        *,
        format: str = "zarr",
        scheduler: Scheduler = None,
        overwrite: bool = False,
        progress: OnProgress = lambda _: None,
    ) -> Patches:
        """Cut all patches and write them; returns the dataset.

        The folder appears under its name when it is whole; a run that was stopped, even by SIGKILL, goes on from
        what lies in ``patches.partial`` when it is started again with the same inputs.

        Parameters
        ----------
        out
            A folder.
        format
            "zarr": one array in shards, in which overlapping patches share what they have in common. "webdataset":
            tar files. "netcdf-shards": files of many patches. "netcdf", "geotiff": a file per patch.
        scheduler
            None for threads on all cores, a number of threads, or a Dask scheduler by address or client.
        overwrite
            Replace a dataset that exists; the old one goes when the new one is whole.
        progress
            Called with a :class:`Progress` after each block.
        """
        require()
        target = Path(out).absolute()
        if format not in STORES:
            raise InvalidArgument(
                f"format must be one of {', '.join(STORES)}; got {format!r}{suggestion(format, STORES)}"
            )
        check_folder(target)
        check_scheduler(scheduler)
        if not was_delivered(target, _WORK):
            check_free(target, overwrite=overwrite)
        with workspace(target, self.fingerprint(format)) as space:
            # By this very plan it may be, in a run that was stopped while it tidied up.
            if not was_delivered(target, _WORK):
                check_free(target, overwrite=overwrite)
                with kept_if_worth_it(space):
                    self._make(space, format, scheduler, progress)
                    put_in_place(space.folder / _WORK, target, mark=space.delivered)
            discard(space)
        patches = Patches.open(target)
        if not len(patches):
            _log.warning("no patch is left. %s", patches.report)
        return patches

    def _make(self, space: Workspace, format: str, scheduler: Scheduler, progress: OnProgress) -> None:
        """Leave the whole dataset in the run's folder."""
        chosen = self._chosen(space, scheduler, progress)
        folder = space.folder / _WORK
        folder.mkdir(exist_ok=True)
        cutter = self._cutter(folder, format)
        items = Items(chosen, _by_scene(self._views))
        self._cut(space, cutter, items, scheduler, progress)
        progress(Progress("putting together", 0, 1))
        finish(cutter, len(items), chosen, self._told(format, space))
        progress(Progress("putting together", 1, 1))

    def __iter__(self) -> Iterator[CutPatch]:
        """The patches themselves, block by block, without a dataset: to go on with at once.

        Their arrays are views of what neighbours share: copy what is to be changed or kept for long.
        """
        chosen = choose(self._views, self._wish, self._side, scheduler=None, progress=lambda _: None)
        cutter = self._cutter(Path(), next(iter(STORES)))
        try:
            for item in Items(chosen, _by_scene(self._views)):
                reader = cutter.views[item.view].reader
                window = item.inside(cutter)
                keys = chunk_keys(reader.program, window, [reader.place])
                chunks = [np.asarray(self._foreign[name].blocks[tuple(index)]) for name, *index in keys]
                yield from cut_out(cutter, item, chunks)[0]
        finally:
            forget_units()

    def fingerprint(self, format: str) -> str:
        """What a run is known by: same fingerprint, same patches, in any process."""
        told = hashlib.blake2b(digest_size=16)
        parts = [insarfeat.__version__, format, repr(self._wish), repr(self._layout), repr(self._classes)]
        for view, (_, found) in zip(self._views, self._readers, strict=True):
            looked_at = [layer for one in quantities_of(view, self._wish) for layer in one.layers]
            behind = [without_steps(*_value(layer))[0] for layer in looked_at]
            parts += [repr(sorted(_identity(view).items())), repr(view.place)]
            parts.append(fingerprint([*(value for value, _ in found), *behind]))
            told.update(view.objects.pixels.tobytes() + view.objects.value.tobytes())
            told.update(json.dumps(view.objects.attributes, default=str).encode())
        told.update("/".join(parts).encode())
        return told.hexdigest()

    def _chosen(self, space: Workspace, scheduler: Scheduler, progress: OnProgress) -> list[Chosen]:
        """The choice, kept on disk for a run that is stopped."""
        path = space.folder / "chosen.pickle"
        if not path.exists():
            found = choose(self._views, self._wish, self._side, scheduler=scheduler, progress=progress)
            with whole(path) as temporary:
                temporary.write_bytes(pickle.dumps(found, protocol=5))
        chosen: list[Chosen] = pickle.loads(path.read_bytes())
        return chosen

    def _cut(
        self, space: Workspace, cutter: Cutter, items: Items, scheduler: Scheduler, progress: OnProgress
    ) -> None:
        done = space.done(_STAGE)
        progress(Progress(_STAGE, len(done), len(items)))

        def finished(item: Item, _: Any) -> None:
            space.mark(_STAGE, item.number)
            done.add(item.number)
            progress(Progress(_STAGE, len(done), len(items)))

        def references(item: Item) -> Sequence[Any]:
            reader = cutter.views[item.view].reader
            window = item.inside(cutter)
            return references_to(reader.program, window, [reader.place])

        waiting = items.only([number for number in range(len(items)) if number not in done])
        try:
            run_job(
                Job(
                    f"{_STAGE}-{space.run}",
                    cut_block,
                    cutter,
                    waiting,
                    references,
                    tuple(self._foreign.values()),
                ),
                scheduler,
                finished,
            )
        finally:
            forget_units()
            release_heaps()

    @cached_property
    def _side(self) -> int:
        """Side of the blocks: a multiple of the stride, so that a region of bands takes little memory."""
        step = max(self._wish.stride.height, self._wish.stride.width)
        most = int((_REGION_BYTES / (4 * max(len(self._layout.bands), 1))) ** 0.5)
        side = min(most, _MOST_SIDE) - max(self._wish.size.height, self._wish.size.width)
        return max(side // step, 1) * step

    @property
    def _pixel_bytes(self) -> int:
        return 4 * len(self._layout.bands) + len(self._layout.masks)

    @cached_property
    def _readers(self) -> list[tuple[Program, list[Any]]]:
        """The program of each view, and the values with the foreign arrays that it stands on."""
        programs = []
        for view in self._views:
            arrays = [view.layers[name] for name in view.bands]
            arrays += [
                view.labels if number == 0 and view.labels is not None else view.layers[name]
                for number, name in enumerate(view.masks)
            ]
            found = [without_steps(*_value(array)) for array in arrays]
            programs.append((Program([value for value, _ in found]), found))
        return programs

    @property
    def _foreign(self) -> dict[str, Any]:
        """Dask arrays of others that layers stand on, by name."""
        return {array.name: array for _, found in self._readers for _, behind in found for array in behind}

    def _cutter(self, folder: Path, format: str) -> Cutter:
        shared = Counter(source.token for program, _ in self._readers for source in program.sources)
        views = tuple(
            ViewFacts(
                Reader(
                    program, view.place, len(view.bands), Blocks(view.shape, self._side, self._wish.size), shared,
                ),
                _identity(view), view.grid, view.objects, view.slides,
            )
            for view, (program, _) in zip(self._views, self._readers, strict=True)
        )  # fmt: skip
        masks = self._layout.masks
        return Cutter(
            views,
            self._layout,
            STORES[format],
            folder,
            self._classes,
            self._wish.min_valid,
            masks.index("valid_mask") if "valid_mask" in masks else None,
            self._wish.sampling.copies,
        )

    def _told(self, format: str, space: Workspace) -> dict[str, Any]:
        """What the dataset says of how it was made."""
        sampling = asdict(self._wish.sampling)
        return {
            "insarfeat_version": insarfeat.__version__,
            "created": space.started,
            "format": format,
            **self._origin,
            "scenes": [view.title for view in self._views],
            "synthetic": {view.scene.name: view.scene.synthetic for view in self._views},
            "inputs": sorted({view.scene.source for view in self._views if view.scene.source}),
            "layout": layout_told(self._layout),
            "classes": self._classes,
            "min_valid": self._wish.min_valid,
            "sampling": json.loads(json.dumps(sampling, default=str)),
            "keep": json.loads(json.dumps(asdict(self._wish.keep), default=str)),
        }


def layout_told(layout: Layout) -> dict[str, Any]:
    """A layout as JSON has it."""
    sides = {"size": layout.size, "stride": layout.stride}
    told = {name: None if side is None else [side.height, side.width] for name, side in sides.items()}
    return {"bands": layout.bands, "masks": layout.masks, **told, "attributes": plain(layout.attributes)}


def _value(layer: Any) -> Any:
    """The expression behind a layer, and what it stands on."""
    return value_of(getattr(layer, "data", layer))


def _identity(view: View) -> dict[str, str]:
    """What is the same for all patches of a view."""
    grid = view.grid
    texts = (
        view.scene.name, view.scene.event, view.pair.name, view.pair.primary, view.pair.secondary, view.scene.orbit,
        "" if grid is None or grid.crs_wkt is None else _short(grid.crs_wkt),
    )  # fmt: skip
    return dict(zip(IDENTITY, texts, strict=True))


@cache
def _short(wkt: str) -> str:
    """The code of a CRS where an authority has one for exactly this: tables say it in every row."""
    found = parse_crs(wkt).to_authority(min_confidence=100)
    return wkt if found is None else ":".join(found)


def _by_scene(views: Sequence[View]) -> list[list[int]]:
    """Views by scene: what the pairs of a scene have in common is read for all of them, one block after the other."""
    scenes: dict[str, list[int]] = {}
    for number, view in enumerate(views):
        scenes.setdefault(view.scene.name, []).append(number)
    return list(scenes.values())
