"""What layers cost as rasters and machines grow, for docs/how-far.md.

``python -m benchmarks.scaling sizes|workers|cluster --json scaling.json`` measure (a quarter of an hour together, on
two cores that have nothing else to do); what was measured is kept in the JSON file at once, and is not measured
again. ``page --json scaling.json --docs docs/how-far.md`` draws and writes.

Rasters repeat a pattern of 1024 pixels, made in memory as it is asked for, so that no disk is measured.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine import peak, resident
from benchmarks.runner import ONE_THREAD, in_fresh_process
from insarfeat.dispatch.lazy import available_cores

SIDES = (2048, 4096, 8192, 16384, 32768)
TILE = 2048
_PATTERN = 1024
_REPEATS = 6
_PIXEL = 15.0
_INCIDENCE, _HEADING = 39.0, -12.0


# -- rasters of any size --------------------------------------------------------------------------------------


@cache
def _pattern(name: str) -> NDArray[Any]:
    """A pattern that goes on at its edges, some times side by side, so that most windows are one slice of it."""
    from benchmarks.flow_cases import ridges
    from benchmarks.images import radar_pair

    if name == "elevation":
        return np.tile(ridges(_PATTERN), (_REPEATS, _REPEATS))
    images = dict(zip(("primary", "secondary"), radar_pair(_PATTERN), strict=True))
    return np.tile(images[name], (_REPEATS, _REPEATS))


@dataclass(frozen=True)
class Pattern:
    """The pattern as a raster of any size."""

    name: str

    def __call__(self, window: Any) -> NDArray[Any]:
        pattern = _pattern(self.name)
        top, left = window.top % _PATTERN, window.left % _PATTERN
        if max(top + window.height, left + window.width) <= len(pattern):
            return np.ascontiguousarray(pattern[top : top + window.height, left : left + window.width])
        rows, columns = (
            np.arange(start, start + length) % _PATTERN
            for start, length in ((top, window.height), (left, window.width))
        )
        found: NDArray[Any] = pattern[np.ix_(rows, columns)]
        return found


def raster(name: str, side: int) -> Any:
    """One of the patterns as a lazy raster on a map."""
    import xarray as xr

    from insarfeat.dispatch import GeneratedSource
    from insarfeat.dispatch.lazy import lazy_source
    from insarfeat.windows import Shape

    dtype = "f4" if name == "elevation" else "c8"
    source = GeneratedSource(Pattern(name), Shape(side, side), dtype, name=f"pattern-{name}-{side}")
    chunks = tuple(min(TILE, side - start) for start in range(0, side, TILE))
    coords = {"y": 5.3e6 - _PIXEL * np.arange(side), "x": 6e5 + _PIXEL * np.arange(side)}
    return xr.DataArray(lazy_source(source, (chunks, chunks)), coords, ("y", "x"), name=name)


# -- layers ---------------------------------------------------------------------------------------------------


def _ifg(side: int) -> Any:
    from insarfeat import filters

    return filters.interferogram(raster("primary", side), raster("secondary", side))


def _filters(name: str, **parameters: Any) -> Callable[[int], list[Any]]:
    def made(side: int) -> list[Any]:
        from insarfeat import filters

        return [getattr(filters, name)(_ifg(side), **parameters)]

    return made


def _coherence(side: int) -> list[Any]:
    from insarfeat import filters

    return [filters.coherence(raster("primary", side), raster("secondary", side), window=(5, 5))]


def _terrain(name: str, **parameters: Any) -> Callable[[int], list[Any]]:
    def made(side: int) -> list[Any]:
        from insarfeat import terrain

        return [getattr(terrain, name)(raster("elevation", side), **parameters)]

    return made


def _four(side: int) -> list[Any]:
    from insarfeat import terrain

    names = ("slope", "aspect", "tri", "convexity")
    return list(terrain.attributes(raster("elevation", side), names).values())


def _components(side: int) -> list[Any]:
    from insarfeat import terrain

    names = ("slope", "tri", "convexity")
    few = terrain.attributes(raster("elevation", _PATTERN), names)
    fitted = terrain.PrincipalComponents(n_components=1).fit({name: few[name].compute() for name in names})
    whole = terrain.attributes(raster("elevation", side), names)
    return [fitted.transform({name: whole[name] for name in names})["pc1"]]


def _sensitivity(side: int) -> list[Any]:
    from insarfeat import geometry

    (coherence,) = _coherence(side)
    sight = geometry.los_from_incidence(_INCIDENCE, _HEADING)
    found = geometry.ground_view(raster("elevation", side), ["sensitivity"], sight, coherence=coherence)
    return [found["sensitivity"]]


def _visibility(side: int) -> list[Any]:
    from insarfeat import geometry

    return [geometry.shadow_layover(raster("elevation", side), incidence=_INCIDENCE, heading=_HEADING)]


@dataclass(frozen=True, slots=True)
class Layer:
    """Layers that are made together, up to the largest side that is worth the time."""

    made: Callable[[int], list[Any]]
    largest: int = SIDES[-1]


LAYERS = {
    "interferogram, phase": Layer(_filters("wrapped_phase")),
    "Gaussian of 100 m": Layer(_filters("gaussian", width=100.0)),
    "Goldstein, window 32, 50 %": Layer(
        _filters("goldstein", alpha=1.0, overlap=0.5, smoothing=0.0, normalize=False)
    ),
    "filtered phase, defaults": Layer(_filters("filtered_phase")),
    "coherence 5 x 5": Layer(_coherence),
    "multilook 4 x 4": Layer(_filters("multilook", looks=(4, 4))),
    "slope": Layer(_terrain("slope")),
    "slope, aspect, TRI, convexity": Layer(_four),
    "principal component of three layers": Layer(_components),
    "sensitivity, with its coherence": Layer(_sensitivity),
    "shadow and layover": Layer(_visibility),
    "depressions filled": Layer(_terrain("fill_depressions")),
    "TWI (MFD)": Layer(_terrain("twi"), largest=16384),
}


class _Nowhere:
    """Where pixels go that nobody wants."""

    def __setitem__(self, _place: Any, _pixels: Any) -> None:
        pass


def cost_of(name: str, side: int) -> dict[str, float]:
    """Seconds, busy cores and memory of layers of one size, in tiles on all cores; nothing is kept of them."""
    import dask.array as da

    def compute(side: int) -> None:
        layers = [layer.data for layer in LAYERS[name].made(side)]
        # One call for all of them, so that what they share is made once.
        nowhere: list[Any] = [_Nowhere()] * len(layers)
        da.store(layers, nowhere, lock=False, scheduler="threads", num_workers=available_cores())

    compute(512)  # patterns and machine code
    before = resident()
    busy, start = time.process_time(), time.perf_counter()
    compute(side)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "busy": (time.process_time() - busy) / seconds,
        "memory_mb": max(peak() - before, 0) / 1e6,
    }


# -- workers --------------------------------------------------------------------------------------------------


def job(side: int, tile: int) -> Any:
    """Filtered phase, coherence and sensitivity, as a plan."""
    import insarfeat

    (phase,), (sensitivity,) = _filters("filtered_phase")(side), _sensitivity(side)
    layers = raster("elevation", side).to_dataset().drop_vars("elevation")
    return insarfeat.plan(layers.assign(wrapped_phase=phase, sensitivity=sensitivity), tile=tile)


def run_on(how: str, count: int, side: int, folder: Path) -> dict[str, float]:
    """Seconds of the job on threads, or on processes of a cluster by its address, to a file."""
    plan, out = job(side, 1024), folder / "job.zarr"
    job(1024, 512).run(folder / "warm.zarr", overwrite=True, scheduler=1)
    if how == "threads":
        return _timed(lambda: plan.run(out, overwrite=True, scheduler=count))
    with local_cluster(count) as cluster:
        address = cluster.scheduler_address
        job(2048, 512).run(folder / "warm.zarr", overwrite=True, scheduler=address)
        return _timed(lambda: plan.run(out, overwrite=True, scheduler=address))


def _timed(run: Callable[[], object]) -> dict[str, float]:
    start = time.perf_counter()
    run()
    return {"seconds": time.perf_counter() - start}


def local_cluster(workers: int) -> Any:
    """Worker processes of one thread each on this machine, behind a scheduler with an address."""
    from distributed import LocalCluster

    return LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=0
    )


# -- measuring, and what is kept ------------------------------------------------------------------------------


class Kept:
    """Figures by name in a JSON file, written as soon as there is one more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def once(self, part: str, name: str, measure: Callable[..., Any], *arguments: Any) -> None:
        """Measure what is not known yet, in an interpreter of its own."""
        found = self.known.setdefault(part, {})
        if name not in found:
            found[name] = in_fresh_process(measure, *arguments, environment=ONE_THREAD)
            print(part, name, found[name], flush=True)
            self.path.write_text(json.dumps(self.known, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Measure one thing, or write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("sizes", "workers", "cluster", "page"))
    parser.add_argument("--json", type=Path, default=Path("scaling.json"))
    parser.add_argument("--work", type=Path, default=Path("scaling"), help="folder for what runs write")
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    parser.add_argument("--docs", type=Path, help="page whose tables are renewed; pictures go beside it")
    given = parser.parse_args()
    kept = Kept(given.json)
    kept.known["cores"] = available_cores()
    given.work.mkdir(parents=True, exist_ok=True)
    match given.what:
        case "sizes":
            for name, layer in LAYERS.items():
                for side in (side for side in given.sides if side <= layer.largest):
                    kept.once("sizes", f"{name}|{side}", cost_of, name, side)
        case "workers":
            for how in ("threads", "processes"):
                for count in (1, 2, 4):
                    kept.once("workers", f"{how}|{count}", run_on, how, count, 8192, given.work)
        case "cluster":
            from benchmarks.unlucky_cluster import CASES, disturbed

            for name in CASES:
                kept.once("cluster", name, disturbed, name, given.work)
        case "page":
            from benchmarks.how_far import write

            write(kept.known, given.docs)


if __name__ == "__main__":
    main()
