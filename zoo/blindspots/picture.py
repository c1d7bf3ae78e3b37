"""The map of blind spots, and the trials behind it, as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.blindspots.maps import CAUSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from zoo.blindspots import BlindSpots

# Blue for ground that was seen, warm and dark for the reasons why it was not: apart for all common kinds of colour
# blindness (Okabe and Ito).
_COLOURS = {0: "#56b4e9", 1: "#000000", 2: "#cc79a7", 3: "#e69f00", 4: "#8c5a1e", 255: "#ffffff"}
_Extent = tuple[float, float, float, float]
_WORDS = {
    0: "would have been found",
    1: "layover or shadow",
    2: "moves across the line of sight",
    3: "too little coherence",
    4: "too small or too slow",
}


def draw(told: BlindSpots, path: Path) -> Path:
    """Draw where the slide of the question would have been found and why not elsewhere, and both limits."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    layers = told.map
    extent = _kilometres(layers)
    figure = Figure(figsize=(13.0, 10.0), layout="constrained")
    where, chance, smallest, slowest = figure.subplots(2, 2).ravel()

    blind = layers["blind_spot"].values
    colours = np.array([_rgb(_COLOURS.get(number, "#ffffff")) for number in range(256)])
    where.imshow(colours[blind], extent=extent)
    shares = {number: float((blind == number).sum()) / max(int((blind != 255).sum()), 1) for number in CAUSES}
    where.legend(
        handles=[
            Patch(color=_COLOURS[number], label=f"{_WORDS[number]} ({100 * share:.0f} %)")
            for number, share in shares.items()
            if share > 0
        ],
        loc="upper center", bbox_to_anchor=(0.5, -0.08), fontsize=9, ncols=2, frameon=False,
    )  # fmt: skip
    where.set_title(f"{told.question.area:g} km2, {told.question.speed:g} cm a year")
    _shade(figure, chance, layers["recall"], extent, "probability of being found", "viridis", (0.0, 1.0))
    from matplotlib.colors import LogNorm

    for axes, name, words in (
        (smallest, "detectable_area", f"smallest found at {told.question.speed:g} cm a year, km2"),
        (slowest, "detectable_speed", f"slowest found of {told.question.area:g} km2, cm a year"),
    ):
        values = layers[name].values
        known = values[np.isfinite(values)]
        norm = LogNorm(known.min(), max(known.max(), 1.01 * known.min())) if known.size else None
        _shade(figure, axes, layers[name], extent, words, "viridis_r", norm)
    for axes in (where, chance, smallest, slowest):
        axes.set_facecolor("0.85")
        axes.set_xlabel("km")
    about = layers.attrs
    figure.suptitle(
        f"{about['title']}: {about['trials']} trials on {about['pairs'] or 'one pair'}. Grey: nothing of the "
        "sizes and speeds that were tried",
        fontsize=11,
    )
    figure.savefig(path, dpi=110)
    return path


def _shade(figure: Any, axes: Axes, layer: Any, extent: _Extent, words: str, colours: str, norm: Any) -> None:
    limits = {"vmin": norm[0], "vmax": norm[1]} if isinstance(norm, tuple) else {"norm": norm}
    picture = axes.imshow(layer.values, extent=extent, cmap=colours, interpolation="nearest", **limits)
    axes.set_title(words, fontsize=10)
    figure.colorbar(picture, ax=axes, shrink=0.8)


def _kilometres(layers: Any) -> _Extent:
    """Extent of the map from its west and its south."""
    height, width = layers["recall"].shape
    step = abs(float(layers["x"][1] - layers["x"][0])) / 1000.0
    return (0.0, width * step, 0.0, height * step)


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)
