"""
Do landslides stand out in a layer?
===================================

Compare what a layer has inside mapped landslides with what it has outside.
"""

# %%
from rasterio import Affine, features

import insarfeat
from insarfeat import inventory, plot, terrain
from insarfeat.georeference import grid_of

scene = insarfeat.synth.scene(seed=1, size=384)
slide = scene["landslide"].values
outlines = features.shapes(slide, mask=slide == 1, transform=Affine(*grid_of(scene["landslide"]).affine))
polygons = [outline for outline, _ in outlines]  # of yours: inventory.read_polygons("slides.gpkg")

layers = scene[["coherence_true"]].assign(slope=terrain.slope(scene["elevation"]))
found = inventory.compare(layers, polygons, seed=0)
drawn = plot.distributions(found)
