"""The cases of flow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import fft

from benchmarks import flow_peers as ways
from benchmarks import terrain_tools
from benchmarks.case import Case, Function, Spreading
from benchmarks.flow_peers import RelativeAgreement, SubPackage
from benchmarks.peers import Agreement, Array, NotComparable, Peer, Program

_RESOLUTION = {"resolution": 30.0}
# How far the ground departs from its valleys in metres, and over which distance in pixels.
_HEIGHT, _RANGE = 400.0, 512


def mountains(size: int) -> tuple[Array, ...]:
    """Make an island of such mountains."""
    return (_with_sea(ridges(size)),)


def ridges(size: int) -> Array:
    """Make mountains and connected valleys, of 1500 m, for pixels of 30 m, in whole metres, that repeat at the edges.

    Ground with a spectrum of power laws alone would lie under lakes to a third. Its absolute value does not: valleys
    run along where it is 0. At 2048 pixels 1.1 % of the cells are pits, and once those are filled 16 % have no
    lower neighbour; on two SRTM tiles, in whole metres too, 0.1 and 0.6 %, and 5 and 20 %. All sizes are as rough.
    """
    spectrum = fft.rfft2(np.random.default_rng(0).standard_normal((size, size), np.float32))
    down, right = fft.fftfreq(size).astype(np.float32), fft.rfftfreq(size).astype(np.float32)
    spectrum /= down[:, np.newaxis] ** 2 + right**2 + np.float32(1 / _RANGE**2)
    ground: Array = fft.irfft2(spectrum, (size, size), overwrite_x=True)
    ground *= _HEIGHT / (math.sqrt(math.pi) * _RANGE)  # the spectrum's own standard deviation, at large sizes
    dem = np.round(np.abs(ground, out=ground), out=ground).astype(np.float32, copy=False)
    dem += 1  # beside 0 lie numbers so small that some tools lose them
    return dem


def _noise(size: int) -> tuple[Array, ...]:
    """Make white noise with the sea about it: nothing but depressions, most of them in others."""
    return (_with_sea(np.random.default_rng(0).random((size, size), np.float32)),)


def _with_sea(dem: Array) -> Array:
    """Lower the edge.

    Then none of its cells flows inward or is a pit, and answers do not hang on what a tool makes of edges.
    """
    dem[[0, -1]] = dem[:, [0, -1]] = -1
    return dem


def _filled(size: int) -> tuple[Array, ...]:
    from insarfeat import terrain

    return (np.asarray(terrain.fill_depressions(mountains(size)[0])),)


def _routed(size: int) -> tuple[Array, ...]:
    """Make filled mountains, and ranks for their flats."""
    (filled,) = _filled(size)
    return filled, ways.ranked(filled)


def _falling(size: int) -> tuple[Array, ...]:
    """Make mountains that are filled with a fall: all tools find the same ways where nothing is flat."""
    from insarfeat import terrain

    return (np.asarray(terrain.fill_depressions(mountains(size)[0], epsilon=True)),)


def _routed_falling(size: int) -> tuple[Array, ...]:
    (falling,) = _falling(size)
    return falling, np.zeros(falling.shape, np.int32)


def _xrspatial(run: Callable[..., Array], answer: Agreement | NotComparable) -> Peer:
    return SubPackage("xarray-spatial", "xrspatial.hydro", run, answer)


def _topotoolbox(run: Callable[..., Array], answer: Agreement | NotComparable) -> Peer:
    return Peer("topotoolbox", "topotoolbox", run, answer)


def _pyflwdir(run: Callable[..., Array], answer: Agreement | NotComparable) -> Peer:
    return Peer("pyflwdir", "pyflwdir", run, answer)


def _pysheds(run: Callable[..., Array], answer: Agreement | NotComparable) -> Peer:
    return Peer("pysheds", "pysheds", run, answer)


def _whitebox(run: Callable[..., Array], answer: Agreement | NotComparable) -> Peer:
    return Peer("whitebox-workflows", "whitebox_workflows", run, answer)


def _richdem(run: Callable[..., Array], answer: Agreement | NotComparable) -> Peer:
    return Peer("RichDEM", "richdem", run, answer)


def _saga(run: Callable[..., Array], answer: Agreement | NotComparable) -> Peer:
    return Program("SAGA, with files", terrain_tools.SAGA, run, answer)


_SAME = Agreement(0)
_RAISED_MORE = NotComparable("raises some cells by more than need be, by the order in which it meets them")
_FLATS_LEFT = NotComparable("leaves flats as they are: water ends there")
_TIES = NotComparable("takes another way on flats, and of equal slopes another one first")
_OWN_FLATS = NotComparable("takes another way on flats")

_QUICK_FILLS = (
    _topotoolbox(ways.topotoolbox_fill, _SAME),
    _whitebox(ways.whitebox_fill, _SAME),
    _richdem(ways.richdem_fill, _SAME),
)
_FILLS = (
    *_QUICK_FILLS,
    _xrspatial(ways.xrspatial_fill, _SAME),
    _pyflwdir(ways.pyflwdir_fill, _SAME),
)


def _fill(
    name: str,
    peers: tuple[Peer, ...],
    *,
    size: int = 2048,
    epsilon: bool = False,
    prepare: Callable[[int], tuple[Array, ...]] = mountains,
    spreading: Spreading | None = None,
) -> Case:
    return Case(
        name,
        prepare,
        Function("insarfeat.terrain", "fill_depressions"),
        peers,
        sizes=(size,),
        parameters={"epsilon": epsilon},
        spreading=spreading,
    )


def _accumulation(
    name: str,
    method: str,
    peers: tuple[Peer, ...],
    *,
    size: int = 2048,
    prepare: Callable[[int], tuple[Array, ...]] = _routed,
) -> Case:
    parameters = _RESOLUTION | {"method": method}
    return Case(name, prepare, ways.accumulated, peers, sizes=(size,), parameters=parameters, spreading=None)


def _from_dem(
    name: str,
    function: str,
    parameters: Mapping[str, Any],
    peers: tuple[Peer, ...] = (),
    *,
    size: int = 2048,
    prepare: Callable[[int], tuple[Array, ...]] = mountains,
) -> Case:
    run, parameters = Function("insarfeat.terrain", function), {**_RESOLUTION, **parameters}
    spreading = Spreading() if prepare is mountains else None
    return Case(name, prepare, run, peers, sizes=(size,), parameters=parameters, spreading=spreading)


FLOW: tuple[Case, ...] = (
    # In tiles once for each layer, not beside every tool: it is a plan of several passes, of its own.
    _fill("fill", (*_FILLS, _pysheds(ways.pysheds_fill, _SAME)), spreading=Spreading()),
    _fill("fill, large", _QUICK_FILLS, size=8192),  # the others take half a minute and more
    _fill("fill, noise", _FILLS, prepare=_noise),
    _fill("fill, epsilon", (_richdem(ways.richdem_fill, _RAISED_MORE),), epsilon=True),
    _fill("fill, beside SAGA", (_saga(ways.saga_fill, _SAME),), size=1024),
    Case(
        "flats",
        _filled,
        ways.ranked,
        (_pysheds(ways.pysheds_resolved, NotComparable("raises flats; ours ranks their cells")),),
        sizes=(2048,),
        spreading=None,  # a step of the way from a DEM, as the next ones
    ),
    _accumulation(
        "D8 direction and accumulation",
        "d8",
        (
            _whitebox(ways.whitebox_accumulated, _FLATS_LEFT),
            _xrspatial(ways.xrspatial_accumulated, _FLATS_LEFT),
            _richdem(ways.richdem_accumulated, _FLATS_LEFT),
        ),
    ),
    _accumulation(
        "MFD accumulation",
        "mfd",
        (
            _whitebox(ways.whitebox_accumulated, _FLATS_LEFT),
            _xrspatial(ways.xrspatial_accumulated, _FLATS_LEFT),
            _richdem(ways.richdem_accumulated, _FLATS_LEFT),
        ),
    ),
    _accumulation(
        "Dinf accumulation",
        "dinf",
        (
            _whitebox(ways.whitebox_accumulated, _FLATS_LEFT),
            _xrspatial(ways.xrspatial_accumulated, _FLATS_LEFT),
            _richdem(ways.richdem_accumulated, _FLATS_LEFT),
        ),
    ),
    _accumulation(
        "MFD accumulation, no flats",
        "mfd",
        (
            _whitebox(ways.whitebox_accumulated, RelativeAgreement(1e-3)),
            _richdem(ways.richdem_accumulated, RelativeAgreement(1e-3)),
            _xrspatial(
                ways.xrspatial_accumulated, NotComparable("weighs neighbours by lengths of contours, too")
            ),
            _saga(ways.saga_accumulated, RelativeAgreement(1e-3)),
        ),
        prepare=_routed_falling,
    ),
    _from_dem(
        "D8 from a DEM",
        "flow_accumulation",
        {"method": "d8"},
        (
            _topotoolbox(ways.topotoolbox_d8, _TIES),
            _pyflwdir(ways.pyflwdir_d8, _TIES),
            _whitebox(ways.whitebox_flow, _TIES),
            _richdem(ways.richdem_flow, _TIES),
            _xrspatial(ways.xrspatial_flow, _FLATS_LEFT),
        ),
    ),
    _from_dem(
        "MFD from a DEM",
        "flow_accumulation",
        {"method": "mfd"},
        (
            _whitebox(ways.whitebox_flow, _OWN_FLATS),
            _richdem(ways.richdem_flow, _OWN_FLATS),
            _xrspatial(ways.xrspatial_flow, _FLATS_LEFT),
        ),
    ),
    _from_dem("twi", "twi", {"method": "mfd"}),
    _from_dem(
        "twi, beside SAGA",
        "twi",
        {"method": "mfd"},
        (_saga(ways.saga_twi, Agreement(1e-3, border=1)),),
        size=1024,
        prepare=_falling,
    ),
    _from_dem("wetness index", "wetness_index", {}),
    _from_dem(
        "wetness index, beside SAGA",
        "wetness_index",
        {},
        (_saga(ways.saga_wetness, Agreement(1e-3)),),
        size=1024,
        prepare=_falling,
    ),
)
