"""MIRAGE (Reyes-Carmona et al. 2026): wrapped phase, coherence and a shapefile of labelled boxes per interferogram.

How the files are called was nowhere to be read; so they are told by what they are: the shapefile by the fields of its
table, the rasters by the dates in their names and by words such as "coh" in them. They may lie in one folder or in
folders one below.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput, suggestion
from insarfeat.io.products.parts import (
    UNVERIFIED,
    Band,
    Facts,
    assemble,
    files_named,
    identity,
    names_of,
    pair_in,
)
from insarfeat.io.products.wanted import Wanted

_FIELDS = frozenset({"class", "sign_qual", "class_unc", "ifg", "bt", "traj"})
_ENOUGH = 4  # of these fields, or it is somebody else's shapefile
_LARGEST_TABLE = 100_000_000  # bytes; the whole of MIRAGE has 4,910 boxes
_COHERENCE = re.compile(r"coh|(?<![a-z])(cc|corr?)(?![a-z])", re.IGNORECASE)
_PHASE = re.compile(r"pha|phi|wrap|ifg|int|fase", re.IGNORECASE)
_UNWRAPPED = re.compile(r"unw", re.IGNORECASE)
_KIND = re.compile(
    r"(coh\w*|cc|corr?\w*|pha\w*|wrap\w*|ifgs?|int\w*|shp|shape\w*|vector\w*|labels?|box\w*|polygons?|rasters?|tiff?s?)",
    re.IGNORECASE,
)  # names of folders that hold one kind of file each; others may be another area's


@dataclass(frozen=True, slots=True)
class _Table:
    """The table of a shapefile (dBASE): rows of fixed length, fields at fixed places."""

    path: Path
    begin: int
    length: int
    count: int
    fields: dict[str, slice]

    def column(self, name: str) -> list[str]:
        """All values of a field as text."""
        with self.path.open("rb") as file:
            file.seek(self.begin)
            rows = file.read(min(self.count * self.length, _LARGEST_TABLE))
        if len(rows) < self.count * self.length:
            raise UnreadableInput(
                f"{self.path.name} is cut short: its header tells of {self.count} rows of {self.length} bytes, and "
                f"there are {len(rows)} bytes"
            )
        place = self.fields[name]
        starts = range(0, self.count * self.length, self.length)
        return [
            rows[start + place.start : start + place.stop].decode("ascii", "replace").strip(" \0")
            for start in starts
        ]


def recognises(path: Path) -> bool:
    """Whether there is a shapefile with MIRAGE's fields, and rasters whose names tell two dates."""
    return bool(pairs_of(path))


def pairs_of(path: Path) -> list[str]:
    """The interferograms by their dates; of a file, its own."""
    folder = _folder_of(path)
    if folder is None:
        return []
    pairs = sorted({pair for raster in _files(folder, "tif") if (pair := _pair(raster))})
    if path.is_dir():
        return pairs
    own = _pair(path)
    return [own] if own in pairs else pairs if path.suffix.lower() == ".shp" and own is None else []


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """One interferogram; the attribute ``labels`` is the path of its boxes."""
    folder, pairs = _folder_of(path), pairs_of(path)
    pair = wanted.pair or next(iter(pairs), None)
    if folder is None or pair not in pairs:
        raise InvalidArgument(
            f"pair {pair!r} is not in {path.name}{suggestion(pair, pairs)}; it holds {', '.join(pairs) or 'none'}"
        )
    rasters = [raster for raster in _files(folder, "tif") if _pair(raster) == pair]
    coherence = _only([one for one in rasters if _COHERENCE.search(one.stem)], "coherence", pair, folder)
    others = [one for one in rasters if one != coherence and not _UNWRAPPED.search(one.stem)]
    phase = _only(
        [one for one in others if _PHASE.search(_words(one))] or others, "wrapped phase", pair, folder
    )
    labels = _labels(folder, pair)
    layers = [
        Band(path, nodata=(0.0,), floating=True).layer(name)
        for name, path in (("wrapped_phase", phase), ("coherence", coherence))
    ]
    return assemble(layers, _facts(pair, labels), product=f"{folder.name} {pair}")


