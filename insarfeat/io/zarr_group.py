"""Zarr groups: the rasters are written tile by tile as a run goes; here the frame around them is added."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np

from insarfeat.io.conventions import Product
from insarfeat.layers import fill_value

# Zarr 3 has no specification yet for text of fixed length. By this xarray knows text, even where there is none.
_TEXT = np.dtype("O", metadata={"element_type": str})
_quietly = threading.Lock()  # warnings are filtered for all threads at once


def finish_group(product: Product, folder: Path) -> None:
    """Add coordinates, small variables and attributes to a group that holds the rasters."""
    import zarr

    # Read here: of text in chunks xarray would have to guess the type.
    frame = product.frame.compute()
    text = [name for name, variable in frame.variables.items() if variable.dtype.kind in "US"]
    frame = frame.assign({name: frame[name].astype(_TEXT) for name in text})
    frame.to_zarr(folder, mode="a", zarr_format=3, consolidated=False)
    group = zarr.open_group(folder, mode="r+")
    for name, raster in product.rasters.items():
        attributes = {
            key: value.tolist() if hasattr(value, "tolist") else value
            for key, value in raster.attributes.items()
        }
        if raster.dtype.kind in "iu":
            attributes["_FillValue"] = fill_value(raster.dtype)
        group[name].attrs.put(attributes)
    consolidate(folder)


def consolidate(folder: Path) -> None:
    """Put the metadata of all of a group's arrays into one file, so that xarray opens it quickly and in silence.

    The last that happens to a group; what zarr was writing when an earlier try was killed goes before.
    """
    import zarr

    for torn in folder.rglob("*.partial"):
        torn.unlink(missing_ok=True)

    with _quietly, warnings.catch_warnings():
        # Not yet in the Zarr specification, but without it xarray warns and opens slowly.
        warnings.filterwarnings("ignore", message="Consolidated metadata", category=UserWarning)
        zarr.consolidate_metadata(folder)
