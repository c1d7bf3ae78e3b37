"""Shadow and layover: closed forms, rays through the surface itself, real mountains, and rasters cut in any way."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import dask.array as da
import numba
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from pyproj import CRS, Proj, Transformer
from visibility_scenes import (
    CLEAR,
    LAYOVER,
    NODATA,
    SHADOW,
    along_look,
    headings,
    looks,
    raster,
    rough,
    sloping,
    toward_radar,
)

from insarfeat.errors import InvalidArgument
from insarfeat.geometry._kernels import sweep
from insarfeat.geometry.visibility import shadow_layover
from insarfeat.metrics import metrics_of

Array = NDArray[Any]


# -- closed forms ---------------------------------------------------------------------------------------------


def ridge(x: Array, height: float, front: float, back: float) -> Array:
    """A prism with its crest at 0, rising toward it from both sides with slopes in degrees."""
    fall = np.where(x < 0, -x * math.tan(math.radians(front)), x * math.tan(math.radians(back)))
    found: Array = np.maximum(height - fall, 0)
    return found


def assert_flagged_between(flagged: Array, x: Array, begin: float, end: float) -> None:
    """Flags on all pixels between two distances and on no others, but for 1.5 pixels at the ends."""
    far_from_ends = (np.abs(x - begin) > 1.5) & (np.abs(x - end) > 1.5)
    np.testing.assert_array_equal(flagged[far_from_ends], ((x > begin) & (x < end))[far_from_ends])


@looks
@headings
def test_a_steep_front_lies_over_the_ground_before_and_behind_it(heading: float, look: Any) -> None:
    incidence, height, front, back = 30.0, 30.0, 50.0, 20.0
    x = along_look(120, heading, look)
    found = shadow_layover(ridge(x, height, front, back), incidence, heading, look=look, resolution=1.0)
    foot = -height / math.tan(math.radians(front))
    crest = -height / math.tan(
        math.radians(incidence)
    )  # where the wave front through the crest meets the plain
    # The wave front through the foot meets the back slope.
    tangent, falling = math.tan(math.radians(incidence)), math.tan(math.radians(back))
    last = (height + foot * tangent) / (falling + tangent)
    middle = np.s_[60:-60, 60:-60]
    assert_flagged_between((found & LAYOVER)[middle] > 0, x[middle], crest, last)
    assert not (found & SHADOW).any()


@looks
@headings
def test_a_steep_back_throws_its_shadow_as_far_as_the_ray_over_the_crest(heading: float, look: Any) -> None:
    incidence, height = 40.0, 30.0
    x = along_look(120, heading, look)
    found = shadow_layover(ridge(x, height, 25.0, 65.0), incidence, heading, look=look, resolution=1.0)
    middle = np.s_[60:-60, 60:-60]
    end = height * math.tan(math.radians(incidence))
    assert_flagged_between((found & SHADOW)[middle] > 0, x[middle], 0, end)
    assert not (found & LAYOVER).any()


@pytest.mark.parametrize("heading", [0.0, -12.3, 45.0, 100.0])
def test_a_cones_shadow_ends_in_a_point_between_two_tangents(heading: float) -> None:
    incidence, height, slope = 60.0, 40.0, 60.0
    south, east = np.mgrid[-100:101, -100:101].astype(float)
    radius = height / math.tan(math.radians(slope))
    dem = np.maximum(height - np.hypot(south, east) * math.tan(math.radians(slope)), 0)
    found = shadow_layover(dem, incidence, heading, resolution=1.0)
    away = along_look(100, heading, "right")
    across = np.sqrt(np.maximum(east**2 + south**2 - away**2, 0))
    tip = height * math.tan(math.radians(incidence))
    # Seen from the tip, the base is as wide as its tangents: the distance to one of them, positive between them.
    sine = radius / tip
    within = (tip - away) * sine - across * math.sqrt(1 - sine**2)
    plain = (np.hypot(south, east) > radius + 2) & (away > 0) & (np.abs(within) > 2)
    np.testing.assert_array_equal((found & SHADOW)[plain] > 0, within[plain] > 0)
    assert (within[plain] > 0).sum() > 500


@looks
@headings
@pytest.mark.parametrize(
    ("rise", "expected"), [(-30.0, CLEAR), (30.0, CLEAR), (50.0, LAYOVER), (-60.0, SHADOW)]
)
def test_a_plane_is_flagged_all_over_or_nowhere(
    heading: float, look: Any, rise: float, expected: int
) -> None:
    away = along_look(10, heading, look)
    dem = (away * math.tan(math.radians(rise))).astype("f4")
    found = shadow_layover(dem, 40.0, heading, look=look, resolution=1.0)
    # In two corners no ray to the radar stays on the raster.
    inside = found[1:-1, 1:-1]
    assert (inside == expected).all()


# -- rays through the surface ---------------------------------------------------------------------------------


def bilinear(dem: Array, rows: Array, columns: Array) -> Array:
    """Elevation between cells; NaN where a cell that takes part is missing."""
    rows, columns = np.round(rows, 8), np.round(columns, 8)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    padded = np.pad(dem.astype(float), 2, constant_values=np.nan)
    total = np.zeros(rows.shape)
    for down in (0, 1):
        for right in (0, 1):
            share = np.abs(1 - down - (rows - top)) * np.abs(1 - right - (columns - left))
            i, j = (top + down + 2).clip(0, len(padded) - 1), (left + right + 2).clip(0, padded.shape[1] - 1)
            total += np.where(share == 0, 0, padded[i, j] * share)
    return total


def margins(
    dem: Array, incidence: Any, heading: float, look: str, resolution: tuple[float, float], parts: int
) -> tuple[Array, Array]:
    """How far ground reaches over the limits for shadow and for layover, walking in parts of a pixel.

    Parts count where the whole step that they belong to ends on the raster.
    """
    east, north = toward_radar(heading, look)
    row_per_metre, column_per_metre = -north / resolution[0], east / resolution[1]
    metres = 1 / max(abs(row_per_metre), abs(column_per_metre)) / parts
    tangent = np.tan(np.radians(incidence))
    rows, columns = np.mgrid[: dem.shape[0], : dem.shape[1]].astype(float)
    shadow, layover = np.full(dem.shape, -np.inf), np.full(dem.shape, -np.inf)
    for step in range(1, parts * max(dem.shape)):
        d = step * metres
        down, right = row_per_metre * d, column_per_metre * d
        if step % parts == 1 % parts:
            whole = parts * metres * math.ceil(step / parts)
            ends = [
                (rows + sign * row_per_metre * whole, columns + sign * column_per_metre * whole)
                for sign in (1, -1)
            ]
            known_toward, known_away = (np.isfinite(bilinear(dem, *end)) for end in ends)
        toward = np.where(known_toward, bilinear(dem, rows + down, columns + right), np.nan)
        away = np.where(known_away, bilinear(dem, rows - down, columns - right), np.nan)
        shadow = np.fmax(shadow, toward - (dem + d / tangent))
        layover = np.fmax(layover, (dem - d * tangent) - toward)
        layover = np.fmax(layover, away - (dem + d * tangent))
    return shadow, layover


@looks
@headings
@pytest.mark.parametrize("incidence", [20.0, 38.0, 60.0])
def test_flags_are_those_of_rays_walked_one_by_one(heading: float, look: Any, incidence: float) -> None:
    dem = rough((60, 47), seed=int(heading % 360 + incidence))
    dem[np.random.default_rng(1).random(dem.shape) < 0.02] = np.nan
    varying = incidence + 3 * np.sin(np.arange(47) / 5) * np.ones((60, 1))
    resolution = (9.0, 7.0)
    found = shadow_layover(dem, varying, heading, look=look, resolution=resolution)
    shadow, layover = margins(dem, varying, heading, look, resolution, 1)
    known = np.isfinite(dem)
    for flag, margin in ((SHADOW, shadow), (LAYOVER, layover)):
        clear_cut = known & (np.abs(margin) > 1e-4)  # a number for the heading has single precision
        np.testing.assert_array_equal((found & flag)[clear_cut] > 0, margin[clear_cut] > 0)
    assert known.sum() - clear_cut.sum() < 5
    assert {CLEAR, LAYOVER} <= set(np.unique(found))


def most_between_steps(dem: Array) -> float:
    """How far a bilinear surface can stand out over the line between two steps: bends and twists of its cells."""
    bends = max(np.abs(np.diff(dem, 2, axis)).max() for axis in (0, 1))
    twists = np.abs(np.diff(np.diff(dem, axis=0), axis=1)).max()
    return float(bends + twists) / 4


@looks
@headings
def test_rays_walked_ten_times_as_finely_find_no_more_than_bends_between_steps(
    heading: float, look: Any
) -> None:
    rows, columns = np.mgrid[:50, :50]
    dem = 60 * np.sin(0.3 * columns + 0.11 * rows) + 40 * np.sin(0.37 * rows - 0.13 * columns)
    found = shadow_layover(dem, 45.0, heading, look=look, resolution=10.0)
    limits = margins(dem, 45.0, heading, look, (10.0, 10.0), 10)
    for flag, margin in zip((SHADOW, LAYOVER), limits, strict=True):
        flagged = (found & flag) > 0
        assert (margin[flagged] > -1e-4).all()
        missed = (margin > 0) & ~flagged
        assert missed.mean() < 0.04
        assert margin[missed].max(initial=0) < most_between_steps(dem)
        assert flagged.mean() > 0.05


def davos(test_data: Path) -> NDArray[np.float32]:
    path = test_data / "dem_davos_srtm1" / "davos_srtm1_utm32_30m.tif"
    if not path.exists():
        pytest.skip("the DEM of Davos is not there")
    with rasterio.open(path) as opened:
        dem: NDArray[np.float32] = opened.read(1).astype("f4")
    return dem


@pytest.mark.parametrize(("heading", "incidence"), [(-12.0, 39.0), (-168.0, 25.0), (80.0, 55.0)])
def test_real_mountains_are_flagged_as_by_rays_walked_one_by_one(
    heading: float, incidence: float, test_data: Path
) -> None:
    dem = davos(test_data)[150:350, 200:420]
    single = shadow_layover(dem, incidence, heading, resolution=30.0)
    double = shadow_layover(dem.astype(float), incidence, heading, resolution=30.0)
    shadow, layover = margins(dem, incidence, heading, "right", (30.0, 30.0), 1)
    for flag, margin in ((SHADOW, shadow), (LAYOVER, layover)):
        for found, tolerance in ((double, 1e-3), (single, 1e-2)):
            sure = np.abs(margin) > tolerance
            np.testing.assert_array_equal((found & flag)[sure] > 0, margin[sure] > 0)
    assert (double != CLEAR).mean() > 0.01


# -- conventions ----------------------------------------------------------------------------------------------


@headings
def test_looking_left_on_the_way_back_is_looking_right(heading: float) -> None:
    dem = rough((40, 90), 5)
    right = shadow_layover(dem, 35.0, heading, resolution=8.0)
    left = shadow_layover(dem, 35.0, heading + 180, look="left", resolution=8.0)
    # The azimuths differ by a turn and so in the last bit.
    assert (right != left).sum() <= 1


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_numbers_and_rasters_that_hold_them_all_over_give_the_same_bits(dtype: str) -> None:
    dem = rough((50, 150), 6).astype(dtype)
    incidence, heading = np.full_like(dem, 35.5), np.full_like(dem, -12.25)
    expected = shadow_layover(dem, 35.5, -12.25, resolution=8.0)
    for one in (35.5, incidence):
        for other in (-12.25, heading):
            np.testing.assert_array_equal(shadow_layover(dem, one, other, resolution=8.0), expected)


def test_nodata_is_where_any_of_the_three_is_nan_and_nowhere_else() -> None:
    rng = np.random.default_rng(2)
    dem, incidence, heading = rough((30, 140), 7), np.full((30, 140), 35.0), np.full((30, 140), -12.0)
    for raster_ in (dem, incidence, heading):
        raster_[rng.random(raster_.shape) < 0.1] = np.nan
    heading[3, 64:128] = np.nan  # a whole segment
    dem[5] = np.nan
    found = shadow_layover(dem, incidence, heading, resolution=8.0)
    np.testing.assert_array_equal(found == NODATA, np.isnan(dem + incidence + heading))


def test_a_void_hides_nothing_and_ground_seen_across_it_still_does() -> None:
    dem = np.zeros((3, 40))
    dem[:, 10] = 100.0
    whole = shadow_layover(dem, 45.0, 0.0, resolution=10.0)
    dem[1, 15] = np.nan
    dem[2, 10] = np.nan
    found = shadow_layover(dem, 45.0, 0.0, resolution=10.0)
    np.testing.assert_array_equal(np.delete(found[1], 15), np.delete(whole[1], 15))
    assert set(found[2]) == {CLEAR, NODATA}


@pytest.mark.parametrize("heading", [-12.0, 45.0, 100.0, 180.0])
def test_a_raster_upside_down_has_the_same_answer(heading: float) -> None:
    dem = rough((60, 50), 8)
    y, x = 5e6 - 12.0 * np.arange(60), 4e5 + 9.0 * np.arange(50)
    down = shadow_layover(raster(dem, y, x), 35.0, heading)
    up = shadow_layover(raster(dem[::-1], y[::-1], x), 35.0, heading)
    np.testing.assert_array_equal(up[::-1], down)


def test_the_layer_says_what_it_is() -> None:
    dem = raster(rough((20, 30), 9), -20.0 * np.arange(20), 20.0 * np.arange(30))
    found = shadow_layover(dem, 35.0, -12.0, look="left")
    assert (found.name, found.dtype) == ("shadow_layover", np.uint8)
    assert found.attrs["flag_meanings"].split() == ["clear", "shadow", "layover", "shadow_and_layover"]
    assert found.attrs["processing"] == "geometry.shadow_layover(look='left')"


def hills(east: Array, north: Array) -> Array:
    """Ground given in metres, with ridges in a direction that makes the radar's azimuth matter."""
    rolled: Array = 120 * np.sin(east / 160 + north / 700) + 60 * np.sin(north / 110 - east / 400)
    return rolled


