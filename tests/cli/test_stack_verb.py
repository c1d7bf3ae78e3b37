"""The verb ``stack``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
import yaml

import insarfeat
from insarfeat import filters
from insarfeat.georeference import grid_of


def plain(layer: xr.DataArray, path: Path) -> Path:
    """A raster as others write it: without a word on what it is."""
    transform = rasterio.Affine(*grid_of(layer).affine)
    profile = {"crs": "EPSG:32632", "transform": transform, "dtype": "float32", "nodata": -9999.0}
    rows, columns = layer.shape
    with rasterio.open(path, "w", driver="GTiff", height=rows, width=columns, count=1, **profile) as file:
        file.write(np.where(np.isnan(layer.values), -9999.0, layer.values).astype("f4"), 1)
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Two images, an interferogram, a coherence and a DEM as files."""
    scene = insarfeat.synth.scene(seed=1, size=128, style="images")
    ifg = filters.interferogram(scene["primary"], scene["secondary"])
    return {
        "primary": insarfeat.write(scene["primary"], tmp_path / "primary.tif"),
        "secondary": insarfeat.write(scene["secondary"], tmp_path / "secondary.tif"),
        "phase": plain(filters.wrapped_phase(ifg), tmp_path / "phi.tif"),
        "coherence": plain(filters.coherence(scene["primary"], scene["secondary"]), tmp_path / "coh.tif"),
        "dem": insarfeat.write(scene["elevation"], tmp_path / "dem.tif"),
    }


ANGLES = ("--incidence", 39, "--heading", -12)


def test_two_images_and_a_dem_make_a_stack(run: Callable[..., Any], files: dict[str, Path]) -> None:
    images = ("--primary", files["primary"], "--secondary", files["secondary"])
    done = run("stack", "detection", "stack.nc", *images, "--dem", files["dem"], *ANGLES)
    assert done.code == 0, done.err
    assert "wrapped_phase, sensitivity, terrain_pc1" in done.out
    stack = insarfeat.open_stack("stack.nc")
    assert list(stack.data_vars) == ["wrapped_phase", "sensitivity", "terrain_pc1"]


def test_plain_rasters_are_told_what_they_are(run: Callable[..., Any], files: dict[str, Path]) -> None:
    given = (
        "--interferogram",
        files["phase"],
        "--phase-layer",
        "phi",
        "--layer",
        f"coherence={files['coherence']}",
    )
    done = run("stack", "detection", "one.nc", *given, "--dem", files["dem"], *ANGLES)
    assert done.code == 0, done.err
    turned = run(
        "stack", "detection", "other.nc", *given, "--phase-sign", "secondary", "--dem", files["dem"], *ANGLES
    )
    assert turned.code == 0, turned.err
    one, other = (insarfeat.open_stack(path)["wrapped_phase"].values for path in ("one.nc", "other.nc"))
    assert np.nanmedian(np.abs(np.exp(1j * one) - np.exp(-1j * other))) < 1e-4


def test_a_template_is_yaml_and_can_be_used(run: Callable[..., Any], files: dict[str, Path]) -> None:
    done = run("stack", "--template", "event")
    assert done.code == 0
    assert yaml.safe_load(done.out)["name"] == "event"
    Path("mine.yaml").write_text("layers: [slope, twi]\n")
    assert run("stack", "mine.yaml", "ground.tif", "--dem", files["dem"], "--resolution", 30).code == 0
    assert list(insarfeat.open_stack("ground.tif").data_vars) == ["slope", "twi"]
    assert abs(float(np.diff(insarfeat.open_stack("ground.tif").x)[0])) == 30


def test_a_dry_run_tells_and_leaves_nothing(run: Callable[..., Any], files: dict[str, Path]) -> None:
    images = ("--primary", files["primary"], "--secondary", files["secondary"])
    done = run("stack", "detection", "stack.nc", *images, "--dem", files["dem"], *ANGLES, "--dry-run")
    assert done.code == 0
    assert "tile" in done.out
    assert not Path("stack.nc").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("stack",), "name a recipe and an output"),
        (("stack", "detektion", "out.nc"), "did you mean 'detection'"),
        (("stack", "detection", "out.nc"), "needs an interferogram"),
        (("stack", "detection", "out.png"), ".nc, .zarr or .tif"),
        (("stack", "detection", "out.nc", "--layer", "coherence"), "expected NAME=FILE"),
        (("stack", "detection", "out.nc", "--layer", "colour=x.tif"), "is none of"),
        (("stack", "detection", "out.nc", "--phase-sign", "mine"), "expected primary or secondary"),
        (("stack", "detection", "out.nc", "--interferogram", "none.tif"), "none.tif does not exist"),
        (("stack", "detection", "out.nc", "--append", "--crs", "own"), "leave RECIPE"),
    ],
)
def test_bad_arguments_are_told_and_exit_with_2(
    run: Callable[..., Any], arguments: tuple[str, ...], told: str
) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert told in done.err


def test_pairs_are_added_to_a_stack(run: Callable[..., Any], tmp_path: Path) -> None:
    scene = insarfeat.synth.scene(seed=1, size=96, style="images")
    dem = insarfeat.write(scene["elevation"], tmp_path / "dem.tif")
    (tmp_path / "pairs").mkdir()
    for seed in (1, 2, 3):
        images = insarfeat.synth.scene(seed=seed, size=96, style="images")
        pair = filters.interferogram(images["primary"], images["secondary"]).to_dataset()
        pair["coherence"] = filters.coherence(images["primary"], images["secondary"])
        pair.attrs = {"primary_date": f"2023-01-0{seed}", "secondary_date": f"2023-01-1{seed}"}
        insarfeat.write(pair, tmp_path / "pairs" / f"pair-{seed}.nc")
    (tmp_path / "later").mkdir()
    (tmp_path / "pairs" / "pair-3.nc").rename(tmp_path / "later" / "pair-3.nc")
    done = run("stack", "detection", "many.zarr", "--interferogram", "pairs", "--dem", dem, *ANGLES)
    assert done.code == 0, done.err
    assert insarfeat.open_stack("many.zarr").sizes["pair"] == 2
    done = run("stack", "--append", "many.zarr", "--interferogram", "later", "--dem", dem, *ANGLES)
    assert done.code == 0, done.err
    assert insarfeat.open_stack("many.zarr")["pair"].values.tolist() == [
        "20230101_20230111", "20230102_20230112", "20230103_20230113",
    ]  # fmt: skip


def test_info_and_report_tell_what_is_valid_and_why_not(
    run: Callable[..., Any], files: dict[str, Path]
) -> None:
    Path("mine.yaml").write_text("layers: [slope, invalid_causes, valid_mask]\n")
    assert run("stack", "mine.yaml", "ground.nc", "--dem", files["dem"]).code == 0
    told = run("info", "ground.nc").out
    assert "validity" in told
    assert "valid  100.0 %" in " ".join(told.split()).replace("valid 100.0 %", "valid  100.0 %")
    assert run("report", "ground.nc").code == 0
    assert "A pixel may have several causes" in Path("ground.html").read_text()


def test_info_takes_products_too(run: Callable[..., Any], test_data: Path) -> None:
    done = run("info", test_data / "ifg_sierranegra_licsar")
    assert done.code == 0, done.err
    assert "product: LiCSAR" in done.out
    assert "temporal baseline days: 24" in done.out
