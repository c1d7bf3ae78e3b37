"""How patches become one raster: where they lie, what each counts at its pixels, the sums, the engine's mapping."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.expression import Value
from insarfeat.dispatch.lazy import value_of
from insarfeat.dispatch.sources import Source
from insarfeat.errors import InvalidArgument, InvalidType, suggestion
from insarfeat.georeference import Axis, Grid, grid_of, same_grid, spatial_dims
from insarfeat.layers import fill_value
from insarfeat.tiling.patches._kernels import blending as _kernels
from insarfeat.tiling.patches.grid import PatchGrid
from insarfeat.tiling.patches.scenes.naming import PAIR
from insarfeat.windows import Shape, Window

Array = NDArray[Any]
Floats = NDArray[np.float64]
Places = NDArray[np.int64]

BLENDS = ("hann", "gaussian", "crop")
_OWN = "own weights"

CHANNEL = "channel"
"""Name of the leading dimension of what is stitched."""


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """What a patch counts at each of its pixels.

    Attributes
    ----------
    name
        One of :data:`BLENDS`, or "own weights".
    table
        As large as a patch: weights from 0 on; for "crop" distances from the patch's centre.

    Examples
    --------
    >>> Blend.of("hann", Shape(4, 4)).table[0].round(3)
    array([0.021, 0.125, 0.125, 0.021])
    """

    name: str
    table: Floats

    @classmethod
    def of(cls, given: Any, size: Shape) -> Self:
        """The blend that a user has named, or given as weights."""
        if isinstance(given, str):
            if given not in BLENDS:
                raise InvalidArgument(
                    f'blend must be "hann", "gaussian", "crop" or weights of your own; got {given!r}'
                    + suggestion(given, BLENDS)
                )
            if given == "crop":
                return cls(given, np.add.outer(_squares(size.height), _squares(size.width)))
            along = _hann if given == "hann" else _gaussian
            return cls(given, np.multiply.outer(along(size.height), along(size.width)))
        return cls(_OWN, _own_weights(given, size))

    @property
    def crops(self) -> bool:
        """Whether each pixel is of one patch, so that nothing is averaged."""
        return self.name == "crop"

    @property
    def label(self) -> str:
        """Same label, same weights, also in another process."""
        if self.name != _OWN:
            return self.name
        return f"{_OWN} {_hash(self.table)}"

    def result_type(self, dtype: Any) -> np.dtype[Any]:
        """Type of the raster that patches of a type become: float32, or float64, or that of the classes."""
        kind = np.dtype(dtype)
        if kind.kind == "f":
            return np.dtype(np.float64 if kind.itemsize >= 8 else np.float32)
        if kind.kind not in "iub":
            raise InvalidType(
                f"patches must hold real numbers or classes; got {kind}"
                + ("; stitch the real and the imaginary part, each for itself" if kind.kind == "c" else "")
            )
        if not self.crops:
            raise InvalidArgument(
                f"patches hold {kind}, which are classes: a mean of class numbers is another class; take "
                'blend="crop", or stitch the probability of each class, as floats'
            )
        return np.dtype(np.uint8) if kind.kind == "b" else kind.newbyteorder("=")


class Canvas:
    """A window that patches are added to, from the top down.

    Rows that the next patch cannot reach any more are finished as soon as their room is needed. So the sums take
    twice the height of a patch, not that of the window. The order in which patches come decides how sums are
    rounded: it must be the same for every window.
    """

    def __init__(self, blend: Blend, core: Window, channels: int, dtype: np.dtype[Any]) -> None:
        self._blend = blend
        self._core = core
        self._nodata = dtype.type(fill_value(dtype))
        self._out: Array = np.full((channels, core.height, core.width), self._nodata, dtype)
        rows = min(2 * blend.table.shape[0], core.height)
        self._nothing = np.inf if blend.crops else 0.0
        self._weights: Floats = np.full((channels, rows, core.width), self._nothing)
        self._values: Array = np.zeros(self._weights.shape, dtype if blend.crops else np.float64)
        self._begun = 0  # row of the window that is the first of the sums

    def add(self, patch: Array, top: int, left: int) -> None:
        """Add a patch (channel, y, x) whose first pixel lies there on the raster, no higher than the one before."""
        top, left = top - self._core.top, left - self._core.left
        if top + patch.shape[1] > self._begun + self._weights.shape[1]:
            self._finish(top)
        patch = np.ascontiguousarray(patch, self._out.dtype)
        sums = self._values, self._weights, top - self._begun, left
        if self._blend.crops:
            _kernels.keep_nearest(patch, self._blend.table, *sums, self._nodata)
        else:
            _kernels.add_weighted(patch, self._blend.table, *sums)

    def finished(self) -> Array:
        """The raster's window (channel, y, x); nodata where no patch had a value."""
        self._finish(self._core.height)
        return self._out

    def _finish(self, end: int) -> None:
        """Finish the rows above one, which no patch will reach any more."""
        held = self._weights.shape[1]
        done = min(end, self._core.height) - self._begun
        if done <= 0 or not held:
            return
        count = min(done, held)
        ready = self._out[:, self._begun : self._begun + count]
        values, weights = self._values[:, :count], self._weights[:, :count]
        if self._blend.crops:
            ready[...] = np.where(weights < np.inf, values, self._nodata)
        else:
            _kernels.divide(values, weights, ready)
        for sums, nothing in ((self._values, 0), (self._weights, self._nothing)):
            sums[:, : held - count] = sums[:, count:]
            sums[:, held - count :] = nothing
        self._begun += done


