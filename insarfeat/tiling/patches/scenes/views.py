"""One scene at one pair, with all that patches are cut from and chosen by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.georeference import Grid
from insarfeat.inventory import rasterize
from insarfeat.inventory.edges import Edges
from insarfeat.inventory.polygons import Outlines
from insarfeat.tiling.patches.sampling import Keep, Sampling
from insarfeat.tiling.patches.scenes.labels import Labels
from insarfeat.tiling.patches.scenes.naming import PAIR
from insarfeat.tiling.patches.scenes.objects import Objects, slides_of
from insarfeat.tiling.patches.scenes.scenes import PairFacts, Scene
from insarfeat.windows import Shape, Window


@dataclass
class View:
    """A scene at a pair.

    Attributes
    ----------
    scene, pair
        Which.
    place
        Index of the pair in layers that have one.
    bands, masks
        Names of the layers that are cut; the labels come first among the masks.
    labels
        Lazy uint8 raster, or None.
    classes
        Value of each class.
    objects, slides
        What is labelled, and which slide each is.
    slide_values
        Values of the classes that are slides.
    """

    scene: Scene
    pair: PairFacts
    place: tuple[int, ...]
    bands: tuple[str, ...]
    masks: tuple[str, ...]
    labels: Any
    classes: Mapping[str, int]
    objects: Objects
    slides: NDArray[np.int64]
    slide_values: tuple[int, ...]
    _keep: Keep
    _alarms: Any = field(default=None)

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"{self.scene.name} {self.pair.name}".strip()

    @property
    def layers(self) -> Mapping[str, Any]:
        """All layers of the scene by name."""
        return {str(name): layer for name, layer in self.scene.dataset.data_vars.items() if layer.ndim >= 2}

    @property
    def shape(self) -> Shape:
        """Height and width."""
        return self.scene.shape

    @cached_property
    def grid(self) -> Grid | None:
        """The scene's map, None where it has none."""
        return self.scene.grid

    @cached_property
    def slope(self) -> Any:
        """Slope in degrees: the layer, or that of the elevations."""
        if "slope" in self.layers:
            return self.layers["slope"]
        if "elevation" not in self.layers:
            raise InvalidArgument(
                f"keep.slope needs the layer slope or elevation, which {self.title} does not hold; it has "
                f"{', '.join(self.layers)}"
            )
        from insarfeat.terrain import slope

        return slope(self.layers["elevation"])

    @cached_property
    def area(self) -> Any:
        """The area of interest as a mask, None where none is asked for."""
        if self._keep.area is None:
            return None
        return rasterize(_polygons(self._keep.area), self._like, name="area")

    @cached_property
    def area_window(self) -> Window:
        """The pixels that the area of interest reaches over."""
        if self.grid is None:
            raise InvalidArgument(f"keep.area needs a map, and {self.title} has none: no coordinates")
        edges = Edges.of(Outlines.of(_polygons(self._keep.area)), self.grid)
        whole = Window.whole(self.shape)
        near = edges.near(whole)
        if not len(near):
            return Window(0, 0, 0, 0)
        low = np.floor(edges.boxes[near, :2].min(axis=0)).astype(int)
        high = np.ceil(edges.boxes[near, 2:].max(axis=0)).astype(int)
        left, top = (max(int(one), 0) for one in low)
        return Window(top, left, min(int(high[1]), whole.height) - top, min(int(high[0]), whole.width) - left)

    @cached_property
    def alarms(self) -> Any:
        """What a model takes for slides: a layer, or polygons as a mask."""
        given = self._alarms
        if isinstance(given, str) and given in self.layers:
            return self.layers[given]
        if isinstance(given, str) and "." not in given:
            raise InvalidArgument(
                f"hard.alarms is {given!r}, which is no layer of {self.title}"
                f"{suggestion(given, self.layers)}; it has {', '.join(self.layers)}"
            )
        return rasterize(_polygons(given), self._like, name="alarms")

    @property
    def _like(self) -> Any:
        """A lazy raster on the map, so that masks are made tile by tile."""
        return self.scene.layer(self.bands[0], self.pair.name)


def _polygons(given: Any) -> Any:
    from insarfeat.tiling.patches.scenes.labels import polygons_of

    return polygons_of(given)


def views_of(
    scenes: Sequence[Scene],
    layers: tuple[tuple[str, ...], tuple[str, ...]],
    labels: Labels | None,
    sampling: Sampling,
    keep: Keep,
) -> list[View]:
    """All scenes at all their pairs, with their slides told apart over all of them."""
    bands, masks = layers
    if labels is None and (sampling.needs_labels or keep.labels != "any"):
        raise InvalidArgument(
            "this sampling needs labels, and there are none: pass labels=, a layer's name or polygons"
        )
    keys = [(scene, pair) for scene in scenes for pair in scene.pairs]
    objects = {
        (scene.name, pair.name): Objects.of((), (), ())
        if labels is None
        else labels.objects(scene.name, pair.name)
        for scene, pair in keys
    }
    classes = {} if labels is None else dict(labels.classes)
    artefacts = sampling.hard.artefact_classes if sampling.hard.artefacts else ()
    slides = tuple(value for name, value in classes.items() if name not in artefacts)
    own = () if labels is None else (labels.name,)
    found = [
        View(
            scene,
            pair,
            (scene.number_of(pair.name),) if PAIR in scene.dataset.dims else (),
            bands,
            (*own, *(name for name in masks if name not in own)),
            None if labels is None else labels.source(scene.name, pair.name),
            classes,
            objects[scene.name, pair.name],
            np.empty(0, np.int64),
            slides,
            keep,
            sampling.hard.alarms,
        )
        for scene, pair in keys
    ]
    ids = slides_of(objects, {view.scene.name: view.grid for view in found})
    for view in found:
        view.slides = ids[view.scene.name, view.pair.name]
    return found
