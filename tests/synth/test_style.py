"""Settings: fixed or drawn, by name or one by one, and refused with words where they make no sense."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from insarfeat.errors import InvalidArgument
from insarfeat.synth import (
    CLASSES,
    ELEMENTS,
    IMAGES,
    PLAIN,
    REGIONS,
    LogUniform,
    Normal,
    OneOf,
    Style,
    Uniform,
)
from insarfeat.synth.classes import chosen_classes
from insarfeat.synth.knobs import drawn
from insarfeat.synth.style import (
    STYLES,
    Conditions,
    chosen_elements,
    chosen_style,
    draw_conditions,
)

ALL = frozenset(CLASSES)


def conditions(
    style: Style = PLAIN, seed: int = 1, classes: frozenset[str] = ALL, without: frozenset[str] = frozenset()
) -> Conditions:
    return draw_conditions(style, np.random.default_rng(seed), classes=classes, without=without)


def values(knob: Any, count: int = 4000) -> Any:
    rng = np.random.default_rng(1)
    return np.array([drawn(knob, rng) for _ in range(count)])


# Spreads


def test_uniform_covers_its_range_evenly() -> None:
    drawn_values = values(Uniform(30.0, 46.0))
    assert drawn_values.min() >= 30.0
    assert drawn_values.max() <= 46.0
    np.testing.assert_allclose(np.quantile(drawn_values, [0.25, 0.5, 0.75]), [34.0, 38.0, 42.0], atol=0.6)


def test_log_uniform_gives_each_order_of_magnitude_the_same_share() -> None:
    drawn_values = values(LogUniform(1.0, 1000.0))
    np.testing.assert_allclose(
        np.quantile(np.log10(drawn_values), [0.25, 0.5, 0.75]), [0.75, 1.5, 2.25], atol=0.1
    )
    assert 1.0 <= drawn_values.min() <= drawn_values.max() <= 1000.0


def test_normal_has_its_mean_and_deviation() -> None:
    drawn_values = values(Normal(3.0, 2.0))
    assert drawn_values.mean() == pytest.approx(3.0, abs=0.12)
    assert drawn_values.std() == pytest.approx(2.0, rel=0.05)


def test_one_of_follows_its_weights_and_draws_from_spreads() -> None:
    drawn_values = values(OneOf((0.0, Uniform(5.0, 6.0)), weights=(3.0, 1.0)))
    assert (drawn_values == 0.0).mean() == pytest.approx(0.75, abs=0.03)
    assert ((drawn_values == 0.0) | ((drawn_values >= 5.0) & (drawn_values <= 6.0))).all()


def test_one_of_with_a_deviation_scatters_about_its_values() -> None:
    drawn_values = values(OneOf((-12.0, -168.0), deviation=3.0))
    ascending = drawn_values[drawn_values > -90.0]
    assert len(ascending) / len(drawn_values) == pytest.approx(0.5, abs=0.03)
    assert ascending.mean() == pytest.approx(-12.0, abs=0.3)
    assert ascending.std() == pytest.approx(3.0, rel=0.06)


def test_one_of_among_keeps_the_shares_of_what_is_left() -> None:
    left = OneOf(("a", "b", "c"), weights=(1.0, 2.0, 3.0)).among(frozenset("ac"))
    assert left == OneOf(("a", "c"), weights=(1.0, 3.0))
    assert OneOf(("a",)).among(frozenset("z")) is None


def test_fixed_values_stay_what_they_are() -> None:
    assert set(values(7.5, 10)) == {7.5}
    assert drawn("goldstein", np.random.default_rng(1)) == "goldstein"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Uniform(2.0, 1.0), "runs backwards"),
        (lambda: Uniform(float("nan"), 1.0), "runs backwards"),
        (lambda: LogUniform(0.0, 1.0), "from above 0"),
        (lambda: LogUniform(5.0, 1.0), "upwards"),
        (lambda: OneOf(()), "one weight for each"),
        (lambda: OneOf((1.0, 2.0), weights=(1.0,)), "one weight for each"),
        (lambda: OneOf((1.0, 2.0), weights=(0.0, 0.0)), "weights"),
        (lambda: OneOf((1.0, 2.0), weights=(-1.0, 2.0)), "weights"),
        (lambda: Normal(0.0, -1.0), "deviation"),
    ],
)
def test_spreads_that_cannot_be_drawn_from_are_refused(make: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        make()


# Styles


def test_styles_go_by_name() -> None:
    assert {name: chosen_style(name) for name in ("plain", "shifted", "images")} == STYLES
    assert chosen_style(IMAGES) is IMAGES


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: chosen_style("real"),
            "style is 'real'; it must be a Style or one of plain, shifted, images",
        ),
        (lambda: PLAIN.with_(lokks=3), "no setting lokks; it has incidence"),
        (lambda: chosen_elements(["noise", "speckle"]), "without has speckle; elements are terrain"),
        (lambda: chosen_classes(["XX"]), "classes has XX; known are CF"),
        (lambda: chosen_classes([]), "nothing in it"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(call: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        call()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"looks": 0.0}, "looks"),
        ({"looks": 0.5}, "looks"),
        ({"incidence": 0.68}, "incidence"),
        ({"days": -6.0}, "days"),
        ({"phase_filter": "gaussian"}, "phase_filter"),
        ({"regions": "andes"}, "regions"),
        ({"coherence_window": 0.5}, "coherence_window"),
        ({"cell": 0.0}, "cell"),
        ({"grain": 0.0}, "grain"),
        ({"covered": 1.5}, "covered"),
    ],
)
def test_settings_that_no_radar_has_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        conditions(PLAIN.with_(**settings))


def test_a_single_name_does_for_a_list_of_one() -> None:
    assert chosen_elements("noise") == {"noise"}
    assert chosen_classes("CF") == {"CF"}


# What a scene draws


def test_plain_scenes_are_drawn_from_the_documented_ranges() -> None:
    many = [conditions(seed=seed) for seed in range(1500)]
    incidence = np.array([each.incidence for each in many])
    assert 30.0 <= incidence.min() < 30.5
    assert 45.5 < incidence.max() <= 46.0
    away = [min(abs(each.heading + 12.0), abs(each.heading + 168.0)) for each in many]
    assert np.sqrt(np.mean(np.square(away))) == pytest.approx(3.0, rel=0.1)
    assert all(4.0 <= each.looks <= 20.0 and 20.0 <= each.grain <= 30.0 for each in many)
    assert all(2.6 <= each.turbulence_slope <= 3.7 for each in many)
    bad_days = np.mean([each.turbulence >= 6.0 for each in many])
    assert bad_days == pytest.approx(0.2, abs=0.03)
    assert all(0.5 <= each.turbulence <= 12.0 for each in many)
    assert np.std([each.stratified for each in many]) == pytest.approx(6e-6, rel=0.06)
    assert all(1.0 <= each.dem_error <= 4.0 for each in many)
    spread = np.std([each.perpendicular for each in many])
    assert 30.0 < spread < 60.0


def test_filters_come_in_their_shares() -> None:
    names = [conditions(seed=seed).phase_filter for seed in range(3000)]
    shares = [names.count(name) / len(names) for name in ("goldstein", "boxcar", "none")]
    np.testing.assert_allclose(shares, [0.6, 0.1, 0.3], atol=0.03)


def test_days_come_in_their_shares_in_the_apennines() -> None:
    style = PLAIN.with_(regions="apennines")
    days = [conditions(style, seed).days for seed in range(3000)]
    shares = [days.count(each) / len(days) for each in (6.0, 12.0, 18.0, 24.0, 30.0)]
    np.testing.assert_allclose(shares, [0.30, 0.30, 0.15, 0.13, 0.12], atol=0.03)


def test_slow_classes_are_seen_over_longer_times() -> None:
    style = PLAIN.with_(regions="slow alps")
    assert {conditions(style, seed).days for seed in range(200)} == {30.0, 60.0, 90.0, 365.0}


@pytest.mark.parametrize("code", sorted(CLASSES))
def test_asked_classes_alone_occur_where_they_are_at_home(code: str) -> None:
    for seed in range(5):
        region = conditions(seed=seed, classes=frozenset([code])).region
        assert region.classes.values == (code,)
        assert code in REGIONS[region.name].classes.values


def test_a_class_that_a_style_does_not_have_comes_from_its_home() -> None:
    made = conditions(PLAIN.with_(regions="apennines"), classes=frozenset(["EV"]))
    assert made.region.name == "event"


@pytest.mark.parametrize("element", sorted(ELEMENTS))
def test_what_is_left_out_changes_no_other_condition(element: str) -> None:
    made, less = conditions(seed=4), conditions(seed=4, without=frozenset([element]))
    assert replace(less, without=made.without) == made
    assert made.has(element)
    assert not less.has(element)


def test_air_varies_over_a_cell_as_asked() -> None:
    """The mean variance inside a square is half the mean structure function over its pairs of points."""
    rng = np.random.default_rng(1)
    points = rng.uniform(0.0, 2400.0, (2, 20_000, 2))
    distance = np.hypot(*(points[0] - points[1]).T)
    for seed in range(20):
        made = conditions(seed=seed)
        of_cell = np.sqrt(made.air.structure(distance).mean() / 2.0) * made.air_deviation
        assert of_cell * 1000.0 == pytest.approx(made.turbulence, rel=0.08)


def test_every_drawn_setting_is_a_setting_of_the_style() -> None:
    of_scene = {field.name for field in fields(Conditions)} - {"region", "without"}
    assert of_scene <= {field.name for field in fields(Style)}


def test_a_relief_below_nothing_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"relief of the style is -1.0; it must lie from 0.01 to 20"):
        PLAIN.with_(relief=-1.0).draw_relief(np.random.default_rng(1))
