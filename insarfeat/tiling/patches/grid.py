"""Where patches lie on a raster: counted, never listed, so that a continent of them takes no memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, InvalidType, UnreadableInput, check_choice, check_exists
from insarfeat.georeference import Axis, Grid
from insarfeat.windows import Shape, Window

Edge = Literal["shift", "pad", "drop"]
EDGES: tuple[Edge, ...] = ("shift", "pad", "drop")

Places = NDArray[np.int64]
"""Rows or columns, or numbers of patches."""


@dataclass(frozen=True, slots=True)
class _Line:
    """Patches along one axis: how many, and where each begins."""

    pixels: int
    size: int
    stride: int
    edge: Edge
    first: int  # where the first one begins: 0, or before the raster

    @property
    def count(self) -> int:
        """Patches along the axis."""
        beyond = self.pixels - self.size - self.first
        if self.edge == "drop":
            return beyond // self.stride + 1 if beyond >= 0 else 0
        return -(-max(beyond, 0) // self.stride) + 1

    @property
    def last(self) -> int:
        """Where the last patch may begin at most."""
        return (
            self.pixels - self.size if self.edge == "shift" else self.first + (self.count - 1) * self.stride
        )

    def starts(self, numbers: Places) -> Places:
        """First pixel of each patch."""
        return np.minimum(self.first + numbers * self.stride, self.last)

    def reaching(self, begin: int, end: int) -> range:
        """Patches that have pixels of the span; the last one, shifted back, may be far before its turn."""
        first = max((begin - self.first - self.size) // self.stride + 1, 0)
        beyond = min(-((self.first - end) // self.stride), self.count)
        if self.count and beyond < self.count and self.last < end and self.last + self.size > begin:
            beyond = self.count  # the shifted one: nothing lies between it and those before
        return range(min(first, max(self.count - 1, 0)), max(beyond, 0))


class PatchGrid:
    """All patches of a raster, in reading order: windows of one size, evenly apart.

    Nothing is stored but the sizes; a selection of patches holds 8 bytes for each.

    Parameters
    ----------
    shape
        Height and width of the raster in pixels; or a DataArray or Dataset on it, whose map the grid then knows.
    size
        Side of the patches in pixels, or (height, width).
    stride
        Pixels from one patch to the next, or (rows, columns); the size where nothing is said, so that patches touch.
        Half of the size overlaps by 50 %.
    edge
        What becomes of the last patch of a row or column where it does not fit: "shift" moves it back until it does,
        "pad" lets it reach beyond the raster, "drop" leaves it out.
    origin
        A row and column at which a patch begins, if need be beyond the raster: so rasters that are parts of one map
        are cut at the same places. With edge="pad" only; the first patches may then begin before the raster.

    Raises
    ------
    InvalidArgument
        A size that is not positive; a raster smaller than a patch with edge="shift".

    Examples
    --------
    >>> grid = PatchGrid((500, 1000), size=256, stride=128)
    >>> len(grid), grid.rows, grid.columns
    (21, 3, 7)
    >>> grid[20]
    Window(top=244, left=744, height=256, width=256)
    >>> some = grid[[0, 20]]
    >>> len(some), some[-1] == grid[20], some.nbytes
    (2, True, 16)
    >>> PatchGrid((500, 1000), size=256, stride=128, edge="pad", origin=(1000, 0))[0]
    Window(top=-24, left=0, height=256, width=256)
    >>> len(PatchGrid((6000 * 128, 4000 * 128), 128)), PatchGrid((6000 * 128, 4000 * 128), 128).nbytes
    (24000000, 0)
    """

    def __init__(
        self,
        shape: Any,
        size: int | tuple[int, int] = 256,
        stride: int | tuple[int, int] | None = None,
        edge: Edge = "shift",
        origin: tuple[int, int] = (0, 0),
    ) -> None:
        self.map = _map_of(shape)
        self.shape = _shape_of(shape, self.map)
        self.size = shape_from("size", size)
        self.stride = self.size if stride is None else shape_from("stride", stride)
        check_choice("edge", edge, EDGES)
        self.edge: Edge = edge
        if edge == "shift" and (self.shape.height < self.size.height or self.shape.width < self.size.width):
            raise InvalidArgument(
                f"a raster of {self.shape.height} x {self.shape.width} pixels holds no patch of {self.size.height} x "
                f'{self.size.width}, wherever it is shifted; take a smaller size, or edge="pad"'
            )
        if edge != "pad" and any(origin):
            raise InvalidArgument(
                f'origin is {origin!r}: patches that begin there do not end with the raster, so edge must be "pad"; '
                f"got {edge!r}"
            )
        self.origin = (int(origin[0]), int(origin[1]))
        first, before = (-(-at % step) for at, step in zip(self.origin, _sides(self.stride), strict=True))
        self._down = _Line(self.shape.height, self.size.height, self.stride.height, edge, first)
        self._across = _Line(self.shape.width, self.size.width, self.stride.width, edge, before)
        self._chosen: range | Places = range(self.rows * self.columns)

    @property
    def rows(self) -> int:
        """Rows of patches."""
        return self._down.count

    @property
    def columns(self) -> int:
        """Columns of patches."""
        return self._across.count

    @property
    def numbers(self) -> range | Places:
        """Numbers of the patches among all of the raster's, in reading order."""
        return self._chosen

    @property
    def nbytes(self) -> int:
        """Bytes that the list of patches takes; none where it is not a selection."""
        return 0 if isinstance(self._chosen, range) else self._chosen.nbytes

    def __len__(self) -> int:
        return len(self._chosen)

    def __repr__(self) -> str:
        return (
            f"PatchGrid({self.shape.height} x {self.shape.width}, size {self.size.height} x {self.size.width}, "
            f"stride {self.stride.height} x {self.stride.width}, {self.edge}"
            f"{f' from {self.origin[0]}, {self.origin[1]}' if any(self.origin) else ''}: {len(self)} patches)"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PatchGrid):
            return NotImplemented
        same = self._described == other._described and len(self) == len(other)
        return same and np.array_equal(np.asarray(self._chosen), np.asarray(other._chosen))

    __hash__ = None  # type: ignore[assignment]  # grids may hold arrays

    @overload
    def __getitem__(self, which: int) -> Window: ...

    @overload
    def __getitem__(self, which: slice | list[int] | NDArray[Any]) -> Self: ...

    def __getitem__(self, which: Any) -> Window | Self:
        if isinstance(which, int | np.integer) and not isinstance(which, bool):
            if not -len(self) <= which < len(self):
                raise IndexError(f"patch {which} of {len(self)}")
            row, column = divmod(int(self._chosen[which]), self.columns)
            top, left = (
                int(line.starts(np.array(number)))
                for line, number in ((self._down, row), (self._across, column))
            )
            return Window(top, left, self.size.height, self.size.width)
        if isinstance(which, slice):
            return self._selected(self._chosen[which])
        picked = np.asarray(which)
        if picked.ndim != 1 or (picked.size and picked.dtype.kind not in "iub"):
            raise InvalidType(
                f"patches are picked by a number, a slice, a list of numbers or a mask; got {type(which).__name__}"
            )
        if picked.dtype.kind == "b" and len(picked) != len(self):
            raise InvalidArgument(f"a mask of {len(picked)} does not fit {len(self)} patches")
        if picked.dtype.kind == "b":
            picked = np.flatnonzero(picked)
        if isinstance(self._chosen, range):  # lists all of them only where it must
            chosen = self._chosen
            if picked.size and not (-len(chosen) <= picked.min() and picked.max() < len(chosen)):
                raise IndexError(f"patches {picked.min()} to {picked.max()} of {len(chosen)}")
            picked = np.where(picked < 0, picked.astype(np.int64) + len(chosen), picked).astype(np.int64)
            return self._selected(chosen.start + chosen.step * picked)
        return self._selected(self._chosen[picked.astype(np.int64)])

    def __iter__(self) -> Iterator[Window]:
        return (self[number] for number in range(len(self)))

    def corners(self, first: int = 0, count: int | None = None) -> tuple[Places, Places]:
        """First rows and first columns of patches, all at once or so many from one on."""
        stop = len(self) if count is None else min(first + count, len(self))
        rows, columns = np.divmod(np.asarray(self._chosen[first:stop], np.int64), self.columns or 1)
        return self._down.starts(rows), self._across.starts(columns)

    def under(self, window: Window) -> Places:
        """Which of the patches have pixels of a window: their places in this grid, ascending.

        >>> PatchGrid((500, 1000), 256, 128).under(Window(0, 0, 10, 200))
        array([0, 1])
        """
        down = np.asarray(self._down.reaching(window.top, window.bottom), np.int64)
        across = np.asarray(self._across.reaching(window.left, window.right), np.int64)
        numbers = (down[:, np.newaxis] * self.columns + across).ravel()
        # What is between those before and one shifted back may end before the window begins.
        rows, columns = np.divmod(numbers, self.columns or 1)
        tops, lefts = self._down.starts(rows), self._across.starts(columns)
        near = (tops < window.bottom) & (tops + self.size.height > window.top)
        near &= (lefts < window.right) & (lefts + self.size.width > window.left)
        numbers = numbers[near]
        return self._places_of(numbers)

    def _places_of(self, numbers: Places) -> Places:
        """Places in this selection of those of some patches that it has, ascending."""
        chosen = self._chosen
        if isinstance(chosen, range):
            places, apart = np.divmod(numbers - chosen.start, chosen.step)
            return np.sort(places[(apart == 0) & (places >= 0) & (places < len(chosen))])
        if not self._ascends:
            return np.flatnonzero(np.isin(chosen, numbers))
        places = np.searchsorted(chosen, numbers)
        there = places < len(chosen)
        there[there] = chosen[places[there]] == numbers[there]
        return places[there]

    @cached_property
    def _ascends(self) -> bool:
        return bool((np.diff(self._chosen) > 0).all())

    def save(self, path: str | Path) -> Path:
        """Write the grid, with its selection and its map, to one file."""
        target = Path(path)
        chosen = self._chosen
        spanned = [chosen.start, chosen.stop, chosen.step] if isinstance(chosen, range) else None
        told = json.dumps({**self._described, "range": spanned, "map": _told(self.map)})
        listed = np.empty(0, np.int64) if isinstance(chosen, range) else chosen
        temporary = target.with_name(f"{target.name}.new")
        with temporary.open("wb") as file:
            np.savez_compressed(file, grid=np.array(told), numbers=listed)
        temporary.replace(target)
        return target

    @classmethod
    def load(cls, path: str | Path) -> PatchGrid:
        """Read what :meth:`save` wrote."""
        source = Path(path)
        check_exists(source)
        try:
            with np.load(source, allow_pickle=False) as stored:
                told, listed = json.loads(str(stored["grid"])), stored["numbers"]
            shape, size, stride = (tuple(told[name]) for name in ("shape", "size", "stride"))
            grid = cls(_map_from(told["map"]) or shape, size, stride, told["edge"], tuple(told["origin"]))
            return grid._selected(listed if told["range"] is None else range(*told["range"]))
        except (OSError, KeyError, ValueError, TypeError, EOFError) as error:
            raise UnreadableInput(f"{source.name} holds no patch grid, or is damaged: {error}") from error

    def _selected(self, chosen: range | Places) -> Self:
        other = object.__new__(type(self))
        other.__dict__.update({name: one for name, one in self.__dict__.items() if name != "_ascends"})
        other._chosen = chosen
        return other

    @property
    def _described(self) -> dict[str, Any]:
        pairs = {"shape": self.shape, "size": self.size, "stride": self.stride}
        sizes = {name: list(_sides(pair)) for name, pair in pairs.items()}
        return {**sizes, "edge": self.edge, "origin": list(self.origin)}


