"""LiCSAR and LiCSBAS: a real pair whose sign physics tells, real velocities, and files as GDAL writes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from geotiff_products import (
    FRAME,
    PAIR,
    SHAPE,
    fuzz,
    licsar_geometry,
    licsar_pair,
    licsar_rasters,
    numbers,
    same,
    write_tif,
)

from insarfeat.errors import GridMismatch, InvalidArgument, MissingInput, UnreadableInput
from insarfeat.io.products import licsar, list_products, open_product

VALID = np.s_[6:, 9:]
OTHER = "20170413_20170425"


def test_a_real_pair_is_read_as_it_is(test_data: Path) -> None:
    folder = test_data / "ifg_sierranegra_licsar"
    found = open_product(folder).load()
    with rasterio.open(next(folder.glob("*.tif"))) as file:
        stored = file.read(1)
        centre = file.xy(10, 20)
    np.testing.assert_array_equal(found["wrapped_phase"], stored)
    assert (float(found.x[20]), float(found.y[10])) == pytest.approx(centre)
    assert found.attrs["primary_date"] == "2017-03-20"
    assert found.attrs["secondary_date"] == "2017-04-13"
    assert found.spatial_ref.attrs["crs_wkt"].startswith('GEOGCS["WGS 84"')


def test_the_inflating_caldera_of_sierra_negra_comes_toward_the_satellite(test_data: Path) -> None:
    """It rose all through 2017, by half a metre a year and more, until the eruption of June 2018."""
    phase = open_product(test_data / "ifg_sierranegra_licsar")["wrapped_phase"].load()
    distance = np.hypot(phase.y + 0.82, (phase.x + 91.13) * np.cos(np.radians(0.82))).values
    rings = [(distance >= low) & (distance < low + 0.003) for low in np.arange(0, 0.036, 0.003)]
    profile = np.unwrap([np.angle(np.exp(1j * phase.values[ring].astype(float)).sum()) for ring in rings])
    rise = -(profile[0] - profile[-1]) * 0.05546576 / (4 * np.pi)  # toward, if the phase grows with the range
    assert 0.02 < rise < 0.05  # metres in 24 days: 0.3 to 0.8 a year along the line of sight


def test_real_velocities_of_two_frames_are_read_with_their_line_of_sight(test_data: Path) -> None:
    folder = test_data / "vel_anatolia_licsbas"
    assert [found.name for found in list_products(folder)] == [FRAME, "167D_04884_131212"]
    for frame, direction, east in ((FRAME, "ascending", -1), ("167D_04884_131212", "descending", 1)):
        found = open_product(folder, pair=frame).load()
        stored = {}
        for name in ("vel", "vstd", "E", "N", "U", "mask"):
            with rasterio.open(folder / f"{frame}_{name}.geo.tif") as file:
                stored[name] = file.read(1)
        np.testing.assert_allclose(found["velocity"], stored["vel"] / 1000, rtol=1e-6)
        np.testing.assert_allclose(found["velocity_deviation"], stored["vstd"] / 1000, rtol=1e-6)
        assert found["velocity"].attrs["units"] == "m year-1"
        mask = np.where(np.isnan(stored["mask"]), 255, stored["mask"])
        np.testing.assert_array_equal(found["valid_mask"], mask)
        for layer, name in (("los_east", "E"), ("los_north", "N"), ("los_up", "U")):
            np.testing.assert_allclose(found[layer], stored[name], rtol=2e-6, atol=1e-6)
        assert found.attrs["orbit_direction"] == direction
        assert np.sign(np.nanmean(found["los_east"])) == east
        incidence = np.degrees(np.arccos(stored["U"]))
        np.testing.assert_allclose(found["incidence"], incidence, atol=0.05)
        assert "phase_sign" not in found.attrs


def test_each_layer_has_the_values_of_its_file(tmp_path: Path) -> None:
    folder = licsar_geometry(licsar_pair(tmp_path / FRAME / "GEOC" / PAIR))
    found, stored = open_product(folder).load(), licsar_rasters()
    for layer, raster in (
        ("wrapped_phase", "diff_pha"),
        ("unfiltered_wrapped_phase", "diff_unfiltered_pha"),
        ("unwrapped_phase", "unw"),
    ):
        expected = np.where(stored[raster] == 0, np.nan, stored[raster])
        np.testing.assert_array_equal(found[layer], expected)
    expected = np.where(stored["cc"] == 0, np.nan, stored["cc"] / 255)
    np.testing.assert_allclose(found["coherence"], expected, rtol=1e-6)
    assert float(found["coherence"].max()) <= 1
    np.testing.assert_array_equal(found["elevation"].values[VALID], numbers(14, 100, 900)[VALID])
    np.testing.assert_allclose(found["incidence"].values[VALID], 39.0, atol=0.01)
    np.testing.assert_allclose(found["heading"].values[VALID], -12.0, atol=0.01)
    assert np.isnan(found["los_up"].values[:6, :9]).all()
    assert found.attrs["frame"] == FRAME
    assert found.attrs["orbit_direction"] == "ascending"
    assert found.attrs["phase_sign"] == "primary x conj(secondary)"


def test_coherence_of_older_products_is_in_floating_point(tmp_path: Path) -> None:
    folder = licsar_pair(tmp_path / PAIR)
    write_tif(folder / f"{PAIR}.geo.cc.tif", numbers(1, 0.1, 1), crs="EPSG:4326")
    write_tif(folder / f"{PAIR}.geo.cc.tif", numbers(1, 0.1, 1))
    for path in folder.glob("*pha.tif"):
        path.unlink()
    (folder / f"{PAIR}.geo.unw.tif").unlink()
    found = open_product(folder)["coherence"].values
    np.testing.assert_array_equal(found[VALID], numbers(1, 0.1, 1)[VALID])


def test_without_the_filtered_phase_the_unfiltered_one_is_the_wrapped_phase(tmp_path: Path) -> None:
    folder = licsar_pair(tmp_path / PAIR)
    assert "phase_filter" in open_product(folder).attrs
    (folder / f"{PAIR}.geo.diff_pha.tif").unlink()
    found = open_product(folder)
    expected = licsar_rasters()["diff_unfiltered_pha"]
    np.testing.assert_array_equal(found["wrapped_phase"].values[VALID], expected[VALID])
    assert "unfiltered_wrapped_phase" not in found
    assert "phase_filter" not in found.attrs


@pytest.mark.parametrize("place", ["GEOC/" + PAIR, "GEOC", "GEOC/metadata", "metadata"])
def test_the_line_of_sight_is_found_where_licsar_and_licsbas_put_it(tmp_path: Path, place: str) -> None:
    pair = licsar_pair(tmp_path / FRAME / "GEOC" / PAIR)
    assert "los_east" not in open_product(pair)
    licsar_geometry(tmp_path / FRAME / place)
    for path in (pair, pair / f"{PAIR}.geo.unw.tif", pair.parent):
        assert {"los_east", "elevation", "heading"} <= set(open_product(path))


def test_pairs_in_folders_are_listed_and_opened_by_their_dates(tmp_path: Path) -> None:
    geoc = tmp_path / FRAME / "GEOC"
    for pair in (PAIR, OTHER):
        licsar_pair(geoc / pair, pair)
    licsar_geometry(geoc)
    found = list_products(tmp_path)
    assert [one.name for one in found] == [PAIR, OTHER]
    assert {one.path for one in found} == {geoc}
    same(open_product(geoc, pair=OTHER), open_product(geoc / OTHER))
    same(open_product(geoc, pair=OTHER), open_product(geoc / OTHER / f"{OTHER}.geo.cc.tif"))
    with pytest.raises(InvalidArgument, match="holds 2 interferograms"):
        open_product(geoc)


def test_pairs_of_several_frames_in_one_folder_go_by_their_names(tmp_path: Path) -> None:
    for prefix in ("a_", "b_"):
        licsar_pair(tmp_path, prefix + PAIR)
    assert licsar.pairs_of(tmp_path) == [f"a_{PAIR}", f"b_{PAIR}"]
    assert open_product(tmp_path, pair=f"b_{PAIR}").attrs["primary_date"] == "2017-03-20"


def test_the_geometry_of_another_frame_is_not_taken(tmp_path: Path) -> None:
    pair = licsar_pair(tmp_path / FRAME / PAIR)
    licsar_geometry(tmp_path / FRAME, "021D_05000_131313")
    assert "los_east" not in open_product(pair)
    nameless = licsar_pair(tmp_path / "mine" / PAIR)
    licsar_geometry(tmp_path / "mine")
    assert "los_east" in open_product(nameless)
    licsar_geometry(tmp_path / "mine", "021D_05000_131313")
    with pytest.raises(UnreadableInput, match="geometry of several frames"):
        open_product(nameless)


def test_a_vector_that_is_not_whole_is_an_error(tmp_path: Path) -> None:
    pair = licsar_geometry(licsar_pair(tmp_path / PAIR), names="EU")
    with pytest.raises(MissingInput, match=r"has no N beside it"):
        open_product(pair)


def test_other_sizes_types_and_orders_are_refused(tmp_path: Path) -> None:
    pair = licsar_pair(tmp_path / PAIR)
    write_tif(pair / f"{PAIR}.geo.cc.tif", np.ones((9, 9), "u1"))
    with pytest.raises(GridMismatch, match="coherence is 9 x 9"):
        open_product(pair)
    write_tif(pair / f"{PAIR}.geo.cc.tif", np.ones(SHAPE, "i4"))
    with pytest.raises(UnreadableInput, match="holds int32 numbers; coherence is float32, or uint8"):
        open_product(pair)
    write_tif(pair / f"{PAIR}.geo.unw.tif", np.ones(SHAPE, "i4"))
    with pytest.raises(UnreadableInput, match="int32 numbers; unwrapped_phase is in floating point"):
        open_product(pair)
    swapped = "20170413_20170320"
    with pytest.raises(UnreadableInput, match="are the dates swapped"):
        open_product(licsar_pair(tmp_path / swapped, swapped))


def test_a_cut_raster_is_named_when_it_is_opened(tmp_path: Path) -> None:
    path = licsar_pair(tmp_path / PAIR, compress="deflate", predictor=1) / f"{PAIR}.geo.unw.tif"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UnreadableInput, match=r"geo\.unw\.tif is cut short"):
        open_product(tmp_path / PAIR)


def test_pieces_and_threads_give_the_whole(tmp_path: Path) -> None:
    folder = licsar_geometry(licsar_pair(tmp_path / PAIR))
    whole = open_product(folder).compute()
    with ThreadPoolExecutor(8) as pool:
        for again in pool.map(lambda _: open_product(folder).compute(), range(16)):
            xr.testing.assert_identical(again, whole)
    for top in range(0, SHAPE[0], 7):
        piece = open_product(folder).isel(y=slice(top, top + 7), x=slice(5, 30))
        xr.testing.assert_identical(piece.compute(), whole.isel(y=slice(top, top + 7), x=slice(5, 30)))


def test_foreign_paths_are_not_recognised(tmp_path: Path) -> None:
    for name in ("a.geo.unw.tif", f"{PAIR}.unw.tif", f"{FRAME}.geo.E.tif", f"{PAIR}.geo.unw.png"):
        (tmp_path / name).write_bytes(b"\xff\x00")
        assert not licsar.recognises(tmp_path / name)
    assert not licsar.recognises(tmp_path)
    assert not licsar.recognises(tmp_path / "missing")


def test_a_thousand_damaged_products_end_in_an_error_or_an_answer(tmp_path: Path) -> None:
    script = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from geotiff_products import licsar_geometry, licsar_pair, PAIR

        def build(folder):
            licsar_geometry(licsar_pair(folder), names="ENU")
            for name in ("diff_unfiltered_pha", "unw"):
                (folder / f"{{PAIR}}.geo.{{name}}.tif").unlink()
            return folder
    """
    fuzz(script, tmp_path / "product")
