"""ISCE2's topsStack, as GDAL's own ISCE driver writes it, with angles of an orbit worked out by hand."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from flat_products import Array, Damage, blanked, check_damaged, computed, interferogram, real, same, sight
from rasterio.errors import NotGeoreferencedWarning

from insarfeat.errors import GridMismatch, InvalidArgument, MissingInput, UnreadableInput
from insarfeat.io.products import isce2, list_products, open_product
from insarfeat.io.products.isce_xml import read_layout

SHAPE = (14, 11)
PAIR = "20230904_20230916"
UNWRAPPED = np.linspace(-20, 20, SHAPE[0] * SHAPE[1], dtype="f4").reshape(SHAPE)
MASK = np.arange(SHAPE[0] * SHAPE[1], dtype="u1").reshape(SHAPE) % 4
ANNOTATION = """<productmanager_name><component name="instance"><component name="bursts"><component name="burst1">
<property name="passdirection"><value>ASCENDING</value></property>
<property name="radarwavelength"><value>0.05546576</value></property>
</component></component></component></productmanager_name>"""


def write(path: Path, *bands: Array, scheme: str = "BIP") -> Path:
    """By GDAL's driver for ISCE."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = bands[0].shape
    profile: dict[str, Any] = {"driver": "ISCE", "height": height, "width": width, "count": len(bands)}
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(path, "w", dtype=bands[0].dtype.name, SCHEME=scheme, **profile) as file,
    ):
        file.write(np.stack(bands))
    path.with_name(path.name + ".aux.xml").unlink(missing_ok=True)
    return path


def angles(ascending: bool = True) -> tuple[Array, Array]:
    """Both bands of ``los.rdr`` as topozero defines them, from a vector that was worked out another way."""
    view = sight(SHAPE, ascending=ascending)
    azimuth = np.degrees(np.arctan2(view.north, view.east)) - 90
    bands = view.incidence.astype("f4"), azimuth.astype("f4")
    for band in bands:
        band[0, 0] = 0
    return bands


def write_pair(folder: Path, seed: int = 0) -> Path:
    write(folder / "fine.int", interferogram(SHAPE, seed))
    write(folder / "filt_fine.int", interferogram(SHAPE, seed + 1))
    write(folder / "filt_fine.cor", real(SHAPE, seed))
    write(folder / "filt_fine.unw", real(SHAPE, 9), np.where(MASK == 0, 0, UNWRAPPED), scheme="BIL")
    write(folder / "filt_fine.unw.conncomp", MASK)
    return folder


def write_geometry(folder: Path, ascending: bool = True) -> Path:
    write(folder / "hgt.rdr", blanked(UNWRAPPED).astype("f8") * 10)
    write(folder / "lat.rdr", np.full(SHAPE, 46.0))
    write(folder / "lon.rdr", np.full(SHAPE, 11.0))
    write(folder / "los.rdr", *angles(ascending), scheme="BIL")
    write(folder / "incLocal.rdr", np.full(SHAPE, 80, "f4"), real(SHAPE, 5) * 60, scheme="BIL")
    write(folder / "shadowMask.rdr", MASK)
    return folder


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    write_pair(tmp_path / "merged" / "interferograms" / PAIR)
    write_geometry(tmp_path / "merged" / "geom_reference")
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "IW2.xml").write_text(ANNOTATION)
    return tmp_path


def test_every_layer_is_what_was_written(stack: Path) -> None:
    dataset = open_product(stack)
    found = computed(dataset)
    assert same(found["interferogram"], interferogram(SHAPE, 0))
    assert same(found["filtered_interferogram"], interferogram(SHAPE, 1))
    assert same(found["coherence"], blanked(real(SHAPE, 0)))
    assert same(found["unwrapped_phase"], blanked(np.where(MASK == 0, 0, UNWRAPPED)))
    assert same(found["connected_components"], MASK)
    assert same(found["shadow_layover"], MASK)
    assert same(found["local_incidence"], blanked(real(SHAPE, 5) * 60))
    assert same(found["latitude"], np.full(SHAPE, 46.0))
    assert dataset.sizes == {"line": SHAPE[0], "sample": SHAPE[1]}


