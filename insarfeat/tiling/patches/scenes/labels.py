"""What patches are labelled with: a layer of the scenes, or mapped polygons, as rasters and as single objects."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.errors import InvalidArgument, InvalidType, suggestion
from insarfeat.layers import NODATA_BYTE
from insarfeat.tiling.patches.scenes.labelling import LayerLabels, MappedLabels
from insarfeat.tiling.patches.scenes.mapped import LANDSLIDE, Inventory
from insarfeat.tiling.patches.scenes.objects import Objects

if TYPE_CHECKING:
    import xarray as xr

    from insarfeat.tiling.patches.scenes.scenes import Scene

_log = logging.getLogger(__name__)

OF_OTHER_PAIRS = "of other pairs"
"""What ``left_out`` calls features of pairs that no scene has."""

_MOST_CLASSES = NODATA_BYTE - 1
_VECTORS = frozenset({".geojson", ".json", ".gpkg", ".shp", ".kml", ".kmz"})


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels of scenes: as rasters, 0 for background and 255 for nodata, and as objects.

    Attributes
    ----------
    classes
        Value of each class, 1 to 254, in order.
    origin
        Where they are from, for the provenance.
    left_out
        Mapped features of classes that are not wanted, and of pairs that no scene has: how many of each.
    """

    classes: dict[str, int]
    origin: str
    left_out: Mapping[str, int]
    _of_scenes: Mapping[str, LayerLabels | MappedLabels]

    @property
    def name(self) -> str:
        """Of the mask."""
        return LANDSLIDE

    def source(self, scene: str, pair: str = "") -> xr.DataArray:
        """Lazy uint8 raster (y, x) of a scene at a pair, both by name."""
        return self._of(scene).raster(pair)

    def objects(self, scene: str, pair: str = "") -> Objects:
        """What is labelled in a scene at a pair; of a label raster it takes a pass over its chunks."""
        return self._of(scene).objects(pair)

    def _of(self, scene: str) -> LayerLabels | MappedLabels:
        if scene not in self._of_scenes:
            raise InvalidArgument(f"there is no scene {scene!r}{suggestion(scene, self._of_scenes)}")
        return self._of_scenes[scene]


def labels_of(
    given: Any,
    scenes: Sequence[Scene],
    *,
    label: str = "Class",
    classes: Mapping[str, int] | Iterable[str] | None = None,
) -> Labels | None:
    """Labels of all scenes.

    Parameters
    ----------
    given
        - None: the layer ``landslide`` where the scenes have it, else the boxes that came with them (MIRAGE); no
          labels where there is neither.
        - the name of a layer: whole numbers, 0 for background.
        - polygons: the path of their file, GeoJSON, a GeoDataFrame. Those with an attribute ``IFG``
          ("20230904_20230916") are labels of that pair only; all others of every pair.
        - a mapping from names of scenes (or of events) to polygons; an empty list where there is no slide.
    scenes
        From :func:`scenes_of`.
    label
        Attribute of the polygons that holds their class. What has none is a "landslide".
    classes
        Names of classes in their order, whose values then are 1, 2 ..., or values by names. None takes those that
        the layer's ``flag_meanings`` tell, or all of the polygons', sorted by name. Polygons of other classes are
        left out and counted. Where polygons of several classes lie on each other the later class is on top.

    Returns
    -------
    Labels, or None where there are none

    Examples
    --------
    >>> import xarray as xr
    >>> from insarfeat.tiling.patches.scenes.scenes import scenes_of
    >>> places = {"y": [15.0, 5.0], "x": [5.0, 15.0, 25.0, 35.0]}
    >>> scenes = scenes_of(xr.DataArray(np.zeros((2, 4), "f4"), places, ("y", "x"), "coherence"))
    >>> slide = {"type": "Polygon", "coordinates": [[(12, 8), (38, 8), (38, 20), (12, 20), (12, 8)]]}
    >>> labels = labels_of([{"type": "Feature", "geometry": slide, "properties": {"Class": "RG"}}], scenes)
    >>> labels.classes, labels.source("scene").values[0], labels.objects("scene").area_pixels
    ({'RG': 1}, array([0, 1, 1, 1], dtype=uint8), array([3]))
    """
    wanted = _wanted(classes)
    chosen, origin = _chosen(given, scenes, label)
    if not chosen:
        return None
    layers = [(scene, name) for scene, name in zip(scenes, chosen, strict=True) if isinstance(name, str)]
    mapped = [one for one in dict.fromkeys(chosen) if isinstance(one, Inventory)]
    named = _classes(wanted, layers, mapped)
    left_out: dict[str, int] = {}
    for inventory in mapped:
        inventory.check_pairs(scenes)
        for name, count in inventory.counts().items():
            if name not in named:
                left_out[name] = left_out.get(name, 0) + count
        if strays := inventory.strays(scenes):
            left_out[OF_OTHER_PAIRS] = left_out.get(OF_OTHER_PAIRS, 0) + strays
    if left_out:
        _log.info("mapped features that are left out, by class: %s", left_out)
    found: dict[str, LayerLabels | MappedLabels] = {
        scene.name: LayerLabels(scene, one, named)
        if isinstance(one, str)
        else MappedLabels(scene, one, named)
        for scene, one in zip(scenes, chosen, strict=True)
    }
    return Labels(named, origin, left_out, found)


