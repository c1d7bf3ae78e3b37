"""From a stack to a model's bands: what is taken, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_models
import xarray as xr

import insarfeat
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from zoo.description import Band
from zoo.inputs import opened, prepared

DESCRIPTION = small_models.MASKS
STACK = small_models.stack(90, 80)


def bands_of(stack: xr.Dataset, description=DESCRIPTION, resample: bool = False):
    return prepared(description, stack, resample=resample)


def test_bands_come_in_the_order_of_the_model_whatever_that_of_the_stack() -> None:
    found = bands_of(STACK[["elevation", "coherence", "wrapped_phase"]])
    assert list(found.bands) == ["wrapped_phase", "coherence", "elevation"]
    assert found.laying.places == (0, 1, 2)
    assert found.missing == ()


def test_other_layers_do_not_matter() -> None:
    found = bands_of(STACK.assign(slope=STACK["coherence"] * 0))
    assert list(found.bands) == ["wrapped_phase", "coherence", "elevation"]


def test_a_band_that_is_not_required_may_be_missing() -> None:
    found = bands_of(STACK.drop_vars("elevation"))
    assert found.laying.places == (0, 1)
    assert found.missing == ("elevation",)


def test_a_required_band_that_is_missing_is_named_with_what_there_is() -> None:
    with pytest.raises(InvalidArgument, match=r"no coherence.*small-masks.*wrapped_phase, elevation"):
        bands_of(STACK.drop_vars("coherence"))


@pytest.mark.parametrize(
    ("name", "attributes", "told"),
    [
        ("wrapped_phase", {"units": "degree"}, "'degree'.*'radian'"),
        ("elevation", {"units": "ft"}, "'ft'.*'m'"),
        ("coherence", {"units": "percent"}, "'percent'"),
    ],
)
def test_other_units_are_refused(name: str, attributes: dict, told: str) -> None:
    stack = STACK.copy()
    stack[name] = stack[name].assign_attrs(attributes)
    with pytest.raises(InvalidArgument, match=told):
        bands_of(stack)


@pytest.mark.parametrize("units", ["rad", "radians", "radian", "Radians"])
def test_units_may_be_written_otherwise(units: str) -> None:
    bands_of(STACK.assign(wrapped_phase=STACK["wrapped_phase"].assign_attrs(units=units)))


def test_phase_that_is_no_wrapped_phase_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="unwrapped, or not in radians"):
        bands_of(STACK.assign(wrapped_phase=STACK["wrapped_phase"] * 57.3))


def test_coherence_in_bytes_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="between 0 and 1"):
        bands_of(STACK.assign(coherence=STACK["coherence"] * 255))


MOVING = DESCRIPTION.model_copy(
    update={
        "bands": (
            *DESCRIPTION.bands,
            Band(name="displacement", required=False),
            Band(name="unwrapped_phase", required=False),
        )
    }
)


def moving(sign: float, scale: float = 1.0) -> xr.Dataset:
    unwrapped = STACK["elevation"] / 50
    return STACK.assign(
        unwrapped_phase=unwrapped.drop_attrs(),
        displacement=(sign * scale * 0.05546576 / (4 * np.pi) * unwrapped).drop_attrs(),
    )


def test_displacement_of_the_other_sign_is_refused() -> None:
    bands_of(moving(-1.0), MOVING)
    with pytest.raises(InvalidArgument, match="positive away"):
        bands_of(moving(+1.0), MOVING)


def test_displacement_in_millimetres_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="not in metres"):
        bands_of(moving(-1.0, 1000.0), MOVING)


def test_a_composite_of_the_scene_itself_is_refused() -> None:
    description = DESCRIPTION.model_copy(update={"bands": (*DESCRIPTION.bands, Band(name="terrain_pc1"))})
    own = insarfeat.terrain.terrain_pc1(STACK["elevation"], components="fit")
    with pytest.raises(InvalidArgument, match="composite of its own"):
        bands_of(STACK.assign(terrain_pc1=own), description)
    bands_of(STACK.assign(terrain_pc1=insarfeat.terrain.terrain_pc1(STACK["elevation"])), description)


def coarser(stack: xr.Dataset, factor: float) -> xr.Dataset:
    return stack.assign_coords(y=stack["y"] * factor, x=(stack["x"] - 500_000) * factor + 500_000)


def test_other_pixel_sizes_are_refused_with_a_way_out() -> None:
    with pytest.raises(GridMismatch, match=r"30 x 30 m.*between 10 and 20 m.*resample=True"):
        bands_of(coarser(STACK, 2.0))


def test_pixel_sizes_within_the_range_pass() -> None:
    assert bands_of(coarser(STACK, 1.3)).grid.x.step == pytest.approx(19.5)


def test_resampling_brings_all_bands_to_the_size_of_the_model() -> None:
    found = bands_of(coarser(STACK, 2.0), resample=True)
    assert found.grid.x.step == pytest.approx(15.0)
    assert {raster.shape for raster in found.bands.data_vars.values()} == {
        (180, 161)
    }  # on a lattice of its own


def test_degrees_are_resampled_to_metres() -> None:
    degrees = STACK.drop_vars("spatial_ref").assign_coords(
        y=46.0 - 0.0003 * np.arange(90), x=9.0 + 0.0003 * np.arange(80)
    )
    degrees = degrees.rename(y="lat", x="lon")
    with pytest.raises(GridMismatch, match="resample"):
        bands_of(degrees)
    found = bands_of(degrees, resample=True)
    assert abs(found.grid.x.step) == pytest.approx(15.0)
    assert found.grid.crs_wkt is not None
    assert "UTM zone 32N" in found.grid.crs_wkt


def test_bands_on_several_grids_are_refused() -> None:
    with pytest.raises(GridMismatch):
        bands_of(STACK.assign(elevation=STACK["elevation"].assign_coords(x=STACK["x"] + 7.5).rename(x="x2")))


def test_rasters_without_coordinates_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="no coordinates"):
        bands_of(STACK.drop_vars(["y", "x"]))


def test_complex_layers_are_refused() -> None:
    with pytest.raises(InvalidType, match="complex64"):
        bands_of(STACK.assign(coherence=STACK["coherence"].astype("c8")))


def test_area_of_a_pixel_is_that_on_the_ground() -> None:
    assert bands_of(STACK).pixel_area == pytest.approx(225.0, rel=2e-3)


def pairs() -> xr.Dataset:
    return xr.concat([STACK, STACK], "pair", data_vars=["wrapped_phase", "coherence"]).assign_coords(
        pair=["20230101_20230113", "20230113_20230125"]
    )


def test_one_of_several_pairs_can_be_chosen() -> None:
    one = opened(pairs(), "20230113_20230125")
    assert one["coherence"].dims == ("y", "x")
    assert str(one["pair"].values) == "20230113_20230125"
    with pytest.raises(InvalidArgument, match="20230101_20230113, 20230113_20230125"):
        opened(pairs(), "20200101_20200113")
    with pytest.raises(InvalidArgument, match="one pair only"):
        opened(STACK, "20230101_20230113")


def test_pairs_stay_along_their_dimension() -> None:
    found = bands_of(pairs())
    assert found.bands["wrapped_phase"].dims == ("pair", "y", "x")
    assert found.bands["elevation"].dims == ("y", "x")


def test_a_path_is_opened(tmp_path: Path) -> None:
    path = insarfeat.write(STACK, tmp_path / "stack.nc")
    assert set(DESCRIPTION.band_names) <= set(opened(path, None))
    with pytest.raises(InvalidType, match="path or an xarray Dataset"):
        opened(3, None)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.3])
def test_slopes_are_those_on_the_ground_at_any_pixel_size(factor: float) -> None:
    """A plane that rises by a fifth: the stem divides by the model's pixel size, so heights are scaled."""
    plane = STACK.assign(elevation=STACK["elevation"] * 0 + 0.2 * (STACK["x"] - 500_000) * factor)
    found = bands_of(coarser(plane, factor))
    raw = found.laying.laid([found.bands[name].values for name in found.bands])
    rise = np.diff(raw[2], axis=1).mean() / DESCRIPTION.pixel
    assert rise == pytest.approx(0.2, rel=3e-3)  # the scale of the map differs from 1 by a thousandth
    assert found.laying.factors[:2] == (1.0, 1.0)


