"""What readers are made of: layers from bands and flat files, facts about a pair, and the Dataset of them all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from insarfeat.dispatch.lazy import lazy_source
from insarfeat.errors import GridMismatch, InsarfeatError, MissingInput, UnreadableInput
from insarfeat.georeference import GRID_MAPPING, crs_of
from insarfeat.io.opening import chunks_of, frame_coords
from insarfeat.io.sources import BandSource, Decoding, FileIdentity, open_geotiff
from insarfeat.layers import LAYERS, NODATA_BYTE

if TYPE_CHECKING:
    from insarfeat.geometry import LineOfSight

PHASE_SIGN = "primary x conj(secondary)"
UNVERIFIED = "unverified"

_LONGEST_SIDE = 10_000_000  # pixels; the Earth's circumference at 4 m
_MOST_PACKED = (
    100_000  # decoded bytes per stored one; constant blocks in the best codecs reach some ten thousand
)

_DATE = re.compile(r"(?<!\d)(19|20)(\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?!\d)")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a product beside its pixels.

    Attributes
    ----------
    primary, secondary
        When the two images were taken; the primary is the earlier one.
    polarisation, orbit_direction
        As "VV"; "ascending" or "descending".
    wavelength
        Metres.
    perpendicular_baseline
        Metres.
    phase_sign
        :data:`PHASE_SIGN` where it was checked, :data:`UNVERIFIED` where it is only believed; None without a phase.
    unverified
        What of the reader's knowledge was not checked against a real product, each in a few words.
    more
        Other attributes that are worth keeping.
    """

    primary: date | None = None
    secondary: date | None = None
    polarisation: str | None = None
    orbit_direction: str | None = None
    wavelength: float | None = None
    perpendicular_baseline: float | None = None
    phase_sign: str | None = None
    unverified: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def check_order(self, name: str) -> Facts:
        """The same facts, if the primary is the earlier image."""
        if (
            self.primary is not None
            and self.secondary is not None
            and not _is_later(self.secondary, self.primary)
        ):
            raise UnreadableInput(
                f"{name} names {_day(self.primary)} as primary and {_day(self.secondary)} as secondary, which is not "
                "later: are the dates swapped? Phases and displacements would have the wrong sign"
            )
        return self

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the Dataset."""
        found: dict[str, Any] = {}
        for name in ("primary", "secondary"):
            if (when := getattr(self, name)) is not None:
                found[f"{name}_date"] = when.isoformat()
        if self.primary is not None and self.secondary is not None:
            found["temporal_baseline_days"] = (_as_date(self.secondary) - _as_date(self.primary)).days
        for name, attribute in (
            ("polarisation", "polarisation"),
            ("orbit_direction", "orbit_direction"),
            ("wavelength", "wavelength_m"),
            ("perpendicular_baseline", "perpendicular_baseline_m"),
            ("phase_sign", "phase_sign"),
        ):
            if (value := getattr(self, name)) is not None:
                found[attribute] = value
        if self.unverified:
            found["unverified"] = "; ".join(self.unverified)
        return found | dict(self.more)


@dataclass(frozen=True, slots=True)
class Band:
    """A band of a GeoTIFF as a canonical layer.

    Attributes
    ----------
    path, number
        Where it is; bands count from 1.
    nodata
        Numbers that stand for nodata, beside the one that the file declares.
    scale, offset
        value = stored * scale + offset; nodata is compared with the stored numbers.
    classes
        Whether the numbers are classes, which stay integers; nodata becomes 255.
    declared
        Whether the nodata that the file declares counts; not where its number has a meaning, as 0 in masks.
    floating
        Whether whole numbers are refused: phases in radians that are integers come from a damaged header.
    """

    path: Path
    number: int = 1
    nodata: tuple[float, ...] = ()
    scale: float = 1.0
    offset: float = 0.0
    classes: bool = False
    declared: bool = True
    floating: bool = False

    def layer(self, name: str) -> xr.DataArray:
        """The lazy layer, with the coordinates of its file."""
        with open_header(self.path) as (file, stored):
            if not 1 <= self.number <= stored.count:
                raise UnreadableInput(
                    f"{file.path.name} has {stored.count} bands; band {self.number} is needed for {name}"
                )
            if self.floating and np.dtype(stored.dtypes[self.number - 1]).kind != "f":
                raise UnreadableInput(
                    f"{file.path.name} holds {stored.dtypes[self.number - 1]} numbers; {name} is in floating point"
                )
            source = self._source(file, stored)
            coords, blocks = frame_coords(stored), stored.block_shapes[self.number - 1]
        return layer_of(name, lazy_source(source, chunks_of(source, blocks)), ("y", "x"), coords)

    def _source(self, file: FileIdentity, stored: Any) -> BandSource:
        own = stored.nodatavals[self.number - 1] if self.declared else None
        nodata = tuple(
            dict.fromkeys(float(one) for one in (*self.nodata, own) if one is not None and not np.isnan(one))
        )
        stored_type = np.dtype(stored.dtypes[self.number - 1])
        shape = (stored.height, stored.width)
        if self.classes:
            decoding = Decoding(np.dtype("f4"), nodata, self.scale, self.offset)
            return BandSource(file, self.number, shape, np.dtype("u1"), decoding, NODATA_BYTE)
        floating = np.dtype("f4") if stored_type.kind in "iub" else stored_type.newbyteorder("=")
        decoding = Decoding(floating, nodata, self.scale, self.offset)
        return BandSource(file, self.number, shape, floating, decoding)


@contextmanager
def open_header(path: Path) -> Iterator[tuple[FileIdentity, Any]]:
    """A GeoTIFF whose header is whole and promises no more than the file can hold; rasterio's dataset."""
    from rasterio.errors import CRSError, RasterioError

    file = identity(path)
    try:
        with open_geotiff(file.path) as stored:
            _check_header(file, stored)
            yield file, stored
    except InsarfeatError:
        raise
    except (RasterioError, CRSError) as error:
        raise UnreadableInput(f"{file.path.name} is not a readable raster: {error}") from error


