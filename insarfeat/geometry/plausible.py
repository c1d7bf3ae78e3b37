"""Mistakes with angles and vectors that their values give away.

Looks at numbers, and at 64 x 64 pixels or fewer of rasters that are in memory (the first one along leading
dimensions). Of Dask arrays nothing is looked at, because nothing may be computed when a function is called.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.kinds import is_lazy
from insarfeat.errors import InsarfeatError, InvalidArgument
from insarfeat.georeference import crs_of, spatial_dims
from insarfeat.metrics import metrics_of

if TYPE_CHECKING:
    from pyproj import CRS

Array = NDArray[np.float64]

_SAMPLES = 64  # along each axis
_FEW = 0.01  # share of pixels that may be odd, at the rim of a resampled raster, say
_SHALLOWEST = 75.0  # degrees; no radar in orbit looks at the ground at a larger angle everywhere
_HARDLY = 0.01  # beyond 0 or 1, as unbiased or resampled coherences may be
_CLEAR_VARIATION = 0.2  # degrees
_CLEAR_CORRELATION = 0.8
_POLAR = 60.0  # degrees of latitude, from where on orbits turn away from north


def check_incidence(incidence: Any) -> None:
    """Refuse what is no incidence from the vertical in degrees."""
    values = _finite(incidence)
    if values.size == 0:
        return
    _refuse_if(
        values.min() < 0 or values.max() >= 90,
        f"incidence must be from 0 to 90 degrees, from the vertical; got {_range(values)}: are incidence and heading "
        "swapped, or is nodata not NaN?",
    )
    seen = values[values > 0]
    _refuse_if(
        seen.size > 0 and seen.max() <= math.pi / 2,
        f"incidence must be in degrees; got {_range(values)}, which looks like radians: pass np.degrees(incidence)",
    )
    _refuse_if(
        values.min() > _SHALLOWEST,
        f"incidence must be from the vertical; got {_range(values)}, which looks like an angle from the horizontal: "
        "pass 90 - incidence",
    )


def check_heading(heading: Any) -> None:
    """Refuse what is no flight direction in degrees."""
    values = _finite(heading)
    _refuse_if(
        values.size > 0 and (values.min() < -180 or values.max() > 360),
        "heading must be the flight direction, from -180 to 360 degrees clockwise from north; got "
        f"{_range(values)}: is it another angle, as the azimuth of ISCE2 (for los_from_isce2), or nodata not NaN?",
    )


def check_viewing(incidence: Any, heading: Any, side: float) -> None:
    """Refuse angles that are none, or where a raster with a CRS shows that they do not belong together."""
    check_incidence(incidence)
    check_heading(heading)
    angles, courses = _sample(incidence), _finite(heading)
    if angles is None or not courses.size or not _measurable(incidence) or crs_of(incidence) is None:
        return
    azimuths = np.radians(courses - 90 * side)
    _check_growth(incidence, angles, np.array([np.sin(azimuths).mean(), np.cos(azimuths).mean()]))


def check_coherence(coherence: Any) -> None:
    """Refuse what is no coherence."""
    values = _finite(coherence)
    _refuse_if(
        values.size > 0 and (values.min() < -_HARDLY or values.max() > 1 + _HARDLY),
        f"coherence must be from 0 to 1; got {_range(values)}: bytes, as in LiCSAR's files, are divided by 255 first",
    )


def check_azimuth(name: str, azimuth: Any) -> None:
    """Refuse what is no direction in degrees, in whatever way it turns."""
    values = _finite(azimuth)
    _refuse_if(
        values.size > 0 and np.abs(values).max() > 360,
        f"{name} must be from -360 to 360 degrees; got {_range(values)}: is nodata not NaN?",
    )


def check_hyp3(theta: Any, phi: Any) -> None:
    """Refuse what are no angles of HyP3: radians, from the horizontal and from east."""
    for name, values, limit in (
        ("theta", _finite(theta), math.pi / 2),
        ("phi", _finite(phi), 2 * math.pi),
    ):
        _refuse_if(
            values.size > 0 and np.abs(values).max() > limit,
            f"{name} must be in radians, as HyP3 has it; got {_range(values)}, which looks like degrees: pass "
            f"np.radians({name})",
        )
    elevation = _finite(theta)
    _refuse_if(
        elevation.size > 0 and elevation.min() < 0,
        f"theta must be the elevation of the satellite above the horizontal; got {_range(elevation)}: are theta and "
        "phi swapped?",
    )
    seen = np.degrees(elevation[elevation > 0])
    _refuse_if(
        seen.size > 0 and seen.max() < 90 - _SHALLOWEST,
        f"theta must be from the horizontal; got {_range(elevation)}, which looks like an angle from the vertical: "
        "pass np.pi / 2 - theta",
    )


def check_opposite(name: str, up: Any) -> None:
    """Refuse an upward component of a vector that should point down to the ground."""
    values = _finite(up)
    _refuse_if(
        values.size > 0 and (values > 0).mean() > _FEW,
        f"{name} must point from the satellite to the ground; its up component is positive ({_range(values)}), so it "
        "points to the satellite already: use los_from_flatsim_neu or LineOfSight",
    )


def check_vector(east: Any, north: Any, up: Any) -> None:
    """Refuse what is no unit vector from the ground to the satellite, or none that fits the raster's place."""
    sampled = [_sample(layer) for layer in (east, north, up)]
    if any(plane is None for plane in sampled):
        return
    e, n, u = np.broadcast_arrays(*sampled)  # type: ignore[arg-type]
    norm = np.sqrt(e * e + n * n + u * u)
    valid = np.isfinite(norm)
    if not valid.any():
        return
    _refuse_if(
        (np.abs(norm[valid] - 1) > 0.01).mean() > _FEW,
        f"east, north and up must be a unit vector; got lengths {_range(norm[valid])}: is it scaled, are its "
        "components of different rasters, or is nodata not NaN?",
    )
    _refuse_if(
        (u[valid] < 0).mean() > _FEW,
        "east, north and up must point from the ground to the satellite; up is negative, so the vector points from "
        "the satellite to the ground: negate all three",
    )
    for layer in (east, north, up):
        if hasattr(layer, "coords"):
            _check_place(
                layer, np.where(valid, e, np.nan), np.where(valid, n, np.nan), np.where(valid, u, np.nan)
            )
            return