def test_bands_are_laid_in_the_places_of_the_model_and_the_others_are_nan() -> None:
    found = bands_of(STACK.drop_vars("elevation"))
    raw = found.laying.laid([np.ones((2, 3)), 2 * np.ones((2, 3))])
    assert raw.shape == (3, 2, 3)
    assert (raw[0] == 1).all()
    assert (raw[1] == 2).all()
    assert np.isnan(raw[2]).all()
    assert found.laying.known(raw).all()


def test_one_of_several_interferograms_in_a_folder_can_be_chosen(tmp_path: Path) -> None:
    names = ("20230101_20230113", "20230113_20230125")
    for number, name in enumerate(names):
        for layer in ("wrapped_phase", "coherence"):
            insarfeat.write(STACK[[layer]] * (1 - number / 2), tmp_path / f"{name}_{layer}.tif")
    found = opened(tmp_path, names[1])
    np.testing.assert_allclose(found["coherence"].values, STACK["coherence"].values / 2)
    with pytest.raises(InvalidArgument, match="name one with pair="):
        opened(tmp_path, None)


def test_a_stored_stack_of_pairs_gives_one_of_them(tmp_path: Path) -> None:
    path = insarfeat.write(pairs(), tmp_path / "pairs.nc")
    one = opened(path, "20230113_20230125")
    assert one["coherence"].dims == ("y", "x")
    with pytest.raises(InvalidArgument, match="the stack holds"):
        opened(path, "20200101_20200113")
