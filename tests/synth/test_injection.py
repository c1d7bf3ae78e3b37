from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from insarfeat import synth
from insarfeat.errors import InvalidArgument
from insarfeat.synth import Acquisition, SlidePlan, draw_slides, inject, moved

TAKEN = Acquisition(39.0, -12.0, 12.0)


@pytest.fixture(scope="module")
def quiet() -> xr.Dataset:
    """Ground on which nothing moves, as it was measured."""
    style = synth.IMAGES.with_(looks=9.0, grain=25.0)
    return synth.scene(4, size=320, style=style, without=["displacement", "artefacts"])


def test_slides_follow_the_plan_and_do_not_touch_each_other(quiet: xr.Dataset) -> None:
    plan = SlidePlan(("CF", "CS"), area=(0.02, 0.05), speed=(30.0, 60.0))
    slides = draw_slides(quiet, TAKEN, 8, plan=plan, seed=2)
    assert len(slides) >= 6
    assert {slide.code for slide in slides} == {"CF", "CS"}
    assert all(30.0 <= slide.speed <= 60.0 for slide in slides)
    areas = inject(quiet, TAKEN, slides)["slide_area"].values
    assert ((areas > 0.012e6) & (areas < 0.08e6)).all()  # outlines are irregular
    numbers = inject(quiet, TAKEN, slides)["landslide_id"].values
    assert len(np.unique(numbers[numbers > 0])) == len(slides)


def test_the_same_seed_draws_the_same_slides(quiet: xr.Dataset) -> None:
    one, same, other = (draw_slides(quiet, TAKEN, 5, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_slides_lie_where_everything_is_known(quiet: xr.Dataset) -> None:
    half = quiet[["elevation", "coherence", "wrapped_phase"]].copy(deep=True)
    half["coherence"][:, :160] = np.nan
    half["elevation"][200:210, 200:210] = np.nan
    slides = draw_slides(half, TAKEN, 8, seed=3)
    assert slides
    assert all(slide.shape.column >= 160 for slide in slides)


def test_the_phase_of_a_slide_is_what_its_motion_makes(quiet: xr.Dataset) -> None:
    slides = draw_slides(quiet, TAKEN, 10, plan=SlidePlan(("DG",), speed=(20.0, 30.0)), seed=5)
    calm = tuple(slide for slide in slides if slide.disruption < 0.1)
    put = inject(quiet, TAKEN, calm)
    turned = np.angle(put["interferogram"].values * np.conj(quiet["interferogram"].values))
    inside = put["landslide_id"].values > 0
    assert np.abs(turned[~inside]).max() < 1e-6
    largest = put["slide_displacement"].values.max() * 4 * np.pi / 0.05546576
    assert 0.3 * largest < np.percentile(np.abs(turned[inside]), 95) < largest + 1.0
    assert (put["coherence"].values[inside] <= quiet["coherence"].values[inside] + 1e-6).all()


def test_twice_the_days_are_twice_the_motion(quiet: xr.Dataset) -> None:
    slides = draw_slides(quiet, TAKEN, 4, seed=1)
    assert [slide.motion for slide in moved(slides, 24.0)] == pytest.approx(
        [2 * one.motion for one in slides]
    )
    assert [slide.shape for slide in moved(slides, 24.0)] == [slide.shape for slide in slides]


def test_nodata_stays_nodata_and_a_phase_does_for_an_interferogram(quiet: xr.Dataset) -> None:
    given = quiet[["elevation", "coherence", "wrapped_phase"]].copy(deep=True)
    given["wrapped_phase"][:40] = np.nan
    put = inject(given, TAKEN, draw_slides(given, TAKEN, 4, seed=1))
    assert np.isnan(put["interferogram"].values[:40]).all()
    assert np.isfinite(put["interferogram"].values[40:]).all()
    assert not put["landslide"].values[:40].any()
    assert "intensity" not in put


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"classes": ("EV",)}, "moves once and has no speed"),
        ({"classes": ("XX",)}, "known are"),
        ({"area": (0.5, 0.1)}, "the smaller one comes first"),
        ({"speed": (0.0, 10.0)}, "speed is 0.0"),
    ],
)
def test_plans_that_cannot_be_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        SlidePlan(**settings)  # type: ignore[arg-type]


def test_what_is_missing_is_named(quiet: xr.Dataset) -> None:
    slides = draw_slides(quiet, TAKEN, 1)
    for name, left in (
        ("elevation", ["coherence", "wrapped_phase"]),
        ("coherence", ["elevation", "wrapped_phase"]),
        ("neither interferogram nor wrapped_phase", ["elevation", "coherence"]),
    ):
        with pytest.raises(InvalidArgument, match=name):
            inject(quiet[left], TAKEN, slides)
    with pytest.raises(InvalidArgument, match="days is 0"):
        Acquisition(39.0, -12.0, 0.0)
