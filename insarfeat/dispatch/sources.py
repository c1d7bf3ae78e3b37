"""Where rasters come from: arrays in memory, files, functions, or somebody else's Dask chunks.

A source hands out the pixels of any window, so that a task reads its own halo and nothing else is held.
"""

from __future__ import annotations

import hashlib
import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import GridMismatch, InvalidType
from insarfeat.windows import Shape, Window


@runtime_checkable
class Source(Protocol):
    """A raster that can be read window by window."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Leading dimensions, height, width."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""

    @property
    def token(self) -> str:
        """Same token, same pixels, within this process."""

    def fingerprint(self) -> str:
        """Same fingerprint, same pixels, also in another process; may take time."""

    def describe(self) -> str:
        """What a person reads in the provenance."""

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window, at one index into the leading dimensions."""


class ArraySource:
    """A NumPy array in memory."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array
        # Hashing the pixels would take seconds per gigabyte, so within a process an array is known by its place.
        # A number is the same wherever it comes from: layers that were made with it can be told to be the same.
        self.token = self.fingerprint() if array.size == 1 else f"array-{id(array):x}-{uuid.uuid4().hex[:8]}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Leading dimensions, height, width."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.array.dtype

    def fingerprint(self) -> str:
        """Hash of the pixels."""
        digest = hashlib.blake2b(str((self.shape, self.dtype.str)).encode(), digest_size=16)
        for row in self.array.reshape(-1, *self.array.shape[-1:]):
            digest.update(np.ascontiguousarray(row).data)
        return f"array-{digest.hexdigest()}"

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"array in memory, {' x '.join(map(str, self.shape))} {self.dtype}"

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """A view of the array."""
        return self.array[lead + window.slices]


class GeneratedSource:
    """A raster made on demand by a function of the window, as for scenes too large to store.

    ``function(window)`` gives the pixels of a window as a 2-D array; the same pixel must come out the same in
    every window. It must be picklable (a module's function or an instance) for runs on a cluster.
    """

    def __init__(
        self, function: Callable[[Window], NDArray[Any]], shape: Shape, dtype: Any, *, name: str | None = None
    ) -> None:
        self.function = function
        self.shape: tuple[int, ...] = (shape.height, shape.width)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.token = name or f"generated-{uuid.uuid4().hex[:16]}"

    def fingerprint(self) -> str:
        """The name that the raster was given; without one, no two processes make the same."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"generated on demand: {self.token}"

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """Make the pixels of a window."""
        pixels = np.asarray(self.function(window), self.dtype)
        if pixels.shape != (window.height, window.width):
            raise InvalidType(
                f"the function behind {self.token} gave shape {pixels.shape} for a window of "
                f"{window.height} x {window.width} pixels"
            )
        return pixels


class StackedSource:
    """Rasters of one size and type behind each other, along a new first dimension."""

    def __init__(self, layers: Sequence[Source]) -> None:
        self.layers = tuple(layers)
        sizes = {layer.shape for layer in self.layers}
        kinds = {layer.dtype for layer in self.layers}
        if len(sizes) != 1 or len(kinds) != 1:
            raise GridMismatch(
                f"rasters that are stacked must have one size and type; got {sorted(map(str, sizes | kinds))}"
            )
        self.shape: tuple[int, ...] = (len(self.layers), *sizes.pop())
        self.dtype: np.dtype[Any] = kinds.pop()
        self.token = _digest("stacked", *(layer.token for layer in self.layers))

    def fingerprint(self) -> str:
        """Of all of them."""
        return _digest("stacked", *(layer.fingerprint() for layer in self.layers))

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return "; ".join(dict.fromkeys(layer.describe() for layer in self.layers))

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window of one of them."""
        return self.layers[lead[0]].read(lead[1:], window)


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk that a window touches: its place in the chunk grid, and which part goes where."""

    index: tuple[int, ...]
    inside: tuple[slice, slice]
    target: tuple[slice, slice]


class ChunkedSource:
    """Somebody else's Dask array: chunks arrive as arguments of the task that needs them."""

    def __init__(self, name: str, chunks: tuple[tuple[int, ...], ...], dtype: np.dtype[Any]) -> None:
        self.token = name
        self.chunks = chunks
        self.dtype = dtype
        self.shape = tuple(sum(sizes) for sizes in chunks)
        self._starts = tuple(np.concatenate([[0], np.cumsum(sizes)]).tolist() for sizes in chunks)

    def fingerprint(self) -> str:
        """Dask's name, the same in another process where Dask could hash what is behind it."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"Dask array {self.token.rpartition('-')[0] or self.token}"

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """Chunks cannot be fetched one by one from inside a task."""
        raise InvalidType(f"the Dask array {self.token} cannot be read window by window")

    def chunks_under(self, lead: tuple[int, ...], window: Window) -> Iterator[Chunk]:
        """Exactly the chunks that a window touches."""
        before = tuple(
            bisect_right(starts, index) - 1 for starts, index in zip(self._starts, lead, strict=False)
        )
        for rows, columns in product(
            self._along(-2, window.top, window.bottom), self._along(-1, window.left, window.right)
        ):
            yield Chunk((*before, rows[0], columns[0]), (rows[1], columns[1]), (rows[2], columns[2]))

    def assemble(
        self, lead: tuple[int, ...], window: Window, blocks: Mapping[tuple[int, ...], NDArray[Any]]
    ) -> NDArray[Any]:
        """The pixels of a window out of the chunks under it."""
        parts = list(self.chunks_under(lead, window))
        place = tuple(
            index - starts[bisect_right(starts, index) - 1]
            for starts, index in zip(self._starts, lead, strict=False)
        )
        if len(parts) == 1:
            return blocks[parts[0].index][(*place, *parts[0].inside)]
        pixels = np.empty((window.height, window.width), self.dtype)
        for part in parts:
            pixels[part.target] = blocks[part.index][(*place, *part.inside)]
        return pixels

    def _along(self, axis: int, start: int, stop: int) -> list[tuple[int, slice, slice]]:
        starts = self._starts[axis]
        touched = []
        number = bisect_right(starts, start) - 1
        while number < len(starts) - 1 and starts[number] < stop:
            first, last = max(start, starts[number]), min(stop, starts[number + 1])
            if last > first:
                inside = slice(first - starts[number], last - starts[number])
                touched.append((number, inside, slice(first - start, last - start)))
            number += 1
        return touched