class Gridded:
    """Patches of a grid, or of a selection."""

    def __init__(self, grid: PatchGrid) -> None:
        self._grid = grid
        self.shape, self.size, self.map, self.count = grid.shape, grid.size, grid.map, len(grid)
        chosen = grid.numbers
        self.label = f"{grid!r} {chosen if isinstance(chosen, range) else _hash(chosen)}"

    @property
    def first(self) -> Window:
        """The first patch."""
        return self._grid[0]

    def under(self, window: Window) -> tuple[Places, Places, Places]:
        """Numbers, first rows and first columns of the patches under a window, top down."""
        numbers = self._grid.under(window)
        return _in_order(numbers, *self._grid[numbers].corners())


class Listed:
    """Patches of a table: those of its rows that are no cropped copies. Numbers are places of rows in the table."""

    def __init__(self, table: Any, shape: Shape | None) -> None:
        self.count = len(table)
        _check_one_scene(table)
        own = np.ones(len(table), bool)
        if "copy" in table:
            own = ~np.asarray(table["copy"], bool)
        self._numbers = np.flatnonzero(own)
        self._tops, self._lefts, heights, widths = (
            np.asarray(table[name], np.int64)[own] for name in ("row", "column", "height", "width")
        )
        if not len(self._numbers):
            raise InvalidArgument("grid is a table without patches, so what it is a grid of is unknown")
        self.size = Shape(int(heights[0]), int(widths[0]))
        if (heights != self.size.height).any() or (widths != self.size.width).any():
            raise InvalidArgument(
                "grid is a table of patches of several sizes; stitch those of one size: pick them from the table by "
                "its columns height and width, and their predictions with them"
            )
        reach = Shape(int((self._tops + heights).max()), int((self._lefts + widths).max()))
        self.shape = reach if shape is None else shape
        self.map = _map_of(table, int(self._numbers[0]), self.shape)
        places = np.stack([self._numbers, self._tops, self._lefts])
        self.label = f"{self.shape} {self.size} {_hash(places)}"

    @property
    def first(self) -> Window:
        """The first patch."""
        return Window(int(self._tops[0]), int(self._lefts[0]), self.size.height, self.size.width)

    def under(self, window: Window) -> tuple[Places, Places, Places]:
        """Numbers, first rows and first columns of the patches under a window, top down."""
        near = (self._tops < window.bottom) & (self._tops + self.size.height > window.top)
        near &= (self._lefts < window.right) & (self._lefts + self.size.width > window.left)
        return _in_order(self._numbers[near], self._tops[near], self._lefts[near])


def _in_order(numbers: Places, tops: Places, lefts: Places) -> tuple[Places, Places, Places]:
    order = np.lexsort((numbers, lefts, tops))
    return numbers[order], tops[order], lefts[order]


def _check_one_scene(table: Any) -> None:
    names = [name for name in ("scene", "pair") if name in table]
    found = table[names].drop_duplicates()
    if names and len(found) > 1:
        some = "; ".join(" ".join(filter(None, map(str, row))) for row in found.head(3).to_numpy())
        raise InvalidArgument(
            f"grid holds patches of {len(found)} scenes or pairs ({some}{'; ...' if len(found) > 3 else ''}), which "
            "lie on rasters of their own; stitch one at a time: a selection of the patches, or rows of their table, "
            "as table[table['scene'] == ...], and the predictions of the same patches"
        )


def _map_of(table: Any, number: int, shape: Shape) -> Grid | None:
    """The raster's map, from the transform of one of its patches; None where there is none."""
    if "transform" not in table:
        return None
    a, b, c, d, e, f = (float(one) for one in table["transform"].iloc[number])
    row, column = (int(table[name].iloc[number]) for name in ("row", "column"))
    wkt = (str(table["crs"].iloc[number]) if "crs" in table else "") or None
    counted = (a, e, c, f) == (1, 1, column, row) and wkt is None  # pixels, not coordinates
    if counted or b or d or not (a and e and np.isfinite([a, c, e, f]).all()):
        return None
    first_y, first_x = f - row * e + e / 2, c - column * a + a / 2
    return Grid(Axis(first_y, e, shape.height), Axis(first_x, a, shape.width), wkt)


