"""Patches from scenes of any size: chosen, cut block by block on Dask, and put together as a dataset."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import insarfeat
from insarfeat.dispatch.expression import fingerprint
from insarfeat.dispatch.lazy import chunk_keys, references_to, value_of, without_steps
from insarfeat.dispatch.program import Program
from insarfeat.errors import InvalidArgument
from insarfeat.io.delivery import check_free, put_in_place
from insarfeat.tiling.engine import Job, Scheduler, check_scheduler, run_job, workers_of
from insarfeat.tiling.memory import release_heaps
from insarfeat.tiling.patches.cutting.choosing import Chosen, Wish, choose
from insarfeat.tiling.patches.cutting.cutting import Cutter, Item, ViewFacts, cut_block, cut_out
from insarfeat.tiling.patches.cutting.finishing import finish
from insarfeat.tiling.patches.cutting.items import Items, Waiting
from insarfeat.tiling.patches.cutting.reading import Blocks, Reader, forget_units
from insarfeat.tiling.patches.dataset import Patches
from insarfeat.tiling.patches.grid import shape_from
from insarfeat.tiling.patches.sampling import Keep, Sampling
from insarfeat.tiling.patches.scenes.labels import labels_of
from insarfeat.tiling.patches.scenes.scenes import bands_of, scenes_of
from insarfeat.tiling.patches.scenes.views import View, views_of
from insarfeat.tiling.patches.stores import STORES
from insarfeat.tiling.patches.stores.base import CutPatch, Layout
from insarfeat.tiling.patches.table import IDENTITY, require
from insarfeat.tiling.stages import OnProgress, Progress
from insarfeat.tiling.workspace import Workspace, discard, kept_if_worth_it, was_delivered, workspace

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
        self, views: Sequence[View], wish: Wish, layout: Layout, classes: Mapping[str, int], source: Any
    ) -> None:
        self._views = list(views)
        self._wish = wish
        self._layout = layout
        self._classes = dict(classes)
        self._source = source

    def __repr__(self) -> str:
        return f"PatchPlan({len(self._views)} scene(s), {', '.join(self._layout.bands + self._layout.masks)})"

    def describe(self, scheduler: Scheduler = None) -> PatchDescription:
        """What a run will take: blocks, memory, disk. Nothing is read for it."""
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
            from insarfeat.tiling.causes import suggestion

            raise InvalidArgument(
                f"format must be one of {', '.join(STORES)}; got {format!r}{suggestion(format, STORES)}"
            )
        _check_folder(target)
        check_scheduler(scheduler)
        if not was_delivered(target, _WORK):
            check_free(target, overwrite=overwrite)
        with workspace(target, self.fingerprint(format)) as space:
            if not was_delivered(
                target, _WORK
            ):  # by this very plan, in a run that was stopped while it tidied up
                check_free(target, overwrite=overwrite)
                with kept_if_worth_it(space):
                    self._make(space, format, scheduler, progress)
                    put_in_place(space.folder / _WORK, target, mark=space.delivered)
            discard(space)
        return Patches.open(target)

    def _make(self, space: Workspace, format: str, scheduler: Scheduler, progress: OnProgress) -> None:
        """Leave the whole dataset in the run's folder."""
        chosen = self._chosen(space, scheduler, progress)
        folder = space.folder / _WORK
        folder.mkdir(exist_ok=True)
        cutter = self._cutter(folder, format)
        items = Items(chosen, _by_scene(self._views))
        self._cut(space, cutter, items, scheduler, progress)
        finish(cutter, len(items), chosen, self._told(format, space))

    def __iter__(self) -> Iterator[CutPatch]:
        """The patches themselves, block by block, without a dataset: to go on with at once.

        Their arrays are views of what neighbours share: copy what is to be changed or kept for long.
        """
        chosen = choose(self._views, self._wish, self._side, scheduler=None, progress=lambda _: None)
        cutter = self._cutter(Path(), next(iter(STORES)))
        foreign = {array.name: array for _, found in self._readers for _, behind in found for array in behind}
        try:
            for item in Items(chosen, _by_scene(self._views)):
                reader = cutter.views[item.view].reader
                window = item.window(cutter.layout.size).cut_to(reader.blocks.shape)
                keys = chunk_keys(reader.program, window, [reader.place])
                chunks = [np.asarray(foreign[name].blocks[tuple(index)]) for name, *index in keys]
                yield from cut_out(cutter, item, chunks)[0]
        finally:
            forget_units()

    def fingerprint(self, format: str) -> str:
        """What a run is known by: same fingerprint, same patches, in any process."""
        found = [insarfeat.__version__, format, repr(self._wish), repr(self._layout), repr(self._classes)]
        for view, reader in zip(self._views, self._readers, strict=True):
            values = [value for value, _ in reader[1]]
            found += [repr(sorted(_identity(view).items())), repr(view.place), fingerprint(values)]
            found += [
                np.array2string(view.objects.pixels, threshold=1 << 30),
                repr(view.objects.value.tolist()),
            ]
        import hashlib

        return hashlib.blake2b("/".join(found).encode(), digest_size=16).hexdigest()

    def _chosen(self, space: Workspace, scheduler: Scheduler, progress: OnProgress) -> list[Chosen]:
        """The choice, kept on disk for a run that is stopped."""
        path = space.folder / "chosen.pickle"
        if not path.exists():
            found = choose(self._views, self._wish, self._side, scheduler=scheduler, progress=progress)
            temporary = path.with_suffix(".new")
            temporary.write_bytes(pickle.dumps(found, protocol=5))
            temporary.replace(path)
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
            window = item.window(cutter.layout.size).cut_to(reader.blocks.shape)
            return references_to(reader.program, window, [reader.place])

        foreign = {array.name: array for _, found in self._readers for _, behind in found for array in behind}
        waiting = Waiting(items, [number for number in range(len(items)) if number not in done])
        try:
            run_job(
                Job(f"{_STAGE}-{space.run}", cut_block, cutter, waiting, references, tuple(foreign.values())),
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
            found = [without_steps(*value_of(getattr(array, "data", array))) for array in arrays]
            programs.append((Program([value for value, _ in found]), found))
        return programs

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
            "source": self._source,
            "scenes": [view.title for view in self._views],
            "inputs": sorted({view.scene.source for view in self._views if view.scene.source}),
            "layout": layout_told(self._layout),
            "classes": self._classes,
            "min_valid": self._wish.min_valid,
            "sampling": json.loads(json.dumps(sampling, default=str)),
            "keep": json.loads(json.dumps(asdict(self._wish.keep), default=str)),
        }


