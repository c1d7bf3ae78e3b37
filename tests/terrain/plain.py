"""What each terrain layer is, in NumPy and float64: short, slow, checked against SAGA 8.5 and GDAL 3.6.

A DEM is in metres, has north in its first row, and NaN where it has no data. ``resolution`` is (dy, dx) or one number
for both; either may be an array that broadcasts over the DEM, where the size of a pixel changes from row to row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Resolution = float | tuple[ArrayLike, ArrayLike]
Method = Literal["zevenbergen-thorne", "horn", "evans"]
Curvature = Literal["general", "profile", "plan", "tangential"]
Variant = Literal["textbook", "saga"]
Ruggedness = Literal["riley", "wilson", "saga"]
Kernel = Literal["four", "eight", "eight-weighted"]
Window = Literal["square", "disc"]

# The weights of the rows north of, through and south of the cell: (side, 1 - 2 side, side), side = 0, 1/4 or 1/3.
# They are in twelfths, so that what cancels in whole metres cancels to 0: no slope may hang on the rounding of 1/3.
TWELFTHS = {"zevenbergen-thorne": (0, 12, 0), "horn": (3, 6, 3), "evans": (4, 4, 4)}

# Neighbours as (rows down, columns right), clockwise from north.
ALL = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]
CROSS, DIAGONAL = ALL[::2], ALL[1::2]


class Derivatives(NamedTuple):
    """Of elevation: p by x (east), q by y (north), r by x twice, s by x and y, t by y twice."""

    p: Array
    q: Array
    r: Array
    s: Array
    t: Array


def shifted(raster: Array, down: int, right: int) -> Array:
    """At every cell the value of the one so many rows down and columns right, NaN beyond the edge."""
    height, width = raster.shape
    reach = max(abs(down), abs(right))
    padded = np.pad(raster, reach, constant_values=np.nan)
    return padded[reach + down : reach + down + height, reach + right : reach + right + width]


def difference(dem: Array, down: int, right: int) -> Array:
    """Neighbour minus cell. A missing one is mirrored through the centre; if its opposite is missing too, 0."""
    there = shifted(dem, down, right) - dem
    opposite = shifted(dem, -down, -right) - dem
    return _within(dem, np.nan_to_num(np.where(np.isnan(there), -opposite, there)))


def derivatives(dem: ArrayLike, resolution: Resolution, method: Method = "zevenbergen-thorne") -> Derivatives:
    z, (dy, dx) = _float(dem), _pair(resolution)
    along_x, bend_x, along_y, bend_y = (np.zeros(z.shape) for _ in range(4))
    for side, twelfths in zip((-1, 0, 1), TWELFTHS[method], strict=True):
        west, middle, east = (difference(z, side, right) for right in (-1, 0, 1))
        along_x += twelfths * (east - west)
        bend_x += twelfths * (east - 2 * middle + west)
        north, middle, south = (difference(z, down, side) for down in (-1, 0, 1))
        along_y += twelfths * (north - south)
        bend_y += twelfths * (north - 2 * middle + south)
    northwest, northeast, southeast, southwest = (
        difference(z, down, right) for down, right in ((-1, -1), (-1, 1), (1, 1), (1, -1))
    )
    return Derivatives(
        p=along_x / (12 * 2 * dx),
        q=along_y / (12 * 2 * dy),
        r=bend_x / (12 * dx**2),
        s=(northeast + southwest - northwest - southeast) / (4 * dx * dy),
        t=bend_y / (12 * dy**2),
    )


def slope(dem: ArrayLike, resolution: Resolution, method: Method = "zevenbergen-thorne") -> Array:
    """In degrees."""
    p, q, *_ = derivatives(dem, resolution, method)
    return np.degrees(np.arctan(np.hypot(p, q)))


def aspect(dem: ArrayLike, resolution: Resolution, method: Method = "zevenbergen-thorne") -> Array:
    """The direction downslope in degrees clockwise from north, from 0 to below 360; NaN where flat."""
    p, q, *_ = derivatives(dem, resolution, method)
    degrees = np.degrees(np.arctan2(-p, -q)) % 360
    degrees[degrees == 360] = 0  # what % makes of an angle just below 0
    degrees[(p == 0) & (q == 0)] = np.nan
    return degrees


def curvature(
    kind: Curvature,
    dem: ArrayLike,
    resolution: Resolution,
    method: Method = "zevenbergen-thorne",
    variant: Variant = "textbook",
) -> Array:
    """In 1/m, positive where convex; 0 where flat, but for the textbook's general one, which has no direction.

    SAGA has half of r and t, but all of s, wherever a direction is needed; its general one is halved nowhere.
    """
    p, q, r, s, t = derivatives(dem, resolution, method)
    g2 = p**2 + q**2
    if kind == "general":
        return np.where((g2 == 0) & (variant == "saga"), 0.0, -(r + t))
    if variant == "saga":
        r, t = r / 2, t / 2
    along = r * p**2 + 2 * s * p * q + t * q**2
    across = t * p**2 - 2 * s * p * q + r * q**2
    with np.errstate(invalid="ignore"):
        out = {
            "profile": -along / (g2 * (1 + g2) ** 1.5),
            "plan": -across / g2**1.5,
            "tangential": -across / (g2 * np.sqrt(1 + g2)),
        }[kind]
    return np.where(g2 == 0, 0.0, out)


def ruggedness(dem: ArrayLike, variant: Ruggedness = "riley") -> Array:
    """SAGA's is over the cells there are, the centre one of them; the others mirror what is missing."""
    z = _float(dem)
    if variant == "saga":
        there = [shifted(z, *step) - z for step in CROSS]
        squares, neighbours = np.nansum(np.square(there), axis=0), np.sum(~np.isnan(there), axis=0)
        return _within(z, np.sqrt(squares / (1 + neighbours)))
    eight = [difference(z, *step) for step in ALL]
    if variant == "wilson":
        return _float(np.mean(np.abs(eight), axis=0))
    return _float(np.sqrt(np.sum(np.square(eight), axis=0)))


