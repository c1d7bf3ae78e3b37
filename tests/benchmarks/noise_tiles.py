"""Tiles of made-up noise."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.tile_figures import Tile


def noise_tile(seed: int, *, group: str = "any", smooth: float = 0.0, level: float = 0.0) -> Tile:
    """Noise without any structure, blurred or with more coherence where asked."""
    rng = np.random.default_rng(seed)
    phase, coherence, brightness = (
        gaussian_filter(rng.standard_normal((32, 32)), smooth).astype(np.float32) for _ in range(3)
    )
    return Tile(0.3 * phase, np.clip(0.5 + level + 0.1 * coherence, 0, 1), np.exp(brightness), group)
