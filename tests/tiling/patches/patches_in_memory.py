"""Small datasets of patches in memory, with what the package's own datasets have."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyproj import CRS

from insarfeat.tiling.patches.stores.base import CutPatch, Layout, PatchArrays
from insarfeat.windows import Shape

UTM = CRS.from_epsg(32632).to_wkt()
BANDS = ("wrapped_phase", "coherence", "slope")
CLASSES = {"CF": 1, "CS": 2}


def layout(height: int = 16, width: int = 24, masks: tuple[str, ...] = ("landslide", "valid_mask")) -> Layout:
    attributes = {"landslide": {"flag_values": np.array([0, 1, 2], np.uint8), "flag_meanings": "none CF CS"}}
    return Layout(BANDS, masks, Shape(height, width), attributes)


def cut_patches(
    count: int, like: Layout, *, seed: int = 0, crs: str = UTM, south_up: bool = False
) -> list[CutPatch]:
    """Noise with nodata, one box each but for every third."""
    random = np.random.default_rng(seed)
    height, width = like.size.height, like.size.width
    found = []
    for number in range(count):
        values = random.normal(size=(len(like.bands), height, width)).astype(np.float32)
        values[:, 0, : number + 1] = np.nan
        masks = random.integers(0, 3, (len(like.masks), height, width)).astype(np.uint8)
        masks[:, 0, : number + 1] = 255
        row, column = 8 * number, 12 * number
        north = 4_900_000.0 - 15 * row
        facts: dict[str, Any] = {
            "patch": number,
            "name": f"scene_{seed}__20200106_20200118__r{row:06d}_c{column:06d}",
            "scene": f"scene_{seed}",
            "event": "",
            "pair": "20200106_20200118",
            "kind": "grid",
            "copy": False,
            "row": row,
            "column": column,
            "height": height,
            "width": width,
            "transform": [15.0, 0.0, 600_000.0 + 15 * column, 0.0, 15.0 if south_up else -15.0, north],
            "crs": crs,
            "west": 600_000.0 + 15 * column,
            "valid_fraction": 0.1 + number / 7,
            "label_pixels": int((masks[:1] == 1).sum()),
            "slides": list(range(number)),
            "digest_slope": -(2**62) + number,
            "geometry": b"\x01\x02",
        }
        box = {
            "patch": number,
            "class": "CF",
            "value": 1,
            "slide": number,
            "row0": 2.0,
            "col0": 3.5,
            "row1": 9.25,
            "col1": 8.0,
            "west": 0.1,
            "visible": 0.5,
            "attributes": '{"Sign_Qual": 1}',
        }
        found.append(CutPatch(facts, values, masks, [box] if number % 3 else []))
    return found


@dataclass
class PatchesInMemory:
    """A stand-in for a dataset on disk. Counts what is read of it."""

    values: np.ndarray
    labels: np.ndarray
    table: pd.DataFrame
    boxes: pd.DataFrame
    bands: tuple[str, ...] = BANDS
    masks: tuple[str, ...] = ("landslide", "valid_mask")
    classes: dict[str, int] = field(default_factory=lambda: dict(CLASSES))
    parts: pd.Series | None = None
    path: Path = Path(tempfile.gettempdir()) / "no-such-dataset"
    reads: list[list[int]] = field(default_factory=list)

    @property
    def size(self) -> Shape:
        return Shape(*self.values.shape[-2:])

    def __len__(self) -> int:
        return len(self.table)

    def read(self, places: Any) -> PatchArrays:
        numbers = self.table["patch"].to_numpy()[np.asarray(places)]
        self.reads.append(numbers.tolist())
        return PatchArrays(self.values[numbers], self.labels[numbers])

    def selected(self, places: Any) -> PatchesInMemory:
        """Some of them: rows and boxes keep the patches' numbers, and places are counted anew."""
        parts = None if self.parts is None else self.parts.iloc[places]
        return replace(self, table=self.table.iloc[places], parts=parts)

    def numbers_of(self, part: str | None) -> np.ndarray:
        if part is None:
            return np.arange(len(self))
        if self.parts is None:
            raise ValueError("no split")
        return np.flatnonzero(self.parts.to_numpy() == part)


def _facts_of(random: np.random.Generator, count: int, per_shard: int, masks: np.ndarray) -> pd.DataFrame:
    places = np.arange(count)
    return pd.DataFrame(
        {
            "patch": places,
            "name": [f"scene__pair__r{number:06d}_c000000" for number in places],
            "scene": "scene",
            "pair": "pair",
            "row": 16 * places,
            "column": 0,
            "transform": [[15.0, 0.0, 6e5, 0.0, -15.0, 49e5 - 240.0 * number] for number in places],
            "crs": UTM,
            "label_pixels": ((masks[:, 0] > 0) & (masks[:, 0] < 255)).sum((-1, -2)).astype(np.int32),
            "valid_fraction": random.random(count).astype(np.float32),
            "shard": (places // per_shard).astype(np.int32),
            "place": (places % per_shard).astype(np.int32),
        }
    )


def dataset(count: int = 20, *, per_shard: int = 4, size: tuple[int, int] = (16, 24), seed: int = 0) -> Any:
    """Patches whose first value is their number, with rectangles as slides and their boxes."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, 3, *size)).astype(np.float32)
    values[:, 0, 0, 0] = np.arange(count)
    masks = np.zeros((count, 2, *size), np.uint8)
    masks[:, 1] = 1
    boxes = []
    for number in range(count):
        for slide in range(number % 3):
            top, left = 1 + 7 * slide, int(random.integers(1, 10))
            bottom, right = top + int(random.integers(2, 6)), left + int(random.integers(2, 12))
            name = ("CF", "CS")[(number + slide) % 2]
            masks[number, 0, top:bottom, left:right] = CLASSES[name]
            boxes.append(
                {
                    "patch": number,
                    "class": name,
                    "value": CLASSES[name],
                    "slide": 10 * number + slide,
                    "row0": float(top),
                    "col0": float(left),
                    "row1": float(bottom),
                    "col1": float(right),
                    "visible": np.float32(1.0 if number % 4 else 0.2),
                    "attributes": "{}",
                }
            )
    columns = ["patch", "class", "value", "slide", "row0", "col0", "row1", "col1", "visible", "attributes"]
    return PatchesInMemory(
        values, masks, _facts_of(random, count, per_shard, masks), pd.DataFrame(boxes, columns=columns)
    )


def split(patches: Any) -> Any:
    """The same with a split: six in ten to train, some left out."""
    names = ["train", "train", "train", "", "train", "validation", "train", "test", "train", "validation"]
    patches.parts = pd.Series([names[number % 10] for number in range(len(patches))])
    return patches
