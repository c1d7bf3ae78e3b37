"""Figures of stacks for the documentation: a full frame from two images and a DEM to a detection stack.

``python -m benchmarks.stack_study run|kill|cluster --data FOLDER --work FOLDER --docs docs/stacks.md``.
``run`` measures, ``alone`` each layer in a stack of its own, ``kill`` stops runs at random moments and compares
what they give when they are started again, ``cluster`` does the same through a Dask scheduler by its address.
Inputs are made once: 7 GB for a side of 20,000 pixels.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from benchmarks.flow_study import DiskWatch, PassClock, TiledUp, cores_busy, passes_table
from benchmarks.pages import renew, table

SIDE = 20_000
PIXEL = 15.0
_PATTERN = 2000


# Inputs: a scene of 2,000 pixels in copies side by side, and a real DEM at twice its pixels, likewise


@dataclass(frozen=True)
class Copies:
    """One image of a synthetic scene as a raster of any size."""

    name: str

    def __call__(self, window: Any) -> NDArray[np.complex64]:
        pattern: NDArray[np.complex64] = _scene()[self.name].values
        rows = np.arange(window.top, window.bottom) % _PATTERN
        columns = np.arange(window.left, window.right) % _PATTERN
        found: NDArray[np.complex64] = pattern[np.ix_(rows, columns)]
        return found


_SCENES: list[xr.Dataset] = []


def _scene() -> xr.Dataset:
    import insarfeat

    if not _SCENES:
        _SCENES.append(insarfeat.synth.scene(seed=1, size=_PATTERN, style="images")[["primary", "secondary"]])
    return _SCENES[0]


def inputs(data: Path, side: int, work: Path) -> dict[str, Path]:
    """Two images and a DEM on disk, as Zarr, made if they are not there."""
    import insarfeat
    from insarfeat.dispatch import GeneratedSource
    from insarfeat.dispatch.lazy import lazy_source
    from insarfeat.georeference import GRID_MAPPING, parse_crs
    from insarfeat.windows import Shape

    crs = xr.DataArray(0, attrs={"crs_wkt": parse_crs("EPSG:32632").to_wkt()})

    def on_map(array: Any, name: str, pixel: float) -> xr.DataArray:
        rows, columns = array.shape
        coords = {
            "y": 5_300_010.0 - pixel * (np.arange(rows) + 0.5),
            "x": 405_000.0 + pixel * (np.arange(columns) + 0.5),
            GRID_MAPPING: crs,
        }
        return xr.DataArray(array, coords, ("y", "x"), name)

    found = {}
    for name in ("primary", "secondary", "elevation"):
        path = found[name] = work / f"{name}-{side}.zarr"
        if path.exists():
            continue
        if name == "elevation":
            layer = on_map(TiledUp.of(data, side // 2).raster().data, name, 2 * PIXEL)
        else:
            source = GeneratedSource(Copies(name), Shape(side, side), "c8", name=f"{name}-{side}")
            layer = on_map(lazy_source(source, ((side,), (side,))), name, PIXEL)
        insarfeat.plan(layer).run(path)
    return found


def _given(paths: dict[str, Path]) -> dict[str, Any]:
    return {
        "primary": paths["primary"],
        "secondary": paths["secondary"],
        "dem": paths["elevation"],
        "incidence": 39.0,
        "heading": -12.0,
    }


# One run in a process of its own


def run_of(paths: dict[str, Path], small: dict[str, Path], out: Path) -> dict[str, Any]:
    """Seconds and cores busy of each pass, the peak of memory above that after a small run, of disk, and the
    result.
    """
    from insarfeat.stacks import build_stack, plan_stack

    build_stack(
        "detection", out.with_name("small.zarr"), overwrite=True, tile=512, **_given(small)
    )  # compiles
    baseline = _peak()
    start = time.perf_counter()
    plan = plan_stack("detection", **_given(paths))
    planned = time.perf_counter() - start
    passes = PassClock()
    disk = DiskWatch(Path(f"{out}.partial"))
    start = time.perf_counter()
    build_stack("detection", out, overwrite=True, progress=passes, **_given(paths))
    seconds = time.perf_counter() - start
    peak = _peak()
    told = plan.describe()
    return {
        "side": told.height,
        "planning": planned,
        "seconds": seconds,
        "memory_mb": peak - baseline,
        "process_mb": peak,
        "predicted_mb": (told.peak_memory + told.rim_memory) / 1e6,
        "disk_gb": disk.stop() / 1e9,
        "result_gb": _bytes(out) / 1e9,
        "passes": passes.found,
        "digest": digest(out),
    }


def _peak() -> float:
    """Most memory that this process has had, in MB; what getrusage tells begins with its parent's."""
    status = Path("/proc/self/status").read_text()
    return float(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def digest(stack: Path) -> str:
    """One number for all pixels of all layers."""
    import insarfeat

    found = hashlib.blake2b(digest_size=8)
    opened = insarfeat.open_stack(stack)
    for name in sorted(map(str, opened.data_vars)):
        layer = opened[name]
        for top in range(0, layer.shape[0], 2048):
            found.update(np.ascontiguousarray(layer[top : top + 2048].values).tobytes())
    return found.hexdigest()


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# Killed and started again


def _build(paths: dict[str, Path], out: Path) -> None:
    from insarfeat.stacks import build_stack

    build_stack("detection", out, **_given(paths))


def kill(paths: dict[str, Path], out: Path, times: int, longest: float) -> dict[str, Any]:
    """Start, kill at a random moment, start again, and so on; the last start goes on to the end."""
    context = multiprocessing.get_context("spawn")
    shutil.rmtree(f"{out}.partial", ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    moments = []
    chance = random.Random(7)
    for _ in range(times):
        process = context.Process(target=_build, args=(paths, out))
        process.start()
        moments.append(chance.uniform(0.1, 1.0) * longest)
        process.join(moments[-1])
        if process.exitcode is not None:
            break
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    start = time.perf_counter()
    process = context.Process(target=_build, args=(paths, out))
    process.start()
    process.join()
    return {
        "moments": moments,
        "last": time.perf_counter() - start,
        "rc": process.exitcode,
        "digest": digest(out),
    }


def cluster(paths: dict[str, Path], out: Path) -> dict[str, Any]:
    """Through a scheduler by its address: two worker processes of one thread."""
    import dask
    from distributed import LocalCluster

    from insarfeat.stacks import build_stack

    with (
        dask.config.set({"distributed.worker.daemon": False}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local,  # type: ignore[no-untyped-call]
    ):
        start = time.perf_counter()
        build_stack("detection", out, overwrite=True, scheduler=local.scheduler_address, **_given(paths))
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "digest": digest(out)}


def alone(paths: dict[str, Path], small: dict[str, Path], out: Path) -> dict[str, float]:
    """Seconds for each layer in a stack of its own, from the same files."""
    from insarfeat.stacks import Recipe, build_stack

    recipe = Recipe.named("detection")
    found = {}
    for name in (
        "wrapped_phase",
        "coherence",
        "shadow_layover",
        "slope_to_los",
        "sensitivity",
        "slope",
        "terrain_pc1",
    ):
        single = recipe.changed(layers=(name,))
        build_stack(
            single, out.with_name("small.zarr"), overwrite=True, tile=512, **_given(small)
        )  # compiles
        start = time.perf_counter()
        build_stack(single, out, overwrite=True, **_given(paths))
        found[name] = time.perf_counter() - start
        print(name, f"{found[name]:.1f} s", flush=True)
    return found


# What the page says


def tables(
    run: dict[str, Any], killed: dict[str, Any] | None, clustered: dict[str, Any] | None
) -> dict[str, str]:
    """The run, its passes, and whether others gave the same."""
    whole = table(
        (
            "side",
            "minutes",
            "Mpx/s",
            "cores busy",
            "peak memory, MB",
            "foretold, MB",
            "disk on the way, GB",
            "result, GB",
        ),
        [
            (
                f"{run['side']:,}",
                f"{run['seconds'] / 60:.1f}",
                f"{run['side'] ** 2 / run['seconds'] / 1e6:.1f}",
                f"{cores_busy(run):.2f}",
                f"{run['memory_mb']:.0f}",
                f"{run['predicted_mb']:.0f}",
                f"{run['disk_gb']:.1f}",
                f"{run['result_gb']:.1f}",
            )
        ],
    )
    again = []
    if killed:
        stopped = ", ".join(f"{moment:.0f}" for moment in killed["moments"])
        same = "the same pixels" if killed["digest"] == run["digest"] else "OTHER PIXELS"
        again.append((f"killed after {stopped} s, then finished in {killed['last']:.0f} s", same))
    if clustered:
        same = "the same pixels" if clustered["digest"] == run["digest"] else "OTHER PIXELS"
        again.append((f"two worker processes by address, {clustered['seconds']:.0f} s", same))
    return {"stack": whole, "passes": passes_table(run), "again": table(("run", "result"), again)}


def main() -> None:
    """Measure one thing, keep it, and write what is known where it belongs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "kill", "cluster", "alone", "page"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--json", type=Path, default=Path("stack_study.json"))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--kills", type=int, default=3)
    arguments = parser.parse_args()
    known: dict[str, Any] = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    out = arguments.work / "frame.zarr"
    if arguments.what != "page":
        paths = inputs(arguments.data, arguments.side, arguments.work)
        if arguments.what == "run":
            small = inputs(arguments.data, 1024, arguments.work)
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                known["run"] = pool.submit(run_of, paths, small, out).result()
        elif arguments.what == "alone":
            known["alone"] = alone(
                paths, inputs(arguments.data, 1024, arguments.work), arguments.work / "one.zarr"
            )
        elif arguments.what == "kill":
            known["kill"] = kill(paths, out, arguments.kills, known["run"]["seconds"] / 2)
        else:
            known["cluster"] = cluster(paths, out)
        print(json.dumps(known[arguments.what], indent=1))
        arguments.json.write_text(json.dumps(known, indent=1) + "\n")
    found = tables(known["run"], known.get("kill"), known.get("cluster"))
    if "alone" in known:
        pixels = known["run"]["side"] ** 2 / 1e6
        rows = [
            (name, f"{seconds:.0f}", f"{pixels / seconds:.1f}") for name, seconds in known["alone"].items()
        ]
        found["alone"] = table(("layer in a stack of its own", "seconds", "Mpx/s"), rows)
    for name, content in found.items():
        print(f"\n{name}\n{content}")
    if arguments.docs:
        arguments.docs.write_text(renew(arguments.docs.read_text(), found))


if __name__ == "__main__":
    main()
