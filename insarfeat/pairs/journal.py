"""What was measured, kept beside the output while a ranking runs: a crash loses the pair at hand and no other."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from insarfeat.errors import WriteFailed
from insarfeat.pairs.files import Dates
from insarfeat.pairs.quality import Quality
from insarfeat.pairs.sketch import Sketch

_VERSION = 1
"""To be raised whenever the same pixels would give other numbers."""


@dataclass(frozen=True, slots=True)
class Record:
    """All that is read of an interferogram; it knows nothing of rules."""

    quality: Quality
    dates: Dates
    sketch: Sketch


class Journal:
    """A file of records by key, one line each; a line that a crash has torn counts for nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records = dict(_read(path))

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, key: str | None) -> bool:
        return key in self._records

    def get(self, key: str | None) -> Record | None:
        """What was measured, if it was."""
        return None if key is None else self._records.get(key)

    def put(self, key: str | None, record: Record) -> None:
        """Keep a record; when this returns it is on disk."""
        if key is None:
            return
        line = json.dumps({"version": _VERSION, "key": key, "record": _packed(record)})
        try:
            with self._path.open("a+b") as file:
                torn = file.tell() > 0 and _last_byte(file) != b"\n"
                file.write(b"\n" * torn + line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise WriteFailed(
                f"{self._path} cannot be written ({error.strerror}); is its folder there?"
            ) from error
        self._records[key] = record

    def remove(self) -> None:
        """Drop the file: the ranking is written."""
        self._path.unlink(missing_ok=True)


def _last_byte(file: Any) -> bytes:
    file.seek(-1, os.SEEK_END)
    return bytes(file.read(1))


def _read(path: Path) -> Iterator[tuple[str, Record]]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            found = json.loads(line)
            if found["version"] == _VERSION:
                yield found["key"], _unpacked(found["record"])
        except (ValueError, KeyError, TypeError):
            continue


def _packed(record: Record) -> dict[str, Any]:
    return {
        "quality": dataclasses.asdict(record.quality),
        "dates": [
            None if day is None else day.isoformat() for day in (record.dates.primary, record.dates.secondary)
        ],
        "days": record.dates.days,
        "sketch": record.sketch.packed(),
    }


def _unpacked(packed: dict[str, Any]) -> Record:
    primary, secondary = (None if day is None else date.fromisoformat(day) for day in packed["dates"])
    return Record(
        Quality(**packed["quality"]),
        Dates(primary, secondary, packed["days"]),
        Sketch.unpacked(packed["sketch"]),
    )


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name beside a file, which becomes the file when all went well."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        raise WriteFailed(
            f"{path} cannot be written ({error.strerror}); check that its folder is there and writable"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
