"""Small folders in the layouts of MIRAGE (document 004) and of the event dataset (document 003), with their truth."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyogrio.raw
import rasterio
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.transform import Affine

Array = NDArray[Any]

PAIRS = ("20200704_20200716", "20200704_20200728", "20200716_20200728")
MIRAGE_CORNER = (560000.0, 5140000.0)  # west and north, EPSG:32632

EVENT_BANDS = (
    "wrapped_phase", "coherence", "intensity", "elevation", "displacement", "unwrapped_phase", "local_incidence",
    "landslide", "valid_mask",
)  # fmt: skip

Naming = Literal["names", "numbers", "one variable"]


@dataclass(frozen=True)
class Box:
    """A labelled box: pixels from the outer corner of the raster, and its attributes."""

    row0: float
    col0: float
    row1: float
    col1: float
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Mirage:
    """What was written."""

    path: Path
    boxes: dict[str, list[Box]]
    phase: dict[str, Array] = field(repr=False)
    coherence: dict[str, Array] = field(repr=False)


@dataclass(frozen=True)
class Event:
    """One file of nine bands: where it is, and what its bands hold; NaN is nodata."""

    path: Path
    event: str
    crs: str
    bands: dict[str, Array] = field(repr=False)


def write_mirage(
    folder: Path,
    pairs: Sequence[str] = PAIRS,
    size: tuple[int, int] = (300, 340),
    *,
    together: bool = False,
    slides: int = 12,
    seed: int = 0,
) -> Mirage:
    """An area of MIRAGE: EPSG:32632, 15 m; per pair wrapped phase, coherence and a shapefile of north-up boxes.

    Each slide has a box in every pair but some, drawn a little differently each time; slides lie apart from each
    other. The first pair of several has one more, an artefact (AR) of its own. ``together`` puts all boxes into one
    shapefile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    places = _apart(rng, slides + 1, size)
    classes = rng.choice(["RG", "RS", "DG"], slides)
    boxes: dict[str, list[Box]] = {}
    phases, coherences = {}, {}
    for number, pair in enumerate(pairs):
        found = []
        for slide in range(slides):
            if (slide + number) % 5 == 4:  # not seen in this pair
                continue
            found.append(_jittered(rng, places[slide], _attributes(slide, str(classes[slide]), pair)))
        if number == 0:
            found.append(_jittered(rng, places[slides], _attributes(slides, "AR", pair)))
        boxes[pair] = found
        rows, columns = np.mgrid[: size[0], : size[1]]
        ramp = rows / 9 + columns / (13 + number) + rng.normal(0, 0.4, size)
        phases[pair] = _with_corner(np.angle(np.exp(1j * ramp)))
        coherences[pair] = _with_corner(rng.uniform(0.1, 0.95, size))
        _write_tif(folder / f"{pair}_wrapped.tif", [phases[pair]], 15.0, MIRAGE_CORNER, "EPSG:32632")
        _write_tif(folder / f"{pair}_coh.tif", [coherences[pair]], 15.0, MIRAGE_CORNER, "EPSG:32632")
        if not together:
            _write_boxes(folder / f"{pair}_labels.shp", found)
    if together:
        _write_boxes(folder / "labels.shp", [box for pair in pairs for box in boxes[pair]])
    return Mirage(folder, boxes, phases, coherences)


def write_events(
    folder: Path,
    events: Sequence[str] = ("hokkaido", "palu", "haiti"),
    size: tuple[int, int] = (300, 340),
    *,
    naming: Naming = "names",
    kind: Literal["nc", "tif"] = "nc",
    flat: bool = False,
    pieces: int = 0,
    seed: int = 0,
) -> list[Event]:
    """Scenes of nine bands, all float32: 30 m, each event in a UTM zone of its own.

    Parameters
    ----------
    naming
        Bands with canonical names, as "band_1" to "band_9", or in one variable along its first dimension.
    kind
        NetCDF, or GeoTIFF (whose bands have descriptions only with ``naming="names"``).
    flat
        All files in one folder; else one folder per event.
    pieces
        Side of patches that the scenes are cut into already, without overlap, remainders left out; 0 for whole
        scenes.
    """
    written = []
    for number, event in enumerate(events):
        rng = np.random.default_rng(seed + number)
        bands = _event_bands(rng, size)
        place = folder if flat else folder / event
        place.mkdir(parents=True, exist_ok=True)
        crs, corner = f"EPSG:{32654 - number}", (400000.0 + 3000 * number, 4700000.0)
        cuts = [(0, 0, *size)]
        if pieces:
            cuts = [
                (top, left, pieces, pieces)
                for top in range(0, size[0] - pieces + 1, pieces)
                for left in range(0, size[1] - pieces + 1, pieces)
            ]
        for count, (top, left, height, width) in enumerate(cuts):
            cut = {name: band[top : top + height, left : left + width] for name, band in bands.items()}
            where = (corner[0] + 30 * left, corner[1] - 30 * top)
            path = place / (f"{event}_{count:04d}.{kind}" if pieces else f"{event}.{kind}")
            if kind == "tif":
                names = EVENT_BANDS if naming == "names" else ()
                _write_tif(path, [cut[name] for name in EVENT_BANDS], 30.0, where, crs, names)
            else:
                _write_netcdf(path, cut, where, crs, naming)
            written.append(Event(path, event, crs, cut))
    return written


