"""Which pixels can be used."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.tiling import valid_mask

NAN = np.nan


def test_every_layer_must_have_a_value() -> None:
    real = np.array([[1.0, NAN, 3.0, 0.0, np.inf]])
    interferogram = np.array([[1j, 1, 0, 2, 1]], "c8")
    mask = np.array([[0, 1, 1, 255, 0]], "u1")
    np.testing.assert_array_equal(valid_mask([real]), [[1, 0, 1, 1, 0]])
    np.testing.assert_array_equal(valid_mask([real, interferogram]), [[1, 0, 0, 1, 0]])
    np.testing.assert_array_equal(valid_mask([real, interferogram, mask]), [[1, 0, 0, 0, 0]])


def test_water_from_outside_makes_a_pixel_invalid_and_other_masks_do_not() -> None:
    flag = np.array([[0, 1, 255]], "u1")
    np.testing.assert_array_equal(valid_mask({"flow_contamination": flag}), [[1, 0, 0]])
    np.testing.assert_array_equal(valid_mask({"landslide": flag}), [[1, 1, 0]])


def test_a_dataset_gives_a_layer_that_says_what_it_is() -> None:
    stack = xr.Dataset(
        {
            "twi": (("y", "x"), np.array([[5.0, NAN, 6.0]])),
            "flow_contamination": (("y", "x"), np.array([[0, 0, 1]], "u1")),
            "baseline": 12.0,
        }
    )
    found = valid_mask(stack)
    assert found.name == "valid_mask"
    assert found.attrs["flag_meanings"] == "invalid valid"
    np.testing.assert_array_equal(found, [[1, 0, 0]])


def test_lazy_stays_lazy() -> None:
    lazy = valid_mask([da.from_array(np.array([[1.0, NAN]]), chunks=1), np.array([[1, 1]], "u1")])
    assert isinstance(lazy, da.Array)
    assert lazy.dtype == np.uint8
    np.testing.assert_array_equal(lazy.compute(), [[1, 0]])


def test_what_is_no_set_of_layers_is_told() -> None:
    with pytest.raises(InvalidType, match="put a single one into a list"):
        valid_mask(np.ones((2, 2)))
    with pytest.raises(InvalidArgument, match="layers is empty"):
        valid_mask([])