def test_attributes_tell_dates_sign_wavelength_and_sources(stack: Path) -> None:
    attributes = open_product(stack).attrs
    assert attributes["product"] == "ISCE2 topsStack"
    assert (attributes["primary_date"], attributes["secondary_date"]) == ("2023-09-04", "2023-09-16")
    assert attributes["phase_sign"] == "primary x conj(secondary)"
    assert attributes["wavelength_m"] == 0.05546576
    assert attributes["interferogram_source"] == "fine.int"
    assert attributes["coherence_source"] == "filt_fine.cor"
    assert "shadowMask" in attributes["unverified"]


@pytest.mark.parametrize("ascending", [True, False])
def test_the_line_of_sight_is_that_of_the_orbit(tmp_path: Path, ascending: bool) -> None:
    found = computed(open_product(write_geometry(tmp_path / "geom_reference", ascending)))
    truth = sight(SHAPE, ascending=ascending)
    for name in ("east", "north", "up"):
        assert np.isnan(found[f"los_{name}"][0, 0])
        np.testing.assert_allclose(found[f"los_{name}"].flat[1:], getattr(truth, name).flat[1:], atol=2e-7)
    np.testing.assert_allclose(found["incidence"].flat[1:], truth.incidence.flat[1:], atol=1e-4)
    np.testing.assert_allclose(found["heading"].flat[1:], truth.heading.flat[1:], atol=1e-4)
    assert (abs(truth.heading) < 45).all() == ascending


@pytest.mark.parametrize(
    "inner",
    [
        "", "merged", "merged/interferograms", f"merged/interferograms/{PAIR}",
        f"merged/interferograms/{PAIR}/fine.int", f"merged/interferograms/{PAIR}/filt_fine.unw.xml",
        f"merged/interferograms/{PAIR}/filt_fine.unw.conncomp",
    ],
)  # fmt: skip
def test_a_pair_is_found_from_anywhere_in_it(stack: Path, inner: str) -> None:
    place = stack / inner
    assert isce2.recognises(place)
    assert isce2.pairs_of(place) == [PAIR]
    assert {"interferogram", "los_east"} <= open_product(place).data_vars.keys()


def test_geometry_alone_is_a_product_without_pairs(stack: Path) -> None:
    for place in (stack / "merged" / "geom_reference", stack / "merged" / "geom_reference" / "los.rdr"):
        assert isce2.pairs_of(place) == [place.name]
        dataset = open_product(place)
        assert "interferogram" not in dataset
        assert "phase_sign" not in dataset.attrs


def test_of_several_pairs_one_must_be_named(stack: Path) -> None:
    write_pair(stack / "merged" / "interferograms" / "20230904_20230928", seed=40)
    assert [found.pair for found in list_products(stack)] == [PAIR, "20230904_20230928"]
    with pytest.raises(InvalidArgument, match="holds 2 interferograms"):
        open_product(stack)
    with pytest.raises(InvalidArgument, match="pair '20230101_20230113' is not in"):
        open_product(stack, pair="20230101_20230113")
    dataset = open_product(stack, pair="20230904_20230928")
    assert same(computed(dataset)["interferogram"], interferogram(SHAPE, 40))
    assert dataset.attrs["temporal_baseline_days"] == 24


def test_the_filtered_interferogram_stands_in_where_there_is_no_other(stack: Path) -> None:
    folder = stack / "merged" / "interferograms" / PAIR
    for name in ("fine.int", "fine.int.xml"):
        (folder / name).unlink()
    dataset = open_product(stack)
    assert same(computed(dataset)["interferogram"], interferogram(SHAPE, 1))
    assert "filtered_interferogram" not in dataset
    assert dataset.attrs["interferogram_source"] == "filt_fine.int"


def test_the_unfiltered_coherence_comes_first(stack: Path) -> None:
    write(stack / "merged" / "interferograms" / PAIR / "fine.cor", real(SHAPE, 77))
    found = computed(open_product(stack))
    assert same(found["coherence"], blanked(real(SHAPE, 77)))
    assert same(found["filtered_coherence"], blanked(real(SHAPE, 0)))


