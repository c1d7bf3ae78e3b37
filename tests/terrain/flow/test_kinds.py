"""Flow on all kinds of arrays: the same numbers, under the layers' names, whatever chunks and tiles there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import landscapes
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

import insarfeat
from insarfeat import terrain
from insarfeat.errors import GridMismatch
from insarfeat.layers import LAYERS
from insarfeat.terrain.flow.routing import SHARES

Function = Callable[..., Any]

# What each gives under which name, and which take the size of cells of bare arrays.
FUNCTIONS: dict[str, tuple[Function, dict[str, Any], str, bool]] = {
    "filled": (terrain.fill_depressions, {}, "elevation", False),
    "filled with a fall": (terrain.fill_depressions, {"epsilon": True}, "elevation", False),
    "breached": (terrain.fill_depressions, {"breach": True}, "elevation", False),
    "walled in": (terrain.fill_depressions, {"voids": "walls"}, "elevation", False),
    "d8": (terrain.flow_direction, {}, "flow_direction", True),
    "dinf": (terrain.flow_direction, {"method": "dinf"}, "flow_azimuth", True),
    "water by mfd": (terrain.flow_accumulation, {}, "flow_accumulation", True),
    "water by dinf": (terrain.flow_accumulation, {"method": "dinf"}, "flow_accumulation", True),
    "water by d8": (terrain.flow_accumulation, {"method": "d8"}, "flow_accumulation", True),
    "contamination": (terrain.flow_contamination, {}, "flow_contamination", True),
    "basins": (terrain.basins, {}, "basins", True),
    "streams": (terrain.streams, {"cells": 9}, "streams", True),
    "area by mfd": (terrain.specific_catchment_area, {}, "specific_catchment_area", True),
    "area by d8": (terrain.specific_catchment_area, {"method": "d8"}, "specific_catchment_area", True),
    "area by dinf": (terrain.specific_catchment_area, {"method": "dinf"}, "specific_catchment_area", True),
    "twi": (terrain.twi, {}, "twi", True),
    "wetness": (terrain.wetness_index, {}, "wetness_index", True),
}
TYPES = {
    "flow_direction": "u1",
    "flow_accumulation": "f8",
    "flow_contamination": "u1",
    "basins": "i8",
    "streams": "u1",
    "specific_catchment_area": "f4",
    "twi": "f4",
    "wetness_index": "f4",
}
every_one = pytest.mark.parametrize("name", FUNCTIONS)
both_types = pytest.mark.parametrize("dtype", ["f4", "f8"])

CELL = (20.0, 30.0)


def ground(dtype: str = "f4", height: int = 41, width: int = 37) -> Any:
    """Hills with pits, a lake, a plain and voids."""
    rng = np.random.default_rng(3)
    dem = landscapes.rough(rng, (height, width)).astype(dtype)
    dem[5:15, 8:30] = dem.mean()
    dem[20:30, 20:30] = dem.min() - 5
    dem[rng.random(dem.shape) < 0.01] = np.nan
    return dem


def called(name: str, dem: Any, **more: Any) -> Any:
    function, keywords, _, _ = FUNCTIONS[name]
    return function(dem, **keywords, **more)


def bare(name: str) -> dict[str, Any]:
    return {"resolution": CELL} if FUNCTIONS[name][3] else {}


def cell_of(name: str) -> tuple[float, float]:
    """Of what takes no resolution, bare arrays have square cells."""
    return CELL if FUNCTIONS[name][3] else (20.0, 20.0)


def labelled(
    dem: Any, epsg: int | None = 32632, upward: bool = False, cell: tuple[float, float] = CELL
) -> xr.DataArray:
    """Cells of 20 x 30 m by their coordinates, or of a hundredth of a degree."""
    height, width = dem.shape
    y, x = 5e6 - cell[0] * np.arange(height), 5e5 + cell[1] * np.arange(width)
    if epsg == 4326:
        y, x = 46 - 0.01 * np.arange(height), 10 + 0.01 * np.arange(width)
    coords: dict[str, Any] = {"y": y[::-1] if upward else y, "x": x}
    if epsg is not None:
        coords["spatial_ref"] = ((), 0, {"crs_wkt": CRS.from_epsg(epsg).to_wkt()})
    attributes = {"units": "m", "long_name": "ground", "_FillValue": -1.0, "site": "Corniglio"}
    return xr.DataArray(dem, coords, ("y", "x"), "elevation", attributes)


def assert_alike(found: Any, expected: Any) -> None:
    """Equal, but for sums that are added up in another order, and the layers of float32 that are made of them."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if expected.dtype.kind in "ui":
        np.testing.assert_array_equal(found, expected)
    else:
        tolerance = 1e-9 if expected.dtype == np.float64 else 3e-7
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=1e-6 if tolerance > 1e-8 else 0)


