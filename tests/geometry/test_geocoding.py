"""Geocoding and back: closed forms, every kind of layer, voids, and rasters cut in any way."""

from __future__ import annotations

from typing import Any
from unittest import mock

import dask.array as da
import geocoding_scenes as scenes
import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from insarfeat.dispatch import lazy
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.geometry import CoordinateLookup, DopplerLookup, geocode, map_grid, radarcode

IMAGE = scenes.radar()
LINES, SAMPLES = IMAGE.shape
LINE, SAMPLE = np.mgrid[:LINES, :SAMPLES].astype("f8")
DEM = scenes.terrain(scenes.map_of(IMAGE, margin=0.1), relief=400)
DOPPLER = DopplerLookup(IMAGE, DEM, geoid=50.0)
AT = IMAGE.locate(*scenes.places(DOPPLER.map.grid), DEM.values + 50.0)
INSIDE = (AT.line > 1) & (AT.line < LINES - 2) & (AT.sample > 1) & (AT.sample < SAMPLES - 2)


def seen(at: Any = AT) -> Any:
    """Where the nearest pixel of the image is one."""
    return (at.line >= -0.5) & (at.line < LINES - 0.5) & (at.sample >= -0.5) & (at.sample < SAMPLES - 0.5)


def in_radar(pixels: Any, name: str | None = None) -> xr.DataArray:
    lead = tuple(f"lead{number}" for number in range(pixels.ndim - 2))
    return xr.DataArray(pixels, dims=(*lead, "line", "sample"), name=name)


# -- to the map ---------------------------------------------------------------------------------------------


def test_lines_and_samples_come_to_lie_where_range_and_doppler_have_them() -> None:
    for layer, at in ((LINE, AT.line), (SAMPLE, AT.sample)):
        found = geocode(layer, DOPPLER)
        assert isinstance(found, np.ndarray)
        assert np.abs(found - at)[INSIDE].max() < 2e-3
        np.testing.assert_array_equal(np.isnan(found), ~seen())


def test_complex_layers_are_sampled_as_numbers_and_zeros_are_nodata() -> None:
    ramp = np.exp(1j * (0.1 * LINE + 0.2 * SAMPLE)) * (2 + LINE / 60)
    ramp[40:50, 60:70] = 0
    found = geocode(ramp.astype("c8"), DOPPLER)
    assert found.dtype == np.complex64
    expected = np.exp(1j * (0.1 * AT.line + 0.2 * AT.sample)) * (2 + AT.line / 60)
    hole = (np.abs(AT.line - 44.5) < 6.5) & (np.abs(AT.sample - 64.5) < 6.5)
    assert np.abs(found - expected)[INSIDE & ~hole].max() < 4 * (0.1**2 + 0.2**2) / 8 + 1e-3
    np.testing.assert_array_equal(
        np.isnan(found), ~seen() | ((np.abs(AT.line - 44.5) < 5) & (np.abs(AT.sample - 64.5) < 5))
    )


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("named", [True, False])
def test_wrapped_phase_does_not_smear_at_its_jump(kind: str, named: bool) -> None:
    ramp = np.angle(np.exp(0.25j * (LINE + SAMPLE))).astype(kind)
    if named:
        found = geocode(in_radar(ramp, "wrapped_phase"), DOPPLER)
        assert found.name == "wrapped_phase"
        found = found.values
    else:
        found = geocode(ramp, DOPPLER, period=2 * np.pi)
    assert found.dtype == kind
    expected = np.exp(0.25j * (AT.line + AT.sample))
    assert np.abs(np.exp(1j * found) - expected)[INSIDE].max() < 1e-3
    assert np.nanmin(found) > -np.pi - 1e-6
    smeared = geocode(ramp, DOPPLER)
    assert np.abs(np.exp(1j * smeared) - expected)[INSIDE].max() > 1


