"""SNAP's BEAM-DIMAP: headers as SNAP's own writer has them (retyped), numbers read again by GDAL's ENVI driver."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from flat_products import Array, Damage, blanked, check_damaged, computed, interferogram, real, same, sight
from rasterio.errors import NotGeoreferencedWarning

from insarfeat.errors import GridMismatch, InvalidArgument, MissingInput, UnreadableInput
from insarfeat.georeference import crs_of, grid_of
from insarfeat.io.products import list_products, open_product, snap

SHAPE = (13, 16)
DAYS = "04Sep2023_16Sep2023"
PAIR = "20230904_20230916"
TIES = (4, 5)
STEP, OFFSET = (5.0, 4.5), (0.5, 0.0)
WGS84 = """GEOGCS["WGS84(DD)",
  DATUM["WGS84",
    SPHEROID["WGS84", 6378137.0, 298.257223563]],
  PRIMEM["Greenwich", 0.0],
  UNIT["degree", 0.017453292519943295],
  AXIS["Geodetic longitude", EAST],
  AXIS["Geodetic latitude", NORTH]]"""
ON_MAP = f"""<Coordinate_Reference_System><WKT>{WGS84}</WKT></Coordinate_Reference_System>
<Geoposition><IMAGE_TO_MODEL_TRANSFORM>1.5E-4,0.0,0.0,-1.5E-4,11.0,46.5</IMAGE_TO_MODEL_TRANSFORM></Geoposition>"""
ENVI = """ENVI
description = {{Sentinel-1 IW Level-1 SLC Product - Unit: {unit}}}
samples = {width}
lines = {height}
bands = 1
header offset = 0
file type = ENVI Standard
data type = {code}
interleave = bsq
byte order = 1
band names = {{ {name} }}
"""
CODES = {"float32": 4, "float64": 5, "int16": 2, "uint8": 1}


def band(index: int, name: str, pixels: Array, extra: str = "") -> str:
    used = "false" if pixels.dtype.kind == "u" else "true"
    return f"""<Spectral_Band_Info>
