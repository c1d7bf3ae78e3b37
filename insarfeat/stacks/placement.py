"""Where the parts of a stack lie: its map, the wider one of the DEM, and how layers come there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import xarray as xr

from insarfeat import filters, geometry
from insarfeat.errors import GridMismatch, InvalidArgument
from insarfeat.geometry import CoordinateLookup, DopplerLookup
from insarfeat.geometry.maps import Map, map_named, share_covered
from insarfeat.georeference import Grid, crs_of
from insarfeat.stacks.ground_spacing import extent_of, middle_of, off_middle
from insarfeat.stacks.recipe import Recipe
from insarfeat.stacks.sources import Pair, Sources

if TYPE_CHECKING:
    from insarfeat.geometry import Swath
    from insarfeat.geometry.lookups import Lookup

_log = logging.getLogger(__name__)

_WHOLLY = 0.99
"""Share of the map from which on a DEM counts as covering it: maps end at whole pixels of their own."""


@dataclass(frozen=True)
class Placement:
    """One pair, or none, and a DEM, on the stack's map."""

    recipe: Recipe
    given: Sources

    @cached_property
    def map(self) -> Map:
        """The stack's map."""
        return map_named(self.given.grid if self.given.grid is not None else self._own_map)

    @cached_property
    def wide(self) -> Grid:
        """The map with whole pixels added until it covers the DEM, if there is one."""
        if not self.has_dem:
            return self.map.grid
        covered = share_covered(self.map.grid, self.dem)
        if not covered > 0:  # NaN where a DEM of another part of the world has no place on the map
            raise InvalidArgument("the DEM lies elsewhere: give an elevation model of the scene's area")
        if covered < _WHOLLY:
            _log.warning(
                "the DEM covers %.0f %% of the map: beyond it layers of the ground have no data",
                100 * covered,
            )
        return geometry.map_widened(self.map.grid, self.dem)

    @property
    def _own_map(self) -> Grid:
        chosen = self.recipe.grid
        crs = None if chosen.crs == "own" else chosen.crs
        guide = self._guide
        if guide is None:
            raise InvalidArgument(
                "the stack's map is not known: the interferogram is in radar geometry; give grid=, as "
                "insarfeat.geometry.map_over(dem, crs='utm', resolution=15), or where its pixels lie"
            )
        if isinstance(guide, Grid) and chosen.resolution is None:
            raise InvalidArgument(
                "grid.resolution must be a number where the interferogram is in radar geometry"
            )
        return geometry.map_over(guide, crs=crs, resolution=chosen.resolution)

    @property
    def _guide(self) -> Any:
        """A raster on a map that tells where the scene lies: the pair's, or, without one, the DEM."""
        if self.pair is not None:
            own = self.reference
            if on_map(own):
                return own
            if self._lookup_given is not None:
                return self._lookup_given.extent
            return None if self.swath is None else extent_of(self.swath)
        return self.dem

    @property
    def pair(self) -> Pair | None:
        """The pair."""
        return self.given.pairs[0] if self.given.pairs else None

    @property
    def reference(self) -> xr.DataArray:
        """The raster on whose grid the pair lies."""
        pair = self.paired("any layer of it")
        if pair.images is not None:
            return pair.images[0]
        rasters = [layer for layer in pair.layers.data_vars.values() if layer.ndim >= 2]
        return pair.phase if pair.phase is not None else rasters[0]

    @cached_property
    def swath(self) -> Swath | None:
        """The swath that was given; of several the one in whose middle the scene lies most nearly."""
        swaths = self.given.swaths
        if len(swaths) <= 1:
            return swaths[0] if swaths else None
        own = self.reference if self.pair is not None else None
        if own is None or not on_map(own):
            own = self.given.grid if self.given.grid is not None else self.dem
        latitude, longitude = middle_of(own)
        return min(swaths, key=lambda one: off_middle(one, latitude, longitude))

    @cached_property
    def _lookup_given(self) -> CoordinateLookup | None:
        latitude, longitude = (self.own(name) for name in ("latitude", "longitude"))
        if latitude is not None and longitude is not None:
            return CoordinateLookup(latitude, longitude)
        return None

    def _lookup(self, shape: tuple[int, ...]) -> Lookup:
        """Where the pixels of a radar image lie."""
        if self._lookup_given is not None:
            return self._multilooked(self._lookup_given, shape)
        if self.swath is None:
            raise InvalidArgument(
                "the interferogram is in radar geometry, and where its pixels lie is not known: give latitude= and "
                "longitude=, or annotation= and geoid="
            )
        if self.given.geoid is None:
            raise InvalidArgument(
                "geoid= is needed with annotation=: metres from the WGS 84 ellipsoid up to the zero of the DEM "
                "(about 50 in the Alps; 0 for an ellipsoidal DEM), or the geoid as a raster"
            )
        grid = self.swath.grid
        if shape[-2:] != grid.shape:
            rows, columns = (round(whole / part) for whole, part in zip(grid.shape, shape[-2:], strict=True))
            grid = grid.multilooked(max(rows, 1), max(columns, 1))
            if shape[-2:] != grid.shape:
                raise GridMismatch(
                    f"the image has {shape[-2]} x {shape[-1]} pixels, and the debursted swath of annotation= "
                    f"{self.swath.grid.shape[0]} x {self.swath.grid.shape[1]}: is it another swath?"
                )
        return DopplerLookup(grid, self.dem, geoid=self.given.geoid)

    def _multilooked(self, lookup: CoordinateLookup, shape: tuple[int, ...]) -> CoordinateLookup:
        """The lookup of an image whose pixels are means of whole cells of the one whose places are known."""
        height, width = shape[-2:]
        looks = (lookup.shape.height // max(height, 1), lookup.shape.width // max(width, 1))
        cells = (lookup.shape.height // looks[0], lookup.shape.width // looks[1])
        if looks == (1, 1) or cells != (height, width):
            return lookup  # of one size, or of another image, which is refused by name
        places = (filters.multilook(self.own(name), looks=looks) for name in ("latitude", "longitude"))
        return CoordinateLookup(*places)

    def brought(self, layer: Any) -> xr.DataArray:
        """A layer of the pair, or of its own, on the map."""
        return self._onto(layer, self.target)

    def _onto(self, layer: xr.DataArray, grid: Grid) -> xr.DataArray:
        if on_map(layer):
            return geometry.regrid(layer, grid)
        return geometry.geocode(layer, self._lookup(layer.shape), grid)

    @property
    def target(self) -> Grid:
        """The stack's map as a grid."""
        return self.map.grid

    def cut(self, layer: xr.DataArray) -> xr.DataArray:
        """A layer on the wide map, on the stack's."""
        return geometry.regrid(layer, self.target)

    def widely(self, layer: Any) -> Any:
        """A layer on the wide map; numbers stay."""
        return layer if isinstance(layer, float) else self._onto(layer, self.wide)

    def own(self, name: str) -> Any:
        """A layer as it was given, or as it came with the pair, on its own grid; None where there is none."""
        if name in self.given.rasters:
            return self.given.rasters[name]
        if self.pair is not None and name in self.pair.layers:
            return self.pair.layers[name]
        return None

    def paired(self, name: str) -> Pair:
        """The pair, without which there is no layer of this name."""
        if self.pair is None:
            raise InvalidArgument(
                f"{name} needs an interferogram: give interferogram=, or primary= and secondary="
            )
        return self.pair

    @property
    def dem(self) -> xr.DataArray:
        """Elevations as they were given."""
        found = self.own("elevation")
        if found is None:
            raise InvalidArgument("a DEM is needed: give dem=, elevations in metres as a file or a DataArray")
        if not on_map(found):
            raise InvalidArgument(
                "the DEM must be on a map; that of the product is in radar geometry: give dem="
            )
        return found

    @property
    def has_dem(self) -> bool:
        """Whether there are elevations on a map."""
        found = self.own("elevation")
        return found is not None and on_map(found)

    @cached_property
    def elevation_wide(self) -> xr.DataArray:
        """The whole DEM on the map's lattice."""
        return geometry.regrid(self.dem, self.wide)


def on_map(raster: Any) -> bool:
    """Whether a raster lies on a map with a CRS."""
    return all(dim in raster.coords for dim in raster.dims[-2:]) and crs_of(raster) is not None
