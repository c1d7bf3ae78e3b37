"""MintPy: real velocities of Kirishima, and stacks and geometry written as its code writes them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio
from damaging import survey
from pyproj import CRS

from insarfeat.errors import GridMismatch, InvalidArgument, UnreadableInput
from insarfeat.io.products import list_products, open_product
from insarfeat.io.products.mintpy import recognises

HEIGHT, WIDTH = 24, 30
PAIRS = [("20230904", "20230916"), ("20230904", "20230928"), ("20230916", "20230928")]
RADAR = {
    "FILE_TYPE": "ifgramStack", "LENGTH": str(HEIGHT), "WIDTH": str(WIDTH), "WAVELENGTH": "0.05546576",
    "ORBIT_DIRECTION": "ASCENDING", "ANTENNA_SIDE": "-1", "PLATFORM": "Sen",
}  # fmt: skip
MAPPED = RADAR | {
    "X_FIRST": "10.0", "Y_FIRST": "44.5", "X_STEP": "0.0005", "Y_STEP": "-0.0004",
    "X_UNIT": "degrees", "Y_UNIT": "degrees",
}  # fmt: skip
INCIDENCE, HEADING = 39.0, -12.0


def phases() -> np.ndarray:
    values = np.random.default_rng(2).normal(0, 20, (3, HEIGHT, WIDTH)).astype("f4")
    values[:, 0] = 0
    return values


def write_stack(folder: Path, attributes: dict[str, str] = MAPPED, pairs: Any = PAIRS) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "ifgramStack.h5"
    with h5py.File(path, "w") as file:
        options: dict[str, Any] = {"maxshape": (None, HEIGHT, WIDTH), "chunks": True}
        file.create_dataset("unwrapPhase", data=phases(), **options)
        file.create_dataset("coherence", data=np.abs(phases()) / 100, **options)
        labels = np.ones((3, HEIGHT, WIDTH), "i2")
        labels[:, 3:5], labels[:, 5], labels[:, 6] = 0, -1, 37
        file.create_dataset("connectComponent", data=labels, compression="lzf", **options)
        file.create_dataset("date", data=np.array(pairs, dtype=np.bytes_))
        file.create_dataset("bperp", data=np.array([-61.5, 20.0, 81.5], "f4"))
        file.create_dataset("dropIfgram", data=np.array([True, False, True]))
        file.attrs.update(attributes)
    return path


def write_geometry(
    folder: Path, name: str = "geometryGeo.h5", attributes: dict[str, str] = MAPPED, width: int = WIDTH
) -> Path:
    """The azimuth to the satellite counts counter-clockwise from north; right-looking, it stands at heading - 90."""
    azimuth = -(HEADING - 90.0)
    folder.mkdir(exist_ok=True)
    with h5py.File(folder / name, "w") as file:
        for dataset, value in (("height", 750.0), ("incidenceAngle", INCIDENCE), ("azimuthAngle", azimuth)):
            values = np.full((HEIGHT, width), value, "f4")
            values[0] = np.nan
            file[dataset] = values
        land = np.ones((HEIGHT, width), bool)
        land[7] = False
        file["waterMask"] = land
        file["shadowMask"] = ~land
        file.attrs.update(attributes | {"FILE_TYPE": "geometry", "WIDTH": str(width)})
    return folder / name


def write_velocity(folder: Path, attributes: dict[str, str] = MAPPED, **more: str) -> Path:
    folder.mkdir(exist_ok=True)
    with h5py.File(folder / "velocity.h5", "w") as file:
        values = np.full((HEIGHT, WIDTH), -20.0, "f4")
        values[0] = 0
        values[8, 9] = 0
        file["velocity"] = values
        file["velocityStd"] = np.abs(values) / 10
        file.attrs.update(attributes | {"FILE_TYPE": "velocity", "REF_Y": "8", "REF_X": "9"} | more)
    return folder / "velocity.h5"


def test_the_real_velocity_lies_on_the_real_heights(test_data: Path) -> None:
    folder = test_data / "vel_kirishima_alos2"
    dataset = open_product(folder)
    with rasterio.open(folder / "height.tif") as heights:
        a, _, c, _, e, f = tuple(heights.transform)[:6]
        assert dataset["velocity"].shape == heights.shape
        assert dataset.x.values[0] == pytest.approx(c + a / 2, abs=1e-3 * a)
        assert dataset.y.values[0] == pytest.approx(f + e / 2, abs=1e-3 * abs(e))
        assert CRS(dataset["spatial_ref"].attrs["crs_wkt"]) == CRS(heights.crs.to_wkt())


def test_the_real_point_of_reference_is_where_its_attributes_say(test_data: Path) -> None:
    """REF_LAT and REF_LON are of the middle of pixel REF_Y, REF_X: so X_FIRST is of the corner."""
    dataset = open_product(test_data / "vel_kirishima_alos2" / "velocity.h5")
    assert dataset.y.values[346] == pytest.approx(31.91592599, abs=1e-8)
    assert dataset.x.values[162] == pytest.approx(130.84999997, abs=1e-8)
    assert dataset["velocity"].values[346, 162] == 0.0
    assert dataset["velocity_deviation"].values[346, 162] == 0.0


def test_the_real_pixels_are_those_of_the_file_and_zeros_are_none(test_data: Path) -> None:
    folder = test_data / "vel_kirishima_alos2"
    dataset = open_product(folder)
    with h5py.File(folder / "velocity.h5") as file:
        stored, deviation = file["velocity"][()], file["velocityStd"][()]
    found = dataset["velocity"].values
    good = stored != 0
    np.testing.assert_array_equal(found[good], stored[good])
    assert np.isnan(found).sum() == (~good).sum() - 1 == 1025
    np.testing.assert_array_equal(dataset["velocity_deviation"].values[good], deviation[good])
    coherence = dataset["temporal_coherence"].values
    assert np.nanmin(coherence) > 0
    assert np.nanmax(coherence) <= 1
    assert dataset.attrs["wavelength_m"] == pytest.approx(0.2384035)
    assert (dataset.attrs["first_date"], dataset.attrs["last_date"]) == ("20150209", "20170918")


def test_real_windows_hold_what_the_whole_holds(test_data: Path) -> None:
    velocity = open_product(test_data / "vel_kirishima_alos2")["velocity"]
    whole = velocity.values
    for window in (
        (slice(340, 350), slice(160, 170)),
        (slice(0, 1), slice(540, 541)),
        (slice(66, 70), slice(0, 541)),
    ):
        np.testing.assert_array_equal(velocity[window].values, whole[window])


def test_a_stack_holds_its_pairs(tmp_path: Path) -> None:
    write_stack(tmp_path)
    names = ["20230904_20230916", "20230904_20230928", "20230916_20230928"]
    assert [one.pair for one in list_products(tmp_path)] == names
    dataset = open_product(tmp_path, pair=names[1])
    expected = phases()[1]
    expected[0] = np.nan
    np.testing.assert_array_equal(dataset["unwrapped_phase"].values, expected)
    attributes = dataset.attrs
    assert (attributes["primary_date"], attributes["secondary_date"]) == ("2023-09-04", "2023-09-28")
    assert attributes["temporal_baseline_days"] == 24
    assert attributes["perpendicular_baseline_m"] == 20.0
    assert attributes["used_in_inversion"] is False
    assert attributes["phase_sign"] == "unverified"
    with pytest.raises(InvalidArgument, match="holds 3 interferograms"):
        open_product(tmp_path)
    with pytest.raises(InvalidArgument, match="'20200101_20200113' is not in"):
        open_product(tmp_path, pair="20200101_20200113")


def test_components_are_classes(tmp_path: Path) -> None:
    found = open_product(write_stack(tmp_path), pair="20230904_20230916")["connected_components"].values
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[[0, 3, 5, 6], 0], [1, 0, 255, 37])


def test_a_component_that_fits_no_byte_is_told(tmp_path: Path) -> None:
    path = write_stack(tmp_path)
    with h5py.File(path, "a") as file:
        file["connectComponent"][0, 9, 9] = 300
    found = open_product(path, pair="20230904_20230916")["connected_components"]
    with pytest.raises(UnreadableInput, match="has the class 300"):
        found.compute()


def test_geometry_tells_the_line_of_sight_from_its_definition(tmp_path: Path) -> None:
    write_stack(tmp_path)
    write_geometry(tmp_path)
    dataset = open_product(tmp_path, pair="20230904_20230916")
    reach, toward = math.sin(math.radians(INCIDENCE)), math.radians(HEADING - 90.0)
    for name, expected in (
        ("los_east", reach * math.sin(toward)),
        ("los_north", reach * math.cos(toward)),
        ("los_up", math.cos(math.radians(INCIDENCE))),
        ("incidence", INCIDENCE),
        ("heading", HEADING),
        ("elevation", 750.0),
    ):
        np.testing.assert_allclose(dataset[name].values[1:], expected, rtol=2e-6, err_msg=name)
        assert np.isnan(dataset[name].values[0]).all()
    assert dataset["los_east"].values[1, 1] < 0  # ascending and right-looking: the satellite is in the west
    np.testing.assert_array_equal(dataset["water"].values[[6, 7], 0], [0, 1])
    np.testing.assert_array_equal(dataset["shadow_mask"].values[[6, 7], 0], [0, 1])


def test_a_radar_that_looks_to_the_left_flies_the_other_way(tmp_path: Path) -> None:
    dataset = open_product(write_geometry(tmp_path, attributes=MAPPED | {"ANTENNA_SIDE": "1"}))
    assert dataset["heading"].values[5, 5] == pytest.approx(HEADING + 180.0, abs=1e-4)


def test_radar_geometry_has_no_coordinates_and_geometry_may_lie_in_inputs(tmp_path: Path) -> None:
    write_velocity(tmp_path, RADAR)
    write_geometry(tmp_path / "inputs", "geometryRadar.h5", RADAR)
    write_geometry(tmp_path, "geometryGeo.h5", MAPPED, WIDTH + 3)  # on a map: of no use here
    dataset = open_product(tmp_path)
    assert dataset["velocity"].dims == ("line", "sample")
    assert dataset["los_up"].shape == (HEIGHT, WIDTH)
    assert not dataset.coords


def test_velocities_become_metres(tmp_path: Path) -> None:
    dataset = open_product(write_velocity(tmp_path, UNIT="mm/year"))
    velocity = dataset["velocity"].values
    np.testing.assert_allclose(velocity[1:8], -0.02, rtol=1e-6)
    assert np.isnan(velocity[0]).all()
    assert velocity[8, 9] == 0.0
    with pytest.raises(UnreadableInput, match="UNIT cannot be 'rad'"):
        open_product(write_velocity(tmp_path / "other", UNIT="rad"))


@pytest.mark.parametrize(
    ("attributes", "epsg"),
    [
        ({"EPSG": "32632"}, 32632),
        ({"UTM_ZONE": "05N", "X_UNIT": "meters"}, 32605),
        ({"UTM_ZONE": "18S", "X_UNIT": "meters"}, 32718),
        ({}, 4326),
    ],
)
def test_the_crs_is_told_in_three_ways(tmp_path: Path, attributes: dict[str, str], epsg: int) -> None:
    dataset = open_product(write_velocity(tmp_path, MAPPED | attributes))
    assert CRS(dataset["spatial_ref"].attrs["crs_wkt"]).to_epsg() == epsg


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"X_UNIT": "meters"}, "CRS cannot be told"),
        ({"EPSG": "banana"}, "CRS cannot be told from EPSG='banana'"),
        ({"X_STEP": "0"}, "X_STEP cannot be 0"),
        ({"X_FIRST": "nan"}, "X_FIRST cannot be 'nan'"),
        ({"LENGTH": "23"}, "24 pixels along y, and there are coordinates of 23"),
        ({"LENGTH": "9999999999"}, "LENGTH and WIDTH cannot be"),
        ({"WAVELENGTH": "long"}, "WAVELENGTH cannot be 'long'"),
    ],
)
def test_a_wrong_attribute_is_told_by_name(tmp_path: Path, attributes: dict[str, str], message: str) -> None:
    with pytest.raises(UnreadableInput, match=message):
        open_product(write_velocity(tmp_path, MAPPED | attributes))


def test_a_missing_attribute_is_told_by_name(tmp_path: Path) -> None:
    attributes = {key: value for key, value in MAPPED.items() if key != "X_STEP"}
    with pytest.raises(UnreadableInput, match="no attribute X_STEP"):
        open_product(write_velocity(tmp_path, attributes))


def test_swapped_dates_are_refused(tmp_path: Path) -> None:
    path = write_stack(tmp_path, pairs=[("20230916", "20230904"), *PAIRS[1:]])
    with pytest.raises(UnreadableInput, match="are the dates swapped"):
        open_product(path, pair="20230916_20230904")


def test_dates_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="date cannot be '20231399 20230916'"):
        open_product(write_stack(tmp_path, pairs=[("20231399", "20230916"), *PAIRS[1:]]))


def test_geometry_of_another_size_is_refused(tmp_path: Path) -> None:
    write_velocity(tmp_path)
    write_geometry(tmp_path, width=WIDTH + 1)
    with pytest.raises(GridMismatch, match="24 x 31 pixels and velocity is 24 x 30"):
        open_product(tmp_path)


def test_other_files_are_not_recognised(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["velocity"] = np.ones((3, 3))
    (tmp_path / "velocity.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    assert not recognises(tmp_path)


def test_damaged_files_end_in_an_error_or_an_answer(tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    ends = survey("mintpy", write_stack(tmp_path / "whole"), folder)
    assert ends["refused"] > 200
    assert ends["same"] + ends["other"] > 50
