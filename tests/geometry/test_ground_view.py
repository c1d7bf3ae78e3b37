"""The layers of one pass over the DEM are those of slope and aspect; and true north matters to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from insarfeat import terrain
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.geometry import (
    CoherenceWeight,
    LineOfSight,
    ground_view,
    incidence_and_heading,
    local_incidence,
    los_from_incidence,
    r_index,
    sensitivity_layer,
    slope_to_los,
)

Array = NDArray[np.float64]

NAMES = ("slope_to_los", "local_incidence", "r_index", "sensitivity", "signed_sensitivity")
SENTINEL = los_from_incidence(39.0, -12.0)


# -- one pass against two -------------------------------------------------------------------------------------


def rough(shape: tuple[int, int], seed: int = 0) -> Array:
    """A DEM with voids and flats, of slopes up to 80 degrees at 30 m."""
    rng = np.random.default_rng(seed)
    dem = rng.normal(0, 40, shape).round(1) + 500
    dem[: shape[0] // 3, : shape[1] // 3] = 7
    dem[rng.random(shape) < 0.03] = np.nan
    return dem


def on_grid(dem: Any, epsg: int, step: float, x0: float, y0: float) -> xr.DataArray:
    rows, columns = dem.shape
    coords = {
        "y": y0 - step * np.arange(rows),
        "x": x0 + step * np.arange(columns),
        "spatial_ref": ((), 0, {"crs_wkt": CRS.from_epsg(epsg).to_wkt()}),
    }
    return xr.DataArray(dem, coords, ("y", "x"), name="elevation")


GRIDS: dict[str, Callable[[Array], Any]] = {
    "bare": lambda dem: dem,
    "utm": lambda dem: on_grid(dem, 32632, 30.0, 820e3, 5.19e6),
    "degrees": lambda dem: on_grid(dem, 4326, 1 / 3600, 14.2, 46.8),
    "leaning": lambda dem: on_grid(dem, 3035, 30.0, 5.7e6, 1.85e6),
}


def in_two_passes(
    dem: Any, los: LineOfSight, coherence: Any, visibility: Any, **ground: Any
) -> dict[str, Any]:
    slope, aspect = terrain.slope(dem, **ground), terrain.aspect(dem, **ground)
    angles = incidence_and_heading(*los)
    facing = slope_to_los(slope, aspect, *angles)
    both = {"visibility": visibility}
    return {
        "slope_to_los": facing,
        "local_incidence": local_incidence(slope, aspect, *angles),
        "r_index": r_index(slope, aspect, *angles),
        "sensitivity": sensitivity_layer(coherence, facing, **both),
        "signed_sensitivity": sensitivity_layer(coherence, facing, signed=True, **both),
    }


def assert_close(found: Any, wanted: dict[str, Any], dtype: str) -> None:
    assert list(found) == list(wanted)
    for name, layer in wanted.items():
        exact = np.asarray(layer)
        assert found[name].dtype == exact.dtype == np.dtype(dtype)
        tolerance = 5e-6 if dtype == "f4" else 1e-12
        tolerance *= np.degrees(1) if name == "local_incidence" else 1
        np.testing.assert_allclose(np.asarray(found[name]), exact, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("rasters", [False, True])
def test_one_pass_is_what_slope_and_aspect_give(dtype: str, grid: str, rasters: bool) -> None:
    shape, rng = (40, 50), np.random.default_rng(1)
    dem = GRIDS[grid](rough(shape).astype(dtype))
    like: Callable[[Array], Any] = lambda layer: dem.copy(data=layer) if grid != "bare" else layer  # noqa: E731
    los, coherence, visibility = SENTINEL, 0.7, 0
    if rasters:
        incidence, heading = np.linspace(30, 46, 50) * np.ones((40, 1)), rng.uniform(-14, -8, shape)
        incidence[3, 4] = heading[5, 6] = np.nan
        parts = los_from_incidence(incidence, heading)
        los = LineOfSight(*(like(part.astype(dtype)) for part in parts))
        coherence = like(rng.random(shape).astype(dtype))
        visibility = like(rng.choice([0, 0, 1, 2, 3, 255], shape).astype("u1"))
    ground = {"resolution": 30.0} if grid == "bare" else {}
    found = ground_view(dem, NAMES, los, coherence=coherence, visibility=visibility, **ground)
    assert_close(found, in_two_passes(dem, los, coherence, visibility, **ground), dtype)
    if grid != "bare":
        chunked = ground_view(
            dem.chunk({"y": (1, 20, 19), "x": 17}), NAMES, los, coherence=coherence, visibility=visibility
        )
        for name in NAMES:
            assert chunked[name].chunks == ((1, 20, 19), (17, 17, 16))
            xr.testing.assert_equal(chunked[name].compute(scheduler="sync"), found[name])


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (3, 9001)])
def test_small_and_wide_rasters_are_no_different(shape: tuple[int, int]) -> None:
    dem, coherence = rough(shape, 2), np.random.default_rng(3).random(shape)
    visibility = np.random.default_rng(4).choice([0, 1, 255], shape).astype("u1")
    found = ground_view(dem, NAMES, SENTINEL, coherence=coherence, visibility=visibility, resolution=30.0)
    assert_close(found, in_two_passes(dem, SENTINEL, coherence, visibility, resolution=30.0), "f8")
    narrow = da.from_array(dem, chunks=(2, 4000))
    lazy = ground_view(narrow, NAMES, SENTINEL, coherence=coherence, visibility=visibility, resolution=30.0)
    for name in NAMES:
        np.testing.assert_array_equal(lazy[name].compute(scheduler="sync"), found[name])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_level_ground_and_voids(dtype: Any) -> None:
    dem = np.full((5, 6), 7, dtype)
    dem[2, 3] = np.nan
    found = ground_view(dem, NAMES, SENTINEL, coherence=0.9, resolution=10.0)
    level = dict(zip(NAMES, (0.0, 39.0, np.sin(np.radians(39)), 0.0, 0.0), strict=True))
    for name, value in level.items():
        expected = np.full((5, 6), value)
        expected[2, 3] = np.nan
        np.testing.assert_allclose(found[name], expected, atol=1e-5 if dtype == "f4" else 1e-12)


def test_each_layer_is_the_same_alone_and_in_any_company() -> None:
    dem = rough((20, 20))
    everything = ground_view(dem, NAMES, SENTINEL, coherence=0.6, resolution=30.0)
    for name in NAMES:
        coherence = 0.6 if "sensitivity" in name else None
        alone = ground_view(dem, name, SENTINEL, coherence=coherence, resolution=30.0)
        assert list(alone) == [name]
        np.testing.assert_array_equal(alone[name], everything[name])
    assert list(ground_view(dem, NAMES[2::-1], SENTINEL, resolution=30.0)) == list(NAMES[2::-1])


def test_the_weight_of_the_coherence_is_passed_on() -> None:
    dem, weight = rough((20, 20)), CoherenceWeight(0.6, 8.0)
    found = ground_view(dem, NAMES[:1] + NAMES[3:4], SENTINEL, coherence=0.5, weight=weight, resolution=30.0)
    expected = sensitivity_layer(0.5, found["slope_to_los"], midpoint=0.6, steepness=8.0)
    np.testing.assert_allclose(found["sensitivity"], expected, atol=1e-14)


def test_labelled_layers_come_as_a_dataset_with_their_names() -> None:
    dem = GRIDS["utm"](rough((8, 9)))
    for names in (NAMES[:1], NAMES[:3]):
        found = ground_view(dem, names, SENTINEL)
        assert isinstance(found, xr.Dataset)
        assert list(found) == list(names)
    assert found["local_incidence"].attrs["units"] == "degree"


# -- true north -----------------------------------------------------------------------------------------------


def hill(epsg: int, longitude: float, latitude: float) -> tuple[xr.DataArray, Array, Array, float]:
    """One ground sampled on a grid; its slope and aspect in closed form; and true north's azimuth on that grid."""
    to_grid = Transformer.from_crs(4326, epsg, always_xy=True)
    x0, y0 = to_grid.transform(longitude, latitude)
    offsets = 30.0 * (np.arange(41) - 20)
    lon, lat = to_grid.transform(*np.meshgrid(x0 + offsets, y0 - offsets), direction="INVERSE")
    here = np.full(lon.shape, longitude), np.full(lon.shape, latitude)
    azimuth, _, away = Geod(ellps="WGS84").inv(*here, lon, lat)
    east, north = away * np.sin(np.radians(azimuth)), away * np.cos(np.radians(azimuth))
    wave = 2 * np.pi / 3000
    dem = 0.3 * east - 0.2 * north + 100 * np.sin(wave * east) * np.cos(wave * north)
    p = 0.3 + 100 * wave * np.cos(wave * east) * np.cos(wave * north)
    q = -0.2 - 100 * wave * np.sin(wave * east) * np.sin(wave * north)
    slope, aspect = np.degrees(np.arctan(np.hypot(p, q))), np.degrees(np.arctan2(-p, -q)) % 360
    x1, y1 = to_grid.transform(longitude, latitude + 1e-3)
    turn = float(np.degrees(np.arctan2(x1 - x0, y1 - y0)))
    return on_grid(dem, epsg, 30.0, x0 - 600, y0 + 600), slope, aspect, turn


