"""Every layer is drawn as what it is, in colours that colour-blind readers can tell apart.

Colour blindness is simulated with the matrices of Machado, G. M., Oliveira, M. M. and Fernandes, L. A. F. (2009). A
physiologically-based model for simulation of color vision deficiency. IEEE Transactions on Visualization and Computer
Graphics 15(6), at full severity, on linear light; differences are those of CIELAB (1976), of which 2.3 is just seen.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import xarray as xr

from insarfeat.layers import LAYERS, fill_value

pytest.importorskip("matplotlib")

from matplotlib.colors import to_rgb

from insarfeat.plot import _detections, _split
from insarfeat.plot._fringes import LEVELS, paint_fringes
from insarfeat.plot._paint import _CLASS_COLOURS, _QUIET, NO_DATA, paint
from insarfeat.plot._sample import with_nan
from insarfeat.plot._style import style_of

EYES = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
POSITIONS = ("longitude", "heading")  # periods that no scene goes round
NUMBERS = ("connected_components", "basins")  # of areas: no order, and too many for a legend


def lab(colours: np.ndarray, eyes: str) -> np.ndarray:
    """CIELAB of screen colours, as somebody sees them."""
    light = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ EYES[eyes].T, 0.0, 1.0)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = light @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def apart(one: np.ndarray, other: np.ndarray, eyes: str) -> float:
    return float(np.linalg.norm(lab(np.asarray(one), eyes) - lab(np.asarray(other), eyes)))


def sample(name: str) -> xr.DataArray:
    """Values from minus one to one, or small whole numbers, as the layer stores them."""
    known = LAYERS[name]
    kind = np.dtype(known.dtype)
    if kind.kind == "c":
        values = np.exp(1j * np.linspace(-3, 3, 48)).reshape(6, 8).astype(kind)
    elif kind.kind == "f":
        values = np.linspace(-1.0, 1.0, 48).reshape(6, 8).astype(kind)
    else:
        values = (np.arange(48).reshape(6, 8) % 3).astype(kind)
        values[0, 0] = fill_value(kind)
    return xr.DataArray(values, dims=("y", "x"), name=name, attrs=known.attributes)


def painted(name: str):
    layer = sample(name)
    return paint(with_nan(layer), style_of(layer), None)


def test_white_and_black_are_a_hundred_apart_for_all_eyes():
    for eyes in EYES:
        assert apart(np.ones(3), np.zeros(3), eyes) == pytest.approx(100.0, abs=0.1)


def test_red_and_green_are_alike_without_the_cones_for_them():
    red, green = np.array([0.75, 0.35, 0.0]), np.array([0.45, 0.5, 0.0])
    assert apart(red, green, "deuteranopia") < 0.4 * apart(red, green, "all cones")


@pytest.mark.parametrize("name", [name for name, known in LAYERS.items() if known.period is not None])
def test_what_goes_round_is_drawn_in_a_circle(name: str):
    assert style_of(sample(name)).drawing == ("sequential" if name in POSITIONS else "cyclic")


@pytest.mark.parametrize("name", [name for name, known in LAYERS.items() if known.drawing == "cyclic"])
def test_the_ends_of_a_circle_have_one_colour_and_its_quarters_four(name: str):
    colour_map = painted(name).scale.cmap
    ends = colour_map(0.0)[:3], colour_map(1.0)[:3]
    assert apart(*ends, "all cones") < 3.0
    for eyes in EYES:
        quarters = [colour_map(part)[:3] for part in (0.0, 0.25, 0.5, 0.75)]
        assert min(apart(*pair, eyes) for pair in combinations(quarters, 2)) > 6.0


@pytest.mark.parametrize("name", [name for name, known in LAYERS.items() if known.drawing == "signed"])
def test_signed_layers_are_symmetric_and_their_signs_differ_for_all_eyes(name: str):
    scale = painted(name).scale
    low, high = scale.get_clim()
    assert low == -high
    for eyes in EYES:
        for strength in (0.25, 0.5):
            assert apart(scale.cmap(0.5 - strength)[:3], scale.cmap(0.5 + strength)[:3], eyes) > 20.0


@pytest.mark.parametrize("name", [name for name, known in LAYERS.items() if known.flags or known.masks])
def test_classes_have_a_legend_in_colours_that_differ_for_all_eyes(name: str):
    known = LAYERS[name]
    keys = painted(name).keys
    assert len(keys) == len(known.flags) if known.flags else len(keys) == len(known.masks) + 1
    colours = [to_rgb(key.colour) for key in keys] + [to_rgb(NO_DATA)]
    for eyes in EYES:
        assert min(apart(*pair, eyes) for pair in combinations(colours, 2)) > 10.0


@pytest.mark.parametrize("drawing", ["sequential", "light", "amplitude", "terrain"])
def test_values_with_an_order_get_lighter_all_the_way_for_all_eyes(drawing: str):
    name = next(
        name for name, known in LAYERS.items() if known.drawing == drawing and known.dtype == "float32"
    )
    colours = np.array([painted(name).scale.cmap(part)[:3] for part in np.linspace(0.0, 1.0, 12)])
    for eyes in EYES:
        lightness = lab(colours, eyes)[:, 0]
        rising = np.diff(lightness)
        assert (rising > -2.0).all()  # tints of a relief are nearly equal here and there
        assert lightness[-1] - lightness[0] > 35.0


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_a_legend_are_those_with_few_values(name: str):
    drawing, known = style_of(sample(name)).drawing, LAYERS[name]
    whole = np.dtype(known.dtype).kind in "iu"
    assert (drawing == "classes") == (whole and name not in NUMBERS)


@pytest.mark.parametrize("eyes", EYES)
def test_levels_of_fringes_differ_from_their_neighbours_for_all_eyes(eyes: str):
    colours = paint_fringes(np.zeros((9, 9))).scale.cmap.colors
    step = len(colours) // LEVELS
    before = colours[step // 2 - 1 :: step]  # a level ends and the next begins
    after = np.roll(colours, -1, axis=0)[step // 2 - 1 :: step]
    assert len(before) == LEVELS
    assert min(apart(*pair, eyes) for pair in zip(before, after, strict=True)) > 12.0


@pytest.mark.parametrize("eyes", EYES)
def test_found_and_truth_and_parts_of_a_split_differ_for_all_eyes(eyes: str):
    assert apart(to_rgb(_detections._FOUND), to_rgb(_detections._TRUTH), eyes) > 30.0
    parts = [to_rgb(colour) for colour in _split._COLOURS[:4]]
    assert min(apart(*pair, eyes) for pair in combinations(parts, 2)) > 12.0


def test_the_palette_of_classes_is_one_colour_for_each():
    assert len({*_CLASS_COLOURS, _QUIET, NO_DATA}) == len(_CLASS_COLOURS) + 2
