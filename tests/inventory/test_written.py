"""Polygons to vector files and back."""

from __future__ import annotations

import json
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insarfeat import inventory
from insarfeat.errors import InvalidArgument, InvalidType, MissingInput, OutputExists, WriteFailed
from insarfeat.inventory._attributes import as_text, of_text
from insarfeat.inventory.written import read_written

SQUARE = [[600000.0, 5e6], [600100.0, 5e6], [600100.0, 5000100.0], [600000.0, 5000100.0], [600000.0, 5e6]]
HOLE = [[600010.0, 5000010.0], [600020.0, 5000010.0], [600020.0, 5000020.0], [600010.0, 5000010.0]]
FAR = [[x + 1000, y] for x, y in SQUARE]
HOLED = {"type": "Polygon", "coordinates": [SQUARE, HOLE]}
TWO = {"type": "MultiPolygon", "coordinates": [[SQUARE], [FAR]]}
UTM = "EPSG:32632"


def feature(geometry: Any = HOLED, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features: dict[str, Any], crs: str | None = UTM, **more: Any) -> dict[str, Any]:
    named = {} if crs is None else {"crs": {"type": "name", "properties": {"name": crs}}}
    return {"type": "FeatureCollection", **named, "features": list(features), **more}


def properties(path: Path) -> list[dict[str, Any]]:
    return [one["properties"] for one in inventory.read_polygons(path)["features"]]


