"""Polygons from vector files."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from insarfeat import inventory
from insarfeat.errors import InvalidArgument, InvalidType, MissingExtra, MissingInput, UnreadableInput
from insarfeat.inventory.polygons import Outlines
from insarfeat.inventory.vectors import _Binary

SQUARE = [[600000.0, 5e6], [600100.0, 5e6], [600100.0, 5000100.0], [600000.0, 5000100.0], [600000.0, 5e6]]
HOLE = [[600010.0, 5000010.0], [600020.0, 5000010.0], [600020.0, 5000020.0], [600010.0, 5000010.0]]
FAR = [[x + 1000, y] for x, y in SQUARE]

KML = """<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder><name>slides</name>
<Placemark><name>first</name><Polygon><outerBoundaryIs><LinearRing><coordinates>
9,46,700 9.1,46,700 9.1,46.1,700 9,46,700</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>
<Placemark><name>a place</name><Point><coordinates>9,46</coordinates></Point></Placemark>
</Folder></Document></kml>"""


def wkb(polygons: list[list[list[list[float]]]], order: str = "<", code: int = 6) -> bytes:
    """A MultiPolygon (or, with code 7, a collection) in well-known binary."""
    mark = b"\x01" if order == "<" else b"\x00"
    parts = [mark + struct.pack(f"{order}II", code, len(polygons))]
    for rings in polygons:
        parts.append(mark + struct.pack(f"{order}II", 3, len(rings)))
        for ring in rings:
            flat = [value for corner in ring for value in corner]
            parts.append(struct.pack(f"{order}I{len(flat)}d", len(ring), *flat))
    return b"".join(parts)


def write(path: Path, layer: str | None = None, crs: str | None = "EPSG:32632", **more: Any) -> Path:
    """A vector file with two features, the second one of two parts."""
    raw = pytest.importorskip("pyogrio.raw")
    raw.write(
        path,
        np.array([wkb([[SQUARE, HOLE]]), wkb([[SQUARE], [FAR]])], object),
        [np.array(["RG", None], object), np.array([1, 2]), np.array([0.5, np.nan])],
        np.array(["Class", "Sign_Qual", "height"], object),
        geometry_type="MultiPolygon",
        crs=crs,
        layer=layer,
        **more,
    )
    return path


@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
def test_files_keep_rings_attributes_and_crs(tmp_path: Path, suffix: str) -> None:
    found = inventory.read_polygons(write(tmp_path / f"slides{suffix}"))
    one, other = found["features"]
    assert one["properties"] == {"Class": "RG", "Sign_Qual": 1, "height": 0.5}
    assert other["properties"] == {"Class": None, "Sign_Qual": 2, "height": None}
    outlines = Outlines.of(found)
    assert outlines.crs.to_epsg() == 32632
    assert [len(feature.polygons) for feature in outlines.features] == [1, 2]
    assert inventory.areas_of(found).tolist() == [1e4 - 50, 2e4]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("suffix", [".kml", ".kmz"])
def test_kml_gives_its_polygons_in_degrees_without_heights(tmp_path: Path, suffix: str) -> None:
    pyogrio = pytest.importorskip("pyogrio")
    if suffix == ".kmz" and "LIBKML" not in pyogrio.list_drivers():
        pytest.skip("this GDAL cannot read KMZ")
    path = tmp_path / f"slides{suffix}"
    if suffix == ".kml":
        path.write_text(KML)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("doc.kml", KML)
    found = inventory.read_polygons(path)
    (feature,) = found["features"]
    assert feature["properties"]["Name"] == "first"
    assert feature["geometry"]["coordinates"] == [[[9, 46], [9.1, 46], [9.1, 46.1], [9, 46]]]
    assert Outlines.of(found).crs.to_epsg() == 4326


def test_a_read_file_is_what_geojson_of_it_gives(tmp_path: Path) -> None:
    found = inventory.read_polygons(write(tmp_path / "slides.gpkg"))
    (tmp_path / "slides.geojson").write_text(json.dumps(found))
    assert inventory.read_polygons(tmp_path / "slides.geojson") == found


def test_one_of_several_layers_is_read_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "slides.gpkg", "mapped")
    write(path, "guessed", append=False)
    assert len(inventory.read_polygons(path, layer="guessed")["features"]) == 2
    with pytest.raises(
        InvalidArgument, match="has 2 layers that may hold polygons \\('mapped', 'guessed'\\)"
    ):
        inventory.read_polygons(path)
    with pytest.raises(
        InvalidArgument, match=r"layer is 'seen', but .* has the layer\(s\) 'mapped', 'guessed'"
    ):
        inventory.read_polygons(path, layer="seen")


def test_layers_that_cannot_hold_polygons_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "slides.gpkg", "mapped")
    raw = pytest.importorskip("pyogrio.raw")
    point = b"\x01" + struct.pack("<I2d", 1, 600000.0, 5e6)
    for name, file in (("springs", path), ("springs", tmp_path / "springs.gpkg")):
        raw.write(
            file, np.array([point], object), [np.array([1])], np.array(["n"], object),
            geometry_type="Point", crs="EPSG:32632", layer=name,
        )  # fmt: skip
    assert len(inventory.read_polygons(path)["features"]) == 2
    with pytest.raises(UnreadableInput, match=r"has no layer of polygons, but the layer\(s\) 'springs'"):
        inventory.read_polygons(tmp_path / "springs.gpkg")
    with pytest.raises(UnreadableInput, match=r"holds no polygon among its 1 feature"):
        inventory.read_polygons(path, layer="springs")


def test_a_file_without_crs_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "slides.shp")
    path.with_suffix(".prj").unlink()
    with pytest.raises(UnreadableInput, match=r"does not tell the CRS .* add its \.prj file"):
        inventory.read_polygons(path)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    pytest.importorskip("pyogrio")
    (tmp_path / "slides.gpkg").write_bytes(b"abc")
    with pytest.raises(UnreadableInput, match=r"slides\.gpkg cannot be read"):
        inventory.read_polygons(tmp_path / "slides.gpkg")


def test_without_pyogrio_the_extra_is_named_and_geojson_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("pyogrio", "pyogrio.raw", "pyogrio.errors"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    (tmp_path / "slides.gpkg").touch()
    with pytest.raises(MissingExtra, match=r"insarfeat\[vector\]"):
        inventory.read_polygons(tmp_path / "slides.gpkg")
    ring = [[9, 46], [9.1, 46], [9.1, 46.1], [9, 46]]
    (tmp_path / "slides.json").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    found = inventory.read_polygons(str(tmp_path / "slides.json"))
    assert Outlines.of(found).crs.to_epsg() == 4326 or "CRS84" in found["crs"]["properties"]["name"]
    assert found["features"][0]["geometry"]["coordinates"] == [ring]


def test_geojson_keeps_what_has_an_inside(tmp_path: Path) -> None:
    ring = [[9, 46], [9.1, 46], [9.1, 46.1], [9, 46]]
    polygon, point = {"type": "Polygon", "coordinates": [ring]}, {"type": "Point", "coordinates": [9, 46]}
    geometries = [
        polygon,
        point,
        None,
        {"type": "GeometryCollection", "geometries": [point, polygon]},
        {"type": "GeometryCollection", "geometries": [point]},
        {"type": "MultiPolygon", "coordinates": []},
    ]
    features = [
        {"type": "Feature", "properties": {"n": n}, "geometry": geometry}
        for n, geometry in enumerate(geometries)
    ]
    path = tmp_path / "slides.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = inventory.read_polygons(path)
    assert [feature["properties"]["n"] for feature in found["features"]] == [0, 3]
    assert len(list(Outlines.of(found).polygons)) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read as GeoJSON"),
        ("[]", "not as GeoJSON has it"),
        ('{"type": "Topology"}', "'Topology' is unknown"),
        ('{"type": "FeatureCollection"}', "not as GeoJSON has it"),
        ('{"type": "FeatureCollection", "features": []}', "holds no polygon among its 0"),
        (
            '{"type": "Polygon", "coordinates": [[["a", 1], [1, 1], [2, 2], ["a", 1]]]}',
            "not as GeoJSON has it",
        ),
        (json.dumps({"type": "Polygon", "coordinates": [SQUARE]}), "names no CRS"),
    ],
)
def test_geojson_that_is_none_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "slides.geojson"
    path.write_text(text)
    with pytest.raises(UnreadableInput, match=told):
        inventory.read_polygons(path)


def test_wrong_paths_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="does not exist"):
        inventory.read_polygons(tmp_path / "slides.gpkg")
    with pytest.raises(InvalidArgument, match=r"must be one of \.geojson"):
        inventory.read_polygons(tmp_path / "slides.gml")
    with pytest.raises(InvalidType, match="path must be the path"):
        inventory.read_polygons({"type": "Polygon"})  # type: ignore[arg-type]
    (tmp_path / "slides.json").write_text("{}")
    with pytest.raises(InvalidArgument, match="GeoJSON files have no layers"):
        inventory.read_polygons(tmp_path / "slides.json", layer="a")


@pytest.mark.parametrize("order", ["<", ">"])
def test_well_known_binary_is_read_in_both_byte_orders(order: str) -> None:
    polygons = [[SQUARE, HOLE], [FAR]]
    assert _Binary(wkb(polygons, order)).geometry() == {"type": "MultiPolygon", "coordinates": polygons}
    parts = _Binary(wkb(polygons, order, code=7)).geometry()["geometries"]
    assert [part["coordinates"] for part in parts] == polygons


def test_curves_are_told() -> None:
    with pytest.raises(UnreadableInput, match="type CurvePolygon"):
        _Binary(b"\x01" + struct.pack("<II", 10, 1)).geometry()