Layout = Gridded | Listed
"""Where patches of one size lie on a raster."""


class Patches(Source, Protocol):
    """What patches hold. As a source it is known by its fingerprint, and never read as a raster."""

    channels: int | None
    bands: int

    def each(self, numbers: Places, windows: Sequence[Window], pixels: Pixels) -> Iterator[Array | None]:
        """What these patches hold, (y, x) or (channel, y, x); None where a patch has no value at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """The raster that patches are of: its bands, where it lies, and its pairs if it has several."""

    values: tuple[Value, ...]
    foreign: tuple[Any, ...]
    shape: Shape
    labelled: Any
    pairs: Any

    @classmethod
    def of(cls, given: Any) -> Raster:
        """What a user has given as a Dataset or an array."""
        labelled = hasattr(given, "coords")
        rasters = [given]
        if hasattr(given, "data_vars"):
            rasters = [one for one in given.data_vars.values() if one.ndim >= 2]
            same_grid(rasters)
        if not rasters or not all(hasattr(one, "dtype") and 2 <= one.ndim <= 3 for one in rasters):
            raise InvalidType(
                "of must be a Dataset with rasters, or an array (y, x) or (band, y, x); got "
                f"{type(given).__name__} with {[getattr(one, 'shape', None) for one in rasters]}"
            )
        for one in rasters:
            if one.dtype.kind not in "fiub":
                raise InvalidType(
                    f"of holds {one.dtype}{f' ({one.name})' if labelled else ''}, and patches are of real numbers; "
                    "give the phase or the magnitude of complex layers"
                )
        paired = [labelled and one.ndim == 3 and one.dims[0] == PAIR for one in rasters]
        bands = []
        for one, whole in zip(rasters, paired, strict=True):
            array = one.data if labelled else one
            bands += [array] if whole or array.ndim == 2 else [*array]
        found = [value_of(band) for band in bands]
        foreign = {array.name: array for _, behind in found for array in behind}
        values = tuple(value for value, _ in found)
        shape = Shape(*rasters[0].shape[-2:])
        pairs = next((one[PAIR] for one, whole in zip(rasters, paired, strict=True) if whole), None)
        return cls(values, tuple(foreign.values()), shape, rasters[0] if labelled else None, pairs)

    @property
    def frame(self) -> tuple[tuple[Hashable, ...], dict[Hashable, Any]] | None:
        """Dimensions and coordinates of the pixels and pairs, without those of the bands; None for bare arrays."""
        if self.labelled is None:
            return None
        dims: tuple[Hashable, ...] = spatial_dims(self.labelled)
        coords = dict(self.labelled.coords)
        if self.pairs is not None:
            dims, coords = (PAIR, *dims), {**coords, **self.pairs.coords}
        return dims, {
            name: one for name, one in coords.items() if set(one.dims) <= {*dims} and name != CHANNEL
        }

    @property
    def map(self) -> Grid | None:
        """The map that it lies on; None without coordinates."""
        frame = self.frame
        mapped = frame is not None and all(dim in frame[1] for dim in frame[0][-2:])
        return grid_of(self.labelled) if mapped else None


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """What was read of the raster's bands: a window of each."""

    bands: Sequence[Array]
    window: Window

    def under(self, patch: Window, out: NDArray[np.float32]) -> None:
        """The pixels (band, y, x) under a patch, as floats; NaN where there are none."""
        out.fill(np.nan)
        there = patch.seen_from(self.window)
        rows = slice(max(there.top, 0), max(min(there.bottom, self.window.height), 0))
        columns = slice(max(there.left, 0), max(min(there.right, self.window.width), 0))
        for band, target in zip(self.bands, out, strict=True):
            found = band[rows, columns]
            inside = target[rows.start - there.top :, columns.start - there.left :]
            inside = inside[: found.shape[0], : found.shape[1]]
            inside[...] = found
            if found.dtype.kind in "iu":
                inside[found == fill_value(found.dtype)] = np.nan


