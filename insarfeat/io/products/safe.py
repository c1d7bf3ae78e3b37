"""Sentinel-1 SLC products: one swath of a SAFE folder or its zip, in radar geometry, with where it lies."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.dispatch.lazy import lazy_source
from insarfeat.errors import GridMismatch, InsarfeatError, UnreadableInput
from insarfeat.geometry import LineOfSight, Swath
from insarfeat.io.annotation import read_swath
from insarfeat.io.opening import chunks_of
from insarfeat.io.products.parts import Facts, assemble, identity, layer_of, line_of_sight
from insarfeat.io.products.wanted import Wanted
from insarfeat.io.sources import BandSource, Decoding, FileIdentity, open_geotiff
from insarfeat.windows import Window

Floats = NDArray[np.float64]

_ANNOTATION = re.compile(r"(?:.*/)?annotation/(s1[a-z]-((?:iw|ew)\d)-slc-([vh][vh])-.+)\.xml", re.IGNORECASE)
_LARGEST = 1 << 26  # bytes of one annotation; real ones have a million
_LINES, _SAMPLES = (
    100,
    256,
)  # between places that are worked out: what is linear between them is 0.2 m off at most
_TIFF_KIND = "complex_int16"


@dataclass(frozen=True, slots=True)
class _Product:
    """Where the files of a product are: in a folder or in a zip, under a first part of their names."""

    place: Path
    names: tuple[str, ...]
    only: str | None = None  # the one annotation that is meant

    @property
    def zipped(self) -> bool:
        """Whether it is in a zip."""
        return self.place.is_file()

    @property
    def annotations(self) -> dict[tuple[str, str], str]:
        """Names of the annotations by swath and polarisation."""
        found = {}
        for name in self.names:
            match = _ANNOTATION.fullmatch(name)
            if match and (self.only is None or name == self.only):
                found[match.group(2).upper(), match.group(3).upper()] = name
        return found

    def raster(self, annotation: str) -> str | None:
        """Name of the image that belongs to an annotation."""
        stem = re.escape(Path(annotation).stem)
        pattern = re.compile(rf"(?:.*/)?measurement/{stem}\.tiff?", re.IGNORECASE)
        return next((name for name in self.names if pattern.fullmatch(name)), None)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A file for reading; out of a zip nothing else is unpacked."""
        if not self.zipped:
            identity(self.place / name)
            with (self.place / name).open("rb") as file:
                yield file
            return
        try:
            with zipfile.ZipFile(self.place) as archive:
                if archive.getinfo(name).file_size > _LARGEST:
                    raise UnreadableInput(f"{name} in {self.place.name} is too large for an annotation")
                with archive.open(name) as file:
                    yield file
        except InsarfeatError:
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, KeyError) as error:
            raise UnreadableInput(f"{self.place.name} is damaged or cut short: {error}") from error

    def file(self, name: str) -> FileIdentity:
        """Identity of a raster, as GDAL finds it."""
        if not self.zipped:
            return identity(self.place / name)
        archive = identity(self.place)
        return FileIdentity(Path(f"/vsizip/{{{archive.path}}}/{name}"), archive.modified, archive.size)


@dataclass(frozen=True, slots=True, eq=False)
class _PlaceTable:
    """A quantity at some lines and samples of each burst; linear between them, within the burst.

    Attributes
    ----------
    values
        Lines by samples, of each burst.
    lines
        At which they are, from the burst's first line, of each burst.
    samples
        At which they are.
    shape
        Of the swath, all its bursts one below the other.
    turn
        Of angles, which come back to where they were; 0 else.
    """

    name: str
    values: tuple[Floats, ...]
    lines: tuple[Floats, ...]
    samples: Floats
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    turn: float = 0.0
    token: str = field(init=False)

    def __post_init__(self) -> None:
        meant = repr((self.name, self.shape, self.dtype.str, self.turn))
        digest = hashlib.blake2b(meant.encode(), digest_size=16)
        for array in (*self.values, *self.lines, self.samples):
            digest.update(np.ascontiguousarray(array).data)
        object.__setattr__(self, "token", f"swath-{digest.hexdigest()}")

    def fingerprint(self) -> str:
        """Same as the token."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"{self.name} from orbit and tie points"

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window."""
        found = np.empty((window.height, window.width), self.dtype)
        length = self.shape[0] // len(self.values)
        column, right = _between(self.samples, np.arange(window.left, window.right))
        top = window.top
        while top < window.bottom:
            burst = top // length
            bottom = min((burst + 1) * length, window.bottom)
            k, down = _between(self.lines[burst], np.arange(top, bottom) - burst * length)
            upper, lower = self.values[burst][k], self.values[burst][k + 1]
            across = upper + down[:, np.newaxis] * (lower - upper)
            pixels = across[:, column] + right * np.diff(across, axis=1)[:, column]
            if self.turn:
                pixels = (pixels + self.turn / 2) % self.turn - self.turn / 2
            found[top - window.top : bottom - window.top] = pixels
            top = bottom
        return found


