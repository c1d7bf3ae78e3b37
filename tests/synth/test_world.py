"""A world has one truth: whichever window of it is made, every layer of every pixel is the same."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insarfeat.synth import CLASSES, PLAIN
from insarfeat.synth.raw import raw_layers
from insarfeat.synth.style import draw_conditions
from insarfeat.synth.world import World
from insarfeat.windows import Window

WHOLE = Window(-60, -70, 180, 190)

windows = st.builds(
    Window, st.integers(-60, 80), st.integers(-70, 80), st.integers(8, 40), st.integers(8, 40)
)


@functools.cache
def world(seed: int, pixel: float = 15.0, **changed: Any) -> World:
    style = PLAIN.with_(coherence_window=5.0, **changed)
    conditions = draw_conditions(
        style, np.random.default_rng((seed, 0x0C)), classes=frozenset(CLASSES), without=frozenset()
    )
    return World.of(seed, pixel, style, conditions)


@functools.cache
def layers(made: World, window: Window) -> dict[str, Any]:
    return raw_layers(made, window, made.window(window))


def differing(made: World, part: Window, whole: Window = WHOLE) -> list[str]:
    """Layers of a window that are not those of a larger one."""
    cut, all_of_it = layers(made, part), layers(made, whole)
    return [
        name
        for name in cut
        if not np.array_equal(cut[name], all_of_it[name][part.seen_from(whole).slices], equal_nan=True)
    ]


@settings(max_examples=6)
@given(part=windows)
@pytest.mark.parametrize("seed", [0, 3])
def test_any_window_agrees_with_a_larger_one_bit_for_bit(seed: int, part: Window) -> None:
    assert differing(world(seed), part) == []


@pytest.mark.parametrize("seed", [0, 2])
def test_windows_that_end_where_a_slide_begins_agree(seed: int) -> None:
    made = world(seed)
    beside = []
    for feature in made.features(WHOLE).values():
        touched = feature.shape.window(made.pixel)
        for part in (
            Window(touched.top - 30, touched.left, 30, touched.width),
            Window(touched.top, touched.right, touched.height, 30),
        ):
            both = part.intersection(WHOLE)
            if min(both.height, both.width) > 12:
                beside.append(both)
    assert len(beside) >= 3
    assert [differing(made, part) for part in beside[:5]] == [[]] * len(beside[:5])


@pytest.mark.parametrize("seed", [1])
def test_a_window_of_single_look_images_agrees(seed: int) -> None:
    made = world(seed, looks=1.0, grain=1.0)
    assert differing(made, Window(-20, 30, 60, 60)) == []


def test_seeds_give_different_worlds() -> None:
    window = Window(0, 0, 40, 40)
    first, second = layers(world(0), window), layers(world(3), window)
    for name in ("elevation", "interferogram", "coherence_true", "atmosphere_true"):
        assert not np.array_equal(first[name], second[name]), name


@pytest.mark.parametrize("pixel", [10.0, 15.0, 30.0])
def test_other_pixel_sizes_work(pixel: float) -> None:
    made = world(1, pixel)
    assert differing(made, Window(-10, 5, 40, 30), Window(-30, -30, 100, 90)) == []


def test_a_slide_has_one_number_everywhere() -> None:
    made = world(0)
    near, far = made.features(Window(0, 0, 60, 60)), made.features(WHOLE)
    assert near.keys() <= far.keys()
    assert all(far[number] == feature for number, feature in near.items())
    assert all(number > 0 for number in far)


def test_the_world_goes_on_far_from_its_origin() -> None:
    made = layers(world(0), Window(1_000_000, -1_000_000, 32, 32))
    assert all(np.isfinite(values).all() for values in made.values())
