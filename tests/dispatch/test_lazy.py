"""Lazy layers: fusion, mixed kinds, leading dimensions, chunk grids, numbers, Datasets."""

from __future__ import annotations

import pickle

import cloudpickle
import dask.array as da
import numpy as np
import operators
import pytest
import xarray as xr
from contract import chunk_sizes, labelled
from hypothesis import given
from hypothesis import strategies as st

from insarfeat import filters, terrain
from insarfeat.dispatch.lazy import value_of
from insarfeat.dispatch.program import Program
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.windows import Halo, Window


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def box(image: object, reach: int) -> da.Array:
    return operators.BOX(image, parameters=operators.Reach(reach))


def test_a_chain_is_one_layer_with_the_summed_halo() -> None:
    source = da.from_array(noise(60, 50), chunks=9)
    chain = box(box(box(source, 1), 2), 3)
    assert set(chain.dask.layers) == {source.name, chain.name}
    assert Program([value_of(chain)[0]]).halo() == Halo.square(6)
    tasks = [key for key in chain.dask.layers[chain.name] if isinstance(key, tuple)]
    assert len(tasks) == chain.npartitions


@given(st.data(), st.integers(0, 99))
def test_a_chain_equals_its_steps_one_by_one(data: st.DataObject, seed: int) -> None:
    rows, columns = data.draw(st.integers(4, 30)), data.draw(st.integers(4, 30))
    image = noise(rows, columns, seed=seed)
    image[image > 1.5] = np.nan
    lazy = da.from_array(image, chunks=(data.draw(chunk_sizes(rows)), data.draw(chunk_sizes(columns))))

    def chain(start: object) -> object:
        first = operators.LOPSIDED(box(start, 2))
        cells = operators.CELLS(first, parameters=operators.Looks(2, 2))
        return operators.ANCHORED(cells, parameters=operators.Cell(3))

    np.testing.assert_array_equal(chain(lazy).compute(scheduler="sync"), chain(image))


def test_an_operation_of_dasks_own_breaks_the_chain_but_not_the_answer() -> None:
    image = noise(20, 20)
    lazy = box(box(da.from_array(image, chunks=7), 1) * 2, 1)
    np.testing.assert_array_equal(lazy.compute(), box(box(image, 1) * 2, 1))


def test_a_layer_survives_pickling_with_its_expression() -> None:
    lazy = box(da.from_array(noise(20, 20), chunks=7), 1)
    again = pickle.loads(cloudpickle.dumps(lazy))
    assert str(value_of(again)[0].producer.bound) == "operators.box(reach=1)"
    np.testing.assert_array_equal(again.compute(), lazy.compute())


def test_equal_expressions_have_equal_names_and_different_ones_do_not() -> None:
    source = da.from_array(noise(20, 20), chunks=7)
    assert box(source, 1).name == box(source, 1).name
    assert box(source, 1).name != box(source, 2).name
    other_chunks = source.rechunk(5)
    assert box(source, 1).name != box(other_chunks, 1).name


def test_inputs_with_different_chunks_follow_the_first() -> None:
    a, b = noise(12, 9) + 1j, noise(12, 9, seed=1) + 2j
    result = filters.interferogram(
        da.from_array(a.astype("c8"), chunks=(5, 9)), da.from_array(b.astype("c8"), chunks=3)
    )
    assert result.chunks == ((5, 5, 2), (9,))
    np.testing.assert_array_equal(result.compute(), filters.interferogram(a.astype("c8"), b.astype("c8")))


def test_numpy_beside_dask_gives_dask_and_beside_xarray_gives_xarray() -> None:
    a, b = (noise(8, 6, seed=seed).astype("c8") for seed in (1, 2))
    expected = filters.interferogram(a, b)
    mixed = filters.interferogram(a, da.from_array(b, chunks=4))
    assert isinstance(mixed, da.Array)
    np.testing.assert_array_equal(mixed.compute(), expected)
    named = filters.interferogram(labelled(a, "primary"), da.from_array(b, chunks=4))
    assert isinstance(named, xr.DataArray)
    assert named.chunks is not None
    np.testing.assert_array_equal(named.values, expected)


