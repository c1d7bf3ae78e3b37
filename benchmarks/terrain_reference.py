"""The composite that ships with the package: fitted on real mountain DEMs, all brought to one pixel size.

Run as ``python -m benchmarks.terrain_reference --data FOLDER --out FILE``, with the FILE
``insarfeat/terrain/composites/reference-15m-v1.json``.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import Resampling, calculate_default_transform, reproject
from scipy.ndimage import minimum_filter

import insarfeat
from insarfeat import terrain
from insarfeat.terrain.components import composite_of
from insarfeat.terrain.moments import Moments

Array = NDArray[np.float32]

PIXEL = 15.0
LAYERS = (terrain.Slope(), terrain.Convexity(radius=10), terrain.Tri("saga"))
NAMES = ("slope", "convexity", "tri", "twi")
_FRAME = 40  # pixels at edges and voids whose catchments are not known


@dataclass(frozen=True, slots=True)
class Sample:
    """A DEM to fit on: its file in the folder of samples, and the projected CRS it is brought to."""

    name: str
    file: str
    epsg: int


# Of the samples, those that show relief at about this pixel size: in 90 m DEMs it is interpolated (convexity then
# varies twice as much), stereo from ASTER is noise at this scale, and the lidar tiles are too small for catchments.
SAMPLES = (
    Sample("Alps around Davos, SRTM 1 arc-second", "dem_davos_srtm1/davos_srtm1_epsg4326.tif", 32632),
    Sample("San Gabriel Mountains, SRTM 30 m", "dem_bigtujunga_srtm1/bigtujunga_utm11_30m.tif", 32611),
)


def at_pixel(path: Path, epsg: int) -> xr.DataArray:
    """A DEM on square pixels of a projected CRS; NaN where it has no data."""
    with rasterio.open(path) as opened:
        height = opened.read(1, masked=True).astype(np.float32).filled(np.nan)
        target = CRS.from_epsg(epsg)
        transform, width, rows = calculate_default_transform(
            opened.crs, target, opened.width, opened.height, *opened.bounds, resolution=PIXEL
        )
        out = np.full((rows, width), np.nan, np.float32)
        reproject(
            height,
            out,
            src_transform=opened.transform,
            src_crs=opened.crs,
            dst_transform=transform,
            dst_crs=target,
            src_nodata=np.nan,
            dst_nodata=np.nan,
            resampling=Resampling.cubic,
        )
    coords = {
        "y": transform.f + transform.e * (np.arange(rows) + 0.5),
        "x": transform.c + transform.a * (np.arange(width) + 0.5),
        "spatial_ref": ((), 0, {"crs_wkt": target.to_wkt()}),
    }
    return xr.DataArray(out, coords, ("y", "x"), name="elevation")


def layers_of(dem: Array) -> list[Array]:
    """The four layers, without the pixels near edges and voids."""
    found = terrain.attributes(dem, LAYERS, resolution=PIXEL)
    inside = minimum_filter(~np.isnan(dem), 2 * _FRAME + 1, mode="constant")
    twi = np.where(inside, terrain.twi(dem, resolution=PIXEL), np.float32(np.nan))
    return [found["slope"], found["convexity"], found["tri"], twi]


def weighted(moments: Moments, share: int) -> Moments:
    """Moments of one DEM as if it had so many pixels, so that no DEM outvotes the others by its size."""
    return replace(moments, count=share, products=moments.products * (share / moments.count))


def main() -> None:
    """Fit, print what each DEM alone would give, and write the composite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    gathered, inputs = [], []
    for sample in SAMPLES:
        path = arguments.data / sample.file
        found = Moments.of(layers_of(at_pixel(path, sample.epsg).values))
        alone = composite_of(NAMES, found, 1)
        print(f"{sample.name}: {found.count} pixels, share {alone.shares[0]:.3f}")
        for name, loading, mean, scale in zip(
            NAMES, alone.loadings[0], alone.means, alone.scales, strict=True
        ):
            print(f"  {name:10s} loading {loading:6.3f}  mean {mean:8.3f}  deviation {scale:8.3f}")
        gathered.append(found)
        inputs.append(
            {
                "name": sample.name,
                "file": sample.file,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "epsg": sample.epsg,
                "pixels": found.count,
                "loadings": [round(loading, 4) for loading in alone.loadings[0]],
            }
        )
    least = min(found.count for found in gathered)
    together = composite_of(
        NAMES, reduce(Moments.merged, [weighted(found, least) for found in gathered]), len(NAMES)
    )
    source = {
        "made": datetime.now(UTC).date().isoformat(),
        "by": "python -m benchmarks.terrain_reference",
        "insarfeat": insarfeat.__version__,
        "pixel": PIXEL,
        "layers": "slope (Zevenbergen-Thorne, degrees), convexity (radius 10, four neighbours, percent), "
        "tri (SAGA's, m), twi (multiple flow directions, specific catchment area in m, slope of the filled DEM)",
        "weights": "each DEM counts the same",
        "inputs": inputs,
    }
    named = replace(together, title=arguments.out.stem, source=source)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    named.save(arguments.out)
    print(
        "together:",
        *(f"{n} {v:.3f}" for n, v in zip(NAMES, named.loadings[0], strict=True)),
        f"share {named.shares[0]:.3f}",
    )


if __name__ == "__main__":
    main()
