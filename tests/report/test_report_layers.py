"""Files with several layers of polygons: the report takes the one that the file is about."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("pyogrio")
pytest.importorskip("matplotlib")

from insarfeat import report
from insarfeat.errors import InvalidArgument
from insarfeat.inventory import read_polygons, write_polygons
from insarfeat.inventory.geopackage import Sheet, layers_in, write_sheets
from insarfeat.report.detections import rows_of
from zoo.detections import Detections
from zoo.review import Reviewed, export_review
from zoo.review.places import Inventory, Look

CRS = "EPSG:32632"
WHEN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WEST, NORTH, PIXEL = 620_000.0, 4_905_000.0, 15.0


def on_map(values: np.ndarray, pixel: float = PIXEL) -> xr.DataArray:
    import pyproj

    rows, columns = values.shape
    where = {
        "y": NORTH - pixel * (np.arange(rows) + 0.5),
        "x": WEST + pixel * (np.arange(columns) + 0.5),
        "spatial_ref": ((), 0, {"crs_wkt": pyproj.CRS.from_user_input(CRS).to_wkt()}),
    }
    return xr.DataArray(values, where, ("y", "x"))


def square(x: float) -> dict[str, Any]:
    ring = [[x, 0.0], [x + 150.0, 0.0], [x + 150.0, -150.0], [x, -150.0], [x, 0.0]]
    return {"type": "Polygon", "coordinates": [[[WEST + a, NORTH - 300.0 + b] for a, b in ring]]}


def seen(pair: str = "20230904_20230916") -> Detections:
    rows: dict[str, Any] = {"class": ["CF", "RG"], "score": [0.9, 0.7], "area_m2": [22_500.0] * 2}
    about = {"model": "yolo-s-synth-v1", "version": 1, "training_data": "synthetic"}
    return Detections.of_outlines(
        [square(0.0), square(600.0)], rows, crs=CRS, pair=pair, orbit="A", about=about
    )


def causes() -> xr.Dataset:
    """A map of blind spots on cells of its own."""
    flags = {
        "flag_values": np.arange(5, dtype="u1"),
        "flag_meanings": "visible layover_or_shadow line_of_sight low_coherence too_small_or_slow",
    }
    layer = on_map(np.array([[0, 3], [3, 0]], "u1"), 120.0).assign_attrs(flags)
    return xr.Dataset({"blind_spot": layer})


@pytest.fixture
def review(tmp_path: Path) -> Path:
    return export_review(seen(), tmp_path / "review.gpkg", blind_spots=causes())


def test_the_places_of_an_inventory_are_shown(tmp_path: Path) -> None:
    visible = on_map(np.ones((8, 8), "u1"), 120.0)
    kept = Inventory.empty().updated(seen(), [Look("20230904_20230916", "A", visible)], when=WHEN)
    file = kept.write(tmp_path / "places.gpkg")
    assert set(layers_in(file)) == {"places", "sightings", "visible"}
    found = report.Found.read(file)
    assert {one["properties"]["times_seen"] for one in found.features["features"]} == {1}
    rows = rows_of(found, on_map(np.zeros((40, 60)))).inside
    assert [(row.label, row.status) for row in rows] == [("CF", "new"), ("RG", "new")]


def test_the_candidates_of_a_review_are_shown_with_their_status(review: Path, tmp_path: Path) -> None:
    assert set(layers_in(review)) == {"candidates", "blind_spots"}
    found = report.Found.read(review)
    assert found.model == "yolo-s-synth-v1, version 1"
    scene = on_map(np.random.default_rng(0).normal(size=(40, 60))).to_dataset(name="elevation")
    page = report.write_report(scene, tmp_path / "page.html", detections=[found]).read_text(encoding="utf-8")
    assert '<th scope="col">status</th>' in page
    assert page.count('<td data-value="new">new</td>') == 2
    assert "Classes: CF earthflow in clay shales; RG rock glacier." in page  # and no other


def test_the_labels_of_a_review_are_shown_and_what_was_left_out_is_not(review: Path, tmp_path: Path) -> None:
    first, second = read_polygons(review, layer="candidates")["features"]
    first["properties"] |= {"status": "accepted", "Sign_Qual": 1, "Class_Unc": 1}
    judged = Reviewed((first, second), CRS, ())
    file = judged.write_labels(tmp_path / "labels.gpkg")
    assert set(layers_in(file)) == {"labels", "left_out"}
    (row,) = rows_of(report.Found.read(file), on_map(np.zeros((40, 60)))).inside
    assert (row.label, row.status, row.score, row.pair) == ("CF", "accepted", 0.9, "20230904_20230916")


def test_of_one_layer_nothing_has_to_be_chosen(tmp_path: Path) -> None:
    features = [{"type": "Feature", "properties": {"class": "RG", "score": 0.5}, "geometry": square(0.0)}]
    found = report.Found.read(write_polygons(features, tmp_path / "mine.gpkg", crs=CRS, layer="whatever"))
    (row,) = rows_of(found, on_map(np.zeros((40, 60)))).inside
    assert (row.label, row.status) == ("RG", "")


def test_a_file_of_others_with_several_layers_is_refused_with_what_to_do(tmp_path: Path) -> None:
    sheet = Sheet([{"type": "Feature", "properties": {}, "geometry": square(0.0)}])
    file = write_sheets({"north": sheet, "south": sheet}, tmp_path / "mapped.gpkg", crs=CRS)
    with pytest.raises(
        InvalidArgument, match=r"mapped\.gpkg has 2 layers of polygons \(north, south\)"
    ) as told:
        report.Found.read(file)
    assert "save that one to a file of its own" in str(told.value)
    assert "layer=" not in str(told.value)


def test_without_a_status_the_table_has_no_column_for_it(tmp_path: Path) -> None:
    features = [{"type": "Feature", "properties": {"class": "mine", "score": 0.5}, "geometry": square(0.0)}]
    found = report.Found("a", {"type": "FeatureCollection", "features": features})
    scene = on_map(np.random.default_rng(0).normal(size=(40, 60))).to_dataset(name="elevation")
    page = report.write_report(scene, tmp_path / "page.html", detections=[found]).read_text(encoding="utf-8")
    assert ">status<" not in page
    assert "Classes:" not in page  # a code of nobody has no meaning to tell
