"""Outlines of what was found, and the truth, over a pale map."""

import numpy as np
import pytest
import xarray as xr

from insarfeat import plot
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.plot._outlines import placed_outlines

pytest.importorskip("matplotlib")

from matplotlib.collections import LineCollection

CRS = "EPSG:32632"


def on_map(
    values: np.ndarray, name: str = "slope", *, pixel: float = 15.0, ascending: bool = False
) -> xr.DataArray:
    import pyproj

    rows, columns = values.shape
    y = 4_905_000.0 + pixel * np.arange(rows)
    coords = {
        "y": y if ascending else y[::-1],
        "x": 620_000.0 + pixel * np.arange(columns),
        "spatial_ref": ((), 0, {"crs_wkt": pyproj.CRS.from_user_input(CRS).to_wkt()}),
    }
    made = xr.DataArray(values, coords, ("y", "x"), name=name)
    made.x.attrs["units"] = made.y.attrs["units"] = "m"
    return made


def box(west: float, south: float, east: float, north: float) -> dict:
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [corners]}


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def numbers(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts if text.get_text().isdigit()]


def corners_of_contour(figure, colour: str) -> np.ndarray:
    """All corners of the contours drawn in this colour."""
    from matplotlib.colors import to_hex
    from matplotlib.contour import ContourSet

    (drawn,) = [
        one
        for one in figure.axes[0].collections
        if isinstance(one, ContourSet) and to_hex(one.get_edgecolor()[0]) == colour
    ]
    return np.concatenate([path.vertices for path in drawn.get_paths()])


def test_outlines_lie_where_their_coordinates_say():
    layer = on_map(np.zeros((20, 30)))
    figure = plot.detections(layer, [box(620_030, 4_905_040, 620_100, 4_905_090)])
    (lines,) = [one for one in figure.axes[0].collections if isinstance(one, LineCollection)]
    (corners,) = lines.get_segments()
    assert corners.min(axis=0).tolist() == [620_030, 4_905_040]
    assert corners.max(axis=0).tolist() == [620_100, 4_905_090]
    assert figure.axes[0].get_xlim() == (620_000 - 7.5, 620_000 + 29.5 * 15)


def test_outlines_of_another_crs_are_brought_to_the_layer():
    from pyproj import Transformer

    there = box(620_030, 4_905_040, 620_100, 4_905_090)
    turn = Transformer.from_crs(CRS, "OGC:CRS84", always_xy=True)
    degrees = [list(turn.transform(*corner)) for corner in there["coordinates"][0]]
    given = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [degrees]}}
        ],
        "crs": {"type": "name", "properties": {"name": "OGC:CRS84"}},
    }
    (placed,) = placed_outlines(given, on_map(np.zeros((20, 30))))
    np.testing.assert_allclose(placed.rings[0], there["coordinates"][0], atol=1e-3)


def test_outlines_with_a_crs_cannot_lie_on_a_layer_without():
    given = {
        "type": "FeatureCollection",
        "features": [],
        "crs": {"type": "name", "properties": {"name": CRS}},
    }
    with pytest.raises(GridMismatch, match="tells no CRS"):
        plot.detections(xr.DataArray(np.eye(4), dims=("y", "x")), given)


