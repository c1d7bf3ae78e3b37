"""Distributions inside and outside of polygons, against other libraries and against rules spelled out by hand."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pytest
import scipy.stats
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from insarfeat import inventory
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.inventory import comparison as comparison_module
from insarfeat.inventory import footprint as footprint_module
from insarfeat.inventory import sampling
from insarfeat.inventory.footprint import Footprint
from insarfeat.lots import lots
from insarfeat.windows import Window

ROWS, COLUMNS = 23, 31
PIXEL = 10.0
NORTH = 500.0


def raster(values: object, name: str | None = "slope", *, ascending: bool = False) -> xr.DataArray:
    """Values in reading order from the north-west, whatever the direction of y."""
    array = np.asarray(values)
    rows, columns = array.shape
    y = NORTH - PIXEL / 2 - PIXEL * np.arange(rows)
    x = PIXEL / 2 + PIXEL * np.arange(columns)
    made = xr.DataArray(array, {"y": y, "x": x}, ("y", "x"), name=name)
    return made[::-1] if ascending else made


def box(top: float, left: float, bottom: float, right: float) -> list[tuple[float, float]]:
    """Ring about pixels, in rows and columns."""
    corners = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
    return [(PIXEL * x, NORTH - PIXEL * y) for x, y in corners]


def polygon(*rings: list[tuple[float, float]]) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": list(rings)}


class Mapped:
    """What geometry libraries hand out."""

    def __init__(self, geojson: dict[str, object], crs: object = None) -> None:
        self.__geo_interface__ = geojson
        if crs is not None:
            self.crs = crs


def field(seed: int = 0, *, holes: float = 0.1) -> np.ndarray:
    """Rough numbers with ties and nodata."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(ROWS, COLUMNS)).round(1).astype("f4")
    values[random.random((ROWS, COLUMNS)) < holes] = np.nan
    return values


BLOB = polygon([(33.3, 480.1), (120.7, 410.2), (250.0, 455.5), (201.0, 300.3), (50.2, 333.0)])


def inside_by_hand(ring: list[tuple[float, float]]) -> np.ndarray:
    """Even-odd rule at every pixel centre."""
    x = PIXEL / 2 + PIXEL * np.arange(COLUMNS)
    y = (NORTH - PIXEL / 2 - PIXEL * np.arange(ROWS))[:, np.newaxis]
    inside = np.zeros((ROWS, COLUMNS), bool)
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
        crosses = (y0 > y) != (y1 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < x0 + (y - y0) / (y1 - y0) * (x1 - x0))
    return inside


def same(one: inventory.Comparison, other: inventory.Comparison) -> None:
    """Refuse comparisons that differ in a single bit."""
    assert one.table().equals(other.table())
    for mine, theirs in zip(one.layers, other.layers, strict=True):
        for part in ("edges", "density_inside", "density_outside"):
            assert np.array_equal(getattr(mine, part), getattr(theirs, part), equal_nan=True)


def test_inside_is_every_valid_pixel_whose_centre_is_in_the_polygon():
    values = field()
    covered = inside_by_hand(BLOB["coordinates"][0])
    assert 100 < covered.sum() < 400
    found = inventory.compare(raster(values), BLOB)
    expected = values[covered & np.isfinite(values)].astype("f8")
    summary = found["slope"].inside
    assert found.pixels_covered == covered.sum()
    assert summary.count == len(expected)
    assert summary.mean == pytest.approx(expected.mean(), rel=1e-12)
    quantiles = (summary.p5, summary.p25, summary.median, summary.p75, summary.p95)
    assert quantiles == pytest.approx(np.percentile(expected, (5, 25, 50, 75, 95)), rel=1e-12)


def test_outside_are_the_valid_pixels_of_the_smallest_numbers():
    values = field()
    numbers = np.arange(values.size, dtype="f8").reshape(values.shape)  # tell the pixels by their values
    numbers[np.isnan(values)] = np.nan
    covered = inside_by_hand(BLOB["coordinates"][0])
    free = ~covered & np.isfinite(numbers)
    wanted = int((covered & np.isfinite(numbers)).sum())
    drawn = lots(Window(0, 0, ROWS, COLUMNS), 7)[free]
    expected = numbers[free][np.argsort(drawn)[:wanted]]
    outside = inventory.compare(raster(numbers), BLOB, seed=7)["slope"].outside
    assert outside.count == wanted < free.sum()
    assert outside.mean == pytest.approx(expected.mean(), rel=1e-12)
    assert outside.median == np.median(expected)
    assert inventory.compare(raster(numbers), BLOB, seed=8)["slope"].outside.mean != outside.mean


