"""What comes together: as defined, nothing lost, and the same whatever the tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bench
import landscapes
import naive
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from insarfeat import terrain
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.terrain.flow.spreading import SpreadStep
from insarfeat.terrain.flow.trees import TreeStep

voids_are = st.sampled_from(["outlets", "walls"])
cells_are = st.tuples(*[st.sampled_from([1.0, 2.0, 30.0, 27.3])] * 2)
methods = st.sampled_from(["d8", "dinf", "mfd"])
every_method = pytest.mark.parametrize("method", ["d8", "dinf", "mfd"])
DEMS = st.one_of(landscapes.small_dems(np.float32), landscapes.small_dems(np.float64))

# MFD's shares are good to 1e-11, and long ways add that up; Dinf's are cut off at 1e-9.
SHARES = 2e-9
SQUARE = bench.sizes(30, 30)
VOID = np.iinfo(np.int64).min

REAL = {
    "bigtujunga": ("dem_bigtujunga_srtm1/bigtujunga_utm11_30m.tif", 30.0),
    "tyrol": ("dem_tyrol_5m/avaAlr_epsg31287_5m.tif", 5.0),
    "sea": ("dem_srtm3/N41E013_srtm3.tif", 90.0),
}


def real(name: str, test_data: Path, cells: int = 500) -> tuple[Any, float]:
    file, size = REAL[name]
    if not (test_data / file).exists():
        pytest.skip(f"the sample {file} is not there")
    with rasterio.open(test_data / file) as opened:
        dem = opened.read(1, masked=True).astype(np.float32).filled(np.nan)[:cells, :cells]
    return dem, size


def meander(height: int, width: int, seam: int, turns: int = 3) -> Any:
    """A river down both sides of a seam between columns, to and fro all the way; the ground slopes toward it."""
    rows, columns = np.mgrid[:height, :width]
    dem = 100 + 10.0 * abs(columns - seam + 0.5) + (height - rows) * 0.5
    sides = seam - (np.arange(height) // turns) % 2
    dem[np.arange(height), sides] = (height - np.arange(height)) * 0.5
    return dem.astype(np.float32)


LARGE = {
    "lake": landscapes.bowl(65, 70, (0, 9)),
    "lake with islands of voids": landscapes.void_corners(landscapes.bowl(65, 70, (64, 3)), 16),
    "lakes": landscapes.nested(70, 67, 8),
    "flat": landscapes.flat(65, 66, (30, 0)),
    "channel": landscapes.serpentine(65, 67).dem,
    "level channel": landscapes.serpentine(65, 67, fall=0).dem,
    "rising channel": landscapes.serpentine(65, 67, fall=-1).dem,
    "meander along a seam": meander(70, 65, 32),
    "meander across it": meander(70, 65, 16, turns=1).T.copy(),
    "ties": landscapes.ties(np.random.default_rng(1), (65, 66), levels=3),
    "hills": landscapes.rough(np.random.default_rng(2), (66, 65)),
    "hills with voids": landscapes.void_corners(landscapes.rough(np.random.default_rng(3), (66, 65)), 8),
}
TILES = [(64, 64), (16, 16), (13, 11)]
large = pytest.mark.parametrize("name", LARGE)


def some_weights(dem: Any, seed: int, voids: bool = True) -> Any:
    """Whole numbers from 0 to 4, some of them missing."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 5, dem.shape).astype(float)
    if voids:
        weights[rng.random(dem.shape) < 0.1] = np.nan
    return weights


def tiled_water(ground: Any, method: Any, voids: str, metrics: Any, tile: Any, weights: Any = None) -> Any:
    step = (
        TreeStep("sum", "cells", voids, metrics)
        if method == "d8"
        else SpreadStep(method, "cells", voids, metrics)
    )
    inputs = [*ground] if weights is None else [*ground, weights]
    return bench.tiled(step, inputs, [np.float64], tile)[0]


