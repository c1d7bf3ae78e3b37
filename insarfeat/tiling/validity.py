"""Which pixels can be used: those where every layer has a value that can be relied on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.tiling import _kernels

_VALID = Operator(
    "insarfeat.tiling.valid",
    {"real": _kernels.valid_real, "complex": _kernels.valid_complex, "mask": _kernels.valid_mask},
    inputs=[Raster("layer", "layer")],
    outputs=[Result("valid_mask", "uint8")],
)
_CLEAR = Operator(
    "insarfeat.tiling.clear",
    _kernels.clear,
    inputs=[Raster("flag", "mask")],
    outputs=[Result("valid_mask", "uint8")],
)
_BOTH = Operator(
    "insarfeat.tiling.valid_mask",
    _kernels.both,
    inputs=[Raster("one", "mask"), Raster("other", "mask")],
    outputs=[Result("valid_mask", "uint8")],
)

FLAGS = frozenset({"flow_contamination"})
"""Layers of which any value but 0 makes a pixel invalid."""


def valid_mask(layers: Any) -> Any:
    """Where all layers can be relied on: they have a value, and no flag among them is set.

    Values are missing where a layer is NaN, 0+0j in a complex one, or 255 in a mask. In ``flow_contamination`` 1
    means that water from beyond the DEM is missing, so that wetness there is not right.

    Parameters
    ----------
    layers
        A Dataset, a mapping from names to rasters of one grid, or rasters without names.

    Returns
    -------
    uint8, 1 valid, 0 invalid, of the kind of the rasters; lazy if one of them is.

    Examples
    --------
    >>> import numpy as np
    >>> twi = np.array([[5.0, np.nan, 7.0]])
    >>> valid_mask({"twi": twi, "flow_contamination": np.array([[0, 0, 1]], "u1")})
    array([[1, 0, 0]], dtype=uint8)
    """
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
    found = [(_CLEAR if name in FLAGS else _VALID)(layer) for name, layer in named.items()]
    return reduce(_BOTH, found)
