"""Charts of what :mod:`insarfeat.inventory` finds: distributions, and the power law of areas."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from insarfeat.plot._style import short_unit

if TYPE_CHECKING:
    from insarfeat.inventory import Comparison, LayerContrast, PowerLaw

_INSIDE, _OUTSIDE = "#d55e00", "#0072b2"  # of the palette of Okabe and Ito, light and dark in grey, too
_MOST_COLUMNS = 3
_PANEL_WIDTH, _PANEL_HEIGHT = 3.3, 2.6  # inches
_LINE = 0.22  # inches, height of a line of the legend


def draw_distributions(comparison: Comparison) -> Figure:
    """Return the figure of a comparison, one panel per layer."""
    count = len(comparison.layers)
    columns = min(count, _MOST_COLUMNS)
    rows = math.ceil(count / columns)
    keys_beside = 2 if columns == 1 else 4
    legend_height = _LINE * (4 // keys_beside + 0.5)
    figure = _sheet(columns * _PANEL_WIDTH + 0.6, rows * _PANEL_HEIGHT + legend_height)
    panels = [figure.add_subplot(rows, columns, number + 1) for number in range(count)]
    for axes, layer in zip(panels, comparison.layers, strict=True):
        _draw_contrast(axes, layer)
    handles = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=keys_beside,
        fontsize=8,
        frameon=False,
    )
    return figure


def draw_frequency_area(law: PowerLaw) -> Figure:
    """Return the figure of a power law of areas."""
    figure = _sheet(4.8, 3.8)
    axes = figure.add_subplot()
    table = law.table()
    table = table[table["count"] > 0]
    centre, density, counts = (table[name].to_numpy() for name in ("centre", "density", "count"))
    holds = centre >= law.smallest
    below = "below the smallest area of the fit"
    for chosen, fill, label in ((holds, _OUTSIDE, "mapped areas"), (~holds, "white", below)):
        if chosen.any():
            # The logarithmic axis has no room for a bar down to zero, which one area in a bin would have.
            down, up = np.minimum(np.sqrt(counts), 0.9 * counts), np.sqrt(counts)
            axes.errorbar(
                centre[chosen],
                density[chosen],
                yerr=(density / counts * np.array([down, up]))[:, chosen],
                fmt="o",
                markersize=5,
                color=_OUTSIDE,
                markerfacecolor=fill,
                elinewidth=0.8,
                label=label,
            )
    ends = np.array([law.smallest, max(law.areas[-1], centre[-1])])
    axes.plot(ends, law.density(ends), color=_INSIDE, linewidth=1.8, zorder=3, label=_law_in_words(law))
    axes.axvline(law.smallest, color="0.45", linewidth=0.8, linestyle=":")
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("area, m²", fontsize=8)
    axes.set_ylabel("probability density, 1/m²", fontsize=8)
    axes.tick_params(labelsize=8, length=3)
    _open_corner(axes)
    found = "estimated" if law.estimated else "given"
    axes.set_title(
        f"frequency of {len(law.areas)} mapped areas\n"
        f"{law.in_tail} in the fit, from {_area(law.smallest)} on ({found})",
        fontsize=9,
        loc="left",
    )
    axes.legend(fontsize=8, loc="lower left", edgecolor="none", framealpha=1.0)
    return figure


def _sheet(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw_contrast(axes: Axes, layer: LayerContrast) -> None:
    unit = short_unit(layer.units)
    for density, summary, colour, where in (
        (layer.density_inside, layer.inside, _INSIDE, "inside"),
        (layer.density_outside, layer.outside, _OUTSIDE, "outside"),
    ):
        if summary.count:
            inside = where == "inside"
            axes.stairs(
                density,
                layer.edges,
                color=colour,
                alpha=0.45 if inside else 1.0,
                fill=inside,
                baseline=0.0
                if inside
                else None,  # values go on beyond the borders: the line must not drop there
                linewidth=0.0 if inside else 1.3,
                label=where,
            )
            axes.axvline(
                summary.median,
                color=colour,
                linewidth=1.2,
                linestyle="-" if inside else "--",
                label=f"median {where}",
            )
    axes.set_xlim(layer.edges[0], layer.edges[-1])
    axes.set_ylim(bottom=0.0)
    axes.set_title(
        "\n".join([*textwrap.wrap(layer.long_name, 42), _sizes(layer)]),
        fontsize=8,
        loc="left",
        parse_math=False,
    )
    axes.set_xlabel(", ".join(part for part in (layer.name, unit) if part), fontsize=8, parse_math=False)
    axes.set_ylabel(_per(unit), fontsize=8, parse_math=False)
    axes.tick_params(labelsize=8, length=3)
    axes.locator_params(nbins=5)
    _open_corner(axes)


def _sizes(layer: LayerContrast) -> str:
    if not (layer.inside.count and layer.outside.count):
        return f"nothing to compare: {layer.inside.count} pixels inside, {layer.outside.count} outside"
    pixels = f"{layer.inside.count} pixels each"
    if layer.outside_is_short:
        pixels = f"{layer.inside.count} pixels inside, {layer.outside.count} outside"
    return f"KS {layer.ks_distance:.2f}, AUC {layer.auc:.2f}, {pixels}"


def _per(unit: str) -> str:
    """Label of an axis of densities.

    >>> _per("1/m"), _per("°"), _per("")
    ('density, m', 'density, 1/°', 'density')
    """
    if unit.startswith("1/"):
        return f"density, {unit[2:]}"
    return f"density, 1/{unit}" if unit else "density"


def _law_in_words(law: PowerLaw) -> str:
    span = law.interval
    return f"exponent {law.exponent:.2f} ({100 * span.confidence:g} %: {span.low:.2f} to {span.high:.2f})"


def _area(square_metres: float) -> str:
    """An area in words, in square kilometres where it is large.

    >>> _area(1234.0), _area(2.5e6)
    ('1230 m²', '2.5 km²')
    """
    large = square_metres >= 1e6
    value = square_metres / 1e6 if large else square_metres
    digits = 2 - math.floor(math.log10(value))
    return f"{round(value, digits):.10g} {'km²' if large else 'm²'}"


def _open_corner(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
