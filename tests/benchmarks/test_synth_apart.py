"""The study that tells synthetic tiles from real ones knows its figures, and when there is nothing to tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import synth_apart
from benchmarks.synth_apart import (
    FAMILIES,
    MOROCCO_LIKE,
    SAMPLE,
    SIZE,
    Measured,
    Tile,
    autocorrelation,
    features_of,
    gradient_histogram,
    main,
    noise_beats,
    of_like_coherence,
    phase_noise,
    real_tiles,
    ring_spectrum,
    synthetic_tiles,
    tells,
    told_apart,
)
from insarfeat.windows import Window


def noise_tile(seed: int, *, group: str = "any", smooth: float = 0.0, level: float = 0.0) -> Tile:
    """Noise without any structure, blurred or with more coherence where asked."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    phase, coherence, brightness = (
        gaussian_filter(rng.standard_normal((32, 32)), smooth).astype(np.float32) for _ in range(3)
    )
    return Tile(0.3 * phase, np.clip(0.5 + level + 0.1 * coherence, 0, 1), np.exp(brightness), group)


def many(first: int, count: int = 40, **how: float) -> Measured:
    return Measured.of([noise_tile(first + n, group=f"{first} {n // 4}", **how) for n in range(count)])


def test_a_wave_has_its_power_in_the_ring_of_its_length() -> None:
    across = np.arange(64)
    wave = np.tile(np.sin(2 * np.pi * across / 4), (64, 1))  # half of the highest frequency: ring 7 of 12
    assert ring_spectrum(wave).argmax() == 6


def test_a_spectrum_does_not_depend_on_the_mean() -> None:
    noise = np.random.default_rng(0).standard_normal((64, 64))
    np.testing.assert_allclose(ring_spectrum(noise), ring_spectrum(noise + 100.0), atol=1e-6)


def test_power_grows_with_the_square_of_the_amplitude() -> None:
    noise = np.random.default_rng(0).standard_normal((64, 64))
    np.testing.assert_allclose(ring_spectrum(10 * noise) - ring_spectrum(noise), 2.0, atol=1e-6)


def test_gradients_are_taken_across_the_wrap() -> None:
    ramp = (0.5 * np.arange(64, dtype=np.float32) + np.pi) % (2 * np.pi) - np.pi
    found = gradient_histogram(np.tile(ramp.astype(np.float32), (64, 1)), axis=1)
    assert found[6] == 1.0  # steps of 0 to 0.52
    assert found.sum() == pytest.approx(1.0)


def test_phase_noise_is_what_a_slow_phase_leaves() -> None:
    slow = np.tile(np.linspace(-9.0, 9.0, 128, dtype=np.float32), (128, 1))
    noise = np.random.default_rng(0).normal(0.0, 0.2, slow.shape).astype(np.float32)
    left = phase_noise(slow + noise)[8:-8, 8:-8]
    assert left.std() == pytest.approx(0.2, rel=0.03)


def test_a_moving_average_of_three_has_its_known_correlations() -> None:
    white = np.random.default_rng(0).standard_normal((400, 400))
    mean = (white[:, :-2] + white[:, 1:-1] + white[:, 2:]) / 3
    np.testing.assert_allclose(autocorrelation(mean, 1, 3), [2 / 3, 1 / 3, 0], atol=0.02)
    np.testing.assert_allclose(autocorrelation(mean, 0, 2), [0, 0], atol=0.02)


def test_noise_that_is_weaker_between_columns_of_a_lattice_beats_on_an_axis() -> None:
    noise = np.random.default_rng(0).standard_normal((64, 64))
    steady = noise_beats(noise)
    beating = noise_beats(noise * (1.0 + 0.5 * np.cos(2 * np.pi * np.arange(64) / 4.57)))
    assert beating[0] > steady[0] + 0.5
    assert beating[1] == pytest.approx(steady[1], abs=0.3)


def test_all_figures_are_finite_and_named_by_their_family() -> None:
    found = features_of(noise_tile(0))
    assert np.isfinite(list(found.values())).all()
    assert {name.partition(": ")[0] for name in found} == set(FAMILIES)


def test_the_unit_of_the_intensity_does_not_matter() -> None:
    tile = noise_tile(0)
    scaled = Tile(tile.phase, tile.coherence, 1000 * tile.intensity, tile.group)
    assert features_of(scaled) == pytest.approx(features_of(tile), abs=1e-4)


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
