"""RichDEM as an engine: the same fills where it is installed, and a clear word where it is not."""

from __future__ import annotations

import importlib.util

import dask.array as da
import landscapes
import numpy as np
import pytest
import xarray as xr

from insarfeat import terrain
from insarfeat.errors import InvalidArgument, InvalidType, MissingExtra

HERE = importlib.util.find_spec("richdem") is not None
needs_it = pytest.mark.skipif(
    not HERE, reason="richdem is not installed: it does not build from PyPI on this Python"
)


def rough() -> np.ndarray:
    return landscapes.rough(np.random.default_rng(3), (60, 70))


@pytest.mark.skipif(HERE, reason="richdem is installed")
def test_where_it_is_missing_the_error_names_the_extra() -> None:
    with pytest.raises(MissingExtra, match="richdem"):
        terrain.fill_depressions(rough(), engine="richdem")
    with pytest.raises(MissingExtra, match="richdem"):
        terrain.flow_accumulation(rough(), engine="richdem")


def test_other_engines_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="engine must be one of 'insarfeat', 'richdem'"):
        terrain.fill_depressions(rough(), engine="saga")  # type: ignore[arg-type]


@needs_it
def test_it_fills_as_we_do() -> None:
    np.testing.assert_array_equal(
        terrain.fill_depressions(rough(), engine="richdem"), terrain.fill_depressions(rough())
    )


@needs_it
def test_voids_stay_voids() -> None:
    dem = rough()
    dem[20:30, 20:30] = np.nan
    found = terrain.fill_depressions(dem, engine="richdem")
    np.testing.assert_array_equal(np.isnan(found), np.isnan(dem))


@needs_it
@pytest.mark.parametrize("method", ["d8", "dinf", "mfd"])
def test_water_is_float64_and_nowhere_less_than_the_cell_itself(method: str) -> None:
    found = terrain.flow_accumulation(rough(), method=method, engine="richdem")  # type: ignore[arg-type]
    assert found.dtype == np.float64
    assert found.min() >= 1


@needs_it
def test_a_dataarray_says_what_it_has_become() -> None:
    dem = xr.DataArray(rough(), dims=("y", "x"), name="elevation", attrs={"units": "m"})
    found = terrain.flow_accumulation(dem, engine="richdem")
    assert found.name == "flow_accumulation"
    assert found.attrs["units"] == "1"


@needs_it
def test_lazy_rasters_and_walls_are_refused() -> None:
    with pytest.raises(InvalidType, match="whole DEM in memory"):
        terrain.fill_depressions(da.from_array(rough(), chunks=30), engine="richdem")
    with pytest.raises(InvalidArgument, match="lets water out into voids"):
        terrain.fill_depressions(rough(), voids="walls", engine="richdem")
