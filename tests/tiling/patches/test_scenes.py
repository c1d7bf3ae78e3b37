"""What patches are cut from: whatever holds scenes, and small folders in the layouts of MIRAGE and of the events."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from folders import EVENT_BANDS, PAIRS, write_events, write_mirage
from pyproj import CRS

import insarfeat
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType, MissingInput, UnreadableInput
from insarfeat.georeference import parse_crs
from insarfeat.io import sources
from insarfeat.tiling.patches.scenes.scenes import PairFacts, Scene, bands_of, scenes_of

SIZE = (130, 140)


def layer(name: str = "coherence", dims: tuple[str, ...] = ("y", "x"), dtype: Any = "f4") -> xr.DataArray:
    sizes = {"pair": 2, "y": 6, "x": 8, "line": 6, "sample": 8, "time": 2, "band": 9}
    shape = tuple(sizes[dim] for dim in dims)
    pixels = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    return xr.DataArray(pixels, dims=dims, name=name)


def on_map(array: xr.DataArray) -> xr.DataArray:
    wkt = CRS.from_epsg(32632).to_wkt()
    return array.assign_coords(
        y=5e6 - 15.0 * np.arange(6),
        x=5e5 + 15.0 * np.arange(8),
        spatial_ref=xr.DataArray(0, attrs={"crs_wkt": wkt, "spatial_ref": wkt}),
    )


def only(stack: Any) -> Scene:
    (scene,) = scenes_of(stack)
    return scene


# -- datasets, files and lists of them ------------------------------------------------------------------------


def test_a_dataset_is_one_scene_of_lazy_layers_with_its_facts() -> None:
    facts = {
        "primary_date": "2023-09-04T06:37:30", "secondary_date": "2023-09-16", "orbit_direction": "Ascending",
        "relative_orbit": 117, "event": "Palu",
    }  # fmt: skip
    scene = only(on_map(layer()).to_dataset().assign_attrs(facts))
    assert (scene.name, scene.event, scene.orbit) == ("scene", "Palu", "ascending 117")
    assert scene.pairs == (PairFacts("20230904_20230916", "2023-09-04", "2023-09-16"),)
    assert scene.dataset["coherence"].chunks is not None
    assert (scene.shape.height, scene.shape.width, scene.dims) == (6, 8, ("y", "x"))
    assert scene.grid is not None
    assert parse_crs(scene.grid.crs_wkt or "").to_epsg() == 32632
    np.testing.assert_array_equal(scene.layer("coherence", "20230904_20230916").values, layer().values)


def test_layers_in_radar_geometry_have_no_map_and_unknown_pairs_no_name() -> None:
    scene = only(layer(dims=("line", "sample")))
    assert scene.grid is None
    assert scene.dims == ("line", "sample")
    assert scene.pairs == (PairFacts(),)
    assert (scene.event, scene.orbit, scene.label_source) == ("", "", None)


def test_pairs_share_layers_without_that_dimension() -> None:
    stack = xr.Dataset({"wrapped_phase": layer("wrapped_phase", ("pair", "y", "x")), "slope": layer("slope")})
    stack = stack.assign_coords(
        pair=["20200704_20200716", "late"],
        primary_date=("pair", ["", "2021-01-02"]),
        secondary_date=("pair", ["", "2021-01-14"]),
    )
    scene = only(stack)
    assert scene.pairs == (
        PairFacts("20200704_20200716", "2020-07-04", "2020-07-16"),
        PairFacts("late", "2021-01-02", "2021-01-14"),
    )
    assert scene.pairs[1].days == "20210102_20210114"
    np.testing.assert_array_equal(scene.layer("wrapped_phase", "late"), stack["wrapped_phase"][1])
    np.testing.assert_array_equal(scene.layer("slope", "late"), stack["slope"])
    assert scene.dataset["wrapped_phase"].chunks[0] == (1, 1)  # type: ignore[index]
    with pytest.raises(InvalidArgument, match="no pair 'early'; it has '20200704_20200716', 'late'"):
        scene.layer("slope", "early")


def test_pairs_without_names_are_numbered_and_names_must_differ() -> None:
    stack = layer("wrapped_phase", ("pair", "y", "x"))
    assert [pair.name for pair in only(stack).pairs] == ["pair_0", "pair_1"]
    with pytest.raises(InvalidArgument, match="pairs of one name"):
        scenes_of(stack.assign_coords(pair=["a", "a"]))


@pytest.mark.parametrize("ending", ["nc", "zarr", "tif"])
def test_stacks_of_this_package_come_back_from_their_files(tmp_path: Path, ending: str) -> None:
    stack = xr.Dataset({"coherence": on_map(layer()), "water": on_map(layer("water", dtype="u1"))})
    path = insarfeat.write(stack, tmp_path / f"S1 Zürich_20230904_20230916.{ending}")
    scene = only(path)
    assert scene.name == "S1_Zurich_20230904_20230916"
    assert scene.pairs[0].days == "20230904_20230916"
    assert bands_of([scene]) == (("coherence",), ("water",))
    for name in stack:
        np.testing.assert_array_equal(scene.dataset[name], stack[name])


def test_one_pair_of_a_stack_is_read_from_its_file_alone(tmp_path: Path) -> None:
    stack = on_map(layer("wrapped_phase", ("pair", "y", "x")).assign_coords(pair=["a", "b"]))
    scene = only(insarfeat.write(stack.to_dataset(), tmp_path / "stack.zarr"))
    found = scene.layer("wrapped_phase", "b")
    np.testing.assert_array_equal(found, stack[1])
    value = found.data.dask.layers[
        found.data.name
    ].value  # still the file's, for whoever reads it window by window
    assert tuple(value.producer.source.stored_chunk) == tuple(
        scene.dataset["wrapped_phase"]
        .data.dask.layers[scene.dataset["wrapped_phase"].data.name]
        .value.producer.source.stored_chunk
    )
    assert value.producer.source.fingerprint().endswith("[1]")


def test_lists_and_mappings_name_their_scenes_apart(tmp_path: Path) -> None:
    path = insarfeat.write(on_map(layer()).to_dataset(), tmp_path / "a.nc")
    assert [scene.name for scene in scenes_of([path, str(path), layer()])] == ["a", "a_2", "scene"]
    named = {"A": path, "Val d'Aosta": layer(), "both": [path, layer()]}
    assert [s.name for s in scenes_of(named)] == ["A", "Val_d_Aosta", "both_a", "both_scene"]


def test_a_folder_of_stacks_is_one_scene_for_each(tmp_path: Path) -> None:
    for pair in PAIRS:
        insarfeat.write(on_map(layer()).to_dataset(), tmp_path / f"{pair}.nc")
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "half.nc.partial").mkdir()
    scenes = scenes_of(tmp_path)
    assert [scene.name for scene in scenes] == list(PAIRS)
    assert [scene.pairs[0].name for scene in scenes] == list(PAIRS)
    assert {scene.event for scene in scenes} == {""}


def test_products_are_read_by_their_readers(test_data: Path) -> None:
    folder = test_data / "ifg_sierranegra_licsar"
    if not folder.is_dir():
        pytest.skip("the LiCSAR sample is not there")
    scene = scenes_of(folder)[0]
    assert "wrapped_phase" in scene.dataset or "unwrapped_phase" in scene.dataset
    assert scene.dataset.attrs["product"] == "LiCSAR"


def test_what_holds_no_scene_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="does not exist"):
        scenes_of(tmp_path / "nothing")
    with pytest.raises(InvalidArgument, match="holds no raster"):
        scenes_of(tmp_path)
    with pytest.raises(InvalidArgument, match="holds no raster"):
        scenes_of([])
    with pytest.raises(InvalidArgument, match="holds no raster; its variables are a"):
        scenes_of(xr.Dataset({"a": 1}))
    with pytest.raises(InvalidType, match="got ndarray"):
        scenes_of(np.zeros((2, 2)))
    with pytest.raises(InvalidArgument, match="has no name"):
        scenes_of(layer().rename(None))


def test_dimensions_that_do_not_fit_are_told() -> None:
    with pytest.raises(GridMismatch, match=r"b has the dimensions \('x', 'y'\)"):
        scenes_of(xr.Dataset({"a": layer(), "b": layer().T}))
    with pytest.raises(GridMismatch, match=r"\('time', 'y', 'x'\)"):
        scenes_of(xr.Dataset({"a": layer(), "b": layer(dims=("time", "y", "x"))}))
    with pytest.raises(InvalidArgument, match="2 bands along 'time' that nobody names"):
        scenes_of(layer(dims=("time", "y", "x")))


# -- layers ---------------------------------------------------------------------------------------------------


def test_bands_are_continuous_layers_and_masks_are_classes() -> None:
    stack = xr.Dataset(
        {
            "coherence": layer(),
            "landslide": layer("landslide", dtype="f4"),
            "elevation": layer("elevation", dtype="i2"),
            "ours": layer("ours", dtype="?"),
            "shadow_layover": layer("shadow_layover", dtype="u1"),
        }
    )
    scenes = scenes_of([stack, stack])
    assert bands_of(scenes) == (("coherence", "elevation"), ("landslide", "ours", "shadow_layover"))
    assert bands_of(scenes, ["shadow_layover", "elevation"]) == (("elevation",), ("shadow_layover",))
    assert bands_of(scenes, "coherence") == (("coherence",), ())


def test_scenes_must_agree_in_their_layers() -> None:
    both = xr.Dataset({"coherence": layer(), "slope": layer("slope")})
    one = layer().to_dataset()
    for stacks, match in (
        ([both, one], "scene_2 has no layer 'slope'; name the layers that all scenes have"),
        ([one, both], "scene_2 has the layer 'slope', which scene has not"),
        ([one, layer(dtype="u1")], "holds classes"),
    ):
        with pytest.raises(InvalidArgument, match=match):
            bands_of(scenes_of(stacks))
    assert bands_of(scenes_of([both, one]), ["coherence"]) == (("coherence",), ())
    with pytest.raises(InvalidArgument, match=r"no layer 'cohrence' \(did you mean 'coherence'\?\)"):
        bands_of(scenes_of(both), ["cohrence"])
    with pytest.raises(InvalidArgument, match="no layer is wanted"):
        bands_of(scenes_of(both), [])
    with pytest.raises(InvalidArgument, match="wanted twice"):
        bands_of(scenes_of(both), ["slope", "slope"])


def test_a_complex_layer_is_refused_with_a_fix_that_works() -> None:
    stack = layer("interferogram", dtype="c8").to_dataset()
    with pytest.raises(InvalidArgument, match="complex") as error:
        bands_of(scenes_of(stack))
    fix = str(error.value).partition("as in ")[2]
    assert bands_of(scenes_of(eval(fix, {"stack": stack, "insarfeat": insarfeat}))) == (
        ("wrapped_phase",),
        (),
    )


# -- event folders --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("naming", ["names", "numbers", "one variable"])
@pytest.mark.parametrize("kind", ["nc", "tif"])
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("pieces", [0, 64])
def test_event_folders_of_all_kinds_give_canonical_layers(
    tmp_path: Path, naming: Any, kind: Any, flat: bool, pieces: int
) -> None:
    size = SIZE if pieces else (260, 270)
    written = write_events(
        tmp_path, ("haiti", "palu"), size, naming=naming, kind=kind, flat=flat, pieces=pieces
    )
    scenes = scenes_of(tmp_path)
    assert bands_of(scenes) == (EVENT_BANDS[:7], EVENT_BANDS[7:])
    assert [(scene.name, scene.event) for scene in scenes] == [(one.path.stem, one.event) for one in written]
    for scene, truth in zip(scenes, written, strict=True):
        assert scene.grid is not None
        assert parse_crs(scene.grid.crs_wkt or "") == CRS.from_user_input(truth.crs)
        assert abs(scene.grid.x.step) == abs(scene.grid.y.step) == 30.0
        for name in EVENT_BANDS[:7]:
            np.testing.assert_array_equal(scene.dataset[name].values, truth.bands[name])
        for name in EVENT_BANDS[7:]:
            whole = np.nan_to_num(truth.bands[name], nan=255).astype("u1")
            assert scene.dataset[name].dtype == np.uint8
            np.testing.assert_array_equal(scene.dataset[name].values, whole)
        assert scene.dataset["elevation"].attrs["units"] == "m"


def test_bands_in_one_variable_may_say_their_names_in_any_order(tmp_path: Path) -> None:
    names = ["elevation", "landslide", "coherence"]
    whole = layer(dims=("band", "y", "x"))[:3].assign_coords(band=names)
    scene = only(whole.rename("all"))
    assert bands_of([scene]) == (("elevation", "coherence"), ("landslide",))
    np.testing.assert_array_equal(scene.dataset["coherence"], whole[2])


def test_every_file_of_thousands_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_events(tmp_path, ("haiti",), SIZE, pieces=32, naming="numbers")
    opened: Counter[str] = Counter()
    before = sources.open_raw

    def counted(file: Any, *arguments: Any, **options: Any) -> Any:
        opened[file.path.name] += 1
        return before(file, *arguments, **options)

    monkeypatch.setattr("insarfeat.io.opening.open_raw", counted)
    monkeypatch.setattr("insarfeat.io.products.snap_netcdf.open_raw", counted)
    monkeypatch.setattr("insarfeat.io.sources.open_raw", counted)
    scenes = scenes_of(tmp_path)
    assert len(scenes) == 16
    assert set(opened.values()) == {1}
    assert len(opened) == 16


@pytest.mark.parametrize("kind", ["nc", "tif"])
@pytest.mark.parametrize("which", [0, 2])
def test_a_damaged_file_is_named(tmp_path: Path, kind: Any, which: int) -> None:
    written = write_events(tmp_path, ("haiti",), SIZE, pieces=64, kind=kind)
    damaged = written[which].path
    damaged.write_bytes(damaged.read_bytes()[: 100 if kind == "tif" else 3000])
    with pytest.raises(UnreadableInput, match=damaged.name):
        scenes_of(tmp_path)


def test_a_mask_that_is_not_quite_whole_is_rounded_and_strange_numbers_are_nodata() -> None:
    pixels = np.array([[0.0, 0.999999, np.nan], [-9999.0, 1e6, 254.0]], "f4")
    scene = only(xr.DataArray(pixels, dims=("y", "x"), name="landslide"))
    assert scene.dataset["landslide"].values.tolist() == [[0, 1, 255], [255, 255, 254]]


# -- MIRAGE ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [False, True])
def test_each_interferogram_of_mirage_is_a_scene_of_its_area(tmp_path: Path, together: bool) -> None:
    written = write_mirage(tmp_path / "Central Alps", together=together)
    scenes = scenes_of(written.path)
    assert [scene.name for scene in scenes] == [f"Central_Alps_{pair}" for pair in PAIRS]
    assert {scene.event for scene in scenes} == {"Central Alps"}
    assert bands_of(scenes) == (("wrapped_phase", "coherence"), ())
    for pair, scene in zip(PAIRS, scenes, strict=True):
        assert [one.name for one in scene.pairs] == [pair]
        assert scene.orbit == "descending"
        assert scene.label_source is not None
        assert scene.label_source.name == ("labels.shp" if together else f"{pair}_labels.shp")
        truth = np.where(written.phase[pair] == 0, np.nan, written.phase[pair])
        np.testing.assert_array_equal(scene.dataset["wrapped_phase"], truth)
        assert scene.grid is not None
        assert scene.grid.x.step == 15.0


def test_areas_of_mirage_may_lie_in_one_folder(tmp_path: Path) -> None:
    for area in ("Alps", "Apennines"):
        write_mirage(tmp_path / area, PAIRS[:2])
    scenes = scenes_of(tmp_path)
    assert [(scene.event, scene.pairs[0].name) for scene in scenes] == [
        (area, pair) for area in ("Alps", "Apennines") for pair in PAIRS[:2]
    ]
