"""The engine's own figures: ``python -m benchmarks.engine [--json FILE] [--docs PAGE]``.

Two runs, each in a fresh process: a raster of 1,000,000 x 400,000 pixels up to its first finished tile (time and
memory), and 12,000 x 12,000 pixels from Zarr to Zarr (peak memory against the rule that ``describe()`` predicts).
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CONTINENT = (1_000_000, 400_000)
_SIDE = 12_000
_BEGIN, _END = "<!-- figures: begin -->", "<!-- figures: end -->"


def ramp(window: Any) -> NDArray[np.float32]:
    """A raster made on demand: hills that any window agrees on."""
    rows = np.arange(window.top, window.bottom, dtype=np.float32)[:, None]
    columns = np.arange(window.left, window.right, dtype=np.float32)[None, :]
    return 40 * np.sin(rows / 97) * np.sin(columns / 89) + 900


def speckle(window: Any) -> NDArray[np.complex64]:
    """A complex raster made on demand, cheap and the same in any window."""
    height = ramp(window)
    image: NDArray[np.complex64] = (height * np.exp(1j * height)).astype(np.complex64)
    return image


def lazy(function: Any, height: int, width: int, dtype: str) -> Any:
    """A generated raster as a lazy DataArray with coordinates."""
    import xarray as xr

    from insarfeat.dispatch import GeneratedSource
    from insarfeat.dispatch.lazy import lazy_source
    from insarfeat.windows import Shape

    source = GeneratedSource(function, Shape(height, width), dtype, name=f"benchmark-{function.__name__}")
    coords = {"y": -15.0 * np.arange(height), "x": 15.0 * np.arange(width)}
    return xr.DataArray(lazy_source(source, ((height,), (width,))), coords, ("y", "x"), name="elevation")


def first_tile(tile: int) -> dict[str, float]:
    """Seconds and megabytes from nothing to the first tile of a continent on disk."""
    import insarfeat
    from insarfeat import terrain

    _import_all()
    height, width = _CONTINENT
    baseline = resident()
    start = time.perf_counter()
    layers = terrain.slope(lazy(ramp, height, width, "f4"))
    plan = insarfeat.plan(layers, tile=tile)
    told = plan.describe()
    planned = time.perf_counter() - start
    record: dict[str, float] = {"tile": tile, "tiles": told.tiles, "tasks": told.tasks, "plan_s": planned}

    def stop(progress: Any) -> None:
        if progress.done:
            raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as folder:
        try:
            plan.run(Path(folder) / "slope.zarr", progress=stop)
        except BaseException:
            record["first_tile_s"] = time.perf_counter() - start
            record["peak_mb"] = (peak() - baseline) / 1e6
    record["predicted_mb"] = told.peak_memory / 1e6
    return record


def _import_all() -> None:
    """The baseline: what any program that uses the package has imported, and one small compilation."""
    for name in ("netCDF4", "rasterio", "zarr", "dask.array", "xarray", "insarfeat.io", "insarfeat.tiling"):
        importlib.import_module(name)
    importlib.import_module("insarfeat.terrain").slope(np.zeros((8, 8), "f4"), resolution=1.0)


def memory_rule(tile: int) -> dict[str, float]:
    """Peak memory of a run over 12,000 x 12,000 pixels, against the rule, and its speed."""
    import insarfeat
    from insarfeat import filters, terrain

    _import_all()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child = multiprocessing.get_context("spawn").Process(target=_prepare, args=(folder,))
        child.start()
        child.join()
        small = np.ones((8, 8), "c8")
        filters.coherence(small, small)
        filters.wrapped_phase(filters.interferogram(small, small))
        baseline = resident()
        stored = insarfeat.open_stack(folder / "inputs.zarr")
        ifg = filters.interferogram(stored["primary"], stored["secondary"])
        layers = stored[[]].assign(
            slope=terrain.slope(stored["elevation"]),
            coherence=filters.coherence(stored["primary"], stored["secondary"]),
            wrapped_phase=filters.wrapped_phase(ifg),
        )
        plan = insarfeat.plan(layers, tile=tile)
        told = plan.describe()
        busy = time.process_time()
        start = time.perf_counter()
        plan.run(folder / "layers.zarr")
        seconds = time.perf_counter() - start
        return {
            "tile": tile,
            "tasks": told.tasks,
            "seconds": seconds,
            "mpx_per_s": _SIDE * _SIDE / seconds / 1e6,
            "cores_busy": (time.process_time() - busy) / seconds,
            "baseline_mb": baseline / 1e6,
            "peak_above_baseline_mb": (peak() - baseline) / 1e6,
            "rule_mb": told.peak_memory / 1e6,
        }


def _prepare(folder: Path) -> None:
    """Inputs on disk, made in another process so that this one's peak is the run's."""
    import insarfeat

    images = lazy(speckle, _SIDE, _SIDE, "c8")
    inputs = lazy(ramp, _SIDE, _SIDE, "f4").to_dataset()
    inputs = inputs.assign(primary=images.rename("primary"), secondary=images.rename("secondary"))
    insarfeat.plan(inputs, tile=2048).run(folder / "inputs.zarr")


def resident() -> int:
    """Bytes of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def peak() -> int:
    """Most bytes that this process has had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def in_fresh_process(function: Any, *arguments: Any) -> Any:
    """What the function returns in an interpreter of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def as_table(figures: dict[str, Any]) -> str:
    """The figures as the documentation shows them."""
    head = [
        "| run | tile | tasks | seconds | Mpx/s | cores busy | peak MB | rule MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    starts = [
        f"| continent, first tile | {row['tile']} | {row['tasks']:,} | {row['first_tile_s']:.1f} | | | "
        f"{row['peak_mb']:.0f} | {row['predicted_mb']:.0f} |"
        for row in figures["first_tile"]
    ]
    runs = [
        f"| 12,000 x 12,000 | {row['tile']} | {row['tasks']:,} | {row['seconds']:.1f} | {row['mpx_per_s']:.1f} | "
        f"{row['cores_busy']:.2f} | {row['peak_above_baseline_mb']:.0f} | {row['rule_mb']:.0f} |"
        for row in figures["memory_rule"]
    ]
    return "\n".join(head + starts + runs)


def renew(page: Path, table: str, begin: str, end: str) -> None:
    """Put a table between two marks of a page."""
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{table}\n{end}{after}")


def main() -> None:
    """Measure, print, and write the figures where they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--docs", type=Path, help="page whose table is renewed")
    wanted = parser.parse_args()
    figures = {
        "cores": os.cpu_count(),
        "first_tile": [in_fresh_process(first_tile, tile) for tile in (2048, 4096)],
        "memory_rule": [in_fresh_process(memory_rule, tile) for tile in (1024, 2048)],
    }
    table = as_table(figures)
    if wanted.json:
        wanted.json.write_text(json.dumps(figures, indent=1) + "\n")
    if wanted.docs:
        renew(wanted.docs, table, _BEGIN, _END)
    sys.stdout.write(table + "\n")


if __name__ == "__main__":
    main()
