"""A map of a split of patches: parts, what was left out, buffers, and slides."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument
from insarfeat.georeference import parse_crs
from insarfeat.plot._figure import _round_length

if TYPE_CHECKING:
    import pandas as pd

# Of the palette of Okabe and Ito, chosen so that they differ in lightness, too.
_COLOURS = ("#56b4e9", "#e69f00", "#005b8e", "#009e73", "#cc79a7", "#f0e442")
_LEFT_OUT, _PALE_GREY, _SLIDE = "#8c8c8c", "#ececec", "#d5006d"
_LONG_SIDE = 5.4  # inches, of the map
_LEFT, _RIGHT, _BOTTOM, _LINE = 0.85, 0.25, 0.6, 0.2
_STRETCHED = 4.0
_MARGIN = 0.03
_MOST = 40_000  # footprints that are drawn of one part
_BOUNDS = ["west", "south", "east", "north"]
_METRES_PER_DEGREE = 111_320.0
_MICRON = 1e-6

Boxes = NDArray[np.float64]


def draw_split(table: pd.DataFrame, buffer: float | None, boxes: pd.DataFrame | None) -> Figure:
    """Return the map of a table of patches with parts."""
    for name in (*_BOUNDS, "part"):
        if name not in table:
            raise InvalidArgument(
                f"table has no column {name!r}; it must have part, west, south, east and north"
            )
    known = table[_BOUNDS].notna().all(axis=1).to_numpy()
    if not known.any():
        raise InvalidArgument("no patch of the table has bounds, so there is nothing to draw")
    placed = table[known]
    shown, unit, scale = _on_one_map(placed)
    parts = _names(placed["part"])
    low, high = shown[:, :2].min(axis=0), shown[:, 2:].max(axis=0)
    reach = 0.0 if buffer is None else float(buffer)
    low, high = low - _MARGIN * (high - low), high + _MARGIN * (high - low)

    width, height = _inches((high - low) * scale)
    groups = _groups(placed["part"], parts, table["part"])
    slides = _slides(boxes, table, unit)
    handles = _handles(groups, reach, len(slides) if slides is not None else 0)
    columns = max(1, min(len(handles), int(width / 1.5)))
    title = textwrap.wrap(_title(table), int(12 * width))
    bottom = _BOTTOM + _LINE * math.ceil(len(handles) / columns)
    sheet = np.array([_LEFT + width + _RIGHT, bottom + height + 0.15 + _LINE * len(title)])
    figure = Figure(figsize=tuple(sheet), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((_LEFT / sheet[0], bottom / sheet[1], width / sheet[0], height / sheet[1]))
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    drawn = _draw_parts(axes, shown, groups, scale, reach)
    if slides is not None and len(slides):
        axes.add_collection(_rectangles(slides, facecolor="none", edgecolor=_SLIDE, linewidth=1.0, zorder=8))
    if drawn < len(shown):
        title = [*title[:-1], f"{title[-1]} (some of the footprints are drawn)"]
    axes.set_title("\n".join(title), fontsize=10, loc="left", parse_math=False)
    _label(axes, unit)
    if unit != "unknown":
        _scale_bar(axes, low, high, scale)
    legend = figure.legend(handles=handles, loc="lower center", ncols=columns, fontsize=8, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def _draw_parts(
    axes: Axes,
    shown: Boxes,
    groups: list[tuple[str, str, int, NDArray[np.bool_]]],
    scale: Boxes,
    reach: float,
) -> int:
    """Footprints of all parts; how many patches they stand for."""
    drawn = 0
    for rank, (name, colour, _, mine) in enumerate(groups):
        once = np.unique(shown[mine], axis=0)
        step = math.ceil(len(once) / _MOST)
        drawn += int(mine.sum()) // step if len(once) else 0
        if not name:
            grey = {"facecolor": _PALE_GREY, "edgecolor": "none", "linewidth": 0.0}
            axes.add_collection(_rectangles(once[::step], **grey, zorder=1))
            # Once more above the buffers, which they are left out for as a rule.
            lines = {"facecolor": "none", "edgecolor": _LEFT_OUT, "hatch": "////", "linewidth": 0.0}
            axes.add_collection(_rectangles(once[::step], **lines, zorder=2.5))
            continue
        if reach > 0 and rank < len(groups) - 1:
            # The largest part stands last and needs none: what is beside it is the others'.
            grown = once[::step] + np.array([-1.0, -1.0, 1.0, 1.0]) * (reach / np.tile(scale, 2))
            pale = {"facecolor": _pale(colour), "edgecolor": "none", "linewidth": 0.0}
            axes.add_collection(_rectangles(grown, **pale, zorder=2 + 0.01 * rank))
        thin = len(shown) > 4000
        light = {"facecolor": colour, "edgecolor": "white", "linewidth": 0.0 if thin else 0.35}
        axes.add_collection(_rectangles(once[::step], **light, zorder=3 + 0.01 * rank))
    return drawn


def _pale(colour: str) -> tuple[float, float, float]:
    """The same colour, of which a quarter is left."""
    red, green, blue = (0.25 * one + 0.75 for one in to_rgb(colour))
    return red, green, blue


def _rectangles(boxes: Boxes, **look: Any) -> PolyCollection:
    corners = np.stack([boxes[:, [0, 1]], boxes[:, [2, 1]], boxes[:, [2, 3]], boxes[:, [0, 3]]], axis=1)
    return PolyCollection(list(corners), rasterized=len(boxes) > 2000, **look)


def _names(parts: pd.Series[Any]) -> list[str]:
    """Names of the parts from the smallest to the largest."""
    counts = parts[parts.notna() & (parts != "")].value_counts()
    return [str(name) for name, _ in sorted(counts.items(), key=lambda one: (one[1], str(one[0])))]


def _groups(
    placed: pd.Series[Any], parts: list[str], all_of_them: pd.Series[Any]
) -> list[tuple[str, str, int, NDArray[np.bool_]]]:
    """Name, colour, number and rows of what was left out, then of each part from the smallest on."""
    told, everything = placed.fillna("").astype(str), all_of_them.fillna("").astype(str)
    out = (told == "").to_numpy()
    groups = [("", _LEFT_OUT, int((everything == "").sum()), out)] if (everything == "").any() else []
    for k, name in enumerate(parts):
        colour = _COLOURS[(len(parts) - 1 - k) % len(_COLOURS)]
        groups.append((name, colour, int((everything == name).sum()), (told == name).to_numpy()))
    return groups


def _handles(groups: list[tuple[str, str, int, NDArray[np.bool_]]], reach: float, slides: int) -> list[Any]:
    found: list[Any] = [
        Patch(facecolor=colour, edgecolor="white", label=f"{name} {count}")
        for name, colour, count, _ in groups[::-1]
        if name
    ]
    if reach > 0:
        text = f"buffer {reach / 1000:.3g} km" if reach >= 1000 else f"buffer {reach:.3g} m"
        pale = [_pale(colour) for name, colour, _, _ in groups[:-1] if name]
        found.append(Patch(facecolor=pale[-1], edgecolor="none", label=text))
    found += [
        Patch(facecolor=_PALE_GREY, edgecolor=_LEFT_OUT, hatch="////", linewidth=0, label=f"left out {count}")
        for name, _, count, _ in groups
        if not name
    ]
    if slides:
        found.append(Line2D([], [], color=_SLIDE, linewidth=1.2, label=f"slides {slides}"))
    return found


def _title(table: pd.DataFrame) -> str:
    kept = table["part"].fillna("") != ""
    return f"{int(kept.sum())} of {len(table)} patches in {table['part'][kept].nunique()} parts"


def _crs_of(table: pd.DataFrame) -> list[str]:
    return sorted(set(table["crs"].fillna("").astype(str))) if "crs" in table else [""]


def _on_one_map(table: pd.DataFrame) -> tuple[Boxes, str, Boxes]:
    """Boxes on one map, its unit, and metres per unit along x and y."""
    given = table[_BOUNDS].to_numpy(np.float64)
    systems = _crs_of(table)
    if len(systems) == 1 and systems[0]:
        system = parse_crs(systems[0])
        if system.is_projected:
            return given * float(system.axis_info[0].unit_conversion_factor), "m", np.ones(2)
    if systems == [""]:
        return given, "unknown", np.ones(2)
    boxes = _in_degrees(given, table["crs"].fillna("").astype(str).to_numpy())
    latitude = float(np.nanmean(boxes[:, [1, 3]]))
    return boxes, "degree", _METRES_PER_DEGREE * np.array([math.cos(math.radians(latitude)), 1.0])


def _in_degrees(given: Boxes, crs: NDArray[Any]) -> Boxes:
    from pyproj import Transformer

    boxes = np.full_like(given, np.nan)
    for name in set(crs) - {""}:
        mine = crs == name
        change = Transformer.from_crs(parse_crs(name), "OGC:CRS84", always_xy=True)
        west, south, east, north = given[mine].T
        x, y = change.transform(np.stack([west, east, east, west]), np.stack([south, south, north, north]))
        boxes[mine] = np.stack([x.min(axis=0), y.min(axis=0), x.max(axis=0), y.max(axis=0)], axis=1)
    known = np.isfinite(boxes).all(axis=1)
    if not known.any():
        raise InvalidArgument("no patch has a CRS that leads to longitudes and latitudes")
    boxes[~known] = np.concatenate([boxes[known][:, :2].min(axis=0)] * 2)  # of no extent: nothing to be seen
    return boxes


def _slides(boxes: pd.DataFrame | None, table: pd.DataFrame, unit: str) -> Boxes | None:
    """Outlines of label boxes on the map that is drawn."""
    if boxes is None or not len(boxes) or not all(name in boxes for name in _BOUNDS):
        return None
    given = boxes[_BOUNDS].to_numpy(np.float64)
    given_ids = boxes["slide"].to_numpy() if "slide" in boxes else None
    if unit == "degree":
        numbers = table["patch"] if "patch" in table else np.arange(len(table))
        crs = dict(zip(np.asarray(numbers).tolist(), table["crs"].fillna("").astype(str), strict=True))
        given = _in_degrees(given, np.array([crs.get(one, "") for one in boxes["patch"]], object))
    elif unit == "m":
        given = given * float(parse_crs(_crs_of(table)[0]).axis_info[0].unit_conversion_factor)
    if given_ids is None:
        return np.unique(given, axis=0)
    _, first = np.unique(given_ids, return_index=True)
    return np.asarray(given[first])


def _inches(metres: Boxes) -> tuple[float, float]:
    ratio = min(max(metres[1] / max(metres[0], _MICRON), 1 / _STRETCHED), _STRETCHED)
    return (_LONG_SIDE, _LONG_SIDE * ratio) if ratio <= 1 else (_LONG_SIDE / ratio, _LONG_SIDE)


def _label(axes: Axes, unit: str) -> None:
    across, down = {"m": ("easting, km", "northing, km"), "degree": ("longitude, °", "latitude, °")}.get(
        unit, ("x", "y")
    )
    axes.set_xlabel(across, fontsize=8)
    axes.set_ylabel(down, fontsize=8)
    axes.tick_params(labelsize=8, length=3)
    divisor = 1000.0 if unit == "m" else 1.0
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / divisor:.10g}"))


def _scale_bar(axes: Axes, low: Boxes, high: Boxes, scale: Boxes) -> None:
    """A bar of a round length in the lower left corner, on a strip of its own."""
    across = float(high[0] - low[0])
    metres = _round_length(across * float(scale[0]) / 4.0)
    start, length = low[0] + 0.04 * across, metres / scale[0]
    text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    axes.text(
        start + length / 2, 0.05, text, ha="center", va="bottom", fontsize=8, zorder=9, bbox=box,
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
    axes.plot(
        [start, start + length], [0.035, 0.035], color="black", linewidth=3, solid_capstyle="butt", zorder=10,
        transform=axes.get_xaxis_transform(), scalex=False, scaley=False,
    )  # fmt: skip
