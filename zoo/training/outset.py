"""What a training begins with: the description of the model that is to be, its anchors among it."""

from __future__ import annotations

import logging
from itertools import islice
from typing import Any

import torch

import insarfeat
from insarfeat.errors import InvalidArgument
from zoo.description import ModelDescription
from zoo.training.anchors import box_shapes, fit_anchors
from zoo.training.material import Material
from zoo.training.recipes import Recipe

_log = logging.getLogger(__name__)

_LARGEST_SEARCH = 4096  # tiles whose boxes go into k-means
_STRIDES = (4, 8, 16)  # of a detector's heads, where the recipe names none


def described(recipe: Recipe, material: Material) -> ModelDescription:
    """The description of a recipe's model before its training."""
    provenance = material.provenance
    return ModelDescription(
        **asked(recipe),
        options=network_options(recipe, material),
        patch=material.train.size,
        training_data=provenance.training_data,
        statement=provenance.statement,
        generator=provenance.generator,
        seed=recipe.seed,
        recipe={"name": recipe.name, "changed": recipe.differences()},
        made_with={"insarfeat": insarfeat.__version__, "torch": str(torch.__version__)},
    )


def asked(recipe: Recipe) -> dict[str, Any]:
    """What the recipe alone says of its model: all that a description needs but options and patch."""
    return {
        "name": f"{recipe.name}-v{recipe.version}",
        "version": recipe.version,
        "task": recipe.task,
        "architecture": recipe.network,
        "bands": recipe.bands,
        "classes": recipe.classes,
        "pixel": recipe.pixel,
        "least_pixel": recipe.least_pixel,
        "largest_pixel": recipe.largest_pixel,
    }


def network_options(recipe: Recipe, material: Material) -> dict[str, Any]:
    """What the network is built with: the recipe's options, and of detectors the anchors, stride by stride."""
    if recipe.anchors is None:
        return dict(recipe.options)
    strides = tuple(recipe.options.get("strides", _STRIDES))
    heads = len(strides)
    shapes = _fitted(recipe, material, heads) if recipe.anchors == "k-means" else list(recipe.anchors)
    each, rest = divmod(len(shapes), heads)
    if rest:
        raise InvalidArgument(
            f"anchors must be as many shapes for each of the {heads} strides, smallest first; got {len(shapes)}"
        )
    return {
        **recipe.options,
        "strides": list(strides),
        "anchors": [
            [[float(height), float(width)] for height, width in shapes[head * each : (head + 1) * each]]
            for head in range(heads)
        ],
    }


def _fitted(recipe: Recipe, material: Material, heads: int) -> list[tuple[float, float]]:
    """Shapes of the training boxes, by k-means, from the smallest to the largest."""
    source = material.train
    shapes = box_shapes(islice(source.epoch(0), _LARGEST_SEARCH // recipe.batch + 1))
    found = fit_anchors(shapes, strides=heads, seed=recipe.seed)
    _log.info("anchors found in %d boxes; they cover them by %.2f on average", found.boxes, found.mean_iou)
    return [(float(height), float(width)) for each in found.anchors for height, width in each]
