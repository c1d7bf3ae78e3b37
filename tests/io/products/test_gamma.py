"""GAMMA: big-endian numbers as its manual has them, with parameter files retyped from published ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from flat_products import Array, Damage, blanked, check_damaged, computed, interferogram, real, same, sight

from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput
from insarfeat.georeference import crs_of, grid_of
from insarfeat.io.products import gamma, list_products, open_product
from insarfeat.io.products.gamma_par import read_parameters

RADAR, MAP = (17, 9), (11, 14)
PAIR = "20180106_20180130"
OFF = """Gamma Interferometric SAR Processor (ISP)
Interferogram and Image Offset Parameter File

title: {pair}
initial_range_offset:                    0
slc1_starting_azimuth_line:              0
interferogram_azimuth_lines:  {height}
interferogram_width:          {width}
first_nonzero_range_pixel:               0
interferogram_range_looks:               8
"""
MLI_PAR = """Gamma Interferometric SAR Processor (ISP) - Image Parameter File

title:     s1a-iw1-slc-vv-20180106t004006-20180106t004031-020027-0221ec-004.tiff (software: Sentinel-1 IPF 002.84)
sensor:    S1A IW IW1 VV
date:      2018 01 06
range_samples:                  {width}
azimuth_lines:                  {height}
image_format:               FLOAT
heading:                 -12.2742586   degrees
incidence_angle:             39.7036   degrees
radar_frequency:        5.4050005e+09  Hz
"""
DEM_PAR = """Gamma DIFF&GEO DEM/MAP parameter file
title: dem
DEM_projection:     EQA
data_format:        REAL*4
DEM_hgt_offset:          0.00000
DEM_scale:               1.00000
width:                {width}
nlines:               {height}
corner_lat:     19.4512926234517565  decimal degrees
corner_lon:    -99.1910697816367417  decimal degrees
post_lat:   -0.001388888900000000105  decimal degrees
post_lon:    0.001388888900000000105  decimal degrees

ellipsoid_name: WGS 84
ellipsoid_ra:        6378137.000   m
"""
UTM_PAR = """Gamma DIFF&GEO DEM/MAP parameter file
title: dem
DEM_projection:     UTM
data_format:        INTEGER*2
DEM_hgt_offset:          5.00000
DEM_scale:               0.50000
width:                {width}
nlines:               {height}
corner_north:  4095800.000   m
corner_east:    477300.000   m
post_north:    -100.0000000   m
post_east:      100.0000000   m

ellipsoid_name: WGS 84

projection_name: UTM
projection_zone:                 32
false_easting:           500000.000   m
false_northing:       {northing}   m
"""


def store(path: Path, pixels: Array) -> Path:
    """Big-endian, nothing else."""
    path.write_bytes(pixels.astype(pixels.dtype.newbyteorder(">")).tobytes())
    return path


def parameters(path: Path, text: str, shape: tuple[int, int], **more: str) -> Path:
    path.write_text(
        text.format(height=shape[0], width=shape[1], **{"pair": PAIR, "northing": "0.000", **more})
    )
    return path


def write_radar(folder: Path, pair: str = PAIR, seed: int = 0) -> Path:
    store(folder / f"{pair}.diff", interferogram(RADAR, seed))
    store(folder / f"{pair}.diff.adf", interferogram(RADAR, seed + 1))
    store(folder / f"{pair}.diff.adf.cc", real(RADAR, seed))
    store(folder / f"{pair}.diff.adf.unw", real(RADAR, seed + 2) * 40)
    parameters(folder / f"{pair}.off", OFF, RADAR)
    return folder


def write_map(folder: Path) -> Path:
    view = sight(MAP)
    store(folder / f"cropA_{PAIR.replace('_', '-')}_VV_8rlks_eqa_unw", real(MAP, 3) * 30)
    store(folder / f"cropA_{PAIR.replace('_', '-')}_VV_8rlks_flat_eqa_cc", real(MAP, 4))
    store(folder / "EQA.dem", real(MAP, 5) * 1000)
    theta = np.arcsin(view.up).astype("f4")
    phi = np.arctan2(view.north, view.east).astype("f4")
    theta[0, 0] = phi[0, 0] = 0
    store(folder / "EQA.lv_theta", theta)
    store(folder / "EQA.lv_phi", phi)
    parameters(folder / "EQA.dem_par", DEM_PAR, MAP)
    return folder


@pytest.fixture
def product(tmp_path: Path) -> Path:
    folder = write_radar(tmp_path)
    parameters(folder / "20180106.mli.par", MLI_PAR, RADAR)
    store(folder / "20180106.hgt", real(RADAR, 8) * 1000)
    return folder


def test_every_layer_is_what_was_written(product: Path) -> None:
    dataset = open_product(product)
    found = computed(dataset)
    assert same(found["interferogram"], interferogram(RADAR))
    assert same(found["filtered_interferogram"], interferogram(RADAR, 1))
    assert same(found["coherence"], blanked(real(RADAR, 0)))
    assert same(found["unwrapped_phase"], blanked(real(RADAR, 2) * 40))
    assert same(found["elevation"], blanked(real(RADAR, 8) * 1000))
    assert dataset.sizes == {"line": RADAR[0], "sample": RADAR[1]}


def test_attributes_tell_dates_sign_wavelength_and_direction(product: Path) -> None:
    attributes = open_product(product).attrs
    assert attributes["product"] == "GAMMA"
    assert (attributes["primary_date"], attributes["secondary_date"]) == ("2018-01-06", "2018-01-30")
    assert attributes["phase_sign"] == "primary x conj(secondary)"
    assert attributes["wavelength_m"] == pytest.approx(0.0554658, abs=1e-7)
    assert attributes["orbit_direction"] == "ascending"
    assert attributes["interferogram_source"] == f"{PAIR}.diff"
    assert attributes["coherence_source"] == f"{PAIR}.diff.adf.cc"


def test_a_real_unwrapped_phase_is_big_endian(tmp_path: Path) -> None:
    """Bytes from PyRate's 16x20_20090713-20090817_VV_4rlks_utm.unw, 1280 in all: they are phases of about 20."""
    path = tmp_path / "16x20_20090713-20090817_VV_4rlks_utm.unw"
    path.write_bytes(bytes.fromhex("419e943c") * 320)
    parameters(tmp_path / "dem16x20raw.dem.par", DEM_PAR, (20, 16))
    found = computed(open_product(tmp_path))["unwrapped_phase"]
    assert found.shape == (20, 16)
    np.testing.assert_allclose(found, 19.8224, atol=1e-4)


