"""Operators over whole rasters: what they refuse, and one step for arrays in memory, Dask and plans."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from contract import chunk_sizes, labelled
from hypothesis import given, settings
from hypothesis import strategies as st

import insarfeat
from insarfeat import terrain
from insarfeat.dispatch import Barrier, Raster, Result, TileWork, WholeOperator, Workshop
from insarfeat.dispatch.lazy import value_of
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.metrics import Metrics
from insarfeat.terrain.flow import routing
from insarfeat.windows import Halo

Array = np.ndarray[Any, Any]

PASSES: list[tuple[str, int]] = []
"""Title and number of tiles of the passes that were run."""


class To(NamedTuple):
    level: float


@dataclass(frozen=True)
class LevelledStep:
    """Heights above the lowest of all, less a level; which neighbour east is higher; both in three passes."""

    level: float
    metrics: Metrics

    def run(self, workshop: Workshop) -> None:
        tiles = workshop.tiles
        PASSES.extend((title, len(tiles)) for title in ("look", "level"))
        lowest = np.nanmin(list(workshop.each_tile("look", _look, self, halo=Halo.square(1))))
        workshop.each_tile("level", _level, self, given=dict.fromkeys(range(len(tiles)), lowest))
        workshop.forget("rises", range(len(tiles)))


def _look(work: TileWork, step: LevelledStep) -> float:
    pixels, *weights = (array.astype("f8") for array in work.read())
    for weight in weights:
        pixels *= weight
    east = np.pad(pixels, ((0, 0), (0, 1)), mode="edge")[:, 1:]
    northward, _ = step.metrics.rows(work.tile.core.top, work.tile.core.bottom)
    own = pixels[work.tile.inside]
    work.keep("rises", {"pixels": own, "east": (east > pixels)[work.tile.inside], "sizes": northward})
    return float(np.nan_to_num(own, nan=np.inf).min())


def _level(work: TileWork, step: LevelledStep) -> None:
    known = work.kept("rises")
    heights = (known["pixels"] - work.given - step.level) * np.abs(known["sizes"])[:, np.newaxis]
    precision = "f8" if work.read()[0].dtype == np.float64 else "f4"
    work.write(0, heights.astype(precision))
    work.write(1, known["east"].astype("i4"))


LEVELLED = WholeOperator(
    f"{__name__}.levelled",
    LevelledStep,
    inputs=[Raster("heights"), Raster("weights")],
    outputs=[Result(None), Result("rises", "int32")],
    metrics=True,
)


def levelled(*rasters: Any, level: float = 2.0, resolution: float | None = 10.0) -> Any:
    PASSES.clear()
    return LEVELLED(*rasters, parameters=To(level), resolution=resolution)


def ground(rows: int = 41, columns: int = 33, dtype: str = "f4") -> Array:
    rng = np.random.default_rng(rows)
    heights = rng.normal(scale=9, size=(rows, columns)).cumsum(0)
    heights[rng.random(heights.shape) < 0.1] = np.nan
    return heights.astype(dtype)


def in_a_plan(lazy: Any, folder: Path, tile: int) -> Array:
    layer = xr.DataArray(lazy, dims=("row", "column"), name="layer")
    stack = insarfeat.open_stack(insarfeat.plan(layer, tile=tile).run(folder / "layer.zarr"))
    return np.asarray(stack["layer"].values)


def lazily(array: Array) -> da.Array:
    return da.from_array(array, chunks=(7, 12))


def as_it_is(array: Array) -> Array:
    return array


either_way = pytest.mark.parametrize("kind", [as_it_is, lazily], ids=["in memory", "lazy"])


# -- one step for all kinds of arrays -------------------------------------------------------------------------


def test_in_memory_the_raster_is_one_tile_and_in_a_plan_the_same_passes_run_over_many(tmp_path: Path) -> None:
    heights = ground()
    expected, _ = levelled(heights)
    assert PASSES == [("look", 1), ("level", 1)]
    result, _ = levelled(lazily(heights))
    assert PASSES == []  # nothing is computed before it is asked for
    np.testing.assert_array_equal(in_a_plan(result, tmp_path, 16), expected)
    assert PASSES == [("look", 9), ("level", 9)]


def test_a_step_gives_what_its_formula_says() -> None:
    heights = ground()
    found, rises = levelled(heights, level=3.0)
    np.testing.assert_allclose(found, (heights - np.nanmin(heights) - 3) * 10, rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(rises[:, :-1], heights[:, 1:] > heights[:, :-1])


@settings(max_examples=10)
@given(st.data(), st.integers(1, 40), st.integers(1, 40), st.sampled_from(["f4", "f8", "i2"]))
def test_any_chunks_give_the_same(data: st.DataObject, rows: int, columns: int, dtype: str) -> None:
    heights = np.nan_to_num(ground(rows, columns), nan=5).astype(dtype)
    chunks = (data.draw(chunk_sizes(rows)), data.draw(chunk_sizes(columns)))
    lazy = levelled(da.from_array(heights, chunks=chunks))
    for one, other in zip(lazy, levelled(heights), strict=True):
        assert one.chunks == chunks
        assert one.dtype == one.compute().dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("tile", [3, 5, 16, 33, 100])
def test_any_tiles_give_the_same(tmp_path: Path, tile: int) -> None:
    heights = ground(19, 23)
    result, rises = levelled(lazily(heights))
    expected = levelled(heights)
    np.testing.assert_array_equal(in_a_plan(result, tmp_path, tile), expected[0])
    (tmp_path / "other").mkdir()
    np.testing.assert_array_equal(in_a_plan(rises, tmp_path / "other", tile), expected[1])


def test_two_outputs_of_one_step_are_one_stage() -> None:
    result, rises = levelled(labelled(lazily(ground()), "elevation"), resolution=None).data_vars.values()
    plan = insarfeat.plan(xr.Dataset({"heights": result, "rises": rises}), tile=16)
    assert plan.describe().stages == ("levelled", "layers")


def test_other_parameters_or_pixel_sizes_make_another_step() -> None:
    heights = lazily(ground())

    def name(**options: Any) -> str:
        return str(levelled(heights, **options)[0].name)

    assert name() == name()
    assert len({name(), name(level=1.0), name(resolution=20.0)}) == 3


def test_the_last_inputs_may_be_left_out(tmp_path: Path) -> None:
    heights, weights = ground(), np.arange(33) * np.ones((41, 1), "f4")
    alone, _ = levelled(heights)
    weighted, _ = levelled(heights, weights)
    assert not np.array_equal(alone, weighted, equal_nan=True)
    np.testing.assert_array_equal(levelled(heights, np.ones_like(heights))[0], alone)
    for pair in ((lazily(heights), weights), (heights, lazily(weights)), (lazily(heights), lazily(weights))):
        result, _ = levelled(*pair)
        assert isinstance(result, da.Array)
        np.testing.assert_array_equal(result, weighted)
    np.testing.assert_array_equal(in_a_plan(result, tmp_path, 16), weighted)


def test_labels_and_history_are_kept() -> None:
    eager = levelled(labelled(ground(), "elevation"), resolution=None)
    lazy = levelled(labelled(lazily(ground()), "elevation"), resolution=None)
    assert list(eager) == list(lazy) == ["elevation", "rises"]
    for name in eager:
        assert eager[name].attrs["site"] == "Corniglio"
        assert "levelled(level=2.0)" in eager[name].attrs["processing"]
        xr.testing.assert_identical(lazy[name].compute(), eager[name])


def test_a_step_names_all_that_a_resume_goes_by() -> None:
    assert repr(LEVELLED.bind(To(2.5), Metrics.planar(-10, 10)).raster_step) == (
        f"LevelledStep(level=2.5, metrics=Metrics({Metrics.planar(-10, 10).token}))"
    )
    assert Metrics.planar(-10, 10).token != Metrics.planar(-10, 11).token


def test_a_step_with_its_parameters_survives_pickling() -> None:
    bound = LEVELLED.bind(To(2.5), Metrics.planar(-10, 10))
    again = pickle.loads(pickle.dumps(bound))
    assert type(again) is type(bound)
    assert repr(again.raster_step) == repr(bound.raster_step)


def test_a_lazy_step_is_a_barrier_with_the_operators_last_name() -> None:
    (value, _) = value_of(terrain.fill_depressions(lazily(ground())))
    assert isinstance(value.producer, Barrier)
    assert value.producer.name == "fill_depressions"


# -- kinds of numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "?", "f2", "f4", "f8", ">i2", ">f4", ">f8"]
)
def test_all_real_numbers_are_taken_at_the_precision_that_is_declared(tmp_path: Path, dtype: str) -> None:
    pixels = np.random.default_rng(3).integers(0, 100, (40, 30))
    dem = pixels.astype(dtype) / dtype_of(dtype)(7) if dtype.endswith("8") and "f" in dtype else pixels
    dem = dem.astype(dtype)
    double = dtype in ("f8", ">f8")
    expected = terrain.fill_depressions(dem.astype("f8" if double else "f4"))
    for found in (
        terrain.fill_depressions(dem),
        terrain.fill_depressions(lazily(dem)).compute(),
        in_a_plan(terrain.fill_depressions(lazily(dem)), tmp_path, 16),
    ):
        assert (
            found.dtype
            == terrain.fill_depressions(lazily(dem)).dtype
            == (np.float64 if double else np.float32)
        )
        np.testing.assert_array_equal(found, expected)


def dtype_of(name: str) -> Any:
    return np.dtype(name).newbyteorder("=").type


@pytest.mark.parametrize("method", ["d8", "mfd", "dinf"])
@pytest.mark.parametrize("dtype", ["i2", "f8", ">f8"])
def test_water_is_the_same_for_all_layouts_of_one_dem(method: str, dtype: str) -> None:
    dem = (np.random.default_rng(3).normal(size=(40, 30)).cumsum(1) * 50).astype(dtype)
    expected = terrain.flow_accumulation(np.ascontiguousarray(dem, dtype_of(dtype)), method=method)
    layouts = [dem, np.asfortranarray(dem), np.repeat(dem, 2, axis=1)[:, ::2], dem.copy()]
    layouts[-1].flags.writeable = False
    for layout in layouts:
        np.testing.assert_array_equal(terrain.flow_accumulation(layout, method=method), expected)


def test_inputs_are_not_written_to() -> None:
    dem, weights = ground(), np.ones((41, 33))
    before = dem.copy()
    result = terrain.flow_accumulation(dem, weights=weights)
    result[:] = 7
    terrain.fill_depressions(dem)[:] = 7
    terrain.fill_depressions(dem, epsilon=True)[:] = 7
    np.testing.assert_array_equal(dem, before)
    assert (weights == 1).all()


def test_double_dems_keep_differences_that_float32_has_not() -> None:
    dem = np.array([[9.0, 9, 9], [9, 1, 3 + 1e-12], [9, 9, 9]])
    assert terrain.fill_depressions(dem)[1, 1] == 3 + 1e-12
    assert terrain.fill_depressions(lazily(dem)).compute()[1, 1] == 3 + 1e-12


# -- rasters of odd sizes -------------------------------------------------------------------------------------

FLOW = {
    "fill_depressions": terrain.fill_depressions,
    "epsilon": lambda dem: terrain.fill_depressions(dem, epsilon=True),
    "breach": lambda dem: terrain.fill_depressions(dem, breach=True),
    "flow_direction": terrain.flow_direction,
    "flow_accumulation": terrain.flow_accumulation,
    "d8": lambda dem: terrain.flow_accumulation(dem, method="d8"),
    "flow_contamination": terrain.flow_contamination,
    "basins": terrain.basins,
    "twi": lambda dem: terrain.twi(dem, resolution=10.0),
    "wetness_index": lambda dem: terrain.wetness_index(dem, resolution=10.0),
}

each_function = pytest.mark.parametrize("function", FLOW.values(), ids=FLOW)


@each_function
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_an_empty_raster_gives_an_empty_one_of_the_declared_type(
    function: Any, shape: tuple[int, int]
) -> None:
    dem = np.empty(shape, np.float32)
    expected, lazy = function(dem), function(da.from_array(dem))
    for found in (expected, lazy, lazy.compute()):
        assert found.shape == shape
        assert found.dtype == function(np.ones((3, 3), "f4")).dtype


@each_function
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 2)])
def test_the_smallest_rasters_are_the_same_in_tiles(
    function: Any, shape: tuple[int, int], tmp_path: Path
) -> None:
    dem = np.arange(float(np.prod(shape)), dtype="f4").reshape(shape) % 4
    expected = function(dem)
    found = in_a_plan(function(da.from_array(dem)), tmp_path, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-9 if expected.dtype == np.float64 else 0)


@each_function
def test_nothing_but_voids_gives_nothing_but_voids(function: Any, tmp_path: Path) -> None:
    dem = np.full((20, 20), np.nan, "f4")
    expected = function(dem)
    assert len(np.unique(expected)) == 1
    np.testing.assert_array_equal(in_a_plan(function(da.from_array(dem)), tmp_path, 8), expected)


# -- what is refused ------------------------------------------------------------------------------------------


@either_way
def test_rasters_of_different_sizes_are_refused_by_name(kind: Any) -> None:
    dem = ground()
    with pytest.raises(GridMismatch, match="weights is 40 x 33 pixels, the rasters before it 41 x 33"):
        terrain.flow_accumulation(kind(dem), weights=kind(dem[1:]))
    with pytest.raises(GridMismatch, match="weights is 1 x 1 pixels"):
        terrain.flow_accumulation(kind(dem), weights=kind(dem[:1, :1]))
    with pytest.raises(GridMismatch, match="weights"):
        levelled(kind(dem), kind(dem.T))


@either_way
def test_stacks_of_rasters_are_refused_with_a_way_out(kind: Any) -> None:
    stack = np.ones((2, 8, 9), "f4")
    lazy = da.from_array(stack) if kind is lazily else stack
    with pytest.raises(InvalidType, match=r"dem has shape \(2, 8, 9\): call it for each layer"):
        terrain.fill_depressions(lazy)
    with pytest.raises(InvalidType, match=r"dem has shape \(2, 8, 9\): call it for each layer"):
        terrain.flow_accumulation(labelled(lazy, "elevation", lead=("time",)))
    flat = np.ones((8, 9), "f4")
    with pytest.raises(InvalidType, match=r"weights has shape \(2, 8, 9\)"):
        terrain.flow_accumulation(flat, weights=lazy)


@either_way
def test_lines_and_numbers_are_no_rasters(kind: Any) -> None:
    line = da.ones(8, chunks=4) if kind is lazily else np.ones(8)
    with pytest.raises(InvalidType, match="dem"):
        terrain.fill_depressions(line)
    with pytest.raises(InvalidType, match="dem"):
        terrain.fill_depressions(3.0)
    with pytest.raises(InvalidType, match="weights must be a NumPy array"):
        terrain.flow_accumulation(kind(ground()), weights=2.0)


@either_way
@pytest.mark.parametrize("dtype", ["c8", "U3", "O", "M8[s]"])
def test_what_are_no_heights_is_refused_by_name(kind: Any, dtype: str) -> None:
    wrong = np.zeros((8, 9), "i8").astype(dtype)
    with pytest.raises(InvalidType, match="dem must hold real numbers; got"):
        terrain.fill_depressions(kind(wrong))
    with pytest.raises(InvalidType, match="weights must hold real numbers; got"):
        terrain.flow_accumulation(kind(np.ones((8, 9))), weights=kind(wrong))


@pytest.mark.parametrize("dtype", ["i8", "u1", "f4", "?"])
@either_way
def test_ranks_must_be_those_that_another_step_gave(kind: Any, dtype: str) -> None:
    filled = np.ones((8, 9), "f4")
    ground = routing.Routed(kind(filled), kind(np.zeros((8, 9), dtype)))
    with pytest.raises(InvalidType, match="ranks must hold int32; got"):
        routing.directed(ground, "d8", "outlets", 1.0)


def test_masked_arrays_lists_and_datasets_are_refused() -> None:
    with pytest.raises(InvalidType, match=r"dem must be a NumPy array.*filled"):
        terrain.fill_depressions(np.ma.masked_invalid(ground()))
    with pytest.raises(InvalidType, match="dem must be a NumPy array"):
        terrain.fill_depressions([[1.0, 2.0]])
    with pytest.raises(InvalidType, match=r"\(dem\), not a Dataset"):
        terrain.fill_depressions(labelled(ground(), "elevation").to_dataset())


@either_way
def test_rasters_on_other_grids_are_refused(kind: Any) -> None:
    dem = labelled(kind(ground()), "elevation")
    moved = dem.assign_coords(x=dem.x + 10)
    with pytest.raises(GridMismatch):
        terrain.flow_accumulation(dem, weights=moved)


@either_way
def test_too_many_rasters_are_refused(kind: Any) -> None:
    dem = kind(ground())
    with pytest.raises(InvalidType, match="heights, weights"):
        levelled(dem, dem, dem)


@either_way
def test_bare_arrays_need_their_pixel_size_where_it_matters(kind: Any) -> None:
    with pytest.raises(InvalidArgument, match="needs resolution="):
        levelled(kind(ground()), resolution=None)
    with pytest.raises(InvalidArgument, match="needs resolution="):
        terrain.twi(kind(ground()))
