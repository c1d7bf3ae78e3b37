"""Specific catchment area and wetness: SAGA's, wherever SAGA knows as much as we do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bench
import landscapes
import numpy as np
import pytest
import rasterio
import saga_formulas
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from benchmarks import flow_tools as saga
from insarfeat import terrain
from insarfeat.errors import InvalidArgument
from insarfeat.terrain.flow.drawing import DrawStep

needs_saga = pytest.mark.skipif(not saga.saga_is_here(), reason="SAGA (saga_cmd) is not installed")
voids_are = st.sampled_from(["outlets", "walls"])
every_method = pytest.mark.parametrize("method", ["d8", "dinf", "mfd"])

# SAGA keeps its sums in float32.
AREA, INDEX = 2e-6, 4e-6

FILES = {
    "bigtujunga": ("dem_bigtujunga_srtm1/bigtujunga_utm11_30m.tif", 30.0),
    "srtm3": ("dem_srtm3/N41E013_srtm3.tif", 90.0),
}
GROUND = pytest.mark.parametrize("name", FILES)


def real(name: str, test_data: Path, cells: int = 400) -> tuple[Any, float]:
    """Ground without depressions or flats, in float64, so that SAGA, which neither fills nor ranks, can do it."""
    file, size = FILES[name]
    if not (test_data / file).exists():
        pytest.skip(f"the sample {file} is not there")
    with rasterio.open(test_data / file) as opened:
        dem = opened.read(1, masked=True).astype(np.float64).filled(0.0)
    if name == "srtm3":
        dem = gaussian_filter(dem, 2)
    return terrain.fill_depressions(dem[:cells, :cells], epsilon=True), size


def falling(seed: int, shape: tuple[int, int] = (40, 43), voids: bool = False) -> Any:
    """Rough ground without depressions or flats, in float64; with voids if they are asked for."""
    dem = landscapes.rough(np.random.default_rng(seed), shape).astype(np.float64)
    if voids:
        dem[np.random.default_rng(seed + 1).random(shape) < 0.02] = np.nan
    return terrain.fill_depressions(dem, epsilon=True)


def radians(dem: Any, size: float) -> Any:
    return np.radians(terrain.slope(dem, resolution=size))


# ---- SAGA itself.


@needs_saga
@GROUND
def test_ground_for_saga_has_no_depressions_or_flats(name: str, test_data: Path) -> None:
    dem, _ = real(name, test_data)
    bench.assert_same_bits(terrain.fill_depressions(dem), dem)
    assert not bench.ground(dem).ranks.any()


@needs_saga
@GROUND
@pytest.mark.parametrize(("method", "number"), [("d8", 0), ("mfd", saga.MFD)])
def test_upslope_areas_are_those_of_saga_where_no_water_comes_in(
    name: str, method: Any, number: int, test_data: Path
) -> None:
    dem, size = real(name, test_data)
    options = {"METHOD": number, "CONVERGENCE": 1.1, "FLOW_UNIT": 1, "LINEAR_DO": 0, "MFD_CONTOUR": 0}
    theirs = saga.run_saga(saga.FLOW, {"ELEVATION": dem}, size, ["FLOW"], options)["FLOW"]
    ours = terrain.flow_accumulation(dem, method=method, resolution=size) * size**2
    known = terrain.flow_contamination(dem, method=method, resolution=size) == 0
    assert known.mean() > 0.6
    np.testing.assert_allclose(ours[known], theirs[known], rtol=AREA)


@needs_saga
@GROUND
@pytest.mark.parametrize("method", ["d8", "mfd"])
def test_specific_catchment_area_is_that_of_saga(name: str, method: Any, test_data: Path) -> None:
    dem, size = real(name, test_data)
    area = terrain.flow_accumulation(dem, method=method, resolution=size) * size**2
    theirs = saga.saga_widths(dem, area, size, method).specific
    ours = terrain.specific_catchment_area(dem, method=method, resolution=size)
    inside = np.zeros(dem.shape, bool)
    inside[1:-1, 1:-1] = True
    if method == "d8":  # from the edge SAGA's D8 sends nothing
        np.testing.assert_array_equal(~np.isnan(theirs), inside)
    np.testing.assert_allclose(ours[inside], theirs[inside], rtol=AREA)


@needs_saga
@GROUND
@pytest.mark.parametrize("method", ["d8", "mfd"])
def test_twi_is_that_of_saga(name: str, method: Any, test_data: Path) -> None:
    dem, size = real(name, test_data)
    known = terrain.flow_contamination(dem, method=method, resolution=size) == 0
    if method == "mfd":
        area = saga.saga_mfd(dem, size)
    else:
        area = terrain.flow_accumulation(dem, method="d8", resolution=size) * size**2
    specific = saga.saga_widths(dem, area, size, method).specific
    theirs = saga.saga_twi(specific, radians(dem, size), size)
    ours = terrain.twi(dem, method=method, resolution=size)
    np.testing.assert_allclose(ours[known], theirs[known], atol=INDEX)


@needs_saga
@GROUND
def test_wetness_index_is_that_of_saga_everywhere(name: str, test_data: Path) -> None:
    dem, size = real(name, test_data)
    ours = terrain.wetness_index(dem, resolution=size)
    np.testing.assert_allclose(ours, saga.saga_wetness(dem, size).index, atol=INDEX)


@needs_saga
def test_the_whole_of_big_tujunga_is_as_wet_as_by_saga(test_data: Path) -> None:
    dem, size = real("bigtujunga", test_data, cells=2000)
    assert dem.shape == (643, 1197)
    ours = terrain.wetness_index(dem, resolution=size)
    # In catchments of this size SAGA's own sums are 5e-6 from its formulas, ours 1e-6.
    np.testing.assert_allclose(ours, saga.saga_wetness(dem, size).index, atol=1e-5)


# ---- SAGA's formulas.


@pytest.mark.parametrize("voids", [False, True])
def test_upslope_areas_are_those_of_the_formulas(voids: bool) -> None:
    dem = falling(1, voids=voids)
    theirs = saga_formulas.mfd_accumulation(dem, 30.0, lost=False)
    np.testing.assert_allclose(terrain.flow_accumulation(dem) * 900, theirs, rtol=2e-9)


@pytest.mark.parametrize("method", ["d8", "mfd"])
@pytest.mark.parametrize("voids", [False, True])
def test_specific_catchment_area_is_that_of_the_formulas(method: Any, voids: bool) -> None:
    dem = falling(2, voids=voids)
    area = terrain.flow_accumulation(dem, method=method) * 900
    theirs = saga_formulas.specific_catchment_area(dem, area, 30.0, method)
    ours = terrain.specific_catchment_area(dem, method=method, resolution=30.0)
    assert ours.dtype == np.float32
    there = ~np.isnan(theirs)
    assert there.mean() > 0.5
    np.testing.assert_allclose(ours[there], theirs[there], rtol=1e-6)


@every_method
def test_twi_is_that_of_the_formula(method: Any) -> None:
    dem = falling(3, voids=True)
    area = terrain.specific_catchment_area(dem, method=method, resolution=30.0)
    ours = terrain.twi(dem, method=method, resolution=30.0)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, saga_formulas.twi(area, radians(dem, 30.0)), atol=2e-6)


@pytest.mark.parametrize("voids", [False, True])
@pytest.mark.parametrize("size", [1000.0, 30.0, 5.0])
def test_wetness_index_is_that_of_the_formulas(voids: bool, size: float) -> None:
    dem = falling(4, voids=voids)
    ours = terrain.wetness_index(dem, resolution=size)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, saga_formulas.wetness_index(dem, size).index, atol=4e-6)


def test_no_ground_is_too_steep_for_a_wetness_index() -> None:
    """Of the slope of 46 degrees and more nothing is left of the suction in float64."""
    rows, columns = np.mgrid[-20:21, -20:21]
    dem = 9e3 - 20.0 * np.hypot(rows, columns) ** 1.5
    ours = terrain.wetness_index(dem, resolution=10.0)
    assert terrain.slope(dem, resolution=10.0).max() > 80
    np.testing.assert_allclose(ours, saga_formulas.wetness_index(dem, 10.0).index, atol=4e-6)


def test_level_ground_draws_water_from_a_river_beside_it() -> None:
    dem = landscapes.valley(40, 41, across=0.001, along=0.5).astype(np.float64)
    dem[:, 20] -= 3
    ours = terrain.wetness_index(dem, resolution=30.0)[30]
    plain = np.log(terrain.flow_accumulation(dem, resolution=30.0)[30] * 30 / np.tan(np.radians(1.05)))
    assert ours[10] > plain[10] + 1
    np.testing.assert_allclose(ours, ours[::-1], atol=1e-5)


# ---- With a known answer.


@pytest.mark.parametrize("method", ["d8", "dinf"])
@pytest.mark.parametrize("cell", [(20.0, 30.0), (10.0, 10.0)])
def test_on_a_plane_the_specific_area_is_the_length_of_the_slope(method: Any, cell: Any) -> None:
    down = terrain.specific_catchment_area(landscapes.plane(20, 25), method=method, resolution=cell)
    np.testing.assert_allclose(down[:-1, :-1], cell[0] * np.arange(1, 20)[:, None] * np.ones(24), rtol=1e-6)
    across = terrain.specific_catchment_area(landscapes.plane(20, 25, 0, 1), method=method, resolution=cell)
    np.testing.assert_allclose(across[:-1, :-1], cell[1] * np.arange(1, 25) * np.ones((19, 1)), rtol=1e-6)


def test_on_a_plane_mfd_leaves_through_half_a_side_and_two_corners() -> None:
    dy, dx = 20.0, 30.0
    found = terrain.specific_catchment_area(landscapes.plane(20, 61), resolution=(dy, dx))
    width = dx / 2 + dx * dy / np.hypot(dx, dy)
    np.testing.assert_allclose(found[:-1, 30], dy * dx * np.arange(1, 20) / width, rtol=1e-6)


def test_a_diagonal_way_is_as_wide_as_it_is_long() -> None:
    found = terrain.specific_catchment_area(landscapes.plane(9, 9, 1, 1), method="d8", resolution=10.0)
    expected = 100 * np.arange(1, 9) / (10 * np.sqrt(2))
    np.testing.assert_allclose(np.diagonal(found)[:-1], expected, rtol=1e-6)


@every_method
def test_where_water_leaves_the_width_is_that_of_the_cell(method: Any) -> None:
    alone = terrain.specific_catchment_area(np.ones((1, 1)), method=method, resolution=(20.0, 45.0))
    assert alone == pytest.approx(20 * 45 / 30)


def test_level_ground_counts_as_if_it_fell_by_a_thousandth() -> None:
    dem = np.zeros((9, 9), np.float32)
    expected = np.log(terrain.specific_catchment_area(dem, resolution=10.0) / 1e-3)
    np.testing.assert_allclose(terrain.twi(dem, resolution=10.0), expected, rtol=1e-6)


def test_depressions_and_flats_are_as_wet_as_on_the_filled_dem() -> None:
    dem = landscapes.rough(np.random.default_rng(5), (40, 41))
    filled = terrain.fill_depressions(dem)
    assert (filled != dem).any()
    for function in (terrain.specific_catchment_area, terrain.twi, terrain.wetness_index):
        found = function(dem, resolution=30.0)
        bench.assert_same_bits(found, function(filled, resolution=30.0))
        assert np.isfinite(found).all()


@given(landscapes.small_dems(), voids_are)
def test_all_ground_has_an_answer_and_voids_have_none(dem: Any, voids: Any) -> None:
    found = [
        terrain.specific_catchment_area(dem, method=method, voids=voids, resolution=30.0)
        for method in ("d8", "dinf", "mfd")
    ]
    found += [
        terrain.twi(dem, voids=voids, resolution=30.0),
        terrain.wetness_index(dem, voids=voids, resolution=30.0),
    ]
    for layer in found:
        assert layer.dtype == np.float32
        np.testing.assert_array_equal(np.isfinite(layer), ~np.isnan(dem))


# ---- Tiles.


@given(landscapes.small_dems(np.float64), landscapes.tilings(), st.sampled_from([10.0, 100.0, 1e4]))
def test_water_is_drawn_the_same_way_for_any_tiles(dem: Any, tile: tuple[int, int], size: float) -> None:
    area = terrain.flow_accumulation(dem, method="d8")
    suction = saga_formulas.suction(radians(terrain.fill_depressions(dem), size))
    suction = np.where(np.isnan(dem), np.nan, np.maximum(suction, 1e-300))
    (found,) = bench.tiled(DrawStep(), [area, suction], [np.float64], tile)
    np.testing.assert_allclose(found, saga_formulas.drawn(area, suction), rtol=1e-12)


@pytest.mark.parametrize("tile", [(64, 64), (16, 16), (1, 33)])
def test_water_is_drawn_across_all_tiles(tile: tuple[int, int]) -> None:
    area = np.ones((65, 66))
    area[3, 60] = 1e12
    suction = np.full((65, 66), 0.8)
    suction[20, 5:] = 1e-300  # nothing comes past here but at one end
    (found,) = bench.tiled(DrawStep(), [area, suction], [np.float64], tile)
    np.testing.assert_allclose(found, saga_formulas.drawn(area, suction), rtol=1e-12)


# ---- What is not taken.


@pytest.mark.parametrize("function", [terrain.specific_catchment_area, terrain.twi, terrain.wetness_index])
def test_bare_arrays_need_a_resolution(function: Any) -> None:
    with pytest.raises(InvalidArgument, match=f"{function.__name__} needs resolution="):
        function(np.ones((3, 3)))
