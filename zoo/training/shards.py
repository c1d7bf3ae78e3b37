r"""Shards of stored tiles: what the pixels of tiles are packed into, and what is written down beside them.

Layers are stored as 16-bit whole numbers q, with an offset and a step of their own for each layer of each tile,

.. math:: b = o + s q, \qquad |\mathrm{error}| \le (b_{max} - b_{min}) / 131068,

a twentieth of a milliradian of phase, a centimetre in 1,300 m of relief. Floats of half precision would leave a
milliradian and, even without the tile's mean, a quarter of a metre, which is 0.02 in the gradient of an elevation at
15 m. Intensity goes in as its logarithm: the error is a share of it. -32768 is nodata.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import UnreadableInput
from insarfeat.synth.slides import Sighting
from insarfeat.synth.style import Conditions
from insarfeat.synth.tiles import Tile
from zoo.training.labelled import Mark
from zoo.training.samples import INPUTS

ABOUT = "tiles.json"
"""Name of the file that tells what a folder holds."""

FLAGS = {"landslide": 1, "valid_mask": 2, "artefact": 4}
"""Bits of the masks of the truth."""

KIND_SHIFT = 3
"""Bits by which the kind of a slide lies above them."""

_MISSING = -32768
_MOST = 32767
_LOGARITHMS = ("intensity",)
_LEAST = np.float32(1e-9)

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """Arrays of a shard: mapped into memory, read where they are looked at.

    Attributes
    ----------
    values
        int16 (tiles, layers, y, x).
    scales
        float32 (tiles, layers, 2): offset and step.
    truth
        uint8 (tiles, y, x): bits of the masks, and the kind above them.
    """

    values: NDArray[np.int16]
    scales: Values
    truth: NDArray[np.uint8]

    @classmethod
    def open(cls, path: Path) -> Shard:
        """The shard in a folder."""
        try:
            return cls(*(np.load(path / f"{field.name}.npy", mmap_mode="r") for field in fields(cls)))
        except (OSError, ValueError) as error:
            raise UnreadableInput(
                f"{path.name} is damaged: {error}; remove it, and store_samples makes it again"
            ) from error

    def ask_for(self) -> None:
        """Let the system read the files now, in one run each, while something else goes on."""
        for field in fields(self):
            mapped = getattr(getattr(self, field.name), "_mmap", None)
            if mapped is not None and hasattr(mmap, "MADV_WILLNEED"):
                mapped.madvise(mmap.MADV_WILLNEED)

    def layer(self, place: int, name: str) -> Values:
        """A layer of one tile."""
        index = INPUTS.index(name)
        band = unpacked(self.values[place, index], *self.scales[place, index])
        return np.exp(band) if name in _LOGARITHMS else band


def write_shard(path: Path, tiles: Iterable[Tile], count: int, size: int) -> None:
    """Write a shard of ``count`` tiles of ``size`` by ``size`` pixels; it stands in its place when it is whole."""
    values = np.empty((count, len(INPUTS), size, size), np.int16)
    scales = np.empty((count, len(INPUTS), 2), np.float32)
    truth = np.empty((count, size, size), np.uint8)
    facts = []
    for index, tile in enumerate(tiles):
        for layer, name in enumerate(INPUTS):
            band = tile.bands.get(name, np.full((size, size), np.nan, np.float32))
            scaled = packed(np.log(np.maximum(band, _LEAST)) if name in _LOGARITHMS else band)
            values[index, layer], scales[index, layer] = scaled.steps, (scaled.offset, scaled.step)
        truth[index] = _flags(tile)
        facts.append(_facts_of(tile))
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.mkdir()
    for name, array in (("values", values), ("scales", scales), ("truth", truth)):
        with (new / f"{name}.npy").open("wb") as file:
            np.save(file, array, allow_pickle=False)
            os.fsync(file.fileno())
    write_json(new / ABOUT, facts)
    if path.exists():  # a shorter one, from when fewer tiles were asked for
        shutil.rmtree(path)
    new.rename(path)


def facts_in(path: Path) -> list[dict[str, Any]]:
    """What is written down about the tiles of a shard; nothing where it is not there."""
    about = path / ABOUT
    found: list[dict[str, Any]] = read_json(about) if about.exists() else []
    return found


def mark_of(slide: dict[str, Any]) -> Mark:
    """Mark of a slide that was written down."""
    top, left, bottom, right = slide["box"]
    return Mark(slide["class"], (top, left, bottom, right), slide["cut_off"])


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A layer as whole numbers."""

    steps: NDArray[np.int16]
    offset: float
    step: float


