"""
Do these parts of a dataset leak?
=================================

Patches that overlap, or lie beside each other, share ground: a random split tests on what was trained on.
"""

# %%
import numpy as np

import insarfeat
from insarfeat import plot, tiling

scene = insarfeat.synth.scene(seed=4, size=768)
insarfeat.write(scene[["wrapped_phase", "coherence", "landslide"]], "split.zarr", overwrite=True)
patches = tiling.extract_patches("split.zarr", "split-patches", size=96, stride=48, overwrite=True)

# %%
# At random:

rng = np.random.default_rng(1)
drawn = rng.choice(["train", "validation", "test"], len(patches.table), p=(0.7, 0.2, 0.1))
print(tiling.leaks(patches.table.assign(part=drawn)))

# %%
# By blocks of ground, with nothing of a block in two parts:

blocks = tiling.split(patches, by="block", buffer=0)
print(tiling.leaks(blocks))
ground = plot.split_map(blocks)
