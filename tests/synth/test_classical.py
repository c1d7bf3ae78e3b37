"""The classical detectors and the scan for their best thresholds, as the reports on models rely on them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.synth.classical import DETECTORS, Operating, ThresholdScan, threshold_scan

PIXEL = 15.0
SIDE = 128
EDGES = np.linspace(0.0, 1.0, 101).astype(np.float32)
PHASE_DETECTORS = ("phase_gradient", "high_pass_phase")

Bands = dict[str, np.ndarray]


def position() -> tuple[np.ndarray, np.ndarray]:
    """Metres from the middle, down and to the right."""
    metres = (np.arange(SIDE) - SIDE / 2) * PIXEL
    return np.meshgrid(metres, metres, indexing="ij")


def wrapped(phase: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * phase)).astype(np.float32)


def bowl(radius: float = 300.0, fringes: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Phase of a dish that sinks by some fringes, and where it lies."""
    distance = np.hypot(*position()) / radius
    return -2.0 * np.pi * fringes * np.clip(1.0 - distance**2, 0.0, None), distance < 1.0


def best(score: np.ndarray, truth: np.ndarray, name: str) -> Operating:
    scan = ThresholdScan(DETECTORS[name].edges)
    scan.add(score, truth, np.ones(truth.shape, bool))
    return scan.best()


def interferogram(seed: int = 1) -> Bands:
    """A tile of noise: any phase, any coherence."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(-np.pi, np.pi, (2, SIDE, SIDE))
    coherence = rng.uniform(0.0, 1.0, (2, SIDE, SIDE))
    return {"wrapped_phase": phase.astype(np.float32), "coherence": coherence.astype(np.float32)}


# What the detectors find


@pytest.mark.parametrize("name", PHASE_DETECTORS)
def test_a_bowl_of_fringes_on_a_flat_noisy_phase_is_found(name: str) -> None:
    phase, inside = bowl()
    noise = np.random.default_rng(3).normal(0.0, 0.6, phase.shape)
    score = DETECTORS[name]({"wrapped_phase": wrapped(phase + noise)[np.newaxis]}, PIXEL)
    assert best(score, inside[np.newaxis], name).iou > 0.3


def test_a_decorrelated_patch_is_found_by_low_coherence() -> None:
    _, inside = bowl()
    rng = np.random.default_rng(4)
    coherence = np.clip(np.where(inside, 0.15, 0.7) + rng.normal(0.0, 0.12, inside.shape), 0.0, 1.0)
    score = DETECTORS["low_coherence"]({"coherence": coherence.astype(np.float32)[np.newaxis]}, PIXEL)
    assert best(score, inside[np.newaxis], "low_coherence").iou > 0.7


@pytest.mark.parametrize("name", PHASE_DETECTORS)
def test_a_decorrelated_patch_scores_less_than_fringes_do(name: str) -> None:
    phase, inside = bowl()
    fringes = DETECTORS[name]({"wrapped_phase": wrapped(phase)[np.newaxis]}, PIXEL)[0]
    noise = np.random.default_rng(5).uniform(-np.pi, np.pi, phase.shape)
    patch = DETECTORS[name]({"wrapped_phase": wrapped(np.where(inside, noise, 0.0))[np.newaxis]}, PIXEL)[0]
    assert patch[inside].mean() < 0.5 * fringes[inside].mean()


@pytest.mark.parametrize("pixel", [10.0, 15.0, 20.0])
def test_the_phase_gradient_of_a_ramp_is_its_slope_in_radian_per_metre_up_to_the_edges(pixel: float) -> None:
    down, right = position()
    phase = wrapped((0.03 * down - 0.02 * right) * pixel / PIXEL)[np.newaxis]
    score = DETECTORS["phase_gradient"]({"wrapped_phase": phase}, pixel)
    np.testing.assert_allclose(score, math.hypot(0.03, 0.02), rtol=1e-4)


@pytest.mark.parametrize("wavelength", [2000.0, 500.0, 100.0])
def test_a_ramp_across_the_whole_tile_does_not_trigger_the_high_pass_detector(wavelength: float) -> None:
    down, right = position()
    phase = 2.0 * np.pi / wavelength * (0.6 * down + 0.8 * right) + 1.0
    score = DETECTORS["high_pass_phase"]({"wrapped_phase": wrapped(phase)[np.newaxis]}, PIXEL)
    assert score.max() < 0.01


def test_a_bowl_stands_out_of_a_ramp_as_it_does_of_flat_phase() -> None:
    phase, inside = bowl()
    ramp = 0.01 * position()[1]
    detector = DETECTORS["high_pass_phase"]
    flat, tilted = (detector({"wrapped_phase": wrapped(p)[np.newaxis]}, PIXEL) for p in (phase, phase + ramp))
    assert best(tilted, inside[np.newaxis], "high_pass_phase").iou == pytest.approx(
        best(flat, inside[np.newaxis], "high_pass_phase").iou, abs=0.05
    )


def test_a_raised_block_has_the_high_pass_score_of_its_phase() -> None:
    """A block much smaller than the surroundings: their mean phase stays 0, and the block's own is told."""
    block = np.zeros((1, SIDE, SIDE), np.float32)
    block[0, 60:68, 60:68] = 1.0
    score = DETECTORS["high_pass_phase"]({"wrapped_phase": block}, PIXEL)
    assert score[0, 64, 64] == pytest.approx(1.0, abs=0.2)
    assert score[0, 10, 10] == pytest.approx(0.0, abs=0.02)


