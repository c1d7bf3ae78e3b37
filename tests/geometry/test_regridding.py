"""Layers from map to map: positions against PROJ itself, values as what they are, nothing lost or invented."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from pyproj import CRS, Transformer
from scipy.ndimage import map_coordinates

from insarfeat import geometry, plan, tiling
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.georeference import GRID_MAPPING, Grid, grid_of

UTM, DEGREES, LAEA = "EPSG:32632", "EPSG:4326", "EPSG:3035"


def on_map(
    values: Any, name: str, crs: str = DEGREES, corner: tuple[float, float] = (10.0, 46.1), pixel: Any = None
):
    rows, columns = values.shape[-2:]
    size = pixel or (0.0003 if crs == DEGREES else 20.0)
    coords = {
        "y": corner[1] - size * (np.arange(rows) + 0.5),
        "x": corner[0] + size * (np.arange(columns) + 0.5),
        GRID_MAPPING: xr.DataArray(0, attrs={"crs_wkt": CRS(crs).to_wkt()}),
    }
    dims = ("pair", "y", "x")[-values.ndim :]
    return xr.DataArray(values, coords, dims, name)


def places_on(grid: Grid, other: Grid) -> tuple[Any, Any]:
    """Rows and columns of a grid's pixels on another, by PROJ, pixel by pixel."""
    x, y = np.meshgrid(
        grid.x.first + grid.x.step * np.arange(grid.x.size),
        grid.y.first + grid.y.step * np.arange(grid.y.size),
    )
    turn = Transformer.from_crs(CRS(grid.crs_wkt), CRS(other.crs_wkt), always_xy=True)
    x, y = turn.transform(x, y)
    return (y - other.y.first) / other.y.step, (x - other.x.first) / other.x.step


def hills(rows: int = 300, columns: int = 260, seed: int = 0) -> Any:
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).standard_normal((rows, columns))
    return (500 + 4000 * gaussian_filter(noise, 6)).astype("f4")


@pytest.mark.parametrize("crs", [UTM, LAEA, "EPSG:3857"])
def test_values_are_those_at_the_places_that_proj_gives(crs: str) -> None:
    dem = on_map(hills().astype("f8"), "height_of_something")
    grid = geometry.map_over(dem, crs=crs, resolution=21)
    found = geometry.regrid(dem, grid, method="linear").values
    rows, columns = places_on(grid, grid_of(dem))
    expected = map_coordinates(dem.values, [rows, columns], order=1, cval=np.nan)
    both = np.isfinite(expected)
    steepest = np.abs(np.gradient(dem.values)).max()  # per pixel of 20 to 30 m
    assert np.isfinite(found[both]).all()
    assert np.abs(found[both] - expected[both]).max() < 0.01 / 20 * steepest * 2  # a centimetre on the ground


def test_a_plane_comes_over_as_a_plane_also_by_cubic_convolution() -> None:
    y, x = np.mgrid[:120, :150]
    plane = on_map((100 + 0.7 * x - 0.3 * y).astype("f8"), "elevation", UTM, (600_000.0, 5_100_000.0))
    shifted = geometry.map_grid((600_333, 5_098_001, 602_333, 5_099_001), UTM, resolution=20)
    found = geometry.regrid(plane, shifted)
    rows, columns = places_on(shifted, grid_of(plane))
    np.testing.assert_allclose(found.values, 100 + 0.7 * columns - 0.3 * rows, atol=1e-9)


def test_wrapped_phase_is_sampled_as_a_phasor() -> None:
    fringes = on_map(
        np.angle(np.exp(1j * 0.4 * np.mgrid[:200, :200][1])).astype("f4"),
        "wrapped_phase",
        UTM,
        (600_000.0, 5_100_000.0),
    )
    there = geometry.map_grid((600_207, 5_096_800, 603_607, 5_099_793), UTM, resolution=17)
    found = geometry.regrid(fringes, there).values
    _, columns = places_on(there, grid_of(fringes))
    apart = np.abs(np.exp(1j * found) - np.exp(1j * 0.4 * columns))
    assert apart.max() < 0.01
    assert np.abs(found).max() <= np.float32(np.pi)


def test_complex_layers_are_sampled_as_complex_numbers() -> None:
    ifg = on_map(np.exp(1j * 0.3 * np.mgrid[:100, :100][0]).astype("c8"), "interferogram", UTM, (6e5, 5.1e6))
    there = geometry.map_grid((600_105, 5_098_205, 601_505, 5_099_805), UTM, resolution=20)
    rows, _ = places_on(there, grid_of(ifg))
    found = geometry.regrid(ifg, there).values
    assert found.dtype == np.complex64
    assert np.abs(np.angle(found * np.exp(-1j * 0.3 * rows))).max() < 0.01