def test_the_operator_chooses_a_kernel_by_the_kind_of_the_input() -> None:
    real, cplx = noise(6, 6), noise(6, 6).astype("c8")
    assert filters.multilook(real, looks=(2, 2)).dtype == np.float32
    assert filters.multilook(cplx, looks=(2, 2)).dtype == np.complex64


@pytest.mark.parametrize("kind", ["numpy", "dask"])
def test_leading_dimensions_are_worked_through_and_broadcast(kind: str) -> None:
    primary, secondary = noise(3, 2, 10, 8).astype("c8"), noise(2, 10, 8, seed=3).astype("c8")
    expected = np.stack(
        [[filters.interferogram(primary[i, j], secondary[j]) for j in range(2)] for i in range(3)]
    )
    if kind == "dask":
        primary = da.from_array(primary, chunks=((2, 1), (2,), (4, 6), (8,)))
        secondary = da.from_array(secondary, chunks=(1, 5, 5))
    result = filters.interferogram(primary, secondary)
    if kind == "dask":
        assert result.chunks == ((2, 1), (2,), (4, 6), (8,))
        result = result.compute(scheduler="sync")
    np.testing.assert_array_equal(result, expected)


def test_leading_dimensions_of_dataarrays_meet_by_name() -> None:
    pairs = labelled(noise(2, 6, 5).astype("c8"), "primary", lead=("pair",))
    looks = labelled(noise(3, 6, 5, seed=1).astype("c8"), "secondary", lead=("look",))
    result = filters.interferogram(pairs, looks)
    assert result.dims == ("pair", "look", "y", "x")
    np.testing.assert_array_equal(
        result[1, 2].values, filters.interferogram(pairs[1].values, looks[2].values)
    )


def test_an_empty_leading_dimension_or_raster_gives_an_empty_result() -> None:
    assert terrain.slope(np.zeros((0, 5, 5), "f4"), resolution=1.0).shape == (0, 5, 5)
    assert terrain.slope(np.zeros((0, 5), "f4"), resolution=1.0).shape == (0, 5)
    assert terrain.slope(da.zeros((0, 5), dtype="f4"), resolution=1.0).compute().shape == (0, 5)


def test_a_number_takes_the_place_of_a_raster_where_allowed() -> None:
    image = (noise(7, 5) + 1j * noise(7, 5, seed=1)).astype("c8")
    full = operators.POLAR(image, np.full((7, 5), 2, "f4"))
    for source in (image, da.from_array(image, chunks=(3, 5))):
        for got, wanted in zip(operators.POLAR(source, 2.0), full, strict=True):
            np.testing.assert_array_equal(np.asarray(got), wanted)
    assert operators.POLAR(np.complex64(3 + 4j).reshape(1, 1), 2)[0] == 10
    with pytest.raises(
        InvalidType, match="image must be a NumPy array, a Dask array or a DataArray; got int"
    ):
        operators.POLAR(3, image.real)


def test_several_outputs_share_one_task_per_chunk() -> None:
    image = da.from_array(noise(8, 8).astype("c8"), chunks=4)
    size, angle = operators.POLAR(image, 1.0)
    shared = (set(size.dask.layers) & set(angle.dask.layers)) - {image.name}
    (name,) = shared
    assert len([key for key in size.dask.layers[name] if isinstance(key, tuple)]) == 4
    labels = operators.POLAR(labelled(image, "image"), 1.0)
    assert list(labels) == ["size", "angle"]


def test_a_dataset_goes_through_variable_by_variable() -> None:
    dataset = xr.Dataset(
        {"a": labelled(noise(6, 8), "a"), "b": labelled(noise(6, 8).astype("c8"), "b"), "days": 12},
        attrs={"k": 1},
    )
    result = filters.multilook(dataset, looks=(2, 2))
    assert result.attrs == {"k": 1}
    assert result["days"] == 12
    assert result["b"].dtype == np.complex64
    assert result["a"].shape == (3, 4)
    with pytest.raises(InvalidType, match=r"single rasters \(primary, secondary\), not a Dataset"):
        filters.interferogram(dataset, dataset)
    with pytest.raises(InvalidType, match=r"single rasters \(dem\), not a Dataset"):
        terrain.slope(dataset)