def test_the_corner_of_a_map_is_the_centre_of_its_first_pixel(tmp_path: Path) -> None:
    dataset = open_product(write_map(tmp_path))
    assert dataset["y"].values[0] == pytest.approx(19.4512926234517565, abs=1e-12)
    assert dataset["x"].values[0] == pytest.approx(-99.1910697816367417, abs=1e-12)
    grid = grid_of(dataset["unwrapped_phase"])
    assert (grid.y.step, grid.x.step) == pytest.approx((-0.0013888889, 0.0013888889))
    crs = crs_of(dataset)
    assert crs is not None
    assert crs.to_epsg() == 4326


@pytest.mark.parametrize(("northing", "code"), [("0.000", 32632), ("10000000.000", 32732)])
def test_a_dem_in_utm_has_its_own_numbers(tmp_path: Path, northing: str, code: int) -> None:
    stored = np.arange(MAP[0] * MAP[1], dtype="i2").reshape(MAP)
    store(tmp_path / "utm.dem", stored)
    parameters(tmp_path / "utm.dem_par", UTM_PAR, MAP, northing=northing)
    dataset = open_product(tmp_path)
    assert gamma.pairs_of(tmp_path) == [tmp_path.name]
    truth = np.where(stored == 0, np.nan, stored * 0.5 + 5).astype("f4")
    assert same(computed(dataset)["elevation"], truth)
    assert dataset["y"].values[:2].tolist() == [4095800.0, 4095700.0]
    crs = crs_of(dataset)
    assert crs is not None
    assert crs.to_epsg() == code


def test_the_line_of_sight_is_that_of_the_orbit(tmp_path: Path) -> None:
    found, truth = computed(open_product(write_map(tmp_path))), sight(MAP)
    for name in ("east", "north", "up"):
        assert np.isnan(found[f"los_{name}"][0, 0])
        np.testing.assert_allclose(found[f"los_{name}"].flat[1:], getattr(truth, name).flat[1:], atol=3e-7)
    np.testing.assert_allclose(found["incidence"].flat[1:], truth.incidence.flat[1:], atol=1e-4)
    np.testing.assert_allclose(found["heading"].flat[1:], truth.heading.flat[1:], atol=1e-4)


