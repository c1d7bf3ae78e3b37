"""MIRAGE: files by its published attributes and grid; how it names them is not known, so many ways are tried."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from geotiff_products import box, fuzz, mirage, numbers, same, write_labels, write_tif

from insarfeat.errors import GridMismatch, MissingInput, UnreadableInput
from insarfeat.io.products import list_products, open_product
from insarfeat.io.products import mirage as reader

PAIR, OTHER = "20200704_20200716", "20200704_20210705"
VALID = np.s_[6:, 9:]


def test_an_interferogram_has_phase_coherence_and_the_place_of_its_labels(tmp_path: Path) -> None:
    found = open_product(mirage(tmp_path / "area")).load()
    assert set(found) == {"wrapped_phase", "coherence"}
    np.testing.assert_array_equal(found["wrapped_phase"].values[VALID], numbers(21, -3.1, 3.1)[VALID])
    np.testing.assert_array_equal(found["coherence"].values[VALID], numbers(22, 0.1, 0.9)[VALID])
    assert np.isnan(found["coherence"].values[:6, :9]).all()
    assert found.attrs["labels"] == str(tmp_path / "area" / f"{PAIR}_labels.shp")
    assert found.attrs["primary_date"] == "2020-07-04"
    assert found.attrs["temporal_baseline_days"] == 12
    assert found.attrs["orbit_direction"] == "descending"
    assert found.attrs["phase_sign"] == "unverified"
    assert found.attrs["product"] == "MIRAGE"
    assert float(found.x[1] - found.x[0]) == 15.0


@pytest.mark.parametrize(
    ("phase", "coherence"),
    [
        ("IFG_{}.tif", "COH_{}.tif"),
        ("{}.tif", "{}_coherence.tif"),
        ("wrapped_phase_{}.tiff", "cc_{}.tif"),
        ("S1_A_{}_filt_pha.tif", "S1_A_{}_corr.tif"),
    ],
)
def test_rasters_are_told_by_words_in_their_names(tmp_path: Path, phase: str, coherence: str) -> None:
    folder = mirage(tmp_path)
    (folder / f"{PAIR}_wrapped.tif").rename(folder / phase.format(PAIR))
    (folder / f"{PAIR}_coh.tif").rename(folder / coherence.format(PAIR))
    found = open_product(folder).load()
    np.testing.assert_array_equal(found["wrapped_phase"].values[VALID], numbers(21, -3.1, 3.1)[VALID])
    np.testing.assert_array_equal(found["coherence"].values[VALID], numbers(22, 0.1, 0.9)[VALID])


def test_files_may_lie_in_folders_by_kind(tmp_path: Path) -> None:
    for pair in (PAIR, OTHER):
        mirage(tmp_path / "flat", pair)
    for kind in ("wrapped.tif", "coh.tif", "labels.*"):
        folder = tmp_path / "area" / kind.partition(".")[0]
        folder.mkdir(parents=True)
        for path in (tmp_path / "flat").glob(f"*_{kind}"):
            path.rename(folder / path.name)
    found = list_products(tmp_path / "area")
    assert [one.name for one in found] == [PAIR, OTHER]
    for path in (
        tmp_path / "area" / "coh" / f"{OTHER}_coh.tif",
        tmp_path / "area" / "labels" / f"{OTHER}_labels.shp",
    ):
        same(open_product(path), open_product(tmp_path / "area", pair=OTHER))


def test_labels_of_all_interferograms_may_be_in_one_shapefile(tmp_path: Path) -> None:
    for pair in (PAIR, OTHER):
        mirage(tmp_path, pair)
    for path in tmp_path.glob("*_labels.*"):
        path.unlink()
    everything = write_labels(tmp_path / "boxes", [box(OTHER, "A", 1), box(PAIR, "D", 2), box(PAIR, "D", 3)])
    for pair, direction in ((PAIR, "descending"), (OTHER, "ascending")):
        told = open_product(tmp_path, pair=pair).attrs
        assert told["labels"] == str(everything)
        assert told["orbit_direction"] == direction


def test_a_table_of_gdal_s_is_read_too(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas", reason="an independent writer of shapefiles")
    shapely = pytest.importorskip("shapely")
    folder = mirage(tmp_path)
    for path in folder.glob("*_labels.*"):
        path.unlink()
    boxes = geopandas.GeoDataFrame(
        [box(OTHER, "D", 1), box(PAIR, "A", 2)], geometry=[shapely.box(0, 0, 1, 1)] * 2, crs="EPSG:32632"
    )
    boxes.to_file(folder / "boxes.shp")
    told = open_product(folder).attrs
    assert told["labels"] == str(folder / "boxes.shp")
    assert told["orbit_direction"] == "ascending"


def test_missing_parts_are_named(tmp_path: Path) -> None:
    folder = mirage(tmp_path)
    mirage(tmp_path, OTHER)
    (folder / f"{PAIR}_labels.shp").unlink()
    with pytest.raises(MissingInput, match=f"no shapefile of boxes of {PAIR}"):
        open_product(folder, pair=PAIR)
    (folder / f"{PAIR}_coh.tif").unlink()
    with pytest.raises(MissingInput, match=f"has no coherence of {PAIR}"):
        open_product(folder, pair=PAIR)
    (folder / f"{OTHER}_wrapped.tif").unlink()
    with pytest.raises(MissingInput, match=f"has no wrapped phase of {OTHER}"):
        open_product(folder, pair=OTHER)


def test_two_files_for_one_purpose_are_named(tmp_path: Path) -> None:
    folder = mirage(tmp_path)
    write_tif(folder / f"{PAIR}_coh_2.tif", numbers(1, 0, 1))
    with pytest.raises(
        UnreadableInput, match=rf"several files could be the coherence of {PAIR}: .*coh_2\.tif"
    ):
        open_product(folder)


def test_a_cut_table_another_size_and_swapped_dates_are_refused(tmp_path: Path) -> None:
    folder = mirage(tmp_path / "cut")
    table = folder / f"{PAIR}_labels.dbf"
    table.write_bytes(table.read_bytes()[:-40])
    with pytest.raises(UnreadableInput, match=r"labels\.dbf is cut short"):
        open_product(folder)
    folder = mirage(tmp_path / "size")
    write_tif(folder / f"{PAIR}_coh.tif", numbers(1, 0, 1, (5, 6)))
    with pytest.raises(GridMismatch, match="coherence is 5 x 6"):
        open_product(folder)
    write_tif(folder / f"{PAIR}_coh.tif", np.ones((36, 44), "u1"))
    with pytest.raises(UnreadableInput, match="uint8 numbers; coherence is in floating point"):
        open_product(folder)
    with pytest.raises(UnreadableInput, match="are the dates swapped"):
        open_product(mirage(tmp_path / "swapped", "20200716_20200704"))


def test_shapefiles_of_others_and_rasters_without_labels_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    write_tif(tmp_path / "none" / f"{PAIR}_coh.tif", numbers(1, 0, 1))
    write_labels(tmp_path / "none" / "roads", [{"Id": 1, "Class": "motorway", "Name": "A1"}])
    (tmp_path / "none" / "broken.shp").write_bytes(b"")
    (tmp_path / "none" / "broken.dbf").write_bytes(b"\x03" * 50)
    for path in (tmp_path / "none", *(tmp_path / "none").iterdir(), tmp_path / "missing"):
        assert not reader.recognises(path)


def test_threads_give_the_whole(tmp_path: Path) -> None:
    folder = mirage(tmp_path)
    whole = open_product(folder).compute()
    with ThreadPoolExecutor(8) as pool:
        for again in pool.map(lambda _: open_product(folder).compute(), range(16)):
            xr.testing.assert_identical(again, whole)


def test_a_thousand_damaged_products_end_in_an_error_or_an_answer(tmp_path: Path) -> None:
    script = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from geotiff_products import mirage as build
    """
    fuzz(script, tmp_path / "product")


def test_a_raster_beside_another_areas_folder_is_none_of_its(tmp_path: Path) -> None:
    """Neighbours with boxes do not make a plain raster theirs."""
    import shutil

    first = mirage(tmp_path / "first")
    second = tmp_path / "second"
    second.mkdir()
    stranger = second / f"coh_{PAIR}.tif"
    shutil.copy(next(path for path in first.rglob("*.tif") if "coh" in path.name), stranger)
    assert reader.recognises(first)
    assert not reader.recognises(stranger)
    assert not reader.recognises(second)
    assert not reader.recognises(tmp_path)