def convex(dem: ArrayLike, kernel: Kernel = "four", variant: Variant = "textbook") -> NDArray[np.bool_]:
    """Where the cell is above its neighbours' mean; a missing neighbour counts as level with it.

    Diagonal neighbours weigh 0, 1 or 1 / sqrt 2. SAGA sums term by term; with that last weight the sum is not 0 on a
    plane of whole metres, where its flags are rounding. The textbook sums straight and diagonal ones apart, exactly.
    """
    z = _float(dem)
    weight = {"four": 0.0, "eight": 1.0, "eight-weighted": 1 / np.sqrt(2)}[kernel]
    above = np.zeros(z.shape)
    if variant == "saga":
        weights = [1.0, weight] * 4
        above = sum(weights) * z
        for step, of_step in zip(ALL, weights, strict=True):
            there = shifted(z, *step)
            above -= of_step * np.where(np.isnan(there), z, there)
    else:
        for steps, of_steps in ((CROSS, 1.0), (DIAGONAL, weight)):
            above += of_steps * np.sum([np.nan_to_num(z - shifted(z, *step)) for step in steps], axis=0)
    return np.asarray(~np.isnan(z) & (above > 0))


def convexity(
    dem: ArrayLike, radius: int = 10, kernel: Kernel = "four", variant: Variant = "textbook"
) -> Array:
    """Convex cells in percent of the valid ones of a disc, the centre one of them."""
    z = _float(dem)
    flags = _within(z, convex(z, kernel, variant).astype(float))
    hits, valid = np.zeros(z.shape), np.zeros(z.shape)
    for step in _steps(radius, "disc"):
        there = shifted(flags, *step)
        hits += np.nan_to_num(there)
        valid += ~np.isnan(there)
    return _within(z, 100 * hits / np.maximum(valid, 1))


def relief(dem: ArrayLike, radius: int = 1) -> Array:
    """Highest minus lowest valid cell of a square window; with radius 1 this is GDAL's roughness."""
    z = _float(dem)
    highest, lowest = z, z
    for step in _steps(radius, "square"):
        highest, lowest = np.fmax(highest, shifted(z, *step)), np.fmin(lowest, shifted(z, *step))
    return _within(z, highest - lowest)


def position(
    dem: ArrayLike, radius: int = 1, window: Window = "square", variant: Variant = "textbook"
) -> Array:
    """The cell minus the mean of the other valid ones, 0 if it is alone. SAGA's mean is of a disc, cell included."""
    z = _float(dem)
    total, valid = np.zeros(z.shape), np.zeros(z.shape)
    for step in _steps(radius, window):
        if step != (0, 0) or variant == "saga":
            there = shifted(z, *step) - z
            total += np.nan_to_num(there)
            valid += ~np.isnan(there)
    return _within(z, -total / np.maximum(valid, 1))


def hillshade(
    dem: ArrayLike,
    resolution: Resolution,
    azimuth: float = 315.0,
    altitude: float = 45.0,
    method: Method = "horn",
) -> Array:
    """Cosine of the angle between the ground's normal and the sun, 0 where it turns away. GDAL's is 1 + 254 of it."""
    p, q, *_ = derivatives(dem, resolution, method)
    around, up = np.radians(azimuth), np.radians(altitude)
    east, north = np.sin(around) * np.cos(up), np.cos(around) * np.cos(up)
    cosine = (np.sin(up) - p * east - q * north) / np.sqrt(1 + p**2 + q**2)
    return _float(np.maximum(cosine, 0))


def _steps(radius: int, window: Window) -> Iterator[tuple[int, int]]:
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            if window == "square" or down**2 + right**2 <= radius**2:
                yield down, right


def _float(dem: ArrayLike) -> Array:
    return np.asarray(dem, np.float64)


def _pair(resolution: Resolution) -> tuple[Array, Array]:
    dy, dx = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    return _float(dy), _float(dx)


def _within(dem: Array, raster: Array) -> Array:
    return np.where(np.isnan(dem), np.nan, raster)
