"""An inventory as text, for terminals of 80 columns and for pipes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("pyogrio")

from zoo.detections import Detections
from zoo.review import Inventory
from zoo.review.coming_back import Change
from zoo.review.places import PROGRAM
from zoo.review.shown import history_shown, places_shown, short_names

PAIRS = ("20230904_20230916", "20230916_20230928")
WHEN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def kept() -> Inventory:
    """Forty places, of which the second pair saw the first three again."""
    parts = []
    for pair, count in zip(PAIRS, (40, 3), strict=True):
        rows: dict[str, Any] = {"class": ["CF"] * count, "score": [0.6] * count, "area_m2": [9e4] * count}
        boxes = [[0, 1000 * n, 300, 1000 * n + 300] for n in range(count)]
        parts.append(Detections.of_boxes(boxes, rows, pair=pair, orbit="A"))
    return Inventory.empty().updated(parts, when=WHEN)


def judged(kept: Inventory, number: int, **said: str) -> Inventory:
    """With an expert's word on one row."""
    table = kept.places.table.copy()
    uid = table.loc[number, "uid"]
    changes = []
    for name, value in said.items():
        table[name] = table[name].astype(object)
        table.loc[number, name] = value
        before = "new" if name == "status" else ""
        changes.append(Change(uid, name, before, value, "MR", "2026-11-23T08:30:00Z"))
    return replace(
        kept, places=replace(kept.places, table=table), history=(*kept.history, *changes)
    )  # fmt: skip


def test_names_are_short_and_tell_places_apart(kept: Inventory) -> None:
    names = [line.split()[0] for line in places_shown(kept).splitlines()[1:]]
    assert len(set(names)) == 40
    assert {len(name) for name in names} == {6}
    assert all(any(f"-{name}" in uid for uid in kept.places.table["uid"]) for name in names)


def test_names_grow_until_they_tell_all_apart() -> None:
    names = short_names(["place-aaaaaaaa1", "place-aaaaaaaa2", "drawn-bbbbbbbbb"])
    assert list(names.values()) == ["aaaaaaaa1", "aaaaaaaa2", "bbbbbbbbb"]


def test_dates_are_whole_and_columns_without_a_value_are_left_out(kept: Inventory) -> None:
    head, first, *_ = places_shown(kept).splitlines()
    assert head.split() == ["place", "class", "status", "seen", "first", "last", "km2"]
    assert first.split()[1:] == ["CF", "new", "2", "of", "2", "2023-09-04", "2023-09-28", "0.090"]


def test_a_full_row_fits_80_columns(kept: Inventory) -> None:
    table = kept.places.table.assign(
        speed_low=120.0, speed_high=130.0, status="rejected", reviewer="MR", times_seen=10, chances=12
    )
    text = places_shown(replace(kept, places=replace(kept.places, table=table)))
    assert max(map(len, text.splitlines())) <= 80
    assert "120-130" in text


def test_what_was_accepted_comes_first_and_what_was_rejected_last(kept: Inventory) -> None:
    rejected = judged(judged(kept, 0, status="rejected"), 39, status="accepted")
    lines = places_shown(rejected).splitlines()[1:]
    assert [lines[n].split()[2] for n in (0, 1, -1)] == ["accepted", "new", "rejected"]
    assert "2 of 2" in lines[1]


def test_an_update_is_one_line_of_history(kept: Inventory) -> None:
    assert history_shown(kept) == f"2026-11-22 12:00  {PROGRAM}: 40 found"


def test_a_decision_is_one_line_of_history(kept: Inventory) -> None:
    decided = judged(kept, 2, Sign_Qual="1", status="accepted")
    name = kept.places.table.loc[2, "uid"].removeprefix("place-")[:6]
    *_, last = history_shown(decided).splitlines()
    assert last == f"2026-11-23 08:30  MR: {name}  status new -> accepted, Sign_Qual 1"


def test_an_inventory_without_places_says_so() -> None:
    assert places_shown(Inventory.empty()) == "no place yet"
    assert history_shown(Inventory.empty()) == ""