def test_true_north_makes_the_same_ground_the_same_on_a_leaning_grid() -> None:
    """In EPSG:3035 at 4 degrees west, north is 10 degrees away from the y axis."""
    utm, laea = CRS.from_epsg(32630), CRS.from_epsg(3035)
    e0, n0 = 430e3, 4.65e6
    y, x = n0 + 20.0 * np.arange(400)[::-1], e0 + 20.0 * np.arange(400)
    expected = shadow_layover(raster(hills(*np.meshgrid(x - e0, y - n0)), y, x, 32630), 35.0, -12.0)
    x0, y0 = Transformer.from_crs(utm, laea, always_xy=True).transform(e0 + 4000, n0 + 4000)
    v, u = y0 + 20.0 * np.arange(-120, 121)[::-1], x0 + 20.0 * np.arange(-120, 121)
    east, north = Transformer.from_crs(laea, utm, always_xy=True).transform(*np.meshgrid(u, v))
    dem = raster(hills(east - e0, north - n0), v, u, 3035)
    longitude, latitude = Proj(laea)(x0, y0, inverse=True)
    assert abs(Proj(laea).get_factors(longitude, latitude).meridian_convergence) > 9
    i, j = np.rint((y[0] - north) / 20).astype(int), np.rint((east - e0) / 20).astype(int)
    middle = np.s_[40:-40, 40:-40]
    there = expected.values[i, j][middle]
    agreed = {
        north: (shadow_layover(dem, 35.0, -12.0, north=north).values[middle] == there).mean()
        for north in ("true", "grid")
    }
    assert 0.15 < (there > 0).mean() < 0.85
    assert agreed["true"] > 0.95  # pixels lie up to half a pixel beside each other
    assert agreed["grid"] < agreed["true"] - 0.03


