"""Operators that must see the whole raster before they give a pixel, as filling or flow do.

Such an operator is a step that runs passes over tiles (:class:`RasterStep`). On NumPy arrays the raster is one tile
in memory; on lazy ones the step is a stage of a plan. So there is one algorithm, and what is tested on the one holds
for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.declarations import Raster, Result
from insarfeat.dispatch.operator import Bound, Operator, raster_shape
from insarfeat.errors import InvalidType
from insarfeat.metrics import Metrics
from insarfeat.windows import NO_HALO, Halo, Shape, Tile, TileGrid

Array = NDArray[Any]


class TileWork(Protocol):
    """A tile in a pass: reads the step's inputs, writes its outputs, keeps what later passes need of it."""

    tile: Tile
    given: Any

    def read(self) -> list[Array]:
        """The inputs' pixels under the tile with its halo, which ends with the raster."""

    def write(self, index: int, pixels: Array) -> None:
        """Write the tile's own pixels (no halo) of an output."""

    def keep(self, name: str, arrays: Mapping[str, Array], number: int | None = None) -> None:
        """Put arrays aside for a later pass over this tile, or another one by its number."""

    def kept(self, name: str, number: int | None = None) -> dict[str, Array]:
        """Arrays that an earlier pass has put aside."""


class Workshop(Protocol):
    """Where a step runs its passes."""

    tiles: TileGrid

    def each_tile(
        self,
        title: str,
        function: Callable[[Any, Any], Any],
        shared: Any = None,
        *,
        halo: Halo = NO_HALO,
        given: Mapping[int, Any] | None = None,
        reads: bool = True,
    ) -> Sequence[Any]:
        """Run ``function(work, shared)`` for every tile, or for those that are given something."""

    def forget(self, name: str, numbers: Sequence[int]) -> None:
        """Drop what tiles have kept under a name."""


class RasterStep(Protocol):
    """A step over whole rasters. Its ``repr`` must tell all its parameters: a resume goes by it.

    Tiles are read as they are stored, integers as integers.
    """

    cell_bytes: ClassVar[int]
    """Memory that a task takes, for each cell of its tile; what it reads and writes included."""

    rim_bytes: ClassVar[int]
    """Memory that the process which drives the run takes, for each cell at the rim of a tile."""

    def run(self, workshop: Any) -> None:
        """Fill the workshop's outputs from its inputs, in passes of ``workshop.each_tile``."""


class WholeOperator(Operator):
    """The declaration of an operator over whole rasters.

    Parameters
    ----------
    name
        Full dotted name of the public function.
    step
        Makes the step of the parameters, and of the metrics if the operator asks for them.
    inputs, outputs
        What goes in and comes out, all of one size and without leading dimensions.
    metrics
        Whether the step is told the pixels' sizes on the ground.
    """

    def __init__(
        self,
        name: str,
        step: Callable[..., RasterStep],
        *,
        inputs: Sequence[Raster],
        outputs: Sequence[Result] | Callable[[Any], Sequence[Result]],
        metrics: bool = False,
    ) -> None:
        super().__init__(
            name, _no_kernel, inputs=inputs, outputs=outputs, metrics="sizes" if metrics else None
        )
        self.make_step = step

    def inputs_for(self, count: int) -> tuple[Raster, ...]:
        """The declarations of so many inputs; the last ones may be left out."""
        if not 1 <= count <= len(self.inputs):
            names = ", ".join(raster.name for raster in self.inputs)
            raise InvalidType(
                f"{self.short_name} takes up to {len(self.inputs)} raster(s): {names}; got {count}"
            )
        return self.inputs[:count]

    def bind(self, parameters: tuple[Any, ...], metrics: Metrics | None = None) -> Bound:
        """The operator with its parameters settled."""
        return BoundStep(self, parameters, metrics)


class BoundStep(Bound):
    """A step with its parameters settled."""

    __slots__ = ()

    @property
    def raster_step(self) -> RasterStep:
        """The step itself."""
        operator = self.operator
        assert isinstance(operator, WholeOperator)
        known = () if self.metrics is None else (self.metrics,)
        return operator.make_step(*self.parameters, *known)

    def output_dtypes(self, dtypes: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
        """Types of the outputs: the first input's precision is that of the result, whatever the others are."""
        return super().output_dtypes(dtypes[:1])

    def check(self, arrays: Sequence[Any]) -> None:
        """Refuse rasters of several layers, of different sizes, or of the wrong kind."""
        for raster, array in zip(self.operator.inputs_for(len(arrays)), arrays, strict=True):
            raster.working_dtype(array.dtype, False)
            if array.ndim != 2:
                raise InvalidType(
                    f"{self.operator.short_name} takes one raster (y, x) at a time; {raster.name} has shape "
                    f"{tuple(array.shape)}: call it for each layer"
                )
        raster_shape(self.operator, arrays)

    def on_whole(self, arrays: Sequence[Array]) -> tuple[Array, ...]:
        """Run the step in memory, the whole raster as one tile."""
        self.check(arrays)
        arrays = [native(array) for array in arrays]
        dtypes = self.output_dtypes([array.dtype for array in arrays])
        shape = Shape(*arrays[0].shape)
        if not shape.height * shape.width:
            return tuple(np.empty(arrays[0].shape, dtype) for dtype in dtypes)
        workshop = _Memory(arrays, dtypes)
        self.raster_step.run(workshop)
        return tuple(workshop.results)


def native(array: Array) -> Array:
    """The array in the machine's byte order."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


class _Memory:
    """A workshop of one tile in memory."""

    def __init__(self, inputs: Sequence[Array], dtypes: Sequence[np.dtype[Any]]) -> None:
        shape = Shape(*inputs[0].shape)
        self.tiles = TileGrid(shape, (shape.height, shape.width))
        self.results: list[Any] = [None] * len(dtypes)
        self._work = _MemoryWork(self.tiles[0], list(inputs), self.results)

    def each_tile(
        self,
        title: str,
        function: Callable[[Any, Any], Any],
        shared: Any = None,
        *,
        halo: Halo = NO_HALO,
        given: Mapping[int, Any] | None = None,
        reads: bool = True,
    ) -> Sequence[Any]:
        """Run the function on the tile, if it is meant."""
        if given is not None and 0 not in given:
            return [None]
        self._work.given = None if given is None else given[0]
        return [function(self._work, shared)]

    def forget(self, name: str, numbers: Sequence[int]) -> None:
        """Drop what was kept."""
        self._work.aside.pop(name, None)


class _MemoryWork:
    """The one tile."""

    def __init__(self, tile: Tile, inputs: list[Array], results: list[Any]) -> None:
        self.tile = tile
        self.given: Any = None
        self.aside: dict[str, dict[str, Array]] = {}
        self._inputs = inputs
        self._results = results

    def read(self) -> list[Array]:
        return self._inputs

    def write(self, index: int, pixels: Array) -> None:
        self._results[index] = pixels

    def keep(self, name: str, arrays: Mapping[str, Array], number: int | None = None) -> None:
        self.aside[name] = dict(arrays)

    def kept(self, name: str, number: int | None = None) -> dict[str, Array]:
        return self.aside[name]


def _no_kernel(*_: Any) -> None:
    raise NotImplementedError("a step over whole rasters has no kernel for blocks")
