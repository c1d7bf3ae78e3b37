"""The way of `make demo`, step by step as the Makefile has it, with small models in the place of the shipped ones."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

import small_models

import insarfeat
from zoo import lookup
from zoo.description import SYNTHETIC

MAKEFILE = Path(insarfeat.__file__).parents[1] / "Makefile"


def steps() -> list[list[str]]:
    """Arguments of the program at each step of the target demo."""
    recipe = re.search(r"^demo:.*\n((?:\t.*\n)+)", MAKEFILE.read_text(), re.MULTILINE)
    assert recipe is not None
    lines = [line.strip().replace("$(OUT)", "out") for line in recipe[1].splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("$(RUN)/insarfeat ")]


def test_the_demo_ends_with_what_both_models_found_beside_the_truth(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for told, name in (
        (small_models.MASKS, "segformer-b0-synth-v1"),
        # Weights by chance give scores of a percent; they must find something.
        (small_models.BOXES.model_copy(update={"threshold": 0.012}), "yolo-s-synth-v1"),
    ):
        small_models.written(told.model_copy(update={"name": name}), models)
    monkeypatch.setattr(lookup, "shelves", lambda: (lookup.Shelf("the test", models),))

    for arguments in steps():
        size = ["--size", "256"] if arguments[0] == "demo" else []
        done = run(*arguments, *size)
        assert done.code == 0, done.err

    out = tmp_path / "out"
    made = sorted(path.name for path in out.iterdir())
    assert made == ["boxes.geojson", "landslides.tif", "report.html", "stack.nc"]
    assert {"landslide", "landslide_probability"} <= set(insarfeat.open_stack(out / "landslides.tif"))
    assert json.loads((out / "boxes.geojson").read_text())["features"]
    page = (out / "report.html").read_text(encoding="utf-8")
    for name in ("segformer-b0-synth-v1", "yolo-s-synth-v1"):
        assert f"<b>{name}, version 1.</b> {SYNTHETIC}" in page
    assert "Map of landslide_probability" in page
    sentences = re.findall(
        r"\d+ of \d+ true slides? \([^)]*\) (?:is|are) touched by a detection; \d+ of \d+ detections? touch",
        page,
    )
    assert len(sentences) == 2
    for place in ("wrapped_phase", "relief"):
        for name in ("landslides.tif", "boxes.geojson"):
            assert f'alt="Outlines of {name} over {place}.' in page
    assert "Synthetic data." in page


def test_the_demo_has_the_extras_that_it_needs() -> None:
    extras = re.search(r"^EXTRA_demo := (.*)$", MAKEFILE.read_text(), re.MULTILINE)
    assert extras is not None
    assert {"plot", "zoo"} <= set(extras[1].split(","))
