"""Where slides lie, how large they are and how fast, over hundreds of cells of mountain ground."""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt
import pytest

from insarfeat.synth import CLASSES, PLAIN, Style
from insarfeat.synth.ground import Land, Surface
from insarfeat.synth.placing import Feature, Placing
from insarfeat.synth.style import draw_conditions
from insarfeat.synth.terrain import EndlessMountains
from insarfeat.windows import Window

PIXEL = 30.0
CELL = 80  # pixels: 2,400 m
WHOLE = Window(0, 0, 8 * CELL, 8 * CELL)
FILL = {
    "flow": 0.517, "ellipse": math.pi / 4.0, "angular": 0.737, "broad": 0.876, "tongue": 0.775, "rampart": 0.786,
    "fan": 0.546,
}  # fmt: skip
"""Area as a share of the rectangle: another test holds what is drawn to it."""


def placing_of(style: Style, code: str | None = None, seed: int = 3) -> Placing:
    classes = frozenset(CLASSES if code is None else [code])
    conditions = draw_conditions(style, np.random.default_rng(seed), classes=classes, without=frozenset())
    return Placing(seed, PIXEL, style, conditions)


@functools.cache
def ground() -> Surface:
    conditions = placing_of(PLAIN).conditions
    return Land(EndlessMountains(7, PIXEL), PIXEL, conditions).surface(WHOLE.grown(70))


def cells() -> list[tuple[int, int, Window]]:
    return [
        (row, column, Window(row * CELL, column * CELL, CELL, CELL))
        for row in range(8)
        for column in range(8)
    ]


@functools.cache
def by_cell(style: Style, code: str | None = None, rounds: int = 6) -> list[list[Feature]]:
    """What lies in each of 64 cells, under several seeds."""
    made = []
    for seed in range(rounds):
        placing = placing_of(style, code, seed)
        made += [placing.of_cell(row, column, cell, ground()) for row, column, cell in cells()]
    return made


def slides(style: Style, code: str | None = None, rounds: int = 6) -> list[Feature]:
    return [feature for cell in by_cell(style, code, rounds) for feature in cell if feature.is_slide]


LONELY = PLAIN.with_(slides=1.0, artefacts=0.0, days=30.0)


def areas(features: list[Feature]) -> npt.NDArray[np.float64]:
    """Square kilometres."""
    return np.array(
        [4e-6 * each.shape.half_length * each.shape.half_width * FILL[each.shape.form] for each in features]
    )


@pytest.mark.parametrize("code", sorted(set(CLASSES) - {"EV"}))
def test_areas_are_lognormal_about_the_mean_of_the_class(code: str) -> None:
    kind = CLASSES[code]
    drawn = areas(slides(LONELY, code))
    # 300 slides and a deviation of the logarithm of 0.5 to 0.7: the standard error of the mean is 4 %.
    assert len(drawn) > 150
    assert drawn.mean() == pytest.approx(kind.area, rel=0.15)
    assert np.log(drawn).std() == pytest.approx(kind.area_sigma, rel=0.15)
    assert kind.area_limits[0] * 0.999 <= drawn.min()
    assert drawn.max() <= kind.area_limits[1] * 1.001


@pytest.mark.parametrize("code", sorted(CLASSES))
def test_length_is_as_many_widths_as_the_class_has(code: str) -> None:
    kind = CLASSES[code]
    ratio = np.array([each.shape.half_length / each.shape.half_width for each in slides(LONELY, code)])
    longest = np.array([each.shape.half_length for each in slides(LONELY, code)]) > 1399.0
    assert ratio[~longest].min() >= kind.elongation.low * 0.999
    assert ratio.max() <= kind.elongation.high * 1.001
    assert ratio.mean() == pytest.approx((kind.elongation.low + kind.elongation.high) / 2.0, rel=0.08)


@pytest.mark.parametrize("code", sorted(CLASSES))
def test_ground_at_the_centre_is_as_steep_as_the_class_wants(code: str) -> None:
    kind, surface = CLASSES[code], ground()
    features = slides(LONELY, code)
    at = surface.at([each.shape.row for each in features], [each.shape.column for each in features])
    slope = np.degrees(np.arctan(surface.steepness[at]))
    assert slope.min() >= kind.slope.low
    assert slope.max() <= kind.slope.high
    if kind.high_ground:
        assert surface.height[at].min() > 0.0


