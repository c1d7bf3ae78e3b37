"""OPERA CSLC-S1: the layout of a real file; pixels and geometry from files written by the specification."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from damaging import survey
from pyproj import CRS

from insarfeat.errors import GridMismatch, InvalidArgument, MissingInput, UnreadableInput
from insarfeat.io.products import list_products, open_product
from insarfeat.io.products.opera import recognises

BURST = "T087-185683-IW2"
CSLC = f"OPERA_L2_CSLC-S1_{BURST}_20221228T161651Z_20240504T181714Z_S1A_VV_v1.1.h5"
STATIC = f"OPERA_L2_CSLC-S1-STATIC_{BURST}_20140403_S1A_v1.0.h5"
HEIGHT, WIDTH = 40, 50
HALF = np.dtype([("r", "<f2"), ("i", "<f2")])


def frame(file: h5py.File, epsg: int = 32605, east: float = 250_000.0, north: float = 2_150_000.0) -> None:
    """Coordinates as the product specification has them: centres of pixels of 5 m by 10 m."""
    data = file.require_group("data")
    data["x_coordinates"] = east + 5.0 * np.arange(WIDTH)
    data["y_coordinates"] = north - 10.0 * np.arange(HEIGHT)
    data["x_spacing"], data["y_spacing"] = 5.0, -10.0
    data["projection"] = np.int32(epsg)
    file["identification/burst_id"] = np.bytes_("t087_185683_iw2")
    file["identification/orbit_pass_direction"] = np.bytes_("Descending")
    file["identification/zero_doppler_start_time"] = np.bytes_("2022-12-28 16:16:51.013157")


def image() -> np.ndarray:
    draw = np.random.default_rng(4)
    values = (draw.normal(size=(HEIGHT, WIDTH)) + 1j * draw.normal(size=(HEIGHT, WIDTH))).astype("c8")
    values[:3] = np.nan + 1j * np.nan
    values[5, 5] = 0
    return values


def write_cslc(folder: Path, *, half: bool = False, name: str = CSLC, **options: object) -> Path:
    path, values = folder / name, image()
    with h5py.File(path, "w") as file:
        frame(file, **options)
        if half:
            stored = np.empty(values.shape, HALF)
            stored["r"], stored["i"] = values.real, values.imag
        else:
            stored = values
        file["data"].create_dataset("VV", data=stored, chunks=(16, 16), compression="gzip", shuffle=True)
        inputs = "metadata/processing_information/input_burst_metadata"
        file[f"{inputs}/polarization"] = np.bytes_("VV")
        file[f"{inputs}/wavelength"] = 0.05546576
    return path


INCIDENCE, HEADING = 38.0, -167.5  # a descending Sentinel-1: from the ground the satellite stands to the ESE


def write_static(folder: Path, **options: object) -> Path:
    """East and north of the vector to the satellite, for a right-looking radar: it stands at heading - 90."""
    azimuth = math.radians(HEADING - 90.0)
    reach = math.sin(math.radians(INCIDENCE))
    with h5py.File(folder / STATIC, "w") as file:
        frame(file, **options)
        for name, part in (("los_east", math.sin(azimuth)), ("los_north", math.cos(azimuth))):
            values = np.full((HEIGHT, WIDTH), reach * part, "f4")
            values[0] = np.nan
            values[1] = 0.0
            file[f"data/{name}"] = values
        local = np.full((HEIGHT, WIDTH), 41.5, "f4")
        local[0] = np.nan
        file["data/local_incidence_angle"] = local
        mask = np.zeros((HEIGHT, WIDTH), "i1")
        mask[2], mask[3], mask[4], mask[0] = 1, 2, 3, 127
        file["data/layover_shadow_mask"] = mask
    return folder / STATIC


def test_the_real_file_lies_where_its_metadata_says(test_data: Path) -> None:
    dataset = open_product(test_data / "opera_cslc_struct")
    assert dataset.attrs["product"] == "OPERA CSLC-S1"
    assert dataset["image"].shape == (4917, 20622)
    assert dataset["image"].dtype == np.complex64
    assert CRS(dataset["spatial_ref"].attrs["crs_wkt"]).to_epsg() == 32605
    assert dataset.x.values[[0, -1]] == pytest.approx([157322.5, 260427.5])
    assert dataset.y.values[[0, -1]] == pytest.approx([2172295.0, 2123135.0])
    assert (dataset.attrs["burst_id"], dataset.attrs["polarisation"]) == ("t087_185683_iw2", "VV")
    assert dataset.attrs["orbit_direction"] == "descending"
    assert dataset.attrs["wavelength_m"] == pytest.approx(0.0554658, abs=1e-7)
    assert dataset.attrs["acquired"].startswith("2022-12-28 16:16:51")


def test_the_real_polygon_holds_the_grid(test_data: Path) -> None:
    """The file names its outline in degrees, which the reader does not look at."""
    from pyproj import Transformer

    dataset = open_product(test_data / "opera_cslc_struct")
    path = next((test_data / "opera_cslc_struct").glob("*.h5"))
    with h5py.File(path) as file:
        text = file["identification/bounding_polygon"][()].decode()
    outline = np.array([pair.split() for pair in text.split("((")[1].rstrip(") ").split(",")], float)
    to_map = Transformer.from_crs(4326, 32605, always_xy=True)
    east, north = to_map.transform(outline[:, 0], outline[:, 1])
    assert dataset.x.values[0] - 5 <= east.min()
    assert east.max() <= dataset.x.values[-1] + 5
    assert dataset.y.values[-1] - 10 <= north.min()
    assert north.max() <= dataset.y.values[0] + 10


def test_a_window_of_the_real_file_is_read_alone(test_data: Path) -> None:
    block = open_product(test_data / "opera_cslc_struct")["image"][2000:2010, 9000:9040].compute()
    assert (block == 0).all()  # its pixels were blanked by who published it


@pytest.mark.parametrize("half", [False, True])
def test_pixels_are_those_of_the_file(tmp_path: Path, half: bool) -> None:
    found = open_product(write_cslc(tmp_path, half=half))["image"]
    assert found.dtype == np.complex64
    expected = image()
    if half:
        expected = expected.real.astype("f2") + 1j * expected.imag.astype("f2").astype("c8")
    np.testing.assert_array_equal(found.values, expected)
    assert found.values[5, 5] == 0


def test_windows_and_threads_give_the_same_pixels(tmp_path: Path) -> None:
    found = open_product(write_cslc(tmp_path))["image"]
    whole = found.values

    def part(seed: int) -> None:
        draw = np.random.default_rng(seed)
        top, left = draw.integers(0, HEIGHT - 5), draw.integers(0, WIDTH - 5)
        window = slice(top, top + 5), slice(left, left + 5)
        np.testing.assert_array_equal(found[window].compute(scheduler="sync"), whole[window])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(part, range(60)))


def test_the_static_file_in_the_folder_tells_the_line_of_sight(tmp_path: Path) -> None:
    path = write_cslc(tmp_path)
    write_static(tmp_path)
    for product in (path, tmp_path):
        dataset = open_product(product)
        assert dataset["image"].shape == dataset["los_up"].shape
        for name, expected in (
            ("incidence", INCIDENCE),
            ("heading", HEADING),
            ("local_incidence", 41.5),
            ("los_up", math.cos(math.radians(INCIDENCE))),
        ):
            values = dataset[name].values
            assert np.isnan(values[0]).all(), name
            np.testing.assert_allclose(values[2:], expected, atol=2e-5)
        assert np.isnan(dataset["los_up"].values[1]).all()  # 0 and 0: no direction
        east = dataset["los_east"].values[5, 5]
        assert east > 0  # descending and right-looking: the satellite is in the east
        np.testing.assert_array_equal(dataset["shadow_layover"].values[:6, 0], [255, 0, 1, 2, 3, 0])


def test_the_static_file_is_a_product_of_its_own(tmp_path: Path) -> None:
    dataset = open_product(write_static(tmp_path))
    assert "image" not in dataset
    assert {"los_east", "incidence", "shadow_layover"} <= set(dataset)


def test_a_static_file_of_another_burst_is_left_alone(tmp_path: Path) -> None:
    path = write_cslc(tmp_path)
    write_static(tmp_path).rename(tmp_path / STATIC.replace("185683", "185684"))
    assert set(open_product(path)) == {"image"}


def test_a_static_file_on_another_grid_is_refused(tmp_path: Path) -> None:
    path = write_cslc(tmp_path)
    write_static(tmp_path, east=250_100.0)
    with pytest.raises(GridMismatch, match="begins at x"):
        open_product(path)


def test_a_static_file_in_another_crs_is_refused(tmp_path: Path) -> None:
    path = write_cslc(tmp_path)
    write_static(tmp_path, epsg=32604)
    with pytest.raises(GridMismatch, match="UTM zone 4N"):
        open_product(path)


def test_a_folder_of_dates_is_a_list_of_images(tmp_path: Path) -> None:
    later = CSLC.replace("20221228", "20230109")
    write_cslc(tmp_path)
    write_cslc(tmp_path, name=later)
    write_static(tmp_path)
    found = list_products(tmp_path)
    assert [one.pair for one in found] == [CSLC[:-3], later[:-3]]
    with pytest.raises(InvalidArgument, match="holds 2 interferograms: name one with pair="):
        open_product(tmp_path)
    assert {"image", "incidence"} <= set(open_product(tmp_path, pair=later[:-3]))


def test_a_pair_is_the_product_of_two_images(tmp_path: Path) -> None:
    from insarfeat import filters

    first = open_product(write_cslc(tmp_path))["image"]
    second = open_product(write_cslc(tmp_path, name=CSLC.replace("20221228", "20230109")))["image"]
    pair = filters.interferogram(first, second)
    np.testing.assert_allclose(pair.values[10:], np.abs(image()[10:]) ** 2, rtol=1e-5)


def test_an_unknown_polarisation_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"polarisation 'VH' is not in .* it holds VV"):
        open_product(write_cslc(tmp_path), polarisation="VH")


@pytest.mark.parametrize(
    ("what", "change", "message"),
    [
        ("data/projection", None, "has no dataset data/projection"),
        ("data/projection", np.int32(999_999), "no EPSG code"),
        ("data/projection", np.bytes_("utm"), "data/projection cannot be 'utm'"),
        ("data/x_coordinates", np.arange(30.0), "coordinates lie 1 apart"),
        ("data/x_coordinates", 5.0 * np.arange(49.0), "50 pixels along x, and there are coordinates of 49"),
        ("data/x_coordinates", np.full(WIDTH, np.nan), "no coordinates of pixels"),
        ("data/x_coordinates", np.arange(float(WIDTH)) ** 2, "even steps"),
        ("data/y_spacing", 10.0, "data/y_spacing is 10"),
    ],
)
def test_a_wrong_header_is_told_by_name(tmp_path: Path, what: str, change: object, message: str) -> None:
    path = write_cslc(tmp_path)
    with h5py.File(path, "a") as file:
        del file[what]
        if change is not None:
            file[what] = change
    with pytest.raises(UnreadableInput, match=message):
        open_product(path)


def test_an_image_of_another_size_than_its_coordinates_is_refused(tmp_path: Path) -> None:
    path = write_cslc(tmp_path)
    with h5py.File(path, "a") as file:
        del file["data/VV"]
        file["data/VV"] = np.zeros((HEIGHT, WIDTH + 1), "c8")
    with pytest.raises(UnreadableInput, match="51 pixels along x"):
        open_product(path)


def test_files_that_are_none_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "b.h5").write_text("no")
    (tmp_path / "c.h5").touch()
    assert not recognises(tmp_path)
    assert not recognises(tmp_path / "nowhere.h5")
    with pytest.raises(MissingInput):
        open_product(tmp_path / "nowhere.h5")


def test_damaged_files_end_in_an_error_or_an_answer(tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    ends = survey("opera", write_cslc(tmp_path), folder)
    assert ends["refused"] > 200
    assert ends["same"] + ends["other"] > 50
