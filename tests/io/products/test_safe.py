"""Sentinel-1 SAFE: real annotations against their own orbit and tie points; images written by GDAL."""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ElementTree
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from damaging import survey
from pyproj import Transformer
from scipy.interpolate import CubicHermiteSpline

from insarfeat.errors import GridMismatch, InvalidArgument, UnreadableInput
from insarfeat.geometry import Swath
from insarfeat.io import read_swath
from insarfeat.io.products import list_products, open_product
from insarfeat.io.products.safe import recognises

BURSTS, LINES, SAMPLES = 2, 40, 64


@pytest.fixture(scope="module")
def products(test_data: Path) -> list[Path]:
    found = sorted(test_data.glob("*/*_annotation.SAFE.zip"))
    if not found:
        pytest.skip("no samples of Sentinel-1 annotation")
    return found


def annotation(product: Path, swath: str = "iw2") -> tuple[str, bytes]:
    with zipfile.ZipFile(product) as archive:
        name = next(one for one in archive.namelist() if f"/annotation/s1a-{swath}" in one)
        return Path(name).name, archive.read(name)


def swath_of(product: Path, name: str) -> Swath:
    with zipfile.ZipFile(product) as archive:
        place = next(one for one in archive.namelist() if f"/annotation/s1a-{name.lower()}" in one)
        with archive.open(place) as file:
            return read_swath(file)


def small(xml: bytes) -> bytes:
    """The same annotation for the first lines and samples of its first bursts."""
    root = ElementTree.fromstring(xml)
    timing = root.find("swathTiming")
    timing.find("linesPerBurst").text, timing.find("samplesPerBurst").text = str(LINES), str(SAMPLES)
    bursts = timing.find("burstList")
    for burst in list(bursts)[BURSTS:]:
        bursts.remove(burst)
    for burst in bursts:
        burst.find("firstValidSample").text = " ".join(["3"] * LINES)
        burst.find("lastValidSample").text = " ".join([str(SAMPLES - 4)] * LINES)
    for heavy in ("antennaPattern", "noiseAnnotationList", "qualityInformation"):
        if (found := root.find(heavy)) is not None:
            root.remove(found)
    points = root.find("geolocationGrid/geolocationGridPointList")
    for point in list(points):
        if int(point.findtext("line")) > 4600 or int(point.findtext("pixel")) > 4000:
            points.remove(point)
    return ElementTree.tostring(root)


def pixels() -> np.ndarray:
    draw = np.random.default_rng(6)
    parts = draw.integers(-900, 900, (2, BURSTS * LINES, SAMPLES))
    values = (parts[0] + 1j * parts[1]).astype("c8")
    values[:4] = 0
    return values


def write_image(path: Path, values: np.ndarray, dtype: str = "complex_int16") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        height, width = values.shape
        with rasterio.open(
            path, "w", driver="GTiff", height=height, width=width, count=1, dtype=dtype
        ) as file:
            file.write(values, 1)


def write_safe(folder: Path, products: list[Path], swaths: tuple[str, ...] = ("iw2",)) -> Path:
    place = folder / "S1A_IW_SLC__1SDV_small.SAFE"
    (place / "annotation").mkdir(parents=True)
    (place / "manifest.safe").write_text("<xfdu/>")
    for swath in swaths:
        name, xml = annotation(products[0], swath)
        (place / "annotation" / name).write_bytes(small(xml))
        write_image(place / "measurement" / f"{name[:-4]}.tiff", pixels())
    return place


def write_zip(safe: Path, path: Path, method: int) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(safe.rglob("*")):
            if file.is_file():
                archive.write(file, f"{safe.name}/{file.relative_to(safe).as_posix()}")
    return path


@pytest.mark.parametrize("name", ["IW1", "IW2", "IW3"])
def test_real_pixels_lie_where_their_tie_points_do(products: list[Path], name: str) -> None:
    for product, row in zip(products[::2], (0, 6), strict=False):
        dataset, ties = open_product(product, swath=name), swath_of(product, name).tie_points
        line, at = int(ties.line[row, 0]), ties.pixel[row]
        at = at[at < dataset.sizes["sample"]]
        here = dataset[["latitude", "longitude", "incidence"]].isel(line=[line]).compute()
        count = len(at)
        np.testing.assert_allclose(here["latitude"].values[0, at], ties.latitude[row, :count], atol=1e-6)
        np.testing.assert_allclose(here["longitude"].values[0, at], ties.longitude[row, :count], atol=4e-6)
        # The annotation measures from the Earth's centre, the layer from the ellipsoid's normal.
        more = here["incidence"].values[0, at] - ties.incidence[row, :count]
        assert 0.02 < more.min() < more.max() < 0.045


