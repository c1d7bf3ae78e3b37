"""Which slides are in which patches: by their ids, by label boxes, or by an inventory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument
from insarfeat.georeference import parse_crs
from insarfeat.tiling.patches._kernels import nearby, outlines
from insarfeat.tiling.patches.parts.listings import BOUNDS, Listing, whole_numbers
from insarfeat.tiling.patches.parts.places import Places

if TYPE_CHECKING:
    import pandas as pd

    from insarfeat.inventory.polygons import Outlines

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """Slides in patches: one row for each slide in each patch.

    Attributes
    ----------
    patch, slide
        Number of the patch, and of the slide from 0 on.
    names
        What to call each slide.
    untold
        Patches with label pixels of which neither ids nor boxes say which slides they are.
    told_by
        Where slides are known from: some of "ids", "label boxes", "inventory".
    """

    patch: Numbers
    slide: Numbers
    names: tuple[str, ...]
    untold: int
    told_by: tuple[str, ...]

    def with_others(self, others: Sightings) -> Sightings:
        """These, and those of other slides."""
        return Sightings(
            np.concatenate([self.patch, others.patch]),
            np.concatenate([self.slide, others.slide + len(self.names)]),
            self.names + others.names,
            self.untold,
            self.told_by + others.told_by,
        )


def slides_in(listing: Listing) -> Sightings:
    """Slides by the column ``slides``; and where that names none, by label boxes that overlap on the ground."""
    table, boxes = listing.table, listing.boxes
    patches, ids = _by_ids(table["slides"]) if "slides" in table else (np.empty(0, np.int64),) * 2
    known, numbers = np.unique(ids, return_inverse=True)
    found = Sightings(
        patches, numbers, tuple(f"slide {one}" for one in known), 0, ("ids",) if len(ids) else ()
    )
    with_ids = np.isin(np.arange(len(table)), patches)
    boxed = np.empty(0, np.int64)
    if boxes is not None and len(boxes) and all(name in boxes for name in ("patch", *BOUNDS)):
        boxed, groups = _by_boxes(table, boxes, with_ids)
        if len(boxed):
            _, numbers = np.unique(groups, return_inverse=True)
            names = tuple(f"label box {k}" for k in range(numbers.max() + 1))
            found = found.with_others(Sightings(boxed, numbers, names, 0, ("label boxes",)))
    labelled = table["label_pixels"].to_numpy() > 0 if "label_pixels" in table else np.zeros(len(table), bool)
    untold = int((labelled & ~with_ids & ~np.isin(np.arange(len(table)), boxed)).sum())
    return Sightings(found.patch, found.slide, found.names, untold, found.told_by)


def slides_of_inventory(polygons: Any, listing: Listing, places: Places) -> Sightings:
    """Slides by polygons: each is in the patches that have ground of it, whatever the pair and the time."""
    from insarfeat.inventory.polygons import Outlines
    from insarfeat.inventory.vectors import read_polygons

    if isinstance(polygons, str) or hasattr(polygons, "__fspath__"):
        polygons = read_polygons(Path(polygons))
    mapped = Outlines.of(polygons)
    crs = listing.text("crs")[places.of >= 0]
    maps = sorted(set(crs))
    if mapped.crs is None and len(maps) > 1:
        raise InvalidArgument(
            "slides name no CRS, and patches have several; give them one, as in slides.set_crs('EPSG:4326')"
        )
    patches, slides = [], []
    table = listing.table
    bounds = table[list(BOUNDS)].to_numpy(np.float64)
    for name in maps:
        rows = np.flatnonzero((listing.text("crs") == name) & (places.of >= 0))
        unique, which = np.unique(places.of[rows], return_inverse=True)
        first = np.zeros(len(unique), np.int64)
        first[which] = rows
        there, slide = _touched(bounds[first], mapped, name)
        order = np.argsort(which, kind="stable")
        starts = np.searchsorted(which[order], np.arange(len(unique) + 1))
        for place, number in zip(there, slide, strict=True):
            on_it = rows[order[starts[place] : starts[place + 1]]]
            patches.append(on_it)
            slides.append(np.full(len(on_it), number))
    names = tuple(f"polygon {k}" for k in range(len(mapped.features)))
    if not patches:
        return Sightings(np.empty(0, np.int64), np.empty(0, np.int64), names, 0, ("inventory",))
    return Sightings(np.concatenate(patches), np.concatenate(slides), names, 0, ("inventory",))


def _by_ids(column: pd.Series[Any]) -> tuple[Numbers, Numbers]:
    lists: Sequence[list[int]] = [whole_numbers(value) for value in column]
    counts = np.fromiter((len(one) for one in lists), np.int64, len(lists))
    ids = np.fromiter((number for one in lists for number in one), np.int64, int(counts.sum()))
    return np.repeat(np.arange(len(lists)), counts), ids


def _by_boxes(
    table: pd.DataFrame, boxes: pd.DataFrame, with_ids: NDArray[np.bool_]
) -> tuple[Numbers, Numbers]:
    """Rows of the table with label boxes but without ids, and the group of overlapping boxes that each box is in."""
    import pandas as pd

    numbers = table["patch"].to_numpy() if "patch" in table else np.arange(len(table))
    rows = pd.Index(numbers).get_indexer(pd.Index(boxes["patch"]))
    bounds = boxes[list(BOUNDS)].to_numpy(np.float64)
    there = rows >= 0
    rows, bounds = rows[there].astype(np.int64), bounds[there]
    if not (~with_ids[rows]).any():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    places = Places.locate(bounds, table["crs"].to_numpy()[rows])
    groups = places.clusters()
    chosen = (places.of >= 0) & ~with_ids[rows]
    # A box that some patches know by its id and others do not: all patches of the group count.
    wanted = np.isin(groups[np.maximum(places.of, 0)], groups[places.of[chosen]]) & (places.of >= 0)
    return rows[wanted], groups[places.of[wanted]]


def _touched(boxes: NDArray[np.float64], mapped: Outlines, name: str) -> tuple[Numbers, Numbers]:
    """Pairs of (box, feature) that share ground."""
    order = np.argsort(boxes[:, 1], kind="stable")
    ordered = np.ascontiguousarray(boxes[order])
    highest = float((ordered[:, 3] - ordered[:, 1]).max(initial=0.0))
    there, slides = [], []
    for number, feature in enumerate(mapped.features):
        for polygon in feature.polygons:
            rings = [_brought(ring, mapped.crs, name) for ring in polygon.rings]
            edges = np.concatenate([np.hstack([ring[:-1], ring[1:]]) for ring in rings])
            low, high = rings[0].min(axis=0), rings[0].max(axis=0)
            first, last = np.searchsorted(ordered[:, 1], [low[1] - highest, high[1]])
            some = ordered[first:last]
            near = (some[:, 3] >= low[1]) & (some[:, 0] <= high[0]) & (some[:, 2] >= low[0])
            chosen = first + np.flatnonzero(near)
            chosen = chosen[outlines.touched(ordered[chosen], edges)]
            there.append(order[chosen])
            slides.append(np.full(len(chosen), number, np.int64))
    pairs = np.unique(np.column_stack([np.concatenate(there), np.concatenate(slides)]), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _brought(ring: NDArray[np.float64], own: Any, name: str) -> NDArray[np.float64]:
    if own is None or not name:
        return ring
    from pyproj import Transformer

    change = Transformer.from_crs(own, parse_crs(name), always_xy=True)
    return np.column_stack(change.transform(ring[:, 0], ring[:, 1]))


def linked(count: int, sightings: Sightings, of: Numbers) -> Numbers:
    """Per place the first of all that are linked to it by slides that they share."""
    there = of[sightings.patch] >= 0
    places, slides = of[sightings.patch[there]], sightings.slide[there]
    order = np.argsort(slides, kind="stable")
    same = slides[order][1:] == slides[order][:-1]
    found: Numbers = nearby.joined(count, places[order][1:][same], places[order][:-1][same])
    return found
