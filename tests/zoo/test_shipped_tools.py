"""What makes and judges the shipped models, tried on models by chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

import small_models

import zoo
from benchmarks import shipped_cards, shipped_limits, shipped_models, shipped_record
from benchmarks.shipped_tests import Kept, frozen
from zoo.lookup import card_of
from zoo.weights import WeightFile

CLASSES = ("CF", "RG", "AR")
REAL = {"km2": 80.0, "detections": 1, "per_100_km2": {"value": 1.2, "low": 0.03, "high": 7.0}}
MADE = {
    "command": "make it",
    "machine": "a machine",
    "stages": [{"epochs": 2, "minutes": 3.0}, {"epochs": 1, "minutes": 1.0}],
    "tiles": 10,
}


@pytest.fixture
def dems(test_data: Path) -> Path:
    if not all((test_data / name).exists() for name in ("dem_srtm3", "dem_davos_srtm1")):
        pytest.skip("the DEMs of the frozen sets are not among the samples")
    return test_data


def model_of(task: str, folder: Path) -> Any:
    told = small_models.MASKS if task == "masks" else small_models.BOXES
    told = told.model_copy(
        update={"name": f"small-{task}", "threshold": 0.01, "least_pixel": 10.0, "largest_pixel": 30.0}
        | ({"classes": CLASSES} if task == "boxes" else {})
    )
    return zoo.load(small_models.written(told, folder), device="cpu", precision="float32")


@pytest.mark.parametrize("task", ["masks", "boxes"])
def test_a_card_is_written_from_tests_and_belongs_to_its_weights(
    task: str, dems: Path, tmp_path: Path
) -> None:
    model = model_of(task, tmp_path)
    picture = tmp_path / "limits.png"
    told = shipped_models.test(model.file.path, dems, 3, picture)
    assert picture.stat().st_size > 10_000
    assert "real" not in told  # it is looked at once, at the end
    card = shipped_cards.write_card(
        model.file.path, {**told, "real": REAL, "made": MADE}, "It is by chance.", tmp_path / "kept"
    )
    kept = WeightFile.of(card.with_suffix(".safetensors"))
    text = card_of(kept)
    assert text.splitlines()[2] == f"**{model.description.statement}**"
    assert "It is by chance." in text
    assert "1 detection(s), 1.2 per 100 km2 (95 percent, Poisson: 0.0 to 7.0)" in text
    assert ("mean AP@0.5" in text) == (task == "boxes")
    again = zoo.load(kept.path, device="cpu", precision="float32")
    known = shipped_record.outputs(model)
    for name, values in shipped_record.outputs(again).items():
        np.testing.assert_array_equal(values, known[name])


def test_scores_of_other_weights_make_no_card(tmp_path: Path) -> None:
    model = model_of("masks", tmp_path)
    with pytest.raises(ValueError, match="of other weights"):
        shipped_cards.write_card(model.file.path, {"digest": "another"}, "", tmp_path / "kept")


def test_kept_samples_lose_the_bands_that_are_named_and_no_others(dems: Path, tmp_path: Path) -> None:
    kept = frozen(model_of("masks", tmp_path), "plain", dems, 2)
    assert isinstance(kept, Kept)
    (whole,), (less,), (only,) = (
        list(each.epoch(0)) for each in (kept, kept.without("coherence"), kept.with_only("coherence"))
    )
    gone = [samples.raw.isnan().all(-1).all(-1).all(0).tolist() for samples in (whole, less, only)]
    assert gone == [[False, False, False], [False, True, False], [True, False, True]]
    assert kept.synthetic


def slides(**columns: Any) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    usual = {
        "class": ["CF"] * rows, "kind": ["coherent"] * rows, "area": [0.06] * rows, "speed": [40.0] * rows,
        "days": [12.0] * rows, "fringes": [0.4] * rows, "coherence": [0.5] * rows, "sensitivity": [0.5] * rows,
        "found": [True] * rows,
    }  # fmt: skip
    return pd.DataFrame({**usual, **columns})


def test_a_question_is_answered_by_slides_like_it() -> None:
    asked = shipped_limits.Question("CF", 0.06, 40.0, 12.0, 0.5)
    table = slides(
        area=[0.06, 0.09, 0.12, 0.06, 0.06, 0.06],  # the third is twice as large
        days=[12.0, 6.0, 12.0, 30.0, 12.0, 12.0],  # the second moved half as far, the fourth 2.5 times
        coherence=[0.5, 0.5, 0.5, 0.5, 0.7, 0.4],
        found=[True, True, True, True, True, False],
    )
    assert asked.like(table).index.tolist() == [0, 5]
    told = shipped_limits.recall(asked.like(table))
    assert (told["found"], told["of"], told["recall"]) == (1, 2, 0.5)
    assert str(asked).startswith("a 0.06 km2 earthflow moving 40 cm a year in a 12-day pair")


def test_recall_is_told_by_every_property_and_of_slow_slides_alone() -> None:
    table = slides(
        **{
            "class": ["CF", "EV", "RG"],
            "area": [0.002, 0.002, 0.5],
            "coherence": [0.1, 0.1, 1.0],
            "found": [False, True, True],
        }
    )
    told = shipped_limits.limits(table)
    assert told["slow slides by area, km2"]["0 to 0.003"]["of"] == 1
    assert told["event slides by area, km2"]["0 to 0.003"]["found"] == 1
    assert told["slow slides by coherence around"]["0.65 to 1"]["found"] == 1
    assert told["class"]["RG"]["recall"] == 1.0
    assert told["area and fringes"]["over 0.3"]["0.25 to 0.5"]["of"] == 1
    assert shipped_limits.recall(table[:0])["recall"] is None