def test_the_low_coherence_score_is_what_is_missing_to_one() -> None:
    coherence = np.full((1, 32, 32), 0.3, np.float32)
    np.testing.assert_allclose(DETECTORS["low_coherence"]({"coherence": coherence}, PIXEL), 0.7, atol=1e-6)


# What the detectors do not depend on


@pytest.mark.parametrize("name", PHASE_DETECTORS)
def test_a_constant_in_the_phase_does_not_matter(name: str) -> None:
    bands = interferogram()
    shifted = {"wrapped_phase": wrapped(bands["wrapped_phase"] + 2.0)}
    np.testing.assert_allclose(DETECTORS[name](bands, PIXEL), DETECTORS[name](shifted, PIXEL), atol=2e-3)


@pytest.mark.parametrize("name", PHASE_DETECTORS)
def test_the_sign_of_the_phase_does_not_matter(name: str) -> None:
    bands = interferogram()
    flipped = {"wrapped_phase": -bands["wrapped_phase"]}
    np.testing.assert_allclose(DETECTORS[name](bands, PIXEL), DETECTORS[name](flipped, PIXEL), atol=2e-3)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_turned_tile_has_the_turned_score(name: str) -> None:
    bands = interferogram()
    turned = {band: np.rot90(values, axes=(1, 2)) for band, values in bands.items()}
    expected = np.rot90(DETECTORS[name](bands, PIXEL), axes=(1, 2))
    np.testing.assert_allclose(DETECTORS[name](turned, PIXEL), expected, atol=2e-3)


@pytest.mark.parametrize("name", DETECTORS)
def test_tiles_of_a_batch_do_not_see_each_other(name: str) -> None:
    bands = interferogram()
    alone = {band: values[1:] for band, values in bands.items()}
    np.testing.assert_allclose(DETECTORS[name](bands, PIXEL)[1:], DETECTORS[name](alone, PIXEL), atol=1e-5)


@pytest.mark.parametrize("name", DETECTORS)
def test_the_bands_are_left_as_they_were(name: str) -> None:
    bands = interferogram()
    DETECTORS[name](bands, PIXEL)
    for band, values in interferogram().items():
        np.testing.assert_array_equal(bands[band], values)


# The form of the scores, and nodata


@pytest.mark.parametrize("name", DETECTORS)
def test_scores_are_float32_in_the_detectors_range(name: str) -> None:
    score = DETECTORS[name](interferogram(), PIXEL)
    assert score.dtype == np.float32
    assert score.shape == (2, SIDE, SIDE)
    assert score.min() >= 0.0
    assert score.max() <= DETECTORS[name].highest


@pytest.mark.parametrize("name", DETECTORS)
def test_nodata_has_the_lowest_score_and_there_is_no_nan(name: str) -> None:
    bands = interferogram()
    gap = np.zeros((2, SIDE, SIDE), bool)
    gap[0, 20:50, 30:90] = True
    score = DETECTORS[name]({band: np.where(gap, np.float32(np.nan), v) for band, v in bands.items()}, PIXEL)
    assert (score[gap] == 0.0).all()
    assert np.isfinite(score).all()


@pytest.mark.parametrize("name", DETECTORS)
def test_a_tile_of_nodata_alone_scores_0(name: str) -> None:
    empty = np.full((1, 16, 16), np.nan, np.float32)
    assert (DETECTORS[name]({"wrapped_phase": empty, "coherence": empty}, PIXEL) == 0.0).all()


def test_a_gap_changes_nothing_around_it_where_all_is_alike() -> None:
    down, _ = position()
    gap = np.hypot(*position()) < 200.0
    phase = np.where(gap, np.float32(np.nan), wrapped(0.02 * down))[np.newaxis]
    coherence = np.where(gap, np.float32(np.nan), np.float32(0.6))[np.newaxis]
    bands, around = {"wrapped_phase": phase, "coherence": coherence}, ~gap[np.newaxis]
    for name, expected in {"low_coherence": 0.4, "phase_gradient": 0.02, "high_pass_phase": 0.0}.items():
        np.testing.assert_allclose(DETECTORS[name](bands, PIXEL)[around], expected, atol=1e-3, err_msg=name)


