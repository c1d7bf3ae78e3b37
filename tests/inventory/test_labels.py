"""Labels of polygons: pixels and boxes, against GDAL, closed forms and other geometry."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from rasterio import Affine, features

from insarfeat import inventory
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.geometry import map_grid
from insarfeat.georeference import Axis, Grid, grid_of
from insarfeat.inventory.edges import Edges
from insarfeat.inventory.footprint import Footprint
from insarfeat.inventory.labels import Burner
from insarfeat.inventory.polygons import Outlines
from insarfeat.windows import TileGrid, Window

HEIGHT, WIDTH = 37, 45
RULES: list[dict[str, Any]] = [{}, {"touched": True}, {"share": 0.5}, {"share": 0.05}, {"share": 1}]


def layer(
    *, ascending: bool = False, size: tuple[int, int] = (HEIGHT, WIDTH), crs: str | None = None
) -> xr.DataArray:
    """A raster with pixels of 10 m x 20 m whose outer corner is (0, 0), or (0, 20 * height) with rows southward."""
    rows, columns = size
    y = 20.0 * np.arange(rows) + 10
    coords: dict[str, Any] = {"y": y if ascending else y[::-1], "x": 10.0 * np.arange(columns) + 5}
    if crs is not None:
        coords["spatial_ref"] = ((), 0, {"crs_wkt": CRS.from_user_input(crs).to_wkt()})
    return xr.DataArray(np.zeros(size, "f4"), coords, ("y", "x"), "slope")


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]] for ring in rings]}


def rectangle(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    return polygon([(west, south), (east, south), (east, north), (west, north)])


def stars(seed: int, number: int, extent: tuple[float, float] = (10.0 * WIDTH, 20.0 * HEIGHT)) -> list[Any]:
    """Star-shaped polygons about and beyond the raster, some with a hole."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        centre = rng.uniform(-0.1, 1.1, 2) * extent
        reach = rng.uniform(3, 0.5 * min(extent))
        angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 25)))
        # No gap of half a turn or more, so that the centre is inside.
        angle = np.sort(np.concatenate([angle, [0.1, 2.2, 4.3]]))
        ring = np.stack([np.cos(angle), np.sin(angle)], -1) * reach * rng.uniform(0.4, 1, (len(angle), 1))
        hole = 0.3 * ring[::-1]
        rings = [ring + centre, hole + centre] if rng.random() < 0.5 else [ring + centre]
        found.append(polygon(*([tuple(corner) for corner in one.tolist()] for one in rings)))
    return found


def by_gdal(polygons: list[Any], grid: Grid, touched: bool = False) -> Any:
    return features.rasterize(
        [(one, 1) for one in polygons],
        out_shape=(grid.y.size, grid.x.size),
        transform=Affine(*grid.affine),
        all_touched=touched,
        dtype="uint8",
    )


def burner(polygons: Any, grid: Grid, **rule: Any) -> Burner:
    return Burner(Edges.of(Outlines.of(polygons), grid), **rule)


def shares(polygons: Any, raster: xr.DataArray) -> Any:
    found = burner(polygons, grid_of(raster))
    return found.shares(Window.whole(found.edges.shape))


# -- the three rules ------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6), number=st.integers(1, 4), ascending=st.booleans(), touched=st.booleans())
def test_centres_and_touches_are_those_of_gdal(
    seed: int, number: int, ascending: bool, touched: bool
) -> None:
    raster = layer(ascending=ascending)
    polygons = stars(seed, number)
    found = inventory.rasterize(polygons, raster, touched=touched)
    differ = found.values != by_gdal(polygons, grid_of(raster), touched)
    # Along the border of a pixel GDAL does not see less than a hundredth of it.
    assert differ.sum() <= (2 if touched else 0)
    assert (shares(polygons, raster)[differ] < 0.01).all()


