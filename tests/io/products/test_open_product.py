"""Opening whatever a processor wrote: who reads what, what is listed, and what is said of the rest."""

from __future__ import annotations

import ast
import inspect
import itertools
from pathlib import Path

import numpy as np
import pytest
from geotiff_products import (
    BURST,
    GAMMA,
    PAIR,
    hyp3_product,
    licsar_geometry,
    licsar_pair,
    mirage,
    numbers,
    same,
    write_tif,
)

import insarfeat
from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput
from insarfeat.io import products
from insarfeat.io.products import READERS, Stated, list_products, open_product, reader_of


def test_every_reader_has_the_three_functions_of_readers() -> None:
    for reader in READERS:
        assert list(inspect.signature(reader.recognises).parameters) == ["path"]
        assert list(inspect.signature(reader.pairs_of).parameters) == ["path"]
        assert list(inspect.signature(reader.read).parameters) == ["path", "wanted"]
    assert READERS[-1].name == "rasters"
    assert (
        len({reader.name for reader in READERS}) == len({reader.title for reader in READERS}) == len(READERS)
    )


def test_readers_are_loaded_when_they_are_needed() -> None:
    source = ast.parse(Path(products.__file__).read_text())
    imported = {node.module for node in source.body if isinstance(node, ast.ImportFrom)}
    assert imported & {f"insarfeat.io.products.{reader.name}" for reader in READERS} == set()


@pytest.mark.parametrize(
    "name", ["", "a.txt", "a.jpg", "ä ö.bin", "S1.zip", "metadata.xml", "a.hdr", "x.par"]
)
def test_no_reader_takes_or_breaks_on_a_foreign_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name:
        path.write_bytes(bytes(range(256)) * 3)
    for reader in READERS:
        assert reader.recognises(path) is False, reader.name


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 64, b"<?xml", b"\x89HDF\r\n\x1a\n", b"II*\x00\x08\x00\x00\x00"]
)
def test_no_reader_breaks_on_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    names = (
        "manifest.safe",
        "a.h5",
        "a.dim",
        "a.hdr",
        "a.xml",
        "a.tif",
        "a.nc",
        "a.grd",
        "a.par",
        "a.sml",
        "a.rsc",
    )
    for name in names:
        (tmp_path / name).write_bytes(content)
    for reader in READERS:
        for path in (tmp_path, *tmp_path.iterdir()):
            assert reader.recognises(path) in (True, False), (reader.name, path.name)


def test_the_particular_reader_goes_before_the_plain_one(tmp_path: Path) -> None:
    for name, folder in (
        ("hyp3", hyp3_product(tmp_path / GAMMA)),
        ("licsar", licsar_pair(tmp_path / PAIR)),
        ("mirage", mirage(tmp_path / "mirage")),
    ):
        reader = reader_of(folder)
        assert reader is not None
        assert reader.name == name
        (*_, tif) = folder.glob("*coh*.tif") if name == "mirage" else folder.glob("*.tif")
        reader = reader_of(tif)
        assert reader is not None
        assert reader.name == name


def test_samples_are_told_by_their_readers(test_data: Path) -> None:
    for folder, name in (
        ("ifg_sierranegra_licsar", "licsar"),
        ("vel_anatolia_licsbas", "licsar"),
        ("ifg_morocco_eotools", "rasters"),
        ("ifg_mexico_pyrate_cropA", "rasters"),
        ("ifg_houston_psps", "rasters"),
    ):
        reader = reader_of(test_data / folder)
        assert reader is not None
        assert reader.name == name


def test_a_folder_of_many_products_is_listed_in_order(tmp_path: Path) -> None:
    hyp3_product(tmp_path / "b" / BURST, BURST, {"corr": numbers(1, 0, 1)})
    hyp3_product(tmp_path / "b" / GAMMA, GAMMA, {"corr": numbers(1, 0, 1)})
    for pair in (PAIR, "20170413_20170425"):
        licsar_pair(tmp_path / "a" / "GEOC" / pair, pair)
    licsar_geometry(tmp_path / "a" / "GEOC")
    hyp3_product(tmp_path / ".hidden" / GAMMA)
    hyp3_product(tmp_path / "b" / f"{GAMMA}.partial")
    (tmp_path / "notes.txt").write_text("nothing")
    found = list_products(tmp_path)
    assert [(one.title, one.name) for one in found] == [
        ("LiCSAR", PAIR),
        ("LiCSAR", "20170413_20170425"),
        ("HyP3 InSAR, GAMMA or burst", GAMMA),
        ("HyP3 InSAR, GAMMA or burst", BURST),
    ] or [one.name for one in found] == [PAIR, "20170413_20170425", *sorted((GAMMA, BURST))]
    for one in found:
        assert open_product(one.path, pair=one.pair).attrs["product"] == one.title


