"""Debursting: a swath's layer is made of its bursts' layers, at the cuts, whatever kind and however computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from toy_bursts import burst_of, later, with_frame

import insarfeat
from insarfeat import filters
from insarfeat.bursts import cuts, deburst
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType

LINES, SAMPLES, EVERY = 40, 30, 33


def swath(count: int = 3) -> list[Any]:
    """Bursts with an invalid frame of 2 and 1 lines, which share 4 valid lines with each neighbour."""
    burst = with_frame(burst_of(LINES, SAMPLES), above=2, below=1)
    return [later(burst, EVERY * number) for number in range(count)]


def images(count: int = 3) -> list[Any]:
    """One speckle image of the swath, as each burst would see it: equal where bursts overlap."""
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(EVERY * (count - 1) + LINES, SAMPLES, 2)).view("c16")[..., 0].astype("c8")
    parts = [whole[EVERY * number : EVERY * number + LINES].copy() for number in range(count)]
    for part in parts:
        part[:2], part[-1:] = 0, 0
    return parts


def test_bursts_of_one_image_become_that_image() -> None:
    whole = deburst(images(), swath())
    found = cuts(swath())
    assert whole.shape == (EVERY * 2 + LINES - 3, SAMPLES)
    for image, cut in zip(images(), found, strict=True):
        rows = slice(cut.at_line, cut.at_line + cut.line_count)
        np.testing.assert_array_equal(whole[rows], image[cut.first_line : cut.last_line + 1])
    assert (whole != 0).all()


@given(data=st.data())
def test_lazy_bursts_give_the_same_for_any_chunks(data: st.DataObject) -> None:
    sizes = st.integers(1, 45)
    lazy = [da.from_array(image, chunks=(data.draw(sizes), data.draw(sizes))) for image in images()]
    joined = deburst(lazy, swath())
    assert isinstance(joined, da.Array)
    np.testing.assert_array_equal(joined.compute(scheduler="sync"), deburst(images(), swath()))


def test_windows_of_a_filter_end_at_their_own_burst() -> None:
    """Filtered burst by burst and then joined, in one lazy expression, and on through further filters."""
    primary, secondary = images(), [image * np.complex64(1j) for image in images()[::-1]]
    pairs = zip(primary, secondary, strict=True)
    expected = deburst([filters.coherence(a, b) for a, b in pairs], swath())
    lazy = [
        filters.coherence(da.from_array(a, chunks=16), da.from_array(b, chunks=(7, 30)))
        for a, b in zip(primary, secondary, strict=True)
    ]
    joined = deburst(lazy, swath())
    np.testing.assert_array_equal(joined.compute(scheduler="sync"), expected)
    looked = filters.multilook(joined, looks=(3, 2))
    np.testing.assert_array_equal(looked.compute(scheduler="sync"), filters.multilook(expected, looks=(3, 2)))


def test_a_chunk_asks_only_for_bursts_that_it_touches() -> None:
    loaded = []

    def load(block: Any, number: int) -> Any:
        loaded.append(number)
        return block

    lazy = [
        da.from_array(image, chunks=(LINES, SAMPLES)).map_blocks(load, number, dtype="c8", meta=image[:0])
        for number, image in enumerate(images())
    ]
    joined = deburst(lazy, swath())
    joined.blocks[-1, 0].compute(scheduler="sync")
    assert set(loaded) == {2}


def test_a_plan_joins_bursts_tile_by_tile(tmp_path: Path) -> None:
    layers = [xr.DataArray(image, dims=("y", "x"), name="slc").chunk(y=9) for image in images()]
    phases = [filters.wrapped_phase(filters.goldstein(layer, window=16)) for layer in layers]
    plan = insarfeat.plan(deburst(phases, swath()), tile=32)
    plan.run(tmp_path / "swath.zarr")
    written = insarfeat.open_stack(tmp_path / "swath.zarr")["wrapped_phase"]
    expected = deburst(
        [filters.wrapped_phase(filters.goldstein(image, window=16)) for image in images()], swath()
    )
    np.testing.assert_array_equal(written.values, expected)


def test_coordinates_that_go_on_are_joined_and_others_dropped() -> None:
    layers = [
        xr.DataArray(
            image,
            {
                "time": ("y", np.arange(LINES) + EVERY * number),
                "line": ("y", np.arange(LINES)),
                "x": np.arange(SAMPLES),
            },
            ("y", "x"),
            "slc",
            {"site": "Corniglio"},
        )
        for number, image in enumerate(images())
    ]
    joined = deburst(layers, swath())
    np.testing.assert_array_equal(joined["time"], 2 + np.arange(joined.sizes["y"]))
    assert "line" not in joined.coords
    assert joined.attrs["site"] == "Corniglio"
    assert joined.attrs["processing"] == "bursts.deburst(3)"
    both = deburst([xr.Dataset({"vv": layer, "vh": 2 * layer}) for layer in layers], swath())
    xr.testing.assert_identical(both["vv"], joined.rename("vv"))


def test_leading_dimensions_stay() -> None:
    stacked = [np.stack([image, 2 * image]) for image in images()]
    np.testing.assert_array_equal(deburst(stacked, swath())[1], 2 * deburst(images(), swath()))


def test_wrong_layers_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="one layer for each burst; got 2 for 3"):
        deburst(images()[:2], swath())
    with pytest.raises(GridMismatch, match=r"layer 1 is 39 x 30, its burst 40 x 30"):
        deburst([images()[0], images()[1][1:], images()[2]], swath())
    with pytest.raises(InvalidType, match="all NumPy or Dask"):
        deburst([images()[0], images()[1], xr.DataArray(images()[2])], swath())