<BAND_INDEX>{index}</BAND_INDEX><BAND_DESCRIPTION /><BAND_NAME>{name}</BAND_NAME>
<BAND_RASTER_WIDTH>{pixels.shape[1]}</BAND_RASTER_WIDTH><BAND_RASTER_HEIGHT>{pixels.shape[0]}</BAND_RASTER_HEIGHT>
<DATA_TYPE>{pixels.dtype.name}</DATA_TYPE><PHYSICAL_UNIT>coherence</PHYSICAL_UNIT>
<SCALING_FACTOR>1.0</SCALING_FACTOR><SCALING_OFFSET>0.0</SCALING_OFFSET><LOG10_SCALED>false</LOG10_SCALED>
<NO_DATA_VALUE_USED>{used}</NO_DATA_VALUE_USED><NO_DATA_VALUE>0.0</NO_DATA_VALUE>{extra}
</Spectral_Band_Info>"""


def store(path: Path, pixels: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pixels.astype(pixels.dtype.newbyteorder(">")).tobytes())
    height, width = pixels.shape
    text = ENVI.format(unit="1", width=width, height=height, code=CODES[pixels.dtype.name], name=path.stem)
    path.with_suffix(".hdr").write_text(text)


def write(
    path: Path, bands: dict[str, Array], *, ties: dict[str, Array] | None = None, placed: str = ""
) -> Path:
    """A product as SNAP writes it, with a virtual band as it always has."""
    data = path.with_suffix(".data")
    files, infos, ties = [], [], ties or {}
    for index, (name, pixels) in enumerate(bands.items()):
        store(data / f"{name}.img", pixels)
        files.append(
            f'<Data_File><DATA_FILE_PATH href="{data.name}/{name}.hdr" /><BAND_INDEX>{index}</BAND_INDEX></Data_File>'
        )
        infos.append(band(index, name, pixels))
    formula = "<VIRTUAL_BAND>true</VIRTUAL_BAND><EXPRESSION>atan2(q, i)</EXPRESSION>"
    infos.append(band(len(bands), f"Phase_ifg_VV_{DAYS}", np.zeros(SHAPE, "f4"), formula))
    tied = []
    for index, (name, pixels) in enumerate(ties.items()):
        store(data / "tie_point_grids" / f"{name}.img", pixels)
        files.append(
            f'<Tie_Point_Grid_File><TIE_POINT_GRID_FILE_PATH href="{data.name}/tie_point_grids/{name}.hdr" />'
            f"<TIE_POINT_GRID_INDEX>{index}</TIE_POINT_GRID_INDEX></Tie_Point_Grid_File>"
        )
        tied.append(
            f"<Tie_Point_Grid_Info><TIE_POINT_GRID_INDEX>{index}</TIE_POINT_GRID_INDEX>"
            f"<TIE_POINT_GRID_NAME>{name}</TIE_POINT_GRID_NAME><DATA_TYPE>float32</DATA_TYPE>"
            f"<NCOLS>{pixels.shape[1]}</NCOLS><NROWS>{pixels.shape[0]}</NROWS><OFFSET_X>{OFFSET[1]}</OFFSET_X>"
            f"<OFFSET_Y>{OFFSET[0]}</OFFSET_Y><STEP_X>{STEP[1]}</STEP_X><STEP_Y>{STEP[0]}</STEP_Y>"
            "</Tie_Point_Grid_Info>"
        )
    height, width = next(iter(bands.values())).shape
    lines = [
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<Dimap_Document name="x.dim">',
        '<Metadata_Id><METADATA_FORMAT version="2.13.0">DIMAP</METADATA_FORMAT></Metadata_Id>',
        '<Dataset_Sources><MDElem name="metadata"><MDElem name="Abstracted_Metadata">'
        '<MDATTR name="PASS" type="ascii">ASCENDING</MDATTR>'
        '<MDATTR name="radar_frequency" type="float64" unit="MHz">5405.000454334349</MDATTR>'
        "</MDElem></MDElem></Dataset_Sources>",
        placed,
        f"<Raster_Dimensions><NCOLS>{width}</NCOLS><NROWS>{height}</NROWS><NBANDS>9</NBANDS></Raster_Dimensions>",
        "<Data_Access><DATA_FILE_FORMAT>ENVI</DATA_FILE_FORMAT>",
        *files,
        "</Data_Access>",
        f"<Tie_Point_Grids><NUM_TIE_POINT_GRIDS>{len(ties)}</NUM_TIE_POINT_GRIDS>",
        *tied,
        "</Tie_Point_Grids><Image_Interpretation>",
        *infos,
        "</Image_Interpretation></Dimap_Document>",
    ]
    path.write_text("\n".join(lines), encoding="latin-1")
    return path


def phases(
    seed: int = 0, days: str = DAYS, swath: str = "IW1_", polarisation: str = "VV"
) -> dict[str, Array]:
    complex_pixels = interferogram(SHAPE, seed)
    named = f"{swath}{polarisation}_{days}"
    return {
        f"i_ifg_{named}": complex_pixels.real.copy(),
        f"q_ifg_{named}": complex_pixels.imag.copy(),
        f"coh_{named}": real(SHAPE, seed),
    }


@pytest.fixture
def product(tmp_path: Path) -> Path:
    view = sight(TIES)
    ties = {"incident_angle": view.incidence.astype("f4"), "latitude": np.full(TIES, 46, "f4")}
    mask = (np.arange(SHAPE[0] * SHAPE[1], dtype="u1") % 5).reshape(SHAPE)
    return write(
        tmp_path / "S1_ifg_deb.dim",
        {**phases(), "elevation": real(SHAPE, 3) * 100, "layover_shadow_mask": mask},
        ties=ties,
    )


def by_gdal(path: Path) -> Any:
    with pytest.warns(NotGeoreferencedWarning), rasterio.open(path, driver="ENVI") as file:
        return file.read(1)


def test_every_band_is_what_gdal_reads_from_the_same_file(product: Path) -> None:
    data, found = product.with_suffix(".data"), computed(open_product(product))
    parts = [by_gdal(data / f"{part}_ifg_IW1_VV_{DAYS}.img") for part in "iq"]
    assert same(found["interferogram"], (parts[0] + 1j * parts[1]).astype("c8"))
    assert same(found["interferogram"], interferogram(SHAPE))
    assert same(found["coherence"], blanked(by_gdal(data / f"coh_IW1_VV_{DAYS}.img")))
    assert same(found["elevation"], blanked(by_gdal(data / "elevation.img")))


def test_zero_plus_zero_j_stays_and_a_zero_in_one_part_is_a_number(tmp_path: Path) -> None:
    bands = phases()
    bands[f"i_ifg_IW1_VV_{DAYS}"][0, 0] = 0
    found = computed(open_product(write(tmp_path / "x.dim", bands)))["interferogram"]
    assert found[1, 2] == 0
    assert found[0, 0] == 1j * bands[f"q_ifg_IW1_VV_{DAYS}"][0, 0] != 0


def test_layover_and_shadow_change_places(product: Path) -> None:
    found = computed(open_product(product))["shadow_layover"]
    stored = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) % 5
    for snaps, ours in ((0, 0), (1, 2), (2, 1), (3, 3), (4, 255)):
        assert (found[stored == snaps] == ours).all()


def test_attributes_tell_dates_sign_wavelength_and_direction(product: Path) -> None:
    attributes = open_product(product).attrs
    assert attributes["product"] == "SNAP BEAM-DIMAP"
    assert (attributes["primary_date"], attributes["secondary_date"]) == ("2023-09-04", "2023-09-16")
    assert attributes["phase_sign"] == "primary x conj(secondary)"
    assert attributes["wavelength_m"] == pytest.approx(0.0554657, abs=1e-6)
    assert (attributes["polarisation"], attributes["orbit_direction"]) == ("VV", "ascending")
    assert "geocentric" in attributes["unverified"]


def test_incidence_between_ties_is_bilinear_at_pixel_centres(product: Path) -> None:
    found = computed(open_product(product))["incidence"]
    ties = sight(TIES).incidence.astype("f4").astype("f8")
    for row, column in ((0, 0), (5, 6), (12, 15), (7, 3)):
        y, x = (row + 0.5 - OFFSET[0]) / STEP[0], (column + 0.5 - OFFSET[1]) / STEP[1]
        i, j = min(int(y), TIES[0] - 2), min(int(x), TIES[1] - 2)
        down, across = y - i, x - j
        upper = ties[i, j] * (1 - across) + ties[i, j + 1] * across
        lower = ties[i + 1, j] * (1 - across) + ties[i + 1, j + 1] * across
        assert found[row, column] == pytest.approx(upper * (1 - down) + lower * down, abs=1e-5)
    # Where a tie is, there is its angle: the tie at row 1, column 0 lies at 5.5, 0 in pixels.
    assert (found[5, 0] + found[4, 0]) / 2 != ties[1, 0]


def test_incidence_of_the_orbit_comes_back(tmp_path: Path) -> None:
    """Ties on every pixel's centre are the pixels."""
    view = sight(SHAPE).incidence.astype("f4")
    path = write(tmp_path / "x.dim", phases(), ties={"incident_angle": view})
    text = path.read_text().replace("<STEP_X>4.5<", "<STEP_X>1<").replace("<STEP_Y>5.0<", "<STEP_Y>1<")
    path.write_text(text.replace("<OFFSET_X>0.0<", "<OFFSET_X>0.5<"))
    np.testing.assert_allclose(computed(open_product(path))["incidence"], view, atol=1e-5)