@given(data=st.data(), seed=st.integers(0, 10**6), rule=st.sampled_from(RULES))
def test_any_tiles_give_the_same_bits(data: st.DataObject, seed: int, rule: dict[str, Any]) -> None:
    grid = grid_of(layer())
    found = burner(stars(seed, 3), grid, **rule)
    whole, areas = (make(Window(0, 0, HEIGHT, WIDTH)) for make in (found, found.shares))
    tile = data.draw(st.tuples(st.integers(1, HEIGHT), st.integers(1, WIDTH)))
    for part in TileGrid((HEIGHT, WIDTH), tile):
        np.testing.assert_array_equal(found(part.core), whole[part.core.slices])
        np.testing.assert_array_equal(found.shares(part.core), areas[part.core.slices])


@given(seed=st.integers(0, 10**6), rule=st.sampled_from(RULES))
def test_rows_may_run_north(seed: int, rule: dict[str, Any]) -> None:
    polygons = stars(seed, 2)
    upright = inventory.rasterize(polygons, layer(), **rule)
    turned = inventory.rasterize(polygons, layer(ascending=True), **rule)
    np.testing.assert_array_equal(turned.values[::-1], upright)


@given(seed=st.integers(0, 10**6))
def test_the_rules_are_ordered(seed: int) -> None:
    polygons, raster = stars(seed, 3), layer()
    whole, most, some, any_part = (
        inventory.rasterize(polygons, raster, **rule).values
        for rule in ({"share": 1}, {"share": 0.9}, {"share": 0.1}, {"touched": True})
    )
    assert (whole <= most).all()
    assert (most <= some).all()
    assert (some <= any_part).all()
    assert (inventory.rasterize(polygons, raster).values <= any_part).all()


@given(
    west=st.floats(-50, 300), south=st.floats(-50, 600), width=st.floats(0.5, 500), height=st.floats(0.5, 800)
)
def test_the_share_of_a_rectangle_is_the_product_of_its_sides_shares(
    west: float, south: float, width: float, height: float
) -> None:
    raster = layer()
    across = np.clip(np.minimum(raster.x + 5, west + width) - np.maximum(raster.x - 5, west), 0, None) / 10
    along = (
        np.clip(np.minimum(raster.y + 10, south + height) - np.maximum(raster.y - 10, south), 0, None) / 20
    )
    found = shares(rectangle(west, south, west + width, south + height), raster)
    np.testing.assert_allclose(found, along.values[:, None] * across.values, atol=1e-9)


@given(seed=st.integers(0, 10**6))
def test_shares_sum_up_to_the_area_inside_the_raster(seed: int) -> None:
    (one,) = stars(seed, 1)
    # Moved to the middle and shrunk, so that none of it lies outside.
    rings = [np.array(ring) for ring in one["coordinates"]]
    middle = rings[0].mean(axis=0)
    rings = [(ring - middle) * 0.3 + (10.0 * WIDTH / 2, 20.0 * HEIGHT / 2) for ring in rings]
    moved = polygon(*([tuple(corner) for corner in ring[:-1].tolist()] for ring in rings))
    found = shares(moved, layer()).sum() * 200
    assert found == pytest.approx(inventory.areas_of(moved, "EPSG:32632")[0], rel=1e-9)


@given(seed=st.integers(0, 10**6), number=st.integers(1, 5))
def test_shares_of_overlapping_polygons_are_those_of_their_union(seed: int, number: int) -> None:
    shapely = pytest.importorskip("shapely")
    polygons, raster = stars(seed, number), layer()
    union = shapely.union_all([shapely.geometry.shape(one) for one in polygons])
    x, y = np.meshgrid(raster.x, raster.y)
    cells = shapely.box(x - 5, y - 10, x + 5, y + 10)
    expected = shapely.area(shapely.intersection(cells, union)) / 200
    np.testing.assert_allclose(shares(polygons, raster), expected, atol=1e-9)


def test_overlaps_count_once_and_neighbours_add_up() -> None:
    raster = layer(size=(2, 2))
    halves = [rectangle(0, 20, 5, 40), rectangle(5, 20, 10, 40)]
    assert shares(halves, raster)[0, 0] == pytest.approx(1)
    assert inventory.rasterize(halves, raster, share=1)[0, 0] == 1
    twice = [rectangle(0, 20, 6, 40), rectangle(4, 20, 8, 40), rectangle(0, 20, 1, 30)]
    assert shares(twice, raster)[0, 0] == pytest.approx(0.8)


