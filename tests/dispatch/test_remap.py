"""Rasters brought to another grid: windows that depend on the place, exact dependencies, plans, other processes."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import dask
import dask.array as da
import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

import insarfeat
from insarfeat import filters
from insarfeat.bursts import AzimuthAxis, SlantRangeAxis
from insarfeat.dispatch import Reduction, lazy
from insarfeat.dispatch.expression import Remap, Value, fingerprint
from insarfeat.dispatch.lazy import reduce_lazily, remapped, value_of
from insarfeat.dispatch.program import Program
from insarfeat.geometry import (
    CoordinateLookup,
    DopplerLookup,
    Orbit,
    RadarGrid,
    geocode,
    map_grid,
    sight_on_map,
)
from insarfeat.geometry.mappings import OnRadar
from insarfeat.geometry.maps import map_named
from insarfeat.windows import Shape, Window

Array = NDArray[Any]


@dataclass(frozen=True)
class Turned:
    """A raster turned by a quarter and moved, and its negative: what is not there is NaN."""

    raster: Shape
    shape: Shape
    down: int
    right: int

    @property
    def label(self) -> str:
        return f"turned {self}"

    def dtypes(self, inputs: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
        return (np.dtype("f8"), np.dtype("f4"))

    def windows(self, core: Window) -> Sequence[Window | None]:
        top, left = max(core.left - self.right, 0), max(core.top - self.down, 0)
        bottom = min(core.right - self.right, self.raster.height)
        right = min(core.bottom - self.down, self.raster.width)
        return (Window(top, left, bottom - top, right - left) if bottom > top and right > left else None,)

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        found = np.full((core.height, core.width), np.nan)
        (array,), (window,) = arrays, windows
        assert (array is None) == (window is None)
        if array is not None and window is not None:
            top, left = window.left + self.down - core.top, window.top + self.right - core.left
            found[top : top + window.width, left : left + window.height] = array.T
        return found, -found.astype("f4")


def turned(image: Array, mapping: Turned) -> Array:
    """All at once."""
    found = np.full((*image.shape[:-2], mapping.shape.height, mapping.shape.width), np.nan)
    rows, columns = np.mgrid[: mapping.shape.height, : mapping.shape.width]
    y, x = columns - mapping.right, rows - mapping.down
    inside = (y >= 0) & (y < mapping.raster.height) & (x >= 0) & (x < mapping.raster.width)
    found[..., inside] = image[..., y[inside], x[inside]]
    return found


def image(*shape: int) -> Array:
    return np.random.default_rng(0).normal(size=shape)


@given(
    st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40),
    st.booleans(), st.sampled_from([0, 1]),
)  # fmt: skip
def test_any_windows_chunks_and_tiles_give_the_same(
    down: int, right: int, tile: int, rows: int, columns: int, stacked: bool, index: int
) -> None:
    given_image = image(3, 30, 40) if stacked else image(30, 40)
    mapping = Turned(Shape(30, 40), Shape(35, 25), down, right)
    expected = turned(given_image, mapping)
    expected = -expected.astype("f4") if index else expected
    chunks = (2, rows, columns) if stacked else (rows, columns)
    with mock.patch.object(lazy, "_REMAPPED", tile):
        eager = remapped(mapping, [value_of(given_image)], index)
        found = remapped(mapping, [value_of(da.from_array(given_image, chunks=chunks))], index)
    assert isinstance(eager, np.ndarray)
    assert isinstance(found, da.Array)
    assert found.dtype == eager.dtype == expected.dtype
    np.testing.assert_array_equal(eager, expected)
    np.testing.assert_array_equal(found.compute(scheduler="sync"), expected)


def test_several_results_of_a_mapping_do_not_share_a_name() -> None:
    """Dask takes equal names for equal pixels: east, north and up of one mapping would all be one of them."""
    source = value_of(da.from_array(image(30, 40), chunks=11))
    mapping = Turned(Shape(30, 40), Shape(40, 30), 0, 0)
    plus, minus = (remapped(mapping, [source], index) for index in (0, 1))
    assert plus.name != minus.name
    np.testing.assert_allclose((plus + minus).compute(scheduler="sync"), np.zeros((40, 30)), atol=1e-6)
    both = dask.compute(plus, minus, scheduler="sync")
    np.testing.assert_array_equal(both[1], -both[0].astype("f4"))


def test_equal_mappings_have_equal_names_and_fingerprints() -> None:
    source = value_of(image(30, 40))
    first, same, other = (
        Value(Remap(Turned(Shape(30, 40), Shape(40, 30), down, 0), [source[0]])) for down in (0, 0, 1)
    )
    assert first.token == same.token != other.token
    assert fingerprint([first]) == fingerprint([same]) != fingerprint([other])


def test_a_mapping_between_operators_is_part_of_one_expression() -> None:
    """Before it the windows are those of the image, with the operator's halo; behind it those of the map."""
    pair = [da.from_array((image(30, 40) + 1j).astype("c8"), chunks=9) for _ in "ab"]
    coherence = filters.coherence(*pair, window=(3, 3))
    mapping = Turned(Shape(30, 40), Shape(40, 30), 0, 0)
    found = remapped(mapping, [value_of(coherence)], 1)
    behind = filters.multilook(found, looks=(2, 5))
    expected = filters.multilook(-turned(coherence.compute(), mapping).astype("f4"), looks=(2, 5))
    np.testing.assert_allclose(behind.compute(scheduler="sync"), expected, atol=1e-6)
    windows = Program([value_of(behind)[0]]).source_windows(Window(3, 2, 1, 1))
    assert {window for _, window in windows} == {Window(9, 5, 7, 4)}