def test_a_map_lies_where_the_header_says(tmp_path: Path) -> None:
    bands = {f"Phase_ifg_VV_{DAYS}": real(SHAPE), f"Unw_Phase_ifg_{DAYS}_VV": real(SHAPE, 7) * 30}
    dataset = open_product(write(tmp_path / "x.dim", bands, placed=ON_MAP))
    grid = grid_of(dataset["unwrapped_phase"])
    assert grid.affine == pytest.approx((1.5e-4, 0, 11.0, 0, -1.5e-4, 46.5))
    found = crs_of(dataset)
    assert found is not None
    assert found.to_epsg() == 4326
    assert same(computed(dataset)["wrapped_phase"], blanked(real(SHAPE)))
    assert dataset.attrs["polarisation"] == "VV"


def test_a_displacement_comes_with_a_doubt_about_its_sign(tmp_path: Path) -> None:
    dataset = open_product(write(tmp_path / "x.dim", {"displacement": real(SHAPE)}))
    assert "older versions" in dataset.attrs["unverified"]
    assert "displacement" in dataset


def test_amplitudes_become_intensities(tmp_path: Path) -> None:
    found = computed(open_product(write(tmp_path / "x.dim", {"Amplitude_VV": real(SHAPE)})))
    assert same(found["intensity"], blanked(real(SHAPE)) ** 2)


