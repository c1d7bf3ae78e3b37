"""GeoPackages of several layers, with styles that QGIS takes up and tables of notes beside them."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from insarfeat.errors import InvalidArgument, UnreadableInput, WriteFailed, check_exists
from insarfeat.inventory.written import _check_place, _Layer, _write_geopackage

_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
    f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
)
"""
_AS_ATTRIBUTES = """
INSERT INTO gpkg_contents (table_name, data_type, identifier, description) VALUES (?, 'attributes', ?, '')
"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A layer of a GeoPackage.

    Attributes
    ----------
    features
        As for :func:`insarfeat.inventory.write_polygons`. May be empty if its member ``columns`` names columns.
    style
        QML, which QGIS takes up when it opens the layer; empty for none.
    """

    features: Any
    style: str = ""


@dataclass(frozen=True, slots=True)
class Notes:
    """A table without geometry: names of its columns, all of text, and rows."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str | None]]


def write_sheets(
    sheets: Mapping[str, Sheet],
    path: str | os.PathLike[str],
    *,
    crs: Any = None,
    notes: Mapping[str, Notes] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write several layers of polygons, and tables, to one GeoPackage, which appears when it is whole.

    Parameters
    ----------
    sheets
        Layers by name.
    path
        A .gpkg.
    crs
        Of the coordinates; None takes the polygons' own.
    notes
        Tables by name.
    overwrite
        Replace a file that exists, with all that is in it.

    References
    ----------
    OGC 12-128r18 (2021): GeoPackage Encoding Standard. The table of styles is QGIS's own (layer_styles).
    """
    file = Path(path)
    if file.suffix.lower() != ".gpkg":
        raise InvalidArgument(f"path is {str(path)!r}; it must end in .gpkg")
    if not sheets:
        raise InvalidArgument("sheets is empty; give at least one layer")
    layers = {name: _Layer.of(sheet.features, crs) for name, sheet in sheets.items()}
    for name, layer in layers.items():
        layer.check_names(".gpkg")
        if layer.crs is None:
            raise InvalidArgument(f"features of {name} carry no CRS; pass crs=, as in crs='EPSG:32632'")
    _check_place(file, overwrite=overwrite)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
        temporary = Path(folder, file.name)
        try:
            for name, layer in layers.items():
                _write_geopackage(layer, temporary, name)
            with closing(sqlite3.connect(temporary)) as database:
                _add_styles(database, {name: sheet.style for name, sheet in sheets.items() if sheet.style})
                for name, table in (notes or {}).items():
                    _add_notes(database, name, table)
                database.commit()
            with temporary.open("rb") as whole:
                os.fsync(whole.fileno())
            temporary.replace(file)
        except (OSError, RuntimeError, sqlite3.Error) as error:
            raise WriteFailed(
                f"{file} could not be written: {error}; what stood there before is untouched"
            ) from error
    return file


def read_notes(path: str | os.PathLike[str], name: str) -> Notes | None:
    """A table of :func:`write_sheets`; None where the file has none of that name."""
    file = Path(path)
    check_exists(file)
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            known = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if (name,) not in known:
                return None
            found = database.execute(f'SELECT * FROM "{name}" ORDER BY fid')
            columns = tuple(column[0] for column in found.description)
            return Notes(columns[1:], [row[1:] for row in found.fetchall()])
    except sqlite3.Error as error:
        raise UnreadableInput(f"{file} is no GeoPackage: {error}") from error


def layers_in(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Names of the layers with polygons."""
    file = Path(path)
    check_exists(file)
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            rows: Iterable[tuple[str]] = database.execute(
                "SELECT table_name FROM gpkg_contents WHERE data_type = 'features' ORDER BY table_name"
            )
            return tuple(name for (name,) in rows)
    except sqlite3.Error as error:
        raise UnreadableInput(f"{file} is no GeoPackage: {error}") from error


def _add_styles(database: sqlite3.Connection, styles: Mapping[str, str]) -> None:
    if not styles:
        return
    database.execute(_STYLES)
    for name, qml in styles.items():
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner) "
            "VALUES ('', '', ?, 'geom', ?, ?, '', 1, 'insarfeat', '')",
            (name, name, qml),
        )
    database.execute(_AS_ATTRIBUTES, ("layer_styles", "layer_styles"))


def _add_notes(database: sqlite3.Connection, name: str, table: Notes) -> None:
    columns = ", ".join(f'"{column}" TEXT' for column in table.columns)
    database.execute(f'CREATE TABLE "{name}" (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, {columns})')
    database.execute(_AS_ATTRIBUTES, (name, name))
    places = ", ".join("?" * len(table.columns))
    named = ", ".join(f'"{column}"' for column in table.columns)
    database.executemany(f'INSERT INTO "{name}" ({named}) VALUES ({places})', table.rows)
