"""Images to measure on."""

from __future__ import annotations

import numpy as np

from benchmarks import peers
from benchmarks.peers import Array


def radar_pair(size: int) -> tuple[Array, ...]:
    """Make two acquisitions of one scene: speckle with a common part and a fringe every 64 pixels."""
    generator = np.random.default_rng(0)
    speckle = generator.standard_normal((3, size, 2 * size), np.float32).view(np.complex64)
    common, primary, secondary = speckle
    fringes = np.exp(2j * np.pi * np.arange(size) / 64).astype(np.complex64)
    return common + primary, common * fringes + secondary


def interferogram(size: int) -> tuple[Array, ...]:
    """Make the interferogram of the radar pair."""
    return (peers.numpy_interferogram(*radar_pair(size)),)