def test_a_shape_change_moves_the_coordinates_to_the_cells_centres() -> None:
    raster = labelled(noise(7, 9), "elevation").assign_coords(lat=(("y", "x"), noise(7, 9)))
    result = filters.multilook(raster, looks=(2, 4))
    np.testing.assert_allclose(result["y"], raster["y"].values[:6].reshape(3, 2).mean(1))
    np.testing.assert_allclose(result["x"], raster["x"].values[:8].reshape(2, 4).mean(1))
    assert result["lat"].shape == (3, 2)
    assert result["spatial_ref"].attrs == raster["spatial_ref"].attrs
    assert result.name == "elevation"


def test_the_processing_attribute_tells_the_chain() -> None:
    primary, secondary = (labelled(noise(6, 6, seed=s).astype("c8"), str(s)) for s in (0, 1))
    ifg = filters.multilook(filters.interferogram(primary, secondary), looks=(2, 2))
    assert ifg.attrs["processing"] == "filters.interferogram() | filters.multilook(rows=2, columns=2)"


def test_only_the_window_that_is_needed_is_read() -> None:
    read = []

    class Recorder:
        shape, dtype, token = (1000, 1000), np.dtype("f4"), "recorder"

        def read(self, lead: tuple[int, ...], window: Window) -> np.ndarray:
            read.append(window)
            return np.zeros((window.height, window.width), "f4")

    from insarfeat.dispatch.lazy import lazy_source

    source = lazy_source(Recorder(), ((100,) * 10, (1000,)))
    box(box(source, 2), 3).blocks[4, 0].compute(scheduler="sync")
    assert read == [Window(395, 0, 110, 1000)]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: terrain.slope([[1.0]], resolution=1), InvalidType, "dem must be a NumPy array"),
        (lambda: terrain.slope(np.zeros(5, "f4"), resolution=1), InvalidType, "at least two dimensions"),
        (
            lambda: terrain.slope(np.zeros((5, 5), "c8"), resolution=1),
            InvalidType,
            "dem must hold real numbers",
        ),
        (
            lambda: terrain.slope(np.array([["a", "b"]]), resolution=1),
            InvalidType,
            "dem must hold real numbers",
        ),
        (lambda: terrain.slope(np.zeros((5, 5))), InvalidArgument, "needs resolution="),
        (lambda: terrain.slope(np.ma.zeros((5, 5)), resolution=1), InvalidType, "masked arrays"),
        (lambda: filters.interferogram(np.zeros((5, 5)), np.zeros((5, 5))), InvalidType, "must hold complex"),
        (
            lambda: filters.interferogram(np.zeros((5, 5), "c8"), np.zeros((5, 6), "c8")),
            GridMismatch,
            "secondary is 5 x 6 pixels, the rasters before it 5 x 5",
        ),
        (lambda: terrain.slope(xr.DataArray(np.zeros(5), dims="x")), InvalidType, "at least two dimensions"),
        (
            lambda: terrain.slope(da.ones((6, 6), chunks=3)[da.arange(6, chunks=3) > 2], resolution=1),
            InvalidArgument,
            r"chunks of unknown sizes.*compute_chunk_sizes\(\) first",
        ),
    ],
)
def test_bad_input_gets_one_clear_message(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_integers_become_single_precision() -> None:
    for dtype in ("i2", "u1", "i8"):
        dem = (noise(6, 6) * 100).astype(dtype)
        result = terrain.slope(dem, resolution=10.0)
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, terrain.slope(dem.astype("f4"), resolution=10.0))
        assert terrain.slope(da.from_array(dem), resolution=10.0).dtype == np.float32
