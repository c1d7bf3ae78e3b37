"""What the values of patches are like: moments from the table, percentiles from sketches that add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

SKETCH = 1 << 16
"""Bins of a sketch: the upper 16 bits of single-precision numbers; a bin is at most 1/128 of its value wide."""

PERCENTILES = (1, 2, 5, 25, 50, 75, 95, 98, 99)


@dataclass
class Gathered:
    """Sketches of all bands and counts of labels, added up over blocks.

    Attributes
    ----------
    bands
        Names.
    counts
        (band, bin).
    labels
        Pixels of each label value.
    """

    bands: tuple[str, ...]
    counts: NDArray[np.int64]
    labels: NDArray[np.int64]

    @classmethod
    def empty(cls, bands: Iterable[str]) -> Gathered:
        """Nothing yet."""
        names = tuple(bands)
        return cls(names, np.zeros((len(names), SKETCH), np.int64), np.zeros(256, np.int64))

    def add(self, sketch: Iterable[tuple[Any, Any]], labels: NDArray[np.int64]) -> None:
        """Add a block's."""
        for row, (bins, counts) in zip(self.counts, sketch, strict=True):
            row[bins] += counts
        self.labels += labels

    def save(self, path: Path) -> None:
        """Write all counts."""
        with path.open("wb") as file:
            np.savez_compressed(file, bands=np.array(self.bands), counts=self.counts, labels=self.labels)

    @classmethod
    def load(cls, path: Path) -> Gathered:
        """Read what was saved."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(tuple(stored["bands"].tolist()), stored["counts"], stored["labels"])

    def told(self, classes: Mapping[str, int]) -> dict[str, Any]:
        """For people: percentiles of bands and pixels of classes."""
        percentiles = {
            band: dict(zip(map(str, PERCENTILES), percentiles_of(row).tolist(), strict=True))
            for band, row in zip(self.bands, self.counts, strict=True)
        }
        pixels = {name: int(self.labels[value]) for name, value in classes.items()}
        if classes:
            pixels = {"background": int(self.labels[0]), **pixels, "nodata": int(self.labels[255])}
        return {"percentiles": percentiles, "label_pixels": pixels}


def percentiles_of(counts: NDArray[np.int64], wanted: Iterable[float] = PERCENTILES) -> NDArray[np.float64]:
    """Percentiles of the values of a sketch, to 0.4 % of their own size; NaN where it holds none.

    >>> counts = np.bincount((np.arange(1, 1001, dtype="f4").view("u4") >> 16), minlength=SKETCH)
    >>> bool(abs(percentiles_of(counts, [50])[0] / 500 - 1) < 0.004)
    True
    """
    shares = np.asarray(list(wanted), np.float64) / 100
    with np.errstate(invalid="ignore"):  # some of the bins are those of no numbers
        middles = ((np.arange(SKETCH, dtype=np.uint32) << 16) | 0x8000).view(np.float32).astype(np.float64)
    used = np.flatnonzero(np.isfinite(middles) & (counts > 0))
    if not len(used):
        return np.full(len(shares), np.nan)
    order = used[np.argsort(middles[used])]
    reached = np.cumsum(counts[order])
    places = np.searchsorted(reached, np.maximum(np.ceil(shares * reached[-1]), 1))
    found: NDArray[np.float64] = middles[order[np.minimum(places, len(order) - 1)]]
    return found


def moments_of(table: pd.DataFrame, bands: Iterable[str]) -> pd.DataFrame:
    """Count, mean, standard deviation, least and greatest of each band over rows of the table."""
    import pandas as pd

    rows = {}
    for band in bands:
        count = table[f"count_{band}"].to_numpy(np.float64)
        known = count > 0
        count = count[known]
        mean, deviation, least, most = (
            table[f"{what}_{band}"].to_numpy(np.float64)[known] for what in ("mean", "std", "min", "max")
        )
        total = count.sum()
        if not total:
            rows[band] = (0, np.nan, np.nan, np.nan, np.nan)
            continue
        centre = (count * mean).sum() / total
        spread = (count * (deviation**2 + (mean - centre) ** 2)).sum() / total
        rows[band] = (int(total), centre, spread**0.5, least.min(), most.max())
    return pd.DataFrame.from_dict(rows, orient="index", columns=["count", "mean", "std", "min", "max"])
