"""Headers of ISCE2's rasters: an XML of properties, else a VRT over the raw numbers, else an ENVI header."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

from insarfeat.errors import MissingInput, UnreadableInput
from insarfeat.io.products.envi import read_header
from insarfeat.io.products.flat import Interleave, Layout
from insarfeat.io.products.flat_headers import Fields, begins_with, xml_root

_TYPES = {
    "byte": "u1", "char": "u1", "short": "i2", "int": "i4", "long": "i8", "float": "f4", "double": "f8",
    "cfloat": "c8", "cdouble": "c16",
}  # fmt: skip
_VRT_TYPES = {
    "byte": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8",
    "cfloat32": "c8", "cfloat64": "c16",
}  # fmt: skip
_SCHEMES: tuple[Interleave, ...] = ("BSQ", "BIL", "BIP")


def is_described(path: Path) -> bool:
    """Whether a raster has a header of ISCE2."""
    xml, vrt = (path.with_name(path.name + suffix) for suffix in (".xml", ".vrt"))
    return begins_with(xml, b"<imageFile") or begins_with(vrt, b"<VRTDataset")


def read_layout(path: Path) -> Layout:
    """How the numbers of a raster lie, from whichever header it has."""
    xml, vrt, hdr = (path.with_name(path.name + suffix) for suffix in (".xml", ".vrt", ".hdr"))
    if xml.is_file():
        return _from_xml(properties(xml, "imageFile"))
    if hdr.is_file():  # before the VRT, which is then one over a file with a header of its own
        return read_header(hdr).layout
    if vrt.is_file():
        return _from_vrt(vrt, path)
    raise MissingInput(
        f"{path.name} has no header: {xml.name} and {vrt.name} are missing in {path.parent.name}"
    )


def properties(path: Path, tag: str, *, deep: bool = False) -> Fields:
    """The properties of an XML file by name: those of the root, or the first of each name at any depth."""
    root = xml_root(path, tag)
    found: dict[str, str] = {}
    for one in root.iter("property") if deep else root.findall("property"):
        found.setdefault(one.get("name", "").lower(), (one.findtext("value") or "").strip("'\" \n"))
    return Fields(path.name, found)


def _from_xml(fields: Fields) -> Layout:
    scheme = fields.word("scheme").upper()
    stored, order = fields.word("data_type").lower(), fields.word("byte_order").lower()[:1]
    if scheme not in _SCHEMES:
        raise UnreadableInput(f"{fields.name}: scheme cannot be {scheme!r}; it is BSQ, BIL or BIP")
    if stored not in _TYPES or order not in ("l", "b"):
        raise UnreadableInput(
            f"{fields.name}: data_type {stored!r} with byte_order {order!r} is nothing that is known"
        )
    dtype = {"l": "<", "b": ">"}[order] + _TYPES[stored]
    interleave = _SCHEMES[_SCHEMES.index(scheme)]
    return Layout(
        fields.count("length"), fields.count("width"), dtype, fields.count("number_bands"), interleave
    )


def _from_vrt(path: Path, raster: Path) -> Layout:
    root = xml_root(path, "VRTDataset")
    bands = root.findall("VRTRasterBand")
    raw = [band for band in bands if band.get("subClass") == "VRTRawRasterBand"]
    if not bands or len(raw) != len(bands):
        raise UnreadableInput(
            f"{raster.name} is virtual: {path.name} stitches it from bursts. Write it to disk first: run topsStack "
            "without --virtual_merge, or use gdal_translate -of ENVI"
        )
    size = Fields(path.name, {key.lower(): value for key, value in root.attrib.items()})
    height, width = size.count("rasterYSize"), size.count("rasterXSize")
    parts = [_raw_band(path.name, band) for band in raw]
    itemsize = np.dtype(parts[0][3]).itemsize
    for interleave in _SCHEMES:
        layout = Layout(height, width, parts[0][3], len(parts), interleave, parts[0][0])
        if parts == [(*_strides(layout, band, itemsize), layout.dtype) for band in range(len(parts))]:
            return layout
    raise UnreadableInput(f"{path.name}: its offsets are those of no interleaving")


def _raw_band(name: str, band: ElementTree.Element) -> tuple[int, int, int, str]:
    fields = Fields(name, {child.tag.lower(): child.text or "" for child in band})
    stored = band.get("dataType", "").lower()
    if stored not in _VRT_TYPES:
        raise UnreadableInput(f"{name}: dataType {stored!r} is nothing that is known")
    order = fields.word("ByteOrder").upper() if "ByteOrder" in fields else "LSB"
    if order not in ("LSB", "MSB"):
        raise UnreadableInput(f"{name}: ByteOrder cannot be {order!r}; it is LSB or MSB")
    offsets = (
        fields.whole("ImageOffset", default=0),
        fields.whole("PixelOffset"),
        fields.whole("LineOffset"),
    )
    return (*offsets, ("<" if order == "LSB" else ">") + _VRT_TYPES[stored])


def _strides(layout: Layout, band: int, itemsize: int) -> tuple[int, int, int]:
    """Where a band begins, and the bytes to the next pixel and line."""
    row = layout.width * itemsize
    if layout.interleave == "BSQ":
        return layout.header + band * layout.height * row, itemsize, row
    if layout.interleave == "BIL":
        return layout.header + band * row, itemsize, row * layout.bands
    return layout.header + band * itemsize, itemsize * layout.bands, row * layout.bands
