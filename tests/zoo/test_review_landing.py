"""Where the review of detections lands in an inventory that was made of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyogrio")

from as_in_qgis import edit

from insarfeat.errors import MissingInput, OutputExists
from zoo.detections import Detections
from zoo.review import Inventory, export_review, import_review, open_inventory
from zoo.review.coming_back import Change, Reviewed
from zoo.review.maps import brought, turned

CRS = "EPSG:32632"
PAIRS = ("20230904_20230916", "20230916_20230928")
ACCEPTED = "status = 'accepted', Sign_Qual = 1, Class_Unc = 1"


def square(x: float, y: float, side: float = 300.0) -> dict[str, Any]:
    corners = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    return {"type": "Polygon", "coordinates": [corners]}


def seen(pair: str, *places: float) -> Detections:
    rows: dict[str, Any] = {
        "class": ["CF"] * len(places),
        "score": [0.6] * len(places),
        "area_m2": [90_000.0] * len(places),
    }
    about = {"model": "yolo-s-synth-v1", "version": 1, "training_data": "synthetic"}
    outlines = [square(500_000.0 + x, 4_900_000.0) for x in places]
    return Detections.of_outlines(outlines, rows, crs=CRS, pair=pair, orbit="A", about=about)


@pytest.fixture
def candidates() -> list[Detections]:
    """Three places: one that both pairs saw, 20 m apart, and one of each pair."""
    return [seen(PAIRS[0], 0.0, 5000.0), seen(PAIRS[1], 20.0, 9000.0)]


@pytest.fixture
def kept(candidates: list[Detections], tmp_path: Path) -> Path:
    return Inventory.empty().updated(candidates).write(tmp_path / "places.gpkg")


@pytest.fixture
def review(candidates: list[Detections], tmp_path: Path) -> Path:
    return export_review(candidates, tmp_path / "review.gpkg")


def taken(kept: Path, review: Path, reviewer: str = "MR") -> Inventory:
    """The inventory after a review, as it is read again."""
    open_inventory(kept).judged(import_review(review, reviewer=reviewer)).write(kept, overwrite=True)
    return open_inventory(kept)


def drawn(geometry: Mapping[str, Any], crs: str) -> Reviewed:
    """A review in which an expert has drawn one outline, and accepts it."""
    told = {"uid": "drawn-1", "Class": "CS", "status": "accepted", "Sign_Qual": 1, "Class_Unc": 1}
    told |= dict.fromkeys(("remark", "IFG", "Traj"))
    change = Change("drawn-1", "added", "", "CS", "MR", "2026-11-22T12:00:00Z")
    return Reviewed(({"type": "Feature", "properties": told, "geometry": geometry},), crs, (change,))


def uids(kept: Inventory) -> set[str]:
    return set(kept.places.table["uid"])


def test_decisions_on_detections_land_on_the_places_that_are_there(kept: Path, review: Path) -> None:
    before = open_inventory(kept)
    edit(review, f"UPDATE candidates SET {ACCEPTED}")
    after = taken(kept, review)
    assert len(after) == 3
    assert uids(after) == uids(before)
    assert after.places.table["status"].tolist() == ["accepted"] * 3
    assert after.places.table["times_seen"].tolist() == before.places.table["times_seen"].tolist()


def test_what_was_decided_by_detections_outlasts_the_next_pairs(kept: Path, review: Path) -> None:
    edit(review, f"UPDATE candidates SET {ACCEPTED}")
    after = taken(kept, review)
    later = after.updated(seen("20230928_20231010", 10.0, 5010.0, 9010.0))
    assert uids(later) == uids(after)
    assert set(later.places.table["status"]) == {"accepted"}
    assert sorted(later.places.table["times_seen"]) == [2, 2, 3]


def test_history_names_places_and_tells_each_change_once(kept: Path, review: Path) -> None:
    before = open_inventory(kept)
    edit(review, f"UPDATE candidates SET {ACCEPTED}")
    news = taken(kept, review).history[len(before.history) :]
    assert {change.uid for change in news} == uids(before)
    assert len(news) == 3 * 3  # status, signal and uncertainty of each place, not of each candidate


@pytest.mark.parametrize("what", ["detections", "places"])
def test_the_same_review_once_more_changes_nothing(
    kept: Path, candidates: list[Detections], tmp_path: Path, what: str
) -> None:
    out = open_inventory(kept).places if what == "places" else candidates
    review = export_review(out, tmp_path / "of.gpkg")
    shape = "(SELECT geom FROM candidates WHERE Id = 1)"
    edit(
        review,
        f"UPDATE candidates SET {ACCEPTED}, remark = 'steep' WHERE Id = 2",
        "UPDATE candidates SET status = 'rejected' WHERE Id = 1",
        "DELETE FROM candidates WHERE Id = 3",
        f"INSERT INTO candidates (geom, Class, Sign_Qual, Class_Unc) VALUES ({shape}, 'CS', 1, 2)",
    )
    first, second = taken(kept, review), taken(kept, review)
    assert any(change.what == "added" for change in first.history)
    assert second.history == first.history
    assert second.places.table["version"].tolist() == first.places.table["version"].tolist()
    assert len(second) == len(first) == 4


def test_a_change_of_mind_is_taken(kept: Path, review: Path) -> None:
    edit(review, f"UPDATE candidates SET {ACCEPTED}")
    first = taken(kept, review)
    edit(review, "UPDATE candidates SET status = 'rejected'")
    second = taken(kept, review, "AB")
    assert set(second.places.table["status"]) == {"rejected"}
    news = second.history[len(first.history) :]
    assert {(change.before, change.after, change.who) for change in news} == {("accepted", "rejected", "AB")}


def test_a_remark_alone_does_not_undo_a_decision(kept: Path, review: Path, tmp_path: Path) -> None:
    places = export_review(open_inventory(kept).places, tmp_path / "of-places.gpkg")
    edit(places, f"UPDATE candidates SET {ACCEPTED}")
    taken(kept, places)
    edit(review, "UPDATE candidates SET remark = 'by the road'")
    after = taken(kept, review).places.table
    assert set(after["status"]) == {"accepted"}
    assert set(after["remark"]) == {"by the road"}


def test_an_outline_drawn_upon_a_place_becomes_its_outline(kept: Path, review: Path) -> None:
    before = open_inventory(kept)
    moved = square(505_050.0, 4_900_000.0)
    after = before.judged(drawn(moved, CRS))
    assert uids(after) == uids(before)
    row = after.places.table["status"].tolist().index("accepted")
    assert after.places.outlines[row] == moved
    assert after.places.table.loc[row, ["class", "outline_by"]].tolist() == ["CS", "MR"]


def test_a_better_outline_beside_a_rejected_one_is_a_place_of_its_own(kept: Path, review: Path) -> None:
    edit(
        review,
        "UPDATE candidates SET status = 'rejected' WHERE Id = 2",
        "INSERT INTO candidates (geom, Class, Sign_Qual, Class_Unc) "
        "VALUES ((SELECT geom FROM candidates WHERE Id = 2), 'CS', 1, 1)",
    )
    after = taken(kept, review)
    assert sorted(after.places.table["status"]) == ["accepted", "new", "new", "rejected"]


def test_candidates_of_one_place_that_were_judged_differently_are_told(
    kept: Path, review: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edit(
        review,
        f"UPDATE candidates SET {ACCEPTED} WHERE Id = 1",
        "UPDATE candidates SET status = 'rejected' WHERE Id = 3",
    )
    after = taken(kept, review)
    assert len(after) == 3
    assert "1 place(s) have candidates that were judged differently" in caplog.text


def test_a_review_on_another_map_lands_there_too(
    kept: Path, candidates: list[Detections], tmp_path: Path
) -> None:
    review = export_review([brought(part, "EPSG:4326") for part in candidates], tmp_path / "degrees.gpkg")
    edit(review, f"UPDATE candidates SET {ACCEPTED}")
    after = taken(kept, review)
    assert len(after) == 3
    assert set(after.places.table["status"]) == {"accepted"}


def test_what_an_expert_drew_comes_on_the_map_of_the_inventory(kept: Path) -> None:
    before = open_inventory(kept)
    (degrees,) = turned([square(520_000.0, 4_900_000.0)], CRS, "EPSG:4326")
    table = before.judged(drawn(degrees, "EPSG:4326")).places.table.set_index("uid")
    assert table.loc["drawn-1", "west"] == pytest.approx(520_000.0, abs=0.01)
    assert table.loc["drawn-1", "area_m2"] == pytest.approx(90_000.0, rel=0.01)


def test_labels_tell_each_change_once(review: Path, tmp_path: Path) -> None:
    from insarfeat.inventory.geopackage import read_notes

    edit(review, "UPDATE candidates SET status = 'rejected'")
    for _ in range(2):
        judged = import_review(review, reviewer="MR")
        judged.write_labels(tmp_path / "labels.gpkg", overwrite=True)
    notes = read_notes(tmp_path / "labels.gpkg", "changes")
    assert notes is not None
    assert len(notes.rows) == len(judged.changes) == 4


def test_a_missing_inventory_names_the_verb_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="'insarfeat inventory update"):
        open_inventory(tmp_path / "places.gpkg")


def test_an_edited_review_is_not_lost_to_another_export(review: Path, candidates: list[Detections]) -> None:
    with pytest.raises(OutputExists, match=r"import those first, then pass overwrite=True \(--overwrite\)"):
        export_review(candidates, review)
