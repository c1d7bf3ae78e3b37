"""Networks whose outputs are what a person asks for: for programs that know nothing of logits and anchors."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from zoo.networks.yolo import decode

_SUREST = 1e-7


class Masks(nn.Module):
    """Raw bands to calibrated probabilities.

    Parameters
    ----------
    network
        A stem and a network.
    temperature
        Logits are divided by it.
    """

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self._temperature = temperature

    def forward(self, raw: Tensor) -> Tensor:
        """Raw bands (n, bands, y, x) to probabilities (n, classes, y, x)."""
        logits: Tensor = self.network(raw)
        return (logits / self._temperature).sigmoid()


class Boxes(nn.Module):
    """Raw bands to candidates with calibrated scores; arguments as those of :class:`Masks`."""

    def __init__(self, network: Any, temperature: float) -> None:
        super().__init__()
        self.network = network
        self._anchors, self._strides = network[1].anchors, network[1].strides
        self._temperature = temperature

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Raw bands (n, bands, y, x) to boxes (n, m, 4) and scores (n, m, classes)."""
        found = decode(self.network(raw), self._anchors, self._strides)
        scores = found.objectness[..., None] * found.class_probability
        if self._temperature != 1.0:
            inside = scores.clamp(_SUREST, 1.0 - _SUREST)
            scores = ((inside / (1.0 - inside)).log() / self._temperature).sigmoid()
        return found.boxes, scores
