"""
What does a shipped model find, and what not?
=============================================

On a synthetic scene the truth is known. That says how a model behaves, and nothing about real landslides.
"""

# %%
import insarfeat
import zoo
from insarfeat import plot

scene = insarfeat.synth.scene(seed=12, size=384)
model = zoo.load("segformer-b0-synth-v1")
print(model.description.statement)
found = model.predict(scene).compute()

# %%
# Outlines of what it found over the phase; dashes are the truth.

slides = zoo.as_polygons(found, least_area=5000)
outlines = plot.detections(scene["wrapped_phase"], slides.outlines, truth=scene["landslide"])

# %%
# The same over fringes with sharpened edges, as experts look at them:

sharpened = plot.detections(
    scene["wrapped_phase"],
    slides.outlines,
    truth=scene["landslide"],
    over="fringes",
    coherence=scene["coherence"],
)

# %%
# Its probability:

probability = plot.picture(found["landslide_probability"])

# %%
# As a table, best first:

print(slides.table[["class", "score", "area_m2"]].head())
