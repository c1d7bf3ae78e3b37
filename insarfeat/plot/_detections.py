"""What was found, and what is there, as outlines over a pale map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from insarfeat.plot._figure import (
    _LEFT,
    _add_scale_bar,
    _label_axes,
    _map_inches,
    _north_up,
    _over,
    _pixel_metres,
    _Sheet,
)
from insarfeat.plot._fringes import Fringes
from insarfeat.plot._grid import MapGrid
from insarfeat.plot._outlines import PlacedOutline
from insarfeat.plot._paint import NO_DATA, Key, Values, hillshade, paint
from insarfeat.plot._sample import stride
from insarfeat.plot._style import as_drawn, style_of

Dashes = tuple[float, tuple[float, float]]

MOST_OUTLINES = 5000
"""Outlines that are drawn at most, the first ones given."""

# Vermillion and dark blue differ for all eyes and in grey; dashes tell them apart where colours do not.
_FOUND, _TRUTH = "#d55e00", "#00447c"
_DASHES: Dashes = (0.0, (2.6, 0.9))
_RIGHT = 0.2  # inches; there is no colour bar
_PALE = 0.45  # share of white in the map
_DIGIT = (0.068, 0.12)  # inches, width and height
_MOST_NUMBERS = 200
_HALO = [withStroke(linewidth=2.6, foreground="white")]


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What outlines are drawn over.

    Attributes
    ----------
    colours
        Red, green, blue of each pixel, 0 to 1, as they are shown.
    title
        What it is.
    keys
        Entries of the legend, in colours as they are shown.
    grid
        Where it lies.
    """

    colours: Values
    title: str
    keys: tuple[Key, ...]
    grid: MapGrid

    @classmethod
    def of(cls, layer: xr.DataArray, background: xr.DataArray | None) -> Ground:
        """A layer in pale colours; an elevation as relief in grey."""
        grid, style = MapGrid.of(layer), style_of(layer)
        values = _north_up(layer, grid)
        pixel = _pixel_metres(grid, values)
        keys = (Key(_pale_grey(), "no data"),) if not np.isfinite(as_drawn(values, style)).all() else ()
        if style.drawing == "terrain":  # in grey: tints would only be in the way
            light = np.repeat(hillshade(values, pixel)[..., np.newaxis], 3, axis=-1)
            return cls(_paler(light), "relief, lit from the north-west", keys, grid)
        painting = paint(values, style, pixel)
        if background is not None:
            painting = _over(background, painting, values, style, pixel)
        return cls(_paler(painting.colours), style.title, keys, grid)

    @classmethod
    def of_fringes(cls, fringes: Fringes) -> Ground:
        """Fringes in their full colours: their contrast is what they are for."""
        painting = fringes.painting
        return cls(painting.colours, fringes.style.title, painting.keys, fringes.grid)


