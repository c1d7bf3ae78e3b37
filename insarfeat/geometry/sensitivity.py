"""The sensitivity layer: where an interferogram could show downslope motion, and how far it can be trusted there."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.geometry._kernels import weights as _kernels
from insarfeat.geometry.arguments import number_within
from insarfeat.geometry.plausible import check_coherence


class _Weight(NamedTuple):
    midpoint: float = 0.3
    steepness: float = 20.0


class _Sensitivity(NamedTuple):
    midpoint: float = 0.3
    steepness: float = 20.0
    signed: bool = False


_WEIGHT = Operator(
    "insarfeat.geometry.coherence_weight",
    _kernels.coherence_weight,
    inputs=[Raster("coherence", number=True)],
    outputs=[Result("coherence_weight")],
)

_SENSITIVITY = Operator(
    "insarfeat.geometry.sensitivity_layer",
    _kernels.sensitivity,
    inputs=[
        Raster("coherence", number=True),
        Raster("slope_to_los", number=True),
        Raster("visibility", "mask", number=True),
    ],
    outputs=lambda chosen: [Result("signed_sensitivity" if chosen.signed else "sensitivity")],
    nodata="formula",  # 255 in the visibility too
)


def coherence_weight(coherence: Any, *, midpoint: float = 0.3, steepness: float = 20.0) -> Any:
    r"""Trust in the phase from its coherence: a smooth step from 0 to 1.

    .. math:: W = \frac{1}{1 + e^{-k (\gamma - \gamma_m)}}

    Parameters
    ----------
    coherence
        From 0 to 1. NaN is nodata.
    midpoint
        Coherence :math:`\gamma_m` that counts half.
    steepness
        k: the weight goes from 0.12 to 0.88 within 4 / k of coherence.

    Returns
    -------
    Weight from 0 to 1, of the same kind of array; NaN where the coherence is.

    Examples
    --------
    >>> import numpy as np
    >>> coherence_weight(np.array([[0.1, 0.3, 0.5]])).round(3)
    array([[0.018, 0.5  , 0.982]])
    """
    check_coherence(coherence)
    return _WEIGHT(coherence, parameters=_weight(midpoint, steepness))


def sensitivity_layer(
    coherence: Any,
    slope_to_los: Any,
    *,
    midpoint: float = 0.3,
    steepness: float = 20.0,
    signed: bool = False,
    visibility: Any = None,
) -> Any:
    r"""Sensitivity of an interferogram to downslope motion, from 0 (useless) to 1 (ideal).

    .. math:: |S| \, \gamma \, W(\gamma)

    with the slope to line of sight S (:func:`slope_to_los`), the coherence and its weight
    (:func:`coherence_weight`); 0 on level ground and in shadow and layover.

    Mondini et al. call it the product of slope to line of sight and coherence, with a weight that they do not give in
    numbers; this reading, and the weight's midpoint and steepness, are ours.

    Parameters
    ----------
    coherence
        From 0 to 1. NaN is nodata.
    slope_to_los
        From -1 to 1. NaN is nodata.
    midpoint, steepness
        Of the weight.
    signed
        Keep the sign of S, as the layer ``signed_sensitivity``: negative where downslope motion shortens the range.
    visibility
        Shadow and layover as :func:`shadow_layover` gives them: the sensitivity is 0 where it is not 0, NaN where it
        is 255. None: all is seen.

    Returns
    -------
    Of the same kind of arrays; NaN where coherence, slope or visibility are nodata.

    Examples
    --------
    >>> import numpy as np
    >>> coherence, facing = np.array([[0.1, 0.6, 0.9]]), np.array([[-0.8, -0.8, -0.8]])
    >>> sensitivity_layer(coherence, facing).round(3)
    array([[0.001, 0.479, 0.72 ]])
    >>> sensitivity_layer(coherence, facing, signed=True, visibility=np.array([[0, 0, 2]])).round(3)
    array([[-0.001, -0.479,  0.   ]])
    """
    chosen = _Sensitivity(*_weight(midpoint, steepness), bool(signed))
    check_coherence(coherence)
    seen = 0 if visibility is None else visibility
    return _SENSITIVITY(coherence, slope_to_los, seen, parameters=chosen)


def _weight(midpoint: float, steepness: float) -> _Weight:
    return _Weight(
        number_within("midpoint", midpoint, 0, 1),
        number_within("steepness", steepness, 0, math.inf, above=True),
    )