@dataclass(frozen=True, slots=True, eq=False)
class Blending:
    """The mapping from (patches, bands of the raster) to the channels of the stitched one."""

    layout: Layout
    blend: Blend
    patches: Patches
    dtype: np.dtype[Any]

    @property
    def label(self) -> str:
        """What it does; what the patches hold, they say themselves."""
        return f"stitch {self.layout.label} by {self.blend.label} to {self.dtype}"

    @property
    def shape(self) -> Shape:
        """Height and width of the raster."""
        return self.layout.shape

    def dtypes(self, inputs: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
        """One raster per channel."""
        return (self.dtype,) * (1 if self.patches.channels is None else self.patches.channels)

    def windows(self, core: Window) -> Sequence[Window | None]:
        """Of the bands, all pixels of the patches under a window. The patches are asked, not read."""
        if not self.patches.bands:
            return (None,)
        _, tops, lefts = self.layout.under(core)
        if not len(tops):
            return (None,) * (1 + self.patches.bands)
        top, left = max(int(tops.min()), 0), max(int(lefts.min()), 0)
        bottom = min(int(tops.max()) + self.layout.size.height, self.shape.height)
        right = min(int(lefts.max()) + self.layout.size.width, self.shape.width)
        return (None, *(Window(top, left, bottom - top, right - left),) * self.patches.bands)

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        """All channels of a window; each patch under it is asked for once."""
        numbers, tops, lefts = self.layout.under(core)
        size = self.layout.size
        wanted = [
            Window(top, left, size.height, size.width)
            for top, left in zip(tops.tolist(), lefts.tolist(), strict=True)
        ]
        read = Pixels([band for band in arrays[1:] if band is not None], windows[-1] or Window(0, 0, 0, 0))
        canvas = Canvas(self.blend, core, self.patches.channels or 1, self.dtype)
        for window, patch in zip(wanted, self.patches.each(numbers, wanted, read), strict=True):
            if patch is not None:
                canvas.add(self._checked(patch), window.top, window.left)
        return tuple(canvas.finished())

    def _checked(self, patch: Array) -> Array:
        channels, size = self.patches.channels, self.layout.size
        expected = (*(() if channels is None else (channels,)), size.height, size.width)
        if patch.shape != expected:
            raise InvalidArgument(
                f"{self.patches.describe()} gave {sizes(patch.shape)} for a patch; expected {sizes(expected)}"
            )
        kind = self.blend.result_type(patch.dtype)
        if self.dtype.kind != "f" and kind != self.dtype:
            raise InvalidType(
                f"{self.patches.describe()} gave {patch.dtype} for a patch, and {self.dtype} for the first; classes "
                "must always come as one type"
            )
        return patch if channels is not None else patch[np.newaxis]


@dataclass(frozen=True, slots=True)
class Layered:
    """The mapping from channels to one of them, by its number: the last input, one for each leading index.

    So all channels are inputs that stay the same at all indices: they are made once, together.
    """

    shape: Shape
    dtype: np.dtype[Any]
    channels: int

    @property
    def label(self) -> str:
        """What it does."""
        return f"{self.channels} channels on top of each other"

    def dtypes(self, inputs: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
        """That of the channels."""
        return (self.dtype,)

    def windows(self, core: Window) -> Sequence[Window | None]:
        """The same of all channels, and the number."""
        return (*(core,) * self.channels, Window(0, 0, 1, 1))

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        """The channel that is wanted now."""
        number = arrays[-1]
        assert number is not None
        channel = arrays[int(number[0, 0])]
        assert channel is not None
        return (channel,)


def sizes(shape: Sequence[int]) -> str:
    """A shape as people write it."""
    return " x ".join(map(str, shape)) or "a single number"


def _hash(array: Array) -> str:
    return hashlib.blake2b(array.tobytes(), digest_size=16).hexdigest()


def _hann(count: int) -> Floats:
    """Between 0 and 1 at half-pixel places, so that no pixel counts nothing."""
    return np.asarray(np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2)


def _gaussian(count: int) -> Floats:
    offsets = np.arange(count) - (count - 1) / 2
    return np.asarray(np.exp(-0.5 * (offsets / (count / 8)) ** 2))


def _squares(count: int) -> Floats:
    """Squared distances from the centre, in half pixels: whole numbers, so that equal ones are equal."""
    return np.asarray((2.0 * np.arange(count) - (count - 1)) ** 2)


def _own_weights(given: Any, size: Shape) -> Floats:
    wanted = (
        f"blend as weights must be an array of {size.height} x {size.width}, as the patches are, or a tuple of "
        f"{size.height} and {size.width} numbers"
    )
    try:
        if isinstance(given, tuple | list):
            rows, columns = (np.asarray(one, np.float64) for one in given)
            table = np.multiply.outer(rows, columns)
        else:
            table = np.array(given, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidType(f"{wanted}; got {type(given).__name__}: {error}") from error
    if table.shape != (size.height, size.width):
        raise InvalidArgument(f"{wanted}; got shape {table.shape}")
    if not (np.isfinite(table).all() and (table >= 0).all() and table.any()):
        raise InvalidArgument("blend as weights must hold finite numbers, at least 0, and not only zeros")
    return np.ascontiguousarray(table)
