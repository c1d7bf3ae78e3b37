"""A thumbnail's worth of an interferogram: small enough to keep thousands, made of what was read anyway."""

from __future__ import annotations

import base64
import io
import math
import zlib
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from insarfeat.pairs.cells import Cells

_SIDE = 144
_LEVELS = 32  # more would be noise to compress, and no eye tells them apart

Levels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sketch:
    """Phase and coherence in 32 levels, north up where that is known; 0 is nodata."""

    phase: Levels
    coherence: Levels

    @classmethod
    def of(cls, cells: Cells, north_up: tuple[int, int]) -> Self:
        """Draw cells; ``north_up`` are the steps (1 or -1) along rows and columns that bring north up, east right."""
        step = math.ceil(max(cells.shape) / _SIDE)
        starts = [np.arange(0, size, step) for size in cells.shape]

        def summed(values: NDArray[Any]) -> NDArray[Any]:
            return np.asarray(np.add.reduceat(np.add.reduceat(values, starts[0], axis=0), starts[1], axis=1))

        # A steep plane would blur the sums, so it is put back only where they stand.
        middle = [start + 0.5 * (step - 1) for start in starts]
        turns = [
            plane * looks * place
            for plane, looks, place in zip(cells.plane, cells.looks, middle, strict=True)
        ]
        phase = np.angle(summed(cells.phasors) * np.exp(1j * (turns[0][:, np.newaxis] + turns[1])))
        there = summed(cells.valid) > 0
        known = summed(cells.coherent)
        with np.errstate(invalid="ignore", divide="ignore"):
            coherence = summed(cells.coherence) / known
        turned = slice(None, None, north_up[0]), slice(None, None, north_up[1])
        return cls(
            np.where(there, _levels(0.5 + phase / (2 * math.pi)), 0)[turned].astype(np.uint8),
            np.where(known > 0, _levels(np.nan_to_num(coherence)), 0)[turned].astype(np.uint8),
        )

    def packed(self) -> dict[str, Any]:
        """As text, for JSON."""
        both = np.stack([self.phase, self.coherence])
        return {
            "shape": list(both.shape[1:]),
            "levels": base64.b64encode(zlib.compress(both.tobytes())).decode("ascii"),
        }

    @classmethod
    def unpacked(cls, packed: dict[str, Any]) -> Self:
        """What :meth:`packed` has put away."""
        levels = np.frombuffer(zlib.decompress(base64.b64decode(packed["levels"])), np.uint8)
        phase, coherence = levels.reshape(2, *packed["shape"])
        return cls(phase, coherence)

    def png(self, layer: str) -> bytes:
        """One of the two, "wrapped_phase" or "coherence", as a PNG in the colours of :mod:`insarfeat.plot`."""
        from PIL import Image

        levels = self.phase if layer == "wrapped_phase" else self.coherence
        image = Image.fromarray(np.ascontiguousarray(levels))
        image.putpalette(_palette(layer))
        packed = io.BytesIO()
        image.save(packed, format="png", optimize=True)
        return packed.getvalue()


def _levels(share: NDArray[Any]) -> NDArray[Any]:
    """Levels from 1 for values from 0 to 1."""
    return np.asarray(1 + np.clip(np.floor(share * _LEVELS), 0, _LEVELS - 1))


def _palette(layer: str) -> bytes:
    """Red, green and blue of nodata and of each level."""
    import xarray as xr

    from insarfeat.plot._paint import paint
    from insarfeat.plot._style import style_of

    middle = (np.arange(_LEVELS) + 0.5) / _LEVELS
    values = np.concatenate([[np.nan], (2 * middle - 1) * math.pi if layer == "wrapped_phase" else middle])[
        np.newaxis
    ]
    colours = paint(values, style_of(xr.DataArray(values, dims=("y", "x"), name=layer)), None).colours
    return bytes(np.round(255 * colours[0]).astype(np.uint8).tobytes())
