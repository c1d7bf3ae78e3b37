"""The layers of stacks, against the single functions that they are made with."""

from __future__ import annotations

import numpy as np
import pytest
import stack_scenes
import xarray as xr
from stack_scenes import ANGLES, given, product, same, scene

from insarfeat import filters, geometry, stacks, terrain, tiling
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.georeference import grid_of
from insarfeat.stacks import Recipe
from insarfeat.stacks.layers import MAKERS, stack_layers
from insarfeat.stacks.sources import KEYWORDS, Sources

ON_ITS_OWN_MAP = Recipe.named("detection").changed(grid={"crs": "own", "resolution": None})


def layers(*names: str, recipe: Recipe = ON_ITS_OWN_MAP, **sources: object) -> xr.Dataset:
    """Layers on the scene's own map, so that nothing is resampled."""
    everything = {**given(), "grid": scene()["elevation"], **sources}
    everything = {name: value for name, value in everything.items() if value is not None}
    return stack_layers(recipe.changed(layers=names), Sources.of(everything))


def test_the_phase_is_that_of_the_filters() -> None:
    images = scene()
    ifg = filters.interferogram(images["primary"], images["secondary"])
    assert same(layers("wrapped_phase")["wrapped_phase"], filters.filtered_phase(ifg))


def test_coherence_comes_from_the_images_or_with_the_product() -> None:
    images = scene()
    expected = filters.coherence(images["primary"], images["secondary"], window=(5, 5))
    assert same(layers("coherence")["coherence"], expected)
    of_product = layers("coherence", interferogram=product(), primary=None, secondary=None)
    assert same(of_product["coherence"], expected)
    own = xr.full_like(expected, 0.5)
    assert (layers("coherence", coherence=own)["coherence"] == 0.5).all()


def test_a_lone_interferogram_gets_the_coherence_of_its_phase_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lone = product()[["interferogram"]]
    found = layers("coherence", interferogram=lone, primary=None, secondary=None)
    assert same(found["coherence"], filters.phase_coherence(lone["interferogram"], window=(5, 5)))
    assert "came without coherence" in caplog.text


def test_the_sensitivity_is_that_of_the_document() -> None:
    images = scene()
    dem = images["elevation"]
    coherence = filters.coherence(images["primary"], images["secondary"])
    slope, aspect = terrain.slope(dem), terrain.aspect(dem)
    s2l = geometry.slope_to_los(slope, aspect, *ANGLES.values())
    weight = 1 / (1 + np.exp(-20 * (coherence - 0.3)))
    expected = abs(s2l) * coherence * weight
    seen = geometry.shadow_layover(dem, *ANGLES.values())
    found = layers("sensitivity", "signed_sensitivity")
    np.testing.assert_allclose(found["sensitivity"], expected.where(seen == 0, 0), atol=2e-6)
    assert (np.sign(found["signed_sensitivity"]) == np.sign(s2l.where(seen == 0, 0) * weight)).mean() > 0.999


def test_terrain_layers_are_those_of_the_whole_dem() -> None:
    """The stack covers the middle of the DEM; water comes from beyond it."""
    dem = scene()["elevation"]
    middle = dem.isel(y=slice(40, 120), x=slice(50, 130))
    names = ("slope", "aspect", "convexity", "tri", "twi", "terrain_pc1", "flow_accumulation")
    found = layers(*names, grid=middle)
    whole = {
        "slope": terrain.slope(dem),
        "aspect": terrain.aspect(dem),
        "convexity": terrain.convexity(dem, radius=10),
        "tri": terrain.tri(dem, variant="saga"),
        "twi": terrain.twi(dem),
        "terrain_pc1": terrain.terrain_pc1(dem),
        "flow_accumulation": terrain.flow_accumulation(dem),
    }
    for name, layer in whole.items():
        cut = layer.isel(y=slice(40, 120), x=slice(50, 130)).values
        np.testing.assert_allclose(found[name].values, cut, rtol=1e-6, atol=1e-5, err_msg=name)