VRT = """<VRTDataset rasterXSize="{width}" rasterYSize="{height}">
  <VRTRasterBand dataType="Float32" band="1" subClass="VRTRawRasterBand">
    <SourceFilename relativeToVRT="1">filt_fine.unw</SourceFilename>
    <ByteOrder>{order}</ByteOrder><ImageOffset>0</ImageOffset><PixelOffset>4</PixelOffset><LineOffset>{line}</LineOffset>
  </VRTRasterBand>
  <VRTRasterBand dataType="Float32" band="2" subClass="VRTRawRasterBand">
    <SourceFilename relativeToVRT="1">filt_fine.unw</SourceFilename>
    <ByteOrder>{order}</ByteOrder><ImageOffset>{row}</ImageOffset><PixelOffset>4</PixelOffset><LineOffset>{line}</LineOffset>
  </VRTRasterBand>
</VRTDataset>"""


@pytest.mark.parametrize("order", ["LSB", "MSB"])
def test_a_vrt_is_read_as_gdal_reads_it_where_there_is_no_xml(tmp_path: Path, order: str) -> None:
    raster = tmp_path / PAIR / "filt_fine.unw"
    raster.parent.mkdir()
    cube = np.stack([real(SHAPE), UNWRAPPED]).astype("<f4" if order == "LSB" else ">f4")
    raster.write_bytes(cube.transpose(1, 0, 2).tobytes())
    row = 4 * SHAPE[1]
    text = VRT.format(height=SHAPE[0], width=SHAPE[1], order=order, row=row, line=2 * row)
    raster.with_name("filt_fine.unw.vrt").write_text(text)
    assert read_layout(raster).interleave == "BIL"
    with pytest.warns(NotGeoreferencedWarning), rasterio.open(f"{raster}.vrt") as file:
        truth = file.read(2)
    assert same(computed(open_product(tmp_path / PAIR))["unwrapped_phase"], blanked(truth))


def test_an_envi_header_is_read_where_gdal_took_the_looks(stack: Path) -> None:
    los = stack / "merged" / "geom_reference" / "los.rdr"
    before = computed(open_product(stack))
    bands = angles()
    for suffix in ("", ".xml"):
        los.with_name(los.name + suffix).unlink()
    profile: dict[str, Any] = {
        "driver": "ENVI",
        "height": SHAPE[0],
        "width": SHAPE[1],
        "count": 2,
        "dtype": "float32",
    }
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(los, "w", INTERLEAVE="BIL", SUFFIX="ADD", **profile) as file,
    ):
        file.write(np.stack(bands))
    los.with_name("los.rdr.vrt").write_text('<VRTDataset rasterXSize="11" rasterYSize="14"></VRTDataset>')
    assert los.with_name("los.rdr.hdr").exists()
    assert same(computed(open_product(stack))["los_east"], before["los_east"])


