"""Pieces of real DEMs as ground of synthetic scenes.

1. Files of a folder are shared out among training, validation and test by their names, each as a whole.
2. A piece is cut at random where there is land, brought to square pixels of true metres, turned and mirrored.
3. Elevations between the pixels of a DEM follow a cubic B-spline, so that no facets show where it is coarser than
   the piece; where it is finer, means are taken.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from insarfeat.errors import InvalidArgument, InvalidType, MissingInput, UnreadableInput
from insarfeat.georeference import parse_crs

Part = Literal["all", "train", "validation", "test"]
Elevation: TypeAlias = npt.NDArray[np.float32]

_log = logging.getLogger(__name__)

_SUFFIXES = frozenset({".tif", ".tiff", ".hgt"})
_NUMBERS = frozenset({"int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"})
_LOWEST, _HIGHEST = -500.0, 9000.0  # metres; beyond lie undeclared nodata, and the floor of the sea
_TRIES = 50  # places in one file
_MOST_VOIDS = 0.005
_MOST_SEA = 0.02
_LEAST_RELIEF = 100.0  # metres
_LEAST_SLOPE = 3.0  # degrees
_MARGIN = 4  # pixels read around a piece: the spline reaches 2, and its edge is felt for 2 more
_THIN = 64  # rows and columns of the sample that tells how much of a file is land


@dataclass(frozen=True, slots=True)
class DemPiece:
    """A square piece of a DEM.

    Attributes
    ----------
    elevation
        Metres; square pixels, rows run down and columns to the right. No nodata.
    resolution
        Metres of the DEM's own pixel, the longer side: what is smaller is not in the piece.
    source
        Name of the file, without folders.
    """

    elevation: Elevation
    resolution: float
    source: str


class DemFolder:
    """DEM files of a folder, or those of them that belong to training, validation or test.

    Counted are files ``*.tif``, ``*.tiff`` and ``*.hgt`` with one band of real numbers (8-bit ones are masks) on a
    map that is not turned; others are left out with a warning in the log. Heights are metres, above whatever
    datum. Nodata is what the file declares, and all that lies below -500 or above 9000 m.

    Parameters
    ----------
    path
        A folder, read with all folders in it, or one file.
    part
        ``"train"``, ``"validation"`` and ``"test"`` share no file; ``"all"`` is all of them. Files are ordered by
        the SHA-256 of their names and cut at 70 and 85 percent, with at least one file for each part; one or
        two files are training. The names alone decide. Files of the same ground, such as one DEM in two
        projections, are not noticed: keep one of them only.

    Raises
    ------
    MissingInput
        Nothing is at the path.
    InvalidArgument
        No file is a DEM, or the part has none.

    Examples
    --------
    >>> import tempfile, rasterio
    >>> folder = tempfile.TemporaryDirectory()
    >>> slope = np.arange(90, dtype=np.float32) * 20 + np.zeros((90, 1), np.float32) + 500
    >>> grid = {"crs": "EPSG:32632", "transform": rasterio.Affine(30, 0, 6e5, 0, -30, 5.2e6)}
    >>> shape = {"count": 1, "height": 90, "width": 90, "dtype": "float32"}
    >>> with rasterio.open(f"{folder.name}/slope.tif", "w", **shape, **grid) as file:
    ...     file.write(slope, 1)
    >>> dems = DemFolder(folder.name)
    >>> piece = dems.draw(np.random.default_rng(1), size=64, pixel=15.0)
    >>> piece.elevation.shape, round(piece.resolution), piece.source, dems.files
    ((64, 64), 30, 'slope.tif', ('slope.tif',))
    >>> folder.cleanup()
    """

    def __init__(self, path: str | os.PathLike[str], *, part: Part = "all") -> None:
        if part not in get_args(Part):
            raise InvalidArgument(f"part must be one of {', '.join(get_args(Part))}; got {part!r}")
        if not isinstance(path, str | os.PathLike):
            raise InvalidType(f"path must be a folder or a file; got {type(path).__name__}")
        self._path, self._part = Path(path), part
        found = _dems_below(self._path)
        parts = _shared_out(tuple(found))
        self._dems = {name: dem for name, dem in found.items() if part in ("all", parts[name])}
        if not self._dems:
            raise InvalidArgument(
                f"part={part!r} of {self._path} is empty: {len(found)} DEM file(s) are all training; give three "
                "or more files, or part='all'"
            )

    def __repr__(self) -> str:
        return f"DemFolder({str(self._path)!r}, part={self._part!r}): {len(self._dems)} file(s)"

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files, with the folders below the path, in the order of their names."""
        return tuple(self._dems)

    def draw(self, rng: np.random.Generator, *, size: int, pixel: float) -> DemPiece:
        """Cut one piece at random.

        A file is drawn with a probability proportional to its land, in it a place, and one of the eight flips and
        turns. Places with voids, with more than 2 % of sea (elevations of exactly 0), or that are flat (relief
        below 100 m and a median slope up to 3 degrees) are drawn again up to 50 times; then the most rugged
        one is taken, or another file. Voids of less than 0.5 % are filled from their rims.

        Parameters
        ----------
        rng
            Source of the randomness: the same state gives the same piece.
        size
            Rows and columns.
        pixel
            Pixel size in metres on the ground. It is right to 0.3 % where the piece is no wider than
            38 km / tan(latitude) in a DEM in degrees.

        Returns
        -------
        DemPiece
            Elevations without nodata, float32, metres.

        Raises
        ------
        InvalidArgument
            No file is large enough, or all are full of voids.
        UnreadableInput
            A file is damaged.
        """
        _check(rng, size, pixel)
        dems = self._in_random_order(rng, self._large_enough(size, pixel))
        best = _first_without_faults((_cut(dem, rng, size, pixel) for dem in dems), kinds=2)
        if best.faults[0] > 0.0:
            raise InvalidArgument(
                f"no piece of size={size} at pixel={pixel:g} m without nodata was found in {self._path}, in {_TRIES} "
                "tries for each file that is large enough; ask for smaller pieces, or give DEMs with fewer voids"
            )
        turns, flip = divmod(int(rng.integers(8)), 2)
        turned = np.rot90(best.resampled(), turns)[:: -1 if flip else 1]
        return DemPiece(np.ascontiguousarray(turned), best.resolution, best.source)

    def _large_enough(self, size: int, pixel: float) -> list[str]:
        """Names of the files that can hold a piece."""
        sides = {name: dem.widest(pixel) for name, dem in self._dems.items()}
        fitting = [name for name, side in sides.items() if side >= size * pixel]
        if not fitting:
            widest = max(sides, key=lambda name: sides[name])
            most = max(int(sides[widest] / pixel), 0)
            raise InvalidArgument(
                f"size={size} at pixel={pixel:g} m is {size * pixel / 1000:.2f} km wide; the largest of "
                f"{len(sides)} DEM file(s) in {self._path}, {widest}, holds {most * pixel / 1000:.2f} km: ask for "
                f"at most {most} pixels, or join neighbouring tiles into larger files"
            )
        return fitting

    def _in_random_order(self, rng: np.random.Generator, names: list[str]) -> Iterator[_Dem]:
        """DEMs, each next one drawn by its land from those that are left."""
        land = np.array([_square_metres_of_land(self._dems[name]) for name in names])
        # The first of several alarm clocks to ring is one of rate r with a probability proportional to r.
        for index in np.argsort(rng.exponential(size=len(names)) / land, kind="stable"):
            yield self._dems[names[int(index)]]