def test_gammas_phase_grows_where_mexico_city_sinks(test_data: Path) -> None:
    """The lake bed, which is low, sinks by decimetres a year; the hills do not: PyRate's sample, made with GAMMA."""
    folder = test_data / "ifg_mexico_pyrate_cropA"
    if not folder.is_dir():
        pytest.skip("no sample ifg_mexico_pyrate_cropA")
    with rasterio.open(folder / "cropA_T005A_dem.tif") as file:
        dem = file.read(1)
    weighted, weights = np.zeros(dem.shape), np.zeros(dem.shape)
    for path in sorted(folder.glob("*_unw.tif")):
        first, second = (date.fromisoformat(part) for part in path.name.split("_")[1].split("-"))
        with rasterio.open(path) as file:
            phase = blanked(file.read(1)).astype("f8")
        days = (second - first).days
        phase -= np.nanmedian(phase)
        weighted += np.where(np.isfinite(phase), phase * days, 0)
        weights += np.where(np.isfinite(phase), days**2, 0)
    known = (weights > 0) & (dem > 0)
    rate = weighted[known] / weights[known] * 365
    high = dem[known] > np.percentile(dem[known], 90)
    assert np.corrcoef(rate, dem[known])[0, 1] < -0.6
    assert rate[~high].mean() - rate[high].mean() > 15  # radians a year: away from the satellite is positive


@pytest.mark.parametrize("inner", ["", f"{PAIR}.diff", f"{PAIR}.diff.adf.unw", f"{PAIR}.off", "20180106.hgt"])
def test_a_pair_is_found_from_anywhere_in_it(product: Path, inner: str) -> None:
    place = product / inner
    assert gamma.recognises(place)
    assert gamma.pairs_of(place) == [PAIR]
    assert {"interferogram", "elevation"} <= open_product(place).data_vars.keys()


def test_of_several_pairs_and_geometries_one_must_be_named(product: Path) -> None:
    write_radar(product, "20180106_20180319", seed=20)
    write_map(product)
    names = [PAIR, PAIR + "_geo", "20180106_20180319"]
    assert gamma.pairs_of(product) == names
    assert [found.pair for found in list_products(product)] == names
    with pytest.raises(InvalidArgument, match="holds 3 interferograms"):
        open_product(product)
    found = computed(open_product(product, pair="20180106_20180319"))
    assert same(found["interferogram"], interferogram(RADAR, 20))
    assert same(found["elevation"], blanked(real(RADAR, 8) * 1000))
    on_map = open_product(product, pair=PAIR + "_geo")
    assert on_map.sizes == {"y": MAP[0], "x": MAP[1]}
    assert same(computed(on_map)["elevation"], blanked(real(MAP, 5) * 1000))


def test_an_interferogram_with_topography_steps_back(product: Path) -> None:
    store(product / f"{PAIR}.int", interferogram(RADAR, 50))
    found = computed(open_product(product))
    assert same(found["interferogram"], interferogram(RADAR))
    assert same(found["undifferenced_interferogram"], interferogram(RADAR, 50))
    for name in (".diff", ".diff.adf"):
        (product / (PAIR + name)).unlink()
    dataset = open_product(product)
    assert same(computed(dataset)["interferogram"], interferogram(RADAR, 50))
    assert dataset.attrs["interferogram_source"] == f"{PAIR}.int"


def test_of_two_of_a_kind_the_path_decides(product: Path) -> None:
    store(product / f"{PAIR}.unw", real(RADAR, 60))
    with pytest.raises(UnreadableInput, match=r"several rasters for unwrapped_phase: .*give the path of one"):
        open_product(product)
    found = computed(open_product(product / f"{PAIR}.unw"))
    assert same(found["unwrapped_phase"], blanked(real(RADAR, 60)))


def test_pictures_and_tables_beside_the_rasters_do_not_matter(product: Path) -> None:
    for name in (
        f"{PAIR}.diff.bmp",
        f"{PAIR}.unw.ras",
        f"{PAIR}.sim_unw",
        "log.txt",
        f"{PAIR}.base.par",
        f"{PAIR}.cc.hdr",
    ):
        (product / name).write_bytes(b"whatever")
    assert set(open_product(product).data_vars) == {
        "interferogram", "filtered_interferogram", "coherence", "unwrapped_phase", "elevation"
    }  # fmt: skip


def test_swapped_dates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="are the dates swapped"):
        open_product(write_radar(tmp_path, "20180130_20180106"))


def test_a_raster_that_fits_no_size_is_told_with_the_sizes(product: Path) -> None:
    raster = product / f"{PAIR}.diff.adf.cc"
    raster.write_bytes(raster.read_bytes()[:-4])
    with pytest.raises(UnreadableInput, match=r"adf\.cc has 608 bytes, which fits no .* tells of 17 x 9"):
        open_product(product)


