"""Outlines of slides, their motion profiles, and how they are seen along the line of sight."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from insarfeat import geometry
from insarfeat.synth.fields import TileDraws
from insarfeat.synth.placing import _FILL, Shape
from insarfeat.synth.shapes import FORMS, Frame, Outlines, line_of_sight_share, outlines

PIXEL = 5.0
PLAIN = Shape(
    row=100.0, column=100.0, half_length=320.0, half_width=140.0, down_east=1.0, down_south=0.0, bend=0.0,
    twist=0.0, form="ellipse", taper=0.3, ripple=(0.0, 0.0, 0.0, 0.0),
)  # fmt: skip


def shape(form: str, **changes: Any) -> Shape:
    return replace(PLAIN, **{"form": form, **changes})


def draw(one: Shape, side: int = 200, downhill: Any = None, pixel: float = PIXEL) -> Outlines:
    draws = TileDraws(np.random.default_rng(1), side, side, pixel)
    return outlines(draws, [one], Frame([0], [0], side, pixel), downhill)


def area(one: Shape) -> float:
    return float((draw(one).depth > 0.0).sum()) * PIXEL**2


@pytest.mark.parametrize("form", FORMS)
def test_each_form_fills_its_rectangle_as_the_table_says(form: str) -> None:
    rectangle = 4.0 * PLAIN.half_length * PLAIN.half_width
    assert area(shape(form)) / rectangle == pytest.approx(_FILL[form], rel=0.02)  # type: ignore[index]


@pytest.mark.parametrize("form", FORMS)
def test_ripples_of_the_rim_leave_the_area_as_it_is(form: str) -> None:
    rng = np.random.default_rng(2)
    areas = [area(shape(form, ripple=tuple(rng.normal(0.0, 0.06, 4)))) for _ in range(12)]
    assert np.mean(areas) / area(shape(form)) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("form", FORMS)
def test_outline_lies_within_the_window_of_its_shape(form: str) -> None:
    bent = shape(
        form, bend=60.0, twist=-80.0, down_east=0.6, down_south=0.8, ripple=(0.08, -0.07, 0.06, 0.05)
    )
    rows, columns = np.nonzero(draw(bent).depth[0] > 0.0)
    window = bent.window(PIXEL)
    assert window.top < rows.min()
    assert rows.max() < window.bottom - 1
    assert window.left < columns.min()
    assert columns.max() < window.right - 1


def test_axis_points_where_it_is_told() -> None:
    toward_south_east = shape("tongue", down_east=0.6, down_south=0.8)
    rows, columns = np.nonzero(draw(toward_south_east).depth[0] > 0.0)
    axes = np.linalg.eigh(np.cov(np.stack([columns, rows])))[1][:, -1]
    assert abs(axes @ np.array([0.6, 0.8])) == pytest.approx(1.0, abs=0.002)


def test_flow_is_an_hourglass_with_its_widest_part_at_the_toe() -> None:
    wide = (draw(shape("flow")).depth[0] > 0.0).sum(axis=0)
    columns = np.nonzero(wide)[0]
    head, middle, toe = (
        part.max() if index != 1 else part.min()
        for index, part in enumerate(np.array_split(wide[columns[0] + 6 : columns[-1] - 5], 3))
    )
    assert middle < 0.75 * head
    assert toe > 1.05 * head


def test_bent_axis_is_followed() -> None:
    bow = draw(shape("tongue", bend=100.0)).depth[0] > 0.0
    middle = {column: np.nonzero(bow[:, column])[0].mean() for column in (70, 100, 130)}
    # East is downhill: sideways is south, and the ends are as far south as the bend says.
    expected = 100.0 * (30.0 * PIXEL / PLAIN.half_length) ** 2 / PIXEL
    assert middle[70] - middle[100] == pytest.approx(expected, abs=1.0)
    assert middle[130] - middle[100] == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_moves_outside_and_the_middle_moves_most(form: str) -> None:
    made = draw(shape(form))
    assert (made.profile[made.depth <= 0.0] == 0.0).all()
    assert made.profile.min() >= 0.0
    assert made.profile.max() <= 1.0
    assert made.profile.max() > 0.95


@pytest.mark.parametrize("taper", [0.25, 0.5, 0.8])
def test_motion_fades_over_the_taper_and_is_even_further_in(taper: float) -> None:
    made = draw(shape("broad", taper=taper))
    across_centre = made.profile[0, 100:, 100]
    depth = 1.0 - (np.arange(100) + 0.5) * PIXEL / PLAIN.half_width
    assert across_centre[depth > taper + 0.04].min() > 0.99
    assert across_centre[np.argmin(np.abs(depth - taper / 2.0))] == pytest.approx(0.5, abs=0.12)
    assert (np.diff(across_centre) <= 1e-6).all()


def test_rockslide_has_one_sharp_edge_and_a_soft_one() -> None:
    profile = draw(shape("angular", taper=0.5)).profile[0]
    north, south = profile[:100, 100][::-1], profile[100:, 100]
    edge = int(PLAIN.half_width / PIXEL) - 3
    assert south[edge] > 0.9
    assert north[edge] < 0.3


def test_rock_glacier_moves_as_a_parabola_across() -> None:
    profile = draw(shape("tongue", taper=0.02)).profile[0, :, 130]
    away = (np.arange(200) + 0.5 - 100.0) * PIXEL / PLAIN.half_width
    inner = np.abs(away) < 0.8
    curve = np.polyfit(away[inner] ** 2, profile[inner], 1)
    assert curve[0] == pytest.approx(-0.7, abs=0.05)
    assert np.abs(np.polyval(curve, away[inner] ** 2) - profile[inner]).max() < 0.03


@pytest.mark.parametrize("form", FORMS)
def test_ridges_and_streams_cut_slides_that_end_there_and_no_others(form: str) -> None:
    east = np.where(np.arange(200) < 120, 1.0, -1.0) * np.ones((1, 200, 200))  # a stream at column 120
    downhill = (east.astype(np.float32), np.zeros((1, 200, 200), np.float32))
    beyond = draw(shape(form), downhill=downhill).depth[0, :, 120:] > 0.0
    assert beyond.any() == (form not in ("ellipse", "angular", "broad"))


def test_shapes_drawn_together_are_those_drawn_alone() -> None:
    shapes = [shape(form, taper=0.2 + 0.05 * index) for index, form in enumerate(FORMS)]
    draws = TileDraws(np.random.default_rng(1), 200, 200, PIXEL)
    together = outlines(draws, shapes, Frame([0] * 7, [0] * 7, 200, PIXEL))
    for index, one in enumerate(shapes):
        alone = draw(one)
        np.testing.assert_array_equal(together.depth[index], alone.depth[0])
        np.testing.assert_array_equal(together.profile[index], alone.profile[0])


# Along the line of sight


def longer_range(downhill: npt.NDArray[np.float64], dip: float, incidence: float, heading: float) -> float:
    """Metres by which the way to a satellite 800 km up grows for a metre of motion: points moved, ways measured."""
    azimuth, angle = np.radians(heading + 90.0), np.radians(incidence)
    slant = 8e5 / np.cos(angle)
    satellite = slant * np.array(
        [-np.sin(azimuth) * np.sin(angle), -np.cos(azimuth) * np.sin(angle), np.cos(angle)]
    )
    step = 0.5 * np.array([np.cos(dip) * downhill[0], np.cos(dip) * downhill[1], -np.sin(dip)])
    return float(np.linalg.norm(satellite - step) - np.linalg.norm(satellite)) / 0.5


@pytest.mark.parametrize("heading", [-12.0, -168.0])
@pytest.mark.parametrize("aspect", [10.0, 100.0, 200.0, 290.0])
@pytest.mark.parametrize(("rotation", "along"), [(0.0, 0.3), (0.8, -0.9), (0.8, 0.9)])
def test_motion_lengthens_the_way_to_the_satellite_as_measured(
    heading: float, aspect: float, rotation: float, along: float
) -> None:
    slope, incidence = 24.0, 37.0
    factor = geometry.slope_to_los(np.full((1, 1), slope), np.full((1, 1), aspect), incidence, heading)
    share = line_of_sight_share(
        np, factor, np.tan(np.radians(np.full((1, 1), slope))), np.full((1, 1), incidence), along, rotation
    )
    downhill = np.array([np.sin(np.radians(aspect)), np.cos(np.radians(aspect))])
    # A rotational slide dives at its head (negative) and rises at its toe, by 40 degrees at most.
    dip = np.radians(slope - 40.0 * rotation * along)
    assert float(share[0, 0]) == pytest.approx(
        float(longer_range(downhill, dip, incidence, heading)), abs=1e-5
    )