def leaving(dem: Any, method: Any, **ground: Any) -> Any:
    """Cells that give their water to no other."""
    found = terrain.flow_direction(dem, method=method, **ground)
    if method == "d8":
        return found == 0
    if method == "dinf":
        return np.isnan(found) & np.isfinite(dem)
    return np.sum(list(found.values()), axis=0) == 0


# ---- As defined.


@given(DEMS, cells_are, methods, voids_are)
def test_water_is_as_defined(dem: Any, cell: tuple[float, float], method: Any, voids: Any) -> None:
    water = terrain.flow_accumulation(dem, method=method, voids=voids, resolution=cell)
    expected = naive.accumulation(naive.filled(dem, voids), *cell, method, voids=voids)
    assert water.dtype == np.float64
    np.testing.assert_allclose(water, expected, rtol=0 if method == "d8" else SHARES)


@given(DEMS, cells_are, methods, voids_are, st.integers(0, 99))
def test_water_with_weights_is_as_defined(
    dem: Any, cell: tuple[float, float], method: Any, voids: Any, seed: int
) -> None:
    weights = some_weights(dem, seed)
    water = terrain.flow_accumulation(dem, method=method, weights=weights, voids=voids, resolution=cell)
    expected = naive.accumulation(naive.filled(dem, voids), *cell, method, weights, voids)
    np.testing.assert_allclose(water, expected, rtol=0 if method == "d8" else SHARES, atol=1e-8)


@given(DEMS, methods, voids_are)
def test_contamination_is_as_defined(dem: Any, method: Any, voids: Any) -> None:
    found = terrain.flow_contamination(dem, method=method, voids=voids, resolution=(20.0, 30.0))
    expected = naive.contamination(naive.filled(dem, voids), 20, 30, method, voids)
    bench.assert_same_bits(found, expected)


@given(DEMS, cells_are, voids_are)
def test_basins_are_as_defined(dem: Any, cell: tuple[float, float], voids: Any) -> None:
    found = terrain.basins(dem, voids=voids, resolution=cell)
    expected = naive.basins(naive.filled(dem, voids), *cell, voids)
    bench.assert_same_bits(found, np.where(expected == 0, VOID, expected))


@given(DEMS, methods, st.integers(1, 9))
def test_streams_are_where_enough_comes_together(dem: Any, method: Any, cells: int) -> None:
    water = terrain.flow_accumulation(dem, method=method)
    expected = np.where(np.isnan(dem), 255, water >= cells).astype(np.uint8)
    bench.assert_same_bits(terrain.streams(dem, cells=cells, method=method), expected)


@given(landscapes.small_dems(), methods)
def test_weights_of_one_change_nothing(dem: Any, method: Any) -> None:
    plain = terrain.flow_accumulation(dem, method=method)
    for weights in (np.ones(dem.shape), np.ones(dem.shape, np.uint8), np.ones(dem.shape, np.float32)):
        bench.assert_same_bits(terrain.flow_accumulation(dem, method=method, weights=weights), plain)


@every_method
def test_inputs_stay_as_they_are(method: Any) -> None:
    dem = landscapes.void_corners(LARGE["ties"], 16)
    weights = some_weights(dem, 1)
    before = dem.copy(), weights.copy()
    terrain.flow_accumulation(dem, method=method, weights=weights)
    terrain.flow_contamination(dem, method=method)
    terrain.basins(dem)
    np.testing.assert_array_equal(dem, before[0])
    np.testing.assert_array_equal(weights, before[1])


# ---- With a known answer.


@pytest.mark.parametrize("method", ["d8", "dinf"])
@pytest.mark.parametrize("fall", [(1, 0), (0, 1), (1, 1)])
def test_on_a_plane_water_is_counted_from_the_top(method: Any, fall: tuple[int, int]) -> None:
    rows, columns = np.mgrid[:70, :90]
    expected = {(1, 0): rows, (0, 1): columns, (1, 1): np.minimum(rows, columns)}[fall] + 1
    water = terrain.flow_accumulation(landscapes.plane(70, 90, *fall), method=method, resolution=30.0)
    np.testing.assert_array_equal(water[:-1, :-1], expected[:-1, :-1])


