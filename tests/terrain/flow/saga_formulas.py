"""What SAGA 8.5 computes of flow, specific catchment area and wetness, in NumPy and float64: short and slow.

Found by experiment on ``saga_cmd`` 8.5 and checked against it. A DEM is in metres, has north in its first row and NaN
where it has no data; ``size`` is the side of a square cell in metres. SAGA fills and routes nothing: it takes the DEM
as it comes, water stops in pits and on flats, and a neighbour beyond the edge or without data counts as missing.
"""

from __future__ import annotations

import heapq
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Method = Literal["d8", "mfd", "aspect"]

# Neighbours as (rows down, columns right), clockwise from north; SAGA looks at them in this order.
ALL = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
STEPS = np.hypot(*np.transpose(ALL))[:, None, None]

CONVERGENCE = 1.1
SUCTION = 10.0
OFFSET = np.radians(0.1)

# Slopes below this tangent count as this: else nothing would bound the wetness of level ground.
LEVEL = 1e-3


class Wetness(NamedTuple):
    """Catchment area in m2, catchment slope in radians, modified catchment area in m2, and the index."""

    area: Array
    slope: Array
    modified: Array
    index: Array  # type: ignore[assignment]  # tuples have a method of this name, which nobody needs


def mfd_accumulation(dem: ArrayLike, size: float, lost: bool = True) -> Array:
    """Catchment areas in m2, the cell's own included, by the shares of :func:`mfd_shares`."""
    z = np.asarray(dem, np.float64)
    cells = np.where(np.isnan(z), np.nan, 1.0)
    return accumulated(z, mfd_shares(z, size, lost), cells) * size**2


def mfd_shares(dem: ArrayLike, size: float, lost: bool = True) -> Array:
    """Of the water of each cell the share that each of its 8 neighbours gets, (tan b)^1.1 over the sum of the same.

    A missing neighbour is mirrored through the cell: it is as much lower as the one across is higher. If that makes
    it lower, it takes its share, and that water is gone. Not SAGA's, but the plain way of it, is ``lost=False``.
    """
    drops = -differences(np.asarray(dem, np.float64))
    if lost:
        across = np.roll(drops, 4, axis=0)
        drops = np.where(np.isnan(drops), -across, drops)
    return parts((np.where(drops > 0, drops, 0) / (STEPS * size)) ** CONVERGENCE)


def angle_shares(dem: ArrayLike, size: float) -> Array:
    """The shares in SAGA's wetness index: the angle b^1.1 instead of its tangent, and no mirrored neighbours."""
    drops = -differences(np.asarray(dem, np.float64))
    return parts(np.arctan(np.where(drops > 0, drops, 0) / (STEPS * size)) ** CONVERGENCE)


def parts(weights: Array) -> Array:
    total = weights.sum(axis=0)
    shares: Array = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return shares


def accumulated(dem: Array, shares: Array, own: Array) -> Array:
    """What each cell has of its own and gets from the cells above it, from the highest one down."""
    total = own.copy()
    height, width = dem.shape
    for cell in np.argsort(-dem, axis=None, kind="stable"):
        row, column = divmod(int(cell), width)
        water = total[row, column]
        for share, (down, right) in zip(shares[:, row, column], ALL, strict=True):
            if share > 0 and 0 <= row + down < height and 0 <= column + right < width:
                total[row + down, column + right] += share * water
    return total


def flow_width(dem: ArrayLike, size: float, method: Method) -> Array:
    """How wide the water leaves a cell, in metres; NaN where it does not.

    d8: size towards a direct neighbour, sqrt(2) size towards a diagonal one; the steepest way, the first on ties;
    NaN too wherever any of the 8 neighbours is missing. mfd: the sum, over all lower neighbours that are there, of
    size / 2, or size / (2 sqrt 2) for a diagonal one. aspect: (abs(sin) + abs(cos)) size of the direction of the
    gradient; on level ground SAGA takes the sine and cosine of -1 radian, its mark for no direction.
    """
    z = np.asarray(dem, np.float64)
    if method == "aspect":
        south, west = gradient(z, size)
        steepness = np.hypot(south, west)
        level = abs(np.sin(1)) + abs(np.cos(1))
        spread = np.divide(
            abs(south) + abs(west), steepness, out=np.full(z.shape, level), where=steepness > 0
        )
        return np.where(np.isnan(z), np.nan, spread * size)
    drops = -differences(z)
    if method == "mfd":
        width = np.where(drops > 0, size / (2 * STEPS), 0).sum(axis=0)
        return np.where(width > 0, width, np.nan)
    tangents = drops / (STEPS * size)
    whole = ~np.isnan(drops).any(axis=0)
    steepest = np.where(whole, tangents, -1).argmax(axis=0)
    return np.where(whole & (drops > 0).any(axis=0), STEPS[steepest, 0, 0] * size, np.nan)