@pytest.mark.parametrize(
    "inner", ["", "S1_ifg_deb.dim", "S1_ifg_deb.data", f"S1_ifg_deb.data/coh_IW1_VV_{DAYS}.img",
              f"S1_ifg_deb.data/coh_IW1_VV_{DAYS}.hdr", "S1_ifg_deb.data/tie_point_grids/latitude.img"],
)  # fmt: skip
def test_a_product_is_found_from_anywhere_in_it(product: Path, inner: str) -> None:
    place = product.parent / inner
    assert snap.recognises(place)
    assert snap.pairs_of(place) == [PAIR]
    assert "interferogram" in open_product(place)


def test_a_product_that_was_renamed_is_found(product: Path) -> None:
    product.with_suffix(".data").rename(product.with_name("new.data"))
    product.rename(product.with_name("new.dim"))
    assert same(computed(open_product(product.with_name("new.dim")))["interferogram"], interferogram(SHAPE))


def test_of_several_pairs_and_headers_one_must_be_named(tmp_path: Path) -> None:
    both = {**phases(), **phases(5, "04Sep2023_28Sep2023")}
    write(tmp_path / "stack.dim", both)
    write(tmp_path / "filtered.dim", phases(9))
    names = ["filtered/20230904_20230916", "stack/20230904_20230916", "20230904_20230928"]
    assert snap.pairs_of(tmp_path) == names
    assert [found.pair for found in list_products(tmp_path)] == names
    with pytest.raises(InvalidArgument, match="holds 3 interferograms"):
        open_product(tmp_path)
    for name, seed in zip(names, (9, 0, 5), strict=True):
        found = computed(open_product(tmp_path, pair=name))
        assert same(found["interferogram"], interferogram(SHAPE, seed))


def test_of_several_polarisations_and_swaths_one_must_be_named(tmp_path: Path) -> None:
    bands = {**phases(), **phases(5, polarisation="VH"), **phases(8, swath="IW2_")}
    path = write(tmp_path / "x.dim", bands)
    with pytest.raises(
        InvalidArgument, match="several of polarisation: name one with polarisation=, of VH, VV"
    ):
        open_product(path)
    with pytest.raises(InvalidArgument, match="several of swath"):
        open_product(path, polarisation="VV")
    with pytest.raises(InvalidArgument, match=r"polarisation 'HH' is not in x\.dim; it holds VH, VV"):
        open_product(path, polarisation="HH")
    assert same(computed(open_product(path, polarisation="vh"))["interferogram"], interferogram(SHAPE, 5))
    found = open_product(path, polarisation="VV", swath="iw2")
    assert same(computed(found)["interferogram"], interferogram(SHAPE, 8))


def test_swapped_dates_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.dim", phases(days="16Sep2023_04Sep2023"))
    with pytest.raises(UnreadableInput, match="are the dates swapped"):
        open_product(path)


def test_missing_files_are_told(product: Path) -> None:
    raster = product.with_suffix(".data") / f"q_ifg_IW1_VV_{DAYS}.img"
    content = raster.read_bytes()
    raster.unlink()
    with pytest.raises(
        MissingInput, match=r"q_ifg_IW1_VV_04Sep2023_16Sep2023\.img is missing in S1_ifg_deb\.data"
    ):
        open_product(product)
    raster.write_bytes(content[:-3])
    with pytest.raises(UnreadableInput, match="cut short"):
        open_product(product)


def test_half_a_complex_raster_is_told(tmp_path: Path) -> None:
    for gone, other in (("i", "q"), ("q", "i")):
        bands = {name: pixels for name, pixels in phases().items() if not name.startswith(gone)}
        with pytest.raises(MissingInput, match=f"has .*{other}_ifg.* but no {gone}_ifg band to go with it"):
            open_product(write(tmp_path / "x.dim", bands))


def test_headers_that_contradict_each_other_are_told(product: Path) -> None:
    header = product.with_suffix(".data") / "elevation.hdr"
    text = header.read_text()
    header.write_text(text.replace("samples = 16", "samples = 15"))
    with pytest.raises(GridMismatch, match=r"elevation\.hdr tells of 13 x 15 pixels, and .* of 13 x 16"):
        open_product(product)
    header.write_text(text.replace("data type = 4", "data type = 3"))
    with pytest.raises(UnreadableInput, match=r"elevation\.hdr tells of numbers of type >i4"):
        open_product(product)


