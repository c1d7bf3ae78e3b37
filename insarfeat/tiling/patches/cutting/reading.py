"""Regions of a scene's layers, read so that each stored chunk is decoded once though many patches share it."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.lazy import BlockReader
from insarfeat.dispatch.operator import project
from insarfeat.dispatch.program import Program
from insarfeat.dispatch.sources import ArraySource, ChunkedSource, Source
from insarfeat.layers import NODATA_BYTE
from insarfeat.windows import Shape, Window

Array = NDArray[Any]

_UNIT = 512
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a raster's patches fall into blocks: a patch belongs to the one that holds its first pixel.

    Attributes
    ----------
    shape
        Of the raster.
    side
        Of the blocks, in pixels.
    patch
        Largest height and width of the patches: a block is read so far beyond its own pixels.
    """

    shape: Shape
    side: int
    patch: Shape

    @property
    def columns(self) -> int:
        """Blocks side by side."""
        return -(-self.shape.width // self.side)

    def numbers(self, tops: Array, lefts: Array) -> Array:
        """The block of each patch."""
        numbers: Array = (np.maximum(tops, 0) // self.side) * self.columns + np.maximum(lefts, 0) // self.side
        return numbers

    def core(self, number: int) -> Window:
        """Pixels of a block, which may reach beyond the raster."""
        row, column = divmod(number, self.columns)
        return Window(row * self.side, column * self.side, self.side, self.side)

    def readers(self, window: Window) -> int:
        """How many blocks may read a window of the raster."""
        down = self._along(window.top, window.bottom, self.patch.height)
        return down * self._along(window.left, window.right, self.patch.width)

    def _along(self, begin: int, end: int, patch: int) -> int:
        first = max(begin - patch + 1, 0) // self.side
        return (end - 1) // self.side - first + 1


@dataclass(frozen=True)
class Region:
    """Pixels of a window: bands as float32 (band, y, x), masks as uint8 (mask, y, x)."""

    window: Window
    values: NDArray[np.float32]
    masks: NDArray[np.uint8]


@dataclass(frozen=True)
class Reader:
    """Reads a scene's bands and masks for one pair; goes to the workers.

    Attributes
    ----------
    program
        Of the bands, then the masks.
    place
        Index into the leading dimensions.
    bands
        How many of the program's outputs are bands.
    blocks
        Of the patches, if more than one of them may read the same pixels.
    shared
        How many readers have a source in common, by its token.
    """

    program: Program
    place: tuple[int, ...]
    bands: int
    blocks: Blocks
    shared: Mapping[str, int] = field(default_factory=dict)

    def read(self, window: Window, chunks: BlockReader) -> Region:
        """Pixels of a window; what lies beyond the raster is nodata."""
        shape = self.blocks.shape
        inside = window.cut_to(shape)
        count = len(self.program.dtypes) - self.bands
        values = np.empty((self.bands, window.height, window.width), np.float32)
        masks = np.empty((count, window.height, window.width), np.uint8)
        if inside != window:
            values[:] = np.nan
            masks[:] = NODATA_BYTE
        rows, columns = inside.seen_from(window).slices
        if inside.pixels:
            targets = [one[rows, columns] for layers in (values, masks) for one in layers]
            read = _OnceFrom(self, chunks)
            if self.plain is not None:
                for source, target in zip(self.plain, targets, strict=True):
                    read.fill(source, project(self.place, source.shape[:-2]), inside, target)
            else:
                for _, index, pixels in self.program.compute(inside, [self.place], read):
                    targets[index][...] = pixels
        return Region(window, values, masks)

    @cached_property
    def plain(self) -> list[Source] | None:
        """The sources of all layers, where nothing is computed: they are then read to where they belong at once."""
        return self.program.plain_sources


@dataclass(frozen=True)
class _OnceFrom:
    """Reads windows of sources, from units that are kept as long as other blocks want them."""

    reader: Reader
    chunks: BlockReader

    def __call__(self, source: Source, lead: tuple[int, ...], window: Window) -> Array:
        if isinstance(source, ArraySource | ChunkedSource):
            return self.chunks(source, lead, window)
        pixels = np.empty((window.height, window.width), source.dtype)
        self.fill(source, lead, window, pixels)
        return pixels

    def fill(self, source: Source, lead: tuple[int, ...], window: Window, pixels: Array) -> None:
        """Read a window to where it is wanted."""
        if isinstance(source, ArraySource | ChunkedSource):
            pixels[...] = self.chunks(source, lead, window)
            return
        unit = unit_of(source)
        shape = Shape(*source.shape[-2:])
        for top in range(window.top // unit.height * unit.height, window.bottom, unit.height):
            for left in range(window.left // unit.width * unit.width, window.right, unit.width):
                whole = Window(
                    top, left, min(unit.height, shape.height - top), min(unit.width, shape.width - left)
                )
                shared = max(whole.top, window.top), max(whole.left, window.left)
                part = Window(
                    *shared,
                    min(whole.bottom, window.bottom) - shared[0],
                    min(whole.right, window.right) - shared[1],
                )
                held = self._unit(source, lead, whole, shape)
                pixels[part.seen_from(window).slices] = held[part.seen_from(whole).slices]

    def _unit(self, source: Source, lead: tuple[int, ...], whole: Window, shape: Shape) -> Array:
        users = self.reader.blocks.readers(whole) if shape == self.reader.blocks.shape else 1
        if not lead:
            users *= self.reader.shared.get(source.token, 1)
        return _held().get((source.token, lead, whole), users, lambda: source.read(lead, whole))


def unit_of(source: Source) -> Shape:
    """Pixels of a source that are read at once: whole chunks as they are stored."""
    stored = getattr(source, "stored_chunk", None)
    height, width = source.shape[-2:]
    if stored is None:
        return Shape(min(_UNIT, height) or 1, min(_UNIT, width) or 1)
    return Shape(*(_multiple(own, size) for own, size in zip(stored, (height, width), strict=True)))


def _multiple(own: int, size: int) -> int:
    return min(max(_UNIT // own, 1) * own, size) or 1


class _Held:
    """Units that several blocks want, until the last has had them or room is short; each is read by one thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._entries: OrderedDict[Any, _Entry] = OrderedDict()
        self._bytes = 0

    def get(self, key: Any, users: int, read: Callable[[], Array]) -> Array:
        """A unit; the first who asks reads it, the others wait."""
        if users <= 1:
            return read()
        with self._guard:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry(users)
            self._entries.move_to_end(key)
        with entry.lock:
            if entry.pixels is None:
                entry.pixels = read()
                with self._guard:
                    if self._entries.get(key) is entry:
                        self._bytes += entry.pixels.nbytes
                        self._make_room(key)
            pixels = entry.pixels
        with self._guard:
            entry.users -= 1
            if entry.users <= 0 and self._entries.get(key) is entry:
                self._forget(key)
        return pixels

    def _make_room(self, key: Any) -> None:
        for old in list(self._entries):
            if self._bytes <= _MOST_BYTES:
                return
            if old != key and self._entries[old].pixels is not None:
                self._forget(old)

    def _forget(self, key: Any) -> None:
        entry = self._entries.pop(key)
        if entry.pixels is not None:
            self._bytes -= entry.pixels.nbytes

    def forget_all(self) -> None:
        """Let go of everything: the run is over."""
        with self._guard:
            self._entries.clear()
            self._bytes = 0


class _Entry:
    def __init__(self, users: int) -> None:
        self.users = users
        self.lock = threading.Lock()
        self.pixels: Array | None = None


_here = _Held()


def _held() -> _Held:
    return _here


def forget_units() -> None:
    """Let go of what a run has kept in this process."""
    _held().forget_all()


def _begin_anew() -> None:
    global _here
    _here = _Held()  # a forked child must not wait for locks that its parent's threads held


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
