"""Figures of flow for the documentation: exactness, the cost of tiles, and a gigapixel from DEM to wetness.

``python -m benchmarks.flow_study accuracy|tiles|growth --data FOLDER --docs docs/flow.md``.
Accuracy needs SAGA (``saga_cmd``); growth needs 25 GB of disk in the work folder and, with two cores, half an hour.
Runs of growth that are in the JSON file already are not done again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray

from benchmarks import flow_tools
from benchmarks.pages import renew, table
from insarfeat import terrain

Array = NDArray[Any]

GROUND = "dem_davos_srtm1/davos_srtm1_epsg4326.tif"
SIDES = (8192, 16384, 32768)
TILE = 2048
EUROPE = 40e9


# Exactness


def accuracy(data: Path) -> str:
    """The largest difference from SAGA on ground without flats, in cells whose catchments are known."""
    rows: list[tuple[str, ...]] = []
    for title, dem, size in _grounds(data):
        ground = terrain.fill_depressions(dem.astype(np.float64), epsilon=True)
        known = terrain.flow_contamination(ground, resolution=size) == 0
        area = flow_tools.saga_mfd(ground, size)
        area_d8 = flow_tools.saga_d8(ground, size)
        specific = flow_tools.saga_widths(ground, area, size, "mfd").specific
        slope = np.radians(terrain.slope(ground, resolution=size))
        accumulation = terrain.flow_accumulation
        for layer, ours, theirs, relative in (
            ("cells upslope, MFD", accumulation(ground), area / size**2, True),
            ("cells upslope, D8", accumulation(ground, method="d8"), area_d8 / size**2, True),
            (
                "specific catchment area",
                terrain.specific_catchment_area(ground, resolution=size),
                specific,
                True,
            ),
            ("TWI", terrain.twi(ground, resolution=size), flow_tools.saga_twi(specific, slope, size), False),
        ):
            rows.append((title, layer, *_apart(ours, theirs, known, relative)))
        ours, theirs = (
            terrain.wetness_index(ground, resolution=size),
            flow_tools.saga_wetness(ground, size).index,
        )
        rows.append((title, "SAGA wetness index", *_apart(ours, theirs, np.isfinite(ground), False)))
    return table(("ground", "layer", "largest difference", "median", "cells compared"), rows)


def _apart(ours: Array, theirs: Array, where: Array, relative: bool) -> tuple[str, str, str]:
    both = where & np.isfinite(ours) & np.isfinite(theirs)
    difference = np.abs(ours[both].astype(np.float64) - theirs[both])
    if relative:
        difference /= np.abs(theirs[both])
    return f"{difference.max():.1e}", f"{np.median(difference):.1e}", f"{np.count_nonzero(both):,}"


def _grounds(data: Path) -> list[tuple[str, Array, float]]:
    from scipy.ndimage import gaussian_filter

    with rasterio.open(data / "dem_bigtujunga_srtm1/bigtujunga_utm11_30m.tif") as opened:
        tujunga = opened.read(1).astype(np.float32)
    with rasterio.open(data / "dem_srtm3/N42E012_srtm3.tif") as opened:
        apennines = gaussian_filter(opened.read(1)[:600, :600].astype(np.float32), 3)
    return [("Big Tujunga, SRTM 30 m", tujunga, 30.0), ("Apennines, SRTM 90 m, smoothed", apennines, 90.0)]


# The cost of tiles


@dataclass(frozen=True, slots=True)
class Layer:
    """What is run in memory and through a plan."""

    title: str
    run: Callable[[Any], Any]


LAYERS = (
    Layer("fill", terrain.fill_depressions),
    Layer("D8 accumulation from a DEM", lambda dem: terrain.flow_accumulation(dem, method="d8")),
    Layer("MFD accumulation from a DEM", terrain.flow_accumulation),
    Layer("TWI", lambda dem: terrain.twi(dem, resolution=30.0)),
)


def tiles(data: Path, side: int = 8192) -> list[dict[str, Any]]:
    """In memory and with a plan on one thread, in seconds; both from the same DEM on disk to a result."""
    import insarfeat

    found = []
    with tempfile.TemporaryDirectory() as folder:
        dem = TiledUp.of(data, side).raster()
        source = insarfeat.write(dem, Path(folder) / "dem.zarr")
        for layer in LAYERS:
            opened = insarfeat.open_stack(source)["elevation"].drop_vars(("y", "x"))
            values = opened.values
            layer.run(values[:256, :256].copy())  # compiles
            start = time.perf_counter()
            layer.run(values)
            memory = time.perf_counter() - start
            lazy = layer.run(opened.data)
            result = xr.DataArray(lazy, dims=("y", "x"), name="found")
            start = time.perf_counter()
            insarfeat.plan(result, tile=TILE).run(Path(folder) / "found.zarr", scheduler=1, overwrite=True)
            tiled = time.perf_counter() - start
            found.append({"layer": layer.title, "memory": memory, "tiled": tiled, "pixels": side * side})
            print(found[-1], flush=True)
    return found


def tiles_table(found: Sequence[dict[str, Any]]) -> str:
    """Mpx/s both ways, and their ratio."""
    rows = [
        (
            run["layer"],
            f"{run['pixels'] / run['memory'] / 1e6:.1f}",
            f"{run['pixels'] / run['tiled'] / 1e6:.1f}",
            f"{run['tiled'] / run['memory']:.2f}",
        )
        for run in found
    ]
    return table(("layer", "in memory, Mpx/s", "in tiles, Mpx/s", "cost of tiles"), rows)


# A gigapixel


@dataclass(frozen=True)
class TiledUp:
    """A real DEM in copies side by side, as a raster of any size that is made on demand."""

    path: str
    side: int

    @classmethod
    def of(cls, data: Path, side: int) -> TiledUp:
        """So many pixels a side."""
        return cls(str(data / GROUND), side)

    def __call__(self, window: Any) -> NDArray[np.float32]:
        dem = _read(self.path)
        rows = np.arange(window.top, window.bottom) % dem.shape[0]
        columns = np.arange(window.left, window.right) % dem.shape[1]
        return dem[np.ix_(rows, columns)]

    def raster(self) -> xr.DataArray:
        """Lazily, on pixels of 30 m."""
        from insarfeat.dispatch import GeneratedSource
        from insarfeat.dispatch.lazy import lazy_source
        from insarfeat.windows import Shape

        source = GeneratedSource(self, Shape(self.side, self.side), "f4", name=f"davos-{self.side}")
        data = lazy_source(source, ((self.side,), (self.side,)))
        coords = {"y": -30.0 * np.arange(self.side), "x": 30.0 * np.arange(self.side)}
        return xr.DataArray(data, coords, ("y", "x"), name="elevation")


_DEMS: dict[str, NDArray[np.float32]] = {}


def _read(path: str) -> NDArray[np.float32]:
    if path not in _DEMS:
        with rasterio.open(path) as opened:
            _DEMS[path] = opened.read(1).astype(np.float32)
    return _DEMS[path]


def run_of(data: Path, side: int, work: Path) -> dict[str, Any]:
    """Fill to TWI, on all cores, in this process: seconds and cores busy of each pass, peaks of memory and disk."""
    import insarfeat

    layer = terrain.twi(TiledUp.of(data, side).raster())
    small = terrain.twi(TiledUp.of(data, 512).raster())
    insarfeat.plan(small, tile=256).run(work / "small.zarr", overwrite=True)  # compiles
    baseline = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    plan = insarfeat.plan(layer, tile=TILE)
    out = work / f"twi-{side}.zarr"
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(f"{out}.partial", ignore_errors=True)
    passes = PassClock()
    disk = DiskWatch(Path(f"{out}.partial"))
    start = time.perf_counter()
    plan.run(out, progress=passes)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {
        "side": side,
        "seconds": seconds,
        "memory_mb": peak - baseline,
        "predicted_mb": (plan.describe().peak_memory + plan.describe().rim_memory) / 1e6,
        "disk_gb": disk.stop() / 1e9,
        "output_gb": _size(out) / 1e9,
        "passes": passes.found,
    }
    shutil.rmtree(out)
    return found


class PassClock:
    """What a run reports to: seconds, processor time and tasks of each pass."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}
        self._clock = (time.perf_counter(), time.process_time())

    def __call__(self, now: Any) -> None:
        title = now.stage.split("-")[0] + (", rounds" if "-" in now.stage else "")
        entry = self.found.setdefault(title, {"seconds": 0.0, "cpu": 0.0, "tasks": 0})
        clock = (time.perf_counter(), time.process_time())
        entry["seconds"] += clock[0] - self._clock[0]
        entry["cpu"] += clock[1] - self._clock[1]
        entry["tasks"] += now.done > 0
        self._clock = clock


