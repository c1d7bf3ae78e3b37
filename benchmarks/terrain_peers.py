"""The other tools that describe the shape of the ground.

Each peer takes the parameters of the functions in ``insarfeat.terrain`` and refuses values that it has no equivalent
of. Most of them lose a frame of one cell, and the neighbours of voids: those are compared where they have a value.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import terrain_tools
from benchmarks.peers import Agreement, Array
from benchmarks.results import Verdict

_AT_HAND: dict[tuple[tuple[str, ...], tuple[int, ...]], Array] = {}

_GDAL_METHODS = {"zevenbergen-thorne": "ZevenbergenThorne", "horn": "Horn"}
_XDEM_METHODS = {"zevenbergen-thorne": "ZevenbergThorne", "horn": "Horn"}


@dataclass(frozen=True, slots=True)
class WhereKnown(Agreement):
    """A peer gives the same where it has a value; how many pixels it loses is told, and no reason to disagree.

    Attributes
    ----------
    turn
        What a full circle is, if answers are angles.
    """

    turn: float | None = None

    def judge(self, ours: Array, theirs: Array) -> Verdict:
        """Compare the answers; a pixel that only the peer knows is a difference."""
        if ours.shape != theirs.shape:
            return Verdict("differs", f"by shape: {theirs.shape} instead of {ours.shape}")
        inner: tuple[Any, ...] = (
            ...,
            *(slice(self.border, length - self.border) for length in ours.shape[-2:]),
        )
        ours, theirs = ours[inner], theirs[inner]
        empty, unknown = np.isnan(ours), np.isnan(theirs)
        if extra := np.count_nonzero(empty & ~unknown):
            return Verdict("differs", f"by {extra} pixels that only it knows")
        lost = np.count_nonzero(unknown & ~empty)
        if lost and unknown.all():
            return Verdict("differs", f"by {lost} pixels lost, which are all")
        apart = np.abs(ours - theirs)
        if self.turn:
            apart = np.minimum(apart, np.abs(apart - self.turn))
        largest = float(np.max(apart, where=~unknown, initial=0.0))
        agrees = largest <= self.tolerance
        detail = f"by {largest:.2g}, allowed {self.tolerance:.2g}" + (f"; {lost} pixels lost" if lost else "")
        return Verdict("agrees" if agrees else "differs", detail)


# Several attributes at once


def all_four(dem: Any, resolution: float) -> Any:
    """Our slope, aspect, TRI and convexity of one pass, as one array."""
    from insarfeat import terrain

    names = ("slope", "aspect", "tri", "convexity")
    layers = list(terrain.attributes(dem, names, resolution=resolution).values())
    if not isinstance(dem, np.ndarray):
        import dask.array as da

        return da.stack(layers)  # type: ignore[no-untyped-call]
    together = layers[0].base
    # They are layers of one array already; to stack them once more would cost as much as to make them.
    return (
        together if together is not None and together.shape == (len(names), *dem.shape) else np.stack(layers)
    )


def into_memory_at_hand(dem: Array, resolution: float, names: tuple[str, ...]) -> Array:
    """The kernel behind ours, into memory of the last call: what is left when the system need not clear new pages."""
    from insarfeat.metrics import planar_metrics
    from insarfeat.terrain.requests import attribute_of
    from insarfeat.terrain.surface import _SURFACE, _Request

    bound = _SURFACE.bind(_Request(tuple(map(attribute_of, names))), planar_metrics(resolution))
    key = (names, dem.shape)
    outputs = _AT_HAND.setdefault(key, np.empty((len(names), *dem.shape), dem.dtype))
    assert bound.metrics is not None
    ground = bound.metrics.gradients(0, dem.shape[0], 0, dem.shape[1])
    _SURFACE.kernels["f"](dem, outputs, 0, 0, *ground, *bound.arguments)
    return outputs if len(names) > 1 else np.asarray(outputs[0])


def numpy_all_four(dem: Array, resolution: float) -> Array:
    gradient = numpy_slope(dem, resolution), numpy_aspect(dem, resolution)
    return np.stack([*gradient, numpy_tri(dem), numpy_convexity(dem)])


def xdem_three(dem: Array, resolution: float) -> Array:
    """Slope, aspect and TRI; only the first is returned, so that no stack of them is timed."""
    names = ["slope", "aspect", "terrain_ruggedness_index"]
    slope: Array = _xdem(dem, names, resolution, "zevenbergen-thorne")[0]
    return slope


def gdal_three(dem: Array, resolution: float) -> Array:
    """Slope, aspect and TRI of three runs; only the first is returned."""
    slope = gdal_slope(dem, resolution)
    gdal_aspect(dem, resolution)
    gdal_tri(dem)
    return slope


# numpy


def numpy_slope(dem: Array, resolution: float) -> Array:
    east, north = _gradient(dem, resolution)
    slope: Array = np.degrees(np.arctan(np.sqrt(east**2 + north**2)))
    return slope


def numpy_aspect(dem: Array, resolution: float) -> Array:
    east, north = _gradient(dem, resolution)
    aspect: Array = np.degrees(np.arctan2(-east, -north)) % np.float32(360)
    return aspect


def numpy_tri(dem: Array, variant: str = "riley") -> Array:
    """TRI of Riley; NaN in the first and last row and column."""
    _refuse("the sum over eight neighbours", "variant", variant, ["riley"])
    height, width = dem.shape
    total = np.zeros((height - 2, width - 2), dem.dtype)
    for down in range(3):
        for right in range(3):
            total += (dem[down : down + height - 2, right : right + width - 2] - dem[1:-1, 1:-1]) ** 2
    return _framed(np.sqrt(total))


def numpy_profile_curvature(dem: Array, resolution: float) -> Array:
    """Zevenbergen and Thorne's; NaN in the first and last row and column."""
    p, q = (derivative[1:-1, 1:-1] for derivative in _gradient(dem, resolution))
    area = np.float32(resolution**2)
    twice = 2 * dem[1:-1, 1:-1]
    r = (dem[1:-1, 2:] - twice + dem[1:-1, :-2]) / area
    t = (dem[2:, 1:-1] - twice + dem[:-2, 1:-1]) / area
    s = (dem[:-2, 2:] + dem[2:, :-2] - dem[:-2, :-2] - dem[2:, 2:]) / (4 * area)
    squared = p**2 + q**2
    return _framed(-(r * p**2 + 2 * s * p * q + t * q**2) / (squared * (1 + squared) ** 1.5))


