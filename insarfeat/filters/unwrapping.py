"""Phase unwrapping, of arrays and as a stage of a plan."""

from __future__ import annotations

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import ArraySource, Barrier, Operator, Raster, Result
from insarfeat.dispatch.kinds import is_lazy
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.filters.snaphu import Workbench, program
from insarfeat.layers import NODATA_BYTE
from insarfeat.windows import Shape

Array = NDArray[Any]


class Unwrapped(NamedTuple):
    """An unwrapped phase, and which of its pixels may be compared with one another."""

    phase: Any
    components: Any


class _Settings(NamedTuple):
    looks: float
    method: str


def _is_never_run(*_: Any) -> None:
    raise AssertionError("unwrapping is no operator")


# Checks the inputs and labels the results as every operator does. It is none, for no window of the result can be
# computed alone; so it never runs, and does not bear the package's name, under which operators are found again.
_FRAME = Operator(
    "filters.unwrap",
    _is_never_run,
    inputs=[Raster("ifg", "any"), Raster("coherence")],
    outputs=[Result("unwrapped_phase"), Result("connected_components", "uint8")],
)


def unwrap(ifg: Any, coherence: Any, *, looks: float, method: Literal["snaphu"] = "snaphu") -> Unwrapped:
    r"""Unwrapped phase of an interferogram, by SNAPHU, and its connected components.

    .. math:: \psi = \phi + 2 \pi k, \quad k \in \mathbb{Z}

    where the whole numbers k make the differences between neighbours the most probable ones, given the wrapped
    gradients around them, the coherence and the number of looks (SNAPHU's cost mode "smooth": for phase from which
    the topography has been removed). The sign stays that of the interferogram.

    A lazy input gives lazy results, which ``insarfeat.plan(...).run(...)`` computes; Dask alone runs a plan of its
    own into a temporary folder, for the whole raster is needed. Put both layers into one plan,
    ``plan(xr.Dataset({layer.name: layer for layer in result}))``, or SNAPHU runs twice. About 40 bytes per pixel
    lie on disk meanwhile, beside the output of the plan, or for arrays in the temporary folder.

    Parameters
    ----------
    ifg
        One interferogram, (y, x): complex, of which only the phase counts, or its phase in radians. NaN and 0+0j
        are nodata. Decorrelated areas take most of the time: make them nodata if nothing is to be had of them.
    coherence
        Its coherence, 0 to 1. NaN counts as 0 where the interferogram is valid.
    looks
        Effective number of independent looks behind the coherence, at least 1: the pixels averaged, times their
        spacing and divided by the resolution, in both directions. The spread of the phase follows from it.
    method
        "snaphu", the only one.

    Returns
    -------
    Two layers of the same kind of array, as ``Unwrapped(phase, components)``. The phase, in radians, float32, is the
    interferogram's but for whole cycles, and known but for one number of cycles per component; NaN where the
    interferogram is nodata, and nowhere else. The components are uint8. 1 is the largest; phases of different ones
    must not be compared. 0 is a valid pixel in none: unreliable, in too small a patch (under 1 % of the raster, where
    1000 pixels always suffice and 9 never), or beyond the 254 largest. 255 is nodata.

    Raises
    ------
    MissingExtra
        Without the package ``snaphu``: ``pip install "insarfeat[unwrap]"`` (Linux and macOS).
    RunFailed
        With SNAPHU's own words, when it fails.

    Notes
    -----
    Up to 2048 x 2048 pixels are unwrapped in one piece. More are cut into tiles of at most 2048 pixels that share
    400, unwrapped by as many processes as there are cores (at most 16, half a gigabyte each) and put together by
    SNAPHU; components that meet at a tile's edge without a jump become one. What SNAPHU says goes to the logger
    ``insarfeat.filters.snaphu``, as it comes, at the level INFO.

    SNAPHU is free for any purpose, but for its parts derived from the CS2 solver, which are for strictly
    non-commercial use. They are in the program that the package brings, though only its initialisation "MCF" uses
    them; here "MST" runs, from which the optimiser came to solutions of the same cost, sooner.

    References
    ----------
    C. W. Chen and H. A. Zebker (2001): Two-dimensional phase unwrapping with use of statistical models for cost
    functions in nonlinear optimization. J. Opt. Soc. Am. A 18, 338-351. For tiles and components, by the same (2002):
    Phase unwrapping for large SAR interferograms. IEEE Trans. Geosci. Remote Sens. 40, 1709-1719.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.add.outer(np.linspace(0, 20, 40), np.linspace(0, 10, 50))
    >>> ifg, coherence = np.exp(1j * truth).astype("c8"), np.full(truth.shape, 0.9, "f4")
    >>> phase, components = unwrap(ifg, coherence, looks=10)  # doctest: +SKIP
    >>> bool(abs(phase - phase[0, 0] - truth).max() < 1e-4), np.unique(components)  # doctest: +SKIP
    (True, array([1], dtype=uint8))
    """
    if method != "snaphu":
        raise InvalidArgument(f'method must be "snaphu"; got {method!r}')
    settings = _Settings(_number_of_looks(looks), method)
    frame = _FRAME(_lazily(ifg, "ifg"), _lazily(coherence, "coherence"), parameters=settings)
    pixels = [raster.data if _is_labelled(raster) else raster for raster in (ifg, coherence)]
    for declared, data in zip(_FRAME.inputs, pixels, strict=True):
        declared.working_dtype(data.dtype, False)  # lazy operators leave all but the first to their kernels
    layers = frame if isinstance(frame, tuple) else tuple(frame.data_vars.values())
    like = frame[0] if isinstance(frame, tuple) else layers[0].data
    if like.ndim != 2:
        raise InvalidArgument(
            f"unwrap takes one interferogram at a time, (y, x); got {like.ndim} dimensions of {like.shape}: unwrap "
            "each on its own, and put the results together"
        )
    program()  # no use in planning what cannot be run
    step = SnaphuStep(settings.looks)
    results: tuple[Any, ...]
    if any(is_lazy(data) for data in pixels):
        from insarfeat.dispatch.lazy import deferred, value_of

        inputs = value_of(like)[0].producer.inputs
        results = deferred(Barrier(step, inputs, ["f4", "u1"], name="unwrap"), like)
    else:
        results = step.on_arrays(*pixels)
    if isinstance(frame, tuple):
        return Unwrapped(*results)
    return Unwrapped(*(layer.copy(data=data) for layer, data in zip(layers, results, strict=True)))


