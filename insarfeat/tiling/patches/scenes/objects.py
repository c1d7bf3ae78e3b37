"""Labelled things: where they lie in a raster, what they are, and which of them are one slide seen several times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.reduction import Reduction
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.georeference import Grid, parse_crs
from insarfeat.layers import NODATA_BYTE
from insarfeat.tiling.patches._kernels import objects as kernels
from insarfeat.windows import Window

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]

OVERLAP = 0.3
"""Share of the smaller box that two boxes have in common where they are one slide."""

_MOST_SQUARES = 1 << 28  # along a side of the ground, so that two numbers make one key
_HALF_TURN = 180.0


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """Labelled things of a raster: an array of each kind, one number per thing.

    Attributes
    ----------
    row0, col0, row1, col1
        The part of the box on the raster, in pixels from the outer corner of the first one.
    value
        Number of the class in the label raster.
    area_pixels
        Pixels whose centre is in the thing.
    west, south, east, north
        The whole box, in the raster's CRS; NaN where the raster has no map.
    attributes
        What is known of each beside its class; empty for things that were found in a raster.
    """

    row0: Numbers
    col0: Numbers
    row1: Numbers
    col1: Numbers
    value: NDArray[np.uint8]
    area_pixels: Places
    west: Numbers
    south: Numbers
    east: Numbers
    north: Numbers
    attributes: tuple[Mapping[str, Any], ...]

    def __len__(self) -> int:
        return len(self.value)

    @classmethod
    def of(
        cls,
        pixels: Any,
        value: Any,
        area: Any,
        grid: Grid | None = None,
        *,
        bounds: Any = None,
        attributes: Sequence[Mapping[str, Any]] | None = None,
    ) -> Objects:
        """From boxes as rows of (row0, col0, row1, col1); ``bounds`` are those on the map where they reach farther.

        >>> one = Objects.of([(2, 3, 5, 7)], [1], [12])
        >>> len(one), one.row1, one.west
        (1, array([5.]), array([nan]))
        """
        boxes = np.asarray(pixels, np.float64).reshape(-1, 4)
        if bounds is None:
            bounds = np.full((len(boxes), 4), np.nan) if grid is None else bounds_of(boxes, grid)
        corners = np.asarray(bounds, np.float64).reshape(-1, 4)
        known = ({},) * len(boxes) if attributes is None else tuple(attributes)
        values, areas = np.asarray(value, np.uint8), np.asarray(area, np.int64)
        (row0, col0, row1, col1), (west, south, east, north) = boxes.T.copy(), corners.T.copy()
        return cls(row0, col0, row1, col1, values, areas, west, south, east, north, known)

    @property
    def pixels(self) -> Numbers:
        """One row of (row0, col0, row1, col1) per thing."""
        return np.stack([self.row0, self.col0, self.row1, self.col1], axis=1)

    @property
    def bounds(self) -> Numbers:
        """One row of (west, south, east, north) per thing."""
        return np.stack([self.west, self.south, self.east, self.north], axis=1)

    def under(self, window: Window) -> Places:
        """Numbers of the things whose boxes reach into a window.

        >>> Objects.of([(2, 3, 5, 7), (8, 8, 9, 9)], [1, 1], [12, 1]).under(Window(4, 0, 2, 9))
        array([0])
        """
        near = (self.row0 < window.bottom) & (self.row1 > window.top)
        near &= (self.col0 < window.right) & (self.col1 > window.left)
        return np.flatnonzero(near)


def bounds_of(pixels: Numbers, grid: Grid) -> Numbers:
    """Boxes (row0, col0, row1, col1) as (west, south, east, north) in the CRS of their grid."""
    down = grid.y.first + (pixels[:, [0, 2]] - 0.5) * grid.y.step
    across = grid.x.first + (pixels[:, [1, 3]] - 0.5) * grid.x.step
    return np.stack([across.min(1), down.min(1), across.max(1), down.max(1)], axis=1)


# -- objects of a raster --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a chunk holds: its sets of connected pixels, and which of its outermost pixels belong to which set."""

    table: Places  # columns as the kernel's, in pixels of the whole raster
    rows: Places
    columns: Places
    members: Places