def test_on_another_map_layers_meet_pixel_by_pixel() -> None:
    everything = ("wrapped_phase", "coherence", "sensitivity", "elevation", "terrain_pc1", "valid_mask")
    there = stack_layers(
        Recipe.named("detection").changed(layers=everything, grid={"crs": "EPSG:3035", "resolution": 20}),
        Sources.of(given()),
    )
    assert {layer.shape for layer in there.data_vars.values()} == {there["elevation"].shape}
    grid = grid_of(there["elevation"])
    images = scene()
    filtered = filters.goldstein(
        filters.gaussian(filters.interferogram(images["primary"], images["secondary"]), width=100)
    )
    expected = filters.wrapped_phase(geometry.regrid(filtered, grid))
    assert same(there["wrapped_phase"], expected)


def test_finer_interferograms_are_multilooked_before_they_are_filtered() -> None:
    recipe = Recipe.named("detection").changed(
        layers=("wrapped_phase", "coherence"), grid={"crs": "own", "resolution": 30}
    )
    found = stack_layers(recipe, Sources.of(given()))
    images = scene()
    ifg = filters.multilook(filters.interferogram(images["primary"], images["secondary"]), looks=(2, 2))
    filtered = filters.goldstein(filters.gaussian(ifg, width=100))
    expected = filters.wrapped_phase(geometry.regrid(filtered, grid_of(found["wrapped_phase"])))
    assert same(found["wrapped_phase"], expected)
    wide = filters.coherence(images["primary"], images["secondary"], window=(11, 11))
    there = geometry.regrid(filters.multilook(wide, looks=(2, 2)), grid_of(found["coherence"]))
    np.testing.assert_array_equal(found["coherence"].values, there.values)


def test_two_images_are_a_pair_called_by_their_days() -> None:
    images = scene()
    days = {"primary": "2023-09-04", "secondary": "2023-09-16"}
    given_as = {name: images[[name]].assign_attrs(primary_date=day) for name, day in days.items()}
    (pair,) = Sources.of(given_as).pairs
    assert pair.name == "20230904_20230916"
    turned = {"primary": given_as["secondary"], "secondary": given_as["primary"]}
    turned = {
        "primary": turned["primary"].rename(secondary="primary"),
        "secondary": turned["secondary"].rename(primary="secondary"),
    }
    with pytest.raises(InvalidArgument, match="not later; swap them"):
        Sources.of(turned)


def test_displacement_is_toward_the_satellite_at_the_products_wavelength() -> None:
    unwrapped = xr.full_like(scene()["elevation"], 4 * np.pi).rename("unwrapped_phase")
    pair = product().assign_attrs(wavelength_m=0.24)
    found = layers(
        "displacement", interferogram=pair, primary=None, secondary=None, unwrapped_phase=unwrapped
    )
    np.testing.assert_allclose(found["displacement"], -0.24, rtol=1e-6)


def test_intensity_is_that_of_the_primary() -> None:
    assert same(layers("intensity")["intensity"], filters.intensity(scene()["primary"]))


def test_the_line_of_sight_may_come_as_a_vector_or_as_angles() -> None:
    east, north, up = geometry.los_from_incidence(*ANGLES.values())
    dem = scene()["elevation"]
    vector = {
        name: xr.full_like(dem, float(part))
        for name, part in zip(("los_east", "los_north", "los_up"), (east, north, up), strict=True)
    }
    by_angles = layers("local_incidence", "los_east", "incidence")
    by_vector = layers("local_incidence", "los_east", "incidence", incidence=None, heading=None, **vector)
    for name in by_angles:
        np.testing.assert_allclose(by_vector[name], by_angles[name], atol=1e-4)


def test_landslides_become_a_band() -> None:
    square = stack_scenes.square(scene()["elevation"], 30, 50)
    found = layers("landslide", landslides=square)["landslide"]
    assert found.dtype == np.uint8
    assert found.values[30:50, 30:50].all()
    assert found.values.sum() == 400


