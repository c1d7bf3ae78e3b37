"""GMTSAR: grids written as GMT writes them (COARDS, registration in node_offset), not by our own code."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from damaging import survey
from pyproj import CRS

from insarfeat.errors import GridMismatch, MissingInput, UnreadableInput
from insarfeat.io.products import list_products, open_product
from insarfeat.io.products.gmtsar import recognises

HEIGHT, WIDTH = 30, 42


def write_grid(
    path: Path, values: np.ndarray, y: tuple[float, float], x: tuple[float, float], **options: Any
) -> Path:
    """A grid of GMT: ``values[0]`` is the row of the least y. Ranges are of the pixels' edges, or of the nodes.

    options: ``pixel`` registration (as GMTSAR's are), ``descending`` rows, ``names`` of units, ``kind`` of NetCDF.
    """
    pixel, path = options.get("pixel", True), Path(path)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)  # the library does not write into a file that it has open
    with netCDF4.Dataset(path, "w", format=options.get("kind") or "NETCDF4") as file:
        for name, edges, size in (("y", y, values.shape[0]), ("x", x, values.shape[1])):
            step = (edges[1] - edges[0]) / (size if pixel else size - 1)
            centres = edges[0] + step * (np.arange(size) + (0.5 if pixel else 0.0))
            file.createDimension(name, size)
            axis = file.createVariable(name, "f8", (name,))
            axis[:] = centres[::-1] if name == "y" and options.get("descending") else centres
            axis.actual_range = np.array(edges)
        raster = file.createVariable(
            "z", "f4", ("y", "x"), zlib=options.get("kind") is None, fill_value=np.nan
        )
        raster[:] = values[::-1] if options.get("descending") else values
        if pixel:
            file.node_offset = np.int32(1)
        file.Conventions = "CF-1.7"
    return path


def scene() -> np.ndarray:
    """Complex interferogram by line of the flight and sample of range."""
    draw = np.random.default_rng(3)
    values = (draw.normal(size=(HEIGHT, WIDTH)) + 1j * draw.normal(size=(HEIGHT, WIDTH))).astype("c8")
    values[0, :5] = np.nan + 1j * np.nan
    return values


def write_radar(folder: Path) -> Path:
    """What filter.csh leaves: azimuth lines from the top in realfilt and imagfilt, FLIPUD in all that follows.

    In memory GMT has the greatest y first; a file of its own begins with the least. So a raster that was filled
    line by line from the top has its last line first in the file, and one that was turned again its first.
    """
    values, edges = scene(), ((0.0, 4.0 * HEIGHT), (0.0, 16.0 * WIDTH))
    for name, part in (("realfilt", values.real), ("imagfilt", values.imag)):
        write_grid(folder / f"{name}.grd", part[::-1], *edges)
    write_grid(folder / "phasefilt.grd", np.angle(values), *edges)
    write_grid(folder / "corr.grd", np.clip(np.abs(values), 0, 1), *edges)
    write_grid(folder / "unwrap.grd", np.abs(values) * 9, *edges)
    return folder


def write_mapped(folder: Path, **options: Any) -> Path:
    values, edges = scene(), ((37.2, 37.5), (14.9, 15.32))
    write_grid(folder / "phasefilt_ll.grd", np.angle(values), *edges, **options)
    write_grid(folder / "corr_ll.grd", np.clip(np.abs(values), 0, 1), *edges, **options)
    write_grid(folder / "los_ll.grd", np.abs(values) * 10, *edges, **options)
    return folder


def test_lines_follow_the_flight_and_phase_is_that_of_the_interferogram(tmp_path: Path) -> None:
    dataset = open_product(write_radar(tmp_path / "2023246_2023258"))
    np.testing.assert_allclose(dataset["wrapped_phase"].values, np.angle(scene()), atol=1e-6)
    np.testing.assert_array_equal(dataset["interferogram"].values, scene())
    assert dataset["interferogram"].dtype == np.complex64
    assert dataset["wrapped_phase"].dims == ("line", "sample")
    assert not dataset.coords
    assert dataset.attrs["range_step"] == pytest.approx(16.0)
    assert dataset.attrs["azimuth_first"] == pytest.approx(2.0)
    assert dataset.attrs["phase_sign"] == "primary x conj(secondary)"
    part = dataset["interferogram"][7:19, 3:40]
    np.testing.assert_array_equal(part.values, scene()[7:19, 3:40])


@pytest.mark.parametrize("pixel", [True, False])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("kind", [None, "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"])
def test_maps_lie_where_gdal_sees_them(
    tmp_path: Path, pixel: bool, descending: bool, kind: str | None
) -> None:
    dataset = open_product(write_mapped(tmp_path / "pair", pixel=pixel, descending=descending, kind=kind))
    assert CRS(dataset["spatial_ref"].attrs["crs_wkt"]).to_epsg() == 4326
    step = 0.3 / (HEIGHT if pixel else HEIGHT - 1)
    rows = dataset.sortby("y")
    assert rows.y.values[0] == pytest.approx(37.2 + (step / 2 if pixel else 0), abs=1e-9)
    np.testing.assert_allclose(rows["wrapped_phase"].values, np.angle(scene()), atol=1e-6)
    np.testing.assert_allclose(rows["displacement"].values, np.abs(scene()) * 0.01, rtol=1e-5)
    assert dataset["coherence"].values[5, 5] <= 1


def test_a_file_tells_which_grids_are_meant(tmp_path: Path) -> None:
    folder = write_mapped(write_radar(tmp_path / "pair"))
    assert open_product(folder)["wrapped_phase"].dims == ("y", "x")
    assert open_product(folder / "corr_ll.grd")["wrapped_phase"].dims == ("y", "x")
    assert open_product(folder / "corr.grd")["wrapped_phase"].dims == ("line", "sample")


def test_the_line_of_sight_is_that_of_sat_look(tmp_path: Path) -> None:
    folder = write_mapped(tmp_path / "pair")
    incidence, heading = math.radians(36.0), math.radians(-13.0)
    toward = heading - math.pi / 2
    vector = (
        math.sin(incidence) * math.sin(toward), math.sin(incidence) * math.cos(toward), math.cos(incidence)
    )  # fmt: skip
    for name, part in zip(("east_look", "north_look", "up_look"), vector, strict=True):
        write_grid(folder / f"{name}.grd", np.full((HEIGHT, WIDTH), part), (37.2, 37.5), (14.9, 15.32))
    dataset = open_product(folder)
    np.testing.assert_allclose(dataset["incidence"].values, 36.0, rtol=1e-5)
    np.testing.assert_allclose(dataset["heading"].values, -13.0, rtol=1e-5)
    (folder / "up_look.grd").unlink()
    with pytest.raises(MissingInput, match=r"up_look\.grd missing"):
        open_product(folder)


def write_prm(folder: Path, identity: int, names: tuple[str, str] = ("S1_a", "S1_b")) -> None:
    for name in names:
        (folder / f"{name}.PRM").write_text(
            f"SC_identity = {identity}\nradar_wavelength = 0.0554658\nSC_clock_start = 2015145.5\n"
        )


def test_days_of_sentinel_folders_count_from_0(tmp_path: Path) -> None:
    """GMTSAR's example of Los Angeles, 26 May and 7 June 2015, lies in 2015145_2015157."""
    folder = write_mapped(tmp_path / "2015145_2015157")
    write_prm(folder, 10)
    assert [one.name for one in list_products(tmp_path)] == ["2015145_2015157"]
    dataset = open_product(folder)
    assert (dataset.attrs["primary_date"], dataset.attrs["secondary_date"]) == ("2015-05-26", "2015-06-07")
    assert dataset.attrs["wavelength_m"] == pytest.approx(0.0554658)


def test_days_of_other_folders_are_not_guessed(tmp_path: Path) -> None:
    folder = write_mapped(tmp_path / "2009351_2010124")
    write_prm(folder, 5)
    dataset = open_product(folder)
    assert "primary_date" not in dataset.attrs
    assert dataset.attrs["gmtsar_pair"] == "2009351_2010124"


@pytest.mark.parametrize("name", ["2015157_2015145", "20150607_20150526"])
def test_swapped_dates_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableInput, match="are the dates swapped"):
        open_product(write_mapped(tmp_path / name))


