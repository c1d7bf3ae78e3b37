"""Patches as NetCDF: a file for each, or shards of many."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.georeference import GRID_MAPPING
from insarfeat.io.conventions import CONVENTIONS, ORDER, product_of, storable
from insarfeat.io.sources import netcdf_lock
from insarfeat.layers import fill_value
from insarfeat.tiling.patches.stores.base import (
    IMAGES,
    BlockShards,
    CutPatch,
    Layout,
    PatchArrays,
    block_path,
    by_shard,
    check_patch,
    plain,
    reading,
    settle_shards,
    shard_path,
    stored_facts,
    whole,
)

if TYPE_CHECKING:
    import pandas as pd

_SUFFIX = ".nc"
_FACTS_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class _Described:
    """CF attributes of a file, as the writer of whole products gives them."""

    file: dict[str, Any]
    layers: dict[str, dict[str, Any]]
    y: dict[str, Any]
    x: dict[str, Any]
    grid_mapping: dict[str, Any] | None

    @classmethod
    def of(cls, layout: Layout, crs: str) -> _Described:
        import xarray as xr

        from insarfeat.dispatch.sources import ArraySource

        names = (*layout.bands, *layout.masks)
        pixels = np.zeros((2, 2), np.float32)
        coords: dict[str, Any] = {"y": [1.5, 0.5], "x": [0.5, 1.5]}
        if crs:
            coords[GRID_MAPPING] = ((), 0, {"crs_wkt": crs})
        dataset = xr.Dataset(
            {name: (("y", "x"), pixels, dict(layout.attributes.get(name, {}))) for name in names}, coords
        )
        product = product_of(
            dataset, dict.fromkeys(names, ArraySource(pixels)), {"created": "", "inputs": []}
        )
        told, axes = product.frame.attrs, product.frame.coords
        return cls(
            # No date: the same patches make the same file.
            {
                "Conventions": CONVENTIONS,
                "insarfeat_version": told["insarfeat_version"],
                "history": f"patch cut by insarfeat {told['insarfeat_version']}",
                ORDER: told[ORDER],
            },
            {name: dict(raster.attributes) for name, raster in product.rasters.items()},
            dict(axes["y"].attrs),
            dict(axes["x"].attrs),
            dict(axes[GRID_MAPPING].attrs) if crs else None,
        )


class NetCDFFiles(BlockShards):
    """``images/<name>.nc``: one file per patch, with CF attributes, that GDAL opens in its place.

    A variable per band and mask, NaN and 255 as nodata. The attributes of the file hold the patch's row of the table,
    and its boxes as JSON.
    """

    name = "netcdf"

    def write(self, folder: Path, block: int, patches: Iterable[CutPatch], layout: Layout) -> None:
        """Write the files of a block's patches."""
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
        described: dict[str, _Described] = {}
        for patch in patches:
            check_patch(patch, layout)
            crs = str(patch.facts.get("crs") or "")
            if crs not in described:
                described[crs] = _Described.of(layout, crs)
            with netcdf_lock(), whole(folder / IMAGES / f"{patch.name}{_SUFFIX}") as temporary:
                _write_file(temporary, patch, layout, described[crs])

    def settle(self, folder: Path, counts: Sequence[tuple[int, int]], layout: Layout) -> None:
        """Clear away what interrupted tries left; the files have their names."""
        for left in (folder / IMAGES).glob("*.new"):
            left.unlink()

    def read(self, folder: Path, rows: pd.DataFrame, layout: Layout) -> PatchArrays:
        """Read the files of these patches."""
        import netCDF4

        found = PatchArrays.empty(len(rows), layout)
        for position, name in enumerate(rows["name"]):
            path = folder / IMAGES / f"{name}{_SUFFIX}"
            with netcdf_lock(), reading(path), netCDF4.Dataset(path) as file:
                file.set_auto_maskandscale(False)
                for names, into in ((layout.bands, found.values), (layout.masks, found.masks)):
                    for number, layer in enumerate(names):
                        into[position, number] = file.variables[layer][:]
        return found


class NetCDFShards(BlockShards):
    """``shards/000000.nc``: many patches per file, a variable (patch, y, x) per band and mask.

    The patches' rows of the table are variables along ``patch``: numbers and texts; lists of any length as JSON.
    """

    name = "netcdf-shards"

    def write(self, folder: Path, block: int, patches: Iterable[CutPatch], layout: Layout) -> None:
        """Write a block's file; none where the block has no patches."""
        target = block_path(folder, block, _SUFFIX)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        described = _Described.of(layout, "")
        facts: list[dict[str, Any]] = []
        with whole(target) as temporary:
            file = _new_shard(temporary, layout, described)
            try:
                for patch in patches:  # cut without the lock: inputs may be NetCDF, too
                    check_patch(patch, layout)
                    with netcdf_lock():
                        for name, pixels in _layers(patch, layout):
                            file.variables[name][len(facts)] = pixels
                    facts.append({**stored_facts(patch.facts), "boxes": plain(list(patch.boxes))})
                with netcdf_lock():
                    for key in facts[0] if facts else ():
                        _write_facts(file, key, [one.get(key) for one in facts])
            finally:
                with netcdf_lock():
                    file.close()
        if not facts:
            target.unlink()

    def settle(self, folder: Path, counts: Sequence[tuple[int, int]], layout: Layout) -> None:
        """Number the shards."""
        settle_shards(folder, counts, _SUFFIX)

    def read(self, folder: Path, rows: pd.DataFrame, layout: Layout) -> PatchArrays:
        """Take patches out of the shards, wherever in them they are."""
        import netCDF4

        found = PatchArrays.empty(len(rows), layout)
        places = rows["place"].to_numpy(np.int64)
        for shard, positions in by_shard(rows):
            path = shard_path(folder, shard, _SUFFIX)
            with netcdf_lock(), reading(path), netCDF4.Dataset(path) as file:
                file.set_auto_maskandscale(False)
                for names, into in ((layout.bands, found.values), (layout.masks, found.masks)):
                    for number, layer in enumerate(names):
                        variable = file.variables[layer]
                        for position in positions:
                            into[position, number] = variable[places[position]]
        return found


