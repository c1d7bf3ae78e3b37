"""The cases of terrain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks import terrain_peers, terrain_tools
from benchmarks.case import Case, Function
from benchmarks.peers import Agreement, Array, NotComparable, Peer, Program
from benchmarks.terrain_peers import WhereKnown

_RESOLUTION = {"resolution": 15.0}


def hills(size: int) -> tuple[Array, ...]:
    """Make rough hills of 400 m, in metres.

    They are in whole 4096ths: sums of nine cells are exact in float32, and no answer hangs on the rounding of one. No
    cell is flat, where tools differ on the aspect.
    """
    along = np.sin(np.arange(size) / 40)
    roughness = np.random.default_rng(0).standard_normal((size, size), np.float32)
    return ((np.round(4096 * (200 * (along[:, None] + along) + roughness)) / 4096).astype(np.float32),)


def _hills_with_voids(size: int) -> tuple[Array, ...]:
    """Make the same hills with round voids of 17 pixels, over 2 % of them: nearly every row meets one."""
    (dem,) = hills(size)
    y, x = np.ogrid[-8:9, -8:9]
    hole = y**2 + x**2 <= 72
    for top, left in np.random.default_rng(1).integers(0, size, (max(1, size**2 // 10_000), 2)):
        under = dem[top : top + len(hole), left : left + len(hole)]
        under[hole[: len(under), : under.shape[1]]] = np.nan
    return (dem,)


def _terrain(
    name: str,
    attribute: str,
    peers: tuple[Peer, ...],
    parameters: Mapping[str, Any] = _RESOLUTION,
    *,
    prepare: Callable[[int], tuple[Array, ...]] = hills,
    size: int = 4096,
) -> Case:
    return Case(
        name, prepare, Function("insarfeat.terrain", attribute), peers, sizes=(size,), parameters=parameters
    )


def _xrspatial(run: Callable[..., Array], answer: Agreement | NotComparable) -> Peer:
    return Peer("xarray-spatial", "xrspatial", run, answer)


def _xdem(run: Callable[..., Array], answer: Agreement | NotComparable) -> Peer:
    return Peer("xdem", "xdem", run, answer)


def _gdaldem(run: Callable[..., Array], answer: Agreement | NotComparable) -> Peer:
    return Program("gdaldem, with files", terrain_tools.GDAL, run, answer)


def _saga(run: Callable[..., Array], answer: Agreement | NotComparable) -> Peer:
    return Program("SAGA, with files", terrain_tools.SAGA, run, answer)


_SLOPES, _ASPECTS = WhereKnown(1e-4), WhereKnown(1e-2, turn=360)
_RUGGEDNESSES, _CURVATURES = WhereKnown(1e-4), WhereKnown(1e-6)
_HORN = NotComparable("Horn's gradient from 8 neighbours; ours is Zevenbergen and Thorne's from 4")


def _at_hand(name: str, layers: tuple[str, ...]) -> Case:
    return Case(
        f"{name}, memory at hand",
        hills,
        terrain_peers.into_memory_at_hand,
        parameters=_RESOLUTION | {"names": layers},
        spreading=None,  # a kernel
    )


TERRAIN: tuple[Case, ...] = (
    _terrain(
        "slope",
        "slope",
        (
            Peer("numpy", "numpy", terrain_peers.numpy_slope, _SLOPES),
            _xrspatial(terrain_peers.xrspatial_slope, _HORN),
            _xdem(terrain_peers.xdem_slope, _SLOPES),
            _gdaldem(terrain_peers.gdal_slope, _SLOPES),
            _saga(terrain_peers.saga_slope, _SLOPES),
        ),
    ),
    # All peers but SAGA lose the voids' neighbours.
    _terrain(
        "slope, with voids",
        "slope",
        (
            _xrspatial(terrain_peers.xrspatial_slope, _HORN),
            _xdem(terrain_peers.xdem_slope, _SLOPES),
            _gdaldem(terrain_peers.gdal_slope, _SLOPES),
            _saga(terrain_peers.saga_slope, Agreement(1e-4)),
        ),
        prepare=_hills_with_voids,
    ),
    _terrain(
        "slope, Horn's",
        "slope",
        (
            _xrspatial(terrain_peers.xrspatial_slope, _SLOPES),
            _xdem(terrain_peers.xdem_slope, _SLOPES),
            _gdaldem(terrain_peers.gdal_slope, _SLOPES),
        ),
        _RESOLUTION | {"method": "horn"},
    ),
    _terrain(
        "aspect",
        "aspect",
        (
            Peer("numpy", "numpy", terrain_peers.numpy_aspect, _ASPECTS),
            _xrspatial(terrain_peers.xrspatial_aspect, _HORN),
            _xdem(terrain_peers.xdem_aspect, _ASPECTS),
            _gdaldem(terrain_peers.gdal_aspect, _ASPECTS),
            _saga(terrain_peers.saga_aspect, _ASPECTS),
        ),
    ),
    _terrain(
        "aspect, Horn's",
        "aspect",
        (
            _xrspatial(terrain_peers.xrspatial_aspect, _ASPECTS),
            _xdem(terrain_peers.xdem_aspect, _ASPECTS),
            _gdaldem(terrain_peers.gdal_aspect, _ASPECTS),
        ),
        _RESOLUTION | {"method": "horn"},
    ),
    _terrain(
        "tri",
        "tri",
        (
            Peer("numpy", "numpy", terrain_peers.numpy_tri, _RUGGEDNESSES),
            _xdem(terrain_peers.xdem_tri, _RUGGEDNESSES),
            _gdaldem(terrain_peers.gdal_tri, _RUGGEDNESSES),
        ),
        {"variant": "riley"},
    ),
    _terrain("tri, SAGA's", "tri", (_saga(terrain_peers.saga_tri, Agreement(1e-4)),), {"variant": "saga"}),
    _terrain(
        "profile curvature",
        "profile_curvature",
        (
            Peer("numpy", "numpy", terrain_peers.numpy_profile_curvature, _CURVATURES),
            _xrspatial(terrain_peers.xrspatial_curvature, NotComparable("the Laplacian, its only curvature")),
            _xdem(terrain_peers.xdem_profile_curvature, _CURVATURES),
        ),
    ),
    _terrain(
        "profile curvature, SAGA's",
        "profile_curvature",
        (_saga(terrain_peers.saga_profile_curvature, _CURVATURES),),
        _RESOLUTION | {"variant": "saga"},
    ),
    _terrain(
        "convexity",
        "convexity",
        (Peer("numpy", "numpy", terrain_peers.numpy_convexity, Agreement(1e-3)),),
        {"radius": 10},
    ),
    _terrain(
        "convexity, beside SAGA",
        "convexity",
        (_saga(terrain_peers.saga_convexity, Agreement(1e-3)),),
        {"radius": 10},
        size=1024,  # two minutes for SAGA at 4096
    ),
    Case(
        "terrain, all four",
        hills,
        terrain_peers.all_four,
        (
            Peer("numpy", "numpy", terrain_peers.numpy_all_four, WhereKnown(1e-2, turn=360)),
            _xdem(terrain_peers.xdem_three, NotComparable("three of the four: it has no convexity")),
            _gdaldem(
                terrain_peers.gdal_three,
                NotComparable("three of the four, in three runs: it has no convexity"),
            ),
        ),
        parameters=_RESOLUTION,
    ),
    _at_hand("slope", ("slope",)),
    _at_hand("aspect", ("aspect",)),
    _at_hand("terrain, all four", ("slope", "aspect", "tri", "convexity")),
    Case("terrain, all four, with voids", _hills_with_voids, terrain_peers.all_four, parameters=_RESOLUTION),
)
