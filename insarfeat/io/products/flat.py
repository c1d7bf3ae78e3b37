"""Flat binary rasters: numbers row after row with nothing between, as ISCE2, SNAP, SARscape and GAMMA write them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.dispatch.lazy import lazy_source
from insarfeat.dispatch.sources import Source
from insarfeat.errors import GridMismatch, UnreadableInput
from insarfeat.io.opening import chunks_of
from insarfeat.io.products.flat_headers import MapFrame
from insarfeat.io.products.parts import identity, layer_of
from insarfeat.io.sources import Decoding, FileIdentity
from insarfeat.layers import LAYERS, NODATA_BYTE
from insarfeat.windows import Window

Interleave = Literal["BSQ", "BIL", "BIP"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the numbers lie in a file.

    Attributes
    ----------
    height, width
        Of the raster.
    dtype
        Type of the stored numbers with their byte order, as ``">f4"``.
    bands, interleave
        How many bands there are, and whether they follow each other by the raster (BSQ), row (BIL) or pixel (BIP).
    header
        Bytes before the first number.
    """

    height: int
    width: int
    dtype: str
    bands: int = 1
    interleave: Interleave = "BSQ"
    header: int = 0

    @property
    def bytes(self) -> int:
        """Length of a whole file."""
        return self.header + self.height * self.width * self.bands * np.dtype(self.dtype).itemsize

    def check(self, path: Path) -> None:
        """Refuse a file that is shorter than its header says, and one that is longer."""
        if not path.is_file():
            raise UnreadableInput(f"{path.name} is a folder, where a raster should be")
        length = path.stat().st_size
        if min(self.height, self.width, self.bands) < 1 or self.header < 0:
            raise UnreadableInput(
                f"the header of {path.name} tells of {self.height} x {self.width} pixels, {self.bands} bands and "
                f"{self.header} bytes before them"
            )
        if length != self.bytes:
            what = "cut short" if length < self.bytes else "longer than that: of another size or type"
            raise UnreadableInput(
                f"{path.name} has {length} bytes; {self.height} lines of {self.width} pixels, {self.bands} band(s) "
                f"of {np.dtype(self.dtype)} make {self.bytes}. It is {what}"
            )


