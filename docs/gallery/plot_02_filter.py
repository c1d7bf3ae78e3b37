"""
What does the Goldstein filter take away?
=========================================

Noise, and where fringes are as dense as the windows can bear, a little of the signal. On a synthetic scene
one sees both.
"""

# sphinx_gallery_thumbnail_number = 2

# %%
import numpy as np

import insarfeat
from insarfeat import filters, plot

scene = insarfeat.synth.scene(seed=3, size=256, style="images")
ifg = filters.interferogram(scene["primary"], scene["secondary"])

# %%
# Before:

before = plot.picture(filters.wrapped_phase(ifg))

# %%
# After, with the defaults:

filtered = filters.goldstein(ifg)
after = plot.picture(filters.wrapped_phase(filtered))

# %%
# What was taken away is the phase of the one times the conjugate of the other. Where it shows fringes or
# outlines, signal was lost; here it looks like noise.

lost = plot.picture(filters.wrapped_phase(ifg * np.conj(filtered)))

# %%
# How much, in radians:

for name, alpha in (("weak", 0.5), ("default", 1.0)):
    rest = np.angle((ifg * np.conj(filters.goldstein(ifg, alpha=alpha))).values)
    print(name, f"{np.nanstd(rest):.2f} rad taken away")
