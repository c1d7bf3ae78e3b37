"""The steps behind the validity of pixels, as operators: what each layer says, flat water, growth, masks."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.layers import NODATA_BYTE
from insarfeat.tiling import _kernels
from insarfeat.tiling.causes import CAUSES
from insarfeat.windows import Halo

LAYER = "invalid_causes"

# Layers that hold codes: what each of them but 0 says of the pixel.
_CODES: dict[str, dict[int, int]] = {
    "water": {1: CAUSES["water"]},
    "shadow_layover": {
        1: CAUSES["shadow"],
        2: CAUSES["layover"],
        3: CAUSES["shadow"] | CAUSES["layover"],
    },
    "flow_contamination": dict.fromkeys(range(1, NODATA_BYTE), CAUSES["flow_contamination"]),
}


class Reading(NamedTuple):
    """How a layer is read: by its canonical name; below which value it is too low; whether it is the footprint."""

    layer: str
    below: float | None = None
    footprint: bool = False

    @property
    def arguments(self) -> tuple[Any, ...]:
        """For the kernels: meaning of each code, the limit, and whether numbers are codes."""
        meanings = np.zeros(256, np.uint8)
        codes = {} if self.footprint else _CODES.get(self.layer, {})
        meanings[NODATA_BYTE] = CAUSES["outside_footprint" if self.footprint else "missing"]
        for code, bits in codes.items():
            meanings[code] = bits
        return meanings, -math.inf if self.below is None else self.below, bool(codes)


class FlatWater(NamedTuple):
    """Metres of relief up to which ground is flat, and coherence below which it is water then."""

    relief: float
    below: float


class Growth(NamedTuple):
    """Radii by cause, as pairs."""

    radii: tuple[tuple[str, float], ...]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """For the kernel: the bits, and the half widths of their discs by rows off the centre."""
        bits = np.array([CAUSES[name] for name, _ in self.radii], np.uint8)
        chords = np.zeros((len(self.radii), self.reach + 1), np.int64)
        for row, (_, radius) in zip(chords, self.radii, strict=True):
            # Whole numbers are within a radius if their squares sum up to no more than the whole part of its square.
            square = math.floor(radius * radius)
            for off in range(math.isqrt(square) + 1):
                row[off] = math.isqrt(square - off * off)
        return bits, chords

    @property
    def reach(self) -> int:
        """Of the largest disc."""
        return max(math.isqrt(math.floor(radius * radius)) for _, radius in self.radii)


class Bits(NamedTuple):
    """Bits that must not be set."""

    bits: int


VALID = Operator(
    "insarfeat.tiling.valid",
    {"real": _kernels.valid_real, "complex": _kernels.valid_complex, "mask": _kernels.valid_mask},
    inputs=[Raster("layer", "layer")],
    outputs=[Result("valid_mask", "uint8")],
)
CLEAR = Operator(
    "insarfeat.tiling.clear",
    _kernels.clear,
    inputs=[Raster("flag", "mask")],
    outputs=[Result("valid_mask", "uint8")],
)
BOTH = Operator(
    "insarfeat.tiling.valid_mask",
    _kernels.both,
    inputs=[Raster("one", "mask"), Raster("other", "mask")],
    outputs=[Result("valid_mask", "uint8")],
)
UNSET = Operator(
    "insarfeat.tiling.unset",
    _kernels.unset,
    inputs=[Raster("causes", "mask")],
    outputs=[Result("valid_mask", "uint8")],
    prepare=lambda parameters: (np.uint8(parameters.bits),),
)
CAUSES_OF = Operator(
    "insarfeat.tiling.causes_of",
    {
        "real": _kernels.causes_of_real,
        "complex": _kernels.causes_of_complex,
        "mask": _kernels.causes_of_mask,
    },
    inputs=[Raster("layer", "layer"), Raster("causes", "mask", number=True)],
    outputs=[Result(LAYER, "uint8")],
    prepare=lambda parameters: parameters.arguments,
)
FLAT_WATER = Operator(
    "insarfeat.tiling.flat_water",
    _kernels.flat_water,
    inputs=[Raster("elevation"), Raster("coherence"), Raster("causes", "mask")],
    outputs=[Result(LAYER, "uint8")],
    halo=Halo.square(1),
)
GROWN = Operator(
    "insarfeat.tiling.grown",
    _kernels.grown,
    inputs=[Raster("causes", "mask")],
    outputs=[Result(LAYER, "uint8")],
    halo=lambda growth: Halo.square(growth.reach),
    prepare=lambda parameters: parameters.arguments,
)
