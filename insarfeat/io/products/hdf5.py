"""HDF5 products: headers with clear errors, and datasets as lazy layers, whatever their groups and types."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.dispatch.lazy import lazy_source
from insarfeat.errors import InsarfeatError, MissingInput, UnreadableInput
from insarfeat.io.native_headers import check_header, check_size
from insarfeat.io.opening import chunks_of
from insarfeat.io.products.parts import identity, layer_of
from insarfeat.io.sources import Decoding, FileIdentity
from insarfeat.layers import NODATA_BYTE
from insarfeat.windows import Window

__all__ = ["Hdf5Header", "Hdf5Raster", "Hdf5Source", "check_netcdf", "hdf5_header", "is_hdf5"]

Found = TypeVar("Found")

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MOST_FILES = 32
_MOST_DATASETS = 8
_CACHE = 40 << 20  # bytes for each dataset: chunks as wide as a burst are wanted again by the next window
_WIDEST = 2048
_LONGEST = 1 << 20
_FLOATS = "fiub"


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does; false for whatever cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False


def check_netcdf(path: Path) -> None:
    """Refuse NetCDF, old or new, whose header would crash its library, keep it busy for ever or fill the memory."""
    check_header(path)
    if is_hdf5(path):
        with hdf5_header(path) as header:
            for name in header.names():
                found = header.dataset(name) if header.is_dataset(name) else None
                if found is not None and found.shape is not None:
                    check_size(path, name, found.shape, found.dtype)


class _Open:
    """What this process has open; a forked child begins with nothing, as in :mod:`insarfeat.io.sources`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.files: dict[FileIdentity, Any] = {}
        self.datasets: dict[tuple[FileIdentity, str], Any] = {}

    def dataset(self, file: FileIdentity, name: str) -> Any:
        """A dataset that stays open with its cache, until others come."""
        opened = self.file(file)
        if (file, name) not in self.datasets:
            if len(self.datasets) >= _MOST_DATASETS:
                self.datasets.pop(next(iter(self.datasets)))
            self.datasets[file, name] = opened[name]
        return self.datasets[file, name]

    def file(self, wanted: FileIdentity) -> Any:
        """One handle for each file. HDF5 takes a file that changed in its place for the one that it has open."""
        if FileIdentity.of(wanted.path) != wanted:
            raise UnreadableInput(f"{wanted.path.name} was changed after it was opened; open it anew")
        if wanted not in self.files:
            import h5py

            stale = [known for known in self.files if known.path == wanted.path]
            if not stale and len(self.files) >= _MOST_FILES:
                stale = [next(iter(self.files))]
            check_header(wanted.path)
            for known in stale:
                self.datasets = {key: one for key, one in self.datasets.items() if key[0] != known}
                self.files.pop(known).close()
            self.files[wanted] = h5py.File(wanted.path, "r", rdcc_nbytes=_CACHE)
        return self.files[wanted]


_open = _Open()
_inherited: list[_Open] = []


def _begin_anew() -> None:
    global _open
    _inherited.append(_open)  # kept, not closed: closing would disturb the parent's files
    _open = _Open()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def _reading(file: FileIdentity, dataset: str, action: Callable[[Any], Found]) -> Found:
    """Do something with an open dataset; what the library raises over a damaged one becomes one clear error."""
    try:
        with _open.lock:
            return action(_open.dataset(file, dataset))
    except InsarfeatError:
        raise
    except Exception as error:  # h5py raises whatever its layers meet first
        raise UnreadableInput(
            f"{file.path.name} cannot be read: it is damaged, cut short or no HDF5 ({type(error).__name__}: {error})"
        ) from error


