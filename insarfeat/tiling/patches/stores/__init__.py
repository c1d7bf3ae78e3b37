"""Formats of patches on disk, by their names."""

from insarfeat.tiling.patches.stores.base import CutPatch, Layout, PatchArrays, Store
from insarfeat.tiling.patches.stores.geotiff import GeoTIFFFiles
from insarfeat.tiling.patches.stores.netcdf import NetCDFFiles, NetCDFShards
from insarfeat.tiling.patches.stores.webdataset import WebDatasetShards
from insarfeat.tiling.patches.stores.zarr_shards import ZarrShards

STORES: dict[str, Store] = {
    store.name: store
    for store in (ZarrShards(), NetCDFFiles(), NetCDFShards(), GeoTIFFFiles(), WebDatasetShards())
}

__all__ = ["STORES", "CutPatch", "Layout", "PatchArrays", "Store"]
