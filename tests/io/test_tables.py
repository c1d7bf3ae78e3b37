"""Tables beside the rasters of a stack: one entry for each landslide, say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from contract import labelled

import insarfeat


def with_table(entries: int) -> xr.Dataset:
    """A raster, and a table with text and numbers along a dimension of its own."""
    table = {
        "slide_class": ("slide", np.array(["RG", "DGSD", "é"][:entries], "U4")),
        "slide_area": ("slide", np.array([1e4, 2e4, np.nan][:entries], "f4")),
    }
    raster = labelled(np.ones((20, 10), "f4"), "elevation")
    return xr.Dataset({"elevation": raster, **table}, {"slide": 7 * np.arange(entries)})


@pytest.mark.parametrize("entries", [3, 0], ids=["filled", "empty"])
@pytest.mark.parametrize("chunks", [None, {"y": 8, "x": 8}], ids=["in memory", "in chunks"])
@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_table_comes_back_from_a_file_as_it_was(
    tmp_path: Path, suffix: str, chunks: dict[str, int] | None, entries: int
) -> None:
    stack = with_table(entries)
    path = insarfeat.write(stack if chunks is None else stack.chunk(chunks), tmp_path / f"stack{suffix}")
    again = insarfeat.open_stack(path).load()
    assert again["slide"].values.tolist() == stack["slide"].values.tolist()
    assert again["slide_class"].values.tolist() == stack["slide_class"].values.tolist()
    assert again["slide_class"].dtype.kind in "UOT"
    np.testing.assert_array_equal(again["slide_area"].values, stack["slide_area"].values)