def numpy_convexity(dem: Array, radius: int = 10) -> Array:
    """Convex cells of a disc in percent, each of its columns as the difference of two running sums."""
    around = np.pad(dem, 1, mode="edge")  # a missing neighbour is level with the cell
    rest = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
    percent: Array = 100 * _in_disc(4 * dem > rest, radius) / _in_disc(np.ones(dem.shape, bool), radius)
    return percent


def _in_disc(marked: Array, radius: int) -> Array:
    """How many cells are marked within the radius."""
    height, width = marked.shape
    padded = np.pad(marked, ((radius + 1, radius), (radius, radius)))
    running = np.cumsum(padded, axis=0, dtype=np.int32)
    total = np.zeros((height, width), np.float32)
    for right in range(-radius, radius + 1):
        chord = math.isqrt(radius**2 - right**2)
        columns = slice(radius + right, radius + right + width)
        last, before = radius + 1 + chord, radius - chord
        total += running[last : last + height, columns] - running[before : before + height, columns]
    return total


def _framed(inner: Array) -> Array:
    return np.pad(inner, 1, constant_values=np.nan)


def _gradient(dem: Array, resolution: float) -> tuple[Array, Array]:
    """Rise per metre eastward and northward, by Zevenbergen and Thorne."""
    around = np.pad(dem, 1, mode="reflect", reflect_type="odd")  # a missing neighbour is 2 z0 - opposite
    two_cells = np.float32(2 * resolution)
    east = (around[1:-1, 2:] - around[1:-1, :-2]) / two_cells
    north = (around[:-2, 1:-1] - around[2:, 1:-1]) / two_cells
    return east, north


# xarray-spatial: Horn's gradient, a frame of NaN, aspect -1 where flat


def xrspatial_slope(dem: Array, resolution: float, method: str = "horn") -> Array:
    _refuse("xarray-spatial", "method", method, ["horn"])
    return _xrspatial("slope", dem, resolution)


def xrspatial_aspect(dem: Array, resolution: float, method: str = "horn") -> Array:
    _refuse("xarray-spatial", "method", method, ["horn"])
    return _xrspatial("aspect", dem, resolution)