def test_a_chunk_depends_on_the_chunks_under_its_window_and_no_others() -> None:
    lazy_image = da.from_array(image(300, 400), chunks=20)
    with mock.patch.object(lazy, "_REMAPPED", 50):
        found = remapped(Turned(Shape(300, 400), Shape(400, 300), 0, 0), [value_of(lazy_image)])
        away = remapped(Turned(Shape(300, 400), Shape(100, 100), 500, 0), [value_of(lazy_image)])
    layer = found.dask.layers[found.name]
    for row, column in np.ndindex(8, 6):
        names = {key for key in layer[(found.name, row, column)].dependencies if key[0] == lazy_image.name}
        rows = range(column * 50 // 20, -(-(column + 1) * 50 // 20))
        columns = range(row * 50 // 20, -(-(row + 1) * 50 // 20))
        assert names == {(lazy_image.name, y, x) for y in rows for x in columns}
    assert not any(
        key[0] == lazy_image.name
        for task in away.dask.layers[away.name].values() for key in task.dependencies
    )  # fmt: skip


# -- reductions that are told where they are -------------------------------------------------------------------------


def centre_of(window: Window, block: Array) -> Array:
    rows, columns = np.mgrid[window.top : window.bottom, window.left : window.right]
    return np.array([block.sum(), (rows * block).sum(), (columns * block).sum()])


@given(st.integers(1, 30), st.integers(1, 40))
def test_a_reduction_is_told_which_window_its_blocks_are(rows: int, columns: int) -> None:
    centre = Reduction(centre_of, lambda a, b: a + b, lambda state: state[1:] / state[0], placed=True)
    weights = image(30, 40) ** 2
    expected = centre([weights])
    np.testing.assert_allclose(
        expected * weights.sum(), [(np.arange(30) @ weights).sum(), (weights @ np.arange(40)).sum()]
    )
    found = reduce_lazily(centre, [da.from_array(weights, chunks=(rows, columns))])
    np.testing.assert_allclose(found, expected)


# -- geocoding through plans -----------------------------------------------------------------------------------------

START = np.datetime64("2025-04-06T02:20:00").astype("datetime64[us]").item()
SECONDS = np.arange(-60.0, 91.0, 10.0)
TIMES = [START + (np.timedelta64(int(s), "s")).item() for s in SECONDS]
ANGLES = 0.9 + 0.00108 * SECONDS
RADAR = RadarGrid(
    Orbit(
        TIMES,
        7e6 * np.stack([np.cos(ANGLES), 0 * ANGLES, np.sin(ANGLES)], axis=-1),
        7560 * np.stack([-np.sin(ANGLES), 0 * ANGLES, np.cos(ANGLES)], axis=-1),
    ),
    AzimuthAxis(START, 0.02, 400),
    SlantRangeAxis(5.5e-3, 6.4e7 / 12, 500),
)
PLACE = RADAR.position(200, 250, 300.0)
EAST, NORTH = round(float(PLACE.longitude), 2), round(float(PLACE.latitude), 2)
GRID = map_grid((EAST - 0.1, NORTH - 0.12, EAST + 0.1, NORTH + 0.12), "EPSG:4326", resolution=5e-4)


def dem() -> xr.DataArray:
    rows, columns = np.mgrid[: GRID.y.size, : GRID.x.size]
    heights = (300 + 200 * np.sin(rows / 40) * np.cos(columns / 50)).astype("f4")
    return xr.DataArray(heights, map_named(GRID).coords, ("y", "x"), "elevation")


def pair() -> list[xr.DataArray]:
    rng = np.random.default_rng(1)
    images = (rng.normal(size=(2, 400, 500)) + 1j * rng.normal(size=(2, 400, 500))).astype("c8")
    images[1] += images[0]
    return [xr.DataArray(one, dims=("line", "sample"), name="slc") for one in images]


def geocoded(primary: Any, secondary: Any, lookup: DopplerLookup) -> xr.Dataset:
    layers = xr.Dataset(
        {
            "interferogram": filters.interferogram(primary, secondary),
            "coherence": filters.coherence(primary, secondary, window=(3, 3)),
        }
    )
    return geocode(layers, lookup)


@pytest.mark.parametrize("suffix", [".zarr", ".nc", ".tif"])
def test_a_plan_geocodes_all_layers_in_one_run(suffix: str, tmp_path: Path) -> None:
    """Positions are found once for each tile, whatever the number of layers."""
    expected = geocoded(*pair(), DopplerLookup(RADAR, dem(), geoid=40))
    assert float(np.isfinite(expected["coherence"]).mean()) > 0.3
    lookup = DopplerLookup(RADAR, dem().chunk(150), geoid=40, elevations=(0, 600))
    lazy_layers = geocoded(*(one.chunk({"line": 70, "sample": 90}) for one in pair()), lookup)
    assert all(part.chunks is not None for part in lazy_layers.values())
    seen: list[Window] = []
    found = OnRadar.compute
    lock = threading.Lock()

    def spied(self: OnRadar, arrays: Any, windows: Any, core: Window) -> Any:
        with lock:
            seen.append(core)
        return found(self, arrays, windows, core)

    if suffix == ".tif":
        lazy_layers = lazy_layers[["coherence"]]
    with mock.patch.object(OnRadar, "compute", spied):
        path = insarfeat.plan(lazy_layers, tile=128).run(tmp_path / f"map{suffix}")
    assert len(seen) == len(set(seen)) == 4 * 4
    stack = insarfeat.open_stack(path)
    for name in lazy_layers:
        np.testing.assert_array_equal(stack[name].values, expected[name].values)
    np.testing.assert_allclose(stack["y"], expected["y"])
    assert CRS.from_wkt(stack["spatial_ref"].attrs["crs_wkt"]) == CRS("EPSG:4326")
    if suffix != ".zarr":
        with rasterio.open(path if suffix == ".tif" else f"netcdf:{path}:coherence") as file:
            assert file.crs == rasterio.crs.CRS.from_epsg(4326)
            assert tuple(file.transform)[:6] == pytest.approx(GRID.affine)


def test_a_geocoded_chunk_depends_on_few_chunks_of_a_large_image() -> None:
    long = RadarGrid(RADAR.orbit, AzimuthAxis(START, 0.002, 20_000), SlantRangeAxis(5.5e-3, 6.4e7, 25_000))
    grid = map_grid((EAST - 0.6, NORTH - 1.2, EAST + 0.6, NORTH + 1.2), "EPSG:4326", resolution=1e-3)
    heights = xr.DataArray(
        da.full((grid.y.size, grid.x.size), 300, dtype="f4", chunks=400), map_named(grid).coords, ("y", "x")
    )
    lookup = DopplerLookup(long, heights, geoid=40, elevations=(0, 2000))
    image_ = da.zeros((20_000, 25_000), dtype="f4", chunks=500)
    with mock.patch.object(lazy, "_REMAPPED", 200):
        found = geocode(image_, lookup)
    counts = [
        sum(key[0] == image_.name for key in task.dependencies)
        for key, task in found.dask.layers[found.name].items() if isinstance(key, tuple)
    ]  # fmt: skip
    assert max(counts) > 0
    assert min(counts) == 0  # far from the image nothing is read
    assert max(counts) < 0.1 * image_.npartitions
    assert sum(counts) < 4 * image_.npartitions


def test_a_line_of_sight_runs_through_a_plan_as_it_computes(tmp_path: Path) -> None:
    sight = xr.Dataset({part.name: part for part in sight_on_map(RADAR, GRID, elevation=dem())})
    stack = insarfeat.open_stack(insarfeat.plan(sight, tile=128).run(tmp_path / "sight.zarr"))
    computed = sight.compute(scheduler="sync")
    for name in sight:
        np.testing.assert_array_equal(stack[name].values, computed[name].values)
    assert float(abs(computed["los_up"] - computed["los_east"]).max()) > 0.1


def coarse_sum(_: int) -> float:
    primary, secondary = pair()
    found = geocode(filters.interferogram(primary, secondary), DopplerLookup(RADAR, dem(), geoid=40))
    return float(np.nansum(np.abs(found.values)))


def test_it_works_in_forked_processes_and_survives_pickling() -> None:
    here = coarse_sum(0)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        assert pool.submit(coarse_sum, 0).result() == here
    latitude = NORTH - 1e-4 * np.mgrid[:40, :50][0]
    longitude = EAST + 1e-4 * np.mgrid[:40, :50][1]
    layer = da.from_array(image(40, 50), chunks=16)
    found = geocode(layer, CoordinateLookup(latitude, longitude), GRID)
    program = pickle.loads(pickle.dumps(Program([value_of(found)[0]])))
    assert program.shape == Shape(GRID.y.size, GRID.x.size)
