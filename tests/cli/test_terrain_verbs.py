"""The verb ``terrain``: the functions' own answers in files, and errors that help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import typer
import xarray as xr
from calling import Run, assert_same
from rasterio import Affine

import insarfeat
from insarfeat import terrain
from insarfeat.cli import app as program
from insarfeat.io.sources import open_geotiff
from insarfeat.terrain.requests import ATTRIBUTES

DEFAULT = ("slope", "aspect", "tri", "convexity")
CURVATURES = ("profile_curvature", "plan_curvature", "tangential_curvature")
VOID = np.s_[40:44, 60:70]
HEIGHT, WIDTH = 96, 130


def heights() -> np.ndarray:
    """Hills in whole metres, without a flat cell."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return (800 + 5 * y + 300 * np.sin(x / 9) * np.cos(y / 13)).round().astype("i2")


def holed() -> np.ndarray:
    """The same with a void, as everything that is computed should see them."""
    found = heights().astype("f4")
    found[VOID] = np.nan
    return found


def utm() -> xr.DataArray:
    """The DEM on a UTM grid of 30 m, off its central meridian."""
    y, x = 5_100_000 - 30.0 * np.arange(HEIGHT), 680_000 + 30.0 * np.arange(WIDTH)
    return _mapped(y, x, "EPSG:32632")


def geographic() -> xr.DataArray:
    """The DEM on a grid of degrees, with coordinates that a file gives back to the last bit."""
    return _mapped(46 - np.arange(HEIGHT) / 1024, 10 + np.arange(WIDTH) / 1024, "EPSG:4326")


def _mapped(y: np.ndarray, x: np.ndarray, crs: str) -> xr.DataArray:
    mapping = xr.DataArray(0, attrs={"crs_wkt": rasterio.CRS.from_string(crs).to_wkt()})
    coords = {"y": y, "x": x, "spatial_ref": mapping}
    return xr.DataArray(holed(), coords, ("y", "x"), "elevation", {"units": "m"})


def write_tif(path: Path, dem: xr.DataArray, dtype: str, nodata: float | None, crs: str | None) -> None:
    """As others write them: nodata is a number that the file declares, and the band has no name."""
    y, x = dem["y"].values, dem["x"].values
    dy, dx = y[1] - y[0], x[1] - x[0]
    profile = {
        "driver": "GTiff",
        "height": HEIGHT,
        "width": WIDTH,
        "count": 1,
        "dtype": dtype,
        "nodata": nodata,
    }
    if crs is not None:
        profile |= {"crs": crs, "transform": Affine(dx, 0, x[0] - dx / 2, 0, dy, y[0] - dy / 2)}
    pixels = dem.values.astype("f8")
    pixels[np.isnan(pixels)] = nodata
    with open_geotiff(path, "w", **profile) as file:
        file.write(pixels.astype(dtype), 1)


