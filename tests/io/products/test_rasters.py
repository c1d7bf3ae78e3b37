"""Plain rasters and stacks: real samples, what is stated, what is guessed, and what is left alone."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from geotiff_products import SHAPE, fuzz, numbers, same, write_tif
from rasterio.errors import NotGeoreferencedWarning

import insarfeat
from insarfeat.errors import GridMismatch, InvalidArgument, UnreadableInput
from insarfeat.io.products import Stated, list_products, open_product, rasters

REVERSED = "secondary x conj(primary)"
VALID = np.s_[6:, 9:]
PAIR = "20230904_20230916"


def stored(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            return file.read(1)


def test_a_real_folder_of_one_pair_is_read_with_its_conventions_stated(test_data: Path) -> None:
    folder = test_data / "ifg_morocco_eotools"
    stated = Stated({"phi_vv": "wrapped_phase"}, primary="2023-09-04", secondary="2023-09-16")
    found = open_product(folder, stated=stated).load()
    phase = stored(folder / "phi_vv.tif")
    np.testing.assert_array_equal(found["wrapped_phase"], np.where(phase == -9999, np.nan, phase))
    coherence = stored(folder / "coh_vv.tif")
    np.testing.assert_array_equal(found["coherence"], np.where(coherence == 0, np.nan, coherence))
    assert {"amp_prm_vv", "amp_sec_vv"} < set(found)
    told = found.attrs
    assert (
        told["left_out"]
        == "dem_iw1_60m (605 x 1873, on another grid); dem_iw2_60m (600 x 1923, on another grid)"
    )
    assert told["guessed_names"] == "coh_vv: coherence"
    assert told["phase_sign"] == "primary x conj(secondary)"
    assert told["temporal_baseline_days"] == 12
    assert told["polarisation"] == "VV"
    assert "unverified" not in told


def test_a_real_phase_of_the_other_sign_is_turned(test_data: Path) -> None:
    folder = test_data / "ifg_morocco_eotools"
    as_it_is, turned = (
        open_product(folder, stated=Stated(phase_sign=sign)).load()
        for sign in ("primary x conj(secondary)", REVERSED)
    )
    np.testing.assert_array_equal(turned["wrapped_phase"], -as_it_is["wrapped_phase"])
    np.testing.assert_array_equal(turned["coherence"], as_it_is["coherence"])
    assert turned.attrs["phase_sign"] == "primary x conj(secondary)"


def test_a_phase_whose_sign_nobody_stated_is_marked(test_data: Path) -> None:
    told = open_product(test_data / "ifg_morocco_eotools").attrs
    assert told["phase_sign"] == "unverified"
    assert "nobody stated it" in told["unverified"]
    assert told["guessed_names"] == "coh_vv: coherence; phi_vv: wrapped_phase"


def test_real_pairs_in_one_folder_are_told_apart_and_close_around_triplets(test_data: Path) -> None:
    folder = test_data / "ifg_mexico_pyrate_cropA"
    assert len(list_products(folder)) == 30
    phases = []
    for pair in ("20180307_20180319", "20180319_20180331", "20180307_20180331"):
        found = open_product(folder, pair=pair).load()
        assert set(found) == {"unwrapped_phase", "coherence", "elevation"}
        first, second = (f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in pair.split("_"))
        assert (found.attrs["primary_date"], found.attrs["secondary_date"]) == (first, second)
        assert float(found["coherence"].max()) <= 1
        assert found["elevation"].dtype == np.float32
        assert 2200 < float(found["elevation"].min()) < float(found["elevation"].max()) < 2300
        phases.append(found["unwrapped_phase"].values)
    first, second, both = phases
    seen = ~np.isnan(first + second + both)
    assert seen.mean() > 0.8
    assert np.corrcoef((first + second)[seen], both[seen])[0, 1] > 0.9
    assert np.corrcoef((first - second)[seen], both[seen])[0, 1] < 0.5


def test_a_real_complex_stack_in_radar_geometry_is_conjugated_when_reversed(test_data: Path) -> None:
    folder = test_data / "ifg_houston_psps"
    pair = "20171023_20180115"
    found = open_product(folder, pair=pair)
    assert set(found) == {"interferogram", "20171023.amp", "20180115.amp", "avg_correlation"}
    assert not found.coords
    pixels = stored(folder / f"{pair}.int.tif")
    np.testing.assert_array_equal(found["interferogram"], pixels)
    turned = open_product(folder, pair=pair, stated=Stated(phase_sign=REVERSED))
    assert turned["interferogram"].dtype == np.complex64
    np.testing.assert_array_equal(turned["interferogram"], pixels.conj())


def test_a_turned_phase_stays_above_minus_pi(tmp_path: Path) -> None:
    pi = np.float32(np.pi)
    for kind in ("f4", "f8"):
        phase = np.array([[pi, 1.0, -1.0], [np.nextafter(-pi, 0), 0.0, np.nan]], kind)
        path = write_tif(tmp_path / f"phase_{kind}.tif", phase)
        found = open_product(path, stated=Stated({path.stem: "wrapped_phase"}, phase_sign=REVERSED))
        expected = np.array([[pi, -1.0, 1.0], [-np.nextafter(-pi, 0), 0.0, np.nan]], kind)
        np.testing.assert_array_equal(found["wrapped_phase"], expected)


def test_an_unwrapped_phase_is_turned_even_below_minus_pi(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "unw.tif", np.array([[7.0, -7.0]], "f4"))
    found = open_product(path, stated=Stated(phase_sign=REVERSED))
    np.testing.assert_array_equal(found["unwrapped_phase"], [[-7.0, 7.0]])


@pytest.mark.parametrize("suffix", [".nc", ".zarr", ".tif"])
def test_what_the_package_wrote_comes_back_as_it_was(tmp_path: Path, suffix: str) -> None:
    first = write_tif(tmp_path / f"coh_{PAIR}.tif", numbers(1, 0, 1))
    stack = open_product(first).assign_attrs(note="mine")
    path = insarfeat.write(stack, tmp_path / f"stack{suffix}")
    found = open_product(path).load()
    np.testing.assert_array_equal(found["coherence"], stack["coherence"])
    assert found.attrs["note"] == "mine"
    assert found.attrs["primary_date"] == "2023-09-04"
    xr.testing.assert_identical(
        found.drop_attrs(deep=False), insarfeat.open_stack(path).load().drop_attrs(deep=False)
    )
    with pytest.raises(InvalidArgument, match="was written by insarfeat and tells its own"):
        open_product(path, stated=Stated())


def foreign_netcdf(path: Path, **layers: Any) -> Path:
    import netCDF4

    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("time", 2), ("lat", 6), ("lon", 5)):
            file.createDimension(name, size)
        file.createVariable("lat", "f8", ("lat",))[:] = 45 - 0.1 * np.arange(6)
        file.createVariable("lon", "f8", ("lon",))[:] = 10 + 0.1 * np.arange(5)
        for name, pixels in layers.items():
            dims = ("time", "lat", "lon")[-pixels.ndim :]
            file.createVariable(name, pixels.dtype, dims)[:] = pixels
    return path


def test_a_foreign_stack_gets_names_nodata_and_signs_in_all_its_layers(tmp_path: Path) -> None:
    phase = np.linspace(-3, 3, 60).astype("f4").reshape(2, 6, 5)
    phase[0, 0, 0] = -99
    dem = np.arange(30, dtype="i2").reshape(6, 5)
    dem[1, 1] = -99
    path = foreign_netcdf(tmp_path / "stack.nc", ph=phase, dem=dem, other=phase[0].astype("f8"))
    found = open_product(path, stated=Stated({"ph": "wrapped_phase"}, -99.0, REVERSED)).load()
    np.testing.assert_array_equal(found["wrapped_phase"], np.where(phase == -99, np.nan, -phase))
    np.testing.assert_array_equal(found["elevation"], np.where(dem == -99, np.nan, dem))
    assert found["elevation"].dtype == np.float32
    assert np.isnan(found["other"].values[0, 0])
    assert found["wrapped_phase"].dims == ("time", "lat", "lon")
    assert found.attrs["guessed_names"] == "dem: elevation"
    assert found["elevation"].attrs["standard_name"] == "surface_altitude"
    piece = open_product(path, stated=Stated({"ph": "wrapped_phase"}, -99.0, REVERSED))["wrapped_phase"]
    np.testing.assert_array_equal(piece[1, 2:5, 1:3], found["wrapped_phase"][1, 2:5, 1:3])


def test_stated_classes_stay_classes_with_255_for_nodata(tmp_path: Path) -> None:
    slides = np.array([[0, 1], [-1, 1]], "i2")
    path = write_tif(tmp_path / "slides.tif", slides)
    found = open_product(path, stated=Stated({"slides": "landslide"}, nodata=-1))["landslide"]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [[0, 1], [255, 1]])
    path = write_tif(tmp_path / "floats.tif", np.array([[0, 1], [np.nan, 1]], "f4"))
    found = open_product(path, stated=Stated({"floats": "water"}))["water"]
    np.testing.assert_array_equal(found, [[0, 1], [255, 1]])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a_unw.tif", "a_cc.tif"), {"unwrapped_phase", "coherence"}),
        (("wrapped_phase.tif", "coherence.tif"), {"wrapped_phase", "coherence"}),
        (("coh_a.tif", "coh_b.tif"), {"coh_a", "coh_b"}),
        (("lv_phi.tif", "mean_coh.tif"), {"lv_phi", "mean_coh"}),
        (("temporal_coherence.tif", "coh.tif"), {"temporal_coherence", "coherence"}),
        (("ifg.tif", "displacement.tif"), {"ifg", "displacement"}),
        (("phase_std.tif", "phase.tif"), {"phase_std", "wrapped_phase"}),
    ],
)
def test_names_are_guessed_only_where_they_leave_no_doubt(
    tmp_path: Path, names: tuple[str, ...], expected: set[str]
) -> None:
    for seed, name in enumerate(names):
        write_tif(tmp_path / name, numbers(seed, 0, 1))
    assert set(open_product(tmp_path)) == expected


def test_whole_numbers_are_not_taken_for_coherence_or_phase(tmp_path: Path) -> None:
    write_tif(tmp_path / "coh.tif", np.ones(SHAPE, "u1"))
    write_tif(tmp_path / "phase.tif", np.ones(SHAPE, "i2"))
    assert set(open_product(tmp_path)) == {"coh", "phase"}


def test_a_stated_name_goes_before_a_guess(tmp_path: Path) -> None:
    write_tif(tmp_path / "coh_a.tif", numbers(1, 0, 1))
    write_tif(tmp_path / "coh_b.tif", numbers(2, 0, 1))
    found = open_product(tmp_path, stated=Stated({"coh_b": "coherence"}))
    assert set(found) == {"coh_a", "coherence"}
    np.testing.assert_array_equal(found["coherence"], numbers(2, 0, 1))


def test_bands_of_one_file_are_named_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "all.tif"
    profile = {"driver": "GTiff", "height": 4, "width": 3, "count": 2, "dtype": "float32"}
    with rasterio.open(
        path, "w", crs="EPSG:32632", transform=rasterio.Affine(9, 0, 0, 0, -9, 0), **profile
    ) as file:
        file.write(np.full((4, 3), 0.5, "f4"), 1)
        file.write(np.full((4, 3), 2.0, "f4"), 2)
        file.descriptions = ("g", "phi")
    assert set(open_product(path)) == {"g", "wrapped_phase"}
    found = open_product(path, stated=Stated({"g": "coherence", "phi": "unwrapped_phase"}))
    assert float(found["coherence"][0, 0]) == 0.5
    assert float(found["unwrapped_phase"][0, 0]) == 2.0
    assert set(open_product(tmp_path, stated=Stated({"all_g": "coherence"}))) == {
        "coherence",
        "wrapped_phase",
    }


def test_layers_of_one_polarisation_are_chosen(tmp_path: Path) -> None:
    for seed, name in enumerate(("coh_VV", "coh_VH", "dem")):
        write_tif(tmp_path / f"{name}.tif", numbers(seed, 0, 1))
    with pytest.raises(
        InvalidArgument, match="holds several of polarisation: name one with polarisation=, of VH, VV"
    ):
        open_product(tmp_path)
    found = open_product(tmp_path, polarisation="vh")
    assert set(found) == {"coherence", "elevation"}
    assert found.attrs["polarisation"] == "VH"
    np.testing.assert_array_equal(found["coherence"], numbers(1, 0, 1))
    with pytest.raises(InvalidArgument, match="polarisation 'HH' is not in"):
        open_product(tmp_path, polarisation="HH")


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (
            Stated({"phasee": "wrapped_phase"}),
            "names the raster 'phasee', which is not in .* it holds coh, phase",
        ),
        (Stated({"phase": "wraped_phase"}), "no canonical layer .did you mean 'wrapped_phase'"),
        (Stated({"phase": "zzz"}), "no canonical layer: see insarfeat"),
        (Stated({"phase": "coherence", "coh": "coherence"}), "coh and phase are both coherence"),
        (Stated(primary="4.9.2023"), 'stated primary must be a date as "2023-09-04"'),
        (Stated(secondary=20230916), "stated secondary must be a date"),  # type: ignore[arg-type]
    ],
)
def test_mistakes_in_what_is_stated_are_told(tmp_path: Path, stated: Stated, message: str) -> None:
    write_tif(tmp_path / "phase.tif", numbers(1, -3, 3))
    write_tif(tmp_path / "coh.tif", numbers(2, 0, 1))
    with pytest.raises(InvalidArgument, match=message):
        open_product(tmp_path, stated=stated)


def test_stated_dates_must_be_in_order_and_those_of_the_names(tmp_path: Path) -> None:
    write_tif(tmp_path / f"phase_{PAIR}.tif", numbers(1, -3, 3))
    with pytest.raises(
        InvalidArgument, match=r"stated primary is 2023-09-05, and the names in .* tell 2023-09-04"
    ):
        open_product(tmp_path, stated=Stated(primary="2023-09-05"))
    path = write_tif(tmp_path / "phase.tif", numbers(1, -3, 3))
    with pytest.raises(UnreadableInput, match="are the dates swapped"):
        open_product(path, stated=Stated(primary="2023-09-16", secondary="2023-09-04"))
    path = write_tif(tmp_path / "phase_20230916_20230904.tif", numbers(1, -3, 3))
    with pytest.raises(UnreadableInput, match="are the dates swapped"):
        open_product(path)


def test_phase_and_coherence_must_share_a_grid_and_so_must_what_is_stated(tmp_path: Path) -> None:
    write_tif(tmp_path / "phase.tif", numbers(1, -3, 3))
    write_tif(tmp_path / "dem.tif", numbers(2, 0, 9, (5, 6)))
    assert open_product(tmp_path).attrs["left_out"] == "dem (5 x 6, on another grid)"
    with pytest.raises(GridMismatch, match="dem is 5 x 6 pixels and phase is 36 x 44"):
        open_product(tmp_path, stated=Stated({"dem": "elevation"}))
    write_tif(tmp_path / "coh.tif", numbers(2, 0, 1, (5, 6)))
    with pytest.raises(GridMismatch, match="coh is 5 x 6 pixels and phase is 36 x 44"):
        open_product(tmp_path)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    for name, content in (("a.tif", b""), ("b.tif", b"II*\0 not"), ("c.nc", b"CDF"), ("d.nc", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableInput, match=name):
            open_product(tmp_path / name)
    (tmp_path / "e.zarr").mkdir()
    (tmp_path / "e.zarr" / "zarr.json").write_text("{")
    with pytest.raises(UnreadableInput, match=r"e\.zarr"):
        open_product(tmp_path / "e.zarr")
    path = write_tif(tmp_path / "f.tif", numbers(1, 0, 1))
    with rasterio.open(path, "r+") as file:
        file.update_tags(insarfeat_attributes="{not json")
    with pytest.raises(UnreadableInput, match=r"f\.tif is damaged: its tags"):
        open_product(path)


def test_all_rasters_and_stacks_are_recognised_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a.tif", "b.TIFF", "c.nc", "d.grd"):
        (tmp_path / name).touch()
        assert rasters.recognises(tmp_path / name)
    for name in ("a.png", "b.txt", "tif", "é.xml"):
        (tmp_path / name).touch()
        assert not rasters.recognises(tmp_path / name)
    (tmp_path / "empty").mkdir()
    assert not rasters.recognises(tmp_path / "empty")
    assert rasters.recognises(tmp_path)


def test_threads_and_pieces_give_the_whole(tmp_path: Path) -> None:
    write_tif(tmp_path / "phase.tif", numbers(1, -3, 3))
    write_tif(tmp_path / "coh.tif", numbers(2, 0, 1))
    stated = Stated(nodata=0.0, phase_sign=REVERSED)
    whole = open_product(tmp_path, stated=stated).compute()
    assert np.isnan(whole["wrapped_phase"].values[:6, :9]).all()
    with ThreadPoolExecutor(8) as pool:
        for again in pool.map(lambda _: open_product(tmp_path, stated=stated), range(16)):
            same(again, whole)
    rows, columns = slice(3, 11), slice(7, 20)
    piece = open_product(tmp_path, stated=stated).isel(y=rows, x=columns).compute()
    xr.testing.assert_identical(piece, whole.isel(y=rows, x=columns))


def test_what_is_stated_belongs_to_the_identity_of_a_layer(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "phase.tif", numbers(1, -3, 3))
    ways = [
        None,
        Stated(nodata=0.0),
        Stated(nodata=1.0),
        Stated(nodata=0.0, phase_sign=REVERSED),
        Stated({"phase": "unwrapped_phase"}, nodata=0.0, phase_sign=REVERSED),
    ]
    names = [next(iter(open_product(path, stated=way).values())).data.name for way in ways]
    assert len(set(names)) == len(ways)
    again = [next(iter(open_product(path, stated=way).values())).data.name for way in ways]
    assert again == names


def test_damaged_stacks_end_in_an_error_or_an_answer(tmp_path: Path) -> None:
    """In a process of its own: the library below may crash, or never come back."""
    layers = {"phase": numbers(1, -3, 3, (6, 5)), "coh": numbers(2, 0, 1, (6, 5))}
    path = foreign_netcdf(tmp_path / "stack.nc", **layers)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DAMAGE), str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


DAMAGE = """
    import sys, warnings
    from pathlib import Path
    import dask, numpy as np
    from insarfeat.errors import InsarfeatError
    from insarfeat.io.products import open_product

    dask.config.set(scheduler="sync")
    warnings.simplefilter("ignore")
    path = Path(sys.argv[1])
    whole, rng = path.read_bytes(), np.random.default_rng(7)
    for number in range(300):
        content = bytearray(whole)
        if number % 3 == 0:
            content = content[: int(rng.integers(len(whole)))]
        else:
            for place in rng.integers(0, len(whole), int(rng.integers(1, 8))):
                content[int(place)] ^= 1 << int(rng.integers(8))
        place = path.with_name(f"{number}.nc")
        place.write_bytes(content)
        print("case", number, flush=True)
        try:
            open_product(place).load()
        except InsarfeatError as error:
            assert str(error)
"""


def test_a_thousand_damaged_rasters_end_in_an_error_or_an_answer(tmp_path: Path) -> None:
    script = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from geotiff_products import numbers, write_tif

        def build(folder):
            folder.mkdir()
            for seed, name in enumerate(("phase", "coh", "dem")):
                write_tif(folder / f"{{name}}.tif", numbers(seed, 0, 1), nodata=0)
            return folder
    """
    fuzz(script, tmp_path / "product")