@dataclass(frozen=True, slots=True)
class _Dem:
    """What the header of a DEM file tells; ``corner`` (of the first pixel) and ``step`` are map coordinates y, x."""

    path: Path
    shape: tuple[int, int]
    corner: tuple[float, float]
    step: tuple[float, float]
    crs: str

    def metres(self, row: float, column: float) -> tuple[float, float]:
        """Length on the ground of one pixel along rows and along columns, whatever the map's own scale."""
        to_degrees, geod = _geodesy(self.crs)
        (step_y, step_x), (first_y, first_x) = self.step, self.corner
        y, x = first_y + row * step_y, first_x + column * step_x
        longitude, latitude = to_degrees.transform([x, x, x + step_x], [y, y + step_y, y])
        *_, lengths = geod.inv(longitude[:1] * 2, latitude[:1] * 2, longitude[1:], latitude[1:])
        return float(lengths[0]), float(lengths[1])

    def widest(self, pixel: float) -> float:
        """Metres of the largest piece that fits anywhere in the file; 0 or less where none does."""
        return min(
            (count - 2 * (_MARGIN + 1) * _block(pixel / metres)) * metres
            for count, metres in zip(self.shape, _least_metres(self), strict=True)
        )

    def read(self, source: Any, window: Any, shape: tuple[int, int], *, averaged: bool = True) -> Elevation:
        """Metres on a grid of ``shape`` over a window of the file, as means or single pixels; nodata is NaN."""
        from rasterio.enums import Resampling

        how = Resampling.average if averaged else Resampling.nearest
        found = source.read(
            1, window=window, out_shape=shape, out_dtype="float32", masked=True, resampling=how
        )
        heights = found.data * np.float32(source.scales[0]) + np.float32(source.offsets[0])
        known = ~np.ma.getmaskarray(found) & (heights >= _LOWEST) & (heights <= _HIGHEST)
        return np.where(known, heights, np.float32(np.nan))


