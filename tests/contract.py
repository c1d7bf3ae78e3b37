"""One helper that checks the whole contract of an operator: ``check_contract(Case(...))``.

Every public layer function goes through it. It checks kinds, declared against computed types and shapes, chunk
invariance, exact dependencies, metadata, nodata, y direction, untouched inputs, and calls from inside a Dask
task, a joblib worker, a thread pool and a forked process.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import dask
import dask.array as da
import joblib
import numpy as np
import xarray as xr
from hypothesis import given, note
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

from insarfeat.dispatch import Operator, Result
from insarfeat.layers import LAYERS

Array = NDArray[Any]

CRS_WKT = CRS.from_epsg(32632).to_wkt()


@dataclass(frozen=True)
class Case:
    """A layer function to be checked.

    ``function`` takes the rasters as positional arguments; ``keywords`` are passed along. ``tolerance`` is None
    where answers must be the same bit for bit for any chunking, else the relative error allowed.
    """

    operator: Operator
    function: Callable[..., Any]
    keywords: dict[str, Any] = field(default_factory=dict)
    tolerance: float | None = None
    flips: bool = True  # the same answer, upside down, for the raster upside down
    any_kind: Literal["real", "complex", "mask"] = "real"  # what is given where the operator takes any
    given: int | None = None  # how many rasters, where the rest are numbers
    cyclic: bool = False  # values are angles: -pi and pi are close to each other

    def __call__(self, *rasters: Any, **more: Any) -> tuple[Any, ...]:
        """All outputs as a tuple."""
        result = self.function(*rasters, **self.keywords, **more)
        if isinstance(result, xr.Dataset):
            return tuple(result.data_vars.values())
        return result if isinstance(result, tuple) else (result,)

    @property
    def outputs(self) -> tuple[Result, ...]:
        """What the operator gives with these keywords."""
        rasters = [da.from_array(raster) for raster in rasters_for(self, (4, 5), 0)]
        outputs: tuple[Result, ...] = _bound_of(self(*rasters, **self.bare)[0]).outputs
        return outputs

    @property
    def bare(self) -> dict[str, Any]:
        """What bare arrays need besides."""
        return {"resolution": (20.0, 10.0)} if self.operator.metrics else {}


def check_contract(case: Case) -> None:
    """Check everything that the contract promises of an operator."""
    _check_chunks(case)
    _check_dependencies(case)
    _check_laziness(case)
    _check_precision(case)
    _check_nodata(case)
    _check_labels(case)
    _check_surroundings(case)


# -- drawing rasters ------------------------------------------------------------------------------------------


def rasters_for(
    case: Case, shape: tuple[int, ...], seed: int, double: bool = False, holes: bool = True
) -> list[Array]:
    """Rough rasters of the kinds that the operator takes, with nodata at the same and at different places."""
    rng = np.random.default_rng(seed)
    rasters = []
    inputs = case.operator.inputs
    for declared in inputs * (case.given or 1) if inputs[0].many else inputs[: case.given]:
        kind = case.any_kind if declared.kind in ("any", "layer") else declared.kind
        values: Array = rng.normal(0, 50, shape)
        if kind == "mask":
            rasters.append(rng.integers(0, 2, shape).astype(np.uint8))
            continue
        if kind == "index":
            rasters.append(rng.integers(0, 3, shape).astype(np.int32))
            continue
        if kind == "complex":
            values = values + 1j * rng.normal(0, 50, shape)
        if holes:
            values[rng.random(shape) < 0.1] = np.nan
            if kind == "complex":
                values[rng.random(shape) < 0.05] = 0
        single = np.complex64 if kind == "complex" else np.float32
        rasters.append(values if double else values.astype(single))
    return rasters


@st.composite
def chunk_sizes(draw: st.DrawFn, size: int) -> tuple[int, ...]:
    """Any way to cut an axis: one chunk, thin ones, uneven ones."""
    cuts = draw(st.sets(st.integers(1, max(size - 1, 1)), max_size=min(size - 1, 6)))
    borders = [0, *sorted(cut for cut in cuts if cut < size), size]
    return tuple(np.diff(borders).tolist())


def labelled(array: Any, name: str, *, ascending: bool = False, lead: Sequence[str] = ()) -> xr.DataArray:
    """A DataArray on a UTM grid with 10 x 20 m pixels."""
    rows, columns = array.shape[-2:]
    y = 4905000.0 - 20.0 * np.arange(rows)
    coords = {
        "y": ("y", y[::-1] if ascending else y, {"units": "m"}),
        "x": ("x", 620000.0 + 10.0 * np.arange(columns), {"units": "m"}),
        "spatial_ref": ((), 0, {"crs_wkt": CRS_WKT}),
        "time": ((), np.datetime64("2024-05-01", "ns")),
    }
    attributes = {"units": "furlong", "long_name": "what came in", "_FillValue": -1.0, "site": "Corniglio"}
    return xr.DataArray(array, coords, (*lead, "y", "x"), name, attributes)


def assert_same(case: Case, got: Any, expected: Any) -> None:
    """Equal, NaN for NaN: bit for bit, or as closely as the case promises."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    if case.tolerance is None:
        np.testing.assert_array_equal(got, expected)
    else:
        np.testing.assert_allclose(got, expected, rtol=case.tolerance, atol=1e-30, equal_nan=True)