@numba.njit
def _per_metre(ties: Array, weights: Array, place: int, azimuth: float) -> Any:
    return sweep._per_metre(ties, weights, place, azimuth)


def test_between_ties_directions_turn_with_the_grid() -> None:
    """Beside the pole, where north turns by degrees from one tie to the next."""
    x, y = -10e3 + 100.0 * np.arange(400), -60e3 - 100.0 * np.arange(3)
    metrics = metrics_of(raster(np.zeros((3, 400), "i1"), y, x, 3413), None)
    ties, weights = metrics.gradients(1, 2, 0, 400)
    assert ties.size > 4
    pole = Transformer.from_crs(4326, 3413, always_xy=True).transform(0, 90)
    for place in (0, 33, int(ties[1]), int(ties[2]) - 1, 399):
        found = np.array(_per_metre(ties, weights[0], place, 0.0)) * [100.0, -100.0]
        toward_pole = np.subtract(pole, (x[place], y[1]))
        turned = math.degrees(math.atan2(*found) - math.atan2(*toward_pole))
        assert abs(turned) < 0.1
        assert math.hypot(*found) == pytest.approx(0.97, abs=0.01)


# -- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("incidence", [0.0, -20.0, 90.0])
@pytest.mark.parametrize("dem", [sloping(500.0), da.from_array(sloping(500.0), chunks=16)], ids=type)
def test_an_impossible_incidence_is_refused(dem: Any, incidence: float) -> None:
    with pytest.raises(InvalidArgument, match=r"incidence must be .* 90 degrees.*; got .*nodata"):
        shadow_layover(dem, incidence, -12.0, resolution=10.0)


def test_infinite_elevations_are_refused() -> None:
    dem = sloping(500.0)
    dem[3, 4] = np.inf
    with pytest.raises(InvalidArgument, match=r"dem holds infinite values \(700 to inf\)"):
        shadow_layover(dem, 35.0, -12.0, resolution=10.0)


def test_an_unknown_side_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"look must be 'right' .*; got 'up'"):
        shadow_layover(sloping(9.0), 35.0, -12.0, look="up", resolution=10.0)  # type: ignore[arg-type]


def test_nothing_but_nodata_stays_nodata() -> None:
    empty = np.full((5, 70), np.nan, "f4")
    assert (shadow_layover(empty, empty, empty, resolution=10.0) == NODATA).all()
    assert (shadow_layover(np.zeros((5, 70), "f4"), empty, -12.0, resolution=10.0) == NODATA).all()
