"""``insarfeat patches``: from a stack, a folder of MIRAGE or of events to patches that are ready, in one command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import yaml

import insarfeat
from insarfeat import tiling

sys.path.insert(0, str(Path(__file__).parents[1] / "tiling" / "patches"))
from folders import write_events, write_mirage


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    scene = insarfeat.synth.scene(seed=1, size=256)[["elevation", "landslide"]]
    return insarfeat.write(scene, tmp_path / "stack.nc")


def test_a_stack_becomes_patches(run: Any, stack: Path, tmp_path: Path) -> None:
    done = run("patches", stack, "patches", "--size", 64, "--stride", 32, "--labels", "landslide")
    assert done.code == 0
    patches = tiling.open_patches(tmp_path / "patches")
    assert len(patches) == 49
    assert "49 of 49 patches" in done.out
    assert patches.bands == ("elevation",)


def test_patches_without_labels_and_bands_that_tell_the_truth_are_noted(
    run: Any, stack: Path, tmp_path: Path
) -> None:
    scene = insarfeat.synth.scene(seed=1, size=128)[["elevation", "coherence_true"]]
    insarfeat.write(scene, tmp_path / "bare.nc")
    told = run("patches", "bare.nc", "patches", "--size", 64).out
    assert "note: no patch has labels" in told
    assert "note: coherence_true tell the truth of a synthetic scene; --bands" in told
    assert "note:" not in run("patches", stack, "others", "--size", 64).out


def test_a_folder_of_products_is_told_line_by_line(run: Any, tmp_path: Path) -> None:
    write_mirage(tmp_path / "area")
    done = run("info", "area")
    assert done.code == 0, done.err
    assert "products" in done.out
    assert "MIRAGE" in done.out


def test_info_tells_of_a_dataset_of_patches(run: Any, stack: Path) -> None:
    run("patches", stack, "patches", "--size", 64, "--stride", 32)
    done = run("info", "patches")
    assert done.code == 0, done.err
    for told in ("49 of 64 x 64, zarr", "elevation", "landslide", "49 of 49 patches", "p98"):
        assert told in done.out


def test_a_dataset_without_patches_is_warned_of(run: Any, stack: Path) -> None:
    done = run("patches", stack, "patches", "--size", 900)
    assert done.code == 0
    assert "no patch is left" in done.err
    assert "scene smaller than a patch" in done.out
    assert run("info", "patches").code == 0


def test_a_dry_run_writes_nothing(run: Any, stack: Path, tmp_path: Path) -> None:
    done = run("patches", stack, "patches", "--size", 64, "--dry-run")
    assert done.code == 0
    assert "peak memory" in done.out
    assert not (tmp_path / "patches").exists()


def test_an_output_that_exists_is_refused_and_replaced_when_asked(run: Any, stack: Path) -> None:
    assert run("patches", stack, "patches", "--size", 64).code == 0
    refused = run("patches", stack, "patches", "--size", 32)
    assert refused.code == 2
    assert "exists" in refused.err
    assert run("patches", stack, "patches", "--size", 32, "--overwrite").code == 0


def test_sampling_split_and_exports_in_one_command(run: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.zeros((640, 640), "u1")
    for row, column in random.integers(0, 630, (60, 2)):
        labels[row : row + 8, column : column + 8] = 1
    layers = {"elevation": random.random((640, 640), dtype="f4"), "landslide": labels}
    coords = {axis: 5e5 + 15.0 * np.arange(640) for axis in ("y", "x")}
    stack = insarfeat.write(
        xr.Dataset({name: (("y", "x"), one) for name, one in layers.items()}, coords), tmp_path / "stack.nc"
    )
    done = run(
        "patches", stack, "patches", "--size", 32, "--stride", 32, "--where", "centred", "--negatives", 2,
        "--split", "block", "--yolo", "yolo", "--coco", "coco", "--seed", 3,
    )  # fmt: skip
    assert done.code == 0, done.err
    patches = tiling.open_patches(tmp_path / "patches")
    assert set(patches.table["kind"]) == {"centred", "negative"}
    assert tiling.leaks(patches).ok
    told = yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text())
    assert list(told["names"].values()) == ["landslide"]
    assert list((tmp_path / "coco").rglob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rules", "detektion"], "did you mean 'detection'"),
        (["--hard", "layover"], "expected shares of atmosphere"),
        (["--slope", "steep"], "expected two angles"),
        (["--where", "everywhere"], "where must be"),
        (["--bands", "elevatoin"], "elevatoin"),
        (["--format", "hdf"], "format must be one of"),
        (["--labels", "slides"], "neither a layer"),
    ],
)
def test_bad_options_are_named(run: Any, stack: Path, arguments: list[str], told: str) -> None:
    done = run("patches", stack, "patches", *arguments)
    assert done.code == 2
    assert told in done.err


def test_mirage_becomes_patches_in_one_command(run: Any, tmp_path: Path) -> None:
    truth = write_mirage(tmp_path / "Alps", size=(330, 500))
    done = run(
        "patches", tmp_path / "Alps", "patches", "--rules", "detection", "--min-valid", 0.1, "--yolo", "yolo"
    )
    assert done.code == 0, done.err
    patches = tiling.open_patches(tmp_path / "patches")
    assert patches.size.height == 160
    assert patches.bands == ("wrapped_phase", "coherence")
    assert set(patches.table["pair"]) == set(truth.boxes)
    assert set(patches.table["event"]) == {"Alps"}
    for pair, boxes in truth.boxes.items():
        mine = patches.table[patches.table["pair"] == pair]
        for number, row in mine.iterrows():
            patch = patches[int(str(number))]
            rows, columns = slice(row["row"], row["row"] + 160), slice(row["column"], row["column"] + 160)
            expected = np.asarray(
                [layer[pair][rows, columns] for layer in (truth.phase, truth.coherence)], "f4"
            )
            expected[expected == 0] = np.nan  # MIRAGE's nodata
            assert np.array_equal(patch.values, expected, equal_nan=True)
            seen = [
                box for box in boxes
                if box.row0 < rows.stop and box.row1 > rows.start
                and box.col0 < columns.stop and box.col1 > columns.start
            ]  # fmt: skip
            assert sorted(patch.boxes["class"]) == sorted(box.attributes["Class"] for box in seen)
            kept = {json.loads(one)["Sign_Qual"] for one in patch.boxes["attributes"]}
            assert kept == {box.attributes["Sign_Qual"] for box in seen}
    twice = (
        patches.boxes.merge(patches.table[["patch", "pair"]], on="patch").groupby("slide")["pair"].nunique()
    )
    assert twice.max() > 1, "a slide that several interferograms show must have one number"


@pytest.mark.parametrize("naming", ["names", "numbers", "one variable"])
def test_event_folders_become_patches_in_one_command(run: Any, tmp_path: Path, naming: Any) -> None:
    events = write_events(tmp_path / "events", size=(260, 520), naming=naming)
    done = run("patches", tmp_path / "events", "patches", "--rules", "event", "--min-valid", 0)
    assert done.code == 0, done.err
    patches = tiling.open_patches(tmp_path / "patches")
    assert patches.size.height == 256
    assert len(patches.bands) == 7
    assert patches.masks == ("landslide", "valid_mask")
    assert set(patches.table["event"]) == {one.event for one in events}
    originals = patches.table[~patches.table["copy"]]
    small = originals["label_pixels"].between(1, 119).sum()
    assert patches.table["copy"].sum() == small == patches.report.copies