def test_without_a_parameter_file_nothing_is_recognised(product: Path) -> None:
    (product / f"{PAIR}.off").unlink()
    assert gamma.recognises(product)  # the image's own still tells the size
    (product / "20180106.mli.par").unlink()
    assert not gamma.recognises(product)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("nlines:               11", "nlines:               eleven", "nlines cannot be 'eleven'"),
        ("nlines:               11", "nlines:               1000000000", "tells of 1000000000 x 14"),
        ("nlines:               11", "lines:               11", "has no value for nlines"),
        ("REAL*4", "REAL*5", r"data_format cannot be 'REAL\*5'"),
        ("EQA\n", "OMCH\n", "is in OMCH on WGS 84; EQA and UTM on WGS 84 are supported"),
        ("WGS 84", "Bessel 1841", "is in EQA on Bessel 1841"),
        ("corner_lat: ", "corner_lap: ", "has no value for corner_lat"),
        ("0.001388888900000000105  dec", "nan  dec", "post_lat cannot be"),
    ],
)
def test_a_damaged_parameter_file_is_told_with_its_field(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    path = write_map(tmp_path) / "EQA.dem_par"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    with pytest.raises(UnreadableInput, match=message):
        open_product(tmp_path)


def test_a_map_of_no_extent_is_told(tmp_path: Path) -> None:
    path = write_map(tmp_path) / "EQA.dem_par"
    path.write_text(path.read_text().replace("post_lon:    0.0013888889", "post_lon:    0.0000000000"))
    text = path.read_text()
    path.write_text(text.replace("0.000000000000000000105", "0"))
    with pytest.raises(UnreadableInput, match="a map cannot begin at"):
        open_product(tmp_path)


def test_one_angle_of_the_look_vector_is_not_enough(tmp_path: Path) -> None:
    (write_map(tmp_path) / "EQA.lv_phi").unlink()
    with pytest.raises(MissingInput, match="has lv_theta, but no lv_phi"):
        open_product(tmp_path)


def test_rasters_that_fit_several_sizes_are_told(product: Path) -> None:
    (product / f"{PAIR}.off").rename(product / "some.off")
    parameters(product / "other.off", OFF, (RADAR[1], RADAR[0]))
    with pytest.raises(UnreadableInput, match=r"could have the size of any of .*other\.off"):
        open_product(product)


def test_offsets_without_an_interferogram_and_baselines_tell_no_size(tmp_path: Path) -> None:
    assert read_parameters(parameters(tmp_path / "a.off", OFF, (0, 0))) is None
    (tmp_path / "a.base.par").write_text(
        "Gamma Interferometric SAR Processor (ISP)\ninitial_baseline(TCN): 0.0\n"
    )
    assert read_parameters(tmp_path / "a.base.par") is None


def test_foreign_files_and_folders_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "x.unw").write_bytes(b"1234")
    (tmp_path / "x.par").write_text("Beta\n")
    for path in (tmp_path, tmp_path / "x.unw", tmp_path / "x.par", tmp_path / "none"):
        assert not gamma.recognises(path)


def test_many_threads_and_windows_read_what_one_reads(product: Path) -> None:
    dataset = open_product(product)
    truth = computed(dataset)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: computed(dataset), range(24)):
            assert all(same(found[name], truth[name]) for name in truth)
    np.testing.assert_array_equal(dataset["coherence"][2:5, 3:9].compute(), truth["coherence"][2:5, 3:9])


def explained(damage: Damage, name: str, truth: Array, found: Array) -> bool:
    """The DEM's parameter file tells another scale or offset; both angles of a pixel make its vector."""
    if damage.path.suffix == ".dem_par":
        return name == "elevation" and ("DEM_scale" in damage.lines or "DEM_hgt_offset" in damage.lines)
    angle = damage.path.suffix in (".lv_theta", ".lv_phi")
    return angle and len(damage.before) == len(damage.after) and truth.shape == found.shape


@pytest.mark.parametrize("write", [write_radar, write_map])
def test_hundreds_of_damaged_products_end_in_an_error_or_a_right_answer(
    tmp_path: Path, write: object
) -> None:
    folder = write(tmp_path)  # type: ignore[operator]
    if write is write_radar:
        parameters(folder / "20180106.mli.par", MLI_PAR, RADAR)
    files = sorted(folder.iterdir())
    headers = [path for path in files if path.suffix in (".par", ".off", ".dem_par")]
    suffixes = (".diff", ".adf", "cc", "unw", ".dem", ".lv_theta", ".lv_phi")
    ends = check_damaged(
        folder, headers * 3 + files, rasters=suffixes, explained=explained, cases=500, seed=3
    )
    assert sum(ends.values()) > 450
    assert min(ends["error"], ends["same"], ends["pixels"]) > 20
