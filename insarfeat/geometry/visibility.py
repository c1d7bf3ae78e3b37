"""What the radar cannot see, and what it sees in one place: shadow and layover."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import Operator, Raster, Reduction, Result
from insarfeat.errors import InvalidArgument, check_choice
from insarfeat.geometry._kernels import sweep as _kernels
from insarfeat.geometry.arguments import Look, side_of
from insarfeat.geometry.plausible import check_viewing
from insarfeat.metrics import Metrics, North, Resolution
from insarfeat.windows import Halo

Array = NDArray[Any]

_NORTHS = get_args(North)

# Walks go on a little beyond where ground can last matter, so that rounding never decides at their end.
_BEYOND = 1 + 1e-6
# Less than this of a row or column is none; the kernel tells them apart by twice as much.
_HARDLY = 5e-7
# Elevations, and what is added to them, are rounded by a few times 6e-8 of themselves at most.
_ROUNDING = 4e-6


class _Range(NamedTuple):
    """Smallest and largest of what was met; the wrong way round where there was nothing."""

    low: float = math.inf
    high: float = -math.inf

    @property
    def spread(self) -> float:
        return max(self.high - self.low, 0.0)

    def joined(self, other: _Range) -> _Range:
        return _Range(min(self.low, other.low), max(self.high, other.high))


class _Surveyed(NamedTuple):
    """What is known of whole rasters: elevations, incidences and headings.

    Headings are kept as they came and in two turns, from 0 to 360 and from -180 to 180: those about north have a
    narrow range in the one, those about south in the other.
    """

    elevation: _Range
    incidence: _Range
    heading: _Range
    of_one_turn: _Range
    of_other_turn: _Range


class _Request(NamedTuple):
    look: Look
    north: North
    relief: float = 0.0  # metres
    highest: float = 0.0  # elevation farthest from 0, metres
    incidence: _Range = _Range()
    heading: _Range = _Range()  # within one turn
    steady: bool = True  # whether one heading holds all over

    @property
    def side(self) -> float:
        """Azimuth of the radar, from the heading."""
        return -90.0 * side_of(self.look)

    @property
    def shadow(self) -> float:
        """Farthest that anything can throw its shadow, metres."""
        return self.relief and self.relief * math.tan(math.radians(self.incidence.high)) * _BEYOND

    @property
    def layover(self) -> float:
        """Farthest that ground can lie from other ground at the same slant range, metres."""
        return self.relief and self.relief / math.tan(math.radians(self.incidence.low)) * _BEYOND


def _gather(dem: Array, incidence: Array, heading: Array) -> _Surveyed:
    headings = _numbers(heading)
    return _Surveyed(
        _Range(*_kernels.extremes(_numbers(dem))),
        _Range(*_kernels.extremes(_numbers(incidence))),
        _Range(*_kernels.extremes(headings)),
        _Range(*_kernels.extremes_of_angles(headings, 0.0)),
        _Range(*_kernels.extremes_of_angles(headings, -180.0)),
    )


def _numbers(raster: Array) -> Array:
    """All numbers of a raster in a row, as the kernel will see them; none of what the operator will refuse."""
    if raster.dtype.kind not in "fiub":
        return np.empty(0, np.float32)
    return np.ascontiguousarray(raster, np.result_type(raster.dtype, np.float32)).ravel()


def _merge(one: _Surveyed, other: _Surveyed) -> _Surveyed:
    return _Surveyed(*(a.joined(b) for a, b in zip(one, other, strict=True)))


def _finish(found: _Surveyed) -> dict[str, Any]:
    for name, met in (("dem", found.elevation), ("heading", found.heading)):
        if met.low <= met.high and not math.isfinite(met.high - met.low):
            raise InvalidArgument(
                f"{name} holds infinite values ({met.low:g} to {met.high:g}); nodata is NaN: replace them with it"
            )
    incidence = _Range(*map(float, found.incidence))
    if incidence.low <= incidence.high and not 0 < incidence.low <= incidence.high < 90:
        raise InvalidArgument(
            f"incidence must be above 0 and below 90 degrees; got {incidence.low:g} to {incidence.high:g}; "
            "is it in radians, or is 0 its nodata? nodata is NaN"
        )
    return {
        "relief": float(found.elevation.spread) if incidence.low <= incidence.high else 0.0,
        "highest": max(abs(float(edge)) for edge in found.elevation) if found.elevation.spread else 0.0,
        "incidence": incidence,
        "heading": min(found.of_one_turn, found.of_other_turn, key=lambda turn: turn.spread),
        "steady": not found.heading.spread,
    }


def _halo(request: _Request, metrics: Metrics) -> Halo:
    """Cells that the longest walks use, in all directions met; and the segment that shares a direction."""
    if not (request.relief and request.heading.low <= request.heading.high):
        return Halo()
    weights = metrics.weights_at_ties
    azimuths = _Range(*(math.radians(heading + request.side) for heading in request.heading))
    toward, away = max(request.shadow, request.layover), request.layover

    def cells(east: Array, north: Array) -> int:
        """Cells walked in the direction in which these pixels per metre count."""
        walked = max(toward * _most(east, north, azimuths), away * _most(-east, -north, azimuths))
        return max(math.ceil(walked - _HARDLY), 0)

    columns, rows = (weights[..., 0], weights[..., 2]), (weights[..., 1], weights[..., 3])
    turning = not request.steady or weights.shape[1] > 1
    segment = _kernels.SEGMENT - 1 if turning else 0
    return Halo(
        top=cells(-rows[0], -rows[1]),
        bottom=cells(*rows),
        left=max(cells(-columns[0], -columns[1]), segment),
        right=max(cells(*columns), segment),
    )


def _most(east: Array, north: Array, azimuths: _Range) -> float:
    """Largest of ``east * sin(azimuth) + north * cos(azimuth)``."""
    ends = [east * math.sin(azimuth) + north * math.cos(azimuth) for azimuth in azimuths]
    inside = np.remainder(np.arctan2(east, north) - azimuths.low, 2 * math.pi) <= azimuths.spread
    return float(np.where(inside, np.hypot(east, north), np.maximum(*ends)).max())


def _arguments(request: _Request) -> tuple[tuple[float, ...]]:
    return ((request.side, request.shadow, request.layover, _ROUNDING * request.highest),)


def _outputs(request: _Request) -> list[Result]:
    north = ", north='grid'" if request.north == "grid" else ""
    return [Result("shadow_layover", "uint8", title=f"geometry.shadow_layover(look={request.look!r}{north})")]


_SHADOW_LAYOVER = Operator(
    "insarfeat.geometry.shadow_layover",
    _kernels.shadow_layover,
    inputs=[Raster("dem"), Raster("incidence", number=True), Raster("heading", number=True)],
    outputs=_outputs,
    halo=_halo,
    position=True,
    metrics="gradients",
    prepare=_arguments,
    survey=Reduction(_gather, _merge, _finish),
)


def shadow_layover(
    dem: Any,
    incidence: Any,
    heading: Any,
    *,
    look: Look = "right",
    resolution: Resolution | None = None,
    north: North = "true",
) -> Any:
    r"""Radar shadow and layover, active (on the slope itself) and passive (by ground elsewhere on the range line).

    A pixel of elevation h and incidence t is compared with the ground :math:`h_Q` at every horizontal distance d on
    the line to the radar and away from it. It lies

    - in shadow where ground toward the radar cuts its ray: :math:`h_Q > h + d / \tan t`;
    - in layover where other ground is at the same slant range: :math:`h_Q \le h - d \tan t` toward the radar, or
      :math:`h_Q \ge h + d \tan t` away from it (with an even slope between them, one at least as steep as t).

    The line is walked in steps of one pixel along the grid's nearer axis, with linear interpolation between the two
    cells across. Wave fronts are planes and the Earth is flat here: over 1 km of layover that is 1 m wrong in height,
    over 5 km 30 m. Voids and what lies beyond the raster's edge hide nothing. The radar is at azimuth heading - 90
    (+ 90 for left-looking); headings that vary are taken once for every 64 columns of a row.

    Parameters
    ----------
    dem
        Elevation in metres; NaN is nodata. Integers are taken.
    incidence, heading
        Degrees, numbers or rasters on the DEM's grid: from the vertical at the ground, above 0 and below 90; and of
        the flight, clockwise from north.
    look
        "right" or "left".
    resolution
        Pixel size in metres, a number or (dy, dx), for bare arrays. DataArrays with coordinates need none: with a CRS
        the size on the ellipsoid is used, pixel by pixel.
    north
        "true", or "grid" for that of the grid, as in :func:`insarfeat.terrain.aspect`.

    Returns
    -------
    The uint8 layer ``shadow_layover``, of the same kind of array: 0 clear, 1 shadow, 2 layover, 3 both; 255 (nodata)
    where the DEM, the incidence or the heading is NaN.

    Notes
    -----
    How far rays reach follows from the whole rasters: the relief times tan t for shadow, over tan t for layover. So
    on lazy rasters their extremes are computed when this is called, chunk by chunk, and the layer itself later.

    References
    ----------
    Kropatsch, W. G. & Strobl, D. (1990): The generation of SAR layover and shadow maps from digital elevation models.
    IEEE Transactions on Geoscience and Remote Sensing 28(1), 98-107.

    Examples
    --------
    >>> import numpy as np
    >>> wall = np.zeros((1, 12))
    >>> wall[:, 6] = 100.0
    >>> shadow_layover(wall, 45.0, 0.0, resolution=30.0)  # flying north, looking east: the radar is in the west
    array([[0, 0, 0, 2, 2, 2, 2, 1, 1, 1, 0, 0]], dtype=uint8)
    """
    check_viewing(incidence, heading, side_of(look))
    check_choice("north", north, _NORTHS)
    return _SHADOW_LAYOVER(
        dem, incidence, heading, parameters=_Request(look, north), resolution=resolution, north=north
    )