MIDDLE = {"y": slice(2, 39), "x": slice(2, 39)}


@pytest.mark.parametrize(
    ("epsg", "place", "lean", "close"),
    [
        (32635, (26.5, 39.0), 0, 0.01),
        (3035, (26.5, 39.0), 10, 0.01),
        (32632, (14.2, 46.8), 3, 0.002),
    ],
)
def test_the_same_ground_faces_the_radar_alike_on_any_grid(
    epsg: int, place: tuple[float, float], lean: float, close: float
) -> None:
    """Grid north is wrong by what the grid leans there (EPSG:3035 also stretches, by up to a few percent)."""
    dem, slope, aspect, turn = hill(epsg, *place)
    assert abs(turn) > lean
    exact = slope_to_los(slope, aspect, 39.0, -12.0)
    leaning = slope_to_los(slope, (aspect + turn) % 360, 39.0, -12.0)
    for north, wanted, tolerance in (("true", exact, 5e-4), ("grid", leaning, close)):
        found = ground_view(dem, "slope_to_los", SENTINEL, north=north)["slope_to_los"]  # type: ignore[arg-type]
        slow = slope_to_los(
            terrain.slope(dem, north=north),
            terrain.aspect(dem, north=north),
            39.0,
            -12.0,  # type: ignore[arg-type]
        )
        for layer in (found, slow):
            error = np.abs(layer - wanted).isel(MIDDLE)
            assert float(error.max()) < tolerance
    if lean:
        assert np.abs(leaning - exact).max() > 10 * 5e-4


