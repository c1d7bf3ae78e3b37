"""Headers of NetCDF and HDF5 that are looked at before their libraries are: damaged ones crash or hang those.

What is here finds what random damage to headers was seen to do to libnetcdf 4.9 and HDF5 1.14.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from insarfeat.errors import UnreadableInput

_DENSEST = 1100  # zlib makes nothing smaller than a thousandth
_SLACK = 1 << 26  # bytes: a dataset that was never filled takes no room, and is small
_HDF5 = b"\x89HDF\r\n\x1a\n"
_HEADERS = 1 << 23  # bytes
_HEAP = b"GCOL\x01\0\0\0"
_LARGEST_HEAP = 1 << 20
_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}


def check_header(path: Path) -> None:
    """Refuse a file that would crash the library that reads it, or keep it busy for ever; pass over all others."""
    with path.open("rb") as file:
        begin = file.read(len(_HDF5))
        size = path.stat().st_size
        if begin == _HDF5:
            for start in sorted({0, max(size - _HEADERS, 0)}):
                file.seek(start)
                _check_heaps(path.name, file.read(_HEADERS + _LARGEST_HEAP), start)
        elif begin[:4] in (b"CDF\x01", b"CDF\x02", b"CDF\x05"):
            file.seek(0)
            _Classic(path.name, file.read(_HEADERS), size, begin[3]).check()


def check_size(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse a header that claims more numbers than can be in its file, however well they are compressed."""
    claimed, size = dtype.itemsize * math.prod(int(side) for side in shape), path.stat().st_size
    if claimed > _DENSEST * size + _SLACK:
        raise UnreadableInput(
            f"{path.name} has {size} bytes; {name} claims {' x '.join(map(str, shape))} numbers of {dtype}, which "
            "cannot be in it"
        )


def _check_heaps(name: str, part: bytes, start: int) -> None:
    """Refuse heaps of text and references in which HDF5 would go round and round.

    Texts of any length lie in collections, object after object, each with its length. HDF5 takes that length for the
    way to the next one without a look, and where damage has made it nothing it never comes to the end. Collections
    are looked for at both ends of the file, where headers are; one whose mark is damaged HDF5 itself refuses.
    """
    at = part.find(_HEAP)
    while at >= 0:
        if not _walks(part[at : at + _LARGEST_HEAP]):
            raise UnreadableInput(f"{name} is damaged: its heap at byte {start + at} has no end")
        at = part.find(_HEAP, at + 1)


def _walks(heap: bytes) -> bool:
    """Whether a collection's objects lead to its end, or out of what was read of it."""
    end = int.from_bytes(heap[8:16], "little")
    at = 16
    while at + 16 <= min(end, len(heap)):
        number = int.from_bytes(heap[at : at + 2], "little")
        length = int.from_bytes(heap[at + 8 : at + 16], "little")
        step = 16 + -(-length // 8) * 8 if number else length
        if step < 16 or at + step > end:
            return False
        at += step
    return True


@dataclass(slots=True)
class _Classic:
    """The header of NetCDF before HDF5: lists of dimensions, attributes and variables, each with its length first."""

    name: str
    content: bytes
    size: int
    version: int
    at: int = 4

    def check(self) -> None:
        """Walk through all of it; each list must fit into the file, and so must the numbers of each variable."""
        records = self._count()
        lengths = []
        for _ in range(self._list(_DIMENSIONS)):
            self._text()
            lengths.append(self._count())
        self._attributes()
        for _ in range(self._list(_VARIABLES)):
            variable = self._text()
            ids = [self._count() for _ in range(self._fitting(self._count()))]
            self._attributes()
            kind = self._number(4)
            self._count()
            begin = self._number(4 if self.version == 1 else 8)
            if kind not in _BYTES or any(one >= len(lengths) for one in ids):
                raise self._error(f"{variable} has an impossible type or dimension")
            sides = [lengths[one] or records for one in ids]  # 0 is the dimension that grows
            end = begin + _BYTES[kind] * math.prod(sides)
            if end > self.size:
                raise self._error(f"{variable} would end at byte {end} of {self.size}")

    def _attributes(self) -> None:
        for _ in range(self._list(_ATTRIBUTES)):
            attribute = self._text()
            kind = self._number(4)
            if kind not in _BYTES:
                raise self._error(f"the attribute {attribute} has an impossible type")
            self._skip(_BYTES[kind] * self._count())

    def _list(self, mark: int) -> int:
        """How many elements follow."""
        found, count = self._number(4), self._count()
        if found not in (0, mark) or (found == 0 and count):
            raise self._error(f"a list begins with {found}, not {mark}")
        return self._fitting(count)

    def _text(self) -> str:
        length = self._fitting(self._count())
        begin = self.at
        self._skip(length)
        return self.content[begin : begin + length].decode("utf-8", "replace")

    def _count(self) -> int:
        return self._number(8 if self.version == 5 else 4)

    def _fitting(self, count: int) -> int:
        if count > len(self.content) - self.at:
            raise self._error(f"a list claims {count} elements")
        return count

    def _skip(self, length: int) -> None:
        self._fitting(length)
        self.at += -(-length // 4) * 4

    def _number(self, length: int) -> int:
        if self.at + length > len(self.content):
            raise self._error("its header is cut short")
        self.at += length
        return int.from_bytes(self.content[self.at - length : self.at], "big")

    def _error(self, what: str) -> UnreadableInput:
        return UnreadableInput(f"{self.name} is damaged or cut short: {what}")