@lru_cache(maxsize=10_000)
def _least_metres(dem: _Dem) -> tuple[float, float]:
    """Length of a pixel along rows and along columns, where the map's scale makes it shortest."""
    rows, columns = dem.shape
    places = [(rows / 2, columns / 2), (0, 0), (0, columns), (rows, 0), (rows, columns)]
    down, across = np.nan_to_num([dem.metres(*place) for place in places]).min(axis=0)
    return float(down), float(across)


@lru_cache(maxsize=10_000)
def _square_metres_of_land(dem: _Dem) -> float:
    """Area that is neither nodata nor sea, from a sample of pixels; never quite 0."""
    with _opened(dem.path) as source:
        sample = dem.read(source, None, (_THIN, _THIN), averaged=False)
    share = max(float(np.mean(np.isfinite(sample) & (sample != 0))), 0.5 / _THIN**2)
    return share * math.prod(dem.shape) * math.prod(_least_metres(dem))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A file to read from; one handle for each use, so that threads and forks share none."""
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path) as source:
            yield source
    except RasterioError as error:
        raise UnreadableInput(f"{path} cannot be read: {error}; is it damaged or cut short?") from error


@lru_cache(maxsize=256)
def _geodesy(crs: str) -> tuple[Any, Any]:
    """Transformation of a map's coordinates to degrees, and the geodesics of its ellipsoid."""
    from pyproj import Transformer

    known = parse_crs(crs)
    degrees, geod = known.geodetic_crs, known.get_geod()
    if degrees is None or geod is None:
        raise InvalidArgument(f"the CRS {crs[:80]!r} has no place on the Earth; give one that has")
    return Transformer.from_crs(known, degrees, always_xy=True), geod


def _dems_below(path: Path) -> dict[str, _Dem]:
    """The DEMs among the files at or below a path, by their names relative to it."""
    if not path.exists():
        raise MissingInput(f"{path} does not exist; give a folder of DEM files or one file")
    found = {path.name: path}
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES and file.is_file())
        found = {file.relative_to(path).as_posix(): file for file in files}
    dems, left_out = {}, []
    for name in sorted(found, key=lambda name: (PurePosixPath(name).name, name)):
        try:
            dems[name] = _header(found[name])
        except (InvalidArgument, UnreadableInput) as reason:
            left_out.append(f"{name} ({reason})")
    told = "; ".join(left_out[:3]) + (f"; and {len(left_out) - 3} more" if len(left_out) > 3 else "")
    if not dems:
        raise InvalidArgument(
            f"{path} has no DEM; wanted are files {', '.join(sorted(_SUFFIXES))} with one band of elevations and a "
            f"CRS; found: {told or 'no such file'}"
        )
    if left_out:
        _log.warning("%d file(s) of %s are no DEMs and are left out: %s", len(left_out), path, told)
    return dems