# -- mistakes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "given", "message"),
    [
        (["slope"], {}, r"names must be some of slope_to_los, .*each once; got \['slope'\]"),
        ([], {}, "names must be some of"),
        (["r_index", "r_index"], {}, "each once"),
        (["r_index", "sensitivity"], {}, "sensitivity need coherence="),
        (["r_index"], {"coherence": 0.5}, "coherence is for sensitivity and signed_sensitivity only"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    names: list[str], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        ground_view(np.zeros((4, 4)), names, SENTINEL, resolution=10.0, **given)


def test_other_mistakes_are_named() -> None:
    dem = np.zeros((4, 4))
    with pytest.raises(InvalidArgument, match="midpoint must be a number from 0 to 1; got 2"):
        CoherenceWeight(midpoint=2)
    with pytest.raises(InvalidArgument, match="needs resolution="):
        ground_view(dem, "r_index", SENTINEL)
    with pytest.raises(GridMismatch, match="coherence is 4 x 5 pixels"):
        ground_view(dem, "sensitivity", SENTINEL, coherence=np.ones((4, 5)), resolution=10.0)
    with pytest.raises(InvalidType, match="visibility must hold integers"):
        ground_view(dem, "sensitivity", SENTINEL, coherence=0.5, visibility=np.zeros((4, 4)), resolution=10.0)
