"""The declaration of an operator, and its work on plain arrays.

The calling convention of a kernel is ``kernel(*inputs, *outputs, *frame, *arguments)``:

- inputs and outputs are C-contiguous 2-D blocks; an input given as one number arrives as a 1 x 1 block; where the
  number of inputs is open they come as one tuple, where the outputs depend on the parameters as one 3-D array;
- ``frame`` holds what the declaration asks for, in this order: ``top, left`` if the operator has a halo or a
  step (output pixel (i, j) lies on input pixel (i * rows + top, j * columns + left)); ``row, column, height,
  width`` if it asks for the position (place of the block's first pixel on the raster, and the raster's size);
  ``northward, eastward`` if it asks for sizes (metres per row and per column, one number per block row), or
  ``ties, weights`` if it asks for gradients (:meth:`insarfeat.metrics.Metrics.gradients` of the block's rows);
- ``arguments`` are the parameters' values, or what ``prepare`` makes of them.

A block ends where the raster ends: there the kernel meets its own edge rule. With ``edge="nodata"`` the block is
padded with nodata instead, so that the whole halo is always there.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.declarations import DOUBLE_CODES, Kind, NoParameters, Raster, Result
from insarfeat.dispatch.reduction import Reduction
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.metrics import Ground, Metrics, North, Resolution, planar_metrics
from insarfeat.windows import NO_HALO, NO_STEP, Halo, Shape, Step, Window

Kernel = Callable[..., None]
Array = NDArray[Any]


_NO_PARAMETERS = NoParameters()
_CODES = {"real": "f", "complex": "c", "mask": "u"}


class Operator:
    """A layer function's declaration: what its kernel needs, gives and means.

    Parameters
    ----------
    name
        Full dotted name of the public function; its module must hold this operator when imported.
    kernel
        A numba function with the calling convention of this module, or one each for "real", "complex" and "mask"
        first inputs.
    inputs, outputs
        What goes in and comes out; the outputs may be a function of the parameters, and are of one type then.
    halo
        Reach beyond the pixel, or a function of the parameters (and of the metrics, if the operator asks for them)
        that gives it.
    step
        Input pixels per output pixel, or a function of the parameters that gives it.
    edge
        "kernel": blocks end with the raster and the kernel deals with it; "nodata": they are padded.
    nodata
        Which output pixels are nodata: those whose "own" inputs are; those where the "first" input is; those of
        which "all" pixels under the window or cell are; or "formula" where the definition adds further ones.
    position, metrics
        Whether the kernel is given its place on the raster, and what of the pixels on the ground: their "sizes", or
        how rises per pixel become "gradients".
    prepare
        Makes kernel arguments (tables, say) of the parameters; called once for each set of them.
    survey
        What must be known about the whole inputs first, as parameters to replace; a halo that depends on the
        data comes this way. On lazy inputs it is computed when the operator is called.
    datasets
        Whether it makes sense for rasters of any quantity, so that it may be applied to each one of a Dataset.
    """

    def __init__(
        self,
        name: str,
        kernel: Kernel | Mapping[Kind, Kernel],
        *,
        inputs: Sequence[Raster],
        outputs: Sequence[Result] | Callable[[Any], Sequence[Result]],
        halo: Halo | Callable[..., Halo] = NO_HALO,
        step: Step | Callable[[Any], Step] = NO_STEP,
        edge: Literal["kernel", "nodata"] = "kernel",
        nodata: Literal["own", "first", "all", "formula"] = "own",
        position: bool = False,
        metrics: Literal["sizes", "gradients"] | None = None,
        prepare: Callable[[Any], tuple[Any, ...]] = tuple,
        survey: Reduction | None = None,
        datasets: bool = False,
    ) -> None:
        self.name = name
        # By the kind of the first input's dtype: kernels are chosen on the hot path.
        self.kernels: dict[str, Kernel] = (
            {_CODES[kind]: function for kind, function in kernel.items()}
            if isinstance(kernel, Mapping)
            else dict.fromkeys("fcu", kernel)
        )
        self.inputs = tuple(inputs)
        self.outputs = outputs if callable(outputs) else tuple(outputs)
        self.halo = halo
        self.step = step
        self.edge = edge
        self.nodata = nodata
        self.position = position
        self.metrics = metrics
        self.prepare = prepare
        self.survey = survey
        self.datasets = datasets
        self._bound: dict[tuple[Any, Metrics | None], Bound] = {}
        _REGISTRY[name] = self

    def __repr__(self) -> str:
        return f"Operator({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.name,)

    def __call__(
        self,
        *rasters: Any,
        parameters: tuple[Any, ...] = _NO_PARAMETERS,
        resolution: Resolution | None = None,
        north: North = "true",
    ) -> Any:
        """Apply the operator; arrays in, arrays of the same kind out (a tuple of them for several outputs)."""
        for raster in rasters:
            if type(raster) is not np.ndarray:
                break
        else:
            results = self.on_arrays(rasters, parameters, resolution)
            return results[0] if len(results) == 1 else results
        from insarfeat.dispatch.kinds import apply

        return apply(self, rasters, parameters, Ground(resolution, north))

    def on_arrays(
        self, arrays: Sequence[Array], parameters: tuple[Any, ...], resolution: Resolution | None
    ) -> tuple[Array, ...]:
        """Apply the operator to NumPy arrays, whole."""
        metrics = self.metrics_for(resolution) if self.metrics else None
        if self.survey is not None:
            parameters = parameters._replace(**self.survey(arrays))  # type: ignore[attr-defined]
        bound = self._bound.get((parameters, metrics)) or self.bind(parameters, metrics)
        return bound.on_whole(arrays)

    def metrics_for(self, resolution: Resolution | None) -> Metrics:
        """Ground size of pixels of a bare array."""
        if resolution is None:
            raise InvalidArgument(
                "a bare array needs resolution= (metres per pixel; a number or (dy, dx)); DataArrays with "
                "coordinates need none"
            )
        return planar_metrics(resolution)

    def bind(self, parameters: tuple[Any, ...], metrics: Metrics | None = None) -> Bound:
        """The operator with its parameters settled; made once for each set of them."""
        key = (parameters, metrics)
        bound = self._bound.get(key)
        if bound is None:
            if len(self._bound) >= 256:
                self._bound.clear()
            bound = self._bound[key] = Bound(self, parameters, metrics)
        return bound

    def inputs_for(self, count: int) -> tuple[Raster, ...]:
        """The declarations of so many inputs."""
        if self.inputs[0].many and count:
            return self.inputs * count
        if len(self.inputs) != count:
            names = ", ".join(raster.name for raster in self.inputs)
            raise InvalidType(f"{self.short_name} takes {len(self.inputs)} raster(s): {names}; got {count}")
        return self.inputs

    @property
    def short_name(self) -> str:
        """Name without the package's."""
        return self.name.removeprefix("insarfeat.")