def plan_patches(
    stack: Any,
    *,
    size: int | tuple[int, int] = 256,
    stride: int | tuple[int, int] | None = None,
    min_valid: float = 0.5,
    labels: Any = None,
    sampling: Sampling | str | None = None,
    keep: Keep | None = None,
    bands: Iterable[str] | None = None,
) -> PatchPlan:
    """Plan to cut patches: look with ``describe()``, start with ``run()``.

    Parameters
    ----------
    stack, size, stride, min_valid, labels, sampling
        As for :func:`extract_patches`.
    keep, bands
        As for its options.

    Examples
    --------
    >>> import insarfeat
    >>> scene = insarfeat.synth.scene(seed=1, size=96)[["elevation", "landslide"]]
    >>> plan_patches(scene, size=32, stride=16).describe(1).patches
    36
    """
    if isinstance(min_valid, bool) or not isinstance(min_valid, int | float) or not 0 <= min_valid <= 1:
        raise InvalidArgument(
            f"min_valid must be a share of a patch's pixels, from 0 to 1; got {min_valid!r}"
        )
    extent = shape_from("size", size)
    wish = Wish(
        extent, extent if stride is None else shape_from("stride", stride), float(min_valid), Sampling.of(sampling),
        keep or Keep(),
    )  # fmt: skip
    copies = wish.sampling.copies
    if copies is not None and copies.crop > min(extent.height, extent.width):
        raise InvalidArgument(
            f"copies.crop is {copies.crop} pixels, and a patch has {extent.height} x {extent.width}; crop less"
        )
    scenes = scenes_of(stack)
    names = bands_of(scenes, bands)
    if isinstance(labels, str):  # a layer that is the labels is not learnt from, too
        names = tuple(n for n in names[0] if n != labels), tuple(n for n in names[1] if n != labels)
    found = labels_of(labels, scenes)
    views = views_of(scenes, names, found, wish.sampling, wish.keep)
    if not views[0].bands:
        raise InvalidArgument(f"{views[0].title} has no continuous layer to cut patches from, only masks")
    layers = scenes[0].dataset
    attributes = {
        name: dict(layers[name].attrs) for name in (*views[0].bands, *views[0].masks) if name in layers
    }
    even = wish.sampling.where == "grid"
    layout = Layout(views[0].bands, views[0].masks, extent, attributes, wish.stride if even else None)
    source = str(stack) if isinstance(stack, str | Path) else type(stack).__name__
    return PatchPlan(views, wish, layout, {} if found is None else found.classes, Path(source).name)


