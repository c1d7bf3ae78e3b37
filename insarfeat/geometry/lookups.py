"""Lookups: where the pixels of a radar image lie on maps, and where those of maps lie on the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from insarfeat.dispatch import Value
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.geometry.boxes import Boxes
from insarfeat.geometry.geoid import geoid_of
from insarfeat.geometry.mappings import ElevationRange, MapOnRadar, OnRadar, PlacesOnMap, RadarOnMap
from insarfeat.geometry.maps import Map, map_named, same_map
from insarfeat.geometry.radar_grid import RadarGrid
from insarfeat.geometry.tie_points import MapPixels
from insarfeat.georeference import Axis, Grid, parse_crs, same_grid
from insarfeat.windows import Shape, Window

if TYPE_CHECKING:
    import xarray as xr

_ON_EARTH = ElevationRange(-500.0, 9000.0)
_WIDEST = 5.0  # degrees of latitude
_CELLS = 64

Found = Sequence[tuple[Value, tuple[Any, ...]]]
"""Values with the Dask arrays that they stand on."""


class Lookup(Protocol):
    """Where radar pixels lie on maps: a :class:`CoordinateLookup` or a :class:`DopplerLookup`."""

    @property
    def shape(self) -> Shape:
        """Lines and samples of the radar image."""

    def map_meant(self, named: Map | None) -> Map:
        """The map for the one that a caller names, or for none."""

    def on_map(self, grid: Grid) -> tuple[Any, Found]:
        """The mapping to lines and samples at the pixels of a map, and its inputs."""

    def on_radar(self, grid: Grid) -> tuple[Any, Found]:
        """The mapping to rows and columns of a map at the pixels of the image, and its inputs."""


class CoordinateLookup:
    """A lookup from rasters of latitude and longitude in radar geometry, as ISCE2, SNAP and others write them.

    Parameters
    ----------
    latitude, longitude
        WGS 84 degrees of each pixel of the radar image, of one shape; NaN where there is none. Of lazy rasters the
        bounds are gathered here, chunk by chunk, in one pass with the scheduler that is set.

    Raises
    ------
    GridMismatch
        They are not of one image.
    InvalidArgument
        They are nodata all over, or cannot be latitudes.

    Examples
    --------
    >>> import numpy as np
    >>> line, sample = np.mgrid[:4, :5]
    >>> CoordinateLookup(46.0 + 1e-4 * line, 10.0 + 1e-4 * sample).shape
    Shape(height=4, width=5)
    """

    def __init__(self, latitude: Any, longitude: Any) -> None:
        labelled = [raster for raster in (latitude, longitude) if hasattr(raster, "coords")]
        if len(labelled) == 2:
            same_grid(labelled)
        arrays = [raster.data if hasattr(raster, "coords") else raster for raster in (latitude, longitude)]
        for name, array in zip(("latitude", "longitude"), arrays, strict=True):
            if not hasattr(array, "dtype") or array.ndim != 2 or array.dtype.kind != "f":
                raise InvalidType(
                    f"{name} must be a raster (line, sample) of degrees; got {_described(array)}"
                )
        if arrays[0].shape != arrays[1].shape:
            raise GridMismatch(
                f"latitude is {arrays[0].shape}, longitude {arrays[1].shape}; they must be of one radar image"
            )
        self.shape = Shape(*arrays[0].shape)
        self._inputs = values_of(*arrays)
        self._boxes: Boxes = _gathered(Boxes.reduction(self.shape), arrays)
        latitudes, longitudes = (
            part[np.isfinite(part)] for part in (self._boxes.boxes[:2], self._boxes.boxes[2:])
        )
        if not latitudes.size:
            raise InvalidArgument(
                "latitude and longitude are nodata in every pixel: nothing can be looked up"
            )
        if (latitudes < -90.0001).any():
            raise InvalidArgument("latitude goes beyond 90 degrees; are latitude and longitude swapped?")
        if (longitudes < -360.0001).any():
            raise InvalidArgument(
                "longitude goes beyond 360 degrees; is there nodata in it that is not NaN, or is it not in degrees?"
            )
        if self._boxes.widest > _WIDEST:
            raise InvalidArgument(
                f"latitude changes by {self._boxes.widest:.3g} degrees between near pixels; is there nodata in it "
                "that is not NaN, as 0?"
            )

    @property
    def extent(self) -> Grid:
        """A coarse map in degrees that covers the image."""
        bounds = self._boxes.bounds(Window.whole(self.shape))
        assert bounds is not None  # nodata all over was refused
        dy, dx = (bounds.north - bounds.south) / _CELLS, (bounds.east - bounds.west) / _CELLS
        return Grid(
            Axis(bounds.north - dy / 2, -dy, _CELLS),
            Axis(bounds.west + dx / 2, dx, _CELLS),
            parse_crs("EPSG:4326").to_wkt(),
        )

    def map_meant(self, named: Map | None) -> Map:
        """The map; it must be named."""
        if named is None:
            raise InvalidArgument(
                "grid must be given where the lookup is of latitudes and longitudes: a DataArray or Dataset on the "
                "map that is wanted, or insarfeat.geometry.map_grid(...)"
            )
        return named

    def on_map(self, grid: Grid) -> tuple[MapOnRadar, Found]:
        """The mapping to lines and samples at the pixels of a map, and its inputs."""
        return MapOnRadar(self._boxes, MapPixels(grid)), self._inputs

    def on_radar(self, grid: Grid) -> tuple[PlacesOnMap, Found]:
        """The mapping to rows and columns of a map at the pixels of the image, and its inputs."""
        return PlacesOnMap(self._boxes, MapPixels(grid)), self._inputs


class DopplerLookup:
    """A lookup from the satellite's orbit, the timing of the image and a DEM, by range and Doppler.

    Each pixel of the DEM is seen when the satellite passes it abeam, at the range that it then has; of the product
    nothing but the annotation is needed (:func:`insarfeat.io.read_swath`).

    Parameters
    ----------
    radar
        Grid of the radar image, after debursting and multilooking: :meth:`RadarGrid.multilooked`.
    dem
        Elevations in metres: a DataArray with coordinates and a CRS. Other maps than its own get them interpolated.
    geoid
        Metres by which the zero of the elevations is above the WGS 84 ellipsoid; 0 for ellipsoidal elevations. Most
        DEMs (SRTM, Copernicus, ASTER) are above the geoid, which is 50 m up in the Alps: leaving that out shifts all
        by 17 samples of Sentinel-1 (50 m times the cosine of the incidence, over 2.3 m). A number, or a DataArray
        over latitude and longitude such as PROJ's ``us_nga_egm96_15.tif`` holds.
    elevations
        Lowest and highest ground in metres. None: of a DEM in memory what it holds, of a lazy one all that there
        is on Earth. They bound which pixels of the image a piece of the map may need.

    Raises
    ------
    InvalidArgument
        The DEM has no CRS, or is nodata all over.
    """

    def __init__(
        self,
        radar: RadarGrid,
        dem: xr.DataArray,
        *,
        geoid: Any,
        elevations: tuple[float, float] | None = None,
    ) -> None:
        if not isinstance(radar, RadarGrid):
            raise InvalidType(f"radar must be a RadarGrid, as Swath.grid is one; got {type(radar).__name__}")
        if not hasattr(dem, "coords") or dem.ndim != 2:
            raise InvalidType(
                f"dem must be a DataArray (y, x) with coordinates, which say where it lies; got {_described(dem)}"
            )
        self.map = map_named(dem)
        self.shape = Shape(*radar.shape)
        self._dem = dem
        self._radar, self._geoid = radar, geoid_of(geoid)
        self._elevations = _elevations(dem) if elevations is None else ElevationRange(*map(float, elevations))
        MapPixels(self.map.grid)  # refuses a DEM without a CRS

    def map_meant(self, named: Map | None) -> Map:
        """The map that is named, or that of the DEM."""
        return named or self.map

    def on_map(self, grid: Grid) -> tuple[OnRadar, Found]:
        """The mapping to lines and samples at the pixels of a map, and its inputs."""
        forward = OnRadar(MapPixels(grid), self._radar, self._geoid, self._elevations)
        return forward, values_of(self._on(grid).data)

    def on_radar(self, grid: Grid) -> tuple[RadarOnMap, Found]:
        """The mapping to rows and columns of a map at the pixels of the image, and its inputs."""
        forward, inputs = self.on_map(grid)
        return RadarOnMap(forward), inputs

    def _on(self, grid: Grid) -> xr.DataArray:
        """The elevations at the pixels of a map."""
        if same_map(grid, self.map.grid):
            return self._dem
        from insarfeat.geometry.regridding import regrid

        # Not cubic: elevations beyond the lowest and highest of the DEM would lie where nobody looks for them.
        return regrid(self._dem.rename("elevation"), grid, method="linear")  # type: ignore[no-any-return]


def values_of(*arrays: Any) -> Found:
    """Arrays as expressions, with the Dask arrays that they stand on."""
    from insarfeat.dispatch.lazy import value_of

    return [value_of(array) for array in arrays]


def _gathered(reduction: Any, arrays: Sequence[Any]) -> Any:
    from insarfeat.dispatch.kinds import is_lazy

    if any(is_lazy(array) for array in arrays):
        from insarfeat.dispatch.lazy import reduce_lazily

        return reduce_lazily(reduction, arrays)
    return reduction(arrays)


def _elevations(dem: xr.DataArray) -> ElevationRange:
    """Of a DEM in memory what it holds."""
    if not isinstance(dem.data, np.ndarray):
        return _ON_EARTH
    if not np.isfinite(dem.data).any():
        raise InvalidArgument("dem is nodata in every pixel")
    return ElevationRange(float(np.nanmin(dem.data)), float(np.nanmax(dem.data)))


def _described(given: Any) -> str:
    return f"{given.ndim}-D {given.dtype}" if hasattr(given, "dtype") else type(given).__name__
