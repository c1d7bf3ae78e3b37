"""Which pixels can be used, and why others cannot."""

from __future__ import annotations

import math
import pickle
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from contract import chunk_sizes, labelled
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.layers import LAYERS
from insarfeat.tiling import (
    CAUSES,
    ValidityRules,
    cause_shares,
    invalid_causes,
    lines_of_causes,
    plan,
    valid_mask,
)

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


# -- causes ---------------------------------------------------------------------------------------------------


def scene(shape: tuple[int, int], seed: int) -> dict[str, Any]:
    """Layers with something of everything wrong in them."""
    rng = np.random.default_rng(seed)
    dem = np.round(rng.normal(0, 0.5, shape)).astype("f4")
    dem[rng.random(shape) < 0.02] = NAN
    coherence = rng.uniform(0.295, 1, shape).astype("f4")
    coherence[rng.random(shape) < 0.02] = NAN
    interferogram = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    interferogram[rng.random(shape) < 0.1] = 0
    return {
        "elevation": dem,
        "coherence": coherence,
        "interferogram": interferogram.astype("c8"),
        "shadow_layover": rng.choice(
            np.array([0, 1, 2, 3, 255], "u1"), shape, p=[0.9, 0.03, 0.03, 0.02, 0.02]
        ),
        "flow_contamination": rng.choice(np.array([0, 1, 255], "u1"), shape, p=[0.8, 0.15, 0.05]),
    }


RULES = ValidityRules(
    min_coherence=0.3,
    water_coherence=0.4,
    flat_relief=1.0,
    grow={"water": 2, "layover": 1.5, "shadow": 2, "low_coherence": 5.4, "missing": 1},
)


def disc(radius: float) -> Any:
    reach = math.floor(radius)
    off = np.arange(-reach, reach + 1)
    return off[:, None] ** 2 + off**2 <= radius**2


def expected_causes(layers: dict[str, Any], footprint: Any, water: Any, rules: ValidityRules) -> Any:
    """The same by whole arrays, a boolean raster for each cause."""
    shape = layers["elevation"].shape
    found = {name: np.zeros(shape, bool) for name in CAUSES}
    found["outside_footprint"] = np.isnan(footprint) | (footprint == 0)
    for layer in [*layers.values(), *([] if water is None else [water])]:
        nodata = (
            layer == 255
            if layer.dtype == np.uint8
            else np.isnan(layer) | (layer.dtype.kind == "c") & (layer == 0)
        )
        found["missing"] |= nodata & ~found["outside_footprint"]
    found["shadow"] = np.isin(layers["shadow_layover"], (1, 3))
    found["layover"] = np.isin(layers["shadow_layover"], (2, 3))
    found["flow_contamination"] = layers["flow_contamination"] == 1
    found["low_coherence"] = layers["coherence"] < np.float32(rules.min_coherence)
    if water is not None:
        found["water"] = water == 1
    else:
        dem = layers["elevation"]
        high = ndimage.maximum_filter(np.where(np.isnan(dem), -np.inf, dem), 3, mode="constant", cval=-np.inf)
        low = ndimage.minimum_filter(np.where(np.isnan(dem), np.inf, dem), 3, mode="constant", cval=np.inf)
        flat = ~np.isnan(dem) & (high - low <= rules.flat_relief)
        found["water"] = flat & (layers["coherence"] < np.float32(rules.water_coherence))
    for name, radius in rules.grow.items():
        found[name] = ndimage.binary_dilation(found[name], disc(radius))
    return sum((mask * np.uint8(CAUSES[name]) for name, mask in found.items()), np.zeros(shape, np.uint8))


@pytest.mark.parametrize("with_water", [True, False])
def test_all_causes_are_those_of_whole_arrays(with_water: bool) -> None:
    layers = scene((61, 47), 1)
    water = (
        np.random.default_rng(2).choice(np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 255], "u1"), (61, 47))
        if with_water
        else None
    )
    expected = expected_causes(layers, layers["interferogram"], water, RULES)
    found = invalid_causes(layers, footprint="interferogram", water=water, rules=RULES)
    np.testing.assert_array_equal(found, expected)
    assert all((expected & bit).any() and (expected & bit == 0).any() for bit in CAUSES.values())


@given(data=st.data(), rows=st.integers(1, 40), columns=st.integers(1, 40), seed=st.integers(0, 99))
def test_any_chunks_give_the_same_bits(data: st.DataObject, rows: int, columns: int, seed: int) -> None:
    layers = scene((rows, columns), seed)
    whole = invalid_causes(layers, footprint="interferogram", rules=RULES)
    lazy = {}
    for name, layer in layers.items():
        lazy[name] = da.from_array(layer, (data.draw(chunk_sizes(rows)), data.draw(chunk_sizes(columns))))
    found = invalid_causes(lazy, footprint="interferogram", rules=RULES)
    assert isinstance(found, da.Array)
    np.testing.assert_array_equal(found.compute(scheduler="sync"), whole)


