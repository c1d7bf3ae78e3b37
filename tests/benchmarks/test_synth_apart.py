"""The study that tells synthetic tiles from real ones knows when there is nothing to tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from noise_tiles import noise_tile

from benchmarks import synth_apart
from benchmarks.synth_apart import (
    MOROCCO_LIKE,
    SAMPLE,
    SIZE,
    main,
    of_like_coherence,
    real_tiles,
    synthetic_tiles,
    tells,
    told_apart,
)
from benchmarks.tile_figures import Measured
from insarfeat.windows import Window


def many(first: int, count: int = 40, **how: float) -> Measured:
    return Measured.of([noise_tile(first + n, group=f"{first} {n // 4}", **how) for n in range(count)])


def test_the_same_kind_of_noise_cannot_be_told_apart() -> None:
    score = told_apart(many(0), many(1000), "all", "linear")
    assert score.low <= 0.5 <= score.high


@pytest.mark.parametrize("by", ["linear", "forest"])
def test_smoother_noise_can_be_told_apart(by: str) -> None:
    assert told_apart(many(0), many(1000, smooth=0.5), "all", by).accuracy > 0.95


def test_tiles_that_overlap_a_held_out_one_do_not_train() -> None:
    corners = (0, 32, 64)
    windows = (*(Window(0, left, 64, 64) for left in corners), None)
    near = synth_apart._overlapping(windows, np.array([True, False, False, False]))
    assert near.tolist() == [True, True, False, False]


def test_groups_are_never_on_both_sides() -> None:
    groups = np.array([f"group {number // 3}" for number in range(60)])
    fold = synth_apart._folds(groups, np.repeat([0, 1], 30))
    assert all(len(set(fold[groups == name])) == 1 for name in set(groups))
    assert np.bincount(fold, minlength=5).min() >= 9


def test_the_most_telling_figure_comes_first() -> None:
    found = tells(many(0), many(1000, level=0.2))
    assert found[0][0].startswith("values of the coherence: level")
    assert found[0][1] > 0.99
    assert all(0.5 <= area <= 1.0 for _, area, _, _ in found)


def test_tiles_of_like_coherence_are_found_in_a_pool() -> None:
    pool = [noise_tile(number, level=0.3 * (number % 2)) for number in range(20)]
    real = [noise_tile(100 + number) for number in range(8)]
    chosen = of_like_coherence(pool, real)
    assert len({id(tile) for tile in chosen}) == 8
    assert max(np.median(tile.coherence) for tile in chosen) < 0.6


def test_synthetic_tiles_follow_from_their_seed() -> None:
    ground = np.add.outer(np.zeros(128), np.arange(128)).astype(np.float32)
    once, again = (synthetic_tiles(ground, MOROCCO_LIKE, 3, scenes=2) for _ in range(2))
    assert [tile.group for tile in once] == ["synthetic 7 0", "synthetic 7 1", "synthetic 7 1"]
    assert once[2].phase.shape == (SIZE, SIZE)
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.phase, other.phase)


def test_real_tiles_have_no_nodata(test_data: Path) -> None:
    if not (test_data / SAMPLE).is_dir():
        pytest.skip(f"no sample {SAMPLE}")
    tiles = real_tiles(test_data)
    assert len(tiles) > 200
    assert all(np.abs(tile.phase).max() <= np.float32(np.pi) for tile in tiles)
    assert all(tile.coherence.min() > 0.0 and tile.coherence.max() <= 1.0 for tile in tiles)


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    tiles = [noise_tile(number) for number in range(3)]
    synth_apart.draw({"real": tiles, "synthetic": tiles}, tmp_path / "picture.png", count=2)
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_without_the_sample_the_command_says_so_and_fails(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=f"no sample {SAMPLE} in .*: give its folder with --data"):
        main(["--data", str(tmp_path)])
