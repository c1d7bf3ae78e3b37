"""Things of a label raster, against scipy on all of it; and which are one slide, against every pair of boxes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import dask.array as da
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from insarfeat.dispatch.lazy import lazy_source
from insarfeat.dispatch.sources import GeneratedSource
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.georeference import Axis, Grid
from insarfeat.tiling.patches.scenes.objects import Objects, objects_in, slides_of
from insarfeat.windows import Shape, Window

Array = NDArray[Any]

UTM32, UTM33, DEGREES = (CRS.from_epsg(code).to_wkt() for code in (32632, 32633, 4326))


def by_scipy(labels: Array) -> list[tuple[int, ...]]:
    """(value, pixels, row0, col0, row1, col1) of all things in the order of their first pixels."""
    found = []
    for value in np.unique(labels[(labels != 0) & (labels != 255)]):
        numbers, count = scipy.ndimage.label(labels == value, np.ones((3, 3)))
        for number in range(1, count + 1):
            rows, columns = np.nonzero(numbers == number)
            box = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
            first = (int(rows[0]), int(columns[0]))
            found.append((first, (int(value), len(rows), *map(int, box))))
    return [thing for _, thing in sorted(found)]


def told(found: Objects) -> list[tuple[int, ...]]:
    columns = found.value, found.area_pixels, found.row0, found.col0, found.row1, found.col1
    return [tuple(int(number) for number in row) for row in zip(*columns, strict=True)]


def cuts(draw: Any, size: int) -> tuple[int, ...]:
    inner = draw(st.lists(st.integers(1, max(size - 1, 1)), max_size=4, unique=True)) if size > 1 else []
    return tuple(np.diff([0, *sorted(inner), size]).tolist())


@st.composite
def chunked(draw: Any) -> tuple[Array, Any]:
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    values = st.sampled_from([0, 0, 1, 1, 1, 2, 254, 255])
    labels = draw(arrays.arrays(np.uint8, shape, elements=values, fill=st.nothing()))
    return labels, da.from_array(labels, (cuts(draw, shape[0]), cuts(draw, shape[1])))


@given(chunked())
def test_any_chunks_give_scipys_things_of_the_whole_raster_in_reading_order(both: tuple[Array, Any]) -> None:
    labels, lazy = both
    truth = by_scipy(labels)
    assert told(objects_in(labels)) == truth
    assert told(objects_in(lazy)) == truth


@pytest.mark.parametrize("chunk", [1, 3, 7, 64, (5, 64), (64, 5)])
def test_a_spiral_through_all_chunks_is_one_thing_and_its_twin_another(chunk: Any) -> None:
    size = 41
    labels = np.zeros((size, size), np.uint8)
    row = column = size // 2
    for turn, (down, right) in enumerate([(0, 1), (1, 0), (0, -1), (-1, 0)] * 9):
        for _ in range(2 * (turn // 2 + 1)):
            if 0 <= row < size and 0 <= column < size:
                labels[row, column] = 1
            row, column = row + down, column + right
    both = np.concatenate([labels, np.zeros((size, 1), np.uint8), labels], axis=1)
    found = objects_in(da.from_array(both, chunk))
    assert told(found) == by_scipy(both)
    assert len(found) == 2
    assert found.area_pixels.tolist() == [np.count_nonzero(labels)] * 2


def test_classes_that_touch_are_apart_and_corners_hold_together() -> None:
    labels = np.array([[1, 2, 0, 0], [2, 1, 0, 3], [0, 0, 3, 0], [255, 255, 0, 0]], np.uint8)
    for lazy in (labels, da.from_array(labels, 1), da.from_array(labels, 2)):
        assert told(objects_in(lazy)) == [(1, 2, 0, 0, 2, 2), (2, 2, 0, 0, 2, 2), (3, 2, 1, 2, 3, 4)]


def test_boxes_on_the_map_follow_both_directions_of_coordinates() -> None:
    labels = np.zeros((10, 20), np.uint8)
    labels[2:5, 3:7] = 1
    down = Grid(Axis(5000.0, -15.0, 10), Axis(100.0, 15.0, 20), UTM32)
    (west, south, east, north) = objects_in(labels, down).bounds[0]
    assert (west, east) == (100 - 7.5 + 3 * 15, 100 - 7.5 + 7 * 15)
    assert (south, north) == (5000 + 7.5 - 5 * 15, 5000 + 7.5 - 2 * 15)
    up = Grid(Axis(5000.0, 15.0, 10), Axis(100.0, 15.0, 20), UTM32)
    (_, south, _, north) = objects_in(labels, up).bounds[0]
    assert (south, north) == (5000 - 7.5 + 2 * 15, 5000 - 7.5 + 5 * 15)
    assert np.isnan(objects_in(labels).bounds).all()


def test_each_chunk_is_read_once() -> None:
    read: Counter[Window] = Counter()

    def stripes(window: Window) -> Array:
        read[window] += 1
        rows = np.arange(window.top, window.bottom)[:, np.newaxis] % 4 == 0
        return np.broadcast_to(rows, (window.height, window.width)).astype(np.uint8)

    source = GeneratedSource(stripes, Shape(64, 96), np.uint8)
    found = objects_in(lazy_source(source, ((16,) * 4, (32,) * 3)))
    assert (found.col1 - found.col0 == 96).all()
    assert len(found) == 16
    assert len(read) == 12
    assert set(read.values()) == {1}


def test_rasters_without_any_thing_give_none() -> None:
    for labels in (np.zeros((5, 6), np.uint8), np.full((5, 6), 255, np.uint8), np.zeros((0, 6), np.uint8)):
        assert len(objects_in(labels)) == 0
        assert len(objects_in(da.from_array(labels, 2))) == 0


def test_what_is_no_label_raster_is_refused() -> None:
    with pytest.raises(InvalidType, match=r"uint8 raster .* got float32 with 2"):
        objects_in(np.zeros((2, 2), "f4"))
    with pytest.raises(InvalidType, match="3 dimensions"):
        objects_in(np.zeros((1, 2, 2), "u1"))


# -- one slide, seen several times ----------------------------------------------------------------------------


def seen(boxes: Any) -> Objects:
    """Things by (row0, col0, row1, col1)."""
    pixels = np.asarray(boxes, float).reshape(-1, 4)
    return Objects.of(pixels, np.ones(len(pixels)), np.ones(len(pixels)))


def mapped(boxes: Any) -> Objects:
    """Things by (west, south, east, north)."""
    bounds = np.asarray(boxes, float).reshape(-1, 4)
    return Objects.of(np.zeros((len(bounds), 4)), np.ones(len(bounds)), np.ones(len(bounds)), bounds=bounds)


def of_every_pair(boxes: Array, share: float) -> list[int]:
    """Numbers of slides by looking at each box with each other one."""
    numbers = list(range(len(boxes)))
    for one in range(len(boxes)):
        for other in range(one):
            a, b = boxes[one], boxes[other]
            across, along = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            if across < 0 or along < 0:
                continue
            smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
            if across * along >= share * smaller:
                lower, upper = sorted((numbers[one], numbers[other]))
                numbers = [lower if number == upper else number for number in numbers]
    order = {number: place for place, number in enumerate(dict.fromkeys(numbers))}
    return [order[number] for number in numbers]


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 6), st.integers(0, 6)), max_size=40
    ),
    st.integers(1, 4),
    st.sampled_from([0.1, 0.3, 1.0]),
    st.sampled_from([1e-3, 1.0, 700.0]),
)
def test_slides_are_those_of_every_box_with_every_other(
    places: list[tuple[int, ...]], parts: int, share: float, scale: float
) -> None:
    # Sides of 0 to 63 in steps of doubling: boxes of very different sizes, some without area.
    boxes = np.array([(x, y, x + (1 << w) - 1, y + (1 << h) - 1) for x, y, w, h in places], float)
    boxes = boxes.reshape(-1, 4) * scale
    grid = Grid(Axis(0.0, -1.0, 9), Axis(0.0, 1.0, 9), UTM32)
    pieces = np.array_split(boxes, parts)
    objects = {(f"scene {number}", "pair"): mapped(piece) for number, piece in enumerate(pieces)}
    found = slides_of(objects, {name: grid for name, _ in objects}, overlap=share)
    assert list(found) == list(objects)
    assert np.concatenate(list(found.values())).tolist() == of_every_pair(boxes, share)


def test_a_slide_keeps_its_number_over_pairs_and_others_have_the_next_ones() -> None:
    first = seen([(0, 0, 10, 10), (50, 50, 60, 60)])
    second = seen([(100, 0, 110, 10), (51, 49, 61, 60)])
    found = slides_of({("a", "p"): first, ("a", "q"): second}, {"a": None})
    assert found["a", "p"].tolist() == [0, 1]
    assert found["a", "q"].tolist() == [2, 1]


def test_three_tenths_of_the_smaller_box_make_one_slide() -> None:
    def same(overlap: float) -> bool:
        boxes = [(0, 0, 10, 10), (0, 10 - overlap, 10, 110)]
        numbers = slides_of({("a", ""): seen(boxes)}, {"a": None})["a", ""]
        return bool(numbers[0] == numbers[1])

    assert same(3.0)
    assert not same(2.99)


def test_scenes_without_a_map_are_no_neighbours_and_those_without_crs_are() -> None:
    one = seen([(0, 0, 10, 10)])
    apart = slides_of({("a", ""): one, ("b", ""): one}, {"a": None, "b": None})
    assert apart["a", ""].tolist() != apart["b", ""].tolist()
    grid = Grid(Axis(0.0, -1.0, 9), Axis(0.0, 1.0, 9), None)
    place = mapped([(0, 0, 10, 10)])
    near = slides_of({("a", ""): place, ("b", ""): place}, {"a": grid, "b": grid})
    assert near["a", ""].tolist() == near["b", ""].tolist()


def box_about(longitude: float, latitude: float, crs: str, side: float) -> tuple[float, ...]:
    x, y = Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform(longitude, latitude)
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def test_a_slide_is_one_in_scenes_of_several_crss() -> None:
    grids = {name: Grid(Axis(0.0, -1.0, 9), Axis(0.0, 1.0, 9), name) for name in (UTM32, UTM33, DEGREES)}
    places = [(12.0, 46.0), (12.02, 46.0), (11.5, 46.3)]  # the first two are 1.5 km apart
    objects = {
        (name, ""): mapped([box_about(*place, name, 0.003 if name == DEGREES else 300) for place in places])
        for name in grids
    }
    found = slides_of(objects, grids)
    assert [numbers.tolist() for numbers in found.values()] == [[0, 1, 2]] * 3


def test_the_antimeridian_parts_no_slide() -> None:
    zones = [CRS.from_epsg(code).to_wkt() for code in (32701, 32760, 4326)]
    grids = {name: Grid(Axis(0.0, -1.0, 9), Axis(0.0, 1.0, 9), name) for name in zones}
    objects = {
        (name, ""): mapped([box_about(180.0, -17.0, name, 0.01 if name == zones[2] else 900)])
        for name in zones
    }
    beyond = mapped([(-180.005, -17.005, -179.995, -16.995)])
    found = slides_of({**objects, ("beyond", ""): beyond}, {**grids, "beyond": grids[zones[2]]})
    assert [numbers.tolist() for numbers in found.values()] == [[0]] * 4


def test_thousands_of_slides_in_ninety_pairs_are_told_apart_in_seconds() -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.divmod(np.arange(5000), 71)
    corners = np.stack([rows, columns], axis=1) * 60.0
    sides = np.exp(rng.normal(np.log(15), 0.5, (5000, 2))).clip(4, 45)
    grid = Grid(Axis(5e6, -15.0, 5000), Axis(5e5, 15.0, 5000), UTM32)

    def drawn() -> Objects:
        boxes = np.concatenate([corners, corners + sides], axis=1) + rng.uniform(-0.5, 0.5, (5000, 4))
        return Objects.of(boxes, np.ones(5000), np.ones(5000), grid)

    objects = {("alps", f"pair {number}"): drawn() for number in range(92)}
    found = slides_of(objects, {"alps": grid})
    for numbers in found.values():
        np.testing.assert_array_equal(numbers, np.arange(5000))


def test_a_share_that_is_none_is_refused() -> None:
    for share in (0.0, 1.5):
        with pytest.raises(InvalidArgument, match="overlap must be a share"):
            slides_of({}, {}, overlap=share)
    assert slides_of({}, {}) == {}