def test_exactly_the_share_is_enough() -> None:
    raster = layer(size=(2, 2))
    half = polygon([(0, 20), (10, 20), (0, 40)])
    assert inventory.rasterize(half, raster, share=0.5)[0, 0] == 1
    assert inventory.rasterize(half, raster, share=0.5 + 1e-6)[0, 0] == 0
    third = rectangle(0, 20, 10 / 3, 40)
    assert inventory.rasterize(third, raster, share=1 / 3)[0, 0] == 1


def test_a_ring_that_crosses_itself_is_inside_where_gdal_has_it_inside() -> None:
    bow = polygon([(13.0, 33.0), (331.0, 702.0), (331.0, 41.0), (13.0, 688.0)])
    pentagram = np.radians(90 + 144 * np.arange(5))
    star = polygon(
        [tuple(x) for x in (np.c_[np.cos(pentagram), np.sin(pentagram)] * 190 + (221, 370)).tolist()]
    )
    raster = layer()
    for one in (bow, star):
        np.testing.assert_array_equal(inventory.rasterize(one, raster), by_gdal([one], grid_of(raster)))
    # Two triangles, by their closed forms: the sides cross where the heights are as the bases.
    tall, short = 702.0 - 41.0, 688.0 - 33.0
    split = 318 * short / (tall + short)
    expected = (short * split + tall * (318 - split)) / 2
    assert shares(bow, raster).sum() * 200 == pytest.approx(expected, rel=1e-12)


def test_borders_of_pixels_touch_nothing_beyond_them() -> None:
    aligned = rectangle(10, 20, 40, 80)
    raster = layer(ascending=True, size=(6, 6))
    for rule in RULES:
        found = inventory.rasterize(aligned, raster, **rule)
        assert found.values[1:4, 1:4].all()
        assert found.values.sum() == 9


def test_neighbours_share_no_pixel_and_leave_none_out() -> None:
    rng = np.random.default_rng(4)
    border = [(100 + 5 * x, 40.0 * k - 30) for k, x in enumerate(rng.integers(-8, 9, 20).tolist())]
    west = polygon([(-10, 800), (-10, -40), *border])
    east = polygon([*border[::-1], (900, -40), (900, 800)])
    raster = layer()
    one, other = (inventory.rasterize(part, raster).values for part in (west, east))
    inner = (raster.y > border[0][1]) & (raster.y < border[-1][1])
    assert (one + other)[inner.values].min() == 1
    assert (one + other)[inner.values].max() == 1


def test_centres_are_those_that_compare_takes() -> None:
    raster = layer()
    outlines = Outlines.of(stars(11, 6))
    inside = Footprint.of(outlines.polygons, grid_of(raster)).mask(Window(0, 0, HEIGHT, WIDTH))
    np.testing.assert_array_equal(inventory.rasterize(stars(11, 6), raster), inside)


@pytest.mark.parametrize("ascending", [False, True])
def test_centres_are_told_apart_to_a_millionth_of_a_pixel(ascending: bool) -> None:
    raster = layer(ascending=ascending, size=(5, 5))
    x, y, hair = float(raster.x[2]), float(raster.y[2]), 1e-5
    # Slanting edges, so that the place on an edge matters.
    east = [(x + 40, y - 60), (x + 40, y + 60), (x - 40, y + 60)]
    for moved, expected in ((hair, 0), (-hair, 1)):
        triangle = polygon([(corner[0] + moved, corner[1]) for corner in east])
        assert inventory.rasterize(triangle, raster)[2, 2] == expected


def test_slivers_smaller_than_a_pixel_are_found_by_touch_and_share_only() -> None:
    sliver = polygon([(12.0, 21.0), (13.0, 21.5), (12.5, 22.0)])
    raster = layer(size=(3, 3))
    assert inventory.rasterize(sliver, raster).sum() == 0
    assert np.argwhere(inventory.rasterize(sliver, raster, touched=True).values).tolist() == [[1, 1]]
    assert shares(sliver, raster)[1, 1] == pytest.approx(inventory.areas_of(sliver, "EPSG:32632")[0] / 200)


