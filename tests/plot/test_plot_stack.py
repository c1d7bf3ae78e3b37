"""A sheet of several layers."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from insarfeat import plot, synth
from insarfeat.errors import InvalidArgument, InvalidType

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def scene() -> xr.Dataset:
    return synth.scene(2, size=64)


def many(count: int) -> xr.Dataset:
    return xr.Dataset({f"layer_{number}": (("y", "x"), np.eye(4) * number) for number in range(count)})


def panels(figure) -> list:
    return [axes for axes in figure.axes if axes.images]


def titles(figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in panels(figure)]


def test_each_panel_has_the_colours_of_its_own_picture(scene: xr.Dataset):
    names = ["wrapped_phase", "displacement", "elevation", "intensity", "coherence", "landslide"]
    figure = plot.stack(scene, names)
    assert titles(figure) == names
    for axes, name in zip(panels(figure), names, strict=True):
        alone = plot.picture(scene[name]).axes[0].images[0].get_array()
        np.testing.assert_allclose(axes.images[0].get_array(), alone)


def test_values_have_colour_bars_and_classes_a_legend(scene: xr.Dataset):
    figure = plot.stack(scene, ["wrapped_phase", "coherence", "shadow_layover"])
    bars = [axes for axes in figure.axes if not axes.images]
    assert [bar.get_ylabel() for bar in bars] == ["rad", ""]
    assert [bar.get_ylim() for bar in bars] == [pytest.approx((-np.pi, np.pi)), (0.0, 1.0)]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "clear",
        "shadow",
        "layover",
        "shadow and layover",
    ]


def test_there_is_one_scale_bar(scene: xr.Dataset):
    figure = plot.stack(scene, ["coherence", "slope_to_los", "elevation"])
    assert [len(axes.lines) for axes in panels(figure)] == [1, 0, 0]
    assert [text.get_text() for text in panels(figure)[0].texts] == ["200 m"]


def test_the_first_twelve_are_drawn_and_the_rest_is_named():
    figure = plot.stack(many(14))
    assert titles(figure) == [f"layer_{number}" for number in range(12)]
    assert [text.get_text() for text in figure.texts] == ["left out: layer_12, layer_13"]


def test_twelve_leave_nothing_out():
    assert not plot.stack(many(12)).texts


def test_of_a_series_the_first_slice_is_shown_and_the_title_says_so():
    series = xr.Dataset({"coherence": (("pair", "y", "x"), np.stack([np.zeros((3, 3)), np.ones((3, 3))]))})
    (axes,) = panels(figure := plot.stack(series))
    assert titles(figure) == ["coherence, pair 1 of 2"]
    zeros = plot.picture(series["coherence"][0]).axes[0].images[0].get_array()
    np.testing.assert_allclose(axes.images[0].get_array(), zeros)


def test_panels_do_not_lie_on_each_other_and_stay_on_the_sheet(scene: xr.Dataset):
    figure = plot.stack(scene)
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= 1 and box.y1 <= 1 for box in boxes)
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            apart = one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0
            assert apart


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 3), (6, 3), (7, 4), (9, 3), (12, 4)]
)
def test_as_little_of_the_sheet_as_can_be_stays_empty(count: int, columns: int):
    layers = {f"layer_{number}": (("y", "x"), np.eye(4)) for number in range(count)}
    lefts = {round(axes.get_position().x0, 6) for axes in panels(plot.stack(xr.Dataset(layers)))}
    assert len(lefts) == columns


def test_legends_stay_clear_of_the_next_row():
    flags = {
        "flag_values": np.arange(9),
        "flag_meanings": " ".join(f"a_long_meaning_of_{n}" for n in range(9)),
    }
    above = {f"cover_{n}": (("y", "x"), np.eye(4, dtype="u1"), flags) for n in range(3)}
    under = {name: (("y", "x"), np.eye(4)) for name in ("slope", "tri", "twi")}
    figure = plot.stack(xr.Dataset({**above, **under}))
    figure.canvas.draw()
    below = panels(figure)[3].get_tightbbox().y1
    assert min(legend.get_window_extent().y0 for legend in figure.legends) >= below - 1


def test_variables_that_are_no_rasters_are_left_out(scene: xr.Dataset):
    few = scene[["coherence", "slide_area"]]
    assert titles(plot.stack(few)) == ["coherence"]


def test_what_cannot_be_drawn_is_refused(scene: xr.Dataset):
    with pytest.raises(InvalidArgument, match="13 layers"):
        plot.stack(many(13), [f"layer_{number}" for number in range(13)])
    with pytest.raises(InvalidArgument, match=r"'layer0' \(did you mean 'layer_0'\?\), which is no raster"):
        plot.stack(many(1), ["layer0"])
    with pytest.raises(InvalidArgument, match="no raster layer"):
        plot.stack(xr.Dataset())
    with pytest.raises(InvalidType, match=r"plot\.picture"):
        plot.stack(scene["coherence"])
