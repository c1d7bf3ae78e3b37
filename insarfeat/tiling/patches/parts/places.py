"""Where patches lie on the ground, whatever their maps are, and which of them are near each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.georeference import parse_crs
from insarfeat.tiling.patches._kernels import nearby
from insarfeat.tiling.patches._kernels.footprints import BENT, DEGREES, FLAT

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
World = tuple[Floats, Numbers, NDArray[np.uint8], Floats, Floats, Floats]

_ELSEWHERE = 1e9  # metres: what has no CRS is laid beside the Earth, near to nothing that has one
_TRUE = 0.01  # a map whose lengths are that near to those on the ground is measured as it is
_PROBES = 64
_METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Footprints, each once, however many patches lie on it.

    Where all patches share one projected CRS (or none is known), distances are those on its map, provided that its
    lengths are true to 1 % (UTM is; Web Mercator is not). Else corners are taken to the ellipsoid, and distances are
    those in the plane that touches it between two patches; patches of one CRS are still told to overlap by that CRS,
    so that neighbours on one grid touch and do not overlap. Patches are taken as small against the Earth.

    Attributes
    ----------
    of
        Number of its place for each patch; -1 where none is known.
    world
        What kernels take: boxes, maps, kinds of maps, middles, radii, corners.
    spots
        Middles for blocks: metres on a flat map, else degrees (longitude, latitude).
    side
        Median side of the patches in metres.
    unknown_crs
        How many patches have bounds but no CRS.
    """

    of: Numbers
    world: World
    spots: Floats
    side: float
    unknown_crs: int

    @classmethod
    def locate(cls, bounds: Floats, crs: Sequence[str] | NDArray[Any]) -> Places:
        """Places of patches, from bounds (west, south, east, north) and the CRS of each ("" where unknown).

        >>> squares = np.array([[0.0, 0, 10, 10], [10, 0, 20, 10], [0, 0, 10, 10]])
        >>> found = Places.locate(squares, [""] * 3)
        >>> found.of, found.side
        (array([0, 1, 0]), 10.0)
        """
        numbers, names = _maps_of(crs)
        bounds = _unwound(bounds, numbers, names)
        known = (
            np.isfinite(bounds).all(axis=1) & (bounds[:, 2] > bounds[:, 0]) & (bounds[:, 3] > bounds[:, 1])
        )
        of = np.full(len(bounds), -1, np.int64)
        first, of[known] = _once(bounds[known], numbers[known])
        rows = np.flatnonzero(known)[first]
        boxes, maps = np.ascontiguousarray(bounds[rows], np.float64), numbers[rows]
        unknown = int(
            (known & np.isin(numbers, [number for number, name in enumerate(names) if not name])).sum()
        )
        world, spots = _world(boxes, maps, names)
        side = float(np.median(_sides(world)[of[known]])) if len(boxes) else 0.0
        return cls(of, world, spots, side, unknown)

    def __len__(self) -> int:
        return len(self.spots)

    @property
    def boxes(self) -> Floats:
        """West, south, east, north in metres or degrees of each one's own map."""
        return self.world[0]

    def cell(self, reach: float) -> float:
        """Size of cells in which what is near lies side by side."""
        radii = self.world[4]
        return max(2.0 * float(radii.max(initial=0.0)) * (1 + 1e-9) + reach, 1e-3)

    def near(self, seekers: Numbers, hosts: Numbers, reach: float) -> NDArray[np.uint8]:
        """Per seeker 2 where a host overlaps it, 1 where one is closer than the reach in metres, else 0."""
        if not len(seekers) or not len(hosts):
            return np.zeros(len(seekers), np.uint8)
        found: NDArray[np.uint8] = nearby.near_any(seekers, hosts, float(reach), self.cell(reach), self.world)
        return found

    def clusters(self) -> Numbers:
        """Per place the first of all that overlap it, directly or through others."""
        found: Numbers = nearby.clusters(self.cell(0.0), self.world)
        return found

    def blocks(self, size: float, spots: Floats | None = None) -> Numbers:
        """Block of ground (world, row, column) that each place's middle, or another spot, lies in.

        On a flat map blocks are squares of that many metres from the lower left patch on. Elsewhere they are pieces
        of bands along parallels, as high and about as wide.
        """
        given = self.spots if spots is None else spots
        worlds = np.zeros(len(given), np.int64)
        if self.flat:
            steps = (given - self.spots.min(axis=0, initial=np.inf)) / size
            # What lies on a border but for rounding lies on it.
            cells = np.floor(steps + 1e-9).astype(np.int64)
            return np.column_stack([worlds, cells[:, 1], cells[:, 0]])
        elsewhere = given[:, 0] > _ELSEWHERE / 2
        rows = np.floor(given[:, 1] * _METRES_PER_DEGREE / size + 1e-9)
        middle = np.deg2rad(np.clip((rows + 0.5) * size / _METRES_PER_DEGREE, -89.0, 89.0))
        columns = np.floor(given[:, 0] * _METRES_PER_DEGREE * np.cos(middle) / size + 1e-9)
        found = np.column_stack([worlds, rows.astype(np.int64), columns.astype(np.int64)])
        apart = np.floor((given[elsewhere] - [_ELSEWHERE, 0.0])[:, ::-1] / size + 1e-9).astype(np.int64)
        found[elsewhere] = np.column_stack([np.ones(len(apart), np.int64), apart])
        return found

    @property
    def flat(self) -> bool:
        """Whether all places lie on one flat map."""
        maps, kinds = self.world[1], self.world[2]
        return len(kinds) <= 1 and bool((kinds[maps] == FLAT).all()) if len(maps) else True

    def metres(self, low: Floats, high: Floats) -> Floats:
        """Longer side in metres, roughly, of boxes between two rows of spots."""
        sides = high - low
        if not self.flat:
            middle = np.deg2rad(np.clip(0.5 * (low[:, 1] + high[:, 1]), -89.0, 89.0))
            apart = low[:, 0] < _ELSEWHERE / 2  # from what has no CRS
            scale = np.where(apart, _METRES_PER_DEGREE, 1.0)
            sides = sides * np.column_stack([scale * np.where(apart, np.cos(middle), 1.0), scale])
        found: Floats = sides.max(axis=1)
        return found


