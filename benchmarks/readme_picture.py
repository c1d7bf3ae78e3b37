"""The picture at the top of the README: a synthetic scene, its layers, and what a shipped model makes of it.

python -m benchmarks.readme_picture
"""

from __future__ import annotations

from pathlib import Path

import insarfeat
import zoo
from insarfeat import plot

SCENE = 2
SIDE = 512
PANELS = ("wrapped_phase", "coherence", "elevation", "sensitivity", "terrain_pc1", "landslide_probability")
TARGET = Path(__file__).parents[1] / "docs" / "layers.png"


def main() -> None:
    """Draw the six layers side by side."""
    scene = insarfeat.synth.scene(seed=SCENE, size=SIDE)
    found = zoo.load("segformer-b0-synth-v1").predict(scene).compute()
    sheet = scene.assign(landslide_probability=found["landslide_probability"])
    TARGET.write_bytes(plot.png(plot.stack(sheet, PANELS)))
    print(TARGET.name)


if __name__ == "__main__":
    main()