def _apart(
    rng: np.random.Generator, count: int, size: tuple[int, int]
) -> list[tuple[float, float, float, float]]:
    """Boxes (row0, col0, row1, col1) of about 4 to 12 pixels, each in a square of 32 pixels of its own."""
    squares = [(top, left) for top in range(32, size[0] - 31, 32) for left in range(32, size[1] - 31, 32)]
    assert len(squares) >= count, f"{size} has no room for {count} slides"
    chosen = [squares[k] for k in rng.permutation(len(squares))[:count]]
    found = []
    for top, left in chosen:
        height, width = rng.uniform(8, 16, 2)
        row, column = top + rng.uniform(2, 12), left + rng.uniform(2, 12)
        found.append((row, column, row + height, column + width))
    return found


def _jittered(rng: np.random.Generator, place: tuple[float, ...], attributes: dict[str, Any]) -> Box:
    row0, col0, row1, col1 = np.round((np.array(place) + rng.uniform(-0.7, 0.7, 4)) * 15) / 15
    return Box(float(row0), float(col0), float(row1), float(col1), attributes)


def _attributes(number: int, name: str, pair: str) -> dict[str, Any]:
    first, second = (datetime.strptime(day, "%Y%m%d") for day in pair.split("_"))
    return {
        "Id": number,
        "Class": name,
        "Sign_Qual": 1 + number % 2,
        "Class_Unc": 1 + number // 2 % 2,
        "IFG": pair,
        "Bt": (second - first).days,
        "Traj": "D",
    }


def _write_boxes(path: Path, boxes: Sequence[Box]) -> None:
    """A shapefile by GDAL; one without a box is a header only."""
    names = ("Id", "Class", "Sign_Qual", "Class_Unc", "IFG", "Bt", "Traj")
    text = {"Class", "IFG", "Traj"}
    fields = [
        np.array([box.attributes[name] for box in boxes], object if name in text else np.int32)
        for name in names
    ]
    pyogrio.raw.write(
        path,
        np.array([_binary(box) for box in boxes], object),
        fields,
        np.array(names, object),
        geometry_type="Polygon",
        crs="EPSG:32632",
        driver="ESRI Shapefile",
    )


def _binary(box: Box) -> bytes:
    """A box in metres as well-known binary."""
    west, north = MIRAGE_CORNER
    x0, x1 = west + 15 * box.col0, west + 15 * box.col1
    y0, y1 = north - 15 * box.row1, north - 15 * box.row0
    ring = [(x0, y0), (x0, y1), (x1, y1), (x1, y0), (x0, y0)]
    return struct.pack("<BIII", 1, 3, 1, len(ring)) + b"".join(struct.pack("<dd", *corner) for corner in ring)


def _with_corner(pixels: Array) -> Array:
    """float32 with a corner of zeros, which stand for nodata there."""
    found = pixels.astype("f4")
    found[found == 0] = 1e-3
    found[:20, :30] = 0
    return found


def _event_bands(rng: np.random.Generator, size: tuple[int, int]) -> dict[str, Array]:
    rows, columns = np.mgrid[: size[0], : size[1]]
    unwrapped = rows / 20 + rng.normal(0, 0.3, size)
    bands = {
        "wrapped_phase": np.angle(np.exp(1j * unwrapped)),
        "coherence": rng.uniform(0, 1, size),
        "intensity": rng.gamma(4, 0.05, size),
        "elevation": 800 + 200 * np.sin(rows / 40) + columns,
        "displacement": -0.0044 * unwrapped,
        "unwrapped_phase": unwrapped,
        "local_incidence": rng.uniform(20, 60, size),
    }
    void = np.zeros(size, bool)
    void[:25, -40:] = True  # the sea
    bands["displacement"][40:44, 50:60] = np.nan  # one band alone
    slides = np.zeros(size)
    for row, column in zip(rng.integers(50, size[0] - 20, 6), rng.integers(10, size[1] - 20, 6), strict=True):
        slides[row : row + rng.integers(3, 15), column : column + rng.integers(3, 15)] = 1
    found = {name: np.where(void, np.nan, band).astype("f4") for name, band in bands.items()}
    valid = np.all([np.isfinite(band) for band in found.values()], axis=0)
    found["landslide"] = np.where(void, np.nan, slides).astype("f4")
    found["valid_mask"] = valid.astype("f4")
    return found


def _write_netcdf(
    path: Path, bands: dict[str, Array], corner: tuple[float, float], crs: str, naming: Naming
) -> None:
    height, width = bands["coherence"].shape
    wkt = CRS.from_user_input(crs).to_wkt()
    coords: dict[str, Any] = {
        "y": corner[1] - 30 * (np.arange(height) + 0.5),
        "x": corner[0] + 30 * (np.arange(width) + 0.5),
        "spatial_ref": xr.DataArray(0, attrs={"crs_wkt": wkt, "spatial_ref": wkt}),
    }
    mapped = {"grid_mapping": "spatial_ref"}
    variables: dict[str, Any]
    if naming == "one variable":
        variables = {"data": (("band", "y", "x"), np.stack([bands[name] for name in EVENT_BANDS]), mapped)}
    else:
        names = EVENT_BANDS if naming == "names" else [f"band_{k}" for k in range(1, 10)]
        variables = {
            name: (("y", "x"), bands[own], mapped) for name, own in zip(names, EVENT_BANDS, strict=True)
        }
    xr.Dataset(variables, coords).to_netcdf(path, engine="netcdf4")


def _write_tif(
    path: Path,
    bands: Sequence[Array],
    pixel: float,
    corner: tuple[float, float],
    crs: str,
    names: Sequence[str] = (),
) -> None:
    height, width = bands[0].shape
    where = Affine(pixel, 0.0, corner[0], 0.0, -pixel, corner[1])
    profile = {"driver": "GTiff", "height": height, "width": width, "count": len(bands), "dtype": "float32"}
    with rasterio.open(path, "w", **profile, crs=crs, transform=where) as file:
        for number, band in enumerate(bands, 1):
            file.write(band, number)
            if names:
                file.set_band_description(number, names[number - 1])
