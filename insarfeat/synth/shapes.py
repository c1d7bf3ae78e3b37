"""Slides drawn into pixels: outline, motion profile, many at a time as array operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from insarfeat.synth.fields import Array, Draws
from insarfeat.synth.placing import Shape

FORMS = ("flow", "ellipse", "angular", "broad", "tongue", "rampart", "fan")
_CUT_BY_TERRAIN = ("ellipse", "angular", "broad")  # end where the ground turns away: at ridges and streams
_ROTATION = np.radians(40.0)  # how far a rotational slide turns down at its head and up at its toe


@dataclass(frozen=True, slots=True)
class Outlines:
    """Shapes in pixels, each (shapes, rows, columns).

    Attributes
    ----------
    depth
        Distance inside the rim in half widths; 0 or less outside.
    profile
        Motion as a share of the full speed, 0 at the rim and outside.
    along, across
        Half lengths down the axis from the centre, half widths to its side.
    """

    depth: Array
    profile: Array
    along: Array
    across: Array


@dataclass(frozen=True, slots=True)
class Frame:
    """Windows of one size, each about one shape: first rows and columns, and metres a pixel."""

    tops: Sequence[int]
    lefts: Sequence[int]
    side: int
    pixel: float


def outlines(
    draws: Draws, shapes: Sequence[Shape], frame: Frame, downhill: tuple[Array, Array] | None = None
) -> Outlines:
    """Draw shapes into windows.

    Parameters
    ----------
    draws
        Whose backend the arrays are of.
    shapes
        One for each window.
    frame
        The windows.
    downhill
        East and south component of the unit vector downhill, (shapes, rows, columns); None: no shape is cut by
        ridges and streams.

    >>> from insarfeat.synth.fields import TileDraws
    >>> disc = Shape(8.0, 8.0, 100.0, 100.0, 1.0, 0.0, 0.0, 0.0, "ellipse", 0.5, (0.0, 0.0, 0.0, 0.0))
    >>> draws = TileDraws(np.random.default_rng(1), 16, 16, 15.0)
    >>> drawn = outlines(draws, [disc], Frame([0], [0], 16, 15.0))
    >>> bool(abs((drawn.depth > 0).sum() * 15.0**2 / (np.pi * 100.0**2) - 1.0) < 0.05)
    True
    """
    xp = draws.backend

    def each(values: Sequence[float]) -> Array:
        return draws.array(np.asarray(values, np.float32)[:, np.newaxis, np.newaxis])

    steps = np.arange(frame.side, dtype=np.float32) + np.float32(0.5)
    south = (
        draws.array(steps[np.newaxis, :, np.newaxis])
        + each([top - shape.row for top, shape in zip(frame.tops, shapes, strict=True)])
    ) * frame.pixel
    east = (
        draws.array(steps[np.newaxis, np.newaxis, :])
        + each([left - shape.column for left, shape in zip(frame.lefts, shapes, strict=True)])
    ) * frame.pixel
    axis_east, axis_south = (
        each([shape.down_east for shape in shapes]),
        each([shape.down_south for shape in shapes]),
    )
    ratio = each([shape.half_length / shape.half_width for shape in shapes])
    half_width = each([shape.half_width for shape in shapes])
    along = (east * axis_east + south * axis_south) / (ratio * half_width)
    bow = along**2 * (
        each([shape.bend for shape in shapes]) + along * each([shape.twist for shape in shapes])
    )
    across = (south * axis_east - east * axis_south - bow) / half_width

    forms = _by_form(draws, shapes)
    wide = _half_width(xp, along, forms)
    turn = xp.arctan2(across, along)
    ripple = [each([shape.ripple[index] for shape in shapes]) for index in range(4)]
    rim = (
        ripple[0] * xp.cos(2.0 * turn) + ripple[1] * xp.sin(3.0 * turn)
        + ripple[2] * xp.cos(5.0 * turn) + ripple[3] * xp.sin(8.0 * turn)
    )  # fmt: skip
    end = (1.0 - xp.abs(along)) * ratio
    depth = xp.minimum(wide * (1.0 + rim) - xp.abs(across), end)
    if downhill is not None:
        falls = downhill[0] * axis_east + downhill[1] * axis_south
        turned_away = xp.clip(0.1 - falls, 0.0, 2.0)
        depth = depth - 4.0 * turned_away * sum(forms[form] for form in _CUT_BY_TERRAIN)
    return Outlines(depth, _profile(xp, depth, across, shapes, each, forms), along, across)


def line_of_sight_share(
    xp: Any, motion_to_los: Array, steepness: Array, incidence: Array, along: Array, rotation: Array
) -> Array:
    """Increase of the range for each metre of motion, of slides that may rotate.

    A rotating slide moves more steeply than the slope at its head and less at its toe; the level part of the line
    of sight, along the slope, follows from the slope-to-LOS factor itself.
    """
    slope = xp.arctan(steepness)
    upward = xp.cos(incidence * (np.pi / 180.0))
    level = (motion_to_los - xp.sin(slope) * upward) / xp.cos(slope)
    dip = slope - _ROTATION * rotation * xp.clip(along, -1.0, 1.0)
    return xp.sin(dip) * upward + xp.cos(dip) * level


def _by_form(draws: Draws, shapes: Sequence[Shape]) -> dict[str, Array]:
    """1 where a shape is of a form, else 0."""
    return {
        form: draws.array(
            np.asarray([shape.form == form for shape in shapes], np.float32)[:, np.newaxis, np.newaxis]
        )
        for form in FORMS
    }


def _half_width(xp: Any, along: Array, forms: dict[str, Array]) -> Array:
    """Half width at a place along the axis, as a share of the widest."""
    beside = xp.abs(xp.clip(along, -1.0, 1.0))
    inside = xp.clip(along, -1.0, 1.0)
    round_ends = xp.sqrt(1.0 - beside**6)
    return (
        # An hourglass: source bowl, neck, and a lobe at the toe that is wider than the bowl.
        forms["flow"] * round_ends * (0.42 + 0.58 * beside**1.6) * (0.92 + 0.08 * inside)
        + forms["ellipse"] * xp.sqrt(1.0 - beside**2)
        + forms["angular"] * xp.clip(1.9 * (1.0 - beside), 0.0, 1.0)
        + forms["broad"] * xp.sqrt(1.0 - beside**4)
        + forms["tongue"] * round_ends * (0.85 + 0.15 * inside)
        + forms["rampart"] * round_ends * (1.0 - 0.3 * beside)
        + forms["fan"] * round_ends * (0.6 + 0.4 * inside)
    )


def _profile(
    xp: Any, depth: Array, across: Array, shapes: Sequence[Shape], each: Any, forms: dict[str, Array]
) -> Array:
    """Motion as a share of the full speed."""
    taper = each([shape.taper for shape in shapes])
    # A rockslide has one sharp edge, a fault or a stream.
    sharp = forms["angular"] * xp.where(across > 0.0, 0.9, 0.0)
    rise = xp.clip(depth / (taper * (1.0 - sharp)), 0.0, 1.0)
    plug = rise * rise * (3.0 - 2.0 * rise)
    parabola = 1.0 - 0.7 * forms["tongue"] * xp.clip(across**2, 0.0, 1.0)
    return plug * parabola