def test_listing_reads_no_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import rasterio.io

    hyp3_product(tmp_path / GAMMA)
    licsar_pair(tmp_path / PAIR)
    monkeypatch.setattr(rasterio.io.DatasetReader, "read", None)
    assert len(list_products(tmp_path)) == 2
    open_product(tmp_path / GAMMA)  # nor does opening


def test_a_path_that_is_not_there_is_missing(tmp_path: Path) -> None:
    for function in (open_product, list_products):
        with pytest.raises(MissingInput, match="does not exist"):
            function(tmp_path / "nothing")
        with pytest.raises(FileNotFoundError):
            function(str(tmp_path / "nothing"))


def test_what_is_no_product_is_told_with_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(
        UnreadableInput, match=r"is no product that is known\. It is empty\. Known are: Sentinel-1 SLC"
    ):
        open_product(tmp_path)
    for number in range(7):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(
        UnreadableInput, match=r"It holds 0\.txt, 1\.txt, 2\.txt, 3\.txt, 4\.txt and 2 more\. Known are"
    ):
        open_product(tmp_path)
    with pytest.raises(UnreadableInput, match=r"^0\.txt is no product that is known\. Known are"):
        open_product(tmp_path / "0.txt")


def test_a_folder_above_products_points_to_them(tmp_path: Path) -> None:
    hyp3_product(tmp_path / GAMMA, GAMMA, {"corr": numbers(1, 0, 1)})
    with pytest.raises(
        UnreadableInput, match=r"Products lie in it: open them one by one \(insarfeat info FOLDER"
    ):
        open_product(tmp_path)


def test_several_pairs_must_be_chosen_from(tmp_path: Path) -> None:
    days = [f"201703{day:02}" for day in range(1, 9)]
    for first, second in itertools.pairwise(days):
        write_tif(tmp_path / f"{first}_{second}_coh.tif", numbers(1, 0, 1))
    with pytest.raises(InvalidArgument, match=r"holds 7 interferograms: .* 20170301_20170302, .* and 1 more"):
        open_product(tmp_path)
    with pytest.raises(
        InvalidArgument, match=r"pair '20170301_20170308' is not in .*; it holds 20170301_20170302"
    ):
        open_product(tmp_path, pair="20170301_20170308")
    assert open_product(tmp_path, pair="20170307_20170308").attrs["primary_date"] == "2017-03-07"


def test_nothing_is_to_be_stated_of_products_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="stated is for plain rasters"):
        open_product(hyp3_product(tmp_path / GAMMA), stated=Stated())


def test_text_and_path_are_the_same(tmp_path: Path) -> None:
    folder = licsar_pair(tmp_path / PAIR)
    same(open_product(str(folder)), open_product(folder))


def test_a_product_can_be_written_and_comes_back(tmp_path: Path) -> None:
    found = open_product(hyp3_product(tmp_path / GAMMA))
    for suffix in (".nc", ".zarr"):
        again = open_product(insarfeat.write(found, tmp_path / f"out{suffix}"))
        assert set(again) == set(found)
        for name, layer in found.items():
            np.testing.assert_array_equal(again[name], layer, err_msg=str(name))
            assert again[name].dtype == layer.dtype
        for key in ("primary_date", "phase_sign", "wavelength_m"):
            assert again.attrs[key] == found.attrs[key]


def test_links_lead_nowhere_twice(tmp_path: Path) -> None:
    (tmp_path / "a.tif").symlink_to(tmp_path / "nothing.tif")
    (tmp_path / "loop").symlink_to(tmp_path)
    licsar_pair(tmp_path / "b" / PAIR)
    (tmp_path / "c").symlink_to(tmp_path / "b")
    (found,) = list_products(tmp_path)
    assert found.title == "LiCSAR"


def test_a_dem_beside_products_does_not_hide_them(tmp_path: Path) -> None:
    write_tif(tmp_path / "dem.tif", numbers(1, 0, 9))
    insarfeat.write(open_product(tmp_path), tmp_path / "stack.zarr")
    hyp3_product(tmp_path / GAMMA)
    licsar_pair(tmp_path / PAIR)
    names = {found.path.name for found in list_products(tmp_path)}
    assert names == {tmp_path.name, "stack.zarr", GAMMA, PAIR}


def test_folders_of_pairs_beside_other_products_are_listed_one_by_one(tmp_path: Path) -> None:
    for pair in (PAIR, "20170413_20170425"):
        licsar_pair(tmp_path / pair, pair)
    hyp3_product(tmp_path / GAMMA)
    assert {found.path.name for found in list_products(tmp_path)} == {PAIR, "20170413_20170425", GAMMA}
