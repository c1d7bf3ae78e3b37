"""How a layer is sampled between its pixels, by what it holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.geometry._kernels import sampling as _kernels
from insarfeat.layers import LAYERS, fill_value
from insarfeat.windows import Halo, Shape, Window

Method = Literal["nearest", "linear", "cubic"]
Array = NDArray[Any]

_REACH = {"nearest": 1, "linear": 1, "cubic": 2}


def stored_as(name: Any, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Type of a layer on another grid: integers that hold a continuous layer, as elevations do, become float32.

    >>> stored_as("elevation", np.dtype("i2")), stored_as("landslide", np.dtype("?"))
    (dtype('float32'), dtype('uint8'))
    """
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    known = LAYERS.get(str(name))
    if dtype.kind in "iu" and known is not None and known.drawing != "classes" and known.dtype == "float32":
        return np.dtype(np.float32)
    return dtype.newbyteorder("=")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How values between pixels are found: the method, and for angles what is a whole turn and the least of them."""

    method: Method
    period: float | None = None
    lowest: float = -math.inf

    @classmethod
    def of(cls, name: Any, dtype: np.dtype[Any], method: Method | None, period: float | None) -> Sampling:
        """What suits a layer of this name and type; refuses what would give values that mean nothing."""
        if method is not None and method not in get_args(Method):
            raise InvalidArgument(
                f"method must be one of {', '.join(get_args(Method))}, or None; got {method!r}"
                f"{suggestion(method, get_args(Method))}"
            )
        if dtype.kind in "biu":
            if method not in (None, "nearest"):
                raise InvalidArgument(
                    f"{name or 'layer'} holds {dtype}, which are classes or counts: values between them mean "
                    "nothing; leave method out, or make it a float raster first"
                )
            return cls("nearest")
        known = LAYERS.get(str(name))
        if period is None and known is not None and dtype.kind == "f":
            period = known.period
        if period is not None and not (dtype.kind == "f" and math.isfinite(period) and period > 0):
            raise InvalidArgument(
                f"period must be a positive number, for real angles; got {period!r} for {dtype}"
            )
        lowest = -math.inf
        if period is not None:
            lowest = known.limits[0] if known is not None and known.limits else -period / 2
        return cls(method or "linear", period, lowest)

    def values(self, block: Array, positions: tuple[Array, Array], window: Window) -> Array:
        """Values at positions on the whole raster, of which the block is a window."""
        rows, columns = positions
        out = np.empty(rows.shape, block.dtype)
        if self.method == "nearest":
            _kernels.nearest(block, rows, columns, out, window.top, window.left, fill_value(block.dtype))
        elif self.period is None:
            _kernels.smooth(block, rows, columns, out, window.top, window.left, self.method == "cubic")
        else:
            kind = np.complex64 if block.dtype.itemsize == 4 else np.complex128
            turned, between = np.empty(block.shape, kind), np.empty(rows.shape, kind)
            scale = 2 * math.pi / self.period
            _kernels.phasors(block, turned, scale)
            _kernels.smooth(turned, rows, columns, between, window.top, window.left, self.method == "cubic")
            _kernels.angles(between, out, scale, self.lowest)
        return out


class Lookup(Protocol):
    """Where the pixels of one grid lie on another."""

    @property
    def label(self) -> str:
        """What it does, in words and numbers."""

    @property
    def shape(self) -> Shape:
        """Height and width of the grid whose pixels are looked up."""

    def reach(self, core: Window) -> Window | None:
        """Pixels of the other grid among which all those of a window lie, at the most; None where there are none."""


@dataclass(frozen=True, slots=True)
class Resample:
    """A layer brought to another grid: the mapping of (layer, rows, columns)."""

    lookup: Lookup
    sampling: Sampling
    raster: Shape
    dtype: np.dtype[Any]

    @property
    def label(self) -> str:
        """What it does, in words and numbers."""
        return f"resample {self.sampling} from {self.raster} by {self.lookup.label}"

    @property
    def shape(self) -> Shape:
        """Height and width of the result."""
        return self.lookup.shape

    def dtypes(self, inputs: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
        """That of the layer."""
        return (self.dtype,)

    def windows(self, core: Window) -> Sequence[Window | None]:
        """The layer's pixels within reach, and the positions of the window itself."""
        found = self.lookup.reach(core)
        if found is None:
            return None, None, None
        margin = Halo.square(_REACH[self.sampling.method])
        return found.expanded(margin, within=self.raster), core, core

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        """The layer at the positions."""
        block, rows, columns = arrays
        if block is None or rows is None or columns is None or windows[0] is None:
            return (np.full((core.height, core.width), fill_value(self.dtype), self.dtype),)
        block = np.ascontiguousarray(block, self.dtype)
        return (self.sampling.values(block, (rows, columns), windows[0]),)
