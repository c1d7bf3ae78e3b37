"""What an operator says of its inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from insarfeat.errors import InvalidType


class NoParameters(NamedTuple):
    """Parameters of an operator that has none."""


Kind = Literal["real", "complex", "mask"]

_SINGLE: dict[str, np.dtype[Any]] = {
    "real": np.dtype("f4"),
    "complex": np.dtype("c8"),
    "mask": np.dtype("u1"),
}
_DOUBLE: dict[str, np.dtype[Any]] = {
    "real": np.dtype("f8"),
    "complex": np.dtype("c16"),
    "mask": np.dtype("u1"),
}
DOUBLE_CODES = frozenset("dD")


@dataclass(frozen=True, slots=True)
class Raster:
    """An input of an operator.

    ``kind`` is what the kernel works on: "real" (float32 or float64), "complex", "mask" (uint8), "any" of real and
    complex, or "layer", any of the three: uint8 and booleans are masks then. ``number`` allows a single number in
    its place, ``many`` any number of rasters of this kind; it is the only input then. "index" is int32 as one step
    over whole rasters gives it to another.
    """

    name: str
    kind: Literal["real", "complex", "mask", "any", "layer", "index"] = "real"
    number: bool = False
    many: bool = False

    def working_dtype(self, dtype: np.dtype[Any], double: bool) -> np.dtype[Any]:
        """Type that the kernel gets for an input of this dtype; refuses what would lose information."""
        kind: Kind
        if self.kind == "index":
            if dtype.kind != "i" or dtype.itemsize != 4:
                raise InvalidType(f"{self.name} must hold int32; got {dtype}")
            return np.dtype(np.int32)
        if self.kind != "any" and self.kind != "layer":
            kind = self.kind
        elif self.kind == "layer" and dtype in (np.uint8, np.bool_):
            kind = "mask"
        else:
            kind = "complex" if dtype.kind == "c" else "real"
        accepted = {"real": "fiub", "complex": "c", "mask": "biu"}[kind]
        if dtype.kind not in accepted:
            wanted = {"real": "real numbers", "complex": "complex numbers", "mask": "integers or booleans"}[
                kind
            ]
            raise InvalidType(f"{self.name} must hold {wanted}; got {dtype}")
        return (_DOUBLE if double else _SINGLE)[kind]


@dataclass(frozen=True, slots=True)
class Result:
    """An output of an operator.

    ``layer`` is a canonical layer name, or None for the same quantity as the first input. ``dtype`` is "real"
    or "complex" in the inputs' precision, "input" for that of the first input, or a fixed type. ``title`` is what
    the layer's history calls the step where the operator's own name and parameters do not say it well.
    """

    layer: str | None
    dtype: Literal["real", "complex", "input", "uint8", "int32", "int64", "float32", "float64"] = "real"
    title: str | None = None

    def dtype_for(self, first: np.dtype[Any], double: bool) -> np.dtype[Any]:
        """Type of this output."""
        if self.dtype == "input":
            return first
        fixed = (_DOUBLE if double else _SINGLE).get(self.dtype)
        return np.dtype(self.dtype) if fixed is None else fixed
