"""
Which pairs are worth a look?
=============================

Of a season of pairs a few are good. Measured first, the others cost nobody an hour.
"""

# %%
# Four pairs of one place: calm, stormy, noisy, and with a ramp that somebody forgot to take away.

import numpy as np

import insarfeat
from insarfeat import pairs

layers = ["wrapped_phase", "coherence", "elevation"]
calm = insarfeat.synth.scene(seed=2, size=256)[layers]
rng = np.random.default_rng(0)
across = np.linspace(0, 150, 256)[None, :]


def with_phase(more):
    """The calm pair with something added to its phase."""
    turned = np.angle(np.exp(1j * (calm["wrapped_phase"] + more)))
    return calm.assign(wrapped_phase=calm["wrapped_phase"].copy(data=turned))


season = {
    "calm": calm,
    "noisy": with_phase(rng.normal(0, 2, (256, 256))).assign(coherence=calm["coherence"] / 4),
    "ramp": with_phase(across * np.ones((256, 1))),
    "other air": insarfeat.synth.scene(seed=2, size=256, style="shifted")[layers],
}
ranking = pairs.rank([one.assign_attrs(title=name) for name, one in season.items()])
for row in ranking:
    print(f"{row.name:10} {row.score:.2f}", "; ".join(row.reasons) or "nothing against it")

# %%
# The worst of them:

from insarfeat import plot

worst = plot.picture(season[ranking[-1].name]["wrapped_phase"])
