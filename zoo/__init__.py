"""Pretrained models that run on the package's stacks, in three lines.

    import zoo
    model = zoo.load("segformer-b0-synth-v1")
    landslides = model.predict("stack.nc")

Models are single files with everything about them in the header; nothing is fetched from a network. Two come with
the package, ``segformer-b0-synth-v1`` and ``yolo-s-synth-v1``. They learned from synthetic scenes only, and say so
wherever their results go.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.description import Band, ModelDescription
    from zoo.detections import Detections
    from zoo.evaluation import evaluate
    from zoo.fusion import fuse
    from zoo.lookup import Entry
    from zoo.model import BoxModel, MaskModel
    from zoo.onnx import export
    from zoo.polygons import as_polygons
    from zoo.runner import Precision

_LATE = {
    "Band": "description",
    "BoxModel": "model",
    "Detections": "detections",
    "MaskModel": "model",
    "ModelDescription": "description",
    "evaluate": "evaluation",
    "export": "onnx",
    "fuse": "fusion",
    "as_polygons": "polygons",
}
_PACKAGES = ("networks", "scores", "training")

__all__ = [
    "Band",
    "BoxModel",
    "Detections",
    "MaskModel",
    "ModelDescription",
    "as_polygons",
    "card",
    "evaluate",
    "export",
    "fuse",
    "list_models",
    "load",
    "networks",
    "scores",
    "training",
]


def load(
    name_or_path: str | os.PathLike[str], *, device: str | None = None, precision: Precision | None = None
) -> MaskModel | BoxModel:
    """Load a model by its name, or from a file.

    Parameters
    ----------
    name_or_path
        A name is looked up in the package, in the folder that ``INSARFEAT_ZOO_DIR`` names, and in the cache
        (``~/.cache/insarfeat/zoo``). What has a folder in it, or ends in ``.safetensors``, is a path.
    device
        "cpu", "cuda", "cuda:1"; None takes a GPU where there is one.
    precision
        "float32" or "bfloat16"; None takes bfloat16 where the processor has instructions for it: faster (the
        table in docs/models.md), with probabilities that differ a little.

    Returns
    -------
    MaskModel or BoxModel
        ``predict`` finds landslides, ``card`` tells what it is worth, ``description`` everything else.

    Raises
    ------
    MissingInput
        There is no such model; the message lists those that there are.
    UnreadableInput
        The file is damaged, renamed, of another format, or no weight file at all.
    """
    from zoo.lookup import find
    from zoo.model import model_of

    return model_of(find(name_or_path), device, precision)


def list_models() -> tuple[Entry, ...]:
    """All models that can be loaded by name, in the order in which they are found."""
    from zoo.lookup import listing

    return listing().entries


def card(name_or_path: str | os.PathLike[str]) -> str:
    """The card of a model: what it is for, how good it is on which data, where it fails; Markdown."""
    from zoo.lookup import card_of, find

    return card_of(find(name_or_path))


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"zoo.{_LATE[name]}"), name)
    if name in _PACKAGES:
        return importlib.import_module(f"zoo.{name}")
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
