"""Rasters larger than memory: tiles, plans that compute layers tile by tile, and patches to train networks with.

What has to do with patches loads when it is first asked for: plans need none of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from insarfeat.tiling.causes import CAUSES, ValidityRules
from insarfeat.tiling.description import Description
from insarfeat.tiling.plan import Plan, plan, write
from insarfeat.tiling.stages import Progress, TileWork, Workshop
from insarfeat.tiling.validity import cause_shares, invalid_causes, lines_of_causes, valid_mask
from insarfeat.windows import Halo, Tile, TileGrid, Window

if TYPE_CHECKING:
    from insarfeat.tiling.patches.dataset import Patch, Patches, Report, open_patches
    from insarfeat.tiling.patches.extraction import extract_patches, plan_patches
    from insarfeat.tiling.patches.grid import PatchGrid
    from insarfeat.tiling.patches.parts.leakage import Leakage
    from insarfeat.tiling.patches.parts.leaks import leaks
    from insarfeat.tiling.patches.parts.splitting import Split, split
    from insarfeat.tiling.patches.planning import PatchPlan
    from insarfeat.tiling.patches.sampling import RULES, HardNegatives, Keep, Sampling, SmallCopies
    from insarfeat.tiling.patches.stitching import stitch
    from insarfeat.tiling.patches.training.batches import Batch, Buckets, batches, bucket_weights
    from insarfeat.tiling.patches.training.exports import write_coco, write_yolo
    from insarfeat.tiling.patches.training.softening import label_distances, soften
    from insarfeat.tiling.patches.training.torch_loading import (
        collated,
        randomly_turned,
        torch_dataset,
        turned,
    )

_OF_PATCHES = {
    "Batch": "training.batches",
    "Buckets": "training.batches",
    "HardNegatives": "sampling",
    "Keep": "sampling",
    "Leakage": "parts.leakage",
    "Patch": "dataset",
    "PatchGrid": "grid",
    "PatchPlan": "planning",
    "Patches": "dataset",
    "RULES": "sampling",
    "Report": "dataset",
    "Sampling": "sampling",
    "SmallCopies": "sampling",
    "Split": "parts.splitting",
    "batches": "training.batches",
    "bucket_weights": "training.batches",
    "collated": "training.torch_loading",
    "extract_patches": "extraction",
    "label_distances": "training.softening",
    "leaks": "parts.leaks",
    "open_patches": "dataset",
    "plan_patches": "extraction",
    "randomly_turned": "training.torch_loading",
    "soften": "training.softening",
    "split": "parts.splitting",
    "stitch": "stitching",
    "torch_dataset": "training.torch_loading",
    "turned": "training.torch_loading",
    "write_coco": "training.exports",
    "write_yolo": "training.exports",
}

__all__ = [
    "CAUSES",
    "RULES",
    "Batch",
    "Buckets",
    "Description",
    "Halo",
    "HardNegatives",
    "Keep",
    "Leakage",
    "Patch",
    "PatchGrid",
    "PatchPlan",
    "Patches",
    "Plan",
    "Progress",
    "Report",
    "Sampling",
    "SmallCopies",
    "Split",
    "Tile",
    "TileGrid",
    "TileWork",
    "ValidityRules",
    "Window",
    "Workshop",
    "batches",
    "bucket_weights",
    "cause_shares",
    "collated",
    "extract_patches",
    "invalid_causes",
    "label_distances",
    "leaks",
    "lines_of_causes",
    "open_patches",
    "plan",
    "plan_patches",
    "randomly_turned",
    "soften",
    "split",
    "stitch",
    "torch_dataset",
    "turned",
    "valid_mask",
    "write",
    "write_coco",
    "write_yolo",
]


def __getattr__(name: str) -> Any:
    if name in _OF_PATCHES:
        return getattr(importlib.import_module(f"insarfeat.tiling.patches.{_OF_PATCHES[name]}"), name)
    raise AttributeError(f"module 'insarfeat.tiling' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
