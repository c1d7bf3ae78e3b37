"""Detections as a table with outlines, written and read again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from insarfeat.errors import InvalidArgument, InvalidType, UnreadableInput
from insarfeat.georeference import Axis, Grid, parse_crs
from insarfeat.inventory import areas_of, read_polygons, write_polygons
from zoo.detections import COLUMNS, Detections, days_of

UTM = parse_crs("EPSG:32632").to_wkt()
NORTH_UP = Grid(Axis(5_000_000.0, -10.0, 100), Axis(600_000.0, 10.0, 200), UTM)
SOUTH_UP = Grid(Axis(4_999_010.0, 10.0, 100), Axis(600_000.0, 10.0, 200), UTM)
ABOUT = {
    "model": "yolo-s-synth-v1", "version": 1, "threshold": 0.3, "training_data": "synthetic",
    "statement": "Candidates.",
}  # fmt: skip
PAIR = "20230904_20230916"


def found(*scores: float, about: dict[str, Any] | None = None, **more: Any) -> Detections:
    """Boxes in a row, the first at the corner of the grid."""
    boxes = [[0, 20 * n, 10, 20 * n + 15] for n in range(len(scores))]
    columns = {
        "class": ["RG", "CF", "DG"][: len(scores)],
        "score": np.array(scores, "f4"),
        "area_m2": [15000.0] * len(scores),
        "coherence": [0.5] * len(scores),
    }
    options = {"grid": NORTH_UP, "pair": PAIR, "orbit": "A", **more}
    return Detections.of_boxes(boxes, columns, about=ABOUT if about is None else about, **options)


def test_a_pixel_box_lies_where_its_pixels_lie() -> None:
    box = Detections.of_boxes(
        [[1, 2, 4, 8]], {"class": ["RG"], "score": [1], "area_m2": [1800]}, grid=NORTH_UP
    )
    # Corners of pixels: half a pixel before the centres.
    assert box.table.loc[0, ["west", "south", "east", "north"]].tolist() == [
        600_015.0, 4_999_965.0, 600_075.0, 4_999_995.0,
    ]  # fmt: skip
    assert areas_of(box.feature_collection()).tolist() == [1800.0]


def test_rows_that_run_north_give_the_same_box() -> None:
    columns = {"class": ["RG"], "score": [1], "area_m2": [1800]}
    one = Detections.of_boxes([[1, 2, 4, 8]], columns, grid=NORTH_UP)
    other = Detections.of_boxes([[96, 2, 99, 8]], columns, grid=SOUTH_UP)
    assert one.outlines == other.outlines


def test_without_a_grid_boxes_are_in_pixels() -> None:
    box = Detections.of_boxes([[1, 2, 4, 8]], {"class": ["RG"], "score": [1], "area_m2": [18]})
    assert box.table.loc[0, ["west", "south", "east", "north"]].tolist() == [2.0, 1.0, 8.0, 4.0]
    assert box.crs is None


def test_a_pair_tells_its_days_and_other_columns_are_kept() -> None:
    table = found(0.9, 0.5).table
    assert tuple(table)[: len(COLUMNS)] == COLUMNS
    assert table.loc[1, ["pair", "orbit", "first", "last", "coherence"]].tolist() == [
        PAIR, "A", "2023-09-04", "2023-09-16", 0.5,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        (PAIR, "2023-09-04", "2023-09-16"),
        ("20230916_20230904", "2023-09-04", "2023-09-16"),
        ("S1_A088_20230904_20230916_VV", "2023-09-04", "2023-09-16"),
        ("20231304_20230916", "", ""),
        ("202309041_20230916", "", ""),
        ("", "", ""),
    ],
)
def test_days_are_those_that_the_name_tells(name: str, first: str, last: str) -> None:
    days = days_of(name)
    assert (days.first, days.last) == (first, last)


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson"])
def test_a_written_file_reads_back(tmp_path: Path, suffix: str) -> None:
    if suffix == ".gpkg":
        pytest.importorskip("pyogrio")
    before = found(0.9, 0.5)
    after = Detections.read(before.write(tmp_path / f"found{suffix}"))
    assert after.about == before.about
    assert parse_crs(str(after.crs)).to_epsg() == (32632 if suffix == ".gpkg" else None)
    bounds = ["west", "south", "east", "north"]
    told = [name for name in before.table if name not in bounds]
    pd.testing.assert_frame_equal(after.table[told], before.table[told])
    assert (after.table["model"] == "yolo-s-synth-v1").all()
    if suffix == ".gpkg":
        pd.testing.assert_frame_equal(after.table[bounds], before.table[bounds])
        assert after.outlines == before.outlines
    else:
        assert after.table[bounds].abs().max().max() < 90


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".csv"])
def test_every_row_of_a_file_says_which_model_and_which_data(tmp_path: Path, suffix: str) -> None:
    path = found(0.9, 0.5).write(tmp_path / f"found{suffix}")
    rows = (
        pd.read_csv(path).to_dict("records")
        if suffix == ".csv"
        else [feature["properties"] for feature in read_polygons(path)["features"]]
    )
    for row in rows:
        assert (row["model"], row["version"], row["training_data"]) == ("yolo-s-synth-v1", 1, "synthetic")


def test_geojson_has_no_metres_beside_its_degrees(tmp_path: Path) -> None:
    (feature,) = json.loads(found(0.9).write(tmp_path / "a.geojson").read_text())["features"]
    assert not {"west", "south", "east", "north"} & set(feature["properties"])


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson"])
def test_nothing_found_reads_back_as_nothing_found(tmp_path: Path, suffix: str) -> None:
    if suffix == ".gpkg":
        pytest.importorskip("pyogrio")
    after = Detections.read(found().write(tmp_path / f"none{suffix}"))
    assert len(after) == 0
    assert set(COLUMNS) <= set(after.table)
    assert after.about == {**ABOUT, "pairs": [[PAIR, "A"]]}
    assert list(pd.read_csv(found().write(tmp_path / "none.csv")))[:3] == ["class", "score", "area_m2"]


def test_pairs_without_a_detection_are_remembered_when_several_are_joined() -> None:
    joined = Detections.joined([found(0.9), found(pair="20230916_20230928", orbit="D")])
    assert len(joined) == 1
    assert joined.about["pairs"] == [[PAIR, "A"], ["20230916_20230928", "D"]]
    assert joined.about["threshold"] == 0.3


def test_joined_detections_keep_rows_and_outlines_together() -> None:
    one, other = found(0.9, 0.8), found(0.7, pair="20230916_20230928")
    joined = Detections.joined([one, found(), other])
    assert joined.table["score"].tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert joined.outlines == (*one.outlines, *other.outlines)
    assert joined.table["pair"].tolist() == [PAIR, PAIR, "20230916_20230928"]


def test_each_row_says_its_model_where_models_differ(tmp_path: Path) -> None:
    other = found(0.7, about={**ABOUT, "model": "segformer-b0-synth-v1", "threshold": 0.5})
    joined = Detections.joined([found(0.9), other])
    assert joined.table["model"].tolist() == ["yolo-s-synth-v1", "segformer-b0-synth-v1"]
    assert joined.about["model"] == "yolo-s-synth-v1, segformer-b0-synth-v1"
    assert joined.about["training_data"] == "synthetic"
    read = read_polygons(joined.write(tmp_path / "both.geojson"))
    assert [one["properties"]["model"] for one in read["features"]] == joined.table["model"].tolist()


def test_detections_in_different_crss_are_not_joined() -> None:
    elsewhere = Grid(NORTH_UP.y, NORTH_UP.x, parse_crs("EPSG:32633").to_wkt())
    with pytest.raises(InvalidArgument, match=r"zone 32N and .* zone 33N"):
        Detections.joined([found(0.9), found(0.9, grid=elsewhere)])
    with pytest.raises(InvalidArgument, match="parts is empty"):
        Detections.joined([])
    with pytest.raises(InvalidType, match="parts holds a int"):
        Detections.joined([3])  # type: ignore[list-item]


def test_above_keeps_the_best_and_says_so() -> None:
    best = found(0.9, 0.2, 0.5).above(0.5)
    assert best.table["class"].tolist() == ["RG", "DG"]
    assert [one["coordinates"][0][0][0] for one in best.outlines] == best.table["west"].tolist()
    assert best.about["threshold"] == 0.5
    assert found(0.9).above(0.1).about["threshold"] == 0.3  # below it nothing was ever kept
    with pytest.raises(InvalidArgument, match="between 0 and 1"):
        best.above(50)


def test_a_mask_must_fit_the_rows() -> None:
    assert found(0.9, 0.2).only([False, True]).table["class"].tolist() == ["CF"]
    with pytest.raises(InvalidArgument, match="2 truth value"):
        found(0.9, 0.2).only([1, 0])


def test_the_short_text_tells_classes_scores_and_model() -> None:
    text = repr(found(0.9, 0.25))
    assert text == (
        "Detections(2: CF 1, RG 1; scores 0.25 to 0.90; 1 pair(s); by yolo-s-synth-v1, trained on synthetic data)"
    )
    assert repr(found(about={})) == "Detections(0)"


@pytest.mark.parametrize(
    ("boxes", "columns", "options", "message"),
    [
        ([[0, 0, 1]], {}, {}, r"rows of \(row0, col0, row1, col1\)"),
        ([[1, 0, 1, 5]], {}, {}, "row0 < row1"),
        ([[0, 0, np.nan, 5]], {}, {}, "finite"),
        ([[0, 0, 1, 1]], {"class": ["RG"]}, {}, "lacks score, area_m2"),
        ([[0, 0, 1, 1]], {"class": ["RG"], "score": [1, 2], "area_m2": [1]}, {}, "score has 2 value"),
        ([[0, 0, 1, 1]], {"class": ["RG"], "score": [1], "area_m2": [1]}, {"orbit": "up"}, "orbit is 'up'"),
    ],
)
def test_what_is_no_detection_is_refused(boxes: Any, columns: Any, options: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        Detections.of_boxes(boxes, columns, **options)


def test_tables_and_outlines_of_their_own_are_checked() -> None:
    with pytest.raises(InvalidArgument, match=r"2 row\(s\) and there are 1 outline"):
        Detections(found(0.9, 0.8).table, found(0.9).outlines)
    with pytest.raises(InvalidArgument, match="no column area_m2"):
        Detections(found(0.9).table.drop(columns="area_m2"), found(0.9).outlines)
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    with pytest.raises(InvalidArgument, match="type 'LineString'"):
        Detections.of_outlines([line], {"class": ["RG"], "score": [1], "area_m2": [1]})


def test_other_polygons_are_not_taken_for_detections(tmp_path: Path) -> None:
    path = write_polygons(found(0.9).outlines[0], tmp_path / "mapped.geojson", crs=UTM)
    with pytest.raises(UnreadableInput, match="no column class, score, area_m2"):
        Detections.read(path)
    with pytest.raises(InvalidArgument, match="CSV is for spreadsheets"):
        Detections.read(found(0.9).write(tmp_path / "a.csv"))


def test_nothing_heavy_is_loaded_for_detections() -> None:
    code = (
        "import sys, zoo.detections, zoo.fusion; assert not {'torch', 'rasterio', 'dask'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
