"""Attributes of terrain in one pass over the DEM."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument, check_choice
from insarfeat.metrics import North, Resolution
from insarfeat.terrain._kernels import attributes as _kernels
from insarfeat.terrain.requests import Attribute, Convexity, attribute_of
from insarfeat.windows import Halo

Method = Literal["zevenbergen-thorne", "horn", "evans"]

_METHODS, _NORTHS = get_args(Method), get_args(North)
_SIDES: dict[str, float] = {"zevenbergen-thorne": 0.0, "horn": 1 / 4, "evans": 1 / 3}


class _Request(NamedTuple):
    attributes: tuple[Attribute, ...]
    method: str = "zevenbergen-thorne"
    north: str = "true"


def _outputs(request: _Request) -> list[Result]:
    shared = {"method": request.method} | ({"north": "grid"} if request.north == "grid" else {})
    return [Result(attribute.layer, title=attribute.described(shared)) for attribute in request.attributes]


def _halo(request: _Request, *_: Any) -> Halo:
    return Halo.square(max(attribute.reach for attribute in request.attributes))


def _arguments(request: _Request) -> tuple[Any, ...]:
    """What the kernel is told: codes, numbers, and what groups of attributes need, None for groups without any."""
    codes = np.array([attribute.code for attribute in request.attributes])
    numbers = np.zeros((len(codes), 3))
    spans = None
    windows = {_kernels.RELIEF: -1, _kernels.POSITION: -1}
    for row, attribute in zip(numbers, request.attributes, strict=True):
        row[: len(attribute.numbers)] = attribute.numbers
        if isinstance(attribute, Convexity):
            spans = _disc(attribute.radius)
        elif attribute.code in windows:
            windows[attribute.code] = attribute.reach
    bends = bool(((codes >= _kernels.PROFILE) & (codes <= _kernels.GENERAL)).any()) or None
    return (
        codes,
        numbers,
        _SIDES[request.method] if (codes <= _kernels.GENERAL).any() else None,
        bends,
        bool(((codes >= _kernels.RILEY) & (codes <= _kernels.ROUGHNESS)).any()) or None,
        spans,
        tuple(windows.values()) if max(windows.values()) > 0 else None,
    )


def _disc(radius: int) -> NDArray[np.int64]:
    """First column, number of columns and half their height, of each 1, 2 or 4 columns that are as high.

    >>> _disc(2).tolist()
    [[0, 1, 0], [1, 1, 1], [2, 1, 2], [3, 1, 1], [4, 1, 0]]
    """
    heights = [math.isqrt(radius**2 - x**2) for x in range(-radius, radius + 1)]
    spans = []
    for height, run in groupby(range(len(heights)), heights.__getitem__):
        columns = list(run)
        while columns:
            width = 4 if len(columns) >= 4 else 2 if len(columns) >= 2 else 1
            spans.append((columns[0], width, height))
            columns = columns[width:]
    return np.array(spans)


_SURFACE = Operator(
    "insarfeat.terrain.attributes",
    _kernels.attributes,
    inputs=[Raster("dem")],
    outputs=_outputs,
    halo=_halo,
    metrics="gradients",
    prepare=_arguments,
)

_TEXTURE = Operator(
    "insarfeat.terrain.textures",
    _kernels.attributes,
    inputs=[Raster("dem")],
    outputs=_outputs,
    halo=_halo,
    # What the kernel is told of the ground elsewhere, and does not look at here.
    prepare=lambda request: (np.zeros(1, np.int64), np.zeros((0, 1, 4)), *_arguments(request)),
)


def attributes(
    dem: Any,
    names: Iterable[str | Attribute],
    *,
    resolution: Resolution | None = None,
    method: Method = "zevenbergen-thorne",
    north: North = "true",
) -> Any:
    """Any set of attributes of terrain, in one pass over the DEM.

    Each row of the DEM is read once, and gradients and the like are made once for all attributes that need them; the
    numbers are those of the single functions, bit for bit.

    Parameters
    ----------
    dem
        Elevation in metres; NaN is nodata. Integers are taken. A neighbour beyond the edge or in a void is mirrored
        through the cell, or left out of the window, so that no frame and no cell beside a void is lost.
    names
        Names of layers (``slope``, ``aspect``, ``hillshade``, ``profile_curvature``, ``plan_curvature``,
        ``tangential_curvature``, ``general_curvature``, ``tri``, ``roughness``, ``convexity``, ``local_relief``,
        ``topographic_position``), or values that carry parameters, as ``Convexity(radius=5)``.
    resolution
        Pixel size in metres, a number or (dy, dx), for bare arrays; the functions that look at elevations alone
        (from ``tri`` on in the list) need none. DataArrays with coordinates need none either: with a CRS the size on
        the ellipsoid is used, pixel by pixel.
    method
        How the gradient is found, as in :func:`slope`; for all attributes that need one.
    north
        "true", or "grid" for that of the grid, as in :func:`aspect`.

    Returns
    -------
    A Dataset of the layers for a DataArray; for arrays a dict of them by name.

    Examples
    --------
    >>> import numpy as np
    >>> hill = 100 * np.exp(-np.add.outer(np.arange(-20.0, 21) ** 2, np.arange(-20.0, 21) ** 2) / 100)
    >>> found = attributes(hill, ["slope", "aspect", Convexity(radius=5)], resolution=15.0)
    >>> {name: float(layer[20, 30].round(1)) for name, layer in found.items()}
    {'slope': 26.1, 'aspect': 90.0, 'convexity': 44.4}
    """
    wanted = tuple(attribute_of(name) for name in ([names] if isinstance(names, str | Attribute) else names))
    if not wanted:
        raise InvalidArgument("names is empty; name at least one attribute, as 'slope'")
    layers = [attribute.layer for attribute in wanted]
    for layer in layers:
        if layers.count(layer) > 1:
            raise InvalidArgument(
                f"{layer!r} is asked for twice; a result has room for one: call twice instead"
            )
    found = compute(dem, wanted, resolution, method, north)
    if hasattr(found, "data_vars"):
        return found
    if hasattr(found, "to_dataset"):
        return found.to_dataset()
    return dict(zip(layers, found if len(layers) > 1 else (found,), strict=True))


def compute(
    dem: Any,
    wanted: tuple[Attribute, ...],
    resolution: Resolution | None = None,
    method: Method = "zevenbergen-thorne",
    north: North = "true",
) -> Any:
    """Attributes as the operator gives them: one raster, a tuple of them or a Dataset."""
    check_choice("method", method, _METHODS)
    check_choice("north", north, _NORTHS)
    if any(attribute.directional for attribute in wanted):
        request = _Request(wanted, method, north)
        return _SURFACE(dem, parameters=request, resolution=resolution, north=north)
    return _TEXTURE(dem, parameters=_Request(wanted))
