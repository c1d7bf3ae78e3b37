"""The picture of docs/stacks.md: a detection stack over a real interferogram, and why pixels of it cannot be used.

``python -m benchmarks.stack_picture --data FOLDER --out docs/stacks.png``.
"""

from __future__ import annotations

import argparse
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread

SAMPLE = "ifg_morocco_eotools"
SAFE = "S1A_IW_SLC__1SDV_20230904T063730_20230904T063757_050174_0609E3_DAA1_VV_annotation.SAFE.zip"
LAYERS = ("wrapped_phase", "coherence", "sensitivity", "terrain_pc1", "slope_to_los", "invalid_causes")


def draw(data: Path) -> Figure:
    """Six layers of one stack, from files as they come."""
    import insarfeat
    from insarfeat.io import Stated
    from insarfeat.stacks import Recipe

    place = data / SAMPLE
    recipe = Recipe.named("detection").changed(layers=LAYERS, validity={"min_coherence": 0.3})
    with tempfile.TemporaryDirectory() as folder:
        path = insarfeat.build_stack(
            recipe,
            Path(folder) / "stack.nc",
            interferogram=place / "phi_vv.tif",
            coherence=place / "coh_vv.tif",
            dem=place / "dem_iw1_60m.tif",
            annotation=place / SAFE,
            stated=Stated(layers={"phi_vv": "wrapped_phase"}, nodata=-9999.0),
        )
        stack = insarfeat.open_stack(path).load()
    figure = Figure(figsize=(13.5, 8.4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(2, 3).flat, LAYERS, strict=True):
        page = BytesIO()
        insarfeat.plot.picture(stack[name]).savefig(page, dpi=110)
        page.seek(0)
        axes.imshow(np.asarray(imread(page)))
        axes.set_axis_off()
    return figure


def main() -> None:
    """Draw and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    import insarfeat

    arguments.out.write_bytes(insarfeat.plot.png(draw(arguments.data), dpi=90))


if __name__ == "__main__":
    main()
