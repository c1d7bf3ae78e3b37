"""Tables of patches from anywhere, brought to one form: bounds, CRS, and whatever else they tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, InvalidType, MissingInput, UnreadableInput, missing_extra
from insarfeat.tiling.patches.parts.places import Places

if TYPE_CHECKING:
    import pandas as pd

BOUNDS = ("west", "south", "east", "north")
_OTHER_BOUNDS = (
    ("minx", "miny", "maxx", "maxy"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "bottom", "right", "top"),
)
TABLE, BOXES, SPLIT = "table.parquet", "boxes.parquet", "split.parquet"
"""Names of the files of a dataset of patches."""

_VECTORS = (".geojson", ".json", ".gpkg", ".shp")
_WGS84 = "OGC:CRS84"
_ACCEPTED = (
    "patches of this package, the path of their folder or of a table (.parquet, .csv, .geojson), or a DataFrame with "
    "the columns west, south, east, north (or geometry)"
)


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """Patches of any origin.

    Attributes
    ----------
    table
        A row per patch, numbered from 0; with the columns west, south, east, north (NaN where unknown) and crs.
    boxes
        A row per label box, as a dataset of patches has them; or None.
    path
        The folder of a dataset of patches; or None.
    classes
        Bands whose digests stand for classes, as masks do, and not for ground.
    notes
        What was assumed.
    """

    table: pd.DataFrame
    boxes: pd.DataFrame | None = None
    path: Path | None = None
    classes: frozenset[str] = frozenset()
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.table)

    def text(self, column: str) -> NDArray[np.object_]:
        """A column as text; "" where it says nothing or is not there."""
        if column not in self.table:
            return np.full(len(self.table), "", dtype=object)
        values = self.table[column]
        return np.where(values.isna(), "", values.astype(str)).astype(object)

    def places(self) -> Places:
        """Where the patches lie."""
        bounds = self.table[list(BOUNDS)].to_numpy(np.float64)
        return Places.locate(bounds, self.text("crs"))

    def names(self) -> NDArray[np.object_]:
        """What to call the patches: their names, else their numbers."""
        names = self.text("name")
        numbers = self.table["patch"] if "patch" in self.table else range(len(self))
        return np.array(
            [name or f"patch {number}" for name, number in zip(names, numbers, strict=True)], object
        )


def listing_of(patches: Any) -> Listing:
    """Read what tells where patches lie."""
    import pandas as pd

    if isinstance(patches, pd.DataFrame):
        return _listed(patches)
    table = getattr(patches, "table", None)
    if isinstance(table, pd.DataFrame):
        path = getattr(patches, "path", None)
        if "part" not in table and (parts := getattr(patches, "parts", None)) is not None:
            table = table.assign(part=np.asarray(parts))
        return _listed(table, getattr(patches, "boxes", None), None if path is None else Path(path))
    if isinstance(patches, str) or hasattr(patches, "__fspath__"):
        return _from_path(Path(patches))
    raise InvalidType(f"patches is a {type(patches).__name__}; it must be {_ACCEPTED}")


def read_table(path: Path) -> pd.DataFrame:
    """A Parquet table, with the CRS of its geometry as a column where nothing else tells it."""
    try:
        import pyarrow  # type: ignore[import-untyped,unused-ignore]
        from pyarrow import parquet  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise missing_extra("tables of patches", "patches") from error
    try:
        stored = parquet.read_table(path)
        table: pd.DataFrame = stored.to_pandas()
    except (OSError, pyarrow.ArrowException) as error:
        raise UnreadableInput(
            f"{path} cannot be read as Parquet: {error}; is it damaged or cut short?"
        ) from error
    if "crs" not in table and (crs := _crs_of_geoparquet(stored.schema.metadata)) is not None:
        table["crs"] = crs
    return table


def _crs_of_geoparquet(metadata: Any) -> str | None:
    """CRS of the main geometry of a GeoParquet file; None where it is none."""
    import json

    told = (metadata or {}).get(b"geo")
    if told is None:
        return None
    try:
        geo = json.loads(told)
        column = geo["columns"][geo["primary_column"]]
    except (KeyError, TypeError, ValueError):
        return None
    if "crs" not in column:
        return _WGS84  # so the standard has it
    return None if column["crs"] is None else json.dumps(column["crs"])


def _from_path(path: Path) -> Listing:
    import pandas as pd

    if not path.exists():
        raise MissingInput(f"patches is {str(path)!r}, and there is nothing of that name; check it")
    suffix = path.suffix.lower()
    if path.is_dir():
        if not (path / TABLE).exists():
            raise InvalidArgument(
                f"the folder {path} has no {TABLE}, so it holds no dataset of patches; give {_ACCEPTED}"
            )
        return _dataset(path)
    if suffix == ".parquet":
        return _dataset(path.parent) if path.name == TABLE else _listed(read_table(path))
    if suffix in (".csv", ".tsv"):
        return _listed(pd.read_csv(path, sep="\t" if suffix == ".tsv" else ","))
    if suffix in _VECTORS:
        return _from_polygons(path)
    raise InvalidArgument(f"patches is {str(path)!r}; it must be {_ACCEPTED}")


def _dataset(folder: Path) -> Listing:
    table = read_table(folder / TABLE)
    boxes = read_table(folder / BOXES) if (folder / BOXES).exists() else None
    if (folder / SPLIT).exists():
        parts = read_table(folder / SPLIT)
        numbers = table["patch"] if "patch" in table else np.arange(len(table))
        table["part"] = parts.set_index("patch")["part"].reindex(np.asarray(numbers)).fillna("").to_numpy()
    return _listed(table, boxes, folder)


def _from_polygons(path: Path) -> Listing:
    import pandas as pd

    from insarfeat.inventory.polygons import Outlines
    from insarfeat.inventory.vectors import read_polygons

    read = read_polygons(path)
    rows = pd.DataFrame([feature["properties"] for feature in read["features"]])
    bounds = []
    for feature in Outlines.of(read).features:
        corners = np.concatenate([polygon.outer for polygon in feature.polygons])
        bounds.append([*corners.min(axis=0), *corners.max(axis=0)])
    rows[list(BOUNDS)] = np.array(bounds)
    rows["crs"] = read["crs"]["properties"]["name"]
    return _listed(rows)


def _listed(given: pd.DataFrame, boxes: pd.DataFrame | None = None, path: Path | None = None) -> Listing:
    """The table with bounds and CRS, whatever their columns are called."""
    table = given.reset_index(drop=True)
    notes = []
    bounds = _bounds_of(table)
    crs = _crs_column(table)
    if bounds is None:
        bounds = np.full((len(table), 4), np.nan)
    table = table.drop(columns=[name for name in ("geometry",) if name in table])
    table = _plain(table)
    for k, name in enumerate(BOUNDS):
        table[name] = bounds[:, k]
    table["crs"] = crs
    nameless = int((np.asarray(table["crs"] == "") & np.isfinite(bounds).all(axis=1)).sum())
    if nameless:
        notes.append(f"{nameless} patches have no CRS: their coordinates are taken as metres on one map")
    return Listing(table, boxes, path, notes=tuple(notes))


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """A DataFrame, where it was one with a geometry."""
    import pandas as pd

    return pd.DataFrame({name: table[name].array for name in table.columns}, index=table.index)


def _bounds_of(table: pd.DataFrame) -> NDArray[np.float64] | None:
    for names in (BOUNDS, *_OTHER_BOUNDS):
        if all(name in table for name in names):
            found: NDArray[np.float64] = table[list(names)].to_numpy(np.float64, copy=True)
            return found
    if "geometry" not in table:
        return None
    geometry = table["geometry"]
    if hasattr(geometry, "bounds"):
        return np.asarray(geometry.bounds, np.float64)
    return np.array([_bounds_of_shape(shape) for shape in geometry], np.float64).reshape(-1, 4)


def _bounds_of_shape(shape: Any) -> tuple[float, ...]:
    if shape is None or (isinstance(shape, float) and np.isnan(shape)):
        return (np.nan,) * 4
    if hasattr(shape, "bounds"):
        return tuple(shape.bounds) or (np.nan,) * 4
    if isinstance(shape, bytes | bytearray | memoryview):
        from insarfeat.inventory.vectors import _Binary

        shape = _Binary(bytes(shape)).geometry()
    corners = np.array(list(_corners(shape["coordinates"])) or [(np.nan, np.nan)])
    return (*corners.min(axis=0), *corners.max(axis=0))


def _corners(nested: Any) -> Iterator[tuple[float, float]]:
    if len(nested) and isinstance(nested[0], int | float):
        yield nested[0], nested[1]
        return
    for inner in nested:
        yield from _corners(inner)


def _crs_column(table: pd.DataFrame) -> Any:
    if "crs" in table.columns:
        values = table["crs"]
        return np.where(values.isna(), "", values.astype(str)).astype(object)
    said = getattr(table, "crs", None)
    if said is None and "geometry" in table:
        said = getattr(table["geometry"], "crs", None)
    return "" if said is None else said.to_wkt()


def whole_numbers(value: Any) -> list[int]:
    """The numbers in a list, an array, or a text of them.

    >>> whole_numbers([3, 4]), whole_numbers("[3, 4]"), whole_numbers("3 4"), whole_numbers(float("nan"))
    ([3, 4], [3, 4], [3, 4], [])
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [int(number) for number in re.findall(r"-?\d+", value)]
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [int(number) for number in value]
    return [] if value != value else [int(value)]