def test_features_without_a_polygon_are_left_out_and_keep_their_numbers():
    nothing = {"type": "Feature", "properties": {}, "geometry": None}
    layer = on_map(np.zeros((20, 30)))
    (placed,) = placed_outlines([nothing, box(620_030, 4_905_040, 620_100, 4_905_090)], layer)
    assert placed.number == 1


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("side", [40, 2500])
def test_the_truth_is_drawn_where_it_is_whatever_the_order_of_rows_and_the_size(ascending: bool, side: int):
    values = np.zeros((side, side), np.uint8)
    low, high = side // 4, side // 4 + side // 10  # rows counted from the south when ascending
    values[low:high, low:high] = 1
    truth = on_map(values, "landslide", ascending=ascending)
    figure = plot.detections(on_map(np.zeros((side, side), "f4"), ascending=ascending), [], truth=truth)
    corners = corners_of_contour(figure, "#00447c")
    inside = truth.where(truth == 1, drop=True)
    cell = 15.0 * -(-side // 1200)
    for number, axis in ((0, "x"), (1, "y")):
        assert abs(corners[:, number].min() - (float(inside[axis].min()) - 7.5)) <= cell
        assert abs(corners[:, number].max() - (float(inside[axis].max()) + 7.5)) <= cell


def test_a_slide_of_one_pixel_shows_in_a_scene_that_is_thinned():
    values = np.zeros((2500, 2500), np.uint8)
    values[1001, 1000] = 1  # not one of the pixels that are drawn
    blank = on_map(np.zeros((2500, 2500), "f4"))
    assert legend(plot.detections(blank, [], truth=on_map(values, "landslide")))[1] == "truth"


def test_truth_at_the_border_is_closed_there():
    values = np.zeros((10, 10), np.uint8)
    values[:3, :3] = 1
    figure = plot.detections(on_map(np.zeros((10, 10))), [], truth=on_map(values, "landslide"))
    corners = corners_of_contour(figure, "#00447c")
    assert corners[0].tolist() == corners[-1].tolist()


def test_the_legend_says_when_there_is_nothing():
    layer = on_map(np.zeros((10, 10)))
    figure = plot.detections(layer, [], truth=on_map(np.zeros((10, 10), np.uint8), "landslide"))
    assert legend(figure) == ["found: nothing", "truth: nothing"]


def test_without_a_truth_none_is_in_the_legend():
    assert legend(plot.detections(on_map(np.zeros((10, 10))), [])) == ["found: nothing"]


def test_outlines_are_numbered_in_their_order_and_the_first_wins_where_two_numbers_meet():
    same = box(620_030, 4_905_040, 620_100, 4_905_090)
    elsewhere = box(620_300, 4_905_200, 620_330, 4_905_220)
    figure = plot.detections(on_map(np.zeros((20, 30))), [same, same, elsewhere])
    assert numbers(figure) == ["1", "3"]


def test_numbers_leave_room_for_the_scale_bar():
    corner = box(620_000, 4_905_000, 620_030, 4_905_010)
    assert numbers(plot.detections(on_map(np.zeros((40, 40))), [corner])) == []


def test_numbers_at_the_upper_edge_are_whole_and_stand_off_the_lines_of_their_box():
    layer = on_map(np.zeros((400, 600)))
    (west, east), (_, north) = (layer.x.values[[0, -1]], layer.y.values[[-1, 0]])
    boxes = [
        box(west + 900, north - 600, west + 1800, north + 3),
        box(east - 900, north - 600, east + 90, north + 90),
    ]
    figure = plot.detections(layer, boxes)
    figure.canvas.draw()
    axes = figure.axes[0]
    inside = axes.get_window_extent()
    told = [text for text in axes.texts if text.get_text() in ("1", "2")]
    assert len(told) == 2
    for text, given in zip(told, boxes, strict=True):
        place = text.get_window_extent()
        assert inside.y0 < place.y0 < place.y1 < inside.y1
        assert inside.x0 < place.x0 < place.x1 < inside.x1
        corner = axes.transData.transform((given["coordinates"][0][0][0], north - 600))[0]
        assert place.x0 > corner + 2


def test_an_elevation_is_drawn_as_relief_in_grey():
    rows, columns = np.mgrid[:20, :30]
    figure = plot.detections(on_map(rows * 3.0 + columns, "elevation"), [])
    drawn = np.asarray(figure.axes[0].images[0].get_array())
    assert np.ptp(drawn, axis=-1).max() == 0.0


def test_layers_in_pixels_count_rows_downward():
    layer = xr.DataArray(np.zeros((20, 30)), dims=("y", "x"), name="slope")
    figure = plot.detections(layer, [box(2, 3, 6, 8)])
    assert figure.axes[0].get_ylim() == (20, 0)


def test_a_truth_of_another_shape_is_refused():
    with pytest.raises(GridMismatch, match="truth has shape"):
        plot.detections(on_map(np.zeros((10, 10))), [], truth=on_map(np.zeros((9, 10), np.uint8)))


@pytest.mark.parametrize("outlines", ["slides.gpkg", [3]])
def test_what_is_no_outline_is_refused(outlines: object):
    with pytest.raises(InvalidType, match="polygons"):
        plot.detections(on_map(np.zeros((10, 10))), outlines)


def test_outlines_beyond_the_reach_of_a_projection_are_refused():
    far = box(0, 0, 1, 1)
    far["coordinates"][0][1] = [500.0, 95.0]
    given = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {}, "geometry": far}],
    }
    given["crs"] = {"type": "name", "properties": {"name": "OGC:CRS84"}}
    with pytest.raises(InvalidArgument, match="not defined"):
        plot.detections(on_map(np.zeros((10, 10))), given)