def test_a_virtual_raster_is_told_with_the_remedy(stack: Path) -> None:
    folder = stack / "merged" / "interferograms" / PAIR
    for name in ("fine.int", "fine.int.xml"):
        (folder / name).unlink()
    (folder / "fine.int.vrt").write_text(
        '<VRTDataset rasterXSize="11" rasterYSize="14"><VRTRasterBand dataType="CFloat32" band="1">'
        "<SimpleSource/></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(UnreadableInput, match=r"fine\.int is virtual.*gdal_translate"):
        open_product(stack)


def test_geometry_of_another_size_is_refused_by_name(stack: Path) -> None:
    write(stack / "merged" / "geom_reference" / "hgt.rdr", np.ones((7, 11)))
    with pytest.raises(GridMismatch, match="elevation is 7 x 11 pixels and interferogram is 14 x 11"):
        open_product(stack)


def test_swapped_dates_are_refused(stack: Path) -> None:
    folder = stack / "merged" / "interferograms"
    (folder / PAIR).rename(folder / "20230916_20230904")
    with pytest.raises(UnreadableInput, match="2023-09-16 as primary and 2023-09-04"):
        open_product(stack)


def test_a_raster_whose_header_is_left_alone_is_missing(stack: Path) -> None:
    (stack / "merged" / "interferograms" / PAIR / "filt_fine.unw").unlink()
    with pytest.raises(MissingInput, match=r"filt_fine\.unw is missing in 20230904_20230916"):
        open_product(stack)


def test_a_raster_whose_header_is_gone_is_told(stack: Path) -> None:
    (stack / "merged" / "geom_reference" / "los.rdr.xml").unlink()
    with pytest.raises(
        MissingInput, match=r"los\.rdr has no header: los\.rdr\.xml and los\.rdr\.vrt are missing"
    ):
        open_product(stack)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("<value>11<", "<value>eleven<", "width cannot be 'eleven'"),
        ("<value>11<", "<value>1000000000<", "It is cut short"),
        ("<value>11<", "<value>-11<", "width cannot be -11"),
        ("<value>11<", "<value>10.5<", "width must be a whole number"),
        (">CFLOAT<", ">HALF<", "data_type 'half'"),
        (">BIP<", ">BOP<", "scheme cannot be 'BOP'"),
        (">l<", ">?<", "byte_order"),
        ('"LENGTH"', '"LENGHT"', "has no value for length"),
        ("</imageFile>", "", "is not readable XML, or cut short"),
        ("imageFile>", "imageFibre>", "holds <imageFibre>, not <imageFile>"),
    ],
)
def test_a_damaged_header_is_told_with_its_field(stack: Path, before: str, after: str, message: str) -> None:
    header = stack / "merged" / "interferograms" / PAIR / "fine.int.xml"
    text = header.read_text()
    assert before in text
    header.write_text(text.replace(before, after))
    with pytest.raises(UnreadableInput, match=message):
        open_product(header.parent)


def test_a_truncated_raster_is_told_when_it_is_opened(stack: Path) -> None:
    raster = stack / "merged" / "interferograms" / PAIR / "filt_fine.cor"
    raster.write_bytes(raster.read_bytes()[:-100])
    with pytest.raises(UnreadableInput, match=r"filt_fine\.cor has 516 bytes.*cut short"):
        open_product(stack)


def test_foreign_files_and_folders_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "fine.int").write_bytes(b"1234")
    (tmp_path / "other.int.xml").write_text("<imageFile/>")
    (tmp_path / "empty").mkdir()
    for path in (
        tmp_path,
        tmp_path / "fine.int",
        tmp_path / "other.int.xml",
        tmp_path / "empty",
        tmp_path / "none",
    ):
        assert not isce2.recognises(path)


def test_many_threads_read_what_one_reads(stack: Path) -> None:
    dataset = open_product(stack)
    truth = computed(dataset)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: computed(dataset), range(24)):
            assert all(same(found[name], truth[name]) for name in truth)


def test_windows_are_read_alone(stack: Path) -> None:
    layer = open_product(stack)["los_north"]
    whole = layer.compute()
    np.testing.assert_array_equal(layer[3:9, 2:7].compute(), whole[3:9, 2:7])


def explained(damage: Damage, name: str, truth: Array, found: Array) -> bool:
    """Another type, byte order or scheme of the same length is what the header says now."""
    said = damage.lines.lower()
    return damage.path.suffix == ".xml" and any(
        word in said for word in ("<value>l<", "<value>b<", "<value>float<", "<value>bil<", "<value>byte<")
    )


def test_a_thousand_damaged_products_end_in_an_error_or_a_right_answer(stack: Path) -> None:
    folder = stack / "merged" / "interferograms" / PAIR
    geometry = stack / "merged" / "geom_reference"
    files = sorted((*folder.iterdir(), *geometry.iterdir(), stack / "reference" / "IW2.xml"))
    headers = [path for path in files if path.suffix == ".xml"]
    suffixes = (".int", ".cor", ".unw", ".conncomp", ".rdr")
    ends = check_damaged(folder, headers * 2 + files, rasters=suffixes, explained=explained)
    assert sum(ends.values()) > 900
    assert min(ends["error"], ends["same"], ends["pixels"]) > 50
    shutil.rmtree(folder)