def _maps_of(crs: Sequence[str] | NDArray[Any]) -> tuple[Numbers, list[str]]:
    """Number of its map for each patch, and the maps' CRSs; different texts of one CRS are one map."""
    import pandas as pd

    codes, texts = pd.factorize(np.asarray(crs, dtype=object), sort=True)
    names: list[str] = []
    numbers = np.empty(len(texts), np.int64)
    for code, text in enumerate(texts):
        known = [k for k, name in enumerate(names) if name == text or (name and text and _same(name, text))]
        if not known:
            names.append(str(text))
        numbers[code] = known[0] if known else len(names) - 1
    return numbers[codes] if len(texts) else np.zeros(len(codes), np.int64), names


def _unwound(bounds: Floats, maps: Numbers, names: list[str]) -> Floats:
    """Bounds in which patches across the date line, too, have their east beyond their west."""
    round_ones = [number for number, name in enumerate(names) if name and parse_crs(name).is_geographic]
    across = (bounds[:, 0] > bounds[:, 2]) & np.isin(maps, round_ones)
    if across.any():
        bounds = bounds.copy()
        bounds[across, 2] += 360.0
    return bounds


def _same(one: str, other: str) -> bool:
    return bool(parse_crs(one).equals(parse_crs(other), ignore_axis_order=True))


