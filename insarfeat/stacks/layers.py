"""The layers that stacks may hold, and how each is made of a scene."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import xarray as xr

from insarfeat import filters
from insarfeat.errors import InvalidArgument
from insarfeat.layers import LAYERS
from insarfeat.stacks.recipe import Recipe
from insarfeat.stacks.scene import ATTRIBUTES, Scene
from insarfeat.stacks.sources import Sources
from insarfeat.terrain.composite import COMPOSITE_ATTRIBUTES

_log = logging.getLogger(__name__)

Maker = Callable[[Scene], xr.DataArray]


def _ground(name: str, scene: Scene) -> xr.DataArray:
    return scene.ground(name)


_OF_THE_GROUND = (
    "elevation",
    "incidence",
    "heading",
    "los_east",
    "los_north",
    "los_up",
    "local_incidence",
    "slope_to_los",
    "r_index",
    "shadow_layover",
    *ATTRIBUTES,
    "convexity",
    "tri",
    "flow_accumulation",
    "flow_contamination",
    "twi",
    "terrain_pc1",
)

_OF_THE_PAIR: dict[str, Maker] = {
    "interferogram": lambda scene: scene.brought(scene.filtered),
    "wrapped_phase": lambda scene: scene.wrapped_phase,
    "coherence": lambda scene: scene.coherence,
    "intensity": lambda scene: scene.intensity,
    "unwrapped_phase": lambda scene: scene.unwrapped_phase,
    "displacement": lambda scene: scene.displacement,
    "sensitivity": lambda scene: scene.sensitivity,
    "signed_sensitivity": lambda scene: scene.signed_sensitivity,
}

_LAST = ("invalid_causes", "valid_mask")
"""Layers that are about the others."""

MAKERS: dict[str, Maker | None] = {
    **_OF_THE_PAIR,
    **{name: partial(_ground, name) for name in _OF_THE_GROUND},
    "landslide": lambda scene: scene.landslide,
    **dict.fromkeys(_LAST),
}
"""All layers that a recipe may name."""

_BEHIND = {
    "sensitivity": ("slope_to_los", "shadow_layover"),
    "signed_sensitivity": ("slope_to_los", "shadow_layover"),
}

_ASKED_BY = {
    "elevation": {"water"},
    "shadow_layover": {"layover", "shadow"},
    "flow_contamination": {"flow_contamination"},
}
"""Layers of the ground, and the causes of invalid pixels that ask for them."""

_STAYS_OUT = frozenset({"landslide", "shadow_layover", "flow_contamination", "water"})
"""Layers whose nodata, if they have any, makes no pixel invalid."""


def layers_of_ground(recipe: Recipe, sources: Sources) -> list[str]:
    """Layers that are the same for all pairs and that the recipe needs, shown or not: they are made once."""
    needed = [name for name in recipe.layers if name in _OF_THE_GROUND or name == "landslide"]
    needed += [behind for name in recipe.layers for behind in _BEHIND.get(name, ())]
    places = (sources.rasters, *(pair.layers for pair in sources.pairs))
    judged = bool(recipe.validity.blank) or not set(_LAST).isdisjoint(recipe.layers)
    if judged and any("elevation" in place for place in places):
        causes = {*recipe.validity.causes, *recipe.validity.blank}
        needed += [name for name, asking in _ASKED_BY.items() if causes & asking]
    return list(dict.fromkeys(needed))


def stack_layers(recipe: Recipe, sources: Sources, names: Sequence[str] | None = None) -> xr.Dataset:
    """The layers of one stack, lazy, on its map: the recipe's, or those of ``names``."""
    scene = Scene(recipe, sources)
    wanted = tuple(names or recipe.layers)
    plain = [name for name in wanted if name not in _LAST]
    found = {name: _made(name, scene) for name in plain}
    blanking = recipe.validity.blank if names is None else ()
    if blanking or set(_LAST) & set(wanted):
        from insarfeat import tiling

        bands = [layer for name, layer in found.items() if name not in _STAYS_OUT]
        causes = scene.invalid_causes(bands)
        if blanking:
            keep = tiling.valid_mask(causes, causes=blanking)
            found = {
                name: layer if name in _STAYS_OUT else filters.masked(layer, keep)
                for name, layer in found.items()
            }
        if "invalid_causes" in wanted:
            found["invalid_causes"] = causes
        if "valid_mask" in wanted:
            found["valid_mask"] = tiling.valid_mask(causes, causes=recipe.validity.causes)
    finished = {name: _finished(name, found[name], recipe) for name in wanted}
    return xr.Dataset(finished, attrs=_attributes(recipe, scene))


def _made(name: str, scene: Scene) -> xr.DataArray:
    maker = MAKERS.get(name)
    if maker is None:
        raise InvalidArgument(f"{name!r} is no layer that can be made on its own")
    return maker(scene)


def _finished(name: str, layer: xr.DataArray, recipe: Recipe) -> xr.DataArray:
    """A layer under its name, rounded if that was asked for, with the attributes of its meaning."""
    precision = recipe.precision.get(name)
    history = layer.attrs.get("processing")
    if precision is not None:
        if layer.dtype.kind != "f":
            raise InvalidArgument(f"precision: {name} holds {layer.dtype}; only real layers can be rounded")
        layer = filters.rounded(layer, precision)
        history = layer.attrs.get("processing")
    named = layer.rename(name)
    named.attrs = dict(LAYERS[name].attributes) | {
        key: layer.attrs[key] for key in COMPOSITE_ATTRIBUTES if key in layer.attrs
    }
    if name in _LAST:
        history = f"tiling.{name}() of the stack's layers"
    if history:
        named.attrs["processing"] = history
    if precision is not None:
        named.attrs["precision"] = precision
    return named


def _attributes(recipe: Recipe, scene: Scene) -> dict[str, Any]:
    """What the stack says of itself."""
    found: dict[str, Any] = {} if scene.pair is None else dict(scene.pair.layers.attrs)
    # Those of the file that the product came from are not the stack's.
    for gone in (
        "history",
        "Conventions",
        "date_created",
        "insarfeat_version",
        "insarfeat_inputs",
        "source_name",
    ):
        found.pop(gone, None)
    found["title"] = f"{recipe.name} stack" + ("" if scene.pair is None else f" of {scene.pair.name}")
    found["insarfeat_recipe"] = recipe.model_dump_json()
    found |= scene.angles_in_the_middle()
    return found