# ---- Dask.


@every_one
@both_types
def test_lazy_answers_are_of_the_type_that_they_declare_and_those_of_numpy(name: str, dtype: str) -> None:
    dem = ground(dtype)
    expected = called(name, dem, **bare(name))
    lazy = called(name, da.from_array(dem, chunks=(16, 20)), **bare(name))
    assert isinstance(lazy, da.Array)
    assert lazy.chunks == ((16, 16, 9), (20, 17))
    assert lazy.dtype == lazy._meta.dtype == TYPES.get(FUNCTIONS[name][2], dtype)
    assert_alike(lazy.compute(scheduler="sync"), expected)


@settings(max_examples=4)
@given(st.data(), st.sampled_from(sorted(FUNCTIONS)))
def test_any_chunks_give_the_same(data: st.DataObject, name: str) -> None:
    dem = ground()
    cuts = [sorted(data.draw(st.sets(st.integers(1, size - 1), max_size=6))) for size in dem.shape]
    chunks = tuple(
        tuple(np.diff([0, *cut, size]).tolist()) for cut, size in zip(cuts, dem.shape, strict=True)
    )
    lazy = called(name, da.from_array(dem, chunks=chunks), **bare(name))
    assert lazy.chunks == chunks
    assert_alike(lazy.compute(), called(name, dem, **bare(name)))


@every_one
def test_nothing_is_computed_before_it_is_asked_for(name: str) -> None:
    def fail(_: Any) -> Any:
        raise AssertionError("computed behind the caller's back")

    never = da.from_array(ground(), chunks=20).map_blocks(fail, dtype="f4", meta=np.empty((0, 0), "f4"))
    called(name, never, **bare(name))
    called(name, labelled(never))


def test_lazy_shares_are_layers_of_their_own() -> None:
    dem = ground()
    expected = terrain.flow_direction(dem, method="mfd", resolution=CELL)
    lazy = terrain.flow_direction(da.from_array(dem, chunks=20), method="mfd", resolution=CELL)
    assert list(lazy) == list(expected) == list(SHARES)
    for name in SHARES:
        assert_alike(lazy[name].compute(scheduler="sync"), expected[name])


def test_lazy_weights_are_taken_beside_a_dem_in_memory() -> None:
    dem = ground()
    weights = np.random.default_rng(1).integers(0, 5, dem.shape).astype(float)
    for method in ("d8", "mfd"):
        expected = terrain.flow_accumulation(dem, method=method, weights=weights)
        for first, second in (
            (dem, da.from_array(weights, chunks=20)),
            (da.from_array(dem, chunks=(16, 20)), weights),
            (da.from_array(dem, chunks=(16, 20)), da.from_array(weights, chunks=(9, 37))),
        ):
            found = terrain.flow_accumulation(first, method=method, weights=second)
            assert isinstance(found, da.Array)
            assert_alike(found.compute(scheduler="sync"), expected)


