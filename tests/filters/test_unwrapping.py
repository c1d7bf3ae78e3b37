"""Phase unwrapping: what SNAPHU is given, what comes back, and what is said when it fails."""

from __future__ import annotations

import doctest
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import rasterio
import xarray as xr
from contract import CRS_WKT, labelled
from numpy.typing import NDArray

import insarfeat
from insarfeat.dispatch import lazy
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType, MissingExtra, RunFailed
from insarfeat.filters import snaphu as snaphu_module
from insarfeat.filters.unwrapping import unwrap
from insarfeat.layers import LAYERS
from insarfeat.tiling.workspace import partial_folder

Array = NDArray[Any]
CYCLE = 2 * np.pi

needs_snaphu = pytest.mark.skipif(
    find_spec("snaphu") is None,
    reason='the extra "unwrap" is not installed (the package snaphu, for Linux and macOS)',
)


def surface(rows: int = 120, columns: int = 140) -> Array:
    """A hill of four fringes on a ramp of three."""
    y, x = np.mgrid[0:rows, 0:columns]
    hill = np.exp(-((y - 0.4 * rows) ** 2 + (x - 0.6 * columns) ** 2) / (0.05 * rows * columns))
    return 25 * hill - 19 * x / columns + 6 * y / rows


def scene(rows: int = 120, columns: int = 140, spread: float = 0.4) -> tuple[Array, Array, Array]:
    """True phase with its noise, the interferogram of any magnitude, and the coherence."""
    rng = np.random.default_rng(7)
    phase = surface(rows, columns) + spread * rng.normal(size=(rows, columns))
    ifg = (rng.uniform(0.1, 300, phase.shape) * np.exp(1j * phase)).astype("c8")
    return phase, ifg, np.full(phase.shape, 0.8, "f4")


def with_voids() -> tuple[Array, Array, Array]:
    """A scene that a river of nodata divides, with single holes of both kinds."""
    phase, ifg, coherence = scene()
    ifg[:, 50:56] = 0
    ifg[7, 9] = complex(np.nan, 0)
    ifg[100:103, 110:120] = complex(np.nan, np.nan)
    coherence[:, 48:53] = np.nan
    return phase, ifg, coherence


def cycles(phase: Array, truth: Array) -> Array:
    """Whole cycles by which a phase is off; fails where they are not whole."""
    off = (phase - truth) / CYCLE
    np.testing.assert_allclose(off, off.round(), atol=2e-4)
    return off.round().astype(int)


def assert_equal(one: Any, other: Any) -> None:
    for mine, theirs in zip(one, other, strict=True):
        assert np.asarray(mine).dtype == np.asarray(theirs).dtype
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))


