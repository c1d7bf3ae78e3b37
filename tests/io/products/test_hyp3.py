"""HyP3: products written by GDAL under the names of its processors, angles against the geometry of an orbit."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import xarray as xr
from geotiff_products import (
    BURST,
    DEGREES,
    GAMMA,
    MULTI_BURST,
    OLD_MULTI_BURST,
    SHAPE,
    fuzz,
    hyp3_product,
    hyp3_rasters,
    numbers,
    same,
    write_tif,
)

from insarfeat import geometry
from insarfeat.errors import GridMismatch, InvalidArgument, MissingInput, UnreadableInput
from insarfeat.io.products import hyp3, list_products, open_product
from insarfeat.io.products.wanted import Wanted

VALID = np.s_[6:, 9:]


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return hyp3_product(tmp_path / GAMMA)


def rewritten(folder: Path, raster: str, pixels: Any, **profile: Any) -> None:
    write_tif(folder / f"{GAMMA}_{raster}.tif", pixels, **profile)


def orbit_geometry(latitude: float, longitude: float, heading: float) -> np.ndarray:
    """ENU unit vector from ground to satellite, from positions in space: no convention of angles is used."""
    axis, squared = 6378137.0, 6.69437999014e-3
    lat, lon = np.radians([latitude, longitude])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    east = np.array([-np.sin(lon), np.cos(lon), 0])
    north = np.cross(up, east)
    normal = axis / np.sqrt(1 - squared * np.sin(lat) ** 2)
    ground = normal * up - np.array([0, 0, squared * normal * np.sin(lat)])
    flight = np.radians(heading)
    left = -(np.cos(flight) * east - np.sin(flight) * north)  # the radar looks to the right of the flight
    satellite = ground + 560e3 * left + 700e3 * up
    sight = (satellite - ground) / np.linalg.norm(satellite - ground)
    return np.array([sight @ east, sight @ north, sight @ up])


def test_each_layer_has_the_values_of_its_file_in_canonical_units_and_nan_for_zero(product: Path) -> None:
    found, stored = open_product(product).load(), hyp3_rasters()
    degrees = 180 / np.pi
    for layer, raster, factor in (
        ("wrapped_phase", "wrapped_phase", 1),
        ("unwrapped_phase", "unw_phase", 1),
        ("coherence", "corr", 1),
        ("intensity", "amp", 1),
        ("displacement", "los_disp", 1),
        ("vertical_displacement", "vert_disp", 1),
        ("elevation", "dem", 1),
        ("local_incidence", "inc_map", degrees),
    ):
        expected = np.where(stored[raster] == 0, np.nan, stored[raster] * factor)
        np.testing.assert_allclose(found[layer], expected, rtol=1e-6, err_msg=layer)
        assert found[layer].dtype == np.float32
    assert found["coherence"].attrs["units"] == "1"
    assert found["local_incidence"].attrs["units"] == "degree"
    np.testing.assert_array_equal(found.x, 600020.0 + 40 * np.arange(SHAPE[1]))
    np.testing.assert_array_equal(found.y, 4919980.0 - 40 * np.arange(SHAPE[0]))
    assert found.spatial_ref.attrs["crs_wkt"].count("32N")


def test_water_is_where_the_mask_says_it_is_not_land(product: Path) -> None:
    water = open_product(product)["water"].values
    assert water.dtype == np.uint8
    assert (water[20:, 30:] == 1).all()
    assert water.sum() == 16 * 14


@pytest.mark.parametrize("raster", ["water_mask", "conncomp"])
def test_zero_stays_a_class_even_if_the_file_declares_it_nodata(product: Path, raster: str) -> None:
    rewritten(product, raster, hyp3_rasters()[raster], nodata=0)
    found = open_product(product).load()
    assert set(np.unique(found["water"])) == {0, 1}
    assert set(np.unique(found["connected_components"])) == {0, 1, 2}
    assert found["connected_components"].dtype == np.uint8


def test_displacement_is_what_the_unwrapped_phase_makes(product: Path) -> None:
    found = open_product(product).load()
    made = geometry.displacement(found["unwrapped_phase"], wavelength=found.attrs["wavelength_m"])
    np.testing.assert_allclose(found["displacement"], made, rtol=1e-5)
    around = np.abs(np.exp(1j * found["unwrapped_phase"]) - np.exp(1j * found["wrapped_phase"]))
    assert float(around.max()) < 1e-5


@pytest.mark.parametrize("heading", [-12.5, -167.0, 193.0, 90.0])
@pytest.mark.parametrize(("latitude", "longitude"), [(45.0, 10.0), (-33.0, -71.0), (0.0, 100.0)])
def test_look_vectors_are_those_of_the_orbit(
    tmp_path: Path, heading: float, latitude: float, longitude: float
) -> None:
    east, north, up = orbit_geometry(latitude, longitude, heading)
    # As its README defines them: elevation above the horizontal, and direction from east toward north, in radians.
    theta = np.full(SHAPE, np.arctan2(up, np.hypot(east, north)), "f4")
    phi = np.full(SHAPE, np.arctan2(north, east), "f4")
    theta[0, 0] = phi[0, 0] = 0
    found = open_product(hyp3_product(tmp_path / "p", BURST, {"lv_theta": theta, "lv_phi": phi})).load()
    for name, expected in (("los_east", east), ("los_north", north), ("los_up", up)):
        assert np.isnan(found[name].values[0, 0])
        np.testing.assert_allclose(found[name].values[1:], expected, atol=2e-7)
    np.testing.assert_allclose(found["incidence"].values[1:], np.degrees(np.arccos(up)), atol=1e-4)
    turn = np.exp(1j * np.radians(found["heading"].values[1:] - heading))
    np.testing.assert_allclose(turn, 1, atol=1e-5)


def test_a_burst_product_s_angles_come_from_those_of_isce2(tmp_path: Path) -> None:
    incidence, azimuth = np.float32(39.0), np.float32(-258.0)
    theta = np.full(SHAPE, (90 - incidence) * np.pi / 180, "f4")  # as hyp3_isce2/packaging.py makes them
    phi = np.full(SHAPE, (90 + azimuth) * np.pi / 180, "f4")
    found = open_product(hyp3_product(tmp_path / "p", BURST, {"lv_theta": theta, "lv_phi": phi})).load()
    sight = geometry.los_from_isce2(incidence, azimuth)
    for name, expected in zip(("los_east", "los_north", "los_up"), sight, strict=True):
        np.testing.assert_allclose(found[name], expected, atol=1e-6)


def test_without_look_vectors_the_incidence_is_the_map_s(product: Path) -> None:
    for name in ("lv_theta", "lv_phi"):
        (product / f"{GAMMA}_{name}.tif").unlink()
    found = open_product(product).load()
    stored = hyp3_rasters()["inc_map_ell"]
    np.testing.assert_allclose(found["incidence"].values[VALID], np.degrees(stored[VALID]), rtol=1e-6)
    assert "los_east" not in found
    assert "heading" not in found


def test_attributes_tell_dates_signs_and_what_the_parameter_file_says(product: Path) -> None:
    told = open_product(product).attrs
    assert told["primary_date"] == "2023-09-04"
    assert told["secondary_date"] == "2023-09-16"
    assert told["temporal_baseline_days"] == 12
    assert told["polarisation"] == "VV"
    assert told["orbit_direction"] == "descending"
    assert told["perpendicular_baseline_m"] == -23.4
    assert told["platform_heading_deg"] == -166.2
    assert told["phase_sign"] == "primary x conj(secondary)"
    assert told["wavelength_m"] == pytest.approx(0.0554658, rel=1e-5)
    assert "no real HyP3 product" in told["unverified"]
    assert told["product"] == "HyP3 InSAR, GAMMA or burst"


@pytest.mark.parametrize(
    ("stem", "pair"),
    [
        (GAMMA, "20230904_20230916"),
        (BURST, "20200604_20200616"),
        (MULTI_BURST, "20250718_20250730"),
        (OLD_MULTI_BURST, "20200604_20200616"),
    ],
)
def test_the_names_of_all_kinds_of_products_are_known(tmp_path: Path, stem: str, pair: str) -> None:
    folder = hyp3_product(tmp_path / stem, stem, {"corr": numbers(1, 0, 1)})
    write_tif(folder / f"{stem}_lat_rdr.tif", numbers(2, 0, 1, (5, 7)))  # radar geometry, left alone
    (found,) = list_products(tmp_path)
    assert found.path == folder
    assert hyp3.pairs_of(folder) == [pair]
    dataset = open_product(folder, pair=pair, polarisation="vv")
    assert list(dataset) == ["coherence"]
    assert dataset.attrs["name"] == stem


def test_any_file_of_the_product_stands_for_it(product: Path) -> None:
    whole = open_product(product)
    for name in ("_corr.tif", "_water_mask.tif", ".txt"):
        same(open_product(product / f"{GAMMA}{name}"), whole)


def test_products_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    other = GAMMA.replace("20230916T063730", "20230928T063730").replace("74C2", "0F1A")
    for seed, stem in enumerate((GAMMA, other)):
        hyp3_product(tmp_path, stem, {"corr": numbers(seed, 0, 1)})
    assert [found.name for found in list_products(tmp_path)] == ["20230904_20230916", "20230904_20230928"]
    found = open_product(tmp_path, pair="20230904_20230928")["coherence"].values
    np.testing.assert_array_equal(found[VALID], numbers(1, 0, 1)[VALID])
    same(open_product(tmp_path / f"{other}_corr.tif"), open_product(tmp_path, pair="20230904_20230928"))
    with pytest.raises(InvalidArgument, match=r"holds 2 interferograms: name one with pair="):
        open_product(tmp_path)
    with pytest.raises(InvalidArgument, match="'20200101_20200113' is not in"):
        open_product(tmp_path, pair="20200101_20200113")


def test_products_of_the_same_dates_go_by_their_full_names(tmp_path: Path) -> None:
    other = BURST.replace("136231", "136232").replace("77F1", "0A0A")
    for stem in (BURST, other):
        hyp3_product(tmp_path, stem, {"corr": numbers(1, 0, 1)})
    assert sorted(hyp3.pairs_of(tmp_path)) == [BURST, other]
    assert open_product(tmp_path, pair=other).attrs["name"] == other


def test_rasters_cut_to_one_area_are_taken_where_the_whole_ones_are_not(tmp_path: Path) -> None:
    hyp3_product(tmp_path, BURST, {"corr_clip": numbers(1, 0, 1), "dem_clip": numbers(2, 0, 9)})
    assert set(open_product(tmp_path)) == {"coherence", "elevation"}
    hyp3_product(tmp_path, BURST, {"corr": numbers(3, 0, 1), "dem": numbers(4, 0, 9)})
    found = open_product(tmp_path)["coherence"].values
    np.testing.assert_array_equal(found[VALID], numbers(3, 0, 1)[VALID])


def test_one_look_vector_alone_is_an_error(product: Path) -> None:
    (product / f"{GAMMA}_lv_phi.tif").unlink()
    with pytest.raises(MissingInput, match=r"lv_phi\.tif is missing"):
        open_product(product)


def test_a_parameter_file_alone_is_an_error(tmp_path: Path) -> None:
    text = tmp_path / f"{GAMMA}.txt"
    text.write_text("Baseline: 3\n")
    with pytest.raises(MissingInput, match="only this file is there"):
        open_product(text)


def test_a_layer_of_another_size_place_or_crs_is_named(product: Path) -> None:
    rewritten(product, "corr", numbers(1, 0, 1, (36, 43)))
    with pytest.raises(GridMismatch, match=r"(coherence|intensity) is 36 x 4"):
        open_product(product)
    rewritten(product, "corr", numbers(1, 0, 1), transform=DEGREES["transform"])
    with pytest.raises(GridMismatch, match=r"begins at y ="):
        open_product(product)
    rewritten(product, "corr", numbers(1, 0, 1), crs="EPSG:32633")
    with pytest.raises(GridMismatch, match="UTM zone 33N"):
        open_product(product)


def test_swapped_dates_are_refused(tmp_path: Path) -> None:
    stem = "S1AA_20230916T063730_20230904T063730_VVP012_INT80_G_ueF_74C2"
    hyp3_product(tmp_path, stem, {"corr": numbers(1, 0, 1)})
    with pytest.raises(UnreadableInput, match="are the dates swapped"):
        open_product(tmp_path)


def test_a_parameter_file_of_other_dates_is_refused(product: Path) -> None:
    text = product / f"{GAMMA}.txt"
    text.write_text(text.read_text().replace("20230904", "20230811"))
    with pytest.raises(
        UnreadableInput, match=r"\.txt is of other images .* 2023-08-11, and not of 2023-09-04"
    ):
        open_product(product)


@pytest.mark.parametrize(("field", "value"), [("Baseline", "abc"), ("Heading", "nan"), ("Baseline", "")])
def test_a_damaged_number_in_the_parameter_file_is_named(product: Path, field: str, value: str) -> None:
    text = product / f"{GAMMA}.txt"
    lines = text.read_text().splitlines()
    text.write_text("\n".join(f"{field}: {value}" if line.startswith(field) else line for line in lines))
    with pytest.raises(UnreadableInput, match=rf"\.txt: {field} must be a number; got '{value}'"):
        open_product(product)


def test_without_a_parameter_file_the_rasters_are_read(product: Path) -> None:
    (product / f"{GAMMA}.txt").unlink()
    assert "perpendicular_baseline_m" not in open_product(product).attrs


def test_another_polarisation_is_refused(product: Path) -> None:
    with pytest.raises(InvalidArgument, match="polarisation 'VH' is not in"):
        open_product(product, polarisation="VH")


def test_empty_and_cut_rasters_are_named_when_opened(product: Path) -> None:
    path = product / f"{GAMMA}_corr.tif"
    content = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(UnreadableInput, match=r"_corr\.tif is empty"):
        open_product(product)
    path.write_bytes(content[:-10])
    with pytest.raises(UnreadableInput, match=r"_corr\.tif is cut short"):
        open_product(product)
    path.write_text("<html>404 not found</html>")
    with pytest.raises(UnreadableInput, match=r"_corr\.tif is not a readable raster"):
        open_product(product)


def test_nothing_is_read_until_it_is_computed_and_pieces_are_the_whole(tmp_path: Path) -> None:
    rasters = {name: np.tile(pixels, (70, 60)) for name, pixels in hyp3_rasters().items()}
    rasters = {name: rasters[name] for name in ("corr", "inc_map", "lv_theta", "lv_phi", "water_mask")}
    product = hyp3_product(tmp_path / GAMMA, GAMMA, rasters, tiled=True, blockxsize=256, blockysize=256)
    found = open_product(product)
    for layer in found.values():
        assert isinstance(layer.data, dask.array.Array)
        assert layer.data.npartitions > 1
    whole = found.load()
    piece = open_product(product).isel(y=slice(2030, 2070), x=slice(2040, 2060))
    xr.testing.assert_identical(piece.compute(), whole.isel(y=slice(2030, 2070), x=slice(2040, 2060)))
    with ThreadPoolExecutor(8) as pool:
        for again in pool.map(lambda _: open_product(product).compute(), range(8)):
            xr.testing.assert_identical(again, whole)


def test_foreign_paths_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "S1_folder").mkdir()
    for name in (
        "S1.tif",
        "a_corr.tif",
        "S1_x_corr.tif",
        f"{GAMMA}_corr.png",
        f"{GAMMA}_README.md.txt",
        "é_corr.tif",
    ):
        (tmp_path / name).write_bytes(b"\xff\x00")
        assert not hyp3.recognises(tmp_path / name)
    assert not hyp3.recognises(tmp_path)
    assert not hyp3.recognises(tmp_path / "missing")


def test_reading_needs_the_pair_where_there_are_several(product: Path) -> None:
    with pytest.raises(InvalidArgument, match="is not in"):
        hyp3.read(product, Wanted(pair="20000101_20000113"))


def test_a_copy_elsewhere_is_the_same_product(product: Path, tmp_path: Path) -> None:
    shutil.copytree(product, tmp_path / "copy")
    same(open_product(tmp_path / "copy"), open_product(product))


def test_a_thousand_damaged_products_end_in_an_error_or_an_answer(tmp_path: Path) -> None:
    script = """
        import sys; sys.path.insert(0, {here!r})
        from geotiff_products import hyp3_product, hyp3_rasters

        def build(folder):
            names = ("wrapped_phase", "lv_theta", "lv_phi", "water_mask")
            return hyp3_product(folder, rasters={name: hyp3_rasters()[name] for name in names})
    """
    fuzz(script.replace("{here!r}", repr(str(Path(__file__).parent))), tmp_path / "product")
