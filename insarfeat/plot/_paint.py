"""Values into colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, ListedColormap, LogNorm, Normalize, to_rgb

from insarfeat.layers import Drawing
from insarfeat.plot._reasons import HATCH, HOLE, Look, looks_of
from insarfeat.plot._sample import value_range
from insarfeat.plot._style import Style, as_drawn

Values: TypeAlias = npt.NDArray[Any]

NO_DATA = "#9c9c9c"
_QUIET = "#e6e6e6"  # class 0
# The palette of Okabe and Ito, which colour-blind readers can tell apart, with a darker purple: without cones for
# green theirs is the grey of no data.
_CLASS_COLOURS = (
    "#d55e00",
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#b5508a",
    "#56b4e9",
    "#f0e442",
    "#000000",
)
_TINTS = ("#5f7f68", "#93a27a", "#c5b88d", "#cbb8a1", "#d9cfc6", "#f7f5f2")  # valley green to bare white


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend; what is hatched has stripes in the picture, too."""

    colour: str
    label: str
    hatch: str = ""


HATCHED = Key(HOLE, "no data", HATCH)
"""No data on maps of blind spots."""


@dataclass(frozen=True, slots=True)
class Painting:
    """A painted layer.

    Attributes
    ----------
    colours
        Red, green, blue of each pixel, 0 to 1.
    scale
        What the colour bar shows; None for classes.
    note
        What a reader of the colour bar must know besides the unit.
    keys
        Entries of the legend.
    holes
        Pixels that are hatched; None where no data has a colour of its own.
    """

    colours: Values
    scale: ScalarMappable | None = None
    note: str = ""
    keys: tuple[Key, ...] = ()
    holes: Values | None = None


def paint(values: Values, style: Style, pixel: tuple[float, float] | None) -> Painting:
    """Paint values in which no data is NaN.

    Parameters
    ----------
    values
        Real or complex, north up.
    style
        From :func:`insarfeat.plot._style.style_of`.
    pixel
        Height and width of a pixel in metres, for the relief; None where unknown.

    >>> from insarfeat.plot._style import Style
    >>> signed = Style("signed", (-0.02, 0.05), (), "displacement", "m")
    >>> paint(np.array([[-0.01, 0.03]]), signed, None).scale.get_clim()
    (-0.05, 0.05)
    """
    if style.drawing == "terrain":
        return _paint_relief(values, style, pixel)
    return _PAINTERS[style.drawing](values, style)


def hillshade(elevation: Values, pixel: tuple[float, float] | None) -> Values:
    """Return the light on a surface lit from the north-west, 0 to 1; gentle terrain is steepened.

    >>> hillshade(np.zeros((2, 2)), (15.0, 15.0)).round(2).tolist()[0]
    [0.71, 0.71]
    """
    if min(elevation.shape) < 2:
        return np.full(elevation.shape, np.sqrt(0.5))
    height, width = pixel or (1.0, 1.0)
    rise_south, rise_east = np.gradient(elevation.astype(np.float64), height, width)
    steepness = np.hypot(rise_south, rise_east)
    usual = float(np.nanpercentile(steepness, 90)) if np.isfinite(steepness).any() else 0.0
    gain = 0.6 / usual if usual > 0.0 else 1.0
    if pixel is not None:
        gain = float(np.clip(gain, 1.0, 5.0))
    facing = (rise_east + rise_south) * np.sqrt(0.5) * gain
    light = (1.0 + facing) * np.sqrt(0.5) / np.sqrt(1.0 + (gain * steepness) ** 2)
    return np.asarray(np.nan_to_num(np.clip(light, 0.0, 1.0), nan=float(np.sqrt(0.5))))


def shaded(colours: Values, light: Values) -> Values:
    """Return the colours darkened where there is little light."""
    return np.asarray(np.clip(colours * (0.35 + 0.85 * light)[..., np.newaxis], 0.0, 1.0))


def faintly_shaded(colours: Values, light: Values) -> Values:
    """Return the colours with so little shading that each class stays what it is: orange in shade is no brown."""
    return np.asarray(np.clip(colours * (0.82 + 0.25 * light)[..., np.newaxis], 0.0, 1.0))


def _paint_sequential(values: Values, style: Style) -> Painting:
    low, high = style.limits or value_range(values, 1.0)
    if style.limits is None and low > 0.0 and high > 30.0 * float(np.nanmedian(values)):
        return _through(values, matplotlib.colormaps["viridis"], LogNorm(low, high), "logarithmic")
    return _through(values, matplotlib.colormaps["viridis"], Normalize(low, high))


