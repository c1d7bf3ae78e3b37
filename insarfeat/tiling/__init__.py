"""Rasters larger than memory: tiles, and plans that compute layers tile by tile."""

from insarfeat.tiling.description import Description
from insarfeat.tiling.plan import Plan, plan, write
from insarfeat.tiling.stages import Progress, TileWork, Workshop
from insarfeat.tiling.validity import valid_mask
from insarfeat.windows import Halo, Tile, TileGrid, Window

__all__ = [
    "Description",
    "Halo",
    "Plan",
    "Progress",
    "Tile",
    "TileGrid",
    "TileWork",
    "Window",
    "Workshop",
    "plan",
    "valid_mask",
    "write",
]
