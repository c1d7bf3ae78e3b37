from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("pyogrio")

from as_in_qgis import edit

from insarfeat.errors import InvalidArgument, MissingInput, OutputExists, UnreadableInput
from insarfeat.geometry import SENTINEL1_WAVELENGTH
from insarfeat.georeference import parse_crs
from zoo.detections import Detections
from zoo.review import Inventory, Look, export_review, import_review, open_inventory
from zoo.review.coming_back import Change, Reviewed
from zoo.review.speeds import speeds_of

CRS = "EPSG:32632"
PAIRS = ("20230904_20230916", "20230916_20230928", "20230928_20231010")
WHEN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def square(x: float, y: float, side: float = 300.0) -> dict[str, Any]:
    corners = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    return {"type": "Polygon", "coordinates": [corners]}


def seen(pair: str, places: Sequence[tuple[float, float]], classes: str = "CF", crs: str = CRS) -> Detections:
    rows: dict[str, Any] = {
        "class": [classes] * len(places),
        "score": [0.6] * len(places),
        "area_m2": [90_000.0] * len(places),
    }
    about = {"model": "yolo-s-synth-v1", "version": 1, "training_data": "synthetic"}
    return Detections.of_outlines(
        [square(*place) for place in places], rows, crs=crs, pair=pair, orbit="A", about=about
    )


def raster(values: Any, pixel: float = 60.0) -> xr.DataArray:
    rows, cols = values.shape
    coords = {
        "y": pixel * (rows - 0.5 - np.arange(rows)),
        "x": pixel * (0.5 + np.arange(cols)),
        "spatial_ref": ((), 0, {"crs_wkt": parse_crs(CRS).to_wkt()}),
    }
    made = xr.DataArray(values, coords, ("y", "x"))
    made.encoding["grid_mapping"] = "spatial_ref"
    return made


def decide(kept: Inventory, uid: str, **said: Any) -> Inventory:
    """An expert's word on one place, as a review brings it."""
    features = []
    for row, outline in zip(kept.places.table.to_dict("records"), kept.places.outlines, strict=True):
        told = {
            "uid": row["uid"], "Class": row["class"], "status": row["status"], "Sign_Qual": row["Sign_Qual"],
            "Class_Unc": row["Class_Unc"], "remark": row["remark"], "IFG": row["pair"], "Traj": row["orbit"],
        }  # fmt: skip
        if row["uid"] == uid:
            told |= said
        features.append({"type": "Feature", "properties": told, "geometry": dict(outline)})
    changes = tuple(
        Change(uid, name, "", str(value), "MR", "2026-11-22T12:00:00Z") for name, value in said.items()
    )
    return kept.judged(Reviewed(tuple(features), CRS, changes))


def test_a_place_is_what_several_pairs_saw() -> None:
    parts = [seen(PAIRS[0], [(0, 0), (5000, 0)]), seen(PAIRS[1], [(20, 20)]), seen(PAIRS[2], [(10, -20)])]
    kept = Inventory.empty().updated(parts, when=WHEN)
    table = kept.places.table
    assert table["times_seen"].tolist() == [3, 1]
    assert table["chances"].tolist() == [3, 3]
    assert table["confirmed"].tolist() == [True, False]
    assert table.loc[0, ["first_seen", "last_seen", "status", "version"]].tolist() == [
        "2023-09-04", "2023-10-10", "new", 1,
    ]  # fmt: skip
    assert {change.what for change in kept.history} == {"found"}


def test_later_pairs_join_and_places_keep_their_names() -> None:
    first = Inventory.empty().updated(seen(PAIRS[0], [(0, 0), (5000, 0)]), when=WHEN)
    both = first.updated(seen(PAIRS[1], [(5010, 10), (9000, 0)]), when=WHEN)
    names = {tuple(row) for row in both.places.table[["uid", "times_seen"]].to_numpy().tolist()}
    old = dict(zip(first.places.table["west"], first.places.table["uid"], strict=True))
    assert (old[0.0], 1) in names
    assert (old[5000.0], 2) in names
    assert len(names) == 3
    assert [change.what for change in both.history[2:]].count("found") == 1
    assert both.places.table.set_index("uid").loc[old[5000.0], "version"] == 2


def test_a_pair_that_comes_again_replaces_what_it_said() -> None:
    first = Inventory.empty().updated(seen(PAIRS[0], [(0, 0), (5000, 0)]), when=WHEN)
    again = first.updated(seen(PAIRS[0], [(0, 0)]), when=WHEN)
    assert len(again) == 1
    assert len(again.sightings) == 1
    assert again.places.table.loc[0, "times_seen"] == 1
    assert again.history[-1].what == "gone"


