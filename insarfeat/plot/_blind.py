"""A map of blind spots on one sheet: why not, how likely, how small, how slow."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from insarfeat.errors import InvalidArgument
from insarfeat.plot._figure import (
    _LEFT,
    _LINE,
    _RIGHT,
    _add_colour_bar,
    _add_scale_bar,
    _label_axes,
    _map_inches,
    _north_up,
    _patch,
    _Sheet,
    keyed,
    show,
)
from insarfeat.plot._grid import MapGrid
from insarfeat.plot._paint import Key, Painting, Values, _through, paint
from insarfeat.plot._style import Style, style_of

LAYERS_DRAWN = ("blind_spot", "recall", "detectable_area", "detectable_speed")
"""What the sheet shows, row by row."""

_NOTHING = Key("#d9d9d9", "nothing of those that were tried")
_BELOW, _ABOVE = 0.55, 0.3  # inches about a map, for its labels and its title
_TITLE = 0.26  # inches, a line of the title of the sheet


@dataclass(frozen=True, slots=True, eq=False)
class _Panel:
    title: str
    painting: Painting
    style: Style


def draw_blind_spots(found: xr.Dataset) -> Figure:
    """Return the sheet of a map; layers that are missing are refused."""
    missing = [name for name in LAYERS_DRAWN if name not in found]
    if missing:
        raise InvalidArgument(
            f"found has no layer {missing[0]!r}; it must be a map of blind spots, as blindspots.nc of 'insarfeat "
            "blindspots' holds it"
        )
    grid = MapGrid.of(found["blind_spot"])
    panels = _panels(found, grid)
    sheet = _Sheet(*_map_inches(grid), "", ())
    legends = [_LINE * max(len(panel.painting.keys) for panel in row) for row in (panels[:2], panels[2:])]
    cells = [_ABOVE + sheet.map_height + _BELOW + legend for legend in legends]
    across = _LEFT + sheet.map_width + _RIGHT
    title = textwrap.wrap(_title(found.attrs), int(2 * across * 9))
    width, height = 2 * across, 0.1 + _TITLE * len(title) + sum(cells)
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(_LEFT / width, 1.0 - 0.1 / height, "\n".join(title), va="top", fontsize=11, parse_math=False)
    for number, panel in enumerate(panels):
        row, column = divmod(number, 2)
        bottom = sum(cells[row + 1 :]) + legends[row] + _BELOW
        place = (column * across + _LEFT) / width, bottom / height
        size = sheet.map_width / width, sheet.map_height / height
        axes = figure.add_axes((*place, *size))
        show(axes, panel.painting, grid, panel.style)
        axes.set_title(panel.title, fontsize=10, loc="left", parse_math=False)
        _label_axes(axes, grid, sheet)
        _add_scale_bar(axes, grid)
        _add_keys(axes, panel.painting, sheet)
        if panel.painting.scale is not None:
            beside = place[0] + size[0] + 0.12 / width
            bar = figure.add_axes((beside, place[1], 0.18 / width, size[1]))
            _add_colour_bar(figure, bar, panel.painting, panel.style)
            if isinstance(panel.painting.scale.norm, LogNorm):
                bar.yaxis.set_major_locator(FixedLocator(plain_steps(*panel.painting.scale.get_clim())))
    return figure


def plain_steps(low: float, high: float) -> list[float]:
    """1, 2, 5, 10 ... from low to high, for scales that are logarithmic; both ends where there is none between.

    >>> plain_steps(0.004, 0.6)
    [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
    >>> plain_steps(11.0, 19.0)
    [11.0, 19.0]
    """
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    steps = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    between = [step for step in steps if low <= step <= high]
    return between if len(between) > 1 else [low, high]


def _panels(found: xr.Dataset, grid: MapGrid) -> list[_Panel]:
    layers = {name: _north_up(found[name], grid) for name in LAYERS_DRAWN}
    about = found.attrs
    area = f"{float(about['area']):g} km²" if "area" in about else "the size asked after"
    speed = f"{float(about['speed']):g} cm a year" if "speed" in about else "the speed asked after"
    style = style_of(found["blind_spot"])
    reasons = paint(layers["blind_spot"], style, None)
    if reasons.holes is None:
        raise InvalidArgument(
            "found tells no reasons; its layer blind_spot needs flag_meanings with 'visible'"
        )
    holes = reasons.holes
    titles = (
        f"a slide of {area} at {speed}",
        "probability of being found",
        f"smallest that would be found at {speed}",
        f"slowest that would be found of {area}",
    )
    paintings = [
        keyed(_counted(reasons, style, layers["blind_spot"]), layers["blind_spot"], style),
        _values(layers["recall"], holes, Normalize(0.0, 1.0), "viridis"),
        *(_limits(layers[name], holes) for name in LAYERS_DRAWN[2:]),
    ]
    styles = [style, *(Style("sequential", None, (), "", unit) for unit in ("", "km²", "cm a year"))]
    return [_Panel(*one) for one in zip(titles, paintings, styles, strict=True)]


def _counted(painting: Painting, style: Style, values: Values) -> Painting:
    """The painting with the share of each class in its legend; classes that do not occur are left out."""
    known = max(int(np.isin(values, [value for value, _ in style.flags]).sum()), 1)
    shares = [100.0 * float((values == value).sum()) / known for value, _ in style.flags]
    keys = tuple(
        replace(key, label=f"{key.label} ({share:.0f} %)" if share >= 0.5 else f"{key.label} (less than 1 %)")
        for key, share in zip(painting.keys, shares, strict=True)
        if share > 0.0
    )
    return replace(painting, keys=keys)


def _limits(values: Values, holes: Values) -> Painting:
    """Sizes or speeds, small ones bright as what is likely is; grey where none of those tried would be found."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (1.0, 10.0)
    return _values(values, holes, LogNorm(low, max(high, 1.01 * low)), "viridis_r")


def _values(values: Values, holes: Values, norm: Normalize, colours: str) -> Painting:
    painting = _through(values, matplotlib.colormaps[colours], norm)
    nothing = ~np.isfinite(values) & ~holes
    painting.colours[nothing] = to_rgb(_NOTHING.colour)
    painting = replace(painting, keys=(_NOTHING,) if nothing.any() else (), holes=holes)
    return keyed(painting, values, Style("sequential", None, (), "", ""))


def _add_keys(axes: Axes, painting: Painting, sheet: _Sheet) -> None:
    if not painting.keys:
        return
    legend = axes.legend(
        handles=[_patch(key, 0.5) for key in painting.keys],
        loc="upper left",
        bbox_to_anchor=(0.0, -0.42 / sheet.map_height),
        fontsize=8,
        frameon=False,
        borderpad=0.0,
        borderaxespad=0.0,
        labelspacing=0.4,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _title(about: dict[Any, Any]) -> str:
    parts = [str(about.get("title", "Blind spots"))]
    if "trials" in about:
        parts.append(f"{about['trials']} trials on {about.get('pairs') or 'one pair'}")
    return ": ".join(parts)
