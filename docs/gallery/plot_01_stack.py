"""
What is in a stack?
===================

A stack is what a network, or a person, looks at: layers on one map, made from two radar images and a DEM.
"""

# %%
# A synthetic scene stands for your own images; files of any processor do as well.

import insarfeat
from insarfeat import plot

scene = insarfeat.synth.scene(seed=6, size=384, style="images")
path = insarfeat.build_stack(
    "models",
    "stack.nc",
    primary=scene["primary"],
    secondary=scene["secondary"],
    dem=scene["elevation"],
    incidence=scene.attrs["incidence"],
    heading=scene.attrs["heading"],
    overwrite=True,
)
stack = insarfeat.open_stack(path).load()
print(stack)

# %%
# All of it at a glance:

overview = plot.stack(stack)

# %%
# The wrapped phase: one turn of the colours is 27.7 mm of motion along the line of sight. The colours have no
# seam, as the phase has none.

phase = plot.picture(stack["wrapped_phase"])

# %%
# Coherence: how much of the phase is to be believed.

coherence = plot.picture(stack["coherence"])

# %%
# Sensitivity: where the radar would see motion down the slope, weighed by the coherence. Where it is 0,
# nothing that is found or missed means anything.

sensitivity = plot.picture(stack["sensitivity"])
