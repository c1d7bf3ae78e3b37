"""Geocoding of real products: where tie points come to lie, and an image with its latitudes and longitudes."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import dask.array as da
import geocoding_scenes as scenes
import numpy as np
import pytest
import rasterio
import xarray as xr
from pyproj import Transformer
from rasterio.features import rasterize
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from insarfeat import filters
from insarfeat.geometry import CoordinateLookup, DopplerLookup, geocode, map_grid, radarcode
from insarfeat.io.annotation import read_swath
from insarfeat.windows import Window


@pytest.mark.parametrize("folder", ["s1meta_hyp3isce2", "ifg_morocco_eotools"])
def test_real_tie_points_come_to_lie_where_they_are_annotated(folder: str, test_data: Path) -> None:
    """Found: within 0.003 lines and 0.003 samples, on maps of 10 m pixels about each."""
    products = (
        sorted((test_data / folder).glob("*_annotation.SAFE.zip")) if (test_data / folder).is_dir() else []
    )
    if not products:
        pytest.skip(f"no sample {folder}")
    with zipfile.ZipFile(products[0]) as archive:
        names = [name for name in sorted(archive.namelist()) if "/annotation/s1a" in name]
        swaths = [read_swath(archive.open(name)) for name in names]
    assert len(swaths) == 3
    for swath in swaths:
        points, image = swath.tie_points, swath.grid
        first = np.array([np.datetime64(burst.azimuth.first_time, "us") for burst in swath.bursts])
        burst = np.minimum(points.line // swath.bursts[0].lines, len(first) - 1)
        interval = image.azimuth.interval
        since = (first[burst] - np.datetime64(image.azimuth.first_time, "us")) / np.timedelta64(1, "s")
        lines_there = since / interval + points.line - burst * swath.bursts[0].lines
        for place in ((3, 4), (5, 15), (7, 10)):
            center = points.longitude[place], points.latitude[place]
            zone = f"EPSG:{32600 + int(center[0] // 6) + 31}"
            x, y = Transformer.from_crs(4326, zone, always_xy=True).transform(*center)
            # A pixel's centre is on the point.
            grid = map_grid((x - 105, y - 105, x + 105, y + 105), zone, resolution=10)
            dem = scenes.on_grid(np.full((21, 21), points.height[place], "f4"), grid, "elevation")
            lookup = DopplerLookup(image, dem, geoid=0)
            lines, samples = image.shape
            line = geocode(
                da.broadcast_to(da.arange(lines, chunks=512, dtype="f8")[:, None], image.shape), lookup
            )
            sample = geocode(da.broadcast_to(da.arange(samples, chunks=512, dtype="f8"), image.shape), lookup)
            assert float(line[10, 10].compute()) == pytest.approx(lines_there[place], abs=0.01)
            assert float(sample[10, 10].compute()) == pytest.approx(points.pixel[place], abs=0.01)


# -- Amsterdam, full resolution ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def amsterdam(test_data: Path) -> xr.Dataset:
    folder = test_data / "slc_amsterdam_sarxarray"
    if not folder.is_dir():
        pytest.skip("no sample slc_amsterdam_sarxarray")

    def bands(name: str) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(folder / name) as file:
                return file.read()

    latitude, longitude, elevation, _ = bands("geom_lat_lon_height_h2ph.tif")
    pair = [bands(f"slc_{day}_vv.tif")[0] for day in ("20230319", "20230331")]
    rasters = {
        "latitude": latitude, "longitude": longitude, "elevation": elevation,
        "interferogram": filters.interferogram(*pair),
    }  # fmt: skip
    return xr.Dataset({name: (("line", "sample"), raster) for name, raster in rasters.items()})


MAPS = {"EPSG:32631": 10.0, "EPSG:4326": 1e-4, "EPSG:28992": 10.0}


def map_about(image: xr.Dataset, crs: str) -> scenes.Grid:
    to = Transformer.from_crs(4326, crs, always_xy=True)
    x, y = to.transform(image.longitude.values, image.latitude.values)
    return map_grid((x.min(), y.min(), x.max(), y.max()), crs, resolution=MAPS[crs])


@pytest.mark.parametrize("crs", MAPS)
def test_latitude_and_longitude_where_a_map_pixel_is_found_are_its_own(
    amsterdam: xr.Dataset, crs: str
) -> None:
    """Single latitudes are steps of 0.4 m. Found: 1 mm in the median, 0.4 m at most (cells are no two triangles)."""
    latitude, longitude = (amsterdam[name].values for name in ("latitude", "longitude"))
    grid = map_about(amsterdam, crs)
    mapping, _ = CoordinateLookup(latitude, longitude).on_map(grid)
    core = Window(0, 0, grid.y.size, grid.x.size)
    window = mapping.windows(core)[0]
    found = mapping.compute((latitude[window.slices], longitude[window.slices]), (window, window), core)
    there = ~np.isnan(found[0])
    assert there.sum() > 5000
    for raster, own, metres in zip(
        (latitude, longitude), scenes.places(grid), (111_200, 67_900), strict=True
    ):
        between = map_coordinates(raster.astype("f8"), [part[there] for part in found], order=1)
        off = np.abs(between - own[there]) * metres
        assert np.median(off) < 0.05
        assert off.max() < 0.5


def dense(rim: np.ndarray) -> np.ndarray:
    """Ten points on each edge."""
    shares = np.linspace(0, 1, 10, endpoint=False)[:, None, None]
    return (rim + shares * (np.roll(rim, -1, axis=0) - rim)).reshape(-1, 2)


def test_the_map_is_covered_where_the_footprint_is(amsterdam: xr.Dataset) -> None:
    grid = map_about(amsterdam, "EPSG:32631")
    lookup = CoordinateLookup(amsterdam["latitude"], amsterdam["longitude"])
    covered = np.isfinite(geocode(amsterdam["elevation"], lookup, grid).values)
    to = Transformer.from_crs(4326, "EPSG:32631", always_xy=True)
    x, y = to.transform(amsterdam.longitude.values, amsterdam.latitude.values)
    sides = (np.s_[0], np.s_[:, -1], np.s_[-1, ::-1], np.s_[::-1, 0])
    rim = np.concatenate([np.stack([x, y], -1)[side] for side in sides])
    outline = [{"type": "Polygon", "coordinates": [rim.tolist()]}]
    inside = rasterize(outline, covered.shape, transform=rasterio.Affine(*grid.affine)).astype(bool)
    axes = (axis.first + axis.step * np.arange(axis.size) for axis in (grid.x, grid.y))
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    # Within a metre of the rim either may be right: its corners are single latitudes, 0.4 m apart.
    near = cKDTree(dense(rim)).query(points)[0].reshape(covered.shape) < 1.0
    np.testing.assert_array_equal(covered | near, inside | near)
    assert near.mean() < 0.05
    assert covered.mean() > 0.3


@pytest.mark.parametrize("crs", MAPS)
def test_heights_and_interferograms_survive_the_way_there_and_back(amsterdam: xr.Dataset, crs: str) -> None:
    grid = map_about(amsterdam, crs)
    lookup = CoordinateLookup(amsterdam["latitude"], amsterdam["longitude"])
    smooth = filters.gaussian(amsterdam["interferogram"].values, width=60.0, resolution=(13.9, 3.4))
    radar = xr.Dataset(
        {
            "elevation": amsterdam["elevation"],
            "interferogram": (("line", "sample"), smooth),
        }
    )
    there = geocode(radar, lookup, grid)
    back = radarcode(there, lookup, (84, 338))
    inner = (slice(3, -3), slice(10, -10))
    off = np.abs(back["elevation"] - radar["elevation"]).values[inner]
    assert np.median(off) < 0.05
    given, found = radar["interferogram"].values[inner], back["interferogram"].values[inner]
    valid = np.isfinite(given) & np.isfinite(found)
    assert valid.mean() > 0.99
    given, found = given[valid], found[valid]
    coherence = abs((given * found.conj()).sum()) / np.linalg.norm(given) / np.linalg.norm(found)
    assert coherence > 0.97