def test_half_an_interferogram_is_told(tmp_path: Path) -> None:
    folder = write_radar(tmp_path / "pair")
    (folder / "imagfilt.grd").unlink()
    with pytest.raises(MissingInput, match=r"imagfilt\.grd is missing"):
        open_product(folder)


def test_gmts_own_binary_is_left_alone(tmp_path: Path) -> None:
    folder = write_radar(tmp_path / "pair")
    (folder / "real.grd").write_bytes(bytes(892 + 4 * HEIGHT * WIDTH))
    assert not recognises(folder / "real.grd")
    assert "interferogram" in open_product(folder)


def test_a_grid_of_another_size_or_place_is_refused(tmp_path: Path) -> None:
    folder = write_mapped(tmp_path / "pair")
    write_grid(folder / "corr_ll.grd", np.ones((HEIGHT, WIDTH + 2)), (37.2, 37.5), (14.9, 15.32))
    with pytest.raises(GridMismatch, match="30 x 44 pixels"):
        open_product(folder)
    write_grid(folder / "corr_ll.grd", np.ones((HEIGHT, WIDTH)), (37.3, 37.6), (14.9, 15.32))
    with pytest.raises(GridMismatch, match="begins at y"):
        open_product(folder)


def test_a_range_that_contradicts_the_coordinates_is_refused(tmp_path: Path) -> None:
    path = write_mapped(tmp_path / "pair") / "corr_ll.grd"
    with netCDF4.Dataset(path, "a") as file:
        del file.node_offset
    with pytest.raises(UnreadableInput, match="by its range and registration"):
        open_product(path)