def _check_place(raster: Any, east: Array, north: Array, up: Array) -> None:
    """Refuse directions that contradict what is known of the place; where its grid cannot be measured, do nothing."""
    crs = crs_of(raster) if _measurable(raster) else None
    if crs is None:
        return
    valid = np.isfinite(up)
    if (np.abs(north) > np.abs(east))[valid].all():
        latitude = _latitude_of(raster, crs)
        _refuse_if(
            abs(latitude) < _POLAR,
            f"the line of sight runs along north and south, at latitude {latitude:.0f}; satellites in near-polar "
            "orbits look east or west: are east and north swapped, or was the direction of the look given as the "
            "heading? If the orbit is really not near-polar, pass bare arrays",
        )
    towards = np.array([east[valid].mean(), north[valid].mean()])
    _check_growth(raster, np.degrees(np.arccos(np.clip(up, -1, 1))), towards)


def _check_growth(raster: Any, incidence: Array, towards: Array) -> None:
    """Refuse an incidence that grows in the direction (east, north) of the satellite."""
    gradient = _gradient_of(raster, incidence)
    _refuse_if(
        float(gradient @ towards) > _CLEAR_CORRELATION * float(np.hypot(*towards)),
        "the incidence grows toward the satellite, where it must fall: it is measured from the horizontal, or the "
        "heading, the look side or the signs of east and north are the opposite",
    )


def _gradient_of(raster: Any, incidence: Array) -> Array:
    """Direction (east, north) in which the incidence grows; as long as its correlation with a plane, 0 if unclear."""
    rows, columns = np.nonzero(np.isfinite(incidence))
    values = incidence[rows, columns]
    if len(values) < 9 or np.ptp(values) <= _CLEAR_VARIATION:
        return np.zeros(2)
    strides = _strides(raster.shape)
    plane = np.column_stack([columns * strides[1], rows * strides[0], np.ones(len(values))])
    (per_column, per_row, level), _, rank, _ = np.linalg.lstsq(plane, values, rcond=None)
    rest = values - plane @ (per_column, per_row, level)
    explained = 1 - rest.var() / values.var()
    if rank < 3 or explained <= 0:
        return np.zeros(2)
    middle = raster.shape[-2] // 2, raster.shape[-1] // 2
    try:
        metrics = metrics_of(raster, None)
    except InsarfeatError:  # coordinates that are not evenly spaced, say, which no other part of this minds
        return np.zeros(2)
    _, weights = metrics.gradients(middle[0], middle[0] + 1, middle[1], middle[1] + 1)
    along_east, down_east, along_north, down_north = weights[0].mean(axis=0)
    direction = np.array(
        [along_east * per_column + down_east * per_row, along_north * per_column + down_north * per_row]
    )
    return np.asarray(direction / np.hypot(*direction) * math.sqrt(explained))


def _measurable(raster: Any) -> bool:
    """Whether a raster has coordinates along its two axes."""
    return (
        hasattr(raster, "coords")
        and raster.ndim >= 2
        and all(dim in raster.coords for dim in spatial_dims(raster))
    )


def _latitude_of(raster: Any, crs: CRS) -> float:
    """Latitude of the middle of a raster; NaN where the CRS does not say."""
    x, y = (
        float(raster.coords[dim].values[raster.sizes[dim] // 2]) for dim in reversed(spatial_dims(raster))
    )
    if crs.is_geographic:
        return math.degrees(y * crs.axis_info[0].unit_conversion_factor)
    from pyproj import Transformer

    geodetic = crs.geodetic_crs
    if geodetic is None:
        return math.nan
    return float(Transformer.from_crs(crs, geodetic, always_xy=True).transform(x, y)[1])


def _sample(raster: Any) -> Array | None:
    """Some pixels of a raster in memory, or a number as one pixel; None for what cannot be looked at."""
    if isinstance(raster, int | float | np.number) or (isinstance(raster, np.ndarray) and raster.ndim == 0):
        return np.full((1, 1), raster, np.float64)
    if is_lazy(raster) or getattr(raster, "chunks", None) is not None:
        return None
    if not hasattr(raster, "dtype") or raster.dtype.kind not in "fiu" or raster.ndim < 2 or raster.size == 0:
        return None
    rows, columns = _strides(raster.shape)
    first = raster[(0,) * (raster.ndim - 2)] if raster.ndim > 2 else raster
    return np.asarray(first[::rows, ::columns], np.float64)


def _strides(shape: Sequence[int]) -> tuple[int, int]:
    return -(-shape[-2] // _SAMPLES), -(-shape[-1] // _SAMPLES)


def _finite(raster: Any) -> Array:
    """Sampled values that are finite, in a row; none where nothing can be looked at."""
    found = _sample(raster)
    return np.zeros(0) if found is None else found[np.isfinite(found)]


def _range(values: Array) -> str:
    if values.size == 0:
        return "no values"
    lowest, highest = float(values.min()), float(values.max())
    return f"{lowest:.4g}" if lowest == highest else f"values from {lowest:.4g} to {highest:.4g}"


def _refuse_if(wrong: bool | np.bool_, message: str) -> None:
    if wrong:
        raise InvalidArgument(message)