def objects_in(layer: Any, grid: Grid | None = None) -> Objects:
    """Things of a label raster: pixels of one value that are connected over their 8 neighbours.

    The raster is read once, chunk by chunk, by the scheduler that the caller has chosen; between chunks only tables
    of things and the labelled pixels along borders are kept. However it is chunked, the things are the same.

    Parameters
    ----------
    layer
        uint8 (y, x); 0 is background and 255 nodata.
    grid
        Its map, for bounds; None gives none.

    Returns
    -------
    Objects
        In reading order of their first pixels.

    Examples
    --------
    >>> labels = np.array([[1, 0, 0, 2], [0, 1, 0, 2], [0, 0, 0, 1]], np.uint8)
    >>> found = objects_in(labels)
    >>> found.value, found.area_pixels
    (array([1, 2, 1], dtype=uint8), array([2, 2, 1]))
    >>> found.pixels[0]
    array([0., 0., 2., 2.])
    """
    data = getattr(layer, "data", layer) if not isinstance(layer, np.ndarray) else layer
    if data.dtype != np.uint8 or data.ndim != 2:
        raise InvalidType(
            f"labels must be a uint8 raster (y, x); got {data.dtype} with {data.ndim} dimensions: "
            "give one layer of one pair, as whole numbers"
        )
    if not data.size:
        return Objects.of((), (), (), grid)
    if hasattr(data, "dask"):
        from insarfeat.dispatch.lazy import reduce_lazily

        table: Places = reduce_lazily(_SETS, [data])
    else:
        table = _SETS([np.asarray(data)])
    return Objects.of(table[:, [2, 4, 3, 5]], table[:, 0], table[:, 1], grid)


def _piece(window: Window, pixels: NDArray[np.uint8]) -> list[_Piece]:
    """The sets of one chunk."""
    table, rows, columns = kernels.components(np.ascontiguousarray(pixels), NODATA_BYTE)
    if not len(table):
        return []
    table += np.array([0, 0, window.top, window.top, window.left, window.left, window.top, window.left])
    # Each outermost pixel once: whole rows, and columns without their ends.
    height, width = window.height, window.width
    lines = [(window.top, rows[0])] + ([(window.bottom - 1, rows[1])] if height > 1 else [])
    sides = [(window.left, columns[0])] + ([(window.right - 1, columns[1])] if width > 1 else [])
    inner = np.arange(1, max(height - 1, 1))
    parts = [(np.full(width, row), window.left + np.arange(width), of) for row, of in lines]
    parts += [(window.top + inner, np.full(len(inner), column), of[inner]) for column, of in sides]
    found = [np.concatenate(column) for column in zip(*parts, strict=True)]
    labelled = found[2] >= 0
    return [_Piece(table, *(column[labelled] for column in found))]


def _together(some: list[_Piece], others: list[_Piece]) -> list[_Piece]:
    some.extend(others)  # the state is nobody else's, and a new list for every chunk would cost their square
    return some


def _whole(pieces: list[_Piece]) -> Places:
    """Sets of chunks as those of the raster: what touches over a border is one."""
    if not pieces:
        return np.empty((0, 8), np.int64)
    table = np.concatenate([piece.table for piece in pieces])
    firsts = np.cumsum([0, *(len(piece.table) for piece in pieces)])
    rows, columns = (np.concatenate([getattr(one, name) for one in pieces]) for name in ("rows", "columns"))
    members = np.concatenate([piece.members + first for piece, first in zip(pieces, firsts, strict=False)])
    table = _merged(table, _groups(len(table), *_touching(rows, columns, members, table[:, 0])))
    return table[np.lexsort((table[:, 7], table[:, 6]))]


