"""Labels of one scene: a layer, or mapped features that are burnt where they are wanted; and the things in them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.sources import GeneratedSource
from insarfeat.errors import InvalidArgument
from insarfeat.inventory.edges import Edges
from insarfeat.inventory.labels import Burner
from insarfeat.layers import LAYERS
from insarfeat.tiling.patches.scenes.mapped import LANDSLIDE, Inventory
from insarfeat.tiling.patches.scenes.naming import PAIR, taken
from insarfeat.tiling.patches.scenes.objects import Objects, bounds_of, objects_in
from insarfeat.windows import Window

if TYPE_CHECKING:
    import xarray as xr

    from insarfeat.tiling.patches.scenes.scenes import PairFacts, Scene

_STRIP_PIXELS = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class LayerLabels:
    """A layer of a scene as labels."""

    scene: Scene
    layer: str
    classes: Mapping[str, int]
    _known: dict[str, Objects] = field(default_factory=dict)

    def raster(self, pair: str) -> xr.DataArray:
        """Labels at a pair."""
        found = self.scene.layer(self.layer, pair)
        if found.dtype.kind == "c":
            raise InvalidArgument(
                f"labels is the layer {self.layer!r}, which is complex; labels are whole numbers"
            )
        if found.dtype != np.uint8:
            found = taken(found, classes=True)
        return found.rename(LANDSLIDE).assign_attrs(attributes_of(self.classes))

    def objects(self, pair: str) -> Objects:
        """Connected pixels; found once for all pairs where they share the layer."""
        key = pair if PAIR in self.scene.dataset[self.layer].dims else ""
        if key not in self._known:
            found = objects_in(self.raster(pair), self.scene.grid)
            strange = sorted(set(np.unique(found.value).tolist()) - set(self.classes.values()))
            if strange:
                raise InvalidArgument(
                    f"{self.layer} of {self.scene.name} holds the value {strange[0]}, which no class has; the "
                    f"classes are {dict(self.classes)}: name it, as in classes={{'name': {strange[0]}}}"
                )
            self._known[key] = found
        return self._known[key]


@dataclass(frozen=True, slots=True, eq=False)
class ClassBurner:
    """Gives the labels of any window, of all classes: what a tile calls, here or on another machine.

    Attributes
    ----------
    burners
        Value and polygons of each class; later ones are on top.
    """

    burners: tuple[tuple[int, Burner], ...]

    @property
    def token(self) -> str:
        """The same for the same pixels, in any process."""
        told = ";".join(f"{value}:{burner.token}" for value, burner in self.burners)
        return f"classes-{hashlib.blake2b(told.encode(), digest_size=16).hexdigest()}"

    def __call__(self, window: Window) -> NDArray[np.uint8]:
        """Labels of a window."""
        found = np.zeros((window.height, window.width), np.uint8)
        for value, burner in self.burners:
            if len(burner.edges.near(window)):
                found[burner(window) != 0] = value
        return found


@dataclass(frozen=True, slots=True, eq=False)
class MappedLabels:
    """Mapped features as labels of a scene."""

    scene: Scene
    inventory: Inventory
    classes: Mapping[str, int]
    _known: dict[bytes, tuple[Edges, NDArray[np.int64]]] = field(default_factory=dict)

    def raster(self, pair: str) -> xr.DataArray:
        """Labels at a pair, burnt when they are wanted."""
        import xarray as xr

        from insarfeat.dispatch.lazy import lazy_source

        edges, numbers = self._edges(self.scene.pair_named(pair))
        of_polygon = self._values(numbers)[edges.features]
        burner = ClassBurner(
            tuple(
                (value, Burner(only(edges, of_polygon == value)))
                for value in self.classes.values()
                if (of_polygon == value).any()
            )
        )
        first = next(iter(self.scene.dataset.data_vars.values()))
        dims = first.dims[-2:]
        coords = {key: one.variable for key, one in first.coords.items() if set(one.dims) <= set(dims)}
        # Scenes without labels are many, and of many sizes: their names must differ, too.
        shape = edges.shape
        source = GeneratedSource(burner, shape, np.uint8, name=f"{burner.token}-{shape.height}x{shape.width}")
        pixels = lazy_source(source, first.data.chunks[-2:])
        return xr.DataArray(pixels, coords, dims, LANDSLIDE, attributes_of(self.classes))

    def objects(self, pair: str) -> Objects:
        """One for each feature that lies on the scene at least in part, in the order of the features."""
        edges, numbers = self._edges(self.scene.pair_named(pair))
        grid = self.scene.grid
        if grid is None or not len(edges.features):
            return Objects.of((), (), ())
        begins = np.flatnonzero(np.diff(edges.features, prepend=-1))
        features = edges.features[begins]
        low = np.minimum.reduceat(edges.boxes[:, 1::-1], begins)
        high = np.maximum.reduceat(edges.boxes[:, :1:-1], begins)
        whole = np.concatenate([low, high], axis=1)  # row0, col0, row1, col1
        shape = np.array([edges.shape.height, edges.shape.width], np.float64)
        cut = np.concatenate([np.maximum(low, 0.0), np.minimum(high, shape)], axis=1)
        inside = np.flatnonzero((cut[:, :2] < cut[:, 2:]).all(axis=1))
        ends = np.append(begins[1:], len(edges.features))
        areas = [_pixels_in(edges, int(begins[one]), int(ends[one]), cut[one]) for one in inside]
        return Objects.of(
            cut[inside],
            self._values(numbers)[features[inside]],
            areas,
            bounds=bounds_of(whole[inside], grid),
            attributes=[self.inventory.attributes[k] for k in numbers[features[inside]]],
        )

    def _values(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Value of each of these features."""
        return np.array([self.classes[self.inventory.classes[k]] for k in numbers], np.uint8)

    def _edges(self, pair: PairFacts) -> tuple[Edges, NDArray[np.int64]]:
        """Edges in pixels of a pair's features, and the numbers of these; made once for the same features."""
        grid = self.scene.grid
        if grid is None:
            raise InvalidArgument(
                f"{self.scene.name} lies on no map (its layers have no coordinates), so polygons cannot be placed on "
                "it; give labels as a layer"
            )
        numbers = self.inventory.on(grid, pair, self.classes)
        key = numbers.tobytes()
        if key not in self._known:
            self._known[key] = Edges.of(self.inventory.outlines_of(numbers), grid), numbers
        return self._known[key]


