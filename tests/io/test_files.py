"""Stacks to files and back: georeferencing as GIS programs see it, nodata, types, names, provenance."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from contract import labelled
from pyproj import CRS

import insarfeat
from insarfeat import terrain
from insarfeat.errors import InvalidArgument, InvalidType

KINDS = (".nc", ".zarr", ".tif")


def dem(rows: int = 40, columns: int = 30, *, epsg: int = 32632, ascending: bool = False) -> xr.DataArray:
    """A small DEM on a projected or geographic grid, with a void."""
    geographic = CRS.from_epsg(epsg).is_geographic
    dims = ("lat", "lon") if geographic else ("y", "x")
    y = (44.5 - np.arange(rows) / 1200) if geographic else 4905000.0 - 15 * np.arange(rows)
    x = (10.2 + np.arange(columns) / 900) if geographic else 620000.0 + 20 * np.arange(columns)
    heights = np.random.default_rng(1).normal(1000, 30, (rows, columns)).astype("f4")
    heights[3, 4] = np.nan
    coords = {dims[0]: y, dims[1]: x, "spatial_ref": ((), 0, {"crs_wkt": CRS.from_epsg(epsg).to_wkt()})}
    array = xr.DataArray(heights, coords, dims, "elevation", {"units": "m", "site": "Corniglio"})
    return array[::-1] if ascending else array


def seen_by_gdal(path: Path, name: str) -> rasterio.DatasetReader:
    return rasterio.open(f"NETCDF:{path}:{name}" if path.suffix == ".nc" else path)


@pytest.mark.parametrize("epsg", [32632, 4326, 3035, 3857])
@pytest.mark.parametrize("ascending", [False, True], ids=["north to south", "south to north"])
@pytest.mark.parametrize("suffix", [".nc", ".tif"])
@pytest.mark.parametrize(
    "change",
    [
        lambda raster: raster,
        lambda raster: raster[5:25, 3:20],
        lambda raster: raster[1::3, ::2],
        lambda raster: (raster * 2 + 1).rename("elevation"),
        lambda raster: xr.apply_ufunc(np.sqrt, raster).rename("elevation"),
        lambda raster: xr.where(raster > 0, raster, 0).rename("elevation"),
    ],
    ids=["as it is", "crop", "stride", "arithmetic", "apply_ufunc", "where"],
)
def test_gdal_sees_crs_transform_nodata_and_pixels(
    tmp_path: Path, epsg: int, ascending: bool, suffix: str, change: object
) -> None:
    raster = change(dem(epsg=epsg, ascending=ascending))
    path = insarfeat.write(raster, tmp_path / f"stack{suffix}")
    upright = raster.sortby(raster.dims[0], ascending=False)
    y, x = (upright[dim].values for dim in upright.dims)
    step_y, step_x = (y[-1] - y[0]) / (len(y) - 1), (x[-1] - x[0]) / (len(x) - 1)
    with seen_by_gdal(path, "elevation") as file:
        assert CRS(file.crs.to_wkt()) == CRS.from_epsg(epsg)
        expected = (step_x, 0, x[0] - step_x / 2, 0, step_y, y[0] - step_y / 2)
        np.testing.assert_allclose(tuple(file.transform)[:6], expected, rtol=1e-9)
        assert np.isnan(file.nodata)
        np.testing.assert_array_equal(file.read(1), upright.values)


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("ascending", [False, True])
def test_what_is_written_comes_back(tmp_path: Path, suffix: str, ascending: bool) -> None:
    raster = dem(ascending=ascending)
    mask = raster.copy(data=np.where(np.isnan(raster), 255, raster > 1000).astype("u1")).rename("landslide")
    stack = xr.Dataset({"elevation": raster, "landslide": mask}, attrs={"site": "Corniglio", "pairs": [1, 2]})
    again = insarfeat.open_stack(insarfeat.write(stack, tmp_path / f"stack{suffix}"))
    if suffix == ".tif" and ascending:
        again = again.sortby("y")
    assert set(again) == {"elevation", "landslide"}
    for name in stack:
        assert again[name].dtype == stack[name].dtype
        assert again[name].chunks is not None
        np.testing.assert_array_equal(again[name].values, stack[name].values)
        np.testing.assert_allclose(again[name]["y"].values, stack[name]["y"].values)
    assert again["elevation"].attrs["units"] == "m"
    assert again["elevation"].attrs["standard_name"] == "surface_altitude"
    assert again["elevation"].attrs["site"] == "Corniglio"
    assert again["landslide"].attrs["flag_meanings"] == "no_landslide landslide"
    assert CRS(again["spatial_ref"].attrs["crs_wkt"]) == CRS.from_epsg(32632)
    assert again.attrs["site"] == "Corniglio"
    assert again.attrs["Conventions"] == "CF-1.11"


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "i4", "u2", "c8"])
def test_every_type_survives(tmp_path: Path, suffix: str, dtype: str) -> None:
    values = np.random.default_rng(0).normal(0, 100, (20, 10)).astype(dtype)
    values[2, 3] = -3 if dtype != "u2" else 3
    raster = labelled(values, "quantity")
    raster.attrs = {"flag_values": np.array([1, 2], "i2")} if dtype[0] in "iu" else {}
    again = insarfeat.open_stack(insarfeat.write(raster, tmp_path / f"stack{suffix}"))["quantity"]
    assert again.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(again.values, values)


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("dtype", ["i4", "u4", "i8"])
def test_labels_beyond_24_bits_stay_integers(tmp_path: Path, suffix: str, dtype: str) -> None:
    basins = labelled(np.array([[1, 2**24 + 1], [2**30 + 1, 7]], dtype), "basins").drop_attrs()
    again = insarfeat.open_stack(insarfeat.write(basins, tmp_path / f"stack{suffix}"))["basins"]
    assert again.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(again.values, basins.values)


@pytest.mark.parametrize("suffix", KINDS)
def test_booleans_come_back_as_masks(tmp_path: Path, suffix: str) -> None:
    mask = labelled(np.eye(4, dtype=bool), "valid_mask")
    again = insarfeat.open_stack(insarfeat.write(mask, tmp_path / f"stack{suffix}"))["valid_mask"]
    assert again.dtype.kind in "bu"
    np.testing.assert_array_equal(again.values.astype(bool), mask.values)


def test_coordinates_without_a_crs_still_place_the_geotiff(tmp_path: Path) -> None:
    path = insarfeat.write(dem().drop_vars("spatial_ref"), tmp_path / "stack.tif")
    with rasterio.open(path) as file:
        assert tuple(file.transform)[:6] == (20, 0, 619990, 0, -15, 4905007.5)
        assert file.crs is None


def test_radar_geometry_goes_through_geotiff_without_a_warning(tmp_path: Path) -> None:
    raster = xr.DataArray(np.ones((5, 4), "f4"), dims=("azimuth", "range"), name="coherence")
    assert insarfeat.open_stack(insarfeat.write(raster, tmp_path / "radar.tif"))["coherence"].sum() == 20


def test_complex_layers_are_two_variables_in_netcdf_and_one_again_when_opened(tmp_path: Path) -> None:
    values = np.array([[1 + 2j, 3], [np.nan, -1j]], "c8")
    path = insarfeat.write(labelled(values, "interferogram"), tmp_path / "ifg.nc")
    with xr.open_dataset(path) as plain:
        assert {"interferogram_real", "interferogram_imag"} <= set(plain)
    np.testing.assert_array_equal(insarfeat.open_stack(path)["interferogram"].values, values)


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_other_readers_open_the_netcdf(tmp_path: Path, engine: str) -> None:
    path = insarfeat.write(dem(), tmp_path / "stack.nc")
    with xr.open_dataset(path, engine=engine, decode_coords="all") as plain:
        np.testing.assert_array_equal(plain["elevation"].values, dem().values)
        assert plain["elevation"].encoding["grid_mapping"] == "spatial_ref"
        assert plain["x"].attrs["standard_name"] == "projection_x_coordinate"
        assert plain["y"].attrs["units"] == "m"
        assert plain["spatial_ref"].attrs["GeoTransform"].split()[0] == "619990.0"


def test_xarray_opens_the_zarr_without_a_warning(tmp_path: Path) -> None:
    path = insarfeat.write(dem(), tmp_path / "stack.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = xr.open_zarr(path, decode_coords="all")
    np.testing.assert_array_equal(plain["elevation"].values, dem().values)
    assert plain["elevation"].encoding["shards"] == (2048, 2048)
    assert plain["elevation"].encoding["chunks"] == (512, 512)


def test_geotiff_bands_have_names_units_and_tiles(tmp_path: Path) -> None:
    stack = xr.Dataset({"elevation": dem(), "slope": terrain.slope(dem())})
    with rasterio.open(insarfeat.write(stack, tmp_path / "stack.tif")) as file:
        assert file.descriptions == ("elevation", "slope")
        assert file.units == ("m", "degree")
        assert file.profile["tiled"]


def test_stacks_with_a_pair_dimension_keep_it(tmp_path: Path) -> None:
    phases = labelled(
        np.random.default_rng(0).normal(size=(3, 20, 10)).astype("f4"), "wrapped_phase", lead=("pair",)
    )
    phases = phases.assign_coords(pair=np.array(["a", "b", "c"]), bt=("pair", [6, 12, 24]))
    stack = phases.to_dataset().assign(
        elevation=labelled(np.ones((20, 10), "f4"), "elevation"), quality=("pair", [1.0, 2.0, 3.0])
    )
    for suffix in (".nc", ".zarr"):
        again = insarfeat.open_stack(insarfeat.write(stack, tmp_path / f"stack{suffix}"))
        assert again["wrapped_phase"].dims == ("pair", "y", "x")
        assert again["pair"].values.tolist() == ["a", "b", "c"]
        assert again["bt"].values.tolist() == [6, 12, 24]
        assert again["quality"].values.tolist() == [1, 2, 3]
        np.testing.assert_array_equal(again["wrapped_phase"].values, phases.values)
    with pytest.raises(InvalidArgument, match="wrapped_phase has more dimensions"):
        insarfeat.write(stack, tmp_path / "stack.tif")


def test_provenance_tells_version_parameters_inputs_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    heights = insarfeat.open_stack(insarfeat.write(dem(), tmp_path / "heights.tif"))["elevation"]
    stack = insarfeat.open_stack(insarfeat.write(terrain.slope(heights), tmp_path / "slope.nc"))
    assert stack.attrs["insarfeat_version"] == insarfeat.__version__
    assert stack.attrs["date_created"] == "2023-11-14T22:13:20Z"
    assert stack["slope"].attrs["processing"] == "terrain.slope(method='zevenbergen-thorne')"
    assert json.loads(stack.attrs["insarfeat_inputs"]) == ["band 1 of heights.tif"]
    assert str(tmp_path) not in str(stack.attrs)


def test_nodata_of_other_programs_becomes_nan(tmp_path: Path) -> None:
    path = tmp_path / "heights.tif"
    heights = np.array([[5, -32768], [7, 8]], "i2")
    options = {"driver": "GTiff", "height": 2, "width": 2, "count": 1, "dtype": "int16", "nodata": -32768}
    with rasterio.open(
        path, "w", **options, transform=rasterio.Affine(10, 0, 0, 0, -10, 0), crs="EPSG:32632"
    ) as file:
        file.write(heights, 1)
    raster = insarfeat.open_stack(path)["heights"]
    assert raster.dtype == np.float32
    np.testing.assert_array_equal(raster.values, np.array([[5, np.nan], [7, 8]], "f4"))


def test_packed_numbers_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "packed.nc"
    packed = xr.DataArray(np.array([[0.5, np.nan], [0.25, 1.0]]), dims=("y", "x"), name="coherence")
    packed.to_netcdf(
        path, encoding={"coherence": {"dtype": "u1", "scale_factor": 1 / 200, "_FillValue": 255}}
    )
    raster = insarfeat.open_stack(path)["coherence"]
    assert raster.dtype == np.float32
    np.testing.assert_allclose(raster.values, packed.values, atol=1e-7)


def test_stacks_without_map_coordinates_are_written_too(tmp_path: Path) -> None:
    raster = xr.DataArray(np.ones((5, 4), "f4"), dims=("azimuth", "range"), name="coherence")
    for suffix in (".nc", ".zarr"):
        again = insarfeat.open_stack(insarfeat.write(raster, tmp_path / f"radar{suffix}"))
        assert again["coherence"].dims == ("azimuth", "range")


def test_writing_what_is_no_stack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidType, match="xarray Dataset or DataArray"):
        insarfeat.write(np.zeros((3, 3)), tmp_path / "a.nc")
    with pytest.raises(InvalidArgument, match="needs a name"):
        insarfeat.write(xr.DataArray(np.zeros((3, 3)), dims=("y", "x")), tmp_path / "a.nc")
    with pytest.raises(InvalidArgument, match="holds no raster of numbers"):
        insarfeat.write(xr.Dataset({"a": 1}), tmp_path / "a.nc")
    with pytest.raises(InvalidArgument, match=r"must end in \.nc, \.zarr or \.tif"):
        insarfeat.write(dem(), tmp_path / "a.png")
    elsewhere = dem()[::2, ::2].rename(y="v", x="u").rename("slope")
    with pytest.raises(InvalidArgument, match="same last two dimensions"):
        insarfeat.write(xr.Dataset({"elevation": dem(), "slope": elsewhere}), tmp_path / "a.nc")
    with pytest.raises(InvalidArgument, match="complex and real rasters cannot share"):
        insarfeat.write(xr.Dataset({"a": dem(), "b": dem().astype("c8")}), tmp_path / "a.tif")


def test_real_samples_open(test_data: Path) -> None:
    davos = insarfeat.open_stack(test_data / "dem_davos_srtm1" / "davos_srtm1_epsg4326.tif")
    raster = next(iter(davos.data_vars.values()))
    slopes = terrain.slope(raster)
    centre = slopes[slopes.shape[0] // 2 - 50 : slopes.shape[0] // 2 + 50, 500:700].values
    assert 5 < np.nanmedian(centre) < 50
    anatolia = insarfeat.open_stack(test_data / "vel_anatolia_licsbas" / "014A_04939_131313_U.geo.tif")
    up = next(iter(anatolia.data_vars.values())).values
    assert 0.5 < np.nanmedian(up[up != 0]) < 1.0


def test_a_netcdf_with_coordinates_over_both_dimensions_is_written_from_another(tmp_path: Path) -> None:
    """Radar geometry: its latitudes are read from the first file while the second one is written."""
    rows, columns = np.mgrid[:40, :30].astype("f8")
    coords = {"latitude": (("y", "x"), 45 + 1e-4 * rows), "longitude": (("y", "x"), 9 + 1e-4 * columns)}
    layer = xr.DataArray(rows.astype("f4"), coords, ("y", "x"), "elevation")
    insarfeat.write(layer, tmp_path / "one.nc")
    insarfeat.write(insarfeat.open_stack(tmp_path / "one.nc"), tmp_path / "other.nc")
    again = insarfeat.open_stack(tmp_path / "other.nc")
    np.testing.assert_array_equal(again["latitude"], 45 + 1e-4 * rows)
    np.testing.assert_array_equal(again["elevation"], rows)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_layers_of_days_stay_numbers_and_coordinates_of_times_are_times(suffix: str, tmp_path: Path) -> None:
    days = np.array([[19000.0, np.nan], [19001.0, 19002.5]], "f4")
    times = np.array(["2020-01-01", "2020-01-13"], "datetime64[ns]")
    written = xr.Dataset(
        {
            "first_seen": (("y", "x"), days, {"units": "days since 1970-01-01"}),
            "coherence": (("time", "y", "x"), np.ones((2, 2, 2), "f4")),
        },
        {"time": times, "y": [1.0, 0.0], "x": [0.0, 1.0]},
    )
    read = insarfeat.open_stack(insarfeat.write(written, tmp_path / f"days{suffix}"))
    np.testing.assert_array_equal(read["first_seen"].values, days)
    assert read["first_seen"].attrs["units"] == "days since 1970-01-01"
    np.testing.assert_array_equal(read["time"].values, times)