def test_on_a_plane_mfd_moves_all_water_by_a_row() -> None:
    water = terrain.flow_accumulation(landscapes.plane(70, 90), resolution=(20.0, 30.0))
    np.testing.assert_allclose(water.sum(axis=1), 90 * np.arange(1, 71), rtol=1e-12)


def test_in_a_valley_all_water_runs_straight_to_the_river() -> None:
    dem = landscapes.valley(60, 91)
    expected = np.tile(46.0 - abs(np.arange(91) - 45), (60, 1))
    expected[:, 45] = 91 * np.arange(1, 61)
    np.testing.assert_array_equal(terrain.flow_accumulation(dem, method="d8"), expected)
    assert np.all(terrain.basins(dem) == 1 + 59 * 91 + 45)
    np.testing.assert_array_equal(terrain.streams(dem, cells=91), (np.arange(91) == 45) * np.ones((60, 1)))


def test_on_a_cone_water_parts_evenly_all_around() -> None:
    """Over a ring goes what falls within it: on a cone, half of its radius per metre."""
    dem = landscapes.cone(81).astype(float)
    water = terrain.flow_accumulation(dem)
    for turned in (water[::-1], water[:, ::-1], water.T):
        np.testing.assert_allclose(turned[1:-1, 1:-1], water[1:-1, 1:-1], rtol=1e-9)
    rows, columns = np.mgrid[-40:41, -40:41]
    radius = np.hypot(rows, columns)
    ring = abs(radius - 25) < 5
    # Shares that spread to all lower neighbours count some of the width twice.
    assert (water[ring] / radius[ring]).mean() == pytest.approx(0.5, rel=0.2)


def test_the_water_of_a_channel_through_all_tiles_is_counted_to_the_last_cell() -> None:
    dem, channel = landscapes.serpentine(128, 128)
    water = tiled_water(bench.ground(dem, tile=(16, 16)), "d8", "outlets", SQUARE, (16, 16))
    basins = terrain.basins(dem)
    end = tuple(channel[-1])
    # Cells whose way ends at once, and those that feed them, have numbers of their own.
    own = basins == 1 + end[0] * 128 + end[1]
    assert water[end] == own.sum()
    assert own[1:-1, 1:-1].all()
    assert water[end] > 126 * 126
    along = water[tuple(channel.T)]
    assert np.all(np.diff(along) >= 1)
    assert water[terrain.flow_direction(dem) == 0].sum() == 128 * 128
    bench.assert_same_bits(water, naive.accumulation(dem, 30, 30, "d8"))


# ---- Nothing is lost.


@given(DEMS, cells_are, methods, voids_are, st.integers(0, 99))
def test_all_that_falls_leaves(
    dem: Any, cell: tuple[float, float], method: Any, voids: Any, seed: int
) -> None:
    weights = some_weights(dem, seed)
    ground = {"voids": voids, "resolution": cell}
    water = terrain.flow_accumulation(dem, method=method, weights=weights, **ground)
    out = water[leaving(dem, method, **ground)].sum()
    assert out == pytest.approx(np.nansum(weights[~np.isnan(dem)]), rel=1e-9, abs=1e-12)


@every_method
@pytest.mark.parametrize("name", REAL)
def test_all_that_falls_on_real_ground_leaves_it(name: str, method: Any, test_data: Path) -> None:
    dem, size = real(name, test_data)
    ground = {"resolution": size}
    water = terrain.flow_accumulation(dem, method=method, **ground)
    out = water[leaving(dem, method, **ground)].sum()
    assert out == pytest.approx(np.count_nonzero(~np.isnan(dem)), rel=1e-9)


@every_method
def test_where_all_is_known_water_does_not_depend_on_what_is_farther_off(
    method: Any, test_data: Path
) -> None:
    dem, size = real("bigtujunga", test_data)
    dem = terrain.fill_depressions(dem.astype(np.float64), epsilon=True)
    inner = np.s_[100:400, 150:450]
    part = {"method": method, "resolution": size}
    known = terrain.flow_contamination(dem[inner], **part) == 0
    cut = terrain.flow_accumulation(dem[inner], **part)[known]
    assert np.count_nonzero(known) > 5000
    np.testing.assert_allclose(cut, terrain.flow_accumulation(dem, **part)[inner][known], rtol=SHARES)