@pytest.mark.parametrize("kind", ["u1", "?", "i2"])
def test_classes_are_those_of_the_nearest_pixel(kind: str) -> None:
    classes = (np.hypot(LINE - 60, SAMPLE - 70) < 30).astype(kind)
    found = geocode(classes, DOPPLER)
    assert found.dtype == ("u1" if kind == "?" else kind)
    inside = seen()
    rows, columns = (np.floor(np.where(inside, part, 0) + 0.5).astype(int) for part in AT)
    expected = np.where(inside, classes[rows, columns], -32768 if kind == "i2" else 255)
    # Positions are right to 0.005 pixels, so some of 50 000 lie on the other side of a half.
    assert (found != expected).mean() < 1e-3


def test_a_map_may_be_named_by_what_lies_on_it_and_has_its_coordinates() -> None:
    latitude, longitude, grid = scenes.coordinates(50, 70)
    lookup = CoordinateLookup(latitude, longitude)
    named = scenes.on_grid(np.zeros((grid.y.size, grid.x.size), "f4"), grid, "coherence")
    layer = in_radar(np.mgrid[:50, :70][0].astype("f4"), "coherence").assign_coords(
        time=7, line=np.arange(50)
    )
    layer.attrs = {"units": "1", "grid_mapping": "gone"}
    expected = geocode(layer, lookup, grid)
    assert expected.dims == ("y", "x")
    assert set(expected.coords) == {"y", "x", "spatial_ref", "time"}
    assert expected.attrs == {"units": "1", "processing": "geometry.geocode()"}
    np.testing.assert_array_equal(expected.y, named.y)
    for given_map in (named, named.to_dataset(), grid):
        xr.testing.assert_identical(geocode(layer, lookup, given_map), expected)
    np.testing.assert_array_equal(geocode(layer.values, lookup, named), expected)


def test_leading_dimensions_and_datasets_are_worked_through() -> None:
    stack = np.stack([SAMPLE, LINE, SAMPLE * LINE]).astype("f4")
    found = geocode(in_radar(stack, "intensity"), DOPPLER)
    assert found.dims == ("lead0", "y", "x")
    for number in range(3):
        np.testing.assert_array_equal(found[number], geocode(stack[number], DOPPLER))
    radar = xr.Dataset(
        {
            "intensity": in_radar(stack), "landslide": in_radar((SAMPLE > 30).astype("u1")),
            "wrapped_phase": in_radar(stack[0] / 60), "wavelength": 0.0555,
        },
        attrs={"title": "two"},
    )  # fmt: skip
    both = geocode(radar, DOPPLER)
    assert both.attrs == {"title": "two"}
    assert both["wavelength"] == 0.0555
    np.testing.assert_array_equal(both["intensity"], found)
    np.testing.assert_array_equal(both["landslide"], geocode(radar["landslide"].values, DOPPLER))
    np.testing.assert_array_equal(both["wrapped_phase"], geocode(stack[0] / 60, DOPPLER, period=2 * np.pi))


# -- there and back -----------------------------------------------------------------------------------------


def smooth(rows: Any, columns: Any, length: float) -> Any:
    """A wave, of which linear interpolation over a unit misses an eighth of (2 pi / length)^2, twice."""
    return np.sin(2 * np.pi * rows / length) + np.cos(2 * np.pi * columns / length)


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_radar_to_map_and_back_is_where_it_was(method: Any) -> None:
    """Ground pixels of 60 m are finer than lines and as fine as samples: 2 errors of linear interpolation each."""
    layer = smooth(LINE, SAMPLE, 30.0)
    back = radarcode(
        scenes.on_grid(geocode(layer, DOPPLER, method=method), DOPPLER.map.grid), DOPPLER, method=method
    )
    assert back.dims == ("line", "sample")
    inner = (slice(4, -4), slice(8, -8))
    bound = 2 * 2 * (2 * np.pi / 30) ** 2 / 8 if method == "linear" else 5e-3
    assert np.isfinite(back.values[inner]).all()
    assert np.abs(back.values - layer)[inner].max() < bound + 2e-3