def _folder_of(path: Path) -> Path | None:
    """The folder that holds labels, at its top or in folders by kind, for a path in it."""
    if not path.is_dir() and path.suffix.lower() not in (".tif", ".tiff", ".shp"):
        return None
    above = [path.parent.parent] if _KIND.fullmatch(path.parent.name) else []
    for folder in [path] if path.is_dir() else [path.parent, *above]:
        if any(True for _ in _tables(folder)) and any(_pair(raster) for raster in _files(folder, "tif")):
            return folder
    return None


def _files(folder: Path, suffix: str) -> list[Path]:
    """Files at the top of a folder, and in the folders in it that hold one kind each."""
    pattern = rf".+\.{suffix}f?" if suffix == "tif" else rf".+\.{suffix}"
    with suppress(OSError):  # folders of others, that nobody may look into
        inner = sorted(one for one in folder.iterdir() if _KIND.fullmatch(one.name) and one.is_dir())
        return [path for place in (folder, *inner) for path in files_named(place, pattern)]
    return []


def _tables(folder: Path) -> Iterator[_Table]:
    """The tables of shapefiles that have MIRAGE's fields."""
    for path in _files(folder, "shp"):
        table = next((_table(one) for one in (path.with_suffix(".dbf"), path.with_suffix(".DBF"))), None)
        if table is not None and len(_FIELDS & set(table.fields)) >= _ENOUGH:
            yield table


def _table(path: Path) -> _Table | None:
    """The header of a dBASE table; None where there is none that can be read."""
    try:
        with path.open("rb") as file:
            head = file.read(8192)
    except OSError:
        return None
    if len(head) < 33:
        return None
    count, begin, length = struct.unpack_from("<IHH", head, 4)
    fields, place, stop = {}, 32, 1  # a row begins with the mark of deletion
    while place + 32 <= len(head) and head[place] != 0x0D:
        name = head[place : place + 11].split(b"\0")[0].decode("ascii", "replace").lower()
        width = head[place + 16]
        fields[name] = slice(stop, stop + width)
        stop, place = stop + width, place + 32
    return _Table(path, begin, length, count, fields) if stop <= length else None


def _labels(folder: Path, pair: str) -> _Table:
    """The boxes of a pair: by the name of the file, else by the dates in its rows."""
    tables = list(_tables(folder))
    named = [table for table in tables if _pair(table.path) == pair]
    unnamed = [table for table in tables if _pair(table.path) is None and "ifg" in table.fields]
    found = named or [table for table in unnamed if pair in table.column("ifg")]
    if not found:
        raise MissingInput(
            f"{folder.name} has no shapefile of boxes of {pair}: neither in a name nor in a field IFG"
        )
    return found[0] if len(found) == 1 else _ambiguous("boxes", pair, [table.path for table in found])


def _only(found: list[Path], what: str, pair: str, folder: Path) -> Path:
    if not found:
        raise MissingInput(f"{folder.name} has no {what} of {pair} (a .tif with both dates in its name)")
    return found[0] if len(found) == 1 else _ambiguous(what, pair, found)


def _ambiguous(what: str, pair: str, found: list[Path]) -> Any:
    places = sorted({path.parent.name for path in found})
    raise UnreadableInput(
        f"several files could be the {what} of {pair}: {names_of(found)} in {', '.join(places)}. "
        "Open the folder of one area, or move one away"
    )


def _words(path: Path) -> str:
    """The name of a file without its dates."""
    return re.sub(r"\d{8}", "", path.stem)


def _pair(path: Path) -> str | None:
    first, second = pair_in(path.name)
    return f"{first:%Y%m%d}_{second:%Y%m%d}" if first and second else None


def _facts(pair: str, labels: _Table) -> Facts:
    primary, secondary = pair_in(pair)
    tracks: set[str] = set()
    if "traj" in labels.fields:
        marks = labels.column("traj")
        pairs = labels.column("ifg") if "ifg" in labels.fields else [pair] * len(marks)
        tracks = {mark.upper() for mark, of in zip(marks, pairs, strict=True) if of == pair}
    identity(labels.path)
    return Facts(
        primary=primary,
        secondary=secondary,
        orbit_direction={"A": "ascending", "D": "descending"}.get(*tracks) if len(tracks) == 1 else None,
        phase_sign=UNVERIFIED,
        unverified=(
            "no file of MIRAGE was at hand: names are told by words in them",
            "the sign of the phase",
            "that 0 is nodata",
        ),
        more={"labels": str(labels.path.with_suffix(".shp"))},
    )
