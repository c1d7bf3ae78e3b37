"""Layers for landslide detection in radar interferograms, at any size.

Subpackages load on first use, so that ``import insarfeat`` is quick and pulls in nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from insarfeat import (
        bursts,
        filters,
        geometry,
        inventory,
        io,
        pairs,
        plot,
        report,
        stacks,
        synth,
        terrain,
        tiling,
    )
    from insarfeat.io import open_product, open_stack
    from insarfeat.stacks import build_stack
    from insarfeat.tiling import write
    from insarfeat.tiling.plan import plan

_SUBPACKAGES = (
    "bursts", "filters", "geometry", "inventory", "io", "pairs", "plot", "report", "stacks", "synth", "terrain",
    "tiling",
)  # fmt: skip
_FUNCTIONS = {
    "build_stack": "insarfeat.stacks",
    "open_product": "insarfeat.io",
    "open_stack": "insarfeat.io",
    "plan": "insarfeat.tiling",
    "write": "insarfeat.tiling",
}

__all__ = [
    "__version__",
    "build_stack",
    "bursts",
    "filters",
    "geometry",
    "inventory",
    "io",
    "open_product",
    "open_stack",
    "pairs",
    "plan",
    "plot",
    "report",
    "stacks",
    "synth",
    "terrain",
    "tiling",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"insarfeat.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    raise AttributeError(f"module 'insarfeat' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
