"""Patches from scenes of any size."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from insarfeat.errors import InvalidArgument
from insarfeat.tiling.patches.cutting.choosing import Wish
from insarfeat.tiling.patches.dataset import Patches
from insarfeat.tiling.patches.grid import shape_from
from insarfeat.tiling.patches.planning import PatchPlan
from insarfeat.tiling.patches.sampling import Keep, Sampling
from insarfeat.tiling.patches.scenes.labels import labels_of
from insarfeat.tiling.patches.scenes.scenes import bands_of, scenes_of
from insarfeat.tiling.patches.scenes.views import views_of
from insarfeat.tiling.patches.stores.base import Layout


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
    origin: dict[str, Any] = {
        "source": Path(stack).name if isinstance(stack, str | Path) else type(stack).__name__
    }
    if found is not None:
        origin |= {"labels": found.origin, "labels_left_out": dict(found.left_out)}
    return PatchPlan(views, wish, layout, {} if found is None else found.classes, origin)


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
