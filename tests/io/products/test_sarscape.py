"""SARscape: ENVI rasters as GDAL writes them, with ``.sml`` beside (retyped from real ones)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from flat_products import Array, Damage, blanked, check_damaged, computed, interferogram, real, same
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from insarfeat.errors import GridMismatch, InvalidArgument, MissingInput, UnreadableInput
from insarfeat.georeference import crs_of, grid_of
from insarfeat.io.products import list_products, open_product, sarscape
from insarfeat.io.products.envi import read_header

SHAPE = (12, 15)
PAIR = "20230904_20230916"
ROOT = "S1A_20230904_063730_S1A_20230916_063730"
MAP = {"crs": "EPSG:32632", "transform": Affine(15.0, 0, 600000.0, 0, -15.0, 5100000.0)}
SML = """
<?xml version="1.0" ?>
<HEADER_INFO xmlns="http://www.sarmap.ch/xml/SARscapeHeaderSchema"
\txmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
   <RasterInfo>
      <HeaderOffset>0</HeaderOffset>
      <CellType>{cell}</CellType>
      <DataUnits>{units}</DataUnits>
      <NullCellValue>{null}</NullCellValue>
      <NrOfChannels>1</NrOfChannels>
      <NrOfPixelsPerLine>{width}</NrOfPixelsPerLine>
      <NrOfLinesPerImage>{height}</NrOfLinesPerImage>
      <GeocodedImage>OK</GeocodedImage>
      <Interleave>LAYOUT_BSQ</Interleave>
      <BytesOrder>LSBF</BytesOrder>
   </RasterInfo>
</HEADER_INFO>
"""


def write(
    folder: Path, kind: str, pixels: Array, *, root: str = ROOT, null: str = "NaN", **placed: Any
) -> Path:
    """A raster by GDAL's ENVI driver, without a suffix as SARscape names them."""
    path = folder / f"{root}_{kind}"
    height, width = pixels.shape
    profile = {"driver": "ENVI", "height": height, "width": width, "count": 1, "dtype": pixels.dtype.name}
    if placed:
        with rasterio.open(path, "w", **profile, **placed) as file:
            file.write(pixels, 1)
    else:
        with pytest.warns(NotGeoreferencedWarning), rasterio.open(path, "w", **profile) as file:
            file.write(pixels, 1)
    for extra in folder.glob("*.aux.xml"):
        extra.unlink()
    cell = {"complex64": "FCOMPLEX", "float32": "FLOAT", "int16": "SHORT"}[pixels.dtype.name]
    text = SML.format(cell=cell, units="IFG", null=null, height=height, width=width)
    path.with_name(path.name + ".sml").write_text(text)
    return path


@pytest.fixture
def product(tmp_path: Path) -> Path:
    folder = tmp_path / "ifg"
    folder.mkdir()
    write(folder, "dint", interferogram(SHAPE))
    write(folder, "fint", interferogram(SHAPE, 1))
    write(folder, "cc", real(SHAPE))
    write(folder, "upha", real(SHAPE, 3) * 30)
    return folder


def test_every_layer_is_what_gdal_wrote(product: Path) -> None:
    dataset = open_product(product)
    found = computed(dataset)
    assert same(found["interferogram"], interferogram(SHAPE))
    assert same(found["filtered_interferogram"], interferogram(SHAPE, 1))
    assert same(found["coherence"], blanked(real(SHAPE)))
    assert same(found["unwrapped_phase"], blanked(real(SHAPE, 3) * 30))
    assert dataset.sizes == {"line": SHAPE[0], "sample": SHAPE[1]}


def test_attributes_tell_dates_and_what_nobody_checked(product: Path) -> None:
    attributes = open_product(product).attrs
    assert attributes["product"] == "SARscape"
    assert (attributes["primary_date"], attributes["secondary_date"]) == ("2023-09-04", "2023-09-16")
    assert attributes["phase_sign"] == "unverified"
    assert "no real product was at hand" in attributes["unverified"]
    assert attributes["interferogram_source"] == f"{ROOT}_dint"


def test_maps_lie_where_gdal_put_them(tmp_path: Path) -> None:
    write(tmp_path, "disp", real(SHAPE), **MAP)
    write(tmp_path, "cc_geo", real(SHAPE, 2), **MAP)
    dataset = open_product(tmp_path)
    assert sarscape.pairs_of(tmp_path) == [PAIR + "_geo"]
    assert grid_of(dataset["displacement"]).affine == tuple(MAP["transform"])[:6]
    crs = crs_of(dataset)
    assert crs is not None
    assert crs.to_epsg() == 32632
    assert same(computed(dataset)["coherence"], blanked(real(SHAPE, 2)))


