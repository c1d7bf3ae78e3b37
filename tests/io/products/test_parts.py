"""What readers are made of: bands as layers, facts of a pair, one grid, names and choices."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from geotiff_products import DEGREES, SHAPE, numbers, write_tif

from insarfeat.errors import GridMismatch, InvalidArgument, MissingInput, UnreadableInput
from insarfeat.io.products import parts
from insarfeat.io.products.parts import Band, Facts, assemble, dates_in, files_named, pair_in
from insarfeat.io.products.wanted import Stated, Wanted


def test_a_band_is_decoded_nodata_first_then_scale_and_offset(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.array([[0, 7, 10], [9, 1, 2]], "i2"), nodata=9)
    layer = Band(path, nodata=(7.0,), scale=0.5, offset=1.0).layer("elevation")
    assert layer.dtype == np.float32
    np.testing.assert_array_equal(layer, [[1, np.nan, 6], [np.nan, 1.5, 2]])
    assert layer.attrs["units"] == "m"


def test_classes_are_scaled_too_and_have_255_for_nodata(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.array([[0, 1, 3]], "u1"), nodata=3)
    layer = Band(path, scale=-1.0, offset=1.0, classes=True).layer("water")
    assert layer.dtype == np.uint8
    np.testing.assert_array_equal(layer, [[1, 0, 255]])


def test_declared_nodata_may_be_passed_over(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.array([[0, 1]], "u1"), nodata=0)
    np.testing.assert_array_equal(Band(path, classes=True, declared=False).layer("water"), [[0, 1]])
    np.testing.assert_array_equal(Band(path, classes=True).layer("water"), [[255, 1]])


def test_types_stay_and_complex_zero_stays(tmp_path: Path) -> None:
    for kind in ("f4", "f8", "c8", "c16"):
        path = write_tif(tmp_path / f"{kind}.tif", np.array([[0, 2]], kind))
        layer = Band(path).layer("anything")
        assert layer.dtype == np.dtype(kind)
        np.testing.assert_array_equal(layer, np.array([[0, 2]], kind))
        assert layer.attrs == {}


def test_a_band_that_is_not_there_and_whole_numbers_are_refused(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.ones(SHAPE, "i2"))
    with pytest.raises(UnreadableInput, match=r"a\.tif has 1 bands; band 2 is needed for coherence"):
        Band(path, 2).layer("coherence")
    with pytest.raises(UnreadableInput, match=r"a\.tif holds int16 numbers; coherence is in floating point"):
        Band(path, floating=True).layer("coherence")
    with pytest.raises(MissingInput, match=r"b\.tif is missing in"):
        Band(tmp_path / "b.tif").layer("coherence")


def test_a_file_that_ends_too_early_is_refused_when_opened(tmp_path: Path) -> None:
    for name, profile in (
        ("plain", {}),
        ("packed", {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16}),
    ):
        path = write_tif(tmp_path / f"{name}.tif", numbers(1, 0, 1), **profile)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(UnreadableInput, match=rf"{name}\.tif is cut short: block"):
            Band(path).layer("coherence")


def header_patched(path: Path, tag: int, value: int) -> Path:
    """A TIFF whose IFD has another value for a tag of one number."""
    content = bytearray(path.read_bytes())
    begin = int.from_bytes(content[4:8], "little")
    for entry in range(int.from_bytes(content[begin : begin + 2], "little")):
        place = begin + 2 + 12 * entry
        if int.from_bytes(content[place : place + 2], "little") == tag:
            content[place + 2 : place + 4] = (4).to_bytes(2, "little")  # LONG
            content[place + 8 : place + 12] = value.to_bytes(4, "little")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "claims",
    [{256: 2**31 - 1}, {257: 2**31 - 1}, {256: 10**9, 257: 10**9}, {256: 9 * 10**6, 278: 10**6, 257: 10**6}],
)
def test_a_header_that_claims_more_than_the_file_can_hold_is_refused(
    tmp_path: Path, claims: dict[int, int]
) -> None:
    path = write_tif(tmp_path / "a.tif", numbers(1, 0, 1))
    for tag, value in claims.items():
        header_patched(path, tag, value)
    with pytest.raises(UnreadableInput, match=r"a\.tif"):
        Band(path).layer("coherence")


def test_sparse_and_well_packed_rasters_are_opened(tmp_path: Path) -> None:
    tiles = {"tiled": True, "blockxsize": 512, "blockysize": 512}
    zeros = np.zeros((3000, 3000), "f4")
    for name, profile in (
        ("sparse", {**tiles, "SPARSE_OK": True}),
        ("deflate", {**tiles, "compress": "deflate"}),
        ("one strip", {"compress": "zstd", "blockysize": 3000}),
    ):
        path = write_tif(tmp_path / f"{name}.tif", zeros, **profile)
        assert float(Band(path).layer("coherence").max()) == 0


def test_numbers_of_a_kind_that_arrays_do_not_have_are_refused(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.ones(SHAPE, "c8"), dtype="complex_int16")
    with pytest.raises(UnreadableInput, match="holds complex_int16 numbers"):
        Band(path).layer("image")


def test_a_rotated_or_broken_grid_is_refused(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", numbers(1, 0, 1), transform=rasterio.Affine(1, 0.5, 0, 0.5, -1, 0))
    with pytest.raises(UnreadableInput, match="rotated grid"):
        Band(path).layer("coherence")
    path = write_tif(tmp_path / "b.tif", numbers(1, 0, 1), transform=rasterio.Affine(np.nan, 0, 0, 0, -1, 0))
    with pytest.raises(UnreadableInput, match="broken geotransform"):
        Band(path).layer("coherence")


def test_layers_of_one_grid_become_one_dataset(tmp_path: Path) -> None:
    paths = [write_tif(tmp_path / f"{seed}.tif", numbers(seed, 0, 1)) for seed in (1, 2)]
    layers = [Band(path).layer(name) for path, name in zip(paths, ("coherence", "intensity"), strict=True)]
    found = assemble(layers, Facts(polarisation="VV", more={"a": 1}), product="it")
    assert set(found) == {"coherence", "intensity"}
    assert found.attrs == {"polarisation": "VV", "a": 1}
    assert set(found.coords) == {"y", "x", "spatial_ref"}
    with pytest.raises(UnreadableInput, match="it holds no layer that is known"):
        assemble([], Facts(), product="it")


def test_grids_that_differ_are_refused_and_rounding_is_not(tmp_path: Path) -> None:
    first = Band(write_tif(tmp_path / "a.tif", numbers(1, 0, 1))).layer("coherence")
    for name, pixels, profile, message in (
        ("b", numbers(2, 0, 1, (36, 45)), {}, "intensity is 36 x 45 pixels and coherence is 36 x 44"),
        ("c", numbers(2, 0, 1), {"crs": "EPSG:32633"}, "intensity is in 'WGS 84 / UTM zone 33N'"),
        (
            "d",
            numbers(2, 0, 1),
            {"transform": rasterio.Affine(40, 0, 600040, 0, -40, 4920000)},
            "begins at x",
        ),
        ("e", numbers(2, 0, 1), {"transform": rasterio.Affine(41, 0, 600000, 0, -40, 4920000)}, "at x"),
        ("f", numbers(2, 0, 1), DEGREES, "WGS 84"),
    ):
        other = Band(write_tif(tmp_path / f"{name}.tif", pixels, **profile)).layer("intensity")
        with pytest.raises(GridMismatch, match=message):
            assemble([first, other], Facts(), product="it")
    shifted = rasterio.Affine(40, 0, 600000.1, 0, -40, 4920000)
    near = Band(write_tif(tmp_path / "g.tif", numbers(2, 0, 1), transform=shifted)).layer("intensity")
    assert set(assemble([first, near], Facts(), product="it")) == {"coherence", "intensity"}


def test_facts_become_attributes_and_swapped_dates_an_error() -> None:
    facts = Facts(
        date(2023, 9, 4), datetime(2023, 9, 16, 6, 37), perpendicular_baseline=3.0, unverified=("a", "b")
    )
    assert facts.check_order("it").attributes == {
        "primary_date": "2023-09-04",
        "secondary_date": "2023-09-16T06:37:00",
        "temporal_baseline_days": 12,
        "perpendicular_baseline_m": 3.0,
        "unverified": "a; b",
    }
    assert Facts().check_order("it").attributes == {}
    for second in (date(2023, 9, 4), date(2023, 9, 3)):
        with pytest.raises(UnreadableInput, match="it names 2023-09-04 as primary and 2023-09-0"):
            Facts(date(2023, 9, 4), second).check_order("it")


def test_order_is_checked_for_days_with_and_without_a_time() -> None:
    Facts(date(2023, 9, 4), datetime(2023, 9, 16, 6, 37)).check_order("it")
    Facts(datetime(2023, 9, 4, 6, 37), date(2023, 9, 16)).check_order("it")
    with pytest.raises(UnreadableInput, match="swapped"):
        Facts(datetime(2023, 9, 16, 6, 37), date(2023, 9, 4)).check_order("it")
    with pytest.raises(UnreadableInput, match="swapped"):
        Facts(datetime(2023, 9, 4, 6, 37), datetime(2023, 9, 4, 6, 36)).check_order("it")


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("20230904_20230916", ["2023-09-04", "2023-09-16"]),
        ("S1AA_20230904T063730_20230916T063730_VVP012", ["2023-09-04", "2023-09-16"]),
        ("20230904-20230916", ["2023-09-04", "2023-09-16"]),
        ("a20230904b", ["2023-09-04"]),
        ("1202309041", []),
        ("20230231", []),
        ("21000101", []),
        ("", []),
    ],
)
def test_days_are_found_in_names(text: str, days: list[str]) -> None:
    assert [day.isoformat() for day in dates_in(text)] == days
    first, second = (*days, None, None)[:2]
    assert tuple(day and day.isoformat() for day in pair_in(text)) == (first, second)


def test_files_are_found_by_patterns_without_case_and_one_must_be_one(tmp_path: Path) -> None:
    for name in ("b.TIF", "a.tif", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "d.tif").mkdir()
    assert [path.name for path in files_named(tmp_path, r".+\.tif")] == ["a.tif", "b.TIF"]
    assert files_named(tmp_path / "nowhere", ".+") == []


def test_more_facts_are_added_and_kept() -> None:
    facts = parts.with_more(Facts(more={"a": 1}), b=2)
    assert facts.attributes == {"a": 1, "b": 2}


def test_a_line_of_sight_becomes_five_layers() -> None:
    from insarfeat.geometry import los_from_licsar

    grid = {"y": [1.0, 0.0], "x": [0.0, 1.0]}
    vector = [xr.DataArray(np.full((2, 2), part), grid, ("y", "x")) for part in (-0.6, 0.0, 0.8)]
    layers = parts.line_of_sight(los_from_licsar(*vector))
    assert [layer.name for layer in layers] == ["los_east", "los_north", "los_up", "incidence", "heading"]
    assert layers[3].attrs["units"] == "degree"
    assert float(layers[3][0, 0]) == pytest.approx(36.87, abs=0.01)
    assert float(layers[4][0, 0]) == pytest.approx(0.0, abs=1e-6)


def test_the_only_choice_needs_no_asking_and_others_do() -> None:
    assert Wanted().choose("swath", ["IW2"], "it") == "IW2"
    assert Wanted(swath="iw1").choose("swath", ["IW1", "IW2"], "it") == "IW1"
    with pytest.raises(InvalidArgument, match="it holds several of swath: name one with swath=, of IW1, IW2"):
        Wanted().choose("swath", ["IW1", "IW2"], "it")
    with pytest.raises(InvalidArgument, match=r"swath 'IW4' is not in it .did you mean 'IW"):
        Wanted(swath="IW4").choose("swath", ["IW1", "IW2"], "it")
    with pytest.raises(InvalidArgument, match="polarisation 'VV' is not in it; it holds none"):
        Wanted(polarisation="VV").choose("polarisation", [], "it")


def test_a_phase_sign_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="phase_sign must be 'primary x conj"):
        Stated(phase_sign="positive")  # type: ignore[arg-type]