@pytest.mark.parametrize("code", sorted(set(CLASSES) - {"EV"}))
def test_speeds_are_log_uniform_over_the_range_of_the_class(code: str) -> None:
    speed = CLASSES[code].speed
    assert speed is not None
    drawn = np.array([each.speed for each in slides(LONELY, code)])
    assert speed.low <= drawn.min()
    assert drawn.max() <= speed.high
    place = np.log(drawn / speed.low) / np.log(speed.high / speed.low)
    # Quartiles of 300 values: standard error 0.03.
    np.testing.assert_allclose(np.quantile(place, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.1)


@pytest.mark.parametrize("code", ["CF", "DG"])
def test_motion_is_speed_times_days(code: str) -> None:
    for each in slides(LONELY, code, 1):
        assert each.motion == pytest.approx(each.speed / 100.0 * 30.0 / 365.25)


def test_flows_run_down_the_slope() -> None:
    surface = ground()
    features = slides(LONELY, "CF")
    at = surface.at([each.shape.row for each in features], [each.shape.column for each in features])
    along = [
        each.shape.down_east * east + each.shape.down_south * south
        for each, east, south in zip(features, surface.down_east[at], surface.down_south[at], strict=True)
    ]
    # The axis is that of the whole path, the slope that of one place.
    assert np.median(along) > 0.85
    assert np.mean(np.array(along) > 0.0) > 0.95


def test_ramparts_lie_along_the_contour() -> None:
    surface = ground()
    features = slides(LONELY, "PR")
    at = surface.at([each.shape.row for each in features], [each.shape.column for each in features])
    along = [
        each.shape.down_east * east + each.shape.down_south * south
        for each, east, south in zip(features, surface.down_east[at], surface.down_south[at], strict=True)
    ]
    assert np.median(np.abs(along)) < 0.5


def test_a_quarter_of_the_cells_is_empty_of_slides() -> None:
    style = PLAIN.with_(regions="apennines", artefacts=0.0)
    empty = np.mean([not cell for cell in by_cell(style, None, 12)])
    # 25 to 30 % are wanted; 768 cells have a standard error of 0.016.
    assert 0.234 < empty < 0.316


def test_never_more_than_four_slides_lie_in_a_cell_of_slow_ones() -> None:
    style = PLAIN.with_(regions="apennines", artefacts=0.0)
    counts = np.array([len(cell) for cell in by_cell(style)])
    assert counts.max() == 4
    assert 0.9 < counts.mean() < 1.6


def test_events_set_off_crowds_or_nothing() -> None:
    style = PLAIN.with_(regions="event", artefacts=0.0)
    counts = np.array([len(cell) for cell in by_cell(style)])
    assert 0.18 < (counts == 0).mean() < 0.32
    assert np.median(counts[counts > 0]) >= 5


def test_events_leave_small_slides_that_change_the_ground_and_do_not_creep() -> None:
    features = slides(LONELY, "EV")
    drawn = areas(features)
    assert drawn.min() >= 0.0005 * 0.999
    assert drawn.max() <= 1.001
    assert np.exp(np.log(drawn).mean()) == pytest.approx(0.02 * math.exp(-0.72), rel=0.15)
    assert all(each.motion == 0.0 and math.isnan(each.speed) and each.by_event for each in features)
    change = np.abs([each.brightness for each in features])
    assert 1.0 <= change.min() < 1.4
    assert 5.6 < change.max() <= 6.0
    brighter = np.mean([each.brightness > 0.0 for each in features])
    assert brighter == pytest.approx(0.5, abs=0.06)
    assert min(each.disruption for each in features) >= 0.6


def test_crowded_slides_are_as_large_as_lonely_ones() -> None:
    crowd = areas(slides(PLAIN.with_(regions="event", artefacts=0.0, slides=4.0), "EV", 1))
    alone = areas(slides(LONELY, "EV"))
    assert np.log(crowd).mean() == pytest.approx(np.log(alone).mean(), abs=0.3)


def test_one_slide_in_seven_has_a_faster_sector() -> None:
    features = slides(LONELY, "CS") + slides(LONELY, "CF")
    with_sector = [each.sector for each in features if each.sector > 0.0]
    assert len(with_sector) / len(features) == pytest.approx(0.15, abs=0.04)
    assert all(0.3 <= sector <= 1.0 for sector in with_sector)


def test_two_slides_in_five_have_a_cover_of_their_own_whatever_their_class() -> None:
    own = {}
    for code in ("CF", "EV", "DG", "CS"):
        covers = np.array([each.cover for each in slides(LONELY, code)])
        own[code] = covers[np.isfinite(covers)]
        # 384 slides: standard error 0.025.
        assert len(own[code]) / len(covers) == pytest.approx(0.4, abs=0.08)
    means, deviations = ([getattr(each, name)() for each in own.values()] for name in ("mean", "std"))
    assert np.ptp(means) < 0.25
    assert np.ptp(deviations) < 0.15


def test_one_outline_in_ten_is_drawn_beside_the_truth_by_one_to_three_pixels() -> None:
    features = [each for code in ("CF", "CS", "FS", "EV") for each in slides(LONELY, code)]
    beside = [each.jitter for each in features if each.jitter != (0, 0)]
    assert len(beside) / len(features) == pytest.approx(0.1, abs=0.025)
    assert {max(abs(south), abs(east)) for south, east in beside} == {1, 2, 3}


def test_slides_of_a_cell_keep_apart() -> None:
    for cell in by_cell(PLAIN.with_(regions="event", artefacts=0.0), None, 2):
        for index, one in enumerate(cell):
            for other in cell[:index]:
                apart = math.hypot(one.shape.row - other.shape.row, one.shape.column - other.shape.column)
                assert apart * PIXEL > math.sqrt(one.shape.half_length * one.shape.half_width)


def test_slides_lie_anywhere_in_their_cell() -> None:
    rows = np.array([each.shape.row % CELL for each in slides(LONELY, "CS")]) / CELL
    columns = np.array([each.shape.column % CELL for each in slides(LONELY, "CS")]) / CELL
    for place in (rows, columns):
        np.testing.assert_allclose(np.quantile(place, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.1)


def test_everything_of_a_slide_lies_within_the_reach_that_cells_are_searched_in() -> None:
    from insarfeat.synth.placing import REACH, Shape

    half = REACH / PIXEL
    for code, kind in CLASSES.items():
        area = kind.area_limits[1] * 1e6 / FILL[kind.form]
        for elongation in (kind.elongation.low, kind.elongation.high):
            length = min(math.sqrt(area * elongation) / 2.0, 1400.0)
            bend = 0.3 * length if kind.form in ("flow", "tongue") else 0.0
            largest = Shape(
                0.0, 0.0, length, area / 4.0 / length, 1.0, 0.0, bend, bend, kind.form, 0.3, (0.0,) * 4
            )
            window = largest.window(PIXEL)
            assert -window.top <= half, (code, elongation)


def test_artefacts_come_as_often_as_asked() -> None:
    style = PLAIN.with_(slides=0.0)
    counts = np.array([len(cell) for cell in by_cell(style)])
    np.testing.assert_allclose([(counts == number).mean() for number in range(3)], [0.5, 0.3, 0.2], atol=0.08)


def test_artefacts_are_of_the_size_of_slides_and_no_slides() -> None:
    found = [each for cell in by_cell(PLAIN.with_(slides=0.0, artefacts=2.0), None, 2) for each in cell]
    assert all(each.code == "AR" and not each.is_slide and each.motion == 0.0 for each in found)
    assert 0.04 < np.exp(np.log(areas(found)).mean()) < 0.09
    assert any(each.phase != 0.0 and each.disruption == 0.0 for each in found)  # turbulence
    assert any(each.disruption > 0.5 and each.phase != 0.0 for each in found)  # quarries, fields


def test_a_cell_draws_the_same_whichever_window_asks() -> None:
    placing = placing_of(PLAIN)
    row, column, cell = cells()[10]
    small = Land(EndlessMountains(7, PIXEL), PIXEL, placing.conditions).surface(cell.grown(70))
    assert placing.of_cell(row, column, cell, small) == placing.of_cell(row, column, cell, ground())