def _header(path: Path) -> _Dem:
    """The header of a file, or an error that says why it is no DEM."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with _opened(path) as source:
            count, kind, at, shape = source.count, source.dtypes[0], source.transform, source.shape
            crs = source.crs.to_wkt() if source.crs else ""
    reasons = {
        f"has {count} bands": count != 1,
        f"holds {kind}": kind not in _NUMBERS,
        "has no CRS": not crs,
        "is turned against its map": at.b or at.d,
    }
    if any(reasons.values()):
        raise InvalidArgument(next(reason for reason, holds in reasons.items() if holds))
    dem = _Dem(path, shape, (at.f, at.c), (at.e, at.a), crs)
    if not min(_least_metres(dem)) > 0.0:
        raise InvalidArgument("reaches a pole or beyond its map")
    return dem


def _shared_out(names: Sequence[str]) -> dict[str, str]:
    """Part that each file belongs to.

    >>> _shared_out(["N42E012.tif", "N42E012.hgt", "N41E013.tif", "N41E014.tif"])
    {'N42E012.tif': 'validation', 'N42E012.hgt': 'validation', 'N41E013.tif': 'train', 'N41E014.tif': 'test'}
    """
    # Without the suffix: the same tile in two formats must not come to two parts.
    tiles = {name: PurePosixPath(name).with_suffix("") for name in names}
    digests = {tile: hashlib.sha256(tile.name.encode()).hexdigest() for tile in tiles.values()}
    ordered = sorted(digests, key=lambda tile: (digests[tile], tile))
    count = len(ordered)
    first = second = count
    if count >= 3:
        first = min((70 * count + 50) // 100, count - 2)
        second = min(max((85 * count + 50) // 100, first + 1), count - 1)
    parts = ["train"] * first + ["validation"] * (second - first) + ["test"] * (count - second)
    part_of = dict(zip(ordered, parts, strict=True))
    return {name: part_of[tile] for name, tile in tiles.items()}


def _check(rng: Any, size: Any, pixel: Any) -> None:
    """Refuse what a piece cannot be drawn with."""
    if not isinstance(rng, np.random.Generator):
        raise InvalidType(f"rng must be a NumPy generator (np.random.default_rng); got {type(rng).__name__}")
    if not isinstance(size, int | np.integer) or size < 2:
        raise InvalidArgument(f"size must be a whole number of pixels from 2; got {size!r}")
    if not isinstance(pixel, int | float | np.integer | np.floating) or not 0.0 < pixel < math.inf:
        raise InvalidArgument(f"pixel must be a finite number of metres above 0; got {pixel!r}")


def _block(step: float) -> int:
    """Pixels of a DEM that are averaged as they are read, where a piece's pixel is ``step`` of them wide."""
    return max(int(step), 1)


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where the pixels of a piece lie along one axis of a DEM, which is read as means over blocks of pixels.

    ``centre`` (of the piece) and ``start`` count pixels of the DEM, ``positions`` and ``width`` (of the piece's
    pixels) count blocks, from the middle of the first.
    """

    centre: float
    start: int
    block: int
    blocks: int
    positions: npt.NDArray[np.float64]
    width: float

    @classmethod
    def at(cls, place: float, count: int, size: int, step: float) -> _Cut:
        """A piece's ``size`` pixels, each ``step`` of a DEM's ``count``, from its start (0) to its end (1).

        >>> cut = _Cut.at(0.5, count=20, size=4, step=0.5)
        >>> cut.centre, cut.start, cut.positions.tolist()
        (10.0, 5, [3.75, 4.25, 4.75, 5.25])
        """
        block, half = _block(step), size * step / 2
        reach = half + (_MARGIN + 1) * block
        centre = reach + place * (count - 2 * reach)
        start = math.floor(centre - half) - _MARGIN * block
        blocks = math.ceil((centre + half - start) / block) + _MARGIN
        places = centre + (np.arange(size) - (size - 1) / 2) * step
        return cls(centre, start, block, blocks, (places - start) / block - 0.5, step / block)

    def weights(self) -> Any:
        """Sparse matrix from the spline's coefficients to its means over the piece's pixels."""
        from scipy.sparse import csr_array

        # A block is a mean already: what it lacks to the piece's pixel is added as variances of windows are.
        half = math.sqrt(max(self.width**2 - 1.0, 1e-4)) / 2
        first = np.ceil(self.positions - half - 2.0).astype(np.int64)
        index = first[:, np.newaxis] + np.arange(math.floor(2 * half) + 5)
        away = index - self.positions[:, np.newaxis]
        values = (_spline_below(away + half) - _spline_below(away - half)) / (2 * half)
        bounds = np.arange(len(index) + 1) * index.shape[1]
        # Only indices of weight 0 can lie outside.
        columns = np.clip(index, 0, self.blocks - 1)
        return csr_array(
            (values.astype(np.float32).ravel(), columns.ravel(), bounds), shape=(len(index), self.blocks)
        )


def _spline_below(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Integral of the cubic B-spline from minus infinity to x.

    >>> _spline_below(np.array([-3.0, 0.0, 1.0, 2.0])).round(6).tolist()
    [0.0, 0.5, 0.958333, 1.0]
    """
    inside = np.clip(x, -2.0, 2.0)
    total = np.zeros_like(inside)
    for knot, share in zip((-2.0, -1.0, 0.0, 1.0), (1.0, -4.0, 6.0, -4.0), strict=True):
        total += share / 24.0 * np.maximum(inside - knot, 0.0) ** 4
    return total