# -- the checks -----------------------------------------------------------------------------------------------


def _check_chunks(case: Case) -> None:
    """NumPy's answer is the answer, whatever the chunks; declared types and shapes are the computed ones."""

    @given(data=st.data(), rows=st.integers(1, 34), columns=st.integers(1, 34), seed=st.integers(0, 999))
    def same_for_any_chunks(data: st.DataObject, rows: int, columns: int, seed: int) -> None:
        rasters = rasters_for(case, (rows, columns), seed, double=data.draw(st.booleans(), "double"))
        before = [raster.copy() for raster in rasters]
        expected = case(*rasters, **case.bare)
        lazy = []
        for raster in rasters:  # each input may be cut its own way
            chunks = (data.draw(chunk_sizes(rows)), data.draw(chunk_sizes(columns)))
            note(f"chunks {chunks}")
            lazy.append(da.from_array(raster, chunks=chunks))
        results = case(*lazy, **case.bare)
        assert len(results) == len(expected)
        for result, wanted in zip(results, expected, strict=True):
            assert isinstance(result, da.Array)
            assert result.dtype == wanted.dtype
            assert result._meta.dtype == wanted.dtype
            assert result.shape == wanted.shape
            assert_same(case, result.compute(scheduler="sync"), wanted)
            blocks = result.to_delayed().ravel()
            first = blocks[0].compute(scheduler="sync")
            assert first.dtype == result.dtype
            assert first.shape == tuple(sizes[0] for sizes in result.chunks)
        for raster, copy in zip(rasters, before, strict=True):
            np.testing.assert_array_equal(raster, copy, err_msg="the input was modified")

    same_for_any_chunks()


def _check_dependencies(case: Case) -> None:
    """Each output chunk depends on exactly the source chunks that its window touches."""
    shape, chunks = (60, 50), ((1, 9, 20, 3, 27), (16, 1, 1, 32))
    sources = [da.from_array(raster, chunks=chunks) for raster in rasters_for(case, shape, 0)]
    (result, *_) = case(*sources, **case.bare)
    bound = _bound_of(result)
    starts = [np.cumsum([0, *sizes]) for sizes in chunks]
    out_starts = [np.cumsum([0, *sizes]) for sizes in result.chunks]
    for row in range(result.numblocks[0]):
        for column in range(result.numblocks[1]):
            top, bottom = out_starts[0][row : row + 2] * bound.step.rows
            left, right = out_starts[1][column : column + 2] * bound.step.columns
            touched = {
                (i, j)
                for i in range(len(chunks[0]))
                for j in range(len(chunks[1]))
                if starts[0][i] < bottom + bound.halo.bottom
                and starts[0][i + 1] > top - bound.halo.top
                and starts[1][j] < right + bound.halo.right
                and starts[1][j + 1] > left - bound.halo.left
            }
            for source in sources:
                assert _needed(result, (row, column), source) == touched


