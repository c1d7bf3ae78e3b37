from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput
from insarfeat.synth.frozen import generator_digest
from zoo.training.labelled import Samples
from zoo.training.samples import INPUTS, SyntheticOptions
from zoo.training.shards import packed, unpacked
from zoo.training.stored import StoredSamples, _Making, store_samples

OPTIONS = SyntheticOptions(tiles_a_place=3)
MAKING = {"size": 32, "pixel": 15.0, "seed": 9}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven tiles in three shards."""
    path = tmp_path_factory.mktemp("tiles")
    store_samples(OPTIONS, path, 7, **MAKING)
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}


def stored(path: Path, bands: tuple[str, ...] = INPUTS, **options: object) -> StoredSamples:
    return StoredSamples(path, bands, ("landslide",), **{"batch": 4, **options})  # type: ignore[arg-type]


def tiles() -> list:
    return [
        tile
        for shard, count in enumerate((3, 3, 1))
        for tile in _Making(OPTIONS, 32, 15.0, 9).tiles(shard, count)
    ]


def test_stored_layers_differ_from_those_that_were_made_by_no_more_than_is_said(folder: Path) -> None:
    found = stored(folder).read(np.arange(7))
    for number, tile in enumerate(tiles()):
        for index, name in enumerate(INPUTS):
            made, got = tile.bands[name].astype("f8"), found.raw[number, index].numpy().astype("f8")
            if name == "intensity":
                made, got = np.log(made), np.log(got)
            allowed = 1.02 * np.ptp(made) / 131068 + 4e-7 * np.abs(made).max()
            assert np.abs(got - made).max() <= allowed, name


def test_gradients_of_the_elevation_survive_where_half_precision_would_spoil_them() -> None:
    rows, cols = np.mgrid[:64, :64]
    heights = (1500 + 9.0 * rows + 6.0 * np.sin(cols / 5)).astype("f4")
    scaled = packed(heights)
    kept = unpacked(scaled.steps, scaled.offset, scaled.step)
    halved = heights.astype("f2").astype("f4")

    def error(values: np.ndarray) -> float:
        return float(np.abs(np.diff(values, axis=0) - np.diff(heights, axis=0)).max()) / 15.0

    assert error(kept) < 1e-3 < 1e-2 < error(halved)


def test_nodata_and_even_layers_survive() -> None:
    band = np.full((4, 4), 3.25, "f4")
    band[1, 2] = np.nan
    scaled = packed(band)
    assert np.array_equal(unpacked(scaled.steps, scaled.offset, scaled.step), band, equal_nan=True)
    blank = packed(np.full((2, 2), np.nan, "f4"))
    assert np.isnan(unpacked(blank.steps, blank.offset, blank.step)).all()


def test_the_truth_is_that_of_the_tiles(folder: Path) -> None:
    found = stored(folder).read(np.arange(7))
    kinds = set()
    for number, tile in enumerate(tiles()):
        assert np.array_equal(found.mask[number, 0], tile.bands["landslide"])
        assert np.array_equal(found.valid[number], tile.bands["valid_mask"] > 0)
        expected = np.where(tile.bands["landslide_kind"] == 3, 0, tile.bands["landslide_kind"])
        assert np.array_equal(found.kind[number], expected)
        kinds |= set(np.unique(expected).tolist())
        boxes = [
            [s.box.top, s.box.left, s.box.bottom, s.box.right]
            for s in tile.sightings
            if s.box and s.feature.is_slide
        ]
        seen = found.boxes[number]
        assert seen.boxes.tolist()[: len(boxes)] == boxes
        assert seen.ignore[len(boxes) :].all()
    assert kinds == {0, 1, 2}


def test_facts_tell_class_kind_and_conditions_of_each_tile(folder: Path) -> None:
    facts = stored(folder).facts
    made = tiles()
    assert len(facts) == 7
    for fact, tile in zip(facts, made, strict=True):
        assert [(slide["class"], slide["kind"]) for slide in fact["slides"]] == [
            (each.feature.code, each.kind) for each in tile.sightings
        ]
        assert fact["conditions"]["days"] == tile.conditions.days
        assert fact["conditions"]["region"] == tile.conditions.region.name
        assert fact["label_pixels"] == int(tile.bands["landslide"].sum())
        assert fact["pixel"] == 15.0


def test_a_folder_knows_what_made_it(folder: Path) -> None:
    about = json.loads((folder / "train" / "tiles.json").read_text())
    assert about["generator"] == generator_digest() == stored(folder).generator
    assert {name: about[name] for name in ("size", "pixel", "seed", "part", "count")} == {
        "size": 32, "pixel": 15.0, "seed": 9, "part": "train", "count": 7,
    }  # fmt: skip


def test_every_tile_comes_once_in_an_epoch_in_an_order_of_its_own(folder: Path) -> None:
    source = stored(folder, ("elevation",))

    def order(number: int) -> tuple[list[int], list[float]]:
        batches = list(source.epoch(number))
        return [len(each) for each in batches], [v for each in batches for v in each.raw[:, 0, 3, 3].tolist()]

    (sizes, one), (_, again), (_, other) = order(0), order(0), order(1)
    assert sizes == [4, 3]
    assert len(set(one)) == len(source) == 7
    assert one == again != other
    assert sorted(one) == sorted(other)


def test_bands_are_those_asked_for_in_their_order(folder: Path) -> None:
    everything, some = stored(folder), stored(folder, ("coherence", "wrapped_phase"))
    chosen = np.array([5, 0])
    raw = everything.read(chosen).raw
    expected = raw[:, [INPUTS.index("coherence"), INPUTS.index("wrapped_phase")]]
    assert torch.equal(some.read(chosen).raw, expected)


def test_shares_of_buckets_decide_what_is_drawn(folder: Path) -> None:
    drawn = list(stored(folder, ("coherence",), weights=(0.0, 0.4, 0.3, 0.3)).epoch(2))
    assert sum(map(len, drawn)) == 7
    assert all(each.mask.flatten(1).any(1).all() for each in drawn)


def test_what_was_killed_goes_on_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from zoo.training.samples import SyntheticOptions\n"
        "from zoo.training.stored import store_samples\n"
        "def stop(done, total):\n"
        "    if done >= 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"store_samples(SyntheticOptions(tiles_a_place=3), sys.argv[1], 7, progress=stop, **{MAKING!r})\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=200, check=False)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(UnreadableInput, match="holds 3 of 7 tiles"):
        stored(tmp_path)
    half_written = tmp_path / "train" / "shard-00001.123.new"
    half_written.mkdir()
    told: list[tuple[int, int]] = []
    store_samples(OPTIONS, tmp_path, 7, **MAKING, progress=lambda done, total: told.append((done, total)))
    assert told == [(6, 7), (7, 7)]
    assert not half_written.exists()
    assert contents(tmp_path) == contents(folder)


def test_two_processes_write_the_same_bytes_as_one(folder: Path, tmp_path: Path) -> None:
    store_samples(OPTIONS, tmp_path, 7, **MAKING, workers=2)
    assert contents(tmp_path) == contents(folder)


def test_a_folder_grows_by_the_tiles_that_it_would_have_had(folder: Path, tmp_path: Path) -> None:
    store_samples(OPTIONS, tmp_path, 4, **MAKING)
    store_samples(OPTIONS, tmp_path, 7, **MAKING)
    assert contents(tmp_path) == contents(folder)


def test_parts_and_seeds_have_tiles_of_their_own(folder: Path, tmp_path: Path) -> None:
    store_samples(SyntheticOptions(tiles_a_place=3, part="validation"), tmp_path, 1, **MAKING)
    store_samples(OPTIONS, tmp_path, 1, size=32, pixel=15.0, seed=8)
    first = stored(folder, ("coherence",)).read(np.array([0])).raw
    for part in ("validation", "train"):
        assert not torch.equal(stored(tmp_path, ("coherence",), part=part).read(np.array([0])).raw, first)


def test_tiles_of_several_pixel_sizes_are_as_steep_as_their_ground(tmp_path: Path) -> None:
    options = SyntheticOptions(tiles_a_place=1, pixels=(15.0, 30.0))
    store_samples(options, tmp_path, 2, size=32, pixel=20.0, seed=1)
    source = stored(tmp_path, ("elevation", "terrain_pc1"))
    found: Samples = source.read(np.array([0, 1]))
    assert [fact["pixel"] for fact in source.facts] == [15.0, 30.0]
    for number, pixel in enumerate((15.0, 30.0)):
        (tile,) = _Making(options, 32, 20.0, 1).tiles(number, 1)
        made = torch.from_numpy(tile.bands["elevation"]) * (20.0 / pixel)
        assert torch.allclose(found.raw[number, 0], made, atol=0.05)
    assert found.raw[0, 1].isfinite().all()
    assert found.raw[1, 1].isnan().all()  # the composite is made at 15 m only


def test_another_making_is_not_mixed_into_a_folder(folder: Path) -> None:
    with pytest.raises(InvalidArgument, match="holds tiles with another seed; give another folder"):
        store_samples(OPTIONS, folder, 7, size=32, pixel=15.0, seed=8)
    with pytest.raises(InvalidArgument, match="count is 5, and folder"):
        store_samples(OPTIONS, folder, 5, **MAKING)


def test_a_folder_without_tiles_says_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="store_samples makes them"):
        stored(tmp_path)


def test_a_damaged_shard_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    values = tmp_path / "copy" / "train" / "shard-00001" / "values.npy"
    os.truncate(values, values.stat().st_size // 2)
    with pytest.raises(UnreadableInput, match="shard-00001 is damaged"):
        stored(tmp_path / "copy").read(np.array([4]))
