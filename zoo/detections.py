"""What was found, as a table with outlines: one row and one polygon per detection, with the model that found it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insarfeat.errors import InvalidArgument, InvalidType, UnreadableInput
from zoo.shapes import bounds_of, rectangle

if TYPE_CHECKING:
    import pandas as pd

    from insarfeat.georeference import Grid

TEXTS = ("class", "pair", "orbit", "first", "last")
"""Columns of text that every table has; "" where nothing is known."""

NUMBERS = ("score", "area_m2", "west", "south", "east", "north")
"""Columns of numbers that every table has."""

COLUMNS = ("class", "score", "area_m2", "west", "south", "east", "north", "pair", "orbit", "first", "last")
"""All columns that every table has, in their order; others follow them."""

ORIGIN = ("model", "version", "training_data")
"""What every row of a written file says of its model, so that a row that is copied elsewhere still says it."""

_DAY = re.compile(r"(?<!\d)\d{8}(?!\d)")
_BOUNDS = ("west", "south", "east", "north")
_GIVEN = ("class", "score", "area_m2")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Detections:
    """Detections on the map: a table, and an outline for each of its rows.

    Attributes
    ----------
    table
        One row per detection: ``class``, ``score`` (0 to 1), ``area_m2``, ``west``, ``south``, ``east``, ``north``
        (of the outline, in the CRS), ``pair`` (yyyymmdd_yyyymmdd), ``orbit`` ("A" ascending, "D" descending, "AD"
        both), ``first`` and ``last`` (days of the pair, as 2023-09-04), then any others. Unknown text is "".
    outlines
        GeoJSON geometries (Polygon or MultiPolygon) in the CRS, (x, y), one per row.
    crs
        As WKT, or whatever else names a CRS; None where none is known. Without a grid, coordinates are pixels, x the
        column and y the row.
    about
        Where they come from: model, version, threshold, training_data, statement and the like; ``pairs`` lists the
        [pair, orbit] that were looked at, those without a detection among them.

    Examples
    --------
    >>> found = Detections.of_boxes(
    ...     [[0, 0, 10, 20]], {"class": ["RG"], "score": [0.9], "area_m2": [45000.0]}, pair="20230904_20230916"
    ... )
    >>> found
    Detections(1: RG 1; scores 0.90 to 0.90; 1 pair(s))
    >>> found.table.loc[0, ["first", "last"]].tolist(), found.outlines[0]["coordinates"][0][2]
    (['2023-09-04', '2023-09-16'], [20.0, 10.0])
    """

    table: pd.DataFrame
    outlines: tuple[Mapping[str, Any], ...]
    crs: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = [name for name in COLUMNS if name not in self.table]
        if missing:
            raise InvalidArgument(
                f"table has no column {', '.join(missing)}; make detections with Detections.of_boxes or of_outlines, "
                "which know all columns"
            )
        if len(self.table) != len(self.outlines):
            raise InvalidArgument(
                f"table has {len(self.table)} row(s) and there are {len(self.outlines)} outline(s); each row needs "
                "its own"
            )
        # Rows and outlines go by their place; another index would only lead astray.
        object.__setattr__(self, "table", self.table.reset_index(drop=True))

    def __len__(self) -> int:
        return len(self.outlines)

    def __repr__(self) -> str:
        text = f"Detections({len(self)}"
        if len(self):
            counts = self.table["class"].value_counts(sort=False)
            text += ": " + ", ".join(f"{name or 'unnamed'} {counts[name]}" for name in sorted(counts.index))
            text += f"; scores {self.table['score'].min():.2f} to {self.table['score'].max():.2f}"
        pairs = {pair for pair in self.table["pair"] if pair}
        if pairs:
            text += f"; {len(pairs)} pair(s)"
        if "model" in self.about:
            text += (
                f"; by {self.about['model']}, trained on {self.about.get('training_data', 'unknown')} data"
            )
        return text + ")"

    @classmethod
    def of_boxes(
        cls,
        boxes: ArrayLike,
        columns: Mapping[str, Sequence[Any] | NDArray[Any]],
        *,
        grid: Grid | None = None,
        pair: str = "",
        orbit: str = "",
        about: Mapping[str, Any] | None = None,
    ) -> Self:
        """Detections with rectangular outlines, from boxes in pixels.

        Parameters
        ----------
        boxes
            (n, 4): row0, col0, row1, col1 from the outer corner of the first pixel.
        columns
            "class", "score" and "area_m2", and any others, one value per box.
        grid
            That the pixels belong to; None leaves the outlines in pixels.
        pair, orbit
            Of all boxes: yyyymmdd_yyyymmdd, and "A" or "D"; "" where it is not known.
        about
            Where they come from.
        """
        pixels = np.asarray(boxes, np.float64)
        pixels = pixels.reshape(0, 4) if pixels.size == 0 else pixels
        if pixels.ndim != 2 or pixels.shape[1] != 4:
            raise InvalidArgument(
                f"boxes must be rows of (row0, col0, row1, col1); got the shape {pixels.shape}"
            )
        if not (np.isfinite(pixels).all() and (pixels[:, :2] < pixels[:, 2:]).all()):
            raise InvalidArgument(
                "boxes must be finite, with row0 < row1 and col0 < col1; drop those that are empty"
            )
        rows, cols = pixels[:, 0::2], pixels[:, 1::2]
        crs = None
        if grid is not None:
            rows = grid.y.first + (rows - 0.5) * grid.y.step
            cols = grid.x.first + (cols - 0.5) * grid.x.step
            crs = grid.crs_wkt
        outlines = [
            rectangle(west, south, east, north)
            for (west, east), (south, north) in zip(
                np.sort(cols, axis=1).tolist(), np.sort(rows, axis=1).tolist(), strict=True
            )
        ]
        return cls.of_outlines(outlines, columns, crs=crs, pair=pair, orbit=orbit, about=about)

    @classmethod
    def of_outlines(
        cls,
        outlines: Iterable[Mapping[str, Any]],
        columns: Mapping[str, Sequence[Any] | NDArray[Any]],
        *,
        crs: str | None = None,
        pair: str = "",
        orbit: str = "",
        about: Mapping[str, Any] | None = None,
    ) -> Self:
        """Detections from GeoJSON polygons.

        Parameters
        ----------
        outlines
            Polygon or MultiPolygon geometries, (x, y) in the CRS.
        columns, pair, orbit, about
            As for :meth:`of_boxes`; a column "pair" or "orbit" says it for each row.
        crs
            As WKT or "EPSG:32632".
        """
        import pandas as pd

        shapes = tuple(outlines)
        lost = [name for name in _GIVEN if name not in columns]
        if lost:
            raise InvalidArgument(f"columns lacks {', '.join(lost)}; it must hold class, score and area_m2")
        for name, values in columns.items():
            if len(values) != len(shapes):
                raise InvalidArgument(
                    f"the column {name} has {len(values)} value(s), and there are {len(shapes)} outline(s); each "
                    "needs its own"
                )
        pairs = [str(one) for one in columns.get("pair", [pair] * len(shapes))]
        orbits = [str(one) for one in columns.get("orbit", [orbit] * len(shapes))]
        strange = sorted(set(orbits) - {"A", "D", "AD", ""})
        if strange:
            raise InvalidArgument(
                f'orbit is {strange[0]!r}; it must be "A" (ascending), "D" (descending) or "" (not known)'
            )
        days = {one: days_of(one) for one in set(pairs)}
        bounds = np.array([bounds_of(shape) for shape in shapes], np.float64).reshape(-1, 4)
        known: dict[str, Any] = {name: columns[name] for name in _GIVEN}
        known.update(zip(_BOUNDS, bounds.T, strict=True))
        known.update(
            pair=pairs,
            orbit=orbits,
            first=columns.get("first", [days[one].first for one in pairs]),
            last=columns.get("last", [days[one].last for one in pairs]),
        )
        typed: dict[str, Any] = {}
        for name in COLUMNS:
            if name in TEXTS:
                typed[name] = pd.Series([str(value) for value in known[name]], dtype="str")
            else:
                typed[name] = pd.Series(np.asarray(known[name], np.float64))
        typed.update({name: pd.Series(list(values)) for name, values in columns.items() if name not in typed})
        told = dict(about or {})
        if pair and "pairs" not in told:  # a pair in which nothing was found was looked at all the same
            told["pairs"] = [[pair, orbit]]
        return cls(pd.DataFrame(typed), shapes, crs, told)

    @classmethod
    def joined(cls, parts: Iterable[Detections]) -> Self:
        """All detections of several, of several pairs say; they must share one CRS.

        What all say alike of their origin is kept; where models differ, each row says its own in the columns
        ``model``, ``version`` and ``training_data``.
        """
        import pandas as pd

        several = list(parts)
        if not several:
            raise InvalidArgument("parts is empty; give at least one Detections")
        for part in several:
            if not isinstance(part, Detections):
                raise InvalidType(f"parts holds a {type(part).__name__}; it must hold Detections")
        first = several[0]
        for part in several[1:]:
            if not _same_crs(first.crs, part.crs):
                raise InvalidArgument(
                    f"parts are in different CRSs ({_named(first.crs)} and {_named(part.crs)}); run the model on "
                    "stacks of one CRS, as insarfeat.geometry.regrid makes them"
                )
        differ = any(part.about.get(name) != first.about.get(name) for part in several for name in ORIGIN)
        tables = [part.stamped() if differ else part.table for part in several]
        filled = [table for table in tables if len(table)] or tables[:1]
        outlines = tuple(outline for part in several for outline in part.outlines)
        about = _common([part.about for part in several])
        return cls(pd.concat(filled, ignore_index=True), outlines, first.crs, about)

    def only(self, keep: ArrayLike | Callable[[pd.DataFrame], Any]) -> Detections:
        """The rows for which a mask is true, or a function of the table that gives one.

        >>> rows = {"class": ["RG", "CF"], "score": [0.9, 0.4], "area_m2": [900.0, 900.0]}
        >>> found = Detections.of_boxes([[0, 0, 2, 2], [5, 5, 7, 7]], rows)
        >>> found.only(lambda table: table["class"] == "CF")
        Detections(1: CF 1; scores 0.40 to 0.40)
        """
        mask = np.asarray(keep(self.table) if callable(keep) else keep)
        if mask.dtype != np.bool_ or mask.shape != (len(self),):
            raise InvalidArgument(
                f"keep must be {len(self)} truth value(s), one per row; got {mask.dtype} of the shape {mask.shape}"
            )
        outlines = tuple(outline for outline, kept in zip(self.outlines, mask, strict=True) if kept)
        return Detections(self.table[mask], outlines, self.crs, self.about)

    def above(self, score: float) -> Detections:
        """Those with at least this score."""
        if not 0 <= score <= 1:
            raise InvalidArgument(f"score must lie between 0 and 1; got {score!r}")
        kept = self.only((self.table["score"] >= score).to_numpy(dtype=bool))
        before = self.about.get("threshold")
        threshold = max(float(score), before) if isinstance(before, int | float) else float(score)
        return Detections(kept.table, kept.outlines, kept.crs, {**self.about, "threshold": threshold})

    def stamped(self) -> pd.DataFrame:
        """The table with the model, its version and its training data in every row."""
        told = {name: self.about[name] for name in ORIGIN if name in self.about and name not in self.table}
        return self.table.assign(**told)

    def feature_collection(self) -> dict[str, Any]:
        """All as GeoJSON with a CRS: what :mod:`insarfeat.inventory` takes, and what :meth:`write` writes."""
        table = self.stamped()
        names = [str(name) for name in table.columns]
        rows = zip(*(table[name].tolist() for name in table.columns), strict=True)
        features = [
            {"type": "Feature", "properties": dict(zip(names, row, strict=True)), "geometry": dict(outline)}
            for row, outline in zip(rows, self.outlines, strict=True)
        ]
        collection: dict[str, Any] = {"type": "FeatureCollection", "features": features}
        if self.crs is not None:
            collection["crs"] = {"type": "name", "properties": {"name": self.crs}}
        collection["columns"] = {name: _kind(table[name].dtype) for name in names}
        collection["metadata"] = dict(self.about)
        return collection

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write to .gpkg, .geojson or .csv; returns the path.

        GeoPackage and GeoJSON keep everything that is said of the origin. CSV, for spreadsheets, has model, version
        and training data in every row, and outlines as text. GeoJSON is in longitudes and latitudes, so the columns
        ``west`` to ``north`` are left out of it: :meth:`read` takes them from the outlines.
        """
        from insarfeat.inventory import write_polygons

        collection = self.feature_collection()
        if Path(path).suffix.lower() in (".geojson", ".json"):
            for name in _BOUNDS:
                del collection["columns"][name]
                for feature in collection["features"]:
                    del feature["properties"][name]
        return write_polygons(collection, path, overwrite=overwrite)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read what :meth:`write` has written to .gpkg or .geojson."""
        from insarfeat.inventory.written import read_written

        if str(path).lower().endswith(".csv"):
            raise InvalidArgument(
                f"path is {str(path)!r}; CSV is for spreadsheets: keep detections that will be read again in .gpkg "
                "or .geojson"
            )
        found = read_written(path)
        # Empty GeoJSON cannot say which columns it would have; then they are those of every table.
        names = found.columns if found.columns or found.features else _GIVEN
        lost = [name for name in _GIVEN if name not in names]
        if lost:
            raise UnreadableInput(
                f"{path} has no column {', '.join(lost)}, so it holds no detections; other polygons are read by "
                "insarfeat.inventory.read_polygons"
            )
        shapes = [feature["geometry"] for feature in found.features]
        columns = {
            name: [_filled(name, feature["properties"].get(name)) for feature in found.features]
            for name in names
            if name not in _BOUNDS
        }
        return cls.of_outlines(shapes, columns, crs=found.crs, about=found.metadata)


@dataclass(frozen=True, slots=True)
class PairDays:
    """The two days of a pair, as 2023-09-04; "" where its name does not tell them."""

    first: str = ""
    last: str = ""

    @property
    def between(self) -> int | None:
        """How many days lie between them; None where they are not known."""
        if not (self.first and self.last):
            return None
        return (date.fromisoformat(self.last) - date.fromisoformat(self.first)).days


def days_of(pair: str) -> PairDays:
    """The first two days that a pair's name tells, in their order.

    >>> days_of("20230904_20230916")
    PairDays(first='2023-09-04', last='2023-09-16')
    >>> days_of("frame 7")
    PairDays(first='', last='')
    """
    days = []
    for digits in _DAY.findall(pair):
        with suppress(ValueError):  # other numbers are eight digits long, too
            days.append(date.fromisoformat(digits).isoformat())
    return PairDays(*sorted(days[:2])) if len(days) >= 2 else PairDays()


def _filled(name: str, value: Any) -> Any:
    """What stands in a table for a value that a file left empty."""
    if value is not None:
        return value
    return "" if name in TEXTS else float("nan") if name in NUMBERS else None


def _kind(dtype: Any) -> str:
    return {"b": "boolean", "i": "integer", "u": "integer", "f": "real"}.get(dtype.kind, "text")


def _same_crs(one: str | None, other: str | None) -> bool:
    if one is None or other is None or one == other:
        return one == other
    from insarfeat.georeference import parse_crs

    return bool(parse_crs(one).equals(parse_crs(other), ignore_axis_order=True))


def _named(crs: str | None) -> str:
    if crs is None:
        return "none"
    from insarfeat.georeference import parse_crs

    return str(parse_crs(crs).name)


def _common(abouts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all say; where they differ, all that is said, as text."""
    merged: dict[str, Any] = {}
    for name in dict.fromkeys(name for about in abouts for name in about):
        said: list[Any] = []
        for about in abouts:
            if name in about and about[name] not in said:
                said.append(about[name])
        if name == "pairs":
            listed = [list(pair) for pairs in said for pair in pairs]
            merged[name] = [pair for number, pair in enumerate(listed) if pair not in listed[:number]]
        else:
            merged[name] = said[0] if len(said) == 1 else ", ".join(map(str, said))
    return merged