@pytest.mark.parametrize("name", ["IW1", "IW3"])
def test_the_line_of_sight_points_to_the_annotated_orbit(products: list[Path], name: str) -> None:
    """From the tie points and the state vectors alone, with pyproj's ellipsoid and a spline of scipy's."""
    earth = Transformer.from_crs(4979, 4978, always_xy=True)
    for product in products:
        swath = swath_of(product, name)
        ties, orbit = swath.tie_points, swath.orbit
        start = np.datetime64(orbit.times[0])
        seconds = [(np.datetime64(each) - start) / np.timedelta64(1, "s") for each in orbit.times]
        path = CubicHermiteSpline(seconds, np.array(orbit.positions), np.array(orbit.velocities))
        row, column = 4, 9
        longitude, latitude = ties.longitude[row, column], ties.latitude[row, column]
        ground = np.array(earth.transform(longitude, latitude, ties.height[row, column]))
        toward = path((ties.azimuth_time[row, column] - start) / np.timedelta64(1, "s")) - ground
        toward /= np.linalg.norm(toward)
        east, north = np.radians(longitude), np.radians(latitude)
        axes = np.array([
            [-np.sin(east), np.cos(east), 0],
            [-np.sin(north) * np.cos(east), -np.sin(north) * np.sin(east), np.cos(north)],
            [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)],
        ])  # fmt: skip
        expected = axes @ toward
        line, sample = int(ties.line[row, column]), int(ties.pixel[row, column])
        dataset = open_product(product, swath=name)[
            ["los_east", "los_north", "los_up", "incidence", "heading"]
        ]
        found = dataset.isel(line=[line], sample=[sample]).compute()
        for layer, part in zip(("los_east", "los_north", "los_up"), expected, strict=True):
            assert found[layer].item() == pytest.approx(part, abs=3e-6)
        assert found["incidence"].item() == pytest.approx(np.degrees(np.arccos(expected[2])), abs=3e-4)
        heading = np.degrees(np.arctan2(expected[0], expected[1])) + 90.0  # right-looking
        assert (found["heading"].item() - heading + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-3)


def test_the_end_of_a_burst_lies_where_the_next_one_begins(products: list[Path]) -> None:
    """Two lines of one time see one place; rows of tie points read as lines of the image would be 2 km off."""
    swath = swath_of(products[0], "IW2")
    first, second = (swath.bursts[number].azimuth for number in (3, 4))
    apart = (second.first_time - first.first_time).total_seconds() / first.interval
    line = round(apart)
    assert abs(apart - line) < 0.01
    dataset = open_product(products[0], swath="IW2")[["latitude", "longitude"]]
    late = dataset.isel(line=[3 * first.lines + line + 40], sample=slice(0, None, 500)).compute()
    early = dataset.isel(line=[4 * first.lines + 40], sample=slice(0, None, 500)).compute()
    for name in ("latitude", "longitude"):
        np.testing.assert_allclose(late[name].values, early[name].values, atol=2e-6)


def test_real_products_are_listed_and_swaths_are_chosen(products: list[Path]) -> None:
    folder = next(path.parent for path in products if path.parent.name == "s1meta_hyp3isce2")
    assert [one.path for one in list_products(folder)] == sorted(folder.glob("*.zip"))
    with pytest.raises(InvalidArgument, match="several of swath: name one with swath=, of IW1, IW2, IW3"):
        open_product(products[0])
    with pytest.raises(InvalidArgument, match="polarisation 'VH' is not in"):
        open_product(products[0], polarisation="VH", swath="IW1")
    dataset = open_product(products[0], swath="iw1", polarisation="vv")
    assert (dataset.attrs["swath"], dataset.attrs["polarisation"], dataset.attrs["bursts"]) == (
        "IW1",
        "VV",
        9,
    )
    assert "image" not in dataset


