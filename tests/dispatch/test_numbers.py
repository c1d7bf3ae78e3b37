"""Single numbers in the place of rasters: their precision, their kind, and what they are refused for."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numba
import numpy as np
import pytest
import xarray as xr
from contract import labelled

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument, InvalidType


@numba.njit(nogil=True)
def _scaled_where(image, factor, mask, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            scale = factor[i if factor.shape[0] > 1 else 0, j if factor.shape[1] > 1 else 0]
            shown = mask[i if mask.shape[0] > 1 else 0, j if mask.shape[1] > 1 else 0] == 0
            out[i, j] = (
                image[i if image.shape[0] > 1 else 0, j if image.shape[1] > 1 else 0] * scale if shown else 0
            )


SCALED = Operator(
    "test_numbers.scaled",
    _scaled_where,
    inputs=[
        Raster("image", number=True), Raster("factor", number=True), Raster("mask", "mask", number=True)
    ],
    outputs=[Result(None)],
)  # fmt: skip


@numba.njit(nogil=True)
def _total(images, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            for k in range(len(images)):
                total += images[k][i if images[k].shape[0] > 1 else 0, j if images[k].shape[1] > 1 else 0]
            out[i, j] = total


TOTAL = Operator(
    "test_numbers.total",
    _total,
    inputs=[Raster("image", number=True, many=True)],
    outputs=[Result(None)],
)

IMAGE = np.arange(12.0).reshape(3, 4)


def as_kind(image: Any, kind: str) -> Any:
    if kind == "dask":
        return da.from_array(image, chunks=2)
    return labelled(image, "image") if kind == "xarray" else image


every_kind = pytest.mark.parametrize("kind", ["numpy", "dask", "xarray"])


@every_kind
@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "u1", "i8"])
@pytest.mark.parametrize("number", [0.1, np.float64(0.1), np.float32(0.1), np.array(0.1), xr.DataArray(0.1)])
def test_a_number_has_the_precision_of_the_rasters(kind: str, dtype: str, number: Any) -> None:
    result = SCALED(as_kind(IMAGE.astype(dtype), kind), number, 0)
    precision = np.dtype("f8") if dtype == "f8" else np.dtype("f4")
    assert result.dtype == precision
    np.testing.assert_array_equal(
        np.asarray(result), IMAGE.astype(precision) * np.asarray(number).astype(precision)
    )


@every_kind
def test_one_double_raster_makes_numbers_double(kind: str) -> None:
    factor = as_kind(np.ones((3, 4)), kind)
    result = SCALED(0.1, factor, as_kind(np.zeros((3, 4), "u1"), kind))
    assert result.dtype == np.float64
    assert (np.asarray(result) == 0.1).all()


@every_kind
def test_a_mask_does_not_say_how_precise_numbers_are(kind: str) -> None:
    assert SCALED(0.1, 1.0, as_kind(np.zeros((3, 4), "u1"), kind)).dtype == np.float32


def test_numbers_alone_are_double_and_give_a_number() -> None:
    for number in (0.1, np.array(0.1), xr.DataArray(0.1)):
        result = SCALED(number, 3, 0)
        assert np.ndim(result) == 0
        assert result.dtype == np.float64
        assert result == 0.1 * 3


@every_kind
@pytest.mark.parametrize("mask", [0, 1, 255, True, np.uint8(7), np.int64(2), xr.DataArray(3)])
def test_a_number_for_a_mask_is_a_mask(kind: str, mask: Any) -> None:
    image = IMAGE.astype("f4")
    result = SCALED(as_kind(image, kind), 1.0, mask)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(result), image if not mask else np.zeros_like(image))


@every_kind
def test_numbers_stand_among_many_rasters(kind: str) -> None:
    image = IMAGE.astype("f4")
    result = TOTAL(2.5, as_kind(image, kind), 1, as_kind(image, kind))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(result), 2 * image + 3.5)
    assert TOTAL(1, 2, 3.5) == 6.5


def test_rasters_that_may_not_be_written_to_stand_among_others() -> None:
    locked = IMAGE.copy()
    locked.flags.writeable = False
    np.testing.assert_array_equal(TOTAL(IMAGE, locked), 2 * IMAGE)


@pytest.mark.parametrize("number", [300, -1, 0.5, np.nan])
def test_a_mask_is_no_other_number_than_a_byte(number: float) -> None:
    with pytest.raises(InvalidArgument, match="a whole number from 0 to 255"):
        SCALED(IMAGE, 2.0, number)


def test_a_number_of_xarray_leaves_no_trace_in_the_metadata() -> None:
    number = xr.DataArray(2.0, attrs={"units": "parsec"}, coords={"somewhere": 1})
    result = SCALED(labelled(IMAGE, "image"), number, 0)
    assert result.attrs["units"] == "furlong"
    assert "somewhere" not in result.coords


def test_what_is_no_number_is_named_with_what_is_accepted() -> None:
    with pytest.raises(InvalidType, match=r"factor must be .*, or a number; got str"):
        SCALED(IMAGE, "twice", 0)
    with pytest.raises(InvalidType, match=r"image must be .*, or a number; got NoneType"):
        TOTAL(IMAGE, None)