@given(
    radii=st.lists(st.floats(0, 13), min_size=7, max_size=7),
    chunks=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 99),
)
def test_growth_is_binary_dilation_by_a_disc_bit_by_bit(
    radii: list[float], chunks: tuple[int, int], seed: int
) -> None:
    from insarfeat.tiling import marks

    rng = np.random.default_rng(seed)
    causes = np.zeros((37, 41), np.uint8)
    for bit in CAUSES.values():
        causes |= (rng.random(causes.shape) < 0.01).astype("u1") * np.uint8(bit)
    growth = marks.Growth(tuple(zip(CAUSES, radii, strict=True)))
    found = marks.GROWN(da.from_array(causes, chunks), parameters=growth).compute(scheduler="sync")
    for (name, bit), radius in zip(CAUSES.items(), radii, strict=True):
        expected = ndimage.binary_dilation(causes & bit, disc(radius))
        np.testing.assert_array_equal(found & bit > 0, expected, err_msg=name)


@pytest.mark.parametrize("radius", [254.0, 250.0001, -1, NAN, "2", True])
def test_a_radius_that_cannot_be_grown_by_is_refused(radius: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"grow\['water'\] must be a radius from 0 to 250"):
        ValidityRules(grow={"water": radius})


def test_the_largest_radius_is_grown_by() -> None:
    causes = np.zeros((3, 600), np.uint8)
    causes[1, 300] = 1
    grown = invalid_causes(
        {"landslide": np.where(causes, 255, 0).astype("u1")}, rules=ValidityRules(grow={"missing": 250})
    )
    np.testing.assert_array_equal(np.flatnonzero(grown[1]), np.arange(50, 551))
    np.testing.assert_array_equal(np.flatnonzero(grown[0]), np.arange(51, 550))


def test_nothing_is_missing_where_nothing_was_imaged() -> None:
    slope = np.array([[NAN, NAN, 3.0]])
    imaged = np.array([[NAN, 1.0, NAN]])
    np.testing.assert_array_equal(invalid_causes({"slope": slope}, footprint=imaged), [[2, 1, 2]])
    np.testing.assert_array_equal(invalid_causes({"slope": slope}), [[1, 1, 0]])


def test_only_the_footprint_given_is_one() -> None:
    layers = {"footprint": np.array([[NAN, 1.0]]), "water": np.array([[255, 1]], "u1")}
    np.testing.assert_array_equal(invalid_causes(layers), [[1, 4]])
    np.testing.assert_array_equal(invalid_causes(layers, footprint="water"), [[2, 4]])


def test_whole_metres_of_elevation_are_taken() -> None:
    layers = {"elevation": np.array([[7, 7, 7, 9]], "i2"), "coherence": np.full((1, 4), 0.1, "f4")}
    found = invalid_causes(layers, rules=ValidityRules(water_coherence=0.2))
    np.testing.assert_array_equal(found, [[4, 4, 0, 0]])


def test_a_layer_called_water_is_the_mask_unless_another_is_given() -> None:
    water = np.array([[0, 1, 255, 7]], "u1")
    np.testing.assert_array_equal(invalid_causes({"water": water}), [[0, 4, 1, 0]])
    np.testing.assert_array_equal(invalid_causes({"water": water}, water=water[:, ::-1]), [[0, 1, 4, 0]])
    np.testing.assert_array_equal(
        invalid_causes([np.ones((1, 4))], water=np.array([[0.0, 1.0, NAN, 7.0]])), [[0, 4, 1, 0]]
    )


def test_the_mask_is_believed_rather_than_the_flat_ground() -> None:
    layers = {"elevation": np.zeros((1, 2)), "coherence": np.zeros((1, 2))}
    rules = ValidityRules(water_coherence=0.5)
    np.testing.assert_array_equal(invalid_causes(layers, rules=rules), [[4, 4]])
    water = np.array([[0, 1]], "u1")
    np.testing.assert_array_equal(invalid_causes(layers, water=water, rules=rules), [[0, 4]])


