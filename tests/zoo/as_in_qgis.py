"""What an expert does in QGIS, which brings the functions that the triggers of a GeoPackage need."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def edit(path: Path, *changes: str, values: tuple[Any, ...] = ()) -> None:
    """Run statements on a GeoPackage; values are those of all question marks of each."""
    with closing(sqlite3.connect(path)) as database:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            database.create_function(name, 1, lambda _: 0)
        for change in changes:
            database.execute(change, values)
        database.commit()