_SETS = Reduction(_piece, _together, _whole, placed=True)


def _touching(rows: Places, columns: Places, members: Places, values: Places) -> tuple[Places, Places]:
    """Sets that have pixels of one value beside each other."""
    width = int(columns.max(initial=0)) + 3  # no neighbour of a pixel at one edge is a pixel at the other
    keys = rows * width + columns
    order = np.argsort(keys)
    keys, members = keys[order], members[order]
    ones, others = [], []
    for step in (1, width - 1, width, width + 1):
        place = np.minimum(np.searchsorted(keys, keys + step), len(keys) - 1)
        meets = (keys[place] == keys + step) & (values[members] == values[members[place]])
        ones.append(members[meets])
        others.append(members[place[meets]])
    return np.concatenate(ones), np.concatenate(others)


def _groups(count: int, ones: Places, others: Places) -> Places:
    """Number of the group of each set."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(ones), np.int8), (ones, others)), shape=(count, count))
    found: Places = connected_components(links, directed=False)[1].astype(np.int64)
    return found


def _merged(table: Places, groups: Places) -> Places:
    """One row per group."""
    order = np.lexsort(
        (table[:, 7], table[:, 6], groups)
    )  # the first pixel of a group is that of its first row
    table, groups = table[order], groups[order]
    begins = np.flatnonzero(np.diff(groups, prepend=-1))
    found = table[begins]
    for column, gather in ((1, np.add), (2, np.minimum), (3, np.maximum), (4, np.minimum), (5, np.maximum)):
        found[:, column] = gather.reduceat(table[:, column], begins)
    return found


# -- one slide, seen several times ----------------------------------------------------------------------------


def slides_of(
    objects: Mapping[tuple[str, str], Objects],
    maps: Mapping[str, Grid | None],
    *,
    overlap: float = OVERLAP,
) -> dict[tuple[str, str], Places]:
    """Which things are one slide: those whose boxes on the ground lie on each other, whoever saw them.

    Two boxes are of one slide if they have ``overlap`` of the smaller one's area in common; what is of one slide with
    a third is of one slide. Scenes in several CRSs are compared in longitude and latitude, where a share of an area
    is what it is in metres. Scenes on no map are compared with themselves alone, those without CRS among themselves.

    Parameters
    ----------
    objects
        Things by the names of scene and pair.
    maps
        Grid of each scene, None where it has none.
    overlap
        Share of the smaller box's area, above 0 up to 1.

    Returns
    -------
    dict
        Numbers of slides from 0, in the order of things; for each scene and pair one per thing.

    Examples
    --------
    >>> first = Objects.of([(0, 0, 9, 9)], [1], [81])
    >>> second = Objects.of([(50, 0, 59, 9), (1, 0, 9, 9)], [1, 1], [81, 72])
    >>> slides_of({("a", "p"): first, ("a", "q"): second}, {"a": None})
    {('a', 'p'): array([0]), ('a', 'q'): array([1, 0])}
    """
    if not 0 < overlap <= 1:
        raise InvalidArgument(f"overlap must be a share of a box, above 0 up to 1; got {overlap!r}")
    keys = list(objects)
    counts = [len(objects[key]) for key in keys]
    total = sum(counts)
    boxes, grounds = np.empty((total, 4)), np.empty(total, np.int64)
    known: dict[Any, int] = {}
    turned = _differ(maps)
    ends = np.cumsum(counts, dtype=np.int64)
    for key, end, count in zip(keys, ends, counts, strict=True):
        mine = slice(end - count, end)
        ground, boxes[mine] = _on_ground(objects[key], key[0], maps[key[0]], turned)
        grounds[mine] = known.setdefault(ground, len(known))
    firsts = np.arange(total)
    for ground, number in known.items():
        chosen = np.flatnonzero((grounds == number) & np.isfinite(boxes).all(axis=1))
        if len(chosen):
            placed = _in_one_turn(boxes[chosen]) if ground == "degrees" else boxes[chosen]
            firsts[chosen] = chosen[_first_of_place(placed, overlap)]
    slides = np.unique(firsts, return_inverse=True)[1].astype(np.int64)
    return {key: slides[end - count : end] for key, end, count in zip(keys, ends, counts, strict=True)}


def _differ(maps: Mapping[str, Grid | None]) -> bool:
    """Whether the CRSs of scenes differ, so that boxes must be turned to longitude and latitude."""
    texts = list(dict.fromkeys(grid.crs_wkt for grid in maps.values() if grid is not None and grid.crs_wkt))
    first = parse_crs(texts[0]) if texts else None
    return any(not parse_crs(text).equals(first, ignore_axis_order=True) for text in texts[1:])


def _on_ground(found: Objects, scene: str, grid: Grid | None, turned: bool) -> tuple[Any, Numbers]:
    """Boxes to be compared, and with which others they may be."""
    if grid is None:
        return ("scene", scene), found.pixels[:, [1, 0, 3, 2]]
    if grid.crs_wkt is None:
        return "no CRS", found.bounds
    crs = parse_crs(grid.crs_wkt)
    if not turned and not crs.is_geographic:
        return "map", found.bounds
    return "degrees", _in_degrees(found.bounds, crs)


def _in_one_turn(boxes: Numbers) -> Numbers:
    """The same boxes with longitudes about the first one's, so that neighbours over the antimeridian are near."""
    astray = boxes[:, 0] - boxes[0, 0]
    turns = np.floor((astray + _HALF_TURN) / (2 * _HALF_TURN)) * 2 * _HALF_TURN
    found: Numbers = boxes - turns[:, np.newaxis] * np.array([1.0, 0.0, 1.0, 0.0])
    return found