def identity(path: Path) -> FileIdentity:
    """A file of a product, which must be there and not be empty."""
    if not path.exists():
        raise MissingInput(f"{path.name} is missing in {path.parent.name or path.parent}")
    if path.is_file() and path.stat().st_size == 0:
        raise UnreadableInput(f"{path.name} is empty (0 bytes)")
    return FileIdentity.of(path)


def layer_of(
    name: str, data: Any, dims: tuple[str, str], coords: Mapping[str, Any] | None = None
) -> xr.DataArray:
    """A layer with the attributes of its canonical name."""
    known = LAYERS.get(name)
    return xr.DataArray(data, coords or {}, dims, name, dict(known.attributes) if known else {})


def line_of_sight(sight: LineOfSight) -> list[xr.DataArray]:
    """The layers that say where the radar looks from: the vector, and the angles that say the same."""
    angles = sight.incidence_and_heading()
    named = zip(("los_east", "los_north", "los_up", "incidence", "heading"), (*sight, *angles), strict=True)
    return [layer.rename(name).assign_attrs(LAYERS[name].attributes) for name, layer in named]


def assemble(layers: Iterable[xr.DataArray], facts: Facts, *, product: str) -> xr.Dataset:
    """Layers of one grid as a Dataset with what is known of them; a layer on another grid is refused by name."""
    found = list(layers)
    if not found:
        raise UnreadableInput(f"{product} holds no layer that is known")
    first = found[0]
    for other in found[1:]:
        check_same_grid(first, other, product)
    coords = {name: first.coords[name] for name in (*first.dims, GRID_MAPPING) if name in first.coords}
    bare = {str(layer.name): layer.drop_vars(list(layer.coords)) for layer in found}
    return xr.Dataset(bare, coords, facts.check_order(product).attributes)


def dates_in(text: str) -> list[date]:
    """Days that a name tells as yyyymmdd, in their order.

    >>> dates_in("S1_20230904T063730_20230916T063730_VV")
    [datetime.date(2023, 9, 4), datetime.date(2023, 9, 16)]
    """
    return [
        found
        for match in _DATE.finditer(re.sub(r"T\d{6}", "", text))
        if (found := _calendar(match.group())) is not None
    ]


def pair_in(text: str) -> tuple[date | None, date | None]:
    """The first two days that a name tells, as primary and secondary."""
    first, second = (*dates_in(text), None, None)[:2]
    return first, second


def files_named(folder: Path, *patterns: str) -> list[Path]:
    """Files of a folder whose names fit a pattern, in order; names are compared without case."""
    expressions = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
    return sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_file() and any(one.fullmatch(path.name) for one in expressions)
    )


