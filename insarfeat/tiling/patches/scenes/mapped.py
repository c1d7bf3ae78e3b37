"""An inventory of mapped features that many scenes are labelled with: read once, cut to each scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.georeference import Grid, parse_crs
from insarfeat.inventory.feature_boxes import _properties_in
from insarfeat.inventory.polygons import Outlines, _as_geojson, _things_in

if TYPE_CHECKING:
    from insarfeat.tiling.patches.scenes.scenes import PairFacts, Scene

LANDSLIDE = "landslide"
"""Name of the mask that holds labels, and of the class of what is in no other."""

_PAIR_ATTRIBUTE = "IFG"
_DEFAULT = "Class"
_HEADER_OF_SHAPEFILE = 100  # bytes: one that is no longer holds no shape
_MARGIN = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Inventory:
    """Mapped features with their classes.

    Attributes
    ----------
    outlines
        Of all features.
    attributes
        Of each feature.
    classes
        Name of the class of each feature.
    pairs
        Days of the pair that each feature is labelled in, as "20230904_20230916"; "" for every pair.
    boxes
        (x0, y0, x1, y1) of each feature in the CRS of the inventory; NaN for those without a polygon.
    """

    outlines: Outlines
    attributes: tuple[Mapping[str, Any], ...]
    classes: tuple[str, ...]
    pairs: tuple[str, ...]
    boxes: NDArray[np.float64]

    @classmethod
    def of(cls, polygons: Any, label: str = _DEFAULT) -> Inventory:
        """From polygons of any origin; an empty list of them is an inventory without features.

        >>> square = {"type": "Polygon", "coordinates": [[(0, 0), (0, 2), (2, 2), (2, 0), (0, 0)]]}
        >>> found = Inventory.of({"type": "Feature", "geometry": square, "properties": {"Class": "RG"}})
        >>> found.classes, found.boxes
        (('RG',), array([[0., 0., 2., 2.]]))
        """
        things = list(_things_in(polygons))
        attributes = tuple(
            {str(name): _plain(value) for name, value in known.items()}
            for thing in things
            for known in _properties_in(_as_geojson(thing))
        )
        if not attributes:
            return cls(Outlines((), None), (), (), (), np.empty((0, 4)))
        outlines = Outlines.of(things)
        there = {name for known in attributes for name in known}
        if label != _DEFAULT and label not in there:
            raise InvalidArgument(
                f"label is {label!r}, which no feature has as an attribute{suggestion(label, there)}; there are "
                f"{', '.join(sorted(there)) or 'none'}"
            )
        classes = tuple(_class_of(known.get(label)) for known in attributes)
        pairs = tuple(_days_of(known.get(_PAIR_ATTRIBUTE)) for known in attributes)
        boxes = np.full((len(attributes), 4), np.nan)
        for number, feature in enumerate(outlines.features):
            if feature.polygons:
                corners = np.concatenate([polygon.outer for polygon in feature.polygons])
                boxes[number] = *corners.min(axis=0), *corners.max(axis=0)
        return cls(outlines, attributes, classes, pairs, boxes)

    @classmethod
    def of_shapefile(cls, path: Path, label: str) -> Inventory:
        """From a file that came with a scene, which may hold nothing: there are scenes without a slide."""
        from insarfeat.inventory import read_polygons

        if path.exists() and path.stat().st_size == _HEADER_OF_SHAPEFILE:
            return cls.of([], label)
        return cls.of(read_polygons(path), label)

    def counts(self) -> Counter[str]:
        """Features of each class."""
        return Counter(self.classes)

    def outlines_of(self, numbers: NDArray[np.int64]) -> Outlines:
        """The outlines of some features."""
        return Outlines(tuple(self.outlines.features[number] for number in numbers), self.outlines.crs)

    def on(self, grid: Grid, pair: PairFacts, classes: Iterable[str]) -> NDArray[np.int64]:
        """Numbers of the features that may lie on a map, of some classes, and of a pair."""
        own = {"", pair.days, pair.name}
        wanted = set(classes)
        near = np.flatnonzero(self._near(grid))
        return np.array([k for k in near if self.classes[k] in wanted and self.pairs[k] in own], np.int64)

    def check_pairs(self, scenes: Sequence[Scene]) -> None:
        """Refuse features of which all belong to pairs that no scene has: they would all be lost without a word."""
        of_scenes = _pairs_of(scenes)
        if self.pairs and not set(self.pairs) & ({""} | of_scenes):
            raise InvalidArgument(
                f"all polygons belong to pairs ({_PAIR_ATTRIBUTE} {self.pairs[0]} and others), and none of them is "
                f"among those of the scenes ({', '.join(sorted(of_scenes - {''})[:4]) or 'of unknown days'}); drop "
                f"the attribute {_PAIR_ATTRIBUTE} if they hold for all pairs"
            )

    def strays(self, scenes: Sequence[Scene]) -> int:
        """How many features belong to pairs that no scene has."""
        known = {""} | _pairs_of(scenes)
        return sum(pair not in known for pair in self.pairs)

    def _near(self, grid: Grid) -> NDArray[np.bool_]:
        """Features whose boxes reach into a map, with a margin for edges that are bent there."""
        sides = [axis.first + axis.step * np.array([-0.5, axis.size - 0.5]) for axis in (grid.x, grid.y)]
        bounds = (sides[0].min(), sides[1].min(), sides[0].max(), sides[1].max())
        own, mapped = self.outlines.crs, None if grid.crs_wkt is None else parse_crs(grid.crs_wkt)
        if own is not None and mapped is not None and not own.equals(mapped, ignore_axis_order=True):
            from pyproj import Transformer

            bounds = Transformer.from_crs(mapped, own, always_xy=True).transform_bounds(*bounds)
        west, south, east, north = bounds
        some: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(self.boxes), axis=1)
        if not (np.isfinite(bounds).all() and west < east and south < north):  # over the antimeridian, say
            return some
        margin = _MARGIN * max(east - west, north - south)
        x0, y0, x1, y1 = self.boxes.T
        some &= (x0 < east + margin) & (x1 > west - margin)
        some &= (y0 < north + margin) & (y1 > south - margin)
        return some


def _pairs_of(scenes: Sequence[Scene]) -> set[str]:
    return {name for scene in scenes for pair in scene.pairs for name in (pair.days, pair.name)}


def _class_of(value: Any) -> str:
    return LANDSLIDE if value is None or not str(value).strip() else str(value).strip()


def _days_of(value: Any) -> str:
    """The pair that an attribute tells; "" where it tells none."""
    from insarfeat.io.products.parts import dates_in

    days = dates_in(str(value)) if value is not None else []
    return "_".join(f"{day:%Y%m%d}" for day in days) if len(days) == 2 else ""


def _plain(value: Any) -> Any:
    """A value that JSON can hold; None for missing ones."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return None if value != value else value
    if value is None or isinstance(value, bool | int | str | list | dict):
        return value
    return str(value)
