"""The geoid under a DEM: numbers, tables, what they shift, and what is none."""

from __future__ import annotations

import math
from typing import Any

import geocoding_scenes as scenes
import numpy as np
import pytest
import xarray as xr

from insarfeat.bursts.burst import SPEED_OF_LIGHT
from insarfeat.errors import InvalidArgument
from insarfeat.geometry import DopplerLookup
from insarfeat.windows import Window

NATIVE = scenes.radar(20_000, 20_000, (1, 1))
"""Sentinel-1's own lines and samples."""
DEM = scenes.terrain(scenes.map_of(scenes.radar()))
LATITUDE, LONGITUDE = scenes.places(scenes.map_of(scenes.radar()))


def located(geoid: Any) -> tuple[scenes.Floats, scenes.Floats]:
    lookup = DopplerLookup(NATIVE, DEM, geoid=geoid)
    return lookup.on_map(lookup.map.grid)[0].located(DEM.values, Window(0, 0, *DEM.shape))


def table(heights: Any, west: float = -4.0, south: float = 39.0, step: float = 1.0) -> xr.DataArray:
    heights = np.asarray(heights, "f8")
    lat, lon = (
        first + step * np.arange(size) for first, size in zip((south, west), heights.shape, strict=True)
    )
    return xr.DataArray(heights[::-1], {"lat": lat[::-1], "lon": lon}, ("lat", "lon"))


def test_fifty_metres_of_geoid_shift_by_their_share_of_the_range() -> None:
    """Up by h is nearer by h cos(incidence), and a sample is 2.33 m: found 15.6 samples."""
    (low_line, low), (line, sample) = located(0), located(50.0)
    up = NATIVE.line_of_sight(LATITUDE, LONGITUDE, DEM.values).up
    spacing = SPEED_OF_LIGHT / 2 / 6.4345e7
    np.testing.assert_allclose(low - sample, 50 * up / spacing, rtol=1e-3)
    assert np.abs(line - low_line).max() < 0.02  # 0.16 m


def test_a_table_and_a_number_agree_and_a_table_is_linear_between() -> None:
    np.testing.assert_allclose(located(table(np.full((4, 5), 50.0))), located(50.0), atol=1e-6)
    sloping = table(50 + np.add.outer(3.0 * np.arange(4), 2.0 * np.arange(5)))
    height = 50 + 3 * (LATITUDE - 39) + 2 * (LONGITUDE + 4)
    expected = NATIVE.locate(LATITUDE, LONGITUDE, DEM.values + height)
    np.testing.assert_allclose(located(sloping), expected, atol=0.02)


def test_tables_may_stand_upside_down_and_count_longitudes_from_0_to_360() -> None:
    heights = 50 + np.add.outer(3.0 * np.arange(4), 2.0 * np.arange(5))
    usual = located(table(heights))
    np.testing.assert_array_equal(located(table(heights)[::-1]), usual)
    np.testing.assert_allclose(located(table(heights, west=356.0)), usual, atol=1e-6)


def test_beyond_a_table_nothing_is_found() -> None:
    west = float(LONGITUDE.mean())
    lines, samples = located(table(np.zeros((4, 5)), west=west))
    assert np.isnan(lines[west - 1e-9 > LONGITUDE]).all()
    assert np.isnan(samples[west - 1e-9 > LONGITUDE]).all()
    assert np.isfinite(lines[west + 0.012 < LONGITUDE]).all()  # a tie point further in


@pytest.mark.parametrize("first", [-180.0, 0.0])
def test_a_table_round_the_earth_has_no_gap_where_it_closes(first: float) -> None:
    heights = np.add.outer(np.zeros(19), 20 * np.cos(np.radians(first + 10 * np.arange(36))))
    lookup = DopplerLookup(NATIVE, DEM, geoid=table(heights, west=first, south=-90.0, step=10.0))
    longitude = np.array([-180.0, -179.0, -175.0, -5.0, -1e-9, 0.0, 5.0, 175.0, 179.0, 180.0])
    found = lookup.on_map(lookup.map.grid)[0].geoid.above(np.full(10, 40.0), longitude)
    assert np.abs(found - 20 * np.cos(np.radians(longitude))).max() < 0.1


@pytest.mark.parametrize("geoid", [5000.0, math.nan, "egm96", None, -500])
def test_numbers_that_no_geoid_has_are_refused(geoid: Any) -> None:
    with pytest.raises(InvalidArgument, match="geoid must be metres above the ellipsoid"):
        DopplerLookup(NATIVE, DEM, geoid=geoid)


def test_rasters_that_are_no_geoid_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="geoid must be a DataArray over latitude and longitude"):
        DopplerLookup(NATIVE, DEM, geoid=DEM)
    with pytest.raises(InvalidArgument, match=r"it holds 900. Is it a DEM"):
        DopplerLookup(NATIVE, DEM, geoid=table(np.full((4, 5), 900.0)))