def test_pairs_in_which_nothing_was_found_count_as_chances() -> None:
    kept = Inventory.empty().updated([seen(PAIRS[0], [(0, 0)]), seen(PAIRS[1], [])], when=WHEN)
    assert kept.places.table.loc[0, ["times_seen", "chances"]].tolist() == [1, 2]


def test_a_pair_that_could_not_have_seen_a_place_is_no_chance() -> None:
    east = np.zeros((10, 100), np.uint8)
    east[:, 50:] = 1  # x from 3000 on
    looks = [Look(PAIRS[0], "A"), Look(PAIRS[1], "A", raster(east)), Look(PAIRS[2], "A", raster(0 * east))]
    kept = Inventory.empty().updated(seen(PAIRS[0], [(0, 0), (5000, 0)]), looks, when=WHEN)
    table = kept.places.table.sort_values("west")
    assert table["chances"].tolist() == [1, 2]


def test_no_decision_is_lost_to_new_pairs() -> None:
    first = Inventory.empty().updated(seen(PAIRS[0], [(0, 0), (5000, 0)]), when=WHEN)
    uid = first.places.table.set_index("west").loc[0.0, "uid"]
    decided = decide(
        first, uid, status="accepted", Class="RG", Sign_Qual=1, Class_Unc=2, remark="seen in the field"
    )
    later = decided.updated(seen(PAIRS[1], [(30, 30), (5000, 0)], "CS"), when=WHEN)
    row = later.places.table.set_index("uid").loc[uid]
    assert row[["class", "status", "Sign_Qual", "remark", "reviewer"]].tolist() == [
        "RG", "accepted", 1, "seen in the field", "MR",
    ]  # fmt: skip
    assert row["times_seen"] == 2
    assert {"CF", "CS"} == {vote.split()[0] for vote in row["class_votes"].split(", ")}
    other = later.places.table[later.places.table["uid"] != uid].iloc[0]
    assert other["status"] == "new"


def test_a_place_that_was_decided_stays_when_nothing_sees_it_any_more() -> None:
    first = Inventory.empty().updated(seen(PAIRS[0], [(0, 0)]), when=WHEN)
    uid = first.places.table.loc[0, "uid"]
    later = decide(first, uid, status="rejected").updated(seen(PAIRS[0], [(5000, 0)]), when=WHEN)
    assert later.places.table.set_index("uid").loc[uid, "status"] == "rejected"
    assert len(later) == 2


def test_an_outline_that_an_expert_drew_is_kept() -> None:
    first = Inventory.empty().updated(seen(PAIRS[0], [(0, 0)]), when=WHEN)
    row, mine = first.places.table.loc[0], square(50, 50, 220.0)
    told = {
        "uid": row["uid"], "Class": "CF", "status": "accepted", "Sign_Qual": 1, "Class_Unc": 1, "remark": None,
        "IFG": PAIRS[0], "Traj": "A",
    }  # fmt: skip
    drawn = {**told, "uid": "drawn-1"}
    features = tuple(
        {"type": "Feature", "properties": each, "geometry": outline}
        for each, outline in ((told, mine), (drawn, square(9000, 0)))
    )
    changes = tuple(
        Change(each["uid"], "outline", "", "", "MR", "2026-11-22T12:00:00Z") for each in (told, drawn)
    )
    kept = first.judged(Reviewed(features, CRS, changes)).updated(seen(PAIRS[1], [(10, 10)]), when=WHEN)
    by_name = dict(zip(kept.places.table["uid"], kept.places.outlines, strict=True))
    assert by_name[row["uid"]]["coordinates"] == mine["coordinates"]
    assert "drawn-1" in by_name
    assert kept.places.table.set_index("uid").loc["drawn-1", "area_m2"] == pytest.approx(90_000.0, rel=0.01)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    look = Look(PAIRS[1], "A", raster(np.ones((10, 100), np.uint8)))
    first = Inventory.empty().updated(seen(PAIRS[0], [(0, 0), (5000, 0)]), [look], when=WHEN)
    uid = first.places.table.loc[0, "uid"]
    kept = decide(first, uid, status="accepted", Sign_Qual=1, Class_Unc=1)
    path = kept.write(tmp_path / "places.gpkg")
    again = open_inventory(path)
    assert str(again) == str(kept)
    assert again.history == kept.history
    assert again.places.table["status"].tolist() == kept.places.table["status"].tolist()
    assert sorted(again.visible) == [PAIRS[1]]
    more = [one.updated(seen(PAIRS[2], [(10, 0)]), when=WHEN) for one in (kept, again)]
    for column in ("uid", "times_seen", "chances", "status", "version"):
        assert more[0].places.table[column].tolist() == more[1].places.table[column].tolist()
    with pytest.raises(OutputExists, match="renew it"):
        kept.write(path)