def polygons_of(given: Any) -> Any:
    """Polygons as functions of :mod:`insarfeat.inventory` take them: files are read, others are as they were."""
    from insarfeat.inventory import read_polygons

    return read_polygons(given) if isinstance(given, str | os.PathLike) else given


def _chosen(given: Any, scenes: Sequence[Scene], label: str) -> tuple[list[str | Inventory], str]:
    """What each scene's labels are made of, the name of a layer or an inventory; and where they are from."""
    if given is None:
        return _own(scenes, label)
    names = {str(name) for scene in scenes for name in scene.dataset.data_vars}
    if isinstance(given, str) and (given in names or Path(given).suffix.lower() not in _VECTORS):
        for scene in scenes:
            own = list(map(str, scene.dataset.data_vars))
            if given not in own:
                raise InvalidArgument(
                    f"labels is {given!r}, which is neither a layer of {scene.name}{suggestion(given, own)} nor a "
                    f"file of polygons ({', '.join(sorted(_VECTORS))}); it has {', '.join(own)}"
                )
        return [given] * len(scenes), f"layer {given}"
    if isinstance(given, Mapping) and "type" not in given:
        return _by_scene(given, scenes, label), "polygons by scene"
    origin = Path(given).name if isinstance(given, str | os.PathLike) else "polygons"
    inventory = Inventory.of(polygons_of(given), label)
    return [inventory] * len(scenes), origin


def _own(scenes: Sequence[Scene], label: str) -> tuple[list[str | Inventory], str]:
    """Labels that came with the scenes."""
    read: dict[Path, Inventory] = {}
    chosen: list[str | Inventory] = []
    without = []
    for scene in scenes:
        if LANDSLIDE in scene.dataset:
            chosen.append(LANDSLIDE)
        elif scene.label_source is not None:
            path = scene.label_source
            if path not in read:
                read[path] = Inventory.of_shapefile(path, label)
            chosen.append(read[path])
        else:
            without.append(scene.name)
    if chosen and without:
        raise InvalidArgument(
            f"{without[0]} has neither a layer {LANDSLIDE!r} nor boxes of its own, as other scenes have; pass "
            "labels= for all of them, a mapping from names of scenes to polygons, say"
        )
    layers = any(isinstance(one, str) for one in chosen)
    return chosen, f"layer {LANDSLIDE}" if layers else "boxes that came with the scenes"


