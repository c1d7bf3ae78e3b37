"""A dataset of patches on disk: its tables, its pixels, and what was left out of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput, file_nearby, suggestion
from insarfeat.tiling.patches.statistics import PERCENTILES, SKETCH, Gathered, moments_of, percentiles_of
from insarfeat.tiling.patches.stores import STORES
from insarfeat.tiling.patches.stores.base import Layout, PatchArrays
from insarfeat.tiling.patches.table import read_table
from insarfeat.tiling.patches.training.batches import Batch, batches
from insarfeat.windows import Shape

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of all patches that could have been cut: ``considered`` is ``kept`` and all that were left out.

    Attributes
    ----------
    considered
        Places that patches could have had.
    kept
        Patches in the dataset, without second copies.
    copies
        Second copies of small slides, beside them.
    left_out
        Patches that are not there, by reason.
    """

    considered: int
    kept: int
    copies: int
    left_out: Mapping[str, int]

    def __str__(self) -> str:
        lines = [
            f"{self.kept} of {self.considered} patches"
            + (f", and {self.copies} second copies" if self.copies else "")
        ]
        width = max(map(len, self.left_out), default=0)
        lines += [f"  {reason:{width}}  {count}" for reason, count in self.left_out.items()]
        return "\n".join([lines[0], *(["left out:", *lines[1:]] if self.left_out else [])])


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One patch.

    Attributes
    ----------
    values
        float32 (band, y, x); NaN is nodata.
    masks
        uint8 (mask, y, x); 255 is nodata.
    facts
        Its row of the table.
    boxes
        Its rows of the table of boxes.
    """

    values: NDArray[np.float32]
    masks: NDArray[np.uint8]
    facts: pd.Series
    boxes: pd.DataFrame


class Patches(Sequence[Patch]):
    """A dataset of patches, as :func:`extract_patches` writes it; pixels are read when they are asked for.

    A slice, a mask or a list of numbers selects; a number gives a :class:`Patch`.

    Attributes
    ----------
    path
        The folder.
    table
        A row per patch: where it lies, what it holds, where it is stored. Rows keep their numbers in a selection.
    bands, masks
        Names.
    size
        Height and width of all patches.
    classes
        Value of each class in the first mask.
    report
        What was left out, and why.
    """

    def __init__(self, path: Path, told: Mapping[str, Any], table: pd.DataFrame) -> None:
        self.path = path
        self.table = table
        self._told = told
        self._layout = _layout_of(told["layout"])
        self._store = STORES[told["format"]]
        self.classes: dict[str, int] = dict(told["classes"])
        self.report = Report(**told["report"])

    @classmethod
    def open(cls, path: str | Path) -> Patches:
        """Open a dataset."""
        folder = Path(path)
        if not (folder / "dataset.json").exists():
            what = (
                "is no dataset of patches: it holds no dataset.json"
                if folder.exists()
                else f"does not exist{file_nearby(folder)}"
            )
            raise MissingInput(f"{folder} {what}; extract_patches makes one")
        try:
            told = json.loads((folder / "dataset.json").read_text())
            return cls(folder, told, read_table(folder / "table.parquet"))
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise UnreadableInput(f"{folder.name} is damaged: {type(error).__name__}: {error}") from error

    def __repr__(self) -> str:
        layers = ", ".join(self.bands + self.masks)
        return f"Patches({len(self)} of {self.size.height} x {self.size.width} pixels: {layers})"

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the continuous layers."""
        return self._layout.bands

    @property
    def masks(self) -> tuple[str, ...]:
        """Names of the layers of classes; labels come first."""
        return self._layout.masks

    @property
    def size(self) -> Shape:
        """Height and width."""
        return self._layout.size

    @property
    def format(self) -> str:
        """How pixels are stored."""
        return self._store.name

    @cached_property
    def boxes(self) -> pd.DataFrame:
        """A row per label box in a patch; ``patch`` is the patch's number."""
        return read_table(self.path / "boxes.parquet")

    @cached_property
    def parts(self) -> pd.Series | None:
        """Part of each patch, "" for those that a split has left out; None where no split is saved."""
        if not (self.path / "split.parquet").exists():
            return None
        split = read_table(self.path / "split.parquet").set_index("patch")
        parts: pd.Series = split["part"].reindex(self.table["patch"]).fillna("")
        return parts.set_axis(self.table.index)

    @property
    def synthetic_scenes(self) -> dict[str, bool | None]:
        """Whether each scene of this selection is the generator's; None where it is not known.

        It is known of scenes that have the attribute ``source``, and of products of processors. Datasets that were
        written before this was noted know it of none.
        """
        told: Mapping[str, bool | None] = self._told.get("synthetic", {})
        return {scene: told.get(scene) for scene in self.table["scene"].unique().tolist()}

    @property
    def synthetic(self) -> bool | None:
        """True where any scene is synthetic, False where all are known not to be, None where that is not known."""
        told = self.synthetic_scenes.values()
        return True if any(told) else None if None in told or not told else False

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, which: int) -> Patch: ...

    @overload
    def __getitem__(self, which: slice) -> Patches: ...

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, int | np.integer) and not isinstance(which, bool):
            if not -len(self) <= which < len(self):
                raise IndexError(f"patch {which} of {len(self)}")
            row = self.table.iloc[[int(which)]]
            found = self.read([which])
            boxes = self.boxes[self.boxes["patch"] == row["patch"].iloc[0]]
            return Patch(found.values[0], found.masks[0], row.iloc[0], boxes)
        return self._selected(self.table.iloc[which if isinstance(which, slice) else np.asarray(which)])

    def __iter__(self) -> Iterator[Patch]:
        return (self[number] for number in range(len(self)))

    def read(self, numbers: Any) -> PatchArrays:
        """Pixels of patches by their places in this selection, in the order that is asked for."""
        rows = self._stored.iloc[np.atleast_1d(np.asarray(numbers, np.int64))]
        return self._store.read(self.path, rows, self._layout)

    @cached_property
    def _stored(self) -> pd.DataFrame:
        """The columns that tell where pixels are: to pick a row of all of them takes longer than to read a patch."""
        return self.table[["name", "shard", "place"]]

    def numbers_of(self, part: str | None = None) -> Numbers:
        """Places of the patches of a part; of all where none is named."""
        if part is None:
            return np.arange(len(self))
        if self.parts is None:
            raise InvalidArgument(
                f"there is no part {part!r}, because the patches are not split; split them, as in "
                "tiling.split(patches).save()"
            )
        known = sorted(set(self.parts) - {""})
        if part not in known:
            raise InvalidArgument(
                f"part is {part!r}{suggestion(part, known)}; the split has {', '.join(map(repr, known))}"
            )
        return np.flatnonzero(self.parts.to_numpy() == part)

    def part(self, name: str) -> Patches:
        """The patches of a part of the saved split."""
        return self._selected(self.table.iloc[self.numbers_of(name)])

    def batches(
        self,
        size: int,
        *,
        part: str | None = None,
        shuffle: bool = False,
        seed: int = 0,
        weights: Any = None,
        drop_last: bool = False,
    ) -> Iterator[Batch]:
        """Patches in batches of NumPy arrays: see :func:`insarfeat.tiling.batches`."""
        return batches(
            self, size, part=part, shuffle=shuffle, seed=seed, weights=weights, drop_last=drop_last
        )

    def statistics(self, part: str | None = None) -> pd.DataFrame:
        """Count, mean, standard deviation, ends and percentiles of each band, as a network sees them.

        Pixels that several patches show count for each of them. Of the whole dataset all is known from the
        extraction; the percentiles of a part or a selection are found by reading it once. They are exact to 0.4 % of
        their size.
        """
        rows = self.table.iloc[self.numbers_of(part)]
        found = moments_of(rows, self.bands)
        counts = self._sketch(rows)
        for place, (band, row) in enumerate(zip(self.bands, counts, strict=True)):
            low, high = found["min"].to_numpy()[place], found["max"].to_numpy()[place]
            values = np.clip(percentiles_of(row), low, high)
            for share, value in zip(PERCENTILES, values.tolist(), strict=True):
                found.loc[band, f"p{share:02d}"] = value
        return found

    @property
    def label_pixels(self) -> dict[str, int]:
        """Pixels of each class over all patches, copies left out, with those of no class."""
        return dict(self._told["statistics"]["label_pixels"])

    def _sketch(self, rows: pd.DataFrame) -> NDArray[np.int64]:
        originals = rows[~rows["copy"]]
        if len(originals) == self.report.kept:
            return Gathered.load(self.path / "statistics.npz").counts
        found = np.zeros((len(self.bands), SKETCH), np.int64)
        for start in range(0, len(originals), 64):
            values = self._store.read(self.path, originals.iloc[start : start + 64], self._layout).values
            for row, band in zip(found, np.moveaxis(values, 1, 0), strict=True):
                row += np.bincount(np.ascontiguousarray(band).view(np.uint32).ravel() >> 16, minlength=SKETCH)
        return found

    def _selected(self, table: pd.DataFrame) -> Patches:
        return Patches(self.path, self._told, table)


def open_patches(path: str | Path) -> Patches:
    """Open a dataset of patches that :func:`extract_patches` has written."""
    return Patches.open(path)


def _layout_of(told: Mapping[str, Any]) -> Layout:
    stride = told["stride"]
    return Layout(
        tuple(told["bands"]),
        tuple(told["masks"]),
        Shape(*told["size"]),
        told["attributes"],
        None if stride is None else Shape(*stride),
    )