def test_flow_goes_on_in_other_operators() -> None:
    dem = ground()
    expected = terrain.slope(terrain.fill_depressions(dem), resolution=CELL)
    lazy = terrain.slope(terrain.fill_depressions(da.from_array(dem, chunks=13)), resolution=CELL)
    assert_alike(lazy.compute(scheduler="sync"), expected)


# ---- DataArrays.


@every_one
@both_types
def test_labelled_answers_are_those_of_numpy_under_the_layers_name(name: str, dtype: str) -> None:
    dem = ground(dtype)
    # Without a CRS coordinates are metres; in one, metres on the ground are a little other than on the map.
    array = labelled(dem, None, cell=cell_of(name))
    before = array.copy(deep=True)
    found = called(name, array)
    xr.testing.assert_identical(array, before)
    assert_alike(found.values, called(name, dem, **bare(name)))
    layer = FUNCTIONS[name][2]
    assert found.name == layer
    assert found.dims == ("y", "x")
    xr.testing.assert_identical(found.coords.to_dataset(), array.coords.to_dataset())
    assert found.attrs["site"] == "Corniglio"
    if layer == "elevation":
        assert found.attrs["long_name"] == "ground"
        return
    assert "_FillValue" not in found.attrs
    assert layer in LAYERS
    for key, value in LAYERS[layer].attributes.items():
        np.testing.assert_array_equal(found.attrs[key], value)


@every_one
@pytest.mark.parametrize("epsg", [32632, 4326])
def test_lazy_and_labelled_answers_are_those_in_memory(name: str, epsg: int) -> None:
    array = labelled(ground(), epsg)
    expected = called(name, array)
    found = called(name, array.chunk({"y": 16, "x": 20}))
    assert found.chunks is not None
    assert found.dtype == expected.dtype
    assert found.name == expected.name
    assert found.attrs.keys() == expected.attrs.keys()
    assert found.attrs["processing"] == expected.attrs["processing"]
    assert found.coords["spatial_ref"].attrs == array.coords["spatial_ref"].attrs
    assert_alike(found.compute(scheduler="sync").values, expected.values)


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("filled", ["fill_depressions(voids='outlets')"]),
        ("walled in", ["fill_depressions(voids='walls')"]),
        ("d8", ["fill_depressions(voids='outlets')", "flow_direction(voids='outlets')"]),
        ("water by d8", ["fill_depressions(", "'sum'"]),
        ("water by mfd", ["fill_depressions(", "method='mfd'"]),
        ("breached", ["fill_depressions(", "breach("]),
        ("filled with a fall", ["fill_depressions(", "fill_with_fall("]),
        ("streams", ["fill_depressions(", "streams(least=9.0)"]),
        ("twi", ["fill_depressions(", "slope", "twi(least=0.001)"]),
        ("wetness", ["fill_depressions(", "slope", "wetness_index("]),
    ],
)
def test_attributes_tell_the_steps_behind_a_layer_oldest_first(name: str, steps: list[str]) -> None:
    told = called(name, labelled(ground())).attrs["processing"]
    places = [told.find(step) for step in steps]
    assert min(places) >= 0, told
    assert places == sorted(places)


@every_one
def test_rows_may_run_north(name: str) -> None:
    dem = 10 * landscapes.cone(41) + np.random.default_rng(7).random((41, 41), np.float32)
    upright = called(name, labelled(dem)).values
    turned = called(name, labelled(dem[::-1], upward=True)).values[::-1]
    if name == "basins":  # numbers count from the first row, wherever that is
        pairs = set(zip(upright.ravel().tolist(), turned.ravel().tolist(), strict=True))
        assert len(pairs) == len(np.unique(upright)) == len(np.unique(turned))
    elif upright.dtype.kind in "ui":
        np.testing.assert_array_equal(turned, upright)
    else:
        np.testing.assert_allclose(turned, upright, rtol=1e-5, atol=1e-4)


