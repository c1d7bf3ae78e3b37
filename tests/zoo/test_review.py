from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("pyogrio")

from as_in_qgis import edit

from insarfeat.errors import InvalidArgument, OutputExists, UnreadableInput
from insarfeat.georeference import parse_crs
from insarfeat.inventory import read_polygons
from insarfeat.inventory.geopackage import layers_in, read_notes
from zoo.detections import Detections
from zoo.review import export_review, import_review

CRS = "EPSG:32632"
WHEN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def found(count: int = 4) -> Detections:
    rows: dict[str, Any] = {
        "class": ["CF", "CS", "RG", "landslide"][:count],
        "score": [0.9, 0.7, 0.5, 0.3][:count],
        "area_m2": [45_000.0] * count,
    }
    outlines = [
        {"type": "Polygon", "coordinates": [[[x, 0.0], [x + 300.0, 0.0], [x + 300.0, 150.0], [x, 0.0]]]}
        for x in 1000.0 * np.arange(count)
    ]
    about = {"model": "yolo-s-synth-v1", "version": 1, "training_data": "synthetic"}
    return Detections.of_outlines(outlines, rows, crs=CRS, pair="20230904_20230916", orbit="A", about=about)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return export_review(found(), tmp_path / "candidates.gpkg")


def test_candidates_have_the_attributes_of_mirage_and_say_their_model(exported: Path) -> None:
    first = read_polygons(exported)["features"][0]["properties"]
    told = {name: first[name] for name in ("Id", "Class", "IFG", "Bt", "Traj", "status", "score")}
    assert told == {
        "Id": 1, "Class": "CF", "IFG": "20230904_20230916", "Bt": 12, "Traj": "A", "status": "new", "score": 0.9,
    }  # fmt: skip
    assert first["Sign_Qual"] is None  # the expert's to say
    assert (first["model"], first["training_data"]) == ("yolo-s-synth-v1", "synthetic")


def test_weak_candidates_stay_at_home(tmp_path: Path) -> None:
    export_review(found(), tmp_path / "strong.gpkg", least_score=0.6)
    assert len(read_polygons(tmp_path / "strong.gpkg")["features"]) == 2


def test_qgis_finds_a_style_with_a_colour_for_each_status_and_lists_to_choose_from(exported: Path) -> None:
    with closing(sqlite3.connect(exported)) as database:
        rows = database.execute("SELECT f_table_name, useAsDefault, styleQML FROM layer_styles").fetchall()
    ((layer, default, qml),) = rows
    assert (layer, default) == ("candidates", 1)
    root = ElementTree.fromstring(qml.partition("\n")[2])
    renderer = root.find("renderer-v2")
    assert renderer is not None
    assert renderer.get("attr") == "status"
    assert {one.get("value") for one in root.iter("category")} == {"new", "accepted", "rejected", "unsure"}
    chosen = {one.get("name"): one for one in root.iter("field")}
    assert set(chosen) == {"Class", "Sign_Qual", "Class_Unc", "status"}
    assert {one.get("value") for one in chosen["status"].iter("Option") if one.get("value")} == {
        "new", "accepted", "rejected", "unsure",
    }  # fmt: skip


def test_lists_in_the_form_say_what_codes_mean(exported: Path) -> None:
    with closing(sqlite3.connect(exported)) as database:
        ((qml,),) = database.execute("SELECT styleQML FROM layer_styles").fetchall()
    fields = {one.get("name"): one for one in ElementTree.fromstring(qml.partition("\n")[2]).iter("field")}
    shown = {
        name: {one.get("value"): one.get("name") for one in field.iter("Option") if one.get("value")}
        for name, field in fields.items()
    }
    assert shown["Class"]["CF"] == "CF earthflow in clay shales"
    assert shown["Class"]["AR"] == "AR artefact, no landslide"
    assert shown["Sign_Qual"] == {"1": "1 good", "2": "2 poor"}
    assert shown["Class_Unc"] == {"1": "1 low", "2": "2 high"}


