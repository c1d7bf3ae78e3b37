"""
Which slopes can the radar judge?
=================================

Ascending passes look east, descending ones look west. What one cannot see, the other often can.
"""

# %%
import xarray as xr

import insarfeat
from insarfeat import geometry, plot

scene = insarfeat.synth.scene(seed=2, size=384)
dem = scene["elevation"]
sights = {"ascending": -12.0, "descending": -168.0}
seen = {
    name: geometry.ground_view(dem, ["slope_to_los"], geometry.los_from_incidence(39.0, heading))[
        "slope_to_los"
    ]
    for name, heading in sights.items()
}

# %%
# The share of motion down the slope that the ascending pass sees: red goes away from the satellite, blue
# towards it.

ascending = plot.picture(seen["ascending"], background=dem)

# %%
# And the descending one:

descending = plot.picture(seen["descending"], background=dem)

# %%
# How much of the steep ground is seen with a third of its motion or more, by the one, and by either?

steep = insarfeat.terrain.slope(dem) > 10
shares = xr.Dataset({name: abs(one) > 0.33 for name, one in seen.items()})
both = shares["ascending"] | shares["descending"]
for name, one in {**shares, "either": both}.items():
    print(f"{name}: {100 * float(one.where(steep).mean()):.0f} %")
