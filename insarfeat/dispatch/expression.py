"""Layers as expressions over sources: what an operator that is called on lazy rasters gives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.operator import Bound, raster_shape
from insarfeat.dispatch.sources import Source
from insarfeat.errors import GridMismatch
from insarfeat.windows import Shape, Window

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Value:
    """One raster that a producer yields, not computed yet."""

    producer: Leaf | Apply | Join | Barrier | Remap
    index: int = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.producer.dtypes[self.index]

    @property
    def lead(self) -> tuple[int, ...]:
        """Leading dimensions."""
        return self.producer.lead

    @property
    def spatial(self) -> Shape:
        """Height and width."""
        return self.producer.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions, leading ones included."""
        return len(self.lead) + 2

    @property
    def shape(self) -> tuple[int, ...]:
        """Leading dimensions, height, width."""
        return (*self.lead, self.spatial.height, self.spatial.width)

    @property
    def token(self) -> str:
        """Same token, same pixels."""
        return f"{self.producer.token}-{self.index}"


class Leaf:
    """A source as the beginning of an expression."""

    title = "source"

    def __init__(self, source: Source) -> None:
        self.source = source
        self.token = source.token
        self.label = source.token
        self.dtypes: tuple[np.dtype[Any], ...] = (source.dtype,)
        *lead, height, width = source.shape
        self.lead = tuple(lead)
        self.shape = Shape(height, width)
        self.inputs: tuple[Value, ...] = ()


class Apply:
    """An operator with its parameters, applied to values."""

    def __init__(self, bound: Bound, inputs: Sequence[Value]) -> None:
        self.bound = bound
        self.title = bound.operator.short_name
        self.inputs = tuple(inputs)
        self.dtypes = bound.output_dtypes([value.dtype for value in inputs])
        self.lead = np.broadcast_shapes(*(value.lead for value in inputs))
        self.shape = bound.output_shape(raster_shape(bound.operator, self.inputs))
        self.label = str(bound) + ("" if bound.metrics is None else f" on {bound.metrics.token}")
        self.token = _digest(self.label, *(value.token for value in inputs))


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one raster that become rows of a joined one."""

    first: int
    count: int
    at: int

    def wanted(self, window: Window) -> Window:
        """What a window of the joined raster takes from this one; its height is 0 where that is nothing."""
        top = max(window.top, self.at)
        bottom = max(min(window.bottom, self.at + self.count), top)
        return Window(top - self.at + self.first, window.left, bottom - top, window.width)


class Join:
    """Rows of several rasters under each other, as the bursts of a swath."""

    title = "join"

    def __init__(self, pieces: Sequence[Piece], inputs: Sequence[Value]) -> None:
        self.pieces = tuple(pieces)
        self.inputs = tuple(inputs)
        self.dtypes = (np.result_type(*(value.dtype for value in inputs)),)
        self.lead = np.broadcast_shapes(*(value.lead for value in inputs))
        widths = {value.spatial.width for value in inputs}
        if len(widths) != 1:
            raise GridMismatch(f"rasters that are joined must have one width; got {sorted(widths)}")
        self.shape = Shape(sum(piece.count for piece in pieces), widths.pop())
        self.label = f"join {self.pieces}"
        self.token = _digest(self.label, *(value.token for value in inputs))


class Barrier:
    """A step that must see whole rasters before it gives a pixel, as filling or flow do.

    It is run by a plan as a stage of its own, tile by tile; afterwards its results are sources.
    """

    title = "planned"

    def __init__(
        self,
        step: Any,
        inputs: Sequence[Value],
        dtypes: Sequence[Any],
        *,
        name: str,
        shape: Shape | None = None,
    ) -> None:
        self.step = step
        self.name = name
        self.inputs = tuple(inputs)
        self.dtypes = tuple(np.dtype(dtype) for dtype in dtypes)
        self.lead: tuple[int, ...] = ()
        self.shape = shape or inputs[0].spatial
        self.label = f"{name} {step!r}"
        self.token = _digest(self.label, *(value.token for value in inputs))


class Mapping(Protocol):
    """How rasters on some grids become rasters on another, where the pixels that are needed depend on the place.

    Its ``label`` says all of it: same label, same mapping, also in another process.
    """

    @property
    def label(self) -> str:
        """What it does, in words and numbers."""

    @property
    def shape(self) -> Shape:
        """Height and width of the results."""

    def dtypes(self, inputs: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
        """Types of the results for inputs of these types."""

    def windows(self, core: Window) -> Sequence[Window | None]:
        """What a window of the results needs of each input; None where that is nothing."""

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        """The window of each result, from those of the inputs."""


class Remap:
    """Rasters brought to another grid by a mapping."""

    title = "remap"

    def __init__(self, mapping: Mapping, inputs: Sequence[Value]) -> None:
        self.mapping = mapping
        self.inputs = tuple(inputs)
        self.dtypes = mapping.dtypes([value.dtype for value in inputs])
        self.lead = np.broadcast_shapes(*(value.lead for value in inputs))
        self.shape = mapping.shape
        self.label = mapping.label
        self.token = _digest(self.label, *(value.token for value in inputs))


Producer = Leaf | Apply | Join | Barrier | Remap
"""What yields values: a source, an operator at work, rows joined, a step over whole rasters, or another grid."""


def fingerprint(values: Sequence[Value]) -> str:
    """Same fingerprint, same pixels, also in another process: what a run that was cut off is known by."""
    found: dict[str, str] = {}
    for producer in producers_of(values):
        if isinstance(producer, Leaf):
            found[producer.token] = producer.source.fingerprint()
        else:
            inputs = (f"{found[value.producer.token]}-{value.index}" for value in producer.inputs)
            found[producer.token] = _digest(producer.label, *inputs)
    return _digest(*(f"{found[value.producer.token]}-{value.index}" for value in values))


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def producers_of(values: Iterable[Value]) -> list[Producer]:
    """All producers behind some values, each once, inputs before what uses them."""
    ordered: dict[str, Producer] = {}
    waiting: list[tuple[Producer, bool]] = [(value.producer, False) for value in values][::-1]
    while waiting:
        producer, inputs_done = waiting.pop()
        if producer.token in ordered:
            continue
        if inputs_done:
            ordered[producer.token] = producer
            continue
        waiting.append((producer, True))
        waiting.extend((value.producer, False) for value in producer.inputs[::-1])
    return list(ordered.values())


def replaced(values: Sequence[Value], known: Table[str, Sequence[Value]]) -> list[Value]:
    """The same values with some producers (by token) replaced by others."""
    made: dict[str, Sequence[Value]] = dict(known)
    for producer in producers_of(values):
        if producer.token in made:
            continue
        inputs = tuple(made[value.producer.token][value.index] for value in producer.inputs)
        again: Producer = producer
        if any(new is not old for new, old in zip(inputs, producer.inputs, strict=True)):
            if isinstance(producer, Apply):
                again = Apply(producer.bound, inputs)
            elif isinstance(producer, Join):
                again = Join(producer.pieces, inputs)
            elif isinstance(producer, Remap):
                again = Remap(producer.mapping, inputs)
            elif isinstance(producer, Barrier):
                again = Barrier(
                    producer.step, inputs, producer.dtypes, name=producer.name, shape=producer.shape
                )
        same = again is producer
        made[producer.token] = [
            value if same and value.producer is producer else Value(again, value.index)
            for value in (Value(producer, index) for index in range(len(producer.dtypes)))
        ]
    return [made[value.producer.token][value.index] for value in values]