def test_bands_of_another_size_are_told(tmp_path: Path) -> None:
    bands = {**phases(), "elevation": real((7, 16))}
    with pytest.raises(GridMismatch, match="elevation is 7 x 16 pixels and interferogram is 13 x 16"):
        open_product(write(tmp_path / "x.dim", bands))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("<BAND_RASTER_WIDTH>16<", "<BAND_RASTER_WIDTH>1000000000<", "tells of 13 x 16 pixels, and"),
        ("<NCOLS>16<", "<NCOLS>999999999<", "999999999 pixels, and its bands have"),
        ("<DATA_TYPE>float32<", "<DATA_TYPE>float23<", "DATA_TYPE 'float23' is nothing"),
        ("<SCALING_FACTOR>1.0<", "<SCALING_FACTOR>one<", "SCALING_FACTOR cannot be 'one'"),
        (
            "<NO_DATA_VALUE_USED>true<",
            "<NO_DATA_VALUE_USED>perhaps<",
            "must be true or false; it is 'perhaps'",
        ),
        ("<LOG10_SCALED>false<", "<LOG10_SCALED>true<", "holds logarithms"),
        ("<STEP_X>4.5<", "<STEP_X>0<", "ties cannot be"),
        ("<BAND_INDEX>0</BAND_INDEX></Data_File>", "</Data_File>", "has no Data_File in the header"),
        ('href="S1_ifg_deb.data/elevation.hdr"', "", "DATA_FILE_PATH names no file"),
        ("</Dimap_Document>", "", "is not readable XML, or cut short"),
    ],
)
def test_a_damaged_header_is_told_with_its_field(
    product: Path, before: str, after: str, message: str
) -> None:
    text = product.read_text()
    assert before in text
    product.write_text(text.replace(before, after))
    with pytest.raises((UnreadableInput, GridMismatch), match=message):
        open_product(product)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("1.5E-4,0.0,0.0", "1.5E-4,0.1,0.0", "rotated grid"),
        (",46.5<", "<", "has no value for y"),
        ("WKT>", "WTK>", "has only one of"),
        ("SPHEROID", "SPHERE", "cannot be read"),
        ("1.5E-4,0.0,0.0", "0.0,0.0,0.0", "a map cannot begin at"),
    ],
)
def test_a_map_that_cannot_be_is_told(tmp_path: Path, before: str, after: str, message: str) -> None:
    path = write(tmp_path / "x.dim", phases(), placed=ON_MAP)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    with pytest.raises(UnreadableInput, match=message):
        open_product(path)


def test_foreign_files_and_folders_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "x.dim").write_text("<Other/>")
    (tmp_path / "x.data").mkdir()
    (tmp_path / "x.data" / "a.img").write_bytes(b"1")
    for path in (
        tmp_path,
        tmp_path / "x.dim",
        tmp_path / "x.data",
        tmp_path / "x.data" / "a.img",
        tmp_path / "n",
    ):
        assert not snap.recognises(path)


def test_many_threads_and_windows_read_what_one_reads(product: Path) -> None:
    dataset = open_product(product)
    truth = computed(dataset)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: computed(dataset), range(24)):
            assert all(same(found[name], truth[name]) for name in truth)
    for name in ("incidence", "interferogram"):
        np.testing.assert_array_equal(dataset[name][4:9, 3:12].compute(), truth[name][4:9, 3:12])


_MEANING = (
    "byte order",
    "NO_DATA",
    "SCALING",
    "OFFSET",
    "STEP",
    "BAND_NAME",
    "href",
    "INDEX",
    "i_ifg",
    "NAME",
)


def explained(damage: Damage, name: str, truth: Array, found: Array) -> bool:
    """A tie spreads; and another byte order, nodata, scale, place of ties or file is what the header says now."""
    if damage.path.parent.name == "tie_point_grids" and damage.path.suffix == ".img":
        return len(damage.before) == len(damage.after)
    return damage.path.suffix in (".hdr", ".dim") and any(word in damage.lines for word in _MEANING)


def test_a_thousand_damaged_products_end_in_an_error_or_a_right_answer(product: Path) -> None:
    files = sorted(path for path in product.with_suffix(".data").rglob("*") if path.is_file())
    ends = check_damaged(
        product, [product] * len(files) + files, rasters=(".img",), explained=explained, seed=1
    )
    assert sum(ends.values()) > 900
    assert min(ends["error"], ends["same"], ends["pixels"]) > 50
    assert ends["explained"] < 150
