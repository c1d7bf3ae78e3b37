"""Models that take a moment to make: weights by chance, or networks whose answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from zoo.description import Band, ModelDescription
from zoo.weights import save_weights

PIXEL = 15.0
CRS = "EPSG:32632"

PHASE = Band(name="wrapped_phase", role="phase")
COHERENCE = Band(name="coherence", centre=0.5, scale=0.3)
ELEVATION = Band(name="elevation", role="elevation", scale=0.3, required=False)

MASKS = ModelDescription(
    name="small-masks",
    task="masks",
    architecture="segformer-b0",
    bands=(PHASE, COHERENCE, ELEVATION),
    classes=("landslide",),
    pixel=PIXEL,
    least_pixel=10.0,
    largest_pixel=20.0,
    patch=64,
    threshold=0.5,
    seed=3,
)

BOXES = ModelDescription(
    name="small-boxes",
    task="boxes",
    architecture="yolo-v3",
    options={"width": 0.125, "depth": 0.1},
    bands=(PHASE, COHERENCE),
    classes=("CF", "RG"),
    pixel=PIXEL,
    least_pixel=10.0,
    largest_pixel=20.0,
    patch=160,
    threshold=0.1,
)


def written(description: ModelDescription, folder: Path, seed: int = 0) -> Path:
    """A weight file with numbers by chance."""
    import torch

    from zoo.networks.assembly import assembled

    torch.manual_seed(seed)
    network = assembled(description)
    return save_weights(folder / f"{description.name}.safetensors", network.state_dict(), description)


def stack(
    rows: int, columns: int, seed: int = 0, top: float = 5_100_000.0, left: float = 600_000.0
) -> xr.Dataset:
    """Bands by chance, smooth enough to be of use to a network, on a map."""
    from scipy.ndimage import gaussian_filter

    from insarfeat.geometry import map_grid
    from insarfeat.geometry.maps import map_named

    rng = np.random.default_rng(seed)
    grid = map_named(map_grid((left, top - rows * PIXEL, left + columns * PIXEL, top), CRS, resolution=PIXEL))

    def field(sigma: float) -> Any:
        smooth = gaussian_filter(rng.normal(size=(rows, columns)), sigma)
        return (smooth / smooth.std()).astype("f4")

    phase = np.angle(np.exp(1j * 3 * field(6.0))).astype("f4")
    layers = {
        "wrapped_phase": phase,
        "coherence": np.clip(0.5 + 0.2 * field(3.0), 0, 1).astype("f4"),
        "elevation": 500 + 100 * field(20.0),
    }
    return xr.Dataset({name: (grid.dims, values) for name, values in layers.items()}, grid.coords)
