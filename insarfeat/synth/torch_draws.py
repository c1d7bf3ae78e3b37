"""Batches of synthetic tiles on a GPU: random fields in torch, conditions of many samples side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from insarfeat.synth.fields import Array, Spectrum, Taps, field_of_tile
from insarfeat.synth.style import Conditions
from insarfeat.windows import Window


@dataclass(frozen=True, slots=True)
class TorchDraws:
    """Random fields of a batch of tiles, on the device of a torch generator.

    Attributes
    ----------
    generator
        ``torch.Generator``.
    samples, height, width
        Of the batch.
    pixel
        Metres.
    """

    generator: Any
    samples: int
    height: int
    width: int
    pixel: float

    @property
    def backend(self) -> Any:
        """PyTorch."""
        import torch

        return torch

    def array(self, values: npt.NDArray[Any]) -> Array:
        """Tensor on the generator's device."""
        import torch

        return torch.as_tensor(
            values.copy() if not values.flags.writeable else values, device=self.generator.device
        )

    def spread(self, nodes: Array, down: Taps, across: Taps) -> Array:
        """Nodes spread over pixels, as products of matrices."""
        return self.array(down.matrix()) @ nodes @ self.array(across.matrix()).T

    def field(self, name: str, spectrum: Spectrum | Sequence[Spectrum]) -> Array:
        """Field of mean 0 and variance 1 for each sample, of one spectrum or of one each."""
        return field_of_tile(self, spectrum, self.height, self.width, self.pixel)

    def white(self, name: str, lattice: Window) -> Array:
        """Independent standard normal numbers."""
        import torch

        shape = (self.samples, lattice.height, lattice.width)
        return torch.randn(shape, generator=self.generator, device=self.generator.device)


_NUMBERS = (
    "days",
    "perpendicular",
    "looks",
    "air_deviation",
    "stratified",
    "dem_error",
    "island_limit",
    "stripes",
    "filter_gain",
)


@dataclass(frozen=True, slots=True)
class JointConditions:
    """Conditions of many samples: numbers are tensors (samples, 1, 1) but for those that a batch shares.

    It stands in for :class:`Conditions` wherever layers are computed.
    """

    days: Array
    perpendicular: Array
    looks: Array
    air: tuple[Spectrum, ...]
    air_deviation: Array
    stratified: Array
    dem_error: Array
    island_limit: Array
    stripes: Array
    filter_gain: Array
    grain: float
    ramp: float
    coherence_window: float
    without: frozenset[str]
    each: tuple[Conditions, ...]
    single_look: bool = False

    @classmethod
    def of(cls, draws: TorchDraws, conditions: Sequence[Conditions]) -> JointConditions:
        """Conditions side by side; grain and coherence window are those of the first."""
        numbers = {
            name: draws.array(
                np.array([getattr(each, name) for each in conditions], np.float32)[:, np.newaxis, np.newaxis]
            )
            for name in _NUMBERS
        }
        first = conditions[0]
        return cls(
            **numbers,
            air=tuple(each.air for each in conditions),
            grain=first.grain,
            ramp=first.ramp,
            coherence_window=first.coherence_window,
            without=first.without,
            each=tuple(conditions),
        )

    def of_sample(self, sample: int) -> Conditions:
        """The conditions of one sample."""
        return self.each[sample]

    def has(self, element: str) -> bool:
        """Whether an element is part of the samples."""
        return element not in self.without
