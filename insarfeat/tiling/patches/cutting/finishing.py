"""From cut blocks to a dataset: pixels in their places, tables, report and statistics."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from insarfeat.tiling.patches.cutting.choosing import Chosen
from insarfeat.tiling.patches.cutting.cutting import Cut, Cutter, rows_path
from insarfeat.tiling.patches.dataset import Report
from insarfeat.tiling.patches.statistics import Gathered
from insarfeat.tiling.patches.table import write_tables


def finish(cutter: Cutter, blocks: int, chosen: Sequence[Chosen], told: dict[str, Any]) -> None:
    """Put together what the blocks have left: pixels, tables, report, statistics."""
    folder = cutter.folder
    counts, copies, left_out = [], 0, Counter[str]()
    gathered = Gathered.empty(cutter.layout.bands)
    for one in chosen:
        left_out.update(one.left_out)
    for number, cut in _cuts(folder, blocks):
        counts.append((number, len(cut.table)))
        copies += sum(row["copy"] for row in cut.table)
        left_out.update(cut.left_out)
        gathered.add(cut.sketch, cut.label_counts)
    cutter.store.settle(folder, counts, cutter.layout)
    total = sum(count for _, count in counts)
    places = cutter.store.places(counts, cutter.layout)
    rows = ((cut.table, cut.boxes) for _, cut in _cuts(folder, blocks))
    write_tables(rows, places, cutter.classes, cutter.layout.bands, folder)
    report = Report(
        kept=total - copies,
        copies=copies,
        left_out={reason: count for reason, count in left_out.items() if count},
        considered=sum(one.considered for one in chosen),
    )
    gathered.save(folder / "statistics.npz")
    told |= {"report": asdict(report), "statistics": gathered.told(cutter.classes)}
    (folder / "dataset.json").write_text(json.dumps(told, indent=1, default=str))


def _cuts(folder: Path, count: int) -> Iterator[tuple[int, Cut]]:
    for number in range(count):
        yield number, pickle.loads(rows_path(folder, number).read_bytes())