def test_map_to_radar_and_back_is_where_it_was() -> None:
    rows, columns = np.mgrid[: DEM.shape[0], : DEM.shape[1]]
    layer = scenes.on_grid(smooth(rows, columns, 60.0), DOPPLER.map.grid, "displacement")
    there = radarcode(layer, DOPPLER, (LINES, SAMPLES))
    back = geocode(there, DOPPLER)
    assert back.attrs["processing"] == "geometry.radarcode() | geometry.geocode()"
    # A line is 137 m, or up to 2.4 rows; on slopes that face the radar a sample is up to 3 columns.
    assert np.abs(back - layer).values[INSIDE].max() < 2 * (2.6**2 + 3**2) * (2 * np.pi / 60) ** 2 / 8
    elevations = radarcode(DEM, DOPPLER)
    height = IMAGE.position(LINE[5:-5, 5:-5], SAMPLE[5:-5, 5:-5], elevations.values[5:-5, 5:-5] + 50)
    to = Transformer.from_crs(4326, scenes.UTM, always_xy=True)
    x, y = to.transform(height.longitude, height.latitude)
    there_too = DEM.interp(y=xr.DataArray(y, dims=("l", "s")), x=xr.DataArray(x, dims=("l", "s")))
    assert np.nanmax(np.abs(there_too.values - elevations.values[5:-5, 5:-5])) < 1.0


def test_coordinates_there_and_back_keep_planes_to_the_millimetre() -> None:
    latitude, longitude, _ = scenes.coordinates(80, 90)
    grid = map_grid((499_500, 4_594_000, 507_000, 4_602_000), scenes.UTM, resolution=50)
    lookup = CoordinateLookup(latitude, longitude)
    line, sample = np.mgrid[:80, :90].astype("f8")
    found = scenes.on_grid(geocode(3 * line - 2 * sample, lookup, grid), grid)
    x, y = np.meshgrid(found.x, found.y)
    expected = np.dot([3, -2], np.stack(scenes.unturned(x, y)).reshape(2, -1)).reshape(x.shape)
    np.testing.assert_allclose(found, np.where(np.isnan(found), np.nan, expected), atol=5e-4)
    back = radarcode(found, lookup)
    np.testing.assert_allclose(back[2:-2, 2:-2], (3 * line - 2 * sample)[2:-2, 2:-2], atol=1e-3)


# -- voids --------------------------------------------------------------------------------------------------


def test_gaps_in_latitude_and_longitude_are_holes_and_no_smears() -> None:
    latitude, longitude, grid = scenes.coordinates(80, 90)
    latitude[30:41, 50:61] = np.nan
    longitude[:5] = np.nan
    lookup = CoordinateLookup(latitude, longitude)
    found = geocode(np.mgrid[:80, :90][0].astype("f8"), lookup, grid)
    line, sample = scenes.unturned(
        *np.meshgrid(*(axis.first + axis.step * np.arange(axis.size) for axis in (grid.x, grid.y)))
    )
    inside = (line > 5) & (line < 79) & (sample > 0) & (sample < 89)
    hole = (line > 29) & (line < 41) & (sample > 49) & (sample < 61)
    assert np.isnan(found[hole & (np.hypot(line - 35, sample - 55) < 6)]).all()
    assert np.isnan(found[line < 5 - 1e-3]).all()
    np.testing.assert_allclose(found[inside & ~hole], line[inside & ~hole], atol=1e-4)