@dataclass(frozen=True, slots=True)
class _Cutout:
    """A piece as it lies in the DEM, with a margin; its faults are how far it is too void, too wet and too flat."""

    source: str
    heights: Elevation
    down: _Cut
    across: _Cut
    resolution: float
    faults: tuple[float, float, float]

    def resampled(self) -> Elevation:
        """Elevations on the pixels of the piece."""
        from scipy.ndimage import spline_filter

        heights = _filled(self.heights)
        # Continued as if turned about their edge, slopes go on, and the spline does not bend there.
        beyond = np.pad(heights, 6, mode="reflect", reflect_type="odd")
        coefficients = spline_filter(beyond, order=3, output=np.float32)[6:-6, 6:-6]
        piece: Elevation = (self.across.weights() @ (self.down.weights() @ coefficients).T).T
        return piece


def _first_without_faults(cutouts: Iterable[_Cutout], kinds: int) -> _Cutout:
    """The first one without faults of the first ``kinds``, or the best if all have some."""
    best: _Cutout | None = None
    for cutout in cutouts:
        best = cutout if best is None or cutout.faults < best.faults else best
        if not any(best.faults[:kinds]):
            break
    assert best is not None
    return best


def _cut(dem: _Dem, rng: np.random.Generator, size: int, pixel: float) -> _Cutout:
    """A piece from anywhere in a file."""
    with _opened(dem.path) as source:
        tries = (_cut_at(rng.random(2), dem, source, size, pixel) for _ in range(_TRIES))
        return _first_without_faults(tries, kinds=3)


def _cut_at(place: npt.NDArray[np.float64], dem: _Dem, source: Any, size: int, pixel: float) -> _Cutout:
    """A piece at a place of a file, whose edges are 0 and 1."""
    from rasterio.windows import Window

    metres = _least_metres(dem)
    for _ in range(2):  # the map's scale depends on the place, and the place, a little, on the scale
        down, across = (
            _Cut.at(float(share), count, size, pixel / length)
            for share, count, length in zip(place, dem.shape, metres, strict=True)
        )
        metres = dem.metres(down.centre, across.centre)
    window = Window(across.start, down.start, across.blocks * across.block, down.blocks * down.block)
    heights = dem.read(source, window, (down.blocks, across.blocks))
    faults = _faults(heights, down.block * metres[0], across.block * metres[1])
    return _Cutout(dem.path.name, heights, down, across, max(metres), faults)


def _faults(heights: Elevation, metres_down: float, metres_across: float) -> tuple[float, float, float]:
    """How far voids (margin included), sea and flatness are beyond what is allowed: each 0 where it is not."""
    voids = float(np.isnan(heights).mean())
    inner = np.s_[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    too_void, too_wet = voids - _MOST_VOIDS, float((heights[inner] == 0).mean()) - _MOST_SEA
    rugged = 0.0
    if too_void <= 0.0:
        rugged = float(np.nanmax(heights[inner]) - np.nanmin(heights[inner])) / _LEAST_RELIEF
        if rugged < 1.0:
            steepness = np.hypot(*np.gradient(heights, metres_down, metres_across))[inner]
            rugged = max(rugged, math.degrees(math.atan(np.nanmedian(steepness))) / _LEAST_SLOPE)
    return max(too_void, 0.0), max(too_wet, 0.0), max(1.0 - rugged, 0.0)


def _filled(heights: Elevation) -> Elevation:
    """Elevations with small voids filled from their rims."""
    known = np.isfinite(heights)
    if known.all():
        return heights
    from rasterio.fill import fillnodata

    bare = np.where(known, heights, np.float32(0))
    return np.asarray(fillnodata(bare, known, max_search_distance=max(heights.shape)))