def test_radar_coordinates_under_the_name_of_a_map_are_refused(tmp_path: Path) -> None:
    write_grid(tmp_path / "pair" / "corr_ll.grd", np.ones((4, 5)), (0.0, 400.0), (0.0, 800.0))
    with pytest.raises(UnreadableInput, match="no longitudes and latitudes"):
        open_product(tmp_path / "pair")


def test_a_grid_of_gmt_3_is_told_how_to_convert(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "corr.grd", "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("side", 2)
        file.createDimension("xysize", 12)
        for name in ("x_range", "y_range", "z_range", "spacing"):
            file.createVariable(name, "f8", ("side",))
        file.createVariable("z", "f4", ("xysize",))
    with pytest.raises(UnreadableInput, match="grdconvert"):
        open_product(tmp_path / "corr.grd")


def test_grids_of_others_are_not_recognised(tmp_path: Path) -> None:
    write_grid(tmp_path / "gravity.grd", np.ones((4, 5)), (0.0, 4.0), (0.0, 5.0))
    (tmp_path / "phase.grd").write_text("no")
    assert not recognises(tmp_path)
    assert not recognises(tmp_path / "corr.grd")


@pytest.mark.parametrize("kind", [None, "NETCDF3_CLASSIC"])
def test_damaged_files_end_in_an_error_or_an_answer(tmp_path: Path, kind: str | None) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    path = write_grid(tmp_path / "pair" / "corr.grd", np.abs(scene()), (0.0, 30.0), (0.0, 42.0), kind=kind)
    ends = survey("gmtsar", path, folder)
    assert ends["refused"] > 200
    assert ends["same"] + ends["other"] > 50