def xrspatial_curvature(dem: Array, resolution: float) -> Array:
    """Minus the Laplacian, per 100 m: our general curvature times 100."""
    return _xrspatial("curvature", dem, resolution)


def _xrspatial(name: str, dem: Array, resolution: float) -> Array:
    xarray: Any = importlib.import_module("xarray")
    function: Any = getattr(importlib.import_module("xrspatial"), name)
    answer: Array = function(xarray.DataArray(dem, attrs={"res": (resolution, resolution)})).data
    return answer


# xdem: its engine of scipy is the faster one on one core; a frame of NaN


def xdem_slope(dem: Array, resolution: float, method: str = "zevenbergen-thorne") -> Array:
    slope: Array = _xdem(dem, "slope", resolution, method)
    return slope


def xdem_aspect(dem: Array, resolution: float, method: str = "zevenbergen-thorne") -> Array:
    aspect: Array = _xdem(dem, "aspect", resolution, method)
    return aspect


def xdem_tri(dem: Array, variant: str = "riley") -> Array:
    _refuse("xdem", "variant", variant, ["riley"])
    tri: Array = _xdem(dem, "terrain_ruggedness_index", 1.0, "zevenbergen-thorne")
    return tri


def xdem_profile_curvature(dem: Array, resolution: float) -> Array:
    curvature: Array = _xdem(dem, "profile_curvature", resolution, "zevenbergen-thorne")
    curvature /= 100
    return curvature


def _xdem(dem: Array, names: str | list[str], resolution: float, method: str) -> Any:
    _refuse("xdem", "method", method, _XDEM_METHODS)
    xdem: Any = importlib.import_module("xdem.terrain")
    return xdem.get_terrain_attribute(
        dem, names, resolution=resolution, surface_fit=_XDEM_METHODS[method], engine="scipy"
    )


# gdaldem: a cell needs all its eight neighbours


def gdal_slope(dem: Array, resolution: float, method: str = "zevenbergen-thorne") -> Array:
    return _gdal_of_gradient("slope", dem, resolution, method)


def gdal_aspect(dem: Array, resolution: float, method: str = "zevenbergen-thorne") -> Array:
    return _gdal_of_gradient("aspect", dem, resolution, method)


def gdal_tri(dem: Array, variant: str = "riley") -> Array:
    algorithms = {"riley": "Riley", "wilson": "Wilson"}
    _refuse("gdaldem", "variant", variant, algorithms)
    return terrain_tools.gdal("TRI", dem, 1.0, "-alg", algorithms[variant])


def _gdal_of_gradient(name: str, dem: Array, resolution: float, method: str) -> Array:
    _refuse("gdaldem", "method", method, _GDAL_METHODS)
    return terrain_tools.gdal(name, dem, resolution, "-alg", _GDAL_METHODS[method])


# SAGA: missing neighbours are mirrored, as ours are, so that nothing is lost


def saga_slope(dem: Array, resolution: float, method: str = "zevenbergen-thorne") -> Array:
    return _saga_morphometry("slope", dem, resolution, method)


def saga_aspect(dem: Array, resolution: float, method: str = "zevenbergen-thorne") -> Array:
    return _saga_morphometry("aspect", dem, resolution, method)


def saga_profile_curvature(dem: Array, resolution: float, variant: str) -> Array:
    _refuse("SAGA", "variant", variant, ["saga"])
    return _saga_morphometry("profile", dem, resolution, "zevenbergen-thorne")


def saga_tri(dem: Array, variant: str) -> Array:
    _refuse("SAGA", "variant", variant, ["saga"])
    return terrain_tools.saga_ruggedness(dem, 1.0)


def saga_convexity(dem: Array, radius: int = 10) -> Array:
    """By counting, as ours."""
    return terrain_tools.saga_convexity(dem, 1.0, radius)


def _saga_morphometry(layer: str, dem: Array, resolution: float, method: str) -> Array:
    _refuse("SAGA", "method", method, terrain_tools.METHODS)
    return terrain_tools.saga_morphometry(dem, resolution, method, [layer])[layer]


def _refuse(tool: str, name: str, asked: str, possible: Any) -> None:
    if asked not in possible:
        raise ValueError(f"{tool} only has {name}={' or '.join(possible)}; got {asked}")