def only(edges: Edges, polygons: NDArray[np.bool_]) -> Edges:
    """The edges of some of the polygons."""
    counts = np.diff(edges.starts)
    return Edges(
        edges.shape,
        edges.edges[np.repeat(polygons, counts)],
        np.concatenate([[0], np.cumsum(counts[polygons])]),
        edges.boxes[polygons],
        edges.features[polygons],
    )


def _pixels_in(edges: Edges, begin: int, end: int, box: NDArray[np.float64]) -> int:
    """Pixels whose centre is in the polygons from one to another, within a box (row0, col0, row1, col1)."""
    first, last = edges.starts[begin], edges.starts[end]
    own = Edges(
        edges.shape,
        edges.edges[first:last],
        edges.starts[begin : end + 1] - first,
        edges.boxes[begin:end],
        edges.features[begin:end],
    )
    burner = Burner(own)
    top, left = (int(side) for side in np.floor(box[:2]))
    bottom, right = (int(side) for side in np.ceil(box[2:]))
    rows = max(_STRIP_PIXELS // max(right - left, 1), 1)
    strips = (
        Window(start, left, min(rows, bottom - start), right - left) for start in range(top, bottom, rows)
    )
    return sum(int(np.count_nonzero(burner(strip))) for strip in strips)


def attributes_of(classes: Mapping[str, int]) -> dict[str, Any]:
    """CF attributes of a mask of classes."""
    known = LAYERS[LANDSLIDE].attributes
    if dict(classes) == {LANDSLIDE: 1}:
        return known
    words = " ".join("_".join(name.split()) for name in classes)
    values = np.array([0, *classes.values()], np.uint8)
    return {**known, "flag_values": values, "flag_meanings": f"no_landslide {words}"}
