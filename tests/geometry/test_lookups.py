"""Lookups: positions against PROJ and range-Doppler pixel by pixel, what windows may need, and refusals."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import dask.array as da
import geocoding_scenes as scenes
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from insarfeat.dispatch import lazy
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.geometry import CoordinateLookup, DopplerLookup, geocode, map_grid, radarcode
from insarfeat.geometry.mappings import Boxes, OnRadar
from insarfeat.georeference import Grid
from insarfeat.windows import Shape, Window

NATIVE = scenes.radar(20_000, 20_000, (1, 1))
"""Sentinel-1's own lines and samples."""
IMAGE = scenes.radar()


def forward(lookup: DopplerLookup) -> OnRadar:
    mapping, _ = lookup.on_map(lookup.map.grid)
    return mapping


def located(lookup: DopplerLookup, dem: xr.DataArray) -> tuple[scenes.Floats, scenes.Floats]:
    return forward(lookup).located(dem.values, Window(0, 0, *dem.shape))


def windows_in(height: int, width: int) -> st.SearchStrategy[Window]:
    def window(ends: tuple[list[int], list[int]]) -> Window:
        (top, bottom), (left, right) = (sorted(pair) for pair in ends)
        return Window(top, left, bottom - top + 1, right - left + 1)

    sides = [st.lists(st.integers(0, size - 1), min_size=2, max_size=2) for size in (height, width)]
    return st.tuples(*sides).map(window)