def test_windows_and_threads_give_the_same_places(products: list[Path]) -> None:
    layer = open_product(products[0], swath="IW2")["latitude"]
    block = layer[1400:1700, 5000:5200]
    whole = block.values

    def part(seed: int) -> None:
        top, left = np.random.default_rng(seed).integers(0, (290, 190))
        np.testing.assert_array_equal(
            block[top : top + 9, left : left + 9].compute(scheduler="sync"),
            whole[top : top + 9, left : left + 9],
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(part, range(40)))


def test_pixels_are_those_of_the_image(tmp_path: Path, products: list[Path]) -> None:
    safe = write_safe(tmp_path, products)
    one = next((safe / "annotation").iterdir())
    stored = write_zip(safe, tmp_path / "stored.zip", zipfile.ZIP_STORED)
    packed = write_zip(safe, tmp_path / "packed.zip", zipfile.ZIP_DEFLATED)
    for place in (safe, safe / "manifest.safe", one, stored, packed):
        dataset = open_product(place)
        assert dataset["image"].dtype == np.complex64
        np.testing.assert_array_equal(dataset["image"].values, pixels())
        np.testing.assert_array_equal(dataset["image"][7:50, 3:9].values, pixels()[7:50, 3:9])
        assert dataset["latitude"].shape == dataset["image"].shape
        assert "deramp" in dataset.attrs["azimuth_ramp"]


def test_an_annotation_means_its_own_swath(tmp_path: Path, products: list[Path]) -> None:
    safe = write_safe(tmp_path, products, ("iw1", "iw3"))
    with pytest.raises(InvalidArgument, match="several of swath"):
        open_product(safe)
    third = next((safe / "annotation").glob("*iw3*"))
    assert open_product(third).attrs["swath"] == "IW3"
    with pytest.raises(InvalidArgument, match="swath 'IW1' is not in"):
        open_product(third, swath="IW1")


def test_an_image_of_another_size_is_refused(tmp_path: Path, products: list[Path]) -> None:
    safe = write_safe(tmp_path, products)
    write_image(next((safe / "measurement").iterdir()), pixels()[:-1])
    with pytest.raises(GridMismatch, match="79 x 64 pixels, its annotation tells of 80 x 64"):
        open_product(safe)


def test_an_image_without_phase_is_refused(tmp_path: Path, products: list[Path]) -> None:
    safe = write_safe(tmp_path, products)
    write_image(next((safe / "measurement").iterdir()), np.abs(pixels()).astype("u2"), "uint16")
    with pytest.raises(UnreadableInput, match="holds uint16, and no complex numbers"):
        open_product(safe)


def test_an_image_cut_short_is_refused_when_it_is_opened(tmp_path: Path, products: list[Path]) -> None:
    path = next((write_safe(tmp_path, products) / "measurement").iterdir())
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UnreadableInput, match=r"cut short|not a readable image"):
        open_product(path.parents[1])


def test_damaged_annotations_are_told(tmp_path: Path, products: list[Path]) -> None:
    safe = write_safe(tmp_path, products)
    path = next((safe / "annotation").iterdir())
    content = path.read_bytes()
    for damaged, message in (
        (content[: len(content) // 2], "cut short"),
        (b"", "empty"),
        (content.replace(b"slantRangeTime", b"slantRangeTimf"), "slantRangeTime"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(UnreadableInput, match=message):
            open_product(safe)


def test_other_folders_and_zips_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "empty.SAFE").mkdir()
    (tmp_path / "text.zip").write_text("no")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "no")
    (tmp_path / "s1a-iw1-slc-vv-x.xml").write_text("<product/>")
    for name in ("", "empty.SAFE", "text.zip", "other.zip", "s1a-iw1-slc-vv-x.xml", "nowhere"):
        assert not recognises(tmp_path / name)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_zips_end_in_an_error_or_an_answer(tmp_path: Path, products: list[Path], method: int) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    path = write_zip(write_safe(tmp_path, products), tmp_path / "whole.zip", method)
    ends = survey("safe", path, folder, count=500)
    assert ends["refused"] > 100


def test_damaged_annotations_end_in_an_error_or_an_answer(tmp_path: Path, products: list[Path]) -> None:
    safe = write_safe(tmp_path / "whole", products)
    folder = tmp_path / "damaged.SAFE" / "annotation"
    folder.mkdir(parents=True)
    ends = survey("safe", next((safe / "annotation").iterdir()), folder, count=500)
    assert ends["refused"] > 100
