"""Vector files of results: of several layers the one that the file is about."""

from __future__ import annotations

from pathlib import Path

from insarfeat.errors import InvalidArgument
from insarfeat.inventory.written import WrittenLayer, read_written

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
    return _read_layer(file, main[0])


def _polygon_layers(file: Path) -> list[str]:
    """Names of the layers that may hold polygons; none of a file that cannot be read, which is told elsewhere."""
    if file.suffix.lower() != ".gpkg" or not file.exists():
        return []
    try:
        from pyogrio import list_layers
        from pyogrio.errors import DataSourceError
    except ImportError:
        return []
    from insarfeat.inventory.vectors import _WITHOUT_INSIDE

    try:
        listed = list_layers(file)
    except DataSourceError:
        return []
    return [
        str(name)
        for name, kind in listed
        if kind is not None and not any(word in str(kind).lower() for word in _WITHOUT_INSIDE)
    ]


def _read_layer(file: Path, layer: str) -> WrittenLayer:
    from pyogrio import read_info

    from insarfeat.inventory._attributes import of_text
    from insarfeat.inventory.vectors import _from_ogr

    features, crs = _from_ogr(file, layer)
    known = read_info(file, layer=layer)
    names = tuple(str(name) for name in known["fields"])
    told = {name: of_text(text) for name, text in (known["layer_metadata"] or {}).items()}
    return WrittenLayer(tuple(features), names, crs, told)
