"""How a window of expressions is computed.

It is walked back from: each operator says which window of its inputs it needs, down to the sources, which are read
once; then the kernels run forward. So a chain of operators is one pass with the summed halo, whatever it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import expression
from insarfeat.dispatch.expression import Apply, Join, Leaf, Piece, Producer, Remap, Value, producers_of
from insarfeat.dispatch.operator import Bound, Frame, project, raster_shape
from insarfeat.dispatch.sources import Source
from insarfeat.errors import GridMismatch
from insarfeat.windows import NO_HALO, Halo, Shape, Window

Array = NDArray[Any]
_HARDLY_MORE = 1.1

Reader = Callable[[Source, tuple[int, ...], Window], Array]


@dataclass(frozen=True, slots=True)
class _Read:
    """Fill a slot from a source."""

    source: Source
    slots: tuple[int, ...]
    inputs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Run:
    """Fill slots by running an operator on others."""

    bound: Bound
    inputs: tuple[int, ...]
    slots: tuple[int, ...]
    raster: Shape


@dataclass(frozen=True, slots=True)
class _Stack:
    """Fill a slot with rows of others."""

    pieces: tuple[Piece, ...]
    inputs: tuple[int, ...]
    slots: tuple[int]
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class _Map:
    """Fill slots with what others hold on other grids."""

    mapping: expression.Mapping
    inputs: tuple[int, ...]
    slots: tuple[int, ...]


_Step = _Read | _Run | _Stack | _Map


@dataclass(frozen=True, slots=True)
class _Slot:
    lead: tuple[int, ...]
    shape: Shape

    @property
    def fixed(self) -> bool:
        """The same at every index into the leading dimensions."""
        return all(size == 1 for size in self.lead)

    @property
    def single(self) -> bool:
        """One number, or a raster of one pixel: there is no window of it to cut."""
        return self.shape == Shape(1, 1)


@dataclass(frozen=True, slots=True)
class _Held:
    """Pixels of a slot, and which window they are; it may be more than anybody needs."""

    pixels: Array
    window: Window

    def cut(self, window: Window) -> Array:
        """The pixels of a window inside."""
        return self.pixels[window.seen_from(self.window).slices]


class Program:
    """Expressions made ready to be computed window by window: compact, picklable, without a graph.

    All outputs lie on one grid. Values behind several outputs are computed once per window.
    """

    def __init__(self, outputs: Sequence[Value]) -> None:
        shapes = {value.spatial for value in outputs}
        if len(shapes) != 1:
            sizes = ", ".join(sorted(f"{shape.height} x {shape.width}" for shape in shapes))
            raise GridMismatch(f"rasters that are computed together must have one size; got {sizes}")
        self.shape = shapes.pop()
        self.dtypes = tuple(value.dtype for value in outputs)
        self.leads = tuple(value.lead for value in outputs)
        self._slots: list[_Slot] = []
        self._steps: list[_Step] = []
        places: dict[str, tuple[int, ...]] = {}
        for producer in producers_of(outputs):
            slots = tuple(range(len(self._slots), len(self._slots) + len(producer.dtypes)))
            places[producer.token] = slots
            self._slots += [_Slot(producer.lead, producer.shape)] * len(slots)
            self._steps.append(_step_of(producer, places, slots))
        self._outputs = tuple(places[value.producer.token][value.index] for value in outputs)
        # What stays the same at all leading indices is kept between them if something that changes uses it.
        self._kept = frozenset[int]().union(
            *(step.inputs for step in self._steps if not self._slots[step.slots[0]].fixed)
        )

    @property
    def places(self) -> list[tuple[int, ...]]:
        """All indices into the leading dimensions; one empty index where there are none."""
        return list(np.ndindex(np.broadcast_shapes(*self.leads)))

    @property
    def sources(self) -> list[Source]:
        """All sources, each once, in the order in which they are read."""
        return [step.source for step in self._steps if isinstance(step, _Read)]

    @property
    def plain_sources(self) -> list[Source] | None:
        """The sources that the outputs are, where nothing is computed of them; else None."""
        read = {step.slots[0]: step.source for step in self._steps if isinstance(step, _Read)}
        return [read[slot] for slot in self._outputs] if all(slot in read for slot in self._outputs) else None

    def source_windows(self, core: Window) -> list[tuple[Source, Window]]:
        """What must be read of each source for a window of the outputs."""
        needs = self._needs(core)
        return [
            (step.source, needs[step.slots[0]])
            for step in self._steps
            if isinstance(step, _Read) and step.slots[0] in needs
        ]

    def halo(self) -> Halo:
        """The summed halo at the sources, in source pixels, the largest of all of them."""
        reach = [NO_HALO] * len(self._slots)
        for step in reversed(self._steps):
            if isinstance(step, _Run):
                most = _largest(reach[slot] for slot in step.slots)
                rows, columns = step.bound.step.rows, step.bound.step.columns
                inner = Halo(most.top * rows, most.bottom * rows, most.left * columns, most.right * columns)
                for slot in step.inputs:
                    reach[slot] = _largest([reach[slot], inner + step.bound.halo])
            elif isinstance(step, _Stack):
                for slot in step.inputs:
                    reach[slot] = _largest([reach[slot], reach[step.slots[0]]])
        return _largest(reach[step.slots[0]] for step in self._steps if isinstance(step, _Read))

    def compute(
        self, core: Window, places: Iterable[tuple[int, ...]], read: Reader
    ) -> Iterator[tuple[tuple[int, ...], int, Array]]:
        """Compute a window of all outputs, for each index into the leading dimensions in turn.

        Yields (index into the leading dimensions, number of the output, pixels) as soon as an output is there,
        so that it can be stored and let go before the next one is computed. What is the same for all indices is
        computed and yielded once.
        """
        needs = self._needs(core)
        steps = [step for step in self._steps if any(slot in needs for slot in step.slots)]
        users = self._users(steps)
        kept: dict[int, _Held] = {}
        for number, place in enumerate(places):
            values = dict(kept)
            waiting = dict(users)
            for step in steps:
                fixed = self._slots[step.slots[0]].fixed
                if fixed and number:
                    continue
                self._advance(step, needs, values, place, read)
                if fixed:
                    kept.update((slot, values[slot]) for slot in step.slots if slot in self._kept)
                _let_go(values, waiting, step.inputs)
                for index, slot in enumerate(self._outputs):
                    if slot in step.slots:
                        yield place, index, values[slot].cut(core)
                        _let_go(values, waiting, (slot,))

    def _users(self, steps: Sequence[_Step]) -> dict[int, int]:
        """How many steps and outputs wait for each slot."""
        users = dict.fromkeys(range(len(self._slots)), 0)
        for slot in self._outputs:
            users[slot] += 1
        for step in steps:
            for slot in step.inputs:
                users[slot] += 1
        return users

    def _advance(
        self,
        step: _Step,
        needs: dict[int, Window],
        values: dict[int, _Held],
        place: tuple[int, ...],
        read: Reader,
    ) -> None:
        if isinstance(step, _Read):
            (slot,) = step.slots
            pixels = read(step.source, project(place, self._slots[slot].lead), needs[slot])
            values[slot] = _Held(pixels, needs[slot])
            return
        if isinstance(step, _Stack):
            (slot,) = step.slots
            values[slot] = _Held(_stacked(step, needs[slot], values), needs[slot])
            return
        if isinstance(step, _Map):
            core = _union(needs[slot] for slot in step.slots if slot in needs)
            for slot, result in zip(step.slots, _mapped(step, core, values), strict=True):
                if slot in needs:
                    values[slot] = _Held(result, core)
            return
        core = _union(needs[slot] for slot in step.slots if slot in needs)
        block = step.bound.source_window(core, step.raster)
        held = [values[slot] for slot in step.inputs]
        if step.bound.pixelwise:
            rasters = zip(held, step.inputs, strict=True)
            core = block = _cheapest(
                core, {one.window for one, slot in rasters if not self._slots[slot].single}
            )
        arrays = [
            one.pixels if self._slots[slot].single else one.cut(block)
            for one, slot in zip(held, step.inputs, strict=True)
        ]
        results = step.bound.on_block(arrays, Frame(core, block, step.raster))
        for slot, result in zip(step.slots, results, strict=True):
            if slot in needs:
                values[slot] = _Held(result, core)

    def _needs(self, core: Window) -> dict[int, Window]:
        """Window that is needed of each slot, walking back from the outputs."""
        needs: dict[int, Window] = {}
        for slot in self._outputs:
            needs[slot] = core
        for step in reversed(self._steps):
            if isinstance(step, _Read) or not any(slot in needs for slot in step.slots):
                continue
            wanted = _union(needs[slot] for slot in step.slots if slot in needs)
            if isinstance(step, _Stack):
                for slot, piece in zip(step.inputs, step.pieces, strict=True):
                    window = piece.wanted(wanted)
                    if window.height:
                        needs[slot] = window.union(needs[slot]) if slot in needs else window
                continue
            if isinstance(step, _Map):
                for slot, found in zip(step.inputs, step.mapping.windows(wanted), strict=True):
                    if found is not None:
                        needs[slot] = found.union(needs[slot]) if slot in needs else found
                continue
            window = step.bound.source_window(wanted, step.raster)
            for slot in step.inputs:
                if self._slots[slot].single:
                    needs[slot] = Window(0, 0, 1, 1)
                else:
                    needs[slot] = window.union(needs[slot]) if slot in needs else window
        return needs


def _step_of(producer: Producer, places: dict[str, tuple[int, ...]], slots: tuple[int, ...]) -> _Step:
    if isinstance(producer, Leaf):
        return _Read(producer.source, slots)
    inputs = tuple(places[value.producer.token][value.index] for value in producer.inputs)
    if isinstance(producer, Join):
        return _Stack(producer.pieces, inputs, (slots[0],), producer.dtypes[0])
    if isinstance(producer, Remap):
        return _Map(producer.mapping, inputs, slots)
    if isinstance(producer, Apply):
        return _Run(producer.bound, inputs, slots, raster_shape(producer.bound.operator, producer.inputs))
    raise GridMismatch(f"{producer.name} needs whole rasters first; run it through insarfeat.plan")


def _stacked(step: _Stack, window: Window, values: Mapping[int, _Held]) -> Array:
    """Rows of several rasters in one."""
    pixels = np.empty((window.height, window.width), step.dtype)
    for slot, piece in zip(step.inputs, step.pieces, strict=True):
        wanted = piece.wanted(window)
        if wanted.height:
            top = wanted.top - piece.first + piece.at - window.top
            pixels[top : top + wanted.height] = values[slot].cut(wanted)
    return pixels


def _mapped(step: _Map, core: Window, values: Mapping[int, _Held]) -> tuple[Array, ...]:
    """What a mapping makes of other grids."""
    windows = step.mapping.windows(core)
    arrays = [
        None if window is None else values[slot].cut(window)
        for slot, window in zip(step.inputs, windows, strict=True)
    ]
    return step.mapping.compute(arrays, windows, core)


def _cheapest(core: Window, held: set[Window]) -> Window:
    """Window on which to run an operator without a halo.

    All that is held, if it is hardly more than what is needed: the arrays are then whole, and need no copy.
    """
    if len(held) == 1:
        (window,) = held
        if window.pixels <= _HARDLY_MORE * core.pixels:
            return window
    return core


def _let_go(values: dict[int, _Held], waiting: dict[int, int], slots: Iterable[int]) -> None:
    """Count off a user of each slot, and forget the pixels that nobody waits for."""
    for slot in slots:
        waiting[slot] -= 1
        if not waiting[slot]:
            values.pop(slot, None)  # a join may not have needed it at all


def _union(windows: Iterable[Window]) -> Window:
    found, *others = windows
    for other in others:
        found = found.union(other)
    return found


def _largest(halos: Iterable[Halo]) -> Halo:
    most = NO_HALO
    for halo in halos:
        most = Halo(
            max(most.top, halo.top),
            max(most.bottom, halo.bottom),
            max(most.left, halo.left),
            max(most.right, halo.right),
        )
    return most
