"""One pair of a stack, as slides are put into it: its layers, how it was taken, and what surrounds each place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from insarfeat.errors import InvalidArgument
from insarfeat.geometry import SENTINEL1_WAVELENGTH
from insarfeat.georeference import grid_of, same_grid
from insarfeat.synth import Acquisition
from insarfeat.tiling.patches.scenes.naming import PAIR
from insarfeat.windows import Window
from zoo.detections import days_of
from zoo.polygons import orbit_of, pair_of

if TYPE_CHECKING:
    import xarray as xr

    from insarfeat.stacks import Recipe

Floats = npt.NDArray[np.float32]

ACROSS = 120.0
"""Metres of a cell of what surrounds a place: as wide as a middling slide."""

_DAYS_PER_YEAR = 365.25
_NEEDED = ("wrapped_phase", "coherence", "elevation")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of each cell of ``ACROSS`` metres before any slide is there, (rows, columns).

    Attributes
    ----------
    coherence
        Mean; NaN where nothing is known.
    sensitivity
        Size of the slope-to-LOS factor of the mean slope, 0 to 1.
    hidden
        Share of the cell in layover or shadow.
    """

    coherence: Floats
    sensitivity: Floats
    hidden: Floats

    def at(self, cells: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]) -> tuple[float, float, float]:
        """Means over some cells."""
        rows, cols = (
            np.minimum(place, side - 1) for place, side in zip(cells, self.coherence.shape, strict=True)
        )
        found = [
            float(np.nanmean(band[rows, cols])) for band in (self.coherence, self.sensitivity, self.hidden)
        ]
        return found[0], found[1], found[2]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A pair of a stack.

    Attributes
    ----------
    name
        Of the pair.
    layers
        Of the stack, lazy, (y, x).
    acquisition
        How it was taken.
    wavelength
        Metres.
    recipe
        That the stack was made by: its filter is used again.
    unfiltered
        The interferogram before its filter, where there is one.
    orbit
        "A", "D" or "".
    """

    name: str
    layers: xr.Dataset
    acquisition: Acquisition
    wavelength: float
    recipe: Recipe
    unfiltered: xr.DataArray | None = None
    orbit: str = ""

    def fringes(self, speed: Any, sensitivity: Any) -> Any:
        """Fringes along the line of sight of a slide that moves so many cm a year down the slope."""
        metres = speed / 100.0 * self.acquisition.days / _DAYS_PER_YEAR * sensitivity
        return metres / (self.wavelength / 2.0)

    def window(self, window: Window) -> xr.Dataset:
        """Layers of a window, in memory; with ``interferogram`` where there is one before its filter."""
        rows, cols = window.slices
        part = self.layers[{"y": rows, "x": cols}]
        part = part.drop_vars([name for name in part if part[name].dims != ("y", "x")])
        if self.unfiltered is not None:
            part = part.assign(interferogram=self.unfiltered[rows, cols])
        else:
            part = part.drop_vars("interferogram", errors="ignore")
        return part.compute()

    @property
    def cell(self) -> int:
        """Pixels along a cell of the surroundings."""
        grid = grid_of(self.layers["elevation"])
        return max(1, round(ACROSS / abs(float(grid.x.step))))

    def cells(self) -> xr.Dataset:
        """Lazy layers of the cells: coherence, slope_to_los and hidden."""
        import xarray as xr

        from insarfeat import filters, geometry, terrain

        side, taken, layers = self.cell, self.acquisition, self.layers
        if "slope_to_los" in layers:
            facing = layers["slope_to_los"]
        else:
            shape = terrain.attributes(layers["elevation"], ["slope", "aspect"])
            facing = geometry.slope_to_los(shape["slope"], shape["aspect"], taken.incidence, taken.heading)
        if "shadow_layover" in layers:
            hidden = layers["shadow_layover"]
        else:
            hidden = geometry.shadow_layover(layers["elevation"], taken.incidence, taken.heading)
        shares = (hidden > 0).astype(np.float32).where(hidden != 255)
        found = {"coherence": layers["coherence"], "slope_to_los": facing, "hidden": shares}
        return xr.Dataset(
            {name: filters.multilook(layer, looks=(side, side)) for name, layer in found.items()}
        )


def surroundings(cells: xr.Dataset) -> Surroundings:
    """The computed cells as arrays."""
    return Surroundings(
        cells["coherence"].values, np.abs(cells["slope_to_los"].values), cells["hidden"].values
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What a stack may not say of itself; None where it is left to the stack.

    Attributes
    ----------
    incidence, heading, days, looks
        As for :class:`insarfeat.synth.Acquisition`.
    unfiltered
        Interferogram before its filter, on the stack's grid.
    """

    incidence: float | None = None
    heading: float | None = None
    days: float | None = None
    looks: float | None = None
    unfiltered: xr.DataArray | None = None