def test_bursts_that_lie_far_apart_are_not_joined_by_ground() -> None:
    latitude, longitude, grid = scenes.coordinates(80, 90)
    latitude[40:] -= 0.1  # 11 km further south
    found = geocode(np.ones((80, 90), "f4"), CoordinateLookup(latitude, longitude), grid)
    assert np.isnan(found[-10:]).all()
    assert np.nanmax(found) == 1


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32660", "EPSG:32601", "EPSG:3832"])
@pytest.mark.parametrize("turned", [0.0, 360.0])
def test_the_date_line_is_no_border(crs: str, turned: float) -> None:
    line, sample = np.mgrid[:200, :300].astype("f8")
    east = 179.9 + 7e-4 * sample + 1e-4 * line
    latitude = 52.0 - 5e-4 * line + 1e-4 * sample
    longitude = np.where(east > 180, east - 360 + turned, east)
    lookup = CoordinateLookup(latitude, longitude)
    to = Transformer.from_crs(4326, crs, always_xy=True)
    size = 5e-4 if crs == "EPSG:4326" else 50.0
    if crs == "EPSG:4326":
        grid = map_grid((179.92, 51.92, 180.09, 51.98), crs, resolution=size)
    else:
        x, y = to.transform(np.array([179.92, -179.91]), np.array([51.92, 51.98]))
        grid = map_grid((x[0], y[0], x[1], y[1]), crs, resolution=size)
    with mock.patch.object(lazy, "_REMAPPED", 64):
        found = geocode(sample, lookup, grid)
    north, east = scenes.places(grid)
    east = east % 360
    expected = (east - 179.9 - (52.0 - north) / 5) / (7e-4 + 1e-4 / 5)
    there = (52.0 + 1e-4 * expected - north) / 5e-4 < 198.9
    assert there.sum() > 1e4
    assert np.abs(found - expected)[there].max() < 1e-3
    with mock.patch.object(lazy, "_REMAPPED", 64):
        back = radarcode(scenes.on_grid(east, grid), lookup).values
    x, y = to.transform(longitude, latitude)
    x = np.where((crs == "EPSG:4326") & (x < 0), x + 360, x)
    on_map = (
        np.abs(x - grid.x.first - grid.x.step * (grid.x.size - 1) / 2) < grid.x.step * (grid.x.size - 1) / 2
    ) & (
        np.abs(y - grid.y.first - grid.y.step * (grid.y.size - 1) / 2) < -grid.y.step * (grid.y.size - 1) / 2
    )
    assert on_map.sum() > 1e4
    np.testing.assert_allclose(back[on_map], (longitude % 360)[on_map], atol=1e-6)


# -- cut in any way -----------------------------------------------------------------------------------------

SMALL = scenes.radar(24, 31)
SMALL_DEM = scenes.terrain(scenes.map_of(SMALL, resolution=110, margin=0.4), relief=2500, rough=40)
SMALL_DEM[10:14, 15:22] = np.nan
COORDINATES = scenes.coordinates(24, 31, spacing=97.0)
RANDOM = np.random.default_rng(0)
NOISE = (RANDOM.normal(size=(2, 24, 31)) + 1j * RANDOM.normal(size=(2, 24, 31))).astype("c8")
NOISE[RANDOM.random(NOISE.shape) < 0.1] = np.nan
LAYERS = {"c": NOISE, "f": NOISE.real, "p": np.angle(NOISE), "u": (NOISE.real > 0).astype("u1")}


def both_ways(kind: str, doppler: bool, cut: Any, method: Any = None) -> tuple[Any, Any]:
    """A layer on the map and back in radar geometry, all inputs cut by ``cut``."""
    layer = in_radar(cut(LAYERS[kind]), "wrapped_phase" if kind == "p" else "layer")
    lookup: Any
    if doppler:
        dem = SMALL_DEM.copy(data=cut(SMALL_DEM.values))
        lookup, grid = DopplerLookup(SMALL, dem, geoid=20.0, elevations=(-1500, 2500)), None
    else:
        latitude, longitude, grid = COORDINATES
        lookup = CoordinateLookup(cut(latitude), cut(longitude))
    there = geocode(layer, lookup, grid, method=method)
    return there, radarcode(there, lookup, method=method)


@given(
    st.data(),
    st.sampled_from("cfpu"),
    st.booleans(),
    st.sampled_from([13, 31, 1024]),
    st.sampled_from([None, "cubic"]),
)
def test_chunks_and_tiles_do_not_change_a_bit(
    data: st.DataObject, kind: str, doppler: bool, tile: int, method: Any
) -> None:
    method = None if kind == "u" else method
    expected = both_ways(kind, doppler, lambda array: array, method)

    def cut(array: Any) -> Any:
        return da.from_array(
            array, chunks=[data.draw(st.integers(min(size, 9), size)) for size in array.shape]
        )

    with mock.patch.object(lazy, "_REMAPPED", tile):
        found = both_ways(kind, doppler, cut, method)
        eager = both_ways(kind, doppler, lambda array: array, method)
    for got, piecewise, wanted in zip(found, eager, expected, strict=True):
        assert got.chunks is not None
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got.compute(scheduler="sync"), wanted)
        np.testing.assert_array_equal(piecewise, wanted)


