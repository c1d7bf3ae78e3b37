"""From a stack to what a model takes: bands by name, checked for what they are, at a size it was trained for."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.kinds import PROCESSING
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType, suggestion
from insarfeat.geometry import map_over, regrid
from insarfeat.georeference import Grid, grid_of, parse_crs, same_grid, spatial_dims
from insarfeat.metrics import metrics_of
from insarfeat.terrain.reference import REFERENCE
from insarfeat.tiling.patches.scenes.naming import PAIR
from zoo.description import steepness

if TYPE_CHECKING:
    import xarray as xr

    from zoo.description import Band, ModelDescription

Floats = NDArray[np.float32]

_KEPT = ("spatial_ref", PAIR)

_SAME_UNITS = (
    {"radian", "radians", "rad"},
    {"m", "metre", "metres", "meter", "meters"},
    {"degree", "degrees", "deg"},
    {"1", "", "dimensionless", "unitless", "none"},
)
_GLIMPSE = (
    256  # pixels along a side, read before the work starts to see whether numbers can be what they should be
)
_TOLERATED = 1.02  # of pixel sizes: a map's scale differs from the ground's by less in any zone of UTM
_RADIANS = 3.5
_METRES = 30.0  # times what C band gives: other wavelengths pass, millimetres do not


@dataclass(frozen=True, slots=True)
class Laying:
    """How a model's input is made of pixels of the bands that there are.

    Attributes
    ----------
    places
        Number of each band in the model's own order.
    factors
        What each is multiplied by: elevations, so that slopes are those on the ground at any pixel size.
    required
        Numbers of the model's bands without which a pixel has no value.
    count
        Bands of the model.
    """

    places: tuple[int, ...]
    factors: tuple[float, ...]
    required: tuple[int, ...]
    count: int

    def laid(self, values: Any) -> Floats:
        """Bands (y, x), or (patch, y, x), as the model's input (..., band, y, x): NaN where there is none."""
        shape = np.shape(values[0])
        found: Floats = np.full((*shape[:-2], self.count, *shape[-2:]), np.nan, np.float32)
        for place, factor, band in zip(self.places, self.factors, values, strict=True):
            np.multiply(band, np.float32(factor), out=found[..., place, :, :])
        return found

    def known(self, raw: Floats) -> NDArray[np.bool_]:
        """Pixels (..., y, x) of a model's input that have a value."""
        return np.asarray(np.isfinite(raw[..., list(self.required), :, :]).all(axis=-3))


@dataclass(frozen=True, slots=True)
class Inputs:
    """Bands of a stack, ready for a model.

    Attributes
    ----------
    bands
        Those of the model's bands that are there, in its order; some with a dimension ``pair``.
    missing
        Names of the model's bands that are not there, none of them required.
    grid
        Where the pixels lie.
    laying
        How a model's input is made of the bands' pixels.
    """

    bands: xr.Dataset
    missing: tuple[str, ...]
    grid: Grid
    laying: Laying

    @property
    def pixel_area(self) -> float:
        """Square metres of a pixel in the middle of the map."""
        return _pixel_area(self.bands[next(iter(self.bands.data_vars))])


def opened(stack: Any, pair: str | None) -> xr.Dataset:
    """The stack that was given as a path or a Dataset; of several pairs all, or the one that was asked for."""
    import xarray as xr

    if isinstance(stack, str | os.PathLike):
        from insarfeat import open_product
        from insarfeat.io.products import reader_of

        path = Path(stack)
        reader = reader_of(path) if path.exists() else None
        if pair is not None and reader is not None and pair in reader.pairs_of(path):
            return open_product(path, pair=pair)
        found = open_product(path)
    elif isinstance(stack, xr.Dataset):
        found = stack
    else:
        raise InvalidType(
            f"stack must be a path or an xarray Dataset with layers by name; got {type(stack).__name__}"
        )
    if pair is None:
        return found
    if PAIR not in found.dims:
        raise InvalidArgument(f"pair is {pair!r}, and the stack holds one pair only; leave pair out")
    names = [str(name) for name in found[PAIR].values]
    if pair not in names:
        raise InvalidArgument(
            f"pair is {pair!r}{suggestion(pair, names)}; the stack holds {', '.join(names)}"
        )
    return found.isel({PAIR: names.index(pair)})


