"""What can be seen of a slide is labelled, the rest of its outline is ignored, and the label says how it shows."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from insarfeat.synth import PLAIN
from insarfeat.synth.classes import CLASSES
from insarfeat.synth.fields import TileDraws
from insarfeat.synth.ground import Ground
from insarfeat.synth.placing import Feature, Shape
from insarfeat.synth.slides import Layers, Look, Traces, lay_out
from insarfeat.synth.style import WAVELENGTH, draw_conditions
from insarfeat.windows import Window

SIDE, PIXEL = 96, 15.0
DISC = Shape(48.0, 48.0, 300.0, 300.0, 1.0, 0.0, 0.0, 0.0, "ellipse", 0.8, (0.0,) * 4)
CREEP = Feature("CS", DISC, motion=0.03, speed=50.0)
EVENT = Feature("EV", DISC, disruption=0.9, brightness=5.0)


def even_ground() -> Ground:
    """A slope of 20 degrees that faces east, away from an ascending radar: what moves down lengthens its range."""
    one = np.ones((1, SIDE, SIDE), np.float32)
    slope = math.radians(20.0)
    share = math.sin(slope) * math.cos(math.radians(38.0)) + math.cos(slope) * math.sin(math.radians(38.0))
    return Ground(
        900.0 * one, 38.0 * one, 58.0 * one, share * one, share * one, math.tan(slope) * one, one, 0.0 * one,
        np.zeros((1, SIDE, SIDE), np.uint8),
    )  # fmt: skip


def laid(
    *features: Feature,
    coherence: float = 0.8,
    without: tuple[str, ...] = (),
    ground: Ground | None = None,
    **settings: Any,
) -> tuple[Layers, Traces]:
    style = PLAIN.with_(
        **{"looks": 10.0, "grain": 15.0, "phase_filter": "none", "days": 6.0, "turbulence": 0.0, **settings}
    )
    conditions = draw_conditions(
        style, np.random.default_rng(1), classes=frozenset(CLASSES), without=frozenset(without)
    )
    one = np.ones((1, SIDE, SIDE), np.float32)
    layers = Layers(0.0 * one, 0.0 * one, np.float32(coherence) * one, 0.0 * one, 0.0 * one)
    draws = TileDraws(np.random.default_rng(1), SIDE, SIDE, PIXEL)
    look = Look(Window(0, 0, SIDE, SIDE), PIXEL, conditions)
    traces = lay_out(
        draws, ground or even_ground(), layers, look, 0.0 * one, [(0, feature) for feature in features]
    )
    return layers, traces


def disc() -> Any:
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    return np.hypot(rows - 48.0, columns - 48.0) * PIXEL < 300.0


def test_a_creeping_slide_on_coherent_ground_shows_by_its_fringes() -> None:
    _, traces = laid(CREEP)
    assert traces.sightings[0].kind == "coherent"
    assert set(np.unique(traces.kind[traces.landslide > 0])) == {1.0}


def test_labelled_are_the_pixels_whose_phase_is_clear() -> None:
    layers, traces = laid(CREEP)
    phase = -4.0 * np.pi / WAVELENGTH * layers.displacement[0]
    label, ignored = traces.landslide[0] > 0, traces.ignored[0] > 0
    assert np.abs(phase[label]).min() > 0.6
    assert (np.abs(phase[ignored]) <= 0.6).all()
    assert (label | ignored)[disc()].mean() > 0.98
    assert not (label & ignored).any()
    assert not (label | ignored)[~disc()].any()


def test_phase_must_rise_over_the_noise_of_the_ground() -> None:
    slow = replace(CREEP, motion=0.006)
    seen = {looks: (laid(slow, coherence=0.3, looks=looks)[1].landslide > 0).sum() for looks in (4.0, 20.0)}
    assert seen[4.0] < seen[20.0]
    # Noise of 4 looks at a coherence of 0.3: 1.1 rad; the slide makes 1.1 at most.
    layers, _ = laid(slow, coherence=0.3, looks=4.0)
    phase = np.abs(4.0 * np.pi / WAVELENGTH * layers.displacement)
    noise = math.sqrt((1.0 - 0.3**2) / 8.0) / 0.3
    label = laid(slow, coherence=0.3, looks=4.0)[1].landslide > 0
    assert not label.any() or phase[label].min() > 0.95 * noise


def test_a_slide_too_slow_to_be_seen_is_ignored_as_a_whole() -> None:
    _, traces = laid(replace(CREEP, motion=0.001))
    assert traces.sightings[0].kind == "hidden"
    assert traces.sightings[0].box is None
    assert not traces.landslide.any()
    assert (traces.ignored[0][disc()] == 1.0).mean() > 0.98
    assert set(np.unique(traces.kind)) == {0.0, 3.0}


def test_an_event_shows_by_what_it_changed() -> None:
    layers, traces = laid(EVENT)
    assert traces.sightings[0].kind == "incoherent"
    assert not layers.displacement.any()
    assert layers.coherence[0, 48, 48] == pytest.approx(0.08, abs=0.02)
    assert layers.change[0, 48, 48] == pytest.approx(5.0, abs=0.1)
    assert (traces.kind[traces.landslide > 0] == 2.0).all()


def test_an_event_on_ground_that_has_no_coherence_to_lose_shows_by_brightness_alone() -> None:
    bright = laid(EVENT, coherence=0.15)[1]
    dim = laid(replace(EVENT, brightness=1.5), coherence=0.15)[1]
    assert bright.sightings[0].kind == "incoherent"
    assert dim.sightings[0].kind == "hidden"


def test_phase_of_an_event_lies_at_its_rim_only() -> None:
    phase = laid(replace(EVENT, phase=2.0))[0].phase[0]
    distance = np.hypot(*(np.mgrid[:SIDE, :SIDE] + 0.5 - 48.0)) * PIXEL / 300.0
    assert np.abs(phase[distance < 0.45]).max() < 0.01
    assert np.abs(phase[distance > 1.02]).max() == 0.0
    across = np.abs(phase[:, 48])
    assert 0.75 < distance[np.argmax(across), 48] < 0.95
    assert across.max() > 1.8


def test_displacement_is_motion_along_the_line_of_sight_away_from_the_satellite() -> None:
    layers, traces = laid(CREEP)
    share = float(even_ground().motion_to_los[0, 0, 0])
    middle = layers.displacement[0, 44:52, 44:52]
    # Long waves change the speed by a fifth, patches take a tenth.
    assert (middle < 0.0).all()
    assert 0.65 * 0.03 * share < -middle.mean() < 1.25 * 0.03 * share
    assert traces.sightings[0].displacement == pytest.approx(np.abs(layers.displacement).max(), rel=1e-6)


def test_a_fast_slide_in_a_long_pair_has_lost_its_fringes() -> None:
    fast = replace(CREEP, motion=0.5, shape=replace(DISC, half_length=150.0, half_width=150.0))
    _, traces = laid(fast, grain=25.0)
    assert traces.sightings[0].kind == "incoherent"


def test_nothing_is_seen_in_layover() -> None:
    hidden = replace(even_ground(), hidden=np.full((1, SIDE, SIDE), 2, np.uint8))
    for feature in (CREEP, EVENT):
        assert laid(feature, ground=hidden)[1].sightings[0].kind == "hidden"


def test_seen_share_counts_the_outline() -> None:
    _, traces = laid(CREEP)
    share = (traces.landslide[0] > 0).sum() / ((traces.landslide[0] > 0) | (traces.ignored[0] > 0)).sum()
    assert traces.sightings[0].visible == pytest.approx(share, abs=1e-6)
    assert traces.sightings[0].area == pytest.approx(np.pi * 300.0**2, rel=0.02)


def test_box_holds_the_label_closely() -> None:
    _, traces = laid(CREEP)
    rows, columns = np.nonzero(traces.landslide[0])
    assert traces.sightings[0].box == Window(
        int(rows.min()), int(columns.min()), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    )


def test_jitter_draws_the_label_beside_the_truth_and_its_box_with_it() -> None:
    straight, beside = laid(CREEP)[1], laid(replace(CREEP, jitter=(3, -2)))[1]
    np.testing.assert_array_equal(beside.landslide[0, 3:, :-2], straight.landslide[0, :-3, 2:])
    rows, columns = np.nonzero(beside.landslide[0])
    box = beside.sightings[0].box
    assert box is not None
    assert (box.top, box.left) == (rows.min(), columns.min())


def test_artefacts_are_drawn_and_never_labelled_as_slides() -> None:
    field = Feature("AR", DISC, phase=2.0, disruption=0.3)
    layers, traces = laid(field)
    assert traces.artefact.any()
    assert np.abs(layers.phase).max() > 1.0
    for raster in (traces.landslide, traces.ignored, traces.kind, traces.number):
        assert not raster.any()


def test_each_pixel_knows_its_slide() -> None:
    small = replace(DISC, row=20.0, column=20.0, half_length=120.0, half_width=120.0)
    _, traces = laid(CREEP, replace(CREEP, shape=small))
    assert traces.number[0, 48, 48] == 1.0
    assert traces.number[0, 20, 20] == 2.0


def test_without_labels_outlines_are_whole_and_nothing_is_ignored() -> None:
    for feature in (CREEP, replace(CREEP, motion=0.001), EVENT):
        _, traces = laid(feature, without=("labels",))
        assert (
            np.array_equal(traces.landslide[0] > 0, disc())
            or ((traces.landslide[0] > 0) != disc()).sum() < 12
        )
        assert not traces.ignored.any()


def test_a_neighbour_that_overlaps_does_not_change_how_a_slide_is_seen_from_another_window() -> None:
    """Windows see different neighbours: whether and where a slide shows must follow from itself alone."""
    artefact = Feature("AR", replace(DISC, row=40.0, half_length=60.0, half_width=60.0), disruption=0.9)
    alone, beside = laid(CREEP)[1], laid(artefact, CREEP)[1]
    assert alone.sightings[0].visible == beside.sightings[1].visible


def test_phase_must_rise_over_what_the_air_does_from_one_side_of_a_slide_to_the_other() -> None:
    calm, rough = (laid(CREEP, turbulence=strength)[1] for strength in (0.1, 60.0))
    assert calm.sightings[0].kind == "coherent"
    assert rough.sightings[0].kind == "hidden"
    assert not rough.landslide.any()
