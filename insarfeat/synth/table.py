"""The slides of a scene as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from insarfeat.synth.world import View
from insarfeat.windows import Window

SLIDE = "slide"
"""Dimension of the table."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where pixels of the world lie on the map: outer edges of the first pixel, and pixel size."""

    west: float
    north: float
    pixel: float

    @classmethod
    def of(cls, coordinates: Mapping[str, xr.Variable], pixel: float) -> Place:
        """Place of a grid of pixel centres."""
        west, north = (float(coordinates[name].values[0]) for name in ("x", "y"))
        return cls(west - pixel / 2.0, north + pixel / 2.0, pixel)

    def of_part(self, window: Window) -> Place:
        """Place of the first pixel of a window."""
        west, _, _, north = self.box(window)
        return Place(west, north, self.pixel)

    def box(self, window: Window | None) -> tuple[float, float, float, float]:
        """West, south, east and north of a window; NaN where there is none."""
        if window is None:
            return (np.nan,) * 4
        west, north = self.west + window.left * self.pixel, self.north - window.top * self.pixel
        return west, north - window.height * self.pixel, west + window.width * self.pixel, north


def slide_table(
    view: View, raster: npt.NDArray[np.int64], window: Window, place: Place
) -> dict[str, xr.Variable]:
    """Variables along the dimension ``slide``: one entry for each slide and artefact that lies in a window.

    Parameters
    ----------
    view
        Of the window.
    raster
        ``landslide_id`` of the window.
    window
        Pixels of the world.
    place
        Of the world's first pixel on the map.
    """
    outlines = _outlines(raster, place.of_part(window))
    inside = [
        (number, sighting)
        for number, sighting in zip(view.numbers, view.observation.traces.sightings, strict=True)
        if number in outlines or (sighting.box and sighting.box.intersection(window).pixels)
    ]
    boxes = [place.box(sighting.box.intersection(window) if sighting.box else None) for _, sighting in inside]

    def column(values: list[Any], kind: str, long_name: str, units: str = "") -> xr.Variable:
        attributes = {"long_name": long_name, **({"units": units} if units else {})}
        return xr.Variable(SLIDE, np.array(values, dtype=kind), attributes)

    found = [sighting for _, sighting in inside]
    return {
        SLIDE: column([number for number, _ in inside], "int64", "number of the slide, as in landslide_id"),
        "slide_class": column([each.feature.code for each in found], "U2", "class; AR is an artefact"),
        "slide_kind": column([each.kind for each in found], "U10", "how it shows"),
        "slide_speed": column([each.feature.speed for each in found], "float32", "downslope speed", "cm/a"),
        "slide_area": column([each.area for each in found], "float32", "area of the outline", "m2"),
        "slide_visible": column(
            [each.visible for each in found], "float32", "share of the outline that shows", "1"
        ),
        "slide_displacement": column(
            [each.displacement for each in found],
            "float32",
            "largest displacement along the line of sight",
            "m",
        ),
        **{
            f"slide_{side}": column(
                [box[index] for box in boxes], "float64", f"{side} edge of what shows", "m"
            )
            for index, side in enumerate(("west", "south", "east", "north"))
        },
        "slide_outline": column([outlines.get(number, "") for number, _ in inside], "U", "outline, WKT"),
    }


def _outlines(raster: npt.NDArray[np.int64], place: Place) -> dict[int, str]:
    """Outline of each number of a raster as WKT: the rims of its pixels."""
    from rasterio.features import shapes
    from rasterio.transform import Affine

    numbers = np.unique(raster)
    numbers = numbers[numbers > 0]
    # rasterio has no 64-bit rasters: places in the sorted list stand in for the numbers.
    index = np.where(raster > 0, np.searchsorted(numbers, raster) + 1, 0).astype(np.int32)
    transform = Affine(place.pixel, 0.0, place.west, 0.0, -place.pixel, place.north)
    parts: dict[int, list[str]] = {}
    for geometry, value in shapes(index, mask=index > 0, transform=transform):
        rings = ", ".join(
            "(" + ", ".join(f"{x:.2f} {y:.2f}" for x, y in ring) + ")" for ring in geometry["coordinates"]
        )
        parts.setdefault(int(numbers[int(value) - 1]), []).append(f"({rings})")
    return {
        number: f"POLYGON {pieces[0]}" if len(pieces) == 1 else f"MULTIPOLYGON ({', '.join(pieces)})"
        for number, pieces in parts.items()
    }
