"""Layers of flow by the verb ``terrain``: the functions' own answers in files, and errors that help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from calling import Run, assert_same

import insarfeat
from insarfeat import terrain
from insarfeat.cli.flow_layers import NAMES


def ground() -> xr.DataArray:
    """Hills in whole metres with pits, flats and a void, on a UTM grid."""
    y, x = np.mgrid[:96, :130]
    heights = (800 + 3 * y + 40 * np.sin(x / 9) * np.cos(y / 13)).round().astype("f4")
    heights[40:44, 60:70] = np.nan
    mapping = xr.DataArray(0, attrs={"crs_wkt": rasterio.CRS.from_epsg(32632).to_wkt()})
    coords = {"y": 5_100_000 - 30.0 * y[:, 0], "x": 680_000 + 30.0 * x[0], "spatial_ref": mapping}
    return xr.DataArray(heights, coords, ("y", "x"), "elevation", {"units": "m"})


@pytest.fixture
def dem(tmp_path: Path) -> Path:
    return insarfeat.write(ground(), tmp_path / "dem.nc")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--layers", "twi"), {"twi": terrain.twi}),
        (("--layers", "slope,twi"), {"slope": terrain.slope, "twi": terrain.twi}),
        (
            ("--layers", "flow_accumulation,flow_direction", "--routing", "d8"),
            {
                "flow_accumulation": lambda dem: terrain.flow_accumulation(dem, method="d8"),
                "flow_direction": terrain.flow_direction,
            },
        ),
        (
            ("--layers", "streams,basins", "--stream-cells", "50", "--voids", "walls"),
            {
                "streams": lambda dem: terrain.streams(dem, cells=50, voids="walls"),
                "basins": lambda dem: terrain.basins(dem, voids="walls"),
            },
        ),
        (("--layers", "filled"), {"filled": terrain.fill_depressions}),
        (
            ("--layers", "filled", "--breach"),
            {"filled": lambda dem: terrain.fill_depressions(dem, breach=True)},
        ),
        (
            ("--layers", "wetness_index,flow_contamination"),
            {
                "wetness_index": terrain.wetness_index,
                "flow_contamination": terrain.flow_contamination,
            },
        ),
    ],
)
def test_files_hold_what_the_functions_give(
    run: Run, dem: Path, options: tuple[str, ...], expected: dict[str, Any]
) -> None:
    done = run("terrain", dem, "out.nc", "--tile", 4096, *options)
    assert done.code == 0, done.err
    stack = assert_same("out.nc", **{name: function(ground()) for name, function in expected.items()})
    for name in expected:
        assert stack[name].attrs["long_name"]


def test_tiles_make_no_difference(run: Run, dem: Path) -> None:
    layers = ("--layers", "filled,flow_direction,basins")
    assert run("terrain", dem, "whole.nc", *layers).code == 0
    assert run("terrain", dem, "tiled.nc", *layers, "--tile", 32, "--scheduler", 2).code == 0
    whole = insarfeat.open_stack("whole.nc")
    assert_same("tiled.nc", **dict(whole.data_vars))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--layers", "slope", "--routing", "d8"), "--routing: it is for flow_accumulation, "),
        (("--layers", "slope", "--voids", "walls"), "--voids: it is for filled, "),
        (("--layers", "twi", "--stream-cells", "5"), "--stream-cells: it is for streams;"),
        (("--layers", "twi", "--breach"), "--breach: it is for filled;"),
        (("--layers", "streams"), "streams need the least number of cells upslope"),
        (("--layers", "streams", "--stream-cells", "0"), "cells must be a positive number of cells; got 0"),
        (("--layers", "twi,twi"), "'twi' is asked for twice"),
        (("--layers", "twi", "--routing", "all"), "method must be one of 'mfd', 'dinf', 'd8'; got 'all'"),
        (("--layers", "twi", "--voids", "sea"), "voids must be one of 'outlets', 'walls'; got 'sea'"),
        (("--layers", "twi", "--method", "horn"), "--method: it is for slope, "),
    ],
)
def test_bad_arguments_exit_with_2_and_leave_nothing(
    run: Run, dem: Path, options: tuple[str, ...], words: str
) -> None:
    done = run("terrain", dem, "out.nc", *options)
    assert done.code == 2
    assert words in done.err
    assert not Path("out.nc").exists()


def test_help_names_every_layer_of_flow(run: Run) -> None:
    shown = " ".join(run("terrain", "--help").out.replace("│", " ").split())
    for name in NAMES:
        assert name in shown


def test_a_dry_run_tells_what_rims_take(run: Run, dem: Path) -> None:
    done = run("terrain", dem, "out.nc", "--layers", "twi", "--dry-run")
    assert done.code == 0
    assert "fill_depressions, then rank_flats, then spread, then layers" in done.out
    assert "rims" in done.out
