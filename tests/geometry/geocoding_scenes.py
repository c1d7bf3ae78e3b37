"""A toy satellite, maps under it, and rough ground: what the tests of geocoding share."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj import Transformer

from insarfeat.bursts import AzimuthAxis, SlantRangeAxis
from insarfeat.geometry import Orbit, RadarGrid
from insarfeat.geometry.maps import map_grid, map_named
from insarfeat.georeference import Grid, parse_crs

START = datetime(2025, 4, 6, 2, 20)
RADIUS, TURNING, EARTH = 7.07e6, 1.06e-3, 7.2921159e-5
TILTED = math.radians(98.2)
UTM = "EPSG:32630"

Floats = NDArray[np.float64]


def orbit(at: float = 0.7, before: float = -60.0, after: float = 90.0) -> Orbit:
    """A circle over an Earth that turns beneath it; ``at`` is the angle from the ascending node."""
    seconds = np.linspace(before, after, 16)
    angle = at + TURNING * seconds
    round_, along = np.cos(angle), np.sin(angle)
    position = RADIUS * np.stack([round_, along * math.cos(TILTED), along * math.sin(TILTED)])
    velocity = TURNING * RADIUS * np.stack([-along, round_ * math.cos(TILTED), round_ * math.sin(TILTED)])
    c, s = np.cos(EARTH * seconds), np.sin(EARTH * seconds)
    x, y, z = position
    u, v, w = velocity
    fixed = np.stack([c * x + s * y, c * y - s * x, z])
    moved = np.stack([c * u + s * v + EARTH * fixed[1], c * v - s * u - EARTH * fixed[0], w])
    return Orbit([START + timedelta(seconds=t) for t in seconds.tolist()], fixed.T, moved.T)


def radar(
    lines: int = 120,
    samples: int = 150,
    looks: tuple[int, int] = (10, 12),
    look: Any = "right",
    **changes: Any,
) -> RadarGrid:
    """An image of Sentinel-1's sampling, multilooked to pixels of 137 m by 28 m in range."""
    azimuth = AzimuthAxis(START, 2.055e-3 * looks[0], lines)
    slant_range = SlantRangeAxis(5.6e-3, 6.4345e7 / looks[1], samples)
    return RadarGrid(changes.get("orbit") or orbit(), azimuth, slant_range, look, changes.get("bistatic"))


def map_of(image: RadarGrid, crs: str = UTM, resolution: float = 60.0, margin: float = 0.0) -> Grid:
    """The map about an image, ``margin`` shares of its size beyond it."""
    lines, samples = (np.array([0.0, size - 1]) for size in image.shape)
    corners = image.position(*np.meshgrid(lines, samples), 500.0)
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(corners.longitude, corners.latitude)
    wide, high = margin * (x.max() - x.min()), margin * (y.max() - y.min())
    bounds = (x.min() - wide, y.min() - high, x.max() + wide, y.max() + high)
    return map_grid(bounds, crs, resolution=resolution)


def places(grid: Grid) -> tuple[Floats, Floats]:
    """Latitude and longitude of each pixel, by PROJ."""
    x, y = np.meshgrid(*(axis.first + axis.step * np.arange(axis.size) for axis in (grid.x, grid.y)))
    assert grid.crs_wkt is not None
    longitude, latitude = Transformer.from_crs(parse_crs(grid.crs_wkt), 4326, always_xy=True).transform(x, y)
    return latitude, longitude


def on_grid(pixels: Any, grid: Grid, name: str | None = None) -> xr.DataArray:
    """Pixels as a DataArray on a map."""
    lead = tuple(f"lead{number}" for number in range(pixels.ndim - 2))
    return xr.DataArray(pixels, map_named(grid).coords, (*lead, "y", "x"), name)


def terrain(grid: Grid, relief: float = 1000.0, rough: float = 0.0, seed: int = 0) -> xr.DataArray:
    """Hills of some kilometres, and noise from pixel to pixel."""
    rows, columns = np.mgrid[: grid.y.size, : grid.x.size]
    hills = np.sin(rows / 23) * np.cos(columns / 31)
    noise = np.random.default_rng(seed).normal(size=hills.shape)
    return on_grid((500 + relief / 2 * hills + rough * noise).astype("f4"), grid, "elevation")


def coordinates(
    lines: int, samples: int, spacing: float = 60.0, turn: float = 12.0, crs: str = UTM
) -> tuple[Floats, Floats, Grid]:
    """Latitude and longitude of an image whose lines and samples are straight on a map, turned on it.

    The grid is a map about it, of which row and column are known in closed form (:func:`turned`).
    """
    line, sample = np.mgrid[:lines, :samples].astype("f8")
    x, y = turned(line, sample, spacing, turn)
    longitude, latitude = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    grid = map_grid((x.min(), y.min(), x.max(), y.max()), crs, resolution=0.7 * spacing)
    return latitude, longitude, grid


ORIGIN = (500_000.0, 4_600_000.0)


def turned(line: Floats, sample: Floats, spacing: float = 60.0, turn: float = 12.0) -> tuple[Floats, Floats]:
    """Easting and northing of lines and samples."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    return (
        ORIGIN[0] + spacing * (c * sample + s * line),
        ORIGIN[1] + spacing * (s * sample - c * line),
    )


def unturned(x: Floats, y: Floats, spacing: float = 60.0, turn: float = 12.0) -> tuple[Floats, Floats]:
    """Lines and samples at eastings and northings."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    east, north = (x - ORIGIN[0]) / spacing, (y - ORIGIN[1]) / spacing
    return s * east - c * north, c * east + s * north
