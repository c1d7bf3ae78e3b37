"""The tables of a dataset: patches with their footprints as GeoParquet, boxes as Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import missing_extra
from insarfeat.georeference import parse_crs

if TYPE_CHECKING:
    import pandas as pd

_GROUP_ROWS = 65536
_WKB_POLYGON = np.dtype(
    [("order", "u1"), ("kind", "<u4"), ("rings", "<u4"), ("corners", "<u4"), ("xy", "<f8", (5, 2))]
)
_SMALL = {"row": "int32", "column": "int32", "height": "int32", "width": "int32", "label_pixels": "int32"}
_SINGLE = ("mean_", "std_", "min_", "max_", "valid_fraction")
_BOX_COLUMNS: Mapping[str, str] = {
    "patch": "int64", "class": "string", "value": "uint8", "slide": "int64",
    **dict.fromkeys(("row0", "col0", "row1", "col1", "west", "south", "east", "north"), "double"),
    "visible": "float", "attributes": "string",
}  # fmt: skip


def require() -> Any:
    """The library that reads and writes Parquet, or the error that names its extra."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise missing_extra("tables of patches", "patches") from error
    return pyarrow


def write_tables(
    blocks: Iterable[tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]],
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    classes: Iterable[str],
    bands: Iterable[str],
    folder: Path,
) -> None:
    """Write table.parquet and boxes.parquet from the rows of all blocks, in order, a few blocks at a time."""
    pa = require()
    table_schema, box_schema = _schema(pa, classes, bands), _box_schema(pa)
    with (
        pa.parquet.ParquetWriter(folder / "table.parquet", table_schema) as table,
        pa.parquet.ParquetWriter(folder / "boxes.parquet", box_schema) as boxes,
    ):
        first = 0
        rows: list[dict[str, Any]] = []
        framed: list[dict[str, Any]] = []
        for block, of_block in blocks:
            start = first + len(rows)
            framed += [{**box, "patch": start + box["place"]} for box in of_block]
            rows += [dict(row) for row in block]
            if len(rows) >= _GROUP_ROWS:
                first = _flush(table, boxes, rows, framed, first, places)
        _flush(table, boxes, rows, framed, first, places)


def read_table(path: Path) -> pd.DataFrame:
    """A table as a DataFrame."""
    frame: pd.DataFrame = require().parquet.read_table(path).to_pandas()
    return frame


def _flush(
    table: Any,
    boxes: Any,
    rows: list[dict[str, Any]],
    framed: list[dict[str, Any]],
    first: int,
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> int:
    """Write what has come together, and begin anew; gives the number of the next patch."""
    pa = require()
    end = first + len(rows)
    if rows:
        shards, inner = (one[first:end].tolist() for one in places)
        polygons = footprints(rows)
        for number, (row, shard, place, polygon) in enumerate(
            zip(rows, shards, inner, polygons, strict=True), first
        ):
            row |= {"patch": number, "shard": shard, "place": place, "geometry": polygon}
        table.write_table(pa.Table.from_pylist(rows, schema=table.schema))
    if framed:
        boxes.write_table(pa.Table.from_pylist(framed, schema=boxes.schema))
    rows.clear()
    framed.clear()
    return end


def footprints(rows: Sequence[Mapping[str, Any]]) -> list[bytes | None]:
    """Outlines of patches in longitude and latitude, as well-known binary; None where nothing is known."""
    found: list[bytes | None] = [None] * len(rows)
    for text in {row["crs"] for row in rows}:
        if not text:
            continue
        mine = [number for number, row in enumerate(rows) if row["crs"] == text]
        bounds = np.array([[rows[k][side] for side in ("west", "south", "east", "north")] for k in mine])
        x, y = bounds[:, [0, 2, 2, 0, 0]], bounds[:, [1, 1, 3, 3, 1]]
        x, y = _to_degrees(text).transform(x, y)
        shapes = np.zeros(len(mine), _WKB_POLYGON)
        shapes["order"], shapes["kind"], shapes["rings"], shapes["corners"] = 1, 3, 1, 5
        shapes["xy"] = np.stack([x, y], axis=-1)
        for number, shape in zip(mine, shapes, strict=True):
            found[number] = shape.tobytes()
    return found


@lru_cache(maxsize=64)
def _to_degrees(text: str) -> Any:
    from pyproj import Transformer

    return Transformer.from_crs(parse_crs(text), parse_crs("OGC:CRS84"), always_xy=True)


def _schema(pa: Any, classes: Iterable[str], bands: Iterable[str]) -> Any:
    """Names and types of the columns; GeoParquet's description of the footprints goes with them."""
    fields = [("patch", "int64"), ("name", "string")]
    fields += [(name, "string") for name in IDENTITY]
    fields += [("kind", "string"), ("copy", "bool")]
    fields += [(name, "int32") for name in ("row", "column", "height", "width")]
    fields += [("transform", "list")]
    fields += [(name, "double") for name in ("west", "south", "east", "north")]
    fields += [("valid_fraction", "float"), ("label_pixels", "int32")]
    fields += [(f"label_{name}", "int32") for name in classes]
    fields += [("slides", "numbers"), ("shard", "int32"), ("place", "int32")]
    for band in bands:
        fields += [(f"count_{band}", "int64")]
        fields += [(f"{what}_{band}", "float") for what in ("mean", "std", "min", "max")]
        fields += [(f"digest_{band}", "int64")]
    types = {"list": pa.list_(pa.float64(), 6), "numbers": pa.list_(pa.int64())}
    schema = [
        (name, types.get(kind) or pa.type_for_alias(kind)) for name, kind in [*fields, ("geometry", "binary")]
    ]
    column = {"encoding": "WKB", "geometry_types": ["Polygon"], "orientation": "counterclockwise"}
    told = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    return pa.schema(schema, metadata={"geo": json.dumps(told)})


def _box_schema(pa: Any) -> Any:
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in _BOX_COLUMNS.items()])


IDENTITY = ("scene", "event", "pair", "primary_date", "secondary_date", "orbit", "crs")
"""Columns that are the same for all patches of a scene at a pair."""
