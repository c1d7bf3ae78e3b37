"""Vector files of results: of several layers the one that the file is about."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from insarfeat.errors import InvalidArgument
from insarfeat.inventory.written import WrittenLayer, polygon_layers, read_written

_MAIN = ("places", "labels", "candidates", "detections")
"""What the package's own files of several layers are about."""


def read_main_layer(file: Path) -> WrittenLayer:
    """Read a .gpkg or .geojson; of several layers of polygons the main one of the package's own files."""
    several = _polygon_layers(file)
    if len(several) <= 1:
        return read_written(file)
    main = [name for name in _MAIN if name in several]
    if not main:
        raise InvalidArgument(
            f"{file.name} has {len(several)} layers of polygons ({', '.join(several)}), and nothing tells which is "
            "meant; save that one to a file of its own (in QGIS: Export, Save Features As), and report that file"
        )
    return read_written(file, layer=main[0])


def _polygon_layers(file: Path) -> list[str]:
    """Names of the layers of polygons; none of what cannot be read, which is told when that is tried."""
    if file.suffix.lower() != ".gpkg" or not file.exists() or importlib.util.find_spec("pyogrio") is None:
        return []
    from pyogrio.errors import DataSourceError

    try:
        return polygon_layers(file)
    except DataSourceError:
        return []