def test_blanked_causes_make_bands_nodata_and_masks_stay() -> None:
    dem = scene()["elevation"]
    lake = xr.zeros_like(dem, dtype="u1").rename("water")
    lake[20:40, 20:40] = 1
    recipe = ON_ITS_OWN_MAP.changed(
        validity={"blank": ["water"], "causes": ["missing", "water"], "water_coherence": None}
    )
    found = layers("wrapped_phase", "elevation", "valid_mask", "invalid_causes", recipe=recipe, water=lake)
    assert np.isnan(found["wrapped_phase"].values[20:40, 20:40]).all()
    assert np.isnan(found["elevation"].values[20:40, 20:40]).all()
    assert np.isfinite(found["elevation"].values).sum() == dem.size - 400
    assert not found["valid_mask"].values[20:40, 20:40].any()
    assert (found["invalid_causes"].values[20:40, 20:40] & tiling.CAUSES["water"]).all()


def test_what_the_radar_did_not_image_is_told_from_what_is_missing() -> None:
    pair = product()
    ifg = pair["interferogram"].copy()
    ifg[:, :30] = np.nan
    dem = scene()["elevation"].copy()
    dem[100:110] = np.nan
    found = layers(
        "wrapped_phase",
        "elevation",
        "invalid_causes",
        interferogram=pair.assign(interferogram=ifg),
        primary=None,
        secondary=None,
        dem=dem,
    )["invalid_causes"].values
    causes = tiling.CAUSES
    assert (found[:90, :30] & causes["outside_footprint"]).all()
    assert not (found[:, 40:] & causes["outside_footprint"]).any()
    assert (found[100:110, 40:] & causes["missing"]).all()


def test_rounded_layers_say_to_what() -> None:
    recipe = ON_ITS_OWN_MAP.changed(precision={"coherence": 0.01})
    found = layers("coherence", recipe=recipe)["coherence"]
    plain = layers("coherence")["coherence"]
    assert found.attrs["precision"] == 0.01
    assert 0 < np.abs(found - plain).max() <= 0.005
    with pytest.raises(InvalidArgument, match="only real layers can be rounded"):
        layers("valid_mask", recipe=ON_ITS_OWN_MAP.changed(precision={"valid_mask": 1}))


def test_a_stack_says_how_it_was_made() -> None:
    found = layers("wrapped_phase", interferogram=product(), primary=None, secondary=None)
    assert found.attrs["primary_date"] == "2023-01-01"
    assert "detection stack of 20230101_20230113" in found.attrs["title"]
    assert Recipe.model_validate_json(found.attrs["insarfeat_recipe"]).layers == ("wrapped_phase",)
    assert "goldstein" in found["wrapped_phase"].attrs["processing"]


def test_a_dem_of_elsewhere_is_refused_at_once() -> None:
    dem = scene()["elevation"]
    with pytest.raises(InvalidArgument, match="the DEM lies elsewhere"):
        layers("terrain_pc1", dem=dem.assign_coords(x=dem.x + 50_000))


def test_a_dem_of_a_part_of_the_scene_is_told(caplog: pytest.LogCaptureFixture) -> None:
    layers("slope", dem=scene()["elevation"].isel(x=slice(0, 120)))
    assert "the DEM covers 75 % of the map" in caplog.text


def test_a_stack_keeps_the_loadings_of_its_composite() -> None:
    told = layers("terrain_pc1")["terrain_pc1"].attrs
    assert '"slope": 0.6037' in told["loadings"]
    assert told["explained_variance_ratio"] == pytest.approx(0.5907, abs=1e-4)


def test_a_stack_says_where_the_radar_looks_from_at_its_middle() -> None:
    assert {name: layers("coherence").attrs[name] for name in ANGLES} == ANGLES
    there = scene()
    rasters = {name: xr.full_like(there["elevation"], angle) for name, angle in ANGLES.items()}
    found = layers("coherence", **rasters).attrs
    assert {name: found[name] for name in ANGLES} == pytest.approx(ANGLES, abs=1e-4)
    unknown = layers("coherence", incidence=None, heading=None).attrs
    assert not set(ANGLES) & set(unknown)


