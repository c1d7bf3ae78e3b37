"""The verb ``sensitivity``: the functions' own answers in files, and errors that help."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from calling import Run, assert_same
from pyproj import CRS

import insarfeat
from insarfeat import geometry

HEIGHT, WIDTH = 70, 90


def dem(
    crs: str = "EPSG:32632", y: float = 5_100_000, x: float = 680_000, step: float = 30.0
) -> xr.DataArray:
    """Hills steep enough for shadow and layover."""
    row, column = np.mgrid[:HEIGHT, :WIDTH]
    heights = (900 + 700 * np.sin(column / 7) * np.cos(row / 11)).astype("f4")
    coords = {
        "y": y - step * np.arange(HEIGHT),
        "x": x + step * np.arange(WIDTH),
        "spatial_ref": ((), 0, {"crs_wkt": CRS.from_user_input(crs).to_wkt()}),
    }
    return xr.DataArray(heights, coords, ("y", "x"), "elevation", {"units": "m"})


def coherence() -> xr.DataArray:
    return dem().copy(data=np.random.default_rng(0).random((HEIGHT, WIDTH), "f4")).rename("coherence")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    insarfeat.write(dem().to_dataset(), "dem.nc")
    insarfeat.write(coherence().to_dataset(), "coherence.tif")
    incidence = dem().copy(data=np.full((HEIGHT, WIDTH), 37, "f4") + np.arange(WIDTH, dtype="f4") / 60)
    insarfeat.write(incidence.rename("incidence").to_dataset(), "incidence.nc")
    return tmp_path


def test_what_is_seen_is_what_the_functions_say(folder: Path, run: Run) -> None:
    done = run(
        "sensitivity",
        "dem.nc",
        "seen.nc",
        "--coherence",
        "coherence.tif",
        "--incidence",
        "39",
        "--heading",
        "-12",
    )
    assert done.code == 0, done.err
    hidden = geometry.shadow_layover(dem(), 39.0, -12.0)
    assert {1, 2} <= set(np.unique(hidden).tolist())
    wanted = geometry.ground_view(
        dem(),
        ["slope_to_los", "local_incidence", "sensitivity"],
        geometry.los_from_incidence(39.0, -12.0),
        coherence=coherence(),
        visibility=hidden,
    )
    found = assert_same("seen.nc", shadow_layover=hidden, **wanted.data_vars)
    assert found.sensitivity.values[hidden.values > 0].max() == 0


def test_without_coherence_there_is_no_sensitivity(folder: Path, run: Run) -> None:
    assert run("sensitivity", "dem.nc", "seen.nc", "--incidence", "39", "--heading", "-12").code == 0
    assert set(insarfeat.open_stack("seen.nc")) == {"slope_to_los", "local_incidence", "shadow_layover"}


def test_layers_are_chosen_and_a_left_looking_radar_sees_the_other_side(folder: Path, run: Run) -> None:
    options = ("--layers", "r_index", "--incidence", "39", "--heading", "-12", "--look", "left")
    assert run("sensitivity", "dem.nc", "seen.nc", *options).code == 0
    sight = geometry.los_from_incidence(39.0, -12.0, look="left")
    assert_same("seen.nc", **geometry.ground_view(dem(), "r_index", sight).data_vars)


def test_the_incidence_may_be_a_raster(folder: Path, run: Run) -> None:
    options = (
        "--layers",
        "local_incidence,shadow_layover",
        "--incidence",
        "incidence.nc",
        "--heading",
        "-12",
    )
    done = run("sensitivity", "dem.nc", "seen.nc", *options)
    assert done.code == 0, done.err
    incidence = insarfeat.open_stack("incidence.nc")["incidence"].compute()
    sight = geometry.los_from_incidence(incidence, -12.0)
    wanted = geometry.ground_view(dem(), "local_incidence", sight)
    assert_same(
        "seen.nc",
        shadow_layover=geometry.shadow_layover(dem(), incidence, -12.0),
        local_incidence=wanted["local_incidence"],
    )


def test_angles_may_come_from_the_annotation(folder: Path, run: Run, test_data: Path) -> None:
    archives = sorted(test_data.glob("ifg_morocco_eotools/*annotation.SAFE.zip"))
    if not archives:
        pytest.skip("no samples of Sentinel-1 annotation")
    with zipfile.ZipFile(archives[0]) as archive:
        name = next(name for name in archive.namelist() if "/annotation/s1a-iw1" in name)
        Path("iw1.xml").write_bytes(archive.read(name))
    ground = dem("EPSG:32629", 3_510_000, 560_000)
    insarfeat.write(ground.to_dataset(), "morocco.nc")
    done = run("sensitivity", "morocco.nc", "seen.nc", "--annotation", "iw1.xml")
    assert done.code == 0, done.err
    sight = geometry.sight_on_map(insarfeat.io.read_swath("iw1.xml").grid, ground, elevation=ground)
    wanted = geometry.ground_view(ground, "slope_to_los", sight)["slope_to_los"]
    found = insarfeat.open_stack("seen.nc")
    np.testing.assert_allclose(found["slope_to_los"], wanted, atol=1e-6)
    away = run("sensitivity", "dem.nc", "x.nc", "--annotation", "iw1.xml")
    assert away.code == 2
    assert "the swath IW1 about latitude 31.2, longitude -8.4" in away.err
    assert "sees nothing of the DEM" in away.err
    again = run("sensitivity", "morocco.nc", "x.nc", "--annotation", "iw1.xml", "--heading", "-12")
    assert again.code == 2
    assert "leave --incidence, --heading and --look out" in again.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "where the radar looks from is not known"),
        (("--incidence", "39"), "where the radar looks from is not known"),
        (("--incidence", "0.68", "--heading", "-12"), "looks like radians"),
        (("--incidence", "-12", "--heading", "39"), "swapped"),
        (("--incidence", "39", "--heading", "-12", "--look", "down"), "look must be 'right'"),
        (("--incidence", "39", "--heading", "-12", "--layers", "slope"), "--layers must be one of"),
        (("--incidence", "39", "--heading", "-12", "--layers", "sensitivity"), "--coherence"),
        (("--incidence", "nowhere.tif", "--heading", "-12"), "nowhere.tif"),
    ],
)
def test_bad_arguments_exit_with_2_and_say_what_is_wrong(
    folder: Path, run: Run, options: tuple[str, ...], message: str
) -> None:
    done = run("sensitivity", "dem.nc", "seen.nc", *options)
    assert done.code == 2
    assert message in done.err
    assert not Path("seen.nc").exists()


def test_a_coherence_on_another_grid_is_refused(folder: Path, run: Run) -> None:
    insarfeat.write(coherence().isel(x=slice(1, None)).to_dataset(), "cut.nc")
    done = run(
        "sensitivity", "dem.nc", "seen.nc", "--coherence", "cut.nc", "--incidence", "39", "--heading", "-12"
    )
    assert done.code != 0
    assert "must share one grid" in done.err


def test_a_dry_run_tells_the_halo_and_writes_nothing(folder: Path, run: Run) -> None:
    done = run("sensitivity", "dem.nc", "seen.nc", "--incidence", "39", "--heading", "-12", "--dry-run")
    assert done.code == 0
    assert "halo" in done.out
    assert not Path("seen.nc").exists()
