"""NetCDF of SNAP: files with the layout of its CF and BEAM writers, as their source has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from damaging import survey
from pyproj import CRS

from insarfeat.errors import GridMismatch, InvalidArgument, UnreadableInput
from insarfeat.io.products import list_products, open_product
from insarfeat.io.products.snap_netcdf import recognises

HEIGHT, WIDTH = 26, 34
PAIR = "04Sep2023_16Sep2023"


def scene() -> np.ndarray:
    draw = np.random.default_rng(8)
    values = (draw.normal(size=(HEIGHT, WIDTH)) + 1j * draw.normal(size=(HEIGHT, WIDTH))).astype("c8")
    values[0] = 0
    values[4, 4] = 3.0  # the imaginary part is 0 and valid
    return values


def bands(suffix: str = f"IW1_VV_{PAIR}") -> dict[str, np.ndarray]:
    values = scene()
    return {
        f"i_ifg_{suffix}": values.real,
        f"q_ifg_{suffix}": values.imag,
        f"coh_{suffix}": np.clip(np.abs(values), 0, 1),
        f"Phase_ifg_{suffix}": np.angle(values),
    }


def write(
    path: Path, rasters: dict[str, np.ndarray], dims: tuple[str, str] = ("y", "x"), **options: Any
) -> Path:
    """CF: one-dimensional lat and lon on a map of WGS 84. BEAM: the same, or a CRS with a matrix of pixel corners."""
    with netCDF4.Dataset(path, "w") as file:
        height, width = next(iter(rasters.values())).shape
        for name, size in zip(dims, (height, width), strict=True):
            file.createDimension(name, size)
        for name, values in rasters.items():
            variable = file.createVariable(name, "f4", dims, zlib=True, fill_value=options.get("fill"))
            variable.coordinates = "lat lon"
            variable[:] = values
        if dims == ("lat", "lon"):
            for name, first, step, size in (("lat", 44.5, -0.0004, height), ("lon", 10.2, 0.0005, width)):
                axis = file.createVariable(name, "f8", (name,))
                axis[:] = first + step * np.arange(size)
                axis.units = "degrees_north" if name == "lat" else "degrees_east"
        if "epsg" in options:
            crs = file.createVariable("crs", "i4")
            crs.wkt = CRS.from_epsg(options["epsg"]).to_wkt("WKT1_GDAL")
            crs.i2m = options.get("i2m", "15.0,0.0,0.0,-20.0,620000.0,4905000.0")
        metadata = file.createVariable("metadata", "i1")
        metadata.setncattr("Abstracted_Metadata:radar_frequency", 5405.000454334350)
        metadata.setncattr("Abstracted_Metadata:PASS", "ASCENDING")
        file.Conventions = "CF-1.4"
    return path


def test_bands_become_layers_and_their_names_tell_the_dates(tmp_path: Path) -> None:
    dataset = open_product(write(tmp_path / "a.nc", bands()))
    assert dataset["interferogram"].dtype == np.complex64
    np.testing.assert_array_equal(dataset["interferogram"].values, scene())
    expected = np.angle(scene())
    expected[0] = np.nan
    expected[4, 4] = np.nan  # SNAP has no other nodata: a phase of just 0 is lost
    np.testing.assert_array_equal(dataset["wrapped_phase"].values, expected.astype("f4"))
    assert np.isnan(dataset["coherence"].values[0]).all()
    attributes = dataset.attrs
    assert (attributes["primary_date"], attributes["secondary_date"]) == ("2023-09-04", "2023-09-16")
    assert (attributes["polarisation"], attributes["swath"]) == ("VV", "IW1")
    assert attributes["orbit_direction"] == "ascending"
    assert attributes["wavelength_m"] == pytest.approx(0.0554658, abs=1e-7)
    assert dataset["coherence"].dims == ("line", "sample")
    np.testing.assert_array_equal(dataset["interferogram"][3:9, 5:6].values, scene()[3:9, 5:6])


def test_axes_of_latitude_and_longitude_are_a_map(tmp_path: Path) -> None:
    dataset = open_product(write(tmp_path / "a.nc", bands(), ("lat", "lon")))
    assert dataset["coherence"].dims == ("y", "x")
    assert CRS(dataset["spatial_ref"].attrs["crs_wkt"]).to_epsg() == 4326
    np.testing.assert_allclose(dataset.y.values, 44.5 - 0.0004 * np.arange(HEIGHT))
    np.testing.assert_allclose(dataset.x.values, 10.2 + 0.0005 * np.arange(WIDTH))


def test_the_matrix_beside_the_crs_is_of_corners(tmp_path: Path) -> None:
    dataset = open_product(write(tmp_path / "a.nc", bands(), epsg=32632))
    assert CRS(dataset["spatial_ref"].attrs["crs_wkt"]).to_epsg() == 32632
    assert dataset.x.values[:2].tolist() == [620007.5, 620022.5]
    assert dataset.y.values[:2].tolist() == [4904990.0, 4904970.0]


def test_other_layers_are_told_by_name(tmp_path: Path) -> None:
    plain = np.full((HEIGHT, WIDTH), 38.0)
    height = np.zeros((HEIGHT, WIDTH))
    rasters = bands() | {
        f"Unw_Phase_ifg_{PAIR}_VV": plain, "displacement_VV": plain / 1000, "elevation": height,
        "incidenceAngleFromEllipsoid": plain, "localIncidenceAngle": plain + 4, "lat": plain, "lon": plain,
    }  # fmt: skip
    dataset = open_product(write(tmp_path / "a.nc", rasters))
    for name, expected in (
        ("unwrapped_phase", 38), ("displacement", 0.038), ("elevation", 0), ("incidence", 38),
        ("local_incidence", 42), ("latitude", 38), ("longitude", 38),
    ):  # fmt: skip
        np.testing.assert_allclose(dataset[name].values, expected, rtol=1e-6, err_msg=name)


def test_declared_nodata_becomes_nan(tmp_path: Path) -> None:
    rasters = bands() | {"elevation": np.full((HEIGHT, WIDTH), -32768.0)}
    dataset = open_product(write(tmp_path / "a.nc", rasters, fill=-32768.0))
    assert np.isnan(dataset["elevation"].values).all()


def test_several_pairs_polarisations_and_swaths_are_chosen(tmp_path: Path) -> None:
    rasters = bands()
    rasters |= {name: values * 2 for name, values in bands(f"IW1_VH_{PAIR}").items()}
    rasters |= {name: values * 3 for name, values in bands("IW1_VV_04Sep2023_28Sep2023").items()}
    path = write(tmp_path / "a.nc", rasters)
    assert [one.pair for one in list_products(path)] == ["20230904_20230916", "20230904_20230928"]
    with pytest.raises(InvalidArgument, match="several of polarisation"):
        open_product(path, pair="20230904_20230916")
    for options, factor in (
        ({"pair": "20230904_20230916", "polarisation": "vv"}, 1),
        ({"pair": "20230904_20230916", "polarisation": "VH"}, 2),
        ({"pair": "20230904_20230928", "polarisation": "VV", "swath": "IW1"}, 3),
    ):
        found = open_product(path, **options)["interferogram"]
        np.testing.assert_allclose(found.values, scene() * factor, rtol=1e-6)
    with pytest.raises(InvalidArgument, match="swath 'IW2' is not in"):
        open_product(path, pair="20230904_20230916", polarisation="VV", swath="IW2")


def test_swapped_dates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="are the dates swapped"):
        open_product(write(tmp_path / "a.nc", bands("VV_16Sep2023_04Sep2023")))


def test_an_interferogram_without_its_other_half_is_told(tmp_path: Path) -> None:
    rasters = {name: values for name, values in bands().items() if not name.startswith("q_")}
    with pytest.raises(UnreadableInput, match="and no q_ifg_IW1_VV"):
        open_product(write(tmp_path / "a.nc", rasters))


@pytest.mark.parametrize(
    ("matrix", "message"),
    [("1,2,3", "no matrix of six numbers"), ("15,1,0,-20,0,0", "rotated"), ("nan,0,0,-20,0,0", "impossible")],
)
def test_an_impossible_matrix_is_told(tmp_path: Path, matrix: str, message: str) -> None:
    with pytest.raises(UnreadableInput, match=message):
        open_product(write(tmp_path / "a.nc", bands(), epsg=32632, i2m=matrix))


def test_bands_of_two_sizes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nc", bands())
    with netCDF4.Dataset(path, "a") as file:
        file.createDimension("y1", 5)
        file.createDimension("x1", 6)
        file.createVariable(f"Unw_Phase_ifg_{PAIR}_VV", "f4", ("y1", "x1"))[:] = 1
    with pytest.raises(GridMismatch, match="5 x 6 pixels"):
        open_product(path)


def test_other_files_are_not_recognised(tmp_path: Path) -> None:
    import xarray as xr

    import insarfeat

    layer = xr.DataArray(np.ones((3, 4), "f4"), dims=("y", "x"), name="coh_mine")
    assert not recognises(insarfeat.write(layer, tmp_path / "ours.nc"))
    (tmp_path / "text.nc").write_text("no")
    assert not recognises(tmp_path / "text.nc")
    assert not recognises(tmp_path)
    write(tmp_path / "a.nc", bands())
    assert recognises(tmp_path)


def test_damaged_files_end_in_an_error_or_an_answer(tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    ends = survey("snap_netcdf", write(tmp_path / "a.nc", bands()), folder)
    assert ends["refused"] > 200
    assert ends["same"] + ends["other"] > 50
