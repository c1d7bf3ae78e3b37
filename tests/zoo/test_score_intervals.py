"""How sure scores are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from insarfeat.errors import InvalidArgument, InvalidType
from zoo.scores import (
    Counts,
    bootstrap,
    bootstrap_sums,
    bootstrap_weights,
    poisson_rate,
    wilson,
    with_intervals,
)

ROWS = np.random.default_rng(5).integers(0, 30, (25, 4))


def iou(row: np.ndarray) -> float:
    return float(row[0] / row[:3].sum())


@pytest.mark.parametrize(("found", "total"), [(0, 7), (3, 10), (109, 117), (5, 5)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_is_that_of_scipy(found: int, total: int, confidence: float) -> None:
    known = stats.binomtest(found, total).proportion_ci(confidence, method="wilson")
    interval = wilson(found, total, confidence=confidence)
    assert (interval.low, interval.high) == pytest.approx((known.low, known.high), abs=1e-12)
    assert interval.value == found / total


@pytest.mark.parametrize("count", [0, 1, 4, 250])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_garwood_is_chi_square(count: int, confidence: float) -> None:
    tail = (1 - confidence) / 2
    low = stats.chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    high = stats.chi2.ppf(1 - tail, 2 * count + 2) / 2
    interval = poisson_rate(count, 2.5, confidence=confidence)
    assert (interval.low, interval.high) == pytest.approx((low / 2.5, high / 2.5), rel=1e-10)


def test_garwood_holds_what_it_promises() -> None:
    # Both ends are the rates at which as many events, or as few, would be a surprise of 2.5 percent.
    interval = poisson_rate(6, 1.0)
    assert stats.poisson.sf(5, interval.low) == pytest.approx(0.025)
    assert stats.poisson.cdf(6, interval.high) == pytest.approx(0.025)


def test_bootstrap_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    values = np.random.default_rng(0).normal(10.0, 2.0, 400)
    interval = bootstrap_sums(
        np.stack([values, np.ones(400)], 1), lambda row: row[0] / row[1], resamples=4000
    )
    error = values.std() / 20.0
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_lists_sums_and_weights_draw_the_same_tiles() -> None:
    of_sums = bootstrap_sums(ROWS, iou, resamples=200, seed=3)
    of_lists = bootstrap(list(ROWS), lambda tiles: iou(np.sum(tiles, axis=0)), resamples=200, seed=3)
    of_weights = bootstrap_weights(len(ROWS), lambda times: iou(times @ ROWS), resamples=200, seed=3)
    assert of_sums == of_lists == of_weights


def test_the_seed_decides_and_nothing_else() -> None:
    first, again, other = (bootstrap_sums(ROWS, iou, resamples=100, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.value == other.value
    assert (first.low, first.high) != (other.low, other.high)


def test_tiles_of_one_ground_count_as_one() -> None:
    # Each tile ten times over says no more than once, if the ten are drawn together.
    groups = np.repeat(np.arange(len(ROWS)), 10).tolist()
    often = bootstrap_sums(np.repeat(ROWS, 10, axis=0), iou, groups=groups)
    once = bootstrap_sums(ROWS, iou)
    assert (often.low, often.high) == pytest.approx((once.low, once.high), rel=1e-12)
    careless = bootstrap_sums(np.repeat(ROWS, 10, axis=0), iou)
    assert careless.high - careless.low < 0.5 * (once.high - once.low)


def test_groups_without_a_name_stand_alone() -> None:
    assert bootstrap_sums(ROWS, iou, groups=[None] * len(ROWS)) == bootstrap_sums(ROWS, iou)


def test_draws_that_have_no_answer_are_left_out() -> None:
    interval = bootstrap([0, 1], lambda tiles: math.nan if sum(tiles) == 0 else sum(tiles) / 2, seed=0)
    assert (interval.value, interval.low, interval.high) == (0.5, 0.5, 1.0)
    nothing = bootstrap([0, 0], lambda tiles: math.nan)
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.low)


def test_one_tile_alone_says_nothing_about_how_sure_it_is() -> None:
    for interval in (bootstrap_sums(ROWS[:1], iou), bootstrap_sums(ROWS, iou, groups=["dem"] * len(ROWS))):
        assert not math.isnan(interval.value)
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)
        assert str(interval) == f"{interval.value:.3f}"
    assert math.isnan(with_intervals(ROWS[:1, np.newaxis])[0].intervals["f1"].high)


def test_counts_of_parts_get_the_intervals_that_each_would_get_alone() -> None:
    rows = np.stack([ROWS, ROWS[:, [1, 0, 2, 3]]], axis=1)
    first, second = with_intervals(rows, resamples=300, seed=4)
    assert first.counts == Counts.of_row(ROWS.sum(axis=0))
    assert first.intervals["iou"] == bootstrap_sums(ROWS, iou, resamples=300, seed=4)
    known = bootstrap_sums(ROWS, lambda row: row[1] / (row[0] + row[1]), resamples=300, seed=4)
    assert second.intervals["precision"] == known
    assert first.as_dict()["intervals"]["iou"] == [first.intervals["iou"].low, first.intervals["iou"].high]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: wilson(3, 2), InvalidArgument, "found is 3 of a total of 2"),
        (lambda: wilson(1, 2, confidence=95), InvalidArgument, "confidence is 95"),
        (lambda: wilson(0.5, 2), InvalidType, "whole number"),
        (lambda: poisson_rate(1, 0.0), InvalidArgument, "exposure is 0"),
        (lambda: poisson_rate(-1, 1.0), InvalidArgument, "count is -1"),
        (lambda: bootstrap([], len), InvalidArgument, "no tile"),
        (lambda: bootstrap([1], len, groups=[1, 2]), InvalidArgument, "2 name"),
        (lambda: bootstrap_sums([1, 2], len), InvalidArgument, "rows has the shape"),
    ],
)
def test_what_has_no_interval_is_refused(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call()
    assert math.isnan(wilson(0, 0).low)
