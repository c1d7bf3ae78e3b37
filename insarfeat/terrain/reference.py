"""The first component of slope, convexity, ruggedness and wetness, on a scale that is the same in every scene."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.metrics import Resolution, metrics_of, planar_metrics
from insarfeat.terrain.composite import Composite
from insarfeat.terrain.flow.wetness import twi as wetness
from insarfeat.terrain.requests import Convexity, Slope, Tri
from insarfeat.terrain.surface import compute

REFERENCE = "reference-15m-v1"

_LAYERS = (Slope(), Convexity(radius=10), Tri("saga"))
_NAMES = ("slope", "convexity", "tri", "twi")
_PIXELS = {REFERENCE: 15.0}
_TOLERANCE = 0.2

_log = logging.getLogger(__name__)


def terrain_pc1(
    dem: Any,
    *,
    twi: Any = None,
    components: Any = REFERENCE,
    resolution: Resolution | None = None,
) -> Any:
    r"""First principal component of slope, convexity, ruggedness and wetness: steep, rugged and convex is high.

    .. math:: \sum_k v_k \frac{x_k - \mu_k}{\sigma_k}, \quad k = \text{slope, convexity, TRI, TWI}

    The layers are SAGA's: slope after Zevenbergen & Thorne in degrees, convexity with radius 10 by counting in
    percent, the ruggedness index of the four neighbours, the topographic wetness index by multiple flow directions.
    Means :math:`\mu`, deviations :math:`\sigma` and loadings v of ``reference-15m-v1`` ship with the package. They
    were fitted on mountains at pixels of 15 m, so that the same ground gives the same value in every scene, and a
    network sees one scale. A composite fitted to each scene gives ordinary ground a high value wherever that scene is
    flat.

    Parameters
    ----------
    dem
        Elevation in metres, on pixels of about 15 m for the reference; NaN is nodata.
    twi
        Topographic wetness index on the same grid, for whoever has it already, or has it of a larger DEM; without,
        it is :func:`insarfeat.terrain.twi` of this DEM, and on a lazy one a step of a plan.
    components
        "reference-15m-v1"; "fit" for one fitted to this DEM, which reads it once when called, also a lazy one; the
        path of a saved composite; or a fitted :class:`PrincipalComponents`. Its layers must be these four.
    resolution
        Pixel size in metres, a number or (dy, dx), for bare arrays.

    Returns
    -------
    Layer ``terrain_pc1``, of the same kind of array; NaN where the DEM or the wetness index is nodata.

    References
    ----------
    Mondini, A. C. et al. (2026), who give such a layer to a detector. Iwahashi & Pike (2007), Riley et al. (1999).

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:64, :64] * 15.0
    >>> steep, gentle = 0.9 * x, 0.1 * x
    >>> wet = np.full((64, 64), 6.0)
    >>> [float(terrain_pc1(dem, twi=wet, resolution=15.0)[32, 32].round(1)) for dem in (steep, gentle)]
    [0.7, -3.1]
    """
    measured = compute(dem, _LAYERS, resolution)
    layers = list(measured.data_vars.values()) if hasattr(measured, "data_vars") else list(measured)
    layers.append(wetness(dem, resolution=resolution) if twi is None else twi)
    composite = _composite_of(components, layers)
    if composite.title in _PIXELS:
        _check_pixels(composite.title, dem, resolution)
    first = replace(composite, loadings=composite.loadings[:1], variances=composite.variances[:1])
    by_name = dict(zip(_NAMES, layers, strict=True))
    return first.apply([by_name[name] for name in composite.names], ["terrain_pc1"])


def _composite_of(components: Any, layers: list[Any]) -> Composite:
    """The composite that is meant."""
    if isinstance(components, Composite):
        found = components
    elif components == "fit":
        from insarfeat.terrain.components import PrincipalComponents

        found = PrincipalComponents(1).fit(dict(zip(_NAMES, layers, strict=True))).composite_
    elif isinstance(components, str) and components in _PIXELS:
        found = shipped(components)
    elif isinstance(components, str | Path):
        if not Path(components).suffix:
            raise InvalidArgument(
                f"components must be {', '.join(map(repr, _PIXELS))}, 'fit', or the path of a saved composite "
                f"(.json); got {components!r}"
            )
        found = Composite.load(components)
    elif hasattr(components, "composite_"):
        found = components.composite_
    else:
        raise InvalidType(
            f"components must be a name, a path or fitted PrincipalComponents; got {type(components).__name__}"
        )
    if sorted(found.names) != sorted(_NAMES):
        raise InvalidArgument(
            f"components were fitted on {', '.join(found.names)}; terrain_pc1 takes {', '.join(_NAMES)}"
        )
    return found


@lru_cache
def shipped(name: str) -> Composite:
    """A composite that comes with the package."""
    with resources.as_file(resources.files(__package__) / "composites" / f"{name}.json") as path:
        return Composite.load(path)


def _check_pixels(title: str, dem: Any, resolution: Resolution | None) -> None:
    """Tell of pixels that the composite was not made for: ruggedness and convexity change with their size."""
    if hasattr(dem, "coords"):
        metrics = metrics_of(dem, resolution)
    else:
        assert resolution is not None  # the slope would have asked for it
        metrics = planar_metrics(resolution)
    wanted = _PIXELS[title]
    rows, columns = metrics.smallest
    if not all(abs(size / wanted - 1) <= _TOLERANCE for size in (rows, columns)):
        _log.warning(
            "%s was fitted at pixels of %g m, and these are %.3g x %.3g m: values are not on the scale of other "
            "scenes; resample the DEM, or fit a composite of your own",
            title, wanted, rows, columns,
        )  # fmt: skip
