"""The verbs ``review``, ``inventory`` and ``blindspots`` as they are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyogrio")
pytest.importorskip("torch")

from as_in_qgis import edit

import insarfeat
from zoo.detections import Detections
from zoo.review import open_inventory

CRS = "EPSG:32632"
PAIRS = ("20230904_20230916", "20230916_20230928")


@pytest.fixture
def found(tmp_path: Path) -> list[Path]:
    """What a model found in two pairs, one place in both."""
    paths = []
    for number, pair in enumerate(PAIRS):
        places = [(0.0, 0.0), (4000.0, 1000.0 * number)]
        outlines = [
            {"type": "Polygon", "coordinates": [[[x, y], [x + 300, y], [x + 300, y + 200], [x, y]]]}
            for x, y in places
        ]
        rows: dict[str, Any] = {"class": ["CF", "RG"], "score": [0.9, 0.4], "area_m2": [3e4, 3e4]}
        about = {"model": "yolo-s-synth-v1", "version": 1, "training_data": "synthetic"}
        made = Detections.of_outlines(outlines, rows, crs=CRS, pair=pair, orbit="A", about=about)
        paths.append(made.write(tmp_path / f"found-{number}.gpkg"))
    return paths


def test_the_loop_from_candidates_to_an_inventory(
    run: Callable[..., Any], found: list[Path], tmp_path: Path
) -> None:
    places, review, labels = (tmp_path / f"{name}.gpkg" for name in ("places", "review", "labels"))
    done = run("inventory", "update", places, found[0])
    assert done.code == 0, done.err
    assert "2 places from 2 detections in 1 pairs" in done.out
    assert run("review", "export", review, places).code == 0
    edit(review, "UPDATE candidates SET status = 'accepted', Sign_Qual = 1, Class_Unc = 1 WHERE Class = 'CF'")
    done = run("review", "import", review, "--reviewer", "MR", "--labels", labels, "--inventory", places)
    assert done.code == 0, done.err
    assert "1 accepted" in done.out
    assert labels.exists()
    done = run("inventory", "update", places, found[1])
    assert "3 places from 4 detections in 2 pairs: 1 seen more than once, 1 decided by an expert" in done.out
    table = open_inventory(places).places.table.set_index("class")
    assert table.loc["CF", ["status", "times_seen", "chances"]].tolist() == ["accepted", 2, 2]
    shown = run("inventory", "show", places, "--history")
    assert "accepted" in shown.out
    assert "MR" in shown.out


def test_a_review_of_detections_lands_in_the_inventory_made_of_them_and_only_once(
    run: Callable[..., Any], found: list[Path], tmp_path: Path
) -> None:
    places, review = tmp_path / "places.gpkg", tmp_path / "review.gpkg"
    assert run("inventory", "update", places, *found).code == 0
    names = set(open_inventory(places).places.table["uid"])
    assert run("review", "export", review, *found).code == 0
    edit(review, "UPDATE candidates SET status = 'accepted', Sign_Qual = 1, Class_Unc = 1")
    call = ("review", "import", review, "--reviewer", "MR", "--inventory", places)
    first = run(*call)
    assert first.code == 0, first.err
    assert "3 decided by an expert; 9 changes taken" in first.out
    assert "nothing new, all of it was in there already" in run(*call).out
    after = open_inventory(places)
    assert set(after.places.table["uid"]) == names
    shown = run("inventory", "show", places, "--history").out
    assert shown.count("status new -> accepted") == 3
    assert "nan" not in shown


def test_a_missing_inventory_is_told_before_labels_are_written(
    run: Callable[..., Any], found: list[Path], tmp_path: Path
) -> None:
    review, labels = tmp_path / "review.gpkg", tmp_path / "labels.gpkg"
    run("review", "export", review, found[0])
    edit(review, "UPDATE candidates SET status = 'rejected'")
    done = run(
        "review", "import", review, "--reviewer", "MR", "--labels", labels, "--inventory", tmp_path / "p.gpkg"
    )
    assert done.code == 2
    assert "insarfeat inventory update" in done.err
    assert not labels.exists()


def test_an_export_upon_another_names_the_option(
    run: Callable[..., Any], found: list[Path], tmp_path: Path
) -> None:
    run("review", "export", tmp_path / "r.gpkg", found[0])
    done = run("review", "export", tmp_path / "r.gpkg", found[0])
    assert done.code == 2
    assert "--overwrite" in done.err


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        (["wrapped_phase"], "has no slope_to_los, so no speeds"),
        (["slope_to_los"], "has no displacement or wrapped_phase, so no speeds"),
        (["wrapped_phase", "slope_to_los"], None),
    ],
)
def test_a_stack_that_tells_no_speeds_is_named(
    run: Callable[..., Any], found: list[Path], tmp_path: Path, layers: list[str], told: str | None
) -> None:
    scene = insarfeat.synth.scene(seed=6, size=32)["wrapped_phase"]
    stack = insarfeat.write(
        scene.to_dataset(name=layers[0]).assign(dict.fromkeys(layers, scene)).drop_attrs(deep=False)
        .assign_attrs(baseline_days=12, primary_date="2023-09-04", secondary_date="2023-09-16"),
        tmp_path / "stack.nc",
    )  # fmt: skip
    done = run("inventory", "update", tmp_path / "places.gpkg", found[0], "--stack", stack)
    assert done.code == 0, done.err
    if told is None:
        assert "no speeds" not in done.err
    else:
        assert told in done.err
        assert "insarfeat stack --template models" in done.err


def test_a_dry_run_writes_nothing(run: Callable[..., Any], found: list[Path], tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    assert "2 candidate(s)" in run("review", "export", tmp_path / "r.gpkg", found[0], "--dry-run").out
    assert "2 places" in run("inventory", "update", tmp_path / "p.gpkg", found[0], "--dry-run").out
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("review", "export", "a.gpkg", "nothing.gpkg"), "nothing.gpkg does not exist"),
        (("review", "export", "a.txt", "{found}"), "must end in .gpkg"),
        (("review", "export", "a.gpkg", "{found}", "--blind-spots", "{found}"), "found-0.gpkg"),
        (("review", "import", "{found}", "--reviewer", "MR"), "it must come from 'insarfeat review export'"),
        (("inventory", "show", "{found}"), "no inventory of insarfeat"),
    ],
)
def test_what_cannot_be_is_told(
    run: Callable[..., Any], found: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], told: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = run(*(one.format(found=found[0]) for one in arguments))
    assert done.code != 0
    assert told in done.err


def test_a_judgement_must_be_kept_somewhere(
    run: Callable[..., Any], found: list[Path], tmp_path: Path
) -> None:
    run("review", "export", tmp_path / "r.gpkg", found[0])
    done = run("review", "import", tmp_path / "r.gpkg", "--reviewer", "MR")
    assert done.code == 2
    assert "--labels" in done.err


def test_blind_spots_of_a_stack(run: Callable[..., Any], tmp_path: Path) -> None:
    names = ["wrapped_phase", "coherence", "elevation", "sensitivity"]
    scene = insarfeat.synth.scene(seed=6, size=256)
    stack = insarfeat.write(scene[names], tmp_path / "stack.nc")
    out = tmp_path / "blind"
    call = ("blindspots", stack, "--model", "yolo-s-synth-v1", "--out", out, "--injections", "60")
    told = run(*call, "--dry-run")
    assert told.code == 0, told.err
    assert "60 slides in each of 1 pair(s)" in told.out
    assert not out.exists()
    done = run(*call, "--classes", "CF,CS")
    assert done.code == 0, done.err
    assert "injected slides were found" in done.out
    assert "Real slides may look otherwise" in done.err
    assert {path.name for path in out.iterdir()} == {
        "blindspots.nc", "blindspots.png", "injected.geojson", "recall.csv", "trials.jsonl",
    }  # fmt: skip
    assert run(*call).code == 2  # it is there already
    assert "known are" in run(*call, "--classes", "XX", "--overwrite").err