def turning(ring: list[list[float]]) -> float:
    """Twice the signed area: positive anticlockwise."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))


names = st.sampled_from(["Class", "score", "n", "seen", "first day"])
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
columns = st.one_of(
    *(
        st.lists(st.none() | values, min_size=3, max_size=3)
        for values in (texts, numbers, st.integers(-(2**53), 2**53), st.booleans())
    )
)
tables = st.dictionaries(names, columns, max_size=4)
metadata = st.dictionaries(
    st.sampled_from(["model", "version", "threshold", "a.b-c"]),
    st.recursive(
        st.none()
        | texts
        | numbers
        | st.booleans()
        | st.sampled_from(["0.5", "null", "NaN", " x", "a=b", "é\n"]),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
        max_leaves=4,
    ),
)


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson"])
@given(table=tables, about=metadata)
def test_attributes_and_metadata_come_back(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, table: dict[str, list[Any]], about: dict[str, Any]
) -> None:
    rows = [{name: values[n] for name, values in table.items()} for n in range(3)]
    features = collection(*(feature(**row) for row in rows), metadata=about)
    path = inventory.write_polygons(features, tmp_path_factory.mktemp("written") / f"slides{suffix}")
    assert properties(path) == rows
    assert read_written(path).metadata == about


def test_a_geopackage_keeps_coordinates_to_the_last_bit_and_the_crs(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    rings = [[*map(tuple, 6e5 + 1e3 * random.random((5, 2)))] for _ in range(4)]
    shapes = [{"type": "Polygon", "coordinates": [[*map(list, ring), list(ring[0])]]} for ring in rings]
    path = inventory.write_polygons(collection(*map(feature, shapes)), tmp_path / "slides.gpkg")
    back = inventory.read_polygons(path)
    assert [one["geometry"] for one in back["features"]] == shapes
    assert back["crs"]["properties"]["name"] == UTM


def test_what_was_read_is_written_as_it_was(tmp_path: Path) -> None:
    first = inventory.write_polygons(collection(feature(TWO, Class="RG", n=2)), tmp_path / "one.gpkg")
    read = inventory.read_polygons(first)
    assert inventory.read_polygons(inventory.write_polygons(read, tmp_path / "two.gpkg")) == read


def test_holes_and_parts_keep_their_areas(tmp_path: Path) -> None:
    path = inventory.write_polygons(collection(feature(), feature(TWO)), tmp_path / "slides.gpkg")
    assert inventory.areas_of(inventory.read_polygons(path)).tolist() == [1e4 - 50, 2e4]


def test_geojson_has_outer_rings_anticlockwise_and_holes_clockwise(tmp_path: Path) -> None:
    turned = {"type": "Polygon", "coordinates": [SQUARE[::-1], HOLE]}
    path = inventory.write_polygons(
        collection(feature(), feature(turned), feature(TWO)), tmp_path / "a.geojson"
    )
    for one in json.loads(path.read_text())["features"]:
        geometry = one["geometry"]
        polygons = (
            geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        )
        for outer, *holes in polygons:
            assert turning(outer) > 0
            assert outer[0] == outer[-1]
            assert all(turning(hole) < 0 for hole in holes)


def test_geojson_has_no_crs_and_no_member_that_its_standard_forbids(tmp_path: Path) -> None:
    path = inventory.write_polygons(collection(feature(n=1), metadata={"model": "m"}), tmp_path / "a.geojson")
    read = json.loads(path.read_text())
    assert read["metadata"] == {"model": "m"}
    assert set(read) == {"type", "features", "metadata"}
    assert set(read["features"][0]) == {"type", "geometry", "properties"}


def test_geojson_is_in_longitude_and_latitude_to_seven_decimals(tmp_path: Path) -> None:
    # On the central meridian of zone 32, at the equator: 9 degrees east, whatever the projection's formulas are.
    edge = 4.0 * 180 / (np.pi * 6378137.0) / 0.9996  # four metres on the map, along the equator, in degrees
    square = [[500000.0, 0.0], [500004.0, 0.0], [500004.0, 4.0], [500000.0, 4.0], [500000.0, 0.0]]
    slide = {"type": "Polygon", "coordinates": [square]}
    path = inventory.write_polygons(collection(feature(slide)), tmp_path / "a.geojson")
    (ring,) = json.loads(path.read_text())["features"][0]["geometry"]["coordinates"]
    assert ring[0] == [9.0, 0.0]
    assert ring[1] == [pytest.approx(9 + edge, abs=1e-7), 0.0]
    assert all(round(value, 7) == value for corner in ring for value in corner)


def test_geopandas_reads_the_same(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    features = collection(feature(Class="RG", n=1, seen=True), feature(TWO, Class=None, n=2, seen=False))
    package = geopandas.read_file(inventory.write_polygons(features, tmp_path / "slides.gpkg", layer="found"))
    assert package.crs.to_epsg() == 32632
    assert package.geometry.area.tolist() == [1e4 - 50, 2e4]
    assert package["n"].tolist() == [1, 2]
    assert package["seen"].dtype == bool
    geojson = geopandas.read_file(inventory.write_polygons(features, tmp_path / "slides.geojson"))
    assert geojson.crs.to_epsg() == 4326
    assert geojson.geometry.is_valid.all()
    assert geojson.to_crs(UTM).geometry.area.tolist() == pytest.approx([1e4 - 50, 2e4], rel=1e-3)


def test_a_geodataframe_is_written_as_it_is(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    shapely = pytest.importorskip("shapely")
    frame = geopandas.GeoDataFrame({"n": [1, 2]}, geometry=[shapely.geometry.shape(HOLED)] * 2, crs=UTM)
    assert properties(inventory.write_polygons(frame, tmp_path / "slides.gpkg")) == [{"n": 1}, {"n": 2}]


def test_pandas_reads_csv_without_being_told_anything(tmp_path: Path) -> None:
    features = collection(
        feature(Class="R, G", n=1, score=0.1 + 0.2), feature(TWO, Class=None, n=None, score=0.5)
    )
    table = pd.read_csv(inventory.write_polygons(features, tmp_path / "slides.csv"))
    assert list(table) == ["Class", "n", "score", "geometry", "crs"]
    assert table["score"].tolist() == [0.1 + 0.2, 0.5]
    assert table["Class"].tolist()[0] == "R, G"
    assert table[["Class", "n"]].isna().values.tolist() == [[False, False], [True, True]]
    assert set(table["crs"]) == {UTM}


def test_the_text_of_outlines_is_what_shapely_reads(tmp_path: Path) -> None:
    shapely = pytest.importorskip("shapely")
    table = pd.read_csv(
        inventory.write_polygons(collection(feature(), feature(TWO)), tmp_path / "slides.csv")
    )
    shapes = [shapely.from_wkt(text) for text in table["geometry"]]
    assert [
        shapely.geometry.shape(geometry).equals(shape)
        for geometry, shape in zip((HOLED, TWO), shapes, strict=True)
    ] == [True, True]


def test_dates_are_text_and_what_is_not_a_number_is_no_value(tmp_path: Path) -> None:
    row = {
        "day": date(2023, 9, 4),
        "time": np.datetime64("2023-09-04T06:37:30"),
        "stamp": pd.Timestamp("2023-09-04"),
        "nan": np.float32("nan"),
        "nat": pd.NaT,
        "na": pd.NA,
        "n": np.uint8(7),
        "share": np.float32(0.5),
        "yes": np.True_,
        "list": [np.int64(1), {"a": float("nan")}],
    }
    kept = {
        "day": "2023-09-04", "time": "2023-09-04T06:37:30", "stamp": "2023-09-04T00:00:00",
        "nan": None, "nat": None, "na": None, "n": 7, "share": 0.5, "yes": True,
    }  # fmt: skip
    features = collection(feature(**row))
    (found,) = properties(inventory.write_polygons(features, tmp_path / "a.geojson"))
    assert found == {**kept, "list": [1, {"a": None}]}
    (found,) = properties(inventory.write_polygons(features, tmp_path / "a.gpkg"))
    assert found == {**kept, "list": '[1, {"a": null}]'}


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".csv"])
def test_nothing_found_is_a_valid_file_with_its_columns(tmp_path: Path, suffix: str) -> None:
    empty = collection(columns={"class": "text", "score": "real"}, metadata={"model": "m"})
    path = inventory.write_polygons(empty, tmp_path / f"none{suffix}")
    if suffix == ".csv":
        assert list(pd.read_csv(path)) == ["class", "score", "geometry", "crs"]
        return
    read = read_written(path)
    assert (read.features, dict(read.metadata)) == ((), {"model": "m"})
    if suffix == ".gpkg":
        assert read.columns == ("class", "score")
        assert pytest.importorskip("geopandas").read_file(path).crs.to_epsg() == 32632


def test_declared_columns_come_first_and_attributes_that_some_lack_are_none_there(tmp_path: Path) -> None:
    features = collection(feature(b=1, a=2), feature(a=3, c="x"), columns={"a": "integer"})
    found = properties(inventory.write_polygons(features, tmp_path / "a.geojson"))
    assert [list(one.items()) for one in found] == [
        [("a", 2), ("b", 1), ("c", None)],
        [("a", 3), ("b", None), ("c", "x")],
    ]


def test_features_without_a_polygon_are_left_out(tmp_path: Path) -> None:
    path = inventory.write_polygons(collection(feature(None, n=1), feature(n=2)), tmp_path / "a.gpkg")
    assert properties(path) == [{"n": 2}]


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".csv"])
def test_a_file_is_replaced_only_on_request(tmp_path: Path, suffix: str) -> None:
    path = inventory.write_polygons(collection(feature(n=1)), tmp_path / f"slides{suffix}")
    before = path.read_bytes()
    with pytest.raises(OutputExists, match="overwrite=True"):
        inventory.write_polygons(collection(feature(n=2)), path)
    assert path.read_bytes() == before
    inventory.write_polygons(collection(feature(n=2)), path, overwrite=True)
    assert path.read_bytes() != before


def test_a_failed_run_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = pytest.importorskip("pyogrio.raw")
    path = inventory.write_polygons(collection(feature(n=1)), tmp_path / "slides.gpkg")
    before = path.read_bytes()

    def broken(path: Path, *_: Any, **__: Any) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("disk full")

    monkeypatch.setattr(raw, "write", broken)
    with pytest.raises(WriteFailed, match="disk full; what stood there before is untouched"):
        inventory.write_polygons(collection(feature(n=2)), path, overwrite=True)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["slides.gpkg"]


@pytest.mark.parametrize(
    ("features", "name", "options", "message"),
    [
        (collection(feature()), "a.shp", {}, "its ending must be one of .gpkg"),
        (collection(feature()), "a.csv", {"layer": "x"}, "have no layers"),
        (collection(feature(), crs=None), "a.gpkg", {}, "carry no CRS"),
        (collection(feature(), crs=None), "a.geojson", {}, "carry no CRS"),
        (collection(feature()), "a.gpkg", {"crs": "EPSG:3035"}, "bring them to one CRS"),
        (collection(feature(Geom=1)), "a.gpkg", {}, "'Geom', a name that the format keeps for itself"),
        (collection(feature(Class=1, CLASS=2)), "a.gpkg", {}, "'CLASS', a name that another attribute has"),
        (collection(feature(crs=1)), "a.csv", {}, "'crs', a name that the format keeps"),
        (collection(feature(n=float("inf"))), "a.geojson", {}, "'n' is infinite"),
        (collection(feature(), metadata={"a b": 1}), "a.geojson", {}, "metadata has the name 'a b'"),
        (collection(columns={"n": "float"}), "a.gpkg", {}, "'n' is 'float'; it must be one of boolean"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, features: Any, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        inventory.write_polygons(features, tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_a_polygon_across_the_date_line_is_refused_in_geojson(tmp_path: Path) -> None:
    across = [[179.9, 0.0], [-179.9, 0.0], [-179.9, 1.0], [179.9, 0.0]]
    features = collection(feature({"type": "Polygon", "coordinates": [across]}), crs="EPSG:4326")
    with pytest.raises(InvalidArgument, match="180th meridian"):
        inventory.write_polygons(features, tmp_path / "a.geojson")


def test_polygons_without_a_crs_may_go_to_csv(tmp_path: Path) -> None:
    path = inventory.write_polygons(collection(feature(n=1), crs=None), tmp_path / "a.csv")
    assert pd.read_csv(path)["crs"].isna().all()


def test_a_missing_folder_and_values_of_strange_kinds_are_told(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match="does not exist; create it first"):
        inventory.write_polygons(collection(feature()), tmp_path / "no" / "a.gpkg")
    with pytest.raises(InvalidType, match="the attribute 'n' holds a object"):
        inventory.write_polygons(collection(feature(n=object())), tmp_path / "a.gpkg")
    with pytest.raises(InvalidType, match="path must be the path"):
        inventory.write_polygons(collection(feature()), 7)  # type: ignore[arg-type]
    with pytest.raises(MissingInput, match="does not exist"):
        read_written(tmp_path / "a.gpkg")


@given(
    value=texts | numbers | st.booleans() | st.none() | st.sampled_from(["NaN", "1e5", "[1]", "Infinity", ""])
)
def test_metadata_as_text_turns_back_into_what_it_was(value: Any) -> None:
    found = of_text(as_text(value))
    assert found == value
    assert type(found) is type(value)
