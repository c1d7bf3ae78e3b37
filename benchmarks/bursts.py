"""Full bursts from disk to disk: ``python -m benchmarks.bursts [--folder DIR] [--json FILE] [--docs PAGE]``.

A coregistered pair of IW bursts (1508 x 25350 complex64 each), and nine of them as a swath, with speckle, texture,
fringes and coherence as real ones have them: from images in Zarr to interferogram, coherence (3 x 11) and filtered
phase in Zarr, in one plan. Each run is made in a fresh process; memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine import in_fresh_process, peak, renew, resident

LINES, SAMPLES, BURSTS = 1508, 25_350, 9
_EVERY = 1499  # lines from burst to burst, so that nine make a swath of 13,500
_FRAME = 3  # invalid lines before and after
_WINDOW = (3, 11)
_BEGIN, _END = "<!-- bursts: begin -->", "<!-- bursts: end -->"


def image(
    window: Any, burst: int, secondary: bool, shape: tuple[int, int] = (LINES, SAMPLES)
) -> NDArray[np.complex64]:
    """A window of one image: speckle and texture that both images share, noise that they do not, and fringes."""
    common, noise = (_speckle(window, (burst, number)) for number in (0, 1 + secondary))
    y = np.arange(window.top, window.bottom, dtype=np.float32)[:, None]
    x = np.arange(window.left, window.right, dtype=np.float32)[None, :]
    ground = np.sin(y / 211) * np.sin(x / 389)
    coherence = np.float32(0.5) + np.float32(0.4) * ground
    pixels = np.sqrt(coherence) * common + np.sqrt(1 - coherence) * noise
    pixels *= np.exp(np.float32(0.7) * np.sin(y / 97 + x / 151)) * 40
    if secondary:
        pixels *= np.exp(-1j * (x / 60 + 8 * ground)).astype(np.complex64)
    invalid = (y < _FRAME) | (y >= shape[0] - _FRAME) | (x < 200) | (x >= shape[1] - 200)
    pixels[np.broadcast_to(invalid, pixels.shape)] = 0
    return np.asarray(pixels, np.complex64)


def _speckle(window: Any, seed: tuple[int, ...]) -> NDArray[np.complex64]:
    rng = np.random.default_rng((*seed, window.top, window.left))
    parts = rng.standard_normal((window.height, 2 * window.width), np.float32) * np.float32(0.5**0.5)
    return parts.view(np.complex64)


def burst_times(count: int, shape: tuple[int, int] = (LINES, SAMPLES), every: int = _EVERY) -> list[Any]:
    """Timing of bursts of which each begins so many lines after the one before."""
    from insarfeat.bursts import (
        Antenna,
        AzimuthAxis,
        Burst,
        RangePolynomial,
        SlantRangeAxis,
        ValidSamples,
    )

    lines, samples = shape
    valid = [_FRAME <= line < lines - _FRAME for line in range(lines)]
    first = Burst(
        azimuth=AzimuthAxis(datetime(2025, 4, 6, 2, 20, 8), 2.0555563e-3, lines),
        slant_range=SlantRangeAxis(5.68e-3, 6.4345238e7, samples),
        antenna=Antenna(5.405e9, 0.979863, 7590.0),
        fm_rate=RangePolynomial(5.68e-3, (-2250.0,)),
        doppler_centroid=RangePolynomial(5.68e-3, (10.0,)),
        valid=ValidSamples(
            tuple(200 if is_valid else -1 for is_valid in valid),
            tuple(samples - 201 if is_valid else -1 for is_valid in valid),
        ),
    )
    return [
        replace(
            first,
            azimuth=replace(
                first.azimuth,
                first_time=first.azimuth.first_time
                + timedelta(seconds=number * every * first.azimuth.interval),
            ),
        )
        for number in range(count)
    ]


def make(folder: Path, count: int, shape: tuple[int, int] = (LINES, SAMPLES)) -> None:
    """Write pairs of bursts, each into a Zarr group of its own; those that are there already stay."""
    from functools import partial

    import xarray as xr

    import insarfeat
    from insarfeat.dispatch import GeneratedSource
    from insarfeat.dispatch.lazy import lazy_source
    from insarfeat.windows import Shape

    for burst in range(count):
        out = folder / f"burst-{burst}.zarr"
        if out.exists():
            continue
        pair = {}
        for name, secondary in (("primary", False), ("secondary", True)):
            function = partial(image, burst=burst, secondary=secondary, shape=shape)
            source = GeneratedSource(function, Shape(*shape), "c8", name=f"{name}-{burst}")
            pair[name] = xr.DataArray(lazy_source(source, ((shape[0],), (shape[1],))), dims=("y", "x"))
        insarfeat.plan(xr.Dataset(pair), tile=1024).run(out)


def layers_of(folder: Path, bursts: list[Any]) -> Any:
    """Interferogram, coherence and filtered phase of all bursts, debursted, lazily."""
    import xarray as xr

    import insarfeat
    from insarfeat import filters

    found = []
    for number in range(len(bursts)):
        stored = insarfeat.open_stack(folder / f"burst-{number}.zarr")
        ifg = filters.interferogram(stored["primary"], stored["secondary"])
        coherence = filters.coherence(stored["primary"], stored["secondary"], window=_WINDOW)
        found.append(
            xr.Dataset(
                {
                    "interferogram": ifg,
                    "coherence": coherence,
                    "wrapped_phase": filters.wrapped_phase(filters.goldstein(ifg)),
                }
            )
        )
    return insarfeat.bursts.deburst(found, bursts)


class Stopwatch:
    """Seconds that threads spend in functions."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def watching(self, owner: Any, name: str) -> Iterator[None]:
        """Take the time of a method wherever it is called."""
        original: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            try:
                return original(*arguments, **keywords)
            finally:
                with self._lock:
                    self.seconds += time.perf_counter() - start

        setattr(owner, name, timed)
        try:
            yield
        finally:
            setattr(owner, name, original)


