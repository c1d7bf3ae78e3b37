"""How a layer is to be drawn, decided from the table of layers and the layer's attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from insarfeat.layers import LAYERS, Drawing

_SHORT_UNITS = {
    "1": "",
    "degree": "°",
    "degrees": "°",
    "radian": "rad",
    "radians": "rad",
    "percent": "%",
    "m-1": "1/m",
}


@dataclass(frozen=True, slots=True)
class Style:
    """Looks of one layer.

    Attributes
    ----------
    drawing
        Kind of colour map, as in the table of layers.
    limits
        Values that span the colour map; None for data-driven.
    flags
        Value and meaning of each class.
    title
        What the layer shows.
    unit
        Unit of the values that are drawn, short, empty for pure numbers.
    """

    drawing: Drawing
    limits: tuple[float, float] | None
    flags: tuple[tuple[int, str], ...]
    title: str
    unit: str


def style_of(layer: xr.DataArray) -> Style:
    """Return how to draw the layer: by its name, else by its attribute ``drawn_as``, else by its type.

    >>> style = style_of(xr.DataArray(np.zeros((2, 2)), name="wrapped_phase"))
    >>> style.drawing, style.unit, style.title
    ('cyclic', 'rad', 'wrapped interferometric phase')
    """
    # The name comes first: arithmetic hands the attributes of its inputs on.
    known = LAYERS.get(str(layer.name)) or LAYERS.get(str(layer.attrs.get("drawn_as")))
    flags = _flags(layer) or (known.flags if known else ())
    drawing: Drawing = known.drawing if known else "sequential"
    limits = known.limits if known else None
    if flags and layer.dtype.kind in "iufb":
        drawing = "classes"
    elif layer.dtype.kind == "c" and drawing != "amplitude":
        drawing, limits = "cyclic", (-np.pi, np.pi)
    units = str(layer.attrs.get("units", known.units if known else ""))
    if drawing == "amplitude":
        units = "dB"
    elif layer.dtype.kind == "c":
        units = "rad"
    title = str(layer.attrs.get("long_name", known.long_name if known else layer.name or "unnamed layer"))
    return Style(drawing, limits, flags, title, short_unit(units))


def short_unit(units: str) -> str:
    """Return the sign that stands on axes for CF units, empty for pure numbers.

    >>> short_unit("degree"), short_unit("m"), short_unit("1")
    ('°', 'm', '')
    """
    return _SHORT_UNITS.get(units, units)


def as_drawn(values: npt.NDArray[Any], style: Style) -> npt.NDArray[Any]:
    """Return the real numbers that the colour bar tells: dB for amplitudes, phase for complex values.

    >>> style = style_of(xr.DataArray(np.ones((1, 1)), name="intensity"))
    >>> as_drawn(np.array([1.0, 100.0, 0.0]), style).tolist()
    [0.0, 20.0, nan]
    """
    if style.drawing == "amplitude":
        power = np.abs(values) ** 2 if values.dtype.kind == "c" else values
        return 10.0 * np.log10(np.where(power > 0.0, power, np.nan))
    return np.angle(values) if values.dtype.kind == "c" else values


def _flags(layer: xr.DataArray) -> tuple[tuple[int, str], ...]:
    """Classes that the layer itself declares."""
    if layer.dtype.kind == "b":
        return (0, "false"), (1, "true")
    numbers, meanings = layer.attrs.get("flag_values"), str(layer.attrs.get("flag_meanings", "")).split()
    if numbers is None and meanings and (masks := layer.attrs.get("flag_masks")) is not None:
        numbers, meanings = [0, *np.atleast_1d(masks)], ["none", *meanings]
    if numbers is None or not meanings:
        return ()
    return tuple(zip((int(number) for number in np.atleast_1d(numbers)), meanings, strict=False))
