"""Any set of attributes in one call: the same numbers, kinds and errors as the single functions."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import insarfeat
from insarfeat import terrain
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.layers import LAYERS
from insarfeat.terrain.requests import ATTRIBUTES


@pytest.fixture
def dem() -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(4)
    dem = rng.normal(1000, 40, (70, 80)).astype("f4")
    dem[rng.random(dem.shape) < 0.01] = np.nan
    return dem


def labelled(dem: np.ndarray[Any, Any]) -> xr.DataArray:
    return xr.DataArray(
        dem, {"y": -30.0 * np.arange(70), "x": 30.0 * np.arange(80)}, ("y", "x"), name="height"
    )


def test_all_at_once_are_the_single_functions_bit_for_bit(dem: np.ndarray[Any, Any]) -> None:
    found = terrain.attributes(dem, ATTRIBUTES, resolution=30.0)
    assert list(found) == list(ATTRIBUTES)
    for name, layer in found.items():
        size = {"resolution": 30.0} if ATTRIBUTES[name].directional else {}
        np.testing.assert_array_equal(layer, getattr(terrain, name)(dem, **size), err_msg=name)


def test_every_attribute_is_a_function_and_a_layer() -> None:
    for name, made in ATTRIBUTES.items():
        assert name in LAYERS
        assert getattr(terrain, made.__name__) is made
        assert name in terrain.__all__


def test_values_carry_parameters(dem: np.ndarray[Any, Any]) -> None:
    found = terrain.attributes(dem, [terrain.Convexity(radius=3), terrain.Tri("saga"), "local_relief"])
    np.testing.assert_array_equal(found["convexity"], terrain.convexity(dem, radius=3))
    np.testing.assert_array_equal(found["tri"], terrain.tri(dem, variant="saga"))


def test_a_dataarray_gives_a_dataset_each_layer_with_its_own_history(dem: np.ndarray[Any, Any]) -> None:
    found = terrain.attributes(labelled(dem), ["slope", terrain.Convexity(5)], method="evans")
    assert isinstance(found, xr.Dataset)
    assert found["slope"].attrs["processing"] == "terrain.slope(method='evans')"
    assert found["convexity"].attrs["processing"] == "terrain.convexity(radius=5, kernel='four')"
    assert isinstance(terrain.attributes(labelled(dem), ["tri"]), xr.Dataset)
    assert list(terrain.attributes(dem, "tri")) == ["tri"]


def test_lazy_layers_share_one_task_per_chunk(dem: np.ndarray[Any, Any]) -> None:
    read = []

    def note(block: Any) -> Any:
        if block.size:
            read.append(block.shape)
        return block

    chunked = da.from_array(dem, chunks=(35, 40)).map_blocks(note, dtype=dem.dtype)
    found = terrain.attributes(labelled(dem).copy(data=chunked), ["slope", "aspect", "tri", "convexity"])
    assert not read
    computed = found.compute(scheduler="sync")
    assert len(read) == 4
    xr.testing.assert_identical(computed, terrain.attributes(labelled(dem), list(found)))


def test_a_plan_reads_the_dem_once_per_tile(dem: np.ndarray[Any, Any], tmp_path: Any) -> None:
    found = terrain.attributes(labelled(dem).chunk(y=32, x=32), ["slope", terrain.Convexity(radius=6)])
    described = insarfeat.plan(found, tile=64).describe()
    assert described.halo.top == 7
    assert described.tasks <= 5  # 2 x 2 tiles
    insarfeat.plan(found, tile=64).run(tmp_path / "terrain.nc")
    with xr.open_dataset(tmp_path / "terrain.nc") as stored:
        np.testing.assert_array_equal(stored["convexity"], terrain.convexity(dem, radius=6))


def test_layers_that_look_at_heights_alone_need_no_pixel_size(dem: np.ndarray[Any, Any]) -> None:
    uneven = labelled(dem).assign_coords(x=np.arange(80.0) ** 2)
    np.testing.assert_array_equal(terrain.tri(uneven), terrain.tri(dem))
    with pytest.raises(InvalidArgument, match="needs resolution="):
        terrain.attributes(dem, ["tri", "slope"])


def test_whole_numbers_are_taken(dem: np.ndarray[Any, Any]) -> None:
    whole = np.nan_to_num(dem, nan=900).round().astype("i2")
    assert terrain.convexity(whole).dtype == np.float32
    np.testing.assert_array_equal(
        terrain.slope(whole, resolution=30.0), terrain.slope(whole.astype("f4"), resolution=30.0)
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda dem: terrain.attributes(dem, []), "names is empty"),
        (lambda dem: terrain.attributes(dem, ["slop"]), "name must be one of 'slope', 'aspect'"),
        (lambda dem: terrain.attributes(dem, ["tri", terrain.Tri("saga")]), "'tri' is asked for twice"),
        (
            lambda dem: terrain.slope(dem, resolution=1.0, method="zt"),
            "method must be one of 'zevenbergen-thorne'",
        ),
        (
            lambda dem: terrain.slope(dem, resolution=1.0, north="magnetic"),
            "north must be one of 'true', 'grid'",
        ),
        (lambda dem: terrain.tri(dem, variant="rily"), "variant must be one of 'riley', 'wilson', 'saga'"),
        (
            lambda dem: terrain.convexity(dem, radius=-1),
            "radius must be a whole number of cells from 0 to 500; got -1",
        ),
        (lambda dem: terrain.convexity(dem, radius=2.5), "got 2.5"),
        (lambda dem: terrain.convexity(dem, kernel="six"), "kernel must be one of 'four'"),
        (lambda dem: terrain.local_relief(dem, radius=0), "from 1 to 500; got 0"),
        (
            lambda dem: terrain.hillshade(dem, resolution=1.0, altitude=95),
            "altitude must be a number of degrees",
        ),
        (
            lambda dem: terrain.plan_curvature(dem, resolution=1.0, variant="esri"),
            "variant must be one of 'textbook'",
        ),
    ],
)
def test_bad_arguments_are_named(call: Any, message: str, dem: np.ndarray[Any, Any]) -> None:
    with pytest.raises(InvalidArgument, match=message):
        call(dem)


def test_what_is_no_name_is_refused(dem: np.ndarray[Any, Any]) -> None:
    with pytest.raises(InvalidType, match=r"values such as Convexity\(radius=5\); got 7"):
        terrain.attributes(dem, [7])  # type: ignore[list-item]
