"""What a plan says of itself before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from insarfeat.dispatch.program import Program
from insarfeat.windows import Halo, Window

SCRATCH_BYTES = 12
"""Bytes per pixel that kernels, compression and intermediate results may take besides inputs and outputs."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a plan will do and take; ``print`` it before a long run."""

    rasters: tuple[str, ...]
    height: int
    width: int
    tile: int
    tiles: int
    halo: Halo
    stages: tuple[str, ...]
    tasks: int
    sources: tuple[str, ...]
    workers: int
    peak_memory: int
    rim_memory: int
    disk: int

    def __str__(self) -> str:
        halo = f"{self.halo.top}/{self.halo.bottom} rows, {self.halo.left}/{self.halo.right} columns"
        lines = [
            f"rasters      {', '.join(self.rasters)}: {self.height} x {self.width} pixels",
            f"sources      {'; '.join(self.sources)}",
            f"stages       {', then '.join(self.stages)}",
            f"tiles        {self.tiles} of {self.tile} x {self.tile} pixels, halo {halo}",
            f"tasks        {self.tasks} in all, {self.workers} at a time",
            f"peak memory  about {_bytes(self.peak_memory)} above the program's own",
            f"rims         {_bytes(self.rim_memory)} more in the process that drives the run",
            f"disk         at most {_bytes(self.disk)} before compression; twice that at the end of a .nc or .tif",
        ]
        return "\n".join(line for line in lines if self.rim_memory or not line.startswith("rims "))


def tile_memory(program: Program, tile: Window) -> int:
    """Bytes for one tile: what is read, what comes out, and the kernels' own scratch."""
    read = program.source_windows(tile)
    inputs = sum(window.pixels * source.dtype.itemsize for source, window in read)
    outputs = sum(tile.pixels * dtype.itemsize for dtype in program.dtypes)
    widest = max([window.pixels for _, window in read] + [tile.pixels])
    return inputs + outputs + SCRATCH_BYTES * widest


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