def test_distances_agree_with_scipy():
    values = field(holes=0.0)
    covered = inside_by_hand(BLOB["coordinates"][0])
    values[covered] += 0.3
    found = inventory.compare(raster(values), BLOB, seed=3)["slope"]
    drawn = np.argsort(lots(Window(0, 0, ROWS, COLUMNS), 3)[~covered])[: covered.sum()]
    inside, outside = values[covered].astype("f8"), values[~covered][drawn].astype("f8")
    assert found.ks_distance == pytest.approx(scipy.stats.ks_2samp(inside, outside).statistic, abs=1e-12)
    won = scipy.stats.mannwhitneyu(inside, outside).statistic
    assert found.auc == pytest.approx(won / (len(inside) * len(outside)), abs=1e-12)
    assert 0.5 < found.auc < 1


@given(
    inside=st.lists(st.integers(-3, 3), min_size=1, max_size=12),
    outside=st.lists(st.integers(-3, 3), min_size=1, max_size=12),
)
def test_ties_count_half(inside: list[int], outside: list[int]):
    from insarfeat.inventory.comparison import area_under_roc, ks_distance

    ordered = np.sort(np.array(inside, "f8")), np.sort(np.array(outside, "f8"))
    pairs = [(x > y) + 0.5 * (x == y) for x in inside for y in outside]
    assert area_under_roc(*ordered) == pytest.approx(np.mean(pairs), abs=1e-12)
    steps = [abs(np.mean(ordered[0] <= v) - np.mean(ordered[1] <= v)) for v in range(-3, 4)]
    assert ks_distance(*ordered) == pytest.approx(max(steps), abs=1e-12)


def test_histograms_are_densities_between_their_borders():
    values = np.random.default_rng(5).normal(size=(60, 60))
    values[-1, -1] = 1e6  # one wild value must not squeeze the others into one bin
    found = inventory.compare(raster(values), polygon(box(0, 0, 60, 20)), bins=20)["slope"]
    assert len(found.edges) == 21
    assert found.edges[-1] < 10
    inside = values[:, :20]
    share = np.mean((inside >= found.edges[0]) & (inside <= found.edges[-1]))
    assert 0.98 < share <= 1
    assert (found.density_inside * np.diff(found.edges)).sum() == pytest.approx(share, abs=1e-12)
    with pytest.raises(ValueError, match="read-only"):
        found.edges[0] = 0