def draw_detections(ground: Ground, outlines: Sequence[PlacedOutline], truth: xr.DataArray | None) -> Figure:
    """Return the figure of checked arguments."""
    grid = ground.grid
    slides = None if truth is None else _north_up(_coarse(truth), grid) == 1

    handles: list[Line2D | Patch] = [_line(_FOUND, "-", f"found: {len(outlines) or 'nothing'}")]
    if slides is not None:
        handles.append(_line(_TRUTH, _DASHES, "truth" if slides.any() else "truth: nothing"))
    handles += [
        Patch(facecolor=key.colour, edgecolor="black", linewidth=0.5, label=key.label) for key in ground.keys
    ]
    sheet = _Sheet(*_map_inches(grid), ground.title, (), _RIGHT, legend_lines=1)
    figure = Figure(figsize=(sheet.width, sheet.height), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes(sheet.box(_LEFT, sheet.map_width))
    bottom_to_top = (grid.y.high, grid.y.low) if grid.unit == "px" else (grid.y.low, grid.y.high)
    axes.imshow(
        ground.colours,
        extent=(grid.x.low, grid.x.high, *bottom_to_top),
        interpolation="auto",
        aspect="auto",
    )
    axes.set_autoscale_on(False)
    axes.set_title("\n".join(sheet.title_lines), fontsize=10, loc="left", parse_math=False)
    _label_axes(axes, grid, sheet)
    if truth is not None and slides is not None and slides.any():
        _draw_truth(axes, slides, grid, stride(truth))
    _draw_outlines(axes, outlines[:MOST_OUTLINES])
    _draw_numbers(axes, outlines[:_MOST_NUMBERS], grid, sheet)
    _add_scale_bar(axes, grid)
    figure.legend(
        handles=handles, loc="lower center", ncols=len(handles), fontsize=8, frameon=False, borderaxespad=0.1
    )
    return figure


def _paler(colours: Values) -> Values:
    return np.asarray((1.0 - _PALE) * colours + _PALE)


def _coarse(truth: xr.DataArray) -> xr.DataArray:
    """Where anything of a cell is a slide: small ones must not be lost between the pixels that are drawn."""
    step = stride(truth)
    slides = (truth == 1).astype(np.float32)
    if step == 1:
        return slides
    cells = dict.fromkeys(truth.dims, step)
    return slides.drop_vars(list(slides.coords)).coarsen(cells, boundary="pad").max()


def _line(colour: str, dashes: Dashes | Literal["-"], label: str) -> Line2D:
    return Line2D([], [], color=colour, linestyle=dashes, linewidth=1.5, label=label)


def _pale_grey() -> str:
    level = round(255 * (_PALE + (1.0 - _PALE) * int(NO_DATA[1:3], 16) / 255))
    return f"#{level:02x}{level:02x}{level:02x}"


def _draw_truth(axes: Axes, slides: Values, grid: MapGrid, step: int) -> None:
    """Contours of a mask, north up, of cells with ``step`` pixels a side; they close at the border."""
    framed = np.pad(slides.astype(np.float64), 1)
    rows, columns = framed.shape
    y, x = np.arange(rows) - 0.5, np.arange(columns) - 0.5
    # The last cells in the order of the array may reach beyond its end, and may come first when north is up.
    width, height = step * abs(grid.x.step), step * abs(grid.y.step)
    across = grid.x.low + width * x if grid.x.step > 0 else grid.x.high - width * x[::-1]
    if grid.unit == "px":
        down = grid.y.low + height * y
    else:
        down = grid.y.high - height * y if grid.y.step < 0 else grid.y.low + height * y[::-1]
    # Dashes would be lost on a white line that is dashed, too.
    axes.contour(across, down, framed, levels=[0.5], colors="white", linewidths=2.2, alpha=0.8)
    axes.contour(across, down, framed, levels=[0.5], colors=_TRUTH, linewidths=1.2, linestyles=[_DASHES])


def _draw_outlines(axes: Axes, outlines: Sequence[PlacedOutline]) -> None:
    rings = [ring for outline in outlines for ring in outline.rings]
    if rings:
        width = 1.3 if len(rings) <= 300 else 0.8
        lines = LineCollection(rings, colors=_FOUND, linewidths=width, zorder=4)
        lines.set_path_effects([withStroke(linewidth=width + 1.4, foreground="white", alpha=0.8)])
        axes.add_collection(lines, autolim=False)


def _draw_numbers(axes: Axes, outlines: Sequence[PlacedOutline], grid: MapGrid, sheet: _Sheet) -> None:
    """Numbers from 1 at the upper left of outlines; where two would overlap, the first one stays."""
    across = sheet.map_width / (grid.x.high - grid.x.low)
    down = sheet.map_height / (grid.y.high - grid.y.low)
    digit_width, digit_height = _DIGIT
    # In inches from the upper left corner of the map: (left, top, right, bottom).
    placed: list[tuple[float, float, float, float]] = []
    if grid.unit == "m":
        placed.append(_scale_bar_box(sheet))
    for outline in outlines:
        west, south, _, north = outline.bounds
        top = south if grid.unit == "px" else north
        text = str(outline.number + 1)
        wide = digit_width * len(text)
        left = (west - grid.x.low) * across
        drop = down * ((top - grid.y.low) if grid.unit == "px" else (grid.y.high - top))
        base = drop - 0.03
        if base < digit_height + 0.01:  # no room above: inside of the outline, off its lines
            left, base = left + 0.05, max(drop, 0.0) + digit_height + 0.02
        # Inside of the map, whatever hangs over.
        left = min(max(left, 0.02), sheet.map_width - wide - 0.02)
        base = min(base, sheet.map_height - 0.02)
        box = (left, base - digit_height, left + wide, base)
        if any(
            box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
            for other in placed
        ):
            continue
        placed.append(box)
        axes.text(
            left / sheet.map_width, 1.0 - base / sheet.map_height, text,
            transform=axes.transAxes, ha="left", va="baseline", fontsize=7.5, fontweight="bold", color="#8a3c00",
            path_effects=_HALO, zorder=5,
        )  # fmt: skip


def _scale_bar_box(sheet: _Sheet) -> tuple[float, float, float, float]:
    """Room that numbers leave to the scale bar."""
    return 0.0, 0.88 * sheet.map_height, 0.32 * sheet.map_width, sheet.map_height
