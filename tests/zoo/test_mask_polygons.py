"""From masks to polygons: shape, area and probability, whatever the tiles."""

from __future__ import annotations

import numpy as np
import pytest
import small_models
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import zoo
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.tiling import Progress

GRID = small_models.stack(2, 2)


def prediction(mask: np.ndarray, probability: np.ndarray | None = None, **attributes) -> xr.Dataset:
    rows, columns = mask.shape
    values = (
        np.where(mask == 255, np.nan, np.where(mask == 1, 0.75, 0.25)) if probability is None else probability
    )
    coords = {
        "y": 5_100_000 - 15.0 * (np.arange(rows) + 0.5),
        "x": 600_000 + 15.0 * (np.arange(columns) + 0.5),
        "spatial_ref": GRID["spatial_ref"],
    }
    layers = {"landslide": mask.astype("u1"), "landslide_probability": values.astype("f4")}
    return xr.Dataset({name: (("y", "x"), layer) for name, layer in layers.items()}, coords, attrs=attributes)


def area(shape: dict) -> float:
    """Shoelace formula: outer rings less holes."""
    polygons = shape["coordinates"] if shape["type"] == "MultiPolygon" else [shape["coordinates"]]
    total = 0.0
    for rings in polygons:
        for number, ring in enumerate(rings):
            x, y = np.array(ring).T
            one = abs(float(np.sum((x - x[0])[:-1] * (y - y[0])[1:] - (x - x[0])[1:] * (y - y[0])[:-1]))) / 2
            total += one if number == 0 else -one
    return total


def test_a_rectangle_comes_out_with_its_corners_area_and_mean_probability() -> None:
    mask = np.zeros((20, 30))
    mask[4:7, 10:15] = 1
    probability = np.full((20, 30), 0.1)
    probability[4:7, 10:15] = np.arange(15).reshape(3, 5) / 20 + 0.2
    found = zoo.as_polygons(prediction(mask, probability))
    row = found.table.iloc[0]
    assert row[["west", "south", "east", "north"]].tolist() == [600_150, 5_099_895, 600_225, 5_099_940]
    assert row["area_m2"] == pytest.approx(15 * 225, rel=2e-3)  # the map's scale is not quite 1
    assert row["score"] == pytest.approx(0.2 + 7 / 20, abs=1e-6)
    assert row["class"] == "landslide"


def test_a_hole_stays_a_hole_and_corners_join() -> None:
    mask = np.zeros((20, 30))
    mask[2:9, 2:9] = 1
    mask[4:6, 4:6] = 0
    mask[9, 9] = 1  # touches at a corner only
    found = zoo.as_polygons(prediction(mask))
    assert len(found) == 1
    (shape,) = found.outlines
    assert shape["type"] == "MultiPolygon"
    assert area(shape) == pytest.approx(225 * mask.sum())


def test_neighbours_whose_boxes_overlap_are_kept_apart() -> None:
    mask = np.zeros((12, 12))
    mask[0:10, 0] = mask[9, 0:10] = 1  # an L about a spot
    mask[2:4, 4:6] = 1
    found = zoo.as_polygons(prediction(mask))
    assert [area(shape) for shape in found.outlines] == [225 * 19, 225 * 4]


@given(arrays(np.uint8, (13, 17), elements=st.sampled_from([0, 0, 1, 1, 255])), st.integers(2, 9))
def test_every_pixel_of_the_mask_is_in_one_outline_however_it_is_chunked(
    mask: np.ndarray, chunk: int
) -> None:
    given_mask = prediction(mask)
    found = zoo.as_polygons(given_mask)
    assert sum(map(area, found.outlines)) == pytest.approx(225 * (mask == 1).sum())
    chunked = zoo.as_polygons(given_mask.chunk(y=chunk, x=chunk))
    assert chunked.outlines == found.outlines
    assert chunked.table.equals(found.table)


def test_shapely_finds_them_valid() -> None:
    shapely = pytest.importorskip("shapely")
    mask = (np.random.default_rng(0).uniform(size=(40, 40)) > 0.5).astype("u1")
    for shape in zoo.as_polygons(prediction(mask)).outlines:
        assert shapely.geometry.shape(shape).is_valid


def test_small_ones_can_be_left_out() -> None:
    mask = np.zeros((10, 10))
    mask[0, 0] = mask[4:8, 4:8] = 1
    assert len(zoo.as_polygons(prediction(mask))) == 2
    assert len(zoo.as_polygons(prediction(mask), least_area=1000.0)) == 1
    with pytest.raises(InvalidArgument, match="least_area"):
        zoo.as_polygons(prediction(mask), least_area=-1.0)


def test_pair_orbit_and_model_come_from_the_prediction() -> None:
    mask = np.zeros((5, 5))
    mask[2, 2] = 1
    told = {
        "primary_date": "2023-01-01", "secondary_date": "2023-01-13", "heading": -168.0, "model": "small-masks",
        "training_data": "synthetic",
    }  # fmt: skip
    found = zoo.as_polygons(prediction(mask, **told))
    assert found.table.loc[0, ["pair", "orbit"]].tolist() == ["20230101_20230113", "D"]
    assert found.about["model"] == "small-masks"


def test_several_pairs_give_rows_for_each() -> None:
    first, second = np.zeros((5, 5)), np.zeros((5, 5))
    first[0, 0] = second[1, 1] = second[4, 4] = 1
    both = xr.concat([prediction(first), prediction(second)], "pair").assign_coords(
        pair=["20230101_20230113", "20230113_20230125"]
    )
    table = zoo.as_polygons(both).table
    assert table["pair"].tolist() == ["20230101_20230113", *["20230113_20230125"] * 2]


def test_progress_is_told_polygon_by_polygon() -> None:
    mask = np.zeros((20, 20), "u1")
    mask[2:4, 2:4] = mask[10:12, 2:4] = 1
    told: list[Progress] = []
    zoo.as_polygons(prediction(mask), progress=told.append)
    assert told == [Progress("outlining", done, 2) for done in range(3)]


def test_nothing_found_is_an_empty_table() -> None:
    assert len(zoo.as_polygons(prediction(np.zeros((5, 5))))) == 0


def test_what_is_no_prediction_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="landslide_probability"):
        zoo.as_polygons(prediction(np.zeros((5, 5)))[["landslide"]])
    with pytest.raises(InvalidType, match="uint8"):
        zoo.as_polygons(prediction(np.zeros((5, 5))).astype("f4"))