# -- grids ----------------------------------------------------------------------------------------------------


def test_polygons_in_degrees_are_bent_onto_a_map() -> None:
    # Parallels bend in UTM: over half a degree, away from the middle meridian, by tens of pixels of 15 m.
    slide = rectangle(11.0, 46.0, 11.5, 46.1)
    there = {"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "EPSG:4326"}},
             "features": [{"type": "Feature", "properties": {}, "geometry": slide}]}  # fmt: skip
    grid = map_grid((654000, 5095000, 694000, 5109000), "EPSG:32632", resolution=15)
    transformer = Transformer.from_crs(4326, 32632, always_xy=True)

    def followed(pieces: int) -> dict[str, Any]:
        corners = np.array(slide["coordinates"][0])
        share = np.linspace(0, 1, pieces, endpoint=False)[:, None]
        lines = [a + share * (b - a) for a, b in itertools.pairwise(corners)]
        x, y = transformer.transform(*np.concatenate(lines).T)
        return polygon(list(zip(x.tolist(), y.tolist(), strict=True)))

    found = inventory.rasterize(there, grid).values
    wrong = found != by_gdal([followed(20000)], grid)
    # Edges are within a hundredth of a pixel, so that only centres as near as that may change sides.
    assert wrong.sum() < 0.01 * 2 * (found.shape[0] + found.shape[1])
    assert (found != by_gdal([followed(1)], grid)).sum() > 1000


def test_far_polygons_do_no_harm_where_the_projection_ends() -> None:
    far = rectangle(97.0, -1.0, 101.0, 1.0)  # where transverse Mercator about 9 degrees goes to infinity
    near = rectangle(9.0, 46.0, 9.1, 46.1)
    grid = map_grid((500000, 5090000, 510000, 5100000), "EPSG:32632", resolution=100)
    collection = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "OGC:CRS84"}},
        "features": [{"type": "Feature", "properties": {}, "geometry": one} for one in (far, near)],
    }
    found = inventory.rasterize(collection, grid)
    alone = inventory.rasterize({**collection, "features": collection["features"][1:]}, grid)
    np.testing.assert_array_equal(found, alone)
    assert found.sum() > 100
    assert inventory.boxes(collection, grid).left_out == 1
    reaching = {**collection, "features": [feature(rectangle(8.0, -1.0, 99.0, 60.0))]}
    with pytest.raises(InvalidArgument, match="is not defined; cut them to the region of the grid"):
        inventory.rasterize(reaching, grid)


@pytest.mark.parametrize("rule", RULES)
def test_lazy_layers_give_lazy_labels_in_their_chunks(rule: dict[str, Any]) -> None:
    polygons, raster = stars(5, 4), layer()
    lazy = raster.chunk(y=(10, 20, 7), x=16)
    found = inventory.rasterize(polygons, lazy, **rule)
    assert isinstance(found.data, da.Array)
    assert found.chunks == lazy.chunks
    assert found.dtype == np.uint8
    eager = inventory.rasterize(polygons, raster, **rule)
    assert isinstance(eager.data, np.ndarray)
    np.testing.assert_array_equal(found, eager)
    np.testing.assert_array_equal(
        inventory.rasterize(polygons, lazy.to_dataset(), **rule).chunks, lazy.chunks
    )


def test_a_map_without_layers_gives_lazy_labels() -> None:
    grid = map_grid((0, 0, 30000, 40000), "EPSG:32632", resolution=10)
    found = inventory.rasterize(rectangle(4, 4, 29996, 39996), grid)
    assert found.chunks[0] == (1024, 1024, 1024, 928)
    assert found.shape == (4000, 3000)
    assert int(found[:1000].sum()) == 3000 * 1000
    assert found.coords["spatial_ref"].attrs["crs_wkt"]
    assert float(found.y[0]) == 39995


