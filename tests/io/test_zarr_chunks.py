"""Chunks read straight from their files are what the zarr library reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec

import insarfeat
from insarfeat.errors import UnreadableInput
from insarfeat.io.zarr_chunks import ChunkedArray
from insarfeat.windows import Window

PACKINGS = {
    "none": None,
    "blosc": BloscCodec(cname="lz4", shuffle="shuffle", typesize=4),
    "blosc with zstd and bits": BloscCodec(cname="zstd", shuffle="bitshuffle", typesize=4),
    "zstd": ZstdCodec(),
    "gzip": GzipCodec(),
}


def numbers(shape: tuple[int, ...], dtype: str = "f4") -> Any:
    return (np.arange(np.prod(shape)).reshape(shape) % 251).astype(dtype)


def written(folder: Path, values: Any, **options: Any) -> Any:
    array = zarr.create_array(store=folder / "layer", shape=values.shape, dtype=values.dtype, **options)
    array[:] = values
    return array


def opened(folder: Path) -> ChunkedArray:
    found = ChunkedArray.of(folder / "layer")
    assert found is not None
    return found


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("shards", [None, (20, 30)], ids=["chunks", "shards"])
def test_every_packing_gives_the_same_pixels(tmp_path: Path, packing: str, shards: Any) -> None:
    values = numbers((45, 61))
    written(tmp_path, values, chunks=(10, 15), shards=shards, compressors=PACKINGS[packing])
    assert np.array_equal(opened(tmp_path).read((), Window(0, 0, 45, 61)), values)


@given(data=st.data())
def test_any_window_is_that_of_the_array(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("zarr")
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    chunk = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    shards = (2 * chunk[0], 3 * chunk[1]) if data.draw(st.booleans()) else None
    lead = data.draw(st.integers(1, 3))
    values = numbers((lead, height, width))
    depth = () if shards is None else (1, *shards)
    written(folder, values, chunks=(1, *chunk), shards=depth or None)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    window = Window(
        top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    )
    place = data.draw(st.integers(0, lead - 1))
    assert np.array_equal(opened(folder).read((place,), window), values[(place, *window.slices)])


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f8", ">f4", "bool"])
def test_types_and_orders_of_bytes_are_kept(tmp_path: Path, dtype: str) -> None:
    values = numbers((9, 7), dtype)
    written(tmp_path, values, chunks=(4, 4))
    assert np.array_equal(opened(tmp_path).read((), Window(0, 0, 9, 7)), values)


@pytest.mark.parametrize("fill", [np.nan, -9999.0, np.inf])
@pytest.mark.parametrize("shards", [None, (8, 8)])
def test_what_is_not_stored_is_the_fill_value(tmp_path: Path, fill: float, shards: Any) -> None:
    array = zarr.create_array(
        store=tmp_path / "layer", shape=(16, 16), dtype="f4", chunks=(4, 4), shards=shards, fill_value=fill
    )
    array[:4, :4] = 1
    found = opened(tmp_path).read((), Window(0, 0, 16, 16))
    assert np.array_equal(found, array[:], equal_nan=True)
    assert np.array_equal(found[8:], np.full((8, 16), fill, "f4"), equal_nan=True)


def test_version_2_is_read(tmp_path: Path) -> None:
    values = numbers((30, 20))
    array = zarr.create_array(
        store=tmp_path / "layer", shape=values.shape, dtype="f4", chunks=(7, 7), zarr_format=2, fill_value=0
    )
    array[:] = values
    assert np.array_equal(opened(tmp_path).read((), Window(3, 2, 20, 17)), values[3:23, 2:19])


@pytest.mark.parametrize(
    "options",
    [
        {"filters": [TransposeCodec(order=(1, 0))]},
        {"compressors": [ZstdCodec(), Crc32cCodec()]},
        {"dtype": "c8"},
    ],
    ids=["transposed", "two codecs", "complex"],
)
def test_other_arrays_are_left_to_the_library(tmp_path: Path, options: dict[str, Any]) -> None:
    zarr.create_array(store=tmp_path / "layer", shape=(8, 8), chunks=(4, 4), **{"dtype": "f4", **options})
    assert ChunkedArray.of(tmp_path / "layer") is None


def test_big_endian_metadata_of_version_3_is_read(tmp_path: Path) -> None:
    values = numbers((8, 8))
    written(tmp_path, values, chunks=(4, 4), serializer=BytesCodec(endian="big"))
    assert np.array_equal(opened(tmp_path).read((), Window(0, 0, 8, 8)), values)


def test_no_array_is_none(tmp_path: Path) -> None:
    assert ChunkedArray.of(tmp_path / "nothing") is None


def test_a_damaged_shard_is_one_clear_error(tmp_path: Path) -> None:
    layer = xr.DataArray(numbers((600, 600)), dims=("y", "x"), name="coherence")
    path = insarfeat.write(layer, tmp_path / "stack.zarr")
    shard = next(file for file in (path / "coherence" / "c").rglob("*") if file.is_file())
    shard.write_bytes(shard.read_bytes()[:-7])
    with pytest.raises(UnreadableInput, match=r"stack\.zarr cannot be read: it is damaged"):
        insarfeat.open_stack(path)["coherence"].compute(scheduler="synchronous")


def test_a_shard_that_is_written_anew_is_read_anew(tmp_path: Path) -> None:
    array = written(tmp_path, numbers((8, 8)), chunks=(4, 4), shards=(8, 8))
    found = opened(tmp_path)
    found.read((), Window(0, 0, 8, 8))
    array[:] = numbers((8, 8)) + 1
    assert np.array_equal(found.read((), Window(0, 0, 8, 8)), numbers((8, 8)) + 1)
