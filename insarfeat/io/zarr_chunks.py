"""Chunks of local Zarr arrays, straight from their files.

The zarr library takes many times as long for a chunk as unpacking it (``python -m benchmarks.patches_study chunks``),
and its thread does not live on in forked processes. Arrays that are packed as nearly all are (one compressor, in
shards or not) are read here; others are left to the library.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from insarfeat.windows import Window

Array = NDArray[Any]

MISSING = 2**64 - 1
"""Place and length, in a shard's index, of a chunk that is not there."""

_PLAIN_INDEX = ("bytes", "crc32c")


@dataclass(frozen=True, slots=True)
class ChunkedArray:
    """What an array's metadata says of its files.

    Attributes
    ----------
    folder
        Of the array.
    shape, chunk
        Sizes along all dimensions.
    shard
        Of the files, where they hold several chunks; None where each chunk is a file.
    dtype, fill
        As stored.
    codec
        numcodecs' configuration of the compressor, as JSON; None where there is none.
    prefix, separator
        Of the files' names.
    """

    folder: Path
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    shard: tuple[int, ...] | None
    dtype: np.dtype[Any]
    fill: Any
    codec: str | None
    prefix: str
    separator: str

    @classmethod
    def of(cls, folder: Path) -> ChunkedArray | None:
        """Read an array's metadata; None where it is not one of those that can be read here."""
        try:
            if (folder / "zarr.json").exists():
                return _of_version_3(folder, json.loads((folder / "zarr.json").read_text()))
            return _of_version_2(folder, json.loads((folder / ".zarray").read_text()))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def read(self, lead: tuple[int, ...], window: Window) -> Array:
        """The pixels of a window at an index into the leading dimensions."""
        height, width = self.chunk[-2:]
        row, column = window.top // height, window.left // width
        if (window.bottom - 1) // height == row and (window.right - 1) // width == column:
            whole = self._chunk(lead, row, column)
            if whole is not None:  # all in one chunk: nothing to put together
                return whole[window.seen_from(Window(row * height, column * width, height, width)).slices]
        pixels = np.empty((window.height, window.width), self.dtype)
        for row in range(window.top // height, -(-window.bottom // height)):
            for column in range(window.left // width, -(-window.right // width)):
                place = Window(row * height, column * width, height, width)
                top, left = max(place.top, window.top), max(place.left, window.left)
                shared = Window(
                    top, left, min(place.bottom, window.bottom) - top, min(place.right, window.right) - left
                )
                held = self._chunk(lead, row, column)
                target = pixels[shared.seen_from(window).slices]
                target[...] = self.fill if held is None else held[shared.seen_from(place).slices]
        return pixels

    def _chunk(self, lead: tuple[int, ...], row: int, column: int) -> Array | None:
        """The plane of a chunk at an index; None where nothing is stored."""
        index = (*(one // size for one, size in zip(lead, self.chunk[:-2], strict=True)), row, column)
        packed = self._packed(index)
        if packed is None:
            return None
        whole = np.empty(self.chunk, self.dtype)
        if self.codec is None:
            whole.reshape(-1)[...] = np.frombuffer(packed, self.dtype)
        else:
            codec_of(self.codec).decode(packed, out=whole)
        inner = tuple(one % size for one, size in zip(lead, self.chunk[:-2], strict=True))
        plane: Array = whole[inner]
        return plane

    def _packed(self, index: tuple[int, ...]) -> bytes | None:
        if self.shard is None:
            try:
                return self._path(index).read_bytes()
            except FileNotFoundError:
                return None
        counts = tuple(outer // inner for outer, inner in zip(self.shard, self.chunk, strict=True))
        path = self._path(tuple(one // count for one, count in zip(index, counts, strict=True)))
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                known = shard_index(path, int(np.prod(counts)), status.st_mtime_ns, status.st_size)
                within = tuple(one % count for one, count in zip(index, counts, strict=True))
                start, length = known[int(np.ravel_multi_index(within, counts))].tolist()
                return None if start == MISSING else os.pread(file.fileno(), length, start)
        except FileNotFoundError:
            return None

    def _path(self, index: tuple[int, ...]) -> Path:
        return self.folder / f"{self.prefix}{self.separator.join(map(str, index))}"


@lru_cache(maxsize=4096)
def shard_index(path: Path, chunks: int, _modified: int, _size: int) -> NDArray[np.uint64]:
    """Place and length of each chunk of a shard; a shard that was written anew is another one."""
    size = 16 * chunks
    with path.open("rb") as file:
        file.seek(-size - 4, os.SEEK_END)
        told, sum_ = file.read(size), file.read(4)
    if checksum(told) != sum_:
        raise ValueError(f"the index of the shard {path.name} does not fit its checksum")
    return np.frombuffer(told, "<u8").reshape(chunks, 2)


def checksum(told: bytes) -> bytes:
    """What stands behind a shard's index."""
    import google_crc32c  # zarr itself stands on it

    return struct.pack("<I", google_crc32c.value(told))


@lru_cache(maxsize=256)
def codec_of(configuration: str) -> Any:
    """The compressor of a configuration."""
    import numcodecs

    return numcodecs.get_codec(json.loads(configuration))


def _of_version_3(folder: Path, told: Mapping[str, Any]) -> ChunkedArray | None:
    chunk = tuple(told["chunk_grid"]["configuration"]["chunk_shape"])
    shard = None
    codecs = told["codecs"]
    if codecs[0]["name"] == "sharding_indexed":
        inner = codecs[0]["configuration"]
        index = tuple(one["name"] for one in inner["index_codecs"])
        if len(codecs) != 1 or index != _PLAIN_INDEX or inner.get("index_location", "end") != "end":
            return None
        shard, chunk, codecs = chunk, tuple(inner["chunk_shape"]), inner["codecs"]
    names = told["chunk_key_encoding"]
    regular = told["node_type"] == "array" and told["chunk_grid"]["name"] == "regular"
    if not regular or names["name"] != "default" or told.get("storage_transformers"):
        return None
    packing = _packing_of(codecs)
    if packing is None or not isinstance(told["data_type"], str):
        return None
    dtype = np.dtype(told["data_type"]).newbyteorder(packing[0])
    if dtype.kind not in "iufb":
        return None
    separator = names.get("configuration", {}).get("separator", "/")
    return ChunkedArray(
        folder, tuple(told["shape"]), chunk, shard, dtype, _fill_of(told["fill_value"], dtype), packing[1],
        f"c{separator}", separator,
    )  # fmt: skip


def _packing_of(codecs: list[Mapping[str, Any]]) -> tuple[Literal["<", ">"], str | None] | None:
    """Order of bytes, and the compressor as numcodecs has it; None where there is anything else."""
    order = codecs[0].get("configuration", {}).get("endian", "little")
    if codecs[0]["name"] != "bytes" or len(codecs) > 2:
        return None
    sign: Literal["<", ">"] = "<" if order == "little" else ">"
    if len(codecs) == 1:
        return sign, None
    name, options = codecs[1]["name"], codecs[1].get("configuration", {})
    if name == "blosc":
        return sign, json.dumps({"id": "blosc", "cname": options["cname"]})  # a block says the rest itself
    if name == "zstd":
        return sign, json.dumps({"id": "zstd", "level": options.get("level", 0)})
    if name == "gzip":
        return sign, json.dumps({"id": "gzip", "level": options.get("level", 1)})
    return None


def _of_version_2(folder: Path, told: Mapping[str, Any]) -> ChunkedArray | None:
    dtype = np.dtype(told["dtype"]) if isinstance(told["dtype"], str) else None
    if told["zarr_format"] != 2 or told["order"] != "C" or told.get("filters") or dtype is None:
        return None
    if dtype.kind not in "iufb":
        return None
    fill = told["fill_value"]
    codec = None if told["compressor"] is None else json.dumps(told["compressor"])
    chunk = tuple(told["chunks"])
    separator = told.get("dimension_separator", ".")
    return ChunkedArray(
        folder, tuple(told["shape"]), chunk, None, dtype, _fill_of(0 if fill is None else fill, dtype), codec, "",
        separator,
    )  # fmt: skip


def _fill_of(told: Any, dtype: np.dtype[Any]) -> Any:
    """The value of what is not stored. Some are told by names that NumPy knows, as "NaN"."""
    if isinstance(told, str) and told.startswith("0x"):
        return np.array(int(told, 16), f"u{dtype.itemsize}").view(dtype.newbyteorder("=")).item()
    return np.array(float(told) if isinstance(told, str) else told).astype(dtype)
