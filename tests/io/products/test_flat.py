"""Flat rasters against NumPy, whatever their layout, and files that are not what their header says."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insarfeat.errors import MissingInput, UnreadableInput
from insarfeat.io.products.flat import FlatRaster, Interleave, Layout, complex_layer
from insarfeat.io.products.flat_headers import MapFrame
from insarfeat.io.products.tie_points import TieGrid
from insarfeat.windows import Window

TYPES = ("u1", "<i2", ">i2", "<u2", "<i4", ">i4", "<f4", ">f4", "<f8", ">f8", "<c8", ">c8", ">c16")
AXES = {"BSQ": (0, 1, 2), "BIL": (1, 0, 2), "BIP": (1, 2, 0)}


def write(path: Path, cube: Any, interleave: Interleave, header: int = 0) -> Layout:
    """Bands, lines, pixels as the interleaving has them."""
    path.write_bytes(b"\xa5" * header + cube.transpose(AXES[interleave]).tobytes())
    bands, height, width = cube.shape
    return Layout(height, width, cube.dtype.str, bands, interleave, header)


def cube_of(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    kind = np.dtype(dtype).kind
    if kind in "iu":
        return rng.integers(0, 100, shape).astype(dtype)
    values = rng.normal(size=shape)
    return (values + 1j * rng.normal(size=shape)).astype(dtype) if kind == "c" else values.astype(dtype)


@given(
    st.sampled_from(TYPES),
    st.sampled_from(list(AXES)),
    st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
    st.integers(0, 13),
    st.data(),
)
def test_any_window_of_any_layout_is_what_numpy_has(
    tmp_path_factory: pytest.TempPathFactory,
    dtype: str,
    interleave: Interleave,
    shape: tuple[int, int, int],
    header: int,
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("flat") / "raster"
    cube = cube_of(np.random.default_rng(sum(shape)), shape, dtype)
    layout = write(path, cube, interleave, header)
    band = data.draw(st.integers(1, shape[0]))
    top, left = data.draw(st.integers(0, shape[1] - 1)), data.draw(st.integers(0, shape[2] - 1))
    window = Window(
        top, left, data.draw(st.integers(1, shape[1] - top)), data.draw(st.integers(1, shape[2] - left))
    )
    source = FlatRaster(path, layout, band).source("raster")
    pixels = source.read((), window)
    truth = cube[(band - 1, *window.slices)]
    assert pixels.dtype.isnative
    assert pixels.dtype == (np.dtype("f4") if truth.dtype.kind in "iu" else truth.dtype.newbyteorder("="))
    np.testing.assert_array_equal(pixels, truth)


def test_chunked_and_whole_are_the_same(tmp_path: Path) -> None:
    cube = cube_of(np.random.default_rng(0), (2, 2100, 70), ">f4")
    layer = FlatRaster(tmp_path / "raster", write(tmp_path / "raster", cube, "BIL"), 2).layer("coherence")
    assert layer.data.numblocks == (2, 1)
    np.testing.assert_array_equal(layer.compute(scheduler="sync"), cube[1])
    np.testing.assert_array_equal(layer.compute(scheduler="threads"), cube[1])
    np.testing.assert_array_equal(layer[2040:2060, 5:9].compute(), cube[1, 2040:2060, 5:9])


def test_nodata_is_found_before_scale_and_offset(tmp_path: Path) -> None:
    cube = np.array([[[-32768, 0, 3]]], ">i2")
    layout = write(tmp_path / "raster", cube, "BSQ")
    layer = FlatRaster(tmp_path / "raster", layout, nodata=(-32768.0,), scale=2.0, offset=1.0).layer(
        "elevation"
    )
    np.testing.assert_array_equal(layer, [[np.nan, 1, 7]])
    assert layer.dtype == np.float32


def test_amplitudes_become_intensities(tmp_path: Path) -> None:
    layout = write(tmp_path / "raster", np.array([[[0, 2, 3]]], "<f4"), "BSQ")
    layer = FlatRaster(tmp_path / "raster", layout, nodata=(0.0,), squared=True).layer("intensity")
    np.testing.assert_array_equal(layer, [[np.nan, 4, 9]])


def test_classes_are_bytes_and_what_is_none_is_255(tmp_path: Path) -> None:
    layout = write(tmp_path / "raster", np.array([[[0, 1, 2, 3, 4, 255]]], "u1"), "BSQ")
    plain = FlatRaster(tmp_path / "raster", layout, nodata=(4.0,), classes=True).layer("shadow_layover")
    np.testing.assert_array_equal(plain, [[0, 1, 2, 3, 255, 255]])
    turned = FlatRaster(tmp_path / "raster", layout, classes=True, recode=(0, 2, 1, 3)).layer(
        "shadow_layover"
    )
    np.testing.assert_array_equal(turned, [[0, 2, 1, 3, 255, 255]])
    assert plain.dtype == turned.dtype == np.uint8


def test_classes_that_are_stored_as_floats_may_hold_anything(tmp_path: Path) -> None:
    layout = write(tmp_path / "raster", np.array([[[np.nan, np.inf, -1, 2, 1e30]]], "<f4"), "BSQ")
    layer = FlatRaster(tmp_path / "raster", layout, classes=True).layer("shadow_layover")
    np.testing.assert_array_equal(layer, [[255, 255, 255, 2, 255]])


def test_what_changes_the_pixels_changes_the_token(tmp_path: Path) -> None:
    layout = write(tmp_path / "raster", np.zeros((2, 3, 4), "<f4"), "BSQ")
    path = tmp_path / "raster"
    tokens = {
        raster.source("x").token
        for raster in (
            FlatRaster(path, layout),
            FlatRaster(path, layout, 2),
            FlatRaster(path, layout, nodata=(0.0,)),
            FlatRaster(path, layout, scale=2.0),
            FlatRaster(path, layout, offset=2.0),
            FlatRaster(path, layout, classes=True),
            FlatRaster(path, layout, classes=True, recode=(0, 2)),
            FlatRaster(path, layout, squared=True),
            FlatRaster(path, Layout(3, 4, "<f4", 2, "BIL")),
            FlatRaster(path, Layout(3, 4, ">f4", 2)),
        )
    }
    assert len(tokens) == 10


def test_sources_go_to_other_processes(tmp_path: Path) -> None:
    layout = write(tmp_path / "raster", np.arange(12, dtype="<f4").reshape(1, 3, 4), "BSQ")
    source = FlatRaster(tmp_path / "raster", layout).source("x")
    again = pickle.loads(pickle.dumps(source))
    assert again.fingerprint() == source.fingerprint()
    np.testing.assert_array_equal(again.read((), Window(1, 1, 2, 2)), [[5, 6], [9, 10]])


@pytest.mark.parametrize(("change", "what"), [(-1, "cut short"), (1, "longer than that")])
def test_a_file_of_another_length_is_refused_when_it_is_opened(
    tmp_path: Path, change: int, what: str
) -> None:
    layout = write(tmp_path / "raster", np.zeros((1, 3, 4), "<f4"), "BSQ")
    content = (tmp_path / "raster").read_bytes() + b"more"
    (tmp_path / "raster").write_bytes(content[: len(content) - 4 + change])
    with pytest.raises(UnreadableInput, match=rf"raster has {48 + change} bytes.*make 48.*{what}"):
        FlatRaster(tmp_path / "raster", layout).layer("coherence")


def test_a_header_that_claims_too_much_costs_nothing(tmp_path: Path) -> None:
    write(tmp_path / "raster", np.zeros((1, 3, 4), "<f4"), "BSQ")
    frame = MapFrame(0, 0, 1, -1, "")
    with pytest.raises(UnreadableInput, match="cut short"):
        FlatRaster(tmp_path / "raster", Layout(10**9, 10**9, "<f4")).layer("coherence", frame)


@pytest.mark.parametrize(
    "layout",
    [Layout(0, 4, "f4"), Layout(3, -4, "f4"), Layout(3, 4, "f4", 0), Layout(3, 4, "f4", 1, "BSQ", -48)],
)
def test_a_raster_of_no_pixels_is_refused(tmp_path: Path, layout: Layout) -> None:
    (tmp_path / "raster").write_bytes(bytes(48))
    with pytest.raises(UnreadableInput, match="the header of raster tells of"):
        FlatRaster(tmp_path / "raster", layout).layer("coherence")


def test_a_missing_file_an_empty_one_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    layout = Layout(3, 4, "<f4")
    with pytest.raises(MissingInput, match="raster is missing in"):
        FlatRaster(tmp_path / "raster", layout).layer("coherence")
    (tmp_path / "empty").touch()
    with pytest.raises(UnreadableInput, match="empty is empty"):
        FlatRaster(tmp_path / "empty", layout).layer("coherence")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnreadableInput, match="folder is a folder"):
        FlatRaster(tmp_path / "folder", layout).layer("coherence")


def test_a_band_or_type_that_cannot_be_is_refused(tmp_path: Path) -> None:
    layout = write(tmp_path / "raster", np.zeros((1, 3, 4), "<f4"), "BSQ")
    with pytest.raises(UnreadableInput, match=r"has 1 band\(s\); band 2 is needed for unwrapped_phase"):
        FlatRaster(tmp_path / "raster", layout, 2).layer("unwrapped_phase")
    with pytest.raises(UnreadableInput, match="float32, which interferogram cannot be"):
        FlatRaster(tmp_path / "raster", layout).layer("interferogram")


def test_a_file_cut_after_it_was_opened_is_told_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "raster"
    layer = FlatRaster(path, write(path, np.zeros((1, 3, 4), "<f4"), "BSQ")).layer("coherence")
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(UnreadableInput, match="raster was cut short after it was opened"):
        layer.compute(scheduler="sync")
    path.unlink()
    with pytest.raises(UnreadableInput, match="raster cannot be read"):
        layer.compute(scheduler="sync")


def test_a_complex_raster_of_two_has_nodata_only_where_both_parts_have(tmp_path: Path) -> None:
    real = np.array([[[0, 0, -9, -9, 2]]], ">f4")
    imaginary = np.array([[[0, 5, -9, 1, 3]]], ">f4")
    rasters = [
        FlatRaster(tmp_path / name, write(tmp_path / name, part, "BSQ"), nodata=(0.0, -9.0))
        for name, part in (("i", real), ("q", imaginary))
    ]
    layer = complex_layer("interferogram", (rasters[0], rasters[1]))
    assert layer.dtype == np.complex64
    np.testing.assert_array_equal(layer, [[0, 5j, complex(np.nan, np.nan), -9 + 1j, 2 + 3j]])


@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.floats(0, 3), st.floats(0, 3)),
    st.tuples(st.floats(0.5, 9), st.floats(0.5, 9)),
    st.data(),
)
def test_a_plane_at_ties_is_a_plane_between_and_beyond_them(
    tmp_path_factory: pytest.TempPathFactory,
    size: tuple[int, int],
    offset: tuple[float, float],
    step: tuple[float, float],
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("ties") / "ties"
    y, x = (offset[axis] + step[axis] * np.arange(size[axis]) for axis in (0, 1))
    layout = write(path, (2 * y[:, None] - 3 * x + 30)[None].astype(">f8"), "BSQ")
    grid = TieGrid(FlatRaster(path, layout).source("ties"), (17, 19), offset, step, np.dtype("f8"))
    top, left = data.draw(st.integers(0, 16)), data.draw(st.integers(0, 18))
    window = Window(top, left, data.draw(st.integers(1, 17 - top)), data.draw(st.integers(1, 19 - left)))
    rows, columns = np.arange(17) + 0.5, np.arange(19) + 0.5
    # Where there is one tie along an axis only, nothing is known of how values change along it.
    truth = (
        2 * (rows if size[0] > 1 else np.full(17, y[0]))[:, None]
        - 3 * (columns if size[1] > 1 else x[0])
        + 30
    )
    truth = np.broadcast_to(truth, (17, 19))[window.slices]
    np.testing.assert_allclose(grid.read((), window), truth, rtol=1e-9, atol=1e-8)