def test_classes_and_masks_take_the_nearest_pixel_and_nothing_else() -> None:
    classes = on_map(np.random.default_rng(0).integers(0, 4, (90, 90), "u1"), "shadow_layover")
    grid = geometry.map_over(classes, crs=UTM, resolution=20)
    found = geometry.regrid(classes, grid).values
    rows, columns = (np.floor(part + 0.5).astype(int) for part in places_on(grid, grid_of(classes)))
    inside = (rows >= 0) & (rows < 90) & (columns >= 0) & (columns < 90)
    np.testing.assert_array_equal(found[~inside], 255)
    near = found[inside] == classes.values[rows[inside], columns[inside]]
    assert near.mean() > 0.9999  # a place between two pixels may go either way
    for method in ("linear", "cubic"):
        with pytest.raises(InvalidArgument, match="classes or counts"):
            geometry.regrid(classes, grid, method=method)


def test_integer_elevations_become_real_numbers() -> None:
    dem = on_map(hills().astype("i2"), "elevation")
    found = geometry.regrid(dem, geometry.map_over(dem, crs=UTM, resolution=15))
    assert found.dtype == np.float32
    assert (found.values[50:60, 50:60] % 1 != 0).any()
    same = geometry.regrid(dem, dem)
    assert same.dtype == np.float32


def test_no_valid_pixel_is_lost_beside_nodata_and_no_nodata_gets_a_value() -> None:
    holed = hills(150, 150)
    holed[np.random.default_rng(3).random(holed.shape) < 0.3] = np.nan
    dem = on_map(holed, "elevation")
    grid = geometry.map_over(dem, crs=UTM, resolution=20)
    found = geometry.regrid(dem, grid).values
    rows, columns = (np.floor(part + 0.5).astype(int) for part in places_on(grid, grid_of(dem)))
    inside = (rows >= 0) & (rows < 150) & (columns >= 0) & (columns < 150)
    expected = np.isfinite(holed[rows.clip(0, 149), columns.clip(0, 149)]) & inside
    assert (np.isfinite(found) == expected).mean() > 0.9999


def test_much_finer_layers_are_averaged_so_that_nothing_aliases() -> None:
    chequers = (np.indices((240, 240)).sum(axis=0) % 2).astype("f4")
    layer = on_map(chequers, "coherence", UTM, (6e5, 5.1e6), pixel=5.0)
    there = geometry.map_grid((600_000, 5_098_800, 601_200, 5_100_000), UTM, resolution=20)
    np.testing.assert_allclose(geometry.regrid(layer, there).values, 0.5, atol=1e-6)
    phase = on_map(np.where(chequers, 3.1, -3.1).astype("f4"), "wrapped_phase", UTM, (6e5, 5.1e6), pixel=5.0)
    np.testing.assert_allclose(np.abs(geometry.regrid(phase, there).values), np.pi, atol=1e-5)


def test_the_same_lattice_is_copied_bit_for_bit() -> None:
    dem = on_map(hills(), "elevation", UTM, (6e5, 5.1e6))
    inner = dem.isel(y=slice(20, 90), x=slice(7, 200))
    xr.testing.assert_equal(geometry.regrid(dem, inner).drop_attrs(), inner.drop_attrs())
    back = geometry.regrid(inner, dem)
    np.testing.assert_array_equal(back.values[20:90, 7:200], inner.values)
    assert np.isnan(back.values[:20]).all()


@given(rows=st.integers(1, 90), columns=st.integers(1, 90), south_up=st.booleans())
def test_lazy_and_any_chunks_give_the_same(rows: int, columns: int, south_up: bool) -> None:
    dem = on_map(hills(90, 80), "elevation")
    if south_up:
        dem = dem.isel(y=slice(None, None, -1))
    grid = geometry.map_over(dem, crs=UTM, resolution=17)
    whole = geometry.regrid(dem, grid)
    lazy = geometry.regrid(dem.chunk(y=rows, x=columns), grid)
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy.values, whole.values)


def test_it_is_part_of_one_plan_and_tiles_do_not_show(tmp_path: Any) -> None:
    from insarfeat import terrain

    dem = on_map(hills(400, 380), "elevation")
    grid = geometry.map_over(dem, crs=UTM, resolution=15)
    slope = terrain.slope(geometry.regrid(dem.chunk(100), grid))
    path = tiling.plan(slope, tile=256).run(tmp_path / "slope.zarr")
    import insarfeat

    stored = insarfeat.open_stack(path)["slope"].values
    np.testing.assert_array_equal(stored, terrain.slope(geometry.regrid(dem, grid)).values)
    assert plan is insarfeat.plan


