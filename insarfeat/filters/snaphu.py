"""The program SNAPHU, which the optional package ``snaphu`` brings, and the files that it works on.

SNAPHU needs the whole raster at once, in flat files. So the rasters are laid out there window by window, the
program runs once, and its results are taken from there window by window: nothing here holds a whole raster.

The program is started from here and not through ``snaphu.unwrap``: that one leaves its output on the terminal,
copies every file once more, and starts it in our own process group, which SNAPHU kills when one of its tiles fails.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, RunFailed, missing_extra
from insarfeat.layers import NODATA_BYTE
from insarfeat.windows import Shape, Window

Array = NDArray[Any]

_log = logging.getLogger(__name__)

_TILE = 2048
"""Side of the largest square that is unwrapped in one piece: half a gigabyte and, usually, seconds."""
_OVERLAP = 400
"""Pixels that neighbouring tiles share; SNAPHU itself warns of less."""
_PROCESSES = 16
"""SNAPHU starts its tiles seconds apart: more processes would take memory and save little time."""
_SMALLEST_SIDE = 8
"""SNAPHU averages gradients over 7 pixels, and refuses rasters that are narrower than its window."""

_MOST_COMPONENTS = NODATA_BYTE - 1
_AGREEING = 0.9
_STRIP = 1 << 24
_ROUNDING = 1e-3
_INPUTS = {"phase": "f4", "coherence": "f4", "valid": "u1"}
_OUTPUTS = {"unwrapped": "f4", "components": "u4"}


@dataclass(frozen=True)
class Workbench:
    """A folder with SNAPHU's files: flat rasters that are written and read window by window."""

    folder: Path
    shape: Shape

    @property
    def grid(self) -> Shape:
        """Size of the files: the raster's, with masked pixels around one that is too narrow for SNAPHU."""
        return Shape(max(self.shape.height, _SMALLEST_SIDE), max(self.shape.width, _SMALLEST_SIDE))

    def strips(self) -> Iterator[Window]:
        """The raster in whole rows, a bounded number of pixels at a time."""
        height, width = self.shape.height, self.shape.width
        rows = _STRIP // max(1, width) + 1
        for top in range(0, height, rows):
            yield Window(top, 0, min(rows, height - top), width)

    def prepare(self) -> None:
        """Make the input files, all of them masked; those that an earlier run has begun stay."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, dtype in _INPUTS.items():
            path, size = self.folder / name, self.grid.height * self.grid.width * np.dtype(dtype).itemsize
            if not (path.exists() and path.stat().st_size == size):
                with path.open("wb") as file:
                    file.truncate(size)

    def put(self, window: Window, ifg: Array, coherence: Array) -> bool:
        """Write a window of the inputs; tells whether there is a valid pixel in it."""
        with np.errstate(invalid="ignore"):  # infinity is nodata too
            number = ifg if ifg.dtype.kind == "c" else np.exp(1j * ifg)
        valid = np.isfinite(number) & (number != 0)
        phase = np.angle(np.where(valid, number, 1))
        weight = np.where(valid & ~np.isnan(coherence), coherence, 0)
        if weight.size and not (weight.min() >= -_ROUNDING and weight.max() <= 1 + _ROUNDING):
            raise InvalidArgument(
                f"coherence must be from 0 to 1; got {weight.min():.4g} to {weight.max():.4g}: divide it by its scale"
            )
        for name, pixels in zip(_INPUTS, (phase, weight.clip(0, 1), valid), strict=True):
            self._write(name, window, pixels)
        return bool(valid.any())

    def solve(self, looks: float) -> Array:
        """Run SNAPHU; gives the label of each of its components, from that of pixels in none."""
        from insarfeat.dispatch.lazy import available_cores

        rows, columns = cut = _cut(self.grid)
        tiles, pixels = rows.count * columns.count, rows.tile * columns.tile
        settings = {
            "INFILE": "phase", "INFILEFORMAT": "FLOAT_DATA",
            "CORRFILE": "coherence", "CORRFILEFORMAT": "FLOAT_DATA",
            "BYTEMASKFILE": "valid",
            "OUTFILE": "unwrapped", "OUTFILEFORMAT": "FLOAT_DATA",
            "CONNCOMPFILE": "components", "CONNCOMPOUTTYPE": "UINT",
            "LINELENGTH": self.grid.width, "NCORRLOOKS": f"{looks:.6f}",
            "STATCOSTMODE": "SMOOTH", "INITMETHOD": "MST",
            "NTILEROW": rows.count, "NTILECOL": columns.count,
            "ROWOVRLP": rows.overlap, "COLOVRLP": columns.overlap,
            "NPROC": max(1, min(available_cores(), tiles, _PROCESSES)),
            # A tile may have 32767 arcs between its regions, about three for each: in noise, regions of SNAPHU's
            # usual size would be too many, and it would give up.
            "MINREGIONSIZE": max(100, pixels // 10_000),
            # Parts of a component may lie in several tiles: they are sifted when they have been joined. Nothing
            # joins masked pixels, so they are in none as long as a component must have more than one.
            "MINCONNCOMPFRAC": f"{max(10, self._smallest // (10 if tiles > 1 else 1)) / pixels:.12f}",
            "MAXNCOMPS": 1_000_000,
        }  # fmt: skip
        (self.folder / "settings").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        _run_snaphu(self.folder)
        return self._labels(cut)

    def take(self, window: Window, labels: Array) -> tuple[Array, Array]:
        """A window of the results: phase and components."""
        valid = self._map("valid")[window.slices] != 0
        phase = np.where(valid, self._map("unwrapped")[window.slices], np.float32(np.nan))
        components = np.where(valid, labels[self._map("components")[window.slices]], np.uint8(NODATA_BYTE))
        return phase, components

    def clear(self) -> None:
        """Give the disk back; the notes on what is done stay."""
        for name in (*_INPUTS, *_OUTPUTS):
            (self.folder / name).unlink(missing_ok=True)

    @property
    def _smallest(self) -> int:
        """Pixels that a component must have at least."""
        return min(max(10, self.shape.height * self.shape.width // 100), 1000)

    def _labels(self, cut: tuple[Side, Side]) -> Array:
        """Label of each component: parts joined at the tiles' edges, the largest first, the small ones 0."""
        sizes = np.zeros(1, np.int64)
        for strip in self.strips():
            more = np.bincount(self._map("components")[strip.slices].ravel(), minlength=len(sizes))
            more[: len(sizes)] += sizes
            sizes = more
        group = self._joined(cut, len(sizes))
        pixels = np.bincount(group, sizes).astype(np.int64)
        pixels[group[0]] = 0
        order = np.argsort(-pixels, kind="stable")[:_MOST_COMPONENTS]
        order = order[pixels[order] >= self._smallest]
        label_of_group = np.zeros(len(pixels), "u1")
        label_of_group[order] = np.arange(1, len(order) + 1)
        return label_of_group[group]

    def _joined(self, cut: tuple[Side, Side], count: int) -> Array:
        """Group of each component: those that meet at an edge between tiles, nearly everywhere without a jump."""
        labels, phase = self._map("components"), self._map("unwrapped")
        edges = [(labels, phase, row) for row in cut[0].edges()]
        edges += [(labels.T, phase.T, column) for column in cut[1].edges()]
        if not edges:
            return np.arange(count)
        links = []
        for labels, phase, edge in edges:
            one, other = labels[edge - 1 : edge + 1].astype(np.int64)
            smooth = abs(phase[edge] - phase[edge - 1]) < np.pi
            meeting = (one > 0) & (other > 0)
            pairs, which, lengths = np.unique(
                (one * count + other)[meeting], return_inverse=True, return_counts=True
            )
            agreeing = np.bincount(which, smooth[meeting], len(pairs))
            links.append(pairs[agreeing >= _AGREEING * lengths])

        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        ends = np.divmod(np.concatenate(links), count)
        graph = coo_array((np.ones(len(ends[0]), bool), ends), shape=(count, count))
        group: Array = connected_components(graph, directed=False)[1]
        return group

    def _map(self, name: str) -> Array:
        dtype = _INPUTS.get(name) or _OUTPUTS[name]
        return np.memmap(self.folder / name, dtype, "r", shape=(self.grid.height, self.grid.width))

    def _write(self, name: str, window: Window, pixels: Array) -> None:
        """Write row by row: pages of a map would be shared with the neighbours, whom another host may write."""
        lines = np.ascontiguousarray(pixels, _INPUTS[name])
        with (self.folder / name).open("r+b") as file:
            for row, line in enumerate(lines, window.top):
                file.seek((row * self.grid.width + window.left) * lines.itemsize)
                file.write(line.data)


