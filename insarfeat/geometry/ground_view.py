"""Layers of the ground as the radar sees it, from the DEM in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.geometry._kernels import view as _kernels
from insarfeat.geometry.arguments import number_within
from insarfeat.geometry.plausible import check_coherence
from insarfeat.metrics import North, Resolution
from insarfeat.windows import Halo

_CODES = {
    "slope_to_los": _kernels.SLOPE_TO_LOS,
    "local_incidence": _kernels.LOCAL_INCIDENCE,
    "r_index": _kernels.R_INDEX,
    "sensitivity": _kernels.SENSITIVITY,
    "signed_sensitivity": _kernels.SIGNED,
}
_TRUSTING = ("sensitivity", "signed_sensitivity")


@dataclass(frozen=True, slots=True)
class CoherenceWeight:
    """Midpoint and steepness of the weight that a coherence is given: :func:`coherence_weight`."""

    midpoint: float = 0.3
    steepness: float = 20.0

    def __post_init__(self) -> None:
        number_within("midpoint", self.midpoint, 0, 1)
        number_within("steepness", self.steepness, 0, math.inf, above=True)


class _View(NamedTuple):
    layers: tuple[str, ...]
    midpoint: float = 0.3
    steepness: float = 20.0


def _outputs(chosen: _View) -> list[Result]:
    """Each layer with what its history says: the weight belongs to the sensitivities alone."""
    weight = f", midpoint={chosen.midpoint!r}, steepness={chosen.steepness!r}"
    return [
        Result(layer, title=f"geometry.ground_view({layer}{weight if layer in _TRUSTING else ''})")
        for layer in chosen.layers
    ]


def _arguments(chosen: _View) -> tuple[Any, ...]:
    return np.array([_CODES[layer] for layer in chosen.layers]), chosen.midpoint, chosen.steepness


_GROUND_VIEW = Operator(
    "insarfeat.geometry.ground_view",
    _kernels.view,
    inputs=[
        Raster("dem"),
        *(Raster(name, number=True) for name in ("east", "north", "up", "coherence")),
        Raster("visibility", "mask", number=True),
    ],
    outputs=_outputs,
    halo=Halo.square(1),
    nodata="formula",
    metrics="gradients",
    prepare=_arguments,
)


def ground_view(
    dem: Any,
    names: Iterable[str],
    line_of_sight: Iterable[Any],
    *,
    coherence: Any = None,
    visibility: Any = None,
    weight: CoherenceWeight | None = None,
    resolution: Resolution | None = None,
    north: North = "true",
) -> Any:
    r"""Layers of the ground as the radar sees it, from the DEM in one pass.

    The numbers are those of :func:`slope_to_los`, :func:`local_incidence`, :func:`r_index` and
    :func:`sensitivity_layer` on :func:`insarfeat.terrain.slope` and :func:`insarfeat.terrain.aspect`, to rounding.
    But neither slope nor aspect is made: gradient and line of sight are multiplied as vectors, and each pixel is
    touched once. With the gradient (p, q) eastward and northward, g its length, and the line of sight (e, n, u),

    .. math:: S = \frac{p e + q n + g^2 u}{g \sqrt{1 + g^2}}

    Parameters
    ----------
    dem
        Elevation in metres; NaN is nodata. Edges and voids are treated as in :func:`insarfeat.terrain.slope`.
    names
        Of ``slope_to_los``, ``local_incidence``, ``r_index``, ``sensitivity``, ``signed_sensitivity``.
    line_of_sight
        A :class:`LineOfSight` of rasters or of numbers.
    coherence
        For the sensitivities.
    visibility
        As in :func:`sensitivity_layer`.
    weight
        Of the coherence; None: midpoint 0.3, steepness 20.
    resolution, north
        As in :func:`insarfeat.terrain.slope`.

    Returns
    -------
    A Dataset of the layers for DataArrays; for arrays a dict of them by name.

    Examples
    --------
    >>> import numpy as np
    >>> from insarfeat.geometry import los_from_incidence
    >>> falling_east = -15.0 * np.tan(np.radians(20)) * np.arange(4.0) * np.ones((3, 1))
    >>> found = ground_view(falling_east, ["slope_to_los"], los_from_incidence(39.0, -12.0), resolution=15.0)
    >>> found["slope_to_los"][1].round(3)
    array([0.844, 0.844, 0.844, 0.844])
    """
    layers = tuple([names] if isinstance(names, str) else names)
    if not layers or len(set(layers)) != len(layers) or not set(layers) <= set(_CODES):
        unknown = next((name for name in layers if name not in _CODES), None)
        near = "" if unknown is None else suggestion(unknown, _CODES)
        raise InvalidArgument(
            f"names must be some of {', '.join(_CODES)}, each once; got {list(layers)}{near}"
        )
    trusting = [layer for layer in layers if layer in _TRUSTING]
    if trusting and coherence is None:
        raise InvalidArgument(f"{' and '.join(trusting)} need coherence=")
    if not trusting and coherence is not None:
        raise InvalidArgument(f"coherence is for {' and '.join(_TRUSTING)} only; got names {list(layers)}")
    if coherence is not None:
        check_coherence(coherence)
    chosen = weight or CoherenceWeight()
    found = _GROUND_VIEW(
        dem,
        *line_of_sight,
        1.0 if coherence is None else coherence,
        0 if visibility is None else visibility,
        parameters=_View(layers, chosen.midpoint, chosen.steepness),
        resolution=resolution,
        north=north,
    )
    if hasattr(found, "data_vars"):
        return found
    if hasattr(found, "to_dataset"):
        return found.to_dataset()
    return dict(zip(layers, found if len(layers) > 1 else (found,), strict=True))
