"""The rules: scores by their formula, reasons in order."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insarfeat.errors import InvalidArgument
from insarfeat.pairs import Quality, Rules

GOOD = Quality(
    coverage=0.95,
    decorrelated=0.1,
    mean_coherence=0.7,
    coherence_from="layer",
    fringes_down=0.3,
    fringes_across=-0.4,
    ramp=0.5,
    stratified=0.8,
    stratified_slope=-0.1,
    turbulence=0.3,
    noise=0.6,
    unit="m",
)

LIMITS = [one.name for one in dataclasses.fields(Rules) if one.name != "min_score"]


def test_a_good_pair_is_kept_without_reasons() -> None:
    found = Rules().judge(GOOD)
    assert found.keep
    assert found.reasons == ()
    assert 0.9 < found.score < 1


@pytest.mark.parametrize("name", LIMITS)
def test_at_its_limit_every_number_scores_a_half_and_is_still_kept(name: str) -> None:
    rules = Rules()
    found = rules.judge(dataclasses.replace(GOOD, **{name: getattr(rules, name)}))
    assert found.score == pytest.approx(0.5)
    assert found.keep


@pytest.mark.parametrize("name", LIMITS)
def test_past_its_limit_every_number_is_the_reason(name: str) -> None:
    rules = Rules()
    factor = 0.5 if name in ("coverage", "mean_coherence") else 2.0
    found = rules.judge(dataclasses.replace(GOOD, **{name: factor * getattr(rules, name)}))
    assert not found.keep
    assert found.score == pytest.approx(1 / 17)
    assert len(found.reasons) == 1
    assert "limit" in found.reasons[0]


def test_reasons_come_worst_first_in_plain_words() -> None:
    poor = dataclasses.replace(GOOD, decorrelated=0.58, turbulence=2.5, ramp=11.0)
    assert Rules().judge(poor).reasons == (
        "turbulence of 2.5 rad from 1 to 5 km (limit 0.8 rad)",
        "58 % of the valid pixels are decorrelated (limit 50 %)",
        "the phase ramps by 11 fringes across the scene (limit 10 fringes)",
    )


@given(
    st.floats(0.001, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 40),
    st.floats(0, 3),
    st.floats(0, 1.8),
)
def test_a_pair_is_kept_exactly_if_no_limit_is_passed(
    coverage: float, decorrelated: float, coherence: float, ramp: float, turbulence: float, noise: float
) -> None:
    rules = Rules()
    quality = dataclasses.replace(
        GOOD,
        coverage=coverage,
        decorrelated=decorrelated,
        mean_coherence=coherence,
        ramp=ramp,
        turbulence=turbulence,
        noise=noise,
    )
    found = rules.judge(quality)
    past = [name for name in LIMITS if rules.passes(name, getattr(quality, name))]
    if all(abs(getattr(quality, name) / getattr(rules, name) - 1) > 1e-9 for name in LIMITS):
        assert found.keep == (not past)
        assert len(found.reasons) == len(past)
    assert 0 <= found.score <= 1


def test_what_is_not_known_is_not_judged() -> None:
    blind = dataclasses.replace(GOOD, stratified=math.nan, turbulence=math.nan, ramp=math.nan)
    assert Rules().judge(blind).score == Rules().judge(GOOD).score


def test_without_any_phase_there_is_nothing_to_keep() -> None:
    empty = dataclasses.replace(GOOD, coverage=0.0, noise=math.nan)
    found = Rules().judge(empty)
    assert (found.keep, found.score, found.reasons) == (False, 0.0, ("no pixel has a phase",))


def test_a_stricter_score_rejects_what_is_near_a_limit_and_says_so() -> None:
    found = Rules(min_score=0.8).judge(dataclasses.replace(GOOD, noise=1.4))
    assert not found.keep
    assert found.reasons == (
        "noise of 1.4 rad from pixel to pixel, near the limit 1.5 rad (score 0.57 below 0.80)",
    )


def test_radar_geometry_is_told_in_pixels() -> None:
    found = Rules().judge(dataclasses.replace(GOOD, turbulence=2.0, unit="pixels"))
    assert "64 to 320 pixels" in found.reasons[0]


@pytest.mark.parametrize(
    "limits",
    [{"ramp": 0}, {"decorrelated": 1.5}, {"noise": math.nan}, {"coverage": "much"}, {"min_score": -1}],
)
def test_impossible_limits_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match="must be a number above 0"):
        Rules().with_limits(limits)


def test_unknown_limits_are_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidArgument, match="no limit 'fog'; there are coverage, decorrelated"):
        Rules().with_limits({"fog": 1})


def test_all_limits_can_be_read() -> None:
    assert Rules().described() == (
        "coverage at least 30 %",
        "decorrelated pixels at most 50 %",
        "mean coherence at least 0.35",
        "ramp at most 10 fringes",
        "stratified phase at most 6.3 rad",
        "turbulence at most 0.8 rad",
        "noise at most 1.5 rad",
    )