def test_a_class_that_is_none_is_told_with_the_meanings_of_all(exported: Path) -> None:
    edit(exported, "UPDATE candidates SET Class = 'XX' WHERE Id < 3")
    with pytest.raises(InvalidArgument) as refused:
        import_review(exported, reviewer="MR")
    assert str(refused.value).count("RG rock glacier; ") == 1


def test_gdal_reads_the_file_without_complaint(exported: Path) -> None:
    import subprocess
    from shutil import which

    if which("ogrinfo") is None:
        pytest.skip("ogrinfo (gdal-bin) is not installed")
    told = subprocess.run(
        ["ogrinfo", "-ro", "-so", "-al", exported], capture_output=True, text=True, check=True
    )
    assert "Layer name: candidates" in told.stdout
    assert "ERROR" not in told.stderr + told.stdout
    assert "Warning" not in told.stderr


def test_nothing_changed_is_nothing_changed(exported: Path) -> None:
    judged = import_review(exported, reviewer="MR")
    assert judged.changes == ()
    assert len(judged.features) == 4
    assert judged.labels() == []


def test_who_changed_what_and_when_is_kept(exported: Path) -> None:
    edit(
        exported,
        "UPDATE candidates SET status = 'accepted', Sign_Qual = 1, Class_Unc = 2, Class = 'CS' WHERE Id = 1",
        "UPDATE candidates SET status = 'rejected', remark = 'ploughed' WHERE Id = 2",
        "DELETE FROM candidates WHERE Id = 4",
    )
    judged = import_review(exported, reviewer="MR", when=WHEN)
    told = {(change.what, change.before, change.after) for change in judged.changes}
    assert told == {
        ("status", "new", "accepted"), ("Sign_Qual", "", "1"), ("Class_Unc", "", "2"), ("Class", "CF", "CS"),
        ("status", "new", "rejected"), ("remark", "", "ploughed"), ("removed", "landslide", ""),
    }  # fmt: skip
    assert {change.who for change in judged.changes} == {"MR"}
    assert {change.when for change in judged.changes} == {"2026-11-22T12:00:00Z"}


def test_an_outline_that_was_moved_is_noticed(exported: Path) -> None:
    other = export_review(
        Detections(
            found().table, (found().outlines[1], *found().outlines[1:]), CRS, found().about
        ),
        exported.with_name("other.gpkg"),
    )  # fmt: skip
    with closing(sqlite3.connect(other)) as database:
        shape = database.execute("SELECT geom FROM candidates WHERE Id = 1").fetchone()[0]
    edit(exported, "UPDATE candidates SET geom = ? WHERE Id = 1", values=(shape,))
    assert [change.what for change in import_review(exported, reviewer="MR").changes] == ["outline"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("status = 'perhaps'", "status is 'perhaps'; it must be one of new, accepted, rejected, unsure"),
        ("Class = 'XX'", "Class is 'XX'; it must be one of CF"),
        ("status = 'accepted', Class_Unc = 1", "Sign_Qual is empty; an accepted candidate needs it"),
        ("Sign_Qual = 3", r"Sign_Qual is 3; it must be 1 or 2 \(1 good, 2 poor\)"),
        ("Traj = 'N'", "Traj is 'N'; it must be A, D or AD"),
        ("Bt = 6", "Bt is 6, and 20230904_20230916 spans 12 days"),
        (
            "status = 'accepted', Sign_Qual = 1, Class_Unc = 1, Class = 'AR'",
            r"an artefact \(AR\) is accepted",
        ),
        ("uid = (SELECT uid FROM candidates WHERE Id = 3)", "Ids 1, 3 share the uid"),
    ],
)
def test_rows_that_make_no_sense_are_told_and_nothing_is_taken(
    exported: Path, change: str, said: str
) -> None:
    edit(exported, f"UPDATE candidates SET {change} WHERE Id = 1")
    with pytest.raises(InvalidArgument, match=said) as refused:
        import_review(exported, reviewer="MR")
    assert "1 fault(s); nothing was imported" in str(refused.value)


