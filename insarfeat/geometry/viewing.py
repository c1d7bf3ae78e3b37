"""The line of sight all over a map, from the satellite's orbit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import GridMismatch, InvalidType
from insarfeat.geometry._kernels import positions
from insarfeat.geometry.line_of_sight import LAYER_NAMES, LineOfSight
from insarfeat.geometry.maps import map_named, same_map
from insarfeat.geometry.radar_grid import RadarGrid
from insarfeat.geometry.tie_points import MapPixels
from insarfeat.georeference import grid_of
from insarfeat.layers import LAYERS
from insarfeat.windows import Shape, Window

Array = NDArray[Any]

_HIGH = 7000.0  # metres: from the ellipsoid to the highest summits the line through both is 9e-6 off at most
_SINGLE = np.dtype(np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class _Sight:
    """Components of the line of sight at map pixels: the mapping of (elevation,), which may be a number."""

    pixels: MapPixels
    radar: RadarGrid
    level: bool

    @property
    def label(self) -> str:
        """What it does, in words and numbers."""
        return f"line of sight of {self.radar} on {self.pixels.grid}"

    @property
    def shape(self) -> Shape:
        """Height and width of the map."""
        return self.pixels.shape

    def dtypes(self, inputs: Sequence[np.dtype[Any]]) -> tuple[np.dtype[Any], ...]:
        """Three components."""
        return (_SINGLE, _SINGLE, _SINGLE)

    def windows(self, core: Window) -> Sequence[Window | None]:
        """The elevations of the window, or the one number."""
        return (Window(0, 0, 1, 1) if self.level else core,)

    def compute(
        self, arrays: Sequence[Array | None], windows: Sequence[Window | None], core: Window
    ) -> tuple[Array, ...]:
        """East, north and up."""
        rows, columns = self.pixels.ties(core.top, core.bottom), self.pixels.ties(core.left, core.right)
        latitude, longitude = self.pixels.geographic(rows, columns)
        low, high = (np.stack(self.radar.line_of_sight(latitude, longitude, above)) for above in (0.0, _HIGH))
        ties = np.concatenate([low, (high - low) / _HIGH])
        east, north, up = np.empty((3, core.height, core.width), _SINGLE)
        elevation = np.ascontiguousarray(arrays[0], np.float64)
        positions.sight(elevation, east, north, up, core.top, core.left, rows, columns, ties)
        return east, north, up


def sight_on_map(radar: RadarGrid, grid: Any, *, elevation: Any = 0.0) -> LineOfSight:
    """The line of sight at the pixels of a map, as the orbit has it.

    What annotations say of the look direction is not that at the ground: the platform's heading differs from it by 2
    to 7 degrees (the satellite stands over another meridian), and annotated incidence angles of Sentinel-1 are
    from the direction of the Earth's centre, up to 0.04 degrees from the ellipsoid's vertical. Here both follow
    from where the satellite was when it passed the pixel abeam.

    Parameters
    ----------
    radar
        Grid of an image: :func:`insarfeat.io.read_swath` gives one of a Sentinel-1 swath.
    grid
        The map: a DataArray or Dataset that lies on it, or what :func:`map_grid` gives.
    elevation
        Metres above the ellipsoid, a number or a DEM on the map: 1000 m up, the incidence is 0.04 degrees larger. The
        geoid does not matter here.

    Returns
    -------
    :class:`LineOfSight` of lazy DataArrays, float32, within 1e-5 of the vector; its ``incidence_and_heading()``
    are the angles. It goes on beyond the swath, as far as there is an orbit, and is NaN from there on.
    """
    import xarray as xr

    from insarfeat.dispatch.lazy import remapped, value_of

    chosen = map_named(grid)
    level = not hasattr(elevation, "coords")
    if level and np.ndim(elevation):
        raise InvalidType(
            "elevation must be a number or a DataArray with coordinates, which say where it lies; got "
            f"{type(elevation).__name__}"
        )
    if not level and not same_map(grid_of(elevation), chosen.grid):
        raise GridMismatch(
            "elevation must lie on the map that is wanted, pixel on pixel; bring it there first, e.g. "
            "insarfeat.geometry.regrid(elevation, grid)"
        )
    given = value_of(np.full((1, 1), float(elevation)) if level else elevation.data)
    mapping = _Sight(MapPixels(chosen.grid), radar, level)
    components = [
        xr.DataArray(
            remapped(mapping, [given], index, lazy=True),
            chosen.coords,
            chosen.dims,
            name,
            LAYERS[name].attributes,
        )
        for index, name in enumerate(LAYER_NAMES)
    ]
    return LineOfSight(*components)
