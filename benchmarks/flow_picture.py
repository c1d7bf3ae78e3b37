"""The picture of the documentation: water near Davos.

Run as ``python -m benchmarks.flow_picture --data FOLDER --out docs/flow.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import xarray as xr

from benchmarks.terrain_picture import painted, save_page
from benchmarks.terrain_reference import SAMPLES, at_pixel
from insarfeat import terrain

_WINDOW = {"y": slice(1500, 2150), "x": slice(1250, 1900)}


def layers(data: Path) -> list[xr.DataArray]:
    """Computed on the whole DEM, shown on a window of it; what reaches in from beyond the DEM on all of it."""
    davos = SAMPLES[0]
    dem = at_pixel(data / davos.file, davos.epsg)
    upslope = terrain.flow_accumulation(dem)
    log = upslope.copy(data=np.log10(upslope.values)).rename("upslope")
    log.attrs = {"long_name": "cells upslope, powers of ten", "units": "1"}
    found = [
        terrain.hillshade(dem),
        log,
        terrain.streams(dem, cells=3000),
        terrain.twi(dem),
        terrain.wetness_index(dem),
    ]
    outside = terrain.flow_contamination(dem).isel(y=slice(None, None, 6), x=slice(None, None, 6))
    return [*(layer.isel(_WINDOW) for layer in found), outside]


def main() -> None:
    """Draw them, three to a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    save_page([painted(layer) for layer in layers(arguments.data)], arguments.out)


if __name__ == "__main__":
    main()
