"""What a probability is worth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, xlogy

from insarfeat.errors import InvalidArgument, InvalidType
from zoo.scores import LogitHistogram, Reliability, fit_temperature, logit_histogram, reliability


def drawn(sharpness: float, number: int = 60_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truth drawn with the odds of a logit, and the logits of a network that says them ``sharpness`` times."""
    random = np.random.default_rng(seed)
    honest = random.normal(-1.0, 2.0, number)
    return sharpness * honest, (random.random(number) < expit(honest)).astype(np.uint8)


def test_error_and_brier_score_are_what_hand_says() -> None:
    # 0.1 and 0.3 in the first of two bins, one of both true: |0.2 - 0.5|; 0.5, 0.7 and 1 in the second, all true:
    # |2.2 / 3 - 1|. Weighted with 2/5 and 3/5: 0.12 + 0.16. Squares: 0.81, 0.09, 0.25, 0.09, 0 -> 1.24 / 5.
    table = reliability(np.array([0.1, 0.3, 0.5, 0.7, 1.0]), [1, 0, 1, 1, 1], bins=2)
    assert table.counts.tolist() == [2, 3]
    assert table.expected_calibration_error == pytest.approx(0.4 * 0.3 + 0.6 * (1 - 2.2 / 3))
    assert table.brier == pytest.approx(1.24 / 5)
    np.testing.assert_allclose(table.confidence, [0.2, 2.2 / 3], rtol=1e-6)
    np.testing.assert_allclose(table.frequency, [0.5, 1.0])


def test_brier_score_and_frequencies_are_those_of_scikit_learn() -> None:
    metrics, calibration = pytest.importorskip("sklearn.metrics"), pytest.importorskip("sklearn.calibration")
    logits, true = drawn(1.7, 2000)
    told = expit(logits).astype(np.float32)
    table = reliability(told, true, bins=8)
    assert table.brier == pytest.approx(metrics.brier_score_loss(true, told.astype(float)), rel=1e-9)
    frequency, confidence = calibration.calibration_curve(true, told, n_bins=8)
    np.testing.assert_allclose(table.frequency, frequency)
    np.testing.assert_allclose(table.confidence, confidence, rtol=1e-6)


def test_tables_of_parts_add_up_to_that_of_the_whole() -> None:
    logits, true = drawn(1.0, 500)
    told = expit(logits)
    both = reliability(told[:200], true[:200]) + reliability(told[200:], true[200:])
    whole = reliability(told, true)
    assert both.counts.tolist() == whole.counts.tolist()
    assert both.positives.tolist() == whole.positives.tolist()
    assert both.expected_calibration_error == pytest.approx(whole.expected_calibration_error, rel=1e-12)
    assert both.brier == pytest.approx(whole.brier, rel=1e-12)


def test_pixels_that_do_not_count_change_nothing() -> None:
    told, true = np.array([0.2, 0.9, np.nan, 0.4]), np.array([0, 1, 1, 255], np.uint8)
    assert reliability(told, true, valid=[1, 1, 0, 1]).as_dict() == reliability(told[:2], true[:2]).as_dict()


def test_honest_probabilities_have_a_small_error_and_loud_ones_a_large_one() -> None:
    honest, loud = (
        reliability(expit(logits), true).expected_calibration_error
        for logits, true in (drawn(1.0), drawn(4.0))
    )
    # The standard error of 6,000 pixels in a bin is at most 0.0065.
    assert honest < 0.01
    assert loud > 0.08


def test_a_table_of_nothing_has_no_error_and_other_bins_do_not_fit() -> None:
    assert np.isnan(Reliability.empty().expected_calibration_error)
    assert Reliability.empty().as_dict()["brier"] is None
    with pytest.raises(InvalidArgument, match="of 10 and of 5 bins"):
        Reliability.empty() + Reliability.empty(5)


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_how_loud_a_network_is(sharpness: float) -> None:
    found = fit_temperature(logit_histogram(*drawn(sharpness)))
    assert found.value == pytest.approx(sharpness, rel=0.03)
    assert found.loss_after <= found.loss_before


def test_the_temperature_is_that_of_a_fit_to_single_pixels() -> None:
    logits, true = drawn(2.2, 5000)

    def loss(log_t: float) -> float:
        told = expit(logits / np.exp(log_t))
        return -float(np.mean(xlogy(true, told) + xlogy(1 - true, 1 - told)))

    known = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    found = fit_temperature(logit_histogram(logits, true))
    assert found.value == pytest.approx(np.exp(known.x), rel=1e-4)
    assert found.loss_after == pytest.approx(known.fun, rel=1e-5)
    assert found.loss_before == pytest.approx(loss(0.0), rel=1e-5)


def test_the_temperature_is_a_logistic_regression_through_0() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    logits, true = drawn(1.6, 5000)
    fitted = linear.LogisticRegression(C=1e9, fit_intercept=False, tol=1e-10).fit(logits[:, None], true)
    found = fit_temperature(logit_histogram(logits, true))
    assert 1.0 / found.value == pytest.approx(float(fitted.coef_[0, 0]), rel=1e-4)


def test_logits_of_tiles_add_up_and_huge_ones_keep_their_size() -> None:
    logits, true = np.array([-90.0, -1.0, 2.0, 70.0]), np.array([0, 1, 1, 1])
    both = logit_histogram(logits[:2], true[:2]) + logit_histogram(logits[2:], true[2:])
    known = (np.log1p(np.exp(1.0)) + np.log1p(np.exp(-2.0))) / 4
    assert (LogitHistogram.empty() + both).log_loss(1.0) == pytest.approx(known)


def test_a_network_that_is_always_right_may_be_as_loud_as_allowed() -> None:
    found = fit_temperature(logit_histogram(np.array([3.0, -3.0]), [1, 0]))
    assert found.value == pytest.approx(0.05, rel=1e-4)


def test_a_temperature_needs_both_and_numbers() -> None:
    with pytest.raises(InvalidArgument, match="slides only, or background only"):
        fit_temperature(logit_histogram(np.array([1.0]), [1]))
    with pytest.raises(InvalidArgument, match="no finite numbers"):
        logit_histogram(np.array([np.inf]), [1])
    with pytest.raises(InvalidType, match="logits is of type int64"):
        logit_histogram(np.array([1]), [1])