def test_causes_of_a_dataset_say_what_they_are() -> None:
    layers = scene((12, 10), 3)
    stack = xr.Dataset({name: labelled(layer, name) for name, layer in layers.items()}).chunk(y=5)
    found = invalid_causes(stack, footprint="interferogram", rules=RULES)
    assert found.name == "invalid_causes"
    assert found.chunks == ((5, 5, 2), (10,))
    assert found.attrs["flag_meanings"] == " ".join(CAUSES)
    assert found.attrs["flag_masks"].tolist() == [1, 2, 4, 8, 16, 32, 64]
    assert found.attrs["flag_masks"].dtype == np.uint8
    assert "flag_values" not in found.attrs
    assert "below=0.3" in found.attrs["processing"]
    assert "grown" in found.attrs["processing"]
    np.testing.assert_array_equal(found, invalid_causes(layers, footprint="interferogram", rules=RULES))
    again = invalid_causes(stack.assign(invalid_causes=found, valid_mask=valid_mask(found)), rules=RULES)
    np.testing.assert_array_equal(again, invalid_causes(stack, rules=RULES))


def test_several_dates_have_causes_of_their_own() -> None:
    coherence = labelled(np.array([[[0.1, 0.9]], [[0.9, NAN]]]), "coherence", lead=["date"])
    slope = labelled(np.array([[1.0, 2.0]]), "slope")
    found = invalid_causes({"slope": slope, "coherence": coherence}, rules=ValidityRules(min_coherence=0.5))
    assert found.dims == ("date", "y", "x")
    np.testing.assert_array_equal(found, [[[32, 0]], [[0, 1]]])


def test_a_plan_stores_causes_with_their_bits(tmp_path: Any) -> None:
    import insarfeat

    layers = {name: labelled(layer, name) for name, layer in scene((40, 30), 4).items()}
    lazy = {name: layer.chunk(y=7, x=9) for name, layer in layers.items()}
    found = invalid_causes(lazy, footprint="interferogram", rules=RULES)
    plan(found.to_dataset(), tile=16).run(tmp_path / "causes.zarr")
    stored = insarfeat.open_stack(tmp_path / "causes.zarr")["invalid_causes"]
    np.testing.assert_array_equal(stored, invalid_causes(layers, footprint="interferogram", rules=RULES))
    np.testing.assert_array_equal(stored.attrs["flag_masks"], [1, 2, 4, 8, 16, 32, 64])
    assert stored.dtype == np.uint8


@pytest.mark.parametrize("missing", ["coherence", "elevation"])
def test_rules_that_cannot_be_followed_are_told(missing: str) -> None:
    layers = {name: layer for name, layer in scene((3, 3), 0).items() if name != missing}
    with pytest.raises(InvalidArgument, match=f"needs the layer .*{missing}"):
        invalid_causes(layers, rules=RULES)


def test_wrong_arguments_are_told() -> None:
    coherence = np.ones((2, 2))
    with pytest.raises(InvalidArgument, match=r"unknown cause 'layovr' \(did you mean 'layover'\?\)"):
        ValidityRules(grow={"layovr": 2})
    with pytest.raises(InvalidType, match="grow must map causes"):
        ValidityRules(grow=2)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="min_coherence must be a coherence"):
        ValidityRules(min_coherence=30)
    with pytest.raises(InvalidArgument, match="flat_relief must be 0 metres"):
        ValidityRules(flat_relief=-1)
    with pytest.raises(InvalidType, match="rules must be"):
        invalid_causes([coherence], rules={"min_coherence": 0.3})  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=r"names a layer 'coherense'.*did you mean 'coherence'"):
        invalid_causes({"coherence": coherence}, footprint="coherense")
    with pytest.raises(InvalidType, match="coherence must hold real numbers"):
        invalid_causes({"coherence": np.ones((2, 2), "u1")}, rules=ValidityRules(min_coherence=0.3))
    with pytest.raises(GridMismatch):
        invalid_causes({"coherence": coherence, "slope": np.ones((3, 2))})
    with pytest.raises(InvalidArgument, match="nothing but"):
        invalid_causes({"valid_mask": np.ones((2, 2), "u1")})


def test_rules_can_be_sent_to_workers() -> None:
    assert pickle.loads(pickle.dumps(RULES)) == RULES
    assert hash(RULES) == hash(pickle.loads(pickle.dumps(RULES)))


# -- masks of causes ------------------------------------------------------------------------------------------


def test_a_mask_is_put_together_from_the_causes_named() -> None:
    causes = np.arange(128, dtype=np.uint8).reshape(8, 16)
    np.testing.assert_array_equal(valid_mask(causes), causes == 0)
    for name, bit in CAUSES.items():
        np.testing.assert_array_equal(valid_mask(causes, causes=[name]), causes & bit == 0)
        np.testing.assert_array_equal(valid_mask(causes, causes=name), causes & bit == 0)
    np.testing.assert_array_equal(valid_mask(causes, causes=["water", "shadow"]), causes & 20 == 0)
    assert valid_mask(causes, causes=[]).all()