def shape_from(name: str, value: Any) -> Shape:
    """One number of pixels for both sides, or (height, width).

    >>> shape_from("size", 256)
    Shape(height=256, width=256)
    """
    numbers = value if isinstance(value, tuple | list) else (value, value)
    whole = all(isinstance(one, int | np.integer) and not isinstance(one, bool) for one in numbers)
    if len(numbers) != 2 or not whole or min(numbers) < 1:
        raise InvalidArgument(
            f"{name} must be a whole number of pixels, at least 1, or two of them; got {value!r}"
        )
    return Shape(int(numbers[0]), int(numbers[1]))


def _sides(shape: Shape) -> tuple[int, int]:
    return shape.height, shape.width


def _shape_of(given: Any, mapped: Grid | None) -> Shape:
    if mapped is not None:
        return Shape(mapped.y.size, mapped.x.size)
    if isinstance(given, Shape):
        return given
    if hasattr(given, "shape") and getattr(given, "ndim", 0) >= 2:
        return Shape(*given.shape[-2:])
    if hasattr(given, "data_vars"):
        return _shape_of(next(one for one in given.data_vars.values() if one.ndim >= 2), None)
    return shape_from("shape", given)


def _map_of(given: Any) -> Grid | None:
    """The map of a raster that has one; rasters without coordinates have none."""
    if isinstance(given, Grid):
        return given
    if not hasattr(given, "coords"):
        return None
    rasters = list(given.data_vars.values()) if hasattr(given, "data_vars") else [given]
    raster = next((one for one in rasters if one.ndim >= 2), None)
    if raster is None:
        raise InvalidType("shape must hold a raster, with rows and columns")
    if not all(dim in raster.coords for dim in raster.dims[-2:]):
        return None
    from insarfeat.georeference import grid_of

    return grid_of(raster)


def _told(mapped: Grid | None) -> Any:
    if mapped is None:
        return None
    axes = {name: [axis.first, axis.step, axis.size] for name, axis in (("y", mapped.y), ("x", mapped.x))}
    return {**axes, "crs": mapped.crs_wkt}


def _map_from(told: Any) -> Grid | None:
    return None if told is None else Grid(Axis(*told["y"]), Axis(*told["x"]), told["crs"])
