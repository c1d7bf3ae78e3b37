"""
Does the answer change with the tiles?
======================================

No. Each tile reads as much of its neighbours as it needs, and kernels add up in an order that no tile can
change.
"""

# %%
import numpy as np

import insarfeat
from insarfeat import filters, plot, terrain

scene = insarfeat.synth.scene(seed=1, size=300, style="images")
whole = {
    "goldstein": filters.goldstein(filters.interferogram(scene["primary"], scene["secondary"])),
    "twi": terrain.twi(scene["elevation"]),
}
for side in (64, 97, 300):
    parts = scene.chunk(y=side, x=side)
    tiled = {
        "goldstein": filters.goldstein(filters.interferogram(parts["primary"], parts["secondary"])),
        "twi": terrain.twi(parts["elevation"]),
    }
    for name, one in tiled.items():
        same = np.array_equal(one.values, whole[name].values, equal_nan=True)
        print(f"chunks of {side}: {name} is {'the same, bit for bit' if same else 'ANOTHER'}")

# %%
# Chunks of 97 pixels, of which nothing is to be seen:

in_chunks = plot.picture(terrain.twi(scene.chunk(y=97, x=97)["elevation"]))