def extract_patches(
    stack: Any,
    out: str | Path,
    *,
    size: int | tuple[int, int] = 256,
    stride: int | tuple[int, int] | None = None,
    min_valid: float = 0.5,
    labels: Any = None,
    sampling: Sampling | str | None = None,
    **options: Any,
) -> Patches:
    """Cut a stack of any size into patches that a network can be trained with.

    Stored chunks are read once each, block by block, however much patches overlap. Nothing is left out in silence:
    ``patches.report`` counts every patch that is not there, and why.

    Parameters
    ----------
    stack
        A Dataset, a stack or product on disk, a folder of them (MIRAGE and event folders, too), a list of those, or a
        mapping from scene names to those.
    out
        Folder of the dataset; it appears when it is whole.
    size, stride
        Pixels of a patch, and from one to the next, as for :class:`PatchGrid`.
    min_valid
        Smallest share of a patch's pixels that have a value in every band, and 1 in the layer ``valid_mask`` where
        there is one. Pixels beyond the raster are not valid.
    labels
        The name of a uint8 layer, or polygons: a path, GeoJSON, GeoDataFrame, or a mapping of scene names to those.
        None takes the layer ``landslide`` where there is one, or the boxes that came with the product.
    sampling
        "grid" (the default), "centred", or a :class:`Sampling`: where, how many negatives and which, copies.
    **options
        - ``bands``: names of layers; all of them where nothing is said.
        - ``keep``: a :class:`Keep`, filters that work before pixels are read: slope, area of interest, labels.
        - ``format``, ``scheduler``, ``overwrite``, ``progress``: as for :meth:`PatchPlan.run`.

    Returns
    -------
    Patches

    Examples
    --------
    >>> import insarfeat, tempfile
    >>> scene = insarfeat.synth.scene(seed=1, size=96)[["elevation", "landslide"]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     patches = extract_patches(scene, folder + "/patches", size=32, stride=16)
    ...     len(patches), patches[0].values.shape, patches.masks
    (25, (1, 32, 32), ('landslide',))
    """
    planned = {name: options.pop(name) for name in ("keep", "bands") if name in options}
    unknown = set(options) - {"format", "scheduler", "overwrite", "progress"}
    if unknown:
        raise InvalidArgument(
            f"{', '.join(sorted(unknown))} is no option; there are keep, bands, format, scheduler, overwrite and "
            "progress"
        )
    plan = plan_patches(
        stack, size=size, stride=stride, min_valid=min_valid, labels=labels, sampling=sampling, **planned
    )
    return plan.run(out, **options)


def layout_told(layout: Layout) -> dict[str, Any]:
    """A layout as JSON has it."""
    sides = {"size": layout.size, "stride": layout.stride}
    told = {name: None if side is None else [side.height, side.width] for name, side in sides.items()}
    attributes = {
        name: {key: _plain(one) for key, one in kept.items()} for name, kept in layout.attributes.items()
    }
    return {"bands": layout.bands, "masks": layout.masks, **told, "attributes": attributes}


def _plain(value: Any) -> Any:
    return (
        value.tolist()
        if hasattr(value, "tolist")
        else value
        if isinstance(value, int | float | list)
        else str(value)
    )


def _check_folder(target: Path) -> None:
    from insarfeat.errors import WriteFailed

    if not target.parent.is_dir():
        raise WriteFailed(f"the folder {target.parent} does not exist; create it first")


def _identity(view: View) -> dict[str, str]:
    """What is the same for all patches of a view."""
    grid = view.grid
    texts = (
        view.scene.name, view.scene.event, view.pair.name, view.pair.primary, view.pair.secondary, view.scene.orbit,
        "" if grid is None else grid.crs_wkt or "",
    )  # fmt: skip
    return dict(zip(IDENTITY, texts, strict=True))


def _by_scene(views: Sequence[View]) -> list[list[int]]:
    """Views by scene: what the pairs of a scene have in common is read for all of them, one block after the other."""
    scenes: dict[str, list[int]] = {}
    for number, view in enumerate(views):
        scenes.setdefault(view.scene.name, []).append(number)
    return list(scenes.values())
