"""What patches are labelled with: layers and polygons as rasters and as things, each against its own truth."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
import rasterio.features
import xarray as xr
from affine import Affine
from folders import PAIRS, Mirage, write_events, write_mirage
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from insarfeat import inventory
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.tiling.patches.scenes.labels import Labels, labels_of, polygons_of
from insarfeat.tiling.patches.scenes.objects import objects_in, slides_of
from insarfeat.tiling.patches.scenes.scenes import Scene, scenes_of

Array = NDArray[Any]
WKT = CRS.from_epsg(32632).to_wkt()


def scene_layer(
    name: str = "coherence", shape: tuple[int, ...] = (40, 50), pixels: Any = None
) -> xr.DataArray:
    """A layer of 10 m pixels, its corner at (500000, 5000000)."""
    values = np.zeros(shape, "f4") if pixels is None else pixels
    coords = {
        "y": 5e6 - 10 * (np.arange(shape[-2]) + 0.5),
        "x": 5e5 + 10 * (np.arange(shape[-1]) + 0.5),
        "spatial_ref": xr.DataArray(0, attrs={"crs_wkt": WKT, "spatial_ref": WKT}),
    }
    dims = ("y", "x") if len(shape) == 2 else ("pair", "y", "x")
    return xr.DataArray(values, coords, dims, name)


def polygon(row0: float, col0: float, row1: float, col1: float, **attributes: Any) -> dict[str, Any]:
    """A rectangle in pixels of the scene as a feature in its CRS."""
    x0, x1, y0, y1 = 5e5 + 10 * col0, 5e5 + 10 * col1, 5e6 - 10 * row1, 5e6 - 10 * row0
    ring = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    return {
        "type": "Feature",
        "properties": attributes,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def some(given: Any, scenes: tuple[Scene, ...], **options: Any) -> Labels:
    labels = labels_of(given, scenes, **options)
    assert labels is not None
    return labels


# -- polygons -------------------------------------------------------------------------------------------------


def test_polygons_become_classes_by_name_and_what_has_none_a_landslide() -> None:
    scenes = scenes_of(scene_layer())
    given = [
        polygon(2, 3, 6, 9, Class="RS", Area=7),
        polygon(10, 10, 15, 20, Class="DG"),
        polygon(20, 20, 22, 23, Class=None),
        polygon(30, 30, 31, 31),
    ]
    labels = some(given, scenes)
    assert labels.classes == {"DG": 1, "RS": 2, "landslide": 3}
    assert list(labels.classes) == ["DG", "RS", "landslide"]
    truth = np.zeros((40, 50), np.uint8)
    truth[2:6, 3:9], truth[10:15, 10:20], truth[20:22, 20:23], truth[30, 30] = 2, 1, 3, 3
    raster = labels.source("scene")
    assert raster.dtype == np.uint8
    assert raster.chunks is not None
    np.testing.assert_array_equal(raster, truth)
    assert raster.attrs["flag_meanings"] == "no_landslide DG RS landslide"
    assert raster.attrs["flag_values"].tolist() == [0, 1, 2, 3]
    found = labels.objects("scene")
    assert found.value.tolist() == [2, 1, 3, 3]
    assert found.area_pixels.tolist() == [24, 50, 6, 1]
    np.testing.assert_allclose(found.pixels[0], [2, 3, 6, 9])
    np.testing.assert_allclose(found.bounds[0], [5e5 + 30, 5e6 - 60, 5e5 + 90, 5e6 - 20])
    assert found.attributes[0] == {"Class": "RS", "Area": 7}


def test_later_classes_lie_on_top_in_the_order_given() -> None:
    scenes = scenes_of(scene_layer())
    given = [polygon(0, 0, 10, 10, Class="A"), polygon(5, 5, 15, 15, Class="B")]
    for order, top in ((["A", "B"], 2), (["B", "A"], 2), ({"A": 9, "B": 4}, 4), ({"B": 4, "A": 9}, 9)):
        labels = some(given, scenes, classes=order)
        assert labels.source("scene").values[7, 7] == top
    assert some(given, scenes).source("scene").values[7, 7] == 2


def test_classes_that_are_not_wanted_are_left_out_and_counted() -> None:
    scenes = scenes_of(scene_layer())
    given = [
        polygon(0, 0, 4, 4, Class="AR"),
        polygon(5, 5, 7, 7, Class="AR"),
        polygon(9, 9, 12, 12, Class="RG"),
    ]
    labels = some(given, scenes, classes=["RG", "TA"])
    assert labels.classes == {"RG": 1, "TA": 2}
    assert labels.left_out == {"AR": 2}
    assert np.count_nonzero(labels.source("scene")) == 9
    assert len(labels.objects("scene")) == 1


def test_features_of_pairs_that_no_scene_has_are_counted() -> None:
    scene = scene_layer().to_dataset().assign_attrs(primary_date="2023-01-01", secondary_date="2023-01-13")
    given = [
        polygon(0, 0, 4, 4, IFG="20230101_20230113"),
        polygon(5, 5, 7, 7, IFG="20230113_20230125"),
        polygon(9, 9, 12, 12, IFG="20230113_20230125"),
    ]
    scenes = scenes_of(scene)
    labels = some(given, scenes)
    assert labels.left_out == {"of other pairs": 2}
    assert len(labels.objects(scenes[0].name, scenes[0].pairs[0].name)) == 1


def test_features_of_several_parts_with_holes_are_one_thing_each_cut_at_the_edge() -> None:
    outer = polygon(-5, -5, 6, 6)["geometry"]["coordinates"][0]
    hole = polygon(1, 1, 3, 3)["geometry"]["coordinates"][0]
    other = polygon(10, 2, 12, 8)["geometry"]["coordinates"]
    feature = {
        "type": "Feature",
        "properties": {"name": "both"},
        "geometry": {"type": "MultiPolygon", "coordinates": [[outer, hole], other]},
    }
    far = polygon(100, 100, 110, 110, name="far")
    empty = {"type": "Feature", "properties": {}, "geometry": {"type": "MultiPolygon", "coordinates": []}}
    scenes = scenes_of(scene_layer())
    labels = some([far, empty, feature], scenes)
    found = labels.objects("scene")
    assert [one["name"] for one in found.attributes] == ["both"]
    assert found.area_pixels.tolist() == [36 - 4 + 12]
    assert found.pixels.tolist() == [[0, 0, 12, 8]]
    np.testing.assert_allclose(found.bounds, [[5e5 - 50, 5e6 - 120, 5e5 + 80, 5e6 + 50]])
    np.testing.assert_array_equal(
        labels.source("scene"),
        rasterio.features.rasterize(
            [feature["geometry"]], (40, 50), transform=Affine(10, 0, 5e5, 0, -10, 5e6), dtype="uint8"
        ),
    )


def test_polygons_come_from_files_in_other_crss(tmp_path: Path) -> None:
    turn = Transformer.from_crs("EPSG:32632", "OGC:CRS84", always_xy=True)
    feature = polygon(4, 5, 16, 25, kind="RG")
    (ring,) = feature["geometry"]["coordinates"]
    feature["geometry"]["coordinates"] = [[turn.transform(*corner) for corner in ring]]
    path = tmp_path / "slides.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    scenes = scenes_of(scene_layer())
    labels = some(path, scenes, label="kind")
    assert (labels.classes, labels.origin) == ({"RG": 1}, "slides.geojson")
    found = labels.objects("scene")
    np.testing.assert_allclose(found.pixels, [[4, 5, 16, 25]], atol=0.02)
    assert found.area_pixels.tolist() == [12 * 20]
    assert polygons_of(str(path))["features"][0]["properties"] == {"kind": "RG"}


def test_geodataframes_are_polygons_too() -> None:
    geopandas = pytest.importorskip("geopandas", reason="the commonest origin of polygons")
    shapely = pytest.importorskip("shapely")
    frame = geopandas.GeoDataFrame(
        {"Class": ["RG", None], "size": np.array([3, 4], "i8")},
        geometry=[
            shapely.box(500000, 4999900, 500050, 5000000),
            shapely.box(500100, 4999900, 500150, 4999950),
        ],
        crs="EPSG:32632",
    )
    labels = some(frame, scenes_of(scene_layer()))
    found = labels.objects("scene")
    assert labels.classes == {"RG": 1, "landslide": 2}
    assert found.area_pixels.tolist() == [50, 25]
    assert json.loads(json.dumps(found.attributes[0])) == {"Class": "RG", "size": 3}


def test_labels_are_the_same_in_any_chunks_and_in_another_process() -> None:
    rng = np.random.default_rng(4)
    corners = rng.uniform(0, 40, (30, 2))
    given = [polygon(*low, *(low + rng.uniform(1, 9, 2)), Class="AB"[k % 2]) for k, low in enumerate(corners)]
    layers = [scene_layer(), scene_layer().chunk({"y": 7, "x": 50}), scene_layer().chunk(13)]
    rasters = [some(given, scenes_of(one)).source("scene") for one in layers]
    assert rasters[1].chunks == layers[1].chunks
    for raster in rasters[1:]:
        np.testing.assert_array_equal(raster, rasters[0])
    sources = [raster.data.dask.layers[raster.data.name].value.producer.source for raster in rasters]
    assert len({source.fingerprint() for source in sources}) == 1
    assert pickle.loads(cloudpickle.dumps(sources[0])).fingerprint() == sources[0].fingerprint()
    other = some(given[1:], scenes_of(scene_layer())).source("scene")
    assert (
        other.data.dask.layers[other.data.name].value.producer.source.fingerprint()
        != sources[0].fingerprint()
    )


def test_polygons_of_a_pair_are_labels_of_that_pair_only() -> None:
    stack = scene_layer("wrapped_phase", (3, 40, 50)).assign_coords(pair=list(PAIRS))
    given = [
        polygon(0, 0, 2, 2, IFG=PAIRS[0]),
        polygon(4, 4, 6, 6, IFG=PAIRS[1].replace("_", "-")),
        polygon(8, 8, 9, 9, IFG="19990101_19990113"),
        polygon(20, 20, 23, 23),
    ]
    labels = some(given, scenes_of(stack))
    counts = [int(np.count_nonzero(labels.source("scene", pair))) for pair in PAIRS]
    assert counts == [4 + 9, 4 + 9, 9]
    assert [len(labels.objects("scene", pair)) for pair in PAIRS] == [2, 2, 1]
    with pytest.raises(InvalidArgument, match=r"all polygons belong to pairs .* none of them is among"):
        labels_of(given[:3], scenes_of(scene_layer()))


def test_a_mapping_gives_each_scene_or_event_its_own_polygons() -> None:
    scenes = scenes_of({"a": scene_layer(), "b": scene_layer(), "c": scene_layer().assign_attrs(event="E")})
    scenes = (*scenes[:2], Scene("c", "E", scenes[2].dataset, scenes[2].pairs))
    given = {"a": [polygon(0, 0, 2, 2)], "b": [], "E": [polygon(5, 5, 8, 8)]}
    labels = some(given, scenes)
    assert [int(labels.source(name).sum()) for name in "abc"] == [4, 0, 9]
    assert [len(labels.objects(name)) for name in "abc"] == [1, 0, 1]
    with pytest.raises(InvalidArgument, match="no polygons of b; give an empty list"):
        labels_of({"a": []}, scenes)
    with pytest.raises(InvalidArgument, match="names 'd', which is no scene"):
        labels_of({"d": []}, scenes)


def test_a_scene_without_a_map_takes_no_polygons() -> None:
    scenes = scenes_of(xr.DataArray(np.zeros((4, 5), "f4"), dims=("line", "sample"), name="coherence"))
    labels = some([polygon(0, 0, 2, 2)], scenes)
    with pytest.raises(InvalidArgument, match="lies on no map"):
        labels.objects("scene")


# -- layers ---------------------------------------------------------------------------------------------------


def test_a_layer_of_labels_may_differ_from_pair_to_pair_or_not() -> None:
    rng = np.random.default_rng(1)
    moving = rng.integers(0, 2, (2, 40, 50)).astype("u1")
    still = rng.integers(0, 2, (40, 50)).astype("f4")
    still[0, 0] = np.nan
    stack = xr.Dataset(
        {
            "moving": scene_layer("moving", moving.shape, moving),
            "still": scene_layer("still", still.shape, still),
            "phase": scene_layer("phase", moving.shape),
        }
    ).assign_coords(pair=["p", "q"])
    scenes = scenes_of(stack)
    labels = some("moving", scenes)
    assert (labels.name, labels.classes, labels.origin) == ("landslide", {"landslide": 1}, "layer moving")
    for number, pair in enumerate("pq"):
        np.testing.assert_array_equal(labels.source("scene", pair), moving[number])
        found, truth = labels.objects("scene", pair), objects_in(moving[number])
        np.testing.assert_array_equal(found.pixels, truth.pixels)
        assert np.isfinite(found.bounds).all()
    labels = some("still", scenes)
    whole = np.nan_to_num(still, nan=255).astype("u1")
    np.testing.assert_array_equal(labels.source("scene", "q"), whole)
    assert labels.objects("scene", "p") is labels.objects("scene", "q")


def test_classes_of_a_layer_are_those_of_its_flags() -> None:
    pixels = np.zeros((40, 50), np.uint8)
    pixels[:3, :3], pixels[10:12, 10:12] = 5, 7
    plain = scene_layer("kinds", pixels.shape, pixels)
    flagged = plain.assign_attrs(flag_values=np.array([0, 5, 7], "u1"), flag_meanings="none RG RS")
    labels = some("kinds", scenes_of(flagged))
    assert labels.classes == {"RG": 5, "RS": 7}
    assert labels.objects("scene").value.tolist() == [5, 7]
    labels = some("kinds", scenes_of(plain), classes={"RS": 7, "RG": 5})
    assert labels.objects("scene").value.tolist() == [5, 7]
    with pytest.raises(InvalidArgument, match="holds the value 5, which no class has"):
        some("kinds", scenes_of(plain)).objects("scene")
    with pytest.raises(InvalidArgument, match="classes does not fit the layer, where 'RG' is 5"):
        labels_of("kinds", scenes_of(flagged), classes=["RG", "RS"])
    other = flagged.assign_attrs(flag_meanings="none RS RG")
    with pytest.raises(InvalidArgument, match="class 'RS' is 5 in scene_2 and 7 in another scene"):
        labels_of("kinds", scenes_of([flagged, other]))


# -- what came with the scenes --------------------------------------------------------------------------------


def test_event_scenes_are_labelled_by_their_landslide_band(tmp_path: Path) -> None:
    written = write_events(tmp_path, ("haiti", "palu"), (130, 140), pieces=64)
    scenes = scenes_of(tmp_path)
    labels = some(None, scenes)
    assert (labels.classes, labels.origin) == ({"landslide": 1}, "layer landslide")
    for scene, truth in zip(scenes, written, strict=True):
        whole = np.nan_to_num(truth.bands["landslide"], nan=255).astype("u1")
        np.testing.assert_array_equal(labels.source(scene.name), whole)
        np.testing.assert_array_equal(labels.objects(scene.name).pixels, objects_in(whole).pixels)


@pytest.fixture(scope="module", params=[False, True], ids=["a shapefile each", "one shapefile"])
def area(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mirage:
    return write_mirage(tmp_path_factory.mktemp("mirage") / "area", together=request.param)


def test_boxes_of_mirage_are_labels_of_their_interferogram_with_all_attributes(area: Mirage) -> None:
    scenes = scenes_of(area.path)
    labels = some(None, scenes)
    assert labels.origin == "boxes that came with the scenes"
    there = {box.attributes["Class"] for boxes in area.boxes.values() for box in boxes}
    assert list(labels.classes) == sorted(there)
    for scene, (pair, boxes) in zip(scenes, area.boxes.items(), strict=True):
        found = labels.objects(scene.name, pair)
        assert [dict(one) for one in found.attributes] == [box.attributes for box in boxes]
        np.testing.assert_allclose(
            found.pixels, [(box.row0, box.col0, box.row1, box.col1) for box in boxes], atol=1e-6
        )
        assert found.value.tolist() == [labels.classes[box.attributes["Class"]] for box in boxes]
        truth = np.zeros((scene.shape.height, scene.shape.width), np.uint8)
        for box, area_pixels in zip(boxes, found.area_pixels, strict=True):
            rows, columns = (
                slice(*(int(np.ceil(side - 0.5)) for side in sides))
                for sides in ((box.row0, box.row1), (box.col0, box.col1))
            )
            truth[rows, columns] = labels.classes[box.attributes["Class"]]
            assert area_pixels == truth[rows, columns].size
        np.testing.assert_array_equal(labels.source(scene.name, pair), truth)


def test_a_slide_of_mirage_has_one_number_in_all_interferograms(area: Mirage) -> None:
    scenes = scenes_of(area.path)
    labels = some(None, scenes)
    pairs = {(scene.name, scene.pairs[0].name): scene for scene in scenes}
    objects = {key: labels.objects(*key) for key in pairs}
    numbers = slides_of(objects, {scene.name: scene.grid for scene in scenes})
    told = {
        (int(number), one["Id"])
        for key, found in objects.items()
        for number, one in zip(numbers[key], found.attributes, strict=True)
    }
    names = {box.attributes["Id"] for boxes in area.boxes.values() for box in boxes}
    assert len(told) == len(names) == len({number for number, _ in told})


def test_an_interferogram_of_mirage_may_have_no_box(tmp_path: Path) -> None:
    written = write_mirage(tmp_path / "area", PAIRS[:2], slides=1)
    for path in written.path.glob(f"{PAIRS[1]}_labels.*"):
        path.unlink()
    empty = write_mirage(tmp_path / "empty", PAIRS[1:2], slides=0)
    boxes = [box for box in empty.boxes[PAIRS[1]] if box.attributes["Class"] != "AR"]
    assert not boxes
    from folders import _write_boxes

    _write_boxes(written.path / f"{PAIRS[1]}_labels.shp", boxes)
    scenes = scenes_of(written.path)
    labels = some(None, scenes)
    assert [len(labels.objects(scene.name, scene.pairs[0].name)) for scene in scenes] == [2, 0]
    assert not labels.source(scenes[1].name, PAIRS[1]).values.any()


def test_scenes_without_labels_have_none_and_those_of_two_kinds_are_told() -> None:
    assert labels_of(None, scenes_of(scene_layer())) is None
    labelled = xr.Dataset({"coherence": scene_layer(), "landslide": scene_layer("landslide")})
    with pytest.raises(InvalidArgument, match="scene_2 has neither a layer 'landslide' nor boxes"):
        labels_of(None, scenes_of([labelled, scene_layer()]))


def test_misspelt_layers_labels_and_scenes_are_told() -> None:
    scenes = scenes_of(xr.Dataset({"coherence": scene_layer(), "landslide": scene_layer("landslide")}))
    with pytest.raises(InvalidArgument, match=r"neither a layer of scene \(did you mean 'landslide'\?\)"):
        labels_of("landslid", scenes)
    with pytest.raises(InvalidArgument, match=r"label is 'Klass', .* \(did you mean 'Class'\?\)"):
        labels_of([polygon(0, 0, 2, 2, Class="A")], scenes, label="Klass")
    with pytest.raises(InvalidArgument, match="there is no scene 'scen'"):
        some(None, scenes).source("scen")
    with pytest.raises(InvalidArgument, match=r"no polygon is of a class that is wanted \(B\); there are A"):
        labels_of([polygon(0, 0, 2, 2, Class="A")], scenes, classes=["B"])


@pytest.mark.parametrize(
    ("classes", "error", "match"),
    [
        ("RG", InvalidType, "list of names"),
        (["A", "A"], InvalidArgument, "name twice"),
        ([], InvalidArgument, "of its own"),
        ({"A": 1, "B": 1}, InvalidArgument, "of its own"),
        ({"A": 0}, InvalidArgument, "must be 1 to 254"),
        ({"A": 255}, InvalidArgument, "must be 1 to 254"),
        ({"A": 1.5}, InvalidArgument, "of its own"),
    ],
)
def test_classes_that_cannot_be_are_refused(classes: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        labels_of([polygon(0, 0, 2, 2)], scenes_of(scene_layer()), classes=classes)


def test_an_attribute_with_too_many_values_is_no_class() -> None:
    given = [polygon(0, 0, 1, 1, Class=f"number {k}") for k in range(255)]
    with pytest.raises(InvalidArgument, match=r"255 classes, .* is label= the attribute"):
        labels_of(given, scenes_of(scene_layer()))
    assert len(some(given[1:], scenes_of(scene_layer())).classes) == 254


def test_one_class_is_what_rasterize_makes() -> None:
    rng = np.random.default_rng(8)
    given = [polygon(*low, *(low + rng.uniform(1, 9, 2))) for low in rng.uniform(-5, 45, (20, 2))]
    layer = scene_layer()
    labels = some(given, scenes_of(layer))
    np.testing.assert_array_equal(labels.source("scene"), inventory.rasterize(given, layer))
    found, truth = labels.objects("scene"), inventory.boxes(given, layer)
    np.testing.assert_allclose(found.pixels, truth.pixels)
    np.testing.assert_allclose(found.bounds, [box.bounds for box in truth])