def views_of(stack: xr.Dataset, told: Told | None = None) -> list[View]:
    """Every pair of a stack, after what can be checked was checked."""
    chosen = Told() if told is None else told
    missing = [name for name in _NEEDED if name not in stack]
    if missing:
        raise InvalidArgument(
            f"stack has no {', '.join(missing)}; slides are put into phase and coherence, on ground that is known: "
            "'insarfeat stack models' makes a stack that has them"
        )
    if chosen.unfiltered is not None:
        same_grid([stack["elevation"], chosen.unfiltered])
    pairs = stack.sizes.get(PAIR)
    if pairs is None:
        return [_view(stack, chosen)]
    return [_view(stack.isel({PAIR: number}), chosen) for number in range(pairs)]


def _view(stack: xr.Dataset, told: Told) -> View:
    name, attrs = pair_of(stack), stack.attrs
    known = {
        "incidence": _known(told.incidence, stack, "incidence"),
        "heading": _known(told.heading, stack, "heading"),
        "days": told.days if told.days is not None else _days(name, attrs),
    }
    unknown = [key for key, value in known.items() if value is None]
    if unknown:
        raise InvalidArgument(
            f"the stack does not tell {', '.join(unknown)} of {name or 'its pair'}; say it: "
            + ", ".join(f"--{key} {example}" for key, example in _EXAMPLES.items() if key in unknown)
        )
    looks = told.looks if told.looks is not None else attrs.get("looks")
    if isinstance(looks, int | float | np.number) and looks >= 2.0:
        known["looks"] = float(looks)
    taken = Acquisition(**{key: float(value) for key, value in known.items() if value is not None})
    wavelength = float(attrs.get("wavelength", SENTINEL1_WAVELENGTH))
    return View(name, stack, taken, wavelength, _recipe(attrs), told.unfiltered, orbit_of(stack))


def _recipe(attrs: Mapping[str, Any]) -> Recipe:
    """The recipe of the stack; that of the models' where it says none."""
    from insarfeat.stacks import Recipe

    if "insarfeat_recipe" in attrs:
        return Recipe.model_validate_json(attrs["insarfeat_recipe"])
    return Recipe.named("models")


def _known(given: float | None, stack: xr.Dataset, name: str) -> float | None:
    """A number that was given, or that the stack has as an attribute or, in its middle, as a layer."""
    if given is not None:
        return given
    if name in stack.attrs:
        return float(stack.attrs[name])
    if name in stack:
        rows, cols = (
            slice(side // 4, side - side // 4, max(1, side // 64)) for side in stack[name].shape[-2:]
        )
        some = stack[name][..., rows, cols].values
        return float(np.nanmedian(some)) if np.isfinite(some).any() else None
    return None


def _days(name: str, attrs: Mapping[str, Any]) -> float | None:
    """Days between the images of a pair, from what is said of it."""
    days = days_of(name).between  # of several pairs each has its own
    if days is None:
        days = attrs.get("baseline_days")
    return None if days is None else float(days)


_EXAMPLES = {"incidence": "39", "heading": "-12", "days": "12"}