class DiskWatch:
    """The largest size of a folder, looked at every second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(1.0):
            self._peak = max(self._peak, _size(self._folder))

    def stop(self) -> int:
        """End, and give the peak in bytes."""
        self._done.set()
        self._thread.join()
        return self._peak


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512
        except OSError:  # gone meanwhile
            continue
    return total


def growth_tables(runs: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Sizes, and the passes of the largest one."""
    sizes = table(
        (
            "side",
            "Gpx",
            "seconds",
            "Mpx/s",
            "cores busy",
            "peak memory, MB",
            "predicted, MB",
            "peak disk, GB",
            "result, GB",
        ),
        [
            (
                f"{run['side']:,}",
                f"{run['side'] ** 2 / 1e9:.2f}",
                f"{run['seconds']:.0f}",
                f"{run['side'] ** 2 / run['seconds'] / 1e6:.1f}",
                f"{cores_busy(run):.2f}",
                f"{run['memory_mb']:.0f}",
                f"{run['predicted_mb']:.0f}",
                f"{run['disk_gb']:.1f}",
                f"{run['output_gb']:.1f}",
            )
            for run in runs
        ],
    )
    largest = runs[-1]
    passes = passes_table(largest)
    core_seconds = sum(one["cpu"] for one in largest["passes"].values()) / largest["side"] ** 2 * EUROPE
    hours = table(
        (
            "40 Gpx on",
            "minutes of passes, at the cores' share of time here",
            "disk on the way",
            "disk at the end",
        ),
        [
            (
                f"{cores} cores",
                f"{core_seconds / cores / 60 / (cores_busy(largest) / 2):.0f}",
                f"{largest['disk_gb'] * EUROPE / largest['side'] ** 2:.0f} GB",
                f"{largest['output_gb'] * EUROPE / largest['side'] ** 2:.0f} GB",
            )
            for cores in (16, 256)
        ],
    )
    return {"growth": sizes, "passes": passes, "europe": hours}


