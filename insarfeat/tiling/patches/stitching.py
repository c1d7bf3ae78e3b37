"""Patches back onto the raster that they were cut from: predictions that are stored, or made on the way."""

from __future__ import annotations

import hashlib
import inspect
import mmap
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.expression import Leaf, Remap, Value
from insarfeat.dispatch.kinds import PROCESSING, is_lazy
from insarfeat.dispatch.lazy import lazy_values
from insarfeat.dispatch.sources import ArraySource
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.geometry.maps import map_named, same_map
from insarfeat.io.sources import FileIdentity
from insarfeat.tiling.patches.blending import (
    CHANNEL,
    Blend,
    Blending,
    Gridded,
    Layered,
    Layout,
    Listed,
    Patches,
    Pixels,
    Raster,
    sizes,
)
from insarfeat.tiling.patches.grid import PatchGrid
from insarfeat.windows import Window

Array = NDArray[Any]
Places = NDArray[np.int64]

_NAME = "prediction"
_AT_ONCE = 64  # patches that are read together at most, however many share a chunk on disk


def stitch(
    patches: Any,
    grid: Any,
    *,
    blend: Any = "hann",
    of: Any = None,
    channels: int | Sequence[str] | None = None,
    batch: int = 8,
    chunk: int = 2048,
) -> Any:
    r"""Put predictions for patches back onto the raster, lazily, so that it may be larger than memory.

    Where patches overlap, pixel p gets

    .. math:: v(p) = \frac{\sum_k w_k(p)\, v_k(p)}{\sum_k w_k(p)},

    over the patches k that have a value there. Weights are so normalised at the raster's edges, beside patches that
    are missing, and around nodata: what is constant or linear comes back as it is, NaN in one patch leaves the
    pixel to the others, and a pixel is NaN only where no patch has a value.

    Parameters
    ----------
    patches
        Predictions that are there, (patch, y, x) or (patch, channel, y, x) in the order of ``grid``: anything with a
        shape and a dtype that can be sliced (NumPy, memory map, Zarr, HDF5, Dask), which is read as it is needed. Or
        a function that makes them. Without ``of`` it is called with the :class:`Window` of a patch, which may
        reach beyond the raster, and gives (y, x) or (channel, y, x). With ``of`` it is called with the pixels of
        some patches, and gives (patch, y, x) or (patch, channel, y, x).
    grid
        A :class:`PatchGrid`, or a selection of one. Or a dataset of patches, its table, or rows of that: of one
        scene and pair, in any order; cropped copies are left out. A table does not tell how large the raster is:
        without ``of``, the result goes as far as the patches do.
    blend
        "hann", sin^2(pi (i + 1/2) / n) along both sides, never 0. "gaussian", with a sigma of n / 8. "crop": each
        pixel is of the patch whose centre is nearest, so that each gives its core, without the (size - stride) / 2
        pixels at sides where there is another. Or weights of your own: an array like a patch, or a tuple of two,
        along rows and columns. Classes (integers) take "crop" only.
    of
        The raster that the patches are of: a Dataset, whose rasters are the bands in their order, or an array, (y, x)
        or (band, y, x). Bands of a Dataset with a dimension ``pair`` are taken pair by pair, beside those that all
        pairs share, and the result has that dimension too (no channels then). A function gets float32
        (patch, band, y, x), NaN where the raster has no value and beyond it; patches without any value are not passed
        to it, and have none. For stored predictions it only says where they lie.
    channels
        How many channels the function gives, or their names; 0 for (y, x). Its results are then taken for float32.
        Without it, the function is called once at once to find out: for the first window, or on one patch of zeros.
    batch
        Patches that the function gets at a time, at most; or that are read at a time.
    chunk
        Side of the chunks, in pixels, for Dask. A plan has tiles of its own.

    Returns
    -------
    xarray.DataArray or dask.array.Array
        Lazy, (y, x) or (channel, y, x), float32 (float64 for float64; classes keep their type): with coordinates and
        CRS where ``grid`` or ``of`` has them, else a Dask array. Pixels without a value are NaN, or in classes what
        the package takes for nodata in their type, as 255 in uint8; so it is in the patches.

    Notes
    -----
    Each tile asks once for each patch under it, for all channels together. A patch that reaches into several
    tiles is made, or read, in each: for patches of n pixels every s, tiles of T pixels take up to ((T + n - s) / T)^2
    times the work, that is 13 % more for n = 256, s = 128 and T = 2048, and 56 % more for T = 512. Beside the tile,
    memory holds sums of twice the height of a patch, the pixels of the raster under the patches, and a batch.

    A run of a plan that was cut off goes on if what is stitched is the same: arrays in memory by their pixels, files
    by name, time and size, functions by name, the text of their module, and what they carry (a model's weights).
    Other modules and global variables that a function uses are not looked at. A function that cannot be pickled is
    never the same.

    Raises
    ------
    InvalidArgument, InvalidType, GridMismatch
        Patches that do not fit the grid in number or size, classes that would be averaged, an unknown blend, several
        scenes in one table. What a function gives wrong shows when it is computed.

    Examples
    --------
    >>> import numpy as np
    >>> from insarfeat.tiling import PatchGrid
    >>> grid = PatchGrid((5, 7), size=4, stride=2)
    >>> ramp = np.arange(7.0) + np.zeros((5, 1))
    >>> predictions = np.stack([ramp[window.slices] for window in grid])
    >>> stitch(predictions, grid).compute()[0]
    array([0., 1., 2., 3., 4., 5., 6.])
    >>> stitch(lambda values: values[:, 0] > 3, grid, of=ramp, blend="crop").compute()[0]
    array([0, 0, 0, 0, 1, 1, 1], dtype=uint8)
    """
    for name, number in (("batch", batch), ("chunk", chunk)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
            raise InvalidArgument(f"{name} must be a whole number, at least 1; got {number!r}")
    raster = None if of is None else Raster.of(of)
    layout = _layout_of(grid, raster)
    weights = Blend.of(blend, layout.size)
    names, told = _channels(channels)
    given: Patches
    if callable(patches) and not hasattr(patches, "shape"):
        given = _made(patches, layout, raster, int(batch), told)
    elif hasattr(patches, "shape") and hasattr(patches, "dtype"):
        given = _Stored.of(patches, layout, int(batch), told)
    else:
        raise InvalidType(
            "patches must be an array (patch, y, x) or (patch, channel, y, x), or a function that makes them; got "
            f"{type(patches).__name__}"
        )
    read = raster if isinstance(given, _FromPixels) else None
    if read is not None and raster is not None and raster.pairs is not None and given.channels is not None:
        raise InvalidArgument(
            "of has a dimension 'pair', and patches give channels: one leading dimension is all there can be; give "
            "one pair (of.isel(pair=0)), or a function that gives (patch, y, x)"
        )
    data = _blended(Blending(layout, weights, given, weights.result_type(given.dtype)), read, int(chunk))
    frame = None if raster is None else raster.frame
    if layout.map is not None and (raster is None or raster.map is None):
        mapped = map_named(layout.map)
        frame = mapped.dims, mapped.coords
    if frame is None:
        return data
    import xarray as xr

    dims, coords = frame
    if given.channels is not None:
        dims = (CHANNEL, *dims)
        coords = coords if names is None else {**coords, CHANNEL: names}
    title = (
        f"tiling.stitch({weights.name}, {layout.count} patches of {layout.size.height} x {layout.size.width})"
    )
    return xr.DataArray(data, coords, dims, _NAME, {PROCESSING: title})


def _blended(mapping: Blending, raster: Raster | None, chunk: int) -> Any:
    """The raster as one lazy array: all channels are made together, then laid on top of each other."""
    bands = () if raster is None else raster.values
    blended = Remap(mapping, [Value(Leaf(mapping.patches)), *bands])
    value = Value(blended)
    channels = mapping.patches.channels
    if channels is not None:
        numbers = Value(Leaf(_Numbers(channels, mapping.patches)))
        layers = [Value(blended, index) for index in range(channels)]
        value = Value(Remap(Layered(mapping.shape, mapping.dtype, channels), [*layers, numbers]))
    # Channels are made together, pairs one by one.
    lead = tuple((size,) if channels is not None else (1,) * size for size in value.lead)
    chunks = lead + tuple(
        (chunk,) * (size // chunk) + ((size % chunk,) if size % chunk or not size else ())
        for size in (value.spatial.height, value.spatial.width)
    )
    return lazy_values([value], chunks, () if raster is None else raster.foreign)[0]


def _layout_of(grid: Any, raster: Raster | None) -> Layout:
    """Where the patches lie; on the raster, if there is one."""
    table = getattr(grid, "table", grid)
    if isinstance(grid, PatchGrid):
        found: Layout = Gridded(grid)
    elif all(name in getattr(table, "columns", ()) for name in ("row", "column", "height", "width")):
        found = Listed(table, None if raster is None else raster.shape)
    else:
        raise InvalidType(
            "grid must be a PatchGrid, a dataset of patches or its table (with columns row, column, height and "
            f"width); got {type(grid).__name__}"
        )
    if raster is not None and raster.shape != found.shape:
        raise GridMismatch(
            f"of is {raster.shape.height} x {raster.shape.width} pixels, grid is of a raster of "
            f"{found.shape.height} x {found.shape.width}"
        )
    if raster is not None and raster.map and found.map and not same_map(raster.map, found.map):
        raise GridMismatch(
            "of and grid lie on different maps; make the grid of the raster: PatchGrid(of, ...)"
        )
    return found


class _Given:
    """What patches hold: the part that all kinds share."""

    bands = 0

    def __init__(self, layout: Layout, channels: int | None, dtype: Any) -> None:
        self.shape: tuple[int, ...] = (layout.size.height, layout.size.width)
        self.channels = channels
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.token = f"patches-{uuid.uuid4().hex[:16]}"

    def read(self, lead: tuple[int, ...], window: Window) -> Array:
        """Patches are not a raster before they are blended."""
        raise InvalidType(f"{self.token} cannot be read window by window")


class _Stored(_Given):
    """Patches that are there, one behind the other."""

    def __init__(self, array: Any, layout: Layout, channels: int | None, batch: int) -> None:
        super().__init__(layout, channels, array.dtype)
        self._array = array
        chunks = getattr(array, "chunks", None) or (1,)
        stored = chunks[0][0] if isinstance(chunks[0], tuple) else chunks[0]
        self._together = min(max(batch, int(stored)), _AT_ONCE)

    @classmethod
    def of(cls, array: Any, layout: Layout, batch: int, channels: int | None) -> _Stored:
        """Check that there is one for each place, as large as the places are."""
        shape = tuple(array.shape)
        if len(shape) not in (3, 4) or shape[0] != layout.count:
            raise GridMismatch(
                f"patches has shape {sizes(shape)}, and the grid {layout.count} patches: it must be (patch, y, x) or "
                "(patch, channel, y, x), with one patch for each of the grid's, in their order"
            )
        if shape[-2:] != (layout.size.height, layout.size.width):
            raise GridMismatch(
                f"patches are {sizes(shape[-2:])} pixels, those of the grid "
                f"{layout.size.height} x {layout.size.width}"
            )
        own = shape[1] if len(shape) == 4 else None
        if channels is not None and channels != (own or 0):
            raise InvalidArgument(f"channels are {channels}, and patches has {own or 'none'}")
        return cls(array, layout, own, batch)

    def each(self, numbers: Places, windows: Sequence[Window], pixels: Pixels) -> Iterator[Array | None]:
        """The patches, read in runs of neighbours."""
        breaks = (np.diff(numbers) != 1) | (np.diff(numbers // self._together) != 0)
        for run in np.split(numbers, np.flatnonzero(breaks) + 1):
            if len(run):
                yield from _in_memory(self._array[int(run[0]) : int(run[-1]) + 1])

    def fingerprint(self) -> str:
        """Of files their names, times and sizes; else of the pixels."""
        return f"{sizes(self._array.shape)} {self.dtype} {_identity_of(self._array)}"

    def describe(self) -> str:
        """What a person reads in the provenance."""
        path = _file_of(self._array)
        return f"{sizes(self._array.shape)} patches{'' if path is None else f' of {path.name}'}"

    def __getstate__(self) -> dict[str, Any]:
        # A memory map would be sent to other processes as all of its pixels.
        array = self._array
        if not (isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap)):
            return self.__dict__
        order = "C" if array.flags.c_contiguous else "F"
        return self.__dict__ | {
            "_array": (array.filename, array.dtype, "r", array.offset, array.shape, order)
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if isinstance(self._array, tuple):
            self._array = np.memmap(*self._array)


class _Made(_Given):
    """Patches that a function makes: the part that its two kinds share."""

    def __init__(self, function: Any, layout: Layout, channels: int | None, dtype: Any) -> None:
        super().__init__(layout, channels, dtype)
        self._function = function

    def fingerprint(self) -> str:
        """Name, source and state of the function; another one every time if it has a state that cannot be hashed."""
        try:
            return f"{self.describe()} {_Hash.of(self._function)}"
        except Exception:  # whatever pickle meets in somebody else's object
            return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"function {getattr(self._function, '__qualname__', type(self._function).__qualname__)}"


class _FromWindow(_Made):
    """Patches that a function makes of the window."""

    def each(self, numbers: Places, windows: Sequence[Window], pixels: Pixels) -> Iterator[Array | None]:
        """The patches, one by one."""
        return (np.asarray(self._function(window)) for window in windows)


class _FromPixels(_Made):
    """Patches that a function makes of the raster's pixels, some at a time."""

    def __init__(
        self, function: Any, layout: Layout, bands: int, batch: int, channels: int | None, dtype: Any
    ) -> None:
        super().__init__(function, layout, channels, dtype)
        self.bands = bands
        self._batch = batch

    def each(self, numbers: Places, windows: Sequence[Window], pixels: Pixels) -> Iterator[Array | None]:
        """The patches, in batches; those in which the raster has no value at all are left out."""
        for first in range(0, len(windows), self._batch):
            some = windows[first : first + self._batch]
            values = np.empty((len(some), self.bands, *self.shape), np.float32)
            for window, out in zip(some, values, strict=True):
                pixels.under(window, out)
            known = [not np.isnan(one).all() for one in values]
            found = iter(self.called(values[known]) if any(known) else ())
            yield from (next(found) if one else None for one in known)

    def called(self, values: NDArray[np.float32]) -> Array:
        """What the function makes of a batch."""
        found = np.asarray(self._function(values))
        if found.ndim not in (3, 4) or len(found) != len(values):
            raise InvalidArgument(
                f"{self.describe()} gave {sizes(found.shape)} for {len(values)} patches; expected (patch, y, x) or "
                "(patch, channel, y, x), with as many patches"
            )
        return found


def _made(function: Any, layout: Layout, raster: Raster | None, batch: int, channels: int | None) -> Patches:
    """A function with what it gives: as the user says, else as it shows when it is tried."""

    def with_result(count: int | None, dtype: Any) -> Any:
        if raster is None:
            return _FromWindow(function, layout, count, dtype)
        return _FromPixels(function, layout, len(raster.values), batch, count, dtype)

    if channels is not None:
        return with_result(channels or None, np.float32)  # type: ignore[no-any-return]
    if raster is not None:
        trial = with_result(None, np.float32)
        tried = trial.called(np.zeros((1, trial.bands, *trial.shape), np.float32))[0]
    elif layout.count:
        tried = np.asarray(function(layout.first))
    else:
        raise InvalidArgument("grid has no patches to try the function on; say how many channels= it gives")
    if tried.ndim not in (2, 3):
        raise InvalidArgument(
            f"patches gave {sizes(tried.shape)} for the first window; a function without of= is called with a Window "
            "and gives (y, x) or (channel, y, x)"
        )
    return with_result(tried.shape[0] if tried.ndim == 3 else None, tried.dtype)  # type: ignore[no-any-return]


class _Numbers(ArraySource):
    """The numbers of the channels, as single pixels along the leading dimension."""

    def __init__(self, count: int, patches: Patches) -> None:
        super().__init__(np.arange(count).reshape(count, 1, 1))
        self._told = patches.describe()

    def describe(self) -> str:
        """What a person reads in the provenance: what the channels are of."""
        return self._told


def _channels(given: Any) -> tuple[list[str] | None, int | None]:
    """Names and number of the channels, as far as they are told."""
    if given is None:
        return None, None
    if isinstance(given, int | np.integer) and not isinstance(given, bool) and given >= 0:
        return None, int(given)
    names = list(given) if isinstance(given, list | tuple) else []
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise InvalidArgument(
            f"channels must be how many there are (0 for none) or a list of different names; got {given!r}"
        )
    return names, len(names)


def _in_memory(part: Any) -> Array:
    """Patches that were sliced off an array, as NumPy has them; inside a task Dask must not wait for its own pool."""
    return np.asarray(part.compute(scheduler="synchronous") if is_lazy(part) else part)


def _file_of(array: Any) -> Path | None:
    """The file or folder that an array's pixels lie in; None where they are in memory, or it cannot be told."""
    if isinstance(array, np.memmap) and array.filename:
        return Path(array.filename)
    store = getattr(getattr(array, "store", None), "root", None)  # Zarr
    if isinstance(store, Path):
        return Path(store, array.path)
    file = getattr(getattr(array, "file", None), "filename", None)  # h5py
    return None if file is None else Path(file)


def _identity_of(array: Any) -> str:
    if is_lazy(array):
        return str(array.name)
    path = _file_of(array)
    if path is None:
        return ArraySource(np.asarray(array)).fingerprint()
    place = f"{getattr(array, 'name', '')} {getattr(array, 'offset', '')}"
    if path.is_dir():
        # Chunks are files of their own, which may be written anew beside the same metadata.
        files = sorted(one for one in path.rglob("*") if one.is_file())
        stamps = "\n".join(str(FileIdentity.of(one)) for one in files)
        return f"{path.absolute()} {place} {hashlib.blake2b(stamps.encode(), digest_size=16).hexdigest()}"
    return f"{FileIdentity.of(path)} {place}"


class _Hash(cloudpickle.Pickler):  # type: ignore[misc]
    """Hashes what an object is made of: what pickle writes, where that is the same in every process."""

    def __init__(self) -> None:
        self._sum = hashlib.blake2b(digest_size=16)
        super().__init__(self, protocol=5)

    def write(self, data: Any) -> None:
        """Take what would go to a file."""
        self._sum.update(data)

    @classmethod
    def of(cls, thing: Any) -> str:
        """Same hash, same object."""
        found = cls()
        found.dump(thing)
        return found._sum.hexdigest()

    def reducer_override(self, thing: Any) -> Any:
        """Classes and functions by the text of their module; tensors by their numbers, not by their addresses."""
        if hasattr(thing, "untyped_storage"):
            numbers = thing.detach().cpu().reshape(-1).view(sys.modules["torch"].uint8).numpy()
            return str, (f"{thing.dtype} {tuple(thing.shape)} {hashlib.blake2b(numbers).hexdigest()}",)
        named = inspect.isfunction(thing) and "<" not in thing.__qualname__ and thing.__module__ != "__main__"
        if named or isinstance(thing, type):
            with suppress(OSError, TypeError, KeyError):  # there is no text
                text = inspect.getsource(sys.modules[thing.__module__])
                return str, (f"{thing.__module__}.{thing.__qualname__} {text}",)
        return super().reducer_override(thing)
