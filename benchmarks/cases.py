"""The table of cases.

A function of the package gets its row here, and with it the comparison with its peers, its throughput and
its memory. The package is imported inside the cases, so that the table itself loads without numba.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import peers, phase_peers
from benchmarks.case import AnyCase, Call, Case, Function, Latency, Startup
from benchmarks.flow_cases import FLOW
from benchmarks.geometry_cases import GEOMETRY
from benchmarks.images import interferogram, radar_pair
from benchmarks.job_cases import JOBS
from benchmarks.peers import Agreement, NotComparable, Peer
from benchmarks.phase_peers import PhaseAgreement
from benchmarks.terrain_cases import TERRAIN, hills
from insarfeat.errors import InvalidArgument, suggestion


def _coherence(window: tuple[int, int]) -> Case:
    return Case(
        f"coherence {window[0]} x {window[1]}",
        prepare=radar_pair,
        run=Function("insarfeat.filters", "coherence"),
        parameters={"window": window},
        # Near the edges each tool fills the window in its own way.
        peers=(
            Peer(
                "scipy uniform_filter",
                "scipy",
                peers.scipy_coherence,
                Agreement(1e-5, border=max(window) // 2),
            ),
            Peer("OpenCV boxFilter", "cv2", peers.opencv_coherence, Agreement(1e-5, border=max(window) // 2)),
        ),
    )


def _goldstein(name: str, peers: tuple[Peer, ...] = (), *, size: int = 4096, **changes: Any) -> Case:
    return Case(
        name,
        prepare=interferogram,
        run=Function("insarfeat.filters", "goldstein"),
        parameters={"alpha": 1.0, "window": 32, "overlap": 0.5, "smoothing": 0.0, "normalize": False}
        | changes,
        peers=peers,
        sizes=(size,),
        limit="fft",
    )


_SCIPY = Peer("scipy.fft", "scipy", phase_peers.scipy_goldstein, PhaseAgreement(1e-3))


def _slope_kernel(dem: NDArray[np.float32]) -> Call:
    """Slope without dispatch; the one place that knows a kernel by its name and arguments."""
    kernels = importlib.import_module("insarfeat.terrain._kernels.attributes")
    # One tie, and for each row what a rise per column and per row is in the gradient eastward and northward.
    ties, weights = np.zeros(1, np.int64), np.tile([1 / 15, 0, 0, -1 / 15], (len(dem), 1, 1))
    codes, numbers = np.array([kernels.SLOPE]), np.zeros((1, 3))
    four_neighbours, nothing_else = 0.0, (None, None, None, None)
    outputs = np.empty((1, *dem.shape), dem.dtype)
    return partial(
        kernels.attributes, dem, outputs, 0, 0, ties, weights, codes, numbers, four_neighbours, *nothing_else
    )


def _slope_on_array() -> tuple[Call, Call]:
    operator = Function("insarfeat.terrain", "slope").load()
    (dem,) = hills(8)
    return partial(operator, dem, resolution=15.0), _slope_kernel(dem)


def _slope_on_dataarray() -> tuple[Call, Call]:
    import xarray as xr

    operator = Function("insarfeat.terrain", "slope").load()
    (dem,) = hills(8)
    coords = {"y": -15.0 * np.arange(8), "x": 15.0 * np.arange(8)}
    return partial(operator, xr.DataArray(dem, coords, ("y", "x"))), _slope_kernel(dem)


CASES: tuple[AnyCase, ...] = (
    Case(
        "interferogram",
        prepare=radar_pair,
        run=Function("insarfeat.filters", "interferogram"),
        peers=(Peer("numpy", "numpy", peers.numpy_interferogram, Agreement(1e-5)),),
    ),
    _coherence((5, 5)),
    _coherence((3, 11)),
    _coherence((21, 21)),
    _goldstein(
        "goldstein, classic",
        (
            _SCIPY,
            # Its triangle ends at 0, and its edges are mirrored.
            Peer("dolphin", "dolphin", phase_peers.dolphin_goldstein, PhaseAgreement(0.5, border=16)),
            Peer(
                "whirlwind",
                "whirlwind",
                phase_peers.whirlwind_goldstein,
                NotComparable("filters phasors of magnitude 1 and blends windows by Hann's weight"),
            ),
        ),
    ),
    _goldstein("goldstein, classic, alpha 0.7", alpha=0.7),
    _goldstein("goldstein, classic, window 64", window=64),
    _goldstein("goldstein, overlap 75 %", (_SCIPY,), overlap=0.75),
    _goldstein(
        "goldstein",
        (
            _SCIPY,
            Peer(
                "rapidphase",
                "rapidphase",
                phase_peers.rapidphase_goldstein,
                NotComparable("smooths the power over 3 x 3 bins; ours the magnitude by a Gaussian"),
            ),
        ),
        size=2048,  # a minute for rapidphase at 4096
        overlap=0.75,
        smoothing=1.25,
        normalize=True,
    ),
    Case(
        "gaussian",
        prepare=interferogram,
        run=Function("insarfeat.filters", "gaussian"),
        parameters={"width": 100.0, "resolution": 15.0},
        peers=(Peer("scipy gaussian_filter", "scipy", peers.scipy_gaussian, Agreement(1e-3, border=8)),),
    ),
    Case(
        "multilook 4 x 4",
        prepare=interferogram,
        run=Function("insarfeat.filters", "multilook"),
        parameters={"looks": (4, 4)},
        peers=(Peer("numpy", "numpy", peers.numpy_multilook, Agreement(1e-4)),),
    ),
    Case(
        "phase coherence 5 x 5",
        prepare=interferogram,
        run=Function("insarfeat.filters", "phase_coherence"),
        parameters={"window": (5, 5)},
    ),
    *TERRAIN,
    *FLOW,
    *GEOMETRY,
    *JOBS,
    Latency("dispatch of an array", _slope_on_array),
    Latency("dispatch of a DataArray", _slope_on_dataarray),
    Startup("import", "import insarfeat"),
)


def choose(names: Sequence[str], table: Sequence[AnyCase] = CASES) -> tuple[AnyCase, ...]:
    """Return the named cases in the order of the table; all of them where none is named."""
    known = [case.name for case in table]
    for name in names:
        if name not in known:
            raise InvalidArgument(
                f"there is no case {name!r}{suggestion(name, known)}; there are {', '.join(known)}"
            )
    return tuple(case for case in table if not names or case.name in names)
