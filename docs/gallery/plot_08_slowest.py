"""
How slow a motion can a pair see?
=================================

Half a fringe shows to the eye. Which speed that is depends on the slope, the days between the images, and the
noise.
"""

# %%
import numpy as np

from insarfeat import filters, geometry

shares = np.array([[0.25, 0.5, 1.0]])  # of the motion that the radar sees: slope to line of sight
print("slowest motion down the slope, metres a year, of which the radar sees", *shares[0])
for days in (6, 12, 24, 48):
    found = geometry.detectable_velocity(shares, baseline=days, wavelength=0.05547)
    print(f"{days:2} days:", *(f"{speed:6.2f}" for speed in found["slowest_velocity"][0]))

# %%
# As curves: below a fifth nothing is said, since errors of the DEM would be taken for motion.

import matplotlib.pyplot as plt

share = np.linspace(0.05, 1.0, 200)[None, :]
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
for days in (6, 12, 24, 48):
    found = geometry.detectable_velocity(share, baseline=days, wavelength=0.05547)
    axes.plot(share[0], found["slowest_velocity"][0], label=f"{days} days")
axes.set(
    xlabel="share of the motion that the radar sees", ylabel="slowest motion that shows, m/year", ylim=(0, 6)
)
axes.legend()

# %%
# Longer pairs see slower motion, until fringes at the edge of a slide are too dense to be followed: there the
# fastest motion ends. And noise hides what is within twice the deviation of the phase:

coherence = np.array([[0.3, 0.5, 0.8]])
deviation = filters.phase_deviation(coherence, looks=20)
print("at a coherence of", *coherence[0])
found = geometry.detectable_velocity(
    np.ones((1, 3)), baseline=12, wavelength=0.05547, phase_deviation=deviation, smallest_fringe=0.05
)
print("12 days:", *(f"{speed:6.2f}" for speed in found["slowest_velocity"][0]))
