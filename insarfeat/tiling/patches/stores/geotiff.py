"""Patches as GeoTIFFs: a file of bands and a file of masks for each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.io.sources import open_geotiff
from insarfeat.layers import LAYERS, fill_value
from insarfeat.tiling.patches.stores.base import (
    IMAGES,
    MASKS,
    BlockShards,
    CutPatch,
    Layout,
    PatchArrays,
    check_patch,
    plain,
    reading,
    stored_facts,
    whole,
)

if TYPE_CHECKING:
    import pandas as pd

SUFFIX = ".tif"


class GeoTIFFFiles(BlockShards):
    """``images/<name>.tif`` (float32, nodata NaN) and ``masks/<name>.tif`` (uint8, nodata 255), a band per layer.

    The tags hold the patch's row of the table, and its boxes as JSON. Rows stay in the order of the patch, also where
    they run from south to north; the transform says so.
    """

    name = "geotiff"

    def write(self, folder: Path, block: int, patches: Iterable[CutPatch], layout: Layout) -> None:
        """Write the files of a block's patches; the image last, so that a patch with an image has its masks."""
        for kind in (IMAGES, MASKS)[: 2 if layout.masks else 1]:
            (folder / kind).mkdir(parents=True, exist_ok=True)
        for patch in patches:
            check_patch(patch, layout)
            if layout.masks:
                write_patch(
                    folder / MASKS / f"{patch.name}{SUFFIX}", patch.masks, layout.masks, patch.facts, layout
                )
            write_patch(
                folder / IMAGES / f"{patch.name}{SUFFIX}",
                patch.values,
                layout.bands,
                {**patch.facts, "boxes": list(patch.boxes)},
                layout,
            )

    def settle(self, folder: Path, counts: Sequence[tuple[int, int]], layout: Layout) -> None:
        """Clear away what interrupted tries left; the files have their names."""
        for kind in (IMAGES, MASKS):
            for left in (folder / kind).glob("*.new"):
                left.unlink()

    def read(self, folder: Path, rows: pd.DataFrame, layout: Layout) -> PatchArrays:
        """Read the files of these patches."""
        found = PatchArrays.empty(len(rows), layout)
        for position, name in enumerate(rows["name"]):
            for kind, into in ((IMAGES, found.values), (MASKS, found.masks)):
                if into.shape[1]:
                    path = folder / kind / f"{name}{SUFFIX}"
                    with reading(path), open_geotiff(path) as file:
                        into[position] = file.read()
        return found


def write_patch(
    path: Path,
    layers: NDArray[Any],
    names: Sequence[str],
    facts: Mapping[str, Any],
    layout: Layout,
) -> None:
    """Write layers of one patch to one file, whole or not at all."""
    from rasterio.transform import Affine

    placed: dict[str, Any] = {}
    transform = facts.get("transform")
    if transform is not None and np.isfinite(transform).all():
        placed = {"transform": Affine(*(float(number) for number in transform))}
    if facts.get("crs"):
        placed["crs"] = facts["crs"]
    profile = {
        "driver": "GTiff",
        "count": len(names),
        "height": layers.shape[1],
        "width": layers.shape[2],
        "dtype": layers.dtype.name,
        "nodata": fill_value(layers.dtype),
        "compress": "deflate",
        "zlevel": 1,
        "predictor": 3 if layers.dtype.kind == "f" else 2,
        "interleave": "band",
        "blockysize": layers.shape[1],  # one strip per band: patches are read whole
    }
    with whole(path) as temporary, open_geotiff(temporary, "w", **profile, **placed) as file:
        file.update_tags(**{key: _tag(value) for key, value in stored_facts(facts).items()})
        for band, name in enumerate(names, 1):
            known = LAYERS.get(name)
            attributes = {**(known.attributes if known else {}), **layout.attributes.get(name, {})}
            file.set_band_description(band, name)
            if units := attributes.get("units"):
                file.set_band_unit(band, str(units))
            file.update_tags(band, insarfeat_attributes=json.dumps(plain(attributes)))
        file.write(layers)


def _tag(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
