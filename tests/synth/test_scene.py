"""The synthetic scene as its users may rely on it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import insarfeat
from insarfeat import synth
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.synth import IMAGES, PLAIN
from insarfeat.windows import Window

PIXEL = 15.0
COMMON = {
    "interferogram", "coherence", "intensity", "wrapped_phase", "unwrapped_phase", "displacement", "sensitivity",
    "elevation", "incidence", "heading", "local_incidence", "slope_to_los", "shadow_layover", "terrain_pc1",
    "landslide", "valid_mask", "landslide_kind", "landslide_id", "artefact", "displacement_true", "phase_true",
    "atmosphere_true", "coherence_true", "unwrapping_errors",
}  # fmt: skip


@functools.cache
def scene(seed: int = 7, size: int = 160, style: Any = "plain", **more: Any) -> xr.Dataset:
    return synth.scene(seed, size=size, style=style, **more)


def images() -> xr.Dataset:
    return scene(style="images")


def rasters(made: xr.Dataset) -> list[str]:
    return [str(name) for name, variable in made.data_vars.items() if variable.dims == ("y", "x")]


def same(one: xr.Dataset, other: xr.Dataset, names: Any) -> None:
    for name in names:
        np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)


def test_the_seed_alone_decides_the_scene() -> None:
    xr.testing.assert_identical(synth.scene(3, size=48), synth.scene(np.int64(3), size=48))  # type: ignore[arg-type]


def test_two_seeds_give_two_scenes() -> None:
    first, second = scene(3, 48), scene(4, 48)
    for name in ("elevation", "interferogram", "coherence", "wrapped_phase", "atmosphere_true"):
        assert not np.array_equal(first[name], second[name]), name


def test_global_random_state_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002 - the old global state is tested
    synth.scene(3, size=32)
    assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]  # noqa: NPY002


@pytest.mark.parametrize("style", ["plain", "shifted", "images"])
def test_every_style_has_every_layer_without_nodata(style: str) -> None:
    made = scene(5, 96, style)
    pair = {"primary", "secondary"} if style == "images" else set()
    assert set(rasters(made)) == COMMON | pair
    for name in rasters(made):
        assert np.isfinite(made[name]).all(), name
        assert {"long_name", "units"} <= made[name].attrs.keys(), name


def test_layers_have_the_types_of_the_package() -> None:
    types = {name: str(images()[name].dtype) for name in rasters(images())}
    assert {name for name, kind in types.items() if kind == "complex64"} == {
        "primary", "secondary", "interferogram",
    }  # fmt: skip
    for name in ("landslide", "valid_mask", "landslide_kind", "artefact", "shadow_layover"):
        assert types[name] == "uint8", name
    assert (types["landslide_id"], types["unwrapping_errors"]) == ("int64", "int8")
    for name in ("elevation", "coherence", "wrapped_phase", "displacement", "phase_true", "heading"):
        assert types[name] == "float32", name


def test_values_lie_in_their_ranges() -> None:
    made = scene()
    half = np.float32(np.pi)
    for name in ("wrapped_phase", "phase_true"):
        assert made[name].min() > -half
        assert made[name].max() <= half
    for name in ("coherence", "coherence_true"):
        assert made[name].min() >= 0.0
        assert made[name].max() <= 1.0
    assert set(np.unique(made["landslide_kind"])) <= {0, 1, 2, 3}
    assert set(np.unique(made["valid_mask"])) <= {0, 1}
    assert (made["intensity"] > 0).all()


def test_grid_is_north_up_utm_with_pixel_centres() -> None:
    pyproj = pytest.importorskip("pyproj")
    made = scene()
    assert pyproj.CRS.from_wkt(made["spatial_ref"].attrs["crs_wkt"]).to_epsg() == 32632
    assert np.all(np.diff(made["y"]) == -PIXEL)
    assert np.all(np.diff(made["x"]) == PIXEL)
    assert (float(made["x"][0]) - PIXEL / 2) % PIXEL == 0
    assert made["x"].attrs["standard_name"] == "projection_x_coordinate"


def test_scene_says_that_it_is_synthetic_and_how_it_was_seen() -> None:
    attributes = images().attrs
    assert attributes["source"] == "synthetic scene, insarfeat.synth"
    assert (attributes["seed"], attributes["wavelength"], attributes["look"]) == (7, 0.05546576, "right")
    assert (attributes["incidence"], attributes["heading"], attributes["baseline_days"]) == (
        39.0,
        -12.0,
        12.0,
    )


def test_it_survives_a_round_trip_through_netcdf(tmp_path: Path) -> None:
    real = scene().drop_vars("interferogram")
    real.to_netcdf(tmp_path / "scene.nc")
    with xr.open_dataset(tmp_path / "scene.nc", decode_coords="all") as read:
        for name in real.data_vars:
            if real[name].dtype.kind in "fiu":
                np.testing.assert_array_equal(read[name].values, real[name].values, err_msg=str(name))
            else:
                assert read[name].values.astype(str).tolist() == real[name].values.tolist(), name
        assert read["spatial_ref"].attrs["crs_wkt"] == real["spatial_ref"].attrs["crs_wkt"]


def test_a_larger_scene_continues_a_smaller_one() -> None:
    small, large = scene(6, 96), scene(6, 160)
    own = set(rasters(small)) - {"wrapped_phase", "unwrapped_phase", "displacement", "terrain_pc1"}
    corner = large.isel(y=slice(0, 96), x=slice(0, 96))
    same(small, corner, sorted(own))


def test_a_larger_scene_has_the_place_on_the_map_of_the_smaller_one() -> None:
    small, large = scene(6, 96), scene(6, 160)
    np.testing.assert_array_equal(large["x"][:96], small["x"])
    np.testing.assert_array_equal(large["y"][:96], small["y"])


@pytest.mark.parametrize(
    "style", [PLAIN.with_(phase_filter="goldstein"), IMAGES.with_(phase_filter="boxcar")]
)
def test_a_lazy_scene_is_the_one_in_memory(style: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("insarfeat.synth.chunked.CHUNK", 96)
    whole = scene(2, 160, style)
    lazy = synth.scene(2, size=160, style=style, lazy=True)
    assert lazy["coherence"].chunks == ((96, 64), (96, 64))
    computed = lazy.compute()
    assert set(rasters(computed)) == set(rasters(whole))
    for name in rasters(whole):
        np.testing.assert_allclose(computed[name], whole[name], rtol=1e-6, atol=1e-5, err_msg=name)
        assert computed[name].dtype == whole[name].dtype, name


@pytest.mark.parametrize("pixel", [10.0, 20.0, 30.0])
def test_other_pixel_sizes_work(pixel: float) -> None:
    made = scene(1, 64, pixel=pixel)
    assert np.all(np.diff(made["x"]) == pixel)
    assert all(np.isfinite(made[name]).all() for name in rasters(made))


# Signs and relations of the layers


def test_phase_grows_with_range() -> None:
    """A pulse that travels farther comes back later: exp(-4 pi i range / wavelength) in each image."""
    made = scene(style="images", without=("dem_error", "artefacts"))
    shorter = made["displacement_true"].astype("float64")
    expected = np.exp(-4j * np.pi * shorter / made.attrs["wavelength"]) * np.exp(1j * made["atmosphere_true"])
    assert np.abs(np.exp(1j * made["phase_true"]) - expected).max() < 2e-4


def test_interferogram_is_primary_times_conjugate_secondary() -> None:
    product = (images()["primary"] * images()["secondary"].conj()).values
    np.testing.assert_allclose(product, images()["interferogram"], rtol=1e-4, atol=1e-4)


def test_multilooked_interferogram_has_the_true_phase() -> None:
    def looks(values: Any) -> Any:
        return values.reshape(40, 4, 40, 4).mean(axis=(1, 3))

    measured = looks(images()["interferogram"].values)
    truth = looks((images()["coherence_true"] * np.exp(1j * images()["phase_true"])).values)
    error = np.angle(measured * truth.conj())[np.abs(truth) > 0.6]
    assert abs(error.mean()) < 0.02
    assert np.median(np.abs(error)) < 0.25


def test_speckle_of_single_looks_is_circular_and_fully_developed() -> None:
    for name in ("primary", "secondary"):
        power = np.abs(images()[name].values.reshape(20, 8, 20, 8)) ** 2
        spread = (power**2).mean(axis=(1, 3)) / power.mean(axis=(1, 3)) ** 2
        assert np.median(spread) == pytest.approx(2.0, abs=0.3), name
        assert abs((images()[name] ** 2).mean()) < 0.05 * (np.abs(images()[name]) ** 2).mean()


def test_slopes_that_face_the_radar_are_brighter() -> None:
    rise = images()["elevation"].astype("float64").differentiate("x").values
    intensity = images()["intensity"].values
    # Ascending and right-looking: the radar looks to the east, so ground that rises to the east faces it.
    assert intensity[rise > 0.2].mean() > 1.5 * intensity[rise < -0.2].mean()


def test_coherence_falls_with_the_time_between_the_images() -> None:
    means = [
        float(scene(1, 64, PLAIN.with_(days=days))["coherence_true"].mean()) for days in (6.0, 12.0, 30.0)
    ]
    assert means == sorted(means, reverse=True)


def test_displacement_is_minus_the_unwrapped_phase_in_metres() -> None:
    made = scene()
    expected = -made.attrs["wavelength"] / (4.0 * np.pi) * made["unwrapped_phase"]
    np.testing.assert_allclose(made["displacement"], expected, rtol=1e-5, atol=1e-7)


# Slides and their table


SLIDES = PLAIN.with_(slides=4.0, artefacts=2.0, regions="apennines", days=24.0, jitter=0.0, cell=1200.0)


def with_slides() -> xr.Dataset:
    return scene(9, 160, SLIDES)


def test_labels_and_ignored_ground_are_two_things_and_lie_in_outlines() -> None:
    made = with_slides()
    label, ignored = made["landslide"].values == 1, made["valid_mask"].values == 0
    assert label.any()
    assert not (label & ignored).any()
    np.testing.assert_array_equal(label | ignored, made["landslide_id"].values > 0)
    np.testing.assert_array_equal(made["landslide_kind"].values > 0, made["landslide_id"].values > 0)
    assert not label[made["landslide_kind"].values == 3].any()


def test_ground_moves_in_outlines_only() -> None:
    made = with_slides()
    assert (made["displacement_true"].values[made["landslide_id"].values == 0] == 0.0).all()


def test_table_and_rasters_tell_of_the_same_slides() -> None:
    made = with_slides()
    numbers = set(np.unique(made["landslide_id"])) - {0}
    slides = made["slide_class"].values != "AR"
    assert numbers <= set(made["slide"].values[slides].tolist())
    kinds = {"coherent": 1, "incoherent": 2, "hidden": 3}
    for number, kind in zip(made["slide"].values[slides], made["slide_kind"].values[slides], strict=True):
        drawn = np.unique(made["landslide_kind"].values[made["landslide_id"].values == number])
        assert set(drawn) <= {kinds[str(kind)]}


def test_boxes_lie_closely_about_the_labels() -> None:
    made = with_slides()
    checked = 0
    boxes = np.stack([made[f"slide_{side}"].values for side in ("west", "south", "east", "north")], axis=1)
    for number, box in zip(made["slide"].values, boxes, strict=True):
        inside = (made["landslide_id"].values == number) & (made["landslide"].values == 1)
        if not inside.any():
            continue
        rows, columns = np.nonzero(inside)
        x, y = made["x"].values, made["y"].values
        drawn = (x[columns.min()] - 7.5, y[rows.max()] - 7.5, x[columns.max()] + 7.5, y[rows.min()] + 7.5)
        # A slide that lies on another takes its pixels.
        assert box[0] <= drawn[0]
        assert box[1] <= drawn[1]
        assert box[2] >= drawn[2]
        assert box[3] >= drawn[3]
        checked += 1
    assert checked >= 2


def test_outlines_as_text_cover_the_pixels_of_the_raster() -> None:
    shapely = pytest.importorskip("shapely")
    made = with_slides()
    for number, text in zip(made["slide"].values, made["slide_outline"].values, strict=True):
        pixels = int((made["landslide_id"].values == number).sum())
        if pixels:
            assert shapely.from_wkt(str(text)).area == pytest.approx(pixels * PIXEL**2, rel=1e-6)
        else:
            assert text == ""


def test_table_of_a_part_of_a_large_scene_is_made_without_the_scene() -> None:
    whole = with_slides()
    part = synth.slides(9, Window(0, 0, 160, 160), size=160, style=SLIDES)
    assert part["slide"].values.tolist() == whole["slide"].values.tolist()
    assert part["slide_outline"].values.tolist() == whole["slide_outline"].values.tolist()


def test_only_asked_classes_occur() -> None:
    made = scene(9, 96, SLIDES.with_(artefacts=0.0), classes=("DG",))
    assert set(made["slide_class"].values) <= {"DG"}


# Ground of one's own


def own_ground(size: int = 64) -> xr.DataArray:
    elevation: xr.DataArray = scene(7, 160)["elevation"].isel(y=slice(0, size), x=slice(0, size))
    return elevation


def test_own_elevation_is_taken_as_it_is_on_its_grid() -> None:
    made = synth.scene(1, ground=own_ground())
    xr.testing.assert_equal(made["elevation"].drop_attrs(), own_ground().drop_attrs())


def test_a_folder_of_dems_gives_pieces_of_them(test_data: Path) -> None:
    made = synth.scene(1, size=64, ground=test_data / "dem_davos_srtm1")
    assert made.attrs["ground"] != "procedural"
    assert np.isfinite(made["elevation"]).all()
    assert float(made["elevation"].std()) > 0.0


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"seed": -1}, InvalidArgument, "seed is -1; it must be 0 or more"),
        ({"seed": 1.5}, InvalidType, "seed is 1.5; it must be a whole number"),
        ({"seed": True}, InvalidType, "seed is True"),
        ({"size": 31}, InvalidArgument, "size is 31; it must be 32 or more"),
        ({"size": (64, 32)}, InvalidType, r"size is \(64, 32\); it must be a whole number"),
        ({"pixel": 0.0}, InvalidArgument, "pixel is 0.0; it must lie from 5 to 60 metres"),
        ({"pixel": float("nan")}, InvalidArgument, "pixel is nan"),
        ({"pixel": "15 m"}, InvalidType, "pixel is '15 m'; it must be a number of metres"),
        ({"classes": ["CF", "XY"]}, InvalidArgument, "classes has XY; known are CF"),
        ({"classes": []}, InvalidArgument, "classes has nothing in it"),
        ({"style": "real"}, InvalidArgument, "style is 'real'; it must be a Style or one of"),
        ({"without": ["clouds"]}, InvalidArgument, "without has clouds; elements are"),
        ({"ground": 5}, InvalidType, "ground is of type int; it must be None, a folder"),
        ({"ground": np.zeros((64, 64))}, InvalidType, "ground is of type ndarray"),
    ],
)
def test_bad_arguments_are_refused_with_what_is_accepted(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        synth.scene(**{"seed": 1, "size": 32, **arguments})


def test_a_part_beside_the_scene_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="lies beside the scene of 64 x 64 pixels"):
        synth.slides(1, Window(100, 0, 10, 10), size=64)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_whole_scene_comes_back_from_a_file_with_its_slides(suffix: str, tmp_path: Path) -> None:
    made = synth.scene(4, size=96, style="images")
    read = insarfeat.open_stack(insarfeat.write(made, tmp_path / f"scene{suffix}"))
    assert set(made.variables) <= set(read.variables)
    assert made.sizes["slide"] > 0
    for name in made.variables:
        np.testing.assert_array_equal(read[name].values, made[name].values, err_msg=str(name))