def _needed(result: da.Array, block: tuple[int, int], source: da.Array) -> set[tuple[int, int]]:
    """Chunks of the source that one chunk of the result asks Dask for."""
    graph = result.dask
    waiting, seen = [(result.name, *block)], set()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        if isinstance(key, tuple) and key[0] == source.name:
            continue
        waiting.extend(getattr(graph[key], "dependencies", ()))
    return {key[1:] for key in seen if isinstance(key, tuple) and key[0] == source.name}


def _bound_of(result: da.Array) -> Any:
    return result.dask.layers[result.name].value.producer.bound


def _check_laziness(case: Case) -> None:
    """Nothing is computed before it is asked for, and nothing is rechunked."""

    def fail(*_: Any) -> Any:
        raise AssertionError("computed behind the caller's back")

    rasters = rasters_for(case, (12, 10), 0)
    if case.operator.survey is None:
        lazy = [da.from_array(raster, chunks=5).map_blocks(fail, dtype=raster.dtype) for raster in rasters]
        case(*lazy, **case.bare)
        case(*(labelled(array, f"raster{number}") for number, array in enumerate(lazy)))
    chunked = [da.from_array(raster, chunks=((3, 9), (10,))) for raster in rasters]
    (result, *_) = case(*chunked, **case.bare)
    if result.shape == (12, 10):
        assert result.chunks == ((3, 9), (10,))


def _check_precision(case: Case) -> None:
    """Double in, double out; single in, single out; close to each other; other layouts make no difference."""
    double = rasters_for(case, (23, 17), 3, double=True, holes=False)
    single = rasters_for(case, (23, 17), 3, holes=False)
    pairs = zip(case(*double, **case.bare), case(*single, **case.bare), strict=True)
    for (exact, rough), output in zip(pairs, case.outputs, strict=True):
        if output.dtype in ("real", "complex", "input") and rough.dtype.kind in "fc":
            assert exact.dtype.itemsize == 2 * rough.dtype.itemsize
        if case.cyclic:
            exact, rough = np.exp(1j * exact), np.exp(1j * rough)
        scale = np.nanmax(np.abs(exact)) or 1.0
        np.testing.assert_allclose(rough / scale, exact / scale, atol=2e-5, equal_nan=True)
    expected = case(*single, **case.bare)
    other_layouts = (
        [np.asfortranarray(array) for array in single],
        [array.astype(array.dtype.newbyteorder(">")) for array in single],
        [np.repeat(array, 2, axis=1)[:, ::2] for array in single],
    )
    for rasters in other_layouts:
        for result, wanted in zip(case(*rasters, **case.bare), expected, strict=True):
            assert_same(case, result, wanted)


def _check_nodata(case: Case) -> None:
    """No valid pixel is lost beside nodata, no nodata pixel gets a value."""
    for seed in range(5):
        rasters = rasters_for(case, (31, 29), seed)
        missing = np.zeros((31, 29), bool)
        for raster in rasters[:1] if case.operator.nodata == "first" else rasters:
            if raster.dtype.kind != "u":
                missing |= np.isnan(raster) | ((raster == 0) if raster.dtype.kind == "c" else False)
        for result in case(*rasters, **case.bare):
            if case.operator.nodata in ("own", "first") and result.dtype.kind in "fc":
                np.testing.assert_array_equal(np.isnan(result), missing)
            if case.operator.nodata == "all":
                step = 31 // result.shape[0], 29 // result.shape[1]
                cells = missing[: result.shape[0] * step[0], : result.shape[1] * step[1]]
                cells = cells.reshape(result.shape[0], step[0], result.shape[1], step[1])
                np.testing.assert_array_equal(np.isnan(result), cells.all(axis=(1, 3)))
    empty: list[Any] = [
        np.full_like(raster, np.nan) if raster.dtype.kind in "fc" else raster for raster in rasters
    ]
    for result in case(*empty, **case.bare):
        assert result.dtype.kind not in "fc" or np.isnan(result).all()