def test_what_nothing_is_known_of_is_never_valid() -> None:
    causes = np.array([[0, 255, 1]], "u1")
    for wanted in (None, ["water"], []):
        assert valid_mask(causes, causes=wanted)[0, 1] == 0


def test_without_rules_the_mask_of_causes_is_that_of_layers() -> None:
    layers = scene((30, 30), 5)
    causes = invalid_causes(layers)
    where = ["missing", "flow_contamination"]
    np.testing.assert_array_equal(valid_mask(causes, causes=where), valid_mask(layers))


def test_causes_in_a_dataset_decide_alone() -> None:
    causes = labelled(np.array([[0, 4, 1]], "u1"), "invalid_causes").chunk(x=2)
    stack = xr.Dataset({"slope": labelled(np.array([[NAN, 1, 1]]), "slope"), "invalid_causes": causes})
    found = valid_mask(stack, causes="missing")
    assert found.name == "valid_mask"
    assert found.attrs["flag_meanings"] == "invalid valid"
    assert found.chunks is not None
    np.testing.assert_array_equal(found, [[1, 1, 0]])


def test_masks_that_cannot_be_put_together_are_told() -> None:
    causes = np.zeros((2, 2), "u1")
    with pytest.raises(
        InvalidArgument, match=r"'shadows' \(did you mean 'shadow'\?\); there are missing, outside"
    ):
        valid_mask(causes, causes=["shadows"])
    with pytest.raises(InvalidArgument, match=r"valid_mask\(invalid_causes\(layers\)"):
        valid_mask([np.ones((2, 2))], causes=["water"])
    with pytest.raises(InvalidType, match="put a single one into a list"):
        valid_mask(labelled(causes, "landslide"))
    with pytest.raises(InvalidType, match="must hold uint8"):
        valid_mask({"invalid_causes": np.ones((2, 2))})


# -- shares ---------------------------------------------------------------------------------------------------


def test_shares_are_those_of_the_pixels_of_which_something_is_known() -> None:
    causes = np.array([[0, 0, 4, 8], [16, 24, 255, 255]], "u1")
    shares = cause_shares(causes)
    assert list(shares) == ["valid", *CAUSES]
    assert shares["valid"] == 2 / 6
    assert shares["water"] == 1 / 6
    assert shares["layover"] == shares["shadow"] == 2 / 6
    assert shares["missing"] == 0


@given(data=st.data(), seed=st.integers(0, 99))
def test_shares_are_the_same_for_any_chunks_and_kinds(data: st.DataObject, seed: int) -> None:
    causes = np.random.default_rng(seed).integers(0, 128, (2, 23, 17)).astype("u1")
    lazy = da.from_array(causes, ((1, 1), data.draw(chunk_sizes(23)), data.draw(chunk_sizes(17))))
    expected = cause_shares(causes)
    assert cause_shares(lazy) == expected
    assert cause_shares(labelled(lazy, "invalid_causes", lead=["date"])) == expected
    for name, bit in CAUSES.items():
        assert expected[name] == np.mean(causes & bit > 0)


def test_lazy_causes_are_read_once() -> None:
    seen = []

    def look(block: Any) -> Any:
        seen.append(block.shape)
        return block

    coherence = da.zeros((40, 30), chunks=10, dtype="f4").map_blocks(
        look, dtype="f4", meta=np.empty((0, 0), "f4")
    )
    rules = ValidityRules(min_coherence=0.5, grow={"low_coherence": 3})
    shares = cause_shares(invalid_causes({"coherence": coherence}, rules=rules))
    assert shares["low_coherence"] == 1
    assert len(seen) == 12


def test_shares_of_nothing_are_unknown() -> None:
    assert all(math.isnan(share) for share in cause_shares(np.full((2, 2), 255, "u1")).values())
    assert lines_of_causes(cause_shares(np.full((2, 2), 255, "u1")))[0].startswith("valid")
    with pytest.raises(InvalidType, match="causes must be the layer invalid_causes"):
        cause_shares(np.ones((2, 2)))


def test_lines_leave_out_what_does_not_occur_and_round_nothing_away() -> None:
    lines = lines_of_causes({"valid": 0.99999, "water": 0.0, "low_coherence": 0.00001})
    assert lines == ["valid          >99.9 %", "low coherence   <0.1 %"]


def test_bits_leave_the_byte_of_nodata_alone() -> None:
    assert sum(CAUSES.values()) == 127
    assert [bit for bit, _ in LAYERS["invalid_causes"].masks] == [1 << k for k in range(7)]
