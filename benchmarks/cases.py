"""The table of cases.

A function of the package gets its row here, and with it the comparison with its peers, its throughput and
its memory. The package is imported inside the cases, so that the table itself loads without numba.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks import peers, phase_peers, terrain_peers, terrain_tools
from benchmarks.machine import LimitName
from benchmarks.peers import Agreement, Array, NotComparable, Peer, Program
from benchmarks.phase_peers import PhaseAgreement
from benchmarks.terrain_peers import WhereKnown
from insarfeat.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Function:
    """A function that is imported when it is called; unlike a lambda it can be sent to another process."""

    module: str
    name: str

    def load(self) -> Callable[..., Any]:
        """Import the function."""
        function: Callable[..., Any] = getattr(importlib.import_module(self.module), self.name)
        return function

    def __call__(self, *arguments: Any, **parameters: Any) -> Any:
        return self.load()(*arguments, **parameters)


@dataclass(frozen=True, slots=True)
class Case:
    """A function of the package against its peers and a limit of the machine.

    Attributes
    ----------
    prepare
        Makes the inputs for images of size x size pixels.
    run
        Function of the package, or of ours about one; its module-level name must find it, as it runs in another
        process.
    sizes
        Sizes to measure at, in pixels.
    parameters
        Keyword arguments that the function and all its peers are called with.
    limit
        The limit of the machine to compare with.
    """

    name: str
    prepare: Callable[[int], tuple[Array, ...]]
    run: Callable[..., Array]
    peers: tuple[Peer, ...] = ()
    sizes: tuple[int, ...] = (4096,)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    limit: LimitName = "copy"


Call = Callable[[], object]
_RESOLUTION = {"resolution": 15.0}
_NO_SIZE = (0,)  # measured once, whatever size is asked for


@dataclass(frozen=True, slots=True)
class Latency:
    """What a call costs beside its arithmetic; ``pair`` gives the call by the operator and the direct one."""

    sizes: ClassVar = _NO_SIZE
    name: str
    pair: Callable[[], tuple[Call, Call]]
    calls: int = 1000


@dataclass(frozen=True, slots=True)
class Startup:
    """What a statement costs in a fresh interpreter."""

    sizes: ClassVar = _NO_SIZE
    name: str
    statement: str


AnyCase = Case | Latency | Startup


def _radar_pair(size: int) -> tuple[Array, ...]:
    """Make two acquisitions of one scene: speckle with a common part and a fringe every 64 pixels."""
    generator = np.random.default_rng(0)
    speckle = generator.standard_normal((3, size, 2 * size), np.float32).view(np.complex64)
    common, primary, secondary = speckle
    fringes = np.exp(2j * np.pi * np.arange(size) / 64).astype(np.complex64)
    return common + primary, common * fringes + secondary


def _interferogram(size: int) -> tuple[Array, ...]:
    """Make the interferogram of the radar pair."""
    return (peers.numpy_interferogram(*_radar_pair(size)),)


def _coherence(window: tuple[int, int]) -> Case:
    return Case(
        f"coherence {window[0]} x {window[1]}",
        prepare=_radar_pair,
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
        prepare=_interferogram,
        run=Function("insarfeat.filters", "goldstein"),
        parameters={"alpha": 1.0, "window": 32, "overlap": 0.5, "smoothing": 0.0, "normalize": False}
        | changes,
        peers=peers,
        sizes=(size,),
        limit="fft",
    )


_SCIPY = Peer("scipy.fft", "scipy", phase_peers.scipy_goldstein, PhaseAgreement(1e-3))


def _hills(size: int) -> tuple[Array, ...]:
    """Make rough hills of 400 m, in metres.

    They are in whole 4096ths: sums of nine cells are exact in float32, and no answer hangs on the rounding of one. No
    cell is flat, where tools differ on the aspect.
    """
    along = np.sin(np.arange(size) / 40)
    roughness = np.random.default_rng(0).standard_normal((size, size), np.float32)
    return ((np.round(4096 * (200 * (along[:, None] + along) + roughness)) / 4096).astype(np.float32),)


def _hills_with_voids(size: int) -> tuple[Array, ...]:
    """Make the same hills with round voids of 17 pixels, over 2 % of them: nearly every row meets one."""
    (dem,) = _hills(size)
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
    prepare: Callable[[int], tuple[Array, ...]] = _hills,
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
        _hills,
        terrain_peers.into_memory_at_hand,
        parameters=_RESOLUTION | {"names": layers},
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
        _hills,
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
    (dem,) = _hills(8)
    return partial(operator, dem, resolution=15.0), _slope_kernel(dem)


def _slope_on_dataarray() -> tuple[Call, Call]:
    import xarray as xr

    operator = Function("insarfeat.terrain", "slope").load()
    (dem,) = _hills(8)
    coords = {"y": -15.0 * np.arange(8), "x": 15.0 * np.arange(8)}
    return partial(operator, xr.DataArray(dem, coords, ("y", "x"))), _slope_kernel(dem)


CASES: tuple[AnyCase, ...] = (
    Case(
        "interferogram",
        prepare=_radar_pair,
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
        prepare=_interferogram,
        run=Function("insarfeat.filters", "gaussian"),
        parameters={"width": 100.0, "resolution": 15.0},
        peers=(Peer("scipy gaussian_filter", "scipy", peers.scipy_gaussian, Agreement(1e-3, border=8)),),
    ),
    Case(
        "multilook 4 x 4",
        prepare=_interferogram,
        run=Function("insarfeat.filters", "multilook"),
        parameters={"looks": (4, 4)},
        peers=(Peer("numpy", "numpy", peers.numpy_multilook, Agreement(1e-4)),),
    ),
    Case(
        "phase coherence 5 x 5",
        prepare=_interferogram,
        run=Function("insarfeat.filters", "phase_coherence"),
        parameters={"window": (5, 5)},
    ),
    *TERRAIN,
    Latency("dispatch of an array", _slope_on_array),
    Latency("dispatch of a DataArray", _slope_on_dataarray),
    Startup("import", "import insarfeat"),
)


def choose(names: Sequence[str], table: Sequence[AnyCase] = CASES) -> tuple[AnyCase, ...]:
    """Return the named cases in the order of the table; all of them where none is named."""
    known = [case.name for case in table]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f'did you mean "{close[0]}"? ' if close else ""
            raise InvalidArgument(f'there is no case "{name}"; {hint}The cases are: {", ".join(known)}')
    return tuple(case for case in table if not names or case.name in names)