@dataclass(frozen=True, slots=True)
class FlatSource:
    """One band of a flat file, read row by row.

    ``squared`` makes intensities of amplitudes; ``recode`` gives a class for each stored one.
    """

    file: FileIdentity
    layout: Layout
    band: int
    decoding: Decoding
    dtype: np.dtype[Any]
    categorical_nodata: int | None = None
    squared: bool = False
    recode: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""
        return self.layout.height, self.layout.width

    @property
    def token(self) -> str:
        """File, its time and size, the layout, the band, and what its numbers are taken for."""
        meaning = f"{self.decoding}-{self.dtype}-{self.categorical_nodata}-{self.squared}-{self.recode}"
        return f"flat-{self.band}-{self.layout}-{meaning}@{self.file}"

    def fingerprint(self) -> str:
        """Same as the token."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"band {self.band} of {self.file.path.name}"

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window."""
        with np.errstate(all="ignore"):  # damaged numbers may be anything
            return self._meant(self._stored(window))

    def _meant(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Values of stored numbers."""
        pixels = self.decoding(stored)
        if self.squared:
            pixels = pixels * pixels
        if self.categorical_nodata is None:
            return pixels
        known = (pixels >= 0) & (pixels <= 255)  # false for NaN too
        if self.recode:
            known &= pixels < len(self.recode)
            table = np.asarray(self.recode, self.dtype)
            classes = table[np.where(known, pixels, 0).astype(np.intp)]
        else:
            classes = np.where(known, pixels, 0).astype(self.dtype)
        return np.where(known, classes, self.dtype.type(self.categorical_nodata))

    def _stored(self, window: Window) -> NDArray[Any]:
        layout = self.layout
        kind = np.dtype(layout.dtype)
        pixel = kind.itemsize * (layout.bands if layout.interleave == "BIP" else 1)
        row = kind.itemsize * layout.width * (1 if layout.interleave == "BSQ" else layout.bands)
        first = layout.header + self._band_begins(kind.itemsize) + window.left * pixel
        length = window.width * pixel
        # The last pixel of a file ends with the own band, not with the pixel.
        wanted = length - (pixel - kind.itemsize)
        rows = np.empty((window.height, length), np.uint8)
        try:
            with self.file.path.open("rb", buffering=0) as file:
                if length == row and wanted == length:
                    _fill(file, first + window.top * row, rows.reshape(-1), self.file.path.name)
                else:
                    for index in range(window.height):
                        begin = first + (window.top + index) * row
                        _fill(file, begin, rows[index, :wanted], self.file.path.name)
        except OSError as error:
            raise UnreadableInput(f"{self.file.path.name} cannot be read: {error.strerror}") from error
        numbers = rows.view(kind)
        return numbers[:, :: layout.bands] if layout.interleave == "BIP" else numbers

    def _band_begins(self, itemsize: int) -> int:
        layout = self.layout
        lengths = {"BSQ": layout.height * layout.width, "BIL": layout.width, "BIP": 1}
        return (self.band - 1) * lengths[layout.interleave] * itemsize


@dataclass(frozen=True, slots=True)
class ComplexSource:
    """A complex raster whose real and imaginary parts lie in two bands or files.

    A pixel is nodata where both parts are one of the numbers for it, and 0+0j stays.
    """

    real: FlatSource
    imaginary: FlatSource
    dtype: np.dtype[Any]
    nodata: tuple[float, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""
        return self.real.shape

    @property
    def token(self) -> str:
        """Those of both parts."""
        return f"complex-{self.dtype}-{self.nodata}-{self.real.token}-{self.imaginary.token}"

    def fingerprint(self) -> str:
        """Same as the token."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"{self.real.describe()} + j {self.imaginary.describe()}"

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window."""
        pixels = np.empty((window.height, window.width), self.dtype)
        pixels.real, pixels.imag = self.real.read(lead, window), self.imaginary.read(lead, window)
        with np.errstate(all="ignore"):
            for number in self.nodata:
                if number != 0.0:
                    pixels[(pixels.real == number) & (pixels.imag == number)] = complex(np.nan, np.nan)
        return pixels


@dataclass(frozen=True, slots=True)
class FlatRaster:
    """A band of a flat file as a canonical layer: which file, how its numbers lie, and what they mean.

    Attributes
    ----------
    nodata
        Numbers that stand for nodata; 0+0j is nodata in complex rasters anyhow.
    scale, offset
        value = stored * scale + offset, after nodata is found.
    classes
        Whether the numbers are classes, which stay integers; nodata becomes 255.
    squared
        Whether the numbers are amplitudes, of which intensities are to be made.
    recode
        Of classes, the canonical one for each stored one.
    """

    path: Path
    layout: Layout
    band: int = 1
    nodata: tuple[float, ...] = ()
    scale: float = 1.0
    offset: float = 0.0
    classes: bool = False
    squared: bool = False
    recode: tuple[int, ...] = ()

    def layer(self, name: str, frame: MapFrame | None = None) -> xr.DataArray:
        """The lazy layer, in radar geometry unless it lies on a map."""
        return _placed(name, self.source(name), frame)

    def source(self, name: str) -> FlatSource:
        """Where the pixels come from; the file must be as long as its layout says."""
        file = identity(self.path)
        self.layout.check(self.path)
        if not 1 <= self.band <= self.layout.bands:
            raise UnreadableInput(
                f"{self.path.name} has {self.layout.bands} band(s); band {self.band} is needed for {name}"
            )
        stored = np.dtype(self.layout.dtype)
        if (stored.kind == "c") != (
            LAYERS[name].dtype == "complex64" if name in LAYERS else stored.kind == "c"
        ):
            raise UnreadableInput(f"{self.path.name} holds numbers of type {stored}, which {name} cannot be")
        kind = stored.newbyteorder("=") if stored.kind in "fc" else np.dtype("f4")
        decoding = Decoding(kind, self.nodata, self.scale, self.offset)
        if self.classes:
            byte = np.dtype("u1")
            return FlatSource(file, self.layout, self.band, decoding, byte, NODATA_BYTE, False, self.recode)
        return FlatSource(file, self.layout, self.band, decoding, kind, squared=self.squared)


def complex_layer(
    name: str, parts: tuple[FlatRaster, FlatRaster], frame: MapFrame | None = None
) -> xr.DataArray:
    """The lazy layer of a complex raster stored as two real ones; numbers for nodata are those of the first."""
    real, imaginary = (FlatRaster(one.path, one.layout, one.band).source(f"{name}'s parts") for one in parts)
    if real.shape != imaginary.shape:
        raise GridMismatch(
            f"{real.file.path.name} is {real.shape[0]} x {real.shape[1]} pixels and {imaginary.file.path.name} "
            f"{imaginary.shape[0]} x {imaginary.shape[1]}; parts of one complex raster must be of one size"
        )
    dtype = np.result_type(real.dtype, imaginary.dtype, np.complex64)
    return _placed(name, ComplexSource(real, imaginary, dtype, parts[0].nodata), frame)


def _placed(name: str, source: Source, frame: MapFrame | None) -> xr.DataArray:
    dims = ("line", "sample") if frame is None else ("y", "x")
    coords = None if frame is None else frame.coords(source.shape[0], source.shape[1], source.describe())
    return layer_of(name, lazy_source(source, chunks_of(source, None)), dims, coords)


def _fill(file: BinaryIO, offset: int, target: NDArray[np.uint8], name: str) -> None:
    """Bytes from a place on, as many as there is room for."""
    file.seek(offset)
    room = memoryview(target)  # type: ignore[arg-type]
    while len(room):
        count = file.readinto(room)  # type: ignore[attr-defined]
        if not count:
            raise UnreadableInput(f"{name} was cut short after it was opened")
        room = room[count:]
