"""Datasets of HDF5 as sources: windows, types, classes, threads, forks, changed and impossible files."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from insarfeat.errors import MissingInput, UnreadableInput
from insarfeat.io.products import hdf5
from insarfeat.io.products.hdf5 import Hdf5Raster, hdf5_header, is_hdf5

DIMS = ("line", "sample")


def write(path: Path, values: np.ndarray, name: str = "group/values", **options: object) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=values, **options)
    return path


def numbers(seed: int = 0, shape: tuple[int, ...] = (300, 400), dtype: str = "f4") -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 50, shape).astype(dtype)


def whole(path: Path) -> float:
    return float(Hdf5Raster(path, "group/values").layer("coherence", DIMS).sum().compute(scheduler="sync"))


@pytest.mark.parametrize("dtype", ["f4", ">f4", "f8", ">f8", "c8", "c16", "i2", "u1", "f2"])
def test_every_type_comes_as_it_is_or_as_floats(tmp_path: Path, dtype: str) -> None:
    values = np.abs(numbers(dtype="f4")).astype(dtype)
    layer = Hdf5Raster(write(tmp_path / "a.h5", values), "group/values").layer("coherence", DIMS)
    assert layer.dtype == layer.values.dtype
    assert layer.dtype.isnative
    assert layer.dtype.kind == ("c" if "c" in dtype else "f")
    np.testing.assert_array_equal(layer.values, values)


def test_windows_of_a_stack_are_those_of_the_whole(tmp_path: Path) -> None:
    values = numbers(shape=(3, 90, 70))
    path = write(tmp_path / "a.h5", values, chunks=(1, 16, 16), compression="gzip")
    for index in range(3):
        layer = Hdf5Raster(path, "group/values", (index,)).layer("coherence", DIMS)
        np.testing.assert_array_equal(layer.values, values[index])
        np.testing.assert_array_equal(layer[13:77, 5:6].values, values[index, 13:77, 5:6])
    with pytest.raises(UnreadableInput, match=r"no layer \(3,\)"):
        Hdf5Raster(path, "group/values", (3,)).layer("coherence", DIMS)


def test_very_wide_chunks_make_low_ones_of_dask(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", np.zeros((500, 20_000), "f4"), chunks=(50, 20_000), compression="gzip")
    layer = Hdf5Raster(path, "group/values").layer("coherence", DIMS)
    assert max(layer.chunks[0]) * layer.chunks[1][0] <= 2048**2
    assert all(rows % 50 == 0 for rows in layer.chunks[0])


def test_nodata_becomes_nan_but_at_the_spared_pixel(tmp_path: Path) -> None:
    values = np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0]], "f4")
    path = write(tmp_path / "a.h5", values)
    raster = Hdf5Raster(path, "group/values", nodata=(0.0,), scale=0.5, spared=(1, 1))
    expected = np.array([[np.nan, 0.5, np.nan], [1.0, 0.0, 1.5]])
    layer = raster.layer("velocity", DIMS)
    np.testing.assert_array_equal(layer.values, expected)
    np.testing.assert_array_equal(layer[1:, 1:].values, expected[1:, 1:])
    np.testing.assert_array_equal(layer[:1].values, expected[:1])


def test_classes_are_bytes_and_nodata_is_255(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", np.array([[0, 3, 127, -1, 254 - 127]], "i1"))
    layer = Hdf5Raster(path, "group/values", nodata=(127.0,), classes=True).layer("shadow_layover", DIMS)
    assert layer.dtype == np.uint8
    np.testing.assert_array_equal(layer.values, [[0, 3, 255, 255, 255]])


def test_tokens_differ_with_all_that_changes_the_pixels(tmp_path: Path) -> None:
    from insarfeat.dispatch.lazy import value_of

    path = write(tmp_path / "a.h5", numbers(shape=(2, 20, 20)))
    rasters = [
        Hdf5Raster(path, "group/values", (0,)),
        Hdf5Raster(path, "group/values", (1,)),
        Hdf5Raster(path, "group/values", (0,), nodata=(1.0,)),
        Hdf5Raster(path, "group/values", (0,), scale=2.0),
        Hdf5Raster(path, "group/values", (0,), classes=True),
        Hdf5Raster(path, "group/values", (0,), nodata=(1.0,), spared=(0, 0)),
    ]
    tokens = {value_of(raster.layer("coherence", DIMS).data)[0].token for raster in rasters}
    assert len(tokens) == len(rasters)


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    sums = []
    for seed in (1, 2):
        path.unlink(missing_ok=True)
        sums.append(whole(write(path, numbers(seed))))
    assert sums == pytest.approx([numbers(seed).sum() for seed in (1, 2)], rel=1e-3)


def test_a_file_changed_after_it_was_opened_is_not_read_as_the_old_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", numbers(1))
    layer = Hdf5Raster(path, "group/values").layer("coherence", DIMS)
    path.unlink()
    write(path, np.zeros((30, 40), "f4"))
    with pytest.raises(UnreadableInput, match="was changed after it was opened"):
        layer.compute()


def test_others_may_have_the_file_open_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", numbers())
    with h5py.File(path) as file:
        assert whole(path) == pytest.approx(float(file["group/values"][()].sum()), rel=1e-3)


def test_many_threads_and_more_files_than_are_kept_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5, "_MOST_FILES", 2)
    monkeypatch.setattr(hdf5, "_MOST_DATASETS", 1)
    paths = [write(tmp_path / f"{seed}.h5", numbers(seed)) for seed in range(5)]
    expected = [whole(path) for path in paths]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(whole, paths * 20)) == expected * 20


def test_forked_readers_do_not_disturb_each_other(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{seed}.h5", numbers(seed), compression="gzip") for seed in range(2)]
    before = [whole(path) for path in paths]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(whole, paths * 10)) == before * 10
    assert [whole(path) for path in paths] == before


def test_a_source_travels_to_another_process(tmp_path: Path) -> None:
    layer = Hdf5Raster(write(tmp_path / "a.h5", numbers()), "group/values").layer("coherence", DIMS)
    again = pickle.loads(pickle.dumps(layer))
    np.testing.assert_array_equal(again.values, numbers())


def test_what_is_no_raster_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["text"] = np.array([[b"a", b"b"]])
        file["row"] = np.zeros(4)
        file["group/inner"] = 1.0
        file["triple"] = np.zeros((2, 2), [("a", "f4"), ("b", "f4"), ("c", "f4")])
    for name, message in (
        ("text", "no pixels"),
        ("triple", "no pixels"),
        ("row", r"shape \(4,\), no raster's"),
        ("group", "is a group"),
        ("nothing", "no dataset nothing"),
    ):
        with pytest.raises((UnreadableInput, MissingInput), match=message):
            Hdf5Raster(path, name).layer("coherence", DIMS)


def test_a_claim_of_a_billion_rows_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("values", shape=(10**9, 10**9), dtype="f4", chunks=(64, 64))
    with pytest.raises(UnreadableInput, match="claims 1000000000 x 1000000000"):
        Hdf5Raster(path, "values").layer("coherence", DIMS)


def test_headers_tell_what_is_missing_or_impossible(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["number"], file["text"], file["list"] = 4.5, np.bytes_(b"word"), np.arange(3.0)
        file["uneven"] = np.array([0.0, 1.0, 3.0])
        file.attrs["key"] = np.bytes_(b"value")
    with hdf5_header(path) as header:
        assert header.attributes == {"key": "value"}
        assert header.scalar("number", float) == 4.5
        assert header.scalar("text", str) == "word"
        assert header.optional("nothing", str) is None
        assert header.names("nowhere") == []
        for ask, message in (
            (lambda: header.scalar("text", float), "text cannot be 'word'"),
            (lambda: header.scalar("list", float), "holds 3 values"),
            (lambda: header.scalar("nothing", float), "no dataset nothing"),
            (lambda: header.centres("uneven"), "even steps"),
            (lambda: header.centres("number"), "short list"),
        ):
            with pytest.raises(UnreadableInput, match=message):
                ask()


def test_damage_of_every_kind_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "empty.h5").touch()
    (tmp_path / "text.h5").write_text("<html></html>")
    cut = write(tmp_path / "cut.h5", numbers())
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    assert not is_hdf5(tmp_path / "text.h5")
    assert not is_hdf5(tmp_path)
    for name in ("empty", "text", "cut"):
        with pytest.raises(UnreadableInput, match=f"{name}.h5"):
            Hdf5Raster(tmp_path / f"{name}.h5", "group/values").layer("coherence", DIMS)
    with pytest.raises(MissingInput, match=r"gone\.h5 is missing"):
        Hdf5Raster(tmp_path / "gone.h5", "values").layer("coherence", DIMS)


def test_damaged_pixels_are_found_when_they_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", numbers(), chunks=(50, 400), compression="gzip", fletcher32=True)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = os.urandom(4000)
    path.write_bytes(content)
    layer = Hdf5Raster(path, "group/values").layer("coherence", DIMS)
    with pytest.raises(UnreadableInput, match=r"a\.h5 cannot be read: it is damaged"):
        layer.compute()
