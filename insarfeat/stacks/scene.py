"""One pair on one map: every ingredient of a stack, made when a layer asks for it, and once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat import filters, geometry, terrain
from insarfeat.dispatch import GeneratedSource
from insarfeat.dispatch.lazy import lazy_source
from insarfeat.errors import InvalidArgument
from insarfeat.geometry import LineOfSight
from insarfeat.geometry.maps import map_named
from insarfeat.geometry.regridding import looks_between
from insarfeat.georeference import grid_of
from insarfeat.metrics import metrics_of_grid
from insarfeat.stacks.ground_spacing import spacing_of
from insarfeat.stacks.placement import Placement, on_map
from insarfeat.stacks.sources import flies
from insarfeat.windows import Shape, Window

if TYPE_CHECKING:
    from insarfeat.stacks.recipe import PhasePart
    from insarfeat.stacks.sources import Pair

_log = logging.getLogger(__name__)

_REFERENCE_PIXEL = (10.0, 20.0)
"""Metres: pixels about as large as those on which the reference composite of terrain was fitted."""


def phase_filtered(
    phase: xr.DataArray, chosen: PhasePart, *, resolution: tuple[float, float] | None = None
) -> xr.DataArray:
    """An interferogram, or a phase, behind the filter of a recipe.

    Parameters
    ----------
    phase
        On a map, or in radar geometry.
    chosen
        Of the recipe.
    resolution
        Metres per pixel (rows, columns) where there is no map.
    """
    if chosen.gaussian is not None:
        phase = filters.gaussian(phase, width=chosen.gaussian, resolution=resolution)
    if chosen.alpha > 0:
        phase = filters.goldstein(
            phase,
            alpha=chosen.alpha,
            window=chosen.window,
            overlap=chosen.overlap,
            smoothing=chosen.smoothing,
            normalize=chosen.normalize,
        )
    return phase


@dataclass(frozen=True)
class Scene(Placement):
    """One pair, or none, with the ground beneath it, on the stack's map.

    What is made of the phase is made on the product's own grid, in pixels of about the stack's size, and then
    brought to the map. What is made of the ground is made on the whole DEM, on the map's lattice, and then cut.
    """

    # -- what the radar saw

    @cached_property
    def looks(self) -> tuple[int, int]:
        """How many pixels of the pair make one of about the stack's size, rows and columns."""
        own = self.reference
        if on_map(own):
            return looks_between(grid_of(own), self.target)
        size = abs(metrics_of_grid(self.target).rows(0, 1)[1][0])
        self._lookup(own.shape)  # says what is missing where nobody knows how large pixels are
        down, across = self._spacing
        return max(round(size / down), 1), max(round(size / across), 1)

    def _looked(self, layer: xr.DataArray) -> xr.DataArray:
        """A layer of the pair's pixels in pixels of about the stack's size."""
        if self.looks == (1, 1) or layer.shape[-2:] != self.reference.shape[-2:]:
            return layer
        return filters.multilook(layer.rename(layer.name), looks=self.looks).rename(layer.name)

    @cached_property
    def _spacing(self) -> tuple[float, float]:
        """Metres on the ground from pixel to pixel of the pair's radar image, down and across."""
        latitude, longitude = self.own("latitude"), self.own("longitude")
        down, across = spacing_of(latitude, longitude, self.swath)
        known = self.swath.grid.shape if latitude is None and self.swath is not None else latitude.shape[-2:]
        rows, columns = self.reference.shape[-2:]  # it may have come multilooked
        return down * round(known[0] / rows), across * round(known[1] / columns)

    @cached_property
    def interferogram(self) -> xr.DataArray:
        """Interferogram or wrapped phase on the pair's own grid, its pixels about as large as the stack's."""
        pair = self.paired("the phase")
        if pair.images is not None:
            return self._looked(filters.interferogram(*pair.images))
        if pair.phase is None:
            raise InvalidArgument(
                f"{pair.name} has neither interferogram nor wrapped_phase; its layers are "
                f"{', '.join(map(str, pair.layers.data_vars))}"
            )
        return self._looked(pair.phase)

    @cached_property
    def filtered(self) -> xr.DataArray:
        """Filtered interferogram or phase, on the same grid."""
        phase, size = self.interferogram, None
        if self.recipe.phase.gaussian is not None and not on_map(phase):
            rows, columns = self.looks
            size = (self._spacing[0] * rows, self._spacing[1] * columns)
        return phase_filtered(phase, self.recipe.phase, resolution=size)

    @cached_property
    def wrapped_phase(self) -> xr.DataArray:
        """Filtered phase on the map: complex numbers are brought there, and then their angle is taken."""
        there = self.brought(self.filtered)
        return filters.wrapped_phase(there) if there.dtype.kind == "c" else there

    @cached_property
    def own_coherence(self) -> xr.DataArray:
        """Coherence on its own grid."""
        given = self.own("coherence")
        if given is not None:
            return given
        pair, chosen = self.paired("coherence"), self.recipe.coherence
        if pair.images is not None:
            window = (chosen.window[0] * self.looks[0] | 1, chosen.window[1] * self.looks[1] | 1)
            found = filters.coherence(*pair.images, window=window, unbiased=chosen.unbiased)
            return self._looked(found)
        _log.warning(
            "%s came without coherence: that of its phase alone is taken, which fringes within the window lower",
            pair.name,
        )
        return filters.phase_coherence(self.interferogram, window=chosen.window)

    @cached_property
    def coherence(self) -> xr.DataArray:
        """Coherence on the map."""
        return self.brought(self.own_coherence)

    @cached_property
    def intensity(self) -> xr.DataArray:
        """Intensity of the primary on the map."""
        given = self.own("intensity")
        if given is None:
            pair = self.paired("intensity")
            if pair.images is None:
                raise InvalidArgument(
                    f"{pair.name} came without intensity: give intensity=, or primary= and secondary="
                )
            given = self._looked(filters.intensity(pair.images[0]))
        return self.brought(given)

    @cached_property
    def _unwrapped(self) -> xr.DataArray:
        """Unwrapped phase on its own grid."""
        given = self.own("unwrapped_phase")
        if given is not None:
            return given
        coherence = self._looked(self.own_coherence)
        if coherence.shape != self.filtered.shape:
            raise InvalidArgument(
                "to unwrap the phase its coherence must be on the same grid; give unwrapped_phase=, or a "
                "coherence of the interferogram's size"
            )
        return filters.unwrap(self.filtered, coherence, looks=self.recipe.unwrap.looks).phase

    @cached_property
    def unwrapped_phase(self) -> xr.DataArray:
        """Unwrapped phase on the map."""
        return self.brought(self._unwrapped)

    @cached_property
    def displacement(self) -> xr.DataArray:
        """Displacement toward the satellite on the map."""
        given = self.own("displacement")
        if given is not None:
            return self.brought(given)
        wavelength = geometry.SENTINEL1_WAVELENGTH
        if self.pair is not None:
            wavelength = float(self.pair.layers.attrs.get("wavelength_m", wavelength))
        return geometry.displacement(self.unwrapped_phase, wavelength=wavelength)

    # -- what the ground is like

    @cached_property
    def _sight(self) -> LineOfSight | None:
        """The line of sight on the wide map, where it is known."""
        vector = [self.own(name) for name in ("los_east", "los_north", "los_up")]
        if all(part is not None for part in vector):
            return LineOfSight(*(self.widely(part) for part in vector))
        angles = [self.own(name) for name in ("incidence", "heading")]
        if all(angle is not None for angle in angles):
            incidence, heading = (self.widely(angle) for angle in angles)
            return geometry.los_from_incidence(incidence, heading)
        if self.swath is not None:
            height = self.elevation_wide if self.has_dem else 0.0
            return geometry.sight_on_map(self.swath.grid, self.wide, elevation=height)
        return None

    @cached_property
    def sight_wide(self) -> LineOfSight:
        """The line of sight on the wide map."""
        if self._sight is not None:
            return self._sight
        raise InvalidArgument(
            "where the radar looks from is not known: give incidence= and heading= in degrees (Sentinel-1: "
            "30 to 46, and about -12 ascending or -168 descending at middle latitudes), los_east=, "
            "los_north= and los_up=, or annotation="
        )

    def angles_in_the_middle(self) -> dict[str, float]:
        """Incidence and heading at the middle of the map, as far as they are known; numbers as they were given."""
        found = {}
        for name in ("incidence", "heading") if self._sight is not None else ():
            given = self.given.rasters.get(name)
            if given is not None and not hasattr(given, "coords"):
                found[name] = float(given)
                continue
            rows, columns = (
                slice(max(0, side // 2 - _MIDDLE), side // 2 + _MIDDLE) for side in self.ground(name).shape
            )
            some = self.ground(name)[rows, columns].values
            if np.isfinite(some).any():
                found[name] = float(np.nanmedian(some))
        _check_direction(self.pair, found.get("heading"))
        return found

    def _everywhere(self, value: Any) -> xr.DataArray:
        """A layer; of a number one that holds it in every pixel."""
        if hasattr(value, "coords"):
            return value
        there, shape = map_named(self.wide), Shape(self.wide.y.size, self.wide.x.size)
        named = f"constant {float(value)!r} {shape}"
        source = GeneratedSource(_Constant(float(value)), shape, np.float32, name=named)
        data = lazy_source(source, ((shape.height,), (shape.width,)))
        return xr.DataArray(data, there.coords, there.dims)

    @cached_property
    def visibility_wide(self) -> xr.DataArray:
        """Shadow and layover on the wide map."""
        incidence, heading = self.sight_wide.incidence_and_heading()
        return geometry.shadow_layover(self.elevation_wide, incidence, heading)

    def ground(self, name: str) -> xr.DataArray:
        """A layer of what the ground is like, on the map: one that is known already, or a new one."""
        known = self.given.rasters.get(name)
        if hasattr(known, "coords") and name != "elevation":
            return self.brought(known)
        return self.cut(self._made(name))

    def _made(self, name: str) -> xr.DataArray:
        chosen = self.recipe.terrain
        if name == "elevation":
            return self.elevation_wide
        if name == "shadow_layover":
            own = None if self.pair is None else self.pair.layers.get(name)
            return self.visibility_wide if own is None else self.widely(own)
        if name in ("incidence", "heading"):
            angles = self.sight_wide.incidence_and_heading()
            return self._everywhere(getattr(angles, name)).rename(name)
        if name in _SIGHT:
            return self._everywhere(dict(zip(_SIGHT, self.sight_wide, strict=True))[name]).rename(name)
        if name in _VIEWS:
            return self._views[name]
        if name in _FLOW:
            return getattr(terrain, name)(self.elevation_wide, method=chosen.flow)
        if name == "terrain_pc1":
            self._check_scale()
            return terrain.terrain_pc1(self.elevation_wide, components=chosen.components)
        return self._attributes[name]

    @cached_property
    def _views(self) -> xr.Dataset:
        return geometry.ground_view(self.elevation_wide, _VIEWS, self.sight_wide)

    @cached_property
    def _attributes(self) -> xr.Dataset:
        chosen = self.recipe.terrain
        carrying = [terrain.Convexity(radius=chosen.convexity_radius), terrain.Tri(variant=chosen.tri)]
        return terrain.attributes(self.elevation_wide, [*ATTRIBUTES, *carrying])

    def _check_scale(self) -> None:
        north, _ = metrics_of_grid(self.target).rows(0, 1)
        size = abs(float(north[0]))
        least, most = _REFERENCE_PIXEL
        if self.recipe.terrain.components.startswith("reference") and not least <= size <= most:
            _log.warning(
                "the stack's pixels are %.3g m, and %s was fitted at 15 m: slopes and ruggedness of such pixels are "
                "others; use 15 m, or components: fit",
                size,
                self.recipe.terrain.components,
            )

    # -- both

    @cached_property
    def sensitivity(self) -> xr.DataArray:
        """How well downslope motion shows, 0 to 1."""
        return self._sensitivity(signed=False)

    @cached_property
    def signed_sensitivity(self) -> xr.DataArray:
        """The same with the sign of the range change."""
        return self._sensitivity(signed=True)

    def _sensitivity(self, *, signed: bool) -> xr.DataArray:
        chosen = self.recipe.sensitivity
        return geometry.sensitivity_layer(
            self.coherence,
            self.ground("slope_to_los"),
            midpoint=chosen.midpoint,
            steepness=chosen.steepness,
            signed=signed,
            visibility=self.ground("shadow_layover"),
        )

    @cached_property
    def landslide(self) -> xr.DataArray:
        """The mapped landslides as pixels."""
        from insarfeat import inventory

        if self.given.landslides is None:
            raise InvalidArgument(
                "the layer landslide needs polygons: give landslides= (GeoPackage, GeoJSON, Shapefile, "
                "KML), or leave the layer out of the recipe"
            )
        polygons = self.given.landslides
        if isinstance(polygons, str) or hasattr(polygons, "__fspath__"):
            polygons = inventory.read_polygons(polygons)
        chosen = self.recipe.labels
        return inventory.rasterize(polygons, self.target, touched=chosen.touched, share=chosen.share)

    @property
    def _has_radar(self) -> bool:
        """Whether a radar looks at the ground at all; a stack of the ground alone has neither layover nor shadow."""
        sights = ("incidence", "los_east", "shadow_layover")
        return (
            self.pair is not None
            or bool(self.given.swaths)
            or any(name in self.given.rasters for name in sights)
        )

    def invalid_causes(self, bands: Sequence[xr.DataArray]) -> xr.DataArray:
        """Why pixels cannot be used, of the bands of a stack."""
        from insarfeat import tiling

        chosen = self.recipe.validity
        layers = {str(band.name): band for band in bands}
        if self.has_dem:
            layers.setdefault("elevation", self.ground("elevation"))
            if self._has_radar and {"layover", "shadow"} & {*chosen.causes, *chosen.blank}:
                layers.setdefault("shadow_layover", self.ground("shadow_layover"))
            if "flow_contamination" in (*chosen.causes, *chosen.blank):
                layers.setdefault("flow_contamination", self.ground("flow_contamination"))
        footprint = None
        if self.pair is not None:
            seen = self.pair.images is not None or self.pair.phase is not None
            footprint = self.brought(self.interferogram if seen else self.reference)
            if {"low_coherence", "water"} & {*chosen.causes, *chosen.blank}:
                layers.setdefault("coherence", self.coherence)
        water = self.own("water")
        rules = tiling.ValidityRules(
            min_coherence=chosen.min_coherence,
            water_coherence=chosen.water_coherence
            if water is None and {"elevation", "coherence"} <= layers.keys()
            else None,
            flat_relief=chosen.flat_relief,
            grow=chosen.grow,
        )
        return tiling.invalid_causes(
            layers, footprint=footprint, water=None if water is None else self.brought(water), rules=rules
        )


def _check_direction(pair: Pair | None, heading: float | None) -> None:
    """Refuse a heading that flies the other way than the product says: slopes would be seen from the wrong side."""
    if pair is None or heading is None or not pair.direction:
        return
    if flies(heading) != pair.direction:
        raise InvalidArgument(
            f"heading={heading:g} is {flies(heading)}, and {pair.name} is {pair.direction} by its product; "
            "Sentinel-1 flies about -12 ascending and -168 descending at middle latitudes"
        )


@dataclass(frozen=True, slots=True)
class _Constant:
    """One number in every pixel."""

    value: float

    def __call__(self, window: Window) -> NDArray[np.float32]:
        return np.full((window.height, window.width), self.value, np.float32)


_SIGHT = ("los_east", "los_north", "los_up")
_MIDDLE = 8  # pixels on either side of the middle
_VIEWS = ("slope_to_los", "local_incidence", "r_index")
_FLOW = ("twi", "flow_accumulation", "flow_contamination")
ATTRIBUTES = (
    "slope",
    "aspect",
    "hillshade",
    "profile_curvature",
    "plan_curvature",
    "roughness",
)
"""Attributes of terrain that have no parameters in a recipe."""
