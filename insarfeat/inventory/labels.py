"""Mapped features as labels: a raster of ones and zeros, made tile by tile."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import GeneratedSource
from insarfeat.dispatch.kinds import PROCESSING
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.geometry.maps import map_named
from insarfeat.georeference import Grid
from insarfeat.inventory import _kernels
from insarfeat.inventory.edges import Edges
from insarfeat.inventory.polygons import Outlines
from insarfeat.layers import LAYERS
from insarfeat.windows import Shape, TileGrid, Window

if TYPE_CHECKING:
    import xarray as xr

_log = logging.getLogger(__name__)

_TILE = 1024
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Burner:
    """Gives the labels of any window: what a tile of a lazy raster calls, here or on another machine.

    Attributes
    ----------
    edges
        Of the polygons.
    touched, share
        The rule: as for :func:`rasterize`.
    """

    edges: Edges
    touched: bool = False
    share: float | None = None

    @property
    def rule(self) -> str:
        """The rule in words of code, for the history."""
        if self.share is not None:
            return f"share={self.share!r}"
        return "touched=True" if self.touched else ""

    @property
    def token(self) -> str:
        """The same for the same pixels, in any process."""
        return f"labels-{self.edges.digest()}-{self.rule or 'centre'}"

    def __call__(self, window: Window) -> NDArray[np.uint8]:
        """Labels of a window."""
        if self.share is not None:
            # A pixel that is covered by exactly so much must not be lost to rounding.
            return np.asarray(self.shares(window) >= self.share - _ROUNDING, np.uint8)
        found = np.zeros((window.height, window.width), np.uint8)
        chosen = self._inside(window, found)
        if self.touched and len(chosen):
            _kernels.crossed(self.edges.edges, self.edges.starts, chosen, window.top, window.left, found)
        return found

    def shares(self, window: Window) -> NDArray[np.float64]:
        """Share of each pixel of a window that polygons cover, 0 to 1."""
        found = np.zeros((window.height, window.width), np.uint8)
        chosen = self._inside(window, found)
        covered = found.astype(np.float64)
        if len(chosen):
            where = chosen, window.top, window.left
            cut = np.zeros_like(found)
            _kernels.crossed(self.edges.edges, self.edges.starts, *where, cut)
            _kernels.shares(self.edges.edges, self.edges.starts, *where, cut, covered)
        return covered

    def _inside(self, window: Window, found: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Set the pixels whose centre lies in a polygon; gives the polygons that are near."""
        chosen = self.edges.near(window)
        if len(chosen):
            edges = self.edges
            _kernels.inside(edges.edges, edges.starts, edges.boxes, chosen, window.top, window.left, found)
        return chosen