def packed(band: Values) -> Packed:
    """A layer as whole numbers, with the offset and the step that its values ask for.

    >>> packed(np.array([[0.0, 1.0, np.nan]], np.float32)).steps
    array([[-32767,  32767, -32768]], dtype=int16)
    """
    known = np.isfinite(band)
    if not known.any():
        return Packed(np.full(band.shape, _MISSING, np.int16), 0.0, 1.0)
    least, most = float(band[known].min()), float(band[known].max())
    offset, step = float(np.float32((least + most) / 2)), float(np.float32((most - least) / (2 * _MOST)))
    step = step or 1.0
    above = (np.where(known, band, np.float32(offset)).astype(np.float64) - offset) / step
    steps = np.where(known, np.clip(np.round(above), -_MOST, _MOST), _MISSING)
    return Packed(steps.astype(np.int16), offset, step)


def unpacked(steps: NDArray[np.int16], offset: float, step: float) -> Values:
    """A layer from its whole numbers.

    >>> unpacked(np.array([-4, 0, -32768], np.int16), 10.0, 0.5)
    array([ 8., 10., nan], dtype=float32)
    """
    band = steps.astype(np.float32) * np.float32(step) + np.float32(offset)
    return np.where(steps == _MISSING, np.float32(np.nan), band)


def _flags(tile: Tile) -> NDArray[np.uint8]:
    """The truth of a tile in one byte a pixel."""
    flags = np.left_shift(tile.bands["landslide_kind"].astype(np.uint8), np.uint8(KIND_SHIFT))
    for name, bit in FLAGS.items():
        flags |= np.where(tile.bands[name] > 0, np.uint8(bit), np.uint8(0))
    return flags


def _facts_of(tile: Tile) -> dict[str, Any]:
    """What is written down about a tile beside its pixels."""
    return {
        "pixel": tile.pixel,
        "label_pixels": int((tile.bands["landslide"] > 0).sum()),
        "conditions": _conditions(tile.conditions),
        "slides": [_slide(sighting, tile.pixel) for sighting in tile.sightings],
    }


def _conditions(conditions: Conditions) -> dict[str, Any]:
    told: dict[str, Any] = {"region": conditions.region.name}
    for field in fields(conditions):
        value = getattr(conditions, field.name)
        if isinstance(value, float | int | str):
            told[field.name] = value
    return told


def _slide(sighting: Sighting, pixel: float) -> dict[str, Any]:
    mark = Mark.of(sighting, pixel)
    speed = sighting.feature.speed
    return {
        "class": sighting.feature.code,
        "kind": sighting.kind,
        "box": None if mark is None else list(mark.box),
        "cut_off": mark is not None and mark.cut_off,
        "area": sighting.area,
        "speed": None if math.isnan(speed) else speed,
        "displacement": sighting.displacement,
        "visible": sighting.visible,
    }


def read_json(path: Path) -> Any:
    """What a file says."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnreadableInput(
            f"{path} is damaged: {error}; remove its folder and store the tiles again"
        ) from error


def write_json(path: Path, told: Any) -> None:
    """Write a file that is whole or not there."""
    new = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    new.write_text(json.dumps(told, indent=1), encoding="utf-8")
    new.replace(path)