def recognises(path: Path) -> bool:
    """Whether a path is a SAFE folder or zip of SLCs, its manifest, or one of its annotations."""
    found = _product(path)
    return found is not None and bool(found.annotations)


def pairs_of(path: Path) -> list[str]:
    """One image, and no pair."""
    return [path.name]


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """One swath and polarisation: the image where it is there, and where each of its pixels lies and looks."""
    product = _product(path)
    if product is None:
        raise UnreadableInput(f"{path.name} is no SAFE product")
    there = product.annotations
    polarisation = wanted.choose("polarisation", sorted({pol for _, pol in there}), path.name)
    swath_name = wanted.choose("swath", sorted({one for one, pol in there if pol == polarisation}), path.name)
    name = there[swath_name, polarisation]
    with product.open(name) as file:
        swath = read_swath(file)
    layers = list(_places(swath))
    raster = product.raster(name)
    if raster is not None:
        layers.insert(0, _image(product, raster, layers[0].shape))
    return assemble(layers, _facts(swath, raster is not None), product=path.name)


def swaths_of(path: Path) -> tuple[Swath, ...]:
    """All swaths of a product, each once: where they look does not depend on the polarisation."""
    product = _product(path)
    if product is None:
        raise UnreadableInput(f"{path.name} is no SAFE product and no annotation of one")
    found: dict[str, Swath] = {}
    for (name, _), annotation in sorted(product.annotations.items()):
        if name not in found:
            with product.open(annotation) as file:
                found[name] = read_swath(file)
    return tuple(found.values())


def _places(swath: Swath) -> Iterator[xr.DataArray]:
    """Latitude, longitude, and the line of sight, at the heights of the tie points.

    Places are worked out from the orbit, burst by burst. The tie points alone would not do: their rows are at the
    first lines of bursts, and the next burst begins before one ends, by 1 to 2 km.
    """
    first, bursts, ties = swath.bursts[0], swath.bursts, swath.tie_points
    samples = _nodes(first.slant_range.samples, _SAMPLES, ties.pixel[0])
    shape = (first.lines * len(bursts), first.slant_range.samples)
    lines: list[Floats] = []
    parts: list[list[Floats]] = [[], [], [], [], []]
    for number, burst in enumerate(bursts):
        grid = swath.burst_grid(number)
        tie_lines = _moments(swath, number) / burst.azimuth.interval
        lines.append(_nodes(first.lines, _LINES, tie_lines))
        line, sample = np.meshgrid(lines[-1], samples, indexing="ij")
        height = _at_ties(ties.height, tie_lines, ties.pixel[0], line, sample)
        place = grid.position(line, sample, height)
        sight = grid.line_of_sight(place.latitude, place.longitude, height)
        for part, values in zip(parts, (*place, *sight), strict=True):
            part.append(values)
    if _across_date_line(parts[1]):
        parts[1] = [np.where(east < 0, east + 360.0, east) for east in parts[1]]
    layers = []
    for name, found in zip(("latitude", "longitude", "los_east", "los_north", "los_up"), parts, strict=True):
        kind = np.dtype("f8") if name in ("latitude", "longitude") else np.dtype("f4")
        turn = 360.0 if name == "longitude" else 0.0
        table = _PlaceTable(name, tuple(found), tuple(lines), samples, shape, kind, turn)
        layers.append(layer_of(name, lazy_source(table, chunks_of(table, None)), ("line", "sample")))
    yield from layers[:2]
    yield from line_of_sight(LineOfSight(*layers[2:]))


def _moments(swath: Swath, burst: int) -> Floats:
    """Seconds from the first line of a burst to each row of tie points."""
    start = np.datetime64(swath.bursts[burst].azimuth.first_time, "us")
    found = ((swath.tie_points.azimuth_time - start) / np.timedelta64(1, "s")).mean(axis=1)
    pixels = swath.tie_points.pixel[0]
    if min(len(found), len(pixels)) < 2 or (np.diff(found) <= 0).any() or (np.diff(pixels) <= 0).any():
        raise UnreadableInput(f"the tie points of {swath.name} are not in the order of time and range")
    return np.asarray(found)