def test_a_detector_has_2000_bins_from_0_to_the_end_of_its_range() -> None:
    for detector in DETECTORS.values():
        assert detector.edges.dtype == np.float32
        assert detector.edges.size == 2001
        assert (detector.edges[0], detector.edges[-1]) == (0.0, np.float32(detector.highest))


def test_each_detector_reads_only_its_own_band() -> None:
    bands = interferogram()
    for detector in DETECTORS.values():
        np.testing.assert_array_equal(
            detector(bands, PIXEL), detector({detector.band: bands[detector.band]}, PIXEL)
        )


# The scan of thresholds


def test_a_perfect_score_gives_an_iou_of_1() -> None:
    truth = np.random.default_rng(1).random((3, 20, 20)) < 0.2
    scan = ThresholdScan(EDGES)
    scan.add(truth.astype(np.float32), truth, np.ones(truth.shape, bool))
    found = scan.best()
    assert (found.iou, found.f1, found.precision, found.recall) == (1.0, 1.0, 1.0, 1.0)


def test_a_constant_score_gives_the_prevalence() -> None:
    truth = np.random.default_rng(2).random((3, 20, 20)) < 0.2
    scan = ThresholdScan(EDGES)
    scan.add(np.full(truth.shape, 0.4, np.float32), truth, np.ones(truth.shape, bool))
    found = scan.best()
    assert (found.iou, found.precision, found.recall) == (truth.mean(), truth.mean(), 1.0)


def test_the_best_threshold_is_the_best_of_all_tried_one_by_one() -> None:
    rng = np.random.default_rng(3)
    truth, valid = rng.random((2, 30, 30)) < 0.3, rng.random((2, 30, 30)) < 0.8
    score = np.clip(rng.normal(0.4, 0.2, truth.shape) + 0.2 * truth, 0.0, 1.2).astype(np.float32)
    score[0, :15] = rng.choice(EDGES, (15, 30))  # scores that lie on an edge, too

    tried = {}
    for threshold in EDGES[:-1]:
        mask = (score >= threshold)[valid]
        tried[float(threshold)] = (mask & truth[valid]).sum() / (mask | truth[valid]).sum()

    scan = ThresholdScan(EDGES)
    scan.add(score, truth, valid)
    assert scan.best().iou == max(tried.values())
    assert tried[scan.best().threshold] == max(tried.values())
    for threshold, iou in tried.items():
        assert scan.at(threshold).iou == iou


def test_precision_recall_and_f1_are_those_of_the_mask_at_the_threshold() -> None:
    rng = np.random.default_rng(4)
    truth = rng.random(500) < 0.3
    score = np.clip(rng.normal(0.4, 0.2, 500) + 0.3 * truth, 0.0, 1.0).astype(np.float32)
    scan = ThresholdScan(EDGES)
    scan.add(score, truth, np.ones(500, bool))
    found = scan.best()
    mask = score >= found.threshold
    assert found.precision == pytest.approx(truth[mask].mean())
    assert found.recall == pytest.approx(mask[truth].mean())
    assert found.f1 == pytest.approx(2 / (1 / found.precision + 1 / found.recall))


def test_of_equally_good_thresholds_the_highest_is_taken() -> None:
    scan = ThresholdScan(np.array([0.0, 0.25, 0.5, 0.75, 1.0], np.float32))
    scan.add(np.array([0.1, 0.6], np.float32), np.array([False, True]), np.ones(2, bool))
    assert scan.best().threshold == 0.5


def test_adding_in_parts_equals_adding_at_once() -> None:
    rng = np.random.default_rng(5)
    score, truth, valid = (
        rng.random((6, 9, 9), np.float32),
        rng.random((6, 9, 9)) < 0.3,
        rng.random((6, 9, 9)) < 0.7,
    )
    whole, parts = ThresholdScan(EDGES), ThresholdScan(EDGES)
    whole.add(score, truth, valid)
    for part in (slice(0, 1), slice(1, 4), slice(4, 6)):
        parts.add(score[part], truth[part], valid[part])
    assert parts.best() == whole.best()
    np.testing.assert_array_equal(parts.histogram.positives, whole.histogram.positives)
    np.testing.assert_array_equal(parts.histogram.negatives, whole.histogram.negatives)


def test_all_pixels_added_count_alike_whatever_their_tile() -> None:
    scan = ThresholdScan(np.array([0.0, 0.5, 1.0], np.float32))
    scan.add(np.full(1, 0.9, np.float32), np.ones(1, bool), np.ones(1, bool))
    scan.add(np.full(9, 0.9, np.float32), np.zeros(9, bool), np.ones(9, bool))
    assert scan.at(0.5).iou == 0.1  # the mean over tiles would be 0.5