def dataset(*layers: xr.DataArray) -> xr.Dataset:
    return xr.Dataset({layer.name: layer for layer in layers})


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of a hundred pixels, one after the other: SNAPHU waits a second before each process."""
    monkeypatch.setattr(snaphu_module, "_TILE", 100)
    monkeypatch.setattr(snaphu_module, "_OVERLAP", 40)
    monkeypatch.setattr(lazy, "available_cores", lambda: 1)


# -- the phase ------------------------------------------------------------------------------------------------


@needs_snaphu
def test_a_noisy_surface_is_recovered_but_for_one_number_of_cycles() -> None:
    truth, ifg, coherence = scene()
    phase, components = unwrap(ifg, coherence, looks=10)
    assert phase.dtype == np.float32
    assert components.dtype == np.uint8
    assert np.unique(cycles(phase, truth)).size == 1
    assert (components == 1).all()


@needs_snaphu
def test_the_result_wraps_back_to_the_input_even_where_it_is_noise() -> None:
    rng = np.random.default_rng(0)
    wrapped = rng.uniform(-np.pi, np.pi, (60, 70)).astype("f4")
    phase, _ = unwrap(wrapped, np.full(wrapped.shape, 0.2, "f4"), looks=3)
    np.testing.assert_allclose(np.exp(1j * phase), np.exp(1j * wrapped), atol=1e-3)


@needs_snaphu
def test_only_the_phase_of_the_interferogram_counts() -> None:
    _, ifg, coherence = scene()
    expected = unwrap(ifg, coherence, looks=10)
    for same in (
        np.angle(ifg),
        np.angle(ifg) + np.float32(CYCLE),
        ifg.astype("c16"),
        ifg * np.float32(1e-20),
    ):
        phase, components = unwrap(same, coherence.astype("f8"), looks=10)
        assert phase.dtype == np.float32
        np.testing.assert_allclose(phase, expected.phase, atol=1e-4)
        np.testing.assert_array_equal(components, expected.components)


@needs_snaphu
def test_inputs_are_left_as_they_were() -> None:
    _, ifg, coherence = with_voids()
    before = ifg.copy(), coherence.copy()
    unwrap(ifg, coherence, looks=10)
    assert_equal((ifg, coherence), before)


@needs_snaphu
@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (1, 30), (30, 2), (5, 9)])
def test_rasters_narrower_than_the_windows_of_snaphu_are_unwrapped_too(shape: tuple[int, int]) -> None:
    truth = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) * 0.9
    phase, components = unwrap(np.exp(1j * truth), np.full(shape, 0.95), looks=20)
    assert phase.shape == components.shape == shape
    assert np.unique(cycles(phase, truth)).size == min(1, truth.size)


# -- components and nodata ------------------------------------------------------------------------------------


@needs_snaphu
def test_islands_apart_are_components_of_their_own_the_largest_first() -> None:
    truth, ifg, coherence = with_voids()
    phase, components = unwrap(ifg, coherence, looks=10)
    assert (components[:, :48] == np.where(np.isnan(phase[:, :48]), 255, 2)).all()
    assert (components[:, 58:] == np.where(np.isnan(phase[:, 58:]), 255, 1)).all()
    for label in (1, 2):
        inside = components == label
        assert np.unique(cycles(phase[inside], truth[inside])).size == 1


@needs_snaphu
def test_nodata_stays_where_it_is_and_takes_no_valid_pixel_with_it() -> None:
    _, ifg, coherence = with_voids()
    missing = np.isnan(ifg) | (ifg == 0)
    for given in (ifg, np.where(missing, np.nan, np.angle(ifg)).astype("f4")):
        phase, components = unwrap(given, coherence, looks=10)
        np.testing.assert_array_equal(np.isnan(phase), missing)
        np.testing.assert_array_equal(components == 255, missing)


@needs_snaphu
def test_coherence_that_is_missing_counts_as_none() -> None:
    _, ifg, coherence = scene()
    coherence[30:60, 20:90] = np.nan
    assert_equal(unwrap(ifg, coherence, looks=10), unwrap(ifg, np.nan_to_num(coherence), looks=10))


@needs_snaphu
def test_unreliable_pixels_have_a_phase_but_no_component() -> None:
    truth, ifg, coherence = scene()
    noise = np.s_[20:60, 30:70]
    ifg[noise] = np.exp(1j * np.random.default_rng(1).uniform(-np.pi, np.pi, (40, 40)))
    coherence[noise] = 0.05
    phase, components = unwrap(ifg, coherence, looks=10)
    assert np.isfinite(phase).all()
    assert (components[25:55, 35:65] == 0).all()
    reliable = components == 1
    reliable[noise] = False
    assert reliable.mean() > 0.8
    assert np.unique(cycles(phase[reliable], truth[reliable])).size == 1


def test_without_a_valid_pixel_there_is_nothing_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snaphu_module, "program", lambda: Path("/nowhere"))
    phase, components = unwrap(np.zeros((30, 40), "c8"), np.ones((30, 40), "f4"), looks=10)
    assert np.isnan(phase).all()
    assert (components == 255).all()


# -- tiles ----------------------------------------------------------------------------------------------------


@needs_snaphu
@pytest.mark.parametrize("shape", [(120, 140), (97, 271), (70, 300)])
def test_tiles_give_what_one_piece_gives(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    truth = scene(*shape)[0]
    ifg, coherence = np.exp(1j * truth), np.full(shape, 0.8, "f4")
    ifg[40:50, 60:80] = np.nan
    whole = unwrap(ifg, coherence, looks=10)
    monkeypatch.setattr(snaphu_module, "_TILE", 100)
    monkeypatch.setattr(snaphu_module, "_OVERLAP", 40)
    monkeypatch.setattr(lazy, "available_cores", lambda: 1)
    with caplog.at_level(logging.INFO, snaphu_module.__name__):
        tiled = unwrap(ifg, coherence, looks=10)
    assert "Assembling tiles" in caplog.text
    np.testing.assert_array_equal(tiled.components, whole.components)
    assert set(np.unique(whole.components)) == {1, 255}
    valid = np.isfinite(whole.phase)
    assert np.unique(cycles(tiled.phase[valid], whole.phase[valid])).size == 1


@needs_snaphu
def test_islands_stay_apart_in_tiles(small_tiles: None) -> None:
    truth, ifg, coherence = with_voids()
    phase, components = unwrap(ifg, coherence, looks=10)
    assert set(np.unique(components[:, :48])) == {2, 255}
    assert set(np.unique(components[:, 58:])) == {1, 255}
    for label in (1, 2):
        inside = components == label
        assert np.unique(cycles(phase[inside], truth[inside])).size == 1


@needs_snaphu
@pytest.mark.parametrize("tile", [32, 64, 512])
def test_a_plan_gives_what_numpy_gives(tile: int, tmp_path: Path) -> None:
    _, ifg, coherence = with_voids()
    expected = unwrap(ifg, coherence, looks=10)
    phase, components = unwrap(
        labelled(da.from_array(ifg, chunks=(50, 33)), "ifg"),
        labelled(da.from_array(coherence, chunks=(120, 7)), "coherence"),
        looks=10,
    )
    assert phase.chunks == components.chunks == ((50, 50, 20), (33, 33, 33, 33, 8))
    assert (phase.dtype, components.dtype) == (np.float32, np.uint8)
    plan = insarfeat.plan(dataset(phase, components), tile=tile)
    assert plan.describe().stages == ("unwrap", "layers")
    stack = insarfeat.open_stack(plan.run(tmp_path / "a stack.zarr"))
    assert_equal((stack["unwrapped_phase"], stack["connected_components"]), expected)
    assert not partial_folder(tmp_path / "a stack.zarr").exists()


@needs_snaphu
def test_a_plan_goes_on_through_what_stands_before_and_after(tmp_path: Path) -> None:
    """Inputs that are computed, one of them in memory, and a layer made of the result."""
    _, ifg, coherence = scene()
    expected = unwrap(ifg, coherence, looks=10)
    half = da.from_array(np.sqrt(np.abs(ifg)) * np.exp(0.5j * np.angle(ifg)), chunks=40)
    squared = insarfeat.filters.interferogram(half, half.conj())
    phase, _ = unwrap(squared, coherence, looks=10)
    again = insarfeat.filters.multilook(phase, looks=(2, 2))
    out = insarfeat.plan(xr.DataArray(again, dims=("y", "x"), name="phase"), tile=32).run(tmp_path / "a.zarr")
    wanted = insarfeat.filters.multilook(expected.phase, looks=(2, 2))
    off = insarfeat.open_stack(out)["phase"].values - wanted
    np.testing.assert_allclose(off, CYCLE * np.round(off[0, 0] / CYCLE), atol=1e-4)


@needs_snaphu
def test_a_plan_without_a_valid_pixel_gives_nodata(tmp_path: Path) -> None:
    empty = labelled(da.zeros((40, 50), dtype="c8", chunks=20), "ifg")
    phase, components = unwrap(empty, da.ones((40, 50), chunks=20), looks=4)
    stack = insarfeat.open_stack(insarfeat.plan(dataset(phase, components)).run(tmp_path / "a.nc"))
    assert np.isnan(stack["unwrapped_phase"].values).all()
    assert (stack["connected_components"].values == 255).all()


@needs_snaphu
@needs_snaphu
def test_dask_alone_runs_it_through_a_plan() -> None:
    _, ifg, coherence = scene()
    found = unwrap(da.from_array(ifg, chunks=50), coherence, looks=10)
    for lonely, expected in zip(found, unwrap(ifg, coherence, looks=10), strict=True):
        np.testing.assert_array_equal(lonely.compute(), expected)


@needs_snaphu
def test_a_run_that_was_stopped_does_not_unwrap_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ifg, coherence = scene()
    expected = unwrap(ifg, coherence, looks=10)
    runs = []
    run_snaphu, take = snaphu_module._run_snaphu, snaphu_module.Workbench.take

    def counted(folder: Path) -> None:
        runs.append(folder)
        run_snaphu(folder)

    def fails(*_: Any) -> Any:
        raise OSError("the disk is full")

    def again() -> Path:
        lazy_ifg = labelled(da.from_array(ifg, chunks=60), "ifg")
        return insarfeat.plan(unwrap(lazy_ifg, coherence, looks=10).phase, tile=64).run(tmp_path / "a.zarr")

    monkeypatch.setattr(snaphu_module, "_run_snaphu", counted)
    monkeypatch.setattr(snaphu_module.Workbench, "take", fails)
    with pytest.raises(OSError, match="the disk is full"):
        again()
    monkeypatch.setattr(snaphu_module.Workbench, "take", take)
    phase = insarfeat.open_stack(again())["unwrapped_phase"]
    np.testing.assert_array_equal(phase.values, expected.phase)
    assert len(runs) == 1


@needs_snaphu
@pytest.mark.parametrize("chunks", [None, 50])
def test_labels_are_kept(chunks: int | None) -> None:
    _, ifg, coherence = with_voids()
    inputs = [labelled(ifg, "ifg", ascending=True), labelled(coherence, "coherence", ascending=True)]
    given = inputs if chunks is None else [raster.chunk(chunks) for raster in inputs]
    before = [raster.copy(deep=True) for raster in given]
    results = unwrap(*given, looks=10)
    for result, name in zip(results, ("unwrapped_phase", "connected_components"), strict=True):
        assert (result.chunks is None) == (chunks is None)
        assert result.name == name
        assert result.dims == ("y", "x")
        assert result.coords["spatial_ref"].attrs["crs_wkt"] == CRS_WKT
        xr.testing.assert_identical(result.coords.to_dataset(), inputs[0].coords.to_dataset())
        assert result.attrs["site"] == "Corniglio"
        assert result.attrs["processing"] == "filters.unwrap(looks=10.0, method='snaphu')"
        assert LAYERS[name].attributes.items() <= result.attrs.items()
    if chunks is None:
        assert_equal(results, unwrap(ifg, coherence, looks=10))
    for raster, copy in zip(given, before, strict=True):
        xr.testing.assert_identical(raster, copy)


@needs_snaphu
def test_several_threads_may_unwrap_at_once() -> None:
    _, ifg, coherence = scene()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda looks: unwrap(ifg, coherence, looks=looks), (10, 10))
    assert_equal(first, second)


# -- what is said ---------------------------------------------------------------------------------------------


@needs_snaphu
def test_what_snaphu_says_goes_to_the_log_and_not_to_the_terminal(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    _, ifg, coherence = scene(40, 40)
    with caplog.at_level(logging.INFO, "insarfeat.filters.snaphu"):
        unwrap(ifg, coherence, looks=10)
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert any(message.startswith("snaphu v") for message in caplog.messages)
    assert "Program snaphu done" in caplog.messages
    assert capfd.readouterr() == ("", "")


@needs_snaphu
def test_an_interrupt_ends_snaphu_too(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Remembered(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            started.append(self)

    class Impatient(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise KeyboardInterrupt

    handler = Impatient()
    log = logging.getLogger(snaphu_module.__name__)
    monkeypatch.setattr(snaphu_module.subprocess, "Popen", Remembered)
    monkeypatch.setattr(log, "level", logging.INFO)
    log.addHandler(handler)
    noise = np.random.default_rng(0).uniform(-np.pi, np.pi, (400, 400)).astype("f4")
    try:
        with pytest.raises(KeyboardInterrupt):
            unwrap(noise, np.zeros(noise.shape, "f4"), looks=1)
    finally:
        log.removeHandler(handler)
    (process,) = started
    assert process.returncode == -9


@needs_snaphu
@pytest.mark.parametrize("cores", [1, 2])
def test_when_snaphu_fails_its_own_words_are_passed_on(
    cores: int, monkeypatch: pytest.MonkeyPatch, small_tiles: None
) -> None:
    """With several processes it ends its whole process group: it must not be that of the tests."""
    monkeypatch.setattr(lazy, "available_cores", lambda: cores)
    run_snaphu = snaphu_module._run_snaphu

    def run_on_half_a_file(folder: Path) -> None:
        path = folder / "coherence"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        run_snaphu(folder)

    monkeypatch.setattr(snaphu_module, "_run_snaphu", run_on_half_a_file)
    _, ifg, coherence = scene(90, 150)
    with pytest.raises(RunFailed, match="File coherence wrong size") as told:
        unwrap(ifg, coherence, looks=10)
    assert "SNAPHU ended with status 1" in str(told.value)


def test_a_program_that_cannot_be_started_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(snaphu_module, "program", lambda: tmp_path / "snaphu")
    with pytest.raises(RunFailed, match="SNAPHU could not be started"):
        unwrap(np.ones((20, 20), "c8"), np.ones((20, 20), "f4"), looks=10)


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snaphu", None)
    for ifg in (np.ones((20, 20), "c8"), da.ones((20, 20), dtype="c8")):
        with pytest.raises(MissingExtra, match=r'pip install "insarfeat\[unwrap\]"'):
            unwrap(ifg, np.ones((20, 20), "f4"), looks=10)


@pytest.mark.parametrize("looks", [0, 0.99, -3, np.nan, np.inf, True, "10", None, (4, 20)])
def test_impossible_looks_are_refused(looks: Any) -> None:
    with pytest.raises(InvalidArgument, match="looks must be the effective number of looks"):
        unwrap(np.ones((20, 20), "c8"), np.ones((20, 20), "f4"), looks=looks)


def test_other_methods_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="method must be \"snaphu\"; got 'mcf'"):
        unwrap(np.ones((20, 20), "c8"), np.ones((20, 20), "f4"), looks=4, method="mcf")  # type: ignore[arg-type]


def test_coherence_beyond_its_range_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snaphu_module, "program", lambda: Path("/nowhere"))
    for coherence in (np.full((20, 20), 87.0), np.full((20, 20), -0.5)):
        with pytest.raises(InvalidArgument, match="coherence must be from 0 to 1"):
            unwrap(np.ones((20, 20), "c8"), coherence, looks=4)


def test_rasters_that_do_not_fit_are_refused() -> None:
    ifg, coherence = np.ones((20, 30), "c8"), np.ones((20, 30), "f4")
    with pytest.raises(GridMismatch, match="coherence is 30 x 20 pixels"):
        unwrap(ifg, coherence.T, looks=4)
    shifted = labelled(coherence, "coherence")
    shifted = shifted.assign_coords(x=shifted.x + 5)
    with pytest.raises(GridMismatch, match="different coordinates along 'x'"):
        unwrap(labelled(ifg, "ifg"), shifted, looks=4)
    with pytest.raises(InvalidType, match="coherence must hold real numbers"):
        unwrap(ifg, ifg, looks=4)
    with pytest.raises(InvalidType, match="ifg must have two dimensions"):
        unwrap(ifg[0], coherence[0], looks=4)
    with pytest.raises(InvalidType, match="coherence must be a NumPy array"):
        unwrap(ifg, 0.8, looks=4)
    with pytest.raises(InvalidType, match="not a Dataset"):
        unwrap(labelled(ifg, "ifg").to_dataset(), coherence, looks=4)


@pytest.mark.parametrize("kind", ["numpy", "dask", "xarray"])
def test_several_interferograms_at_once_are_refused(kind: str) -> None:
    stack: Any = np.ones((3, 20, 30), "c8")
    if kind == "dask":
        stack = da.from_array(stack)
    if kind == "xarray":
        stack = labelled(stack, "ifg", lead=("pair",))
    with pytest.raises(InvalidArgument, match="one interferogram at a time"):
        unwrap(stack, np.ones((20, 30), "f4"), looks=4)


@needs_snaphu
def test_the_example_in_the_docstring_runs() -> None:
    """Skipped as a doctest, for it needs the extra."""
    text = str(unwrap.__doc__).replace("# doctest: +SKIP", "")
    example = doctest.DocTestParser().get_doctest(text, {"unwrap": unwrap}, "unwrap", None, None)
    assert doctest.DocTestRunner().run(example).failed == 0


@needs_snaphu
def test_a_flat_real_interferogram_stays_flat(test_data: Path) -> None:
    """Al Haouz, far from its earthquake: no fringe in the scene, so no cycle is to be added but in noise."""
    folder = test_data / "ifg_morocco_eotools"
    if not folder.is_dir():
        pytest.skip("no sample ifg_morocco_eotools")
    read = {}
    for name in ("phi_vv", "coh_vv"):
        with rasterio.open(folder / f"{name}.tif") as file:
            read[name] = file.read(1)
    wrapped = np.where(read["phi_vv"] == -9999, np.nan, read["phi_vv"])
    phase, components = unwrap(wrapped, read["coh_vv"], looks=20)
    np.testing.assert_array_equal(np.isnan(phase), np.isnan(wrapped))
    valid = np.isfinite(phase)
    np.testing.assert_allclose(np.exp(1j * phase[valid]), np.exp(1j * wrapped[valid]), atol=1e-3)
    assert (components[valid] == 1).mean() > 0.9
    main = phase[components == 1]
    assert (abs(main - np.median(main)) < np.pi).mean() > 0.999