def _paint_signed(values: Values, style: Style) -> Painting:
    most = max(abs(limit) for limit in style.limits or value_range(values, 0.1)) or 1.0
    return _through(values, matplotlib.colormaps["RdBu_r"], Normalize(-most, most))


def _paint_cyclic(values: Values, style: Style) -> Painting:
    low, high = style.limits or value_range(values, 0.0)
    if values.dtype.kind != "c":
        return _through(values, matplotlib.colormaps["twilight_shifted"], Normalize(low, high))
    phase = _through(
        as_drawn(values, style), _colour_wheel(), Normalize(low, high), "bright: large magnitude"
    )
    magnitude = np.abs(values)
    bright = np.clip(magnitude / value_range(magnitude, 10.0)[1], 0.0, 1.0)
    light = np.where(np.isfinite(bright), 0.25 + 0.75 * bright**0.4, 1.0)
    return Painting(phase.colours * light[..., np.newaxis], phase.scale, phase.note)


def _paint_light(values: Values, style: Style) -> Painting:
    limits = style.limits or value_range(values, 0.1)
    return _through(values, matplotlib.colormaps["gray"], Normalize(*limits))


def _paint_amplitude(values: Values, style: Style) -> Painting:
    decibels = as_drawn(values, style)
    return _through(decibels, matplotlib.colormaps["gray"], Normalize(*value_range(decibels, 2.0)))


def _paint_relief(values: Values, style: Style, pixel: tuple[float, float] | None) -> Painting:
    tints = LinearSegmentedColormap.from_list("elevation", _TINTS)
    tinted = _through(values, tints, Normalize(*(style.limits or value_range(values, 1.0))))
    return Painting(shaded(tinted.colours, hillshade(values, pixel)), tinted.scale)


def _paint_classes(values: Values, style: Style) -> Painting:
    looks = looks_of(style)
    if looks is not None:
        return _paint_reasons(values, looks)
    colours = np.full((*values.shape, 3), to_rgb(NO_DATA))
    keys = []
    for order, (value, meaning) in enumerate(style.flags):
        # More classes than colours begin the palette again.
        colour = _QUIET if value == 0 else _CLASS_COLOURS[(order - 1) % len(_CLASS_COLOURS)]
        colours[values == value] = to_rgb(colour)
        keys.append(Key(colour, meaning.replace("_", " ")))
    return Painting(colours, keys=tuple(keys))


def _paint_reasons(values: Values, looks: dict[int, Look]) -> Painting:
    """Where a slide would have been found, and why not: each class in the colour of its meaning."""
    colours = np.full((*values.shape, 3), to_rgb(HOLE))
    for value, look in looks.items():
        colours[values == value] = to_rgb(look.colour)
    keys = tuple(Key(look.colour, look.words) for look in looks.values())
    return Painting(colours, keys=keys, holes=~np.isin(values, list(looks)))


_PAINTERS: dict[Drawing, Callable[[Values, Style], Painting]] = {
    "sequential": _paint_sequential,
    "signed": _paint_signed,
    "cyclic": _paint_cyclic,
    "light": _paint_light,
    "amplitude": _paint_amplitude,
    "classes": _paint_classes,
}


def _through(values: Values, colour_map: Colormap, norm: Normalize, note: str = "") -> Painting:
    """Paint real values through a colour map, no data in grey."""
    colour_map = colour_map.with_extremes(bad=NO_DATA)
    scale = ScalarMappable(norm, colour_map)
    colours = colour_map(norm(np.ma.masked_invalid(values)))[..., :3]
    return Painting(np.asarray(colours), scale, note)


def _colour_wheel() -> ListedColormap:
    """All hues at one lightness and one chroma of OKLab: only magnitude can then make a pixel dark."""
    hue = np.linspace(0.0, 2.0 * np.pi, 256, endpoint=False)
    lightness, red_green, yellow_blue = np.full_like(hue, 0.75), 0.12 * np.cos(hue), 0.12 * np.sin(hue)
    cones = np.stack(
        [
            lightness + 0.3963377774 * red_green + 0.2158037573 * yellow_blue,
            lightness - 0.1055613458 * red_green - 0.0638541728 * yellow_blue,
            lightness - 0.0894841775 * red_green - 1.2914855480 * yellow_blue,
        ]
    )
    to_linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip(to_linear @ cones**3, 0.0, 1.0)
    screen = np.where(linear > 0.0031308, 1.055 * linear ** (1.0 / 2.4) - 0.055, 12.92 * linear)
    return ListedColormap(screen.T, name="colour wheel")