_REGISTRY: dict[str, Operator] = {}


def _bind(operator: Operator, parameters: tuple[Any, ...], metrics: Metrics | None) -> Bound:
    return operator.bind(parameters, metrics)


def _restore(name: str) -> Operator:
    """Find an operator by name in another process, importing the module that declares it."""
    if name not in _REGISTRY:
        importlib.import_module(name.rpartition(".")[0])
    return _REGISTRY[name]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a block lies: the output window, the input window that was read for it, the input raster's size."""

    core: Window
    block: Window
    raster: Shape


@dataclass(eq=False, slots=True)
class Bound:
    """An operator with its parameters settled: what runs on a block."""

    operator: Operator
    parameters: tuple[Any, ...]
    metrics: Metrics | None
    outputs: tuple[Result, ...] = field(init=False)
    halo: Halo = field(init=False)
    step: Step = field(init=False)
    arguments: tuple[Any, ...] = field(init=False)
    _framed: bool = field(init=False)
    _ready: dict[tuple[np.dtype[Any], ...], tuple[np.dtype[Any], ...]] = field(init=False)

    def __post_init__(self) -> None:
        operator = self.operator
        self.outputs = (
            tuple(operator.outputs(self.parameters)) if callable(operator.outputs) else operator.outputs
        )
        if callable(operator.halo):
            known = (self.parameters,) if self.metrics is None else (self.parameters, self.metrics)
            self.halo = operator.halo(*known)
        else:
            self.halo = operator.halo
        self.step = operator.step(self.parameters) if callable(operator.step) else operator.step
        self.arguments = operator.prepare(self.parameters)
        moving = callable(operator.halo) or callable(operator.step)
        self._framed = moving or self.halo != NO_HALO or self.step != NO_STEP
        # Types of the outputs for inputs that the kernel takes as they come.
        self._ready = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _bind, (self.operator, self.parameters, self.metrics)

    def __str__(self) -> str:
        named: dict[str, Any] = getattr(self.parameters, "_asdict", dict)()
        inside = ", ".join(f"{name}={value!r}" for name, value in named.items())
        return f"{self.operator.short_name}({inside})"

    @property
    def pixelwise(self) -> bool:
        """Whether an output pixel knows nothing but the input pixels in its own place."""
        return not self._framed

    def output_shape(self, shape: Shape) -> Shape:
        """Size of the outputs; a cell that the step leaves incomplete at the far edge is dropped."""
        if self.step is NO_STEP:
            return shape
        return Shape(shape.height // self.step.rows, shape.width // self.step.columns)

    def source_window(self, core: Window, raster: Shape) -> Window:
        """Input pixels that a window of the output needs."""
        if not self._framed:
            return core
        return core.scaled(self.step).expanded(self.halo, within=raster)

    def output_dtypes(self, dtypes: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
        """Types of the outputs for inputs of these types."""
        double = any(dtype.char in DOUBLE_CODES for dtype in dtypes)
        first = self.operator.inputs[0].working_dtype(dtypes[0], double)
        return tuple(output.dtype_for(first, double) for output in self.outputs)

    def on_whole(self, arrays: Sequence[Array]) -> tuple[Array, ...]:
        """Run on whole rasters, leading dimensions one by one."""
        dtypes = self._ready.get(tuple([array.dtype for array in arrays]))
        if dtypes is not None and self._plain(arrays):
            return self._run_plain(arrays, dtypes)
        blocks = self._working(arrays)
        spatial = raster_shape(self.operator, blocks)
        core = Window(0, 0, *_extent(self.output_shape(spatial)))
        frame = Frame(core, Window(0, 0, spatial.height, spatial.width), spatial)
        lead = np.broadcast_shapes(*(block.shape[:-2] for block in blocks))
        if not lead:
            return self._run(blocks, frame)
        results: tuple[Array, ...] | None = None
        for place in np.ndindex(lead):
            parts = self._run([block[project(place, block.shape[:-2])] for block in blocks], frame)
            if results is None:
                results = tuple(np.empty((*lead, *part.shape), part.dtype) for part in parts)
            for result, part in zip(results, parts, strict=True):
                result[place] = part
        if results is None:  # a leading dimension of length 0
            dtypes = self.output_dtypes([array.dtype for array in arrays])
            return tuple(np.empty((*lead, *_extent(core.shape)), dtype) for dtype in dtypes)
        return results

    def _plain(self, arrays: Sequence[Array]) -> bool:
        """Whether the kernel can be handed these arrays just as they are."""
        shape = arrays[0].shape
        if len(shape) != 2 or not (shape[0] and shape[1]):
            return False
        for array in arrays:  # noqa: SIM110 - a generator would slow down every small call
            if array.shape != shape or not array.flags.c_contiguous:
                return False
        return True

    def _run_plain(self, arrays: Sequence[Array], dtypes: tuple[np.dtype[Any], ...]) -> tuple[Array, ...]:
        """The short way for ordinary arrays: no checks beyond the first call of its kind."""
        height, width = arrays[0].shape
        size = (
            (height, width)
            if self.step is NO_STEP
            else (height // self.step.rows, width // self.step.columns)
        )
        place: tuple[Any, ...] = (0, 0) if self._framed else ()
        if self.operator.position:
            place += (0, 0, height, width)
        if self.metrics is not None:
            place += self._measured(self.metrics, Window(0, 0, height, width))
        return self._call(arrays, size, dtypes, place)

    def _call(
        self,
        blocks: Sequence[Array],
        size: tuple[int, int],
        dtypes: Sequence[np.dtype[Any]],
        place: Sequence[Any],
    ) -> tuple[Array, ...]:
        """Run the kernel into new outputs."""
        operator = self.operator
        kernel = operator.kernels[blocks[0].dtype.kind]
        # A tuple of arrays has one type only if all of them may be written to, or none.
        inputs = (tuple([_read_only(block) for block in blocks]),) if operator.inputs[0].many else blocks
        if callable(operator.outputs):
            together = np.empty((len(dtypes), *size), dtypes[0])
            kernel(*inputs, together, *place, *self.arguments)
            return tuple(together)
        outputs = tuple([np.empty(size, dtype) for dtype in dtypes])
        kernel(*inputs, *outputs, *place, *self.arguments)
        return outputs

    def _measured(self, metrics: Metrics, block: Window) -> tuple[Array, Array]:
        """What the kernel is told of the pixels on the ground."""
        if self.operator.metrics == "gradients":
            return metrics.gradients(block.top, block.bottom, block.left, block.right)
        return metrics.rows(block.top, block.bottom)

    def on_block(self, arrays: Sequence[Array], frame: Frame) -> tuple[Array, ...]:
        """Run on 2-D blocks that were read for one window."""
        return self._run(self._working(arrays), frame)

    def _working(self, arrays: Sequence[Array]) -> list[Array]:
        inputs = self.operator.inputs_for(len(arrays))
        double = False
        for array in arrays:
            if array.dtype.char in DOUBLE_CODES:
                double = True
        wanted = [
            raster.working_dtype(array.dtype, double) for array, raster in zip(arrays, inputs, strict=True)
        ]
        given = tuple(array.dtype for array in arrays)
        if list(given) == wanted and self.operator.edge == "kernel":
            self._ready[given] = self.output_dtypes(given)
        return [_contiguous(array, dtype) for array, dtype in zip(arrays, wanted, strict=True)]

    def _run(self, blocks: list[Array], frame: Frame) -> tuple[Array, ...]:
        operator = self.operator
        first = blocks[0].dtype
        double = any(block.dtype.char in DOUBLE_CODES for block in blocks)
        size = (frame.core.height, frame.core.width)
        dtypes = tuple(output.dtype_for(first, double) for output in self.outputs)
        if not (size[0] and size[1]):
            return tuple(np.empty(size, dtype) for dtype in dtypes)
        block = frame.block
        if operator.edge == "nodata" and self.halo is not NO_HALO:
            blocks, block = self._padded(blocks, frame)
        place: list[Any] = []
        if self._framed:
            place += (
                frame.core.top * self.step.rows - block.top,
                frame.core.left * self.step.columns - block.left,
            )
        if operator.position:
            place += (block.top, block.left, frame.raster.height, frame.raster.width)
        if self.metrics is not None:
            place += self._measured(self.metrics, block)
        return self._call(blocks, size, dtypes, place)

    def _padded(self, blocks: list[Array], frame: Frame) -> tuple[list[Array], Window]:
        """Blocks with the part of the halo that lies beyond the raster filled with nodata."""
        core = frame.core.scaled(self.step)
        halo = self.halo
        wanted = Window(
            core.top - halo.top,
            core.left - halo.left,
            core.height + halo.top + halo.bottom,
            core.width + halo.left + halo.right,
        )
        inside = frame.block.seen_from(wanted).slices
        padded = []
        for block in blocks:
            if block.shape == (1, 1) and frame.block.pixels > 1:
                padded.append(block)
                continue
            whole = np.full(_extent(wanted.shape), 0 if block.dtype.kind in "bui" else np.nan, block.dtype)
            whole[inside] = block
            padded.append(whole)
        return padded, wanted


def raster_shape(operator: Operator, blocks: Sequence[Any]) -> Shape:
    """The size that all rasters share; single numbers (1 x 1, where allowed) fit any."""
    found: Shape | None = None
    for block, raster in zip(blocks, operator.inputs_for(len(blocks)), strict=True):
        if block.ndim < 2:
            raise InvalidType(
                f"{raster.name} must have at least two dimensions (y, x); got shape {block.shape}"
            )
        shape = Shape(*block.shape[-2:])
        if raster.number and shape == Shape(1, 1):
            continue
        if found is not None and found != shape:
            raise GridMismatch(
                f"{raster.name} is {shape.height} x {shape.width} pixels, the rasters before it "
                f"{found.height} x {found.width}; all rasters of {operator.short_name} must share one grid"
            )
        found = shape
    return found or Shape(1, 1)


def project(place: tuple[int, ...], lead: tuple[int, ...]) -> tuple[int, ...]:
    """Index into leading dimensions that are broadcast against longer ones.

    >>> project((4, 2), (1, 3)), project((4, 2), (3,)), project((4, 2), ())
    ((0, 2), (2,), ())
    """
    tail = place[len(place) - len(lead) :]
    return tuple(0 if size == 1 else index for index, size in zip(tail, lead, strict=True))


def _extent(shape: Shape) -> tuple[int, int]:
    return shape.height, shape.width


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _contiguous(array: Array, dtype: np.dtype[Any]) -> Array:
    if array.dtype is dtype and array.flags.c_contiguous:
        return array
    if isinstance(array, np.ma.MaskedArray):
        raise InvalidType("masked arrays are not taken; give nodata as NaN, e.g. array.filled(np.nan)")
    return np.ascontiguousarray(array, dtype)