@every_one
def test_arrays_without_coordinates_are_told_their_resolution(name: str) -> None:
    dem = ground()
    array = xr.DataArray(dem, dims=("y", "x"), name="elevation")
    found = called(name, array, **bare(name))
    assert found.name == FUNCTIONS[name][2]
    assert_alike(found.values, called(name, dem, **bare(name)))


def test_labelled_weights_are_those_of_the_dem() -> None:
    dem = ground()
    weights = np.random.default_rng(1).integers(0, 5, dem.shape).astype(float)
    expected = terrain.flow_accumulation(dem, method="d8", weights=weights, resolution=CELL)
    array = labelled(dem, None)
    for given_weights in (weights, labelled(weights, None), labelled(weights, None).chunk({"y": 9})):
        found = terrain.flow_accumulation(array, method="d8", weights=given_weights)
        assert_alike(found.compute(scheduler="sync").values, expected)
        assert found.attrs["site"] == "Corniglio"
    elsewhere = labelled(weights, None)
    with pytest.raises(GridMismatch):
        terrain.flow_accumulation(array, weights=elsewhere.assign_coords(x=elsewhere.x + 7))


def test_shares_of_a_labelled_dem_are_a_dataset() -> None:
    array = labelled(ground(), None)
    found = terrain.flow_direction(array, method="mfd")
    expected = terrain.flow_direction(array.values, method="mfd", resolution=CELL)
    assert isinstance(found, xr.Dataset)
    assert list(found) == list(SHARES)
    for name in SHARES:
        assert_alike(found[name].values, expected[name])
        assert found[name].attrs["processing"]


# ---- Plans.


@every_one
def test_a_plan_with_small_tiles_gives_what_numpy_gives(name: str, tmp_path: Path) -> None:
    dem = ground("f4", 61, 50)
    lazy = called(name, labelled(da.from_array(dem, chunks=(23, 50)), None, cell=cell_of(name)))
    out = insarfeat.plan(lazy, tile=16).run(tmp_path / "layer.zarr")
    stored = xr.open_zarr(out, mask_and_scale=False)[FUNCTIONS[name][2]]
    assert_alike(stored.values, called(name, dem, **bare(name)))
    for key, value in lazy.attrs.items():
        if key not in ("_FillValue",):
            np.testing.assert_array_equal(stored.attrs[key], value)


def test_one_plan_makes_all_layers_and_fills_once(tmp_path: Path) -> None:
    dem = ground("f4", 61, 50)
    lazy = labelled(da.from_array(dem, chunks=30), None)
    names = ["d8", "dinf", "water by mfd", "contamination", "basins", "area by d8", "twi", "wetness"]
    layers = xr.Dataset({name.replace(" ", "_"): called(name, lazy) for name in names})
    plan = insarfeat.plan(layers, tile=16)
    passes: list[str] = []
    out = plan.run(tmp_path / "layers.zarr", progress=lambda told: passes.append(told.stage))
    stored = xr.open_zarr(out, mask_and_scale=False)
    for name in names:
        assert_alike(stored[name.replace(" ", "_")].values, called(name, dem, **bare(name)))
    started = [stage for before, stage in zip(["", *passes], passes, strict=False) if stage != before]
    assert started.count("basins") == 1  # the first pass of filling
    assert started.count("flats") == 1


@pytest.mark.parametrize("scheduler", [1, 2])
def test_a_dem_without_anything_in_it_can_be_planned(scheduler: int, tmp_path: Path) -> None:
    voids = da.full((40, 37), np.nan, dtype="f4", chunks=20)
    for name in ("water by d8", "water by mfd", "wetness"):
        lazy = called(name, labelled(voids, None))
        target = tmp_path / f"{name.replace(' ', '-')}.zarr"
        out = insarfeat.plan(lazy, tile=16).run(target, scheduler=scheduler)
        assert np.isnan(xr.open_zarr(out)[FUNCTIONS[name][2]].values).all()