def prepared(description: ModelDescription, stack: xr.Dataset, *, resample: bool) -> Inputs:
    """The model's bands of a stack, lazy, after everything that can be checked was checked."""
    there = {band.name: stack[band.name] for band in description.bands if band.name in stack}
    _check_there(description, there, stack)
    for band in description.bands:
        if band.name in there:
            _check_meaning(band, there[band.name])
    same_grid(list(there.values()))
    first = next(iter(there.values()))
    _check_placed(first)
    there = _at_size(description, there, resample)
    first = next(iter(there.values()))
    _check_numbers(there)
    names = description.band_names
    chosen = [name for name in names if name in there]
    bands = first.to_dataset(name=chosen[0])[[]].assign({name: there[name] for name in chosen})
    return Inputs(
        bands.drop_vars([name for name in bands.coords if bands[name].ndim == 0 and name not in _KEPT]),
        tuple(name for name in names if name not in there),
        grid_of(first),
        _laying(description, chosen, first),
    )


def _laying(description: ModelDescription, chosen: Sequence[str], raster: xr.DataArray) -> Laying:
    names = description.band_names
    places = tuple(names.index(name) for name in chosen)
    factors = steepness(description.bands, description.pixel, math.sqrt(_pixel_area(raster)))
    required = tuple(number for number, band in enumerate(description.bands) if band.required)
    return Laying(places, tuple(factors[place] for place in places), required or places, len(names))


def _pixel_area(raster: xr.DataArray) -> float:
    """Square metres of a pixel in the middle of the map."""
    middle = raster.shape[-2] // 2
    down, across = metrics_of(raster, None).rows(middle, middle + 1)
    return abs(float(down[0]) * float(across[0]))


def _check_there(description: ModelDescription, there: Mapping[str, Any], stack: xr.Dataset) -> None:
    lacking = [band.name for band in description.bands if band.required and band.name not in there]
    if lacking:
        rasters = [str(name) for name, one in stack.data_vars.items() if one.ndim >= 2]
        raise InvalidArgument(
            f"the stack has no {', '.join(lacking)}, which {description.name} cannot do without; it has "
            f"{', '.join(rasters) or 'no rasters'}. Build a stack that has them (insarfeat.build_stack, or insarfeat "
            "stack), or rename layers that are called otherwise"
        )
    for name, layer in there.items():
        if layer.dtype.kind not in "fiu":
            raise InvalidType(f"{name} holds {layer.dtype}, and real numbers are needed")
        if layer.dims[:-2] not in ((), (PAIR,)):
            raise InvalidArgument(
                f"{name} has the dimensions {layer.dims}; it must be (y, x), or (pair, y, x): select one of the "
                "others first, as stack.isel(...)"
            )


def _check_meaning(band: Band, layer: xr.DataArray) -> None:
    """Refuse other units, another sign, another composite, as far as attributes tell."""
    told = str(layer.attrs.get("units", "")).strip()
    alike = next((some for some in _SAME_UNITS if band.units.lower() in some), {band.units.lower()})
    if told and told.lower() not in alike:
        raise InvalidArgument(
            f"{band.name} is in {told!r}, and the model takes {band.units!r}; convert it first"
            + (" (phase of degrees: numpy.deg2rad)" if band.name == "wrapped_phase" else "")
        )
    if band.name == "displacement" and "away" in str(layer.attrs.get("positive", "")):
        raise InvalidArgument(
            "displacement is positive away from the satellite by its attributes; the model takes it positive toward "
            "the satellite: change its sign"
        )
    history = str(layer.attrs.get(PROCESSING, ""))
    if band.name == "terrain_pc1" and "terrain.components(" in history and REFERENCE not in history:
        raise InvalidArgument(
            f"terrain_pc1 was made with a composite of its own ({history.rpartition('| ')[2]}), and the model knows "
            f"{REFERENCE!r}, which gives the same ground the same value everywhere: compute it with "
            "insarfeat.terrain.terrain_pc1(dem)"
        )


def _check_placed(layer: xr.DataArray) -> None:
    if not all(dim in layer.coords for dim in spatial_dims(layer)):
        raise InvalidArgument(
            f"{layer.name} has no coordinates, so its pixel size is unknown, and models know the ground by metres; "
            "assign y and x (metres, or degrees with a CRS)"
        )