def _once(bounds: Floats, maps: Numbers) -> tuple[Numbers, Numbers]:
    """Rows of the different boxes, sorted by what they are, and which of them each row is."""
    if not len(bounds):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    order = np.lexsort((bounds[:, 3], bounds[:, 2], bounds[:, 0], bounds[:, 1], maps))
    ordered = np.column_stack([maps[order], bounds[order]])
    fresh = np.ones(len(order), bool)
    fresh[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    of = np.empty(len(order), np.int64)
    of[order] = np.cumsum(fresh) - 1
    return order[fresh], of


def _world(boxes: Floats, maps: Numbers, names: list[str]) -> tuple[World, Floats]:
    """What kernels take, and the spots."""
    kinds = np.zeros(max(len(names), 1), np.uint8)
    for number, name in enumerate(names):
        mine = np.flatnonzero(maps == number)
        if not name or not len(mine):
            continue
        system = parse_crs(name)
        if system.is_geographic:
            kinds[number] = DEGREES
            continue
        boxes[mine] *= float(system.axis_info[0].unit_conversion_factor)
        kinds[number] = FLAT if _true_lengths(boxes[mine], name) else BENT
    middles = np.zeros((len(boxes), 3))
    middles[:, :2] = 0.5 * (boxes[:, :2] + boxes[:, 2:])
    if len(names) <= 1 and kinds[0] == FLAT:
        radii = 0.5 * np.hypot(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        return (boxes, maps, kinds, middles, radii, np.empty((0, 4, 3))), middles[:, :2].copy()
    corners = np.zeros((len(boxes), 4, 3))
    spots = middles[:, :2].copy()
    for number, name in enumerate(names):
        mine = np.flatnonzero(maps == number)
        for k, (x, y) in enumerate(((0, 1), (2, 1), (2, 3), (0, 3))):
            corners[mine, k] = _in_space(boxes[mine][:, [x, y]], name)
        middles[mine] = _in_space(spots[mine], name)
        spots[mine] = spots[mine] + [_ELSEWHERE, 0.0] if not name else _degrees(spots[mine], name)
    radii = np.sqrt(((corners - middles[:, np.newaxis]) ** 2).sum(axis=2)).max(axis=1, initial=0.0)
    return (boxes, maps, kinds, middles, radii, corners), spots


def _sides(world: World) -> Floats:
    """Longer side of each place in metres."""
    boxes, _, _, _, _, corners = world
    if not len(corners):
        return np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    edges = np.sqrt(((corners[:, [1, 2]] - corners[:, [0, 1]]) ** 2).sum(axis=2))
    found: Floats = edges.max(axis=1)
    return found


def _degrees(points: Floats, name: str) -> Floats:
    """Longitude and latitude of points in metres of a projected map, or in degrees of another."""
    from pyproj import Transformer

    system = parse_crs(name)
    factor = 1.0 if system.is_geographic else float(system.axis_info[0].unit_conversion_factor)
    change = Transformer.from_crs(system, "OGC:CRS84", always_xy=True)
    longitude, latitude = change.transform(points[:, 0] / factor, points[:, 1] / factor)
    return np.column_stack([(longitude + 180.0) % 360.0 - 180.0, latitude])


def _in_space(points: Floats, name: str) -> Floats:
    if not name:
        return np.column_stack([points[:, 0] + _ELSEWHERE, points[:, 1], np.full(len(points), _ELSEWHERE)])
    from insarfeat.geometry.ellipsoid import to_earth_fixed

    degrees = _degrees(points, name)
    return np.column_stack(to_earth_fixed(degrees[:, 1], degrees[:, 0], 0.0))


def _true_lengths(boxes: Floats, name: str) -> bool:
    """Whether sides on the map are as long as on the ground."""
    some = boxes[np.unique(np.linspace(0, len(boxes) - 1, _PROBES).astype(np.int64))]
    for axis, (one, other) in enumerate((([0, 1], [2, 1]), ([0, 1], [0, 3]))):
        ground = np.sqrt(((_in_space(some[:, one], name) - _in_space(some[:, other], name)) ** 2).sum(axis=1))
        mapped = some[:, axis + 2] - some[:, axis]
        # Not-a-number, too, is not true: a place beyond what the projection can show.
        if not (np.abs(ground / mapped - 1.0) < _TRUE).all():
            return False
    return True
