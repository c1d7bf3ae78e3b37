"""Figures: the painted layer with axes, colour bar, legend and scale bar."""

from __future__ import annotations

import io
import math
import textwrap
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from insarfeat.plot._grid import MapGrid, Unit
from insarfeat.plot._paint import (
    HATCHED,
    NO_DATA,
    Key,
    Painting,
    Values,
    faintly_shaded,
    hillshade,
    paint,
    shaded,
)
from insarfeat.plot._reasons import hatch
from insarfeat.plot._sample import thinned, with_nan
from insarfeat.plot._style import Style, as_drawn, style_of

_LONG_SIDE = 4.6  # inches, of the map
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.8, 1.0, 0.55, 0.12  # inches about the map, for labels and colour bar
_LINE = 0.2  # inches, height of a line of the title or the legend
_STRETCHED = 6.0  # side ratio beyond which pixels are not kept square
_AXIS_LABELS: dict[Unit, tuple[str, str]] = {
    "m": ("northing, km", "easting, km"),
    "degree": ("latitude, °", "longitude, °"),
    "unknown": ("y", "x"),
    "px": ("row", "column"),
}


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Sizes in inches. Laid out by hand: the automatic layouts cut labels of maps with a fixed aspect."""

    map_width: float
    map_height: float
    title: str
    keys: tuple[Key, ...]
    right: float = _RIGHT
    legend_lines: int | None = None  # as many as the keys take

    @property
    def width(self) -> float:
        return _LEFT + self.map_width + self.right

    @property
    def key_columns(self) -> int:
        longest = max((len(key.label) for key in self.keys), default=0)
        # Inches of a patch and its space, and of a letter.
        return max(1, min(len(self.keys), int(self.width / max(1.5, 0.55 + 0.065 * longest))))

    @property
    def bottom(self) -> float:
        lines = (
            math.ceil(len(self.keys) / self.key_columns) if self.legend_lines is None else self.legend_lines
        )
        return _BOTTOM + _LINE * lines

    @property
    def title_lines(self) -> list[str]:
        return textwrap.wrap(self.title, int(11.0 * (self.map_width + self.right)))

    @property
    def height(self) -> float:
        return self.bottom + self.map_height + _TOP + _LINE * len(self.title_lines)

    def box(self, left: float, width: float) -> tuple[float, float, float, float]:
        """Box as high as the map, in parts of the sheet."""
        return left / self.width, self.bottom / self.height, width / self.width, self.map_height / self.height


def draw(layer: xr.DataArray, background: xr.DataArray | None) -> Figure:
    """Return the figure of a checked layer."""
    grid, style = MapGrid.of(layer), style_of(layer)
    values = _north_up(layer, grid)
    pixel = _pixel_metres(grid, values)
    painting = paint(values, style, pixel)
    if background is not None:
        painting = _over(background, painting, values, style, pixel)
    return draw_painting(grid, keyed(painting, values, style), style)


def draw_painting(grid: MapGrid, painting: Painting, style: Style) -> Figure:
    """Return the figure of what is painted already."""
    sheet = _Sheet(*_map_inches(grid), style.title, painting.keys)
    figure = Figure(figsize=(sheet.width, sheet.height), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes(sheet.box(_LEFT, sheet.map_width))
    show(axes, painting, grid, style)
    axes.set_title("\n".join(sheet.title_lines), fontsize=10, loc="left", parse_math=False)
    _label_axes(axes, grid, sheet)
    _add_scale_bar(axes, grid)
    if painting.scale is not None:
        bar = figure.add_axes(sheet.box(_LEFT + sheet.map_width + 0.12, 0.18))
        _add_colour_bar(figure, bar, painting, style)
    _add_legend(figure, sheet)
    return figure


def keyed(painting: Painting, values: Values, style: Style) -> Painting:
    """The painting with an entry for no data in its legend where there are holes."""
    holes = ~np.isfinite(as_drawn(values, style)) if painting.holes is None else painting.holes
    if not holes.any():
        return painting
    key = Key(NO_DATA, "no data") if painting.holes is None else HATCHED
    return replace(painting, keys=(*painting.keys, key))


def show(axes: Axes, painting: Painting, grid: MapGrid, style: Style) -> None:
    """Lay the colours on axes in the coordinates of the map."""
    bottom_to_top = (grid.y.high, grid.y.low) if grid.unit == "px" else (grid.y.low, grid.y.high)
    colours = painting.colours
    if painting.holes is not None:
        colours = np.dstack([colours, ~painting.holes])
        hatch(axes)
    axes.imshow(
        colours,
        extent=(grid.x.low, grid.x.high, *bottom_to_top),
        # Colours may be averaged where pixels are small on the page; phases and classes themselves never are.
        interpolation="nearest" if style.drawing == "classes" else "auto",
        aspect="auto",
    )


def encode(figure: Figure, dpi: int) -> bytes:
    """Return the figure as a PNG with a palette."""
    from PIL import Image

    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi, pil_kwargs={"compress_level": 0})
    image = Image.open(drawn).convert("RGB")
    # Rare colours count as much as common ones, lest colour bars break; dithering would be noise to compress.
    image = image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    image.save(packed, format="png", optimize=True)
    return packed.getvalue()


def _north_up(layer: xr.DataArray, grid: MapGrid) -> Values:
    values = with_nan(thinned(layer).compute())
    return values[:: 1 if grid.y.step < 0.0 else -1, :: 1 if grid.x.step > 0.0 else -1]


def _pixel_metres(grid: MapGrid, values: Values) -> tuple[float, float] | None:
    """Height and width in metres of the pixels that are drawn."""
    if grid.ground_x is None or grid.ground_y is None:
        return None
    rows, columns = values.shape
    return (
        (grid.y.high - grid.y.low) * grid.ground_y / rows,
        (grid.x.high - grid.x.low) * grid.ground_x / columns,
    )


def _over(
    background: xr.DataArray,
    painting: Painting,
    values: Values,
    style: Style,
    pixel: tuple[float, float] | None,
) -> Painting:
    """Lay the painting over the shading of a background."""
    below, look = _north_up(background, MapGrid.of(background)), style_of(background)
    if look.drawing == "terrain":
        light = hillshade(below, pixel)
    else:
        light = paint(below, look, pixel).colours.mean(axis=-1)
    if painting.holes is not None:
        return replace(painting, colours=faintly_shaded(painting.colours, light))
    over = shaded(painting.colours, light)
    if style.drawing == "classes":
        over[values == 0] = light[values == 0, np.newaxis]
    return Painting(over, painting.scale, painting.note, painting.keys)


def _map_inches(grid: MapGrid) -> tuple[float, float]:
    """Width and height of the map on paper."""
    sides = min(max(grid.side_ratio, 1.0 / _STRETCHED), _STRETCHED)
    return (_LONG_SIDE, _LONG_SIDE * sides) if sides <= 1.0 else (_LONG_SIDE / sides, _LONG_SIDE)


def _label_axes(axes: Axes, grid: MapGrid, sheet: _Sheet) -> None:
    down, across = _AXIS_LABELS[grid.unit]
    axes.set_ylabel(down, fontsize=8)
    axes.set_xlabel(across, fontsize=8)
    axes.tick_params(labelsize=8, length=3)
    divisor = 1000.0 if grid.unit == "m" else 1.0
    for axis, inches in ((axes.xaxis, sheet.map_width), (axes.yaxis, sheet.map_height)):
        axis.set_major_locator(MaxNLocator(max(1, min(4, int(inches))), integer=grid.unit == "px"))
        # The formatter of matplotlib would cut common leading digits off.
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / divisor:.10g}"))


def _add_scale_bar(axes: Axes, grid: MapGrid) -> None:
    """Draw a bar of a round length in the lower left corner, where coordinates are metres."""
    if grid.unit != "m" or grid.ground_x is None:
        return
    across = grid.x.high - grid.x.low
    metres = _round_length(across * grid.ground_x / 4.0)
    start, length = grid.x.low + 0.04 * across, metres / grid.ground_x
    outline = [withStroke(linewidth=6, foreground="white")]
    axes.plot(
        [start, start + length],
        [0.045, 0.045],
        color="black",
        linewidth=3,
        solid_capstyle="butt",
        transform=axes.get_xaxis_transform(),
        path_effects=outline,
        zorder=6,  # above whatever is drawn on the map
        scalex=False,
        scaley=False,
    )
    axes.text(
        start + length / 2.0,
        0.06,
        f"{metres / 1000.0:g} km" if metres >= 1000.0 else f"{metres:g} m",
        ha="center",
        va="bottom",
        fontsize=8,
        transform=axes.get_xaxis_transform(),
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=6,
    )


def _round_length(most: float) -> float:
    """Largest of 1, 2, 5, 10, ... that is not longer.

    >>> [_round_length(most) for most in (1.9, 480.0, 7000.0)]
    [1.0, 200.0, 5000.0]
    """
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= most * (1.0 + 1e-9))


def _add_colour_bar(figure: Figure, axes: Axes, painting: Painting, style: Style) -> None:
    bar = figure.colorbar(painting.scale, cax=axes)  # type: ignore[arg-type]
    bar.set_label(
        ", ".join(part for part in (style.unit, painting.note) if part), fontsize=8, parse_math=False
    )
    bar.ax.tick_params(labelsize=8, length=3)
    if isinstance(bar.norm, LogNorm):
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    if style.drawing == "cyclic" and style.unit == "rad":
        bar.set_ticks([step * math.pi / 2.0 for step in range(-2, 3)], labels=["−π", "−π/2", "0", "π/2", "π"])
    elif style.drawing == "cyclic" and style.limits == (0.0, 360.0):
        bar.set_ticks([0.0, 90.0, 180.0, 270.0, 360.0], labels=["N 0", "E 90", "S 180", "W 270", "N 360"])


def _add_legend(figure: Figure, sheet: _Sheet) -> None:
    if not sheet.keys:
        return
    patches = [_patch(key, 0.5) for key in sheet.keys]
    legend = figure.legend(
        handles=patches,
        loc="lower center",
        ncols=sheet.key_columns,
        fontsize=8,
        frameon=False,
        borderaxespad=0.1,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a dollar sign in data is a dollar sign


def _patch(key: Key, line: float) -> Patch:
    """The entry of a key in a legend."""
    return Patch(
        facecolor=key.colour, edgecolor="black", linewidth=line, label=key.label, hatch=key.hatch or None
    )
