"""Stitching over stacks of several pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import insarfeat
from insarfeat.errors import InvalidArgument
from insarfeat.tiling.patches.grid import PatchGrid
from insarfeat.tiling.patches.stitching import stitch


def _pairs(lazily: bool) -> xr.Dataset:
    rng = np.random.default_rng(3)
    coords = {"y": 900.0 - 15 * np.arange(30), "x": 15.0 * np.arange(40), "pair": ["a", "b", "c"]}
    layers = {
        "coherence": (("pair", "y", "x"), rng.normal(size=(3, 30, 40)).astype("f4")),
        "elevation": (("y", "x"), rng.normal(size=(30, 40)).astype("f4")),
    }
    found = xr.Dataset(layers, coords)
    return found.chunk(y=11, x=13, pair=2) if lazily else found


@pytest.mark.parametrize("lazily", [False, True])
def test_pairs_are_taken_one_by_one_beside_what_they_share(lazily: bool, tmp_path: Path) -> None:
    stack = _pairs(lazily)
    grid = PatchGrid(stack, 8, 4, "pad", (3, 1))
    found = stitch(lambda values: values[:, 0] + 2 * values[:, 1], grid, of=stack, channels=0)
    expected = stack["coherence"] + 2 * stack["elevation"]
    assert found.dims == ("pair", "y", "x")
    assert found.chunks[0] == (1, 1, 1)
    xr.testing.assert_allclose(found.compute().drop_attrs(), expected.compute(), atol=1e-5)
    insarfeat.plan(found.rename("sum"), tile=16).run(tmp_path / "sum.zarr")
    read = insarfeat.open_stack(tmp_path / "sum.zarr")["sum"]
    np.testing.assert_allclose(read.values, expected.values, atol=1e-5)
    assert read["pair"].values.tolist() == ["a", "b", "c"]


def test_pairs_and_channels_together_are_refused() -> None:
    stack = _pairs(False)
    with pytest.raises(InvalidArgument, match="pair"):
        stitch(lambda values: values, PatchGrid(stack, 8, 4), of=stack, channels=2)
