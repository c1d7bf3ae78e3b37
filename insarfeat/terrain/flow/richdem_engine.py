"""RichDEM as an engine, for those who have it; it no longer builds from PyPI, and nothing here needs it.

Checked against its documentation only as far as it installs: where it does not, calls end in a clear error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, InvalidType, missing_extra
from insarfeat.layers import LAYERS

Array = NDArray[Any]

_VOID = -9999.0
_METHODS = {"d8": "D8", "dinf": "Dinf", "mfd": "Freeman"}
_EXPONENT = 1.1


def filled(dem: Any, *, epsilon: bool, breach: bool, voids: str) -> Any:
    """Depressions filled, or breached, by RichDEM."""
    rd = _richdem()
    raster = _raster(rd, dem, voids)
    if breach:
        rd.BreachDepressions(raster, in_place=True)
    else:
        rd.FillDepressions(raster, epsilon=epsilon, in_place=True)
    return _like(dem, np.asarray(raster), None)


def accumulated(dem: Any, *, method: str, weights: Any, voids: str) -> Any:
    """Flow accumulated by RichDEM over depressions that it has filled."""
    rd = _richdem()
    raster = _raster(rd, dem, voids)
    rd.FillDepressions(raster, epsilon=False, in_place=True)
    options: dict[str, Any] = {} if method != "mfd" else {"exponent": _EXPONENT}
    if weights is not None:
        options["weights"] = rd.rdarray(np.asarray(weights, np.float64), no_data=_VOID)
    found = np.asarray(rd.FlowAccumulation(raster, method=_METHODS[method], **options), np.float64)
    return _like(dem, found, "flow_accumulation")


def _richdem() -> Any:
    try:
        import richdem
    except ImportError as error:
        raise missing_extra('engine="richdem"', "richdem") from error
    return richdem


def _raster(rd: Any, dem: Any, voids: str) -> Any:
    """The DEM as RichDEM takes it, whole and in memory."""
    data = getattr(dem, "data", dem) if hasattr(dem, "coords") else dem
    if not isinstance(data, np.ndarray):
        raise InvalidType(
            'engine="richdem" needs the whole DEM in memory: a NumPy array, or a DataArray of one'
        )
    if data.ndim != 2:
        raise InvalidType(f'engine="richdem" takes one raster (y, x); got shape {data.shape}')
    if voids != "outlets":
        raise InvalidArgument('engine="richdem" lets water out into voids; leave voids="outlets"')
    ground = np.array(data, np.float64 if data.dtype.char == "d" else np.float32)
    ground[~np.isfinite(ground)] = _VOID
    return rd.rdarray(ground, no_data=_VOID)


def _like(dem: Any, found: Array, layer: str | None) -> Any:
    """The result as the kind of raster that the DEM is, NaN in its voids."""
    found = np.where(np.isfinite(np.asarray(dem)), found, np.nan).astype(found.dtype)
    if not hasattr(dem, "coords"):
        return found
    result = dem.copy(data=found)
    if layer is not None:
        result.attrs = dict(LAYERS[layer].attributes)
        result.name = layer
    result.attrs["processing"] = f"richdem ({layer or 'fill_depressions'})"
    return result
