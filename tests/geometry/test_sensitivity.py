"""Trust from coherence, and the sensitivity layer made of it."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from insarfeat.errors import GridMismatch, InvalidArgument
from insarfeat.geometry import coherence_weight, sensitivity_layer, slope_to_los

Array = NDArray[np.float64]


def weight(coherence: Array, midpoint: float, steepness: float) -> Array:
    """The same by a hyperbolic tangent, in double."""
    return 0.5 + 0.5 * np.tanh(steepness * (coherence.astype("f8") - midpoint) / 2)


def million(seed: int = 0) -> Array:
    """Coherences from 0 to 1, with both ends."""
    drawn = np.random.default_rng(seed).random((1000, 1000)).astype("f4")
    drawn[0, :4] = 0, 1, 0.3, np.float32(1e-30)
    return drawn


# -- the weight -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [np.full((2, 2), 200.0), np.full((2, 2), -0.5)])
def test_what_is_no_coherence_is_refused(wrong: Any) -> None:
    for call in (coherence_weight, lambda values: sensitivity_layer(values, np.ones((2, 2)))):
        with pytest.raises(InvalidArgument, match=r"coherence must be from 0 to 1.*divided by 255"):
            call(wrong)


def test_half_the_trust_at_the_midpoint_and_the_rest_within_four_over_the_steepness() -> None:
    found = coherence_weight(np.array([[0.3, 0.4, 0.2, 0.0, 1.0]]))
    np.testing.assert_allclose(found, [[0.5, 0.880797, 0.119203, 0.0024726, 0.99999917]], rtol=1e-5)


@given(midpoint=st.floats(0, 1), steepness=st.floats(1e-3, 500))
def test_the_weight_is_the_logistic_function_in_double(midpoint: float, steepness: float) -> None:
    coherence = np.linspace(0, 1, 200)[np.newaxis]
    found = coherence_weight(coherence, midpoint=midpoint, steepness=steepness)
    np.testing.assert_allclose(found, weight(coherence, midpoint, steepness), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("midpoint", "steepness"), [(0.3, 20.0), (0.0, 1.0), (1.0, 50.0), (0.5, 100.0), (0.3, 1e-3)]
)
def test_the_weight_in_single_precision_is_within_a_millionth(midpoint: float, steepness: float) -> None:
    coherence = million()
    found = coherence_weight(coherence, midpoint=midpoint, steepness=steepness)
    assert found.dtype == np.float32
    assert np.abs(found - weight(coherence, midpoint, steepness)).max() < 1e-6


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("steepness", [1e3, 1e6, 1e30])
def test_the_steepest_weight_is_a_step(dtype: Any, steepness: float) -> None:
    found = coherence_weight(np.array([[0.0, 0.1, 0.9, 1.0]], dtype), midpoint=0.5, steepness=steepness)
    np.testing.assert_allclose(found, [[0, 0, 1, 1]], atol=1e-30)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_no_coherence_no_weight(dtype: Any) -> None:
    found = coherence_weight(np.array([[np.nan, 0.5, np.nan]], dtype))
    np.testing.assert_array_equal(np.isnan(found), [[True, False, True]])


def test_a_number_has_a_weight_too() -> None:
    assert coherence_weight(0.3) == pytest.approx(0.5)


# -- the layer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signed", [False, True])
def test_the_layer_is_the_product(signed: bool) -> None:
    coherence, facing = million(1), np.random.default_rng(2).uniform(-1, 1, (1000, 1000)).astype("f4")
    exact = facing.astype("f8") * coherence * weight(coherence, 0.3, 20.0)
    exact = exact if signed else np.abs(exact)
    found = sensitivity_layer(coherence, facing, signed=signed)
    assert np.abs(found - exact).max() < 1e-6
    double = sensitivity_layer(coherence.astype("f8"), facing.astype("f8"), signed=signed)
    assert np.abs(double - exact).max() < 1e-14


def test_midpoint_and_steepness_go_into_the_layer() -> None:
    found = sensitivity_layer(np.array([[0.6]]), np.array([[-0.5]]), midpoint=0.5, steepness=10.0)
    assert found[0, 0] == pytest.approx(0.5 * 0.6 / (1 + np.exp(-1)))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_shadow_and_layover_are_useless_and_the_unknown_is_nodata(signed: bool, dtype: Any) -> None:
    visibility = np.array([[0, 1, 2, 3, 255, 0]], np.uint8)
    coherence, facing = np.full((1, 6), 0.9, dtype), np.full((1, 6), -0.8, dtype)
    facing[0, 5] = np.nan
    seen = sensitivity_layer(coherence[:, :1], facing[:, :1], signed=signed)[0, 0]
    found = sensitivity_layer(coherence, facing, visibility=visibility, signed=signed)
    np.testing.assert_array_equal(found, [[seen, 0, 0, 0, np.nan, np.nan]])
    assert not np.signbit(found[0, 1:4]).any()


@pytest.mark.parametrize("value", [0, 1, 2, 3, 255])
@pytest.mark.parametrize("kind", ["numpy", "dask", "xarray"])
def test_one_visibility_may_hold_for_all(value: int, kind: str) -> None:
    coherence, facing = np.full((4, 5), 0.9, "f4"), np.full((4, 5), -0.8, "f4")
    expected = sensitivity_layer(coherence, facing, visibility=np.full((4, 5), value, np.uint8))
    given: Any = {
        "numpy": coherence,
        "dask": da.from_array(coherence, chunks=2),
        "xarray": xr.DataArray(coherence, dims=("y", "x")),
    }[kind]
    found = sensitivity_layer(given, facing, visibility=value)
    np.testing.assert_array_equal(np.asarray(found), expected)


def test_what_is_nodata_stays_so_in_shadow() -> None:
    found = sensitivity_layer(
        np.array([[np.nan, 0.5]]), np.array([[0.5, np.nan]]), visibility=np.ones((1, 2), "u1")
    )
    assert np.isnan(found).all()


def test_level_ground_is_useless_although_it_faces_nowhere() -> None:
    facing = slope_to_los(np.zeros((1, 3)), np.full((1, 3), np.nan), 39.0, -12.0)
    np.testing.assert_array_equal(sensitivity_layer(np.full((1, 3), 0.9), facing), np.zeros((1, 3)))


@pytest.mark.parametrize("numbers", [("coherence",), ("facing",), ("coherence", "facing")])
def test_numbers_stand_for_rasters_of_one_value(numbers: tuple[str, ...]) -> None:
    full = {"coherence": np.full((3, 4), 0.6, "f4"), "facing": np.full((3, 4), -0.7, "f4")}
    given: list[Any] = [0.6 if "coherence" in numbers else full["coherence"]]
    given += [-0.7 if "facing" in numbers else full["facing"]]
    visibility = np.zeros((3, 4), np.uint8)
    visibility[1, 1] = 2
    found = sensitivity_layer(*given, visibility=visibility)
    np.testing.assert_allclose(
        found, sensitivity_layer(*full.values(), visibility=visibility), rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("signed", [False, True])
def test_the_layer_is_named_by_whether_it_has_a_sign(signed: bool) -> None:
    coherence = xr.DataArray(np.full((3, 4), 0.6, "f4"), dims=("y", "x"), name="coherence")
    assert sensitivity_layer(coherence, -0.7, signed=signed).name == (
        "signed_sensitivity" if signed else "sensitivity"
    )


@pytest.mark.parametrize(
    "function", [coherence_weight, lambda c, **chosen: sensitivity_layer(c, c, **chosen)]
)
@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"midpoint": 1.5}, "midpoint must be a number from 0 to 1; got 1.5"),
        ({"midpoint": -0.1}, "midpoint must be a number from 0 to 1"),
        ({"midpoint": float("nan")}, "midpoint must be a number from 0 to 1"),
        ({"midpoint": "high"}, "midpoint must be a number from 0 to 1; got 'high'"),
        ({"steepness": 0}, "steepness must be a number above 0; got 0"),
        ({"steepness": -3.0}, "steepness must be a number above 0"),
        ({"steepness": float("inf")}, "steepness must be a number above 0, and finite; got inf"),
    ],
)
def test_parameters_that_make_no_weight_are_refused(
    function: Any, chosen: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        function(np.full((2, 2), 0.5), **chosen)


def test_rasters_of_two_grids_are_refused() -> None:
    with pytest.raises(GridMismatch, match="slope_to_los is 3 x 4 pixels"):
        sensitivity_layer(np.ones((2, 2)), np.ones((3, 4)))
