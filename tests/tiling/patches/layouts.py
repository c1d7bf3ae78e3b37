"""Layouts of patches for the tests of splits, and a slow look for leaks that shares no code with the package."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

SIDE = 100.0


def grid(
    rows: int = 30,
    columns: int = 30,
    *,
    step: float = SIDE / 2,
    pairs: int = 1,
    slide_every: int = 0,
    crs: str = "",
) -> pd.DataFrame:
    """Patches on a grid, in several pairs; some places have a slide, in all pairs, and so has their neighbour."""
    found = []
    for pair in range(pairs):
        for row in range(rows):
            for column in range(columns):
                place = row * columns + column
                slides = [place // slide_every] if slide_every and place % slide_every < 2 else []
                found.append(
                    {
                        "name": f"p{pair}_r{row:03d}_c{column:03d}",
                        "scene": "s",
                        "pair": f"2020010{pair + 1}_2020020{pair + 1}",
                        "primary_date": f"2020-01-0{pair + 1}",
                        "secondary_date": f"2020-02-0{pair + 1}",
                        "orbit": "ascending 117" if pair % 2 else "descending 168",
                        "event": f"e{column // max(columns // 3, 1)}",
                        "crs": crs,
                        "west": 5e5 + column * step,
                        "south": 5e6 + row * step,
                        "east": 5e5 + column * step + SIDE,
                        "north": 5e6 + row * step + SIDE,
                        "slides": slides,
                        "label_pixels": 50 * len(slides),
                        "label_flow": 50 * len(slides) * (place % 3 > 0),
                        "label_rock": 50 * len(slides) * (place % 3 == 0),
                    }
                )
    table = pd.DataFrame(found)
    table.insert(0, "patch", np.arange(len(table)))
    return table


@dataclass
class Dataset:
    """As much of a dataset of patches as splits look at."""

    table: pd.DataFrame
    boxes: pd.DataFrame | None = None
    path: Any = None


def shared(table: pd.DataFrame, buffer: float) -> list[tuple[int, int, str]]:
    """All couples of two parts that overlap, are nearer than the buffer or share a slide: each with each."""
    bounds = table[["west", "south", "east", "north"]].to_numpy()
    slides = [set(one) for one in table["slides"]] if "slides" in table else [set()] * len(table)
    parts = table["part"].to_numpy()
    found = []
    for one in np.flatnonzero(parts != ""):
        for two in np.flatnonzero(parts != ""):
            if one >= two or parts[one] == parts[two]:
                continue
            w, s, e, n = bounds[one]
            west, south, east, north = bounds[two]
            if w < east and west < e and s < north and south < n:
                found.append((int(one), int(two), "overlap"))
            elif np.hypot(max(west - e, w - east, 0), max(south - n, s - north, 0)) < buffer:
                found.append((int(one), int(two), "buffer"))
            if slides[one] & slides[two]:
                found.append((int(one), int(two), "slide"))
    return found


def in_order(dates: list[str]) -> bool:
    return all(one <= two for one, two in pairwise(dates))