@pytest.mark.parametrize(
    ("info", "code", "left", "top"),
    [
        ("{UTM, 1, 1, 600000, 5100000, 15, 15, 32, North, WGS-84, units=Meters}", 32632, 600000, 5100000),
        ("{UTM, 1, 1, 600000, 5100000, 15, 15, 19, South, WGS-84}", 32719, 600000, 5100000),
        ("{UTM, 1.5, 1.5, 600000, 5100000, 15, 15, 32, North, WGS-84}", 32632, 599992.5, 5100007.5),
        ("{UTM, 3, 2, 600000, 5100000, 15, 15, 32, North, WGS-84}", 32632, 599970, 5100015),
        ("{Geographic Lat/Lon, 1, 1, 7, 2, 0.001, 0.001, WGS-84, units=Degrees}", 4326, 7, 2),
    ],
)
def test_map_info_alone_is_understood(tmp_path: Path, info: str, code: int, left: float, top: float) -> None:
    path = write(tmp_path, "disp", real(SHAPE), **MAP)
    header = path.with_name(path.name + ".hdr")
    lines = [
        line
        for line in header.read_text().splitlines()
        if not line.startswith(("map info", "coordinate sys"))
    ]
    header.write_text("\n".join([*lines, f"map info = {info}"]))
    with rasterio.open(path) as file:  # reads the same header in its own way
        assert file.crs.to_epsg() == code
        truth = tuple(file.transform)[:6]
    dataset = open_product(path)
    assert grid_of(dataset["displacement"]).affine == pytest.approx(truth)
    assert truth[2::3] == pytest.approx((left, top))
    crs = crs_of(dataset)
    assert crs is not None
    assert crs.to_epsg() == code


def test_radar_geometry_and_maps_are_two_products(product: Path) -> None:
    write(product, "disp", real((5, 6)), **MAP)
    assert sarscape.pairs_of(product) == [PAIR, PAIR + "_geo"]
    assert [found.pair for found in list_products(product.parent)] == [PAIR, PAIR + "_geo"]
    with pytest.raises(InvalidArgument, match="holds 2 interferograms"):
        open_product(product)
    assert open_product(product, pair=PAIR + "_geo").sizes == {"y": 5, "x": 6}
    assert open_product(product / f"{ROOT}_disp").sizes == {"y": 5, "x": 6}
    assert "interferogram" in open_product(product / f"{ROOT}_cc.hdr")


def test_names_without_dates_make_a_product_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, "fint", interferogram(SHAPE), root="INTERF_out")
    assert sarscape.pairs_of(tmp_path) == ["INTERF_out"]
    dataset = open_product(tmp_path)
    assert dataset.attrs["interferogram_source"] == "INTERF_out_fint"
    assert "primary_date" not in dataset.attrs


def test_reflattened_phases_stand_for_the_others(product: Path) -> None:
    write(product, "reflat_upha", real(SHAPE, 8))
    assert same(computed(open_product(product))["unwrapped_phase"], blanked(real(SHAPE, 8)))


def test_nodata_of_both_headers_counts(product: Path) -> None:
    values = real(SHAPE, 5)
    values[0, 0], values[0, 1] = -77, -88
    path = write(product, "upha", values, null="-77")
    header = path.with_name(path.name + ".hdr")
    header.write_text(header.read_text() + "data ignore value = -88\n")
    found = computed(open_product(product))["unwrapped_phase"]
    assert np.isnan(found[0, :2]).all()
    assert np.isfinite(found[0, 2:]).all()


def test_zero_in_a_complex_raster_stays(product: Path) -> None:
    write(product, "dint", interferogram(SHAPE), null="0")
    assert computed(open_product(product))["interferogram"][1, 2] == 0


def test_swapped_dates_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "dint", interferogram(SHAPE), root="20230916_20230904")
    with pytest.raises(UnreadableInput, match="are the dates swapped"):
        open_product(tmp_path)


def test_rasters_of_another_size_are_told(product: Path) -> None:
    write(product, "cc", real((6, 15)))
    with pytest.raises(GridMismatch, match="12 x 15 pixels and coherence is 6 x 15"):
        open_product(product)


def test_missing_and_truncated_rasters_are_told(product: Path) -> None:
    raster = product / f"{ROOT}_cc"
    content = raster.read_bytes()
    raster.write_bytes(content[:-1])
    with pytest.raises(UnreadableInput, match=r"_cc has 719 bytes.*cut short"):
        open_product(product)
    raster.unlink()
    with pytest.raises(MissingInput, match="_cc is missing in ifg"):
        open_product(product)