def test_everything_is_lazy_for_lazy_sources() -> None:
    images = scene().chunk(y=50, x=50)
    lazy = {name: images[name] for name in ("primary", "secondary")} | {"dem": images["elevation"]}
    recipe = Recipe.named("event").changed(
        layers=tuple(n for n in Recipe.named("event").layers if n != "landslide")
    )
    found = stack_layers(recipe, Sources.of({**lazy, **ANGLES}))
    assert all(layer.chunks is not None for layer in found.data_vars.values())


@pytest.mark.parametrize(
    ("name", "gone", "told"),
    [
        ("terrain_pc1", "dem", "a DEM is needed: give dem="),
        ("sensitivity", "incidence", "where the radar looks from is not known"),
        ("landslide", None, "needs polygons: give landslides="),
        ("intensity", "images", "came without intensity"),
        ("wrapped_phase", "all", "needs an interferogram"),
    ],
)
def test_what_a_layer_needs_is_asked_for_by_name(name: str, gone: str | None, told: str) -> None:
    less: dict[str, object] = {gone: None} if gone in ("dem", "incidence") else {}
    if gone == "images":
        less = {"primary": None, "secondary": None, "interferogram": product()}
    if gone == "all":
        less = {"primary": None, "secondary": None}
    with pytest.raises(InvalidArgument, match=told):
        layers(name, **less)


def test_sources_that_cannot_be_are_refused() -> None:
    with pytest.raises(
        InvalidArgument, match=r"'interferogramm' is nothing that a stack is made from .did you mean"
    ):
        Sources.of({"interferogramm": product()})
    with pytest.raises(InvalidArgument, match="not both"):
        Sources.of({"interferogram": product(), "primary": scene()["primary"]})
    with pytest.raises(InvalidArgument, match="go together"):
        Sources.of({"primary": scene()["primary"]})
    with pytest.raises(InvalidType, match="bare array"):
        Sources.of({"dem": scene()["elevation"].values})
    with pytest.raises(InvalidArgument, match="complex image"):
        Sources.of({"primary": scene()["elevation"], "secondary": scene()["elevation"]})
    with pytest.raises(InvalidArgument, match="neither interferogram nor wrapped_phase"):
        Sources.of({"interferogram": scene()[["elevation"]]})
    smaller = scene()["secondary"].isel(y=slice(9))
    with pytest.raises(GridMismatch):
        Sources.of({"primary": scene()["primary"], "secondary": smaller})


def test_pixels_far_from_the_composites_are_told(caplog: pytest.LogCaptureFixture) -> None:
    coarse = Recipe.named("detection").changed(layers=("terrain_pc1",), grid={"resolution": 60})
    stack_layers(coarse, Sources.of(given()))
    assert "was fitted at 15 m" in caplog.text


def test_every_layer_of_the_table_can_be_made() -> None:
    names = tuple(name for name in MAKERS if name not in ("unwrapped_phase", "displacement"))
    square = stack_scenes.square(scene()["elevation"], 30, 50)
    found = layers(*names, landslides=square)
    assert tuple(found.data_vars) == names
    for name, layer in found.data_vars.items():
        values = layer.values
        assert values.dtype == layer.dtype, name
        assert (np.isfinite(values) if values.dtype.kind in "fc" else values != 255).mean() > 0.9, name


def test_the_words_for_sources_are_all_told() -> None:
    assert stacks.build_stack.__doc__ is not None
    for word in KEYWORDS:
        assert f"``{word}``" in stacks.build_stack.__doc__, word


def test_an_unwrapped_phase_alone_tells_what_the_radar_imaged() -> None:
    unwrapped = xr.full_like(scene()["elevation"], 1.0)
    unwrapped[:, :40] = np.nan
    lone = xr.Dataset({"unwrapped_phase": unwrapped, "coherence": product()["coherence"]})
    found = layers("unwrapped_phase", "invalid_causes", interferogram=lone, primary=None, secondary=None)
    outside = found["invalid_causes"].values & tiling.CAUSES["outside_footprint"] > 0
    assert outside[:, :40].all()
    assert not outside[:, 40:].any()