@pytest.fixture(scope="module")
def dems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small DEMs."""
    folder = tmp_path_factory.mktemp("dems")
    dem = utm()
    other = xr.zeros_like(dem).rename("other")
    metres = dem.drop_vars("spatial_ref")
    write_tif(folder / "utm.tif", dem, "float32", -9999.0, "EPSG:32632")
    write_tif(folder / "srtm.tif", geographic(), "int16", -32768, "EPSG:4326")
    stack = xr.Dataset({"elevation": dem, "other": other, "wavelength": 0.0555}, attrs={"title": "Hills"})
    insarfeat.write(stack, folder / "stack.zarr")
    insarfeat.write(xr.Dataset({"surface": dem, "other": other}), folder / "two.nc")
    insarfeat.write(dem.rename("z"), folder / "one.nc")
    insarfeat.write(dem.astype("c8").rename("interferogram"), folder / "complex.nc")
    insarfeat.write(metres, folder / "metres.nc")
    insarfeat.write(metres.drop_vars(["y", "x"]), folder / "bare.nc")
    insarfeat.write(dem.assign_attrs(units="foot"), folder / "feet.nc")
    (folder / "damaged.tif").write_bytes(b"II*\x00" + bytes(100))
    return folder


@pytest.mark.parametrize("out", ["out.nc", "out.zarr", "out.tif"])
def test_terrain_writes_slope_aspect_ruggedness_and_convexity(run: Run, dems: Path, out: str) -> None:
    done = run("terrain", dems / "utm.tif", out)
    assert done.code == 0, done.err
    assert done.out == f"stack   {out}  (slope, aspect, tri, convexity)\n"
    assert "note" not in done.err
    stack = assert_same(out, **terrain.attributes(utm(), DEFAULT))
    assert insarfeat.georeference.crs_of(stack["slope"]).to_epsg() == 32632  # type: ignore[union-attr]
    np.testing.assert_array_equal(stack["x"], utm()["x"])
    assert stack["aspect"].attrs["long_name"] == "compass azimuth of the downslope direction"
    assert stack["convexity"].attrs["processing"].endswith("terrain.convexity(radius=10, kernel='four')")


@pytest.mark.parametrize(
    ("options", "wanted", "keywords"),
    [
        (("--layers", "slope"), ["slope"], {}),
        (("--layers", "convexity, aspect"), ["convexity", "aspect"], {}),
        (("--layers", ",".join(ATTRIBUTES)), list(ATTRIBUTES), {}),
        (("--method", "horn"), DEFAULT, {"method": "horn"}),
        (("--method", "evans", "--layers", "hillshade"), ["hillshade"], {"method": "evans"}),
        (("--method", "zevenbergen-thorne", "--north", "true"), DEFAULT, {}),
        (("--north", "grid"), DEFAULT, {"north": "grid"}),
        (("--radius", 4), ["slope", "aspect", "tri", terrain.Convexity(radius=4)], {}),
        (("--radius", 0, "--layers", "convexity"), [terrain.Convexity(radius=0)], {}),
        (
            ("--radius", 3, "--layers", "topographic_position,roughness,local_relief,convexity"),
            [
                terrain.TopographicPosition(radius=3),
                "roughness",
                terrain.LocalRelief(radius=3),
                terrain.Convexity(radius=3),
            ],
            {},
        ),
        (("--saga",), ["slope", "aspect", terrain.Tri(variant="saga"), "convexity"], {}),
        (
            ("--saga", "--north", "grid", "--layers", ",".join(("general_curvature", *CURVATURES))),
            ["general_curvature", *(ATTRIBUTES[name](variant="saga") for name in CURVATURES)],  # type: ignore[call-arg]
            {"north": "grid"},
        ),
        (("--tile", 64, "--scheduler", 2), DEFAULT, {}),
    ],
)
def test_options_are_the_parameters_of_the_functions(
    run: Run, dems: Path, options: tuple[Any, ...], wanted: list[Any], keywords: dict[str, Any]
) -> None:
    done = run("terrain", dems / "utm.tif", "out.nc", *options)
    assert done.code == 0, done.err
    expected = terrain.attributes(utm(), wanted, **keywords)
    stack = assert_same("out.nc", **expected)
    for name in expected:
        assert stack[name].attrs["processing"].endswith(expected[name].attrs["processing"])


@pytest.mark.parametrize(("option", "value"), [("--method", "horn"), ("--north", "grid"), ("--saga", None)])
def test_ways_to_compute_matter(run: Run, dems: Path, option: str, value: str | None) -> None:
    layers = ("--layers", "aspect,profile_curvature")
    assert run("terrain", dems / "utm.tif", "usual.nc", *layers).code == 0
    assert (
        run("terrain", dems / "utm.tif", "other.nc", *layers, option, *([value] if value else [])).code == 0
    )
    usual, other = (
        insarfeat.open_stack(path)["profile_curvature"].values for path in ("usual.nc", "other.nc")
    )
    assert not np.array_equal(usual, other, equal_nan=True)


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("int16", -32768),
        ("int16", 32767),
        ("uint16", 0),
        ("int32", -2147483648),
        ("float32", -9999.0),
        ("float64", -1.7976931348623157e308),
    ],
)
@pytest.mark.parametrize("out", ["out.nc", "out.tif"])
def test_what_a_tif_declares_as_nodata_is_nan_there_and_nowhere_else(
    run: Run, tmp_path: Path, dtype: str, nodata: float, out: str
) -> None:
    write_tif(tmp_path / "dem.tif", geographic(), dtype, nodata, "EPSG:4326")
    done = run("terrain", tmp_path / "dem.tif", out)
    assert done.code == 0, done.err
    dem = geographic().astype("f8" if dtype == "float64" else "f4")
    stack = assert_same(out, **terrain.attributes(dem, DEFAULT))
    for name in DEFAULT:
        np.testing.assert_array_equal(np.isnan(stack[name]), np.isnan(holed()))


def test_whole_numbers_without_nodata_are_elevations(run: Run, tmp_path: Path) -> None:
    full = geographic().copy(data=heights())
    write_tif(tmp_path / "dem.tif", full, "int16", None, "EPSG:4326")
    assert run("terrain", tmp_path / "dem.tif", "out.nc").code == 0
    assert_same("out.nc", **terrain.attributes(full.astype("f4"), DEFAULT))


def test_degrees_are_measured_on_the_ellipsoid(run: Run, dems: Path) -> None:
    done = run("terrain", dems / "srtm.tif", "out.nc")
    assert done.code == 0, done.err
    assert "note" not in done.err
    stack = assert_same("out.nc", **terrain.attributes(geographic(), DEFAULT))
    assert insarfeat.georeference.crs_of(stack["slope"]).to_epsg() == 4326  # type: ignore[union-attr]
    north, east = 108.55, 75.60  # 1/1024 degree at 46 degrees north, in metres
    by_hand = terrain.slope(holed(), resolution=(north, east))
    np.testing.assert_allclose(stack["slope"], by_hand, atol=0.05)


def test_the_elevation_is_known_by_its_name_and_goes_on_with_what_is_beside_it(run: Run, dems: Path) -> None:
    assert run("terrain", dems / "stack.zarr", "out.nc", "--layers", "slope").code == 0
    stack = insarfeat.open_stack("out.nc")
    np.testing.assert_array_equal(stack["slope"].values, terrain.slope(utm()).values)
    assert set(stack) == {"slope", "wavelength"}  # single numbers go with the layers, rasters do not
    assert float(stack["wavelength"]) == 0.0555
    assert stack.attrs["title"] == "Hills"


@pytest.mark.parametrize(("source", "named"), [("one.nc", ()), ("two.nc", ("--layer", "surface"))])
def test_elevations_of_another_name(run: Run, dems: Path, source: str, named: tuple[str, ...]) -> None:
    assert run("terrain", dems / source, "out.nc", *named).code == 0
    assert_same("out.nc", **terrain.attributes(utm(), DEFAULT))


def test_a_dem_without_coordinates_needs_the_size_of_its_pixels(run: Run, dems: Path) -> None:
    refused = run("terrain", dems / "bare.nc", "out.nc")
    assert refused.code == 2
    assert "slope, aspect need lengths on the ground, and elevation has no coordinates" in refused.err
    assert "--resolution 14x3.7" in refused.err
    assert not Path("out.nc").exists()
    for text, size in (("30", 30.0), ("14x3.7", (14.0, 3.7))):
        done = run("terrain", dems / "bare.nc", "out.nc", "--resolution", text, "--overwrite")
        assert done.code == 0, done.err
        expected = terrain.attributes(holed(), DEFAULT, resolution=size)
        assert_same("out.nc", **{name: xr.DataArray(layer) for name, layer in expected.items()})


def test_a_tif_without_a_place_on_the_map_has_no_coordinates(run: Run, tmp_path: Path) -> None:
    write_tif(tmp_path / "radar.tif", utm(), "float32", -9999.0, None)
    assert "--resolution" in run("terrain", "radar.tif", "out.tif").err
    assert run("terrain", "radar.tif", "out.tif", "--resolution", "30", "--layers", "slope").code == 0
    assert_same("out.tif", slope=xr.DataArray(terrain.slope(holed(), resolution=30.0)))


def test_heights_alone_need_no_size_of_pixels(run: Run, dems: Path) -> None:
    done = run("terrain", dems / "bare.nc", "out.nc", "--layers", "tri,convexity")
    assert done.code == 0, done.err
    assert_same("out.nc", **terrain.attributes(utm(), ["tri", "convexity"]))


def test_what_is_taken_for_metres_is_told(run: Run, dems: Path) -> None:
    told = run("terrain", dems / "metres.nc", "out.nc")
    assert told.code == 0
    assert "note: no CRS, so coordinates are taken as metres: pixels of 30 x 30 m" in told.err
    assert_same("out.nc", **terrain.attributes(utm(), DEFAULT, north="grid"))
    assert "note" not in run("terrain", dems / "metres.nc", "heights.nc", "--layers", "tri").err

    told = run("terrain", dems / "feet.nc", "feet.nc")
    assert told.code == 0
    assert "note: elevation is in 'foot', and its numbers are taken as metres" in told.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.tif",), "nowhere.tif does not exist"),
        (("utm.tif", "--layers", "steepness"), "--layers must be one of 'slope', 'aspect', 'hillshade', "),
        (("utm.tif", "--layers", "slope,Aspect"), "'streams'; got 'Aspect'"),
        (("utm.tif", "--layers", ""), "got ''"),
        (("utm.tif", "--layers", "slope,slope"), "'slope' is asked for twice"),
        (("utm.tif", "--method", "prewitt"), "one of 'zevenbergen-thorne', 'horn', 'evans'; got 'prewitt'"),
        (("utm.tif", "--north", "up"), "north must be one of 'true', 'grid'; got 'up'"),
        (("utm.tif", "--radius", "wide"), "Invalid value for '--radius'"),
        (("utm.tif", "--radius", "501"), "radius must be a whole number of cells from 0 to 500; got 501"),
        (("utm.tif", "--layers", "local_relief", "--radius", "0"), "cells from 1 to 500; got 0"),
        (
            ("utm.tif", "--layers", "slope,tri", "--radius", "5"),
            "--radius: it is for convexity, local_relief, topographic_position; add one of them to --layers",
        ),
        (
            ("utm.tif", "--layers", "slope", "--saga"),
            "--saga: it is for profile_curvature, plan_curvature, tangential_curvature, tri;",
        ),
        (
            ("utm.tif", "--layers", "tri", "--method", "horn"),
            "--method: it is for slope, aspect, hillshade, ",
        ),
        (("utm.tif", "--layers", "tri", "--north", "grid"), "--north: it is for slope, aspect, hillshade, "),
        (("bare.nc", "--layers", "tri", "--resolution", "5"), "--resolution: it is for slope, aspect, "),
        (("bare.nc", "--resolution", "far"), "expected metres, as 15 or 14x3.7 (rows x columns); got 'far'"),
        (("bare.nc", "--resolution", "-30"), "resolution must be positive and finite"),
        (("utm.tif", "--resolution", "30"), "has coordinates, and the pixel size comes from them"),
        (("utm.tif", "--layer", "dem"), "--layer: utm.tif holds no layer 'dem'. Its layers: utm (float32)"),
        (("two.nc",), "several layers (surface, other), and none is called 'elevation'; name the one"),
        (("complex.nc",), "no raster of real numbers to take elevations from. Its layers: interferogram"),
        (("complex.nc", "--layer", "interferogram"), "--layer: interferogram holds complex64, and real"),
        (("utm.tif", "--tile", "700"), "multiple of 256"),
        (("utm.tif", "--scheduler", "fast"), "tcp://host:8786"),
    ],
)
def test_bad_arguments_exit_with_2_and_leave_nothing(
    run: Run, dems: Path, arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    source, *options = arguments
    done = run("terrain", dems / source, "out.nc", *options)
    assert done.code == 2
    assert words in done.err
    assert list(tmp_path.iterdir()) == []


def test_failed_runs_exit_with_1(run: Run, dems: Path) -> None:
    damaged = run("terrain", dems / "damaged.tif", "out.nc")
    assert damaged.code == 1
    assert "damaged.tif is not a readable GeoTIFF" in damaged.err
    no_folder = run("terrain", dems / "utm.tif", "nowhere/out.nc")
    assert no_folder.code == 1
    assert "create it first" in no_folder.err


def test_a_dry_run_writes_nothing(run: Run, dems: Path, tmp_path: Path) -> None:
    done = run("terrain", dems / "utm.tif", "out.nc", "--dry-run", "--tile", 64)
    assert done.code == 0
    assert "6 of 64 x 64 pixels" in done.out
    assert "peak memory" in done.out
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_exist_stay_unless_told(run: Run, dems: Path) -> None:
    out = Path("out.nc")
    out.write_text("precious")
    for more in ((), ("--dry-run",)):
        done = run("terrain", dems / "utm.tif", out, *more)
        assert done.code == 2
        assert "--overwrite" in done.err
        assert out.read_text() == "precious"
    assert run("terrain", dems / "utm.tif", out, "--overwrite").code == 0
    assert_same(out, **terrain.attributes(utm(), DEFAULT))


def test_the_input_is_never_the_output(run: Run, dems: Path) -> None:
    before = (dems / "utm.tif").read_bytes()
    done = run("terrain", dems / "utm.tif", dems / "utm.tif", "--overwrite")
    assert done.code == 2
    assert "is the input" in done.err
    assert (dems / "utm.tif").read_bytes() == before


def test_help_names_every_layer_and_explains_every_option(run: Run) -> None:
    shown = " ".join(run("terrain", "--help").out.replace("│", " ").split())
    for name in ATTRIBUTES:
        assert name in shown
    verb = typer.main.get_command(program.build_app()).commands["terrain"]  # type: ignore[attr-defined]
    for parameter in verb.params:
        assert parameter.help, parameter.name