def test_headers_that_contradict_each_other_are_told(product: Path) -> None:
    own = product / f"{ROOT}_cc.sml"
    own.write_text(own.read_text().replace(">LSBF<", ">MSBF<"))
    with pytest.raises(
        UnreadableInput, match=r"_cc\.sml tells of numbers of type >f4, and .*_cc\.hdr of <f4"
    ):
        open_product(product)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("samples = 15", "samples = many", "samples cannot be 'many'"),
        ("samples = 15", "samples = 1000000000", "cut short"),
        ("samples = 15", "samples = 0", "samples cannot be 0"),
        ("samples = 15", "samples 15", "has no value for samples"),
        ("data type = 6", "data type = 7", "data type 7 is none that ENVI has"),
        (
            "data type = 6",
            "data type = 5",
            r"_dint\.sml tells of numbers of type <c8, and .*_dint\.hdr of <f8",
        ),
        ("byte order = 0", "byte order = 2", "byte order must be 0"),
        ("byte order = 0", "byte ordre = 0", "has no value for byte order"),
        ("interleave = bsq", "interleave = bpq", "interleave cannot be 'bpq'"),
        ("header offset = 0", "header offset = -8", "header offset cannot be -8"),
        ("header offset = 0", "file compression = 1", "compressed ENVI"),
    ],
)
def test_a_damaged_header_is_told_with_its_field(
    product: Path, before: str, after: str, message: str
) -> None:
    header = product / f"{ROOT}_dint.hdr"
    text = header.read_text()
    assert before in text
    header.write_text(text.replace(before, after))
    with pytest.raises(UnreadableInput, match=message):
        open_product(product)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (
            "{UTM, 1, 1, 600000, 5100000, 15, 15, 32, North, ED50}",
            "is not known without a coordinate system string",
        ),
        ("{Gauss, 1, 1, 6e5, 5e6, 15, 15, WGS-84}", "names 'Gauss'"),
        ("{UTM, 1, 1, 600000, 5100000, 15}", "has no value for pixel y"),
        ("{UTM, 1, 1, east, 5100000, 15, 15, 32, North, WGS-84}", "easting cannot be 'east'"),
        ("{UTM, 1, 1, 6e5, 5e6, 15, 15, 32, North, WGS-84, rotation=12.5}", "rotated grid"),
        ("{UTM, 1, 1, 6e5, 5e6, 15, 15, 99, North, WGS-84}", "is not known"),
    ],
)
def test_a_map_that_cannot_be_is_told(tmp_path: Path, info: str, message: str) -> None:
    path = write(tmp_path, "disp", real(SHAPE), **MAP)
    header = path.with_name(path.name + ".hdr")
    lines = [
        line
        for line in header.read_text().splitlines()
        if not line.startswith(("map info", "coordinate sys"))
    ]
    header.write_text("\n".join([*lines, f"map info = {info}"]))
    with pytest.raises(UnreadableInput, match=message):
        open_product(path)


def test_a_map_without_a_place_is_told(tmp_path: Path) -> None:
    write(tmp_path, "disp", real(SHAPE))
    with pytest.raises(UnreadableInput, match="has no map info"):
        open_product(tmp_path)


def test_a_sarscape_header_as_the_program_writes_it_is_read(tmp_path: Path) -> None:
    """Retyped from a published file of SARscape 5.2.1, whose key has no space in "headeroffset"."""
    path = tmp_path / "sf_dem.hdr"
    path.write_text(
        "ENVI\ndescription = {\n   ANCILLARY INFO = DEM.\n   File generated with SARscape  5.2.1 }\n\n"
        "samples                   = 3600\nlines                     = 3600\nbands                     = 1\n"
        "headeroffset              = 0\nfile type                 = ENVI Standard\n"
        "data type                 = 2\nsensor type               = Unknown\ninterleave                = bsq\n"
        "byte order                = 0\n"
        "map info = {Geographic Lat/Lon, 1, 1, 7, 2, 0.000277778, 0.000277778, WGS-84, \n units=Degrees}\n"
        "x start                   = 1\ny start                   = 1\n"
    )
    header = read_header(path)
    assert (header.layout.height, header.layout.width, header.layout.dtype) == (3600, 3600, "<i2")
    assert header.frame is not None
    assert (header.frame.left, header.frame.top, header.frame.step_y) == (7, 2, -0.000277778)


def test_foreign_files_and_folders_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "x_fint").write_bytes(b"1")
    (tmp_path / "x_fint.hdr").write_text("ENVI\n")
    for path in (tmp_path, tmp_path / "x_fint", tmp_path / "x_fint.hdr", tmp_path / "none"):
        assert not sarscape.recognises(path)


def test_many_threads_and_windows_read_what_one_reads(product: Path) -> None:
    dataset = open_product(product)
    truth = computed(dataset)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: computed(dataset), range(24)):
            assert all(same(found[name], truth[name]) for name in truth)
    np.testing.assert_array_equal(dataset["coherence"][2:5, 3:9].compute(), truth["coherence"][2:5, 3:9])


def explained(damage: Damage, name: str, truth: Array, found: Array) -> bool:
    """The ENVI header says something else now, as GDAL finds too; or the other header has other nodata."""
    if damage.path.suffix == ".sml":
        return "NullCellValue" in damage.lines or "CellType" in damage.lines
    with rasterio.open(damage.path.with_suffix("")) as file:
        gdal = file.read(1)
    return same(blanked(np.nan_to_num(gdal)), blanked(np.nan_to_num(found)))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_thousand_damaged_products_end_in_an_error_or_a_right_answer(product: Path) -> None:
    files = sorted(product.iterdir())
    ends = check_damaged(
        product, files, rasters=("_dint", "_fint", "_cc", "_upha"), explained=explained, seed=2
    )
    assert sum(ends.values()) > 900
    assert min(ends["error"], ends["same"], ends["pixels"]) > 50
    assert ends["explained"] < 50