def rasterize(
    polygons: Any,
    grid: Any,
    *,
    touched: bool = False,
    share: float | None = None,
    name: str = "landslide",
) -> xr.DataArray:
    r"""Label the pixels of a grid: 1 in a polygon, 0 elsewhere.

    A pixel is in a polygon if its centre is (an odd number of edges is crossed on the way out, so that holes are
    outside); with ``touched``, if any part of it is; with ``share``, if the polygons together cover at least that
    share of its area,

    .. math:: \frac{|P \cap (A_1 \cup \ldots \cup A_n)|}{|P|} \ge s,

    which is found exactly, to rounding, overlaps counted once. Pixels that meet a polygon at their border only are
    not touched. A pixel's label depends on its place alone, so that any tiles give the same bits. Polygons of another
    CRS than the grid's are brought to it, with edges that are straight where they were drawn.

    Parameters
    ----------
    polygons
        What :func:`read_polygons` gives; or a geometry or GeoDataFrame (anything with ``__geo_interface__``), a
        GeoJSON dict, or an iterable of those. Where they do not tell their CRS they are taken for that of the grid.
    grid
        A DataArray or Dataset on the grid, or ``geometry.map_grid(...)``.
    touched
        Whether a pixel counts that a polygon covers in part, however little.
    share
        Smallest share of a pixel's area, above 0 up to 1; in place of the centre. 1 takes pixels wholly inside.
    name
        Of the layer.

    Returns
    -------
    xarray.DataArray
        uint8 on the grid; all 0, with a warning in the log, where no polygon lies on it. In memory for a grid of
        layers in memory; lazy, in their chunks, for lazy layers; lazy for ``map_grid(...)``, in chunks of 1024 x 1024
        pixels. A lazy chunk looks only at the polygons near it.

    Examples
    --------
    >>> import xarray as xr
    >>> layer = xr.DataArray(np.zeros((2, 4)), {"y": [15.0, 5.0], "x": [5.0, 15.0, 25.0, 35.0]}, ("y", "x"))
    >>> slide = {"type": "Polygon", "coordinates": [[(12, 8), (38, 8), (38, 20), (12, 20), (12, 8)]]}
    >>> rasterize(slide, layer).values
    array([[0, 1, 1, 1],
           [0, 0, 0, 0]], dtype=uint8)
    >>> rasterize(slide, layer, touched=True).values
    array([[0, 1, 1, 1],
           [0, 1, 1, 1]], dtype=uint8)
    >>> rasterize(slide, layer, share=0.9).values
    array([[0, 0, 1, 0],
           [0, 0, 0, 0]], dtype=uint8)
    """
    import xarray as xr

    if not isinstance(touched, bool | np.bool_):
        raise InvalidType(f"touched must be True or False; got {touched!r}")
    if share is not None:
        if isinstance(share, bool) or not isinstance(share, int | float | np.number) or not 0 < share <= 1:
            raise InvalidArgument(
                f"share must be a share of a pixel's area, above 0 up to 1; got {share!r}; for any part of it, "
                "touched=True"
            )
        if touched:
            raise InvalidArgument("touched and share are two rules; give one of them")
    mapped = map_named(grid)
    edges = Edges.of(Outlines.of(polygons), mapped.grid)
    if not len(edges.near(Window.whole(edges.shape))):
        # Right for a scene without landslides, but also what polygons in degrees on a map in metres look like.
        _log.warning("no polygon lies on the grid, so all labels are 0; are both in the same CRS?")
    burner = Burner(edges, bool(touched), None if share is None else float(share))
    chunks = _chunks_of(grid, edges.shape)
    labels: Any
    if chunks is None:
        labels = np.empty((edges.shape.height, edges.shape.width), np.uint8)
        for tile in TileGrid(edges.shape, _TILE):
            labels[tile.core.slices] = burner(tile.core)
    else:
        from insarfeat.dispatch.lazy import lazy_source

        labels = lazy_source(GeneratedSource(burner, edges.shape, np.uint8, name=burner.token), chunks)
    attributes = {**_attributes_of(name), PROCESSING: f"inventory.rasterize({burner.rule})"}
    return xr.DataArray(labels, mapped.coords, mapped.dims, name, attributes)


def _chunks_of(grid: Any, shape: Shape) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Chunks of the labels; None where they are made at once."""
    if isinstance(grid, Grid):
        return _cut(shape.height), _cut(shape.width)
    rasters = (
        [raster for raster in grid.data_vars.values() if raster.ndim >= 2]
        if hasattr(grid, "data_vars")
        else [grid]
    )
    for raster in rasters:
        if raster.chunks is not None:
            return raster.chunks[-2:]  # type: ignore[no-any-return]
    return None


def _cut(size: int) -> tuple[int, ...]:
    whole, rest = divmod(size, _TILE)
    return (_TILE,) * whole + ((rest,) if rest or not whole else ())


def _attributes_of(name: str) -> dict[str, Any]:
    known = LAYERS.get(name)
    if known is not None:
        return known.attributes
    word = "_".join(name.split())
    return {
        "long_name": name,
        "units": "1",
        "flag_values": np.array([0, 1], np.uint8),
        "flag_meanings": f"no_{word} {word}",
    }