def with_more(facts: Facts, **more: Any) -> Facts:
    """The same facts and some other attributes."""
    return replace(facts, more={**facts.more, **more})


def _check_header(file: FileIdentity, stored: Any) -> None:
    """Refuse what a damaged header claims before anything is made of it, and a file that ends too early."""
    name, kinds = file.path.name, set(stored.dtypes)
    if strange := [kind for kind in kinds if kind not in np.sctypeDict]:
        raise UnreadableInput(f"{name} holds {strange[0]} numbers, which are not supported")
    if max(stored.height, stored.width) > _LONGEST_SIDE:
        raise UnreadableInput(
            f"the header of {name} tells of {stored.height} x {stored.width} pixels, and the file has {file.size} "
            "bytes: it is damaged"
        )
    affine = np.array(stored.transform[:6])
    if not np.isfinite(affine).all() or 0 in (affine[0], affine[4]):
        raise UnreadableInput(f"the header of {name} has a broken geotransform: {affine.tolist()}")
    for band, (rows, columns) in enumerate(stored.block_shapes, 1):
        promised = rows * columns * np.dtype(stored.dtypes[band - 1]).itemsize
        places = [(0, 0), ((stored.width - 1) // columns, (stored.height - 1) // rows)]
        for column, row in places:
            offset, size = (
                int(stored.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=band) or 0)
                for what in ("OFFSET", "SIZE")
            )
            if offset + size > file.size:
                raise UnreadableInput(
                    f"{name} is cut short: block ({row}, {column}) of band {band} ends at byte {offset + size} and "
                    f"the file has {file.size}"
                )
            if offset == 0 and _holds_all(file, stored):
                raise UnreadableInput(
                    f"the header of {name} is damaged: it does not tell where its pixels are"
                )
        if promised > _MOST_PACKED * file.size:
            raise UnreadableInput(
                f"the header of {name} tells of blocks of {rows} x {columns} pixels, and the file has {file.size} "
                "bytes: it is damaged"
            )


def _holds_all(file: FileIdentity, stored: Any) -> bool:
    """Whether an uncompressed TIFF has room for all its pixels; one that leaves blocks out on purpose has not."""
    pixels = sum(np.dtype(kind).itemsize for kind in stored.dtypes) * stored.height * stored.width
    plain = stored.driver == "GTiff" and stored.compression is None and not stored.overviews(1)
    return bool(plain and file.size >= pixels)


def check_same_grid(first: xr.DataArray, other: xr.DataArray, product: str) -> None:
    """Refuse a layer that does not lie pixel on pixel on the first one."""
    if first.shape != other.shape:
        raise GridMismatch(
            f"{product}: {other.name} is {_size(other)} pixels and {first.name} is {_size(first)}; all layers of a "
            "product must be of one size: is a file of another product among them?"
        )
    mine, theirs = crs_of(first), crs_of(other)
    if mine is not None and theirs is not None and mine != theirs:
        raise GridMismatch(f"{product}: {other.name} is in {theirs.name!r} and {first.name} in {mine.name!r}")
    for dim in first.dims:
        if dim in first.coords and dim in other.coords:
            ours, others = first.coords[dim].values, other.coords[dim].values
            if len(ours) > 1 and np.abs(ours - others).max() > 0.02 * abs(ours[1] - ours[0]):
                raise GridMismatch(
                    f"{product}: {other.name} begins at {dim} = {others[0]:.10g} and {first.name} at {ours[0]:.10g}; "
                    "all layers of a product must lie on one grid"
                )


def _size(layer: xr.DataArray) -> str:
    return " x ".join(map(str, layer.shape[-2:]))


def _calendar(digits: str) -> date | None:
    try:
        return datetime.strptime(digits, "%Y%m%d").date()
    except ValueError:
        return None


def _as_date(when: date) -> date:
    return when.date() if isinstance(when, datetime) else when


def _is_later(second: date, first: date) -> bool:
    """By the time where both have one, else by the day."""
    if isinstance(first, datetime) and isinstance(second, datetime):
        return second.replace(tzinfo=None) > first.replace(tzinfo=None)
    return _as_date(second) > _as_date(first)


def _day(when: date) -> str:
    return _as_date(when).isoformat()


def names_of(paths: Sequence[Path]) -> str:
    """File names for a message.

    >>> names_of([Path("a/b.tif"), Path("c.tif")])
    'b.tif, c.tif'
    """
    return ", ".join(path.name for path in paths)