def test_the_review_of_an_inventory_comes_back_into_it(tmp_path: Path) -> None:
    kept = Inventory.empty().updated([seen(PAIRS[0], [(0, 0)]), seen(PAIRS[1], [(10, 0)])], when=WHEN)
    path = export_review(kept.places, tmp_path / "review.gpkg")
    edit(path, "UPDATE candidates SET status = 'accepted', Sign_Qual = 1, Class_Unc = 1")
    judged = kept.judged(import_review(path, reviewer="MR"))
    assert judged.places.table["status"].tolist() == ["accepted"]
    assert judged.places.table["uid"].tolist() == kept.places.table["uid"].tolist()
    assert judged.history[-1].who == "MR"


def test_degrees_are_brought_to_the_map_of_the_inventory() -> None:
    first = Inventory.empty().updated(seen(PAIRS[0], [(500_000.0, 4_900_000.0)]), when=WHEN)
    from zoo.review.maps import brought

    turned = brought(seen(PAIRS[1], [(500_000.0, 4_900_000.0)]), "EPSG:4326")
    assert abs(turned.outlines[0]["coordinates"][0][0][0] - 9.0) < 0.01
    assert first.updated(turned, when=WHEN).places.table["times_seen"].tolist() == [2]


@pytest.mark.parametrize("source", ["displacement", "wrapped_phase"])
def test_speeds_are_those_of_the_motion_down_the_slope(source: str) -> None:
    """A block that moves 1 cm away from the satellite in 12 days on a slope that shows half of its motion."""
    still = 0.003 + np.zeros((40, 40))
    still[10:20, 10:20] -= 0.01
    values = (
        still if source == "displacement" else np.angle(np.exp(-4j * np.pi / SENTINEL1_WAVELENGTH * still))
    )
    layers = xr.Dataset({source: raster(values), "slope_to_los": raster(np.full((40, 40), 0.5))})
    layers.attrs["baseline_days"] = 12
    (speed,) = speeds_of(layers, [square(600.0, 1200.0, 600.0)])
    assert speed.low == pytest.approx(2.0 * 365.25 / 12, rel=1e-3)
    assert speed.high == pytest.approx(speed.low, rel=1e-3)
    assert speed.source == ("unwrapped" if source == "displacement" else "wrapped")


def test_speeds_are_unknown_across_the_line_of_sight_and_off_the_map() -> None:
    layers = xr.Dataset(
        {"displacement": raster(np.zeros((40, 40))), "slope_to_los": raster(np.full((40, 40), 0.1))}
    )
    layers.attrs["baseline_days"] = 12
    for outline in (square(600.0, 1200.0), square(1e6, 1e6)):
        (speed,) = speeds_of(layers, [outline])
        assert np.isnan(speed.low)
        assert speed.source == ""


def test_speeds_of_a_look_reach_the_place() -> None:
    moved = np.zeros((40, 40))
    moved[10:20, 10:20] = -0.01
    layers = xr.Dataset({"displacement": raster(moved), "slope_to_los": raster(np.full((40, 40), 1.0))})
    layers.attrs["baseline_days"] = 12
    found = seen(PAIRS[0], [(750.0, 1350.0)])
    kept = Inventory.empty().updated(found, [Look(PAIRS[0], "A", layers=layers)], when=WHEN)
    row = kept.places.table.loc[0]
    assert row["speed_high"] == pytest.approx(365.25 / 12, rel=1e-3)
    assert row["speed_from"] == "unwrapped"


def test_what_is_no_inventory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="does not exist"):
        open_inventory(tmp_path / "nothing.gpkg")
    seen(PAIRS[0], [(0, 0)]).write(tmp_path / "plain.gpkg")
    with pytest.raises(UnreadableInput, match="no inventory of insarfeat"):
        open_inventory(tmp_path / "plain.gpkg")
    with pytest.raises(InvalidArgument, match="no place yet"):
        Inventory.empty().write(tmp_path / "empty.gpkg")
    with pytest.raises(InvalidArgument, match="does not tell its two days"):
        Inventory.empty().updated(seen("frame 7", [(0, 0)]))