# -- range and Doppler -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crs", "resolution"),
    [
        (scenes.UTM, 15.0), (scenes.UTM, 60.0), ("EPSG:4326", 1.4e-4), ("EPSG:4326", 6e-4), ("EPSG:3035", 30.0),
        ("EPSG:3035", 60.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("look", ["right", "left"])
def test_positions_are_those_of_each_pixel_by_projection_and_range_doppler(
    crs: str, resolution: float, look: str
) -> None:
    """Found: 0.013 samples at 60 m, 0.003 at 15 m, 0.0008 lines; more is the curve of the Earth between ties."""
    dem = scenes.terrain(scenes.map_of(scenes.radar(60, 60, look=look), crs, resolution), 3000, rough=30)
    image = scenes.radar(20_000, 20_000, (1, 1), look, bistatic=5.86e-3 if look == "left" else None)
    lines, samples = located(DopplerLookup(image, dem, geoid=48.5), dem)
    expected = image.locate(
        *scenes.places(forward(DopplerLookup(image, dem, geoid=0)).pixels.grid), dem.values + 48.5
    )
    assert np.abs(lines - expected.line).max() < 0.005
    assert np.abs(samples - expected.sample).max() < 0.05


def test_elevations_may_be_of_any_type_and_nodata_is_nowhere() -> None:
    dem = scenes.terrain(scenes.map_of(IMAGE)).round()
    expected = located(DopplerLookup(IMAGE, dem, geoid=0), dem)
    for kind in ("i2", "f8", ">f4"):
        for found, wanted in zip(
            located(DopplerLookup(IMAGE, dem.astype(kind), geoid=0), dem.astype(kind)), expected, strict=True
        ):
            np.testing.assert_array_equal(found, wanted)
    holed = dem.where(np.random.default_rng(0).random(dem.shape) < 0.9)
    for found, wanted in zip(located(DopplerLookup(IMAGE, holed, geoid=0), holed), expected, strict=True):
        np.testing.assert_array_equal(found, np.where(np.isnan(holed), np.nan, wanted))


DEM = scenes.terrain(scenes.map_of(IMAGE, margin=0.4), relief=3000, rough=50)
LOOKUP = DopplerLookup(IMAGE, DEM, geoid=50.0)
POSITIONS = located(LOOKUP, DEM)


@given(windows_in(*DEM.shape))
def test_positions_are_the_same_in_any_window_bit_for_bit(window: Window) -> None:
    for found, whole in zip(
        forward(LOOKUP).located(DEM.values[window.slices], window), POSITIONS, strict=True
    ):
        np.testing.assert_array_equal(found, whole[window.slices])


@given(windows_in(*DEM.shape))
def test_all_that_a_window_sees_of_the_image_is_in_its_reach(window: Window) -> None:
    seen = [part[window.slices] for part in POSITIONS]
    inside = (np.abs(seen[0] - 59.5) <= 60) & (np.abs(seen[1] - 74.5) <= 75)
    reach = forward(LOOKUP).reach(window)
    if reach is None:
        assert not inside.any()
        return
    rows, columns = (
        np.clip(np.rint(part[inside]), 0, size - 1) for part, size in zip(seen, IMAGE.shape, strict=True)
    )
    for found, first, last in (
        (rows, reach.top, reach.bottom), (columns, reach.left, reach.right)
    ):  # fmt: skip
        assert ((found >= first) & (found < last)).all()
    # At 28 m a sample and 3 km of relief it may be 200 samples more than what is seen, but not lines.
    assert reach.height <= window.height * 60 / 137 + window.width * 60 / 137 * 0.3 + 12


@given(windows_in(*IMAGE.shape))
def test_all_ground_that_is_seen_in_a_window_is_in_its_reach(window: Window) -> None:
    mapping, _ = LOOKUP.on_radar(LOOKUP.map.grid)
    (reach,) = mapping.windows(window)
    lines, samples = POSITIONS
    rows, columns = np.nonzero(
        (lines >= window.top - 0.5) & (lines <= window.bottom - 0.5)
        & (samples >= window.left - 0.5) & (samples <= window.right - 0.5)
    )  # fmt: skip
    for found, first, last in ((rows, reach.top, reach.bottom), (columns, reach.left, reach.right)):
        assert ((found >= first) & (found < last)).all()


def test_windows_far_from_the_image_need_nothing() -> None:
    away = scenes.terrain(map_grid((900_000, 4_400_000, 906_000, 4_406_000), scenes.UTM, resolution=60))
    mapping = forward(DopplerLookup(IMAGE, away, geoid=0))
    assert mapping.reach(Window(0, 0, *away.shape)) is None
    back, _ = DopplerLookup(IMAGE, away, geoid=0).on_radar(mapping.pixels.grid)
    assert back.windows(Window(0, 0, 40, 40)) == (None,)


def test_an_orbit_that_ends_with_the_image_loses_no_line() -> None:
    """The vectors vouch for the first and the last line and no more; bounds and ties beyond them are needed."""
    last = 119 * 2.055e-2
    short = scenes.radar(orbit=scenes.orbit(before=-30 * last, after=last))
    dem = scenes.terrain(scenes.map_of(short, margin=0.3))
    lookup = DopplerLookup(short, dem, geoid=0)
    lines, _ = located(lookup, dem)
    longer = scenes.radar()
    expected, sample = longer.locate(*scenes.places(lookup.map.grid), dem.values)
    inside = (expected > 0) & (expected < 119) & (sample > 0) & (sample < 149)
    assert np.abs(lines - expected)[inside].max() < 0.01
    for row in range(0, dem.shape[0], 5):
        window = Window(row, 60, 1, 20)
        if inside[window.slices].any():
            reach = forward(lookup).reach(window)
            assert reach is not None
            assert reach.bottom > expected[window.slices][inside[window.slices]].max()
    back = radarcode(dem, lookup)
    np.testing.assert_array_equal(
        np.isnan(back), np.isnan(radarcode(dem, DopplerLookup(longer, dem, geoid=0)))
    )
    assert np.isfinite(back[-1]).all()


# -- latitudes and longitudes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [25.0, 42.0, 200.0])
def test_places_and_their_inverse_are_those_in_closed_form(resolution: float) -> None:
    """Found: 3 mm, by which a table of latitudes and longitudes that is linear between misses the curved Earth."""
    latitude, longitude, made = scenes.coordinates(50, 70)
    lookup = CoordinateLookup(latitude, longitude)
    left, top = made.x.first, made.y.first
    grid = map_grid((left, top - 4000, left + 3900, top), scenes.UTM, resolution=resolution)
    back, _ = lookup.on_radar(grid)
    rows, columns = back.compute((latitude, longitude), (), Window(0, 0, 50, 70))
    x, y = scenes.turned(*np.mgrid[:50, :70].astype("f8"))
    assert np.abs(grid.x.first + columns * grid.x.step - x).max() < 5e-3
    assert np.abs(grid.y.first + rows * grid.y.step - y).max() < 5e-3
    there, _ = lookup.on_map(grid)
    core = Window(0, 0, grid.y.size, grid.x.size)
    lines, samples = there.compute((latitude, longitude), there.windows(core), core)
    line, sample = scenes.unturned(
        *np.meshgrid(*(axis.first + axis.step * np.arange(axis.size) for axis in (grid.x, grid.y)))
    )
    inside = (line > 1e-3) & (line < 49 - 1e-3) & (sample > 1e-3) & (sample < 69 - 1e-3)
    outside = (line < -1e-3) | (line > 49 + 1e-3) | (sample < -1e-3) | (sample > 69 + 1e-3)
    assert inside.sum() > 100
    assert outside.sum() > 20
    assert np.isnan(lines[outside]).all()
    assert np.abs(lines - line)[inside].max() < 1e-4
    assert np.abs(samples - sample)[inside].max() < 1e-4


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3035", "EPSG:32631", "EPSG:2062", "EPSG:3413"])
def test_places_on_any_map_are_those_of_proj(crs: str) -> None:
    latitude, longitude, _ = scenes.coordinates(40, 60)
    to = Transformer.from_crs(4326, crs, always_xy=True)
    x, y = to.transform(longitude, latitude)
    size = 6e-4 if crs == "EPSG:4326" else 60.0
    grid = map_grid((x.min(), y.min(), x.max(), y.max()), crs, resolution=size)
    mapping, _ = CoordinateLookup(latitude, longitude).on_radar(grid)
    rows, columns = mapping.compute((latitude, longitude), (), Window(0, 0, 40, 60))
    assert np.abs(columns - (x - grid.x.first) / size).max() < 5e-4
    assert np.abs(rows - (grid.y.first - y) / size).max() < 5e-4


def boxes(chunks: Any, turn: float) -> tuple[Boxes, scenes.Floats, scenes.Floats]:
    latitude, longitude, _ = scenes.coordinates(200, 150, turn=turn)
    latitude[:70, :70] = np.nan
    mapping, _ = CoordinateLookup(
        da.from_array(latitude, chunks=chunks), da.from_array(longitude, chunks=chunks)
    ).on_map(map_grid((0, 0, 1000, 1000), scenes.UTM, resolution=10))
    return mapping.boxes, latitude, longitude


@pytest.mark.parametrize("chunks", [(200, 150), (64, 64), (33, 41), (7, 150), (100, 9)])
def test_bounds_of_blocks_do_not_depend_on_chunks(chunks: tuple[int, int]) -> None:
    found, latitude, longitude = boxes(chunks, 12.0)
    whole = Boxes.reduction(Shape(200, 150))([latitude, longitude])
    np.testing.assert_array_equal(found.boxes, whole.boxes)


@given(windows_in(60, 60), st.sampled_from([0.0, 12.0, 100.0]), st.sampled_from([100.0, 5.0]))
def test_all_radar_pixels_about_a_window_of_the_map_are_in_its_reach(
    core: Window, turn: float, resolution: float
) -> None:
    """Also in windows that lie between the pixels of an image, some of them between the blocks that have bounds."""
    latitude, longitude, _ = scenes.coordinates(200, 150, turn=turn)
    x, y = scenes.turned(np.float64(63.2), np.float64(63.2), turn=turn)
    half = 30 * resolution
    grid = map_grid((x - half, y - half, x + half, y + half), scenes.UTM, resolution=resolution)
    mapping, _ = CoordinateLookup(latitude, longitude).on_map(grid)
    x, y = np.meshgrid(
        grid.x.first + resolution * (core.left + np.arange(core.width)),
        grid.y.first - resolution * (core.top + np.arange(core.height)),
    )
    line, sample = scenes.unturned(x, y, turn=turn)
    inside = (line >= 0) & (line <= 199) & (sample >= 0) & (sample <= 149)
    reach = mapping.reach(core)
    assert reach is not None or not inside.any()
    if inside.any():
        assert reach.top <= np.floor(line[inside].min()) <= np.ceil(line[inside].max()) < reach.bottom
        assert reach.left <= np.floor(sample[inside].min()) <= np.ceil(sample[inside].max()) < reach.right


def test_ground_between_two_blocks_of_a_coarse_image_is_not_lost() -> None:
    """Bounds are kept of blocks of 64 x 64 pixels; here tiles of 1 km lie between pixels 3 km apart."""
    line, sample = np.mgrid[:130, :70].astype("f8")
    x, y = scenes.turned(line, sample, 3000.0, 0.0)
    longitude, latitude = Transformer.from_crs(scenes.UTM, 4326, always_xy=True).transform(x, y)
    east, north = scenes.turned(np.float64(63.0), np.float64(63.0), 3000.0, 0.0)
    grid = map_grid((east, north - 3000, east + 3000, north), scenes.UTM, resolution=100)
    with mock.patch.object(lazy, "_REMAPPED", 10):
        found = geocode(line, CoordinateLookup(latitude, longitude), grid)
    expected = np.broadcast_to(63 + (np.arange(30)[:, None] + 0.5) / 30, (30, 30))
    np.testing.assert_allclose(found, expected, atol=1e-4)


# -- what goes wrong -------------------------------------------------------------------------------------------------


def test_coordinates_that_cannot_be_are_refused() -> None:
    latitude, longitude, grid = scenes.coordinates(6, 8)
    with pytest.raises(GridMismatch, match=r"latitude is \(6, 8\), longitude \(6, 7\)"):
        CoordinateLookup(latitude, longitude[:, :-1])
    with pytest.raises(InvalidArgument, match="nodata in every pixel"):
        CoordinateLookup(latitude * np.nan, longitude)
    with pytest.raises(InvalidArgument, match="nodata in every pixel"):
        CoordinateLookup(da.full((6, 8), np.nan), longitude)
    with pytest.raises(InvalidArgument, match="are latitude and longitude swapped"):
        CoordinateLookup(longitude + 130, latitude)
    with pytest.raises(InvalidArgument, match="longitude"):
        CoordinateLookup(latitude, longitude - 9999)
    with pytest.raises(
        InvalidType, match=r"latitude must be a raster \(line, sample\) of degrees; got 1-D float64"
    ):
        CoordinateLookup(latitude[0], longitude[0])
    with pytest.raises(InvalidType, match=r"longitude must be a raster .* got 2-D int64"):
        CoordinateLookup(latitude, longitude.astype("i8"))
    with pytest.raises(InvalidType, match=r"latitude must be a raster .* got list"):
        CoordinateLookup([[1.0]], longitude)
    with pytest.raises(InvalidArgument, match="grid must be given"):
        CoordinateLookup(latitude, longitude).map_meant(None)
    with pytest.raises(InvalidArgument, match="the grid has no CRS"):
        CoordinateLookup(latitude, longitude).on_map(Grid(grid.y, grid.x, None))


def test_lookups_that_cannot_be_made_are_refused() -> None:
    with pytest.raises(InvalidType, match=r"radar must be a RadarGrid, as Swath.grid is one; got str"):
        DopplerLookup("IW1", DEM, geoid=0)  # type: ignore[arg-type]
    with pytest.raises(InvalidType, match=r"dem must be a DataArray .* got 2-D float32"):
        DopplerLookup(IMAGE, DEM.values, geoid=0)
    with pytest.raises(InvalidArgument, match="dem is nodata in every pixel"):
        DopplerLookup(IMAGE, DEM * np.nan, geoid=0)
    bare = DEM.drop_vars("spatial_ref")
    with pytest.raises(InvalidArgument, match="the grid has no CRS"):
        DopplerLookup(IMAGE, bare, geoid=0)


def test_zeros_in_the_place_of_nodata_are_refused() -> None:
    latitude, longitude, _ = scenes.coordinates(20, 30)
    latitude[:3], longitude[:3] = 0, 0
    with pytest.raises(
        InvalidArgument, match=r"latitude changes by .* degrees between near pixels; is there nodata"
    ):
        CoordinateLookup(latitude, longitude)


# -- other processes -------------------------------------------------------------------------------------------------

LABELS = """
import geocoding_scenes as scenes
from insarfeat.geometry import CoordinateLookup, DopplerLookup
image = scenes.radar()
dem = scenes.terrain(scenes.map_of(image))
latitude, longitude, grid = scenes.coordinates(20, 30)
doppler = DopplerLookup(image, dem, geoid=20)
for lookup, on in ((doppler, doppler.map.grid), (CoordinateLookup(latitude, longitude), grid)):
    for way in (lookup.on_map, lookup.on_radar):
        print(way(on)[0].label)
"""


def test_labels_are_the_same_in_other_processes() -> None:
    def labels(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run(
            [sys.executable, "-c", LABELS], env=environment, capture_output=True, check=True
        )
        return done.stdout.decode()

    first = labels("1")
    assert first == labels("2")
    assert len(set(first.splitlines())) == 4
    assert " at 0x" not in first


def test_mappings_can_be_sent_to_other_processes() -> None:
    latitude, longitude, grid = scenes.coordinates(20, 30)
    lookups = ((LOOKUP, LOOKUP.map.grid), (CoordinateLookup(latitude, longitude), grid))
    for (lookup, on), way in product(lookups, ("on_map", "on_radar")):
        mapping, _found = getattr(lookup, way)(on)
        back = pickle.loads(pickle.dumps(mapping))
        assert back.label == mapping.label
        core = Window(3, 2, 9, 11)
        assert back.windows(core) == mapping.windows(core)
