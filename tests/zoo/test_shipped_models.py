"""The models of the wheel: whole, small, described, and what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import zoo
from benchmarks.shipped_record import RECORDS, outputs, score_of_fifty
from zoo.lookup import card_of, find, shelves

NAMES = ("segformer-b0-synth-v1", "yolo-s-synth-v1")


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> Any:
    return zoo.load(request.param, device="cpu", precision="float32")


def recorded(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    return told


def test_the_package_brings_both_in_21_megabytes() -> None:
    files = list(shelves()[0].files())
    assert {file.stem for file in files} == set(NAMES)
    assert sum(file.stat().st_size for file in files) <= 21e6


@pytest.mark.parametrize("name", NAMES)
def test_a_card_belongs_to_its_weights_and_says_first_what_they_learned_from(name: str) -> None:
    file = find(name)
    assert file.description.card_sha256
    card = card_of(file)
    _, first, *_ = card.split("\n\n")
    assert first.strip("*") == file.description.statement
    assert "synthetic scenes only" in first
    for part in ("## Bands", "## Scores on synthetic scenes", "## Known failures", "## How it was made"):
        assert part in card


def test_records_are_of_the_weights_that_are_there(model: Any) -> None:
    told = recorded(model.description.name)
    assert told["digest"] == model.file.digest


def test_a_recorded_input_gives_the_recorded_output(model: Any) -> None:
    told, found = recorded(model.description.name)["outputs"], outputs(model)
    assert told.keys() == found.keys()
    for name, values in told.items():
        tolerance = 0.05 if name == "boxes" else 2e-3
        np.testing.assert_allclose(found[name], values, atol=tolerance, rtol=1e-3, err_msg=name)


def test_fifty_frozen_tiles_score_as_recorded(model: Any, test_data: Path) -> None:
    if not (test_data / "dem_srtm3").exists():
        pytest.skip("the DEMs of the frozen sets are not among the samples")
    told, found = recorded(model.description.name)["fifty tiles"], score_of_fifty(model, test_data)
    assert told["low"] <= found["value"] <= told["high"]
    assert found["value"] == pytest.approx(told["value"], abs=0.01)


def test_phase_coherence_and_elevation_are_enough(model: Any) -> None:
    needed = {band.name for band in model.description.bands if band.required}
    assert needed == {"wrapped_phase", "coherence"}