def _number_of_looks(looks: Any) -> float:
    try:
        number = float(looks)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(looks, bool | str) or not 1 <= number < math.inf:
        raise InvalidArgument(
            f"looks must be the effective number of looks, one number of at least 1; got {looks!r}"
        )
    return number


def _is_labelled(raster: Any) -> bool:
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(raster, xarray.DataArray)


def _lazily(raster: Any, name: str) -> Any:
    """The raster as a lazy one, so that it goes through the frame without a pixel being touched."""
    from insarfeat.dispatch.lazy import lazy_source

    if _is_labelled(raster):
        return raster if is_lazy(raster.data) else raster.copy(data=_lazily(raster.data, name))
    if type(raster) is not np.ndarray:
        return raster
    if raster.ndim < 2:  # from here on, shapes end with height and width
        raise InvalidType(f"{name} must have two dimensions (y, x); got shape {raster.shape}")
    return lazy_source(ArraySource(raster), tuple((size,) for size in raster.shape))


@dataclass(frozen=True)
class SnaphuStep:
    """Unwrapping as a step over whole rasters: inputs ifg and coherence, outputs phase and components."""

    looks: float

    def on_arrays(self, ifg: Array, coherence: Array) -> tuple[Array, Array]:
        """Unwrap arrays in memory."""
        phase = np.full(ifg.shape, np.nan, "f4")
        components = np.full(ifg.shape, NODATA_BYTE, "u1")
        with TemporaryDirectory(prefix="insarfeat-unwrap-") as folder:
            bench = Workbench(Path(folder), Shape(*ifg.shape))
            bench.prepare()
            strips = list(bench.strips())
            valid = [bench.put(strip, ifg[strip.slices], coherence[strip.slices]) for strip in strips]
            if any(valid):
                labels = bench.solve(self.looks)
                for strip in strips:
                    phase[strip.slices], components[strip.slices] = bench.take(strip, labels)
        return phase, components

    def run(self, workshop: Any) -> None:
        """Unwrap what lies in a plan's workshop; a run that was stopped goes on after what it had finished."""
        outputs = workshop.outputs
        bench = Workbench(outputs[0].folder / "snaphu", workshop.tiles.shape)
        done, solved = bench.folder / "done", bench.folder / "labels.npy"
        if done.exists():
            return
        if not solved.exists():
            bench.prepare()
            valid = any(workshop.each_tile("layout", _put, bench))
            labels = bench.solve(self.looks) if valid else np.zeros(0, "u1")
            np.save(bench.folder / "new.npy", labels)
            (bench.folder / "new.npy").replace(solved)
        labels = np.load(solved)

        def deliver(tile: Any) -> None:
            for output, pixels in zip(outputs, bench.take(tile.core, labels), strict=True):
                output.write((), tile.core, pixels)

        if len(labels):  # else all is nodata, which the outputs are from the beginning
            # Not a pass of the workshop, which would have Dask compute the chunks behind the inputs once more.
            from insarfeat.dispatch.lazy import available_cores

            with ThreadPoolExecutor(available_cores()) as pool:
                for _ in pool.map(deliver, workshop.tiles):
                    pass
        done.touch()
        bench.clear()


def _put(work: Any, bench: Workbench) -> bool:
    return bench.put(work.tile.core, *work.read())
