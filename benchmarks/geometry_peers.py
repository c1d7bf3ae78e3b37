"""Radar geometry as others would do it, and the scenes that it is measured on."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.peers import Array

INCIDENCE, HEADING = 39.0, -12.0
_PIXEL = 15.0
_START = datetime(2025, 4, 6, 2, 20)
_UTM = "EPSG:32633"


def in_steps(dem: Array, coherence: Array, resolution: float) -> Array:
    """The sensitivity from the DEM, layer after layer."""
    from insarfeat import geometry, terrain

    found = terrain.attributes(dem, ["slope", "aspect"], resolution=resolution)
    facing = geometry.slope_to_los(found["slope"], found["aspect"], INCIDENCE, HEADING)
    return np.asarray(geometry.sensitivity_layer(coherence, facing))


def in_one_pass(dem: Any, coherence: Any, resolution: float) -> Any:
    """The sensitivity from the DEM, touching each pixel once."""
    from insarfeat import geometry

    sight = geometry.los_from_incidence(INCIDENCE, HEADING)
    found = geometry.ground_view(dem, ["sensitivity"], sight, coherence=coherence, resolution=resolution)
    return found["sensitivity"]


def facing_and_trusted(slope: Any, aspect: Any, incidence: Any, heading: Any, coherence: Any) -> Any:
    """Slope to line of sight, and the sensitivity made of it."""
    from insarfeat import geometry

    facing = geometry.slope_to_los(slope, aspect, incidence, heading)
    return geometry.sensitivity_layer(coherence, facing)


def numpy_facing(slope: Array, aspect: Array, incidence: Array, heading: Array) -> Array:
    """Slope to line of sight by its formula."""
    b, t, turn = np.radians(slope), np.radians(incidence), np.radians(aspect - heading)
    return np.asarray(np.sin(b) * np.cos(t) + np.cos(b) * np.sin(t) * np.sin(turn))


def numpy_sensitivity(
    slope: Array, aspect: Array, incidence: Array, heading: Array, coherence: Array
) -> Array:
    """The sensitivity by its formulas."""
    facing = numpy_facing(slope, aspect, incidence, heading)
    return np.asarray(np.abs(facing) * coherence / (1 + np.exp(-20 * (coherence - np.float32(0.3)))))


def numpy_local_incidence(slope: Array, aspect: Array, incidence: Array, heading: Array) -> Array:
    """Local incidence by its formula."""
    b, t, turn = np.radians(slope), np.radians(incidence), np.radians(aspect - heading)
    return np.asarray(np.degrees(np.arccos(np.cos(b) * np.cos(t) - np.sin(b) * np.sin(t) * np.sin(turn))))


def eastward(ascending: Any, descending: Any) -> Any:
    """Displacement eastward from two looks."""
    from insarfeat import geometry

    looks = [geometry.los_from_incidence(INCIDENCE, heading) for heading in (HEADING, -168.0)]
    return geometry.decompose([ascending, descending], looks)["displacement_east"]


def numpy_eastward(ascending: Array, descending: Array) -> Array:
    """The same for all pixels at once by a linear solver."""
    from insarfeat import geometry

    looks = [geometry.los_from_incidence(INCIDENCE, heading) for heading in (HEADING, -168.0)]
    matrix = np.array([[look.east, look.up] for look in looks])
    seen = np.stack([ascending.ravel(), descending.ravel()])
    return np.asarray(np.linalg.solve(matrix, seen)[0].reshape(ascending.shape), np.float32)


@cache
def scene(size: int) -> tuple[Any, xr.DataArray]:
    """A radar grid with Sentinel-1's spacing, and a map of rough hills in it; size x size pixels both.

    The image has two looks in range for each in azimuth, about the map's pixels.
    """
    from benchmarks.terrain_cases import hills
    from insarfeat.bursts import AzimuthAxis, SlantRangeAxis
    from insarfeat.geometry import Orbit, RadarGrid

    seconds = range(-100, 110, 10)
    turn = [0.8 + 0.00108 * second for second in seconds]
    orbit = Orbit(  # a circle over the poles
        times=[_START + timedelta(seconds=second) for second in seconds],
        positions=[(7.07e6 * np.cos(a), 0.0, 7.07e6 * np.sin(a)) for a in turn],
        velocities=[(-7635.6 * np.sin(a), 0.0, 7635.6 * np.cos(a)) for a in turn],
    )
    azimuth = AzimuthAxis(_START, 2.0555563e-3, max(size, 64))
    radar = RadarGrid(orbit, azimuth, SlantRangeAxis(5.5e-3, 64.345238e6 / 4, max(size, 64)))
    place = radar.position(size / 2, size / 2, 0.0)
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", _UTM, always_xy=True).transform(place.longitude, place.latitude)
    (elevations,) = hills(size)
    steps = _PIXEL * (np.arange(size) - size / 2)
    coords = {
        "y": ("y", float(y) - steps),
        "x": ("x", float(x) + steps),
        "spatial_ref": ((), 0, {"crs_wkt": _utm()}),
    }
    return radar, xr.DataArray(elevations, coords, ("y", "x"), "elevation")


@cache
def _utm() -> str:
    from pyproj import CRS

    return str(CRS.from_user_input(_UTM).to_wkt())


def located(dem: Array) -> Array:
    """Samples at which map pixels are seen, by the lookup's own mapping."""
    from insarfeat.geometry import DopplerLookup
    from insarfeat.georeference import grid_of
    from insarfeat.windows import Window

    radar, template = scene(len(dem))
    mapping, _ = DopplerLookup(radar, template, geoid=0.0).on_map(grid_of(template))
    return np.asarray(mapping.located(dem, Window(0, 0, *dem.shape))[1])


