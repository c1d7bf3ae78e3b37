"""The power law of areas, against laws that are known because they were drawn from, and against work by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from insarfeat import inventory
from insarfeat.errors import InvalidArgument, InvalidType


def drawn(seed: int, count: int, *, exponent: float = 2.4, smallest: float = 1000.0, share: float = 0.6):
    """Areas of which a share follows the law, and the others lie below it with another density."""
    random = np.random.default_rng(seed)
    above = random.binomial(count, share)
    tail = smallest * (1 - random.random(above)) ** (-1 / (exponent - 1))
    return np.concatenate([tail, smallest * random.random(count - above) ** 0.7])


def test_a_case_by_hand():
    # Logarithms over the smallest are 0, 1, 2 and 3: alpha = 1 + 4 / 6.
    areas = 500.0 * np.exp([3.0, 0.0, 2.0, 1.0])
    law = inventory.frequency_area([*areas, 20.0], smallest=500.0)
    assert law.exponent == pytest.approx(5 / 3, rel=1e-14)
    assert (law.in_tail, law.smallest, law.estimated) == (4, 500.0, False)
    # The law's cumulative distribution there is 1 - exp(-2/3 k); the empirical one jumps by 1/4 at each.
    gaps = [max((k + 1) / 4 - (1 - math.exp(-2 / 3 * k)), 1 - math.exp(-2 / 3 * k) - k / 4) for k in range(4)]
    assert law.ks_distance == pytest.approx(max(gaps), rel=1e-12)
    # Quantiles of chi-squared with 8 degrees of freedom, from tables: 2.180 and 17.535.
    assert law.interval.low == pytest.approx(1 + 2 / 3 * 2.180 / 8, abs=1e-4)
    assert law.interval.high == pytest.approx(1 + 2 / 3 * 17.535 / 8, abs=1e-4)
    assert law.interval.method == "exact"


def test_distance_agrees_with_scipy():
    areas = drawn(1, 300, share=1.0)
    law = inventory.frequency_area(areas, smallest=1000.0)
    peer = scipy.stats.kstest(areas, scipy.stats.pareto(law.exponent - 1, scale=1000.0).cdf)
    assert law.ks_distance == pytest.approx(peer.statistic, rel=1e-9)


@pytest.mark.parametrize("exponent", [1.8, 2.4, 3.3])
def test_a_known_exponent_comes_back(exponent: float):
    law = inventory.frequency_area(drawn(2, 20_000, exponent=exponent), smallest=1000.0)
    deviation = (exponent - 1) / math.sqrt(law.in_tail)
    assert abs(law.exponent - exponent) < 3 * deviation


def test_the_exact_interval_covers_as_often_as_it_says():
    hits = 0
    for seed in range(400):
        law = inventory.frequency_area(drawn(seed, 40), smallest=1000.0, confidence=0.8)
        hits += law.interval.low <= 2.4 <= law.interval.high
    assert 0.74 < hits / 400 < 0.86  # three standard deviations


def test_the_bootstrap_interval_covers_nearly_as_often():
    laws = [inventory.frequency_area(drawn(seed, 150), confidence=0.8, seed=seed) for seed in range(40)]
    hits = sum(law.interval.low <= 2.4 <= law.interval.high for law in laws)
    assert 24 <= hits <= 38
    assert np.median([law.smallest for law in laws]) == pytest.approx(1000.0, rel=0.15)
    assert {law.interval.method for law in laws} == {"bootstrap"}


def closest_by_trial(areas: np.ndarray) -> tuple[float, float, float]:
    """Distance, smallest area and exponent of the closest law, every area tried that leaves 10."""
    best = (math.inf, 0.0, 0.0)
    for smallest in np.unique(np.sort(areas)[:-9]):
        tail = np.sort(areas[areas >= smallest])
        exponent = 1 + len(tail) / np.log(tail / smallest).sum()
        law = 1 - (tail / smallest) ** (1 - exponent)
        steps = np.arange(len(tail) + 1) / len(tail)
        distance = max((steps[1:] - law).max(), (law - steps[:-1]).max())
        best = min(best, (distance, smallest, exponent))
    return best


def test_the_bootstrap_estimates_everything_anew():
    areas = np.sort(drawn(9, 40))
    random = np.random.default_rng(11)
    found = [closest_by_trial(areas[random.integers(0, 40, 40)])[2] for _ in range(500)]
    law = inventory.frequency_area(areas, seed=11, confidence=0.9)
    assert (law.interval.low, law.interval.high) == pytest.approx(np.percentile(found, (5, 95)), rel=1e-9)


def test_ten_areas_are_enough():
    law = inventory.frequency_area(np.geomspace(1.0, 50.0, 10))
    assert (law.in_tail, law.smallest) == (10, 1.0)


def test_smallest_is_where_the_law_is_closest():
    areas = np.sort(drawn(3, 120))
    best = closest_by_trial(areas)
    law = inventory.frequency_area(areas)
    assert law.estimated
    assert law.smallest == best[1]
    assert law.ks_distance == pytest.approx(best[0], rel=1e-9)
    assert law.exponent == pytest.approx(best[2], rel=1e-12)


def test_of_many_areas_some_are_tried_and_the_law_is_found():
    law = inventory.frequency_area(drawn(4, 5000))
    assert law.smallest == pytest.approx(1000.0, rel=0.2)
    assert law.interval.low < 2.4 < law.interval.high
    assert law.interval.high - law.interval.low < 0.25


def test_order_scale_and_seed():
    areas = drawn(5, 200)
    law = inventory.frequency_area(areas, seed=1)
    again = inventory.frequency_area(areas[::-1].tolist(), seed=1)
    assert (law.exponent, law.interval, law.smallest) == (again.exponent, again.interval, again.smallest)
    assert inventory.frequency_area(areas, seed=2).interval != law.interval
    larger = inventory.frequency_area(areas * 1024, seed=1)
    assert larger.exponent == pytest.approx(law.exponent, rel=1e-12)
    assert larger.smallest == pytest.approx(1024 * law.smallest)
    assert inventory.frequency_area(areas, confidence=0.5).interval.low > law.interval.low


def test_input_stays_as_it_was():
    areas = drawn(6, 50)
    before = areas.copy()
    inventory.frequency_area(areas, smallest=1000.0)
    assert np.array_equal(areas, before)
    areas[0] = 1.0  # still writeable


@pytest.mark.parametrize("bins_per_decade", [1, 5, 12])
def test_every_area_is_in_the_table_once(bins_per_decade: int):
    law = inventory.frequency_area([*drawn(7, 500), 10.0, 1000.0, 1e5, 1e6], smallest=1000.0)
    table = law.table(bins_per_decade)
    assert table["count"].sum() == 504
    assert table["count"].iloc[0] > 0
    assert (table["density"] * table["width"]).sum() == pytest.approx(1)
    left = table["centre"] / 10 ** (0.5 / bins_per_decade)
    assert np.isclose(left, 1000.0).any()
    for start, width, count in zip(left, table["width"], table["count"], strict=True):
        inside = (law.areas >= start * (1 - 1e-9)) & (law.areas < (start + width) * (1 - 1e-9))
        assert count == inside.sum()


def test_fitted_density_is_the_law_and_nothing_below():
    law = inventory.frequency_area(drawn(8, 4000), smallest=1000.0)
    places = np.geomspace(1000.0, 1e9, 20_001)
    assert scipy.integrate.trapezoid(law.density(places), places) == pytest.approx(
        law.in_tail / 4000, rel=1e-3
    )
    assert law.density(2000.0) / law.density(1000.0) == pytest.approx(2**-law.exponent)
    assert np.isnan(law.density([0.0, 999.0])).all()
    table = law.table()
    assert table["fitted_density"].isna().equals(table["centre"] < 1000.0)
    full = table[table["count"] > 30]
    ratio = (full["density"] / full["fitted_density"])[full["centre"] > 1000.0]
    assert len(ratio) >= 3
    assert ratio.between(0.75, 1.33).all()


@pytest.mark.parametrize(
    ("areas", "options", "error", "match"),
    [
        ([1.0, np.nan, -2.0], {}, InvalidArgument, "2 value.* not positive and finite, the first nan"),
        ([0.0, 1.0], {}, InvalidArgument, r"areas\[areas > 0\]"),
        ([], {}, InvalidArgument, "one dimension"),
        ([[1.0, 2.0]], {}, InvalidArgument, r"shape \(1, 2\)"),
        (["large"], {}, InvalidType, "areas_of"),
        (None, {}, InvalidArgument, "one dimension"),
        (range(1, 6), {}, InvalidArgument, "areas are 5 .* needs 10"),
        ([7.0] * 30, {}, InvalidArgument, "not all the same"),
        ([1.0, 2.0], {"smallest": 3.0}, InvalidArgument, "lower it"),
        ([1.0, 2.0], {"smallest": 2.0}, InvalidArgument, "1 of the areas"),
        ([2.0, 2.0], {"smallest": 2.0}, InvalidArgument, "one that is larger"),
        ([1.0, 2.0], {"smallest": 0}, InvalidArgument, "positive and finite"),
        ([1.0, 2.0], {"smallest": "1"}, InvalidType, "number in m2"),
        ([1.0, 2.0], {"confidence": 95}, InvalidArgument, "between 0 and 1"),
        ([1.0, 2.0], {"confidence": "95"}, InvalidArgument, "between 0 and 1"),
        ([1.0, 2.0], {"seed": 0.5}, InvalidArgument, "seed must be a whole number"),
    ],
)
def test_bad_input_is_named(areas, options, error, match):
    with pytest.raises(error, match=match):
        inventory.frequency_area(areas, **options)


def test_bad_bins_are_named():
    law = inventory.frequency_area([1.0, 2.0], smallest=1.0)
    with pytest.raises(InvalidArgument, match="bins_per_decade must be a whole number, from 1"):
        law.table(0)