def passes_table(run: dict[str, Any]) -> str:
    """The passes that took more than half a second."""
    return table(
        ("pass", "tasks", "seconds", "cores busy"),
        [
            (
                title,
                f"{one['tasks']:,}",
                f"{one['seconds']:.0f}",
                f"{one['cpu'] / max(one['seconds'], 1e-9):.2f}",
            )
            for title, one in run["passes"].items()
            if one["seconds"] > 0.5
        ],
    )


def cores_busy(run: dict[str, Any]) -> float:
    """Processor time per second of a run."""
    return float(sum(one["cpu"] for one in run["passes"].values()) / run["seconds"])


def main() -> None:
    """Measure one thing and write it where it belongs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("accuracy", "tiles", "growth"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--json", type=Path, help="where runs of growth are kept")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    arguments = parser.parse_args()
    if arguments.what == "accuracy":
        tables = {"accuracy": accuracy(arguments.data)}
    elif arguments.what == "tiles":
        tables = {"tiles": tiles_table(tiles(arguments.data))}
    else:
        tables = growth_tables(_growth(arguments))
    for name, content in tables.items():
        print(f"\n{name}\n{content}")
    if arguments.docs:
        arguments.docs.write_text(renew(arguments.docs.read_text(), tables))


def _growth(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """All sizes, each in a fresh process; what was measured is kept at once."""
    known: dict[str, Any] = {}
    if arguments.json and arguments.json.exists():
        known = json.loads(arguments.json.read_text())
    for side in arguments.sides:
        if str(side) in known:
            continue
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            known[str(side)] = pool.submit(run_of, arguments.data, side, arguments.work).result()
        print(json.dumps(known[str(side)], indent=1), flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(known, indent=1) + "\n")
    return [known[str(side)] for side in arguments.sides]


if __name__ == "__main__":
    main()
