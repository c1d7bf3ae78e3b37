"""Causes of invalid pixels are drawn as classes: of several the first."""

from __future__ import annotations

import numpy as np
import xarray as xr

from insarfeat.layers import LAYERS
from insarfeat.plot._sample import with_nan
from insarfeat.plot._style import style_of


def test_bits_are_classes_named_by_their_causes() -> None:
    known = LAYERS["invalid_causes"]
    layer = xr.DataArray(
        np.array([[0, 2, 36, 255]], "u1"), dims=("y", "x"), name="invalid_causes", attrs=known.attributes
    )
    style = style_of(layer)
    assert style.drawing == "classes"
    assert style.flags[:3] == ((0, "none"), (1, "missing"), (2, "outside_footprint"))
    np.testing.assert_array_equal(with_nan(layer), [[0, 2, 4, np.nan]])
