"""Where a scene lies: an invented place, a piece of a real DEM, a DEM of one's own, or one's own interferogram."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.georeference import crs_of
from insarfeat.synth.background import Background
from insarfeat.synth.dems import DemFolder
from insarfeat.synth.fields import Field
from insarfeat.synth.style import Style
from insarfeat.synth.terrain import PieceOfGround, Relief

# On the central meridian grid north is true north: what is computed with either is the same.
_EPSG = 32632
_WEST, _NORTH = 500_000.0, 4_920_000.0  # 44.4 N 9.0 E
_BEYOND = 1500.0  # metres about a scene from which its ground can be shaded, and slides reach into it


@dataclass(frozen=True, slots=True)
class Site:
    """Ground of a scene and its place on the map.

    Attributes
    ----------
    pixel, shape
        Metres, and rows and columns.
    relief
        Elevations; None for the procedural ones of the seed.
    georeference
        Coordinates ``y``, ``x`` (pixel centres) and ``spatial_ref``.
    background
        An interferogram to put slides into.
    source
        Name of where the elevations come from.
    north
        Azimuth of the grid's north in degrees; 0 where that is true north.
    """

    pixel: float
    shape: tuple[int, int]
    relief: Relief | None
    coordinates: dict[str, xr.Variable]
    background: Background | None = None
    source: str = "procedural"
    north: float = 0.0


def site_of(seed: int, size: int, pixel: float, style: Style, ground: Any) -> Site:
    """The site that a caller's ``ground`` means."""
    if ground is None:
        return Site(pixel, (size, size), None, _invented_grid(size, pixel))
    if isinstance(ground, str | os.PathLike):
        ground = DemFolder(ground)
    if isinstance(ground, DemFolder):
        rng = np.random.default_rng((seed, 0xDE))
        relief, source = piece_of(ground, rng, size=size, pixel=pixel, style=style, seed=seed)
        return Site(pixel, (size, size), relief, _invented_grid(size, pixel), source=source)
    if isinstance(ground, xr.DataArray):
        return _own_site(seed, ground)
    if isinstance(ground, xr.Dataset):
        if "elevation" not in ground:
            raise InvalidArgument(
                "ground is a Dataset without elevation, which tells where slides go: add it"
            )
        site = _own_site(seed, ground["elevation"])
        return replace(site, background=Background.of(ground))
    raise InvalidType(
        f"ground is of type {type(ground).__name__}; it must be None, a folder of DEMs, a DemFolder, a DataArray of "
        "elevations, or a Dataset with elevation, interferogram and coherence"
    )


def piece_of(
    folder: DemFolder, rng: np.random.Generator, *, size: int, pixel: float, style: Style, seed: int
) -> tuple[PieceOfGround, str]:
    """A piece of a real DEM with room about it, and the file that it is from."""
    room = round(_BEYOND / pixel)
    piece = folder.draw(rng, size=size + 2 * room, pixel=pixel)
    relief = PieceOfGround(
        seed, pixel, piece.elevation, top=-room, left=-room, resolution=piece.resolution,
        scale=style.draw_relief(rng),
    )  # fmt: skip
    return relief, piece.source


def _own_site(seed: int, elevation: xr.DataArray) -> Site:
    """A DEM on its own grid."""
    if elevation.ndim != 2:
        raise InvalidArgument(f"ground has dimensions {elevation.dims}; it must be one raster of (y, x)")
    vertical, horizontal = elevation.dims
    pixel = _square_pixel(elevation, str(vertical), str(horizontal))
    heights: Field = np.asarray(elevation.values, dtype=np.float32)
    if not np.isfinite(heights).all():
        raise InvalidArgument(
            "ground has nodata, under which nothing can be placed: fill it (elevation.interpolate_na), or cut it away"
        )
    if float(elevation[vertical][1] - elevation[vertical][0]) > 0.0:
        raise InvalidArgument("ground has y upwards; turn it: elevation.sortby('y', ascending=False)")
    names = {str(name) for name in elevation.coords if elevation.coords[name].ndim == 0}
    coordinates = {
        "y": elevation[vertical].variable.to_base_variable(),
        "x": elevation[horizontal].variable.to_base_variable(),
        **{name: elevation.coords[name].variable for name in names},
    }
    relief = PieceOfGround(seed, pixel, heights, resolution=0.0)
    shape = (heights.shape[0], heights.shape[1])
    return Site(pixel, shape, relief, coordinates, source="own", north=_azimuth_of_north(elevation))


def _azimuth_of_north(elevation: xr.DataArray) -> float:
    """True azimuth of the grid's north in the middle of a raster; 0 where its CRS is not known."""
    from pyproj import Geod, Transformer

    crs = crs_of(elevation)
    if crs is None:
        return 0.0
    vertical, horizontal = (np.asarray(elevation[name].values) for name in elevation.dims)
    x, y = float(horizontal[horizontal.size // 2]), float(vertical[vertical.size // 2])
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    (here, there) = (to_degrees.transform(x, y + north) for north in (0.0, 1000.0))
    azimuth, _, _ = Geod(ellps="WGS84").inv(*here, *there)
    return float(azimuth)


def _square_pixel(elevation: xr.DataArray, vertical: str, horizontal: str) -> float:
    """Pixel size in metres of a projected grid with square pixels."""
    steps = []
    for name in (vertical, horizontal):
        places = np.asarray(elevation[name].values, dtype=np.float64)
        if places.size < 32:
            raise InvalidArgument(f"ground has {places.size} pixels along {name}; it must have 32 or more")
        steps.append(abs(places[-1] - places[0]) / (places.size - 1))
    in_degrees = str(elevation[horizontal].attrs.get("units", "")).startswith("degree") or steps[1] < 0.1
    if in_degrees or abs(steps[0] / steps[1] - 1.0) > 0.01:
        unit = " degrees" if in_degrees else ""
        raise InvalidArgument(
            f"ground has pixels of {steps[0]:g} x {steps[1]:g}{unit}; slides need a projected grid with square "
            "pixels in metres: bring it there first (insarfeat.geometry.regrid)"
        )
    return float(steps[1])


def _invented_grid(size: int, pixel: float) -> dict[str, xr.Variable]:
    """Coordinates of a square north-up UTM grid whose pixel edges lie on multiples of the pixel size.

    The upper left corner stays where it is, so that larger scenes continue smaller ones on the map, too.
    """
    from pyproj import CRS

    west, north = (pixel * round(place / pixel) for place in (_WEST, _NORTH))
    steps = (np.arange(size) + 0.5) * pixel
    return {
        "y": xr.Variable(
            "y", north - steps, {"standard_name": "projection_y_coordinate", "units": "m", "axis": "Y"}
        ),
        "x": xr.Variable(
            "x", west + steps, {"standard_name": "projection_x_coordinate", "units": "m", "axis": "X"}
        ),
        "spatial_ref": xr.Variable((), 0, {"crs_wkt": CRS.from_epsg(_EPSG).to_wkt()}),
    }
