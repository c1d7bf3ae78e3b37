"""Maps of blind spots: one palette everywhere, and ground without data that passes for nothing else."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import xarray as xr

from insarfeat.errors import InvalidArgument, InvalidType

pytest.importorskip("matplotlib")

from matplotlib.colors import to_rgb
from test_colours_for_all_eyes import EYES, apart

from insarfeat import plot
from insarfeat.plot._blind import plain_steps
from insarfeat.plot._paint import faintly_shaded
from insarfeat.plot._reasons import HOLE, LOOKS
from zoo.review.styles import CAUSE_COLOURS

FLAGS = {
    "flag_values": np.arange(5, dtype="u1"),
    "flag_meanings": "visible layover_or_shadow line_of_sight low_coherence too_small_or_slow",
    "_FillValue": np.uint8(255),
}
BLUE = to_rgb(LOOKS["visible"].colour)


def on_map(values: np.ndarray) -> xr.DataArray:
    import pyproj

    rows, columns = values.shape
    where = {
        "y": 4_905_000.0 - 120.0 * (np.arange(rows) + 0.5),
        "x": 620_000.0 + 120.0 * (np.arange(columns) + 0.5),
        "spatial_ref": ((), 0, {"crs_wkt": pyproj.CRS.from_epsg(32632).to_wkt()}),
    }
    return xr.DataArray(values, where, ("y", "x"))


def reasons(values: object) -> xr.DataArray:
    return on_map(np.asarray(values, "u1")).assign_attrs(FLAGS).rename("blind_spot")


def found() -> xr.Dataset:
    """Thirty cells by forty with a corner without data, and one part in which nothing would be found."""
    blind = np.zeros((30, 40), "u1")
    blind[10:20], blind[:10, 20:] = 4, 255
    recall = np.where(blind == 255, np.nan, np.where(blind == 4, 0.1, 0.9))
    limits = np.where(blind == 0, np.linspace(0.02, 0.5, 40), np.nan)
    layers = {"recall": recall, "detectable_area": limits, "detectable_speed": 100.0 * limits}
    made = xr.Dataset({"blind_spot": reasons(blind)} | {name: on_map(one) for name, one in layers.items()})
    return made.assign_attrs(title="What m could not have seen", area=0.06, speed=50.0, trials=411, pairs="")


def drawn(figure, panel: int = 0) -> np.ndarray:
    return np.asarray(figure.axes[panel].images[0].get_array())


def legend(owner) -> list[str]:
    return [text.get_text() for text in owner.get_texts()]


def test_what_would_have_been_found_is_blue_with_and_without_a_relief():
    layer = reasons([[0, 3], [3, 0]])
    flat = drawn(plot.picture(layer))
    np.testing.assert_allclose(flat[0, 0, :3], BLUE)
    slopes = on_map(np.array([[0.0, 300.0], [900.0, 0.0]])).rename("elevation")
    shaded = drawn(plot.picture(layer, background=slopes))
    for place in ((0, 0), (1, 1)):
        red, green, blue = shaded[place][:3]
        assert red < green < blue
        assert blue - red > 0.4


def test_ground_without_data_lets_the_stripes_through_and_is_told():
    figure = plot.picture(reasons([[0, 255], [3, 0]]), background=on_map(np.eye(2)).rename("elevation"))
    np.testing.assert_array_equal(drawn(figure)[..., 3], [[1, 0], [1, 1]])
    axes = figure.axes[0]
    assert axes.patch.get_hatch()
    assert axes.patch.get_facecolor()[:3] == to_rgb(HOLE)
    assert legend(figure.legends[0])[-1] == "no data"
    assert figure.legends[0].get_patches()[-1].get_hatch()


def test_where_all_is_known_the_legend_has_no_entry_for_no_data():
    assert "no data" not in legend(plot.picture(reasons([[0, 3], [3, 0]])).legends[0])


def test_values_that_no_flag_names_are_no_data_though_no_attribute_says_so():
    layer = reasons([[0, 255], [3, 0]])
    del layer.attrs["_FillValue"]
    figure = plot.picture(layer)
    assert drawn(figure)[0, 1, 3] == 0
    assert "no data" in legend(figure.legends[0])


def test_a_layer_of_other_classes_keeps_the_palette_of_classes():
    layer = reasons([[0, 1], [1, 0]])
    layer.attrs.update(flag_values=np.arange(2, dtype="u1"), flag_meanings="clear shadow")
    assert drawn(plot.picture(layer)).shape[-1] == 3


def test_reasons_that_are_not_known_get_colours_of_their_own():
    layer = reasons([[0, 1], [2, 3]])
    layer.attrs.update(flag_values=np.arange(4, dtype="u1"), flag_meanings="visible fog low_coherence snow")
    colours = drawn(plot.picture(layer))[..., :3].reshape(-1, 3)
    assert len({tuple(colour) for colour in colours.round(4).tolist()}) == 4


def test_layers_of_a_review_have_the_same_colours():
    assert {name: look.colour for name, look in LOOKS.items() if name != "visible"} == CAUSE_COLOURS


@pytest.mark.parametrize("eyes", EYES)
def test_colours_differ_for_all_eyes_in_light_and_in_shade(eyes: str):
    lit = []
    for look in LOOKS.values():
        both = np.array([[to_rgb(look.colour)] * 2])
        lit.append(faintly_shaded(both, np.array([[0.2, 1.0]]))[0])
    for one, other in combinations(lit, 2):
        assert min(apart(a, b, eyes) for a in one for b in other) > 10.0


def test_the_sheet_has_maps_of_one_size_in_rows_and_columns():
    figure = plot.blind_spots(found())
    maps = [axes.get_position() for axes in figure.axes if axes.images]
    assert len(maps) == 4
    for place in maps[1:]:
        np.testing.assert_allclose(place.size, maps[0].size)
    np.testing.assert_allclose([maps[0].x0, maps[0].y0], [maps[2].x0, maps[1].y0])
    np.testing.assert_allclose([maps[3].x0, maps[3].y0], [maps[1].x0, maps[2].y0])


def test_every_map_of_the_sheet_tells_where_it_is_and_how_long_a_kilometre_is():
    for axes in plot.blind_spots(found()).axes:
        if axes.images:
            assert (axes.get_ylabel(), axes.get_xlabel()) == ("northing, km", "easting, km")
            assert "1 km" in [text.get_text() for text in axes.texts]


def test_the_sheet_tells_shares_of_the_ground_with_data():
    axes = plot.blind_spots(found()).axes[0]
    assert legend(axes.get_legend()) == [
        "would have been found (60 %)",
        "too small or too slow (40 %)",
        "no data",
    ]


def test_what_nothing_was_found_of_is_told_apart_from_no_data():
    figure = plot.blind_spots(found())
    (panel,) = (axes for axes in figure.axes if axes.get_title(loc="left").startswith("smallest"))
    colours = np.asarray(panel.images[0].get_array())
    assert colours[0, 30, 3] == 0
    assert colours[15, 5, 3] == 1
    assert legend(panel.get_legend()) == ["nothing of those that were tried", "no data"]


def test_numbers_of_logarithmic_bars_are_plain():
    figure = plot.blind_spots(found())
    figure.canvas.draw()
    told = [
        label.get_text()
        for axes in figure.axes
        if axes.get_ylabel() in ("km²", "cm a year")
        for label in axes.get_yticklabels()
    ]
    assert told == ["0.02", "0.05", "0.1", "0.2", "0.5", "2", "5", "10", "20", "50"]


@pytest.mark.parametrize(
    ("low", "high", "steps"),
    [
        (2.0, 400.0, [2, 5, 10, 20, 50, 100, 200]),
        (0.003, 0.02, [0.005, 0.01, 0.02]),
        (3.0, 3.03, [3.0, 3.03]),
    ],
)
def test_steps_are_one_two_five(low: float, high: float, steps: list[float]):
    assert plain_steps(low, high) == steps


def test_a_map_on_which_nothing_at_all_would_be_found_is_drawn():
    nothing = found()
    for name in ("detectable_area", "detectable_speed"):
        nothing[name] = nothing[name] * np.nan
    assert plot.png(plot.blind_spots(nothing))[:4] == b"\x89PNG"


def test_what_is_no_map_of_blind_spots_is_refused():
    with pytest.raises(InvalidArgument, match="has no layer 'recall'"):
        plot.blind_spots(found().drop_vars("recall"))
    with pytest.raises(InvalidType, match="DataArray"):
        plot.blind_spots(found()["recall"])
