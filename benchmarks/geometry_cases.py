"""The cases of radar geometry."""

from __future__ import annotations

import numpy as np

from benchmarks import geometry_peers as ways
from benchmarks.case import Case, Function
from benchmarks.peers import Agreement, Array, Peer
from benchmarks.terrain_cases import hills

_RESOLUTION = {"resolution": 15.0}


def _slopes(size: int) -> tuple[Array, ...]:
    """Make slopes, aspects, incidences and headings, in degrees; none is level, where formulas say nothing."""
    generator = np.random.default_rng(0)
    ranges = ((1, 60), (0, 360), (29, 46), (-13, -11))
    return tuple(
        (low + (high - low) * generator.random((size, size), np.float32)).astype(np.float32)
        for low, high in ranges
    )


def _slopes_and_coherence(size: int) -> tuple[Array, ...]:
    return (*_slopes(size), np.random.default_rng(1).random((size, size), np.float32))


def _hills_and_coherence(size: int) -> tuple[Array, ...]:
    return (*hills(size), np.random.default_rng(1).random((size, size), np.float32))


def _mountains(size: int) -> tuple[Array, ...]:
    """Make the hills three times as high, as steep as the Alps."""
    (dem,) = hills(size)
    return (3 * dem,)


def _two_looks(size: int) -> tuple[Array, ...]:
    generator = np.random.default_rng(0)
    return tuple(generator.standard_normal((size, size), np.float32) for _ in range(2))


def _speckle(size: int) -> tuple[Array, ...]:
    parts = np.random.default_rng(0).standard_normal((size, 2 * size), np.float32)
    return (parts.view(np.complex64),)


GEOMETRY: tuple[Case, ...] = (
    Case(
        "slope to line of sight",
        _slopes,
        Function("insarfeat.geometry", "slope_to_los"),
        (Peer("numpy", "numpy", ways.numpy_facing, Agreement(2e-6)),),
    ),
    Case(
        "local incidence",
        _slopes,
        Function("insarfeat.geometry", "local_incidence"),
        # In single precision the arc cosine of nearly 1 is good for no more.
        (Peer("numpy", "numpy", ways.numpy_local_incidence, Agreement(0.05)),),
    ),
    Case(
        "slope to line of sight and sensitivity",
        _slopes_and_coherence,
        ways.facing_and_trusted,
        (Peer("numpy", "numpy", ways.numpy_sensitivity, Agreement(2e-6)),),
    ),
    Case(
        "sensitivity from the DEM",
        _hills_and_coherence,
        ways.in_one_pass,
        (Peer("insarfeat, layer by layer", "insarfeat", ways.in_steps, Agreement(3e-6)),),
        parameters=_RESOLUTION,
    ),
    Case(
        "shadow and layover",
        hills,
        Function("insarfeat.geometry", "shadow_layover"),
        parameters=_RESOLUTION | {"incidence": ways.INCIDENCE, "heading": ways.HEADING},
    ),
    Case(
        "shadow and layover, mountains",
        _mountains,
        Function("insarfeat.geometry", "shadow_layover"),
        parameters=_RESOLUTION | {"incidence": ways.INCIDENCE, "heading": ways.HEADING},
    ),
    Case(
        "east and up",
        _two_looks,
        ways.eastward,
        (Peer("numpy.linalg.solve", "numpy", ways.numpy_eastward, Agreement(1e-5)),),
    ),
    Case(
        "range and Doppler",
        hills,
        ways.located,
        (Peer("sarsen", "sarsen", ways.sarsen_located, Agreement(0.02)),),
        sizes=(2048,),
        spreading=None,  # a step of geocoding
    ),
    Case("geocode", _speckle, ways.on_map, sizes=(2048,)),
    Case("geocode, latitudes and longitudes", _speckle, ways.on_map_by_places, sizes=(2048,)),
    Case("radarcode", hills, ways.on_radar, sizes=(2048,)),
)