@dataclass(frozen=True)
class Side:
    """Tiles along one axis, as SNAPHU lays them."""

    size: int
    count: int

    @classmethod
    def of(cls, size: int) -> Side:
        """As few tiles as their largest size allows.

        >>> Side.of(2048), Side.of(3000).tile, list(Side.of(3000).edges())
        (Side(size=2048, count=1), 1700, [1500])
        """
        return cls(size, 1 if size <= _TILE else math.ceil((size - _OVERLAP) / (_TILE - _OVERLAP)))

    @property
    def overlap(self) -> int:
        """Pixels that two neighbours share."""
        return _OVERLAP if self.count > 1 else 0

    @property
    def tile(self) -> int:
        """Size of a tile, overlaps included; the last one may be smaller."""
        return -(-(self.size + (self.count - 1) * self.overlap) // self.count)

    def edges(self) -> Iterator[int]:
        """First pixel of each tile but the first, when each has given half of its overlaps to its neighbours."""
        for number in range(1, self.count):
            yield number * (self.tile - self.overlap) + -(-self.overlap // 2)


def _cut(shape: Shape) -> tuple[Side, Side]:
    """Tiles along both axes: one for what is small enough, however long."""
    if shape.height * shape.width <= _TILE**2:
        return Side(shape.height, 1), Side(shape.width, 1)
    return Side.of(shape.height), Side.of(shape.width)


def program() -> Path:
    """The program that the package snaphu brings."""
    try:
        package = importlib.import_module("snaphu")
    except ImportError as error:
        raise missing_extra("unwrapped phases", "unwrap") from error
    return Path(str(package.__file__)).with_name("snaphu")


def _run_snaphu(folder: Path) -> None:
    """Run SNAPHU on the settings in a folder, where it stays with all of its files, and pass on what it says."""
    for leftover in folder.glob("snaphu_tiles_*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    said: deque[str] = deque(maxlen=12)
    try:
        process = subprocess.Popen(
            [str(program()), "-f", "settings"],
            cwd=folder,  # for short names: SNAPHU cuts long ones, and takes a space for their end
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # when a tile fails, SNAPHU ends its whole process group: that must not be ours
        )
    except OSError as error:
        raise RunFailed(f"SNAPHU could not be started: {error}") from error
    with process:
        try:
            for line in process.stdout or ():
                if text := line.strip():
                    _log.info("%s", text)
                    said.append(text)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        words = " / ".join([*said, *_words_of_tiles(folder)])
        killed = " (killed, out of memory?)" if process.returncode < 0 else ""
        raise RunFailed(f"SNAPHU ended with status {process.returncode}{killed}. Its last words: {words}")


def _words_of_tiles(folder: Path) -> list[str]:
    """The last line of each tile that did not come to its end; processes of their own write logs of their own."""
    words = []
    for log in sorted(folder.glob("snaphu_tiles_*/tmptilelog_*")):
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        if lines and not lines[-1].startswith("Elapsed"):
            words.append(f"tile {log.name.removeprefix('tmptilelog_')}: {' / '.join(lines[-2:])}")
    return words[:4]