def _by_scene(given: Mapping[Any, Any], scenes: Sequence[Scene], label: str) -> list[str | Inventory]:
    known = {name for scene in scenes for name in (scene.name, scene.event) if name}
    for name in given:
        if name not in known:
            raise InvalidArgument(f"labels names {name!r}, which is no scene{suggestion(name, known)}")
    read: dict[Any, Inventory] = {}
    found: list[str | Inventory] = []
    for scene in scenes:
        key = scene.name if scene.name in given else scene.event
        if key not in given:
            raise InvalidArgument(
                f"labels has no polygons of {scene.name}; give an empty list if there is no slide in it"
            )
        if key not in read:
            read[key] = Inventory.of(polygons_of(given[key]), label)
        found.append(read[key])
    return found


# -- classes --------------------------------------------------------------------------------------------------


def _wanted(classes: Any) -> dict[str, int] | None:
    if classes is None:
        return None
    if isinstance(classes, str):
        raise InvalidType(f"classes must be a list of names or a mapping to values; got {classes!r}")
    if isinstance(classes, Mapping):
        found = {str(name): value for name, value in classes.items()}
    else:
        names = [str(name) for name in classes]
        found = {name: number for number, name in enumerate(names, 1)}
        if len(found) < len(names):
            raise InvalidArgument(f"classes has a name twice: {', '.join(names)}")
    whole = all(isinstance(one, int | np.integer) and not isinstance(one, bool) for one in found.values())
    if not found or not whole or len(set(found.values())) < len(found):
        raise InvalidArgument(f"classes must have a whole number of its own for each name; got {classes!r}")
    if not all(1 <= value <= _MOST_CLASSES for value in found.values()):
        raise InvalidArgument(
            f"values of classes must be 1 to {_MOST_CLASSES} (0 is background, 255 nodata); got {classes!r}"
        )
    return {name: int(value) for name, value in found.items()}


def _classes(
    wanted: dict[str, int] | None, layers: Sequence[tuple[Scene, str]], mapped: Sequence[Inventory]
) -> dict[str, int]:
    """Values of all classes, by the layers' flags and the polygons' attributes."""
    told: dict[str, int] = {}
    for scene, name in layers:
        for meaning, value in _flags(scene.dataset[name]).items():
            if told.setdefault(meaning, value) != value:
                raise InvalidArgument(
                    f"class {meaning!r} is {value} in {scene.name} and {told[meaning]} in another scene; give all "
                    "scenes the same numbers"
                )
    if wanted is not None:
        other = [name for name, value in told.items() if wanted.get(name) != value]
        if other:
            raise InvalidArgument(
                f"classes does not fit the layer, where {other[0]!r} is {told[other[0]]}; its classes are {told}: "
                "leave classes out"
            )
        named = wanted
    else:
        names = sorted({name for inventory in mapped for name in inventory.classes})
        if layers and not told:
            told = {LANDSLIDE: 1}
        free = iter(value for value in range(1, NODATA_BYTE) if value not in told.values())
        named = dict(told)
        for name in names:
            if name not in named:
                named[name] = next(free, NODATA_BYTE)
        if NODATA_BYTE in named.values():
            raise InvalidArgument(
                f"the polygons have {len(names)} classes, as {', '.join(names[:4])}, and a mask holds "
                f"{_MOST_CLASSES}; is label= the attribute that holds the class?"
            )
    there = {name for inventory in mapped for name in inventory.classes}
    if there and not layers and not there & set(named):
        raise InvalidArgument(
            f"no polygon is of a class that is wanted ({', '.join(named)}); there are {', '.join(sorted(there))}"
        )
    return named or {LANDSLIDE: 1}


def _flags(layer: xr.DataArray) -> dict[str, int]:
    """Classes that a layer's attributes tell, but the background."""
    meanings = str(layer.attrs.get("flag_meanings", "")).split()
    values = np.atleast_1d(layer.attrs.get("flag_values", [])).tolist()
    if len(meanings) != len(values):
        return {}
    return {
        name: int(value) for name, value in zip(meanings, values, strict=True) if 0 < int(value) < NODATA_BYTE
    }