def test_labels_keep_the_name_in_another_process() -> None:
    code = (
        "from insarfeat import inventory; from insarfeat.geometry import map_grid;"
        "square = {'type': 'Polygon', 'coordinates': [[(5, 5), (95, 5), (95, 95), (5, 5)]]};"
        "print(inventory.rasterize(square, map_grid((0, 0, 100, 100), 'EPSG:32632', resolution=10)).data.name)"
    )
    names = {
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(names) == 1


def test_other_polygons_grids_and_rules_have_other_names() -> None:
    grid, other = grid_of(layer()), Grid(Axis(0.0, 1.0, 5), Axis(0.0, 1.0, 5), None)
    made = [burner(stars(1, 2), grid, **rule) for rule in RULES]
    made += [burner(stars(2, 2), grid), burner(stars(1, 2), other)]
    assert len({one.token for one in made}) == len(made)


def test_labels_can_be_sent_to_workers() -> None:
    found = burner(stars(3, 2), grid_of(layer()), touched=True)
    window = Window(3, 4, 20, 30)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found))(window), found(window))


def test_a_plan_stores_labels_tile_by_tile(tmp_path: Path) -> None:
    import insarfeat

    polygons, raster = stars(8, 4), layer(crs="EPSG:32632")
    lazy = inventory.rasterize(polygons, raster.chunk(y=9))
    insarfeat.plan(lazy.to_dataset(), tile=16).run(tmp_path / "labels.zarr")
    stored = insarfeat.open_stack(tmp_path / "labels.zarr")["landslide"]
    np.testing.assert_array_equal(stored, inventory.rasterize(polygons, raster))


def test_a_window_looks_only_at_polygons_near_it() -> None:
    cells = [rectangle(10 * k + 1, 1, 10 * k + 9, 9) for k in range(40)]
    found = burner(cells, grid_of(layer()))
    assert found.edges.near(Window(HEIGHT - 1, 5, 1, 3)).tolist() == [5, 6, 7]
    assert found.edges.near(Window(0, 0, 3, 3)).tolist() == []


def test_labels_say_what_they_are() -> None:
    raster = layer(crs="EPSG:32632").expand_dims(date=2)
    found = inventory.rasterize(rectangle(0, 0, 50, 50), raster, touched=True)
    assert found.dims == ("y", "x")
    assert found.name == "landslide"
    assert found.attrs["flag_meanings"] == "no_landslide landslide"
    assert found.attrs["processing"] == "inventory.rasterize(touched=True)"
    assert CRS(found.coords["spatial_ref"].attrs["crs_wkt"]).to_epsg() == 32632
    lakes = inventory.rasterize(rectangle(0, 0, 50, 50), raster, name="lake")
    assert lakes.attrs["flag_meanings"] == "no_lake lake"


def test_the_log_tells_that_no_polygon_lies_on_the_grid(caplog: pytest.LogCaptureFixture) -> None:
    assert inventory.rasterize(rectangle(5, 5, 50, 50), layer()).any()
    assert not caplog.records
    assert not inventory.rasterize(rectangle(-90, 5, -50, 50), layer()).any()
    assert "no polygon lies on the grid" in caplog.text


def test_wrong_rules_are_told() -> None:
    square, raster = rectangle(0, 0, 50, 50), layer()
    for share in (0, 1.01, np.nan, "half", True):
        with pytest.raises(InvalidArgument, match="share must be a share of a pixel's area"):
            inventory.rasterize(square, raster, share=share)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="two rules"):
        inventory.rasterize(square, raster, share=0.5, touched=True)
    with pytest.raises(InvalidType, match="touched must be True or False"):
        inventory.rasterize(square, raster, touched=0.5)  # type: ignore[arg-type]
    with pytest.raises(InvalidType, match="grid must be"):
        inventory.rasterize(square, np.zeros((3, 3)))


# -- boxes ----------------------------------------------------------------------------------------------------


