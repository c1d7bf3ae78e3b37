"""Which pixels can be used, and why others cannot: one bit per cause, put together on demand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import Reduction
from insarfeat.errors import InvalidArgument, InvalidType, suggestion
from insarfeat.layers import LAYERS
from insarfeat.terrain.moments import gather
from insarfeat.tiling import _kernels, marks
from insarfeat.tiling.causes import CAUSES, ValidityRules, bits_of

FLAGS = frozenset({"flow_contamination"})
"""Layers of which any value but 0 makes a pixel invalid."""

_NO_RULES = ValidityRules()
# Layers about validity, which say nothing of the radar or the ground.
_OWN = frozenset({marks.LAYER, "valid_mask"})
# No cause has this bit: it is set in nodata only, which must not pass for valid.
_UNKNOWN = 128


def invalid_causes(
    layers: Any, *, footprint: Any = None, water: Any = None, rules: ValidityRules = _NO_RULES
) -> Any:
    """What makes each pixel invalid: a sum of bits, 0 where nothing does.

    ======================= ===== =========================================================================
    cause                   bit   where
    ======================= ===== =========================================================================
    ``missing``             1     a layer has no value: NaN, 0+0j in a complex one, 255 in a mask
    ``outside_footprint``   2     the footprint has no value: the radar did not image the pixel
    ``water``               4     the water mask is 1, or the rules take the ground for water
    ``layover``             8     ``shadow_layover`` is 2 or 3
    ``shadow``              16    ``shadow_layover`` is 1 or 3
    ``low_coherence``       32    ``coherence`` is lower than ``rules.min_coherence``
    ``flow_contamination``  64    ``flow_contamination`` is not 0: water from beyond the DEM is missing
    ======================= ===== =========================================================================

    Outside the footprint layers are not ``missing``. Causes are grown last, over whatever is there. A pixel depends
    on none farther than the largest radius of growth (and one more for flat ground), so that any tiles give the same.

    Parameters
    ----------
    layers
        A Dataset, or a mapping from canonical names to rasters of one grid. Of other layers, and of rasters without
        names, only missing values count. ``valid_mask`` and ``invalid_causes`` among them are passed over.
    footprint
        A raster whose nodata says what was not imaged, such as the interferogram, or the name of one of the layers.
        None takes every pixel for imaged.
    water
        A mask, 1 where there is water; 255 (or NaN) is ``missing``. None takes the layer ``water`` where there is
        one.
    rules
        Thresholds and growth.

    Returns
    -------
    uint8 of the kind of the rasters, lazy if one of them is. :func:`valid_mask` makes masks of it.

    Examples
    --------
    >>> import numpy as np
    >>> coherence = np.array([[0.9, 0.1, np.nan, np.nan]], "f4")
    >>> interferogram = np.array([[1j, 1, 1, 0]], "c8")
    >>> invalid_causes(
    ...     {"coherence": coherence}, footprint=interferogram, rules=ValidityRules(min_coherence=0.3)
    ... )
    array([[ 0, 32,  1,  2]], dtype=uint8)
    """
    if not isinstance(rules, ValidityRules):
        raise InvalidType(f"rules must be tiling.ValidityRules(...); got {type(rules).__name__}")
    named = {name: layer for name, layer in _named(layers).items() if name not in _OWN}
    if not named:
        raise InvalidArgument(f"layers holds nothing but {' and '.join(sorted(_OWN))}; give other layers")
    if water is not None:
        named["water"] = water
    _check_rules(rules, named)
    causes: Any = 0
    if footprint is not None:
        reading = marks.Reading(footprint if isinstance(footprint, str) else "footprint", footprint=True)
        causes = marks.CAUSES_OF(_footprint_in(named, footprint), causes, parameters=reading)
    for name, layer in named.items():
        below = rules.min_coherence if name == "coherence" else None
        causes = marks.CAUSES_OF(layer, causes, parameters=marks.Reading(str(name), below))
    if rules.water_coherence is not None and "water" not in named:
        wanted = marks.FlatWater(float(rules.flat_relief), float(rules.water_coherence))
        causes = marks.FLAT_WATER(named["elevation"], named["coherence"], causes, parameters=wanted)
    radii = tuple(sorted((name, float(radius)) for name, radius in rules.grow.items() if radius >= 1))
    return marks.GROWN(causes, parameters=marks.Growth(radii)) if radii else causes


def valid_mask(layers: Any, *, causes: str | Iterable[str] | None = None) -> Any:
    """Where pixels can be used: of layers, where all can be relied on; of ``invalid_causes``, where no cause is set.

    Layers can be relied on where they have a value and no flag among them is set. Values are missing where a layer is
    NaN, 0+0j in a complex one, or 255 in a mask. In ``flow_contamination`` 1 means that water from beyond the DEM is
    missing, so that wetness there is not right.

    Parameters
    ----------
    layers
        A Dataset, a mapping from names to rasters of one grid, or rasters without names; or what
        :func:`invalid_causes` gave, alone or as ``invalid_causes`` among the layers, which then decides alone.
    causes
        Of ``invalid_causes``, the names of those that count; None for all.

    Returns
    -------
    uint8, 1 valid, 0 invalid, of the kind of the rasters; lazy if one of them is.

    Examples
    --------
    >>> import numpy as np
    >>> twi = np.array([[5.0, np.nan, 7.0]])
    >>> valid_mask({"twi": twi, "flow_contamination": np.array([[0, 0, 1]], "u1")})
    array([[1, 0, 0]], dtype=uint8)
    >>> valid_mask(np.array([[0, 8, 16, 24]], "u1"), causes=["layover"])
    array([[1, 0, 1, 0]], dtype=uint8)
    """
    found = _causes_in(layers)
    if found is not None:
        bits = bits_of(
            "causes", CAUSES if causes is None else [causes] if isinstance(causes, str) else causes
        )
        return marks.UNSET(found, parameters=marks.Bits(bits | _UNKNOWN))
    named = _named(layers)
    if causes is not None:
        raise InvalidArgument(
            "causes can be told apart in the layer invalid_causes only, which layers does not hold; make it first, "
            "as in valid_mask(invalid_causes(layers), causes=...)"
        )
    masks = [(marks.CLEAR if name in FLAGS else marks.VALID)(layer) for name, layer in named.items()]
    return reduce(marks.BOTH, masks)


def cause_shares(causes: Any) -> dict[str, float]:
    """Share of the pixels that each cause makes invalid, 0 to 1, and first of the ``valid`` ones.

    A pixel with two causes counts in both, so that shares may sum up to more than 1. Pixels of which nothing is known
    (255) are left out. Lazy causes are computed here, chunk by chunk, in one pass.

    Parameters
    ----------
    causes
        What :func:`invalid_causes` gave, or a Dataset or mapping that holds it.

    Returns
    -------
    dict
        Shares by name, in the order of the bits; NaN if nothing is known of any pixel.

    Examples
    --------
    >>> import numpy as np
    >>> shares = cause_shares(np.array([[0, 8, 16, 24]], "u1"))
    >>> shares["valid"], shares["layover"], shares["water"]
    (0.25, 0.5, 0.0)
    """
    found = _causes_in(causes)
    if found is None:
        raise InvalidType(
            f"causes must be the layer invalid_causes (uint8) or hold it; got {type(causes).__name__}: make it "
            "with tiling.invalid_causes(layers)"
        )
    counts: NDArray[np.int64] = gather(
        _TALLY, [getattr(found, "data", found) if _is_labelled(found) else found]
    )
    known = int(counts[:_UNKNOWN].sum())
    values = np.arange(_UNKNOWN)
    shares = {"valid": int(counts[0])} | {
        name: int(counts[:_UNKNOWN][values & bit > 0].sum()) for name, bit in CAUSES.items()
    }
    return {name: count / known if known else math.nan for name, count in shares.items()}


def lines_of_causes(shares: Mapping[str, float]) -> list[str]:
    """What a person reads of :func:`cause_shares`: a line each for what is valid and for every cause that occurs.

    >>> lines_of_causes({"valid": 0.9, "water": 0.0, "layover": 0.0999, "shadow": 0.0001})
    ['valid     90.0 %', 'layover   10.0 %', 'shadow    <0.1 %']
    """
    told = {name: share for name, share in shares.items() if name == "valid" or not share <= 0}
    width = max((len(name) for name in told), default=0)
    return [f"{name.replace('_', ' '):{width}}  {_percent(share):>5} %" for name, share in told.items()]


def _percent(share: float) -> str:
    # Neither all nor nothing may be said of what is nearly so.
    if 0 < share < 0.0005:
        return "<0.1"
    return ">99.9" if 0.9995 <= share < 1 else f"{100 * share:.1f}"


def _count(causes: NDArray[np.uint8]) -> NDArray[np.int64]:
    counts = np.zeros(256, np.int64)
    _kernels.tally(np.ascontiguousarray(causes).ravel(), counts)
    return counts


_TALLY = Reduction(gather=_count, merge=np.add, finish=lambda counts: counts)


def _named(layers: Any) -> dict[Any, Any]:
    """Rasters by name; by number where they have none."""
    if hasattr(layers, "data_vars"):
        named = {name: layer for name, layer in layers.data_vars.items() if layer.ndim >= 2}
    elif isinstance(layers, Mapping):
        named = dict(layers)
    elif isinstance(layers, Iterable) and not hasattr(layers, "dtype"):
        named = dict(enumerate(layers))
    else:
        raise InvalidType(
            f"layers must be a Dataset, a mapping from names to rasters, or several rasters; got "
            f"{type(layers).__name__}: put a single one into a list"
        )
    if not named:
        raise InvalidArgument("layers is empty; name at least one raster")
    return named


def _causes_in(layers: Any) -> Any:
    """The layer invalid_causes, if this is one or holds one; else None."""
    if hasattr(layers, "data_vars") or isinstance(layers, Mapping):
        found = layers.get(marks.LAYER)
    elif getattr(layers, "dtype", None) == np.uint8 and getattr(layers, "ndim", 0) >= 2:
        name = getattr(layers, "name", None) if _is_labelled(layers) else None
        found = None if name in LAYERS and name != marks.LAYER else layers
    else:
        found = None
    if found is not None and found.dtype != np.uint8:
        raise InvalidType(
            f"invalid_causes must hold uint8, as tiling.invalid_causes gives it; got {found.dtype}"
        )
    return found


def _footprint_in(named: Mapping[Any, Any], footprint: Any) -> Any:
    if not isinstance(footprint, str):
        return footprint
    if footprint not in named:
        raise InvalidArgument(
            f"footprint names a layer {footprint!r}, which is not among the layers"
            f"{suggestion(footprint, named)}; there are {', '.join(map(str, named))}"
        )
    return named[footprint]


def _check_rules(rules: ValidityRules, named: Mapping[Any, Any]) -> None:
    """Refuse rules that cannot be followed: pixels would pass for valid that nobody has looked at."""
    needed = ["coherence"] if rules.min_coherence is not None else []
    rule = "min_coherence"
    if rules.water_coherence is not None and "water" not in named:
        rule = rule if needed and "coherence" not in named else "water_coherence"
        needed = ["coherence", "elevation"]
    missing = [name for name in needed if name not in named]
    if missing:
        raise InvalidArgument(
            f"rules.{rule} needs the layer {' and '.join(missing)}, which layers does not hold; add it, or leave "
            f"{rule} out" + (" or pass water=" if rule == "water_coherence" else "")
        )
    if needed and np.dtype(named["coherence"].dtype).kind != "f":
        raise InvalidType(
            f"coherence must hold real numbers from 0 to 1 for rules.{rule}; got {named['coherence'].dtype}"
        )


def _is_labelled(raster: Any) -> bool:
    return hasattr(raster, "coords")
