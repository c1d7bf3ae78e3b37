"""
What does the terrain composite say?
====================================

``terrain_pc1`` is one number for how rugged, curved and wet a place is, on the same scale in every scene.
"""

# %%
import insarfeat
from insarfeat import plot, terrain

dem = insarfeat.synth.scene(seed=9, size=384)["elevation"]
found = terrain.terrain_pc1(dem)
composite = plot.picture(found, background=dem)

# %%
# A composite of your own, of any layers: here the loadings of three.

layers = terrain.attributes(dem, ["slope", "tri", "convexity"])
own = terrain.PrincipalComponents(n_components=1).fit(layers)
for name, loading in zip(own.feature_names_in_, own.components_[0], strict=True):
    print(f"{name:12} {loading:+.2f}")
print(f"{100 * own.explained_variance_ratio_[0]:.0f} % of the variance")
