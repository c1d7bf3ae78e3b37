"""A check of any split: what its parts share, told apart by kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.tiling.patches._kernels import nearby
from insarfeat.tiling.patches.parts.leakage import KINDS, MEANINGS, MOST_LISTED, Leak, Leakage, LeakPair
from insarfeat.tiling.patches.parts.listings import SPLIT, TABLE, Listing, listing_of
from insarfeat.tiling.patches.parts.places import Numbers, Places
from insarfeat.tiling.patches.parts.slides import Sightings, slides_in, slides_of_inventory

_PARTS = ("part", "split", "subset", "fold", "set")
_MOST_PARTS = 62  # one bit each


def leaks(patches: Any, *, part: str = "part", buffer: float | None = None, slides: Any = None) -> Leakage:
    """Look for what the parts of a split share, whoever made it.

    Five kinds are told apart: "overlap" (the same pixels of one raster, or of rasters that are not named), "ground"
    (the same ground in different pairs or scenes; or a band that is equal though others differ), "slide" (one slide
    in two parts), "duplicate" (all bands equal under another name), "buffer" (nearer than the buffer). Couples are
    told as one of duplicate, overlap, ground and buffer; slides are told in any case.

    Parameters
    ----------
    patches
        A :class:`Split`; patches of this package with a saved split, or their folder; a DataFrame or GeoDataFrame, or
        the path of one (.parquet, .csv, .geojson) with a column of parts and, as far as known, bounds (west, south,
        east, north) or geometry, crs, slides (lists of ids), scene, pair, name, digest_<band>; or a folder with a
        subfolder per part (train, val, test; also deeper, as images/train) of GeoTIFF, NetCDF, .npy or .png patches.
        Patches whose part is empty are not looked at.
    part
        Column of the parts.
    buffer
        Metres that parts should keep apart; None takes what the split was made with, where it says so.
    slides
        An inventory of slides: polygons, or the path of a vector file.

    Returns
    -------
    Leakage
        Print it. What could not be checked, for want of bounds, digests or slides, is said there.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"west": [0.0, 200, 350], "south": 0.0, "north": 100.0})
    >>> parted = table.assign(east=table["west"] + 160, part=["train", "train", "test"])
    >>> found = leaks(parted, buffer=30)
    >>> found.kinds, found["overlap"].patches
    (('overlap',), 2)
    """
    if buffer is not None and not buffer >= 0:
        raise InvalidArgument(f"buffer must be metres, 0 or more; got {buffer!r}")
    listing = _read(patches)
    if buffer is None:
        buffer = _own_buffer(patches, listing)
    codes, names = _parts_of(listing, part)
    look = _Look(listing, codes, names, float(buffer))
    look.at_contents()
    look.at_ground()
    look.at_slides(slides)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    return Leakage(
        tuple(look.found[kind] for kind in KINDS if kind in look.found),
        dict(zip(names, counts.tolist(), strict=True)),
        int((codes < 0).sum()),
        tuple(look.checked),
        tuple(look.unchecked),
    )


class _Look:
    """One look at a split, kind by kind."""

    def __init__(self, listing: Listing, codes: Numbers, parts: list[str], buffer: float) -> None:
        self.listing, self.codes, self.parts, self.buffer = listing, codes, parts, buffer
        self.found: dict[str, Leak] = {}
        self.checked: list[str] = []
        self.unchecked: list[str] = list(listing.notes)
        self.names = listing.names()
        self.inside = codes >= 0
        self.places: Places = listing.places()
        self.content = np.full(len(codes), -1, np.int64)
        self.shared_bands: list[tuple[NDArray[np.int64], str]] = []

    def at_contents(self) -> None:
        """Equal bands, by their digests."""
        table = self.listing.table
        columns = [str(name) for name in table.columns if str(name).startswith("digest_")]
        if not columns:
            self.unchecked.append("duplicates and static layers by their pixels: no digests are known")
            return
        digests = table[columns].fillna(0).to_numpy(np.int64)
        telling = (digests != 0).any(axis=1) & self.inside
        silent = int((self.inside & ~telling).sum())
        if silent:
            self.unchecked.append(
                f"{silent} patches by their pixels: their bands are constant, or have no digest"
            )
        rows = np.flatnonzero(telling)
        _, self.content[rows] = np.unique(digests[rows], axis=0, return_inverse=True)
        couples = self._across(rows, self.content[rows])
        self._add("duplicate", couples, lambda _: "all bands are equal")
        for column, values in zip(columns, digests.T, strict=True):
            band = column.removeprefix("digest_")
            if band in self.listing.classes:
                continue
            rows = np.flatnonzero((values != 0) & self.inside)
            couples = self._across(rows, values[rows])
            couples = couples[self.content[couples[:, 0]] != self.content[couples[:, 1]]]
            self.shared_bands.append((couples, f"{band} is equal"))
        self.checked.append(f"pixels of {int(telling.sum())} patches by digests of {len(columns)} band(s)")

    def at_ground(self) -> None:
        """What lies on or near the same ground."""
        places, buffer = self.places, self.buffer
        nowhere = int((self.inside & (places.of < 0)).sum())
        couples = [np.empty((0, 2), np.int64)] * 3
        if nowhere:
            self.unchecked.append(f"overlap and buffer of {nowhere} patches: they do not tell where they lie")
        if (self.inside & (places.of >= 0)).any():
            if 0 < places.unknown_crs < int((places.of >= 0).sum()):
                self.unchecked.append(
                    "patches with a CRS against those without: nothing tells how they lie to each other"
                )
            couples = self._near()
            far = f" and a buffer of {buffer:g} m" if buffer else ""
            self.checked.append(
                f"ground of {int((self.inside & (places.of >= 0)).sum())} patches by bounds: overlap{far}"
            )
            if not buffer:
                self.unchecked.append("a buffer between the parts: none was given (buffer=, in metres)")
        self._add("overlap", couples[0], lambda _: "they overlap")
        shared = np.concatenate([*(one for one, _ in self.shared_bands), couples[1]])
        self._add("ground", shared, self._ground_told(couples[1]))
        self._add("buffer", couples[2], lambda _: f"nearer than {buffer:g} m")

    def _ground_told(self, overlapping: NDArray[np.int64]) -> Callable[[int], str]:
        """What each couple on the same ground has in common: bands first, then those that overlap."""
        ends = np.cumsum([len(one) for one, _ in self.shared_bands])
        rasters = _rasters(self.listing)[1]

        def told(at: int) -> str:
            band = int(np.searchsorted(ends, at, side="right"))
            if band < len(ends):
                return self.shared_bands[band][1]
            one, two = overlapping[at - (int(ends[-1]) if len(ends) else 0)]
            return "they overlap, " + _views(rasters[one], rasters[two])

        return told

    def at_slides(self, inventory: Any) -> None:
        """Slides in two parts."""
        seen = slides_in(self.listing)
        if inventory is not None:
            seen = seen.with_others(slides_of_inventory(inventory, self.listing, self.places))
        if not seen.told_by:
            self.unchecked.append(
                "slides: neither ids, nor label boxes, nor an inventory (slides=) tell of any"
            )
            return
        if seen.untold and inventory is None:
            self.unchecked.append(
                f"slides of {seen.untold} patches: they have label pixels, but neither ids nor boxes tell of which"
            )
        rows = np.flatnonzero(self.inside[seen.patch])
        couples = self._across(seen.patch[rows], seen.slide[rows])
        inside = _slides_by_patch(couples[:MOST_LISTED], seen)

        def told(at: int) -> str:
            one, two = couples[at].tolist()
            return f"{seen.names[min(inside[one] & inside[two])]} is in both"

        self._add("slide", couples, told)
        self.checked.append(f"{len(np.unique(seen.slide[rows]))} slides by {' and '.join(seen.told_by)}")

    def _near(self) -> list[NDArray[np.int64]]:
        """Couples that overlap in one raster, that overlap in two rasters, and that are only near."""
        places = self.places
        bits = np.zeros(len(places), np.int64)
        there = np.flatnonzero(self.inside & (places.of >= 0))
        np.bitwise_or.at(bits, places.of[there], np.int64(1) << self.codes[there])
        cell = places.cell(self.buffer)
        suspect = nearby.mixed(bits, self.buffer, cell, places.world)
        rows = there[suspect[places.of[there]]]
        rows = rows[np.argsort(places.of[rows], kind="stable")]  # what lies together is looked at together
        rasters = _rasters(self.listing)[0]
        partners = nearby.partners(
            places.of[rows],
            self.codes[rows],
            rasters[rows],
            self.content[rows],
            self.buffer,
            cell,
            places.world,
        )
        return [_couples(rows[one >= 0], rows[one[one >= 0]]) for one in partners]

    def _across(self, rows: Numbers, groups: Numbers) -> NDArray[np.int64]:
        """Couples of two parts within groups: each patch with the first of another part."""
        if not len(rows):
            return np.empty((0, 2), np.int64)
        order = np.lexsort((rows, self.codes[rows], groups))
        rows, groups = rows[order], groups[order]
        codes = self.codes[rows]
        heads = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
        group = np.cumsum(np.append(True, groups[1:] != groups[:-1])) - 1
        # Within a group patches are sorted by part: the first one, and the first one of another part than its.
        turns = np.flatnonzero((groups[1:] == groups[:-1]) & (codes[1:] != codes[:-1])) + 1
        second = np.full(len(heads), -1, np.int64)
        second[group[turns[::-1]]] = turns[::-1]
        partner = np.where(codes == codes[heads][group], second[group], heads[group])
        leaking = partner >= 0
        return _couples(rows[leaking], rows[partner[leaking]])

    def _add(self, kind: str, couples: NDArray[np.int64], told: Callable[[int], str]) -> None:
        """Note a kind of leak; ``told`` says what couples have in common, by their places in the list."""
        if not len(couples):
            return
        ordered, first = np.unique(couples, axis=0, return_index=True)
        pairs = tuple(
            LeakPair(
                str(self.names[one]), self.parts[self.codes[one]],
                str(self.names[two]), self.parts[self.codes[two]], told(int(at)),
            )
            for (one, two), at in zip(ordered[:MOST_LISTED], first[:MOST_LISTED], strict=True)
        )  # fmt: skip
        self.found[kind] = Leak(kind, len(np.unique(couples)), len(ordered), pairs, MEANINGS[kind])


def _couples(one: Numbers, two: Numbers) -> NDArray[np.int64]:
    """Couples, each once and in the order of the patches."""
    if not len(one):
        return np.empty((0, 2), np.int64)
    found: NDArray[np.int64] = np.unique(np.sort(np.column_stack([one, two]), axis=1), axis=0)
    return found


def _slides_by_patch(couples: NDArray[np.int64], seen: Sightings) -> dict[int, set[int]]:
    """Slides in the patches of couples."""
    rows = np.flatnonzero(np.isin(seen.patch, couples))
    inside: dict[int, set[int]] = {}
    for patch, slide in zip(seen.patch[rows].tolist(), seen.slide[rows].tolist(), strict=True):
        inside.setdefault(patch, set()).add(slide)
    return inside


def _rasters(listing: Listing) -> tuple[Numbers, list[tuple[str, str]]]:
    """Number of the raster that each patch was cut from, and its scene and pair."""
    scenes, pairs = listing.text("scene"), listing.text("pair")
    told = list(zip(scenes.tolist(), pairs.tolist(), strict=True))
    numbers: dict[tuple[str, str], int] = {}
    codes = np.fromiter((numbers.setdefault(one, len(numbers)) for one in told), np.int64, len(told))
    return codes, told


def _views(one: tuple[str, str], other: tuple[str, str]) -> str:
    where = "in scenes" if one[0] != other[0] else "in pairs"
    names = (one[0], other[0]) if one[0] != other[0] else (one[1], other[1])
    return f"{where} {names[0] or 'unnamed'} and {names[1] or 'unnamed'}"


def _read(patches: Any) -> Listing:
    if isinstance(patches, str) or hasattr(patches, "__fspath__"):
        folder = Path(patches)
        if folder.is_dir() and not (folder / TABLE).exists():
            from insarfeat.tiling.patches.parts.part_folders import list_folder

            return list_folder(folder)
    return listing_of(patches)


def _own_buffer(patches: Any, listing: Listing) -> float:
    """Metres that a split was made to keep apart, 0 where it does not say."""
    told = getattr(patches, "buffer", None)
    saved = None if listing.path is None else listing.path / SPLIT
    if told is None and saved is not None and saved.exists():
        from pyarrow import parquet

        told = (parquet.read_schema(saved).metadata or {}).get(b"buffer")
    return 0.0 if told is None else float(told)


def _parts_of(listing: Listing, column: str) -> tuple[Numbers, list[str]]:
    """Number of each patch's part, -1 for none, and the names of the parts."""
    table = listing.table
    if column not in table and column == _PARTS[0]:
        column = next((name for name in _PARTS if name in table), column)
    if column not in table:
        saved = "; save a split first, as in split(patches).save()" if listing.path is not None else ""
        raise InvalidArgument(
            f"part is {column!r}{suggestion(column, table.columns)}, and patches have no such column, but "
            f"{', '.join(map(str, table.columns))}{saved}"
        )
    told = listing.text(column)
    names, codes = np.unique(told.astype(str), return_inverse=True)
    kept = names != ""
    if kept.sum() < 2:
        raise InvalidArgument(
            f"at least two parts are needed to share something; the column {column!r} names "
            f"{', '.join(names[kept]) or 'none'}"
        )
    if kept.sum() > _MOST_PARTS:
        raise InvalidArgument(f"at most {_MOST_PARTS} parts can be compared; {column!r} names {kept.sum()}")
    numbers = np.where(kept, np.cumsum(kept) - 1, -1)
    return numbers[codes].astype(np.int64), [str(name) for name in names[kept]]