def test_basins_are_as_large_as_the_water_at_their_ends() -> None:
    dem = LARGE["hills with voids"]
    water, basins = terrain.flow_accumulation(dem, method="d8"), terrain.basins(dem)
    numbers, sizes = np.unique(basins[basins > 0], return_counts=True)
    np.testing.assert_array_equal(water.ravel()[numbers - 1], sizes)


# ---- Tiles.


@given(landscapes.small_dems(), cells_are, voids_are, landscapes.tilings(), st.integers(0, 99))
def test_d8_is_the_same_bit_for_bit_for_any_tiles(
    dem: Any, cell: tuple[float, float], voids: Any, tile: tuple[int, int], seed: int
) -> None:
    ground, metrics = bench.ground(dem, voids), bench.sizes(*cell)
    weights = some_weights(dem, seed)
    expected = naive.accumulation(ground.filled, *cell, "d8", weights, voids)
    bench.assert_same_bits(tiled_water(ground, "d8", voids, metrics, tile, weights), expected)
    (ends,) = bench.tiled(TreeStep("end", "cells", voids, metrics), ground, [np.int64], tile)
    bench.assert_same_bits(ends, terrain.basins(dem, voids=voids, resolution=cell))


@given(DEMS, cells_are, st.sampled_from(["mfd", "dinf", "angles"]), voids_are, landscapes.tilings())
def test_parting_water_is_the_same_for_any_tiles(
    dem: Any, cell: tuple[float, float], method: Any, voids: Any, tile: tuple[int, int]
) -> None:
    ground, metrics = bench.ground(dem, voids), bench.sizes(*cell)
    weights = some_weights(dem, 5)
    whole = tiled_water(ground, method, voids, metrics, dem.shape, weights)
    cut = tiled_water(ground, method, voids, metrics, tile, weights)
    np.testing.assert_allclose(cut, whole, rtol=1e-9, atol=1e-9)


@given(landscapes.small_dems(), methods, landscapes.tilings())
def test_contamination_is_the_same_for_any_tiles(dem: Any, method: Any, tile: tuple[int, int]) -> None:
    ground = bench.ground(dem)
    border = np.where(naive.contamination(np.where(np.isnan(dem), np.nan, 0), 1, 1) == 1, 1.0, 0.0)
    water = tiled_water(ground, method, "outlets", bench.sizes(20, 30), tile, border)
    expected = naive.contamination(ground.filled, 20, 30, method)
    np.testing.assert_array_equal(water[~np.isnan(dem)] > 0, expected[~np.isnan(dem)] == 1)


@large
@every_method
@pytest.mark.parametrize("tile", TILES)
def test_water_finds_its_way_across_all_tiles(name: str, method: Any, tile: tuple[int, int]) -> None:
    dem = LARGE[name]
    whole = terrain.flow_accumulation(dem, method=method, resolution=30.0)
    cut = tiled_water(bench.ground(dem), method, "outlets", SQUARE, tile)
    if method == "d8":
        bench.assert_same_bits(cut, whole)
    else:
        np.testing.assert_allclose(cut, whole, rtol=1e-9)


@every_method
@pytest.mark.parametrize("name", ["lake", "channel", "meander along a seam", "hills with voids"])
def test_large_landscapes_give_the_water_that_is_defined(name: str, method: Any) -> None:
    dem = LARGE[name]
    expected = naive.accumulation(naive.filled(dem), 30, 30, method)
    water = terrain.flow_accumulation(dem, method=method, resolution=30.0)
    np.testing.assert_allclose(water, expected, rtol=0 if method == "d8" else SHARES)


