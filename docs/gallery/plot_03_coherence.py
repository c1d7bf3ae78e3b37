"""
Why does coherence lie?
=======================

Pure noise has no coherence. Measured in a small window, it has.
"""

# %%
import numpy as np

from insarfeat import filters

rng = np.random.default_rng(0)
noise = [
    (rng.normal(size=(400, 400)) + 1j * rng.normal(size=(400, 400))).astype(np.complex64) for _ in range(2)
]
for side in (3, 5, 9, 15):
    raw = filters.coherence(*noise, window=(side, side))
    fair = filters.coherence(*noise, window=(side, side), unbiased=True)
    print(f"{side:2} x {side:2}: {np.nanmean(raw):.3f} as measured, {np.nanmean(fair):.3f} without its bias")

# %%
# And a fringe inside the window makes it low where nothing is wrong at all: two images that differ by a ramp
# alone, without any noise.

import matplotlib.pyplot as plt

turns = np.linspace(0, 0.5, 40)  # fringes per pixel
ramp = [np.exp(2j * np.pi * turn * np.arange(64))[None, :].repeat(64, axis=0) for turn in turns]
ones = np.ones((64, 64), np.complex64)
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
for side in (3, 5, 9):
    measured = [
        filters.coherence(ones, one.astype(np.complex64), window=(side, side))[32, 32] for one in ramp
    ]
    axes.plot(turns, measured, label=f"{side} x {side}")
axes.set(xlabel="fringes per pixel", ylabel="coherence, without any noise")
axes.legend()