def run(
    folder: Path, count: int, tile: int, shape: tuple[int, int] = (LINES, SAMPLES), every: int = _EVERY
) -> dict[str, float]:
    """One run from disk to disk, measured."""
    import insarfeat
    from insarfeat import filters
    from insarfeat.io.sources import VariableSource
    from insarfeat.tiling.store import StoredRaster

    for name in ("zarr", "dask.array", "insarfeat.io", "insarfeat.tiling"):
        importlib.import_module(name)
    small = np.ones((8, 8), "c8")
    filters.coherence(small, small, window=_WINDOW)
    filters.wrapped_phase(filters.goldstein(filters.interferogram(small, small)))
    imports = resident()
    plan = insarfeat.plan(layers_of(folder, burst_times(count, shape, every)), tile=tile)
    told = plan.describe()
    reading, writing = Stopwatch(), Stopwatch()
    with tempfile.TemporaryDirectory(dir=folder) as out:
        busy, start = time.process_time(), time.perf_counter()
        with reading.watching(VariableSource, "read"), writing.watching(StoredRaster, "write"):
            plan.run(Path(out) / "swath.zarr")
        seconds = time.perf_counter() - start
        busy = time.process_time() - busy
    threads = told.workers * seconds
    return {
        "bursts": count,
        "height": told.height,
        "width": told.width,
        "tile": tile,
        "tasks": told.tasks,
        "seconds": seconds,
        "mpx_per_s": told.height * told.width / seconds / 1e6,
        "cores_busy": busy / seconds,
        "reading_share": reading.seconds / threads,
        "writing_share": writing.seconds / threads,
        "peak_mb": peak() / 1e6,
        "imports_mb": imports / 1e6,
        "rule_mb": told.peak_memory / 1e6,
    }


def as_table(rows: list[dict[str, float]]) -> str:
    """The figures as the documentation shows them."""
    head = [
        "| run | tile | seconds | Mpx/s | cores busy | reading | writing | peak MB, whole process | imports MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join(
        head
        + [
            f"| {row['bursts']} burst(s), {row['height']:,} x {row['width']:,} | {row['tile']} | "
            f"{row['seconds']:.1f} | {row['mpx_per_s']:.1f} | {row['cores_busy']:.2f} | {row['reading_share']:.0%} | "
            f"{row['writing_share']:.0%} | {row['peak_mb']:.0f} | {row['imports_mb']:.0f} |"
            for row in rows
        ]
    )


def main() -> None:
    """Make the images if they are not there, measure, print, and write the figures where they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, help="where the images lie or shall lie (6 GB); kept afterwards"
    )
    parser.add_argument("--tile", type=int, default=2048)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--docs", type=Path, help="page whose table is renewed")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        folder = wanted.folder or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        child = multiprocessing.get_context("spawn").Process(target=make, args=(folder, BURSTS))
        child.start()
        child.join()
        rows = [in_fresh_process(run, folder, count, wanted.tile) for count in (1, BURSTS)]
    table = as_table(rows)
    if wanted.json:
        wanted.json.write_text(json.dumps({"cores": os.cpu_count(), "runs": rows}, indent=1) + "\n")
    if wanted.docs:
        renew(wanted.docs, table, _BEGIN, _END)
    sys.stdout.write(table + "\n")


if __name__ == "__main__":
    main()