@dataclass(frozen=True, slots=True)
class Hdf5Header:
    """What an open file says of itself; each value is asked for by name, and missing or impossible ones are told."""

    name: str
    file: Any

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the file; text as ``str``."""
        return {str(key): _plain(value) for key, value in self.file.attrs.items()}

    def names(self, group: str = "/") -> list[str]:
        """What is in a group; nothing where there is no such group."""
        import h5py

        found = self.file.get(group)
        return [str(name) for name in found] if isinstance(found, h5py.Group) else []

    def has(self, place: str) -> bool:
        """Whether there is such a dataset or group."""
        return place in self.file

    def scalar(self, place: str, kind: Callable[[Any], Found]) -> Found:
        """A dataset of one value."""
        stored = self.dataset(place)
        if stored.size != 1:
            raise UnreadableInput(f"{self.name}: {place} holds {stored.size} values where one is expected")
        value = _plain(np.asarray(stored[()]).reshape(())[()])
        try:
            return kind(value)
        except (TypeError, ValueError) as error:
            raise UnreadableInput(f"{self.name}: {place} cannot be {value!r}") from error

    def optional(self, place: str, kind: Callable[[Any], Found]) -> Found | None:
        """A dataset of one value, or None where there is none."""
        return self.scalar(place, kind) if self.has(place) else None

    def vector(self, place: str) -> NDArray[Any]:
        """A dataset of one axis, or of a few columns."""
        stored = self.dataset(place)
        if stored.ndim not in (1, 2) or not 0 < stored.size <= _LONGEST:
            raise UnreadableInput(
                f"{self.name}: {place} has the shape {stored.shape}; a short list is expected"
            )
        return np.asarray(stored[()])

    def centres(self, place: str) -> NDArray[np.float64]:
        """Coordinates of pixels: finite numbers at even steps."""
        found = self.vector(place)
        if found.ndim != 1 or found.dtype.kind not in "fiu" or not np.isfinite(found).all() or len(found) < 2:
            raise UnreadableInput(f"{self.name}: {place} holds no coordinates of pixels")
        steps = np.diff(found.astype(np.float64))
        if steps[0] == 0 or np.abs(steps - steps[0]).max() > 1e-3 * abs(steps[0]):
            raise UnreadableInput(f"{self.name}: the coordinates in {place} do not lie at even steps")
        return found.astype(np.float64)

    def is_dataset(self, place: str) -> bool:
        """Whether there is such a dataset."""
        import h5py

        return isinstance(self.file.get(place), h5py.Dataset)

    def dataset(self, place: str) -> Any:
        """A dataset, which must be there."""
        import h5py

        found = self.file.get(place)
        if not isinstance(found, h5py.Dataset):
            raise UnreadableInput(f"{self.name} has no dataset {place}; is it whole?")
        return found


@contextmanager
def hdf5_header(path: Path) -> Iterator[Hdf5Header]:
    """The header of a file, for as long as the block lasts; no other thread reads HDF5 meanwhile."""
    file = identity(path)
    try:
        with _open.lock:
            yield Hdf5Header(path.name, _open.file(file))
    except InsarfeatError:
        raise
    except Exception as error:
        raise UnreadableInput(
            f"{path.name} is not readable HDF5: it is damaged or cut short ({type(error).__name__}: {error})"
        ) from error


@dataclass(frozen=True, slots=True)
class Hdf5Source:
    """A raster in a dataset: all of it, or one layer of a stack.

    Attributes
    ----------
    index
        Which layer, where the dataset has axes before its rows and columns.
    spared
        Row and column of a pixel that keeps its value, though it be that of nodata.
    """

    file: FileIdentity
    dataset: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    decoding: Decoding
    index: tuple[int, ...] = ()
    categorical_nodata: int | None = None
    spared: tuple[int, int] | None = None

    @property
    def token(self) -> str:
        """File, its time and size, the dataset, and what its numbers are taken for."""
        taken = f"{self.decoding}-{self.dtype}-{self.categorical_nodata}-{self.spared}"
        return f"hdf5-{self.dataset}-{self.index}-{taken}@{self.file}"

    def fingerprint(self) -> str:
        """Same as the token."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"{self.dataset} of {self.file.path.name}"

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window."""
        place = (*self.index, *window.slices)
        stored = _numbers(_reading(self.file, self.dataset, lambda stored: np.asarray(stored[place])))
        if stored.shape != (window.height, window.width):
            raise UnreadableInput(f"{self.file.path.name}: {self.dataset} is smaller than when it was opened")
        pixels = self.decoding(stored)
        if self.spared is not None:
            pixels = self._with_spared(pixels, stored, window)
        return pixels if self.categorical_nodata is None else self._classes(pixels, self.categorical_nodata)

    def _with_spared(self, pixels: NDArray[Any], stored: NDArray[Any], window: Window) -> NDArray[Any]:
        assert self.spared is not None
        row, column = self.spared[0] - window.top, self.spared[1] - window.left
        if not (0 <= row < window.height and 0 <= column < window.width):
            return pixels
        kept = Decoding(self.decoding.dtype, (), self.decoding.scale, self.decoding.offset)
        pixels = pixels.copy()
        pixels[row, column] = kept(stored[row : row + 1, column : column + 1])[0, 0]
        return pixels

    def _classes(self, pixels: NDArray[Any], nothing: int) -> NDArray[Any]:
        with np.errstate(invalid="ignore"):
            inside = pixels >= 0  # false for nodata
        if (pixels[inside] >= NODATA_BYTE).any():
            raise UnreadableInput(
                f"{self.file.path.name}: {self.dataset} has the class {pixels[inside].max():.0f}; up to "
                f"{NODATA_BYTE - 1} fit into a byte"
            )
        return np.where(inside, pixels, nothing).astype(self.dtype)


@dataclass(frozen=True, slots=True)
class Hdf5Raster:
    """A dataset as a canonical layer: which one, and what its numbers mean.

    Attributes
    ----------
    index
        Which layer of a stack.
    nodata
        Numbers that stand for nodata, beside NaN.
    scale, offset
        value = stored * scale + offset, after nodata is found.
    classes
        Whether the numbers are classes, which stay integers; nodata, and what is below 0, becomes 255.
    spared
        Row and column of a pixel that keeps its value, though it be that of nodata.
    """

    path: Path
    dataset: str
    index: tuple[int, ...] = ()
    nodata: tuple[float, ...] = ()
    scale: float = 1.0
    offset: float = 0.0
    classes: bool = False
    spared: tuple[int, int] | None = None

    def layer(
        self, name: str, dims: tuple[str, str], coords: Mapping[str, Any] | None = None
    ) -> xr.DataArray:
        """The lazy layer."""
        file = identity(self.path)
        with hdf5_header(self.path) as header:
            if not header.has(self.dataset):
                raise MissingInput(f"{self.path.name} has no dataset {self.dataset}; is it whole?")
        shape, stored, chunks = _reading(file, self.dataset, self._described)
        kind = _decoded(stored)
        if kind is None:
            raise UnreadableInput(f"{self.path.name}: {self.dataset} holds {stored}, which are no pixels")
        sides = dict(zip(dims, shape[-2:], strict=True))
        for dim, size in sides.items():
            if coords and dim in coords and len(coords[dim]) != size:
                raise UnreadableInput(
                    f"{self.path.name}: {self.dataset} has {size} pixels along {dim}, and there are coordinates of "
                    f"{len(coords[dim])}"
                )
        decoding = Decoding(kind, self.nodata, self.scale, self.offset)
        out, nothing = (np.dtype("u1"), NODATA_BYTE) if self.classes else (kind, None)
        source = Hdf5Source(file, self.dataset, shape[-2:], out, decoding, self.index, nothing, self.spared)
        return layer_of(name, lazy_source(source, _chunks(source, chunks)), dims, coords)

    def _described(self, found: Any) -> tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...] | None]:
        """Shape, type and chunks of the dataset, where they can be true."""
        import h5py

        if not isinstance(found, h5py.Dataset):
            raise UnreadableInput(f"{self.path.name}: {self.dataset} is a group, not a dataset")
        shape: tuple[int, ...] = found.shape or ()
        if len(shape) != 2 + len(self.index) or min(shape) < 1:
            raise UnreadableInput(f"{self.path.name}: {self.dataset} has the shape {shape}, no raster's")
        if any(place >= length for place, length in zip(self.index, shape, strict=False)):
            raise UnreadableInput(f"{self.path.name}: {self.dataset} has no layer {self.index} of {shape}")
        for claimed in (shape, found.chunks or (1,)):
            check_size(self.path, self.dataset, claimed, found.dtype)
        if found.chunks is None and 0 < found.id.get_storage_size() < found.dtype.itemsize * found.size:
            raise UnreadableInput(f"{self.path.name}: {self.dataset} is cut short")
        return shape, found.dtype, found.chunks


def _chunks(source: Hdf5Source, stored: tuple[int, ...] | None) -> tuple[tuple[int, ...], ...]:
    """Chunks that do not cut the file's own; fewer rows where those are very wide."""
    if stored is not None and stored[-1] > _WIDEST:
        height, width = source.shape
        rows = max(_WIDEST**2 // stored[-1] // stored[-2], 1) * min(stored[-2], height)
        return tuple(min(rows, height - top) for top in range(0, height, rows)), (width,)
    return chunks_of(source, stored)


def _decoded(stored: np.dtype[Any]) -> np.dtype[Any] | None:
    """Type of the values that numbers of a type become; None for what is no number."""
    if stored.names is not None:
        parts = [stored[name] for name in stored.names]
        pair = len(parts) == 2 and all(part.kind == "f" for part in parts)
        return np.result_type(*parts, np.complex64) if pair else None
    if stored.kind in "iub" or (stored.itemsize == 2 and stored.kind == "f"):
        return np.dtype("f4")
    return stored.newbyteorder("=") if stored.kind in "fc" else None


def _numbers(stored: NDArray[Any]) -> NDArray[Any]:
    """Pairs of real and imaginary parts as complex numbers; others as they are."""
    if stored.dtype.names is None:
        return stored
    kind = _decoded(stored.dtype)
    if kind is None:
        raise UnreadableInput(f"numbers of {stored.dtype} are no pixels")
    real, imaginary = stored.dtype.names
    values = np.empty(stored.shape, kind)
    values.real, values.imag = stored[real], stored[imaginary]
    return values


def _plain(value: Any) -> Any:
    """Text as ``str``, numbers of one as Python's."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\0")
    if isinstance(value, np.ndarray) and value.size == 1:
        return _plain(value.reshape(())[()])
    return value.item() if isinstance(value, np.generic) and value.dtype.kind in "fiub" else value
