"""
Which fringes does one overlook?
================================

A slide of a quarter of a fringe is a shade in a smooth map of colours. Eight levels with sharp edges show its
outline.
"""

# sphinx_gallery_thumbnail_number = 2

# %%
import insarfeat
from insarfeat import plot

scene = insarfeat.synth.scene(seed=2, size=320)
phase = scene["wrapped_phase"]
smooth = plot.picture(phase)

# %%
# The same phase, nothing else done to it. What is too noisy to have fringes is pale.

sharpened = plot.fringes(phase, coherence=scene["coherence"])

# %%
# Where slides are, by the truth:

truth = plot.picture(scene["landslide"], background=scene["elevation"])
