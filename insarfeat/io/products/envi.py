"""Headers of ENVI rasters: how the numbers lie, where on a map, and what is nodata."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from insarfeat.errors import UnreadableInput
from insarfeat.io.products.flat import Interleave, Layout
from insarfeat.io.products.flat_headers import Fields, MapFrame, begins_with, crs_text, header_text

_TYPES = {
    1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 6: "c8", 9: "c16", 12: "u2", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_INTERLEAVES: dict[str, Interleave] = {"bsq": "BSQ", "bil": "BIL", "bip": "BIP"}


@dataclass(frozen=True, slots=True)
class EnviHeader:
    """What an ENVI header tells."""

    name: str
    layout: Layout
    frame: MapFrame | None
    nodata: tuple[float, ...]


def is_envi(path: Path) -> bool:
    """Whether a file begins as ENVI headers do."""
    return begins_with(path, b"ENVI", within=16)


def read_header(path: Path) -> EnviHeader:
    """Read an ENVI header.

    Reference: NV5 Geospatial, ENVI header files. Types 6 and 9 are complex; byte order 1 is big-endian; the map's
    reference pixel counts from 1 at the outer corner of the first pixel, so that 1.5 is its centre.
    """
    text = header_text(path)
    if not text.lstrip("\ufeff \r\n\t").startswith("ENVI"):
        raise UnreadableInput(f"{path.name} is no ENVI header: its first word is not ENVI")
    fields = Fields(path.name, _entries(text))
    if fields.whole("file compression", default=0):
        raise UnreadableInput(
            f"{path.name}: compressed ENVI rasters are not supported: export it uncompressed"
        )
    height, width = fields.count("lines"), fields.count("samples")
    frame = _frame(fields)
    ignored = (fields.number("data ignore value"),) if _is_number(fields, "data ignore value") else ()
    interleave = fields.word("interleave").lower() if "interleave" in fields else "bsq"
    if interleave not in _INTERLEAVES:
        raise UnreadableInput(f"{path.name}: interleave cannot be {interleave!r}; it is bsq, bil or bip")
    bands = fields.count("bands") if "bands" in fields else 1
    skipped = fields.whole("header offset", "headeroffset", default=0)
    if skipped < 0:
        raise UnreadableInput(f"{path.name}: header offset cannot be {skipped}")
    layout = Layout(height, width, _dtype(fields), bands, _INTERLEAVES[interleave], skipped)
    return EnviHeader(path.name, layout, frame, ignored)


def _entries(text: str) -> dict[str, str]:
    """Values by their names; what stands in braces may go on over several lines."""
    entries: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals:
            continue
        parts = [value]
        while "{" in parts[0] and "}" not in parts[-1]:
            if (more := next(lines, None)) is None:
                break
            parts.append(more)
        entries[" ".join(key.lower().split())] = " ".join(parts).strip().strip("{}").strip()
    return entries


def _dtype(fields: Fields) -> str:
    code, order = fields.whole("data type"), fields.whole("byte order")
    if code not in _TYPES:
        raise UnreadableInput(f"{fields.name}: data type {code} is none that ENVI has")
    if order not in (0, 1):
        raise UnreadableInput(
            f"{fields.name}: byte order must be 0 (little-endian) or 1 (big); it is {order}"
        )
    return ("<", ">")[order] + _TYPES[code]


def _is_number(fields: Fields, key: str) -> bool:
    return key in fields and fields.word(key).lower().strip("+-") not in (
        "nan",
        "inf",
        "infinity",
        "-nan(ind)",
    )


def _frame(fields: Fields) -> MapFrame | None:
    if "map info" not in fields:
        return None
    parts = [part.strip() for part in fields.word("map info").split(",")]
    named = dict(part.lower().split("=", 1) for part in parts if "=" in part)
    plain = [part for part in parts if "=" not in part]
    names = ("reference x", "reference y", "easting", "northing", "pixel x", "pixel y")
    info = Fields(f"{fields.name}: map info", dict(zip(names, plain[1:], strict=False)))
    x, y, east, north, step_x, step_y = (info.number(name) for name in names)
    if Fields(info.name, named).number("rotation", default=0.0):
        raise UnreadableInput(f"{fields.name} lies on a rotated grid, which is not supported: warp it first")
    if "arbitrary" in plain[0].lower() or "pixel" in plain[0].lower():
        return None
    wkt = crs_text(_crs(fields, plain), fields.name)
    return MapFrame(east - (x - 1) * step_x, north + (y - 1) * step_y, step_x, -step_y, wkt)


def _crs(fields: Fields, parts: list[str]) -> str:
    """The coordinate system string, or what the map info names: longitudes and latitudes, or UTM, on WGS 84."""
    if "coordinate system string" in fields:
        return fields.word("coordinate system string")
    projection, rest = parts[0].lower(), [part.lower() for part in parts[7:]]
    if re.search(r"wgs[-_ ]?(19)?84", " ".join(rest)):
        if projection.startswith("geographic"):
            return "EPSG:4326"
        if projection == "utm" and len(rest) > 1 and rest[0].isdigit() and 1 <= int(rest[0]) <= 60:
            return f"EPSG:{(327 if rest[1].startswith('s') else 326)}{int(rest[0]):02d}"
    raise UnreadableInput(
        f"{fields.name}: the map info names {parts[0]!r} on {', '.join(parts[7:]) or 'no datum'}, which is not known "
        "without a coordinate system string"
    )