@st.composite
def cuts(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Chunks of the test raster."""
    chunks = []
    for size in (ROWS, COLUMNS):
        borders = sorted(draw(st.sets(st.integers(1, size - 1), max_size=3)))
        chunks.append(tuple(np.diff([0, *borders, size]).tolist()))
    return chunks[0], chunks[1]


@given(first=cuts(), second=cuts(), seed=st.integers(0, 2**70))
def test_any_chunks_give_the_same_bits(first, second, seed: int):
    on_centres = polygon(
        box(2.5, 3.5, 9.5, 20.5)
    )  # edges through pixel centres fall to one side, always the same
    layers = xr.Dataset({"slope": raster(field(1)), "elevation": raster(field(2, holes=0.4).astype("f8"))})
    expected = inventory.compare(layers, [BLOB, on_centres], seed=seed)
    cut = layers.copy()
    cut["slope"] = layers["slope"].chunk(dict(zip(("y", "x"), first, strict=True)))
    same(inventory.compare(cut, [BLOB, on_centres], seed=seed), expected)
    cut["elevation"] = layers["elevation"].chunk(dict(zip(("y", "x"), second, strict=True)))
    with dask.config.set(scheduler="synchronous"):
        same(inventory.compare(cut, [BLOB, on_centres], seed=seed), expected)


def test_strips_give_the_same_bits(monkeypatch: pytest.MonkeyPatch):
    expected = inventory.compare(raster(field()), BLOB)
    monkeypatch.setattr(sampling, "_STRIP_PIXELS", 3 * COLUMNS)
    monkeypatch.setattr(footprint_module, "_MOST_PIXELS", 50)
    monkeypatch.setattr(comparison_module, "_PIECE", 7)
    same(inventory.compare(raster(field()), BLOB), expected)


def test_chunks_are_read_once_and_not_kept():
    reads: list[tuple[int, int]] = []

    def read(block: np.ndarray, block_info: dict | None = None) -> np.ndarray:
        reads.append(tuple(block_info[0]["chunk-location"]))
        return block

    lazy = da.from_array(field(), chunks=(5, 7)).map_blocks(read, dtype="f4", meta=np.empty((0, 0), "f4"))
    made = raster(field()).copy(data=lazy)
    inventory.compare(xr.Dataset({"slope": made, "tri": 2 * made}), BLOB)
    assert sorted(reads) == sorted(set(reads))
    assert len(reads) == 25


def test_states_hold_no_more_than_the_footprint_outside():
    grid_of_one = Footprint.of([], footprint_grid())
    assert grid_of_one.pixels == 0
    survey = sampling.Survey(Footprint(grid_of_one.shape, np.array([4]), np.array([9])), 0, (None,))
    halves = [
        survey.gather(Window(top, 0, rows, COLUMNS), field(holes=0)[top : top + rows])
        for top, rows in ((0, 10), (10, 13))
    ]
    (merged,) = survey.merge(*halves)
    assert [len(half[0].outside) for half in halves] == [5, 5]
    assert len(merged.outside) == len(merged.inside) == 5


def footprint_grid():
    from insarfeat.georeference import grid_of

    return grid_of(raster(field()))


@pytest.mark.parametrize("ascending", [False, True])
def test_y_may_run_either_way(ascending: bool):
    values = field()
    found = inventory.compare(raster(values, ascending=ascending), BLOB)["slope"]
    covered = inside_by_hand(BLOB["coordinates"][0])
    assert found.inside.count == np.isfinite(values[covered]).sum()
    assert found.inside.mean == pytest.approx(np.nanmean(values[covered], dtype="f8"), rel=1e-12)


def test_holes_are_outside_and_parts_and_overlaps_count_once():
    holed = polygon(box(2, 2, 10, 12), box(4, 4, 7, 9))
    many = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "geometry": holed, "properties": {}},
            {"type": "Feature", "geometry": None, "properties": {}},
            {
                "type": "Feature",
                "properties": {},
                "geometry": {
                    "type": "MultiPolygon",
                    "coordinates": [[box(15, 0, 18, 31)], [box(0, 20, 20, 22)], [box(-9, 40, 50, 60)]],
                },
            },
        ],
    }
    covered = np.zeros((ROWS, COLUMNS), bool)
    covered[2:10, 2:12] = True
    covered[4:7, 4:9] = False
    covered[15:18] = True
    covered[:20, 20:22] = True
    layer = raster(covered.astype("f4"))
    for way in (
        many,
        Mapped(many),
        [holed, *many["features"][1:]],
        (Mapped(thing) for thing in [many, holed]),
    ):
        found = inventory.compare(layer, way)
        assert found.pixels_covered == covered.sum()
        assert found["slope"].auc == 1  # all inside is 1, all outside 0


def test_a_mask_of_any_window_is_a_part_of_the_whole():
    whole = Footprint.of(inventory.polygons.Outlines.of([BLOB]).polygons, footprint_grid())
    expected = inside_by_hand(BLOB["coordinates"][0])
    assert (whole.mask(Window(0, 0, ROWS, COLUMNS)) == expected).all()
    assert (whole.mask(Window(5, 9, 7, 4)) == expected[5:12, 9:13]).all()


def test_few_pixels_outside_are_all_taken_and_the_result_says_so():
    found = inventory.compare(raster(field(holes=0)), polygon(box(0, 0, ROWS - 1, COLUMNS)))
    layer = found["slope"]
    assert layer.outside.count == COLUMNS
    assert layer.outside_is_short
    assert "fewer outside than inside" in repr(found)
    assert bool(found.table()["outside_is_short"].iloc[0])
    assert not inventory.compare(raster(field(holes=0)), BLOB)["slope"].outside_is_short


def test_a_layer_without_valid_pixels_leaves_the_others_alone():
    layers = xr.Dataset({"slope": raster(np.full((ROWS, COLUMNS), np.nan)), "tri": raster(field())})
    found = inventory.compare(layers, BLOB)
    assert (found["slope"].inside.count, found["slope"].outside.count) == (0, 0)
    assert np.isnan([found["slope"].auc, found["slope"].ks_distance, found["slope"].inside.mean]).all()
    same(inventory.compare(layers["tri"], BLOB), inventory.compare(layers[["tri"]], BLOB))
    assert found["tri"].auc == inventory.compare(layers["tri"], BLOB)["tri"].auc


@pytest.mark.parametrize("lazy", [False, True])
def test_whole_numbers_have_their_own_nodata(lazy: bool):
    values = np.ones((ROWS, COLUMNS), "uint8")
    values[::2] = 255
    layer = raster(values, "landslide")
    found = inventory.compare(layer.chunk(y=4) if lazy else layer, BLOB)["landslide"]
    assert found.inside.mean == found.outside.mean == 1
    counts = raster(values, "counts")
    assert inventory.compare(counts, BLOB)["counts"].inside.p95 == 255  # nothing declares it nodata
    counts.attrs["_FillValue"] = 255
    assert inventory.compare(counts, BLOB)["counts"].inside.p95 == 1


def test_infinite_values_are_nodata():
    values = field(holes=0)
    values[10, 10] = np.inf
    holed = np.where(np.isinf(values), np.nan, values)
    same(inventory.compare(raster(values), BLOB), inventory.compare(raster(holed), BLOB))


def test_names_and_units_come_from_the_layer_or_the_table():
    named = inventory.compare(raster(field()), BLOB)["slope"]
    assert (named.long_name, named.units) == ("terrain slope", "degree")
    own = raster(field(), "mine").assign_attrs(long_name="my own", units="m")
    assert (inventory.compare(own, BLOB)["mine"].long_name, inventory.compare(own, BLOB)["mine"].units) == (
        "my own",
        "m",
    )
    assert inventory.compare(raster(field(), None), BLOB).names == ("layer",)
    with pytest.raises(KeyError, match="there are slope"):
        inventory.compare(raster(field()), BLOB)["aspect"]


def test_table_has_a_row_per_layer():
    layers = xr.Dataset({"slope": raster(field()), "tri": raster(field(4)), "crs": 0})
    table = inventory.compare(layers, BLOB).table()
    assert list(table.index) == ["slope", "tri"]
    assert {"units", "inside_count", "outside_p95", "ks_distance", "auc"} <= set(table.columns)
    assert table.loc["tri", "inside_median"] == inventory.compare(layers, BLOB)["tri"].inside.median


def test_the_sample_is_even_over_the_raster():
    covered = polygon(box(0, 0, 200, 100))
    places = np.add.outer(1000.0 * np.arange(200), np.arange(1000.0))
    layer = raster(places)
    tracts = []
    for seed in range(4):
        outside = inventory.compare(layer, covered, seed=seed, bins=10)["slope"]
        tracts.append(outside.density_outside / outside.density_outside.mean())
    # 20000 of 180000 pixels: a tenth of the rows has 2000 or so, with a deviation of 2 percent.
    assert np.abs(np.array(tracts) - 1).max() < 0.12
    drawn = lots(Window(0, 0, 200, 1000), 0)
    assert len(np.unique(drawn)) == drawn.size
    bits = np.unpackbits(drawn.view("uint8")).reshape(-1, 64).mean(axis=0)
    assert np.abs(bits - 0.5).max() < 0.006
    assert abs(np.corrcoef(drawn[:, 1:].ravel() / 2.0**64, drawn[:, :-1].ravel() / 2.0**64)[0, 1]) < 0.01


def in_utm(layer: xr.DataArray) -> xr.DataArray:
    from pyproj import CRS

    return layer.assign_coords(spatial_ref=((), 0, CRS("EPSG:32632").to_cf()))


def test_polygons_of_another_crs_are_refused():
    layer = in_utm(raster(field()))
    named = {**BLOB, "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}}
    for other in (Mapped(BLOB, "EPSG:4326"), named, [BLOB, Mapped(BLOB, "EPSG:32633")]):
        with pytest.raises(InvalidArgument, match=r"polygons are in .* and the layers in .*to_crs"):
            inventory.compare(layer, other)
    with pytest.raises(InvalidArgument, match="different CRSs"):
        inventory.compare(layer, [Mapped(BLOB, "EPSG:32632"), Mapped(BLOB, "EPSG:32633")])
    same(inventory.compare(layer, Mapped(BLOB, "EPSG:32632")), inventory.compare(layer, BLOB))
    same(inventory.compare(raster(field()), Mapped(BLOB, "EPSG:32633")), inventory.compare(layer, BLOB))


LAYER = raster(field())
LINE = {"type": "LineString", "coordinates": [(0, 0), (1, 1)]}


@pytest.mark.parametrize(
    ("layers", "polygons", "options", "error", "match"),
    [
        (LAYER.values, BLOB, {}, InvalidType, r"layers is a ndarray; it must be an xarray\.DataArray"),
        (LAYER.expand_dims("time"), BLOB, {}, InvalidArgument, r"slope has dims .*isel\(time=0\)"),
        (LAYER[0], BLOB, {}, InvalidArgument, "it must have two"),
        (LAYER * 1j, BLOB, {}, InvalidType, "complex64; .* phase or its magnitude"),
        (LAYER.astype(str), BLOB, {}, InvalidType, "need real numbers"),
        (xr.Dataset({"a": 1}), BLOB, {}, InvalidArgument, "no variable with two dimensions"),
        (LAYER.drop_vars("y"), BLOB, {}, InvalidArgument, "no coordinate along 'y'"),
        (
            xr.Dataset({"a": LAYER, "b": LAYER.rename(y="v", x="u")}),
            BLOB,
            {},
            GridMismatch,
            "must share one grid",
        ),
        (LAYER, "slides.geojson", {}, InvalidType, "read the file first"),
        (LAYER, 3, {}, InvalidType, "polygons is a int"),
        (LAYER, [3], {}, InvalidType, "polygons holds a int"),
        (LAYER, [], {}, InvalidArgument, "polygons holds no polygon"),
        (LAYER, {"type": "FeatureCollection", "features": []}, {}, InvalidArgument, "holds no polygon"),
        (LAYER, LINE, {}, InvalidArgument, "'LineString'; only Polygon"),
        (LAYER, polygon([(0, 0), (1, 1)]), {}, InvalidArgument, "at least 3"),
        (LAYER, polygon([(0, 0), (1, np.nan), (1, 0)]), {}, InvalidArgument, "not finite pairs"),
        (LAYER, polygon([0, 1, 2]), {}, InvalidArgument, "not pairs of numbers"),
        (LAYER, polygon(box(900, 0, 950, 9)), {}, InvalidArgument, "hold no pixel centre"),
        (LAYER, polygon(box(1.6, 1.6, 1.9, 1.9)), {}, InvalidArgument, "finer layers"),
        (LAYER, BLOB, {"bins": 0}, InvalidArgument, "bins must be a whole number, from 1"),
        (LAYER, BLOB, {"bins": 2.5}, InvalidArgument, "bins must be a whole number"),
        (LAYER, BLOB, {"seed": -1}, InvalidArgument, "seed must be a whole number, 0 or more; got -1"),
        (LAYER, BLOB, {"seed": True}, InvalidArgument, "seed must be a whole number"),
    ],
)
def test_bad_input_is_named(layers, polygons, options, error, match):
    with pytest.raises(error, match=match):
        inventory.compare(layers, polygons, **options)


@pytest.mark.parametrize("valid", [600, 120_000])
@pytest.mark.parametrize("lazy", [False, True])
def test_few_pixels_wait_in_memory_and_none_is_missed(
    valid: int, lazy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers above a ceiling are left out at first; where nearly all is nodata, they are needed after all."""
    rng = np.random.default_rng(0)
    values = rng.random((200, 1000))
    covered = np.zeros(values.shape, bool)
    covered[:20, :25] = True
    free = np.flatnonzero(~covered)
    values.ravel()[rng.permutation(free)[valid:]] = np.nan
    layer = xr.DataArray(
        values, {"y": 200.0 - np.arange(200), "x": np.arange(1000.0)}, ("y", "x"), name="tri"
    )
    polygon = {
        "type": "Polygon",
        "coordinates": [[(-0.5, 200.5), (24.5, 200.5), (24.5, 180.5), (-0.5, 180.5), (-0.5, 200.5)]],
    }
    kept: list[int] = []
    together = sampling.Samples.limited
    monkeypatch.setattr(
        sampling.Samples, "limited", lambda self, most: kept.append(len(self.lots)) or together(self, most)
    )
    found = inventory.compare(layer.chunk(y=50, x=250) if lazy else layer, polygon, seed=3)["tri"]
    drawn = np.where(covered | np.isnan(values), np.uint64(2**64 - 1), lots(Window(0, 0, 200, 1000), 3))
    chosen = values.ravel()[np.argsort(drawn, axis=None)[:500]]
    assert found.outside.count == 500
    assert found.outside.mean == pytest.approx(chosen.mean(), rel=1e-12)
    assert max(kept) < 2000