def feature(geometry: Any, **attributes: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": attributes}


MIRAGE = [
    feature(rectangle(15, 630, 45, 695), Id=1, Class="RG", Sign_Qual=1, Class_Unc=2,
            IFG="20200101_20200113", Bt=12, Traj="A"),
    feature(None, Id=2, Class="DS"),
    feature(rectangle(-500, 0, -400, 50), Id=3, Class="PR"),
    feature({"type": "MultiPolygon", "coordinates": [rectangle(430, 10, 470, 30)["coordinates"],
                                                     rectangle(400, -40, 410, 15)["coordinates"]]}, Id=4, Class="CF"),
]  # fmt: skip


@pytest.mark.parametrize("ascending", [False, True])
def test_boxes_are_where_the_features_are(ascending: bool) -> None:
    found = inventory.boxes(MIRAGE, layer(ascending=ascending))
    assert (len(found), found.left_out) == (2, 2)
    assert found.labels == ("RG", "CF")
    assert [box.feature for box in found] == [0, 3]
    first, parts = found
    rows = (31.5, 34.75) if ascending else (HEIGHT - 34.75, HEIGHT - 31.5)
    assert first.pixels == pytest.approx((rows[0], 1.5, rows[1], 4.5))
    assert first.bounds == pytest.approx((15, 630, 45, 695))
    assert first.attributes == MIRAGE[0]["properties"]
    # One box about all parts: cut on the grid, whole on the map.
    assert parts.bounds == pytest.approx((400, -40, 470, 30))
    assert parts.pixels == pytest.approx((0, 40, 1.5, 45) if ascending else (HEIGHT - 1.5, 40, HEIGHT, 45))


def test_the_window_of_a_box_holds_the_pixels_that_the_feature_touches() -> None:
    raster = layer()
    seen = 0
    for one in stars(21, 60):
        touched = np.argwhere(inventory.rasterize(one, raster, touched=True).values)
        found = inventory.boxes([one], raster)
        if not len(found):
            assert not len(touched)
        # Of a feature that goes on beyond the raster, the box may be wider than what is left.
        elif (np.array(found[0].bounds) > 0).all() and found[0].east < 450 and found[0].north < 740:
            (top, left), (bottom, right) = touched.min(axis=0), touched.max(axis=0)
            assert found[0].window == Window(top, left, bottom - top + 1, right - left + 1)
            seen += 1
    assert seen > 10


def test_boxes_make_arrays_and_tables() -> None:
    found = inventory.boxes(MIRAGE, layer())
    assert found.pixels.shape == (2, 4)
    np.testing.assert_array_equal(found.pixels[1], found[1].pixels)
    table = found.table()
    assert table.loc[0, "IFG"] == "20200101_20200113"
    assert table.loc[3, "label"] == "CF"
    assert "2 on the grid, 2 left out" in repr(found)
    none = inventory.boxes(MIRAGE[2:3], layer())
    assert (len(none), none.pixels.shape, len(none.table())) == (0, (0, 4), 0)


def test_the_class_may_be_in_another_attribute() -> None:
    assert inventory.boxes(MIRAGE, layer(), label="Traj").labels == ("A", None)
    assert inventory.boxes([rectangle(0, 0, 20, 20)], layer()).labels == (None,)
    with pytest.raises(InvalidArgument, match=r"label is 'class', .* there are Bt, Class, Class_Unc"):
        inventory.boxes(MIRAGE, layer(), label="class")


def test_boxes_of_polygons_in_degrees_lie_on_the_map() -> None:
    grid = map_grid((500000, 5090000, 510000, 5100000), "EPSG:32632", resolution=10)
    collection = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "EPSG:4326"}},
        "features": [feature(rectangle(9.01, 46.0, 9.05, 46.02), Class="RG")],
    }
    (box,) = inventory.boxes(collection, grid)
    transformer = Transformer.from_crs(4326, 32632, always_xy=True)
    x, y = transformer.transform([9.01, 9.05, 9.05, 9.01], [46.0, 46.0, 46.02, 46.02])
    assert box.bounds == pytest.approx((min(x), min(y), max(x), max(y)), abs=1)
    assert box.row0 == pytest.approx((5100000 - max(y)) / 10, abs=0.1)
