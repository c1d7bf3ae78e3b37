"""What a split tells of itself: counts per part, and a report to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from insarfeat.tiling.patches.parts.assigning import Amounts, Asked
from insarfeat.tiling.patches.parts.listings import Listing
from insarfeat.tiling.patches.parts.places import Numbers
from insarfeat.tiling.patches.parts.slides import Sightings, slides_in

if TYPE_CHECKING:
    import pandas as pd

    from insarfeat.tiling.patches.parts.splitting import Split


def counts_of(found: Split) -> pd.DataFrame:
    """Counts per part of a split."""
    import pandas as pd

    table = found.table
    labels = [str(name) for name in table.columns if str(name).startswith("label_")]
    seen = slides_in(Listing(table, found.boxes))
    kept = int((table["part"] != "").sum())
    rows = []
    for name in found.names:
        mine = (table["part"] == name).to_numpy()
        pixels = table.loc[mine, labels].fillna(0)
        row = {
            "patches": int(mine.sum()),
            "copies": int(table.loc[mine, "copy"].eq(True).sum()) if "copy" in table else 0,
            "share": float(mine.sum()) / max(kept, 1),
            "with_labels": int((pixels > 0).any(axis=1).sum()),
            "slides": len(np.unique(seen.slide[mine[seen.patch]])),
        }
        rows.append(row | {label: int(pixels[label].sum()) for label in labels})
    return pd.DataFrame(rows, index=pd.Index(found.names, name="part"))


def report_of(found: Split) -> str:
    """The report of a split."""
    counts = counts_of(found)
    total, out = len(found.table), sum(found.left_out.values())
    units = f"{found.by}s of {length(found.block)}" if found.by == "block" and found.block else f"{found.by}s"
    if found.by in ("time", "orbit") and found.block:
        units += f" and blocks of {length(found.block)}"
    lines = [
        f"{total - out} of {total} patches in {len(found.names)} parts, {out} left out: split by {units}, "
        f"{length(found.buffer)} apart, seed {found.seed}"
    ]
    labels = [str(name) for name in counts if str(name).startswith("label_")]
    if labels[:1] == ["label_pixels"] and len(labels) > 1:
        labels = labels[1:]
    header = ["part", "asked", "got", "patches", "with labels", "slides", *labels]
    cells = [header]
    sums = counts[labels].sum()
    for (name, row), asked in zip(counts.iterrows(), found.fractions, strict=True):
        pixels = [f"{int(row[one])} ({100 * row[one] / max(sums[one], 1):.0f} %)" for one in labels]
        shares = [f"{100 * asked:.3g} %", f"{100 * row['share']:.1f} %"]
        whole = [str(int(row[one])) for one in ("patches", "with_labels", "slides")]
        cells.append([str(name), *shares, *whole, *pixels])
    lines += _aligned(cells)
    if out:
        lines.append("left out")
        lines += [f"  {count:>8}  {reason}" for reason, count in found.left_out.items()]
    return "\n".join([*lines, *(f"note: {note}" for note in found.notes)])


def notes_of(
    listing: Listing, sightings: Sightings, asked: Asked, amounts: Amounts, part: Numbers, chosen: bool
) -> tuple[str, ...]:
    """What was assumed, and what to look at."""
    notes = [*listing.notes]
    if chosen:
        notes.append("the buffer was not given: half of the patches' side was taken")
    if not sightings.names and not sightings.untold:
        notes.append("no slides are known, so only the ground was kept apart")
    if sightings.untold:
        notes.append(
            f"{sightings.untold} patches have label pixels, but neither ids nor boxes tell of which slides"
        )
    sums = amounts.summed(part, len(asked.names))
    if sums[:, 1].any():
        notes += [
            f"{name} has no patch with labels"
            for name, some in zip(asked.names, sums[:, 1], strict=True)
            if not some
        ]
    shares = sums[:, 0] / max(sums[:, 0].sum(), 1.0)
    if (np.abs(shares - asked.fractions) > 0.1).any():
        notes.append("the fractions asked for could not be met; more and smaller units would come nearer")
    return tuple(notes)


def length(metres: float | None) -> str:
    """A length in words.

    >>> length(350.0), length(24000.0), length(0.0)
    ('350 m', '24 km', '0 m')
    """
    if metres is None:
        return "no length"
    return f"{metres / 1000:.4g} km" if metres >= 1000 else f"{metres:.4g} m"


def _aligned(cells: list[list[str]]) -> list[str]:
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    return [
        "  "
        + "  ".join(
            [
                row[0].ljust(widths[0]),
                *(one.rjust(width) for one, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in cells
    ]
