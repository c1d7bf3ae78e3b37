"""The picture of the documentation: what an ascending and a descending pass of Sentinel-1 see of the Alps near Davos.

Run as ``python -m benchmarks.geometry_picture --data FOLDER --out docs/geometry.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import xarray as xr

from benchmarks.terrain_picture import painted, save_page
from benchmarks.terrain_reference import SAMPLES, at_pixel
from insarfeat import geometry

_WINDOW = {"y": slice(1500, 2150), "x": slice(1250, 1900)}
_PASSES = {"ascending": -12.0, "descending": -168.0}
_INCIDENCE = 39.0
_COHERENCE = 0.7


def layers(data: Path) -> list[xr.DataArray]:
    """For each pass the slope to line of sight, the sensitivity, and shadow and layover, on a window of the tile.

    There is no coherence to go with the DEM: it is taken to be the same everywhere.
    """
    davos = SAMPLES[0]
    dem = at_pixel(data / davos.file, davos.epsg)
    found = []
    for name, heading in _PASSES.items():
        hidden = geometry.shadow_layover(dem, _INCIDENCE, heading)
        seen = geometry.ground_view(
            dem,
            ["slope_to_los", "sensitivity"],
            geometry.los_from_incidence(_INCIDENCE, heading),
            coherence=_COHERENCE,
            visibility=hidden,
        )
        for layer in (seen["slope_to_los"], seen["sensitivity"], hidden):
            part = layer.isel(_WINDOW)
            part.attrs["long_name"] = f"{part.attrs['long_name']}, {name}"
            found.append(part)
    return found


def main() -> None:
    """Draw them, a pass to a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    save_page([painted(layer) for layer in layers(arguments.data)], arguments.out)


if __name__ == "__main__":
    main()
