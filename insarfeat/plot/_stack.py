"""Layers of a stack side by side on one sheet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.plot._figure import (
    _add_colour_bar,
    _add_scale_bar,
    _north_up,
    _patch,
    _pixel_metres,
    keyed,
    show,
)
from insarfeat.plot._grid import MapGrid
from insarfeat.plot._paint import Painting, paint
from insarfeat.plot._sample import is_raster, thinned
from insarfeat.plot._style import Style, style_of

MOST_PANELS = 12
"""On a sheet: more would be too small to be read."""

_COLUMNS = (4, 3)  # as many, of those that leave the least of the sheet empty
_SIDE = 2.3  # inches, of the longer side of a map
_GAP, _BAR = 0.1, 0.1  # inches
_BESIDE = 0.78  # inches beside a map, for its colour bar and its numbers
_TITLE, _LINE, _MARGIN = 0.26, 0.15, 0.12  # inches
_STRETCHED = 4.0
_LONG = 22  # letters of a label, of which two do not fit side by side
_PIXELS = 600  # a side, of a panel


@dataclass(frozen=True, slots=True, eq=False)
class _Panel:
    """One painted layer."""

    title: str
    grid: MapGrid
    style: Style
    painting: Painting

    @property
    def legend_lines(self) -> int:
        return math.ceil(len(self.painting.keys) / _key_columns(self))


def draw_stack(dataset: xr.Dataset, names: list[str] | None) -> Figure:
    """Return the sheet of a dataset."""
    rasters = [str(name) for name, layer in dataset.data_vars.items() if is_raster(layer)]
    chosen = _chosen(rasters, names)
    panels = [_panel(name, dataset[name]) for name in chosen]
    rest = rasters[MOST_PANELS:] if names is None else []

    columns = min(len(panels), min(_COLUMNS, key=lambda count: -len(panels) % count))
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    ratio = panels[0].grid.side_ratio
    ratio = min(max(ratio, 1.0 / _STRETCHED), _STRETCHED)
    width, height = (_SIDE, _SIDE * ratio) if ratio <= 1.0 else (_SIDE / ratio, _SIDE)
    across = width + _BESIDE
    # Below each row there is room for its longest legend.
    heights = [
        _TITLE + height + _GAP + _LINE * max(panel.legend_lines for panel in row) + _MARGIN for row in rows
    ]
    foot = _LINE + _MARGIN if rest else 0.0
    sheet = (_MARGIN + columns * across, _MARGIN + sum(heights) + foot)
    figure = Figure(figsize=sheet, facecolor="white")
    FigureCanvasAgg(figure)

    top = sheet[1] - _MARGIN / 2
    for row, tall in zip(rows, heights, strict=True):
        for column, panel in enumerate(row):
            left, bottom = _MARGIN + column * across, top - _TITLE - height
            axes = figure.add_axes((left / sheet[0], bottom / sheet[1], width / sheet[0], height / sheet[1]))
            _draw(axes, panel)
            if panel is panels[0]:
                _add_scale_bar(axes, panel.grid)
            if panel.painting.scale is not None:
                beside = (left + width + 0.06) / sheet[0]
                bar = figure.add_axes((beside, bottom / sheet[1], _BAR / sheet[0], height / sheet[1]))
                _add_colour_bar(figure, bar, panel.painting, panel.style)
                bar.tick_params(labelsize=6.5, length=2, pad=1.5)
                bar.set_ylabel(bar.get_ylabel(), fontsize=6.5, labelpad=1.0, parse_math=False)
            _add_keys(figure, panel, left / sheet[0], (bottom - 0.02) / sheet[1])
        top -= tall
    if rest:
        figure.text(_MARGIN / sheet[0], _MARGIN / 2 / sheet[1], _left_out(rest), fontsize=7, parse_math=False)
    return figure


def _chosen(rasters: list[str], names: list[str] | None) -> list[str]:
    if names is None:
        if not rasters:
            raise InvalidArgument(
                "dataset has no raster layer to draw; rasters have dims (y, x) or (lat, lon)"
            )
        return rasters[:MOST_PANELS]
    unknown = [name for name in names if name not in rasters]
    if unknown:
        raise InvalidArgument(
            f"names has {unknown[0]!r}{suggestion(unknown[0], rasters)}, which is no raster of the dataset; its "
            f"rasters are {', '.join(rasters)}"
        )
    if not names or len(names) > MOST_PANELS:
        raise InvalidArgument(
            f"names has {len(names)} layers; a sheet has room for 1 to {MOST_PANELS}: draw several sheets"
        )
    return names


def _panel(name: str, layer: xr.DataArray) -> _Panel:
    leading = layer.dims[:-2]
    flat = thinned(layer[(0,) * len(leading)], _PIXELS)
    grid, style = MapGrid.of(flat), style_of(flat)
    values = _north_up(flat, grid)
    painting = keyed(paint(values, style, _pixel_metres(grid, values)), values, style)
    told = ", ".join([name, *(f"{dim} 1 of {layer.sizes[dim]}" for dim in leading)])
    return _Panel(told, grid, style, painting)


def _draw(axes: Axes, panel: _Panel) -> None:
    show(axes, panel.painting, panel.grid, panel.style)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(panel.title, fontsize=8.5, loc="left", pad=3, parse_math=False)


def _add_keys(figure: Figure, panel: _Panel, left: float, top: float) -> None:
    if not panel.painting.keys:
        return
    patches = [_patch(key, 0.4) for key in panel.painting.keys]
    legend = figure.legend(
        handles=patches, loc="upper left", bbox_to_anchor=(left, top), ncols=_key_columns(panel), fontsize=6.5,
        frameon=False, borderpad=0.0, borderaxespad=0.0, handlelength=1.2, handleheight=0.8,
        columnspacing=0.8, labelspacing=0.3,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)


def _key_columns(panel: _Panel) -> int:
    """Two columns of short labels, or one of long ones."""
    return 2 if max((len(key.label) for key in panel.painting.keys), default=0) <= _LONG else 1


def _left_out(rest: list[str]) -> str:
    """What is not on the sheet.

    >>> _left_out(["slope", "aspect"])
    'left out: slope, aspect'
    """
    few = 8
    more = f" and {len(rest) - few} more" if len(rest) > few else ""
    return f"left out: {', '.join(rest[:few])}{more}"
