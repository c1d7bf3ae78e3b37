"""Fringes: a wrapped phase in few levels with sharp edges, so that subtle signals stand out, and noise held back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter, uniform_filter

from insarfeat.errors import InvalidArgument
from insarfeat.plot._figure import _north_up, _over, _pixel_metres, draw_painting, keyed
from insarfeat.plot._grid import MapGrid
from insarfeat.plot._paint import NO_DATA, Key, Painting, Values
from insarfeat.plot._style import Style, as_drawn, style_of

LEVELS = 8
"""In a turn: an eighth of one, 3.5 mm of 28 in C band, still makes an edge, and most noise makes none."""

NOISE = "#ededed"

_TURN = (-math.pi, math.pi)
_SHADES = 32  # of a level, in the colour map
_FALL = 0.3  # share of white at one end of a level, and of black at the other
_DARKEST = 0.95  # of the colour map: below it levels cannot be told apart
_SMOOTHING = 0.8  # pixels, deviation: edges become lines, and fringes of five pixels stay
_WINDOW = 7  # pixels, in which neighbours must agree
# From noise to phase. 49 pixels of mere noise agree to about 0.4; coherence of noise lies below 0.15 by its bias.
_AGREEMENT = (0.5, 0.75)
_COHERENCE = (0.15, 0.3)
_SPREAD = 1.5  # pixels, deviation


@dataclass(frozen=True, slots=True, eq=False)
class Fringes:
    """A layer's fringes, ready to be shown.

    Attributes
    ----------
    painting
        Colours, colour bar and legend.
    style
        Of the layer, with a title that says what is drawn.
    grid
        Where it lies.
    """

    painting: Painting
    style: Style
    grid: MapGrid

    @classmethod
    def of(
        cls, layer: xr.DataArray, coherence: xr.DataArray | None, background: xr.DataArray | None
    ) -> Fringes:
        """Fringes of a layer of checked shape, on the shading of a background."""
        style, grid = style_of(layer), MapGrid.of(layer)
        if style.drawing != "cyclic" or style.limits != _TURN:
            raise InvalidArgument(
                f"layer {str(layer.name)!r} is no wrapped phase; fringes are drawn of wrapped_phase, of a complex "
                "interferogram, or of a layer whose attribute drawn_as is 'wrapped_phase'"
            )
        values = _north_up(layer, grid)
        trust = None if coherence is None else _north_up(coherence, MapGrid.of(coherence))
        painting = keyed(paint_fringes(as_drawn(values, style), trust), values, style)
        if background is not None:
            painting = _over(background, painting, values, style, _pixel_metres(grid, values))
        title = f"fringes of {style.title}"
        return cls(painting, replace(style, title=title), grid)

    def draw(self) -> Figure:
        """The figure."""
        return draw_painting(self.grid, self.painting, self.style)


def paint_fringes(phase: Values, coherence: Values | None = None) -> Painting:
    """Paint a wrapped phase in which no data is NaN.

    Within each of the levels lightness falls, and jumps at its end; from level to level it falls as well, and jumps
    most where the turn ends. The mean phase is the middle of a middle level: still ground has one colour, and what
    moves against it passes an edge, whichever way it goes.

    Parameters
    ----------
    phase
        Radians.
    coherence
        0 to 1; where it is low colours fade. Without it they fade where neighbours do not agree.

    >>> flat = np.zeros((8, 8))
    >>> painting = paint_fringes(flat)
    >>> painting.scale.get_clim() == (-np.pi, np.pi), [key.label for key in painting.keys]
    (True, ['noise'])
    """
    known = np.isfinite(phase)
    phasor = np.where(known, np.exp(1j * np.where(known, phase, 0.0)), 0.0)
    colour_map = _fringe_map(float(np.angle(phasor.sum())))
    norm = Normalize(*_TURN)
    drawn = np.angle(gaussian_filter(phasor.real, _SMOOTHING) + 1j * gaussian_filter(phasor.imag, _SMOOTHING))
    # The map tells the top of its range from its bottom, which are one phase.
    colours = np.asarray(colour_map(norm(drawn)))[..., :3]
    if coherence is None:
        trust = _from_to(_agreement(phasor), *_AGREEMENT)
    else:
        # An estimate of coherence scatters as the phase does: its mean over some pixels tells patches of noise.
        trust = _from_to(gaussian_filter(np.nan_to_num(coherence, nan=0.0), _SPREAD), *_COHERENCE)
    noise, no_data = (np.array(matplotlib.colors.to_rgb(colour)) for colour in (NOISE, NO_DATA))
    colours = trust[..., np.newaxis] * colours + (1.0 - trust[..., np.newaxis]) * noise
    colours[~known] = no_data
    return Painting(colours, ScalarMappable(norm, colour_map), f"{LEVELS} levels", (Key(NOISE, "noise"),))


def _fringe_map(middle: float) -> ListedColormap:
    """Colours from -pi to pi in which ``middle`` is the middle of a middle level."""
    level = np.repeat(np.arange(LEVELS), _SHADES)
    within = np.tile((np.arange(_SHADES) + 0.5) / _SHADES, LEVELS)
    # From light to dark; blue, green and yellow leave the warm colours to what is drawn upon it.
    base = matplotlib.colormaps["viridis_r"](np.linspace(0.0, _DARKEST, LEVELS))[level, :3]
    # White at the upper end and black at the lower one: dark levels have edges, too.
    mixed = np.clip(2.0 * within - 1.0, -1.0, 1.0)[:, np.newaxis]
    colours = base + _FALL * (np.maximum(-mixed, 0.0) * (1.0 - base) - np.maximum(mixed, 0.0) * base)
    begins = middle + math.pi - (LEVELS // 2 + 0.5) * 2.0 * math.pi / LEVELS
    turn = round(begins / (2.0 * math.pi) * len(colours))
    return ListedColormap(np.roll(colours, turn, axis=0), name="fringes")


def _agreement(phasor: Values) -> Values:
    """How well steps from pixel to pixel agree about each, 0 to 1: dense fringes have equal steps, noise has not."""
    found = np.zeros(phasor.shape)
    for axis in (0, 1):
        steps = np.zeros_like(phasor)
        here = tuple(slice(None, -1) if one == axis else slice(None) for one in (0, 1))
        next_one = tuple(slice(1, None) if one == axis else slice(None) for one in (0, 1))
        steps[here] = phasor[next_one] * np.conj(phasor[here])
        count = uniform_filter((np.abs(steps) > 0).astype(np.float64), _WINDOW)
        mean = np.hypot(uniform_filter(steps.real, _WINDOW), uniform_filter(steps.imag, _WINDOW))
        # A step has the noise of two pixels.
        found += 0.5 * np.sqrt(np.divide(mean, count, out=np.zeros_like(mean), where=count > 1e-6))
    return np.asarray(np.clip(found, 0.0, 1.0))


def _from_to(values: Values, none: float, full: float) -> Values:
    """0 up to ``none``, 1 from ``full`` on, and smoothly between."""
    share = np.clip((values - none) / (full - none), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))