@pytest.mark.parametrize("method", ["nearest", "linear", "cubic"])
def test_a_dem_can_be_brought_to_the_radar_by_itself(method: Any) -> None:
    """Both the layer and the positions then stand on the same chunks, through windows of different sizes."""
    expected = radarcode(SMALL_DEM, DopplerLookup(SMALL, SMALL_DEM, geoid=20.0), method=method)
    chunked = SMALL_DEM.chunk({"y": 11, "x": 13})
    with mock.patch.object(lazy, "_REMAPPED", 13):
        found = radarcode(chunked, DopplerLookup(SMALL, chunked, geoid=20.0), method=method)
    np.testing.assert_array_equal(found.compute(scheduler="sync"), expected)


# -- what goes wrong ----------------------------------------------------------------------------------------


def test_layers_that_do_not_fit_the_lookup_are_refused() -> None:
    with pytest.raises(
        GridMismatch, match="layer is 119 x 150 pixels, the lookup's image 120 x 150; was it cropped"
    ):
        geocode(LINE[1:], DOPPLER)
    with pytest.raises(InvalidType, match="layer must be a raster"):
        geocode(LINE[0], DOPPLER)
    with pytest.raises(InvalidType, match="layer must be a raster"):
        geocode([[1.0]], DOPPLER)
    with pytest.raises(InvalidType, match="layer must be a DataArray with coordinates"):
        radarcode(DEM.values, DOPPLER)
    with pytest.raises(
        GridMismatch, match=r"shape is \(120, 149\), and the lookup's image has 120 lines and 150"
    ):
        radarcode(DEM, DOPPLER, (120, 149))


def test_another_map_than_the_dems_gets_its_elevations() -> None:
    """Lines and samples are where the image's own geometry has them, at elevations interpolated by hand."""
    finer = scenes.map_of(IMAGE, resolution=25.0)
    found = geocode(in_radar(LINE, "line_number"), DOPPLER, finer)
    between = DEM.interp(x=found.x, y=found.y)
    longitude, latitude = Transformer.from_crs(finer.crs_wkt, 4326, always_xy=True).transform(
        *np.meshgrid(found.x, found.y)
    )
    expected = IMAGE.locate(latitude, longitude, between.values).line
    both = (
        np.isfinite(found.values) & (expected > 0) & (expected < LINES - 1)
    )  # beyond there is no other line
    assert both.mean() > 0.5
    assert np.abs(found.values - expected)[both].max() < 0.01
    again = radarcode(found, DOPPLER)
    inside = np.isfinite(again.values)
    assert inside.mean() > 0.5
    assert np.nanmedian(np.abs(again.values - LINE)[inside]) < 0.05


def test_the_map_of_a_dem_is_known_again_after_rounding_and_rewriting() -> None:
    grid = scenes.map_of(IMAGE, "EPSG:4326", 1 / 1800)
    dem = scenes.terrain(grid)
    lookup = DopplerLookup(IMAGE, dem, geoid=0)
    there = geocode(in_radar(LINE, "coherence"), lookup, grid)
    assert np.isfinite(radarcode(there, lookup).values[10:-10, 10:-10]).all()
    there["spatial_ref"].attrs = {"crs_wkt": rasterio.crs.CRS.from_epsg(4326).to_wkt()}
    assert np.isfinite(radarcode(there, lookup).values[10:-10, 10:-10]).all()


def test_a_period_is_not_of_several_layers() -> None:
    with pytest.raises(InvalidArgument, match="period is of one layer, and a Dataset has several"):
        geocode(xr.Dataset({"a": ("line", [1.0])}), DOPPLER, period=2.0)


def test_the_map_keeps_the_names_of_its_dimensions() -> None:
    named = DEM.rename(y="north", x="east")
    there = radarcode(named, DopplerLookup(IMAGE, named, geoid=50.0))
    back = geocode(there, DopplerLookup(IMAGE, named, geoid=50.0))
    assert back.dims == ("north", "east")
    xr.testing.assert_identical(back["north"].variable, named["north"].variable)
    assert float(abs(back - named).median()) < 10.0
