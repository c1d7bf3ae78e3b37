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

from benchmarks import peers, phase_peers
from benchmarks.machine import LimitName
from benchmarks.peers import Agreement, Array, NotComparable, Peer
from benchmarks.phase_peers import PhaseAgreement
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
        Function of the package; its module-level name must find it, as it runs in another process.
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
    """Make rough hills of 400 m, in metres."""
    along = np.sin(np.arange(size) / 40)
    roughness = np.random.default_rng(0).standard_normal((size, size), np.float32)
    return ((200 * (along[:, None] + along) + roughness).astype(np.float32),)


def _slope_kernel(dem: NDArray[np.float32]) -> Call:
    # The one place that knows a kernel by its name and arguments.
    kernel = Function("insarfeat.terrain._kernels", "slope_zevenbergen_thorne").load()
    sizes = np.full(len(dem), -15.0), np.full(len(dem), 15.0)
    return partial(kernel, dem, np.empty_like(dem), 0, 0, *sizes)


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
    Case(
        "slope",
        prepare=_hills,
        run=Function("insarfeat.terrain", "slope"),
        parameters={"resolution": 15.0},
        peers=(
            Peer("numpy", "numpy", peers.numpy_slope, Agreement(1e-3)),
            Peer(
                "xarray-spatial",
                "xrspatial",
                peers.xrspatial_slope,
                NotComparable("Horn's slope from 8 neighbours; ours is Zevenbergen and Thorne's from 4"),
            ),
        ),
    ),
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