def _layers(patch: CutPatch, layout: Layout) -> Iterable[tuple[str, NDArray[Any]]]:
    yield from zip(layout.bands, patch.values, strict=True)
    yield from zip(layout.masks, patch.masks, strict=True)


def _dtypes(layout: Layout) -> dict[str, np.dtype[Any]]:
    return {
        **dict.fromkeys(layout.bands, np.dtype("f4")),
        **dict.fromkeys(layout.masks, np.dtype("u1")),
    }


def _create_layer(
    file: Any, name: str, dtype: np.dtype[Any], dims: tuple[str, ...], attributes: Mapping[str, Any]
) -> Any:
    """A compressed variable whose chunks are single patches."""
    shape = [len(file.dimensions[dim]) for dim in ("y", "x")]
    variable = file.createVariable(
        name,
        dtype,
        dims,
        compression="zlib",
        complevel=1,
        shuffle=True,
        chunksizes=[1] * (len(dims) - 2) + shape,
        fill_value=fill_value(dtype),
    )
    variable.set_auto_maskandscale(False)
    variable.setncatts(attributes)
    return variable


def _write_file(path: Path, patch: CutPatch, layout: Layout, described: _Described) -> None:
    import netCDF4

    with netCDF4.Dataset(path, "w") as file:
        facts = {key: value for key, value in stored_facts(patch.facts).items() if key != "crs"}
        boxes = json.dumps(plain(list(patch.boxes)))
        file.setncatts({**storable(facts), "boxes": boxes, **described.file})
        file.createDimension("y", layout.size.height)
        file.createDimension("x", layout.size.width)
        _write_place(file, patch.facts.get("transform"), described)
        dtypes = _dtypes(layout)
        for name, pixels in _layers(patch, layout):
            attributes = described.layers[name]
            _create_layer(file, name, dtypes[name], ("y", "x"), attributes)[:] = pixels


def _write_place(file: Any, transform: Any, described: _Described) -> None:
    """Coordinates of the pixels' centres, and the grid mapping that GDAL reads."""
    if transform is None or not np.isfinite(transform).all():
        return
    a, b, c, d, e, f = (float(number) for number in transform)
    for dim, first, step, attributes in (("y", f, e, described.y), ("x", c, a, described.x)):
        variable = file.createVariable(dim, "f8", (dim,), fill_value=False)
        variable.setncatts(attributes)
        variable[:] = first + step * (np.arange(len(file.dimensions[dim])) + 0.5)
    if described.grid_mapping is not None:
        mapping = file.createVariable(GRID_MAPPING, "i4", ())
        corner_and_steps = " ".join(repr(number) for number in (c, a, b, f, d, e))
        mapping.setncatts({**described.grid_mapping, "GeoTransform": corner_and_steps})


def _new_shard(path: Path, layout: Layout, described: _Described) -> Any:
    import netCDF4

    with netcdf_lock():
        file = netCDF4.Dataset(path, "w")
        file.setncatts(described.file)
        file.createDimension("patch", None)
        file.createDimension("y", layout.size.height)
        file.createDimension("x", layout.size.width)
        for name, dtype in _dtypes(layout).items():
            _create_layer(file, name, dtype, ("patch", "y", "x"), described.layers[name])
        return file


def _write_facts(file: Any, key: str, values: list[Any]) -> None:
    """One fact of all patches, as the variable that fits its kind."""
    name = f"fact_{key}" if key in file.variables or key in file.dimensions else key
    kinds = {type(value) for value in values if value is not None}
    chunks = (_FACTS_CHUNK,)
    if kinds and kinds <= {int, bool} and None not in values:
        file.createVariable(name, "i8", ("patch",), chunksizes=chunks)[:] = np.array(values, np.int64)
    elif kinds and kinds <= {int, bool, float}:
        numbers = [np.nan if value is None else value for value in values]
        file.createVariable(name, "f8", ("patch",), chunksizes=chunks)[:] = np.array(numbers, np.float64)
    elif key == "transform" and all(isinstance(value, list) and len(value) == 6 for value in values):
        file.createDimension("affine", 6)
        variable = file.createVariable(name, "f8", ("patch", "affine"), chunksizes=(_FACTS_CHUNK, 6))
        variable.long_name = "a, b, c, d, e, f: from pixel corners to coordinates"
        variable[:] = np.array(values, np.float64)
    else:
        texts = [
            "" if value is None else value if isinstance(value, str) else json.dumps(value)
            for value in values
        ]
        file.createVariable(name, str, ("patch",), chunksizes=chunks)[:] = np.array(texts, object)