def _check_labels(case: Case) -> None:
    """Dims, coords, CRS and attributes are kept; name, long_name and units are the layer's; y may run either way."""
    rasters = rasters_for(case, (16, 12), 5)
    inputs = [labelled(raster, f"raster{number}") for number, raster in enumerate(rasters)]
    before = [raster.copy(deep=True) for raster in inputs]
    reference = case(*rasters, **case.bare)
    for kind in ("numpy", "dask"):
        given = inputs if kind == "numpy" else [raster.chunk({"y": 5, "x": 7}) for raster in inputs]
        results = case(*given)
        for result, wanted, output in zip(results, reference, case.outputs, strict=True):
            assert isinstance(result, xr.DataArray)
            assert (result.chunks is None) == (kind == "numpy")
            assert result.dims == ("y", "x")
            assert result.shape == wanted.shape
            assert result.dtype == wanted.dtype
            assert result.coords["spatial_ref"].attrs["crs_wkt"] == CRS_WKT
            assert result.coords["time"].values == np.datetime64("2024-05-01", "ns")
            assert result.coords["x"].attrs == {"units": "m"}
            assert result.attrs["site"] == "Corniglio"
            assert (output.title or case.operator.short_name) in result.attrs["processing"]
            if output.layer is None:
                assert result.name == "raster0"
                assert result.attrs["units"] == "furlong"
            else:
                assert result.name == output.layer
                if output.layer in LAYERS:
                    for key, value in LAYERS[output.layer].attributes.items():
                        np.testing.assert_array_equal(result.attrs[key], value)
                assert "_FillValue" not in result.attrs
            if result.shape == (16, 12):
                xr.testing.assert_identical(result.coords.to_dataset(), inputs[0].coords.to_dataset())
            if not case.operator.metrics:
                assert_same(case, result.values, wanted)
    for raster, copy in zip(inputs, before, strict=True):
        xr.testing.assert_identical(raster, copy)
    if case.flips:
        upright = case(*inputs)
        turned = case(
            *(labelled(raster[::-1], f"raster{n}", ascending=True) for n, raster in enumerate(rasters))
        )
        for one, other in zip(upright, turned, strict=True):
            np.testing.assert_allclose(other.values[::-1], one.values, rtol=1e-5, atol=1e-6, equal_nan=True)


def _check_surroundings(case: Case) -> None:
    """The same answer inside a caller's Dask task, joblib worker, thread pool and forked process."""
    rasters = rasters_for(case, (20, 15), 7)
    expected = case(*rasters, **case.bare)
    task = dask.delayed(_inside)(case, rasters)
    answers = [task.compute(scheduler="threads"), task.compute(scheduler="sync")]
    answers += joblib.Parallel(n_jobs=2, prefer="threads")(
        joblib.delayed(_inside)(case, rasters) for _ in range(2)
    )
    with ThreadPoolExecutor(4) as pool:
        answers += [future.result() for future in [pool.submit(_inside, case, rasters) for _ in range(8)]]
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=fork, initializer=_adopt, initargs=(case, rasters)) as forked:
        answers.append(forked.submit(_inside_fork).result())
    for answer in answers:
        for result, wanted in zip(answer, expected, strict=True):
            assert_same(case, result, wanted)


def _inside(case: Case, rasters: Sequence[Array]) -> tuple[Array, ...]:
    """Both ways at once: the plain call, and a lazy one computed on the spot."""
    plain = case(*rasters, **case.bare)
    lazy = case(*(da.from_array(raster, chunks=8) for raster in rasters), **case.bare)
    for one, other in zip(plain, lazy, strict=True):
        assert_same(case, other.compute(scheduler="sync"), one)
    return plain


_adopted: list[Any] = []


def _adopt(*things: Any) -> None:
    """A forked process inherits what it works on; nothing is pickled."""
    _adopted[:] = things


def _inside_fork() -> tuple[Array, ...]:
    return _inside(*_adopted)