def test_however_often_a_river_crosses_seams_there_are_two_passes() -> None:
    ground = bench.ground(landscapes.serpentine(65, 67).dem)
    work = bench.Bench(ground, [np.float64], (4, 4))
    work.run(TreeStep("sum", "cells", "outlets", SQUARE))
    assert list(work.passes.values()) == [len(work.tiles)] * 2


def test_water_that_parts_is_worked_on_where_it_comes_in_and_nowhere_else() -> None:
    """Down a plane over 4 tiles in a row each one waits for the one above, and no other tile for anything."""
    work = bench.Bench(bench.ground(landscapes.plane(64, 64)), [np.float64], (16, 64))
    work.run(SpreadStep("mfd", "cells", "outlets", SQUARE))
    rounds = [visited for title, visited in work.passes.items() if title not in ("water", "joined")]
    assert sum(rounds) <= 4 * 4


# ---- What is not taken.


def test_a_flag_reaches_as_far_as_any_water_does() -> None:
    """On a ridge as sharp as a knife, a millionth of the water stays on it from cell to cell."""
    length = 60
    dem = np.full((length + 2, 5), -5e3)
    dem[:, 2] = 1e3 - 1e-3 * np.arange(length + 2)
    dem[:, [1, 3]] -= 1e-3 * np.arange(length + 2)[:, None]
    found = terrain.flow_contamination(dem, method="mfd")
    np.testing.assert_array_equal(found, naive.contamination(naive.filled(dem), 1, 1, "mfd"))


@pytest.mark.parametrize("cells", [0, -1, np.nan, True, "many", None])
def test_streams_need_a_number_of_cells(cells: Any) -> None:
    with pytest.raises(InvalidArgument, match="cells must be a positive number"):
        terrain.streams(np.ones((3, 3)), cells=cells)


def test_numpy_numbers_of_cells_are_numbers() -> None:
    dem = landscapes.plane(5, 5)
    for cells in (np.int64(3), np.float32(3)):
        np.testing.assert_array_equal(terrain.streams(dem, cells=cells), terrain.streams(dem, cells=3))


def test_weights_lie_on_the_dems_cells() -> None:
    with pytest.raises(GridMismatch, match=r"weights is 3 x 4 pixels"):
        terrain.flow_accumulation(np.ones((3, 3)), weights=np.ones((3, 4)))


@pytest.mark.parametrize("weights", ["rain", [[1.0]], np.ones((3, 3), complex), np.ones((2, 3, 3))])
def test_weights_are_a_raster_of_numbers(weights: Any) -> None:
    with pytest.raises(InvalidType, match="weights"):
        terrain.flow_accumulation(np.ones((3, 3)), weights=weights)


@every_method
def test_weights_that_are_not_finite_count_as_nothing(method: Any) -> None:
    dem = landscapes.plane(5, 5)
    weights = np.ones((5, 5))
    weights[1, 2] = np.nan
    expected = terrain.flow_accumulation(dem, method=method, weights=weights)
    weights[1, 2] = np.inf
    found = terrain.flow_accumulation(dem, method=method, weights=weights)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_of_nothing_nothing_comes(shape: tuple[int, int]) -> None:
    dem = np.empty(shape, np.float32)
    for method in ("d8", "dinf", "mfd"):
        assert terrain.flow_accumulation(dem, method=method).shape == shape
        assert terrain.flow_contamination(dem, method=method).shape == shape
    assert terrain.basins(dem).shape == shape
    assert terrain.streams(dem, cells=5).shape == shape


@every_method
def test_a_single_cell_keeps_its_water(method: Any) -> None:
    one = np.ones((1, 1), np.float32)
    assert terrain.flow_accumulation(one, method=method) == [[1]]
    assert terrain.flow_contamination(one, method=method) == [[1]]
    assert terrain.basins(one) == [[1]]


@every_method
def test_voids_have_no_water(method: Any) -> None:
    dem = np.full((4, 5), np.nan, np.float32)
    assert np.isnan(terrain.flow_accumulation(dem, method=method)).all()
    assert np.all(terrain.flow_contamination(dem, method=method) == 255)
    assert np.all(terrain.basins(dem) == VOID)
