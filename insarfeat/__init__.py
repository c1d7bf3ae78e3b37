"""Layers for landslide detection in radar interferograms, at any size.

Subpackages load on first use, so that ``import insarfeat`` is quick and pulls in nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from insarfeat import bursts, filters, geometry, inventory, io, plot, report, synth, terrain, tiling
    from insarfeat.io import open_stack
    from insarfeat.tiling import write
    from insarfeat.tiling.plan import plan

_SUBPACKAGES = (
    "bursts", "filters", "geometry", "inventory", "io", "plot", "report", "synth", "terrain", "tiling",
)  # fmt: skip
_FUNCTIONS = {"open_stack": "insarfeat.io", "plan": "insarfeat.tiling", "write": "insarfeat.tiling"}

__all__ = [
    "__version__",
    "bursts",
    "filters",
    "geometry",
    "inventory",
    "io",
    "open_stack",
    "plan",
    "plot",
    "report",
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