def test_leading_dimensions_stay() -> None:
    stack = on_map(np.stack([hills(60, 60), hills(60, 60, seed=1)]), "coherence")
    grid = geometry.map_over(stack, crs=UTM, resolution=25)
    found = geometry.regrid(stack, grid)
    assert found.dims == ("pair", "y", "x")
    np.testing.assert_array_equal(found[1].values, geometry.regrid(stack[1], grid).values)


def test_a_geobox_of_odc_geo_is_a_map_and_its_own_warp_agrees() -> None:
    geobox = pytest.importorskip("odc.geo.geobox")
    pytest.importorskip("odc.geo.xr")
    dem = on_map(hills(), "elevation")
    grid = geometry.map_over(dem, crs=UTM, resolution=15)
    a, b, c, d, e, f = grid.affine
    from affine import Affine

    box = geobox.GeoBox((grid.y.size, grid.x.size), Affine(a, b, c, d, e, f), UTM)
    ours = geometry.regrid(dem, box, method="linear")
    assert grid_of(ours).affine == pytest.approx(grid.affine)
    bare = xr.DataArray(dem.values, {"y": dem.y, "x": dem.x}, ("y", "x")).odc.assign_crs(DEGREES)
    theirs = bare.odc.reproject(box, resampling="bilinear", dst_nodata=np.nan).values
    both = np.isfinite(theirs) & np.isfinite(ours.values)
    assert both.mean() > 0.9
    # GDAL's places are a little off PROJ's, ours are not: the test above.
    assert np.abs(theirs - ours.values)[both].max() < 0.2 * np.abs(np.gradient(dem.values)).max()


def test_over_the_date_line_there_is_no_seam() -> None:
    dem = on_map(hills(100, 100), "elevation", corner=(179.99, -16.0))
    grid = geometry.map_over(dem, crs="EPSG:3832", resolution=30)  # a Mercator map about 150 E
    found = geometry.regrid(dem, grid).values
    assert np.isfinite(found).mean() > 0.9


def test_maps_of_neighbours_share_their_lattice() -> None:
    west = on_map(hills(80, 80), "elevation")
    east = on_map(hills(80, 80), "elevation", corner=(10.0 + 80 * 0.0003, 46.1))
    maps = [geometry.map_over(one, crs=UTM, resolution=15) for one in (west, east)]
    for one in maps:
        assert (one.x.first - 7.5) % 15 == 0
        assert (one.y.first - 7.5) % 15 == 0


@pytest.mark.parametrize("zone", [(10.0, 46.0, "32632"), (-60.0, -30.0, "32721"), (179.0, 10.0, "32660")])
def test_utm_is_the_zone_of_the_middle(zone: tuple[float, float, str]) -> None:
    dem = on_map(hills(50, 50), "elevation", corner=zone[:2])
    assert CRS(geometry.map_over(dem, crs="utm", resolution=30).crs_wkt) == CRS(f"EPSG:{zone[2]}")


def test_a_widened_map_covers_both_and_keeps_its_lattice() -> None:
    dem = on_map(hills(200, 200), "elevation")
    inner = geometry.map_over(dem.isel(y=slice(50, 90), x=slice(60, 100)), crs=UTM, resolution=15)
    wide = geometry.map_widened(inner, dem)
    rows, columns = places_on(wide, grid_of(dem))
    assert rows.min() < 0.5
    assert columns.min() < 0.5
    assert rows.max() > 198.5
    assert columns.max() > 198.5
    assert (wide.x.first - inner.x.first) % 15 == 0
    assert (wide.y.first - inner.y.first) % 15 == 0


def test_what_cannot_be_is_refused() -> None:
    dem = on_map(hills(60, 60), "elevation")
    grid = geometry.map_over(dem, crs=UTM, resolution=30)
    with pytest.raises(InvalidType, match="DataArray or Dataset with coordinates"):
        geometry.regrid(dem.values, grid)
    with pytest.raises(InvalidArgument, match="has no CRS, and the other has one"):
        geometry.regrid(dem.drop_vars(GRID_MAPPING).rename(y="north", x="east"), grid)
    with pytest.raises(InvalidArgument, match="grid's north"):
        geometry.regrid(on_map(np.ones((9, 9), "u1"), "flow_direction"), grid)
    with pytest.raises(InvalidArgument, match="resolution must be above 0"):
        geometry.map_over(dem, crs=UTM, resolution=0)
    with pytest.raises(InvalidArgument, match="cannot be read"):
        geometry.map_over(dem, crs="EPSG:nothing", resolution=10)