def _at_ties(heights: Floats, lines: Floats, samples: NDArray[Any], line: Floats, sample: Floats) -> Floats:
    """Heights between tie points, linear in time and range."""
    row, down = _between(lines, line)
    column, right = _between(samples, sample)
    corners = [[heights[row + i, column + j] for j in (0, 1)] for i in (0, 1)]
    upper, lower = (pair[0] + right * (pair[1] - pair[0]) for pair in corners)
    return np.asarray(upper + down * (lower - upper))


def _across_date_line(longitudes: list[Floats]) -> bool:
    found = np.concatenate([each[np.isfinite(each)] for each in longitudes])
    return bool(found.size and np.ptp(found) > 180.0)


def _between(nodes: NDArray[Any], at: NDArray[Any]) -> tuple[NDArray[np.intp], Floats]:
    """The node before each place, and how far it is on the way to the next; straight on beyond the ends."""
    k = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, len(nodes) - 2)
    return k, (at - nodes[k]) / (nodes[k + 1] - nodes[k])


def _nodes(size: int, apart: int, bends: NDArray[Any]) -> Floats:
    """Places from the first pixel to the last, those among them at which heights bend."""
    regular = np.linspace(0.0, size - 1.0, max(-(-size // apart), 1) + 1)
    inside = bends[(bends > 0.5) & (bends < size - 1.5)]
    kept = regular[[not (np.abs(inside - place) < 0.5).any() for place in regular]]
    return np.sort(np.concatenate([kept, inside])).astype(np.float64)


def _image(product: _Product, name: str, shape: tuple[int, ...]) -> xr.DataArray:
    """The image, as it was sent: its bursts one below the other, azimuth ramps inside."""
    from rasterio.errors import RasterioError

    file, short = product.file(name), Path(name).name
    try:
        with open_geotiff(file.path) as stored:
            size, kind, blocks = (stored.height, stored.width), stored.dtypes[0], stored.block_shapes[0]
            plain = stored.compression is None
    except RasterioError as error:
        raise UnreadableInput(f"{short} is not a readable image: {error}") from error
    if size != shape:
        raise GridMismatch(
            f"{short} is {size[0]} x {size[1]} pixels, its annotation tells of {shape[0]} x {shape[1]}"
        )
    if kind not in (_TIFF_KIND, "complex64"):
        raise UnreadableInput(f"{short} holds {kind}, and no complex numbers")
    pixel = 4 if kind == _TIFF_KIND else 8
    if plain and not product.zipped and file.size < size[0] * size[1] * pixel:
        raise UnreadableInput(
            f"{short} is cut short: it has {file.size} bytes for {size[0]} x {size[1]} pixels"
        )
    single = np.dtype(np.complex64)
    source = BandSource(file, 1, size, single, Decoding(single))
    return layer_of("image", lazy_source(source, chunks_of(source, blocks)), ("line", "sample"))


def _facts(swath: Swath, image: bool) -> Facts:
    more = {
        "acquired": swath.bursts[0].azimuth.first_time.isoformat(),
        "mission": swath.mission,
        "swath": swath.name,
        "absolute_orbit": swath.absolute_orbit,
        "bursts": len(swath.bursts),
        "lines_per_burst": swath.bursts[0].lines,
        "geometry": "from the annotated orbit, at the heights of the tie points",
    }
    if image:
        more["azimuth_ramp"] = (
            "inside: deramp before filtering or resampling; bursts stand one below the other, each with its border"
        )
    return Facts(
        polarisation=swath.polarisation,
        orbit_direction=swath.direction,
        wavelength=swath.wavelength,
        unverified=("pixels: real annotations only were at hand, no real image",) if image else (),
        more=more,
    )


def _product(path: Path) -> _Product | None:
    """The product that a path means; None for any other path."""
    if path.name.lower() == "manifest.safe" and path.is_file():
        path = path.parent
    if path.is_dir():
        if not ((path / "manifest.safe").is_file() or path.suffix.upper() == ".SAFE"):
            return None
        return _Product(path, _names_in(path))
    if _ANNOTATION.fullmatch(path.absolute().as_posix()) and path.is_file():
        root = path.absolute().parents[1]
        return _Product(root, _names_in(root), f"annotation/{path.name}")
    if path.suffix.lower() != ".zip" or not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = tuple(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, RuntimeError, NotImplementedError):
        return None
    return _Product(path, names) if any(name.lower().endswith("manifest.safe") for name in names) else None


def _names_in(folder: Path) -> tuple[str, ...]:
    found: list[str] = []
    for inner in ("annotation", "measurement"):
        place = folder / inner
        if place.is_dir():
            found += sorted(f"{inner}/{path.name}" for path in place.iterdir())
    return tuple(found)
