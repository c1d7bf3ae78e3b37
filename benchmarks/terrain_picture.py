"""The picture of the documentation: the four layers of the composite, and their first component, near Davos.

Run as ``python -m benchmarks.terrain_picture --data FOLDER --out docs/terrain.png``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray
from PIL import Image

from benchmarks.terrain_reference import SAMPLES, at_pixel
from insarfeat import terrain
from insarfeat.plot import picture

_WINDOW = {"y": slice(1500, 2150), "x": slice(1250, 1900)}


def layers(data: Path) -> list[xr.DataArray]:
    """The DEM's light, the four layers and their first component, on a window of the Davos tile."""
    davos = SAMPLES[0]
    dem = at_pixel(data / davos.file, davos.epsg)
    twi = terrain.twi(dem)
    found = terrain.attributes(dem, ["hillshade", "slope", "convexity", terrain.Tri("saga")])
    composite = terrain.terrain_pc1(dem, twi=twi)
    return [layer.isel(_WINDOW) for layer in (*found.data_vars.values(), twi, composite)]


def painted(layer: xr.DataArray) -> NDArray[Any]:
    """One picture as pixels."""
    figure = picture(layer)
    figure.set_dpi(75)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def save_page(panels: Sequence[NDArray[Any]], out: Path) -> None:
    """Pictures three to a row, in 256 colours."""
    height, width = (max(panel.shape[axis] for panel in panels) for axis in (0, 1))
    page = np.full((-(-len(panels) // 3) * height, 3 * width, 3), 255, np.uint8)
    for number, panel in enumerate(panels):
        top, left = number // 3 * height, number % 3 * width
        page[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
    small = Image.fromarray(page).quantize(
        256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    )
    small.save(out, optimize=True)


def main() -> None:
    """Draw them, three to a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    save_page([painted(layer) for layer in layers(arguments.data)], arguments.out)


if __name__ == "__main__":
    main()