def test_all_faults_are_told_at_once(exported: Path) -> None:
    edit(exported, "UPDATE candidates SET Class = 'XX', Traj = 'N'")
    with pytest.raises(InvalidArgument, match=r"8 fault\(s\)"):
        import_review(exported, reviewer="MR")


def test_labels_are_what_was_accepted_and_artefacts_what_was_rejected(exported: Path) -> None:
    edit(
        exported,
        "UPDATE candidates SET status = 'accepted', Sign_Qual = 1, Class_Unc = 1 WHERE Id = 1",
        "UPDATE candidates SET status = 'rejected' WHERE Id = 2",
        "UPDATE candidates SET status = 'unsure' WHERE Id = 3",
    )
    judged = import_review(exported, reviewer="MR", when=WHEN)
    path = judged.write_labels(exported.with_name("labels.gpkg"))
    labels = read_polygons(path, layer="labels")["features"]
    assert [one["properties"]["Class"] for one in labels] == ["CF", "AR"]
    aside = read_polygons(path, layer="left_out")["features"]
    assert {one["properties"]["status"] for one in aside} == {"unsure", "new"}
    notes = read_notes(path, "changes")
    assert notes is not None
    assert len(notes.rows) == len(judged.changes) == 5


def test_a_second_import_renews_its_candidates_and_keeps_the_history(exported: Path) -> None:
    edit(exported, "UPDATE candidates SET status = 'rejected' WHERE Id <= 2")
    labels = exported.with_name("labels.gpkg")
    first = import_review(exported, reviewer="MR")
    first.write_labels(labels)
    with pytest.raises(OutputExists, match="renew the labels"):
        first.write_labels(labels)
    edit(exported, "UPDATE candidates SET status = 'accepted', Sign_Qual = 2, Class_Unc = 1 WHERE Id = 2")
    second = import_review(exported, reviewer="AB")
    second.write_labels(labels, overwrite=True)
    assert [one["properties"]["Class"] for one in read_polygons(labels, layer="labels")["features"]] == [
        "AR",
        "CS",
    ]
    notes = read_notes(labels, "changes")
    assert notes is not None
    assert [row[4] for row in notes.rows] == ["MR"] * len(first.changes) + ["AB"] * len(second.changes)


def test_labels_of_nothing_are_not_written(exported: Path) -> None:
    with pytest.raises(InvalidArgument, match="nothing to learn from yet"):
        import_review(exported, reviewer="MR").write_labels(exported.with_name("labels.gpkg"))


def test_files_that_are_no_review_are_refused(tmp_path: Path, exported: Path) -> None:
    found().write(tmp_path / "plain.gpkg")
    with pytest.raises(UnreadableInput, match="it must come from 'insarfeat review export'"):
        import_review(tmp_path / "plain.gpkg", reviewer="MR")
    edit(exported, "DROP TABLE exported")
    with pytest.raises(UnreadableInput, match="was the layer saved into another file"):
        import_review(exported, reviewer="MR")
    with pytest.raises(InvalidArgument, match="reviewer is empty"):
        import_review(exported, reviewer=" ")


def test_blind_spots_come_as_polygons_by_cause(tmp_path: Path) -> None:
    causes = np.zeros((6, 8), np.uint8)
    causes[1:4, 1:4], causes[5, 7], causes[0, :] = 2, 1, 255
    grid = {"y": 600.0 - 120.0 * np.arange(6), "x": 120.0 * np.arange(8)}
    mapped = xr.DataArray(causes, grid, ("y", "x"))
    mapped = mapped.assign_coords(spatial_ref=((), 0, {"crs_wkt": parse_crs(CRS).to_wkt()}))
    mapped.encoding["grid_mapping"] = "spatial_ref"
    path = export_review(found(), tmp_path / "c.gpkg", blind_spots=xr.Dataset({"blind_spot": mapped}))
    assert layers_in(path) == ("blind_spots", "candidates")
    (one,) = read_polygons(path, layer="blind_spots")["features"]  # single cells are noise
    assert one["properties"]["cause"] == "line_of_sight"
    assert one["properties"]["km2"] == pytest.approx(9 * 0.12**2, rel=0.01)
