"""Rasters larger than memory: tiles, and plans that compute layers tile by tile."""

from insarfeat.tiling.causes import CAUSES, ValidityRules
from insarfeat.tiling.description import Description
from insarfeat.tiling.plan import Plan, plan, write
from insarfeat.tiling.stages import Progress, TileWork, Workshop
from insarfeat.tiling.validity import cause_shares, invalid_causes, lines_of_causes, valid_mask
from insarfeat.windows import Halo, Tile, TileGrid, Window

__all__ = [
    "CAUSES",
    "Description",
    "Halo",
    "Plan",
    "Progress",
    "Tile",
    "TileGrid",
    "TileWork",
    "ValidityRules",
    "Window",
    "Workshop",
    "cause_shares",
    "invalid_causes",
    "lines_of_causes",
    "plan",
    "valid_mask",
    "write",
]
