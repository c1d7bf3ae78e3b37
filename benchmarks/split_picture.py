"""The picture of docs/splits.md: patches of synthetic scenes with 50 % overlap, split by blocks, with their buffers.

``python -m benchmarks.split_picture --out docs/splits.png``: a minute.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

import insarfeat
from insarfeat import tiling

SIDE, SIZE, STRIDE, SLIDES = 3000, 160, 80, 120


def draw(work: Path) -> bytes:
    """Patches over mountains with slides at random, in two pairs."""
    random = np.random.default_rng(5)
    height = insarfeat.synth.scene(seed=2, size=1000)["elevation"].values
    ground = np.kron(height, np.ones((3, 3), np.float32))
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for top, left, rows, columns in random.integers((0, 0, 8, 8), (SIDE, SIDE, 60, 60), (SLIDES, 4)):
        labels[top : top + rows, left : left + columns] = 1
    coords = {
        "y": 5.1e6 - 15.0 * np.arange(SIDE),
        "x": 6e5 + 15.0 * np.arange(SIDE),
        "spatial_ref": insarfeat.synth.scene(seed=2, size=64)["spatial_ref"],
    }
    import xarray as xr

    layers = {"elevation": (("y", "x"), ground), "landslide": (("y", "x"), labels)}
    scene = xr.Dataset(layers, coords)
    pairs = {"first": scene, "second": scene}
    patches = tiling.extract_patches(pairs, work / "patches", size=SIZE, stride=STRIDE)
    parts = tiling.split(patches, by="block")
    print(parts, tiling.leaks(parts, buffer=parts.buffer), sep="\n\n")
    return insarfeat.plot.png(insarfeat.plot.split_map(parts), dpi=110)


def main() -> None:
    """Draw, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        arguments.out.write_bytes(draw(Path(folder)))


if __name__ == "__main__":
    main()
