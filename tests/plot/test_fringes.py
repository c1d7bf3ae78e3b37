"""Fringes: a phase drawn so that faint rings stand out."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from insarfeat import plot
from insarfeat.errors import GridMismatch, InvalidArgument

pytest.importorskip("matplotlib")

from insarfeat.plot._fringes import LEVELS, NOISE, paint_fringes

PALE = np.array([int(NOISE[at : at + 2], 16) for at in (1, 3, 5)]) / 255.0
GREY = np.array([0x9C, 0x9C, 0x9C]) / 255.0
LUMA = np.array([0.2126, 0.7152, 0.0722])


def ramp(turns: float, columns: int = 400, rows: int = 40) -> np.ndarray:
    """A wrapped phase that grows from west to east, through zero in the middle."""
    across = (np.arange(columns) + 0.5) / columns - 0.5
    return np.tile(np.angle(np.exp(2j * np.pi * turns * across)), (rows, 1))


def noise(shape: tuple[int, int] = (60, 60)) -> np.ndarray:
    return np.random.default_rng(3).uniform(-np.pi, np.pi, shape)


def jumps(phase: np.ndarray) -> np.ndarray:
    """Steps of lightness along the middle row."""
    light = paint_fringes(phase).colours[phase.shape[0] // 2] @ LUMA
    return np.diff(light)


def layer(values: np.ndarray, name: str = "wrapped_phase") -> xr.DataArray:
    return xr.DataArray(values, dims=("y", "x"), name=name)


def test_a_turn_has_eight_edges_that_all_get_lighter_and_darkens_between_them():
    steps = jumps(ramp(0.9, 1600))[8:-8]  # the mean is zero, and so the edges are half a level from it
    assert (steps > 0.15).sum() == LEVELS
    assert (steps[np.abs(steps) < 0.15] <= 0.0).all()


def test_the_largest_jump_is_where_the_turn_ends():
    steps = jumps(ramp(0.9, 1600))
    ends = 3.5 / LEVELS  # of a turn, above the mean
    assert abs(np.argmax(steps) - (ends / 0.9 + 0.5) * 1600) <= 4
    assert steps.max() > 1.5 * np.sort(steps[8:-8])[-2]


@pytest.mark.parametrize("still", [0.0, 3.0, -2.0])
def test_still_ground_has_one_colour_whatever_its_phase(still: float):
    noisy = still + np.random.default_rng(1).normal(0.0, 0.2, (50, 50))
    light = paint_fringes(np.angle(np.exp(1j * noisy))).colours @ LUMA
    assert np.abs(np.diff(light, axis=1)).max() < 0.15  # no edge


def test_a_ring_of_a_sixth_of_a_fringe_closes_with_an_edge():
    y, x = np.mgrid[-30:31, -30:31]
    bowl = 1.05 * np.exp(-(x**2 + y**2) / (2 * 10.0**2))
    light = paint_fringes(bowl).colours @ LUMA
    edges = np.abs(np.diff(light, axis=1)) > 0.15
    assert edges[30].sum() == 2  # into the ring and out of it
    assert edges[:12].sum() == 0


def test_noise_is_pale_and_phase_is_not():
    phase = noise((60, 120))
    phase[:, 60:] = 0.4
    colours = paint_fringes(phase).colours
    assert np.abs(colours[8:-8, 8:48] - PALE).max(axis=-1).mean() < 0.08
    assert np.abs(colours[8:-8, 72:112] - PALE).max(axis=-1).min() > 0.2


def test_dense_fringes_are_no_noise():
    colours = paint_fringes(ramp(50.0)).colours  # eight pixels each
    assert np.abs(colours[8:-8, 8:-8] - PALE).max(axis=-1).mean() > 0.25


def test_low_coherence_fades_a_phase_that_is_smooth():
    coherence = np.full((40, 400), 0.8)
    coherence[:, :200] = 0.05
    colours = paint_fringes(ramp(0.2), coherence).colours
    np.testing.assert_allclose(colours[:, :190], np.broadcast_to(PALE, (40, 190, 3)), atol=1e-6)
    assert np.abs(colours[:, 210:] - PALE).max(axis=-1).min() > 0.2


def test_no_data_is_grey_and_spoils_no_neighbour():
    phase = np.zeros((30, 30))
    phase[10:12, 10:12] = np.nan
    colours = paint_fringes(phase).colours
    np.testing.assert_allclose(colours[10, 10], GREY)
    np.testing.assert_allclose(colours[9, 10], colours[25, 25], atol=0.05)


def test_phases_that_are_one_turn_apart_have_one_colour():
    low, high = (paint_fringes(np.full((9, 9), value)).colours for value in (-np.pi, np.pi))
    np.testing.assert_allclose(low, high, atol=0.03)


def test_an_interferogram_shows_the_fringes_of_its_phase():
    phase = ramp(1.3)
    of_phase = plot.fringes(layer(phase)).axes[0].images[0].get_array()
    of_complex = plot.fringes(layer(7.0 * np.exp(1j * phase), "interferogram")).axes[0].images[0].get_array()
    np.testing.assert_allclose(of_phase, of_complex, atol=1e-12)


def test_the_layer_stays_as_it_is():
    given = layer(ramp(1.0))
    before = given.copy(deep=True)
    plot.fringes(given, coherence=layer(np.full((40, 400), 0.5), "coherence"))
    xr.testing.assert_identical(given, before)


def test_the_figure_tells_levels_noise_and_phase():
    values = noise()
    values[0, 0] = np.nan
    figure = plot.fringes(layer(values), background=layer(values * 100, "elevation"))
    assert figure.axes[1].get_ylabel() == "rad, 8 levels"
    assert next(text.get_text() for text in figure.axes[1].get_yticklabels()) == "−π"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["noise", "no data"]


def test_outlines_are_drawn_over_fringes():
    box = {"type": "Polygon", "coordinates": [[[5, 5], [30, 5], [30, 20], [5, 20], [5, 5]]]}
    figure = plot.detections(layer(ramp(2.0)), [box], over="fringes")
    drawn = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(drawn, paint_fringes(ramp(2.0)).colours)  # not made paler
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["found: 1", "noise"]
    assert figure.axes[0].get_title(loc="left") == "fringes of wrapped interferometric phase"


def test_a_phase_that_tells_other_units_is_a_phase_all_the_same():
    told = layer(ramp(1.0)).assign_attrs(units="1")
    assert plot.fringes(told).axes[1].get_ylabel() == "8 levels"


def test_what_is_no_phase_has_no_fringes():
    for name in ("slope", "aspect", "unwrapped_phase"):
        with pytest.raises(InvalidArgument, match="no wrapped phase"):
            plot.fringes(layer(np.zeros((5, 5)), name))


def test_a_coherence_of_another_shape_is_refused():
    with pytest.raises(GridMismatch, match="coherence has shape"):
        plot.fringes(layer(np.zeros((5, 5))), coherence=layer(np.zeros((5, 6)), "coherence"))


def test_a_coherence_without_fringes_is_refused():
    with pytest.raises(InvalidArgument, match="over='fringes'"):
        plot.detections(layer(np.zeros((5, 5))), [], coherence=layer(np.zeros((5, 5)), "coherence"))
    with pytest.raises(InvalidArgument, match="'layer' or 'fringes'"):
        plot.detections(layer(np.zeros((5, 5))), [], over="relief")