def sarsen_located(dem: Array) -> Array:
    """Samples at which map pixels are seen, by sarsen's solver; pyproj brings the map to Earth-fixed places."""
    from pyproj import Transformer
    from sarsen import geocoding, orbit

    radar, template = scene(len(dem))
    x, y = np.meshgrid(template.x.values, template.y.values)
    longitude, latitude = Transformer.from_crs(_UTM, "EPSG:4326", always_xy=True).transform(x, y)
    places = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    ground = xr.DataArray(
        np.stack(places.transform(longitude, latitude, dem.astype("f8"))),
        {"axis": [0, 1, 2]},
        ("axis", "y", "x"),
    )
    times = np.array(radar.orbit.times, "datetime64[ns]")
    positions = xr.DataArray(
        np.array(radar.orbit.positions), {"azimuth_time": times, "axis": [0, 1, 2]}, ("azimuth_time", "axis")
    )
    interpolator = orbit.OrbitPolyfitInterpolator.from_position(positions, deg=7)
    _, distance, _ = geocoding.backward_geocode_simple(
        ground, interpolator, zero_doppler_distance=1e-3, method="newton"
    )
    ranges = np.sqrt((distance**2).sum("axis"))
    axis = radar.slant_range
    return np.asarray((2 / 299_792_458.0 * ranges - axis.first_time) * axis.sampling_rate)


def on_map(ifg: Any) -> Any:
    """An interferogram on the map, by range and Doppler."""
    from insarfeat.geometry import DopplerLookup, geocode

    radar, dem = scene(len(ifg))
    return geocode(ifg, DopplerLookup(radar, dem, geoid=0.0))


def on_map_by_places(ifg: Any) -> Any:
    """An interferogram on the map, from latitudes and longitudes in radar geometry."""
    from insarfeat.geometry import CoordinateLookup, geocode

    _, dem = scene(len(ifg))
    return geocode(ifg, CoordinateLookup(*_places(len(ifg))), dem)


@cache
def _places(size: int) -> tuple[Array, Array]:
    radar, _ = scene(size)
    line, sample = np.mgrid[:size, :size].astype(float)
    return tuple(radar.position(line, sample, 0.0))


def on_radar(dem: Any) -> Any:
    """The DEM in radar geometry."""
    from insarfeat.geometry import DopplerLookup, radarcode

    radar, template = scene(len(dem))
    found = radarcode(template.copy(data=dem), DopplerLookup(radar, template, geoid=0.0))
    return found.data
