"""Rasters larger than memory: tiles, plans that compute layers tile by tile, and patches to train networks with."""

from insarfeat.tiling.causes import CAUSES, ValidityRules
from insarfeat.tiling.description import Description
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
from insarfeat.tiling.patches.training.torch_loading import collated, randomly_turned, torch_dataset, turned
from insarfeat.tiling.plan import Plan, plan, write
from insarfeat.tiling.stages import Progress, TileWork, Workshop
from insarfeat.tiling.validity import cause_shares, invalid_causes, lines_of_causes, valid_mask
from insarfeat.windows import Halo, Tile, TileGrid, Window

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
