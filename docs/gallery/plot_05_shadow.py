"""
Where can nothing be seen at all?
=================================

Where a slope is steeper than the radar looks down, its top and its foot lie in one pixel: layover. Behind it
is shadow.
"""

# %%
# A ridge of 35 degrees to the east, 60 to the west, across which an ascending pass looks.

import numpy as np

from insarfeat import geometry

columns = 15.0 * np.arange(400)
profile = np.where(columns < 3000, np.tan(np.radians(50)) * (columns - 2000), 0).clip(0)
top = profile.max()
profile = np.where(columns >= 3000, top - np.tan(np.radians(65)) * (columns - 3000), profile).clip(0)
dem = np.tile(profile, (40, 1)).astype(np.float32)
seen = geometry.shadow_layover(dem, incidence=39.0, heading=0.0, resolution=15.0)
print("codes in the middle row:", np.unique(seen[20]))

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
axes.fill_between(columns, profile, color="0.85")
axes.plot(columns, profile, color="0.4")
for code in np.unique(seen[20])[1:]:
    here = seen[20] == code
    axes.scatter(columns[here], profile[here], s=10, label=f"code {code}")
axes.annotate("", (900, 100), (300, 850), arrowprops={"arrowstyle": "->"})
axes.text(150, 900, "the radar looks from here")
axes.set(xlabel="metres eastward", ylabel="metres")
axes.legend()

# %%
# The codes are bits, one for each cause: ``insarfeat.geometry`` lists them, and ``tiling.invalid_causes``
# takes them up.
