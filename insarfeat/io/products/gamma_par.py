"""Parameter files of GAMMA, which tell the size of rasters, and where on a map they lie."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from insarfeat.errors import InsarfeatError, UnreadableInput
from insarfeat.io.products.flat_headers import (
    SPEED_OF_LIGHT,
    Fields,
    MapFrame,
    begins_with,
    crs_text,
    header_text,
    listed,
)

_NAME = re.compile(r".*(par|\.off2?|_off)", re.IGNORECASE)
_SIZES = (
    ("nlines", "width"),  # DEM_par
    ("interferogram_azimuth_lines", "interferogram_width"),  # .off
    ("az_samp_1", "range_samp_1"),  # .diff_par
    ("azimuth_lines", "range_samples"),  # .slc.par, .mli.par
)
_DEM_TYPES = {"REAL*4": 4, "INTEGER*2": 2}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a parameter file tells.

    Attributes
    ----------
    height, width
        Of the rasters that it belongs to.
    frame
        Where they lie; None in radar geometry.
    dem_itemsize, dem_scale
        Bytes per pixel of its DEM, and scale and offset to metres.
    wavelength, orbit_direction
        Of an image's.
    """

    path: Path
    height: int
    width: int
    frame: MapFrame | None = None
    dem_itemsize: int = 4
    dem_scale: tuple[float, float] = (1.0, 0.0)
    wavelength: float | None = None
    orbit_direction: str | None = None

    @property
    def on_map(self) -> bool:
        """Whether the rasters lie on a map."""
        return self.frame is not None

    def fits(self, path: Path, itemsize: int) -> bool:
        """Whether a raster has this size."""
        return path.stat().st_size == self.height * self.width * itemsize


def is_parameters(path: Path) -> bool:
    """Whether a file is one of GAMMA's parameter files."""
    return _NAME.fullmatch(path.name) is not None and begins_with(path, b"Gamma ", within=64)


def parameters_in(folder: Path) -> tuple[list[Parameters], list[str]]:
    """All parameter files of a folder that tell a size, and what is wrong with the others."""
    found, problems = [], []
    for path in listed(folder):
        if is_parameters(path):
            try:
                one = read_parameters(path)
            except InsarfeatError as error:
                problems.append(str(error))
            else:
                found += [] if one is None else [one]
    return found, problems


def read_parameters(path: Path) -> Parameters | None:
    """Read a parameter file; None if it tells no size, as baselines do."""
    lines = (line.partition(":") for line in header_text(path).splitlines())
    fields = Fields(path.name, {key.strip().lower(): value.strip() for key, colon, value in lines if colon})
    names = next((pair for pair in _SIZES if any(name in fields for name in pair)), None)
    if names is None:
        return None
    height, width = (fields.whole(name) for name in names)
    if names[0] == "interferogram_azimuth_lines" and (height, width) == (0, 0):
        return None  # offsets were made, and no interferogram yet
    height, width = (fields.count(name) for name in names)
    if names[0] == "nlines":
        stored = fields.word("data_format")
        if stored not in _DEM_TYPES:
            raise UnreadableInput(
                f"{path.name}: data_format cannot be {stored!r}; it is {' or '.join(_DEM_TYPES)}"
            )
        scale = fields.number("DEM_scale", default=1.0)
        offset = fields.number("DEM_hgt_offset", default=0.0)
        return Parameters(path, height, width, _frame(fields), _DEM_TYPES[stored], (scale, offset))
    frequency = fields.number("radar_frequency", default=0.0)
    if frequency <= 0:
        return Parameters(path, height, width)
    heading = (fields.number("heading") + 180) % 360 - 180 if "heading" in fields else None
    direction = None if heading is None else "ascending" if abs(heading) < 90 else "descending"
    return Parameters(path, height, width, wavelength=SPEED_OF_LIGHT / frequency, orbit_direction=direction)


def _frame(fields: Fields) -> MapFrame:
    """The map: longitudes and latitudes (EQA) or UTM, on WGS 84; the corner is the centre of the first pixel."""
    projection = fields.word("DEM_projection").upper()
    ellipsoid = fields.word("ellipsoid_name").upper().replace(" ", "").replace("_", "")
    if projection not in ("EQA", "UTM") or not ellipsoid.startswith(("WGS84", "WGS1984")):
        raise UnreadableInput(
            f"{fields.name} is in {projection} on {fields.word('ellipsoid_name')}; EQA and UTM on WGS 84 are "
            "supported: export GeoTIFF with data2geotiff"
        )
    y, x, crs = ("lat", "lon", "EPSG:4326")
    if projection == "UTM":
        zone, southern = fields.count("projection_zone"), fields.number("false_northing", default=0.0) > 0
        if zone > 60:
            raise UnreadableInput(f"{fields.name}: projection_zone cannot be {zone}")
        y, x, crs = ("north", "east", f"EPSG:{(327 if southern else 326)}{zone:02d}")
    step_y, step_x = fields.number(f"post_{y}"), fields.number(f"post_{x}")
    top, left = fields.number(f"corner_{y}") - step_y / 2, fields.number(f"corner_{x}") - step_x / 2
    return MapFrame(left, top, step_x, step_y, crs_text(crs, fields.name))
