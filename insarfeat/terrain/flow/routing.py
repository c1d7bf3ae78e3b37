"""The operators that flow is made of, and the two that stand before all others: filling, and ranking of flats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from insarfeat.dispatch import Operator, Raster, Result, WholeOperator
from insarfeat.errors import check_choice
from insarfeat.metrics import Resolution
from insarfeat.terrain.flow._kernels import layers as _kernels
from insarfeat.terrain.flow.directions import D8Step, DinfStep, MfdStep
from insarfeat.terrain.flow.epsilon import EpsilonStep
from insarfeat.terrain.flow.filling import FillStep
from insarfeat.terrain.flow.flats import FlatsStep
from insarfeat.terrain.flow.ground import VOIDS, Voids
from insarfeat.terrain.flow.spreading import SpreadStep
from insarfeat.terrain.flow.trees import TreeStep
from insarfeat.windows import Halo

FlowMethod = Literal["mfd", "dinf", "d8"]
METHODS = get_args(FlowMethod)
SHARES = tuple(
    f"flow_to_{name}"
    for name in ("north", "north_east", "east", "south_east", "south", "south_west", "west", "north_west")
)


class _Edges(NamedTuple):
    voids: str


class _Tree(NamedTuple):
    what: str
    rain: str
    voids: str


class _Spread(NamedTuple):
    method: str
    rain: str
    voids: str


_DEM, _FILLED, _RANKS = Raster("dem"), Raster("filled"), Raster("ranks", "index")
_SAME, _WATER = Result(None), Result("flow_accumulation", "float64")

_FILL = WholeOperator("insarfeat.terrain.fill_depressions", FillStep, inputs=[_DEM], outputs=[Result(None)])
_RANK = WholeOperator(
    "insarfeat.terrain.rank_flats", FlatsStep, inputs=[_FILLED], outputs=[Result("flat_ranks", "int32")]
)
_EPSILON = WholeOperator(
    "insarfeat.terrain.fill_with_fall", EpsilonStep, inputs=[_DEM, _FILLED, _RANKS], outputs=[_SAME]
)
_D8 = WholeOperator(
    "insarfeat.terrain.flow_direction",
    D8Step,
    inputs=[_FILLED, _RANKS],
    outputs=[Result("flow_direction", "uint8")],
    metrics=True,
)
_DINF = WholeOperator(
    "insarfeat.terrain.flow_azimuth",
    DinfStep,
    inputs=[_FILLED, _RANKS],
    outputs=[Result("flow_azimuth")],
    metrics=True,
)
_MFD = WholeOperator(
    "insarfeat.terrain.flow_shares",
    MfdStep,
    inputs=[_FILLED, _RANKS],
    outputs=[Result(name) for name in SHARES],
    metrics=True,
)
_GATHER = WholeOperator(
    "insarfeat.terrain.gather",
    TreeStep,
    inputs=[_FILLED, _RANKS, Raster("weights")],
    outputs=[_WATER],
    metrics=True,
)
_LOWER = WholeOperator(
    "insarfeat.terrain.breach", TreeStep, inputs=[_FILLED, _RANKS, _DEM], outputs=[_SAME], metrics=True
)
_ENDS = WholeOperator(
    "insarfeat.terrain.basins",
    TreeStep,
    inputs=[_FILLED, _RANKS],
    outputs=[Result("basins", "int64")],
    metrics=True,
)
_SPREAD = WholeOperator(
    "insarfeat.terrain.spread",
    SpreadStep,
    inputs=[_FILLED, _RANKS, Raster("weights")],
    outputs=[_WATER],
    metrics=True,
)
_BORDER = Operator(
    "insarfeat.terrain.border",
    _kernels.border,
    inputs=[_DEM],
    outputs=[Result(None)],
    halo=Halo.square(1),
    position=True,
)


class Routed(NamedTuple):
    """Ground that water can flow over, and how it finds its way over flats."""

    filled: Any
    ranks: Any


def routed(dem: Any, voids: Voids) -> Routed:
    """Fill depressions and rank flats."""
    ground = filled(dem, voids)
    return Routed(ground, ranked(ground, voids))


def ranked(ground: Any, voids: Voids) -> Any:
    """Rank the flats of ground without depressions."""
    return _RANK(ground, parameters=_Edges(voids))


def filled(dem: Any, voids: Voids) -> Any:
    """Fill depressions."""
    check_choice("voids", voids, VOIDS)
    return _FILL(dem, parameters=_Edges(voids))


def filled_with_fall(dem: Any, voids: Voids) -> Any:
    """Fill depressions so that water always falls."""
    ground = routed(dem, voids)
    return _EPSILON(dem, *ground, parameters=_Edges(voids))


def breached(dem: Any, voids: Voids) -> Any:
    """Cut the ground along the ways of water instead of filling it."""
    ground = routed(dem, voids)
    parameters = _Tree("lowest", "cells", voids)
    return _LOWER(*ground, dem, parameters=parameters, resolution=or_square(dem, None))


def directed(ground: Routed, method: FlowMethod, voids: Voids, resolution: Resolution | None) -> Any:
    """Directions by D8 or Dinf, or shares by MFD."""
    operator = {"d8": _D8, "dinf": _DINF, "mfd": _MFD}[method]
    return operator(*ground, parameters=_Edges(voids), resolution=resolution)


def ends(ground: Routed, voids: Voids, resolution: Resolution | None) -> Any:
    """Where ways by D8 end."""
    return _ENDS(*ground, parameters=_Tree("end", "cells", voids), resolution=resolution)


@dataclass(frozen=True, slots=True)
class Rain:
    """What falls on each cell, times weights if there are any.

    1 ("cells"), its area in square metres ("area"), or so much that it tells of itself however it parts ("flags").
    """

    unit: Literal["cells", "area", "flags"] = "cells"
    weights: Any = None


def water(
    ground: Routed,
    rain: Rain,
    method: FlowMethod | Literal["angles"],
    voids: Voids,
    resolution: Resolution | None,
) -> Any:
    """What comes together in each cell."""
    rasters = (*ground,) if rain.weights is None else (*ground, rain.weights)
    if method == "d8":
        return _GATHER(*rasters, parameters=_Tree("sum", rain.unit, voids), resolution=resolution)
    return _SPREAD(*rasters, parameters=_Spread(method, rain.unit, voids), resolution=resolution)


def border(dem: Any) -> Any:
    """1 where water may come in from what is not known, else 0."""
    return _BORDER(dem)


def or_square(dem: Any, resolution: Resolution | None) -> Resolution | None:
    """For what depends on the shape of pixels only: without any size, they are square."""
    labelled = any(dim in getattr(dem, "coords", ()) for dim in getattr(dem, "dims", ()))
    return 1.0 if resolution is None and not labelled else resolution


def check_method(method: FlowMethod) -> None:
    """Refuse what is no method."""
    check_choice("method", method, METHODS)