def _in_degrees(bounds: Numbers, crs: Any) -> Numbers:
    """Boxes in longitude and latitude about those in a CRS; one on the antimeridian stays in one piece."""
    from pyproj import Transformer

    if not len(bounds):
        return bounds
    across, along = bounds[:, [0, 2, 2, 0]], bounds[:, [1, 1, 3, 3]]
    turn = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    longitude, latitude = turn.transform(across, along)
    # Longitudes count from the first corner on, so that none of a box is a turn away from the others.
    first = longitude[:, :1]
    east = (longitude - first + _HALF_TURN) % (2 * _HALF_TURN) - _HALF_TURN
    if crs.is_geographic:
        east = across - across[:, :1]
    start = (first[:, 0] + _HALF_TURN) % (2 * _HALF_TURN) - _HALF_TURN
    return np.stack([start + east.min(1), latitude.min(1), start + east.max(1), latitude.max(1)], axis=1)


def _first_of_place(boxes: Numbers, overlap: float) -> Places:
    """For each box the first one of its slide."""
    corner = boxes[:, :2].min(axis=0)
    shifted = np.ascontiguousarray(boxes - np.tile(corner, 2))
    extent = max(float(shifted.max()), np.finfo(float).tiny)
    longest = (shifted[:, 2:] - shifted[:, :2]).max(axis=1)
    # Each level's squares are four times as long as those of the one below it.
    levels = np.log2(np.maximum(longest, extent / _MOST_SQUARES)) // 2
    there, level = np.unique(levels, return_inverse=True)
    sides = 4.0 ** (there + 1)
    places = (shifted[:, :2] / sides[level, np.newaxis]).astype(np.int64) + 1
    widths = (extent / sides).astype(np.int64) + 4
    keys = places[:, 1] * widths[level] + places[:, 0]
    order = np.lexsort((keys, level))
    starts = np.searchsorted(level[order], np.arange(len(there) + 1))
    groups = kernels.joined(shifted[order], starts, sides, widths, keys[order], overlap)
    firsts = np.full(len(boxes), len(boxes))
    np.minimum.at(firsts, groups, order)
    found = np.empty(len(boxes), np.int64)
    found[order] = firsts[groups]
    return found