def _at_size(
    description: ModelDescription, there: dict[str, xr.DataArray], resample: bool
) -> dict[str, xr.DataArray]:
    """The layers, brought to the model's pixel size if that was asked for and is needed."""
    first = next(iter(there.values()))
    down, across = metrics_of(first, None).smallest
    least, largest = description.least_pixel / _TOLERATED, description.largest_pixel * _TOLERATED
    fits = least <= min(down, across) and max(down, across) <= largest
    if fits:
        return there
    if not resample:
        raise GridMismatch(
            f"pixels are {down:.4g} x {across:.4g} m, and {description.name} works between "
            f"{description.least_pixel:g} and {description.largest_pixel:g} m; pass resample=True (--resample), and "
            f"the layers are brought to {description.pixel:g} m on the way"
        )
    crs = grid_of(first).crs_wkt
    if crs is None:
        raise InvalidArgument(
            "the layers must be resampled, and have no CRS; give them one, so that it is known where they lie"
        )
    metric = parse_crs(crs)
    zone = "utm" if metric.is_geographic else None
    grid = map_over(first, crs=zone, resolution=description.pixel / _metres_per_unit(metric))
    return {name: regrid(_named(layer, name), grid) for name, layer in there.items()}


def _metres_per_unit(crs: Any) -> float:
    return 1.0 if crs.is_geographic else float(crs.axis_info[0].unit_conversion_factor)


def _named(layer: xr.DataArray, name: str) -> xr.DataArray:
    return layer if layer.name == name else layer.rename(name)


def _check_numbers(there: Mapping[str, xr.DataArray]) -> None:
    """Read a little of the middle, and refuse numbers that are not what their names say."""
    phase, coherence = (
        _known(_glimpse(there[name])) if name in there else None for name in ("wrapped_phase", "coherence")
    )
    if phase is not None and phase.size and np.abs(phase).max() > _RADIANS:
        raise InvalidArgument(
            f"wrapped_phase reaches {np.abs(phase).max():.4g} in the middle of the scene, not pi: it is unwrapped, "
            "or not in radians"
        )
    if (
        coherence is not None
        and coherence.size
        and not (coherence.min() >= -0.01 and coherence.max() <= 1.01)
    ):
        raise InvalidArgument(
            f"coherence runs from {coherence.min():.4g} to {coherence.max():.4g} in the middle of the scene; it must "
            "lie between 0 and 1: divide by 255 or 100, if it was stored as bytes or percent"
        )
    moved, unwrapped = there.get("displacement"), there.get("unwrapped_phase")
    if moved is not None and unwrapped is not None:
        _check_sign(_glimpse(moved), _glimpse(unwrapped))


def _check_sign(moved: Any, unwrapped: Any) -> None:
    """Displacement toward the satellite shortens the range: it goes against the unwrapped phase."""
    known = np.isfinite(moved) & np.isfinite(unwrapped)
    if known.sum() < 100 or moved[known].std() == 0 or unwrapped[known].std() == 0:
        return
    if np.corrcoef(moved[known], unwrapped[known])[0, 1] > 0.9:
        raise InvalidArgument(
            "displacement grows with unwrapped_phase, so it is positive away from the satellite, or the phase is "
            "that of secondary x conj(primary); the model takes displacement = -wavelength / (4 pi) unwrapped_phase"
        )
    if np.abs(moved[known]).max() > _METRES * max(np.abs(unwrapped[known]).max() * 0.0045, 0.1):
        raise InvalidArgument(
            f"displacement reaches {np.abs(moved[known]).max():.4g} where the phase allows "
            f"{np.abs(unwrapped[known]).max() * 0.0045:.2g} m at most: it is not in metres"
        )


def _known(numbers: Any) -> Any:
    return numbers[np.isfinite(numbers)]


def _glimpse(layer: xr.DataArray) -> Any:
    """Numbers of a window in the middle of the first pair."""
    if layer.ndim == 3:
        layer = layer[0]
    rows, columns = (
        slice(max(size // 2 - _GLIMPSE // 2, 0), size // 2 + math.ceil(_GLIMPSE / 2)) for size in layer.shape
    )
    return np.asarray(layer[rows, columns].values, np.float64)
