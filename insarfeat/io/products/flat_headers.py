"""Headers of flat rasters: named values of a text or XML file, and how to say what is wrong with one."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from insarfeat.errors import InsarfeatError, MissingInput, UnreadableInput
from insarfeat.georeference import GRID_MAPPING, parse_crs

_LONGEST = 64 << 20  # bytes; the metadata of SNAP's stacks come to some ten million
_MOST_PIXELS = 1 << 31  # along one axis; a larger number is damage, whatever the file's length
SPEED_OF_LIGHT = 299_792_458.0


@dataclass(frozen=True, slots=True)
class Fields:
    """Named values of a header; names are compared without case.

    >>> Fields("dem_par", {"width": "16 pixels"}).count("width")
    16
    """

    name: str
    values: Mapping[str, str]

    def __contains__(self, key: str) -> bool:
        return bool(self.values.get(key.lower(), "").strip())

    def word(self, *keys: str) -> str:
        """The value of the first of some names that is there."""
        for key in keys:
            if key in self:
                return self.values[key.lower()].strip()
        raise UnreadableInput(f"{self.name} has no value for {' or '.join(keys)}; is it whole?")

    def switch(self, key: str) -> bool:
        """Whether it is "true"; else it must be "false"."""
        text = self.word(key).lower()
        if text not in ("true", "false"):
            raise UnreadableInput(f"{self.name}: {key} must be true or false; it is {_short(text)!r}")
        return text == "true"

    def count(self, *keys: str) -> int:
        """A number of lines, pixels or bands, at least 1."""
        found = self.whole(*keys)
        if not 1 <= found < _MOST_PIXELS:
            raise UnreadableInput(f"{self.name}: {keys[0]} cannot be {found}")
        return found

    def whole(self, *keys: str, default: int | None = None) -> int:
        """A whole number; units after it do not matter."""
        found = self.number(*keys, default=default)
        if found != int(found):
            raise UnreadableInput(f"{self.name}: {keys[0]} must be a whole number; it is {found}")
        return int(found)

    def number(self, *keys: str, default: float | None = None) -> float:
        """A finite number; units after it do not matter."""
        if default is not None and not any(key in self for key in keys):
            return default
        text = self.word(*keys)
        try:
            found = float(text.split()[0].replace("_", "?"))  # which Python would take for a mere separator
        except ValueError as error:
            raise UnreadableInput(f"{self.name}: {keys[0]} cannot be {_short(text)!r}") from error
        if not math.isfinite(found):
            raise UnreadableInput(f"{self.name}: {keys[0]} cannot be {_short(text)!r}")
        return found


@dataclass(frozen=True, slots=True)
class MapFrame:
    """Where the pixels of a map lie: outer corner of the first one, and steps to the next."""

    left: float
    top: float
    step_x: float
    step_y: float
    crs_wkt: str

    def coords(self, height: int, width: int, name: str) -> dict[str, xr.DataArray]:
        """Coordinates of the pixel centres, and the CRS."""
        numbers = (self.left, self.top, self.step_x, self.step_y)
        if not all(map(math.isfinite, numbers)) or not (self.step_x and self.step_y):
            raise UnreadableInput(
                f"{name}: a map cannot begin at x = {self.left}, y = {self.top} with pixels of {self.step_x} x "
                f"{self.step_y}"
            )
        y = self.top + self.step_y * (np.arange(height) + 0.5)
        x = self.left + self.step_x * (np.arange(width) + 0.5)
        wkt = {"crs_wkt": self.crs_wkt, "spatial_ref": self.crs_wkt}
        return {
            "y": xr.DataArray(y, dims="y"),
            "x": xr.DataArray(x, dims="x"),
            GRID_MAPPING: xr.DataArray(np.int32(0), attrs=wkt),
        }


def crs_text(text: str, name: str) -> str:
    """A CRS as WKT, the authority's own where it is known; one that cannot be read is told."""
    try:
        crs = parse_crs(text)
        geographic = parse_crs("EPSG:4326")
        same = crs.equals(geographic, ignore_axis_order=True)  # as SNAP's "WGS84(DD)", which has no code
        code = 4326 if same else crs.to_epsg()
        return str((crs if code is None else parse_crs(f"EPSG:{code}")).to_wkt())
    except InsarfeatError as error:
        raise UnreadableInput(f"{name}: {error}") from error


def header_bytes(path: Path) -> bytes:
    """A header, which must be there, be no folder, and have a header's size."""
    if not path.is_file():
        raise MissingInput(f"{path.name} is missing in {path.parent.name or path.parent}")
    length = path.stat().st_size
    if not 0 < length <= _LONGEST:
        raise UnreadableInput(f"{path.name} has {length} bytes, which no header has")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableInput(f"{path.name} cannot be read: {error.strerror}") from error


def header_text(path: Path) -> str:
    """The text of a header; characters that are none are marked, so that they are in no number."""
    return header_bytes(path).decode("utf-8", "replace")


def xml_root(path: Path, tag: str) -> ElementTree.Element:
    """The root element of an XML header."""
    text = header_bytes(path).lstrip()  # SARscape begins with an empty line, which XML does not allow
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the latter: a false encoding
        raise UnreadableInput(f"{path.name} is not readable XML, or cut short: {error}") from error
    if root.tag.rpartition("}")[2] != tag:
        raise UnreadableInput(f"{path.name} holds <{_short(root.tag)}>, not <{tag}>")
    return root


def children_of(name: str, element: ElementTree.Element) -> Fields:
    """The texts of an element's children, by their tags."""
    return Fields(name, {child.tag.rpartition("}")[2].lower(): child.text or "" for child in element})


def begins_with(path: Path, *words: bytes, within: int = 4096) -> bool:
    """Whether a file's first bytes hold one of some words; False for what cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            found = file.read(within)
    except OSError:
        return False
    return any(word in found for word in words)


def listed(folder: Path) -> list[Path]:
    """What is in a folder, in order; nothing where that cannot be told."""
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return []


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
