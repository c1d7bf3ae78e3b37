"""
What does a synthetic landslide look like?
==========================================

The generator draws slides by class, puts them on slopes, moves them between the two days, and adds air, noise
and a filter.
"""

# %%
import insarfeat
from insarfeat import plot

scene = insarfeat.synth.scene(seed=12, size=256)
observed = plot.picture(scene["wrapped_phase"])

# %%
# What of it moves, as the truth has it:

truth = plot.picture(scene["landslide"], background=scene["elevation"])

# %%
# The same world seen in another style: other air, looks and filters.

other = plot.picture(insarfeat.synth.scene(seed=12, size=256, style="shifted")["wrapped_phase"])