def test_invalid_pixels_do_not_count() -> None:
    rng = np.random.default_rng(6)
    score, truth, valid = rng.random(400, np.float32), rng.random(400) < 0.3, rng.random(400) < 0.6
    masked, cut = ThresholdScan(EDGES), ThresholdScan(EDGES)
    masked.add(np.where(valid, score, np.float32(np.nan)), truth, valid)
    cut.add(score[valid], truth[valid], np.ones(valid.sum(), bool))
    assert masked.best() == cut.best()
    assert masked.histogram.positives.sum() + masked.histogram.negatives.sum() == valid.sum()


def test_a_threshold_that_finds_nothing_has_no_precision() -> None:
    scan = ThresholdScan(np.array([0.0, 0.5, 1.0], np.float32))
    scan.add(np.array([0.1], np.float32), np.array([True]), np.array([True]))
    assert math.isnan(scan.at(0.5).precision)
    assert (scan.at(0.5).iou, scan.at(0.5).f1, scan.at(0.5).recall) == (0.0, 0.0, 0.0)


def test_scores_beyond_the_last_edge_fall_into_the_last_bin() -> None:
    yes = np.ones(2, bool)
    counts = threshold_scan(np.array([1.0, 7.0], np.float32), yes, yes, np.array([0.0, 0.5, 1.0], np.float32))
    assert counts.positives.tolist() == [0, 2]


def test_masks_of_whole_numbers_count_as_those_of_bool() -> None:
    score = np.array([0.1, 0.6, 0.9], np.float32)
    truth, valid = np.array([0, 1, 1], np.uint8), np.array([1, 1, 0], np.uint8)
    counts = threshold_scan(score, truth, valid, np.array([0.0, 0.5, 1.0], np.float32))
    assert (counts.positives.tolist(), counts.negatives.tolist()) == ([0, 1], [1, 0])


# What is refused


@pytest.mark.parametrize(
    ("bands", "pixel", "error", "words"),
    [
        ({"coherence": np.zeros((1, 4, 4), "f4")}, 15.0, InvalidArgument, "but no 'wrapped_phase'"),
        ({"wrapped_phase": np.zeros((4, 4), "f4")}, 15.0, InvalidArgument, r"shape \(4, 4\); it must be"),
        ({"wrapped_phase": np.zeros((1, 4, 4), "c8")}, 15.0, InvalidType, "complex64; it must be real"),
        (
            {"wrapped_phase": np.full((1, 4, 4), 90.0, "f4")},
            15.0,
            InvalidArgument,
            "from 90 to 90; they must lie",
        ),
        ({"wrapped_phase": np.zeros((1, 4, 4), "f4")}, 0.015, InvalidArgument, "pixel is 0.015; it must lie"),
        ({"wrapped_phase": np.zeros((1, 4, 4), "f4")}, "15", InvalidType, "pixel is '15'"),
    ],
)
def test_bands_that_cannot_be_read_are_refused(bands: Bands, pixel: float, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        DETECTORS["phase_gradient"](bands, pixel)


def test_coherence_in_percent_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="they must lie from 0 to 1: check the unit"):
        DETECTORS["low_coherence"]({"coherence": np.full((1, 4, 4), 45.0, np.float32)}, PIXEL)


def test_a_nan_score_at_a_valid_pixel_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="score holds NaN"):
        ThresholdScan(EDGES).add(np.full(3, np.nan, np.float32), np.ones(3, bool), np.ones(3, bool))


def test_masks_of_floats_or_another_shape_are_refused() -> None:
    score, yes = np.zeros(3, np.float32), np.ones(3, bool)
    with pytest.raises(InvalidType, match="truth is of type float32"):
        ThresholdScan(EDGES).add(score, score, yes)
    with pytest.raises(InvalidArgument, match=r"valid has the shape \(2,\) and score \(3,\)"):
        ThresholdScan(EDGES).add(score, yes, yes[:2])


def test_no_threshold_is_best_without_a_landslide() -> None:
    scan = ThresholdScan(EDGES)
    scan.add(np.zeros(3, np.float32), np.zeros(3, bool), np.ones(3, bool))
    with pytest.raises(InvalidArgument, match="no valid pixel of a landslide was added"):
        scan.best()


def test_a_threshold_between_edges_is_refused_as_its_scores_are_not_known() -> None:
    with pytest.raises(InvalidArgument, match=r"threshold is 0\.123; it must be the lower edge"):
        ThresholdScan(EDGES).at(0.123)


def test_edges_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="ascending"):
        ThresholdScan(np.array([0.0, 0.5, 0.5], np.float32))
