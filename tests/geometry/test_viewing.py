"""The line of sight over a map: against range-Doppler pixel by pixel, at any height, and the annotated incidence."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any
from unittest import mock

import dask.array as da
import geocoding_scenes as scenes
import numpy as np
import pytest
import xarray as xr

from insarfeat.dispatch import lazy
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.geometry import LineOfSight, incidence_and_heading, map_grid, sight_on_map
from insarfeat.georeference import Grid
from insarfeat.io.annotation import read_swath

IMAGE = scenes.radar()
MAPS = [(scenes.UTM, 60.0), ("EPSG:4326", 5e-4), ("EPSG:3035", 90.0)]


def off(sight: LineOfSight, expected: Any) -> float:
    return max(
        float(np.abs(found.values - wanted).max()) for found, wanted in zip(sight, expected, strict=True)
    )


@pytest.mark.parametrize(("crs", "resolution"), MAPS)
@pytest.mark.parametrize("look", ["right", "left"])
@pytest.mark.parametrize("height", [None, 0.0, -400.0, 3500.0, 7000.0, 8849.0])
def test_the_line_of_sight_is_that_of_each_pixel(
    crs: str, resolution: float, look: Any, height: float | None
) -> None:
    """Found: 2e-7 at the ellipsoid and at 7000 m, 7e-6 halfway between, 9e-6 on Mount Everest."""
    image = scenes.radar(look=look)
    grid = scenes.map_of(image, crs, resolution)
    elevation = scenes.terrain(grid, 4000, rough=1) + 1500 if height is None else height
    sight = sight_on_map(image, grid, elevation=elevation)
    above = np.asarray(elevation, "f8")
    assert off(sight, image.line_of_sight(*scenes.places(grid), above)) < 1e-5
    assert np.abs(sum(part.astype("f8") ** 2 for part in sight) - 1).max() < 5e-7


def test_layers_have_names_units_coordinates_and_are_lazy() -> None:
    grid = scenes.map_of(IMAGE)
    sight = sight_on_map(IMAGE, grid)
    assert [part.name for part in sight] == ["los_east", "los_north", "los_up"]
    for part in sight:
        assert isinstance(part.data, da.Array)
        assert part.dtype == part.compute().dtype == np.float32
        assert part.attrs["units"] == "1"
        assert set(part.coords) == {"y", "x", "spatial_ref"}
    raster = scenes.terrain(grid)
    named = sight_on_map(IMAGE, raster.to_dataset(), elevation=0)
    xr.testing.assert_identical(named.east.compute(), sight.east.compute())


def test_angles_are_those_of_the_vector() -> None:
    grid = scenes.map_of(IMAGE)
    sight = sight_on_map(IMAGE, grid, elevation=300.0)
    east, north, up = IMAGE.line_of_sight(*scenes.places(grid), 300.0)
    angles = sight.incidence_and_heading()
    same = incidence_and_heading(*(part.compute() for part in sight))
    for found, wanted in zip(angles, same, strict=True):
        np.testing.assert_array_equal(found.values, wanted.values)
    assert np.abs(angles.incidence.values - np.degrees(np.arccos(up))).max() < 1e-3
    heading = np.degrees(np.arctan2(east, north)) + 90
    assert np.abs((angles.heading.values - heading + 180) % 360 - 180).max() < 1e-3
    higher = sight_on_map(IMAGE, grid, elevation=1300.0).incidence_and_heading().incidence
    assert 0.03 < float((higher - angles.incidence).mean()) < 0.08


@pytest.mark.parametrize("tile", [13, 64])
def test_tiles_and_chunks_do_not_change_a_bit(tile: int) -> None:
    grid = scenes.map_of(scenes.radar(40, 50), resolution=80)
    elevation = scenes.terrain(grid, 3000, rough=50)
    elevation[4:9, 3:7] = np.nan
    whole = sight_on_map(IMAGE, grid, elevation=elevation)
    with mock.patch.object(lazy, "_REMAPPED", tile):
        cut = sight_on_map(IMAGE, elevation, elevation=elevation.chunk({"y": 9, "x": 11}))
        level = sight_on_map(IMAGE, elevation, elevation=700)
    for part, wanted in zip(cut, whole, strict=True):
        assert len(part.chunks[0]) > 1
        np.testing.assert_array_equal(part.compute(scheduler="sync"), wanted)
        np.testing.assert_array_equal(np.isnan(part), np.isnan(elevation))
    for part, wanted in zip(level, sight_on_map(IMAGE, grid, elevation=700), strict=True):
        np.testing.assert_array_equal(part, wanted)


def test_it_goes_on_beyond_the_image_as_far_as_there_is_an_orbit() -> None:
    """A minute of the orbit is 400 km. Tie points are 32 km apart at this resolution, hence the tolerance."""
    beyond = map_grid((590_000, 4_380_000, 600_000, 5_300_000), scenes.UTM, resolution=2000)
    sight = sight_on_map(IMAGE, beyond)
    expected = IMAGE.line_of_sight(*scenes.places(beyond), 0.0)
    known = np.isfinite(expected.up)
    assert 20 < known[:, 0].sum() < known.shape[0] - 20
    for found, wanted in zip(sight, expected, strict=True):
        valid = np.isfinite(found.values)
        assert not (valid & ~known).any()
        assert (known & ~valid).sum() <= 17 * known.shape[1]  # to the next tie point
        assert np.abs(found.values - wanted)[valid].max() < 2e-4


def test_what_does_not_lie_on_the_map_is_refused() -> None:
    grid = scenes.map_of(IMAGE)
    with pytest.raises(GridMismatch, match="elevation must lie on the map that is wanted"):
        sight_on_map(IMAGE, grid, elevation=scenes.terrain(grid)[1:])
    with pytest.raises(GridMismatch, match="elevation must lie on the map that is wanted"):
        sight_on_map(IMAGE, scenes.terrain(grid), elevation=scenes.terrain(scenes.map_of(IMAGE, "EPSG:3035")))
    with pytest.raises(InvalidType, match="elevation must be a number or a DataArray with coordinates"):
        sight_on_map(IMAGE, grid, elevation=scenes.terrain(grid).values)
    with pytest.raises(InvalidArgument, match="the grid has no CRS"):
        sight_on_map(IMAGE, Grid(grid.y, grid.x, None))
    with pytest.raises(InvalidType, match="grid must be a DataArray or Dataset on the map"):
        sight_on_map(IMAGE, (3, 4))


def test_the_incidence_is_the_annotated_one_but_for_the_vertical(test_data: Path) -> None:
    """Annotated angles are from the line through the Earth's centre, 0.03 to 0.04 degrees off."""
    products = sorted(test_data.glob("*/S1A_IW_SLC*_annotation.SAFE.zip"))
    if not products:
        pytest.skip("no samples of Sentinel-1 annotation")
    for product in products[::2]:
        with zipfile.ZipFile(product) as archive:
            names = [name for name in sorted(archive.namelist()) if "/annotation/s1a" in name]
            swaths = [read_swath(archive.open(name)) for name in names]
        for swath in swaths:
            points = swath.tie_points
            for place in ((2, 3), (5, 11), (8, 18)):
                east, north = points.longitude[place], points.latitude[place]
                bounds = (east - 0.005, north - 0.005, east + 0.005, north + 0.005)
                grid = map_grid(bounds, "EPSG:4326", resolution=2e-3)
                sight = sight_on_map(swath.grid, grid, elevation=float(points.height[place]))
                incidence = sight.incidence_and_heading().incidence[2, 2]
                assert 0.01 < abs(float(incidence) - points.incidence[place]) < 0.05