def specific_catchment_area(dem: ArrayLike, accumulation: ArrayLike, size: float, method: Method) -> Array:
    """Catchment area in m2 over the width of flow, in m; NaN where there is no width, as in pits."""
    return np.asarray(accumulation, np.float64) / flow_width(dem, size, method)


def twi(sca: ArrayLike, slope_radians: ArrayLike) -> Array:
    """ln(specific catchment area / tan(slope)), the tangent at least 0.001."""
    tangent = np.maximum(np.tan(np.asarray(slope_radians, np.float64)), LEVEL)
    return np.log(np.asarray(sca, np.float64) / tangent)


def wetness_index(dem: ArrayLike, size: float) -> Wetness:
    """SAGA's wetness index with its default choices: see its parts below."""
    z = np.asarray(dem, np.float64)
    valid = ~np.isnan(z)
    shares = angle_shares(z, size)
    cells = accumulated(z, shares, np.where(valid, 1.0, np.nan))
    local = np.where(valid, np.arctan(np.hypot(*gradient(z, size))), np.nan)
    slope = accumulated(z, shares, local) / cells
    area = cells * size**2
    modified = smoothed(area, drawn(area, suction(local)))
    return Wetness(area, slope, modified, np.log(modified / size / np.tan(slope + OFFSET)))


def suction(slope_radians: Array) -> Array:
    """What a cell draws of its neighbours' catchment area: t^-exp(t), t = 10^slope; 1 on level ground."""
    steepness = SUCTION**slope_radians
    return steepness ** -np.exp(steepness)


def drawn(area: Array, suction: Array) -> Array:
    """The smallest areas that are at least the given ones and at least suction times any neighbour's.

    No suction is above 1, so the largest area is final, and then the largest of what it leaves, and so on.
    """
    height, width = area.shape
    result = area.copy()
    waiting = [(-value, cell) for cell, value in enumerate(area.ravel()) if not np.isnan(value)]
    heapq.heapify(waiting)
    while waiting:
        negative, cell = heapq.heappop(waiting)
        row, column = divmod(cell, width)
        if -negative < result[row, column]:
            continue
        for down, right in ALL:
            y, x = row + down, column + right
            if 0 <= y < height and 0 <= x < width and suction[y, x] * -negative > result[y, x]:
                result[y, x] = suction[y, x] * -negative
                heapq.heappush(waiting, (-result[y, x], y * width + x))
    return result


def smoothed(area: Array, drawn: Array) -> Array:
    """The mean over the 3 x 3 cells, as far as they are valid, wherever one of them was raised; else as it was."""
    around = np.concatenate([drawn[None], neighbours(drawn)])
    count = np.maximum((~np.isnan(around)).sum(axis=0), 1)
    raised = drawn > area
    near = raised | (neighbours(raised.astype(np.float64)) == 1).any(axis=0)
    mean = np.nansum(around, axis=0) / count
    return np.where(np.isnan(area), np.nan, np.where(near, mean, drawn))


def gradient(dem: Array, size: float) -> tuple[Array, Array]:
    """Downwards to the south and to the west, by central differences; a missing neighbour is mirrored, or level."""
    rises = differences(dem)
    rises = np.nan_to_num(np.where(np.isnan(rises), -np.roll(rises, 4, axis=0), rises))
    north, east, south, west = rises[::2]
    return (north - south) / (2 * size), (east - west) / (2 * size)


def differences(dem: Array) -> Array:
    """Neighbour minus cell, for all 8; NaN where either is missing."""
    return neighbours(dem) - dem


def neighbours(raster: Array) -> Array:
    height, width = raster.shape
    padded = np.pad(raster, 1, constant_values=np.nan)
    return np.stack([padded[1 + down :, 1 + right :][:height, :width] for down, right in ALL])
