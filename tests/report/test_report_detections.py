"""What was found, on the page: outlines, table, and the comparison with the truth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyproj
import pytest
import xarray as xr

import insarfeat
from insarfeat import inventory, report
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType, MissingInput
from insarfeat.plot._outlines import PlacedOutline
from insarfeat.report.groups import Hits, hits_of, outlined_groups

pytest.importorskip("matplotlib")

CRS = "EPSG:32632"
NORTH, WEST, PIXEL = 4_905_300.0, 620_000.0, 15.0  # outer corner


def scene(truth: np.ndarray | None = None, **layers: np.ndarray) -> xr.Dataset:
    """A stack of 20 x 30 pixels on a map."""
    rows, columns = 20, 30
    coords = {
        "y": NORTH - PIXEL * (np.arange(rows) + 0.5),
        "x": WEST + PIXEL * (np.arange(columns) + 0.5),
        "spatial_ref": ((), 0, {"crs_wkt": pyproj.CRS.from_user_input(CRS).to_wkt()}),
    }
    rng = np.random.default_rng(0)
    given = {
        "wrapped_phase": rng.uniform(-3, 3, (rows, columns)).astype("f4"),
        "elevation": rng.normal(size=(rows, columns)).astype("f4"),
        **layers,
    }
    if truth is not None:
        given["landslide"] = truth
    return xr.Dataset({name: (("y", "x"), values) for name, values in given.items()}, coords)


def mask(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    found = np.zeros((20, 30), np.uint8)
    for row0, col0, row1, col1 in boxes:
        found[row0:row1, col0:col1] = 1
    return found


def feature(row0: float, col0: float, row1: float, col1: float, **properties: object) -> dict:
    """A box in pixels as a feature on the map."""
    west, east = WEST + PIXEL * col0, WEST + PIXEL * col1
    north, south = NORTH - PIXEL * row0, NORTH - PIXEL * row1
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    geometry = {"type": "Polygon", "coordinates": [corners]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features: Mapping, crs: str | None = CRS, **metadata: object) -> dict:
    found: dict = {"type": "FeatureCollection", "features": list(features), "metadata": metadata}
    if crs is not None:
        found["crs"] = {"type": "name", "properties": {"name": crs}}
    return found


def page_of(dataset: xr.Dataset, folder: Path, *found: report.Found) -> str:
    return report.write_report(dataset, folder / "page.html", detections=found).read_text(encoding="utf-8")


def rows_of(page: str) -> list[list[str]]:
    """Cells of the tables of detections."""
    body = "".join(re.findall(r'<table class="sortable">.*?<tbody>(.*?)</tbody>', page, re.DOTALL))
    return [re.findall(r">([^<]*)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]


# -- the comparison with the truth ----------------------------------------------------------------------------


def test_slides_and_detections_that_meet_are_counted(tmp_path: Path):
    # Slides: A touched twice, B not at all, C at a corner of one pixel. Detections: two on A, one on C, one on none.
    truth = mask((2, 2, 5, 6), (10, 10, 12, 12), (15, 20, 18, 24))
    found = [(2, 2, 3, 3), (4, 4, 8, 8), (17, 23, 19, 26), (0, 20, 3, 25)]
    page = page_of(scene(truth), tmp_path, report.Found("a", collection(*(feature(*one) for one in found))))
    assert (
        "2 of 3 true slides (connected parts of the layer landslide) are touched by a detection; 1 of 4 detections "
        "touch none." in page
    )


def test_pixels_that_touch_at_a_corner_are_one_slide():
    truth = scene(np.diag(np.ones(20, np.uint8))[:, [*range(20), *([0] * 10)]] * 1)["landslide"]
    truth.values[:, 20:] = 0
    everything = PlacedOutline((np.array(feature(0, 0, 2, 2)["geometry"]["coordinates"][0]),), 0)
    assert hits_of(truth, (everything,)) == Hits(slides=1, touched=1, outlines=1, astray=0)


def test_a_slide_inside_of_the_box_of_another_is_told_apart():
    # A ring about a single pixel: their boxes overlap, and only the one in the middle is touched.
    truth = mask((2, 2, 9, 9))
    truth[3:8, 3:8] = 0
    truth[5, 5] = 1
    middle = PlacedOutline((np.array(feature(5, 5, 6, 6)["geometry"]["coordinates"][0]),), 0)
    rim = PlacedOutline((np.array(feature(2, 2, 3, 3)["geometry"]["coordinates"][0]),), 1)
    layer = scene(truth)["landslide"]
    assert hits_of(layer, (middle,)).touched == 1
    assert hits_of(layer, (middle, rim)) == Hits(2, 2, 2, 0)


def test_the_hole_of_an_outline_touches_nothing():
    outer, hole = (
        np.array(feature(*one)["geometry"]["coordinates"][0]) for one in ((0, 0, 10, 10), (2, 2, 8, 8))
    )
    layer = scene(mask((4, 4, 6, 6)))["landslide"]
    assert hits_of(layer, (PlacedOutline((outer, hole), 0),)).touched == 0
    assert hits_of(layer, (PlacedOutline((outer,), 0),)).touched == 1


def test_nodata_of_the_truth_is_no_slide():
    truth = mask((2, 2, 5, 5))
    truth[10:, 10:] = 255
    assert hits_of(scene(truth)["landslide"], ()).slides == 1


@pytest.mark.parametrize("seed", range(5))
def test_hits_are_those_of_masks_laid_on_each_other(seed: int):
    from scipy.ndimage import label

    rng = np.random.default_rng(seed)
    truth = (rng.random((20, 30)) < 0.3).astype(np.uint8)
    boxes = [
        (r, c, r + h, c + w) for r, c, h, w in rng.integers([0, 0, 1, 1], [17, 27, 4, 4], (12, 4)).tolist()
    ]
    labels, count = label(truth, np.ones((3, 3)))
    each = [set(np.unique(labels[r0:r1, c0:c1])) - {0} for r0, c0, r1, c1 in boxes]
    placed = tuple(
        PlacedOutline((np.array(feature(*one)["geometry"]["coordinates"][0]),), number)
        for number, one in enumerate(boxes)
    )
    wanted = Hits(count, len(set().union(*each)), len(boxes), sum(not one for one in each))
    assert hits_of(scene(truth)["landslide"], placed) == wanted


def test_a_stack_without_a_truth_has_no_comparison(tmp_path: Path):
    page = page_of(scene(), tmp_path, report.Found("a", collection(feature(2, 2, 5, 6))))
    assert "true slide" not in page
    assert "1 place was found." in page


def test_the_mask_that_a_model_has_predicted_is_no_truth(tmp_path: Path):
    predicted = scene(mask((2, 2, 5, 6))).assign_attrs(model="some-model")
    page = page_of(predicted, tmp_path, report.Found("a", collection(feature(2, 2, 5, 6))))
    assert "true slide" not in page


def test_a_truth_without_slides_is_told(tmp_path: Path):
    page = page_of(scene(mask()), tmp_path, report.Found("a", collection(feature(2, 2, 5, 6))))
    assert "The truth (layer landslide) has no slide here; the 1 found touches none." in page


def test_the_share_of_the_scene_that_is_covered_is_told(tmp_path: Path):
    half = feature(0, 0, 20, 15)  # twice: what is covered twice counts once
    page = page_of(scene(), tmp_path, report.Found("a", collection(half, half)))
    assert "Together they cover 50 % of the scene." in page


# -- table, banner, figures -----------------------------------------------------------------------------------


def test_the_table_has_the_best_first_with_class_area_and_place(tmp_path: Path):
    low = feature(2, 2, 4, 6, **{"class": "CF", "score": 0.25, "area_m2": 1800.0})
    high = feature(10, 10, 12, 12, **{"class": "RG", "score": 0.75, "area_m2": 12345.0})
    unknown = feature(0, 20, 2, 22, **{"class": None, "score": None})
    page = page_of(scene(), tmp_path, report.Found("a", collection(low, unknown, high)))
    assert rows_of(page) == [
        ["1", "RG", "0.750", "12\u202f345", f"{WEST + 165:.0f}, {NORTH - 165:.0f}"],
        ["2", "CF", "0.250", "1\u202f800", f"{WEST + 60:.0f}, {NORTH - 45:.0f}"],
        ["3", "–", "–", "900", f"{WEST + 315:.0f}, {NORTH - 15:.0f}"],  # the area is that of the outline
    ]


def test_a_table_has_at_most_200_rows_and_says_how_many_more(tmp_path: Path):
    many = [feature(1, 1, 2, 2, **{"class": "CF", "score": n / 1000, "area_m2": 225.0}) for n in range(203)]
    page = page_of(scene(), tmp_path, report.Found("a", collection(*many)))
    rows = rows_of(page)
    assert len(rows) == 200
    assert rows[0][2] == "0.202"
    assert "3 more are not listed" in page


def test_the_statement_of_a_model_stands_above_what_it_has_found(tmp_path: Path):
    about = {
        "model": "m-v1",
        "version": 1,
        "statement": "Trained on synthetic scenes only.",
        "threshold": 0.3,
    }
    page = page_of(scene(), tmp_path, report.Found("a", collection(feature(2, 2, 5, 6)), about))
    start = page.index('id="detections"')
    banner = page.index("<b>m-v1, version 1.</b> Trained on synthetic scenes only.", start)
    assert 'class="banner"' in page[start:banner]
    assert banner < page.index("1 place was found.")
    assert "Threshold 0.3" in page


def test_a_page_about_a_prediction_opens_with_the_statement(tmp_path: Path):
    predicted = scene(mask((2, 2, 5, 6))).assign_attrs(model="m-v1", version=1, statement="Be careful.")
    page = page_of(predicted, tmp_path)
    assert page.index("<b>m-v1, version 1.</b> Be careful.") < page.index("Overview")


def test_there_are_figures_over_the_phase_its_fringes_and_the_relief(tmp_path: Path):
    found = report.Found("a", collection(feature(2, 2, 5, 6)))
    section = page_of(scene(), tmp_path, found).partition('id="detections"')[2].partition("</section>")[0]
    assert re.findall(r'alt="Outlines of a over (\w+)\.', section) == ["wrapped_phase", "fringes", "relief"]


def test_outlines_go_over_the_first_layer_where_there_is_neither(tmp_path: Path):
    found = report.Found("a", collection(feature(2, 2, 5, 6)))
    other = scene().drop_vars(["wrapped_phase", "elevation"]).assign(slope=(("y", "x"), np.ones((20, 30))))
    assert 'alt="Outlines of a over slope.' in page_of(other, tmp_path, found)


def test_nothing_found_is_told_and_has_no_table(tmp_path: Path):
    page = page_of(scene(mask((2, 2, 5, 5))), tmp_path, report.Found("a", collection()))
    assert "Nothing was found." in page
    assert "0 of 1 true slide (a connected part of the layer landslide) is touched by a detection." in page
    assert "<script" not in page
    assert not rows_of(page)


def test_what_lies_outside_of_the_scene_is_counted_apart(tmp_path: Path):
    found = report.Found("a", collection(feature(2, 2, 5, 6), feature(100, 2, 105, 6)))
    page = page_of(scene(), tmp_path, found)
    assert "1 place was found. 1 lies outside of the scene and is left out." in page
    assert len(rows_of(page)) == 1


def test_outlines_in_degrees_are_brought_to_the_map(tmp_path: Path):
    turn = pyproj.Transformer.from_crs(CRS, "OGC:CRS84", always_xy=True)
    there = feature(2, 2, 4, 6, score=0.5)
    corners = there["geometry"]["coordinates"][0]
    there["geometry"]["coordinates"] = [[list(turn.transform(*corner)) for corner in corners]]
    page = page_of(scene(mask((3, 3, 4, 4))), tmp_path, report.Found("a", collection(there, crs="OGC:CRS84")))
    (row,) = rows_of(page)
    assert row[4] == f"{WEST + 60:.0f}, {NORTH - 45:.0f}"
    assert abs(int(row[3].replace("\u202f", "")) - 1800) <= 5  # on the ellipsoid
    assert "1 of 1 true slide" in page


def test_the_page_sorts_with_a_script_of_its_own_and_is_whole_without(tmp_path: Path):
    page = page_of(scene(), tmp_path, report.Found("a", collection(feature(2, 2, 5, 6, score=0.5))))
    assert page.count("<script>") == 1
    assert 'data-value="0.5"' in page
    assert not any(word in page for word in ("http:", "https:", 'src="/', "@import", "<button"))


def test_a_page_without_detections_has_no_script(tmp_path: Path):
    page = page_of(scene(), tmp_path)
    assert "<script" not in page
    assert "Detections" not in page


def test_everything_that_a_result_says_is_escaped(tmp_path: Path):
    nasty = '<script>alert("x")</script>'
    about = {"model": nasty, "statement": nasty, "missing_bands": nasty}
    there = feature(2, 2, 5, 6, **{"class": nasty, "score": 0.5, "pair": nasty})
    other = feature(2, 9, 5, 12, **{"class": nasty, "score": 0.5, "pair": "another"})
    page = page_of(scene(), tmp_path, report.Found(nasty, collection(there, other), about))
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") >= 7


def test_pairs_have_a_column_where_there_are_several(tmp_path: Path):
    two = [feature(2, 2, 5, 6, pair=name, score=0.5) for name in ("20230904_20230916", "20230916_20230928")]
    page = page_of(scene(), tmp_path, report.Found("a", collection(*two)))
    assert [row[-1] for row in rows_of(page)] == ["20230904_20230916", "20230916_20230928"]


def test_what_is_no_found_is_refused(tmp_path: Path):
    with pytest.raises(InvalidType, match=r"report\.gather"):
        report.write_report(scene(), tmp_path / "page.html", detections=[collection()])


# -- files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg"])
def test_outlines_are_read_with_what_is_known_of_them(tmp_path: Path, suffix: str):
    if suffix == ".gpkg":
        pytest.importorskip("pyogrio")
    told = {"model": "m-v1", "version": 1, "statement": "Be careful.", "threshold": 0.3}
    there = feature(2, 2, 5, 6, **{"class": "CF", "score": 0.5, "area_m2": 2700.0})
    path = inventory.write_polygons(collection(there, **told), tmp_path / f"boxes{suffix}")
    (found,) = report.gather(scene(), [path]).detections
    assert (found.name, found.model, found.statement) == (path.name, "m-v1, version 1", "Be careful.")
    assert found.about["threshold"] == 0.3
    assert found.features["features"][0]["properties"]["class"] == "CF"


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg"])
def test_an_empty_file_of_outlines_has_a_page(tmp_path: Path, suffix: str):
    if suffix == ".gpkg":
        pytest.importorskip("pyogrio")
    columns = {"class": "text", "score": "real", "area_m2": "real"}
    nothing = {**collection(model="m-v1", statement="Be careful."), "columns": columns}
    path = inventory.write_polygons(nothing, tmp_path / f"boxes{suffix}")
    gathered = report.gather(scene(), [path])
    page = page_of(gathered.dataset, tmp_path, *gathered.detections)
    assert "Nothing was found." in page
    assert "Be careful." in page


def test_rows_that_all_name_their_model_speak_for_a_file_that_does_not(tmp_path: Path):
    there = [feature(2, 2, 5, 6, model="m-v1", version=1, score=0.5 + n) for n in range(2)]
    path = inventory.write_polygons(collection(*there), tmp_path / "boxes.geojson")
    assert report.Found.read(path).model == "m-v1, version 1"


@pytest.mark.parametrize("suffix", [".nc", ".tif"])
def test_rasters_join_the_maps_and_are_outlined(tmp_path: Path, suffix: str):
    chance = np.full((20, 30), 0.1, "f4")
    chance[2:5, 2:6], chance[10:12, 10:12] = 0.9, 0.7
    result = scene(mask((2, 2, 5, 6), (10, 10, 12, 12)), landslide_probability=chance)
    result = result[["landslide_probability", "landslide"]].assign_attrs(
        model="m-v1", statement="Be careful."
    )
    path = insarfeat.write(result, tmp_path / f"p{suffix}")
    gathered = report.gather(scene(mask((3, 3, 4, 4))), [path])
    assert gathered.dataset["landslide"].values.sum() == 1  # the truth is what it was
    assert f"landslide of p{suffix}" in gathered.dataset
    (found,) = gathered.detections
    assert found.statement == "Be careful."
    page = page_of(gathered.dataset, tmp_path, found)
    assert [row[1:4] for row in rows_of(page)] == [
        ["landslide", "0.900", "2\u202f701"],  # a UTM metre is longer on the ground here
        ["landslide", "0.700", "900"],
    ]
    assert (
        "1 of 1 true slide (a connected part of the layer landslide) is touched by a detection; 1 of 2"
        in page
    )
    assert "Map of landslide_probability" in page


def test_a_predicted_mask_is_never_taken_for_the_truth(tmp_path: Path):
    path = insarfeat.write(scene(mask((2, 2, 5, 6)))[["landslide"]], tmp_path / "p.nc")
    gathered = report.gather(scene(), [path])
    assert "landslide" not in gathered.dataset
    assert "true slide" not in page_of(gathered.dataset, tmp_path, *gathered.detections)


def test_nodata_of_a_renamed_mask_stays_nodata(tmp_path: Path):
    values = mask((2, 2, 5, 6))
    values[10:] = 255
    path = insarfeat.write(scene(values)[["landslide"]], tmp_path / "p.nc")
    gathered = report.gather(scene(mask()), [path])
    subject = report.Subject.of(gathered.dataset)
    assert subject.named("landslide of p.nc").valid_share == 0.5


def test_a_probability_alone_is_outlined_at_its_threshold():
    chance = np.where(mask((2, 2, 5, 6)) == 1, 0.4, 0.1).astype("f4")
    chance[15:] = np.nan
    result = scene(landslide_probability=chance)[["landslide_probability"]].assign_attrs(threshold=0.3)
    found = report.Found.of_mask(result, "p")
    (only,) = found.features["features"]
    assert only["properties"]["area_m2"] == pytest.approx(12 * PIXEL**2, rel=1e-3)
    assert only["properties"]["score"] == pytest.approx(0.4)


def test_areas_of_groups_are_those_on_the_ellipsoid():
    groups = outlined_groups(scene(mask((2, 2, 5, 6)))["landslide"], None)
    geod = pyproj.CRS.from_user_input(CRS).get_geod()
    turn = pyproj.Transformer.from_crs(CRS, "OGC:CRS84", always_xy=True)
    (ring,) = groups["features"][0]["geometry"]["coordinates"]
    wanted = abs(geod.polygon_area_perimeter(*turn.transform(*np.transpose(ring)))[0])
    assert groups["features"][0]["properties"]["area_m2"] == pytest.approx(wanted, rel=1e-4)


def test_groups_of_a_stack_of_pairs_name_their_pair():
    layer = scene(mask((2, 2, 5, 6)))["landslide"].expand_dims(pair=["a", "b"])
    groups = outlined_groups(layer, None)
    assert [one["properties"]["pair"] for one in groups["features"]] == ["a", "b"]


def test_outlines_of_groups_cover_exactly_their_pixels():
    rng = np.random.default_rng(4)
    values = (rng.random((20, 30)) < 0.4).astype(np.uint8)
    layer = scene(values)["landslide"]
    drawn = inventory.rasterize(outlined_groups(layer, None), layer)
    np.testing.assert_array_equal(drawn.values, values)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.isel(x=slice(1, None)),
        lambda one: one.assign_coords(x=one.x + 7.0),
        lambda one: one.assign_coords(spatial_ref=((), 0, {"crs_wkt": pyproj.CRS("EPSG:32633").to_wkt()})),
    ],
    ids=["smaller", "shifted", "another CRS"],
)
def test_a_raster_that_is_not_on_the_grid_is_refused(tmp_path: Path, change):
    path = insarfeat.write(change(scene(mask((2, 2, 5, 6)))[["landslide"]]), tmp_path / "p.nc")
    with pytest.raises(GridMismatch, match=r"p\.nc .*geometry\.regrid"):
        report.gather(scene(), [path])


def test_a_mask_that_holds_no_bytes_is_refused():
    result = scene().assign(landslide=(("y", "x"), np.zeros((20, 30), "f4")))
    with pytest.raises(InvalidArgument, match="uint8"):
        report.Found.of_mask(result, "p")


def test_other_files_are_refused(tmp_path: Path):
    with pytest.raises(InvalidArgument, match=r"slides\.kml is no result"):
        report.gather(scene(), ["slides.kml"])
    with pytest.raises(MissingInput, match="nowhere"):
        report.gather(scene(), [tmp_path / "nowhere.gpkg"])


def test_large_masks_are_read_group_by_group(monkeypatch: pytest.MonkeyPatch):
    from insarfeat.report import groups

    layer = scene(mask((2, 2, 5, 6), (10, 10, 12, 12)))["landslide"]
    whole = outlined_groups(layer, None)
    monkeypatch.setattr(groups, "_KEPT_WHOLE", 0)
    assert outlined_groups(layer.chunk(y=4, x=4), None) == whole
