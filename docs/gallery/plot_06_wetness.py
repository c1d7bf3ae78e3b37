"""
Why does wetness need the whole basin?
======================================

Cut a DEM at the edge of a scene, and rivers begin there.
"""

# %%
import numpy as np

import insarfeat
from insarfeat import plot, terrain

dem = insarfeat.synth.scene(seed=9, size=512)["elevation"]
whole = terrain.twi(dem)
middle = {"y": slice(128, 384), "x": slice(128, 384)}
alone = terrain.twi(dem.isel(middle))

# %%
# Wetness in the middle, computed on all of the DEM, and on the middle alone:

with_basin = plot.picture(whole.isel(middle))
without = plot.picture(alone)

# %%
# How far off the second one is: where water comes in from beyond, it does not know of it.

apart = np.abs(whole.isel(middle) - alone).values
print(
    f"{100 * np.mean(apart > 0.5):.0f} % of the pixels are off by more than 0.5, the worst by {apart.max():.1f}"
)

# %%
# ``flow_contamination`` tells where, without knowing the ground beyond.

contaminated = terrain.flow_contamination(dem.isel(middle)).values > 0
print(f"told beforehand: {100 * np.mean(contaminated[apart > 0.5]):.0f} % of them")
